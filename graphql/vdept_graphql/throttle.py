"""How much may be asked in a stretch of time: the generic cell rate algorithm, shared through Valkey.

Of every key one number is kept, the instant at which all that was spent will have been earned back. ``limit``
units may be spent at once; they come back evenly over ``per``. One script is one round trip and no race. When
Valkey is away, each process counts for itself: limits are then as many times wider as there are processes,
and nobody is locked out.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from datetime import timedelta
from math import ceil
from typing import Any, NamedTuple

import structlog
from redis.exceptions import RedisError

log = structlog.get_logger("vdept.throttle")

PATIENCE = 0.25
"""Seconds that Valkey may take."""
AWAY = 5.0
"""Seconds that Valkey is left alone after it failed."""
KEPT = 10_000
"""Keys that a process counts by itself."""

# KEYS[1]; ARGV: the microseconds that the cost takes to earn, those of the whole limit, whether to spend.
# Answers the microseconds to wait (0: allowed) and those until everything is earned back.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local earned = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local after = earned + ARGV[1]
local wait = math.max(after - now - ARGV[2], 0)
if wait == 0 and ARGV[3] == '1' then
    earned = after
    if earned > now then
        redis.call('SET', KEYS[1], string.format('%.0f', earned), 'PX', math.ceil((earned - now) / 1000))
    end
end
return {wait, earned - now}
"""


class Wait(int):
    """Whole seconds to wait until it would be allowed; at least 1."""

    @property
    def headers(self) -> dict[str, str]:
        """What an answer with status 429 carries (RFC 9110, section 10.2.3)."""
        return {"Retry-After": str(int(self))}


class Spent(NamedTuple):
    """What came of spending: ``wait`` None if it was allowed."""

    wait: Wait | None
    remaining: int
    """Units that could be spent right now."""
    reset: int
    """Whole seconds until the limit is there in full."""


class Throttle:
    """Limits by key. ``redis`` None: this process counts for itself."""

    def __init__(self, redis: Any | None) -> None:
        self._script = None if redis is None else redis.register_script(SCRIPT)
        self._own: OrderedDict[str, int] = OrderedDict()
        self._away_until = 0.0

    async def allow(self, key: str, *, limit: int, per: timedelta, cost: int = 1) -> Wait | None:
        """Spend ``cost`` of ``limit`` units in ``per``; None if allowed, or else how long to wait.

        What is refused costs nothing. A cost above the limit counts as the whole of it.
        """
        return (await self.spend(key, limit=limit, per=per, cost=cost)).wait

    async def room(self, key: str, *, limit: int, per: timedelta, cost: int = 1) -> Wait | None:
        """What :meth:`allow` would answer; nothing is spent."""
        return (await self.spend(key, limit=limit, per=per, cost=cost, really=False)).wait

    async def spend(
        self, key: str, *, limit: int, per: timedelta, cost: int = 1, really: bool = True
    ) -> Spent:
        """The same as :meth:`allow`, with what is left."""
        whole = round(per.total_seconds() * 1_000_000)
        price = whole * min(cost, limit) // limit
        # Keys may hold addresses of people: what is kept is of one length and tells nothing.
        name = f"throttle:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
        wait, owed = await self._ask(name, price, whole, really)
        return Spent(
            Wait(ceil(wait / 1_000_000)) if wait else None,
            max((whole - owed) * limit // whole, 0),
            ceil(owed / 1_000_000),
        )

    async def _ask(self, name: str, price: int, whole: int, really: bool) -> tuple[int, int]:
        if self._script is None or time.monotonic() < self._away_until:
            return self._ask_ourselves(name, price, whole, really)
        try:
            async with asyncio.timeout(PATIENCE):
                wait, owed = await self._script(keys=[name], args=[price, whole, int(really)])
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            self._away_until = time.monotonic() + AWAY
            log.warning("limits are counted by each process alone", error=type(error).__name__)
            return self._ask_ourselves(name, price, whole, really)
        return int(wait), int(owed)

    def _ask_ourselves(self, name: str, price: int, whole: int, really: bool) -> tuple[int, int]:
        now = int(time.monotonic() * 1_000_000)
        earned = max(self._own.get(name, now), now)
        wait = max(earned + price - now - whole, 0)
        if not wait and really:
            earned += price
            self._own[name] = earned
            self._own.move_to_end(name)
            if len(self._own) > KEPT:
                self._own.popitem(last=False)
        return wait, earned - now
