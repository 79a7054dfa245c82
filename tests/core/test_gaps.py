"""The history of the gap: a row for each day it changed, never rewritten, seen as the outcome is."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from statements import counting
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.measurements.models import Measurement
from vdept.outcomes import gaps
from vdept.outcomes.models import OutcomeGap
from vdept.outcomes.queries import unit_outcomes_of
from vdept.outcomes.refresh import refresh
from vdept.targets.changes import target_changed
from vdept.targets.models import Audience, Basis, Rollup, Target, TargetState
from vdept.units.models import UnitKind

D = Decimal
TODAY = date(2026, 3, 2)
DAY = timedelta(days=1)


class Scene:
    """Two provinces and a firm with a target each below the government's, from 0 to 60."""

    targets: list[Target]
    official: Actor
    firm_person: Actor
    day: timedelta = timedelta(0)

    def __init__(self, db: Database) -> None:
        self.db = db

    async def record(self, target: Target, basis: Basis, value: object, as_of: date = TODAY) -> None:
        async with self.db.begin(SYSTEM, now=NOW) as tx:
            tx.session.add(
                Measurement(
                    indicator_id=target.indicator_id,
                    unit_id=target.unit_id,
                    basis=basis,
                    as_of=as_of,
                    value=D(str(value)),
                    source="test",
                    recorded_at=NOW,
                )
            )
            await tx.session.flush()
            await target_changed(tx, target.plan_id, [target.id])
        await refresh(self.db, now=NOW)

    async def keep(self, after: int = 0) -> int:
        """As the job does, so many days after the first."""
        return await gaps.keep(self.db, now=NOW + after * DAY)

    async def told(self, target: Target, who: Actor = SYSTEM, **when: Any) -> list[tuple[Any, ...]] | None:
        async with self.db.snapshot(who) as tx:
            found = await gaps.gaps_of_targets(tx, [target.id], **when)
        history = found.get(target.id)
        return None if history is None else [(*g[:3], g.points) for g in history.gaps]

    async def told_of_unit(self, target: Target, who: Actor = SYSTEM) -> list[tuple[date, Decimal | None]]:
        pair = (target.plan_id, target.unit_id)
        async with self.db.snapshot(who) as tx:
            found = await gaps.gaps_of_units(tx, [pair])
        return [(g.on_day, g.points) for g in found[pair].gaps] if pair in found else []


@pytest.fixture
async def scene(db: Database) -> Scene:
    made = Scene(db)
    async with db.begin(SYSTEM, now=NOW) as tx:
        nation = await make.unit(tx, kind=UnitKind.GOVERNMENT)
        holders = [await make.unit(tx, parent=nation), await make.unit(tx, parent=nation)]
        holders.append(await make.unit(tx, kind=UnitKind.FIRM))
        plan = await make.plan(tx, nation, audience=Audience.GOVERNMENT)
        what = await make.indicator(tx, ratio=False)
        key_result = await make.key_result(tx, plan, what, baseline=D(0), rollup=Rollup.MEAN)
        root = await make.target(tx, key_result, nation)
        made.targets = [await make.target(tx, key_result, holder, root) for holder in holders]
        made.targets.append(root)
        await target_changed(tx, plan.id, [t.id for t in made.targets])
        made.official = await make.actor(tx, holders[1], Role.MEMBER)
        made.firm_person = await make.actor(tx, holders[2], Role.MEMBER)
    await refresh(db, now=NOW)
    return made


async def test_without_a_value_there_is_no_history(scene: Scene) -> None:
    assert await scene.keep() == 0
    assert await scene.told(scene.targets[0]) is None


async def test_a_day_on_which_something_changed_gets_one_row_and_a_quiet_one_none(scene: Scene) -> None:
    first = scene.targets[0]
    await scene.record(first, Basis.REPORTED, 30)
    assert await scene.keep() == 2, "the target and the one above it; nothing measured: no gap of units"
    assert await scene.keep(after=1) == 0
    await scene.record(first, Basis.MEASURED, 17)
    await scene.keep(after=2)
    assert await scene.told(first) == [
        (TODAY, None, 30, None),
        (TODAY + 2 * DAY, 17, 30, D("21.6667")),
    ]
    assert await scene.told_of_unit(first) == [(TODAY + 2 * DAY, D("21.6667"))]
    assert await scene.told(scene.targets[-1]) == [
        (TODAY, None, 30, None),
        (TODAY + 2 * DAY, 17, 30, D("21.6667")),
    ], "what is rolled up has a history too"


