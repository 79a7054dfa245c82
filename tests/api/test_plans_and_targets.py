"""Plans, targets and measurements over the API: written, issued, assigned, acknowledged, measured."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import factories
from api.conftest import Api, World
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.db import Database
from vdept.measurements.models import Measurement
from vdept.targets.models import Plan, Target
from vdept.units.models import UnitKind
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


async def test_a_plan_is_written_issued_and_assigned_in_one_act(api: Api, world: World, db: Database) -> None:
    ids = await issued(api, world)
    given = {"parentTargetId": ids["root"], "allOfKind": ["PROVINCE"]}
    wrong = await api.do("assignTargets", given, world.hue_head, "count")
    assert wrong.refused("assignTargets") == [("FORBIDDEN", ["parentTargetId"])]
    dry = await done(api, "assignTargets", {**given, "dryRun": True}, world.prime, "count targets { id }")
    assert (dry["count"], dry["targets"]) == (2, [])
    assert await rows(db, Target) == 1
    answer = await done(
        api,
        "assignTargets",
        {**given, "idempotencyKey": "once"},
        world.prime,
        "count targets { id value unit { name } parent { id } } parent { children { totalCount } }",
    )
    assert answer["count"] == 2
    assert answer["parent"] == {"children": {"totalCount": 2}}
    assert {t["unit"]["name"] for t in answer["targets"]} == {"Thành phố Huế", "Thành phố Đà Nẵng"}
    assert {t["parent"]["id"] for t in answer["targets"]} == {ids["root"]}
    again = await done(api, "assignTargets", {**given, "idempotencyKey": "once"}, world.prime, "count")
    assert again["count"] == 2
    assert await rows(db, Target) == 3
    twice = await api.do("assignTargets", given, world.prime, "count")
    assert twice.refused("assignTargets") == [("UNITS_ALREADY_HOLD", ["unitIds"])]
    assert await rows(db, Target) == 3


async def test_a_target_is_assigned_on_never_laxer_and_acknowledged(api: Api, world: World) -> None:
    ids = await issued(api, world)
    given = {
        "parentTargetId": ids["root"],
        "valuesByUnit": [{"unitId": encode("Unit", world.hue.id), "value": "70"}],
    }
    hue = (await done(api, "assignTargets", given, world.prime, "targets { id value }"))["targets"][0]
    assert hue["value"] == "70"
    commune = {"parentTargetId": hue["id"], "unitIds": [encode("Unit", world.commune.id)]}
    lax = await api.do("assignTargets", {**commune, "value": "65"}, world.hue_head, "count")
    assert [code for code, _ in lax.refused("assignTargets")] == ["TARGET_LAXER"]
    side = await api.do(
        "assignTargets",
        {"parentTargetId": hue["id"], "unitIds": [encode("Unit", world.danang.id)]},
        world.hue_head,
        "count",
    )
    assert [code for code, _ in side.refused("assignTargets")] == ["UNITS_NOT_BELOW"]
    below = (await done(api, "assignTargets", {**commune, "value": "75"}, world.hue_head, "targets { id }"))[
        "targets"
    ][0]
    foreign = await api.do("acknowledgeTargets", {"targetIds": [below["id"]]}, world.danang_head, "count")
    assert foreign.refused("acknowledgeTargets") == [("FORBIDDEN", ["targetIds", "0"])]
    seen = await done(
        api,
        "acknowledgeTargets",
        {"targetIds": [below["id"]]},
        world.commune_head,
        "count targets { acknowledgedAt acknowledgedBy { id } }",
    )
    assert seen["count"] == 1
    assert seen["targets"][0]["acknowledgedBy"]["id"] == encode("Person", world.commune_head.person_id or 0)
    again = await done(api, "acknowledgeTargets", {"targetIds": [below["id"]]}, world.commune_head, "count")
    assert again["count"] == 0


async def test_a_target_is_changed_paused_withdrawn_and_reinstated(api: Api, world: World) -> None:
    ids = await issued(api, world)
    given = {"parentTargetId": ids["root"], "allOfKind": ["PROVINCE"]}
    await done(api, "assignTargets", given, world.prime, "count")
    reply = await api.gql(
        "query($unit: ID!) { unit(id: $unit) { targets { nodes { id version } } } }",
        {"unit": encode("Unit", world.hue.id)},
        world.hue_head,
    )
    (hue,) = reply.data["unit"]["targets"]["nodes"]
    changed = await done(
        api,
        "updateTarget",
        {"targetId": hue["id"], "value": "80", "expectedVersion": hue["version"]},
        world.prime,
        "target { value version }",
    )
    assert changed["target"] == {"value": "80", "version": hue["version"] + 1}
    stale = await api.do(
        "updateTarget",
        {"targetId": hue["id"], "value": "90", "expectedVersion": hue["version"]},
        world.prime,
        "target { id }",
    )
    assert stale.refused("updateTarget") == [("STALE_VERSION", ["expectedVersion"])]
    pause = {"targetId": hue["id"], "reason": "Quá tải", "reviewOn": str(TODAY + timedelta(days=7))}
    paused = await done(api, "pauseTarget", pause, world.hue_head, "target { state stateReason }")
    assert paused["target"] == {"state": "PAUSED", "stateReason": "Quá tải"}
    resumed = await done(api, "resumeTarget", {"targetId": hue["id"]}, world.hue_head, "target { state }")
    assert resumed["target"]["state"] == "ACTIVE"
    gone = await done(
        api,
        "withdrawTarget",
        {"targetId": hue["id"], "reason": "Giao nhầm"},
        world.prime,
        "count target { state }",
    )
    assert gone == {"count": 1, "target": {"state": "WITHDRAWN"}, "errors": []}
    back = await done(api, "reinstateTarget", {"targetId": hue["id"]}, world.prime, "count target { state }")
    assert back == {"count": 1, "target": {"state": "ACTIVE"}, "errors": []}


async def test_a_draft_is_changed_and_what_is_issued_is_not(api: Api, world: World) -> None:
    ids = await issued(api, world)
    late = await api.do(
        "updateKeyResult", {"keyResultId": ids["keyResult"], "value": "50"}, world.prime, "keyResult { id }"
    )
    assert [code for code, _ in late.refused("updateKeyResult")] == ["PLAN_WRONG_STATE"]
    closed = await done(api, "closePlan", {"planId": ids["plan"]}, world.prime, "plan { state }")
    assert closed["plan"]["state"] == "CLOSED"
    assign = {"parentTargetId": ids["root"], "allOfKind": ["PROVINCE"]}
    refused = await api.do("assignTargets", assign, world.prime, "count")
    assert [code for code, _ in refused.refused("assignTargets")] == ["PLAN_WRONG_STATE"]


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"value": "-1e30"}, "BAD_USER_INPUT", None),
        ({"value": "NaN"}, "BAD_USER_INPUT", None),
        ({"value": "1.1234567"}, "BAD_USER_INPUT", None),
        ({"dueOn": "2026-02-30"}, "BAD_USER_INPUT", None),
        ({"weight": "0"}, "WEIGHT_NOT_POSITIVE", ["weight"]),
        ({"unitIds": []}, "NO_UNITS", ["unitIds"]),
        ({"unitIds": ["nonsense"]}, "INVALID_ID", ["unitIds", "0"]),
        ({}, "ASSIGN_TO_WHOM", ["unitIds"]),
    ],
)
async def test_a_bad_assignment_is_refused_and_changes_nothing(
    api: Api, world: World, db: Database, given: dict[str, Any], code: str, path: list[str] | None
) -> None:
    ids = await issued(api, world)
    whole = {"parentTargetId": ids["root"], **given}
    if "unitIds" not in given and given:
        whole["allOfKind"] = ["PROVINCE"]
    reply = await api.do("assignTargets", whole, world.prime, "count")
    if path is None:
        assert (reply.status, reply.codes) == (400, [code])
    else:
        assert reply.refused("assignTargets") == [(code, path)]
    assert await rows(db, Target) == 1


async def test_values_are_measured_reported_and_corrected_side_by_side(
    api: Api, world: World, db: Database
) -> None:
    ids = await issued(api, world)
    about = {
        "indicatorId": ids["indicator"],
        "unitId": encode("Unit", world.hue.id),
        "asOf": str(TODAY - timedelta(days=1)),
    }
    select = "measurement { id value numerator denominator basis recordedBy { id } }"
    reported = await done(
        api,
        "recordMeasurement",
        {**about, "basis": "REPORTED", "numerator": "30", "denominator": 100},
        world.hue_head,
        select,
    )
    assert reported["measurement"]["value"] == "30"
    measured = await done(
        api,
        "recordMeasurement",
        {**about, "basis": "MEASURED", "source": "LGSP", "numerator": "17", "denominator": "100"},
        world.hue_head,
        select,
    )
    assert measured["measurement"]["value"] == "17"
    zero = await api.do(
        "recordMeasurement",
        {**about, "basis": "REPORTED", "numerator": "1", "denominator": "0"},
        world.hue_head,
        select,
    )
    assert [path for _, path in zero.refused("recordMeasurement")] == [["denominator"]]
    stranger = await api.do(
        "recordMeasurement",
        {**about, "basis": "REPORTED", "numerator": "1", "denominator": "2"},
        world.danang_head,
        select,
    )
    assert [code for code, _ in stranger.refused("recordMeasurement")] == ["FORBIDDEN"]
    assert await rows(db, Measurement) == 2
    right = await done(
        api,
        "correctMeasurement",
        {"measurementId": measured["measurement"]["id"], "numerator": "18", "denominator": "100"},
        world.hue_head,
        "measurement { value supersedes { value } }",
    )
    assert right["measurement"] == {"value": "18", "supersedes": {"value": "17"}}
    listed = await api.gql(
        """query($unit: ID!, $indicator: ID!) {
          all: measurements(unitId: $unit, indicatorId: $indicator) {
            totalCount nodes { value basis supersededBy { value } } }
          current: measurements(unitId: $unit, indicatorId: $indicator, basis: MEASURED, currentOnly: true) {
            totalCount nodes { value } } }""",
        {"unit": about["unitId"], "indicator": ids["indicator"]},
        world.hue_head,
    )
    assert listed.data["all"]["totalCount"] == 3
    assert {(n["value"], (n["supersededBy"] or {}).get("value")) for n in listed.data["all"]["nodes"]} == {
        ("18", None),
        ("17", "18"),
        ("30", None),
    }
    assert listed.data["current"] == {"totalCount": 1, "nodes": [{"value": "18"}]}


async def test_many_values_are_recorded_all_or_only_the_good_ones(
    api: Api, world: World, db: Database
) -> None:
    ids = await issued(api, world)
    row = {
        "indicatorId": ids["indicator"],
        "unitId": encode("Unit", world.hue.id),
        "basis": "REPORTED",
        "numerator": "1",
    }
    good = [{**row, "asOf": str(TODAY - timedelta(days=d)), "denominator": "4"} for d in range(1, 51)]
    bad = [*good, {**row, "asOf": str(TODAY), "denominator": "0"}]
    none = await api.do("recordMeasurements", {"rows": bad}, world.hue_head, "count")
    assert [path for _, path in none.refused("recordMeasurements")] == [["rows", "50", "denominator"]]
    assert await rows(db, Measurement) == 0
    some = await done(
        api,
        "recordMeasurements",
        {"rows": bad, "skipBad": True, "idempotencyKey": "bulk"},
        world.hue_head,
        "count bad refusals { path }",
    )
    assert some == {
        "count": 50,
        "bad": 1,
        "refusals": [{"path": ["rows", "50", "denominator"]}],
        "errors": [],
    }
    again = await done(
        api,
        "recordMeasurements",
        {"rows": bad, "skipBad": True, "idempotencyKey": "bulk"},
        world.hue_head,
        "count bad refusals { path }",
    )
    assert again == some
    assert await rows(db, Measurement) == 50


async def test_a_plan_of_participants_does_not_exist_for_others(api: Api, world: World) -> None:
    ids = await issued(api, world, audience="PARTICIPANTS")
    given = {"parentTargetId": ids["root"], "unitIds": [encode("Unit", world.firm.id)]}
    firm = (await done(api, "assignTargets", given, world.prime, "targets { id }"))["targets"][0]
    query = """query($plan: ID!, $root: ID!, $firm: ID!) {
      plan(id: $plan) { title } root: target(id: $root) { id } firm: target(id: $firm) { parent { id } }
      plans { totalCount } targets { totalCount nodes { id } } node(id: $root) { id } }"""
    variables = {"plan": ids["plan"], "root": ids["root"], "firm": firm["id"]}
    outside = (await api.gql(query, variables, world.danang_head)).data
    assert outside == {
        "plan": None,
        "root": None,
        "firm": None,
        "plans": {"totalCount": 0},
        "targets": {"totalCount": 0, "nodes": []},
        "node": None,
    }
    inside = (await api.gql(query, variables, world.firm_head)).data
    assert inside == {
        "plan": {"title": "Kế hoạch năm"},
        "root": None,
        "firm": {"parent": None},
        "plans": {"totalCount": 1},
        "targets": {"totalCount": 1, "nodes": [{"id": firm["id"]}]},
        "node": None,
    }
    feed = await api.gql("{ activities(first: 100) { nodes { subjectType verb } } }", as_=world.danang_head)
    assert {node["subjectType"] for node in feed.data["activities"]["nodes"]} == {"Indicator"}


async def test_the_feed_is_followed_without_gap_or_repetition(api: Api, world: World, db: Database) -> None:
    ids = await issued(api, world)
    query = """query($after: String, $first: Int!) { activities(after: $after, first: $first) {
      hasMore endCursor nodes { verb subjectId subject { id } by { id } data } } }"""
    seen: list[str] = []
    after = None
    while True:
        page = (await api.gql(query, {"after": after, "first": 2}, world.prime)).data["activities"]
        seen += [node["verb"] for node in page["nodes"]]
        after = page["endCursor"]
        assert all(node["data"] is None for node in page["nodes"])
        if not page["hasMore"]:
            break
    assert seen == [
        "indicator.created",
        "plan.created",
        "objective.added",
        "key_result.added",
        "target.assigned",
        "plan.issued",
    ]
    nothing = (await api.gql(query, {"after": after, "first": 2}, world.prime)).data["activities"]
    assert nothing == {"hasMore": False, "endCursor": after, "nodes": []}
    await done(api, "closePlan", {"planId": ids["plan"]}, world.prime, "plan { id }")
    news = (await api.gql(query, {"after": after, "first": 2}, world.administrator)).data["activities"]
    assert [(n["verb"], n["subjectId"], n["subject"]) for n in news["nodes"]] == [
        ("plan.closed", ids["plan"], {"id": ids["plan"]})
    ]
    assert news["nodes"][0]["data"] is not None
    assert await rows(db, Activity) == 7


async def test_targets_are_read_in_a_fixed_number_of_statements(api: Api, world: World, db: Database) -> None:
    ids = await issued(api, world)
    async with db.begin(factories.SYSTEM) as tx:
        for number in range(20):
            province = await factories.unit(tx, f"Tỉnh {number:02}", UnitKind.PROVINCE, world.government)
            await factories.actor(tx, province)
    given = {"parentTargetId": ids["root"], "allOfKind": ["PROVINCE"]}
    await done(api, "assignTargets", given, world.prime, "count")
    query = """query($id: ID!, $first: Int!) { target(id: $id) { children(first: $first) {
      totalCount nodes { value unit { name head { name } } keyResult { title objective { title } }
        plan { title issuer { name } } indicator { name } parent { id } assignedBy { name }
        children { totalCount nodes { id } } tasks { totalCount nodes { id } } } } } }"""
    few, statements = await api.measured(query, {"id": ids["root"], "first": 1}, world.prime)
    many, again = await api.measured(query, {"id": ids["root"], "first": 100}, world.prime)
    assert len(few["target"]["children"]["nodes"]) == 1
    assert len(many["target"]["children"]["nodes"]) == many["target"]["children"]["totalCount"] == 22
    assert again == statements
    assert await rows(db, Plan) == 1


async def test_a_plan_is_imported_all_or_nothing(api: Api, world: World, db: Database) -> None:
    def file(text: str) -> dict[str, Any]:
        return {"file": b64encode(text.encode()).decode(), "filename": "plan.yaml"}

    select = "dryRun plans { code state keyResults targets plan { title } }"
    bad = PLAN.replace("rollup: EACH", "rollup: OFTEN").replace("issuer: Chính phủ", "issuer: Ai đó")
    refused = await api.do("importPlans", file(bad), world.prime, select)
    paths = [path for _, path in refused.refused("importPlans")]
    assert paths
    assert {path[0] for path in paths} == {"file"}
    assert await rows(db, Plan) == 0
    dry = await done(api, "importPlans", {**file(PLAN), "assign": True, "dryRun": True}, world.prime, select)
    assert dry["plans"] == [{"code": "KH-9", "state": "ISSUED", "keyResults": 1, "targets": 3, "plan": None}]
    assert (await rows(db, Plan), await rows(db, Target)) == (0, 0)
    made = await done(api, "importPlans", {**file(PLAN), "assign": True}, world.prime, select)
    assert made["plans"] == [
        {
            "code": "KH-9",
            "state": "ISSUED",
            "keyResults": 1,
            "targets": 3,
            "plan": {"title": "Kế hoạch nhập"},
        }
    ]
    assert await rows(db, Target) == 3
