"""The job of verdicts: a shell around ``vdept.verdicts.issuing``."""

from typing import Any

from vdept.kernel import leases
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.job_runs import recorded
from vdept.verdicts.issuing import issue


async def issue_verdicts(ctx: dict[str, Any]) -> None:
    """Judge what is past due, judge again what was corrected, and tell whom it concerns; else nothing.

    A plan is judged at the date of its evaluation: right after midnight at yesterday's, until its outcomes
    have moved on, and with the next run at today's.
    """
    database, holder = ctx["database"], ctx["holder"]
    async with leases.held(database, "issue_verdicts", holder) as lease:
        if lease is None:
            return
        async with recorded(database, "issue_verdicts", holder) as run:
            now = utc_now()
            run.items = (await issue(database, as_of=local_date(now), now=now)).items
