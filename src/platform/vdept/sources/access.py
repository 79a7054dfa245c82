"""Who sees sources, what came in from them, and what was rejected; and who answers for a source.

That a source exists and how it measures is for every public official to know, so that a figure can be
judged; a firm's people see the sources of their own units. What exactly came in is for those who work there.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.actor import MANAGING, WORKING, Actor, ActorKind
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.scopes import Scope
from vdept.sources.models import Intake, RejectedReading, Source

KEEPERS = Words(
    "người đứng đầu, cấp phó hoặc điều phối viên của đơn vị có nguồn",
    "the head, a deputy or a coordinator of the source's unit",
)
SENDERS = Words(
    "ứng dụng (API client) của chính đơn vị có nguồn, với phạm vi measurements:write",
    "an API client of the source's own unit, with the scope measurements:write",
)


def visible_sources(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``source`` that this actor's reads start from."""
    if not actor.known or not actor.may(Scope.MEASUREMENTS_READ):
        return sa.false()
    if actor.sees_everything or actor.is_public_official:
        return sa.true()
    return Source.unit_id.in_(sorted(actor.unit_ids))


def visible_intakes(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``intake``: of the units in which the actor works."""
    return _worked(actor, Intake.unit_id)


def visible_rejected(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``rejected_reading``: the same."""
    return _worked(actor, RejectedReading.unit_id)


def _worked(actor: Actor, unit_id: Any) -> "sa.ColumnElement[bool]":
    if not actor.known or not actor.may(Scope.MEASUREMENTS_READ):
        return sa.false()
    if actor.sees_everything:
        return sa.true()
    found: sa.ColumnElement[bool] = unit_id.in_(sorted(actor.units_as(WORKING)))
    return found


def may_keep(actor: Actor, unit_id: int) -> bool:
    """Whether the actor answers for the sources of the unit."""
    return actor.has(unit_id, MANAGING)


def may_send(actor: Actor, unit_id: int) -> bool:
    """A program of the unit sends values of its sources, and the platform; people do not."""
    if actor.kind is ActorKind.SYSTEM:
        return True
    program = actor.kind is ActorKind.CLIENT and actor.may(Scope.MEASUREMENTS_WRITE)
    return program and unit_id in actor.units_as(MANAGING)


async def get_source(tx: Tx, source_id: int, *path: str | int) -> Source:
    """The source, or *not found*."""
    return await _one(tx, sa.select(Source).where(Source.id == source_id), path)


async def get_source_for_update(tx: Tx, source_id: int, *path: str | int) -> Source:
    """The source, locked until the end of the transaction and read anew."""
    query = sa.select(Source).where(Source.id == source_id).with_for_update()
    return await _one(tx, query.execution_options(populate_existing=True), path)


async def rejected_for_update(tx: Tx, ids: Collection[int]) -> dict[int, RejectedReading]:
    """Those of the rejected rows that the actor sees, locked in the order of their numbers."""
    query = sa.select(RejectedReading).where(RejectedReading.id == any_of(ids), visible_rejected(tx.actor))
    locked = query.order_by(RejectedReading.id).with_for_update()
    rows = await tx.session.scalars(locked.execution_options(populate_existing=True))
    return {row.id: row for row in rows}


async def _one(tx: Tx, query: "sa.Select[Any]", path: tuple[str | int, ...]) -> Source:
    source: Source | None = await tx.session.scalar(query.where(visible_sources(tx.actor)))
    if source is None:
        raise NOT_FOUND.at(*(path or ("sourceId",)), what=Words("nguồn", "source"))
    return source


def any_of(ids: Collection[int]) -> Any:
    return sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))
