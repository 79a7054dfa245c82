"""Batched reads of tasks and what belongs to them; every one starts from what the actor may see.

Functions ``…_of_tasks`` take the ids of tasks that the actor has been shown. Each is one statement for any
number of ids. The list of one unit's tasks is driven by its participations, which carry the due date as
sort key: the last page costs what the first one does, for the largest unit as for the smallest.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.pages import PAGE_LIMIT, Key, Ordering, Page, PageRequest, fetch, fetch_each
from vdept.kernel.scopes import Scope
from vdept.people.models import Person
from vdept.targets.access import visible_targets
from vdept.targets.models import Target
from vdept.tasks.access import visible_tasks
from vdept.tasks.filters import Condition, TaskFilter, UnitTaskFilter, named_are_seen
from vdept.tasks.models import (
    Assignee,
    LinkState,
    Participation,
    Task,
    TaskComment,
    TaskDependency,
    TaskEvidence,
    TaskTarget,
)
from vdept.tasks.rules import LIVE
from vdept.tasks.searching import with_words
from vdept.tasks.sql import among, array_of
from vdept.units.models import Unit

ALL = TaskFilter()
ALL_OF_UNIT = UnitTaskFilter()


class TaskOrder(StrEnum):
    """The orders people read tasks in."""

    DUE = "DUE"
    DUE_LATEST_FIRST = "DUE_LATEST_FIRST"
    NEWEST_FIRST = "NEWEST_FIRST"


class UnitTaskOrder(StrEnum):
    """The orders of one unit's tasks: those that its participations are indexed by."""

    DUE = "DUE"
    DUE_LATEST_FIRST = "DUE_LATEST_FIRST"


def _due(task: Task) -> tuple[date, int]:
    return task.due_on, task.id


def _created(task: Task) -> tuple[datetime, int]:
    return task.created_at, task.id


def _due_ordering(name: str, due_on: Any, task_id: Any, *, latest: bool) -> Ordering[Task]:
    return Ordering(name, (Key(due_on, date, latest), Key(task_id, int, latest)), _due)


ORDERINGS: dict[TaskOrder, Ordering[Task]] = {
    TaskOrder.DUE: _due_ordering("tasks.due", Task.due_on, Task.id, latest=False),
    TaskOrder.DUE_LATEST_FIRST: _due_ordering("tasks.due-latest", Task.due_on, Task.id, latest=True),
    TaskOrder.NEWEST_FIRST: Ordering(
        "tasks.newest", (Key(Task.created_at, datetime, True), Key(Task.id, int, True)), _created
    ),
}
UNIT_ORDERINGS: dict[UnitTaskOrder, Ordering[Task]] = {
    UnitTaskOrder.DUE: _due_ordering(
        "unit-tasks.due", Participation.due_on, Participation.task_id, latest=False
    ),
    UnitTaskOrder.DUE_LATEST_FIRST: _due_ordering(
        "unit-tasks.due-latest", Participation.due_on, Participation.task_id, latest=True
    ),
}
"""The same for one unit's tasks: by its participations' copies of the due date, which are indexed."""

COMMENTS: Ordering[TaskComment] = Ordering("comments", (Key(TaskComment.id, int),), lambda row: (row.id,))
"""As they were said."""


class Assigned(NamedTuple):
    """Somebody on a task, and for which unit. Whoever sees the task sees the name, not the person."""

    person_id: int
    name: str
    unit_id: int
    assigned_at: datetime


def _fresh(query: "sa.Select[Any]") -> "sa.Select[Any]":
    """Verbs write set-based: what the session has loaded before is read anew."""
    return query.execution_options(populate_existing=True)


def _tasks(tx: Tx) -> "sa.Select[Any]":
    return _fresh(sa.select(Task).where(visible_tasks(tx.actor)))


async def _where(
    tx: Tx, which: TaskFilter | UnitTaskFilter, conditions: Iterable[Condition] | None = None
) -> list[Condition]:
    """What ``which`` asks for; its ``conditions`` are given where they are not the plain ones."""
    asked = list(which.conditions(tx.today) if conditions is None else conditions)
    if which.text:
        asked.append(await with_words(tx, which.text))
    return [*asked, *named_are_seen(tx.actor, which, tx.today)]


async def tasks_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Task]:
    found = await tx.session.scalars(_tasks(tx).where(among(Task.id, ids)))
    return {task.id: task for task in found}


# -- lists of tasks -----------------------------------------------------------------------------------------


