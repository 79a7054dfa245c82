"""What is added up incrementally is what a rebuild computes and what the rules say, to the last digit."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from factories import NOW, SYSTEM
from outcome_events import (
    EVENTS,
    START,
    Country,
    measure,
    redefine,
    share_a_task,
    steer,
    take_part,
    work,
)
from outcome_model import disagreements
from vdept.kernel.db import Database
from vdept.outcomes.rebuild import rebuild_plan
from vdept.outcomes.refresh import reevaluate, refresh
from vdept.targets.models import KeyResult, Target

DERIVED = ("target_outcome", "unit_outcome", "participation_outcome")


async def founded(db: Database, seed: int) -> Country:
    country = Country(seed)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await country.found(tx)
    return country


async def drain(db: Database) -> None:
    while (await refresh(db, now=NOW)).changes:
        pass


async def rewritten(db: Database, country: Country) -> int:
    async with db.begin(SYSTEM, now=NOW) as tx:
        return (await rebuild_plan(tx, country.plan_id)).total


async def wrong(db: Database, country: Country) -> list[str]:
    async with db.snapshot(SYSTEM) as tx:
        return await disagreements(tx.session, country.plan_id)


async def dump(db: Database) -> dict[str, set[Any]]:
    """All derived rows, but for the zeros of units that no longer add anything up."""
    async with db.snapshot(SYSTEM) as tx:
        out = {}
        for table in DERIVED:
            rows = await tx.session.execute(sa.text(f"SELECT * FROM {table}"))
            out[table] = {tuple(row) for row in rows if table != "unit_outcome" or any(row[2:])}
        return out


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_increments_rebuild_and_rules_agree(db: Database, seed: int) -> None:
    country = await founded(db, seed)
    day = START - timedelta(5)
    await drain(db)
    for _ in range(12):
        for _ in range(country.random.randint(1, 15)):
            async with db.begin(SYSTEM, now=NOW) as tx:
                await country.random.choice(EVENTS)(country, tx)
        if country.random.random() < 0.4:  # the calendar may move while changes are waiting
            day += timedelta(country.random.randint(1, 60))
            await reevaluate(db, as_of=day)
        country.today = max(day, NOW.date())
        await drain(db)
        assert await wrong(db, country) == []
        assert await rewritten(db, country) == 0
    stored = await dump(db)
    async with db.begin(SYSTEM) as tx:
        for table in DERIVED:
            await tx.session.execute(sa.text(f"DELETE FROM {table}"))
    assert await rewritten(db, country) > 0
    assert await dump(db) == stored


async def test_a_target_withdrawn_before_the_first_roll_up_leaves_nothing_to_rewrite(db: Database) -> None:
    country = await founded(db, 1)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.text("UPDATE target SET state = 'WITHDRAWN'"))
    await drain(db)
    assert await wrong(db, country) == []
    assert await rewritten(db, country) == 0


async def test_a_phased_pace_through_thirds_is_exact_to_the_last_digit(db: Database) -> None:
    country = await founded(db, 1)
    phases = [{"by": str(START + timedelta(d)), "value": str(d // 30 + 1)} for d in (10, 41, 101, 131, 161)]
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(
            sa.update(KeyResult).values(milestones=phases, value=7, baseline=0, value_high=None)
        )
        await tx.session.execute(sa.update(Target).values(starts_on=START))
    await drain(db)
    for days in range(8, 165, 6):
        await reevaluate(db, as_of=START + timedelta(days))
    assert await wrong(db, country) == []


async def test_sums_beyond_any_single_value_do_not_stop_the_roll_up(db: Database) -> None:
    country = await founded(db, 2)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(KeyResult).values(rollup="SUM"))
        await tx.session.execute(
            sa.text(
                "INSERT INTO measurement (indicator_id, unit_id, basis, as_of, value, source, recorded_at) "
                "SELECT i.id, u.id, 'MEASURED', '2026-01-02', 999999999999999999, 'test', now() "
                "FROM indicator i, unit u WHERE u.parent_id IS NOT NULL"
            )
        )
    await drain(db)
    assert await wrong(db, country) == []


# Several workers, and workers that die -------------------------------------------------------------------


async def test_many_workers_refreshing_while_writers_write_end_equal_to_a_rebuild(database_url: str) -> None:
    db = Database(database_url, pool_size=24)
    try:
        country = await founded(db, 77)
        writing = True

        async def writer(number: int) -> None:
            events = (measure, measure, work, take_part)
            for _ in range(60):
                async with db.begin(SYSTEM, now=NOW) as tx:
                    await events[country.random.randrange(len(events))](country, tx)
                    await asyncio.sleep(country.random.random() / 200)  # others commit meanwhile

        async def worker() -> int:
            done = 0
            while writing:
                done += (await refresh(db, now=NOW)).changes
                await asyncio.sleep(0)
            return done

        async with db.begin(SYSTEM, now=NOW) as tx:
            for _ in range(10):
                await share_a_task(country, tx)
        workers = [asyncio.create_task(worker()) for _ in range(4)]
        await asyncio.gather(*(writer(n) for n in range(6)))
        writing = False
        drained = sum(await asyncio.gather(*workers))
        assert drained > 0
        await drain(db)
        assert await wrong(db, country) == []
        assert await rewritten(db, country) == 0
    finally:
        await db.close()


async def waiting(db: Database) -> int:
    async with db.snapshot(SYSTEM) as tx:
        return await tx.session.scalar(sa.text("SELECT count(*) FROM outcome_change")) or 0


async def eventful(db: Database, country: Country) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        for act in (share_a_task, share_a_task, measure, measure, work, take_part, steer, redefine):
            await act(country, tx)


async def test_a_refresh_that_dies_after_any_statement_loses_nothing_and_repeats_nothing(
    database_url: str,
) -> None:
    country, fatal, survived = None, 0, False
    while not survived:
        fatal += 1
        db = Database(database_url, pool_size=2)  # a new worker process, with nothing prepared yet
        country = country or await founded(db, 5)
        await eventful(db, country)
        before, queued, left = await dump(db), await waiting(db), fatal

        def die(*_: Any) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise RuntimeError("power cut")

        sa.event.listen(db.engine.sync_engine, "after_cursor_execute", die)
        try:
            await refresh(db, now=NOW)
            survived = True
        except RuntimeError:
            assert await dump(db) == before
            assert await waiting(db) == queued
        sa.event.remove(db.engine.sync_engine, "after_cursor_execute", die)
        await drain(db)  # the same worker goes on, on the same connection
        assert await wrong(db, country) == []
        assert await rewritten(db, country) == 0
        await db.close()
    assert fatal > 8  # every statement of a refresh over three levels has been the last one once


async def test_a_worker_whose_connection_is_cut_in_the_middle_of_a_level_leaves_all_to_the_next(
    db: Database, owner: Database
) -> None:
    country = await founded(db, 6)
    await drain(db)
    await eventful(db, country)
    before, queued = await dump(db), await waiting(db)
    async with db.begin(SYSTEM) as holder:
        await holder.session.execute(sa.text("SELECT 1 FROM target_outcome WHERE level = 0 FOR UPDATE"))
        doomed = asyncio.create_task(refresh(db, now=NOW))
        cut = sa.text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        async with owner.snapshot(SYSTEM) as tx:
            for _ in range(500):
                if (await tx.session.execute(cut)).all():
                    break
                await asyncio.sleep(0.02)
        with pytest.raises(sa.exc.DBAPIError):
            await doomed
    assert await dump(db) == before
    assert await waiting(db) == queued
    await drain(db)
    assert await wrong(db, country) == []
    assert await rewritten(db, country) == 0
