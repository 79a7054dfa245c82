"""Verdicts."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Timestamp, one_of
from vdept.outcomes.standings import Judgement

__all__ = ["Judgement", "Verdict", "VerdictNews", "VerdictSubject"]


class VerdictSubject(StrEnum):
    TARGET = "TARGET"
    UNIT = "UNIT"


class Verdict(Base):
    """What was judged, of whom, and why. A unit's verdict has no target; a target's has its key result.

    ``number``: 1 for the first of a subject, one more with each re-issue; ``superseded_at`` is the only
    column that ever changes. ``head_id`` and ``head_since``: who headed the unit on ``due_on``, None if
    nobody did. ``inputs``: as text where they are quantities: the value with numerator and denominator, its
    source and date, baseline, thresholds, children and tasks, or the unit's count of binding targets.
    ``digest``: a hash of what was judged, by which the next run passes over what has not changed.
    """

    __tablename__ = "verdict"
    __table_args__ = (
        sa.CheckConstraint("(subject = 'TARGET') = (target_id IS NOT NULL)", name="target"),
        sa.CheckConstraint("(target_id IS NULL) = (key_result_id IS NULL)", name="key_result"),
        sa.CheckConstraint("(head_id IS NULL) = (head_since IS NULL)", name="head"),
        sa.Index(
            "uq_verdict_target",
            "target_id",
            unique=True,
            postgresql_where=sa.text("superseded_at IS NULL AND target_id IS NOT NULL"),
        ),
        sa.Index(
            "uq_verdict_unit",
            "plan_id",
            "unit_id",
            unique=True,
            postgresql_where=sa.text("superseded_at IS NULL AND target_id IS NULL"),
        ),
        sa.Index("ix_verdict_target_id", "target_id", "number"),
        sa.Index("ix_verdict_unit_id", "unit_id", "plan_id", "id"),
        sa.Index("ix_verdict_plan_id", "plan_id", "id"),
        sa.Index("ix_verdict_head_id", "head_id", "id", postgresql_where=sa.text("head_id IS NOT NULL")),
        {"postgresql_with": {"fillfactor": 90}},
    )

    id: Mapped[Id]
    subject: Mapped[VerdictSubject] = mapped_column(one_of(VerdictSubject, "subject"))
    plan_id: Mapped[int] = mapped_column(sa.BigInteger)
    unit_id: Mapped[int] = mapped_column(sa.BigInteger)
    target_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    key_result_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    number: Mapped[int]
    judgement: Mapped[Judgement] = mapped_column(one_of(Judgement, "judgement"))
    due_on: Mapped[date]
    evaluated_on: Mapped[date]
    value: Mapped[Decimal | None] = mapped_column(sa.Numeric())
    goal: Mapped[Decimal | None] = mapped_column(sa.Numeric())
    inputs: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"), default=0)
    head_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    head_since: Mapped[date | None]
    issued_at: Mapped[Timestamp]
    superseded_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class VerdictNews(Base):
    """A verdict of which nobody has been told yet: written with it, deleted with the telling."""

    __tablename__ = "verdict_news"

    verdict_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
