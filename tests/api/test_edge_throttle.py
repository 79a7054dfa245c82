"""Limits by key: so many at once, earned back evenly, whether Valkey counts or the process itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import redis.asyncio
from hypothesis import given
from hypothesis import strategies as st

from vdept_graphql import throttle
from vdept_graphql.throttle import Throttle, Wait

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
async def valkey(redis_url: str) -> AsyncIterator[Any]:
    client = redis.asyncio.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture(params=["shared", "own"])
async def limits(request: pytest.FixtureRequest, valkey: Any) -> Throttle:
    return Throttle(valkey if request.param == "shared" else None)


class Clock:
    """A monotonic clock that only moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


async def test_the_limit_may_be_spent_at_once_and_not_one_more(limits: Throttle) -> None:
    assert [await limits.allow("a", limit=3, per=HOUR) for _ in range(3)] == [None] * 3
    wait = await limits.allow("a", limit=3, per=HOUR)
    assert wait is not None
    assert 1195 <= wait <= 1200
    assert wait.headers == {"Retry-After": str(int(wait))}
    assert await limits.allow("b", limit=3, per=HOUR) is None


async def test_what_was_refused_costs_nothing_and_looking_costs_nothing(limits: Throttle) -> None:
    assert await limits.allow("a", limit=10, per=HOUR, cost=8) is None
    assert await limits.allow("a", limit=10, per=HOUR, cost=3) is not None
    assert await limits.room("a", limit=10, per=HOUR, cost=2) is None
    assert await limits.allow("a", limit=10, per=HOUR, cost=2) is None
    assert await limits.room("a", limit=10, per=HOUR) is not None


async def test_a_cost_above_the_limit_is_the_whole_limit(limits: Throttle) -> None:
    assert await limits.allow("a", limit=10, per=HOUR, cost=1_000_000) is None
    wait = await limits.allow("a", limit=10, per=HOUR, cost=1_000_000)
    assert wait is not None
    assert wait <= 3600


@given(clock=st.floats(0, 1e9), limit=st.integers(1, 10**9))
async def test_the_whole_limit_may_be_spent_at_any_time_of_the_clock(clock: float, limit: int) -> None:
    limits = Throttle(None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(throttle.time, "monotonic", lambda: clock)
        assert await limits.allow("a", limit=limit, per=HOUR, cost=limit) is None
        assert await limits.allow("a", limit=limit, per=HOUR, cost=limit) == 3600


async def test_it_says_what_is_left_and_when_all_of_it_is_back(limits: Throttle) -> None:
    first = await limits.spend("a", limit=600_000, per=MINUTE, cost=150_000)
    assert (first.wait, first.reset) == (None, 15)
    assert 450_000 <= first.remaining <= 450_100
    refused = await limits.spend("a", limit=600_000, per=MINUTE, cost=500_000)
    assert refused.wait is not None
    assert refused.remaining >= 450_000


async def test_it_is_earned_back_evenly(limits: Throttle) -> None:
    for _ in range(2):
        assert await limits.allow("a", limit=2, per=timedelta(seconds=0.4)) is None
    assert await limits.allow("a", limit=2, per=timedelta(seconds=0.4)) == 1
    await asyncio.sleep(0.21)
    assert await limits.allow("a", limit=2, per=timedelta(seconds=0.4)) is None
    assert await limits.allow("a", limit=2, per=timedelta(seconds=0.4)) == 1


async def test_processes_share_their_limits_and_a_race_has_one_winner(valkey: Any) -> None:
    both = Throttle(valkey), Throttle(valkey)
    answers = await asyncio.gather(*[both[n % 2].allow("a", limit=5, per=HOUR) for n in range(40)])
    assert sum(answer is None for answer in answers) == 5


async def test_what_is_kept_names_nobody_and_goes_by_itself(valkey: Any) -> None:
    await Throttle(valkey).allow("link:lan@hue.gov.vn", limit=2, per=HOUR)
    await Throttle(valkey).room("looked at only", limit=2, per=HOUR)
    [key] = await valkey.keys("*")
    assert key.startswith(b"throttle:")
    assert b"lan" not in key
    assert 0 < await valkey.pttl(key) <= 1_800_000


async def test_without_valkey_each_process_counts_for_itself_and_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere = redis.asyncio.from_url("redis://127.0.0.1:1")
    limits = Throttle(nowhere)
    assert [await limits.allow("a", limit=2, per=HOUR) for _ in range(2)] == [None, None]
    assert await limits.allow("a", limit=2, per=HOUR) is not None
    await nowhere.aclose()


async def test_a_valkey_that_hangs_holds_a_request_up_once_and_briefly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    client = redis.asyncio.from_url(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    monkeypatch.setattr(throttle, "PATIENCE", 0.05)
    limits = Throttle(client)
    started = time.monotonic()
    assert [await limits.allow("a", limit=2, per=HOUR) for _ in range(3)][:2] == [None, None]
    assert time.monotonic() - started < 2
    assert limits._away_until > started
    await client.aclose()
    server.close()


async def test_valkey_is_asked_again_after_a_while(valkey: Any) -> None:
    limits = Throttle(valkey)
    limits._away_until = time.monotonic() + 60
    await limits.allow("a", limit=2, per=HOUR)
    assert await valkey.keys("*") == []
    limits._away_until = 0
    await limits.allow("a", limit=2, per=HOUR)
    assert len(await valkey.keys("*")) == 1


async def test_a_process_counts_a_bounded_number_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "KEPT", 100)
    limits = Throttle(None)
    for number in range(1000):
        await limits.allow(f"address {number}", limit=1, per=HOUR)
    assert len(limits._own) == 100
    assert await limits.allow("address 999", limit=1, per=HOUR) is not None


@given(
    steps=st.lists(st.tuples(st.floats(0, 20), st.integers(1, 12)), min_size=1, max_size=60),
    limit=st.integers(1, 10),
)
async def test_in_no_stretch_of_time_more_than_the_limit_and_what_is_earned_in_it(
    steps: list[tuple[float, int]], limit: int
) -> None:
    clock = Clock()
    limits = Throttle(None)
    spent: list[tuple[float, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(throttle.time, "monotonic", clock.monotonic)
        for pause, cost in steps:
            clock.now += pause
            wait = await limits.allow("a", limit=limit, per=MINUTE, cost=cost)
            if wait is None:
                spent.append((clock.now, min(cost, limit)))
            else:
                assert isinstance(wait, Wait)
                assert wait >= 1
    for start in range(len(spent)):
        total = 0
        for at, cost in spent[start:]:
            total += cost
            assert total <= limit + limit * (at - spent[start][0]) / 60 + 0.001
