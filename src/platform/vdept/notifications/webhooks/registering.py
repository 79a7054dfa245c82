"""Registering and changing endpoints. Secrets are shown once and kept sealed."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from vdept.kernel.db import Tx
from vdept.kernel.settings import Network
from vdept.kernel.vault import Vault
from vdept.kernel.versions import next_version
from vdept.notifications.adding import DOORBELL
from vdept.notifications.models import (
    NotificationKind,
    WebhookDelivery,
    WebhookDisabled,
    WebhookEndpoint,
    WebhookState,
)
from vdept.notifications.webhooks import rules
from vdept.notifications.webhooks.access import any_of, get_endpoint_for_update
from vdept.notifications.webhooks.addresses import clean_url, origin
from vdept.notifications.webhooks.errors import WEBHOOK_DISABLED, WEBHOOK_LIMIT, WEBHOOK_UNIT_ENDED
from vdept.notifications.webhooks.signing import new_secret, seal
from vdept.people.actors import unit_exists
from vdept.units.access import get_unit
from vdept.units.models import Unit

ENDPOINT = "webhookEndpointId"


async def register(
    tx: Tx,
    unit_id: int,
    *,
    url: str,
    kinds: Collection[NotificationKind] = (),
    vault: Vault,
    networks: Collection[Network] = (),
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint of the unit, and its secret: it is shown to whoever registers it and to nobody again."""
    unit = await get_unit(tx, unit_id, "unitId")
    rules.require_manages(tx.actor, unit.id, "unitId")
    cleaned = clean_url(url, networks, "url")
    await _require_room(tx, unit.id, "unitId")
    secret = new_secret()
    endpoint = WebhookEndpoint(
        unit_id=unit.id,
        url=cleaned,
        kinds=rules.clean_kinds(kinds),
        secret=seal(vault, secret),
        created_by_id=tx.actor.person_id,
        created_at=tx.now,
    )
    tx.session.add(endpoint)
    await tx.session.flush()
    _record(tx, "webhook.registered", endpoint, origin=origin(cleaned), kinds=endpoint.kinds)
    return endpoint, secret


async def update(
    tx: Tx,
    endpoint_id: int,
    *,
    url: str | UnsetType = UNSET,
    kinds: Collection[NotificationKind] | UnsetType = UNSET,
    expected_version: int | None = None,
    networks: Collection[Network] = (),
) -> WebhookEndpoint:
    """Change what is given. What is on its way already goes to the new address; new kinds count from now."""
    endpoint = await _own(tx, endpoint_id)
    next_version(endpoint, expected_version)
    data: dict[str, Any] = {}
    if not isinstance(url, UnsetType):
        cleaned = clean_url(url, networks, "url")
        if cleaned != endpoint.url:
            # The address may hold a secret: the log tells where it leads and no more.
            data["origin"] = {"from": origin(endpoint.url), "to": origin(cleaned)}
            endpoint.url, endpoint.failing_since = cleaned, None
    if not isinstance(kinds, UnsetType):
        cleaned_kinds = rules.clean_kinds(kinds)
        if cleaned_kinds != endpoint.kinds:
            data["kinds"] = {"from": endpoint.kinds, "to": cleaned_kinds}
            endpoint.kinds = cleaned_kinds
    await tx.session.flush()
    _record(tx, "webhook.updated", endpoint, **data)
    return endpoint


async def rotate_secret(
    tx: Tx, endpoint_id: int, *, vault: Vault, expected_version: int | None = None
) -> tuple[WebhookEndpoint, str]:
    """A new secret; the one before signs beside it for 24 hours, so that a receiver can change in peace."""
    endpoint = await _own(tx, endpoint_id)
    next_version(endpoint, expected_version)
    secret = new_secret()
    endpoint.previous_secret, endpoint.previous_until = endpoint.secret, tx.now + rules.BOTH_SIGN
    endpoint.secret = seal(vault, secret)
    await tx.session.flush()
    _record(tx, "webhook.secret_rotated", endpoint)
    return endpoint, secret


