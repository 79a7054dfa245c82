"""Which identities an actor sees: their own; all of them for an administrator; none for an API client."""

import sqlalchemy as sa

from vdept.identity.models import Identity
from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND


def visible_identities(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``identity`` that this actor's reads start from."""
    if actor.sees_everything:
        return sa.true()
    if actor.client_id is not None or actor.person_id is None:
        return sa.false()
    return Identity.person_id == actor.person_id


async def get_identity_for_update(tx: Tx, identity_id: int, *path: str | int) -> Identity:
    """The identity, locked until the end of the transaction and read anew; or *not found*."""
    query = sa.select(Identity).where(Identity.id == identity_id, visible_identities(tx.actor))
    row: Identity | None = await tx.session.scalar(
        query.with_for_update().execution_options(populate_existing=True)
    )
    if row is None:
        raise NOT_FOUND.at(*path, what="identity")
    return row
