"""Sustained single-value changes by eight writers, with and without the roll-up running beside them.

Each writer is a process that records one value a transaction through ``measurements.recording.record``.
References: the same with nobody rolling up; and with the parents locked in the writer's own transaction,
which is what the roll-up by a worker replaces: once keeping all the outcomes that the worker keeps, and once
moving a single sum of each parent, the least that any writer who locks would have to do.
"""

import asyncio
import multiprocessing
import random
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from bench import nation
from bench.harness import Figure, figure, main
from bench.servers import SYSTEM, fresh, owned, settle
from vdept.kernel.db import Database, Tx
from vdept.measurements.recording import record
from vdept.outcomes.rebuild import rebuild_plan
from vdept.outcomes.refresh import lock, refresh, roll_up
from vdept.targets.models import Basis
from vdept_workers.sweep import Sweeper

WRITERS, SECONDS, ROUNDS = 8, 4.0, 5
COMMUNES = 3_300
AS_OF = date(2026, 7, 1)
PROBED = 1000 + COMMUNES
"""The last commune is nobody's but the prober's."""

_LOCK_PARENTS = sa.text(
    """SELECT o.target_id, o.level FROM target_outcome o
    WHERE o.target_id IN (
        SELECT unnest(ARRAY[t.id, p.id, p.parent_id]) FROM target t JOIN target p ON p.id = t.parent_id
        WHERE t.unit_id = :unit AND t.key_result_id = :key_result)
    ORDER BY o.level, o.target_id FOR UPDATE"""
)
_MOVE_LEAF = sa.text(
    """UPDATE target_outcome SET own_measured_numerator = :n, measured_numerator = :n WHERE target_id = :id
    RETURNING coalesce(new.measured_numerator - old.measured_numerator, 0)"""
)
_MOVE_PARENTS = sa.text(
    """UPDATE target_outcome SET m_numerator = m_numerator + :by,
        measured_value = round(100 * (m_numerator + :by) / nullif(m_denominator, 0), 6)
    WHERE target_id = ANY(:ids)"""
)


async def _move_parents_here(tx: Tx, unit: int, key_result: int, numerator: int) -> None:
    """The least that a writer must do to keep its parents right by itself: lock them in order, add."""
    rows = (await tx.session.execute(_LOCK_PARENTS, {"unit": unit, "key_result": key_result})).all()
    leaf = next(r.target_id for r in rows if r.level == 2)
    by = await tx.session.scalar(_MOVE_LEAF, {"n": Decimal(numerator), "id": leaf})
    parents = [r.target_id for r in rows if r.level < 2]
    await tx.session.execute(_MOVE_PARENTS, {"by": by, "ids": parents})


async def _write(url: str, seed: int, roots: int, start: float, seconds: float, mode: str) -> int:
    database, dice, done = Database(url, pool_size=2), random.Random(seed), 0
    async with database.snapshot(SYSTEM) as tx:
        await tx.session.execute(sa.text("SELECT 1"))
    await asyncio.sleep(max(0.0, start - time.time()))
    while time.time() < start + seconds:
        unit, key_result, n = (
            1001 + dice.randrange(COMMUNES - 1),
            dice.randint(1, roots),
            dice.randrange(1000),
        )
        async with database.begin(SYSTEM) as tx:
            await record(
                tx,
                key_result,
                unit,
                basis=Basis.MEASURED,
                as_of=AS_OF,
                numerator=Decimal(n),
                denominator=Decimal(1000),
                source="bench",
            )
            if mode == "one sum":
                await _move_parents_here(tx, unit, key_result, n)
            elif mode == "outcomes":
                await lock(tx.session, 1)
                await roll_up(tx)
        done += 1
    await database.close()
    return done


def _writer(arguments: tuple[str, int, int, float, float, str]) -> int:
    return asyncio.run(_write(*arguments))


async def _sweep(url: str, start: float, seconds: float) -> None:
    database = Database(url, pool_size=4)
    with suppress(TimeoutError):
        await asyncio.wait_for(Sweeper(database, refresh).run(), start + seconds - time.time())
    await database.close()


def _sweeper(arguments: tuple[str, float, float]) -> int:
    asyncio.run(_sweep(*arguments))
    return 0