async def tasks_page(
    tx: Tx, request: PageRequest, which: TaskFilter = ALL, order: TaskOrder = TaskOrder.DUE
) -> Page[Task]:
    """A page of tasks that the actor sees. One unit's in due order go by its participations."""
    if which.participant_unit_id is not None and order is not TaskOrder.NEWEST_FIRST:
        query = _unit_tasks(tx, [which.participant_unit_id]).where(
            Participation.unit_id == which.participant_unit_id,
            *await _where(tx, which, which.conditions(tx.today, driven=True)),
        )
        return await fetch(tx.session, query, UNIT_ORDERINGS[UnitTaskOrder(order.value)], request)
    query = _tasks(tx).where(*await _where(tx, which))
    return await fetch(tx.session, query, ORDERINGS[order], request)


async def count_tasks(tx: Tx, which: TaskFilter = ALL) -> int:
    """How many tasks the actor sees; ask only when somebody wants to know."""
    return await _count(tx, _tasks(tx).where(*await _where(tx, which)))


async def unit_tasks_page(
    tx: Tx,
    unit_id: int,
    request: PageRequest,
    which: UnitTaskFilter = ALL_OF_UNIT,
    order: UnitTaskOrder = UnitTaskOrder.DUE,
) -> Page[Task]:
    """A page of the tasks that one unit takes part in or is asked to."""
    query = _unit_tasks(tx, [unit_id]).where(Participation.unit_id == unit_id, *await _where(tx, which))
    return await fetch(tx.session, query, UNIT_ORDERINGS[order], request)


async def tasks_of_units(
    tx: Tx,
    unit_ids: Collection[int],
    request: PageRequest,
    which: UnitTaskFilter = ALL_OF_UNIT,
    order: UnitTaskOrder = UnitTaskOrder.DUE,
) -> dict[int, Page[Task]]:
    """The same page for each of many units."""
    query = _unit_tasks(tx, unit_ids).where(*await _where(tx, which))
    return await fetch_each(
        tx.session, query, Participation.unit_id, unit_ids, UNIT_ORDERINGS[order], request
    )


async def count_unit_tasks(tx: Tx, unit_id: int, which: UnitTaskFilter = ALL_OF_UNIT) -> int:
    query = _unit_tasks(tx, [unit_id]).where(Participation.unit_id == unit_id, *await _where(tx, which))
    return await _count(tx, query)


def _unit_tasks(tx: Tx, unit_ids: Iterable[int]) -> "sa.Select[Any]":
    """Tasks through participations. Who belongs to a unit, or stands above it, sees all it takes part in."""
    query = sa.select(Task).join(Participation, Participation.task_id == Task.id)
    others = set(unit_ids) - tx.actor.unit_ids
    if not tx.actor.may(Scope.TASKS_READ):
        query = query.where(sa.false())
    elif others and not tx.actor.sees_everything:
        ways = [visible_tasks(tx.actor), Participation.unit_id.in_(sorted(tx.actor.unit_ids))]
        if tx.actor.public_unit_ids:
            above = array_of(sorted(tx.actor.public_unit_ids))
            below = sa.select(Unit.id).where(among(Unit.id, others), Unit.path.overlap(above))
            ways.insert(0, Participation.unit_id.in_(below))
        query = query.where(sa.or_(*ways))
    return _fresh(query.where(Participation.state.in_(LIVE)))


async def _count(tx: Tx, query: "sa.Select[Any]") -> int:
    counted = query.with_only_columns(sa.func.count(), maintain_column_froms=True)
    return int((await tx.session.execute(counted)).scalar_one())


async def tasks_of_targets(
    tx: Tx,
    target_ids: Collection[int],
    request: PageRequest,
    which: TaskFilter = ALL,
    order: TaskOrder = TaskOrder.DUE,
) -> dict[int, Page[Task]]:
    """A page of the tasks that serve each of these targets, accepted by the units that hold them."""
    serves = sa.and_(TaskTarget.task_id == Task.id, TaskTarget.state == LinkState.ACCEPTED)
    query = _tasks(tx).join(TaskTarget, serves).where(*await _where(tx, which))
    return await fetch_each(tx.session, query, TaskTarget.target_id, target_ids, ORDERINGS[order], request)


async def tasks_of_persons(
    tx: Tx,
    person_ids: Collection[int],
    request: PageRequest,
    which: TaskFilter = ALL,
    order: TaskOrder = TaskOrder.DUE,
) -> dict[int, Page[Task]]:
    """A page of the tasks on which each of these persons works."""
    query = _tasks(tx).join(Assignee, Assignee.task_id == Task.id).where(*await _where(tx, which))
    return await fetch_each(tx.session, query, Assignee.person_id, person_ids, ORDERINGS[order], request)


async def subtasks_of_tasks(
    tx: Tx, task_ids: Collection[int], request: PageRequest, order: TaskOrder = TaskOrder.DUE
) -> dict[int, Page[Task]]:
    """A page of the sub-tasks of each."""
    return await fetch_each(tx.session, _tasks(tx), Task.parent_id, task_ids, ORDERINGS[order], request)


# -- what belongs to a task ---------------------------------------------------------------------------------


