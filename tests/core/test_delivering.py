"""Delivering: what is due gets into the inbox once, what has ended by then does not and says why."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from factories import SYSTEM
from reminders_world import MONDAY, Country, R, at, build
from statements import counting
from vdept.deadlines import delivering, delivery_statements
from vdept.deadlines.delivering import DeliveryReport, deliver
from vdept.deadlines.models import (
    Dropped,
    Reminder,
    ReminderBatch,
    ReminderPolicy,
    ReminderStep,
    Subject,
)
from vdept.deadlines.rules import MORNING
from vdept.kernel import driver
from vdept.kernel.clock import LOCAL
from vdept.kernel.db import Database
from vdept.notifications.adding import DOORBELL
from vdept.notifications.models import MailQueue, Notification, NotificationKind, WebhookDelivery
from vdept.tasks.models import Assignee, Task, TaskState

DUE = datetime.combine(MONDAY, MORNING, LOCAL)
THURSDAY = MONDAY + timedelta(days=3)


@pytest.fixture
async def land(db: Database) -> Country:
    return await build(db)


async def inbox(land: Country) -> list[Notification]:
    async with land.db.snapshot(SYSTEM) as tx:
        return list(await tx.session.scalars(sa.select(Notification).order_by(Notification.id)))


async def dropped(land: Country) -> list[Dropped | None]:
    return [one.dropped for one in await land.reminders()]


async def reminders(
    land: Country, count: int, due_at: datetime = DUE, *, size: int = 1000, **more: Any
) -> Task:
    """That many reminders of one task, to the same person, by steps of their own, in batches of ``size``."""
    task = await land.task(more.pop("due_on", THURSDAY))
    who = land.people["province_coordinator"]
    async with land.db.begin(SYSTEM) as tx:
        for first in range(0, count, size):
            ids = await tx.session.scalars(
                sa.insert(Reminder).returning(Reminder.id),
                [
                    {
                        "subject": Subject.TASK,
                        "subject_id": task.id,
                        "due_on": task.due_on,
                        "step": -number,
                        "recipient_id": who.id,
                        "recipient": R.LEAD_COORDINATOR,
                        "unit_id": land.units["province"].id,
                        "scheduled_on": MONDAY,
                        "due_at": due_at,
                        "folded": [],
                        "vacant_unit_ids": [],
                        **more,
                    }
                    for number in range(first, min(first + size, count))
                ],
            )
            made = list(ids)
            tx.session.add(ReminderBatch(first_id=made[0], last_id=made[-1], due_at=due_at))
    return task


async def test_a_reminder_that_is_due_gets_into_the_inbox(land: Country) -> None:
    task = await land.task(THURSDAY, workers=["commune_member"], title="Đường ống nước")
    await land.scan(MONDAY)
    assert await deliver(land.db, now=DUE) == DeliveryReport(1, 2, 0, more=True)
    assert await deliver(land.db, now=DUE) == DeliveryReport()
    one, other = await land.reminders()
    entries = {entry.person_id: entry for entry in await inbox(land)}
    assert entries.keys() == {one.recipient_id, other.recipient_id}
    entry = entries[land.people["commune_member"].id]
    (source,) = [r for r in (one, other) if r.recipient_id == entry.person_id]
    assert (entry.kind, entry.subject_type, entry.subject_id) == (
        NotificationKind.REMINDER,
        "Task",
        task.id,
    )
    assert (entry.origin, entry.origin_id, entry.unit_id) == ("reminder", source.id, source.unit_id)
    assert (entry.created_at, entry.read_at) == (DUE, None)
    assert entry.data == {
        "title": "Đường ống nước",
        "due_on": "2026-03-05",
        "step": -3,
        "days_left": 3,
        "recipient": "ASSIGNEES",
        "folded": [],
        "unit": "Tỉnh",
        "subject": "TASK",
    }
    assert await dropped(land) == [None, None]


async def test_nothing_is_delivered_a_moment_too_early(land: Country) -> None:
    await land.task(THURSDAY)
    await land.scan(MONDAY)
    early = DUE - timedelta(microseconds=1)
    assert await deliver(land.db, now=early) == DeliveryReport(next_at=DUE)
    assert await inbox(land) == []
    assert (await deliver(land.db, now=DUE)).notifications == 1


async def test_nothing_ahead_is_said_as_well(land: Country) -> None:
    assert await deliver(land.db, now=DUE) == DeliveryReport(next_at=None)


async def test_an_escalation_is_one_and_counts_the_days_late(land: Country) -> None:
    await land.task(MONDAY - timedelta(days=3))
    await land.scan(MONDAY)
    await deliver(land.db, now=DUE)
    (entry,) = await inbox(land)
    assert entry.kind is NotificationKind.ESCALATION
    assert entry.person_id == land.people["province_head"].id
    assert (entry.data["days_late"], entry.data["step"], entry.data["recipient"]) == (1, 1, "LEAD_HEAD")
    assert "days_left" not in entry.data


async def test_who_hears_because_nobody_holds_the_role_is_told_so(land: Country) -> None:
    await land.leave("province_head")
    await land.task(MONDAY - timedelta(days=3))
    await land.scan(MONDAY)
    await deliver(land.db, now=DUE)
    (entry,) = await inbox(land)
    assert entry.person_id == land.people["government_head"].id
    assert entry.data["vacant"] == ["Tỉnh"]
    assert entry.data["unit"] == "Tỉnh"


async def test_a_reminder_that_comes_late_counts_the_days_from_when_it_comes(land: Country) -> None:
    """Written on Monday for three working days ahead, delivered on Wednesday: one is left."""
    await land.task(THURSDAY)
    await land.scan(MONDAY)
    await deliver(land.db, now=at(MONDAY + timedelta(days=2), 9, 0))
    (entry,) = await inbox(land)
    assert (entry.data["step"], entry.data["days_left"]) == (-3, 1)


async def test_one_that_comes_after_the_due_date_says_that_it_is_late(land: Country) -> None:
    await land.task(THURSDAY)
    await land.scan(MONDAY)
    await deliver(land.db, now=at(MONDAY + timedelta(days=7), 9, 0))
    (entry,) = await inbox(land)
    assert (entry.data["step"], entry.data["days_late"]) == (-3, 2)


ENDED: list[tuple[str, dict[str, Any], Dropped]] = [
    ("delivered", {"state": TaskState.DELIVERED, "delivered_on": MONDAY}, Dropped.DONE),
    ("verified", {"state": TaskState.VERIFIED, "delivered_on": MONDAY}, Dropped.DONE),
    (
        "paused",
        {
            "state": TaskState.PAUSED,
            "state_reason": "quá tải",
            "review_on": date(2026, 4, 1),
            "paused_on": MONDAY,
        },
        Dropped.PAUSED,
    ),
    ("cancelled", {"state": TaskState.CANCELLED, "state_reason": "thôi"}, Dropped.CANCELLED),
    ("declined", {"state": TaskState.DECLINED, "state_reason": "không nhận"}, Dropped.DECLINED),
    ("extended", {"due_on": THURSDAY + timedelta(days=1)}, Dropped.MOVED),
    ("brought forward", {"due_on": MONDAY}, Dropped.MOVED),
]


@pytest.mark.parametrize(("case", "change", "why"), ENDED, ids=[row[0] for row in ENDED])
async def test_what_ended_before_its_moment_is_not_sent(
    land: Country, case: str, change: dict[str, Any], why: Dropped
) -> None:
    task = await land.task(THURSDAY)
    await land.task(THURSDAY, title="still open")
    await land.scan(MONDAY)
    await land.change(task, **change)
    assert await deliver(land.db, now=DUE) == DeliveryReport(1, 1, 1, more=True), case
    assert [entry.data["title"] for entry in await inbox(land)] == ["still open"]
    assert sorted(await dropped(land), key=str) == sorted([None, why], key=str)


@pytest.mark.parametrize("state", [TaskState.OPEN, TaskState.OFFERED, TaskState.ACCEPTED])
async def test_what_is_still_open_is_sent(land: Country, state: TaskState) -> None:
    task = await land.task(THURSDAY)
    await land.scan(MONDAY)
    await land.change(task, state=state)
    assert (await deliver(land.db, now=DUE)).notifications == 1


async def test_who_is_no_longer_assigned_or_active_is_not_told(land: Country) -> None:
    task = await land.task(THURSDAY, workers=["commune_member", "commune_head", "commune_coordinator"])
    await land.scan(MONDAY)
    async with land.db.begin(SYSTEM) as tx:
        person = land.people["commune_member"].id
        await tx.session.execute(
            sa.delete(Assignee).where(Assignee.task_id == task.id, Assignee.person_id == person)
        )
        await tx.session.execute(
            sa.text("UPDATE person SET active = false WHERE id = :id"),
            {"id": land.people["commune_head"].id},
        )
    assert await deliver(land.db, now=DUE) == DeliveryReport(1, 2, 2, more=True)
    told = {entry.person_id for entry in await inbox(land)}
    assert told == {land.people[name].id for name in ("commune_coordinator", "province_coordinator")}
    assert (await dropped(land)).count(Dropped.RECIPIENT_LEFT) == 2


async def test_who_hears_because_nobody_does_the_work_is_told(land: Country) -> None:
    """A plan that reminds nobody but assignees, and a task that nobody works on."""
    async with land.db.begin(SYSTEM) as tx:
        tx.session.add(ReminderPolicy(plan_id=land.plan.id, changed_at=DUE))
        await tx.session.flush()
        tx.session.add(ReminderStep(plan_id=land.plan.id, step=-3, recipient=R.ASSIGNEES))
    await land.task(THURSDAY, of=land.plan)
    await land.scan(MONDAY)
    assert await deliver(land.db, now=DUE) == DeliveryReport(1, 1, 0, more=True)
    (entry,) = await inbox(land)
    assert (entry.person_id, entry.data["recipient"]) == (land.people["province_coordinator"].id, "ASSIGNEES")


@pytest.mark.parametrize("who", ["province_coordinator", "commune_member"])
async def test_whose_role_ended_since_the_scan_is_not_told(land: Country, who: str) -> None:
    await land.task(THURSDAY, workers=["commune_member"])
    await land.scan(MONDAY)
    await land.leave(who, on=MONDAY - timedelta(days=1))
    assert await deliver(land.db, now=DUE) == DeliveryReport(1, 1, 1, more=True)
    assert land.people[who].id not in {entry.person_id for entry in await inbox(land)}
    assert (await dropped(land)).count(Dropped.RECIPIENT_LEFT) == 1


async def test_who_leaves_at_the_end_of_the_day_is_still_told(land: Country) -> None:
    await land.task(THURSDAY)
    await land.scan(MONDAY)
    await land.leave("province_coordinator", on=MONDAY)
    assert await deliver(land.db, now=DUE) == DeliveryReport(1, 1, 0, more=True)


async def test_what_stands_in_an_inbox_already_keeps_nothing_else_back(land: Country) -> None:
    await reminders(land, 3)
    second = (await land.reminders())[1]
    async with land.db.begin(SYSTEM) as tx:
        tx.session.add(
            Notification(
                person_id=second.recipient_id,
                unit_id=second.unit_id,
                kind=NotificationKind.REMINDER,
                subject_type="Task",
                subject_id=second.subject_id,
                origin="reminder",
                origin_id=second.id,
                created_at=DUE,
            )
        )
    assert await deliver(land.db, now=DUE) == DeliveryReport(1, 2, 0, more=True)
    assert sorted(entry.origin_id for entry in await inbox(land)) == [r.id for r in await land.reminders()]
    assert await deliver(land.db, now=DUE) == DeliveryReport()


REVIEW_ENDS: list[tuple[str, dict[str, Any], Dropped]] = [
    (
        "resumed",
        {"state": TaskState.IN_PROGRESS, "review_on": None, "paused_on": None, "state_reason": None},
        Dropped.MOVED,
    ),
    ("reviewed later", {"review_on": date(2026, 4, 1)}, Dropped.MOVED),
    ("cancelled", {"state": TaskState.CANCELLED, "review_on": None, "paused_on": None}, Dropped.CANCELLED),
    (
        "delivered",
        {"state": TaskState.DELIVERED, "review_on": None, "paused_on": None, "delivered_on": MONDAY},
        Dropped.DONE,
    ),
]


async def paused(land: Country) -> Task:
    return await land.task(
        date(2026, 6, 1),
        state=TaskState.PAUSED,
        state_reason="quá tải",
        review_on=MONDAY,
        paused_on=date(2026, 2, 2),
        title="Cầu",
    )


async def test_the_review_of_a_pause_is_due(land: Country) -> None:
    task = await paused(land)
    await land.scan(MONDAY)
    await deliver(land.db, now=DUE)
    (entry,) = await inbox(land)
    assert (entry.kind, entry.subject_type, entry.subject_id) == (
        NotificationKind.REVIEW_DUE,
        "Task",
        task.id,
    )
    assert (entry.data["title"], entry.data["due_on"]) == ("Cầu", "2026-03-02")
    assert entry.data["subject"] == "TASK_REVIEW"


@pytest.mark.parametrize(("case", "change", "why"), REVIEW_ENDS, ids=[row[0] for row in REVIEW_ENDS])
async def test_a_review_that_has_no_more_reason_is_not_sent(
    land: Country, case: str, change: dict[str, Any], why: Dropped
) -> None:
    task = await paused(land)
    await land.scan(MONDAY)
    await land.change(task, **change)
    assert await deliver(land.db, now=DUE) == DeliveryReport(1, 0, 1, more=True), case
    assert await dropped(land) == [why]


async def test_many_small_batches_go_in_one_transaction_and_large_ones_apart(land: Country) -> None:
    await reminders(land, 60, size=1)
    assert (await deliver(land.db, now=DUE, limit=50)).batches == 50
    assert (await deliver(land.db, now=DUE)).batches == 10
    await reminders(land, 60, size=20)
    assert await deliver(land.db, now=DUE, size=20) == DeliveryReport(1, 20, 0, more=True)
    assert await deliver(land.db, now=DUE, size=40) == DeliveryReport(2, 40, 0, more=True)


async def test_a_batch_larger_than_wanted_is_taken_whole(land: Country) -> None:
    await reminders(land, 60)
    assert await deliver(land.db, now=DUE, size=5) == DeliveryReport(1, 60, 0, more=True)


async def test_the_oldest_come_first(land: Country) -> None:
    late, early = DUE + timedelta(hours=1), DUE - timedelta(days=1)
    for due_at in (late, DUE, early):
        await reminders(land, 1, due_at)
    seen = []
    for _ in range(3):
        await deliver(land.db, now=late, limit=1)
        seen.append((await inbox(land))[-1].origin_id)
    assert seen == [one.id for one in sorted(await land.reminders(), key=lambda one: one.due_at)]


async def test_of_a_range_only_what_is_due_with_its_batch_is_delivered(land: Country) -> None:
    """A reminder that was dropped and made anew under a later number is not its old batch's any more."""
    await reminders(land, 3)
    async with land.db.begin(SYSTEM) as tx:
        middle = sa.select(sa.func.min(Reminder.id) + 1).scalar_subquery()
        later = DUE + timedelta(days=1)
        await tx.session.execute(sa.update(Reminder).where(Reminder.id == middle).values(due_at=later))
    assert (await deliver(land.db, now=DUE)).notifications == 2


