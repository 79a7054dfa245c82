"""Due dates: an extension is granted by who set the task, with a reason; the first date stays visible."""

from datetime import date

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.versions import check_version
from vdept.targets.models import Plan
from vdept.tasks import errors, rules
from vdept.tasks.access import as_owner, get_task_for_update
from vdept.tasks.models import Task
from vdept.tasks.rules import OPEN_STATES, S
from vdept.tasks.upkeep import settle, touch

EXTENDABLE = (*OPEN_STATES, S.DECLINED, S.PAUSED)


async def extend_due(
    tx: Tx, task_id: int, due_on: date, reason: str, *, expected_version: int | None = None
) -> Task:
    """Agree on a later date. Timeliness counts against it; extensions are counted."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner(tx, task)
    why = rules.require_reason(reason)
    check_version(task, expected_version)
    rules.require_state(task.state, EXTENDABLE)
    rules.require_due(due_on, tx.today, await plan_cycle(tx, task.plan_id), "dueOn")
    if due_on <= task.due_on:
        raise errors.TASK_DUE_NOT_LATER.at("dueOn", due_on=task.due_on)
    before, task.due_on = task.due_on, due_on
    task.extensions += 1
    touch(tx, task)
    await settle(tx, task)
    data = {"from": before, "to": due_on, "reason": why, "extensions": task.extensions}
    tx.record("task.due_extended", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def plan_cycle(tx: Tx, plan_id: int | None) -> tuple[date, date] | None:
    """The first and the last day of the plan."""
    if plan_id is None:
        return None
    starts_on, ends_on = (
        await tx.session.execute(sa.select(Plan.starts_on, Plan.ends_on).where(Plan.id == plan_id))
    ).one()
    return starts_on, ends_on
