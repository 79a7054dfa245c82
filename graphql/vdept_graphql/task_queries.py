"""Lists of tasks: everybody's, a unit's, a target's."""

from datetime import date
from typing import Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.tasks import filters, queries
from vdept.tasks.models import ParticipantRole, TaskKind, TaskState, Timeliness
from vdept.tasks.queries import TaskOrder, UnitTaskOrder
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.ids import decode_optional
from vdept_graphql.inputs import distinct
from vdept_graphql.tasks import Task, load_tasks, task_of


@strawberry.input(description="Which tasks; all conditions given must hold.")
class TaskFilter:
    """Conditions of a list of tasks."""

    plan_id: strawberry.ID | None = field(default=None, description="Of this plan.")
    target_id: strawberry.ID | None = field(default=None, description="Serving this target.")
    proposed_to_unit_id: strawberry.ID | None = field(
        default=None,
        description="Proposed to count for a target of this unit, which has yet to answer; for its people.",
    )
    owner_unit_id: strawberry.ID | None = field(default=None, description="Set by this unit.")
    lead_unit_id: strawberry.ID | None = field(default=None, description="Led by this unit.")
    participant_unit_id: strawberry.ID | None = field(
        default=None, description="In which this unit takes part or is asked to."
    )
    assignee_id: strawberry.ID | None = field(default=None, description="On which this person works.")
    parent_id: strawberry.ID | None = field(default=None, description="Directly below this task.")
    states: list[TaskState] | None = field(default=None, description="In one of these states.")
    kinds: list[TaskKind] | None = field(default=None, description="Of one of these kinds.")
    timeliness: list[Timeliness] | None = field(default=None, description="Of one of these classes today.")
    board: bool = field(default=False, description="Only what waits for a volunteer.")
    open: bool = field(default=False, description="Only what still wants work or a decision.")
    overdue: bool = field(default=False, description="Only what is open after its due date.")
    due_from: date | None = field(default=None, description="Due on this day or later.")
    due_to: date | None = field(default=None, description="Due on this day or earlier.")
    text: str | None = field(
        default=None, description="With these words in the title; marks and case do not matter."
    )

    def plain(self) -> filters.TaskFilter:
        return filters.TaskFilter(
            plan_id=decode_optional(self.plan_id, "Plan", "filter", "planId"),
            target_id=decode_optional(self.target_id, "Target", "filter", "targetId"),
            proposed_to_unit_id=decode_optional(
                self.proposed_to_unit_id, "Unit", "filter", "proposedToUnitId"
            ),
            owner_unit_id=decode_optional(self.owner_unit_id, "Unit", "filter", "ownerUnitId"),
            lead_unit_id=decode_optional(self.lead_unit_id, "Unit", "filter", "leadUnitId"),
            participant_unit_id=decode_optional(
                self.participant_unit_id, "Unit", "filter", "participantUnitId"
            ),
            assignee_id=decode_optional(self.assignee_id, "Person", "filter", "assigneeId"),
            parent_id=decode_optional(self.parent_id, "Task", "filter", "parentId"),
            states=distinct(self.states),
            kinds=distinct(self.kinds),
            timeliness=distinct(self.timeliness),
            board=self.board,
            open=self.open,
            overdue=self.overdue,
            due_from=self.due_from,
            due_to=self.due_to,
            text=self.text,
        )


@strawberry.input(description="Which of one unit's tasks; all conditions given must hold.")
class UnitTaskFilter:
    """Conditions of a list of one unit's tasks."""

    open: bool = field(default=False, description="Only what still wants the unit's work or decision.")
    overdue: bool = field(default=False, description="Only what is open after its due date.")
    states: list[TaskState] | None = field(default=None, description="In one of these states.")
    timeliness: list[Timeliness] | None = field(default=None, description="Of one of these classes today.")
    roles: list[ParticipantRole] | None = field(
        default=None, description="In which the unit has one of these roles."
    )
    plan_id: strawberry.ID | None = field(default=None, description="Of this plan.")
    due_from: date | None = field(default=None, description="Due on this day or later.")
    due_to: date | None = field(default=None, description="Due on this day or earlier.")
    text: str | None = field(
        default=None, description="With these words in the title; marks and case do not matter."
    )

    def plain(self) -> filters.UnitTaskFilter:
        return filters.UnitTaskFilter(
            open=self.open,
            overdue=self.overdue,
            states=distinct(self.states),
            timeliness=distinct(self.timeliness),
            roles=distinct(self.roles),
            plan_id=decode_optional(self.plan_id, "Plan", "filter", "planId"),
            due_from=self.due_from,
            due_to=self.due_to,
            text=self.text,
        )


async def load_tasks_of_units(
    tx: Tx, ids: list[int], request: PageRequest, which: filters.UnitTaskFilter, order: UnitTaskOrder
) -> dict[int, Connection[Task]]:
    """The same page of tasks for each unit."""
    pages = await queries.tasks_of_units(tx, ids, request, which, order)
    return {key: connection(page, task_of(tx)) for key, page in pages.items()}


async def load_tasks_of_targets(
    tx: Tx, ids: list[int], request: PageRequest, which: filters.TaskFilter, order: TaskOrder
) -> dict[int, Connection[Task]]:
    """The same page of tasks for each target."""
    pages = await queries.tasks_of_targets(tx, ids, request, which, order)
    return {key: connection(page, task_of(tx)) for key, page in pages.items()}


async def load_tasks_of_persons(
    tx: Tx, ids: list[int], request: PageRequest, which: filters.TaskFilter, order: TaskOrder
) -> dict[int, Connection[Task]]:
    """The same page of tasks for each person."""
    pages = await queries.tasks_of_persons(tx, ids, request, which, order)
    return {key: connection(page, task_of(tx)) for key, page in pages.items()}


WhichTasks = Annotated[
    TaskFilter | None, argument(description="Which tasks; all that you may see unless given.")
]
WhichUnitTasks = Annotated[
    UnitTaskFilter | None, argument(description="Which of the unit's tasks; all of them unless given.")
]
InOrder = Annotated[TaskOrder, argument(description="In which order.")]
InUnitOrder = Annotated[UnitTaskOrder, argument(description="In which order.")]


@strawberry.type
class TaskQuery:
    """Reads of tasks."""

    @field(description="A task by its global id; null if there is none or you may not see it.")
    async def task(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="The task's global id.")]
    ) -> Task | None:
        return await info.context.one(load_tasks, decode_optional(id, "Task", "id"))

    @field(description="Tasks that you may see.")
    async def tasks(
        self,
        info: Info,
        filter: WhichTasks = None,
        order_by: InOrder = TaskOrder.DUE,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Task]:
        which = filter.plain() if filter else queries.ALL
        async with info.context.reading() as tx:
            page = await queries.tasks_page(tx, PageRequest(first, after, last, before), which, order_by)
            return connection(page, task_of(tx))
