"""Leases with a fencing token: who may do a job now, and whether an effect still counts.

A lease runs out unless it is renewed, so an orphaned job is taken over within ``TTL``. Every take-over
counts the token up; a job writes its effect in a transaction that first asks :func:`still_mine`, so one
that was held up past its lease cannot write over its successor's work. Time is the database's clock, the
same for every worker, unless ``now`` is given.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.actor import system
from vdept.kernel.db import Database, Tx
from vdept.kernel.models import Base, Timestamp

TTL = timedelta(seconds=10)
"""How long an orphan keeps its lease at most; holders renew at a third of it."""

ACTOR = system("leases")
_log = logging.getLogger(__name__)


class JobLease(Base):
    """The lease of one job by name. The row stays when it is released, so tokens never repeat."""

    __tablename__ = "job_lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    token: Mapped[int] = mapped_column(sa.BigInteger)
    expires_at: Mapped[Timestamp]


class LeaseLostError(Exception):
    """Somebody else took the job over; whatever was about to be written must not be."""


def _instant(now: datetime | None) -> "sa.ColumnElement[datetime]":
    return sa.func.clock_timestamp() if now is None else sa.literal(now, sa.DateTime(timezone=True))


async def acquire(
    session: AsyncSession, name: str, holder: str, ttl: timedelta = TTL, now: datetime | None = None
) -> int | None:
    """Take the lease if it is free or has run out; returns the fencing token, or None if it is held."""
    at = _instant(now)
    fresh = insert(JobLease).values(name=name, holder=holder, token=1, expires_at=at + ttl)
    taken = fresh.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": holder, "token": JobLease.token + 1, "expires_at": at + ttl},
        where=JobLease.expires_at <= at,
    ).returning(JobLease.token)
    token: int | None = (await session.execute(taken)).scalar_one_or_none()
    return token


async def renew(
    session: AsyncSession, name: str, token: int, ttl: timedelta = TTL, now: datetime | None = None
) -> bool:
    """Prolong the lease; False when it was taken over. One that ran out untaken is still its holder's."""
    return await _touch(session, name, token, expires_at=_instant(now) + ttl)


async def release(session: AsyncSession, name: str, token: int, now: datetime | None = None) -> bool:
    """Give the lease up, so that the next one need not wait; False when it was taken over."""
    return await _touch(session, name, token, expires_at=_instant(now))


async def _touch(session: AsyncSession, name: str, token: int, **values: Any) -> bool:
    mine = sa.and_(JobLease.name == name, JobLease.token == token)
    done = await session.execute(sa.update(JobLease).where(mine).values(**values).returning(JobLease.name))
    return done.first() is not None


async def still_mine(session: AsyncSession, name: str, token: int) -> bool:
    """Whether the token is the latest; the row is locked, so a take-over waits for this transaction."""
    mine = sa.and_(JobLease.name == name, JobLease.token == token)
    found = await session.scalar(sa.select(JobLease.name).where(mine).with_for_update(read=True))
    return found is not None


async def living(session: AsyncSession, prefix: str) -> list[str]:
    """The holders of leases under ``prefix`` that have not run out."""
    alive = sa.and_(JobLease.name.startswith(prefix, autoescape=True), JobLease.expires_at > _instant(None))
    return list(await session.scalars(sa.select(JobLease.holder).where(alive).order_by(JobLease.name)))


async def forget(session: AsyncSession, prefix: str, older: timedelta = timedelta(days=1)) -> None:
    """Delete leases under ``prefix`` that ran out long ago and will never be taken again."""
    old = sa.and_(
        JobLease.name.startswith(prefix, autoescape=True), JobLease.expires_at < _instant(None) - older
    )
    await session.execute(sa.delete(JobLease).where(old))


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease in hand."""

    name: str
    token: int

    async def require(self, tx: Tx) -> None:
        """First thing in the transaction of an effect: go no further if somebody else took over."""
        if not await still_mine(tx.session, self.name, self.token):
            raise LeaseLostError(self.name)


@contextlib.asynccontextmanager
async def held(
    database: Database, name: str, holder: str, ttl: timedelta = TTL
) -> AsyncIterator[Lease | None]:
    """Hold the lease for the block, renewing it meanwhile; None when somebody else holds it."""
    async with database.begin(ACTOR) as tx:
        token = await acquire(tx.session, name, holder, ttl)
    if token is None:
        yield None
        return
    renewal = asyncio.create_task(_keep(database, name, token, ttl))
    try:
        yield Lease(name, token)
    finally:
        renewal.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await renewal
        async with database.begin(ACTOR) as tx:
            await release(tx.session, name, token)


async def _keep(database: Database, name: str, token: int, ttl: timedelta) -> None:
    """Renew until cancelled; a database that is away for longer than the lease means it may be lost."""
    while True:
        await asyncio.sleep(ttl.total_seconds() / 3)
        try:
            async with database.begin(ACTOR) as tx:
                if not await renew(tx.session, name, token, ttl):
                    _log.warning("lease %s was taken over", name)
                    return
        except (sa.exc.SQLAlchemyError, OSError) as error:
            _log.warning("lease %s could not be renewed: %s", name, error)
