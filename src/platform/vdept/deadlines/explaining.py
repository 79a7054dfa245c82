"""How the due date of a task came about, step by step, for whoever sees the task."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from vdept.calendars import queries
from vdept.calendars.models import CalendarScope, WorkingCalendar
from vdept.calendars.rules import Calendar
from vdept.deadlines import explanation as said
from vdept.deadlines.access import sees_offices
from vdept.deadlines.explanation import Line, Moved
from vdept.deadlines.explanation_steps import Told, step_lines
from vdept.deadlines.models import Dropped, Recipient, Reminder, Subject
from vdept.deadlines.policies import steps_of
from vdept.deadlines.queries import deliveries_of
from vdept.kernel.activity import Activity
from vdept.kernel.clock import local_date
from vdept.kernel.db import Tx
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import Task, TaskState
from vdept.tasks.rules import DONE_STATES, OPEN_STATES
from vdept.tasks.sql import among
from vdept.units.models import Unit

CREATED, EXTENDED, RESUMED = "task.created", "task.due_extended", "task.resumed"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A due date and what it rests on. ``working_days``: left, or late when negative; None: no clock runs."""

    task_id: int
    due_on: date
    original_due_on: date
    counts_as: date
    working_days: int | None
    lines: list[Line]


async def explain_deadline(tx: Tx, task_id: int) -> Explanation | None:
    """The explanation of the task's due date; None where there is no such task for this actor."""
    task = await tx.session.scalar(sa.select(Task).where(Task.id == task_id, visible_tasks(tx.actor)))
    if task is None:
        return None
    unit_id = task.lead_unit_id or task.owner_unit_id
    first, last = min(tx.today, task.due_on), max(tx.today, task.due_on)
    rules = await queries.rules_of(tx, unit_id, first, last)
    calendar, today = rules.calendar, tx.today
    lines = [
        *await _history(tx, task),
        *await _calendars(tx, unit_id),
        *said.day_lines(calendar, rules.notable(first, last), first, last),
    ]
    moved = said.due_line(calendar, task.due_on)
    lines += [moved] if moved else []
    clock = _clock(task, calendar, today)
    lines.append(clock)
    steps = await steps_of(tx, task.plan_id)
    running = task.state in OPEN_STATES
    told = await _told(tx, task)
    lines += step_lines(calendar, task.due_on, today, steps, told, running=running)
    left = clock.days if clock.kind in {said.LineKind.LEFT, said.LineKind.CLOCK_STANDS} else None
    if clock.kind is said.LineKind.LATE:
        left = -(clock.days or 0)
    counts_as = calendar.step(task.due_on, 0)
    return Explanation(task.id, task.due_on, task.original_due_on, counts_as, left, lines)


def _clock(task: Task, calendar: Calendar, today: date) -> Line:
    """How the date stands: running, standing, or over."""
    if task.state in DONE_STATES and task.delivered_on is not None:
        return said.done_line(calendar, task.due_on, task.delivered_on)
    if task.state is TaskState.PAUSED:
        return said.standing_line(calendar, task.due_on, task.paused_on or today, task.review_on)
    if task.state in OPEN_STATES:
        return said.left_line(calendar, task.due_on, today)
    return said.ended_line(task.state is TaskState.DECLINED, task.state_reason)


async def _history(tx: Tx, task: Task) -> list[Line]:
    """Who set the date, and every move of it since, from the log."""
    rows = (
        await tx.session.scalars(
            sa.select(Activity)
            .where(
                Activity.subject_type == "Task",
                Activity.subject_id == task.id,
                Activity.verb.in_((CREATED, EXTENDED, RESUMED)),
            )
            .order_by(Activity.id)
        )
    ).all()
    names = await _names(tx, [task.owner_unit_id, *(row.unit_id for row in rows if row.unit_id)])
    created = next((row for row in rows if row.verb == CREATED), None)
    lines = [
        said.set_line(
            task.original_due_on,
            local_date(task.created_at),
            names[task.owner_unit_id],
            task.owner_unit_id,
            created.person_id if created else task.created_by_id,
        )
    ]
    moves = [_moved(row, names) for row in rows if row.verb != CREATED]
    return [*lines, *(said.moved_line(move) for move in moves if move is not None)]


