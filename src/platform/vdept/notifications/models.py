"""The inbox, what people want to be told how, and the queues towards outside."""

from datetime import datetime, time
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Timestamp, one_of, ref


class NotificationKind(StrEnum):
    """What somebody is told; the kinds that a person can switch off for e-mail, one by one."""

    REMINDER = "REMINDER"
    ESCALATION = "ESCALATION"
    REVIEW_DUE = "REVIEW_DUE"
    EXTENSION_REQUESTED = "EXTENSION_REQUESTED"
    EXTENSION_DECIDED = "EXTENSION_DECIDED"
    WARNING_OPENED = "WARNING_OPENED"
    WARNING_CLOSED = "WARNING_CLOSED"
    DEADLINE_MOVED = "DEADLINE_MOVED"
    DELIVERY_FAILED = "DELIVERY_FAILED"
    VERDICT_ISSUED = "VERDICT_ISSUED"
    READINGS_REJECTED = "READINGS_REJECTED"
    EDITION_PUBLISHED = "EDITION_PUBLISHED"
    SIGNAL_FOUND = "SIGNAL_FOUND"
    FOCUS_ASKED = "FOCUS_ASKED"
    FOCUS_ANSWERED = "FOCUS_ANSWERED"
    LINK_PROPOSED = "LINK_PROPOSED"
    LINK_ANSWERED = "LINK_ANSWERED"


class Cadence(StrEnum):
    """How often e-mail goes out: at once, each morning at 08:00, or on Monday mornings."""

    INSTANT = "INSTANT"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"


class MailState(StrEnum):
    PENDING = "PENDING"
    SENT = "SENT"
    FAILED = "FAILED"


class WebhookState(StrEnum):
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"


class WebhookDisabled(StrEnum):
    """Why nothing goes to an endpoint any more."""

    BY_HAND = "BY_HAND"
    GONE = "GONE"
    FAILING = "FAILING"


class Notification(Base):
    """One entry of one person's inbox, addressed to them in the capacity of ``unit_id``.

    ``origin`` and ``origin_id`` name the row that it tells of, once per person. ``data`` holds the plain
    values that its sentence is made of, in the reader's language, when it is read.
    """

    __tablename__ = "notification"
    __table_args__ = (
        sa.UniqueConstraint("origin", "origin_id", "person_id"),
        sa.Index("ix_notification_person_id", "person_id", "id"),
        sa.Index("ix_notification_unread", "person_id", "id", postgresql_where=sa.text("read_at IS NULL")),
    )

    id: Mapped[Id]
    person_id: Mapped[int] = mapped_column(sa.BigInteger)
    unit_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    kind: Mapped[NotificationKind] = mapped_column(one_of(NotificationKind, "kind"))
    subject_type: Mapped[str]
    subject_id: Mapped[int] = mapped_column(sa.BigInteger)
    plan_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sa.text("'{}'"))
    origin: Mapped[str]
    origin_id: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[Timestamp]
    read_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class NotificationPreference(Base):
    """How a person wants to be told. Whoever has no row has the defaults.

    ``quiet_from`` to ``quiet_until`` are local times (over midnight, too) in which no e-mail goes out.
    ``bounces`` counts refusals of the address in a row; at the third, ``stopped_at`` is set and nothing more
    is sent there until the person says so.
    """

    __tablename__ = "notification_preference"
    __table_args__ = (
        sa.CheckConstraint("(quiet_from IS NULL) = (quiet_until IS NULL)", name="quiet_hours"),
        sa.CheckConstraint(
            "quiet_from IS DISTINCT FROM quiet_until OR quiet_from IS NULL", name="not_always"
        ),
    )

    person_id: Mapped[int] = mapped_column(sa.BigInteger, ref("person.id"), primary_key=True)
    email: Mapped[bool] = mapped_column(server_default=sa.true(), default=True)
    cadence: Mapped[Cadence] = mapped_column(
        one_of(Cadence, "cadence"), server_default="INSTANT", default=Cadence.INSTANT
    )
    quiet_from: Mapped[time | None]
    quiet_until: Mapped[time | None]
    muted: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), server_default=sa.text("'{}'"), default=list)
    bounces: Mapped[int] = mapped_column(sa.SmallInteger, server_default=sa.text("0"), default=0)
    stopped_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    stopped_because: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)


