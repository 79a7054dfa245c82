"""Reminders, escalation chains and policies over the API."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import factories
from api.conftest import Api, World
from api.tasks_scene import TODAY, Scene, build, tid
from vdept.calendars.queries import calendar_of
from vdept.calendars.rules import Calendar
from vdept.deadlines import scanning
from vdept.deadlines.models import Reminder
from vdept.kernel.clock import LOCAL, utc_now
from vdept.targets.models import Audience
from vdept.tasks.models import Task, TaskState
from vdept_graphql.ids import encode

SEEN = """query($id: ID!) { task(id: $id) {
    reminders { totalCount nodes { subject dueOn step recipient scheduledOn sentAt dropped folded
        person { name person { id } } unit { name } vacantUnits { name } } }
    escalations { dueOn step on recipient state person { name } unit { name } vacantUnits { name } } } }"""
MANY = """query { tasks(first: 100) { nodes {
    reminders(first: 5) { nodes { person { name } unit { name } vacantUnits { name } } }
    escalations { state person { name } unit { name } vacantUnits { name } } } } }"""
POLICY = "query($id: ID!) { plan(id: $id) { reminderPolicy { own version steps { step recipient } } } }"
ANSWER = """policy { own version steps { step recipient } }
    heaviest { messages day recipient tooMany unit { name } }"""
LONG_AGO = utc_now() - timedelta(days=400)


@pytest.fixture
async def scene(api: Api, world: World) -> Scene:
    return await build(api, world)


async def working(scene: Scene) -> tuple[Calendar, date]:
    """The calendar, and the first working day from today on."""
    async with scene.api.database.snapshot(factories.SYSTEM) as tx:
        calendar = await calendar_of(tx, None)
    day = TODAY
    while not calendar.is_working(day):
        day += timedelta(days=1)
    return calendar, day


async def reminded(scene: Scene, due_on: date, as_of: date, **more: Any) -> Task:
    """A task that the ministry set for Huế, after a scan."""
    given = {"state": TaskState.IN_PROGRESS, "created_at": LONG_AGO, "updated_at": LONG_AGO, **more}
    (task,) = await scene.tasks(1, due_on=due_on, **given)
    await scanning.scan(scene.api.database, as_of=as_of, now=datetime(*as_of.timetuple()[:3], tzinfo=LOCAL))
    return task


async def seen(scene: Scene, task: Task, who: Any) -> Any:
    return (await scene.api.gql(SEEN, {"id": tid(task)}, who)).data["task"]


async def test_a_task_says_who_was_reminded_and_who_will_hear(scene: Scene) -> None:
    calendar, day = await working(scene)
    task = await reminded(scene, calendar.step(day, -1), day)
    found = await seen(scene, task, scene.world.minister)
    (one,) = found["reminders"]["nodes"]
    assert one == {
        "subject": "TASK",
        "dueOn": str(calendar.step(day, -1)),
        "step": 1,
        "recipient": "LEAD_HEAD",
        "scheduledOn": str(day),
        "sentAt": None,
        "dropped": None,
        "folded": [],
        "person": one["person"],
        "unit": {"name": scene.world.hue.name},
        "vacantUnits": [],
    }
    assert one["person"]["person"]["id"] == encode("Person", scene.world.hue_head.person_id or 0)
    assert [(step["step"], step["state"], step["on"]) for step in found["escalations"]] == [
        (1, "DUE", str(day)),
        *((step, "PLANNED", str(calendar.step(day, step - 1))) for step in (3, 5, 10)),
    ]
    assert [step["unit"]["name"] for step in found["escalations"]] == [
        scene.world.hue.name,
        scene.world.ministry.name,
        scene.world.ministry.name,
        scene.world.government.name,
    ]


async def test_who_does_not_see_the_task_learns_of_no_reminder(scene: Scene) -> None:
    calendar, day = await working(scene)
    task = await reminded(scene, calendar.step(day, -1), day, audience=Audience.PARTICIPANTS)
    assert await seen(scene, task, scene.rival_head) is None
    assert (await seen(scene, task, scene.hue_member))["reminders"]["totalCount"] == 1


async def test_a_firm_in_the_task_sees_what_went_to_its_own_people(scene: Scene) -> None:
    """To whom a reminder goes tells who holds which office elsewhere, and how many do."""
    calendar, day = await working(scene)
    task = await reminded(scene, calendar.step(day, -1), day, audience=Audience.PARTICIPANTS)
    async with scene.api.database.begin(factories.SYSTEM) as tx:
        await factories.participation(tx, task, scene.world.firm)
    assert (await seen(scene, task, scene.world.firm_head))["reminders"] == {"totalCount": 0, "nodes": []}
    async with scene.api.database.begin(factories.SYSTEM) as tx:
        await tx.session.execute(sa.update(Reminder).values(unit_id=scene.world.firm.id))
    (one,) = (await seen(scene, task, scene.world.firm_head))["reminders"]["nodes"]
    assert one["person"]["name"]
    assert one["person"]["person"] is None


async def test_the_number_of_statements_does_not_depend_on_the_tasks(scene: Scene) -> None:
    calendar, day = await working(scene)
    await reminded(scene, calendar.step(day, -1), day)
    few, counted = await scene.api.measured(MANY, {}, scene.world.minister)
    for _ in range(5):
        await reminded(scene, calendar.step(day, -1), day)
    many, again = await scene.api.measured(MANY, {}, scene.world.minister)
    assert (len(few["tasks"]["nodes"]), len(many["tasks"]["nodes"])) == (1, 6)
    assert all(len(task["reminders"]["nodes"]) == 1 for task in many["tasks"]["nodes"])
    assert counted == again


async def policy(scene: Scene) -> Any:
    given = {"id": encode("Plan", scene.plan.id)}
    return (await scene.api.gql(POLICY, given, scene.world.prime)).data["plan"]["reminderPolicy"]


def setting(scene: Scene, *steps: tuple[int, str], **more: Any) -> dict[str, Any]:
    return {
        "planId": encode("Plan", scene.plan.id),
        "steps": [{"step": step, "recipient": recipient} for step, recipient in steps],
        **more,
    }


async def test_a_policy_is_set_and_reset(scene: Scene) -> None:
    before = await policy(scene)
    assert (before["own"], before["version"], len(before["steps"])) == (False, 0, 12)
    given = setting(scene, (2, "ISSUER_HEAD"), (-2, "ASSIGNEES"), expectedVersion=0, idempotencyKey="once")
    for _ in range(2):
        done = (await scene.api.do("setReminderPolicy", given, scene.world.prime, ANSWER)).data
        assert done["setReminderPolicy"]["errors"] == []
        assert done["setReminderPolicy"]["policy"] == await policy(scene)
    assert await policy(scene) == {
        "own": True,
        "version": 1,
        "steps": [{"step": -2, "recipient": "ASSIGNEES"}, {"step": 2, "recipient": "ISSUER_HEAD"}],
    }
    plan = {"planId": encode("Plan", scene.plan.id)}
    stale = await scene.api.do(
        "resetReminderPolicy", {**plan, "expectedVersion": 7}, scene.world.prime, "policy { own }"
    )
    assert stale.refused("resetReminderPolicy") == [("STALE_VERSION", ["expectedVersion"])]
    done = await scene.api.do("resetReminderPolicy", plan, scene.world.prime, "policy { own version }")
    assert done.data["resetReminderPolicy"]["policy"] == {"own": False, "version": 0}
    assert await policy(scene) == before


async def test_a_flood_is_refused_with_the_number_and_a_dry_run_says_it(scene: Scene) -> None:
    calendar, day = await working(scene)
    due_on = calendar.step(day, 5)
    await scene.tasks(201, due_on=due_on, state=TaskState.IN_PROGRESS)
    flood = setting(scene, (-1, "LEAD_HEAD"))
    refused = await scene.api.do("setReminderPolicy", flood, scene.world.prime, ANSWER)
    assert refused.refused("setReminderPolicy") == [("POLICY_FLOODS", ["steps"])]
    assert "201" in refused.data["setReminderPolicy"]["errors"][0]["message"]
    dry = await scene.api.do("setReminderPolicy", {**flood, "dryRun": True}, scene.world.prime, ANSWER)
    assert dry.data["setReminderPolicy"] == {
        "policy": {"own": False, "version": 0, "steps": [{"step": -1, "recipient": "LEAD_HEAD"}]},
        "heaviest": {
            "messages": 201,
            "day": str(calendar.step(due_on, -1)),
            "recipient": "LEAD_HEAD",
            "tooMany": True,
            "unit": {"name": scene.world.hue.name},
        },
        "errors": [],
    }
    assert (await policy(scene))["own"] is False


@pytest.mark.parametrize(
    ("steps", "code", "path"),
    [
        ([], "POLICY_SIZE", ["steps"]),
        ([(0, "LEAD_HEAD"), (61, "LEAD_HEAD")], "POLICY_STEP_RANGE", ["steps", "1", "step"]),
        ([(0, "LEAD_HEAD"), (0, "LEAD_HEAD")], "POLICY_STEP_TWICE", ["steps", "1"]),
        ([(-(2**31), "LEAD_HEAD")], "POLICY_STEP_RANGE", ["steps", "0", "step"]),
    ],
    ids=["none", "too far", "twice", "absurd"],
)
async def test_bad_steps_are_refused_at_their_place(
    scene: Scene, steps: list[tuple[int, str]], code: str, path: list[str]
) -> None:
    refused = await scene.api.do("setReminderPolicy", setting(scene, *steps), scene.world.prime, ANSWER)
    ((found, where),) = refused.refused("setReminderPolicy")
    assert (found, [str(part) for part in where]) == (code, path)
    assert (await policy(scene))["own"] is False
