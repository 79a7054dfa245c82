"""Recompute outcomes from measurements, targets and tasks, rewriting only what differs.

The proof behind the incremental roll-up: a rebuild that rewrites anything on a plan whose changes are all
applied and whose date has not moved has found an error.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from vdept.kernel.db import Tx
from vdept.outcomes import target_statements, unit_statements

PLANNING = "SELECT set_config('enable_nestloop', 'off', true), set_config('enable_memoize', 'off', true)"
"""The tables being filled have no statistics yet: without this a join may be planned for one row. And no
reading is looked up twice, so remembering them only costs."""


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
    await session.execute(sa.text(PLANNING))
    await session.execute(
        sa.text(
            "INSERT INTO plan_evaluation (plan_id, evaluated_on) VALUES (:plan_id, :today) "
            "ON CONFLICT DO NOTHING"
        ),
        {**plan, "today": tx.today},
    )
    participations = await session.scalar(sa.text(unit_statements.REBUILD_PARTICIPATIONS), plan) or 0
    deepest = await session.scalar(sa.text("SELECT max(level) FROM target WHERE plan_id = :plan_id"), plan)
    targets = 0
    for level in range(-1 if deepest is None else deepest, -1, -1):
        targets += await rebuild_level(session, plan_id, level, deepest=level == deepest)
    units = await session.scalar(sa.text(unit_statements.REBUILD_UNITS), plan) or 0
    return RebuildReport(targets, units, participations)


def _literal(statement: str) -> sa.TextClause:
    return sa.text(statement).bindparams(
        sa.bindparam("plan_id", type_=sa.BigInteger, literal_execute=True),
        sa.bindparam("level", type_=sa.Integer, literal_execute=True),
    )


_LEAVES = _literal(target_statements.DIFFERING_LEAVES)
_PARENTS = _literal(target_statements.DIFFERING_PARENTS)
_REWRITE = sa.text(
    f"WITH written AS ({target_statements.REWRITE_LEVEL} RETURNING 1) SELECT count(*) FROM written"
)


async def rebuild_level(session: AsyncSession, plan_id: int, level: int, *, deepest: bool = False) -> int:
    """Rewrite what differs on one level of the plan's target trees; the levels below are right already."""
    await session.execute(_LEAVES if deepest else _PARENTS, {"plan_id": plan_id, "level": level})
    written = await session.scalar(_REWRITE)
    await session.execute(sa.text("DROP TABLE outcome_differing"))
    return written or 0
