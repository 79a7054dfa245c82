"""Verdicts of 220,000 targets and 11,064 units that fell due on one day.

The reference is the plainest SQL that writes the same rows: they are kept aside and copied back into the
emptied table, indices and all. Ours judges every outcome, looks up who is in office, and compares with what
stands. Telling everybody comes on top; and so does the run after, which finds nothing changed.
"""

from datetime import UTC, date, datetime

import sqlalchemy as sa

from bench import nation
from bench.harness import Figure, figure, main, paired, timed
from bench.servers import SYSTEM, fresh, owned, settle, vacuum
from bench.warnings import PEOPLE
from vdept.kernel.db import Database
from vdept.verdicts import issuing
from vdept.verdicts.issuing import Report, issue

AS_OF = date(2027, 1, 15)
"""Everything fell due two weeks ago."""
NOW = datetime(2027, 1, 15, 2, 0, tzinfo=UTC)
_EVALUATION = "INSERT INTO plan_evaluation (plan_id, evaluated_on) VALUES (1, DATE '2027-01-15')"
_KEPT_ASIDE = "CREATE TABLE aside AS SELECT * FROM verdict"
_COPIED = "INSERT INTO verdict OVERRIDING SYSTEM VALUE SELECT * FROM aside"


async def bench() -> list[Figure]:
    async with fresh("bench_verdicts") as (database, _), owned(database) as owner:
        await nation.whole(database, owner, PEOPLE, _EVALUATION)
        return await _measure(database, owner)


async def _measure(database: Database, owner: Database) -> list[Figure]:
    async def emptied() -> None:
        async with owner.begin(SYSTEM) as tx:
            await tx.session.execute(sa.text("TRUNCATE verdict, verdict_news, notification, mail_queue"))
        await vacuum(owner, "ANALYZE verdict")

    async def issued() -> None:
        report = Report()
        async with database.begin(issuing.ACTOR, now=NOW) as tx:
            await issuing.keep(tx, 1, 1, report)
        assert report.issued == count, report

    async def told() -> None:
        report = await issue(database, as_of=AS_OF, now=NOW)
        assert report.issued == count, report
        assert report.told > 0

    async def copied() -> None:
        async with owner.begin(SYSTEM) as tx:
            await tx.session.execute(sa.text(_COPIED))

    count = (await issue(database, as_of=AS_OF, now=NOW)).issued
    assert count >= 220_000, count
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text(_KEPT_ASIDE))
    name = f"verdicts: {count:,} fall due on one day"
    figures = [
        await paired(f"{name} / the same rows copied", issued, copied, "<= 4", runs=3, between=emptied),
        await paired(
            f"{name}, and everybody is told / the same rows copied",
            told,
            copied,
            "<= 8",
            runs=3,
            between=emptied,
        ),
    ]
    await emptied()
    await told()
    await settle(database)

    async def unchanged() -> None:
        assert await issue(database, as_of=AS_OF, now=NOW) == Report()

    again = [await timed(unchanged) for _ in range(3)]
    return [
        *figures,
        figure(
            "verdicts: the same again, nothing changed / the first run",
            min(again),
            figures[1].ours,
            "ms",
            "<= 1",
        ),
    ]


if __name__ == "__main__":
    main(bench)
