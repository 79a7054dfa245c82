"""Taking deliveries that are due, and writing down what came of them: one statement each, however many.

A claim is a lease: until ``next_at`` nobody else takes the delivery, and only the claim's ``token`` may mark
it. Whoever dies with it loses it to the next claim.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from vdept.kernel.db import Tx
from vdept.kernel.driver import DriverStatement
from vdept.notifications.webhooks.pace import FRESH
from vdept.notifications.webhooks.payloads import Told
from vdept.notifications.webhooks.rules import Failure

LEASE = timedelta(seconds=15)
"""How long a claim holds: longer than an attempt can take."""
VISITED = 256
"""Endpoints with something pending that one claim looks at."""

_NOW = "coalesce(:now, clock_timestamp())"
_CLAIM = DriverStatement(
    f"""
    WITH RECURSIVE waiting (endpoint_id, place) AS (
        (SELECT d.endpoint_id, 1 FROM webhook_delivery d
         WHERE d.state = 'PENDING' AND d.endpoint_id > :beyond
         ORDER BY d.endpoint_id LIMIT 1)
        UNION ALL
        SELECT n.endpoint_id, w.place + 1 FROM waiting w CROSS JOIN LATERAL (
            SELECT d.endpoint_id FROM webhook_delivery d
            WHERE d.state = 'PENDING' AND d.endpoint_id > w.endpoint_id
            ORDER BY d.endpoint_id LIMIT 1) n
        WHERE w.place < {VISITED}),
    visited AS MATERIALIZED (
        SELECT w.endpoint_id, coalesce(r.room, {FRESH}) AS room
        FROM waiting w
        JOIN webhook_endpoint e ON e.id = w.endpoint_id AND e.disabled_at IS NULL
        LEFT JOIN unnest(:endpoints, :rooms) AS r (endpoint_id, room) ON r.endpoint_id = w.endpoint_id
        ORDER BY w.endpoint_id),
    due AS MATERIALIZED (
        SELECT d.id FROM visited v CROSS JOIN LATERAL (
            SELECT p.id FROM webhook_delivery p
            WHERE p.endpoint_id = v.endpoint_id AND p.state = 'PENDING' AND p.next_at <= {_NOW}
            ORDER BY p.next_at, p.id LIMIT v.room
            FOR UPDATE SKIP LOCKED) d
        LIMIT :free),
    claimed AS (
        UPDATE webhook_delivery d SET next_at = {_NOW} + :lease, token = d.token + 1
        FROM due, webhook_endpoint e
        WHERE d.id = due.id AND e.id = d.endpoint_id
        RETURNING d.id, d.token, d.attempts, d.created_at, d.replayed_at, d.endpoint_id, d.notification_id,
            e.unit_id, e.url, e.secret, e.previous_secret, e.previous_until)
    SELECT c.*, n.kind, n.person_id, n.subject_type, n.subject_id, n.plan_id, CAST(n.data AS text) AS data,
        n.created_at AS told_at, seen.last AS last_seen, seen.seen
    FROM (SELECT max(endpoint_id) AS last, count(*) AS seen FROM waiting) seen
    LEFT JOIN claimed c ON true
    LEFT JOIN notification n ON n.id = c.notification_id
    """,
    {
        "now": "timestamptz",
        "beyond": "bigint",
        "endpoints": "bigint[]",
        "rooms": "int[]",
        "free": "int",
        "lease": "interval",
    },
)

_MARK = DriverStatement(
    f"""
    WITH marked AS (
        UPDATE webhook_delivery d SET
            state = CASE WHEN m.delivered THEN 'DELIVERED'
                WHEN m.retry_in IS NULL OR d.state = 'DEAD' THEN 'DEAD' ELSE 'PENDING' END,
            attempts = least(d.attempts + 1, 32767),
            next_at = coalesce({_NOW} + m.retry_in, d.next_at),
            delivered_at = CASE WHEN m.delivered THEN {_NOW} END,
            status = m.status,
            error = m.error
        FROM unnest(:ids, :tokens, :delivered, :retry_in, :statuses, :errors)
            AS m (id, token, delivered, retry_in, status, error)
        WHERE d.id = m.id AND d.token = m.token
        RETURNING d.endpoint_id, m.delivered)
    SELECT e.id, e.failing_since, count(*) AS deliveries, bool_or(m.delivered) AS delivered
    FROM marked m JOIN webhook_endpoint e ON e.id = m.endpoint_id
    GROUP BY e.id
    """,
    {
        "now": "timestamptz",
        "ids": "bigint[]",
        "tokens": "bigint[]",
        "delivered": "bool[]",
        "retry_in": "interval[]",
        "statuses": "smallint[]",
        "errors": "text[]",
    },
)


_GIVE_UP = DriverStatement(
    f"""
    UPDATE webhook_delivery SET state = 'DEAD', error = coalesce(error, '{Failure.ENDPOINT_DISABLED}')
    WHERE state = 'PENDING'
        AND endpoint_id = ANY (ARRAY(SELECT id FROM webhook_endpoint WHERE disabled_at IS NOT NULL))
    RETURNING 1
    """,
    {},
)


class Claim(NamedTuple):
    """A delivery in hand, with all that is needed to send it."""

    told: Told
    token: int
    attempts: int
    queued_at: datetime
    url: str
    secret: bytes
    previous_secret: bytes | None
    previous_until: datetime | None


class Claimed(NamedTuple):
    """What one claim took. ``beyond``: after which endpoint the next one goes on; 0: from the first."""

    claims: list[Claim]
    beyond: int


class Outcome(NamedTuple):
    """What came of a claim. ``retry_in`` None: it was delivered, or is given up."""

    id: int
    token: int
    endpoint_id: int
    delivered: bool
    retry_in: timedelta | None
    status: int | None
    error: str | None


class Marked(NamedTuple):
    """What was written down of one endpoint, and since when nothing had arrived there before."""

    deliveries: int
    delivered: bool
    failing_since: datetime | None


async def claim(
    tx: Tx,
    free: int,
    rooms: Mapping[int, int],
    *,
    beyond: int = 0,
    lease: timedelta = LEASE,
    now: datetime | None = None,
) -> Claimed:
    """Up to ``free`` deliveries that are due, a few of each endpoint (``rooms``), endpoints in turn."""
    rows = await _CLAIM.all(
        tx,
        {
            "now": now,
            "beyond": beyond,
            "endpoints": list(rooms),
            "rooms": list(rooms.values()),
            "free": free,
            "lease": lease,
        },
    )
    claims = [_claim(row) for row in rows if row["id"] is not None]
    if len(claims) == free:
        return Claimed(claims, max(claim.told.endpoint_id for claim in claims))
    return Claimed(claims, rows[0]["last_seen"] if rows[0]["seen"] == VISITED else 0)


def _claim(row: Mapping[str, Any]) -> Claim:
    told = Told(
        delivery_id=row["id"],
        endpoint_id=row["endpoint_id"],
        unit_id=row["unit_id"],
        queued_at=row["created_at"],
        notification_id=row["notification_id"],
        kind=row["kind"],
        person_id=row["person_id"],
        subject_type=row["subject_type"],
        subject_id=row["subject_id"],
        plan_id=row["plan_id"],
        data=None if row["data"] is None else msgspec.json.decode(row["data"]),
        created_at=row["told_at"],
    )
    return Claim(
        told,
        row["token"],
        row["attempts"],
        row["replayed_at"] or row["created_at"],
        row["url"],
        row["secret"],
        row["previous_secret"],
        row["previous_until"],
    )


async def mark(tx: Tx, outcomes: Sequence[Outcome], now: datetime | None = None) -> dict[int, Marked]:
    """Write down what came of claims, where they are still ours; by endpoint."""
    rows = await _MARK.all(
        tx,
        {
            "now": now,
            "ids": [one.id for one in outcomes],
            "tokens": [one.token for one in outcomes],
            "delivered": [one.delivered for one in outcomes],
            "retry_in": [one.retry_in for one in outcomes],
            "statuses": [one.status for one in outcomes],
            "errors": [one.error for one in outcomes],
        },
    )
    return {row["id"]: Marked(row["deliveries"], row["delivered"], row["failing_since"]) for row in rows}


async def give_up(tx: Tx) -> int:
    """Give up what waits for disabled endpoints: what was being told at the very moment of disabling."""
    return len(await _GIVE_UP.all(tx, {}))
