"""Deadlines: calendars, reminders, notifications, deliveries, warnings, extensions, recurrence, feeds

Rows that belong to somebody are guarded as in 0003: ``vdept.person`` is whose inbox a transaction may open.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APP = "vdept_app"
READS = "current_setting('vdept.reads', true)"
UNITS = "CAST((SELECT CAST(nullif(current_setting('vdept.units', true), '') AS bigint[])) AS bigint[])"
PERSON = "(SELECT CAST(nullif(current_setting('vdept.person', true), '') AS bigint))"
SEES_ALL = f"(SELECT {READS} IN ('everything', 'widely'))"
MAY_ALL = f"(SELECT {READS} = 'everything')"


def of_a_task(table: str, column: str = "task_id") -> str:
    """Whoever sees a task sees what belongs to it; ``task``'s own policy decides inside the sub-select."""
    return f"{SEES_ALL} OR (SELECT true FROM task WHERE task.id = {table}.{column} LIMIT 1)"


OWN = f"person_id = {PERSON}"
OF_OWN_UNIT = f"unit_id = ANY ({UNITS})"
OF_OWN_ENDPOINT = "(SELECT true FROM webhook_endpoint e WHERE e.id = webhook_delivery.endpoint_id LIMIT 1)"

POLICIES: dict[str, dict[str, str]] = {
    "notification": {"SELECT": f"{SEES_ALL} OR {OWN}", "UPDATE": f"{MAY_ALL} OR {OWN}", "INSERT": SEES_ALL},
    "notification_preference": {
        "SELECT": f"{SEES_ALL} OR {OWN}",
        "UPDATE": f"{MAY_ALL} OR {OWN}",
        "INSERT": f"{MAY_ALL} OR {OWN}",
    },
    "mail_queue": {"SELECT": MAY_ALL, "UPDATE": MAY_ALL, "DELETE": MAY_ALL, "INSERT": SEES_ALL},
    "mail": {"SELECT": f"{MAY_ALL} OR {OWN}", "UPDATE": MAY_ALL, "DELETE": MAY_ALL, "INSERT": MAY_ALL},
    "webhook_endpoint": {
        "SELECT": f"{SEES_ALL} OR {OF_OWN_UNIT}",
        "UPDATE": f"{MAY_ALL} OR {OF_OWN_UNIT}",
        "INSERT": f"{MAY_ALL} OR {OF_OWN_UNIT}",
    },
    "webhook_delivery": {
        "SELECT": f"{SEES_ALL} OR {OF_OWN_ENDPOINT}",
        "UPDATE": f"{MAY_ALL} OR {OF_OWN_ENDPOINT}",
        "INSERT": f"{SEES_ALL} OR {OF_OWN_ENDPOINT}",
    },
    "reminder": {
        "SELECT": f"{SEES_ALL} OR recipient_id = {PERSON} OR (subject IN ('TASK', 'TASK_REVIEW')"
        " AND (SELECT true FROM task WHERE task.id = reminder.subject_id LIMIT 1))",
        "UPDATE": MAY_ALL,
        "DELETE": MAY_ALL,
        "INSERT": MAY_ALL,
    },
    "early_warning": {
        "SELECT": f"{SEES_ALL} OR subject = 'TARGET'"
        " OR (SELECT true FROM task WHERE task.id = early_warning.subject_id LIMIT 1)",
        "UPDATE": f"{MAY_ALL} OR {OF_OWN_UNIT}",
        "INSERT": MAY_ALL,
    },
    "task_extension": {
        "SELECT": of_a_task("task_extension"),
        "UPDATE": of_a_task("task_extension"),
        "INSERT": f"({MAY_ALL} OR {OF_OWN_UNIT}) AND ({of_a_task('task_extension')})",
    },
    "task_recurrence": {
        "SELECT": of_a_task("task_recurrence"),
        "UPDATE": of_a_task("task_recurrence"),
        "INSERT": of_a_task("task_recurrence"),
    },
    "calendar_feed": {
        "SELECT": f"{MAY_ALL} OR {OWN}",
        "UPDATE": f"{MAY_ALL} OR {OWN}",
        "INSERT": f"{MAY_ALL} OR {OWN}",
    },
}
"""What each command is let do with which rows; a command without a line is taken from the role."""

