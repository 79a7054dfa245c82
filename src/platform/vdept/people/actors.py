"""From a person to an actor: the memberships in force on a day, with the units' places in the tree.

Nobody speaks for a unit that has ended or not begun: a membership counts only while its unit exists.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.driver import DriverStatement
from vdept.kernel.errors import Locale
from vdept.people.models import Membership, Person
from vdept.units.models import BESIDE_THE_TREE, Unit, UnitKind


def in_force(on: date) -> "sa.ColumnElement[bool]":
    """Memberships that count on a day, their first and last days included."""
    return sa.and_(Membership.starts_on <= on, sa.or_(Membership.ends_on.is_(None), Membership.ends_on >= on))


def unit_exists(on: date) -> "sa.ColumnElement[bool]":
    """Units on a day of their validity, its first and last days included."""
    return sa.and_(Unit.valid_from <= on, sa.or_(Unit.valid_to.is_(None), Unit.valid_to >= on))


SEAT_COLUMNS: tuple[Any, ...] = (Membership.unit_id, Membership.role, Unit.path, Unit.kind)
"""What :func:`actor_of` needs of each membership."""


def actor_of(
    person_id: int,
    administrator: bool,
    locale: Locale,
    rows: Iterable[tuple[int, Role, list[int], UnitKind]],
) -> Actor:
    """The actor made of a person and the :data:`SEAT_COLUMNS` of the memberships in force."""
    seats = tuple(
        Seat(unit_id, role, tuple(path), kind not in BESIDE_THE_TREE) for unit_id, role, path, kind in rows
    )
    return Actor(
        ActorKind.PERSON, person_id=person_id, administrator=administrator, locale=locale, seats=seats
    )


async def actor_for(session: AsyncSession, person: Person, today: date) -> Actor:
    """The actor that ``person`` is on ``today``: yesterday's head is not a head any more."""
    rows = await session.execute(
        sa.select(*SEAT_COLUMNS)
        .join(Unit, Unit.id == Membership.unit_id)
        .where(Membership.person_id == person.id, in_force(today), unit_exists(today))
        .order_by(Membership.id)
    )
    return actor_of(person.id, person.administrator, person.locale, [tuple(row) for row in rows])


def calling(person: "sa.ColumnElement[int] | sa.ScalarSelect[int]", **types: str) -> DriverStatement:
    """The statement that answers who calls, for :func:`caller_of`: the active person of that number.

    Made once for each kind of credential, and sent straight to the driver, because every request runs one.
    ``types``: the PostgreSQL types of the parameters in ``person``; there is always ``today``.
    """
    day: Any = sa.bindparam("today", type_=sa.Date())
    query = (
        sa.select(Person.id.label("person_id"), Person.administrator, Person.locale, *SEAT_COLUMNS)
        .select_from(Person)
        .outerjoin(Membership, sa.and_(Membership.person_id == Person.id, in_force(day)))
        .outerjoin(Unit, sa.and_(Unit.id == Membership.unit_id, unit_exists(day)))
        .where(Person.id == person, Person.active)
        .order_by(Membership.id)
    )
    return DriverStatement.of(query, {"today": "date", **types})


def caller_of(rows: Sequence[Mapping[str, Any]]) -> Actor | None:
    """The actor of the rows that a :func:`calling` statement answered with; None if it found nobody."""
    if not rows:
        return None
    first = rows[0]
    return actor_of(
        first["person_id"],
        first["administrator"],
        Locale[first["locale"]],
        [
            (row["unit_id"], Role[row["role"]], row["path"], UnitKind[row["kind"]])
            for row in rows
            if row["path"] is not None
        ],
    )
