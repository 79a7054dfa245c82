"""Tasks that come again: set, change and end a series. ``occurrences`` creates what it brings.

A series is read from the due date of the task it was begun from, which is its first member; the rule's later
days follow. Occurrences are made like that task as it is by then; those that are there are not changed.
Cancelling one of them leaves the series alone: it ends by its rule, with its plan, or by ``stop_repeating``.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from vdept.calendars.queries import calendar_of
from vdept.calendars.rules import Calendar
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Refused, Words
from vdept.kernel.versions import check_version, next_version
from vdept.targets.models import Plan, PlanState
from vdept.tasks import errors, recurrence_days, rules
from vdept.tasks.access import as_owner, get_task_for_update, visible_tasks
from vdept.tasks.models import OnDayOff, Task, TaskRecurrence, TaskState
from vdept.tasks.recurrence_rules import DOORBELL, Rule, parse
from vdept.tasks.upkeep import settle, touch

DAYS_BEFORE = 14
REPEATABLE = tuple(state for state in TaskState if state is not TaskState.CANCELLED)
PREVIEWED = 10
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Planned:
    """An occurrence that is still to come: the rule's day, when it falls due, and when it is created."""

    day: date
    due_on: date
    create_on: date


def planned(
    day: date, days_before: int, on_day_off: OnDayOff, calendar: Calendar, plan_ends_on: date | None = None
) -> Planned:
    due_on = recurrence_days.due_on(day, on_day_off, calendar, last=plan_ends_on)
    early = max(due_on.toordinal() - days_before, 1)
    return Planned(day, due_on, date.fromordinal(early))


async def preview(
    tx: Tx,
    rule: str,
    starts_on: date,
    *,
    days_before: int = DAYS_BEFORE,
    on_day_off: OnDayOff = OnDayOff.AFTER,
    unit_id: int | None = None,
) -> list[Planned]:
    """What a series would bring, the next ten: nothing is written. ``unit_id``: whose calendar holds."""
    parsed = parse(rule, "rule")
    recurrence_days.require_recent(starts_on, tx.today, "startsOn")
    recurrence_days.require_days_before(days_before, "daysBefore")
    since = max(following(starts_on), tx.today)
    days = recurrence_days.next_days(parsed, starts_on, since, PREVIEWED)
    if not days:
        raise never(since)
    calendar = await calendar_of(tx, unit_id)
    return [planned(day, days_before, on_day_off, calendar) for day in days]


