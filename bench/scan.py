"""The scan of a million open tasks, of which about 100,000 have a reminder due that day.

The reference is the plainest SQL that writes the same rows: one ``INSERT … SELECT`` from the tasks due on
the days that have a step, with everybody's recipients already known in a table by task and step. Both start
from empty tables of reminders and commit durably.
"""

from datetime import UTC, date, datetime

import sqlalchemy as sa

from bench.harness import Figure, figure, main, paired, timed
from bench.many_tasks import COMMUNES, PERSONS, TASKS, seed
from bench.servers import SYSTEM, fresh, owned, settle, vacuum
from vdept.calendars.upkeep import ensure
from vdept.deadlines import scanning
from vdept.kernel.db import Database

GOAL = "<= 2"
AS_OF = date(2026, 9, 16)
"""A Wednesday without a holiday beside it, so that the number of reminders is the same every time."""

NOW = datetime(2026, 9, 15, 17, 5, tzinfo=UTC)
DAYS = 292
"""Over how many days the due dates are spread: so many that about 100,000 reminders are due on one."""

_HASH = "(hashint8(CAST(id AS bigint)) & 2147483647)"
_PLACE = f"task_id % {COMMUNES - 1}"
_OPENED = (
    "SET LOCAL session_replication_role = replica",
    f"""UPDATE task SET state = 'IN_PROGRESS', delivered_on = NULL,
        due_on = CAST(:as_of AS date) - {DAYS // 2} + {_HASH} % {DAYS},
        created_at = TIMESTAMPTZ '2025-01-01 00:00:00Z', updated_at = TIMESTAMPTZ '2025-01-01 00:00:00Z'""",
    "TRUNCATE assignee",
    f"""INSERT INTO assignee (task_id, person_id, unit_id, assigned_at)
    SELECT task_id, 1 + {_PLACE} + {COMMUNES - 1} * k, 1002 + {_PLACE}, TIMESTAMPTZ '2025-01-01 00:00:00Z'
    FROM generate_series(1, {TASKS}) task_id, LATERAL (VALUES (task_id % 7), (7 + task_id % 8)) places (k)""",
    f"""INSERT INTO membership (person_id, unit_id, role, starts_on)
    SELECT p, 1002 + (p - 1) % {COMMUNES - 1}, 'MEMBER', DATE '2020-01-01'
    FROM generate_series(1, {(COMMUNES - 1) * 15}) p""",
    f"""WITH post AS (
        SELECT u.id AS unit_id, role, {PERSONS} + row_number() OVER (ORDER BY u.id, role) AS person_id
        FROM unit u, (VALUES ('HEAD'), ('COORDINATOR')) roles (role)),
    made AS (
        INSERT INTO person (id, name, email, sort_key, search) OVERRIDING SYSTEM VALUE
        SELECT person_id, 'Lãnh đạo ' || person_id, 'q' || person_id || '@example.vn', 'q', 'q' FROM post)
    INSERT INTO membership (person_id, unit_id, role, starts_on)
    SELECT person_id, unit_id, role, DATE '2020-01-01' FROM post""",
)

_KNOWN = (
    "CREATE TABLE known_hit AS SELECT DISTINCT due_on, step FROM reminder",
    """CREATE TABLE known AS SELECT subject_id AS task_id, step, recipient_id, recipient, unit_id
    FROM reminder ORDER BY subject_id, step""",
    "CREATE INDEX ON known (task_id, step)",
    "GRANT SELECT ON known, known_hit TO vdept_app",
)
_REFERENCE = sa.text(
    """INSERT INTO reminder (subject, subject_id, due_on, step, recipient_id, recipient, unit_id, plan_id,
        scheduled_on, due_at)
    SELECT 'TASK', t.id, t.due_on, h.step, k.recipient_id, k.recipient, k.unit_id, t.plan_id, :as_of, :now
    FROM known_hit h
    JOIN task t ON t.due_on = h.due_on AND t.state = 'IN_PROGRESS'
    JOIN known k ON k.task_id = t.id AND k.step = h.step"""
)
_COUNT = sa.text("SELECT count(*) FROM reminder")


async def bench() -> list[Figure]:
    async with fresh("bench_scan") as (database, _):
        await seed(database)
        async with owned(database) as owner:
            async with owner.begin(SYSTEM) as tx:
                await ensure(tx)
                for statement in _OPENED:
                    await tx.session.execute(
                        sa.text(statement), {"as_of": AS_OF} if ":as_of" in statement else {}
                    )
            await vacuum(owner, "VACUUM FULL task")
            await settle(database)
            return await _measure(database, owner)


async def _measure(database: Database, owner: Database) -> list[Figure]:
    await _scan(database)
    async with owner.begin(SYSTEM) as tx:
        count = (await tx.session.execute(_COUNT)).scalar_one()
        for statement in _KNOWN:
            await tx.session.execute(sa.text(statement))
    await settle(database)
    assert 95_000 <= count <= 105_000, count
    again = [await timed(lambda: _scan(database)) for _ in range(3)]

    async def emptied() -> None:
        async with owner.begin(SYSTEM) as tx:
            await tx.session.execute(sa.text("TRUNCATE reminder, reminder_batch, reminder_scan"))

    async def scanned() -> None:
        assert await _scan(database) == count

    async def written() -> None:
        async with database.begin(SYSTEM) as tx:
            await tx.session.execute(_REFERENCE, {"as_of": AS_OF, "now": NOW})

    name = f"scan of {TASKS:,} open tasks, {count:,} reminders due / bare INSERT … SELECT"
    first = await paired(name, scanned, written, GOAL, runs=5, between=emptied)
    return [
        first,
        figure(
            "the same day scanned again, nothing new / scanned first", min(again), first.ours, "ms", "<= 1"
        ),
    ]


async def _scan(database: Database) -> int:
    return (await scanning.scan(database, as_of=AS_OF, now=NOW)).reminders


if __name__ == "__main__":
    main(bench)
