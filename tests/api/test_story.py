"""The story this product exists for, told through HTTP on the real registry, with a real worker behind it.

The Prime Minister's office issues the plan and assigns "60 % of dossiers processed fully online" to all
provinces in one act; Huế assigns it on to its communes; ministry, province and firm share a task under it;
Huế reports 30 % and its system measures 17 %; the worker rolls up. Nobody calls a refresh.
"""

from typing import Any

import pytest

from api.story_scene import Teller, serving, telling
from vdept.clients.models import ClientAuthentication
from vdept.clients.registering import register_client
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept_workers.demo.people import (
    COORDINATOR,
    ENGINEER,
    FIRM,
    FIRM_HEAD,
    HUE,
    HUE_HEAD,
    HUE_MEMBER,
    ISSUER,
    MINISTRY,
    NATION,
    OBSERVER,
    THUAN_HOA,
)

BEGAN, LEFT = -270, 30
"""Days since the plan was issued and until it is due: 0.9 of the way should be behind everybody."""


class Plan:
    """The global ids of what was set up."""

    id: str
    indicator: str
    key_result: str
    root: str
    hue: str
    commune: str


async def issued_and_assigned(tell: Teller) -> Plan:
    """The plan is issued and assigned to every province in one act."""
    made, began = Plan(), tell.day(BEGAN)
    defined = await tell.do(
        ISSUER,
        "DefineIndicator",
        on=began,
        name="Tỷ lệ hồ sơ thủ tục hành chính xử lý trực tuyến toàn trình",
        unitOfMeasure="%",
        numerator="hồ sơ xử lý trực tuyến toàn trình",
        denominator="tổng số hồ sơ",
        maximum="100",
    )
    made.indicator = defined["indicator"]["id"]
    drafted = await tell.do(
        ISSUER,
        "DraftPlan",
        on=began,
        title="Kế hoạch tổng thể chuyển đổi số quốc gia",
        issuerUnitId=tell.unit(NATION),
        startsOn=str(began),
        endsOn=str(tell.day(LEFT)),
    )
    made.id = drafted["plan"]["id"]
    objective = await tell.do(
        ISSUER, "SetObjective", on=began, planId=made.id, title="Dịch vụ công trực tuyến"
    )
    key_result = await tell.do(
        ISSUER,
        "SetKeyResult",
        on=began,
        objectiveId=objective["objective"]["id"],
        indicatorId=made.indicator,
        value="60",
        baseline="0",
        rollup="EACH",
        basis="MEASURED",
    )
    made.key_result = key_result["keyResult"]["id"]
    issued = await tell.do(ISSUER, "Issue", on=began, planId=made.id)
    assert issued["plan"] == {"id": made.id, "state": "ISSUED", "issuer": {"code": "TTCP"}}
    made.root = (await target_of(tell, made, NATION))["id"]
    assigned = await tell.do(ISSUER, "AssignOn", on=began, parentTargetId=made.root, allOfKind=["PROVINCE"])
    assert assigned == {"count": 34, "parent": {"id": made.root}}
    return made


async def target_of(tell: Teller, plan: Plan, code: str) -> dict[str, Any]:
    asked = {"keyResultId": plan.key_result, "unitId": tell.unit(code)}
    (target,) = (await tell.ask(ISSUER, "TargetOf", asked))["targets"]["nodes"]
    assert isinstance(target, dict)
    return target


async def assigned_on(tell: Teller, plan: Plan) -> None:
    """Huế acknowledges its target and assigns it on to its communes; what would be laxer is refused."""
    day = tell.day(BEGAN + 5)
    mine = await target_of(tell, plan, HUE)
    assert mine["parent"] == {"id": plan.root}
    assert mine["value"] == "60"
    assert mine["acknowledgedAt"] is None
    plan.hue = mine["id"]
    received = await tell.do(HUE_HEAD, "Acknowledge", on=day, targetIds=[plan.hue])
    assert received == {"count": 1}
    order = {"parentTargetId": plan.hue, "allOfKind": ["COMMUNE"]}
    assert await tell.refused(HUE_HEAD, "AssignOn", on=day, **order, value="50") == ["TARGET_LAXER"]
    assert await tell.refused(COORDINATOR, "AssignOn", on=day, **order) == ["FORBIDDEN"]
    assert await tell.refused(ENGINEER, "AssignOn", on=day, **order) == ["NOT_FOUND"]
    assert (await tell.do(HUE_HEAD, "AssignOn", on=day, **order))["count"] == 40
    assert await tell.refused(HUE_HEAD, "AssignOn", on=day, **order) == ["UNITS_ALREADY_HOLD"]
    plan.commune = (await target_of(tell, plan, THUAN_HOA))["id"]


