"""A province with a source: what the tests of sources start from."""

from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.db import Database, Tx
from vdept.kernel.scopes import Scope
from vdept.sources.models import Reach, Source
from vdept.sources.receiving import Document, Given, Received, receive
from vdept.targets.models import Indicator, Plan, Target
from vdept.units.models import Unit, UnitKind

SHA = bytes(32)


class World(NamedTuple):
    government: Unit
    province: Unit
    commune: Unit
    other: Unit
    firm: Unit
    ratio: Indicator
    plain: Indicator
    foreign: Indicator
    plan: Plan
    target: Target
    source: Source
    coordinator: Actor
    client: Actor


async def world(tx: Tx, reach: Reach = Reach.SUBTREE) -> World:
    """A province with a source of two indicators; a target of one of them."""
    government = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
    province = await make.unit(tx, "Huế", parent=government, code="46")
    commune = await make.unit(tx, "Phú Xuân", UnitKind.COMMUNE, parent=province, code="0461")
    other = await make.unit(tx, "Đà Nẵng", parent=government, code="48")
    firm = await make.unit(tx, "Công ty A", UnitKind.FIRM)
    ratio = await make.indicator(tx, code="CS-1", minimum=Decimal(0), maximum=Decimal(100))
    plain = await make.indicator(tx, code="CS-2", ratio=False, unit_of_measure="hồ sơ")
    foreign = await make.indicator(tx, code="CS-3", ratio=False)
    plan = await make.plan(tx, government)
    key_result = await make.key_result(tx, plan, ratio)
    target = await make.target(tx, key_result, province)
    source = await make.source(tx, province, ratio, plain, reach=reach, name="Một cửa")
    coordinator = await make.actor(tx, province, Role.COORDINATOR)
    seat = Seat(province.id, Role.COORDINATOR, tuple(province.path), public_body=True)
    scopes = frozenset({Scope.MEASUREMENTS_READ, Scope.MEASUREMENTS_WRITE})
    client = Actor(ActorKind.CLIENT, client_id=9, seats=(seat,), scopes=scopes)
    return World(
        *(government, province, commune, other, firm, ratio, plain, foreign, plan, target, source),
        *(coordinator, client),
    )


async def send(db: Database, w: World, *rows: Given, **more: Any) -> Received:
    async with db.begin(more.pop("actor", w.client), now=NOW) as tx:
        return await receive(tx, w.source, Document(rows, SHA, 7), client_id=9, **more)


async def rows_of(db: Database, table: Any) -> list[Any]:
    async with db.snapshot(SYSTEM) as tx:
        return list(await tx.session.scalars(sa.select(table).order_by(table.id)))


def parts(
    of: str = "46", as_of: Any = "2026-02-28", numerator: Any = "17", denominator: Any = "100"
) -> Given:
    return Given(of, "CS-1", as_of, numerator=numerator, denominator=denominator)
