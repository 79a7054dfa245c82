"""Access under hostile reading, over HTTP: every way to a hidden thing, and answers that are remembered."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

import factories
from api.conftest import Api, World
from api.matrix.country import add_authorization, add_client, add_identity
from api.tasks_scene import TODAY, Scene, build
from vdept.kernel.actor import Actor
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.measurements.models import Measurement
from vdept.people.models import AccessToken, Membership, Person
from vdept.publications.models import Edition, EditionRequest
from vdept.targets.models import Audience, Basis, PlanState
from vdept.tasks.models import TaskComment, TaskDependency, TaskTarget
from vdept.verdicts.models import Judgement, Verdict, VerdictSubject
from vdept_graphql.ids import NODES, encode

PROGRESS = "task { state }"


async def hidden_things(scene: Scene) -> dict[str, str]:
    """A draft, a plan for its participants and all that hangs on it, a task and a client, all hidden."""
    world = scene.world
    async with scene.api.database.begin(factories.SYSTEM) as tx:
        draft = await factories.plan(tx, world.government, state=PlanState.DRAFT, audience=Audience.PUBLIC)
        secret = await factories.plan(tx, world.ministry, audience=Audience.PARTICIPANTS)
        what = await factories.indicator(tx)
        written = await factories.key_result(tx, draft, what)
        meant = await factories.key_result(tx, secret, what)
        held = await factories.target(tx, meant, world.ministry)
        task = await factories.task(
            tx, world.ministry, world.ministry, secret, audience=Audience.PARTICIPANTS
        )
        said = TaskComment(task_id=task.id, body="mật", created_at=utc_now())
        value = Measurement(
            indicator_id=what.id, unit_id=world.hue.id, basis=Basis.REPORTED, as_of=TODAY, value=Decimal(1),
            source="x", recorded_at=utc_now(),
        )  # fmt: skip
        tx.session.add_all([said, value, TaskTarget(task_id=task.id, target_id=held.id, weight=Decimal(1))])
        await tx.session.flush()
        program = await add_client(tx, world.ministry, Scope)
        minister = await tx.session.get_one(Person, world.minister.person_id)
        let = await add_authorization(tx, program, minister, Scope)
        of_minister = await tx.session.scalar(
            sa.select(Membership.id).where(Membership.person_id == world.minister.person_id)
        )
        system = await factories.source(tx, world.ministry, what)
        wrong = await factories.rejected_reading(tx, system, what)
        judged = Verdict(
            subject=VerdictSubject.TARGET, plan_id=secret.id, unit_id=world.ministry.id, target_id=held.id,
            key_result_id=meant.id, number=1, judgement=Judgement.MET, due_on=TODAY, evaluated_on=TODAY,
            inputs={}, issued_at=utc_now(),
        )  # fmt: skip
        edition = Edition(
            plan_id=secret.id, number=1, as_of=TODAY, published_at=utc_now(), targets=1, units=1,
            manifest={}, kid="k", signature="s",
        )  # fmt: skip
        wish = EditionRequest(plan_id=secret.id, requested_at=utc_now())
        tx.session.add_all([judged, edition, wish])
        await tx.session.flush()
        return {
            "Source": encode("Source", system.id),
            "Intake": encode("Intake", wrong.intake_id),
            "RejectedReading": encode("RejectedReading", wrong.id),
            "Verdict": encode("Verdict", judged.id),
            "Edition": encode("Edition", edition.id),
            "EditionRequest": encode("EditionRequest", wish.id),
            "Plan": encode("Plan", secret.id),
            "Draft": encode("Plan", draft.id),
            "Objective": encode("Objective", meant.objective_id),
            "DraftObjective": encode("Objective", written.objective_id),
            "KeyResult": encode("KeyResult", meant.id),
            "DraftKeyResult": encode("KeyResult", written.id),
            "Target": encode("Target", held.id),
            "Task": encode("Task", task.id),
            "Comment": encode("Comment", said.id),
            "Measurement": encode("Measurement", value.id),
            "ApiClient": encode("ApiClient", program.id),
            "ClientAuthorization": encode("ClientAuthorization", let.id),
            "Identity": encode("Identity", (await add_identity(tx, minister)).id),
            "Person": encode("Person", world.minister.person_id or 0),
            "Membership": encode("Membership", of_minister or 0),
        }


HIDDEN_IN_THE_MATRIX = {
    "CalendarFeed",
    "EarlyWarning",
    "Focus",
    "Notification",
    "Signal",
    "TaskExtension",
    "TaskRecurrence",
    "WebhookDelivery",
    "WebhookEndpoint",
}
"""Kinds of which ``test_authorization`` asks for one by its id as everybody who may not see it."""


async def test_no_kind_of_node_is_read_by_whom_it_is_hidden_from(api: Api, world: World) -> None:
    scene = await build(api, world)
    ids = await hidden_things(scene)
    open_to_all, in_the_matrix = {"Unit", "Indicator", "CalendarException"}, HIDDEN_IN_THE_MATRIX
    assert set(NODES) - set(ids) == open_to_all | in_the_matrix, "a new kind of node: hide one here"
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    found = (await api.gql(query, {"ids": list(ids.values())}, world.firm_head)).data["nodes"]
    assert found == [None] * len(ids)
    seen = (await api.gql(query, {"ids": list(ids.values())}, world.minister)).data["nodes"]
    missing = [name for name, node in zip(ids, seen, strict=True) if node is None]
    assert missing == ["Draft", "DraftObjective", "DraftKeyResult"]
    whole = (await api.gql(query, {"ids": list(ids.values())}, world.administrator)).data["nodes"]
    assert None not in whole


async def test_no_list_or_count_tells_of_what_is_hidden(api: Api, world: World) -> None:
    scene = await build(api, world)
    ids = await hidden_things(scene)
    query = """query($unit: ID!, $plan: ID!, $target: ID!, $task: ID!, $indicator: ID!) {
        tasks(filter: {planId: $plan}) { totalCount } below: tasks(filter: {parentId: $task}) { totalCount }
        serving: tasks(filter: {targetId: $target}) { totalCount }
        targets(filter: {planId: $plan}) { totalCount } plans(filter: {issuerUnitId: $unit}) { totalCount }
        holding: plans(filter: {holderUnitId: $unit}) { totalCount }
        measurements(unitId: $unit, indicatorId: $indicator) { totalCount }
        persons(filter: {unitId: $unit}) { totalCount }
        unit(id: $unit) { tasks { totalCount } targets { totalCount } memberships { totalCount } head { id }
            outcome(planId: $plan) { evaluatedOn } }
        activities { nodes { subjectType subjectId } } }"""
    variables = {
        "unit": encode("Unit", world.ministry.id), "plan": ids["Plan"], "target": ids["Target"],
        "task": ids["Task"], "indicator": encode("Indicator", 1),
    }  # fmt: skip
    data = (await api.gql(query, variables, scene.rival_head)).data
    assert data.pop("activities")["nodes"] == []
    assert data.pop("unit") == {
        "tasks": {"totalCount": 0},
        "targets": {"totalCount": 0},
        "memberships": {"totalCount": 0},
        "head": None,
        "outcome": None,
    }
    assert {name: found["totalCount"] for name, found in data.items()} == dict.fromkeys(data, 0)


async def test_a_task_tells_nothing_of_hidden_tasks_around_it(api: Api, world: World) -> None:
    scene = await build(api, world)
    (whole,) = await scene.tasks(1, world.ministry, audience=Audience.PARTICIPANTS)
    (first,) = await scene.tasks(1, world.ministry, audience=Audience.PARTICIPANTS)
    (mine,) = await scene.tasks(1, world.firm, audience=Audience.PARTICIPANTS)
    task = {"taskId": encode("Task", mine.id)}
    await scene.act("setParentTask", {**task, "parentId": encode("Task", whole.id)}, world.minister)
    await scene.act("addDependency", {**task, "blockedById": encode("Task", first.id)}, world.minister)
    async with api.database.begin(factories.SYSTEM) as tx:
        tx.session.add(TaskDependency(task_id=whole.id, blocked_by_id=mine.id))
    query = """query($id: ID!) { task(id: $id) { parent { id } blockedBy { id } blocks { id }
        subtasks { totalCount } history { nodes { verb data } } } }"""
    found = (await api.gql(query, {"id": task["taskId"]}, world.firm_head)).data["task"]
    history = found.pop("history")["nodes"]
    assert found == {"parent": None, "blockedBy": [], "blocks": [], "subtasks": {"totalCount": 0}}
    assert [one["verb"] for one in history] == ["task.dependency_added", "task.parent_set"]
    for hidden in (whole, first):
        assert encode("Task", hidden.id) not in json.dumps(history)
    told = (await api.gql(query, {"id": task["taskId"]}, world.minister)).data["task"]["history"]["nodes"]
    assert encode("Task", whole.id) in json.dumps(told)


async def accept(scene: Scene, task: str, who: Actor, key: str) -> Any:
    given = {"taskId": task, "idempotencyKey": key}
    return (await scene.api.do("acceptTask", given, who, PROGRESS)).data["acceptTask"]


async def test_a_remembered_answer_is_for_whom_it_was_given(api: Api, world: World) -> None:
    scene = await build(api, world)
    (row,) = await scene.tasks(1, world.firm)
    task = encode("Task", row.id)
    assert (await accept(scene, task, world.firm_head, "k"))["task"] == {"state": "ACCEPTED"}
    again = await accept(scene, task, world.firm_head, "k")
    assert (again["task"], again["errors"]) == ({"state": "ACCEPTED"}, [])
    other = await accept(scene, task, scene.firm_member, "k")
    assert [error["code"] for error in other["errors"]] == ["FORBIDDEN"]


async def test_a_remembered_answer_shows_nothing_to_whom_has_lost_sight_of_it(
    api: Api, world: World, db: Database
) -> None:
    scene = await build(api, world)
    (row,) = await scene.tasks(1, world.firm, audience=Audience.PARTICIPANTS)
    task = encode("Task", row.id)
    assert (await accept(scene, task, world.firm_head, "k"))["errors"] == []
    async with db.begin(factories.SYSTEM) as tx:
        await tx.session.execute(
            sa.update(Membership)
            .where(Membership.person_id == world.firm_head.person_id)
            .values(ends_on=TODAY - timedelta(days=1))
        )
    again = await accept(scene, task, world.firm_head, "k")
    assert (again["task"], again["errors"]) == (None, [])
    fresh = await accept(scene, task, world.firm_head, "another")
    assert [error["code"] for error in fresh["errors"]] == ["NOT_FOUND"]


async def test_a_revoked_or_expired_token_answers_nothing_not_even_what_is_remembered(
    api: Api, world: World, db: Database
) -> None:
    scene = await build(api, world)
    (row,) = await scene.tasks(1, world.firm)
    task = encode("Task", row.id)
    assert (await accept(scene, task, world.firm_head, "k"))["errors"] == []
    for change in ({"revoked_at": utc_now()}, {"revoked_at": None, "expires_at": utc_now()}):
        async with db.begin(factories.SYSTEM) as tx:
            await tx.session.execute(
                sa.update(AccessToken)
                .where(AccessToken.person_id == world.firm_head.person_id)
                .values(**change)
            )
        given = {"taskId": task, "idempotencyKey": "k"}
        reply = await api.do("acceptTask", given, world.firm_head, PROGRESS)
        assert (reply.status, reply.codes) == (401, ["UNAUTHENTICATED"])
