"""Which webhook endpoints and deliveries an actor sees: those of the units that they manage, in person.

What an endpoint is told, and that it fails, is for those who can do something about it; its address may hold
a secret. An administrator sees all of them; an API client none, whoever it acts for.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.actor import MANAGING, Actor
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.notifications.models import WebhookDelivery, WebhookEndpoint


def visible_endpoints(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``webhook_endpoint`` that this actor's reads start from."""
    if actor.client_id is not None or not actor.known:
        return sa.false()
    if actor.sees_everything:
        return sa.true()
    return WebhookEndpoint.unit_id.in_(sorted({s.unit_id for s in actor.seats if s.role in MANAGING}))


def visible_deliveries(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``webhook_delivery``: with its endpoint."""
    if actor.client_id is None and actor.sees_everything:
        return sa.true()
    seen = sa.exists().where(WebhookEndpoint.id == WebhookDelivery.endpoint_id, visible_endpoints(actor))
    return seen.correlate(WebhookDelivery)


async def get_endpoint_for_update(tx: Tx, endpoint_id: int, *path: str | int) -> WebhookEndpoint:
    """The endpoint, locked until the end of the transaction and read anew, or *not found*."""
    found = await endpoints_for_update(tx, [endpoint_id])
    if not found:
        raise NOT_FOUND.at(*path, what=Words("điểm nhận webhook", "webhook endpoint"))
    return found[0]


async def endpoints_for_update(tx: Tx, ids: Collection[int]) -> list[WebhookEndpoint]:
    """Those of the endpoints that are there, locked in the order of their numbers."""
    query = sa.select(WebhookEndpoint).where(WebhookEndpoint.id == any_of(ids), visible_endpoints(tx.actor))
    locked = query.order_by(WebhookEndpoint.id).with_for_update()
    return list(await tx.session.scalars(locked.execution_options(populate_existing=True)))


async def get_deliveries(tx: Tx, ids: Collection[int], *path: str | int) -> dict[int, WebhookDelivery]:
    """The deliveries by number; *not found* at the position of the first that is not there."""
    query = sa.select(WebhookDelivery).where(WebhookDelivery.id == any_of(ids), visible_deliveries(tx.actor))
    found = {row.id: row for row in await tx.session.scalars(query)}
    for position, delivery_id in enumerate(ids):
        if delivery_id not in found:
            raise NOT_FOUND.at(*path, position, what=Words("lần gửi webhook", "webhook delivery"))
    return found


def any_of(ids: Collection[int]) -> Any:
    return sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))
