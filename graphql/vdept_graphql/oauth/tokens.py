"""The addresses that only programs call: getting a token, giving it back, asking about it."""

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from litestar import Request, Response, Router, post
from litestar.exceptions import HTTPException

from vdept.clients.access_tokens import authenticate
from vdept.clients.single_use import REUSED
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Tx
from vdept_graphql.addresses import client_address
from vdept_graphql.errors import incident
from vdept_graphql.failures import Recent
from vdept_graphql.http import UNREACHABLE
from vdept_graphql.oauth import forms, proofs
from vdept_graphql.oauth.platform import SYSTEM, Platform, log, security
from vdept_graphql.oauth.protocol import Answer, Asked
from vdept_graphql.oauth.server import Server
from vdept_graphql.throttle import Wait

Endpoint = Callable[[Server, Asked], Answer]

PER = timedelta(minutes=1)
FROM_ADDRESS = 30
"""Refusals that an address may collect in :data:`PER`; past them it is held up for a while."""
OF_CLIENT = 60
"""Refusals of requests that name one client. Past them a wrong proof is answered with 429; a right one is
not, or else anybody could keep a client out by failing in its name."""
GOOD_FOR = 24 * 60 * 60.0
"""Seconds that a client which was good at an address is not held up there for others' refusals: well above
the life of its tokens, for it comes back when one has ended."""
COUNTED = frozenset({"invalid_client", "invalid_grant"})


class Endpoints:
    """Serves one request: what was asked, what came of it, one line in the log, and a count of refusals."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.good = Recent(GOOD_FOR, renewed=True)

    async def serve(self, request: Request[Any, Any, Any], name: str, endpoint: Endpoint) -> Response[bytes]:
        started = time.perf_counter()
        address = client_address(request, self.platform.settings)
        seen: dict[str, Any] = {}
        try:
            asked = await self.read(request)
            seen = {"client": _shown(proofs.named_client(asked)), "grant": _shown(asked.payload.grant_type)}
            held_up = await self.held_up(address, seen["client"])
            answer = held_up or await self.work(asked, endpoint)
        except OAuth2Error as error:
            answer = Answer(*error())
        ms = round((time.perf_counter() - started) * 1000, 1)
        log.info(name, **seen, status=answer.status, error=answer.error, ms=ms)
        if answer.error in COUNTED:
            security.warning("oauth request refused", **seen, address=address, error=answer.error)
            answer = await self.counted(answer, address, seen["client"])
        elif answer.error is None:
            self.good.see(_mark(address, seen["client"]))
        return answer.response()

    async def held_up(self, address: str, client: str | None) -> Answer | None:
        """429 for an address that has collected too many refusals, unless this client was good there.

        Behind one address there may be a whole province: whoever fails in it keeps nobody else out.
        """
        if self.good.times(_mark(address, client)):
            return None
        wait = await self.platform.throttle.room(_by_address(address), limit=FROM_ADDRESS, per=PER)
        if wait is None:
            return None
        security.warning("oauth request held up", client=client, address=address, seconds=int(wait))
        return too_many(wait)

    async def read(self, request: Request[Any, Any, Any]) -> Asked:
        """The request as it may be: a form in the body, nothing in the address, one proof at most."""
        forms.require_form(request.headers.get("content-type", ""))
        if request.scope["query_string"]:
            raise InvalidRequestError("Send the parameters in the body, not in the address.")
        if len(request.headers.getall("authorization", [])) > 1:
            raise InvalidRequestError("Send one Authorization header.")
        values = forms.read(await request.body()).require_single()
        address = f"{self.platform.addresses.issuer}{request.scope['path']}"
        return Asked("POST", address, request.headers, values)

    async def work(self, asked: Asked, endpoint: Endpoint) -> Answer:
        """What Authlib answers, in a transaction that commits whatever that is."""
        platform, now = self.platform, utc_now()
        await platform.keyring.load(platform.database, now)
        async with platform.database.begin(SYSTEM, now=now) as tx:
            good = await self.is_good(tx, asked)
            server = Server(tx, platform.addresses, platform.keyring, presented_is_good=good)
            answer = await tx.session.run_sync(lambda _: endpoint(server, asked))
        for entry in tx.entries:
            if entry.verb == REUSED:
                security.warning(
                    "oauth authorization ended by reuse", id=entry.subject_id, **entry.data or {}
                )
        return answer

    async def is_good(self, tx: Tx, asked: Asked) -> bool:
        """Whether the access token that the request is about, if it is about one, would be let in now."""
        token, platform = asked.values.get("token"), self.platform
        if token is None:
            return False
        issuer = platform.addresses.issuer
        return await authenticate(tx, token, tx.now, keyring=platform.keyring, issuer=issuer) is not None

    async def counted(self, answer: Answer, address: str, client: str | None) -> Answer:
        """The refusal, or 429 in its place where there were too many."""
        throttle = self.platform.throttle
        wait = await throttle.allow(_by_address(address), limit=FROM_ADDRESS, per=PER)
        if client is not None:
            wait = await throttle.allow(f"oauth:client:{client}", limit=OF_CLIENT, per=PER) or wait
        return answer if wait is None else too_many(wait)


def routes(platform: Platform) -> list[Any]:
    """The three addresses; their parameters come in the body, and what goes wrong is RFC 6749's JSON."""
    endpoints = Endpoints(platform)

    @post("/oauth/token", status_code=200)
    async def token(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await endpoints.serve(request, "token", Server.token)

    @post("/oauth/revoke", status_code=200)
    async def revoke(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await endpoints.serve(request, "revoke", Server.revoke)

    @post("/oauth/introspect", status_code=200)
    async def introspect(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await endpoints.serve(request, "introspect", Server.introspect)

    router = Router(
        "/",
        route_handlers=[token, revoke, introspect],
        request_max_body_size=forms.MAX_BODY,
        exception_handlers={Exception: on_exception},
    )
    return [router]


def too_many(wait: Wait) -> Answer:
    """RFC 6749 has no word for it; the status and Retry-After say what to do."""
    said = {"error": "temporarily_unavailable", "error_description": "Too many refused requests: wait."}
    return Answer(429, said, wait.headers.items())


def on_exception(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Whatever escapes, as RFC 6749's JSON: still no-store, never a stack trace."""
    if isinstance(error, HTTPException) and error.status_code < 500:
        return Answer(error.status_code, {"error": "invalid_request"}, ()).response()
    number = incident(error)
    if isinstance(error, UNREACHABLE):
        said = {"error": "temporarily_unavailable", "error_description": "Try again in a few seconds."}
        return Answer(503, said, [("Retry-After", "2")]).response()
    said = {"error": "server_error", "error_description": f"Internal error, incident {number}."}
    return Answer(500, said, ()).response()


def _mark(address: str, client: str | None) -> bytes:
    return hashlib.sha256(f"{address} {client}".encode("utf-8", "surrogatepass")).digest()


def _by_address(address: str) -> str:
    return f"oauth:address:{address}"


def _shown(text: str | None) -> str | None:
    """What somebody has sent, whatever it is, for the log: nothing that would act on a reader's terminal."""
    return "".join(one if one.isprintable() else "?" for one in text[:100]) if text else None
