"""Which units an actor sees: the registry is open to everybody who has signed in."""

from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.units.models import Unit


def visible_units(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``unit`` that this actor's reads start from."""
    return sa.true() if actor.known else sa.false()


async def get_unit(tx: Tx, unit_id: int, *path: str | int) -> Unit:
    """The unit, or *not found*."""
    return await _one(tx, sa.select(Unit).where(Unit.id == unit_id), path)


async def get_unit_for_update(tx: Tx, unit_id: int, *path: str | int) -> Unit:
    """The unit, locked until the end of the transaction and read anew."""
    query = sa.select(Unit).where(Unit.id == unit_id).with_for_update()
    return await _one(tx, query.execution_options(populate_existing=True), path)


async def _one(tx: Tx, query: "sa.Select[Any]", path: tuple[str | int, ...]) -> Unit:
    unit: Unit | None = await tx.session.scalar(query.where(visible_units(tx.actor)))
    if unit is None:
        raise NOT_FOUND.at(*path, what=Words("đơn vị", "unit"))
    return unit
