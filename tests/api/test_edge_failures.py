"""Guessing credentials: slowed by address, logged without them, and nobody beside the guesser is held up."""

import secrets
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
import structlog

from api.conftest import World
from api.edge_scene import Edge, codes, edge_on
from factories import SYSTEM
from statements import counting
from vdept.clients.models import ApiClient
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.people.tokens import list_tokens, revoke_token
from vdept_graphql import failures
from vdept_graphql.failures import FAILURES, REPEATS, Credential, CredentialKind, Failures, Recent
from vdept_graphql.throttle import Throttle

HERE = "{ __typename }"
LIMIT = FAILURES[CredentialKind.BEARER]


@pytest.fixture
async def edge(db: Database, redis_url: str) -> AsyncIterator[Edge]:
    async with edge_on(db, redis_url, trusted_proxies="10.0.0.0/8", peer="10.0.0.1") as edge:
        yield edge


def guess() -> str:
    return "vdept_" + secrets.token_urlsafe(32)


async def guessed(edge: Edge, times: int, address: str = "203.0.113.7") -> list[int]:
    return [(await edge.ask(HERE, guess(), x_forwarded_for=address)).status_code for _ in range(times)]


async def test_after_thirty_failures_a_minute_unknown_credentials_are_not_looked_at(
    edge: Edge, world: World
) -> None:
    assert set(await guessed(edge, LIMIT)) == {401}
    fresh = await edge.personal(world.hue_head)
    for token in (guess(), fresh):
        with counting(edge.db) as statements:
            answer = await edge.ask(HERE, token, x_forwarded_for="203.0.113.7")
        assert (answer.status_code, codes(answer)) == (429, ["TOO_MANY_ATTEMPTS"])
        assert 1 <= int(answer.headers["retry-after"]) <= 2
        assert statements == []
    vietnamese = await edge.ask(HERE, guess(), x_forwarded_for="203.0.113.7", accept_language="vi")
    assert "Hãy thử lại sau" in vietnamese.json()["errors"][0]["message"]
    session = await edge.http.get(
        "/session", headers={"authorization": f"Bearer {guess()}", "x-forwarded-for": "203.0.113.7"}
    )
    assert session.status_code == 429


async def test_neighbours_behind_the_same_address_work_on(edge: Edge, world: World) -> None:
    token = await edge.personal(world.hue_head)
    assert (await edge.ask(HERE, token, x_forwarded_for="203.0.113.7")).status_code == 200
    await guessed(edge, LIMIT + 5)
    assert (await edge.ask(HERE, token, x_forwarded_for="203.0.113.7")).status_code == 200
    session = await edge.browser(world.minister)
    by_cookie = await edge.by_cookie(HERE, session, x_forwarded_for="203.0.113.7")
    assert by_cookie.status_code == 200


async def test_a_client_gets_in_with_a_new_token_whatever_its_neighbours_do(edge: Edge, world: World) -> None:
    """Its tokens live ten minutes: somebody who fails on and on beside it would have shut it out."""
    await guessed(edge, LIMIT + 5)
    scope = Scope.TASKS_READ
    for token in (await edge.machine(world.hue, scope), await edge.app_of(world.hue_head, world.hue, scope)):
        answer = await edge.ask(HERE, token, x_forwarded_for="203.0.113.7")
        assert answer.status_code == 200, answer.text
        for forged in (token[:-10] + "A" * 10, token.replace(".", ".A", 1), "a.b.c"):
            assert (await edge.ask(HERE, forged, x_forwarded_for="203.0.113.7")).status_code == 429


async def test_a_token_of_ours_that_is_no_good_is_refused_by_itself_in_the_end(
    edge: Edge, world: World
) -> None:
    token = await edge.machine(world.hue, Scope.TASKS_READ)
    async with edge.db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.update(ApiClient).values(revoked_at=tx.now))
    answers = [await edge.ask(HERE, token, x_forwarded_for="203.0.113.7") for _ in range(REPEATS + 1)]
    assert [answer.status_code for answer in answers] == [401] * REPEATS + [429]


async def test_another_address_is_not_held_up_and_claims_change_none(edge: Edge, world: World) -> None:
    for number in range(LIMIT):
        await guessed(edge, 1, f"198.51.100.{number}, 203.0.113.7")
    assert await guessed(edge, 1, "192.0.2.1, 203.0.113.7") == [429]
    assert await guessed(edge, 1, "203.0.113.7, 192.0.2.1") == [401]


async def test_one_subscribers_ipv6_addresses_are_one(edge: Edge, world: World) -> None:
    for number in range(LIMIT):
        await guessed(edge, 1, f"2001:db8:1:2::{number:x}")
    assert await guessed(edge, 1, "2001:db8:1:2:ffff::1") == [429]
    assert await guessed(edge, 1, "2001:db8:1:3::1") == [401]


async def test_processes_count_failures_together(db: Database, redis_url: str, world: World) -> None:
    async with edge_on(db, redis_url) as one, edge_on(db, redis_url) as two:
        for number in range(LIMIT):
            await (one, two)[number % 2].ask(HERE, guess())
        assert [(await edge.ask(HERE, guess())).status_code for edge in (one, two)] == [429, 429]


