"""Prove that what was added up is what a rebuild computes, without writing anything; and rebuild.

An audit looks at one snapshot of the database and takes no lock. Every stored row is compared with what the
truth and the *stored* rows below it make of it: if each row is right in this sense, all of them are what a
rebuild from nothing gives, and if one is not, the report names the very row where the error is, not its
ancestors. What differs because its change still waits in the queue, visible in the same snapshot, is no
error and only counted.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from vdept.kernel.db import Database
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.outcomes import target_statements, unit_statements
from vdept.outcomes.models import UnitOutcome
from vdept.outcomes.rebuild import PLANNING, RebuildReport, rebuild_plan
from vdept.outcomes.refresh import ACTOR, lock, prepare
from vdept.targets.models import Plan

LIMIT = 1_000
"""Differences read per table and level: an audit that finds more has found enough."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One derived value that is not what it must be; no ``column``: the whole row is missing or too many."""

    table: str
    key: tuple[int, ...]
    column: str | None
    stored: str | None
    rebuilt: str | None

    def __str__(self) -> str:
        place = f"{self.table} {', '.join(map(str, self.key))}"
        if self.column is None:
            return f"{place}: {self.stored or 'missing'}"
        return f"{place}.{self.column}: {self.stored} stored, {self.rebuilt} rebuilt"


@dataclass(slots=True)
class AuditReport:
    """What an audit of one plan found. ``waiting`` differences will be gone with the next refresh."""

    plan_id: int
    evaluated_on: date | None
    differences: list[Difference] = field(default_factory=list)
    waiting: int = 0

    @property
    def clean(self) -> bool:
        return not self.differences

    @property
    def rows(self) -> int:
        """How many rows are wrong in themselves, missing or too many."""
        return len({(difference.table, difference.key) for difference in self.differences})


def _comparison(table: str, keys: tuple[str, ...], rebuilt: str, stored: str, waiting: str) -> sa.TextClause:
    """Every differing value of ``table``; ``waiting`` says whether the row's change is still queued."""
    same_key = " AND ".join(f"o.{key} = j.{key}" for key in keys)
    key = ", ".join(f"coalesce(o.{key}, j.{key})" for key in keys)
    first = keys[0]
    return sa.text(
        f"""SELECT ARRAY[{key}] AS key, ({waiting}) AS waiting, d.name, d.stored, d.rebuilt
        FROM ({rebuilt}) j FULL JOIN (SELECT * FROM {table} WHERE {stored}) o ON {same_key}
        CROSS JOIN LATERAL (
            SELECT key AS name, s.value AS stored, r.value AS rebuilt
            FROM jsonb_each_text(to_jsonb(o)) s JOIN jsonb_each_text(to_jsonb(j)) r USING (key)
            WHERE o.{first} IS NOT NULL AND j.{first} IS NOT NULL
              AND to_jsonb(o) -> key IS DISTINCT FROM to_jsonb(j) -> key
            UNION ALL
            SELECT NULL, CASE WHEN j.{first} IS NULL THEN 'should not be there' END, NULL
            WHERE o.{first} IS NULL OR j.{first} IS NULL
        ) d
        WHERE {_different(table, first)} ORDER BY 1 LIMIT :limit"""
    )


def _different(table: str, first: str) -> str:
    """A cheap comparison of whole rows before their values are looked at; rows of zeros may be missing."""
    if table == "target_outcome":
        return "o.* IS DISTINCT FROM j.*"
    columns = _UNIT_COLUMNS if table == "unit_outcome" else ("plan_id", "timeliness", "share", "progress")
    stored, rebuilt = (", ".join(f"{row}.{c}" for c in columns) for row in "oj")
    distinct = f"({stored}) IS DISTINCT FROM ({rebuilt})"
    if table != "unit_outcome":
        return distinct
    some = " OR ".join(f"coalesce(o.{c}, j.{c}) <> 0" for c in columns)
    return f"CASE WHEN o.{first} = j.{first} THEN {distinct} ELSE {some} END"


_UNIT_COLUMNS = tuple(c.name for c in UnitOutcome.__table__.columns if c.server_default is not None)

_WAITING_TARGET = """coalesce(o.target_id, j.target_id) IN (
    SELECT coalesce(c.target_id, tt.target_id)
    FROM outcome_change c LEFT JOIN task_target tt ON tt.task_id = c.task_id WHERE c.plan_id = :plan_id)"""
