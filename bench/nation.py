"""Made-up nations of any size, written straight into the tables with ``INSERT … SELECT``."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from bench.servers import SYSTEM, settle
from vdept.kernel.db import Database
from vdept.outcomes.rebuild import rebuild_plan

_UNITS = """INSERT INTO unit (id, code, name, kind, parent_id, path, sort_key, search, valid_from)
    OVERRIDING SYSTEM VALUE """
_TARGETS = """INSERT INTO target (plan_id, key_result_id, indicator_id, unit_id, parent_id, level, value,
    baseline, starts_on, due_on, assigned_by_unit_id, assigned_at) """
_DATES = "DATE '2026-01-01', DATE '2026-12-31'"


async def run(session: AsyncSession, *statements: str, **params: object) -> None:
    for statement in statements:
        await session.execute(sa.text(statement), params)


async def units(session: AsyncSession, *, provinces: int, communes: int) -> None:
    """Unit 1 is the government, 2…n+1 the provinces, from 1001 the communes spread over them."""
    await run(
        session,
        _UNITS + "VALUES (1, 'G', 'Chính phủ', 'GOVERNMENT', NULL, '{1}', 'g', 'g', '2000-01-01')",
        _UNITS
        + """SELECT 1 + i, 'P' || i, 'Tỉnh ' || i, 'PROVINCE', 1, ARRAY[1, 1 + i], 'p' || i, 'tinh ' || i,
            '2000-01-01' FROM generate_series(1, CAST(:provinces AS int)) i""",
        provinces=provinces,
    )
    await run(
        session,
        _UNITS
        + """SELECT 1000 + i, 'C' || i, 'Xã ' || i, 'COMMUNE', p, ARRAY[1, p, 1000 + i], 'c' || i, 'xa ' || i,
            '2000-01-01' FROM generate_series(1, CAST(:communes AS int)) i,
            LATERAL (SELECT 2 + i % CAST(:provinces AS int) AS p) x""",
        provinces=provinces,
        communes=communes,
    )
    await run(session, "SELECT setval(pg_get_serial_sequence('unit', 'id'), (SELECT max(id) FROM unit))")


async def plan(session: AsyncSession, *, key_results: int, rollup: str = "RATIO") -> None:
    """Plan 1 of the government with ``key_results`` percentages, each 60 % by the end of 2026."""
    await run(
        session,
        f"""INSERT INTO plan (id, code, title, issuer_unit_id, starts_on, ends_on, audience, state)
            OVERRIDING SYSTEM VALUE VALUES (1, 'KH', 'Kế hoạch', 1, {_DATES}, 'GOVERNMENT', 'ISSUED')""",
        """INSERT INTO objective (id, plan_id, position, title)
            OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 'Mục tiêu')""",
        """INSERT INTO indicator (id, code, name, unit_of_measure, direction, numerator, denominator,
                sort_key, search)
            OVERRIDING SYSTEM VALUE SELECT i, 'I' || i, 'Chỉ số ' || i, '%', 'AT_LEAST', 'tử số', 'mẫu số',
                'i', 'i' FROM generate_series(1, CAST(:n AS int)) i""",
        """INSERT INTO key_result (id, plan_id, objective_id, indicator_id, position, title, value, baseline,
                due_on, rollup, basis)
            OVERRIDING SYSTEM VALUE SELECT i, 1, 1, i, i, 'Chỉ tiêu ' || i, 60, 0, '2026-12-31',
                CAST(:rollup AS text), 'MEASURED' FROM generate_series(1, CAST(:n AS int)) i""",
        n=key_results,
        rollup=rollup,
    )
    await run(
        session,
        *(
            f"SELECT setval(pg_get_serial_sequence('{t}', 'id'), (SELECT max(id) FROM {t}))"
            for t in ("plan", "objective", "indicator", "key_result")
        ),
    )


async def targets(session: AsyncSession) -> None:
    """Every key result assigned to the government, every province and every commune."""
    await run(
        session,
        _TARGETS + f"SELECT 1, id, indicator_id, 1, NULL, 0, 60, 0, {_DATES}, 1, now() FROM key_result",
        _TARGETS + f"SELECT 1, t.key_result_id, t.indicator_id, u.id, t.id, 1, 60, 0, {_DATES}, 1, now() "
        "FROM target t, unit u WHERE u.kind = 'PROVINCE' AND t.level = 0",
        _TARGETS + f"SELECT 1, t.key_result_id, t.indicator_id, u.id, t.id, 2, 60, 0, {_DATES}, 1, now() "
        "FROM target t JOIN unit u ON u.parent_id = t.unit_id WHERE u.kind = 'COMMUNE' "
        "ORDER BY t.key_result_id, u.id",
    )


async def measurements(session: AsyncSession) -> None:
    """One measured value for every commune and indicator."""
    await run(
        session,
        """INSERT INTO measurement (indicator_id, unit_id, basis, as_of, value, numerator, denominator,
                source, recorded_at)
            SELECT t.indicator_id, t.unit_id, 'MEASURED', DATE '2026-06-30', round(100.0 * n / 1000, 6),
                n, 1000, 'bench', now()
            FROM target t, LATERAL (SELECT (t.indicator_id * 7919 + t.unit_id * 104729) % 1000 AS n) x
            WHERE t.level = 2 ORDER BY t.id""",
    )


async def whole(database: Database, owner: Database, *more: str) -> None:
    """63 provinces, 11,000 communes and their 221,280 targets, ``more`` besides; measured and rolled up."""
    async with owner.begin(SYSTEM) as tx:
        await units(tx.session, provinces=63, communes=11_000)
        await plan(tx.session, key_results=20)
        await targets(tx.session)
        await measurements(tx.session)
        await run(tx.session, *more)
    await settle(database)
    async with database.begin(SYSTEM) as tx:
        await rebuild_plan(tx, 1)
    await settle(database)
