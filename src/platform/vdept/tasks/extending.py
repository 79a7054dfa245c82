"""Extensions asked for: the lead unit requests a later date, the unit that set the task grants or refuses.

Only the lead asks: it answers for the date, and other participants speak with it. One request is open at a
time. It ends by itself when the task is delivered, declined or cancelled (``upkeep.settle``). A task that is
late may ask, too; a paused one need not: its date moves by as long as the clock stands.
"""

from datetime import date

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.versions import check_version
from vdept.tasks import due, errors, rules
from vdept.tasks.access import as_lead, as_owner, get_task_for_update, visible_tasks
from vdept.tasks.extension_notes import tell_decision, tell_request, tell_withdrawal
from vdept.tasks.models import ExtensionState, Task, TaskExtension
from vdept.tasks.rules import S
from vdept.tasks.upkeep import touch

ASKING = (S.OFFERED, S.ACCEPTED, S.IN_PROGRESS)
"""The states in which a lead has work before it and its clock runs."""


async def request_extension(
    tx: Tx, task_id: int, due_on: date, reason: str, *, expected_version: int | None = None
) -> TaskExtension:
    """Ask for a later date, for the lead unit, with the reason."""
    task = await get_task_for_update(tx, task_id)
    unit_id = as_lead(tx, task)
    why = rules.require_reason(reason)
    check_version(task, expected_version)
    rules.require_state(task.state, ASKING)
    rules.require_due(due_on, tx.today, await due.plan_cycle(tx, task.plan_id), "dueOn")
    if due_on <= task.due_on:
        raise errors.TASK_DUE_NOT_LATER.at("dueOn", due_on=task.due_on)
    if (waiting := await due.open_request(tx, task.id)) is not None:
        raise errors.EXTENSION_OPEN.at("taskId", wanted_due_on=waiting.wanted_due_on)
    extension = TaskExtension(
        task_id=task.id,
        unit_id=unit_id,
        requested_by_id=tx.actor.person_id,
        requested_at=tx.now,
        due_on=task.due_on,
        wanted_due_on=due_on,
        reason=why,
        state=ExtensionState.REQUESTED,
    )
    tx.session.add(extension)
    touch(tx, task)
    await tx.session.flush()
    data = {"extension_id": extension.id, "from": task.due_on, "to": due_on, "reason": why}
    tx.record("task.extension_requested", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    await tell_request(tx, task, extension)
    return extension


async def withdraw_extension(tx: Tx, extension_id: int) -> TaskExtension:
    """Take the request back, for the unit that made it."""
    task, extension = await _waiting(tx, extension_id)
    unit_id = as_lead(tx, task, "extensionId")
    await _close(tx, task, extension, ExtensionState.WITHDRAWN, None)
    data = {"extension_id": extension.id}
    tx.record("task.extension_withdrawn", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    await tell_withdrawal(tx, task, extension)
    return extension


async def grant_extension(
    tx: Tx, extension_id: int, *, due_on: date | None = None, reason: str | None = None
) -> TaskExtension:
    """Agree on the date that was asked for, or on another one later than the present date."""
    task, extension = await _waiting(tx, extension_id)
    unit_id = await as_owner(tx, task, "extensionId")
    why = None if reason is None or not reason.strip() else rules.require_reason(reason)
    return await due.agree(tx, task, unit_id, due_on or extension.wanted_due_on, why, extension)


async def refuse_extension(tx: Tx, extension_id: int, reason: str) -> TaskExtension:
    """The date stays as it is, for the reason given."""
    task, extension = await _waiting(tx, extension_id)
    unit_id = await as_owner(tx, task, "extensionId")
    why = rules.require_reason(reason)
    await _close(tx, task, extension, ExtensionState.REFUSED, why)
    data = {"extension_id": extension.id, "to": extension.wanted_due_on, "reason": why}
    tx.record("task.extension_refused", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    await tell_decision(tx, task, extension)
    return extension


async def _close(
    tx: Tx, task: Task, extension: TaskExtension, state: ExtensionState, why: str | None
) -> None:
    extension.state = state
    extension.decided_by_id, extension.decided_at = tx.actor.person_id, tx.now
    extension.decision_reason = why
    touch(tx, task)
    await tx.session.flush()


async def _waiting(tx: Tx, extension_id: int) -> tuple[Task, TaskExtension]:
    """The request and its task, both locked by the task's lock, if it still waits for a decision."""
    path, what = "extensionId", Words("yêu cầu gia hạn", "request for an extension")
    task_id = await tx.session.scalar(
        sa.select(TaskExtension.task_id)
        .join(Task, Task.id == TaskExtension.task_id)
        .where(TaskExtension.id == extension_id, visible_tasks(tx.actor))
    )
    if task_id is None:
        raise NOT_FOUND.at(path, what=what)
    task = await get_task_for_update(tx, task_id, path)
    extension = await tx.session.get_one(TaskExtension, extension_id, populate_existing=True)
    if extension.state is not ExtensionState.REQUESTED:
        raise errors.EXTENSION_DECIDED.at(path, state=extension.state.value)
    return task, extension
