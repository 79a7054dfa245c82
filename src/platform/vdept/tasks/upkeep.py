"""What every change of a task leaves right: its version, the participations' copies, the roll-up's queue."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from vdept.kernel.db import Tx
from vdept.kernel.versions import check_version
from vdept.targets.changes import target_changed, task_changed
from vdept.targets.models import Plan, PlanState, Target
from vdept.tasks.models import (
    Assignee,
    ExtensionState,
    ParticipantRole,
    Participation,
    ParticipationState,
    Task,
    TaskExtension,
    TaskState,
    TaskTarget,
)
from vdept.tasks.rules import ASKS_NO_MORE, LIVE, OPEN_STATES, Step, is_open, step_to, task_progress
from vdept.tasks.sql import among
from vdept.units.models import Unit


def touch(tx: Tx, task: Task) -> None:
    """Count the task's version up; it was worked on now."""
    task.version += 1
    task.updated_at = tx.now


def may(task: Task, step: Step, expected_version: int | None) -> TaskState:
    """The state that ``step`` leads to; refuses an outdated view of the task, then a wrong step."""
    check_version(task, expected_version)
    return step_to(step, task.state, task.paused_from)


def move(
    tx: Tx, task: Task, step: Step, expected_version: int | None, reason: str | None = None
) -> dict[str, Any]:
    """Take ``step`` if the table of transitions has it; returns what the activity says of it."""
    to = may(task, step, expected_version)
    before, task.state = task.state, to
    pausing = step is Step.PAUSE
    task.paused_from, task.paused_on = (before, tx.today) if pausing else (None, None)
    task.review_on = None
    task.state_reason = reason
    touch(tx, task)
    said = {"from": before.value, "to": task.state.value}
    return said if reason is None else {**said, "reason": reason}


def live_in(state: TaskState) -> sa.ColumnElement[bool]:
    """What ``participation.open`` must be while its task is in ``state``."""
    return Participation.state.in_(LIVE) if is_open(state) else sa.false()


def live_by_task() -> sa.ColumnElement[bool]:
    """The same, for a statement that joins the task."""
    return sa.and_(Task.state.in_(OPEN_STATES), Participation.state.in_(LIVE))


async def settle(tx: Tx, task: Task) -> None:
    """Write the task, bring the participations' copies in line with it, and tell the roll-up."""
    await tx.session.flush()
    is_live = live_in(task.state)
    await tx.session.execute(
        sa.update(Participation)
        .where(
            Participation.task_id == task.id,
            sa.or_(Participation.due_on != task.due_on, Participation.open.is_distinct_from(is_live)),
        )
        .values(due_on=task.due_on, open=is_live)
        .execution_options(synchronize_session=False)
    )
    if task.state in ASKS_NO_MORE:
        await _end_request(tx, task)
    await task_changed(tx, task.plan_id, task.id)


async def _end_request(tx: Tx, task: Task) -> None:
    """A request for a later date that nobody need decide any more."""
    ended = await tx.session.scalar(
        sa.update(TaskExtension)
        .where(TaskExtension.task_id == task.id, TaskExtension.state == ExtensionState.REQUESTED)
        .values(state=ExtensionState.WITHDRAWN, decided_at=tx.now)
        .returning(TaskExtension.id)
        .execution_options(synchronize_session=False)
    )
    if ended is not None:
        data = {"extension_id": ended, "because": task.state.value}
        unit_id, plan_id = task.lead_unit_id, task.plan_id
        tx.record("task.extension_withdrawn", "Task", task.id, unit_id=unit_id, plan_id=plan_id, data=data)


async def refresh_progress(tx: Tx, task: Task) -> None:
    """Derive the task's progress from its accepted participants."""
    rows = await tx.session.execute(
        sa.select(Participation.share, Participation.progress).where(
            Participation.task_id == task.id, Participation.state == ParticipationState.ACCEPTED
        )
    )
    task.progress = task_progress((share, progress) for share, progress in rows)


async def set_part(tx: Tx, task: Task, unit_id: int, **values: Any) -> None:
    """Change one unit's part in the task."""
    await tx.session.execute(
        sa.update(Participation)
        .where(Participation.task_id == task.id, Participation.unit_id == unit_id)
        .values(**values, updated_at=tx.now)
        .execution_options(synchronize_session=False)
    )


async def seat_lead(
    tx: Tx,
    task: Task,
    unit_id: int,
    state: ParticipationState,
    role: ParticipantRole | None,
    share: int | None,
) -> None:
    """Make ``unit_id`` the lead and a participant; one that takes part already keeps what is not given."""
    task.lead_unit_id = unit_id
    fresh = insert(Participation).values(
        task_id=task.id,
        unit_id=unit_id,
        role=role or ParticipantRole.BUILDER,
        state=state,
        share=1 if share is None else share,
        progress=0,
        due_on=task.due_on,
        open=is_open(task.state),
        updated_at=tx.now,
    )
    stays = sa.case((Participation.state == ParticipationState.ACCEPTED, Participation.state), else_=state)
    kept: dict[str, Any] = {"state": stays, "updated_at": tx.now}
    if role is not None:
        kept["role"] = role
    if share is not None:
        kept["share"] = share
    await tx.session.execute(fresh.on_conflict_do_update(index_elements=["task_id", "unit_id"], set_=kept))


async def drop_assignees(tx: Tx, task: Task, unit_id: int) -> None:
    """A unit that is out of the task has nobody on it."""
    await tx.session.execute(
        sa.delete(Assignee)
        .where(Assignee.task_id == task.id, Assignee.unit_id == unit_id)
        .execution_options(synchronize_session=False)
    )


async def drop_links(tx: Tx, task: Task, unit_id: int) -> None:
    """A unit that is out of the task is not served by it: its figures tell nothing of what it sees no more.

    Unless it stands in line with the owner, whose work counts for it anyway; and not in a closed plan, where
    what counts is settled.
    """
    paths = sa.select(Unit.id, Unit.path).where(among(Unit.id, [unit_id, task.owner_unit_id]))
    lines = {row.id: row.path for row in await tx.session.execute(paths)}
    if task.owner_unit_id in lines[unit_id] or unit_id in lines[task.owner_unit_id]:
        return
    running = sa.select(Plan.id).where(Plan.state != PlanState.CLOSED)
    its = sa.select(Target.id).where(Target.unit_id == unit_id, Target.plan_id.in_(running))
    gone = await tx.session.execute(
        sa.delete(TaskTarget)
        .where(TaskTarget.task_id == task.id, TaskTarget.target_id.in_(its))
        .returning(TaskTarget.target_id, TaskTarget.weight)
        .execution_options(synchronize_session=False)
    )
    for target_id, weight in gone.all():
        await target_changed(tx, task.plan_id or 0, [target_id])
        data = {"target_id": target_id, "weight": str(weight)}
        tx.record("task.target_unlinked", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
