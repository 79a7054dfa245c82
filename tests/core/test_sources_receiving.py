"""What a source sends: recorded, unchanged or rejected, row by row, and nothing lost or written twice."""

import asyncio
from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from sources_scene import SHA, World, parts, rows_of, send, world
from statements import counting
from vdept.kernel.activity import Activity
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.measurements.models import Measurement
from vdept.notifications.models import Notification
from vdept.sources.errors import SOURCE_PAUSED
from vdept.sources.models import Intake, IntakeState, Reach, RejectedReading
from vdept.sources.receiving import Document, Given, failed, receive
from vdept.targets.models import Basis, OutcomeChange


@pytest.fixture
async def w(db: Database) -> World:
    async with db.begin(SYSTEM, now=NOW) as tx:
        return await world(tx)


async def test_a_delivery_is_kept_with_its_values_its_change_rows_and_one_activity(
    db: Database, w: World
) -> None:
    async with db.begin(w.client, now=NOW) as tx:
        with counting(db) as sent:
            rows = [parts(), Given(w.commune.id, w.plain.id, date(2026, 1, 31), value=Decimal("12.5"))]
            got = await receive(tx, w.source, Document(rows, SHA, 7), client_id=9)
        assert len(sent) == 2
        assert tx.rung == {"outcomes"}
    assert (got.rows, got.recorded, got.unchanged, got.rejected) == (2, 2, 0, 0)
    (intake,) = await rows_of(db, Intake)
    assert intake.id == got.intake_id
    assert (intake.state, intake.sha256, intake.size, intake.client_id) == (IntakeState.RECEIVED, SHA, 7, 9)
    assert (intake.rows, intake.recorded, intake.received_at) == (2, 2, NOW)
    first, second = await rows_of(db, Measurement)
    assert (first.unit_id, first.basis, first.value) == (w.province.id, Basis.MEASURED, Decimal(17))
    assert (first.source, first.source_id, first.intake_id) == ("Một cửa", w.source.id, intake.id)
    assert (second.unit_id, second.value, second.numerator) == (w.commune.id, Decimal("12.5"), None)
    (said,) = await rows_of(db, Activity)
    assert (said.verb, said.subject_id, said.client_id) == ("readings.received", intake.id, 9)
    assert said.data["recorded"] == 2
    async with db.snapshot(SYSTEM) as tx:
        changed = (await tx.session.execute(sa.select(OutcomeChange.target_id))).scalars().all()
    assert changed == [w.target.id]


async def test_the_same_value_again_is_unchanged_and_another_one_supersedes_it(
    db: Database, w: World
) -> None:
    await send(db, w, parts())
    again = await send(db, w, parts(numerator="17.000", denominator="100"))
    assert (again.recorded, again.unchanged) == (0, 1)
    other = await send(db, w, parts(numerator="18"))
    assert (other.recorded, other.unchanged) == (1, 0)
    back = await send(db, w, parts())
    assert (back.recorded, back.unchanged) == (1, 0)
    first, second, third = await rows_of(db, Measurement)
    assert [one.supersedes_id for one in (first, second, third)] == [None, first.id, second.id]
    assert [one.value for one in (first, second, third)] == [17, 18, 17]


