"""Outcomes over the API: a target's, a unit's, rankings; and how little of it a firm may see."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from api.conftest import Api, World
from factories import NOW, SYSTEM
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.measurements.models import Measurement
from vdept.outcomes.refresh import refresh
from vdept.targets.changes import target_changed
from vdept.targets.models import Basis, Rollup, Target
from vdept.units.models import Unit, UnitKind
from vdept_graphql.ids import encode


@dataclass
class Scene:
    """The story: the government's target, Huế's and Đà Nẵng's below it, a commune's, and the firm's."""

    plan: str
    key_result: str
    targets: dict[int, str]
    outsider: Actor
    plan_key: int
    hue_target: Target


@pytest.fixture
async def scene(db: Database, world: World) -> Scene:
    async with db.begin(SYSTEM, now=NOW) as tx:
        plan = await make.plan(tx, world.government)
        what = await make.indicator(tx)
        key_result = await make.key_result(tx, plan, what, rollup=Rollup.RATIO, baseline=Decimal(0))
        root = await make.target(tx, key_result, world.government)
        hue = await make.target(tx, key_result, world.hue, root)
        danang = await make.target(tx, key_result, world.danang, root)
        commune = await make.target(tx, key_result, world.commune, hue)
        firm = await make.target(tx, key_result, world.firm, root)
        targets = [root, hue, danang, commune, firm]
        for unit, basis, numerator in (
            (world.hue, Basis.MEASURED, 170),
            (world.hue, Basis.REPORTED, 300),
            (world.danang, Basis.MEASURED, 700),
        ):
            tx.session.add(reading(what.id, unit, basis, numerator))
        await tx.session.flush()
        await target_changed(tx, plan.id, [t.id for t in targets])
        outsider = await make.actor(tx, await make.unit(tx, "Công ty ngoài cuộc", UnitKind.FIRM))
    await refresh(db, now=NOW)
    return Scene(
        encode("Plan", plan.id),
        encode("KeyResult", key_result.id),
        {t.unit_id: encode("Target", t.id) for t in targets},
        outsider,
        plan.id,
        hue,
    )


def reading(indicator_id: int, unit: Unit, basis: Basis, numerator: int) -> Measurement:
    return Measurement(
        indicator_id=indicator_id,
        unit_id=unit.id,
        basis=basis,
        as_of=date(2026, 2, 1),
        value=Decimal(numerator) / 10,
        numerator=Decimal(numerator),
        denominator=Decimal(1000),
        source="test",
        recorded_at=NOW,
    )


TARGET = """query($id: ID!) { target(id: $id) { outcome {
  evaluatedOn status verdict
  measured { value numerator denominator asOf } reported { value numerator denominator asOf }
  gap attainment measuredAttainment reportedAttainment expected completion ownCompletion
  children childrenMet targets { onTrack offTrack total } tasks { openOverdue total } ownTasks { total }
  target { id } unit { name } keyResult { id }
} } }"""


async def test_a_target_says_what_was_measured_what_was_reported_and_the_gap(
    api: Api, world: World, scene: Scene
) -> None:
    reply = await api.gql(TARGET, {"id": scene.targets[world.hue.id]}, world.minister)
    assert reply.data["target"]["outcome"] == {
        "evaluatedOn": "2026-03-02",
        "status": "ON_TRACK",
        "verdict": None,
        "measured": {"value": "17", "numerator": "170", "denominator": "1000", "asOf": "2026-02-01"},
        "reported": {"value": "30", "numerator": "300", "denominator": "1000", "asOf": "2026-02-01"},
        "gap": "13",
        "attainment": "0.283333",
        "measuredAttainment": "0.283333",
        "reportedAttainment": "0.5",
        "expected": "0.164835",
        "completion": None,
        "ownCompletion": None,
        "children": 1,
        "childrenMet": 0,
        "targets": {"onTrack": 1, "offTrack": 0, "total": 2},
        "tasks": {"openOverdue": 0, "total": 0},
        "ownTasks": {"total": 0},
        "target": {"id": scene.targets[world.hue.id]},
        "unit": {"name": "Thành phố Huế"},
        "keyResult": {"id": scene.key_result},
    }


async def test_the_nation_s_figure_follows_from_its_children(api: Api, world: World, scene: Scene) -> None:
    reply = await api.gql(TARGET, {"id": scene.targets[world.government.id]}, world.prime)
    outcome = reply.data["target"]["outcome"]
    assert outcome["measured"] == {"value": "43.5", "numerator": "870", "denominator": "2000", "asOf": None}
    assert outcome["reported"]["value"] == "30"
    assert (outcome["children"], outcome["childrenMet"], outcome["targets"]["total"]) == (3, 1, 5)


