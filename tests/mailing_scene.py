"""A mail server that does as it is told, and people with something to be told by mail."""

import asyncio
import email
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from typing import Any

import sqlalchemy as sa
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as Conversation

import factories as make
from factories import SYSTEM
from vdept.kernel.db import Database
from vdept.kernel.mail import Mailer
from vdept.kernel.settings import Settings
from vdept.kernel.vault import Vault
from vdept.notifications.adding import Note, notify
from vdept.notifications.mailing.connections import Connections
from vdept.notifications.mailing.gathering import WINDOW, gather_all
from vdept.notifications.mailing.letters import Letters
from vdept.notifications.mailing.post import Post
from vdept.notifications.mailing.settling import Outcome
from vdept.notifications.mailing.unsubscribing import Links
from vdept.notifications.models import Mail, MailQueue, NotificationKind, NotificationPreference
from vdept.people.models import Person

NOON = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
"""A Monday, 12:00 in Vietnam."""

SECRET = "k" * 64
_origins = itertools.count(1)


@dataclass
class Server:
    """An SMTP server on this machine. ``rcpt`` and ``data`` answer by address; 250 unless told otherwise."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    rcpt: Callable[[str], str] = lambda _address: "250 OK"
    data: Callable[[str], str] = lambda _address: "250 OK"
    hang: Callable[[str], bool] = lambda _address: False
    hang_up: Callable[[str], bool] = lambda _address: False
    delay: float = 0
    connections: int = 0
    _server: Any = None
    _open: set[Any] = field(default_factory=set)

    async def handle_RCPT(
        self, _s: SMTP, _c: Conversation, envelope: Envelope, address: str, _o: list[str]
    ) -> str:
        answer = self.rcpt(address)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, smtp: SMTP, _c: Conversation, envelope: Envelope) -> str:
        [address] = envelope.rcpt_tos
        if self.hang(address):
            await asyncio.sleep(3600)
        await asyncio.sleep(self.delay)
        answer = self.data(address)
        if answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            letter = email.message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(letter, EmailMessage)
            letter["X-Received-For"] = address
            letter["X-Envelope-From"] = str(envelope.mail_from)
            self.letters.append(letter)
        if self.hang_up(address):
            smtp.transport.abort()
        return answer

    async def start(self) -> None:
        """Listen, on the port of before if there was one."""

        def conversation() -> SMTP:
            self.connections += 1
            made = SMTP(self, hostname="mail.test", enable_SMTPUTF8=True)
            self._open.add(made)
            return made

        self._server = await asyncio.get_running_loop().create_server(conversation, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Away, with every conversation cut off."""
        self._server.close()
        for each in self._open:
            if each.transport is not None:
                each.transport.abort()
            if each._handler_coroutine is not None:
                each._handler_coroutine.cancel()
        await asyncio.gather(
            *(each._handler_coroutine for each in self._open if each._handler_coroutine is not None),
            return_exceptions=True,
        )
        self._open.clear()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def received(self) -> Counter[str]:
        """How often each address got a letter."""
        return Counter(letter["X-Received-For"] for letter in self.letters)

    @property
    def message_ids(self) -> list[str]:
        return [letter["Message-ID"] for letter in self.letters]


@asynccontextmanager
async def running() -> AsyncIterator[Server]:
    server = Server()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def links(issuer: str = "https://vdept.gov.vn") -> Links:
    return Links(Vault(SECRET), issuer)


def post(database: Database, server: Server, *, size: int = 4, **more: Any) -> Post:
    """A sender of its own, as one worker has."""
    issuer = more.pop("issuer", "https://vdept.gov.vn")
    settings = Settings(smtp_url=server.url, mail_from="Cục ảo <khong-tra-loi@vdept.gov.vn>")
    mailer = Mailer.of(settings)
    assert mailer is not None
    return Post(
        database,
        Connections(mailer, size),
        Letters(mailer.sender, links(issuer)),
        luck=more.pop("luck", lambda: 0.5),
        **more,
    )


@asynccontextmanager
async def sending(database: Database, server: Server, **more: Any) -> AsyncIterator[Post]:
    one = post(database, server, **more)
    try:
        yield one
    finally:
        await one.close()


async def send_all(one: Post, now: datetime | None, rounds: int = 60) -> Outcome:
    """Rounds until nothing is due at ``now``."""
    total = Outcome()
    for _ in range(rounds):
        done = await one.round(now)
        total = Outcome(*(a + b for a, b in zip(total, done.outcome, strict=True)))
        if not done.more:
            return total
    raise AssertionError("there is always more")


async def deliver(database: Database, server: Server, now: datetime, **more: Any) -> Outcome:
    """What a worker does at ``now``: fold and send."""
    await gather_all(database, now)
    async with sending(database, server, **more) as one:
        return await send_all(one, now)


async def person(database: Database, name: str = "Trần Thị Ân", **more: Any) -> Person:
    async with database.begin(SYSTEM) as tx:
        return await make.person(tx, name, **more)


async def people(database: Database, count: int) -> list[Person]:
    async with database.begin(SYSTEM) as tx:
        return [await make.person(tx, email=f"p{number}@example.vn") for number in range(count)]


async def prefer(database: Database, who: Person, **values: Any) -> None:
    async with database.begin(SYSTEM) as tx:
        tx.session.add(NotificationPreference(person_id=who.id, **values))


async def tell(
    database: Database,
    *who: Person,
    kind: NotificationKind = NotificationKind.REMINDER,
    title: str = "Số hóa hồ sơ đất đai",
    subject: int = 1,
    now: datetime = NOON - WINDOW,
    **data: Any,
) -> None:
    """Tell each of them of a subject, long enough before noon that it is gathered at noon."""
    notes = [
        Note(
            each.id,
            None,
            kind,
            "Task",
            subject,
            None,
            {"title": title, "due_on": "2026-03-05", "days_left": 3, **data},
            "test",
            next(_origins),
        )
        for each in who
    ]
    async with database.begin(SYSTEM, now=now) as tx:
        await notify(tx, notes)


async def mails(database: Database) -> list[Mail]:
    async with database.snapshot(SYSTEM) as tx:
        return list(await tx.session.scalars(sa.select(Mail).order_by(Mail.id)))


async def queued(database: Database) -> int:
    async with database.snapshot(SYSTEM) as tx:
        return await tx.session.scalar(sa.select(sa.func.count()).select_from(MailQueue)) or 0


async def preference(database: Database, who: Person) -> NotificationPreference | None:
    async with database.snapshot(SYSTEM) as tx:
        return await tx.session.get(NotificationPreference, who.id)


def later(minutes: float = 0, *, days: float = 0, seconds: float = 0) -> datetime:
    return NOON + timedelta(minutes=minutes, days=days, seconds=seconds)


def parts_of(letter: EmailMessage) -> tuple[str, str]:
    """The text and the page of a letter."""
    text, page = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None
    assert page is not None
    return text.get_content(), page.get_content()
