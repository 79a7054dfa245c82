"""Real PostgreSQL and real Valkey for every test that needs them.

Each pytest process starts both once, migrates a template database once, and gives every test its own copy
of it (about 30 ms): tests commit freely and cannot see each other.
"""

import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from vdept.calendars import upkeep
from vdept.kernel import embedded, migrations
from vdept.kernel.db import Database

TEMPLATE = "vdept_template"


@pytest.fixture(scope="session")
def servers() -> Iterator[embedded.EmbeddedServers]:
    with tempfile.TemporaryDirectory(prefix="vdept-test-", ignore_cleanup_errors=True) as folder:
        running = embedded.start(
            Path(folder),
            database=TEMPLATE,
            settings={**embedded.FAST_AND_FORGETFUL, "shared_buffers": "128MB"},
        )
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture(scope="session")
async def template(servers: embedded.EmbeddedServers) -> str:
    await migrations.migrate(servers.database_url)
    database = Database(servers.database_url, pool_size=2, role=None)
    await upkeep.ensure_on(database)
    await database.close()
    return TEMPLATE


@pytest.fixture
def database_url(servers: embedded.EmbeddedServers, template: str) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    servers.postgres.psql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy;")
    yield str(servers.postgres.get_uri(database=name))
    servers.postgres.psql(f"DROP DATABASE {name} WITH (FORCE);")


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
