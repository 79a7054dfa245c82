"""Who acts in the demonstration: people to be when trying it, and a coordinator in every province.

Units are real, people are invented, and so are their addresses.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import NamedTuple

import sqlalchemy as sa

from vdept.kernel.actor import Role, system
from vdept.kernel.clock import local_date
from vdept.kernel.db import Database, Tx
from vdept.people.actors import actor_for
from vdept.people.models import Person
from vdept.people.service import create_person, grant_membership
from vdept.units.models import Unit, UnitKind
from vdept_workers.demo.season import REGISTRY_SINCE, instant

SYSTEM = system("demo")
NATION, OFFICE, MINISTRY, INSPECTORATE = "TTCP", "VPCP", "BKHCN", "TTRCP"
HUE, THUAN_HOA, NINH_BINH, FIRM = "46", "19786", "37", "0900000011"
"""Codes of the units of the story."""


class Persona(NamedTuple):
    """Somebody to try the platform as."""

    email: str
    name: str
    title: str


ISSUER = "chanhvanphong@example.vn"
COORDINATOR = "dieuphoi.bkhcn@example.vn"
HUE_HEAD = "chutich.hue@example.vn"
HUE_MEMBER = "chuyenvien.hue@example.vn"
COMMUNE_HEAD = "chutich.thuanhoa@example.vn"
FIRM_HEAD = "giamdoc.saomai@example.vn"
ENGINEER = "kysu.saomai@example.vn"
OBSERVER = "thanhtra@example.vn"
ADMINISTRATOR = "quantri@example.vn"

PERSONAS = (
    Persona(ISSUER, "Đặng Quang Nghị", "Chánh Văn phòng Chính phủ, thay mặt Thủ tướng (issues the plan)"),
    Persona(COORDINATOR, "Nguyễn Thu Trà", "Điều phối viên, Bộ Khoa học và Công nghệ (coordinates)"),
    Persona(HUE_HEAD, "Lê Hữu Phước", "Chủ tịch UBND thành phố Huế (head of a province)"),
    Persona(HUE_MEMBER, "Hoàng Thị Mai Anh", "Chuyên viên, thành phố Huế (works in a province)"),
    Persona(COMMUNE_HEAD, "Trương Đình Khải", "Chủ tịch UBND phường Thuận Hóa (head of a commune)"),
    Persona(FIRM_HEAD, "Vũ Thanh Hằng", "Giám đốc, Công ty Sao Mai (head of a firm)"),
    Persona(ENGINEER, "Phan Gia Bảo", "Kỹ sư, Công ty Sao Mai (engineer of a firm)"),
    Persona(OBSERVER, "Đỗ Minh Châu", "Quan sát viên, Thanh tra Chính phủ (looks on)"),
    Persona(ADMINISTRATOR, "Bùi Khánh Vân", "Quản trị viên của nền tảng (administrator)"),
)
_NAMES = {persona.email: persona.name for persona in PERSONAS}

Seats = Sequence[tuple[str, Role]]

SEATS: dict[str, Seats] = {
    ISSUER: ((OFFICE, Role.HEAD), (NATION, Role.COORDINATOR)),
    COORDINATOR: ((MINISTRY, Role.COORDINATOR),),
    HUE_HEAD: ((HUE, Role.HEAD),),
    HUE_MEMBER: ((HUE, Role.MEMBER),),
    COMMUNE_HEAD: ((THUAN_HOA, Role.HEAD),),
    FIRM_HEAD: ((FIRM, Role.HEAD),),
    ENGINEER: ((FIRM, Role.MEMBER),),
    OBSERVER: ((INSPECTORATE, Role.OBSERVER),),
}

FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi")
GIVEN = ("Thanh Tùng", "Ngọc Lan", "Đức Huy", "Thị Hương", "Minh Quân", "Thùy Linh", "Văn Thịnh")


class Cast:
    """Everybody of the demonstration and every unit, found by address and by code."""

    def __init__(self, database: Database, persons: dict[str, Person], units: dict[str, Unit]) -> None:
        self.database = database
        self.persons = persons
        self.units = units

    @property
    def provinces(self) -> list[Unit]:
        """In the order of their codes."""
        return self._of(lambda unit: unit.kind is UnitKind.PROVINCE)

    @property
    def ministries(self) -> list[Unit]:
        return self._of(lambda unit: unit.kind is UnitKind.MINISTRY)

    def communes_of(self, province: str) -> list[Unit]:
        above = self.unit(province)
        return self._of(lambda unit: unit.parent_id == above)

    def _of(self, which: Callable[[Unit], bool]) -> list[Unit]:
        return sorted(filter(which, self.units.values()), key=lambda unit: unit.code)

    def unit(self, code: str) -> int:
        """The id of the unit with this code."""
        return self.units[code].id

    def person(self, email: str) -> int:
        """The id of the person with this address."""
        return self.persons[email].id

    @asynccontextmanager
    async def acting(self, email: str, day: date, hour: int = 9) -> AsyncIterator[Tx]:
        """A transaction of this person, on this day."""
        now = instant(day, hour)
        async with self.database.snapshot(SYSTEM) as reading:
            actor = await actor_for(reading.session, self.persons[email], local_date(now))
        async with self.database.begin(actor, now=now) as tx:
            yield tx

    async def enter(self, tx: Tx, email: str, name: str, seats: Seats) -> None:
        """Enter a person with their roles, unless they are there; without roles they administrate."""
        if email in self.persons:
            return
        first, more = seats[:1], seats[1:]
        unit_id, role = (self.unit(first[0][0]), first[0][1]) if first else (None, Role.MEMBER)
        person = self.persons[email] = await create_person(
            tx,
            name=name,
            email=email,
            administrator=unit_id is None,
            unit_id=unit_id,
            role=role,
            starts_on=REGISTRY_SINCE,
        )
        for code, other in more:
            await grant_membership(tx, person.id, self.unit(code), other, REGISTRY_SINCE)


def speaker_of(province: Unit) -> str:
    """Who commits a province: its head where the demonstration has one, its coordinator elsewhere."""
    return HUE_HEAD if province.code == HUE else f"dieuphoi.{province.code}@example.vn"


async def load_people(database: Database) -> Cast:
    """Enter whoever is missing: the administrator first, and by the administrator everybody else."""
    async with database.begin(SYSTEM) as tx:
        addresses = sa.func.lower(Person.email)
        found = await tx.session.scalars(sa.select(Person).where(addresses.like("%@example.vn")))
        persons = {person.email.lower(): person for person in found}
        units = {unit.code: unit for unit in await tx.session.scalars(sa.select(Unit))}
        cast = Cast(database, persons, units)
        await cast.enter(tx, ADMINISTRATOR, _NAMES[ADMINISTRATOR], ())
        today = tx.today
    async with cast.acting(ADMINISTRATOR, today) as tx:
        for email, seats in SEATS.items():
            await cast.enter(tx, email, _NAMES[email], seats)
        for i, province in enumerate(cast.provinces):
            name = f"{FAMILY[i % len(FAMILY)]} {GIVEN[i % len(GIVEN)]}"
            await cast.enter(tx, speaker_of(province), name, ((province.code, Role.COORDINATOR),))
    return cast
