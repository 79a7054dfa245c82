"""A changed calendar: what waits moves with it, what was delivered stays, nothing is lost or told twice."""

import contextlib
import random
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from factories import SYSTEM
from reminders_world import MONDAY, Country, at, build
from vdept.calendars.excepting import add_exception, revoke_exception
from vdept.calendars.models import CalendarChange, CalendarException, CalendarScope
from vdept.calendars.rules import Calendar, days_of
from vdept.deadlines import scanning
from vdept.deadlines.delivering import deliver
from vdept.deadlines.models import Reminder, ReminderBatch, ReminderScan, Subject
from vdept.deadlines.moving import MoveReport, apply_calendar_changes, earliest
from vdept.kernel.db import Database
from vdept.notifications.models import Notification
from vdept.people.actors import actor_for
from vdept.tasks.models import TaskState

DAY = timedelta(days=1)
NATIONAL, UNIT = CalendarScope.NATIONAL, CalendarScope.UNIT


@pytest.fixture
async def land(db: Database) -> Country:
    country = await build(db)
    async with db.begin(SYSTEM) as tx:
        administrator = country.people["government_head"]
        await tx.session.execute(
            sa.text("UPDATE person SET administrator = true WHERE id = :id"), {"id": administrator.id}
        )
    return country


async def turn(
    land: Country, day: date, working: bool, unit: str | None = None, hour: int = 7, on: date = MONDAY
) -> CalendarException:
    """An administrator has the day worked, or off."""
    async with land.db.begin(SYSTEM, now=at(on, hour)) as tx:
        await tx.session.refresh(
            who := await tx.session.get_one(
                type(land.people["government_head"]), land.people["government_head"].id
            )
        )
        await tx.become(await actor_for(tx.session, who, tx.today))
        scope = UNIT if unit else NATIONAL
        unit_id = land.units[unit].id if unit else None
        return await add_exception(tx, scope, unit_id, day, working, "hoán đổi", "thông báo muộn")


async def waiting(land: Country) -> list[Reminder]:
    async with land.db.snapshot(SYSTEM) as tx:
        return list(
            await tx.session.scalars(
                sa.select(Reminder)
                .join(
                    ReminderBatch,
                    sa.and_(
                        Reminder.id.between(ReminderBatch.first_id, ReminderBatch.last_id),
                        ReminderBatch.due_at == Reminder.due_at,
                    ),
                )
                .where(ReminderBatch.delivered_at.is_(None), Reminder.dropped.is_(None))
                .order_by(Reminder.id)
            )
        )


async def apply(land: Country, day: date = MONDAY, hour: int = 7) -> MoveReport:
    return await apply_calendar_changes(land.db, now=at(day, hour))


async def test_nothing_changed_nothing_done(land: Country) -> None:
    await land.task(MONDAY + 3 * DAY)
    await land.scan(MONDAY)
    assert await apply(land) == MoveReport()
    assert len(await waiting(land)) == 1


async def test_a_new_day_off_moves_what_waits(land: Country) -> None:
    """Three working days before Thursday is Monday, and the Friday before it when Wednesday is off; three
    before Friday is Monday then."""
    friday = MONDAY - 3 * DAY
    await land.task(MONDAY + 3 * DAY)
    await land.task(MONDAY + 4 * DAY)
    await land.scan(MONDAY)
    assert [(one.due_on, one.step, one.scheduled_on) for one in await waiting(land)] == [
        (MONDAY + 3 * DAY, -3, MONDAY)
    ]
    await turn(land, MONDAY + 2 * DAY, False)
    report = await apply(land)
    assert (report.changes, report.reminders, report.scan.reminders) == (1, 1, 2)
    assert sorted((one.due_on, one.step, one.scheduled_on) for one in await waiting(land)) == [
        (MONDAY + 3 * DAY, -3, friday),
        (MONDAY + 4 * DAY, -3, MONDAY),
    ]
    assert (await deliver(land.db, now=at(MONDAY, 8, 0))).notifications == 2


async def test_a_new_working_day_puts_off_what_waits(land: Country) -> None:
    """Three working days before Wednesday is Friday, and Sunday when that is worked; Tuesday's is Friday."""
    friday, sunday = MONDAY + 4 * DAY, MONDAY + 6 * DAY
    tuesday, wednesday = MONDAY + 8 * DAY, MONDAY + 9 * DAY
    await land.task(tuesday)
    await land.task(wednesday)
    await land.scan(friday)
    assert [(one.due_on, one.step) for one in await waiting(land)] == [(wednesday, -3)]
    await turn(land, sunday, True, on=friday)
    assert (await apply(land, friday)).reminders == 1
    assert [(one.due_on, one.step) for one in await waiting(land)] == [(tuesday, -3)]
    await land.scan(sunday)
    assert [(one.due_on, one.step, one.scheduled_on) for one in await waiting(land)] == [
        (tuesday, -3, friday),
        (wednesday, -3, sunday),
    ]


