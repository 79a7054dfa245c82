"""Reminders in a worker: one loop that delivers what is due, one that writes what will be.

Both stand on PostgreSQL alone; the doorbell only shortens their pauses. Any number of workers may run them.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import NoReturn

from vdept.deadlines.delivering import deliver
from vdept.deadlines.moving import apply_calendar_changes
from vdept.deadlines.scanning import scan, scanned
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.db import Database
from vdept.kernel.job_runs import recorded
from vdept_workers.sweep import persist

DELIVERY, SCAN, CALENDAR = "deliver_reminders", "scan_reminders", "follow_calendar"

IDLE = 1.0
"""Seconds that a delivering loop looks away at most: how late a reminder is when nobody rings."""

PACE = 0.1
"""Seconds between two rounds that found something: what comes due one by one is delivered together."""

ROUND = 2.0
"""Seconds after which a round that goes on and on is counted, and the next one begins."""

WATCH = 5.0
"""Seconds between two looks at the day and at the calendars: an orphaned scan is taken over within them."""

AGAIN = timedelta(hours=1)
"""A day is scanned again so often, for what has come up since."""

Now = Callable[[], datetime]


class Delivering:
    """Delivers until nothing is due, then waits for the next instant at which something will be."""

    def __init__(self, database: Database, holder: str, now: Now = utc_now) -> None:
        self._database = database
        self._holder = holder
        self._now = now
        self._rung = asyncio.Event()

    def wake(self) -> None:
        """Reminders have been written."""
        self._rung.set()

    async def run(self) -> NoReturn:
        await persist(DELIVERY, self._round)

    async def _round(self) -> float:
        clock = asyncio.get_running_loop().time
        started = clock()
        self._rung.clear()
        async with recorded(self._database, DELIVERY, self._holder) as run:
            report = await deliver(self._database, now=self._now())
            while report.more and clock() < started + ROUND:
                run.items += report.notifications + report.dropped
                report = await deliver(self._database, now=self._now())
            run.items += report.notifications + report.dropped
        if report.more:
            return 0.0
        if run.items:
            return max(0.0, PACE - (clock() - started))
        pause = IDLE
        if report.next_at is not None:
            pause = min(IDLE, max(0.0, (report.next_at - self._now()).total_seconds()))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), pause)
        return 0.0


class Scanning:
    """Scans at start, on a new day and every hour, and follows the calendars; done again it does nothing."""

    def __init__(self, database: Database, holder: str, now: Now = utc_now) -> None:
        self._database = database
        self._holder = holder
        self._now = now
        self._rung = asyncio.Event()
        self._day: date | None = None
        self._next: datetime | None = None

    def wake(self) -> None:
        """A calendar has changed."""
        self._rung.set()

    async def run(self) -> NoReturn:
        await persist(SCAN, self._look)

    async def scan(self) -> None:
        """Scan today, whoever did so before."""
        now = self._now()
        async with recorded(self._database, SCAN, self._holder) as run:
            run.items = (await scan(self._database, as_of=local_date(now), now=now)).reminders
        self._day, self._next = local_date(now), now + AGAIN

    async def _look(self) -> float:
        self._rung.clear()
        try:
            async with recorded(self._database, CALENDAR, self._holder) as run:
                run.items = (await apply_calendar_changes(self._database, now=self._now())).changes
        except Exception:  # a change that cannot be applied keeps nobody's reminders back
            await self._scan_if_wanted()
            raise
        await self._scan_if_wanted()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), WATCH)
        return 0.0

    async def _scan_if_wanted(self) -> None:
        if await self._wanted():
            await self.scan()

    async def _wanted(self) -> bool:
        """Whether it is time: not if another worker has done it, nor twice an hour where it waits."""
        now = self._now()
        if self._next is not None and self._day == local_date(now) and now < self._next:
            return False
        done = await scanned(self._database)
        return done is None or done.scanned_on < local_date(now) or done.scanned_at + AGAIN <= now
