"""Plans and targets under hostile reading: what a refusal gives away, what a withdrawal hides, who races."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Refused, RefusedMany
from vdept.kernel.pages import PageRequest
from vdept.targets import holding, importing, indicators, key_results, queries
from vdept.targets.cascade import assign
from vdept.targets.models import Audience, Basis, Direction, KeyResult, Plan, PlanState, Rollup, Target
from vdept.targets.withdrawal import reinstate_target, withdraw_target
from vdept.units.models import Unit, UnitKind

D = Decimal


@dataclass
class Scene:
    """A plan for its participants only: the nation, a province with a commune, and two firms hold targets."""

    nation: Unit
    province: Unit
    other: Unit
    commune: Unit
    firm: Unit
    rival: Unit
    plan: Plan
    key_result: KeyResult
    targets: dict[str, Target]
    national: Actor
    provincial: Actor
    firm_head: Actor
    rival_head: Actor


async def build(tx: Tx, **more: Any) -> Scene:
    nation = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
    province = await make.unit(tx, "Cao Bằng", parent=nation)
    other = await make.unit(tx, "Lạng Sơn", parent=nation)
    commune = await make.unit(tx, "Xã", UnitKind.COMMUNE, parent=province)
    firm = await make.unit(tx, "Công ty A", UnitKind.FIRM)
    rival = await make.unit(tx, "Công ty B", UnitKind.FIRM)
    plan = await make.plan(tx, nation, audience=Audience.PARTICIPANTS)
    what = await make.indicator(tx, direction=more.pop("direction", Direction.AT_LEAST))
    key_result = await make.key_result(tx, plan, what, **more)
    root = await make.target(tx, key_result, nation)
    middle = await make.target(tx, key_result, province, root)
    targets = {
        "nation": root,
        "province": middle,
        "firm": await make.target(tx, key_result, firm, root),
        "rival": await make.target(tx, key_result, rival, root),
        "commune": await make.target(tx, key_result, commune, middle),
    }
    people = [await make.actor(tx, where) for where in (nation, province, firm, rival)]
    return Scene(nation, province, other, commune, firm, rival, plan, key_result, targets, *people)


@pytest.fixture
async def scene(db: Database) -> Scene:
    async with db.begin(SYSTEM, now=NOW) as tx:
        return await build(tx)


async def do(db: Database, who: Actor, verb: Callable[..., Awaitable[Any]], *args: Any, **more: Any) -> Any:
    async with db.begin(who, now=NOW) as tx:
        return await verb(tx, *args, **more)


async def refused(
    db: Database, who: Actor, verb: Callable[..., Awaitable[Any]], *args: Any, **more: Any
) -> list[Refused]:
    with pytest.raises((Refused, RefusedMany)) as caught:
        await do(db, who, verb, *args, **more)
    error: Exception = caught.value
    if isinstance(error, RefusedMany):
        return error.refusals
    assert isinstance(error, Refused)
    return [error]


# -- what must not be learned -------------------------------------------------------------------------------


async def test_a_firm_does_not_learn_from_a_refused_assignment_who_else_holds_a_target(
    db: Database, scene: Scene
) -> None:
    asked = [scene.rival.id, scene.province.id, scene.other.id]
    found = await refused(db, scene.firm_head, assign, scene.targets["firm"].id, unit_ids=asked)
    assert [one.code for one in found] == ["UNITS_NOT_BELOW"]
    assert "Cao Bằng, Công ty B, Lạng Sơn" in found[0].message()
    async with db.begin(scene.firm_head, now=NOW) as tx:
        tried = await assign(tx, scene.targets["firm"].id, unit_ids=asked, dry_run=True)
    assert [one.code for one in tried.refusals] == ["UNITS_NOT_BELOW"]


async def test_the_assigner_still_learns_which_units_hold_a_target_already(
    db: Database, scene: Scene
) -> None:
    asked = [scene.rival.id, scene.province.id, scene.other.id]
    found = await refused(db, scene.national, assign, scene.targets["nation"].id, unit_ids=asked)
    assert [(one.code, one.params["count"]) for one in found] == [("UNITS_ALREADY_HOLD", 2)]


async def test_a_firm_cannot_ask_in_which_plans_its_rival_holds_a_target(db: Database, scene: Scene) -> None:
    async def plans(who: Actor, holder: Unit) -> list[int]:
        async with db.snapshot(who, now=NOW) as tx:
            which = queries.PlanFilter(holder_unit_id=holder.id)
            return [plan.id for plan in (await queries.plans_page(tx, PageRequest(), which)).rows]

    assert await plans(scene.firm_head, scene.firm) == [scene.plan.id]
    assert await plans(scene.firm_head, scene.rival) == []
    assert await plans(scene.firm_head, scene.province) == []
    assert await plans(scene.provincial, scene.rival) == [scene.plan.id]


# -- withdrawn and put back ---------------------------------------------------------------------------------


async def test_a_target_does_not_come_back_laxer_than_what_its_parent_has_become(
    db: Database, scene: Scene
) -> None:
    middle, leaf = scene.targets["province"].id, scene.targets["commune"].id
    await do(db, scene.provincial, withdraw_target, leaf, reason="x")
    await do(db, scene.national, holding.update_target, middle, value=D(70))
    (no,) = await refused(db, scene.provincial, reinstate_target, leaf)
    assert (no.code, no.path) == ("TARGET_LAXER", ("targetId",))
    async with db.snapshot(SYSTEM) as tx:
        assert (await tx.session.get_one(Target, leaf)).state == "WITHDRAWN"


async def test_a_target_does_not_come_back_later_than_what_its_parent_has_become(
    db: Database, scene: Scene
) -> None:
    middle, leaf = scene.targets["province"].id, scene.targets["commune"].id
    await do(db, scene.provincial, withdraw_target, leaf, reason="x")
    await do(db, scene.national, holding.update_target, middle, due_on=date(2026, 6, 30))
    (no,) = await refused(db, scene.provincial, reinstate_target, leaf)
    assert (no.code, no.path) == ("DUE_AFTER_PARENT", ("targetId",))


async def test_a_part_does_not_come_back_over_the_ceiling_that_others_have_shared_out(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        scene = await build(tx, rollup=Rollup.SUM, direction=Direction.AT_MOST, value=D(240))
        middle, leaf = scene.targets["province"], scene.targets["commune"]
        sibling = await make.unit(tx, "Xã 2", UnitKind.COMMUNE, parent=scene.province)
        middle.value, leaf.value = D(100), D(60)
        await tx.session.flush()
    await do(db, scene.provincial, withdraw_target, leaf.id, reason="x")
    await do(db, scene.provincial, assign, middle.id, values_by_unit={sibling.id: D(50)})
    (no,) = await refused(db, scene.provincial, reinstate_target, leaf.id)
    assert (no.code, no.path) == ("SUM_EXCEEDS_PARENT", ("targetId",))


async def test_a_target_that_still_fits_comes_back(db: Database, scene: Scene) -> None:
    leaf = scene.targets["commune"].id
    await do(db, scene.provincial, withdraw_target, leaf, reason="x")
    assert await do(db, scene.provincial, reinstate_target, leaf) == 1


# -- closed plans -------------------------------------------------------------------------------------------


async def test_nothing_is_acknowledged_in_a_closed_plan(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(Plan).values(state=PlanState.CLOSED))
    (no,) = await refused(db, scene.provincial, holding.acknowledge, [scene.targets["province"].id])
    assert (no.code, no.path) == ("PLAN_WRONG_STATE", ("targetIds", 0))


# -- two at once --------------------------------------------------------------------------------------------


async def test_an_indicator_keeps_its_meaning_while_a_key_result_is_being_added(
    db: Database, scene: Scene
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        draft = await make.plan(tx, scene.nation, state=PlanState.DRAFT)
        objective = (await make.key_result(tx, draft, await make.indicator(tx))).objective_id
        fresh = await make.indicator(tx, ratio=True)
    spec = key_results.KeyResultSpec(
        indicator_id=fresh.id, rollup=Rollup.RATIO, value=D(60), basis=Basis.MEASURED
    )

    async def redefine() -> None:
        async with db.begin(SYSTEM, now=NOW) as tx:
            await indicators.update_indicator(tx, fresh.id, numerator=None, denominator=None)

    async with db.begin(scene.national, now=NOW) as tx:
        await key_results.add_key_result(tx, objective, spec)
        other = asyncio.create_task(redefine())
        await asyncio.sleep(0.2)
        assert not other.done()
    with pytest.raises(Refused, match="INDICATOR_IN_USE"):
        await other


async def test_of_two_assignments_of_one_unit_at_once_the_second_is_refused(
    db: Database, scene: Scene
) -> None:
    async def once() -> str:
        try:
            await do(db, scene.national, assign, scene.targets["nation"].id, unit_ids=[scene.other.id])
        except Refused as no:
            return no.code
        return "done"

    assert sorted(await asyncio.gather(once(), once())) == ["UNITS_ALREADY_HOLD", "done"]


async def test_a_target_withdrawn_while_it_is_assigned_on_takes_the_new_ones_along_or_stops_them(
    db: Database, scene: Scene
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        sibling = await make.unit(tx, "Xã 2", UnitKind.COMMUNE, parent=scene.province)
    middle = scene.targets["province"].id

    async def on() -> str:
        try:
            await do(db, scene.provincial, assign, middle, unit_ids=[sibling.id])
        except Refused as no:
            return no.code
        return "done"

    async def back() -> None:
        await do(db, scene.national, withdraw_target, middle, reason="x", subtree=True)

    outcome, _ = await asyncio.gather(on(), back())
    async with db.snapshot(SYSTEM) as tx:
        states = await tx.session.scalars(sa.select(Target.state).where(Target.parent_id == middle))
        found = sorted(states)
    assert found == (["WITHDRAWN"] * 2 if outcome == "done" else ["WITHDRAWN"])
    assert outcome in {"done", "TARGET_WRONG_STATE"}


async def test_a_plan_issued_twice_at_once_has_one_root_per_key_result(db: Database, scene: Scene) -> None:
    from vdept.targets.plans import issue_plan

    async with db.begin(SYSTEM, now=NOW) as tx:
        draft = await make.plan(tx, scene.nation, state=PlanState.DRAFT)
        await make.key_result(tx, draft, await make.indicator(tx))

    async def once() -> str:
        try:
            await do(db, scene.national, issue_plan, draft.id)
        except Refused as no:
            return no.code
        return "done"

    assert sorted(await asyncio.gather(once(), once())) == ["PLAN_WRONG_STATE", "done"]
    async with db.snapshot(SYSTEM) as tx:
        query = sa.select(sa.func.count()).where(Target.plan_id == draft.id)
        assert await tx.session.scalar(query) == 1


async def test_a_plan_file_is_not_read_for_whom_no_plan_is_theirs_to_write(
    db: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        member = await make.actor(tx, scene.province, Role.MEMBER)

    def read(*_: object) -> None:
        pytest.fail("the file was read")

    monkeypatch.setattr(importing, "read_plans", read)
    for who in (scene.firm_head, member):
        (no,) = await refused(db, who, importing.import_plans, b"plans: []", "a.yaml", dry_run=True)
        assert (no.code, no.path) == ("FORBIDDEN", ("file",))
