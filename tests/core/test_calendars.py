"""Exceptions of the working calendar: who may add them, what is refused, what they leave behind."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from statements import counting
from vdept.calendars import excepting, public_holidays, queries, upkeep
from vdept.calendars.changes import CALENDAR
from vdept.calendars.excepting import NewException
from vdept.calendars.models import (
    NATIONAL,
    CalendarChange,
    CalendarDay,
    CalendarException,
    CalendarScope,
    Holiday,
    WorkingCalendar,
)
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, ActorKind, Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.units.models import Unit, UnitKind

N, R, U = CalendarScope.NATIONAL, CalendarScope.REGION, CalendarScope.UNIT
MONDAY, SATURDAY = date(2026, 4, 13), date(2026, 4, 18)
ADMINISTRATOR = Actor(ActorKind.PERSON, person_id=1, administrator=True)


@dataclass
class Country:
    db: Database
    province: Unit
    commune: Unit
    other: Unit
    firm: Unit
    province_head: Actor
    commune_head: Actor
    commune_coordinator: Actor
    firm_head: Actor

    async def do(self, who: Actor, verb: Callable[..., Awaitable[Any]], *args: Any, **more: Any) -> Any:
        async with self.db.begin(who, now=NOW) as tx:
            return await verb(tx, *args, **more)

    async def add(
        self, who: Actor, scope: CalendarScope, unit: Unit | None, day: date, working: bool, **more: Any
    ) -> CalendarException:
        said = {"name": "Nghỉ bão", "reason": "Công điện 12/CĐ-TTg", **more}
        row: CalendarException = await self.do(
            who, excepting.add_exception, scope, unit.id if unit else None, day, working, **said
        )
        return row

    async def works(self, unit: Unit | None, day: date) -> bool:
        async with self.db.snapshot(SYSTEM, now=NOW) as tx:
            return (await queries.calendar_of(tx, unit.id if unit else None)).is_working(day)

    async def changes(self) -> set[tuple[int | None, date]]:
        """The days waiting to be put right, with the unit whose calendar they are in."""
        whose = sa.select(WorkingCalendar.unit_id, CalendarChange.day).join(
            WorkingCalendar, WorkingCalendar.id == CalendarChange.calendar_id
        )
        async with self.db.snapshot(SYSTEM) as tx:
            return {(unit_id, day) for unit_id, day in await tx.session.execute(whose)}

    async def everything(self) -> dict[str, list[Any]]:
        """All that a refused verb must leave alone."""
        async with self.db.snapshot(SYSTEM) as tx:
            return {
                table.__tablename__: sorted(
                    map(repr, await tx.session.execute(sa.select(*table.__table__.columns)))
                )
                for table in (CalendarException, WorkingCalendar, CalendarDay, CalendarChange, Activity)
            }


@pytest.fixture
async def country(db: Database) -> Country:
    async with db.begin(SYSTEM, now=NOW) as tx:
        province = await make.unit(tx, "Tỉnh A")
        commune = await make.unit(tx, "Xã A1", UnitKind.COMMUNE, province)
        other = await make.unit(tx, "Tỉnh B")
        firm = await make.unit(tx, "Công ty C", UnitKind.FIRM)
        return Country(
            db,
            province,
            commune,
            other,
            firm,
            await make.actor(tx, province),
            await make.actor(tx, commune),
            await make.actor(tx, commune, Role.COORDINATOR),
            await make.actor(tx, firm),
        )


# -- what an exception does ----------------------------------------------------------------------------


async def test_a_national_day_off_holds_for_everybody(country: Country) -> None:
    await country.add(ADMINISTRATOR, N, None, MONDAY, False)
    for unit in (None, country.province, country.commune, country.firm):
        assert not await country.works(unit, MONDAY)
    assert await country.changes() == {(None, MONDAY)}


async def test_a_regions_day_off_holds_below_it_and_nowhere_else(country: Country) -> None:
    await country.add(ADMINISTRATOR, R, country.province, MONDAY, False)
    assert not await country.works(country.province, MONDAY)
    assert not await country.works(country.commune, MONDAY)
    assert await country.works(country.other, MONDAY)
    assert await country.works(None, MONDAY)
    assert await country.changes() == {(country.province.id, MONDAY)}


async def test_a_units_own_day_is_nobody_elses(country: Country) -> None:
    await country.add(ADMINISTRATOR, R, country.province, MONDAY, False)
    await country.add(country.commune_head, U, country.commune, MONDAY, True)
    assert await country.works(country.commune, MONDAY)
    assert not await country.works(country.province, MONDAY)
    async with country.db.snapshot(SYSTEM) as tx:
        holding = await queries.holding(tx, country.commune.id)
    assert (holding.scope, holding.unit_id) == (U, country.commune.id)


async def test_a_swap_moves_a_working_day(country: Country) -> None:
    async with country.db.snapshot(SYSTEM) as tx:
        before = await queries.calendar_of(tx, country.province.id)
    await country.add(ADMINISTRATOR, N, None, MONDAY, False)
    await country.add(ADMINISTRATOR, N, None, SATURDAY, True)
    async with country.db.snapshot(SYSTEM) as tx:
        after = await queries.calendar_of(tx, country.province.id)
    friday = MONDAY - timedelta(days=3)
    assert (before.step(friday, 1), after.step(friday, 1)) == (MONDAY, MONDAY + timedelta(days=1))
    assert before.step(friday, 7) == MONDAY + timedelta(days=8)
    assert after.step(friday, 6) == MONDAY + timedelta(days=7) == before.step(friday, 6)
    assert after.between(friday, date(2026, 12, 31)) == before.between(friday, date(2026, 12, 31))


async def test_a_revoked_exception_stays_readable_and_its_day_is_as_before(country: Country) -> None:
    before = await country.everything()
    added = await country.add(country.commune_head, U, country.commune, MONDAY, False)
    assert not await country.works(country.commune, MONDAY)
    await country.do(country.commune_head, excepting.revoke_exception, added.id, "Bão đổi hướng")
    assert await country.works(country.commune, MONDAY)
    async with country.db.snapshot(country.commune_head) as tx:
        row = (await queries.exceptions_by_ids(tx, [added.id]))[added.id]
        days = [
            sorted(
                (await tx.session.execute(sa.select(CalendarDay).where(CalendarDay.calendar_id == key)))
                .scalars()
                .all(),
                key=lambda one: one.day,
            )
            for key in (NATIONAL, (await queries.ids_of_calendars(tx, [country.commune.id])).popitem()[1])
        ]
        verbs = (
            await tx.session.execute(sa.select(Activity.verb, Activity.data).order_by(Activity.id))
        ).all()
    assert (row.name, row.revoked_at, row.revoked_by_id) == ("Nghỉ bão", NOW, country.commune_head.person_id)
    assert [(one.day, one.working, one.ordinal) for one in days[0]] == [
        (one.day, one.working, one.ordinal) for one in days[1]
    ]
    assert [verb for verb, _ in verbs[len(before["activity"]) :]] == [
        "calendar.exception_added",
        "calendar.exception_revoked",
    ]
    assert verbs[-1][1]["reason"] == "Bão đổi hướng"
    # A day that may be added again:
    await country.add(country.commune_head, U, country.commune, MONDAY, False)
    assert not await country.works(country.commune, MONDAY)


async def test_the_doorbell_rings_when_a_day_changed_and_only_then(country: Country) -> None:
    rung: list[frozenset[str]] = []

    async def note(bells: frozenset[str]) -> None:
        rung.append(bells)

    country.db.on_commit = note
    await country.add(ADMINISTRATOR, N, None, MONDAY, False)
    assert rung == [frozenset({CALENDAR})]
    async with country.db.begin(ADMINISTRATOR, now=NOW) as tx:
        assert await upkeep.remake(tx, None) == {}
    assert len(rung) == 1


async def test_a_change_below_another_change_reaches_both_calendars(country: Country) -> None:
    """A unit with a day of its own still gets what its region and the nation say of other days."""
    tuesday = MONDAY + timedelta(days=1)
    await country.add(country.commune_head, U, country.commune, MONDAY, False)
    await country.add(ADMINISTRATOR, R, country.province, tuesday, False)
    await country.add(ADMINISTRATOR, N, None, SATURDAY, True)
    assert [await country.works(country.commune, day) for day in (MONDAY, tuesday, SATURDAY)] == [
        False,
        False,
        True,
    ]
    assert [await country.works(country.province, day) for day in (MONDAY, tuesday, SATURDAY)] == [
        True,
        False,
        True,
    ]


# -- who, and what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "scope", "where", "allowed"),
    [
        ("commune_head", U, "commune", True),
        ("province_head", U, "commune", True),
        ("firm_head", U, "firm", True),
        ("commune_coordinator", U, "commune", False),
        ("commune_head", U, "province", False),
        ("province_head", U, "other", False),
        ("province_head", U, "firm", False),
        ("province_head", R, "province", False),
        ("province_head", R, "commune", False),
        ("province_head", N, None, False),
    ],
)
async def test_a_head_decides_for_the_unit_and_an_administrator_for_all(
    country: Country, who: str, scope: CalendarScope, where: str | None, allowed: bool
) -> None:
    unit = getattr(country, where) if where else None
    before = await country.everything()
    if allowed:
        added = await country.add(getattr(country, who), scope, unit, MONDAY, False)
        stranger = country.commune_coordinator
    else:
        with pytest.raises(Refused, match="FORBIDDEN"):
            await country.add(getattr(country, who), scope, unit, MONDAY, False)
        assert await country.everything() == before
        added = await country.add(ADMINISTRATOR, scope, unit, MONDAY, False)
        stranger = getattr(country, who)
    before = await country.everything()
    with pytest.raises(Refused, match="FORBIDDEN at calendarExceptionId"):
        await country.do(stranger, excepting.revoke_exception, added.id, "không cần nữa")
    assert await country.everything() == before


@pytest.mark.parametrize(
    ("scope", "where", "day", "working", "code"),
    [
        (N, None, date(2023, 12, 29), False, "CALENDAR_SPAN at day"),
        (N, None, date(2999, 1, 1), False, "CALENDAR_SPAN at day"),
        (N, None, MONDAY, True, "CALENDAR_DAY_WORKED_ALREADY at day"),
        (N, None, SATURDAY, False, "CALENDAR_DAY_OFF_ALREADY at day"),
        (N, None, date(2026, 9, 2), False, "CALENDAR_DAY_OFF_ALREADY at day"),
        (N, None, date(2026, 8, 22), True, "CALENDAR_DAY_WORKED_ALREADY at day"),
        (N, "province", MONDAY, False, "CALENDAR_UNIT_TOO_MUCH at unitId"),
        (R, None, MONDAY, False, "CALENDAR_UNIT_NEEDED at unitId"),
        (U, None, MONDAY, False, "CALENDAR_UNIT_NEEDED at unitId"),
        (R, "firm", MONDAY, False, "CALENDAR_REGION_KIND at unitId"),
        (U, "ended", MONDAY, False, "CALENDAR_UNIT_NOT_VALID at day"),
        (R, "ended", MONDAY, False, "CALENDAR_UNIT_NOT_VALID at day"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    country: Country, scope: CalendarScope, where: str | None, day: date, working: bool, code: str
) -> None:
    async with country.db.begin(SYSTEM, now=NOW) as tx:
        ended = await make.unit(tx, "Huyện cũ", valid_to=date(2025, 6, 30))
    unit = ended if where == "ended" else getattr(country, where) if where else None
    before = await country.everything()
    with pytest.raises(Refused, match=code):
        await country.add(ADMINISTRATOR, scope, unit, day, working)
    assert await country.everything() == before


@pytest.mark.parametrize("text", ["", "   ", "x" * 2_001, "a\0b"], ids=["empty", "blank", "endless", "nul"])
@pytest.mark.parametrize("field", ["name", "reason"])
async def test_a_name_and_a_reason_are_needed(country: Country, field: str, text: str) -> None:
    with pytest.raises(Refused, match=f"INVALID_VALUE at {field}"):
        await country.add(ADMINISTRATOR, N, None, MONDAY, False, **{field: text})


async def test_an_unknown_unit_and_an_unknown_exception_are_not_found(country: Country) -> None:
    with pytest.raises(Refused, match="NOT_FOUND at unitId"):
        await country.do(ADMINISTRATOR, excepting.add_exception, U, 987_654, MONDAY, False, "a", "b")
    with pytest.raises(Refused, match="NOT_FOUND at calendarExceptionId"):
        await country.do(ADMINISTRATOR, excepting.revoke_exception, 987_654, "b")


async def test_a_second_exception_of_a_day_is_refused_by_name(country: Country) -> None:
    await country.add(ADMINISTRATOR, N, None, MONDAY, False, name="Quốc tang")
    for working in (True, False):
        with pytest.raises(Refused, match=r"CALENDAR_EXCEPTION_EXISTS at day.*Quốc tang"):
            await country.add(ADMINISTRATOR, N, None, MONDAY, working)


async def test_an_exception_is_revoked_once(country: Country) -> None:
    added = await country.add(ADMINISTRATOR, N, None, MONDAY, False)
    await country.do(ADMINISTRATOR, excepting.revoke_exception, added.id, "nhầm")
    with pytest.raises(Refused, match="CALENDAR_EXCEPTION_REVOKED at calendarExceptionId"):
        await country.do(ADMINISTRATOR, excepting.revoke_exception, added.id, "nhầm")


async def test_when_something_fails_on_the_way_nothing_is_left(country: Country) -> None:
    before = await country.everything()

    async def fails(tx: Any) -> None:
        await excepting.add_exception(tx, R, country.province.id, MONDAY, False, "a", "b")
        raise RuntimeError("the power went out")

    with pytest.raises(RuntimeError, match="power"):
        await country.do(ADMINISTRATOR, fails)
    assert await country.everything() == before


# -- many at once --------------------------------------------------------------------------------------


async def test_of_many_each_is_answered_on_its_own(country: Country) -> None:
    def one(scope: CalendarScope, unit: Unit | None, day: date, working: bool) -> NewException:
        key = unit.id if unit else None
        return NewException(scope=scope, unit_id=key, day=day, working=working, name="Bù", reason="CV 1")

    wanted = [
        one(U, country.commune, MONDAY, False),
        one(N, None, MONDAY, False),  # not for a head
        one(U, country.commune, MONDAY, False),  # the same again
        one(U, country.commune, SATURDAY, True),
        one(U, country.other, SATURDAY, True),  # somebody else's
        one(U, country.commune, date(2026, 9, 2), False),  # off anyway
    ]
    answers = await country.do(country.commune_head, excepting.add_exceptions, wanted)
    assert [str(answer.refused).split(":")[0] if answer.refused else "added" for answer in answers] == [
        "added",
        "FORBIDDEN at exceptions.1.scope",
        "CALENDAR_EXCEPTION_EXISTS at exceptions.2.day",
        "added",
        "FORBIDDEN at exceptions.4.unitId",
        "CALENDAR_DAY_OFF_ALREADY at exceptions.5.day",
    ]
    assert await country.changes() == {(country.commune.id, MONDAY), (country.commune.id, SATURDAY)}


async def test_an_item_counts_on_top_of_those_before_it(country: Country) -> None:
    """Off for everybody and worked in one province: only in this order does the second say anything."""
    off = NewException(scope=N, day=MONDAY, working=False, name="a", reason="b")
    worked = NewException(
        scope=R, unit_id=country.province.id, day=MONDAY, working=True, name="a", reason="b"
    )
    answers = await country.do(ADMINISTRATOR, excepting.add_exceptions, [worked, off])
    assert [answer.refused.code if answer.refused else None for answer in answers] == [
        "CALENDAR_DAY_WORKED_ALREADY",
        None,
    ]
    answers = await country.do(ADMINISTRATOR, excepting.add_exceptions, [worked])
    assert answers[0].refused is None
    assert [await country.works(unit, MONDAY) for unit in (None, country.commune)] == [False, True]


@pytest.mark.parametrize("many", [0, 201])
async def test_too_many_and_none_are_refused(country: Country, many: int) -> None:
    wanted = [NewException(scope=N, day=MONDAY, working=False, name="a", reason="b")] * many
    with pytest.raises(Refused, match="CALENDAR_BULK_LIMIT at exceptions"):
        await country.do(ADMINISTRATOR, excepting.add_exceptions, wanted)


async def test_many_take_as_many_statements_as_one(country: Country) -> None:
    async def sent(days: list[date]) -> int:
        wanted = [
            NewException(scope=U, unit_id=unit.id, day=day, working=False, name="a", reason="b")
            for unit in (country.commune, country.province)
            for day in days
        ]
        with counting(country.db) as statements:
            answers = await country.do(ADMINISTRATOR, excepting.add_exceptions, wanted)
        assert not any(answer.refused for answer in answers)
        return len(statements)

    few = await sent([MONDAY])
    assert await sent([MONDAY + timedelta(weeks=week) for week in range(3, 20)]) == few


# -- upkeep --------------------------------------------------------------------------------------------


async def test_done_again_it_does_nothing_with_one_look(db: Database) -> None:
    with counting(db) as sent:
        async with db.begin(SYSTEM, now=NOW) as tx:
            assert await upkeep.ensure(tx) == 0
    assert len(sent) == 1


async def test_a_new_year_prolongs_every_calendar(country: Country) -> None:
    await country.add(ADMINISTRATOR, R, country.province, MONDAY, False)
    was = await country.changes()
    async with country.db.snapshot(SYSTEM) as tx:
        last = (await upkeep.span(tx))[1]
    later = NOW.replace(year=last.year - 4)
    assert await upkeep.ensure_on(country.db, later) == 2  # the national one and the province's
    async with country.db.snapshot(SYSTEM, now=later) as tx:
        assert (await upkeep.span(tx))[1] == date(last.year + 1, 12, 31)
        for unit_id in (None, country.province.id):
            calendar = await queries.calendar_of(tx, unit_id)
            assert calendar.covers(date(last.year + 1, 12, 31))
            assert not calendar.is_working(date(last.year + 1, 9, 2))
    assert await country.changes() == was  # days that were not there before are no change


async def test_an_empty_calendar_is_an_error_with_a_name(db: Database, owner: Database) -> None:
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.delete(CalendarDay))
    async with db.snapshot(SYSTEM) as tx:
        with pytest.raises(Refused, match="CALENDAR_EMPTY"):
            await queries.calendar_of(tx, None)
    async with db.begin(ADMINISTRATOR) as tx:
        with pytest.raises(Refused, match="CALENDAR_EMPTY"):
            await excepting.add_exception(tx, N, None, MONDAY, False, "a", "b")
    assert await upkeep.ensure_on(db, NOW) == 1
    async with db.snapshot(SYSTEM) as tx:
        assert (await queries.calendar_of(tx, None)).is_working(MONDAY)
        assert (await tx.session.scalar(sa.select(sa.func.count()).select_from(CalendarChange))) == 0


async def test_a_newer_package_is_copied_and_what_it_changes_is_a_change(
    country: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package of tomorrow knows a day off more and one less."""
    gone, new = date(2026, 9, 2), date(2026, 9, 4)
    known = public_holidays.known

    def tomorrow(first: date, last: date) -> list[public_holidays.Named]:
        kept = [one for one in known(first, last) if one.day != gone]
        return sorted([*kept, public_holidays.Named(new, False, "Ngày mới", "New day")])

    monkeypatch.setattr(public_holidays, "known", tomorrow)
    assert await upkeep.ensure_on(country.db, NOW) == 0  # the same version: not looked at
    monkeypatch.setattr(public_holidays, "VERSION", "999.1")
    assert await upkeep.ensure_on(country.db, NOW) == 2
    assert [await country.works(None, day) for day in (gone, new)] == [True, False]
    assert await country.changes() == {(None, gone), (None, new)}
    async with country.db.snapshot(SYSTEM) as tx:
        versions = await tx.session.scalars(sa.select(Holiday.package_version).distinct())
        assert versions.all() == ["999.1"]
    monkeypatch.setattr(public_holidays, "VERSION", "999.0")
    assert await upkeep.ensure_on(country.db, NOW) == 0  # an older process leaves it alone


