"""Focus over GraphQL: nominated by the unit, asked for, agreed and returned by the plan's issuer."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

import factories
from api.conftest import Api, World
from factories import SYSTEM
from vdept.kernel.clock import local_date, utc_now
from vdept.targets.models import Plan
from vdept_graphql.ids import encode

TODAY = local_date(utc_now())
LIST = """query($plan: ID!, $filter: FocusFilter) { focusNominations(planId: $plan, filter: $filter) {
  totalCount nodes { unit { name } focus {
    state agreeBy overdue version answer plan { focusAgreeBy } unit { name }
    objectives { position method objective { title } } nominatedBy { id } answeredBy { id }
} } } }"""
FOCUS = "focus { id state version answer objectives { position method objective { id } } }"


@dataclass
class Scene:
    plan: Plan
    objectives: list[str]


@pytest.fixture
async def scene(api: Api, world: World) -> Scene:
    """The ministry's plan, in which Huế and Đà Nẵng hold targets under two objectives."""
    async with api.database.begin(SYSTEM) as tx:
        plan = await factories.plan(
            tx, world.ministry, starts_on=TODAY - timedelta(90), ends_on=TODAY + timedelta(200)
        )
        objectives = []
        for _ in range(2):
            key_result = await factories.key_result(tx, plan, await factories.indicator(tx))
            objectives.append(encode("Objective", key_result.objective_id))
            for unit in (world.hue, world.danang):
                await factories.target(tx, key_result, unit)
        return Scene(plan, objectives)


def nomination(world: World, scene: Scene, *which: int, **more: Any) -> dict[str, Any]:
    return {
        "planId": encode("Plan", scene.plan.id),
        "unitId": encode("Unit", world.hue.id),
        "objectives": [{"objectiveId": scene.objectives[i], "method": f"Cách {i}"} for i in which],
        **more,
    }


async def test_from_the_nomination_to_the_agreement(api: Api, world: World, scene: Scene) -> None:
    by = str(TODAY + timedelta(30))
    asked = await api.do(
        "askForFocus",
        {"planId": encode("Plan", scene.plan.id), "agreeBy": by},
        world.minister,
        "plan { focusAgreeBy }",
    )
    assert asked.data["askForFocus"]["plan"] == {"focusAgreeBy": by}
    made = await api.do("nominateFocus", nomination(world, scene, 1, 0), world.hue_head, FOCUS)
    focus = made.data["nominateFocus"]["focus"]
    assert (focus["state"], focus["version"]) == ("PROPOSED", 1)
    assert [(o["position"], o["method"], o["objective"]["id"]) for o in focus["objectives"]] == [
        (1, "Cách 1", scene.objectives[1]),
        (2, "Cách 0", scene.objectives[0]),
    ]
    returned = await api.do(
        "returnFocus",
        {"focusId": focus["id"], "reason": "Thêm nguồn lực", "expectedVersion": 1},
        world.minister,
        FOCUS,
    )
    assert returned.data["returnFocus"]["focus"]["answer"] == "Thêm nguồn lực"
    early = await api.do("agreeFocus", {"focusIds": [focus["id"]]}, world.minister, "focus { id }")
    assert early.refused("agreeFocus") == [("FOCUS_WRONG_STATE", ["focusIds", "0"])]
    await api.do("nominateFocus", nomination(world, scene, 0, expectedVersion=2), world.hue_head, FOCUS)
    agreed = await api.do(
        "agreeFocus", {"focusIds": [focus["id"]]}, world.minister, "focus { state version }"
    )
    assert agreed.data["agreeFocus"]["focus"] == [{"state": "AGREED", "version": 4}]
    seen = await api.gql(LIST, {"plan": encode("Plan", scene.plan.id)}, world.minister)
    danang, hue = seen.data["focusNominations"]["nodes"]
    assert danang == {"unit": {"name": "Thành phố Đà Nẵng"}, "focus": None}
    assert (hue["focus"]["state"], hue["focus"]["agreeBy"], hue["focus"]["overdue"]) == ("AGREED", by, False)
    inbox = await api.gql("{ inbox { nodes { kind heading } } }", as_=world.hue_head)
    assert [note["kind"] for note in inbox.data["inbox"]["nodes"]] == [
        "FOCUS_ANSWERED",
        "FOCUS_ANSWERED",
        "FOCUS_ASKED",
    ]


async def test_a_unit_shows_its_focus_in_a_plan_to_those_who_may_see_it(
    api: Api, world: World, scene: Scene
) -> None:
    await api.do("nominateFocus", nomination(world, scene, 0), world.hue_head, FOCUS)
    query = "query($unit: ID!, $plan: ID!) { unit(id: $unit) { focus(planId: $plan) { state } } }"
    given = {"unit": encode("Unit", world.hue.id), "plan": encode("Plan", scene.plan.id)}
    for actor in (world.hue_head, world.danang_head, world.minister):
        assert (await api.gql(query, given, actor)).data["unit"]["focus"] == {"state": "PROPOSED"}
    assert (await api.gql(query, given, world.firm_head)).data["unit"]["focus"] is None
    listed = await api.gql(LIST, {"plan": given["plan"]}, world.firm_head)
    assert listed.data["focusNominations"]["nodes"] == []


async def test_refusals_name_the_field(api: Api, world: World, scene: Scene) -> None:
    for given, actor, code, path in [
        (nomination(world, scene), world.hue_head, "FOCUS_COUNT", ["objectives"]),
        (nomination(world, scene, 0, 0), world.hue_head, "FOCUS_COUNT", ["objectives"]),
        (nomination(world, scene, 0), world.danang_head, "FORBIDDEN", ["unitId"]),
        (
            nomination(world, scene, 0, expectedVersion=3),
            world.hue_head,
            "STALE_VERSION",
            ["expectedVersion"],
        ),
        (
            nomination(world, scene, 0, unitId=encode("Unit", world.commune.id)),
            world.commune_head,
            "FOCUS_NO_TARGET",
            ["unitId"],
        ),
        (
            nomination(world, scene) | {"objectives": [{"objectiveId": encode("Unit", 1), "method": "x"}]},
            world.hue_head,
            "INVALID_ID",
            ["objectives", "0", "objectiveId"],
        ),
    ]:
        reply = await api.do("nominateFocus", given, actor, FOCUS)
        assert reply.refused("nominateFocus") == [(code, path)]


async def test_the_list_takes_as_many_statements_for_many_units_as_for_one(
    api: Api, world: World, scene: Scene
) -> None:
    await api.do("nominateFocus", nomination(world, scene, 0, 1), world.hue_head, FOCUS)
    given = {"plan": encode("Plan", scene.plan.id), "filter": {"missing": False}}
    _, few = await api.measured(LIST, given, world.minister)
    danang = nomination(world, scene, 1, unitId=encode("Unit", world.danang.id))
    await api.do("nominateFocus", danang, world.danang_head, FOCUS)
    data, many = await api.measured(LIST, given, world.minister)
    assert data["focusNominations"]["totalCount"] == 2
    assert few == many
