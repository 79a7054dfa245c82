"""The working calendar: which days are worked, for whom, and what makes them so."""

from datetime import date, datetime
from typing import Annotated

import strawberry
from strawberry import argument, field

from vdept.calendars import queries
from vdept.calendars.models import CalendarException as CalendarExceptionRow
from vdept.calendars.models import CalendarScope
from vdept.kernel.db import Tx
from vdept.kernel.errors import Locale
from vdept.kernel.pages import PageRequest
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.ids import NODES, Node, decode_optional, encode
from vdept_graphql.people import Person, load_persons
from vdept_graphql.units import Unit, load_units


async def load_exceptions(tx: Tx, ids: list[int]) -> dict[int, "CalendarException"]:
    """Exceptions by number."""
    found = await queries.exceptions_by_ids(tx, ids)
    return {key: CalendarException.from_row(row) for key, row in found.items()}


NODES["CalendarException"] = load_exceptions


@strawberry.type(
    description="A day that is worked, or off, against the rule: a swap that the government announced late, "
    "a make-up Saturday, a local day off (ngoại lệ lịch làm việc)."
)
class CalendarException(Node):
    """An exception as its row says it."""

    scope: CalendarScope = field(description="For whom it holds.")
    day: date = field(description="Which day.")
    working: bool = field(description="Whether the day is worked.")
    name: str = field(description="What people call the day.")
    reason: str = field(description="Why: usually the official letter that says so.")
    created_at: datetime = field(description="When it was added.")
    revoked_at: datetime | None = field(description="When it was revoked; null: it holds.")
    unit_key: strawberry.Private[int | None]
    created_by_key: strawberry.Private[int | None]
    revoked_by_key: strawberry.Private[int | None]

    @classmethod
    def from_row(cls, row: CalendarExceptionRow) -> "CalendarException":
        return cls(
            id=encode("CalendarException", row.id),
            scope=row.scope,
            day=row.day,
            working=row.working,
            name=row.name,
            reason=row.reason,
            created_at=row.created_at,
            revoked_at=row.revoked_at,
            unit_key=row.unit_id,
            created_by_key=row.created_by_id,
            revoked_by_key=row.revoked_by_id,
        )

    @field(description="The region or the unit that it is for; null for a national one.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="Who added it; null if you may not see them.")
    def created_by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.created_by_key)

    @field(description="Who revoked it; null while it holds, or if you may not see them.")
    def revoked_by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.revoked_by_key)


@strawberry.type(description="One day of a working calendar (ngày).")
class CalendarDay:
    """A day, and what decides it."""

    day: date = field(description="Which day.")
    working: bool = field(description="Whether it is worked.")
    name: str | None = field(
        description="The public holiday, the make-up day or the exception, in your language; null when only "
        "the day of the week decides."
    )
    exception: CalendarException | None = field(description="The exception that decides, if one does.")

    @classmethod
    def from_day(cls, day: queries.Day, locale: Locale) -> "CalendarDay":
        name = None if day.name is None else day.name.vi if locale is Locale.VI else day.name.en
        exception = None if day.exception is None else CalendarException.from_row(day.exception)
        return cls(day=day.day, working=day.working, name=name, exception=exception)


@strawberry.type(
    description="The working calendar of a unit between two days (lịch làm việc): public holidays, make-up "
    "days and exceptions, the nearest to the unit first."
)
class WorkingCalendar:
    """A stretch of a calendar."""

    scope: CalendarScope = field(
        description="Whose calendar holds: the nation's, a region's, or the unit's own."
    )
    package_version: str = field(description="The version of the `holidays` package it was copied from.")
    working_days: int = field(description="How many days are worked, `from` and `to` counted.")
    days_left: int = field(
        description="How many working days come after `from`, up to and with `to`: what is left on `from` of "
        "a deadline on `to`."
    )
    found: strawberry.Private[list[queries.Day]]
    locale: strawberry.Private[Locale]
    unit_key: strawberry.Private[int | None]

    @field(description="The unit whose calendar it is: yours, or the region's; null for the nation's.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="Every day.")
    def days(self) -> list[CalendarDay]:
        return [CalendarDay.from_day(day, self.locale) for day in self.found]

    @field(description="The days off, Saturdays and Sundays among them.")
    def days_off(self) -> list[CalendarDay]:
        return [CalendarDay.from_day(day, self.locale) for day in self.found if not day.working]

    @field(description="The days that have a name: holidays, make-up days, exceptions.")
    def named_days(self) -> list[CalendarDay]:
        return [CalendarDay.from_day(day, self.locale) for day in self.found if day.name is not None]


@strawberry.input(description="Which exceptions; all conditions given must hold.")
class CalendarExceptionFilter:
    """Conditions of a list of exceptions."""

    scope: CalendarScope | None = field(default=None, description="For whom they hold.")
    unit_id: strawberry.ID | None = field(default=None, description="Of this region or unit.")
    day_from: date | None = field(default=None, description="On this day or later.")
    day_to: date | None = field(default=None, description="On this day or earlier.")
    revoked: bool | None = field(default=None, description="Those that were revoked, or those that hold.")

    def plain(self) -> queries.ExceptionFilter:
        return queries.ExceptionFilter(
            scope=self.scope,
            unit_id=decode_optional(self.unit_id, "Unit", "filter", "unitId"),
            first=self.day_from,
            last=self.day_to,
            revoked=self.revoked,
        )


@strawberry.type
class CalendarQuery:
    """Reads of the working calendar."""

    @field(
        description="The working calendar of a unit, or of the nation, from a day to a day: at most 400 days "
        "apart, from 2024 to the end of the fifth year to come. Null if there is no such unit."
    )
    async def working_calendar(
        self,
        info: Info,
        from_: Annotated[date, argument(name="from", description="The first day.")],
        to: Annotated[date, argument(description="The last day.")],
        unit_id: Annotated[
            strawberry.ID | None, argument(description="For which unit; the nation's unless given.")
        ] = None,
    ) -> WorkingCalendar | None:
        unit = decode_optional(unit_id, "Unit", "unitId")
        async with info.context.reading() as tx:
            found = await queries.stretch(tx, unit, from_, to)
        if found is None:
            return None
        return WorkingCalendar(
            scope=found.holding.scope,
            package_version=found.version,
            working_days=sum(day.working for day in found.days),
            days_left=sum(day.working for day in found.days[1:]),
            found=found.days,
            locale=info.context.locale,
            unit_key=found.holding.unit_id,
        )

    @field(description="Exceptions of the working calendars, the one added last first; revoked ones too.")
    async def calendar_exceptions(
        self,
        info: Info,
        filter: Annotated[
            CalendarExceptionFilter | None, argument(description="Which; all of them unless given.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[CalendarException]:
        which = filter.plain() if filter else queries.ExceptionFilter()
        async with info.context.reading() as tx:
            page = await queries.exceptions_page(tx, PageRequest(first, after, last, before), which)
        return connection(page, CalendarException.from_row)
