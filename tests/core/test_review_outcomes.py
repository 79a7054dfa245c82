"""Outcomes under hostile reading: a public plan's figures tell an outsider nothing of restricted tasks."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

import factories as make
from factories import NOW, SYSTEM
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.kernel.pages import PageRequest
from vdept.outcomes.queries import (
    OutcomeScope,
    UnitOutcomeFilter,
    outcomes_of_targets,
    unit_outcomes_of,
    unit_outcomes_of_plans,
)
from vdept.outcomes.refresh import refresh
from vdept.targets.changes import target_changed, tasks_changed
from vdept.targets.models import Audience
from vdept.tasks.models import TaskState, TaskTarget, Timeliness
from vdept.units.models import UnitKind


class Scene:
    """A public plan; a province holds its target, and one secret task serves it, done by it and a firm."""

    def __init__(self, **parts: Any) -> None:
        self.__dict__ |= parts


@pytest.fixture
async def scene(db: Database) -> Any:
    async with db.begin(SYSTEM, now=NOW) as tx:
        nation = await make.unit(tx, kind=UnitKind.GOVERNMENT)
        province = await make.unit(tx, parent=nation)
        helper = await make.unit(tx, parent=nation)
        firm, outsider = [await make.unit(tx, kind=UnitKind.FIRM) for _ in range(2)]
        plan = await make.plan(tx, nation, audience=Audience.PUBLIC)
        what = await make.key_result(tx, plan, await make.indicator(tx, ratio=False))
        root = await make.target(tx, what, nation)
        held = await make.target(tx, what, province, root)
        secret = await make.task(
            tx,
            nation,
            province,
            plan,
            audience=Audience.PARTICIPANTS,
            state=TaskState.IN_PROGRESS,
            due_on=date(2026, 2, 1),
            progress=Decimal(50),
        )
        for other in (firm, helper):
            await make.participation(tx, secret, other)
        tx.session.add(TaskTarget(task_id=secret.id, target_id=held.id, weight=Decimal(1)))
        await tx.session.flush()
        await target_changed(tx, plan.id, [root.id, held.id])
        await tasks_changed(tx, [(plan.id, secret.id)])
        people = [await make.actor(tx, where) for where in (province, firm, outsider)]
    await refresh(db, now=NOW)
    return Scene(
        plan=plan.id,
        target=held.id,
        root=root.id,
        province=province.id,
        helper=helper.id,
        firm=firm.id,
        official=people[0],
        insider=people[1],
        outsider=people[2],
    )


async def read(db: Database, who: Actor, scene: Any) -> tuple[Any, Any]:
    async with db.snapshot(who, now=NOW) as tx:
        targets = await outcomes_of_targets(tx, [scene.target, scene.root])
        units = await unit_outcomes_of(tx, [(scene.plan, scene.province), (scene.plan, scene.firm)])
    return targets, units


async def test_officials_read_the_tasks_of_a_public_plan_in_its_figures(db: Database, scene: Any) -> None:
    targets, units = await read(db, scene.official, scene)
    assert targets[scene.target].own_completion == targets[scene.root].completion == Decimal("0.5")
    assert targets[scene.target].own_tasks[Timeliness.OPEN_OVERDUE] == 1
    assert units[scene.plan, scene.province].own.tally.tasks[Timeliness.OPEN_OVERDUE] == 1


@pytest.mark.parametrize("who", ["insider", "outsider"])
async def test_a_firm_reads_no_figure_of_other_units_tasks(db: Database, scene: Any, who: str) -> None:
    targets, units = await read(db, getattr(scene, who), scene)
    for standing in targets.values():
        assert (standing.completion, standing.own_completion) == (None, None)
        assert (standing.own_tasks, standing.subtree.tasks) == (None, None)
        assert standing.subtree.target_count > 0
    for figures in (units[scene.plan, scene.province].own, units[scene.plan, scene.province].subtree):
        assert (figures.completion, figures.tally.tasks) == (None, None)
        assert figures.tally.target_count == 1


async def test_a_firm_reads_the_figures_of_its_own_part(db: Database, scene: Any) -> None:
    _, units = await read(db, scene.insider, scene)
    assert units[scene.plan, scene.firm].own.tally.tasks[Timeliness.OPEN_OVERDUE] == 1
    assert units[scene.plan, scene.firm].own.completion == 0


@pytest.mark.parametrize("scope", list(OutcomeScope))
async def test_a_unit_that_has_nothing_but_tasks_is_in_no_ranking_that_a_firm_reads(
    db: Database, scene: Any, scope: OutcomeScope
) -> None:
    which = UnitOutcomeFilter(scope=scope)
    for who, beside in (
        (scene.official, {scene.helper, scene.firm}),
        (scene.insider, {scene.firm}),
        (scene.outsider, set()),
    ):
        async with db.snapshot(who, now=NOW) as tx:
            page = (await unit_outcomes_of_plans(tx, [scene.plan], PageRequest(first=100), which))[scene.plan]
            assert page.count is not None
            assert await page.count() == len(page.rows)
        found = {row.standing.unit_id for row in page.rows}
        assert found & {scene.helper, scene.firm} == beside
        assert scene.province in found
