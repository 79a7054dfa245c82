"""Who reads which outcomes, and the rankings: in order, page by page, in two statements at any width."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from statements import counting
from vdept.kernel.actor import Actor, ActorKind, Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.measurements.models import Measurement
from vdept.outcomes.models import Status
from vdept.outcomes.queries import (
    OutcomeScope,
    TargetOutcomeFilter,
    TargetOutcomeOrder,
    UnitOutcomeFilter,
    UnitOutcomeOrder,
    outcomes_of_targets,
    target_outcomes_of_key_results,
    unit_outcomes_of,
    unit_outcomes_of_plans,
)
from vdept.outcomes.refresh import refresh
from vdept.targets.changes import target_changed
from vdept.targets.models import Audience, Basis, PlanState, Rollup, Target
from vdept.units.models import Unit, UnitKind

D = Decimal
ALL = PageRequest(first=100)


@dataclass
class Scene:
    """One plan; the nation, three provinces, a commune of the first, and a firm hold its only key result."""

    plan_id: int
    key_result_id: int
    nation: Unit
    provinces: list[Unit]
    commune: Unit
    firm: Unit
    bystander: Unit
    targets: dict[int, Target]
    official: Actor
    firm_person: Actor
    other_firm: Actor


VALUES = {"Tỉnh A": (17, 30), "Tỉnh Ă": (60, None), "Tỉnh Â": (None, 45)}
"""Measured and reported, in Vietnamese alphabetical order."""


@pytest.fixture
async def scene(db: Database) -> Scene:
    async with db.begin(SYSTEM, now=NOW) as tx:
        nation = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        provinces = [await make.unit(tx, name, parent=nation) for name in VALUES]
        commune = await make.unit(tx, "Xã", UnitKind.COMMUNE, parent=provinces[0])
        firm = await make.unit(tx, "Công ty", UnitKind.FIRM)
        bystander = await make.unit(tx, "Công ty khác", UnitKind.FIRM)
        plan = await make.plan(tx, nation, audience=Audience.GOVERNMENT)
        what = await make.indicator(tx, ratio=False)
        key_result = await make.key_result(tx, plan, what, baseline=D(0), rollup=Rollup.MEAN)
        root = await make.target(tx, key_result, nation)
        below = [await make.target(tx, key_result, p, root) for p in provinces]
        lowest = await make.target(tx, key_result, commune, below[0])
        beside = await make.target(tx, key_result, firm, root)
        targets = {t.unit_id: t for t in [root, *below, lowest, beside]}
        for province in provinces:
            for basis, value in zip(Basis, VALUES[province.name], strict=True):
                if value is not None:
                    tx.session.add(
                        Measurement(
                            indicator_id=what.id,
                            unit_id=province.id,
                            basis=basis,
                            as_of=date(2026, 2, 1),
                            value=D(value),
                            source="test",
                            recorded_at=NOW,
                        )
                    )
        await tx.session.flush()
        await target_changed(tx, plan.id, [t.id for t in targets.values()])
        people = [await make.actor(tx, u, Role.MEMBER) for u in (provinces[2], firm, bystander)]
    await refresh(db, now=NOW)
    return Scene(plan.id, key_result.id, nation, provinces, commune, firm, bystander, targets, *people)


async def seen_targets(db: Database, scene: Scene, who: Actor) -> set[int]:
    async with db.snapshot(who) as tx:
        found = await outcomes_of_targets(tx, [t.id for t in scene.targets.values()])
    return {standing.unit_id for standing in found.values()}


async def seen_units(db: Database, scene: Scene, who: Actor) -> set[int]:
    everyone = [scene.nation, *scene.provinces, scene.commune, scene.firm, scene.bystander]
    async with db.snapshot(who) as tx:
        found = await unit_outcomes_of(tx, [(scene.plan_id, unit.id) for unit in everyone])
        pages = await unit_outcomes_of_plans(tx, [scene.plan_id], ALL)
    assert {r.standing.unit_id for r in pages[scene.plan_id].rows} <= {u for _, u in found}
    return {unit for _, unit in found}


async def set_plan(db: Database, **values: Any) -> None:
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.text(f"UPDATE plan SET {', '.join(f'{k} = :{k}' for k in values)}"), values
        )


async def test_the_story_is_read_back(db: Database, scene: Scene) -> None:
    mine = scene.targets[scene.provinces[0].id]
    async with db.snapshot(scene.official) as tx:
        got = (await outcomes_of_targets(tx, [mine.id]))[mine.id]
        unit = (await unit_outcomes_of(tx, [(scene.plan_id, mine.unit_id)]))[scene.plan_id, mine.unit_id]
    assert got.measured is not None
    assert got.reported is not None
    assert (got.measured.value, got.reported.value, got.gap) == (17, 30, 13)
    assert (got.attainment, got.status, got.evaluated_on) == (
        D("0.283333"),
        Status.ON_TRACK,
        date(2026, 3, 2),
    )
    assert unit.own.measured_attainment == D("0.283333")
    assert unit.own.reported_attainment == D("0.5")
    assert unit.own.gap_points == D("21.6667")
    assert (unit.own.binding, unit.subtree.binding) == (1, 2)


async def test_officials_see_all_of_a_plan_for_the_government(db: Database, scene: Scene) -> None:
    assert await seen_targets(db, scene, scene.official) == set(scene.targets)
    assert await seen_units(db, scene, scene.official) == set(scene.targets)


async def test_a_firm_sees_its_own_figures_and_nobody_else_s(db: Database, scene: Scene) -> None:
    assert await seen_targets(db, scene, scene.firm_person) == {scene.firm.id}
    assert await seen_units(db, scene, scene.firm_person) == {scene.firm.id}
    async with db.snapshot(scene.firm_person) as tx:
        ranking = await target_outcomes_of_key_results(tx, [scene.key_result_id], ALL)
        page = ranking[scene.key_result_id]
        assert [r.standing.unit_id for r in page.rows] == [scene.firm.id]
        assert page.count is not None
        assert await page.count() == 1


async def test_a_firm_outside_the_plan_and_nobody_at_all_see_nothing(db: Database, scene: Scene) -> None:
    for who in (scene.other_firm, Actor(ActorKind.PERSON)):
        assert await seen_targets(db, scene, who) == set()
        assert await seen_units(db, scene, who) == set()


async def test_a_public_plan_is_open_to_every_firm(db: Database, scene: Scene) -> None:
    await set_plan(db, audience=Audience.PUBLIC.value)
    assert await seen_targets(db, scene, scene.other_firm) == set(scene.targets)
    assert await seen_units(db, scene, scene.other_firm) == set(scene.targets)


async def test_a_draft_shows_a_firm_not_even_its_own_row(db: Database, scene: Scene) -> None:
    await set_plan(db, state=PlanState.DRAFT.value)
    assert await seen_units(db, scene, scene.firm_person) == set()


NAMES = [*VALUES, "Xã", "Công ty", "Chính phủ"]


def names(scene: Scene, page: Any) -> list[str]:
    units = [scene.nation, *scene.provinces, scene.commune, scene.firm]
    by_id = {u.id: u.name for u in units}
    return [by_id[r.standing.unit_id] for r in page.rows]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (
            TargetOutcomeOrder.MEASURED_HIGHEST_FIRST,
            ["Tỉnh Ă", "Chính phủ", "Tỉnh A", "Công ty", "Xã", "Tỉnh Â"],
        ),
        (
            TargetOutcomeOrder.MEASURED_LOWEST_FIRST,
            ["Tỉnh A", "Chính phủ", "Tỉnh Ă", "Tỉnh Â", "Xã", "Công ty"],
        ),
        (TargetOutcomeOrder.NAME, ["Chính phủ", "Công ty", "Tỉnh A", "Tỉnh Ă", "Tỉnh Â", "Xã"]),
    ],
)
async def test_targets_are_ranked_and_those_without_a_value_come_last(
    db: Database, scene: Scene, order: TargetOutcomeOrder, expected: list[str]
) -> None:
    async with db.snapshot(SYSTEM) as tx:
        pages = await target_outcomes_of_key_results(tx, [scene.key_result_id], ALL, order=order)
    assert names(scene, pages[scene.key_result_id]) == expected


async def test_the_widest_gap_leads(db: Database, scene: Scene) -> None:
    async with db.snapshot(SYSTEM) as tx:
        targets = await target_outcomes_of_key_results(
            tx, [scene.key_result_id], PageRequest(first=1), order=TargetOutcomeOrder.GAP_WIDEST_FIRST
        )
        units = await unit_outcomes_of_plans(
            tx, [scene.plan_id], PageRequest(first=1), order=UnitOutcomeOrder.GAP_WIDEST_FIRST
        )
    assert names(scene, targets[scene.key_result_id]) == ["Tỉnh A"]
    assert names(scene, units[scene.plan_id]) == ["Tỉnh A"]


@pytest.mark.parametrize("order", list(UnitOutcomeOrder))
@pytest.mark.parametrize("scope", list(OutcomeScope))
async def test_a_ranking_read_page_by_page_is_the_ranking(
    db: Database, scene: Scene, order: UnitOutcomeOrder, scope: OutcomeScope
) -> None:
    which = UnitOutcomeFilter(scope=scope)

    async def read(request: PageRequest) -> Any:
        async with db.snapshot(SYSTEM) as tx:
            return (await unit_outcomes_of_plans(tx, [scene.plan_id], request, which, order))[scene.plan_id]

    whole = names(scene, await read(ALL))
    assert sorted(whole) == sorted(NAMES)
    forward: list[str] = []
    after = None
    for _ in range(3):
        page = await read(PageRequest(first=2, after=after))
        forward += names(scene, page)
        after = page.cursors[-1]
    assert (forward, page.has_next) == (whole, False)
    back = await read(PageRequest(last=2, before=page.cursors[0]))
    assert names(scene, back) == whole[2:4]


async def test_a_cursor_of_another_order_is_refused(db: Database, scene: Scene) -> None:
    async with db.snapshot(SYSTEM) as tx:
        page = (await unit_outcomes_of_plans(tx, [scene.plan_id], ALL))[scene.plan_id]
        foreign = PageRequest(first=2, after=page.cursors[0])
        with pytest.raises(Refused, match="INVALID_CURSOR"):
            await unit_outcomes_of_plans(tx, [scene.plan_id], foreign, order=UnitOutcomeOrder.NAME)


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (UnitOutcomeFilter(kinds=(UnitKind.PROVINCE,)), ["Tỉnh A", "Tỉnh Ă", "Tỉnh Â"]),
        (UnitOutcomeFilter(kinds=(UnitKind.FIRM, UnitKind.COMMUNE)), ["Công ty", "Xã"]),
        (UnitOutcomeFilter(statuses=(Status.AT_RISK,)), ["Công ty", "Tỉnh Â", "Xã"]),
        (UnitOutcomeFilter(statuses=(Status.AT_RISK,), scope=OutcomeScope.SUBTREE),
         ["Chính phủ", "Công ty", "Tỉnh A", "Tỉnh Â", "Xã"]),
        (UnitOutcomeFilter(statuses=(Status.MET, Status.NOT_MET)), []),
        (UnitOutcomeFilter(statuses=()), []),
    ],
)  # fmt: skip
async def test_units_are_filtered_by_kind_and_status_of_themselves_or_of_all_below(
    db: Database, scene: Scene, which: UnitOutcomeFilter, expected: list[str]
) -> None:
    async with db.snapshot(SYSTEM) as tx:
        pages = await unit_outcomes_of_plans(tx, [scene.plan_id], ALL, which, UnitOutcomeOrder.NAME)
        page = pages[scene.plan_id]
        assert names(scene, page) == expected
        assert page.count is not None
        assert await page.count() == len(expected)


async def test_targets_are_filtered_by_status_kind_and_place(db: Database, scene: Scene) -> None:
    async def found(**conditions: Any) -> list[str]:
        which = TargetOutcomeFilter(**conditions)
        async with db.snapshot(SYSTEM) as tx:
            pages = await target_outcomes_of_key_results(
                tx, [scene.key_result_id], ALL, which, TargetOutcomeOrder.NAME
            )
        return names(scene, pages[scene.key_result_id])

    assert await found(statuses=(Status.ON_TRACK,)) == ["Chính phủ", "Tỉnh A", "Tỉnh Ă"]
    assert await found(kinds=(UnitKind.COMMUNE,)) == ["Xã"]
    assert await found(below_id=scene.provinces[0].id) == ["Xã"]
    assert await found(below_id=scene.nation.id) == ["Tỉnh A", "Tỉnh Ă", "Tỉnh Â", "Xã"]


async def test_a_withdrawn_target_is_in_no_ranking(db: Database, scene: Scene) -> None:
    gone = scene.targets[scene.commune.id]
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(
            sa.text("UPDATE target SET state = 'WITHDRAWN' WHERE id = :id"), {"id": gone.id}
        )
        await target_changed(tx, scene.plan_id, [gone.id])
    await refresh(db, now=NOW)
    async with db.snapshot(SYSTEM) as tx:
        targets = await target_outcomes_of_key_results(tx, [scene.key_result_id], ALL)
        units = await unit_outcomes_of_plans(tx, [scene.plan_id], ALL)
    assert "Xã" not in names(scene, targets[scene.key_result_id])
    assert "Xã" not in names(scene, units[scene.plan_id])


async def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(
    db: Database, scene: Scene
) -> None:
    counts = []
    for size in (1, 6):
        async with db.snapshot(SYSTEM) as tx:
            await tx.session.execute(sa.text("SELECT 1"))
            with counting(db) as said:
                request = PageRequest(first=size)
                await unit_outcomes_of_plans(tx, [scene.plan_id, 999], request)
                await target_outcomes_of_key_results(tx, [scene.key_result_id, 999], request)
        counts.append(len(said))
    assert counts == [4, 4]
