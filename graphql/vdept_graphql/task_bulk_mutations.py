"""What is done to many tasks at once, with an answer for each."""

from collections.abc import Sequence
from typing import Any

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.kernel.errors import invalid
from vdept.tasks import bulk
from vdept_graphql.context import Context, Info
from vdept_graphql.ids import decode, decode_many, decode_optional, encode
from vdept_graphql.inputs import In
from vdept_graphql.mutations import EXPECTED_VERSION, IDEMPOTENCY_KEY, perform, remembered, told
from vdept_graphql.task_inputs import FOR_UNIT, TaskAnswer, TasksPayload
from vdept_graphql.tasks import load_tasks


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
class TaskBulkMutation:
    """Verbs on many tasks."""

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
