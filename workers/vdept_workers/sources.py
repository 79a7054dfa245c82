"""The polls of a worker: its own loop that asks the sources that are due."""

import resource
from functools import cache
from typing import NoReturn

from vdept.kernel.db import Database
from vdept.kernel.job_runs import recorded
from vdept.kernel.settings import Settings, networks
from vdept.kernel.vault import Vault
from vdept.sources.connectors.asking import Asking
from vdept.sources.polling import PLACES, Poller
from vdept_workers.sweep import IDLE, persist

JOB = "poll_sources"
FILES = 4_096
"""Open files that a worker asks the system for: each poll needs one."""
OTHERS = 256
"""Of these, what is left to everything else."""


class Polling:
    """Polls until nothing is due, then looks again every second: no bell is needed for minutes."""

    def __init__(self, database: Database, settings: Settings, holder: str) -> None:
        listed = networks(settings.source_networks, "VDEPT_SOURCE_NETWORKS")
        asking = Asking(cache(lambda: Vault.of(settings)), listed)
        self._poller = Poller(database, asking, places=places())
        self._database = database
        self._holder = holder

    async def run(self) -> NoReturn:
        try:
            await persist("sources", self._step)
        finally:
            await self._poller.close()

    async def _step(self) -> float:
        async with recorded(self._database, JOB, self._holder) as run:
            report = await self._poller.step()
            run.items = len(report.ended)
        return IDLE if report.idle else 0.0


def places() -> int:
    """As many polls at once as there may be open files for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return PLACES if soft == resource.RLIM_INFINITY else max(16, min(PLACES, soft - OTHERS))
