"""Real PostgreSQL and real Valkey for every test that needs them.

Each pytest process starts both once, migrates a template database once, and gives every test its own copy
of it (about 20 ms): tests commit freely and cannot see each other.
"""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from databases import PREFIX, SETTINGS, TEMPLATE, copied, place, remembered
from vdept.calendars import upkeep
from vdept.kernel import embedded, migrations
from vdept.kernel.db import Database


@pytest.fixture(scope="session")
def servers() -> Iterator[embedded.EmbeddedServers]:
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=place(), ignore_cleanup_errors=True) as folder:
        running = embedded.start(Path(folder), database=TEMPLATE, settings=SETTINGS)
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture(scope="session")
async def template(servers: embedded.EmbeddedServers) -> AsyncIterator[str]:
    await migrations.migrate(servers.database_url)
    database = Database(servers.database_url, pool_size=2, role=None)
    await upkeep.ensure_on(database)
    await database.close()
    with remembered(database.engine.sync_engine.dialect):
        yield TEMPLATE


@pytest.fixture(scope="session")
async def office(servers: embedded.EmbeddedServers, template: str) -> AsyncIterator[asyncpg.Connection]:
    """The connection on which databases are made and dropped."""
    connection = await asyncpg.connect(servers.postgres.get_uri())
    yield connection
    await connection.close()


@pytest.fixture
async def database_url(servers: embedded.EmbeddedServers, office: asyncpg.Connection) -> AsyncIterator[str]:
    async with copied(servers, office, TEMPLATE) as url:
        yield url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """As every process of the platform: in the application's role."""
    database = Database(database_url, pool_size=8)
    yield database
    await database.close()


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Database]:
    """The tables' owner, for whom no row security holds: for tests that spoil rows or change tables."""
    database = Database(database_url, pool_size=4, role=None)
    yield database
    await database.close()


@pytest.fixture
def redis_url(servers: embedded.EmbeddedServers) -> str:
    """The Valkey of this pytest process, emptied."""
    servers.valkey.client().flushall()
    return servers.redis_url
