"""Inputs and payloads of the verbs on tasks."""

from datetime import date
from decimal import Decimal

import strawberry
from strawberry import field

from vdept.targets.models import Audience
from vdept.tasks.linking import Link
from vdept.tasks.models import ParticipantRole, TaskKind
from vdept.tasks.sharing import Part
from vdept.tasks.talking import Proof
from vdept_graphql.context import Info
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode
from vdept_graphql.mutations import ERRORS, EXPECTED_VERSION, IDEMPOTENCY_KEY
from vdept_graphql.task_details import Comment
from vdept_graphql.tasks import Task, load_tasks

FOR_UNIT = "For which of your units; found by itself when only one takes part."


@strawberry.type(description="What a mutation of a task answers with.")
class TaskPayload:
    """The task, or why not."""

    task: Task | None = field(default=None, description="The task after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="One lead's task, out of many set in one act (nhiệm vụ vừa giao).")
class CreatedTask:
    """Which task is whose; the task itself is read only when asked for."""

    lead_unit_id: strawberry.ID = field(description="The unit asked to lead it.")
    task_id: strawberry.ID = field(description="The task's global id.")
    key: strawberry.Private[int]

    @field(description="The task.")
    def task(self, info: Info) -> Task | None:
        return info.context.load(load_tasks, self.key)


@strawberry.type(description="What creating the same task for many leads answers with.")
class CreateTasksPayload:
    """How many, and which."""

    count: int | None = field(default=None, description="How many tasks were set.")
    results: list[CreatedTask] | None = field(
        default=None, description="Each lead's task, in the order of the leads."
    )
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What saying something answers with.")
class CommentPayload:
    """The comment, or why not."""

    comment: Comment | None = field(default=None, description="What was said.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What became of one item of a bulk call (kết quả từng mục).")
class TaskAnswer:
    """The task, or why not."""

    task_id: strawberry.ID = field(description="Which task.")
    task: Task | None = field(default=None, description="The task as it now is; null: refused.")
    errors: list[UserError] = field(description="Why this item was refused; empty when it was done.")


@strawberry.type(description="What a bulk call on tasks answers with: each item on its own.")
class TasksPayload:
    """An answer for each item."""

    results: list[TaskAnswer] | None = field(default=None, description="In the order of the request.")
    errors: list[UserError] = field(description="Why nothing at all was done.")


@strawberry.input(description="A unit's part in a task.")
class PartInput:
    """Who does what, and how much."""

    unit_id: strawberry.ID = field(description="Which unit, of any kind.")
    role: ParticipantRole = field(default=ParticipantRole.CONTRIBUTOR, description="What it does.")
    share: int = field(default=1, description="Weight of its part, relative to the others'.")


@strawberry.input(description="A target that a task serves.")
class TaskTargetInput:
    """Which target, and how much."""

    target_id: strawberry.ID = field(description="Which target, of the task's plan.")
    weight: Decimal = field(default=Decimal(1), description="Weight among the target's tasks; above 0.")


@strawberry.input(description="A link to evidence.")
class EvidenceInput:
    """What and where."""

    url: str = field(description="Where it is: an http or https address.")
    title: str = field(default="", description="What it is.")


def parts_of(given: list[PartInput], name: str = "participants") -> list[Part]:
    return [
        Part(decode(part.unit_id, "Unit", name, i, "unitId"), part.role, part.share)
        for i, part in enumerate(given)
    ]


def links_of(given: list[TaskTargetInput]) -> list[Link]:
    return [
        Link(decode(link.target_id, "Target", "targets", i, "targetId"), link.weight)
        for i, link in enumerate(given)
    ]


def proofs_of(given: list[EvidenceInput]) -> list[Proof]:
    return [Proof(url=proof.url, title=proof.title) for proof in given]


@strawberry.input(description="A task.")
class TaskInput:
    """What every verb on one task is given."""

    task_id: strawberry.ID = field(description="Which task.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A new task: on a board, offered to a lead unit, or one's own.")
class CreateTaskInput:
    """The task and everybody in it."""

    title: str = field(description="What is to be done.")
    owner_unit_id: strawberry.ID = field(description="The unit that sets it.")
    due_on: date = field(description="When it is due, within the plan's cycle.")
    lead_unit_id: strawberry.ID | None = field(
        default=None, description="The unit asked to lead; none: it stands on the board."
    )
    lead_role: ParticipantRole = field(
        default=ParticipantRole.BUILDER, description="What the lead does in it."
    )
    lead_share: int = field(default=1, description="Weight of the lead's part.")
    plan_id: strawberry.ID | None = field(default=None, description="The plan it belongs to.")
    parent_id: strawberry.ID | None = field(default=None, description="The task it is a part of.")
    description: str | None = field(default=None, description="More about it.")
    kind: TaskKind = field(default=TaskKind.ROUTINE, description="Routine or deep work.")
    audience: Audience = field(default=Audience.GOVERNMENT, description="Who else may see it.")
    participants: list[PartInput] = field(default_factory=list, description="Units asked to take part.")
    targets: list[TaskTargetInput] = field(default_factory=list, description="Targets that it serves.")
    person_ids: list[strawberry.ID] = field(
        default_factory=list, description="People of the owner unit on it, when that unit takes part."
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="The same task for many lead units, in one act.")
class CreateTasksInput:
    """The task and its leads."""

    title: str = field(description="What is to be done.")
    owner_unit_id: strawberry.ID = field(description="The unit that sets it.")
    lead_unit_ids: list[strawberry.ID] = field(description="The units asked to lead one task each.")
    due_on: date = field(description="When it is due, within the plan's cycle.")
    lead_role: ParticipantRole = field(
        default=ParticipantRole.BUILDER, description="What each lead does in its task."
    )
    lead_share: int = field(default=1, description="Weight of each lead's part.")
    plan_id: strawberry.ID | None = field(default=None, description="The plan they belong to.")
    description: str | None = field(default=None, description="More about it.")
    kind: TaskKind = field(default=TaskKind.ROUTINE, description="Routine or deep work.")
    audience: Audience = field(default=Audience.GOVERNMENT, description="Who else may see them.")
    participants: list[PartInput] = field(
        default_factory=list, description="Units asked to take part in every one of them."
    )
    key_result_id: strawberry.ID | None = field(
        default=None, description="Each task serves its lead's own target of this key result."
    )
    weight: Decimal = field(default=Decimal(1), description="Weight among that target's tasks.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A change of a task; what is left out stays as it is.")
class UpdateTaskInput(TaskInput):
    """What changes."""

    title: str | None = field(default=strawberry.UNSET, description="What is to be done.")
    description: str | None = field(default=strawberry.UNSET, description="More about it; null: nothing.")
    kind: TaskKind | None = field(default=strawberry.UNSET, description="Routine or deep work.")
    audience: Audience | None = field(default=strawberry.UNSET, description="Who else may see it.")


@strawberry.input(description="An offer of a task to a lead unit.")
class OfferTaskInput(TaskInput):
    """To whom."""

    lead_unit_id: strawberry.ID = field(description="The unit asked to lead.")
    role: ParticipantRole | None = field(default=None, description="What it does; as before unless given.")
    share: int | None = field(default=None, description="Weight of its part; as before unless given.")


@strawberry.input(description="Taking a task from the board.")
class VolunteerForTaskInput(TaskInput):
    """For whom."""

    unit_id: strawberry.ID = field(description="Your unit, which leads it from then on.")
    role: ParticipantRole | None = field(default=None, description="What it does; BUILDER unless given.")


@strawberry.input(description="A result with its evidence.")
class DeliverTaskInput(TaskInput):
    """What was reached."""

    result: str = field(description="What was reached.")
    evidence: list[EvidenceInput] = field(default_factory=list, description="What proves it.")


@strawberry.input(description="A pause for burden, until a review.")
class PauseTaskInput(TaskInput):
    """Why and until when."""

    reason: str = field(description="Why the work stops.")
    review_on: date = field(description="When it is looked at again.")


@strawberry.input(description="A later due date, with its reason.")
class ExtendTaskInput(TaskInput):
    """Until when and why."""

    due_on: date = field(description="The new due date.")
    reason: str = field(description="Why it is later.")


@strawberry.input(description="Units asked to take part, all or none of them.")
class InviteParticipantsInput(TaskInput):
    """Who."""

    participants: list[PartInput] = field(description="The parts offered.")


@strawberry.input(description="Roles and shares of units that take part, in one act.")
class SetParticipantsInput(TaskInput):
    """Who does what, and how much."""

    participants: list[PartInput] = field(description="The parts agreed on.")


@strawberry.input(description="People put on a task, all or none of them.")
class AssignPeopleInput(TaskInput):
    """Who."""

    person_ids: list[strawberry.ID] = field(description="Persons of your unit.")
    unit_id: strawberry.ID | None = field(default=None, description=FOR_UNIT)


@strawberry.input(description="A person taken off a task.")
class UnassignPersonInput(TaskInput):
    """Who."""

    person_id: strawberry.ID = field(description="A person of your unit.")
    unit_id: strawberry.ID | None = field(default=None, description="For which of your units.")


@strawberry.input(description="How far a unit has come with its part.")
class ReportProgressInput(TaskInput):
    """How far."""

    progress: int = field(description="0 to 100; an honest figure may also go down.")
    unit_id: strawberry.ID | None = field(default=None, description="For which of your units.")


@strawberry.input(description="Targets that a task serves from now on.")
class LinkTargetsInput(TaskInput):
    """Which."""

    targets: list[TaskTargetInput] = field(description="Targets of the task's plan.")


@strawberry.input(description="A unit's consent that a task counts for its target.")
class AcceptLinkInput(TaskInput):
    """Which, and how much."""

    target_id: strawberry.ID = field(description="Which target of your unit.")
    weight: Decimal = field(description="The weight that is proposed, and that you accept.")


@strawberry.input(description="A unit's refusal to let a task count for its target.")
class DeclineLinkInput(TaskInput):
    """Which, and why."""

    target_id: strawberry.ID = field(description="Which target of your unit.")
    reason: str = field(description="Why.")


@strawberry.input(description="A target that a task serves no more.")
class UnlinkTargetInput(TaskInput):
    """Which."""

    target_id: strawberry.ID = field(description="Which target.")


@strawberry.input(description="Something said in a task.")
class CommentOnTaskInput:
    """What."""

    task_id: strawberry.ID = field(description="Which task.")
    body: str = field(description="The text.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A link to what proves progress or result.")
class AddEvidenceInput(TaskInput):
    """What."""

    url: str = field(description="Where it is: an http or https address.")
    title: str = field(default="", description="What it is.")
