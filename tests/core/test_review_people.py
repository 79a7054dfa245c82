"""People and units under hostile reading: who still speaks for a unit, and what a filter gives away."""

import asyncio
import hashlib
from datetime import date, timedelta
from typing import Any

import pytest

import factories as make
from factories import NOW, SYSTEM
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import local_date
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.people import queries
from vdept.people.actors import actor_for
from vdept.people.models import AccessToken, Person
from vdept.people.tokens import authenticate
from vdept.units import service
from vdept.units.models import UnitKind

TODAY = local_date(NOW)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


async def as_they_sign_in(tx: Tx, who: Person) -> Actor:
    """The actor behind a token of ``who``, which must be the actor made of the person."""
    token = f"token-{who.id}"
    tx.session.add(
        AccessToken(
            person_id=who.id,
            digest=hashlib.sha256(token.encode()).digest(),
            label="test",
            created_at=NOW,
            expires_at=NOW + timedelta(days=1),
        )
    )
    await tx.session.flush()
    actor = await authenticate(tx, token, tx.now)
    assert actor is not None
    assert actor == await actor_for(tx.session, who, tx.today)
    return actor


@pytest.mark.parametrize(
    ("dates", "speaks"),
    [
        ({"valid_to": YESTERDAY}, False),
        ({"valid_to": TODAY}, True),
        ({"valid_from": TODAY}, True),
        ({"valid_from": TOMORROW}, False),
    ],
)
async def test_nobody_speaks_for_a_unit_that_has_ended_or_not_begun(
    db: Database, dates: dict[str, Any], speaks: bool
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        where = await make.unit(tx, **dates)
        who = await make.person(tx)
        await make.membership(tx, who, where, Role.HEAD)
        actor = await as_they_sign_in(tx, who)
    assert actor.has(where.id, {Role.HEAD}) is speaks
    assert actor.is_public_official is speaks


async def test_a_firm_cannot_ask_which_of_its_people_hold_a_role_in_units_that_it_does_not_see(
    db: Database,
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        firm = await make.unit(tx, kind=UnitKind.FIRM)
        rival = await make.unit(tx, kind=UnitKind.FIRM)
        asking = await make.actor(tx, firm)
        both = await make.person(tx)
        await make.membership(tx, both, firm, Role.MEMBER)
        await make.membership(tx, both, rival, Role.DEPUTY)

    async def found(**which: Any) -> list[int]:
        async with db.snapshot(asking, now=NOW) as tx:
            page = await queries.persons_page(tx, PageRequest(), queries.PersonFilter(**which))
            return [person.id for person in page.rows]

    assert await found(unit_id=rival.id) == []
    assert await found(role=Role.DEPUTY) == []
    assert await found(unit_id=firm.id, role=Role.MEMBER) == [both.id]


async def test_no_unit_is_put_below_one_that_is_just_being_ended(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        government = await make.unit(tx, kind=UnitKind.GOVERNMENT)
        province = await make.unit(tx, parent=government)

    async def put() -> None:
        async with db.begin(SYSTEM, now=NOW) as tx:
            await service.create_unit(
                tx, code="X1", name="Xã", kind=UnitKind.COMMUNE, parent_id=province.id, valid_from=TODAY
            )

    async with db.begin(SYSTEM, now=NOW) as tx:
        await service.update_unit(tx, province.id, valid_to=date(2026, 6, 30))
        other = asyncio.create_task(put())
        await asyncio.sleep(0.2)
        assert not other.done()
    with pytest.raises(Refused, match="UNIT_PARENT_ENDED"):
        await other
