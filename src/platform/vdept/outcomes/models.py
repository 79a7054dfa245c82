"""Derived tables: outcomes of targets, of units in a plan, and what each participation was counted as.

Prefixes: ``own_`` the target's or unit's own inputs; ``m_`` and ``r_`` sums over the children's measured
and reported values; ``sub_`` the whole subtree, itself included.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Quantity, one_of
from vdept.tasks.models import Timeliness

Sum = sa.Numeric()
"""A sum of quantities or of their products: unbounded, exact."""

Share = sa.Numeric(9, 6)
"""A fraction with six decimals."""


class Status(StrEnum):
    """Where a target stands by pace; MET and NOT_MET only once it is due. Nobody can override it."""

    NOT_STARTED = "NOT_STARTED"
    ON_TRACK = "ON_TRACK"
    AT_RISK = "AT_RISK"
    OFF_TRACK = "OFF_TRACK"
    PAUSED = "PAUSED"
    MET = "MET"
    NOT_MET = "NOT_MET"


STATUS_COLUMNS = tuple(f"n_{status.value.lower()}" for status in Status)
TIMELINESS_COLUMNS = tuple(f"n_{timeliness.value.lower()}" for timeliness in Timeliness)


def _count() -> Mapped[int]:
    return mapped_column(sa.Integer, server_default=sa.text("0"), default=0)


def _sum() -> Mapped[Decimal]:
    return mapped_column(Sum, server_default=sa.text("0"), default=Decimal(0))


class TargetOutcome(Base):
    """The outcome of one target: attainment (value against target) and completion (tasks done), apart."""

    __tablename__ = "target_outcome"
    __table_args__ = (
        sa.Index("ix_target_outcome_parent_id", "parent_id"),
        sa.Index("ix_target_outcome_plan_id", "plan_id", "level"),
        sa.Index("ix_target_outcome_unit_id", "unit_id", "plan_id"),
        {"postgresql_with": {"fillfactor": 80}},
    )

    target_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    plan_id: Mapped[int] = mapped_column(sa.BigInteger)
    key_result_id: Mapped[int] = mapped_column(sa.BigInteger)
    unit_id: Mapped[int] = mapped_column(sa.BigInteger)
    parent_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    level: Mapped[int] = mapped_column(sa.SmallInteger)
    live: Mapped[bool]
    binding: Mapped[bool]
    weight: Mapped[Decimal] = mapped_column(Quantity)
    key_result_weight: Mapped[Decimal] = mapped_column(Quantity)

    own_measured_value: Mapped[Decimal | None] = mapped_column(Quantity)
    own_measured_numerator: Mapped[Decimal | None] = mapped_column(Quantity)
    own_measured_denominator: Mapped[Decimal | None] = mapped_column(Quantity)
    measured_on: Mapped[date | None]
    own_reported_value: Mapped[Decimal | None] = mapped_column(Quantity)
    own_reported_numerator: Mapped[Decimal | None] = mapped_column(Quantity)
    own_reported_denominator: Mapped[Decimal | None] = mapped_column(Quantity)
    reported_on: Mapped[date | None]
    own_task_weight: Mapped[Decimal] = _sum()
    own_task_progress: Mapped[Decimal] = _sum()
    own_delivered_weight: Mapped[Decimal] = _sum()
    own_verified_weight: Mapped[Decimal] = _sum()
    own_n_open_in_time: Mapped[int] = _count()
    own_n_open_overdue: Mapped[int] = _count()
    own_n_done_on_time: Mapped[int] = _count()
    own_n_done_late: Mapped[int] = _count()

    children: Mapped[int] = _count()
    children_met: Mapped[int] = _count()
    m_count: Mapped[int] = _count()
    m_met: Mapped[int] = _count()
    m_sum: Mapped[Decimal] = _sum()
    m_weight: Mapped[Decimal] = _sum()
    m_weighted: Mapped[Decimal] = _sum()
    m_numerator: Mapped[Decimal] = _sum()
    m_denominator: Mapped[Decimal] = _sum()
    m_min: Mapped[Decimal | None] = mapped_column(Sum)
    m_max: Mapped[Decimal | None] = mapped_column(Sum)
    r_count: Mapped[int] = _count()
    r_met: Mapped[int] = _count()
    r_sum: Mapped[Decimal] = _sum()
    r_weight: Mapped[Decimal] = _sum()
    r_weighted: Mapped[Decimal] = _sum()
    r_numerator: Mapped[Decimal] = _sum()
    r_denominator: Mapped[Decimal] = _sum()
    r_min: Mapped[Decimal | None] = mapped_column(Sum)
    r_max: Mapped[Decimal | None] = mapped_column(Sum)

    measured_value: Mapped[Decimal | None] = mapped_column(Sum)
    measured_numerator: Mapped[Decimal | None] = mapped_column(Sum)
    measured_denominator: Mapped[Decimal | None] = mapped_column(Sum)
    reported_value: Mapped[Decimal | None] = mapped_column(Sum)
    reported_numerator: Mapped[Decimal | None] = mapped_column(Sum)
    reported_denominator: Mapped[Decimal | None] = mapped_column(Sum)
    measured_attainment: Mapped[Decimal | None] = mapped_column(Share)
    reported_attainment: Mapped[Decimal | None] = mapped_column(Share)
    attainment: Mapped[Decimal | None] = mapped_column(Share)
    expected: Mapped[Decimal] = mapped_column(Share)
    measured_meets: Mapped[bool]
    reported_meets: Mapped[bool]
    meets: Mapped[bool]
    status: Mapped[Status] = mapped_column(one_of(Status, "status"))

    sub_task_weight: Mapped[Decimal] = _sum()
    sub_task_progress: Mapped[Decimal] = _sum()
    sub_n_not_started: Mapped[int] = _count()
    sub_n_on_track: Mapped[int] = _count()
    sub_n_at_risk: Mapped[int] = _count()
    sub_n_off_track: Mapped[int] = _count()
    sub_n_paused: Mapped[int] = _count()
    sub_n_met: Mapped[int] = _count()
    sub_n_not_met: Mapped[int] = _count()
    sub_n_open_in_time: Mapped[int] = _count()
    sub_n_open_overdue: Mapped[int] = _count()
    sub_n_done_on_time: Mapped[int] = _count()
    sub_n_done_late: Mapped[int] = _count()


class _UnitSums:
    """What a unit's targets and participations add up to."""

    n_not_started: Mapped[int] = _count()
    n_on_track: Mapped[int] = _count()
    n_at_risk: Mapped[int] = _count()
    n_off_track: Mapped[int] = _count()
    n_paused: Mapped[int] = _count()
    n_met: Mapped[int] = _count()
    n_not_met: Mapped[int] = _count()
    binding: Mapped[int] = _count()
    binding_met: Mapped[int] = _count()
    attainment_weight: Mapped[Decimal] = _sum()
    attainment_sum: Mapped[Decimal] = _sum()
    measured_weight: Mapped[Decimal] = _sum()
    measured_sum: Mapped[Decimal] = _sum()
    reported_weight: Mapped[Decimal] = _sum()
    reported_sum: Mapped[Decimal] = _sum()
    gap_weight: Mapped[Decimal] = _sum()
    gap_sum: Mapped[Decimal] = _sum()
    n_open_in_time: Mapped[int] = _count()
    n_open_overdue: Mapped[int] = _count()
    n_done_on_time: Mapped[int] = _count()
    n_done_late: Mapped[int] = _count()
    share_sum: Mapped[Decimal] = _sum()
    progress_sum: Mapped[Decimal] = _sum()


