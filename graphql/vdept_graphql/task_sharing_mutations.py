"""Verbs on who takes part in a task, what it serves and waits for, what is said in it; and bulk forms."""

from collections.abc import Sequence
from typing import Any

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.kernel.errors import invalid
from vdept.tasks import assigning, bulk, linking, progress, sharing, talking
from vdept.tasks.models import Task as TaskRow
from vdept.tasks.models import TaskComment
from vdept_graphql.context import Context, Info
from vdept_graphql.ids import decode, decode_many, decode_optional, encode
from vdept_graphql.inputs import In
from vdept_graphql.mutations import EXPECTED_VERSION, IDEMPOTENCY_KEY, one, perform, remembered, told
from vdept_graphql.task_details import load_comments_by_ids
from vdept_graphql.task_inputs import (
    AddEvidenceInput,
    AssignPeopleInput,
    CommentOnTaskInput,
    CommentPayload,
    InviteParticipantsInput,
    LinkTargetsInput,
    ReportProgressInput,
    SetParticipantsInput,
    TaskAnswer,
    TaskInput,
    TaskPayload,
    TasksPayload,
    UnassignPersonInput,
    UnlinkTargetInput,
    links_of,
    parts_of,
)
from vdept_graphql.task_mutations import on_task
from vdept_graphql.tasks import load_tasks

FOR_UNIT = "For which of your units; found by itself when only one takes part."


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


@strawberry.input(description="Offers accepted in bulk, each on its own.")
class AcceptTasksInput:
    """Which."""

    task_ids: list[strawberry.ID] = field(description="Tasks offered to your units.")
    expected_versions: list[int | None] | None = field(
        default=None, description="For each task in turn: " + EXPECTED_VERSION
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="One unit's progress in one task.")
class ProgressInput:
    """How far."""

    task_id: strawberry.ID = field(description="Which task.")
    progress: int = field(description="0 to 100.")
    unit_id: strawberry.ID | None = field(default=None, description=FOR_UNIT)
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)


@strawberry.input(description="Progress in many tasks, each on its own.")
class ReportProgressManyInput:
    """How far."""

    reports: list[ProgressInput] = field(description="One a task.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


def _versions(task_ids: list[int], versions: list[int | None] | None) -> dict[int, int]:
    if versions is None:
        return {}
    if len(versions) != len(task_ids):
        raise invalid(
            "expectedVersions",
            vi="cần đúng một mục (hoặc null) cho mỗi nhiệm vụ",
            en="give exactly one (or null) for each task",
        )
    return {key: version for key, version in zip(task_ids, versions, strict=True) if version is not None}


def _remember(answers: Sequence[bulk.Answer]) -> list[dict[str, Any]]:
    return [
        {"task": answer.task_id, "refused": remembered(answer.refused) if answer.refused else None}
        for answer in answers
    ]


async def _results(context: Context, answer: Any) -> dict[str, Any]:
    """The tasks as they now are, in one statement, with each item's refusal."""
    async with context.reading() as tx:
        tasks = await load_tasks(tx, [item["task"] for item in answer if item["refused"] is None])
    results = [
        TaskAnswer(
            task_id=encode("Task", item["task"]),
            task=tasks.get(item["task"]),
            errors=[told(context, item["refused"])] if item["refused"] else [],
        )
        for item in answer
    ]
    return {"results": results}


@strawberry.type
class TaskSharingMutation:
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

    @strawberry.mutation(description="Report progress in many tasks: each on its own, up to the bulk limit.")
    async def report_progress_many(
        self, info: Info, input: In[ReportProgressManyInput]
    ) -> TasksPayload | None:
        async def verb(tx: Tx) -> list[dict[str, Any]]:
            reports = [
                bulk.Report(
                    task_id=decode(one.task_id, "Task", "reports", i, "taskId"),
                    progress=one.progress,
                    unit_id=decode_optional(one.unit_id, "Unit", "reports", i, "unitId"),
                    expected_version=one.expected_version,
                )
                for i, one in enumerate(input.reports)
            ]
            return _remember(await bulk.report_progress_many(tx, reports))

        return await perform(info, TasksPayload, input, verb, _results)

    @strawberry.mutation(description="Accept many offers: each on its own, up to the bulk limit.")
    async def accept_tasks(self, info: Info, input: In[AcceptTasksInput]) -> TasksPayload | None:
        async def verb(tx: Tx) -> list[dict[str, Any]]:
            task_ids = decode_many(input.task_ids, "Task", "taskIds")
            versions = _versions(task_ids, input.expected_versions)
            return _remember(await bulk.accept_tasks(tx, task_ids, expected_versions=versions))

        return await perform(info, TasksPayload, input, verb, _results)

    @strawberry.mutation(description="Let the task serve more targets of its plan.")
    async def link_targets(self, info: Info, input: In[LinkTargetsInput]) -> TaskPayload | None:
        async def act(tx: Tx, task_id: int) -> TaskRow:
            links = links_of(input.targets)
            return await linking.link_targets(tx, task_id, links, expected_version=input.expected_version)

        return await on_task(info, input, act)

    @strawberry.mutation(description="The task does not serve this target any more.")
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
