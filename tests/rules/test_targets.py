"""The rules of targets: never laxer, never later, downwards only; shapes of key results."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.kernel.errors import Locale, Refused
from vdept.targets import rules
from vdept.targets.models import Direction, Rollup
from vdept.targets.rules import Goal, Milestone
from vdept.units.models import UnitKind

quantities = st.decimals(min_value=-(10**15), max_value=10**15, places=6)
days = st.dates(date(2020, 1, 1), date(2030, 12, 31))


@st.composite
def goals(draw: st.DrawFn, direction: Direction) -> Goal:
    low = draw(quantities)
    if direction is not Direction.BETWEEN:
        return Goal(low)
    high = draw(quantities)
    return Goal(min(low, high), max(low, high))


directed = st.sampled_from(Direction).flatmap(lambda d: st.tuples(st.just(d), goals(d), goals(d), goals(d)))


def meets(direction: Direction, goal: Goal, value: Decimal) -> bool:
    match direction:
        case Direction.AT_LEAST:
            return value >= goal.value
        case Direction.AT_MOST:
            return value <= goal.value
        case Direction.BETWEEN:
            return goal.high is not None and goal.value <= value <= goal.high


@given(directed, quantities)
def test_who_meets_a_stricter_goal_meets_the_laxer_one(
    case: tuple[Direction, Goal, Goal, Goal], value: Decimal
) -> None:
    direction, child, parent, _ = case
    if rules.stricter_or_equal(direction, child, parent) and meets(direction, child, value):
        assert meets(direction, parent, value)


@given(directed)
def test_stricter_is_an_order(case: tuple[Direction, Goal, Goal, Goal]) -> None:
    direction, a, b, c = case
    assert rules.stricter_or_equal(direction, a, a)
    if rules.stricter_or_equal(direction, a, b) and rules.stricter_or_equal(direction, b, c):
        assert rules.stricter_or_equal(direction, a, c)
    if rules.stricter_or_equal(direction, a, b) and rules.stricter_or_equal(direction, b, a):
        assert a == b


@pytest.mark.parametrize(
    ("direction", "child", "parent", "allowed"),
    [
        (Direction.AT_LEAST, Goal(Decimal(60)), Goal(Decimal(60)), True),
        (Direction.AT_LEAST, Goal(Decimal("59.999999")), Goal(Decimal(60)), False),
        (Direction.AT_MOST, Goal(Decimal(5)), Goal(Decimal(5)), True),
        (Direction.AT_MOST, Goal(Decimal("5.000001")), Goal(Decimal(5)), False),
        (Direction.BETWEEN, Goal(Decimal(2), Decimal(3)), Goal(Decimal(1), Decimal(3)), True),
        (Direction.BETWEEN, Goal(Decimal(0), Decimal(3)), Goal(Decimal(1), Decimal(3)), False),
        (Direction.BETWEEN, Goal(Decimal(2)), Goal(Decimal(1), Decimal(3)), False),
    ],
)
def test_never_laxer_at_the_boundary(direction: Direction, child: Goal, parent: Goal, allowed: bool) -> None:
    assert rules.stricter_or_equal(direction, child, parent) is allowed
    rules.require_never_laxer(Rollup.SUM, direction, child, parent)
    if allowed:
        rules.require_never_laxer(Rollup.EACH, direction, child, parent)
        return
    with pytest.raises(Refused, match="TARGET_LAXER"):
        rules.require_never_laxer(Rollup.EACH, direction, child, parent)


def test_parts_share_out_a_ceiling_and_nothing_else() -> None:
    rules.require_sum_within(Direction.AT_LEAST, Decimal(10**9), Goal(Decimal(1)))
    rules.require_sum_within(Direction.AT_MOST, Decimal(5), Goal(Decimal(5)))
    rules.require_sum_within(Direction.BETWEEN, Decimal(7), Goal(Decimal(5), Decimal(7)))
    with pytest.raises(Refused, match="SUM_EXCEEDS_PARENT"):
        rules.require_sum_within(Direction.AT_MOST, Decimal("5.000001"), Goal(Decimal(5)))
    with pytest.raises(Refused, match="SUM_EXCEEDS_PARENT"):
        rules.require_sum_within(Direction.BETWEEN, Decimal(8), Goal(Decimal(5), Decimal(7)))


@given(days, days, days)
def test_a_due_date_lies_between_the_plans_start_and_the_parents_due_date(
    due: date, starts: date, parent: date
) -> None:
    if starts <= due <= parent:
        rules.require_due(due, starts, parent)
    else:
        with pytest.raises(Refused, match=r"DUE_BEFORE_PLAN_STARTS|DUE_AFTER_PARENT"):
            rules.require_due(due, starts, parent)


@given(days, days, days)
def test_the_pace_starts_within_the_plan_and_not_after_the_due_date(
    starts: date, due: date, today: date
) -> None:
    if starts <= due:
        assert starts <= rules.pace_starts_on(starts, due, today) <= due


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("0", True),
        ("-0.000001", True),
        ("1E+15", True),
        ("1000000000000000.000001", False),
        ("0.0000001", False),
        ("1.0000000", True),
        ("NaN", False),
        ("sNaN", False),
        ("-Infinity", False),
        ("1E+999999", False),
        ("1E-999999", False),
    ],
)
def test_a_quantity_is_finite_exact_and_not_absurd(value: str, fits: bool) -> None:
    assert rules.is_quantity(Decimal(value)) is fits
    if not fits:
        with pytest.raises(Refused, match="QUANTITY_INVALID"):
            rules.require_quantity(Decimal(value), "value")


@given(quantities)
def test_every_number_of_six_decimals_is_kept_and_shown_exactly(value: Decimal) -> None:
    assert rules.is_quantity(value)
    assert Decimal(rules.shown(value)) == value


PATH = (1, 5, 9)


@pytest.mark.parametrize(
    ("path", "kind", "holder", "from_root", "allowed"),
    [
        (PATH, UnitKind.COMMUNE, 5, False, True),
        (PATH, UnitKind.COMMUNE, 1, False, True),
        (PATH, UnitKind.COMMUNE, 9, False, False),
        (PATH, UnitKind.COMMUNE, 6, True, False),
        ((7,), UnitKind.FIRM, 1, True, True),
        ((7,), UnitKind.FIRM, 1, False, False),
        ((7,), UnitKind.ASSOCIATION, 1, True, True),
        ((7,), UnitKind.MINISTRY, 1, True, False),
    ],
)
def test_targets_go_downwards_and_from_the_root_also_to_firms(
    path: tuple[int, ...], kind: UnitKind, holder: int, from_root: bool, allowed: bool
) -> None:
    assert rules.may_hold(path, kind, holder, from_root=from_root) is allowed


@pytest.mark.parametrize(
    ("direction", "goal", "code"),
    [
        (Direction.AT_LEAST, Goal(Decimal(60)), None),
        (Direction.AT_LEAST, Goal(Decimal(60), Decimal(70)), "HIGH_ONLY_FOR_BETWEEN"),
        (Direction.BETWEEN, Goal(Decimal(60)), "BETWEEN_NEEDS_HIGH"),
        (Direction.BETWEEN, Goal(Decimal(60), Decimal(59)), "BETWEEN_NEEDS_HIGH"),
        (Direction.BETWEEN, Goal(Decimal(60), Decimal(60)), None),
        (Direction.BETWEEN, Goal(Decimal(60), Decimal(101)), "VALUE_OUT_OF_BOUNDS"),
        (Direction.AT_LEAST, Goal(Decimal(-1)), "VALUE_OUT_OF_BOUNDS"),
        (Direction.AT_LEAST, Goal(Decimal("100.000001")), "VALUE_OUT_OF_BOUNDS"),
    ],
)
def test_a_goal_has_the_shape_of_its_direction(direction: Direction, goal: Goal, code: str | None) -> None:
    if code is None:
        rules.require_goal(direction, goal, Decimal(0), Decimal(100))
        return
    with pytest.raises(Refused, match=code) as refused:
        rules.require_goal(direction, goal, Decimal(0), Decimal(100))
    assert all(refused.value.message(locale) for locale in Locale)


@pytest.mark.parametrize("rollup", list(Rollup))
def test_only_ratio_needs_an_indicator_with_parts(rollup: Rollup) -> None:
    rules.require_rollup(rollup, is_ratio=True, indicator="x")
    if rollup is Rollup.RATIO:
        with pytest.raises(Refused, match="RATIO_NEEDS_RATIO_INDICATOR"):
            rules.require_rollup(rollup, is_ratio=False, indicator="x")
    else:
        rules.require_rollup(rollup, is_ratio=False, indicator="x")


@pytest.mark.parametrize(
    ("at_risk", "off_track", "fits"),
    [
        ("10", "25", True),
        ("0", "0", True),
        ("100", "100", True),
        ("10.25", "10.25", True),
        ("25", "10", False),
        ("-1", "10", False),
        ("10", "100.01", False),
        ("10.001", "25", False),
    ],
)
def test_thresholds_stand_in_order(at_risk: str, off_track: str, fits: bool) -> None:
    if fits:
        rules.require_thresholds(Decimal(at_risk), Decimal(off_track))
        return
    with pytest.raises(Refused, match="THRESHOLDS_INVALID"):
        rules.require_thresholds(Decimal(at_risk), Decimal(off_track))


START, DUE = date(2024, 1, 1), date(2030, 12, 31)


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ([("2025-12-31", 20), ("2030-12-31", 30)], None),
        ([], None),
        ([("2023-12-31", 20)], ("milestones", 0, "by")),
        ([("2031-01-01", 20)], ("milestones", 0, "by")),
        ([("2025-12-31", 20), ("2025-12-31", 25)], ("milestones", 1, "by")),
        ([("2026-12-31", 20), ("2025-12-31", 25)], ("milestones", 1, "by")),
        ([("2025-12-31", 25), ("2026-12-31", 20)], ("milestones", 0, "value")),
        ([("2025-12-31", 31)], ("milestones", 0, "value")),
    ],
)
def test_milestones_climb_in_date_order_within_the_key_results_time(
    steps: list[tuple[str, int]], fault: tuple[str | int, ...] | None
) -> None:
    milestones = [Milestone(date.fromisoformat(by), Decimal(value)) for by, value in steps]
    if fault is None:
        rules.require_milestones(milestones, Direction.AT_LEAST, Decimal(30), START, DUE)
        return
    with pytest.raises(Refused, match="MILESTONES_INVALID") as refused:
        rules.require_milestones(milestones, Direction.AT_LEAST, Decimal(30), START, DUE)
    assert refused.value.path == fault


@pytest.mark.parametrize("text", ["", "   ", "x" * 11, "a\x00b"])
def test_a_text_is_neither_empty_nor_too_long(text: str) -> None:
    with pytest.raises(Refused, match="TEXT_INVALID"):
        rules.clean_text(text, 10, "title")
    assert rules.clean_text(" đúng ", 10, "title") == "đúng"


@pytest.mark.parametrize(("days", "fits"), [(0, False), (1, True), (3660, True), (3661, False)])
def test_a_number_of_days_stays_in_its_range(days: int, fits: bool) -> None:
    if fits:
        rules.require_days(days, 1, "staleDays")
        return
    with pytest.raises(Refused, match="DAYS_INVALID"):
        rules.require_days(days, 1, "staleDays")


def test_a_plan_does_not_end_before_it_starts() -> None:
    rules.require_cycle(START, START)
    with pytest.raises(Refused, match="CYCLE_REVERSED"):
        rules.require_cycle(START, START - timedelta(days=1))
