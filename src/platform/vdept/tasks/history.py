"""What happened to a task: its activities, for whoever sees it."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from vdept.kernel.activity import Activity
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch_each
from vdept.targets.access import visible_targets
from vdept.targets.models import Target
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


async def hidden_targets(tx: Tx, rows: Iterable[Activity]) -> frozenset[int]:
    """The targets named in these activities that the actor may not see."""
    named = {target_id for row in rows for target_id in _targets_in(row.data)}
    if not named or tx.actor.sees_everything:
        return frozenset()
    seen = await tx.session.scalars(
        sa.select(Target.id).where(among(Target.id, named), visible_targets(tx.actor))
    )
    return frozenset(named.difference(seen))


def _targets_in(data: dict[str, Any]) -> Iterator[int]:
    if "target_id" in data:
        yield data["target_id"]
    for link in data.get("targets", ()):
        yield link["target_id"]
