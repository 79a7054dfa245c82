"""The whole life of a task shared by a ministry, a province and a firm, through the API."""

from typing import Any

import pytest
from graphql import parse, validate

from api.conftest import Api, World
from api.tasks_scene import DUE, OPERATIONS, TODAY, Scene, build, days, pid, tid, uid
from vdept_graphql.schema import engine


@pytest.fixture
async def scene(api: Api, world: World) -> Scene:
    return await build(api, world)


@pytest.mark.parametrize("file", sorted(path.name for path in OPERATIONS.glob("task*.graphql")))
def test_the_committed_documents_are_valid(file: str) -> None:
    document = parse((OPERATIONS / file).read_text(encoding="utf-8"))
    assert validate(engine.core, document, engine.rules) == []


async def step(scene: Scene, operation: str, field: str, given: dict[str, Any], as_: Any) -> Any:
    payload = (await scene.run("task_life", operation, {"input": given}, as_)).data[field]
    assert payload["errors"] == []
    return payload["task"]


def parts(task: dict[str, Any]) -> list[tuple[str, str, int, int]]:
    return [(p["role"], p["state"], p["share"], p["progress"]) for p in task["participants"]]


async def test_three_units_share_a_task_from_offer_to_verified(scene: Scene) -> None:
    world, firm, hue = scene.world, scene.world.firm_head, scene.world.hue_head
    task = await scene.shared_task()
    one = {"taskId": task}

    now = await step(scene, "Accept", "acceptTask", {**one, "expectedVersion": 1}, firm)
    assert (now["state"], now["version"], now["dueOn"]) == ("ACCEPTED", 2, str(DUE))
    assert parts(now) == [
        ("PROBLEM_OWNER", "ACCEPTED", 1, 0),
        ("USER", "INVITED", 1, 0),
        ("BUILDER", "ACCEPTED", 3, 0),
    ]
    early = await scene.run("task_life", "Start", {"input": one}, firm)
    assert early.refused("startTask") == [("TASK_ROLES_MISSING", ["taskId"])]
    await step(scene, "Join", "acceptInvitation", one, hue)
    now = await step(scene, "Start", "startTask", one, firm)
    assert now["state"] == "IN_PROGRESS"

    await scene.act("assignPeople", {**one, "personIds": [pid(scene.firm_member)]}, firm)
    await scene.act("assignPeople", {**one, "personIds": [pid(scene.hue_member)]}, hue)
    now = await step(scene, "Report", "reportProgress", {**one, "progress": 50}, scene.hue_member)
    assert now["progress"] == "10"
    now = await step(scene, "Report", "reportProgress", {**one, "progress": 25}, scene.firm_member)
    assert now["progress"] == "25"
    for who, body in ((hue, "Đã thử ở 5 phường."), (firm, "Cảm ơn, đang sửa.")):
        said = await scene.api.do("commentOnTask", {**one, "body": body}, who, "comment { body }")
        assert said.data["commentOnTask"] == {"comment": {"body": body}, "errors": []}

    result = {
        **one,
        "result": "Hệ thống chạy ở Huế",
        "evidence": [{"url": "https://hue.gov.vn/bien-ban", "title": "Biên bản"}],
    }
    now = await step(scene, "Deliver", "deliverTask", result, firm)
    assert (now["state"], now["progress"], now["deliveredOn"], now["timeliness"]) == (
        "DELIVERED",
        "70",
        str(TODAY),
        "DONE_ON_TIME",
    )
    own = await scene.run("task_life", "Verify", {"input": one}, firm)
    assert own.refused("verifyTask") == [("TASK_OWN_VERIFICATION", ["taskId"])]
    now = await step(scene, "SendBack", "sendBackTask", {**one, "reason": "Thiếu kiểm thử"}, world.minister)
    assert (now["state"], now["stateReason"]) == ("IN_PROGRESS", "Thiếu kiểm thử")
    await step(scene, "Deliver", "deliverTask", result, firm)
    now = await step(scene, "Verify", "verifyTask", one, world.minister)
    assert now["state"] == "VERIFIED"
    assert now["verifiedAt"] is not None

    await _everybody_reads_the_same(scene, task)


