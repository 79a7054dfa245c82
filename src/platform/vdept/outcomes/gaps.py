"""The history of the gap between what is reported and what is measured: a row for each day it changed.

Kept by a job, a plan in one statement: a target or unit whose figures differ from its last row gets a row
of today. Today's row is kept up to date until the day ends, and taken back if the figures return to what
they were; rows of days that are over are never touched. A day without a worker leaves no row: the change is
dated to the day on which it was first seen.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.actor import system
from vdept.kernel.apart import Apart
from vdept.kernel.db import Database, Tx
from vdept.measurements.errors import PERIOD_INVERTED
from vdept.measurements.periods import points_each
from vdept.outcomes.access import visible_target_outcomes, visible_unit_outcomes
from vdept.outcomes.models import OutcomeGap, TargetOutcome, UnitOutcome
from vdept.targets.models import Target

ACTOR = system("gaps")
_LOCK_SPACE = 0x7667 << 44
"""Beside the roll-up's: keeping a history keeps nobody from applying what changed."""

_PLANS = sa.text(
    """SELECT e.plan_id FROM plan_evaluation e JOIN plan p ON p.id = e.plan_id AND p.state <> 'DRAFT'
    WHERE CAST(:plan_ids AS bigint[]) IS NULL OR e.plan_id = ANY (:plan_ids) ORDER BY e.plan_id"""
).bindparams(sa.bindparam("plan_ids", type_=ARRAY(sa.BigInteger)))

_KEEP = sa.text(
    """
    WITH wanted AS (
        SELECT unit_id, target_id, CASE WHEN live THEN measured_value END AS measured_value,
            CASE WHEN live THEN reported_value END AS reported_value,
            CASE WHEN live THEN 100 * (reported_attainment - measured_attainment) END AS points
        FROM target_outcome WHERE plan_id = :plan_id
        UNION ALL
        SELECT unit_id, 0, NULL, NULL, 0.0001 * div(1000000 * gap_sum, nullif(gap_weight, 0))
        FROM unit_outcome WHERE plan_id = :plan_id
    ),
    compared AS (
        SELECT w.*, last.on_day IS NOT DISTINCT FROM :today AS written,
            (w.measured_value, w.reported_value, w.points)
                IS DISTINCT FROM (before.measured_value, before.reported_value, before.points) AS changed,
            (w.measured_value, w.reported_value, w.points)
                IS DISTINCT FROM (last.measured_value, last.reported_value, last.points) AS outdated
        FROM wanted w
        LEFT JOIN LATERAL (
            SELECT g.* FROM outcome_gap g
            WHERE g.plan_id = :plan_id AND g.unit_id = w.unit_id AND g.target_id = w.target_id
            ORDER BY g.on_day DESC LIMIT 1
        ) last ON true
        LEFT JOIN LATERAL (
            SELECT g.* FROM outcome_gap g
            WHERE g.plan_id = :plan_id AND g.unit_id = w.unit_id AND g.target_id = w.target_id
                AND g.on_day < :today
            ORDER BY g.on_day DESC LIMIT 1
        ) before ON true
        WHERE last.on_day IS NULL OR last.on_day <= :today
    ),
    taken_back AS (
        DELETE FROM outcome_gap g USING compared c
        WHERE g.plan_id = :plan_id AND g.unit_id = c.unit_id AND g.target_id = c.target_id
            AND g.on_day = :today AND c.written AND NOT c.changed
        RETURNING 1
    ),
    kept AS (
        INSERT INTO outcome_gap (plan_id, unit_id, target_id, on_day, measured_value, reported_value, points)
        SELECT :plan_id, unit_id, target_id, :today, measured_value, reported_value, points
        FROM compared WHERE changed AND (outdated OR NOT written)
            AND (SELECT count(*) FROM compared) >= 0  -- all is compared before the first row is written
        ON CONFLICT (plan_id, unit_id, target_id, on_day) DO UPDATE SET
            measured_value = excluded.measured_value, reported_value = excluded.reported_value,
            points = excluded.points
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM taken_back) + (SELECT count(*) FROM kept)
    """
).bindparams(sa.bindparam("plan_id", type_=sa.BigInteger), sa.bindparam("today", type_=sa.Date))


class Gap(NamedTuple):
    """How things stood from a day on, until the next row."""

    on_day: date
    measured_value: Decimal | None
    reported_value: Decimal | None
    points: Decimal | None


class History(NamedTuple):
    """The latest rows of a time, oldest first; ``earlier``: there were more of it than are shown."""

    gaps: Sequence[Gap] = ()
    earlier: bool = False


# Keeping --------------------------------------------------------------------------------------------------


async def keep(database: Database, *, now: datetime, plan_ids: Collection[int] | None = None) -> int:
    """Write today's changes of these plans (None: of all), each in a transaction of its own.

    May run at any time, twice, and at once: the second finds nothing to do. Returns how many rows moved.
    What fails in one plan is raised at the end: nobody else's history waits for it.
    """
    async with database.begin(ACTOR, now=now) as tx:
        wanted = None if plan_ids is None else list(plan_ids)
        plans = list(await tx.session.scalars(_PLANS, {"plan_ids": wanted}))
    moved, apart = 0, Apart(database, ACTOR, now=now)
    for plan_id in plans:
        async with apart.begin(f"keeping the gaps of plan {plan_id}") as tx:
            moved += await keep_plan(tx, plan_id)
    apart.settle()
    return moved


