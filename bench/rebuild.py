"""Rebuild 220,000 leaf targets on three levels against one read-only aggregate that gives the same sums.

The reference is what PostgreSQL cannot do without: reading the rows once and adding them up for every
province and for the nation in one ``GROUPING SETS`` query. *Levels* starts from the leaves' outcomes;
*from the truth* starts from the measurements, as ``vdept outcomes rebuild`` does.
"""

import sqlalchemy as sa

from bench import nation
from bench.harness import Figure, main, paired
from bench.servers import SYSTEM, fresh, owned, settle
from vdept.kernel.db import Database
from vdept.outcomes import formulas
from vdept.outcomes.rebuild import PLANNING, rebuild_level, rebuild_plan
from vdept.outcomes.refresh import lock

_ADDED = ", ".join(f"sum({formulas.added(e, 'r')})" for e in formulas.TO_PARENT.values())
SAME_SUMS = f"""SELECT key_result_id, parent_id, {_ADDED} FROM target_outcome r
    WHERE plan_id = 1 AND level = 2 GROUP BY GROUPING SETS ((key_result_id), (key_result_id, parent_id))"""
SHORT_SUMS = """SELECT key_result_id, parent_id, count(*), sum(measured_numerator), sum(measured_denominator)
    FROM target_outcome WHERE plan_id = 1 AND level = 2
    GROUP BY GROUPING SETS ((key_result_id), (key_result_id, parent_id))"""
FROM_THE_TRUTH = """SELECT t.key_result_id, t.parent_id, count(*), sum(m.value), sum(m.numerator),
        sum(m.denominator), count(r.value), sum(r.value)
    FROM target t JOIN plan p ON p.id = t.plan_id
    LEFT JOIN LATERAL (SELECT value, numerator, denominator FROM measurement
        WHERE unit_id = t.unit_id AND indicator_id = t.indicator_id AND basis = 'MEASURED'
          AND as_of BETWEEN p.starts_on AND t.due_on ORDER BY as_of DESC, id DESC LIMIT 1) m ON true
    LEFT JOIN LATERAL (SELECT value FROM measurement
        WHERE unit_id = t.unit_id AND indicator_id = t.indicator_id AND basis = 'REPORTED'
          AND as_of BETWEEN p.starts_on AND t.due_on ORDER BY as_of DESC, id DESC LIMIT 1) r ON true
    WHERE t.plan_id = 1 AND t.level = 2
    GROUP BY GROUPING SETS ((t.key_result_id), (t.key_result_id, t.parent_id))"""


async def bench() -> list[Figure]:
    async with fresh("bench_rebuild") as (database, _):
        async with owned(database) as owner, owner.begin(SYSTEM) as tx:
            await nation.units(tx.session, provinces=63, communes=11_000)
            await nation.plan(tx.session, key_results=20)
            await nation.targets(tx.session)
            await nation.measurements(tx.session)
        await settle(database)
        async with database.begin(SYSTEM) as tx:
            await rebuild_plan(tx, 1)
        await settle(database)
        return [
            await paired(
                "rebuild: levels above 220,000 leaves / the same sums read-only",
                lambda: _levels(database),
                lambda: _read(database, SAME_SUMS),
                "<= 2",
            ),
            await paired(
                "rebuild: levels above 220,000 leaves / three sums read-only",
                lambda: _levels(database),
                lambda: _read(database, SHORT_SUMS),
                "<= 2",
            ),
            await paired(
                "rebuild: everything from the measurements / the same readings aggregated read-only",
                lambda: _rebuild(database),
                lambda: _read(database, FROM_THE_TRUTH),
                "<= 2",
                runs=5,
            ),
        ]


async def _levels(database: Database) -> None:
    """What a rebuild does above the leaves; nothing differs, so nothing may be rewritten."""
    async with database.begin(SYSTEM) as tx:
        await lock(tx.session, 1)
        await tx.session.execute(sa.text(PLANNING))
        for level in (1, 0):
            assert await rebuild_level(tx.session, 1, level) == 0


async def _rebuild(database: Database) -> None:
    async with database.begin(SYSTEM) as tx:
        await lock(tx.session, 1)
        assert (await rebuild_plan(tx, 1)).total == 0


async def _read(database: Database, query: str) -> None:
    async with database.snapshot(SYSTEM) as tx:
        (await tx.session.execute(sa.text(query))).all()


if __name__ == "__main__":
    main(bench)
