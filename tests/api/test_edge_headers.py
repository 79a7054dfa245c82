"""Headers of every answer, whoever made it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from api.conftest import World
from api.edge_scene import Edge, edge_on
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept_graphql.headers import before_send, security_headers

CLOSED = {
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture
async def edge(db: Database, redis_url: str) -> AsyncIterator[Edge]:
    async with edge_on(db, redis_url) as edge:
        yield edge


async def every_kind(edge: Edge, world: World) -> list[httpx.Response]:
    token = await edge.personal(world.hue_head)
    return [
        await edge.ask("{ me { id } }", token),
        await edge.ask("{ nosuch }", token),
        await edge.ask("{ me { id } }"),
        await edge.http.post("/graphql", content=b"x" * 20_000_000),
        await edge.http.get("/graphql"),
        await edge.http.delete("/graphql"),
        await edge.http.get("/nothing"),
        await edge.http.get("/nothing/../../etc/passwd"),
        await edge.http.get("/session"),
        await edge.http.get("/health/live"),
        await edge.http.get("/health/ready"),
        await edge.http.get("/sign-in"),
        await edge.http.get("/static/style.css"),
        await edge.http.get("/.well-known/oauth-authorization-server"),
    ]


async def test_every_answer_is_closed_to_other_pages(edge: Edge, world: World) -> None:
    for answer in await every_kind(edge, world):
        where = (answer.request.method, answer.request.url.path, answer.status_code)
        for name, value in CLOSED.items():
            assert answer.headers.get_list(name) == [value], where
        [policy] = answer.headers.get_list("content-security-policy")
        assert policy.startswith("default-src 'none'"), where
        assert "frame-ancestors 'none'" in policy, where
        assert "unsafe" not in policy, where
        assert "camera=()" in answer.headers["permissions-policy"], where
        assert "strict-transport-security" not in answer.headers, where
        assert "server" not in answer.headers, where
        assert "x-powered-by" not in answer.headers, where
        assert "access-control-allow-origin" not in answer.headers, where


async def test_nothing_that_depends_on_the_caller_is_kept_by_anyone(edge: Edge, world: World) -> None:
    for answer in await every_kind(edge, world):
        [kept] = answer.headers.get_list("cache-control")
        public = answer.request.url.path in {"/static/style.css", "/.well-known/oauth-authorization-server"}
        assert public or kept == "no-store", answer.request.url.path


async def test_no_address_of_ours_is_told_to_others_and_our_own_forms_say_where_they_are_from(
    edge: Edge, world: World
) -> None:
    for answer in await every_kind(edge, world):
        page = answer.headers.get("content-type", "").startswith("text/html")
        assert answer.headers.get_list("referrer-policy") == ["same-origin" if page else "no-referrer"]
    assert (await edge.http.get("/sign-in")).headers["content-type"].startswith("text/html")


async def test_behind_tls_browsers_are_told_to_keep_to_it(db: Database, redis_url: str) -> None:
    async with edge_on(db, redis_url, public_url="https://vdept.gov.vn") as edge:
        for path in ("/nothing", "/health/live", "/graphql", "/sign-in"):
            answer = await edge.http.get(path)
            assert answer.headers["strict-transport-security"] == "max-age=31536000", path


async def test_what_an_answer_sets_itself_is_left_alone_and_nothing_stands_twice() -> None:
    message = {
        "type": "http.response.start",
        "headers": [(b"Content-Security-Policy", b"default-src 'self'"), (b"Cache-Control", b"public")],
    }
    await before_send(Settings())(message, {})
    names = [name.lower() for name, _ in message["headers"]]
    assert len(names) == len(set(names))
    assert (b"Cache-Control", b"public") in message["headers"]
    assert set(security_headers(Settings())) | {"referrer-policy"} == {name.decode() for name in names}
    body = {"type": "http.response.body", "body": b""}
    await before_send(Settings())(body, {})
    assert body == {"type": "http.response.body", "body": b""}
