"""The second wall around deadlines: what bare statements of somebody reach, whatever the code forgot."""

from datetime import date
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from factories import NOW, SYSTEM, participation, task
from tasks_world import World, build
from vdept.deadlines.models import Recipient, Reminder, Subject
from vdept.feeds.models import CalendarFeed
from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope, implied
from vdept.notifications.models import (
    Mail,
    MailQueue,
    MailState,
    Notification,
    NotificationKind,
    NotificationPreference,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookState,
)
from vdept.targets.models import Audience
from vdept.tasks.models import ExtensionState, OnDayOff, TaskExtension, TaskRecurrence
from vdept.warnings.models import EarlyWarning, Severity, WarningKind, WarningSubject

DAY = date(2026, 3, 9)
PERSONAL = ("notification", "notification_preference", "mail", "calendar_feed")
OF_UNITS = ("webhook_endpoint", "webhook_delivery")
OF_TASKS = ("reminder", "early_warning", "task_extension", "task_recurrence")
TABLES = (*PERSONAL, *OF_UNITS, *OF_TASKS, "mail_queue")
NOTHING: dict[str, list[str]] = {table: [] for table in TABLES}


class Side(NamedTuple):
    """Somebody with a unit, and a task that only that unit takes part in."""

    name: str
    who: Actor
    unit_id: int
    task_id: int
    endpoint_id: int


class Sides(NamedTuple):
    db: Database
    world: World
    mine: Side
    theirs: Side


@pytest.fixture
async def sides(db: Database) -> Sides:
    world = await build(db)
    made = [await _side(world, name) for name in ("firm", "rival")]
    return Sides(db, world, *made)


async def _side(world: World, name: str) -> Side:
    """One row in every table, marked with the side's name where a text says whose it is."""
    who, unit_id = world.actors[f"{name}_head"], world.units[name].id
    person_id = who.person_id
    assert person_id is not None
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        row = await task(tx, world.ministry, audience=Audience.PARTICIPANTS, title=name)
        await participation(tx, row, world.units[name])
        told = Notification(
            person_id=person_id,
            unit_id=unit_id,
            kind=NotificationKind.REMINDER,
            subject_type="Task",
            subject_id=row.id,
            data={"title": name},
            origin="test",
            origin_id=row.id,
            created_at=NOW,
        )
        endpoint = WebhookEndpoint(
            unit_id=unit_id, url=f"https://{name}.vn", kinds=[], secret=b"sealed", created_at=NOW
        )
        tx.session.add_all([told, endpoint])
        await tx.session.flush()
        tx.session.add_all(
            [
                NotificationPreference(person_id=person_id, muted=[name]),
                MailQueue(notification_id=told.id, person_id=person_id, due_at=NOW),
                Mail(
                    person_id=person_id,
                    notification_ids=[told.id],
                    state=MailState.PENDING,
                    created_at=NOW,
                    next_at=NOW,
                    error=name,
                ),
                WebhookDelivery(
                    endpoint_id=endpoint.id,
                    notification_id=told.id,
                    kind="REMINDER",
                    state=WebhookState.PENDING,
                    created_at=NOW,
                    next_at=NOW,
                    error=name,
                ),
                Reminder(
                    subject=Subject.TASK,
                    subject_id=row.id,
                    due_on=DAY,
                    step=0,
                    recipient_id=person_id,
                    recipient=Recipient.ASSIGNEES,
                    unit_id=unit_id,
                    scheduled_on=DAY,
                    due_at=NOW,
                ),
                EarlyWarning(
                    kind=WarningKind.ABANDONED,
                    subject=WarningSubject.TASK,
                    subject_id=row.id,
                    unit_id=unit_id,
                    severity=Severity.AT_RISK,
                    evidence={},
                    opened_on=DAY,
                    opened_at=NOW,
                ),
                TaskExtension(
                    task_id=row.id,
                    unit_id=unit_id,
                    requested_at=NOW,
                    due_on=DAY,
                    wanted_due_on=DAY,
                    reason=name,
                    state=ExtensionState.REQUESTED,
                ),
                TaskRecurrence(
                    task_id=row.id,
                    rule="FREQ=MONTHLY",
                    starts_on=DAY,
                    days_before=1,
                    on_day_off=OnDayOff.KEEP,
                    created_at=NOW,
                ),
                CalendarFeed(person_id=person_id, digest=name.encode(), created_at=NOW),
            ]
        )
        return Side(name, who, unit_id, row.id, endpoint.id)


