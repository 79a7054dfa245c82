"""A plan to publish: five key results, each with its way to add up, on a small tree, values of both bases."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import local_date
from vdept.kernel.db import Database
from vdept.kernel.vault import Vault
from vdept.measurements.models import Measurement
from vdept.outcomes.refresh import refresh
from vdept.publications import content, publishing
from vdept.publications.layout import Content, TargetRow, UnitRow, read_target, read_unit
from vdept.publications.models import Edition, EditionFormat
from vdept.targets.changes import target_changed
from vdept.targets.models import Audience, Basis, Plan, Rollup, Target
from vdept.tasks.models import TaskState, TaskTarget
from vdept.units.models import Unit, UnitKind

D = Decimal
VAULT = Vault("0123456789abcdef0123456789abcdef")
ROLLUPS = (Rollup.SUM, Rollup.RATIO, Rollup.EACH, Rollup.WEIGHTED_MEAN, Rollup.MILESTONE)


@dataclass
class Scene:
    """Who is there."""

    plan: Plan
    nation: Unit
    provinces: list[Unit]
    communes: list[Unit]
    targets: list[Target]
    head: Actor
    official: Actor
    citizen: Actor


async def build(db: Database, **plan: Any) -> Scene:
    """The nation, three provinces with two communes each; Huế and Lào Cai tie, Sơn La lies behind."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        nation = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        provinces = [await make.unit(tx, name, parent=nation) for name in ("Huế", "Lào Cai", "Sơn La")]
        communes = [
            await make.unit(tx, f"Xã {number} {above.name}", UnitKind.COMMUNE, parent=above)
            for above in provinces
            for number in (1, 2)
        ]
        of = await make.plan(tx, nation, **{"code": "KH-2026", "audience": Audience.GOVERNMENT, **plan})
        targets: list[Target] = []
        for rollup in ROLLUPS:
            what = await make.indicator(tx, ratio=rollup is Rollup.RATIO)
            key_result = await make.key_result(tx, of, what, baseline=D(0), rollup=rollup, value=D(80))
            root = await make.target(tx, key_result, nation)
            middle = [await make.target(tx, key_result, each, root) for each in provinces]
            leaves = [
                await make.target(tx, key_result, each, middle[at // 2]) for at, each in enumerate(communes)
            ]
            targets += [root, *middle, *leaves]
            if rollup is Rollup.MILESTONE:
                work = await make.task(
                    tx, nation, nation, of=of, title="Việc mật", state=TaskState.IN_PROGRESS
                )
                tx.session.add(TaskTarget(task_id=work.id, target_id=leaves[0].id, weight=D(1)))
                continue
            for at, each in enumerate(communes):
                value = D(30) if at < 4 else D(10)
                await measure(tx, what.id, each, value, ratio=rollup is Rollup.RATIO)
            await measure(tx, what.id, communes[0], D(55), Basis.REPORTED, ratio=rollup is Rollup.RATIO)
        await target_changed(tx, of.id, [each.id for each in targets])
        firm = await make.unit(tx, "Công ty", UnitKind.FIRM)
        head = await make.actor(tx, nation, Role.HEAD)
        official = await make.actor(tx, provinces[2], Role.MEMBER)
        citizen = await make.actor(tx, firm, Role.HEAD)
    await refresh(db, now=NOW)
    return Scene(of, nation, provinces, communes, targets, head, official, citizen)


async def measure(
    tx: Any,
    indicator_id: int,
    of: Unit,
    value: Decimal,
    basis: Basis = Basis.MEASURED,
    *,
    ratio: bool = False,
    as_of: date = date(2026, 2, 1),
) -> None:
    tx.session.add(
        Measurement(
            indicator_id=indicator_id,
            unit_id=of.id,
            basis=basis,
            as_of=as_of,
            value=value,
            numerator=value if ratio else None,
            denominator=D(100) if ratio else None,
            source="=HỆ THỐNG(1)",
            recorded_at=NOW,
        )
    )
    await tx.session.flush()


async def publish(db: Database, scene: Scene, *, now: datetime = NOW, **more: Any) -> Edition:
    """Publish, and insist that something was."""
    made = await publishing.publish(db, VAULT, scene.plan.id, as_of=local_date(now), now=now, **more)
    assert made is not None
    return made


async def file_of(db: Database, edition: Edition, of: EditionFormat = EditionFormat.JSON) -> bytes:
    async with db.snapshot(SYSTEM) as tx:
        return b"".join([part async for part in content.chunks(tx, edition.id, of)])


async def read(db: Database, edition: Edition) -> tuple[Content, list[UnitRow], list[TargetRow]]:
    """The content with its rows."""
    said = msgspec.json.decode(await file_of(db, edition), type=Content)
    units = [read_unit(raw) for raw in said.units.rows]
    return said, units, [read_target(raw) for raw in said.targets.rows]


async def correct(db: Database, scene: Scene, of: Unit, value: Decimal) -> None:
    """A later measurement of every indicator of the plan for one unit, rolled up."""
    async with db.begin(SYSTEM, now=NOW + timedelta(hours=1)) as tx:
        wanted = sa.text(
            "SELECT DISTINCT t.id, t.indicator_id, i.numerator IS NOT NULL AS ratio FROM target t "
            "JOIN key_result k ON k.id = t.key_result_id JOIN indicator i ON i.id = t.indicator_id "
            "WHERE t.plan_id = :plan AND t.unit_id = :unit AND k.rollup <> 'MILESTONE'"
        )
        rows = (await tx.session.execute(wanted, {"plan": scene.plan.id, "unit": of.id})).all()
        for row in rows:
            await measure(tx, row.indicator_id, of, value, ratio=row.ratio, as_of=date(2026, 2, 20))
        await target_changed(tx, scene.plan.id, [row.id for row in rows])


def by_code(units: list[UnitRow]) -> Mapping[str, UnitRow]:
    return {row.code: row for row in units}
