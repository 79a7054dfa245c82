"""Reminders that are due become inbox entries: how fast, beside an old snapshot, and how late at most.

A million reminders of a quarter of a million tasks to 33,210 persons fall due in the same second, and two
worker processes deliver them with the worker's own loop, durable commits and all. Beside it the same for
persons who have e-mail switched off, and while another session holds a snapshot from before.
"""

import asyncio
import contextlib
import multiprocessing
import statistics
import time
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from bench import nation
from bench.harness import Figure, figure, main
from bench.servers import SYSTEM, fresh, owned, vacuum
from vdept.deadlines.delivering import deliver
from vdept.kernel.db import Database, Tx
from vdept_workers.reminding import Delivering

TASKS, PROVINCES, COMMUNES = 250_000, 34, 3_321
PERSONS = 10 * COMMUNES
REMINDERS = 4 * TASKS
WORKERS, ROUNDS = 2, 3
DUE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TRICKLE, SECONDS = 2_000, 30

_SEED = (
    "SET LOCAL session_replication_role = replica",
    """INSERT INTO person (id, name, email, sort_key, search) OVERRIDING SYSTEM VALUE
    SELECT i, 'Nguyễn Văn ' || i, 'p' || i || '@example.vn', 'van ' || i, 'nguyen van ' || i
    FROM generate_series(1, CAST(:persons AS int)) i""",
    """INSERT INTO task (id, title, search, kind, audience, state, owner_unit_id, lead_unit_id, created_at,
        updated_at, due_on, original_due_on) OVERRIDING SYSTEM VALUE
    SELECT i, 'Nhiệm vụ ' || i, 'nhiem vu ' || i, 'ROUTINE', 'GOVERNMENT', 'IN_PROGRESS', 1,
        1001 + i % CAST(:communes AS int), now(), now(), '2026-03-05', '2026-03-05'
    FROM generate_series(1, CAST(:tasks AS int)) i""",
    """INSERT INTO membership (person_id, unit_id, role, starts_on)
    SELECT i, 1001 + i % CAST(:communes AS int),
        CASE (i - 1) / CAST(:communes AS int) WHEN 9 THEN 'COORDINATOR' ELSE 'MEMBER' END, '2025-01-01'
    FROM generate_series(1, CAST(:persons AS int)) i""",
    """CREATE TABLE bench_due AS
    SELECT i AS task_id, 1001 + u AS unit_id, CASE place WHEN 9 THEN 'LEAD_COORDINATOR' ELSE 'ASSIGNEES' END
            AS recipient, CASE u WHEN 0 THEN CAST(:communes AS int) ELSE u END
            + CAST(:communes AS int) * place AS person_id
    FROM generate_series(1, CAST(:tasks AS int)) i, LATERAL (SELECT i % CAST(:communes AS int) AS u) unit,
        LATERAL (SELECT 9 AS place UNION ALL
            SELECT (i / CAST(:communes AS int) + j) % 9 FROM generate_series(0, 2) j) placed""",
    """INSERT INTO assignee (task_id, person_id, unit_id, assigned_at)
    SELECT task_id, person_id, unit_id, now() FROM bench_due WHERE recipient = 'ASSIGNEES'""",
)
EMPTY = "TRUNCATE reminder, reminder_batch, notification, mail_queue, webhook_delivery RESTART IDENTITY"
_REMIND = """INSERT INTO reminder (subject, subject_id, due_on, step, recipient_id, recipient, unit_id,
        scheduled_on, due_at)
    SELECT 'TASK', task_id, '2026-03-05', CAST(:step AS smallint), person_id, recipient, unit_id,
        '2026-03-02', :due
    FROM bench_due ORDER BY task_id LIMIT :count"""
_BATCH = """INSERT INTO reminder_batch (first_id, last_id, due_at)
    SELECT min(id), max(id), :due FROM reminder GROUP BY (id - 1) / 1000 ORDER BY 1"""
_TRICKLE = (
    """CREATE TEMPORARY TABLE instant ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY at) AS id, at
    FROM (SELECT CAST(:start AS timestamptz) + random() * make_interval(secs => :seconds) AS at
        FROM generate_series(1, CAST(:count AS int))) drawn""",
    "UPDATE reminder r SET due_at = i.at FROM instant i WHERE i.id = r.id",
    """INSERT INTO reminder_batch (first_id, last_id, due_at) SELECT id, id, at FROM instant ORDER BY id""",
)
_EMAIL_OFF = "INSERT INTO notification_preference (person_id, email) SELECT id, false FROM person"
_COUNT = sa.text(
    """SELECT (SELECT count(*) FROM notification), (SELECT count(DISTINCT origin_id) FROM notification),
    (SELECT count(*) FROM reminder), (SELECT count(*) FROM reminder_batch WHERE delivered_at IS NULL)"""
)


async def _drain(url: str, start: float) -> float:
    """Deliver all that is due; the instant when there was nothing left."""
    database = Database(url, pool_size=2)
    await deliver(database, now=DUE - timedelta(days=9))  # connected, and its statement known
    await asyncio.sleep(max(0.0, start - time.time()))
    while (await deliver(database, now=DUE)).more:
        pass
    done = time.time()
    await database.close()
    return done


def _drainer(arguments: tuple[str, float]) -> float:
    return asyncio.run(_drain(*arguments))


async def _work(url: str, until: float) -> None:
    """The worker's own loop, in real time."""
    database = Database(url, pool_size=6)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(Delivering(database, "bench").run(), until - time.time())
    await database.close()


def _worker(arguments: tuple[str, float]) -> None:
    asyncio.run(_work(*arguments))


