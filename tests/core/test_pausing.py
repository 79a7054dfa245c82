"""While a task is paused its clock stands: on resuming, its date moves by the working days that passed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from factories import SYSTEM, participation
from tasks_world import World, build
from vdept.calendars.rules import Calendar, days_of
from vdept.kernel.db import Database
from vdept.tasks.models import TaskState
from vdept.tasks.pausing import after_standing, cancel_task, pause_task, resume_task

S = TaskState
MONDAY = date(2026, 3, 2)
REVIEW = date(2026, 12, 1)


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC)


async def on(world: World, day: date, who: str, verb: Any, *args: Any, **more: Any) -> Any:
    async with world.db.begin(world.actors[who], now=noon(day)) as tx:
        return await verb(tx, *args, **more)


async def paused(world: World, since: date, until: date, **more: Any) -> int:
    """A task that was paused on the one day and resumed on the other."""
    task = await world.given(state=S.IN_PROGRESS, **more)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.firm)
    await on(world, since, "province_head", pause_task, task.id, "bão", REVIEW)
    await on(world, until, "province_head", resume_task, task.id)
    return task.id


async def test_pausing_notes_the_day_on_which_the_clock_stopped(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    await on(world, MONDAY, "province_head", pause_task, task.id, "bão", REVIEW)
    row = await world.task(task.id)
    assert (row.state, row.paused_on, row.review_on, row.paused_days) == (S.PAUSED, MONDAY, REVIEW, 0)
    assert row.due_on == task.due_on


@pytest.mark.parametrize(
    ("since", "until", "due_on", "moved", "days"),
    [
        # the same day; over a weekend; one working day; a week; over Tết (16 to 20 February 2026)
        (MONDAY, MONDAY, date(2026, 6, 30), date(2026, 6, 30), 0),
        (date(2026, 3, 6), date(2026, 3, 8), date(2026, 6, 30), date(2026, 6, 30), 0),
        (date(2026, 3, 6), date(2026, 3, 9), date(2026, 6, 30), date(2026, 7, 1), 1),
        (MONDAY, date(2026, 3, 9), date(2026, 6, 30), date(2026, 7, 7), 5),
        (date(2026, 2, 13), date(2026, 2, 23), date(2026, 6, 30), date(2026, 7, 1), 1),
        # due on a Sunday: as many working days are left as before, and the day is left alone if none passed
        (MONDAY, date(2026, 3, 3), date(2026, 6, 28), date(2026, 6, 29), 1),
        (date(2026, 3, 6), date(2026, 3, 8), date(2026, 6, 28), date(2026, 6, 28), 0),
        # late by two working days when it was paused, and when it goes on
        (MONDAY, date(2026, 3, 5), date(2026, 2, 26), date(2026, 3, 3), 3),
    ],
)
async def test_the_date_moves_by_the_working_days_that_the_clock_stood(
    world: World, since: date, until: date, due_on: date, moved: date, days: int
) -> None:
    task_id = await paused(world, since, until, due_on=due_on)
    row = await world.task(task_id)
    assert (row.due_on, row.paused_days) == (moved, days)
    assert (row.original_due_on, row.extensions) == (due_on, 0)
    assert (row.state, row.paused_on, row.review_on) == (S.IN_PROGRESS, None, None)
    assert {part[4] for part in (await world.parts(task_id)).values()} == {moved}
    verb, _, said = (await world.verbs(task_id))[-1]
    assert (verb, said["paused_on"], said["working_days"]) == ("task.resumed", since.isoformat(), days)
    assert said.get("due_on") == (moved.isoformat() if moved != due_on else None)
    assert (task_id, None) in await world.changes()


async def test_pauses_add_up(world: World) -> None:
    task_id = await paused(world, MONDAY, date(2026, 3, 4))
    await on(world, date(2026, 3, 10), "province_head", pause_task, task_id, "lũ", REVIEW)
    await on(world, date(2026, 3, 11), "province_head", resume_task, task_id)
    row = await world.task(task_id)
    assert (row.paused_days, row.due_on) == (3, date(2026, 7, 3))


async def test_the_calendar_of_the_lead_counts(world: World, owner: Database) -> None:
    async with owner.begin(SYSTEM) as tx:
        calendar_id = await tx.session.scalar(
            text("INSERT INTO working_calendar (scope, unit_id) VALUES ('UNIT', :unit) RETURNING id"),
            {"unit": world.province.id},
        )
        await tx.session.execute(
            text(
                # the province is off on 3 March 2026
                "INSERT INTO calendar_day (calendar_id, day, working, ordinal)"
                " SELECT :id, day, working AND day <> DATE '2026-03-03',"
                " ordinal - CASE WHEN day >= DATE '2026-03-03' THEN 1 ELSE 0 END"
                " FROM calendar_day WHERE calendar_id = 0"
            ),
            {"id": calendar_id},
        )
    here = await paused(world, MONDAY, date(2026, 3, 4))
    there = await world.given(lead="other", state=S.IN_PROGRESS)
    await on(world, MONDAY, "other_head", pause_task, there.id, "bão", REVIEW)
    await on(world, date(2026, 3, 4), "other_head", resume_task, there.id)
    assert (await world.task(here)).paused_days == 1
    assert (await world.task(there.id)).paused_days == 2


async def test_a_pause_may_carry_the_date_past_the_plan_and_says_so(world: World) -> None:
    task_id = await paused(world, MONDAY, date(2026, 3, 9), due_on=date(2026, 12, 30))
    row, (_, _, said) = await world.task(task_id), (await world.verbs(task_id))[-1]
    assert row.due_on == date(2027, 1, 7)
    assert (said["due_on"], said["plan_ends_on"]) == ("2027-01-07", "2026-12-31")


async def test_cancelling_what_is_paused_stops_the_clock_for_good(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    await on(world, MONDAY, "province_head", pause_task, task.id, "bão", REVIEW)
    await on(world, date(2026, 3, 9), "ministry_head", cancel_task, task.id, "thôi")
    row = await world.task(task.id)
    assert (row.state, row.paused_on, row.paused_days, row.due_on) == (S.CANCELLED, None, 0, task.due_on)


async def test_the_database_knows_no_pause_without_its_day(world: World, owner: Database) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    for change in (
        "paused_on = '2026-03-02'",
        "state = 'PAUSED', review_on = '2026-04-01', state_reason = 'x'",
    ):
        with pytest.raises(IntegrityError, match="pause_has_begun"):
            async with owner.begin(SYSTEM) as tx:
                await tx.session.execute(text(f"UPDATE task SET {change} WHERE id = {task.id}"))


# -- the rule -----------------------------------------------------------------------------------------------

FIRST, LAST = date(2024, 1, 1), date(2031, 12, 31)
DAYS = st.dates(date(2025, 1, 1), date(2029, 12, 31))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Mondays to Fridays, with some of all days turned round."""
    turned = draw(st.frozensets(st.dates(date(2025, 1, 1), date(2026, 12, 31)), max_size=60))
    return Calendar(FIRST, LAST, [d for d in days_of(FIRST, LAST) if d.weekday() < 5]).with_flipped(turned)