async def test_what_decides_a_day_is_named(country: Country) -> None:
    await country.add(ADMINISTRATOR, R, country.province, MONDAY, False, name="Bão số 3")
    async with country.db.snapshot(SYSTEM, now=NOW) as tx:
        days = await queries.days_between(tx, country.commune.id, MONDAY, SATURDAY)
        holiday = (await queries.days_between(tx, None, date(2026, 9, 2), date(2026, 9, 2)))[0]
        with pytest.raises(Refused, match="CALENDAR_RANGE at to"):
            await queries.days_between(tx, None, SATURDAY, MONDAY)
        with pytest.raises(Refused, match="CALENDAR_RANGE at to"):
            await queries.days_between(tx, None, MONDAY, MONDAY + timedelta(days=401))
        with pytest.raises(Refused, match="CALENDAR_SPAN at from"):
            await queries.days_between(tx, None, date(2023, 1, 1), MONDAY)
    assert [day.working for day in days] == [False, True, True, True, True, False]
    assert days[0].name is not None
    assert days[0].name.vi == "Bão số 3"
    assert days[5].name is None
    assert holiday.name == ("Quốc khánh", "National Day")


# -- at once -------------------------------------------------------------------------------------------


async def test_of_two_who_add_the_same_day_at_once_one_is_told(country: Country) -> None:
    async def add() -> str:
        try:
            await country.add(ADMINISTRATOR, N, None, MONDAY, False)
        except Refused as refused:
            return refused.code
        return "added"

    assert sorted(await asyncio.gather(add(), add(), add())) == [
        "CALENDAR_EXCEPTION_EXISTS",
        "CALENDAR_EXCEPTION_EXISTS",
        "added",
    ]
    assert await country.changes() == {(None, MONDAY)}


async def test_changes_made_at_once_are_all_in_the_calendar(country: Country) -> None:
    """Whoever works a calendar out sees what the one before has committed."""
    days = [MONDAY + timedelta(days=1, weeks=week) for week in range(4)]
    unit = country.commune
    await asyncio.gather(
        country.add(ADMINISTRATOR, N, None, days[0], False),
        country.add(ADMINISTRATOR, R, country.province, days[1], False),
        country.add(country.commune_head, U, unit, days[2], False),
        country.add(country.province_head, U, unit, days[3], False),
        upkeep.ensure_on(country.db, NOW),
    )
    assert not any([await country.works(unit, day) for day in days])
    async with country.db.begin(SYSTEM, now=NOW) as tx:
        assert await upkeep.remake(tx, None) == {}
