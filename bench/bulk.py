"""Record 10,000 measured values in one call, and see them rolled up within the following second.

The rate counts the whole act: judging every row, writing, the activity, the change rows, the commit; over
GraphQL also reading the request of more than a megabyte. The roll-up is timed from that commit until the
outcomes of all targets and units stand on the new values.
"""

import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from bench import nation
from bench.api import Client, official, operation, running
from bench.harness import Figure, figure, main
from bench.servers import SYSTEM, fresh, owned, settle
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.measurements.bulk import Row, record_many
from vdept.outcomes.rebuild import rebuild_plan
from vdept.outcomes.refresh import lock, refresh
from vdept.targets.models import Basis
from vdept_graphql.ids import encode

ROWS, RUNS, RATE, SECOND = 10_000, 7, 20_000.0, 1_000.0
COMMUNES, INDICATORS = 3_321, 20
AS_OF = date(2026, 7, 1)
MUTATION = """mutation ($input: RecordMeasurementsInput!) {
    recordMeasurements(input: $input) { count errors { code message path } }
}"""

Record = Callable[[int], Awaitable[None]]


async def bench() -> list[Figure]:
    async with fresh("bench_bulk") as (database, servers):
        async with owned(database) as owner, owner.begin(SYSTEM) as tx:
            await nation.units(tx.session, provinces=34, communes=COMMUNES)
            await nation.plan(tx.session, key_results=INDICATORS)
            await nation.targets(tx.session)
            await nation.measurements(tx.session)
        await settle(database)
        async with database.begin(SYSTEM) as tx:
            await rebuild_plan(tx, 1)
        await settle(database)
        actor, token = await official(database, 1)
        async with running(servers, token) as client:
            figures = [
                *await _figures("core", database, _by_core(database, actor)),
                *await _figures("GraphQL", database, _by_graphql(client)),
            ]
        async with database.begin(SYSTEM) as tx:
            await lock(tx.session, 1)
            assert (await rebuild_plan(tx, 1)).total == 0, "incremental and rebuilt differ"
        return figures


async def _figures(way: str, database: Database, record: Record) -> list[Figure]:
    rates, waits = [], []
    for run in range(RUNS + 1):
        start = time.perf_counter()
        await record(run)
        committed = time.perf_counter()
        applied = 0
        while changes := (await refresh(database)).changes:
            applied += changes
        rolled_up = time.perf_counter()
        assert applied == ROWS, applied
        await _require_rolled_up(database, run)
        if run:
            rates.append(ROWS / (committed - start))
            waits.append((rolled_up - committed) * 1000)
    return [
        figure(
            f"record 10,000 measurements, {way}: rows/s / 20,000",
            statistics.median(rates),
            RATE,
            "rows/s",
            ">= 1",
        ),
        figure(
            f"record 10,000 measurements, {way}: rolled up after / 1 s",
            statistics.median(waits),
            SECOND,
            "ms",
            "<= 1",
        ),
    ]


def _numbers(run: int) -> list[tuple[int, int, int]]:
    """Indicator, unit and numerator of every row: three indicators in all communes, part of a fourth."""
    return [(1 + i // COMMUNES, 1001 + i % COMMUNES, (i * 7919 + run * 104_729) % 1000) for i in range(ROWS)]


def _by_core(database: Database, actor: Actor) -> Record:
    async def record(run: int) -> None:
        async with database.begin(actor) as tx:
            done = await record_many(tx, rows[run])
        assert done.count == ROWS

    rows = [
        [
            Row(
                indicator_id=indicator,
                unit_id=unit,
                basis=Basis.REPORTED,
                as_of=AS_OF,
                numerator=Decimal(n),
                denominator=Decimal(1000),
                source="bench",
            )
            for indicator, unit, n in _numbers(run)
        ]
        for run in range(RUNS + 1)
    ]
    return record


def _by_graphql(client: Client) -> Record:
    async def record(run: int) -> None:
        answer = client.post("/graphql", bodies[run])
        assert f'"count":{ROWS},'.encode() in answer, answer[:500]

    bodies = [operation(MUTATION, {"input": {"rows": _inputs(run)}}) for run in range(RUNS + 1)]
    return record


def _inputs(run: int) -> list[dict[str, str]]:
    return [
        {
            "indicatorId": encode("Indicator", indicator),
            "unitId": encode("Unit", unit),
            "basis": "REPORTED",
            "asOf": AS_OF.isoformat(),
            "numerator": str(n),
            "denominator": "1000",
            "source": "bench",
        }
        for indicator, unit, n in _numbers(run)
    ]


async def _require_rolled_up(database: Database, run: int) -> None:
    """The nation's outcome of the first indicator is the sum of what was just recorded."""
    expected = sum(n for indicator, _, n in _numbers(run) if indicator == 1)
    query = sa.text(
        "SELECT reported_numerator, reported_denominator FROM target_outcome "
        "WHERE key_result_id = 1 AND level = 0"
    )
    async with database.snapshot(SYSTEM) as tx:
        found = tuple((await tx.session.execute(query)).one())
    assert found == (expected, COMMUNES * 1000), found


if __name__ == "__main__":
    main(bench)
