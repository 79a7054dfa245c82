"""Periods of a time series: days, weeks, months, quarters and years, as a chart draws them. Pure functions.

A series is never longer than a chart can show: a period too fine for the time asked for is coarsened, and
whoever asked is told which one it became.
"""

from datetime import date, timedelta
from enum import StrEnum

from vdept.measurements.errors import PERIOD_INVERTED, PERIOD_TOO_LONG

POINTS = 400
"""Points of one line at most: more than a screen has room for."""

POINTS_AT_ONCE = 5_000
"""Points of all lines of one request at most."""


class Every(StrEnum):
    """How long a period of a series is; weeks begin on Monday."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"


FINEST_FIRST = tuple(Every)

USUAL_YEARS = {Every.DAY: 1, Every.WEEK: 1, Every.MONTH: 2, Every.QUARTER: 5, Every.YEAR: 10}
"""How many years back a series goes unless its first day is given."""


def period_start(day: date, every: Every) -> date:
    """The first day of the period that ``day`` is in, as PostgreSQL's ``date_trunc`` gives it."""
    match every:
        case Every.DAY:
            return day
        case Every.WEEK:
            return day - timedelta(days=min(day.weekday(), (day - date.min).days))
        case Every.MONTH:
            return day.replace(day=1)
        case Every.QUARTER:
            return day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
        case Every.YEAR:
            return day.replace(month=1, day=1)


def period_count(since: date, until: date, every: Every) -> int:
    """How many periods the days from ``since`` to ``until`` touch."""
    months = 12 * (until.year - since.year) + until.month - since.month
    match every:
        case Every.DAY:
            return (until - since).days + 1
        case Every.WEEK:
            return (period_start(until, every) - period_start(since, every)).days // 7 + 1
        case Every.MONTH:
            return months + 1
        case Every.QUARTER:
            return 4 * (until.year - since.year) + (until.month - 1) // 3 - (since.month - 1) // 3 + 1
        case Every.YEAR:
            return until.year - since.year + 1


def period_starts(since: date, until: date, every: Every) -> list[date]:
    """The first days of all periods that begin after ``since`` and no later than ``until``."""
    starts, day = [], following(since, every)
    while day is not None and day <= until:
        starts.append(day)
        day = following(day, every)
    return starts


def following(day: date, every: Every) -> date | None:
    """The first day of the period after the one that ``day`` is in; None where days end."""
    start = period_start(day, every)
    if every in {Every.DAY, Every.WEEK}:
        length = timedelta(days=1 if every is Every.DAY else 7)
        return start + length if date.max - start >= length else None
    later = start.month - 1 + {Every.MONTH: 1, Every.QUARTER: 3, Every.YEAR: 12}[every]
    year = start.year + later // 12
    return date(year, later % 12 + 1, 1) if year <= date.max.year else None


def points_each(lines: int) -> int:
    """How many points each of so many lines may have."""
    return max(1, min(POINTS, POINTS_AT_ONCE // max(lines, 1)))


def fitting(since: date, until: date, every: Every, allowed: int) -> Every | None:
    """The finest period, no finer than ``every``, that cuts the time into ``allowed`` pieces at most."""
    wanted = FINEST_FIRST[FINEST_FIRST.index(every) :]
    return next((e for e in wanted if period_count(since, until, e) <= allowed), None)


def window(
    since: date | None, until: date | None, every: Every, today: date, lines: int
) -> tuple[date, date, Every]:
    """First day, last day and period of a series; without an end until today, without a start as is usual."""
    last = until or today
    first = since or _years_before(last, USUAL_YEARS[every])
    if last < first:
        raise PERIOD_INVERTED.at("from", since=first.isoformat(), until=last.isoformat())
    allowed = points_each(lines)
    fits = fitting(first, last, every, allowed)
    if fits is None:
        raise PERIOD_TOO_LONG.at("from", since=first.isoformat(), until=last.isoformat(), allowed=allowed)
    return first, last, fits


def _years_before(day: date, years: int) -> date:
    """The day after the same day so many years ago: a full year has no day twice."""
    year = max(day.year - years, date.min.year)
    if (day.month, day.day) == (2, 29):
        return date(year, 3, 1)
    return day.replace(year=year) + timedelta(days=1)
