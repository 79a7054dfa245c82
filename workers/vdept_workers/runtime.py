"""What every command stands on: settings, signals, and servers that are either given or embedded."""

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from vdept.kernel.settings import Settings, load

if TYPE_CHECKING:
    from vdept.kernel.db import Database

T = TypeVar("T")

LIFELINE = "VDEPT_LIFELINE"
"""A pipe inherited from the supervisor. It ends when the supervisor does, however that ends."""

INSUFFICIENT_PRIVILEGE = "42501"

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Failure(click.ClickException):
    """Something expected does not hold: one sentence that says what to do, and exit code 1."""

    def show(self, file: object = None) -> None:  # noqa: ARG002
        click.echo(f"vdept: {self.format_message()}", err=True)


class Stopped(BaseException):
    """A signal asked this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Addresses(NamedTuple):
    """Where the servers are."""

    database_url: str
    redis_url: str


def say(line: str) -> None:
    """Progress; on standard error, so that what a command answers can be piped."""
    click.echo(f"· {line}", err=True)


def settings() -> Settings:
    try:
        return load()
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def settings_to_serve() -> Settings:
    """The same for a process that people sign in to: its identity providers can be what they say."""
    from vdept.identity import providers

    chosen = settings()
    try:
        providers.of(chosen)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return chosen


def settings_to_work() -> Settings:
    """The same for a process that sends mail: its server can be what the settings say."""
    from vdept.kernel.mail import Mailer
    from vdept.kernel.vault import Vault, VaultError

    chosen = settings()
    try:
        if Mailer.of(chosen) is not None:
            Vault.of(chosen)
    except (ValueError, VaultError) as error:
        raise click.UsageError(str(error)) from error
    return chosen


def stop_on_signals() -> None:
    """Turn a request to end into :class:`Stopped`, once: what unwinds must not be interrupted again."""

    def stop(number: int, _frame: FrameType | None) -> None:
        for ending in ENDING:
            signal.signal(ending, signal.SIG_IGN)
        raise Stopped(number)

    for ending in ENDING:
        signal.signal(ending, stop)


def hold_lifeline() -> None:
    """End like on SIGTERM when the supervisor is gone, so that even its SIGKILL leaves nothing behind."""
    handle = os.environ.pop(LIFELINE, None)
    if handle is None:
        return

    _end_after(lambda: os.read(int(handle), 1))


def end_with_parent() -> None:
    """The same for a process that was started through ``multiprocessing``."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        _end_after(parent.join)


def _end_after(wait: Callable[[], object]) -> None:
    def watch() -> None:
        with contextlib.suppress(OSError):
            wait()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="lifeline").start()


def make_was_interrupted() -> bool:
    """Whether this runs under make, and make alone got SIGINT.

    Ctrl-C reaches the whole terminal's group. A signal sent to make only does not: make passes SIGTERM on
    but not SIGINT, gives up catching it, and waits for us for ever. Linux shows what a process catches.
    """
    try:
        parent = Path(f"/proc/{os.getppid()}")
        if (parent / "comm").read_text().strip() not in {"make", "gmake"}:
            return False
        status = (parent / "status").read_text()
        masks = dict(re.findall(r"^Sig(Cgt|Ign):\s*([0-9a-f]+)$", status, re.MULTILINE))
    except OSError:
        return False
    heeded = any(int(mask, 16) & 1 << (signal.SIGINT - 1) for mask in masks.values())
    return len(masks) == 2 and not heeded


def adopt_orphans() -> None:
    """Let servers that detached themselves become children of this process and not of init (Linux).

    Some init processes of containers take their time, or never look after what died: it would stay in the
    process list as defunct.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def bury_orphans() -> None:
    """Take the exit codes of the servers that have stopped; those that others still use live on."""
    deadline = time.monotonic() + 1
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)


@contextlib.contextmanager
def servers(chosen: Settings, *, redis: bool = True) -> Iterator[Addresses]:
    """The servers that the settings name; the embedded ones in their place where they name none."""
    if chosen.database_url and (chosen.redis_url or not redis):
        yield Addresses(chosen.database_url, chosen.redis_url)
        return
    try:
        from vdept.kernel import embedded
        from vdept.kernel.cluster import EmbeddedServersError
    except ImportError as error:
        given = "set VDEPT_DATABASE_URL and VDEPT_REDIS_URL"
        msg = f"No server is given and the embedded ones are not installed: {given}."
        raise Failure(msg) from error
    adopt_orphans()
    try:
        running = embedded.start(chosen.data_path, say=say)
    except EmbeddedServersError as error:
        raise Failure(str(error)) from error
    try:
        yield Addresses(chosen.database_url or running.database_url, chosen.redis_url or running.redis_url)
    finally:
        running.stop()
        bury_orphans()


def wait_for_database(url: str, seconds: float = 30) -> bool:
    """Wait until the database takes connections; returns whether it is behind the code."""
    from vdept.kernel import migrations
    from vdept_workers.sweep import AWAY

    deadline, told = time.monotonic() + seconds, False
    while True:
        try:
            return asyncio.run(migrations.behind(url))
        except AWAY as error:
            if time.monotonic() > deadline:
                msg = f"The database cannot be reached ({first_line(error)}): check VDEPT_DATABASE_URL."
                raise Failure(msg) from error
            if not told:
                say("waiting for the database")
            told = True
            time.sleep(0.5)


def migrated(url: str, *, embedded: bool, patience: float = 30) -> None:
    """The schema is current: made so on the embedded server, required of any other."""

    if not wait_for_database(url, patience):
        return
    if not embedded:
        msg = "The database is not migrated: run `vdept migrate` first."
        raise Failure(msg)
    say("migrating the database")
    bring_up_to_date(url, patience)


def bring_up_to_date(url: str, patience: float = 30) -> None:
    """Migrate as the login of ``url``; what it may not do becomes one sentence."""
    from sqlalchemy.exc import DBAPIError

    wait_for_database(url, patience)
    try:
        asyncio.run(_migrate(url))
    except DBAPIError as error:
        refused: BaseException | None = error.orig and error.orig.__cause__
        if getattr(refused, "sqlstate", None) != INSUFFICIENT_PRIVILEGE or refused is None:
            raise
        msg = f"The database cannot be migrated: {first_line(refused)}."
        raise Failure(msg) from error


async def _migrate(url: str) -> None:
    """The migrations, and what they cannot bring along: the working calendar from the package."""
    from vdept.calendars import upkeep
    from vdept.kernel import migrations
    from vdept.kernel.db import Database

    await migrations.migrate(url)
    database = Database(url, pool_size=2, role=None)
    try:
        await upkeep.ensure_on(database)
    finally:
        await database.close()


def on_database(act: "Callable[[Database], Awaitable[T]]") -> T:
    """Run ``act`` on the migrated database; its refusals become one sentence."""
    from vdept.kernel.db import Database

    async def run(addresses: Addresses) -> T:
        database = Database(addresses.database_url, pool_size=4)
        try:
            return await act(database)
        finally:
            await database.close()

    chosen = settings()
    with servers(chosen, redis=False) as addresses:
        migrated(addresses.database_url, embedded=not chosen.database_url, patience=0)
        return asyncio.run(run(addresses))


def first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