WHOSE = {
    "notification": "SELECT data->>'title' FROM notification",
    "notification_preference": "SELECT muted[1] FROM notification_preference",
    "mail": "SELECT error FROM mail",
    "calendar_feed": "SELECT convert_from(digest, 'UTF8') FROM calendar_feed",
    "webhook_endpoint": "SELECT substr(url, 9, length(url) - 11) FROM webhook_endpoint",
    "webhook_delivery": "SELECT error FROM webhook_delivery",
    "reminder": "SELECT t.title FROM reminder r JOIN task t ON t.id = r.subject_id",
    "early_warning": "SELECT t.title FROM early_warning w JOIN task t ON t.id = w.subject_id",
    "task_extension": "SELECT reason FROM task_extension",
    "task_recurrence": "SELECT t.title FROM task_recurrence r JOIN task t ON t.id = r.task_id",
    "mail_queue": "SELECT CAST(person_id AS text) FROM mail_queue",
}
"""Bare statements that say whose rows a table shows."""


async def shown(database: Database, who: Actor) -> dict[str, list[str]]:
    async with database.snapshot(who) as tx:
        return {table: sorted(map(str, await tx.session.scalars(text(WHOSE[table])))) for table in TABLES}


async def test_everybody_is_shown_their_own_and_nobody_elses(sides: Sides) -> None:
    for side in (sides.mine, sides.theirs):
        own = {table: [side.name] for table in TABLES} | {"mail_queue": []}
        assert await shown(sides.db, side.who) == own


async def test_an_official_who_has_nothing_to_do_with_it_is_shown_nothing(sides: Sides) -> None:
    assert await shown(sides.db, sides.world.other_head) == NOTHING


async def test_whoever_sees_the_tasks_sees_what_belongs_to_them_and_no_inbox(sides: Sides) -> None:
    both = [sides.mine.name, sides.theirs.name]
    expected = NOTHING | dict.fromkeys(OF_TASKS, both)
    assert await shown(sides.db, sides.world.ministry_head) == expected


async def test_nobody_is_shown_nothing_and_the_platform_everything(sides: Sides) -> None:
    assert await shown(sides.db, Actor(ActorKind.PERSON)) == NOTHING
    seen = await shown(sides.db, SYSTEM)
    assert {table: len(rows) for table, rows in seen.items()} == dict.fromkeys(TABLES, 2)


@pytest.mark.parametrize(
    ("scopes", "inbox", "tasks"),
    [
        ({Scope.NOTIFICATIONS_READ}, True, False),
        ({Scope.TASKS_READ}, False, True),
        ({Scope.NOTIFICATIONS_WRITE, Scope.TASKS_WRITE}, True, True),
        ({Scope.PLANS_READ}, False, False),
    ],
    ids=["inbox", "tasks", "both", "neither"],
)
async def test_a_client_of_a_person_opens_their_inbox_only_with_that_scope(
    sides: Sides, scopes: set[Scope], inbox: bool, tasks: bool
) -> None:
    who = sides.mine.who
    seat = Seat(sides.mine.unit_id, Role.HEAD, (sides.mine.unit_id,), public_body=False)
    client = Actor(
        ActorKind.CLIENT, person_id=who.person_id, client_id=1, seats=(seat,), scopes=implied(scopes)
    )
    seen = await shown(sides.db, client)
    assert seen["notification"] == ([sides.mine.name] if inbox else [])
    assert seen["calendar_feed"] == ([sides.mine.name] if inbox else [])
    assert seen["task_extension"] == ([sides.mine.name] if tasks else [])
    assert seen["webhook_endpoint"] == ([sides.mine.name] if tasks else [])


CHANGES: dict[str, str] = {
    "notification": "UPDATE notification SET read_at = now()",
    "notification_preference": "UPDATE notification_preference SET bounces = 2",
    "calendar_feed": "UPDATE calendar_feed SET revoked_at = now()",
    "webhook_endpoint": "UPDATE webhook_endpoint SET version = 7",
    "webhook_delivery": "UPDATE webhook_delivery SET attempts = 7",
    "early_warning": "UPDATE early_warning SET escalated_at = now()",
    "task_extension": "UPDATE task_extension SET reason = reason",
    "task_recurrence": "UPDATE task_recurrence SET version = 7",
}


