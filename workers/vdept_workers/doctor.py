"""``vdept doctor``: everything that the platform stands on, one line each."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from vdept.kernel import job_runs, leases, migrations
from vdept.kernel.actor import system
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept.monitoring.queues import queues
from vdept_workers.doorbell import open_redis
from vdept_workers.runtime import Addresses, Failure, first_line, servers
from vdept_workers.sweep import AWAY
from vdept_workers.worker import HEARTBEAT

ACTOR = system("doctor")
EXTENSIONS = frozenset({"pg_trgm", "btree_gist"})
SKEW = 2.0
"""Seconds that this machine's clock and the database's may differ."""

LAG = timedelta(seconds=5)
"""How old the oldest change may be that is not in the outcomes yet."""

QUEUE_LAG = timedelta(minutes=5)
"""How long the oldest thing in a queue may have been due."""


class Finding(NamedTuple):
    """What one check saw."""

    holds: bool
    said: str
    advice: str = ""
    warns: bool = False
    """It holds, and could be better: the advice is shown all the same."""


@dataclass(frozen=True)
class Patient:
    """What the checks look at."""

    settings: Settings
    addresses: Addresses
    database: Database


async def check_python(_: Patient) -> Finding:
    version = sys.version_info
    return Finding(
        version >= (3, 11),
        f"{version.major}.{version.minor}.{version.micro}",
        "Python 3.11 or newer is needed.",
    )


async def check_database(patient: Patient) -> Finding:
    async with patient.database.snapshot(ACTOR) as tx:
        number = int(await tx.session.scalar(sa.text("SHOW server_version_num")) or 0)
    return Finding(
        number >= 180000, f"PostgreSQL {number // 10000}.{number % 100}", "PostgreSQL 18 is needed."
    )


async def check_migrations(patient: Patient) -> Finding:
    behind = await migrations.behind(patient.addresses.database_url)
    return Finding(not behind, "behind the code" if behind else "current", "Run `vdept migrate`.")


async def check_extensions(patient: Patient) -> Finding:
    async with patient.database.snapshot(ACTOR) as tx:
        there = set(await tx.session.scalars(sa.text("SELECT extname FROM pg_extension")))
    missing = EXTENSIONS - there
    said = f"missing: {', '.join(sorted(missing))}" if missing else ", ".join(sorted(EXTENSIONS))
    return Finding(not missing, said, "CREATE EXTENSION as a superuser, or run `vdept migrate`.")


AWAY_ADVICE = "Is it running, is its address right, and has `vdept migrate` run?"
GUARDED = (
    "task",
    "participation",
    "assignee",
    "task_comment",
    "task_evidence",
    "task_extension",
    "task_recurrence",
    "reminder",
    "notification",
    "notification_preference",
    "mail_queue",
    "mail",
    "webhook_endpoint",
    "webhook_delivery",
    "early_warning",
    "calendar_feed",
    "source_connector",
    "intake",
    "rejected_reading",
    "signal",
    "verdict",
    "verdict_news",
    "outcome_gap",
)
"""Tables whose rows the database itself shows to nobody but whom they are for."""

_WALL = sa.text(
    """SELECT session_user AS login, login.rolsuper OR login.rolbypassrls AS bypasses,
        ARRAY(SELECT name FROM unnest(CAST(:guarded AS text[])) AS name
              WHERE NOT row_security_active(name)) AS open,
        EXISTS (SELECT FROM pg_class c WHERE CAST(c.relname AS text) = ANY (:guarded) AND c.relkind = 'r'
                AND pg_has_role(session_user, c.relowner, 'USAGE')) AS owns
    FROM pg_roles login WHERE login.rolname = session_user"""
).bindparams(sa.bindparam("guarded", type_=sa.ARRAY(sa.Text())))


async def check_row_security(patient: Patient) -> Finding:
    """The platform's role is held by the policies; its login should have no way around them either."""
    async with patient.database.snapshot(ACTOR) as tx:
        row = (await tx.session.execute(_WALL, {"guarded": list(GUARDED)})).one()
    if row.open:
        return Finding(
            False, f"not enforced on {', '.join(row.open)}", "Run `vdept migrate`; see docs/architecture.md."
        )
    if not patient.settings.database_url:
        return Finding(True, "enforced; the embedded server's login is its superuser")
    if row.bypasses or row.owns:
        what = "bypasses row security" if row.bypasses else "owns the tables"
        advice = "Use this login for VDEPT_MIGRATION_URL only; see README, Production."
        return Finding(True, f"enforced; but the login {row.login} {what}", advice, warns=True)
    return Finding(True, f"enforced; the login {row.login} has no way around it")


async def check_clock(patient: Patient) -> Finding:
    async with patient.database.snapshot(ACTOR) as tx:
        before = time.time()
        there = await tx.session.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())"))
        here = (before + time.time()) / 2
    skew = abs(here - float(there or 0))
    return Finding(skew <= SKEW, f"{skew:.3f} s apart", "Set this machine's clock, or the database's (NTP).")


