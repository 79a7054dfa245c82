"""Attacks on the edge that no other test is named after: each was tried, and each is refused."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from api.conftest import World
from api.edge_scene import Edge, codes, edge_on
from vdept.kernel.db import Database
from vdept_graphql import http


@pytest.fixture
async def edge(db: Database, redis_url: str) -> AsyncIterator[Edge]:
    async with edge_on(db, redis_url) as edge:
        yield edge


async def post(edge: Edge, content: bytes, token: str | None) -> tuple[int, list[str]]:
    headers = {"content-type": "application/json", "accept-language": "en"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    answer = await edge.http.post("/graphql", content=content, headers=headers)
    return answer.status_code, codes(answer)


async def test_nobody_s_body_is_taken_apart_before_it_is_known_whose_it_is(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen megabytes of small numbers held a process for four seconds, and 600 MB of its memory."""
    read: list[int] = []
    monkeypatch.setattr(http, "decode_body", lambda body: read.append(len(body)))
    for content in (b"{", msgspec.json.encode({"query": "{ me { id } }"}), b"[1.1" + b",1.1" * 100_000):
        assert await post(edge, content, None) == (401, ["UNAUTHENTICATED"])
        assert await post(edge, content, "vdept_" + "x" * 43) == (401, ["UNAUTHENTICATED"])
    assert read == []


async def test_a_large_body_is_paid_for_before_it_is_taken_apart(
    db: Database, redis_url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b'{"query": "{ me { id } }", "variables": {"n": [' + b"1.1," * 100_000  # and no end
    read: list[int] = []
    decode = http.decode_body

    def reading(body: bytes) -> http.GraphQLRequest:
        read.append(len(body))
        return decode(body)

    monkeypatch.setattr(http, "decode_body", reading)
    async with edge_on(db, redis_url, budget_points=10_000) as edge:
        token = await edge.personal(world.hue_head)
        answers = [await post(edge, content, token) for _ in range(5)]
    assert answers == 2 * [(400, ["MALFORMED_JSON"])] + 3 * [(429, ["BUDGET_EXCEEDED"])]
    assert len(read) == 2


async def test_malformed_bodies_cost_something(db: Database, redis_url: str, world: World) -> None:
    async with edge_on(db, redis_url, budget_points=50) as edge:
        token = await edge.personal(world.hue_head)
        answers = [await post(edge, b"{", token) for _ in range(12)]
    assert answers == 10 * [(400, ["MALFORMED_JSON"])] + 2 * [(429, ["BUDGET_EXCEEDED"])]
