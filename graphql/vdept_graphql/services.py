"""What the HTTP side of the platform stands on, handed to every group of addresses."""

from dataclasses import dataclass
from typing import Any

from vdept.kernel.db import Database
from vdept.kernel.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The open connections and the settings of one API process. ``redis`` None: nobody can sign in."""

    settings: Settings
    database: Database
    redis: Any | None
    """A ``redis.asyncio.Redis``, of Valkey or Redis."""
