"""The job of gaps: a shell around ``vdept.outcomes.gaps``."""

from typing import Any

from vdept.kernel import leases
from vdept.kernel.clock import utc_now
from vdept.kernel.job_runs import recorded
from vdept.outcomes import gaps


async def keep_gaps(ctx: dict[str, Any]) -> None:
    """Write what changed today into the history of gaps; where nothing changed, nothing.

    Its last run of an hour is shortly before the hour ends: what changes in a day's last minutes is dated
    to the next day.
    """
    database, holder = ctx["database"], ctx["holder"]
    async with leases.held(database, "keep_gaps", holder) as lease:
        if lease is None:
            return
        async with recorded(database, "keep_gaps", holder) as run:
            run.items = await gaps.keep(database, now=utc_now())
