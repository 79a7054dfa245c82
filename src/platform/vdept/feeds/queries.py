"""Reads of one's own feeds."""

from collections.abc import Collection

import sqlalchemy as sa

from vdept.feeds.access import visible_feeds
from vdept.feeds.models import CalendarFeed
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch

NEWEST_FIRST: Ordering[CalendarFeed] = Ordering(
    "calendar-feeds", (Key(CalendarFeed.id, int, True),), lambda row: (row.id,)
)


async def feeds_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, CalendarFeed]:
    found = await tx.session.scalars(
        sa.select(CalendarFeed).where(CalendarFeed.id.in_(sorted(ids)), visible_feeds(tx.actor))
    )
    return {row.id: row for row in found}


async def own_feeds(tx: Tx, request: PageRequest, *, revoked: bool = False) -> Page[CalendarFeed]:
    """A page of one's own addresses, the newest first; with those that were revoked only when asked for."""
    query = sa.select(CalendarFeed).where(visible_feeds(tx.actor))
    if not revoked:
        query = query.where(CalendarFeed.revoked_at.is_(None))
    return await fetch(tx.session, query, NEWEST_FIRST, request)
