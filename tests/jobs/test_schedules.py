"""What arq is told, and what its defaults would do instead."""

import msgspec
from arq.connections import RedisSettings
from arq.jobs import deserialize_job, serialize_job
from arq.worker import Worker, get_kwargs

from vdept.kernel.clock import LOCAL
from vdept_workers import jobs
from vdept_workers.doorbell import JOBS, decode, encode
from vdept_workers.settings import DAILY, WorkerSettings


def worker() -> Worker:
    wanted = get_kwargs(dict(vars(WorkerSettings)))
    return Worker(**wanted, redis_settings=RedisSettings(), handle_signals=False)


async def test_arq_is_tuned_for_latency_and_keeps_no_results() -> None:
    made = worker()
    assert (made.poll_delay_s, made.max_jobs, made.keep_result_s) == (0.05, 100, 0)
    assert made.timezone is LOCAL


async def test_every_job_has_a_timeout_of_its_own_and_keeps_no_result() -> None:
    for function in worker().functions.values():
        assert function.timeout_s is not None, function.name
        assert function.timeout_s <= 300, function.name
        assert function.keep_result_s == 0, function.name


async def test_every_bell_is_answered_by_a_job() -> None:
    assert set(JOBS.values()) <= set(worker().functions)


async def test_daily_jobs_are_tried_at_midnight_in_vietnam_and_every_hour_after_it() -> None:
    schedules = {job.coroutine: job for job in WorkerSettings.cron_jobs}
    for job in DAILY:
        minute = schedules[job].minute
        assert schedules[job].hour is None
        assert 0 in ({minute} if isinstance(minute, int) else minute)
    assert schedules[jobs.forget_idempotency_keys].hour is None


def test_jobs_travel_as_msgpack_and_not_as_pickle() -> None:
    raw = serialize_job("refresh_outcomes", (1, "x"), {"id": 7}, None, 5, serializer=encode)
    assert msgspec.msgpack.decode(raw)["f"] == "refresh_outcomes"
    job = deserialize_job(raw, deserializer=decode)
    assert (job.function, list(job.args), job.kwargs) == ("refresh_outcomes", [1, "x"], {"id": 7})


def test_a_failure_as_a_result_can_be_written_down() -> None:
    assert decode(encode({"r": ValueError("no")})) == {"r": "no"}
