"""Tasks over the API: wrong actors and bad input get a named refusal, and nothing changes."""

from typing import Any

import pytest

import factories
from api.conftest import Api, World
from api.tasks_scene import DUE, ENDS, TODAY, Scene, build, days, pid, tid, uid
from vdept.kernel.actor import Actor
from vdept.targets.models import Audience
from vdept.tasks.models import TaskState
from vdept_graphql.ids import encode

WHO = ("rival_head", "firm_observer", "firm_member", "observer", "danang_head", "commune_head")


@pytest.fixture
async def scene(api: Api, world: World) -> Scene:
    return await build(api, world)


def actor(scene: Scene, name: str) -> Actor:
    found = getattr(scene, name, None) or getattr(scene.world, name)
    assert isinstance(found, Actor)
    return found


OFFERED: dict[str, dict[str, Any]] = {
    "acceptTask": {},
    "declineTask": {"reason": "Bận"},
    "updateTask": {"title": "Khác"},
    "cancelTask": {"reason": "Thôi"},
    "extendTask": {"dueOn": days(80), "reason": "Muộn"},
    "pauseTask": {"reason": "Bão", "reviewOn": days(5)},
    "commentOnTask": {"body": "Xin chào"},
    "addEvidence": {"url": "https://x.vn"},
    "inviteParticipants": {"participants": []},
    "addDependency": {},
    "setParentTask": {"parentId": None},
    "linkTargets": {"targets": []},
}


@pytest.mark.parametrize("mutation", OFFERED)
async def test_who_has_no_part_in_a_step_is_refused(scene: Scene, mutation: str) -> None:
    task = await scene.shared_task(audience="PARTICIPANTS")
    (other,) = await scene.tasks(1)
    given = {"taskId": task, **OFFERED[mutation]}
    if mutation == "addDependency":
        given["blockedById"] = tid(other)
    unseen = {"rival_head", "danang_head", "commune_head"}
    member_may = {"commentOnTask", "addEvidence"}
    for name in WHO:
        if name == "firm_member" and mutation in member_may:
            continue
        who = actor(scene, name)
        await scene.api.token(who)
        before = await scene.everything()
        select = "comment { id }" if mutation == "commentOnTask" else "task { id }"
        reply = await scene.api.do(mutation, given, who, select)
        wanted = "NOT_FOUND" if name in unseen else "FORBIDDEN"
        assert reply.refused(mutation) == [(wanted, ["taskId"])], name
        assert [reply.data[mutation][part] for part in reply.data[mutation] if part != "errors"] == [None]
        assert await scene.everything() == before, name


@pytest.mark.parametrize("name", ["rival_head", "danang_head", "commune_head"])
async def test_who_may_not_see_a_task_finds_it_nowhere(scene: Scene, name: str) -> None:
    task = await scene.shared_task(audience="PARTICIPANTS")
    query = """query($id: ID!, $unit: ID!, $text: String) {
      task(id: $id) { id } node(id: $id) { id }
      tasks(filter: {text: $text}) { totalCount nodes { id } }
      unit(id: $unit) { tasks { totalCount nodes { id } } } }"""
    variables = {"id": task, "unit": uid(scene.world.firm), "text": "một cửa"}
    seen = (await scene.api.gql(query, variables, actor(scene, name))).data
    nothing = {"totalCount": 0, "nodes": []}
    assert seen == {"task": None, "node": None, "tasks": nothing, "unit": {"tasks": nothing}}
    sees = (await scene.api.gql(query, variables, scene.firm_observer)).data
    one = {"totalCount": 1, "nodes": [{"id": task}]}
    assert sees == {"task": {"id": task}, "node": {"id": task}, "tasks": one, "unit": {"tasks": one}}


async def test_without_a_token_there_are_no_tasks(scene: Scene) -> None:
    await scene.shared_task(audience="PUBLIC")
    reply = await scene.api.gql("{ tasks { nodes { id } } }")
    assert (reply.status, reply.codes) == (401, ["UNAUTHENTICATED"])


