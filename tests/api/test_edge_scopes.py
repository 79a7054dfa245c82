"""A client stays within its scopes, whatever way round it tries: refused before anything is read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

import factories
from api.conftest import World
from api.edge_scene import Edge, codes, edge_on
from statements import counting
from vdept.kernel.activity import Activity
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.targets.models import Audience
from vdept_graphql.ids import encode

ALL_BUT_TASKS = [scope for scope in Scope if not scope.value.startswith("tasks")]
SECRET = "Việc kín"


@pytest.fixture
async def edge(db: Database, redis_url: str) -> AsyncIterator[Edge]:
    async with edge_on(db, redis_url) as edge:
        yield edge


@pytest.fixture
async def task(db: Database, world: World) -> str:
    """A task that Huế leads, with the word that must not be read; its global id."""
    async with db.begin(factories.SYSTEM) as tx:
        row = await factories.task(
            tx, world.ministry, lead=world.hue, title=SECRET, audience=Audience.GOVERNMENT
        )
        tx.record("task.created", "Task", row.id, unit_id=world.hue.id)
        return encode("Task", row.id)


WAYS = [
    "{ tasks { nodes { title } } }",
    "{ t: tasks { totalCount } }",
    "query($task: ID!) { task(id: $task) { title } }",
    "query($task: ID!) { node(id: $task) { ... on Task { title } } }",
    "query($task: ID!) { node(id: $task) { ...A } } fragment A on Node { ...B } fragment B on Task { title }",
    "query($task: ID!) { nodes(ids: [$task]) { id ... on Task { __typename } } }",
    "query($unit: ID!) { unit(id: $unit) { tasks { nodes { title } } } }",
    "query($unit: ID!) { unit(id: $unit) { parent { children { nodes { tasks { totalCount } } } } } }",
    "{ persons { nodes { tasks { nodes { title } } } } }",
    "{ activities { nodes { subject { ... on Task { title } } } } }",
    "{ activities { nodes { unit { tasks { totalCount } } } } }",
    "{ targets { nodes { tasks { totalCount } } } }",
    "query($no: Boolean = false) { units { totalCount } tasks @include(if: $no) { totalCount } }",
    "mutation($unit: ID!) { updateUnit(input: {unitId: $unit}) { unit { tasks { nodes { title } } } } }",
    "mutation($task: ID!) { acceptTask(input: {taskId: $task}) { errors { code } } }",
    'mutation($task: ID!) { commentOnTask(input: {taskId: $task, body: "x"}) { comment { id } } }',
    "mutation($task: ID!) { ... { a: acceptTasks(input: {taskIds: [$task]}) { errors { code } } } }",
]


@pytest.mark.parametrize("query", WAYS)
async def test_no_way_leads_to_tasks_without_their_scope(
    edge: Edge, world: World, task: str, query: str
) -> None:
    given = {"task": task, "unit": encode("Unit", world.hue.id)}
    variables = {name: value for name, value in given.items() if f"${name}" in query}
    machine = await edge.machine(world.hue, *ALL_BUT_TASKS)
    app = await edge.app_of(world.hue_head, world.hue, *ALL_BUT_TASKS)
    async with edge.db.begin(factories.SYSTEM) as tx:
        before = await tx.session.scalar(sa.select(sa.func.count()).select_from(Activity))
    for token in (machine, app):
        with counting(edge.db) as statements:
            answer = await edge.ask(query, token, variables)
        assert (answer.status_code, codes(answer)) == (403, ["INSUFFICIENT_SCOPE"])
        assert "data" not in answer.json()
        assert SECRET not in answer.text
        scope = "tasks:write" if "mutation($task" in query else "tasks:read"
        assert answer.headers["www-authenticate"].startswith('Bearer error="insufficient_scope", scope="')
        assert scope in answer.headers["www-authenticate"]
        assert scope in answer.json()["errors"][0]["message"]
        assert [one for one in statements if "FROM task" in one] == []
    async with edge.db.begin(factories.SYSTEM) as tx:
        assert await tx.session.scalar(sa.select(sa.func.count()).select_from(Activity)) == before


@pytest.mark.parametrize("query", WAYS[:4])
async def test_with_the_scope_the_same_ways_are_open(edge: Edge, world: World, task: str, query: str) -> None:
    variables = {"task": task} if "$task" in query else {}
    for token in (
        await edge.machine(world.hue, *ALL_BUT_TASKS, Scope.TASKS_READ),
        await edge.machine(world.hue, *ALL_BUT_TASKS, Scope.TASKS_WRITE),
        await edge.personal(world.hue_head),
    ):
        answer = await edge.ask(query, token, variables)
        assert (answer.status_code, codes(answer)) == (200, [])
        assert SECRET in answer.text or "totalCount" in query


async def test_an_id_does_not_tell_whether_it_exists(edge: Edge, world: World, task: str) -> None:
    """``node(id)`` alone names no type: the id does, and is refused by it before it is looked up."""
    token = await edge.machine(world.hue, *ALL_BUT_TASKS)
    answers = []
    for one in (task, encode("Task", 999_999), encode("Comment", 1), encode("Evidence", 1)):
        with counting(edge.db) as statements:
            answer = await edge.ask("query($id: ID!) { node(id: $id) { id __typename } }", token, {"id": one})
        answers.append((answer.json()["data"], codes(answer)))
        assert [sql for sql in statements if "FROM task" in sql or "FROM comment" in sql] == []
    assert answers[:3] == [({"node": None}, ["INSUFFICIENT_SCOPE"])] * 3
    several = await edge.ask(
        "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        token,
        {"ids": [encode("Unit", world.hue.id), task]},
    )
    assert codes(several) == ["INSUFFICIENT_SCOPE"]


async def test_the_second_wall_hides_a_subject_that_no_document_names(
    edge: Edge, world: World, task: str
) -> None:
    """An activity's subject is a ``Node``: which type it is, is known only when it is read."""
    query = "{ activities { nodes { verb subjectType subject { id __typename } } } }"
    without = await edge.ask(query, await edge.machine(world.hue, Scope.ACTIVITIES_READ))
    seen = [node for node in without.json()["data"]["activities"]["nodes"] if node["subjectType"] == "Task"]
    assert seen == []
    both = await edge.machine(world.hue, Scope.ACTIVITIES_READ, Scope.TASKS_READ)
    found = (await edge.ask(query, both)).json()["data"]["activities"]["nodes"]
    assert {"id": task, "__typename": "Task"} in [node["subject"] for node in found]


