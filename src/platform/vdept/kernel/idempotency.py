"""Idempotency keys: the same request sent twice takes effect once, remembered for 24 hours.

The key is claimed inside the mutation's own transaction, so a failed mutation leaves the key free and two
racing copies serialise on the unique index.
"""

import hashlib
from collections.abc import Mapping
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
    "keys": "text[]",
    "digests": "bytea[]",
    "answers": "jsonb[]",
    "now": "timestamptz",
    "expired": "timestamptz",
}

_CLAIM = DriverStatement(
    """
    INSERT INTO idempotency_key (actor, key, digest, created_at)
    SELECT :actor, g.key, g.digest, :now FROM unnest(:keys, :digests) AS g (key, digest) ORDER BY g.key
    ON CONFLICT (actor, key) DO UPDATE SET digest = excluded.digest, answer = NULL, created_at = :now
        WHERE idempotency_key.created_at < :expired
    RETURNING key
""",
    _TYPES,
)

_ANSWER = DriverStatement(
    """
    UPDATE idempotency_key k SET answer = g.answer FROM unnest(:keys, :answers) AS g (key, answer)
    WHERE k.actor = :actor AND k.key = g.key
""",
    _TYPES,
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
    known = await claim_all(tx, {key: asked})
    return key not in known, known.get(key)


async def claim_all(tx: Tx, asked: Mapping[str, bytes]) -> dict[str, Any]:
    """Claim several keys, each with the digest of its request; returns what was answered already, by key.

    In the order of the keys, so that two that claim the same ones wait for each other and never in a circle.
    """
    given = {"actor": tx.actor.key, "keys": list(asked), "digests": list(asked.values())}
    claimed = await _CLAIM.all(tx, {**given, "now": tx.now, "expired": tx.now - REMEMBERED})
    taken = asked.keys() - {row["key"] for row in claimed}
    if not taken:
        return {}
    kept = await tx.session.scalars(
        sa.select(IdempotencyKey).where(IdempotencyKey.actor == tx.actor.key, IdempotencyKey.key.in_(taken))
    )
    known = {row.key: row for row in kept}
    if any(known[key].digest != asked[key] for key in taken):
        raise IDEMPOTENCY_KEY_REUSED.at("idempotencyKey")
    return {key: row.answer for key, row in known.items()}


async def answer(tx: Tx, answers: Mapping[str, Any]) -> None:
    """Remember what the request of each key was answered with (plain ids, JSON-serialisable)."""
    told = [to_json(value) for value in answers.values()]
    await _ANSWER.all(tx, {"actor": tx.actor.key, "keys": list(answers), "answers": told})


async def forget_expired(tx: Tx) -> int:
    """Delete keys older than 24 hours; returns how many."""
    gone = await tx.session.execute(
        sa.delete(IdempotencyKey).where(IdempotencyKey.created_at < tx.now - REMEMBERED)
    )
    return int(getattr(gone, "rowcount", 0))
