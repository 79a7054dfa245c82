"""What people do in bulk: accept many offers, report progress in many tasks, with an answer for each.

However many rows, the number of statements is the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from vdept.kernel.actor import WORKING
from vdept.kernel.db import Tx
from vdept.kernel.errors import FORBIDDEN, Refused
from vdept.kernel.versions import check_version
from vdept.targets.changes import tasks_changed
from vdept.tasks import errors, rules
from vdept.tasks.access import TAKES_PART, as_lead, get_tasks_for_update, unseen
from vdept.tasks.models import (
    Participation,
    ParticipationState,
    Task,
    TaskState,
)
from vdept.tasks.rules import BULK_LIMIT, LIVE, REPORTING_STATES, Step, step_to
from vdept.tasks.sql import among, rows_of

ACCEPTED = ParticipationState.ACCEPTED


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one item: the task as it now is, or why not."""

    task_id: int
    task: Task | None = None
    refused: Refused | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One unit's progress in one task."""

    task_id: int
    progress: int
    unit_id: int | None = None
    expected_version: int | None = None


async def accept_tasks(
    tx: Tx, task_ids: Sequence[int], *, expected_versions: Mapping[int, int] | None = None
) -> list[Answer]:
    """Accept many offers for one's units: each on its own, one refusal does not spoil the others."""
    _require_bulk(task_ids, "taskIds")
    tasks = await get_tasks_for_update(tx, task_ids)
    refused: dict[int, Refused] = {}
    for i, task_id in enumerate(task_ids):
        try:
            task = _seen(tasks, task_id)
            as_lead(tx, task)
            check_version(task, (expected_versions or {}).get(task_id))
            step_to(Step.ACCEPT, task.state)
        except Refused as no:
            field = "expectedVersions" if "expectedVersion" in no.path else "taskIds"
            refused[task_id] = Refused(no.refusal, (field, i), no.params)
    taken = [tasks[task_id] for task_id in task_ids if task_id not in refused]
    if taken:
        ids = [task.id for task in taken]
        await tx.session.execute(
            sa.update(Task)
            .where(among(Task.id, ids))
            .values(state=TaskState.ACCEPTED, state_reason=None, version=Task.version + 1, updated_at=tx.now)
            .execution_options(synchronize_session=False)
        )
        await tx.session.execute(
            sa.update(Participation)
            .where(
                among(Participation.task_id, ids),
                Participation.task_id == Task.id,
                Participation.unit_id == Task.lead_unit_id,
            )
            .values(state=ACCEPTED, updated_at=tx.now)
            .execution_options(synchronize_session=False)
        )
        await _follow(tx, taken)
        for task in taken:
            said = {"from": TaskState.OFFERED.value, "to": TaskState.ACCEPTED.value}
            tx.record(
                "task.accepted", "Task", task.id, unit_id=task.lead_unit_id, plan_id=task.plan_id, data=said
            )
    return await _answers(tx, task_ids, refused)


async def report_progress_many(tx: Tx, reports: Sequence[Report]) -> list[Answer]:
    """Report progress in many tasks: each on its own, one refusal does not spoil the others."""
    task_ids = [report.task_id for report in reports]
    _require_bulk(task_ids, "reports")
    tasks = await get_tasks_for_update(tx, task_ids)
    asked = tx.actor.unit_ids | {report.unit_id for report in reports if report.unit_id is not None}
    parts = await _parts_of(tx, tasks, asked)
    refused: dict[int, Refused] = {}
    good: dict[int, tuple[Report, Participation]] = {}
    for i, report in enumerate(reports):
        try:
            task = _seen(tasks, report.task_id)
            good[task.id] = (report, _reporting(tx, task, report, parts.get(task.id, {})))
        except Refused as no:
            refused[report.task_id] = no.under("reports", i)
    if good:
        await _write_progress(tx, good)
        await _follow(tx, [tasks[task_id] for task_id in good])
        for task_id, (report, part) in good.items():
            said = {"from": part.progress, "to": report.progress}
            plan_id = tasks[task_id].plan_id
            tx.record(
                "task.progress_reported", "Task", task_id, unit_id=part.unit_id, plan_id=plan_id, data=said
            )
    return await _answers(tx, task_ids, refused)


