"""Early warnings over GraphQL: a head's board, the sentence in two languages, the answer, thresholds."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api.conftest import Api
from factories import SYSTEM
from vdept.calendars.queries import calendar_of
from vdept.kernel.clock import local_date, utc_now
from vdept.targets.models import Basis
from vdept_graphql.ids import encode
from warnings_scene import Scene, build, days

BOARD = """query($unit: ID, $filter: EarlyWarningFilter) {
  warningCounts(unitId: $unit, below: true) { kind severity number unacknowledged }
  warnings(filter: $filter) {
    totalCount
    nodes {
      id kind severity sentence evidence openedOn respondBy response closedAt closedBecause
      unit { name } target { value } task { title } plan { code } acknowledgedBy { id }
      answers { response respondBy by { id } }
    }
  }
}"""
TODAY = local_date(utc_now())


@pytest.fixture
async def scene(api: Api) -> Scene:
    """A target of which 75 % were reported and 30 % measured, and a task that nobody has touched for long.

    The plan runs from 100 days ago to 100 days from now, so that half of the way is expected.
    """
    scene = await build(api.database)
    await scene.set(scene.plan, starts_on=TODAY - days(100), ends_on=TODAY + days(100))
    await scene.add_target("north", starts_on=TODAY - days(100), due_on=TODAY + days(100))
    await scene.measure("north", TODAY - days(3), "30")
    await scene.measure("north", TODAY - days(3), "75", Basis.REPORTED)
    await scene.add_task("north", TODAY - days(40), due_on=TODAY + days(300), title="Lắp đặt")
    await scene.on(TODAY)
    return scene


async def next_working_day(scene: Scene) -> date:
    async with scene.db.snapshot(SYSTEM) as tx:
        return (await calendar_of(tx, scene.units["north"].id)).step(TODAY, 1)


async def board(api: Api, scene: Scene, who: str, **which: Any) -> Any:
    unit = encode("Unit", scene.units["province"].id)
    reply = await api.gql(BOARD, {"unit": unit, "filter": which}, scene.heads[who])
    return reply.data


async def test_a_head_sees_what_is_wrong_below_the_gravest_first(api: Api, scene: Scene) -> None:
    seen = await board(api, scene, "province", unitId=encode("Unit", scene.units["province"].id), below=True)
    assert seen["warningCounts"] == [
        {"kind": "GAP", "severity": "OFF_TRACK", "number": 1, "unacknowledged": 1},
        {"kind": "PACE", "severity": "AT_RISK", "number": 1, "unacknowledged": 1},
        {"kind": "ABANDONED", "severity": "AT_RISK", "number": 1, "unacknowledged": 1},
    ]
    assert seen["warnings"]["totalCount"] == 3
    gap, pace, abandoned = seen["warnings"]["nodes"]
    assert gap["sentence"] == (
        "Reported 75, measured 30: 45 points of attainment apart, more than the 10 allowed."
    )
    assert gap["evidence"]["reportedAttainment"] == "75"
    assert pace["sentence"].startswith("At 30 % of the way where 50 % were expected by")
    assert (pace["unit"]["name"], pace["target"]["value"], pace["task"]) == ("Sa Pa", "100", None)
    assert (abandoned["task"]["title"], abandoned["target"]) == ("Lắp đặt", None)
    assert {one["openedOn"] for one in (gap, pace, abandoned)} == {str(TODAY)}
    assert {one["plan"]["code"] for one in (gap, pace, abandoned)} == {scene.plan.code}


async def test_the_sentence_is_in_the_readers_language(api: Api, scene: Scene) -> None:
    query = "{ warnings(filter: {kinds: [GAP]}) { nodes { sentence } } }"
    reply = await api.gql(query, as_=scene.heads["north"], accept_language="vi")
    assert reply.data["warnings"]["nodes"] == [
        {"sentence": "Báo cáo 75 nhưng đo được 30: chênh 45 điểm mức đạt, quá ngưỡng 10 điểm."}
    ]


async def test_the_number_of_statements_does_not_grow_with_the_number_of_warnings(
    api: Api, scene: Scene
) -> None:
    _, few = await api.measured(BOARD, {"filter": {"kinds": ["PACE"]}}, scene.heads["nation"])
    for name in ("south", "province", "other", "firm"):
        await scene.add_target(name, starts_on=TODAY - days(100), due_on=TODAY + days(100))
    await scene.on(TODAY)
    data, many = await api.measured(BOARD, {"filter": {"kinds": ["PACE"]}}, scene.heads["nation"])
    assert data["warnings"]["totalCount"] == 5
    assert many == few


async def test_targets_and_tasks_have_their_warnings_with_them(api: Api, scene: Scene) -> None:
    query = """query($target: ID!, $task: ID!) {
      target(id: $target) { warnings { kind } all: warnings(openOnly: false) { kind closedBecause } }
      task(id: $task) { warnings { kind } }
    }"""
    await scene.measure("north", TODAY, "76")
    await scene.on(TODAY)
    async with scene.db.snapshot(SYSTEM) as tx:
        task_id = await tx.session.scalar(sa.text("SELECT id FROM task"))
    ids = {"target": encode("Target", scene.targets["north"].id), "task": encode("Task", task_id or 0)}
    reply = await api.gql(query, ids, scene.heads["north"])
    assert reply.data["target"]["warnings"] == []
    assert reply.data["target"]["all"] == [
        {"kind": "GAP", "closedBecause": "ENDED"},
        {"kind": "PACE", "closedBecause": "ENDED"},
    ]
    assert reply.data["task"]["warnings"] == [{"kind": "ABANDONED"}]


async def test_the_head_answers_and_everybody_above_reads_it(api: Api, scene: Scene) -> None:
    first = (await board(api, scene, "north"))["warnings"]["nodes"][0]
    by = str(await next_working_day(scene))
    given = {"warningId": first["id"], "response": "Đối chiếu số liệu", "respondBy": by}
    head = scene.heads["north"]
    reply = await api.do("acknowledgeWarning", given, head, "warning { response respondBy acknowledgedAt }")
    assert reply.data["acknowledgeWarning"]["errors"] == []
    assert reply.data["acknowledgeWarning"]["warning"]["response"] == "Đối chiếu số liệu"

    seen = await board(api, scene, "nation", unacknowledged=False)
    [node] = seen["warnings"]["nodes"]
    person = encode("Person", head.person_id or 0)
    assert (node["id"], node["respondBy"], node["acknowledgedBy"]) == (first["id"], by, {"id": person})
    assert node["answers"] == [{"response": "Đối chiếu số liệu", "respondBy": by, "by": {"id": person}}]
    assert [line["unacknowledged"] for line in seen["warningCounts"]] == [0, 1, 1]


async def test_several_are_answered_at_once_and_a_repeated_request_answers_the_same(
    api: Api, scene: Scene
) -> None:
    nodes = (await board(api, scene, "north"))["warnings"]["nodes"]
    given = {
        "warningIds": [node["id"] for node in nodes],
        "response": "Họp xử lý",
        "respondBy": str(await next_working_day(scene)),
        "idempotencyKey": "một lần",
    }
    for _ in range(2):
        reply = await api.do("acknowledgeWarnings", given, scene.heads["north"], "warnings { id response }")
        answer = reply.data["acknowledgeWarnings"]
        assert answer["errors"] == []
        assert [one["id"] for one in answer["warnings"]] == given["warningIds"]
        assert {one["response"] for one in answer["warnings"]} == {"Họp xử lý"}
    assert len(await scene.said("warning.acknowledged")) == 3


async def test_an_answer_is_refused_with_what_to_do(api: Api, scene: Scene) -> None:
    first = (await board(api, scene, "north"))["warnings"]["nodes"][0]
    given = {"warningId": first["id"], "response": "…", "respondBy": str(TODAY)}
    reply = await api.do("acknowledgeWarning", given, scene.heads["north"], "warning { id }")
    assert reply.refused("acknowledgeWarning") == [("WARNING_RESPOND_BY", ["respondBy"])]
    given["respondBy"] = str(await next_working_day(scene))
    reply = await api.do("acknowledgeWarning", given, scene.coordinators["north"], "warning { id }")
    assert reply.refused("acknowledgeWarning") == [("FORBIDDEN", ["warningId"])]
    reply = await api.do("acknowledgeWarning", given, scene.heads["firm"], "warning { id }")
    assert reply.refused("acknowledgeWarning") == [("NOT_FOUND", ["warningId"])]
    given["warningId"] = encode("Task", 1)
    reply = await api.do("acknowledgeWarning", given, scene.heads["north"], "warning { id }")
    assert reply.refused("acknowledgeWarning") == [("INVALID_ID", ["warningId"])]


async def test_to_brake_the_head_pauses_the_target_and_its_warnings_close(api: Api, scene: Scene) -> None:
    given = {
        "targetId": encode("Target", scene.targets["north"].id),
        "reason": "Quá tải",
        "reviewOn": str(TODAY + timedelta(days=30)),
    }
    reply = await api.do("pauseTarget", given, scene.heads["north"], "target { state }")
    assert reply.data["pauseTarget"]["errors"] == []
    await scene.on(TODAY)
    seen = await board(api, scene, "north", open=False)
    assert [(one["kind"], one["closedBecause"]) for one in seen["warnings"]["nodes"]] == [
        ("GAP", "PAUSED"),
        ("PACE", "PAUSED"),
    ]
    assert [one["kind"] for one in seen["warningCounts"]] == ["ABANDONED"]


async def test_a_firm_is_shown_no_board_of_others(api: Api, scene: Scene) -> None:
    seen = await board(api, scene, "firm")
    assert seen == {"warningCounts": [], "warnings": {"totalCount": 0, "nodes": []}}
    node = "query($id: ID!) { node(id: $id) { id } warning(id: $id) { id } }"
    for row in await scene.warnings():
        reply = await api.gql(node, {"id": encode("EarlyWarning", row.id)}, scene.heads["firm"])
        assert reply.data == {"node": None, "warning": None}


async def test_frequency_and_the_gaps_threshold_are_set_with_the_definitions(api: Api, scene: Scene) -> None:
    nation = scene.heads["nation"]
    reply = await api.do(
        "createIndicator",
        {"name": "Tỷ lệ", "unitOfMeasure": "%", "frequency": "MONTHLY"},
        nation,
        "indicator { id frequency }",
    )
    made = reply.data["createIndicator"]["indicator"]
    assert made["frequency"] == "MONTHLY"
    for frequency in ("WEEKLY", None):
        given = {"indicatorId": made["id"], "frequency": frequency}
        reply = await api.do("updateIndicator", given, nation, "indicator { frequency name }")
        assert reply.data["updateIndicator"]["indicator"] == {"frequency": frequency, "name": "Tỷ lệ"}

    plan = {
        "title": "Kế hoạch",
        "issuerUnitId": encode("Unit", scene.units["nation"].id),
        "startsOn": "2026-01-01",
        "endsOn": "2026-12-31",
    }
    draft = (await api.do("createPlan", plan, nation, "plan { id }")).data["createPlan"]["plan"]["id"]
    added = await api.do("addObjective", {"planId": draft, "title": "Mục tiêu"}, nation, "objective { id }")
    objective = added.data["addObjective"]["objective"]["id"]
    given = {"objectiveId": objective, "indicatorId": made["id"], "rollup": "MEAN", "value": "60"}
    reply = await api.do("addKeyResult", given, nation, "keyResult { id gapPoints }")
    key_result = reply.data["addKeyResult"]["keyResult"]
    assert key_result["gapPoints"] == "10"
    change = {"keyResultId": key_result["id"], "gapPoints": "2.5"}
    reply = await api.do("updateKeyResult", change, nation, "keyResult { gapPoints }")
    assert reply.data["updateKeyResult"]["keyResult"] == {"gapPoints": "2.5"}
    for wrong in ("-1", "100.5", "2.555"):
        reply = await api.do("updateKeyResult", {**change, "gapPoints": wrong}, nation, "keyResult { id }")
        assert reply.refused("updateKeyResult") == [("GAP_POINTS_INVALID", ["gapPoints"])]