async def test_statements_do_not_depend_on_the_number_of_reminders(land: Country) -> None:
    sent = []
    for count in (1, 500):
        await reminders(land, count, size=100)
        with counting(land.db) as statements:
            assert (await deliver(land.db, now=DUE)).notifications == count
        sent.append(len(statements))
    assert sent == [2, 2]


async def test_the_bell_rings_once_something_is_there_and_not_before(land: Country) -> None:
    rung: list[frozenset[str]] = []

    async def ring(bells: frozenset[str]) -> None:
        assert await inbox(land)
        rung.append(bells)

    land.db.on_commit = ring
    await deliver(land.db, now=DUE)
    await reminders(land, 2)
    await deliver(land.db, now=DUE)
    assert rung == [frozenset({DOORBELL})]


async def test_mail_and_webhooks_are_queued_with_it(land: Country) -> None:
    async with land.db.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.text(
                "INSERT INTO webhook_endpoint (unit_id, url, kinds, secret, created_at)"
                " VALUES (:unit, 'https://example.vn/hook', '{}', '', now())"
            ),
            {"unit": land.units["province"].id},
        )
    await reminders(land, 3)
    await deliver(land.db, now=DUE)
    async with land.db.snapshot(SYSTEM) as tx:
        for queue in (MailQueue, WebhookDelivery):
            assert await tx.session.scalar(sa.select(sa.func.count()).select_from(queue)) == 3