def _reporting(tx: Tx, task: Task, report: Report, parts: Mapping[int, Participation]) -> Participation:
    """The participation that this report is about, if the actor may report it."""
    rules.require_progress(report.progress)
    if report.unit_id is None:
        unit_id = tx.actor.unit_in(parts, WORKING)
    else:
        unit_id = report.unit_id if tx.actor.has(report.unit_id, WORKING) else None
    if unit_id is None:
        raise FORBIDDEN.at("taskId" if report.unit_id is None else "unitId", needs=TAKES_PART)
    check_version(task, report.expected_version)
    rules.require_state(task.state, REPORTING_STATES)
    part = parts.get(unit_id)
    if part is None or part.state is not ACCEPTED:
        raise errors.TASK_NOT_PARTICIPANT.at("unitId")
    return part


async def _parts_of(
    tx: Tx, task_ids: Iterable[int], unit_ids: Iterable[int]
) -> dict[int, dict[int, Participation]]:
    found = await tx.session.scalars(
        sa.select(Participation)
        .where(
            among(Participation.task_id, task_ids),
            among(Participation.unit_id, unit_ids),
            Participation.state.in_(LIVE),
        )
        .order_by(Participation.task_id, Participation.unit_id)
        .execution_options(populate_existing=True)
    )
    parts: dict[int, dict[int, Participation]] = {}
    for part in found:
        parts.setdefault(part.task_id, {})[part.unit_id] = part
    return parts


async def _write_progress(tx: Tx, good: Mapping[int, tuple[Report, Participation]]) -> None:
    given = rows_of(
        "given",
        task_id=(good.keys(), sa.BigInteger()),
        unit_id=([part.unit_id for _, part in good.values()], sa.BigInteger()),
        progress=([report.progress for report, _ in good.values()], sa.Integer()),
    )
    await tx.session.execute(
        sa.update(Participation)
        .where(Participation.task_id == given.c.task_id, Participation.unit_id == given.c.unit_id)
        .values(progress=given.c.progress, updated_at=tx.now)
        .execution_options(synchronize_session=False)
    )
    await tx.session.execute(
        sa.update(Task)
        .where(among(Task.id, good))
        .values(version=Task.version + 1, updated_at=tx.now)
        .execution_options(synchronize_session=False)
    )


async def _follow(tx: Tx, tasks: Sequence[Task]) -> None:
    """Derive progress of these tasks again (as ``rules.task_progress`` does), and tell the roll-up."""
    share, progress = sa.cast(Participation.share, sa.BigInteger), Participation.progress
    weight = sa.case((sa.func.sum(share) > 0, sa.func.sum(share)), else_=sa.func.count())
    reached = sa.case((sa.func.sum(share) > 0, sa.func.sum(share * progress)), else_=sa.func.sum(progress))
    hundredths = sa.func.div(sa.cast(200 * reached + weight, sa.Numeric), sa.cast(2 * weight, sa.Numeric))
    derived = (
        sa.select(Participation.task_id, (hundredths / 100).label("progress"))
        .where(
            among(Participation.task_id, [task.id for task in tasks]),
            Participation.state == ACCEPTED,
        )
        .group_by(Participation.task_id)
        .subquery()
    )
    await tx.session.execute(
        sa.update(Task)
        .where(Task.id == derived.c.task_id, Task.progress != derived.c.progress)
        .values(progress=derived.c.progress)
        .execution_options(synchronize_session=False)
    )
    await tasks_changed(tx, [(task.plan_id, task.id) for task in tasks])


async def _answers(tx: Tx, task_ids: Sequence[int], refused: Mapping[int, Refused]) -> list[Answer]:
    """The answers in the order of the request, with the tasks as they now are."""
    found = await get_tasks_for_update(tx, [task_id for task_id in task_ids if task_id not in refused])
    return [
        Answer(task_id, refused=refused[task_id])
        if task_id in refused
        else Answer(task_id, task=found[task_id])
        for task_id in task_ids
    ]


def _seen(tasks: Mapping[int, Task], task_id: int) -> Task:
    if task_id not in tasks:
        raise unseen("taskId")
    return tasks[task_id]


def _require_bulk(task_ids: Sequence[int], field: str) -> None:
    """Not too many at once, and no task twice."""
    if len(task_ids) > BULK_LIMIT:
        raise errors.TASK_TOO_MANY.at(field, limit=BULK_LIMIT)
    seen: set[int] = set()
    for i, task_id in enumerate(task_ids):
        if task_id in seen:
            raise errors.TASK_ITEM_TWICE.at(field, i)
        seen.add(task_id)
