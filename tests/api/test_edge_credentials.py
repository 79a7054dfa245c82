"""Who calls: one credential of each kind, both kinds at once, and everything that is none."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from api.conftest import World
from api.edge_scene import Edge, codes, edge_on
from statements import counting
from vdept.clients import access_tokens
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept_graphql.authentication import LONGEST, bearer, is_jwt
from vdept_graphql.ids import encode

NAME = "{ me { name } }"
MUTATION = 'mutation { createPerson(input: {name: "A", email: "a@b.vn"}) { errors { code } } }'


@pytest.fixture
async def edge(db: Database, redis_url: str) -> AsyncIterator[Edge]:
    async with edge_on(db, redis_url) as edge:
        yield edge


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        (["Bearer abc"], "abc"),
        (["bearer  abc.def-ghi_~+/=="], "abc.def-ghi_~+/=="),
        ([" BEARER abc "], "abc"),
        ([], None),
        (["Bearer abc", "Bearer abc"], None),
        (["Bearer abc, Bearer def"], None),
        (["Bearer a b"], None),
        (["Bearer"], None),
        (["Bearer "], None),
        (["Bearerabc"], None),
        (["Basic YTpi"], None),
        (["Bearer =abc"], None),
        (["Bearer a\x00b"], None),
        (["Bearer đ"], None),
        (["Bearer " + "a" * LONGEST], None),
    ],
)
def test_a_bearer_token_has_one_form(headers: list[str], token: str | None) -> None:
    assert bearer(headers) == token


def test_a_token_is_told_by_its_form() -> None:
    assert is_jwt("a.b.c")
    assert not is_jwt("vdept_abc")
    assert not is_jwt("a.b")
    assert not is_jwt("a.b.c.d")


async def test_a_token_a_client_and_a_browser_are_each_known(edge: Edge, world: World) -> None:
    whole = "{ me { name } units { totalCount } }"
    mine = (await edge.ask(whole, await edge.personal(world.hue_head))).json()["data"]
    app = await edge.app_of(world.hue_head, world.hue, Scope.PEOPLE_READ)
    machine = await edge.machine(world.hue, Scope.PEOPLE_READ)
    assert mine["me"]["name"]
    assert (await edge.by_cookie(whole, await edge.browser(world.hue_head))).json()["data"] == mine
    assert (await edge.ask(whole, app)).json()["data"] == mine
    assert (await edge.ask(whole, machine)).json()["data"] == {**mine, "me": None}


async def test_each_kind_takes_one_statement(edge: Edge, world: World) -> None:
    personal = await edge.personal(world.hue_head)
    app = await edge.app_of(world.hue_head, world.hue, Scope.TASKS_READ)
    machine = await edge.machine(world.hue, Scope.TASKS_READ)
    session = await edge.browser(world.hue_head)
    await edge.ask("{ __typename }", machine)  # the signing keys are read once
    numbers = []
    for token in (personal, app, machine, None):
        with counting(edge.db) as statements:
            asked = edge.ask("{ __typename }", token) if token else edge.by_cookie("{ __typename }", session)
            assert (await asked).json()["data"] == {"__typename": "Query"}
        numbers.append(len([one for one in statements if "set_config" not in one]))
    assert numbers == [1, 1, 1, 1]


async def test_where_both_are_sent_the_header_counts(edge: Edge, world: World) -> None:
    cookie = f"vdept={(await edge.browser(world.minister)).sid}"
    token = await edge.personal(world.hue_head)
    me = (await edge.ask("{ me { id } }", token, cookie=cookie)).json()["data"]["me"]
    assert me["id"] == encode("Person", world.hue_head.person_id or 0)
    for header in ("Bearer nonsense", "Basic YTpi", ""):
        answer = await edge.ask(NAME, authorization=header, cookie=cookie)
        assert (answer.status_code, codes(answer)) == (401, ["UNAUTHENTICATED"])


async def test_authorization_twice_is_no_authorization(edge: Edge, world: World) -> None:
    token = await edge.personal(world.hue_head)
    headers = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
    answer = await edge.http.post("/graphql", json={"query": NAME}, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')


async def test_a_token_in_the_address_or_the_body_is_not_looked_at(edge: Edge, world: World) -> None:
    token = await edge.personal(world.hue_head)
    answer = await edge.http.get("/graphql", params={"query": NAME, "access_token": token})
    assert answer.status_code == 401
    answer = await edge.http.post("/graphql", json={"query": NAME, "access_token": token})
    assert answer.status_code == 401


async def test_every_bad_credential_gets_the_same_answer(edge: Edge, world: World) -> None:
    now = utc_now()
    good = await edge.machine(world.hue, Scope.TASKS_READ)
    head, payload, signature = good.split(".")
    expired: dict[str, Any] = {"iss": edge.settings.issuer, "exp": 1, "iat": 1}
    bad = [
        "vdept_" + "a" * 43,
        f"{head}.{payload}.{signature[:-4]}AAAA",
        f"{head}.{payload}.",
        "eyJhbGciOiJub25lIn0.e30.",
        edge.keyring.sign(expired, now),
        edge.keyring.sign({**expired, "aud": access_tokens.audience(edge.settings.issuer)}, now),
    ]
    answers = [await edge.ask(NAME, token) for token in bad]
    answers.append(await edge.ask(NAME, cookie="vdept=" + "a" * 43))
    assert {(a.status_code, a.text, a.headers["www-authenticate"]) for a in answers} == {
        (401, answers[0].text, 'Bearer error="invalid_token"')
    }


async def test_without_valkey_tokens_work_and_sessions_wait(
    db: Database, redis_url: str, world: World
) -> None:
    async with edge_on(db, redis_url) as edge:
        session = await edge.browser(world.hue_head)
    async with edge_on(db, "redis://127.0.0.1:1") as edge:
        assert (await edge.ask(NAME, await edge.personal(world.hue_head))).status_code == 200
        answer = await edge.by_cookie(NAME, session)
        assert (answer.status_code, codes(answer)) == (503, ["UNAVAILABLE"])
        assert (
            await edge.http.get("/session", headers={"cookie": f"vdept={session.sid}"})
        ).status_code == 503


# -- browsers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forged",
    [
        {"x_csrf_token": ""},
        {"x_csrf_token": "a" * 43},
        {"origin": "https://evil.example"},
        {"origin": "null", "sec_fetch_site": ""},
        {"origin": "", "sec_fetch_site": ""},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://127.0.0.1:8001"},
    ],
)
async def test_a_forged_request_by_cookie_is_refused(
    edge: Edge, world: World, forged: dict[str, str]
) -> None:
    session = await edge.browser(world.administrator)
    for query in (MUTATION, NAME):
        answer = await edge.by_cookie(query, session, **forged)
        assert (answer.status_code, codes(answer), "data" in answer.json()) == (403, ["CSRF_REFUSED"], False)
    vietnamese = await edge.by_cookie(NAME, session, **forged, accept_language="vi")
    assert "tải lại trang" in vietnamese.text
    persons = await edge.by_cookie('{ persons(filter: {text: "a@b.vn"}) { totalCount } }', session)
    assert persons.json()["data"] == {"persons": {"totalCount": 0}}


async def test_the_token_of_another_session_is_not_ones_own(edge: Edge, world: World) -> None:
    mine, others = await edge.browser(world.hue_head), await edge.browser(world.hue_head)
    answer = await edge.by_cookie(NAME, mine, x_csrf_token=others.csrf)
    assert codes(answer) == ["CSRF_REFUSED"]


async def test_a_get_by_cookie_reads_and_never_writes(edge: Edge, world: World) -> None:
    cookie = {"cookie": f"vdept={(await edge.browser(world.administrator)).sid}"}
    read = await edge.http.get("/graphql", params={"query": NAME}, headers=cookie)
    assert read.status_code == 200
    write = await edge.http.get("/graphql", params={"query": MUTATION}, headers=cookie)
    assert write.status_code == 405


async def test_a_page_learns_the_token_of_its_session(edge: Edge, world: World) -> None:
    session = await edge.browser(world.hue_head)
    cookie = {"cookie": f"vdept={session.sid}"}
    answer = await edge.http.get("/session", headers={**cookie, "sec-fetch-site": "same-origin"})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json()["csrfToken"] == session.csrf
    assert answer.json()["person"]["id"] == encode("Person", world.hue_head.person_id or 0)
    assert set(answer.json()["person"]) == {"id", "name", "locale"}
    assert session.sid not in answer.text
    assert "access-control-allow-origin" not in answer.headers
    for site in ("cross-site", "same-site"):
        elsewhere = await edge.http.get("/session", headers={**cookie, "sec-fetch-site": site})
        assert (elsewhere.status_code, codes(elsewhere)) == (403, ["CSRF_REFUSED"])


async def test_without_a_session_there_is_nothing_to_learn(edge: Edge, world: World) -> None:
    token = await edge.personal(world.hue_head)
    for headers in ({}, {"cookie": "vdept=x"}, {"authorization": f"Bearer {token}"}):
        answer = await edge.http.get("/session", headers=headers)
        assert (answer.status_code, codes(answer)) == (401, ["UNAUTHENTICATED"])
        assert "csrfToken" not in answer.text


async def test_a_session_ends_with_its_person_and_by_itself(edge: Edge, world: World) -> None:
    session = await edge.browser(world.hue_head)
    assert (await edge.by_cookie(NAME, session)).status_code == 200
    await edge.sessions.end(session.sid)
    assert (await edge.by_cookie(NAME, session)).status_code == 401
    left = await edge.sessions.start(999_999, utc_now() - timedelta(minutes=1), method="link")
    assert (await edge.by_cookie(NAME, left)).status_code == 401


# -- the Host header -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/graphql", "/session", "/nothing", "/sign-in", "/health/live"])
async def test_nothing_is_built_from_the_host_header(edge: Edge, path: str) -> None:
    """So a forged one poisons nothing: there is no need to know every name we are reached by."""
    forged = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    plain, answer = await edge.http.get(path), await edge.http.get(path, headers=forged)
    assert answer.status_code == plain.status_code
    assert "evil.example" not in answer.text
    assert "evil.example" not in str(answer.headers)
