"""Tasks: shared work with a lead, a due date and everything that belongs to it."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.targets.models import Audience
from vdept.tasks import queries
from vdept.tasks.models import Task as TaskRow
from vdept.tasks.models import TaskKind, TaskState, Timeliness
from vdept.tasks.rules import timeliness
from vdept.warnings.models import WarningSubject
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.ids import NODES, Node, encode
from vdept_graphql.reminders import Escalation, Reminder, load_escalations, load_reminders
from vdept_graphql.task_details import (
    Comment,
    Evidence,
    Participation,
    TaskAssignee,
    TaskTarget,
    load_assignees,
    load_comments,
    load_evidence,
    load_links,
    load_participants,
)
from vdept_graphql.task_extensions import TaskExtension, load_extensions_of_tasks
from vdept_graphql.task_history import TaskActivity, load_history
from vdept_graphql.task_people import TaskPerson, load_colleagues
from vdept_graphql.task_recurrence import TaskRecurrence, load_recurrences
from vdept_graphql.units import Unit, load_units

if TYPE_CHECKING:
    from vdept_graphql.plans import Plan
    from vdept_graphql.warnings import EarlyWarning


def task_of(tx: Tx) -> Callable[[TaskRow], "Task"]:
    """Turns rows into nodes as they stand on the day of the question."""
    return partial(Task.from_row, today=tx.today)


async def load_tasks(tx: Tx, ids: list[int]) -> dict[int, "Task"]:
    """Tasks by number."""
    return {key: Task.from_row(row, tx.today) for key, row in (await queries.tasks_by_ids(tx, ids)).items()}


async def load_subtasks(tx: Tx, ids: list[int], request: PageRequest) -> dict[int, Connection["Task"]]:
    pages = await queries.subtasks_of_tasks(tx, ids, request)
    return {key: connection(page, task_of(tx)) for key, page in pages.items()}


async def load_blockers(tx: Tx, ids: list[int]) -> dict[int, list["Task"]]:
    found = await queries.blockers_of_tasks(tx, ids)
    return {key: [Task.from_row(row, tx.today) for row in rows] for key, rows in found.items()}


async def load_blocked(tx: Tx, ids: list[int]) -> dict[int, list["Task"]]:
    found = await queries.blocked_by_tasks(tx, ids)
    return {key: [Task.from_row(row, tx.today) for row in rows] for key, rows in found.items()}


NODES["Task"] = load_tasks


@strawberry.type(
    description="Shared work with a lead unit, participating units, assignees and a due date (nhiệm vụ)."
)
class Task(Node):
    """A task as its row says it."""

    title: str = field(description="What is to be done.")
    description: str | None = field(description="More about it.")
    kind: TaskKind = field(description="Routine or deep work; nobody holds both at once.")
    audience: Audience = field(description="Who may see it besides those who take part.")
    state: TaskState = field(description="Where it stands.")
    state_reason: str | None = field(description="Why it was declined, paused, cancelled or sent back.")
    review_on: date | None = field(description="When a paused task is reviewed.")
    paused_on: date | None = field(description="Since when a paused task's clock stands.")
    paused_days: int = field(
        description="For how many working days its clock has stood so far, without a pause that lasts; its "
        "due date moved by as many, past the plan's end if need be, and that is no extension."
    )
    due_on: date = field(description="The agreed due date; overdue from the day after.")
    original_due_on: date = field(description="The first due date; never changes.")
    extensions: int = field(description="How often a later date was agreed.")
    timeliness: Timeliness | None = field(
        description="Open or done, in time or not, today; null while its clock stands still."
    )
    occurrence_on: date | None = field(
        description="For which day of its series it stands; null: it does not come again."
    )
    progress: Decimal = field(description="Share-weighted progress of the accepted participants, 0 to 100.")
    result: str | None = field(description="What was delivered.")
    delivered_on: date | None = field(description="When the result was delivered.")
    verified_at: datetime | None = field(description="When its effect was confirmed.")
    created_at: datetime = field(description="When it was set.")
    updated_at: datetime = field(description="When it was last worked on.")
    version: int = field(description="Counts the changes; give it as `expectedVersion`.")
    key: strawberry.Private[int]
    plan_key: strawberry.Private[int | None]
    parent_key: strawberry.Private[int | None]
    owner_key: strawberry.Private[int]
    lead_key: strawberry.Private[int | None]
    created_by_key: strawberry.Private[int | None]
    verified_by_key: strawberry.Private[int | None]
    recurrence_key: strawberry.Private[int | None]

    @classmethod
    def from_row(cls, row: TaskRow, today: date) -> "Task":
        return cls(
            id=encode("Task", row.id),
            title=row.title,
            description=row.description,
            kind=row.kind,
            audience=row.audience,
            state=row.state,
            state_reason=row.state_reason,
            review_on=row.review_on,
            paused_on=row.paused_on,
            paused_days=row.paused_days,
            due_on=row.due_on,
            original_due_on=row.original_due_on,
            extensions=row.extensions,
            timeliness=timeliness(row.state, row.due_on, row.delivered_on, today),
            occurrence_on=row.occurrence_on,
            progress=row.progress,
            result=row.result,
            delivered_on=row.delivered_on,
            verified_at=row.verified_at,
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
            key=row.id,
            plan_key=row.plan_id,
            parent_key=row.parent_id,
            owner_key=row.owner_unit_id,
            lead_key=row.lead_unit_id,
            created_by_key=row.created_by_id,
            verified_by_key=row.verified_by_id,
            recurrence_key=row.recurrence_id,
        )

    @field(description="The plan it belongs to, if any.")
    def plan(self, info: Info) -> Annotated["Plan", strawberry.lazy("vdept_graphql.plans")] | None:
        from vdept_graphql.plans import load_plans

        return info.context.load(load_plans, self.plan_key)

    @field(description="The task it is a part of, if any.")
    def parent(self, info: Info) -> "Task | None":
        return info.context.load(load_tasks, self.parent_key)

    @field(description="The unit that set it: it verifies, extends and cancels.")
    def owner_unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.owner_key)

    @field(description="The unit that leads it; null on a board.")
    def lead_unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.lead_key)

    @field(description="Who set it.")
    def created_by(self, info: Info) -> TaskPerson | None:
        return info.context.load(load_colleagues, self.created_by_key)

    @field(description="Who confirmed its effect.")
    def verified_by(self, info: Info) -> TaskPerson | None:
        return info.context.load(load_colleagues, self.verified_by_key)

    @field(description="Every unit's part, also of those who declined or left.")
    def participants(self, info: Info) -> list[Participation]:
        return info.context.load(load_participants, self.key)

    @field(description="Who works on it, by name.")
    def assignees(self, info: Info) -> list[TaskAssignee]:
        return info.context.load(load_assignees, self.key)

    @field(description="The targets it serves or is proposed to serve, of those you may see.")
    def targets(self, info: Info) -> list[TaskTarget]:
        return info.context.load(load_links, self.key)

    @field(description="What must be delivered before it can start: the first 100 in due order.")
    def blocked_by(self, info: Info) -> list["Task"]:
        return info.context.load(load_blockers, self.key)

    @field(description="What waits for it: the first 100 in due order.")
    def blocks(self, info: Info) -> list["Task"]:
        return info.context.load(load_blocked, self.key)

    @field(description="Later due dates that were asked for or agreed on, in order.")
    def extension_history(self, info: Info) -> list[TaskExtension]:
        return info.context.load(load_extensions_of_tasks, self.key)

    @field(description="The series it belongs to, if it comes again and you may see its first task.")
    def recurrence(self, info: Info) -> TaskRecurrence | None:
        return info.context.load(load_recurrences, self.recurrence_key)

    @field(description="Its sub-tasks in due order.")
    def subtasks(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection["Task"]:
        return info.context.load(load_subtasks, self.key, PageRequest(first, after, last, before))

    @field(description="What was said in it, in order.")
    def comments(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Comment]:
        return info.context.load(load_comments, self.key, PageRequest(first, after, last, before))

    @field(description="Links to what proves progress or result, as they were added.")
    def evidence(self, info: Info) -> list[Evidence]:
        return info.context.load(load_evidence, self.key)

    @field(
        description="Its early warnings: the open ones, the gravest first, then of the past the latest; at "
        "most 50."
    )
    def warnings(
        self,
        info: Info,
        open_only: Annotated[
            bool, strawberry.argument(description="Leave out those that have closed.")
        ] = True,
    ) -> list[Annotated["EarlyWarning", strawberry.lazy("vdept_graphql.warnings")]]:
        from vdept_graphql.warnings import load_warnings_of

        return info.context.load(load_warnings_of, self.key, WarningSubject.TASK, open_only)

    @field(
        description="Who has heard that it is late, and who will if nothing happens: by due date and step. "
        "Nothing is to come once it is done, paused, declined or cancelled."
    )
    def escalations(self, info: Info) -> list[Escalation]:
        return info.context.load(load_escalations, self.key)

    @field(
        description="Who was reminded of it and when, the latest first; for a firm or an association, of its "
        "own people."
    )
    def reminders(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Reminder]:
        return info.context.load(load_reminders, self.key, PageRequest(first, after, last, before))

    @field(description="What happened to it, the latest first.")
    def history(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TaskActivity]:
        return info.context.load(load_history, self.key, PageRequest(first, after, last, before))