@pytest.mark.parametrize("table", sorted(CHANGES))
async def test_a_bare_update_reaches_ones_own_rows_only(sides: Sides, table: str) -> None:
    async with sides.db.begin(sides.mine.who) as tx:
        answer: Any = await tx.session.execute(text(CHANGES[table]))
        assert answer.rowcount == 1
    async with sides.db.begin(sides.world.other_head) as tx:
        answer = await tx.session.execute(text(CHANGES[table]))
        assert answer.rowcount == 0


@pytest.mark.parametrize("table", ["mail", "mail_queue", "reminder"])
async def test_what_only_jobs_change_nobody_else_changes(sides: Sides, table: str) -> None:
    async with sides.db.begin(sides.mine.who) as tx:
        for statement in (f"UPDATE {table} SET person_id = person_id", f"DELETE FROM {table}"):
            column = "recipient_id" if table == "reminder" else "person_id"
            answer: Any = await tx.session.execute(text(statement.replace("person_id", column)))
            assert answer.rowcount == 0, statement


@pytest.mark.parametrize(
    "table",
    [
        "notification",
        "notification_preference",
        "webhook_endpoint",
        "webhook_delivery",
        "early_warning",
        "task_extension",
        "task_recurrence",
        "calendar_feed",
    ],
)
async def test_what_was_said_nobody_deletes_not_even_the_platform(sides: Sides, table: str) -> None:
    for who in (sides.mine.who, SYSTEM):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with sides.db.begin(who) as tx:
                await tx.session.execute(text(f"DELETE FROM {table}"))


FORGED = {
    "a notification for somebody": "INSERT INTO notification (person_id, kind, subject_type, subject_id, "
    "origin, origin_id, created_at) VALUES (:person, 'REMINDER', 'Task', 1, 'x', 1, now())",
    "a mail to somebody": "INSERT INTO mail (person_id, notification_ids, state, created_at, next_at) "
    "VALUES (:person, '{}', 'PENDING', now(), now())",
    "somebody's preference": "INSERT INTO notification_preference (person_id) VALUES (:nobody)",
    "an endpoint of another unit": "INSERT INTO webhook_endpoint (unit_id, url, kinds, secret, created_at) "
    "VALUES (:unit, 'https://a.vn', '{}', 'x', now())",
    "a delivery to another unit's endpoint": "INSERT INTO webhook_delivery (endpoint_id, state, created_at, "
    "next_at) VALUES (:endpoint, 'PENDING', now(), now())",
    "a feed of somebody's": "INSERT INTO calendar_feed (person_id, digest, created_at) "
    "VALUES (:person, 'x', now())",
    "a reminder": "INSERT INTO reminder (subject, subject_id, due_on, step, recipient_id, recipient, "
    "unit_id, scheduled_on, due_at) VALUES ('TASK', 1, now(), 1, :person, 'ASSIGNEES', :unit, now(), now())",
    "a warning": "INSERT INTO early_warning (kind, subject, subject_id, unit_id, severity, evidence, "
    "opened_on, opened_at) VALUES ('PACE', 'TASK', 1, :unit, 'AT_RISK', '{}', now(), now())",
    "a request in another's task": "INSERT INTO task_extension (task_id, unit_id, requested_at, due_on, "
    "wanted_due_on, reason, state) VALUES (:task, :unit, now(), now(), now(), 'x', 'REQUESTED')",
    "a series of another's task": "INSERT INTO task_recurrence (task_id, rule, starts_on, days_before, "
    "on_day_off, created_at) VALUES (:task, 'x', now(), 1, 'KEEP', now())",
}


@pytest.mark.parametrize("forged", sorted(FORGED))
async def test_nobody_puts_in_what_is_not_theirs(sides: Sides, forged: str) -> None:
    theirs = sides.theirs
    given = {
        "person": theirs.who.person_id,
        "nobody": sides.world.other_head.person_id,
        "unit": theirs.unit_id,
        "endpoint": theirs.endpoint_id,
        "task": theirs.task_id,
    }
    statement = FORGED[forged]
    with pytest.raises(DBAPIError, match="row-level security"):
        async with sides.db.begin(sides.mine.who) as tx:
            await tx.session.execute(
                text(statement), {name: value for name, value in given.items() if f":{name}" in statement}
            )