@given(calendars(), DAYS, st.integers(0, 300), st.integers(0, 400))
def test_as_many_working_days_are_left_as_when_it_was_paused(
    calendar: Calendar, since: date, length: int, ahead: int
) -> None:
    until, due_on = since + timedelta(days=length), since + timedelta(days=ahead - 100)
    stood = calendar.between(since, until)
    moved = after_standing(due_on, stood, calendar)
    assert calendar.between(due_on, moved) == stood
    assert calendar.between(until, moved) == calendar.between(since, due_on)
    assert (moved == due_on) == (stood == 0)
    assert stood == 0 or calendar.is_working(moved)


@given(calendars(), DAYS, st.lists(st.integers(0, 40), min_size=3, max_size=3))
def test_two_pauses_that_meet_are_one(calendar: Calendar, since: date, lengths: list[int]) -> None:
    between, until = since + timedelta(days=lengths[0]), since + timedelta(days=lengths[0] + lengths[1])
    due_on = until + timedelta(days=lengths[2])
    halves = after_standing(
        after_standing(due_on, calendar.between(since, between), calendar),
        calendar.between(between, until),
        calendar,
    )
    assert halves == after_standing(due_on, calendar.between(since, until), calendar)


def test_there_is_no_date_after_the_last() -> None:
    calendar = Calendar(FIRST, LAST, [])
    assert after_standing(date(9999, 12, 30), 30, calendar) == date.max
