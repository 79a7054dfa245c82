"""What an explanation says of figures that are read off nothing, and to whom it says what it rests on."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

import factories as make
from core.test_verdicts import DUE, NEXT, intake_of, judge, record, verdicts
from factories import SYSTEM
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale
from vdept.kernel.pages import PageRequest
from vdept.kernel.scopes import Scope
from vdept.targets.models import Rollup, Target, TargetState
from vdept.tasks.models import TaskState, TaskTarget
from vdept.verdicts import explaining, queries
from vdept.verdicts.explaining import Explanation
from vdept.verdicts.sentences import LineKind
from warnings_scene import Scene, build, morning


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await build(db)


async def explained(scene: Scene, target: Target, who: Actor = SYSTEM) -> Explanation:
    async with scene.db.snapshot(who) as tx:
        found = await explaining.explain_target(tx, target.id)
    assert found is not None
    return found


def line(of: Explanation, kind: LineKind) -> str:
    return "".join(each.sentence(Locale.EN) for each in of.lines if each.kind is kind)


async def milestone(scene: Scene) -> Target:
    """One of two tasks verified, of an indicator that was measured all the same."""
    async with scene.db.begin(SYSTEM) as tx:
        ratio = await make.indicator(tx)
    of = await scene.add_key_result(ratio, rollup=Rollup.MILESTONE)
    above = await scene.add_target("province", of=of, due_on=DUE)
    target = await scene.add_target("north", "province", of=of, due_on=DUE)
    for state in (TaskState.VERIFIED, TaskState.IN_PROGRESS):
        done = DUE if state is TaskState.VERIFIED else None
        row = await scene.add_task("north", date(2026, 2, 2), state=state, delivered_on=done, due_on=DUE)
        async with scene.db.begin(SYSTEM) as tx:
            tx.session.add(TaskTarget(task_id=row.id, target_id=target.id, weight=Decimal(1)))
    async with scene.db.begin(SYSTEM, now=morning(DUE)) as tx:
        for row in (above, target):
            await record(tx, row, DUE, "75", parts=("3", "4"))
    await judge(scene, NEXT)
    return target


async def test_a_milestone_is_read_off_nothing_whatever_its_indicator_was_measured_to_be(
    scene: Scene,
) -> None:
    target = await milestone(scene)
    found = await explained(scene, target)
    assert line(found, LineKind.VALUE) == "The value that counts (measured): 50 %."
    assert line(found, LineKind.TASKS) == "Of the tasks' weight, 2, 1 was verified in time."
    above = await explained(scene, scene.targets["province"])
    assert line(above, LineKind.VALUE) == "The value that counts (measured): 0 %."
    async with scene.db.snapshot(SYSTEM) as tx:
        [row] = (await explaining.parts_of_target(tx, above, PageRequest(first=9))).rows
    part = explaining.child_of(above, row)
    assert (part.value, part.numerator, part.denominator) == (50, None, None)
    for verdict in await verdicts(scene):
        assert not {"numerator", "denominator", "as_of", "source"} & set(verdict.inputs)


async def test_who_may_not_see_figures_of_tasks_is_not_told_that_there_are_none(scene: Scene) -> None:
    target = await milestone(scene)
    client = replace(scene.heads["province"], scopes=frozenset({Scope.PLANS_READ}))
    found = await explained(scene, target, client)
    assert line(found, LineKind.TASKS) == "The figures of the milestone's tasks are not for you."


async def test_of_what_was_taken_back_no_verdict_is_told(scene: Scene) -> None:
    target = await scene.add_target("north", due_on=DUE)
    await judge(scene, NEXT)
    assert line(await explained(scene, target), LineKind.STATUS) == "Verdict: not met."
    await scene.set(target, state=TargetState.WITHDRAWN)
    await judge(scene, NEXT)
    assert line(await explained(scene, target), LineKind.STATUS) == (
        "The target was taken back: it counts nowhere and has no verdict."
    )


async def test_the_document_is_told_alike_by_verdict_and_explanation_to_who_works_at_the_source(
    scene: Scene,
) -> None:
    """Every official sees the reading and its source; what exactly came in is for those who work there."""
    target = await scene.add_target("north", due_on=DUE)
    async with scene.db.begin(SYSTEM, now=morning(DUE)) as tx:
        intake = await intake_of(tx, scene)
        await record(tx, target, DUE, "90", intake_id=intake.id)
    await judge(scene, NEXT)
    verdict, *_ = await verdicts(scene)
    for name, told in {"north": True, "province": False, "other": False}.items():
        who = scene.heads[name]
        async with scene.db.snapshot(who) as tx:
            source = (await queries.readings_behind(tx, [verdict.id]))[verdict.id]
        assert source["source"] == "Cổng dịch vụ công"
        assert (
            {"sha256", "received_at"} <= set(source) if told else not {"sha256", "received_at"} & set(source)
        )
        reading = line(await explained(scene, target, who), LineKind.READING)
        assert "Cổng dịch vụ công" in reading
        assert ("SHA-256" in reading) == told
