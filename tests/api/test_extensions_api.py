"""Extensions through the API: asked for, decided, listed, and told of in the task's history."""

from typing import Any

import pytest

from api.conftest import Api, World
from api.tasks_scene import DUE, Scene, build, days, tid, uid
from vdept.kernel.actor import Actor
from vdept.tasks.models import TaskState
from vdept_graphql.ids import encode

EXTENSION = """extension { id state dueOn wantedDueOn grantedDueOn reason decisionReason decidedAt
  task { id dueOn extensions } unit { name } requestedBy { name } decidedBy { name } }"""
WAITING = """query($unit: ID!) { extensionRequests(unitId: $unit) { totalCount nodes { id task { id } } } }"""


@pytest.fixture
async def scene(api: Api, world: World) -> Scene:
    return await build(api, world)


async def act(scene: Scene, mutation: str, given: dict[str, Any], who: Actor) -> dict[str, Any]:
    payload: dict[str, Any] = (await scene.api.do(mutation, given, who, EXTENSION)).data[mutation]
    assert payload["errors"] == []
    extension: dict[str, Any] = payload["extension"]
    return extension


async def asked(scene: Scene, reason: str = "Chờ hướng dẫn") -> tuple[str, dict[str, Any]]:
    """A task of Huế's under way, and its request for thirty days more."""
    (task,) = await scene.tasks(1, state=TaskState.IN_PROGRESS)
    given = {"taskId": tid(task), "dueOn": days(90), "reason": reason}
    return tid(task), await act(scene, "requestExtension", given, scene.world.hue_head)


async def test_a_request_is_made_granted_and_told(scene: Scene) -> None:
    world = scene.world
    task, request = await asked(scene)
    assert request | {"id": ""} == {
        "id": "",
        "state": "REQUESTED",
        "dueOn": str(DUE),
        "wantedDueOn": days(90),
        "grantedDueOn": None,
        "reason": "Chờ hướng dẫn",
        "decisionReason": None,
        "decidedAt": None,
        "task": {"id": task, "dueOn": str(DUE), "extensions": 0},
        "unit": {"name": "Thành phố Huế"},
        "requestedBy": request["requestedBy"],
        "decidedBy": None,
    }
    waiting = (await scene.api.gql(WAITING, {"unit": uid(world.ministry)}, world.minister)).data
    assert waiting["extensionRequests"] == {
        "totalCount": 1,
        "nodes": [{"id": request["id"], "task": {"id": task}}],
    }
    granted = await act(
        scene,
        "grantExtension",
        {"extensionId": request["id"], "dueOn": days(75), "reason": "Đủ rồi"},
        world.minister,
    )
    assert (granted["state"], granted["grantedDueOn"], granted["decisionReason"]) == (
        "GRANTED",
        days(75),
        "Đủ rồi",
    )
    assert granted["task"] == {"id": task, "dueOn": days(75), "extensions": 1}
    assert granted["decidedBy"] is not None
    assert (await scene.api.gql(WAITING, {"unit": uid(world.ministry)}, world.minister)).data[
        "extensionRequests"
    ]["nodes"] == []
    query = """query($id: ID!) { task(id: $id) { originalDueOn extensionHistory { id state }
      history { nodes { verb reason data } } } }"""
    seen = (await scene.api.gql(query, {"id": task}, world.hue_head)).data["task"]
    assert (seen["originalDueOn"], seen["extensionHistory"]) == (
        str(DUE),
        [{"id": request["id"], "state": "GRANTED"}],
    )
    assert [(node["verb"], node["reason"]) for node in seen["history"]["nodes"]] == [
        ("task.due_extended", "Đủ rồi"),
        ("task.extension_requested", "Chờ hướng dẫn"),
    ]
    assert {node["data"]["extensionId"] for node in seen["history"]["nodes"]} == {request["id"]}


async def test_a_request_is_refused_or_taken_back(scene: Scene) -> None:
    world = scene.world
    _, first = await asked(scene)
    refused = await act(
        scene, "refuseExtension", {"extensionId": first["id"], "reason": "Không đủ lý do"}, world.minister
    )
    assert (refused["state"], refused["decisionReason"], refused["task"]["dueOn"]) == (
        "REFUSED",
        "Không đủ lý do",
        str(DUE),
    )
    _, second = await asked(scene)
    taken = await act(scene, "withdrawExtension", {"extensionId": second["id"]}, world.hue_head)
    assert (taken["state"], taken["decidedBy"]["name"]) == ("WITHDRAWN", second["requestedBy"]["name"])