_WAITING_TASK = """EXISTS (SELECT FROM outcome_change c
    WHERE c.plan_id = :plan_id AND c.task_id = coalesce(o.task_id, j.task_id))"""

_TARGETS = _comparison(
    "target_outcome",
    ("target_id",),
    target_statements.REBUILT_LEVEL,
    "plan_id = :plan_id AND level = :level",
    _WAITING_TARGET,
)
_PARTICIPATIONS = _comparison(
    "participation_outcome",
    ("task_id", "unit_id"),
    f"{unit_statements.WANTED_PARTICIPATIONS} AND k.plan_id = :plan_id",
    "plan_id = :plan_id",
    _WAITING_TASK,
)
_UNITS = _comparison(
    "unit_outcome", ("unit_id",), unit_statements.REBUILT_UNITS, "plan_id = :plan_id", "false"
)
_NEVER_EVALUATED = sa.text(
    f"""SELECT ARRAY[j.id] AS key, ({_WAITING_TARGET.replace("j.target_id", "j.id")}) AS waiting,
        NULL AS name, NULL AS stored, NULL AS rebuilt
    FROM target j LEFT JOIN target_outcome o ON o.target_id = j.id
    WHERE j.plan_id = :plan_id AND o.target_id IS NULL ORDER BY 1 LIMIT :limit"""
)


async def audit(database: Database, plan_id: int) -> AuditReport:
    """Compare all derived rows of a plan with the truth; writes nothing and keeps nobody waiting."""
    async with database.snapshot(ACTOR) as tx:
        session = tx.session
        evaluated_on = await session.scalar(
            sa.text("SELECT evaluated_on FROM plan_evaluation WHERE plan_id = :plan_id"), {"plan_id": plan_id}
        )
        report = AuditReport(plan_id, evaluated_on)
        if evaluated_on is None:
            await _compare(session, report, "target_outcome", _NEVER_EVALUATED)
            return report
        await session.execute(sa.text(PLANNING))
        levels = await session.scalar(
            sa.text(
                "SELECT greatest((SELECT max(level) FROM target WHERE plan_id = :plan_id),"
                " (SELECT max(level) FROM target_outcome WHERE plan_id = :plan_id))"
            ),
            {"plan_id": plan_id},
        )
        for level in range(-1 if levels is None else levels, -1, -1):
            await _compare(session, report, "target_outcome", _TARGETS, level=level)
        await _compare(session, report, "participation_outcome", _PARTICIPATIONS)
        await _compare(session, report, "unit_outcome", _UNITS)
        return report


async def _compare(
    session: AsyncSession, report: AuditReport, table: str, comparison: sa.TextClause, **more: Any
) -> None:
    rows = await session.execute(comparison, {"plan_id": report.plan_id, "limit": LIMIT, **more})
    for row in rows:
        if row.waiting:
            report.waiting += 1
        else:
            report.differences.append(Difference(table, tuple(row.key), row.name, row.stored, row.rebuilt))


async def plans_by_code(database: Database, code: str | None = None) -> dict[str, int]:
    """All plans by code, or the one with ``code``; refuses a code that no plan has."""
    query = sa.select(Plan.code, Plan.id).order_by(Plan.code)
    async with database.snapshot(ACTOR) as tx:
        found = await tx.session.execute(query if code is None else query.where(Plan.code == code))
        plans = {str(row.code): int(row.id) for row in found}
    if code is not None and not plans:
        raise NOT_FOUND.at("plan", what=Words(f"kế hoạch {code}", f"plan {code}"))
    return plans


async def audit_all(database: Database, code: str | None = None) -> dict[str, AuditReport]:
    """Audit every plan, or the one with ``code``, one snapshot each."""
    plans = await plans_by_code(database, code)
    return {plan_code: await audit(database, plan_id) for plan_code, plan_id in plans.items()}


async def rebuild(database: Database, code: str | None = None) -> dict[str, RebuildReport]:
    """Rebuild every plan, or the one with ``code``, each under its lock and in its own transaction."""
    reports = {}
    for plan_code, plan_id in (await plans_by_code(database, code)).items():
        async with database.begin(ACTOR) as tx:
            await lock(tx.session, plan_id)
            await prepare(tx.session, [plan_id], tx.today)
            reports[plan_code] = await rebuild_plan(tx, plan_id)
    return reports
