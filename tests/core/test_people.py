"""Persons and the roles they hold between two dates: who may say who is what, and from when."""

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import factories
from factories import NOW, SYSTEM
from vdept.kernel import activity
from vdept.kernel.actor import MANAGING, Actor, ActorKind, Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale, Refused
from vdept.kernel.pages import PageRequest
from vdept.people import queries
from vdept.people.access import get_membership, get_person, get_person_by_email
from vdept.people.actors import actor_for
from vdept.people.models import Membership, Person
from vdept.people.queries import PersonFilter
from vdept.people.service import create_person, end_membership, grant_membership, update_person
from vdept.units.models import Unit, UnitKind

TODAY = date(2026, 3, 2)
DAY = timedelta(days=1)
NOBODY = Actor(ActorKind.PERSON)


@dataclass
class World:
    """Two provinces under a government, a commune, two firms, and their people as actors."""

    top: Unit
    province: Unit
    commune: Unit
    other: Unit
    firm: Unit
    rival: Unit
    actors: dict[tuple[str, Role], Actor]
    somebody: Person
    admin: Actor


@pytest.fixture
async def world(db: Database) -> World:
    async with db.begin(SYSTEM, now=NOW) as tx:
        top = await factories.unit(tx, kind=UnitKind.GOVERNMENT)
        province = await factories.unit(tx, "Hà Nội", UnitKind.PROVINCE, top)
        commune = await factories.unit(tx, "Ba Đình", UnitKind.COMMUNE, province)
        other = await factories.unit(tx, "Huế", UnitKind.PROVINCE, top)
        firm = await factories.unit(tx, "Sao Mai", UnitKind.FIRM)
        rival = await factories.unit(tx, "Lúa Vàng", UnitKind.FIRM)
        units = {"top": top, "province": province, "commune": commune, "other": other, "firm": firm}
        actors = {
            (name, role): await factories.actor(tx, unit, role, name=f"{name} {role}")
            for name, unit in units.items()
            for role in Role
        }
        somebody = await create_person(tx, name="Trần Thị Bưởi", email="Buoi@Example.vn")
        admin = await actor_for(tx.session, await factories.person(tx, administrator=True), TODAY)
    return World(top, province, commune, other, firm, rival, actors, somebody, admin)


async def everything(db: Database) -> list[tuple[Any, ...]]:
    async with db.snapshot(SYSTEM) as tx:
        kept: list[tuple[Any, ...]] = []
        for table in (Person.__table__, Membership.__table__):
            kept += map(tuple, await tx.session.execute(sa.select(table).order_by(table.c.id)))
        entries = await tx.session.execute(sa.select(sa.func.count()).select_from(activity.Activity))
        return [*kept, *map(tuple, entries)]


async def refused(db: Database, actor: Actor, verb: Any, *args: Any, **values: Any) -> tuple[str, str]:
    """Run a verb that must be refused; nothing may change by it."""
    before = await everything(db)
    with pytest.raises(Refused) as error:
        async with db.begin(actor, now=NOW) as tx:
            await verb(tx, *args, **values)
    assert await everything(db) == before
    for locale in Locale:
        assert error.value.message(locale)
    return error.value.code, ".".join(map(str, error.value.path))


async def last(db: Database) -> activity.Activity:
    async with db.snapshot(SYSTEM) as tx:
        return (await activity.read_feed(tx.session, None, 1000))[-1]


MANAGERS = sorted(MANAGING)
PERMITTED: dict[str, dict[bool, set[tuple[str, Role]]]] = {
    # unit: {appointed role: who may give it}; every actor of the world not named is refused
    "commune": {
        True: {("province", Role.HEAD), ("top", Role.HEAD)},
        False: {(unit, role) for unit in ("commune", "province", "top") for role in MANAGERS},
    },
    "firm": {True: set(), False: {("firm", role) for role in MANAGERS}},
    "top": {True: set(), False: {("top", role) for role in MANAGERS}},
}


