"""Reminder policies, reminders, the batches they are delivered in, and the scan's watermark."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Timestamp, one_of, ref


class Recipient(StrEnum):
    """Whom a step of the policy is for. Where nobody holds the role, the step goes up, and says why."""

    ASSIGNEES = "ASSIGNEES"
    LEAD_COORDINATOR = "LEAD_COORDINATOR"
    LEAD_HEAD = "LEAD_HEAD"
    ASSIGNER_COORDINATOR = "ASSIGNER_COORDINATOR"
    ASSIGNER_HEAD = "ASSIGNER_HEAD"
    ISSUER_HEAD = "ISSUER_HEAD"


class Subject(StrEnum):
    """What a reminder is about: a task's due date, or the review date of a paused task or target."""

    TASK = "TASK"
    TASK_REVIEW = "TASK_REVIEW"
    TARGET_REVIEW = "TARGET_REVIEW"


class Dropped(StrEnum):
    """Why a reminder was not sent when its moment came."""

    DONE = "DONE"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    DECLINED = "DECLINED"
    MOVED = "MOVED"
    RECIPIENT_LEFT = "RECIPIENT_LEFT"


class ReminderPolicy(Base):
    """A plan that has steps of its own; every other plan, and work without one, has the default's."""

    __tablename__ = "reminder_policy"

    plan_id: Mapped[int] = mapped_column(sa.BigInteger, ref("plan.id"), primary_key=True, autoincrement=False)
    changed_at: Mapped[Timestamp]
    changed_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)


class ReminderStep(Base):
    """One step of a plan's policy: so many working days before (−) or after the due date, to whom."""

    __tablename__ = "reminder_step"
    __table_args__ = (sa.CheckConstraint("step BETWEEN -60 AND 60", name="step"),)

    plan_id: Mapped[int] = mapped_column(
        sa.BigInteger, ref("reminder_policy.plan_id", ondelete="CASCADE"), primary_key=True
    )
    step: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True)
    recipient: Mapped[Recipient] = mapped_column(one_of(Recipient, "recipient"), primary_key=True)


class Reminder(Base):
    """A reminder to one person: the record that it is due, and the key that keeps it from being two.

    ``step`` in working days from ``due_on``. ``folded``: earlier steps, missed while nothing ran, that this
    one stands for. ``vacant_unit_ids``: units passed over because nobody holds the role there. ``dropped``:
    why it was not sent; a reminder of a delivered batch that was not dropped is in the inbox.
    """

    __tablename__ = "reminder"
    __table_args__ = (
        sa.UniqueConstraint("subject", "subject_id", "due_on", "step", "recipient_id"),
        sa.Index("ix_reminder_recipient_id", "recipient_id", "id"),
    )

    id: Mapped[Id]
    subject: Mapped[Subject] = mapped_column(one_of(Subject, "subject"))
    subject_id: Mapped[int] = mapped_column(sa.BigInteger)
    due_on: Mapped[date]
    step: Mapped[int] = mapped_column(sa.SmallInteger)
    recipient_id: Mapped[int] = mapped_column(sa.BigInteger)
    recipient: Mapped[Recipient] = mapped_column(one_of(Recipient, "recipient"))
    unit_id: Mapped[int] = mapped_column(sa.BigInteger)
    plan_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    folded: Mapped[list[int]] = mapped_column(
        ARRAY(sa.SmallInteger), server_default=sa.text("'{}'"), default=list
    )
    vacant_unit_ids: Mapped[list[int]] = mapped_column(
        ARRAY(sa.BigInteger), server_default=sa.text("'{}'"), default=list
    )
    scheduled_on: Mapped[date]
    due_at: Mapped[Timestamp]
    dropped: Mapped[Dropped | None] = mapped_column(one_of(Dropped, "dropped"))


class ReminderBatch(Base):
    """A thousand reminders, ids ``first_id`` to ``last_id``, due at one instant: what a worker claims.

    Claiming locks this row, so that the index of what is due stays as small as a list of thousands and no
    long-running snapshot can fill its head with dead entries.
    """

    __tablename__ = "reminder_batch"
    __table_args__ = (
        sa.Index("ix_reminder_batch_due", "due_at", "id", postgresql_where=sa.text("delivered_at IS NULL")),
        sa.Index("ix_reminder_batch_range", "first_id"),
    )

    id: Mapped[Id]
    first_id: Mapped[int] = mapped_column(sa.BigInteger)
    last_id: Mapped[int] = mapped_column(sa.BigInteger)
    due_at: Mapped[Timestamp]
    delivered_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class ReminderScan(Base):
    """How far the scan has come: one row. Days after ``scanned_on`` are caught up by the next scan."""

    __tablename__ = "reminder_scan"
    __table_args__ = (sa.CheckConstraint("single", name="one_row"),)

    single: Mapped[bool] = mapped_column(primary_key=True, server_default=sa.true(), default=True)
    scanned_on: Mapped[date]
    scanned_at: Mapped[Timestamp]
