"""Signing in through identity providers (OpenID Connect Core 1.0, code flow with PKCE; RFC 9700).

Whose a provider's subject is, and what a provider may vouch for, is decided by
:func:`vdept.identity.rules.decide`.
"""

from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.params import FromPath

from vdept.identity import linking, providers
from vdept.identity.errors import PERSON_NOT_ACTIVE
from vdept.identity.providers import Provider
from vdept.identity.rules import Claims, Why, safe_next
from vdept.identity.sessions import Session
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Tx
from vdept.kernel.errors import Refused, Words
from vdept.kernel.settings import Settings
from vdept_graphql.csrf import require_visit
from vdept_graphql.services import Services
from vdept_graphql.sign_in import oidc_logout, oidc_pending
from vdept_graphql.sign_in.oidc_exchange import ProviderRefused, authorization_url, exchange
from vdept_graphql.sign_in.oidc_http import ProviderAway, get_object
from vdept_graphql.sign_in.oidc_pending import Pending
from vdept_graphql.sign_in.oidc_provider import Metadata, remote
from vdept_graphql.sign_in.oidc_tokens import Untrusted, check_id_token
from vdept_graphql.sign_in.oidc_visit import Visit
from vdept_graphql.sign_in.oidc_words import (
    IDENTITY_WAITS,
    PROVIDER_ANSWERED,
    PROVIDER_UNKNOWN,
    PROVIDER_UNTRUSTED,
    SIGN_IN_STALE,
)
from vdept_graphql.sign_in.session import SYSTEM, security, see_other, start_session

LONGEST_CODE = 4000
LONGEST_HINT = 4000
"""Characters of an ID token that is kept for signing out, which hands it over in an address."""
GOODBYE = "/sign-in/signed-out"


class Button(NamedTuple):
    """One provider on the sign-in page."""

    label: Words
    href: str


class Proof(NamedTuple):
    """What a provider has proved, and what the session keeps of it."""

    claims: Claims
    provider_sid: str | None
    id_token: str


@lru_cache(maxsize=8)
def listed(settings: Settings) -> tuple[Provider, ...]:
    """The providers of the settings, their files read once. Raises ValueError."""
    return providers.of(settings)


def buttons(services: Services, next: str) -> list[Button]:
    """The providers a person can choose; ``next`` is where to go afterwards, a path of ours."""
    query = urlencode({"next": next})
    return [
        Button(Words(one.name, one.name_en or one.name), f"/sign-in/oidc/{one.key}?{query}")
        for one in listed(services.settings)
    ]


async def farewell(services: Services, session: Session) -> str | None:
    """Where a browser goes to sign out at the provider as well (RP-Initiated Logout 1.0); None: nowhere."""
    provider = next((one for one in listed(services.settings) if one.issuer == session.issuer), None)
    if provider is None:
        return None
    try:
        endpoint = (await remote(provider).metadata()).end_session_endpoint
    except ProviderAway as error:
        security.warning("provider away", provider=provider.key, detail=str(error))
        return None
    if endpoint is None:
        return None
    given = {
        "client_id": provider.client_id,
        "post_logout_redirect_uri": f"{services.settings.issuer}{GOODBYE}",
    }
    if session.id_token is not None:
        given["id_token_hint"] = session.id_token
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(given)}"


def routes(services: Services) -> list[Any]:
    """The route handlers of the providers. Raises ValueError when the settings list one that cannot be."""
    throttle = services.throttle
    known = listed(services.settings)

    def visit_of(request: Request[Any, Any, Any], key: str) -> Visit:
        provider = providers.find(known, key)
        if provider is None:
            raise PROVIDER_UNKNOWN.at()
        return Visit(services, throttle, request, provider)

    @get("/sign-in/oidc/{key:str}")
    async def start(request: Request[Any, Any, Any], key: FromPath[str]) -> Response[bytes]:
        """Off to the provider. A page full of pictures of this address keeps nobody from signing in."""
        visit = visit_of(request, key)
        require_visit(request)
        await visit.slow_down("begun")
        try:
            return await _off(visit)
        except ProviderAway as error:
            return visit.away(error)

    @get("/sign-in/oidc/{key:str}/callback")
    async def callback(request: Request[Any, Any, Any], key: FromPath[str]) -> Response[bytes]:
        """Back from the provider."""
        visit = visit_of(request, key)
        try:
            return await _back(visit)
        except ProviderAway as error:
            return visit.away(error)
        except (Untrusted, ProviderRefused) as error:
            refused = visit.refused(PROVIDER_UNTRUSTED, str(error))
            await visit.slow_down("failed")
            raise refused from error
        except Refused as refused:
            told = {name: value for name, value in refused.params.items() if name != "provider"}
            visit.log(refused.code, **told)
            await visit.slow_down("failed")
            raise

    return [start, callback, *oidc_logout.routes(services, known)]


