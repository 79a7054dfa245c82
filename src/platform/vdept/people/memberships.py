"""Granting and ending roles. Who is head decides whose verdict a result is, so dates are guarded."""

from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from vdept.kernel.actor import Role
from vdept.kernel.db import Tx
from vdept.kernel.errors import Refused
from vdept.people import rules
from vdept.people.access import get_membership_for_update, get_person
from vdept.people.errors import MEMBERSHIP_TWICE, PERSON_INACTIVE, UNIT_ENDED, UNIT_HAS_HEAD
from vdept.people.models import Membership, Person
from vdept.units.access import get_unit
from vdept.units.models import Unit


async def grant_membership(
    tx: Tx,
    person_id: int,
    unit_id: int,
    role: Role,
    starts_on: date | None = None,
    ends_on: date | None = None,
) -> Membership:
    """Give a person a role in a unit, from today unless ``starts_on`` is given."""
    unit = await get_unit(tx, unit_id, "unitId")
    person = await get_person(tx, person_id, "personId")
    return await seat(tx, person, unit, role, starts_on or tx.today, ends_on)


async def seat(
    tx: Tx, person: Person, unit: Unit, role: Role, starts_on: date, ends_on: date | None
) -> Membership:
    """The same, for a person that this transaction may have just made."""
    rules.require_may_appoint(tx.actor, role, unit.path, "unitId")
    rules.require_dates(starts_on, ends_on)
    rules.require_not_backdated(tx.actor, starts_on, tx.today, "startsOn")
    if not person.active:
        raise PERSON_INACTIVE.at("personId", name=person.name)
    if unit.valid_to is not None and unit.valid_to < starts_on:
        raise UNIT_ENDED.at("unitId", valid_to=unit.valid_to, starts_on=starts_on)
    granted: Membership | None = await tx.session.scalar(
        insert(Membership)
        .values(person_id=person.id, unit_id=unit.id, role=role, starts_on=starts_on, ends_on=ends_on)
        .on_conflict_do_nothing()  # the exclusion constraints decide, also between two transactions
        .returning(Membership)
    )
    if granted is None:
        raise await _in_the_way(tx, person, unit, role, starts_on, ends_on)
    tx.record(
        "membership.granted",
        "Membership",
        granted.id,
        unit_id=unit.id,
        data={"person_id": person.id, "role": role, "starts_on": starts_on, "ends_on": ends_on},
    )
    return granted


async def _in_the_way(
    tx: Tx, person: Person, unit: Unit, role: Role, starts_on: date, ends_on: date | None
) -> Refused:
    """Which membership the constraints found to overlap."""
    overlap = sa.func.daterange(Membership.starts_on, Membership.ends_on, "[]").op("&&")(
        sa.func.daterange(sa.cast(starts_on, sa.Date), sa.cast(ends_on, sa.Date), "[]")
    )
    same = [Membership.unit_id == unit.id, Membership.role == role, overlap]
    if role is not Role.HEAD:
        same.append(Membership.person_id == person.id)
    held, holder = (
        await tx.session.execute(
            sa.select(Membership, Person.name)
            .join(Person, Person.id == Membership.person_id)
            .where(*same)
            .order_by((Membership.person_id != person.id), Membership.starts_on)
            .limit(1)
        )
    ).one()
    dates = {"starts_on": held.starts_on, "ends_on": held.ends_on or "…"}
    if held.person_id == person.id:
        return MEMBERSHIP_TWICE.at("personId", role=role, **dates)
    return UNIT_HAS_HEAD.at("unitId", holder=holder, **dates)


async def end_membership(tx: Tx, membership_id: int, ends_on: date | None = None) -> Membership:
    """Set the last day on which a membership counts: today unless given, yesterday to end it at once."""
    membership = await get_membership_for_update(tx, membership_id, "membershipId")
    unit = await get_unit(tx, membership.unit_id)
    rules.require_may_appoint(tx.actor, membership.role, unit.path, "membershipId")
    last = ends_on or tx.today
    rules.require_shortening(membership.ends_on, last)
    rules.require_dates(membership.starts_on, last)
    rules.require_not_backdated(tx.actor, last, tx.today - timedelta(days=1), "endsOn")
    before, membership.ends_on = membership.ends_on, last
    await tx.session.flush()
    tx.record(
        "membership.ended",
        "Membership",
        membership.id,
        unit_id=membership.unit_id,
        data={"person_id": membership.person_id, "ends_on": {"from": before, "to": last}},
    )
    return membership
