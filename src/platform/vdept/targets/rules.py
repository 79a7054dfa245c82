"""The rules of plans and targets: pure functions on plain values. A named refusal, or the answer.

**Never laxer.** What a unit assigns on must ask at least as much as what it was asked itself, and no later.
This is checked for every roll-up rule but SUM. The children of a SUM are parts of a whole: each part is
naturally smaller than the sum, so a part of an AT_LEAST sum says nothing about laxity and is not checked
(whether the parts reach the whole is for the assigner to plan and for the outcome to show); the parts of an
AT_MOST sum share out a ceiling, so together they must not exceed it.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from vdept.targets.errors import (
    BETWEEN_NEEDS_HIGH,
    CYCLE_REVERSED,
    DAYS_INVALID,
    DUE_AFTER_PARENT,
    DUE_BEFORE_PLAN_STARTS,
    GAP_POINTS_INVALID,
    HIGH_ONLY_FOR_BETWEEN,
    MILESTONES_INVALID,
    PLAN_WRONG_STATE,
    QUANTITY_INVALID,
    RATIO_NEEDS_RATIO_INDICATOR,
    SUM_EXCEEDS_PARENT,
    TARGET_LAXER,
    TARGET_WRONG_STATE,
    TEXT_INVALID,
    THRESHOLDS_INVALID,
    VALUE_OUT_OF_BOUNDS,
    WEIGHT_NOT_POSITIVE,
)
from vdept.targets.models import Direction, PlanState, Rollup, TargetState
from vdept.units.models import BESIDE_THE_TREE, UnitKind

LARGEST = Decimal(10) ** 15
SIX_DECIMALS = Decimal("0.000001")
TITLE_LIMIT = 500
TEXT_LIMIT = 5_000


class Goal(NamedTuple):
    """What is asked: a value, and with the direction BETWEEN an upper value too."""

    value: Decimal
    high: Decimal | None = None

    def __str__(self) -> str:
        return shown(self.value) if self.high is None else f"{shown(self.value)}…{shown(self.high)}"


class Milestone(NamedTuple):
    """A value to have reached by a date."""

    by: date
    value: Decimal


def shown(value: Decimal | None) -> str:
    """A number for a sentence: no trailing zeros, no exponent; ``−`` for none."""
    if value is None:
        return "−"
    return f"{value.normalize():f}" if value.is_finite() and value.copy_abs() <= LARGEST else str(value)


# Values -------------------------------------------------------------------------------------------------


def is_quantity(value: Decimal) -> bool:
    """Finite, at most 10^15 in magnitude, and exact with six decimals."""
    return (
        value.is_finite()
        and value.copy_abs() <= LARGEST
        and (value == 0 or value == value.quantize(SIX_DECIMALS))
    )


def require_quantity(value: Decimal, *path: str | int) -> None:
    if not is_quantity(value):
        raise QUANTITY_INVALID.at(*path, value=str(value)[:40])


def require_weight(weight: Decimal, *path: str | int) -> None:
    require_quantity(weight, *path)
    if weight <= 0:
        raise WEIGHT_NOT_POSITIVE.at(*path, weight=shown(weight))


def within(value: Decimal, minimum: Decimal | None, maximum: Decimal | None) -> bool:
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


def require_bounds(
    value: Decimal, minimum: Decimal | None, maximum: Decimal | None, *path: str | int
) -> None:
    require_quantity(value, *path)
    if not within(value, minimum, maximum):
        raise VALUE_OUT_OF_BOUNDS.at(
            *path, value=shown(value), minimum=shown(minimum), maximum=shown(maximum)
        )


def require_goal(direction: Direction, goal: Goal, minimum: Decimal | None, maximum: Decimal | None) -> None:
    """The goal has the shape its direction needs and lies within the indicator's bounds."""
    require_bounds(goal.value, minimum, maximum, "value")
    if direction is not Direction.BETWEEN:
        if goal.high is not None:
            raise HIGH_ONLY_FOR_BETWEEN.at("valueHigh", direction=direction.value)
        return
    if goal.high is None:
        raise BETWEEN_NEEDS_HIGH.at("valueHigh")
    require_bounds(goal.high, minimum, maximum, "valueHigh")
    if goal.high < goal.value:
        raise BETWEEN_NEEDS_HIGH.at("valueHigh")


