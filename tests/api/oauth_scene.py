"""A province with API clients of every kind, and a browser in which one of its people is signed in."""

import base64
import hashlib
import html
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import redis.asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, Key

import factories
from vdept.clients.models import ApiClient, ClientAuthentication
from vdept.clients.registering import register_client
from vdept.identity.sessions import Session, Sessions
from vdept.kernel.actor import Actor
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.kernel.settings import Settings
from vdept.units.models import Unit, UnitKind
from vdept_graphql.app import create_app

ISSUER = "http://127.0.0.1:8000"
TOKEN = f"{ISSUER}/oauth/token"
CALLBACK = "https://app.hue.example.vn/oauth/callback"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALL = frozenset({Scope.TASKS_WRITE, Scope.PLANS_READ})


def challenge_of(verifier: str) -> str:
    """The S256 code challenge (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@dataclass
class Known:
    """A client as its own programmer knows it."""

    row: ApiClient
    secret: str | None = None
    key: Key | None = None

    @property
    def id(self) -> str:
        return self.row.client_id

    @property
    def auth(self) -> tuple[str, str]:
        return self.id, self.secret or ""

    def assertion(self, header: dict[str, Any] | None = None, key: Key | None = None, **claims: Any) -> str:
        """A good assertion, but for what is given; a claim that is None is left out."""
        now = int(utc_now().timestamp())
        good = {
            "iss": self.id,
            "sub": self.id,
            "aud": TOKEN,
            "jti": secrets.token_hex(8),
            "iat": now,
            "exp": now + 60,
        }
        signed = {name: value for name, value in (good | claims).items() if value is not None}
        key = key or self.key
        assert key is not None
        header = header or {"alg": "ES256"}
        return jwt.encode(header, signed, key, algorithms=[header["alg"]])

    def proof(self, *args: Any, **claims: Any) -> dict[str, str]:
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(*args, **claims)}


@dataclass
class Scene:
    """The authorization server over HTTP, and who is around it."""

    db: Database
    settings: Settings
    http: httpx.AsyncClient
    valkey: Any
    sessions: Sessions
    unit: Unit
    head: Actor
    machine: Known
    keyed: Known
    app: Known
    public: Known
    other: Known

    async def post(self, path: str, auth: Any = None, **form: str) -> httpx.Response:
        return await self.http.post(f"/oauth/{path}", data=form, auth=auth)

    async def token(self, auth: Any = None, **form: str) -> httpx.Response:
        return await self.post("token", auth, **form)

    async def machine_token(self, **form: str) -> str:
        answer = await self.token(self.machine.auth, grant_type="client_credentials", **form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def sign_in(self, actor: Actor | None = None) -> Session:
        """A browser session of somebody; its cookie is set from here on."""
        person_id = (actor or self.head).person_id
        assert person_id is not None
        session = await self.sessions.start(person_id, utc_now(), method="link")
        self.http.cookies.set("vdept", session.sid)
        return session

    def request(self, client: Known | None = None, **changes: str | None) -> dict[str, str]:
        """A good authorization request, but for ``changes``; one that is None is left out."""
        good: dict[str, str | None] = {
            "response_type": "code",
            "client_id": (client or self.app).id,
            "redirect_uri": CALLBACK,
            "state": "st-1",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    async def ask(self, client: Known | None = None, **changes: str | None) -> httpx.Response:
        return await self.http.get("/oauth/authorize", params=self.request(client, **changes))

    async def decide(self, page: httpx.Response, decision: str = "allow", **headers: str) -> httpx.Response:
        """Press a button on the consent page, as a browser does."""
        assert page.status_code == 200, page.text
        form = fields_of(page.text) | {"decision": decision}
        return await self.http.post("/oauth/authorize", data=form, headers={"Origin": ISSUER, **headers})

    async def code(self, client: Known | None = None, **changes: str | None) -> str:
        """A fresh code of somebody who has allowed it."""
        answer = await self.decide(await self.ask(client, **changes))
        return str(redirected(answer)["code"])

    async def exchange(self, code: str, auth: Any = None, **changes: str | None) -> httpx.Response:
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        sent = {name: value for name, value in (form | changes).items() if value is not None}
        return await self.token(auth or self.app.auth, **sent)

    async def tokens(self, **changes: str | None) -> dict[str, Any]:
        """What the app holds after somebody allowed it."""
        await self.sign_in()
        answer = await self.exchange(await self.code(**changes))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def refresh(self, token: str, auth: Any = None, **form: str) -> httpx.Response:
        return await self.token(
            auth or self.app.auth, grant_type="refresh_token", refresh_token=token, **form
        )

    async def call(self, token: str, query: str = "{ me { key } }") -> httpx.Response:
        """One GraphQL query with a token."""
        return await self.http.post(
            "/graphql", json={"query": query}, headers={"Authorization": f"Bearer {token}"}
        )

    async def works(self, token: str) -> bool:
        """Whether /graphql lets this token in."""
        return (await self.call(token, "{ __typename }")).status_code == 200


VERIFIER = "v" * 43


def fields_of(page: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in found}


def redirected(answer: httpx.Response, to: str = CALLBACK) -> dict[str, str]:
    """The parameters that a redirect to ``to`` takes along; each must be there once."""
    assert answer.status_code == 303, (answer.status_code, answer.text)
    where = urlsplit(answer.headers["location"])
    assert where._replace(query="").geturl() == urlsplit(to)._replace(query="").geturl()
    pairs = parse_qsl(where.query, keep_blank_values=True)
    assert len(pairs) == len(dict(pairs)), pairs
    return dict(pairs)


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal in the form of RFC 6749, section 5.2; it is never stored."""
    body = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("application/json")
    assert set(body) <= {"error", "error_description"}
    assert all(32 <= ord(char) < 127 and char not in '"\\' for value in body.values() for char in value)
    return answer.status_code, body["error"]


