"""Idempotency keys: the same request sent twice takes effect once, remembered for 24 hours.

The key is claimed inside the mutation's own transaction, so a failed mutation leaves the key free and two
racing copies serialise on the unique index.
"""

import hashlib
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.db import Tx, to_json
from vdept.kernel.driver import DriverStatement
from vdept.kernel.errors import IDEMPOTENCY_KEY_REUSED
from vdept.kernel.models import Base, Timestamp

REMEMBERED = timedelta(hours=24)


class IdempotencyKey(Base):
    """One remembered request: who, which key, a digest of what was asked, and the ids it answered with."""

    __tablename__ = "idempotency_key"

    actor: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    answer: Mapped[Any | None] = mapped_column(JSONB)
    created_at: Mapped[Timestamp] = mapped_column(index=True)


_TYPES = {
    "actor": "text",
    "key": "text",
    "digest": "bytea",
    "now": "timestamptz",
    "expired": "timestamptz",
    "answer": "jsonb",
}

_CLAIM = DriverStatement(
    """
    INSERT INTO idempotency_key (actor, key, digest, created_at) VALUES (:actor, :key, :digest, :now)
    ON CONFLICT (actor, key) DO UPDATE SET digest = excluded.digest, answer = NULL, created_at = :now
        WHERE idempotency_key.created_at < :expired
    RETURNING true
""",
    _TYPES,
)

_ANSWER = DriverStatement(
    "UPDATE idempotency_key SET answer = :answer WHERE actor = :actor AND key = :key", _TYPES
)


def digest(operation: str, arguments: Any) -> bytes:
    """A digest of what was asked, so that a key reused for something else is noticed.

    ``arguments``: plain values, or dataclasses of them; the same whichever it is.
    """
    body = msgspec.json.encode([operation, arguments], order="sorted", enc_hook=str)
    return hashlib.sha256(body).digest()


async def claim(tx: Tx, key: str, asked: bytes) -> tuple[bool, Any]:
    """Claim ``key`` for this transaction.

    Returns ``(True, None)`` when the caller goes first, ``(False, answer)`` when the same request was
    already answered. Refuses a key that was used for another request.
    """
    given = {"actor": tx.actor.key, "key": key, "digest": asked, "now": tx.now}
    if await _CLAIM.first(tx, {**given, "expired": tx.now - REMEMBERED}) is not None:
        return True, None
    kept = await tx.session.get_one(IdempotencyKey, (tx.actor.key, key))
    if kept.digest != asked:
        raise IDEMPOTENCY_KEY_REUSED.at("idempotencyKey")
    return False, kept.answer


async def answer(tx: Tx, key: str, value: Any) -> None:
    """Remember what the request was answered with (plain ids, JSON-serialisable)."""
    await _ANSWER.first(tx, {"actor": tx.actor.key, "key": key, "answer": to_json(value)})


async def forget_expired(tx: Tx) -> int:
    """Delete keys older than 24 hours; returns how many."""
    gone = await tx.session.execute(
        sa.delete(IdempotencyKey).where(IdempotencyKey.created_at < tx.now - REMEMBERED)
    )
    return int(getattr(gone, "rowcount", 0))
