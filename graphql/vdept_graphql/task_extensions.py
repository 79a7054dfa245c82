"""Requests for a later due date, and what became of them."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.tasks import schedule_queries
from vdept.tasks.models import ExtensionState
from vdept.tasks.models import TaskExtension as TaskExtensionRow
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import NODES, Node, decode, encode
from vdept_graphql.task_people import TaskPerson, load_colleagues
from vdept_graphql.units import Unit, load_units

if TYPE_CHECKING:
    from vdept_graphql.tasks import Task

described(
    ExtensionState,
    "What became of a request for a later due date (trạng thái gia hạn).",
    REQUESTED="Waits for the unit that set the task (chờ quyết định).",
    GRANTED="A later date was agreed on (đã chấp thuận).",
    REFUSED="The date stays, for the reason given (bị từ chối).",
    WITHDRAWN="Taken back, or ended with the task (đã rút).",
)


async def load_extensions(tx: Tx, ids: list[int]) -> dict[int, "TaskExtension"]:
    """Extensions by number."""
    found = await schedule_queries.extensions_by_ids(tx, ids)
    return {key: TaskExtension.from_row(row) for key, row in found.items()}


async def load_extensions_of_tasks(tx: Tx, ids: list[int]) -> dict[int, list["TaskExtension"]]:
    """What was asked for and decided in each task."""
    found = await schedule_queries.extensions_of_tasks(tx, ids)
    return {key: [TaskExtension.from_row(row) for row in rows] for key, rows in found.items()}


NODES["TaskExtension"] = load_extensions


@strawberry.type(
    description="A later due date that was asked for or agreed on, and what was decided (gia hạn)."
)
class TaskExtension(Node):
    """An extension as its row says it."""

    state: ExtensionState = field(description="What became of it.")
    due_on: date = field(description="The due date as it stood then.")
    wanted_due_on: date = field(description="The date that was asked for.")
    granted_due_on: date | None = field(description="The date that was agreed on; null unless granted.")
    reason: str = field(description="Why a later date is needed.")
    requested_at: datetime = field(description="When it was asked for, or granted unasked.")
    decided_at: datetime | None = field(description="When it was decided or withdrawn; null: it waits.")
    decision_reason: str | None = field(description="Why it was decided so.")
    task_key: strawberry.Private[int]
    unit_key: strawberry.Private[int]
    requested_by_key: strawberry.Private[int | None]
    decided_by_key: strawberry.Private[int | None]

    @classmethod
    def from_row(cls, row: TaskExtensionRow) -> "TaskExtension":
        return cls(
            id=encode("TaskExtension", row.id),
            state=row.state,
            due_on=row.due_on,
            wanted_due_on=row.wanted_due_on,
            granted_due_on=row.granted_due_on,
            reason=row.reason,
            requested_at=row.requested_at,
            decided_at=row.decided_at,
            decision_reason=row.decision_reason,
            task_key=row.task_id,
            unit_key=row.unit_id,
            requested_by_key=row.requested_by_id,
            decided_by_key=row.decided_by_id,
        )

    @field(description="Of which task.")
    def task(self, info: Info) -> Annotated["Task", strawberry.lazy("vdept_graphql.tasks")] | None:
        from vdept_graphql.tasks import load_tasks

        return info.context.load(load_tasks, self.task_key)

    @field(description="The unit that asked for it, or that granted it unasked.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="Who asked for it; null where it was granted unasked, or a client asked for its unit.")
    def requested_by(self, info: Info) -> TaskPerson | None:
        return info.context.load(load_colleagues, self.requested_by_key)

    @field(
        description="Who decided it or took it back; null while it waits, or where it ended with the task."
    )
    def decided_by(self, info: Info) -> TaskPerson | None:
        return info.context.load(load_colleagues, self.decided_by_key)


@strawberry.type
class ExtensionQuery:
    """Reads of extensions."""

    @field(
        description="Requests for a later due date that wait for a unit's decision, the oldest first: in "
        "tasks that it set and that you may see."
    )
    async def extension_requests(
        self,
        info: Info,
        unit_id: Annotated[strawberry.ID, argument(description="The unit that set the tasks.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TaskExtension]:
        unit = decode(unit_id, "Unit", "unitId")
        async with info.context.reading() as tx:
            page = await schedule_queries.requests_page(tx, unit, PageRequest(first, after, last, before))
        return connection(page, TaskExtension.from_row)
