"""An issued plan with one ratio, and helpers of the tests about plans."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

import factories
from api.conftest import Api, World
from vdept.kernel.actor import Actor
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.db import Database
from vdept_graphql.ids import encode

PLAN = """
plans:
  - code: KH-9
    title: Kế hoạch nhập
    issuer: Chính phủ
    cycle: {from: 2026-01-01, to: 2026-12-31}
    objectives:
      - title: Mục tiêu
        key_results:
          - {indicator: Chỉ số nhập, unit_of_measure: "%", direction: AT_LEAST, target: 60, rollup: EACH,
             assigned_to: every province}
"""
TODAY = local_date(utc_now())
STARTS, ENDS = str(TODAY - timedelta(days=60)), str(TODAY + timedelta(days=120))


async def rows(db: Database, what: type) -> int:
    async with db.begin(factories.SYSTEM) as tx:
        return int((await tx.session.execute(sa.select(sa.func.count()).select_from(what))).scalar_one())


async def done(api: Api, mutation: str, given: dict[str, Any], as_: Actor, select: str) -> Any:
    answer = (await api.do(mutation, given, as_, select)).data[mutation]
    assert answer["errors"] == []
    return answer


async def issued(api: Api, world: World, audience: str = "GOVERNMENT") -> dict[str, str]:
    """A plan of the government with one ratio, issued; the ids of everything in it."""
    indicator = await done(
        api,
        "createIndicator",
        {
            "name": "Tỷ lệ hồ sơ trực tuyến toàn trình",
            "unitOfMeasure": "%",
            "numerator": "hồ sơ trực tuyến",
            "denominator": "tổng số hồ sơ",
        },
        world.prime,
        "indicator { id code }",
    )
    plan = await done(
        api,
        "createPlan",
        {
            "title": "Kế hoạch năm",
            "issuerUnitId": encode("Unit", world.government.id),
            "startsOn": STARTS,
            "endsOn": ENDS,
            "audience": audience,
            "code": "KH-1",
        },
        world.prime,
        "plan { id state version }",
    )
    objective = await done(
        api,
        "addObjective",
        {"planId": plan["plan"]["id"], "title": "Dịch vụ công"},
        world.prime,
        "objective { id }",
    )
    key_result = await done(
        api,
        "addKeyResult",
        {
            "objectiveId": objective["objective"]["id"],
            "indicatorId": indicator["indicator"]["id"],
            "rollup": "EACH",
            "value": "60",
            "milestones": [{"by": str(TODAY), "value": "20.5"}],
        },
        world.prime,
        "keyResult { id value dueOn milestones { by value } }",
    )
    assert key_result["keyResult"]["value"] == "60"
    assert key_result["keyResult"]["dueOn"] == ENDS
    assert key_result["keyResult"]["milestones"] == [{"by": str(TODAY), "value": "20.5"}]
    await done(
        api, "issuePlan", {"planId": plan["plan"]["id"], "expectedVersion": 1}, world.prime, "plan { state }"
    )
    reply = await api.gql(
        "query($id: ID!) { plan(id: $id) { state keyResults "
        "{ targets { nodes { id level unit { id } } } } } }",
        {"id": plan["plan"]["id"]},
        world.prime,
    )
    (root,) = reply.data["plan"]["keyResults"][0]["targets"]["nodes"]
    assert reply.data["plan"]["state"] == "ISSUED"
    assert (root["level"], root["unit"]["id"]) == (0, encode("Unit", world.government.id))
    return {
        "indicator": indicator["indicator"]["id"],
        "plan": plan["plan"]["id"],
        "keyResult": key_result["keyResult"]["id"],
        "root": root["id"],
    }
