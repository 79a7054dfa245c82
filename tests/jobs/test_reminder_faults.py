"""Three workers, and everything that can happen to them: each reminder that is due is in the inbox once.

The days pass over the end of a month. At night tasks are delivered, paused, extended, cancelled and resumed;
in the morning the reminders fall due, and from then on workers are killed, connections cut, Valkey is emptied
and PostgreSQL crashes, while people go on working. What must be in the inbox is worked out in Python.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from clocked_worker import BATCH, CLOCK, shifted
from factories import SYSTEM
from lifeline import held
from vdept.calendars.queries import calendar_of
from vdept.calendars.rules import Calendar
from vdept.calendars.upkeep import ensure
from vdept.deadlines.models import Dropped, Recipient, Reminder, ReminderBatch, ReminderScan
from vdept.deadlines.rules import DEFAULT_STEPS, MORNING, steps_on
from vdept.kernel import embedded, keeper, migrations
from vdept.kernel.actor import Role
from vdept.kernel.clock import LOCAL, utc_now
from vdept.kernel.db import Database
from vdept.kernel.leases import living
from vdept.notifications.models import Notification
from vdept.tasks.rules import OPEN_STATES
from vdept.units.models import UnitKind
from vdept_workers.worker import HEARTBEAT
from worker_scene import WorkerProcess, until

DAYS = (date(2026, 3, 30), date(2026, 3, 31), date(2026, 4, 1))
"""A Monday, the last day of the month, and the first of the next."""

UNITS, TASKS, WORKERS = 40, 1_500, 3
SOFT = {**embedded.FAST_AND_FORGETFUL, "synchronous_commit": "on", "shared_buffers": "128MB"}
"""What is committed must survive a crash of PostgreSQL, though not one of the machine."""

AWAY = (sa.exc.SQLAlchemyError, OSError, TimeoutError)
Key = tuple[int, date, int, int]
"""Task, due date, step, person."""


@dataclass
class ClockedWorker(WorkerProcess):
    clock: Path = field(kw_only=True)

    def start(self) -> None:
        environment = {
            **os.environ,
            "VDEPT_DATABASE_URL": self.database_url,
            "VDEPT_REDIS_URL": self.redis_url,
            CLOCK: str(self.clock),
        }
        script = Path(__file__).parents[1] / "clocked_worker.py"
        self.process = subprocess.Popen([sys.executable, str(script)], **held(environment))


@dataclass
class Work:
    """A task as the model knows it."""

    id: int
    lead: int
    assignee: int
    due_on: date
    state: str = "IN_PROGRESS"


@dataclass
class World:
    """The servers, the clock, the workers and the tasks."""

    servers: embedded.EmbeddedServers
    clock: Path
    db: Database
    dice: random.Random
    workers: list[ClockedWorker] = field(default_factory=list)
    tasks: list[Work] = field(default_factory=list)
    heads: dict[int, int] = field(default_factory=dict)
    coordinators: dict[int, int] = field(default_factory=dict)
    owner: int = 0
    calendar: Calendar = None  # type: ignore[assignment]

    def now(self) -> datetime:
        return shifted(self.clock)

    def set_clock(self, to: datetime) -> None:
        beside = self.clock.with_suffix(".new")
        beside.write_text(str((to - utc_now()).total_seconds()))
        beside.rename(self.clock)

    def expected(self, day: date) -> set[Key]:
        """Who is to be told of what on ``day``, as the tasks stand."""
        found = set()
        for work in self.tasks:
            if work.state not in OPEN_STATES:
                continue
            for step, recipient in steps_on(self.calendar, work.due_on, day, DEFAULT_STEPS):
                person = {
                    Recipient.ASSIGNEES: work.assignee,
                    Recipient.LEAD_COORDINATOR: self.coordinators[work.lead],
                    Recipient.LEAD_HEAD: self.heads[work.lead],
                    Recipient.ASSIGNER_COORDINATOR: self.coordinators[self.owner],
                    Recipient.ASSIGNER_HEAD: self.heads[self.owner],
                }[recipient]
                found.add((work.id, work.due_on, step, person))
        return found

    async def change(self, work: Work, state: str, due_on: date) -> None:
        """Somebody delivers, pauses, cancels, resumes or extends it; said again until it is heard."""
        values: dict[str, Any] = {
            "state": state,
            "due_on": due_on,
            "state_reason": "vì bão" if state in {"PAUSED", "CANCELLED"} else None,
            "review_on": date(2026, 12, 1) if state == "PAUSED" else None,
            "paused_on": date(2026, 3, 1) if state == "PAUSED" else None,
            "delivered_on": date(2026, 3, 1) if state == "DELIVERED" else None,
        }
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        statement = sa.text(f"UPDATE task SET {assignments} WHERE id = :id").bindparams(
            **{"id": work.id, **values}
        )

        async def act() -> None:
            async with self.db.begin(SYSTEM) as tx:
                await tx.session.execute(statement)

        await stubborn(act)
        work.state, work.due_on = state, due_on

    async def change_some(self, count: int) -> set[int]:
        """Change so many, anyhow; which ones."""
        changed = self.dice.sample(self.tasks, count)
        for work in changed:
            if work.state == "IN_PROGRESS":
                state = self.dice.choice(["DELIVERED", "PAUSED", "CANCELLED", "IN_PROGRESS"])
                later = self.dice.choice([0, 1, 2, 5]) if state == "IN_PROGRESS" else 0
                await self.change(work, state, work.due_on + timedelta(days=later))
            elif work.state in {"PAUSED", "DELIVERED"}:
                await self.change(work, "IN_PROGRESS", work.due_on)
        return {work.id for work in changed}

    async def up(self) -> list["ClockedWorker"]:
        """The workers that have come up: they have said that they live, and by which process."""

        async def act() -> list[str]:
            async with self.db.begin(SYSTEM) as tx:
                return await living(tx.session, HEARTBEAT)

        pids = {int(holder.split(":")[2]) for holder in await stubborn(act)}
        return [one for one in self.workers if one.process is not None and one.process.pid in pids]

    async def look(self, query: "sa.Select[Any]") -> list[Any]:
        async def act() -> list[Any]:
            async with self.db.snapshot(SYSTEM) as tx:
                return list((await tx.session.execute(query)).all())

        return await stubborn(act)


async def stubborn(act: Callable[[], Awaitable[Any]]) -> Any:
    """Try until the server is there."""
    for _ in range(200):
        with contextlib.suppress(*AWAY):
            return await act()
        await asyncio.sleep(0.1)
    return await act()


@pytest.fixture
def private() -> Iterator[embedded.EmbeddedServers]:
    """Servers of the test's own, to be broken."""
    with tempfile.TemporaryDirectory(prefix="vdept-faults-", ignore_cleanup_errors=True) as folder:
        running = embedded.start(Path(folder), settings=SOFT)
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
async def world(private: embedded.EmbeddedServers, tmp_path: Path) -> AsyncIterator[World]:
    await migrations.migrate(private.database_url)
    database = Database(private.database_url, pool_size=4)
    world = World(private, tmp_path / "clock", database, random.Random(20260330))
    world.set_clock(datetime.combine(DAYS[0] - timedelta(days=1), time(23, 59, 50), LOCAL))
    await _settle(world)
    urls = private.database_url, private.redis_url
    world.workers = [ClockedWorker(*urls, clock=world.clock) for _ in range(WORKERS)]
    yield world
    for worker in world.workers:
        if worker.process is not None:
            worker.kill()
    await database.close()


