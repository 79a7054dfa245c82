"""Verbs on who takes part in a task, what it serves and waits for, what is said in it."""

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.tasks import accepting_links, assigning, linking, progress, sharing, talking
from vdept.tasks.models import Task as TaskRow
from vdept.tasks.models import TaskComment
from vdept_graphql.context import Info
from vdept_graphql.ids import decode, decode_many, decode_optional
from vdept_graphql.inputs import In
from vdept_graphql.mutations import one, perform
from vdept_graphql.task_bulk_mutations import TaskBulkMutation
from vdept_graphql.task_details import load_comments_by_ids
from vdept_graphql.task_inputs import (
    FOR_UNIT,
    AcceptLinkInput,
    AddEvidenceInput,
    AssignPeopleInput,
    CommentOnTaskInput,
    CommentPayload,
    DeclineLinkInput,
    InviteParticipantsInput,
    LinkTargetsInput,
    ReportProgressInput,
    SetParticipantsInput,
    TaskInput,
    TaskPayload,
    UnassignPersonInput,
    UnlinkTargetInput,
    links_of,
    parts_of,
)
from vdept_graphql.task_mutations import on_task
from vdept_graphql.tasks import load_tasks


@strawberry.input(description="A unit's commitment to the part it was offered.")
class AcceptInvitationInput(TaskInput):
    """Which."""

    unit_id: strawberry.ID | None = field(default=None, description=FOR_UNIT)


@strawberry.input(description="A unit's refusal of the part it was offered.")
class DeclineInvitationInput(TaskInput):
    """Which and why."""

    reason: str = field(description="Why.")
    unit_id: strawberry.ID | None = field(default=None, description=FOR_UNIT)


@strawberry.input(description="The end of a unit's part while the work runs.")
class LeaveTaskInput(TaskInput):
    """Which and why."""

    reason: str = field(description="Why.")
    unit_id: strawberry.ID | None = field(default=None, description=FOR_UNIT)


@strawberry.input(description="A task that must be delivered first.")
class AddDependencyInput(TaskInput):
    """Which."""

    blocked_by_id: strawberry.ID = field(description="The task that must be delivered first.")


@strawberry.input(description="A task that need not be waited for any more.")
class RemoveDependencyInput(TaskInput):
    """Which."""

    blocked_by_id: strawberry.ID = field(description="The task that was waited for.")


@strawberry.input(description="The task that a task is a part of.")
class SetParentTaskInput(TaskInput):
    """Which."""

    parent_id: strawberry.ID | None = field(default=None, description="The whole; null: it stands alone.")


