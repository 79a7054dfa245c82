"""What a client may use once: codes and refresh tokens. A second use ends the whole authorization.

Whoever uses one twice is either a thief or was robbed, and nobody can tell which (RFC 9700, sections 2.2.2
and 4.14.2; RFC 6749, section 4.1.2). These functions are synchronous, for a caller inside
``tx.session.run_sync``; what they wrote must be committed even though the client is refused.
"""

from typing import Generic, NamedTuple, TypeVar

import sqlalchemy as sa

from vdept.clients.authorizing import end_family
from vdept.clients.models import ApiClient, AuthorizationCode, ClientAuthorization, RefreshToken
from vdept.kernel.db import Tx
from vdept.people.models import Person
from vdept.people.tokens import digest

REUSED = "authorization.ended_by_reuse"

OneUse = TypeVar("OneUse", AuthorizationCode, RefreshToken)


class Held(NamedTuple, Generic[OneUse]):
    """A client's own code or refresh token with its authorization, and whether it may be used now."""

    row: OneUse
    authorization: ClientAuthorization
    usable: bool


def hold(tx: Tx, table: type[OneUse], client: ApiClient, given: str) -> Held[OneUse] | None:
    """What ``client`` has presented, locked with its authorization; None for every kind of bad one alike.

    Two uses at the same time queue here: the first one wins, the second one finds it used, and ends the
    authorization. Somebody else's is not theirs to end: for them it does not exist.
    """
    held = _find(tx, table, client, given, locked=True)
    if held is not None and held.row.used_at is not None:
        end_reused(tx, client, held.authorization, table)
    return held if held is not None and held.usable else None


def find(tx: Tx, table: type[OneUse], client: ApiClient, given: str) -> Held[OneUse] | None:
    """The same in whatever state, only looked at: this is no use of it."""
    return _find(tx, table, client, given, locked=False)


def _find(tx: Tx, table: type[OneUse], client: ApiClient, given: str, *, locked: bool) -> Held[OneUse] | None:
    query = (
        sa.select(table, ClientAuthorization, Person.active)
        .join(ClientAuthorization, ClientAuthorization.id == table.authorization_id)
        .join(Person, Person.id == ClientAuthorization.person_id)
        .where(table.digest == digest(given), ClientAuthorization.client_id == client.id)
        .execution_options(populate_existing=True)
    )
    if locked:
        query = query.with_for_update(of=(table, ClientAuthorization), key_share=True)
    found = tx.session.sync_session.execute(query).one_or_none()
    if found is None:
        return None
    row, authorization, active = found
    alive = authorization.revoked_at is None and min(row.expires_at, authorization.expires_at) > tx.now
    return Held(row, authorization, alive and active and row.used_at is None)


def end_reused(
    tx: Tx,
    client: ApiClient,
    authorization: ClientAuthorization,
    table: type[AuthorizationCode] | type[RefreshToken],
) -> None:
    """End an authorization one of whose codes or tokens came twice, and say so to person and unit."""
    if end_family(tx.session.sync_session, authorization.id, tx.now):
        data = {"client_id": client.id, "person_id": authorization.person_id, "reused": table.__tablename__}
        tx.record(REUSED, "ClientAuthorization", authorization.id, unit_id=client.unit_id, data=data)
