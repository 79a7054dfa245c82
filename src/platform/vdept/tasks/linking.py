"""What a task serves, what it waits for, and what it is a part of. No cycles, whoever races.

A link to a target is the holder's affair: made by somebody who works in the target's unit it counts at once;
made by anybody else it is proposed, and counts for nothing until that unit accepts it
(``vdept.tasks.accepting_links``). Otherwise a commune could move a nation's milestone with a task that it
verifies itself.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from vdept.kernel.actor import WORKING
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.versions import check_version
from vdept.targets.access import visible_targets
from vdept.targets.changes import target_changed
from vdept.targets.models import Audience, Plan, PlanState, Target, TargetState
from vdept.tasks import errors, link_notes, rules
from vdept.tasks.access import as_owner, as_owner_or_lead, get_task, get_task_for_update
from vdept.tasks.assigning import NOT_FINAL
from vdept.tasks.models import (
    LinkState,
    Participation,
    ParticipationState,
    Task,
    TaskDependency,
    TaskTarget,
)
from vdept.tasks.rules import BULK_LIMIT, LIVE
from vdept.tasks.sql import among
from vdept.tasks.upkeep import settle, touch
from vdept.units.access import get_unit
from vdept.units.models import Unit

GRAPH_LOCK = 0x7461736B
"""Class of the advisory locks ``(GRAPH_LOCK, plan)``: a plan's dependencies change one at a time.

Taken before any row is locked, so that two links over the same tasks wait here and nowhere else.
"""


@dataclass(frozen=True, slots=True)
class Link:
    """A target that the task serves, and how much the task weighs among that target's tasks."""

    target_id: int
    weight: Decimal = Decimal(1)


