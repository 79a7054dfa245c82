"""Where the matrix is played: copies of one prepared database, and what may be seen of them from outside.

Building the country takes a second; copying it 30 ms. Refused calls share a copy, since they change nothing;
what a caller may do is done in a copy of that caller's own, row by row on subjects of its own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import asyncpg
import httpx
import msgspec
import redis.asyncio
from graphql import GraphQLObjectType, get_named_type, is_leaf_type, is_list_type

import factories
from api.conftest import Reply
from api.matrix.country import token_of
from vdept.clients.access_tokens import claims_of
from vdept.clients.keys import Keyring
from vdept.clients.models import ApiClient, ClientAuthorization
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database, Tx
from vdept.kernel.embedded import EmbeddedServers
from vdept.kernel.scopes import Scope
from vdept.kernel.settings import Settings
from vdept.kernel.vault import Vault
from vdept_graphql.app import create_app
from vdept_graphql.schema import engine

SETTINGS = Settings(secret_key="a secret key of the matrix, long enough")
ROWS = """SELECT '{0}' AS name, count(*) AS rows,
    coalesce(sum(hashtextextended(t.xmin::text || t::text, 0)), 0) AS hash FROM "{0}" AS t"""
Digest = dict[str, tuple[int, int]]


@dataclass
class Stage:
    """One copy of the database under the real application."""

    database: Database
    http: httpx.AsyncClient
    outside: asyncpg.Connection
    """A connection that no code under test knows of."""
    known: Digest = field(default_factory=dict)
    """The digest that was taken last."""
    looking: str = ""

    async def ask(self, bearer: str | None, query: str, variables: dict[str, Any] | None = None) -> Reply:
        """One operation with this bearer token, or with none."""
        headers = {"content-type": "application/json", "accept-language": "en"}
        if bearer is not None:
            headers["authorization"] = f"Bearer {bearer}"
        body = msgspec.json.encode({"query": query, "variables": variables or {}})
        answer = await self.http.post("/graphql", content=body, headers=headers)
        return Reply(answer.status_code, answer.json(), answer.headers)

    async def as_(self, column: str, query: str, variables: dict[str, Any] | None = None) -> Reply:
        return await self.ask(token_of(column), query, variables)

    async def digest(self) -> Digest:
        """Number and hash of the rows of every table: of their text, and of who wrote them last."""
        if not self.looking:
            names = await self.outside.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            self.looking = " UNION ALL ".join(ROWS.format(row["tablename"]) for row in names)
        rows = await self.outside.fetch(self.looking)
        return {row["name"]: (row["rows"], int(row["hash"])) for row in rows}

    async def changed(self) -> list[str]:
        """The tables in which anything at all was written since this was asked last."""
        before, self.known = self.known, await self.digest()
        return sorted(name for name in self.known if self.known[name] != before.get(name))

    async def last_activity(self) -> int:
        return int(await self.outside.fetchval("SELECT coalesce(max(id), 0) FROM activity"))

    async def activities(self, after: int) -> list[asyncpg.Record]:
        """What was written into the log since then."""
        return list(
            await self.outside.fetch(
                "SELECT actor, person_id, client_id, unit_id, verb FROM activity WHERE id > $1 ORDER BY id",
                after,
            )
        )


@dataclass
class Theatre:
    """Copies of one prepared database by name; each is made when it is first asked for."""

    servers: EmbeddedServers
    template: str
    keyring: Keyring
    open: dict[str, Stage] = field(default_factory=dict)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def token(
        self, client: ApiClient, scopes: Iterable[Scope], grant: ClientAuthorization | None = None
    ) -> str:
        """An access token of a client for its unit, or for who has granted it that."""
        now = utc_now()
        claims = claims_of(client, set(scopes), issuer=SETTINGS.issuer, now=now, authorization=grant)
        return self.keyring.sign(claims, now)

    def forget_failures(self) -> None:
        """Start counting bad tokens anew: past a limit, no unknown caller of this address is looked at."""
        self.servers.valkey.client().flushall()

    async def stage(self, name: str, change: str | None = None) -> Stage:
        """The copy called ``name``; ``change`` is SQL run in a new one before anybody calls."""
        if name not in self.open:
            self.open[name] = await self.stack.enter_async_context(
                _copy(self.servers, self.template, name, change)
            )
        return self.open[name]


@asynccontextmanager
async def theatre(
    servers: EmbeddedServers, empty: str, name: str, build: Callable[[Tx], Awaitable[Any]]
) -> AsyncIterator[tuple[Theatre, Any]]:
    """A database made from the ``empty`` one by ``build``, to be copied from; and what ``build`` returned."""
    servers.postgres.psql(f"CREATE DATABASE {name} TEMPLATE {empty} STRATEGY file_copy;")
    try:
        database = Database(str(servers.postgres.get_uri(database=name)), pool_size=2)
        async with database.begin(factories.SYSTEM) as tx:
            built = await build(tx)
        keyring = Keyring(Vault.of(SETTINGS))
        await keyring.load(database, utc_now())
        await database.close()
        house = Theatre(servers, name, keyring)
        async with house.stack:
            yield house, built
    finally:
        servers.postgres.psql(f"DROP DATABASE {name} WITH (FORCE);")


@asynccontextmanager
async def _copy(
    servers: EmbeddedServers, template: str, name: str, change: str | None
) -> AsyncIterator[Stage]:
    copy = f"{template}_{name}"
    servers.postgres.psql(f"CREATE DATABASE {copy} TEMPLATE {template} STRATEGY file_copy;")
    url = str(servers.postgres.get_uri(database=copy))
    database = Database(url, pool_size=2)
    client = redis.asyncio.from_url(servers.redis_url)
    outside = await asyncpg.connect(url)
    try:
        if change is not None:
            await outside.execute(change)
        transport = httpx.ASGITransport(app=create_app(SETTINGS, database, client))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            stage = Stage(database, http, outside)
            await stage.changed()
            yield stage
    finally:
        await outside.close()
        await client.aclose()
        await database.close()
        servers.postgres.psql(f"DROP DATABASE {copy} WITH (FORCE);")


@cache
def mutation(name: str) -> str:
    """The document that calls a mutation field and reads its whole payload, an object by its type's name."""
    mutations = engine.core.mutation_type
    assert mutations is not None
    kind = f"{name[0].upper()}{name[1:]}Input"
    payload = get_named_type(mutations.fields[name].type)
    return f"mutation($input: {kind}!) {{ {name}(input: $input) {{ {_selection(payload, 2)} }} }}"


def _selection(of: Any, depth: int) -> str:
    parts = []
    for name, one in of.fields.items():
        inner = get_named_type(one.type)
        if is_leaf_type(inner):
            parts.append(name)
        elif inner.name == "UserError":
            parts.append(f"{name} {{ code path }}")
        elif depth > 1 and is_list_type(one.type) and isinstance(inner, GraphQLObjectType):
            parts.append(f"{name} {{ __typename {_errors_of(inner)} }}")
        else:
            parts.append(f"{name} {{ __typename }}")
    return " ".join(parts)


def _errors_of(item: GraphQLObjectType) -> str:
    """Of one item of a bulk answer: what became of it."""
    if "errors" not in item.fields:
        return ""
    given = [
        f"{name} {{ __typename }}"
        for name, one in item.fields.items()
        if name != "errors" and not is_leaf_type(get_named_type(one.type))
    ]
    return " ".join([*given, "errors { code path }"])
