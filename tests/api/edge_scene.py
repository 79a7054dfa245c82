"""The application as it is set up for one test, and callers of every kind: tokens, clients, browsers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import redis.asyncio

import factories
from vdept.clients import access_tokens
from vdept.clients.authorizing import authorize
from vdept.clients.keys import Keyring
from vdept.clients.models import ApiClient, ClientAuthentication
from vdept.clients.registering import register_client
from vdept.identity.sessions import Session, Sessions
from vdept.kernel.actor import Actor
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.kernel.settings import Settings
from vdept.kernel.vault import Vault
from vdept.people.models import Person
from vdept.people.tokens import mint_token
from vdept.units.models import Unit
from vdept_graphql.app import create_app

SECRET = "k" * 40


@dataclass
class Edge:
    """One process of the platform over HTTP."""

    db: Database
    settings: Settings
    http: httpx.AsyncClient
    valkey: Any
    sessions: Sessions
    keyring: Keyring

    async def personal(self, actor: Actor) -> str:
        """A personal token, as ``vdept token`` prints it."""
        async with self.db.begin(factories.SYSTEM) as tx:
            person = await tx.session.get_one(Person, actor.person_id)
            return await mint_token(tx, person, label="test", ttl=timedelta(hours=1))

    async def machine(self, unit: Unit, *scopes: Scope) -> str:
        """An access token of a client that acts for ``unit``."""
        client = await self._registered(unit, scopes, machine=True)
        return await self._signed(client, scopes)

    async def app_of(self, actor: Actor, unit: Unit, *scopes: Scope) -> str:
        """An access token of a client that ``actor`` has let act for them."""
        client = await self._registered(unit, scopes, redirect_uris=["https://app.example.vn/back"])
        async with self.db.begin(actor) as tx:
            grant = await authorize(tx, client, frozenset(scopes))
        return await self._signed(client, scopes, authorization=grant)

    async def browser(self, actor: Actor) -> Session:
        """A session; its cookie is the caller's to send."""
        assert actor.person_id is not None
        return await self.sessions.start(actor.person_id, utc_now(), method="link")

    async def ask(
        self, query: str, token: str | None = None, variables: dict[str, Any] | None = None, **headers: str
    ) -> httpx.Response:
        """One POST to /graphql; header names with underscores."""
        sent = {"accept-language": "en"} | {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        return await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=sent)

    async def by_cookie(self, query: str, session: Session, **headers: str) -> httpx.Response:
        """The same from one of our own pages; a header that is empty is left out."""
        usual = {
            "origin": self.settings.issuer,
            "sec_fetch_site": "same-origin",
            "x_csrf_token": session.csrf,
        }
        sent = {name: value for name, value in (usual | headers).items() if value}
        return await self.ask(query, cookie=f"vdept={session.sid}", **sent)

    async def _registered(self, unit: Unit, scopes: tuple[Scope, ...], **how: Any) -> ApiClient:
        async with self.db.begin(factories.SYSTEM) as tx:
            client, _ = await register_client(
                tx,
                unit.id,
                name="Máy",
                authentication=ClientAuthentication.SECRET,
                scopes=frozenset(scopes) or frozenset(Scope),
                **how,
            )
            return client

    async def _signed(self, client: ApiClient, scopes: tuple[Scope, ...], **more: Any) -> str:
        now = utc_now()
        await self.keyring.load(self.db, now)
        claims = access_tokens.claims_of(
            client, frozenset(scopes), issuer=self.settings.issuer, now=now, **more
        )
        return self.keyring.sign(claims, now)


@asynccontextmanager
async def edge_on(
    db: Database, redis_url: str, *, peer: str = "203.0.113.7", valkey: bool = True, **settings: Any
) -> AsyncIterator[Edge]:
    """The real application; ``peer``: where its requests come from."""
    client = redis.asyncio.from_url(redis_url) if valkey else None
    chosen = Settings(secret_key=SECRET, **settings)
    app = create_app(chosen, db, client)
    transport = httpx.ASGITransport(app=app, client=(peer, 40000))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=chosen.issuer) as http:
        yield Edge(db, chosen, http, client, Sessions.of(chosen, client), Keyring(Vault.of(chosen)))
    if client is not None:
        await client.aclose()


def codes(answer: httpx.Response) -> list[str]:
    """The codes of an answer's errors."""
    return [error["extensions"]["code"] for error in answer.json().get("errors", [])]
