"""What a provider says of itself: its discovery document and its keys, asked for at need and kept a while.

OpenID Connect Discovery 1.0. A provider that is away is asked again only after a moment, so that people who
wait for it do not queue up behind each other.
"""

import asyncio
import time
import warnings
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import JWKRegistry, KeySet

from vdept.identity.providers import Provider, address_fault, on_loopback
from vdept_graphql.sign_in.oidc_http import ProviderAway, get_object

T = TypeVar("T")
Clock = Callable[[], float]

FRESH = 3600.0
"""Seconds for which a discovery document or a key set is believed."""
SULKING = 5.0
"""Seconds for which a provider that was away is not asked again."""
KEYS_AGAIN = 30.0
"""Seconds between two looks for a key that is not in the set: anybody can name one that never was."""

KINDS = frozenset({"RSA", "EC", "OKP"})
"""Keys that have a public half. A shared secret in a key set is no key."""
SMALLEST_RSA = 2048


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a discovery document that we use."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False
    """Then a response without ``iss`` is not this provider's (RFC 9207, section 2.4)."""


class Kept(Generic[T]):
    """The answer to a slow question, asked by one at a time, kept while fresh; so is, briefly, a failure."""

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = asyncio.Lock()
        self._answer: T | None = None
        self._asked_at = 0.0
        self._failure = ""
        self._failed_at = 0.0

    async def get(self, younger_than: float = FRESH) -> T:
        """The answer, asked for anew if it is not ``younger_than`` so many seconds. Raises ProviderAway."""
        async with self._lock:
            now = self._clock()
            if self._answer is not None and now - self._asked_at < younger_than:
                return self._answer
            if self._failure and now - self._failed_at < SULKING:
                raise ProviderAway(self._failure)
            try:
                self._answer, self._asked_at = await self._ask(), now
            except ProviderAway as error:
                self._failure, self._failed_at = str(error), self._clock()
                raise
            self._failure = ""
            return self._answer


class Remote:
    """One provider as it is at the moment."""

    def __init__(self, provider: Provider, clock: Clock = time.monotonic) -> None:
        self.provider = provider
        self._clock = clock
        self._metadata = Kept(self._discover, clock)
        self._keys = Kept(self._fetch_keys, clock)
        self._looked_again_at: float | None = None

    async def metadata(self) -> Metadata:
        """Where its endpoints are. Raises ProviderAway."""
        return await self._metadata.get()

    async def keys(self) -> KeySet:
        """What it signs with. Raises ProviderAway."""
        return await self._keys.get()

    async def newer_keys(self) -> KeySet | None:
        """The same, looked up once more for a key that was not among them; None: that was done just now."""
        now = self._clock()
        if self._looked_again_at is not None and now - self._looked_again_at < KEYS_AGAIN:
            return None
        before, self._looked_again_at = self._looked_again_at, now
        try:
            return await self._keys.get(younger_than=0)
        except ProviderAway:
            self._looked_again_at = before
            raise

    async def _discover(self) -> Metadata:
        provider = self.provider
        url = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            found = msgspec.convert(await get_object(url), Metadata)
        except msgspec.ValidationError as error:
            raise ProviderAway(f"{url} is no discovery document: {error}") from error
        if found.issuer != provider.issuer:
            raise ProviderAway(f"{url} is the discovery document of another issuer")
        for field in (
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "userinfo_endpoint",
            "end_session_endpoint",
        ):
            address = getattr(found, field)
            if address is not None and (fault := address_fault(address, loopback=on_loopback(provider))):
                raise ProviderAway(f"{url}: {field}: {fault}")
        return found

    async def _fetch_keys(self) -> KeySet:
        url = (await self.metadata()).jwks_uri
        listed = (await get_object(url)).get("keys")
        if not isinstance(listed, list):
            raise ProviderAway(f"{url} is no key set")
        return KeySet([key for one in listed if (key := _key(one)) is not None])


def _key(one: Any) -> Any | None:
    """A key to check signatures with; None for what is none, or none that we know (RFC 7517, section 5)."""
    if not isinstance(one, dict) or one.get("kty") not in KINDS or one.get("use", "sig") != "sig":
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # about what is left out below
            key = JWKRegistry.import_key(one)
        weak = one["kty"] == "RSA" and key.public_key.key_size < SMALLEST_RSA  # type: ignore[union-attr]
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return None if weak else key


@lru_cache(maxsize=256)
def remote(provider: Provider) -> Remote:
    """The one of this process: what it has kept is shared by all requests."""
    return Remote(provider)