def _moved(row: Activity, names: dict[int, str]) -> Moved | None:
    """What the log says of a move; an entry from before clocks were kept says nothing of it."""
    data: dict[str, Any] = row.data
    own: dict[str, Any] = {
        "at": local_date(row.at),
        "unit": names.get(row.unit_id or 0, ""),
        "unit_id": row.unit_id,
        "person_id": row.person_id,
    }
    if row.verb == EXTENDED:
        before, after = date.fromisoformat(data["from"]), date.fromisoformat(data["to"])
        return Moved(before=before, after=after, reason=data.get("reason"), **own)
    if "working_days" not in data:
        return None
    stopped_on = date.fromisoformat(data["paused_on"])
    before = date.fromisoformat(data.get("was_due_on", data["paused_on"]))
    after = date.fromisoformat(data.get("due_on", data["paused_on"]))
    return Moved(before=before, after=after, stood=data["working_days"], stopped_on=stopped_on, **own)


async def _names(tx: Tx, unit_ids: Iterable[int]) -> dict[int, str]:
    rows = await tx.session.execute(sa.select(Unit.id, Unit.name).where(among(Unit.id, unit_ids)))
    return {row.id: row.name for row in rows}


async def _calendars(tx: Tx, unit_id: int) -> list[Line]:
    """Every calendar that has a say in the unit's days: the nation's, its regions', its own."""
    path = sa.select(sa.func.unnest(Unit.path)).where(Unit.id == unit_id)
    reaching = sa.or_(
        WorkingCalendar.scope == CalendarScope.NATIONAL,
        sa.and_(WorkingCalendar.scope == CalendarScope.REGION, WorkingCalendar.unit_id.in_(path)),
        sa.and_(WorkingCalendar.scope == CalendarScope.UNIT, WorkingCalendar.unit_id == unit_id),
    )
    rows = await tx.session.execute(
        sa.select(WorkingCalendar.scope, WorkingCalendar.unit_id, Unit.name)
        .outerjoin(Unit, Unit.id == WorkingCalendar.unit_id)
        .where(reaching)
        .order_by(WorkingCalendar.scope, sa.func.cardinality(Unit.path))
    )
    version = await queries.package_version(tx)
    return [said.calendar_line(scope, name, whose, version) for scope, whose, name in rows]


async def _told(tx: Tx, task: Task) -> list[Told]:
    """The reminders of the date that holds, step by step and role by role; to how many people, officials."""
    reminders = (
        await tx.session.scalars(
            sa.select(Reminder).where(
                Reminder.subject == Subject.TASK,
                Reminder.subject_id == task.id,
                Reminder.due_on == task.due_on,
            )
        )
    ).all()
    delivered = await deliveries_of(tx, [row.id for row in reminders])
    found: dict[tuple[int, Recipient], list[Reminder]] = {}
    for row in reminders:
        found.setdefault((row.step, row.recipient), []).append(row)
    counted = sees_offices(tx.actor)
    return [
        _counted(step, recipient, its, delivered, counted=counted) for (step, recipient), its in found.items()
    ]


def _counted(
    step: int, recipient: Recipient, rows: list[Reminder], delivered: Collection[int], *, counted: bool
) -> Told:
    dropped = [row.dropped for row in rows if row.dropped is not None]
    if not counted:  # nor that somebody left their office
        dropped = [why for why in dropped if why is not Dropped.RECIPIENT_LEFT]
    going = [row for row in rows if row.dropped is None]
    sent = sum(row.id in delivered for row in going)
    return Told(
        step=step,
        recipient=recipient,
        sent=sent,
        waiting=len(going) - sent,
        counted=counted,
        dropped=tuple(dropped),
        folded=sorted({one for row in rows for one in row.folded}),
    )
