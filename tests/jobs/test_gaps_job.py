"""The job of gaps: it records what it did, leaves no trace of nothing, and waits for nobody."""

import pytest
import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from vdept.kernel import leases
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.db import Database
from vdept.kernel.job_runs import JobRun
from vdept.measurements.models import Measurement
from vdept.outcomes.models import OutcomeGap
from vdept.outcomes.refresh import refresh
from vdept.targets.changes import target_changed
from vdept.targets.models import Basis, Rollup
from vdept_workers.gaps import keep_gaps
from vdept_workers.settings import DAILY, WorkerSettings


async def a_reported_target(db: Database) -> int:
    """A target of which a report and no measurement is known."""
    today = local_date(utc_now())
    async with db.begin(SYSTEM) as tx:
        holder = await make.unit(tx)
        year = {"starts_on": today.replace(month=1, day=1), "ends_on": today.replace(month=12, day=31)}
        plan = await make.plan(tx, holder, **year)
        what = await make.indicator(tx, ratio=False)
        key_result = await make.key_result(tx, plan, what, rollup=Rollup.OWN)
        target = await make.target(tx, key_result, holder, starts_on=plan.starts_on)
        tx.session.add(
            Measurement(
                indicator_id=what.id,
                unit_id=holder.id,
                basis=Basis.REPORTED,
                as_of=today,
                value=7,
                source="test",
                recorded_at=tx.now,
            )
        )
        await tx.session.flush()
        await target_changed(tx, plan.id, [target.id])
    await refresh(db)
    return target.id


async def runs(db: Database) -> list[tuple[int, str | None]]:
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.scalars(
            sa.select(JobRun).where(JobRun.job == "keep_gaps").order_by(JobRun.id)
        )
        return [(row.items, row.error) for row in rows]


async def kept(db: Database) -> list[int]:
    async with db.snapshot(SYSTEM) as tx:
        return list(await tx.session.scalars(sa.select(OutcomeGap.target_id)))


async def test_a_run_is_recorded_with_what_it_did_and_one_that_did_nothing_is_not(db: Database) -> None:
    target_id = await a_reported_target(db)
    context = {"database": db, "holder": "test"}
    await keep_gaps(context)
    assert await kept(db) == [target_id]
    assert await runs(db) == [(1, None)]
    await keep_gaps(context)
    assert await runs(db) == [(1, None)]


async def test_while_another_worker_keeps_them_this_one_leaves_them_alone(db: Database) -> None:
    target_id = await a_reported_target(db)
    async with leases.held(db, "keep_gaps", "another") as lease:
        assert lease is not None
        await keep_gaps({"database": db, "holder": "test"})
        assert await kept(db) == []
    await keep_gaps({"database": db, "holder": "test"})
    assert await kept(db) == [target_id]


async def test_a_failure_is_recorded_and_given_on(db: Database, owner: Database) -> None:
    await a_reported_target(db)
    async with owner.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE outcome_gap RENAME TO away"))
    with pytest.raises(sa.exc.ProgrammingError):
        await keep_gaps({"database": db, "holder": "test"})
    [(items, error)] = await runs(db)
    assert items == 0
    assert error is not None
    assert "outcome_gap" in error


def test_it_runs_shortly_before_a_day_ends_and_after_outcomes_have_moved_to_a_new_one() -> None:
    [schedule] = [job for job in WorkerSettings.cron_jobs if job.coroutine is keep_gaps]
    assert (schedule.hour, schedule.minute) == (None, {0, 29, 58})
    names = [job.__name__ for job in DAILY]
    assert names.index("keep_gaps") > names.index("reevaluate")
