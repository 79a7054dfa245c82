"""Recurring tasks through the API: a preview, a series, its occurrences, changes and its end."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import factories
from api.conftest import Api, World
from api.tasks_scene import DUE, TODAY, Scene, build, tid, uid
from vdept.kernel.actor import Actor
from vdept.kernel.clock import utc_now
from vdept.targets.models import Audience
from vdept.tasks import occurrences
from vdept.tasks.models import Task, TaskState
from vdept_graphql.ids import decode, encode

SERIES = """recurrence { id rule startsOn daysBefore onDayOff nextOn endedAt version task { id }
  coming { day dueOn createOn } }"""
PREVIEW = """query($rule: String!, $startsOn: Date!, $daysBefore: Int! = 14, $onDayOff: OnDayOff! = AFTER,
    $unit: ID) {
  recurrencePreview(rule: $rule, startsOn: $startsOn, daysBefore: $daysBefore, onDayOff: $onDayOff,
    unitId: $unit) { day dueOn createOn } }"""


@pytest.fixture
async def scene(api: Api, world: World) -> Scene:
    return await build(api, world)


async def act(scene: Scene, mutation: str, given: dict[str, Any], who: Actor) -> dict[str, Any]:
    payload: dict[str, Any] = (await scene.api.do(mutation, given, who, SERIES)).data[mutation]
    assert payload["errors"] == []
    series: dict[str, Any] = payload["recurrence"]
    return series


async def repeated(scene: Scene, **more: Any) -> tuple[str, dict[str, Any]]:
    (task,) = await scene.tasks(1, state=TaskState.IN_PROGRESS)
    given = {"taskId": tid(task), "rule": "FREQ=WEEKLY", **more}
    return tid(task), await act(scene, "repeatTask", given, scene.world.minister)


async def test_a_preview_shows_the_next_ten_and_where_days_off_move_them(scene: Scene) -> None:
    start = date(TODAY.year + 1, 1, 4)
    start += timedelta(days=(5 - start.weekday()) % 7)  # a Saturday
    given = {"rule": "FREQ=WEEKLY;COUNT=12", "startsOn": str(start), "daysBefore": 3}
    seen = (await scene.api.gql(PREVIEW, given, scene.rival_head)).data["recurrencePreview"]
    assert len(seen) == 10
    assert seen[0]["day"] == str(start + timedelta(days=7))
    assert all(date.fromisoformat(one["dueOn"]).weekday() < 5 for one in seen)
    for one in seen:
        assert date.fromisoformat(one["createOn"]) == date.fromisoformat(one["dueOn"]) - timedelta(days=3)
    kept = (
        await scene.api.gql(
            PREVIEW, {**given, "onDayOff": "KEEP", "unit": uid(scene.world.hue)}, scene.rival_head
        )
    ).data["recurrencePreview"]
    assert [one["dueOn"] for one in kept] == [one["day"] for one in seen]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("every week", "RECURRENCE_MALFORMED"),
        ("FREQ=SECONDLY", "RECURRENCE_TOO_FREQUENT"),
        ("DTSTART:20260101T090000Z RRULE:FREQ=DAILY", "RECURRENCE_UNSUPPORTED"),
        ("FREQ=DAILY;COUNT=1;UNTIL=20300101", "RECURRENCE_COUNT_AND_UNTIL"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "RECURRENCE_NEVER_OCCURS"),
        ("FREQ=DAILY;" * 40, "RECURRENCE_TOO_LONG"),
    ],
)
async def test_a_rule_that_is_not_right_is_refused_alike_in_preview_and_in_earnest(
    scene: Scene, rule: str, code: str
) -> None:
    preview = await scene.api.gql(PREVIEW, {"rule": rule, "startsOn": str(DUE)}, scene.world.minister)
    assert preview.codes == [code]
    assert preview.body["errors"][0]["extensions"]["path"] == ["rule"]
    (task,) = await scene.tasks(1, state=TaskState.IN_PROGRESS)
    before = await scene.everything()
    given = {"taskId": tid(task), "rule": rule}
    reply = await scene.api.do("repeatTask", given, scene.world.minister, SERIES)
    assert reply.refused("repeatTask") == [(code, ["rule"])]
    assert "FREQ=" in reply.data["repeatTask"]["errors"][0]["message"]
    assert await scene.everything() == before


async def test_a_series_brings_tasks_that_lead_back_to_it(scene: Scene) -> None:
    task, series = await repeated(scene, daysBefore=10, onDayOff="KEEP")
    assert (series["rule"], series["startsOn"], series["daysBefore"], series["onDayOff"]) == (
        "FREQ=WEEKLY",
        str(DUE),
        10,
        "KEEP",
    )
    week = DUE + timedelta(days=7)
    assert (series["nextOn"], series["task"]) == (str(week), {"id": task})
    assert len(series["coming"]) == 10
    await occurrences.create_due(scene.api.database, now=utc_now() + (week - TODAY) - timedelta(days=10))
    query = """query($id: ID!) { task(id: $id) { occurrenceOn recurrence { id nextOn
      occurrences { totalCount nodes { id state occurrenceOn dueOn recurrence { id }
        history { nodes { verb job data } } } } } } }"""
    seen = (await scene.api.gql(query, {"id": task}, scene.world.minister)).data["task"]
    assert (seen["occurrenceOn"], seen["recurrence"]["id"]) == (str(DUE), series["id"])
    assert seen["recurrence"]["nextOn"] == str(week + timedelta(days=7))
    assert seen["recurrence"]["occurrences"]["totalCount"] == 2
    first, second = seen["recurrence"]["occurrences"]["nodes"]
    assert first["id"] == task
    assert (second["state"], second["occurrenceOn"], second["dueOn"]) == ("OFFERED", str(week), str(week))
    (created,) = second["history"]["nodes"]
    assert (created["verb"], created["job"]) == ("task.created", "create_occurrences")
    assert created["data"]["recurrenceId"] == series["id"]


async def test_a_series_is_changed_and_stopped(scene: Scene) -> None:
    _, series = await repeated(scene)
    given = {"recurrenceId": series["id"], "rule": "freq=monthly", "expectedVersion": 1}
    changed = await act(scene, "changeRecurrence", given, scene.world.minister)
    assert (changed["rule"], changed["daysBefore"], changed["version"]) == ("FREQ=MONTHLY", 14, 2)
    stale = await scene.api.do("changeRecurrence", given, scene.world.minister, SERIES)
    assert stale.refused("changeRecurrence") == [("STALE_VERSION", ["expectedVersion"])]
    null = await scene.api.do(
        "changeRecurrence", {"recurrenceId": series["id"], "daysBefore": None}, scene.world.minister, SERIES
    )
    assert null.refused("changeRecurrence") == [("INVALID_VALUE", ["daysBefore"])]
    stopped = await act(scene, "stopRepeating", {"recurrenceId": series["id"]}, scene.world.minister)
    assert (stopped["nextOn"], stopped["coming"]) == (None, [])
    assert stopped["endedAt"] is not None
    again = await scene.api.do("stopRepeating", {"recurrenceId": series["id"]}, scene.world.minister, SERIES)
    assert again.refused("stopRepeating") == [("RECURRENCE_ENDED", ["recurrenceId"])]


async def test_who_may_not_see_the_first_task_sees_no_series(scene: Scene) -> None:
    _, series = await repeated(scene)
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert (await scene.api.gql(node, {"id": series["id"]}, scene.rival_head)).data["node"] is None
    for who, code in ((scene.rival_head, "NOT_FOUND"), (scene.world.hue_head, "FORBIDDEN")):
        for mutation in ("changeRecurrence", "stopRepeating"):
            reply = await scene.api.do(mutation, {"recurrenceId": series["id"]}, who, SERIES)
            assert reply.refused(mutation) == [(code, ["recurrenceId"])]
    unknown = {"recurrenceId": encode("TaskRecurrence", 4711)}
    reply = await scene.api.do("stopRepeating", unknown, scene.world.minister, SERIES)
    assert reply.refused("stopRepeating") == [("NOT_FOUND", ["recurrenceId"])]


async def test_many_series_cost_what_one_costs(scene: Scene) -> None:
    query = """query($first: Int!) { tasks(first: $first) { nodes { recurrence { rule coming { dueOn }
      occurrences { nodes { id } } } } } }"""
    for _ in range(5):
        await repeated(scene)
    _, one = await scene.api.measured(query, {"first": 1}, scene.world.minister)
    seen, many = await scene.api.measured(query, {"first": 5}, scene.world.minister)
    assert all(len(node["recurrence"]["coming"]) == 10 for node in seen["tasks"]["nodes"])
    assert one == many


async def test_an_occurrence_does_not_tell_of_a_series_whose_first_task_is_hidden(scene: Scene) -> None:
    first, series = await repeated(scene, daysBefore=40)
    await occurrences.create_due(scene.api.database, now=utc_now() + (DUE - TODAY))
    query = """query($id: ID!) { task(id: $id) { recurrence { occurrences { nodes { id } } } } }"""
    found = (await scene.api.gql(query, {"id": first}, scene.world.minister)).data["task"]["recurrence"]
    later = next(node["id"] for node in found["occurrences"]["nodes"] if node["id"] != first)
    async with scene.api.database.begin(factories.SYSTEM) as tx:
        opened = sa.update(Task).where(Task.id == decode(later, "Task")).values(audience=Audience.PUBLIC)
        await tx.session.execute(opened)
    query = "query($id: ID!) { task(id: $id) { recurrence { id } history { nodes { verb data } } } }"
    told = {}
    for who in (scene.world.minister, scene.rival_head):
        seen = (await scene.api.gql(query, {"id": later}, who)).data["task"]
        (created,) = [node for node in seen["history"]["nodes"] if node["verb"] == "task.created"]
        told[who] = seen["recurrence"], created["data"].get("recurrenceId")
    assert told[scene.world.minister] == ({"id": series["id"]}, series["id"])
    assert told[scene.rival_head] == (None, None)
