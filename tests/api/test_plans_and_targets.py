"""Plans and targets over the API: written, issued, imported, assigned, acknowledged, withdrawn."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from api.conftest import Api, World
from api.plans_scene import PLAN, TODAY, done, issued, rows
from vdept.kernel.db import Database
from vdept.targets.models import Plan, Target
from vdept_graphql.ids import encode


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
