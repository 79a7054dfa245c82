"""The days of a recurrence rule, worked out period by period, and when each of them falls due.

Only so far as ``HORIZON``, so that no rule can keep a worker busy: dateutil, which the tests hold this
against, walks on to the year 9999 when a rule never comes true.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice

from vdept.calendars.rules import Calendar
from vdept.kernel.errors import invalid
from vdept.tasks import errors
from vdept.tasks.models import OnDayOff
from vdept.tasks.recurrence_rules import Frequency, Rule

HORIZON_YEARS = 10
HORIZON = timedelta(days=3653)
"""How far ahead of a day the next one is looked for."""

MAX_DAYS_BEFORE = 366
MAX_AHEAD = 60
"""Occurrences of one series that may be created ahead at once."""


def days_of(rule: Rule, starts_on: date, since: date, last: date) -> Iterator[date]:
    """The rule's days from ``since`` to ``last``, of a series whose first due date is ``starts_on``."""
    if rule.until is not None:
        last = min(last, rule.until)
    # What is counted must be walked from the beginning; anything else may begin where it is looked at.
    reach = starts_on if rule.count is not None else max(starts_on, since)
    left = rule.count
    for period in _periods(rule, starts_on, reach, last):
        for day in _placed(rule, period):
            if day < starts_on:
                continue
            if day > last or left == 0:
                return
            left = None if left is None else left - 1
            if day >= since:
                yield day


def next_day(rule: Rule, starts_on: date, since: date) -> date | None:
    """The first of the rule's days from ``since`` on; None if there is none within the horizon."""
    return next(days_of(rule, starts_on, since, within_horizon(since)), None)


def next_days(rule: Rule, starts_on: date, since: date, most: int) -> list[date]:
    """The first ``most`` of them."""
    return list(islice(days_of(rule, starts_on, since, within_horizon(since)), most))


def within_horizon(since: date) -> date:
    """The last day that is looked at; dates end with the year 9999."""
    return date.fromordinal(min(since.toordinal() + HORIZON.days, date.max.toordinal()))


def _placed(rule: Rule, period: list[date]) -> list[date]:
    """The days of one period at the positions that BYSETPOS names."""
    if not rule.positions:
        return period
    size = len(period)
    places = {place - 1 if place > 0 else size + place for place in rule.positions}
    return [day for i, day in enumerate(period) if i in places]


def _periods(rule: Rule, starts_on: date, reach: date, last: date) -> Iterator[list[date]]:
    """The days that each period of the rule allows, from the period of ``reach`` to that of ``last``."""
    match rule.freq:
        case Frequency.DAILY | Frequency.WEEKLY:
            weekly = rule.freq is Frequency.WEEKLY
            first = starts_on.toordinal() - (starts_on.weekday() if weekly else 0)
            length, step = (7, 7 * rule.interval) if weekly else (1, rule.interval)
            passed = max(0, reach.toordinal() - first) // step
            for begin in range(first + passed * step, last.toordinal() + 1, step):
                end = min(begin + length, date.max.toordinal() + 1)
                yield _allowed(rule, starts_on, [date.fromordinal(each) for each in range(begin, end)])
        case Frequency.MONTHLY:
            first = starts_on.year * 12 + starts_on.month - 1
            passed = (reach.year * 12 + reach.month - 1 - first) // rule.interval
            for month in range(first + passed * rule.interval, last.year * 12 + last.month, rule.interval):
                year, index = divmod(month, 12)
                yield _of_month(rule, starts_on, year, index + 1)
        case Frequency.YEARLY:
            passed = (reach.year - starts_on.year) // rule.interval
            for year in range(starts_on.year + passed * rule.interval, last.year + 1, rule.interval):
                yield _of_year(rule, starts_on, year)


