"""Live inboxes under attack: who must not get in, what must not get through, and when it ends."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from api.live_scene import CHANGES, ISSUER, Line, Served, Told, serving
from factories import SYSTEM
from inbox_scene import build
from vdept.clients.access_tokens import claims_of
from vdept.clients.models import ApiClient, ClientAuthentication, ClientAuthorization
from vdept.identity.sessions import Sessions
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept_graphql import live_operations, live_socket
from vdept_graphql.budget import OverBudget
from vdept_graphql.cookies import cookie_name

SECRET = "a secret key of live inboxes, long enough"
EVIL = Origin("https://evil.example")


@pytest.fixture
async def served(db: Database, database_url: str, redis_url: str) -> AsyncIterator[Served]:
    database = Database(database_url, pool_size=8)
    async with serving(await build(db), database, redis_url, recheck=0.3, secret_key=SECRET) as running:
        yield running
    await database.close()


async def client_token(served: Served, *scopes: Scope, person: bool = True) -> str:
    """An access token of an API client, for Lan or for her unit."""
    async with served.db.begin(SYSTEM) as tx:
        client = ApiClient(
            client_id=f"vdc_live{served.told}",
            unit_id=served.unit.id,
            name="Ứng dụng",
            authentication=ClientAuthentication.SECRET,
            secret_digest=bytes(32),
            machine=True,
            redirect_uris=["https://example.vn/"],
            scopes=[scope.value for scope in Scope],
            created_at=utc_now(),
        )
        tx.session.add(client)
        await tx.session.flush()
        grant = None
        if person:
            grant = ClientAuthorization(
                client_id=client.id,
                person_id=served.lan.person_id,
                scopes=[scope.value for scope in scopes],
                created_at=utc_now(),
                expires_at=utc_now() + timedelta(days=1),
            )
            tx.session.add(grant)
            await tx.session.flush()
    keyring = served.server.services.keyring
    await keyring.load(served.db, utc_now())
    now = utc_now()
    claims = claims_of(client, set(scopes), issuer=served.settings.issuer, now=now, authorization=grant)
    return keyring.sign(claims, now)


# -- getting in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        {"authorization": "Bearer vdept_wrong"},
        {"authorization": "Bearer e30.e30.e30"},
        {"authorization": "Basic abc"},
        {"authorization": ""},
        {"authorization": ["Bearer x"]},
        {"Authorization": "Bearer x"},
    ],
    ids=json.dumps,
)
async def test_nobody_gets_in_without_a_token_that_is_good(served: Served, payload: Any) -> None:
    async with served.line() as line:
        await line.say("connection_init", **({} if payload is None else {"payload": payload}))
        assert (await line.closed())[0] == 4401


async def test_an_expired_token_opens_nothing(served: Served) -> None:
    token = await served.token(served.lan, timedelta(seconds=-1))
    async with served.line() as line:
        await line.say("connection_init", payload={"authorization": f"Bearer {token}"})
        assert (await line.closed())[0] == 4401


async def test_guessing_tokens_over_websockets_is_slowed_down_like_anywhere(served: Served) -> None:
    good = await served.token(served.lan)
    for number in range(40):
        async with served.line() as line:
            await line.say("connection_init", payload={"authorization": f"Bearer vdept_{number}"})
            assert (await line.closed())[0] == 4401
    async with served.line() as line:  # nobody from this address is looked at any more
        await line.say("connection_init", payload={"authorization": f"Bearer {good}"})
        assert (await line.closed())[0] == 4401


async def test_nothing_may_be_asked_before_it_is_known_who_asks(served: Served) -> None:
    for first in ("subscribe", "ping", "complete"):
        async with served.line() as line:
            await line.say(first, id="1", payload={"query": CHANGES})
            assert (await line.closed())[0] == 4401


async def test_who_says_nothing_is_let_go(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.server, "patience", 0.2)
    async with served.line() as line:
        assert (await line.closed())[0] == 4408


async def test_who_says_who_they_are_twice_is_let_go(served: Served) -> None:
    async with served.line() as line:
        await line.sign_in(await served.token(served.lan))
        await line.say("connection_init")
        assert (await line.closed())[0] == 4429


async def test_another_protocol_is_not_spoken(served: Served) -> None:
    async with served.line(protocol="graphql-ws") as line:
        assert (await line.closed())[0] == 4406


async def cookie(served: Served) -> dict[str, str]:
    session = await served.session(served.lan)
    return {"cookie": f"{cookie_name(served.settings)}={session.sid}"}


async def test_a_page_of_ours_gets_in_by_its_cookie(served: Served) -> None:
    async with served.line(origin=Origin(ISSUER), **await cookie(served)) as line:
        await line.sign_in()
        await line.subscribe()
        assert await line.change() == Told(None, 0)


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        (EVIL, None),
        (EVIL, "cross-site"),
        (Origin("http://platform.test.evil.example"), None),
        (Origin("https://platform.test"), None),
        (Origin("http://platform.test:8080"), None),
        (Origin(ISSUER), "cross-site"),
        (Origin(ISSUER), "same-site"),
        (Origin("null"), None),
        (None, None),
    ],
    ids=str,
)
async def test_a_page_of_somebody_else_gets_nothing_by_our_cookie(
    served: Served, origin: Origin | None, site: str | None
) -> None:
    """Cross-site websocket hijacking: the browser sends the cookie along, whoever's page it is."""
    sites = {} if site is None else {"sec_fetch_site": site}
    async with served.line(origin=origin, **sites, **await cookie(served)) as line:
        await line.say("connection_init", payload={})
        assert (await line.closed())[0] == 4403


