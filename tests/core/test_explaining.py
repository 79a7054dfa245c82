"""How a due date came about, and what a changed calendar would touch."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from statements import counting
from vdept.calendars import excepting
from vdept.calendars.excepting import NewException
from vdept.calendars.models import CalendarException, CalendarScope
from vdept.deadlines.explaining import Explanation, explain_deadline
from vdept.deadlines.explanation import Line, LineKind, StepFate
from vdept.deadlines.models import (
    Dropped,
    Recipient,
    Reminder,
    ReminderBatch,
    ReminderPolicy,
    ReminderStep,
    Subject,
)
from vdept.deadlines.previewing import preview
from vdept.kernel.actor import Actor, ActorKind
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale, Refused
from vdept.targets.models import Audience
from vdept.tasks import due, pausing
from vdept.tasks.creating import Part, Terms, create_task
from vdept.tasks.models import Task, TaskKind, TaskState
from vdept.units.models import Unit, UnitKind

N, R, U = CalendarScope.NATIONAL, CalendarScope.REGION, CalendarScope.UNIT
K, F = LineKind, StepFate
ADMINISTRATOR = Actor(ActorKind.PERSON, person_id=1, administrator=True)
DUE = date(2026, 4, 29)  # a Wednesday; 26 and 27 April, 30 April and 1 May are off
TODAY = date(2026, 3, 2)


@dataclass
class Scene:
    db: Database
    ministry: Unit
    province: Unit
    minister: Actor
    governor: Actor
    firm_head: Actor

    async def do(
        self, who: Actor, verb: Callable[..., Awaitable[Any]], *args: Any, on: date = TODAY, **more: Any
    ) -> Any:
        async with self.db.begin(who, now=at(on)) as tx:
            return await verb(tx, *args, **more)

    async def task(self, due_on: date = DUE, on: date = TODAY, **more: Any) -> Task:
        """Set by the ministry, led by the province, through the verb, so that the log knows it."""
        terms = Terms(
            owner_unit_id=self.ministry.id,
            title="Lát lại đường",
            kind=TaskKind.ROUTINE,
            audience=Audience.GOVERNMENT,
            due_on=due_on,
            **more,
        )
        lead = Part(self.province.id)
        made: Task = await self.do(self.minister, create_task, terms, lead=lead, on=on)
        return made

    async def explained(self, task: Task, on: date = TODAY, who: Actor | None = None) -> Explanation:
        async with self.db.snapshot(who or self.governor, now=at(on)) as tx:
            found = await explain_deadline(tx, task.id)
        assert found is not None
        return found

    async def add(self, scope: CalendarScope, unit: Unit | None, day: date, working: bool) -> None:
        key = unit.id if unit else None
        await self.do(ADMINISTRATOR, excepting.add_exception, scope, key, day, working, "Bão số 3", "CĐ 9")


def at(day: date) -> datetime:
    """Ten in the morning of that day in Vietnam."""
    return NOW + (day - NOW.date())


@pytest.fixture
async def scene(db: Database) -> Scene:
    async with db.begin(SYSTEM, now=NOW) as tx:
        ministry = await make.unit(tx, "Bộ A", UnitKind.MINISTRY)
        province = await make.unit(tx, "Tỉnh B")
        firm = await make.unit(tx, "Công ty C", UnitKind.FIRM)
        return Scene(
            db,
            ministry,
            province,
            await make.actor(tx, ministry),
            await make.actor(tx, province),
            await make.actor(tx, firm),
        )


def lines(found: Explanation, *kinds: LineKind) -> list[Line]:
    return [line for line in found.lines if line.kind in kinds]


def sentences(found: Explanation, *kinds: LineKind, locale: Locale = Locale.EN) -> list[str]:
    return [line.sentence(locale) for line in lines(found, *kinds)]


async def test_a_date_nobody_moved_is_told_from_beginning_to_end(scene: Scene) -> None:
    found = await scene.explained(await scene.task(date(2026, 4, 26)), on=date(2026, 4, 20))
    assert [line.kind for line in found.lines if line.kind is not K.STEP] == [
        K.SET,
        K.CALENDAR,
        K.WEEKENDS,
        K.DUE_ON_DAY_OFF,
        K.LEFT,
    ]
    assert sentences(found, K.SET, K.WEEKENDS, K.DUE_ON_DAY_OFF, K.LEFT) == [
        "Bộ A set the original due date, 26 April 2026 (on 2 March 2026).",
        "Saturdays and Sundays between: 2.",
        "26 April 2026 is a day off and counts as the working day before it, 24 April 2026.",
        "From today (20 April 2026) to the due date 26 April 2026, 4 working days are left.",
    ]
    assert sentences(found, K.LEFT, locale=Locale.VI) == [
        "Từ hôm nay (20/04/2026) đến hạn 26/04/2026 còn 4 ngày làm việc."
    ]
    assert (found.due_on, found.counts_as, found.working_days) == (date(2026, 4, 26), date(2026, 4, 24), 4)


async def test_the_days_off_in_between_are_named(scene: Scene) -> None:
    await scene.add(R, scene.province, date(2026, 4, 22), False)
    await scene.add(N, None, date(2026, 4, 25), True)
    task = await scene.task(date(2026, 5, 5))
    found = await scene.explained(task, on=date(2026, 4, 20))
    assert sentences(found, K.DAY_OFF, K.MAKE_UP_DAY, K.WEEKENDS) == [
        "22 April 2026 is a day off: Bão số 3.",
        "25 April 2026 is worked: Bão số 3.",
        "27 April 2026 is a day off: Hung Kings' Commemoration Day (observed).",
        "30 April 2026 is a day off: Liberation Day/Reunification Day.",
        "1 May 2026 is a day off: International Labor Day.",
        "Saturdays and Sundays between: 3.",
    ]
    assert next(line.unit_id for line in lines(found, K.DAY_OFF)) == scene.province.id
    calendars = lines(found, K.CALENDAR)
    assert [line.unit_id for line in calendars] == [None, scene.province.id]
    assert calendars[1].words.en.startswith("The regional calendar of Tỉnh B holds")
    assert found.working_days == 8  # 21 23 24 25 28 29 April, 4 5 May


async def test_an_extension_and_a_pause_are_told_in_their_order(scene: Scene) -> None:
    task = await scene.task()
    why = "Mưa lớn {kéo dài}."
    await scene.do(scene.minister, due.extend_due, task.id, date(2026, 5, 6), why, on=date(2026, 3, 10))
    await scene.do(
        scene.governor, pausing.pause_task, task.id, "Quá tải", date(2026, 4, 1), on=date(2026, 3, 13)
    )
    standing = await scene.explained(task, on=date(2026, 3, 16))
    assert sentences(standing, K.CLOCK_STANDS) == [
        (
            "Paused since 13 March 2026: the clock stands, with 35 working days left then. "
            "To be reviewed on 1 April 2026."
        )
    ]
    assert not lines(standing, K.LEFT, K.LATE)
    assert {line.fate for line in lines(standing, K.STEP)} == {F.STOPPED}
    assert standing.working_days == 35
    await scene.do(scene.governor, pausing.resume_task, task.id, on=date(2026, 3, 18))
    found = await scene.explained(task, on=date(2026, 3, 18))
    assert sentences(found, K.SET, K.EXTENDED, K.CLOCK_STOOD) == [
        "Bộ A set the original due date, 29 April 2026 (on 2 March 2026).",
        (
            "Bộ A granted an extension from 29 April 2026 to 6 May 2026 (on 10 March 2026). "
            "Reason: Mưa lớn {kéo dài}."
        ),
        (
            "Paused from 13 March 2026 to 18 March 2026: the clock stood for 3 working days, "
            "which moved the due date from 6 May 2026 to 11 May 2026."
        ),
    ]
    extended, stood = lines(found, K.EXTENDED, K.CLOCK_STOOD)
    assert (extended.on, extended.until) == (date(2026, 3, 10), date(2026, 5, 6))
    assert (extended.unit_id, extended.person_id) == (scene.ministry.id, scene.minister.person_id)
    assert (stood.on, stood.until, stood.days) == (date(2026, 3, 13), date(2026, 3, 18), 3)
    assert (found.original_due_on, found.due_on, found.working_days) == (DUE, date(2026, 5, 11), 35)


async def test_the_day_itself_is_not_late_and_the_day_after_is(scene: Scene) -> None:
    task = await scene.task()
    on_the_day = await scene.explained(task, on=DUE)
    assert (on_the_day.working_days, [line.kind for line in lines(on_the_day, K.LEFT, K.LATE)]) == (
        0,
        [K.LEFT],
    )
    after = await scene.explained(task, on=date(2026, 5, 4))
    assert sentences(after, K.LATE) == [
        "Past its due date 29 April 2026: 1 working day late today (4 May 2026)."
    ]
    assert after.working_days == -1
    assert [line.on for line in lines(after, K.DAY_OFF)] == [date(2026, 4, 30), date(2026, 5, 1)]


async def test_what_is_done_and_what_has_ended_is_said_instead(scene: Scene, owner: Database) -> None:
    task = await scene.task()

    async def becomes(**values: Any) -> Explanation:
        async with owner.begin(SYSTEM) as tx:
            await tx.session.execute(sa.update(Task).where(Task.id == task.id).values(**values))
        return await scene.explained(task, on=date(2026, 5, 4))

    late = await becomes(state=TaskState.DELIVERED, delivered_on=date(2026, 5, 4))
    assert sentences(late, K.DONE) == ["Delivered on 4 May 2026, 1 working day late."]
    assert late.working_days is None
    in_time = await becomes(delivered_on=DUE)
    assert sentences(in_time, K.DONE) == ["Delivered on 29 April 2026, in time."]
    off = await becomes(state=TaskState.CANCELLED, delivered_on=None, state_reason="Thiếu kinh phí")
    assert sentences(off, K.ENDED) == ["The task is cancelled: no clock runs. Reason: Thiếu kinh phí."]
    for found in (late, in_time, off):
        to_come = [line for line in lines(found, K.STEP) if line.on and line.on >= date(2026, 5, 4)]
        assert {line.fate for line in to_come} == {F.STOPPED}


async def test_every_step_has_its_date_its_role_and_its_fate(scene: Scene) -> None:
    task = await scene.task()
    today = date(2026, 5, 4)  # one working day late
    rows = [
        (-3, Recipient.ASSIGNEES, True, None, []),
        (-1, Recipient.LEAD_COORDINATOR, True, None, [-7, -3]),
        (-1, Recipient.ASSIGNEES, True, Dropped.RECIPIENT_LEFT, []),
        (0, Recipient.ASSIGNEES, True, None, []),
        (1, Recipient.LEAD_HEAD, False, None, []),
    ]
    async with scene.db.begin(SYSTEM, now=at(today)) as tx:
        for number, (step, recipient, delivered, dropped, folded) in enumerate(rows):
            await a_reminder(
                tx.session, task, step, recipient, number, delivered=delivered, dropped=dropped, folded=folded
            )
        await a_reminder(tx.session, task, 0, Recipient.ASSIGNEES, 99, delivered=True)
        await a_reminder(  # of the date as it was before: no longer told of
            tx.session, task, 1, Recipient.ASSIGNER_HEAD, 98, delivered=True, due_on=date(2026, 4, 1)
        )
    found = await scene.explained(task, on=today)
    fates = {(line.step, line.recipient): (line.on, line.fate) for line in lines(found, K.STEP)}
    assert fates == {
        (-7, Recipient.ASSIGNEES): (date(2026, 4, 17), F.NOT_SENT),
        (-7, Recipient.LEAD_COORDINATOR): (date(2026, 4, 17), F.FOLDED),
        (-3, Recipient.ASSIGNEES): (date(2026, 4, 23), F.SENT),
        (-3, Recipient.LEAD_COORDINATOR): (date(2026, 4, 23), F.FOLDED),
        (-1, Recipient.ASSIGNEES): (date(2026, 4, 28), F.DROPPED),
        (-1, Recipient.LEAD_COORDINATOR): (date(2026, 4, 28), F.SENT),
        (0, Recipient.ASSIGNEES): (DUE, F.SENT),
        (0, Recipient.LEAD_COORDINATOR): (DUE, F.NOT_SENT),
        (1, Recipient.LEAD_HEAD): (today, F.WAITING),
        (3, Recipient.ASSIGNER_COORDINATOR): (date(2026, 5, 6), F.TO_COME),
        (5, Recipient.ASSIGNER_HEAD): (date(2026, 5, 8), F.TO_COME),
        (10, Recipient.ISSUER_HEAD): (date(2026, 5, 15), F.TO_COME),
    }
    told = {(line.step, line.recipient): line.words.en for line in lines(found, K.STEP)}
    assert told[0, Recipient.ASSIGNEES] == "On the due date, 29 April 2026: assignee — sent to 2 people."
    assert told[-1, Recipient.ASSIGNEES] == (
        "1 working day before the due date, 28 April 2026: assignee — not sent: whoever it was for had left."
    )
    assert told[10, Recipient.ISSUER_HEAD] == (
        "10 working days after the due date, 15 May 2026: head of the plan's issuer — still to come."
    )


async def test_a_firm_is_not_told_how_many_people_a_step_reached(scene: Scene) -> None:
    """That would be how many coordinators a public body has, and whether one has left."""
    task = await scene.task()
    async with scene.db.begin(SYSTEM, now=at(DUE)) as tx:
        await tx.session.execute(sa.update(Task).values(audience=Audience.PUBLIC))
        for number in range(3):
            await a_reminder(tx.session, task, -1, Recipient.LEAD_COORDINATOR, number, delivered=True)
        left = Dropped.RECIPIENT_LEFT
        await a_reminder(tx.session, task, -3, Recipient.ASSIGNEES, 9, delivered=True, dropped=left)
    steps = {}
    for who in (scene.governor, scene.firm_head):
        found = await scene.explained(task, on=DUE, who=who)
        said = {(line.step, line.recipient): line for line in lines(found, K.STEP)}
        sent, dropped = said[-1, Recipient.LEAD_COORDINATOR], said[-3, Recipient.ASSIGNEES]
        steps[who] = [(line.fate, line.people, line.words.en.split(" — ")[1]) for line in (sent, dropped)]
    assert steps == {
        scene.governor: [
            (F.SENT, 3, "sent to 3 people."),
            (F.DROPPED, None, "not sent: whoever it was for had left."),
        ],
        scene.firm_head: [(F.SENT, None, "sent."), (F.NOT_SENT, None, "not sent when its day came.")],
    }


async def a_reminder(
    session: Any,
    task: Task,
    step: int,
    recipient: Recipient,
    person_id: int,
    *,
    delivered: bool,
    dropped: Dropped | None = None,
    folded: list[int] | None = None,
    due_on: date | None = None,
    scheduled_on: date = TODAY,
) -> None:
    """A reminder in a batch of its own."""
    row = Reminder(
        subject=Subject.TASK,
        subject_id=task.id,
        due_on=due_on or task.due_on,
        step=step,
        recipient_id=person_id,
        recipient=recipient,
        unit_id=task.owner_unit_id,
        folded=folded or [],
        scheduled_on=scheduled_on,
        due_at=NOW,
        dropped=dropped,
    )
    session.add(row)
    await session.flush()
    session.add(
        ReminderBatch(first_id=row.id, last_id=row.id, due_at=NOW, delivered_at=NOW if delivered else None)
    )
    await session.flush()


async def test_a_date_beyond_the_calendar_says_so(scene: Scene) -> None:
    found = await scene.explained(await scene.task(date(2099, 6, 1)))
    assert [line.kind for line in lines(found, K.CALENDAR_ENDS)] == [K.CALENDAR_ENDS]
    last_of_all = await scene.explained(await scene.task(date.max))
    assert {line.step for line in lines(last_of_all, K.STEP)} == {-7, -3, -1, 0}  # there is nothing after it


async def test_who_may_not_see_the_task_gets_no_explanation(scene: Scene) -> None:
    task = await scene.task()
    async with scene.db.snapshot(scene.firm_head, now=NOW) as tx:
        assert await explain_deadline(tx, task.id) is None
        assert await explain_deadline(tx, 987_654) is None


async def test_a_long_story_takes_no_more_statements_than_a_short_one(scene: Scene) -> None:
    task = await scene.task()
    with counting(scene.db) as short:
        await scene.explained(task)
    for week in range(1, 8):
        later = DUE + timedelta(weeks=week)
        await scene.do(scene.minister, due.extend_due, task.id, later, "lý do", on=date(2026, 3, 2 + week))
    await scene.add(R, scene.province, date(2026, 5, 20), False)
    await scene.add(U, scene.province, date(2026, 5, 21), False)
    with counting(scene.db) as long:
        found = await scene.explained(task, on=date(2026, 3, 20))
    assert len(lines(found, K.EXTENDED)) == 7
    assert len(long) == len(short)


# -- what a change would touch -------------------------------------------------------------------------


async def previewed(scene: Scene, who: Actor, *wanted: NewException, on: date = TODAY) -> Any:
    async with scene.db.begin(who, now=at(on)) as tx:
        return await preview(tx, lambda: excepting.add_exceptions(tx, wanted))


def off(day: date, scope: CalendarScope = N, unit: Unit | None = None) -> NewException:
    key = unit.id if unit else None
    return NewException(scope=scope, unit_id=key, day=day, working=False, name="a", reason="b")


async def exceptions(db: Database) -> int:
    async with db.snapshot(SYSTEM) as tx:
        count = sa.select(sa.func.count()).select_from(CalendarException)
        return (await tx.session.execute(count)).scalar_one()


@pytest.mark.parametrize(
    ("day", "touched"),
    [
        (date(2026, 4, 16), 0),  # before the first step, -7 on 17 April
        (date(2026, 4, 17), 1),  # the step's own day
        (date(2026, 4, 28), 1),
        (DUE, 1),
        (date(2026, 5, 15), 1),  # the last step, +10
        (date(2026, 5, 18), 0),
    ],
    ids=str,
)
async def test_a_task_is_touched_when_one_of_its_steps_would_move(
    scene: Scene, day: date, touched: int
) -> None:
    await scene.task()
    found = await previewed(scene, ADMINISTRATOR, off(day))
    assert (found.days, found.tasks, found.reminders) == ([day], touched, 0)
    assert await exceptions(scene.db) == 0


async def test_what_is_past_or_over_is_not_touched(scene: Scene, owner: Database) -> None:
    task = await scene.task()
    friday = date(2026, 5, 8)  # +5: the steps before it are past, +10 is not
    assert (await previewed(scene, ADMINISTRATOR, off(date(2026, 4, 20)), on=friday)).tasks == 0
    assert (await previewed(scene, ADMINISTRATOR, off(date(2026, 5, 12)), on=friday)).tasks == 1
    async with owner.begin(SYSTEM) as tx:
        over = {"state": TaskState.CANCELLED, "state_reason": "thôi"}
        await tx.session.execute(sa.update(Task).where(Task.id == task.id).values(**over))
    assert (await previewed(scene, ADMINISTRATOR, off(date(2026, 5, 12)), on=friday)).tasks == 0


async def test_only_the_units_of_the_calendar_are_touched(scene: Scene) -> None:
    await scene.task()
    ministry, province = off(DUE, U, scene.ministry), off(DUE, U, scene.province)
    assert (await previewed(scene, ADMINISTRATOR, ministry)).tasks == 0  # the lead's calendar counts
    assert (await previewed(scene, scene.governor, province)).tasks == 1
    assert (await previewed(scene, ADMINISTRATOR, ministry, province)).tasks == 1


async def test_a_plans_own_steps_count(scene: Scene, owner: Database) -> None:
    async with owner.begin(SYSTEM, now=NOW) as tx:
        plan = await make.plan(tx, scene.ministry)
        tx.session.add(ReminderPolicy(plan_id=plan.id, changed_at=NOW))
        await tx.session.flush()
        tx.session.add(ReminderStep(plan_id=plan.id, step=-1, recipient=Recipient.ASSIGNEES))
    await scene.task(plan_id=plan.id)
    assert (await previewed(scene, ADMINISTRATOR, off(date(2026, 4, 20)))).tasks == 0
    assert (await previewed(scene, ADMINISTRATOR, off(date(2026, 4, 28)))).tasks == 1


async def test_reminders_that_wait_and_would_move_are_counted(scene: Scene) -> None:
    task = await scene.task()
    async with scene.db.begin(SYSTEM, now=NOW) as tx:
        scheduled = date(2026, 4, 28)
        for number, delivered in enumerate((True, False, False)):
            await a_reminder(
                tx.session,
                task,
                -1,
                Recipient.ASSIGNEES,
                number,
                delivered=delivered,
                scheduled_on=scheduled,
            )
    found = await previewed(scene, ADMINISTRATOR, off(date(2026, 4, 28)))
    assert (found.tasks, found.reminders) == (1, 2)
    later = await previewed(scene, ADMINISTRATOR, off(date(2026, 5, 5)))
    assert (later.tasks, later.reminders) == (1, 0)


async def test_a_preview_leaves_nothing_behind(scene: Scene) -> None:
    await scene.task()
    rung: list[frozenset[str]] = []

    async def note(bells: frozenset[str]) -> None:
        rung.append(bells)

    async def rows() -> list[int]:
        tables = ("calendar_exception", "working_calendar", "calendar_change", "calendar_day", "activity")
        async with scene.db.snapshot(SYSTEM) as tx:
            counts = [await tx.session.scalar(sa.text(f"SELECT count(*) FROM {table}")) for table in tables]
            return [count or 0 for count in counts]

    before = await rows()
    scene.db.on_commit = note
    await previewed(scene, ADMINISTRATOR, off(DUE), off(date(2026, 4, 28), R, scene.province))
    with pytest.raises(Refused, match="CALENDAR_BULK_LIMIT"):
        await previewed(scene, ADMINISTRATOR)
    assert await rows() == before
    assert rung == []


async def test_a_refusal_is_told_and_counts_nothing(scene: Scene) -> None:
    await scene.task()
    found = await previewed(scene, scene.governor, off(DUE))
    assert [answer.refused.code for answer in found.answer] == ["FORBIDDEN"]
    assert (found.days, found.tasks, found.reminders) == ([], 0, 0)
