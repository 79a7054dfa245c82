"""The sweep: the worker's own loop that applies what changed, doorbell or not.

It runs every ``BUSY`` seconds while there are changes and every ``IDLE`` seconds otherwise; the doorbell
cuts an idle pause short. Any number of workers may sweep: a plan is rolled up under its advisory lock.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol

import structlog
from asyncpg.exceptions import InterfaceError, PostgresError
from redis.exceptions import RedisError
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import SQLAlchemyError

from vdept.kernel.db import Database
from vdept.kernel.job_runs import recorded

BUSY = 0.1
IDLE = 1.0
BACKOFF = (0.1, 5.0)
"""Seconds after the first failure, and at most; doubled in between."""

AWAY = (
    SQLAlchemyError,
    AsyncAdapt_asyncpg_dbapi.Error,
    PostgresError,
    InterfaceError,
    RedisError,
    OSError,
    TimeoutError,
)
"""How it shows that PostgreSQL or Redis is away, is starting, or has just ended our connection: also in the
driver's own words, when a connection ends while a transaction is being undone."""

log = structlog.get_logger("vdept.worker")


class Report(Protocol):
    """What the sweep must know of one refresh: whether there was something, and whether there is more."""

    @property
    def changes(self) -> int: ...
    @property
    def more(self) -> bool: ...


Refresh = Callable[[Database], Awaitable[Report]]


async def persist(name: str, step: Callable[[], Awaitable[float]]) -> NoReturn:
    """Do ``step`` for ever, pausing for as long as it answers; a failure backs off and is logged once.

    A database or Redis that is away is expected and comes back; anything else is a bug, logged with its
    traceback, and must not end the loop either.
    """
    pause, failing = BACKOFF[0], False
    while True:
        try:
            answer = await step()
        except AWAY as error:
            if not failing:
                log.warning("a server is away, trying again", loop=name, error=repr(error).split("\\n")[0])
            failing = True
        except Exception:
            log.exception("failed, trying again", loop=name)
            failing = True
        else:
            if failing:
                log.info("works again", loop=name)
            pause, failing = BACKOFF[0], False
            await asyncio.sleep(answer)
            continue
        await asyncio.sleep(pause)
        pause = min(2 * pause, BACKOFF[1])


class Sweeper:
    """Applies changes by calling ``refresh`` until there are none, again and again."""

    def __init__(self, database: Database, refresh: Refresh, holder: str = "") -> None:
        self._database = database
        self._holder = holder
        self._refresh = refresh
        self._rung = asyncio.Event()

    def wake(self) -> None:
        """There is something to do: sweep now rather than at the end of the pause."""
        self._rung.set()

    async def run(self) -> NoReturn:
        await persist("sweep", self._sweep)

    async def _sweep(self) -> float:
        """One sweep, then the idle pause if there was nothing; answers how long to wait on top."""
        clock = asyncio.get_running_loop().time
        started = clock()
        self._rung.clear()
        async with recorded(self._database, "refresh_outcomes", self._holder) as run:
            report = await self._refresh(self._database)
            run.items = report.changes
        if report.more:
            return 0.0
        if report.changes:
            return max(0.01, BUSY - (clock() - started))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), IDLE)
        return 0.0
