"""Verbs on persons; roles are in :mod:`vdept.people.memberships`, tokens in :mod:`vdept.people.tokens`."""

from datetime import date
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from sqlalchemy.dialects.postgresql import insert

from vdept.kernel.actor import Role
from vdept.kernel.db import Tx
from vdept.kernel.errors import Locale, Words
from vdept.kernel.text import fold, sort_key
from vdept.kernel.versions import next_version
from vdept.people import rules
from vdept.people.access import get_person_for_update
from vdept.people.errors import EMAIL_TAKEN, LAST_ADMINISTRATOR
from vdept.people.memberships import end_membership, grant_membership, seat
from vdept.people.models import Person
from vdept.units.access import get_unit
from vdept.units.rules import clean_name

__all__ = ["create_person", "end_membership", "grant_membership", "update_person"]

ADMINISTRATOR = Words("quản trị viên", "an administrator")


def search_text(name: str, email: str) -> str:
    """What a search box finds a person by."""
    return fold(f"{name} {email}")


async def create_person(
    tx: Tx,
    *,
    name: str,
    email: str,
    locale: Locale = Locale.VI,
    administrator: bool = False,
    unit_id: int | None = None,
    role: Role = Role.MEMBER,
    starts_on: date | None = None,
) -> Person:
    """Enter a person, with a first role in a unit where one is given.

    An administrator enters anybody; who may give the role in the unit enters a new colleague there.
    """
    unit = None if unit_id is None else await get_unit(tx, unit_id, "unitId")
    if unit is None or administrator:
        tx.actor.require(tx.actor.sees_everything, ADMINISTRATOR, "unitId")
    else:
        rules.require_may_appoint(tx.actor, role, unit.path, "unitId")
    name, email = clean_name(name, "name"), rules.clean_email(email, "email")
    person: Person | None = await tx.session.scalar(
        insert(Person)
        .values(
            name=name,
            email=email,
            locale=locale,
            administrator=administrator,
            sort_key=sort_key(name),
            search=search_text(name, email),
        )
        .on_conflict_do_nothing()
        .returning(Person)
    )
    if person is None:
        raise EMAIL_TAKEN.at("email", email=email)
    data = {"name": name, "email": email, "locale": locale, "administrator": administrator}
    tx.record("person.created", "Person", person.id, unit_id=unit_id, data=data)
    if unit is not None:
        await seat(tx, person, unit, role, starts_on or tx.today, None)
    return person


async def update_person(
    tx: Tx,
    person_id: int,
    *,
    name: str | UnsetType = UNSET,
    email: str | UnsetType = UNSET,
    locale: Locale | UnsetType = UNSET,
    administrator: bool | UnsetType = UNSET,
    active: bool | UnsetType = UNSET,
    expected_version: int | None = None,
) -> Person:
    """Change what is given. One may choose one's own language; the rest is the administrator's."""
    person = await get_person_for_update(tx, person_id, "personId")
    given: dict[str, Any] = {}
    if not isinstance(locale, UnsetType):
        given["locale"] = locale
    oneself = tx.actor.person_id == person.id
    if any(value is not UNSET for value in (name, email, administrator, active)) or not oneself:
        tx.actor.require(tx.actor.sees_everything, ADMINISTRATOR, "personId")
    if not isinstance(name, UnsetType):
        given["name"] = clean_name(name, "name")
    if not isinstance(email, UnsetType):
        given["email"] = rules.clean_email(email, "email")
        await _require_free(tx, given["email"], person.id)
    if not isinstance(administrator, UnsetType):
        given["administrator"] = administrator
    if not isinstance(active, UnsetType):
        given["active"] = active
    before = {key: getattr(person, key) for key in given}
    changed = {key: value for key, value in given.items() if value != before[key]}
    if (
        person.administrator
        and person.active
        and False in (changed.get("administrator"), changed.get("active"))
    ):
        await _require_another_administrator(tx, person.id)
    next_version(person, expected_version)
    for key, value in changed.items():
        setattr(person, key, value)
    person.sort_key, person.search = sort_key(person.name), search_text(person.name, person.email)
    await tx.session.flush()
    data = {key: {"from": before[key], "to": value} for key, value in changed.items()}
    tx.record("person.updated", "Person", person.id, data=data)
    return person


async def _require_free(tx: Tx, email: str, person_id: int) -> None:
    taken = sa.select(Person.id).where(sa.func.lower(Person.email) == sa.func.lower(email))
    if await tx.session.scalar(taken.where(Person.id != person_id)) is not None:
        raise EMAIL_TAKEN.at("email", email=email)


async def _require_another_administrator(tx: Tx, person_id: int) -> None:
    """All administrators are locked, so that two of them cannot remove each other at the same time."""
    query = sa.select(Person.id).where(Person.administrator, Person.active).order_by(Person.id)
    others = (await tx.session.scalars(query.with_for_update())).all()
    if set(others) <= {person_id}:
        raise LAST_ADMINISTRATOR.at("personId")