class MailQueue(Base):
    """A notification that is to go out by e-mail, with whatever else is due for its person by then."""

    __tablename__ = "mail_queue"
    __table_args__ = (
        sa.PrimaryKeyConstraint("person_id", "notification_id"),  # in this order: a letter is one person's
        sa.Index("ix_mail_queue_due_at", "due_at"),
    )

    notification_id: Mapped[int] = mapped_column(sa.BigInteger, autoincrement=False)
    person_id: Mapped[int] = mapped_column(sa.BigInteger, autoincrement=False)
    due_at: Mapped[Timestamp]


class Mail(Base):
    """One e-mail to one person. Its Message-ID follows from its id: sent again, it is the same message.

    ``omitted``: how many notifications it mentions only by their number. ``next_at`` is when it is tried
    next, and, while somebody sends it, when their lease runs out; ``token`` counts the leases. ``error`` is
    the server's code and never its text.
    """

    __tablename__ = "mail"
    __table_args__ = (
        sa.Index("ix_mail_pending", "next_at", "id", postgresql_where=sa.text("state = 'PENDING'")),
        sa.Index("ix_mail_failed", "id", postgresql_where=sa.text("state = 'FAILED'")),
        sa.Index("ix_mail_person_id", "person_id", "id"),
    )

    id: Mapped[Id]
    person_id: Mapped[int] = mapped_column(sa.BigInteger)
    notification_ids: Mapped[list[int]] = mapped_column(ARRAY(sa.BigInteger))
    omitted: Mapped[int] = mapped_column(server_default=sa.text("0"), default=0)
    state: Mapped[MailState] = mapped_column(one_of(MailState, "state"))
    attempts: Mapped[int] = mapped_column(sa.SmallInteger, server_default=sa.text("0"), default=0)
    created_at: Mapped[Timestamp]
    next_at: Mapped[Timestamp]
    token: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"), default=0)
    sent_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    error: Mapped[str | None]


class WebhookEndpoint(Base):
    """An address of a unit's system that is told what its people are told. The secrets are kept sealed.

    ``kinds``: what it is told of, everything if empty. ``failing_since``: nothing has arrived since then.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        sa.CheckConstraint("(disabled_at IS NULL) = (disabled_because IS NULL)", name="disabled"),
        sa.CheckConstraint("(previous_secret IS NULL) = (previous_until IS NULL)", name="previous"),
        sa.Index("ix_webhook_endpoint_unit_id", "unit_id", "id"),
    )

    id: Mapped[Id]
    unit_id: Mapped[int] = mapped_column(sa.BigInteger, ref("unit.id"))
    url: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    secret: Mapped[bytes]
    previous_secret: Mapped[bytes | None]
    previous_until: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    created_by_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    created_at: Mapped[Timestamp]
    failing_since: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    disabled_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    disabled_because: Mapped[WebhookDisabled | None] = mapped_column(
        one_of(WebhookDisabled, "disabled_because")
    )
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)


class WebhookDelivery(Base):
    """A notification on its way to an endpoint. Its webhook-id follows from its id, however often sent.

    Without a notification it is a test. ``attempts`` counts the answers and failures since ``replayed_at``,
    ``token`` how often it was claimed; ``error`` says in a word why the last attempt failed.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        sa.UniqueConstraint("endpoint_id", "notification_id"),
        sa.CheckConstraint("(notification_id IS NULL) = (kind IS NULL)", name="test"),
        sa.Index(
            "ix_webhook_delivery_pending",
            "endpoint_id",
            "next_at",
            "id",
            postgresql_where=sa.text("state = 'PENDING'"),
        ),
        sa.Index("ix_webhook_delivery_dead", "endpoint_id", "id", postgresql_where=sa.text("state = 'DEAD'")),
        sa.Index("ix_webhook_delivery_endpoint_id", "endpoint_id", "id"),
    )

    id: Mapped[Id]
    endpoint_id: Mapped[int] = mapped_column(sa.BigInteger, ref("webhook_endpoint.id"))
    notification_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    kind: Mapped[str | None]
    state: Mapped[WebhookState] = mapped_column(one_of(WebhookState, "state"))
    attempts: Mapped[int] = mapped_column(sa.SmallInteger, server_default=sa.text("0"), default=0)
    created_at: Mapped[Timestamp]
    next_at: Mapped[Timestamp]
    token: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"), default=0)
    replayed_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    delivered_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    status: Mapped[int | None] = mapped_column(sa.SmallInteger)
    error: Mapped[str | None]