async def test_a_token_from_another_origin_is_as_good_as_anywhere(served: Served) -> None:
    """A page of a province's own system brings a token of its own; our cookie counts for nothing then."""
    token = await served.token(served.minh)
    await served.tell(served.minh)
    async with served.line(origin=EVIL, **await cookie(served)) as line:
        assert await line.begin(token) == Told(None, 1)


async def test_a_bad_token_beside_a_good_cookie_is_a_bad_token(served: Served) -> None:
    async with served.line(origin=Origin(ISSUER), **await cookie(served)) as line:
        await line.say("connection_init", payload={"authorization": "Bearer vdept_wrong"})
        assert (await line.closed())[0] == 4401


# -- what is seen --------------------------------------------------------------------------------------


async def test_what_others_are_told_is_not_told_and_what_it_names_is_not_shown(served: Served) -> None:
    query = (
        "subscription { inboxChanged { notification { id subject { id } unit { name } plan { id } } "
        "unreadCount { total } } }"
    )
    async with served.line() as lan:
        await lan.sign_in(await served.token(served.lan))
        await lan.subscribe(query)
        await lan.change()
        await served.tell(served.minh)
        assert await lan.silent()
        await served.tell(served.lan, subject=123_456)
        said = (await lan.hear())["payload"]["data"]["inboxChanged"]
        assert said["unreadCount"] == {"total": 1}
        assert (said["notification"]["subject"], said["notification"]["plan"]) == (None, None)
        assert said["notification"]["unit"] == {"name": served.unit.name}


async def test_a_client_follows_the_inbox_of_whom_it_acts_for_if_it_has_the_scope(served: Served) -> None:
    token = await client_token(served, Scope.NOTIFICATIONS_READ)
    async with served.line() as line:
        assert await line.begin(token) == Told(None, 0)
        await served.tell(served.lan)
        assert (await line.change()).unread == 1


async def test_a_client_without_the_scope_is_refused(served: Served) -> None:
    token = await client_token(served, Scope.TASKS_READ)
    async with served.line() as line:
        await line.sign_in(token)
        assert await line.refused(CHANGES) == ["INSUFFICIENT_SCOPE"]


async def test_a_client_that_acts_for_its_unit_has_no_inbox(served: Served) -> None:
    token = await client_token(served, Scope.NOTIFICATIONS_READ, person=False)
    async with served.line() as line:
        await line.sign_in(token)
        assert await line.refused(CHANGES) == ["FORBIDDEN"]


async def test_a_scope_for_the_inbox_opens_nothing_else(served: Served) -> None:
    token = await client_token(served, Scope.NOTIFICATIONS_READ)
    query = "subscription { inboxChanged { notification { subject { ... on Task { title } } } } }"
    async with served.line() as line:
        await line.sign_in(token)
        assert await line.refused(query) == ["INSUFFICIENT_SCOPE"]


# -- when it ends --------------------------------------------------------------------------------------

ENDS = {
    "expires": "UPDATE access_token SET expires_at = now() - interval '1 second'",
    "is revoked": "UPDATE access_token SET revoked_at = now()",
    "belongs to nobody any more": "UPDATE person SET active = false",
}


