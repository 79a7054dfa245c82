"""The real schema on a real database: with and without generated functions the bytes are the same."""

from collections.abc import Iterator
from random import Random
from typing import Any

import httpx
import msgspec
import pytest
import strawberry
from litestar import Litestar
from strawberry.schema.config import StrawberryConfig

from api import compiled_world
from api.conftest import Api, World
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept_graphql import schema
from vdept_graphql.app import create_app
from vdept_graphql.compiled import STATISTICS, CompiledExecutor, cache, calls
from vdept_graphql.compiled.executor import ENTRIES
from vdept_graphql.engine import Engine
from vdept_graphql.scalars import SCALARS


@pytest.fixture(autouse=True)
def compile_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cache, "WARM_UP", 1)
    monkeypatch.setattr(calls, "WARM_UP", 1)
    ENTRIES.clear()
    STATISTICS.reset()
    yield
    ENTRIES.clear()


@pytest.fixture
def stock(db: Database) -> Litestar:
    """The same application on graphql-core's own executor."""
    plain = strawberry.Schema(
        query=schema.Query, mutation=schema.Mutation, config=StrawberryConfig(scalar_map=SCALARS)
    )
    return create_app(Settings(), db, engine=Engine(plain))


async def ask(app: Litestar, token: str, query: str) -> bytes:
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        body = msgspec.json.encode({"query": query, "variables": {"no": False}})
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        return (await http.post("/graphql", content=body, headers=headers)).content


def test_the_application_runs_on_generated_functions() -> None:
    assert schema.schema.execution_context_class is CompiledExecutor


@pytest.mark.parametrize("who", ["prime", "firm_head", "observer"])
async def test_random_documents_are_answered_byte_for_byte(
    api: Api, world: World, stock: Litestar, who: str
) -> None:
    rng = Random(who)
    token = await api.token(getattr(world, who))
    answered = 0
    for _ in range(40):
        query = compiled_world.document(rng, schema.schema, asynchronous=True)
        ours, theirs = await ask(api.app, token, query), await ask(stock, token, query)
        assert ours == theirs, query
        decoded: dict[str, Any] = msgspec.json.decode(ours)
        answered += decoded.get("data") is not None
    assert answered > 20
    assert STATISTICS.completed > STATISTICS.given_up
