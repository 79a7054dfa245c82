"""What a province's program pushes: 10,000 values in one call, and values one by one.

Whole requests over HTTP with a client's access token, every row judged, an idempotency key each. Single
values come over sixteen connections at once, each waiting for its answer. Their rate is that of two cores:
what the API's process and the database's processes take of the processors for one push, twice a second over.
The program that pushes has cores of its own, and here it has not.
"""

import asyncio
import base64
import contextlib
import statistics
import time
from urllib.parse import urlencode

import msgspec
import psutil
import sqlalchemy as sa
from litestar import Litestar, Response, get

from bench import nation
from bench.api import Client, official, operation, running
from bench.harness import Figure, figure, main
from bench.servers import SYSTEM, fresh, owned, settle
from vdept.clients.models import ClientAuthentication
from vdept.clients.registering import register_client
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.outcomes.rebuild import rebuild_plan
from vdept.sources.models import Reach, Way
from vdept.sources.registering import register_source
from vdept.targets.models import Frequency
from vdept_graphql.ids import encode

ROWS, RUNS, SINGLES, WARM = 10_000, 7, 3_000, 300
COMMUNES, INDICATORS = 3_321, 20
BULK_RATE, SINGLE_RATE, CORES, CONNECTIONS = 20_000.0, 1_000.0, 2, 16
MUTATION = """mutation ($input: PushReadingsInput!) {
    pushReadings(input: $input) { recorded unchanged rejected errors { code message path } }
}"""


async def bench() -> list[Figure]:
    async with fresh("bench_ingest") as (database, servers):
        async with owned(database) as owner, owner.begin(SYSTEM) as tx:
            await nation.units(tx.session, provinces=34, communes=COMMUNES)
            await nation.plan(tx.session, key_results=INDICATORS)
            await nation.targets(tx.session)
            await nation.measurements(tx.session)
        await settle(database)
        async with database.begin(SYSTEM) as tx:
            await rebuild_plan(tx, 1)
        await settle(database)
        source, basic = await registered(database)
        _, token = await official(database, 1)
        async with running(servers, token, extend) as client:
            sign_in(client, basic)
            figures = [pushed_in_bulk(client, source)]
            figures.append(await pushed_one_by_one(database, client, source))
        return figures


async def registered(database: Database) -> tuple[str, str]:
    """A source that the government's program pushes, and what that program signs in with."""
    async with database.begin(SYSTEM) as tx:
        source = await register_source(
            tx,
            1,
            name="Hệ thống đo",
            method="Đo tự động",
            frequency=Frequency.DAILY,
            way=Way.PUSH,
            reach=Reach.NATION,
            indicator_ids=range(1, INDICATORS + 1),
        )
        client, secret = await register_client(
            tx,
            1,
            name="Chương trình",
            authentication=ClientAuthentication.SECRET,
            scopes=[Scope.MEASUREMENTS_WRITE],
            machine=True,
        )
        basic = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
        return encode("Source", source.id), basic


def sign_in(client: Client, basic: str) -> None:
    """An access token lasts for ten minutes: long enough for what follows."""
    headers = {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"}
    form = urlencode({"grant_type": "client_credentials"}).encode()
    client.http.request("POST", "/oauth/token", form, headers)
    token = msgspec.json.decode(client.http.getresponse().read())["access_token"]
    client.headers["authorization"] = f"Bearer {token}"


def reading(number: int, run: int) -> dict[str, str]:
    """Three indicators in all communes and part of a fourth; every run has values and a day of its own."""
    return {
        "indicatorId": encode("Indicator", 1 + number // COMMUNES % INDICATORS),
        "unitCode": f"C{1 + number % COMMUNES}",
        "asOf": f"2026-{1 + run % 9:02}-{1 + run // 9 % 28:02}",
        "numerator": str((number * 7919 + run * 104_729) % 1000),
        "denominator": "1000",
    }


def body(source: str, key: str, readings: list[dict[str, str]]) -> bytes:
    return operation(MUTATION, {"input": {"sourceId": source, "readings": readings, "idempotencyKey": key}})


def pushed_in_bulk(client: Client, source: str) -> Figure:
    bodies = [
        body(source, f"bulk-{run}", [reading(number, run) for number in range(ROWS)])
        for run in range(RUNS + 1)
    ]
    rates = []
    for run, content in enumerate(bodies):
        start = time.perf_counter()
        answer = client.post("/graphql", content)
        took = time.perf_counter() - start
        assert f'"recorded":{ROWS},"unchanged":0,"rejected":0'.encode() in answer, answer[:500]
        if run:
            rates.append(ROWS / took)
    return figure(
        "push 10,000 readings in one call: rows/s / 20,000",
        statistics.median(rates),
        BULK_RATE,
        "rows/s",
        ">= 1",
    )


async def pushed_one_by_one(database: Database, client: Client, source: str) -> Figure:
    bodies = [
        body(source, f"single-{number}", [reading(number, 100 + number % 80)])
        for number in range(WARM + SINGLES)
    ]

    await push_all(client, bodies[:WARM])
    async with database.begin(SYSTEM) as tx:
        own = psutil.Process(await tx.session.scalar(sa.text("SELECT pg_backend_pid()")))
    postmaster = own.parent()
    assert postmaster is not None
    before = cpu(client, postmaster)
    await push_all(client, bodies[WARM:])
    each = (cpu(client, postmaster) - before) / SINGLES
    return figure(
        "push readings one by one, two cores: pushes/s / 1,000", CORES / each, SINGLE_RATE, "1/s", ">= 1"
    )


async def push_all(client: Client, bodies: list[bytes]) -> None:
    """Push over so many connections at once; the next goes when the one before is answered."""
    waiting = iter(bodies)
    head = "".join(f"{name}: {value}\r\n" for name, value in client.headers.items())

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection(client.http.host, client.http.port)
        for content in waiting:
            length = f"content-length: {len(content)}"
            writer.write(
                f"POST /graphql HTTP/1.1\r\nhost: bench\r\n{head}{length}\r\n\r\n".encode() + content
            )
            answered = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            size = int(answered.partition("content-length: ")[2].partition("\r\n")[0])
            answer = await reader.readexactly(size)
            assert b'"recorded":1,' in answer, answer[:500]
        writer.close()

    await asyncio.gather(*[one_connection() for _ in range(CONNECTIONS)])


def extend(app: Litestar, _database: Database) -> None:
    """The CPU time of the API's process."""

    @get("/cpu")
    async def spent() -> Response[bytes]:
        return Response(msgspec.json.encode(time.process_time()), media_type="application/json")

    app.register(spent)


def cpu(client: Client, postmaster: psutil.Process) -> float:
    """Seconds of CPU time that the API's process and the database's processes have taken so far."""
    client.http.request("GET", "/cpu")
    spent = float(client.http.getresponse().read())
    ended = postmaster.cpu_times()
    spent += ended.user + ended.system + ended.children_user + ended.children_system
    for process in postmaster.children():
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker of autovacuum, which has just ended
            times = process.cpu_times()
            spent += times.user + times.system
    return spent


if __name__ == "__main__":
    main(bench)
