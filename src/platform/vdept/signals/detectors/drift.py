"""DRIFT: what a unit reports moves away from what is measured, reading by reading.

Each measured value is paired with the report it can be held against: the latest one of the time since the
measured value before. The gap is what flatters: reported minus measured where more is better, the other way
round where less is, and the distance where a range is wanted.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from vdept.signals.detectors import FRESH, Finding, current, said
from vdept.targets.models import Direction
from vdept.targets.rules import shown

LEAST = 4
"""Consecutive readings at whose every one the gap grew, the first among them."""

GROWTH_PERCENT = 1
"""By how much of the measured value the gap must have grown over the run: less is rounding."""

READINGS = 24
FIRST_PAIR_DAYS = 92
"""How old a report may be that is held against the first measured value, which has none before it."""


class Reading(NamedTuple):
    as_of: date
    value: Decimal


class Pair(NamedTuple):
    as_of: date
    reported: Decimal
    measured: Decimal


def pairs(reported: Sequence[Reading], measured: Sequence[Reading]) -> list[Pair]:
    """Measured values with the reports that they are held against; both in the order of their dates."""
    found: list[Pair] = []
    last = measured[-READINGS:]
    for i, each in enumerate(last):
        since = last[i - 1].as_of if i else each.as_of - timedelta(FIRST_PAIR_DAYS)
        held = [r for r in reported if since < r.as_of <= each.as_of]
        if held:
            found.append(Pair(each.as_of, held[-1].value, each.value))
    return found


def gap(pair: Pair, direction: Direction) -> Decimal:
    """By how much the report flatters."""
    if direction is Direction.AT_LEAST:
        return pair.reported - pair.measured
    if direction is Direction.AT_MOST:
        return pair.measured - pair.reported
    return abs(pair.reported - pair.measured)


def find(unit_id: int, indicator_id: int, direction: Direction, series: Sequence[Pair]) -> Finding | None:
    """A gap above zero that grew at each of the last readings."""
    run: list[Pair] = []
    for pair in series:
        if run and gap(pair, direction) <= gap(run[-1], direction):
            run = []
        run.append(pair)
    if len(run) < LEAST:
        return None
    first, last = run[0], run[-1]
    grown = gap(last, direction) - gap(first, direction)
    if gap(last, direction) <= 0 or 100 * grown < GROWTH_PERCENT * abs(last.measured):
        return None
    return Finding(
        f"{indicator_id}:{unit_id}:{last.as_of.year}",
        unit_id,
        None,
        None,
        indicator_id,
        Decimal(len(run)),
        {
            "readings": len(run),
            "since": first.as_of.isoformat(),
            "until": last.as_of.isoformat(),
            "first_gap": shown(gap(first, direction)),
            "last_gap": shown(gap(last, direction)),
            "reported": shown(last.reported),
            "measured": shown(last.measured),
        },
    )


_MEASURED = current("s.unit_id", "'MEASURED'", "as_of, value", READINGS)

SQL = f"""WITH pair AS (
        SELECT s.unit_id, m.as_of, r.value AS reported, m.value AS measured,
            CASE i.direction WHEN 'AT_LEAST' THEN r.value - m.value WHEN 'AT_MOST' THEN m.value - r.value
                ELSE abs(r.value - m.value) END AS gap
        FROM indicator i CROSS JOIN unnest(:unit_ids) AS s (unit_id)
        CROSS JOIN LATERAL (
            SELECT x.as_of, x.value, lag(x.as_of) OVER (ORDER BY x.as_of) AS before FROM ({_MEASURED}) x) m
        CROSS JOIN LATERAL (
            SELECT value FROM measurement
            WHERE unit_id = s.unit_id AND indicator_id = :indicator_id AND basis = 'REPORTED'
                AND as_of <= m.as_of AND as_of > coalesce(m.before, m.as_of - {FIRST_PAIR_DAYS})
                AND as_of > :as_of - {FRESH}
            ORDER BY as_of DESC, id DESC LIMIT 1) r
        WHERE i.id = :indicator_id),
    step AS (
        SELECT *, gap <= lag(gap) OVER (PARTITION BY unit_id ORDER BY as_of) AS broken FROM pair),
    part AS (
        SELECT *, count(*) FILTER (WHERE broken) OVER (PARTITION BY unit_id ORDER BY as_of) AS run FROM step),
    run AS (
        SELECT unit_id, run, count(*) AS readings, min(as_of) AS since, max(as_of) AS until,
            min(gap) AS first_gap, max(gap) AS last_gap,
            (array_agg(reported ORDER BY as_of DESC))[1] AS reported,
            (array_agg(measured ORDER BY as_of DESC))[1] AS measured,
            max(run) OVER (PARTITION BY unit_id) AS last_run
        FROM part GROUP BY unit_id, run)
    SELECT CAST(:indicator_id AS bigint) || ':' || unit_id || ':' || extract(year FROM until) AS key, unit_id,
        CAST(NULL AS bigint) AS plan_id, CAST(NULL AS bigint) AS task_id,
        CAST(:indicator_id AS bigint) AS indicator_id, CAST(readings AS numeric) AS score,
        jsonb_build_object('readings', readings, 'since', since, 'until', until,
            'first_gap', {said("first_gap")}, 'last_gap', {said("last_gap")},
            'reported', {said("reported")}, 'measured', {said("measured")}) AS evidence
    FROM run
    WHERE run = last_run AND readings >= {LEAST} AND last_gap > 0
        AND 100 * (last_gap - first_gap) >= {GROWTH_PERCENT} * abs(measured)"""
"""Of one indicator, for the units whose values have changed. Within a run the gap only grows."""
