"""The scan: write the reminders of a day, and of the days that were missed, once each.

Every task has its steps on the working days that lie so many working days from its due date, in the calendar
of its lead unit. The scan of a day finds the due dates that have a step on it, and their tasks by index: it
reads what is due, not what is open.

* Days after the watermark are caught up. Of all steps that one person missed of one subject only the latest
  is told; the others are named in it (``folded``). Steps before the task was created, before its due date was
  last moved, or before the pause that is to be reviewed, were not missed.
* What was missed is told at 07:30 of a working day of the national calendar, or at once if that is past. On
  a day off it waits: the watermark stays, and only what falls on that very day in a calendar that works on it
  is told.
* The same day scanned again adds what has come up since: tasks created, moved or resumed meanwhile, and
  reminders that were dropped for a reason that has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from vdept.calendars.upkeep import ensure
from vdept.deadlines import rules
from vdept.deadlines import scan_statements as statements
from vdept.deadlines.models import ReminderScan
from vdept.deadlines.rules import DEFAULT_STEPS, REVIEW_STEPS
from vdept.kernel import driver
from vdept.kernel.actor import system
from vdept.kernel.db import Database, Tx

ACTOR = system("reminders")
DOORBELL = "reminders"
"""Rung when a scan has found something: whoever delivers wakes up, and waits for its moment."""

LOCK = 0x72656D696E646572
"""Whoever writes reminders holds this advisory lock, so that the ids of a scan follow one another."""

BATCH = 1_000


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What one scan did: reminders written, earlier steps folded into them, and days looked at."""

    reminders: int = 0
    folded: int = 0
    days: int = 0


async def lock(tx: Tx) -> None:
    """From here to the end of the transaction nobody else writes reminders."""
    await tx.session.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))


async def scanned(database: Database) -> ReminderScan | None:
    """How far the scan has come; None before the first one."""
    async with database.snapshot(ACTOR) as tx:
        return await tx.session.get(ReminderScan, True)


async def scan(database: Database, *, as_of: date, now: datetime) -> ScanReport:
    """Write what is due on ``as_of`` and what was missed before it, in one transaction."""
    async with database.begin(ACTOR, now=now) as tx:
        return await scan_in(tx, as_of)


async def scan_in(tx: Tx, as_of: date) -> ScanReport:
    """The same in the transaction of somebody who sees everything."""
    await lock(tx)
    await ensure(tx)
    given = (await tx.session.execute(statements.WHERE_ARE_WE, {"as_of": as_of})).one()
    span = rules.span(given.scanned_on, as_of, day_off=not given.working, missed=given.missed)
    if span is None:
        return ScanReport()
    steps = sorted({one.step for one in (*DEFAULT_STEPS, *REVIEW_STEPS)} | set(given.steps))
    hits = (
        await tx.session.execute(statements.HITS, {"steps": steps, "after": span.after, "as_of": span.as_of})
    ).all()
    found = await _write(tx, hits, as_of)
    if span.mark is not None:
        await tx.session.execute(statements.MARK, {"mark": span.mark, "now": tx.now})
    if found.made:
        tx.ring(DOORBELL)
    return ScanReport(found.made, int(found.folded), span.days)


async def _write(tx: Tx, hits: "Sequence[sa.Row[Any]]", as_of: date) -> "sa.Row[Any]":
    """Gather what is due and who is found for it, count both, and write what is not written yet."""
    await driver.send(tx, statements.GATHER)
    given = {
        "calendar_ids": [hit.calendar_id for hit in hits],
        "due_ons": [hit.due_on for hit in hits],
        "hit_steps": [hit.step for hit in hits],
        "days": [hit.day for hit in hits],
        "dates": sorted({hit.due_on for hit in hits}),
        "default_steps": [one.step for one in DEFAULT_STEPS],
        "default_recipients": [one.recipient.value for one in DEFAULT_STEPS],
    }
    await tx.session.execute(statements.DUE, given)
    await driver.send(tx, statements.COUNTED_DUE)
    await tx.session.execute(statements.REACHED, {"today": as_of})
    await driver.send(tx, statements.COUNTED_CONTACTS)
    told = {"today": as_of, "due_at": rules.due_at(as_of, tx.now), "batch": BATCH}
    return (await tx.session.execute(statements.SCAN, told)).one()
