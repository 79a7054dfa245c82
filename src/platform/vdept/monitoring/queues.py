"""The queues: how much is due and not done yet, and how long the oldest of it has been due."""

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from vdept.kernel.db import Tx

COUNTED = 100_000
"""Counting stops here: a queue that long is long, and the reading stays cheap."""

_WAITING = {
    "outcomes": "SELECT CAST(NULL AS timestamptz) AS since FROM outcome_change",
    "reminders": "SELECT due_at AS since FROM reminder_batch WHERE delivered_at IS NULL AND due_at <= :now",
    "calendar": "SELECT CAST(NULL AS timestamptz) AS since FROM calendar_change",
    "mail": "SELECT due_at AS since FROM mail_queue WHERE due_at <= :now",
    "mail_sending": "SELECT next_at AS since FROM mail WHERE state = 'PENDING' AND next_at <= :now",
    "webhooks": "SELECT next_at AS since FROM webhook_delivery WHERE state = 'PENDING' AND next_at <= :now",
    "sources": "SELECT c.next_at AS since FROM source_connector c JOIN source s ON s.id = c.source_id "
    "WHERE s.state = 'ACTIVE' AND c.next_at <= :now",
    "editions": "SELECT requested_at AS since FROM edition_request WHERE state = 'WAITING'",
    "recurrences": "SELECT CAST(create_on AS timestamp) AT TIME ZONE 'Asia/Ho_Chi_Minh' AS since "
    "FROM task_recurrence WHERE ended_at IS NULL AND create_on <= :today",
    "scan": "SELECT CAST(scanned_on + 1 AS timestamp) AT TIME ZONE 'Asia/Ho_Chi_Minh' AS since "
    "FROM reminder_scan WHERE scanned_on < :today",
}
"""One row for each thing that is due, and since when, where that is known."""

_DEAD = {
    "mail_sending": "SELECT 1 FROM mail WHERE state = 'FAILED'",
    "webhooks": "SELECT 1 FROM webhook_delivery WHERE state = 'DEAD'",
}
"""What was given up and waits for a person."""


class Queue(NamedTuple):
    """One queue at one instant. ``lag``: how long its oldest has been due; zero for an empty one."""

    name: str
    waiting: int
    lag: timedelta
    given_up: int


def _statement() -> str:
    parts = []
    for name, waiting in _WAITING.items():
        dead = _DEAD.get(name)
        given_up = f"(SELECT count(*) FROM ({dead} LIMIT {COUNTED}) d)" if dead else "0"
        parts.append(
            f"SELECT '{name}' AS name, count(*) AS waiting, min(since) AS since, {given_up} AS given_up "
            f"FROM ({waiting} LIMIT {COUNTED}) w"
        )
    return " UNION ALL ".join(parts)


_QUEUES = sa.text(_statement()).bindparams(
    sa.bindparam("now", type_=sa.DateTime(timezone=True)), sa.bindparam("today", type_=sa.Date())
)


async def queues(tx: Tx, now: datetime) -> list[Queue]:
    """Every queue, in one statement; for the system only: the tables are behind row security."""
    rows = await tx.session.execute(_QUEUES, {"now": now, "today": tx.today})
    return [
        Queue(
            row.name,
            row.waiting,
            max(now - row.since, timedelta()) if row.since else timedelta(),
            row.given_up,
        )
        for row in rows
    ]
