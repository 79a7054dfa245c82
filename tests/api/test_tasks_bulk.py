"""Tasks in bulk over the API: an answer for each item, the same number of statements for any number."""

from typing import Any

import pytest

from api.conftest import Api, World
from api.tasks_scene import DUE, Scene, build, tid, uid
from vdept.tasks.models import TaskState
from vdept_graphql.ids import encode

RESULTS = "results { taskId task { state progress version } errors { code path message } }"


@pytest.fixture
async def scene(api: Api, world: World) -> Scene:
    return await build(api, world)


async def test_offers_are_accepted_each_on_its_own(scene: Scene) -> None:
    mine, also, under_way = [
        (await scene.tasks(1, state=state))[0]
        for state in (TaskState.OFFERED, TaskState.OFFERED, TaskState.IN_PROGRESS)
    ]
    (others,) = await scene.tasks(1, lead=scene.world.danang)
    given = {
        "taskIds": [tid(mine), tid(under_way), tid(others), encode("Task", 10**9), tid(also)],
        "expectedVersions": [1, None, None, None, 9],
        "idempotencyKey": "accept-1",
    }
    first = (await scene.api.do("acceptTasks", given, scene.world.hue_head, RESULTS)).data["acceptTasks"]
    assert first["errors"] == []
    assert [
        (item["taskId"], item["task"], [(error["code"], error["path"]) for error in item["errors"]])
        for item in first["results"]
    ] == [
        (tid(mine), {"state": "ACCEPTED", "progress": "0", "version": 2}, []),
        (tid(under_way), None, [("TASK_WRONG_STATE", ["taskIds", "1"])]),
        (tid(others), None, [("FORBIDDEN", ["taskIds", "2"])]),
        (encode("Task", 10**9), None, [("NOT_FOUND", ["taskIds", "3"])]),
        (tid(also), None, [("STALE_VERSION", ["expectedVersions", "4"])]),
    ]
    again = await scene.api.do("acceptTasks", given, scene.world.hue_head, RESULTS)
    assert again.data["acceptTasks"] == first


async def test_progress_is_reported_each_on_its_own(scene: Scene) -> None:
    one, two, open_ = [
        (await scene.tasks(1, state=state))[0]
        for state in (TaskState.IN_PROGRESS, TaskState.IN_PROGRESS, TaskState.OFFERED)
    ]
    reports: list[dict[str, Any]] = [
        {"taskId": tid(one), "progress": 40, "expectedVersion": 1},
        {"taskId": tid(two), "progress": 140},
        {"taskId": tid(open_), "progress": 1, "unitId": uid(scene.world.hue)},
    ]
    payload = (
        await scene.run("task_life", "ReportMany", {"input": {"reports": reports}}, scene.hue_member)
    ).data
    results = payload["reportProgressMany"]["results"]
    assert [item["task"] and item["task"]["progress"] for item in results] == ["40", None, None]
    assert [[(e["code"], e["path"]) for e in item["errors"]] for item in results] == [
        [],
        [("TASK_PROGRESS_RANGE", ["reports", "1", "progress"])],
        [("TASK_WRONG_STATE", ["reports", "2", "taskId"])],
    ]


@pytest.mark.parametrize(
    ("mutation", "given", "code", "path"),
    [
        ("acceptTasks", {"taskIds": ["§"]}, "INVALID_ID", ["taskIds", "0"]),
        ("acceptTasks", {"taskIds": [tid(1), tid(1)]}, "TASK_ITEM_TWICE", ["taskIds", "1"]),
        ("acceptTasks", {"taskIds": [tid(i) for i in range(1, 1002)]}, "TASK_TOO_MANY", ["taskIds"]),
        ("acceptTasks", {"taskIds": [tid(1)], "expectedVersions": []}, "INVALID_VALUE", ["expectedVersions"]),
        (
            "reportProgressMany",
            {"reports": [{"taskId": tid(1), "progress": 1}] * 2},
            "TASK_ITEM_TWICE",
            ["reports", "1"],
        ),
        (
            "reportProgressMany",
            {"reports": [{"taskId": tid(1), "progress": 1, "unitId": tid(1)}]},
            "INVALID_ID",
            ["reports", "0", "unitId"],
        ),
    ],
)
async def test_a_malformed_bulk_call_is_refused_whole(
    scene: Scene, mutation: str, given: dict[str, Any], code: str, path: list[str]
) -> None:
    await scene.tasks(2)
    await scene.api.token(scene.world.hue_head)
    before = await scene.everything()
    reply = await scene.api.do(mutation, given, scene.world.hue_head, "results { taskId }")
    assert reply.refused(mutation) == [(code, path)]
    assert reply.data[mutation]["results"] is None
    assert await scene.everything() == before


