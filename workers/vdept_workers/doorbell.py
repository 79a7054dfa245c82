"""The doorbell: after a commit, wake a worker through Redis. PostgreSQL holds what there is to do.

Ringing never delays or fails the request that rang: rings are folded in this process (at most one every
``QUIET`` seconds) and in Redis (one job id per bell), and a ring that Redis does not take is dropped. The
workers' sweep finds whatever was not rung for. Live inboxes hear the bells that are for them on a channel of
their own.
"""

import asyncio
import contextlib
from typing import Any

import msgspec
import structlog
from arq.connections import ArqRedis
from redis.asyncio import BlockingConnectionPool
from redis.exceptions import RedisError

from vdept.calendars.changes import CALENDAR
from vdept.deadlines.scanning import DOORBELL as REMINDERS
from vdept.notifications.adding import DOORBELL as NOTIFICATIONS
from vdept.notifications.live import CHANNEL, said_of
from vdept.publications.requesting import DOORBELL as EDITIONS
from vdept.targets.changes import DOORBELL as OUTCOMES
from vdept.tasks.recurrence_rules import DOORBELL as OCCURRENCES

JOBS = {
    OUTCOMES: "refresh_outcomes",
    NOTIFICATIONS: "send_out",
    OCCURRENCES: "create_occurrences",
    REMINDERS: "deliver_reminders",
    CALENDAR: "follow_calendar",
    EDITIONS: "publish_wanted",
}
"""Which job answers which bell."""

QUIET = 0.05
log = structlog.get_logger("vdept.doorbell")

encode = msgspec.msgpack.Encoder(enc_hook=str).encode
decode = msgspec.msgpack.decode


def open_redis(url: str) -> ArqRedis:
    """A client of the job queue; it connects when it is first used, so Redis may be down now."""
    pool: Any = BlockingConnectionPool.from_url(
        url, max_connections=20, timeout=2, socket_connect_timeout=2, socket_timeout=5
    )
    client = ArqRedis(pool, job_serializer=encode, job_deserializer=decode)
    client.auto_close_connection_pool = True
    return client


class Doorbell:
    """What :class:`~vdept.kernel.db.Database` calls after a commit with the names that were rung."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._pending: set[str] = set()
        self._ringing: asyncio.Task[None] | None = None
        self._silent = False

    async def __call__(self, rung: frozenset[str]) -> None:
        self._pending |= {bell for bell in rung if bell in JOBS or said_of(bell) is not None}
        if self._pending and (self._ringing is None or self._ringing.done()):
            self._ringing = asyncio.create_task(self._ring())

    async def _ring(self) -> None:
        while self._pending:
            names, self._pending = self._pending, set()
            try:
                for name in sorted(names):
                    await self._answer(name)
                self._silent = False
            except (RedisError, OSError) as error:
                if not self._silent:
                    log.warning("doorbell is silent, the sweep takes over", error=str(error))
                self._silent = True
            await asyncio.sleep(QUIET)

    async def _answer(self, bell: str) -> None:
        if bell in JOBS:
            await self._redis.enqueue_job(JOBS[bell], _job_id=JOBS[bell])
        if (said := said_of(bell)) is not None:
            await self._redis.publish(CHANNEL, said)

    async def close(self) -> None:
        """Let the last ring go out."""
        if self._ringing is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._ringing
