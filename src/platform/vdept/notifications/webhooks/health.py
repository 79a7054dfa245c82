"""Whether endpoints still take anything: since when they fail, and when they are disabled for it.

Written apart from the deliveries and only where something changes: an endpoint that takes a thousand
deliveries is not written a thousand times.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.notifications.adding import Note, notify
from vdept.notifications.models import NotificationKind, WebhookDisabled, WebhookEndpoint
from vdept.notifications.webhooks.access import endpoints_for_update
from vdept.notifications.webhooks.addresses import origin
from vdept.notifications.webhooks.claims import Marked
from vdept.notifications.webhooks.registering import stop
from vdept.notifications.webhooks.rules import PATIENCE
from vdept.people.actors import in_force, unit_exists
from vdept.people.models import Membership, Person
from vdept.units.models import Unit


def concerned(marked: Mapping[int, Marked], gone: Collection[int], now: datetime) -> set[int]:
    """The endpoints of which something is to be written: most of the time, none."""
    return {
        endpoint
        for endpoint, it in marked.items()
        if endpoint in gone
        or it.delivered != (it.failing_since is None)
        or (not it.delivered and it.failing_since is not None and now - it.failing_since >= PATIENCE)
    }


async def note(
    tx: Tx, marked: Mapping[int, Marked], gone: Mapping[int, str], said: Mapping[int, str]
) -> None:
    """Write it, and tell the managers of units whose endpoints are disabled for it.

    ``gone``: endpoints that say they are not there any more (410); ``said``: what each failed with last.
    """
    ended: dict[WebhookDisabled, list[WebhookEndpoint]] = {}
    for endpoint in await endpoints_for_update(tx, marked.keys()):
        if endpoint.disabled_at is not None:
            continue
        if endpoint.id in gone:
            ended.setdefault(WebhookDisabled.GONE, []).append(endpoint)
        elif marked[endpoint.id].delivered:
            endpoint.failing_since = None
        elif endpoint.failing_since is None:
            endpoint.failing_since = tx.now
        elif tx.now - endpoint.failing_since >= PATIENCE:
            ended.setdefault(WebhookDisabled.FAILING, []).append(endpoint)
    await tx.session.flush()
    for because, endpoints in sorted(ended.items()):
        await stop(tx, endpoints, because)
    await _tell(tx, [endpoint for endpoints in ended.values() for endpoint in endpoints], {**said, **gone})


async def _tell(tx: Tx, endpoints: list[WebhookEndpoint], said: Mapping[int, str]) -> None:
    if not endpoints:
        return
    managers = await tx.session.execute(
        sa.select(Membership.unit_id, Membership.person_id)
        .distinct()
        .join(Person, Person.id == Membership.person_id)
        .join(Unit, Unit.id == Membership.unit_id)
        .where(
            Membership.unit_id.in_({endpoint.unit_id for endpoint in endpoints}),
            Membership.role.in_(MANAGING),
            Person.active,
            in_force(tx.today),
            unit_exists(tx.today),
        )
        .order_by(Membership.unit_id, Membership.person_id)
    )
    people: dict[int, list[int]] = {}
    for unit_id, person_id in managers:
        people.setdefault(unit_id, []).append(person_id)
    await notify(
        tx,
        [
            Note(
                person_id=person_id,
                unit_id=endpoint.unit_id,
                kind=NotificationKind.DELIVERY_FAILED,
                subject_type="WebhookEndpoint",
                subject_id=endpoint.id,
                plan_id=None,
                data={
                    "url": origin(endpoint.url),
                    "error": said.get(endpoint.id, ""),
                    "reason": endpoint.disabled_because,
                },
                # Its version is another one each time that it is disabled: its managers are told each time.
                origin=f"webhook_endpoint/{endpoint.version}",
                origin_id=endpoint.id,
            )
            for endpoint in endpoints
            for person_id in people.get(endpoint.unit_id, [])
        ],
    )
