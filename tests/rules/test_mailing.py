"""What becomes of a letter, what a header may hold, and what a link at its foot is good for."""

import email
from datetime import UTC, datetime, time, timedelta
from email import policy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailing_scene import SECRET, links
from vdept.kernel.clock import LOCAL
from vdept.kernel.errors import Refused
from vdept.kernel.vault import Vault
from vdept.notifications.facts import one_line
from vdept.notifications.mailing import mime
from vdept.notifications.mailing.letters import KINDS
from vdept.notifications.mailing.rules import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    TRIES,
    Answer,
    Fate,
    Stage,
    judge,
    pause,
    quiet_until,
)
from vdept.notifications.mailing.unsubscribing import PURPOSE, Links, Subscription
from vdept.notifications.models import NotificationKind


@pytest.mark.parametrize(
    ("stage", "code", "text", "fate", "reason"),
    [
        (Stage.RCPT, 550, "5.1.1 <an@example.vn> no such user", Fate.BOUNCED, "RCPT 550 5.1.1"),
        (Stage.RCPT, 550, "no such user", Fate.BOUNCED, "RCPT 550"),
        (Stage.RCPT, 552, "5.2.2 mailbox full", Fate.BOUNCED, "RCPT 552 5.2.2"),
        (Stage.RCPT, 554, "5.7.1 relay access denied", Fate.FAILED, "RCPT 554 5.7.1"),
        (Stage.RCPT, 450, "4.2.0 greylisted", Fate.RETRY, "RCPT 450 4.2.0"),
        (Stage.RCPT, 421, "4.3.2 shutting down", Fate.AWAY, "RCPT 421 4.3.2"),
        (Stage.DATA, 550, "5.1.1 unknown after all", Fate.BOUNCED, "DATA 550 5.1.1"),
        (Stage.DATA, 550, "no mailbox", Fate.BOUNCED, "DATA 550"),
        (Stage.DATA, 554, "5.6.0 not MIME", Fate.FAILED, "DATA 554 5.6.0"),
        (Stage.DATA, 550, "5.7.1 looks like spam", Fate.FAILED, "DATA 550 5.7.1"),
        (Stage.DATA, 554, "rejected", Fate.FAILED, "DATA 554"),
        (Stage.DATA, 451, "later", Fate.RETRY, "DATA 451"),
        (Stage.DATA, -1, "Malformed", Fate.RETRY, "DATA -1"),
        (Stage.MAIL, 530, "5.7.0 sign in first", Fate.AWAY, "MAIL 530 5.7.0"),
        (Stage.MAIL, 550, "5.7.1 you may not send", Fate.AWAY, "MAIL 550 5.7.1"),
        (Stage.MAIL, 552, "too big", Fate.FAILED, "MAIL 552"),
        (Stage.MAIL, 452, "4.3.1 disk full", Fate.RETRY, "MAIL 452 4.3.1"),
        (Stage.RCPT, 550, "2.1.1 of another class", Fate.BOUNCED, "RCPT 550"),
    ],
)
def test_what_a_server_s_no_means(stage: Stage, code: int, text: str, fate: Fate, reason: str) -> None:
    assert judge(stage, code, text) == Answer(fate, reason)


@given(st.sampled_from(Stage), st.integers(-1, 999), st.text())
def test_of_a_server_s_words_nothing_is_kept(stage: Stage, code: int, text: str) -> None:
    reason = judge(stage, code, text).reason
    assert reason is not None
    assert len(reason) <= len(f"DATA {code} 5.000.000")
    assert reason.isascii()


@given(st.integers(1, 3 * TRIES), st.floats(0, 1))
@example(1, 0.0)
@example(TRIES - 1, 1.0)
def test_pauses_grow_from_a_minute_to_a_day_and_end(attempts: int, luck: float) -> None:
    told = pause(attempts, luck)
    if attempts >= TRIES:
        assert told is None
    else:
        assert told is not None
        assert FIRST_PAUSE <= told <= min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempts)


def test_in_the_mean_a_letter_is_given_up_after_most_of_a_day() -> None:
    pauses = [pause(attempts, 0.5) for attempts in range(1, TRIES)]
    total = sum((each for each in pauses if each is not None), timedelta())
    assert timedelta(hours=12) < total < timedelta(hours=36)
    assert pause(1, 0.0) == timedelta(minutes=1)
    assert pause(1, 1.0) == timedelta(minutes=2)


def at(hour: int, minute: int = 0, day: int = 2) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=LOCAL).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "end", "now", "until"),
    [
        (None, None, at(3), None),
        (time(22), time(7), at(21, 59), None),
        (time(22), time(7), at(22), at(7, day=3)),
        (time(22), time(7), at(6, 59), at(7)),
        (time(22), time(7), at(7), None),
        (time(12), time(13, 30), at(12), at(13, 30)),
        (time(12), time(13, 30), at(13, 30), None),
        (time(12), time(13, 30), at(11, 59), None),
    ],
)
def test_quiet_hours_are_local_and_may_go_over_midnight(
    start: time | None, end: time | None, now: datetime, until: datetime | None
) -> None:
    assert quiet_until(start, end, now) == until


