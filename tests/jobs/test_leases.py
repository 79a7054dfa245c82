"""A job has one holder at a time; an orphan is taken over, and its late effect is refused."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from factories import SYSTEM
from vdept.kernel import leases
from vdept.kernel.db import Database
from vdept.kernel.leases import LeaseLostError, acquire, held, living, release, renew, still_mine

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
TTL = timedelta(seconds=10)


async def take(db: Database, holder: str, now: datetime) -> int | None:
    async with db.begin(SYSTEM) as tx:
        return await acquire(tx.session, "scan", holder, TTL, now)


async def test_the_first_comer_holds_the_lease_and_the_second_does_not(db: Database) -> None:
    assert await take(db, "a", NOW) == 1
    assert await take(db, "b", NOW) is None
    assert await take(db, "a", NOW) is None


async def test_an_orphan_is_taken_over_when_its_time_is_up_and_not_before(db: Database) -> None:
    await take(db, "a", NOW)
    assert await take(db, "b", NOW + TTL - timedelta(microseconds=1)) is None
    assert await take(db, "b", NOW + TTL) == 2


async def test_a_renewed_lease_is_not_taken_over(db: Database) -> None:
    token = await take(db, "a", NOW)
    assert token is not None
    async with db.begin(SYSTEM) as tx:
        assert await renew(tx.session, "scan", token, TTL, NOW + timedelta(seconds=9))
    assert await take(db, "b", NOW + timedelta(seconds=18)) is None
    assert await take(db, "b", NOW + timedelta(seconds=19)) == 2


async def test_a_released_lease_is_free_at_once_and_its_token_never_comes_again(db: Database) -> None:
    token = await take(db, "a", NOW)
    assert token is not None
    async with db.begin(SYSTEM) as tx:
        assert await release(tx.session, "scan", token, NOW)
    assert await take(db, "b", NOW) == 2


async def test_who_was_taken_over_can_neither_renew_nor_release_nor_write(db: Database) -> None:
    old = await take(db, "a", NOW)
    assert old is not None
    assert await take(db, "b", NOW + TTL) == 2
    async with db.begin(SYSTEM) as tx:
        assert not await renew(tx.session, "scan", old, TTL, NOW + TTL)
        assert not await release(tx.session, "scan", old, NOW + TTL)
        assert not await still_mine(tx.session, "scan", old)
        assert await still_mine(tx.session, "scan", 2)
    with pytest.raises(LeaseLostError):
        async with db.begin(SYSTEM) as tx:
            await leases.Lease("scan", old).require(tx)


async def test_one_that_ran_out_untaken_is_still_its_holders(db: Database) -> None:
    token = await take(db, "a", NOW)
    assert token is not None
    async with db.begin(SYSTEM) as tx:
        assert await renew(tx.session, "scan", token, TTL, NOW + timedelta(hours=1))
    assert await take(db, "b", NOW + timedelta(hours=1)) is None


async def test_a_take_over_waits_for_the_effect_that_is_being_written(db: Database) -> None:
    token = await take(db, "a", NOW)
    assert token is not None
    order: list[str] = []

    async def take_over() -> None:
        assert await take(db, "b", NOW + TTL) == 2
        order.append("taken over")

    async with db.begin(SYSTEM) as tx:
        assert await still_mine(tx.session, "scan", token)
        second = asyncio.create_task(take_over())
        await asyncio.sleep(0.2)
        order.append("effect written")
    await second
    assert order == ["effect written", "taken over"]


async def test_of_many_who_ask_at_once_one_gets_it(db: Database) -> None:
    tokens = await asyncio.gather(*(take(db, str(i), NOW) for i in range(8)))
    assert [token for token in tokens if token is not None] == [1]


async def test_a_held_lease_is_renewed_while_the_work_lasts_and_given_up_after_it(db: Database) -> None:
    short = timedelta(seconds=0.6)
    async with held(db, "long work", "a", short) as lease:
        assert lease is not None
        await asyncio.sleep(1.0)
        async with held(db, "long work", "b", short) as second:
            assert second is None
        async with db.begin(SYSTEM) as tx:
            await lease.require(tx)
            assert await living(tx.session, "long") == ["a"]
    async with held(db, "long work", "b", short) as next_one:
        assert next_one is not None
        assert next_one.token == 2


async def test_a_failure_in_the_work_gives_the_lease_up_too(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with held(db, "work", "a"):
            _ = 1 // 0
    async with held(db, "work", "b") as lease:
        assert lease is not None


async def test_old_heartbeats_are_forgotten_and_jobs_are_not(db: Database) -> None:
    async with db.begin(SYSTEM) as tx:
        for name in ("worker:1", "worker:2", "scan"):
            await acquire(tx.session, name, name, TTL, NOW - timedelta(days=400))
        await acquire(tx.session, "worker:3", "worker:3", TTL)
        await leases.forget(tx.session, "worker:")
    async with db.begin(SYSTEM) as tx:
        assert await living(tx.session, "worker:") == ["worker:3"]
        assert await acquire(tx.session, "worker:1", "x", TTL, NOW) == 1
        assert await acquire(tx.session, "scan", "x", TTL, NOW) == 2
