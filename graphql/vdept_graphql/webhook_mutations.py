"""Verbs on webhook endpoints and deliveries."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.kernel.errors import invalid
from vdept.kernel.settings import Network, networks
from vdept.notifications.models import NotificationKind
from vdept.notifications.models import WebhookDelivery as DeliveryRow
from vdept.notifications.models import WebhookEndpoint as EndpointRow
from vdept.notifications.webhooks import registering, replaying
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode, decode_many
from vdept_graphql.inputs import In, given_value
from vdept_graphql.mutations import ERRORS, EXPECTED_VERSION, IDEMPOTENCY_KEY, as_it_is, one, perform
from vdept_graphql.services import Services
from vdept_graphql.webhooks import WebhookDelivery, WebhookEndpoint, load_deliveries, load_endpoints

SHOWN_ONCE = (
    "The secret that it verifies signatures with (`whsec_…`), shown this once; null when the same request is "
    "repeated with its idempotency key. Whoever missed it calls `rotateWebhookSecret`."
)
WHICH = "Which endpoint."
KINDS = "What it is told of; empty: everything that the unit's people are told."
URL = "Where to send it: https, a public host, no user or password, no fragment; at most 2,000 characters."


@strawberry.type(description="What a mutation of a webhook endpoint answers with.")
class WebhookPayload:
    """The endpoint, or why not."""

    endpoint: WebhookEndpoint | None = field(default=None, description="The endpoint after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What a mutation answers with that gives a webhook endpoint a secret.")
class WebhookSecretPayload:
    """The endpoint with its secret, or why not."""

    endpoint: WebhookEndpoint | None = field(default=None, description="The endpoint after the change.")
    secret: str | None = field(default=None, description=SHOWN_ONCE)
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What sending a test answers with.")
class WebhookTestPayload:
    """The delivery, or why not."""

    delivery: WebhookDelivery | None = field(
        default=None, description="The test on its way; read it again to see what came of it."
    )
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What a replay answers with.")
class WebhookReplayPayload:
    """How many, or why not."""

    count: int | None = field(
        default=None, description="How many are sent again; with `dryRun`, how many it would be."
    )
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="A new webhook endpoint of a unit.")
class RegisterWebhookInput:
    """What it is."""

    unit_id: strawberry.ID = field(description="The unit whose system it is.")
    url: str = field(description=URL)
    kinds: list[NotificationKind] = field(default_factory=list, description=KINDS)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A change of a webhook endpoint; what is left out stays as it is.")
class UpdateWebhookInput:
    """What changes."""

    webhook_endpoint_id: strawberry.ID = field(description=WHICH)
    url: str | None = field(default=strawberry.UNSET, description=URL)
    kinds: list[NotificationKind] | None = field(default=strawberry.UNSET, description=KINDS)
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A new secret for a webhook endpoint.")
class RotateWebhookSecretInput:
    """Whose."""

    webhook_endpoint_id: strawberry.ID = field(description=WHICH)
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="The end of sending to a webhook endpoint.")
class DisableWebhookInput:
    """Which."""

    webhook_endpoint_id: strawberry.ID = field(description=WHICH)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Sending to a webhook endpoint again.")
class EnableWebhookInput:
    """Which."""

    webhook_endpoint_id: strawberry.ID = field(description=WHICH)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A test of a webhook endpoint.")
class SendTestWebhookInput:
    """Which."""

    webhook_endpoint_id: strawberry.ID = field(description=WHICH)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(
    description="What to send again: some deliveries by id, or all that an endpoint was not given."
)
class ReplayWebhookDeliveriesInput:
    """What."""

    delivery_ids: list[strawberry.ID] | None = field(
        default=None, description="These, all or none; at most 1,000."
    )
    webhook_endpoint_id: strawberry.ID | None = field(
        default=None, description="Everything given up of this endpoint, instead of `deliveryIds`."
    )
    since: datetime | None = field(
        default=None, description="With `webhookEndpointId`: only what was queued from then on."
    )
    dry_run: bool = field(default=False, description="Only say how many it would be.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


def _services(info: Info) -> Services:
    services = info.context.services
    if services is None:
        raise RuntimeError("this context serves no verbs that need the settings")
    return services


def _networks(info: Info) -> tuple[Network, ...]:
    return networks(_services(info).settings.webhook_networks, "VDEPT_WEBHOOK_NETWORKS")


async def _with_secret(
    info: Info, arguments: Any, give: Callable[[Tx], Awaitable[tuple[EndpointRow, str]]]
) -> WebhookSecretPayload:
    """Perform a verb that makes a secret: it is answered by the call that made it and by no other."""
    made: list[str | None] = [None]

    async def verb(tx: Tx) -> EndpointRow:
        endpoint, made[0] = await give(tx)
        return endpoint

    async def build(context: Context, answer: Any) -> dict[str, Any]:
        return {"endpoint": await context.one(load_endpoints, answer), "secret": made[0]}

    return await perform(info, WebhookSecretPayload, arguments, verb, build)


def _endpoint(given: str) -> int:
    return decode(given, "WebhookEndpoint", registering.ENDPOINT)


@strawberry.type
class WebhookMutation:
    """Verbs on webhooks."""

    @strawberry.mutation(
        description="Register an address of a unit's system that is told what the unit's people are told. "
        "For the unit's head, deputies and coordinators and for administrators, signed in themselves. A unit "
        "has at most 20."
    )
    async def register_webhook(
        self, info: Info, input: In[RegisterWebhookInput]
    ) -> WebhookSecretPayload | None:
        async def give(tx: Tx) -> tuple[EndpointRow, str]:
            return await registering.register(
                tx,
                decode(input.unit_id, "Unit", "unitId"),
                url=input.url,
                kinds=input.kinds,
                vault=_services(info).vault,
                networks=_networks(info),
            )

        return await _with_secret(info, input, give)

    @strawberry.mutation(description="Change a webhook endpoint. For whoever may register it.")
    async def update_webhook(self, info: Info, input: In[UpdateWebhookInput]) -> WebhookPayload | None:
        async def verb(tx: Tx) -> EndpointRow:
            return await registering.update(
                tx,
                _endpoint(input.webhook_endpoint_id),
                url=given_value(input.url, "url"),
                kinds=given_value(input.kinds, "kinds"),
                expected_version=input.expected_version,
                networks=_networks(info),
            )

        return await perform(info, WebhookPayload, input, verb, one("endpoint", load_endpoints))

    @strawberry.mutation(
        description="Give a webhook endpoint a new secret. The old one signs beside it for 24 hours. For "
        "whoever may register it."
    )
    async def rotate_webhook_secret(
        self, info: Info, input: In[RotateWebhookSecretInput]
    ) -> WebhookSecretPayload | None:
        async def give(tx: Tx) -> tuple[EndpointRow, str]:
            return await registering.rotate_secret(
                tx,
                _endpoint(input.webhook_endpoint_id),
                vault=_services(info).vault,
                expected_version=input.expected_version,
            )

        return await _with_secret(info, input, give)

    @strawberry.mutation(
        description="Send nothing to a webhook endpoint any more; what is on its way is given up and can be "
        "replayed later. For whoever may register it."
    )
    async def disable_webhook(self, info: Info, input: In[DisableWebhookInput]) -> WebhookPayload | None:
        async def verb(tx: Tx) -> EndpointRow:
            return await registering.disable(tx, _endpoint(input.webhook_endpoint_id))

        return await perform(info, WebhookPayload, input, verb, one("endpoint", load_endpoints))

    @strawberry.mutation(
        description="Send to a webhook endpoint again what is told from now on. For whoever may register it."
    )
    async def enable_webhook(self, info: Info, input: In[EnableWebhookInput]) -> WebhookPayload | None:
        async def verb(tx: Tx) -> EndpointRow:
            return await registering.enable(tx, _endpoint(input.webhook_endpoint_id))

        return await perform(info, WebhookPayload, input, verb, one("endpoint", load_endpoints))

    @strawberry.mutation(
        description="Send a test (`webhook.test`) to a webhook endpoint, signed and repeated as everything "
        "else is. For whoever may register it."
    )
    async def send_test_webhook(
        self, info: Info, input: In[SendTestWebhookInput]
    ) -> WebhookTestPayload | None:
        async def verb(tx: Tx) -> DeliveryRow:
            return await registering.send_test(tx, _endpoint(input.webhook_endpoint_id))

        return await perform(info, WebhookTestPayload, input, verb, one("delivery", load_deliveries))

    @strawberry.mutation(
        description="Send again what was given up, under the webhook-ids that it had. For whoever may "
        "register the endpoint."
    )
    async def replay_webhook_deliveries(
        self, info: Info, input: In[ReplayWebhookDeliveriesInput]
    ) -> WebhookReplayPayload | None:
        async def verb(tx: Tx) -> dict[str, int]:
            return {"count": await _replay(tx, input)}

        return await perform(info, WebhookReplayPayload, input, verb, as_it_is)


async def _replay(tx: Tx, asked: ReplayWebhookDeliveriesInput) -> int:
    if (asked.delivery_ids is None) == (asked.webhook_endpoint_id is None):
        raise invalid(
            "deliveryIds",
            vi="hãy cho deliveryIds hoặc webhookEndpointId, chỉ một trong hai",
            en="give deliveryIds or webhookEndpointId, one of the two",
        )
    if asked.delivery_ids is not None:
        if asked.since is not None:
            raise invalid(
                "since", vi="since chỉ đi với webhookEndpointId", en="since goes with webhookEndpointId only"
            )
        ids = decode_many(asked.delivery_ids, "WebhookDelivery", "deliveryIds")
        return await replaying.replay(tx, ids, dry_run=asked.dry_run)
    return await replaying.replay_all(
        tx, _endpoint(asked.webhook_endpoint_id or ""), since=asked.since, dry_run=asked.dry_run
    )