async def test_extend_task_is_in_the_same_list(scene: Scene) -> None:
    (task,) = await scene.tasks(1, state=TaskState.IN_PROGRESS)
    given = {"taskId": tid(task), "dueOn": days(90), "reason": "Bão"}
    await scene.act("extendTask", given, scene.world.minister)
    query = "query($id: ID!) { task(id: $id) { extensionHistory { state reason requestedBy { name } } } }"
    seen = (await scene.api.gql(query, {"id": tid(task)}, scene.world.minister)).data["task"]
    assert seen["extensionHistory"] == [{"state": "GRANTED", "reason": "Bão", "requestedBy": None}]


@pytest.mark.parametrize(
    ("mutation", "given", "refused"),
    [
        ("requestExtension", {"dueOn": days(1)}, ("TASK_DUE_NOT_LATER", ["dueOn"])),
        ("requestExtension", {"dueOn": days(-1)}, ("TASK_DUE_IN_PAST", ["dueOn"])),
        ("requestExtension", {"dueOn": days(900)}, ("TASK_DUE_OUTSIDE_PLAN", ["dueOn"])),
        ("requestExtension", {"reason": " "}, ("TASK_REASON_REQUIRED", ["reason"])),
        ("requestExtension", {"expectedVersion": 9}, ("STALE_VERSION", ["expectedVersion"])),
        ("requestExtension", {"taskId": encode("Unit", 1)}, ("INVALID_ID", ["taskId"])),
    ],
)
async def test_a_bad_request_is_refused_with_its_field_and_changes_nothing(
    scene: Scene, mutation: str, given: dict[str, Any], refused: tuple[str, list[str]]
) -> None:
    (task,) = await scene.tasks(1, state=TaskState.IN_PROGRESS)
    before = await scene.everything()
    sent = {"taskId": tid(task), "dueOn": days(90), "reason": "Bão", **given}
    reply = await scene.api.do(mutation, sent, scene.world.hue_head, "extension { id }")
    assert reply.refused(mutation) == [refused]
    assert await scene.everything() == before


async def test_who_may_not_see_the_task_sees_none_of_it(scene: Scene) -> None:
    _, request = await asked(scene)
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert (await scene.api.gql(node, {"id": request["id"]}, scene.rival_head)).data["node"] is None
    assert (await scene.api.gql(node, {"id": request["id"]}, scene.hue_member)).data["node"] is not None
    listed = await scene.api.gql(WAITING, {"unit": uid(scene.world.ministry)}, scene.rival_head)
    assert listed.data["extensionRequests"] == {"totalCount": 0, "nodes": []}
    for mutation, more in (("grantExtension", {}), ("refuseExtension", {"reason": "x"})):
        given = {"extensionId": request["id"], **more}
        reply = await scene.api.do(mutation, given, scene.rival_head, "extension { id }")
        assert reply.refused(mutation) == [("NOT_FOUND", ["extensionId"])]
        reply = await scene.api.do(mutation, given, scene.world.hue_head, "extension { id }")
        assert reply.refused(mutation) == [("FORBIDDEN", ["extensionId"])]


async def test_the_same_request_sent_again_is_made_once(scene: Scene) -> None:
    (task,) = await scene.tasks(1, state=TaskState.IN_PROGRESS)
    given = {"taskId": tid(task), "dueOn": days(90), "reason": "Bão", "idempotencyKey": "k"}
    first = await act(scene, "requestExtension", given, scene.world.hue_head)
    assert await act(scene, "requestExtension", given, scene.world.hue_head) == first


async def test_a_page_of_tasks_with_their_extensions_costs_the_same_for_one_and_many(scene: Scene) -> None:
    query = """query($first: Int!) { tasks(first: $first) { nodes { id extensionHistory { id state
      unit { name } requestedBy { name } decidedBy { name } task { title } } recurrence { rule } } } }"""
    for _ in range(6):
        await asked(scene)
    _, one = await scene.api.measured(query, {"first": 1}, scene.world.minister)
    seen, many = await scene.api.measured(query, {"first": 6}, scene.world.minister)
    assert all(len(node["extensionHistory"]) == 1 for node in seen["tasks"]["nodes"])
    assert one == many


async def test_resuming_tells_how_long_the_clock_stood(scene: Scene) -> None:
    (task,) = await scene.tasks(1, state=TaskState.IN_PROGRESS)
    one = {"taskId": tid(task)}
    pause = {**one, "reason": "Bão", "reviewOn": days(7)}
    select = "task { pausedOn pausedDays dueOn }"
    paused = await scene.api.do("pauseTask", pause, scene.world.hue_head, select)
    assert paused.data["pauseTask"]["task"] == {"pausedOn": days(0), "pausedDays": 0, "dueOn": str(DUE)}
    resumed = await scene.api.do("resumeTask", one, scene.world.hue_head, select)
    assert resumed.data["resumeTask"]["task"] == {"pausedOn": None, "pausedDays": 0, "dueOn": str(DUE)}
