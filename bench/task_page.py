"""The page of 50 tasks of one unit, overdue, in due order, out of a million tasks.

Deep against first: page 1,600 or so of a province with 200,000 tasks, page 1 of a commune with 200. GraphQL
against PostgreSQL: the same JSON, letter by letter after parsing, made by one ``json_agg`` statement and
sent by the same server through the same pool, without signing anybody in. Statements are counted.
"""

from datetime import date
from typing import Any

import httpx
import msgspec
import sqlalchemy as sa
from litestar import Litestar, Request, Response, post

from bench.api import Client, counting, official, operation, running
from bench.harness import Figure, figure, main, paired
from bench.many_tasks import LARGE, SMALL, seed
from bench.servers import SYSTEM, fresh, settle
from bench.task_page_sql import SAME_JSON
from vdept.kernel.actor import Actor
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.pages import PageRequest
from vdept.kernel.settings import Settings
from vdept.tasks import queries
from vdept.tasks.filters import UnitTaskFilter
from vdept.tasks.queries import UNIT_ORDERINGS, UnitTaskOrder
from vdept.units.queries import units_by_ids
from vdept_graphql.app import create_app
from vdept_graphql.ids import encode
from vdept_workers import logs

OVERDUE = UnitTaskFilter(overdue=True)
TASK = """id title kind state dueOn timeliness progress version leadUnit { id name }
    participants { role state share progress unit { id code name kind } }
    assignees { name assignedAt unit { id name } }"""
PAGE = f"""query ($unit: ID!, $after: String) {{
    tasks(filter: {{participantUnitId: $unit, overdue: true}}, orderBy: DUE, first: 50, after: $after) {{
        pageInfo {{ hasNextPage endCursor }} edges {{ cursor node {{ {TASK} }} }} }} }}"""
WIDE = f"""query ($unit: ID!, $units: Int!, $tasks: Int!) {{
    unit(id: $unit) {{ children(first: $units) {{ nodes {{ id
        tasks(filter: {{overdue: true}}, first: $tasks) {{ nodes {{ {TASK} }} }} }} }} }} }}"""
LEVELS_OF_PAGE = 3  # tasks; their participants, assignees, lead units; the units of those
LEVELS_OF_WIDE = 5  # the unit; its children; and the three above
SIGN_IN = 1


async def bench() -> list[Figure]:
    async with fresh("bench_task_page") as (database, servers):
        await seed(database)
        await settle(database)
        actor, token = await official(database, 1)
        deep = await place(database)
        async with running(servers, token, same_json) as client:
            return [
                *await _core(database, actor, deep),
                *await _requests(client, deep),
                *await _statements(database, token),
            ]


async def _core(database: Database, actor: Actor, deep: str) -> list[Figure]:
    async def first() -> None:
        assert await read(database, actor, SMALL, None) == 50

    async def far() -> None:
        assert await read(database, actor, LARGE, deep) == 50

    name = "task page, core: deep in 200,000 tasks / first of 200"
    return [await paired(name, far, first, "<= 1.5", runs=40)]


async def _requests(client: Client, deep: str) -> list[Figure]:
    of_small = operation(PAGE, {"unit": encode("Unit", SMALL)})
    of_large = operation(PAGE, {"unit": encode("Unit", LARGE), "after": deep})
    keys = {None: of_small, deep: of_large}
    plain = {
        cursor: msgspec.json.encode({"unit": SMALL if cursor is None else LARGE, "after": cursor})
        for cursor in keys
    }
    for cursor, body in keys.items():
        ours, reference = client.post("/graphql", body), client.post("/same-json", plain[cursor])
        _require_same(ours, reference)

    async def first() -> None:
        client.post("/graphql", of_small)

    async def far() -> None:
        client.post("/graphql", of_large)

    async def far_in_sql() -> None:
        client.post("/same-json", plain[deep])

    async def first_in_sql() -> None:
        client.post("/same-json", plain[None])

    return [
        await paired(
            "task page, GraphQL request: deep in 200,000 tasks / first of 200", far, first, "<= 1.5", runs=40
        ),
        await paired(
            "task page, GraphQL request / json_agg by the same server, first of 200",
            first,
            first_in_sql,
            "<= 4",
            runs=40,
        ),
        await paired(
            "task page, GraphQL request / json_agg by the same server, deep in 200,000",
            far,
            far_in_sql,
            "<= 4",
            runs=40,
        ),
    ]


