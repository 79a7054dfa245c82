"""Tasks, participations, assignees, links to targets, dependencies, comments, evidence."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Quantity, Timestamp, one_of, ref
from vdept.targets.models import Audience


class TaskState(StrEnum):
    OPEN = "OPEN"
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    IN_PROGRESS = "IN_PROGRESS"
    DELIVERED = "DELIVERED"
    VERIFIED = "VERIFIED"
    DECLINED = "DECLINED"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"


class TaskKind(StrEnum):
    """Routine and deep work are never on one person (requirement 13)."""

    ROUTINE = "ROUTINE"
    DEEP = "DEEP"


class ParticipantRole(StrEnum):
    PROBLEM_OWNER = "PROBLEM_OWNER"
    BUILDER = "BUILDER"
    USER = "USER"
    CONTRIBUTOR = "CONTRIBUTOR"
    SUPERVISOR = "SUPERVISOR"


class ParticipationState(StrEnum):
    INVITED = "INVITED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    LEFT = "LEFT"


class LinkState(StrEnum):
    """Whether the unit that holds a target lets a task count for it."""

    PROPOSED = "PROPOSED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"


class ExtensionState(StrEnum):
    """What became of a request for a later due date."""

    REQUESTED = "REQUESTED"
    GRANTED = "GRANTED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


class OnDayOff(StrEnum):
    """Where an occurrence falls due whose day is not worked: left there, or moved to a working day."""

    KEEP = "KEEP"
    BEFORE = "BEFORE"
    AFTER = "AFTER"


class Timeliness(StrEnum):
    """The four classes the government reports tasks by: open or done, and in time or not."""

    OPEN_IN_TIME = "OPEN_IN_TIME"
    OPEN_OVERDUE = "OPEN_OVERDUE"
    DONE_ON_TIME = "DONE_ON_TIME"
    DONE_LATE = "DONE_LATE"


class Task(Base):
    """Shared work with a lead unit and a due date.

    ``owner_unit_id`` is the unit that set the task (the assigner: it verifies and grants extensions).
    ``due_on`` is the agreed date; ``original_due_on`` the first one; ``extensions`` counts the changes.
    ``progress`` (0…100) is derived from the accepted participants' progress by their shares. ``paused_on``:
    the day the clock stopped; ``paused_days``: for how many working days it has stood so far, by which the
    due date moved. ``recurrence_id`` and ``occurrence_on``: the series it was made by, and for which of its
    days.
    """

    __tablename__ = "task"
    __table_args__ = (
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        sa.CheckConstraint("parent_id IS DISTINCT FROM id", name="not_its_own_parent"),
        sa.CheckConstraint(
            "state NOT IN ('PAUSED', 'CANCELLED', 'DECLINED') OR state_reason IS NOT NULL", name="reason"
        ),
        sa.CheckConstraint("(state = 'PAUSED') = (review_on IS NOT NULL)", name="pause_has_review"),
        sa.CheckConstraint("(state = 'PAUSED') = (paused_on IS NOT NULL)", name="pause_has_begun"),
        sa.CheckConstraint(
            "(state IN ('DELIVERED', 'VERIFIED')) = (delivered_on IS NOT NULL)", name="delivered"
        ),
        sa.CheckConstraint("state = 'OPEN' OR state = 'CANCELLED' OR lead_unit_id IS NOT NULL", name="lead"),
        sa.Index("ix_task_board", "due_on", "id", postgresql_where=sa.text("state = 'OPEN'")),
        sa.Index("ix_task_public", "due_on", "id", postgresql_where=sa.text("audience = 'PUBLIC'")),
        sa.Index("ix_task_due_on", "due_on", "id"),
        sa.Index("ix_task_plan_id", "plan_id", "due_on", "id"),
        sa.Index("ix_task_parent_id", "parent_id", postgresql_where=sa.text("parent_id IS NOT NULL")),
        sa.Index("ix_task_created_at", "created_at", "id"),
        sa.Index("ix_task_review_on", "review_on", "id", postgresql_where=sa.text("state = 'PAUSED'")),
        sa.Index(
            "uq_task_occurrence",
            "recurrence_id",
            "occurrence_on",
            unique=True,
            postgresql_where=sa.text("recurrence_id IS NOT NULL"),
        ),
        sa.Index(
            "ix_task_search", "search", postgresql_using="gin", postgresql_ops={"search": "gin_trgm_ops"}
        ),
    )

    id: Mapped[Id]
    plan_id: Mapped[int | None] = mapped_column(sa.BigInteger, ref("plan.id"))
    parent_id: Mapped[int | None] = mapped_column(sa.BigInteger, ref("task.id"))
    title: Mapped[str]
    description: Mapped[str | None]
    search: Mapped[str]
    kind: Mapped[TaskKind] = mapped_column(one_of(TaskKind, "kind"))
    audience: Mapped[Audience] = mapped_column(one_of(Audience, "audience"))
    state: Mapped[TaskState] = mapped_column(one_of(TaskState, "state"))
    state_reason: Mapped[str | None]
    paused_from: Mapped[TaskState | None] = mapped_column(one_of(TaskState, "paused_from"))
    review_on: Mapped[date | None]
    paused_on: Mapped[date | None]
    paused_days: Mapped[int] = mapped_column(server_default=sa.text("0"), default=0)
    recurrence_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    occurrence_on: Mapped[date | None]
    owner_unit_id: Mapped[int] = mapped_column(sa.BigInteger, ref("unit.id"), index=True)
    lead_unit_id: Mapped[int | None] = mapped_column(sa.BigInteger, ref("unit.id"), index=True)
    created_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]
    due_on: Mapped[date]
    original_due_on: Mapped[date]
    extensions: Mapped[int] = mapped_column(server_default=sa.text("0"), default=0)
    progress: Mapped[Decimal] = mapped_column(
        sa.Numeric(5, 2), server_default=sa.text("0"), default=Decimal(0)
    )
    result: Mapped[str | None]
    delivered_on: Mapped[date | None]
    verified_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    verified_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)


class Participation(Base):
    """A unit's part in a task: role, share (a weight, relative to the others'), progress 0…100.

    ``due_on`` and ``open`` are copies of the task's (open: the task still wants work or a decision and the
    unit has not declined or left), so that the page of one unit's tasks in due order is one index range.
    """

    __tablename__ = "participation"
    __table_args__ = (
        sa.CheckConstraint("share >= 0", name="share"),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        sa.Index("ix_participation_open", "unit_id", "due_on", "task_id", postgresql_where=sa.text("open")),
        sa.Index("ix_participation_unit_id", "unit_id", "due_on", "task_id"),
    )

    task_id: Mapped[int] = mapped_column(sa.BigInteger, ref("task.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(sa.BigInteger, ref("unit.id"), primary_key=True)
    role: Mapped[ParticipantRole] = mapped_column(one_of(ParticipantRole, "role"))
    state: Mapped[ParticipationState] = mapped_column(one_of(ParticipationState, "state"))
    share: Mapped[int]
    progress: Mapped[int] = mapped_column(sa.SmallInteger, server_default=sa.text("0"), default=0)
    due_on: Mapped[date]
    open: Mapped[bool]
    updated_at: Mapped[Timestamp]


class Assignee(Base):
    """A person who works on a task for a participating unit."""

    __tablename__ = "assignee"
    __table_args__ = (sa.Index("ix_assignee_person_id", "person_id", "task_id"),)

    task_id: Mapped[int] = mapped_column(sa.BigInteger, ref("task.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.BigInteger, ref("person.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(sa.BigInteger, ref("unit.id"))
    assigned_at: Mapped[Timestamp]


class TaskTarget(Base):
    """A task serves a target with a weight; both belong to the same plan.

    It counts once it is accepted: what waits for the target's unit, and what that unit declined (for the
    ``reason``), is read by no roll-up.
    """

    __tablename__ = "task_target"
    __table_args__ = (
        sa.CheckConstraint("weight > 0", name="weight"),
        sa.CheckConstraint("(state = 'DECLINED') = (reason IS NOT NULL)", name="declined_has_reason"),
        sa.Index("ix_task_target_target_id", "target_id"),
    )

    task_id: Mapped[int] = mapped_column(sa.BigInteger, ref("task.id"), primary_key=True)
    target_id: Mapped[int] = mapped_column(sa.BigInteger, ref("target.id"), primary_key=True)
    weight: Mapped[Decimal] = mapped_column(Quantity)
    state: Mapped[LinkState] = mapped_column(
        one_of(LinkState, "state"), server_default="ACCEPTED", default=LinkState.ACCEPTED
    )
    reason: Mapped[str | None]


class TaskDependency(Base):
    """``task_id`` cannot start before ``blocked_by_id`` is delivered."""

    __tablename__ = "task_dependency"
    __table_args__ = (
        sa.CheckConstraint("task_id <> blocked_by_id", name="not_itself"),
        sa.Index("ix_task_dependency_blocked_by_id", "blocked_by_id"),
    )

    task_id: Mapped[int] = mapped_column(sa.BigInteger, ref("task.id"), primary_key=True)
    blocked_by_id: Mapped[int] = mapped_column(sa.BigInteger, ref("task.id"), primary_key=True)


class TaskComment(Base):
    __tablename__ = "task_comment"
    __table_args__ = (sa.Index("ix_task_comment_task_id", "task_id", "id"),)

    id: Mapped[Id]
    task_id: Mapped[int] = mapped_column(sa.BigInteger, ref("task.id"))
    author_id: Mapped[int | None] = mapped_column(sa.BigInteger, ref("person.id"))
    unit_id: Mapped[int | None] = mapped_column(sa.BigInteger, ref("unit.id"))
    body: Mapped[str]
    created_at: Mapped[Timestamp]


class TaskEvidence(Base):
    """A link to what proves a result: a document, a page, a system."""

    __tablename__ = "task_evidence"
    __table_args__ = (sa.Index("ix_task_evidence_task_id", "task_id", "id"),)

    id: Mapped[Id]
    task_id: Mapped[int] = mapped_column(sa.BigInteger, ref("task.id"))
    added_by_id: Mapped[int | None] = mapped_column(sa.BigInteger, ref("person.id"))
    unit_id: Mapped[int | None] = mapped_column(sa.BigInteger, ref("unit.id"))
    title: Mapped[str]
    url: Mapped[str]
    created_at: Mapped[Timestamp]


class TaskExtension(Base):
    """A later due date: asked for by ``unit_id``, or granted by it unasked; and what was decided.

    ``due_on``: the date as it stood when it was asked for. ``requested_by_id`` is null where nobody asked.
    """

    __tablename__ = "task_extension"
    __table_args__ = (
        sa.CheckConstraint("(state = 'REQUESTED') = (decided_at IS NULL)", name="decided"),
        sa.CheckConstraint("(state = 'GRANTED') = (granted_due_on IS NOT NULL)", name="granted"),
        sa.Index(
            "uq_task_extension_open",
            "task_id",
            unique=True,
            postgresql_where=sa.text("state = 'REQUESTED'"),
        ),
        sa.Index("ix_task_extension_task_id", "task_id", "id"),
    )

    id: Mapped[Id]
    task_id: Mapped[int] = mapped_column(sa.BigInteger, ref("task.id"))
    unit_id: Mapped[int] = mapped_column(sa.BigInteger, ref("unit.id"))
    requested_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    requested_at: Mapped[Timestamp]
    due_on: Mapped[date]
    wanted_due_on: Mapped[date]
    reason: Mapped[str]
    state: Mapped[ExtensionState] = mapped_column(one_of(ExtensionState, "state"))
    decided_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    decided_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    decision_reason: Mapped[str | None]
    granted_due_on: Mapped[date | None]


class TaskRecurrence(Base):
    """A task that comes again by an iCalendar rule (RFC 5545): each occurrence is a task of its own.

    ``task_id`` is the task that the occurrences are made like, as it was last: its title, units, roles and
    shares. ``days_before``: how many days before its due date an occurrence is created. ``next_on``: the day
    of the next one; none is left when it is null.
    """

    __tablename__ = "task_recurrence"
    __table_args__ = (
        sa.CheckConstraint("days_before BETWEEN 0 AND 366", name="days_before"),
        sa.Index(
            "uq_task_recurrence_task_id", "task_id", unique=True, postgresql_where=sa.text("ended_at IS NULL")
        ),
        sa.Index("ix_task_recurrence_next", "create_on", "id", postgresql_where=sa.text("ended_at IS NULL")),
    )

    id: Mapped[Id]
    task_id: Mapped[int] = mapped_column(sa.BigInteger, ref("task.id"))
    rule: Mapped[str]
    starts_on: Mapped[date]
    days_before: Mapped[int]
    on_day_off: Mapped[OnDayOff] = mapped_column(one_of(OnDayOff, "on_day_off"))
    next_on: Mapped[date | None]
    create_on: Mapped[date | None]
    created_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    created_at: Mapped[Timestamp]
    ended_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)
