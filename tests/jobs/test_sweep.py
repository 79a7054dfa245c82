"""The sweep finds what nobody rang for, at its own pace, through any failure."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from factories import SYSTEM
from vdept.kernel.db import Database
from vdept.outcomes.refresh import RefreshReport
from vdept_workers.sweep import Sweeper


@dataclass
class Inbox:
    """A refresh of the test's own: it takes rows of a table, and can be told to fail."""

    failures: list[BaseException] = field(default_factory=list)
    sweeps: list[float] = field(default_factory=list)
    taken: int = 0

    async def refresh(self, database: Database) -> RefreshReport:
        self.sweeps.append(time.monotonic())
        if self.failures:
            raise self.failures.pop()
        async with database.begin(SYSTEM) as tx:
            gone = await tx.session.scalars(sa.text("DELETE FROM inbox RETURNING 1"))
            count = len(list(gone))
        self.taken += count
        return RefreshReport(changes=count)


@pytest.fixture
async def inbox(owner: Database) -> Inbox:
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("CREATE TABLE inbox (id bigint)"))
    return Inbox()


async def put(db: Database) -> None:
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("INSERT INTO inbox VALUES (1)"))


@contextlib.asynccontextmanager
async def running(sweeper: Sweeper) -> AsyncIterator[None]:
    task = asyncio.create_task(sweeper.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def taken(inbox: Inbox, count: int, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while inbox.taken < count:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_what_nobody_rang_for_is_found_within_about_a_second(db: Database, inbox: Inbox) -> None:
    async with running(Sweeper(db, inbox.refresh)):
        await asyncio.sleep(0.2)
        started = time.monotonic()
        await put(db)
        await taken(inbox, 1)
        assert 0.3 < time.monotonic() - started < 5


async def test_a_ring_cuts_the_pause_short(db: Database, inbox: Inbox) -> None:
    sweeper = Sweeper(db, inbox.refresh)
    async with running(sweeper):
        await asyncio.sleep(0.3)
        before = len(inbox.sweeps)
        await put(db)
        sweeper.wake()
        await taken(inbox, 1)
        assert len(inbox.sweeps) - before in {1, 2}
        assert inbox.sweeps[before] - inbox.sweeps[before - 1] < 0.9


async def test_rings_do_not_make_it_sweep_faster_than_its_pace(db: Database, inbox: Inbox) -> None:
    sweeper = Sweeper(db, inbox.refresh)
    async with running(sweeper):
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            await put(db)
            sweeper.wake()
            await asyncio.sleep(0.005)
    assert len(inbox.sweeps) <= 15


async def test_a_database_that_is_away_and_a_bug_alike_do_not_end_it(db: Database, inbox: Inbox) -> None:
    inbox.failures += [
        ValueError("a bug"),
        ConnectionRefusedError("no server"),
        DBAPIError("x", None, Exception("terminated")),
        TimeoutError(),
    ]
    await put(db)
    async with running(Sweeper(db, inbox.refresh)):
        await taken(inbox, 1)
    assert len(inbox.sweeps) >= 5
    gaps = [later - sooner for sooner, later in zip(inbox.sweeps, inbox.sweeps[1:4], strict=False)]
    assert gaps == sorted(gaps), "each failure in a row is waited for longer"


async def test_two_sweeps_share_the_work_and_repeat_none_of_it(db: Database, inbox: Inbox) -> None:
    other = Inbox()
    async with running(Sweeper(db, inbox.refresh)), running(Sweeper(db, other.refresh)):
        for _ in range(30):
            await put(db)
            await asyncio.sleep(0.01)
        deadline = time.monotonic() + 10
        while inbox.taken + other.taken < 30:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
    assert inbox.taken + other.taken == 30
