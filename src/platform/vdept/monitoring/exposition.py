"""The same as Prometheus metrics: read from the database at the moment of the scrape, kept nowhere else.

Any API process answers for the whole platform, and no counter starts again when a process does.
"""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from vdept.kernel import leases
from vdept.kernel.db import Tx
from vdept.kernel.job_runs import JobState, board
from vdept.monitoring.queues import Queue, queues

CONTENT_TYPE = CONTENT_TYPE_LATEST
WORKERS = "worker:"
"""The prefix of the leases that live workers keep."""


class _Reading(Collector):
    def __init__(self, waiting: list[Queue], states: list[JobState], workers: int) -> None:
        self._waiting = waiting
        self._states = states
        self._workers = workers

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("vdept_workers", "Workers that are alive.", self._workers)
        yield from self._queues()
        yield from self._jobs()

    def _queues(self) -> Iterable[Metric]:
        waiting = GaugeMetricFamily(
            "vdept_queue_waiting", "Things that are due and not done.", labels=["queue"]
        )
        lag = GaugeMetricFamily(
            "vdept_queue_lag_seconds", "How long the oldest of them has been due.", labels=["queue"]
        )
        given_up = GaugeMetricFamily(
            "vdept_queue_given_up", "Things that were given up and wait for a person.", labels=["queue"]
        )
        for queue in self._waiting:
            waiting.add_metric([queue.name], queue.waiting)
            lag.add_metric([queue.name], queue.lag.total_seconds())
            given_up.add_metric([queue.name], queue.given_up)
        yield from (waiting, lag, given_up)

    def _jobs(self) -> Iterable[Metric]:
        runs = CounterMetricFamily("vdept_job_runs", "Runs of a job.", labels=["job"])
        failures = CounterMetricFamily("vdept_job_failures", "Runs that failed.", labels=["job"])
        items = CounterMetricFamily("vdept_job_items", "Things that a job did.", labels=["job"])
        seconds = CounterMetricFamily("vdept_job_seconds", "Time spent in runs of a job.", labels=["job"])
        failing = GaugeMetricFamily("vdept_job_failing", "Failures in a row.", labels=["job"])
        looked = GaugeMetricFamily(
            "vdept_job_last_look_timestamp_seconds", "When a job last looked for work.", labels=["job"]
        )
        for state in self._states:
            label = [state.job]
            runs.add_metric(label, state.runs)
            failures.add_metric(label, state.failures)
            items.add_metric(label, state.items)
            seconds.add_metric(label, state.seconds)
            failing.add_metric(label, state.failing)
            looked.add_metric(label, state.looked_at.timestamp())
        yield from (runs, failures, items, seconds, failing, looked)


async def exposition(tx: Tx) -> bytes:
    """The page that Prometheus reads; for the system only."""
    registry = CollectorRegistry(auto_describe=False)
    alive = await leases.living(tx.session, WORKERS)
    registry.register(_Reading(await queues(tx, tx.now), (await board(tx, runs=0)).states, len(alive)))
    return generate_latest(registry)
