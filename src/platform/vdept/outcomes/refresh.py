"""Keep outcomes in step with what happens: drain ``outcome_change``, roll up, and move with the calendar.

``refresh`` may be called by any number of workers at any time: a plan's rows are written under its
advisory lock, a plan that somebody else is refreshing is left to them, and everything happens in one
transaction, so a worker killed at any instant has either done all of it or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from vdept.kernel.actor import system
from vdept.kernel.db import Database, Tx
from vdept.outcomes import target_statements, unit_statements
from vdept.outcomes.rebuild import rebuild_plan

ACTOR = system("outcomes")
BATCH = 50_000
"""Changes taken in one transaction: a backlog is worked off in steps that others can see."""

_LOCK_SPACE = 0x7664 << 44

_WAITING = (
    "SELECT array_agg(DISTINCT plan_id), max(id), count(*) "
    "FROM (SELECT plan_id, id FROM outcome_change{} ORDER BY id LIMIT :batch) c"
)
_WAITING_ALL = sa.text(_WAITING.format(""))
_WAITING_OF_PLAN = sa.text(_WAITING.format(" WHERE plan_id = :plan_id"))

# Made once: reading parameters out of statements of this size costs more than sending them.
_PARTICIPATIONS = sa.text(unit_statements.REFRESH_PARTICIPATIONS)
_LEVEL = sa.text(target_statements.REFRESH_LEVEL)
_UNITS = sa.text(unit_statements.REFRESH_UNITS)


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What one refresh did. ``changes`` of 0: there was nothing to do, or others are doing it."""

    changes: int = 0
    targets: int = 0
    more: bool = False


async def refresh(database: Database, *, now: datetime | None = None) -> RefreshReport:
    """Apply what changed since the last call, in one transaction."""
    async with database.begin(ACTOR, now=now) as tx:
        return await roll_up(tx)


async def roll_up(tx: Tx, plan_id: int | None = None) -> RefreshReport:
    """Apply the changes that this transaction sees, for every plan that nobody else is refreshing.

    ``plan_id``: of this plan only.
    """
    if plan_id is None:
        waiting = await tx.session.execute(_WAITING_ALL, {"batch": BATCH})
    else:
        waiting = await tx.session.execute(_WAITING_OF_PLAN, {"batch": BATCH, "plan_id": plan_id})
    plans, upto, count = waiting.one()
    locked = await _try_lock(tx.session, plans) if plans else []
    if not locked:
        return RefreshReport()
    await prepare(tx.session, locked, tx.today)
    changes, deepest, tasks = await _take(tx.session, locked, upto)
    if tasks:
        await tx.session.execute(_PARTICIPATIONS)
    targets = 0
    for level in range(deepest, -1, -1):
        targets += await tx.session.scalar(_LEVEL, {"level": level}) or 0
    await tx.session.execute(_UNITS)
    return RefreshReport(changes, targets, more=count == BATCH)


async def reevaluate(database: Database, *, as_of: date) -> int:
    """Move every open plan to ``as_of``: status by pace and timeliness change with the calendar.

    A closed plan goes on until every target has been due and has its verdict, and then stands still.
    Catches up by itself after any downtime (a plan already at ``as_of`` is left alone). Returns how many
    plans were moved.
    """
    async with database.begin(ACTOR) as tx:
        behind = await tx.session.scalars(
            sa.text(
                "SELECT p.id FROM plan p JOIN plan_evaluation e ON e.plan_id = p.id "
                "WHERE e.evaluated_on < :as_of AND (p.state = 'ISSUED' OR p.state = 'CLOSED' "
                "AND e.evaluated_on <= (SELECT max(due_on) FROM target WHERE plan_id = p.id)) ORDER BY p.id"
            ),
            {"as_of": as_of},
        )
        plans = list(behind)
    for plan_id in plans:
        async with database.begin(ACTOR) as tx:
            await lock(tx.session, plan_id)
            moved = await tx.session.execute(
                sa.text(
                    "UPDATE plan_evaluation SET evaluated_on = :as_of "
                    "WHERE plan_id = :plan_id AND evaluated_on < :as_of RETURNING plan_id"
                ),
                {"as_of": as_of, "plan_id": plan_id},
            )
            if moved.first() is not None:
                await rebuild_plan(tx, plan_id)
    return len(plans)


def lock_key(plan_id: int) -> int:
    """The number of the advisory lock under which a plan's outcomes are written."""
    return _LOCK_SPACE + plan_id


async def lock(session: AsyncSession, plan_id: int) -> None:
    """Wait for the plan's lock; held until the transaction ends."""
    await session.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(plan_id)})


async def _try_lock(session: AsyncSession, plans: Sequence[int]) -> list[int]:
    """Lock those of ``plans`` that nobody else is refreshing."""
    got = await session.scalars(
        sa.text(
            "SELECT plan_id FROM unnest(CAST(:plans AS bigint[])) AS plan_id "
            "WHERE pg_try_advisory_xact_lock(:space + plan_id)"
        ),
        {"plans": list(plans), "space": _LOCK_SPACE},
    )
    return list(got)


async def prepare(session: AsyncSession, plans: Sequence[int], today: date) -> None:
    """The connection's scratch tables, and an evaluation date for plans that have none yet."""
    # Asked of the server, not remembered: a transaction that fails takes its new tables with it.
    there = await session.scalar(
        sa.text(
            "SELECT to_regclass('pg_temp.outcome_task_touched') "
            "FROM set_config('plan_cache_mode', 'force_generic_plan', true)"
        )
    )
    if there is None:
        for statement in target_statements.TEMPORARY:
            await session.execute(sa.text(statement))
    await session.execute(
        sa.text(
            "INSERT INTO plan_evaluation (plan_id, evaluated_on) "
            "SELECT plan_id, :today FROM unnest(CAST(:plans AS bigint[])) AS plan_id ON CONFLICT DO NOTHING"
        ),
        {"plans": list(plans), "today": today},
    )


async def _take(session: AsyncSession, plans: Sequence[int], upto: int) -> tuple[int, int, int]:
    """Move the changes of ``plans`` into the scratch tables; returns (changes, deepest level, tasks)."""
    taken = await session.execute(
        sa.text(
            """WITH gone AS (DELETE FROM outcome_change WHERE id <= :upto AND plan_id = ANY(:plans)
                             RETURNING target_id, task_id),
            targets AS (SELECT target_id FROM gone WHERE target_id IS NOT NULL
                        UNION SELECT tt.target_id FROM task_target tt JOIN gone g ON g.task_id = tt.task_id),
            touched AS (INSERT INTO outcome_touched (target_id, level, own)
                        SELECT t.id, t.level, true FROM target t JOIN targets x ON x.target_id = t.id
                        RETURNING level),
            tasks AS (INSERT INTO outcome_task_touched SELECT DISTINCT task_id FROM gone
                      WHERE task_id IS NOT NULL RETURNING 1)
            SELECT (SELECT count(*) FROM gone), coalesce((SELECT max(level) FROM touched), -1),
                   (SELECT count(*) FROM tasks)"""
        ),
        {"upto": upto, "plans": list(plans)},
    )
    changes, deepest, tasks = taken.one()
    return int(changes), int(deepest), int(tasks)