UNITS = """query(
  $id: ID!, $filter: UnitOutcomeFilter, $order: UnitOutcomeOrder!, $first: Int, $after: String
) {
  plan(id: $id) { unitOutcomes(filter: $filter, orderBy: $order, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { unit { name } plan { id } evaluatedOn
      own { status verdict binding measuredAttainment gapPoints } }
} } }"""


async def units(api: Api, scene: Scene, as_: Actor, order: str = "NAME", **more: Any) -> Any:
    reply = await api.gql(UNITS, {"id": scene.plan, "order": order, **more}, as_)
    return reply.data["plan"] and reply.data["plan"]["unitOutcomes"]


def names(connection: Any) -> list[str]:
    return [node["unit"]["name"] for node in connection["nodes"]]


async def test_units_of_a_plan_are_ranked_by_what_was_measured(api: Api, world: World, scene: Scene) -> None:
    page = await units(api, scene, world.minister, "MEASURED_BEST_FIRST")
    assert names(page)[:3] == ["Thành phố Đà Nẵng", "Chính phủ", "Thành phố Huế"]
    assert page["totalCount"] == 5
    assert page["nodes"][2] == {
        "unit": {"name": "Thành phố Huế"},
        "plan": {"id": scene.plan},
        "evaluatedOn": "2026-03-02",
        "own": {
            "status": "ON_TRACK",
            "verdict": None,
            "binding": 1,
            "measuredAttainment": "0.283333",
            "gapPoints": "21.6667",
        },
    }
    widest = await units(api, scene, world.minister, "GAP_WIDEST_FIRST", first=1)
    assert names(widest) == ["Thành phố Huế"]


async def test_a_ranking_is_read_page_by_page_and_filtered(api: Api, world: World, scene: Scene) -> None:
    first = await units(api, scene, world.minister, first=2)
    assert names(first) == ["Chính phủ", "Công ty Sao Khuê"]
    assert first["pageInfo"]["hasNextPage"] is True
    after = first["pageInfo"]["endCursor"]
    second = await units(api, scene, world.minister, after=after)
    assert names(second) == ["Phường Thuận Hóa", "Thành phố Đà Nẵng", "Thành phố Huế"]
    provinces = {"kinds": ["PROVINCE"], "statuses": ["ON_TRACK"]}
    assert names(await units(api, scene, world.minister, filter=provinces)) == [
        "Thành phố Đà Nẵng",
        "Thành phố Huế",
    ]
    below = {"belowId": encode("Unit", world.hue.id), "scope": "SUBTREE"}
    assert names(await units(api, scene, world.minister, filter=below)) == ["Phường Thuận Hóa"]


RANKING = """query($id: ID!, $order: TargetOutcomeOrder!, $filter: TargetOutcomeFilter) { node(id: $id) {
  ... on KeyResult { outcomes(orderBy: $order, filter: $filter) {
    totalCount nodes { unit { name } measured { value } target { id } } } } } }"""


async def test_targets_of_a_key_result_are_ranked(api: Api, world: World, scene: Scene) -> None:
    asked = {"id": scene.key_result, "order": "MEASURED_LOWEST_FIRST", "filter": {"kinds": ["PROVINCE"]}}
    page = (await api.gql(RANKING, asked, world.commune_head)).data["node"]["outcomes"]
    assert [(n["unit"]["name"], n["measured"]["value"]) for n in page["nodes"]] == [
        ("Thành phố Huế", "17"),
        ("Thành phố Đà Nẵng", "70"),
    ]
    assert page["totalCount"] == 2


UNIT = """query($unit: ID!, $plan: ID!) { unit(id: $unit) { outcome(planId: $plan) {
  own { status binding bindingMet attainment completion targets { total } tasks { total } }
  subtree { status binding targets { total } } plan { id } } } }"""


async def of_unit(api: Api, scene: Scene, unit: Unit, as_: Actor) -> Any:
    asked = {"unit": encode("Unit", unit.id), "plan": scene.plan}
    return (await api.gql(UNIT, asked, as_)).data["unit"]["outcome"]


