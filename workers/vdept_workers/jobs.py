"""The jobs. Each is a shell around a function of the core: ids in, nothing decided here.

A job may run twice, late, or on several workers at once without harm; what must run once holds a lease.
"""

from typing import Any

from vdept.kernel import idempotency, leases
from vdept.kernel.actor import system
from vdept.kernel.clock import local_date, utc_now
from vdept.outcomes import refresh

Context = dict[str, Any]


async def refresh_outcomes(ctx: Context) -> None:
    """The doorbell rang: sweep now. The sweep itself sets the pace, however often it rings."""
    ctx["sweeper"].wake()


async def reevaluate(ctx: Context) -> None:
    """Move every plan to today's date; does nothing where that has been done."""
    async with leases.held(ctx["database"], "reevaluate", ctx["holder"]) as lease:
        if lease is not None:
            await refresh.reevaluate(ctx["database"], as_of=local_date(utc_now()))


async def forget_idempotency_keys(ctx: Context) -> None:
    """Delete the keys that are older than their promise of 24 hours."""
    async with ctx["database"].begin(system("forget_idempotency_keys")) as tx:
        await idempotency.forget_expired(tx)