async def test_it_may_run_twice_and_at_once(scene: Scene) -> None:
    await scene.record(scene.targets[0], Basis.REPORTED, 30)
    done = await asyncio.gather(*[scene.keep() for _ in range(3)])
    assert sorted(done) == [0, 0, 2]
    assert len(await scene.told(scene.targets[0]) or ()) == 1


async def test_the_row_of_today_is_kept_up_to_date_until_the_day_ends(scene: Scene) -> None:
    first = scene.targets[0]
    await scene.record(first, Basis.REPORTED, 30)
    await scene.keep()
    await scene.record(first, Basis.REPORTED, 33)
    await scene.keep()
    assert await scene.told(first) == [(TODAY, None, 33, None)]


async def test_a_row_of_today_is_taken_back_when_things_are_as_they_were(scene: Scene) -> None:
    first = scene.targets[0]
    await scene.record(first, Basis.REPORTED, 30)
    await scene.keep()
    await scene.record(first, Basis.REPORTED, 40)
    assert await scene.keep(after=1) == 2
    await scene.record(first, Basis.REPORTED, 30)
    assert await scene.keep(after=1) == 2
    assert await scene.told(first) == [(TODAY, None, 30, None)]


async def test_days_that_are_over_are_never_touched(scene: Scene) -> None:
    first = scene.targets[0]
    await scene.record(first, Basis.REPORTED, 30)
    await scene.keep(after=5)
    await scene.record(
        first, Basis.REPORTED, 31, as_of=TODAY - DAY
    )  # late, of a day long ago: changes nothing
    await scene.record(first, Basis.REPORTED, 50)
    assert await scene.keep(after=3) == 0, "a clock that was set back writes nothing before what is known"
    await scene.keep(after=9)
    assert await scene.told(first) == [(TODAY + 5 * DAY, None, 30, None), (TODAY + 9 * DAY, None, 50, None)]


async def test_weeks_without_a_worker_are_one_row_of_the_day_it_was_seen(scene: Scene) -> None:
    await scene.record(scene.targets[0], Basis.REPORTED, 30)
    await scene.record(scene.targets[0], Basis.MEASURED, 30)
    await scene.keep(after=30)
    assert await scene.told(scene.targets[0]) == [(TODAY + 30 * DAY, 30, 30, 0)]


async def test_the_gap_of_a_withdrawn_target_ends(scene: Scene) -> None:
    first = scene.targets[0]
    await scene.record(first, Basis.REPORTED, 30)
    await scene.record(first, Basis.MEASURED, 17)
    await scene.keep()
    async with scene.db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(
            sa.update(Target).where(Target.id == first.id).values(state=TargetState.WITHDRAWN)
        )
        await target_changed(tx, first.plan_id, [first.id])
    await refresh(scene.db, now=NOW)
    await scene.keep(after=1)
    assert (await scene.told(first) or [])[-1] == (TODAY + DAY, None, None, None)
    assert await scene.told_of_unit(first) == [(TODAY, D("21.6667")), (TODAY + DAY, None)]


async def test_the_history_s_last_points_are_those_of_the_outcome(scene: Scene) -> None:
    for target, (reported, measured) in zip(scene.targets, [(30, 17), (59, 1), (20, 41)], strict=False):
        await scene.record(target, Basis.REPORTED, reported)
        await scene.record(target, Basis.MEASURED, measured)
    await scene.keep()
    for target in scene.targets:
        pair = (target.plan_id, target.unit_id)
        async with scene.db.snapshot(SYSTEM) as tx:
            standing = (await unit_outcomes_of(tx, [pair]))[pair]
        assert await scene.told_of_unit(target) == [(TODAY, standing.own.gap_points)]


