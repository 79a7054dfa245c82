"""What jobs leave of themselves, and what an operator and Prometheus read of it."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from factories import SYSTEM
from vdept.deadlines.models import ReminderBatch, ReminderScan
from vdept.kernel import job_runs
from vdept.kernel.clock import LOCAL, local_date, utc_now
from vdept.kernel.db import Database
from vdept.kernel.job_runs import JobRun, JobState, board, forget_old, recorded
from vdept.monitoring.exposition import exposition
from vdept.monitoring.queues import queues
from vdept_workers.board import look, scheduled


async def state(db: Database, job: str) -> JobState:
    async with db.snapshot(SYSTEM) as tx:
        return (await tx.session.scalars(sa.select(JobState).where(JobState.job == job))).one()


async def runs(db: Database) -> list[JobRun]:
    async with db.snapshot(SYSTEM) as tx:
        return (await board(tx)).runs


async def test_a_run_that_did_something_leaves_a_row_and_counts(db: Database) -> None:
    async with recorded(db, "sow", "w1") as run:
        run.items = 3
    line = await state(db, "sow")
    assert (line.runs, line.items, line.failures, line.failing, line.error) == (1, 3, 0, 0, None)
    assert line.worked_at == line.looked_at
    assert [(row.job, row.holder, row.items, row.error) for row in await runs(db)] == [("sow", "w1", 3, None)]


async def test_a_look_that_found_nothing_moves_the_line_and_leaves_no_row(db: Database) -> None:
    async with recorded(db, "sow", "w1"):
        pass
    line = await state(db, "sow")
    assert (line.runs, line.items, line.worked_at) == (1, 0, None)
    assert await runs(db) == []


async def test_a_failure_is_written_with_its_words_and_goes_on_to_the_caller(db: Database) -> None:
    async def sow() -> None:
        async with recorded(db, "sow", "w1") as run:
            run.items = 1
            raise ValueError("no seed")

    with pytest.raises(ValueError, match="no seed"):
        await sow()
    line = await state(db, "sow")
    assert (line.failures, line.failing, line.error) == (1, 1, "ValueError: no seed")
    assert [(row.items, row.error) for row in await runs(db)] == [(1, "ValueError: no seed")]


async def test_failures_in_a_row_are_counted_until_it_works_again(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runs, "FLUSH", 0.0)
    for _ in range(3):
        with pytest.raises(ValueError, match="x"):
            async with recorded(db, "sow", "w1"):
                raise ValueError("x")
    assert (await state(db, "sow")).failing == 3
    async with recorded(db, "sow", "w1"):
        pass
    line = await state(db, "sow")
    assert (line.failing, line.failures, line.runs) == (0, 3, 4)
    assert line.error == "ValueError: x", "the last failure stays readable"


async def test_what_a_busy_loop_does_within_some_seconds_is_one_row(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with recorded(db, "sow", "w1") as run:
        run.items = 1
    for _ in range(20):
        async with recorded(db, "sow", "w1") as run:
            run.items = 2
    assert len(await runs(db)) == 1
    monkeypatch.setattr(job_runs, "FLUSH", 0.0)
    async with recorded(db, "sow", "w1"):
        pass
    assert [row.items for row in await runs(db)] == [40, 1]
    line = await state(db, "sow")
    assert (line.runs, line.items) == (22, 41)


async def test_a_database_that_is_away_does_not_hide_why_a_job_failed(db: Database) -> None:
    await db.close()
    gone = Database("postgresql://nobody:x@127.0.0.1:1/none")
    with pytest.raises(ValueError, match="the real one"):
        async with recorded(gone, "sow", "w1"):
            raise ValueError("the real one")
    await gone.close()


async def test_old_runs_are_forgotten_and_young_ones_kept(db: Database) -> None:
    now = utc_now()
    async with db.begin(SYSTEM, now=now) as tx:
        for age in (31, 29):
            at = now - timedelta(days=age)
            tx.session.add(JobRun(job=f"d{age}", holder="w", started_at=at, finished_at=at, items=1))
    async with db.begin(SYSTEM, now=now) as tx:
        assert await forget_old(tx) == 1
    assert [row.job for row in await runs(db)] == ["d29"]


async def test_a_queue_says_how_much_is_due_and_for_how_long_and_not_what_is_to_come(db: Database) -> None:
    now = datetime(2026, 12, 1, 3, tzinfo=UTC)
    async with db.begin(SYSTEM, now=now) as tx:
        for minutes, delivered in ((-10, None), (-5, None), (10, None), (-60, now)):
            due = now + timedelta(minutes=minutes)
            tx.session.add(ReminderBatch(first_id=1, last_id=9, due_at=due, delivered_at=delivered))
        tx.session.add(ReminderScan(scanned_on=local_date(now) - timedelta(days=2), scanned_at=now))
    async with db.snapshot(SYSTEM, now=now) as tx:
        found = {queue.name: queue for queue in await queues(tx, now)}
    assert (found["reminders"].waiting, found["reminders"].lag) == (2, timedelta(minutes=10))
    midnight = datetime(2026, 11, 30, tzinfo=LOCAL)
    assert found["scan"].lag == now - midnight
    assert (found["mail"].waiting, found["mail"].lag, found["webhooks"].given_up) == (0, timedelta(), 0)


async def test_prometheus_reads_the_same_as_the_operator(db: Database) -> None:
    async with recorded(db, "sow", "w1") as run:
        run.items = 7
    async with db.begin(SYSTEM) as tx:
        tx.session.add(ReminderBatch(first_id=1, last_id=9, due_at=utc_now() - timedelta(minutes=1)))
    seen = await look(db, 5)
    async with db.snapshot(SYSTEM) as tx:
        page = (await exposition(tx)).decode()
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    line = next(line for line in seen["jobs"] if line["job"] == "sow")
    queue = next(queue for queue in seen["queues"] if queue["queue"] == "reminders")
    assert samples["vdept_job_items_total", "sow"] == line["items"] == 7
    assert samples["vdept_job_runs_total", "sow"] == line["runs"] == 1
    assert samples["vdept_queue_waiting", "reminders"] == queue["waiting"] == 1
    assert samples["vdept_queue_lag_seconds", "reminders"] >= queue["lag_seconds"] >= 60
    assert samples["vdept_workers",] == seen["workers"] == 0


def test_every_scheduled_job_has_a_next_time_in_the_future() -> None:
    now = utc_now()
    plan = scheduled(now)
    assert {"reevaluate", "audit_outcomes", "forget_credentials"} <= set(plan)
    assert all(now < when <= now + timedelta(days=32) for when in plan.values())
    assert plan["audit_outcomes"].astimezone(LOCAL).hour == 2
