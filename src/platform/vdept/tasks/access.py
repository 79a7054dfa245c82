"""Who sees a task, and for which unit somebody acts in it. Nothing of a task is loaded but through here.

PostgreSQL's row security says the same as :func:`visible_tasks` (``migrations/versions/0003``, held together
by ``tests/core/test_row_security_agreement.py``). ``get_task`` and its like look through both; once they have
found what a verb acts on, the verb is shown what its rules need (``Tx.widen``).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING, Actor, Role
from vdept.kernel.db import Tx
from vdept.kernel.errors import FORBIDDEN, NOT_FOUND, Refused, Words
from vdept.kernel.scopes import Scope
from vdept.targets.models import Audience
from vdept.tasks.errors import TASK_NOT_PARTICIPANT
from vdept.tasks.models import Participation, Task
from vdept.tasks.rules import LIVE
from vdept.tasks.sql import among
from vdept.units.models import Unit

HEAD = frozenset({Role.HEAD})

OWNER_MANAGES = Words(
    "vai trò quản lý ở đơn vị giao nhiệm vụ", "a managing role in the unit that set the task"
)
LEAD_MANAGES = Words("vai trò quản lý ở đơn vị chủ trì", "a managing role in the lead unit")
EITHER_MANAGES = Words(
    "vai trò quản lý ở đơn vị giao hoặc đơn vị chủ trì",
    "a managing role in the unit that set the task or in the lead unit",
)
HEAD_DECIDES = Words(
    "người đứng đầu đơn vị giao hoặc đơn vị chủ trì", "the head of the unit that set the task or of the lead"
)
UNIT_ROLE = Words("vai trò phù hợp ở đơn vị được nêu", "a fitting role in the named unit")
TAKES_PART = Words("vai trò phù hợp ở một đơn vị tham gia", "a fitting role in a unit that takes part")


PUBLIC: sa.ColumnElement[bool] = Task.audience == sa.literal_column("'PUBLIC'")
"""Written out, as the partial index has it."""


def visible_tasks(actor: Actor) -> sa.ColumnElement[bool]:
    """The tasks that ``actor`` may see, as a condition on :class:`Task` (design, section 6).

    A unit is in a task that it set, or in which it takes part or is asked to: the lead, too, is there by its
    part, and one that declined is not (decision 11).

    Cheap tests first. For public bodies the involved units are looked up task by task (``LIMIT 1`` keeps
    the planner from hashing all participations of a large unit); firms and associations take part in few
    tasks and see nothing by ancestry, so theirs are collected once, as an array: every way a firm sees a
    task is then an index, and a firm with few tasks does not walk through everybody's.
    """
    if actor.sees_everything:
        return sa.true()
    if not actor.known or not actor.may(Scope.TASKS_READ):
        return sa.false()
    beside = actor.unit_ids - actor.public_unit_ids
    return _visible_from(tuple(sorted(actor.public_unit_ids)), tuple(sorted(beside)))


@lru_cache(maxsize=256)
def _visible_from(public: tuple[int, ...], beside: tuple[int, ...]) -> sa.ColumnElement[bool]:
    """Remembered: making the condition took half a millisecond of every list."""
    ways: list[sa.ColumnElement[bool]] = [PUBLIC]
    if public:
        ways += [Task.audience == Audience.GOVERNMENT, _involves_unit_below(public)]
    if beside:
        taking_part = sa.select(Participation.task_id).where(
            Participation.unit_id.in_(beside), Participation.state.in_(LIVE)
        )
        ways += [
            Task.owner_unit_id.in_(beside),
            Task.id == sa.any_(sa.func.array(taking_part.scalar_subquery())),
        ]
    return sa.or_(*ways)


def _involves_unit_below(units: Sequence[int]) -> sa.ColumnElement[bool]:
    """Owner or a live participant stands in the tree at or below one of ``units``."""
    line = sa.cast(units, sa.ARRAY(sa.BigInteger))
    sets = (
        sa.select(sa.true())
        .where(Unit.id == Task.owner_unit_id, Unit.path.overlap(line))
        .correlate(Task)
        .limit(1)
        .scalar_subquery()
    )
    takes_part = (
        sa.select(sa.true())
        .select_from(Participation)
        .join(Unit, Unit.id == Participation.unit_id)
        .where(
            Participation.task_id == Task.id,
            Participation.state.in_(LIVE),
            Unit.path.overlap(line),
        )
        .correlate(Task)
        .limit(1)
        .scalar_subquery()
    )
    return sa.or_(sets.is_(True), takes_part.is_(True))


def unseen(*path: str | int) -> Refused:
    return NOT_FOUND.at(*path, what=Words("nhiệm vụ", "task"))


async def get_task(tx: Tx, task_id: int, *path: str | int) -> Task:
    """The task, if the actor may see it."""
    await tx.narrow()
    query = sa.select(Task).where(Task.id == task_id, visible_tasks(tx.actor))
    task = (await tx.session.scalars(query.execution_options(populate_existing=True))).one_or_none()
    if task is None:
        raise unseen(*(path or ("taskId",)))
    await tx.widen()
    return task


async def get_task_for_update(tx: Tx, task_id: int, *path: str | int) -> Task:
    """The task with its row locked: whoever changes it or its participants goes one after the other."""
    tasks = await get_tasks_for_update(tx, [task_id])
    if task_id not in tasks:
        raise unseen(*(path or ("taskId",)))
    return tasks[task_id]


async def get_tasks_for_update(tx: Tx, task_ids: Iterable[int]) -> dict[int, Task]:
    """Those of ``task_ids`` that the actor may see, locked in the order of their ids (no deadlocks).

    The lock lets others refer to the row (a comment, a sub-task) but not change it.
    """
    await tx.session.flush()
    await tx.narrow()
    rows = await tx.session.scalars(
        sa.select(Task)
        .where(among(Task.id, task_ids), visible_tasks(tx.actor))
        .order_by(Task.id)
        .with_for_update(of=Task, key_share=True)
        .execution_options(populate_existing=True)
    )
    found = {task.id: task for task in rows}
    if found:
        await tx.widen()
    return found


async def find_owner_side(tx: Tx, task: Task, own: Iterable[Role] = MANAGING) -> int | None:
    """The unit the actor speaks for as the one who set the task: the owner, or as head a body above it."""
    if tx.actor.has(task.owner_unit_id, own):
        return task.owner_unit_id
    if not any(seat.role is Role.HEAD and seat.public_body for seat in tx.actor.seats):
        return None
    above = await tx.session.scalar(sa.select(Unit.path).where(Unit.id == task.owner_unit_id))
    return tx.actor.unit_in(above or [], HEAD)


async def as_owner(tx: Tx, task: Task, *path: str | int) -> int:
    """The unit the actor speaks for on the owner's side; refuses anybody else."""
    unit_id = await find_owner_side(tx, task)
    if unit_id is None:
        raise FORBIDDEN.at(*(path or ("taskId",)), needs=OWNER_MANAGES)
    return unit_id