async def test_what_has_fallen_on_a_day_gone_by_is_told_at_once(land: Country) -> None:
    """On Tuesday morning Tuesday is declared off: the step of Tuesday would have been on Monday."""
    tuesday = MONDAY + DAY
    await land.scan(MONDAY)
    await land.task(MONDAY + 2 * DAY)
    await land.scan(tuesday)
    assert [(one.step, one.scheduled_on) for one in await waiting(land)] == [(-1, tuesday)]
    await turn(land, tuesday, False, on=tuesday)
    await apply(land, tuesday)
    assert await waiting(land) == [], "nobody is told on a day off"
    await land.scan(tuesday + DAY)
    assert [(one.step, one.folded) for one in await waiting(land)] == [(0, [-1])]


async def test_a_scan_between_the_change_and_this_loses_nothing(land: Country) -> None:
    """The change is made on Monday evening, the day is scanned at midnight, and only then is it applied."""
    tuesday = MONDAY + DAY
    await land.scan(MONDAY)
    await land.task(MONDAY + 2 * DAY)
    await turn(land, tuesday, False, hour=23)
    await land.scan(tuesday)
    await apply(land, tuesday)
    await land.scan(tuesday + DAY)
    assert [(one.step, one.folded) for one in await waiting(land)] == [(0, [-1])]


async def test_what_was_delivered_stays_and_is_not_told_again(land: Country) -> None:
    await land.task(MONDAY + 3 * DAY)
    await land.scan(MONDAY)
    assert (await deliver(land.db, now=at(MONDAY, 8, 0))).notifications == 1
    await turn(land, MONDAY + 2 * DAY, False, hour=9)
    assert (await apply(land, hour=9)).reminders == 0
    await land.scan(MONDAY + DAY)
    assert [(one.step, one.scheduled_on) for one in await land.reminders()] == [
        (-3, MONDAY),
        (-1, MONDAY + DAY),
    ]


async def test_other_calendars_are_left_alone(land: Country) -> None:
    """A day off of the commune moves what the commune leads, and nothing that the province leads."""
    await land.task(MONDAY + 3 * DAY)
    await land.task(MONDAY + 3 * DAY, lead="commune")
    await land.scan(MONDAY)
    before = {one.id for one in await waiting(land)}
    await turn(land, MONDAY + 2 * DAY, False, unit="commune")
    report = await apply(land)
    assert (report.changes, report.reminders) == (1, 1)
    kept, moved = sorted(await waiting(land), key=lambda one: one.id)
    assert kept.id in before
    assert moved.id not in before
    assert (kept.unit_id, kept.scheduled_on) == (land.units["province"].id, MONDAY)
    assert (moved.unit_id, moved.scheduled_on) == (land.units["commune"].id, MONDAY - 3 * DAY)


async def test_a_day_turned_and_turned_back_changes_nothing(land: Country) -> None:
    await land.task(MONDAY + 3 * DAY)
    await land.scan(MONDAY)
    exception = await turn(land, MONDAY + 2 * DAY, False)
    async with land.db.begin(SYSTEM, now=at(MONDAY, 7)) as tx:
        who = await tx.session.get_one(
            type(land.people["government_head"]), land.people["government_head"].id
        )
        await tx.become(await actor_for(tx.session, who, tx.today))
        await revoke_exception(tx, exception.id, "nhầm")
    assert (await apply(land)).changes == 2
    assert [(one.step, one.scheduled_on) for one in await waiting(land)] == [(-3, MONDAY)]
    async with land.db.snapshot(SYSTEM) as tx:
        assert (await tx.session.get_one(ReminderScan, True)).scanned_on == MONDAY


async def test_before_the_first_scan_there_is_nothing_to_move(land: Country) -> None:
    await land.task(MONDAY + 3 * DAY)
    await turn(land, MONDAY + 2 * DAY, False)
    assert await apply(land) == MoveReport(1)
    assert await land.reminders() == []
    async with land.db.snapshot(SYSTEM) as tx:
        assert await tx.session.scalar(sa.select(sa.func.count()).select_from(CalendarChange)) == 0


async def test_the_review_of_a_pause_moves_with_it(land: Country) -> None:
    await land.task(
        date(2026, 6, 1),
        state=TaskState.PAUSED,
        state_reason="quá tải",
        review_on=MONDAY,
        paused_on=date(2026, 2, 2),
    )
    await land.scan(MONDAY)
    assert [one.subject for one in await waiting(land)] == [Subject.TASK_REVIEW]
    await turn(land, MONDAY, False)
    await apply(land)
    assert await waiting(land) == []


WEEK = [date(2026, 3, 2) + number * DAY for number in range(60)]


@given(
    off=st.sets(st.sampled_from(WEEK), max_size=20),
    flipped=st.sets(st.sampled_from(WEEK), min_size=1, max_size=6),
    steps=st.sets(st.integers(-10, 10), min_size=1, max_size=5),
    since=st.sampled_from(WEEK[15:40]),
)
def test_earliest_is_the_first_day_of_any_step_that_was_still_to_come(
    off: set[date], flipped: set[date], steps: set[int], since: date
) -> None:
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    days = [day for day in days_of(first, last) if day.weekday() < 5 and day not in off]
    before = Calendar(first, last, days)
    after = before.with_flipped(flipped)
    naive = min(
        after.step(due_on, step)
        for due_on in days_of(date(2026, 2, 1), date(2026, 7, 1))
        for step in steps
        if before.step(due_on, step) >= since
    )
    assert earliest(before, after, steps, since) == naive


