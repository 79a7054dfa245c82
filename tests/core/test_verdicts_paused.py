"""A pause is the holder's own act: after the due date it is no way out of a verdict or of a correction."""

from datetime import date
from decimal import Decimal

import pytest

from core.test_verdicts import DUE, LATER, NEXT, judge, roll_up, said, verdicts
from factories import SYSTEM
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale
from vdept.targets.holding import pause_target, resume_target
from vdept.targets.models import TargetState
from vdept.verdicts import explaining
from vdept.verdicts.issuing import Report, issue
from warnings_scene import Scene, build, days, morning


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await build(db)


async def pause(scene: Scene, name: str, on: date) -> None:
    async with scene.db.begin(scene.heads[name], now=morning(on)) as tx:
        await pause_target(tx, scene.targets[name].id, reason="Quá tải", review_on=on + days(60))


async def test_a_correction_reaches_what_was_paused_after_it_was_judged(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "100")
    await judge(scene, NEXT)
    await pause(scene, "north", NEXT)
    assert await judge(scene, NEXT) == Report(), "the pause itself changes nothing"

    await scene.measure("north", DUE, "40")
    assert (await judge(scene, LATER)).reissued == 2
    assert said(await verdicts(scene)) == [("TARGET", 2, "NOT_MET"), ("UNIT", 2, "NOT_MET")]


async def test_a_unit_is_judged_although_one_of_its_targets_was_paused_once_it_was_due(scene: Scene) -> None:
    missed = await scene.add_target("north", due_on=DUE)
    await judge(scene, NEXT)
    await scene.add_target("north", of=await scene.add_key_result(), due_on=LATER)
    scene.targets["north"], later = missed, scene.targets["north"]
    await judge(scene, NEXT)
    await pause(scene, "north", LATER)
    scene.targets["north"] = later
    await scene.measure("north", LATER, "100")
    await judge(scene, LATER + days(1))
    assert said(await verdicts(scene)) == [
        ("TARGET", 1, "NOT_MET"),
        ("TARGET", 1, "MET"),
        ("UNIT", 2, "NOT_MET"),
    ]
    *_, unit = await verdicts(scene)
    assert unit.inputs == {
        "targets": 2,
        "met": 1,
        "not_met": 1,
        "binding": 2,
        "binding_met": 1,
        "unmet": [missed.id],
    }


async def test_who_pauses_after_the_due_date_before_the_worker_has_judged_is_judged(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    await roll_up(scene, DUE)
    await pause(scene, "north", NEXT)
    assert (await judge(scene, NEXT + days(7))).issued == 2
    async with scene.db.snapshot(SYSTEM) as tx:
        target = await explaining.explain_target(tx, scene.targets["north"].id)
        unit = await explaining.explain_unit(tx, scene.plan.id, scene.units["north"].id)
    assert target is not None
    assert unit is not None
    last = [each.lines[-1].sentence(Locale.EN) for each in (target, unit)]
    assert last == ["Verdict: not met; it was paused after it was due.", "Verdict: not met."]
    assert said(await verdicts(scene)) == [("TARGET", 1, "NOT_MET"), ("UNIT", 1, "NOT_MET")]


async def test_who_pauses_on_the_due_date_is_judged_when_it_goes_on(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    await pause(scene, "north", DUE)
    assert await judge(scene, LATER) == Report()
    async with scene.db.begin(scene.heads["north"], now=morning(LATER)) as tx:
        await resume_target(tx, scene.targets["north"].id)
    assert (await judge(scene, LATER)).issued == 2


async def test_a_later_due_date_takes_the_verdict_of_a_paused_target_and_of_its_unit_away(
    scene: Scene,
) -> None:
    target = await scene.add_target("north", due_on=DUE)
    await judge(scene, NEXT)
    await pause(scene, "north", NEXT)
    await scene.set(target, due_on=date(2026, 12, 1))
    assert (await judge(scene, LATER)).lifted == 2
    assert await judge(scene, date(2026, 12, 2)) == Report(), "paused before it is due"
    assert await verdicts(scene) == []


async def test_a_unit_with_nothing_left_in_force_has_no_verdict_and_one_that_waits_keeps_its_own(
    scene: Scene,
) -> None:
    target = await scene.add_target("north", due_on=DUE)
    other = await scene.add_target("north", of=await scene.add_key_result(), due_on=DUE)
    await judge(scene, NEXT)
    await scene.set(other, value=Decimal(7))
    assert await issue(scene.db, as_of=NEXT, now=morning(NEXT)) == Report(), "waits to be rolled up"
    for row in (target, other):
        await scene.set(row, state=TargetState.WITHDRAWN)
    assert (await judge(scene, LATER)).lifted == 3
    assert await verdicts(scene) == []
