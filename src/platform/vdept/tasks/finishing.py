"""Done means result and effect: deliver with evidence, verify, or send back with a reason."""

from collections.abc import Sequence

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.kernel.errors import FORBIDDEN
from vdept.tasks import errors, rules
from vdept.tasks.access import (
    HEAD,
    as_lead,
    find_owner_side,
    get_task_for_update,
    live_participations,
)
from vdept.tasks.models import ParticipantRole, ParticipationState, Task, TaskEvidence
from vdept.tasks.rules import Step
from vdept.tasks.talking import Proof, write_evidence
from vdept.tasks.upkeep import may, move, refresh_progress, set_part, settle

MAY_VERIFY = (
    "vai trò quản lý ở đơn vị giao hoặc đơn vị đặt bài toán (a managing role in the unit that set the task"
    " or in a problem owner)"
)


async def deliver_task(
    tx: Tx,
    task_id: int,
    result: str,
    evidence: Sequence[Proof] = (),
    *,
    expected_version: int | None = None,
) -> Task:
    """Hand over the result with its evidence. The lead's own part is complete by that, not the others'."""
    task = await get_task_for_update(tx, task_id)
    unit_id = as_lead(tx, task)
    if not result.strip():
        raise errors.TASK_RESULT_REQUIRED.at("result")
    text = rules.require_text(result, 20_000, "result")
    may(task, Step.DELIVER, expected_version)
    proofs = await write_evidence(tx, task, unit_id, evidence)
    if not proofs and not await _has_evidence(tx, task):
        raise errors.TASK_EVIDENCE_REQUIRED.at("evidence")
    said = move(tx, task, Step.DELIVER, expected_version)
    task.result, task.delivered_on = text, tx.today
    await set_part(tx, task, unit_id, progress=100)
    await refresh_progress(tx, task)
    await settle(tx, task)
    data = {**said, "delivered_on": tx.today, "result": text, "evidence": proofs}
    tx.record("task.delivered", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def _has_evidence(tx: Tx, task: Task) -> bool:
    found = await tx.session.scalar(
        sa.select(TaskEvidence.id).where(TaskEvidence.task_id == task.id).limit(1)
    )
    return found is not None


async def verify_task(tx: Tx, task_id: int, *, expected_version: int | None = None) -> Task:
    """Confirm the effect, as the one who set the task or as its problem owner, never as who did it."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await _as_verifier(tx, task)
    said = move(tx, task, Step.VERIFY, expected_version)
    task.verified_at, task.verified_by_id = tx.now, tx.actor.person_id
    await settle(tx, task)
    tx.record("task.verified", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=said)
    return task


async def send_back_task(tx: Tx, task_id: int, reason: str, *, expected_version: int | None = None) -> Task:
    """Not the result that was agreed: the work goes on, for the reason given."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await _as_verifier(tx, task)
    said = move(tx, task, Step.SEND_BACK, expected_version, rules.require_reason(reason))
    was_delivered_on, task.delivered_on = task.delivered_on, None
    await settle(tx, task)
    data = {**said, "delivered_on": was_delivered_on}
    tx.record("task.sent_back", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def _as_verifier(tx: Tx, task: Task) -> int:
    """The unit that judges the result. Who leads does not; who set it for itself judges by its head."""
    if tx.actor.sees_everything:
        return task.owner_unit_id
    own = task.owner_unit_id == task.lead_unit_id
    if not own and task.lead_unit_id in tx.actor.unit_ids:
        raise errors.TASK_OWN_VERIFICATION.at("taskId")
    unit_id = await _problem_owner_side(tx, task)
    if unit_id is None:
        unit_id = await find_owner_side(tx, task)
        if unit_id is not None and own and not tx.actor.has(unit_id, HEAD):
            raise errors.TASK_HEAD_VERIFIES.at("taskId")
    if unit_id is None:
        raise FORBIDDEN.at("taskId", needs=MAY_VERIFY)
    return unit_id


async def _problem_owner_side(tx: Tx, task: Task) -> int | None:
    """A problem owner beside the lead for which the actor may decide."""
    parts = await live_participations(tx, task.id, tx.actor.unit_ids)
    return tx.actor.unit_in(
        (
            unit_id
            for unit_id, part in parts.items()
            if part.role is ParticipantRole.PROBLEM_OWNER
            and part.state is ParticipationState.ACCEPTED
            and unit_id != task.lead_unit_id
        ),
        MANAGING,
    )
