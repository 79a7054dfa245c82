"""Lists of tasks over the API: filters, orders, pages, and a number of statements that rows do not move."""

from datetime import timedelta
from typing import Any

import pytest

import factories
from api.conftest import Api, World
from api.tasks_scene import TODAY, Scene, build, days, pid, tid, uid
from vdept.kernel.activity import Entry, write
from vdept.tasks.models import (
    Assignee,
    ParticipantRole,
    ParticipationState,
    Task,
    TaskComment,
    TaskDependency,
    TaskEvidence,
    TaskKind,
    TaskState,
    TaskTarget,
)
from vdept_graphql.ids import encode


@pytest.fixture
async def scene(api: Api, world: World) -> Scene:
    return await build(api, world)


@pytest.fixture
async def named(scene: Scene) -> dict[str, str]:
    """A few tasks of Huế and one of Đà Nẵng; names by global id."""
    world, day = scene.world, timedelta(days=1)
    async with scene.api.database.begin(factories.SYSTEM) as tx:
        rows = {
            "late": await factories.task(
                tx, world.ministry, world.hue, scene.plan, due_on=TODAY - day, state=TaskState.IN_PROGRESS
            ),
            "soon": await factories.task(
                tx,
                world.ministry,
                world.hue,
                due_on=TODAY,
                state=TaskState.ACCEPTED,
                kind=TaskKind.DEEP,
                title="Số hóa hồ sơ đất đai",
            ),
            "done": await factories.task(
                tx,
                world.ministry,
                world.hue,
                due_on=TODAY + day,
                delivered_on=TODAY,
                state=TaskState.VERIFIED,
                role=ParticipantRole.USER,
            ),
            "danang": await factories.task(tx, world.hue, world.danang, due_on=TODAY + 2 * day),
            "board": await factories.task(tx, world.ministry, due_on=TODAY + 3 * day),
        }
        await factories.participation(tx, rows["danang"], world.hue, state=ParticipationState.INVITED)
        assert scene.hue_member.person_id is not None
        for name in ("late", "done"):
            tx.session.add(
                Assignee(
                    task_id=rows[name].id,
                    person_id=scene.hue_member.person_id,
                    unit_id=world.hue.id,
                    assigned_at=factories.NOW,
                )
            )
        tx.session.add(TaskTarget(task_id=rows["late"].id, target_id=scene.hue_target.id, weight=1))
        rows["board"].parent_id = rows["late"].id
    return {tid(row): name for name, row in rows.items()}


def wanted(scene: Scene, given: dict[str, Any]) -> dict[str, Any]:
    """The filter with names of units, persons and the rest turned into ids."""
    names = {
        "hue": uid(scene.world.hue),
        "danang": uid(scene.world.danang),
        "ministry": uid(scene.world.ministry),
        "member": pid(scene.hue_member),
        "plan": encode("Plan", scene.plan.id),
        "target": encode("Target", scene.hue_target.id),
    }
    return {key: names.get(value, value) if isinstance(value, str) else value for key, value in given.items()}


