"""Whatever happens: what is detected is what the rules say of every single row."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from outcome_events import END, EVENTS, START, Country
from vdept.calendars.queries import calendar_of
from vdept.calendars.rules import Calendar
from vdept.kernel.activity import Activity
from vdept.kernel.clock import local_date
from vdept.kernel.db import Database, Tx
from vdept.outcomes.models import PlanEvaluation, Status, TargetOutcome
from vdept.outcomes.refresh import reevaluate, refresh
from vdept.targets.models import (
    Basis,
    Frequency,
    Indicator,
    KeyResult,
    Plan,
    PlanState,
    Rollup,
    Target,
    TargetState,
)
from vdept.tasks.models import Task, TaskState
from vdept.warnings import rules
from vdept.warnings.detecting import Report, detect
from vdept.warnings.models import EarlyWarning, Severity
from warnings_scene import morning

Found = dict[tuple[str, str, int], tuple[int, Severity]]
"""Kind, subject and its number → the unit warned and how gravely."""


# -- the rules, row by row ---------------------------------------------------------------------------------


async def by_the_rules(db: Database, plan_id: int, outside_on: date) -> Found:
    """What must be open: one row after the other, in plain Python."""
    async with db.snapshot(SYSTEM) as tx:
        plan = await tx.session.get_one(Plan, plan_id)
        day = await tx.session.scalar(
            sa.select(PlanEvaluation.evaluated_on).where(PlanEvaluation.plan_id == plan_id)
        )
        calendar = await calendar_of(tx, None)
        found: Found = {}
        if plan.state is PlanState.ISSUED:
            rows = await tx.session.execute(
                sa.select(Target, KeyResult, Indicator, TargetOutcome)
                .join(KeyResult, KeyResult.id == Target.key_result_id)
                .join(Indicator, Indicator.id == Target.indicator_id)
                .outerjoin(TargetOutcome, TargetOutcome.target_id == Target.id)
                .where(Target.plan_id == plan_id)
            )
            for target, key_result, indicator, outcome in rows:
                for kind, severity in of_target(
                    plan, target, key_result, indicator, outcome, day or outside_on
                ):
                    found[kind, "TARGET", target.id] = target.unit_id, severity
        accepted = dict(
            (
                await tx.session.execute(
                    sa.select(Activity.subject_id, sa.func.max(Activity.at))
                    .where(Activity.verb == "task.accepted")
                    .group_by(Activity.subject_id)
                )
            ).all()
        )
        for task in await tx.session.scalars(sa.select(Task)):
            if task.plan_id is not None and plan.state is not PlanState.ISSUED:
                continue
            as_of = (day or outside_on) if task.plan_id is not None else outside_on
            stale = plan.stale_days if task.plan_id is not None else rules.DEFAULT_STALE_DAYS
            since = local_date(accepted.get(task.id, task.created_at))
            for kind, severity in of_task(task, stale, since, calendar, as_of):
                found[kind, "TASK", task.id] = task.lead_unit_id or 0, severity
    return found


def of_target(
    plan: Plan,
    target: Target,
    key_result: KeyResult,
    indicator: Indicator,
    outcome: TargetOutcome | None,
    day: date,
) -> Iterator[tuple[str, Severity]]:
    if target.state is not TargetState.ACTIVE or day > target.due_on:
        return
    if target.acknowledged_at is None:
        assigned = local_date(max(at for at in (target.assigned_at, plan.issued_at) if at))
        if severity := rules.late((day - assigned).days, plan.grace_days):
            yield "UNACKNOWLEDGED", severity
    if outcome is None:
        return
    if outcome.status in {Status.AT_RISK, Status.OFF_TRACK}:
        yield "PACE", Severity(outcome.status.value)
    if severity := rules.gap(outcome.reported_attainment, outcome.measured_attainment, key_result.gap_points):
        yield "GAP", severity
    leaf = outcome.children == 0 or key_result.rollup is Rollup.OWN
    if indicator.frequency and leaf and key_result.rollup is not Rollup.MILESTONE:
        reported = outcome.reported_on if key_result.basis is Basis.REPORTED else None
        since = reported or outcome.measured_on or target.starts_on
        if severity := rules.late((day - since).days, rules.allowed_silence(indicator.frequency)):
            yield "SILENCE", severity


def of_task(
    task: Task, stale: int, since: date, calendar: Calendar, day: date
) -> Iterator[tuple[str, Severity]]:
    if task.state not in {TaskState.ACCEPTED, TaskState.IN_PROGRESS}:
        return
    if severity := rules.late((day - local_date(task.updated_at)).days, stale):
        yield "ABANDONED", severity
    if day <= task.due_on:
        yesterday = day - timedelta(1)
        used = calendar.between(since - timedelta(1), yesterday) - task.paused_days
        left = calendar.between(yesterday, task.due_on)
        if projection := rules.no_time_left(task.progress, max(used, 0), left):
            yield "NO_TIME_LEFT", projection.severity


async def open_warnings(db: Database) -> Found:
    async with db.snapshot(SYSTEM) as tx:
        rows = list(await tx.session.scalars(sa.select(EarlyWarning).where(EarlyWarning.closed_at.is_(None))))
    found = {(str(w.kind), str(w.subject), w.subject_id): (w.unit_id, w.severity) for w in rows}
    assert len(found) == len(rows)
    return found


# -- what happens besides ----------------------------------------------------------------------------------


async def accept(country: Country, tx: Tx, day: date) -> None:
    """A task accepted some time ago, in the plan or outside any, worked on since or not."""
    owner, lead = country.random.sample(country.units, 2)
    created, accepted, updated = sorted(
        morning(day - timedelta(country.random.randint(0, 80))) for _ in range(3)
    )
    inside = country.random.random() < 0.6
    task = await make.task(
        tx,
        owner,
        lead,
        await tx.session.get_one(Plan, country.plan_id) if inside else None,
        state=country.random.choice([TaskState.ACCEPTED, TaskState.IN_PROGRESS]),
        created_at=created,
        updated_at=updated,
        due_on=day + timedelta(country.random.randint(-5, 30)),
        progress=Decimal(country.random.randint(0, 10000)) / 100,
        paused_days=country.random.choice([0, 0, 3, 30]),
    )
    if country.random.random() < 0.8:
        tx.session.add(
            Activity(
                at=accepted, actor="test", verb="task.accepted", subject_type="Task", subject_id=task.id,
                data={},
            )
        )  # fmt: skip
    if inside:
        country.tasks.append(task.id)


async def change(country: Country, tx: Tx, day: date) -> None:
    """Frequencies, thresholds, acknowledgements, and the plan itself."""
    target = country.random.choice(country.targets)
    kind = country.random.randint(0, 5)
    if kind == 0:
        query = sa.update(Indicator).where(Indicator.id == target.indicator_id)
        await tx.session.execute(query.values(frequency=country.random.choice([None, *Frequency])))
    elif kind == 1:
        await tx.session.execute(
            sa.update(KeyResult)
            .where(KeyResult.id == target.key_result_id)
            .values(gap_points=country.random.choice([0, 10, Decimal("33.33"), 100]))
        )
    elif kind in (2, 3):
        at = country.random.choice([None, morning(day)])
        await tx.session.execute(sa.update(Target).where(Target.id == target.id).values(acknowledged_at=at))
    elif kind == 4:
        await tx.session.execute(
            sa.update(Target)
            .where(Target.id == target.id)
            .values(assigned_at=morning(day - timedelta(country.random.randint(0, 60))))
        )
    else:
        state = country.random.choice([PlanState.ISSUED, PlanState.ISSUED, PlanState.CLOSED])
        days = {"grace_days": country.random.choice([0, 1, 14]), "stale_days": country.random.choice([1, 30])}
        await tx.session.execute(
            sa.update(Plan).where(Plan.id == country.plan_id).values(state=state, **days)
        )


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_detected_is_what_the_rules_say(db: Database, seed: int) -> None:
    country = Country(seed)
    async with db.begin(SYSTEM, now=morning(START)) as tx:
        await country.found(tx)
    day, opened, closed = START - timedelta(5), 0, 0
    seen: set[str] = set()
    for turn in range(14):
        for _ in range(country.random.randint(1, 12)):
            async with db.begin(SYSTEM, now=morning(day)) as tx:
                one = country.random.random()
                if one < 0.25:
                    await accept(country, tx, day)
                elif one < 0.55:
                    await change(country, tx, day)
                else:
                    await country.random.choice(EVENTS)(country, tx)
        if country.random.random() < 0.8:
            day += timedelta(country.random.randint(1, 45))
            await reevaluate(db, as_of=day)
        country.today = day
        while (await refresh(db, now=morning(day))).changes:
            pass
        now = morning(day) + timedelta(seconds=turn)
        runs = await asyncio.gather(*[detect(db, as_of=day, now=now) for _ in range(turn % 3 + 1)])
        opened += sum(run.opened for run in runs)
        closed += sum(run.closed for run in runs)
        expected = await by_the_rules(db, country.plan_id, day)
        assert await open_warnings(db) == expected
        seen.update(kind for kind, _, _ in expected)
        assert await detect(db, as_of=day, now=now + timedelta(hours=1)) == Report()
    assert opened - closed == len(expected)
    assert len(seen) >= 5, "nothing is proved of a kind that never occurs"
    assert opened > 20
    assert closed > 5
    assert day < END + timedelta(400)
