"""Batched reads of endpoints and deliveries; every one starts from what the actor may see."""

from collections.abc import Collection

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch, fetch_each
from vdept.notifications.models import WebhookDelivery, WebhookEndpoint, WebhookState
from vdept.notifications.webhooks.access import any_of, visible_deliveries, visible_endpoints

BY_REGISTRATION: Ordering[WebhookEndpoint] = Ordering(
    "webhooks.registered", (Key(WebhookEndpoint.id, int, descending=True),), lambda row: (row.id,)
)
"""The newest first."""

BY_QUEUEING: Ordering[WebhookDelivery] = Ordering(
    "webhooks.deliveries", (Key(WebhookDelivery.id, int, descending=True),), lambda row: (row.id,)
)
"""The newest first."""


async def endpoints_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, WebhookEndpoint]:
    found = await tx.session.scalars(
        sa.select(WebhookEndpoint).where(WebhookEndpoint.id == any_of(ids), visible_endpoints(tx.actor))
    )
    return {row.id: row for row in found}


async def endpoints_page(
    tx: Tx, request: PageRequest, unit_id: int | None = None, *, disabled: bool | None = None
) -> Page[WebhookEndpoint]:
    """A page of endpoints, of one unit where it is given."""
    query = sa.select(WebhookEndpoint).where(visible_endpoints(tx.actor))
    if unit_id is not None:
        query = query.where(WebhookEndpoint.unit_id == unit_id)
    if disabled is not None:
        gone = WebhookEndpoint.disabled_at.is_not(None)
        query = query.where(gone if disabled else sa.not_(gone))
    return await fetch(tx.session, query, BY_REGISTRATION, request)


async def deliveries_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, WebhookDelivery]:
    found = await tx.session.scalars(
        sa.select(WebhookDelivery).where(WebhookDelivery.id == any_of(ids), visible_deliveries(tx.actor))
    )
    return {row.id: row for row in found}


async def deliveries_of_endpoints(
    tx: Tx, endpoint_ids: Collection[int], request: PageRequest, state: WebhookState | None = None
) -> dict[int, Page[WebhookDelivery]]:
    """The same page of each endpoint's deliveries, in one statement."""
    query = sa.select(WebhookDelivery).where(visible_deliveries(tx.actor))
    if state is not None:
        query = query.where(WebhookDelivery.state == state)
    return await fetch_each(
        tx.session, query, WebhookDelivery.endpoint_id, endpoint_ids, BY_QUEUEING, request
    )