@given(st.times(), st.times(), st.integers(0, 366 * 24 * 3600))
def test_quiet_hours_end_within_a_day_and_nothing_is_quiet_then(start: time, end: time, second: int) -> None:
    now = at(0) + timedelta(seconds=second)
    if start == end:
        return
    until = quiet_until(start, end, now)
    if until is not None:
        assert now < until <= now + timedelta(days=1)
        assert quiet_until(start, end, until) is None


ANYTHING = st.text(max_size=300)


@given(ANYTHING, ANYTHING)
@example("An\r\nBcc: evil@example.com", "Hạn\r\n\r\n<script>")
@example("=?utf-8?b?QmNj?=", "x" * 2000)
@example('An "B" <c@d>, e', "đ" * 300)
def test_no_text_becomes_another_header(name: str, subject: str) -> None:
    """And what was meant is what a reader's program shows."""
    name, subject = one_line(name)[:100], one_line(subject)
    headers = {
        "To": mime.mailbox(name, "an@example.vn"),
        "Subject": mime.unstructured(subject),
    }
    content = mime.alternative(headers, f"{name}\n{subject}\n", f"<p>{subject}</p>\n", "=_mail.1")
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    read = email.message_from_bytes(content, policy=policy.default)
    assert [key for key, _ in read.items()] == ["To", "Subject", "MIME-Version", "Content-Type"]
    assert " ".join(str(read["Subject"]).split()) == subject
    [to] = read["To"].addresses
    assert to.addr_spec == "an@example.vn"
    # The standard library keeps the fold between two encoded words of a name (RFC 2047, 6.2, drops it).
    assert "".join(to.display_name.split()) == "".join(name.split())
    assert not read.defects
    body = read.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == f"{name}\n{subject}\n"


@pytest.mark.parametrize("value", ["a\r\nBcc: b", "a\nb", "a\rb", "a\x00b", "a\u202eb", "a\r\n\r\nb"])
def test_a_header_that_would_become_two_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="control character in Subject"):
        mime.alternative({"Subject": value}, "", "", "=_b")


@pytest.mark.parametrize(
    "address", ["an@example.vn\r\nRCPT TO:<x@y>", "a b@c.vn", "<a@b.vn>", "a@b.vn,c@d.vn"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        mime.mailbox("An", address)


def test_every_kind_has_a_name() -> None:
    assert set(KINDS) == set(NotificationKind)


@given(st.integers(1, 2**63 - 1), st.frozensets(st.sampled_from(NotificationKind), min_size=1))
def test_a_link_is_for_whom_and_what_it_was_made(person: int, kinds: frozenset[NotificationKind]) -> None:
    link = links().link(person, kinds)
    assert link.startswith("https://vdept.gov.vn/unsubscribe?token=")
    assert links().read(link.partition("token=")[2]) == Subscription(person, kinds)


GOOD = links().token(46, [NotificationKind.REMINDER])


WRONG = [
    "",
    ".",
    "..",
    "46.REMINDER",
    "46.REMINDER.",
    GOOD[:-1],
    GOOD + "A",
    GOOD.replace("46", "47", 1),
    GOOD.replace("REMINDER", "ESCALATION"),
    GOOD.replace("46.", "46.ESCALATION.", 1),
    "46.REMINDER.ESCALATION." + GOOD.rpartition(".")[2],
    "đ.REMINDER." + GOOD.rpartition(".")[2],
    "46.REMINDER.đ",
    "\udcff." + GOOD.rpartition(".")[2],
    "46.REMINDER.\udcff",
    Links(Vault("x" * 64), "https://vdept.gov.vn").token(46, [NotificationKind.REMINDER]),
]


@pytest.mark.parametrize("token", WRONG, ids=range(len(WRONG)))
def test_what_we_did_not_sign_is_unknown(token: str) -> None:
    with pytest.raises(Refused, match="UNSUBSCRIBE_LINK_UNKNOWN"):
        links().read(token)


@given(st.text())
def test_no_text_is_a_token(token: str) -> None:
    if token != GOOD:
        with pytest.raises(Refused, match="UNSUBSCRIBE_LINK_UNKNOWN"):
            links().read(token)


def test_links_have_a_key_of_their_own_which_stays() -> None:
    vault = Vault(SECRET)
    assert vault.key(PURPOSE) == Vault(SECRET).key(PURPOSE)
    assert len({vault.key(PURPOSE), vault.key("vault 1"), Vault("y" * 64).key(PURPOSE)}) == 3
    assert SECRET not in repr(vars(links()))