@pytest.mark.parametrize("where", list(PERMITTED))
@pytest.mark.parametrize("role", list(Role))
async def test_the_matrix_of_who_may_give_and_end_a_role(
    db: Database, world: World, where: str, role: Role
) -> None:
    unit: Unit = getattr(world, where)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(
            sa.delete(Membership).where(Membership.unit_id == unit.id, Membership.role == Role.HEAD)
        )
    allowed = PERMITTED[where][role in {Role.HEAD, Role.DEPUTY}]
    for key, actor in [*world.actors.items(), (None, world.admin), (None, SYSTEM)]:
        person = world.somebody
        if key in allowed or key is None:
            async with db.begin(actor, now=NOW) as tx:
                if not (key and key[0] == "firm"):  # a firm does not see people of no unit
                    granted = await grant_membership(tx, person.id, unit.id, role)
                else:
                    made = await create_person(tx, name="A B", email="ab@x.vn", unit_id=unit.id, role=role)
                    granted = (await queries.memberships_of_persons(tx, [made.id]))[made.id][0]
                await end_membership(tx, granted.id)
                tx.entries.clear()
                await tx.session.execute(sa.delete(Membership).where(Membership.id == granted.id))
                await tx.session.execute(sa.delete(Person).where(Person.email == "ab@x.vn"))
        else:
            code, path = await refused(db, actor, grant_membership, person.id, unit.id, role)
            firm_only = key[0] == "firm"
            assert (code, path) == (("NOT_FOUND", "personId") if firm_only else ("FORBIDDEN", "unitId"))
            new = {"name": "A B", "email": "ab@x.vn", "unit_id": unit.id, "role": role}
            assert await refused(db, actor, create_person, **new) == ("FORBIDDEN", "unitId")
    async with db.begin(SYSTEM, now=NOW) as tx:
        granted = await grant_membership(tx, world.somebody.id, unit.id, role)
    for key, actor in world.actors.items():
        if key not in allowed:
            code, _ = await refused(db, actor, end_membership, granted.id)
            hidden = key[0] == "firm" and where != "firm"
            assert code == ("NOT_FOUND" if hidden else "FORBIDDEN")


async def test_a_unit_has_one_head_on_any_day(db: Database, world: World) -> None:
    world_head = world.actors["commune", Role.HEAD].person_id
    assert await refused(
        db, SYSTEM, grant_membership, world.somebody.id, world.commune.id, Role.HEAD, TODAY, TODAY + 9 * DAY
    ) == ("UNIT_HAS_HEAD", "unitId")
    async with db.begin(SYSTEM, now=NOW) as tx:
        held = (await queries.memberships_of_persons(tx, [world_head or 0]))[world_head or 0][0]
    assert await refused(db, SYSTEM, grant_membership, world_head, world.commune.id, Role.HEAD) == (
        "MEMBERSHIP_TWICE",
        "personId",
    )
    async with db.begin(SYSTEM, now=NOW) as tx:
        await end_membership(tx, held.id, TODAY - DAY)
        granted = await grant_membership(tx, world.somebody.id, world.commune.id, Role.HEAD)
        assert granted.starts_on == TODAY
    entry = await last(db)
    assert (entry.verb, entry.subject_id, entry.unit_id, entry.data) == (
        "membership.granted",
        granted.id,
        world.commune.id,
        {"person_id": world.somebody.id, "role": "HEAD", "starts_on": "2026-03-02", "ends_on": None},
    )
    async with db.snapshot(SYSTEM, now=NOW) as tx:
        today = await queries.head_of_units(tx, [world.commune.id])
        yesterday = await queries.head_of_units(tx, [world.commune.id], TODAY - DAY)
        assert today[world.commune.id].id == world.somebody.id
        assert yesterday[world.commune.id].id == world_head


