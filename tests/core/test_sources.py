"""Sources: who registers and changes them, who sees what of them; rejected rows put right and replayed."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from sources_scene import World, parts, rows_of, send, world
from statements import counting
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.kernel.scopes import Scope
from vdept.measurements.models import Measurement
from vdept.sources import pushing, queries, registering, rejected
from vdept.sources.models import Intake, Reach, RejectedReading, RejectedState, Source, SourceState, Way
from vdept.sources.queries import SourceFilter
from vdept.sources.receiving import Given
from vdept.sources.rejected import Fix
from vdept.targets.models import Frequency
from vdept.units.models import Unit, UnitKind

PAGE = PageRequest(first=20)


@pytest.fixture
async def w(db: Database) -> World:
    async with db.begin(SYSTEM, now=NOW) as tx:
        return await world(tx)


async def register(tx: Tx, unit: Unit, *indicators: Any, **more: Any) -> Source:
    given: dict[str, Any] = {
        "name": "Cổng dịch vụ công",
        "method": "Đếm hồ sơ",
        "frequency": Frequency.DAILY,
        "way": Way.PUSH,
        "indicator_ids": [one.id for one in indicators],
        **more,
    }
    return await registering.register_source(tx, unit.id, **given)


async def refused(
    db: Database, actor: Actor, verb: Callable[[Tx], Awaitable[object]]
) -> tuple[str, tuple[str | int, ...]]:
    """Why the verb is refused; and nothing has changed."""
    before = [len(await rows_of(db, table)) for table in (Source, Intake, Measurement, Activity)]
    with pytest.raises(Refused) as error:
        async with db.begin(actor, now=NOW) as tx:
            await verb(tx)
    assert before == [len(await rows_of(db, table)) for table in (Source, Intake, Measurement, Activity)]
    return error.value.code, error.value.path


# -- registering -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.HEAD, Role.DEPUTY, Role.COORDINATOR], ids=str)
async def test_those_who_commit_the_unit_register_its_sources(db: Database, w: World, role: Role) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        actor = await make.actor(tx, w.commune, role)
    async with db.begin(actor, now=NOW) as tx:
        source = await register(tx, w.commune, w.ratio, w.plain, name="  Một  cửa ", limits=" ")
    assert (source.name, source.limits, source.state, source.version) == ("Một  cửa", None, "ACTIVE", 1)
    async with db.snapshot(SYSTEM) as tx:
        measured = await queries.indicators_of_sources(tx, [source.id])
    assert {one.id for one in measured[source.id]} == {w.ratio.id, w.plain.id}
    (said,) = await rows_of(db, Activity)
    assert (said.verb, said.subject_type, said.unit_id) == ("source.registered", "Source", w.commune.id)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.OBSERVER], ids=str)
async def test_others_do_not_and_neither_does_who_is_above(db: Database, w: World, role: Role) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        own = await make.actor(tx, w.commune, role)
        above = await make.actor(tx, w.province, Role.HEAD)
    for actor in (own, above):
        code = await refused(db, actor, lambda tx: register(tx, w.commune, w.ratio))
        assert code == ("FORBIDDEN", ("unitId",))


async def test_what_a_source_may_not_be(db: Database, w: World) -> None:
    cases: list[tuple[dict[str, Any], str, tuple[str | int, ...]]] = [
        ({"name": "Một cửa"}, "SOURCE_NAME_TAKEN", ("name",)),
        ({"name": " "}, "TEXT_INVALID", ("name",)),
        ({"method": ""}, "TEXT_INVALID", ("method",)),
        ({"reach": Reach.NATION}, "SOURCE_NATION_ONLY", ("reach",)),
        ({"indicator_ids": []}, "SOURCE_NEEDS_INDICATORS", ("indicatorIds",)),
        ({"indicator_ids": [w.ratio.id, 999_999]}, "NOT_FOUND", ("indicatorIds", 1)),
    ]
    for changes, code, path in cases:
        got = await refused(
            db, w.coordinator, lambda tx, changes=changes: register(tx, w.province, w.ratio, **changes)
        )
        assert got == (code, path), changes


async def test_a_ministry_measures_the_nation(db: Database, w: World) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        ministry = await make.unit(tx, "Bộ", UnitKind.MINISTRY, parent=w.government)
        head = await make.actor(tx, ministry)
    async with db.begin(head, now=NOW) as tx:
        assert (await register(tx, ministry, w.ratio, reach=Reach.NATION)).reach is Reach.NATION


async def test_a_change_names_what_changed_and_needs_the_version_that_was_seen(
    db: Database,
    w: World,
) -> None:
    async with db.begin(w.coordinator, now=NOW) as tx:
        source = await registering.update_source(
            tx, w.source.id, method="Đếm lại", limits="Không có hồ sơ giấy", expected_version=1
        )
        assert (source.version, source.name) == (2, "Một cửa")
    (said,) = await rows_of(db, Activity)
    assert said.data["method"]["to"] == "Đếm lại"
    assert "name" not in said.data
    stale = await refused(
        db,
        w.coordinator,
        lambda tx: registering.set_source_indicators(tx, w.source.id, [w.ratio.id], expected_version=1),
    )
    assert stale == ("STALE_VERSION", ("expectedVersion",))


async def test_paused_it_takes_nothing_in_resumed_it_does_and_closed_never_again(
    db: Database,
    w: World,
) -> None:
    keeper, source = w.coordinator, w.source.id
    assert await refused(db, keeper, lambda tx: registering.resume_source(tx, source)) == (
        "SOURCE_NOT_PAUSED",
        ("sourceId",),
    )
    async with db.begin(keeper, now=NOW) as tx:
        await registering.pause_source(tx, source, "Bảo trì")
    sent = await refused(db, w.client, lambda tx: pushing.push(tx, source, [parts()]))
    assert sent == ("SOURCE_PAUSED", ("sourceId",))
    async with db.begin(keeper, now=NOW) as tx:
        await registering.resume_source(tx, source)
    async with db.begin(w.client, now=NOW) as tx:
        assert (await pushing.push(tx, source, [parts()])).recorded == 1
    async with db.begin(keeper, now=NOW) as tx:
        closed = await registering.close_source(tx, source, "Thay hệ thống")
        assert (closed.state, closed.state_reason) == (SourceState.CLOSED, "Thay hệ thống")
    for verb in (
        lambda tx: registering.resume_source(tx, source),
        lambda tx: registering.update_source(tx, source, name="Mới"),
    ):
        assert (await refused(db, keeper, verb))[0] == "SOURCE_CLOSED"
    assert (await refused(db, w.client, lambda tx: pushing.push(tx, source, [parts()])))[0] == "SOURCE_CLOSED"


# -- pushing -----------------------------------------------------------------------------------------------


async def test_only_a_program_of_the_unit_sends(db: Database, w: World) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        head = await make.actor(tx, w.province)
        firm = await make.actor(tx, w.firm)
        administrator = await make.actor(tx, w.province, Role.DEPUTY, administrator=True)
    reader = replace(w.client, scopes=frozenset({Scope.MEASUREMENTS_READ}))
    seat = replace(w.client.seats[0], unit_id=w.other.id, path=tuple(w.other.path))
    stranger = replace(w.client, seats=(seat,))
    delegate = replace(head, client_id=9, scopes=w.client.scopes)
    for actor in (head, administrator, reader, stranger, delegate, w.coordinator):
        got = await refused(db, actor, lambda tx: pushing.push(tx, w.source.id, [parts()]))
        assert got == ("FORBIDDEN", ("sourceId",))
    unseen = await refused(db, firm, lambda tx: pushing.push(tx, w.source.id, [parts()]))
    assert unseen == ("NOT_FOUND", ("sourceId",))


async def test_a_source_that_is_asked_takes_nothing_that_is_sent(db: Database, w: World) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        pulled = await make.source(tx, w.province, w.ratio, way=Way.PULL)
    got = await refused(db, w.client, lambda tx: pushing.push(tx, pulled.id, [parts()]))
    assert got == ("SOURCE_IS_PULLED", ("sourceId",))


def test_the_hash_of_a_push_is_that_of_its_rows_whatever_was_left_out() -> None:
    def digest(*rows: Given) -> bytes:
        return pushing.document_of(rows).sha256

    short = Given("46", "CS-1", "2026-01-31", value="1")
    assert digest(short) == digest(Given("46", "CS-1", "2026-01-31", "1", None, None))
    assert digest(short) != digest(Given("46", "CS-1", "2026-01-31", value="1.0"))


# -- who sees what -----------------------------------------------------------------------------------------


async def test_officials_see_sources_and_those_who_work_there_what_came_in(db: Database, w: World) -> None:
    await send(db, w, parts(), parts("99"))
    async with db.begin(SYSTEM, now=NOW) as tx:
        official = await make.actor(tx, w.other, Role.OBSERVER)
        observer = await make.actor(tx, w.province, Role.OBSERVER)
        member = await make.actor(tx, w.province, Role.MEMBER)
        firm = await make.actor(tx, w.firm)
        nobody = await make.person(tx)
    for actor, sources, documents in (
        (official, 1, 0),
        (observer, 1, 0),
        (member, 1, 1),
        (w.coordinator, 1, 1),
        (w.client, 1, 1),
        (replace(w.client, scopes=frozenset({Scope.TASKS_READ})), 0, 0),
        (firm, 0, 0),
        (replace(firm, person_id=nobody.id, seats=()), 0, 0),
        (SYSTEM, 1, 1),
    ):
        async with db.snapshot(actor, now=NOW) as tx:
            page = await queries.sources_page(tx, PAGE)
            intakes = await queries.intakes_of_sources(tx, [w.source.id], PAGE)
            bad = await queries.rejected_of_sources(tx, [w.source.id], PAGE)
            last = await queries.last_received(tx, [w.source.id])
            below_the_wall = len((await tx.session.execute(sa.text("SELECT id FROM intake"))).all())
        got = (len(page.rows), len(intakes[w.source.id].rows), len(bad[w.source.id].rows), len(last))
        assert got == (sources, documents, documents, documents), actor
        assert below_the_wall == documents, actor


async def test_sources_are_found_by_unit_indicator_state_and_name(db: Database, w: World) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await make.source(tx, w.commune, w.foreign, name="Trạm y tế", way=Way.PULL)
        await make.source(tx, w.firm, w.foreign, name="Công ty", state="PAUSED", state_reason="x")
    for which, names in (
        (SourceFilter(), ["Công ty", "Một cửa", "Trạm y tế"]),
        (SourceFilter(unit_id=w.province.id), ["Một cửa"]),
        (SourceFilter(below_id=w.province.id), ["Một cửa", "Trạm y tế"]),
        (SourceFilter(indicator_id=w.foreign.id), ["Công ty", "Trạm y tế"]),
        (SourceFilter(states=(SourceState.PAUSED,)), ["Công ty"]),
        (SourceFilter(way=Way.PULL), ["Trạm y tế"]),
        (SourceFilter(failing=True), []),
        (SourceFilter(text="MỘT"), ["Một cửa"]),
        (SourceFilter(text="tram te"), ["Trạm y tế"]),
        (SourceFilter(text="Tra\u0323m"), ["Trạm y tế"]),
        (SourceFilter(text="mot xyz"), []),
    ):
        async with db.snapshot(w.coordinator, now=NOW) as tx:
            assert [one.name for one in (await queries.sources_page(tx, PAGE, which)).rows] == names, which
    async with db.snapshot(w.coordinator, now=NOW) as tx:
        of = await queries.sources_of_indicators(tx, [w.ratio.id, w.foreign.id], PAGE)
        units = await queries.sources_of_units(tx, [w.province.id, w.other.id], PAGE)
    assert [len(of[one.id].rows) for one in (w.ratio, w.foreign)] == [1, 2]
    assert [len(units[one.id].rows) for one in (w.province, w.other)] == [1, 0]


# -- replay ------------------------------------------------------------------------------------------------


async def test_a_row_put_right_becomes_a_measurement_of_the_source(db: Database, w: World) -> None:
    await send(db, w, parts("99"), parts(numerator="170"), parts(as_of="x"))
    one, two, three = await rows_of(db, RejectedReading)
    async with db.begin(w.coordinator, now=NOW) as tx:
        got = await rejected.replay(
            tx,
            [
                Fix(one.id, {"unitCode": "0461"}),
                Fix(two.id, {"numerator": "17"}),
                Fix(three.id, {"asOf": "ngày mai"}),
            ],
        )
    assert (got.recorded, got.unchanged, got.rejected) == (2, 0, 1)
    assert [(row, why.code) for row, why in got.rejections] == [(3, "READING_DATE_INVALID")]
    first, second = await rows_of(db, Measurement)
    assert (first.unit_id, second.unit_id, second.value) == (w.commune.id, w.province.id, Decimal(17))
    assert {one.intake_id for one in (first, second)} == {got.intake_id}
    assert {one.recorded_by_id for one in (first, second)} == {w.coordinator.person_id}
    one, two, three = await rows_of(db, RejectedReading)
    assert [(row.state, row.measurement_id) for row in (one, two, three)] == [
        (RejectedState.REPLAYED, first.id),
        (RejectedState.REPLAYED, second.id),
        (RejectedState.OPEN, None),
    ]
    assert (one.resolved_by_id, one.given["unitCode"]) == (w.coordinator.person_id, "99")
    assert (three.given["asOf"], three.raw["asOf"]) == ("ngày mai", "x")
    last = (await rows_of(db, Intake))[-1]
    assert (last.rows, last.recorded, last.rejected) == (3, 2, 1)
    again = await refused(db, w.coordinator, lambda tx: rejected.replay(tx, [Fix(three.id), Fix(one.id)]))
    assert again == ("REJECTED_ALREADY_RESOLVED", ("readings", 1, "id"))


async def test_once_the_unit_is_registered_all_open_rows_pass_as_they_are(db: Database, w: World) -> None:
    await send(db, w, parts("0462"), parts("0462", as_of="2026-01-31"), parts(numerator="x"))
    async with db.begin(w.coordinator, now=NOW) as tx:
        assert (await rejected.replay_all(tx, w.source.id)).rejected == 3
    async with db.begin(SYSTEM, now=NOW) as tx:
        await make.unit(tx, "Phong Điền", UnitKind.COMMUNE, parent=w.province, code="0462")
    async with db.begin(w.coordinator, now=NOW) as tx:
        with counting(db) as sent:
            got = await rejected.replay_all(tx, w.source.id)
        assert len(sent) == 7
    assert (got.recorded, got.rejected, len(got.ids)) == (2, 1, 3)
    async with db.begin(w.coordinator, now=NOW) as tx:
        assert (await rejected.replay_all(tx, w.source.id)).recorded == 0


async def test_a_replayed_value_that_stands_already_is_closed_with_it(db: Database, w: World) -> None:
    await send(db, w, parts())
    await send(db, w, parts(numerator="170"))
    (bad,) = await rows_of(db, RejectedReading)
    async with db.begin(w.coordinator, now=NOW) as tx:
        got = await rejected.replay(tx, [Fix(bad.id, {"numerator": "17"})])
    assert (got.recorded, got.unchanged) == (0, 1)
    (bad,) = await rows_of(db, RejectedReading)
    (value,) = await rows_of(db, Measurement)
    assert (bad.state, bad.measurement_id) == (RejectedState.REPLAYED, value.id)


async def test_a_replay_is_for_those_who_answer_for_the_source_and_one_source_at_a_time(
    db: Database,
    w: World,
) -> None:
    await send(db, w, parts("99"))
    async with db.begin(SYSTEM, now=NOW) as tx:
        second = await make.source(tx, w.province, w.ratio)
        member = await make.actor(tx, w.province, Role.MEMBER)
        official = await make.actor(tx, w.other)
    await send(db, w._replace(source=second), parts("98"))
    one, two = await rows_of(db, RejectedReading)
    several = await refused(db, w.coordinator, lambda tx: rejected.replay(tx, [Fix(one.id), Fix(two.id)]))
    assert several == ("REJECTED_OF_SEVERAL_SOURCES", ("readings",))
    assert await refused(db, member, lambda tx: rejected.replay(tx, [Fix(one.id)])) == (
        "FORBIDDEN",
        ("readings",),
    )
    assert await refused(db, official, lambda tx: rejected.replay(tx, [Fix(one.id)])) == (
        "NOT_FOUND",
        ("readings", 0, "id"),
    )
    assert await refused(db, official, lambda tx: rejected.replay_all(tx, w.source.id)) == (
        "FORBIDDEN",
        ("sourceId",),
    )
    assert (await refused(db, w.coordinator, lambda tx: rejected.replay(tx, [])))[0] == "NO_ROWS"


async def test_what_is_dismissed_is_closed_with_its_reason(db: Database, w: World) -> None:
    await send(db, w, parts("99"), parts("98"))
    one, two = await rows_of(db, RejectedReading)
    assert await refused(db, w.coordinator, lambda tx: rejected.dismiss(tx, [one.id], " ")) == (
        "TEXT_INVALID",
        ("reason",),
    )
    async with db.begin(w.coordinator, now=NOW) as tx:
        assert await rejected.dismiss(tx, [one.id], "Dòng tổng cộng") == [one.id]
    one, two = await rows_of(db, RejectedReading)
    assert (one.state, one.reason, one.resolved_by_id) == (
        RejectedState.DISMISSED,
        "Dòng tổng cộng",
        w.coordinator.person_id,
    )
    assert two.state is RejectedState.OPEN
    assert (await rows_of(db, Activity))[-1].data["ids"] == [str(one.id)]
    async with db.begin(SYSTEM, now=NOW) as tx:
        member = await make.actor(tx, w.province, Role.MEMBER)
    assert await refused(db, member, lambda tx: rejected.dismiss(tx, [two.id], "x")) == (
        "FORBIDDEN",
        ("ids", 0),
    )