async def repeat_task(
    tx: Tx,
    task_id: int,
    rule: str,
    *,
    days_before: int = DAYS_BEFORE,
    on_day_off: OnDayOff = OnDayOff.AFTER,
    expected_version: int | None = None,
) -> TaskRecurrence:
    """Begin a series from this task; each occurrence is created ``days_before`` days before it is due."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner(tx, task)
    check_version(task, expected_version)
    rules.require_state(task.state, REPEATABLE)
    await _require_alone(tx, task)
    parsed = parse(rule, "rule")
    since = max(following(task.due_on), tx.today)
    coming = await _next(tx, task, parsed, task.due_on, since, days_before, on_day_off)
    series = TaskRecurrence(
        task_id=task.id,
        rule=str(parsed),
        starts_on=task.due_on,
        days_before=days_before,
        on_day_off=on_day_off,
        next_on=coming.day,
        create_on=coming.create_on,
        created_by_id=tx.actor.person_id,
        created_at=tx.now,
    )
    tx.session.add(series)
    await tx.session.flush()
    task.recurrence_id, task.occurrence_on = series.id, task.due_on
    touch(tx, task)
    await settle(tx, task)
    data = {"recurrence_id": series.id, **_said(series)}
    tx.record("task.repeats", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return series


async def change_recurrence(
    tx: Tx,
    recurrence_id: int,
    *,
    rule: str | UnsetType = UNSET,
    days_before: int | UnsetType = UNSET,
    on_day_off: OnDayOff | UnsetType = UNSET,
    expected_version: int | None = None,
) -> TaskRecurrence:
    """Change how the series goes on; what has been created stays, and what is not given stays as it is.

    A new rule is read from the first due date, too: its COUNT counts from there.
    """
    task, series = await _running(tx, recurrence_id)
    unit_id = await as_owner(tx, task, "recurrenceId")
    check_version(series, expected_version)
    before = _said(series)
    parsed = parse(series.rule if isinstance(rule, UnsetType) else rule, "rule")
    early = series.days_before if isinstance(days_before, UnsetType) else days_before
    keeps = series.on_day_off if isinstance(on_day_off, UnsetType) else on_day_off
    made = await tx.session.scalar(
        sa.select(sa.func.max(Task.occurrence_on)).where(Task.recurrence_id == series.id)
    )
    since = max(following(made or series.starts_on), tx.today)
    coming = await _next(tx, task, parsed, series.starts_on, since, early, keeps)
    series.rule, series.days_before, series.on_day_off = str(parsed), early, keeps
    series.next_on, series.create_on = coming.day, coming.create_on
    series.version += 1
    await tx.session.flush()
    data = {"recurrence_id": series.id, "from": before, "to": _said(series)}
    tx.record("task.recurrence_changed", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return series


async def stop_repeating(
    tx: Tx, recurrence_id: int, *, expected_version: int | None = None
) -> TaskRecurrence:
    """End the series; what it has brought stays."""
    task, series = await _running(tx, recurrence_id)
    unit_id = await as_owner(tx, task, "recurrenceId")
    next_version(series, expected_version)
    series.ended_at, series.next_on, series.create_on = tx.now, None, None
    await tx.session.flush()
    data = {"recurrence_id": series.id, "because": "STOPPED"}
    tx.record("task.recurrence_ended", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return series


def following(day: date) -> date:
    """The day after; the last day there is, after itself."""
    return day if day == date.max else day + DAY


def never(since: date) -> Refused:
    """The refusal of a rule that has no day to come."""
    return errors.RECURRENCE_NEVER_OCCURS.at(
        "rule", since=since, years=recurrence_days.HORIZON_YEARS, example=errors.RULE_EXAMPLE
    )


def _said(series: TaskRecurrence) -> dict[str, object]:
    return {
        "rule": series.rule,
        "days_before": series.days_before,
        "on_day_off": series.on_day_off.value,
        "next_on": series.next_on,
    }


async def _next(
    tx: Tx, task: Task, rule: Rule, starts_on: date, since: date, days_before: int, on_day_off: OnDayOff
) -> Planned:
    """What a series brings next, from ``since`` on; refuses one that brings nothing, or too much at once."""
    recurrence_days.require_days_before(days_before, "daysBefore")
    recurrence_days.require_few_ahead(rule, starts_on, since, days_before, "daysBefore")
    day = recurrence_days.next_day(rule, starts_on, since)
    if day is None:
        raise never(since)
    plan = None if task.plan_id is None else await tx.session.get_one(Plan, task.plan_id)
    if plan is not None:
        if plan.state is PlanState.CLOSED:
            raise errors.TASK_PLAN_CLOSED.at("rule")
        if day > plan.ends_on:
            raise errors.TASK_DUE_OUTSIDE_PLAN.at(
                "rule", due_on=day, starts_on=plan.starts_on, ends_on=plan.ends_on
            )
    calendar = await calendar_of(tx, task.lead_unit_id or task.owner_unit_id)
    coming = planned(day, days_before, on_day_off, calendar, plan.ends_on if plan is not None else None)
    if coming.create_on <= tx.today:
        tx.ring(DOORBELL)
    return coming


async def _require_alone(tx: Tx, task: Task) -> None:
    """The task belongs to no series that is running."""
    running = sa.select(TaskRecurrence.id).where(
        TaskRecurrence.ended_at.is_(None),
        sa.or_(TaskRecurrence.id == task.recurrence_id, TaskRecurrence.task_id == task.id),
    )
    if await tx.session.scalar(running.limit(1)) is not None:
        raise errors.TASK_REPEATS_ALREADY.at("taskId")


async def _running(tx: Tx, recurrence_id: int) -> tuple[Task, TaskRecurrence]:
    """The series, locked, and the task it is made like; refuses one that has ended.

    The worker that creates occurrences locks the series alone, so the task's lock comes first here.
    """
    path, what = "recurrenceId", Words("chuỗi lặp", "series")
    task_id = await tx.session.scalar(
        sa.select(TaskRecurrence.task_id)
        .join(Task, Task.id == TaskRecurrence.task_id)
        .where(TaskRecurrence.id == recurrence_id, visible_tasks(tx.actor))
    )
    if task_id is None:
        raise NOT_FOUND.at(path, what=what)
    task = await get_task_for_update(tx, task_id, path)
    query = sa.select(TaskRecurrence).where(TaskRecurrence.id == recurrence_id).with_for_update()
    series = (await tx.session.scalars(query.execution_options(populate_existing=True))).one()
    if series.ended_at is not None:
        raise errors.RECURRENCE_ENDED.at(path)
    return task, series
