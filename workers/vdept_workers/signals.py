"""The jobs of signals and of focus: shells around ``vdept.signals.detecting`` and ``vdept.focus.telling``."""

from typing import Any

from vdept.focus import telling
from vdept.kernel import leases
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.job_runs import recorded
from vdept.signals.detecting import detect, done_on


async def detect_signals(ctx: dict[str, Any]) -> None:
    """Open signals for what happened since the last run; once a day, and again after a run that failed."""
    database, holder = ctx["database"], ctx["holder"]
    async with leases.held(database, "detect_signals", holder) as lease:
        if lease is None:
            return
        async with recorded(database, "detect_signals", holder) as run:
            now = utc_now()
            if not await done_on(database, local_date(now)):
                run.items = (await detect(database, as_of=local_date(now), now=now)).items


async def remind_focus(ctx: dict[str, Any]) -> None:
    """Tell the heads whose units have yet to choose their focus; each of them once before and once after."""
    database, holder = ctx["database"], ctx["holder"]
    async with (
        recorded(database, "remind_focus", holder) as run,
        database.begin(telling.ACTOR, now=utc_now()) as tx,
    ):
        run.items = await telling.remind(tx)