async def _settle(world: World) -> None:
    """Units that each have a head, a coordinator and somebody who does the work, and their tasks."""
    members = {}
    async with world.db.begin(SYSTEM) as tx:
        await ensure(tx)
        owner = await make.unit(tx, kind=UnitKind.MINISTRY)
        leads = [await make.unit(tx) for _ in range(UNITS)]
        for unit in (owner, *leads):
            for role, held_by in (
                (Role.HEAD, world.heads),
                (Role.COORDINATOR, world.coordinators),
                (Role.MEMBER, members),
            ):
                who = await make.person(tx)
                await make.membership(tx, who, unit, role)
                held_by[unit.id] = who.id
        world.owner, world.calendar = owner.id, await calendar_of(tx, None)
        tx.session.add(ReminderScan(scanned_on=DAYS[0] - timedelta(days=1), scanned_at=world.now()))
        for number in range(TASKS):
            lead = leads[number % UNITS].id
            due_on = DAYS[0] + timedelta(days=world.dice.randint(-7, 14))
            world.tasks.append(Work(number + 1, lead, members[lead], due_on))
        given = {
            "ids": [work.id for work in world.tasks],
            "leads": [work.lead for work in world.tasks],
            "dues": [work.due_on for work in world.tasks],
            "people": [work.assignee for work in world.tasks],
            "owner": owner.id,
        }
        for statement in (
            """INSERT INTO task (id, title, search, kind, audience, state, owner_unit_id, lead_unit_id,
                created_at, updated_at, due_on, original_due_on) OVERRIDING SYSTEM VALUE
            SELECT id, 'Nhiệm vụ', 'nhiem vu', 'ROUTINE', 'GOVERNMENT', 'IN_PROGRESS', :owner, lead,
                '2026-01-05', '2026-01-05', due, due
            FROM unnest(CAST(:ids AS bigint[]), CAST(:leads AS bigint[]), CAST(:dues AS date[]))
                w (id, lead, due)""",
            """INSERT INTO assignee (task_id, person_id, unit_id, assigned_at)
            SELECT id, person, lead, now()
            FROM unnest(CAST(:ids AS bigint[]), CAST(:leads AS bigint[]), CAST(:people AS bigint[]))
                w (id, lead, person)""",
        ):
            made = sa.text(statement)
            await tx.session.execute(made, {name: given[name] for name in made._bindparams})


