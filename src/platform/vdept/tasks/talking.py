"""What people say and show in a task: comments, and links to evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import WORKING
from vdept.kernel.db import Tx
from vdept.kernel.versions import check_version
from vdept.tasks import errors, rules
from vdept.tasks.access import as_involved, get_task, get_task_for_update
from vdept.tasks.models import Task, TaskComment, TaskEvidence, TaskState
from vdept.tasks.upkeep import touch

MAX_PROOFS = 50


@dataclass(frozen=True, slots=True)
class Proof:
    """A link to what proves a result."""

    url: str
    title: str = ""


async def comment_on_task(tx: Tx, task_id: int, body: str) -> TaskComment:
    """Say something in the task; dissent from a computed figure is said here, too."""
    task = await get_task(tx, task_id)
    unit_id = await as_involved(tx, task, WORKING)
    comment = TaskComment(
        task_id=task.id,
        author_id=tx.actor.person_id,
        unit_id=unit_id,
        body=rules.require_text(body, 10_000, "body"),
        created_at=tx.now,
    )
    tx.session.add(comment)
    await tx.session.flush()
    data = {"comment_id": comment.id, "body": comment.body}
    tx.record("task.commented", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return comment


async def add_evidence(
    tx: Tx, task_id: int, proof: Proof, *, expected_version: int | None = None
) -> TaskEvidence:
    """Link to something that proves progress or result, until the result is verified."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_involved(tx, task, WORKING)
    check_version(task, expected_version)
    rules.require_state(task.state, [s for s in TaskState if s not in rules.FINAL_STATES])
    row = _evidence(tx, task, unit_id, proof)
    touch(tx, task)
    tx.session.add(row)
    await tx.session.flush()
    data = {"evidence_id": row.id, "url": row.url, "title": row.title}
    tx.record("task.evidence_added", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return row


async def write_evidence(tx: Tx, task: Task, unit_id: int, proofs: Sequence[Proof]) -> list[dict[str, Any]]:
    """Write several links in one statement; returns what the activity says of them."""
    if len(proofs) > MAX_PROOFS:
        raise errors.TASK_TOO_MANY.at("evidence", limit=MAX_PROOFS)
    rows = [_evidence(tx, task, unit_id, proof, "evidence", i) for i, proof in enumerate(proofs)]
    said = [{"url": row.url, "title": row.title} for row in rows]
    if said:
        stamp = {
            "task_id": task.id,
            "unit_id": unit_id,
            "added_by_id": tx.actor.person_id,
            "created_at": tx.now,
        }
        await tx.session.execute(sa.insert(TaskEvidence).inline(), [{**stamp, **each} for each in said])
    return said


def _evidence(tx: Tx, task: Task, unit_id: int, proof: Proof, *path: str | int) -> TaskEvidence:
    url = rules.require_url(proof.url, *path, "url")
    title = rules.require_text(proof.title or url[:500], 500, *path, "title")
    return TaskEvidence(
        task_id=task.id,
        unit_id=unit_id,
        added_by_id=tx.actor.person_id,
        title=title,
        url=url,
        created_at=tx.now,
    )
