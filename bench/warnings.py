"""Early warnings of 220,000 targets, 100,000 of which fall behind their pace on one day.

The reference is the plainest SQL that writes the same rows: for every kind an ``INSERT … SELECT`` of the same
predicates into the same table, which may be empty and is not asked what stands there already. Ours finds what
is new, changed and gone, under the plan's lock. Telling 11,000 heads and their coordinators comes on top and
is measured beside it; and so is the run after, which finds nothing new.
"""

from datetime import UTC, date, datetime

import sqlalchemy as sa

from bench import nation
from bench.harness import Figure, figure, main, paired, timed
from bench.servers import SYSTEM, fresh, owned, settle, vacuum
from vdept.kernel.db import Database
from vdept.warnings import detecting
from vdept.warnings.breaches import BREACHES
from vdept.warnings.detecting import Report, detect
from vdept.warnings.statements import typed

AS_OF = date(2026, 11, 9)
"""85.7 per cent of the way: who has less than 75.7 per cent of 60 per cent is behind."""
NOW = datetime(2026, 11, 8, 17, 10, tzinfo=UTC)

PEOPLE = """WITH post AS (
        SELECT u.id AS unit_id, role, row_number() OVER (ORDER BY u.id, role) AS person_id
        FROM unit u, (VALUES ('HEAD'), ('COORDINATOR')) roles (role)),
    made AS (
        INSERT INTO person (id, name, email, sort_key, search) OVERRIDING SYSTEM VALUE
        SELECT person_id, 'Lãnh đạo ' || person_id, 'q' || person_id || '@example.vn', 'q', 'q' FROM post)
    INSERT INTO membership (person_id, unit_id, role, starts_on)
    SELECT person_id, unit_id, role, DATE '2020-01-01' FROM post"""
_EVALUATION = "INSERT INTO plan_evaluation (plan_id, evaluated_on) VALUES (1, DATE '2026-11-09')"

_BARE = [
    typed(
        f"""INSERT INTO early_warning (kind, subject, subject_id, plan_id, unit_id, severity, evidence,
            opened_on, opened_at)
        SELECT '{kind}', '{subject}', b.subject_id, :plan_id, b.unit_id, b.severity, b.evidence, :as_of, :now
        FROM ({query.replace("{in_plan}", "plan_id = :plan_id")}) b"""
    )
    for kind, (subject, query) in BREACHES.items()
]


async def bench() -> list[Figure]:
    async with fresh("bench_warnings") as (database, _), owned(database) as owner:
        await nation.whole(database, owner, PEOPLE, _EVALUATION)
        return await _measure(database, owner)


async def _measure(database: Database, owner: Database) -> list[Figure]:
    async def emptied() -> None:
        async with owner.begin(SYSTEM) as tx:
            await tx.session.execute(sa.text("TRUNCATE early_warning, notification, mail_queue"))
        await vacuum(owner, "ANALYZE early_warning")

    async def written() -> None:
        async with database.begin(SYSTEM) as tx:
            for statement in _BARE:
                await tx.session.execute(statement, {"plan_id": 1, "as_of": AS_OF, "now": NOW})

    async def detected() -> None:
        report = Report()
        async with database.begin(detecting.ACTOR, now=NOW) as tx:
            await detecting.keep(tx, 1, AS_OF, report)
        assert report.opened == await _count(database, "early_warning"), report

    async def told() -> None:
        report = await detect(database, as_of=AS_OF, now=NOW)
        assert report.told == await _count(database, "notification") <= 2 * 11_064, report

    await emptied()
    await written()
    count = await _count(database, "early_warning")
    assert 99_000 <= count <= 101_000, count
    name = f"early warnings: {count:,} of 220,000 targets breach"
    figures = [
        await paired(f"{name} / bare INSERT … SELECT", detected, written, "<= 2", runs=5, between=emptied),
        await paired(
            f"{name}, and everybody is told / bare INSERT … SELECT",
            told,
            written,
            "<= 4",
            runs=5,
            between=emptied,
        ),
    ]
    await emptied()
    await told()
    await settle(database)

    async def nothing_new() -> None:
        assert await detect(database, as_of=AS_OF, now=NOW) == Report()

    again = [await timed(nothing_new) for _ in range(4)]
    first = figures[1].ours
    return [
        *figures,
        figure(
            "early warnings: the same again, nothing new / the first run", min(again), first, "ms", "<= 1"
        ),
    ]


async def _count(database: Database, table: str) -> int:
    async with database.snapshot(SYSTEM) as tx:
        return int((await tx.session.execute(sa.text(f"SELECT count(*) FROM {table}"))).scalar_one())


if __name__ == "__main__":
    main(bench)
