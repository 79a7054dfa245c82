"""The mail loop: folds what is due into letters and sends them, as long as there is a server to send them to.

Any number of workers may run it: one folds at a time, all of them send. There is no doorbell: what is due
waits ``gathering.WINDOW`` for its companions in any case, longer than an idle loop looks away.
"""

import asyncio
import contextlib
from typing import NoReturn

import structlog
from sqlalchemy.exc import SQLAlchemyError

from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.job_runs import recorded
from vdept.kernel.mail import Mailer
from vdept.kernel.settings import Settings
from vdept.kernel.vault import Vault
from vdept.notifications.mailing.connections import Connections
from vdept.notifications.mailing.gathering import discard, gather
from vdept.notifications.mailing.letters import Letters
from vdept.notifications.mailing.post import Post
from vdept.notifications.mailing.unsubscribing import Links
from vdept_workers.sweep import persist

IDLE = 1.0
JOB = "mail"
log = structlog.get_logger("vdept.mail")


class Mailing:
    """Sends what people are told, by the settings' server; without one, keeps the queue from growing."""

    def __init__(self, database: Database, settings: Settings, holder: str) -> None:
        """Raises ValueError for settings that cannot be right, VaultError where links cannot be signed."""
        self._database = database
        self._holder = holder
        self._post: Post | None = None
        if (mailer := Mailer.of(settings)) is not None:
            links = Links(Vault.of(settings), settings.issuer)
            self._post = Post(database, Connections(mailer), Letters(mailer.sender, links))

    async def run(self) -> NoReturn:
        """For ever; when it is told to end, it finishes the letters that are on their way."""
        try:
            await persist(JOB, self._step if self._post is None else self._send)
        finally:
            if self._post is not None:
                with contextlib.suppress(SQLAlchemyError, OSError, TimeoutError):
                    await asyncio.wait_for(self._post.close(), 1.8)

    async def _send(self) -> float:
        """Fold, and one round of sending; answers how long to wait."""
        assert self._post is not None  # noqa: S101  for the type checker
        async with recorded(self._database, JOB, self._holder) as run:
            gathered = await gather(self._database, utc_now())
            done = await self._post.round()
            run.items = done.outcome.sent + done.outcome.failed
        return 0.0 if gathered.more or (done.more and not done.pause) else IDLE

    async def _step(self) -> float:
        """There is no server: what is due stays in the inbox only."""
        async with recorded(self._database, JOB, self._holder) as run:
            run.items = await discard(self._database, utc_now())
        return 0.0 if run.items else IDLE
