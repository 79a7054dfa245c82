"""The two ends of the code flow: where a browser is sent, and what its code is exchanged for.

Authlib is the client (RFC 6749, section 4.1; RFC 7636; RFC 7523); its requests go through our own bounded
:func:`call`, which its integration with an HTTP client is not.
"""

import base64
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from httpx import HTTPStatusError

from vdept.identity.providers import Provider, algorithm, private_key
from vdept_graphql.sign_in.oidc_http import ProviderAway, call
from vdept_graphql.sign_in.oidc_provider import Metadata

ASSERTION_LIVES = 60
"""Seconds for which our own signed word to a provider holds."""


class ProviderRefused(Exception):
    """A provider did not give a token for a code: its error code (RFC 6749, section 5.2), for the log."""


class _Client(OAuth2Client):
    """Authlib's client on our way of sending requests."""

    async def _fetch_token(
        self, url: str, body: str = "", headers: Any = None, auth: Any = None, method: str = "POST", **_: Any
    ) -> Any:
        url, headers, body = auth.prepare(method, url, dict(headers or {}), body)
        answer = await call(method, url, headers, body.encode())
        return self.parse_response_token(answer)


def authorization_url(
    provider: Provider, metadata: Metadata, redirect_uri: str, *, state: str, nonce: str, verifier: str
) -> str:
    """Where the browser goes to sign in at the provider."""
    client = _client(provider, metadata, redirect_uri)
    url, _ = client.create_authorization_url(
        metadata.authorization_endpoint, state=state, nonce=nonce, code_verifier=verifier
    )
    return str(url)


async def exchange(
    provider: Provider, metadata: Metadata, redirect_uri: str, *, code: str, verifier: str, now: datetime
) -> dict[str, Any]:
    """The token response for a code. Raises ProviderRefused and ProviderAway."""
    client = _client(provider, metadata, redirect_uri, now)
    try:
        answer = await client.fetch_token(
            metadata.token_endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
        )
    except OAuth2Error as error:
        raise ProviderRefused(str(error.error)[:100]) from error
    except (HTTPStatusError, ValueError, TypeError, RecursionError) as error:
        raise ProviderAway(f"{metadata.token_endpoint} answered with no token ({error})") from error
    return dict(answer)


def _client(provider: Provider, metadata: Metadata, redirect_uri: str, now: datetime | None = None) -> Any:
    method = _method(provider, metadata)
    make: Any = _Client
    client = make(
        session=None,
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        token_endpoint_auth_method=method,
        scope=" ".join(provider.scopes),
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )
    client.register_client_auth_method(("client_secret_basic", _basic))
    if method == "private_key_jwt" and now is not None:
        client.client_secret = key = private_key(provider)
        client.register_client_auth_method(
            # For the issuer and no endpoint of it: an endpoint can be another provider's (RFC 7523bis).
            PrivateKeyJWT(
                provider.issuer,
                claims={"exp": int(now.timestamp()) + ASSERTION_LIVES},
                headers={"kid": key.kid} if key.kid else None,
                alg=algorithm(key),
            )
        )
    return client


def _method(provider: Provider, metadata: Metadata) -> str:
    if provider.private_key:
        return "private_key_jwt"
    supported = metadata.token_endpoint_auth_methods_supported
    only_post = "client_secret_basic" not in supported and "client_secret_post" in supported
    return "client_secret_post" if only_post else "client_secret_basic"


def _basic(client: Any, _method: str, uri: str, headers: dict[str, str], body: str) -> Any:
    """RFC 6749, section 2.3.1: both parts are form-encoded first, which Authlib leaves out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return uri, headers, body
