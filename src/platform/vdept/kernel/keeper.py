"""The keeper: a small process beside the embedded servers that stops them once nobody uses them.

Every process that uses the servers holds a shared lock on ``users.lock`` in the data folder; the operating
system drops it when the process ends, however it ends. The keeper waits for the exclusive lock, so even the
last user's SIGKILL leaves no server behind. A new user's shared lock waits while the keeper stops them.
"""

import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

USERS = "users.lock"
KEEPER = "keeper.lock"
VALKEY_PORT = "valkey.port"
VALKEY_PID = "valkey.pid"
PATIENCE = 20.0
"""Seconds to wait for a server's orderly shutdown before it is killed."""


def lock(path: Path, how: int) -> int | None:
    """An open, locked file descriptor, or None when ``LOCK_NB`` was asked and somebody is in the way."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, how)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One process at a time."""
    handle = lock(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def process(pid: int, *words: str) -> psutil.Process | None:
    """The living process ``pid``, if its command line holds all ``words``: pids are used again."""
    try:
        found = psutil.Process(pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return None
        line = " ".join(found.cmdline())
    except psutil.Error:
        return None
    return found if all(word in line for word in words) else None


def postgres_process(data: Path) -> psutil.Process | None:
    """The PostgreSQL that runs on ``data``, if one does."""
    try:
        pid = int((data / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return process(pid, "postgres", str(data / "postgres"))


def valkey_port(data: Path) -> int | None:
    """The port that Valkey was last started on, whether or not it still runs."""
    try:
        return int((data / VALKEY_PORT).read_text())
    except (OSError, ValueError):
        return None


def valkey_process(data: Path) -> psutil.Process | None:
    """The Valkey of this data folder, if it is alive."""
    try:
        pid = int((data / VALKEY_PID).read_text())
    except (OSError, ValueError):
        return None
    return process(pid, "valkey", f":{valkey_port(data)}")


def end(found: psutil.Process | None, *signals: int) -> None:
    """Send each signal in turn until the process is gone; the last one is SIGKILL."""
    for number in (*signals, signal.SIGKILL):
        if found is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            found.send_signal(number)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if process(found.pid) != found:
                return
            time.sleep(0.01)


def stop_servers(data: Path) -> None:
    """Stop both: PostgreSQL by a fast shutdown, which loses nothing; Valkey keeps nothing on disk."""
    end(valkey_process(data), signal.SIGTERM)
    end(postgres_process(data), signal.SIGINT, signal.SIGQUIT)


def leave(data: Path, hold: int) -> None:
    """Give up one's own use of the servers; the last one to leave returns when they have stopped."""
    os.close(hold)
    deadline = time.monotonic() + 3 * PATIENCE
    while time.monotonic() < deadline:
        alone = lock(data / USERS, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if alone is not None:
            stop_servers(data)
            os.close(alone)
            _wait_for_keeper(data)
            return
        other = lock(data / USERS, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if other is not None:
            os.close(other)
            return
        time.sleep(0.01)


def _wait_for_keeper(data: Path) -> None:
    """The keeper finds nothing left to do and goes; give it the moment that takes."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        free = lock(data / KEEPER, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if free is not None:
            os.close(free)
            return
        time.sleep(0.01)


def main(folder: str, keeper_lock: str) -> None:
    """Detach, wait until no user is left, stop the servers. ``keeper_lock`` is inherited, already locked."""
    if os.fork():
        os._exit(0)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    data = Path(folder)
    alone = lock(data / USERS, fcntl.LOCK_EX)
    stop_servers(data)
    os.close(int(keeper_lock))
    if alone is not None:
        os.close(alone)


if __name__ == "__main__":
    main(*sys.argv[1:])
