"""Signals."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Timestamp, one_of


class Detector(StrEnum):
    """Which rule found it."""

    DRIFT = "DRIFT"
    """Reported values move away from measured ones, reading by reading."""
    JUMP = "JUMP"
    """A value lies implausibly far from the series (robust z-score)."""
    COPIED = "COPIED"
    """Units report the same series of values."""
    RUSH = "RUSH"
    """Many tasks of a unit are finished just before their due date, at once."""
    BACKDATED = "BACKDATED"
    """Values are entered long after the date they are said to be of, just before they count."""
    PING_PONG = "PING_PONG"
    """A task goes back and forth between units."""
    SAME_ANSWER = "SAME_ANSWER"
    """Different questions are given nearly the same answer."""


class SignalState(StrEnum):
    OPEN = "OPEN"
    ANSWERED = "ANSWERED"
    DISMISSED = "DISMISSED"


class Signal(Base):
    """A finding. ``key`` names it within its detector, so that it is asked once.

    ``evidence``: plain values, as text where they are quantities, that the sentence is made of;
    ``score``: how far beyond the detector's threshold it lies, in the detector's own measure; ``told_at``:
    when the head of the unit was told.
    """

    __tablename__ = "signal"
    __table_args__ = (
        sa.UniqueConstraint("detector", "key"),
        sa.CheckConstraint(
            "(state = 'OPEN') = (answered_at IS NULL) AND (state = 'OPEN') = (answer IS NULL)",
            name="answered",
        ),
        sa.Index("ix_signal_unit_id", "unit_id", "id"),
        sa.Index("ix_signal_plan_id", "plan_id", "id"),
        sa.Index("ix_signal_untold", "id", postgresql_where=sa.text("told_at IS NULL")),
    )

    id: Mapped[Id]
    detector: Mapped[Detector] = mapped_column(one_of(Detector, "detector"))
    key: Mapped[str]
    unit_id: Mapped[int] = mapped_column(sa.BigInteger)
    plan_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    task_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    indicator_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    score: Mapped[Decimal] = mapped_column(sa.Numeric())
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB)
    found_on: Mapped[date]
    found_at: Mapped[Timestamp]
    told_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    state: Mapped[SignalState] = mapped_column(
        one_of(SignalState, "state"), server_default="OPEN", default=SignalState.OPEN
    )
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    answered_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)


class SignalMark(Base):
    """How far the detectors have read a log: ``measurement``, ``activity`` or ``verdict``, by number."""

    __tablename__ = "signal_mark"

    log: Mapped[str] = mapped_column(primary_key=True)
    last_id: Mapped[int] = mapped_column(sa.BigInteger)