def _grouped(ids: Collection[int], rows: "Iterable[tuple[int, Any]]") -> dict[int, list[Any]]:
    groups: dict[int, list[Any]] = {each: [] for each in ids}
    for key, row in rows:
        groups[key].append(row)
    return groups


_IDS = sa.bindparam("ids", type_=sa.ARRAY(sa.BigInteger))

# Made once: these two belong to every page of tasks.
_PARTICIPATIONS = (
    sa.select(*Participation.__table__.columns)
    .where(Participation.task_id == sa.any_(_IDS))
    .order_by(Participation.task_id, Participation.unit_id)
)
_ASSIGNEES = (
    sa.select(Assignee.task_id, Person.id, Person.name, Assignee.unit_id, Assignee.assigned_at)
    .join(Person, Person.id == Assignee.person_id)
    .where(Assignee.task_id == sa.any_(_IDS))
    .order_by(Assignee.task_id, Person.sort_key, Person.id)
)


async def participations_of_tasks(tx: Tx, task_ids: Collection[int]) -> dict[int, list["sa.Row[Any]"]]:
    """Every unit's part in each task, also of those who declined or left, in the order of the units' ids.

    Rows of :class:`Participation`, not entities: a page has hundreds of them.
    """
    found = await tx.session.execute(_PARTICIPATIONS, {"ids": list(task_ids)})
    return _grouped(task_ids, ((row.task_id, row) for row in found))


async def assignees_of_tasks(tx: Tx, task_ids: Collection[int]) -> dict[int, list[Assigned]]:
    """Who works on each task, by name."""
    found = await tx.session.execute(_ASSIGNEES, {"ids": list(task_ids)})
    return _grouped(
        task_ids,
        (
            (task_id, Assigned(person_id, name, unit_id, assigned_at))
            for task_id, person_id, name, unit_id, assigned_at in found
        ),
    )


async def task_targets_of_tasks(tx: Tx, task_ids: Collection[int]) -> dict[int, list[TaskTarget]]:
    """Links to the targets each task serves, of those that the actor sees."""
    found = await tx.session.scalars(
        _fresh(
            sa.select(TaskTarget)
            .join(Target, Target.id == TaskTarget.target_id)
            .where(among(TaskTarget.task_id, task_ids), visible_targets(tx.actor))
            .order_by(TaskTarget.task_id, TaskTarget.target_id)
        )
    )
    return _grouped(task_ids, ((row.task_id, row) for row in found))


async def blockers_of_tasks(tx: Tx, task_ids: Collection[int]) -> dict[int, list[Task]]:
    """What each task waits for."""
    return await _neighbours(tx, task_ids, TaskDependency.task_id, TaskDependency.blocked_by_id)


async def blocked_by_tasks(tx: Tx, task_ids: Collection[int]) -> dict[int, list[Task]]:
    """What waits for each task."""
    return await _neighbours(tx, task_ids, TaskDependency.blocked_by_id, TaskDependency.task_id)


async def _neighbours(tx: Tx, task_ids: Collection[int], here: Any, there: Any) -> dict[int, list[Task]]:
    """The first of each in due order: anybody may wait for a task, so there is no end to how many do."""
    place = sa.func.row_number().over(partition_by=here, order_by=(Task.due_on, Task.id)).label("place")
    ranked = (
        sa.select(here.label("here"), Task.id.label("id"), place)
        .join(TaskDependency, there == Task.id)
        .where(among(here, task_ids), visible_tasks(tx.actor))
        .subquery()
    )
    query = sa.select(ranked.c.here, Task).join(ranked, ranked.c.id == Task.id)
    found = await tx.session.execute(
        _fresh(query.where(ranked.c.place <= PAGE_LIMIT).order_by(ranked.c.here, ranked.c.place))
    )
    return _grouped(task_ids, ((key, task) for key, task in found))


async def comments_of_tasks(
    tx: Tx, task_ids: Collection[int], request: PageRequest
) -> dict[int, Page[TaskComment]]:
    """A page of the comments on each task."""
    return await fetch_each(
        tx.session, sa.select(TaskComment), TaskComment.task_id, task_ids, COMMENTS, request
    )


async def comments_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, TaskComment]:
    found = await tx.session.scalars(
        sa.select(TaskComment)
        .join(Task, Task.id == TaskComment.task_id)
        .where(among(TaskComment.id, ids), visible_tasks(tx.actor))
    )
    return {comment.id: comment for comment in found}


async def evidence_of_tasks(tx: Tx, task_ids: Collection[int]) -> dict[int, Sequence[TaskEvidence]]:
    """Links to evidence, as they were added."""
    found = await tx.session.scalars(
        sa.select(TaskEvidence)
        .where(among(TaskEvidence.task_id, task_ids))
        .order_by(TaskEvidence.task_id, TaskEvidence.id)
    )
    return {**_grouped(task_ids, ((row.task_id, row) for row in found))}