def require_rollup(rollup: Rollup, *, is_ratio: bool, indicator: str) -> None:
    """RATIO adds up numerators and denominators, so the indicator must have them."""
    if rollup is Rollup.RATIO and not is_ratio:
        raise RATIO_NEEDS_RATIO_INDICATOR.at("rollup", indicator=indicator)


# Never laxer, never later -------------------------------------------------------------------------------


def stricter_or_equal(direction: Direction, child: Goal, parent: Goal) -> bool:
    """Whether meeting ``child`` means meeting ``parent``."""
    match direction:
        case Direction.AT_LEAST:
            return child.value >= parent.value
        case Direction.AT_MOST:
            return child.value <= parent.value
        case Direction.BETWEEN:
            if child.high is None or parent.high is None:
                return False
            return parent.value <= child.value and child.high <= parent.high


def require_never_laxer(rollup: Rollup, direction: Direction, child: Goal, parent: Goal) -> None:
    """A part of a SUM is not compared with the whole (see the head of this module)."""
    if rollup is not Rollup.SUM and not stricter_or_equal(direction, child, parent):
        raise TARGET_LAXER.at("value", value=str(child), parent=str(parent))


def sum_ceiling(direction: Direction, parent: Goal) -> Decimal | None:
    """The most that the parts of a SUM may come to together; none where more is better."""
    return {Direction.AT_LEAST: None, Direction.AT_MOST: parent.value, Direction.BETWEEN: parent.high}[
        direction
    ]


def require_sum_within(direction: Direction, total: Decimal, parent: Goal, *path: str | int) -> None:
    ceiling = sum_ceiling(direction, parent)
    if ceiling is not None and total > ceiling:
        raise SUM_EXCEEDS_PARENT.at(*path, total=shown(total), limit=shown(ceiling))


def require_due(due_on: date, plan_starts_on: date, parent_due_on: date | None) -> None:
    """Not before the plan starts, not after the parent's due date."""
    if due_on < plan_starts_on:
        raise DUE_BEFORE_PLAN_STARTS.at("dueOn", due=due_on.isoformat(), starts=plan_starts_on.isoformat())
    if parent_due_on is not None and due_on > parent_due_on:
        raise DUE_AFTER_PARENT.at("dueOn", due=due_on.isoformat(), parent_due=parent_due_on.isoformat())


def pace_starts_on(plan_starts_on: date, due_on: date, today: date) -> date:
    """From when a target's pace runs: its assignment.

    A target assigned before the plan starts runs from that start. One entered after it was due (a plan of
    the past) has no day of its own in the window, so it runs from the plan's start as well.
    """
    return today if plan_starts_on <= today <= due_on else plan_starts_on


# Who may hold -------------------------------------------------------------------------------------------


def may_hold(path: Sequence[int], kind: UnitKind, holder_id: int, *, from_root: bool) -> bool:
    """Whether a unit may be assigned a target by the unit that holds the parent target.

    Downwards only: the holder stands above it in the tree. From a plan's root target the issuer may also
    reach firms and associations, which stand beside the tree.
    """
    return (holder_id in path and path[-1] != holder_id) or (from_root and kind in BESIDE_THE_TREE)


# Key results and plans ----------------------------------------------------------------------------------


