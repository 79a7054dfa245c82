"""What a changed calendar would touch, before anybody changes it.

The change is made for a moment, inside a savepoint, and undone again: what is told is what would happen, by
the same code. Only what the actor sees is counted.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from vdept.calendars import upkeep
from vdept.calendars.models import NATIONAL, CalendarChange
from vdept.calendars.queries import calendars_by_ids, unit_calendar
from vdept.calendars.rules import Calendar
from vdept.deadlines.access import visible_reminders
from vdept.deadlines.models import Reminder, ReminderBatch, ReminderPolicy, ReminderStep, Subject
from vdept.deadlines.rules import DEFAULT_STEPS
from vdept.kernel.db import Tx
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import Task
from vdept.tasks.rules import OPEN_STATES

T = TypeVar("T")
USUAL = tuple(sorted({one.step for one in DEFAULT_STEPS}))


@dataclass(frozen=True, slots=True)
class Preview(Generic[T]):
    """What a verb would answer, and what it would touch.

    ``days``: days that would be worked or off in at least one calendar; ``tasks``: open tasks of which a step
    from today on would fall on another day; ``reminders``: reminders that wait to be sent and would move.
    """

    answer: T
    days: list[date]
    tasks: int
    reminders: int


class Turned(NamedTuple):
    """A calendar before and after."""

    before: Calendar
    after: Calendar

    def moves(self, due_on: date, step: int, today: date) -> bool:
        """Whether a step that is not past falls on another day."""
        try:
            before, after = self.before.step(due_on, step), self.after.step(due_on, step)
        except (ValueError, OverflowError):  # there are no dates beyond the year 9999
            return False
        return before != after and max(before, after) >= today


async def preview(tx: Tx, verb: Callable[[], Awaitable[T]]) -> Preview[T]:
    """Let ``verb`` change the calendar, see what that touches, and undo it; a refusal stays a refusal."""
    entries, rung = len(tx.entries), set(tx.rung)
    savepoint = await tx.session.begin_nested()
    try:
        await upkeep.lock(tx)
        last = await tx.session.scalar(sa.select(sa.func.max(CalendarChange.id))) or 0
        answer = await verb()
        turned, days = await _turned(tx, last)
        tasks = await _tasks(tx, turned) if turned else 0
        reminders = await _reminders(tx, turned) if turned else 0
    finally:
        await savepoint.rollback()
        del tx.entries[entries:]
        tx.rung.intersection_update(rung)
    return Preview(answer, days, tasks, reminders)


async def _turned(tx: Tx, last: int) -> tuple[dict[int, Turned], list[date]]:
    """The calendars that changed since the change ``last``: as they are, and as they were."""
    rows = await tx.session.execute(
        sa.select(CalendarChange.calendar_id, CalendarChange.day).where(CalendarChange.id > last)
    )
    flipped: dict[int, list[date]] = {}
    for calendar_id, day in rows:
        flipped.setdefault(calendar_id, []).append(day)
    if not flipped:
        return {}, []
    after = await calendars_by_ids(tx, flipped)
    turned = {key: Turned(after[key].with_flipped(days), after[key]) for key, days in flipped.items()}
    return turned, sorted({day for days in flipped.values() for day in days})


CALENDAR = sa.func.coalesce(unit_calendar.c.calendar_id, NATIONAL)
LEAD = sa.func.coalesce(Task.lead_unit_id, Task.owner_unit_id)


def _of_tasks(query: Any, turned: Iterable[int]) -> "sa.Select[Any]":
    """``query``, on the tasks whose clock is kept by one of these calendars."""
    ids = sa.cast(sorted(turned), ARRAY(sa.BigInteger()))
    kept: sa.Select[Any] = query.outerjoin(unit_calendar, unit_calendar.c.unit_id == LEAD)
    return kept.where(sa.any_(ids) == CALENDAR)


async def _tasks(tx: Tx, turned: Mapping[int, Turned]) -> int:
    """Tasks of one calendar, due date and policy move together: they are counted by these."""
    ordered = aggregate_order_by(ReminderStep.step, ReminderStep.step.asc())
    own = (
        sa.select(ReminderPolicy.plan_id, sa.func.array_agg(ordered).label("steps"))
        .outerjoin(ReminderStep, ReminderStep.plan_id == ReminderPolicy.plan_id)
        .group_by(ReminderPolicy.plan_id)
        .subquery("own")
    )
    query = _of_tasks(
        sa.select(CALENDAR, Task.due_on, own.c.steps, sa.func.count())
        .select_from(Task)
        .outerjoin(own, own.c.plan_id == Task.plan_id),
        turned,
    )
    rows = await tx.session.execute(
        query.where(Task.state.in_(OPEN_STATES), visible_tasks(tx.actor)).group_by(
            CALENDAR, Task.due_on, own.c.steps
        )
    )
    return sum(
        many
        for calendar_id, due_on, steps, many in rows
        if any(
            step is not None and turned[calendar_id].moves(due_on, step, tx.today)
            for step in (USUAL if steps is None else steps)
        )
    )


async def _reminders(tx: Tx, turned: Mapping[int, Turned]) -> int:
    """Reminders of tasks that wait in a batch nobody has delivered."""
    query = _of_tasks(
        sa.select(CALENDAR, Reminder.due_on, Reminder.step, Reminder.scheduled_on, sa.func.count())
        .select_from(ReminderBatch)
        .join(Reminder, Reminder.id.between(ReminderBatch.first_id, ReminderBatch.last_id))
        .join(Task, Task.id == Reminder.subject_id),
        turned,
    )
    rows = await tx.session.execute(
        query.where(
            ReminderBatch.delivered_at.is_(None),
            Reminder.subject == Subject.TASK,
            Reminder.dropped.is_(None),
            visible_reminders(tx.actor),
        ).group_by(CALENDAR, Reminder.due_on, Reminder.step, Reminder.scheduled_on)
    )
    return sum(
        many
        for calendar_id, due_on, step, scheduled_on, many in rows
        if turned[calendar_id].after.step(due_on, step) != scheduled_on
    )
