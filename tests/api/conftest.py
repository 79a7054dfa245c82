"""The API under test: the real application on a real database, called over HTTP in the same loop."""

import hashlib
import pickle
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
import redis.asyncio
from litestar import Litestar

import factories
from databases import TEMPLATE, copied
from statements import counting
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.embedded import EmbeddedServers
from vdept.kernel.settings import Settings
from vdept.people.models import AccessToken
from vdept.units.models import Unit
from vdept_graphql import throttle
from vdept_graphql.app import create_app

SETTLED = "vdept_world"


@pytest.fixture(autouse=True)
def patient_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the limits still wait for Valkey, instead of each process counting for itself."""
    monkeypatch.setattr(throttle, "PATIENCE", 30.0)


@dataclass
class Reply:
    """An HTTP answer, taken apart."""

    status: int
    body: dict[str, Any]
    headers: httpx.Headers

    @property
    def data(self) -> Any:
        """The data of an answer that must have no errors."""
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.body.get("errors", [])]

    def refused(self, mutation: str) -> list[tuple[str, list[str]]]:
        """Code and path of every refusal in the payload of ``mutation``."""
        return [(error["code"], error["path"]) for error in self.data[mutation]["errors"]]


@dataclass
class Api:
    """A client of the API that can speak as any actor."""

    database: Database
    app: Litestar
    http: httpx.AsyncClient
    tokens: dict[int, str] = field(default_factory=dict)

    async def token(self, actor: Actor) -> str:
        """A valid token of the actor's person."""
        assert actor.person_id is not None
        if actor.person_id not in self.tokens:
            token = secrets.token_urlsafe(24)
            async with self.database.begin(factories.SYSTEM) as tx:
                tx.session.add(
                    AccessToken(
                        person_id=actor.person_id,
                        digest=hashlib.sha256(token.encode()).digest(),
                        label="test",
                        created_at=utc_now(),
                        expires_at=utc_now() + timedelta(days=1),
                    )
                )
            self.tokens[actor.person_id] = token
        return self.tokens[actor.person_id]

    async def post(self, content: bytes, as_: Actor | None = None, **headers: str) -> Reply:
        """A raw POST to /graphql; header names with underscores."""
        sent = {"content-type": "application/json", "accept-language": "en"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if as_ is not None:
            sent["authorization"] = f"Bearer {await self.token(as_)}"
        answer = await self.http.post("/graphql", content=content, headers=sent)
        return Reply(answer.status_code, answer.json(), answer.headers)

    async def gql(
        self, query: str, variables: dict[str, Any] | None = None, as_: Actor | None = None, **headers: str
    ) -> Reply:
        """One operation."""
        import msgspec

        body = msgspec.json.encode({"query": query, "variables": variables or {}})
        return await self.post(body, as_, **headers)

    async def do(self, mutation: str, given: dict[str, Any], as_: Actor, select: str) -> Reply:
        """One mutation field with its input, whose type is named after it."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        return await self.gql(
            f"mutation($input: {kind}!) {{ {mutation}(input: $input) "
            f"{{ {select} errors {{ code path message }} }} }}",
            {"input": given},
            as_,
        )

    async def measured(self, query: str, variables: dict[str, Any], as_: Actor) -> tuple[Any, int]:
        """The data of a query and the number of statements it took, signing in included."""
        await self.token(as_)
        with self.counting() as statements:
            reply = await self.gql(query, variables, as_)
        return reply.data, len(statements)

    @contextmanager
    def counting(self) -> Iterator[list[str]]:
        """The statements that the database receives meanwhile."""
        with counting(self.database) as statements:
            yield statements


@pytest.fixture
async def api(db: Database, redis_url: str) -> AsyncIterator[Api]:
    client = redis.asyncio.from_url(redis_url)
    app = create_app(Settings(max_body_bytes=100_000), db, client)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Api(db, app, http)
    await client.aclose()


@dataclass
class World:
    """A ministry, two provinces, a commune and a firm, each with a head; an administrator; an observer."""

    government: Unit
    ministry: Unit
    hue: Unit
    danang: Unit
    commune: Unit
    firm: Unit
    prime: Actor
    minister: Actor
    hue_head: Actor
    danang_head: Actor
    commune_head: Actor
    firm_head: Actor
    observer: Actor
    administrator: Actor


@pytest.fixture(scope="session")
async def settled_world(servers: EmbeddedServers, office: asyncpg.Connection) -> AsyncIterator[bytes]:
    """The world in a database to copy, and as what a test that asks for it is told of it."""
    await office.execute(f"CREATE DATABASE {SETTLED} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    database = Database(servers.postgres.get_uri(database=SETTLED), pool_size=2)
    world = await _world(database)
    await database.close()
    yield pickle.dumps(world)
    await office.execute(f"DROP DATABASE {SETTLED} WITH (FORCE)")


@pytest.fixture
async def database_url(
    request: pytest.FixtureRequest,
    servers: EmbeddedServers,
    office: asyncpg.Connection,
    settled_world: bytes,
) -> AsyncIterator[str]:
    """A copy of the template; for a test that asks for the world, of one in which it is there."""
    asked = request.node._fixtureinfo.name2fixturedefs.get("world", ())
    settled = any(each.func.__module__ == __name__ for each in asked[-1:])
    async with copied(servers, office, SETTLED if settled else TEMPLATE) as url:
        yield url


@pytest.fixture
def world(db: Database, settled_world: bytes) -> World:
    """As if it had been made for this test: nobody else has these objects, and no session."""
    world: World = pickle.loads(settled_world)
    return world


async def _world(db: Database) -> World:
    from vdept.people.actors import actor_for
    from vdept.units.models import UnitKind

    async with db.begin(factories.SYSTEM) as tx:
        government = await factories.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        ministry = await factories.unit(tx, "Bộ Khoa học và Công nghệ", UnitKind.MINISTRY, government)
        hue = await factories.unit(tx, "Thành phố Huế", UnitKind.PROVINCE, government)
        danang = await factories.unit(tx, "Thành phố Đà Nẵng", UnitKind.PROVINCE, government)
        commune = await factories.unit(tx, "Phường Thuận Hóa", UnitKind.COMMUNE, hue)
        firm = await factories.unit(tx, "Công ty Sao Khuê", UnitKind.FIRM)
        admin = await factories.person(tx, "Quản trị viên", administrator=True)
        return World(
            government,
            ministry,
            hue,
            danang,
            commune,
            firm,
            *[await factories.actor(tx, u) for u in (government, ministry, hue, danang, commune, firm)],
            await factories.actor(tx, hue, Role.OBSERVER),
            await actor_for(tx.session, admin, tx.today),
        )
