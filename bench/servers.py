"""A database of the benchmark's own on the embedded server, with durable commits as in production."""

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa

from vdept.calendars import upkeep
from vdept.kernel import embedded, migrations
from vdept.kernel.actor import system
from vdept.kernel.db import Database

SYSTEM = system("bench")


def data_dir() -> Path:
    """Where the benchmark's servers keep their data; VDEPT_BENCH_DIR keeps it between runs."""
    return Path(os.environ.get("VDEPT_BENCH_DIR") or Path(tempfile.gettempdir()) / "vdept-bench")


@asynccontextmanager
async def fresh(
    name: str, *, pool_size: int = 12
) -> AsyncIterator[tuple[Database, embedded.EmbeddedServers]]:
    """A new, migrated database; the servers stop at the end."""
    servers = embedded.start(data_dir(), database="postgres")
    try:
        servers.postgres.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE);")
        url = embedded.ensure_database(servers.postgres, name)
        servers.database_url = url
        await migrations.migrate(url)
        database = Database(url, pool_size=pool_size)
        await upkeep.ensure_on(database)
        yield database, servers
        await database.close()
        servers.postgres.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE);")
    finally:
        servers.stop()


@asynccontextmanager
async def owned(database: Database) -> AsyncIterator[Database]:
    """The same database as its owner, for what the platform itself may not do: nothing is guarded."""
    owner = Database(database.engine.url.render_as_string(hide_password=False), pool_size=4, role=None)
    try:
        yield owner
    finally:
        await owner.close()


async def settle(database: Database) -> None:
    """What autovacuum would have done by then."""
    async with owned(database) as owner:
        await vacuum(owner, "VACUUM ANALYZE")


async def vacuum(owner: Database, statement: str) -> None:
    """What does not run in a transaction."""
    async with owner.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(sa.text(statement))
