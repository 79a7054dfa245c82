"""Editions in a worker: what was asked for at once, those of a month on its first working day."""

import asyncio
import contextlib
from typing import Any, NoReturn

import structlog

from vdept.kernel import leases
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.job_runs import Run, recorded
from vdept.kernel.settings import Settings
from vdept.kernel.vault import Vault
from vdept.publications.due import Report, publish_due, publish_requested
from vdept_workers.sweep import persist

JOB = "publish_editions"
REQUESTED = "publish_requested"
LOOK = 30.0
"""Seconds between two looks for wishes; the doorbell cuts them short."""

log = structlog.get_logger("vdept.publishing")


class PublishingError(Exception):
    """Some editions did not come out; they are tried again."""


class Publishing:
    """Publishes under a lease, one edition at a time on the whole platform: each takes a core for a while."""

    def __init__(self, database: Database, settings: Settings, holder: str) -> None:
        self._database = database
        self._settings = settings
        self._holder = holder
        self._rung = asyncio.Event()

    def wake(self) -> None:
        """Somebody has asked for an edition."""
        self._rung.set()

    async def run(self) -> NoReturn:
        await persist("editions", self._step)

    async def _step(self) -> float:
        self._rung.clear()
        await self.publish_wanted()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), LOOK)
        return 0.0

    async def publish_wanted(self) -> None:
        """What was asked for and is not there yet."""
        async with leases.held(self._database, JOB, self._holder) as lease:
            if lease is not None:
                async with recorded(self._database, REQUESTED, self._holder) as run:
                    _count(run, await publish_requested(self._database, self._vault, now=utc_now()))

    async def publish_month(self) -> None:
        """The month's editions that are due and not there yet."""
        async with leases.held(self._database, JOB, self._holder) as lease:
            if lease is not None:
                async with recorded(self._database, JOB, self._holder) as run:
                    _count(run, await publish_due(self._database, self._vault, now=utc_now()))

    def _vault(self) -> Vault:
        return Vault.of(self._settings)


def _count(run: Run, report: Report) -> None:
    run.items = len(report.published)
    for plan_id, error in report.failed:
        log.error("an edition did not come out", plan=plan_id, error=str(error)[:300])
    if report.failed:
        msg = f"{len(report.failed)} editions did not come out: {report.failed[0][1]}"
        raise PublishingError(msg)


async def publish_editions(ctx: dict[str, Any]) -> None:
    """Publish the month's edition of every plan in force; does nothing where that has been done."""
    await ctx["publishing"].publish_month()


async def publish_wanted(ctx: dict[str, Any]) -> None:
    """The doorbell rang: somebody has asked for an edition."""
    ctx["publishing"].wake()
