"""Signed out by the provider (OpenID Connect Back-Channel Logout 1.0): no browser takes part."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from litestar import Request, Response, post
from litestar.params import FromPath

from vdept.identity.providers import Provider, find
from vdept.kernel.clock import utc_now
from vdept_graphql.addresses import client_address
from vdept_graphql.http import respond
from vdept_graphql.services import Services
from vdept_graphql.sign_in.oidc_http import ProviderAway
from vdept_graphql.sign_in.oidc_pending import first_time, was_taken
from vdept_graphql.sign_in.oidc_provider import remote
from vdept_graphql.sign_in.oidc_tokens import LEEWAY, OLDEST_LOGOUT, Untrusted, check_logout_token
from vdept_graphql.sign_in.session import record_signed_out, security, sessions_of

LARGEST = 64_000
"""Bytes of a request; a logout token has a thousand."""
REMEMBERED = timedelta(seconds=OLDEST_LOGOUT + 2 * LEEWAY)


def routes(services: Services, listed: Sequence[Provider]) -> list[Any]:
    """The route handler of providers' sign-outs."""

    @post("/sign-in/oidc/{key:str}/back-channel", status_code=200, request_max_body_size=LARGEST)
    async def back_channel(request: Request[Any, Any, Any], key: FromPath[str]) -> Response[bytes]:
        provider = find(listed, key)
        if provider is None:
            return _answer(404, "There is no such provider.")
        try:
            ended = await _end(services, provider, await request.body())
        except Untrusted as error:
            address = client_address(request, services.settings)
            security.warning("sign-out refused", provider=key, detail=str(error), address=address)
            return _answer(400, "The logout token is not valid.")
        except ProviderAway as error:
            security.warning("provider away", provider=key, detail=str(error))
            return _answer(400, "The logout token cannot be checked: the key set is not to be had.")
        security.info("signed out by the provider", provider=key, sessions=ended)
        return _answer(200, None)

    return [back_channel]


async def _end(services: Services, provider: Provider, body: bytes) -> int:
    """End what the logout token names; how many sessions that was.

    It counts as used when that is done, so that the provider may send it again if something fails in between.
    Raises Untrusted, ProviderAway and SessionsAway.
    """
    claims = await check_logout_token(remote(provider), _token(body), now=utc_now())
    issuer, jti = provider.issuer, claims["jti"]
    if await was_taken(services.redis, issuer, jti):
        raise Untrusted("it was used before")
    ended = await sessions_of(services).end_of_provider(
        issuer, sid=claims.get("sid"), subject=claims.get("sub")
    )
    for person_id, sessions in Counter(session.person_id for session in ended).items():
        await record_signed_out(services, person_id, sessions, by="provider")
    if not await first_time(services.redis, issuer, jti, REMEMBERED):
        raise Untrusted("it was used at the same moment")
    return len(ended)


def _token(body: bytes) -> str:
    try:
        given = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=20)
    except ValueError as error:  # UnicodeDecodeError is one
        raise Untrusted("the body is no form") from error
    tokens = given.get("logout_token", [])
    if len(tokens) != 1:
        raise Untrusted("there is not one logout token")
    return tokens[0]


def _answer(status: int, problem: str | None) -> Response[bytes]:
    """Section 2.8: 200, or 400 with a reason; never kept."""
    body = {} if problem is None else {"error": "invalid_request", "error_description": problem}
    return respond(body, status, headers={"Cache-Control": "no-store"})
