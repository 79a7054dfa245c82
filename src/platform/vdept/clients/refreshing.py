"""Refresh tokens: each is used once, for an access token and its successor; and the end of tokens.

RFC 6749, section 6; RFC 7009; RFC 9700, section 4.14. Synchronous, inside ``tx.session.run_sync``.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from vdept.clients import rules
from vdept.clients.authorizing import end_family
from vdept.clients.models import ApiClient, ClientAuthorization, RefreshToken, RevokedToken
from vdept.clients.single_use import Held, find, hold
from vdept.kernel.db import Tx
from vdept.people.tokens import digest


def issue_refresh_token(tx: Tx, authorization: ClientAuthorization) -> str:
    """The next refresh token of an authorization; it never outlives it. It is shown this once.

    It is good for all that was authorized, whatever an access token beside it was narrowed to (RFC 6749,
    section 6).
    """
    token = secrets.token_urlsafe(32)
    tx.session.add(
        RefreshToken(
            digest=digest(token),
            authorization_id=authorization.id,
            scopes=list(authorization.scopes),
            issued_at=tx.now,
            expires_at=min(tx.now + rules.REFRESH_TOKEN, authorization.expires_at),
        )
    )
    return token


def hold_refresh_token(tx: Tx, client: ApiClient, token: str) -> Held[RefreshToken] | None:
    """The token, if ``client`` may use it now; one used before ends its authorization."""
    return hold(tx, RefreshToken, client, token)


def use_refresh_token(tx: Tx, held: Held[RefreshToken]) -> None:
    """Mark it used; its successor is issued in the same transaction."""
    held.row.used_at = tx.now


def find_refresh_token(tx: Tx, client: ApiClient, token: str) -> Held[RefreshToken] | None:
    """A client's own refresh token in whatever state, only looked at."""
    return find(tx, RefreshToken, client, token)


def give_up_authorization(tx: Tx, client: ApiClient, authorization: ClientAuthorization) -> None:
    """A client hands back what a person let it do: with the refresh token all tokens of the family end."""
    if end_family(tx.session.sync_session, authorization.id, tx.now):
        data = {"client_id": client.id, "person_id": authorization.person_id, "by": "client"}
        tx.record(
            "authorization.revoked",
            "ClientAuthorization",
            authorization.id,
            unit_id=client.unit_id,
            data=data,
        )


def revoke_access_token(tx: Tx, client: ApiClient, claims: Mapping[str, Any]) -> None:
    """End one access token of ``client`` before its time; ending it again changes nothing.

    ``claims``: of a token that we signed, with ``jti``, ``exp``, and ``grant`` where it acts for a person.
    """
    row = insert(RevokedToken).values(
        jti=claims["jti"], expires_at=datetime.fromtimestamp(claims["exp"], UTC)
    )
    new = tx.session.sync_session.execute(row.on_conflict_do_nothing().returning(RevokedToken.jti)).first()
    if new is None:
        return
    grant = claims.get("grant")
    subject = ("ApiClient", client.id) if grant is None else ("ClientAuthorization", grant)
    data = {"client_id": client.id, "jti": claims["jti"]}
    tx.record("access_token.revoked", *subject, unit_id=client.unit_id, data=data)
