"""What jobs did: one row per run, for ``vdept jobs`` and for the metrics.

A job that found nothing to do leaves no row of its own: its last quiet look is a timestamp on the job's
line, so that a loop that looks every second does not write a row every second.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.actor import system
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.models import Base, Id, Timestamp

ACTOR = system("job_runs")


class JobRun(Base):
    """One run of a job that did something or failed. ``items``: how many things it did."""

    __tablename__ = "job_run"
    __table_args__ = (sa.Index("ix_job_run_job", "job", "id"),)

    id: Mapped[Id]
    job: Mapped[str]
    holder: Mapped[str]
    started_at: Mapped[Timestamp]
    finished_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    items: Mapped[int] = mapped_column(server_default=sa.text("0"), default=0)
    error: Mapped[str | None]


@dataclass(slots=True)
class Run:
    """A run under way: count what it does in ``items``."""

    items: int = 0


@asynccontextmanager
async def recorded(database: Database, job: str, holder: str) -> AsyncIterator[Run]:
    """Keep what the block did: a row if it did something or failed, written after it and apart from it."""
    run, started, error = Run(), utc_now(), None
    try:
        yield run
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"[:500]
        raise
    finally:
        if run.items or error:
            await _keep(database, job, holder, started, run.items, error)


async def _keep(
    database: Database, job: str, holder: str, started: datetime, items: int, error: str | None
) -> None:
    async with database.begin(ACTOR) as tx:
        tx.session.add(
            JobRun(
                job=job,
                holder=holder,
                started_at=started,
                finished_at=utc_now(),
                items=items,
                error=error,
            )
        )
