"""Rules of tasks that come again: what is read, what is refused, which days follow, and when they are due."""

import time
from datetime import date, datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given
from hypothesis import strategies as st

from vdept.calendars.rules import Calendar
from vdept.calendars.rules import days_of as every_day
from vdept.kernel.errors import Locale, Refused
from vdept.tasks import recurrence_days as days
from vdept.tasks.models import OnDayOff
from vdept.tasks.recurrence_rules import WEEKDAYS, Frequency, parse

START = date(2026, 3, 2)
"""A Monday."""


def first(rule: str, most: int = 4, starts_on: date = START) -> list[str]:
    return [str(day) for day in days.next_days(parse(rule), starts_on, starts_on, most)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=DAILY", ["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"]),
        ("FREQ=DAILY;INTERVAL=10", ["2026-03-02", "2026-03-12", "2026-03-22", "2026-04-01"]),
        ("FREQ=WEEKLY", ["2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", ["2026-03-02", "2026-03-06", "2026-03-16", "2026-03-20"]),
        ("FREQ=MONTHLY", ["2026-03-02", "2026-04-02", "2026-05-02", "2026-06-02"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", ["2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", ["2026-03-31", "2026-05-31", "2026-07-31", "2026-08-31"]),
        ("FREQ=MONTHLY;BYDAY=1MO,-1FR", ["2026-03-02", "2026-03-27", "2026-04-06", "2026-04-24"]),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", ["2026-03-13", "2026-11-13", "2027-08-13", "2028-10-13"]),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            ["2026-03-31", "2026-04-30", "2026-05-29", "2026-06-30"],
        ),
        ("FREQ=YEARLY", ["2026-03-02", "2027-03-02", "2028-03-02", "2029-03-02"]),
        ("FREQ=YEARLY;BYMONTH=1,7;BYMONTHDAY=15", ["2026-07-15", "2027-01-15", "2027-07-15", "2028-01-15"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("FREQ=YEARLY;BYDAY=20MO", ["2026-05-18", "2027-05-17", "2028-05-15", "2029-05-14"]),
        ("FREQ=MONTHLY;COUNT=2", ["2026-03-02", "2026-04-02"]),
        ("FREQ=MONTHLY;UNTIL=20260402", ["2026-03-02", "2026-04-02"]),
        ("FREQ=MONTHLY;UNTIL=20260401", ["2026-03-02"]),
        ("rrule:freq=weekly;byday=we", ["2026-03-04", "2026-03-11", "2026-03-18", "2026-03-25"]),
    ],
)
def test_a_rule_comes_true_on_these_days(rule: str, expected: list[str]) -> None:
    assert first(rule) == expected


def test_a_number_and_plain_weekdays_may_stand_together() -> None:
    assert first("FREQ=MONTHLY;BYDAY=MO,1TU", 3) == ["2026-03-02", "2026-03-03", "2026-03-09"]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("", "RECURRENCE_MALFORMED"),
        ("every monday", "RECURRENCE_MALFORMED"),
        ("FREQ", "RECURRENCE_MALFORMED"),
        ("FREQ=", "RECURRENCE_MALFORMED"),
        ("FREQ=DAILY;", "RECURRENCE_MALFORMED"),
        ("FREQ=DAILY;FREQ=WEEKLY", "RECURRENCE_MALFORMED"),
        ("FREQ=FORTNIGHTLY", "RECURRENCE_MALFORMED"),
        ("INTERVAL=2", "RECURRENCE_MALFORMED"),
        ("FREQ=DAILY;INTERVAL=0", "RECURRENCE_MALFORMED"),
        ("FREQ=DAILY;INTERVAL=-1", "RECURRENCE_MALFORMED"),
        ("FREQ=DAILY;INTERVAL=1000", "RECURRENCE_MALFORMED"),
        ("FREQ=DAILY;INTERVAL=٣", "RECURRENCE_MALFORMED"),
        ("FREQ=DAILY;COUNT=0", "RECURRENCE_MALFORMED"),
        ("FREQ=WEEKLY;BYDAY=XX", "RECURRENCE_MALFORMED"),
        ("FREQ=WEEKLY;BYDAY=1MO", "RECURRENCE_MALFORMED"),
        ("FREQ=MONTHLY;BYDAY=0MO", "RECURRENCE_MALFORMED"),
        ("FREQ=MONTHLY;BYDAY=6MO", "RECURRENCE_MALFORMED"),
        ("FREQ=YEARLY;BYDAY=54MO", "RECURRENCE_MALFORMED"),
        ("FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=3", "RECURRENCE_MALFORMED"),
        ("FREQ=WEEKLY;BYMONTHDAY=3", "RECURRENCE_MALFORMED"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "RECURRENCE_MALFORMED"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "RECURRENCE_MALFORMED"),
        ("FREQ=YEARLY;BYMONTH=13", "RECURRENCE_MALFORMED"),
        ("FREQ=MONTHLY;BYSETPOS=1", "RECURRENCE_MALFORMED"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=367", "RECURRENCE_MALFORMED"),
        ("FREQ=DAILY;UNTIL=20260231", "RECURRENCE_MALFORMED"),
        ("FREQ=DAILY;UNTIL=2026-12-31", "RECURRENCE_MALFORMED"),
        ("FREQ=DAILY;UNTIL=00000101", "RECURRENCE_MALFORMED"),
        ("FREQ=DAILY\nFREQ=DAILY", "RECURRENCE_MALFORMED"),
        ("FREQ=DAILY;\x00=1", "RECURRENCE_MALFORMED"),
        ("FREQ=SECONDLY", "RECURRENCE_TOO_FREQUENT"),
        ("FREQ=MINUTELY;INTERVAL=1", "RECURRENCE_TOO_FREQUENT"),
        ("FREQ=HOURLY", "RECURRENCE_TOO_FREQUENT"),
        ("FREQ=DAILY;UNTIL=20261231T235959Z", "RECURRENCE_UNSUPPORTED"),
        ("DTSTART;TZID=America/New_York:20260302T090000\nRRULE:FREQ=DAILY", "RECURRENCE_UNSUPPORTED"),
        ("FREQ=DAILY;TZID=Asia/Tokyo", "RECURRENCE_UNSUPPORTED"),
        ("FREQ=DAILY;BYHOUR=9", "RECURRENCE_UNSUPPORTED"),
        ("FREQ=YEARLY;BYWEEKNO=20", "RECURRENCE_UNSUPPORTED"),
        ("FREQ=YEARLY;BYYEARDAY=100", "RECURRENCE_UNSUPPORTED"),
        ("FREQ=WEEKLY;WKST=SU", "RECURRENCE_UNSUPPORTED"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20261231", "RECURRENCE_COUNT_AND_UNTIL"),
        ("FREQ=DAILY;BYMONTHDAY=" + ",".join("1" * 120), "RECURRENCE_TOO_LONG"),
    ],
)
def test_what_is_no_rule_of_days_is_refused_by_name_with_an_example(rule: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(rule, "rule")
    assert (refused.value.code, refused.value.path) == (code, ("rule",))
    for locale in Locale:
        assert "FREQ=" in refused.value.message(locale)


@given(st.text(alphabet="FREQ=DAILYWKMONTHBUCS;,:-+0123456789\n éT", max_size=60))
def test_whatever_is_typed_is_a_rule_or_a_refusal(typed: str) -> None:
    for text in (typed, f"FREQ=MONTHLY;{typed}"):
        try:
            rule = parse(text, "rule")
        except Refused:
            continue
        assert parse(str(rule)) == rule


def numbers(low: int, high: int, most: int = 4) -> st.SearchStrategy[list[int]]:
    either = st.integers(low, high) | (st.integers(-high, -low) if low else st.nothing())
    return st.lists(either, min_size=1, max_size=most, unique=True)


@st.composite
def rules(draw: st.DrawFn) -> str:
    freq = draw(st.sampled_from(list(Frequency)))
    parts = [f"FREQ={freq}"]
    if draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.integers(1, 6))}")
    limiting = False
    if draw(st.booleans()):
        months = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True))
        parts.append("BYMONTH=" + ",".join(map(str, months)))
        limiting = True
    month_days = freq is not Frequency.WEEKLY and draw(st.booleans())
    if month_days:
        parts.append("BYMONTHDAY=" + ",".join(map(str, draw(numbers(1, 31)))))
    if draw(st.booleans()):
        weekdays = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=4, unique=True))
        if freq in (Frequency.MONTHLY, Frequency.YEARLY) and not month_days and draw(st.booleans()):
            weekdays = [
                f"{draw(st.integers(1, 4)) * draw(st.sampled_from([1, -1]))}{day}" for day in weekdays
            ]
        parts.append("BYDAY=" + ",".join(weekdays))
        limiting = True
    if (limiting or month_days) and draw(st.booleans()):
        parts.append("BYSETPOS=" + ",".join(map(str, draw(numbers(1, 5, 3)))))
    if draw(st.booleans()):
        parts.append(f"COUNT={draw(st.integers(1, 20))}")
    return ";".join(parts)