async def _probe(url: str, start: float, seconds: float) -> list[float]:
    """Milliseconds from a value's commit until the outcomes stand on it, again and again."""
    database, took, n = Database(url, pool_size=2), [], 0
    applied = sa.text(
        "SELECT own_measured_numerator FROM target_outcome WHERE unit_id = :u AND key_result_id = 1"
    )
    await asyncio.sleep(max(0.0, start + 1.2 - time.time()))  # past the pause of a worker with nothing to do
    while time.time() < start + seconds - 0.4:
        n += 1
        async with database.begin(SYSTEM) as tx:
            await record(
                tx,
                1,
                PROBED,
                basis=Basis.MEASURED,
                as_of=AS_OF,
                numerator=Decimal(n),
                denominator=Decimal(1000),
                source="probe",
            )
        committed = time.perf_counter()
        async with database.engine.connect() as connection:
            while await connection.scalar(applied, {"u": PROBED}) != n:
                await connection.rollback()
                await asyncio.sleep(0.02)
        took.append((time.perf_counter() - committed) * 1000)
    await database.close()
    return took


def _prober(arguments: tuple[str, float, float]) -> list[float]:
    return asyncio.run(_probe(*arguments))


async def bench() -> list[Figure]:
    figures = []
    for roots in (1, 20):
        async with fresh(f"bench_sustained_{roots}") as (database, servers):
            async with owned(database) as owner, owner.begin(SYSTEM) as tx:
                await nation.units(tx.session, provinces=34, communes=COMMUNES)
                await nation.plan(tx.session, key_results=roots)
                await nation.targets(tx.session)
                await nation.measurements(tx.session)
            await settle(database)
            async with database.begin(SYSTEM) as tx:
                await rebuild_plan(tx, 1)
            await settle(database)
            figures += await _rates(database, servers.database_url, roots)
            async with database.begin(SYSTEM) as tx:
                await lock(tx.session, 1)
                assert (await rebuild_plan(tx, 1)).total == 0, "incremental and rebuilt differ"
    return figures


async def _rates(database: Database, url: str, roots: int) -> list[Figure]:
    """Rounds of: nobody rolls up, the worker does, the writers lock; each drained to the end."""
    rates: dict[str, list[float]] = {"alone": [], "worker": [], "one sum": [], "outcomes": []}
    waits: list[float] = []
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(WRITERS + 2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for round_number in range(ROUNDS + 1):
            for mode, measured in rates.items():
                start = time.time() + (4.0 if round_number == 0 else 1.0)
                jobs = [
                    loop.run_in_executor(
                        pool, _writer, (url, round_number * 100 + i, roots, start, SECONDS, mode)
                    )
                    for i in range(WRITERS)
                ]
                beside = []
                if mode == "worker":
                    beside = [
                        loop.run_in_executor(pool, _sweeper, (url, start, SECONDS)),
                        loop.run_in_executor(pool, _prober, (url, start, SECONDS)),
                    ]
                done = sum(await asyncio.gather(*jobs))
                others = await asyncio.gather(*beside)
                if round_number:
                    measured.append(done / SECONDS)
                    waits += others[1] if beside else []
                while (await refresh(database)).changes:
                    pass
                if mode == "one sum":
                    async with database.begin(SYSTEM) as tx:
                        await rebuild_plan(tx, 1)
    middle = {mode: statistics.median(measured) for mode, measured in rates.items()}
    p99 = statistics.quantiles(waits, n=100)[98]
    name = "one hot root" if roots == 1 else f"{roots} roots"
    return [
        figure(
            f"changes, 8 writers, {name}: rolled up by the worker / not at all",
            middle["worker"],
            middle["alone"],
            "changes/s",
            ">= 0.8",
        ),
        figure(
            f"changes, 8 writers, {name}: rolled up by the worker / the same outcomes by the writer, locking",
            middle["worker"],
            middle["outcomes"],
            "changes/s",
            ">= 5",
        ),
        figure(
            f"changes, 8 writers, {name}: rolled up by the worker / one sum a parent by the writer, locking",
            middle["worker"],
            middle["one sum"],
            "changes/s",
            ">= 5",
        ),
        figure(f"changes, 8 writers, {name}: root right, p99 / 300 ms", p99, 300.0, "ms", "<= 1"),
    ]


if __name__ == "__main__":
    main(bench)
