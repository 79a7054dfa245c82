"""Two real identity providers, a ministry's and a province's, and the platform that trusts both."""

import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import redis.asyncio
from joserfc.jwk import ECKey
from litestar import Litestar

import factories
from api.conftest import Api
from api.oidc.browser import Browser, browser
from api.oidc.forger import Forger, forging
from api.oidc.real import RealProvider, running
from vdept.identity.sessions import Sessions
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept.people.models import Person
from vdept_graphql.app import create_app
from vdept_graphql.sign_in.oidc_provider import remote

MINISTRY = {
    "an": {"email": "an@moh.gov.vn", "email_verified": True, "name": "Nguyễn Thị An"},
    "binh": {"email": "binh@moh.gov.vn", "email_verified": False, "name": "Bình"},
    "chi": {"email": "chi@hue.gov.vn", "email_verified": True, "name": "Chi"},
    "admin": {"email": "admin@moh.gov.vn", "email_verified": True, "name": "Quản trị"},
    "nobody": {"email": "nobody@moh.gov.vn", "email_verified": True},
    "nameless": {},
}
PROVINCE = {
    "chi": {"email": "chi@hue.gov.vn", "email_verified": True, "name": "Chi"},
    "an": {"email": "an@moh.gov.vn", "email_verified": True, "name": "Somebody else"},
}


@pytest.fixture(scope="session")
def site_socket() -> Iterator[socket.socket]:
    """Where the platform is: providers are told before it is served, and one of them really calls it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken


@pytest.fixture(scope="session")
def site(site_socket: socket.socket) -> str:
    return f"http://localhost:{site_socket.getsockname()[1]}"


@pytest.fixture(scope="session")
def ministry(site: str) -> Iterator[RealProvider]:
    """Signs with RS256, knows the platform by a secret, tells addresses at its user information only."""
    entry = {"name": "Bộ Y tế", "name_en": "Ministry of Health", "email_domains": ["moh.gov.vn"]}
    secret = {"client_secret": "s3cret/of+the%ministry: a&b"}
    with running("ministry", site, entry | secret, secret, MINISTRY) as provider:
        yield provider


@pytest.fixture(scope="session")
def province(site: str) -> Iterator[RealProvider]:
    """Signs with ES256, knows the platform by its key, tells addresses in the ID token."""
    key = ECKey.generate_key("P-256", {"kid": "ours"})
    entry = {
        "name": "Thành phố Huế",
        "email_domains": ["hue.gov.vn"],
        "private_key": json.dumps(key.as_dict(private=True)),
    }
    client = {
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "id_token_signed_response_alg": "ES256",
        "jwks": {"keys": [key.as_dict(private=False)]},
    }
    with running("province", site, entry, client, PROVINCE, claimsInIdToken=True) as provider:
        yield provider


@dataclass
class Platform:
    """The platform with its providers, and the people who are known on it."""

    database: Database
    redis: Any
    app: Litestar
    site: str
    an: Person
    chi: Person
    admin: Person

    @property
    def sessions(self) -> Sessions:
        return Sessions.of(Settings(), self.redis)


@pytest.fixture
async def valkey(redis_url: str) -> AsyncIterator[Any]:
    client = redis.asyncio.from_url(redis_url)
    yield client
    await client.aclose()


Build = Callable[..., Litestar]


@pytest.fixture
def build(db: Database, valkey: Any, site: str) -> Build:
    """An application that trusts the given providers."""

    def made(*providers: dict[str, Any], **settings: Any) -> Litestar:
        listed = json.dumps(list(providers))
        return create_app(Settings(**{"public_url": site, "oidc_providers": listed} | settings), db, valkey)

    return made


@pytest.fixture
async def platform(
    db: Database, valkey: Any, build: Build, site: str, ministry: RealProvider, province: RealProvider
) -> Platform:
    async with db.begin(factories.SYSTEM) as tx:
        people = [
            await factories.person(tx, "Nguyễn Thị An", email="An@moh.gov.vn"),
            await factories.person(tx, "Trần Chi", email="chi@hue.gov.vn"),
            await factories.person(tx, "Quản trị viên", email="admin@moh.gov.vn", administrator=True),
        ]
        await factories.person(tx, "Lê Bình", email="binh@moh.gov.vn")
    ministry.says("an", **MINISTRY["an"])
    return Platform(db, valkey, build(ministry.settings, province.settings), site, *people)


@pytest.fixture
async def browsers(platform: Platform) -> AsyncIterator[Callable[..., Any]]:
    """As many browsers as a test wants."""
    async with AsyncExitStack() as stack:

        async def another(app: Litestar | None = None) -> Browser:
            return await stack.enter_async_context(browser(app or platform.app, platform.site))

        yield another


@pytest.fixture
async def person(browsers: Callable[..., Any]) -> Browser:
    """Somebody in front of a browser."""
    found: Browser = await browsers()
    return found


@pytest.fixture
def forger() -> Iterator[Forger]:
    remote.cache_clear()  # another one may have had the same port
    with forging() as provider:
        yield provider


@dataclass
class Victim:
    """Somebody's browser, and the malicious provider that it deals with."""

    platform: Platform
    browser: Browser
    forger: Forger

    async def begin(self, **query: str) -> dict[str, str]:
        return await self.browser.begin("evil", **query)

    async def back(self, sent: dict[str, str], **more: str) -> Any:
        return await self.browser.back("evil", **{"code": "a-code", "state": sent["state"]} | more)


@pytest.fixture
async def victim(
    platform: Platform,
    browsers: Callable[..., Any],
    build: Build,
    forger: Forger,
    ministry: RealProvider,
) -> Victim:
    """The platform trusts the malicious provider for its own domain, and the ministry's for its own."""
    app = build(forger.settings, ministry.settings)
    return Victim(platform, await browsers(app), forger)


@pytest.fixture
async def graphql(platform: Platform) -> AsyncIterator[Api]:
    """GraphQL on the same platform."""
    transport = httpx.ASGITransport(app=platform.app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=platform.site) as http:
        yield Api(platform.database, platform.app, http)