async def shared(tell: Teller, plan: Plan) -> None:
    """Province, firm and ministry share one task; the firm delivers another, and Huế confirms its effect."""
    first, due = tell.day(BEGAN + 20), tell.day(LEFT)
    terms = {"ownerUnitId": tell.unit(HUE), "planId": plan.id, "leadUnitId": tell.unit(FIRM), "kind": "DEEP"}
    serving_target = [{"targetId": plan.hue}]
    task = (
        await tell.do(
            HUE_HEAD,
            "ShareTask",
            on=first,
            **terms,
            title="Tái cấu trúc 25 dịch vụ công thiết yếu",
            dueOn=str(due),
            leadShare=50,
            participants=[
                {"unitId": tell.unit(HUE), "role": "PROBLEM_OWNER", "share": 30},
                {"unitId": tell.unit(MINISTRY), "role": "CONTRIBUTOR", "share": 20},
            ],
            targets=serving_target,
        )
    )["task"]
    parts = {(p["unit"]["code"], p["role"], p["state"], p["share"]) for p in task["participants"]}
    assert parts == {
        (FIRM, "BUILDER", "INVITED", 50),
        (HUE, "PROBLEM_OWNER", "ACCEPTED", 30),
        (MINISTRY, "CONTRIBUTOR", "INVITED", 20),
    }
    one = {"taskId": task["id"]}
    assert await tell.refused(ENGINEER, "Accept", on=first, **one) == ["FORBIDDEN"]
    await tell.do(FIRM_HEAD, "Accept", on=first, **one)
    await tell.do(COORDINATOR, "TakePart", on=first, **one)
    await tell.do(FIRM_HEAD, "PutPeopleOn", on=first, **one, personIds=[tell.person(ENGINEER)])
    await tell.do(FIRM_HEAD, "Start", on=first, **one)
    await tell.do(ENGINEER, "SayHowFar", **one, progress=70)
    await tell.do(HUE_MEMBER, "SayHowFar", **one, progress=40)
    said = await tell.do(COORDINATOR, "SayHowFar", **one, progress=50)
    assert said["task"]["progress"] == "57"

    second = (
        await tell.do(
            HUE_HEAD,
            "ShareTask",
            on=first,
            **terms,
            title="Kết nối Cổng dịch vụ công của thành phố với Cổng Dịch vụ công quốc gia",
            dueOn=str(tell.day(-60)),
            targets=serving_target,
        )
    )["task"]
    two = {"taskId": second["id"]}
    await tell.do(FIRM_HEAD, "Accept", on=first, **two)
    await tell.do(FIRM_HEAD, "Start", on=first, **two)
    result = "Hai cổng đã kết nối."
    assert await tell.refused(FIRM_HEAD, "Deliver", **two, result=result) == ["TASK_EVIDENCE_REQUIRED"]
    evidence = [{"url": "https://dichvucong.example.vn/nghiem-thu", "title": "Biên bản nghiệm thu"}]
    delivered = await tell.do(FIRM_HEAD, "Deliver", **two, result=result, evidence=evidence)
    assert delivered["task"] == {
        "state": "DELIVERED",
        "deliveredOn": str(tell.today),
        "timeliness": "DONE_LATE",
        "progress": "100",
    }
    assert await tell.refused(FIRM_HEAD, "ConfirmEffect", **two) == ["TASK_OWN_VERIFICATION"]
    confirmed = await tell.do(HUE_HEAD, "ConfirmEffect", **two)
    assert confirmed["task"] == {"state": "VERIFIED", "verifiedBy": {"name": "Lê Hữu Phước"}}


