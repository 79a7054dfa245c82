"""Work done apart: each piece in a transaction of its own, so that one that fails keeps no other waiting."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from vdept.kernel.actor import Actor
from vdept.kernel.db import Database, Tx

_log = logging.getLogger(__name__)


class Apart:
    """The pieces of one run. What fails is undone, logged, and raised by :meth:`settle` at the end.

    Raised the failure must be: a run that swallowed it would be recorded as one that went well.
    """

    def __init__(self, database: Database, actor: Actor, *, now: datetime) -> None:
        self.database, self.actor, self.now = database, actor, now
        self.failed: Exception | None = None

    @asynccontextmanager
    async def begin(self, what: str) -> AsyncIterator[Tx]:
        """A transaction for ``what``, such as “the verdicts of plan 7”; its failure goes no further."""
        try:
            async with self.database.begin(self.actor, now=self.now) as tx:
                yield tx
        except Exception as error:  # noqa: BLE001  raised by settle
            _log.error("%s failed: %s", what, type(error).__name__)
            self.failed = self.failed or error

    def settle(self) -> None:
        """Raise the first failure, if there was one."""
        if self.failed is not None:
            raise self.failed
