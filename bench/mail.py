"""E-mail: letters a second of one worker, and what bare aiosmtplib does with the same bytes.

The server is aiosmtpd in a process of its own, which takes everything and keeps nothing; it and PostgreSQL
share the machine with the worker. Ours is the worker's loop: what is due is folded into letters, claimed,
written, sent over eight connections and noted. The reference sends the very bytes that the server would get,
written beforehand, over as many connections, with nothing to claim or to note. Both run in turn on letters of
three notifications each.
"""

import asyncio
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvloop

from bench.harness import Figure, figure, main
from bench.servers import SYSTEM, fresh, settle
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.mail import Mailer
from vdept.kernel.settings import Settings
from vdept.kernel.vault import Vault
from vdept.notifications.mailing import claiming
from vdept.notifications.mailing.connections import SIZE, Connections
from vdept.notifications.mailing.gathering import gather
from vdept.notifications.mailing.letters import Letters
from vdept.notifications.mailing.post import Post
from vdept.notifications.mailing.unsubscribing import Links

LETTERS = 3_000
EACH = 3
RUNS = 5
LEAST = 500
"""Letters a second."""

_PEOPLE = """
    INSERT INTO person (name, email, sort_key, search)
    SELECT 'Nguyễn Văn ' || n, 'p' || n || '@example.vn', n, n FROM generate_series(1, :count) n
"""
_TOLD = """
    WITH told AS (
        INSERT INTO notification (person_id, kind, subject_type, subject_id, data, origin, origin_id,
            created_at)
        SELECT p.id, 'REMINDER', 'Task', n, jsonb_build_object('title', 'Số hóa hồ sơ đất đai, đợt ' || n,
            'due_on', '2026-06-30', 'days_left', 3, 'unit', 'Sở Tài nguyên và Môi trường'), 'bench',
            p.id * 10 + n + :round * 1000000, now() - interval '5 s'
        FROM person p CROSS JOIN generate_series(1, :each) n
        RETURNING id, person_id, created_at)
    INSERT INTO mail_queue (notification_id, person_id, due_at) SELECT id, person_id, created_at FROM told
"""


async def bench() -> list[Figure]:
    async with fresh("bench_mail") as (database, servers), serving() as port:
        async with database.begin(SYSTEM) as tx:
            await tx.session.execute(sa.text(_PEOPLE), {"count": LETTERS})
        # The worker's loop is uvloop's, in a thread of its own; nothing else runs in this process meanwhile.
        url = servers.database_url
        runs = await asyncio.to_thread(lambda: uvloop.run(measured(url, port)))
    ours, bare = zip(*runs, strict=True)
    rate, most = statistics.median(ours), statistics.median(bare)
    print(f"   bare sending by itself: {min(bare):.0f} to {max(bare):.0f} letters/s from run to run")
    ratio = statistics.median(a / b for a, b in runs)
    return [
        figure("e-mails a second of one worker, local SMTP server", rate, LEAST, "letters/s", ">= 1"),
        figure("e-mails a second, against bare aiosmtplib", rate, most, "letters/s", ">= 0.5", ratio),
    ]


async def measured(database_url: str, port: int) -> list[tuple[float, float]]:
    """Letters a second, ours and bare, run by run; the first, which warms both up, is left out."""
    settings = Settings(smtp_url=f"smtp://127.0.0.1:{port}", mail_from="vdept <no-reply@vdept.gov.vn>")
    mailer = Mailer.of(settings)
    assert mailer is not None
    letters = Letters(mailer.sender, Links(Vault("b" * 64), "https://vdept.gov.vn"))
    database = Database(database_url, pool_size=10)
    content = await written(database, letters)
    runs = []
    for number in range(RUNS + 1):
        runs.append((await by_the_worker(database, mailer, letters, number), await by_hand(mailer, content)))
        print(f"   {runs[-1][0]:.0f} and bare {runs[-1][1]:.0f} letters/s", flush=True)
    await database.close()
    return runs[1:]


async def tell(database: Database, number: int) -> None:
    async with database.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text(_TOLD), {"each": EACH, "round": number})


async def by_the_worker(database: Database, mailer: Mailer, letters: Letters, number: int) -> float:
    """Letters a second, from the queue to the note that they are sent."""
    await tell(database, number + 1)
    await settle(database)
    post = Post(database, Connections(mailer), letters)
    start, sent = time.perf_counter(), 0
    while (await gather(database, utc_now())).more:
        sent += (await post.round()).outcome.sent
    while sent < LETTERS:
        sent += (await post.round()).outcome.sent
    took = time.perf_counter() - start
    await post.close()
    return sent / took


async def written(database: Database, letters: Letters) -> list[tuple[str, bytes]]:
    """The bytes of as many letters as are sent, and whom they go to."""
    await tell(database, 0)
    while (await gather(database, utc_now())).more:
        pass
    claimed = await claiming.claim(database, LETTERS)
    content = [(letter.email, letters.write(letter)) for letter in claimed]
    async with database.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("DELETE FROM mail"))
    return content


async def by_hand(mailer: Mailer, content: list[tuple[str, bytes]]) -> float:
    lines = [await mailer.connect() for _ in range(SIZE)]
    waiting = iter(content)

    async def send(line: Any) -> None:
        for address, letter in waiting:
            await line.sendmail(mailer.sender.addr_spec, address, letter)

    start = time.perf_counter()
    await asyncio.gather(*map(send, lines))
    took = time.perf_counter() - start
    for line in lines:
        await line.quit()
    return len(content) / took


def serve(sock: socket.socket) -> None:
    """The body of the server's process."""
    from aiosmtpd.smtp import SMTP

    class Taking:
        async def handle_DATA(self, *_: object) -> str:  # noqa: N802  its name in aiosmtpd
            return "250 OK"

    async def forever() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: SMTP(Taking(), hostname="mail.test"), sock=sock)
        await asyncio.Event().wait()

    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    uvloop.run(forever())


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(sock,), daemon=True)
        process.start()
        try:
            yield sock.getsockname()[1]
        finally:
            process.terminate()
            process.join()


if __name__ == "__main__":
    main(bench)
