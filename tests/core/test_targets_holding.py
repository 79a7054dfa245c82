"""Holding a target: acknowledge, change, pause, resume, withdraw, reinstate; nothing moves on a refusal."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.targets import holding, queries
from vdept.targets.cascade import assign
from vdept.targets.models import Direction, OutcomeChange, Plan, PlanState, Rollup, Target, TargetState
from vdept.targets.withdrawal import reinstate_target, withdraw_target
from vdept.units.models import Unit, UnitKind


class Cascade(NamedTuple):
    """Root → province (62, due 30 Nov) → two communes (65 and 70, due 31 Oct)."""

    government: Unit
    province: Unit
    communes: list[Unit]
    firm: Unit
    plan: Plan
    root: int
    middle: int
    leaves: list[int]
    national: Actor
    provincial: Actor


async def cascade(
    tx: Tx, *, rollup: Rollup = Rollup.EACH, direction: Direction = Direction.AT_LEAST
) -> Cascade:
    government = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
    province = await make.unit(tx, "Cao Bằng", parent=government)
    communes = [await make.unit(tx, f"Xã {n}", UnitKind.COMMUNE, parent=province) for n in (1, 2)]
    firm = await make.unit(tx, "Công ty A", UnitKind.FIRM)
    plan = await make.plan(tx, government)
    indicator = await make.indicator(tx, direction=direction, minimum=Decimal(0), maximum=Decimal(100))
    key_result = await make.key_result(tx, plan, indicator, rollup=rollup)
    root = await make.target(tx, key_result, government)
    summed = rollup is Rollup.SUM
    up = -1 if direction is Direction.AT_MOST else 1
    values = {province.id: Decimal(40 if summed else 60 + 2 * up)}
    first = await assign(tx, root.id, values_by_unit=values, due_on=date(2026, 11, 30))
    parts = (10, 20) if summed else (60 + 5 * up, 60 + 10 * up)
    leaves = await assign(
        tx,
        first.first_ids[0],
        values_by_unit={c.id: Decimal(v) for c, v in zip(communes, parts, strict=True)},
        due_on=date(2026, 10, 31),
    )
    national, provincial = await make.actor(tx, government), await make.actor(tx, province)
    await tx.session.execute(sa.delete(OutcomeChange))
    return Cascade(
        government,
        province,
        communes,
        firm,
        plan,
        root.id,
        first.first_ids[0],
        sorted(leaves.first_ids),
        national,
        provincial,
    )


async def stand(db: Database) -> Any:
    """All targets, and how many activities and change rows: what a refusal must not move."""
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.execute(sa.text("SELECT t::text FROM target t ORDER BY id"))
        said = await tx.session.scalar(sa.select(sa.func.count()).select_from(Activity))
        changed = await tx.session.scalars(sa.select(OutcomeChange.target_id))
        return list(rows.scalars()), said, sorted(c or 0 for c in changed)


async def target(db: Database, target_id: int) -> Target:
    async with db.snapshot(SYSTEM) as tx:
        return await tx.session.get_one(Target, target_id)


async def test_holders_acknowledge_in_bulk_and_again_without_effect(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        c = await cascade(tx)
    later = NOW + timedelta(days=1)
    async with db.begin(c.provincial, now=later) as tx:
        assert await holding.acknowledge(tx, [c.middle, c.middle]) == 1
    async with db.begin(c.provincial, now=NOW + timedelta(days=2)) as tx:
        assert await holding.acknowledge(tx, [c.middle]) == 0
    row = await target(db, c.middle)
    assert (row.acknowledged_at, row.acknowledged_by_id, row.version) == (later, c.provincial.person_id, 2)
    async with db.snapshot(SYSTEM) as tx:
        said = await tx.session.scalars(
            sa.select(Activity.subject_id).where(Activity.verb == "target.acknowledged")
        )
        assert list(said) == [c.middle]


async def test_one_target_that_is_not_mine_refuses_the_whole_acknowledgement(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        c = await cascade(tx)
        firm = await make.actor(tx, c.firm)
        member = await make.actor(tx, c.province, Role.MEMBER)
    before = await stand(db)
    for who, ids, code, path in (
        (c.provincial, [c.middle, c.leaves[0]], "FORBIDDEN", ("targetIds", 1)),
        (c.provincial, [c.middle, 999_999], "NOT_FOUND", ("targetIds", 1)),
        (firm, [c.middle], "NOT_FOUND", ("targetIds", 0)),
        (member, [c.middle], "FORBIDDEN", ("targetIds", 0)),
    ):
        with pytest.raises(Refused) as refused:
            async with db.begin(who, now=NOW) as tx:
                await holding.acknowledge(tx, ids)
        assert (refused.value.code, refused.value.path) == (code, path)
    assert await stand(db) == before


async def test_what_is_unacknowledged_after_the_grace_period_is_listed(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        c = await cascade(tx)
    async with db.begin(c.provincial, now=NOW) as tx:
        await holding.acknowledge(tx, [c.middle])
    for days, listed in ((14, []), (15, [c.root, *c.leaves])):
        async with db.snapshot(SYSTEM, now=NOW + timedelta(days=days)) as tx:
            page = await queries.unacknowledged_page(tx, PageRequest())
            assert [row.id for row in page.rows] == listed
    async with db.snapshot(c.national, now=NOW) as tx:
        counts = await queries.children_counts(tx, [c.root, c.middle, *c.leaves])
    assert counts == {c.root: 1, c.middle: 2, c.leaves[0]: 0, c.leaves[1]: 0}


async def test_the_assigner_changes_a_target_within_what_is_above_and_below(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        c = await cascade(tx)
    async with db.begin(c.national, now=NOW) as tx:
        await holding.update_target(
            tx,
            c.middle,
            expected_version=1,
            value=Decimal(65),
            due_on=date(2026, 10, 31),
            weight=Decimal("2.5"),
        )
        assert tx.rung == {"outcomes"}
    row = await target(db, c.middle)
    assert (row.value, row.due_on, row.weight, row.version) == (
        Decimal(65),
        date(2026, 10, 31),
        Decimal("2.5"),
        2,
    )
    assert (await stand(db))[2] == [c.middle]
    async with db.snapshot(SYSTEM) as tx:
        said = (await tx.session.scalars(sa.select(Activity).where(Activity.verb == "target.updated"))).one()
    assert said.data == {
        "from": {"value": "62", "due_on": "2026-11-30", "weight": "1"},
        "to": {"value": "65", "due_on": "2026-10-31", "weight": "2.5"},
    }


@pytest.mark.parametrize(
    ("changes", "code", "units"),
    [
        ({"value": Decimal("59.9")}, "TARGET_LAXER", None),
        ({"value": Decimal("65.1")}, "CHILDREN_LAXER", "Xã 1"),
        ({"value": Decimal(71)}, "CHILDREN_LAXER", "Xã 1, Xã 2"),
        ({"value": Decimal(101)}, "VALUE_OUT_OF_BOUNDS", None),
        ({"value_high": Decimal(90)}, "HIGH_ONLY_FOR_BETWEEN", None),
        ({"due_on": date(2027, 1, 1)}, "DUE_AFTER_PARENT", None),
        ({"due_on": date(2026, 10, 30)}, "CHILDREN_LATER", "Xã 1, Xã 2"),
        ({"due_on": date(2025, 12, 31)}, "DUE_BEFORE_PLAN_STARTS", None),
        ({"weight": Decimal(0)}, "WEIGHT_NOT_POSITIVE", None),
        ({"baseline": Decimal("NaN")}, "QUANTITY_INVALID", None),
        ({"expected_version": 7}, "STALE_VERSION", None),
    ],
)
async def test_a_change_that_breaks_the_cascade_is_refused(
    db: Database, changes: dict[str, Any], code: str, units: str | None
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        c = await cascade(tx)
    before = await stand(db)
    with pytest.raises(Refused) as refused:
        async with db.begin(c.national, now=NOW) as tx:
            await holding.update_target(tx, c.middle, **changes)
    assert (refused.value.code, refused.value.params.get("units")) == (code, units)
    assert await stand(db) == before


async def test_the_holder_does_not_change_its_own_target(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        c = await cascade(tx)
    before = await stand(db)
    with pytest.raises(Refused, match="FORBIDDEN"):
        async with db.begin(c.provincial, now=NOW) as tx:
            await holding.update_target(tx, c.middle, value=Decimal(63))
    assert await stand(db) == before
    async with db.begin(c.provincial, now=NOW) as tx:
        await holding.update_target(tx, c.leaves[0], value=Decimal(63))


async def test_a_root_stays_at_least_as_strict_as_its_key_result(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        c = await cascade(tx)
    with pytest.raises(Refused, match="TARGET_LAXER"):
        async with db.begin(c.national, now=NOW) as tx:
            await holding.update_target(tx, c.root, value=Decimal(59))
    async with db.begin(c.national, now=NOW) as tx:
        await holding.update_target(tx, c.root, value=Decimal(62))


async def test_the_parts_of_a_ceiling_stay_below_it_when_either_changes(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        c = await cascade(tx, rollup=Rollup.SUM, direction=Direction.AT_MOST)
    with pytest.raises(Refused, match="SUM_EXCEEDS_PARENT"):
        async with db.begin(c.provincial, now=NOW) as tx:
            await holding.update_target(tx, c.leaves[0], value=Decimal("20.1"))
    with pytest.raises(Refused, match="SUM_EXCEEDS_PARENT"):
        async with db.begin(c.national, now=NOW) as tx:
            await holding.update_target(tx, c.middle, value=Decimal("29.9"))
    async with db.begin(c.national, now=NOW) as tx:
        await holding.update_target(tx, c.middle, value=Decimal(30))


async def test_the_sql_of_never_laxer_agrees_with_the_rule(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        c = await cascade(tx, direction=Direction.AT_MOST)
    with pytest.raises(Refused, match=r"CHILDREN_LAXER.*Xã 1\."):
        async with db.begin(c.national, now=NOW) as tx:
            await holding.update_target(tx, c.middle, value=Decimal(54))
    async with db.begin(c.national, now=NOW) as tx:
        await holding.update_target(tx, c.middle, value=Decimal(55))


async def test_the_head_pauses_with_a_reason_and_a_review_date_and_resumes(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        c = await cascade(tx)
        coordinator = await make.actor(tx, c.province, Role.COORDINATOR)
    review = date(2026, 4, 1)
    before = await stand(db)
    for who, asked, code in (
        (coordinator, {}, "FORBIDDEN"),
        (c.national, {}, "FORBIDDEN"),
        (c.provincial, {"reason": " "}, "TEXT_INVALID"),
        (c.provincial, {"review_on": date(2026, 3, 2)}, "REVIEW_NOT_AHEAD"),
        (c.provincial, {"expected_version": 2}, "STALE_VERSION"),
    ):
        with pytest.raises(Refused, match=code):
            async with db.begin(who, now=NOW) as tx:
                await holding.pause_target(
                    tx, c.middle, **{"reason": "Thêm gánh nặng", "review_on": review, **asked}
                )
    with pytest.raises(Refused, match="TARGET_WRONG_STATE"):
        async with db.begin(c.provincial, now=NOW) as tx:
            await holding.resume_target(tx, c.middle)
    assert await stand(db) == before
    async with db.begin(c.provincial, now=NOW) as tx:
        await holding.pause_target(tx, c.middle, reason="Thêm gánh nặng", review_on=review)
    row = await target(db, c.middle)
    assert (row.state, row.state_reason, row.review_on) == (TargetState.PAUSED, "Thêm gánh nặng", review)
    with pytest.raises(Refused, match="TARGET_WRONG_STATE"):
        async with db.begin(c.provincial, now=NOW) as tx:
            await assign(tx, c.middle, unit_ids=[c.communes[0].id])
    async with db.begin(c.provincial, now=NOW) as tx:
        await holding.resume_target(tx, c.middle)
    row = await target(db, c.middle)
    assert (row.state, row.state_reason, row.review_on, row.version) == (TargetState.ACTIVE, None, None, 3)
    assert (await stand(db))[2] == [c.middle, c.middle]


async def test_a_subtree_is_withdrawn_and_reinstated_as_it_was(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        c = await cascade(tx)
    with pytest.raises(Refused, match="TARGET_HAS_CHILDREN"):
        async with db.begin(c.national, now=NOW) as tx:
            await withdraw_target(tx, c.middle, reason="Trùng")
    async with db.begin(c.provincial, now=NOW) as tx:
        assert await withdraw_target(tx, c.leaves[0], reason="Sáp nhập") == 1
    async with db.begin(c.national, now=NOW) as tx:
        assert await withdraw_target(tx, c.middle, reason="Trùng", subtree=True) == 2
    states = {i: (await target(db, i)).state for i in (c.root, c.middle, *c.leaves)}
    assert states == {
        c.root: TargetState.ACTIVE,
        c.middle: TargetState.WITHDRAWN,
        c.leaves[0]: TargetState.WITHDRAWN,
        c.leaves[1]: TargetState.WITHDRAWN,
    }
    with pytest.raises(Refused, match="PARENT_WITHDRAWN"):
        async with db.begin(c.provincial, now=NOW) as tx:
            await reinstate_target(tx, c.leaves[1])
    with pytest.raises(Refused, match="UNITS_ALREADY_HOLD"):
        async with db.begin(c.national, now=NOW) as tx:
            await assign(tx, c.root, unit_ids=[c.province.id])
    async with db.begin(c.national, now=NOW) as tx:
        assert await reinstate_target(tx, c.middle) == 2
    states = {i: (await target(db, i)).state for i in (c.middle, *c.leaves)}
    assert states == {
        c.middle: TargetState.ACTIVE,
        c.leaves[0]: TargetState.WITHDRAWN,
        c.leaves[1]: TargetState.ACTIVE,
    }
    assert (await target(db, c.leaves[0])).state_reason == "Sáp nhập"
    assert (await stand(db))[2] == sorted([c.leaves[0], *[c.middle, c.leaves[1]] * 2])
    async with db.snapshot(SYSTEM) as tx:
        said = (
            await tx.session.execute(
                sa.select(Activity.verb, Activity.subject_id, Activity.data)
                .where(Activity.verb.in_(["target.withdrawn", "target.reinstated"]))
                .order_by(Activity.id)
            )
        ).all()
    together = {"withId": str(c.middle), "reason": "Trùng"}
    assert sorted((v, i, tuple(sorted(d.items()))) for v, i, d in said) == sorted(
        (v, i, tuple(sorted(d.items())))
        for v, i, d in [
            ("target.withdrawn", c.leaves[0], {"withId": str(c.leaves[0]), "reason": "Sáp nhập"}),
            ("target.withdrawn", c.middle, together),
            ("target.withdrawn", c.leaves[1], together),
            ("target.reinstated", c.middle, {"withId": str(c.middle)}),
            ("target.reinstated", c.leaves[1], {"withId": str(c.middle)}),
        ]
    )


async def test_only_the_assigner_withdraws_and_only_in_an_issued_plan(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        c = await cascade(tx)
    before = await stand(db)
    with pytest.raises(Refused, match="FORBIDDEN"):
        async with db.begin(c.provincial, now=NOW) as tx:
            await withdraw_target(tx, c.middle, reason="x", subtree=True)
    with pytest.raises(Refused, match="TARGET_WRONG_STATE"):
        async with db.begin(c.national, now=NOW) as tx:
            await reinstate_target(tx, c.middle)
    with pytest.raises(Refused, match="STALE_VERSION"):
        async with db.begin(c.provincial, now=NOW) as tx:
            await withdraw_target(tx, c.leaves[0], reason="x", expected_version=2)
    assert await stand(db) == before
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(Plan).values(state=PlanState.CLOSED))
    for verb in (
        lambda tx: withdraw_target(tx, c.leaves[0], reason="x"),
        lambda tx: holding.update_target(tx, c.leaves[0], value=Decimal(66)),
        lambda tx: holding.pause_target(tx, c.leaves[0], reason="x", review_on=date(2026, 5, 1)),
    ):
        with pytest.raises(Refused, match="PLAN_WRONG_STATE"):
            async with db.begin(SYSTEM, now=NOW) as tx:
                await verb(tx)
    assert await stand(db) == before