def _allowed(rule: Rule, starts_on: date, days: list[date]) -> list[date]:
    """Days of a day or a week: BYMONTH, BYMONTHDAY and BYDAY narrow them."""
    weekdays = {weekday for _, weekday in rule.weekdays}
    if not weekdays and rule.freq is Frequency.WEEKLY:
        weekdays = {starts_on.weekday()}
    return [
        day
        for day in days
        if (not rule.months or day.month in rule.months)
        and (not weekdays or day.weekday() in weekdays)
        and (not rule.month_days or _on_month_day(day, rule.month_days))
    ]


def _on_month_day(day: date, month_days: tuple[int, ...]) -> bool:
    return day.day in month_days or day.day - monthrange(day.year, day.month)[1] - 1 in month_days


def _of_month(rule: Rule, starts_on: date, year: int, month: int) -> list[date]:
    if rule.months and month not in rule.months:
        return []
    days = [date(year, month, day) for day in range(1, monthrange(year, month)[1] + 1)]
    month_days = rule.month_days
    if not month_days and not rule.weekdays:
        month_days = (starts_on.day,)
    if month_days:
        days = [day for day in days if _on_month_day(day, month_days)]
    return _on_weekdays(rule, days, whole=not month_days)


def _of_year(rule: Rule, starts_on: date, year: int) -> list[date]:
    months = rule.months
    if not months and not rule.month_days and not rule.weekdays:
        months = (starts_on.month,)
    if months or rule.month_days:
        return [day for month in months or range(1, 13) for day in _of_month(rule, starts_on, year, month)]
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    return _on_weekdays(rule, [date.fromordinal(each) for each in range(first, last + 1)], whole=True)


def _on_weekdays(rule: Rule, days: list[date], *, whole: bool) -> list[date]:
    """Those on the weekdays that BYDAY names; numbers count within ``days``, a ``whole`` month or year."""
    if not rule.weekdays:
        return days
    length = len(days)
    return [
        day
        for i, day in enumerate(days)
        if any(
            day.weekday() == weekday
            and (which == 0 or (whole and which in (i // 7 + 1, -((length - 1 - i) // 7 + 1))))
            for which, weekday in rule.weekdays
        )
    ]


# -- falling due --------------------------------------------------------------------------------------------


def due_on(
    day: date,
    on_day_off: OnDayOff,
    calendar: Calendar,
    *,
    first: date | None = None,
    last: date | None = None,
) -> date:
    """When the occurrence of ``day`` falls due: on a working day, unless days off are to be kept.

    Moving never leaves ``first`` (today) to ``last`` (the plan's end) where the day itself lies within: what
    would come too late is due on the working day before, and what would come too early on ``first``.
    """
    if on_day_off is OnDayOff.KEEP or calendar.is_working(day):
        return day
    before = calendar.working_day(calendar.ordinal(day))
    moved = before if on_day_off is OnDayOff.BEFORE else calendar.working_day(calendar.ordinal(day) + 1)
    if last is not None and moved > last >= day:
        moved = before
    if first is not None and moved < first <= day:
        moved = first
    return moved


def require_days_before(days: int, *path: str) -> None:
    if not 0 <= days <= MAX_DAYS_BEFORE:
        raise errors.RECURRENCE_DAYS_BEFORE.at(*path, limit=MAX_DAYS_BEFORE)


def require_recent(starts_on: date, today: date, *path: str) -> None:
    """A COUNT is walked from the first due date on: not through centuries for whoever asks."""
    if starts_on.toordinal() < today.toordinal() - HORIZON.days:
        raise invalid(
            *path,
            vi=f"hạn của nhiệm vụ đầu tiên không được cách đây quá {HORIZON_YEARS} năm",
            en=f"the first task was due no more than {HORIZON_YEARS} years ago",
        )


def require_few_ahead(rule: Rule, starts_on: date, since: date, days_before: int, *path: str) -> None:
    """Created so early, not too many of the series are open at once."""
    last = date.fromordinal(min(since.toordinal() + days_before, date.max.toordinal()))
    ahead = sum(1 for _ in days_of(rule, starts_on, since, last))
    if ahead > MAX_AHEAD:
        raise errors.RECURRENCE_TOO_MANY_AHEAD.at(*path, days=days_before, count=ahead, limit=MAX_AHEAD)
