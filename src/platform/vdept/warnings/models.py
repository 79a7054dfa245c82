"""Early warnings."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Timestamp, one_of


class WarningKind(StrEnum):
    """Which threshold was passed."""

    PACE = "PACE"
    GAP = "GAP"
    SILENCE = "SILENCE"
    UNACKNOWLEDGED = "UNACKNOWLEDGED"
    ABANDONED = "ABANDONED"
    NO_TIME_LEFT = "NO_TIME_LEFT"


class WarningSubject(StrEnum):
    TARGET = "TARGET"
    TASK = "TASK"


class Severity(StrEnum):
    AT_RISK = "AT_RISK"
    OFF_TRACK = "OFF_TRACK"


class EarlyWarning(Base):
    """A threshold that is passed: opened by a job with its evidence, closed by it when that has ended.

    ``evidence``: the plain values, as text where they are quantities, that the sentence is made of.
    """

    __tablename__ = "early_warning"
    __table_args__ = (
        sa.CheckConstraint("(acknowledged_at IS NULL) = (response IS NULL)", name="acknowledged"),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_because IS NULL)", name="closed"),
        sa.Index(
            "uq_early_warning_open",
            "subject",
            "subject_id",
            "kind",
            unique=True,
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
        sa.Index("ix_early_warning_unit_id", "unit_id", "id"),
        sa.Index("ix_early_warning_plan_id", "plan_id", "id"),
        sa.Index("ix_early_warning_subject", "subject", "subject_id", "id"),
    )

    id: Mapped[Id]
    kind: Mapped[WarningKind] = mapped_column(one_of(WarningKind, "kind"))
    subject: Mapped[WarningSubject] = mapped_column(one_of(WarningSubject, "subject"))
    subject_id: Mapped[int] = mapped_column(sa.BigInteger)
    plan_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    unit_id: Mapped[int] = mapped_column(sa.BigInteger)
    severity: Mapped[Severity] = mapped_column(one_of(Severity, "severity"))
    evidence: Mapped[dict[str, Any]] = mapped_column(JSONB)
    opened_on: Mapped[date]
    opened_at: Mapped[Timestamp]
    acknowledged_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    acknowledged_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    response: Mapped[str | None]
    respond_by: Mapped[date | None]
    closed_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    closed_because: Mapped[str | None]
