"""Make and revoke addresses. One is 256 random bits, shown once; what is kept is its digest."""

import secrets

import sqlalchemy as sa

from vdept.feeds.access import get_feed_for_update, require_person
from vdept.feeds.errors import FEED_LIMIT
from vdept.feeds.models import CalendarFeed
from vdept.kernel.db import Tx
from vdept.kernel.errors import FORBIDDEN, Words
from vdept.people.models import Person
from vdept.people.tokens import digest
from vdept.units.access import get_unit

PREFIX = "vdcal_"
"""So that an address that leaked into a log or a repository is recognised by scanners."""

MAX_FEEDS = 10
"""Addresses of one person that are in use at a time."""

MEMBERSHIP = Words("một chức vụ ở đơn vị được nêu", "a role in the named unit")


async def create_feed(tx: Tx, unit_id: int | None = None) -> tuple[CalendarFeed, str]:
    """A feed of one's own due dates, or of those of a unit one belongs to; and the token of its address."""
    person_id = require_person(tx.actor)
    if unit_id is not None:
        unit = await get_unit(tx, unit_id, "unitId")
        if unit.id not in tx.actor.unit_ids:
            raise FORBIDDEN.at("unitId", needs=MEMBERSHIP)
    await _require_room(tx, person_id)
    token = PREFIX + secrets.token_urlsafe(32)
    feed = CalendarFeed(person_id=person_id, unit_id=unit_id, digest=digest(token), created_at=tx.now)
    tx.session.add(feed)
    await tx.session.flush()
    data = {"person_id": person_id}
    tx.record("calendar_feed.created", "CalendarFeed", feed.id, unit_id=unit_id, data=data)
    return feed, token


async def revoke_feed(tx: Tx, feed_id: int) -> CalendarFeed:
    """End an address now. Revoking it again leaves the first instant standing."""
    feed = await get_feed_for_update(tx, feed_id, "feedId")
    if feed.revoked_at is None:
        feed.revoked_at = tx.now
        await tx.session.flush()
        data = {"person_id": feed.person_id}
        tx.record("calendar_feed.revoked", "CalendarFeed", feed.id, unit_id=feed.unit_id, data=data)
    return feed


async def _require_room(tx: Tx, person_id: int) -> None:
    """The person's row is locked: of two who make their last one at once, one is told of the limit."""
    mine = sa.select(Person.id).where(Person.id == person_id).with_for_update(key_share=True)
    await tx.session.execute(mine)
    live = sa.select(sa.func.count()).where(
        CalendarFeed.person_id == person_id, CalendarFeed.revoked_at.is_(None)
    )
    if (await tx.session.execute(live)).scalar_one() >= MAX_FEEDS:
        raise FEED_LIMIT.at(limit=MAX_FEEDS)
