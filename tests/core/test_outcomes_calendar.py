"""Outcomes move with the calendar: pace, due dates, timeliness, in local dates, catching up by themselves."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from outcome_events import Country, measure, share_a_task
from outcome_model import disagreements
from vdept.kernel.db import Database
from vdept.measurements.models import Measurement
from vdept.outcomes.models import PlanEvaluation, Status, TargetOutcome, UnitOutcome
from vdept.outcomes.refresh import reevaluate, refresh
from vdept.targets.changes import target_changed, task_changed
from vdept.targets.models import Audience, Basis, Plan, PlanState, Rollup, Target
from vdept.tasks.models import ParticipantRole, Participation, ParticipationState, Task, TaskKind, TaskState
from vdept.units.models import Unit, UnitKind

DUE = date(2026, 6, 30)


async def a_target(db: Database, *, value: Any = None, **more: Any) -> Target:
    """60 per cent by 30 June, from 0, running since 1 January; measured at ``value`` on 1 February."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        holder = await make.unit(tx, "Tỉnh", UnitKind.PROVINCE)
        plan = await make.plan(tx, holder)
        what = await make.indicator(tx, ratio=False)
        key_result = await make.key_result(
            tx, plan, what, rollup=Rollup.OWN, baseline=Decimal(0), due_on=DUE, **more
        )
        target = await make.target(tx, key_result, holder)
        if value is not None:
            await record(tx, target, value, date(2026, 2, 1))
        await target_changed(tx, plan.id, [target.id])
    await refresh(db, now=NOW)
    return target


async def record(tx: Any, target: Target, value: Any, as_of: date) -> None:
    tx.session.add(
        Measurement(
            indicator_id=target.indicator_id,
            unit_id=target.unit_id,
            basis=Basis.MEASURED,
            as_of=as_of,
            value=Decimal(value),
            source="test",
            recorded_at=NOW,
        )
    )
    await tx.session.flush()
    await target_changed(tx, target.plan_id, [target.id])


async def status(db: Database, target: Target) -> Status:
    async with db.snapshot(SYSTEM) as tx:
        return (await tx.session.get_one(TargetOutcome, target.id)).status


@pytest.mark.parametrize(
    ("value", "course"),
    [
        (None, [Status.NOT_STARTED, Status.OFF_TRACK, Status.OFF_TRACK, Status.OFF_TRACK, Status.NOT_MET]),
        ("17", [Status.ON_TRACK, Status.AT_RISK, Status.OFF_TRACK, Status.OFF_TRACK, Status.NOT_MET]),
        ("60", [Status.ON_TRACK, Status.ON_TRACK, Status.ON_TRACK, Status.ON_TRACK, Status.MET]),
    ],
)
async def test_a_year_passes_and_only_the_calendar_moves(
    db: Database, value: str | None, course: list[Status]
) -> None:
    target = await a_target(db, value=value)
    days = [date(2026, 1, 10), date(2026, 3, 20), date(2026, 5, 1), DUE, DUE + timedelta(1)]
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.update(PlanEvaluation).values(evaluated_on=date(2026, 1, 1)))
    seen = []
    for day in days:
        assert await reevaluate(db, as_of=day) == 1
        seen.append(await status(db, target))
    assert seen == course


async def test_exactly_on_the_threshold_is_not_behind_it(db: Database) -> None:
    target = await a_target(db, value="18")  # 0.3 attained; 180 days to go through
    threshold = date(2026, 1, 1) + timedelta(72)  # 0.4 expected: exactly 10 points behind
    assert await reevaluate(db, as_of=threshold) == 1
    assert await status(db, target) is Status.ON_TRACK
    assert await reevaluate(db, as_of=threshold + timedelta(1)) == 1
    assert await status(db, target) is Status.AT_RISK


async def test_a_plan_already_at_the_date_is_left_alone_and_the_calendar_never_runs_backwards(
    db: Database,
) -> None:
    target = await a_target(db, value="17")
    assert await reevaluate(db, as_of=date(2026, 5, 1)) == 1
    assert await reevaluate(db, as_of=date(2026, 5, 1)) == 0
    assert await reevaluate(db, as_of=date(2026, 4, 1)) == 0
    assert await status(db, target) is Status.OFF_TRACK


async def test_after_weeks_without_a_worker_one_call_catches_up(db: Database) -> None:
    target = await a_target(db, value="17")
    assert await reevaluate(db, as_of=DUE + timedelta(40)) == 1
    assert await status(db, target) is Status.NOT_MET