BAD: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"title": " "}, "INVALID_VALUE", ["title"]),
    ({"title": "a\0b"}, "INVALID_VALUE", ["title"]),
    ({"title": "x" * 501}, "INVALID_VALUE", ["title"]),
    ({"dueOn": days(-1)}, "TASK_DUE_IN_PAST", ["dueOn"]),
    ({"dueOn": days(201)}, "TASK_DUE_OUTSIDE_PLAN", ["dueOn"]),
    ({"ownerUnitId": encode("Unit", 10**9)}, "NOT_FOUND", ["ownerUnitId"]),
    ({"ownerUnitId": "nonsense"}, "INVALID_ID", ["ownerUnitId"]),
    ({"leadUnitId": encode("Unit", 10**9)}, "NOT_FOUND", ["leadUnitId"]),
    ({"leadUnitId": encode("Task", 1)}, "INVALID_ID", ["leadUnitId"]),
    ({"leadShare": -1}, "TASK_SHARE_RANGE", ["leadShare"]),
    ({"planId": encode("Plan", 10**9)}, "NOT_FOUND", ["planId"]),
    ({"parentId": encode("Task", 10**9)}, "NOT_FOUND", ["parentId"]),
    ({"participants": [{"unitId": "§"}]}, "INVALID_ID", ["participants", "0", "unitId"]),
    (
        {"participants": [{"unitId": encode("Unit", 10**9), "share": -3}]},
        "TASK_SHARE_RANGE",
        ["participants", "0", "share"],
    ),
    (
        {"targets": [{"targetId": encode("Target", 10**9)}]},
        "NOT_FOUND",
        ["targets", "0", "targetId"],
    ),
    ({"personIds": [encode("Unit", 1)]}, "INVALID_ID", ["personIds", "0"]),
]


@pytest.mark.parametrize(("more", "code", "path"), BAD)
async def test_a_task_with_bad_terms_is_not_set(
    scene: Scene, more: dict[str, Any], code: str, path: list[str]
) -> None:
    given = {
        "title": "Nhiệm vụ",
        "ownerUnitId": uid(scene.world.ministry),
        "dueOn": str(DUE),
        "leadUnitId": uid(scene.world.firm),
        "planId": encode("Plan", scene.plan.id),
        **more,
    }
    await scene.api.token(scene.world.minister)
    before = await scene.everything()
    reply = await scene.api.do("createTask", given, scene.world.minister, "task { id }")
    assert reply.refused("createTask") == [(code, path)]
    assert reply.data["createTask"]["task"] is None
    assert await scene.everything() == before


async def test_a_weight_that_is_not_positive_is_refused_where_it_stands(scene: Scene) -> None:
    targets = [
        {"targetId": encode("Target", scene.hue_target.id)},
        {"targetId": encode("Target", scene.ministry_target.id), "weight": "-2"},
    ]
    given = {
        "title": "Nhiệm vụ",
        "ownerUnitId": uid(scene.world.ministry),
        "dueOn": str(ENDS),
        "leadUnitId": uid(scene.world.hue),
        "planId": encode("Plan", scene.plan.id),
    }
    await scene.api.token(scene.world.minister)
    before = await scene.everything()
    for weight in ("-2", "0"):
        targets[1]["weight"] = weight
        reply = await scene.api.do(
            "createTask", {**given, "targets": targets}, scene.world.minister, "task { id }"
        )
        assert reply.refused("createTask") == [("TASK_WEIGHT_NOT_POSITIVE", ["targets", "1", "weight"])]
    none = await scene.api.do(
        "createTask",
        {**given, "targets": [{**targets[0], "weight": "0.0000001"}]},
        scene.world.minister,
        "task { id }",
    )
    assert none.codes == ["BAD_USER_INPUT"]
    assert await scene.everything() == before


