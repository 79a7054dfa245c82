"""Polling: claim the connectors that are due, ask all of them at once, write down what came of each.

A claim moves ``next_at`` ahead by a lease and counts ``token`` up; only that token may write, in one
transaction per source with its intake, its measurements and its next poll. Whoever lives renews its claims;
whoever dies with one loses it to the next. Nothing is asked inside a transaction, and one source that hangs
holds up nobody else.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from vdept.kernel.actor import system
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Refused
from vdept.sources import receiving
from vdept.sources.connectors import settings
from vdept.sources.connectors.asking import Answered, Asked, Asking
from vdept.sources.connectors.errors import FAILURES, SOURCE_INTERNAL
from vdept.sources.connectors.pace import retry_in
from vdept.sources.models import ConnectorKind, Source, SourceConnector, SourceState

PLACES = 1_000
"""Sources that one process asks at once."""
WRITING = 4
"""Transactions that write at once; the others wait for these with their answers in hand."""
MARGIN = timedelta(seconds=30)
"""For writing, on top of the time that a source may take: then a claim is an orphan's."""
GATHERED = 0.25
"""Seconds to wait at most for the next poll to end before looking for more that is due."""

ACTOR = system("poll_sources")
log = logging.getLogger("vdept.sources")

_CLAIM = sa.text(
    f"""
    WITH due AS MATERIALIZED (
        SELECT c.source_id FROM source_connector c JOIN source s ON s.id = c.source_id
        WHERE c.next_at <= coalesce(:now, clock_timestamp()) AND s.state = 'ACTIVE'
        ORDER BY c.next_at LIMIT :free FOR UPDATE OF c SKIP LOCKED)
    UPDATE source_connector c SET token = c.token + 1, asked_at = coalesce(:now, clock_timestamp()),
        next_at = coalesce(:now, clock_timestamp()) + :margin
        + make_interval(secs => coalesce(CAST(c.setting ->> 'timeout_seconds' AS int),
            {settings.DEFAULT_SECONDS}))
    FROM due WHERE c.source_id = due.source_id
    RETURNING c.source_id, c.kind, c.setting, c.credentials, c.every_minutes, c.token, c.failures, c.etag,
        c.last_sha256
    """
).bindparams(
    sa.bindparam("now", type_=sa.DateTime(timezone=True)),
    sa.bindparam("margin", type_=sa.Interval()),
    sa.bindparam("free", type_=sa.Integer()),
)

_RENEW = sa.text(
    """
    UPDATE source_connector c SET next_at = coalesce(:now, clock_timestamp()) + :margin
    FROM unnest(CAST(:ids AS bigint[]), CAST(:tokens AS bigint[])) AS mine (source_id, token)
    WHERE c.source_id = mine.source_id AND c.token = mine.token
        AND c.next_at < coalesce(:now, clock_timestamp()) + :margin
    """
).bindparams(
    sa.bindparam("now", type_=sa.DateTime(timezone=True)), sa.bindparam("margin", type_=sa.Interval())
)


class Claim(NamedTuple):
    """A poll in hand."""

    asked: Asked
    token: int
    failures: int
    every: timedelta


@dataclass(frozen=True, slots=True)
class Polled:
    """What came of one poll. ``written`` False: the claim had gone to somebody else."""

    source_id: int
    failure: str | None = None
    recorded: int = 0
    written: bool = True


class Report(NamedTuple):
    """What one step did. ``idle``: nothing is due and nothing on its way."""

    claimed: int
    ended: Sequence[Polled]
    idle: bool