async def _everybody_reads_the_same(scene: Scene, task: str) -> None:
    seen = {}
    for name, who in (("ministry", scene.world.minister), ("firm", scene.world.firm_head)):
        seen[name] = (await scene.run("task_reading", "TaskWhole", {"id": task}, who)).data["task"]
    served = seen["ministry"].pop("targets")
    assert [(link["weight"], link["target"]["unit"]["name"]) for link in served] == [("2.5", "Thành phố Huế")]
    assert seen["firm"].pop("targets") == []  # the target is not the firm's
    plan = {name: whole.pop("plan") for name, whole in seen.items()}
    assert plan["ministry"] == {"title": scene.plan.title}
    history = {name: whole.pop("history")["nodes"] for name, whole in seen.items()}
    assert seen["firm"] == seen["ministry"]
    whole = seen["firm"]
    assert [(one["name"], one["unit"]["name"]) for one in whole["assignees"]] == [
        ("Phạm Kỹ Sư", "Công ty Sao Khuê"),
        ("Trần Thị Huế", "Thành phố Huế"),
    ]
    assert [(c["body"], c["unit"]["name"]) for c in whole["comments"]["nodes"]] == [
        ("Đã thử ở 5 phường.", "Thành phố Huế"),
        ("Cảm ơn, đang sửa.", "Công ty Sao Khuê"),
    ]
    assert None not in [c["author"] for c in whole["comments"]["nodes"]]
    assert [e["url"] for e in whole["evidence"]] == ["https://hue.gov.vn/bien-ban"] * 2
    assert [entry["verb"] for entry in history["firm"]] == [
        "task.verified",
        "task.delivered",
        "task.sent_back",
        "task.delivered",
        "task.commented",
        "task.commented",
        "task.progress_reported",
        "task.progress_reported",
        "task.assigned",
        "task.assigned",
        "task.started",
        "task.invitation_accepted",
        "task.accepted",
        "task.created",
    ]
    assert (history["firm"][2]["reason"], history["firm"][2]["data"]["to"]) == (
        "Thiếu kiểm thử",
        "IN_PROGRESS",
    )
    by_firm, by_ministry = history["firm"][-1]["data"], history["ministry"][-1]["data"]
    assert by_firm["targets"] == []
    link = {"targetId": served[0]["target"]["id"], "weight": "2.5", "state": "PROPOSED"}
    assert by_ministry["targets"] == [link]
    assert by_firm["leadUnitId"] == uid(scene.world.firm)
    assert next(p["unitId"] for p in by_firm["participants"]) == uid(scene.world.firm)
    assert [(e["by"]["name"], e["unit"]["name"]) for e in history["firm"]] == [
        (e["by"]["name"], e["unit"]["name"]) for e in history["ministry"]
    ]


async def test_a_firm_reads_names_of_others_in_its_task_and_nothing_else_of_them(scene: Scene) -> None:
    task = await scene.running_task()
    await scene.act(
        "assignPeople", {"taskId": task, "personIds": [pid(scene.hue_member)]}, scene.world.hue_head
    )
    await scene.act(
        "assignPeople", {"taskId": task, "personIds": [pid(scene.firm_member)]}, scene.world.firm_head
    )
    query = """query($id: ID!, $person: ID!) {
      task(id: $id) { assignees { name person { email } unit { name } } createdBy { name person { id } } }
      person(id: $person) { id } }"""
    variables = {"id": task, "person": pid(scene.hue_member)}
    firm = (await scene.api.gql(query, variables, scene.firm_member)).data
    assert firm["person"] is None
    assert [(a["name"], a["person"] is None) for a in firm["task"]["assignees"]] == [
        ("Phạm Kỹ Sư", False),
        ("Trần Thị Huế", True),
    ]
    assert firm["task"]["createdBy"]["person"] is None
    assert firm["task"]["createdBy"]["name"]
    hue = (await scene.api.gql(query, variables, scene.world.hue_head)).data
    assert [a["person"] is None for a in hue["task"]["assignees"]] == [False, False]
    rival = (await scene.api.gql(query, variables, scene.rival_head)).data
    assert rival == {"task": None, "person": None}


