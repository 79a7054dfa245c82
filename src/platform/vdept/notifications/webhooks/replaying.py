"""Sending again what was given up, under the webhook-id that it had."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.errors import invalid
from vdept.notifications.adding import DOORBELL
from vdept.notifications.models import WebhookDelivery, WebhookEndpoint, WebhookState
from vdept.notifications.webhooks import rules
from vdept.notifications.webhooks.access import (
    any_of,
    endpoints_for_update,
    get_deliveries,
    get_endpoint_for_update,
)
from vdept.notifications.webhooks.errors import WEBHOOK_DISABLED, WEBHOOK_NOT_DEAD

MOST = 1_000
"""Deliveries named in one act; more go by ``replay_all``."""


async def replay(tx: Tx, delivery_ids: Sequence[int], *, dry_run: bool = False) -> int:
    """Send these again, all or none; answers how many. ``dry_run``: only say how many it would be."""
    ids = list(dict.fromkeys(delivery_ids))
    if not 1 <= len(ids) <= MOST:
        raise invalid(
            "deliveryIds", vi=f"mỗi lần gửi lại từ 1 đến {MOST} mục", en=f"name 1 to {MOST} of them at once"
        )
    found = await get_deliveries(tx, ids, "deliveryIds")
    endpoints = await endpoints_for_update(tx, {row.endpoint_id for row in found.values()})
    _require_live(tx, endpoints, "deliveryIds")
    for position, delivery_id in enumerate(ids):
        if found[delivery_id].state is not WebhookState.DEAD:
            raise WEBHOOK_NOT_DEAD.at("deliveryIds", position, state=found[delivery_id].state)
    return await _again(tx, endpoints, WebhookDelivery.id == any_of(ids), dry_run=dry_run)


async def replay_all(
    tx: Tx, endpoint_id: int, *, since: datetime | None = None, dry_run: bool = False
) -> int:
    """Send again all that the endpoint was not given, or what was queued from ``since`` on."""
    endpoint = await get_endpoint_for_update(tx, endpoint_id, "webhookEndpointId")
    _require_live(tx, [endpoint], "webhookEndpointId")
    condition = WebhookDelivery.endpoint_id == endpoint_id
    if since is not None:
        condition = sa.and_(condition, WebhookDelivery.created_at >= since)
    return await _again(tx, [endpoint], condition, dry_run=dry_run)


def _require_live(tx: Tx, endpoints: Iterable[WebhookEndpoint], *path: str) -> None:
    for endpoint in endpoints:
        rules.require_manages(tx.actor, endpoint.unit_id, *path)
        if endpoint.disabled_at is not None:
            raise WEBHOOK_DISABLED.at(*path)


async def _again(tx: Tx, endpoints: Iterable[WebhookEndpoint], condition: Any, *, dry_run: bool) -> int:
    dead = sa.and_(WebhookDelivery.state == WebhookState.DEAD, condition)
    if dry_run:
        counted = sa.select(sa.func.count()).select_from(WebhookDelivery).where(dead)
        return int((await tx.session.execute(counted)).scalar_one())
    queued: dict[str, Any] = {"state": WebhookState.PENDING, "attempts": 0, "next_at": tx.now}
    again = (
        sa.update(WebhookDelivery)
        .where(dead)
        .values(**queued, replayed_at=tx.now, status=None, error=None)
        .returning(WebhookDelivery.endpoint_id)
        .execution_options(synchronize_session=False)
    )
    counts = Counter(await tx.session.scalars(again))
    for endpoint in endpoints:
        if counts[endpoint.id]:
            data = {"count": counts[endpoint.id]}
            tx.record("webhook.replayed", "WebhookEndpoint", endpoint.id, unit_id=endpoint.unit_id, data=data)
    if counts:
        tx.ring(DOORBELL)
    return counts.total()
