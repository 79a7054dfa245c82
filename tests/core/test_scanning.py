"""The scan: what is due beside what is not, downtime, reviews, and doing it twice."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from factories import NOW, SYSTEM, target
from factories import indicator as an_indicator
from factories import key_result as a_key_result
from reminders_world import MONDAY, Country, R, at, build
from statements import counting
from vdept.calendars.models import CalendarException, CalendarScope, WorkingCalendar
from vdept.calendars.upkeep import remake
from vdept.deadlines.models import (
    Dropped,
    Reminder,
    Subject,
)
from vdept.deadlines.scanning import ScanReport
from vdept.kernel.db import Database
from vdept.targets.models import TargetState
from vdept.tasks.models import TaskState


@pytest.fixture
async def land(db: Database) -> Country:
    return await build(db)


HOLIDAY_TABLE = [
    # due date, as_of, step that falls on it (None: nothing is due)
    ("on the day", date(2026, 3, 10), date(2026, 3, 10), 0),
    ("a day before", date(2026, 3, 10), date(2026, 3, 9), -1),
    ("over a week-end", date(2026, 3, 9), date(2026, 3, 6), -1),
    ("two days before: nothing", date(2026, 3, 10), date(2026, 3, 6), None),
    ("seven working days before", date(2026, 3, 20), date(2026, 3, 11), -7),
    ("the day after", date(2026, 3, 10), date(2026, 3, 11), 1),
    ("two days after: nothing", date(2026, 3, 10), date(2026, 3, 12), None),
    ("ten working days after", date(2026, 3, 10), date(2026, 3, 24), 10),
    ("a year later: nothing", date(2025, 3, 10), date(2026, 3, 10), None),
    ("due on a Sunday, counted as Friday", date(2026, 3, 15), date(2026, 3, 13), 0),
    ("due on a Sunday: nothing on the day", date(2026, 3, 15), date(2026, 3, 15), None),
    ("due on a Sunday, a day late on Monday", date(2026, 3, 15), date(2026, 3, 16), 1),
    ("nothing at Tết", date(2026, 2, 13), date(2026, 2, 17), None),
    ("late after Tết", date(2026, 2, 13), date(2026, 2, 23), 1),
    ("before Tết, due after it", date(2026, 2, 23), date(2026, 2, 13), -1),
]


@pytest.mark.parametrize(
    ("case", "due_on", "as_of", "step"), HOLIDAY_TABLE, ids=[r[0] for r in HOLIDAY_TABLE]
)
async def test_a_step_falls_on_its_working_day(
    land: Country, case: str, due_on: date, as_of: date, step: int | None
) -> None:
    await land.task(due_on)
    await land.scan(as_of)
    found = {one.step for one in await land.reminders()}
    assert found == (set() if step is None else {step}), case


DEFAULT_TABLE: list[tuple[int, set[str]]] = [
    (-7, {"commune_member", "province_coordinator"}),
    (-3, {"commune_member", "province_coordinator"}),
    (-1, {"commune_member", "province_coordinator"}),
    (0, {"commune_member", "province_coordinator"}),
    (1, {"province_head"}),
    (2, set()),
    (3, {"ministry_coordinator"}),
    (5, {"ministry_head"}),
    (10, {"government_head"}),
    (11, set()),
]


@pytest.mark.parametrize(("step", "who"), DEFAULT_TABLE, ids=[str(step) for step, _ in DEFAULT_TABLE])
async def test_the_default_tells_each_in_turn(land: Country, step: int, who: set[str]) -> None:
    due_on = date(2026, 5, 20)
    async with land.db.begin(SYSTEM) as tx:
        days = (
            await tx.session.scalars(
                sa.text(
                    "SELECT b.day FROM calendar_day a JOIN calendar_day b ON b.ordinal = a.ordinal + :step"
                    " AND b.working AND b.calendar_id = 0 WHERE a.calendar_id = 0 AND a.day = :due"
                ),
                {"step": step, "due": due_on},
            )
        ).one()
    await land.task(due_on, workers=["commune_member"])
    report = await land.scan(days)
    assert await land.told() == {(step, name) for name in who}
    assert report == ScanReport(len(who), 0, 1)


async def test_what_is_due_is_told_at_eight(land: Country) -> None:
    await land.task(MONDAY)
    await land.scan(MONDAY)
    (one,) = await land.reminders()
    assert one.due_at == at(MONDAY, 7, 30)
    assert one.scheduled_on == one.due_on == MONDAY
    assert (one.unit_id, one.recipient, one.subject) == (
        land.units["province"].id,
        R.LEAD_COORDINATOR,
        Subject.TASK,
    )
    assert await land.batches() == [(one.id, one.id, at(MONDAY, 7, 30))]


async def test_a_scan_after_eight_is_told_at_once(land: Country) -> None:
    await land.task(MONDAY)
    await land.scan(MONDAY, at(MONDAY, 14, 30))
    assert [one.due_at for one in await land.reminders()] == [at(MONDAY, 14, 30)]


@pytest.mark.parametrize(
    "state",
    [TaskState.DELIVERED, TaskState.VERIFIED, TaskState.DECLINED, TaskState.CANCELLED, TaskState.PAUSED],
)
async def test_nothing_for_what_is_done_or_stands_still(land: Country, state: TaskState) -> None:
    more: dict[str, Any] = {"state": state}
    if state in {TaskState.DELIVERED, TaskState.VERIFIED}:
        more["delivered_on"] = MONDAY
    else:
        more["state_reason"] = "vì lý do"
    if state is TaskState.PAUSED:
        more |= {"review_on": date(2026, 6, 1), "paused_on": date(2026, 2, 2)}
    await land.task(MONDAY, **more)
    running = await land.task(MONDAY)
    await land.scan(MONDAY)
    assert [one.subject_id for one in await land.reminders()] == [running.id]


async def test_an_open_task_reminds_its_owner(land: Country) -> None:
    await land.task(MONDAY, lead=None)
    await land.scan(MONDAY)
    assert await land.told() == {(0, "ministry_coordinator")}


async def test_scanning_twice_writes_once(land: Country) -> None:
    await land.task(MONDAY, workers=["commune_member"])
    assert (await land.scan(MONDAY)).reminders == 2
    assert (await land.scan(MONDAY)).reminders == 0
    late = await land.task(MONDAY)
    assert (await land.scan(MONDAY, at(MONDAY, 10))).reminders == 1
    *before, added = await land.reminders()
    assert len(before) == 2
    assert (added.subject_id, added.due_at) == (late.id, at(MONDAY, 10))
    assert await land.batches() == [
        (before[0].id, before[1].id, at(MONDAY, 7, 30)),
        (added.id, added.id, at(MONDAY, 10)),
    ]


async def test_a_day_behind_the_watermark_is_over(land: Country) -> None:
    await land.scan(MONDAY + timedelta(days=1))
    await land.task(MONDAY)
    assert await land.scan(MONDAY) == ScanReport()
    assert await land.reminders() == []


async def test_the_first_scan_ever_looks_at_its_day_only(land: Country) -> None:
    await land.task(date(2026, 3, 6))
    await land.task(MONDAY)
    await land.scan(MONDAY)
    assert await land.told() == {(0, "province_coordinator")}


async def test_weeks_of_downtime_are_one_reminder_a_person_and_subject(land: Country) -> None:
    await land.scanned(date(2026, 3, 2))
    await land.task(date(2026, 3, 17), workers=["commune_member"])
    report = await land.scan(date(2026, 3, 25))
    told = {(one.step, tuple(one.folded), one.scheduled_on, one.recipient) for one in await land.reminders()}
    assert told == {
        (0, (-7, -3, -1), date(2026, 3, 17), R.ASSIGNEES),
        (0, (-7, -3, -1), date(2026, 3, 17), R.LEAD_COORDINATOR),
        (1, (), date(2026, 3, 18), R.LEAD_HEAD),
        (3, (), date(2026, 3, 20), R.ASSIGNER_COORDINATOR),
        (5, (), date(2026, 3, 24), R.ASSIGNER_HEAD),
    }
    assert report == ScanReport(5, 6, 23)
    assert (await land.scan(date(2026, 3, 25))).reminders == 0


async def test_what_was_told_before_the_downtime_is_not_folded(land: Country) -> None:
    await land.task(date(2026, 3, 10))
    await land.scan(date(2026, 3, 5))
    await land.scan(date(2026, 3, 10))
    assert [(one.step, one.folded) for one in await land.reminders()] == [(-3, []), (0, [-1])]


async def test_steps_before_the_task_was_there_were_not_missed(land: Country) -> None:
    await land.scanned(date(2026, 3, 2))
    await land.task(date(2026, 3, 17), created_at=at(date(2026, 3, 13), 23))
    await land.scan(date(2026, 3, 17))
    assert [(one.step, one.folded) for one in await land.reminders()] == [(0, [-1])]


@pytest.mark.parametrize("verb", ["task.due_extended", "task.resumed"])
async def test_steps_before_the_due_date_was_moved_were_not_missed(land: Country, verb: str) -> None:
    await land.scanned(date(2026, 3, 2))
    moved = at(date(2026, 3, 13), 9)
    one = await land.task(date(2026, 3, 17), updated_at=moved)
    other = await land.task(date(2026, 3, 17), updated_at=moved)
    async with land.db.begin(SYSTEM, now=moved) as tx:
        tx.record(verb, "Task", one.id)
        tx.record("task.commented", "Task", other.id)
    await land.scan(date(2026, 3, 17))
    found = {each.subject_id: (each.step, each.folded) for each in await land.reminders()}
    assert found == {one.id: (0, [-1]), other.id: (0, [-7, -3, -1])}


async def test_what_was_missed_waits_over_a_day_off(land: Country) -> None:
    await land.scanned(date(2026, 3, 5))
    await land.task(date(2026, 3, 6))
    assert (await land.scan(date(2026, 3, 7))).reminders == 0
    assert (await land.scan(date(2026, 3, 8))).reminders == 0
    await land.scan(date(2026, 3, 9))
    assert await land.told() == {(0, "province_coordinator"), (1, "province_head")}


async def test_a_make_up_saturday_is_worked(land: Country) -> None:
    """2026: Saturday 22 August is worked for Monday 31 August."""
    async with land.db.snapshot(SYSTEM) as tx:
        worked = (
            await tx.session.scalars(
                sa.text("SELECT working FROM calendar_day WHERE calendar_id = 0 AND day = '2026-08-22'")
            )
        ).one()
    assert worked
    await land.task(date(2026, 8, 24))
    await land.scan(date(2026, 8, 22))
    assert await land.told() == {(-1, "province_coordinator")}


async def _region_works(land: Country, day: date, *, working: bool) -> None:
    async with land.db.begin(SYSTEM, now=NOW) as tx:
        tx.session.add(
            CalendarException(
                scope=CalendarScope.REGION,
                unit_id=land.units["province"].id,
                day=day,
                working=working,
                name="Riêng",
                reason="Quyết định",
                created_at=NOW,
            )
        )
        own = WorkingCalendar(scope=CalendarScope.REGION, unit_id=land.units["province"].id)
        tx.session.add(own)
        await tx.session.flush()
        await remake(tx, [own.id])


async def test_a_region_has_its_own_days(land: Country) -> None:
    await _region_works(land, date(2026, 3, 10), working=False)
    await land.task(date(2026, 3, 11), lead="province")
    await land.task(date(2026, 3, 11), lead="ministry")
    await land.scan(date(2026, 3, 10))
    assert await land.told() == {(-1, "ministry_coordinator")}
    await land.scanned(date(2026, 3, 8))
    await land.scan(date(2026, 3, 9))
    assert await land.told() == {(-1, "ministry_coordinator"), (-1, "province_coordinator")}


async def test_a_region_that_works_on_a_saturday_is_told_on_it(land: Country) -> None:
    await _region_works(land, date(2026, 3, 7), working=True)
    await land.scanned(date(2026, 3, 6))
    await land.task(date(2026, 3, 9), lead="commune")
    await land.task(date(2026, 3, 9), lead="ministry")
    assert (await land.scan(date(2026, 3, 7))).reminders == 1
    assert await land.told() == {(-1, "commune_coordinator")}
    await land.scan(date(2026, 3, 8))
    await land.scan(date(2026, 3, 9))
    assert await land.told() == {
        (-1, "commune_coordinator"),
        (0, "commune_coordinator"),
        (0, "ministry_coordinator"),
    }


REVIEWS = [
    (date(2026, 3, 10), 0),
    (date(2026, 3, 11), None),
    (date(2026, 3, 13), 3),
    (date(2026, 3, 24), None),
]


@pytest.mark.parametrize(("as_of", "step"), REVIEWS, ids=[str(day) for day, _ in REVIEWS])
async def test_the_review_of_a_pause_reminds_the_head(land: Country, as_of: date, step: int | None) -> None:
    async with land.db.begin(SYSTEM) as tx:
        what = await a_key_result(tx, land.plan, await an_indicator(tx))
        held = await target(
            tx,
            what,
            land.units["commune"],
            state=TargetState.PAUSED,
            state_reason="quá tải",
            review_on=date(2026, 3, 10),
        )
    paused = await land.task(
        date(2026, 3, 11),
        state=TaskState.PAUSED,
        state_reason="quá tải",
        review_on=date(2026, 3, 10),
        paused_on=date(2026, 3, 2),
    )
    await land.scan(as_of)
    found = {(one.subject, one.subject_id, one.step, one.recipient_id) for one in await land.reminders()}
    expected = {
        (Subject.TASK_REVIEW, paused.id, step, land.people["province_head"].id),
        (Subject.TARGET_REVIEW, held.id, step, land.people["commune_head"].id),
    }
    assert found == (set() if step is None else expected)


async def test_a_review_before_the_pause_was_not_missed(land: Country) -> None:
    """Paused on a Saturday until Sunday: the review counts as Friday's, when nothing was paused yet."""
    await land.scanned(date(2026, 3, 5))
    await land.task(
        date(2026, 6, 1),
        state=TaskState.PAUSED,
        state_reason="quá tải",
        review_on=date(2026, 3, 8),
        paused_on=date(2026, 3, 7),
    )
    assert (await land.scan(date(2026, 3, 10))).reminders == 0
    assert (await land.scan(date(2026, 3, 11))).reminders == 1