async def test_who_does_not_see_the_outcome_sees_no_history(scene: Scene) -> None:
    for target in scene.targets[:3]:
        await scene.record(target, Basis.REPORTED, 30)
        await scene.record(target, Basis.MEASURED, 10)
    await scene.keep()
    seen = {
        who: [await scene.told(target, who) is not None for target in scene.targets]
        for who in (scene.official, scene.firm_person)
    }
    assert seen == {scene.official: [True] * 4, scene.firm_person: [False, False, True, False]}
    units = [bool(await scene.told_of_unit(target, scene.firm_person)) for target in scene.targets]
    assert units == [False, False, True, False]


async def test_a_history_begins_with_what_stood_on_its_first_day(scene: Scene) -> None:
    first = scene.targets[0]
    for after, value in enumerate([10, 20, 30, 40]):
        await scene.record(first, Basis.REPORTED, value)
        await scene.keep(after=10 * after)
    told = await scene.told(first, since=TODAY + 15 * DAY, until=TODAY + 29 * DAY)
    assert told == [(TODAY + 10 * DAY, None, 20, None), (TODAY + 20 * DAY, None, 30, None)]
    assert await scene.told(first, until=TODAY - DAY) is None
    with pytest.raises(Refused, match="PERIOD_INVERTED"):
        await scene.told(first, since=TODAY, until=TODAY - DAY)


async def test_only_the_latest_changes_are_told_and_that_there_were_earlier_ones(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "points_each", lambda _lines: 2)
    first = scene.targets[0]
    for after, value in enumerate([10, 20, 30]):
        await scene.record(first, Basis.REPORTED, value)
        await scene.keep(after=after)
    async with scene.db.snapshot(SYSTEM) as tx:
        whole = (await gaps.gaps_of_targets(tx, [first.id]))[first.id]
        part = (await gaps.gaps_of_targets(tx, [first.id], until=TODAY + DAY))[first.id]
    assert ([g.reported_value for g in whole.gaps], whole.earlier) == ([20, 30], True)
    assert ([g.reported_value for g in part.gaps], part.earlier) == ([10, 20], False)


async def test_keeping_and_reading_take_as_many_statements_for_one_as_for_all(scene: Scene) -> None:
    with counting(scene.db) as one:
        await scene.record(scene.targets[0], Basis.REPORTED, 30)
    with counting(scene.db) as one:
        await scene.keep()
    for target in scene.targets[:3]:
        await scene.record(target, Basis.REPORTED, 44)
    with counting(scene.db) as many:
        await scene.keep(after=1)
    assert len(one) == len(many)
    async with scene.db.snapshot(SYSTEM) as tx:
        with counting(scene.db) as sent:
            found = await gaps.gaps_of_targets(tx, [t.id for t in scene.targets])
            await gaps.gaps_of_units(tx, [(t.plan_id, t.unit_id) for t in scene.targets])
    assert len(found) == 4
    assert len(sent) == 2


async def test_a_failure_in_one_plan_keeps_nobody_else_s_history_waiting(
    scene: Scene, owner: Database
) -> None:
    await scene.record(scene.targets[0], Basis.REPORTED, 30)
    async with scene.db.begin(SYSTEM, now=NOW) as tx:
        holder = await make.unit(tx)
        plan = await make.plan(tx, holder)
        key_result = await make.key_result(tx, plan, await make.indicator(tx, ratio=False), rollup=Rollup.OWN)
        other = await make.target(tx, key_result, holder)
    await scene.record(other, Basis.REPORTED, 7)
    async with owner.engine.begin() as connection:
        await connection.execute(
            sa.text(
                f"ALTER TABLE outcome_gap ADD CONSTRAINT broken CHECK (plan_id <> {scene.targets[0].plan_id})"
            )
        )
    with pytest.raises(sa.exc.IntegrityError):
        await scene.keep()
    async with scene.db.snapshot(SYSTEM) as tx:
        kept = set(await tx.session.scalars(sa.select(OutcomeGap.plan_id)))
    assert kept == {plan.id}
    async with owner.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE outcome_gap DROP CONSTRAINT broken"))
    assert await scene.keep() == 2
