"""Turn the reminders that are due into inbox entries, each exactly once.

A transaction claims batches by locking their rows, puts what is still wanted of them into the inboxes, and
closes them. Any number of workers may do so at any time: what one has claimed the others pass over. A worker
that dies in between has done nothing, its claim ends with its connection, and the next one finds the batches
as they were; one that is frozen loses its connection after ``LEASE`` seconds, and with it all it did since.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from asyncpg.exceptions import UniqueViolationError
from sqlalchemy.exc import DBAPIError

from vdept.deadlines import delivery_statements
from vdept.kernel import driver
from vdept.kernel.actor import system
from vdept.kernel.db import Database
from vdept.kernel.driver import DriverStatement
from vdept.notifications.adding import DOORBELL

ACTOR = system("reminders")

LEASE = 5
"""Seconds that a worker may leave what it has claimed without a word."""

SIZE = 4_000
"""About how many reminders one transaction takes: enough that its own cost does not count."""

LIMIT = 256
"""How many batches it takes at most, when they are small."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What one transaction did. ``more``: there may be more that is due now.

    ``next_at``: when there was nothing, the instant of what is due next, as far as it has been written.
    """

    batches: int = 0
    notifications: int = 0
    dropped: int = 0
    more: bool = False
    next_at: datetime | None = None


async def deliver(
    database: Database, *, now: datetime, limit: int = LIMIT, size: int = SIZE
) -> DeliveryReport:
    """Claim up to ``limit`` batches that are due at ``now`` and in nobody's hands, and deliver them.

    Where some of it turns out to be in the inboxes already, it is looked for: what is there must not keep
    all that is due after it from being told.
    """
    try:
        return await _deliver(database, now, limit, size, delivery_statements.EFFECT)
    except DBAPIError as error:
        if not isinstance(error.orig, UniqueViolationError):
            raise
        _log.warning("reminders that are due are in inboxes already: delivering the others")
    return await _deliver(database, now, limit, size, delivery_statements.CAREFUL_EFFECT)


async def _deliver(
    database: Database, now: datetime, limit: int, size: int, effect: DriverStatement
) -> DeliveryReport:
    async with database.begin(ACTOR, now=now) as tx:
        await driver.send(tx, _OPENING)
        due = await delivery_statements.CLAIM.all(tx, {"now": now, "most": limit, "size": size})
        if not due:
            ahead = await delivery_statements.NEXT.first(tx, {"now": now})
            return DeliveryReport(next_at=ahead["due_at"])
        done = await effect.first(
            tx,
            {
                "now": now,
                "today": tx.today,
                "batches": [batch["id"] for batch in due],
                "first_ids": [batch["first_id"] for batch in due],
                "last_ids": [batch["last_id"] for batch in due],
                "due_ats": [batch["due_at"] for batch in due],
            },
        )
        if done["told"]:
            tx.ring(DOORBELL)
    return DeliveryReport(len(due), done["told"], done["dropping"], more=True)


_OPENING = delivery_statements.LEASE.format(lease=LEASE)
