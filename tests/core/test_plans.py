"""Plans: drawn up by their issuer, seen by their audience, issued once, closed once."""

from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, ActorKind, Role
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Locale, Refused
from vdept.kernel.pages import PageRequest
from vdept.targets import queries
from vdept.targets.access import get_plan, get_target
from vdept.targets.cascade import assign
from vdept.targets.indicators import IndicatorSpec, create_indicator, update_indicator
from vdept.targets.key_results import (
    KeyResultSpec,
    add_key_result,
    milestones_of,
    remove_key_result,
    update_key_result,
)
from vdept.targets.models import (
    Audience,
    Basis,
    Direction,
    KeyResult,
    Objective,
    OutcomeChange,
    Plan,
    PlanState,
    Rollup,
    Target,
    TargetState,
)
from vdept.targets.plans import add_objective, close_plan, create_plan, issue_plan, rename_objective
from vdept.targets.rules import Milestone
from vdept.units.models import Unit, UnitKind

YEAR: dict[str, Any] = {"starts_on": date(2026, 1, 1), "ends_on": date(2026, 12, 31)}


class Office(NamedTuple):
    government: Unit
    ministry: Unit
    province: Unit
    firm: Unit
    head: Actor


async def office(tx: Tx) -> Office:
    government = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
    ministry = await make.unit(tx, "Bộ Y tế", UnitKind.MINISTRY, parent=government)
    province = await make.unit(tx, "Huế", parent=government)
    firm = await make.unit(tx, "Công ty A", UnitKind.FIRM)
    return Office(government, ministry, province, firm, await make.actor(tx, government))


async def everything(db: Database) -> list[Any]:
    async with db.snapshot(SYSTEM) as tx:
        return [
            list((await tx.session.execute(sa.text(f"SELECT x::text FROM {t} x ORDER BY id"))).scalars())
            for t in ("indicator", "plan", "objective", "key_result", "target", "activity")
        ]


