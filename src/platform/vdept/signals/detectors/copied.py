"""COPIED: units that have nothing to do with each other report the same values on the same dates.

Units of one line of the tree may well have the same figures, and so may any that always report the same; what
counts are runs of values that change and have digits enough not to be the same by chance. Public bodies only:
what a firm reports is not shown to another one.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from vdept.signals.detectors import Finding, current, said
from vdept.targets.rules import shown

RUN = 4
"""So many values in a row."""
DIGITS = 9
"""So many significant digits in the values of the run that differ, together."""
MANY = 100
"""What more units than that report alike is a figure that they were given, and a flood of questions."""
READINGS = 12
NAMED = 5


class Reading(NamedTuple):
    as_of: date
    value: Decimal


class Unit(NamedTuple):
    """A public body that reports the indicator."""

    id: int
    name: str
    path: tuple[int, ...]
    series: tuple[Reading, ...]


def digits(value: Decimal) -> int:
    """Significant digits, zeros on both ends left out: a round number says little."""
    return len(f"{abs(value):f}".replace(".", "").strip("0"))


def telling(values: Sequence[Decimal]) -> bool:
    """Whether a run can hardly be the same by chance."""
    return len(set(values)) > 1 and sum(digits(value) for value in set(values)) >= DIGITS


def apart(one: Unit, other: Unit) -> bool:
    """Neither stands above the other."""
    return one.id not in other.path and other.id not in one.path


def find(indicator_id: int, units: Sequence[Unit]) -> list[Finding]:
    """For every unit the latest run that it shares with a unit of another line."""
    windows: dict[tuple[Reading, ...], list[Unit]] = {}
    for unit in units:
        series = unit.series[-READINGS:]
        for i in range(len(series) - RUN + 1):
            windows.setdefault(series[i : i + RUN], []).append(unit)
    latest: dict[int, tuple[tuple[Reading, ...], Unit, list[Unit]]] = {}
    for run, holders in sorted(windows.items(), key=lambda each: each[0][-1].as_of):
        if 1 < len(holders) <= MANY and telling([each.value for each in run]):
            for unit in holders:
                if others := [other for other in holders if other is not unit and apart(unit, other)]:
                    latest[unit.id] = run, unit, others
    return [_finding(indicator_id, *each) for each in latest.values()]


def _finding(indicator_id: int, run: Sequence[Reading], unit: Unit, others: Sequence[Unit]) -> Finding:
    named = sorted(others, key=lambda other: other.id)[:NAMED]
    evidence: Mapping[str, object] = {
        "since": run[0].as_of.isoformat(),
        "until": run[-1].as_of.isoformat(),
        "values": [shown(each.value) for each in run],
        "units": len(others) + 1,
        "unit_ids": [other.id for other in named],
        "names": [other.name for other in named],
    }
    return Finding(
        f"{indicator_id}:{unit.id}:{run[-1].as_of.year}",
        unit.id,
        None,
        None,
        indicator_id,
        Decimal(len(others) + 1),
        evidence,
    )


_REPORTED = current("u.id", "'REPORTED'", "as_of, value", READINGS)

SQL = f"""WITH holder AS (
        SELECT unnest(:unit_ids) AS id
        UNION SELECT t.unit_id FROM key_result kr JOIN target t ON t.key_result_id = kr.id
        WHERE kr.indicator_id = :indicator_id),
    stretch AS (
        SELECT u.id AS unit_id, u.name, u.path, m.as_of AS until,
            first_value(m.as_of) OVER w AS since, array_agg(m.as_of) OVER w AS days,
            array_agg(m.value) OVER w AS run, min(m.value) OVER w AS low, max(m.value) OVER w AS high
        FROM holder h JOIN unit u ON u.id = h.id AND u.kind NOT IN ('FIRM', 'ASSOCIATION')
        CROSS JOIN LATERAL ({_REPORTED}) m
        WINDOW w AS (PARTITION BY u.id ORDER BY m.as_of ROWS {RUN - 1} PRECEDING)),
    shared AS (
        SELECT days, run FROM stretch WHERE cardinality(run) = {RUN} AND low < high
        GROUP BY days, run HAVING count(*) BETWEEN 2 AND {MANY}
            AND (SELECT sum(length(btrim(replace(CAST(trim_scale(abs(v)) AS text), '.', ''), '0')))
                FROM (SELECT DISTINCT v FROM unnest(run) AS each (v)) d) >= {DIGITS}),
    pair AS (
        SELECT s.unit_id, s.since, s.until, s.run, o.unit_id AS other_id, o.name
        FROM shared JOIN stretch s USING (days, run) JOIN stretch o USING (days, run)
        WHERE s.unit_id <> o.unit_id AND s.unit_id <> ALL (o.path) AND o.unit_id <> ALL (s.path)),
    latest AS (
        SELECT *, max(until) OVER (PARTITION BY unit_id) AS last FROM pair),
    found AS (
        SELECT unit_id, since, until, run, count(*) + 1 AS units,
            (array_agg(other_id ORDER BY other_id))[1:{NAMED}] AS unit_ids,
            (array_agg(name ORDER BY other_id))[1:{NAMED}] AS names
        FROM latest WHERE until = last GROUP BY unit_id, since, until, run)
    SELECT CAST(:indicator_id AS bigint) || ':' || unit_id || ':' || extract(year FROM until) AS key, unit_id,
        CAST(NULL AS bigint) AS plan_id, CAST(NULL AS bigint) AS task_id,
        CAST(:indicator_id AS bigint) AS indicator_id, CAST(units AS numeric) AS score,
        jsonb_build_object('since', since, 'until', until,
            'values', (SELECT jsonb_agg({said("v")} ORDER BY place)
                FROM unnest(run) WITH ORDINALITY AS each (v, place)),
            'units', units, 'unit_ids', to_jsonb(unit_ids), 'names', to_jsonb(names)) AS evidence
    FROM found"""
"""Of one indicator: the units whose values have changed, against all that hold a target of it."""
