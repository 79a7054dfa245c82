"""The calendars in the database are what a reader of the rules would work out by hand, day by day."""

import random
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from vdept.calendars import excepting, queries, upkeep
from vdept.calendars.excepting import NewException
from vdept.calendars.models import CalendarChange, CalendarScope, Holiday, WorkingCalendar
from vdept.kernel.db import Database
from vdept.units.models import Unit, UnitKind

N, R, U = CalendarScope.NATIONAL, CalendarScope.REGION, CalendarScope.UNIT
DAYS = [date(2026, 3, 1) + timedelta(days=number) for number in range(45)]
"""The stretch in which everything happens, weekends and all."""

Said = tuple[CalendarScope, int | None, date, bool]


def by_hand(unit: Unit | None, day: date, holidays: dict[date, bool], said: Iterable[Said]) -> bool:
    """Ask who has spoken of the day: the unit itself, its region, the one above …, the nation, the law."""
    spoken = {(scope, unit_id): working for scope, unit_id, when, working in said if when == day}
    if unit is not None:
        if (U, unit.id) in spoken:
            return spoken[U, unit.id]
        for ancestor in reversed(unit.path):
            if (R, ancestor) in spoken:
                return spoken[R, ancestor]
    if (N, None) in spoken:
        return spoken[N, None]
    if day in holidays:
        return holidays[day]
    return day.isoweekday() <= 5


async def a_tree(db: Database, chance: random.Random) -> list[Unit]:
    """Departments below each other, as it comes, and a firm beside them."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        units = [await make.unit(tx, kind=UnitKind.MINISTRY)]
        for _ in range(chance.randint(3, 8)):
            units.append(await make.unit(tx, kind=UnitKind.DEPARTMENT, parent=chance.choice(units)))
        return [*units, await make.unit(tx, kind=UnitKind.FIRM)]


async def some_holidays(db: Database, chance: random.Random) -> dict[date, bool]:
    """Other holidays than the package's, and make-up days, written as if copied."""
    holidays = {day: chance.random() < 0.4 for day in chance.sample(DAYS, 8)}
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.delete(Holiday))
        tx.session.add_all(
            Holiday(day=day, working=working, name="Lễ", name_en="Day", package_version="0")
            for day, working in holidays.items()
        )
        await upkeep.remake(tx, None)
        await tx.session.execute(sa.delete(CalendarChange))
    return holidays


async def materialised(db: Database, units: list[Unit]) -> dict[int | None, dict[date, bool]]:
    async with db.snapshot(SYSTEM, now=NOW) as tx:
        calendars: dict[int | None, Any] = dict(await queries.calendars_of(tx, [unit.id for unit in units]))
        calendars[None] = await queries.calendar_of(tx, None)
        rows = await tx.session.execute(
            sa.text(
                "SELECT count(*) FILTER (WHERE ordinal <> counted) FROM (SELECT ordinal, count(*) FILTER "
                "(WHERE working) OVER (PARTITION BY calendar_id ORDER BY day) AS counted FROM calendar_day)"
            )
        )
        assert rows.scalar_one() == 0
    return {key: {day: calendar.is_working(day) for day in DAYS} for key, calendar in calendars.items()}


@pytest.mark.parametrize("seed", range(8))
async def test_materialised_is_what_is_worked_out_by_hand(db: Database, seed: int) -> None:
    chance = random.Random(seed)
    units = await a_tree(db, chance)
    holidays = await some_holidays(db, chance)
    said: dict[int, Said] = {}
    seen = await materialised(db, units)
    for _ in range(12):
        before, seen_before = dict(said), seen
        if said and chance.random() < 0.4:
            gone = chance.choice(sorted(said))
            async with db.begin(SYSTEM, now=NOW) as tx:
                await excepting.revoke_exception(tx, gone, "thôi")
            del said[gone]
        else:
            wanted = [an_exception(chance, units) for _ in range(chance.randint(1, 6))]
            async with db.begin(SYSTEM, now=NOW) as tx:
                answers = await excepting.add_exceptions(tx, wanted)
            for one, answer in zip(wanted, answers, strict=True):
                if answer.exception is not None:
                    said[answer.exception.id] = (one.scope, one.unit_id, one.day, one.working)
        seen = await materialised(db, units)
        for unit in (None, *units):
            expected = {day: by_hand(unit, day, holidays, said.values()) for day in DAYS}
            assert seen[unit.id if unit else None] == expected, (before, said)
        await the_changes_are(db, units, seen_before, seen)
    await all_revoked_is_as_at_first(db, units, holidays, said)


def an_exception(chance: random.Random, units: list[Unit]) -> NewException:
    scope = chance.choice([N, R, R, U, U])
    where = None if scope is N else chance.choice(units[:-1] if scope is R else units).id
    return NewException(
        scope=scope,
        unit_id=where,
        day=chance.choice(DAYS),
        working=chance.random() < 0.5,
        name="Ngày",
        reason="Lý do",
    )


async def the_changes_are(db: Database, units: list[Unit], before: Any, after: Any) -> None:
    """Every unit's days that turned round wait to be put right, in the calendar that the unit now has."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        held: dict[int | None, int] = dict(await queries.ids_of_calendars(tx, [unit.id for unit in units]))
        held[None] = 0
        rows = await tx.session.execute(
            sa.delete(CalendarChange).returning(CalendarChange.calendar_id, CalendarChange.day)
        )
        waiting = {(calendar_id, day) for calendar_id, day in rows}
    for key, calendar_id in held.items():
        turned = {day for day in DAYS if before[key][day] != after[key][day]}
        assert turned == {day for whose, day in waiting if whose == calendar_id}


async def all_revoked_is_as_at_first(
    db: Database, units: list[Unit], holidays: dict[date, bool], said: dict[int, Said]
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        for exception_id in said:
            await excepting.revoke_exception(tx, exception_id, "thôi")
        calendars = await queries.calendars_by_ids(
            tx, await tx.session.scalars(sa.select(WorkingCalendar.id))
        )
    national = calendars[0]
    assert all(calendar == national for calendar in calendars.values())
    seen = await materialised(db, units)
    assert all(
        seen[unit.id if unit else None][day] == by_hand(unit, day, holidays, [])
        for unit in (None, *units)
        for day in DAYS
    )