async def test_every_other_step_of_a_task(scene: Scene) -> None:
    world, minister = scene.world, scene.world.minister
    board = await scene.act(
        "createTask", {"title": "Mở", "ownerUnitId": uid(world.ministry), "dueOn": str(DUE)}, minister
    )
    one = {"taskId": board["id"]}
    assert board["state"] == "OPEN"
    steps: list[tuple[str, dict[str, Any], Any, str]] = [
        ("updateTask", {"title": "Việc mở", "description": "Kỹ", "audience": "PUBLIC"}, minister, "OPEN"),
        ("offerTask", {"leadUnitId": uid(world.firm), "share": 2}, minister, "OFFERED"),
        ("declineTask", {"reason": "Bận"}, world.firm_head, "DECLINED"),
        ("reopenTask", {}, minister, "OPEN"),
        ("volunteerForTask", {"unitId": uid(world.hue), "role": "USER"}, world.hue_head, "ACCEPTED"),
        (
            "inviteParticipants",
            {"participants": [{"unitId": uid(world.danang)}, {"unitId": uid(world.firm)}]},
            world.hue_head,
            "ACCEPTED",
        ),
        ("declineInvitation", {"reason": "Không liên quan"}, world.danang_head, "ACCEPTED"),
        ("acceptInvitation", {}, world.firm_head, "ACCEPTED"),
        (
            "setParticipants",
            {"participants": [{"unitId": uid(world.firm), "role": "BUILDER", "share": 4}]},
            world.hue_head,
            "ACCEPTED",
        ),
        ("assignPeople", {"personIds": [pid(scene.hue_member)]}, world.hue_head, "ACCEPTED"),
        ("unassignPerson", {"personId": pid(scene.hue_member)}, world.hue_head, "ACCEPTED"),
        ("pauseTask", {"reason": "Bão", "reviewOn": days(7)}, world.hue_head, "PAUSED"),
        ("resumeTask", {}, world.hue_head, "ACCEPTED"),
        ("startTask", {}, world.hue_head, "IN_PROGRESS"),
        ("leaveTask", {"reason": "Hết hợp đồng"}, world.firm_head, "IN_PROGRESS"),
        ("extendTask", {"dueOn": days(90), "reason": "Bão"}, minister, "IN_PROGRESS"),
        ("addEvidence", {"url": "https://x.vn/a", "title": "A"}, scene.hue_member, "IN_PROGRESS"),
        ("cancelTask", {"reason": "Trùng"}, minister, "CANCELLED"),
    ]
    version = 1
    for mutation, given, who, state in steps:
        stale = await scene.api.do(
            mutation, {**one, **given, "expectedVersion": version + 7}, who, "task { id }"
        )
        assert stale.refused(mutation) == [("STALE_VERSION", ["expectedVersion"])], mutation
        now = await scene.act(mutation, {**one, **given, "expectedVersion": version}, who)
        version += 1
        assert (now["state"], now["version"]) == (state, version), mutation
    whole = (await scene.run("task_reading", "TaskWhole", {"id": board["id"]}, minister)).data["task"]
    assert (whole["title"], whole["description"], whole["stateReason"]) == ("Việc mở", "Kỹ", "Trùng")
    assert (whole["originalDueOn"], whole["dueOn"], whole["extensions"]) == (str(DUE), days(90), 1)
    assert whole["timeliness"] is None
    assert [(p["unit"]["name"], p["role"], p["state"], p["share"]) for p in whole["participants"]] == [
        ("Thành phố Huế", "USER", "ACCEPTED", 1),
        ("Thành phố Đà Nẵng", "CONTRIBUTOR", "DECLINED", 1),
        ("Công ty Sao Khuê", "BUILDER", "LEFT", 4),
    ]


async def test_what_a_task_serves_waits_for_and_belongs_to(scene: Scene) -> None:
    first, second, third = await scene.tasks(3, lead=scene.world.hue)
    minister, target = scene.world.minister, scene.ministry_target
    from vdept_graphql.ids import encode

    goal = encode("Target", target.id)
    await scene.act("linkTargets", {"taskId": tid(first), "targets": [{"targetId": goal}]}, minister)
    await scene.act("addDependency", {"taskId": tid(first), "blockedById": tid(second)}, minister)
    await scene.act("setParentTask", {"taskId": tid(third), "parentId": tid(first)}, minister)
    query = """query($id: ID!, $target: ID!) {
      task(id: $id) { targets { weight target { id tasks { nodes { id } } } } blockedBy { id } blocks { id }
        parent { id } subtasks { totalCount nodes { id parent { id } } } }
      tasks(filter: {targetId: $target}) { nodes { id } } }"""
    seen = (await scene.api.gql(query, {"id": tid(first), "target": goal}, minister)).data
    assert seen == {
        "task": {
            "targets": [{"weight": "1", "target": {"id": goal, "tasks": {"nodes": [{"id": tid(first)}]}}}],
            "blockedBy": [{"id": tid(second)}],
            "blocks": [],
            "parent": None,
            "subtasks": {"totalCount": 1, "nodes": [{"id": tid(third), "parent": {"id": tid(first)}}]},
        },
        "tasks": {"nodes": [{"id": tid(first)}]},
    }
    await scene.act("unlinkTarget", {"taskId": tid(first), "targetId": goal}, minister)
    await scene.act("removeDependency", {"taskId": tid(first), "blockedById": tid(second)}, minister)
    await scene.act("setParentTask", {"taskId": tid(third), "parentId": None}, minister)
    seen = (await scene.api.gql(query, {"id": tid(first), "target": goal}, minister)).data
    assert seen["tasks"]["nodes"] == []
    assert (seen["task"]["targets"], seen["task"]["blockedBy"], seen["task"]["subtasks"]["nodes"]) == (
        [],
        [],
        [],
    )
    history = await scene.api.gql(
        "query($id: ID!) { task(id: $id) { history { nodes { verb data } } } }", {"id": tid(third)}, minister
    )
    assert history.data["task"]["history"]["nodes"][0] == {
        "verb": "task.parent_set",
        "data": {"from": tid(first), "to": None},
    }
