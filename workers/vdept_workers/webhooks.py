"""The webhooks of a worker: its own loop that sends what is due, doorbell or not."""

import asyncio
import contextlib
from functools import cache
from typing import NoReturn

from vdept.kernel.db import Database
from vdept.kernel.job_runs import recorded
from vdept.kernel.settings import Settings, networks
from vdept.kernel.vault import Vault
from vdept.notifications.webhooks.sending import Sender
from vdept_workers.sweep import IDLE, persist

JOB = "send_webhooks"


class Webhooks:
    """Sends until nothing is due, then looks again every second; the doorbell cuts the pause short."""

    def __init__(self, database: Database, settings: Settings, holder: str) -> None:
        listed = networks(settings.webhook_networks, "VDEPT_WEBHOOK_NETWORKS")
        self._sender = Sender(database, cache(lambda: Vault.of(settings)), _encode, listed)
        self._database = database
        self._holder = holder
        self._rung = asyncio.Event()

    def wake(self) -> None:
        """There is something to send."""
        self._rung.set()

    async def run(self) -> NoReturn:
        try:
            await persist("webhooks", self._step)
        finally:
            await self._sender.close()

    async def _step(self) -> float:
        self._rung.clear()
        async with recorded(self._database, JOB, self._holder) as run:
            report = await self._sender.step()
            run.items = report.marked
        if report.idle:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), IDLE)
        return 0.0


def _encode(type_name: str, number: int) -> str:
    """Ids in the API's own form; nothing else of the API is needed here, and it is loaded with the first."""
    from vdept_graphql.ids import encode

    return encode(type_name, number)
