"""Stop the clocks, or the task: pause for burden (requirement 44), resume, cancel; always with a reason."""

from datetime import date

from vdept.kernel.db import Tx
from vdept.tasks import errors, rules
from vdept.tasks.access import as_deciding_head, as_owner, get_task_for_update
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
    """Go on where the task was paused."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_deciding_head(tx, task)
    said = move(tx, task, Step.RESUME, expected_version)
    await settle(tx, task)
    tx.record("task.resumed", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=said)
    return task


async def cancel_task(tx: Tx, task_id: int, reason: str, *, expected_version: int | None = None) -> Task:
    """Give the task up for good; only who set it may."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner(tx, task)
    said = move(tx, task, Step.CANCEL, expected_version, rules.require_reason(reason))
    await settle(tx, task)
    tx.record("task.cancelled", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=said)
    return task
