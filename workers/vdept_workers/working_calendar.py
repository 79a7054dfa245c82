"""``vdept calendar``: which days of a month or a year are worked, and what makes them so."""

import re
from calendar import monthrange
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING

import click

from vdept_workers.runtime import Failure, on_database

if TYPE_CHECKING:
    from vdept.calendars.queries import Day
    from vdept.kernel.db import Database


class Period(click.ParamType[tuple[date, date]]):
    """A month or a year."""

    name = "2026-09"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[date, date]:
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"([1-9]\d{3})(?:-(0[1-9]|1[0-2]))?", str(value), re.ASCII)
        if found is None:
            self.fail(f"{value!r} is not a year like 2026 or a month like 2026-09.", param, ctx)
        year, month = int(found[1]), int(found[2] or 0)
        if month:
            return date(year, month, 1), date(year, month, monthrange(year, month)[1])
        return date(year, 1, 1), date(year, 12, 31)


@click.command("calendar")
@click.argument("period", type=Period(), required=False)
@click.option("--unit", metavar="CODE", help="As it is for the unit with this code, not for the nation.")
def working_calendar(period: tuple[date, date] | None, unit: str | None) -> None:
    """Show the working days of PERIOD, a year or a month (by default this year), and what makes them so."""
    from vdept.calendars.rules import is_weekday
    from vdept.kernel.clock import local_date, utc_now

    year = local_date(utc_now()).year
    first, last = period or (date(year, 1, 1), date(year, 12, 31))
    days = on_database(lambda database: _days(database, unit, first, last))
    for month, its in groupby(days, key=lambda day: f"{day.day:%Y-%m}"):
        listed = list(its)
        click.echo(f"{month}: {sum(day.working for day in listed)} working days")
        for day in listed:
            if day.name is not None or day.working != is_weekday(day.day):
                click.echo(f"  {_line(day)}")


async def _days(database: "Database", code: str | None, first: date, last: date) -> "list[Day]":
    from vdept.calendars import queries
    from vdept.kernel.actor import system
    from vdept.units.queries import units_by_codes

    async with database.snapshot(system("cli")) as tx:
        if code is None:
            return await queries.days_between(tx, None, first, last)
        unit = (await units_by_codes(tx, [code])).get(code)
        if unit is None:
            msg = f"There is no unit with the code {code}."
            raise Failure(msg)
        return await queries.days_between(tx, unit.id, first, last)


def _line(day: "Day") -> str:
    names = dict.fromkeys(day.name or ())  # an exception is called the same in both languages
    said = f"{day.day:%Y-%m-%d %a}  {'worked' if day.working else 'off   '}  {' / '.join(names)}"
    if day.exception is None:
        return said
    return f"{said} (exception, {day.exception.scope.value.lower()}: {day.exception.reason})"
