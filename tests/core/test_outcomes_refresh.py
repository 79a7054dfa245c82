"""Outcomes follow from measurements and tasks, incrementally, level by level."""

from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from vdept.kernel.db import Database, Tx
from vdept.measurements.models import Measurement
from vdept.outcomes.models import Status, TargetOutcome, UnitOutcome
from vdept.outcomes.rebuild import rebuild_plan
from vdept.outcomes.refresh import refresh
from vdept.targets.changes import target_changed
from vdept.targets.models import Basis, Rollup, Target
from vdept.tasks.models import TaskState, TaskTarget
from vdept.units.models import UnitKind


async def measure(
    tx: Tx,
    of: Target,
    basis: Basis,
    *,
    value: Any = None,
    n: Any = None,
    d: Any = None,
    as_of: date = date(2026, 2, 1),
) -> None:
    tx.session.add(
        Measurement(
            indicator_id=of.indicator_id,
            unit_id=of.unit_id,
            basis=basis,
            as_of=as_of,
            value=Decimal(value) if value is not None else round(100 * Decimal(n) / Decimal(d), 6),
            numerator=Decimal(n) if n is not None else None,
            denominator=Decimal(d) if d is not None else None,
            source="test",
            recorded_at=NOW,
        )
    )
    await tx.session.flush()
    await target_changed(tx, of.plan_id, [of.id])


async def outcome(db: Database, of: Target) -> TargetOutcome:
    async with db.snapshot(SYSTEM) as tx:
        return await tx.session.get_one(TargetOutcome, of.id)


async def test_the_story_seventeen_measured_thirty_reported(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        nation = await make.unit(tx, "Thủ tướng Chính phủ", UnitKind.GOVERNMENT)
        provinces = [await make.unit(tx, f"Tỉnh {i}", parent=nation) for i in range(4)]
        what = await make.indicator(tx)
        plan = await make.plan(tx, nation)
        key_result = await make.key_result(tx, plan, what, baseline=Decimal(0))
        root = await make.target(tx, key_result, nation)
        targets = [await make.target(tx, key_result, p, root) for p in provinces]
        await target_changed(tx, plan.id, [t.id for t in [root, *targets]])
        await measure(tx, targets[0], Basis.REPORTED, n=300, d=1000)
        await measure(tx, targets[0], Basis.MEASURED, n=170, d=1000)
        await measure(tx, targets[1], Basis.MEASURED, n=700, d=1000)
    report = await refresh(db, now=NOW)
    assert (report.changes, report.targets, report.more) == (8, 5, False)

    mine = await outcome(db, targets[0])
    assert (mine.measured_value, mine.reported_value) == (Decimal(17), Decimal(30))
    assert mine.attainment == Decimal("0.283333")
    assert mine.status is Status.ON_TRACK  # 60 of 364 days gone: 16 points are expected
    top = await outcome(db, root)
    assert (top.children, top.m_count, top.m_met, top.measured_value) == (4, 2, 1, Decimal(25))
    assert (top.sub_n_on_track, top.sub_n_at_risk, top.sub_n_off_track) == (3, 2, 0)
    async with db.begin(SYSTEM, now=NOW) as tx:
        assert (await rebuild_plan(tx, plan.id)).total == 0
        units = {u.unit_id: u for u in await tx.session.scalars(sa.select(UnitOutcome))}
    assert units[nation.id].sub_binding == 5
    assert units[provinces[1].id].binding_met == 1


async def test_nothing_to_do_touches_nothing(db: Database) -> None:
    assert (await refresh(db, now=NOW)).changes == 0


async def test_every_rule_evaluates(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        nation = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        provinces = [await make.unit(tx, f"Tỉnh {i}", parent=nation) for i in range(3)]
        what = await make.indicator(tx)
        plan = await make.plan(tx, nation)
        roots = {}
        for rule in Rollup:
            key_result = await make.key_result(tx, plan, what, rollup=rule, baseline=Decimal(0))
            roots[rule] = await make.target(tx, key_result, nation)
            below = [
                await make.target(tx, key_result, p, roots[rule], weight=Decimal(i + 1))
                for i, p in enumerate(provinces)
            ]
            await target_changed(tx, plan.id, [roots[rule].id, *(t.id for t in below)])
        for i, t in enumerate(below):
            await measure(tx, t, Basis.MEASURED, n=(20, 70, 90)[i], d=(100, 100, 200)[i])
    await refresh(db, now=NOW)
    got = {rule: (await outcome(db, root)).measured_value for rule, root in roots.items()}
    assert got == {
        Rollup.EACH: Decimal("33.333333"),
        Rollup.SUM: Decimal(135),
        Rollup.MEAN: Decimal(45),
        Rollup.WEIGHTED_MEAN: Decimal("49.166667"),
        Rollup.RATIO: Decimal(45),
        Rollup.MIN: Decimal(20),
        Rollup.MAX: Decimal(70),
        Rollup.OWN: None,
        Rollup.MILESTONE: None,
    }
    async with db.begin(SYSTEM, now=NOW) as tx:
        assert (await rebuild_plan(tx, plan.id)).total == 0


async def test_each_is_met_only_when_all_children_are_and_its_own_reading_too(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        nation = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        provinces = [await make.unit(tx, f"Tỉnh {i}", parent=nation) for i in range(2)]
        plan = await make.plan(tx, nation)
        key_result = await make.key_result(tx, plan, await make.indicator(tx), baseline=Decimal(0))
        root = await make.target(tx, key_result, nation)
        below = [await make.target(tx, key_result, p, root) for p in provinces]
        await target_changed(tx, plan.id, [root.id])
        for t in below:
            await measure(tx, t, Basis.MEASURED, n=70, d=100)

    async def after(of: Target | None = None, **reading: Any) -> tuple[bool, Decimal | None]:
        if of is not None:
            async with db.begin(SYSTEM, now=NOW) as tx:
                await measure(tx, of, Basis.MEASURED, **reading)
        await refresh(db, now=NOW)
        top = await outcome(db, root)
        return top.meets, top.measured_value

    assert await after() == (True, Decimal(100))
    assert await after(root, n=50, d=100) == (False, Decimal(50))
    assert await after(root, n=65, d=100) == (True, Decimal(65))
    assert await after(below[0], n=10, d=100) == (False, Decimal(65))


async def test_a_milestone_is_reached_by_what_was_delivered_in_time(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        nation = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        plan = await make.plan(tx, nation)
        key_result = await make.key_result(
            tx, plan, await make.indicator(tx, ratio=False), rollup=Rollup.MILESTONE, value=Decimal(100)
        )
        milestone = await make.target(tx, key_result, nation, due_on=date(2026, 2, 20))
        for delivered_on in (date(2026, 2, 20), date(2026, 2, 21)):
            work = await make.task(
                tx, nation, nation, of=plan, state=TaskState.VERIFIED, delivered_on=delivered_on
            )
            tx.session.add(TaskTarget(task_id=work.id, target_id=milestone.id, weight=Decimal(1)))
        await tx.session.flush()
        await target_changed(tx, plan.id, [milestone.id])
    await refresh(db, now=NOW)
    stood = await outcome(db, milestone)
    assert (stood.measured_value, stood.meets, stood.status) == (Decimal(50), False, Status.NOT_MET)