async def test_bad_input_of_the_steps_is_refused_where_it_is_at_fault(scene: Scene) -> None:
    world, minister, firm = scene.world, scene.world.minister, scene.world.firm_head
    running = await scene.running_task()
    first, second = await scene.tasks(2)
    await scene.act("addDependency", {"taskId": tid(first), "blockedById": tid(second)}, minister)
    await scene.act("setParentTask", {"taskId": tid(first), "parentId": tid(second)}, minister)
    one, long = {"taskId": running}, "x" * 5000
    cases: list[tuple[str, dict[str, Any], Actor, str, list[str]]] = [
        ("acceptTask", {"taskId": encode("Task", 10**9)}, firm, "NOT_FOUND", ["taskId"]),
        ("acceptTask", {"taskId": "§§"}, firm, "INVALID_ID", ["taskId"]),
        ("acceptTask", {"taskId": encode("Unit", 1)}, firm, "INVALID_ID", ["taskId"]),
        ("acceptTask", one, firm, "TASK_WRONG_STATE", ["taskId"]),
        ("declineTask", {**one, "reason": "Bận"}, firm, "TASK_ACCEPTED_IS_FINISHED", ["taskId"]),
        ("cancelTask", {**one, "reason": " \n"}, minister, "TASK_REASON_REQUIRED", ["reason"]),
        ("cancelTask", {**one, "reason": long}, minister, "INVALID_VALUE", ["reason"]),
        (
            "pauseTask",
            {**one, "reason": "Bão", "reviewOn": str(TODAY)},
            firm,
            "TASK_REVIEW_DATE",
            ["reviewOn"],
        ),
        ("reportProgress", {**one, "progress": 101}, firm, "TASK_PROGRESS_RANGE", ["progress"]),
        ("reportProgress", {**one, "progress": -1}, firm, "TASK_PROGRESS_RANGE", ["progress"]),
        (
            "reportProgress",
            {**one, "progress": 1, "unitId": uid(world.hue)},
            firm,
            "FORBIDDEN",
            ["unitId"],
        ),
        ("extendTask", {**one, "dueOn": str(DUE), "reason": "x"}, minister, "TASK_DUE_NOT_LATER", ["dueOn"]),
        (
            "extendTask",
            {**one, "dueOn": days(300), "reason": "x"},
            minister,
            "TASK_DUE_OUTSIDE_PLAN",
            ["dueOn"],
        ),
        ("deliverTask", {**one, "result": "Xong"}, firm, "TASK_EVIDENCE_REQUIRED", ["evidence"]),
        (
            "deliverTask",
            {**one, "result": "Xong", "evidence": [{"url": "javascript:alert(1)"}]},
            firm,
            "TASK_EVIDENCE_URL",
            ["evidence", "0", "url"],
        ),
        ("addEvidence", {**one, "url": "ftp://x"}, firm, "TASK_EVIDENCE_URL", ["url"]),
        (
            "inviteParticipants",
            {**one, "participants": [{"unitId": uid(world.hue)}]},
            firm,
            "TASK_PARTICIPANT_TWICE",
            ["participants", "0", "unitId"],
        ),
        ("leaveTask", {**one, "reason": "Thôi"}, firm, "TASK_LEAD_STAYS", ["unitId"]),
        (
            "assignPeople",
            {**one, "personIds": [pid(scene.hue_member)]},
            firm,
            "NOT_FOUND",
            ["personIds", "0"],
        ),
        (
            "addDependency",
            {"taskId": tid(second), "blockedById": tid(first)},
            minister,
            "TASK_CYCLE",
            ["blockedById"],
        ),
        (
            "addDependency",
            {"taskId": tid(first), "blockedById": tid(first)},
            minister,
            "TASK_CYCLE",
            ["blockedById"],
        ),
        (
            "setParentTask",
            {"taskId": tid(second), "parentId": tid(first)},
            minister,
            "TASK_CYCLE",
            ["parentId"],
        ),
        ("updateTask", {**one, "title": None}, minister, "INVALID_VALUE", ["title"]),
        ("volunteerForTask", {**one, "unitId": uid(world.firm)}, firm, "TASK_WRONG_STATE", ["taskId"]),
        ("verifyTask", one, minister, "TASK_WRONG_STATE", ["taskId"]),
    ]
    before = await scene.everything()
    for mutation, given, who, code, path in cases:
        reply = await scene.api.do(mutation, given, who, "task { id }")
        assert reply.refused(mutation) == [(code, path)], (mutation, given)
        assert reply.data[mutation]["task"] is None
        assert await scene.everything() == before, (mutation, given)


@pytest.mark.parametrize(
    ("arguments", "code", "path"),
    [
        ("first: 0", "INVALID_PAGE_SIZE", ["first"]),
        ("first: 1000", "INVALID_PAGE_SIZE", ["first"]),
        ("last: -1", "INVALID_PAGE_SIZE", ["last"]),
        ("first: 1, last: 1", "INVALID_PAGE_SIZE", ["last"]),
        ('after: "nonsense"', "INVALID_CURSOR", ["after"]),
        ('filter: {planId: "nonsense"}', "INVALID_ID", ["filter", "planId"]),
        ('filter: {leadUnitId: "VGFzazox"}', "INVALID_ID", ["filter", "leadUnitId"]),
    ],
)
async def test_an_absurd_page_of_tasks_is_refused(
    scene: Scene, arguments: str, code: str, path: list[str]
) -> None:
    reply = await scene.api.gql(f"{{ tasks({arguments}) {{ nodes {{ id }} }} }}", as_=scene.world.hue_head)
    assert reply.body["errors"][0]["extensions"] == {"code": code, "path": path}


