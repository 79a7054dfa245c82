"""The worker's loops for reminders: what is due is in the inbox within about a second, bell or not."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from factories import SYSTEM
from lifeline import held
from reminders_world import MONDAY, Country, at, build
from vdept.calendars.upkeep import remake
from vdept.deadlines.delivering import DeliveryReport
from vdept.deadlines.models import Reminder, ReminderScan
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.job_runs import JobState
from vdept.notifications.models import Notification
from vdept_workers import reminding
from vdept_workers.reminding import Delivering, Scanning
from worker_scene import until

THURSDAY = MONDAY + timedelta(days=3)


@pytest.fixture
async def land(db: Database) -> Country:
    return await build(db)


class Clock:
    """A clock that stands where it is put."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@contextlib.asynccontextmanager
async def running(*loops: Delivering | Scanning) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def count(db: Database, table: type[Any]) -> int:
    async with db.snapshot(SYSTEM) as tx:
        return int(await tx.session.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def there(db: Database, table: type[Any], wanted: int) -> Any:
    async def holds() -> bool:
        return await count(db, table) == wanted

    return holds


async def soon(land: Country, seconds: float) -> None:
    """A reminder that is due so many seconds from now."""
    await land.task(THURSDAY)
    await land.scan(MONDAY, utc_now() + timedelta(seconds=seconds))


async def test_what_falls_due_is_delivered_at_its_moment_without_a_bell(land: Country) -> None:
    async with running(Delivering(land.db, "a")):
        await asyncio.sleep(0.2)
        await soon(land, 1.5)
        started = time.monotonic()
        await asyncio.sleep(0.8)
        assert await count(land.db, Notification) == 0
        await until(there(land.db, Notification, 1), 10)
        assert time.monotonic() - started > 1.0


async def test_it_waits_for_the_very_moment_and_not_for_its_next_look(
    land: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a look every minute, what is due in half a second is delivered then."""
    await soon(land, 1.0)
    monkeypatch.setattr(reminding, "IDLE", 60.0)
    async with running(Delivering(land.db, "a")):
        await until(there(land.db, Notification, 1), 10)


async def test_the_bell_cuts_the_pause_short(land: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminding, "IDLE", 60.0)
    loop = Delivering(land.db, "a")
    async with running(loop):
        await asyncio.sleep(0.5)
        await soon(land, -1)
        loop.wake()
        await until(there(land.db, Notification, 1), 10)


async def test_a_failing_round_does_not_end_the_loop(land: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver, calls = reminding.deliver, 0

    async def failing_first(*given: Any, **more: Any) -> DeliveryReport:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise ZeroDivisionError
        return await deliver(*given, **more)

    monkeypatch.setattr(reminding, "deliver", failing_first)
    await soon(land, -1)
    async with running(Delivering(land.db, "a")):
        await until(there(land.db, Notification, 1), 10)
    async with land.db.snapshot(SYSTEM) as tx:
        state = await tx.session.get_one(JobState, reminding.DELIVERY)
        assert (state.failures, state.error) == (2, "ZeroDivisionError: ")


async def test_what_was_delivered_is_counted(land: Country) -> None:
    await soon(land, -1)
    loop = Delivering(land.db, "a")
    await loop._round()
    async with land.db.snapshot(SYSTEM) as tx:
        assert (await tx.session.get_one(JobState, reminding.DELIVERY)).items == 1


async def test_a_worker_scans_when_it_starts_and_when_the_day_has_changed(land: Country) -> None:
    clock = Clock(at(MONDAY, 7, 0))
    loop = Scanning(land.db, "a", clock)
    await land.task(THURSDAY)
    async with running(loop):
        await until(there(land.db, Reminder, 1), 10)
        await land.task(THURSDAY)
        loop.wake()
        await asyncio.sleep(0.5)
        assert await count(land.db, Reminder) == 1, "not before the hour is over"
        clock.now = at(MONDAY + timedelta(days=2), 0, 0)
        loop.wake()
        await until(there(land.db, Reminder, 3), 10)


async def test_it_scans_again_after_an_hour_for_what_has_come_up_since(land: Country) -> None:
    clock = Clock(at(MONDAY, 7, 0))
    loop = Scanning(land.db, "a", clock)
    async with running(loop):
        await until(there(land.db, ReminderScan, 1), 10)
        await land.task(THURSDAY)
        clock.now += timedelta(hours=1)
        loop.wake()
        await until(there(land.db, Reminder, 1), 10)


async def test_what_another_worker_has_scanned_is_not_scanned_again(
    land: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(at(MONDAY, 7, 30))
    await land.scan(MONDAY, at(MONDAY, 7, 0))
    calls = []
    scan = reminding.scan

    async def counted(*given: Any, **more: Any) -> Any:
        calls.append(more["as_of"])
        return await scan(*given, **more)

    monkeypatch.setattr(reminding, "scan", counted)
    loop = Scanning(land.db, "b", clock)
    async with running(loop):
        await asyncio.sleep(0.5)
        assert calls == []
        clock.now = at(MONDAY, 8, 0)
        loop.wake()
        await asyncio.sleep(0.5)
        assert calls == [MONDAY]


async def test_a_change_of_a_calendar_that_cannot_be_applied_keeps_no_reminders_back(
    land: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(reminding, "apply_calendar_changes", failing)
    await land.task(THURSDAY)
    loop = Scanning(land.db, "a", Clock(at(MONDAY, 7, 0)))
    with pytest.raises(ZeroDivisionError):
        await loop._look()
    assert await count(land.db, Reminder) == 1


async def test_a_changed_calendar_is_followed(land: Country) -> None:
    """Monday morning becomes a day off: what waited for half past seven waits no more."""
    clock = Clock(at(MONDAY, 7, 0))
    await land.task(MONDAY)
    loop = Scanning(land.db, "a", clock)
    async with running(loop):
        await until(there(land.db, Reminder, 1), 10)
        async with land.db.begin(SYSTEM, now=clock.now) as tx:
            await tx.session.execute(
                sa.text(
                    "INSERT INTO calendar_exception (scope, day, working, name, reason, created_at)"
                    " VALUES ('NATIONAL', :day, false, 'nghỉ', 'bão', :now)"
                ),
                {"day": MONDAY, "now": clock.now},
            )
            assert await remake(tx, None) == {0: [MONDAY]}
        loop.wake()
        await until(there(land.db, Reminder, 0), 10)


FROZEN = """
import asyncio, os, signal, sys
from vdept.deadlines import delivery_statements
from vdept.deadlines.delivering import deliver
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database

effect = delivery_statements.EFFECT.first

async def freeze(*given):
    done = await effect(*given)
    os.kill(os.getpid(), signal.SIGSTOP)
    return done

async def main():
    delivery_statements.EFFECT.first = freeze
    database = Database(sys.argv[1], pool_size=2)
    await deliver(database, now=utc_now())

asyncio.run(main())
"""
"""A worker that is frozen after it has written everything and before it commits."""


def start_frozen(database_url: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", FROZEN, database_url], **held({**os.environ}))


async def test_what_a_frozen_worker_holds_is_taken_over_and_never_doubled(
    land: Country, database_url: str
) -> None:
    await soon(land, -1)
    frozen = start_frozen(database_url)
    try:

        async def stopped() -> bool:
            return psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED

        await until(stopped, 60)
        started = time.monotonic()
        async with running(Delivering(land.db, "b")):
            await until(there(land.db, Notification, 1), 20)
        assert time.monotonic() - started < 10
        frozen.send_signal(signal.SIGCONT)
        assert await asyncio.to_thread(frozen.wait, 30) != 0
    finally:
        frozen.kill()
        frozen.wait()
    assert await count(land.db, Notification) == 1