class Trouble:
    """What goes wrong while reminders are delivered."""

    def __init__(self, world: World, *, crash: bool) -> None:
        self.world = world
        self.crash = crash
        self.kills = 0

    async def go_on(self) -> None:
        """Until cancelled; what is done to a process is done whole."""
        dice = self.world.dice
        for number in range(1_000):
            await asyncio.sleep(dice.uniform(0.0, 0.3))
            up = await self.world.up()
            if len(up) < 2:  # whoever starts anew needs a while; the last one goes on alone
                continue
            await asyncio.to_thread(self._once, dice.choice(up), number)
            if self.crash and number == 1:
                await asyncio.to_thread(self._crash)

    def _once(self, worker: ClockedWorker, number: int) -> None:
        worker.kill()
        self.kills += 1
        worker.start()
        self.world.servers.valkey.client().flushall()
        if number % 2:
            with contextlib.suppress(subprocess.CalledProcessError):
                self.world.servers.postgres.psql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vdept'"
                )

    def _crash(self) -> None:
        data = self.world.servers.data
        keeper.end(keeper.postgres_process(data), signal.SIGQUIT)  # PostgreSQL's immediate shutdown
        embedded.start(data, settings=SOFT).stop()


async def _scanned(world: World, since: datetime) -> None:
    """A scan has looked at the tasks as they stand."""

    async def holds() -> bool:
        rows = await world.look(sa.select(ReminderScan.scanned_at))
        return bool(rows) and rows[0][0] >= since

    await until(holds, 180)


async def _delivered(world: World) -> None:
    async def holds() -> bool:
        open_ones = sa.select(sa.func.count()).where(ReminderBatch.delivered_at.is_(None))
        return bool((await world.look(open_ones))[0][0] == 0)

    await until(holds, 180)


async def test_every_reminder_that_is_due_is_in_the_inbox_once(world: World) -> None:
    certain: set[Key] = set()
    disputed: set[tuple[int, date]] = set()
    for worker in world.workers:
        worker.start()

    async def all_up() -> bool:
        return len(await world.up()) == WORKERS

    for number, day in enumerate(DAYS):
        midnight = datetime.combine(day, time(), LOCAL)
        world.set_clock(midnight - timedelta(seconds=1))
        eve = day - timedelta(days=1)
        disputed |= {(task, eve) for task in await world.change_some(40)}
        await _scanned(world, midnight)
        await world.change_some(60)
        morning = datetime.combine(day, MORNING, LOCAL)
        early = morning - timedelta(minutes=10)
        world.set_clock(early)
        await _scanned(world, early)
        await until(all_up, 180)
        before = world.expected(day)
        world.set_clock(morning)
        trouble = Trouble(world, crash=number == 1)
        going_wrong = asyncio.create_task(trouble.go_on())
        meanwhile = await world.change_some(25)
        await _delivered(world)
        going_wrong.cancel()
        await asyncio.wait([going_wrong])
        assert trouble.kills >= 1
        disputed |= {(task, day) for task in meanwhile}
        certain |= {key for key in before if key[0] not in meanwhile}
    await _proven(world, certain, disputed)


async def _proven(world: World, certain: set[Key], disputed: set[tuple[int, date]]) -> None:
    told = sa.select(
        Reminder.subject_id, Reminder.due_on, Reminder.step, Reminder.recipient_id, Reminder.scheduled_on
    ).join(Notification, sa.and_(Notification.origin_id == Reminder.id, Notification.origin == "reminder"))
    inbox = Counter(tuple(row) for row in await world.look(told))
    assert set(inbox.values()) == {1}
    entries = sa.select(sa.func.count()).where(Notification.origin == "reminder")
    assert await world.look(entries) == [(len(inbox),)]
    assert certain - {key[:4] for key in inbox} == set(), "lost"
    # What is changed from then on may be told on that day or not, whichever comes first.
    sure = {key[:4] for key in inbox if (key[0], key[4]) not in disputed}
    assert sure - certain == set(), "sent for what had ended"
    assert len(certain) > 20 * BATCH
    rows = await world.look(
        sa.select(Reminder.id, Reminder.dropped, Notification.id).outerjoin(
            Notification, sa.and_(Notification.origin_id == Reminder.id, Notification.origin == "reminder")
        )
    )
    assert all((dropped is None) == (entry is not None) for _, dropped, entry in rows)
    reasons = {dropped for _, dropped, _ in rows if dropped is not None}
    assert reasons >= {Dropped.DONE, Dropped.PAUSED, Dropped.CANCELLED, Dropped.MOVED}
