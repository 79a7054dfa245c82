"""What people are told goes out by mail: received by a real server, folded, in time, and once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta

import pytest
import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from mailing_scene import (
    NOON,
    Server,
    deliver,
    later,
    links,
    mails,
    parts_of,
    people,
    person,
    prefer,
    queued,
    running,
    sending,
    tell,
)
from statements import counting
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale
from vdept.notifications.mailing import claiming
from vdept.notifications.mailing.gathering import MOST, WINDOW, discard, gather, gather_all
from vdept.notifications.models import Cadence, MailState, Notification, NotificationKind
from vdept.people.models import Person

EIGHT = time(8)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running() as one:
        yield one


@pytest.mark.parametrize(
    ("locale", "subject", "sentence", "stop"),
    [
        (
            Locale.VI,
            "Còn 3 ngày làm việc: Số hóa hồ sơ đất đai",
            "Nhiệm vụ “Số hóa hồ sơ đất đai” còn 3 ngày làm việc (hạn 05/03/2026).",
            "Nhắc hạn",
        ),
        (
            Locale.EN,
            "Due in 3 working days: Số hóa hồ sơ đất đai",
            "The task “Số hóa hồ sơ đất đai” is due in 3 working days (due 5 March 2026).",
            "Reminders",
        ),
    ],
    ids=["vi", "en"],
)
async def test_a_letter_says_it_in_its_reader_s_language(
    db: Database, server: Server, locale: Locale, subject: str, sentence: str, stop: str
) -> None:
    who = await person(db, email="an@example.vn", locale=locale)
    await tell(db, who)
    assert await deliver(db, server, NOON) == (1, 0, 0, 0)
    [letter], [row] = server.letters, await mails(db)
    assert (letter["Subject"], letter["To"]) == (subject, "Trần Thị Ân <an@example.vn>")
    assert letter["From"] == "Cục ảo <khong-tra-loi@vdept.gov.vn>"
    assert (letter["X-Envelope-From"], letter["X-Received-For"]) == (
        "khong-tra-loi@vdept.gov.vn",
        "an@example.vn",
    )
    assert letter["Message-ID"] == f"<mail.{row.id}@vdept.gov.vn>"
    assert letter["Date"].datetime == NOON
    assert (letter["Auto-Submitted"], letter["Precedence"]) == ("auto-generated", "bulk")
    assert letter["List-Id"].endswith("<notifications.vdept.gov.vn>")
    link = links().link(who.id, [NotificationKind.REMINDER])
    assert letter["List-Unsubscribe"] == f"<{link}>"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, page = parts_of(letter)
    for said in (sentence, stop, link, "Trần Thị Ân"):
        assert said in text
        assert said in page
    assert f'<html lang="{locale.value}">' in page
    assert (row.state, row.attempts, row.sent_at, row.error) == (MailState.SENT, 1, NOON, None)


async def test_one_click_is_promised_over_https_only(db: Database, server: Server) -> None:
    await tell(db, await person(db))
    await deliver(db, server, NOON, issuer="http://127.0.0.1:8000")
    [letter] = server.letters
    assert letter["List-Unsubscribe"].startswith("<http://127.0.0.1:8000/unsubscribe?token=")
    assert letter["List-Unsubscribe-Post"] is None


async def test_what_one_scan_tells_a_person_is_one_letter_by_subject(db: Database, server: Server) -> None:
    who, other = await person(db, email="an@example.vn"), await person(db, email="binh@example.vn")
    await tell(db, who, other, title="Việc A", subject=1)
    await tell(db, who, title="Việc B", subject=2, now=NOON - timedelta(seconds=1))
    await tell(
        db, who, title="Việc B", subject=2, kind=NotificationKind.ESCALATION, days_left=None, days_late=2
    )
    assert (await gather_all(db, NOON))[:3] == (2, 4, 0)
    assert await queued(db) == 0
    await deliver(db, server, NOON)
    assert server.received == {"an@example.vn": 1, "binh@example.vn": 1}
    [letter] = [each for each in server.letters if each["X-Received-For"] == "an@example.vn"]
    assert letter["Subject"] == "Quá hạn 2 ngày làm việc: Việc B và 2 thông báo khác"
    text, page = parts_of(letter)
    first, second = (
        text.index("* Quá hạn 2 ngày làm việc: Việc B"),
        text.index("* Còn 3 ngày làm việc: Việc A"),
    )
    assert first < second
    assert text[first:second].count("\n  - ") == 2
    assert page.count("<h2") == 2
    kinds = {NotificationKind.ESCALATION, NotificationKind.REMINDER}
    assert links().read(letter["List-Unsubscribe"].partition("token=")[2][:-1]).kinds == kinds
    for kind in kinds:
        assert links().link(who.id, [kind]) in text


async def test_the_oldest_waits_for_the_others_and_no_longer(db: Database) -> None:
    who = await person(db)
    await tell(db, who, now=NOON)
    assert (await gather(db, NOON + WINDOW - timedelta(milliseconds=1))).letters == 0
    await tell(db, who, now=NOON + WINDOW)
    assert (await gather(db, NOON + WINDOW))[:2] == (1, 2)


async def test_a_letter_lists_the_latest_and_counts_the_rest(db: Database, server: Server) -> None:
    who = await person(db)
    async with db.begin(SYSTEM, now=NOON - WINDOW) as tx:
        query = """INSERT INTO notification (person_id, kind, subject_type, subject_id, data, origin,
                origin_id, created_at)
            SELECT :who, 'REMINDER', 'Task', n, jsonb_build_object('title', 'Việc ' || n), 'bulk', n, :now
            FROM generate_series(1, :count) n"""
        given = {"who": who.id, "now": tx.now, "count": MOST + 25}
        await tx.session.execute(sa.text(query), given)
        await tx.session.execute(
            sa.text("INSERT INTO mail_queue SELECT id, person_id, created_at FROM notification")
        )
    await deliver(db, server, NOON)
    [letter], [row] = server.letters, await mails(db)
    assert (len(row.notification_ids), row.omitted) == (MOST, 25)
    text, _ = parts_of(letter)
    assert f"“Việc {MOST + 25}”" in text
    assert "“Việc 25”" not in text
    assert "Và 25 thông báo khác trong hộp thông báo" in text
    assert letter["Subject"].endswith(f"và {MOST + 24} thông báo khác")


@pytest.mark.parametrize(
    ("cadence", "before", "at"),
    [
        (Cadence.DAILY, datetime(2026, 3, 3, 0, 59, tzinfo=UTC), datetime(2026, 3, 3, 1, 0, 2, tzinfo=UTC)),
        (Cadence.WEEKLY, datetime(2026, 3, 9, 0, 59, tzinfo=UTC), datetime(2026, 3, 9, 1, 0, 2, tzinfo=UTC)),
    ],
    ids=["daily at eight", "Mondays at eight"],
)
async def test_a_digest_goes_out_in_the_morning_without_what_was_read(
    db: Database, server: Server, cadence: Cadence, before: datetime, at: datetime
) -> None:
    who = await person(db)
    await prefer(db, who, cadence=cadence)
    for number in range(3):
        await tell(db, who, title=f"Việc {number}", subject=number, now=later(number))
    assert await deliver(db, server, before) == (0, 0, 0, 0)
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.update(Notification).where(Notification.subject_id == 1).values(read_at=NOON)
        )
    assert (await deliver(db, server, at)).sent == 1
    text, _ = parts_of(server.letters[0])
    assert ("“Việc 0”" in text, "“Việc 1”" in text, "“Việc 2”" in text) == (True, False, True)
    assert await queued(db) == 0


async def test_who_has_read_it_all_gets_no_letter(db: Database) -> None:
    who = await person(db)
    await tell(db, who)
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.update(Notification).values(read_at=NOON))
    assert (await gather(db, NOON))[:3] == (0, 0, 1)
    assert (await mails(db), await queued(db)) == ([], 0)


@pytest.mark.parametrize(
    "values",
    [{"email": False}, {"stopped_at": NOON, "stopped_because": "550"}, {"muted": ["REMINDER"]}],
    ids=["no mail", "stopped", "muted"],
)
async def test_who_changed_their_mind_is_left_alone_at_every_stage(
    db: Database, server: Server, values: dict[str, object]
) -> None:
    """After it was queued, and after it was gathered."""
    early, late = await person(db, email="early@example.vn"), await person(db, email="late@example.vn")
    await tell(db, early, late)
    await prefer(db, early, **values)
    assert (await gather_all(db, NOON))[:3] == (1, 1, 1)
    await prefer(db, late, **values)
    assert await deliver(db, server, NOON) == (0, 0, 0, 0)
    assert server.letters == []
    assert (await mails(db), await queued(db)) == ([], 0)


async def test_who_has_left_gets_nothing(db: Database, server: Server) -> None:
    who = await person(db)
    await tell(db, who)
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("UPDATE person SET active = false"))
    assert await deliver(db, server, NOON) == (0, 0, 0, 0)
    assert await queued(db) == 0


@pytest.mark.parametrize(
    ("quiet", "silent", "heard"),
    [
        ((time(11), time(14)), later(minutes=119, seconds=59), later(minutes=120, seconds=2)),
        ((time(11, 30), EIGHT), later(minutes=20 * 60 - 1), later(minutes=20 * 60, seconds=2)),
    ],
    ids=["within a day", "over midnight"],
)
async def test_quiet_hours_hold_from_end_to_end(
    db: Database, server: Server, quiet: tuple[time, time], silent: datetime, heard: datetime
) -> None:
    who = await person(db)
    await prefer(db, who, quiet_from=quiet[0], quiet_until=quiet[1])
    await tell(db, who)
    assert (await deliver(db, server, NOON)).sent == 0
    assert (await deliver(db, server, silent)).sent == 0
    assert (await deliver(db, server, heard)).sent == 1


async def test_a_letter_that_was_held_up_into_quiet_hours_waits_for_their_end(
    db: Database, server: Server
) -> None:
    who = await person(db)
    await tell(db, who)
    await gather_all(db, NOON)
    await prefer(db, who, quiet_from=time(11), quiet_until=time(14))
    async with sending(db, server) as one:
        assert (await one.round(NOON)).outcome == (0, 1, 0, 0)
        [row] = await mails(db)
        assert (row.state, row.attempts, row.next_at) == (MailState.PENDING, 0, later(minutes=120))
        assert (await one.round(later(minutes=120))).outcome.sent == 1


async def test_without_a_server_the_queue_does_not_grow(db: Database) -> None:
    who, digest = await person(db), await person(db)
    await prefer(db, digest, cadence=Cadence.DAILY)
    await tell(db, who, digest)
    assert await discard(db, NOON) == 1
    assert await discard(db, NOON) == 0
    assert (await mails(db), await queued(db)) == ([], 1)


async def test_the_number_of_statements_does_not_depend_on_the_number_of_letters(
    db: Database, server: Server
) -> None:
    told = []
    for count in (1, 40):
        crowd = await people_of(db, count)
        with counting(db) as statements:
            await tell(db, *crowd)
            await gather(db, NOON)
            letters = await claiming.claim(db, 100, NOON)
        assert len(letters) == count
        told.append(len(statements))
    assert told[0] == told[1]


async def people_of(db: Database, count: int) -> list[Person]:
    """Of other names each time."""
    async with db.begin(SYSTEM) as tx:
        return [await make.person(tx) for _ in range(count)]


async def test_two_gather_at_once_and_nobody_gets_two_letters(db: Database, server: Server) -> None:
    crowd = await people(db, 30)
    for number in range(4):
        await tell(db, *crowd, subject=number)
    parts = await asyncio.gather(*(gather(db, NOON) for _ in range(4)))
    assert sum(part.letters for part in parts) == 30
    assert sum(part.notifications for part in parts) == 120
    assert [len(row.notification_ids) for row in await mails(db)] == [4] * 30
