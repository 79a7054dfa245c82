"""Letters that went out long ago are forgotten; what they told stays in the inbox."""

from datetime import timedelta

import sqlalchemy as sa

from vdept.kernel.db import Tx

KEPT = timedelta(days=90)
"""How long one can look up that a letter was sent, or why it was not."""

BATCH = 10_000

# The oldest rows only are looked at: letters get their numbers in the order in which they are made.
_FORGET = sa.text(
    """
    DELETE FROM mail USING (SELECT id, state, created_at FROM mail ORDER BY id LIMIT :batch) oldest
    WHERE mail.id = oldest.id AND oldest.state <> 'PENDING' AND oldest.created_at < :before
    """
).bindparams(sa.bindparam("before", type_=sa.DateTime(timezone=True)))


async def forget_old(tx: Tx) -> int:
    """Delete letters older than ``KEPT``, at most a batch; returns how many."""
    done = await tx.session.execute(_FORGET, {"before": tx.now - KEPT, "batch": BATCH})
    return int(done.rowcount)  # type: ignore[attr-defined]
