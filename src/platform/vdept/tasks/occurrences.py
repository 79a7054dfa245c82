"""Create what recurring tasks bring: each occurrence a task of its own, once, some days before it is due.

Any number of workers may create at a time: a series is claimed by its row's lock (``SKIP LOCKED``), and what
is created, where the series stands then and what the log says of it are one transaction. Whoever dies in it
leaves nothing behind; ``uq_task_occurrence`` would keep even a second one of the same day out.

After days on which nothing ran, occurrences whose due date has passed are left out, and the log says how
many: a task that is late the moment it is created helps nobody, and a year of them would bury the rest.
A series ends when its rule has no more days, when its plan is over, or with the unit that set it. A lead
that is no longer in force is replaced by the board; other units that are not, and targets that were
withdrawn, are left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from vdept.calendars.queries import calendars_of
from vdept.calendars.rules import Calendar
from vdept.kernel.actor import system
from vdept.kernel.db import Database, Tx
from vdept.targets.changes import tasks_changed
from vdept.targets.models import PlanState
from vdept.tasks import link_notes, recurrence_days
from vdept.tasks.models import LinkState, OnDayOff, TaskRecurrence
from vdept.tasks.occurrence_statements import ADVANCE, CREATE, LINK, LOOK, SHARE
from vdept.tasks.recurrence_rules import parse
from vdept.tasks.recurring import planned

ACTOR = system("create_occurrences")
SERIES_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class OccurrencesReport:
    """What one pass did: series looked at, tasks created, days left out; whether more series wait."""

    series: int = 0
    created: int = 0
    skipped: int = 0
    ended: int = 0
    more: bool = False


@dataclass(slots=True)
class Pass:
    """What is to happen to one series now."""

    row: Any
    due: list[tuple[date, date]] = field(default_factory=list)
    """The days to create, and when each falls due."""
    skipped: list[date] = field(default_factory=list)
    next_on: date | None = None
    create_on: date | None = None
    because: str | None = None
    """Why the series ends by this; None: it goes on."""


async def create_due(database: Database, *, now: datetime, limit: int = SERIES_AT_ONCE) -> OccurrencesReport:
    """Create every occurrence whose time has come, of at most ``limit`` series, in one transaction."""
    async with database.begin(ACTOR, now=now) as tx:
        claimed = list(
            await tx.session.scalars(
                sa.select(TaskRecurrence.id)
                .where(TaskRecurrence.ended_at.is_(None), TaskRecurrence.create_on <= tx.today)
                .order_by(TaskRecurrence.create_on, TaskRecurrence.id)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
        )
        if not claimed:
            return OccurrencesReport()
        rows = (await tx.session.execute(LOOK, {"ids": claimed, "today": tx.today})).all()
        calendars = await calendars_of(tx, {row.calendar_unit_id for row in rows})
        passes = [plan_pass(row, calendars[row.calendar_unit_id], tx.today) for row in rows]
        created = await _create(tx, passes)
        await _advance(tx, passes)
    return OccurrencesReport(
        series=len(passes),
        created=created,
        skipped=sum(len(each.skipped) for each in passes),
        ended=sum(each.because is not None for each in passes),
        more=len(claimed) == limit,
    )


def plan_pass(row: Any, calendar: Calendar, today: date) -> Pass:
    """What the series of ``row`` brings today, and where it stands after that."""
    now = Pass(row)
    now.because = _over(row, today)
    if now.because is not None:
        return now
    rule, keeps, last = parse(row.rule), OnDayOff(row.on_day_off), row.plan_ends_on
    reach = recurrence_days.within_horizon(max(row.next_on, today))
    for day in recurrence_days.days_of(rule, row.starts_on, row.next_on, reach):
        if last is not None and day > last:
            now.because = "PLAN_ENDED"
            return now
        one = planned(day, row.days_before, keeps, calendar, last)
        if one.create_on > today:
            now.next_on, now.create_on = one.day, one.create_on
            return now
        due_on = recurrence_days.due_on(day, keeps, calendar, first=today, last=last)
        if due_on < today:
            now.skipped.append(day)
        else:
            now.due.append((day, due_on))
    now.because = "RULE_ENDED"
    return now


def _over(row: Any, today: date) -> str | None:
    """Why a series brings nothing more, whatever its rule says."""
    if not row.owner_in_force:
        return "UNIT_ENDED"
    if row.plan_state == PlanState.CLOSED.value:
        return "PLAN_CLOSED"
    if row.plan_ends_on is not None and row.plan_ends_on < today:
        return "PLAN_ENDED"
    return None


async def _create(tx: Tx, passes: Sequence[Pass]) -> int:
    """The tasks with their parts and links, and what the log and the roll-up are told; a few statements."""
    wanted = [(each.row.id, day, due_on) for each in passes for day, due_on in each.due]
    if not wanted:
        return 0
    series_ids, days, dues = zip(*wanted, strict=True)
    given = {"ids": series_ids, "days": days, "dues": dues, "today": tx.today, "now": tx.now}
    tasks = (await tx.session.execute(CREATE, given)).all()
    made = {"ids": [row.id for row in tasks], "today": tx.today, "now": tx.now}
    parts = _by_task((await tx.session.execute(SHARE, made)).all())
    links = _by_task((await tx.session.execute(LINK, made)).all())
    asked = [link.target_id for each in links.values() for link in each if link.state == LinkState.PROPOSED]
    await link_notes.tell_proposals(tx, list(links), asked)
    await tasks_changed(tx, [(row.plan_id, row.id) for row in tasks])
    for row in tasks:
        data = {
            "title": row.title,
            "kind": row.kind,
            "audience": row.audience,
            "owner_unit_id": row.owner_unit_id,
            "parent_id": None,
            "due_on": row.due_on,
            "state": row.state,
            "lead_unit_id": row.lead_unit_id,
            "participants": [
                {"unit_id": part.unit_id, "role": part.role, "share": part.share}
                for part in parts.get(row.id, ())
            ],
            "targets": [
                {"target_id": link.target_id, "weight": str(link.weight)}
                | ({"state": link.state} if link.state == LinkState.PROPOSED else {})
                for link in links.get(row.id, ())
            ],
            "recurrence_id": row.recurrence_id,
            "occurrence_on": row.occurrence_on,
        }
        tx.record("task.created", "Task", row.id, unit_id=row.owner_unit_id, plan_id=row.plan_id, data=data)
    return len(tasks)


def _by_task(rows: Iterable[Any]) -> dict[int, list[Any]]:
    groups: dict[int, list[Any]] = {}
    for row in rows:
        groups.setdefault(row.task_id, []).append(row)
    return groups


async def _advance(tx: Tx, passes: Sequence[Pass]) -> None:
    """Where each series stands from now on; what was left out or has ended is told of its first task."""
    await tx.session.execute(
        ADVANCE,
        {
            "ids": [each.row.id for each in passes],
            "next": [each.next_on for each in passes],
            "create": [each.create_on for each in passes],
            "ended": [each.because is not None for each in passes],
            "now": tx.now,
        },
    )
    for each in passes:
        row, about = each.row, {"recurrence_id": each.row.id}
        if each.skipped:
            data = {**about, "count": len(each.skipped), "from": each.skipped[0], "to": each.skipped[-1]}
            _record(tx, row, "task.occurrences_skipped", data)
        if each.because is not None:
            _record(tx, row, "task.recurrence_ended", {**about, "because": each.because})


def _record(tx: Tx, row: Any, verb: str, data: dict[str, Any]) -> None:
    tx.record(verb, "Task", row.task_id, unit_id=row.owner_unit_id, plan_id=row.plan_id, data=data)