UNIT_CALENDAR = """
CREATE VIEW unit_calendar WITH (security_invoker = true) AS
SELECT DISTINCT ON (unit_id) unit_id, calendar_id
FROM (
    SELECT c.unit_id, c.id AS calendar_id, 2147483647 AS nearness
    FROM working_calendar c WHERE c.scope = 'UNIT'
    UNION ALL
    SELECT u.id, c.id, array_position(u.path, c.unit_id)
    FROM working_calendar c JOIN unit u ON u.path @> ARRAY[c.unit_id] WHERE c.scope = 'REGION'
) AS reached
ORDER BY unit_id, nearness DESC
"""
"""The calendar of every unit whose calendar is not the national one: its own, or the nearest region's."""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.create_table(
        "early_warning",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "PACE",
                "GAP",
                "SILENCE",
                "UNACKNOWLEDGED",
                "ABANDONED",
                "NO_TIME_LEFT",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "subject",
            sa.Enum("TARGET", "TASK", name="subject", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=True),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "severity",
            sa.Enum(
                "AT_RISK", "OFF_TRACK", name="severity", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_by_id", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("response", sa.String(), nullable=True),
        sa.Column("respond_by", sa.Date(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "closed_because",
            sa.Enum(
                "ENDED",
                "DUE",
                "DONE",
                "PAUSED",
                "WITHDRAWN",
                "CANCELLED",
                "DECLINED",
                "PLAN_CLOSED",
                name="closed_because",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "num_nonnulls(acknowledged_at, response, respond_by) IN (0, 3)",
            name=op.f("ck_early_warning_answered"),
        ),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (closed_because IS NULL)", name=op.f("ck_early_warning_closed")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_early_warning")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "ix_early_warning_open",
        "early_warning",
        ["plan_id", sa.text("severity DESC"), "id"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_early_warning_plan_id", "early_warning", ["plan_id", "closed_at"], unique=False)
    op.create_index(
        "ix_early_warning_promised",
        "early_warning",
        ["respond_by"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL AND reminded_at IS NULL AND respond_by IS NOT NULL"),
    )
    op.create_index(
        "ix_early_warning_subject", "early_warning", ["subject", "subject_id", "id"], unique=False
    )
    op.create_index(
        "ix_early_warning_unanswered",
        "early_warning",
        ["opened_on"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL AND acknowledged_at IS NULL AND escalated_at IS NULL"),
    )
    op.create_index("ix_early_warning_unit_id", "early_warning", ["unit_id", "id"], unique=False)
    op.create_index(
        "ix_early_warning_untold",
        "early_warning",
        ["id"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL AND notified_at IS NULL"),
    )
    op.create_index(
        "uq_early_warning_open",
        "early_warning",
        ["subject", "subject_id", "kind"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "holiday",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("package_version", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_holiday")),
    )
    op.create_table(
        "job_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
    )
    op.create_index("ix_job_run_job", "job_run", ["job", "id"], unique=False)
    op.create_table(
        "job_state",
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("failing", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_state")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "mail",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("notification_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("omitted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "PENDING",
                "SENT",
                "FAILED",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
    )
    op.create_index(
        "ix_mail_pending",
        "mail",
        ["next_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'PENDING'"),
    )
    op.create_index(
        "ix_mail_failed", "mail", ["id"], unique=False, postgresql_where=sa.text("state = 'FAILED'")
    )
    op.create_index("ix_mail_person_id", "mail", ["person_id", "id"], unique=False)
    op.create_table(
        "mail_queue",
        sa.Column("notification_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "notification_id", name=op.f("pk_mail_queue")),
    )
    op.create_index("ix_mail_queue_due_at", "mail_queue", ["due_at"], unique=False)
    op.create_table(
        "notification",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "REMINDER",
                "ESCALATION",
                "REVIEW_DUE",
                "EXTENSION_REQUESTED",
                "EXTENSION_DECIDED",
                "WARNING_OPENED",
                "WARNING_CLOSED",
                "DEADLINE_MOVED",
                "DELIVERY_FAILED",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "data", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("origin_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint(
            "origin", "origin_id", "person_id", name=op.f("uq_notification_origin_origin_id_person_id")
        ),
    )
    op.create_index("ix_notification_person_id", "notification", ["person_id", "id"], unique=False)
    op.create_index(
        "ix_notification_unread",
        "notification",
        ["person_id", "id"],
        unique=False,
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_table(
        "reminder",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "subject",
            sa.Enum(
                "TASK",
                "TASK_REVIEW",
                "TARGET_REVIEW",
                name="subject",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "recipient",
            sa.Enum(
                "ASSIGNEES",
                "LEAD_COORDINATOR",
                "LEAD_HEAD",
                "ASSIGNER_COORDINATOR",
                "ASSIGNER_HEAD",
                "ISSUER_HEAD",
                name="recipient",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "folded", postgresql.ARRAY(sa.SmallInteger()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "vacant_unit_ids",
            postgresql.ARRAY(sa.BigInteger()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("scheduled_on", sa.Date(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "dropped",
            sa.Enum(
                "DONE",
                "PAUSED",
                "CANCELLED",
                "DECLINED",
                "MOVED",
                "RECIPIENT_LEFT",
                name="dropped",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
        sa.UniqueConstraint(
            "subject",
            "subject_id",
            "due_on",
            "step",
            "recipient_id",
            name=op.f("uq_reminder_subject_subject_id_due_on_step_recipient_id"),
        ),
    )
    op.create_index("ix_reminder_recipient_id", "reminder", ["recipient_id", "id"], unique=False)
    op.create_table(
        "reminder_batch",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder_batch")),
    )
    op.create_index(
        "ix_reminder_batch_due",
        "reminder_batch",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("delivered_at IS NULL"),
    )
    op.create_index("ix_reminder_batch_range", "reminder_batch", ["first_id"], unique=False)
    op.create_table(
        "reminder_scan",
        sa.Column("single", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("scanned_on", sa.Date(), nullable=False),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("single", name=op.f("ck_reminder_scan_one_row")),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_reminder_scan")),
    )
    op.create_table(
        "calendar_exception",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "scope",
            sa.Enum(
                "NATIONAL",
                "REGION",
                "UNIT",
                name="scope",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_by_id", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(scope = 'NATIONAL') = (unit_id IS NULL)", name=op.f("ck_calendar_exception_whose")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_calendar_exception_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_exception")),
    )
    op.create_index(
        "uq_calendar_exception_day",
        "calendar_exception",
        ["scope", sa.literal_column("coalesce(unit_id, 0)"), "day"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "calendar_feed",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_calendar_feed_person_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_calendar_feed_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feed")),
        sa.UniqueConstraint("digest", name=op.f("uq_calendar_feed_digest")),
    )
    op.create_index("ix_calendar_feed_person_id", "calendar_feed", ["person_id", "id"], unique=False)
    op.create_table(
        "notification_preference",
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "cadence",
            sa.Enum(
                "INSTANT",
                "DAILY",
                "WEEKLY",
                name="cadence",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="INSTANT",
            nullable=False,
        ),
        sa.Column("quiet_from", sa.Time(), nullable=True),
        sa.Column("quiet_until", sa.Time(), nullable=True),
        sa.Column("muted", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("bounces", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_because", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "(quiet_from IS NULL) = (quiet_until IS NULL)",
            name=op.f("ck_notification_preference_quiet_hours"),
        ),
        sa.CheckConstraint(
            "quiet_from IS DISTINCT FROM quiet_until OR quiet_from IS NULL",
            name=op.f("ck_notification_preference_not_always"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_notification_preference_person_id")
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_notification_preference")),
    )
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("previous_secret", sa.LargeBinary(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "disabled_because",
            sa.Enum(
                "BY_HAND",
                "GONE",
                "FAILING",
                name="disabled_because",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "(disabled_at IS NULL) = (disabled_because IS NULL)", name=op.f("ck_webhook_endpoint_disabled")
        ),
        sa.CheckConstraint(
            "(previous_secret IS NULL) = (previous_until IS NULL)", name=op.f("ck_webhook_endpoint_previous")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_webhook_endpoint_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
    )
    op.create_index("ix_webhook_endpoint_unit_id", "webhook_endpoint", ["unit_id", "id"], unique=False)
    op.create_table(
        "working_calendar",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "scope",
            sa.Enum(
                "NATIONAL",
                "REGION",
                "UNIT",
                name="scope",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(scope = 'NATIONAL') = (unit_id IS NULL)", name=op.f("ck_working_calendar_whose")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_working_calendar_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_working_calendar")),
        sa.UniqueConstraint("scope", "unit_id", name=op.f("uq_working_calendar_scope_unit_id")),
    )
    op.create_table(
        "calendar_day",
        sa.Column("calendar_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"],
            ["working_calendar.id"],
            name=op.f("fk_calendar_day_calendar_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("calendar_id", "day", name=op.f("pk_calendar_day")),
    )
    op.create_index(
        "ix_calendar_day_ordinal",
        "calendar_day",
        ["calendar_id", "ordinal"],
        unique=False,
        postgresql_where=sa.text("working"),
        postgresql_include=["day"],
    )
    op.create_table(
        "calendar_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("calendar_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_change")),
    )
    op.execute("INSERT INTO working_calendar (id, scope) VALUES (0, 'NATIONAL')")
    op.execute(UNIT_CALENDAR)
    op.create_table(
        "reminder_policy",
        sa.Column("plan_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_reminder_policy_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_reminder_policy")),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("endpoint_id", sa.BigInteger(), nullable=False),
        sa.Column("notification_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "PENDING",
                "DELIVERED",
                "DEAD",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("replayed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(notification_id IS NULL) = (kind IS NULL)", name=op.f("ck_webhook_delivery_test")
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoint.id"], name=op.f("fk_webhook_delivery_endpoint_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint(
            "endpoint_id", "notification_id", name=op.f("uq_webhook_delivery_endpoint_id_notification_id")
        ),
    )
    op.create_index(
        "ix_webhook_delivery_pending",
        "webhook_delivery",
        ["endpoint_id", "next_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'PENDING'"),
    )
    op.create_index(
        "ix_webhook_delivery_dead",
        "webhook_delivery",
        ["endpoint_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'DEAD'"),
    )
    op.create_index(
        "ix_webhook_delivery_endpoint_id", "webhook_delivery", ["endpoint_id", "id"], unique=False
    )
    op.create_table(
        "reminder_step",
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column(
            "recipient",
            sa.Enum(
                "ASSIGNEES",
                "LEAD_COORDINATOR",
                "LEAD_HEAD",
                "ASSIGNER_COORDINATOR",
                "ASSIGNER_HEAD",
                "ISSUER_HEAD",
                name="recipient",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.CheckConstraint("step BETWEEN -60 AND 60", name=op.f("ck_reminder_step_step")),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["reminder_policy.plan_id"],
            name=op.f("fk_reminder_step_plan_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("plan_id", "step", "recipient", name=op.f("pk_reminder_step")),
    )
    op.create_table(
        "task_extension",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("wanted_due_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "REQUESTED",
                "GRANTED",
                "REFUSED",
                "WITHDRAWN",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("decided_by_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.String(), nullable=True),
        sa.Column("granted_due_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "(state = 'GRANTED') = (granted_due_on IS NOT NULL)", name=op.f("ck_task_extension_granted")
        ),
        sa.CheckConstraint(
            "(state = 'REQUESTED') = (decided_at IS NULL)", name=op.f("ck_task_extension_decided")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_extension_task_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_task_extension_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_extension")),
    )
    op.create_index("ix_task_extension_task_id", "task_extension", ["task_id", "id"], unique=False)
    op.create_index(
        "uq_task_extension_open",
        "task_extension",
        ["task_id"],
        unique=True,
        postgresql_where=sa.text("state = 'REQUESTED'"),
    )
    op.create_table(
        "task_recurrence",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("days_before", sa.Integer(), nullable=False),
        sa.Column(
            "on_day_off",
            sa.Enum(
                "KEEP",
                "BEFORE",
                "AFTER",
                name="on_day_off",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("next_on", sa.Date(), nullable=True),
        sa.Column("create_on", sa.Date(), nullable=True),
        sa.Column("created_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("days_before BETWEEN 0 AND 366", name=op.f("ck_task_recurrence_days_before")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_recurrence_task_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_recurrence")),
    )
    op.create_index(
        "ix_task_recurrence_next",
        "task_recurrence",
        ["create_on", "id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_task_recurrence_task_id",
        "task_recurrence",
        ["task_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.add_column(
        "indicator",
        sa.Column(
            "frequency",
            sa.Enum(
                "DAILY",
                "WEEKLY",
                "MONTHLY",
                "QUARTERLY",
                "YEARLY",
                name="frequency",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
    )
    op.add_column(
        "key_result",
        sa.Column(
            "gap_points", sa.Numeric(precision=5, scale=2), server_default=sa.text("10"), nullable=False
        ),
    )
    op.add_column("task", sa.Column("paused_on", sa.Date(), nullable=True))
    op.add_column("task", sa.Column("paused_days", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("task", sa.Column("recurrence_id", sa.BigInteger(), nullable=True))
    op.add_column("task", sa.Column("occurrence_on", sa.Date(), nullable=True))
    op.create_index(
        "uq_task_occurrence",
        "task",
        ["recurrence_id", "occurrence_on"],
        unique=True,
        postgresql_where=sa.text("recurrence_id IS NOT NULL"),
    )
    for table in ("task", "target"):
        op.create_index(
            f"ix_{table}_review_on",
            table,
            ["review_on", "id"],
            unique=False,
            postgresql_where=sa.text("state = 'PAUSED'"),
        )
    op.create_check_constraint("gap_points", "key_result", "gap_points >= 0")
    # Since when a task is paused, its log says; a task that was paused without one, its last change.
    op.execute(
        "UPDATE task SET paused_on = CAST(coalesce((SELECT max(activity.at) FROM activity "
        "WHERE subject_type = 'Task' AND subject_id = task.id AND verb = 'task.paused'), updated_at) "
        "AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date) WHERE state = 'PAUSED'"
    )
    op.create_check_constraint("pause_has_begun", "task", "(state = 'PAUSED') = (paused_on IS NOT NULL)")
    _guard()


def _guard() -> None:
    for table, commands in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        for command, which in commands.items():
            clause = "WITH CHECK" if command == "INSERT" else "USING"
            policy = f"{command.lower()}_own ON {table} FOR {command} TO {APP}"
            op.execute(f"CREATE POLICY {policy} {clause} ({which})")
        for command in sorted({"UPDATE", "DELETE"} - set(commands)):
            op.execute(f"REVOKE {command} ON {table} FROM {APP}")


def downgrade() -> None:
    for table in ("target", "task"):
        op.drop_index(f"ix_{table}_review_on", table_name=table)
    op.drop_constraint("gap_points", "key_result")
    op.drop_index(
        "uq_task_occurrence", table_name="task", postgresql_where=sa.text("recurrence_id IS NOT NULL")
    )
    op.drop_column("task", "occurrence_on")
    op.drop_column("task", "recurrence_id")
    op.drop_constraint("pause_has_begun", "task")
    op.drop_column("task", "paused_days")
    op.drop_column("task", "paused_on")
    op.drop_column("key_result", "gap_points")
    op.drop_column("indicator", "frequency")
    op.drop_index(
        "uq_task_recurrence_task_id",
        table_name="task_recurrence",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(
        "ix_task_recurrence_next", table_name="task_recurrence", postgresql_where=sa.text("ended_at IS NULL")
    )
    op.drop_table("task_recurrence")
    op.drop_index(
        "uq_task_extension_open", table_name="task_extension", postgresql_where=sa.text("state = 'REQUESTED'")
    )
    op.drop_index("ix_task_extension_task_id", table_name="task_extension")
    op.drop_table("task_extension")
    op.drop_table("reminder_step")
    op.drop_index("ix_webhook_delivery_endpoint_id", table_name="webhook_delivery")
    op.drop_index(
        "ix_webhook_delivery_dead",
        table_name="webhook_delivery",
        postgresql_where=sa.text("state = 'DEAD'"),
    )
    op.drop_index(
        "ix_webhook_delivery_pending",
        table_name="webhook_delivery",
        postgresql_where=sa.text("state = 'PENDING'"),
    )
    op.drop_table("webhook_delivery")
    op.drop_table("reminder_policy")
    op.execute("DROP VIEW unit_calendar")
    op.drop_table("calendar_change")
    op.drop_index(
        "ix_calendar_day_ordinal",
        table_name="calendar_day",
        postgresql_where=sa.text("working"),
        postgresql_include=["day"],
    )
    op.drop_table("calendar_day")
    op.drop_table("working_calendar")
    op.drop_index("ix_webhook_endpoint_unit_id", table_name="webhook_endpoint")
    op.drop_table("webhook_endpoint")
    op.drop_table("notification_preference")
    op.drop_index("ix_calendar_feed_person_id", table_name="calendar_feed")
    op.drop_table("calendar_feed")
    op.drop_index(
        "uq_calendar_exception_day",
        table_name="calendar_exception",
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.drop_table("calendar_exception")
    op.drop_table("reminder_scan")
    op.drop_index("ix_reminder_batch_range", table_name="reminder_batch")
    op.drop_index(
        "ix_reminder_batch_due", table_name="reminder_batch", postgresql_where=sa.text("delivered_at IS NULL")
    )
    op.drop_table("reminder_batch")
    op.drop_index("ix_reminder_recipient_id", table_name="reminder")
    op.drop_table("reminder")
    op.drop_index(
        "ix_notification_unread", table_name="notification", postgresql_where=sa.text("read_at IS NULL")
    )
    op.drop_index("ix_notification_person_id", table_name="notification")
    op.drop_table("notification")
    op.drop_index("ix_mail_queue_due_at", table_name="mail_queue")
    op.drop_table("mail_queue")
    op.drop_index("ix_mail_person_id", table_name="mail")
    op.drop_index("ix_mail_failed", table_name="mail", postgresql_where=sa.text("state = 'FAILED'"))
    op.drop_index("ix_mail_pending", table_name="mail", postgresql_where=sa.text("state = 'PENDING'"))
    op.drop_table("mail")
    op.drop_index("ix_job_run_job", table_name="job_run")
    op.drop_table("job_state")
    op.drop_table("job_run")
    op.drop_table("holiday")
    op.drop_index(
        "uq_early_warning_open", table_name="early_warning", postgresql_where=sa.text("closed_at IS NULL")
    )
    op.drop_index("ix_early_warning_unit_id", table_name="early_warning")
    op.drop_index("ix_early_warning_subject", table_name="early_warning")
    op.drop_index("ix_early_warning_plan_id", table_name="early_warning")
    op.drop_table("early_warning")