def gist(reminders: list[Reminder]) -> dict[tuple[Any, ...], tuple[int, frozenset[int]]]:
    """For every subject and person the latest step, and all that is told of: however often it is said."""
    steps: defaultdict[tuple[Any, ...], set[int]] = defaultdict(set)
    for one in reminders:
        steps[one.subject, one.subject_id, one.due_on, one.recipient_id] |= {one.step, *one.folded}
    return {key: (max(told), frozenset(told)) for key, told in steps.items()}


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_told_is_what_a_scan_from_nothing_would_find(land: Country, seed: int) -> None:
    """Days pass, some are turned for the nation or for a unit, and now and then all that waits is sent. After
    each change the next working day tells what it would tell if the days had never been scanned."""
    dice = random.Random(seed)
    begin = day = MONDAY
    for number in range(18, 42):
        lead = dice.choice(["province", "commune", "firm", "ministry"])
        worker = dice.choice(["commune_member", "commune_head"])
        await land.task(begin + number * DAY, lead=lead, workers=[worker])
    await land.scanned(begin - DAY)
    compared = 0
    for _ in range(18):
        await land.scan(day)
        if dice.random() < 0.5:
            while (await deliver(land.db, now=at(day, 8, 0))).more:
                pass
        if dice.random() < 0.6:
            for _ in range(dice.randint(1, 3)):
                await _turn_something(land, dice, day)
            await apply(land, day, 9)
            one, other = await _told_next(land, day), await _told_next(land, day, begin - DAY)
            assert one == other, f"on {day}"
            compared += len(one)
        day += dice.choice([1, 1, 2, 3]) * DAY
    assert compared >= 50
    async with land.db.snapshot(SYSTEM) as tx:
        origins = list(await tx.session.scalars(sa.select(Notification.origin_id)))
    assert len(origins) == len(set(origins))


async def _turn_something(land: Country, dice: random.Random, today: date) -> None:
    day = today + dice.randint(-3, 10) * DAY
    unit = dice.choice([None, "commune", "province", "firm"])
    unit_id = land.units[unit].id if unit else None
    async with land.db.snapshot(SYSTEM) as tx:
        standing = await tx.session.scalar(
            sa.select(CalendarException).where(
                CalendarException.day == day,
                CalendarException.unit_id.is_not_distinct_from(unit_id),
                CalendarException.revoked_at.is_(None),
            )
        )
        working = await tx.session.scalar(
            sa.text(
                """SELECT working FROM calendar_day WHERE day = :day AND calendar_id = coalesce(
                (SELECT calendar_id FROM unit_calendar WHERE unit_id = :unit), 0)"""
            ).bindparams(sa.bindparam("unit", type_=sa.BigInteger)),
            {"day": day, "unit": unit_id},
        )
    if standing is None:
        await turn(land, day, not working, unit, hour=9, on=today)
        return
    async with land.db.begin(SYSTEM, now=at(today, 9)) as tx:
        who = await tx.session.get_one(
            type(land.people["government_head"]), land.people["government_head"].id
        )
        await tx.become(await actor_for(tx.session, who, tx.today))
        await revoke_exception(tx, standing.id, "đổi ý")


class UndoneError(Exception):
    """Only looked at."""


async def _told_next(
    land: Country, day: date, scanned_on: date | None = None
) -> dict[tuple[Any, ...], tuple[int, frozenset[int]]]:
    """What waits on the next working day of the nation; without what waits now if nothing had been scanned
    since ``scanned_on``. Only looked at, and undone again."""
    ids = [one.id for one in await waiting(land)]
    found: dict[tuple[Any, ...], tuple[int, frozenset[int]]] = {}

    async def look() -> None:
        async with land.db.begin(SYSTEM, now=at(day, 9)) as tx:
            later = sa.text(
                "SELECT min(day) FROM calendar_day WHERE calendar_id = 0 AND working AND day >= :day"
            )
            working = await tx.session.scalar(later, {"day": day})
            kept = [] if scanned_on else ids
            last = await tx.session.scalar(sa.select(sa.func.max(Reminder.id))) or 0
            if scanned_on:
                await tx.session.execute(sa.delete(Reminder).where(Reminder.id.in_(ids)))
                await tx.session.execute(sa.update(ReminderScan).values(scanned_on=scanned_on))
            await scanning.scan_in(tx, working)
            those = sa.or_(Reminder.id > last, Reminder.id.in_(kept))
            found.update(gist(list(await tx.session.scalars(sa.select(Reminder).where(those)))))
            raise UndoneError

    with contextlib.suppress(UndoneError):
        await look()
    return found