@pytest.mark.parametrize("what", ENDS)
async def test_a_line_ends_when_its_token(served: Served, owner: Database, what: str) -> None:
    async with served.line() as line:
        await line.begin(await served.token(served.lan))
        async with owner.begin(SYSTEM) as tx:
            await tx.session.execute(text(ENDS[what]))
        assert (await line.closed(3))[0] == 4401


async def test_nothing_is_told_to_who_was_shut_out_a_moment_ago(
    served: Served, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even before the next look at who is there."""
    monkeypatch.setattr(served.server, "recheck", 60.0)
    async with served.line() as line:
        await line.begin(await served.token(served.lan))
        async with owner.begin(SYSTEM) as tx:
            await tx.session.execute(text("UPDATE access_token SET revoked_at = now()"))
        await served.tell(served.lan)
        with pytest.raises(ConnectionClosed) as caught:
            await line.hear()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 4401


async def test_a_line_ends_with_its_session_and_keeps_no_session_alive(served: Served) -> None:
    session = await served.session(served.lan)
    headers = {"cookie": f"{cookie_name(served.settings)}={session.sid}"}
    sessions = Sessions.of(served.settings, served.redis)
    async with served.line(origin=Origin(ISSUER), **headers) as line:
        await line.sign_in()
        await line.subscribe()
        await line.change()
        before = await served.redis.keys("session:*")
        left = await served.redis.pttl(before[0])
        await asyncio.sleep(0.8)
        assert await served.redis.pttl(before[0]) < left - 500
        await sessions.end(session.sid)
        assert (await line.closed(3))[0] == 4401


# -- what is too much ----------------------------------------------------------------------------------


async def test_queries_and_mutations_are_sent_elsewhere(served: Served) -> None:
    one = await served.tell(served.lan)
    mark = f'mutation {{ markNotificationsRead(input: {{ids: ["{served.global_id(one)}"]}}) {{ count }} }}'
    async with served.line() as line:
        await line.sign_in(await served.token(served.lan))
        for query in ("{ unreadCount { total } }", mark):
            assert await line.refused(query) == ["SUBSCRIPTIONS_ONLY"]
    assert await served.unread(served.lan) == [one]


BAD_DOCUMENTS = {
    "no document": ("nonsense {", ["GRAPHQL_PARSE_FAILED"]),
    "no such field": ("subscription { secrets }", ["GRAPHQL_VALIDATION_FAILED"]),
    "two at once": ("subscription { a: inboxChanged { __typename } b: inboxChanged { __typename } }", None),
    "too long": (f"subscription {{ inboxChanged {{ {'__typename ' * 5_000} }} }}", ["QUERY_TOO_LONG"]),
    "too dear": (
        "subscription { inboxChanged { notification { unit { "
        + " ".join(
            f"a{i}: children(first: 100) {{ nodes {{ children(first: 100) {{ nodes {{ id }} }} }} }}"
            for i in range(8)
        )
        + " } } } }",
        ["QUERY_TOO_COMPLEX"],
    ),
    "too deep": (
        "subscription { inboxChanged { notification { unit { " + "parent { " * 20 + "id" + " }" * 24,
        ["QUERY_TOO_DEEP"],
    ),
}


@pytest.mark.parametrize("what", BAD_DOCUMENTS)
async def test_a_document_passes_the_same_limits_as_anywhere(served: Served, what: str) -> None:
    query, codes = BAD_DOCUMENTS[what]
    async with served.line() as line:
        await line.sign_in(await served.token(served.lan))
        found = await line.refused(query)
        assert found == codes if codes is not None else found
        await line.subscribe(name="2")  # and the line goes on
        assert (await line.change("2")).unread == 0


async def test_points_are_spent_over_websockets_too(db: Database, database_url: str, redis_url: str) -> None:
    database = Database(database_url, pool_size=8)
    poor = serving(await build(db), database, redis_url, budget_points=40)
    async with poor as served, served.line() as line:
        await line.sign_in(await served.token(served.lan))
        codes = []
        for number in range(8):
            await line.subscribe("subscription Nonsense {", name=str(number))
            codes += [e["extensions"]["code"] for e in (await line.hear())["payload"]]
        assert codes[0] == "GRAPHQL_PARSE_FAILED"
        assert codes[-1] == "BUDGET_EXCEEDED"
    await database.close()


async def test_who_has_no_points_left_is_told_later_and_misses_nothing(
    db: Database, database_url: str, redis_url: str
) -> None:
    database = Database(database_url, pool_size=8)
    async with (
        serving(await build(db), database, redis_url, budget_points=600) as served,
        served.line() as lan,
    ):
        await lan.begin(await served.token(served.lan))
        with contextlib.suppress(OverBudget):
            while True:
                await served.server.budget.spend(served.lan, 20)
        await served.server.budget.spend(served.lan, 1)
        told = [await served.tell(served.lan) for _ in range(3)]
        assert await lan.silent(0.3)
        heard = [(await lan.change()).id for _ in told]
        assert heard == [served.global_id(number) for number in told]
    await database.close()


async def test_a_flood_of_messages_ends_the_line(served: Served) -> None:
    async with served.line() as line:
        await line.sign_in(await served.token(served.lan))
        for _ in range(200):
            try:
                await line.say("ping")
            except ConnectionClosed:
                break
        assert (await line.closed())[0] == 4429


async def test_a_line_follows_only_so_much(served: Served) -> None:
    async with served.line() as line:
        await line.sign_in(await served.token(served.lan))
        for number in range(live_operations.MOST):
            await line.subscribe(name=str(number))
            await line.change(str(number))
        assert await line.refused(CHANGES, name="more") == ["TOO_MANY_SUBSCRIPTIONS"]
        await line.subscribe(name="0")
        assert await line.closed() == (4409, "Subscriber for 0 already exists")


async def test_a_person_has_only_so_many_lines_and_room_again_when_one_ends(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_socket, "CONNECTIONS", 2)
    token = await served.token(served.lan)
    async with served.line() as one:
        await one.begin(token)
        async with served.line() as two, served.line() as three, served.line() as other:
            await two.begin(token)
            await three.say("connection_init", payload={"authorization": f"Bearer {token}"})
            assert (await three.closed())[0] == 4429
            await other.begin(await served.token(served.minh))
        async with served.line() as four:
            await four.begin(token)
    assert not served.server.live._followers or await gone(served)


async def gone(served: Served) -> bool:
    """Whether everybody has left after a while."""
    for _ in range(100):
        if not served.server.live._followers and not served.server.connected:
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("size", "codes"), [(live_socket.LONGEST + 1, {1009}), (1_000_000, {1009})], ids=["long", "huge"]
)
async def test_an_oversized_message_ends_the_line(served: Served, size: int, codes: set[int]) -> None:
    async with served.line() as line:
        await line.sign_in(await served.token(served.lan))
        await line.socket.send(json.dumps({"type": "ping", "payload": "x" * size}))
        assert (await line.closed())[0] in codes


@pytest.mark.parametrize(
    "raw",
    [
        "nonsense",
        "[]",
        "null",
        '{"type": 1}',
        '{"id": "1"}',
        '{"type": "explode"}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": []}}',
        '{"type": "subscribe", "payload": {"query": "{a}"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{a}"}}',
        "[" * 50_000,
        b"binary",
    ],
    ids=lambda raw: str(raw)[:50],
)
async def test_what_is_no_message_of_the_protocol_ends_the_line(served: Served, raw: str | bytes) -> None:
    async with served.line() as line:
        await line.sign_in(await served.token(served.lan))
        await line.socket.send(raw)
        assert (await line.closed())[0] == 4400


async def test_variables_that_do_not_fit_are_refused_and_the_line_goes_on(served: Served) -> None:
    async with served.line() as line:
        await line.sign_in(await served.token(served.lan))
        query = "subscription($yes: Boolean!) { inboxChanged { unreadCount @include(if: $yes) { total } } }"
        assert await line.refused(query, variables={"yes": "perhaps"})
        await line.say("complete", id="never heard of")
        await line.subscribe()
        await line.change()


async def test_who_reads_too_slowly_must_begin_anew(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served.line() as line:
        await line.begin(await served.token(served.lan))
        (follower,) = served.server.live._followers[served.lan.person_id or 0]
        for _ in range(2_000):
            follower.tell(live_change())
        assert (await line.closed())[0] == 1013


def live_change() -> Any:
    from vdept_graphql.live import Change

    return Change(None)


async def test_lines_that_break_off_leave_nothing_behind(served: Served) -> None:
    async def break_off(line: Line) -> None:
        line.socket.transport.abort()

    token = await served.token(served.lan)
    for _ in range(3):
        async with served.line() as line:
            await line.begin(token)
            await break_off(line)
    assert await gone(served)
    assert served.server.open == 0
