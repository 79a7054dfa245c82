"""Assigning a target on: one act, any number of units, all or nothing, never laxer, downwards only."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from statements import counting
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Locale, Refused, RefusedMany
from vdept.targets.cascade import assign
from vdept.targets.models import (
    Direction,
    OutcomeChange,
    Plan,
    PlanState,
    Rollup,
    Target,
    TargetState,
)
from vdept.units.models import Unit, UnitKind


class Nation(NamedTuple):
    """A government, three provinces of two communes each, a ministry, a firm; a plan with its root target."""

    government: Unit
    provinces: list[Unit]
    communes: list[Unit]
    ministry: Unit
    firm: Unit
    plan: Plan
    root: Target
    head: Actor


async def nation(tx: Tx, *, rollup: Rollup = Rollup.EACH, **of_key_result: Any) -> Nation:
    government = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
    provinces = [await make.unit(tx, name, parent=government) for name in ("Cao Bằng", "Huế", "Lào Cai")]
    communes = [
        await make.unit(tx, f"Xã {n} {p.name}", UnitKind.COMMUNE, parent=p) for p in provinces for n in (1, 2)
    ]
    ministry = await make.unit(tx, "Bộ Y tế", UnitKind.MINISTRY, parent=government)
    firm = await make.unit(tx, "Công ty A", UnitKind.FIRM)
    plan = await make.plan(tx, government)
    indicator = await make.indicator(
        tx,
        direction=of_key_result.pop("direction", Direction.AT_LEAST),
        minimum=Decimal(0),
        maximum=Decimal(100),
    )
    key_result = await make.key_result(tx, plan, indicator, rollup=rollup, **of_key_result)
    root = await make.target(tx, key_result, government)
    head = await make.actor(tx, government)
    return Nation(government, provinces, communes, ministry, firm, plan, root, head)


async def counts(db: Database) -> tuple[int, int, int]:
    """How many targets, activities and change rows there are: what a refusal must not move."""
    async with db.snapshot(SYSTEM) as tx:
        return tuple(  # type: ignore[return-value]
            [
                await tx.session.scalar(sa.select(sa.func.count()).select_from(table))
                for table in (Target, Activity, OutcomeChange)
            ]
        )


async def test_one_act_gives_every_province_its_target_activity_and_change_row(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
    async with db.begin(n.head, now=NOW) as tx:
        result = await assign(tx, n.root.id, all_of_kind=UnitKind.PROVINCE)
        assert tx.rung == {"outcomes"}
    assert result.count == 3
    assert len(result.first_ids) == 3
    assert result.refusals == ()
    async with db.snapshot(SYSTEM) as tx:
        targets = (
            await tx.session.scalars(
                sa.select(Target).where(Target.parent_id == n.root.id).order_by(Target.unit_id)
            )
        ).all()
        said = (
            await tx.session.scalars(
                sa.select(Activity).where(Activity.verb == "target.assigned").order_by(Activity.subject_id)
            )
        ).all()
        changed = (await tx.session.execute(sa.select(OutcomeChange.plan_id, OutcomeChange.target_id))).all()
    assert [t.unit_id for t in targets] == [p.id for p in n.provinces]
    assert sorted(result.first_ids) == [t.id for t in targets]
    for t in targets:
        assert (t.plan_id, t.key_result_id, t.indicator_id) == (
            n.plan.id,
            n.root.key_result_id,
            n.root.indicator_id,
        )
        assert (t.value, t.value_high, t.weight, t.level) == (Decimal(60), None, Decimal(1), 1)
        assert (t.starts_on, t.due_on, t.state) == (
            date(2026, 3, 2),
            date(2026, 12, 31),
            TargetState.ACTIVE,
        )
        assert (t.assigned_by_unit_id, t.assigned_by_id, t.assigned_at) == (
            n.government.id,
            n.head.person_id,
            NOW,
        )
        assert (t.acknowledged_at, t.acknowledged_by_id, t.version) == (None, None, 1)
    assert [(a.subject_id, a.unit_id, a.plan_id, a.person_id, a.actor, a.at, a.data) for a in said] == [
        (
            t.id,
            t.unit_id,
            n.plan.id,
            n.head.person_id,
            n.head.key,
            NOW,
            {"parentId": str(n.root.id), "dueOn": "2026-12-31", "value": "60"},
        )
        for t in targets
    ]
    assert sorted(changed) == [(n.plan.id, t.id) for t in targets]


async def test_a_unit_assigns_on_to_units_below_it_with_its_own_stricter_values(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
        await assign(tx, n.root.id, all_of_kind=UnitKind.PROVINCE, value=Decimal("62.5"))
        province = (
            await tx.session.scalars(sa.select(Target).where(Target.unit_id == n.provinces[0].id))
        ).one()
        coordinator = await make.actor(tx, n.provinces[0], Role.COORDINATOR)
    async with db.begin(coordinator, now=NOW) as tx:
        first, second = n.communes[0].id, n.communes[1].id
        result = await assign(
            tx,
            province.id,
            unit_ids=[first, second],
            values_by_unit={second: Decimal("70.25")},
            weights_by_unit={first: Decimal(3)},
            due_on=date(2026, 11, 30),
        )
    assert result.count == 2
    async with db.snapshot(SYSTEM) as tx:
        rows = (
            await tx.session.execute(
                sa.select(Target.unit_id, Target.value, Target.weight, Target.due_on, Target.level)
                .where(Target.parent_id == province.id)
                .order_by(Target.unit_id)
            )
        ).all()
        said = (
            await tx.session.scalars(
                sa.select(Activity.data["value"].astext)
                .where(Activity.unit_id.in_([first, second]))
                .order_by(Activity.unit_id)
            )
        ).all()
    assert [tuple(row) for row in rows] == [
        (first, Decimal("62.5"), Decimal(3), date(2026, 11, 30), 2),
        (second, Decimal("70.25"), Decimal(1), date(2026, 11, 30), 2),
    ]
    assert said == ["62.5", "70.25"]


async def test_the_issuer_reaches_firms_from_the_root_only(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
        await assign(tx, n.root.id, unit_ids=[n.provinces[0].id])
        assert (await assign(tx, n.root.id, all_of_kind=UnitKind.FIRM)).count == 1
        other = await make.unit(tx, "Công ty B", UnitKind.FIRM)
        province = (
            await tx.session.scalars(sa.select(Target).where(Target.unit_id == n.provinces[0].id))
        ).one()
    before = await counts(db)
    with pytest.raises(Refused) as refused:
        async with db.begin(SYSTEM, now=NOW) as tx:
            await assign(tx, province.id, unit_ids=[other.id])
    assert refused.value.code == "UNITS_NOT_BELOW"
    assert refused.value.params == {"count": 1, "units": "Công ty B"}
    assert await counts(db) == before


@pytest.mark.parametrize(
    "fault", ["unknown", "ended", "sideways", "upwards", "held", "laxer", "late", "early"]
)
async def test_one_unit_in_the_way_refuses_the_whole_act(db: Database, fault: str) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
        await assign(tx, n.root.id, unit_ids=[n.provinces[0].id], due_on=date(2026, 10, 31))
        province = (
            await tx.session.scalars(sa.select(Target).where(Target.unit_id == n.provinces[0].id))
        ).one()
        ended = await make.unit(
            tx, "Xã cũ", UnitKind.COMMUNE, parent=n.provinces[0], valid_to=date(2026, 3, 1)
        )
        await assign(tx, province.id, unit_ids=[n.communes[1].id])
    good = n.communes[0].id
    asked: dict[str, Any] = {"unit_ids": [good]}
    match fault:
        case "unknown":
            asked["unit_ids"].append(999_999)
        case "ended":
            asked["unit_ids"].append(ended.id)
        case "sideways":
            asked["unit_ids"].append(n.communes[2].id)
        case "upwards":
            asked["unit_ids"].append(n.government.id)
        case "held":
            asked["unit_ids"].append(n.communes[1].id)
        case "laxer":
            asked["values_by_unit"] = {good: Decimal("59.999999")}
        case "late":
            asked["due_on"] = date(2026, 11, 1)
        case "early":
            asked["due_on"] = date(2025, 12, 31)
    before = await counts(db)
    with pytest.raises((Refused, RefusedMany)) as refused:
        async with db.begin(SYSTEM, now=NOW) as tx:
            await assign(tx, province.id, **asked)
    # the government is above the province *and* holds the root already: both are said
    given = refused.value.refusals if isinstance(refused.value, RefusedMany) else [refused.value]
    assert [(r.code, r.params.get("units"), r.path) for r in given] == {
        "unknown": [("UNITS_UNKNOWN", "999999", ("unitIds",))],
        "ended": [("UNITS_NOT_IN_FORCE", "Xã cũ", ("unitIds",))],
        "sideways": [("UNITS_NOT_BELOW", "Xã 1 Huế", ("unitIds",))],
        "upwards": [
            ("UNITS_NOT_BELOW", "Chính phủ", ("unitIds",)),
        ],
        "held": [("UNITS_ALREADY_HOLD", "Xã 2 Cao Bằng", ("unitIds",))],
        "laxer": [("UNITS_LAXER", "Xã 1 Cao Bằng", ("valuesByUnit",))],
        "late": [("DUE_AFTER_PARENT", None, ("dueOn",))],
        "early": [("DUE_BEFORE_PLAN_STARTS", None, ("dueOn",))],
    }[fault]
    assert all(r.message(locale) for r in given for locale in Locale)
    assert await counts(db) == before


async def test_a_dry_run_says_what_would_happen_and_writes_nothing(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
    before = await counts(db)
    async with db.begin(n.head, now=NOW) as tx:
        fine = await assign(tx, n.root.id, all_of_kind=UnitKind.COMMUNE, dry_run=True)
        bad = await assign(tx, n.root.id, unit_ids=[n.communes[0].id, 999_999], dry_run=True)
    assert (fine.count, fine.refusals) == (6, ())
    assert [r.code for r in bad.refusals] == ["UNITS_UNKNOWN"]
    assert await counts(db) == before


async def test_eleven_offenders_are_counted_and_ten_are_named(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
        more = [await make.unit(tx, f"Tỉnh {i:02d}", parent=n.government) for i in range(11)]
        await assign(tx, n.root.id, unit_ids=[u.id for u in more])
    with pytest.raises(Refused) as refused:
        async with db.begin(SYSTEM, now=NOW) as tx:
            await assign(tx, n.root.id, unit_ids=[u.id for u in more])
    assert refused.value.params == {
        "count": 11,
        "units": ", ".join(f"Tỉnh {i:02d}" for i in range(10)) + " …",
    }


async def test_the_parts_of_a_sum_must_be_given_and_may_be_smaller_than_the_whole(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx, rollup=Rollup.SUM)
    with pytest.raises(Refused, match="VALUES_REQUIRED"):
        async with db.begin(n.head, now=NOW) as tx:
            await assign(tx, n.root.id, all_of_kind=UnitKind.PROVINCE)
    async with db.begin(n.head, now=NOW) as tx:
        result = await assign(tx, n.root.id, values_by_unit={p.id: Decimal(20) for p in n.provinces})
    assert result.count == 3


async def test_the_parts_of_a_ceiling_together_stay_below_it(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx, rollup=Rollup.SUM, direction=Direction.AT_MOST)
        a, b, c = (p.id for p in n.provinces)
        await assign(tx, n.root.id, values_by_unit={a: Decimal(30), b: Decimal(20)})
    with pytest.raises(Refused) as refused:
        async with db.begin(n.head, now=NOW) as tx:
            await assign(tx, n.root.id, values_by_unit={c: Decimal("10.000001")})
    assert refused.value.code == "SUM_EXCEEDS_PARENT"
    assert refused.value.params == {"total": "60.000001", "limit": "60"}
    async with db.begin(n.head, now=NOW) as tx:
        assert (await assign(tx, n.root.id, values_by_unit={c: Decimal(10)})).count == 1


async def test_a_range_may_be_narrowed_but_not_widened(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx, direction=Direction.BETWEEN, value=Decimal(40), value_high=Decimal(60))
        a, b, _ = (p.id for p in n.provinces)
        await assign(tx, n.root.id, unit_ids=[a], value=Decimal(45), value_high=Decimal(50))
    with pytest.raises(Refused, match="TARGET_LAXER"):
        async with db.begin(n.head, now=NOW) as tx:
            await assign(tx, n.root.id, unit_ids=[b], value_high=Decimal(61))
    async with db.snapshot(SYSTEM) as tx:
        row = (await tx.session.scalars(sa.select(Target).where(Target.parent_id == n.root.id))).one()
    assert (row.value, row.value_high) == (Decimal(45), Decimal(50))


@pytest.mark.parametrize("role", [Role.MEMBER, Role.OBSERVER])
async def test_only_people_who_commit_the_holder_assign(db: Database, role: Role) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
        who = await make.actor(tx, n.government, role)
    before = await counts(db)
    with pytest.raises(Refused, match="FORBIDDEN"):
        async with db.begin(who, now=NOW) as tx:
            await assign(tx, n.root.id, all_of_kind=UnitKind.PROVINCE)
    assert await counts(db) == before


async def test_who_cannot_see_the_target_is_told_that_there_is_none(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
        outsider = await make.actor(tx, n.firm)
    with pytest.raises(Refused, match="NOT_FOUND"):
        async with db.begin(outsider, now=NOW) as tx:
            await assign(tx, n.root.id, all_of_kind=UnitKind.PROVINCE)


async def test_nothing_is_assigned_in_a_closed_plan_or_under_a_withdrawn_target(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
        await tx.session.execute(sa.update(Target).values(state=TargetState.WITHDRAWN))
    with pytest.raises(Refused, match="TARGET_WRONG_STATE"):
        async with db.begin(n.head, now=NOW) as tx:
            await assign(tx, n.root.id, all_of_kind=UnitKind.PROVINCE)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(Plan).values(state=PlanState.CLOSED))
    with pytest.raises(Refused, match="PLAN_WRONG_STATE"):
        async with db.begin(n.head, now=NOW) as tx:
            await assign(tx, n.root.id, all_of_kind=UnitKind.PROVINCE)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "ASSIGN_TO_WHOM"),
        ({"unit_ids": [1], "all_of_kind": UnitKind.PROVINCE}, "ASSIGN_TO_WHOM"),
        ({"unit_ids": []}, "NO_UNITS"),
        ({"all_of_kind": UnitKind.ASSOCIATION}, "NO_UNITS"),
        ({"unit_ids": [7, 8, 7]}, "UNITS_REPEATED"),
        ({"all_of_kind": UnitKind.PROVINCE, "value": Decimal(101)}, "VALUE_OUT_OF_BOUNDS"),
        ({"all_of_kind": UnitKind.PROVINCE, "value": Decimal("NaN")}, "QUANTITY_INVALID"),
        ({"all_of_kind": UnitKind.PROVINCE, "value": Decimal("60.0000001")}, "QUANTITY_INVALID"),
        ({"all_of_kind": UnitKind.PROVINCE, "value": Decimal(59)}, "TARGET_LAXER"),
        ({"all_of_kind": UnitKind.PROVINCE, "value_high": Decimal(70)}, "HIGH_ONLY_FOR_BETWEEN"),
        ({"all_of_kind": UnitKind.PROVINCE, "weight": Decimal(0)}, "WEIGHT_NOT_POSITIVE"),
        ({"all_of_kind": UnitKind.PROVINCE, "weights_by_unit": {7: Decimal(1)}}, "VALUES_FOR_OTHER_UNITS"),
        ({"all_of_kind": UnitKind.PROVINCE, "values_by_unit": {7: Decimal(60)}}, "VALUES_FOR_OTHER_UNITS"),
    ],
)
async def test_bad_input_is_named(db: Database, asked: dict[str, Any], code: str) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
    before = await counts(db)
    with pytest.raises(Refused, match=code):
        async with db.begin(n.head, now=NOW) as tx:
            await assign(tx, n.root.id, **asked)
    assert await counts(db) == before


async def test_a_target_entered_after_it_was_due_is_paced_from_the_plans_start(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
    async with db.begin(SYSTEM, now=datetime(2027, 5, 1, tzinfo=UTC)) as tx:
        await assign(tx, n.root.id, all_of_kind=UnitKind.PROVINCE)
    async with db.snapshot(SYSTEM) as tx:
        starts = await tx.session.scalars(sa.select(Target.starts_on).where(Target.parent_id == n.root.id))
        assert set(starts) == {date(2026, 1, 1)}


async def test_five_hundred_units_cost_as_many_statements_as_five(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
        rows = await tx.session.execute(
            sa.text(
                "INSERT INTO unit (id, code, name, kind, parent_id, path, sort_key, search, valid_from) "
                "SELECT 100000 + i, 'X' || i, 'Xã ' || i, 'COMMUNE', :p, "
                "ARRAY[CAST(:g AS bigint), CAST(:p AS bigint), 100000 + i], 'x', 'x', '2000-01-01' "
                "FROM generate_series(1, 505) i RETURNING id"
            ),
            {"p": n.provinces[0].id, "g": n.government.id},
        )
        ids = sorted(rows.scalars())
    sent = []
    for some in (ids[:5], ids[5:]):
        async with db.begin(n.head, now=NOW) as tx:
            with counting(db) as statements:
                await assign(tx, n.root.id, unit_ids=some, values_by_unit={some[0]: Decimal(61)})
            sent.append(len(statements))
    assert sent == [4, 4]
    assert await counts(db) == (506, 505, 505)


async def test_of_two_acts_at_once_for_the_same_units_the_second_is_told_so(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)

    async def act() -> str:
        try:
            async with db.begin(n.head, now=NOW) as tx:
                await assign(tx, n.root.id, all_of_kind=UnitKind.PROVINCE)
                await asyncio.sleep(0.05)
        except Refused as refused:
            return refused.code
        return "done"

    async with asyncio.timeout(20):
        assert sorted(await asyncio.gather(act(), act(), act())) == [
            "UNITS_ALREADY_HOLD",
            "UNITS_ALREADY_HOLD",
            "done",
        ]
    assert await counts(db) == (4, 3, 3)


async def test_a_failure_after_the_act_leaves_nothing_of_it(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        n = await nation(tx)
    before = await counts(db)

    async def fail() -> None:
        async with db.begin(n.head, now=NOW) as tx:
            assert (await assign(tx, n.root.id, all_of_kind=UnitKind.COMMUNE)).count == 6
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await fail()
    assert await counts(db) == before
