"""Requests of the same moment go together, and each has its own answer or failure."""

import asyncio
from collections.abc import Sequence

import pytest

from vdept_graphql.gathering import Gathering


class OwnFault(Exception):
    pass


class Counter:
    """Doubles numbers; remembers which went together. A negative number is at fault itself."""

    def __init__(self, most: int = 100) -> None:
        self.served: list[list[int]] = []
        self.away = False
        self.open = asyncio.Event()
        self.open.set()
        self.ask = Gathering[str, int](self.double, own=(OwnFault,), most=most)

    async def double(self, _key: str, numbers: Sequence[int]) -> list[int]:
        self.served.append(list(numbers))
        await self.open.wait()
        if self.away:
            raise ConnectionError
        if min(numbers) < 0:
            raise OwnFault(*numbers)
        return [2 * number for number in numbers]

    def start(self, *numbers: int, key: str = "a") -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self.ask(key, number)) for number in numbers]


async def test_who_comes_while_nothing_goes_on_goes_alone_and_who_comes_meanwhile_goes_together() -> None:
    counter = Counter()
    assert await asyncio.gather(*counter.start(1, 2, 3, 4)) == [2, 4, 6, 8]
    assert await counter.ask("a", 5) == 10
    assert counter.served == [[1, 2, 3, 4], [5]]
    counter.open.clear()
    first = counter.start(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = counter.start(2, 3)
    await asyncio.sleep(0)
    counter.open.set()
    assert await asyncio.gather(*first, *others) == [2, 4, 6]
    assert counter.served[2:] == [[1], [2, 3]]


async def test_keys_do_not_wait_for_each_other() -> None:
    counter = Counter()
    counter.open.clear()
    waiting = counter.start(1, key="a") + counter.start(2, key="b")
    for _ in range(3):
        await asyncio.sleep(0)
    assert counter.served == [[1], [2]]
    counter.open.set()
    assert await asyncio.gather(*waiting) == [2, 4]


async def test_no_more_than_so_many_go_together() -> None:
    counter = Counter(most=2)
    assert await asyncio.gather(*counter.start(1, 2, 3, 4, 5)) == [2, 4, 6, 8, 10]
    assert counter.served == [[1, 2], [3, 4], [5]]


async def test_a_request_at_fault_spoils_nobody_elses() -> None:
    counter = Counter()
    got = await asyncio.gather(*counter.start(1, -2, 3), return_exceptions=True)
    assert [got[0], got[2]] == [2, 6]
    assert isinstance(got[1], OwnFault)
    assert got[1].args == (-2,)
    assert counter.served == [[1, -2, 3], [1], [-2], [3]]


async def test_what_is_away_is_away_for_everybody_at_once() -> None:
    counter = Counter()
    counter.away = True
    got = await asyncio.gather(*counter.start(1, 2, 3), return_exceptions=True)
    assert [type(one) for one in got] == [ConnectionError] * 3
    assert counter.served == [[1, 2, 3]]
    counter.away = False
    assert await counter.ask("a", 1) == 2


async def test_who_hangs_up_is_not_served_and_takes_nobody_along() -> None:
    counter = Counter()
    counter.open.clear()
    [first] = counter.start(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone, stays = counter.start(2, 3)
    await asyncio.sleep(0)
    gone.cancel()
    first.cancel()
    await asyncio.sleep(0)
    counter.open.set()
    assert await stays == 6
    assert counter.served == [[1], [3]]
    with pytest.raises(asyncio.CancelledError):
        await first
