"""Series of recurring tasks, and what they will bring."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.tasks import recurring, schedule_queries
from vdept.tasks.models import OnDayOff
from vdept.tasks.models import TaskRecurrence as TaskRecurrenceRow
from vdept.tasks.recurring import DAYS_BEFORE, Planned
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import NODES, Node, decode_optional, encode

if TYPE_CHECKING:
    from vdept_graphql.tasks import Task

described(
    OnDayOff,
    "When an occurrence falls due whose day is not worked (khi trùng ngày nghỉ).",
    KEEP="On that day all the same (giữ nguyên).",
    BEFORE="On the working day before (ngày làm việc trước).",
    AFTER="On the working day after (ngày làm việc sau).",
)

RULE = (
    "An iCalendar rule (RFC 5545) of days: FREQ=DAILY, WEEKLY, MONTHLY or YEARLY, with INTERVAL, BYDAY, "
    "BYMONTHDAY, BYMONTH, BYSETPOS, and COUNT or UNTIL (a date), such as `FREQ=MONTHLY;BYMONTHDAY=25`."
)


async def load_recurrences(tx: Tx, ids: list[int]) -> dict[int, "TaskRecurrence"]:
    """Series by number."""
    found = await schedule_queries.recurrences_by_ids(tx, ids)
    return {key: TaskRecurrence.from_row(row) for key, row in found.items()}


async def load_planned(tx: Tx, ids: list[int]) -> dict[int, list["PlannedOccurrence"]]:
    """What each series still brings."""
    found = await schedule_queries.planned_of_recurrences(tx, ids)
    return {key: [PlannedOccurrence.of(one) for one in coming] for key, coming in found.items()}


async def load_occurrences(tx: Tx, ids: list[int], request: PageRequest) -> dict[int, Connection["Task"]]:
    from vdept_graphql.tasks import task_of

    pages = await schedule_queries.tasks_of_recurrences(tx, ids, request)
    return {key: connection(page, task_of(tx)) for key, page in pages.items()}


NODES["TaskRecurrence"] = load_recurrences


@strawberry.type(description="An occurrence of a recurring task that is still to come (lần lặp sắp tới).")
class PlannedOccurrence:
    """What is planned; it becomes a task on the day it is created."""

    day: date = field(description="The day that the rule names.")
    due_on: date = field(description="When it falls due: moved where that day is not worked.")
    create_on: date = field(description="When it is created.")

    @classmethod
    def of(cls, planned: Planned) -> "PlannedOccurrence":
        return cls(day=planned.day, due_on=planned.due_on, create_on=planned.create_on)


@strawberry.type(description="A task that comes again by a rule, each time as a task of its own (chuỗi lặp).")
class TaskRecurrence(Node):
    """A series as its row says it."""

    rule: str = field(description="Its rule (RFC 5545).")
    starts_on: date = field(description="The due date of its first task, from which the rule is read.")
    days_before: int = field(description="How many days before it is due an occurrence is created.")
    on_day_off: OnDayOff = field(description="When an occurrence falls due whose day is not worked.")
    next_on: date | None = field(description="The rule's next day; null: it has ended.")
    created_at: datetime = field(description="When it was begun.")
    ended_at: datetime | None = field(description="When it ended; null: it goes on.")
    version: int = field(description="Counts the changes; give it as `expectedVersion`.")
    key: strawberry.Private[int]
    task_key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: TaskRecurrenceRow) -> "TaskRecurrence":
        return cls(
            id=encode("TaskRecurrence", row.id),
            rule=row.rule,
            starts_on=row.starts_on,
            days_before=row.days_before,
            on_day_off=row.on_day_off,
            next_on=row.next_on,
            created_at=row.created_at,
            ended_at=row.ended_at,
            version=row.version,
            key=row.id,
            task_key=row.task_id,
        )

    @field(description="Its first task, which the others are made like.")
    def task(self, info: Info) -> Annotated["Task", strawberry.lazy("vdept_graphql.tasks")] | None:
        from vdept_graphql.tasks import load_tasks

        return info.context.load(load_tasks, self.task_key)

    @field(description="The next ten occurrences that it still brings; none once it has ended.")
    def coming(self, info: Info) -> list[PlannedOccurrence]:
        return info.context.load(load_planned, self.key)

    @field(description="The tasks of the series that you may see, its first among them, in due order.")
    def occurrences(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Annotated["Task", strawberry.lazy("vdept_graphql.tasks")]]:
        request = PageRequest(first, after, last, before)
        return info.context.load(load_occurrences, self.key, request)


@strawberry.type
class RecurrenceQuery:
    """Reads of recurring tasks."""

    @field(
        description="What a series would bring: its next ten occurrences, with the working calendar applied. "
        "Nothing is written; a rule that is not right is refused as `repeatTask` refuses it."
    )
    async def recurrence_preview(
        self,
        info: Info,
        rule: Annotated[str, argument(description=RULE)],
        starts_on: Annotated[date, argument(description="The due date of the first task.")],
        days_before: Annotated[
            int, argument(description="How many days before it is due an occurrence is created.")
        ] = DAYS_BEFORE,
        on_day_off: Annotated[
            OnDayOff, argument(description="When an occurrence falls due whose day is not worked.")
        ] = OnDayOff.AFTER,
        unit_id: Annotated[
            strawberry.ID | None, argument(description="Whose calendar; the national one unless given.")
        ] = None,
    ) -> list[PlannedOccurrence]:
        unit = decode_optional(unit_id, "Unit", "unitId")
        async with info.context.reading() as tx:
            coming = await recurring.preview(
                tx, rule, starts_on, days_before=days_before, on_day_off=on_day_off, unit_id=unit
            )
        return [PlannedOccurrence.of(one) for one in coming]
