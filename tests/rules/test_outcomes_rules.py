"""The rules of outcomes, one sentence at a time: attainment, pace, status, roll-up, a unit's status."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vdept.outcomes.models import Status
from vdept.outcomes.rules import (
    Child,
    attainment,
    expected_pace,
    gravest,
    meets,
    rolled_up,
    rounded,
    share_of,
    status,
    truncated,
)
from vdept.targets.models import Direction, Rollup

D = Decimal
UP, DOWN, BETWEEN = Direction.AT_LEAST, Direction.AT_MOST, Direction.BETWEEN
quantities = st.decimals(-(10**9), 10**9, places=6)
directions = st.sampled_from(Direction)


@st.composite
def goals(draw: st.DrawFn) -> tuple[Direction, D, D | None]:
    direction, goal = draw(directions), draw(quantities)
    high = goal + abs(draw(quantities)) if direction is BETWEEN and draw(st.booleans()) else None
    return direction, goal, high


# Meeting a target -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "value", "goal", "high", "met"),
    [
        (UP, "60", "60", None, True),
        (UP, "59.999999", "60", None, False),
        (UP, "60.000001", "60", None, True),
        (DOWN, "60", "60", None, True),
        (DOWN, "60.000001", "60", None, False),
        (DOWN, "-1", "0", None, True),
        (BETWEEN, "40", "40", "60", True),
        (BETWEEN, "60", "40", "60", True),
        (BETWEEN, "39.999999", "40", "60", False),
        (BETWEEN, "60.000001", "40", "60", False),
        (BETWEEN, "40", "40", None, True),
        (BETWEEN, "41", "40", None, False),
    ],
)
def test_a_value_meets_its_target_from_exactly_the_target_on(
    direction: Direction, value: str, goal: str, high: str | None, met: bool
) -> None:
    assert meets(direction, D(value), D(goal), D(high) if high else None) is met


@given(goals())
def test_no_value_meets_nothing_and_attains_null_never_zero(goal: tuple[Direction, D, D | None]) -> None:
    assert meets(goal[0], None, goal[1], goal[2]) is False
    assert attainment(goal[0], None, goal[1], goal[2], D(0)) is None


# Attainment -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "value", "goal", "high", "baseline", "attained"),
    [
        (UP, "17", "60", None, "0", "0.283333"),
        (UP, "30", "60", None, "20", "0.25"),
        (UP, "20", "60", None, "20", "0"),
        (UP, "10", "60", None, "20", "0"),  # fallen behind the baseline: nothing, not less than nothing
        (UP, "60", "60", None, "20", "1"),
        (UP, "90", "60", None, "20", "1"),
        (UP, "59.999999", "60", None, "0", "0.999999"),
        (UP, "30", "60", None, None, "0"),  # without a baseline there is nothing between 0 and 1
        (UP, "60", "60", None, None, "1"),
        (UP, "30", "60", None, "60", "0"),  # the baseline was already there: it has been lost
        (UP, "30", "60", None, "70", "0"),
        (UP, "-5", "10", None, "-10", "0.25"),
        (DOWN, "30", "20", None, "60", "0.75"),
        (DOWN, "60", "20", None, "60", "0"),
        (DOWN, "80", "20", None, "60", "0"),
        (DOWN, "20", "20", None, "60", "1"),
        (DOWN, "0", "20", None, "60", "1"),
        (DOWN, "20.000001", "20", None, "60", "0.999999"),
        (DOWN, "30", "20", None, "10", "0"),
        (DOWN, "30", "20", None, None, "0"),
        (BETWEEN, "30", "40", "60", "20", "0.5"),  # from below it goes for the lower bound
        (BETWEEN, "39.999999", "40", "60", "0", "0.999999"),
        (BETWEEN, "70", "40", "60", "100", "0.75"),  # from above it goes for the upper bound
        (BETWEEN, "60.000001", "40", "60", "100", "0.999999"),
        (BETWEEN, "30", "40", "60", "100", "0"),  # came from above and fell through
        (BETWEEN, "70", "40", "60", "20", "0"),  # came from below and shot over
        (BETWEEN, "50", "40", "60", None, "1"),
        (BETWEEN, "30", "40", "60", None, "0"),
        (BETWEEN, "30", "40", None, "20", "0.5"),
        (BETWEEN, "50", "40", None, "60", "0.5"),
    ],
)
def test_attainment_is_the_part_of_the_way_that_is_behind(
    direction: Direction, value: str, goal: str, high: str | None, baseline: str | None, attained: str
) -> None:
    got = attainment(
        direction, D(value), D(goal), D(high) if high else None, D(baseline) if baseline else None
    )
    assert got == D(attained)


@given(goals(), quantities, st.none() | quantities)
def test_attainment_stays_within_0_and_1_and_is_1_only_when_met(
    goal: tuple[Direction, D, D | None], value: D, baseline: D | None
) -> None:
    direction, low, high = goal
    got = attainment(direction, value, low, high, baseline)
    assert got is not None
    assert 0 <= got <= 1
    assert (got == 1) == meets(direction, value, low, high)
    assert got == got.quantize(D("0.000001"))


@given(st.sampled_from([UP, DOWN]), quantities, quantities, quantities, quantities)
def test_a_better_value_never_attains_less(
    direction: Direction, goal: D, baseline: D, one: D, other: D
) -> None:
    worse, better = sorted((one, other), reverse=direction is DOWN)
    assert attainment(direction, worse, goal, None, baseline) <= attainment(  # type: ignore[operator]
        direction, better, goal, None, baseline
    )


@given(quantities, quantities, quantities)
def test_at_most_mirrors_at_least(value: D, goal: D, baseline: D) -> None:
    assert attainment(UP, value, goal, None, baseline) == attainment(DOWN, -value, -goal, None, -baseline)


# Expected pace --------------------------------------------------------------------------------------------

START, DUE = date(2026, 1, 1), date(2026, 4, 11)  # 100 days


@pytest.mark.parametrize(
    ("days", "share"),
    [(-1, "0"), (0, "0"), (1, "0.01"), (33, "0.33"), (99, "0.99"), (100, "1"), (101, "1")],
)
def test_the_pace_is_linear_from_assignment_to_due(days: int, share: str) -> None:
    assert expected_pace(START, DUE, START + timedelta(days)) == D(share)


def test_a_target_due_on_the_day_it_starts_expects_nothing_before_and_all_after() -> None:
    got = [expected_pace(START, START, START + timedelta(n)) for n in (-1, 0, 1)]
    assert got == [D(0), D(0), D(1)]


PHASES = [(START + timedelta(50), D(20)), (START + timedelta(80), D(50))]


@pytest.mark.parametrize(
    ("days", "share"),
    [
        (0, "0"),
        (25, "0.1"),  # halfway to 20 of 100
        (49, "0.196"),
        (50, "0.2"),
        (65, "0.35"),
        (80, "0.5"),
        (90, "0.75"),
        (99, "0.975"),
        (100, "1"),
    ],
)
def test_the_pace_goes_through_the_milestones_when_there_are_any(days: int, share: str) -> None:
    assert expected_pace(START, DUE, START + timedelta(days), PHASES, goal=D(100)) == D(share)


def test_milestones_count_from_the_baseline() -> None:
    halfway = [(START + timedelta(50), D(60))]
    assert expected_pace(START, DUE, halfway[0][0], halfway, goal=D(100), baseline=D(20)) == D("0.5")


def test_milestones_outside_the_target_s_own_days_do_not_count() -> None:
    outside = [(START - timedelta(5), D(90)), (START, D(90)), (DUE, D(10)), (DUE + timedelta(5), D(10))]
    day = START + timedelta(40)
    assert expected_pace(START, DUE, day, outside, goal=D(100)) == D("0.4")


def test_a_milestone_beyond_the_goal_expects_everything_and_one_below_the_baseline_nothing() -> None:
    day = START + timedelta(50)
    assert expected_pace(START, DUE, day, [(day, D(150))], goal=D(100)) == D(1)
    assert expected_pace(START, DUE, day, [(day, D(-5))], goal=D(100)) == D(0)


def test_a_goal_that_equals_its_baseline_is_expected_from_the_first_milestone_on() -> None:
    day = START + timedelta(50)
    assert expected_pace(START, DUE, day, [(day, D(7))], goal=D(7), baseline=D(7)) == D(1)


def test_a_phased_pace_that_stands_exactly_on_a_sixth_decimal_is_not_cut_below_it() -> None:
    thirds = [(START + timedelta(10), D(1)), (START + timedelta(40), D(2))]
    assert expected_pace(START, DUE, START + timedelta(25), thirds, goal=D(3)) == D("0.5")


@given(
    st.lists(
        st.tuples(st.integers(1, 99), st.decimals(0, 100, places=6)), max_size=4, unique_by=lambda p: p[0]
    )
)
def test_a_pace_through_rising_milestones_never_falls(points: list[tuple[int, D]]) -> None:
    days = sorted(day for day, _ in points)
    values = sorted(value for _, value in points)
    phases = [(START + timedelta(day), value) for day, value in zip(days, values, strict=True)]
    course = [expected_pace(START, DUE, START + timedelta(n), phases, goal=D(100)) for n in range(-1, 102)]
    assert all(earlier <= later for earlier, later in pairwise(course))
    assert (course[0], course[-1]) == (D(0), D(1))


@given(
    st.integers(-20, 20), st.integers(-20, 20), st.integers(-25, 25), st.integers(-25, 25), st.integers(1, 99)
)
def test_a_phased_pace_is_the_exact_fraction_cut_after_six_decimals(
    goal: int, baseline: int, first: int, second: int, day: int
) -> None:
    phases = [(START + timedelta(30), D(first)), (START + timedelta(61), D(second))]
    shares = [
        Fraction(1) if goal == baseline else min(max(Fraction(value - baseline, goal - baseline), 0), 1)
        for value in (first, second)
    ]
    points = [(0, Fraction(0)), (30, Fraction(shares[0])), (61, Fraction(shares[1])), (100, Fraction(1))]
    (since, low), (until, high) = next((a, b) for a, b in pairwise(points) if a[0] <= day < b[0])
    exact = low + (high - low) * Fraction(day - since, until - since)
    got = expected_pace(START, DUE, START + timedelta(day), phases, goal=D(goal), baseline=D(baseline))
    assert got == D(int(exact * 10**6)).scaleb(-6)


# Status ---------------------------------------------------------------------------------------------------


def stands(
    *, attained: str | None, expected: str = "0.5", day: date = START + timedelta(50), **more: bool
) -> Status:
    return status(
        paused=more.get("paused", False),
        met=more.get("met", attained == "1"),
        attained=None if attained is None else D(attained),
        expected=D(expected),
        starts_on=START,
        due_on=DUE,
        as_of=day,
        at_risk_points=D(10),
        off_track_points=D(25),
    )


@pytest.mark.parametrize(
    ("attained", "expected"),
    [
        ("0.5", Status.ON_TRACK),
        ("0.9", Status.ON_TRACK),
        ("0.4", Status.ON_TRACK),  # exactly on the threshold is still within it
        ("0.399999", Status.AT_RISK),
        ("0.25", Status.AT_RISK),
        ("0.249999", Status.OFF_TRACK),
        ("0", Status.OFF_TRACK),
        (None, Status.OFF_TRACK),  # silence is no progress
        ("1", Status.ON_TRACK),
    ],
)
def test_status_by_pace(attained: str | None, expected: Status) -> None:
    assert stands(attained=attained) is expected


def test_without_a_value_a_target_is_not_started_until_it_falls_behind() -> None:
    course = [stands(attained=None, expected=e) for e in ("0", "0.1", "0.100001", "0.25", "0.250001")]
    assert course == [
        Status.NOT_STARTED,
        Status.NOT_STARTED,
        Status.AT_RISK,
        Status.AT_RISK,
        Status.OFF_TRACK,
    ]


@pytest.mark.parametrize(
    ("days", "met", "expected"),
    [
        (-1, False, Status.OFF_TRACK),
        (0, False, Status.OFF_TRACK),  # the due day is the target's own: it counts to its end
        (1, False, Status.NOT_MET),
        (-1, True, Status.ON_TRACK),
        (0, True, Status.ON_TRACK),
        (1, True, Status.MET),
    ],
)
def test_met_and_not_met_are_said_from_the_day_after_the_due_date(
    days: int, met: bool, expected: Status
) -> None:
    day = DUE + timedelta(days)
    assert stands(attained="1" if met else "0.2", expected="1", day=day) is expected


def test_no_value_at_the_due_date_is_not_met() -> None:
    assert stands(attained=None, expected="1", day=DUE + timedelta(1)) is Status.NOT_MET


def test_nothing_has_started_before_the_first_day_whatever_was_measured() -> None:
    assert stands(attained="1", expected="0", day=START - timedelta(1)) is Status.NOT_STARTED
    assert stands(attained="1", expected="0", day=START) is Status.ON_TRACK


@pytest.mark.parametrize("days", [-300, 0, 300])
def test_a_pause_stops_the_clock_at_any_time(days: int) -> None:
    assert stands(attained=None, day=DUE + timedelta(days), paused=True) is Status.PAUSED


@given(st.decimals(0, 1, places=6), st.decimals(0, 1, places=6), st.decimals(0, 1, places=6))
def test_more_attained_is_never_a_graver_status(expected: D, one: D, other: D) -> None:
    order = [Status.OFF_TRACK, Status.AT_RISK, Status.ON_TRACK]
    worse, better = sorted((one, other))
    found = [stands(attained=str(a), expected=str(expected), met=a == 1) for a in (worse, better)]
    assert order.index(found[0]) <= order.index(found[1])


# Roll-up --------------------------------------------------------------------------------------------------


def child(
    value: str | None, *, n: str | None = None, d: str | None = None, w: str = "1", met: bool = False
) -> Child:
    return Child(
        value=None if value is None else D(value),
        numerator=None if n is None else D(n),
        denominator=None if d is None else D(d),
        weight=D(w),
        meets=met,
    )


THREE = [
    child("20", n="20", d="100", w="1"),
    child("70", n="70", d="100", w="2", met=True),
    child("45", n="90", d="200", w="3"),
]


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (Rollup.EACH, "33.333333"),
        (Rollup.MILESTONE, "33.333333"),
        (Rollup.SUM, "135"),
        (Rollup.MEAN, "45"),
        (Rollup.WEIGHTED_MEAN, "49.166667"),
        (Rollup.RATIO, "45"),
        (Rollup.MIN, "20"),
        (Rollup.MAX, "70"),
        (Rollup.OWN, None),
    ],
)
def test_a_parent_s_value_follows_from_its_children_by_the_rule(rule: Rollup, value: str | None) -> None:
    assert rolled_up(rule, THREE) == (None if value is None else D(value))


def test_every_rule_is_tested_above() -> None:
    assert {Rollup(r) for r in Rollup} == {
        Rollup.EACH, Rollup.MILESTONE, Rollup.SUM, Rollup.MEAN, Rollup.WEIGHTED_MEAN,
        Rollup.RATIO, Rollup.MIN, Rollup.MAX, Rollup.OWN,
    }  # fmt: skip


@pytest.mark.parametrize("rule", list(Rollup))
def test_without_children_or_without_values_there_is_no_value_and_no_zero(rule: Rollup) -> None:
    assert rolled_up(rule, []) is None
    assert rolled_up(rule, [child(None), child(None, w="5")]) is None


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (Rollup.EACH, "25"),  # the silent child counts among all children
        (Rollup.SUM, "135"),
        (Rollup.MEAN, "45"),
        (Rollup.WEIGHTED_MEAN, "49.166667"),
        (Rollup.RATIO, "45"),
        (Rollup.MIN, "20"),
        (Rollup.MAX, "70"),
    ],
)
def test_a_silent_child_is_left_out_but_is_one_of_the_children(rule: Rollup, value: str) -> None:
    assert rolled_up(rule, [*THREE, child(None, w="9")]) == D(value)


def test_percentages_are_added_up_by_what_they_count_not_by_their_mean() -> None:
    large, small = child("10", n="100", d="1000"), child("100", n="1", d="1")
    assert rolled_up(Rollup.RATIO, [large, small]) == D("10.08991")
    assert rolled_up(Rollup.MEAN, [large, small]) == D(55)


def test_a_ratio_of_children_without_numerators_is_no_value() -> None:
    assert rolled_up(Rollup.RATIO, [child("10"), child("20")]) is None


def test_half_a_unit_of_the_last_place_is_rounded_away_from_zero() -> None:
    assert rounded(D("0.000001"), D(2)) == D("0.000001")
    assert rounded(D("-0.000001"), D(2)) == D("-0.000001")
    assert truncated(D("0.000001"), D(2)) == 0
    assert truncated(D("0.999999999"), D(1)) == D("0.999999")


@given(st.lists(st.tuples(st.none() | quantities, st.decimals("0.000001", 100, places=6)), min_size=1))
def test_means_lie_between_the_smallest_and_the_largest(rows: list[tuple[D | None, D]]) -> None:
    children = [Child(v, None, None, w, meets=False) for v, w in rows]
    assume(any(v is not None for v, _ in rows))
    low, high = rolled_up(Rollup.MIN, children), rolled_up(Rollup.MAX, children)
    assert low is not None
    assert high is not None
    for rule in (Rollup.MEAN, Rollup.WEIGHTED_MEAN):
        mean = rolled_up(rule, children)
        assert mean is not None
        assert low <= mean <= high


@given(st.lists(quantities, min_size=1, max_size=8), st.randoms())
def test_the_order_of_children_does_not_matter(values: list[D], random: object) -> None:
    children = [Child(v, abs(v), abs(v) + 1, D(1), meets=v > 0) for v in values]
    shuffled = children[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert all(rolled_up(rule, children) == rolled_up(rule, shuffled) for rule in Rollup)


# A unit's status ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, None),
        ({Status.MET: 0, Status.NOT_MET: 0}, None),
        ({Status.MET: 3}, Status.MET),
        ({Status.MET: 3, Status.PAUSED: 1}, Status.MET),
        ({Status.PAUSED: 2}, Status.PAUSED),
        ({Status.MET: 3, Status.NOT_STARTED: 1}, Status.NOT_STARTED),
        ({Status.ON_TRACK: 1, Status.NOT_STARTED: 5, Status.MET: 9}, Status.ON_TRACK),
        ({Status.AT_RISK: 1, Status.ON_TRACK: 100}, Status.AT_RISK),
        ({Status.OFF_TRACK: 1, Status.AT_RISK: 100}, Status.OFF_TRACK),
        ({Status.NOT_MET: 1, Status.OFF_TRACK: 100, Status.MET: 100}, Status.NOT_MET),
    ],
)
def test_a_unit_stands_where_its_gravest_target_stands(
    counts: dict[Status, int], expected: Status | None
) -> None:
    assert gravest(counts) is expected


@given(st.dictionaries(st.sampled_from(Status), st.integers(1, 9), min_size=1))
def test_every_status_has_its_place(counts: dict[Status, int]) -> None:
    assert gravest(counts) in counts


def test_a_share_of_nothing_is_null_and_a_share_is_never_rounded_up() -> None:
    assert share_of(D(0), D(0)) is None
    assert share_of(D(2), D(3)) == D("0.666666")
    assert share_of(D(3), D(3)) == D(1)
