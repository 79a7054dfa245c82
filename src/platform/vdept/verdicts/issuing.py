"""Issue: what is past due is judged, what was judged and now reads otherwise is judged again.

May run at any time and any number of times at once: a plan's verdicts are written under its advisory lock,
each plan in one transaction, and a run that finds nothing changed writes nothing. Whom it concerns is told
afterwards, from what waits in ``verdict_news``: a worker killed in between has told nobody, and the next run
does.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from vdept.kernel.actor import system
from vdept.kernel.apart import Apart
from vdept.kernel.db import Database, Tx
from vdept.verdicts import telling
from vdept.verdicts.statements import ISSUE, PLANS

ACTOR = system("verdicts")
_LOCK_SPACE = 0x7664 << 44 | 1 << 43
"""Beside the roll-up's: judging keeps nobody from applying what changed."""


@dataclass(slots=True)
class Report:
    """What one run did. ``issued``: of what had none that counted; ``lifted``: superseded by nothing."""

    issued: int = 0
    reissued: int = 0
    lifted: int = 0
    told: int = 0

    @property
    def items(self) -> int:
        """How many things it did, for the record of jobs."""
        return self.issued + self.reissued + self.lifted + self.told


async def issue(
    database: Database, *, as_of: date, now: datetime, plan_ids: Collection[int] | None = None
) -> Report:
    """Bring the verdicts of these plans (None: of all plans) up to date, and tell whom they concern.

    A plan is judged at the date of its evaluation; who is told is who holds the office on ``as_of``.
    """
    report = Report()
    async with database.begin(ACTOR, now=now) as tx:
        wanted = None if plan_ids is None else list(plan_ids)
        plans = list(await tx.session.execute(PLANS, {"plan_ids": wanted}))
    apart = Apart(database, ACTOR, now=now)
    for plan_id, issuer_id in plans:
        async with apart.begin(f"issuing the verdicts of plan {plan_id}") as tx:
            await keep(tx, plan_id, issuer_id, report)
    async with database.begin(ACTOR, now=now) as tx:
        report.told = await telling.tell(tx, as_of)
    apart.settle()
    return report


async def keep(tx: Tx, plan_id: int, issuer_id: int, report: Report) -> None:
    """Issue, issue again and lift in one plan, in this transaction."""
    # A plan's rows may have come since the last statistics: looked up one by one they would take for ever.
    await tx.session.execute(
        sa.text("SELECT pg_advisory_xact_lock(:key), set_config('enable_nestloop', 'off', true)"),
        {"key": _LOCK_SPACE + plan_id},
    )
    done = (await tx.session.execute(ISSUE, {"plan_id": plan_id, "now": tx.now})).one()
    issued = done.made - done.reissued
    report.issued += issued
    report.reissued += done.reissued
    report.lifted += done.lifted
    if done.made or done.lifted:
        # Not how many were met: whoever sees the plan is told this, its milestones are figures of tasks.
        said = {"issued": issued, "reissued": done.reissued, "lifted": done.lifted}
        if done.made:
            said |= {"first_id": done.first_id, "last_id": done.last_id}
        tx.record(
            "verdicts.issued",
            "Verdict",
            done.first_id or done.lifted_id,
            unit_id=issuer_id,
            plan_id=plan_id,
            data=said,
        )