@pytest.mark.parametrize("because", [Dropped.PAUSED, Dropped.RECIPIENT_LEFT])
async def test_what_was_dropped_and_holds_again_today_is_made_anew(land: Country, because: Dropped) -> None:
    await land.task(MONDAY)
    await land.scan(MONDAY)
    (first,) = await land.reminders()
    async with land.db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.update(Reminder).values(dropped=because))
    assert (await land.scan(MONDAY, at(MONDAY, 15))).reminders == 1
    (again,) = await land.reminders()
    assert again.id > first.id
    assert (again.dropped, again.due_at) == (None, at(MONDAY, 15))
    assert (await land.batches())[-1] == (again.id, again.id, at(MONDAY, 15))
    assert (await land.scan(MONDAY, at(MONDAY, 16))).reminders == 0


async def test_an_extended_task_has_the_steps_of_its_new_date(land: Country) -> None:
    one = await land.task(MONDAY)
    await land.scan(MONDAY)
    await land.change(one, due_on=date(2026, 3, 3))
    await land.scan(MONDAY, at(MONDAY, 9))
    assert {(each.due_on, each.step) for each in await land.reminders()} == {
        (MONDAY, 0),
        (date(2026, 3, 3), -1),
    }


async def test_two_scans_at_once_write_once(land: Country) -> None:
    for _ in range(5):
        await land.task(MONDAY, workers=["commune_member"])
    reports = await asyncio.gather(*(land.scan(MONDAY) for _ in range(4)))
    assert sorted(one.reminders for one in reports) == [0, 0, 0, 10]
    assert len(await land.reminders()) == 10