async def test_the_same_task_is_set_for_many_leads_in_one_act(scene: Scene) -> None:
    world = scene.world
    leads = [world.hue, world.danang, world.firm, world.ministry]
    given = {
        "title": "Rà soát thủ tục",
        "ownerUnitId": uid(world.ministry),
        "leadUnitIds": [uid(unit) for unit in leads],
        "dueOn": str(DUE),
        "planId": encode("Plan", scene.plan.id),
        "participants": [{"unitId": uid(scene.rival), "role": "CONTRIBUTOR"}],
        "idempotencyKey": "many",
    }
    select = """count results { leadUnitId taskId
      task { title state leadUnit { id } participants { unit { id } } } }"""
    first = (await scene.api.do("createTasks", given, world.minister, select)).data["createTasks"]
    assert (first["errors"], first["count"]) == ([], 4)
    assert [item["leadUnitId"] for item in first["results"]] == [uid(unit) for unit in leads]
    assert [item["task"]["leadUnit"]["id"] for item in first["results"]] == [uid(unit) for unit in leads]
    assert [item["task"]["state"] for item in first["results"]] == [
        "OFFERED",
        "OFFERED",
        "OFFERED",
        "ACCEPTED",
    ]
    assert [p["unit"]["id"] for p in first["results"][0]["task"]["participants"]] == [
        uid(world.hue),
        uid(scene.rival),
    ]
    again = await scene.api.do("createTasks", given, world.minister, select)
    assert again.data["createTasks"] == first


async def test_one_bad_lead_spoils_the_act(scene: Scene) -> None:
    world = scene.world
    base = {"title": "Rà soát", "ownerUnitId": uid(world.ministry), "dueOn": str(DUE)}
    hue = uid(world.hue)
    await scene.api.token(world.minister)
    before = await scene.everything()
    for more, code, path in (
        ({"leadUnitIds": []}, "TASK_NO_LEADS", ["leadUnitIds"]),
        ({"leadUnitIds": [hue, hue]}, "TASK_ITEM_TWICE", ["leadUnitIds", "1"]),
        ({"leadUnitIds": [hue, encode("Unit", 10**9)]}, "NOT_FOUND", ["leadUnitIds", "1"]),
        ({"leadUnitIds": [hue, "x"]}, "INVALID_ID", ["leadUnitIds", "1"]),
        ({"leadUnitIds": [hue], "leadShare": -1}, "TASK_SHARE_RANGE", ["leadShare"]),
        ({"leadUnitIds": [hue], "weight": "-1"}, "TASK_WEIGHT_NOT_POSITIVE", ["weight"]),
    ):
        reply = await scene.api.do(
            "createTasks", {**base, **more}, world.minister, "count results { taskId }"
        )
        assert reply.refused("createTasks") == [(code, path)], more
        assert (reply.data["createTasks"]["count"], reply.data["createTasks"]["results"]) == (None, None)
    for who in (world.hue_head, world.firm_head, scene.rival_head):
        reply = await scene.api.do("createTasks", {**base, "leadUnitIds": [hue]}, who, "count")
        assert reply.refused("createTasks") == [("FORBIDDEN", ["ownerUnitId"])]
        await scene.api.token(who)
    after = await scene.everything()
    assert after == before


async def test_bulk_calls_take_the_same_number_of_statements_for_any_number(scene: Scene) -> None:
    counts: dict[str, list[int]] = {}
    for number in (2, 50):
        tasks = await scene.tasks(number)
        leads = [uid(scene.world.hue), uid(scene.world.danang)][: 1 if number == 2 else 2]
        calls: list[tuple[str, dict[str, Any], Any, str]] = [
            ("acceptTasks", {"taskIds": [tid(task) for task in tasks]}, scene.world.hue_head, RESULTS),
            (
                "createTasks",
                {
                    "title": "Rà soát",
                    "ownerUnitId": uid(scene.world.ministry),
                    "dueOn": str(DUE),
                    "leadUnitIds": leads,
                },
                scene.world.minister,
                "count",
            ),
        ]
        for mutation, given, who, select in calls:
            await scene.api.token(who)
            with scene.api.counting() as statements:
                reply = await scene.api.do(mutation, given, who, select)
            assert reply.data[mutation]["errors"] == []
            counts.setdefault(mutation, []).append(len(statements))
    assert all(few == many for few, many in counts.values()), counts
