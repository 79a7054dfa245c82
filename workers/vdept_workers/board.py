"""``vdept jobs``: what runs when, what ran last, what waits and what failed."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from vdept_workers.runtime import on_database

if TYPE_CHECKING:
    from rich.table import Table

    from vdept.kernel.db import Database
    from vdept.kernel.job_runs import JobState

ALWAYS = "always"


@click.command()
@click.option("--runs", type=click.IntRange(0, 1000), default=10, show_default=True, help="Last runs shown.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--prometheus", is_flag=True, help="Print it as Prometheus reads it.")
def jobs(runs: int, as_json: bool, prometheus: bool) -> None:
    """Show what runs when, the last runs, what waits and for how long, and what failed."""
    if prometheus:
        click.echo(on_database(_exposition), nl=False)
        return
    seen = on_database(lambda database: look(database, runs))
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(seen))
    else:
        _print(seen)


async def _exposition(database: "Database") -> bytes:
    from vdept.kernel.actor import system
    from vdept.monitoring.exposition import exposition

    async with database.snapshot(system("cli")) as tx:
        return await exposition(tx)


async def look(database: "Database", runs: int) -> dict[str, Any]:
    """The board as plain values: ``jobs``, ``queues``, ``runs``, ``workers``."""
    from vdept.kernel import job_runs, leases
    from vdept.kernel.actor import system
    from vdept.kernel.clock import utc_now
    from vdept.monitoring.exposition import WORKERS
    from vdept.monitoring.queues import queues

    async with database.snapshot(system("cli")) as tx:
        board = await job_runs.board(tx, runs=runs)
        waiting = await queues(tx, tx.now)
        alive = await leases.living(tx.session, WORKERS)
    plan = scheduled(utc_now())
    states = {state.job: state for state in board.states}
    return {
        "workers": len(alive),
        "jobs": [_line(name, plan.get(name), states.get(name)) for name in sorted({*plan, *states})],
        "queues": [
            {
                "queue": queue.name,
                "waiting": queue.waiting,
                "lag_seconds": round(queue.lag.total_seconds(), 1),
                "given_up": queue.given_up,
            }
            for queue in waiting
        ],
        "runs": [
            {
                "job": run.job,
                "started_at": run.started_at,
                "seconds": round((run.finished_at - run.started_at).total_seconds(), 3),
                "items": run.items,
                "error": run.error,
                "holder": run.holder,
            }
            for run in board.runs
        ],
    }


def scheduled(now: datetime) -> dict[str, datetime]:
    """When each scheduled job runs next."""
    from vdept.kernel.clock import LOCAL
    from vdept_workers.settings import WorkerSettings

    found = {}
    for job in WorkerSettings.cron_jobs:
        job.calculate_next(now.astimezone(LOCAL))
        if job.next_run is not None:
            found[re.sub("^cron:", "", job.name)] = job.next_run
    return found


def _line(name: str, next_run: datetime | None, state: "JobState | None") -> dict[str, Any]:
    return {
        "job": name,
        "next_run": next_run,
        "last_look": state and state.looked_at,
        "last_work": state and state.worked_at,
        "runs": state.runs if state else 0,
        "items": state.items if state else 0,
        "failures": state.failures if state else 0,
        "failing": state.failing if state else 0,
        "last_error": state and state.error,
    }


def _print(seen: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console()
    console.print(f"{seen['workers']} workers alive")
    console.print(_jobs(seen["jobs"]))
    console.print(_queues(seen["queues"]))
    if seen["runs"]:
        console.print(_runs(seen["runs"]))


def _jobs(lines: list[dict[str, Any]]) -> "Table":
    from rich.table import Column, Table

    table = Table(
        Column("job", no_wrap=True), "next", "looked", "worked", "runs", "items", "failed", "last error"
    )
    for line in lines:
        failed = (
            f"[red]{line['failures']}, {line['failing']} in a row[/]" if line["failing"] else line["failures"]
        )
        table.add_row(
            line["job"],
            _local(line["next_run"]) or ALWAYS,
            _local(line["last_look"]),
            _local(line["last_work"]),
            str(line["runs"]),
            str(line["items"]),
            str(failed or ""),
            (line["last_error"] or "")[:60],
        )
    return table


def _queues(lines: list[dict[str, Any]]) -> "Table":
    from rich.table import Table

    table = Table("queue", "waiting", "for", "given up")
    for line in lines:
        waited = str(timedelta(seconds=round(line["lag_seconds"]))) if line["waiting"] else ""
        table.add_row(line["queue"], str(line["waiting"]), waited, str(line["given_up"] or ""))
    return table


def _runs(lines: list[dict[str, Any]]) -> "Table":
    from rich.table import Table

    table = Table("last runs", "began", "seconds", "items", "error")
    for line in lines:
        table.add_row(
            line["job"],
            _local(line["started_at"]),
            f"{line['seconds']:.3f}",
            str(line["items"]),
            (line["error"] or "")[:60],
        )
    return table


def _local(instant: datetime | None) -> str:
    """The time of day in Vietnam, with the day if that is not today."""
    from vdept.kernel.clock import LOCAL

    if instant is None:
        return ""
    there, now = instant.astimezone(LOCAL), datetime.now(LOCAL)
    return f"{there:%H:%M:%S}" if there.date() == now.date() else f"{there:%d/%m %H:%M}"