def require_thresholds(at_risk: Decimal, off_track: Decimal) -> None:
    for name, points in (("atRiskPoints", at_risk), ("offTrackPoints", off_track)):
        require_quantity(points, name)
        if points != points.quantize(Decimal("0.01")):
            raise THRESHOLDS_INVALID.at(name, at_risk=shown(at_risk), off_track=shown(off_track))
    if not 0 <= at_risk <= off_track <= 100:
        raise THRESHOLDS_INVALID.at("atRiskPoints", at_risk=shown(at_risk), off_track=shown(off_track))


def require_gap_points(points: Decimal) -> None:
    """How many points of attainment a report may lie above a measurement."""
    require_quantity(points, "gapPoints")
    if not 0 <= points <= 100 or points != points.quantize(Decimal("0.01")):
        raise GAP_POINTS_INVALID.at("gapPoints", points=shown(points))


def require_milestones(
    milestones: Iterable[Milestone], direction: Direction, value: Decimal, starts_on: date, due_on: date
) -> None:
    """In date order, from the plan's start to the key result's due date, each asking no less than the last.

    A milestone may lie after the plan's cycle, but not after the key result is due.
    """
    given = list(milestones)
    for i, milestone in enumerate(given):
        require_quantity(milestone.value, "milestones", i, "value")
        if not starts_on <= milestone.by <= due_on:
            raise MILESTONES_INVALID.at(
                "milestones", i, "by",
                reason_vi=f"mốc {milestone.by} phải trong khoảng {starts_on} đến {due_on}",
                reason=f"the milestone of {milestone.by} must lie within {starts_on} to {due_on}",
            )  # fmt: skip
    for i, (earlier, later) in enumerate(pairwise(given), start=1):
        if later.by <= earlier.by:
            raise MILESTONES_INVALID.at(
                "milestones", i, "by",
                reason_vi=f"mốc {later.by} không sau mốc {earlier.by}",
                reason=f"the milestone of {later.by} does not come after that of {earlier.by}",
            )  # fmt: skip
    if direction is Direction.BETWEEN:
        return
    values = [*(m.value for m in given), value]
    for i, (earlier_value, later_value) in enumerate(pairwise(values)):
        if not stricter_or_equal(direction, Goal(later_value), Goal(earlier_value)):
            raise MILESTONES_INVALID.at(
                "milestones", i, "value",
                reason_vi=f"giá trị đi ngược hướng từ {shown(earlier_value)} đến {shown(later_value)}",
                reason=f"the values run backwards from {shown(earlier_value)} to {shown(later_value)}",
            )  # fmt: skip


def require_cycle(starts_on: date, ends_on: date) -> None:
    if ends_on < starts_on:
        raise CYCLE_REVERSED.at("endsOn", starts=starts_on.isoformat(), ends=ends_on.isoformat())


def require_days(days: int, low: int, *path: str) -> None:
    if not low <= days <= 3660:
        raise DAYS_INVALID.at(*path, low=low, high=3660, days=days)


def clean_text(text: str | None, limit: int, *path: str | int) -> str:
    """``text`` without blanks at either end; refused when empty, too long, or holding a NUL."""
    stripped = (text or "").strip()
    if not stripped or len(stripped) > limit or "\x00" in stripped:
        raise TEXT_INVALID.at(*path, limit=limit)
    return stripped


def clean_optional(text: str | None, limit: int, *path: str | int) -> str | None:
    """As :func:`clean_text`, but nothing (or blanks only) is nothing."""
    return None if text is None or not text.strip() else clean_text(text, limit, *path)


# States -------------------------------------------------------------------------------------------------


def require_plan_state(state: PlanState, needs: PlanState, *path: str | int) -> None:
    if state is not needs:
        raise PLAN_WRONG_STATE.at(*path, state=state.value, needs=needs.value)


def require_target_state(state: TargetState, needs: Iterable[TargetState], *path: str | int) -> None:
    allowed = tuple(needs)
    if state not in allowed:
        raise TARGET_WRONG_STATE.at(*path, state=state.value, needs=" / ".join(allowed))