async def scene_on(db: Database, redis_url: str) -> AsyncIterator[Scene]:
    """The real application on a real database and Valkey."""
    valkey = redis.asyncio.from_url(redis_url)
    settings = Settings(secret_key="s" * 40)
    app = create_app(settings, db, valkey)
    async with db.begin(factories.SYSTEM) as tx:
        unit = await factories.unit(tx, "Thành phố Huế", UnitKind.PROVINCE)
        head = await factories.actor(tx, unit)
        elsewhere = await factories.unit(tx, "Thành phố Đà Nẵng", UnitKind.PROVINCE)
        neighbour = await factories.actor(tx, elsewhere)
    key = ECKey.generate_key("P-256", {"kid": "k1"})
    jwks = {"keys": [key.as_dict(private=False)]}
    secret, private_key = ClientAuthentication.SECRET, ClientAuthentication.PRIVATE_KEY
    async with db.begin(head) as tx:

        async def client(name: str, how: ClientAuthentication, **more: Any) -> tuple[ApiClient, str | None]:
            return await register_client(tx, unit.id, name=name, authentication=how, scopes=ALL, **more)

        machine = Known(*await client("Máy của Huế", secret, machine=True))
        keyed = Known((await client("Máy có khóa", private_key, machine=True, jwks=jwks))[0], None, key)
        third_party = Known(*await client("Sổ tay <Huế>", secret, redirect_uris=[CALLBACK]))
        phone = ["vn.hue.app:/done", "http://127.0.0.1/done"]
        public = Known((await client("Điện thoại", ClientAuthentication.NONE, redirect_uris=phone))[0])
    async with db.begin(neighbour) as tx:
        made = await register_client(
            tx,
            elsewhere.id,
            name="Của Đà Nẵng",
            authentication=secret,
            scopes=ALL,
            machine=True,
            redirect_uris=[CALLBACK],
        )
    sessions = Sessions(valkey, idle=timedelta(minutes=30), absolute=timedelta(hours=12))
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as http:
        clients = (machine, keyed, third_party, public, Known(*made))
        yield Scene(db, settings, http, valkey, sessions, unit, head, *clients)
    await valkey.aclose()
