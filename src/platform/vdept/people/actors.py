"""From a person to an actor: the memberships in force on a day, with the units' places in the tree."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from vdept.kernel.actor import Actor, ActorKind, Seat
from vdept.people.models import Membership, Person
from vdept.units.models import BESIDE_THE_TREE, Unit


async def actor_for(session: AsyncSession, person: Person, today: date) -> Actor:
    """The actor that ``person`` is on ``today``: yesterday's head is not a head any more."""
    rows = await session.execute(
        sa.select(Membership.unit_id, Membership.role, Unit.path, Unit.kind)
        .join(Unit, Unit.id == Membership.unit_id)
        .where(
            Membership.person_id == person.id,
            Membership.starts_on <= today,
            sa.or_(Membership.ends_on.is_(None), Membership.ends_on >= today),
        )
        .order_by(Membership.id)
    )
    seats = tuple(
        Seat(unit_id, role, tuple(path), kind not in BESIDE_THE_TREE) for unit_id, role, path, kind in rows
    )
    return Actor(
        ActorKind.PERSON,
        person_id=person.id,
        administrator=person.administrator,
        locale=person.locale,
        seats=seats,
    )
