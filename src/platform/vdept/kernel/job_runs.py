"""What jobs did: a line per job with its counters, and a row per run that did something or failed.

A loop that looks every second must not write every second: what a process does within ``FLUSH`` seconds is
one run, and a look that found nothing only moves the job's own line. Counters may lose the last seconds of a
process that is killed; what was done is never counted from here.
"""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.actor import system
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database, Tx
from vdept.kernel.models import Base, Id, Timestamp

ACTOR = system("job_runs")
_log = logging.getLogger(__name__)
FLUSH = 5.0
"""Seconds that the runs of one job in one process are counted together."""

KEPT = timedelta(days=30)
LONGEST_ERROR = 500


class JobRun(Base):
    """A run that did something or failed. ``items``: how many things it did."""

    __tablename__ = "job_run"
    __table_args__ = (sa.Index("ix_job_run_job", "job", "id"),)

    id: Mapped[Id]
    job: Mapped[str]
    holder: Mapped[str]
    started_at: Mapped[Timestamp]
    finished_at: Mapped[Timestamp]
    items: Mapped[int]
    error: Mapped[str | None]


class JobState(Base):
    """The line of one job: its counters since ever, and when it last looked, did its work, and failed."""

    __tablename__ = "job_state"
    __table_args__ = {"postgresql_with": {"fillfactor": 50}}  # noqa: RUF012  as SQLAlchemy wants it

    job: Mapped[str] = mapped_column(primary_key=True)
    runs: Mapped[int] = mapped_column(sa.BigInteger)
    failures: Mapped[int] = mapped_column(sa.BigInteger)
    failing: Mapped[int] = mapped_column(sa.BigInteger)
    """Failures in a row; 0 once it works again."""
    items: Mapped[int] = mapped_column(sa.BigInteger)
    seconds: Mapped[float]
    """Time spent in runs."""
    looked_at: Mapped[Timestamp]
    worked_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    failed_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    error: Mapped[str | None]


@dataclass(slots=True)
class Run:
    """A run under way: whoever works counts what it does in ``items``."""

    items: int = 0


@dataclass(slots=True)
class _Tally:
    """What a process has counted of one job and not written yet."""

    written: float = float("-inf")
    started: datetime | None = None
    runs: int = 0
    items: int = 0
    seconds: float = 0.0


_tallies: WeakKeyDictionary[Database, dict[str, _Tally]] = WeakKeyDictionary()


@asynccontextmanager
async def recorded(database: Database, job: str, holder: str) -> AsyncIterator[Run]:
    """Keep what the block did. A failure is written at once and goes on to whoever called."""
    tally = _tallies.setdefault(database, {}).setdefault(job, _Tally())
    run, began, started, error = Run(), utc_now(), time.monotonic(), None
    try:
        yield run
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"[:LONGEST_ERROR]
        raise
    finally:
        now = time.monotonic()
        tally.started = tally.started or began
        tally.runs += 1
        tally.items += run.items
        tally.seconds += now - started
        if error is not None or now - tally.written >= FLUSH:
            try:
                await _write(database, job, holder, tally, error)
                _tallies[database][job] = _Tally(written=now)
            except (sa.exc.SQLAlchemyError, OSError) as away:
                # Counting must never be why work fails; it is tried again with the next run.
                _log.warning("the run of %s could not be counted: %s", job, str(away).split("\n")[0])


async def _write(database: Database, job: str, holder: str, tally: _Tally, error: str | None) -> None:
    now, failed = utc_now(), error is not None
    fresh = insert(JobState).values(
        job=job,
        runs=tally.runs,
        failures=int(failed),
        failing=int(failed),
        items=tally.items,
        seconds=tally.seconds,
        looked_at=now,
        worked_at=now if tally.items else None,
        failed_at=now if failed else None,
        error=error,
    )
    line = fresh.on_conflict_do_update(
        index_elements=["job"],
        set_={
            "runs": JobState.runs + fresh.excluded.runs,
            "failures": JobState.failures + fresh.excluded.failures,
            "failing": sa.case((fresh.excluded.failing > 0, JobState.failing + 1), else_=0),
            "items": JobState.items + fresh.excluded["items"],
            "seconds": JobState.seconds + fresh.excluded.seconds,
            "looked_at": fresh.excluded.looked_at,
            "worked_at": sa.func.coalesce(fresh.excluded.worked_at, JobState.worked_at),
            "failed_at": sa.func.coalesce(fresh.excluded.failed_at, JobState.failed_at),
            "error": sa.func.coalesce(fresh.excluded.error, JobState.error),
        },
    )
    async with database.begin(ACTOR) as tx:
        await tx.session.execute(line)
        if tally.items or failed:
            tx.session.add(
                JobRun(
                    job=job,
                    holder=holder,
                    started_at=tally.started or now,
                    finished_at=now,
                    items=tally.items,
                    error=error,
                )
            )


async def forget_old(tx: Tx) -> int:
    """Delete runs older than ``KEPT``; returns how many."""
    gone = await tx.session.execute(
        sa.delete(JobRun).where(JobRun.finished_at < tx.now - KEPT).returning(JobRun.id)
    )
    return len(gone.all())


@dataclass(frozen=True, slots=True)
class Board:
    """Every job's line, and its last runs, the newest first."""

    states: list[JobState]
    runs: list[JobRun]


async def board(tx: Tx, *, runs: int = 20) -> Board:
    """What the jobs have done so far."""
    states = await tx.session.scalars(sa.select(JobState).order_by(JobState.job))
    last = await tx.session.scalars(sa.select(JobRun).order_by(JobRun.id.desc()).limit(runs))
    return Board(list(states), list(last))
