"""The link at a letter's foot: it asks before it acts, works without signing in, and can be undone."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import factories
from api.sign_in_scene import Browser, browser, logged
from mailing_scene import NOON, SECRET, deliver, person, prefer, preference, queued, running, tell
from vdept.kernel.activity import Activity
from vdept.kernel.db import Database
from vdept.kernel.vault import Vault
from vdept.notifications.mailing.unsubscribing import Links
from vdept.notifications.models import NotificationKind, NotificationPreference
from vdept.people.models import Person

ISSUER = "https://vdept.gov.vn"
LINKS = Links(Vault(SECRET), ISSUER)
BOTH = [NotificationKind.REMINDER, NotificationKind.ESCALATION]
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
async def reader(db: Database) -> AsyncIterator[Browser]:
    async with browser(db, None, public_url=ISSUER, secret_key=SECRET) as one:
        yield one


@pytest.fixture
async def who(db: Database) -> Person:
    return await person(db, email="an@example.vn")


def link(who: Person, *kinds: NotificationKind) -> str:
    return LINKS.link(who.id, kinds or [NotificationKind.REMINDER])


async def acts(db: Database) -> list[tuple[str, str, int | None, Any]]:
    async with db.snapshot(factories.SYSTEM) as tx:
        rows = await tx.session.scalars(
            sa.select(Activity).where(Activity.subject_type == "Inbox").order_by(Activity.id)
        )
        return [(row.verb, row.actor, row.person_id, row.data) for row in rows]


async def muted(db: Database, who: Person) -> list[str] | None:
    row = await preference(db, who)
    return None if row is None else row.muted


async def test_opening_the_link_asks_and_changes_nothing(db: Database, reader: Browser, who: Person) -> None:
    for _ in range(2):
        page = await reader.get(link(who, *BOTH))
        assert page.status_code == 200
        assert "Stop these letters" in page.text
        assert "Reminders" in page.text
        assert "Overdue work, escalated" in page.text
        assert 'method="post"' in page.text
        assert page.headers["cache-control"] == "no-store"
    assert (await reader.http.head(link(who))).status_code in (200, 405)
    assert (await muted(db, who), await acts(db)) == (None, [])


async def test_the_page_speaks_vietnamese_unless_asked(reader: Browser, who: Person) -> None:
    page = await reader.get(link(who), accept_language="vi")
    assert "Ngừng nhận thư" in page.text
    assert "Nhắc hạn" in page.text
    assert '<html lang="vi">' in page.text


async def test_the_page_s_form_ends_it_and_the_next_one_begins_it_again(
    db: Database, reader: Browser, who: Person
) -> None:
    address = link(who)
    page = await reader.get(address)
    assert f'action="/unsubscribe?{address.partition("?")[2]}"' in page.text
    done = await reader.post(address, {})
    assert done.status_code == 200
    assert "No more of these letters" in done.text
    assert await muted(db, who) == ["REMINDER"]
    undo = address.replace("/unsubscribe?", "/unsubscribe/undo?")
    assert undo.removeprefix(ISSUER) in done.text
    again = await reader.post(undo, {})
    assert "You get these letters again" in again.text
    assert await muted(db, who) == []
    kinds = {"kinds": ["REMINDER"]}
    by = f"person:{who.id}"
    assert await acts(db) == [
        ("inbox.unsubscribed", by, who.id, kinds),
        ("inbox.subscribed", by, who.id, kinds),
    ]


async def test_a_mail_program_does_it_in_one_click(db: Database, reader: Browser, who: Person) -> None:
    """RFC 8058: a POST from nowhere, without cookies, to the very address of the header."""
    done = await reader.post(link(who, *BOTH), ONE_CLICK, origin="", sec_fetch_site="")
    assert done.status_code == 200
    assert "set-cookie" not in done.headers
    assert await muted(db, who) == ["ESCALATION", "REMINDER"]


async def test_clicking_twice_is_clicking_once(db: Database, reader: Browser, who: Person) -> None:
    for _ in range(3):
        assert (await reader.post(link(who), ONE_CLICK)).status_code == 200
    row = await preference(db, who)
    assert row is not None
    assert (row.muted, row.version) == (["REMINDER"], 1)
    assert len(await acts(db)) == 1


async def test_other_wishes_stay_as_they_are(db: Database, reader: Browser, who: Person) -> None:
    other = await person(db)
    await prefer(db, who, muted=["WARNING_OPENED"], bounces=2)
    await reader.post(link(who, *BOTH), ONE_CLICK)
    row = await preference(db, who)
    assert row is not None
    assert (row.muted, row.bounces, row.version) == (["ESCALATION", "REMINDER", "WARNING_OPENED"], 2, 2)
    await reader.post(link(who).replace("/unsubscribe?", "/unsubscribe/undo?"), {})
    assert await muted(db, who) == ["ESCALATION", "WARNING_OPENED"]
    assert await muted(db, other) is None


WRONG = [
    lambda good: good[:-1],
    lambda good: good + "A",
    lambda good: good.replace("REMINDER", "ESCALATION"),
    lambda good: good.replace("token=", "token=9"),
    lambda good: good.partition("?")[0],
    lambda good: good.partition("?")[0] + "?token=",
    lambda good: good + "&" + good.partition("?")[2],
    lambda good: good.partition("?")[0] + "?token=%ff%00%0d%0aX: y",
    lambda good: good.replace("token=", "token=' OR 1=1 --"),
    lambda good: good.partition("?")[0] + "?token=" + "9" * 5000,
]


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
async def test_a_wrong_link_is_told_clearly_and_does_nothing(
    db: Database, reader: Browser, who: Person, wrong: Any
) -> None:
    address = wrong(link(who))
    with logged() as entries:
        pages = [
            await reader.get(address),
            await reader.post(address, ONE_CLICK),
            await reader.post(address.replace("/unsubscribe", "/unsubscribe/undo", 1), {}),
        ]
    for page in pages:
        assert page.status_code == 404
        assert "This link is wrong or incomplete." in page.text
        assert "9999" not in page.text
    assert (await muted(db, who), await acts(db)) == (None, [])
    assert [entry for entry in entries if entry["log_level"] == "error"] == []


async def test_a_link_opens_nothing_but_its_own(db: Database, reader: Browser, who: Person) -> None:
    """For the database, too: whoever acts by it sees one person's wishes and nobody's tasks."""
    other = await person(db)
    await prefer(db, other, muted=["ESCALATION"])
    actor = LINKS.read(link(who).partition("token=")[2]).actor
    async with db.begin(actor) as tx:
        tx.session.add(NotificationPreference(person_id=who.id))
        await tx.session.flush()
        seen = await tx.session.scalars(sa.select(NotificationPreference.person_id))
        assert list(seen) == [who.id]
        for table in ("task", "participation", "webhook_endpoint", "mail_queue"):
            assert await tx.session.scalar(sa.text(f"SELECT count(*) FROM {table}")) == 0


async def test_no_token_is_logged(reader: Browser, who: Person) -> None:
    with logged() as entries:
        await reader.get(link(who))
        await reader.post(link(who), ONE_CLICK)
    assert link(who).rpartition(".")[2] not in str(entries)


async def test_from_the_letter_to_the_last_letter(db: Database, reader: Browser, who: Person) -> None:
    """The address of a real letter's header, posted as a mail program would; then nothing more arrives."""
    async with running() as server:
        await tell(db, who)
        await deliver(db, server, NOON)
        [letter] = server.letters
        address = str(letter["List-Unsubscribe"]).strip("<>")
        assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert (await reader.post(address, ONE_CLICK, origin="", sec_fetch_site="")).status_code == 200
        await tell(db, who, now=NOON + timedelta(minutes=1))
        assert await queued(db) == 0
        await tell(db, who, kind=NotificationKind.ESCALATION, now=NOON + timedelta(minutes=1))
        await deliver(db, server, NOON + timedelta(minutes=2))
        assert len(server.letters) == 2
