"""What a feed shows: the due dates that its person may see at the moment it is read.

Whoever knows the address reads as its person, narrowed to reading tasks: through ``visible_tasks`` and
through row security, like that person's own queries.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from vdept.feeds.models import CalendarFeed
from vdept.kernel.actor import Actor, system
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Locale
from vdept.kernel.scopes import Scope
from vdept.people.models import Person
from vdept.people.tokens import actor_of_person, digest
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import Assignee, Participation, Task, TaskState
from vdept.tasks.rules import LIVE, OPEN_STATES
from vdept.units.models import Unit

ACTOR = system("calendar_feed")
"""Who looks an address up, and notes that it was read."""

BEHIND, AHEAD = timedelta(days=90), timedelta(days=400)
MOST = 5_000
SPAN_NOTED = timedelta(hours=1)
"""How old the note of the last reading may be."""


@dataclass(frozen=True, slots=True)
class Found:
    """A feed in use: whose it is, for which unit, and the actor that reads it."""

    id: int
    person: str
    unit_id: int | None
    unit: str | None
    read_at: datetime | None
    actor: Actor


@dataclass(frozen=True, slots=True)
class Entry:
    """A task on the day it is due, or, while it is paused, on the day of its review."""

    task_id: int
    version: int
    updated_at: datetime
    title: str
    state: TaskState
    day: date
    original_due_on: date
    lead: str | None


@dataclass(frozen=True, slots=True)
class Agenda:
    """All that a feed says, before it is written down. ``cut``: there was more than it can hold."""

    person: str
    unit: str | None
    locale: Locale
    entries: tuple[Entry, ...]
    cut: bool


async def find_feed(tx: Tx, token: str) -> Found | None:
    """The feed behind an address; None for one that is unknown or revoked, or whose person has left.

    In a transaction of the platform's own (``ACTOR``).
    """
    row = (
        await tx.session.execute(
            sa.select(
                CalendarFeed.id,
                CalendarFeed.person_id,
                CalendarFeed.unit_id,
                CalendarFeed.read_at,
                Person.name.label("person"),
                Unit.name.label("unit"),
            )
            .join(Person, Person.id == CalendarFeed.person_id)
            .outerjoin(Unit, Unit.id == CalendarFeed.unit_id)
            .where(CalendarFeed.digest == digest(token), CalendarFeed.revoked_at.is_(None))
        )
    ).one_or_none()
    actor = None if row is None else await actor_of_person(tx, row.person_id)
    if row is None or actor is None:
        return None
    if row.unit_id is not None and row.unit_id not in actor.unit_ids:
        return None
    return Found(
        id=row.id,
        person=row.person,
        unit_id=row.unit_id,
        unit=row.unit,
        read_at=row.read_at,
        actor=replace(actor, scopes=frozenset({Scope.TASKS_READ})),
    )


async def read_feed(tx: Tx, found: Found) -> Agenda:
    """What the feed shows now. Goes on as its person."""
    await tx.become(found.actor)
    rows = (await tx.session.execute(_due(tx, found))).all()
    entries = tuple(
        Entry(
            task_id=row.id,
            version=row.version,
            updated_at=row.updated_at,
            title=row.title,
            state=row.state,
            day=row.day,
            original_due_on=row.original_due_on,
            lead=row.lead,
        )
        for row in rows[:MOST]
    )
    return Agenda(found.person, found.unit, found.actor.locale, entries, cut=len(rows) > MOST)


def _due(tx: Tx, found: Found) -> "sa.Select[Any]":
    paused = Task.state == TaskState.PAUSED
    day = sa.case((paused, Task.review_on), else_=Task.due_on).label("day")
    first, last = tx.today - BEHIND, tx.today + AHEAD
    lead = aliased(Unit)
    query = (
        sa.select(
            Task.id,
            Task.version,
            Task.updated_at,
            Task.title,
            Task.state,
            Task.original_due_on,
            lead.name.label("lead"),
            day,
        )
        .outerjoin(lead, lead.id == Task.lead_unit_id)
        .where(
            sa.or_(
                sa.and_(Task.state.in_(OPEN_STATES), Task.due_on.between(first, last)),
                sa.and_(paused, Task.review_on.between(first, last)),
            ),
            visible_tasks(tx.actor),
        )
        .order_by(day, Task.id)
        .limit(MOST + 1)
    )
    if found.unit_id is None:
        return query.join(Assignee, Assignee.task_id == Task.id).where(
            Assignee.person_id == found.actor.person_id
        )
    return query.join(Participation, Participation.task_id == Task.id).where(
        Participation.unit_id == found.unit_id, Participation.state.in_(LIVE)
    )


async def note_reading(database: Database, found: Found, now: datetime) -> None:
    """Keep when a feed was last read, at most once an hour."""
    if found.read_at is not None and now - found.read_at < SPAN_NOTED:
        return
    async with database.begin(ACTOR, now=now) as tx:
        await tx.session.execute(
            sa.update(CalendarFeed)
            .where(
                CalendarFeed.id == found.id,
                sa.or_(CalendarFeed.read_at.is_(None), CalendarFeed.read_at <= now - SPAN_NOTED),
            )
            .values(read_at=now)
            .execution_options(synchronize_session=False)
        )
