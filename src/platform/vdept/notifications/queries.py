"""Batched reads of an inbox; every one starts from what the actor may see."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch
from vdept.notifications.access import visible_notifications
from vdept.notifications.models import Notification, NotificationKind

BY_ARRIVAL: Ordering[Notification] = Ordering(
    "inbox.arrival", (Key(Notification.id, int, descending=True),), lambda row: (row.id,)
)
"""The newest first."""


@dataclass(frozen=True, slots=True)
class InboxFilter:
    """Which notifications: all conditions given must hold. ``subject``: its type and number."""

    unread_only: bool = False
    kinds: tuple[NotificationKind, ...] | None = None
    subject: tuple[str, int] | None = None
    unit_id: int | None = None

    def conditions(self) -> "Iterable[sa.ColumnElement[bool]]":
        if self.unread_only:
            yield Notification.read_at.is_(None)
        if self.kinds is not None:
            yield Notification.kind.in_(self.kinds)
        if self.subject is not None:
            yield Notification.subject_type == self.subject[0]
            yield Notification.subject_id == self.subject[1]
        if self.unit_id is not None:
            yield Notification.unit_id == self.unit_id


EVERYTHING = InboxFilter()


class SubjectCounts(NamedTuple):
    """How many notifications of one subject there are, and how many of them are unread."""

    total: int
    unread: int


async def notifications_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Notification]:
    found = await tx.session.scalars(_visible(tx, EVERYTHING).where(Notification.id == _any(ids)))
    return {row.id: row for row in found}


async def inbox_page(tx: Tx, request: PageRequest, which: InboxFilter = EVERYTHING) -> Page[Notification]:
    """A page of one's own notifications, the newest first."""
    return await fetch(tx.session, _visible(tx, which), BY_ARRIVAL, request)


async def inbox_by_subject(
    tx: Tx, request: PageRequest, which: InboxFilter = EVERYTHING
) -> Page[Notification]:
    """The newest notification of each subject, the newest first."""
    latest = (
        sa.select(sa.func.max(Notification.id))
        .where(visible_notifications(tx.actor), *which.conditions())
        .group_by(Notification.person_id, Notification.subject_type, Notification.subject_id)
    )
    query = sa.select(Notification).where(visible_notifications(tx.actor), Notification.id.in_(latest))
    return await fetch(tx.session, query, BY_ARRIVAL, request)


async def counts_by_subject(
    tx: Tx, subjects: Collection[tuple[str, int]], which: InboxFilter = EVERYTHING
) -> dict[tuple[str, int], SubjectCounts]:
    """How many notifications of each subject match, in one statement; subjects without any are left out."""
    if not subjects:
        return {}
    subject = sa.tuple_(Notification.subject_type, Notification.subject_id)
    unread = sa.func.count().filter(Notification.read_at.is_(None))
    rows = await tx.session.execute(
        sa.select(Notification.subject_type, Notification.subject_id, sa.func.count(), unread)
        .where(visible_notifications(tx.actor), *which.conditions(), subject.in_(sorted(set(subjects))))
        .group_by(Notification.subject_type, Notification.subject_id)
    )
    return {(row[0], row[1]): SubjectCounts(row[2], row[3]) for row in rows}


async def unread_by_kind(tx: Tx, which: InboxFilter = EVERYTHING) -> dict[NotificationKind, int]:
    """How many unread ones there are of each kind that has any."""
    rows = await tx.session.execute(
        sa.select(Notification.kind, sa.func.count())
        .where(visible_notifications(tx.actor), Notification.read_at.is_(None), *which.conditions())
        .group_by(Notification.kind)
    )
    return {row[0]: row[1] for row in rows}


def _visible(tx: Tx, which: InboxFilter) -> "sa.Select[Any]":
    return sa.select(Notification).where(visible_notifications(tx.actor), *which.conditions())


def _any(ids: Collection[int]) -> Any:
    return sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))