@strawberry.type
class TaskSharingMutation(TaskBulkMutation):
    """Verbs on what belongs to a task."""

    @strawberry.mutation(
        description="Ask units of any kind to take part, all or none. For managers of the lead or the owner."
    )
    async def invite_participants(self, info: Info, input: In[InviteParticipantsInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            parts = parts_of(input.participants)
            return await sharing.invite_participants(
                tx, task_id, parts, expected_version=input.expected_version
            )

        return await on_task(info, input, act)

    @strawberry.mutation(description="Commit your unit to its part. For its managers.")
    async def accept_invitation(self, info: Info, input: In[AcceptInvitationInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            unit_id = decode_optional(input.unit_id, "Unit", "unitId")
            return await sharing.accept_invitation(
                tx, task_id, unit_id=unit_id, expected_version=input.expected_version
            )

        return await on_task(info, input, act)

    @strawberry.mutation(description="Say no to the invitation, with the reason.")
    async def decline_invitation(self, info: Info, input: In[DeclineInvitationInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            unit_id = decode_optional(input.unit_id, "Unit", "unitId")
            return await sharing.decline_invitation(
                tx, task_id, input.reason, unit_id=unit_id, expected_version=input.expected_version
            )

        return await on_task(info, input, act)

    @strawberry.mutation(description="Give up your unit's part while the work runs, with the reason.")
    async def leave_task(self, info: Info, input: In[LeaveTaskInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            unit_id = decode_optional(input.unit_id, "Unit", "unitId")
            return await sharing.leave_task(
                tx, task_id, input.reason, unit_id=unit_id, expected_version=input.expected_version
            )

        return await on_task(info, input, act)

    @strawberry.mutation(description="Agree on roles and shares of units that take part, in one act.")
    async def set_participants(self, info: Info, input: In[SetParticipantsInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            parts = parts_of(input.participants)
            return await sharing.set_parts(tx, task_id, parts, expected_version=input.expected_version)

        return await on_task(info, input, act)

    @strawberry.mutation(description="Put people of your unit on the task, all or none of them.")
    async def assign_people(self, info: Info, input: In[AssignPeopleInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            return await assigning.assign_people(
                tx,
                task_id,
                decode_many(input.person_ids, "Person", "personIds"),
                unit_id=decode_optional(input.unit_id, "Unit", "unitId"),
                expected_version=input.expected_version,
            )

        return await on_task(info, input, act)

    @strawberry.mutation(description="Take a person of your unit off the task.")
    async def unassign_person(self, info: Info, input: In[UnassignPersonInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            return await assigning.unassign_person(
                tx,
                task_id,
                decode(input.person_id, "Person", "personId"),
                unit_id=decode_optional(input.unit_id, "Unit", "unitId"),
                expected_version=input.expected_version,
            )

        return await on_task(info, input, act)

    @strawberry.mutation(description="Say how far your unit has come with its part.")
    async def report_progress(self, info: Info, input: In[ReportProgressInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            return await progress.report_progress(
                tx,
                task_id,
                input.progress,
                unit_id=decode_optional(input.unit_id, "Unit", "unitId"),
                expected_version=input.expected_version,
            )

        return await on_task(info, input, act)

    @strawberry.mutation(
        description="Let the task serve more targets of its plan. Targets of units in which you do not "
        "work are proposed: the task counts for them once their unit accepts."
    )
    async def link_targets(self, info: Info, input: In[LinkTargetsInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            links = links_of(input.targets)
            return await linking.link_targets(tx, task_id, links, expected_version=input.expected_version)

        return await on_task(info, input, act)

    @strawberry.mutation(
        description="Let the task count for your unit's target, with the weight that is proposed. For "
        "managers of the unit that holds the target."
    )
    async def accept_link(self, info: Info, input: In[AcceptLinkInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            target_id = decode(input.target_id, "Target", "targetId")
            return await accepting_links.accept_link(
                tx, task_id, target_id, input.weight, expected_version=input.expected_version
            )

        return await on_task(info, input, act)

    @strawberry.mutation(
        description="Do not let the task count for your unit's target, for the reason given. For managers of "
        "the unit that holds the target."
    )
    async def decline_link(self, info: Info, input: In[DeclineLinkInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            target_id = decode(input.target_id, "Target", "targetId")
            return await accepting_links.decline_link(
                tx, task_id, target_id, input.reason, expected_version=input.expected_version
            )

        return await on_task(info, input, act)

    @strawberry.mutation(
        description="The task does not serve this target any more; what is only proposed is taken back."
    )
    async def unlink_target(self, info: Info, input: In[UnlinkTargetInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            target_id = decode(input.target_id, "Target", "targetId")
            return await linking.unlink_target(
                tx, task_id, target_id, expected_version=input.expected_version
            )

        return await on_task(info, input, act)

    @strawberry.mutation(description="The task cannot start before the other one is delivered.")
    async def add_dependency(self, info: Info, input: In[AddDependencyInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            other = decode(input.blocked_by_id, "Task", "blockedById")
            return await linking.add_dependency(tx, task_id, other, expected_version=input.expected_version)

        return await on_task(info, input, act)

    @strawberry.mutation(description="The task does not wait for the other one any more.")
    async def remove_dependency(self, info: Info, input: In[RemoveDependencyInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            other = decode(input.blocked_by_id, "Task", "blockedById")
            return await linking.remove_dependency(
                tx, task_id, other, expected_version=input.expected_version
            )

        return await on_task(info, input, act)

    @strawberry.mutation(description="Make the task a part of another one, or of none.")
    async def set_parent_task(self, info: Info, input: In[SetParentTaskInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            parent = decode_optional(input.parent_id, "Task", "parentId")
            return await linking.set_parent(tx, task_id, parent, expected_version=input.expected_version)

        return await on_task(info, input, act)

    @strawberry.mutation(
        description="Say something in the task; dissent from a computed figure is said here, too."
    )
    async def comment_on_task(self, info: Info, input: In[CommentOnTaskInput]) -> CommentPayload | None:
        async def verb(tx: Tx) -> TaskComment:
            return await talking.comment_on_task(tx, decode(input.task_id, "Task", "taskId"), input.body)

        return await perform(info, CommentPayload, input, verb, one("comment", load_comments_by_ids))

    @strawberry.mutation(description="Link to what proves progress or result, until it is verified.")
    async def add_evidence(self, info: Info, input: In[AddEvidenceInput]) -> TaskPayload | None:
        async def verb(tx: Tx) -> int:
            proof = talking.Proof(url=input.url, title=input.title)
            task_id = decode(input.task_id, "Task", "taskId")
            await talking.add_evidence(tx, task_id, proof, expected_version=input.expected_version)
            return task_id

        return await perform(info, TaskPayload, input, verb, one("task", load_tasks))
