"""Bring a database to the current schema; safe to run from several processes at once."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from vdept.kernel.db import asyncpg_url

LOCK = 0x7664657074  # "vdept": one migration at a time
_SOURCE = Path(__file__).resolve().parents[4] / "migrations"


def scripts_dir() -> Path:
    """The migrations: beside the sources in a checkout, inside the wheel once installed."""
    if (_SOURCE / "env.py").is_file():
        return _SOURCE
    import vdept_migrations  # type: ignore[import-not-found]

    return Path(next(iter(vdept_migrations.__path__)))


def config(connection: Connection) -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(scripts_dir()))
    settings.attributes["connection"] = connection
    return settings


def upgrade(connection: Connection) -> None:
    """Run every migration that is missing, under an advisory lock."""
    connection.execute(sa.text(f"SELECT pg_advisory_lock({LOCK})"))
    try:
        command.upgrade(config(connection), "head")
        connection.commit()
    finally:
        connection.execute(sa.text(f"SELECT pg_advisory_unlock({LOCK})"))
        connection.commit()


def pending(connection: Connection) -> bool:
    """Whether the database is behind the code."""
    head = ScriptDirectory.from_config(config(connection)).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() != head


async def migrate(url: str) -> None:
    """Bring the database at ``url`` up to date."""
    engine = create_async_engine(asyncpg_url(url))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()
