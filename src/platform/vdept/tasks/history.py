"""What happened to a task: its activities, for whoever sees it."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa

from vdept.kernel.activity import Activity
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch_each
from vdept.targets.access import visible_targets
from vdept.targets.models import Target
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import Task, TaskRecurrence
from vdept.tasks.sql import among

LATEST_FIRST: Ordering[Activity] = Ordering(
    "task-history", (Key(Activity.id, int, True),), lambda row: (row.id,)
)


async def history_of_tasks(
    tx: Tx, task_ids: Collection[int], request: PageRequest
) -> dict[int, Page[Activity]]:
    """A page of the activities of each task that the actor has been shown, the latest first."""
    query = sa.select(Activity).where(Activity.subject_type == "Task")
    return await fetch_each(tx.session, query, Activity.subject_id, task_ids, LATEST_FIRST, request)


class Hidden(NamedTuple):
    """What activities name and the actor may not see."""

    targets: frozenset[int] = frozenset()
    tasks: frozenset[int] = frozenset()
    series: frozenset[int] = frozenset()


async def hidden_in(tx: Tx, rows: Iterable[Activity]) -> Hidden:
    """The targets, other tasks and series named in these activities that the actor may not see.

    A series is seen with its first task: an occurrence does not tell whose it is.
    """
    if tx.actor.sees_everything:
        return Hidden()
    said = [(row.verb, row.data) for row in rows]
    targets = {target_id for _, data in said for target_id in _targets_in(data)}
    tasks = {task_id for verb, data in said for task_id in _tasks_in(verb, data)}
    series = {data["recurrence_id"] for _, data in said if data.get("recurrence_id") is not None}
    first = sa.exists().where(Task.id == TaskRecurrence.task_id, visible_tasks(tx.actor))
    return Hidden(
        await _unseen(tx, Target.id, targets, visible_targets(tx.actor)),
        await _unseen(tx, Task.id, tasks, visible_tasks(tx.actor)),
        await _unseen(tx, TaskRecurrence.id, series, first.correlate(TaskRecurrence)),
    )


async def _unseen(tx: Tx, key: Any, named: set[int], seen: "sa.ColumnElement[bool]") -> frozenset[int]:
    found = await tx.session.scalars(sa.select(key).where(among(key, named), seen)) if named else ()
    return frozenset(named.difference(found))


def _tasks_in(verb: str, data: dict[str, Any]) -> Iterator[int]:
    names = ("from", "to") if verb == "task.parent_set" else ("parent_id", "blocked_by_id")
    yield from (data[name] for name in names if data.get(name) is not None)


def _targets_in(data: dict[str, Any]) -> Iterator[int]:
    if "target_id" in data:
        yield data["target_id"]
    for link in data.get("targets", ()):
        yield link["target_id"]
