"""What one may spend in a minute: each person, each client, counted by cost and not by requests."""

from typing import Any

import msgspec
import pytest

from api.conftest import Api, World
from api.edge_scene import codes, edge_on
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept_graphql.ids import encode

QUERY = "query($n: Int) { units(first: $n) { nodes { id name } } }"
"""Costs 2 + 2n points, and two for its body."""


def left(answer: Any) -> int:
    """The points that the answer says are left."""
    name, r, t = answer.headers["ratelimit"].split(";")
    assert name == '"points"'
    assert t.startswith("t=")
    return int(r.removeprefix("r="))


async def test_an_answer_says_what_is_left(db: Database, redis_url: str, world: World) -> None:
    async with edge_on(db, redis_url, budget_points=60_000) as edge:
        token = await edge.personal(world.hue_head)
        await edge.ask(QUERY, token, {"n": 1})
        first = await edge.ask(QUERY, token, {"n": 1})
        second = await edge.ask(QUERY, token, {"n": 100})
    assert first.headers["ratelimit-policy"] == '"points";q=60000;w=60'
    spent = left(first) - left(second)
    assert 100 <= spent <= 203, "202 points, less what was earned back in between at one a millisecond"


async def test_over_the_budget_nothing_runs(db: Database, redis_url: str, world: World) -> None:
    mutation = 'mutation { updateUnit(input: {unitId: "%s", nameEn: "%s"}) { unit { nameEn } } }'
    unit = encode("Unit", world.hue.id)
    async with edge_on(db, redis_url, budget_points=300) as edge:
        token = await edge.personal(world.hue_head)
        assert (await edge.ask(QUERY, token, {"n": 100})).status_code == 200
        answer = await edge.ask(QUERY, token, {"n": 100})
        written = await edge.ask(mutation % (unit, "x" * 7_000), token)
        vietnamese = await edge.ask(QUERY, token, {"n": 100}, accept_language="vi")
        # Whoever asks for little may go on.
        assert (await edge.ask(QUERY, token, {"n": 1})).status_code == 200
        neighbour = await edge.ask(QUERY, await edge.personal(world.minister), {"n": 100})
        other = await edge.ask(
            "query($id: ID!) { unit(id: $id) { nameEn } }", await edge.personal(world.minister), {"id": unit}
        )
    for refused in (answer, written, vietnamese):
        assert (refused.status_code, codes(refused)) == (429, ["BUDGET_EXCEEDED"])
        assert "data" not in refused.json()
        assert 1 <= int(refused.headers["retry-after"]) <= 60
    wait = answer.headers["retry-after"]
    assert answer.json()["errors"][0]["message"] == (
        f"The 300 points of query cost a minute are used up. Try again in {wait} seconds, "
        "and ask for less or less often."
    )
    assert vietnamese.json()["errors"][0]["message"].startswith("Đã dùng hết 300 điểm")
    assert left(answer) < 100
    assert neighbour.status_code == 200
    assert other.json()["data"]["unit"]["nameEn"] is None


async def test_whatever_acts_for_a_person_spends_that_persons_points(
    db: Database, redis_url: str, world: World
) -> None:
    async with edge_on(db, redis_url, budget_points=250) as edge:
        session = await edge.browser(world.hue_head)
        app = await edge.app_of(world.hue_head, world.hue, Scope.TASKS_READ)
        machine = await edge.machine(world.hue, Scope.TASKS_READ)
        assert (await edge.ask(QUERY, app, {"n": 100})).status_code == 200
        assert (await edge.ask(QUERY, await edge.personal(world.hue_head), {"n": 100})).status_code == 429
        big = QUERY.replace("$n)", "100)").replace("($n: Int)", "")
        assert (await edge.by_cookie(big, session)).status_code == 429
        assert (await edge.ask(QUERY, machine, {"n": 100})).status_code == 200
        assert (await edge.ask(QUERY, machine, {"n": 100})).status_code == 429


