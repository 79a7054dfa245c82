"""Verbs on API clients and on what people let them do."""

from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from strawberry import field
from strawberry.scalars import JSON

from vdept.clients import authorizing, registering
from vdept.clients.models import ApiClient as ApiClientRow
from vdept.clients.models import ClientAuthentication
from vdept.clients.models import ClientAuthorization as ClientAuthorizationRow
from vdept.kernel.db import Tx
from vdept.kernel.scopes import Scope
from vdept_graphql.clients import ApiClient, ClientAuthorization, load_authorizations, load_clients
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode
from vdept_graphql.inputs import In, given_value
from vdept_graphql.mutations import ERRORS, EXPECTED_VERSION, IDEMPOTENCY_KEY, one, perform

SHOWN_ONCE = (
    "Its secret, shown this once and kept nowhere: null for a client without one, and null when the same "
    "request is repeated with its idempotency key. Whoever missed it calls `rotateClientSecret`."
)
WHICH = "Which client: its global id, not its OAuth `client_id`."


@strawberry.type(description="What a mutation of an API client answers with.")
class ApiClientPayload:
    """The client, or why not."""

    client: ApiClient | None = field(default=None, description="The client after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What a mutation answers with that gives an API client a secret.")
class ApiClientSecretPayload:
    """The client with its secret, or why not."""

    client: ApiClient | None = field(default=None, description="The client after the change.")
    secret: str | None = field(default=None, description=SHOWN_ONCE)
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What a mutation of an authorization answers with.")
class ClientAuthorizationPayload:
    """The authorization, or why not."""

    authorization: ClientAuthorization | None = field(
        default=None, description="The authorization after the change."
    )
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="A new API client of a unit.")
class RegisterClientInput:
    """What it is."""

    unit_id: strawberry.ID = field(description="The unit it belongs to.")
    name: str = field(description="The name by which people shall know it, 1 to 100 characters.")
    authentication: ClientAuthentication = field(description="How it proves who it is.")
    scopes: list[Scope] = field(description="The most it may ever do.")
    machine: bool = field(
        default=False, description="Whether it may act for its unit by itself (`client_credentials`)."
    )
    redirect_uris: list[str] = field(
        default_factory=list,
        description="Where people's browsers may be sent back to, letter by letter (`authorization_code`): "
        "https, http on 127.0.0.1 or [::1] with any port, or a private-use scheme; at most 10.",
    )
    jwks: JSON | None = field(
        default=None, description="Its public keys (RFC 7517), for PRIVATE_KEY; at most 5, each with a `kid`."
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A change of an API client; what is left out stays as it is.")
class UpdateClientInput:
    """What changes."""

    api_client_id: strawberry.ID = field(description=WHICH)
    name: str | None = field(default=strawberry.UNSET, description="New name.")
    redirect_uris: list[str] | None = field(
        default=strawberry.UNSET, description="All redirect URIs from now on."
    )
    scopes: list[Scope] | None = field(
        default=strawberry.UNSET,
        description="All scopes from now on; fewer count at once, for tokens that are out as well.",
    )
    jwks: JSON | None = field(default=strawberry.UNSET, description="All public keys from now on.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A new secret for an API client.")
class RotateClientSecretInput:
    """Whose."""

    api_client_id: strawberry.ID = field(description=WHICH)
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="The end of an API client.")
class RevokeClientInput:
    """Which."""

    api_client_id: strawberry.ID = field(description=WHICH)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="The end of what a person let an API client do.")
class RevokeAuthorizationInput:
    """Which."""

    authorization_id: strawberry.ID = field(description="Which authorization.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


async def _with_secret(
    info: Info, arguments: Any, give: Callable[[Tx], Awaitable[tuple[ApiClientRow, str | None]]]
) -> ApiClientSecretPayload:
    """Perform a verb that makes a secret.

    Only the client's number is remembered for a repeated request: the secret stands in no table, and is
    answered by the call that made it and by no other.
    """
    made: list[str | None] = [None]

    async def verb(tx: Tx) -> ApiClientRow:
        client, made[0] = await give(tx)
        return client

    async def build(context: Context, answer: Any) -> dict[str, Any]:
        return {"client": await context.one(load_clients, answer), "secret": made[0]}

    return await perform(info, ApiClientSecretPayload, arguments, verb, build)


@strawberry.type
class ClientMutation:
    """Verbs on clients."""

    @strawberry.mutation(
        description="Register an API client. For the unit's head and coordinators and for administrators, "
        "signed in themselves. A unit has at most 50."
    )
    async def register_client(
        self, info: Info, input: In[RegisterClientInput]
    ) -> ApiClientSecretPayload | None:
        async def give(tx: Tx) -> tuple[ApiClientRow, str | None]:
            return await registering.register_client(
                tx,
                decode(input.unit_id, "Unit", "unitId"),
                name=input.name,
                authentication=input.authentication,
                scopes=input.scopes,
                machine=input.machine,
                redirect_uris=input.redirect_uris,
                jwks=input.jwks,
            )

        return await _with_secret(info, input, give)

    @strawberry.mutation(description="Change an API client. For whoever may register it.")
    async def update_client(self, info: Info, input: In[UpdateClientInput]) -> ApiClientPayload | None:
        async def verb(tx: Tx) -> ApiClientRow:
            return await registering.update_client(
                tx,
                decode(input.api_client_id, "ApiClient", "apiClientId"),
                name=given_value(input.name, "name"),
                redirect_uris=given_value(input.redirect_uris, "redirectUris"),
                scopes=given_value(input.scopes, "scopes"),
                jwks=given_value(input.jwks, "jwks"),
                expected_version=input.expected_version,
            )

        return await perform(info, ApiClientPayload, input, verb, one("client", load_clients))

    @strawberry.mutation(
        description="Give an API client a new secret; the old one is refused at once. For whoever may "
        "register it."
    )
    async def rotate_client_secret(
        self, info: Info, input: In[RotateClientSecretInput]
    ) -> ApiClientSecretPayload | None:
        async def give(tx: Tx) -> tuple[ApiClientRow, str | None]:
            return await registering.rotate_secret(
                tx,
                decode(input.api_client_id, "ApiClient", "apiClientId"),
                expected_version=input.expected_version,
            )

        return await _with_secret(info, input, give)

    @strawberry.mutation(
        description="End an API client for good, with every token it has and everything that people let it "
        "do. For whoever may register it."
    )
    async def revoke_client(self, info: Info, input: In[RevokeClientInput]) -> ApiClientPayload | None:
        async def verb(tx: Tx) -> ApiClientRow:
            return await registering.revoke_client(
                tx, decode(input.api_client_id, "ApiClient", "apiClientId")
            )

        return await perform(info, ApiClientPayload, input, verb, one("client", load_clients))

    @strawberry.mutation(
        description="End what a person let an API client do, with all its tokens. For that person and for "
        "whoever may register the client."
    )
    async def revoke_authorization(
        self, info: Info, input: In[RevokeAuthorizationInput]
    ) -> ClientAuthorizationPayload | None:
        async def verb(tx: Tx) -> ClientAuthorizationRow:
            return await authorizing.revoke_authorization(
                tx, decode(input.authorization_id, "ClientAuthorization", "authorizationId")
            )

        return await perform(
            info, ClientAuthorizationPayload, input, verb, one("authorization", load_authorizations)
        )
