"""Webhooks: deliveries a second of one worker, and what bare httpcore does with the same bytes.

The receiver is a process of its own that answers 204 to everything; it and PostgreSQL share the machine with
the worker. Ours is the worker's sender: claimed, made, signed, sent to checked addresses and marked. The
reference posts the very bodies and headers, made beforehand, over a pool of httpcore's for each endpoint with
as many at once, with nothing to claim or to mark. Both in turn, to eight endpoints.
"""

import asyncio
import multiprocessing
import socket
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import httpcore
import sqlalchemy as sa
import uvloop

from bench.harness import Figure, figure, main
from bench.servers import SYSTEM, fresh, settle
from vdept.kernel.db import Database
from vdept.kernel.vault import Vault
from vdept.notifications.adding import inserting
from vdept.notifications.webhooks import registering
from vdept.notifications.webhooks.posting import Post
from vdept.notifications.webhooks.sending import PLACES, Sender
from vdept.units.models import UnitKind
from vdept.units.service import create_unit
from vdept_graphql.ids import encode

ENDPOINTS = 8
NOTIFICATIONS = 500
DELIVERIES = ENDPOINTS * NOTIFICATIONS
RUNS = 5
LEAST = 500
"""Webhooks a second."""

HERE = (ip_network("127.0.0.0/8"),)
VAULT = Vault("b" * 64)
Sent = tuple[str, dict[str, str], bytes]

_TOLD = sa.text(
    inserting(
        """SELECT 1 AS person_id, CAST(:unit AS bigint) AS unit_id, 'REMINDER' AS kind,
            'Task' AS subject_type, n AS subject_id, CAST(NULL AS bigint) AS plan_id,
            jsonb_build_object('title', 'Số hóa hồ sơ đất đai, đợt ' || n, 'due_on', '2026-06-30',
                'days_left', 3, 'unit', 'Sở Tài nguyên và Môi trường') AS data,
            'bench' AS origin, n + :round * 1000000 AS origin_id
        FROM generate_series(1, :count) n"""
    )
)


class Keeping(Post):
    """Posts, and keeps what it posted for the reference."""

    def __init__(self) -> None:
        super().__init__(HERE)
        self.sent: list[Sent] = []

    async def __call__(self, url: str, headers: Any, body: bytes) -> Any:
        self.sent.append((url, dict(headers), body))
        return await super().__call__(url, headers, body)


async def bench() -> list[Figure]:
    async with fresh("bench_webhooks") as (database, servers), receiving() as port:
        async with database.begin(SYSTEM) as tx:
            unit = await create_unit(tx, code="BENCH", name="Đơn vị đo", kind=UnitKind.GOVERNMENT)
            for number in range(ENDPOINTS):
                # Addresses of their own, as endpoints have: connections are kept for each server.
                url = f"http://127.0.0.{number + 1}:{port}/hook"
                await registering.register(tx, unit.id, url=url, vault=VAULT, networks=HERE)
        url = servers.database_url
        # The worker's loop is uvloop's, in a thread of its own; nothing else runs in this process meanwhile.
        runs = await asyncio.to_thread(lambda: uvloop.run(measured(url, unit.id)))
    ours, bare = zip(*runs, strict=True)
    print(f"   bare posting by itself: {min(bare):.0f} to {max(bare):.0f} webhooks/s from run to run")
    ratio = statistics.median(a / b for a, b in runs)
    rate, most = statistics.median(ours), statistics.median(bare)
    return [
        figure("webhooks a second of one worker, local receiver", rate, LEAST, "webhooks/s", ">= 1"),
        figure("webhooks a second, against bare httpcore", rate, most, "webhooks/s", ">= 0.5", ratio),
    ]


async def measured(database_url: str, unit_id: int) -> list[tuple[float, float]]:
    """Webhooks a second, ours and bare, run by run; the first, which warms both up, is left out."""
    database = Database(database_url, pool_size=10)
    keeping = Keeping()
    await by_the_worker(database, unit_id, 0, keeping)
    runs = []
    for number in range(1, RUNS + 2):
        ours = await by_the_worker(database, unit_id, number, Post(HERE))
        runs.append((ours, await by_hand(keeping.sent)))
        print(f"   {ours:.0f} and bare {runs[-1][1]:.0f} webhooks/s", flush=True)
    await database.close()
    return runs[1:]


async def by_the_worker(database: Database, unit_id: int, number: int, post: Post) -> float:
    """Webhooks a second, from the queue to the mark that they are delivered."""
    async with database.begin(SYSTEM) as tx:
        told = {"unit": unit_id, "round": number, "count": NOTIFICATIONS, "now": tx.now}
        await tx.session.execute(_TOLD, told)
    await settle(database)
    sender = Sender(database, lambda: VAULT, encode, HERE, post=post)
    start, sent = time.perf_counter(), 0
    while sent < DELIVERIES:
        sent += (await sender.step()).marked
    took = time.perf_counter() - start
    await sender.close()
    async with database.snapshot(SYSTEM) as tx:
        left = await tx.session.scalar(
            sa.text("SELECT count(*) FROM webhook_delivery WHERE state <> 'DELIVERED' OR attempts <> 1")
        )
    assert left == 0, "each was delivered, at the first attempt"
    return sent / took


async def by_hand(content: list[Sent]) -> float:
    pools = {url: httpcore.AsyncConnectionPool(max_connections=PLACES) for url, _, _ in content}
    waiting = iter(content)

    async def send() -> None:
        for url, headers, body in waiting:
            response = await pools[url].request("POST", url, headers=headers, content=body)
            assert response.status == 204

    start = time.perf_counter()
    await asyncio.gather(*[send() for _ in range(PLACES)])
    took = time.perf_counter() - start
    for pool in pools.values():
        await pool.aclose()
    return len(content) / took


class Taking(asyncio.Protocol):
    """As little of HTTP as a sender needs to be answered."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            lines = (line.partition(b":") for line in head.lower().split(b"\r\n")[1:])
            length = next(int(value) for name, _, value in lines if name == b"content-length")
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def serve(socks: list[socket.socket]) -> None:
    """The body of the receiver's process."""

    async def forever() -> None:
        loop = asyncio.get_running_loop()
        for sock in socks:
            await loop.create_server(Taking, sock=sock)
        await asyncio.Event().wait()

    uvloop.run(forever())


@asynccontextmanager
async def receiving() -> AsyncIterator[int]:
    """A receiver in a process of its own, on an address of loopback for each endpoint; its port."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        socks = [sock, *[_beside(number, port) for number in range(2, ENDPOINTS + 1)]]
        for each in socks:
            each.listen(256)  # whoever connects before the process is up waits for it
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(socks,), daemon=True)
        process.start()
        try:
            await _answered(port)
            yield port
        finally:
            process.terminate()
            process.join()
            for each in socks[1:]:
                each.close()


async def _answered(port: int) -> None:
    """Wait until the receiver's process is up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


def _beside(number: int, port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((f"127.0.0.{number}", port))
    return sock


if __name__ == "__main__":
    main(bench)
