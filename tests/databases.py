"""What the databases of tests are made of: where they stand, and what they may share to be quick."""

import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import LRUCache

from vdept.kernel import db, embedded

TEMPLATE = "vdept_template"

MEMORY = Path("/dev/shm")
"""A file system in memory, where there is one: a database is copied there in a third of the time."""

ROOM = 4 << 30
"""Bytes that must be free there; a container that was given little of it uses the disk."""

SETTINGS = {
    **embedded.FAST_AND_FORGETFUL,
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
}


PREFIX = "vdept-test-"
DAY = 24 * 60 * 60


def place() -> Path | None:
    """The folder in which servers of tests keep their data; None is wherever temporary files go.

    What tests that were killed have left there goes after a day: it is memory.
    """
    if not (MEMORY.is_dir() and os.access(MEMORY, os.W_OK)):
        return None
    for left in MEMORY.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > DAY:
                shutil.rmtree(left, ignore_errors=True)
    return MEMORY if shutil.disk_usage(MEMORY).free > ROOM else None


@asynccontextmanager
async def copied(
    servers: embedded.EmbeddedServers, office: asyncpg.Connection, template: str
) -> AsyncIterator[str]:
    """The URL of a copy of ``template``, dropped afterwards."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    await office.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield servers.postgres.get_uri(database=name)
    await office.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def remembered(dialect: sa.Dialect) -> Iterator[None]:
    """What one test had SQLAlchemy compile is compiled for all, as in a process of the platform.

    Each test has an engine of its own; they share this dialect, which has met the server, and what they know.
    """
    compiled: LRUCache[Any, Any] = LRUCache(3_000)
    make = db.create_async_engine

    def acquainted(*given: Any, **named: Any) -> AsyncEngine:
        made = make(*given, **named)
        made.sync_engine.dialect = dialect
        made.sync_engine._compiled_cache = compiled
        return made

    with patch.object(db, "create_async_engine", acquainted):
        yield
