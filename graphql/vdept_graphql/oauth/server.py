"""The authorization server: Authlib's, with our clients, codes and tokens, for the span of one transaction.

Authlib is synchronous; it runs inside ``tx.session.run_sync``. What goes wrong in it is an answer and not an
exception, so that the transaction commits: a code presented twice has ended its authorization although the
client is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from authlib.oauth2 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError

from vdept.clients import refreshing
from vdept.clients.access_tokens import claims_of
from vdept.clients.keys import Keyring
from vdept.clients.models import ClientAuthorization
from vdept.clients.proving import find_client
from vdept.clients.rules import ACCESS_TOKEN
from vdept.kernel.db import Tx
from vdept.kernel.scopes import parse
from vdept_graphql.oauth import ending, grants, proofs
from vdept_graphql.oauth.protocol import MACHINE, Answer, Asked, NotProven, Registered, with_parameter


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the authorization server is found, all of it below the issuer."""

    issuer: str

    @property
    def authorize(self) -> str:
        return f"{self.issuer}/oauth/authorize"

    @property
    def token(self) -> str:
        return f"{self.issuer}/oauth/token"

    @property
    def revoke(self) -> str:
        return f"{self.issuer}/oauth/revoke"

    @property
    def introspect(self) -> str:
        return f"{self.issuer}/oauth/introspect"

    @property
    def jwks(self) -> str:
        return f"{self.issuer}/oauth/jwks"


class UnknownGrant(OAuth2Error):
    """RFC 6749, section 5.2; Authlib's own would repeat what was sent, whatever it was."""

    error = "unsupported_grant_type"


class Server(AuthorizationServer):
    """The server of one request. ``presented_is_good``: whether the access token it is about is in force."""

    def __init__(
        self, tx: Tx, addresses: Addresses, keyring: Keyring, *, presented_is_good: bool = False
    ) -> None:
        super().__init__()
        self.tx = tx
        self.addresses = addresses
        self.keyring = keyring
        self.presented_is_good = presented_is_good
        prove = proofs.by_private_key(tx, (addresses.issuer, addresses.token))
        self.register_client_auth_method(proofs.PRIVATE_KEY, prove)
        self.register_client_auth_method(proofs.SECRET, proofs.by_secret)
        self.register_client_auth_method(proofs.PUBLIC, proofs.by_name)
        self.register_token_generator("default", self.new_token)
        self.register_grant(grants.ByMachine)
        self.register_grant(grants.ByCode, [grants.S256Only(required=True)])
        self.register_grant(grants.ByRefreshToken)
        self.register_endpoint(ending.Revoking)
        self.register_endpoint(ending.Asking)

    # -- what Authlib asks of whoever uses it -----------------------------------------------------------

    def query_client(self, client_id: str) -> Registered | None:
        row = find_client(self.tx, client_id)
        return None if row is None else Registered(row)

    def authenticate_client(self, request: Asked, methods: list[str], endpoint: str = "token") -> Registered:
        """The client, proven in one of ``methods``; NotProven in the same words for every other."""
        proofs.require_one_way(request)
        try:
            client: Registered = super().authenticate_client(request, methods, endpoint)
        except NotProven:
            raise
        except OAuth2Error:
            raise NotProven from None
        proofs.check_name(request, client)
        request.client = client
        return client

    def get_token_grant(self, request: Asked) -> Any:
        kind = request.payload.grant_type
        if kind is None:
            raise InvalidRequestError("Missing 'grant_type' in request.")
        if kind not in {grant.GRANT_TYPE for grant, _ in self._token_grants}:
            raise UnknownGrant("The grant types are listed in /.well-known/oauth-authorization-server.")
        return super().get_token_grant(request)

    def validate_requested_scope(self, scope: str | None) -> None:
        """What a client may ask for is the client's own question (:meth:`Registered.get_allowed_scope`)."""

    def new_token(
        self,
        grant_type: str,
        client: Registered,
        user: ClientAuthorization | None = None,
        scope: str | None = None,
        expires_in: int | None = None,  # noqa: ARG002  all live equally long
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        """The token response (RFC 6749, section 5.1). ``user``: what a person has let the client do."""
        scopes = parse(scope or "")
        if not scopes or (user is None) != (grant_type == MACHINE):
            raise InvalidScopeError
        claims = claims_of(
            client.row, scopes, issuer=self.addresses.issuer, now=self.tx.now, authorization=user
        )
        token: dict[str, Any] = {
            "access_token": self.keyring.sign(claims, self.tx.now),
            "token_type": "Bearer",
            "expires_in": int(ACCESS_TOKEN.total_seconds()),
            "scope": scope,
        }
        if include_refresh_token and user is not None:
            token["refresh_token"] = refreshing.issue_refresh_token(self.tx, user)
        return token

    def save_token(self, token: dict[str, Any], request: Asked) -> None:
        """Nothing is left to save: access tokens are not kept, refresh tokens are by now."""

    def verified(self, token: str) -> dict[str, Any] | None:
        """The claims of an access token that we signed, still in time or not; None for anything else."""
        return self.keyring.verify(token, self.tx.now)

    def create_oauth2_request(self, request: Asked) -> Asked:
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens: what must be known is recorded where it happens."""

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Answer:
        """Every authorization response says whose it is (RFC 9207), so that no client mixes up two of us."""
        answer = Answer(status, body, headers)
        if answer.location is not None:
            answer.headers["Location"] = with_parameter(answer.location, "iss", self.addresses.issuer)
        return answer

    # -- the endpoints ----------------------------------------------------------------------------------

    def answer(self, work: Callable[[], Answer], request: Asked) -> Answer:
        """What ``work`` answers, or its refusal."""
        try:
            return work()
        except OAuth2Error as error:
            refused: Answer = self.handle_error_response(request, error)
            return refused

    def token(self, request: Asked) -> Answer:
        return self.answer(lambda: self.create_token_response(request), request)

    def revoke(self, request: Asked) -> Answer:
        return self.answer(lambda: self.create_endpoint_response("revocation", request), request)

    def introspect(self, request: Asked) -> Answer:
        return self.answer(lambda: self.create_endpoint_response("introspection", request), request)
