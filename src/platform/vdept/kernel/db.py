"""The database: one place that opens transactions, and the only one that commits.

A verb takes a :class:`Tx` first: the session, the actor, and the instant of the act. What it records is
written before the commit, what it rings is rung after it; on any error both are dropped with the rest.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from vdept.kernel import activity, driver, principal
from vdept.kernel.actor import NOBODY, Actor
from vdept.kernel.clock import local_date, utc_now

OnCommit = Callable[[frozenset[str]], Awaitable[None]]


@dataclass(slots=True)
class Tx:
    """One unit of work. ``now`` is the instant of the act; ``today`` its local date."""

    session: AsyncSession
    actor: Actor
    now: datetime
    entries: list[activity.Entry] = field(default_factory=list)
    rung: set[str] = field(default_factory=set)
    driver: Any = None
    """The driver's connection, once :mod:`vdept.kernel.driver` has been used."""
    writing: bool = False
    wide: bool = False
    """Whether the database shows this transaction more than its actor sees."""

    @property
    def today(self) -> date:
        return local_date(self.now)

    async def become(self, actor: Actor) -> None:
        """Go on as ``actor``: for the rules, for the log and for the database."""
        self.actor = actor
        await self._name(principal.narrowly(actor))
        self.wide = False

    async def widen(self) -> None:
        """From here on the database shows the verb what its rules need, seen by the actor or not.

        For verbs that have found what they act on (:mod:`vdept.kernel.principal`); reading never widens.
        """
        if self.writing and not self.wide and principal.can_widen(self.actor):
            await self._name(principal.WIDELY, keep=True)
            self.wide = True

    async def narrow(self) -> None:
        """The database shows what the actor sees, and nothing else."""
        if self.wide:
            await self._name(principal.narrowly(self.actor))
            self.wide = False

    async def _name(self, said: str, *, keep: bool = False) -> None:
        info = self.session.info
        info[principal.INFO] = f"{info[principal.INFO]}; {said}" if keep else said
        if self.session.in_transaction():
            await driver.send(self, said)

    def record(
        self,
        verb: str,
        subject_type: str,
        subject_id: int,
        *,
        unit_id: int | None = None,
        plan_id: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Leave an activity; it is written with the change or not at all."""
        self.entries.append(activity.Entry(verb, subject_type, subject_id, unit_id, plan_id, data))

    def ring(self, doorbell: str) -> None:
        """Wake a worker once this transaction has committed. A lost ring is found by the next sweep."""
        self.rung.add(doorbell)


def to_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def asyncpg_url(url: str) -> str:
    """Accept the usual ``postgresql://`` and name the driver, which SQLAlchemy 2.1 no longer guesses."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+asyncpg://{rest}" if scheme in {"postgres", "postgresql"} else url


class Database:
    """A pool of connections to one PostgreSQL, and how it is used: ``begin``, ``snapshot`` and ``glance``."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 20,
        on_commit: OnCommit | None = None,
        patience: int = 0,
        role: str | None = principal.ROLE,
    ) -> None:
        """``pool_size``: connections that are open at most, each from when it is first needed; whoever comes
        when all are taken waits. None is opened for one use: making one costs a hundred times what using it
        does. ``patience``: seconds after which PostgreSQL gives a statement up; 0 waits for ever (workers).

        Whoever logs in works in ``role``, from the first message on: RESET ROLE stays in it. None is for
        the tables' owner (migrations, and tests that spoil rows): row security does not hold for it.
        """
        server = {
            "jit": "off",
            "timezone": "UTC",
            "application_name": "vdept",
            "statement_timeout": f"{patience}s",
            **({} if role is None else {"role": role}),
        }
        self.engine: AsyncEngine = create_async_engine(
            asyncpg_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            json_serializer=to_json,
            json_deserializer=msgspec.json.decode,
            connect_args={"server_settings": server, "connection_class": principal.PrincipalConnection},
        )
        principal.guard(self.engine.sync_engine)
        driver.only_open(self.engine.sync_engine)
        self.on_commit = on_commit
        made: dict[str, Any] = {
            "expire_on_commit": False,
            "autoflush": False,
            "sync_session_class": principal.PrincipalSession,
        }
        self._sessions = async_sessionmaker(self.engine, **made)
        self._snapshots = async_sessionmaker(
            self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True), **made
        )

    @asynccontextmanager
    async def begin(self, actor: Actor, *, now: datetime | None = None) -> AsyncIterator[Tx]:
        """A transaction that commits when the block ends well and leaves nothing behind when it does not."""
        session = self._sessions(info={principal.INFO: principal.opening(actor)})
        tx = Tx(session, actor, now or utc_now(), writing=True)
        try:
            yield tx
            if session.new or session.dirty or session.deleted:
                await session.flush()
            await activity.write(session, tx.entries, actor, tx.now)
            await session.commit()
        except BaseException:
            await asyncio.shield(asyncio.create_task(session.close()))
            raise
        session.sync_session.close()  # nothing to wait for: the commit has given the connection back
        if self.on_commit is not None and tx.rung:
            await self.on_commit(frozenset(tx.rung))

    @asynccontextmanager
    async def snapshot(self, actor: Actor, *, now: datetime | None = None) -> AsyncIterator[Tx]:
        """A read-only transaction with one consistent picture (READ ONLY REPEATABLE READ)."""
        async with self._snapshots(info={principal.INFO: principal.opening(actor)}) as session:
            yield Tx(session, actor, now or utc_now())

    @asynccontextmanager
    async def glance(self, *, now: datetime | None = None) -> AsyncIterator[Tx]:
        """For statements straight to the driver that are each on their own, on nobody's behalf.

        A question asked before every request then takes one round trip, where a transaction around it would
        take three more. What is sent through the session all the same has a transaction, on a connection of
        its own.
        """
        session = self._sessions()
        taken = await self.engine.raw_connection()
        try:
            yield Tx(session, NOBODY, now or utc_now(), driver=taken.driver_connection)
        finally:
            taken.close()  # nothing to wait for: no transaction was begun
            if session.in_transaction():
                await session.close()

    async def close(self) -> None:
        await self.engine.dispose()
