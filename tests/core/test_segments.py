"""Segments: who places units, what is read by them, and that no figure tells of a hidden unit."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from statements import counting
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, ActorKind, Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused, RefusedMany
from vdept.kernel.pages import PageRequest
from vdept.measurements.models import Measurement
from vdept.outcomes.models import Status
from vdept.outcomes.queries import (
    TargetOutcomeFilter,
    UnitOutcomeFilter,
    target_outcomes_of_key_results,
    unit_outcomes_of,
    unit_outcomes_of_plans,
)
from vdept.outcomes.refresh import refresh
from vdept.outcomes.rules import share_of
from vdept.outcomes.segment_figures import SegmentFilter, SegmentStanding, segments_of_plans
from vdept.targets.changes import target_changed
from vdept.targets.models import Audience, Basis, Plan, PlanState, Rollup, Target
from vdept.targets.queries import TargetFilter, targets_page
from vdept.units import service
from vdept.units.importing import import_units
from vdept.units.models import Segment, Unit, UnitKind
from vdept.units.queries import UnitFilter, units_page
from vdept.units.segments import set_unit_segments

D = Decimal
S = Segment
ALL = PageRequest(first=100)


async def segments(db: Database, *units: Unit) -> list[list[str]]:
    async with db.snapshot(SYSTEM) as tx:
        rows = {unit.id: list(unit.segments) for unit in await tx.session.scalars(sa.select(Unit))}
    return [rows[unit.id] for unit in units]


# Placing --------------------------------------------------------------------------------------------------


class Country:
    """A province with two communes, a city beside it, a firm; and their people."""

    province: Unit
    communes: Sequence[Unit]
    city: Unit
    firm: Unit


@pytest.fixture
async def country(db: Database) -> Country:
    made = Country()
    async with db.begin(SYSTEM, now=NOW) as tx:
        nation = await make.unit(tx, kind=UnitKind.GOVERNMENT)
        made.province = await make.unit(tx, parent=nation)
        made.communes = [await make.unit(tx, kind=UnitKind.COMMUNE, parent=made.province) for _ in range(2)]
        made.city = await make.unit(tx, parent=nation)
        made.firm = await make.unit(tx, kind=UnitKind.FIRM)
    return made


async def head(db: Database, unit: Unit, role: Role = Role.HEAD) -> Actor:
    async with db.begin(SYSTEM, now=NOW) as tx:
        return await make.actor(tx, unit, role)


async def test_a_province_places_its_communes_in_one_act(db: Database, country: Country) -> None:
    first, second = country.communes
    async with db.begin(await head(db, country.province), now=NOW) as tx:
        done = await set_unit_segments(tx, [second.id, first.id, second.id], add=[S.MOUNTAINOUS, S.RURAL])
    assert (done.updated, done.unchanged) == (2, 0)
    assert await segments(db, first, second) == [["RURAL", "MOUNTAINOUS"]] * 2
    async with db.begin(await head(db, country.province, Role.DEPUTY), now=NOW) as tx:
        done = await set_unit_segments(tx, [first.id, second.id], add=[S.MOUNTAINOUS])
        assert (done.updated, done.unchanged) == (0, 2)
        done = await set_unit_segments(
            tx, [first.id, second.id], add=[S.BORDER], remove=[S.RURAL, S.MOUNTAINOUS]
        )
    async with db.begin(await head(db, country.province, Role.COORDINATOR), now=NOW) as tx:
        await set_unit_segments(tx, [second.id], remove=[S.BORDER])
    assert await segments(db, first, second) == [["BORDER"], []]
    async with db.snapshot(SYSTEM) as tx:
        versions = list(await tx.session.scalars(sa.select(Unit.version).where(Unit.id == first.id)))
        told = await tx.session.execute(
            sa.select(Activity.verb, Activity.data)
            .where(Activity.subject_id == second.id)
            .order_by(Activity.id)
        )
        acts = [(verb, data["segments"]["to"]) for verb, data in told]
    assert versions == [3]
    assert acts == [("unit.updated", to) for to in (["RURAL", "MOUNTAINOUS"], ["BORDER"], [])]


async def test_nobody_else_places_a_unit_and_nobody_calls_their_own_unit_disadvantaged(
    db: Database, country: Country
) -> None:
    commune, own = country.communes[0], country.province
    refused = [
        (await head(db, commune), commune),
        (await head(db, country.city), commune),
        (await head(db, own, Role.MEMBER), commune),
        (above := await head(db, own), own),
        (await head(db, country.firm), country.firm),
        (above, country.firm),
    ]
    for who, unit in refused:
        with pytest.raises(RefusedMany, match="FORBIDDEN"):
            async with db.begin(who, now=NOW) as tx:
                await set_unit_segments(tx, [unit.id], add=[S.DISADVANTAGED])
    with pytest.raises(RefusedMany, match="NOT_FOUND"):
        async with db.begin(Actor(ActorKind.PERSON), now=NOW) as tx:
            await set_unit_segments(tx, [commune.id], add=[S.DISADVANTAGED])
    assert await segments(db, commune, own, country.firm) == [[], [], []]
    async with db.begin(SYSTEM, now=NOW) as tx:
        await set_unit_segments(tx, [country.firm.id], add=[S.ISLAND])
    assert await segments(db, country.firm) == [["ISLAND"]]


async def test_one_bad_unit_stops_all_unless_it_may_be_skipped(db: Database, country: Country) -> None:
    asked = [country.communes[0].id, country.city.id, 999_999_999]
    who = await head(db, country.province)
    with pytest.raises(RefusedMany) as caught:
        async with db.begin(who, now=NOW) as tx:
            await set_unit_segments(tx, asked, add=[S.RURAL])
    told = [(each.code, each.path) for each in caught.value.refusals]
    assert told == [("FORBIDDEN", ("unitIds", 1)), ("NOT_FOUND", ("unitIds", 2))]
    assert await segments(db, country.communes[0]) == [[]]
    async with db.begin(who, now=NOW) as tx:
        done = await set_unit_segments(tx, asked, add=[S.RURAL], skip_bad=True)
    assert (done.updated, [(each.code, each.path) for each in done.refusals]) == (1, told)
    assert await segments(db, country.communes[0], country.city) == [["RURAL"], []]


@pytest.mark.parametrize(
    ("add", "remove", "code", "path"),
    [([], [], "SEGMENTS_MISSING", "add"), ([S.RURAL, S.BORDER], [S.BORDER], "SEGMENT_BOTH_WAYS", "remove")],
)
async def test_an_act_that_says_nothing_or_two_things_is_refused(
    db: Database, country: Country, add: list[Segment], remove: list[Segment], code: str, path: str
) -> None:
    with pytest.raises(Refused) as caught:
        async with db.begin(SYSTEM, now=NOW) as tx:
            await set_unit_segments(tx, [country.city.id], add=add, remove=remove)
    assert (caught.value.code, caught.value.path) == (code, (path,))


async def test_a_thousand_units_take_as_many_statements_as_one(db: Database, country: Country) -> None:
    sent = []
    for units in (country.communes[:1], [*country.communes, country.city, country.province]):
        async with db.begin(SYSTEM, now=NOW) as tx:
            with counting(db) as statements:
                await set_unit_segments(tx, [unit.id for unit in units], add=[S.RURAL])
        sent.append(len(statements))
    assert sent == [2, 2]


async def test_a_unit_is_created_with_segments_and_they_are_changed_by_administrators(
    db: Database, country: Country
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        unit = await service.create_unit(
            tx,
            code="XA-1",
            name="Xã Mới",
            kind=UnitKind.COMMUNE,
            parent_id=country.province.id,
            segments=[S.ISLAND, S.RURAL, S.ISLAND],
        )
    assert await segments(db, unit) == [["RURAL", "ISLAND"]]
    with pytest.raises(Refused, match="FORBIDDEN"):
        async with db.begin(await head(db, unit), now=NOW) as tx:
            await service.update_unit(tx, unit.id, segments=[S.DISADVANTAGED])
    async with db.begin(SYSTEM, now=NOW) as tx:
        await service.update_unit(tx, unit.id, segments=[])
    assert await segments(db, unit) == [[]]


# Files ----------------------------------------------------------------------------------------------------


async def test_a_file_places_units_and_its_dry_run_says_how_many(db: Database, country: Country) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await set_unit_segments(tx, [country.city.id], add=[S.BORDER])
    rows = [
        f"{country.province.code},{country.province.name},PROVINCE,",
        f'{country.city.code},{country.city.name},PROVINCE,"none"',
        'N-1,Công ty Mới,FIRM,"island, rural"',
        "N-2,Công ty Khác,FIRM,",
    ]
    file = "\n".join(["code,name,kind,segments", *rows]).encode()
    for dry_run in (True, False):
        async with db.begin(SYSTEM, now=NOW) as tx:
            report = await import_units(tx, file, "units.csv", dry_run=dry_run)
        assert (report.created, report.updated, report.unchanged, report.placed) == (2, 1, 1, 2)
        if dry_run:
            assert await segments(db, country.city) == [["BORDER"]]
    async with db.snapshot(SYSTEM) as tx:
        made = list(
            await tx.session.scalars(sa.select(Unit).where(Unit.code.in_(["N-1", "N-2"])).order_by(Unit.code))
        )
    assert await segments(db, country.province, country.city, *made) == [[], [], ["RURAL", "ISLAND"], []]


async def test_a_cell_that_names_no_segment_is_refused_by_its_place(db: Database, country: Country) -> None:
    file = f"code,name,kind,segments\n{country.city.code},{country.city.name},PROVINCE,URBAN\n".encode()
    async with db.begin(SYSTEM, now=NOW) as tx:
        report = await import_units(tx, file, "units.csv", dry_run=False)
    assert [(error.code, error.path) for error in report.errors] == [("CELL_INVALID", ("D2",))]


# Figures --------------------------------------------------------------------------------------------------

PLACES = [[S.RURAL], [S.RURAL, S.ISLAND], [], [S.ISLAND]]
"""Of three provinces and a firm."""
VALUES = [(17, 30), (60, 60), (40, None), (12, 20)]
"""What was measured and reported for each."""


class Scene:
    plan: Plan
    key_result_id: int
    units: Sequence[Unit]
    targets: Sequence[Target]
    official: Actor
    firm_person: Actor
    outsider: Actor


async def build(db: Database, *, audience: Audience = Audience.PUBLIC, milestone: bool = False) -> Scene:
    made = Scene()
    async with db.begin(SYSTEM, now=NOW) as tx:
        nation = await make.unit(tx, kind=UnitKind.GOVERNMENT)
        made.units = [await make.unit(tx, parent=nation, segments=place) for place in PLACES[:3]]
        made.units = [*made.units, await make.unit(tx, kind=UnitKind.FIRM, segments=PLACES[3])]
        made.plan = await make.plan(tx, nation, audience=audience)
        what = await make.indicator(tx, ratio=False)
        key_result = await make.key_result(tx, made.plan, what, baseline=D(0), rollup=Rollup.OWN)
        made.key_result_id = key_result.id
        root = await make.target(tx, key_result, nation)
        made.targets = [await make.target(tx, key_result, unit, root) for unit in made.units]
        if milestone:
            steps = await make.key_result(tx, made.plan, what, rollup=Rollup.MILESTONE)
            made.targets = [*made.targets, await make.target(tx, steps, made.units[0])]
        for unit, pair in zip(made.units, VALUES, strict=True):
            for basis, number in zip(Basis, pair, strict=True):
                if number is not None:
                    tx.session.add(
                        Measurement(
                            indicator_id=what.id,
                            unit_id=unit.id,
                            basis=basis,
                            as_of=date(2026, 2, 1),
                            value=D(number),
                            source="test",
                            recorded_at=NOW,
                        )
                    )
        await tx.session.flush()
        await target_changed(tx, made.plan.id, [t.id for t in (root, *made.targets)])
        made.official = await make.actor(tx, made.units[2], Role.OBSERVER)
        made.firm_person = await make.actor(tx, made.units[3])
        made.outsider = await make.actor(tx, await make.unit(tx, kind=UnitKind.FIRM))
    await refresh(db, now=NOW)
    return made


async def told(
    db: Database, scene: Scene, who: Actor, **which: object
) -> dict[Segment | None, SegmentStanding] | None:
    async with db.snapshot(who) as tx:
        found = await segments_of_plans(tx, [scene.plan.id], SegmentFilter(**which))  # type: ignore[arg-type]
    rows = found.get(scene.plan.id)
    return None if rows is None else {row.segment: row for row in rows}


async def test_a_segment_s_figures_are_those_of_its_units_added_up(db: Database) -> None:
    scene = await build(db)
    got = await told(db, scene, scene.official)
    assert got is not None
    assert list(got) == [*Segment, None]
    assert {segment: row.units for segment, row in got.items() if row.units} == {
        S.RURAL: 2,
        S.ISLAND: 2,
        None: 2,
    }
    rural, rest = got[S.RURAL].figures, got[None].figures
    assert rural.measured_attainment == share_of(D("0.283333") + 1, D(2))
    assert rural.reported_attainment == share_of(D("0.5") + 1, D(2))
    assert rural.gap_points == 100 * (share_of(D("0.5") - D("0.283333"), D(2)) or 0)
    assert rural.tally.targets[Status.ON_TRACK] == 2
    assert (rural.binding, rural.binding_met) == (2, 1)
    assert (rest.measured_attainment, rest.gap_points) == (D("0.666666"), None)
    assert rest.tally.target_count == 2, "the government's target is one of the rest"
    empty = got[S.BORDER].figures
    assert (empty.measured_attainment, empty.gap_points, empty.binding, empty.tally.target_count) == (
        None,
        None,
        0,
        0,
    )
    assert all(row.figures.tally.tasks is None for row in got.values())


async def test_a_part_of_the_units_is_added_up_on_request(db: Database) -> None:
    scene = await build(db)
    provinces = await told(db, scene, scene.official, kinds=(UnitKind.PROVINCE,))
    below = await told(db, scene, scene.official, below_id=scene.units[0].parent_id)
    for got in (provinces, below):
        assert got is not None
        assert {segment: row.units for segment, row in got.items() if row.units} == {
            S.RURAL: 2,
            S.ISLAND: 1,
            None: 1,
        }


@pytest.mark.parametrize(
    ("audience", "milestone", "seen"),
    [
        (Audience.PUBLIC, False, ["official", "firm_person", "outsider"]),
        (Audience.PUBLIC, True, ["official"]),
        (Audience.GOVERNMENT, False, ["official"]),
        (Audience.PARTICIPANTS, False, ["official"]),
    ],
)
async def test_a_segment_is_told_only_to_whoever_reads_each_of_its_units_by_itself(
    db: Database, audience: Audience, milestone: bool, seen: list[str]
) -> None:
    scene = await build(db, audience=audience, milestone=milestone)
    answered = []
    for name in ("official", "firm_person", "outsider"):
        who: Actor = getattr(scene, name)
        rows = await told(db, scene, who)
        async with db.snapshot(who) as tx:
            alone = await unit_outcomes_of(tx, [(scene.plan.id, unit.id) for unit in scene.units])
        if rows is not None:
            answered.append(name)
            assert len(alone) == len(scene.units), "nothing is added up that is not read one by one"
            assert sum(row.units for row in rows.values()) == 6
        else:
            assert len(alone) < len(scene.units)
    assert answered == seen
    assert await told(db, scene, Actor(ActorKind.PERSON)) is None


async def test_of_a_draft_a_stranger_is_told_nothing(db: Database) -> None:
    scene = await build(db)
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.update(Plan).values(state=PlanState.DRAFT))
    assert await told(db, scene, scene.official) is None


async def test_every_list_can_be_read_for_one_segment(db: Database) -> None:
    scene = await build(db)
    wanted = (S.ISLAND, S.BORDER)
    async with db.snapshot(SYSTEM) as tx:
        units = await units_page(tx, ALL, UnitFilter(segments=wanted))
        outcomes = await unit_outcomes_of_plans(tx, [scene.plan.id], ALL, UnitOutcomeFilter(segments=wanted))
        ranking = await target_outcomes_of_key_results(
            tx, [scene.key_result_id], ALL, TargetOutcomeFilter(segments=wanted)
        )
        targets = await targets_page(tx, ALL, TargetFilter(segments=wanted))
    expected = {scene.units[1].id, scene.units[3].id}
    assert {unit.id for unit in units.rows} == expected
    assert {row.standing.unit_id for row in outcomes[scene.plan.id].rows} == expected
    assert {row.standing.unit_id for row in ranking[scene.key_result_id].rows} == expected
    assert {target.unit_id for target in targets.rows} == expected


async def test_all_plans_take_as_many_statements_as_one(db: Database) -> None:
    scenes = [await build(db) for _ in range(2)]
    async with db.snapshot(SYSTEM) as tx:
        with counting(db) as sent:
            found = await segments_of_plans(tx, [scene.plan.id for scene in scenes])
    assert len(sent) == 2
    assert [len(found[scene.plan.id]) for scene in scenes] == [6, 6]
