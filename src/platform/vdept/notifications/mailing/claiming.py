"""Letters in hand: claimed by lease with a fencing token, and everything needed to write them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import system
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale
from vdept.notifications.models import NotificationKind

ACTOR = system("mail")
LEASE = timedelta(seconds=10)
"""How long a letter stays with a sender that says nothing more: an orphan is taken over by then."""

# Time is the database's clock, the same for every sender, unless `now` is given.
_NOW = "coalesce(CAST(:now AS timestamptz), clock_timestamp())"
_CLAIM = sa.text(
    f"""
    WITH mine AS (
        UPDATE mail SET next_at = {_NOW} + CAST(:lease AS interval), token = token + 1
        WHERE id = ANY (ARRAY(
            SELECT id FROM mail WHERE state = 'PENDING' AND next_at <= {_NOW}
            ORDER BY next_at, id LIMIT :most FOR UPDATE SKIP LOCKED))
        RETURNING id, person_id, notification_ids, omitted, attempts, token, created_at)
    SELECT m.*, {_NOW} AS at, p.name, p.email, p.locale, s.quiet_from, s.quiet_until,
        p.active AND coalesce(s.email, true) AND s.stopped_at IS NULL AS wanted,
        coalesce(s.muted, '{{}}') AS muted
    FROM mine m JOIN person p ON p.id = m.person_id
    LEFT JOIN notification_preference s ON s.person_id = m.person_id
    ORDER BY m.id
    """
)
_NOTIFICATIONS = sa.text(
    """
    SELECT id, kind, subject_type, subject_id, data FROM notification WHERE id = ANY (:ids) ORDER BY id
    """
)
_RENEW = sa.text(
    f"""
    UPDATE mail SET next_at = {_NOW} + CAST(:lease AS interval)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:tokens AS bigint[])) AS held (id, token)
    WHERE mail.id = held.id AND mail.token = held.token AND mail.state = 'PENDING'
    RETURNING mail.id
    """
)


@dataclass(frozen=True, slots=True)
class Told:
    """One of the notifications of a letter."""

    id: int
    kind: NotificationKind
    subject_type: str
    subject_id: int
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A letter that is ours for now, whom it goes to and what it says."""

    id: int
    token: int
    attempts: int
    created_at: datetime
    at: datetime
    person_id: int
    name: str
    email: str
    locale: Locale
    quiet_from: time | None
    quiet_until: time | None
    wanted: bool
    omitted: int
    told: tuple[Told, ...]


async def claim(database: Database, most: int, now: datetime | None = None) -> list[Claimed]:
    """At most ``most`` letters that are due and that nobody sends, with all they hold, in two statements."""
    async with database.begin(ACTOR, now=now) as tx:
        given = {"now": now, "lease": LEASE, "most": most}
        rows = (await tx.session.execute(_CLAIM, given)).all()
        ids = sorted({key for row in rows for key in row.notification_ids})
        found = (await tx.session.execute(_NOTIFICATIONS, {"ids": ids})).all() if ids else []
    told = {row.id: Told(row.id, NotificationKind(row.kind), *row[2:]) for row in found}
    return [_claimed(row, told) for row in rows]


def _claimed(row: Any, told: Mapping[int, Told]) -> Claimed:
    """Without the kinds that its person has switched off since it was gathered."""
    kept = [
        said
        for key in row.notification_ids
        if (said := told.get(key)) is not None and said.kind not in row.muted
    ]
    return Claimed(
        row.id,
        row.token,
        row.attempts,
        row.created_at,
        row.at,
        row.person_id,
        row.name,
        row.email,
        Locale[row.locale],
        row.quiet_from,
        row.quiet_until,
        row.wanted and bool(kept),
        row.omitted,
        tuple(kept),
    )


async def renew(database: Database, held: Sequence[Claimed], now: datetime | None = None) -> set[int]:
    """Keep letters in hand; the ids of those that are still ours."""
    given = {
        "now": now,
        "lease": LEASE,
        "ids": [letter.id for letter in held],
        "tokens": [letter.token for letter in held],
    }
    async with database.begin(ACTOR, now=now) as tx:
        return set(await tx.session.scalars(_RENEW, given))