async def test_batches_hold_a_thousand(land: Country) -> None:
    first = await land.task(MONDAY)
    async with land.db.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.text(
                """INSERT INTO task (title, search, kind, audience, state, owner_unit_id, lead_unit_id,
                    created_at, updated_at, due_on, original_due_on)
                SELECT title, search, kind, audience, state, owner_unit_id, lead_unit_id, created_at,
                    updated_at, due_on, original_due_on
                FROM task, generate_series(1, 2499) WHERE id = :id"""
            ),
            {"id": first.id},
        )
    assert (await land.scan(MONDAY)).reminders == 2500
    ids = [one.id for one in await land.reminders()]
    low = ids[0]
    assert ids == list(range(low, low + 2500))
    assert [(a, b) for a, b, _ in await land.batches()] == [
        (low, low + 999),
        (low + 1000, low + 1999),
        (low + 2000, low + 2499),
    ]


async def test_the_number_of_statements_does_not_depend_on_the_tasks(land: Country) -> None:
    await land.task(MONDAY)
    with counting(land.db) as few:
        await land.scan(MONDAY)
    for _ in range(10):
        await land.task(date(2026, 3, 3), lead="commune", workers=["commune_member", "firm_member"])
    with counting(land.db) as many:
        assert (await land.scan(date(2026, 3, 3))).reminders == 10 * 3 + 1
    assert len(few) == len(many)


async def test_a_scan_that_fails_leaves_nothing(land: Country, owner: Database) -> None:
    await land.task(MONDAY)
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.text("ALTER TABLE reminder_scan ADD CONSTRAINT broken CHECK (scanned_on < '2026-03-02')")
        )
    with pytest.raises(sa.exc.IntegrityError):
        await land.scan(MONDAY)
    assert (await land.reminders(), await land.batches()) == ([], [])
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("ALTER TABLE reminder_scan DROP CONSTRAINT broken"))
    assert (await land.scan(MONDAY)).reminders == 1
