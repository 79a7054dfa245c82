"""Liveness and readiness: alive means the process answers, ready means all it stands on serves."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol

import sqlalchemy as sa

from vdept.kernel import migrations
from vdept.kernel.db import Database

PATIENCE = 3.0
"""Seconds that a dependency may take before it counts as not serving."""


class Pingable(Protocol):
    """A Redis or Valkey client."""

    def ping(self) -> Awaitable[Any]: ...


async def _database(database: Database) -> str:
    async with database.engine.connect() as connection:
        await connection.execute(sa.text("SELECT 1"))
        behind = await connection.run_sync(migrations.pending)
    return "not migrated" if behind else "ok"


async def _redis(redis: Pingable) -> str:
    await redis.ping()
    return "ok"


async def _state(check: Awaitable[str]) -> str:
    try:
        return await asyncio.wait_for(check, PATIENCE)
    except TimeoutError:
        return "no answer"
    except Exception as error:  # noqa: BLE001  whatever keeps it from serving, by its kind only
        return f"not serving ({type(error).__name__})"


async def readiness(database: Database, redis: Pingable | None) -> tuple[bool, dict[str, str]]:
    """Whether everything serves, and the state of each part."""
    parts = {"api": "ok", "database": await _state(_database(database))}
    parts["redis"] = "not connected" if redis is None else await _state(_redis(redis))
    return all(state == "ok" for state in parts.values()), parts
