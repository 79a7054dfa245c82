"""From a person to an actor: the memberships in force on a day, with the units' places in the tree.

Nobody speaks for a unit that has ended or not begun: a membership counts only while its unit exists.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from vdept.kernel.actor import Actor, ActorKind, Role, Seat
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
