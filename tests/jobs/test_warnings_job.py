"""The job of early warnings: it records what it did, leaves no trace of nothing, and waits for nobody."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from vdept.kernel import leases
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.db import Database
from vdept.kernel.job_runs import JobRun
from vdept.outcomes.models import PlanEvaluation
from vdept.warnings.models import EarlyWarning
from vdept_workers.settings import DAILY, WorkerSettings
from vdept_workers.warnings import detect_warnings


async def neglected(db: Database) -> int:
    """A target that was assigned two months ago and never acknowledged."""
    now = utc_now()
    async with db.begin(SYSTEM) as tx:
        holder = await make.unit(tx)
        await make.actor(tx, holder)
        plan = await make.plan(tx, holder, ends_on=local_date(now) + timedelta(days=400))
        key_result = await make.key_result(tx, plan, await make.indicator(tx))
        target = await make.target(
            tx, key_result, holder, starts_on=local_date(now), assigned_at=now - timedelta(days=60)
        )
        tx.session.add(PlanEvaluation(plan_id=plan.id, evaluated_on=local_date(now)))
    return target.id


async def runs(db: Database) -> list[tuple[int, str | None]]:
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.scalars(
            sa.select(JobRun).where(JobRun.job == "detect_warnings").order_by(JobRun.id)
        )
        return [(row.items, row.error) for row in rows]


async def warned(db: Database) -> list[tuple[str, int]]:
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.execute(sa.select(EarlyWarning.kind, EarlyWarning.subject_id))
        return [(str(kind), subject_id) for kind, subject_id in rows]


async def test_a_run_is_recorded_with_what_it_did_and_one_that_did_nothing_is_not(db: Database) -> None:
    target_id = await neglected(db)
    context = {"database": db, "holder": "test"}
    await detect_warnings(context)
    assert await warned(db) == [("UNACKNOWLEDGED", target_id)]
    assert await runs(db) == [(2, None)], "a warning and a notification"
    await detect_warnings(context)
    assert await runs(db) == [(2, None)]


async def test_while_another_worker_detects_this_one_leaves_it_alone(db: Database) -> None:
    await neglected(db)
    async with leases.held(db, "detect_warnings", "another") as lease:
        assert lease is not None
        await detect_warnings({"database": db, "holder": "test"})
        assert await warned(db) == []
    await detect_warnings({"database": db, "holder": "test"})
    assert len(await warned(db)) == 1


async def test_a_failure_is_recorded_and_given_on(db: Database, owner: Database) -> None:
    await neglected(db)
    async with owner.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE early_warning RENAME TO away"))
    with pytest.raises(sa.exc.ProgrammingError):
        await detect_warnings({"database": db, "holder": "test"})
    [(items, error)] = await runs(db)
    assert items == 0
    assert error is not None
    assert "early_warning" in error


def test_it_is_tried_every_ten_minutes_and_after_outcomes_have_moved_to_a_new_day() -> None:
    [schedule] = [job for job in WorkerSettings.cron_jobs if job.coroutine is detect_warnings]
    assert (schedule.hour, schedule.minute) == (None, {0, 10, 20, 30, 40, 50})
    names = [job.__name__ for job in DAILY]
    assert names.index("detect_warnings") > names.index("reevaluate")
