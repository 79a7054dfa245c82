"""Which editions are due: of every plan in force once a month, and those that somebody has asked for.

Each is published in a transaction of its own. One that fails keeps no other from coming out: a month's is
tried again with the next run, and whoever asked for one is told that it failed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time

import sqlalchemy as sa

from vdept.calendars import queries as calendars
from vdept.kernel.actor import system
from vdept.kernel.clock import LOCAL, local_date
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale, Refused
from vdept.kernel.vault import Vault, VaultError
from vdept.publications.models import Edition, EditionRequest, RequestState
from vdept.publications.publishing import BusyError, publish
from vdept.publications.rules import month_of, publishing_day
from vdept.targets.models import Plan, PlanState

ACTOR = system("editions")
LONGEST_ERROR = 300


@dataclass
class Report:
    """What came out, and what did not: plan and error."""

    published: list[int] = field(default_factory=list)
    failed: list[tuple[int, Exception]] = field(default_factory=list)


async def publish_due(database: Database, vault: Callable[[], Vault], *, now: datetime) -> Report:
    """Publish the month's editions from the first working day of the month on.

    Of every plan that was in force on that day and has none: a worker that was down then catches up.
    """
    month, report = month_of(local_date(now)), Report()
    for plan_id in await _without(database, month, now):
        try:
            made = await publish(database, vault(), plan_id, month=month, now=now)
        except Exception as error:  # noqa: BLE001  whatever it is, the other plans are published
            report.failed.append((plan_id, error))
        else:
            report.published += [made.id] if made is not None else []
    return report


async def _without(database: Database, month: date, now: datetime) -> list[int]:
    async with database.snapshot(ACTOR, now=now) as tx:
        day = publishing_day(month, await calendars.calendar_of(tx, None))
        if tx.today < day:
            return []
        there = sa.select(Edition.id).where(Edition.plan_id == Plan.id, Edition.month == month).exists()
        before = sa.and_(Plan.starts_on <= day, Plan.issued_at < datetime.combine(day, time(), LOCAL))
        in_force = sa.and_(Plan.state == PlanState.ISSUED, before)
        return list(await tx.session.scalars(sa.select(Plan.id).where(in_force, ~there).order_by(Plan.id)))


async def publish_requested(database: Database, vault: Callable[[], Vault], *, now: datetime) -> Report:
    """Publish what was asked for, in the order of asking."""
    report = Report()
    async with database.snapshot(ACTOR, now=now) as tx:
        waiting = sa.select(EditionRequest).where(EditionRequest.state == RequestState.WAITING)
        wishes = list(await tx.session.scalars(waiting.order_by(EditionRequest.id)))
    for wish in wishes:
        try:
            made = await publish(
                database,
                vault(),
                wish.plan_id,
                corrects=wish.corrects_number,
                note=wish.note,
                by=wish.requested_by_id,
                request_id=wish.id,
                now=now,
            )
        except Exception as error:  # noqa: BLE001  the others are published all the same
            report.failed.append((wish.plan_id, error))
            why = error.message(Locale.EN) if isinstance(error, Refused) else type(error).__name__
            why = str(error) if isinstance(error, BusyError | VaultError) else why
            await _told(database, wish.id, why, now)
        else:
            report.published += [made.id] if made is not None else []
    return report


async def _told(database: Database, request_id: int, why: str, now: datetime) -> None:
    """Say that it failed. With the database away this fails too, and the wish waits for it to come back."""
    failed = {"state": RequestState.FAILED, "finished_at": now, "error": why[:LONGEST_ERROR]}
    mine = sa.and_(EditionRequest.id == request_id, EditionRequest.state == RequestState.WAITING)
    async with database.begin(ACTOR, now=now) as tx:
        await tx.session.execute(sa.update(EditionRequest).where(mine).values(**failed))