@contextlib.asynccontextmanager
async def _old_snapshot(database: Database, *, held: bool) -> AsyncIterator[None]:
    """Another session that looked at everything a while ago and has not ended."""
    async with database.snapshot(SYSTEM) as tx:
        if held:
            await tx.session.execute(sa.text("SELECT count(*) FROM reminder_batch"))
        yield


async def seed(owner: Database, tasks: int = TASKS) -> None:
    """Units, their people and tasks, and who is to be reminded of them."""
    async with owner.begin(SYSTEM) as tx:
        await nation.units(tx.session, provinces=PROVINCES, communes=COMMUNES)
        given = {"persons": PERSONS, "tasks": tasks, "communes": COMMUNES}
        for statement in _SEED:
            made = sa.text(statement)
            await tx.session.execute(made, {name: given[name] for name in made._bindparams})
    await vacuum(owner, "VACUUM ANALYZE")


async def _fill(owner: Database) -> None:
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text(EMPTY))
        await remind(tx, REMINDERS)
        await tx.session.execute(sa.text(_BATCH), {"due": DUE})
    await vacuum(owner, "CHECKPOINT")


async def remind(tx: Tx, count: int, due: datetime = DUE, step: int = -3) -> None:
    """So many reminders, without their batches."""
    await tx.session.execute(sa.text(_REMIND), {"due": due, "count": count, "step": step})


async def _rate(owner: Database, database: Database, url: str, *, held: bool = False) -> float:
    """Inbox entries a second; every reminder is proven to be there once."""
    await _fill(owner)
    loop = asyncio.get_running_loop()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        await _started(pool)
        async with _old_snapshot(database, held=held):
            start = time.time() + 1.0
            ends = await asyncio.gather(
                *[loop.run_in_executor(pool, _drainer, (url, start)) for _ in range(WORKERS)]
            )
    await _proven(owner, REMINDERS)
    return REMINDERS / (max(ends) - start)


async def _proven(owner: Database, count: int) -> None:
    async with owner.begin(SYSTEM) as tx:
        found = tuple((await tx.session.execute(_COUNT)).one())
    assert found == (count, count, found[2], 0), found


async def _started(pool: ProcessPoolExecutor) -> None:
    """Every process of the pool is there and has imported what it needs."""
    loop = asyncio.get_running_loop()
    await asyncio.gather(*[loop.run_in_executor(pool, time.sleep, 0.3) for _ in range(WORKERS)])


async def _lateness(owner: Database, url: str) -> float:
    """Seconds from due to inbox at p99, while reminders fall due one by one at random instants."""
    count = TRICKLE * SECONDS
    loop, context = asyncio.get_running_loop(), multiprocessing.get_context("spawn")
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text(EMPTY))
        await remind(tx, count)
    await vacuum(owner, "CHECKPOINT")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        await _started(pool)
        start = time.time() + 10.0
        until = start + SECONDS + 4
        given = {"start": datetime.fromtimestamp(start, UTC), "seconds": float(SECONDS), "count": count}
        async with owner.begin(SYSTEM) as tx:
            for statement in _TRICKLE:
                made = sa.text(statement)
                await tx.session.execute(made, {name: given[name] for name in made._bindparams})
        assert time.time() < start, "the reminders were not written in time"
        watching = asyncio.create_task(_watch(owner, until))
        await asyncio.gather(*[loop.run_in_executor(pool, _worker, (url, until)) for _ in range(WORKERS)])
        late = await watching
    await _proven(owner, count)
    assert len(late) == count
    return statistics.quantiles(late, n=100)[98]


async def _watch(owner: Database, until: float) -> list[float]:
    """Look at the inbox all the time: how late each entry was when it was first to be seen."""
    late: list[float] = []
    seen = 0
    batches: set[int] = set()
    closed = sa.text("SELECT id, due_at FROM reminder_batch WHERE delivered_at IS NOT NULL AND id > :after")
    while time.time() < until:
        async with owner.begin(SYSTEM) as tx:
            rows = (await tx.session.execute(closed, {"after": seen})).all()
        now = time.time()
        for row in rows:
            if row.id not in batches:
                batches.add(row.id)
                late.append(now - row.due_at.timestamp())
        while seen + 1 in batches:
            seen += 1
            batches.discard(seen)
        await asyncio.sleep(0.05)
    return late


async def bench() -> list[Figure]:
    async with fresh("bench_inbox") as (database, servers), owned(database) as owner:
        await seed(owner)
        url = servers.database_url
        rates: list[float] = []
        beside: list[float] = []
        ratios: list[float] = []
        for _ in range(ROUNDS):
            rates.append(await _rate(owner, database, url))
            beside.append(await _rate(owner, database, url, held=True))
            ratios.append(beside[-1] / rates[-1])
            print(f"   {rates[-1]:.0f}/s, beside an old snapshot {beside[-1]:.0f}/s", flush=True)
        late = await _lateness(owner, url)
        async with owner.begin(SYSTEM) as tx:
            await tx.session.execute(sa.text(_EMAIL_OFF))
        silent = [await _rate(owner, database, url) for _ in range(ROUNDS)]
    told = f"{REMINDERS:,} reminders due at once, 2 workers: inbox entries"
    return [
        figure(f"{told} / 40,000 a second", statistics.median(rates), 40_000, "1/s", ">= 1"),
        figure(
            f"{told} to persons without e-mail / 40,000 a second",
            statistics.median(silent),
            40_000,
            "1/s",
            ">= 1",
        ),
        figure(
            f"{told} beside an old snapshot / without",
            statistics.median(beside),
            statistics.median(rates),
            "1/s",
            ">= 0.75",
            statistics.median(ratios),
        ),
        figure(
            f"reminders due one by one, {TRICKLE:,} a second: due to inbox, p99 / 2 s", late, 2, "s", "<= 1"
        ),
    ]


if __name__ == "__main__":
    main(bench)