async def test_without_valkey_guessing_is_slowed_as_well(db: Database, redis_url: str, world: World) -> None:
    async with edge_on(db, redis_url, valkey=False) as edge:
        assert set(await guessed(edge, LIMIT)) == {401}
        assert await guessed(edge, 1) == [429]


async def test_a_broken_script_is_refused_by_itself(edge: Edge, world: World) -> None:
    """One dead token, repeated: it counts once against the address, and stops being looked at."""
    dead = guess()
    answers = [await edge.ask(HERE, dead, x_forwarded_for="203.0.113.7") for _ in range(REPEATS + 5)]
    assert [answer.status_code for answer in answers] == [401] * REPEATS + [429] * 5
    fresh = await edge.personal(world.hue_head)
    assert (await edge.ask(HERE, fresh, x_forwarded_for="203.0.113.7")).status_code == 200


async def test_expired_cookies_of_a_whole_house_lock_nobody_out(edge: Edge, world: World) -> None:
    for _ in range(LIMIT * 2):
        cookie = f"vdept={secrets.token_urlsafe(32)}"
        answer = await edge.ask(HERE, cookie=cookie, x_forwarded_for="203.0.113.7")
        assert answer.status_code == 401
    for token in (await edge.personal(world.hue_head), await edge.machine(world.hue)):
        assert (await edge.ask(HERE, token, x_forwarded_for="203.0.113.7")).status_code == 200


async def test_what_was_good_and_is_not_any_more_counts_like_every_other(edge: Edge, world: World) -> None:
    token = await edge.personal(world.hue_head)
    assert (await edge.ask(HERE, token, x_forwarded_for="203.0.113.7")).status_code == 200
    async with edge.db.begin(world.hue_head) as tx:
        assert world.hue_head.person_id is not None
        [row] = await list_tokens(tx, world.hue_head.person_id)
        await revoke_token(tx, row.id)
    assert (await edge.ask(HERE, token, x_forwarded_for="203.0.113.7")).status_code == 401
    await guessed(edge, LIMIT - 1)
    assert (await edge.ask(HERE, token, x_forwarded_for="203.0.113.7")).status_code == 429


async def test_it_stands_in_the_log_without_the_credential(edge: Edge, world: World) -> None:
    token, sid = guess(), secrets.token_urlsafe(32)
    with structlog.testing.capture_logs() as entries:
        await edge.ask(HERE, token, x_forwarded_for="203.0.113.7")
        await edge.ask(HERE, cookie=f"vdept={sid}", x_forwarded_for="2001:db8::1")
        await guessed(edge, LIMIT + 3)
    told = [(e["event"], e["address"], e["kind"]) for e in entries if "address" in e]
    assert told[:2] == [
        ("credential refused", "203.0.113.7", "bearer"),
        ("credential refused", "2001:db8::/64", "cookie"),
    ]
    assert told.count(("credentials held up", "203.0.113.7", "bearer")) == 1, "said once a minute"
    assert len(told) == LIMIT + 2
    assert token not in str(entries)
    assert sid not in str(entries)


async def test_nothing_of_a_credential_is_kept(redis_url: str, edge: Edge, world: World) -> None:
    token = guess()
    await edge.ask(HERE, token, x_forwarded_for="203.0.113.7")
    kept = [(key, await edge.valkey.get(key)) for key in await edge.valkey.keys("*")]
    assert kept
    assert token not in str(kept)
    assert "203.0.113.7" not in str(kept)


# -- the memory ----------------------------------------------------------------------------------------


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(failures.time, "monotonic", clock.monotonic)
    return clock


def test_a_name_is_forgotten_when_its_time_is_over(clock: Clock) -> None:
    kept, renewed = Recent(60), Recent(60, renewed=True)
    for memory in (kept, renewed):
        assert [memory.see(b"a"), memory.see(b"a"), memory.times(b"b")] == [1, 2, 0]
    clock.now += 59
    assert [kept.see(b"a"), renewed.see(b"a")] == [3, 3]
    clock.now += 2
    assert [kept.times(b"a"), renewed.times(b"a")] == [0, 3]
    assert kept.see(b"a") == 1
    renewed.forget(b"a")
    assert renewed.times(b"a") == 0


def test_the_memory_is_bounded(clock: Clock) -> None:
    memory = Recent(60, most=100)
    for number in range(1000):
        memory.see(str(number).encode())
    assert len(memory) == 100
    assert [memory.times(b"899"), memory.times(b"900")] == [0, 1]


async def test_a_known_credential_stays_known_while_it_is_used(clock: Clock) -> None:
    held = Failures(Throttle(None))
    known = Credential(CredentialKind.BEARER, "known")
    held.succeeded(known)
    for _ in range(5):
        clock.now += failures.GOOD_FOR - 1
        for number in range(LIMIT + 1):
            await held.failed("a", Credential(CredentialKind.BEARER, f"{clock.now} {number}"))
        assert await held.held_up("a", known) is None
        held.succeeded(known)
    clock.now += failures.GOOD_FOR
    for number in range(LIMIT + 1):
        await held.failed("a", Credential(CredentialKind.BEARER, f"last {number}"))
    assert await held.held_up("a", known) is not None


def test_a_credential_does_not_show_itself() -> None:
    assert "secret" not in repr(Credential(CredentialKind.BEARER, "secret"))
