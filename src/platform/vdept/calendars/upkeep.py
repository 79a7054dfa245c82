"""Make the calendars: copy the public holidays, and work out every day of every calendar.

One writer at a time (``LOCK``); whoever reads meanwhile sees the calendars as they were.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.calendars import public_holidays
from vdept.calendars.changes import CALENDAR
from vdept.calendars.errors import CALENDAR_EMPTY
from vdept.calendars.models import NATIONAL, CalendarDay
from vdept.calendars.rules import FIRST_DAY, last_day, newer
from vdept.kernel.actor import system
from vdept.kernel.db import Database, Tx

LOCK = 0x63616C656E646172  # "calendar"
ACTOR = system("calendars")

_PATIENCE = sa.text("SET LOCAL statement_timeout = '10min'")
"""A day of the nation's moves all later days of every calendar: with thousands of them that takes longer than
what the API lets others wait, and nobody but an administrator may ask for it."""

_KEPT = sa.text(
    """
    SELECT ARRAY(SELECT DISTINCT package_version FROM holiday) AS versions,
           ARRAY(SELECT id FROM working_calendar c WHERE NOT EXISTS (
               SELECT FROM calendar_day d WHERE d.calendar_id = c.id AND d.day = :last)) AS short
    """
).bindparams(sa.bindparam("last", type_=sa.Date()))

_COPY = sa.text(
    """
    WITH told AS (
        SELECT * FROM unnest(
            CAST(:days AS date[]), CAST(:working AS boolean[]),
            CAST(:names AS text[]), CAST(:english AS text[])
        ) AS told (day, working, name, name_en)
    ), gone AS (
        DELETE FROM holiday h WHERE NOT EXISTS (SELECT FROM told WHERE told.day = h.day)
    )
    INSERT INTO holiday (day, working, name, name_en, package_version)
    SELECT day, working, name, name_en, :version FROM told
    ON CONFLICT (day) DO UPDATE SET working = excluded.working, name = excluded.name,
        name_en = excluded.name_en, package_version = excluded.package_version
    """
)

_REMAKE = sa.text(
    """
    WITH chosen AS (
        SELECT c.id, c.scope, c.unit_id, u.path
        FROM working_calendar c LEFT JOIN unit u ON u.id = c.unit_id
        WHERE CAST(:ids AS bigint[]) IS NULL OR c.id = ANY (CAST(:ids AS bigint[]))
    ), said AS (
        SELECT DISTINCT ON (c.id, e.day) c.id, e.day, e.working
        FROM chosen c JOIN calendar_exception e ON e.revoked_at IS NULL AND (
            e.scope = 'NATIONAL'
            OR e.scope = 'REGION' AND e.unit_id = ANY (c.path)
            OR e.scope = 'UNIT' AND c.scope = 'UNIT' AND e.unit_id = c.unit_id)
        ORDER BY c.id, e.day, e.scope = 'UNIT' DESC, array_position(c.path, e.unit_id) DESC NULLS LAST
    ), worked AS (
        SELECT c.id, d.day, coalesce(s.working, h.working, extract(isodow FROM d.day) < 6) AS working
        FROM chosen c
        CROSS JOIN (
            SELECT CAST(day AS date) AS day
            FROM generate_series(CAST(:first AS timestamp), CAST(:last AS timestamp), '1 day') AS day
        ) AS d
        LEFT JOIN holiday h ON h.day = d.day
        LEFT JOIN said s ON s.id = c.id AND s.day = d.day
    ), counted AS (
        SELECT id, day, working,
            CAST(count(*) FILTER (WHERE working) OVER (PARTITION BY id ORDER BY day) AS integer) AS ordinal
        FROM worked
    ), written AS (
        MERGE INTO calendar_day d USING counted c ON d.calendar_id = c.id AND d.day = c.day
        WHEN MATCHED AND (d.working, d.ordinal) IS DISTINCT FROM (c.working, c.ordinal)
            THEN UPDATE SET working = c.working, ordinal = c.ordinal
        WHEN NOT MATCHED THEN INSERT (calendar_id, day, working, ordinal)
            VALUES (c.id, c.day, c.working, c.ordinal)
        RETURNING new.calendar_id, new.day, old.working AS before, new.working AS after
    )
    INSERT INTO calendar_change (calendar_id, day, at)
    SELECT calendar_id, day, :now FROM written WHERE before <> after ORDER BY calendar_id, day
    RETURNING calendar_id, day
    """
).bindparams(
    sa.bindparam("ids", type_=ARRAY(sa.BigInteger)),
    sa.bindparam("first", type_=sa.Date()),
    sa.bindparam("last", type_=sa.Date()),
)


async def lock(tx: Tx) -> None:
    """Wait for whoever is making calendars; from here to the end of the transaction nobody else does."""
    await tx.session.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))


async def ensure_on(database: Database, now: datetime | None = None) -> int:
    """:func:`ensure` in a transaction of its own."""
    async with database.begin(ACTOR, now=now) as tx:
        return await ensure(tx)


async def ensure(tx: Tx) -> int:
    """Fill the calendars, prolong them into the new year, and copy the holidays of a newer package.

    Done again it does nothing, with one look. Returns how many things it did: calendars that were filled or
    prolonged, and days that the newer package changed.
    """
    last = last_day(tx.today)
    if not _wanting(*await _kept(tx, last)):
        return 0
    await lock(tx)
    versions, short = await _kept(tx, last)
    if not _wanting(versions, short):
        return 0
    last = max(last, await _end(tx) or last)
    await _copy(tx, last)
    changed = await remake(tx, None, last=last)
    days = sum(len(each) for each in changed.values())
    if versions:  # filling an empty calendar is part of setting the platform up, and nobody's act
        data = {"version": public_holidays.VERSION, "until": last, "calendars": len(short), "days": days}
        tx.record("calendar.copied", "WorkingCalendar", NATIONAL, data=data)
    return len(short) + days


async def remake(
    tx: Tx, calendars: Iterable[int] | None, *, last: date | None = None
) -> dict[int, list[date]]:
    """Work the days of these calendars out again (None: of all), and write those that differ.

    Returns the calendars with days that became working days or days off, and which; they are in
    ``calendar_change`` by then. Days that were not there before are no change.
    """
    await tx.session.flush()
    if last is None:
        last = (await span(tx))[1]
    given = {
        "ids": None if calendars is None else sorted(calendars),
        "first": FIRST_DAY,
        "last": last,
        "now": tx.now,
    }
    await tx.session.execute(_PATIENCE)
    changed: dict[int, list[date]] = {}
    for calendar_id, day in await tx.session.execute(_REMAKE, given):
        changed.setdefault(calendar_id, []).append(day)
    if changed:
        tx.ring(CALENDAR)
    return changed


async def span(tx: Tx) -> tuple[date, date]:
    """The first and the last day of the calendars; refuses (CALENDAR_EMPTY) to tell of empty ones."""
    last = await _end(tx)
    if last is None:
        raise CALENDAR_EMPTY.at()
    return FIRST_DAY, last


async def _end(tx: Tx) -> date | None:
    query = sa.select(sa.func.max(CalendarDay.day)).where(CalendarDay.calendar_id == NATIONAL)
    last: date | None = await tx.session.scalar(query)
    return last


def _wanting(versions: list[str], short: list[int]) -> bool:
    return bool(short) or newer(public_holidays.VERSION, versions)


async def _kept(tx: Tx, last: date) -> tuple[list[str], list[int]]:
    """The versions of the holidays that are kept, and the calendars that do not reach the last day."""
    versions, short = (await tx.session.execute(_KEPT, {"last": last})).one()
    return list(versions), list(short)


async def _copy(tx: Tx, last: date) -> None:
    known = public_holidays.known(FIRST_DAY, last)
    given: dict[str, Any] = {
        "days": [one.day for one in known],
        "working": [one.working for one in known],
        "names": [one.name for one in known],
        "english": [one.name_en for one in known],
        "version": public_holidays.VERSION,
    }
    await tx.session.execute(_COPY, given)
