"""Reading calendars, days off and exceptions, in batches."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from vdept.calendars.access import visible_exceptions
from vdept.calendars.errors import CALENDAR_EMPTY, CALENDAR_RANGE
from vdept.calendars.models import (
    NATIONAL,
    CalendarDay,
    CalendarException,
    CalendarScope,
    Holiday,
    WorkingCalendar,
)
from vdept.calendars.rules import Calendar, Saying, is_weekday, nearness, require_span
from vdept.calendars.upkeep import span
from vdept.kernel.db import Tx
from vdept.kernel.errors import Words
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch
from vdept.units.access import visible_units
from vdept.units.models import Unit

LONGEST = 400
"""How many days are shown at once: a year and a month."""

unit_calendar = sa.table(
    "unit_calendar", sa.column("unit_id", sa.BigInteger()), sa.column("calendar_id", sa.BigInteger())
)
"""The view: which calendar holds for a unit, where it is not the national one."""

BY_NUMBER: Ordering[CalendarException] = Ordering(
    "calendar.exceptions", (Key(CalendarException.id, int, descending=True),), lambda row: (row.id,)
)
"""The one added last first."""


# -- calendars -----------------------------------------------------------------------------------------


async def ids_of_calendars(tx: Tx, unit_ids: Iterable[int]) -> dict[int, int]:
    """The number of the calendar that holds for each unit; the national one's for those without their own."""
    units = sorted(set(unit_ids))
    rows = await tx.session.execute(
        sa.select(unit_calendar.c.unit_id, unit_calendar.c.calendar_id).where(
            unit_calendar.c.unit_id == _any(units)
        )
    )
    return dict.fromkeys(units, NATIONAL) | {row.unit_id: row.calendar_id for row in rows}


async def calendars_by_ids(tx: Tx, calendar_ids: Iterable[int]) -> dict[int, Calendar]:
    """Calendars by their number, in one statement; refuses (CALENDAR_EMPTY) to count in an empty one."""
    wanted = sorted(set(calendar_ids))
    days = sa.func.array_agg(aggregate_order_by(CalendarDay.day, CalendarDay.day.asc()))
    rows = await tx.session.execute(
        sa.select(
            CalendarDay.calendar_id,
            sa.func.min(CalendarDay.day),
            sa.func.max(CalendarDay.day),
            days.filter(CalendarDay.working),
        )
        .where(CalendarDay.calendar_id == _any(wanted))
        .group_by(CalendarDay.calendar_id)
    )
    found = {key: Calendar(first, last, worked or []) for key, first, last, worked in rows}
    if len(found) < len(wanted):
        raise CALENDAR_EMPTY.at()
    return found


async def calendars_of(tx: Tx, unit_ids: Iterable[int]) -> dict[int, Calendar]:
    """The calendar that holds for each unit, in two statements."""
    held = await ids_of_calendars(tx, unit_ids)
    calendars = await calendars_by_ids(tx, held.values()) if held else {}
    return {unit_id: calendars[calendar_id] for unit_id, calendar_id in held.items()}


async def calendar_of(tx: Tx, unit_id: int | None) -> Calendar:
    """The calendar that holds for the unit; without one, the national calendar."""
    if unit_id is None:
        return (await calendars_by_ids(tx, [NATIONAL]))[NATIONAL]
    return (await calendars_of(tx, [unit_id]))[unit_id]


