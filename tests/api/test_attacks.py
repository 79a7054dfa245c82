"""Attacks on the edge that no other test is named after: each was tried, and each is refused."""

import base64
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import msgspec
import pytest
from structlog.testing import capture_logs

from api.conftest import World
from api.edge_scene import Edge, codes, edge_on
from api.oauth_scene import ASSERTION_TYPE, Scene, scene_on
from vdept.clients.rules import ACCESS_TOKEN
from vdept.kernel.db import Database
from vdept_graphql import failures, http
from vdept_graphql.oauth.tokens import FROM_ADDRESS
from vdept_graphql.sign_in.oidc_visit import TRIES


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


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_sites_page_asks_nothing_with_somebodys_cookie(
    edge: Edge, world: World, site: str
) -> None:
    """It could not read the answer, but spend the person's points and measure how long it takes."""
    cookie = f"vdept={(await edge.browser(world.administrator)).sid}"
    query = {"query": "{ persons(first: 100) { totalCount } }"}
    for address, params in (("/graphql", query), ("/session", {})):
        here = await edge.http.get(
            address, params=params, headers={"cookie": cookie, "sec-fetch-site": "none"}
        )
        assert here.status_code == 200
        headers = {"cookie": cookie, "sec-fetch-site": site, "sec-fetch-mode": "navigate"}
        answer = await edge.http.get(address, params=params, headers=headers)
        assert (answer.status_code, codes(answer)) == (403, ["CSRF_REFUSED"])
        assert "ratelimit" not in answer.headers


async def test_what_clients_say_of_themselves_does_nothing_to_whoever_reads_the_log(edge: Edge) -> None:
    """A terminal that shows the log would have cleared its screen, or written what the sender likes."""
    name = "\x1b[2J\x1b[31mvdc_\x07\n2026-01-01 [info] all is well\u202e"
    claims = base64.urlsafe_b64encode(msgspec.json.encode({"sub": name})).decode().rstrip("=")
    proof = {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": f"eyJhbGciOiJFUzI1NiJ9.{claims}.{'x' * 86}",
        "grant_type": "client_credentials",
    }
    with capture_logs() as logs:
        assert (await edge.http.post("/oauth/token", data=proof)).status_code == 401
    said = [value for entry in logs for value in entry.values() if isinstance(value, str)]
    assert any("all is well" in value for value in said), "it is shown, so that the attempt is seen"
    assert all(value.isprintable() for value in said)


@pytest.mark.parametrize("loaded_as", ["image", "iframe", "script", "empty"])
async def test_a_page_full_of_pictures_of_the_sign_in_address_keeps_nobody_out(
    db: Database, redis_url: str, loaded_as: str
) -> None:
    """Sign-ins that begin are counted by address: whoever looked at such a page locked their office out."""
    provider = {
        "key": "moh",
        "name": "Bộ Y tế",
        "issuer": "http://127.0.0.1:1",
        "client_id": "vdept",
        "client_secret": "x",
    }
    settings = {"oidc_providers": msgspec.json.encode([provider]).decode()}
    async with edge_on(db, redis_url, **settings) as edge:
        forged = {"sec-fetch-dest": loaded_as, "sec-fetch-site": "cross-site"}
        answers = [await edge.http.get("/sign-in/oidc/moh", headers=forged) for _ in range(TRIES + 1)]
        assert {answer.status_code for answer in answers} == {403}
        assert not any("set-cookie" in answer.headers for answer in answers)
        for visit in ({"sec-fetch-dest": "document"}, {}):
            answer = await edge.http.get("/sign-in/oidc/moh", headers=visit)
            assert answer.status_code == 503, "off to the provider, which is away"


@pytest.fixture
async def oauth(db: Database, redis_url: str) -> AsyncIterator[Scene]:
    async for scene in scene_on(db, redis_url):
        yield scene


async def test_a_client_comes_back_when_its_token_has_ended_whatever_its_neighbours_do(
    oauth: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was remembered as good for exactly as long as its token lives: when it came back it was held up."""
    form = {"grant_type": "client_credentials"}
    await oauth.machine_token()
    later = time.monotonic() + ACCESS_TOKEN.total_seconds() + 1
    monkeypatch.setattr(failures, "time", SimpleNamespace(monotonic=lambda: later))
    for _ in range(FROM_ADDRESS + 5):
        await oauth.token((oauth.other.id, "wrong"), **form)
    assert (await oauth.token((oauth.other.id, "wrong"), **form)).status_code == 429
    assert (await oauth.token(oauth.machine.auth, **form)).status_code == 200
