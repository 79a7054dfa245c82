"""Who manages endpoints, and when a delivery that failed is tried again. Pure.

Tried again after 5 seconds, 5 minutes, 30 minutes, 2, 5 and 10 hours at most, each time after a random part
of that (full jitter: a system that comes back is not met by everything at once), until a day has passed.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from vdept.kernel.actor import MANAGING, Actor
from vdept.kernel.errors import Words
from vdept.notifications.models import NotificationKind

MAX_ENDPOINTS = 20
"""Endpoints of one unit that are not disabled."""
BOTH_SIGN = timedelta(hours=24)
"""How long the secret before the last one signs beside it."""
PATIENCE = timedelta(days=5)
"""After how long of nothing but failures an endpoint is disabled."""

STEPS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)
"""How long at most until the next attempt, after the first failure, the second, and so on."""
SHORTEST = timedelta(seconds=1)
IN_ALL = timedelta(days=1)
"""How long a delivery is tried, at least six times."""
LONGEST_ASKED = timedelta(hours=1)
"""What an endpoint may ask for with Retry-After."""

TEST = "webhook.test"


class Failure(StrEnum):
    """Why an attempt failed, in a word that tells whoever registered the endpoint nothing of our networks."""

    NAME_UNKNOWN = "NAME_UNKNOWN"
    ADDRESS_NOT_PUBLIC = "ADDRESS_NOT_PUBLIC"
    NO_CONNECTION = "NO_CONNECTION"
    CERTIFICATE = "CERTIFICATE"
    TIMEOUT = "TIMEOUT"
    BROKEN_ANSWER = "BROKEN_ANSWER"
    REDIRECT = "REDIRECT"
    STATUS = "STATUS"
    SECRET_UNREADABLE = "SECRET_UNREADABLE"  # noqa: S105  the name of a failure
    ENDPOINT_DISABLED = "ENDPOINT_DISABLED"
    INTERNAL = "INTERNAL"


def manages(actor: Actor, unit_id: int) -> bool:
    """The managers of exactly this unit, in person; a client never, whoever it acts for."""
    return actor.client_id is None and actor.has(unit_id, MANAGING)


def require_manages(actor: Actor, unit_id: int, *path: str) -> None:
    actor.require(
        manages(actor, unit_id),
        Words(
            "người đứng đầu, cấp phó hoặc đầu mối của chính đơn vị đó, hoặc quản trị viên, tự đăng nhập",
            "the head, a deputy or a coordinator of exactly that unit, or an administrator, in person",
        ),
        *path,
    )


def clean_kinds(kinds: Iterable[NotificationKind]) -> list[str]:
    """Kinds as they are stored: each once, in a fixed order; none of them means all of them."""
    return sorted({kind.value for kind in kinds})


def event_type(kind: str | None) -> str:
    """The ``type`` of a payload, such as ``notification.reminder``."""
    return TEST if kind is None else f"notification.{kind.lower()}"


def failure_of(status: int) -> Failure | None:
    """What a status says: only 2xx is a delivery, and a redirect is never followed."""
    if 200 <= status < 300:
        return None
    return Failure.REDIRECT if 300 <= status < 400 else Failure.STATUS


def retry_in(attempts: int, age: timedelta, draw: float, asked: timedelta | None = None) -> timedelta | None:
    """When to try again after the ``attempts``-th failure, ``age`` after the delivery was queued.

    ``draw``: a random number from 0 to 1; ``asked``: what the endpoint asked for. None: give it up. The last
    attempt is a day after the first, so that a system that is away overnight misses nothing.
    """
    if attempts >= len(STEPS) and age >= IN_ALL:
        return None
    delay = STEPS[min(attempts, len(STEPS)) - 1] * draw
    if asked is not None:
        delay = max(delay, min(asked, LONGEST_ASKED))
    if attempts >= len(STEPS):
        delay = min(delay, IN_ALL - age)
    return max(delay, SHORTEST)


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """What a Retry-After asks for (RFC 9110, section 10.2.3): seconds or a date; None for anything else."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**6))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(at - now, timedelta())
