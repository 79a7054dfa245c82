"""Batched reads of persons and memberships; every one starts from what the actor may see."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch, fetch_each
from vdept.kernel.text import matches
from vdept.people.access import visible_memberships, visible_persons
from vdept.people.actors import in_force
from vdept.people.models import Membership, Person

BY_NAME: Ordering[Person] = Ordering(
    "persons.name",
    (Key(Person.sort_key, str), Key(Person.id, int)),
    lambda person: (person.sort_key, person.id),
)
"""Vietnamese alphabetical order."""

BY_GRANT: Ordering[Membership] = Ordering(
    "memberships.granted", (Key(Membership.id, int),), lambda membership: (membership.id,)
)
"""In the order in which the memberships were granted."""


@dataclass(frozen=True, slots=True)
class PersonFilter:
    """Which persons: all conditions given must hold."""

    unit_id: int | None = None
    """Holds a role in this unit on the day of the question."""
    role: Role | None = None
    """Holds this role (in ``unit_id``, if that is given too)."""
    text: str | None = None
    active: bool | None = None

    def conditions(self, actor: Actor, today: date) -> "Iterable[sa.ColumnElement[bool]]":
        if self.unit_id is not None or self.role is not None:
            seat = [Membership.person_id == Person.id, in_force(today), visible_memberships(actor)]
            if self.unit_id is not None:
                seat.append(Membership.unit_id == self.unit_id)
            if self.role is not None:
                seat.append(Membership.role == self.role)
            yield sa.exists().where(*seat)
        if self.text:
            yield matches(Person.search, self.text)
        if self.active is not None:
            yield Person.active.is_(self.active)


async def persons_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Person]:
    found = await tx.session.scalars(
        sa.select(Person).where(Person.id == _any(ids), visible_persons(tx.actor, tx.today))
    )
    return {person.id: person for person in found}


def _query(tx: Tx, which: PersonFilter) -> "sa.Select[Any]":
    return sa.select(Person).where(visible_persons(tx.actor, tx.today), *which.conditions(tx.actor, tx.today))


async def persons_page(tx: Tx, request: PageRequest, which: PersonFilter = PersonFilter()) -> Page[Person]:
    """A page of persons in alphabetical order."""
    return await fetch(tx.session, _query(tx, which), BY_NAME, request)


async def memberships_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Membership]:
    found = await tx.session.scalars(
        sa.select(Membership).where(Membership.id == _any(ids), visible_memberships(tx.actor))
    )
    return {membership.id: membership for membership in found}


async def memberships_of_persons(
    tx: Tx, person_ids: Collection[int], on: date | None = None
) -> dict[int, list[Membership]]:
    """The roles of each person on a day (today unless given), in the order in which they were granted."""
    found = await tx.session.scalars(
        _memberships(tx, on).where(Membership.person_id == _any(person_ids)).order_by(Membership.id)
    )
    held: dict[int, list[Membership]] = {person_id: [] for person_id in person_ids}
    for membership in found:
        held[membership.person_id].append(membership)
    return held


async def memberships_of_units(
    tx: Tx, unit_ids: Collection[int], request: PageRequest, on: date | None = None
) -> dict[int, Page[Membership]]:
    """The same page of each unit's memberships on a day (today unless given), in one statement."""
    return await fetch_each(tx.session, _memberships(tx, on), Membership.unit_id, unit_ids, BY_GRANT, request)


async def head_of_units(tx: Tx, unit_ids: Collection[int], on: date | None = None) -> dict[int, Person]:
    """Who answers for each unit on a day (today unless given); units without a head are left out.

    The actor sees the person and the role: of a colleague who heads another unit, a firm does not learn that.
    """
    rows = await tx.session.execute(
        sa.select(Membership.unit_id, Person)
        .join(Person, Person.id == Membership.person_id)
        .where(
            Membership.unit_id == _any(unit_ids),
            Membership.role == Role.HEAD,
            in_force(on or tx.today),
            visible_memberships(tx.actor),
            visible_persons(tx.actor, tx.today),
        )
    )
    return {row[0]: row[1] for row in rows}


def _memberships(tx: Tx, on: date | None) -> "sa.Select[Any]":
    return sa.select(Membership).where(visible_memberships(tx.actor), in_force(on or tx.today))


def _any(ids: Collection[int]) -> Any:
    return sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))
