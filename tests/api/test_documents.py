"""The published documents answer on real data."""

from pathlib import Path
from typing import Any

import msgspec

from api.conftest import Api, World
from api.plans_scene import done, issued
from vdept.kernel.actor import Actor
from vdept_graphql.ids import encode

OPERATIONS = Path(__file__).parents[2] / "graphql" / "operations"


async def run(api: Api, file: str, operation: str, as_: Actor, **variables: Any) -> Any:
    text = (OPERATIONS / f"{file}.graphql").read_text(encoding="utf-8")
    body = {"query": text, "operationName": operation, "variables": variables}
    return (await api.post(msgspec.json.encode(body), as_)).data


async def test_the_registry_is_read(api: Api, world: World) -> None:
    me = (await run(api, "registry", "Me", world.hue_head))["me"]
    assert me["memberships"][0]["unit"]["name"] == "Thành phố Huế"
    found = await run(api, "registry", "FindUnits", world.hue_head, filter={"text": "da nang"})
    assert found["units"]["nodes"][0]["parent"]["name"] == "Chính phủ"
    unit = (await run(api, "registry", "UnitWithPeople", world.hue_head, code=world.hue.code))["unit"]
    assert unit["memberships"]["totalCount"] == 2
    assert unit["head"]["id"] == encode("Person", world.hue_head.person_id or 0)


async def test_plans_are_read_from_the_nation_to_a_unit(api: Api, world: World) -> None:
    ids = await issued(api, world)
    assign = {"parentTargetId": ids["root"], "allOfKind": ["PROVINCE"]}
    await done(api, "assignTargets", assign, world.prime, "count")
    plans = await run(api, "plan_reading", "Plans", world.hue_head, filter={"states": ["ISSUED"]})
    assert [plan["code"] for plan in plans["plans"]["nodes"]] == ["KH-1"]
    whole = (await run(api, "plan_reading", "PlanWhole", world.hue_head, code="KH-1"))["plan"]
    assert whole["objectives"][0]["keyResults"][0]["indicator"]["unitOfMeasure"] == "%"
    held = await run(api, "plan_reading", "TargetsOfUnit", world.hue_head, code=world.hue.code)
    (target,) = held["unit"]["targets"]["nodes"]
    assert (target["value"], target["assignedByUnit"]["name"]) == ("60", "Chính phủ")
    readings = await run(
        api,
        "plan_reading",
        "Readings",
        world.hue_head,
        unitId=encode("Unit", world.hue.id),
        indicatorId=ids["indicator"],
    )
    assert readings["measurements"]["nodes"] == []
    feed = (await run(api, "feed", "Feed", world.hue_head, first=100))["activities"]
    assert feed["nodes"][-1]["verb"] == "target.assigned"
    assert feed["hasMore"] is False
