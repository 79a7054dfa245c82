"""Forgetting what cannot matter any more. What people consented to, and keys, are kept for the record."""

from datetime import timedelta

import sqlalchemy as sa

from vdept.clients.models import AuthorizationCode, RefreshToken, RevokedToken, UsedAssertion
from vdept.kernel.db import Tx

KEPT = timedelta(hours=1)
"""How long something is kept past its end: well above every leeway that a check of it allows."""


async def forget_expired(tx: Tx) -> int:
    """Delete codes, refresh tokens, used assertions and revoked tokens that have expired; returns how many.

    What was used but has not expired stays: its second use must be noticed.
    """
    forgotten = 0
    for table in (AuthorizationCode, RefreshToken, UsedAssertion, RevokedToken):
        gone = await tx.session.execute(sa.delete(table).where(table.expires_at < tx.now - KEPT))
        forgotten += int(getattr(gone, "rowcount", 0))
    return forgotten
