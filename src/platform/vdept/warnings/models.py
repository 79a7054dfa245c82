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
    SOURCE_FAILING = "SOURCE_FAILING"
    SOURCE_SILENT = "SOURCE_SILENT"


class WarningSubject(StrEnum):
    TARGET = "TARGET"
    TASK = "TASK"
    SOURCE = "SOURCE"


class Severity(StrEnum):
    AT_RISK = "AT_RISK"
    OFF_TRACK = "OFF_TRACK"


class ClosedBecause(StrEnum):
    """Why a warning is no longer open. ENDED: the breach itself has ended."""

    ENDED = "ENDED"
    DUE = "DUE"
    DONE = "DONE"
    PAUSED = "PAUSED"
    WITHDRAWN = "WITHDRAWN"
    CANCELLED = "CANCELLED"
    DECLINED = "DECLINED"
    PLAN_CLOSED = "PLAN_CLOSED"


class EarlyWarning(Base):
    """A threshold that is passed: opened by a job with its evidence, closed by it when that has ended.

    ``evidence``: the plain values, as text where they are quantities, that the sentence is made of.
    ``notified_at``: when the unit was told; ``escalated_at``: when the unit above was, for want of an
    answer; ``reminded_at``: when the head was reminded of a ``respond_by`` that passed.
    """

    __tablename__ = "early_warning"
    __table_args__ = (
        sa.CheckConstraint("num_nonnulls(acknowledged_at, response, respond_by) IN (0, 3)", name="answered"),
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
        sa.Index("ix_early_warning_plan_id", "plan_id", "closed_at"),
        sa.Index("ix_early_warning_subject", "subject", "subject_id", "id"),
        sa.Index(
            "ix_early_warning_open",
            "plan_id",
            sa.text("severity DESC"),
            "id",
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
        sa.Index(
            "ix_early_warning_untold",
            "id",
            postgresql_where=sa.text("closed_at IS NULL AND notified_at IS NULL"),
        ),
        sa.Index(
            "ix_early_warning_unanswered",
            "opened_on",
            postgresql_where=sa.text(
                "closed_at IS NULL AND acknowledged_at IS NULL AND escalated_at IS NULL"
            ),
        ),
        sa.Index(
            "ix_early_warning_promised",
            "respond_by",
            postgresql_where=sa.text("closed_at IS NULL AND reminded_at IS NULL AND respond_by IS NOT NULL"),
        ),
        {"postgresql_with": {"fillfactor": 80}},
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
    closed_because: Mapped[ClosedBecause | None] = mapped_column(one_of(ClosedBecause, "closed_because"))
    notified_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    escalated_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    reminded_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
