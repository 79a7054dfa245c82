"""Verbs on the life of a task: set, offer, accept, start, deliver, verify, pause, extend, cancel."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.tasks import creating, creating_many, due, finishing, lifecycle, pausing
from vdept.tasks.models import Task as TaskRow
from vdept_graphql.context import Context, Info
from vdept_graphql.ids import decode, decode_many, decode_optional, encode
from vdept_graphql.inputs import In, given, given_value
from vdept_graphql.mutations import one, perform
from vdept_graphql.task_inputs import (
    CreatedTask,
    CreateTaskInput,
    CreateTasksInput,
    CreateTasksPayload,
    DeliverTaskInput,
    ExtendTaskInput,
    OfferTaskInput,
    PauseTaskInput,
    TaskInput,
    TaskPayload,
    UpdateTaskInput,
    VolunteerForTaskInput,
    links_of,
    parts_of,
    proofs_of,
)
from vdept_graphql.tasks import load_tasks

Act: TypeAlias = Callable[[Tx, int], Awaitable[TaskRow]]


async def on_task(info: Info, input: TaskInput, act: Act) -> TaskPayload:
    """Run ``act`` on the task that the input names."""

    async def verb(tx: Tx) -> TaskRow:
        return await act(tx, decode(input.task_id, "Task", "taskId"))

    return await perform(info, TaskPayload, input, verb, one("task", load_tasks))


@strawberry.input(description="A reason for a step of a task.")
class ReasonInput(TaskInput):
    """Which and why."""

    reason: str = field(description="Why.")


@strawberry.input(description="A declined task that goes back on the board.")
class ReopenTaskInput(TaskInput):
    """Which."""


@strawberry.input(description="The lead unit's commitment to a task.")
class AcceptTaskInput(TaskInput):
    """Which."""


@strawberry.input(description="The beginning of the work.")
class StartTaskInput(TaskInput):
    """Which."""


@strawberry.input(description="The confirmation of a task's effect.")
class VerifyTaskInput(TaskInput):
    """Which."""


@strawberry.input(description="The end of a pause.")
class ResumeTaskInput(TaskInput):
    """Which."""


@strawberry.input(description="The lead unit's refusal, with its reason.")
class DeclineTaskInput(ReasonInput):
    """Which and why."""


@strawberry.input(description="A result that is not what was agreed, with the reason.")
class SendBackTaskInput(ReasonInput):
    """Which and why."""


@strawberry.input(description="The end of a task for good, with the reason.")
class CancelTaskInput(ReasonInput):
    """Which and why."""


def _created(leads: list[strawberry.ID]) -> Callable[[Context, Any], Awaitable[dict[str, Any]]]:
    async def build(_context: Context, answer: Any) -> dict[str, Any]:
        results = [
            CreatedTask(lead_unit_id=lead, task_id=encode("Task", number), key=number)
            for lead, number in zip(leads, answer, strict=True)
        ]
        return {"count": len(results), "results": results}

    return build


@strawberry.type
class TaskLifeMutation:
    """Verbs on the life of a task."""

    @strawberry.mutation(
        description="Set a task: on the board, offered to a lead unit, or one's own; with its participants "
        "and targets in the same act. For managers of the unit that sets it."
    )
    async def create_task(self, info: Info, input: In[CreateTaskInput]) -> TaskPayload | None:
        async def verb(tx: Tx) -> TaskRow:
            lead = decode_optional(input.lead_unit_id, "Unit", "leadUnitId")
            return await creating.create_task(
                tx,
                _terms(input, decode_optional(input.parent_id, "Task", "parentId")),
                lead=None
                if lead is None
                else creating.Lead(unit_id=lead, role=input.lead_role, share=input.lead_share),
                participants=parts_of(input.participants),
                targets=links_of(input.targets),
                person_ids=decode_many(input.person_ids, "Person", "personIds"),
            )

        return await perform(info, TaskPayload, input, verb, one("task", load_tasks))

    @strawberry.mutation(description="Set the same task for many lead units in one act, all or none of them.")
    async def create_tasks(self, info: Info, input: In[CreateTasksInput]) -> CreateTasksPayload | None:
        async def verb(tx: Tx) -> list[int]:
            return await creating_many.create_tasks(
                tx,
                _terms(input, None),
                decode_many(input.lead_unit_ids, "Unit", "leadUnitIds"),
                role=input.lead_role,
                share=input.lead_share,
                participants=parts_of(input.participants),
                key_result_id=decode_optional(input.key_result_id, "KeyResult", "keyResultId"),
                weight=input.weight,
            )

        return await perform(info, CreateTasksPayload, input, verb, _created(input.lead_unit_ids))

    @strawberry.mutation(
        description="Reword a task, or change its kind or audience. For the unit that set it."
    )
    async def update_task(self, info: Info, input: In[UpdateTaskInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            return await creating.update_task(
                tx,
                task_id,
                title=given_value(input.title, "title"),
                description=given(input.description),
                kind=given_value(input.kind, "kind"),
                audience=given_value(input.audience, "audience"),
                expected_version=input.expected_version,
            )

        return await on_task(info, input, act)

    @strawberry.mutation(description="Offer a task from the board, or a declined one, to a lead unit.")
    async def offer_task(self, info: Info, input: In[OfferTaskInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            return await lifecycle.offer_task(
                tx,
                task_id,
                decode(input.lead_unit_id, "Unit", "leadUnitId"),
                role=input.role,
                share=input.share,
                expected_version=input.expected_version,
            )

        return await on_task(info, input, act)

    @strawberry.mutation(description="Put a declined task back on the board.")
    async def reopen_task(self, info: Info, input: In[ReopenTaskInput]) -> TaskPayload | None:
        return await on_task(
            info,
            input,
            lambda tx, task: lifecycle.reopen_task(tx, task, expected_version=input.expected_version),
        )

    @strawberry.mutation(description="Take a task from the board for your unit; it is accepted by that.")
    async def volunteer_for_task(self, info: Info, input: In[VolunteerForTaskInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            return await lifecycle.volunteer_for_task(
                tx,
                task_id,
                decode(input.unit_id, "Unit", "unitId"),
                role=input.role,
                expected_version=input.expected_version,
            )

        return await on_task(info, input, act)

    @strawberry.mutation(
        description="Commit the lead unit to the task. What is accepted is finished. For its managers."
    )
    async def accept_task(self, info: Info, input: In[AcceptTaskInput]) -> TaskPayload | None:
        return await on_task(
            info,
            input,
            lambda tx, task: lifecycle.accept_task(tx, task, expected_version=input.expected_version),
        )

    @strawberry.mutation(description="Refuse the offer of a task, with the reason. For the lead's managers.")
    async def decline_task(self, info: Info, input: In[DeclineTaskInput]) -> TaskPayload | None:
        return await on_task(
            info,
            input,
            lambda tx, task: lifecycle.decline_task(
                tx, task, input.reason, expected_version=input.expected_version
            ),
        )

    @strawberry.mutation(
        description="Begin the work, once what it waits for is delivered and whom the plan wants is there."
    )
    async def start_task(self, info: Info, input: In[StartTaskInput]) -> TaskPayload | None:
        return await on_task(
            info,
            input,
            lambda tx, task: lifecycle.start_task(tx, task, expected_version=input.expected_version),
        )

    @strawberry.mutation(description="Hand over the result with its evidence. For the lead unit.")
    async def deliver_task(self, info: Info, input: In[DeliverTaskInput]) -> TaskPayload | None:
        return await on_task(
            info,
            input,
            lambda tx, task: finishing.deliver_task(
                tx, task, input.result, proofs_of(input.evidence), expected_version=input.expected_version
            ),
        )

    @strawberry.mutation(
        description="Confirm the effect. For the unit that set it or its problem owner, never who did it."
    )
    async def verify_task(self, info: Info, input: In[VerifyTaskInput]) -> TaskPayload | None:
        return await on_task(
            info,
            input,
            lambda tx, task: finishing.verify_task(tx, task, expected_version=input.expected_version),
        )

    @strawberry.mutation(
        description="Not the result that was agreed: the work goes on, for the reason given."
    )
    async def send_back_task(self, info: Info, input: In[SendBackTaskInput]) -> TaskPayload | None:
        return await on_task(
            info,
            input,
            lambda tx, task: finishing.send_back_task(
                tx, task, input.reason, expected_version=input.expected_version
            ),
        )

    @strawberry.mutation(description="Stop work that adds burden until it is reviewed. For a head.")
    async def pause_task(self, info: Info, input: In[PauseTaskInput]) -> TaskPayload | None:
        return await on_task(
            info,
            input,
            lambda tx, task: pausing.pause_task(
                tx, task, input.reason, input.review_on, expected_version=input.expected_version
            ),
        )

    @strawberry.mutation(description="Go on where the task was paused.")
    async def resume_task(self, info: Info, input: In[ResumeTaskInput]) -> TaskPayload | None:
        return await on_task(
            info,
            input,
            lambda tx, task: pausing.resume_task(tx, task, expected_version=input.expected_version),
        )

    @strawberry.mutation(description="Give the task up for good. For the unit that set it.")
    async def cancel_task(self, info: Info, input: In[CancelTaskInput]) -> TaskPayload | None:
        return await on_task(
            info,
            input,
            lambda tx, task: pausing.cancel_task(
                tx, task, input.reason, expected_version=input.expected_version
            ),
        )

    @strawberry.mutation(description="Agree on a later due date; extensions are counted. For who set it.")
    async def extend_task(self, info: Info, input: In[ExtendTaskInput]) -> TaskPayload | None:
        return await on_task(
            info,
            input,
            lambda tx, task: due.extend_due(
                tx, task, input.due_on, input.reason, expected_version=input.expected_version
            ),
        )


def _terms(input: CreateTaskInput | CreateTasksInput, parent_id: int | None) -> creating.Terms:
    return creating.Terms(
        title=input.title,
        owner_unit_id=decode(input.owner_unit_id, "Unit", "ownerUnitId"),
        due_on=input.due_on,
        plan_id=decode_optional(input.plan_id, "Plan", "planId"),
        parent_id=parent_id,
        description=input.description,
        kind=input.kind,
        audience=input.audience,
    )