ALL = ["late", "soon", "done", "danang", "board"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, ALL),
        ({"states": ["IN_PROGRESS", "OPEN"]}, ["late", "board"]),
        ({"kinds": ["DEEP"]}, ["soon"]),
        ({"participantUnitId": "hue"}, ["late", "soon", "done", "danang"]),
        ({"participantUnitId": "hue", "open": True}, ["late", "soon", "danang"]),
        ({"participantUnitId": "hue", "overdue": True}, ["late"]),
        ({"ownerUnitId": "hue"}, ["danang"]),
        ({"leadUnitId": "hue"}, ["late", "soon", "done"]),
        ({"assigneeId": "member"}, ["late", "done"]),
        ({"planId": "plan"}, ["late"]),
        ({"targetId": "target"}, ["late"]),
        ({"dueFrom": days(0), "dueTo": days(2)}, ["soon", "done", "danang"]),
        ({"overdue": True}, ["late"]),
        ({"open": True}, ["late", "soon", "danang", "board"]),
        ({"board": True}, ["board"]),
        ({"text": "HO SO dat"}, ["soon"]),
        ({"timeliness": ["DONE_ON_TIME", "OPEN_OVERDUE"]}, ["late", "done"]),
        ({"timeliness": []}, []),
        ({"leadUnitId": "hue", "open": True, "kinds": ["ROUTINE"]}, ["late"]),
    ],
)
async def test_tasks_are_found_by_what_people_look_for(
    scene: Scene, named: dict[str, str], given: dict[str, Any], found: list[str]
) -> None:
    query = "query($f: TaskFilter) { tasks(filter: $f) { totalCount nodes { id } } }"
    answer = (await scene.api.gql(query, {"f": wanted(scene, given)}, scene.world.minister)).data["tasks"]
    assert [named[node["id"]] for node in answer["nodes"]] == found
    assert answer["totalCount"] == len(found)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, ["late", "soon", "done", "danang"]),
        ({"open": True}, ["late", "soon", "danang"]),
        ({"overdue": True}, ["late"]),
        ({"states": ["VERIFIED"]}, ["done"]),
        ({"timeliness": ["DONE_ON_TIME"]}, ["done"]),
        ({"roles": ["USER", "CONTRIBUTOR"]}, ["done", "danang"]),
        ({"planId": "plan"}, ["late"]),
        ({"dueFrom": days(1)}, ["done", "danang"]),
        ({"text": "đất đai"}, ["soon"]),
    ],
)
async def test_a_units_tasks_are_found_the_same_way(
    scene: Scene, named: dict[str, str], given: dict[str, Any], found: list[str]
) -> None:
    query = """query($u: ID, $f: UnitTaskFilter, $o: UnitTaskOrder!) {
      unit(id: $u) { tasks(filter: $f, orderBy: $o) { totalCount nodes { id } } } }"""
    for order, expected in (("DUE", found), ("DUE_LATEST_FIRST", found[::-1])):
        variables = {"u": uid(scene.world.hue), "f": wanted(scene, given), "o": order}
        answer = (await scene.api.gql(query, variables, scene.world.hue_head)).data["unit"]["tasks"]
        assert [named[node["id"]] for node in answer["nodes"]] == expected
        assert answer["totalCount"] == len(found)


async def test_i_see_my_open_tasks_and_the_board(scene: Scene, named: dict[str, str]) -> None:
    mine = (await scene.run("task_reading", "MyTasks", {}, scene.hue_member)).data["me"]["tasks"]
    assert (mine["totalCount"], [named[node["id"]] for node in mine["nodes"]]) == (1, ["late"])
    assert mine["nodes"][0]["timeliness"] == "OPEN_OVERDUE"
    both = {"filter": {"open": False}}
    mine = (await scene.run("task_reading", "MyTasks", both, scene.hue_member)).data["me"]["tasks"]
    assert [named[node["id"]] for node in mine["nodes"]] == ["late", "done"]
    board = (await scene.run("task_reading", "Board", {}, scene.world.danang_head)).data["tasks"]
    assert [named[node["id"]] for node in board["nodes"]] == ["board"]


async def test_pages_of_a_units_tasks_meet_without_gap_or_overlap(scene: Scene) -> None:
    rows = await scene.tasks(7)
    whole = [tid(row) for row in rows]
    seen: list[str] = []
    variables: dict[str, Any] = {"unitId": uid(scene.world.hue), "first": 3}
    while True:
        page = (await scene.run("task_reading", "UnitTasks", variables, scene.world.hue_head)).data["unit"][
            "tasks"
        ]
        seen += [node["id"] for node in page["nodes"]]
        variables["after"] = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == whole


async def furnish(scene: Scene, number: int) -> list[Task]:
    """Tasks with three units, three people, a target, two neighbours, two sub-tasks, words and history."""
    world = scene.world
    tasks = await scene.tasks(number, state=TaskState.IN_PROGRESS)
    below = [await scene.tasks(2, lead=world.danang, parent_id=task.id) for task in tasks]
    people = [(world.hue_head, world.hue), (scene.hue_member, world.hue), (scene.firm_member, world.firm)]
    async with scene.api.database.begin(factories.SYSTEM) as tx:
        for task, (one, two) in zip(tasks, below, strict=True):
            for unit in (world.firm, world.ministry):
                await factories.participation(tx, task, unit)
            stamp = {"created_at": factories.NOW, "unit_id": world.hue.id}
            tx.session.add_all(
                [
                    *[
                        Assignee(
                            task_id=task.id, person_id=p.person_id, unit_id=u.id, assigned_at=factories.NOW
                        )
                        for p, u in people
                    ],
                    TaskTarget(task_id=task.id, target_id=scene.hue_target.id, weight=1),
                    TaskDependency(task_id=task.id, blocked_by_id=one.id),
                    TaskDependency(task_id=two.id, blocked_by_id=task.id),
                    TaskComment(
                        task_id=task.id, author_id=scene.hue_member.person_id, body="Xin chào", **stamp
                    ),
                    TaskEvidence(
                        task_id=task.id,
                        added_by_id=people[0][0].person_id,
                        title="A",
                        url="https://a.vn",
                        **stamp,
                    ),
                ]
            )
        told = [Entry("task.created", "Task", task.id, world.hue.id) for task in tasks]
        await write(tx.session, told, world.minister, factories.NOW)
    return tasks


