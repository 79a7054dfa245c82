"""The three ways to a token: for the client's own unit, for a person's code, and for a refresh token.

What Authlib leaves to whoever uses it, and what it allows that RFC 9700 does not, is decided here: S256 and
nothing else, for every client; one use of codes and refresh tokens; scopes that never widen.
"""

import hmac
import re
from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import (
    AuthorizationCodeGrant,
    AuthorizationCodeMixin,
    ClientCredentialsGrant,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    RefreshTokenGrant,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc7636 import CodeChallenge, create_s256_code_challenge

from vdept.clients import codes, refreshing
from vdept.clients.granting import granted
from vdept.clients.models import AuthorizationCode, ClientAuthorization, RefreshToken
from vdept.clients.single_use import Held
from vdept.kernel.scopes import written
from vdept_graphql.oauth import proofs
from vdept_graphql.oauth.protocol import Registered

S256 = "S256"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""A SHA-256 in base64url without padding (RFC 7636, section 4.2)."""


class HeldCode(AuthorizationCodeMixin):
    """A code that may be exchanged now, as Authlib asks about it."""

    code_challenge_method = S256

    def __init__(self, held: Held[AuthorizationCode], client: Registered) -> None:
        self.held = held
        self.client = client
        self.code_challenge = held.row.challenge

    def get_redirect_uri(self) -> str:
        return self.held.row.redirect_uri

    def get_scope(self) -> str:
        return _still_granted(None, self.held.authorization.scopes, self.client)


class S256Only(CodeChallenge):
    """PKCE for every client: without it, or with ``plain``, there is no code (RFC 9700, section 2.1.1)."""

    DEFAULT_CODE_CHALLENGE_METHOD = None
    SUPPORTED_CODE_CHALLENGE_METHOD = (S256,)
    CODE_CHALLENGE_METHODS: ClassVar = {
        S256: lambda verifier, challenge: hmac.compare_digest(create_s256_code_challenge(verifier), challenge)
    }

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:  # noqa: ARG002  Authlib's hook
        values = grant.request.values
        if values.get("code_challenge_method") != S256:
            raise InvalidRequestError("PKCE is required: send code_challenge and code_challenge_method=S256.")
        if not _CHALLENGE.fullmatch(values.get("code_challenge", "")):
            raise InvalidRequestError("code_challenge must be 43 characters of base64url, of a SHA-256.")


class ByMachine(ClientCredentialsGrant):
    """``client_credentials``: the client acts for its unit."""

    TOKEN_ENDPOINT_AUTH_METHODS = proofs.CONFIDENTIAL

    def validate_requested_scope(self) -> None:
        scope = self.request.client.get_allowed_scope(self.request.payload.scope)
        if scope is None:
            raise InvalidScopeError
        self.request.scope = scope

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        token = self.generate_token(scope=self.request.scope, include_refresh_token=False)
        return 200, token, self.TOKEN_RESPONSE_HEADER


class ByCode(AuthorizationCodeGrant):
    """``authorization_code``: the client acts for a person who has let it. The ``user`` is what they let."""

    TOKEN_ENDPOINT_AUTH_METHODS = proofs.ANY

    def save_authorization_code(self, code: str, request: Any) -> None:
        codes.keep_code(
            self.server.tx,
            request.user,
            code,
            redirect_uri=request.payload.redirect_uri,
            challenge=request.values["code_challenge"],
        )

    def query_authorization_code(self, code: str, client: Registered) -> HeldCode | None:
        held = codes.hold_code(self.server.tx, client.row, code)
        return None if held is None else HeldCode(held, client)

    def authenticate_user(self, authorization_code: HeldCode) -> ClientAuthorization:
        return authorization_code.held.authorization

    def delete_authorization_code(self, authorization_code: HeldCode) -> None:
        codes.use_code(self.server.tx, authorization_code.held)


class ByRefreshToken(RefreshTokenGrant):
    """``refresh_token``: each is exchanged once, for the next one beside the new access token."""

    TOKEN_ENDPOINT_AUTH_METHODS = proofs.ANY
    INCLUDE_NEW_REFRESH_TOKEN = True

    def validate_token_request(self) -> None:
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError("The client asks nobody, so it has nothing to refresh.")
        token = self.request.form.get("refresh_token")
        if token is None:
            raise InvalidRequestError("Missing 'refresh_token' in request.")
        held = refreshing.hold_refresh_token(self.server.tx, client.row, token)
        if held is None:
            raise InvalidGrantError("Invalid 'refresh_token' in request.")
        self.request.client = client
        self.request.scope = _still_granted(self.request.payload.scope, held.row.scopes, client)
        self.request.refresh_token = held

    def authenticate_user(self, refresh_token: Held[RefreshToken]) -> ClientAuthorization:
        return refresh_token.authorization

    def issue_token(self, user: ClientAuthorization, refresh_token: Held[RefreshToken]) -> dict[str, Any]:  # noqa: ARG002
        token: dict[str, Any] = self.generate_token(user=user, scope=self.request.scope)
        return token

    def revoke_old_credential(self, refresh_token: Held[RefreshToken]) -> None:
        refreshing.use_refresh_token(self.server.tx, refresh_token)


def _still_granted(asked: str | None, let: list[str], client: Registered) -> str:
    """What a person let and the client is still registered for; InvalidScopeError beyond that."""
    scopes = granted(asked, let, client.row.scopes)
    if scopes is None:
        raise InvalidScopeError
    return written(scopes)
