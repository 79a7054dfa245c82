"""What the commands of an operator do, on an open database."""

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from vdept.kernel import migrations
from vdept.kernel.actor import system
from vdept.kernel.clock import LOCAL
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Locale, Refused
from vdept.kernel.settings import Settings
from vdept.outcomes import auditing, refresh
from vdept.people.models import Person
from vdept.people.tokens import list_tokens, mint_token, revoke_token
from vdept_workers.runtime import Failure, say

ACTOR = system("cli")
APPEND_ONLY = ("activity", "measurement")


def check_migrations(settings: Settings) -> None:
    """The migrations build exactly the models, tried on a scratch database that is dropped again."""
    if url := settings.migration_url or settings.database_url:
        found = asyncio.run(migrations.differences(url))
    else:
        from vdept.kernel import embedded

        with tempfile.TemporaryDirectory(prefix="vdept-check-", ignore_cleanup_errors=True) as folder:
            running = embedded.start(Path(folder), settings=embedded.FAST_AND_FORGETFUL, say=say)
            try:
                found = asyncio.run(migrations.differences(running.database_url))
            finally:
                running.stop()
    if found is not None:
        msg = f"The models and the migrations differ. {found}"
        raise Failure(msg)


async def _person(tx: Tx, email: str) -> Person:
    person = await tx.session.scalar(sa.select(Person).where(sa.func.lower(Person.email) == email.lower()))
    if person is None:
        msg = f"Nobody on the platform has the e-mail address {email}."
        raise Failure(msg)
    return person


async def mint(database: Database, email: str, *, label: str, ttl: timedelta) -> str:
    """A bearer token for the person with this e-mail address."""
    async with database.begin(ACTOR) as tx:
        return await mint_token(tx, await _person(tx, email), label=label, ttl=ttl)


async def tokens(database: Database, email: str) -> list[str]:
    """One line a token: id, state, end, label."""
    async with database.snapshot(ACTOR) as tx:
        person = await _person(tx, email)
        lines = []
        for row in await list_tokens(tx, person.id):
            valid = row.revoked_at is None and row.expires_at > tx.now
            end = (row.revoked_at or row.expires_at).astimezone(LOCAL)
            lines.append(f"{row.id}\t{'valid until' if valid else 'ended'} {end:%Y-%m-%d %H:%M}\t{row.label}")
        return lines


async def revoke(database: Database, token_id: int) -> None:
    async with database.begin(ACTOR) as tx:
        await revoke_token(tx, token_id)


SHOWN = 20
"""Wrong values that a check names; more of them say no more."""


async def rebuild(database: Database, code: str | None, *, check: bool) -> list[tuple[str, int]]:
    """Rebuild one plan or all of them; how many derived rows were wrong in each.

    ``check`` corrects nothing and names what is wrong. What waits is applied first, as a worker would do; a
    change still on its way after that is no error.
    """
    while (await refresh.refresh(database)).changes:
        pass
    try:
        if not check:
            rebuilt = await auditing.rebuild(database, code)
            return [(plan, report.total) for plan, report in rebuilt.items()]
        audits = await auditing.audit_all(database, code)
    except Refused as refused:
        raise Failure(refused.message(Locale.EN)) from None
    for plan, audit in audits.items():
        for difference in audit.differences[:SHOWN]:
            say(f"{plan}: {difference}")
    return [(plan, audit.rows) for plan, audit in audits.items()]


async def verify_activity(database: Database) -> tuple[list[str], int]:
    """What is wrong with the activity log, and how many activities it holds."""
    found = []
    async with database.snapshot(ACTOR) as tx:
        guarded = set(
            await tx.session.scalars(
                sa.text(
                    "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
                    "WHERE t.tgname = 'append_only' AND t.tgenabled IN ('O', 'A')"
                )
            )
        )
        found += [
            f"{table}: the trigger that refuses changes is missing"
            for table in APPEND_ONLY
            if table not in guarded
        ]
        row = (
            await tx.session.execute(
                sa.text(
                    "SELECT count(*) AS total, count(*) FILTER (WHERE id < 1) AS bad_ids, "
                    "count(*) FILTER (WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())) AS future, "
                    "count(*) FILTER (WHERE at > clock_timestamp() + interval '5 minutes') AS early, "
                    "coalesce(max(id), 0) > coalesce((SELECT last_value FROM pg_sequences "
                    "WHERE sequencename = 'activity_id_seq'), 0) AS beyond FROM activity"
                )
            )
        ).one()
        if row.bad_ids or row.beyond:
            found.append("activity: there are ids that the log never gave out")
        if row.future:
            found.append(f"activity: {row.future} rows carry a transaction that has not begun")
        if row.early:
            found.append(f"activity: {row.early} rows are from the future")
    return found, int(row.total)
