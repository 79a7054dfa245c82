"""The answer of the unit that holds a target: whether a task counts for it, and with which weight.

A lead that accepts a task by which it was asked to work for its own targets accepts those links with it,
unless the task was set by a unit below it: then the two are asked apart.
"""

from decimal import Decimal

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.versions import check_version
from vdept.targets.access import visible_targets
from vdept.targets.models import Plan, PlanState, Target, TargetState
from vdept.tasks import errors, link_notes, rules
from vdept.tasks.access import get_task_for_update
from vdept.tasks.linking import Link, require_running
from vdept.tasks.models import LinkState, Task, TaskState, TaskTarget
from vdept.tasks.upkeep import settle, touch
from vdept.units.models import Unit

HOLDER_MANAGES = Words(
    "vai trò quản lý ở đơn vị giữ chỉ tiêu", "a managing role in the unit that holds the target"
)
NOT_CANCELLED = tuple(state for state in TaskState if state is not TaskState.CANCELLED)


async def accept_link(
    tx: Tx, task_id: int, target_id: int, weight: Decimal, *, expected_version: int | None = None
) -> Task:
    """Let the task count for one's target, with this weight: the one that is proposed."""
    task, link, unit_id = await _proposed(tx, task_id, target_id, expected_version)
    await _require_in_force(tx, target_id)
    rules.require_state(task.state, NOT_CANCELLED)
    if link.weight != weight:
        raise errors.TASK_LINK_WEIGHT.at("weight", weight=f"{link.weight.normalize():f}")
    link.state = LinkState.ACCEPTED
    data = {"target_id": target_id, "weight": str(link.weight)}
    return await _answered(tx, task, link, unit_id, "task.link_accepted", data)


async def decline_link(
    tx: Tx, task_id: int, target_id: int, reason: str, *, expected_version: int | None = None
) -> Task:
    """Do not let the task count for one's target, for the reason given; it may be proposed anew."""
    why = rules.require_reason(reason)
    task, link, unit_id = await _proposed(tx, task_id, target_id, expected_version)
    link.state, link.reason = LinkState.DECLINED, why
    data = {"target_id": target_id, "weight": str(link.weight), "reason": why}
    return await _answered(tx, task, link, unit_id, "task.link_declined", data)


async def accept_with_task(tx: Tx, task: Task, unit_id: int) -> list[Link]:
    """What a lead accepts with its task: the links to its own targets."""
    line = await tx.session.scalar(sa.select(Unit.path).where(Unit.id == task.owner_unit_id))
    if unit_id in (line or [])[:-1]:
        return []
    running = sa.select(Plan.id).where(Plan.state != PlanState.CLOSED)
    own = sa.select(Target.id).where(
        Target.unit_id == unit_id, Target.state != TargetState.WITHDRAWN, Target.plan_id.in_(running)
    )
    accepted = await tx.session.execute(
        sa.update(TaskTarget)
        .where(
            TaskTarget.task_id == task.id,
            TaskTarget.state == LinkState.PROPOSED,
            TaskTarget.target_id.in_(own),
        )
        .values(state=LinkState.ACCEPTED)
        .returning(TaskTarget.target_id, TaskTarget.weight)
        .execution_options(synchronize_session=False)
    )
    return sorted((Link(*row) for row in accepted), key=lambda link: link.target_id)


async def _proposed(
    tx: Tx, task_id: int, target_id: int, expected_version: int | None
) -> tuple[Task, TaskTarget, int]:
    """The link that waits, under its task's lock, and the unit that the actor answers for."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await tx.session.scalar(
        sa.select(Target.unit_id).where(Target.id == target_id, visible_targets(tx.actor))
    )
    if unit_id is None:
        raise NOT_FOUND.at("targetId", what=Words("chỉ tiêu giao", "target"))
    tx.actor.require(tx.actor.has(unit_id, MANAGING), HOLDER_MANAGES, "targetId")
    check_version(task, expected_version)
    await require_running(tx, task)
    link = await tx.session.get(TaskTarget, (task_id, target_id), populate_existing=True)
    if link is None:
        raise errors.TASK_NOT_LINKED.at("targetId")
    if link.state is not LinkState.PROPOSED:
        raise errors.TASK_LINK_ANSWERED.at("targetId", state=link.state.value)
    return task, link, unit_id


async def _require_in_force(tx: Tx, target_id: int) -> None:
    state = await tx.session.scalar(sa.select(Target.state).where(Target.id == target_id))
    if state is TargetState.WITHDRAWN:
        raise errors.TASK_TARGET_WITHDRAWN.at("targetId")


async def _answered(
    tx: Tx, task: Task, link: TaskTarget, unit_id: int, verb: str, data: dict[str, object]
) -> Task:
    touch(tx, task)
    await settle(tx, task)
    tx.record(verb, "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    await link_notes.tell_answer(tx, task, link, unit_id)
    return task
