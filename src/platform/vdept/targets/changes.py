"""Tell the roll-up what changed. Every verb that can move an outcome calls one of these in its transaction.

Appending is all a writer does: no parent row is read or locked, so writers never wait for each other.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.targets.models import OutcomeChange

DOORBELL = "outcomes"
"""Rung after commit; wakes the worker that rolls up."""


async def target_changed(tx: Tx, plan_id: int, target_ids: Iterable[int]) -> None:
    """These targets of one plan need their own inputs read again."""
    rows = [{"plan_id": plan_id, "target_id": target_id} for target_id in target_ids]
    if rows:
        await tx.session.execute(sa.insert(OutcomeChange).inline(), rows)
        tx.ring(DOORBELL)


async def task_changed(tx: Tx, plan_id: int | None, task_id: int) -> None:
    """This task's state, progress, dates, participants or targets changed; no plan, nothing to roll up."""
    if plan_id is not None:
        await tx.session.execute(
            sa.insert(OutcomeChange).inline(), [{"plan_id": plan_id, "task_id": task_id}]
        )
        tx.ring(DOORBELL)