class UnitOutcome(_UnitSums, Base):
    """What a unit has to show in a plan by itself (no prefix) and with all units below it (``sub_``).

    Participations are counted, not tasks: a task that three units share counts once for each of them.
    """

    __tablename__ = "unit_outcome"
    __table_args__ = (sa.Index("ix_unit_outcome_unit_id", "unit_id"), {"postgresql_with": {"fillfactor": 80}})

    plan_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    sub_n_not_started: Mapped[int] = _count()
    sub_n_on_track: Mapped[int] = _count()
    sub_n_at_risk: Mapped[int] = _count()
    sub_n_off_track: Mapped[int] = _count()
    sub_n_paused: Mapped[int] = _count()
    sub_n_met: Mapped[int] = _count()
    sub_n_not_met: Mapped[int] = _count()
    sub_binding: Mapped[int] = _count()
    sub_binding_met: Mapped[int] = _count()
    sub_attainment_weight: Mapped[Decimal] = _sum()
    sub_attainment_sum: Mapped[Decimal] = _sum()
    sub_measured_weight: Mapped[Decimal] = _sum()
    sub_measured_sum: Mapped[Decimal] = _sum()
    sub_reported_weight: Mapped[Decimal] = _sum()
    sub_reported_sum: Mapped[Decimal] = _sum()
    sub_gap_weight: Mapped[Decimal] = _sum()
    sub_gap_sum: Mapped[Decimal] = _sum()
    sub_n_open_in_time: Mapped[int] = _count()
    sub_n_open_overdue: Mapped[int] = _count()
    sub_n_done_on_time: Mapped[int] = _count()
    sub_n_done_late: Mapped[int] = _count()
    sub_share_sum: Mapped[Decimal] = _sum()
    sub_progress_sum: Mapped[Decimal] = _sum()


UNIT_SUMS = tuple(name for name in _UnitSums.__annotations__)


class ParticipationOutcome(Base):
    """What one participation has been counted as; the next change moves the sums by the difference."""

    __tablename__ = "participation_outcome"
    __table_args__ = (sa.Index("ix_participation_outcome_plan_id", "plan_id", "unit_id"),)

    task_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    unit_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    plan_id: Mapped[int] = mapped_column(sa.BigInteger)
    timeliness: Mapped[Timeliness | None] = mapped_column(one_of(Timeliness, "timeliness"))
    share: Mapped[Decimal] = mapped_column(Share)
    progress: Mapped[Decimal] = mapped_column(Sum)


class PlanEvaluation(Base):
    """The date a plan's outcomes are evaluated for: all of a plan stands at one date."""

    __tablename__ = "plan_evaluation"

    plan_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    evaluated_on: Mapped[date]


class OutcomeGap(Base):
    """How far reports lay above measurements from a day on: the history of a gap, a row where it changed.

    Of a target, or (``target_id`` 0) of a unit in a plan. ``points``: reported less measured attainment, in
    hundredths; None on the day from which there is no longer both. Values only for a target.
    """

    __tablename__ = "outcome_gap"
    __table_args__ = (sa.Index("ix_outcome_gap_target_id", "target_id", "on_day"),)

    plan_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    unit_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    target_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    on_day: Mapped[date] = mapped_column(primary_key=True)
    measured_value: Mapped[Decimal | None] = mapped_column(Sum)
    reported_value: Mapped[Decimal | None] = mapped_column(Sum)
    points: Mapped[Decimal | None] = mapped_column(sa.Numeric(9, 4))
