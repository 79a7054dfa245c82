"""Series of tasks: begun, changed and ended; every occurrence created once, whoever dies in between."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text

from factories import SYSTEM, participation
from statements import counting
from tasks_world import World, build
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.tasks import occurrences, recurrence_days, recurring
from vdept.tasks.creating import update_task
from vdept.tasks.models import (
    OnDayOff,
    ParticipantRole,
    ParticipationState,
    Task,
    TaskKind,
    TaskRecurrence,
    TaskState,
    TaskTarget,
)
from vdept.tasks.pausing import cancel_task
from vdept.tasks.schedule_queries import planned_of_recurrences, recurrences_by_ids

S = TaskState
DUE = date(2026, 3, 2)
"""A Monday, the day on which these tests act (``factories.NOW``)."""
WEEKLY = "FREQ=WEEKLY"


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


def morning(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 1, tzinfo=UTC)


async def series(world: World, rule: str = WEEKLY, task: Task | None = None, **more: Any) -> TaskRecurrence:
    given = task or await world.given(state=S.IN_PROGRESS, due_on=DUE, title="Báo cáo tuần")
    row: TaskRecurrence = await world.do(world.ministry_head, recurring.repeat_task, given.id, rule, **more)
    return row


async def worked(world: World, day: date, **more: Any) -> occurrences.OccurrencesReport:
    return await occurrences.create_due(world.db, now=morning(day), **more)


async def made(world: World, of: TaskRecurrence) -> list[Task]:
    """The occurrences of a series without its first task, in order."""
    async with world.db.snapshot(SYSTEM) as tx:
        query = select(Task).where(Task.recurrence_id == of.id, Task.id != of.task_id)
        return list(await tx.session.scalars(query.order_by(Task.occurrence_on)))


async def now_of(world: World, of: TaskRecurrence) -> TaskRecurrence:
    async with world.db.snapshot(SYSTEM) as tx:
        return await tx.session.get_one(TaskRecurrence, of.id)


# -- beginning ----------------------------------------------------------------------------------------------


async def test_a_series_begins_with_the_task_it_is_made_from(world: World) -> None:
    of = await series(world, "rrule:freq=weekly;interval=1;byday=mo", days_before=3)
    assert (of.rule, of.starts_on, of.days_before, of.on_day_off) == (
        "FREQ=WEEKLY;BYDAY=MO",
        DUE,
        3,
        OnDayOff.AFTER,
    )
    assert (of.next_on, of.create_on, of.ended_at) == (date(2026, 3, 9), date(2026, 3, 6), None)
    task = await world.task(of.task_id)
    assert (task.recurrence_id, task.occurrence_on, task.version) == (of.id, DUE, 2)
    verb, unit_id, said = (await world.verbs(of.task_id))[-1]
    assert (verb, unit_id) == ("task.repeats", world.ministry.id)
    assert said == {
        "recurrence_id": of.id,
        "rule": "FREQ=WEEKLY;BYDAY=MO",
        "days_before": 3,
        "on_day_off": "AFTER",
        "next_on": "2026-03-09",
    }


@pytest.mark.parametrize(
    ("rule", "more", "refused"),
    [
        ("weekly", {}, ("RECURRENCE_MALFORMED", ("rule",))),
        ("FREQ=HOURLY", {}, ("RECURRENCE_TOO_FREQUENT", ("rule",))),
        ("FREQ=DAILY;TZID=Asia/Tokyo", {}, ("RECURRENCE_UNSUPPORTED", ("rule",))),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", {}, ("RECURRENCE_NEVER_OCCURS", ("rule",))),
        ("FREQ=WEEKLY;COUNT=1", {}, ("RECURRENCE_NEVER_OCCURS", ("rule",))),
        ("FREQ=WEEKLY;UNTIL=20260308", {}, ("RECURRENCE_NEVER_OCCURS", ("rule",))),
        ("FREQ=YEARLY", {}, ("TASK_DUE_OUTSIDE_PLAN", ("rule",))),
        (WEEKLY, {"days_before": 367}, ("RECURRENCE_DAYS_BEFORE", ("daysBefore",))),
        (WEEKLY, {"days_before": -1}, ("RECURRENCE_DAYS_BEFORE", ("daysBefore",))),
        ("FREQ=DAILY", {"days_before": 100}, ("RECURRENCE_TOO_MANY_AHEAD", ("daysBefore",))),
        (WEEKLY, {"expected_version": 7}, ("STALE_VERSION", ("expectedVersion",))),
    ],
)
async def test_what_cannot_repeat_is_refused_by_name(
    world: World, rule: str, more: dict[str, Any], refused: tuple[str, tuple[str]]
) -> None:
    task = await world.given(state=S.IN_PROGRESS, due_on=DUE)
    assert await world.refused(world.ministry_head, recurring.repeat_task, task.id, rule, **more) == refused


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("ministry_member", "FORBIDDEN"),
        ("province_head", "FORBIDDEN"),
        ("rival_head", "NOT_FOUND"),
        ("nobody", "NOT_FOUND"),
    ],
)
async def test_only_who_set_the_task_repeats_changes_and_stops(world: World, who: str, code: str) -> None:
    task, of = await world.given(state=S.IN_PROGRESS, due_on=DUE), await series(world)
    by = world.actors[who]
    assert await world.refused(by, recurring.repeat_task, task.id, WEEKLY) == (code, ("taskId",))
    assert await world.refused(by, recurring.change_recurrence, of.id, rule="FREQ=DAILY") == (
        code,
        ("recurrenceId",),
    )
    assert await world.refused(by, recurring.stop_repeating, of.id) == (code, ("recurrenceId",))


async def test_a_cancelled_task_and_one_of_a_closed_plan_do_not_repeat(world: World, owner: Database) -> None:
    gone = await world.given(state=S.CANCELLED, state_reason="x", due_on=DUE)
    assert await world.refused(world.ministry_head, recurring.repeat_task, gone.id, WEEKLY) == (
        "TASK_WRONG_STATE",
        ("taskId",),
    )
    task = await world.given(state=S.IN_PROGRESS, due_on=DUE)
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(text("UPDATE plan SET state = 'CLOSED'"))
    assert await world.refused(world.ministry_head, recurring.repeat_task, task.id, WEEKLY) == (
        "TASK_PLAN_CLOSED",
        ("rule",),
    )


async def test_a_task_is_in_one_series_until_that_has_ended(world: World) -> None:
    of = await series(world, days_before=7)
    await worked(world, DUE)
    for task_id in (of.task_id, (await made(world, of))[0].id):
        again = (world.ministry_head, recurring.repeat_task, task_id, WEEKLY)
        assert await world.refused(*again) == ("TASK_REPEATS_ALREADY", ("taskId",))
    await world.do(world.ministry_head, recurring.stop_repeating, of.id)
    second = await world.do(*again)
    assert (await world.task(task_id)).recurrence_id == second.id


# -- creating -----------------------------------------------------------------------------------------------


async def test_an_occurrence_is_created_when_its_time_has_come_and_not_a_day_before(world: World) -> None:
    of = await series(world, days_before=3)
    assert await worked(world, date(2026, 3, 5)) == occurrences.OccurrencesReport()
    assert await worked(world, date(2026, 3, 6)) == occurrences.OccurrencesReport(series=1, created=1)
    assert await worked(world, date(2026, 3, 6)) == occurrences.OccurrencesReport()
    (task,) = await made(world, of)
    assert (task.occurrence_on, task.due_on, task.original_due_on) == (date(2026, 3, 9),) * 3
    assert (task.title, task.search, task.owner_unit_id, task.lead_unit_id, task.plan_id) == (
        "Báo cáo tuần",
        "bao cao tuan",
        world.ministry.id,
        world.province.id,
        world.plan.id,
    )
    assert (task.state, task.version, task.extensions, task.created_by_id) == (S.OFFERED, 1, 0, None)
    then = await now_of(world, of)
    assert (then.next_on, then.create_on, then.ended_at) == (date(2026, 3, 16), date(2026, 3, 13), None)


async def test_it_is_made_like_its_first_task_as_that_is_now(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS, due_on=DUE, kind=TaskKind.DEEP, share=3)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.firm, role=ParticipantRole.USER, share=2, progress=50)
        await participation(tx, task, world.other, state=ParticipationState.LEFT)
        await participation(tx, task, world.ministry, role=ParticipantRole.SUPERVISOR, share=0)
        tx.session.add(
            TaskTarget(task_id=task.id, target_id=world.targets["province"].id, weight=Decimal("2.5"))
        )
    of = await series(world, task=task, days_before=7)
    await world.do(world.ministry_head, update_task, task.id, title="Tên mới", description="Mô tả")
    await worked(world, DUE)
    (one,) = await made(world, of)
    assert (one.title, one.description, one.kind, one.progress) == ("Tên mới", "Mô tả", TaskKind.DEEP, 0)
    due, asked = date(2026, 3, 9), "INVITED"
    assert await world.parts(one.id) == {
        world.ministry.id: ("SUPERVISOR", "ACCEPTED", 0, 0, due, True),
        world.province.id: ("BUILDER", asked, 3, 0, due, True),
        world.firm.id: ("USER", asked, 2, 0, due, True),
    }
    async with world.db.snapshot(SYSTEM) as tx:
        links = await tx.session.execute(
            select(TaskTarget.target_id, TaskTarget.weight).where(TaskTarget.task_id == one.id)
        )
        assert [tuple(row) for row in links] == [(world.targets["province"].id, Decimal("2.5"))]
    assert (one.id, None) in await world.changes()
    ((verb, unit_id, said),) = await world.verbs(one.id)
    assert (verb, unit_id) == ("task.created", world.ministry.id)
    assert (said["recurrence_id"], said["occurrence_on"], said["state"]) == (of.id, "2026-03-09", "OFFERED")
    assert said["targets"] == [
        {"target_id": world.targets["province"].id, "weight": "2.500000", "state": "PROPOSED"}
    ]
    assert {part["unit_id"] for part in said["participants"]} == set(await world.parts(one.id))


async def test_what_a_unit_sets_for_itself_is_accepted_and_what_is_on_the_board_stays_there(
    world: World,
) -> None:
    own = await world.given(lead="ministry", state=S.ACCEPTED, due_on=DUE)
    board = await world.given(lead=None, due_on=DUE)
    one, two = await series(world, task=own, days_before=7), await series(world, task=board, days_before=7)
    await worked(world, DUE)
    (mine,), (open_one,) = await made(world, one), await made(world, two)
    assert (mine.state, (await world.parts(mine.id))[world.ministry.id][1]) == (S.ACCEPTED, "ACCEPTED")
    assert (open_one.state, open_one.lead_unit_id) == (S.OPEN, None)


async def test_who_has_ended_is_left_out_and_a_lead_that_has_gives_way_to_the_board(
    world: World, owner: Database
) -> None:
    task = await world.given(state=S.IN_PROGRESS, due_on=DUE)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.firm)
        for name in ("province", "other"):
            tx.session.add(TaskTarget(task_id=task.id, target_id=world.targets[name].id, weight=Decimal(1)))
    of = await series(world, task=task, days_before=7)
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(
            text("UPDATE unit SET valid_to = '2026-02-28' WHERE id IN (:a, :b)"),
            {"a": world.province.id, "b": world.firm.id},
        )
        await tx.session.execute(
            text("UPDATE target SET state = 'WITHDRAWN', state_reason = 'x' WHERE id = :id"),
            {"id": world.targets["other"].id},
        )
    await worked(world, DUE)
    (one,) = await made(world, of)
    assert (one.state, one.lead_unit_id) == (S.OPEN, None)
    assert await world.parts(one.id) == {}
    async with world.db.snapshot(SYSTEM) as tx:
        links = await tx.session.scalars(select(TaskTarget.target_id).where(TaskTarget.task_id == one.id))
        assert list(links) == []


@pytest.mark.parametrize(
    ("on_day_off", "due_on"),
    [
        (OnDayOff.KEEP, date(2026, 5, 2)),
        (OnDayOff.BEFORE, date(2026, 4, 29)),
        (OnDayOff.AFTER, date(2026, 5, 4)),
    ],
)
async def test_a_day_off_moves_the_due_date_and_not_the_occurrence(
    world: World, on_day_off: OnDayOff, due_on: date
) -> None:
    # 30 April and 1 May are holidays, 2 May 2026 is a Saturday
    task = await world.given(state=S.IN_PROGRESS, due_on=date(2026, 4, 2))
    of = await series(world, "FREQ=MONTHLY", task, days_before=10, on_day_off=on_day_off)
    assert of.create_on == due_on - timedelta(days=10)
    await worked(world, due_on - timedelta(days=10))
    (one,) = await made(world, of)
    assert (one.occurrence_on, one.due_on) == (date(2026, 5, 2), due_on)


async def test_days_missed_while_nothing_ran_are_left_out_and_said(world: World) -> None:
    of = await series(world, days_before=10)
    report = await worked(world, date(2026, 4, 1))
    # 9, 16, 23 and 30 March have passed; 6 April is due, 13 April is not yet to be created
    assert report == occurrences.OccurrencesReport(series=1, created=1, skipped=4)
    assert [task.due_on for task in await made(world, of)] == [date(2026, 4, 6)]
    assert (await now_of(world, of)).next_on == date(2026, 4, 13)
    verb, _, said = (await world.verbs(of.task_id))[-1]
    assert (verb, said) == (
        "task.occurrences_skipped",
        {"recurrence_id": of.id, "count": 4, "from": "2026-03-09", "to": "2026-03-30"},
    )


async def test_what_is_due_today_is_created_today(world: World) -> None:
    of = await series(world, days_before=0)
    await worked(world, date(2026, 3, 9))
    assert [task.due_on for task in await made(world, of)] == [date(2026, 3, 9)]


async def test_a_series_ends_with_its_rule(world: World) -> None:
    of = await series(world, "FREQ=WEEKLY;COUNT=3", days_before=30)
    assert await worked(world, DUE) == occurrences.OccurrencesReport(series=1, created=2, ended=1)
    then = await now_of(world, of)
    assert (then.next_on, then.create_on, then.ended_at) == (None, None, morning(DUE))
    assert (await world.verbs(of.task_id))[-1] == (
        "task.recurrence_ended",
        world.ministry.id,
        {"recurrence_id": of.id, "because": "RULE_ENDED"},
    )


@pytest.mark.parametrize(
    ("change", "day", "because"),
    [
        ("UPDATE plan SET state = 'CLOSED'", date(2026, 3, 9), "PLAN_CLOSED"),
        ("UPDATE plan SET ends_on = '2026-03-08'", date(2026, 3, 6), "PLAN_ENDED"),
        ("UPDATE plan SET ends_on = '2026-03-08'", date(2026, 3, 9), "PLAN_ENDED"),
        (
            "UPDATE unit SET valid_to = '2026-03-05' WHERE name = 'Bộ Thông tin'",
            date(2026, 3, 9),
            "UNIT_ENDED",
        ),
    ],
)
async def test_a_series_ends_with_its_plan_or_the_unit_that_set_it(
    world: World, owner: Database, change: str, day: date, because: str
) -> None:
    of = await series(world, days_before=3)
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(text(change))
    assert await worked(world, day) == occurrences.OccurrencesReport(series=1, ended=1)
    assert await made(world, of) == []
    assert (await world.verbs(of.task_id))[-1][2]["because"] == because


async def test_the_last_occurrence_does_not_leave_the_plan(world: World, owner: Database) -> None:
    # Sunday 8 March is the last day of the plan: what would be due on Monday is due on Friday
    task = await world.given(state=S.IN_PROGRESS, due_on=date(2026, 3, 1))
    of = await series(world, WEEKLY, task, days_before=7)
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(text("UPDATE plan SET ends_on = '2026-03-08'"))
    await worked(world, DUE)
    (one,) = await made(world, of)
    assert (one.occurrence_on, one.due_on) == (date(2026, 3, 8), date(2026, 3, 6))
    assert (await now_of(world, of)).ended_at is not None


async def test_cancelling_an_occurrence_leaves_the_series(world: World) -> None:
    of = await series(world, days_before=7)
    await world.do(world.ministry_head, cancel_task, of.task_id, "tuần này nghỉ")
    await worked(world, DUE)
    assert len(await made(world, of)) == 1


# -- changing and ending ------------------------------------------------------------------------------------


async def test_a_changed_rule_holds_for_what_is_not_created_yet(world: World) -> None:
    of = await series(world, days_before=7)
    await worked(world, DUE)
    row = await world.do(
        world.ministry_head,
        recurring.change_recurrence,
        of.id,
        rule="FREQ=WEEKLY;BYDAY=WE",
        days_before=2,
        on_day_off=OnDayOff.KEEP,
        expected_version=1,
    )
    # the occurrence of 9 March stays; 11 March is the next Wednesday after it
    assert (row.next_on, row.create_on, row.version) == (date(2026, 3, 11), date(2026, 3, 9), 2)
    verb, _, said = (await world.verbs(of.task_id))[-1]
    assert verb == "task.recurrence_changed"
    assert (said["from"]["rule"], said["to"]["rule"]) == ("FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=WE")
    await worked(world, date(2026, 3, 9))
    assert [task.due_on for task in await made(world, of)] == [date(2026, 3, 9), date(2026, 3, 11)]
    for bad, code in (("FREQ=YEARLY", "TASK_DUE_OUTSIDE_PLAN"), ("x", "RECURRENCE_MALFORMED")):
        change = (world.ministry_head, recurring.change_recurrence, of.id)
        assert await world.refused(*change, rule=bad) == (code, ("rule",))
    assert await world.refused(*change, days_before=3, expected_version=1) == (
        "STALE_VERSION",
        ("expectedVersion",),
    )


async def test_a_series_that_was_stopped_brings_nothing_more(world: World) -> None:
    of = await series(world, days_before=3)
    await world.do(world.ministry_head, recurring.stop_repeating, of.id)
    assert await worked(world, date(2026, 3, 9)) == occurrences.OccurrencesReport()
    assert (await world.verbs(of.task_id))[-1][2] == {"recurrence_id": of.id, "because": "STOPPED"}
    for verb in (recurring.stop_repeating, recurring.change_recurrence):
        assert await world.refused(world.ministry_head, verb, of.id) == (
            "RECURRENCE_ENDED",
            ("recurrenceId",),
        )


# -- looking ahead ------------------------------------------------------------------------------------------


async def test_a_preview_shows_what_would_come_and_writes_nothing(world: World) -> None:
    before = await world.everything()
    coming = await world.ask(
        world.nobody,
        recurring.preview,
        "FREQ=MONTHLY",
        date(2026, 4, 2),
        days_before=10,
    )
    assert len(coming) == 10
    assert coming[0] == recurring.Planned(date(2026, 5, 2), date(2026, 5, 4), date(2026, 4, 24))
    assert coming[1] == recurring.Planned(date(2026, 6, 2), date(2026, 6, 2), date(2026, 5, 23))
    assert await world.everything() == before
    async with world.db.snapshot(world.nobody) as tx:
        with pytest.raises(Refused, match="RECURRENCE_NEVER_OCCURS"):
            await recurring.preview(tx, "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", DUE)


async def test_a_preview_walks_through_no_centuries(world: World) -> None:
    """What is counted is walked from its first day on."""
    never = "FREQ=DAILY;COUNT=999;BYMONTH=2;BYMONTHDAY=30"
    async with world.db.snapshot(world.nobody, now=morning(DUE)) as tx:
        with pytest.raises(Refused, match="INVALID_VALUE") as caught:
            await recurring.preview(tx, never, DUE - recurrence_days.HORIZON - timedelta(days=1))
        assert caught.value.path == ("startsOn",)
        with pytest.raises(Refused, match="RECURRENCE_NEVER_OCCURS"):
            await recurring.preview(tx, never, DUE - recurrence_days.HORIZON)


async def test_a_series_tells_what_it_still_brings_within_its_plan(world: World) -> None:
    of = await series(world, "FREQ=MONTHLY", days_before=0)
    coming = (await world.ask(world.province_head, planned_of_recurrences, [of.id]))[of.id]
    assert [one.day.month for one in coming] == [4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert (await world.ask(world.rival_head, planned_of_recurrences, [of.id]))[of.id] == []
    assert await world.ask(world.rival_head, recurrences_by_ids, [of.id]) == {}
    assert set(await world.ask(world.province_member, recurrences_by_ids, [of.id])) == {of.id}


# -- several workers, and their deaths ----------------------------------------------------------------------


async def test_of_many_workers_at_once_each_occurrence_is_created_by_one(world: World) -> None:
    many = [await series(world, days_before=30) for _ in range(12)]
    reports = await asyncio.gather(*[worked(world, DUE, limit=3) for _ in range(4)])
    while (report := await worked(world, DUE, limit=3)).series:
        reports.append(report)
    assert sum(report.created for report in reports) == 12 * 4
    for of in many:
        assert [task.occurrence_on.day for task in await made(world, of) if task.occurrence_on] == [
            9,
            16,
            23,
            30,
        ]


async def test_a_worker_that_dies_in_the_middle_leaves_nothing_and_the_next_does_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = await series(world, days_before=7)
    before = await world.everything()

    async def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(occurrences, "_advance", dies)
        with pytest.raises(KeyboardInterrupt):
            await worked(world, DUE)
    assert await world.everything() == before
    assert (await worked(world, DUE)).created == 1
    assert len(await made(world, of)) == 1


async def test_a_series_that_was_set_back_creates_no_day_twice(world: World, owner: Database) -> None:
    of = await series(world, days_before=7)
    await worked(world, DUE)
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(
            text("UPDATE task_recurrence SET next_on = '2026-03-09', create_on = '2026-03-02'")
        )
    assert (await worked(world, DUE)).created == 0
    assert len(await made(world, of)) == 1
    assert (await now_of(world, of)).next_on == date(2026, 3, 16)


async def test_the_number_of_statements_does_not_grow_with_the_series(world: World) -> None:
    async def counted(number: int) -> int:
        for _ in range(number):
            await series(world, days_before=7)
        with counting(world.db) as sent:
            assert (await worked(world, DUE)).created == number
        return len(sent)

    assert await counted(2) == await counted(9)
