"""Whatever happens, the verdicts that count say what the outcomes say, and every explanation adds up."""

import random
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from core.test_verdicts import judge, verdicts
from factories import SYSTEM
from vdept.kernel.db import Database
from vdept.kernel.pages import PageRequest
from vdept.outcomes.models import Status, TargetOutcome, UnitOutcome
from vdept.outcomes.standings import unit_verdict
from vdept.targets.models import Basis, KeyResult, Rollup, Target, TargetState
from vdept.verdicts import explaining
from vdept.verdicts.issuing import Report, issue
from vdept.verdicts.models import Judgement, Verdict
from vdept.verdicts.parts import figure, unit_attainment
from warnings_scene import Scene, build, days, morning

FIRST = date(2026, 4, 1)
PLACES = (("nation", None), ("province", "nation"), ("north", "province"), ("south", "province"))
JUDGED = {Status.MET: Judgement.MET, Status.NOT_MET: Judgement.NOT_MET}


@pytest.mark.parametrize("seed", range(4))
async def test_the_verdicts_that_count_say_what_the_outcomes_say(db: Database, seed: int) -> None:
    dice = random.Random(seed)
    scene = await build(db)
    targets = await trees(scene, dice)
    paused: set[int] = set()
    day = FIRST
    for _ in range(6):
        for _ in range(dice.randint(1, 4)):
            await something_happens(scene, dice, dice.choice(targets), day, paused)
        await judge(scene, day)
        await agree(scene, paused)
        assert await issue(db, as_of=day, now=morning(day)) == Report(), "once more changes nothing"
        day += days(dice.randint(1, 20))


@pytest.mark.parametrize("seed", range(4))
async def test_every_explanation_adds_up_to_its_outcome(db: Database, seed: int) -> None:
    dice = random.Random(100 + seed)
    scene = await build(db)
    targets = await trees(scene, dice)
    for _ in range(12):
        await value_comes(scene, dice, dice.choice(targets), FIRST)
    await judge(scene, FIRST)
    checked = 0
    async with db.snapshot(SYSTEM) as tx:
        for target in targets:
            row = await tx.session.get_one(TargetOutcome, target.id)
            found = await explaining.explain_target(tx, target.id)
            assert found is not None
            page = await explaining.parts_of_target(tx, found, PageRequest(first=100))
            parts = [explaining.child_of(found, child).part for child in page.rows]
            assert len(parts) == row.children
            if found.adds_up and found.rollup is not None:
                used = "reported" if found.used is Basis.REPORTED else "measured"
                assert found.value == getattr(row, f"{used}_value") == figure(found.rollup, parts)
                checked += found.value is not None
        for unit in scene.units.values():
            of_unit = await explaining.explain_unit(tx, scene.plan.id, unit.id)
            if of_unit is None:
                continue
            page = await explaining.parts_of_unit(tx, of_unit, PageRequest(first=100))
            parts = [explaining.target_of(target).part for target in page.rows]
            assert of_unit.value == unit_attainment(parts)
    assert checked >= 2, "some parents have a value"


async def trees(scene: Scene, dice: random.Random) -> list[Target]:
    """A few key results of different rules and bases, each a tree of four targets."""
    made: list[Target] = []
    for _ in range(4):
        async with scene.db.begin(SYSTEM) as tx:
            what = await make.indicator(tx)
        of: KeyResult = await scene.add_key_result(
            what,
            rollup=dice.choice([rule for rule in Rollup if rule is not Rollup.MILESTONE]),
            basis=dice.choice(list(Basis)),
            binding=dice.random() < 0.8,
            weight=Decimal(dice.randint(1, 4)),
        )
        for name, parent in PLACES:
            due = FIRST + days(dice.randint(-20, 60))
            weight = Decimal(dice.randint(1, 9))
            row = await scene.add_target(name, parent, of=of, due_on=due, value=Decimal(50), weight=weight)
            made.append(row)
    return made


async def something_happens(
    scene: Scene, dice: random.Random, target: Target, day: date, paused: set[int]
) -> None:
    match dice.randint(0, 5):
        case 0:
            await scene.set(target, state=TargetState.WITHDRAWN, review_on=None)
            paused.discard(target.id)
        case 1:
            await scene.set(target, state=TargetState.ACTIVE, review_on=None)
            paused.discard(target.id)
        case 2:
            await scene.set(target, state=TargetState.PAUSED, review_on=day + days(30))
            paused.add(target.id)
        case 3:
            await scene.set(target, due_on=day + days(dice.randint(-10, 20)))
        case _:
            await value_comes(scene, dice, target, day)


async def value_comes(scene: Scene, dice: random.Random, target: Target, day: date) -> None:
    from core.test_verdicts import record

    above, below = dice.randint(0, 9), dice.randint(1, 9)
    async with scene.db.begin(SYSTEM, now=morning(day)) as tx:
        await record(
            tx,
            target,
            day - days(dice.randint(0, 60)),
            str(dice.choice([40, 60, Decimal("33.333333")])),
            basis=dice.choice(list(Basis)),
            parts=(str(above), str(below)),
        )


async def agree(scene: Scene, paused: set[int]) -> None:
    """Of what is paused a verdict may stand or not; all else follows from the outcomes alone."""
    current = await verdicts(scene)
    of_targets: dict[Any, Verdict] = {row.target_id: row for row in current if row.target_id is not None}
    of_units = {row.unit_id: row for row in current if row.target_id is None}
    async with scene.db.snapshot(SYSTEM) as tx:
        outcomes = list(await tx.session.scalars(sa.select(TargetOutcome)))
        units = list(await tx.session.scalars(sa.select(UnitOutcome)))
    for row in outcomes:
        if row.target_id in paused:
            continue
        wanted = JUDGED.get(row.status) if row.live else None
        found = of_targets.get(row.target_id)
        assert (found.judgement if found else None) == wanted
        if found:
            used = found.inputs["used"].lower()
            assert found.value == getattr(row, f"{used}_value")
    for unit in units:
        if unit.n_paused:
            continue
        counts = {status: int(getattr(unit, f"n_{status.value.lower()}")) for status in Status}
        found = of_units.get(unit.unit_id)
        wanted = unit_verdict(counts, unit.binding, unit.binding_met)
        assert (found.judgement if found else None) == wanted
        if found:
            assert (found.inputs["binding"], found.inputs["binding_met"]) == (unit.binding, unit.binding_met)