async def keep_plan(tx: Tx, plan_id: int) -> int:
    """Write today's changes of one plan. Returns how many rows moved."""
    # Its own statement: the next one must see what whoever held the lock has written. And on a day on which
    # ten thousand rows are new, nobody has counted them: a join planned for one row would run for each.
    await tx.session.execute(
        sa.text("SELECT pg_advisory_xact_lock(:key), set_config('enable_nestloop', 'off', true)"),
        {"key": _LOCK_SPACE + plan_id},
    )
    return int(await tx.session.scalar(_KEEP, {"plan_id": plan_id, "today": tx.today}) or 0)


# Reading --------------------------------------------------------------------------------------------------


async def gaps_of_targets(
    tx: Tx, target_ids: Collection[int], since: date | None = None, until: date | None = None
) -> dict[int, History]:
    """The history of each target whose outcome the actor sees, from what stood on ``since`` on."""
    shown = (
        sa.select(Target.id.label("key"), Target.plan_id, Target.unit_id, Target.id.label("target_id"))
        .join(TargetOutcome, TargetOutcome.target_id == Target.id)
        .where(Target.id == _any(target_ids), visible_target_outcomes(tx.actor))
    )
    rows = await tx.session.execute(_history(shown.subquery("shown"), since, until, len(target_ids)))
    found: dict[int, list[Any]] = {}
    for key, _plan_id, *gap in rows:
        found.setdefault(key, []).append(gap)
    return {key: _shown(gaps, len(target_ids)) for key, gaps in found.items()}


async def gaps_of_units(
    tx: Tx, pairs: Collection[tuple[int, int]], since: date | None = None, until: date | None = None
) -> dict[tuple[int, int], History]:
    """The same of ``(plan_id, unit_id)``: the unit's own gap in a plan, in points."""
    given = (
        sa.func.unnest(
            sa.literal([pair[0] for pair in pairs], ARRAY(sa.BigInteger)),
            sa.literal([pair[1] for pair in pairs], ARRAY(sa.BigInteger)),
        )
        .table_valued(sa.column("plan_id", sa.BigInteger), sa.column("unit_id", sa.BigInteger), name="given")
        .render_derived()
    )
    shown = (
        sa.select(
            UnitOutcome.unit_id.label("key"),
            UnitOutcome.plan_id,
            UnitOutcome.unit_id,
            sa.literal(0, sa.BigInteger).label("target_id"),
        )
        .join(given, sa.and_(UnitOutcome.plan_id == given.c.plan_id, UnitOutcome.unit_id == given.c.unit_id))
        .where(visible_unit_outcomes(tx.actor))
    )
    rows = await tx.session.execute(_history(shown.subquery("shown"), since, until, len(pairs)))
    found: dict[tuple[int, int], list[Any]] = {}
    for unit_id, plan_id, *gap in rows:
        found.setdefault((plan_id, unit_id), []).append(gap)
    return {key: _shown(gaps, len(pairs)) for key, gaps in found.items()}


def _any(ids: Collection[int]) -> Any:
    return sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))


def _history(shown: Any, since: date | None, until: date | None, lines: int) -> "sa.Select[Any]":
    """The latest rows of each line of ``shown``, one more than are told, oldest first."""
    if since is not None and until is not None and until < since:
        raise PERIOD_INVERTED.at("from", since=since.isoformat(), until=until.isoformat())
    line = (
        OutcomeGap.plan_id == shown.c.plan_id,
        OutcomeGap.unit_id == shown.c.unit_id,
        OutcomeGap.target_id == shown.c.target_id,
    )
    wanted = sa.select(
        OutcomeGap.on_day, OutcomeGap.measured_value, OutcomeGap.reported_value, OutcomeGap.points
    ).where(*line)
    if since is not None:  # what stood on the first day was written on it or before
        standing = sa.select(sa.func.max(OutcomeGap.on_day)).where(*line, OutcomeGap.on_day <= since)
        wanted = wanted.where(
            OutcomeGap.on_day >= sa.func.coalesce(standing.correlate(shown).scalar_subquery(), since)
        )
    if until is not None:
        wanted = wanted.where(OutcomeGap.on_day <= until)
    each = (
        wanted.order_by(OutcomeGap.on_day.desc())
        .limit(points_each(lines) + 1)
        .correlate(shown)
        .lateral("gap")
    )
    c = each.c
    return (
        sa.select(shown.c.key, shown.c.plan_id, c.on_day, c.measured_value, c.reported_value, c.points)
        .select_from(shown.join(each, sa.true()))
        .order_by(shown.c.plan_id, shown.c.key, c.on_day)
    )


def _shown(rows: Sequence[Sequence[Any]], lines: int) -> History:
    most = points_each(lines)
    return History([Gap(*row) for row in rows[-most:]], earlier=len(rows) > most)
