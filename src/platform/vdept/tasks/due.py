"""Due dates: a later one is agreed on by who set the task, with a reason; the first date stays visible.

Every extension is a row of ``task_extension``, asked for or not: what was wanted, decided and why is one
list.
"""

from datetime import date

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.versions import check_version
from vdept.targets.models import Plan
from vdept.tasks import errors, rules
from vdept.tasks.access import as_owner, get_task_for_update
from vdept.tasks.extension_notes import tell_decision
from vdept.tasks.models import ExtensionState, Task, TaskExtension
from vdept.tasks.rules import OPEN_STATES, S
from vdept.tasks.upkeep import settle, touch

EXTENDABLE = (*OPEN_STATES, S.DECLINED, S.PAUSED)


async def extend_due(
    tx: Tx, task_id: int, due_on: date, reason: str, *, expected_version: int | None = None
) -> Task:
    """Agree on a later date, asked for or not; a request that is open is answered by it."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner(tx, task)
    why = rules.require_reason(reason)
    check_version(task, expected_version)
    asked = await open_request(tx, task.id)
    await agree(tx, task, unit_id, due_on, why, asked)
    return task


async def agree(
    tx: Tx, task: Task, unit_id: int, due_on: date, why: str | None, asked: TaskExtension | None
) -> TaskExtension:
    """Move the due date, count the extension, and keep it as granted. Timeliness counts against the new date.

    ``asked``: the request that is granted by it; None: nobody asked.
    """
    rules.require_state(task.state, EXTENDABLE)
    rules.require_due(due_on, tx.today, await plan_cycle(tx, task.plan_id), "dueOn")
    if due_on <= task.due_on:
        raise errors.TASK_DUE_NOT_LATER.at("dueOn", due_on=task.due_on)
    granted = asked or TaskExtension(
        task_id=task.id,
        unit_id=unit_id,
        requested_by_id=None,
        requested_at=tx.now,
        due_on=task.due_on,
        wanted_due_on=due_on,
        reason=why or "",
    )
    granted.state = ExtensionState.GRANTED
    granted.granted_due_on = due_on
    granted.decided_by_id, granted.decided_at, granted.decision_reason = tx.actor.person_id, tx.now, why
    tx.session.add(granted)
    before, task.due_on = task.due_on, due_on
    task.extensions += 1
    touch(tx, task)
    await settle(tx, task)
    data = {"from": before, "to": due_on, "extensions": task.extensions, "extension_id": granted.id}
    said = data if why is None else {**data, "reason": why}
    tx.record("task.due_extended", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=said)
    await tell_decision(tx, task, granted)
    return granted


async def open_request(tx: Tx, task_id: int) -> TaskExtension | None:
    """The request of this task that waits for a decision; the task is locked, and so is the answer."""
    query = sa.select(TaskExtension).where(
        TaskExtension.task_id == task_id, TaskExtension.state == ExtensionState.REQUESTED
    )
    found: TaskExtension | None = await tx.session.scalar(query.execution_options(populate_existing=True))
    return found


async def plan_cycle(tx: Tx, plan_id: int | None) -> tuple[date, date] | None:
    """The first and the last day of the plan."""
    if plan_id is None:
        return None
    starts_on, ends_on = (
        await tx.session.execute(sa.select(Plan.starts_on, Plan.ends_on).where(Plan.id == plan_id))
    ).one()
    return starts_on, ends_on
