"""The worker process: the sweep, the job queue, the daily jobs and the heartbeat, side by side.

Each of them lives through outages of what it stands on: without Redis the sweep goes on, without PostgreSQL
all of them wait for it. Being killed at any instant loses nothing, because what there is to do is a row and
what was done is one transaction.
"""

import asyncio
import contextlib
import os
import socket
import uuid
from typing import Any, NoReturn

import structlog
import uvloop
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix
from arq.worker import Worker, get_kwargs
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from vdept.kernel import leases
from vdept.kernel.actor import system
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings, load
from vdept.outcomes.refresh import refresh
from vdept_workers.doorbell import JOBS, Doorbell, open_redis
from vdept_workers.mailing import Mailing
from vdept_workers.publishing import Publishing
from vdept_workers.recurrence import Occurrences
from vdept_workers.reminding import Delivering, Scanning
from vdept_workers.runtime import ENDING
from vdept_workers.settings import DAILY, WorkerSettings
from vdept_workers.sources import Polling
from vdept_workers.sweep import Refresh, Sweeper, persist
from vdept_workers.webhooks import Webhooks

BEAT = 3.0
"""Seconds between heartbeats; a worker that missed three is taken for gone."""

HEARTBEAT = "worker:"
"""A heartbeat is a lease under this prefix: ``vdept doctor`` counts those that have not run out."""

ACTOR = system("worker")
log = structlog.get_logger("vdept.worker")


class Heartbeat:
    """Tells everybody that this worker is alive, by keeping a lease in its own name."""

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._name = HEARTBEAT + holder
        self._token: int | None = None

    async def beat(self) -> float:
        async with self._database.begin(ACTOR) as tx:
            if self._token is None or not await leases.renew(tx.session, self._name, self._token):
                self._token = await leases.acquire(tx.session, self._name, self._name)
                await leases.forget(tx.session, HEARTBEAT)
        return BEAT

    async def stop(self) -> None:
        if self._token is not None:
            async with self._database.begin(ACTOR) as tx:
                await leases.release(tx.session, self._name, self._token)


async def run(
    database_url: str,
    redis_url: str,
    stop: asyncio.Event,
    *,
    pool_size: int = 10,
    sweep: Refresh = refresh,
    settings: Settings | None = None,
) -> None:
    """Work until ``stop`` is set."""
    bell_redis = open_redis(redis_url)
    bell = Doorbell(bell_redis)
    database = Database(database_url, pool_size=pool_size, on_commit=bell)
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    sweeper, heartbeat = Sweeper(database, sweep, holder), Heartbeat(database, holder)
    settings = settings or load()
    webhooks, mailing = Webhooks(database, settings, holder), Mailing(database, settings, holder)
    occurrences = Occurrences(database, holder)
    delivering, scanning = Delivering(database, holder), Scanning(database, holder)
    polling = Polling(database, settings, holder)
    publishing = Publishing(database, settings, holder)
    ctx: dict[str, Any] = {
        "database": database,
        "sweeper": sweeper,
        "holder": holder,
        "senders": [webhooks],
        "occurrences": occurrences,
        "delivering": delivering,
        "scanning": scanning,
        "publishing": publishing,
    }
    loops = [
        asyncio.create_task(persist("heartbeat", heartbeat.beat)),
        asyncio.create_task(sweeper.run()),
        asyncio.create_task(webhooks.run()),
        asyncio.create_task(mailing.run()),
        asyncio.create_task(occurrences.run()),
        asyncio.create_task(delivering.run()),
        asyncio.create_task(scanning.run()),
        asyncio.create_task(polling.run()),
        asyncio.create_task(publishing.run()),
        asyncio.create_task(persist("job queue", lambda: _listen(redis_url, ctx))),
        asyncio.create_task(persist("daily jobs", lambda: _daily(ctx))),
    ]
    log.info("worker is up", holder=holder)
    try:
        await stop.wait()
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops, timeout=2)
        with contextlib.suppress(SQLAlchemyError, OSError, TimeoutError):
            await asyncio.wait_for(heartbeat.stop(), 1)
        with contextlib.suppress(SQLAlchemyError, OSError, TimeoutError):
            await asyncio.wait_for(database.close(), 1)
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await asyncio.wait_for(_hang_up(bell, bell_redis), 1)
        log.info("worker has stopped", holder=holder)


async def _hang_up(bell: Doorbell, redis: ArqRedis) -> None:
    await bell.close()
    await redis.aclose()


async def _daily(ctx: dict[str, Any]) -> float:
    """What a new day asks for, at start and hourly: also when Redis was away at midnight."""
    for job in DAILY:
        await job(ctx)
    return 3600.0


async def _listen(redis_url: str, ctx: dict[str, Any]) -> NoReturn:
    """Take jobs from the queue until Redis goes away."""
    redis = open_redis(redis_url)
    wanted: dict[str, Any] = get_kwargs(dict(vars(WorkerSettings)))
    worker = Worker(**wanted, redis_pool=redis, ctx={**ctx}, handle_signals=False)
    try:
        # A worker that was killed in a job leaves its mark for minutes, and the bell would be mute for them.
        await redis.delete(*(in_progress_key_prefix + job for job in JOBS.values()))
        await worker.async_run()
    finally:
        with contextlib.suppress(RedisError, OSError, TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(worker.close(), 1)
        with contextlib.suppress(RedisError, OSError):
            await redis.aclose()
    msg = "the job queue ended by itself"
    raise RuntimeError(msg)


def work(database_url: str, redis_url: str) -> None:
    """Run a worker until SIGTERM or SIGINT."""

    async def until_asked() -> None:
        stop = asyncio.Event()
        for number in ENDING:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run(database_url, redis_url, stop)

    uvloop.run(until_asked())
