"""From the queue into letters: everything that is due for a person goes into one."""

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from vdept.kernel.actor import system
from vdept.kernel.db import Database

ACTOR = system("mail")
WINDOW = timedelta(seconds=2)
"""How long the oldest of a person's notifications waits for others, so that one scan makes one letter."""

BATCH = 5_000
"""Queued notifications looked at in one transaction; those persons' others come along."""

MOST = 200
"""Notifications that a letter lists, the latest; the others it counts."""

LOCK = 4_207_001
STUCK = "SET LOCAL idle_in_transaction_session_timeout = '10s'"
"""A gatherer that is halted in its transaction is put out of it: others wait for its lock."""

_log = logging.getLogger(__name__)
_INSTANT = sa.DateTime(timezone=True)

# One gatherer at a time: two would each make a letter out of half of what a person is due. It is the cheap
# half of the work; sending goes on in all workers meanwhile. Rows that somebody holds are left for later.
_GATHER = sa.text(
    """
    WITH somebody AS MATERIALIZED (
        SELECT DISTINCT person_id FROM (
            SELECT person_id FROM mail_queue WHERE due_at <= :before ORDER BY due_at LIMIT :batch) q),
    due AS MATERIALIZED (
        SELECT q.person_id, q.notification_id FROM mail_queue q JOIN somebody USING (person_id)
        WHERE q.due_at <= :now FOR UPDATE OF q SKIP LOCKED),
    taken AS (
        DELETE FROM mail_queue q USING due d
        WHERE q.person_id = d.person_id AND q.notification_id = d.notification_id
        RETURNING q.person_id, q.notification_id),
    wanted AS (
        SELECT t.person_id, t.notification_id,
            row_number() OVER (PARTITION BY t.person_id ORDER BY t.notification_id DESC) AS place
        FROM taken t
        JOIN notification n ON n.id = t.notification_id AND n.read_at IS NULL
        JOIN person p ON p.id = t.person_id AND p.active
        LEFT JOIN notification_preference s ON s.person_id = t.person_id
        WHERE coalesce(s.email, true) AND s.stopped_at IS NULL AND n.kind <> ALL (coalesce(s.muted, '{}'))),
    made AS (
        INSERT INTO mail (person_id, notification_ids, omitted, state, created_at, next_at)
        SELECT person_id, array_agg(notification_id ORDER BY notification_id) FILTER (WHERE place <= :most),
            count(*) FILTER (WHERE place > :most), 'PENDING', :now, :now
        FROM wanted GROUP BY person_id
        RETURNING cardinality(notification_ids) + omitted AS told)
    SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM made),
        (SELECT coalesce(sum(told), 0) FROM made)
    """
).bindparams(sa.bindparam("before", type_=_INSTANT), sa.bindparam("now", type_=_INSTANT))

_DISCARD = sa.text(
    """
    DELETE FROM mail_queue q USING (
        SELECT person_id, notification_id FROM mail_queue WHERE due_at <= :now
        ORDER BY due_at LIMIT :batch FOR UPDATE SKIP LOCKED) d
    WHERE q.person_id = d.person_id AND q.notification_id = d.notification_id
    """
).bindparams(sa.bindparam("now", type_=_INSTANT))


class Gathered(NamedTuple):
    """What one transaction made of the queue. ``left_out``: read by now, or not wanted any more."""

    letters: int
    notifications: int
    left_out: int
    more: bool


NOTHING = Gathered(0, 0, 0, more=False)


async def gather(database: Database, now: datetime) -> Gathered:
    """Fold a batch of what is due into letters; nothing if somebody else does so at this moment."""
    async with database.begin(ACTOR, now=now) as tx:
        await tx.session.execute(sa.text(STUCK))
        if not await tx.session.scalar(sa.text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK}):
            return NOTHING
        given = {"before": now - WINDOW, "now": now, "batch": BATCH, "most": MOST}
        taken, letters, told = (await tx.session.execute(_GATHER, given)).one()
    return Gathered(letters, int(told), taken - int(told), more=taken >= BATCH)


async def gather_all(database: Database, now: datetime) -> Gathered:
    """Fold all that is due by ``now``."""
    total = NOTHING
    while True:
        part = await gather(database, now)
        letters, notifications, left_out, _ = map(sum, zip(total, part, strict=True))
        total = Gathered(letters, notifications, left_out, more=False)
        if not part.more:
            return total


async def discard(database: Database, now: datetime) -> int:
    """Take a batch of what is due off the queue: with no server to send it, it stays in the inbox only.

    The queue must not grow for ever; what is not due yet waits, should somebody set a server up by then.
    """
    async with database.begin(ACTOR, now=now) as tx:
        done = await tx.session.execute(_DISCARD, {"now": now, "batch": BATCH})
        dropped = int(done.rowcount)  # type: ignore[attr-defined]
    if dropped:
        _log.info("no mail server is set: %s notifications stay in the inbox only", dropped)
    return dropped
