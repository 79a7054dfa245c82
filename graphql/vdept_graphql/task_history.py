"""What happened to a task, as the activity log has it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import strawberry
from strawberry import field
from strawberry.scalars import JSON

from vdept.kernel.activity import Activity
from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.tasks import history
from vdept.tasks.history import Hidden
from vdept_graphql.connections import Connection, connection
from vdept_graphql.context import Info
from vdept_graphql.ids import encode
from vdept_graphql.task_people import TaskPerson, load_colleagues
from vdept_graphql.units import Unit, load_units

KINDS = {
    "unit_id": "Unit",
    "owner_unit_id": "Unit",
    "lead_unit_id": "Unit",
    "person_id": "Person",
    "person_ids": "Person",
    "target_id": "Target",
    "parent_id": "Task",
    "blocked_by_id": "Task",
    "comment_id": "Comment",
    "extension_id": "TaskExtension",
    "recurrence_id": "TaskRecurrence",
}
"""What the numbers of the log are numbers of; clients know global ids only."""

WITHOUT_ID = frozenset({"evidence_id"})


async def load_history(tx: Tx, ids: list[int], request: PageRequest) -> dict[int, Connection["TaskActivity"]]:
    """The same page of activities of each task."""
    pages = await history.history_of_tasks(tx, ids, request)
    hidden = await history.hidden_in(tx, [row for page in pages.values() for row in page.rows])
    node: Callable[[Activity], TaskActivity] = partial(TaskActivity.from_row, hidden=hidden)
    return {key: connection(page, node) for key, page in pages.items()}


@strawberry.type(description="Something that was done to a task (hoạt động).")
class TaskActivity:
    """An activity as its row says it."""

    verb: str = field(description="What was done, such as `task.accepted`.")
    at: datetime = field(description="When.")
    job: str | None = field(description="The job that did it; null when somebody did.")
    reason: str | None = field(description="Why, where a reason was given.")
    data: JSON = field(
        description="What changed: `from`, `to` and whatever belongs to the verb. Ids are global ids; "
        "targets, tasks and series that you may not see are left out."
    )
    person_key: strawberry.Private[int | None]
    unit_key: strawberry.Private[int | None]

    @classmethod
    def from_row(cls, row: Activity, hidden: Hidden) -> "TaskActivity":
        kind, _, name = row.actor.partition(":")
        return cls(
            verb=row.verb,
            at=row.at,
            job=name if kind == "system" else None,
            reason=row.data.get("reason"),
            data=JSON(_told(row.verb, row.data, hidden)),
            person_key=row.person_id,
            unit_key=row.unit_id,
        )

    @field(description="Who did it; null when a job did.")
    def by(self, info: Info) -> TaskPerson | None:
        return info.context.load(load_colleagues, self.person_key)

    @field(description="For which unit it was done.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)


def _told(verb: str, data: Mapping[str, Any], hidden: Hidden) -> dict[str, Any]:
    """The log's values in the API's spelling: camelCase, global ids, nothing of what is hidden."""
    if verb == "task.parent_set":
        return {name: _id("Task", None if value in hidden.tasks else value) for name, value in data.items()}
    return _public(data, hidden)


def _public(data: Mapping[str, Any], hidden: Hidden) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in data.items():
        if name in WITHOUT_ID or (name == "target_id" and value in hidden.targets):
            continue
        if KINDS.get(name) == "Task" and value in hidden.tasks:
            continue
        if KINDS.get(name) == "TaskRecurrence" and value in hidden.series:
            continue
        head, *rest = name.split("_")
        told[head + "".join(word.capitalize() for word in rest)] = _value(name, value, hidden)
    return told


def _value(name: str, value: Any, hidden: Hidden) -> Any:
    if isinstance(value, Mapping):
        return _public(value, hidden)
    if name in KINDS:
        return _id(KINDS[name], value)
    if isinstance(value, list):
        shown = [
            one for one in value if not (isinstance(one, dict) and one.get("target_id") in hidden.targets)
        ]
        return [_value("", one, hidden) for one in shown]
    return value


def _id(kind: str, value: Any) -> Any:
    if isinstance(value, list):
        return [encode(kind, one) for one in value]
    return None if value is None else encode(kind, value)
