"""Who calls: the one place where a token or a session cookie becomes an actor.

``Authorization: Bearer`` carries a personal token (``vdept_…``) or an access token of a client (a JWT, RFC
9068); a browser brings its session cookie instead. Where both are sent the header counts, so that a client
never acts as whoever happens to be signed in.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from litestar import Request

from vdept.clients import access_tokens
from vdept.identity.sessions import Session, Sessions
from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.people import tokens
from vdept_graphql.addresses import client_address
from vdept_graphql.cookies import sid_of
from vdept_graphql.failures import Credential, CredentialKind, Failures
from vdept_graphql.services import Services
from vdept_graphql.throttle import Wait

Authenticate = Callable[[Tx, str, datetime], Awaitable[Actor | None]]
"""What a bearer token is worth now; None for every kind of bad token alike."""

CHALLENGE = "Bearer"
"""``WWW-Authenticate`` towards a caller who has shown nothing (RFC 6750, section 3)."""
INVALID_TOKEN = 'Bearer error="invalid_token"'  # noqa: S105  the name of an error
"""The same towards one whose credential is no good."""

LONGEST = 8_000
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


class Unauthenticated(Exception):
    """Nobody is known by what the request shows; ``challenge`` is the ``WWW-Authenticate`` header."""

    def __init__(self, challenge: str) -> None:
        super().__init__(challenge)
        self.challenge = challenge


class HeldUp(Exception):
    """Too many credentials from this address have failed: this one is not looked at now."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(str(wait))
        self.wait = wait


class Caller(NamedTuple):
    """Who calls; ``session`` if known by a cookie, which a browser sends by itself."""

    actor: Actor
    session: Session | None


def bearer(headers: Sequence[str]) -> str | None:
    """The token of the ``Authorization`` headers; None if it is given twice, or is anything else."""
    if len(headers) != 1 or len(headers[0]) > LONGEST:
        return None
    match = _BEARER.fullmatch(headers[0].strip())
    return match[1] if match else None


def is_jwt(token: str) -> bool:
    """By its form: three parts. Personal tokens have none."""
    return token.count(".") == 2


class Authentication:
    """Finds the caller of a request, and slows down whoever guesses."""

    def __init__(self, services: Services, authenticate: Authenticate | None = None) -> None:
        """``authenticate``: what takes the place of looking at bearer tokens, for tests."""
        self.services = services
        self.settings = services.settings
        self.sessions = Sessions.of(services.settings, services.redis)
        self.failures = Failures(services.throttle)
        self._authenticate = authenticate or self._by_token

    async def caller(self, request: Request[Any, Any, Any], tx: Tx) -> Caller:
        """Who calls, as of ``tx``. Raises Unauthenticated, HeldUp, and SessionsAway."""
        headers = request.headers.getall("authorization", [])
        shown = self._shown(request, headers)
        if shown is None:
            raise Unauthenticated(INVALID_TOKEN if headers else CHALLENGE)
        return await self.recognise(tx, shown, client_address(request, self.settings))

    async def recognise(self, tx: Tx, shown: Credential, address: str) -> Caller:
        """Who shows this, calling from ``address``. Raises Unauthenticated, HeldUp, and SessionsAway."""
        wait = await self.failures.held_up(address, shown, lambda: self._is_ours(tx, shown))
        if wait is not None:
            raise HeldUp(wait)
        caller = await self._known(tx, shown)
        if caller is None:
            await self.failures.failed(address, shown)
            raise Unauthenticated(INVALID_TOKEN)
        self.failures.succeeded(shown)
        return caller

    async def still(self, tx: Tx, shown: Credential) -> Caller | None:
        """Who shows this, after they have been recognised; None if it is worth nothing any more.

        Being connected is no sign of life: a session's idle time goes on.
        """
        return await self._known(tx, shown, renew=False)

    def _shown(self, request: Request[Any, Any, Any], headers: Sequence[str]) -> Credential | None:
        if headers:
            token = bearer(headers)
            return None if token is None else Credential(CredentialKind.BEARER, token)
        sid = sid_of(request, self.settings)
        return None if sid is None else Credential(CredentialKind.COOKIE, sid)

    async def _known(self, tx: Tx, shown: Credential, *, renew: bool = True) -> Caller | None:
        if shown.kind is CredentialKind.BEARER:
            actor = await self._authenticate(tx, shown.value, tx.now)
            return None if actor is None else Caller(actor, None)
        session = await self.sessions.find(shown.value, tx.now, renew=renew)
        if session is None:
            return None
        actor = await tokens.actor_of_person(tx, session.person_id)
        return None if actor is None else Caller(actor, session)

    async def _is_ours(self, tx: Tx, shown: Credential) -> bool:
        """Whether we have signed it, whatever it is worth now: then it is no guess."""
        if shown.kind is not CredentialKind.BEARER or not is_jwt(shown.value):
            return False
        keyring = self.services.keyring
        await keyring.look_up(tx, shown.value)
        return keyring.signed(shown.value, tx.now) is not None

    async def _by_token(self, tx: Tx, token: str, now: datetime) -> Actor | None:
        if not is_jwt(token):
            return await tokens.authenticate(tx, token, now)
        return await access_tokens.authenticate(
            tx, token, now, keyring=self.services.keyring, issuer=self.settings.issuer
        )