async def test_two_administrators_naming_a_head_at_once_leave_one_head(db: Database, world: World) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(
            sa.update(Membership)
            .where(Membership.unit_id == world.other.id, Membership.role == Role.HEAD)
            .values(ends_on=TODAY - DAY)
        )
        second = await factories.person(tx)

    async def appoint(person: Person) -> str:
        try:
            async with db.begin(SYSTEM, now=NOW) as tx:
                await grant_membership(tx, person.id, world.other.id, Role.HEAD)
                await asyncio.sleep(0.1)
        except Refused as error:
            return error.code
        return "granted"

    answers = await asyncio.gather(appoint(world.somebody), appoint(second))
    assert sorted(answers) == ["UNIT_HAS_HEAD", "granted"]


async def test_yesterdays_head_cannot_act_and_tomorrows_not_yet(db: Database, world: World) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        unit = await factories.unit(tx, kind=UnitKind.COMMUNE, parent=world.province)
        old = await factories.person(tx)
        new = await factories.person(tx)
        await grant_membership(tx, old.id, unit.id, Role.HEAD, TODAY - 30 * DAY, TODAY)
        await grant_membership(tx, new.id, unit.id, Role.HEAD, TODAY + DAY)
    async with db.snapshot(SYSTEM, now=NOW) as tx:
        seats = {
            (who, day): (await actor_for(tx.session, who, day)).has(unit.id, {Role.HEAD})
            for who in (old, new)
            for day in (TODAY - 31 * DAY, TODAY, TODAY + DAY)
        }
    assert [seats[old, TODAY + n * DAY] for n in (-31, 0, 1)] == [False, True, False]
    assert [seats[new, TODAY + n * DAY] for n in (-31, 0, 1)] == [False, False, True]
    async with db.snapshot(SYSTEM, now=NOW) as tx:
        yesterday_head = await actor_for(tx.session, old, TODAY + DAY)
    code, _ = await refused(db, yesterday_head, create_person, name="A", email="a@b.vn", unit_id=unit.id)
    assert code == "FORBIDDEN"


async def test_memberships_with_wrong_dates_units_or_persons_are_refused(db: Database, world: World) -> None:
    head = world.actors["province", Role.HEAD]
    async with db.begin(SYSTEM, now=NOW) as tx:
        gone = await factories.unit(tx, kind=UnitKind.COMMUNE, parent=world.province, valid_to=TODAY - DAY)
        idle = await factories.person(tx, active=False)
    grant = grant_membership
    person, unit, member = world.somebody.id, world.commune.id, Role.MEMBER
    for args, expected in [
        ((person, unit, member, TODAY, TODAY - DAY), ("MEMBERSHIP_DATES", "endsOn")),
        ((person, unit, member, TODAY - DAY), ("BACKDATED", "startsOn")),
        ((person, gone.id, member), ("UNIT_ENDED", "unitId")),
        ((idle.id, unit, member), ("PERSON_INACTIVE", "personId")),
        ((10**15, unit, member), ("NOT_FOUND", "personId")),
        ((person, 10**15, member), ("NOT_FOUND", "unitId")),
    ]:
        assert await refused(db, head, grant, *args) == expected
    assert await refused(db, NOBODY, grant, person, unit, member) == ("NOT_FOUND", "unitId")
    async with db.begin(head, now=NOW) as tx:
        granted = await grant(tx, person, unit, member, TODAY, TODAY + 10 * DAY)
    for overlap in [(TODAY + 10 * DAY, None), (TODAY, TODAY)]:
        assert await refused(db, head, grant, person, unit, member, *overlap) == (
            "MEMBERSHIP_TWICE",
            "personId",
        )
    async with db.begin(head, now=NOW) as tx:
        await grant(tx, person, unit, member, TODAY + 11 * DAY)
    for ends_on, expected in [
        (TODAY + 11 * DAY, ("MEMBERSHIP_ENDED", "endsOn")),
        (TODAY - DAY, ("MEMBERSHIP_DATES", "endsOn")),
    ]:
        assert await refused(db, head, end_membership, granted.id, ends_on) == expected
    assert await refused(db, head, end_membership, 10**15) == ("NOT_FOUND", "membershipId")
    async with db.snapshot(SYSTEM, now=NOW) as tx:
        deputy = next(
            m
            for m in (await queries.memberships_of_units(tx, [unit], PageRequest()))[unit].rows
            if m.role is Role.DEPUTY
        )
    assert await refused(db, head, end_membership, deputy.id, TODAY - 2 * DAY) == ("BACKDATED", "endsOn")
    async with db.begin(head, now=NOW) as tx:
        await end_membership(tx, deputy.id, TODAY - DAY)
    entry = await last(db)
    assert (entry.verb, entry.data["ends_on"]) == ("membership.ended", {"from": None, "to": "2026-03-01"})


