"""A target over time: what was measured and reported, and the pace line it is judged by.

A line shows the target's own readings where it has any, each on the day it is about. What was rolled up
from children or tasks, and what the reader may not see reading by reader, comes from the outcome's own
history (``gaps.py``), each value on the day from which it stood. Every statement starts from what the actor
may see, and their number does not depend on the number of targets.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.db import Tx
from vdept.measurements import series as measurements
from vdept.measurements.periods import Every, following, period_start, period_starts, window
from vdept.outcomes.access import visible_target_outcomes
from vdept.outcomes.models import OutcomeGap, TargetOutcome
from vdept.outcomes.rules import expected_pace
from vdept.targets.key_results import milestones_of
from vdept.targets.models import Basis, Direction, Indicator, KeyResult, Plan, Rollup, Target

_EXACT = Context(prec=60)
_SHARE = (Decimal(0), Decimal(100))
"""Where the way begins and ends for a value that is a percentage of children or of tasks."""


class Origin(StrEnum):
    """Where the points of a line come from."""

    READINGS = "READINGS"
    HISTORY = "HISTORY"


class Point(NamedTuple):
    """What counts in a period, among how many. ``on_day``: the day it is about, or from which it stood."""

    period_start: date
    on_day: date
    value: Decimal | None
    numerator: Decimal | None
    denominator: Decimal | None
    among: int


class Expected(NamedTuple):
    """A point of the pace line: the share of the way, and the value which that is."""

    on_day: date
    share: Decimal
    value: Decimal | None
    milestone: bool


@dataclass(frozen=True, slots=True)
class Line:
    """The values of one basis, oldest first."""

    origin: Origin
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class TargetSeries:
    """A target's lines. ``goal`` is what the pace line ends at; ``of_children``: values are percentages."""

    target_id: int
    since: date
    until: date
    every: Every
    coarsened: bool
    of_children: bool
    baseline: Decimal | None
    goal: Decimal
    goal_high: Decimal | None
    measured: Line
    reported: Line
    pace: Sequence[Expected]


# Rules ----------------------------------------------------------------------------------------------------


def way(
    direction: Direction, goal: Decimal, high: Decimal | None, baseline: Decimal | None
) -> tuple[Decimal | None, Decimal]:
    """From which value to which a target goes; from nowhere without a baseline.

    A target whose baseline meets it already has no way to go: it is expected to stay.
    """
    if direction is Direction.BETWEEN and high is not None and baseline is not None and baseline > goal:
        return baseline, min(baseline, high)
    behind = baseline is None or (baseline > goal if direction is Direction.AT_MOST else baseline < goal)
    return (baseline if behind else goal), goal


def value_at(share: Decimal, start: Decimal | None, end: Decimal) -> Decimal | None:
    """The value that so much of the way is, exactly; None without a start, except at the end."""
    if share == 1:
        return end
    return None if start is None else _EXACT.add(start, _EXACT.multiply(share, _EXACT.subtract(end, start)))


def pace_line(
    starts_on: date,
    due_on: date,
    every: Every,
    start: Decimal | None,
    end: Decimal,
    milestones: Sequence[tuple[date, Decimal]] = (),
    phase_goal: Decimal = Decimal(1),
    phase_baseline: Decimal = Decimal(0),
    shown: tuple[date, date] | None = None,
) -> list[Expected]:
    """Expected at the start, at each period's beginning, at each milestone, and at the due date.

    ``phase_goal`` and ``phase_baseline`` are the key result's, between which its milestones stand; between
    two points the line is straight. ``shown``: periods are told apart only so far as these days need it, for
    a week of a plan of a hundred years is seven points by the day, and not forty thousand.
    """
    steps = {day for day, _ in milestones if starts_on < day < due_on}
    first, last = (min(max(day, starts_on), due_on) for day in shown or (starts_on, due_on))
    periods = (period_start(first, every), *period_starts(first, last, every), following(last, every))
    days = {starts_on, *steps, due_on, *(day for day in periods if day and starts_on < day < due_on)}
    line = []
    for day in sorted(days):
        share = expected_pace(starts_on, due_on, day, list(milestones), phase_goal, phase_baseline)
        line.append(Expected(day, share, value_at(share, start, end), day in steps))
    return line


# Reading --------------------------------------------------------------------------------------------------


async def series_of_targets(
    tx: Tx,
    target_ids: Collection[int],
    every: Every,
    since: date | None = None,
    until: date | None = None,
) -> dict[int, TargetSeries]:
    """The series of each target whose outcome the actor sees: three statements.

    Unless given, from the plan's first day to the target's due date: the days whose readings count for it.
    """
    found = (
        await tx.session.execute(
            sa.select(Target, TargetOutcome, KeyResult, Indicator.direction, Plan.starts_on)
            .join(TargetOutcome, TargetOutcome.target_id == Target.id)
            .join(KeyResult, KeyResult.id == Target.key_result_id)
            .join(Indicator, Indicator.id == Target.indicator_id)
            .join(Plan, Plan.id == Target.plan_id)
            .where(Target.id == sa.any_(_ids(target_ids)), visible_target_outcomes(tx.actor))
            .order_by(Target.id)
        )
    ).all()
    windows = {
        row.Target.id: window(
            since or row.starts_on, until or row.Target.due_on, every, tx.today, len(target_ids)
        )
        for row in found
    }
    read = [row.Target for row in found if row.KeyResult.rollup is not Rollup.MILESTONE]
    lines = []
    for target in read:
        first, last, fits = windows[target.id]
        lines.append(measurements.Line(target.unit_id, target.indicator_id, fits, first, last))
    points = await measurements.readings_of(tx, lines, Basis)
    readings = {(read[place].id, basis): line for (place, basis), line in points.items()}
    history = await _history(tx, windows)
    return {row.Target.id: _series(row, windows[row.Target.id], every, readings, history) for row in found}


