"""Put right what a changed calendar touches: reminders that wait, and steps that now fall on another day.

Whoever changes a calendar leaves rows in ``calendar_change``. Here they are taken, in one transaction with
their effect: reminders of those calendars that have not been delivered are taken back, the watermark is set
before the earliest day on which, by the new calendar, a step falls that may not have been told, and the scan
writes what is due by now. What was delivered stays: it is history, and it is not told again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.calendars.models import CalendarChange
from vdept.calendars.queries import calendars_by_ids
from vdept.calendars.rules import Calendar
from vdept.deadlines.models import ReminderScan, ReminderStep
from vdept.deadlines.rules import DEFAULT_STEPS, REVIEW_STEPS
from vdept.deadlines.scanning import ScanReport, lock, scan_in
from vdept.kernel.actor import system
from vdept.kernel.clock import local_date
from vdept.kernel.db import Database, Tx

ACTOR = system("reminders")
DAY = timedelta(days=1)

TAKE_BACK = sa.text(
    """
    WITH waiting AS (
        SELECT first_id, last_id, due_at FROM reminder_batch WHERE delivered_at IS NULL
        ORDER BY id FOR UPDATE),
    own_calendar AS MATERIALIZED (SELECT unit_id, calendar_id FROM unit_calendar),
    touched AS (
        SELECT r.id, r.due_on, least(r.step, r.folded[1]) AS step, coalesce(c.calendar_id, 0) AS calendar_id
        FROM waiting w
        JOIN reminder r ON r.id BETWEEN w.first_id AND w.last_id AND r.due_at = w.due_at AND r.dropped IS NULL
        LEFT JOIN task t ON r.subject <> 'TARGET_REVIEW' AND t.id = r.subject_id
        LEFT JOIN target g ON r.subject = 'TARGET_REVIEW' AND g.id = r.subject_id
        LEFT JOIN own_calendar c ON c.unit_id = coalesce(t.lead_unit_id, t.owner_unit_id, g.unit_id)
        WHERE coalesce(c.calendar_id, 0) = ANY (:calendars)),
    gone AS (DELETE FROM reminder USING touched WHERE reminder.id = touched.id)
    SELECT calendar_id, due_on, step, count(*) AS reminders FROM touched GROUP BY calendar_id, due_on, step
    """
).bindparams(sa.bindparam("calendars", type_=ARRAY(sa.BigInteger)))
"""A batch that is being delivered is waited for, and what it delivered is not taken back."""


@dataclass(frozen=True, slots=True)
class MoveReport:
    """What was done: changes applied, reminders taken back, and what the scan after it wrote."""

    changes: int = 0
    reminders: int = 0
    scan: ScanReport = field(default_factory=ScanReport)


async def apply_calendar_changes(database: Database, *, now: datetime) -> MoveReport:
    """Apply the changes of calendars that nobody has applied yet, in one transaction."""
    async with database.begin(ACTOR, now=now) as tx:
        if not await tx.session.scalar(sa.select(sa.exists(sa.select(CalendarChange.id)))):
            return MoveReport()
        return await apply_in(tx)


async def apply_in(tx: Tx) -> MoveReport:
    """The same in the transaction of somebody who sees everything."""
    await lock(tx)
    taken = sa.delete(CalendarChange).returning(
        CalendarChange.calendar_id, CalendarChange.day, CalendarChange.at
    )
    changes = (await tx.session.execute(taken)).all()
    if not changes:
        return MoveReport()
    turned = await _turned(tx, ((change.calendar_id, change.day) for change in changes))
    back = (await tx.session.execute(TAKE_BACK, {"calendars": sorted(turned)})).all()
    mark = await tx.session.scalar(sa.select(ReminderScan.scanned_on))
    if mark is None:  # nothing was ever told; the first scan finds the calendars as they are
        return MoveReport(len(changes))
    # A scan may have come between the change and this, and passed over what fell on its day until then.
    since = min([mark + DAY, *(local_date(change.at) for change in changes)])
    steps = {one.step for one in (*DEFAULT_STEPS, *REVIEW_STEPS)}
    steps |= set(await tx.session.scalars(sa.select(ReminderStep.step).distinct()))
    again = min(
        [earliest(before, after, steps, since) for before, after in turned.values()]
        + [turned[row.calendar_id][1].step(row.due_on, row.step) for row in back]
    )
    if again <= mark:
        await tx.session.execute(sa.update(ReminderScan).values(scanned_on=again - DAY))
    return MoveReport(len(changes), sum(row.reminders for row in back), await scan_in(tx, tx.today))


def earliest(before: Calendar, after: Calendar, steps: Iterable[int], since: date) -> date:
    """The first day on which a step falls ``after`` that fell on ``since`` or later ``before``.

    Steps follow their due dates in order, so it is one of the steps that were the first since then.
    """
    first = before.ordinal(since - DAY) + 1
    return min(after.step(before.working_day(first - step), step) for step in steps)


async def _turned(tx: Tx, changes: Iterable[tuple[int, date]]) -> Mapping[int, tuple[Calendar, Calendar]]:
    """Each calendar as it was and as it is. A day that changed twice is as it was."""
    flipped: defaultdict[int, set[date]] = defaultdict(set)
    for calendar_id, day in changes:
        flipped[calendar_id] ^= {day}
    calendars = await calendars_by_ids(tx, flipped)
    return {key: (calendars[key].with_flipped(days), calendars[key]) for key, days in flipped.items()}