async def measured_and_reported(tell: Teller, plan: Plan) -> None:
    """Huế reports 30 %, its system measures 17 %; of the other provinces three have reached 60 %."""
    of_hue = {"indicatorId": plan.indicator, "unitId": tell.unit(HUE), "asOf": str(tell.today)}
    said = {**of_hue, "basis": "REPORTED", "numerator": "30000", "denominator": "100000"}
    reported = await tell.do(HUE_MEMBER, "Record", **said)
    assert reported["measurement"] == {
        "basis": "REPORTED",
        "value": "30",
        "numerator": "30000",
        "denominator": "100000",
    }
    typed = {**of_hue, "basis": "MEASURED", "numerator": "30000", "denominator": "100000", "source": "Tôi"}
    for who in (HUE_HEAD, ISSUER, OBSERVER):
        assert await tell.refused(who, "Record", **typed) == ["MEASURED_NEEDS_SOURCE"]
    system, source = await a_system(tell, plan, HUE_HEAD, HUE, "SUBTREE")
    seen = [{**of_hue, "numerator": "17000", "denominator": "100000"}]
    assert await tell.refused(HUE_HEAD, "Push", sourceId=source, readings=seen) == ["FORBIDDEN"]
    assert (await tell.do(system, "Push", sourceId=source, readings=seen))["recorded"] == 1
    others = [unit for unit in tell.cast.provinces if unit.code != HUE]
    system, source = await a_system(tell, plan, COORDINATOR, MINISTRY, "NATION")
    common = {"indicatorId": plan.indicator, "asOf": str(tell.day(-1)), "denominator": "1000"}
    measured = [
        {**common, "unitCode": unit.code, "numerator": str(numerator)}
        for unit, numerator in zip(others, MEASURED_ELSEWHERE, strict=True)
    ]
    pushed = await tell.do(
        system, "Push", sourceId=source, readings=[*measured, {**measured[0], "unitCode": FIRM}, measured[1]]
    )
    assert (pushed["recorded"], pushed["rejected"]) == (33, 2)
    assert [(why["code"], why["path"]) for why in pushed["rejections"]] == [
        ("READING_OUT_OF_REACH", ["readings", "33", "unitCode"]),
        ("READING_DUPLICATE", ["readings", "34"]),
    ]
    rows = [
        {**common, "unitId": tell.unit(unit.code), "basis": "REPORTED", "numerator": "820"} for unit in others
    ]
    assert (await tell.do(ISSUER, "RecordMany", rows=rows))["count"] == 33


async def a_system(tell: Teller, plan: Plan, keeper: str, code: str, reach: str) -> tuple[str, str]:
    """A system of the unit: its source, and the program that sends for it, with a token of its own."""
    made = await tell.do(
        keeper,
        "RegisterSource",
        unitId=tell.unit(code),
        name="Hệ thống một cửa",
        method="Đếm hồ sơ",
        frequency="DAILY",
        way="PUSH",
        reach=reach,
        indicatorIds=[plan.indicator],
    )
    async with tell.cast.acting(keeper, tell.today) as tx:
        client, secret = await register_client(
            tx,
            tell.cast.unit(code),
            name="Hệ thống một cửa",
            authentication=ClientAuthentication.SECRET,
            scopes=[Scope.MEASUREMENTS_WRITE],
            machine=True,
        )
    assert secret is not None
    answer = await tell.here.post(
        "/oauth/token", auth=(client.client_id, secret), data={"grant_type": "client_credentials"}
    )
    assert answer.status_code == 200, answer.text
    tell.tokens[client.client_id] = answer.json()["access_token"]
    return client.client_id, made["source"]["id"]


