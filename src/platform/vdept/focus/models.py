"""Nominations of focus objectives."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Timestamp, one_of, ref


class FocusState(StrEnum):
    PROPOSED = "PROPOSED"
    AGREED = "AGREED"
    RETURNED = "RETURNED"


class Focus(Base):
    """What a unit puts first in a plan, and how the lead unit answered. ``agree_by``: when it is to."""

    __tablename__ = "focus"
    __table_args__ = (
        sa.UniqueConstraint("plan_id", "unit_id"),
        sa.CheckConstraint("(state = 'PROPOSED') = (answered_at IS NULL)", name="answered"),
        sa.CheckConstraint("(state = 'RETURNED') = (answer IS NOT NULL)", name="returned_has_reason"),
        sa.Index("ix_focus_unit_id", "unit_id", "id"),
        sa.Index("ix_focus_agree_by", "agree_by", "id", postgresql_where=sa.text("state <> 'AGREED'")),
    )

    id: Mapped[Id]
    plan_id: Mapped[int] = mapped_column(sa.BigInteger, ref("plan.id"))
    unit_id: Mapped[int] = mapped_column(sa.BigInteger, ref("unit.id"))
    agree_by: Mapped[date]
    state: Mapped[FocusState] = mapped_column(one_of(FocusState, "state"))
    nominated_at: Mapped[Timestamp]
    nominated_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    answered_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)


class FocusObjective(Base):
    """One of the objectives, and the method by which the unit goes after it."""

    __tablename__ = "focus_objective"
    __table_args__ = (
        sa.UniqueConstraint("focus_id", "objective_id"),
        sa.CheckConstraint("position BETWEEN 1 AND 3", name="at_most_three"),
    )

    focus_id: Mapped[int] = mapped_column(sa.BigInteger, ref("focus.id"), primary_key=True)
    position: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True)
    objective_id: Mapped[int] = mapped_column(sa.BigInteger, ref("objective.id"))
    method: Mapped[str]


class FocusCall(Base):
    """By when the lead unit wants the focus of all units of a plan agreed; without one, each has 30 days."""

    __tablename__ = "focus_call"

    plan_id: Mapped[int] = mapped_column(sa.BigInteger, ref("plan.id"), primary_key=True)
    agree_by: Mapped[date]
    asked_at: Mapped[Timestamp]
    asked_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
