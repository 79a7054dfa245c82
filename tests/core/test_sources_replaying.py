"""What a replay may replace: nothing that the source itself said since, and by hand nothing that it said."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from factories import NOW, SYSTEM
from sources_scene import World, parts, rows_of, send, world
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.measurements.models import Measurement
from vdept.sources import pushing, registering, rejected
from vdept.sources.models import RejectedReading, RejectedState
from vdept.sources.receiving import Given
from vdept.sources.rejected import Fix, Replayed


@pytest.fixture
async def w(db: Database) -> World:
    async with db.begin(SYSTEM, now=NOW) as tx:
        return await world(tx)


async def replay(db: Database, w: World, *fixes: tuple[int, Mapping[str, Any]]) -> Replayed:
    rows = await rows_of(db, RejectedReading)
    async with db.begin(w.coordinator, now=NOW) as tx:
        return await rejected.replay(tx, [Fix(rows[place].id, changes) for place, changes in fixes])


async def replay_all(db: Database, w: World) -> Replayed:
    async with db.begin(w.coordinator, now=NOW) as tx:
        return await rejected.replay_all(tx, w.source.id)


async def standing(db: Database) -> Measurement:
    rows = await rows_of(db, Measurement)
    corrected = {row.supersedes_id for row in rows}
    (last,) = (row for row in rows if row.id not in corrected)
    found: Measurement = last
    return found


async def measure_both(db: Database, w: World) -> None:
    """The source is registered for the third indicator, too."""
    async with db.begin(w.coordinator, now=NOW) as tx:
        await registering.set_source_indicators(tx, w.source.id, [w.ratio.id, w.plain.id, w.foreign.id])


def of_the_third(value: str) -> Given:
    """A row of an indicator that the source is not registered for yet."""
    return Given("46", "CS-3", "2026-01-31", value=value)


async def test_nobody_types_over_what_the_source_said(db: Database, w: World) -> None:
    await send(db, w, parts())
    await send(db, w, parts("99", numerator="90"))
    got = await replay(db, w, (0, {"unitCode": "46"}))
    assert (got.recorded, [(row, why.code) for row, why in got.rejections]) == (0, [(1, "READING_STANDS")])
    assert "17" in got.rejections[0][1].params["value"]
    assert ((await standing(db)).value, (await standing(db)).put_right) == (Decimal(17), False)
    (row,) = await rows_of(db, RejectedReading)
    assert (row.state, row.put_right, row.code) == (RejectedState.OPEN, True, "READING_STANDS")


async def test_what_was_put_right_says_so_and_the_sources_next_word_replaces_it(
    db: Database, w: World
) -> None:
    await send(db, w, parts(numerator="1700"), parts("99", as_of="2026-01-31"))
    await replay(db, w, (0, {"numerator": "17"}))
    assert ((await standing(db)).value, (await standing(db)).put_right) == (Decimal(17), True)
    await send(db, w, parts(numerator="18"))
    assert ((await standing(db)).value, (await standing(db)).put_right) == (Decimal(18), False)


async def test_what_was_put_right_and_failed_is_not_as_it_came_when_it_is_replayed_again(
    db: Database, w: World
) -> None:
    await send(
        db, w, Given("46", "CS-3", "2026-01-31", value="7"), of_the_third("8")._replace(as_of="2026-02")
    )
    await replay(db, w, (0, {"value": "700"}))
    await measure_both(db, w)
    assert (await replay_all(db, w)).recorded == 2
    typed, sent = await rows_of(db, Measurement)
    typed, sent = sorted((typed, sent), key=lambda row: row.as_of)
    assert [(row.value, row.put_right) for row in (typed, sent)] == [(700, True), (8, False)]


async def test_of_rows_for_the_same_day_the_last_word_of_the_source_counts(db: Database, w: World) -> None:
    for value in ("1", "2", "3"):
        await send(db, w, of_the_third(value))
    await measure_both(db, w)
    got = await replay_all(db, w)
    assert (got.recorded, got.rejected) == (1, 2)
    assert [(row, why.code, why.params["first"]) for row, why in got.rejections] == [
        (1, "READING_DUPLICATE", 3),
        (2, "READING_DUPLICATE", 3),
    ]
    assert ((await standing(db)).value, (await standing(db)).put_right) == (Decimal(3), False)
    again = await replay_all(db, w)
    assert [why.code for _, why in again.rejections] == ["READING_DUPLICATE", "READING_STANDS"]
    assert (await standing(db)).value == 3


async def test_a_row_does_not_replace_what_came_in_after_it_or_with_it(db: Database, w: World) -> None:
    await send(db, w, of_the_third("1"))
    await measure_both(db, w)
    await send(db, w, of_the_third("5"), of_the_third("6"))
    got = await replay_all(db, w)
    assert (got.recorded, [why.code for _, why in got.rejections]) == (
        0,
        ["READING_DUPLICATE", "READING_STANDS"],
    )
    assert (await standing(db)).value == 5


async def test_a_row_as_it_came_replaces_what_came_in_before_it(db: Database, w: World) -> None:
    await measure_both(db, w)
    await send(db, w, of_the_third("1"))
    async with db.begin(w.coordinator, now=NOW) as tx:
        await registering.set_source_indicators(tx, w.source.id, [w.ratio.id, w.plain.id])
    await send(db, w, of_the_third("2"))
    await send(db, w, of_the_third("3"))
    await measure_both(db, w)
    assert (await replay(db, w, (0, {}))).recorded == 1
    assert (await standing(db)).value == 2
    assert (await replay(db, w, (1, {}))).recorded == 1, "a replayed value is as old as what came in"
    assert (await standing(db)).value == 3


async def test_replayed_twice_at_once_it_counts_once(db: Database, w: World) -> None:
    await send(db, w, of_the_third("1"), of_the_third("2")._replace(as_of="2026-02"))
    await measure_both(db, w)
    got = await asyncio.gather(
        replay(db, w, (0, {}), (1, {})),
        replay(db, w, (1, {}), (0, {})),
        replay_all(db, w),
        return_exceptions=True,
    )
    assert sum(one.recorded for one in got if isinstance(one, Replayed)) == 2
    assert {one.code for one in got if isinstance(one, Refused)} <= {"REJECTED_ALREADY_RESOLVED"}
    assert len(await rows_of(db, Measurement)) == 2


async def test_a_unit_of_measure_and_a_remark_can_be_put_right(db: Database, w: World) -> None:
    row = Given("46", "CS-2", "2026-02-28", value="5", unit_of_measure="%", note="x" * 2_001)
    await send(db, w, row)
    got = await replay(db, w, (0, {"unitOfMeasure": None, "note": "đã đối chiếu"}))
    assert (got.recorded, (await standing(db)).note) == (1, "đã đối chiếu")


async def test_a_closed_source_replays_nothing_and_its_rows_can_be_set_aside(db: Database, w: World) -> None:
    await send(db, w, parts("99"))
    async with db.begin(w.coordinator, now=NOW) as tx:
        await registering.close_source(tx, w.source.id, "Thay hệ thống")
    for act in (replay(db, w, (0, {"unitCode": "46"})), replay_all(db, w)):
        with pytest.raises(Refused, match="SOURCE_CLOSED"):
            await act
    (row,) = await rows_of(db, RejectedReading)
    async with db.begin(w.coordinator, now=NOW) as tx:
        assert await rejected.dismiss(tx, [row.id], "Nguồn đã đóng") == [row.id]


def test_two_pushes_that_differ_have_two_hashes_however_late_they_differ() -> None:
    long = "x" * 5_000
    rows = [
        Given("46", "CS-1", "2026-01-31", value="1", note=long + tail, raw=raw)
        for tail, raw in (("", None), ("a", None), ("b", None), ("đ", None))
    ]
    rows += [
        Given(None, 7, "2026-01-31", value="1", raw={"unitId": unit, "indicatorId": "SW5kaWNhdG9yOjc"})
        for unit in ("eA==", "eQ==")
    ]
    hashes = {pushing.document_of([row]).sha256 for row in rows}
    assert len(hashes) == len(rows)