async def disable(tx: Tx, endpoint_id: int) -> WebhookEndpoint:
    """Send nothing there any more; what was on its way is on the list of what was given up."""
    endpoint = await _own(tx, endpoint_id)
    if endpoint.disabled_at is None:
        await stop(tx, [endpoint], WebhookDisabled.BY_HAND)
    return endpoint


async def enable(tx: Tx, endpoint_id: int) -> WebhookEndpoint:
    """Send there again what is told from now on; what was given up meanwhile waits to be replayed."""
    endpoint = await _own(tx, endpoint_id)
    if endpoint.disabled_at is None:
        return endpoint
    await _require_room(tx, endpoint.unit_id, ENDPOINT)
    endpoint.disabled_at = endpoint.disabled_because = endpoint.failing_since = None
    next_version(endpoint, None)
    await tx.session.flush()
    _record(tx, "webhook.enabled", endpoint)
    return endpoint


async def send_test(tx: Tx, endpoint_id: int) -> WebhookDelivery:
    """A test event, sent and signed and tried again as everything else is."""
    endpoint = await _own(tx, endpoint_id)
    if endpoint.disabled_at is not None:
        raise WEBHOOK_DISABLED.at(ENDPOINT)
    delivery = WebhookDelivery(
        endpoint_id=endpoint.id, state=WebhookState.PENDING, created_at=tx.now, next_at=tx.now
    )
    tx.session.add(delivery)
    await tx.session.flush()
    _record(tx, "webhook.tested", endpoint)
    tx.ring(DOORBELL)
    return delivery


async def stop(tx: Tx, endpoints: Sequence[WebhookEndpoint], because: WebhookDisabled) -> None:
    """Disable endpoints, which the caller has locked, and give up what is on its way to them."""
    for endpoint in endpoints:
        endpoint.disabled_at, endpoint.disabled_because = tx.now, because
        next_version(endpoint, None)
    await tx.session.flush()
    given_up = await tx.session.scalars(
        sa.update(WebhookDelivery)
        .where(
            WebhookDelivery.endpoint_id == any_of([endpoint.id for endpoint in endpoints]),
            WebhookDelivery.state == WebhookState.PENDING,
        )
        .values(
            state=WebhookState.DEAD,
            error=sa.func.coalesce(WebhookDelivery.error, rules.Failure.ENDPOINT_DISABLED.value),
        )
        .returning(WebhookDelivery.endpoint_id)
        .execution_options(synchronize_session=False)
    )
    counts = Counter(given_up)
    for endpoint in endpoints:
        _record(tx, "webhook.disabled", endpoint, because=because, given_up=counts[endpoint.id])


async def _own(tx: Tx, endpoint_id: int) -> WebhookEndpoint:
    endpoint = await get_endpoint_for_update(tx, endpoint_id, ENDPOINT)
    rules.require_manages(tx.actor, endpoint.unit_id, ENDPOINT)
    return endpoint


async def _require_room(tx: Tx, unit_id: int, *path: str) -> None:
    """The unit's row is locked, so that two who register at once cannot both be the last one."""
    query = sa.select(Unit.id).where(Unit.id == unit_id, unit_exists(tx.today))
    if await tx.session.scalar(query.with_for_update(key_share=True)) is None:
        raise WEBHOOK_UNIT_ENDED.at(*path)
    live = sa.select(sa.func.count()).where(
        WebhookEndpoint.unit_id == unit_id, WebhookEndpoint.disabled_at.is_(None)
    )
    if (await tx.session.execute(live)).scalar_one() >= rules.MAX_ENDPOINTS:
        raise WEBHOOK_LIMIT.at(*path, limit=rules.MAX_ENDPOINTS)


def _record(tx: Tx, verb: str, endpoint: WebhookEndpoint, **data: Any) -> None:
    tx.record(verb, "WebhookEndpoint", endpoint.id, unit_id=endpoint.unit_id, data=data or None)
