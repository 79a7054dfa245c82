"""``python -m hunt``: many checks in two processes, each with a database of its own.

Exits with 0 when nothing was found, with 1 at a leak, printing the smallest world that shows it.
"""

import argparse
import asyncio
import multiprocessing
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from factories import NOW
from hunt.hunter import Leak, hunting
from vdept.calendars import upkeep
from vdept.kernel import embedded, migrations
from vdept.kernel.db import Database

TEMPLATE = "vdept_hunt"


def main() -> int:
    options = argparse.ArgumentParser(prog="hunt", description=__doc__)
    options.add_argument("--checks", type=int, default=200_000, help="how many questions in all")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--seed", default=secrets.token_hex(4), help="the same seed asks the same")
    given = options.parse_args()
    print(f"seed {given.seed}: {given.checks} checks in {given.processes} processes", file=sys.stderr)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="vdept-hunt-", ignore_cleanup_errors=True) as folder:
        settings = {**embedded.FAST_AND_FORGETFUL, "shared_buffers": "128MB"}
        servers = embedded.start(Path(folder), database=TEMPLATE, settings=settings)
        try:
            asyncio.run(_prepared(servers.database_url))
            urls = [_database(servers, number) for number in range(given.processes)]
            news: Any = context.Queue()
            share = -(-given.checks // given.processes)
            work = [
                context.Process(target=_hunt, args=(url, f"{given.seed}.{number}", share, news))
                for number, url in enumerate(urls)
            ]
            for each in work:
                each.start()
            return _watch(work, news, given.checks)
        finally:
            servers.stop()


async def _prepared(url: str) -> None:
    """The tables, and the national calendar, which all worlds share."""
    await migrations.migrate(url)
    database = Database(url, pool_size=2, role=None)
    await upkeep.ensure_on(database, NOW)
    await database.close()


def _database(servers: embedded.EmbeddedServers, number: int) -> str:
    name = f"hunt_{number}"
    servers.postgres.psql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy;")
    return str(servers.postgres.get_uri(database=name))


def _hunt(url: str, seed: str, checks: int, news: Any) -> None:
    async def hunt() -> None:
        async with hunting(url, seed) as hunter:
            try:
                await hunter.hunt(checks, lambda done: news.put((seed, done, None)))
            except Leak as leak:
                news.put((seed, hunter.done, str(await hunter.shrunk(leak))))
            else:
                news.put((seed, hunter.done, ""))

    asyncio.run(hunt())


def _watch(work: list[Any], news: Any, checks: int) -> int:
    """Tell how far the hunt is; stop everybody at the first leak."""
    started, told, done, over = time.monotonic(), 0.0, dict[str, int](), 0
    try:
        while over < len(work):
            if news.empty():
                if not all(each.is_alive() or each.exitcode == 0 for each in work):
                    print("a process of the hunt has died", file=sys.stderr)
                    return 1
                time.sleep(0.05)
                continue
            seed, count, end = news.get()
            done[seed] = count
            if end:
                print(f"LEAK after {sum(done.values())} checks, seed {seed}:{end}", file=sys.stderr)
                return 1
            over += end == ""
            if time.monotonic() - told > 10 or over == len(work):
                told = time.monotonic()
                print(f"{sum(done.values())} of {checks}, {told - started:.0f} s", file=sys.stderr)
        print("nothing leaks", file=sys.stderr)
        return 0
    finally:
        for each in work:
            each.terminate()
            each.join()
