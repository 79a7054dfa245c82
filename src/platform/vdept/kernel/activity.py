"""The activity log: audit trail, transactional outbox and change feed in one append-only table.

A verb records its activity in its own transaction. Readers follow in commit order without gaps: a row
carries its transaction's id, and a reader stops before the oldest transaction still running
(``pg_snapshot_xmin``), so that nothing can later appear behind its cursor. A trigger refuses UPDATE,
DELETE and TRUNCATE for every role.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from vdept.kernel.actor import Actor
from vdept.kernel.models import Base, Id, Timestamp


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


class Activity(Base):
    """One thing that somebody did: who, for which unit, what verb, on what, with the values that changed."""

    __tablename__ = "activity"
    __table_args__ = (
        sa.Index("ix_activity_feed", "xid", "id"),
        sa.Index("ix_activity_subject", "subject_type", "subject_id", "id"),
    )

    id: Mapped[Id]
    xid: Mapped[int] = mapped_column(Xid8, server_default=sa.text("pg_current_xact_id()"))
    at: Mapped[Timestamp]
    actor: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    client_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    verb: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[int] = mapped_column(sa.BigInteger)
    plan_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    unit_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sa.text("'{}'"))


class Position(NamedTuple):
    """A place in the feed: transaction id, then row id."""

    xid: int
    id: int


class Entry(NamedTuple):
    """An activity before it is written; who and when come from the transaction."""

    verb: str
    subject_type: str
    subject_id: int
    unit_id: int | None = None
    plan_id: int | None = None
    data: Mapping[str, Any] | None = None


async def write(session: AsyncSession, entries: list[Entry], actor: Actor, at: datetime) -> None:
    """Write what ``actor`` did in one statement."""
    if not entries:
        return
    rows = [
        {
            "at": at,
            "actor": actor.key,
            "person_id": actor.person_id,
            "client_id": actor.client_id,
            "verb": e.verb,
            "subject_type": e.subject_type,
            "subject_id": e.subject_id,
            "plan_id": e.plan_id,
            "unit_id": e.unit_id,
            "data": dict(e.data or {}),
        }
        for e in entries
    ]
    await session.execute(sa.insert(Activity).inline(), rows)


async def read_feed(
    session: AsyncSession, after: Position | None, limit: int, *conditions: sa.ColumnElement[bool]
) -> list[Activity]:
    """The next ``limit`` activities in commit order, none of which can be overtaken by a later commit."""
    horizon = sa.text("xid < pg_snapshot_xmin(pg_current_snapshot())")
    query = sa.select(Activity).where(horizon, *conditions).order_by(Activity.xid, Activity.id).limit(limit)
    if after is not None:
        query = query.where(
            sa.text("(xid, id) > (CAST(CAST(:after_xid AS text) AS xid8), :after_id)").bindparams(
                after_xid=str(after.xid), after_id=after.id
            )
        )
    return list((await session.scalars(query)).all())
