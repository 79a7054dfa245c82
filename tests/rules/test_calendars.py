"""Counting working days, what the package knows, and which of the things said of a day holds."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from vdept.calendars import public_holidays, rules
from vdept.calendars.models import CalendarScope
from vdept.calendars.rules import Calendar, Saying, is_worked
from vdept.kernel.errors import Refused

N, R, U = CalendarScope.NATIONAL, CalendarScope.REGION, CalendarScope.UNIT
FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
KNOWN = {one.day: one for one in public_holidays.known(FIRST, LAST)}


def of(first: date, last: date, off: frozenset[date] = frozenset()) -> Calendar:
    """Monday to Friday without ``off``."""
    days = [day for day in rules.days_of(first, last) if rules.is_weekday(day) and day not in off]
    return Calendar(first, last, days)


@pytest.fixture(scope="module")
def year() -> Calendar:
    """2026 as the package has it."""
    days = [
        day
        for day in rules.days_of(FIRST, LAST)
        if (KNOWN[day].working if day in KNOWN else rules.is_weekday(day))
    ]
    return Calendar(FIRST, LAST, days)


def test_tet_is_passed_over(year: Calendar) -> None:
    friday, monday = date(2026, 2, 13), date(2026, 2, 23)  # Tết: Monday 16 to Friday 20 February
    assert year.step(friday, 1) == monday
    assert year.step(monday, -1) == friday
    assert year.between(friday, monday) == 1
    assert not any(year.is_working(friday + timedelta(days=n)) for n in range(1, 10))


def test_a_make_up_saturday_is_worked_and_its_monday_is_not(year: Calendar) -> None:
    saturday, monday = date(2026, 8, 22), date(2026, 8, 31)
    assert year.is_working(saturday)
    assert not year.is_working(monday)
    assert year.step(date(2026, 8, 21), 1) == saturday
    assert year.step(date(2026, 8, 28), 1) == date(2026, 9, 3)  # 31 August to 2 September are off


@pytest.mark.parametrize(
    ("due_on", "k", "expected"),
    [
        (date(2026, 3, 6), 0, date(2026, 3, 6)),  # a Friday
        (date(2026, 3, 7), 0, date(2026, 3, 6)),  # a Saturday counts as the Friday before it
        (date(2026, 3, 8), 0, date(2026, 3, 6)),
        (date(2026, 3, 8), 1, date(2026, 3, 9)),
        (date(2026, 3, 8), -1, date(2026, 3, 5)),
        (date(2026, 3, 2), -7, date(2026, 2, 12)),  # over Tết
    ],
    ids=str,
)
def test_a_step_is_counted_from_the_due_date(year: Calendar, due_on: date, k: int, expected: date) -> None:
    assert year.step(due_on, k) == expected


def test_what_the_package_says_is_named_in_both_languages() -> None:
    assert KNOWN[date(2026, 9, 2)] == (date(2026, 9, 2), False, "Quốc khánh", "National Day")
    assert KNOWN[date(2026, 8, 31)][1:] == (
        False,
        "Ngày nghỉ (thay cho ngày 22/08/2026)",
        "Day off (substituted from 2026-08-22)",
    )
    assert KNOWN[date(2026, 8, 22)][1:] == (
        True,
        "Làm bù cho ngày 31/08/2026",
        "Make-up working day for 2026-08-31",
    )
    assert KNOWN[date(2026, 4, 27)].name == "Ngày Giỗ Tổ Hùng Vương (nghỉ bù)"  # the 26th is a Sunday


def test_a_make_up_day_of_the_next_year_is_known() -> None:
    """31 December 2018 was off, and worked on 5 January 2019."""
    names = {one.day: one for one in public_holidays.known(date(2019, 1, 1), date(2019, 1, 31))}
    assert names[date(2019, 1, 5)].working
    assert names[date(2019, 1, 5)].name == "Làm bù cho ngày 31/12/2018"


def test_nothing_outside_the_span_is_copied() -> None:
    first, last = date(2024, 1, 1), date(2031, 12, 31)
    days = [one.day for one in public_holidays.known(first, last)]
    assert days == sorted(set(days))
    assert first <= days[0]
    assert days[-1] <= last
    assert {day.year for day in days} == set(range(2024, 2032))


# -- what holds ----------------------------------------------------------------------------------------

MONDAY, SUNDAY = date(2026, 3, 2), date(2026, 3, 1)
PATH = (1, 2, 3)


@pytest.mark.parametrize(
    ("said", "scope", "path", "worked"),
    [
        ([], U, PATH, True),
        ([Saying(N, None, False)], N, (), False),
        ([Saying(N, None, False)], U, PATH, False),
        ([Saying(N, None, False), Saying(R, 1, True)], U, PATH, True),
        ([Saying(R, 1, True), Saying(R, 2, False)], U, PATH, False),
        ([Saying(R, 2, False), Saying(R, 1, True)], U, PATH, False),
        ([Saying(R, 3, False)], U, PATH, False),  # a region begins with its own unit
        ([Saying(R, 9, False)], U, PATH, True),
        ([Saying(R, 3, False)], R, (1, 2), True),  # a region below
        ([Saying(U, 3, False)], U, PATH, False),
        ([Saying(U, 3, False), Saying(R, 3, True)], U, PATH, False),  # its own day is nearest
        ([Saying(U, 3, False)], R, PATH, True),  # no one else's
        ([Saying(U, 2, False)], U, PATH, True),
        ([Saying(U, 1, False)], N, (), True),
    ],
    ids=str,
)
def test_what_stands_nearest_holds(
    said: list[Saying], scope: CalendarScope, path: tuple[int, ...], worked: bool
) -> None:
    assert is_worked(MONDAY, None, said, scope, path) is worked


def test_a_holiday_gives_way_to_any_exception_and_comes_before_the_day_of_the_week() -> None:
    assert not is_worked(MONDAY, False, [], N, ())
    assert is_worked(SUNDAY, True, [], N, ())
    assert not is_worked(SUNDAY, None, [], N, ())
    assert is_worked(MONDAY, False, [Saying(N, None, True)], N, ())


@pytest.mark.parametrize(
    ("version", "kept", "copied"),
    [
        ("0.109", [], True),
        ("0.109", ["0.109"], False),
        ("0.110", ["0.109"], True),
        ("0.99", ["0.109"], False),  # as numbers, not as text
        ("1.0", ["0.109", "0.110"], True),
        ("0.110", ["0.109", "0.111"], False),
    ],
)
def test_a_newer_package_is_copied_and_an_older_one_is_not(
    version: str, kept: list[str], copied: bool
) -> None:
    assert rules.newer(version, kept) is copied


def test_a_day_that_no_calendar_knows_is_refused() -> None:
    rules.require_span(FIRST, FIRST, LAST, "day")
    rules.require_span(LAST, FIRST, LAST, "day")
    for day in (FIRST - rules.DAY, LAST + rules.DAY, date.min, date.max):
        with pytest.raises(Refused, match="CALENDAR_SPAN at day"):
            rules.require_span(day, FIRST, LAST, "day")


# -- any calendar --------------------------------------------------------------------------------------

around = some.dates(date(2020, 1, 1), date(2034, 1, 1))


@some.composite
def calendars(draw: some.DrawFn) -> Calendar:
    """Any days worked, of a span of up to two months; sometimes none at all."""
    first = draw(some.dates(date(2024, 1, 1), date(2028, 1, 1)))
    last = first + timedelta(days=draw(some.integers(0, 60)))
    days = list(rules.days_of(first, last))
    worked = draw(some.sets(some.sampled_from(days)))
    return Calendar(first, last, sorted(worked))


@given(calendars(), some.integers(-400, 400))
def test_the_number_of_a_working_day_leads_back_to_it(calendar: Calendar, number: int) -> None:
    day = calendar.working_day(number)
    assert calendar.is_working(day)
    assert calendar.ordinal(day) == number


@given(calendars(), around, some.integers(-60, 60))
def test_a_step_and_the_step_back(calendar: Calendar, due_on: date, k: int) -> None:
    there = calendar.step(due_on, k)
    assert calendar.between(due_on, there) == k
    assert calendar.step(there, -k) == calendar.step(due_on, 0) <= due_on


@given(calendars(), around)
def test_no_day_is_worked_between_a_due_date_and_its_step_0(calendar: Calendar, due_on: date) -> None:
    effective = calendar.step(due_on, 0)
    assert not any(calendar.is_working(day) for day in rules.days_of(effective + rules.DAY, due_on))


@given(calendars(), around)
def test_each_day_counts_one_more_if_it_is_worked(calendar: Calendar, day: date) -> None:
    assert calendar.ordinal(day) - calendar.ordinal(day - rules.DAY) == calendar.is_working(day)


@given(calendars(), around, around)
def test_later_days_never_have_smaller_numbers(calendar: Calendar, a: date, b: date) -> None:
    a, b = min(a, b), max(a, b)
    assert calendar.ordinal(a) <= calendar.ordinal(b)
    assert calendar.step(a, 1) <= calendar.step(b, 1)


@given(calendars(), around, around, around)
def test_spans_add_up(calendar: Calendar, a: date, b: date, c: date) -> None:
    assert calendar.between(a, b) + calendar.between(b, c) == calendar.between(a, c)
    assert calendar.between(a, b) == -calendar.between(b, a)


@given(calendars(), around, around)
def test_between_counts_the_days_that_are_worked(calendar: Calendar, a: date, b: date) -> None:
    a, b = min(a, b), min(max(a, b), min(a, b) + timedelta(days=200))
    counted = sum(calendar.is_working(day) for day in rules.days_of(a + rules.DAY, b))
    assert calendar.between(a, b) == counted


@given(calendars(), some.data())
def test_days_turned_round_twice_are_as_before(calendar: Calendar, data: some.DataObject) -> None:
    turned = data.draw(some.sets(some.sampled_from(list(rules.days_of(calendar.first, calendar.last)))))
    other = calendar.with_flipped(turned)
    assert all(other.is_working(day) != calendar.is_working(day) for day in turned)
    assert other.with_flipped(turned).days == list(calendar.days)


def test_outside_its_span_a_calendar_counts_monday_to_friday() -> None:
    calendar = of(FIRST, LAST)
    assert calendar.step(date(2026, 12, 31), 1) == date(2027, 1, 1)  # nobody has told it of New Year yet
    assert calendar.step(date(2026, 1, 1), -1) == date(2025, 12, 31)
    assert calendar.between(date(2025, 12, 1), date(2027, 1, 31)) == of(
        date(2025, 12, 1), date(2027, 1, 31)
    ).between(date(2025, 12, 1), date(2027, 1, 31))
    assert [calendar.covers(day) for day in (FIRST, LAST, LAST + rules.DAY)] == [True, True, False]