async def test_another_source_does_not_supersede_and_late_values_come_in_any_order(
    db: Database, w: World
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        second = await make.source(tx, w.province, w.ratio, name="Thống kê")
    await send(db, w, parts(as_of="2026-02-28"))
    await send(db, w, parts(as_of="2026-01-31"), parts(as_of="2025-12-31"))
    async with db.begin(w.client, now=NOW) as tx:
        await receive(tx, second, Document([parts(numerator="20")], SHA, 1))
    again = await send(db, w, parts())
    assert (again.recorded, again.unchanged) == (0, 1)
    assert [one.supersedes_id for one in await rows_of(db, Measurement)] == [None] * 4


async def test_good_rows_are_kept_and_every_bad_one_has_its_reason(db: Database, w: World) -> None:
    got = await send(
        db,
        w,
        parts(),
        Given("99", "CS-1", "2026-02-28", raw={"dòng": 7}),
        Given("46", "CS-9", "2026-02-28", value="1"),
        Given("46", "CS-3", "2026-02-28", value="1"),
        Given("48", "CS-2", "2026-02-28", value="1"),
        Given(w.firm.id, "CS-2", "2026-02-28", value="1"),
        parts(as_of="2026-03-03"),
        parts(as_of="1900-01-01"),
        parts(as_of="hôm qua"),
        Given("46", "CS-2", "2026-02-28", value="NaN"),
        Given("46", "CS-2", "2026-02-28", value=Decimal("Infinity")),
        Given("46", "CS-2", "2026-02-28", value="1e3"),
        Given("46", "CS-2", "2026-02-28", value="0.1234567"),
        Given("46", "CS-1", "2026-01-31", value="17"),
        parts(numerator="101", as_of="2026-01-31"),
        Given("46", "CS-2", "2026-02-28", value="1", unit_of_measure="%"),
        parts(numerator="19"),
        Given("46", "CS-2", "2026-02-28", value=" 5 ", unit_of_measure=" HỒ SƠ "),
    )
    assert (got.rows, got.recorded, got.rejected) == (18, 2, 16)
    assert [(row, refused.code, refused.path) for row, refused, _ in got.rejections] == [
        (2, "READING_UNIT_UNKNOWN", ("unitCode",)),
        (3, "READING_INDICATOR_UNKNOWN", ("indicatorCode",)),
        (4, "READING_INDICATOR_NOT_MEASURED", ("indicatorCode",)),
        (5, "READING_OUT_OF_REACH", ("unitCode",)),
        (6, "READING_OUT_OF_REACH", ("unitId",)),
        (7, "AS_OF_IN_FUTURE", ("asOf",)),
        (8, "AS_OF_TOO_OLD", ("asOf",)),
        (9, "READING_DATE_INVALID", ("asOf",)),
        (10, "READING_NOT_A_NUMBER", ("value",)),
        (11, "READING_NOT_A_NUMBER", ("value",)),
        (12, "READING_NOT_A_NUMBER", ("value",)),
        (13, "QUANTITY_INVALID", ("value",)),
        (14, "RATIO_NEEDS_PARTS", ("value",)),
        (15, "NUMERATOR_ABOVE_DENOMINATOR", ("numerator",)),
        (16, "READING_UNIT_OF_MEASURE", ("unitOfMeasure",)),
        (17, "READING_DUPLICATE", ()),
    ]
    kept = await rows_of(db, RejectedReading)
    assert [(one.row, one.code) for one in kept] == [(row, why.code) for row, why, _ in got.rejections]
    assert (kept[0].raw, kept[0].given["unitCode"], kept[0].as_of) == ({"dòng": 7}, "99", date(2026, 2, 28))
    assert (kept[-1].raw, kept[-1].given["numerator"]) == (None, "19")
    assert {one.unit_id for one in kept} == {w.province.id}


async def test_the_coordinators_are_told_of_rejections_once_a_day(db: Database, w: World) -> None:
    await send(db, w, parts())
    assert await rows_of(db, Notification) == []
    for _ in range(2):
        await send(db, w, parts("99"), parts("98"))
    (told,) = await rows_of(db, Notification)
    assert (told.person_id, told.kind, told.subject_id) == (
        w.coordinator.person_id,
        "READINGS_REJECTED",
        w.source.id,
    )
    assert told.data == {"title": "Một cửa", "unit": "Huế", "count": 2}


async def test_a_dry_run_says_the_same_and_writes_nothing(db: Database, w: World) -> None:
    await send(db, w, parts())
    rows = (parts(), parts(as_of="2026-01-31"), parts("99"))
    got = await send(db, w, *rows, dry_run=True)
    assert (got.intake_id, got.recorded, got.unchanged, got.rejected) == (None, 1, 1, 1)
    assert len(await rows_of(db, Measurement)) == 1
    assert len(await rows_of(db, Intake)) == 1
    assert await rows_of(db, RejectedReading) == []
    real = await send(db, w, *rows)
    assert (real.recorded, real.unchanged, real.rejected) == (1, 1, 1)


async def test_the_statements_do_not_depend_on_the_number_of_rows(db: Database, w: World) -> None:
    async def sent(count: int, month: str) -> int:
        rows = [Given("46", "CS-2", f"{month}-{day:02}", value=day) for day in range(1, count + 1)]
        bad = [Given(f"X{i}", "CS-2", "2026-01-01", value=1) for i in range(count)]
        async with db.begin(w.client, now=NOW) as tx:
            with counting(db) as statements:
                await receive(tx, w.source, Document(rows + bad, SHA, 1))
            return len(statements)

    assert await sent(1, "2026-01") == await sent(28, "2025-12")


async def test_two_who_send_the_same_at_once_leave_one_value(db: Database, w: World) -> None:
    got = await asyncio.gather(*[send(db, w, parts()) for _ in range(4)])
    assert sorted(one.recorded for one in got) == [0, 0, 0, 1]
    got = await asyncio.gather(*[send(db, w, parts(numerator=str(n))) for n in (20, 21, 22)])
    assert [one.recorded for one in got] == [1, 1, 1]
    first, *others = await rows_of(db, Measurement)
    assert [one.supersedes_id for one in others] == [one.id for one in (first, *others[:-1])]


async def test_a_source_of_the_nation_reaches_every_public_body_and_no_firm(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        w = await world(tx, Reach.NATION)
    got = await send(
        db, w, *(Given(unit, "CS-2", "2026-01-31", value=1) for unit in ("46", "48", w.firm.code))
    )
    assert (got.recorded, [why.code for _, why, _ in got.rejections]) == (2, ["READING_OUT_OF_REACH"])


async def test_a_delivery_with_nothing_good_is_an_intake_too(db: Database, w: World) -> None:
    got = await send(db, w, Given(None, None, None), Given(True, -1, 3, value=1.5))  # type: ignore[arg-type]
    assert (got.recorded, got.rejected) == (0, 2)
    (intake,) = await rows_of(db, Intake)
    assert (intake.rows, intake.rejected) == (2, 2)


async def test_an_empty_delivery_is_refused(db: Database, w: World) -> None:
    with pytest.raises(Refused, match="NO_ROWS"):
        await send(db, w)


async def test_what_breaks_in_the_middle_leaves_nothing(db: Database, w: World) -> None:
    async def broken() -> None:
        async with db.begin(w.client, now=NOW) as tx:
            await receive(tx, w.source, Document([parts(), parts("99")], SHA, 7))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await broken()
    for table in (Intake, Measurement, RejectedReading, Notification):
        assert await rows_of(db, table) == []


async def test_a_document_that_could_not_be_read_is_an_intake_with_its_reason(db: Database, w: World) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        intake_id = await failed(tx, w.source, SOURCE_PAUSED.at(name="Một cửa", reason="bảo trì"))
    (intake,) = await rows_of(db, Intake)
    assert (intake.id, intake.state, intake.error) == (intake_id, IntakeState.FAILED, "SOURCE_PAUSED")
    assert intake.params == {"name": "Một cửa", "reason": "bảo trì"}


async def test_texts_of_any_length_and_sort_are_kept_as_far_as_they_can_be(db: Database, w: World) -> None:
    got = await send(
        db,
        w,
        Given("4\x006", "x" * 10_000, "9" * 100_000, value="1" * 100_000, note="đ" * 5_000, raw="\x00\ud800"),
    )
    assert got.rejected == 1
    (kept,) = await rows_of(db, RejectedReading)
    assert kept.raw == "�?"
    assert len(kept.given["value"]) == 2_002
