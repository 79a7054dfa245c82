"""What is new in the inboxes of people who are connected right now: one look for all of them.

Notifications are numbered when they are written and seen when they are committed, so a lower number may turn
up after a higher one. A look reads on from a number below which nothing can turn up any more, and leaves out
what it has seen. That number is raised by transaction ids: every notification numbered up to the newest one
that a look sees was written by a transaction that had its id by then (``adding.inserting``); once all of
those have ended, the numbers up to there are settled. A long-running transaction elsewhere makes looks read
some rows again, and nothing is missed or told twice.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.db import Tx
from vdept.notifications.adding import DOORBELL as ADDED
from vdept.notifications.inbox import DOORBELL as MARKED

CHANNEL = "vdept:inbox"
"""Where a ring is published: a person's number, or nothing when it may concern anybody."""

OVERLAP = 200_000
"""How many numbers before the newest one the first look begins: more than transactions that are under way
can have taken. What stands there already is not told."""


def said_of(bell: str) -> str | None:
    """What is published on :data:`CHANNEL` for a doorbell; None: nothing, it is another one."""
    if bell == ADDED:
        return ""
    return bell.removeprefix(MARKED) if bell.startswith(MARKED) else None


class Look(NamedTuple):
    """One look: what stands above the cursor (number, person), and the snapshot that it was taken in."""

    rows: list[tuple[int, int]]
    newest: int
    """The newest notification of all."""
    oldest_running: int
    """Transactions before this one have ended."""
    next_id: int
    """Transactions from this one on had no id yet."""


@dataclass
class Cursor:
    """Up to where everything is settled, and what has been seen above that."""

    after: int | None = None
    seen: set[int] = field(default_factory=set)
    _waiting: deque[tuple[int, int]] = field(default_factory=deque)

    def note(self, look: Look) -> list[tuple[int, int]]:
        """What this look sees for the first time, in order; the cursor moves on as far as it may."""
        fresh = sorted(row for row in look.rows if row[0] not in self.seen)
        self.seen.update(number for number, _ in fresh)
        if self.after is None:
            self.after = max(look.newest - OVERLAP, 0)
        if not self._waiting or self._waiting[-1][0] < look.newest:
            self._waiting.append((look.newest, look.next_id))
        while self._waiting and self._waiting[0][1] <= look.oldest_running:
            settled = self._waiting.popleft()[0]
            if settled > self.after:
                self.after = settled
                self.seen = {number for number in self.seen if number > settled}
        return fresh


_LOOK = sa.text(
    """
    SELECT newest.id, CAST(CAST(pg_snapshot_xmin(now.snapshot) AS text) AS bigint),
        CAST(CAST(pg_snapshot_xmax(now.snapshot) AS text) AS bigint), n.ids, n.people
    FROM (SELECT coalesce(max(id), 0) AS id FROM notification) newest
    CROSS JOIN (SELECT pg_current_snapshot() AS snapshot) now
    CROSS JOIN LATERAL (
        SELECT array_agg(id) AS ids, array_agg(person_id) AS people
        FROM notification
        WHERE person_id = ANY (:people) AND id > coalesce(:after, newest.id - :overlap)) n
    """
).bindparams(
    sa.bindparam("people", type_=ARRAY(sa.BigInteger)),
    sa.bindparam("after", type_=sa.BigInteger),
    sa.bindparam("overlap", OVERLAP, type_=sa.BigInteger),
)


async def look(tx: Tx, people: Collection[int], after: int | None) -> Look:
    """Look at the inboxes of ``people``, in one statement however many they are. For the platform itself."""
    newest, oldest, following, ids, owners = (
        await tx.session.execute(_LOOK, {"people": sorted(people), "after": after})
    ).one()
    return Look(list(zip(ids or (), owners or (), strict=True)), newest, oldest, following)


_UNREAD = sa.text(
    """SELECT person_id, count(*) FROM notification
    WHERE person_id = ANY (:people) AND read_at IS NULL GROUP BY person_id"""
).bindparams(sa.bindparam("people", type_=ARRAY(sa.BigInteger)))


async def unread_of(tx: Tx, people: Collection[int]) -> dict[int, int]:
    """How many unread notifications each of ``people`` has. For the platform itself."""
    counted = {row[0]: row[1] for row in await tx.session.execute(_UNREAD, {"people": sorted(people)})}
    return {person: counted.get(person, 0) for person in people}