def _series(
    row: Any,
    frame: tuple[date, date, Every],
    asked: Every,
    readings: dict[tuple[int, Basis], list[measurements.Point]],
    history: dict[tuple[int, Basis], list[Point]],
) -> TargetSeries:
    target, outcome, key_result = row.Target, row.TargetOutcome, row.KeyResult
    first, last, fits = frame

    def line(basis: Basis) -> Line:
        own = readings.get((target.id, basis))
        if own is not None:
            return Line(Origin.READINGS, [Point(*point) for point in own])
        return Line(Origin.HISTORY, history.get((target.id, basis), []))

    reports = key_result.basis is Basis.REPORTED and outcome.reported_value is not None
    judged = outcome.own_reported_value if reports else outcome.own_measured_value
    of_children = key_result.rollup is Rollup.MILESTONE or (
        key_result.rollup is Rollup.EACH and outcome.children > 0 and judged is None
    )
    start, end = (
        _SHARE if of_children else way(row.direction, target.value, target.value_high, target.baseline)
    )
    milestones = [(step.by, step.value) for step in milestones_of(key_result)]
    baseline = key_result.baseline or Decimal(0)
    # The line is the target's, however short the time asked for: it is cut to it afterwards.
    pace = pace_line(
        *(target.starts_on, target.due_on, fits, start, end, milestones, key_result.value, baseline),
        shown=(first, last),
    )
    return TargetSeries(
        target_id=target.id,
        since=first,
        until=last,
        every=fits,
        coarsened=fits is not asked,
        of_children=of_children,
        baseline=_SHARE[0] if of_children else target.baseline,
        goal=end,
        goal_high=None if of_children else target.value_high,
        measured=line(Basis.MEASURED),
        reported=line(Basis.REPORTED),
        pace=within(pace, first, last),
    )


def within(pace: Sequence[Expected], since: date, until: date) -> list[Expected]:
    """The part of a pace line that a chart of these days draws: with the point before and the one after."""
    days = [point.on_day for point in pace]
    first = max((i for i, day in enumerate(days) if day <= since), default=0)
    last = min((i for i, day in enumerate(days) if day >= until), default=len(days) - 1)
    return list(pace[first : last + 1])


async def _history(
    tx: Tx, windows: dict[int, tuple[date, date, Every]]
) -> dict[tuple[int, Basis], list[Point]]:
    """The last that stood in each period, per target and basis; the caller has seen to who sees them.

    Of the first period that is at least what stood when it began, however long before it came about.
    """
    if not windows:
        return {}
    k = (
        sa.func.unnest(
            sa.literal(list(windows), ARRAY(sa.BigInteger)),
            sa.literal([w[2].value.lower() for w in windows.values()], ARRAY(sa.Text)),
            sa.literal([w[0] for w in windows.values()], ARRAY(sa.Date)),
            sa.literal([w[1] for w in windows.values()], ARRAY(sa.Date)),
        )
        .table_valued(
            sa.column("target_id", sa.BigInteger),
            sa.column("every", sa.Text),
            sa.column("since", sa.Date),
            sa.column("until", sa.Date),
            name="k",
        )
        .render_derived()
    )
    standing = (  # what stood on the first day was written on it or before
        sa.select(sa.func.max(OutcomeGap.on_day))
        .where(OutcomeGap.target_id == k.c.target_id, OutcomeGap.on_day <= k.c.since)
        .correlate(k)
        .scalar_subquery()
    )
    within_days = sa.func.greatest(OutcomeGap.on_day, k.c.since)
    start = sa.cast(sa.func.date_trunc(k.c.every, sa.cast(within_days, sa.DateTime())), sa.Date)
    period = (k.c.target_id, start)
    ranked = (
        sa.select(
            k.c.target_id,
            start.label("period_start"),
            OutcomeGap.on_day,
            OutcomeGap.measured_value,
            OutcomeGap.reported_value,
            sa.func.count().over(partition_by=period).label("changes"),
            sa.func.row_number().over(partition_by=period, order_by=OutcomeGap.on_day.desc()).label("latest"),
        )
        .join(
            OutcomeGap,
            sa.and_(
                OutcomeGap.target_id == k.c.target_id,
                OutcomeGap.on_day.between(sa.func.coalesce(standing, k.c.since), k.c.until),
            ),
        )
        .subquery()
    )
    rows = await tx.session.execute(
        sa.select(ranked).where(ranked.c.latest == 1).order_by(ranked.c.target_id, ranked.c.period_start)
    )
    found: dict[tuple[int, Basis], list[Point]] = {}
    for row in rows:
        for basis, value in ((Basis.MEASURED, row.measured_value), (Basis.REPORTED, row.reported_value)):
            line = found.setdefault((row.target_id, basis), [])
            if value is not None or (
                line and line[-1].value is not None
            ):  # an end, but no beginning, of none
                line.append(Point(row.period_start, row.on_day, value, None, None, row.changes))
    return found


def _ids(ids: Collection[int]) -> Any:
    return sa.cast(list(ids), ARRAY(sa.BigInteger))
