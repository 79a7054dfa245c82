"""Real workers send what people are told, are killed and told to end, and nobody misses a letter."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa

from factories import SYSTEM
from lifeline import held
from mailing_scene import SECRET, Server, mails, people, person, queued, running, tell
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.job_runs import JobState
from vdept.kernel.settings import Settings
from vdept.notifications.models import MailState
from vdept_workers.mailing import JOB, Mailing
from worker_scene import WorkerProcess, until


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running() as one:
        yield one


@pytest.fixture
def workers(
    database_url: str, valkey_url: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[WorkerProcess]]:
    """Two, not yet started; without Valkey, which mail needs nothing of."""
    monkeypatch.setenv("VDEPT_SMTP_URL", server.url)
    monkeypatch.setenv("VDEPT_SECRET_KEY", SECRET)
    monkeypatch.setenv("VDEPT_MAIL_FROM", "vdept <no-reply@vdept.gov.vn>")
    two = [WorkerProcess(database_url, valkey_url) for _ in range(2)]
    yield two
    for one in two:
        if one.process is not None:
            one.kill()


async def all_sent(db: Database) -> bool:
    rows = await mails(db)
    return await queued(db) == 0 and bool(rows) and all(row.state is MailState.SENT for row in rows)


async def test_what_people_are_told_is_in_their_mail_within_seconds(
    db: Database, server: Server, workers: list[WorkerProcess]
) -> None:
    worker = workers[0]
    worker.start()
    who = await person(db, email="an@example.vn")
    for subject in range(3):
        await tell(db, who, subject=subject, now=utc_now())
    await until(lambda: all_sent(db), 90)
    assert server.received == {"an@example.vn": 1}
    await until(lambda: _recorded(db), 30)  # a run is counted after its letters are
    code, seconds = worker.end(signal.SIGTERM)
    assert (code, seconds < 5) == (0, True)
    async with db.snapshot(SYSTEM) as tx:
        line = await tx.session.get(JobState, JOB)
    assert line is not None
    assert (line.failures, line.error) == (0, None)


async def test_killed_in_the_middle_nothing_is_lost_and_a_repeat_is_the_same_message(
    db: Database, server: Server, workers: list[WorkerProcess]
) -> None:
    """An orphan is taken over within the lease of ten seconds, however its sender died."""
    server.delay = 0.03
    crowd = await people(db, 400)
    await tell(db, *crowd, now=utc_now())
    doomed, survivor = workers
    doomed.start()
    survivor.start()
    await until(lambda: _sent(db, server, 40), 90)
    doomed.kill()
    await until(lambda: all_sent(db), 90)
    assert set(server.received) == {each.email for each in crowd}
    ids = Counter(server.message_ids)
    assert len(ids) == 400
    assert sum(ids.values()) - 400 <= 8 * 2 + 40  # at most what the killed one had not yet noted
    by_person = {(letter["Message-ID"], letter["X-Received-For"]) for letter in server.letters}
    assert len(by_person) == 400


async def test_told_to_end_a_worker_finishes_its_letters_and_nobody_gets_two(
    db: Database, server: Server, workers: list[WorkerProcess]
) -> None:
    server.delay = 0.02
    crowd = await people(db, 200)
    await tell(db, *crowd, now=utc_now())
    first, second = workers
    first.start()
    await until(lambda: _sent(db, server, 30), 90)
    code, seconds = await asyncio.to_thread(first.end, signal.SIGTERM)
    assert (code, seconds < 5) == (0, True)
    second.start()
    await until(lambda: all_sent(db), 90)
    assert server.received == {each.email: 1 for each in crowd}


async def _recorded(db: Database) -> bool:
    async with db.snapshot(SYSTEM) as tx:
        return await tx.session.get(JobState, JOB) is not None


async def _sent(db: Database, server: Server, number: int) -> bool:
    return len(server.letters) >= number


async def test_without_a_server_the_loop_keeps_the_queue_from_growing(db: Database) -> None:
    await tell(db, await person(db), now=utc_now())
    loop = asyncio.create_task(Mailing(db, Settings(), "test").run())

    async def empty() -> bool:
        return await queued(db) == 0

    await until(empty)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert await mails(db) == []
    async with db.snapshot(SYSTEM) as tx:
        assert await tx.session.scalar(sa.text("SELECT count(*) FROM notification")) == 1


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("VDEPT_SMTP_URL", "http://u:hunter2@mail.example", "VDEPT_SMTP_URL must look like"),
        ("VDEPT_MAIL_FROM", "nobody", "VDEPT_MAIL_FROM must look like"),
        ("VDEPT_SECRET_KEY", "short", "The secret key has 5 characters"),
    ],
    ids=["address", "sender", "key"],
)
def test_wrong_settings_are_one_sentence_at_the_start(name: str, value: str, told: str) -> None:
    environment = {
        **os.environ,
        "VDEPT_SMTP_URL": "smtp://127.0.0.1:25",
        "VDEPT_SECRET_KEY": SECRET,
        name: value,
    }
    command = [sys.executable, "-m", "vdept_workers", "worker"]
    options = {**held(environment), "capture_output": True, "text": True, "timeout": 30}
    done = subprocess.run(command, check=False, **options)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
