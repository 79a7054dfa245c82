"""Verbs on one's own inbox: mark as read, one by one or all at once, and take it back."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.db import Tx
from vdept.notifications import rules
from vdept.notifications.access import require_own, visible_notifications
from vdept.notifications.models import Notification
from vdept.notifications.queries import EVERYTHING, InboxFilter

DOORBELL = "inbox:"
"""With a person's number behind it: rung when something in their inbox was marked, for live inboxes."""


async def mark_read(tx: Tx, ids: Collection[int]) -> int:
    """Mark these as read; returns how many were not yet. What is not one's own does not count."""
    rules.require_few(len(ids), "ids")
    return await _mark(tx, _among(ids), Notification.read_at.is_(None), read=True)


async def mark_unread(tx: Tx, ids: Collection[int]) -> int:
    """Take it back; returns how many had been read."""
    rules.require_few(len(ids), "ids")
    return await _mark(tx, _among(ids), Notification.read_at.is_not(None), read=False)


async def mark_all_read(tx: Tx, which: InboxFilter = EVERYTHING, *, upto: int | None = None) -> int:
    """Mark what matches as read, up to the notification that the reader has seen last; returns how many."""
    seen = [] if upto is None else [Notification.id <= upto]
    return await _mark(tx, *which.conditions(), *seen, Notification.read_at.is_(None), read=True)


async def _mark(tx: Tx, *conditions: "sa.ColumnElement[bool]", read: bool) -> int:
    """In the order of their ids: whoever marks the same at the same time waits, and never for each other."""
    person_id = require_own(tx.actor)
    own = (visible_notifications(tx.actor), Notification.person_id == person_id)
    found = sa.select(Notification.id).where(*own, *conditions).order_by(Notification.id).with_for_update()
    locked = found.cte("locked")
    changed: Any = await tx.session.execute(
        sa.update(Notification)
        .where(Notification.id.in_(sa.select(locked.c.id)))
        .values(read_at=tx.now if read else None)
        .execution_options(synchronize_session=False)
    )
    count = int(changed.rowcount)
    if count:
        verb = "inbox.read" if read else "inbox.unread"
        tx.record(verb, "Inbox", person_id, data={"notifications": count})
        tx.ring(f"{DOORBELL}{person_id}")
    return count


def _among(ids: Collection[int]) -> "sa.ColumnElement[bool]":
    return Notification.id == sa.any_(sa.cast(sorted(set(ids)), ARRAY(sa.BigInteger)))
