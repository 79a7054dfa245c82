"""The job of verdicts: it records what it did, leaves no trace of nothing, and waits for nobody."""

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
from vdept.outcomes.refresh import refresh
from vdept.targets.changes import target_changed
from vdept.verdicts.models import Verdict
from vdept_workers.settings import DAILY, WorkerSettings
from vdept_workers.verdicts import issue_verdicts


async def overdue(db: Database) -> int:
    """A target that was due yesterday, without a value."""
    today = local_date(utc_now())
    async with db.begin(SYSTEM) as tx:
        holder = await make.unit(tx)
        await make.actor(tx, holder)
        plan = await make.plan(tx, holder, starts_on=today - timedelta(60), ends_on=today + timedelta(60))
        key_result = await make.key_result(tx, plan, await make.indicator(tx), due_on=today - timedelta(1))
        target = await make.target(tx, key_result, holder, starts_on=plan.starts_on)
        tx.session.add(PlanEvaluation(plan_id=plan.id, evaluated_on=today))
        await target_changed(tx, plan.id, [target.id])
    await refresh(db)
    return target.id


async def runs(db: Database) -> list[tuple[int, str | None]]:
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.scalars(
            sa.select(JobRun).where(JobRun.job == "issue_verdicts").order_by(JobRun.id)
        )
        return [(row.items, row.error) for row in rows]


async def judged(db: Database) -> list[tuple[str, int | None]]:
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.execute(sa.select(Verdict.judgement, Verdict.target_id).order_by(Verdict.id))
        return [(str(judgement), target_id) for judgement, target_id in rows]


async def test_a_run_is_recorded_with_what_it_did_and_one_that_did_nothing_is_not(db: Database) -> None:
    target_id = await overdue(db)
    context = {"database": db, "holder": "test"}
    await issue_verdicts(context)
    assert await judged(db) == [("NOT_MET", target_id), ("NOT_MET", None)]
    assert await runs(db) == [(3, None)], "two verdicts and a notification"
    await issue_verdicts(context)
    assert await runs(db) == [(3, None)]
    assert len(await judged(db)) == 2


async def test_while_another_worker_judges_this_one_leaves_it_alone(db: Database) -> None:
    await overdue(db)
    async with leases.held(db, "issue_verdicts", "another") as lease:
        assert lease is not None
        await issue_verdicts({"database": db, "holder": "test"})
        assert await judged(db) == []
    await issue_verdicts({"database": db, "holder": "test"})
    assert len(await judged(db)) == 2


async def test_a_failure_is_recorded_and_given_on(db: Database, owner: Database) -> None:
    await overdue(db)
    async with owner.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE verdict_news RENAME TO away"))
    with pytest.raises(sa.exc.ProgrammingError):
        await issue_verdicts({"database": db, "holder": "test"})
    [(items, error)] = await runs(db)
    assert items == 0
    assert error is not None
    assert "verdict_news" in error
    assert await judged(db) == [], "what cannot be told is not issued"


def test_it_is_tried_every_ten_minutes_and_after_outcomes_have_moved_to_a_new_day() -> None:
    [schedule] = [job for job in WorkerSettings.cron_jobs if job.coroutine is issue_verdicts]
    assert (schedule.hour, schedule.minute) == (None, {0, 3, 13, 23, 33, 43, 53})
    names = [job.__name__ for job in DAILY]
    assert names.index("issue_verdicts") > names.index("reevaluate")
