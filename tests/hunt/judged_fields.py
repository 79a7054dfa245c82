"""What is judged, read over time and by segment, as the policy answers it: added to ``hunt.fields``."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

from hunt import judged_rows as j
from hunt import lists
from hunt import rows as r
from hunt.answers import Answers
from hunt.fields import has, to
from hunt.lists import Given
from vdept.measurements.periods import Every, period_start
from vdept.outcomes.models import STATUS_COLUMNS, UNIT_SUMS
from vdept.outcomes.standings import figures
from vdept.units.models import Segment

# Gaps -------------------------------------------------------------------------------------------------------


def _history(rows: Iterable[j.Gap], given: Given) -> dict[str, Any] | None:
    """From what stood on the first day asked for, to the last; none at all is no history."""
    every = sorted(rows, key=lambda row: row.on_day)
    since, until = given.get("from"), given.get("to")
    if since is not None:
        before = [row for row in every if lists.said(row.on_day) <= since]
        every = before[-1:] + [row for row in every if lists.said(row.on_day) > since]
    shown = [row for row in every if until is None or lists.said(row.on_day) <= until]
    told = [
        {
            "onDay": row.on_day,
            "measured": row.measured_value,
            "reported": row.reported_value,
            "gap": None if row.measured_value is None else row.reported_value - row.measured_value,
            "gapPoints": row.points,
        }
        for row in shown
    ]
    return {"changes": told, "hasEarlier": False} if told else None


def _gap_of_target(a: Answers, target: r.Target, given: Given) -> dict[str, Any] | None:
    if a.figures.of_target(a.sight, target) is None:
        return None
    return _history([row for row in a.world.gaps if row.target_id == target.id], given)


def _gap_of_unit(a: Answers, plan_id: int, unit_id: int, given: Given) -> dict[str, Any] | None:
    if a.figures.of_unit(a.sight, plan_id, unit_id) is None:
        return None
    line = (plan_id, unit_id, 0)
    return _history([x for x in a.world.gaps if (x.plan_id, x.unit_id, x.target_id) == line], given)


has("Target", "*", gapHistory=_gap_of_target)
has("Unit", "*", gapHistory=lambda a, u, g: _gap_of_unit(a, lists.number(g["planId"]), u.id, g))
has("UnitOutcome", "*", gapHistory=lambda a, o, g: _gap_of_unit(a, o.row.plan_id, o.row.unit_id, g))

# Series -----------------------------------------------------------------------------------------------------


def _readings(a: Answers, unit_id: int, indicator_id: int, basis: str) -> list[r.Measurement]:
    """Those that count: nobody corrected them."""
    corrected = {m.supersedes_id for m in a.world.measurements}
    place = (unit_id, indicator_id, basis)
    found = [m for m in a.world.measurements if (m.unit_id, m.indicator_id, m.basis) == place]
    return a.seen("Measurement", [m for m in found if m.id not in corrected])


def _by_month(rows: Iterable[Any], day: str, key: Any) -> list[tuple[date, Any, int]]:
    """Of each month its first day, the last row, and how many there are."""
    months: dict[date, list[Any]] = {}
    for row in rows:
        months.setdefault(period_start(getattr(row, day), Every.MONTH), []).append(row)
    return [(month, max(those, key=key), len(those)) for month, those in sorted(months.items())]


def _line(rows: Iterable[r.Measurement]) -> list[dict[str, Any]]:
    return [
        {
            "periodStart": month, "asOf": row.as_of, "onDay": row.as_of, "value": row.value,
            "numerator": None, "denominator": None, "count": count,
        }
        for month, row, count in _by_month(rows, "as_of", lambda m: (m.as_of, m.id))
    ]  # fmt: skip


def _indicator_series(a: Answers, _row: None, given: Given) -> list[Any]:
    indicator = lists.number(given["indicatorId"])
    units = dict.fromkeys(lists.number(one) for one in given["unitIds"])
    out = []
    for unit_id in units:
        rows = _readings(a, unit_id, indicator, given["basis"])
        within = [m for m in rows if given["from"] <= lists.said(m.as_of) <= given["to"]]
        out.append(SimpleNamespace(unit_id=unit_id, points=_line(within)))
    return out


has("Query", "[IndicatorSeries]", indicatorSeries=_indicator_series)
has("IndicatorSeries", "", every=lambda *_: "MONTH", coarsened=lambda *_: False)
has("IndicatorSeries", "*", points=lambda _a, x, _g: x.points)
has("IndicatorSeries", "Unit", unit=to("Unit", "unit_id"))


def _target_line(a: Answers, target: r.Target, basis: str) -> dict[str, Any]:
    """The readings that the viewer sees, or else how the outcome stood."""
    first, last = a.world.get("plans", target.plan_id).starts_on, target.due_on
    rows = _readings(a, target.unit_id, target.indicator_id, basis)
    rows = [m for m in rows if first <= m.as_of <= last]
    milestone = a.world.get("key_results", target.key_result_id).rollup == "MILESTONE"
    if rows and not milestone:
        return {"origin": "READINGS", "points": _line(rows)}
    column = f"{basis.lower()}_value"
    gaps = [x for x in a.world.gaps if x.target_id == target.id and first <= x.on_day <= last]
    points = [
        {
            "periodStart": month, "onDay": row.on_day, "value": getattr(row, column),
            "numerator": None, "denominator": None, "count": count,
        }
        for month, row, count in _by_month(gaps, "on_day", lambda x: x.on_day)
    ]  # fmt: skip
    return {"origin": "HISTORY", "points": points}


def _target_series(a: Answers, target: r.Target, _g: Given) -> dict[str, Any] | None:
    if a.figures.of_target(a.sight, target) is None:
        return None
    said = {"every": "MONTH", "ofChildren": ANY, "baseline": ANY, "goal": ANY, "pace": ANY}
    lines = {name: _target_line(a, target, name.upper()) for name in ("measured", "reported")}
    return {**said, **lines}


has("Target", "*", series=_target_series)

# Segments ---------------------------------------------------------------------------------------------------

has("Unit", "", segments=lambda _a, u, _g: u.segments)


def _segments(a: Answers, plan: r.Plan, given: Given) -> list[dict[str, Any]] | None:
    """What the units of each segment have, each by itself; for whoever reads every one of them."""
    if not a.sight.every_unit(plan):
        return None
    which = given.get("filter") or {}
    shown = []
    for plan_id, unit_id in a.figures.units:
        outcome = a.figures.of_unit(a.sight, plan_id, unit_id) if plan_id == plan.id else None
        unit = a.world.get("units", unit_id)
        if outcome is None or not any(getattr(outcome.row, name) for name in STATUS_COLUMNS):
            continue
        fits = lists.holds(unit.kind, which.get("kinds"))
        if fits and lists.below(a.world, unit_id, which.get("belowId")):
            shown.append((unit, outcome.row))
    return [
        _segment(segment, [row for unit, row in shown if _belongs(unit, segment)])
        for segment in [*Segment, None]
    ]


def _belongs(unit: r.Unit, segment: Segment | None) -> bool:
    return not unit.segments if segment is None else segment.value in unit.segments


def _segment(segment: Segment | None, rows: list[Any]) -> dict[str, Any]:
    sums: Any = {name: sum((getattr(row, name) for row in rows), Decimal(0)) for name in UNIT_SUMS}
    counts = {name: int(value) for name, value in sums.items() if name in STATUS_COLUMNS}
    found = figures(SimpleNamespace(**{**sums, **counts}))  # type: ignore[arg-type]
    statuses = found.tally.targets
    return {
        "segment": segment.value if segment else None,
        "units": len(rows),
        "binding": found.binding,
        "bindingMet": found.binding_met,
        "attainment": found.attainment,
        "gapPoints": found.gap_points,
        "targets": {"total": sum(statuses.values())},
    }


has("Plan", "*", segmentOutcomes=_segments)
