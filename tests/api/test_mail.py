"""A sign-in link by mail: received by a real server, in its reader's language, and told to nobody else."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis.asyncio
import sqlalchemy as sa

import factories
from api.sign_in_scene import Browser, Mailbox, browser, link_in, logged, mail_server, parts_of
from statements import counting
from vdept.identity.links import MOST
from vdept.identity.models import SignInLink
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale
from vdept.kernel.mail import Letter, Mailer, MailNotSent, compose, sender_of
from vdept.kernel.settings import Settings
from vdept.people.models import Person

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with mail_server() as server:
        yield server


@pytest.fixture
async def valkey(redis_url: str) -> AsyncIterator[Any]:
    client = redis.asyncio.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def reader(db: Database, valkey: Any, mailbox: Mailbox) -> AsyncIterator[Browser]:
    async with browser(
        db, valkey, smtp_url=mailbox.url, mail_from="Cục ảo <khong-tra-loi@vdept.gov.vn>"
    ) as one:
        yield one


async def person(
    db: Database, name: str = "Trần Thị Ân", email: str = "an@example.vn", **more: Any
) -> Person:
    async with db.begin(factories.SYSTEM) as tx:
        return await factories.person(tx, name, email=email, **more)


async def links(db: Database) -> int:
    async with db.snapshot(factories.SYSTEM) as tx:
        return await tx.session.scalar(sa.select(sa.func.count()).select_from(SignInLink)) or 0


@pytest.mark.parametrize(
    ("locale", "subject", "sentence"),
    [
        (Locale.VI, "Liên kết đăng nhập Cục ảo", "Liên kết dùng được một lần, trong 15 phút."),
        (Locale.EN, "Your sign-in link to Virtual departments", "The link works once, for 15 minutes."),
    ],
)
async def test_the_letter_is_in_its_reader_s_language_and_its_link_works(
    db: Database, reader: Browser, mailbox: Mailbox, locale: Locale, subject: str, sentence: str
) -> None:
    await person(db, locale=locale)
    answer = await reader.ask("AN@example.vn", next="/units/46?tab=tasks&x=1")
    assert answer.status_code == 200
    [letter] = mailbox.letters
    assert (letter["Subject"], letter["To"]) == (subject, "Trần Thị Ân <an@example.vn>")
    assert (letter["From"], letter["X-Received-For"]) == (
        "Cục ảo <khong-tra-loi@vdept.gov.vn>",
        "an@example.vn",
    )
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Message-ID"].endswith("@vdept.gov.vn>")
    assert letter["Date"] is not None
    text, html = parts_of(letter)
    assert sentence in text
    assert sentence in html
    assert "Trần Thị Ân" in text
    link = link_in(text)
    assert link_in(html).replace("&amp;", "&") == link
    assert link.startswith(f"{reader.issuer}/sign-in/link?token=")
    done = await reader.use(link)
    assert (done.status_code, done.headers["location"]) == (303, "/units/46?tab=tasks&x=1")
    assert "Trần Thị Ân" in (await reader.get("/account")).text


async def test_who_exists_cannot_be_told_from_the_answer(
    db: Database, reader: Browser, mailbox: Mailbox
) -> None:
    await person(db)
    await person(db, email="left@example.vn", active=False)
    answers = []
    for address in ("an@example.vn", "left@example.vn", "nobody@example.vn"):
        answer = await reader.ask(address)
        answers.append(
            (answer.status_code, answer.text.replace(address, "…"), sorted(answer.headers.items()))
        )
    lengths = [dict(headers).pop("content-length") for _, _, headers in answers]
    assert len(lengths) == 3
    assert len({(status, body) for status, body, _ in answers}) == 1
    assert len({tuple(name for name, _ in headers) for _, _, headers in answers}) == 1
    assert [letter["X-Received-For"] for letter in mailbox.letters] == ["an@example.vn"]
    assert await links(db) == 1


async def test_nobody_is_looked_up_before_the_answer_has_gone_out(
    db: Database, reader: Browser, mailbox: Mailbox
) -> None:
    """The time until the answer cannot tell either: nothing is asked of the database by then."""
    await person(db)
    seen: list[tuple[str, int, int]] = []
    app = reader.http._transport.app  # type: ignore[attr-defined]

    with counting(db) as statements:

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            async def sending(message: Any) -> None:
                seen.append((message["type"], len(statements), len(mailbox.letters)))
                await send(message)

            await app(scope, receive, sending)

        reader.http._transport.app = watched  # type: ignore[attr-defined]
        await reader.ask("an@example.vn")
        assert len(statements) > 0
    assert seen == [("http.response.start", 0, 0), ("http.response.body", 0, 0)]
    assert len(mailbox.letters) == 1


async def test_a_letter_goes_to_the_address_on_record_whatever_was_typed(
    db: Database, reader: Browser, mailbox: Mailbox
) -> None:
    await person(db, email="mike@example.vn")
    await reader.ask("mi\u212ae@example.vn")  # the Kelvin sign, a small k to some
    assert [letter["X-Received-For"] for letter in mailbox.letters] in ([], ["mike@example.vn"])


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "an",
        "an@example.vn\r\nBcc: evil@example.com",
        "an@example.vn\nX: y",
        "an@example.vn,evil@example.com",
        "an@example.vn;evil@example.com",
        "<an@example.vn>",
        '"an"@example.vn',
        "an@example.vn\x00",
        "a b@example.vn",
        "an@" + "x" * 300 + ".vn",
    ],
)
async def test_what_is_no_address_is_told_at_once_and_sent_nowhere(
    db: Database, reader: Browser, mailbox: Mailbox, typed: str
) -> None:
    await person(db)
    answer = await reader.ask(typed, next="/units")
    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.text
    assert "not an e-mail address" in answer.text
    assert 'name="next" value="/units"' in answer.text
    assert mailbox.letters == []
    assert await links(db) == 0


async def test_a_mailbox_is_not_flooded(db: Database, reader: Browser, mailbox: Mailbox) -> None:
    await person(db)
    with logged() as entries:
        answers = {(await reader.ask("an@example.vn")).text for _ in range(MOST + 2)}
    assert len(answers) == 1
    assert len(mailbox.letters) == MOST
    refused = [entry for entry in entries if entry.get("reason") == "SIGN_IN_LINKS_TOO_MANY"]
    assert [entry["address"] for entry in refused] == ["203.0.113.7"] * 2


@pytest.mark.parametrize("broken", ["refused", "away", "temporary"])
async def test_when_mail_cannot_be_sent_the_answer_is_the_same_and_an_incident_is_logged(
    db: Database, valkey: Any, mailbox: Mailbox, broken: str
) -> None:
    await person(db)
    mailbox.answer = {"refused": "554 no", "temporary": "451 later"}.get(broken, "250 OK")
    url = "smtp://127.0.0.1:1" if broken == "away" else mailbox.url
    async with browser(db, valkey, smtp_url=url) as reader:
        with logged() as entries:
            answer = await reader.ask("an@example.vn")
    assert answer.status_code == 200
    assert "we have sent" in answer.text
    assert mailbox.letters == []
    [incident] = [entry for entry in entries if entry["event"] == "incident"]
    assert "MailNotSent" in incident["trace"]
    assert "token=" not in str(entries)
    assert "an@example.vn" not in str(entries)


async def test_no_secret_and_no_mailbox_is_logged(db: Database, reader: Browser, mailbox: Mailbox) -> None:
    await person(db)
    with logged() as entries:
        await reader.ask("an@example.vn")
        await reader.ask("nobody@example.vn")
        await reader.use(link_in(parts_of(mailbox.letters[0])[0]))
    token = link_in(parts_of(mailbox.letters[0])[0]).partition("token=")[2]
    for secret in (token, reader.sid or "-", "an@example.vn", "nobody@example.vn"):
        assert secret not in str(entries)


def test_a_line_break_never_becomes_a_header() -> None:
    sender = sender_of("vdept <no-reply@localhost>")
    for name, email, subject in (
        ("An\r\nBcc: evil@example.com", "an@example.vn", "x"),
        ("An", "an@example.vn\r\nBcc: evil@example.com", "x"),
        ("An", "an@example.vn", "x\nBcc: evil@example.com"),
    ):
        with pytest.raises(ValueError, match=r"linefeed|CR or LF"):
            compose(Letter(name, email, subject, "text", "<p>"), sender, NOW)
    letter = compose(Letter('An, "B" <c@d>', "an@example.vn", "x", "text", "<p>"), sender, NOW)
    [address] = letter["To"].addresses
    assert (address.display_name, address.addr_spec) == ('An, "B" <c@d>', "an@example.vn")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("smtp://mail.example", ("mail.example", 25, False, None, None)),
        ("smtps://mail.example", ("mail.example", 465, True, None, None)),
        ("smtp://u:p%40ss@mail.example", ("mail.example", 587, False, "u", "p@ss")),
        ("smtp://u:p@[::1]:2525/", ("::1", 2525, False, "u", "p")),
    ],
)
def test_the_server_is_named_by_an_address(url: str, told: tuple[Any, ...]) -> None:
    mailer = Mailer.of(Settings(smtp_url=url))
    assert mailer is not None
    assert (mailer.host, mailer.port, mailer.tls, mailer.user, mailer.password) == told
    assert "p@ss" not in repr(mailer)


@pytest.mark.parametrize(
    "url", ["mail.example", "http://u:hunter2@mail.example", "smtp://u:hunter2@", "smtp://u:hunter2@h:x"]
)
def test_a_wrong_address_of_the_server_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="VDEPT_SMTP_URL") as error:
        Mailer.of(Settings(smtp_url=url))
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None


async def test_a_password_goes_to_another_machine_over_tls_only(mailbox: Mailbox) -> None:
    """The server here cannot do TLS, and has a name that the mailer takes for another machine."""
    mailer = Mailer(
        "127.1", mailbox.port, tls=False, sender=sender_of("a@b.vn"), user="u", password="hunter2"
    )
    with logged() as entries, pytest.raises(MailNotSent) as error:
        await mailer.send(Letter("An", "an@example.vn", "x", "secret text", "<p>"), NOW)
    assert mailbox.letters == []
    for secret in ("hunter2", "secret text"):
        assert secret not in f"{error.value} {error.value.__cause__} {entries}"
    without = Mailer("127.1", mailbox.port, tls=False, sender=sender_of("a@b.vn"))
    await without.send(Letter("An", "an@example.vn", "x", "text", "<p>"), NOW)
    assert len(mailbox.letters) == 1