async def test_a_unit_shows_its_own_figures_beside_those_of_all_below_it(
    api: Api, world: World, scene: Scene
) -> None:
    assert await of_unit(api, scene, world.hue, world.observer) == {
        "own": {
            "status": "ON_TRACK",
            "binding": 1,
            "bindingMet": 0,
            "attainment": "0.283333",
            "completion": None,
            "targets": {"total": 1},
            "tasks": {"total": 0},
        },
        "subtree": {"status": "AT_RISK", "binding": 2, "targets": {"total": 2}},
        "plan": {"id": scene.plan},
    }
    assert await of_unit(api, scene, world.ministry, world.minister) is None


async def test_a_plan_shows_what_its_issuer_and_all_below_have_to_show(
    api: Api, world: World, scene: Scene
) -> None:
    query = "query($id: ID!) { plan(id: $id) { outcome { unit { name } subtree { binding bindingMet } } } }"
    outcome = (await api.gql(query, {"id": scene.plan}, world.prime)).data["plan"]["outcome"]
    assert outcome == {"unit": {"name": "Chính phủ"}, "subtree": {"binding": 4, "bindingMet": 1}}


async def test_a_firm_in_the_plan_sees_its_own_outcome_and_nobody_else_s(
    api: Api, world: World, scene: Scene
) -> None:
    assert names(await units(api, scene, world.firm_head)) == ["Công ty Sao Khuê"]
    assert (await of_unit(api, scene, world.firm, world.firm_head))["own"]["targets"] == {"total": 1}
    for unit in (world.government, world.hue, world.commune):
        assert await of_unit(api, scene, unit, world.firm_head) is None
        reply = await api.gql(TARGET, {"id": scene.targets[unit.id]}, world.firm_head)
        assert reply.data["target"] is None
    mine = await api.gql(TARGET, {"id": scene.targets[world.firm.id]}, world.firm_head)
    assert mine.data["target"]["outcome"]["status"] == "AT_RISK"
    asked = {"id": scene.key_result, "order": "NAME"}
    ranking = (await api.gql(RANKING, asked, world.firm_head)).data["node"]["outcomes"]
    assert (ranking["totalCount"], names(ranking)) == (1, ["Công ty Sao Khuê"])
    issuer = "query($id: ID!) { plan(id: $id) { outcome { evaluatedOn } } }"
    assert (await api.gql(issuer, {"id": scene.plan}, world.firm_head)).data["plan"]["outcome"] is None


async def test_a_firm_outside_the_plan_sees_none_of_it(api: Api, world: World, scene: Scene) -> None:
    assert await units(api, scene, scene.outsider) is None
    for unit in (world.government, world.hue, world.firm):
        assert await of_unit(api, scene, unit, scene.outsider) is None
    asked = {"id": scene.key_result, "order": "NAME"}
    assert (await api.gql(RANKING, asked, scene.outsider)).data["node"] is None


async def test_a_new_target_has_no_outcome_until_the_roll_up(api: Api, world: World, scene: Scene) -> None:
    async with api.database.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.text("DELETE FROM target_outcome"))
    reply = await api.gql(TARGET, {"id": scene.targets[world.hue.id]}, world.hue_head)
    assert reply.data["target"]["outcome"] is None


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"first": 101}, "INVALID_PAGE_SIZE"),
        ({"after": "xyz"}, "INVALID_CURSOR"),
        ({"filter": {"belowId": "abc"}}, "INVALID_ID"),
    ],
)
async def test_bad_input_is_refused_by_name(
    api: Api, world: World, scene: Scene, changed: dict[str, Any], code: str
) -> None:
    reply = await api.gql(UNITS, {"id": scene.plan, "order": "NAME", **changed}, world.minister)
    assert reply.codes == [code]


async def test_a_unit_s_outcome_in_something_that_is_no_plan_is_refused(
    api: Api, world: World, scene: Scene
) -> None:
    asked = {"unit": encode("Unit", world.hue.id), "plan": encode("Unit", world.hue.id)}
    assert (await api.gql(UNIT, asked, world.hue_head)).codes == ["INVALID_ID"]


async def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(
    api: Api, world: World, scene: Scene
) -> None:
    query = """query($first: Int!, $plan: ID!) { plans(first: 10) { nodes {
        unitOutcomes(first: $first) { nodes {
          unit { name outcome(planId: $plan) { evaluatedOn } } plan { title } } }
        keyResults { outcomes(first: $first) { nodes { target { outcome { status } } } } } } } }"""
    few, narrow = await api.measured(query, {"first": 1, "plan": scene.plan}, world.minister)
    many, wide = await api.measured(query, {"first": 100, "plan": scene.plan}, world.minister)
    assert [len(d["plans"]["nodes"][0]["unitOutcomes"]["nodes"]) for d in (few, many)] == [1, 5]
    assert narrow == wide
