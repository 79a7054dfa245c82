"""Pulling a thousand sources in one cycle: from when all of them are due until all of it is written.

The sources are a server process of its own that takes between nothing and ``SLOWEST`` seconds for an answer
of twenty rows; they, PostgreSQL and the worker share the machine. The reference is the time that the slowest
of them is given: a cycle should be over within it.
"""

import asyncio
import multiprocessing
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from ipaddress import ip_network

import msgspec
import sqlalchemy as sa
import uvloop

from bench import nation
from bench.harness import Figure, figure, main
from bench.servers import SYSTEM, fresh, owned, settle
from vdept.kernel.db import Database
from vdept.kernel.vault import Vault
from vdept.sources.connectors.asking import Asking
from vdept.sources.connectors.credentials import Bearer, seal
from vdept.sources.connectors.settings import JsonField, JsonSetting, ReadingField, stored, where
from vdept.sources.models import ConnectorKind, Reach, Source, SourceConnector, SourceIndicator, Way
from vdept.sources.polling import Polled, poll_due
from vdept.targets.models import Frequency
from vdept_workers.sources import places

SOURCES, ROWS = 1_000, 20
GIVEN = 30
"""Seconds that each source is given."""
SLOWEST = 20.0
"""Seconds that the slowest of them takes."""
HERE = (ip_network("127.0.0.0/8"),)
VAULT = Vault("b" * 64)
FIELDS = tuple(
    JsonField(field, path=f"$.{field.lower()}")
    for field in ReadingField
    if field not in {ReadingField.VALUE, ReadingField.UNIT_OF_MEASURE, ReadingField.NOTE}
)


async def bench() -> list[Figure]:
    async with fresh("bench_pull") as (database, _):
        async with owned(database) as owner, owner.begin(SYSTEM) as tx:
            await nation.units(tx.session, provinces=34, communes=3_321)
            await nation.plan(tx.session, key_results=1)
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(4_096)
            server = multiprocessing.get_context("fork").Process(
                target=_serve, args=(listening,), daemon=True
            )
            server.start()
            port = listening.getsockname()[1]
        try:
            await _register(database, port)
            await settle(database)
            return [await _cycle(database)]
        finally:
            server.kill()
            server.join()


async def _cycle(database: Database) -> Figure:
    asking = Asking(lambda: VAULT, HERE)
    started = time.perf_counter()
    polled: list[Polled] = await poll_due(database, None, asking=asking, places=places())
    seconds = time.perf_counter() - started
    wrong = [one for one in polled if one.failure is not None or one.recorded != ROWS]
    if len(polled) != SOURCES or wrong:
        msg = f"{len(polled)} polls, {len(wrong)} of them wrong: {wrong[:3]}"
        raise RuntimeError(msg)
    name = f"pull: one cycle of {SOURCES:,} sources, {ROWS} rows each / the {GIVEN} s the slowest is given"
    return figure(name, seconds, GIVEN, "s", "<= 1")


async def _register(database: Database, port: int) -> None:
    """A source of each of a thousand units, with a connector that is due and credentials of its own."""
    async with database.begin(SYSTEM) as tx:
        units = (await tx.session.execute(sa.text("SELECT id, code FROM unit ORDER BY id"))).all()[-SOURCES:]
        indicator = (await tx.session.execute(sa.text("SELECT id, code FROM indicator LIMIT 1"))).one()
        for number, unit in enumerate(units):
            source = Source(
                unit_id=unit.id, name="Kho số liệu", method="Đếm", frequency=Frequency.DAILY, way=Way.PULL,
                reach=Reach.SUBTREE, sort_key="kho", created_at=tx.now,
            )  # fmt: skip
            tx.session.add(source)
            await tx.session.flush()
            delay = (
                0.0 if number % 2 else SLOWEST if number == 0 else random.Random(number).uniform(0, SLOWEST)
            )
            asked = f"delay={delay:.3f}&unit={unit.code}&indicator={indicator.code}"
            url = f"http://127.0.0.1:{port}/?{asked}"
            setting = JsonSetting(url, "$[*]", FIELDS, GIVEN)
            tx.session.add_all(
                [
                    SourceIndicator(source_id=source.id, indicator_id=indicator.id),
                    SourceConnector(
                        source_id=source.id, unit_id=unit.id, kind=ConnectorKind.HTTP_JSON,
                        setting=stored(setting), every_minutes=60, next_at=tx.now,
                        credentials=seal(VAULT, source.id, where(setting), Bearer(f"token {number}")),
                    ),
                ]
            )  # fmt: skip


def _serve(listening: socket.socket) -> None:
    uvloop.run(_answer_all(listening))


async def _answer_all(listening: socket.socket) -> None:
    server = await asyncio.start_server(_answer, sock=listening)
    await server.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async with _closing(writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        asked = dict(part.split("=") for part in head.split(" ")[1].partition("?")[2].split("&"))
        await asyncio.sleep(float(asked["delay"]))
        first = date(2026, 1, 1)
        rows = [
            {"unit": asked["unit"], "indicator": asked["indicator"], "numerator": day}
            | {"denominator": 100, "as_of": (first + timedelta(days=day)).isoformat()}
            for day in range(ROWS)
        ]
        body = msgspec.json.encode(rows)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


if __name__ == "__main__":
    main(bench)