class Poller:
    """Polls what is due, as many at once as there are places. Any number of processes may have one each."""

    def __init__(
        self, database: Database, asking: Asking, *, places: int = PLACES, margin: timedelta = MARGIN
    ) -> None:
        self._database = database
        self._asking = asking
        self._places = places
        self._margin = margin
        self._writing = asyncio.Semaphore(WRITING)
        self._flying: dict[asyncio.Task[Polled], Claim] = {}
        self._renewed = time.monotonic()

    async def step(self, now: datetime | None = None) -> Report:
        """Take as much as there are places, and wait a moment for what ends.

        ``now``: an instant to take for the present one, instead of the database's clock.
        """
        free, claimed = self._places - len(self._flying), 0
        if free > 0:
            async with self._database.begin(ACTOR) as tx:
                claims = await claim(tx, free, margin=self._margin, now=now)
            claimed = len(claims)
            for one in claims:
                self._flying[asyncio.create_task(self._poll(one, now))] = one
        done: set[asyncio.Task[Polled]] = set()
        if self._flying:
            await self._renew(now)
            done, waiting = await asyncio.wait(self._flying, timeout=GATHERED)
            self._flying = {task: self._flying[task] for task in waiting}
        ended = [task.result() for task in done if task.exception() is None]
        for error in filter(None, (task.exception() for task in done)):
            raise error  # the database is away: the claim runs out, and its source is asked again
        return Report(claimed, ended, not (claimed or done or self._flying))

    async def _renew(self, now: datetime | None) -> None:
        """Keep what is on its way: many big documents take longer to be read than a claim lasts."""
        if time.monotonic() < self._renewed + self._margin.total_seconds() / 3:
            return
        self._renewed = time.monotonic()
        mine = {
            "ids": [one.asked.source_id for one in self._flying.values()],
            "tokens": [one.token for one in self._flying.values()],
        }
        async with self._database.begin(ACTOR) as tx:
            await tx.session.execute(_RENEW, {"now": now, "margin": self._margin, **mine})

    async def close(self) -> None:
        """Leave what is on its way to the next claim."""
        for task in self._flying:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._flying, return_exceptions=True)
        self._flying.clear()
        self._asking.close()

    async def _poll(self, one: Claim, now: datetime | None) -> Polled:
        answered: Answered | None = None
        failure: Refused | None = None
        try:
            answered = await self._asking(one.asked)
        except Refused as refused:
            failure = refused if refused.refusal in FAILURES else SOURCE_INTERNAL.at()
            if failure is not refused:
                log.error("the poll of source %s was refused: %s", one.asked.source_id, refused.code)
        except Exception:
            log.exception("source %s cannot be asked", one.asked.source_id)
            failure = SOURCE_INTERNAL.at()
        async with self._writing:
            if answered is not None:
                try:
                    return await self._received(one, answered, now)
                except Exception:
                    log.exception("what source %s answered cannot be judged", one.asked.source_id)
                    failure = SOURCE_INTERNAL.at()
            return await self._failed(one, failure or SOURCE_INTERNAL.at(), now)

    async def _received(self, one: Claim, answered: Answered, now: datetime | None) -> Polled:
        async with self._database.begin(ACTOR, now=now) as tx:
            source = await _still_mine(tx, one)
            if source is None:
                return Polled(one.asked.source_id, written=False)
            recorded = 0
            if answered.rows:
                document = receiving.Document(answered.rows, answered.sha256, answered.size)
                done = await receiving.receive(tx, source, document)
                recorded = done.recorded
            if source.failing_since is not None:
                source.failing_since = None
                tx.record("source.works_again", "Source", source.id, unit_id=source.unit_id)
            await _mark(
                tx,
                one,
                failures=0,
                next_at=tx.now + one.every,
                etag=answered.etag,
                last_sha256=answered.sha256,
            )
        return Polled(one.asked.source_id, recorded=recorded)

    async def _failed(self, one: Claim, failure: Refused, now: datetime | None) -> Polled:
        wait = retry_in(one.failures + 1, one.every, random.random())  # noqa: S311  only spreads load
        async with self._database.begin(ACTOR, now=now) as tx:
            source = await _still_mine(tx, one)
            if source is None:
                return Polled(one.asked.source_id, failure.code, written=False)
            await receiving.failed(tx, source, failure)
            if source.failing_since is None:
                source.failing_since = tx.now
            await _mark(tx, one, failures=one.failures + 1, next_at=tx.now + wait)
        return Polled(one.asked.source_id, failure.code)


async def poll_due(
    database: Database, now: datetime | None, *, asking: Asking, places: int = PLACES
) -> list[Polled]:
    """Poll everything that is due now, and answer once all of it has ended."""
    poller = Poller(database, asking, places=places)
    ended: list[Polled] = []
    try:
        while not (report := await poller.step(now)).idle:
            ended += report.ended
    finally:
        await poller.close()
    return ended


async def claim(tx: Tx, free: int, *, margin: timedelta = MARGIN, now: datetime | None = None) -> list[Claim]:
    """Take up to ``free`` connectors that are due and that nobody else is taking."""
    found = await tx.session.execute(_CLAIM, {"now": now, "free": free, "margin": margin})
    return [one for one in map(_claim_of, found) if one is not None]


def _claim_of(row: Any) -> Claim | None:
    """A setting that cannot be read, such as one kept by a newer version, costs no other source its poll."""
    kind = ConnectorKind(row.kind)
    try:
        setting = settings.restored(kind, row.setting)
    except msgspec.ValidationError:
        log.exception("the connector of source %s cannot be read", row.source_id)
        return None
    asked = Asked(row.source_id, kind, setting, row.credentials, row.etag, row.last_sha256)
    return Claim(asked, row.token, row.failures, timedelta(minutes=row.every_minutes))


async def _still_mine(tx: Tx, one: Claim) -> Source | None:
    """The source, while its connector is locked, if nobody has claimed or set it anew meanwhile."""
    query = sa.select(Source).where(Source.id == one.asked.source_id, Source.state == SourceState.ACTIVE)
    source: Source | None = await tx.session.scalar(query.with_for_update(key_share=True))
    mine = sa.select(SourceConnector.source_id).where(
        SourceConnector.source_id == one.asked.source_id, SourceConnector.token == one.token
    )
    locked = await tx.session.scalar(mine.with_for_update())
    return None if locked is None else source


async def _mark(tx: Tx, one: Claim, **values: Any) -> None:
    await tx.session.execute(
        sa.update(SourceConnector)
        .where(SourceConnector.source_id == one.asked.source_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
