"""From the board to work under way: offer, volunteer, accept, decline, back to the board, start."""

from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.targets.models import Plan
from vdept.tasks import errors, rules
from vdept.tasks.accepting_links import accept_with_task
from vdept.tasks.access import (
    UNIT_ROLE,
    as_lead,
    as_owner,
    get_task_for_update,
    visible_tasks,
)
from vdept.tasks.linking import said_of
from vdept.tasks.models import (
    ParticipantRole,
    Participation,
    ParticipationState,
    Task,
    TaskDependency,
)
from vdept.tasks.rules import DONE_STATES, Step
from vdept.tasks.sharing import require_units
from vdept.tasks.upkeep import (
    drop_assignees,
    drop_links,
    may,
    move,
    refresh_progress,
    seat_lead,
    set_part,
    settle,
)


async def offer_task(
    tx: Tx,
    task_id: int,
    lead_unit_id: int,
    *,
    role: ParticipantRole | None = None,
    share: int | None = None,
    expected_version: int | None = None,
) -> Task:
    """Offer a task from the board, or a declined one, to a lead unit."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner(tx, task)
    await require_units(tx, [lead_unit_id], ("leadUnitId",))
    if share is not None:
        rules.require_share(share, "share")
    said = move(tx, task, Step.OFFER, expected_version)
    await seat_lead(tx, task, lead_unit_id, ParticipationState.INVITED, role, share)
    await settle(tx, task)
    data = {**said, "lead_unit_id": lead_unit_id}
    tx.record("task.offered", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def reopen_task(tx: Tx, task_id: int, *, expected_version: int | None = None) -> Task:
    """Put a declined task back on the board."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner(tx, task)
    said = move(tx, task, Step.REOPEN, expected_version)
    task.lead_unit_id = None
    await settle(tx, task)
    tx.record("task.reopened", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=said)
    return task


async def volunteer_for_task(
    tx: Tx,
    task_id: int,
    unit_id: int,
    *,
    role: ParticipantRole | None = None,
    expected_version: int | None = None,
) -> Task:
    """Take a task from the board for one's unit; it is accepted by that."""
    task = await get_task_for_update(tx, task_id)
    tx.actor.require(tx.actor.has(unit_id, MANAGING), UNIT_ROLE, "unitId")
    await require_units(tx, [unit_id], ("unitId",))
    said = move(tx, task, Step.VOLUNTEER, expected_version)
    await seat_lead(tx, task, unit_id, ParticipationState.ACCEPTED, role, None)
    data = {**said, "lead_unit_id": unit_id, **await _with_links(tx, task, unit_id)}
    await refresh_progress(tx, task)
    await settle(tx, task)
    tx.record("task.volunteered", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def accept_task(tx: Tx, task_id: int, *, expected_version: int | None = None) -> Task:
    """Commit the lead unit to the task. What is accepted is finished (requirement 12)."""
    task = await get_task_for_update(tx, task_id)
    unit_id = as_lead(tx, task)
    said = move(tx, task, Step.ACCEPT, expected_version)
    await set_part(tx, task, unit_id, state=ParticipationState.ACCEPTED)
    data = {**said, **await _with_links(tx, task, unit_id)}
    await refresh_progress(tx, task)
    await settle(tx, task)
    tx.record("task.accepted", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def _with_links(tx: Tx, task: Task, unit_id: int) -> dict[str, Any]:
    accepted = await accept_with_task(tx, task, unit_id)
    return {"targets": said_of(accepted)} if accepted else {}


async def decline_task(tx: Tx, task_id: int, reason: str, *, expected_version: int | None = None) -> Task:
    """Refuse the offer, with the reason; the owner may offer it to another or put it on the board."""
    task = await get_task_for_update(tx, task_id)
    unit_id = as_lead(tx, task)
    said = move(tx, task, Step.DECLINE, expected_version, rules.require_reason(reason))
    await set_part(tx, task, unit_id, state=ParticipationState.DECLINED)
    await drop_assignees(tx, task, unit_id)
    await drop_links(tx, task, unit_id)
    await refresh_progress(tx, task)
    await settle(tx, task)
    tx.record("task.declined", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=said)
    return task


async def start_task(tx: Tx, task_id: int, *, expected_version: int | None = None) -> Task:
    """Begin the work: what it waits for is delivered, and whom the plan wants is there."""
    task = await get_task_for_update(tx, task_id)
    unit_id = as_lead(tx, task)
    may(task, Step.START, expected_version)
    await _require_unblocked(tx, task)
    await _require_three_roles(tx, task)
    said = move(tx, task, Step.START, expected_version)
    await settle(tx, task)
    tx.record("task.started", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=said)
    return task


async def _require_unblocked(tx: Tx, task: Task) -> None:
    """Blockers are locked against change, so that none is sent back while this task starts."""
    rows = await tx.session.execute(
        sa.select(Task.id, Task.title, Task.state, visible_tasks(tx.actor))
        .join(TaskDependency, TaskDependency.blocked_by_id == Task.id)
        .where(TaskDependency.task_id == task.id)
        .order_by(Task.id)
        .with_for_update(of=Task, read=True)
    )
    waiting = [
        f"#{blocker_id} {title}" if seen else f"#{blocker_id}"
        for blocker_id, title, state, seen in rows
        if state not in DONE_STATES
    ]
    if waiting:
        raise errors.TASK_BLOCKED.at("taskId", count=len(waiting), tasks="; ".join(waiting[:5]))


async def _require_three_roles(tx: Tx, task: Task) -> None:
    wanted = await tx.session.scalar(sa.select(Plan.three_roles).where(Plan.id == task.plan_id))
    if wanted:
        there = await tx.session.scalars(
            sa.select(Participation.role).where(
                Participation.task_id == task.id, Participation.state == ParticipationState.ACCEPTED
            )
        )
        rules.require_three_roles(there)
