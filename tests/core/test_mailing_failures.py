"""Servers that refuse, hang or go away, and senders that die: nothing is lost, and repeats are the same."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import mailing_scene as scene
from factories import SYSTEM
from mailing_scene import (
    NOON,
    Server,
    deliver,
    later,
    mails,
    people,
    person,
    post,
    prefer,
    preference,
    queued,
    running,
    send_all,
    sending,
    tell,
)
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale
from vdept.notifications.mailing import claiming, settling
from vdept.notifications.mailing.claiming import LEASE
from vdept.notifications.mailing.gathering import gather_all
from vdept.notifications.mailing.rules import TRIES, Answer, Fate
from vdept.notifications.mailing.settling import Settled
from vdept.notifications.models import MailState, Notification, NotificationKind
from vdept.notifications.words import sentence

REFUSED = "550 5.1.1 <an@example.vn> unknown: secret words of the server"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running() as one:
        yield one


async def of(db: Database, kind: NotificationKind) -> list[Notification]:
    async with db.snapshot(SYSTEM) as tx:
        query = sa.select(Notification).where(Notification.kind == kind).order_by(Notification.id)
        return list(await tx.session.scalars(query))


async def test_an_address_is_given_up_after_the_third_refusal_and_its_person_is_shown_why(
    db: Database, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="mail.log")  # the receiver is the test's own
    who = await person(db, email="an@example.vn")
    server.rcpt = lambda _address: REFUSED
    for number in range(2):
        await tell(db, who, now=later(number))
        assert await deliver(db, server, later(number, seconds=3)) == (0, 0, 1, 0)
        row = await preference(db, who)
        assert row is not None
        assert (row.bounces, row.stopped_at) == (number + 1, None)
    await tell(db, who, now=later(2))
    assert await deliver(db, server, later(2, seconds=3)) == (0, 0, 1, 1)
    row = await preference(db, who)
    assert row is not None
    assert (row.bounces, row.stopped_at, row.stopped_because) == (3, later(2, seconds=3), "RCPT 550 5.1.1")
    assert (row.email, row.muted, row.version) == (True, [], 1)
    [told] = await of(db, NotificationKind.DELIVERY_FAILED)
    assert (told.person_id, told.subject_type, told.subject_id) == (who.id, "Person", who.id)
    said = sentence(told.kind, told.data, Locale.EN)
    assert said.startswith(
        "The mail server of an@example.vn refused letters 3 times in a row (RCPT 550 5.1.1)"
    )
    assert await queued(db) == 0
    server.rcpt = lambda _address: "250 OK"
    await tell(db, who, now=later(10))
    assert await queued(db) == 0
    assert await deliver(db, server, later(11)) == (0, 0, 0, 0)
    assert server.letters == []
    async with db.snapshot(SYSTEM) as tx:
        verbs = "SELECT verb FROM activity WHERE subject_type = 'Inbox' AND subject_id = :id"
        assert list(await tx.session.scalars(sa.text(verbs), {"id": who.id})) == ["inbox.email_stopped"]
    assert "secret words" not in caplog.text
    assert "an@example.vn" not in caplog.text


async def test_refusals_in_a_row_are_broken_by_a_letter_that_arrives(db: Database, server: Server) -> None:
    who = await person(db)
    for number, answer in enumerate([REFUSED, REFUSED, "250 OK", REFUSED, REFUSED]):
        server.rcpt = lambda _address, answer=answer: answer
        await tell(db, who, now=later(number))
        await deliver(db, server, later(number, seconds=3))
    row = await preference(db, who)
    assert row is not None
    assert (row.bounces, row.stopped_at) == (2, None)


async def test_a_refused_letter_says_nothing_of_the_address(db: Database, server: Server) -> None:
    who = await person(db)
    server.data = lambda _address: "554 5.7.1 spam"
    for number in range(4):
        await tell(db, who, now=later(number))
        assert await deliver(db, server, later(number, seconds=3)) == (0, 0, 1, 0)
    row = await preference(db, who)
    assert row is None
    assert [(each.state, each.error) for each in await mails(db)] == [
        (MailState.FAILED, "DATA 554 5.7.1")
    ] * 4


async def test_one_bad_address_holds_up_none_of_the_others(db: Database, server: Server) -> None:
    crowd = await people(db, 40)
    server.rcpt = lambda address: REFUSED if address == "p7@example.vn" else "250 OK"
    await tell(db, *crowd)
    assert await deliver(db, server, NOON) == (39, 0, 1, 0)
    assert set(server.received.values()) == {1}
    assert server.connections <= 4


async def test_later_means_later_and_in_the_end_never(db: Database, server: Server) -> None:
    server.rcpt = lambda _address: "450 4.2.0 greylisted"
    await tell(db, await person(db))
    await gather_all(db, NOON)
    now = NOON
    async with sending(db, server) as one:
        for attempt in range(1, TRIES):
            assert (await one.round(now)).outcome == (0, 1, 0, 0)
            [row] = await mails(db)
            assert (row.state, row.attempts, row.error) == (MailState.PENDING, attempt, "RCPT 450 4.2.0")
            assert row.next_at > now + timedelta(minutes=1)
            assert (await one.round(row.next_at - timedelta(seconds=1))).outcome == (0, 0, 0, 0)
            now = row.next_at
        assert (await one.round(now)).outcome == (0, 0, 1, 0)
    [row] = await mails(db)
    assert (row.state, row.attempts) == (MailState.FAILED, TRIES)
    assert timedelta(hours=12) < now - NOON < timedelta(hours=36)


async def test_what_was_put_off_arrives(db: Database, server: Server) -> None:
    server.data = lambda _address: "451 later"
    await tell(db, await person(db))
    assert await deliver(db, server, NOON) == (0, 1, 0, 0)
    server.data = lambda _address: "250 OK"
    assert await deliver(db, server, later(3)) == (1, 0, 0, 0)


async def test_a_server_that_is_away_costs_no_letter_an_attempt(db: Database, server: Server) -> None:
    crowd = await people(db, 30)
    await tell(db, *crowd)
    await gather_all(db, NOON)
    await server.stop()
    async with sending(db, server) as one:
        one._pause = 30.0
        done = await one.round(NOON)
        assert (done.outcome.sent, done.outcome.failed) == (0, 0)
        assert 15 < done.pause <= 30
        while one._hands:  # those whose answer came after the round was written down
            done = await one.round(NOON)
            assert (done.outcome.sent, done.outcome.failed) == (0, 0)
        assert {(row.state, row.attempts) for row in await mails(db)} == {(MailState.PENDING, 0)}
        claimed = await tokens(db)
        paused = (await one.round(later(1))).outcome
        assert (paused.sent, paused.failed) == (0, 0)
        assert await tokens(db) == claimed  # in the pause nothing is even claimed
        await server.start()
        one._resume = 0.0
        assert (await send_all(one, later(1))).sent == 30
    assert len(server.letters) == len(set(server.message_ids)) == 30
    assert {row.attempts for row in await mails(db)} == {1}


async def tokens(db: Database) -> dict[int, int]:
    """By letter: how often it was claimed."""
    return {row.id: row.token for row in await mails(db)}


async def test_a_server_that_restarts_in_the_middle_is_sent_the_rest(db: Database, server: Server) -> None:
    """What it may have taken before it fell is sent again under the same id; the rest once."""
    crowd = await people(db, 40)
    await tell(db, *crowd)
    await gather_all(db, NOON)
    server.delay = 0.05
    async with sending(db, server) as one:
        under_way = asyncio.create_task(one.round(NOON))
        await asyncio.sleep(0.2)
        await server.stop()
        await server.start()
        total = (await under_way).outcome.sent
        for minute in range(1, 10):
            if total >= 40:
                break
            await asyncio.sleep(0.3)
            total += (await send_all(one, later(3 * minute))).sent
    assert total == 40
    assert set(server.received) == {each.email for each in crowd}
    assert len(set(server.message_ids)) == 40


async def test_a_connection_that_the_server_closed_meanwhile_is_opened_again(
    db: Database, server: Server
) -> None:
    who = await person(db)
    async with sending(db, server) as one:
        for number in range(3):
            await tell(db, who, now=later(number))
            await gather_all(db, later(number, seconds=3))
            assert (await send_all(one, later(number, seconds=3))).sent == 1
            await server.stop()
            await server.start()
    assert {row.attempts for row in await mails(db)} == {1}
    assert len(server.letters) == 3


async def test_a_server_that_hangs_up_after_taking_a_letter_is_not_asked_at_once_again(
    db: Database, server: Server
) -> None:
    server.hang_up = lambda _address: True
    await tell(db, await person(db))
    await gather_all(db, NOON)
    async with sending(db, server) as one:
        assert (await one.round(NOON)).outcome == (0, 1, 0, 0)
        assert len(server.letters) == 1
        server.hang_up = lambda _address: False
        assert (await send_all(one, later(3))).sent == 1
    assert len(server.letters) == 2
    assert len(set(server.message_ids)) == 1


async def test_one_address_that_hangs_holds_up_none_of_the_others(db: Database, server: Server) -> None:
    crowd = await people(db, 20)
    server.hang = lambda address: address == "p3@example.vn"
    await tell(db, *crowd)
    await gather_all(db, NOON)
    async with sending(db, server, deadline=2.5) as one:
        sent = 0
        while sent < 19:
            done = (await one.round(NOON)).outcome
            assert (done.again, done.failed) == (0, 0)
            sent += done.sent
        assert (await send_all(one, NOON)) == (0, 1, 0, 0)
    [row] = [each for each in await mails(db) if each.state is MailState.PENDING]
    assert (row.attempts, row.error) == (1, "no answer in time")


async def test_a_server_that_hangs_altogether_is_taken_for_away(db: Database, server: Server) -> None:
    server.hang = lambda _address: True
    await tell(db, *await people(db, 12))
    await gather_all(db, NOON)
    async with sending(db, server, deadline=0.4) as one:
        done = await one.round(NOON)
        assert done.pause > 0
        attempts = [row.attempts for row in await mails(db)]
        assert sorted(attempts) == [0] * 8 + [1] * 4  # as many as there are connections, and no more


async def test_slow_is_not_away_and_a_held_letter_is_nobody_else_s(db: Database, server: Server) -> None:
    """One letter takes longer than the lease; its sender says so in time, and another sender keeps off."""
    server.delay = 3.0
    await tell(db, await person(db))
    await gather_all(db, NOON)
    async with sending(db, server) as slow, sending(db, server) as other:
        now, sent = NOON, 0
        for _ in range(10):
            sent += (await slow.round(now)).outcome.sent
            now += LEASE * 0.7
            assert (await other.round(now)).outcome == (0, 0, 0, 0)
    assert sent == 1
    assert len(server.letters) == 1


async def test_two_senders_at_once_send_nothing_twice(db: Database, server: Server) -> None:
    crowd = await people(db, 120)
    await tell(db, *crowd)
    await gather_all(db, NOON)
    async with sending(db, server) as one, sending(db, server) as other:
        first, second = await asyncio.gather(send_all(one, NOON), send_all(other, NOON))
    assert first.sent + second.sent == 120
    assert min(first.sent, second.sent) > 0
    assert server.received == {each.email: 1 for each in crowd}


async def test_a_letter_that_fails_as_nobody_has_thought_of_is_tried_again_and_stops_no_other(
    db: Database, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, other = await people(db, 2)
    await tell(db, odd, other)
    await gather_all(db, NOON)
    async with sending(db, server) as one:
        send = one._connections.send

        async def failing(recipient: str, *more: Any) -> Answer:
            if recipient == odd.email:
                raise RuntimeError
            return await send(recipient, *more)

        monkeypatch.setattr(one._connections, "send", failing)
        assert await send_all(one, NOON) == (1, 1, 0, 0)
        monkeypatch.undo()
        assert (await send_all(one, later(days=1))).sent == 1
    assert server.received == {odd.email: 1, other.email: 1}


async def test_a_sender_killed_before_it_could_note_it_repeats_the_very_same_message(
    db: Database, server: Server
) -> None:
    await tell(db, await person(db))
    await gather_all(db, NOON)
    dying = post(db, server)
    [letter] = await claiming.claim(db, 1, NOON)
    answer = await dying._connections.send(letter.email, dying._letters.write(letter), 5)
    await dying.close()
    assert answer.fate is Fate.SENT
    async with sending(db, server) as one:
        assert (await one.round(NOON + LEASE - timedelta(seconds=1))).outcome.sent == 0
        assert (await one.round(NOON + LEASE)).outcome.sent == 1
    first, again = server.letters
    assert first.as_bytes() == again.as_bytes()
    assert first["Message-ID"] == again["Message-ID"]
    # Whoever was halted and wakes up now has nothing to say any more.
    assert await settling.settle(db, [Settled(letter, Answer(Fate.BOUNCED, "550"))], NOON) == (0, 0, 0, 0)
    [row] = await mails(db)
    assert (row.state, row.attempts, row.token) == (MailState.SENT, 1, 2)


async def test_a_sender_that_ends_gives_back_what_it_had_not_begun(db: Database, server: Server) -> None:
    server.delay = 0.4
    crowd = await people(db, 12)
    await tell(db, *crowd)
    await gather_all(db, NOON)
    one = post(db, server)
    under_way = asyncio.create_task(one.round())
    await asyncio.sleep(0.25)
    under_way.cancel()
    await asyncio.gather(under_way, return_exceptions=True)
    await one.close(patience=0.3)
    server.delay = 0
    rows = await mails(db)
    waiting = [row for row in rows if row.state is MailState.PENDING]
    assert 0 < len(waiting) < 12
    assert {row.attempts for row in waiting} == {0}
    async with sending(db, server) as other:
        await asyncio.sleep(1.1)
        assert (await send_all(other, None)).sent == len(waiting)
    assert set(server.received) == {each.email for each in crowd}


HOSTILE = '</p><script>alert("x")</script>\r\nBcc: evil@example.com\r\n\r\n<img src=x>'


async def test_hostile_titles_and_names_stay_text(db: Database, server: Server) -> None:
    who = await person(db, name='An "Bình" <b>\r\nX-Evil: 1', email="an@example.vn")
    await tell(db, who, title=HOSTILE)
    assert (await deliver(db, server, NOON)).sent == 1
    [letter] = server.letters
    assert letter["X-Received-For"] == "an@example.vn"
    assert (letter["Bcc"], letter["X-Evil"]) == (None, None)
    assert len(letter["To"].addresses) == 1
    text, page = scene.parts_of(letter)
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert "\nBcc:" not in text
    assert "<script>" in text


async def test_names_of_any_script_arrive_as_they_are(db: Database, server: Server) -> None:
    name = "Nguyễn Thị Thùy Dương 山田 Ünï (Đặng)"
    await tell(db, await person(db, name=name), title="Việc dài " + "ê" * 200)
    assert (await deliver(db, server, NOON)).sent == 1
    [letter] = server.letters
    assert " ".join(letter["To"].addresses[0].display_name.split()) == name
    assert letter["Subject"].startswith("Còn 3 ngày làm việc: Việc dài êê")


@pytest.mark.parametrize("address", ["đ@example.vn", "x@example.vn\r\nRCPT TO:<evil@example.com>"])
async def test_an_address_that_cannot_be_is_not_sent_to(db: Database, server: Server, address: str) -> None:
    server.rcpt = lambda _address: "550 5.1.1 nobody"
    good = await person(db, email="good@example.vn")
    await tell(db, await person(db, email=address), good)
    done = await deliver(db, server, NOON)
    assert done == (0, 0, 2, 0)
    assert server.letters == []


async def test_a_stopped_person_s_other_letters_are_dropped(db: Database, server: Server) -> None:
    who = await person(db)
    await prefer(db, who, bounces=2)
    server.rcpt = lambda _address: REFUSED
    await tell(db, who)
    await gather_all(db, NOON)
    await tell(db, who, now=later(1))
    await gather_all(db, later(2))
    async with sending(db, server, size=1) as one:
        assert (await send_all(one, later(2))).stopped == 1
    assert await queued(db) == 0
    row = await preference(db, who)
    assert row is not None
    assert row.stopped_at is not None
    assert len(await of(db, NotificationKind.DELIVERY_FAILED)) == 1
