"""Live inboxes over a real websocket: every notification once, to its person, soon."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from api.live_scene import CHANGES, Served, Told, serving
from factories import NOW, SYSTEM
from inbox_scene import build
from statements import counting
from vdept.kernel.db import Database
from vdept.notifications import inbox
from vdept.notifications.adding import Note, notify
from vdept.notifications.models import NotificationKind


@pytest.fixture
async def served(db: Database, database_url: str, redis_url: str) -> AsyncIterator[Served]:
    """The server has connections of its own."""
    database = Database(database_url, pool_size=8)
    async with serving(await build(db), database, redis_url) as running:
        yield running
    await database.close()


async def test_a_notification_is_told_to_its_person_with_how_many_are_unread(served: Served) -> None:
    old = await served.tell(served.lan)
    async with served.line() as lan, served.line() as minh:
        assert await lan.begin(await served.token(served.lan)) == Told(None, 1)
        assert await minh.begin(await served.token(served.minh)) == Told(None, 0)
        new = await served.tell(served.lan)
        told = await lan.change()
        assert (told.id, told.unread) == (served.global_id(new), 2)
        assert (told.message or "").startswith("The task “Nhiệm vụ 1”")
        assert await minh.silent()
        assert await lan.silent(0.01)
    assert old != new


async def test_it_is_told_within_a_second(served: Served) -> None:
    async with served.line() as lan:
        await lan.begin(await served.token(served.lan))
        began = time.monotonic()
        await served.tell(served.lan)
        await lan.change()
        assert time.monotonic() - began < 1


async def test_it_is_told_in_every_window_and_once_in_each(served: Served) -> None:
    token = await served.token(served.lan)
    async with served.line() as one, served.line() as two:
        await one.begin(token)
        await two.begin(token)
        await one.subscribe(name="2")
        await one.change("2")
        new = served.global_id(await served.tell(served.lan))
        heard = {
            said["id"]: said["payload"]["data"]["inboxChanged"]
            for said in [await one.hear(), await one.hear()]
        }
        assert {key: change["notification"]["id"] for key, change in heard.items()} == {"1": new, "2": new}
        assert (await two.change()).id == new
        assert await one.silent()
        assert await two.silent(0.01)


async def test_marking_as_read_elsewhere_is_told_as_a_new_count(served: Served) -> None:
    one = await served.tell(served.lan)
    async with served.line() as lan:
        assert (await lan.begin(await served.token(served.lan))).unread == 1
        await served.do(served.lan, inbox.mark_read, [one])
        assert await lan.change() == Told(None, 0)
        await served.do(served.lan, inbox.mark_read, [one])
        assert await lan.silent()


async def test_what_is_rolled_back_is_never_told(served: Served) -> None:
    async with served.line() as lan:
        await lan.begin(await served.token(served.lan))
        note = Note(served.lan.person_id or 0, None, NotificationKind.REMINDER, "Task", 1, None, {}, "no", 1)
        with pytest.raises(RuntimeError):
            await served.do(SYSTEM, fail_after, note)
        new = await served.tell(served.lan)
        assert (await lan.change()).id == served.global_id(new)
        assert await lan.silent()


async def fail_after(tx: object, note: Note) -> None:
    await notify(tx, [note])  # type: ignore[arg-type]
    raise RuntimeError("rolled back")


async def test_a_lower_number_that_is_committed_later_is_told_as_well(
    served: Served, owner: Database
) -> None:
    """The one that is slow holds the lower number; others come and go meanwhile."""
    person = served.lan.person_id or 0
    slow = Note(person, None, NotificationKind.REMINDER, "Task", 77, None, {}, "slow", 1)
    async with served.line() as lan:
        await lan.begin(await served.token(served.lan))
        async with owner.begin(SYSTEM, now=NOW) as tx:
            await notify(tx, [slow])
            lower = await tx.session.scalar(text("SELECT max(id) FROM notification"))
            higher = [await served.tell(served.lan) for _ in range(3)]
            heard = [(await lan.change()).id for _ in higher]
            assert heard == [served.global_id(number) for number in higher]
            assert lower < min(higher)
            assert await lan.silent()
        await served.tell(served.lan)  # rings
        heard = [(await lan.change()).id for _ in range(2)]
        assert heard[0] == served.global_id(lower)
        assert await lan.silent()


async def test_many_writers_at_once_and_nothing_is_missed_or_told_twice(served: Served) -> None:
    token = await served.token(served.lan)

    async def write(writer: int) -> None:
        for number in range(10):
            notes = [
                Note(
                    served.lan.person_id or 0,
                    None,
                    NotificationKind.REMINDER,
                    "Task",
                    1,
                    None,
                    {},
                    "many",
                    key,
                )
                for key in (writer * 100 + number * 2, writer * 100 + number * 2 + 1)
            ]
            async with served.db.begin(SYSTEM, now=NOW) as tx:
                await notify(tx, notes)
                await asyncio.sleep(0.001 * (writer * number % 7))

    async with served.line() as lan:
        await lan.begin(token)
        await asyncio.gather(*(write(writer) for writer in range(4)))
        heard = [(await lan.change()).id for _ in range(80)]
        assert await lan.silent()
    async with served.db.snapshot(SYSTEM) as tx:
        written = list(await tx.session.scalars(text("SELECT id FROM notification")))
    assert sorted(map(str, heard)) == sorted(map(served.global_id, written))


async def test_a_message_is_in_the_language_that_is_asked_for(served: Served) -> None:
    token = await served.token(served.lan)
    async with served.line(accept_language="vi") as lan:
        await lan.begin(token)
        await served.tell(served.lan)
        assert ((await lan.change()).message or "").startswith("Nhiệm vụ “Nhiệm vụ 1”")


async def test_completing_ends_the_events_and_the_id_may_be_used_again(served: Served) -> None:
    async with served.line() as lan:
        await lan.begin(await served.token(served.lan))
        await lan.say("complete", id="1")
        await lan.say("ping")
        assert await lan.hear() == {"type": "pong"}
        await served.tell(served.lan)
        assert await lan.silent()
        await lan.subscribe()
        assert await lan.change() == Told(None, 1)


async def test_many_who_wait_cost_one_look_and_none_of_them_a_statement(served: Served) -> None:
    """Fifty lines of five people: a ring for one of them is one look of one statement, and their answer."""
    tokens = [await served.token(who) for who in (served.lan, served.minh)]
    async with served.line() as watcher:
        await watcher.begin(tokens[0])
        lines = []
        try:
            for place in range(8):
                line = served.line()
                lines.append((line, await line.__aenter__()))
                await lines[-1][1].begin(tokens[place % 2])
            await asyncio.sleep(0.3)
            database = served.server.services.database
            with counting(database) as idle:
                await asyncio.sleep(0.5)
            assert idle == []
            looks = served.server.live.looks
            with counting(database) as sent:
                await served.tell(served.minh)
                await lines[1][1].change()
                await asyncio.sleep(0.3)
            assert served.server.live.looks - looks == 1
            assert len([one for one in sent if "pg_current_snapshot" in one]) == 1
        finally:
            for line, _ in lines:
                await line.__aexit__(None, None, None)


async def test_without_valkey_the_poll_finds_it(db: Database, database_url: str, redis_url: str) -> None:
    box = await build(db)
    database = Database(database_url, pool_size=8)
    async with serving(box, database, redis_url, poll=0.4) as served:
        box.db.on_commit = None  # nobody rings
        async with served.line() as lan:
            await lan.begin(await served.token(served.lan))
            new = await served.tell(served.lan)
            told = await lan.change()
            assert (told.id, told.unread) == (served.global_id(new), 1)
            await served.do(served.lan, inbox.mark_read, [new])
            assert await lan.change() == Told(None, 0)
            assert await lan.silent(1)
    await database.close()


async def test_nobody_looks_while_nobody_is_connected(
    db: Database, database_url: str, redis_url: str
) -> None:
    database = Database(database_url, pool_size=8)
    async with serving(await build(db), database, redis_url, poll=0.1) as served:
        async with served.line() as lan:
            await lan.begin(await served.token(served.lan))
        await asyncio.sleep(0.3)
        with counting(database) as sent:
            await asyncio.sleep(0.5)
        assert sent == []
        async with served.line() as lan:
            await lan.begin(await served.token(served.lan))
            new = await served.tell(served.lan)
            assert (await lan.change()).id == served.global_id(new)
    await database.close()


async def test_a_reader_gets_it_again_after_the_database_was_away(served: Served, owner: Database) -> None:
    async with served.line() as lan:
        await lan.begin(await served.token(served.lan))
        kill = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        async with owner.begin(SYSTEM) as tx:
            await tx.session.execute(kill)
        new = None
        while new is None:
            try:
                new = await served.tell(served.lan)
            except Exception:  # noqa: BLE001  a connection of the pool that was cut
                await asyncio.sleep(0.05)
        assert (await lan.change()).id == served.global_id(new)


async def test_the_server_says_goodbye_when_it_goes_down(
    db: Database, database_url: str, redis_url: str
) -> None:
    database = Database(database_url, pool_size=8)
    async with serving(await build(db), database, redis_url) as served:
        line = served.line()
        lan = await line.__aenter__()
        await lan.begin(await served.token(served.lan, timedelta(hours=1)))
    assert (await lan.closed())[0] in {1000, 1001, 1012}
    await line.__aexit__(None, None, None)
    await database.close()


async def test_over_http_a_subscription_is_shown_the_way(served: Served) -> None:
    import httpx

    token = await served.token(served.lan)
    url = served.url.replace("ws:", "http:")
    async with httpx.AsyncClient(trust_env=False) as http:
        reply = await http.post(url, json={"query": CHANGES}, headers={"authorization": f"Bearer {token}"})
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert "websocket" in reply.json()["errors"][0]["message"]


async def test_a_bell_that_was_cut_off_is_heard_again(served: Served) -> None:
    """The poll is half a minute away: what is told soon has been rung for."""
    async with served.line() as lan:
        await lan.begin(await served.token(served.lan))
        await served.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        for _ in range(2):
            new = await served.tell(served.lan)
            assert (await lan.change()).id == served.global_id(new)