def as_lead(tx: Tx, task: Task, *path: str | int) -> int:
    """The lead unit, when the actor may commit it."""
    if task.lead_unit_id is None or not tx.actor.has(task.lead_unit_id, MANAGING):
        raise FORBIDDEN.at(*(path or ("taskId",)), needs=LEAD_MANAGES)
    return task.lead_unit_id


async def as_owner_or_lead(tx: Tx, task: Task, *path: str | int) -> int:
    """The lead unit, else the owner's side; refuses anybody else."""
    if task.lead_unit_id is not None and tx.actor.has(task.lead_unit_id, MANAGING):
        return task.lead_unit_id
    unit_id = await find_owner_side(tx, task)
    if unit_id is None:
        raise FORBIDDEN.at(*(path or ("taskId",)), needs=EITHER_MANAGES)
    return unit_id


async def as_deciding_head(tx: Tx, task: Task, *path: str | int) -> int:
    """The unit whose head the actor is: the lead's, the owner's, or a body's above the owner."""
    if task.lead_unit_id is not None and tx.actor.has(task.lead_unit_id, HEAD):
        return task.lead_unit_id
    unit_id = await find_owner_side(tx, task, HEAD)
    if unit_id is None:
        raise FORBIDDEN.at(*(path or ("taskId",)), needs=HEAD_DECIDES)
    return unit_id


async def live_participations(tx: Tx, task_id: int, unit_ids: Iterable[int]) -> dict[int, Participation]:
    """The parts that some units have in a task, or are asked to have."""
    found = await tx.session.scalars(
        sa.select(Participation)
        .where(
            Participation.task_id == task_id,
            among(Participation.unit_id, unit_ids),
            Participation.state.in_(LIVE),
        )
        .order_by(Participation.unit_id)
        .execution_options(populate_existing=True)
    )
    return {part.unit_id: part for part in found}


async def as_participant(
    tx: Tx, task: Task, roles: Iterable[Role], unit_id: int | None = None
) -> Participation:
    """The participation the actor acts in: of ``unit_id``, or of the one unit of theirs that takes part."""
    roles = frozenset(roles)
    if unit_id is not None:
        tx.actor.require(tx.actor.has(unit_id, roles), UNIT_ROLE, "unitId")
        part = (await live_participations(tx, task.id, [unit_id])).get(unit_id)
        if part is None:
            raise TASK_NOT_PARTICIPANT.at("unitId")
        return part
    parts = await live_participations(tx, task.id, tx.actor.unit_ids)
    mine = tx.actor.unit_in(parts, roles)
    if mine is None:
        raise FORBIDDEN.at("taskId", needs=TAKES_PART)
    return parts[mine]


async def as_involved(tx: Tx, task: Task, roles: Iterable[Role]) -> int:
    """The unit in the task that the actor works for: a participant, the owner, or as head a body above it."""
    parts = await live_participations(tx, task.id, tx.actor.unit_ids)
    mine = tx.actor.unit_in(parts, roles)
    if mine is None:
        mine = await find_owner_side(tx, task, roles)
    if mine is None:
        raise FORBIDDEN.at("taskId", needs=TAKES_PART)
    return mine
