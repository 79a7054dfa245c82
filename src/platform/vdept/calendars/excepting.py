"""Add and revoke exceptions, one or many. The calendars are made anew once for all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.calendars import rules, upkeep
from vdept.calendars.access import get_exception_for_update, require_may_change
from vdept.calendars.errors import (
    CALENDAR_BULK_LIMIT,
    CALENDAR_DAY_OFF_ALREADY,
    CALENDAR_DAY_WORKED_ALREADY,
    CALENDAR_EXCEPTION_EXISTS,
    CALENDAR_EXCEPTION_REVOKED,
    CALENDAR_REGION_KIND,
    CALENDAR_UNIT_NEEDED,
    CALENDAR_UNIT_NOT_VALID,
    CALENDAR_UNIT_TOO_MUCH,
)
from vdept.calendars.models import CalendarException, CalendarScope, Holiday
from vdept.calendars.rules import Saying
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Refused, Words, invalid
from vdept.units.access import visible_units
from vdept.units.models import Unit

NATION, REGION = CalendarScope.NATIONAL, CalendarScope.REGION

_NEW_CALENDARS = sa.text(
    """
    WITH wanted AS (
        SELECT DISTINCT scope, unit_id FROM unnest(CAST(:scopes AS text[]), CAST(:units AS bigint[]))
            AS wanted (scope, unit_id)
    ), made AS (
        INSERT INTO working_calendar (scope, unit_id)
        SELECT scope, unit_id FROM wanted ORDER BY unit_id, scope
        ON CONFLICT (scope, unit_id) DO NOTHING
        RETURNING id, scope, unit_id
    ), before AS (
        SELECT DISTINCT ON (m.id) m.id, coalesce(c.id, 0) AS held
        FROM made m JOIN unit u ON u.id = m.unit_id
        LEFT JOIN working_calendar c ON c.scope = 'REGION' AND c.unit_id = ANY (u.path)
        ORDER BY m.id, array_position(u.path, c.unit_id) DESC NULLS LAST
    )
    INSERT INTO calendar_day (calendar_id, day, working, ordinal)
    SELECT b.id, d.day, d.working, d.ordinal FROM before b JOIN calendar_day d ON d.calendar_id = b.held
    """
)
"""Calendars that regions and units have from now on: at first the same as the one that held there so far."""

_REACHED = sa.text(
    """
    SELECT c.id FROM working_calendar c LEFT JOIN unit u ON u.id = c.unit_id
    WHERE :everywhere OR u.path && CAST(:regions AS bigint[])
        OR c.scope = 'UNIT' AND c.unit_id = ANY (CAST(:units AS bigint[]))
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewException:
    """What is asked for: a day that is worked, or off, against the rule."""

    scope: CalendarScope
    unit_id: int | None = None
    day: date
    working: bool
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one item: the exception, or why not."""

    exception: CalendarException | None = None
    refused: Refused | None = None


async def add_exception(
    tx: Tx,
    scope: CalendarScope,
    unit_id: int | None,
    day: date,
    working: bool,
    name: str,
    reason: str,
) -> CalendarException:
    """Have a day worked, or off, against the rule: for everybody, for a region, or for one unit."""
    wanted = NewException(scope=scope, unit_id=unit_id, day=day, working=working, name=name, reason=reason)
    (answer,) = await _add(tx, [wanted])
    if answer.exception is None:
        assert answer.refused is not None  # noqa: S101  one of the two is always there
        raise answer.refused
    return answer.exception


async def add_exceptions(tx: Tx, wanted: Sequence[NewException]) -> list[Answer]:
    """Add many, as a government announces them: each on its own, one refusal does not spoil the others."""
    if not 1 <= len(wanted) <= rules.BULK_LIMIT:
        raise CALENDAR_BULK_LIMIT.at("exceptions", limit=rules.BULK_LIMIT, given=len(wanted))
    answers = await _add(tx, wanted)
    return [
        Answer(refused=answer.refused.under("exceptions", i)) if answer.refused else answer
        for i, answer in enumerate(answers)
    ]


async def revoke_exception(tx: Tx, exception_id: int, reason: str) -> CalendarException:
    """End an exception: the day is again what the rule says. It stays readable, with who ended it."""
    await upkeep.lock(tx)
    exception = await get_exception_for_update(tx, exception_id, "calendarExceptionId")
    unit = (await _units(tx, [exception.unit_id])).get(exception.unit_id or 0)
    require_may_change(tx.actor, exception.scope, unit.path if unit else (), "calendarExceptionId")
    why = _text(reason, rules.MAX_REASON, "reason")
    if exception.revoked_at is not None:
        raise CALENDAR_EXCEPTION_REVOKED.at("calendarExceptionId", name=exception.name, day=exception.day)
    exception.revoked_at, exception.revoked_by_id = tx.now, tx.actor.person_id
    await tx.session.flush()
    await _remake_for(tx, [exception])
    _record(tx, "calendar.exception_revoked", exception, reason=why)
    return exception


# -- adding --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Known:
    """What the items of one call are checked against: as it stands, with those already taken on top."""

    first: date
    last: date
    units: Mapping[int, Unit]
    holidays: Mapping[date, bool]
    standing: dict[date, list[CalendarException]]


async def _add(tx: Tx, wanted: Sequence[NewException]) -> list[Answer]:
    await upkeep.lock(tx)
    known = await _known(tx, wanted)
    answers: list[Answer] = []
    for one in wanted:
        try:
            row = _checked(tx, one, known)
        except Refused as no:
            answers.append(Answer(refused=no))
        else:
            known.standing.setdefault(row.day, []).append(row)
            answers.append(Answer(row))
    added = [answer.exception for answer in answers if answer.exception is not None]
    if added:
        await _new_calendars(tx, added)
        tx.session.add_all(added)
        await tx.session.flush()
        await _remake_for(tx, added)
        for row in added:
            _record(tx, "calendar.exception_added", row)
    return answers


async def _known(tx: Tx, wanted: Sequence[NewException]) -> _Known:
    days = sa.cast(sorted({one.day for one in wanted}), ARRAY(sa.Date()))
    units = await _units(tx, [one.unit_id for one in wanted])
    holidays = await tx.session.execute(
        sa.select(Holiday.day, Holiday.working).where(Holiday.day == sa.any_(days))
    )
    rows = await tx.session.scalars(
        sa.select(CalendarException).where(
            CalendarException.revoked_at.is_(None), CalendarException.day == sa.any_(days)
        )
    )
    standing: dict[date, list[CalendarException]] = {}
    for row in rows:
        standing.setdefault(row.day, []).append(row)
    first, last = await upkeep.span(tx)
    return _Known(first, last, units, {row.day: row.working for row in holidays}, standing)


def _checked(tx: Tx, wanted: NewException, known: _Known) -> CalendarException:
    """The row to add; refuses what may not be, in the order in which a caller can put it right."""
    path = _path(wanted, known)
    require_may_change(tx.actor, wanted.scope, path, "scope" if wanted.scope is NATION else "unitId")
    name, reason = (
        _text(wanted.name, rules.MAX_NAME, "name"),
        _text(wanted.reason, rules.MAX_REASON, "reason"),
    )
    rules.require_span(wanted.day, known.first, known.last, "day")
    if wanted.unit_id is not None:
        unit = known.units[wanted.unit_id]
        if wanted.day < unit.valid_from or (unit.valid_to is not None and wanted.day > unit.valid_to):
            raise CALENDAR_UNIT_NOT_VALID.at("day", name=unit.name, day=wanted.day)
    standing = known.standing.get(wanted.day, [])
    for row in standing:
        if (row.scope, row.unit_id) == (wanted.scope, wanted.unit_id):
            raise CALENDAR_EXCEPTION_EXISTS.at("day", day=row.day, name=row.name)
    said = [Saying(row.scope, row.unit_id, row.working) for row in standing]
    if (
        rules.is_worked(wanted.day, known.holidays.get(wanted.day), said, wanted.scope, path)
        == wanted.working
    ):
        already = CALENDAR_DAY_WORKED_ALREADY if wanted.working else CALENDAR_DAY_OFF_ALREADY
        raise already.at("day", day=wanted.day)
    return CalendarException(
        scope=wanted.scope,
        unit_id=wanted.unit_id,
        day=wanted.day,
        working=wanted.working,
        name=name,
        reason=reason,
        created_by_id=tx.actor.person_id,
        created_at=tx.now,
    )


def _path(wanted: NewException, known: _Known) -> Sequence[int]:
    """The ancestors of the unit that the exception is for, itself last; none for a national one."""
    if wanted.scope is NATION:
        if wanted.unit_id is not None:
            raise CALENDAR_UNIT_TOO_MUCH.at("unitId")
        return ()
    if wanted.unit_id is None:
        raise CALENDAR_UNIT_NEEDED.at("unitId", scope=wanted.scope.value)
    unit = known.units.get(wanted.unit_id)
    if unit is None:
        raise NOT_FOUND.at("unitId", what=Words("đơn vị", "unit"))
    if wanted.scope is REGION and not unit.public_body:
        raise CALENDAR_REGION_KIND.at("unitId", name=unit.name)
    return unit.path


def _text(text: str, limit: int, *path: str) -> str:
    """A text that people wrote: not blank, not endless, free of NUL (PostgreSQL cannot store it)."""
    trimmed = text.strip()
    if not trimmed or len(trimmed) > limit or "\0" in trimmed:
        raise invalid(*path, vi=f"cần từ 1 đến {limit} ký tự", en=f"1 to {limit} characters are needed")
    return trimmed


async def _units(tx: Tx, unit_ids: Iterable[int | None]) -> dict[int, Unit]:
    wanted = sa.cast(sorted({unit_id for unit_id in unit_ids if unit_id is not None}), ARRAY(sa.BigInteger()))
    rows = await tx.session.scalars(
        sa.select(Unit).where(Unit.id == sa.any_(wanted), visible_units(tx.actor))
    )
    return {unit.id: unit for unit in rows}


async def _new_calendars(tx: Tx, added: Iterable[CalendarException]) -> None:
    own = [row for row in added if row.unit_id is not None]
    # Regions first: a unit's first calendar begins as that of its region, which may be as new.
    for scope in (REGION, CalendarScope.UNIT):
        units = [row.unit_id for row in own if row.scope is scope]
        if units:
            given = {"scopes": [scope.value] * len(units), "units": units}
            await tx.session.execute(_NEW_CALENDARS, given)


async def _remake_for(tx: Tx, exceptions: Sequence[CalendarException]) -> None:
    """Make the calendars anew that these exceptions reach."""
    given = {
        "everywhere": any(row.scope is NATION for row in exceptions),
        "regions": [row.unit_id for row in exceptions if row.scope is REGION],
        "units": [row.unit_id for row in exceptions if row.scope is CalendarScope.UNIT],
    }
    await upkeep.remake(tx, list(await tx.session.scalars(_REACHED, given)))


def _record(tx: Tx, verb: str, row: CalendarException, **more: Any) -> None:
    data = {"scope": row.scope, "day": row.day, "working": row.working, "name": row.name, **more}
    tx.record(verb, "CalendarException", row.id, unit_id=row.unit_id, data=data)
