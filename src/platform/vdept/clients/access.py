"""Which clients and authorizations an actor sees.

A unit's people see its clients, the heads above see those of the units below, and who has let a client act
for them sees that one. A client sees itself and nothing else of this: credentials are for people.
"""

from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.clients.models import ApiClient, ClientAuthorization
from vdept.clients.rules import REGISTRARS
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.units.models import Unit

T = TypeVar("T")


def visible_clients(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``api_client`` that this actor's reads start from."""
    if actor.client_id is not None:
        return ApiClient.id == actor.client_id
    if actor.sees_everything:
        return sa.true()
    if not actor.known:
        return sa.false()
    headed = [seat.unit_id for seat in actor.seats if seat.public_body and seat.role is Role.HEAD]
    let = sa.exists().where(
        ClientAuthorization.client_id == ApiClient.id, ClientAuthorization.person_id == actor.person_id
    )
    seen = [ApiClient.unit_id.in_(sorted(actor.unit_ids)), let.correlate(ApiClient)]
    if headed:
        below = sa.exists().where(Unit.id == ApiClient.unit_id, Unit.path.overlap(_ids(headed)))
        seen.append(below.correlate(ApiClient))
    return sa.or_(*seen)


def visible_authorizations(actor: Actor) -> "sa.ColumnElement[bool]":
    """One's own, and those of the clients that one registers and revokes; all for an administrator."""
    if actor.client_id is not None or not actor.known:
        return sa.false()
    if actor.sees_everything:
        return sa.true()
    units = sorted(seat.unit_id for seat in actor.seats if seat.role in REGISTRARS)
    managed = sa.exists().where(ApiClient.id == ClientAuthorization.client_id, ApiClient.unit_id.in_(units))
    return sa.or_(ClientAuthorization.person_id == actor.person_id, managed.correlate(ClientAuthorization))


async def get_client_for_update(tx: Tx, client_id: int, *path: str | int) -> ApiClient:
    """The client by its number, locked until the end of the transaction and read anew, or *not found*."""
    query = sa.select(ApiClient).where(ApiClient.id == client_id, visible_clients(tx.actor))
    return await _one(tx, query, Words("ứng dụng", "client"), path)


async def get_authorization_for_update(
    tx: Tx, authorization_id: int, *path: str | int
) -> ClientAuthorization:
    """The authorization, locked and read anew, or *not found*."""
    query = sa.select(ClientAuthorization).where(
        ClientAuthorization.id == authorization_id, visible_authorizations(tx.actor)
    )
    return await _one(tx, query, Words("ủy quyền", "authorization"), path)


async def _one(tx: Tx, query: "sa.Select[T]", what: Words, path: tuple[str | int, ...]) -> T:
    locked = query.with_for_update().execution_options(populate_existing=True)
    row: T | None = await tx.session.scalar(locked)
    if row is None:
        raise NOT_FOUND.at(*path, what=what)
    return row


def _ids(ids: list[int]) -> Any:
    return sa.cast(ids, ARRAY(sa.BigInteger))
