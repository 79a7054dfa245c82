"""API clients and what people let them do."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import argument, field
from strawberry.scalars import JSON

from vdept.clients import queries
from vdept.clients.models import ApiClient as ApiClientRow
from vdept.clients.models import ClientAuthentication
from vdept.clients.models import ClientAuthorization as ClientAuthorizationRow
from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.kernel.scopes import Scope
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import NODES, Node, decode_optional, encode
from vdept_graphql.people import Person, load_persons
from vdept_graphql.units import Unit, load_units

described(
    Scope,
    "What an API client may be let do (phạm vi). A scope narrows what the unit or person that the client "
    "acts for may do, and never widens it; whoever may write may read the same.",
    graphql_name="ClientScope",
    UNITS_WRITE="Change units (`units:write`). Reading them needs no scope.",
    PEOPLE_READ="Read persons and their roles (`people:read`).",
    PLANS_READ="Read plans, targets and outcomes (`plans:read`).",
    PLANS_WRITE="Change plans, assign and acknowledge targets (`plans:write`).",
    MEASUREMENTS_READ="Read measured and reported values (`measurements:read`).",
    MEASUREMENTS_WRITE="Record and correct values (`measurements:write`).",
    TASKS_READ="Read tasks and what belongs to them (`tasks:read`).",
    TASKS_WRITE="Create, share and work on tasks (`tasks:write`).",
    ACTIVITIES_READ="Follow the activity feed (`activities:read`).",
    NOTIFICATIONS_READ="Read the inbox of the person it acts for (`notifications:read`).",
    NOTIFICATIONS_WRITE="Mark notifications as read, change how they arrive (`notifications:write`).",
)
described(
    ClientAuthentication,
    "How a client proves who it is when it asks for a token (cách xác thực).",
    SECRET="By a secret that is shown once (`client_secret_basic`).",  # noqa: S106  a description
    PRIVATE_KEY="By a private key that only it has; it registers the public one (`private_key_jwt`).",
    NONE="Not at all, such as an app on a phone: with PKCE, for people only (`none`).",
)


async def load_clients(tx: Tx, ids: list[int]) -> dict[int, "ApiClient"]:
    """Clients by number."""
    return {key: ApiClient.from_row(row) for key, row in (await queries.clients_by_ids(tx, ids)).items()}


async def load_authorizations(tx: Tx, ids: list[int]) -> dict[int, "ClientAuthorization"]:
    """Authorizations by number."""
    found = await queries.authorizations_by_ids(tx, ids)
    return {key: ClientAuthorization.from_row(row) for key, row in found.items()}


async def load_authorizations_of_clients(
    tx: Tx, client_ids: list[int], request: PageRequest
) -> dict[int, Connection["ClientAuthorization"]]:
    """The same page of authorizations for each client."""
    pages = await queries.authorizations_of_clients(tx, client_ids, request)
    return {key: connection(page, ClientAuthorization.from_row) for key, page in pages.items()}


NODES["ApiClient"] = load_clients
NODES["ClientAuthorization"] = load_authorizations


@strawberry.type(
    description="A program that calls the platform for the unit it belongs to, or for people who let it (ứng "
    "dụng kết nối)."
)
class ApiClient(Node):
    """A client as its row says it; its secret is kept as a hash and never shown again."""

    client_id: str = field(description="Its public name in OAuth, `client_id`; not its global id.")
    name: str = field(description="The name by which people know it.")
    authentication: ClientAuthentication = field(description="How it proves who it is.")
    machine: bool = field(description="Whether it may act for its unit, without anybody present.")
    redirect_uris: list[str] = field(description="Where people's browsers may be sent back to.")
    scopes: list[Scope] = field(description="The most it may ever do.")
    jwks: JSON | None = field(description="Its public keys (RFC 7517); null unless it has a private key.")
    created_at: datetime = field(description="When it was registered.")
    revoked_at: datetime | None = field(description="When it was ended for good; null: it may be used.")
    version: int = field(description="Counts the changes; give it as `expectedVersion`.")
    key: strawberry.Private[int]
    unit_key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: ApiClientRow) -> "ApiClient":
        return cls(
            id=encode("ApiClient", row.id),
            client_id=row.client_id,
            name=row.name,
            authentication=row.authentication,
            machine=row.machine,
            redirect_uris=row.redirect_uris,
            scopes=_scopes(row.scopes),
            jwks=None if row.jwks is None else JSON(row.jwks),
            created_at=row.created_at,
            revoked_at=row.revoked_at,
            version=row.version,
            key=row.id,
            unit_key=row.unit_id,
        )

    @field(description="The unit it belongs to; for this one it acts.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(
        description="What people let it do that still holds, the newest first: all of it for who manages the "
        "client, your own for you."
    )
    def authorizations(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection["ClientAuthorization"]:
        request = PageRequest(first, after, last, before)
        return info.context.load(load_authorizations_of_clients, self.key, request)


@strawberry.type(description="What a person let a client do for them (ủy quyền cho ứng dụng).")
class ClientAuthorization(Node):
    """An authorization as its row says it."""

    scopes: list[Scope] = field(description="What the person agreed to; fewer if the client has fewer now.")
    created_at: datetime = field(description="When they agreed.")
    expires_at: datetime = field(description="When they must be asked again.")
    revoked_at: datetime | None = field(description="When it was ended; null: nobody has ended it.")
    client_key: strawberry.Private[int]
    person_key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: ClientAuthorizationRow) -> "ClientAuthorization":
        return cls(
            id=encode("ClientAuthorization", row.id),
            scopes=_scopes(row.scopes),
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            client_key=row.client_id,
            person_key=row.person_id,
        )

    @field(description="Which client.")
    def client(self, info: Info) -> ApiClient | None:
        return info.context.load(load_clients, self.client_key)

    @field(description="Who agreed.")
    def person(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.person_key)


def _scopes(names: list[str]) -> list[Scope]:
    """As they were registered, without what the platform has given up since."""
    known = {scope.value: scope for scope in Scope}
    return [known[name] for name in names if name in known]


@strawberry.input(description="Which clients; all conditions given must hold.")
class ApiClientFilter:
    """Conditions of a list of clients."""

    unit_id: strawberry.ID | None = field(default=None, description="Belonging to this unit.")
    revoked: bool | None = field(default=None, description="Those that were ended, or those that were not.")

    def plain(self) -> queries.ClientFilter:
        return queries.ClientFilter(
            unit_id=decode_optional(self.unit_id, "Unit", "filter", "unitId"), revoked=self.revoked
        )


@strawberry.type
class ClientQuery:
    """Reads of clients."""

    @field(description="An API client by its global id; null if there is none or you may not see it.")
    async def client(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="The client's global id.")]
    ) -> ApiClient | None:
        return await info.context.one(load_clients, decode_optional(id, "ApiClient", "id"))

    @field(
        description="API clients, the newest first: those of your units, of the units below if you are the "
        "head of a public body, and those that act for you."
    )
    async def clients(
        self,
        info: Info,
        filter: Annotated[
            ApiClientFilter | None, argument(description="Which clients; all of them unless given.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ApiClient]:
        which = filter.plain() if filter else queries.ClientFilter()
        async with info.context.reading() as tx:
            page = await queries.clients_page(tx, PageRequest(first, after, last, before), which)
        return connection(page, ApiClient.from_row)

    @field(description="What you let API clients do for you, the newest first.")
    async def my_authorizations(
        self,
        info: Info,
        ended: Annotated[
            bool, argument(description="Whether to list what was revoked or has expired as well.")
        ] = False,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ClientAuthorization]:
        request = PageRequest(first, after, last, before)
        async with info.context.reading() as tx:
            page = await queries.own_authorizations(tx, request, live=not ended)
        return connection(page, ClientAuthorization.from_row)
