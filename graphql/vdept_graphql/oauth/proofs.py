"""How a client proves who it is (RFC 6749, section 2.3; RFC 7523): each way in constant work.

A function takes Authlib's ``query_client`` and the request; it returns the client that has proven itself, or
None where this way was not tried or failed.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import InvalidRequestError

from vdept.clients import assertions
from vdept.clients.models import ClientAuthentication
from vdept.clients.proving import has_secret
from vdept.kernel.db import Tx
from vdept_graphql.oauth.protocol import Asked, NotProven, Registered

Query = Callable[[str], Registered | None]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

SECRET = ClientAuthentication.SECRET.value
PRIVATE_KEY = ClientAuthentication.PRIVATE_KEY.value
PUBLIC = ClientAuthentication.NONE.value

CONFIDENTIAL = [PRIVATE_KEY, SECRET]
ANY = [*CONFIDENTIAL, PUBLIC]


def require_one_way(asked: Asked) -> None:
    """Refuse a request that tries two ways at once, or the one that puts a secret into the body."""
    values = asked.values
    if "client_secret" in values:
        raise NotProven("Send the secret in the Authorization header (client_secret_basic), not in the body.")
    if "client_assertion" in values or "client_assertion_type" in values:
        if "authorization" in asked.headers:
            raise InvalidRequestError("Prove who you are in one way only.")
        if values.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in values:
            raise InvalidRequestError(f"client_assertion goes with client_assertion_type={ASSERTION_TYPE}.")


def named_client(asked: Asked) -> str | None:
    """The client that a request says it is from, for counting failures; nothing is proven."""
    basic = _basic(asked.headers.get("authorization"))
    if basic is not None:
        return basic[0]
    assertion = asked.values.get("client_assertion")
    return assertions.named_client(assertion) if assertion else asked.values.get("client_id")


def by_secret(query_client: Query, asked: Asked) -> Registered | None:
    """``client_secret_basic``."""
    given = _basic(asked.headers.get("authorization"))
    if given is None:
        return None
    client = query_client(given[0])
    proven = has_secret(client.row if client else None, given[1])
    return client if proven else None


def by_private_key(tx: Tx, audiences: tuple[str, ...]) -> Callable[[Query, Asked], Registered | None]:
    """``private_key_jwt``, for an authorization server that goes by the names ``audiences``."""

    def prove(query_client: Query, asked: Asked) -> Registered | None:
        assertion = asked.values.get("client_assertion")
        name = assertions.named_client(assertion) if assertion else None
        if assertion is None or name is None:
            return None
        client = query_client(name)
        claims = assertions.signed_claims(assertion, client.row.jwks if client else None)
        if client is None or claims is None:
            return None
        why = assertions.why_refused(claims, name, audiences, tx.now)
        if why is None and not assertions.take(tx, client.row, claims):
            why = "this jti was used before"
        if why is not None:
            raise NotProven(f"The assertion is refused: {why}.")
        return client

    return prove


def by_name(query_client: Query, asked: Asked) -> Registered | None:
    """``none``: a public client says its name and has no secret to prove it; PKCE and the redirect do."""
    name = asked.values.get("client_id")
    if name is None or "authorization" in asked.headers or "client_assertion" in asked.values:
        return None
    return query_client(name)


def _basic(header: str | None) -> tuple[str, str] | None:
    """Name and secret of an Authorization header, each form-encoded in it (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = (header or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
        name, colon, secret = decoded.partition(":")
        pair = unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):  # a UnicodeDecodeError is one
        return None
    return pair if colon and all(part.isprintable() for part in pair) else None


def check_name(asked: Asked, client: Any) -> None:
    """Refuse a body that names another client than the one that has proven itself."""
    if asked.values.get("client_id", client.get_client_id()) != client.get_client_id():
        raise InvalidRequestError("client_id names another client than the one that authenticated.")