def _require_same(ours: bytes, reference: bytes) -> None:
    """Both answers say the same, and say something."""
    mine, theirs = msgspec.json.decode(ours)["data"], msgspec.json.decode(reference)["data"]
    edges = theirs["tasks"]["edges"]
    assert len(edges) == 50
    assert all(len(edge["node"]["participants"]) == 3 for edge in edges)
    assert all(len(edge["node"]["assignees"]) == 2 for edge in edges)
    assert mine == theirs, "GraphQL and json_agg answer differently"


async def _statements(database: Database, token: str) -> list[Figure]:
    """How many statements a request takes, whatever its width."""
    quiet = Settings(log_level="WARNING", budget_points=10**9)
    logs.configure(quiet)
    app = create_app(quiet, database)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    counts: dict[str, set[int]] = {"page": set(), "wide": set()}
    async with httpx.AsyncClient(transport=transport, base_url="http://bench", headers=headers) as http:
        for width in (1, 4, 16):
            given = {"unit": encode("Unit", LARGE), "units": width, "tasks": width}
            counts["wide"].add(await _count(database, http, operation(WIDE, given)))
        for unit in (SMALL, LARGE):
            counts["page"].add(await _count(database, http, operation(PAGE, {"unit": encode("Unit", unit)})))
    assert all(len(found) == 1 for found in counts.values()), f"statements depend on the width: {counts}"
    page, wide = (max(found) - SIGN_IN for found in counts.values())
    return [
        figure("task page: statements / levels of the query", page, LEVELS_OF_PAGE, "statements", "<= 2"),
        figure(
            "tasks of all units below a unit: statements / levels of the query, at any width",
            wide,
            LEVELS_OF_WIDE,
            "statements",
            "<= 2",
        ),
    ]


async def _count(database: Database, http: httpx.AsyncClient, body: bytes) -> int:
    with counting(database) as statements:
        answer = await http.post("/graphql", content=body)
    assert answer.status_code == 200
    assert "errors" not in answer.json(), answer.json()["errors"]
    return len(statements)


async def read(database: Database, actor: Actor, unit_id: int, after: str | None) -> int:
    """What the page needs of the core: tasks, their participants and assignees, the units of all."""
    async with database.snapshot(actor, now=utc_now()) as tx:
        page = await queries.unit_tasks_page(tx, unit_id, PageRequest(first=50, after=after), OVERDUE)
        ids = [task.id for task in page.rows]
        parts = await queries.participations_of_tasks(tx, ids)
        people = await queries.assignees_of_tasks(tx, ids)
        units = {part.unit_id for found in parts.values() for part in found}
        units |= {who.unit_id for found in people.values() for who in found}
        await units_by_ids(tx, sorted(units))
        return len(page.rows)


async def place(database: Database) -> str:
    """The cursor of a task at nine tenths of what the large unit has overdue."""
    async with database.snapshot(SYSTEM) as tx:
        total = await queries.count_unit_tasks(tx, LARGE, OVERDUE)
        skipped = sa.text(
            f"""SELECT task_id FROM participation WHERE unit_id = {LARGE} AND open AND due_on < :today
            ORDER BY due_on, task_id OFFSET :skip LIMIT 1"""
        )
        task_id = await tx.session.scalar(skipped, {"today": tx.today, "skip": total * 9 // 10})
        assert task_id is not None
        task = (await queries.tasks_by_ids(tx, [task_id]))[task_id]
        return UNIT_ORDERINGS[UnitTaskOrder.DUE].cursor(task)


def same_json(app: Litestar, database: Database) -> None:
    """Adds the route that lets PostgreSQL make the whole answer."""

    @post("/same-json", status_code=200)
    async def answer(request: Request[Any, Any, Any]) -> Response[str]:
        asked = msgspec.json.decode(await request.body())
        async with database.snapshot(SYSTEM, now=utc_now()) as tx:
            after = (date.min, 0)
            if asked["after"]:
                after = UNIT_ORDERINGS[UnitTaskOrder.DUE].parse(asked["after"], "after")
            given = {"unit": asked["unit"], "today": tx.today, "due": after[0], "id": after[1]}
            text: str = (await tx.session.execute(SAME_JSON, given)).scalar_one()
        return Response(text, media_type="application/json")

    app.register(answer)


if __name__ == "__main__":
    main(bench)
