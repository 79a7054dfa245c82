"""Batched reads of clients and authorizations; every one starts from what the actor may see."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.clients.access import visible_authorizations, visible_clients
from vdept.clients.models import ApiClient, ClientAuthorization
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch, fetch_each

BY_REGISTRATION: Ordering[ApiClient] = Ordering(
    "clients.registered", (Key(ApiClient.id, int, descending=True),), lambda client: (client.id,)
)
"""The newest first."""

BY_CONSENT: Ordering[ClientAuthorization] = Ordering(
    "authorizations.given", (Key(ClientAuthorization.id, int, descending=True),), lambda row: (row.id,)
)
"""The newest first."""


@dataclass(frozen=True, slots=True)
class ClientFilter:
    """Which clients: all conditions given must hold."""

    unit_id: int | None = None
    revoked: bool | None = None

    def conditions(self) -> "Iterable[sa.ColumnElement[bool]]":
        if self.unit_id is not None:
            yield ApiClient.unit_id == self.unit_id
        if self.revoked is not None:
            yield ApiClient.revoked_at.is_not(None) if self.revoked else ApiClient.revoked_at.is_(None)


async def clients_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, ApiClient]:
    found = await tx.session.scalars(
        sa.select(ApiClient).where(ApiClient.id == _any(ids), visible_clients(tx.actor))
    )
    return {client.id: client for client in found}


async def clients_page(tx: Tx, request: PageRequest, which: ClientFilter = ClientFilter()) -> Page[ApiClient]:
    """A page of clients, the newest first."""
    query = sa.select(ApiClient).where(visible_clients(tx.actor), *which.conditions())
    return await fetch(tx.session, query, BY_REGISTRATION, request)


async def authorizations_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, ClientAuthorization]:
    found = await tx.session.scalars(_authorizations(tx).where(ClientAuthorization.id == _any(ids)))
    return {row.id: row for row in found}


async def own_authorizations(tx: Tx, request: PageRequest, *, live: bool = True) -> Page[ClientAuthorization]:
    """A page of what the person who is here let clients do: what still holds, or all of it."""
    own = _authorizations(tx).where(ClientAuthorization.person_id == tx.actor.person_id)
    return await fetch(tx.session, own.where(_holds(tx)) if live else own, BY_CONSENT, request)


async def authorizations_of_clients(
    tx: Tx, client_ids: Collection[int], request: PageRequest
) -> dict[int, Page[ClientAuthorization]]:
    """The same page of each client's authorizations that still hold, in one statement."""
    query = _authorizations(tx).where(_holds(tx))
    return await fetch_each(tx.session, query, ClientAuthorization.client_id, client_ids, BY_CONSENT, request)


def _authorizations(tx: Tx) -> "sa.Select[Any]":
    return sa.select(ClientAuthorization).where(visible_authorizations(tx.actor))


def _holds(tx: Tx) -> "sa.ColumnElement[bool]":
    return sa.and_(ClientAuthorization.revoked_at.is_(None), ClientAuthorization.expires_at > tx.now)


def _any(ids: Collection[int]) -> Any:
    return sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))
