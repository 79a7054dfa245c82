"""One websocket: who is behind it, and how it ends."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from litestar import WebSocket

from vdept.kernel.errors import Locale
from vdept_graphql.authentication import Caller
from vdept_graphql.failures import Credential

BURST, A_SECOND = 30, 5
"""Messages that a connection may send at once, and how many a second for long."""

_encode = msgspec.json.Encoder().encode


class Closed(Exception):
    """The connection ends, for this reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(slots=True)
class Connection:
    """One websocket and who is behind it."""

    socket: WebSocket[Any, Any, Any]
    credential: Credential | None = None
    caller: Caller | None = None
    named: Locale | None = None
    checked: float = 0.0
    allowance: float = BURST
    counted: float = field(default_factory=time.monotonic)

    @property
    def locale(self) -> Locale:
        return self.named or (Locale.VI if self.caller is None else self.caller.actor.locale)

    async def send(self, message: Mapping[str, Any]) -> None:
        await self.socket.send_text(_encode(message).decode())

    def count(self) -> None:
        """One more message; raises Closed where there are too many."""
        now = time.monotonic()
        self.allowance = min(BURST, self.allowance + (now - self.counted) * A_SECOND) - 1
        self.counted = now
        if self.allowance < 0:
            raise Closed(4429, "Too many messages")