WHOLE = """query($unit: ID, $first: Int) {
  unit(id: $unit) { tasks(first: $first, filter: {states: [IN_PROGRESS]}) {
  totalCount nodes { id title kind state timeliness dueOn progress version
    participants { role share progress unit { name } } assignees { name person { email } unit { name } }
    targets { weight target { value unit { name } } } plan { title } ownerUnit { name } leadUnit { name }
    blockedBy { title leadUnit { name } } blocks { title } parent { title }
    subtasks { totalCount nodes { title leadUnit { name } participants { unit { name } } } }
    comments { totalCount nodes { body author { name } unit { name } } }
    evidence { url addedBy { name } unit { name } }
    history { totalCount nodes { verb by { name } unit { name } } } } } } }"""


async def test_the_number_of_statements_does_not_depend_on_the_number_of_tasks(scene: Scene) -> None:
    await furnish(scene, 2)
    variables = {"unit": uid(scene.world.hue), "first": 50}
    few, statements = await scene.api.measured(WHOLE, variables, scene.world.hue_head)
    assert len(few["unit"]["tasks"]["nodes"]) == 2
    await furnish(scene, 48)
    many, again = await scene.api.measured(WHOLE, variables, scene.world.hue_head)
    assert many["unit"]["tasks"]["totalCount"] == len(many["unit"]["tasks"]["nodes"]) == 50
    last = many["unit"]["tasks"]["nodes"][-1]
    assert [len(last[name]) for name in ("participants", "assignees", "targets", "blockedBy", "blocks")] == [
        3,
        3,
        1,
        1,
        1,
    ]
    assert [last[name]["totalCount"] for name in ("subtasks", "comments", "history")] == [2, 1, 1]
    assert last["history"]["nodes"][0]["by"]["name"]
    assert again == statements


async def test_a_page_with_participants_and_assignees_takes_six_statements(scene: Scene) -> None:
    """Who is asking, the unit, its tasks, their parts, their people, and the units of both."""
    for number, width in ((1, 1), (49, 50)):
        await furnish(scene, number)
        await scene.api.token(scene.world.hue_head)
        variables = {"unitId": uid(scene.world.hue), "filter": {"states": ["IN_PROGRESS"]}}
        with scene.api.counting() as statements:
            reply = await scene.run("task_reading", "UnitTasks", variables, scene.world.hue_head)
        assert len(reply.data["unit"]["tasks"]["nodes"]) == width
        assert len(statements) == 6, statements


async def test_tasks_of_many_units_and_persons_take_one_statement_each(scene: Scene) -> None:
    query = """query($first: Int) { units(first: $first, filter: {kinds: [PROVINCE]}) { nodes {
      tasks(first: 3) { totalCount nodes { title } }
      memberships { nodes { person { tasks(first: 3) { totalCount nodes { title } } } } } } } }"""
    await furnish(scene, 5)
    _, statements = await scene.api.measured(query, {"first": 1}, scene.world.minister)
    both, again = await scene.api.measured(query, {"first": 2}, scene.world.minister)
    danang, hue = both["units"]["nodes"]
    assert (danang["tasks"]["totalCount"], len(danang["tasks"]["nodes"])) == (10, 3)
    assert (hue["tasks"]["totalCount"], len(hue["tasks"]["nodes"])) == (5, 3)
    assert [m["person"]["tasks"]["totalCount"] for m in hue["memberships"]["nodes"]] == [5, 0, 5]
    assert again == statements
