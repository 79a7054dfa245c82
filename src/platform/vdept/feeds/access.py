"""Whose feeds somebody sees: their own, as a person who signs in directly. No client sees or makes any."""

import sqlalchemy as sa

from vdept.feeds.models import CalendarFeed
from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.kernel.errors import FORBIDDEN, NOT_FOUND, Words

ONESELF = Words("một người tự đăng nhập", "a person who signs in directly")


def owner_of(actor: Actor) -> int | None:
    """The person whose feeds ``actor`` handles; None for clients, jobs and nobody."""
    return actor.person_id if actor.client_id is None else None


def visible_feeds(actor: Actor) -> "sa.ColumnElement[bool]":
    person_id = owner_of(actor)
    return sa.false() if person_id is None else CalendarFeed.person_id == person_id


def require_person(actor: Actor) -> int:
    """The person who acts; refuses clients and jobs."""
    person_id = owner_of(actor)
    if person_id is None:
        raise FORBIDDEN.at(needs=ONESELF)
    return person_id


async def get_feed_for_update(tx: Tx, feed_id: int, *path: str | int) -> CalendarFeed:
    """The feed, locked, if it is the actor's own."""
    query = sa.select(CalendarFeed).where(CalendarFeed.id == feed_id, visible_feeds(tx.actor))
    found: CalendarFeed | None = await tx.session.scalar(
        query.with_for_update().execution_options(populate_existing=True)
    )
    if found is None:
        raise NOT_FOUND.at(*path, what=Words("địa chỉ lịch", "calendar address"))
    return found