async def test_a_failure_in_the_middle_leaves_everything_to_the_next(
    land: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reminders(land, 3)
    effect = delivery_statements.EFFECT.first

    async def failing(*given: Any) -> Any:
        await effect(*given)
        raise ZeroDivisionError

    monkeypatch.setattr(delivery_statements.EFFECT, "first", failing)
    with pytest.raises(ZeroDivisionError):
        await deliver(land.db, now=DUE)
    assert await inbox(land) == []
    monkeypatch.undo()
    assert (await deliver(land.db, now=DUE)).notifications == 3


async def test_what_one_has_claimed_the_others_pass_over(land: Country) -> None:
    await reminders(land, 30, size=10)
    async with land.db.begin(SYSTEM, now=DUE) as tx:
        given = {"now": DUE, "most": 1, "size": 10}
        (held,) = await delivery_statements.CLAIM.all(tx, given)
        report = await asyncio.wait_for(deliver(land.db, now=DUE), 5)
        assert (report.batches, report.notifications) == (2, 20)
        assert await deliver(land.db, now=DUE) == DeliveryReport()
    assert await deliver(land.db, now=DUE) == DeliveryReport(1, 10, 0, more=True)
    assert held["first_id"] == min(entry.id for entry in await land.reminders())


async def test_of_many_at_once_each_reminder_is_delivered_by_one(land: Country) -> None:
    await reminders(land, 400, size=10)
    others = [Database(str(land.db.engine.url.render_as_string(False)), pool_size=2) for _ in range(4)]

    async def drain(database: Database) -> int:
        count = 0
        while (report := await deliver(database, now=DUE, limit=2)).more:
            count += report.notifications
        return count

    counts = await asyncio.gather(*(drain(database) for database in others))
    for database in others:
        await database.close()
    assert sum(counts) == 400
    assert sorted(e.origin_id for e in await inbox(land)) == [one.id for one in await land.reminders()]


async def test_a_worker_that_says_nothing_loses_what_it_claimed(
    land: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reminders(land, 3)
    monkeypatch.setattr(delivering, "_OPENING", delivery_statements.LEASE.format(lease=1))
    frozen = Database(str(land.db.engine.url.render_as_string(False)), pool_size=2)

    async def freeze() -> None:
        async with frozen.begin(SYSTEM, now=DUE) as tx:
            await driver.send(tx, delivering._OPENING)
            assert await delivery_statements.CLAIM.all(tx, {"now": DUE, "most": 1, "size": 1})
            assert await deliver(land.db, now=DUE) == DeliveryReport()
            await asyncio.sleep(1.5)
            assert (await deliver(land.db, now=DUE)).notifications == 3
            await delivery_statements.CLAIM.all(tx, {"now": DUE, "most": 1, "size": 1})

    with pytest.raises(sa.exc.DBAPIError):
        await freeze()
    await frozen.close()
    assert len(await inbox(land)) == 3
