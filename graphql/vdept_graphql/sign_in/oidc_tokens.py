"""What a provider has signed: ID tokens (OpenID Connect Core 1.0, section 3.1.3.7) and logout tokens
(OpenID Connect Back-Channel Logout 1.0, section 2.6).
"""

import warnings
from datetime import datetime
from typing import Any

from authlib.oidc.core.claims import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError, SecurityWarning
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry, Token

from vdept_graphql.sign_in.oidc_provider import Remote

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""With a public key only: never ``none``, never HS256, whose key would be our own client secret."""
LEEWAY = 60
"""Seconds that two clocks may differ."""
LONGEST_SUBJECT = 255
"""Characters (OpenID Connect Core 1.0, section 2)."""
OLDEST_LOGOUT = 600
"""Seconds after which a logout token is not taken any more, whatever it says: its ``jti`` is kept as long."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

# A provider may put more into the header than we know of; what it marks as critical we must know.
_registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)


class Untrusted(Exception):
    """A token that is not what it should be: why, for the log."""


async def check_id_token(
    remote: Remote, token: str, *, nonce: str, access_token: str | None, now: datetime
) -> dict[str, Any]:
    """The claims of an ID token that this provider made for us and for this very sign-in.

    Raises Untrusted, and ProviderAway when its keys cannot be read.
    """
    signed = await _signed(remote, token)
    provider = remote.provider
    options: Any = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
    }
    params = {"nonce": nonce, "client_id": provider.client_id, "access_token": access_token}
    claims = CodeIDToken(signed.claims, signed.header, options, params)
    try:
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
    except (JoseError, ValueError, TypeError) as error:
        raise Untrusted(str(error)) from error
    return _with_subject(dict(claims))


async def check_logout_token(remote: Remote, token: str, *, now: datetime) -> dict[str, Any]:
    """The claims of a logout token of this provider for us, with ``sub``, ``sid`` or both, and a ``jti``.

    Whether the ``jti`` is new is the caller's to say. Raises Untrusted, and ProviderAway.
    """
    signed = await _signed(remote, token)
    provider, claims, instant = remote.provider, signed.claims, int(now.timestamp())
    if str(signed.header.get("typ", "JWT")).lower() not in {"jwt", "logout+jwt"}:
        raise Untrusted("it is of another type")
    try:
        JWTClaimsRegistry(
            instant,
            LEEWAY,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.client_id},
            iat={"essential": True},
            exp={"essential": True},
            jti={"essential": True},
        ).validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise Untrusted(str(error)) from error
    if claims["iat"] < instant - OLDEST_LOGOUT:
        raise Untrusted("it is too old")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise Untrusted("it is about no sign-out")
    if "nonce" in claims:
        raise Untrusted("it has a nonce, as ID tokens have")
    if "sub" in claims:
        _with_subject(claims)
    sid = claims.get("sid")
    if sid is not None and not (isinstance(sid, str) and sid):
        raise Untrusted("its sid is no text")
    if sid is None and "sub" not in claims:
        raise Untrusted("it names neither a session nor a subject")
    return claims


async def _signed(remote: Remote, token: str) -> Token:
    """The token, its signature checked; its key is looked up once more if it is not among those kept."""
    try:
        return _decode(token, await remote.keys())
    except InvalidKeyIdError as error:
        keys = await remote.newer_keys()
        if keys is None:
            raise Untrusted(str(error)) from error
    except (JoseError, ValueError, TypeError) as error:
        raise Untrusted(str(error)) from error
    try:
        return _decode(token, keys)
    except (JoseError, ValueError, TypeError) as error:
        raise Untrusted(str(error)) from error


def _decode(token: str, keys: KeySet) -> Token:
    with warnings.catch_warnings():  # RFC 9864 renames EdDSA; providers do not know that yet
        warnings.simplefilter("ignore", SecurityWarning)
        try:
            return jwt.decode(token, keys, registry=_registry)
        except RecursionError as error:
            raise ValueError("it is nested too deep") from error


def _with_subject(claims: dict[str, Any]) -> dict[str, Any]:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise Untrusted("its subject cannot be kept")
    return claims
