"""The job of early warnings: a shell around ``vdept.warnings.detecting``."""

from typing import Any

from vdept.kernel import leases
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.job_runs import recorded
from vdept.warnings.detecting import detect


async def detect_warnings(ctx: dict[str, Any]) -> None:
    """Open, change and close early warnings, and tell who is concerned; without a change, nothing.

    A plan's day is that of its evaluation: right after midnight its warnings are those of yesterday until
    its outcomes have moved on, and follow with the next run.
    """
    database, holder = ctx["database"], ctx["holder"]
    async with leases.held(database, "detect_warnings", holder) as lease:
        if lease is None:
            return
        async with recorded(database, "detect_warnings", holder) as run:
            now = utc_now()
            run.items = (await detect(database, as_of=local_date(now), now=now)).items
