"""GraphQL over HTTP: every bad request is answered in JSON with a code, and nothing leaks."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from api.conftest import Api, World
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept_graphql import units
from vdept_graphql.app import create_app
from vdept_graphql.ids import NODES, encode

JSON = "application/json; charset=utf-8"
NEW = "application/graphql-response+json"


def body(query: str, **more: Any) -> bytes:
    return msgspec.json.encode({"query": query, **more})


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "MALFORMED_JSON"),
        (b"{", 400, "MALFORMED_JSON"),
        (b"\xff\xfe", 400, "MALFORMED_JSON"),
        (b"null", 400, "BAD_REQUEST"),
        (b"7", 400, "BAD_REQUEST"),
        (b"{}", 400, "BAD_REQUEST"),
        (b'{"query": 7}', 400, "BAD_REQUEST"),
        (b'{"query": "{me{id}}", "variables": []}', 400, "BAD_REQUEST"),
        (b'{"query": "{me{id}}", "operationName": 7}', 400, "BAD_REQUEST"),
        (b'[{"query": "{me{id}}"}]', 400, "BATCHING_NOT_SUPPORTED"),
        (body(""), 400, "GRAPHQL_PARSE_FAILED"),
        (body("{"), 400, "GRAPHQL_PARSE_FAILED"),
        (body("{ nosuch }"), 400, "GRAPHQL_VALIDATION_FAILED"),
        (body("query A { me { id } } query B { me { id } }"), 400, "OPERATION_RESOLUTION_FAILED"),
        (body("{ me { id } }", operationName="C"), 400, "OPERATION_RESOLUTION_FAILED"),
        (body("query($id: ID!) { node(id: $id) { id } }"), 400, "BAD_USER_INPUT"),
        (
            body("query($n: Int) { units(first: $n) { nodes { id } } }", variables={"n": "x"}),
            400,
            "BAD_USER_INPUT",
        ),
        (body("subscription { me { id } }"), 400, "GRAPHQL_VALIDATION_FAILED"),
        (body("{ me { id } } " + "{ a }" * 3000), 400, "QUERY_TOO_LONG"),
        (b'{"query": "{a}", "variables": {"a": ' + b"[" * 50_000, 400, "MALFORMED_JSON"),
        (body("{me" * 500), 400, "GRAPHQL_PARSE_FAILED"),
    ],
)
async def test_a_bad_body_is_answered_with_a_code(
    api: Api, world: World, content: bytes, status: int, code: str
) -> None:
    reply = await api.post(content, world.hue_head)
    assert (reply.status, reply.codes[0]) == (status, code)
    assert "data" not in reply.body
    assert "Traceback" not in str(reply.body)


async def test_a_body_of_100_megabytes_is_refused_before_it_is_read(api: Api) -> None:
    sent = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b"x" * 1_000_000

    answer = await api.http.post("/graphql", content=flood(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["code"] == "BODY_TOO_LARGE"
    assert sent <= 2


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data", "application/json; charset=latin-1", ""]
)
async def test_another_content_type_is_not_supported(api: Api, kind: str) -> None:
    reply = await api.post(body("{ me { id } }"), content_type=kind)
    assert (reply.status, reply.codes) == (415, ["UNSUPPORTED_MEDIA_TYPE"])


async def test_a_get_without_a_query_says_that_there_is_no_ide(api: Api) -> None:
    answer = await api.http.get("/graphql", headers={"accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 400
    assert "POST" in answer.json()["errors"][0]["message"]


async def test_a_query_can_be_sent_by_get_and_a_mutation_cannot(api: Api, world: World) -> None:
    headers = {"authorization": f"Bearer {await api.token(world.hue_head)}"}
    read = await api.http.get(
        "/graphql",
        params={"query": "query($id: ID!) { node(id: $id) { id } }", "variables": '{"id": "x"}'},
        headers=headers,
    )
    assert read.json()["errors"][0]["extensions"] == {"code": "INVALID_ID", "path": ["id"]}
    write = await api.http.get(
        "/graphql",
        params={
            "query": 'mutation { createPerson(input: {name: "A", email: "a@b.vn"}) { errors { code } } }'
        },
        headers=headers,
    )
    assert (write.status_code, write.headers["allow"]) == (405, "POST")
    bad = await api.http.get(
        "/graphql", params={"query": "{ me { id } }", "variables": "[1]"}, headers=headers
    )
    assert bad.json()["errors"][0]["extensions"]["code"] == "MALFORMED_JSON"


@pytest.mark.parametrize(
    ("accept", "media", "status"),
    [
        ("*/*", JSON, 400),
        (NEW, f"{NEW}; charset=utf-8", 400),
        (f"{NEW}, application/json;q=0.9", f"{NEW}; charset=utf-8", 400),
        (f"application/json, {NEW};q=0.5", JSON, 200),
        ("application/json", JSON, 200),
        ("text/html", JSON, 406),
    ],
)
async def test_the_media_type_is_negotiated(
    api: Api, world: World, accept: str, media: str, status: int
) -> None:
    reply = await api.post(body("{"), world.hue_head, accept=accept)
    assert (reply.status, reply.headers["content-type"]) == (status, media)


async def test_nobody_gets_in_without_a_valid_token(api: Api, world: World) -> None:
    for headers, challenge in (
        ({}, "Bearer"),
        ({"authorization": "Bearer nonsense"}, 'Bearer error="invalid_token"'),
        ({"authorization": "Bearer a.b.c"}, 'Bearer error="invalid_token"'),
        ({"authorization": "Basic eDp5"}, 'Bearer error="invalid_token"'),
        ({"authorization": "Bearer"}, 'Bearer error="invalid_token"'),
        ({"authorization": ""}, 'Bearer error="invalid_token"'),
    ):
        reply = await api.post(body("{ me { id } }"), **headers)
        assert (reply.status, reply.codes) == (401, ["UNAUTHENTICATED"])
        assert reply.headers["www-authenticate"] == challenge
        assert "data" not in reply.body


async def test_the_language_is_the_callers(api: Api, world: World) -> None:
    query = body('{ node(id: "x") { id } }')
    english = await api.post(query, world.hue_head, accept_language="fr, en;q=0.8, vi;q=0.2")
    vietnamese = await api.post(query, world.hue_head, accept_language="vi-VN")
    own = await api.post(query, world.hue_head, accept_language="fr")
    assert english.body["errors"][0]["message"].startswith("The id is not valid")
    assert vietnamese.body["errors"][0]["message"].startswith("Mã định danh")
    assert own.body["errors"][0]["message"].startswith("Mã định danh")


async def test_a_bug_is_masked_with_an_incident_id(
    api: Api, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setitem(NODES, "Unit", broken)
    reply = await api.gql(
        "query($id: ID!) { node(id: $id) { id } }", {"id": encode("Unit", 1)}, world.hue_head
    )
    error = reply.body["errors"][0]
    assert error["extensions"]["code"] == "INTERNAL_ERROR"
    assert error["extensions"]["incident"] in error["message"]
    assert "secret" not in str(reply.body)
    assert reply.body["data"] == {"node": None}


async def test_an_unknown_address_answers_json(api: Api) -> None:
    answer = await api.http.get("/nothing")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
    answer = await api.http.delete("/graphql")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
        405,
        "METHOD_NOT_ALLOWED",
    )


async def test_it_is_alive_and_ready(api: Api) -> None:
    assert (await api.http.get("/health/live")).json() == {"status": "ok"}
    answer = await api.http.get("/health/ready")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ok", "api": "ok", "database": "ok", "redis": "ok"},
    )


async def test_it_is_not_ready_without_database_or_redis() -> None:
    import httpx
    import redis.asyncio

    nowhere = Database("postgresql://nobody@127.0.0.1:1/none")
    no_redis = redis.asyncio.from_url("redis://127.0.0.1:1")
    app = create_app(Settings(), nowhere, no_redis)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as http:  # type: ignore[arg-type]
        answer = await http.get("/health/ready")
        alive = await http.get("/health/live")
        asked = await http.post(
            "/graphql", json={"query": "{ me { id } }"}, headers={"authorization": "Bearer x"}
        )
    await nowhere.close()
    await no_redis.aclose()
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert answer.json()["database"].startswith("not serving")
    assert answer.json()["redis"].startswith("not serving")
    assert alive.status_code == 200
    assert (asked.status_code, asked.headers["retry-after"]) == (503, "2")
    assert asked.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "VW5pdDox=",
        "💥",
        "A" * 5000,
        str(encode("Unit", 0)),
        str(encode("Unit", 2**63)),
        base64.urlsafe_b64encode(b"Unit:+1").decode().rstrip("="),
        base64.urlsafe_b64encode(b"Unit:01").decode().rstrip("="),
        base64.urlsafe_b64encode("Unit:١".encode()).decode().rstrip("="),
        str(encode("Nothing", 1)),
    ],
)
async def test_a_forged_id_is_refused(api: Api, world: World, forged: str) -> None:
    reply = await api.gql("query($id: ID!) { node(id: $id) { id } }", {"id": forged}, world.hue_head)
    assert reply.codes == ["INVALID_ID"]
    reply = await api.gql("query($id: ID!) { unit(id: $id) { id } }", {"id": forged}, world.hue_head)
    assert reply.codes == ["INVALID_ID"]


async def test_nodes_keep_the_order_and_leave_null_what_is_not_there(api: Api, world: World) -> None:
    ids = [encode("Unit", n) for n in (world.hue.id, 999_999, world.firm.id, world.hue.id)]
    reply = await api.gql(
        "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Unit { name } } }", {"ids": ids}, world.hue_head
    )
    assert [node and node["name"] for node in reply.data["nodes"]] == [
        "Thành phố Huế",
        None,
        "Công ty Sao Khuê",
        "Thành phố Huế",
    ]
    reply = await api.gql(
        "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids * 26}, world.hue_head
    )
    assert reply.codes == ["TOO_MANY_ITEMS"]


async def test_text_that_cannot_be_stored_is_refused(api: Api, world: World) -> None:
    assert units  # the slice is loaded
    reply = await api.gql(
        "query($t: String) { units(filter: {text: $t}) { nodes { id } } }", {"t": "a\0b"}, world.hue_head
    )
    assert reply.codes == ["UNSTORABLE_TEXT"]


async def test_a_field_that_fails_in_the_database_does_not_spoil_the_others(api: Api, world: World) -> None:
    reply = await api.gql(
        "query($bad: String, $good: String) "
        "{ bad: unit(code: $bad) { id } good: unit(code: $good) { name } }",
        {"bad": "a\0b", "good": world.hue.code},
        world.hue_head,
    )
    assert reply.codes == ["UNSTORABLE_TEXT"]
    assert reply.body["data"] == {"bad": None, "good": {"name": "Thành phố Huế"}}
