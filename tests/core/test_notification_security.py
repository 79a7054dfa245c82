"""Whose inbox, preferences and queues somebody gets at: with both walls, and behind the second one alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import factories
from factories import NOW, SYSTEM
from inbox_scene import Inbox, build
from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.kernel.scopes import Scope
from vdept.notifications import inbox, preferences, queries
from vdept.notifications.adding import Note, notify
from vdept.notifications.models import Notification, NotificationKind
from vdept.people.actors import actor_for

NOBODY = Actor(ActorKind.PERSON)


@pytest.fixture
async def box(db: Database) -> Inbox:
    return await build(db)


@pytest.fixture
def without_the_first_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if whoever wrote the conditions had forgotten them."""
    for module in (queries, inbox):
        monkeypatch.setattr(module, "visible_notifications", lambda _actor: sa.true())
    monkeypatch.setattr(preferences, "visible_preferences", lambda _actor: sa.true())


async def administrator(box: Inbox) -> Actor:
    async with box.db.begin(SYSTEM, now=NOW) as tx:
        row = await factories.person(tx, "Quản trị viên", administrator=True)
        return await actor_for(tx.session, row, tx.today)


def machine(box: Inbox) -> Actor:
    """A client that acts for the unit, with every scope there is."""
    seat = Seat(box.unit.id, Role.COORDINATOR, (box.unit.id,), public_body=True)
    return Actor(ActorKind.CLIENT, client_id=1, seats=(seat,), scopes=frozenset(Scope))


def acting_for(who: Actor, *scopes: Scope) -> Actor:
    return replace(who, client_id=1, scopes=frozenset(scopes))


STRANGERS: dict[str, Callable[[Inbox], Actor]] = {
    "somebody else of the unit": lambda box: box.minh,
    "nobody": lambda _box: NOBODY,
    "a client that acts for the unit": machine,
    "a client without the scope": lambda box: acting_for(box.lan, Scope.TASKS_READ, Scope.PEOPLE_READ),
}


# -- both walls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", STRANGERS)
async def test_nobody_but_its_person_sees_an_inbox(box: Inbox, who: str) -> None:
    actor, one = STRANGERS[who](box), await box.tell(box.lan)
    assert await box.page(actor) == []
    assert await box.ask(actor, queries.notifications_by_ids, [one]) == {}
    assert await box.ask(actor, queries.unread_by_kind) == {}
    assert await box.ask(actor, queries.counts_by_subject, [("Task", 1)]) == {}
    assert (await box.ask(actor, queries.inbox_by_subject, PageRequest())).rows == []


async def test_an_administrator_sees_their_own_inbox_only(box: Inbox) -> None:
    admin = await administrator(box)
    one, own = await box.tell(box.lan), await box.tell(admin)
    assert await box.page(admin) == [own]
    assert await box.do(admin, inbox.mark_read, [one, own]) == 1
    assert await box.do(admin, inbox.mark_all_read) == 0
    assert await box.unread(box.lan) == [one]
    await box.do(box.lan, preferences.set_preferences, email=False)
    assert (await box.ask(admin, preferences.preferences_of)).version == 0


async def test_the_platforms_own_jobs_see_every_inbox(box: Inbox) -> None:
    told = [await box.tell(box.lan), await box.tell(box.minh)]
    assert await box.page(SYSTEM) == told[::-1]


async def test_a_client_that_acts_for_a_person_does_with_their_inbox_what_its_scopes_let_it(
    box: Inbox,
) -> None:
    one = await box.tell(box.lan)
    reader, writer = [
        acting_for(box.lan, *scopes)
        for scopes in (
            (Scope.NOTIFICATIONS_READ,),
            (Scope.NOTIFICATIONS_READ, Scope.NOTIFICATIONS_WRITE),
        )
    ]
    assert await box.page(reader) == [one]
    for verb, given in (
        (inbox.mark_read, ([one],)),
        (inbox.mark_all_read, ()),
        (preferences.set_preferences, ()),
        (preferences.resume_email, ()),
    ):
        with pytest.raises(Refused) as caught:
            await box.do(reader, verb, *given)
        assert caught.value.code == "FORBIDDEN"
    assert await box.unread(box.lan) == [one]
    assert await box.do(writer, inbox.mark_read, [one]) == 1