@given(rules(), st.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_the_days_are_those_that_dateutil_finds(text: str, starts_on: date) -> None:
    # dateutil leaves days of the first week before the start out of BYSETPOS; the standard does not.
    if text.startswith("FREQ=WEEKLY") and "BYSETPOS" in text:
        starts_on -= timedelta(days=starts_on.weekday())
    ours = days.next_days(parse(text), starts_on, starts_on, 8)
    assume(ours)  # a rule that never comes true keeps dateutil busy up to the year 9999
    last = ours[-1]
    theirs = []
    bounded = rrulestr(text, dtstart=datetime.combine(starts_on, datetime.min.time()))
    for each in bounded:
        if each.date() > last:
            break
        theirs.append(each.date())
        if each.date() == last:
            break
    assert ours == theirs


@given(rules(), st.dates(date(2020, 1, 1), date(2030, 12, 31)), st.integers(0, 1500))
def test_where_one_begins_to_look_makes_no_difference(text: str, starts_on: date, later: int) -> None:
    rule, since = parse(text), starts_on + timedelta(days=later)
    last = since + timedelta(days=700)
    whole = list(days.days_of(rule, starts_on, starts_on, last))
    assert list(days.days_of(rule, starts_on, since, last)) == [day for day in whole if day >= since]
    assert whole == sorted(set(whole))


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31;BYSETPOS=1",
        "FREQ=DAILY;BYMONTH=2;BYSETPOS=2",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
        "FREQ=YEARLY;BYDAY=MO;BYSETPOS=366",
        "FREQ=YEARLY;INTERVAL=11;BYMONTH=3;BYMONTHDAY=1",
        "FREQ=DAILY;UNTIL=20260301",
    ],
)
def test_a_rule_that_never_comes_true_is_known_for_it_at_once(rule: str) -> None:
    began = time.perf_counter()
    assert days.next_day(parse(rule), START, START) is None
    assert time.perf_counter() - began < 0.5  # dateutil: many seconds for the worst of these


