"""Tell the roll-up what changed. Every verb that can move an outcome calls one of these in its transaction.

Appending is all a writer does: no parent row is read or locked, so writers never wait for each other.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.targets.models import OutcomeChange

DOORBELL = "outcomes"
"""Rung after commit; wakes the worker that rolls up."""

READINGS_LOCK = 0x72656164
"""Class of the advisory locks ``(READINGS_LOCK, indicator id)``.

Whoever records a measurement looks for the targets it may move. A target that another transaction is just
writing is not seen by that look, and the roll-up of the new target does not see the measurement if that is
still uncommitted: both would miss each other. So recording takes the indicator's lock shared, and writing
or moving targets takes it alone, each before it looks. Recorders never wait for each other.
"""

LOCK_INDICATORS = sa.text(
    f"SELECT count(pg_advisory_xact_lock({READINGS_LOCK}, CAST(id % 2147483647 AS int))) "
    "FROM (SELECT id FROM unnest(CAST(:ids AS bigint[])) AS id ORDER BY id) AS ordered"
)


async def lock_readings(tx: Tx, indicator_ids: Iterable[int]) -> None:
    """Wait for recordings of these indicators in flight, and keep new ones until this transaction ends.

    Call it before writing a target, or moving one's due date or state.
    """
    await tx.session.execute(LOCK_INDICATORS, {"ids": sorted(set(indicator_ids))})


async def target_changed(tx: Tx, plan_id: int, target_ids: Iterable[int]) -> None:
    """These targets of one plan need their own inputs read again."""
    rows = [{"plan_id": plan_id, "target_id": target_id} for target_id in target_ids]
    if rows:
        await tx.session.execute(sa.insert(OutcomeChange).inline(), rows)
        tx.ring(DOORBELL)


async def tasks_changed(tx: Tx, changed: Iterable[tuple[int | None, int]]) -> None:
    """These ``(plan_id, task_id)`` changed what a roll-up reads; without a plan, nothing to roll up."""
    rows = [{"plan_id": plan_id, "task_id": task_id} for plan_id, task_id in changed if plan_id is not None]
    if rows:
        await tx.session.execute(sa.insert(OutcomeChange).inline(), rows)
        tx.ring(DOORBELL)


async def task_changed(tx: Tx, plan_id: int | None, task_id: int) -> None:
    """This task's state, progress, dates, participants or targets changed; no plan, nothing to roll up."""
    await tasks_changed(tx, [(plan_id, task_id)])
