"""Recurring tasks in a worker: its own loop that creates what has come due, doorbell or not."""

import asyncio
import contextlib
from typing import NoReturn

from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.job_runs import recorded
from vdept.tasks.occurrences import create_due
from vdept_workers.sweep import persist

JOB = "create_occurrences"
LOOK = 30.0
"""Seconds between two looks: what comes due comes due with the day."""


class Occurrences:
    """Creates until nothing is due, then looks again; the doorbell cuts the pause short."""

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._holder = holder
        self._rung = asyncio.Event()

    def wake(self) -> None:
        """A series was begun or changed that may have something to create at once."""
        self._rung.set()

    async def run(self) -> NoReturn:
        await persist("recurring tasks", self._step)

    async def _step(self) -> float:
        self._rung.clear()
        async with recorded(self._database, JOB, self._holder) as run:
            report = await create_due(self._database, now=utc_now())
            run.items = report.created + report.skipped + report.ended
        if not report.more:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), LOOK)
        return 0.0
