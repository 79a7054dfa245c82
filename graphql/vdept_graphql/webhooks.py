"""Webhook endpoints of units, and what was sent there."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.notifications.models import NotificationKind, WebhookDisabled, WebhookState
from vdept.notifications.models import WebhookDelivery as DeliveryRow
from vdept.notifications.models import WebhookEndpoint as EndpointRow
from vdept.notifications.webhooks import queries
from vdept.notifications.webhooks.payloads import message_id
from vdept.notifications.webhooks.rules import Failure, event_type
from vdept_graphql import notifications  # publishes NotificationKind
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import NODES, Node, decode, decode_optional, encode
from vdept_graphql.units import Unit, load_units

__all__ = ["WebhookDelivery", "WebhookEndpoint", "WebhookQuery", "notifications"]

described(
    WebhookState,
    "Where a webhook stands (trạng thái gửi).",
    PENDING="It is to be sent, for the first time or again.",
    DELIVERED="The endpoint answered with a status from 200 to 299.",
    DEAD="It was given up; `replayWebhookDeliveries` sends it again.",
)
described(
    WebhookDisabled,
    "Why nothing is sent to an endpoint (lý do tắt).",
    BY_HAND="Somebody disabled it.",
    GONE="It answered with 410 Gone.",
    FAILING="Nothing arrived there for five days.",
)
described(
    Failure,
    "Why an attempt to send a webhook failed (lý do không gửi được).",
    graphql_name="WebhookFailure",
    NAME_UNKNOWN="The host's name leads nowhere.",
    ADDRESS_NOT_PUBLIC="The host's name leads to an address that is not public.",
    NO_CONNECTION="Nobody took the connection, or it broke.",
    CERTIFICATE="Its TLS certificate is not valid for its name.",
    TIMEOUT="There was no answer within ten seconds.",
    BROKEN_ANSWER="What it answered was not HTTP, or ended too early.",
    REDIRECT="It answered with a redirect; none is followed. Change the endpoint's address.",
    STATUS="It answered with another status than 200 to 299.",
    SECRET_UNREADABLE="The platform cannot read the endpoint's secret. Rotate it, and tell the operator.",  # noqa: S106
    ENDPOINT_DISABLED="The endpoint was disabled before it was sent.",
    INTERNAL="Something failed at the platform; its operator finds it in the log.",
)


async def load_endpoints(tx: Tx, ids: list[int]) -> dict[int, "WebhookEndpoint"]:
    """Endpoints by number."""
    found = await queries.endpoints_by_ids(tx, ids)
    return {key: WebhookEndpoint.from_row(row) for key, row in found.items()}


async def load_deliveries(tx: Tx, ids: list[int]) -> dict[int, "WebhookDelivery"]:
    """Deliveries by number."""
    found = await queries.deliveries_by_ids(tx, ids)
    return {key: WebhookDelivery.from_row(row) for key, row in found.items()}


async def load_deliveries_of_endpoints(
    tx: Tx, endpoint_ids: list[int], request: PageRequest, state: WebhookState | None
) -> dict[int, Connection["WebhookDelivery"]]:
    """The same page of deliveries for each endpoint."""
    pages = await queries.deliveries_of_endpoints(tx, endpoint_ids, request, state)
    return {key: connection(page, WebhookDelivery.from_row) for key, page in pages.items()}


NODES["WebhookEndpoint"] = load_endpoints
NODES["WebhookDelivery"] = load_deliveries

InState = Annotated[WebhookState | None, argument(description="Only those that stand so.")]


@strawberry.type(
    description="An address of a unit's own system that is told what the unit's people are told, by the "
    "Standard Webhooks specification (điểm nhận webhook). For the unit's managers and administrators."
)
class WebhookEndpoint(Node):
    """An endpoint as its row says it; its secret is kept sealed and never shown again."""

    url: str = field(description="Where it is sent to.")
    kinds: list[NotificationKind] = field(description="What it is told of; empty: everything.")
    created_at: datetime = field(description="When it was registered.")
    previous_secret_until: datetime | None = field(
        description="Until when the secret before the last one signs as well."
    )
    failing_since: datetime | None = field(
        description="Since when nothing has arrived there; null: the last attempt did. After five days it is "
        "disabled."
    )
    disabled_at: datetime | None = field(description="Since when nothing is sent there; null: it is.")
    disabled_because: WebhookDisabled | None = field(description="Why it is disabled.")
    version: int = field(description="Counts the changes; give it as `expectedVersion`.")
    key: strawberry.Private[int]
    unit_key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: EndpointRow) -> "WebhookEndpoint":
        return cls(
            id=encode("WebhookEndpoint", row.id),
            url=row.url,
            kinds=[NotificationKind(kind) for kind in row.kinds],
            created_at=row.created_at,
            previous_secret_until=row.previous_until,
            failing_since=row.failing_since,
            disabled_at=row.disabled_at,
            disabled_because=row.disabled_because,
            version=row.version,
            key=row.id,
            unit_key=row.unit_id,
        )

    @field(description="The unit whose system it is.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="What was or is to be sent there, the newest first.")
    def deliveries(
        self,
        info: Info,
        state: InState = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection["WebhookDelivery"]:
        request = PageRequest(first, after, last, before)
        return info.context.load(load_deliveries_of_endpoints, self.key, request, state)


@strawberry.type(description="A notification on its way to an endpoint (lần gửi webhook).")
class WebhookDelivery(Node):
    """A delivery as its row says it."""

    webhook_id: str = field(
        description="Its `webhook-id`: the same however often it is sent, by which the receiver knows it."
    )
    type: str = field(description="The `type` of its payload, such as `notification.reminder`.")
    state: WebhookState = field(description="Where it stands.")
    attempts: int = field(description="How often it was tried, since it was last replayed.")
    created_at: datetime = field(description="When it was queued.")
    next_attempt_at: datetime | None = field(description="When it is tried next; null: it is not.")
    replayed_at: datetime | None = field(description="When somebody had it sent again.")
    delivered_at: datetime | None = field(description="When the endpoint took it.")
    status: int | None = field(description="The HTTP status of the last answer; null: there was none.")
    failure: Failure | None = field(description="Why the last attempt failed.")
    endpoint_key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: DeliveryRow) -> "WebhookDelivery":
        return cls(
            id=encode("WebhookDelivery", row.id),
            webhook_id=message_id(row.id),
            type=event_type(row.kind),
            state=row.state,
            attempts=row.attempts,
            created_at=row.created_at,
            next_attempt_at=row.next_at if row.state is WebhookState.PENDING else None,
            replayed_at=row.replayed_at,
            delivered_at=row.delivered_at,
            status=row.status,
            failure=None if row.error is None else Failure(row.error),
            endpoint_key=row.endpoint_id,
        )

    @field(description="Where it goes.")
    def endpoint(self, info: Info) -> WebhookEndpoint | None:
        return info.context.load(load_endpoints, self.endpoint_key)


@strawberry.type
class WebhookQuery:
    """Reads of webhooks."""

    @field(description="Webhook endpoints of the units that you manage, the newest first.")
    async def webhook_endpoints(
        self,
        info: Info,
        unit_id: Annotated[strawberry.ID | None, argument(description="Of this unit.")] = None,
        disabled: Annotated[
            bool | None, argument(description="Those that are disabled, or those that are not.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[WebhookEndpoint]:
        unit = decode_optional(unit_id, "Unit", "unitId")
        request = PageRequest(first, after, last, before)
        async with info.context.reading() as tx:
            page = await queries.endpoints_page(tx, request, unit, disabled=disabled)
        return connection(page, WebhookEndpoint.from_row)

    @field(
        description="What was or is to be sent to an endpoint, the newest first; with the state DEAD, the "
        "list of what was given up. Empty where you may not see the endpoint."
    )
    async def webhook_deliveries(
        self,
        info: Info,
        endpoint_id: Annotated[strawberry.ID, argument(description="Which endpoint.")],
        state: InState = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[WebhookDelivery]:
        endpoint = decode(endpoint_id, "WebhookEndpoint", "endpointId")
        request = PageRequest(first, after, last, before)
        async with info.context.reading() as tx:
            pages = await queries.deliveries_of_endpoints(tx, [endpoint], request, state)
        return connection(pages[endpoint], WebhookDelivery.from_row)