async def test_a_person_is_entered_once_with_a_name_and_an_address(db: Database, world: World) -> None:
    for values, expected in [
        ({"name": "", "email": "a@b.vn"}, ("INVALID_VALUE", "name")),
        ({"name": "An", "email": "không phải"}, ("INVALID_VALUE", "email")),
        ({"name": "An", "email": "a@b"}, ("INVALID_VALUE", "email")),
        ({"name": "An", "email": "a b@c.vn"}, ("INVALID_VALUE", "email")),
        ({"name": "An", "email": " BUOI@example.VN "}, ("EMAIL_TAKEN", "email")),
        ({"name": "An", "email": "a@b.vn", "unit_id": 10**15}, ("NOT_FOUND", "unitId")),
    ]:
        assert await refused(db, world.admin, create_person, **values) == expected
    head = world.actors["province", Role.HEAD]
    assert await refused(db, head, create_person, name="An", email="a@b.vn") == ("FORBIDDEN", "unitId")
    grab = {"name": "An", "email": "a@b.vn", "unit_id": world.province.id, "administrator": True}
    assert await refused(db, head, create_person, **grab) == ("FORBIDDEN", "unitId")
    async with db.begin(head, now=NOW) as tx:
        made = await create_person(tx, name=" Đặng  An ", email="an@hanoi.gov.vn", unit_id=world.commune.id)
        [held] = (await queries.memberships_of_persons(tx, [made.id]))[made.id]
    assert (made.name, made.search, made.administrator, made.active, made.locale) == (
        "Đặng An",
        "dang an an@hanoi.gov.vn",
        False,
        True,
        Locale.VI,
    )
    assert (held.unit_id, held.role, held.starts_on) == (world.commune.id, Role.MEMBER, TODAY)


async def test_one_changes_ones_own_language_and_administrators_change_the_rest(
    db: Database, world: World
) -> None:
    member = world.actors["province", Role.MEMBER]
    own = member.person_id
    for values in ({"name": "X"}, {"email": "x@y.vn"}, {"administrator": True}, {"active": False}):
        assert await refused(db, member, update_person, own, **values) == ("FORBIDDEN", "personId")
    other = world.somebody.id
    assert await refused(db, member, update_person, other, locale=Locale.EN) == ("FORBIDDEN", "personId")
    firm = world.actors["firm", Role.HEAD]
    assert await refused(db, firm, update_person, other, locale=Locale.EN) == ("NOT_FOUND", "personId")
    async with db.begin(member, now=NOW) as tx:
        changed = await update_person(tx, own or 0, locale=Locale.EN, expected_version=1)
        assert (changed.locale, changed.version) == (Locale.EN, 2)
    admin = world.admin
    for target, values, expected in [
        (own, {"email": "buoi@EXAMPLE.vn"}, ("EMAIL_TAKEN", "email")),
        (own, {"name": " "}, ("INVALID_VALUE", "name")),
        (own, {"name": "Y", "expected_version": 1}, ("STALE_VERSION", "expectedVersion")),
        (admin.person_id, {"active": False}, ("LAST_ADMINISTRATOR", "personId")),
        (admin.person_id, {"administrator": False}, ("LAST_ADMINISTRATOR", "personId")),
    ]:
        assert await refused(db, admin, update_person, target, **values) == expected
    async with db.begin(admin, now=NOW) as tx:
        await update_person(tx, other, administrator=True, name="Bưởi", email="b@x.vn")
        await update_person(tx, admin.person_id or 0, administrator=False)
    entry = await last(db)
    assert (entry.verb, entry.subject_id, entry.data) == (
        "person.updated",
        admin.person_id,
        {"administrator": {"from": True, "to": False}},
    )
    async with db.snapshot(SYSTEM) as tx:
        assert (await get_person_by_email(tx, "B@X.VN")).search == "buoi b@x.vn"