def test_dates_end_with_the_year_9999_and_rules_with_them() -> None:
    end = date(9999, 12, 1)
    assert first("FREQ=MONTHLY;BYMONTHDAY=-1", 4, end) == ["9999-12-31"]
    for rule in ("FREQ=DAILY", "FREQ=WEEKLY", "FREQ=YEARLY"):
        assert first(rule, 1, end) == ["9999-12-01"]
        assert days.next_day(parse(rule), date.max, date.max) == date.max


# -- falling due --------------------------------------------------------------------------------------------

TET = date(2026, 2, 16)
OFF = {TET + timedelta(days=i) for i in range(5)}
CALENDAR = Calendar(
    date(2024, 1, 1),
    date(2031, 12, 31),
    [day for day in every_day(date(2024, 1, 1), date(2031, 12, 31)) if day.weekday() < 5 and day not in OFF],
)
SUNDAY = date(2026, 3, 8)


@pytest.mark.parametrize(
    ("day", "on_day_off", "due"),
    [
        (date(2026, 3, 6), OnDayOff.AFTER, date(2026, 3, 6)),
        (SUNDAY, OnDayOff.KEEP, SUNDAY),
        (SUNDAY, OnDayOff.BEFORE, date(2026, 3, 6)),
        (SUNDAY, OnDayOff.AFTER, date(2026, 3, 9)),
        (date(2026, 2, 18), OnDayOff.BEFORE, date(2026, 2, 13)),
        (date(2026, 2, 18), OnDayOff.AFTER, date(2026, 2, 23)),
    ],
)
def test_what_falls_on_a_day_off_is_due_where_the_series_says(
    day: date, on_day_off: OnDayOff, due: date
) -> None:
    assert days.due_on(day, on_day_off, CALENDAR) == due


def test_moving_does_not_leave_the_plan_nor_go_behind_today() -> None:
    assert days.due_on(SUNDAY, OnDayOff.AFTER, CALENDAR, last=SUNDAY) == date(2026, 3, 6)
    assert days.due_on(SUNDAY, OnDayOff.AFTER, CALENDAR, last=date(2026, 3, 9)) == date(2026, 3, 9)
    assert days.due_on(SUNDAY, OnDayOff.BEFORE, CALENDAR, first=date(2026, 3, 7)) == date(2026, 3, 7)
    assert days.due_on(SUNDAY, OnDayOff.BEFORE, CALENDAR, first=date(2026, 3, 6)) == date(2026, 3, 6)


@given(st.dates(date(2025, 1, 1), date(2030, 1, 1)), st.sampled_from([OnDayOff.BEFORE, OnDayOff.AFTER]))
def test_due_is_a_working_day_with_none_between(day: date, on_day_off: OnDayOff) -> None:
    due = days.due_on(day, on_day_off, CALENDAR)
    assert CALENDAR.is_working(due)
    low, high = sorted((day, due))
    between = [each for each in every_day(low, high) if CALENDAR.is_working(each)]
    assert between == [due]
    assert due <= day if on_day_off is OnDayOff.BEFORE else due >= day


def test_not_too_many_of_a_series_are_open_at_once() -> None:
    daily = parse("FREQ=DAILY")
    days.require_few_ahead(daily, START, START, 59)
    with pytest.raises(Refused, match="RECURRENCE_TOO_MANY_AHEAD"):
        days.require_few_ahead(daily, START, START, 60, "daysBefore")
    days.require_few_ahead(parse("FREQ=WEEKLY"), START, START, 366)


@pytest.mark.parametrize(("given_days", "good"), [(0, True), (366, True), (-1, False), (367, False)])
def test_a_task_is_created_at_most_a_year_ahead(given_days: int, good: bool) -> None:
    if good:
        days.require_days_before(given_days)
    else:
        with pytest.raises(Refused, match="RECURRENCE_DAYS_BEFORE"):
            days.require_days_before(given_days, "daysBefore")
