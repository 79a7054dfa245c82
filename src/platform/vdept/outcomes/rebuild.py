"""Recompute outcomes from measurements, targets and tasks, rewriting only what differs.

The proof behind the incremental roll-up: a rebuild that rewrites anything on a plan whose changes are all
applied and whose date has not moved has found an error.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.outcomes import statements


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """How many derived rows were wrong or missing and have been rewritten."""

    targets: int
    units: int
    participations: int

    @property
    def total(self) -> int:
        return self.targets + self.units + self.participations


async def rebuild_plan(tx: Tx, plan_id: int) -> RebuildReport:
    """Rebuild one plan at its evaluation date. The caller holds the plan's lock."""
    session, plan = tx.session, {"plan_id": plan_id}
    # The tables being filled have no statistics yet: without this a join may be planned for one row.
    await session.execute(sa.text("SET LOCAL enable_nestloop = off"))
    await session.execute(
        sa.text(
            "INSERT INTO plan_evaluation (plan_id, evaluated_on) VALUES (:plan_id, :today) "
            "ON CONFLICT DO NOTHING"
        ),
        {**plan, "today": tx.today},
    )
    participations = await session.scalar(sa.text(statements.REBUILD_PARTICIPATIONS), plan) or 0
    deepest = await session.scalar(sa.text("SELECT max(level) FROM target WHERE plan_id = :plan_id"), plan)
    targets = 0
    for level in range(-1 if deepest is None else deepest, -1, -1):
        targets += await session.scalar(sa.text(statements.REBUILD_LEVEL), {**plan, "level": level}) or 0
    units = await session.scalar(sa.text(statements.REBUILD_UNITS), plan) or 0
    return RebuildReport(targets, units, participations)