async def test_what_is_open_needs_no_scope(edge: Edge, world: World) -> None:
    token = await edge.machine(world.hue, Scope.UNITS_WRITE)
    query = "{ units { totalCount nodes { parent { name } } } indicators { totalCount } __typename }"
    answer = await edge.ask(query, token)
    assert (answer.status_code, codes(answer)) == (200, [])
    assert answer.json()["data"]["units"]["totalCount"] == 6


async def test_a_probe_with_every_type_name_tells_nothing(edge: Edge, world: World, task: str) -> None:
    token = await edge.machine(world.hue, Scope.UNITS_WRITE)
    for type_ in ("Task", "Comment", "Plan", "Target", "Measurement", "Person", "Membership"):
        query = f"query($id: ID!) {{ node(id: $id) {{ ... on {type_} {{ __typename }} }} }}"
        answer = await edge.ask(query, token, {"id": encode("Unit", world.hue.id)})
        assert (answer.status_code, codes(answer)) == (403, ["INSUFFICIENT_SCOPE"]), type_


async def test_no_client_reaches_what_is_for_persons(edge: Edge, world: World) -> None:
    """With every scope there is, a client makes no clients, extends no consent, gives itself no more."""
    unit = encode("Unit", world.hue.id)
    ways: list[tuple[str, dict[str, Any]]] = [
        ("{ clients { totalCount } }", {}),
        ("{ myAuthorizations { totalCount } }", {}),
        ('query { node(id: "x") { ... on ApiClient { secretDigest: clientId } } }', {}),
        (
            "mutation($input: RegisterClientInput!) { registerClient(input: $input) { secret } }",
            {"input": {"unitId": unit, "name": "x", "authentication": "SECRET", "scopes": []}},
        ),
    ]
    for token in (
        await edge.machine(world.hue, *Scope),
        await edge.app_of(world.hue_head, world.hue, *Scope),
    ):
        for query, variables in ways:
            answer = await edge.ask(query, token, variables)
            assert (answer.status_code, codes(answer)) == (403, ["NOT_FOR_CLIENTS"]), query
            assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
    person = await edge.ask("{ myAuthorizations { totalCount } }", await edge.personal(world.hue_head))
    assert person.json()["data"]["myAuthorizations"]["totalCount"] == 1


async def test_the_refusal_speaks_the_callers_language(edge: Edge, world: World) -> None:
    token = await edge.machine(world.hue, Scope.PLANS_READ)
    query = "mutation { acceptTask(input: {taskId: 1}) { task { createdBy { person { email } } } } }"
    english = await edge.ask(query, token)
    vietnamese = await edge.ask(query, token, accept_language="vi")
    assert english.json()["errors"][0]["message"] == (
        "The client was not granted the scope this request needs: people:read tasks:write. "
        "Ask for an access token that has it."
    )
    assert "phạm vi people:read tasks:write" in vietnamese.json()["errors"][0]["message"]


async def test_an_administrator_lends_no_client_that_power(edge: Edge, world: World) -> None:
    mutation = 'mutation { createUnit(input: {code: "X", name: "X", kind: FIRM}) { errors { code } } }'
    app = await edge.app_of(world.administrator, world.hue, *Scope)
    answer = await edge.ask(mutation, app)
    assert answer.json()["data"]["createUnit"]["errors"] == [{"code": "FORBIDDEN"}]
    direct = await edge.ask(mutation, await edge.personal(world.administrator))
    assert direct.json()["data"]["createUnit"]["errors"] == []
