"""The jobs of signals and of focus: once a day, under a lease, recorded; a killed run is repeated."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from vdept.focus.models import FocusCall
from vdept.kernel import leases
from vdept.kernel.activity import Activity
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.db import Database
from vdept.kernel.job_runs import JobRun
from vdept.notifications.models import Notification, NotificationKind
from vdept.signals.models import Detector, Signal
from vdept.tasks.models import TaskState
from vdept_workers.settings import DAILY, WorkerSettings
from vdept_workers.signals import detect_signals, remind_focus


async def ping_pong(db: Database) -> int:
    """A task that was sent back three times."""
    async with db.begin(SYSTEM) as tx:
        owner, lead = await make.unit(tx), await make.unit(tx)
        await make.actor(tx, owner)
        task = await make.task(tx, owner, lead, state=TaskState.IN_PROGRESS)
        for i in range(3):
            tx.session.add(
                Activity(
                    at=utc_now() - timedelta(days=1 + i), actor="person", verb="task.sent_back",
                    subject_type="Task", subject_id=task.id, data={},
                )
            )  # fmt: skip
    return task.id


async def runs(db: Database, job: str) -> list[tuple[int, bool]]:
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.scalars(sa.select(JobRun).where(JobRun.job == job).order_by(JobRun.id))
        return [(row.items, row.error is None) for row in rows]


async def asked(db: Database) -> list[tuple[Detector, int | None]]:
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.execute(sa.select(Signal.detector, Signal.task_id).order_by(Signal.id))
        return [(row.detector, row.task_id) for row in rows]


async def test_it_runs_once_a_day_and_says_what_it_did(db: Database) -> None:
    context = {"database": db, "holder": "test"}
    first = await ping_pong(db)
    await detect_signals(context)
    assert await asked(db) == [(Detector.PING_PONG, first)]
    assert await runs(db, "detect_signals") == [(2, True)], "a signal and a notification"
    await ping_pong(db)
    await detect_signals(context)
    assert await asked(db) == [(Detector.PING_PONG, first)], "tomorrow"


async def test_while_another_worker_detects_this_one_leaves_it_alone(db: Database) -> None:
    await ping_pong(db)
    async with leases.held(db, "detect_signals", "another") as lease:
        assert lease is not None
        await detect_signals({"database": db, "holder": "test"})
        assert await asked(db) == []
    await detect_signals({"database": db, "holder": "test"})
    assert len(await asked(db)) == 1


async def test_a_run_that_failed_is_recorded_and_repeated_the_same_day(db: Database, owner: Database) -> None:
    task_id = await ping_pong(db)
    async with owner.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE signal RENAME TO away"))
    with pytest.raises(sa.exc.ProgrammingError):
        await detect_signals({"database": db, "holder": "test"})
    async with owner.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE away RENAME TO signal"))
    await detect_signals({"database": db, "holder": "test"})
    assert await asked(db) == [(Detector.PING_PONG, task_id)]
    assert await runs(db, "detect_signals") == [(0, False)], "the second is counted with the next"


async def test_units_that_have_not_chosen_are_reminded_once(db: Database) -> None:
    today = local_date(utc_now())
    async with db.begin(SYSTEM) as tx:
        issuer = await make.unit(tx)
        head = await make.actor(tx, issuer)
        plan = await make.plan(tx, issuer, ends_on=date(today.year + 1, 12, 31))
        key_result = await make.key_result(tx, plan, await make.indicator(tx), value=Decimal(1))
        await make.target(tx, key_result, issuer)
        asked_at = utc_now() - timedelta(days=20)
        tx.session.add(FocusCall(plan_id=plan.id, agree_by=today + timedelta(3), asked_at=asked_at))
    for _ in range(2):
        await remind_focus({"database": db, "holder": "test"})
    async with db.snapshot(SYSTEM) as tx:
        [row] = await tx.session.scalars(sa.select(Notification))
    assert (row.kind, row.person_id) == (NotificationKind.FOCUS_ASKED, head.person_id)
    assert await runs(db, "remind_focus") == [(1, True)]


def test_signals_come_after_everything_else_of_a_new_day() -> None:
    names = [job.__name__ for job in DAILY]
    assert names[-1] == "detect_signals"
    assert {"detect_signals", "remind_focus"} <= {job.name for job in WorkerSettings.cron_jobs}