async def test_administrators_have_a_budget_too(db: Database, redis_url: str, world: World) -> None:
    async with edge_on(db, redis_url, budget_points=250) as edge:
        token = await edge.personal(world.administrator)
        assert [(await edge.ask(QUERY, token, {"n": 100})).status_code for _ in range(2)] == [200, 429]


async def test_processes_share_a_budget(db: Database, redis_url: str, world: World) -> None:
    async with (
        edge_on(db, redis_url, budget_points=250) as one,
        edge_on(db, redis_url, budget_points=250) as two,
    ):
        token = await one.personal(world.hue_head)
        assert (await one.ask(QUERY, token, {"n": 100})).status_code == 200
        assert (await two.ask(QUERY, token, {"n": 100})).status_code == 429


@pytest.mark.parametrize(
    "bad",
    [
        "{ nosuch }",
        "{",
        "query A { me { id } } query B { me { id } }",
        "{ units { nodes " + "{ parent " * 14 + "{ id }" + " }" * 14 + " } }",
        "{ me { id } } " + "# a long comment " * 100,
    ],
)
async def test_what_is_refused_costs_something(db: Database, redis_url: str, world: World, bad: str) -> None:
    async with edge_on(db, redis_url, budget_points=200) as edge:
        token = await edge.personal(world.hue_head)
        answers = [await edge.ask(bad, token) for _ in range(100)]
    assert answers[0].status_code in (200, 400)
    assert codes(answers[-1]) == ["BUDGET_EXCEEDED"]


async def test_a_client_beyond_its_scopes_pays_for_trying(db: Database, redis_url: str, world: World) -> None:
    async with edge_on(db, redis_url, budget_points=200) as edge:
        machine = await edge.machine(world.hue, Scope.PLANS_READ)
        answers = [await edge.ask("{ tasks { nodes { id title } } }", machine) for _ in range(10)]
    assert [answer.status_code for answer in answers][:4] == [403] * 4
    assert answers[-1].status_code == 429


async def test_what_a_mutation_is_sent_counts_by_its_size(db: Database, redis_url: str, world: World) -> None:
    mutation = (
        "mutation($rows: [MeasurementRowInput!]!) { recordMeasurements(input: {rows: $rows}) { count } }"
    )
    async with edge_on(db, redis_url, budget_points=60_000) as edge:
        token = await edge.personal(world.hue_head)
        row = {
            "indicatorId": "x",
            "unitId": "y",
            "basis": "REPORTED",
            "asOf": str(utc_now().date()),
            "value": "1",
        }
        before = left(await edge.ask(mutation, token, {"rows": [row]}))
        after = left(await edge.ask(mutation, token, {"rows": [row] * 5_000}))
    size = len(msgspec.json.encode([row] * 5_000))
    assert before - after > size / 100 * 0.8


async def test_without_a_budget_nothing_is_counted(db: Database, redis_url: str, world: World) -> None:
    async with edge_on(db, redis_url, budget_points=0) as edge:
        answer = await edge.ask(QUERY, await edge.personal(world.hue_head), {"n": 100})
        assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)
        assert await edge.valkey.keys("throttle:*") == []


async def test_a_known_document_takes_one_question_to_valkey(api: Api, world: World, redis_url: str) -> None:
    import redis

    client = redis.Redis.from_url(redis_url)
    await api.gql(QUERY, {"n": 1}, world.hue_head)
    before = client.info("commandstats")
    await api.gql(QUERY, {"n": 1}, world.hue_head)
    after = client.info("commandstats")
    calls = {
        name: stats["calls"] - before.get(name, {"calls": 0})["calls"]
        for name, stats in after.items()
        if stats["calls"] > before.get(name, {"calls": 0})["calls"]
    }
    calls.pop("cmdstat_info")
    assert calls == {"cmdstat_evalsha": 1, "cmdstat_time": 1, "cmdstat_get": 1, "cmdstat_set": 1}
    client.close()