async def check_redis(patient: Patient) -> Finding:
    redis = open_redis(patient.addresses.redis_url)
    try:
        server: dict[str, Any] = await redis.info("server")
    finally:
        await redis.aclose()
    name = server.get("server_name", "redis")
    return Finding(True, f"{name} {server.get(f'{name}_version', server.get('redis_version'))}")


async def check_providers(patient: Patient) -> Finding:
    """Every identity provider answers with a discovery document and keys."""
    from vdept.identity import providers
    from vdept_graphql.sign_in.oidc_http import ProviderAway
    from vdept_graphql.sign_in.oidc_provider import Remote

    try:
        listed = providers.of(patient.settings)
    except ValueError as error:
        return Finding(False, str(error), "Set VDEPT_OIDC_PROVIDERS right.")
    for provider in listed:
        try:
            async with asyncio.timeout(5):
                if not await Remote(provider).keys():
                    raise ProviderAway("it has no key to sign with")
        except (ProviderAway, TimeoutError) as error:
            said = f"{provider.key}: {error or 'no answer'}"
            return Finding(False, said, "Is its issuer right, and can it be reached from here?")
    return Finding(True, ", ".join(provider.key for provider in listed) or "none: one-time links only")


async def check_data(patient: Patient) -> Finding:
    if patient.settings.database_url and patient.settings.redis_url:
        return Finding(True, "not needed: both servers are given")
    folder = Path(patient.settings.data_dir)
    good = os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    return Finding(good, str(folder), "Set VDEPT_DATA_DIR to a folder that can be written.")


async def check_worker(patient: Patient) -> Finding:
    async with patient.database.snapshot(ACTOR) as tx:
        alive = await leases.living(tx.session, HEARTBEAT)
    return Finding(bool(alive), f"{len(alive)} alive", "Start one: `vdept worker`.")


async def check_outcomes(patient: Patient) -> Finding:
    """The lag: the activity's instant of the oldest change that is not rolled up, seen twice."""
    first = await _oldest_change(patient)
    if first is None:
        return Finding(True, "nothing waits")
    deadline = datetime.now(UTC) + LAG
    while datetime.now(UTC) < deadline:
        await asyncio.sleep(0.2)
        now = await _oldest_change(patient)
        if now is None or now > first:
            return Finding(True, "moving")
    said = f"a change has waited for more than {LAG.seconds} s"
    return Finding(False, said, "See the worker's log; is one running?")


async def _oldest_change(patient: Patient) -> int | None:
    async with patient.database.snapshot(ACTOR) as tx:
        found: int | None = await tx.session.scalar(sa.text("SELECT min(id) FROM outcome_change"))
        return found


async def check_jobs(patient: Patient) -> Finding:
    """No job fails again and again, no queue stands still, nothing was given up."""
    async with patient.database.snapshot(ACTOR) as tx:
        failing = [state.job for state in (await job_runs.board(tx, runs=0)).states if state.failing]
        waiting = await queues(tx, tx.now)
    late = [queue.name for queue in waiting if queue.lag > QUEUE_LAG]
    given_up = sum(queue.given_up for queue in waiting)
    parts = [
        *(f"failing: {job}" for job in failing),
        *(f"standing still: {name}" for name in late),
        *([f"{given_up} deliveries given up"] if given_up else []),
    ]
    advice = "`vdept jobs` shows them."
    return Finding(not failing and not late, "; ".join(parts) or "nothing is late", advice, bool(parts))


CHECKS: dict[str, Callable[[Patient], Awaitable[Finding]]] = {
    "python": check_python,
    "data": check_data,
    "database": check_database,
    "migrations": check_migrations,
    "extensions": check_extensions,
    "row security": check_row_security,
    "clock": check_clock,
    "redis": check_redis,
    "providers": check_providers,
    "worker": check_worker,
    "outcomes": check_outcomes,
    "jobs": check_jobs,
}


def run(settings: Settings, only: tuple[str, ...]) -> bool:
    """Run the checks, print what they saw, and say whether all of them hold."""
    try:
        with servers(settings) as addresses:
            findings = asyncio.run(_examine(settings, addresses, only))
    except Failure as failure:
        findings = {"servers": Finding(False, failure.format_message(), "")}
    table = Table("check", "", "what was seen", "what to do")
    for name, finding in findings.items():
        mark = "[green]holds[/]" if finding.holds else "[red]does not hold[/]"
        told = not finding.holds or finding.warns
        table.add_row(
            name, "[yellow]holds[/]" if finding.warns else mark, finding.said, finding.advice * told
        )
    Console().print(table)
    return all(finding.holds for finding in findings.values())


async def _examine(settings: Settings, addresses: Addresses, only: tuple[str, ...]) -> dict[str, Finding]:
    database = Database(addresses.database_url, pool_size=4)
    patient = Patient(settings, addresses, database)
    findings = {}
    try:
        for name in only:
            try:
                findings[name] = await asyncio.wait_for(CHECKS[name](patient), 15)
            except AWAY as error:
                findings[name] = Finding(False, first_line(error), AWAY_ADVICE)
    finally:
        await database.close()
    return findings
