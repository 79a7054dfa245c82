"""What becomes of a letter: pure rules on what the server answered, the clock and chance."""

import re
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple

from vdept.kernel.clock import LOCAL

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(days=1)
TRIES = 11
"""With pauses of up to 2, 4, 8 … minutes in between, the last try is about a day after the first."""

BOUNCES = 3
"""Refusals of an address in a row after which nothing more is sent there."""

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")
_OF_THE_MAILBOX = frozenset({550, 551, 553})
_NOT_OF_THE_LETTER = frozenset({421, 454, 500, 501, 502, 503, 504, 530, 534, 535, 538})
"""The server shuts down, does not speak our language, or wants us to sign in: no letter's fault."""


class Fate(StrEnum):
    """What is to be done with a letter after a try."""

    SENT = "SENT"
    RETRY = "RETRY"
    UNANSWERED = "UNANSWERED"
    """The server hung up or fell silent, and may have the letter or not. It is tried again."""
    BOUNCED = "BOUNCED"
    """The address is refused for good."""
    FAILED = "FAILED"
    """The letter is refused for good, and it is not the address's fault."""
    AWAY = "AWAY"
    """The server is not to be had: the letter was not tried."""
    QUIET = "QUIET"
    """Its person does not want to be disturbed now."""
    UNWANTED = "UNWANTED"
    """Its person does not want it any more."""


class Stage(StrEnum):
    """Where in the conversation the server said no."""

    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"


class Answer(NamedTuple):
    """A letter's fate, and why, in words that may be kept and shown."""

    fate: Fate
    reason: str | None = None


def judge(stage: Stage, code: int, text: str) -> Answer:
    """The fate of a letter whose sending ended in an answer that is not yes.

    Of ``text`` only the enhanced status code (RFC 3463) is looked at and kept: the rest may quote anything.
    """
    found = _ENHANCED.match(text)
    status = found[0] if found and found[1] == str(code)[:1] else ""
    reason = f"{stage.value} {code} {status}".rstrip()
    if code in _NOT_OF_THE_LETTER:
        return Answer(Fate.AWAY, reason)
    if not 500 <= code <= 599:
        return Answer(Fate.RETRY, reason)
    if stage is Stage.MAIL:  # about the sender, that is us, or about the letter's size
        return Answer(Fate.FAILED if code == 552 or status.startswith("5.3") else Fate.AWAY, reason)
    if status:
        bounced = status.startswith(("5.1.", "5.2.")) or (stage is Stage.RCPT and not _policy(status))
    else:
        bounced = stage is Stage.RCPT or code in _OF_THE_MAILBOX
    return Answer(Fate.BOUNCED if bounced else Fate.FAILED, reason)


def _policy(status: str) -> bool:
    """Not this sender, not this content, not over this way: another letter may well arrive."""
    return status.startswith(("5.3.", "5.6.", "5.7."))


def pause(attempts: int, luck: float) -> timedelta | None:
    """How long to wait after so many tries, by a ``luck`` from 0 to 1; None: it is given up.

    Full jitter between the first pause and twice as much for each try: what failed together does not come
    back together.
    """
    if attempts >= TRIES:
        return None
    most = min(LONGEST_PAUSE, FIRST_PAUSE * (1 << attempts))
    return FIRST_PAUSE + (most - FIRST_PAUSE) * luck


def quiet_until(start: time | None, end: time | None, now: datetime) -> datetime | None:
    """When the quiet hours that ``now`` falls into are over; None outside of them."""
    if start is None or end is None:
        return None
    local = now.astimezone(LOCAL)
    at = local.time()
    inside = start <= at < end if start < end else at >= start or at < end
    if not inside:
        return None
    day = local.date() + timedelta(days=1) if start > end and at >= start else local.date()
    return datetime.combine(day, end, LOCAL)