async def test_a_plan_is_drawn_up_issued_and_closed(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        o = await office(tx)
    async with db.begin(o.head, now=NOW) as tx:
        spec = IndicatorSpec(
            name=" Hồ sơ trực tuyến ",
            unit_of_measure="%",
            numerator="hồ sơ trực tuyến",
            denominator="hồ sơ",
            maximum=Decimal(100),
        )
        indicator = await create_indicator(tx, spec)
        plan = await create_plan(
            tx, title="Kế hoạch 2026", issuer_unit_id=o.government.id, legal_basis="Quyết định 411", **YEAR
        )
        objective = await add_objective(tx, plan.id, "Dịch vụ công")
        first = await add_key_result(
            tx,
            objective.id,
            KeyResultSpec(
                indicator_id=indicator.id,
                rollup=Rollup.RATIO,
                value=Decimal(60),
                weight=Decimal(3),
                milestones=[Milestone(date(2026, 6, 30), Decimal("30.50"))],
                standard="Nghị định 42",
            ),
        )
        second = await add_key_result(
            tx, objective.id, KeyResultSpec(indicator_id=indicator.id, rollup=Rollup.MILESTONE)
        )
    assert (indicator.name, indicator.code, indicator.minimum) == (
        "Hồ sơ trực tuyến",
        f"CS-{indicator.id}",
        Decimal(0),
    )
    assert (plan.code, plan.state, plan.audience) == (
        f"KH-2026-{plan.id}",
        PlanState.DRAFT,
        Audience.GOVERNMENT,
    )
    assert (first.position, first.title, first.due_on) == (1, "Hồ sơ trực tuyến", date(2026, 12, 31))
    assert milestones_of(first) == [Milestone(date(2026, 6, 30), Decimal("30.5"))]
    assert (second.position, second.value, second.basis) == (2, Decimal(100), Basis.MEASURED)
    async with db.begin(o.head, now=NOW) as tx:
        await issue_plan(tx, plan.id, expected_version=1)
        assert tx.rung == {"outcomes"}
    async with db.snapshot(SYSTEM) as tx:
        issued = await tx.session.get_one(Plan, plan.id)
        roots = list(await tx.session.scalars(sa.select(Target).order_by(Target.key_result_id)))
        changed = list(await tx.session.scalars(sa.select(OutcomeChange.target_id)))
        verbs = list(await tx.session.scalars(sa.select(Activity.verb).order_by(Activity.id)))
    assert (issued.state, issued.issued_at, issued.version) == (PlanState.ISSUED, NOW, 2)
    assert [(r.key_result_id, r.unit_id, r.level, r.parent_id, r.value, r.weight) for r in roots] == [
        (first.id, o.government.id, 0, None, Decimal(60), Decimal(1)),
        (second.id, o.government.id, 0, None, Decimal(100), Decimal(1)),
    ]
    assert [(r.starts_on, r.due_on, r.acknowledged_at) for r in roots] == [
        (date(2026, 3, 2), date(2026, 12, 31), NOW)
    ] * 2
    assert sorted(c or 0 for c in changed) == [r.id for r in roots]
    assert sorted(verbs) == sorted(
        [
            "indicator.created",
            "plan.created",
            "objective.added",
            "key_result.added",
            "key_result.added",
            "target.assigned",
            "target.assigned",
            "plan.issued",
        ]
    )
    async with db.begin(o.head, now=NOW) as tx:
        await close_plan(tx, plan.id)
    before = await everything(db)
    for verb in (
        lambda tx: issue_plan(tx, plan.id),
        lambda tx: close_plan(tx, plan.id),
        lambda tx: add_objective(tx, plan.id, "x"),
        lambda tx: rename_objective(tx, objective.id, "x"),
        lambda tx: update_key_result(tx, first.id, value=Decimal(70)),
        lambda tx: remove_key_result(tx, first.id),
        lambda tx: add_key_result(tx, objective.id, spec_of(indicator.id)),
    ):
        with pytest.raises(Refused, match="PLAN_WRONG_STATE"):
            async with db.begin(o.head, now=NOW) as tx:
                await verb(tx)
    assert await everything(db) == before


def spec_of(indicator_id: int, **more: Any) -> KeyResultSpec:
    return KeyResultSpec(
        **{"indicator_id": indicator_id, "rollup": Rollup.EACH, "value": Decimal(60), **more}
    )


@pytest.mark.parametrize(
    ("asked", "code", "path"),
    [
        ({"value": None}, "VALUE_REQUIRED", ("value",)),
        ({"value": Decimal(101)}, "VALUE_OUT_OF_BOUNDS", ("value",)),
        ({"value_high": Decimal(70)}, "HIGH_ONLY_FOR_BETWEEN", ("valueHigh",)),
        ({"rollup": Rollup.RATIO}, "RATIO_NEEDS_RATIO_INDICATOR", ("rollup",)),
        ({"weight": Decimal(-1)}, "WEIGHT_NOT_POSITIVE", ("weight",)),
        ({"due_on": date(2025, 12, 31)}, "DUE_BEFORE_PLAN_STARTS", ("dueOn",)),
        ({"at_risk_points": Decimal(30)}, "THRESHOLDS_INVALID", ("atRiskPoints",)),
        (
            {"milestones": [Milestone(date(2027, 1, 1), Decimal(30))]},
            "MILESTONES_INVALID",
            ("milestones", 0, "by"),
        ),
        ({"title": "x" * 501}, "TEXT_INVALID", ("title",)),
        ({"indicator_id": 999_999}, "NOT_FOUND", ("indicatorId",)),
    ],
)
async def test_a_key_result_that_breaks_a_rule_is_refused(
    db: Database, asked: dict[str, Any], code: str, path: tuple[Any, ...]
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        o = await office(tx)
        indicator = await make.indicator(tx, ratio=False, minimum=Decimal(0), maximum=Decimal(100))
        plan = await create_plan(tx, title="Kế hoạch", issuer_unit_id=o.government.id, **YEAR)
        objective = await add_objective(tx, plan.id, "Mục tiêu")
        good = await add_key_result(tx, objective.id, spec_of(indicator.id))
    before = await everything(db)
    with pytest.raises(Refused) as refused:
        async with db.begin(o.head, now=NOW) as tx:
            await add_key_result(tx, objective.id, spec_of(**{"indicator_id": indicator.id, **asked}))
    assert (refused.value.code, refused.value.path) == (code, path)
    with pytest.raises(Refused) as refused:
        async with db.begin(o.head, now=NOW) as tx:
            await update_key_result(tx, good.id, **asked)
    assert (refused.value.code, refused.value.path) == (code, path)
    assert all(refused.value.message(locale) for locale in Locale)
    assert await everything(db) == before


async def test_a_draft_key_result_is_changed_and_removed(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        o = await office(tx)
        indicator = await make.indicator(tx)
        plan = await create_plan(tx, title="Kế hoạch", issuer_unit_id=o.government.id, **YEAR)
        objective = await add_objective(tx, plan.id, "Mục tiêu", position=5)
        row = await add_key_result(tx, objective.id, spec_of(indicator.id), position=2)
    async with db.begin(o.head, now=NOW) as tx:
        changed = await update_key_result(
            tx, row.id, expected_version=1, value=Decimal(70), due_on=date(2026, 6, 30)
        )
        assert (changed.value, changed.due_on, changed.version) == (Decimal(70), date(2026, 6, 30), 2)
        await rename_objective(tx, objective.id, "Mục tiêu mới")
        with pytest.raises(Refused, match="POSITION_TAKEN"):
            await add_key_result(tx, objective.id, spec_of(indicator.id), position=2)
        with pytest.raises(Refused, match="STALE_VERSION"):
            await update_key_result(tx, row.id, expected_version=1, value=Decimal(71))
    async with db.begin(o.head, now=NOW) as tx:
        await remove_key_result(tx, row.id)
        with pytest.raises(Refused, match="PLAN_EMPTY"):
            await issue_plan(tx, plan.id)
    async with db.snapshot(SYSTEM) as tx:
        assert (await tx.session.scalars(sa.select(KeyResult))).all() == []
        said = (
            await tx.session.scalars(sa.select(Activity).where(Activity.verb == "key_result.updated"))
        ).one()
        assert said.data == {"changed": ["value", "due_on"]}
        assert (await tx.session.scalars(sa.select(Objective.title))).all() == ["Mục tiêu mới"]


@pytest.mark.parametrize(
    ("asked", "code", "path"),
    [
        ({"title": " "}, "TEXT_INVALID", ("title",)),
        ({"ends_on": date(2025, 12, 31)}, "CYCLE_REVERSED", ("endsOn",)),
        ({"grace_days": -1}, "DAYS_INVALID", ("graceDays",)),
        ({"stale_days": 0}, "DAYS_INVALID", ("staleDays",)),
        ({"code": "KH-1"}, "CODE_TAKEN", ("code",)),
        ({"issuer_unit_id": 999_999}, "NOT_FOUND", ("issuerUnitId",)),
        ({"issuer": "firm"}, "ISSUER_NOT_PUBLIC", ("issuerUnitId",)),
    ],
)
async def test_a_plan_that_breaks_a_rule_is_refused(
    db: Database, asked: dict[str, Any], code: str, path: tuple[str, ...]
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        o = await office(tx)
        await make.plan(tx, o.government, code="KH-1")
    before = await everything(db)
    issuer = getattr(o, asked.pop("issuer", "government")).id
    with pytest.raises(Refused) as refused:
        async with db.begin(SYSTEM, now=NOW) as tx:
            await create_plan(tx, **{"title": "Kế hoạch", "issuer_unit_id": issuer, **YEAR, **asked})
    assert (refused.value.code, refused.value.path) == (code, path)
    assert await everything(db) == before


@pytest.mark.parametrize("role", [Role.MEMBER, Role.OBSERVER])
async def test_only_who_commits_the_issuer_draws_up_and_issues(db: Database, role: Role) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        o = await office(tx)
        who = await make.actor(tx, o.government, role)
        plan = await make.plan(tx, o.government, state=PlanState.DRAFT)
    before = await everything(db)
    for verb in (
        lambda tx: create_plan(tx, title="Kế hoạch", issuer_unit_id=o.government.id, **YEAR),
        lambda tx: add_objective(tx, plan.id, "x"),
        lambda tx: issue_plan(tx, plan.id),
        lambda tx: create_indicator(tx, IndicatorSpec(name="x", unit_of_measure="%")),
    ):
        with pytest.raises(Refused, match="FORBIDDEN"):
            async with db.begin(who, now=NOW) as tx:
                await verb(tx)
    assert await everything(db) == before


async def test_what_an_indicator_means_stays_once_a_plan_uses_it(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        o = await office(tx)
        minister, provincial = await make.actor(tx, o.ministry), await make.actor(tx, o.province)
        used, free = await make.indicator(tx, name="Dùng"), await make.indicator(tx, name="Chưa dùng")
        await make.key_result(tx, await make.plan(tx, o.government), used)
    async with db.begin(minister, now=NOW) as tx:
        row = await update_indicator(tx, used.id, expected_version=1, name="Tên mới", maximum=Decimal(100))
        assert (row.name, row.search, row.version) == ("Tên mới", "ten moi", 2)
        await update_indicator(tx, free.id, direction=Direction.AT_MOST)
    before = await everything(db)
    for who, asked, code in (
        (minister, {"direction": Direction.AT_MOST}, "INDICATOR_IN_USE"),
        (minister, {"numerator": None, "denominator": None}, "INDICATOR_IN_USE"),
        (minister, {"numerator": None}, "RATIO_NEEDS_BOTH"),
        (minister, {"minimum": Decimal(101)}, "INDICATOR_BOUNDS_INVALID"),
        (minister, {"code": free.code}, "CODE_TAKEN"),
        (minister, {"expected_version": 1}, "STALE_VERSION"),
        (provincial, {"name": "x"}, "FORBIDDEN"),
    ):
        with pytest.raises(Refused, match=code):
            async with db.begin(who, now=NOW) as tx:
                await update_indicator(tx, used.id, **asked)
    assert await everything(db) == before


KINDS = (
    "administrator",
    "issuer",
    "below_holder",
    "holder",
    "above_holder",
    "elsewhere",
    "firm",
    "other_firm",
)


async def cast(
    tx: Tx, state: PlanState, audience: Audience
) -> tuple[Plan, dict[str, Target], dict[str, Actor]]:
    """A plan of the ministry with targets of a province and of a firm, and everybody who may look at it."""
    government = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
    ministry = await make.unit(tx, "Bộ", UnitKind.MINISTRY, parent=government)
    province = await make.unit(tx, "Huế", parent=ministry)
    commune = await make.unit(tx, "Xã", UnitKind.COMMUNE, parent=province)
    elsewhere = await make.unit(tx, "Cao Bằng", parent=government)
    firm, other_firm = [await make.unit(tx, f"Công ty {n}", UnitKind.FIRM) for n in "AB"]
    plan = await make.plan(tx, ministry, state=state, audience=audience)
    targets = {}
    if state is not PlanState.DRAFT:
        key_result = await make.key_result(tx, plan, await make.indicator(tx))
        targets["root"] = await make.target(tx, key_result, ministry)
        targets["province"] = await make.target(tx, key_result, province, targets["root"])
        targets["firm"] = await make.target(tx, key_result, firm, targets["root"])
    administrator = Actor(ActorKind.PERSON, person_id=1, administrator=True)
    units = (ministry, commune, province, government, elsewhere, firm, other_firm)
    people = [administrator, *[await make.actor(tx, unit, Role.OBSERVER) for unit in units]]
    return plan, targets, dict(zip(KINDS, people, strict=True))


ALL = frozenset({"root", "province", "firm"})
OFFICIALS = dict.fromkeys(("issuer", "below_holder", "holder", "above_holder", "elsewhere"), ALL)


@pytest.mark.parametrize(
    ("state", "audience", "sees"),
    [
        (PlanState.ISSUED, Audience.PUBLIC, dict.fromkeys(KINDS, ALL)),
        (
            PlanState.CLOSED,
            Audience.GOVERNMENT,
            {"administrator": ALL, **OFFICIALS, "firm": frozenset({"firm"})},
        ),
        (
            PlanState.ISSUED,
            Audience.PARTICIPANTS,
            {
                **dict.fromkeys(("administrator", "issuer", "holder", "above_holder"), ALL),
                "firm": frozenset({"firm"}),
            },
        ),
        (PlanState.DRAFT, Audience.PUBLIC, dict.fromkeys(("administrator", "issuer"), frozenset())),
    ],
)
async def test_who_sees_a_plan_and_which_of_its_targets(
    db: Database, state: PlanState, audience: Audience, sees: dict[str, frozenset[str]]
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        plan, targets, people = await cast(tx, state, audience)
    for kind, who in people.items():
        async with db.snapshot(who, now=NOW) as tx:
            seen_plans = [p.id for p in (await queries.plans_page(tx, PageRequest())).rows]
            seen = {t.id for t in (await queries.targets_page(tx, PageRequest())).rows}
            objectives = await queries.objectives_of_plans(tx, [plan.id])
            by_id = await queries.targets_by_ids(tx, [t.id for t in targets.values()])
            counted = await queries.children_counts(tx, [targets["root"].id]) if targets else {}
            for name, row in targets.items():
                if name in sees.get(kind, frozenset()):
                    assert (await get_target(tx, row.id)).target.id == row.id
                else:
                    with pytest.raises(Refused, match="NOT_FOUND"):
                        await get_target(tx, row.id)
            if kind in sees:
                assert (await get_plan(tx, plan.id)).id == plan.id
            else:
                with pytest.raises(Refused, match="NOT_FOUND"):
                    await get_plan(tx, plan.id)
        expected = {targets[name].id for name in sees.get(kind, frozenset())}
        assert (kind, seen_plans) == (kind, [plan.id] if kind in sees else [])
        assert (kind, seen, set(by_id)) == (kind, expected, expected)
        assert bool(objectives[plan.id]) == (kind in sees and bool(targets))
        if targets:
            assert counted == {targets["root"].id: len(expected - {targets["root"].id})}


async def test_a_person_without_a_seat_sees_public_plans_only_and_nobody_sees_nothing(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        public, _, _ = await cast(tx, PlanState.ISSUED, Audience.PUBLIC)
        await cast(tx, PlanState.ISSUED, Audience.GOVERNMENT)
    for who, seen in (
        (Actor(ActorKind.PERSON, person_id=1), [public.id]),
        (Actor(ActorKind.PERSON), []),
    ):
        async with db.snapshot(who, now=NOW) as tx:
            assert [p.id for p in (await queries.plans_page(tx, PageRequest())).rows] == seen
            targets = (await queries.targets_page(tx, PageRequest())).rows
            assert {t.plan_id for t in targets} == set(seen)


async def test_a_withdrawn_target_is_still_seen(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        o = await office(tx)
        plan = await make.plan(tx, o.government)
        root = await make.target(tx, await make.key_result(tx, plan, await make.indicator(tx)), o.government)
        await assign(tx, root.id, unit_ids=[o.firm.id])
        await tx.session.execute(sa.update(Target).values(state=TargetState.WITHDRAWN))
        firm = await make.actor(tx, o.firm)
    async with db.snapshot(firm, now=NOW) as tx:
        rows = (await queries.targets_page(tx, PageRequest())).rows
        assert [(t.unit_id, t.state) for t in rows] == [(o.firm.id, TargetState.WITHDRAWN)]
