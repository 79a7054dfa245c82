"""Periods and pace lines: agree with the calendar, with PostgreSQL's rules, and with the pace of outcomes."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.kernel.errors import Refused
from vdept.measurements.periods import (
    FINEST_FIRST,
    POINTS,
    POINTS_AT_ONCE,
    Every,
    fitting,
    following,
    period_count,
    period_start,
    period_starts,
    points_each,
    window,
)
from vdept.outcomes.rules import attainment, expected_pace
from vdept.outcomes.series import Expected, pace_line, value_at, way, within
from vdept.targets.models import Direction

D = Decimal
TODAY = date(2026, 3, 2)
days = st.dates(date(1945, 9, 2), date(2100, 12, 31))
periods = st.sampled_from(Every)
quantities = st.decimals(-1000, 1000, places=6)


@pytest.mark.parametrize(
    ("day", "every", "start"),
    [
        ("2026-03-02", Every.WEEK, "2026-03-02"),
        ("2026-03-01", Every.WEEK, "2026-02-23"),
        ("2027-01-01", Every.WEEK, "2026-12-28"),
        ("2028-02-29", Every.MONTH, "2028-02-01"),
        ("2026-12-31", Every.QUARTER, "2026-10-01"),
        ("2026-04-01", Every.QUARTER, "2026-04-01"),
        ("2026-12-31", Every.YEAR, "2026-01-01"),
    ],
)
def test_a_period_begins_where_the_calendar_says(day: str, every: Every, start: str) -> None:
    assert period_start(date.fromisoformat(day), every) == date.fromisoformat(start)


@given(days, periods)
def test_every_day_is_in_one_period(day: date, every: Every) -> None:
    start, after = period_start(day, every), following(day, every) or date.max
    assert start <= day < after
    assert period_start(after, every) == after
    assert period_start(after - timedelta(1), every) == start


@given(days, st.integers(0, 3000), periods)
def test_periods_are_counted_as_they_are_listed(since: date, length: int, every: Every) -> None:
    until = since + timedelta(length)
    starts = period_starts(since, until, every)
    assert period_count(since, until, every) == len(starts) + 1
    assert all(since < start <= until and period_start(start, every) == start for start in starts)


@given(days, st.integers(0, 30_000), periods, st.integers(1, 60))
def test_a_series_never_has_more_points_than_a_chart(
    since: date, length: int, every: Every, lines: int
) -> None:
    until = since + timedelta(length)
    if period_count(since, until, Every.YEAR) > points_each(lines):
        with pytest.raises(Refused, match="PERIOD_TOO_LONG"):
            window(since, until, every, TODAY, lines)
        return
    first, last, fits = window(since, until, every, TODAY, lines)
    points = period_count(first, last, fits)
    assert points <= POINTS
    assert points * lines <= POINTS_AT_ONCE
    if fits is not every:  # not coarser than needed
        finer = FINEST_FIRST[FINEST_FIRST.index(fits) - 1]
        assert period_count(first, last, finer) > points_each(lines)


def test_what_is_asked_for_is_kept_where_it_fits_and_coarsened_where_it_does_not() -> None:
    year = (date(2026, 1, 1), date(2026, 12, 31))
    assert fitting(*year, Every.DAY, 365) is Every.DAY
    assert fitting(*year, Every.DAY, 364) is Every.WEEK
    assert fitting(*year, Every.WEEK, 52) is Every.MONTH
    assert fitting(*year, Every.YEAR, 1) is Every.YEAR
    assert fitting(*year, Every.DAY, 0) is None


@pytest.mark.parametrize(
    ("every", "first"),
    [
        (Every.DAY, "2025-03-03"),
        (Every.MONTH, "2024-03-03"),
        (Every.QUARTER, "2021-03-03"),
        (Every.YEAR, "2016-03-03"),
    ],
)
def test_without_days_a_series_ends_today(every: Every, first: str) -> None:
    assert window(None, None, every, TODAY, 1) == (date.fromisoformat(first), TODAY, every)


def test_a_leap_day_has_a_year_before_it() -> None:
    assert window(None, date(2028, 2, 29), Every.DAY, TODAY, 1)[0] == date(2027, 3, 1)


def test_an_inverted_time_is_refused_in_both_languages() -> None:
    with pytest.raises(Refused, match="PERIOD_INVERTED") as caught:
        window(TODAY, TODAY - timedelta(1), Every.DAY, TODAY, 1)
    assert caught.value.path == ("from",)
    assert "2026-03-01" in caught.value.message()


@pytest.mark.parametrize(
    ("direction", "baseline", "expected"),
    [
        (Direction.AT_LEAST, "10", ("10", "60")),
        (Direction.AT_LEAST, "70", ("60", "60")),
        (Direction.AT_LEAST, None, (None, "60")),
        (Direction.AT_MOST, "90", ("90", "60")),
        (Direction.AT_MOST, "10", ("60", "60")),
        (Direction.AT_MOST, None, (None, "60")),
        (Direction.BETWEEN, "10", ("10", "60")),
        (Direction.BETWEEN, "65", ("65", "65")),
        (Direction.BETWEEN, "100", ("100", "80")),
    ],
)
def test_a_target_goes_from_its_baseline_to_the_nearest_bound_of_its_goal(
    direction: Direction, baseline: str | None, expected: tuple[str | None, str]
) -> None:
    start, end = way(direction, D(60), D(80), None if baseline is None else D(baseline))
    assert (start, end) == tuple(None if each is None else D(each) for each in expected)


@given(
    start=quantities,
    end=quantities,
    length=st.integers(0, 800),
    every=periods,
    phases=st.lists(st.tuples(st.integers(-30, 830), quantities), max_size=5, unique_by=lambda p: p[0]),
    phase_goal=quantities,
    phase_baseline=quantities,
)
def test_the_pace_line_is_the_pace_of_outcomes_and_ends_at_the_goal(
    start: Decimal,
    end: Decimal,
    length: int,
    every: Every,
    phases: list[tuple[int, Decimal]],
    phase_goal: Decimal,
    phase_baseline: Decimal,
) -> None:
    starts, due = TODAY, TODAY + timedelta(length)
    milestones = [(starts + timedelta(offset), value) for offset, value in sorted(phases)]
    line = pace_line(starts, due, every, start, end, milestones, phase_goal, phase_baseline)
    for point in line:
        pace = expected_pace(starts, due, point.on_day, milestones, phase_goal, phase_baseline)
        assert point.share == pace
        assert point.value == value_at(pace, start, end)
    assert [point.on_day for point in line] == sorted({point.on_day for point in line})
    assert {point.on_day for point in line if point.milestone} == {
        d for d, _ in milestones if starts < d < due
    }
    assert line[-1].on_day == due
    if length:
        assert (line[0].on_day, line[0].value) == (starts, start if start != end else end)
        assert (line[-1].share, line[-1].value) == (1, end)


@given(
    length=st.integers(0, 800),
    every=periods,
    phases=st.lists(st.integers(-30, 830), max_size=4, unique=True),
    since=st.integers(-100, 900),
    days=st.integers(0, 300),
)
def test_a_part_of_the_line_is_worked_out_as_the_whole_is(
    length: int, every: Every, phases: list[int], since: int, days: int
) -> None:
    of = (
        TODAY,
        TODAY + timedelta(length),
        every,
        D(0),
        D(60),
        [(TODAY + timedelta(n), D(7)) for n in phases],
    )
    shown = (TODAY + timedelta(since), TODAY + timedelta(since + days))
    assert within(pace_line(*of, shown=shown), *shown) == within(pace_line(*of), *shown)


@pytest.mark.parametrize("every", list(Every))
def test_periods_end_where_days_do(every: Every) -> None:
    assert following(date.max, every) is None
    assert period_starts(date(9999, 12, 30), date.max, every)[1:] == []


@given(st.decimals(0, 1, places=6), quantities, quantities)
def test_a_value_on_the_line_has_attained_what_the_line_says(
    share: Decimal, start: Decimal, end: Decimal
) -> None:
    direction = Direction.AT_LEAST if end > start else Direction.AT_MOST
    value = value_at(share, start, end)
    if start != end:
        assert attainment(direction, value, end, None, start) == share


def test_without_a_baseline_there_is_a_goal_and_nothing_on_the_way() -> None:
    line = pace_line(TODAY, TODAY + timedelta(60), Every.MONTH, None, D(60))
    assert [(point.share, point.value) for point in line] == [(0, None), (D("0.5"), None), (1, 60)]


def test_a_shorter_chart_draws_the_line_from_the_point_before_it_to_the_point_after() -> None:
    line = [Expected(TODAY + timedelta(n), D(n), None, False) for n in (0, 10, 20, 30, 40)]

    def drawn(first: int, last: int) -> list[int]:
        part = within(line, TODAY + timedelta(first), TODAY + timedelta(last))
        return [int(point.share) for point in part]

    assert drawn(12, 18) == [10, 20]
    assert drawn(10, 30) == [10, 20, 30]
    assert drawn(-50, 400) == [0, 10, 20, 30, 40]