async def test_a_late_measurement_within_the_window_still_turns_the_verdict(db: Database) -> None:
    target = await a_target(db, value="17")
    await reevaluate(db, as_of=DUE + timedelta(3))
    assert await status(db, target) is Status.NOT_MET
    async with db.begin(SYSTEM, now=NOW) as tx:
        await record(tx, target, "60", DUE)
    await refresh(db, now=NOW)
    assert await status(db, target) is Status.MET
    async with db.begin(SYSTEM, now=NOW) as tx:
        await record(tx, target, "10", DUE + timedelta(1))  # of a day that no longer counts
    await refresh(db, now=NOW)
    assert await status(db, target) is Status.MET


async def in_state(db: Database, state: PlanState) -> None:
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.update(Plan).values(state=state))


async def test_a_draft_does_not_move(db: Database) -> None:
    target = await a_target(db, value="17")
    await in_state(db, PlanState.DRAFT)
    assert await reevaluate(db, as_of=DUE + timedelta(3)) == 0
    assert await status(db, target) is Status.ON_TRACK


async def test_a_plan_closed_before_its_due_date_still_comes_to_its_verdicts_and_then_stands_still(
    db: Database,
) -> None:
    target = await a_target(db, value="17")
    await in_state(db, PlanState.CLOSED)
    assert await reevaluate(db, as_of=DUE) == 1
    assert await status(db, target) is Status.OFF_TRACK
    assert await reevaluate(db, as_of=DUE + timedelta(1)) == 1
    assert await status(db, target) is Status.NOT_MET
    assert await reevaluate(db, as_of=DUE + timedelta(2)) == 0


async def test_the_first_roll_up_is_for_the_local_day(db: Database) -> None:
    """Half past six in the evening in UTC is already the next day in Vietnam."""
    evening = datetime(2026, 6, 30, 18, 30, tzinfo=UTC)
    async with db.begin(SYSTEM, now=NOW) as tx:
        holder = await make.unit(tx)
        plan = await make.plan(tx, holder)
        key_result = await make.key_result(tx, plan, await make.indicator(tx), due_on=DUE)
        target = await make.target(tx, key_result, holder)
        await target_changed(tx, plan.id, [target.id])
    await refresh(db, now=evening)
    async with db.snapshot(SYSTEM) as tx:
        assert (await tx.session.get_one(PlanEvaluation, plan.id)).evaluated_on == date(2026, 7, 1)
    assert await status(db, target) is Status.NOT_MET


async def a_task(tx: Any, target: Target, worker: Unit, due_on: date) -> Task:
    task = Task(
        plan_id=target.plan_id,
        title="Nhiệm vụ",
        search="nhiem vu",
        kind=TaskKind.ROUTINE,
        audience=Audience.GOVERNMENT,
        state=TaskState.IN_PROGRESS,
        owner_unit_id=target.unit_id,
        lead_unit_id=worker.id,
        created_at=NOW,
        updated_at=NOW,
        due_on=due_on,
        original_due_on=due_on,
    )
    tx.session.add(task)
    await tx.session.flush()
    tx.session.add(
        Participation(
            task_id=task.id,
            unit_id=worker.id,
            role=ParticipantRole.BUILDER,
            state=ParticipationState.ACCEPTED,
            share=1,
            due_on=due_on,
            open=True,
            updated_at=NOW,
        )
    )
    await task_changed(tx, task.plan_id, task.id)
    return task


async def test_a_task_is_overdue_from_the_day_after_its_due_date(db: Database) -> None:
    target = await a_target(db)
    due_on = date(2026, 4, 10)
    async with db.begin(SYSTEM, now=NOW) as tx:
        worker = await make.unit(tx, "Công ty", UnitKind.FIRM)
        await a_task(tx, target, worker, due_on)
    await refresh(db, now=NOW)
    course = []
    for day in (due_on - timedelta(1), due_on, due_on + timedelta(1)):
        await reevaluate(db, as_of=day)
        async with db.snapshot(SYSTEM) as tx:
            unit = await tx.session.get_one(UnitOutcome, (target.plan_id, worker.id))
            course.append((unit.n_open_in_time, unit.n_open_overdue))
    assert course == [(1, 0), (1, 0), (0, 1)]


async def test_the_calendar_may_move_while_changes_wait_and_nothing_is_counted_twice(db: Database) -> None:
    country = Country(41)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await country.found(tx)
    await refresh(db, now=NOW)
    for days in range(0, 300, 60):
        async with db.begin(SYSTEM, now=NOW) as tx:
            for _ in range(5):
                await measure(country, tx)
                await share_a_task(country, tx)
        await reevaluate(db, as_of=date(2026, 3, 3) + timedelta(days))
        async with db.snapshot(SYSTEM) as tx:  # a move of the calendar takes in what waits
            assert await disagreements(tx.session, country.plan_id) == []
        assert (await refresh(db, now=NOW)).changes > 0
        async with db.snapshot(SYSTEM) as tx:
            assert await disagreements(tx.session, country.plan_id) == []
