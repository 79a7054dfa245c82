"""Detect: what passes a threshold gets a warning, what no longer does loses it, and those concerned are told.

May run at any time and any number of times at once: a plan's warnings are written under its advisory lock,
each plan in one transaction, and a run that finds nothing changed writes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.calendars import upkeep
from vdept.kernel.actor import system
from vdept.kernel.apart import Apart
from vdept.kernel.clock import LOCAL, local_date
from vdept.kernel.db import Database, Tx
from vdept.warnings import telling
from vdept.warnings.statements import OF_PLANS, OUTSIDE_PLANS

ACTOR = system("warnings")
_LOCK_SPACE = 0x7761 << 44
"""Beside the roll-up's: detecting keeps nobody from applying what changed."""

_PLANS = sa.text(
    """SELECT p.id, coalesce(e.evaluated_on, :as_of) AS as_of
    FROM plan p LEFT JOIN plan_evaluation e ON e.plan_id = p.id
    WHERE (p.state = 'ISSUED' OR EXISTS (
        SELECT FROM early_warning w WHERE w.plan_id = p.id AND w.closed_at IS NULL))
        AND (CAST(:plan_ids AS bigint[]) IS NULL OR p.id = ANY (:plan_ids))
    ORDER BY p.id"""
).bindparams(sa.bindparam("as_of", type_=sa.Date()), sa.bindparam("plan_ids", type_=ARRAY(sa.BigInteger)))


@dataclass(slots=True)
class Report:
    """What one run did. ``told``: notifications added."""

    opened: int = 0
    changed: int = 0
    closed: int = 0
    told: int = 0

    @property
    def items(self) -> int:
        """How many things it did, for the record of jobs."""
        return self.opened + self.changed + self.closed + self.told


async def detect(
    database: Database, *, as_of: date, now: datetime, plan_ids: Collection[int] | None = None
) -> Report:
    """Bring the warnings of these plans (None: of all plans, and of work outside any) up to date.

    A plan stands at the date of its evaluation, so that pace and days speak of the same day; ``as_of`` is
    for what is evaluated by no one: work outside plans, plans that were never rolled up, and answers.
    """
    report = Report()
    async with database.begin(ACTOR, now=now) as tx:
        await upkeep.ensure(tx)
        wanted = None if plan_ids is None else list(plan_ids)
        found = await tx.session.execute(_PLANS, {"as_of": as_of, "plan_ids": wanted})
        scopes: list[tuple[int | None, date]] = [(row.id, row.as_of) for row in found]
    if plan_ids is None:
        scopes.append((None, as_of))
    apart = Apart(database, ACTOR, now=now)
    for plan_id, day in scopes:
        async with apart.begin(f"detecting the warnings of plan {plan_id}") as tx:
            await keep(tx, plan_id, day, report)
    async with database.begin(ACTOR, now=now) as tx:
        report.told = await telling.tell(tx, as_of)
    apart.settle()
    return report


async def keep(tx: Tx, plan_id: int | None, as_of: date, report: Report) -> None:
    """Open, change and close the warnings of one plan."""
    # Its own statement: the next ones must see what whoever held the lock has written. And on a day on which
    # a hundred thousand warnings open, nobody has counted them yet: a join planned for one row would run for
    # each of them.
    await tx.session.execute(
        sa.text("SELECT pg_advisory_xact_lock(:key), set_config('enable_nestloop', 'off', true)"),
        {"key": _LOCK_SPACE + (plan_id or 0)},
    )
    midnight = datetime.combine(local_date(tx.now), time(), LOCAL)
    given = {"as_of": as_of, "now": tx.now, "midnight": midnight}
    statements = OF_PLANS if plan_id is not None else OUTSIDE_PLANS
    if plan_id is not None:
        given["plan_id"] = plan_id  # type: ignore[assignment]
    for statement in statements.values():
        opened, changed, closed = (await tx.session.execute(statement, given)).one()
        report.opened += opened
        report.changed += changed
        report.closed += closed