async def link_targets(
    tx: Tx, task_id: int, links: Sequence[Link], *, expected_version: int | None = None
) -> Task:
    """Let the task serve more targets of its plan, or propose that to the units that hold them."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner(tx, task)
    check_version(task, expected_version)
    rules.require_state(task.state, NOT_FINAL)
    await require_running(tx, task)
    proposed = await write_links(tx, task, links)
    touch(tx, task)
    await settle(tx, task)
    await link_notes.tell_proposals(tx, [task.id], proposed)
    data = {"targets": said_of(links, proposed)}
    tx.record("task.targets_linked", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def unlink_target(tx: Tx, task_id: int, target_id: int, *, expected_version: int | None = None) -> Task:
    """The task does not serve this target any more; what is only proposed is taken back."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner(tx, task)
    check_version(task, expected_version)
    rules.require_state(task.state, NOT_FINAL)
    await require_running(tx, task)
    gone = await tx.session.execute(
        sa.delete(TaskTarget)
        .where(TaskTarget.task_id == task.id, TaskTarget.target_id == target_id)
        .returning(TaskTarget.weight, TaskTarget.state)
        .execution_options(synchronize_session=False)
    )
    link = gone.one_or_none()
    if link is None or task.plan_id is None:
        raise errors.TASK_NOT_LINKED.at("targetId")
    touch(tx, task)
    await settle(tx, task)
    await target_changed(tx, task.plan_id, [target_id])
    data = {"target_id": target_id, "weight": str(link.weight)}
    if link.state is not LinkState.ACCEPTED:
        data["state"] = link.state.value
    tx.record("task.target_unlinked", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def require_running(tx: Tx, task: Task) -> None:
    """What counts for a target of a closed plan is settled."""
    if await tx.session.scalar(sa.select(Plan.state).where(Plan.id == task.plan_id)) is PlanState.CLOSED:
        raise errors.TASK_PLAN_CLOSED.at("taskId")


def said_of(links: Sequence[Link], proposed: Collection[int] = ()) -> list[dict[str, object]]:
    """What the activity says of links; of those that wait for the holder, that they do."""
    return [
        {"target_id": link.target_id, "weight": str(link.weight)}
        | ({"state": LinkState.PROPOSED.value} if link.target_id in proposed else {})
        for link in links
    ]


async def write_links(tx: Tx, task: Task, links: Sequence[Link]) -> set[int]:
    """Check and write links to targets; the task's participants are already written.

    Returns those that are only proposed: the units that hold the targets are to be told
    (``link_notes.tell_proposals``). What was declined may be proposed anew.
    """
    if not links:
        return set()
    there = set(
        await tx.session.scalars(
            sa.select(TaskTarget.target_id).where(
                TaskTarget.task_id == task.id, TaskTarget.state != LinkState.DECLINED
            )
        )
    )
    if len(there) + len(links) > BULK_LIMIT:
        raise errors.TASK_TOO_MANY.at("targets", limit=BULK_LIMIT)
    for i, link in enumerate(links):
        rules.require_weight(link.weight, "targets", i, "weight")
        if link.target_id in there:
            raise errors.TASK_LINK_TWICE.at("targets", i, "targetId")
        there.add(link.target_id)
    holders = await _require_linkable(tx, task, links)
    proposed = {each for each, unit_id in holders.items() if not tx.actor.has(unit_id, WORKING)}
    fresh = insert(TaskTarget).values(
        [
            {
                "task_id": task.id,
                "target_id": link.target_id,
                "weight": link.weight,
                "state": LinkState.PROPOSED if link.target_id in proposed else LinkState.ACCEPTED,
            }
            for link in links
        ]
    )
    await tx.session.execute(
        fresh.on_conflict_do_update(
            index_elements=["task_id", "target_id"],
            set_={"weight": fresh.excluded.weight, "state": fresh.excluded.state, "reason": None},
        )
    )
    return proposed


async def _require_linkable(tx: Tx, task: Task, links: Sequence[Link]) -> dict[int, int]:
    """Each target is seen, of the task's plan, in force, and its holder has to do with the task.

    The holder stands in line with the owner and sees the task, or takes part. What a firm or an association
    sets, the holder must have accepted. Returns the unit that holds each target.
    """
    rows = await tx.session.execute(
        sa.select(Target.id, Target.plan_id, Target.state, Target.unit_id, Unit.path)
        .join(Unit, Unit.id == Target.unit_id)
        .where(among(Target.id, [link.target_id for link in links]), visible_targets(tx.actor))
    )
    found = {row.id: row for row in rows}
    owner = await get_unit(tx, task.owner_unit_id)
    holders = {row.unit_id for row in found.values()}
    involved = set(
        await tx.session.scalars(
            sa.select(Participation.unit_id).where(
                Participation.task_id == task.id,
                among(Participation.unit_id, holders),
                Participation.state.in_(LIVE if owner.public_body else [ParticipationState.ACCEPTED]),
            )
        )
    )
    for i, link in enumerate(links):
        target = found.get(link.target_id)
        if target is None:
            raise NOT_FOUND.at("targets", i, "targetId", what=Words("chỉ tiêu giao", "target"))
        if target.plan_id != task.plan_id:
            raise errors.TASK_OTHER_PLAN.at("targets", i, "targetId")
        if target.state is TargetState.WITHDRAWN:
            raise errors.TASK_TARGET_WITHDRAWN.at("targets", i, "targetId")
        below = task.owner_unit_id in target.path and task.audience is not Audience.PARTICIPANTS
        in_line = target.unit_id in owner.path or below
        if not (tx.actor.sees_everything or in_line or target.unit_id in involved):
            raise errors.TASK_TARGET_OF_OTHERS.at("targets", i, "targetId")
    return {row.id: row.unit_id for row in found.values()}


async def add_dependency(
    tx: Tx, task_id: int, blocked_by_id: int, *, expected_version: int | None = None
) -> Task:
    """The task cannot start before the other one is delivered."""
    task, unit_id = await _in_graph(tx, task_id, blocked_by_id, "blockedById", expected_version)
    same = sa.and_(TaskDependency.task_id == task_id, TaskDependency.blocked_by_id == blocked_by_id)
    if await tx.session.scalar(sa.select(sa.true()).where(same)):
        raise errors.TASK_LINK_TWICE.at("blockedById")
    reach = _reachable(TaskDependency.task_id, TaskDependency.blocked_by_id, blocked_by_id)
    edges = [(row[0], row[1]) for row in await tx.session.execute(reach)]
    if rules.makes_cycle(edges, task_id, blocked_by_id):
        raise errors.TASK_CYCLE.at("blockedById")
    await tx.session.execute(
        sa.insert(TaskDependency).inline(), [{"task_id": task_id, "blocked_by_id": blocked_by_id}]
    )
    touch(tx, task)
    await settle(tx, task)
    data = {"blocked_by_id": blocked_by_id}
    tx.record("task.dependency_added", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def remove_dependency(
    tx: Tx, task_id: int, blocked_by_id: int, *, expected_version: int | None = None
) -> Task:
    """The task does not wait for the other one any more."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner_or_lead(tx, task)
    check_version(task, expected_version)
    gone = await tx.session.scalar(
        sa.delete(TaskDependency)
        .where(TaskDependency.task_id == task_id, TaskDependency.blocked_by_id == blocked_by_id)
        .returning(TaskDependency.task_id)
        .execution_options(synchronize_session=False)
    )
    if gone is None:
        raise errors.TASK_NOT_LINKED.at("blockedById")
    touch(tx, task)
    await settle(tx, task)
    data = {"blocked_by_id": blocked_by_id}
    tx.record("task.dependency_removed", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def set_parent(
    tx: Tx, task_id: int, parent_id: int | None, *, expected_version: int | None = None
) -> Task:
    """Make the task a part of another one, or (None) of none."""
    task, unit_id = await _in_graph(tx, task_id, parent_id, "parentId", expected_version)
    if parent_id is not None:
        await require_whole(tx, await get_task(tx, parent_id, "parentId"))
        reach = _reachable(Task.id, Task.parent_id, parent_id)
        edges = [(row[0], row[1]) for row in await tx.session.execute(reach)]
        if rules.makes_cycle(edges, task_id, parent_id):
            raise errors.TASK_CYCLE.at("parentId")
    before, task.parent_id = task.parent_id, parent_id
    touch(tx, task)
    await settle(tx, task)
    data = {"from": before, "to": parent_id}
    tx.record("task.parent_set", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def require_whole(tx: Tx, parent: Task) -> None:
    """The actor has a say in ``parent``, and it is not over: it may be given another part."""
    await as_owner_or_lead(tx, parent, "parentId")
    if parent.state not in NOT_FINAL:
        raise rules.wrong_state(parent.state, NOT_FINAL, "parentId")


async def _in_graph(
    tx: Tx, task_id: int, other_id: int | None, field: str, expected_version: int | None
) -> tuple[Task, int]:
    """The task, locked, and the acting unit, while nobody else changes the plan's dependencies."""
    plan_id = (await get_task(tx, task_id)).plan_id
    await tx.session.execute(
        sa.select(sa.func.pg_advisory_xact_lock(GRAPH_LOCK, (plan_id or 0) % 2_147_483_647))
    )
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner_or_lead(tx, task)
    check_version(task, expected_version)
    rules.require_state(task.state, NOT_FINAL)
    if other_id is not None:
        if other_id == task_id:
            raise errors.TASK_CYCLE.at(field)
        other = await get_task(tx, other_id, field)
        if other.plan_id != plan_id:
            raise errors.TASK_OTHER_PLAN.at(field)
    return task, unit_id


def _reachable(source: Any, to: Any, start: int) -> "sa.Select[Any]":
    """The edges ``source → to`` that can be walked from ``start``."""
    walked = (
        sa.select(source.label("source"), to.label("to")).where(source == start).cte("walked", recursive=True)
    )
    walked = walked.union(sa.select(source, to).join(walked, source == walked.c.to))
    return sa.select(walked.c.source, walked.c.to).where(walked.c.to.is_not(None))