# -- the second wall alone -----------------------------------------------------------------------------


@pytest.mark.usefixtures("without_the_first_wall")
@pytest.mark.parametrize("who", STRANGERS)
async def test_without_the_first_wall_nobody_sees_an_inbox_either(box: Inbox, who: str) -> None:
    actor, one = STRANGERS[who](box), await box.tell(box.lan)
    assert await box.page(actor) == []
    assert await box.ask(actor, queries.notifications_by_ids, [one]) == {}
    assert await box.ask(actor, queries.unread_by_kind) == {}
    assert (await box.ask(actor, queries.inbox_by_subject, PageRequest())).rows == []


@pytest.mark.usefixtures("without_the_first_wall")
async def test_without_the_first_wall_its_person_still_sees_their_own(box: Inbox) -> None:
    one = await box.tell(box.lan)
    await box.tell(box.minh)
    assert await box.page(box.lan) == [one]


BARE = {
    "read": "SELECT id FROM notification",
    "mark": "UPDATE notification SET read_at = now() RETURNING id",
    "preferences": "SELECT person_id FROM notification_preference",
    "change": "UPDATE notification_preference SET email = true RETURNING person_id",
    "queue": "SELECT notification_id FROM mail_queue",
    "mails": "SELECT id FROM mail",
}


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("what", BARE)
async def test_bare_sql_in_somebody_elses_name_gets_at_nothing(box: Inbox, who: str, what: str) -> None:
    one = await box.tell(box.lan)
    await box.do(box.lan, preferences.set_preferences, muted=["REVIEW_DUE"])
    async with box.db.begin(SYSTEM) as tx:
        mail = (
            "INSERT INTO mail (person_id, notification_ids, state, created_at, next_at) "
            "VALUES (:person, ARRAY[CAST(:one AS bigint)], 'PENDING', now(), now())"
        )
        await tx.session.execute(text(mail), {"person": box.lan.person_id, "one": one})
        for statement in BARE.values():
            assert (await tx.session.execute(text(statement))).all()
    async with box.db.begin(STRANGERS[who](box)) as tx:
        assert (await tx.session.execute(text(BARE[what]))).all() == []


async def test_nobody_plants_a_notification_or_moves_one_into_another_inbox(box: Inbox) -> None:
    one = await box.tell(box.minh)
    note = Note(box.lan.person_id or 0, None, NotificationKind.REMINDER, "Task", 1, None, {}, "forged", 1)

    async def forge(tx: Any) -> None:
        await notify(tx, [note])

    async def give(tx: Any) -> None:
        moved = sa.update(Notification).where(Notification.id == one).values(person_id=box.lan.person_id)
        await tx.session.execute(moved)

    async def prefer(tx: Any) -> None:
        made = "INSERT INTO notification_preference (person_id, email) VALUES (:person, false)"
        await tx.session.execute(text(made), {"person": box.lan.person_id})

    for attempt in (forge, give, prefer):
        with pytest.raises(DBAPIError, match="row-level security"):
            await box.do(box.minh, attempt)
    assert await box.page(box.lan) == []
    assert await box.page(box.minh) == [one]


async def test_nobody_deletes_a_notification(box: Inbox) -> None:
    one = await box.tell(box.lan)

    async def delete(tx: Any) -> None:
        await tx.session.execute(text("DELETE FROM notification"))

    with pytest.raises(DBAPIError, match="permission denied"):
        await box.do(box.lan, delete)
    assert await box.page(box.lan) == [one]


async def test_what_row_security_sees_goes_with_the_transaction(box: Inbox, database_url: str) -> None:
    """One connection serves many people in turn: nobody sees through the one before."""
    one = await box.tell(box.lan)
    single = Database(database_url, pool_size=2)
    try:
        for who, sees in ((box.lan, [one]), (box.minh, []), (NOBODY, []), (box.lan, [one])):
            async with single.snapshot(who, now=datetime.now(UTC)) as tx:
                assert list(await tx.session.scalars(text("SELECT id FROM notification"))) == sees
    finally:
        await single.close()
