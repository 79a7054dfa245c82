"""Credentials that failed, counted by the address they came from: guessing is slowed and logged.

Nobody guesses 256 random bits; what is kept small here is the load and the noise of trying. Behind one
address there may be a whole ministry, therefore:

* what was good a short while ago is not held up, whoever else fails beside it, nor is a token that we have
  signed: a client has a new one every ten minutes;
* one credential counts once, however often a broken script repeats it, and is refused by itself in the end;
* cookies count apart: every browser of the house shows an expired one in the morning.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

import structlog

from vdept.kernel.errors import Kind, Refusal
from vdept_graphql.throttle import Throttle, Wait

log = structlog.get_logger("vdept.security")

MINUTE = timedelta(minutes=1)
REPEATS = 30
"""How often a minute one bad credential is looked at."""
GOOD_FOR = 600.0
"""Seconds that a credential which was good is not held up for others' failures."""
REMEMBERED = 20_000
"""Credentials, as hashes, that a process remembers of each kind."""

# Not in the registry: it refuses a request, never a mutation, and is no part of its error enum.
TOO_MANY_ATTEMPTS = Refusal(
    "TOO_MANY_ATTEMPTS",
    Kind.FORBIDDEN,
    vi="Đã có quá nhiều lần đăng nhập không thành công từ địa chỉ mạng này. Hãy thử lại sau {seconds} giây.",
    en="Too many attempts to sign in from this network address have failed. Try again in {seconds} seconds.",
)


class CredentialKind(StrEnum):
    BEARER = "bearer"
    COOKIE = "cookie"
    FEED = "calendar feed"


FAILURES = {CredentialKind.BEARER: 30, CredentialKind.COOKIE: 600, CredentialKind.FEED: 30}
"""Different bad credentials a minute from one address, after which unknown ones are refused unchecked."""


class Credential(NamedTuple):
    """What a caller shows to be known by."""

    kind: CredentialKind
    value: str

    @property
    def mark(self) -> bytes:
        """What is remembered of it."""
        return hashlib.sha256(self.value.encode("utf-8", "surrogatepass")).digest()

    def __repr__(self) -> str:
        return f"Credential({self.kind})"


class Recent:
    """How often each name was seen in the last ``span`` seconds; of at most ``most`` names.

    The span starts when a name is first seen, or anew each time if ``renewed``.
    """

    def __init__(self, span: float, *, renewed: bool = False, most: int = REMEMBERED) -> None:
        self._span = span
        self._renewed = renewed
        self._most = most
        self._seen: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    def times(self, name: bytes) -> int:
        """How often ``name`` was seen."""
        until, times = self._seen.get(name, (0.0, 0))
        return times if time.monotonic() < until else 0

    def left(self, name: bytes) -> float:
        """Seconds until ``name`` is forgotten."""
        return self._seen[name][0] - time.monotonic()

    def see(self, name: bytes) -> int:
        """Note ``name`` once more; returns how often that makes."""
        times = self.times(name)
        if not times or self._renewed:
            self._seen[name] = (time.monotonic() + self._span, times + 1)
            self._seen.move_to_end(name)
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
        else:
            self._seen[name] = (self._seen[name][0], times + 1)
        return times + 1

    def forget(self, name: bytes) -> None:
        """As if it had never been seen."""
        self._seen.pop(name, None)

    def __len__(self) -> int:
        return len(self._seen)


class Failures:
    """The memory of one process; how many failed from an address is shared through Valkey."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._good = Recent(GOOD_FOR, renewed=True)
        self._bad = Recent(MINUTE.total_seconds())
        self._told = Recent(MINUTE.total_seconds())

    async def held_up(
        self, address: str, credential: Credential, ours: Callable[[], Awaitable[bool]] | None = None
    ) -> Wait | None:
        """How long this credential must wait, unchecked; None: look at it.

        ``ours``: whether nobody can have guessed it; asked only where others have failed too often.
        """
        mark = credential.mark
        if self._good.times(mark):
            return None
        if self._bad.times(mark) >= REPEATS:
            wait: Wait | None = Wait(max(1, round(self._bad.left(mark))))
        else:
            limit = FAILURES[credential.kind]
            wait = await self._throttle.room(_key(address, credential), limit=limit, per=MINUTE)
            if wait is not None and ours is not None and await ours():
                return None
        if wait is not None and self._told.see(f"{credential.kind} {address}".encode()) == 1:
            log.warning("credentials held up", address=address, kind=credential.kind.value, seconds=int(wait))
        return wait

    async def failed(self, address: str, credential: Credential) -> None:
        """It was looked at and is no good."""
        mark = credential.mark
        self._good.forget(mark)
        if self._bad.see(mark) > 1:
            return
        limit = FAILURES[credential.kind]
        await self._throttle.allow(_key(address, credential), limit=limit, per=MINUTE)
        log.warning("credential refused", address=address, kind=credential.kind.value)

    def succeeded(self, credential: Credential) -> None:
        """It was looked at and is good."""
        mark = credential.mark
        self._bad.forget(mark)
        self._good.see(mark)


def _key(address: str, credential: Credential) -> str:
    return f"failed:{credential.kind}:{address}"
