"""Stop the clocks, or the task: pause for burden (requirement 44), resume, cancel; always with a reason.

While a task is paused its clock stands. On resuming, the due date moves by exactly as many working days as
the clock stood, in the lead unit's calendar, so that as many are left as when it was paused, or it is as
late as it was. That is no extension and is not counted as one; nothing bounds it, not the plan's end either,
and the activity says so.
"""

from datetime import date

from vdept.calendars.queries import calendar_of
from vdept.calendars.rules import Calendar
from vdept.kernel.db import Tx
from vdept.tasks import errors, rules
from vdept.tasks.access import as_deciding_head, as_owner, get_task_for_update
from vdept.tasks.due import plan_cycle
from vdept.tasks.models import Task
from vdept.tasks.rules import Step
from vdept.tasks.upkeep import move, settle


async def pause_task(
    tx: Tx, task_id: int, reason: str, review_on: date, *, expected_version: int | None = None
) -> Task:
    """Stop work that adds burden until it is reviewed; a head decides that."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_deciding_head(tx, task)
    why = rules.require_reason(reason)
    if review_on <= tx.today:
        raise errors.TASK_REVIEW_DATE.at("reviewOn", today=tx.today)
    said = move(tx, task, Step.PAUSE, expected_version, why)
    task.review_on = review_on
    await settle(tx, task)
    data = {**said, "review_on": review_on}
    tx.record("task.paused", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def resume_task(tx: Tx, task_id: int, *, expected_version: int | None = None) -> Task:
    """Go on where the task was paused, with as much time as it had."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_deciding_head(tx, task)
    paused_on = task.paused_on
    said = move(tx, task, Step.RESUME, expected_version)
    data = {**said, **await _run_again(tx, task, paused_on or tx.today)}
    await settle(tx, task)
    tx.record("task.resumed", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def _run_again(tx: Tx, task: Task, paused_on: date) -> dict[str, object]:
    """Move the due date by the working days that the clock stood; answers what the activity says of it."""
    calendar = await calendar_of(tx, task.lead_unit_id or task.owner_unit_id)
    stood = max(0, calendar.between(paused_on, tx.today))
    before, task.due_on = task.due_on, after_standing(task.due_on, stood, calendar)
    task.paused_days += stood
    said: dict[str, object] = {"paused_on": paused_on, "working_days": stood}
    if task.due_on != before:
        said |= {"was_due_on": before, "due_on": task.due_on}
        cycle = await plan_cycle(tx, task.plan_id)
        if cycle is not None and task.due_on > cycle[1]:
            said["plan_ends_on"] = cycle[1]
    return said


def after_standing(due_on: date, stood: int, calendar: Calendar) -> date:
    """The due date of a clock that stood for so many working days; a clock that did not leaves it.

    As many working days lie before the new date as before the old one. A date on a day off therefore counts
    as the working day before it, and the new one is a working day.
    """
    if not stood:
        return due_on
    try:
        return calendar.step(due_on, stood)
    except (ValueError, OverflowError):  # beyond the year 9999 there are no dates
        return date.max


async def cancel_task(tx: Tx, task_id: int, reason: str, *, expected_version: int | None = None) -> Task:
    """Give the task up for good; only who set it may."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner(tx, task)
    said = move(tx, task, Step.CANCEL, expected_version, rules.require_reason(reason))
    await settle(tx, task)
    tx.record("task.cancelled", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=said)
    return task
