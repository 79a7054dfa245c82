"""The rules of outcomes as pure functions: the definition that the SQL in ``formulas.py`` must equal.

A property-based test builds random target trees, evaluates them with these functions, and compares every
row with what the worker added up and with what a rebuild computes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal

from vdept.outcomes.models import Status
from vdept.targets.models import Direction, Rollup

SIX = Decimal("0.000001")
_EXACT = Context(prec=60)
_ALMOST = Decimal("0.999999")


def rounded(numerator: Decimal, denominator: Decimal) -> Decimal:
    """A quotient to six decimals, half away from zero, as PostgreSQL's ``round`` gives it."""
    return _EXACT.divide(numerator, denominator).quantize(SIX, ROUND_HALF_UP)


def truncated(numerator: Decimal, denominator: Decimal) -> Decimal:
    """A quotient cut to six decimals: what is not reached is never rounded up to reached."""
    return _EXACT.divide(numerator, denominator).quantize(SIX, ROUND_DOWN)


def meets(direction: Direction, value: Decimal | None, goal: Decimal, high: Decimal | None) -> bool:
    """Whether a value meets its target; no value never does."""
    if value is None:
        return False
    match direction:
        case Direction.AT_LEAST:
            return value >= goal
        case Direction.AT_MOST:
            return value <= goal
        case Direction.BETWEEN:
            return goal <= value <= (goal if high is None else high)


def attainment(
    direction: Direction, value: Decimal | None, goal: Decimal, high: Decimal | None, baseline: Decimal | None
) -> Decimal | None:
    """(value - baseline) / (target - baseline) in its direction, clamped to 0…1; None without a value.

    1 is reserved for what meets the target. Without a baseline to come from there is nothing between 0 and 1.
    """
    if value is None:
        return None
    if meets(direction, value, goal, high):
        return Decimal(1)
    if baseline is None:
        return Decimal(0)
    top = goal if high is None else high
    aim = top if direction is Direction.BETWEEN and value > top else goal
    rising = direction is Direction.AT_LEAST or (direction is Direction.BETWEEN and value < goal)
    if (rising and baseline >= aim) or (not rising and baseline <= aim):
        return Decimal(0)
    return max(Decimal(0), min(_ALMOST, truncated(value - baseline, aim - baseline)))


def expected_pace(
    starts_on: date,
    due_on: date,
    as_of: date,
    milestones: Sequence[tuple[date, Decimal]] | None = None,
    goal: Decimal = Decimal(1),
    baseline: Decimal = Decimal(0),
) -> Decimal:
    """The share of the way that should be behind a target on ``as_of``: linear, or through its milestones."""
    if as_of <= starts_on:
        return Decimal(0)
    if as_of >= due_on:
        return Decimal(1)
    if not milestones:
        return truncated(Decimal((as_of - starts_on).days), Decimal((due_on - starts_on).days))
    way = abs(goal - baseline) or Decimal(1)
    points = [(starts_on, Decimal(0))]
    for day, value in milestones:
        if starts_on < day < due_on:
            gone = way if goal == baseline else (value - baseline) * (1 if goal > baseline else -1)
            points.append((day, max(Decimal(0), min(way, gone))))
    points.append((due_on, way))
    here = max((p for p in points if p[0] <= as_of), key=lambda p: p[0])
    following = min((p for p in points if p[0] > as_of), key=lambda p: p[0])
    days = (following[0] - here[0]).days
    part = here[1] * days + (following[1] - here[1]) * (as_of - here[0]).days
    return truncated(part, way * days)  # one division at the end: thirds add up


def status(
    *,
    paused: bool,
    met: bool,
    attained: Decimal | None,
    expected: Decimal,
    starts_on: date,
    due_on: date,
    as_of: date,
    at_risk_points: Decimal,
    off_track_points: Decimal,
) -> Status:
    """Where a target stands. Silence is no progress: without a value it falls behind with the calendar."""
    if paused:
        return Status.PAUSED
    if as_of > due_on:
        return Status.MET if met else Status.NOT_MET
    if as_of < starts_on:
        return Status.NOT_STARTED
    if met:
        return Status.ON_TRACK
    behind = 100 * (expected - (attained or Decimal(0)))
    if behind > off_track_points:
        return Status.OFF_TRACK
    if behind > at_risk_points:
        return Status.AT_RISK
    return Status.NOT_STARTED if attained is None else Status.ON_TRACK


@dataclass(frozen=True, slots=True)
class Child:
    """What one child contributes to its parent on one basis."""

    value: Decimal | None
    numerator: Decimal | None
    denominator: Decimal | None
    weight: Decimal
    meets: bool


def rolled_up(rule: Rollup, children: Sequence[Child]) -> Decimal | None:
    """A parent's value from its children's by the roll-up rule of the key result; None when none has one.

    EACH and MILESTONE give the percentage of children that meet theirs, over all children.
    """
    valued = [(c.value, c.weight) for c in children if c.value is not None]
    if not valued:
        return None
    values = [value for value, _ in valued]
    match rule:
        case Rollup.EACH | Rollup.MILESTONE:
            return rounded(Decimal(100 * sum(c.meets for c in children)), Decimal(len(children)))
        case Rollup.SUM:
            return sum(values, Decimal(0))
        case Rollup.MEAN:
            return rounded(sum(values, Decimal(0)), Decimal(len(values)))
        case Rollup.WEIGHTED_MEAN:
            total = sum((value * weight for value, weight in valued), Decimal(0))
            return rounded(total, sum((weight for _, weight in valued), Decimal(0)))
        case Rollup.RATIO:
            pairs = [(c.numerator, c.denominator) for c in children if c.numerator is not None]
            below = sum((d for _, d in pairs if d is not None), Decimal(0))
            above = sum((n for n, _ in pairs if n is not None), Decimal(0))
            return rounded(100 * above, below) if below > 0 else None
        case Rollup.MIN:
            return min(values)
        case Rollup.MAX:
            return max(values)
        case Rollup.OWN:
            return None


GRAVEST_FIRST = (
    Status.NOT_MET,
    Status.OFF_TRACK,
    Status.AT_RISK,
    Status.ON_TRACK,
    Status.NOT_STARTED,
    Status.MET,
    Status.PAUSED,
)
"""The order in which a unit's status is looked for among its targets' statuses."""


def gravest(counts: Mapping[Status, int]) -> Status | None:
    """The status of a unit in a plan: the gravest that any of its targets has; None without targets."""
    return next((status for status in GRAVEST_FIRST if counts.get(status, 0) > 0), None)


def share_of(total: Decimal, weight: Decimal) -> Decimal | None:
    """A weighted mean to six decimals, or None when there is nothing to weigh."""
    return truncated(total, weight) if weight > 0 else None
