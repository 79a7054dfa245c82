"""Indicators, plans, objectives, key results, targets, and the queue of what changed."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Quantity, Timestamp, one_of, ref


class Direction(StrEnum):
    AT_LEAST = "AT_LEAST"
    AT_MOST = "AT_MOST"
    BETWEEN = "BETWEEN"


class Basis(StrEnum):
    """Where a value comes from: a connected system, or a person's report."""

    MEASURED = "MEASURED"
    REPORTED = "REPORTED"


class Frequency(StrEnum):
    """How often an indicator is measured; a target without a value for longer is silent."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    QUARTERLY = "QUARTERLY"
    YEARLY = "YEARLY"


class Rollup(StrEnum):
    """How a parent target's value follows from its children's (design, section 4)."""

    EACH = "EACH"
    SUM = "SUM"
    MEAN = "MEAN"
    WEIGHTED_MEAN = "WEIGHTED_MEAN"
    RATIO = "RATIO"
    MIN = "MIN"
    MAX = "MAX"
    OWN = "OWN"
    MILESTONE = "MILESTONE"


class Audience(StrEnum):
    PUBLIC = "PUBLIC"
    GOVERNMENT = "GOVERNMENT"
    PARTICIPANTS = "PARTICIPANTS"


class PlanState(StrEnum):
    DRAFT = "DRAFT"
    ISSUED = "ISSUED"
    CLOSED = "CLOSED"


class TargetState(StrEnum):
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    WITHDRAWN = "WITHDRAWN"


class Indicator(Base):
    """A standing definition of what is measured; it outlives any plan.

    An indicator with a numerator and a denominator is a percentage: 100 × numerator / denominator.
    """

    __tablename__ = "indicator"
    __table_args__ = (
        sa.CheckConstraint("(numerator IS NULL) = (denominator IS NULL)", name="ratio_has_both"),
        sa.Index("ix_indicator_sort", "sort_key", "id"),
        sa.Index(
            "ix_indicator_search", "search", postgresql_using="gin", postgresql_ops={"search": "gin_trgm_ops"}
        ),
    )

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str | None]
    unit_of_measure: Mapped[str]
    direction: Mapped[Direction] = mapped_column(one_of(Direction, "direction"))
    numerator: Mapped[str | None]
    denominator: Mapped[str | None]
    minimum: Mapped[Decimal | None] = mapped_column(Quantity)
    maximum: Mapped[Decimal | None] = mapped_column(Quantity)
    frequency: Mapped[Frequency | None] = mapped_column(one_of(Frequency, "frequency"))
    sort_key: Mapped[str] = mapped_column(sa.Text(collation="C"))
    search: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)

    @property
    def is_ratio(self) -> bool:
        return self.numerator is not None


class Plan(Base):
    """A plan issued by a unit on a legal basis for a cycle of dates, both included.

    ``grace_days``: how long a unit may leave a target unacknowledged. ``stale_days``: how long an accepted
    task may go without an update. ``three_roles``: a task cannot start before problem owner, builder and
    user are all there (requirement 46).
    """

    __tablename__ = "plan"
    __table_args__ = (
        sa.CheckConstraint("ends_on >= starts_on", name="cycle"),
        sa.CheckConstraint("grace_days >= 0 AND stale_days > 0", name="days"),
        sa.Index("ix_plan_starts_on", "starts_on", "id"),
    )

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    legal_basis: Mapped[str | None]
    issuer_unit_id: Mapped[int] = mapped_column(sa.BigInteger, ref("unit.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    audience: Mapped[Audience] = mapped_column(one_of(Audience, "audience"))
    state: Mapped[PlanState] = mapped_column(one_of(PlanState, "state"))
    issued_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    grace_days: Mapped[int] = mapped_column(server_default=sa.text("14"), default=14)
    stale_days: Mapped[int] = mapped_column(server_default=sa.text("30"), default=30)
    three_roles: Mapped[bool] = mapped_column(server_default=sa.false(), default=False)
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)


class Objective(Base):
    __tablename__ = "objective"
    __table_args__ = (sa.UniqueConstraint("plan_id", "position"),)

    id: Mapped[Id]
    plan_id: Mapped[int] = mapped_column(sa.BigInteger, ref("plan.id"))
    position: Mapped[int]
    title: Mapped[str]


class KeyResult(Base):
    """What an objective is judged by: an indicator, a value, a due date, a standard, a roll-up rule.

    ``at_risk_points`` and ``off_track_points``: how many points of attainment behind the expected pace make
    a target AT_RISK and OFF_TRACK. ``gap_points``: how many points what is reported may lie above what is
    measured before a warning opens. ``milestones``: ``[{"by": "2025-12-31", "value": "20"}, …]`` in date
    order, the phased pace instead of the linear one.
    """

    __tablename__ = "key_result"
    __table_args__ = (
        sa.UniqueConstraint("objective_id", "position"),
        sa.CheckConstraint("value_high IS NULL OR value_high >= value", name="between"),
        sa.CheckConstraint("0 <= at_risk_points AND at_risk_points <= off_track_points", name="thresholds"),
        sa.CheckConstraint("gap_points >= 0", name="gap_points"),
        sa.CheckConstraint("weight > 0", name="weight"),
        sa.Index("ix_key_result_plan_id", "plan_id"),
        sa.Index("ix_key_result_indicator_id", "indicator_id"),
    )

    id: Mapped[Id]
    plan_id: Mapped[int] = mapped_column(sa.BigInteger, ref("plan.id"))
    objective_id: Mapped[int] = mapped_column(sa.BigInteger, ref("objective.id"))
    indicator_id: Mapped[int] = mapped_column(sa.BigInteger, ref("indicator.id"))
    position: Mapped[int]
    title: Mapped[str]
    value: Mapped[Decimal] = mapped_column(Quantity)
    value_high: Mapped[Decimal | None] = mapped_column(Quantity)
    baseline: Mapped[Decimal | None] = mapped_column(Quantity)
    weight: Mapped[Decimal] = mapped_column(Quantity, server_default=sa.text("1"), default=Decimal(1))
    due_on: Mapped[date]
    standard: Mapped[str | None]
    quality: Mapped[str | None]
    rollup: Mapped[Rollup] = mapped_column(one_of(Rollup, "rollup"))
    basis: Mapped[Basis] = mapped_column(one_of(Basis, "basis"))
    binding: Mapped[bool] = mapped_column(server_default=sa.true(), default=True)
    at_risk_points: Mapped[Decimal] = mapped_column(
        sa.Numeric(5, 2), server_default=sa.text("10"), default=Decimal(10)
    )
    off_track_points: Mapped[Decimal] = mapped_column(
        sa.Numeric(5, 2), server_default=sa.text("25"), default=Decimal(25)
    )
    gap_points: Mapped[Decimal] = mapped_column(
        sa.Numeric(5, 2), server_default=sa.text("10"), default=Decimal(10)
    )
    milestones: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    story: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)


class Target(Base):
    """A key result that one unit must meet. ``level`` is its depth in the target tree, the root at 0.

    No foreign keys: checked row by row they were 60 % of assigning to 11,000 units, and every assignment
    locked the plan's row. A trigger checks what a statement's new targets refer to, all at once, and more
    than keys could (key result and indicator of the plan, parent of the same key result one level up);
    others refuse to delete what targets refer to, and none of these columns ever changes.
    """

    __tablename__ = "target"
    __table_args__ = (
        sa.UniqueConstraint("key_result_id", "unit_id"),
        sa.CheckConstraint("value_high IS NULL OR value_high >= value", name="between"),
        sa.CheckConstraint("weight > 0", name="weight"),
        sa.CheckConstraint("due_on >= starts_on", name="dates"),
        sa.CheckConstraint("(parent_id IS NULL) = (level = 0)", name="root"),
        sa.CheckConstraint("(state = 'PAUSED') = (review_on IS NOT NULL)", name="pause_has_review"),
        sa.Index("ix_target_parent_id", "parent_id"),
        sa.Index("ix_target_plan_id", "plan_id", "level"),
        sa.Index("ix_target_unit_id", "unit_id", "indicator_id", "due_on"),
        sa.Index("ix_target_review_on", "review_on", "id", postgresql_where=sa.text("state = 'PAUSED'")),
    )

    id: Mapped[Id]
    plan_id: Mapped[int] = mapped_column(sa.BigInteger)
    key_result_id: Mapped[int] = mapped_column(sa.BigInteger)
    indicator_id: Mapped[int] = mapped_column(sa.BigInteger)
    unit_id: Mapped[int] = mapped_column(sa.BigInteger)
    parent_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    level: Mapped[int] = mapped_column(sa.SmallInteger)
    value: Mapped[Decimal] = mapped_column(Quantity)
    value_high: Mapped[Decimal | None] = mapped_column(Quantity)
    baseline: Mapped[Decimal | None] = mapped_column(Quantity)
    weight: Mapped[Decimal] = mapped_column(Quantity, server_default=sa.text("1"), default=Decimal(1))
    starts_on: Mapped[date]
    due_on: Mapped[date]
    state: Mapped[TargetState] = mapped_column(
        one_of(TargetState, "state"), server_default="ACTIVE", default=TargetState.ACTIVE
    )
    state_reason: Mapped[str | None]
    review_on: Mapped[date | None]
    assigned_by_unit_id: Mapped[int] = mapped_column(sa.BigInteger)
    assigned_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    assigned_at: Mapped[Timestamp]
    acknowledged_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    acknowledged_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)


class OutcomeChange(Base):
    """What changed and must be rolled up: a target, or a task. Appended by writers, drained by the worker.

    A writer appends in its own transaction and locks nothing; the worker deletes what it has applied.
    """

    __tablename__ = "outcome_change"
    __table_args__ = (
        sa.CheckConstraint("num_nonnulls(target_id, task_id) = 1", name="one_subject"),
        {
            "postgresql_with": {
                "autovacuum_vacuum_scale_factor": 0,
                "autovacuum_vacuum_threshold": 20000,
                "autovacuum_vacuum_insert_scale_factor": 0,
            }
        },
    )

    id: Mapped[Id]
    plan_id: Mapped[int] = mapped_column(sa.BigInteger)
    target_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    task_id: Mapped[int | None] = mapped_column(sa.BigInteger)