async def rolled_up(tell: Teller, plan: Plan) -> None:
    """By itself: the province's outcome, the nation's from its children, and every unit's in the plan."""
    data = await tell.eventually(OBSERVER, "Standings", {"targetIds": [plan.hue, plan.root]}, settled)
    hue, nation = (node["outcome"] for node in data["nodes"])
    assert hue == {
        "status": "OFF_TRACK",
        "verdict": None,
        "measured": {
            "value": "17",
            "numerator": "17000",
            "denominator": "100000",
            "asOf": str(tell.today),
        },
        "reported": {"value": "30"},
        "gap": "13",
        "attainment": "0.283333",
        "expected": "0.9",
        "completion": "0.785",
        "children": 40,
        "childrenMet": 0,
        "targets": {"onTrack": 0, "atRisk": 0, "offTrack": 41, "total": 41},
        "ownTasks": {"openInTime": 1, "openOverdue": 0, "doneOnTime": 0, "doneLate": 1},
    }
    assert nation == {
        "status": "OFF_TRACK",
        "verdict": None,
        "measured": {"value": "8.823529", "numerator": None, "denominator": None, "asOf": None},
        "reported": {"value": "97.058824"},
        "gap": "88.235295",
        "attainment": "0.088235",
        "expected": "0.9",
        "completion": "0.785",
        "children": 34,
        "childrenMet": 3,
        "targets": {"onTrack": 13, "atRisk": 20, "offTrack": 42, "total": 75},
        "ownTasks": {"openInTime": 0, "openOverdue": 0, "doneOnTime": 0, "doneLate": 0},
    }


MEASURED_ELSEWHERE = [600, 700, 800, *[500] * 10, *[400] * 20]
"""Of 1,000 dossiers: three provinces are there, ten on the way, twenty at risk."""


def settled(data: dict[str, Any]) -> bool:
    """Both targets are rolled up, with everything that was recorded."""
    hue, nation = (node["outcome"] for node in data["nodes"])
    return bool(
        hue
        and hue["measured"]
        and hue["completion"] == "0.785"
        and nation
        and nation["reported"]
        and nation["reported"]["value"] != "0"  # the reports come in a call of their own, after the readings
        and nation["childrenMet"] == 3
    )


async def summed_up(tell: Teller, plan: Plan) -> None:
    """What each unit has to show in the plan: Huế, the firm, the ministry, and the nation with all below."""
    hue = await figures(tell, plan, HUE)
    assert hue["own"] == {
        "status": "OFF_TRACK",
        "verdict": None,
        "binding": 1,
        "bindingMet": 0,
        "attainment": "0.283333",
        "reportedAttainment": "0.5",
        "gapPoints": "21.6667",
        "completion": "0.4",
        "targets": {"onTrack": 0, "atRisk": 0, "offTrack": 1, "total": 1},
        "tasks": {"openInTime": 1, "doneLate": 0, "total": 1},
    }
    assert hue["subtree"]["targets"] == {"onTrack": 0, "atRisk": 0, "offTrack": 41, "total": 41}
    assert (await figures(tell, plan, MINISTRY))["own"]["completion"] == "0.5"
    firm = (await figures(tell, plan, FIRM, FIRM_HEAD))["own"]
    assert (firm["status"], firm["completion"]) == (None, "0.9")
    assert firm["tasks"] == {"openInTime": 1, "doneLate": 1, "total": 2}
    nation = (await figures(tell, plan, NATION))["subtree"]
    assert (nation["binding"], nation["bindingMet"], nation["completion"]) == (75, 3, "0.44")
    assert nation["targets"] == {"onTrack": 13, "atRisk": 20, "offTrack": 42, "total": 75}
    (ranking,) = (await tell.ask(OBSERVER, "WidestGaps", {"planId": plan.id}))["plan"]["keyResults"]
    assert ranking["outcomes"]["totalCount"] == 34
    assert [node["gap"] for node in ranking["outcomes"]["nodes"]] == ["42", "42"]


async def figures(tell: Teller, plan: Plan, code: str, who: str = OBSERVER) -> dict[str, Any]:
    asked = {"code": code, "planId": plan.id}
    outcome = (await tell.ask(who, "UnitStanding", asked))["unit"]["outcome"]
    assert isinstance(outcome, dict)
    return outcome


async def test_the_story(
    db: Database, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(database_url, redis_url) as url, telling(db, url, monkeypatch) as tell:
        plan = await issued_and_assigned(tell)
        await assigned_on(tell, plan)
        await shared(tell, plan)
        await measured_and_reported(tell, plan)
        await rolled_up(tell, plan)
        await summed_up(tell, plan)