async def _off(visit: Visit) -> Response[bytes]:
    services, provider = visit.services, visit.provider
    metadata = await remote(provider).metadata()
    where = safe_next(visit.request.query_params.get("next"))
    begun = await oidc_pending.begin(services.redis, services.settings, provider.key, where)
    url = authorization_url(
        provider,
        metadata,
        visit.redirect_uri,
        state=begun.state,
        nonce=begun.pending.nonce,
        verifier=begun.pending.verifier,
    )
    return see_other(url, begun.cookie)


async def _back(visit: Visit) -> Response[bytes]:
    services, given = visit.services, _parameters(visit.request)
    pending = await oidc_pending.take(
        services.redis, services.settings, visit.request, visit.provider.key, given.get("state", "")
    )
    if pending is None:
        raise SIGN_IN_STALE.at(minutes=oidc_pending.LASTS // timedelta(minutes=1))
    metadata = await remote(visit.provider).metadata()
    code = _code(visit, metadata, given)
    return await _sign_in(visit, pending, await _proof(visit, metadata, pending, code))


def _parameters(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The query, where nothing is given twice: two readers could take it in two ways."""
    pairs = list(request.query_params.multi_items())
    given = dict(pairs)
    if len(given) != len(pairs):
        raise Untrusted("a parameter is given twice")
    return given


def _code(visit: Visit, metadata: Metadata, given: dict[str, str]) -> str:
    """The code in the provider's answer; an answer of somebody else is noticed (RFC 9207)."""
    issuer = given.get("iss")
    if issuer is None and metadata.authorization_response_iss_parameter_supported:
        raise Untrusted("the answer does not say whose it is")
    if issuer is not None and issuer != metadata.issuer:
        raise Untrusted("the answer is of another issuer")
    if "error" in given:
        said = [_told(given.get(name, "")) for name in ("error", "error_description")]
        raise PROVIDER_ANSWERED.at(provider=visit.provider_name, error=said[0], description=said[1])
    code = given.get("code", "")
    if not 0 < len(code) <= LONGEST_CODE:
        raise Untrusted("the answer has no code")
    return code


async def _proof(visit: Visit, metadata: Metadata, pending: Pending, code: str) -> Proof:
    """What the provider gives for the code. Raises Untrusted, ProviderRefused and ProviderAway."""
    provider, now = visit.provider, utc_now()
    tokens = await exchange(
        provider, metadata, visit.redirect_uri, code=code, verifier=pending.verifier, now=now
    )
    id_token, access_token = _text(tokens.get("id_token")), _text(tokens.get("access_token"))
    if id_token is None:
        raise Untrusted("there is no ID token")
    claims = await check_id_token(
        remote(provider), id_token, nonce=pending.nonce, access_token=access_token, now=now
    )
    told = claims
    if "email" not in claims and metadata.userinfo_endpoint is not None and access_token is not None:
        told = await get_object(metadata.userinfo_endpoint, {"authorization": f"Bearer {access_token}"})
        if told.get("sub") != claims["sub"]:  # OpenID Connect Core 1.0, section 5.3.2
            raise Untrusted("the user information is about somebody else")
    proved = Claims(
        issuer=claims["iss"],
        subject=claims["sub"],
        name=_text(told.get("name", claims.get("name"))),
        email=_text(told.get("email")),
        email_verified=told.get("email_verified"),
    )
    return Proof(proved, _text(claims.get("sid")), id_token)


async def _sign_in(visit: Visit, pending: Pending, proof: Proof) -> Response[bytes]:
    """Start the session of the person whose subject it is; raises Refused where it is nobody's."""
    services, claims = visit.services, proof.claims
    async with services.database.begin(SYSTEM) as tx:
        identity, person_id, why = await linking.arrive(tx, claims, visit.provider.email_domains)
    if person_id is None:
        if why is Why.INACTIVE:
            raise PERSON_NOT_ACTIVE.at(reference=identity.id)
        raise IDENTITY_WAITS.at(provider=visit.provider_name, reference=identity.id, why=why)

    async def prove(tx: Tx) -> None:
        await linking.hold_identity(tx, identity.id, person_id)

    response = await start_session(
        services,
        visit.request,
        person_id,
        method="oidc",
        next=pending.next,
        prove=prove,
        issuer=claims.issuer,
        subject=claims.subject,
        provider_sid=proof.provider_sid,
        id_token=proof.id_token if len(proof.id_token) <= LONGEST_HINT else None,
    )
    response.cookies.append(oidc_pending.ended(services.settings))
    return response


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _told(text: str) -> str:
    """A provider's own words: short, on one line. The page escapes them."""
    return "".join(character for character in text if character.isprintable())[:200]
