"""Batched reads of identities; every one starts from what the actor may see."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.identity.access import visible_identities
from vdept.identity.models import Identity
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch

NEWEST_FIRST: Ordering[Identity] = Ordering(
    "identities.newest", (Key(Identity.id, int, descending=True),), lambda identity: (identity.id,)
)
"""Whoever asks for a link has just tried to sign in."""


@dataclass(frozen=True, slots=True)
class IdentityFilter:
    """Which identities: all conditions given must hold."""

    person_id: int | None = None
    waiting: bool | None = None
    """Nobody's yet, or somebody's."""
    reference: int | None = None

    def conditions(self) -> "Iterable[sa.ColumnElement[bool]]":
        if self.person_id is not None:
            yield Identity.person_id == self.person_id
        if self.waiting is not None:
            yield Identity.person_id.is_(None) if self.waiting else Identity.person_id.is_not(None)
        if self.reference is not None:
            yield Identity.id == self.reference


async def identities_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Identity]:
    wanted = sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))
    found = await tx.session.scalars(
        sa.select(Identity).where(Identity.id == wanted, visible_identities(tx.actor))
    )
    return {identity.id: identity for identity in found}


async def identities_page(
    tx: Tx, request: PageRequest, which: IdentityFilter = IdentityFilter()
) -> Page[Identity]:
    """A page of identities, those first seen last in front."""
    query = sa.select(Identity).where(visible_identities(tx.actor), *which.conditions())
    return await fetch(tx.session, query, NEWEST_FIRST, request)