async def test_officials_see_everybody_and_firms_their_own(db: Database, world: World) -> None:
    firm, official = world.actors["firm", Role.OBSERVER], world.actors["commune", Role.OBSERVER]
    own = {actor.person_id for (unit, _), actor in world.actors.items() if unit == "firm"}
    async with db.begin(SYSTEM, now=NOW) as tx:
        rival = await factories.actor(tx, world.rival)
        alone = await actor_for(tx.session, world.somebody, TODAY)
    seen: dict[str, set[int | None]] = {}
    for name, actor in {"firm": firm, "official": official, "alone": alone, "nobody": NOBODY}.items():
        async with db.snapshot(actor, now=NOW) as tx:
            page = await queries.persons_page(tx, PageRequest(first=100))
            seen[name] = {person.id for person in page.rows}
            assert page.count is not None
            assert await page.count() == len(page.rows)
            assert set(await queries.persons_by_ids(tx, [rival.person_id or 0, *own])) <= seen[name]
    assert seen["firm"] == own
    assert len(seen["official"]) == 25 + 1 + 1 + 1
    assert seen["alone"] == {world.somebody.id}
    assert seen["nobody"] == set()
    async with db.snapshot(SYSTEM, now=NOW) as tx:
        pages = await queries.memberships_of_units(tx, [world.firm.id, world.rival.id], PageRequest())
        assert [len(pages[unit.id].rows) for unit in (world.firm, world.rival)] == [5, 1]
        [rivals] = pages[world.rival.id].rows
    async with db.snapshot(firm, now=NOW) as tx:
        pages = await queries.memberships_of_units(tx, [world.firm.id, world.rival.id], PageRequest())
        assert [len(pages[unit.id].rows) for unit in (world.firm, world.rival)] == [5, 0]
        assert await queries.memberships_by_ids(tx, [rivals.id]) == {}
        assert set(await queries.head_of_units(tx, [world.firm.id, world.rival.id])) == {world.firm.id}
        for hidden in (get_person(tx, rival.person_id or 0), get_membership(tx, rivals.id)):
            with pytest.raises(Refused, match="NOT_FOUND"):
                await hidden


async def test_persons_are_found_by_words_unit_and_role(db: Database, world: World) -> None:
    async with db.snapshot(SYSTEM, now=NOW) as tx:

        async def names(which: PersonFilter) -> list[str]:
            return [p.name for p in (await queries.persons_page(tx, PageRequest(), which)).rows]

        assert await names(PersonFilter(text="buoi tran")) == ["Trần Thị Bưởi"]
        assert await names(PersonFilter(text="example.vn buoi")) == ["Trần Thị Bưởi"]
        assert await names(PersonFilter(text="%")) == []
        assert await names(PersonFilter(unit_id=world.firm.id, role=Role.HEAD)) == ["firm HEAD"]
        assert len(await names(PersonFilter(role=Role.HEAD))) == 5
        assert await names(PersonFilter(active=False)) == []
    async with db.snapshot(SYSTEM, now=NOW - timedelta(days=365 * 40)) as tx:
        assert await names(PersonFilter(unit_id=world.firm.id)) == []
