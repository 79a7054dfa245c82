"""The jobs. Each is a shell around a function of the core: ids in, nothing decided here.

A job may run twice, late, or on several workers at once without harm; what must run once holds a lease.
"""

from typing import Any

import structlog

from vdept.calendars import upkeep as calendars
from vdept.clients import upkeep
from vdept.identity import links
from vdept.kernel import idempotency, job_runs, leases
from vdept.kernel.actor import system
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.job_runs import recorded
from vdept.notifications.mailing import upkeep as mailing
from vdept.outcomes import auditing, refresh

Context = dict[str, Any]
log = structlog.get_logger("vdept.jobs")


async def refresh_outcomes(ctx: Context) -> None:
    """The doorbell rang: sweep now. The sweep itself sets the pace, however often it rings."""
    ctx["sweeper"].wake()


async def send_out(ctx: Context) -> None:
    """The doorbell rang: there may be mail and webhooks to send."""
    for sender in ctx["senders"]:
        sender.wake()


async def create_occurrences(ctx: Context) -> None:
    """The doorbell rang: a recurring task may have come due."""
    ctx["occurrences"].wake()


async def deliver_reminders(ctx: Context) -> None:
    """The doorbell rang: reminders have been written."""
    ctx["delivering"].wake()


async def follow_calendar(ctx: Context) -> None:
    """The doorbell rang: days have become worked or free, and reminders move with them."""
    ctx["scanning"].wake()


async def scan_reminders(ctx: Context) -> None:
    """Write the reminders of today; those that are there already are left alone."""
    await ctx["scanning"].scan()


async def reevaluate(ctx: Context) -> None:
    """Move every plan to today's date; does nothing where that has been done."""
    async with leases.held(ctx["database"], "reevaluate", ctx["holder"]) as lease:
        if lease is not None:
            async with recorded(ctx["database"], "reevaluate", ctx["holder"]) as run:
                run.items = await refresh.reevaluate(ctx["database"], as_of=local_date(utc_now()))


async def audit_outcomes(ctx: Context) -> None:
    """Prove every plan's derived figures right; what is wrong is cried out, not silently mended."""
    async with leases.held(ctx["database"], "audit_outcomes", ctx["holder"]) as lease:
        if lease is None:
            return
        async with recorded(ctx["database"], "audit_outcomes", ctx["holder"]) as run:
            for plan, audit in (await auditing.audit_all(ctx["database"])).items():
                run.items += 1
                if not audit.clean:
                    first = [str(difference) for difference in audit.differences[:5]]
                    log.error("outcomes differ from a rebuild", plan=plan, rows=audit.rows, first=first)


async def keep_calendars(ctx: Context) -> None:
    """Prolong the working calendars into a new year and copy a newer package; does nothing otherwise."""
    async with recorded(ctx["database"], "keep_calendars", ctx["holder"]) as run:
        run.items = await calendars.ensure_on(ctx["database"])


async def forget_idempotency_keys(ctx: Context) -> None:
    """Delete the keys that are older than their promise of 24 hours, and what jobs did long ago."""
    async with (
        recorded(ctx["database"], "forget_idempotency_keys", ctx["holder"]),
        ctx["database"].begin(system("forget_idempotency_keys")) as tx,
    ):
        await idempotency.forget_expired(tx)
        await job_runs.forget_old(tx)


async def forget_mail(ctx: Context) -> None:
    """Delete letters that went out months ago."""
    async with (
        recorded(ctx["database"], "forget_mail", ctx["holder"]) as run,
        ctx["database"].begin(system("forget_mail")) as tx,
    ):
        run.items = await mailing.forget_old(tx)


async def forget_credentials(ctx: Context) -> None:
    """Delete codes, tokens, assertions and sign-in links that are long past their end."""
    async with (
        recorded(ctx["database"], "forget_credentials", ctx["holder"]),
        ctx["database"].begin(system("forget_credentials")) as tx,
    ):
        await upkeep.forget_expired(tx)
        await links.forget_expired(tx)
