"""Giving tokens back (RFC 7009) and asking about them (RFC 7662). A client learns of its own only."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from vdept.clients import refreshing
from vdept.clients.models import RefreshToken
from vdept.clients.single_use import Held
from vdept_graphql.oauth import proofs
from vdept_graphql.oauth.protocol import Asked, Registered

Own: TypeAlias = Mapping[str, Any] | Held[RefreshToken]
"""A token of the client that asks: the claims of an access token, or a refresh token."""


class Revoking(RevocationEndpoint):
    """A token that is not there, or not the client's, is answered alike and left as it is.

    RFC 7009 would tell of the latter; that says of a found string that it is a token. The hint is not
    needed: the two kinds of token look different.
    """

    CLIENT_AUTH_METHODS = proofs.ANY

    def authenticate_token(self, request: Asked, client: Registered) -> Own | None:
        return own_token(self.server, request, client)

    def revoke_token(self, token: Own, request: Asked) -> None:
        tx, client = self.server.tx, request.client.row
        if isinstance(token, Held):
            refreshing.give_up_authorization(tx, client, token.authorization)
        else:
            refreshing.revoke_access_token(tx, client, token)


class Asking(IntrospectionEndpoint):
    """Whether a token of the client's own is good at this moment, and for what."""

    CLIENT_AUTH_METHODS = proofs.CONFIDENTIAL

    def authenticate_token(self, request: Asked, client: Registered) -> Own | None:
        return own_token(self.server, request, client)

    def create_introspection_payload(self, token: Own | None) -> dict[str, Any]:
        if token is None or not (token.usable if isinstance(token, Held) else self.server.presented_is_good):
            return {"active": False}
        if isinstance(token, Held):
            return _about_refresh_token(token)
        told = ("iss", "aud", "sub", "client_id", "scope", "jti", "iat", "exp")
        return {"active": True, "token_type": "Bearer", **{name: token[name] for name in told}}


def _about_refresh_token(token: Held[RefreshToken]) -> dict[str, Any]:
    return {
        "active": True,
        "sub": f"person:{token.authorization.person_id}",
        "scope": " ".join(token.row.scopes),
        "iat": int(token.row.issued_at.timestamp()),
        "exp": int(token.row.expires_at.timestamp()),
    }


def own_token(server: Any, request: Asked, client: Registered) -> Own | None:
    """The token of the request, if it was issued to ``client``. Looking at one never counts as using it."""
    token = request.values.get("token")
    if token is None:
        raise InvalidRequestError("Missing 'token' in request.")
    claims: dict[str, Any] | None = server.verified(token)
    if claims is not None:
        return claims if claims.get("client_id") == client.get_client_id() else None
    return refreshing.find_refresh_token(server.tx, client.row, token)