async def test_a_cursor_of_another_list_or_order_is_refused(scene: Scene) -> None:
    await scene.tasks(2)
    who, unit = scene.world.hue_head, uid(scene.world.hue)
    cursors = await scene.api.gql(
        "query($u: ID) { tasks(first: 1) { pageInfo { endCursor } }"
        " unit(id: $u) { tasks(first: 1) { pageInfo { endCursor } } } }",
        {"u": unit},
        who,
    )
    all_tasks = cursors.data["tasks"]["pageInfo"]["endCursor"]
    of_unit = cursors.data["unit"]["tasks"]["pageInfo"]["endCursor"]
    for query, cursor in (
        ("query($c: String) { tasks(after: $c) { nodes { id } } }", of_unit),
        ("query($c: String) { tasks(after: $c, orderBy: NEWEST_FIRST) { nodes { id } } }", all_tasks),
        ("query($c: String, $u: ID) { unit(id: $u) { tasks(after: $c) { nodes { id } } } }", all_tasks),
    ):
        reply = await scene.api.gql(query, {"c": cursor, **({"u": unit} if "$u" in query else {})}, who)
        assert reply.codes == ["INVALID_CURSOR"], query


async def test_a_refusal_speaks_vietnamese_and_english(scene: Scene) -> None:
    task = await scene.shared_task()
    given = {"input": {"taskId": task, "reason": ""}}
    query = "mutation($input: DeclineTaskInput!) { declineTask(input: $input) { errors { message } } }"
    said = {}
    for language in ("vi", "en"):
        reply = await scene.api.gql(query, given, scene.world.firm_head, accept_language=language)
        said[language] = reply.data["declineTask"]["errors"][0]["message"]
    assert said == {"vi": "Hãy nêu lý do.", "en": "Give a reason."}


async def test_a_failure_in_the_middle_leaves_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from vdept.tasks import lifecycle

    async def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    task = await scene.shared_task()
    await scene.api.token(scene.world.firm_head)
    monkeypatch.setattr(lifecycle, "settle", fails)
    before = await scene.everything()
    given = {"taskId": task, "idempotencyKey": "k"}
    reply = await scene.api.do("acceptTask", given, scene.world.firm_head, "task { id }")
    assert (reply.codes, reply.body["data"]) == (["INTERNAL_ERROR"], {"acceptTask": None})
    assert await scene.everything() == before
    monkeypatch.undo()
    done = await scene.api.do("acceptTask", given, scene.world.firm_head, "task { state }")
    again = await scene.api.do("acceptTask", given, scene.world.firm_head, "task { state }")
    assert done.data == again.data == {"acceptTask": {"task": {"state": "ACCEPTED"}, "errors": []}}


async def test_targets_of_others_do_not_show_through_tasks(scene: Scene) -> None:
    """A firm in a task sees the links to no target; who cannot see a sub-task does not count it."""
    (task,) = await scene.tasks(1, lead=scene.world.firm, state=TaskState.IN_PROGRESS)
    async with scene.api.database.begin(factories.SYSTEM) as tx:
        hidden = await factories.task(
            tx,
            scene.world.ministry,
            scene.world.danang,
            scene.plan,
            audience=Audience.PARTICIPANTS,
            parent_id=task.id,
            due_on=DUE,
        )
    goal = encode("Target", scene.ministry_target.id)
    await scene.act(
        "linkTargets", {"taskId": tid(task), "targets": [{"targetId": goal}]}, scene.world.minister
    )
    await scene.act("addDependency", {"taskId": tid(task), "blockedById": tid(hidden)}, scene.world.minister)
    query = """query($id: ID!) { task(id: $id) { targets { weight target { id } } blockedBy { id }
      subtasks { totalCount nodes { id } } history(last: 1) { nodes { data } } } }"""
    firm = (await scene.api.gql(query, {"id": tid(task)}, scene.world.firm_head)).data["task"]
    assert firm == {
        "targets": [],
        "blockedBy": [],
        "subtasks": {"totalCount": 0, "nodes": []},
        "history": {"nodes": [{"data": {"targets": []}}]},
    }
    minister = (await scene.api.gql(query, {"id": tid(task)}, scene.world.minister)).data["task"]
    assert minister["blockedBy"] == minister["subtasks"]["nodes"] == [{"id": tid(hidden)}]
    assert minister["targets"] == [{"weight": "1", "target": {"id": goal}}]