# -- days and their names ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a unit's calendar, and what makes it so where that is not just its day of the week.

    ``name``: of the holiday, the make-up day or the exception; ``exception`` when one decided.
    """

    day: date
    working: bool
    name: Words | None = None
    exception: CalendarException | None = None
    holiday: Holiday | None = None


class Rules(NamedTuple):
    """What is said of the days of a span in the calendar of one unit: the nearest exception, the holiday."""

    calendar: Calendar
    exceptions: dict[date, CalendarException]
    holidays: dict[date, Holiday]

    def day(self, day: date) -> Day:
        """The day, with the name of what decided it."""
        exception, holiday = self.exceptions.get(day), self.holidays.get(day)
        working = self.calendar.is_working(day)
        if exception is not None:
            return Day(day, working, Words(exception.name, exception.name), exception, holiday)
        if holiday is not None:
            return Day(day, working, Words(holiday.name, holiday.name_en), None, holiday)
        return Day(day, working)

    def notable(self, first: date, last: date) -> list[Day]:
        """The days of the span that are named, or are not what their day of the week says."""
        named = sorted(day for day in {*self.exceptions, *self.holidays} if first <= day <= last)
        found = [self.day(day) for day in named]
        return [day for day in found if day.exception is not None or day.working != is_weekday(day.day)]


async def rules_of(tx: Tx, unit_id: int | None, first: date, last: date) -> Rules:
    """What decides the days from ``first`` to ``last`` for a unit; without one, in the national calendar."""
    calendar = await calendar_of(tx, unit_id)
    path: list[int] = []
    if unit_id is not None:
        path = list(await tx.session.scalar(sa.select(Unit.path).where(Unit.id == unit_id)) or [])
    scope = CalendarScope.NATIONAL if unit_id is None else CalendarScope.UNIT
    reaching = sa.or_(
        CalendarException.scope == CalendarScope.NATIONAL, CalendarException.unit_id == _any(path)
    )
    rows = await tx.session.scalars(
        sa.select(CalendarException).where(
            CalendarException.revoked_at.is_(None), CalendarException.day.between(first, last), reaching
        )
    )
    nearest: dict[date, tuple[int, CalendarException]] = {}
    for row in rows:
        near = nearness(Saying(row.scope, row.unit_id, row.working), scope, path)
        if near is not None and (row.day not in nearest or nearest[row.day][0] < near):
            nearest[row.day] = (near, row)
    holidays = await tx.session.scalars(sa.select(Holiday).where(Holiday.day.between(first, last)))
    return Rules(
        calendar,
        {day: row for day, (_, row) in nearest.items()},
        {holiday.day: holiday for holiday in holidays},
    )


async def days_between(tx: Tx, unit_id: int | None, first: date, last: date) -> list[Day]:
    """Every day from ``first`` to ``last`` as it is for the unit; refuses a span no calendar knows."""
    await require_range(tx, first, last)
    rules = await rules_of(tx, unit_id, first, last)
    return [rules.day(first + timedelta(days=number)) for number in range((last - first).days + 1)]


async def require_range(tx: Tx, first: date, last: date) -> None:
    """A span that the calendars know and that is not too long to show."""
    begin, end = await span(tx)
    require_span(first, begin, end, "from")
    require_span(last, begin, end, "to")
    if not first <= last <= first + timedelta(days=LONGEST):
        raise CALENDAR_RANGE.at("to", since=first, to=last, limit=LONGEST)


class Holding(NamedTuple):
    """The calendar that holds for a unit, and whose it is."""

    id: int
    scope: CalendarScope
    unit_id: int | None


async def holding(tx: Tx, unit_id: int | None) -> Holding:
    """Which calendar holds for the unit."""
    calendar_id = NATIONAL if unit_id is None else (await ids_of_calendars(tx, [unit_id]))[unit_id]
    row = (
        await tx.session.execute(
            sa.select(WorkingCalendar.scope, WorkingCalendar.unit_id).where(WorkingCalendar.id == calendar_id)
        )
    ).one()
    return Holding(calendar_id, row.scope, row.unit_id)


class Stretch(NamedTuple):
    """Some days of a unit's calendar, whose calendar it is, and the version of the holidays in it."""

    holding: Holding
    version: str
    days: list[Day]


async def stretch(tx: Tx, unit_id: int | None, first: date, last: date) -> Stretch | None:
    """The days from ``first`` to ``last``; None where there is no such unit for this actor, nor anything for
    whoever has not signed in."""
    if not tx.actor.known:
        return None
    if unit_id is not None:
        seen = sa.select(Unit.id).where(Unit.id == unit_id, visible_units(tx.actor))
        if await tx.session.scalar(seen) is None:
            return None
    days = await days_between(tx, unit_id, first, last)
    return Stretch(await holding(tx, unit_id), await package_version(tx), days)


async def package_version(tx: Tx) -> str:
    """The version of the package that the public holidays were copied from."""
    return await tx.session.scalar(sa.select(Holiday.package_version).limit(1)) or ""


# -- exceptions ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExceptionFilter:
    """Which exceptions: all conditions given must hold."""

    scope: CalendarScope | None = None
    unit_id: int | None = None
    first: date | None = None
    last: date | None = None
    revoked: bool | None = None

    def conditions(self) -> "Iterable[sa.ColumnElement[bool]]":
        if self.scope is not None:
            yield CalendarException.scope == self.scope
        if self.unit_id is not None:
            yield CalendarException.unit_id == self.unit_id
        if self.first is not None:
            yield CalendarException.day >= self.first
        if self.last is not None:
            yield CalendarException.day <= self.last
        if self.revoked is not None:
            at = CalendarException.revoked_at
            yield at.is_not(None) if self.revoked else at.is_(None)


async def exceptions_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, CalendarException]:
    found = await tx.session.scalars(
        sa.select(CalendarException).where(CalendarException.id == _any(ids), visible_exceptions(tx.actor))
    )
    return {row.id: row for row in found}


async def exceptions_page(
    tx: Tx, request: PageRequest, which: ExceptionFilter = ExceptionFilter()
) -> Page[CalendarException]:
    """A page of exceptions, the one added last first."""
    query = sa.select(CalendarException).where(visible_exceptions(tx.actor), *which.conditions())
    return await fetch(tx.session, query, BY_NUMBER, request)


def _any(ids: Collection[int]) -> Any:
    return sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))
