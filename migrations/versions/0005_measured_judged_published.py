"""Measured, judged, published: sources, verdicts, editions, signals, focus, segments

Rows that belong to somebody are guarded as in 0003 and 0004. What was judged and published is final: a
trigger and missing rights see to it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


APP = "vdept_app"
READS = "current_setting('vdept.reads', true)"


def _units(setting: str) -> str:
    return (
        f"CAST((SELECT CAST(nullif(current_setting('vdept.{setting}', true), '') AS bigint[])) AS bigint[])"
    )


SEES_ALL = f"(SELECT {READS} IN ('everything', 'widely'))"
MAY_ALL = f"(SELECT {READS} = 'everything')"
OF_OWN_UNIT = f"unit_id = ANY ({_units('units')})"
OF_OWN_SOURCE = f"unit_id = ANY ({_units('source_units')})"
"""Whoever works in the unit, a client of it included: sending values needs no sight of tasks."""

FROM_ABOVE = f"(SELECT u.path && {_units('public_units')} FROM unit u WHERE u.id = unit_id)"

POLICIES: dict[str, dict[str, str]] = {
    "source_connector": dict.fromkeys(
        ("SELECT", "UPDATE", "INSERT", "DELETE"), f"{MAY_ALL} OR {OF_OWN_SOURCE}"
    ),
    "intake": {
        "SELECT": f"{SEES_ALL} OR {OF_OWN_SOURCE}",
        "DELETE": MAY_ALL,
        "INSERT": f"{MAY_ALL} OR {OF_OWN_SOURCE}",
    },
    "rejected_reading": {
        "SELECT": f"{SEES_ALL} OR {OF_OWN_SOURCE}",
        "UPDATE": f"{MAY_ALL} OR {OF_OWN_SOURCE}",
        "DELETE": MAY_ALL,
        "INSERT": f"{MAY_ALL} OR {OF_OWN_SOURCE}",
    },
    "signal": {
        "SELECT": f"{SEES_ALL} OR {OF_OWN_UNIT} OR {FROM_ABOVE.replace('= unit_id', '= signal.unit_id')}",
        "UPDATE": f"{MAY_ALL} OR {OF_OWN_UNIT} OR {FROM_ABOVE.replace('= unit_id', '= signal.unit_id')}",
        "INSERT": MAY_ALL,
    },
    "verdict": {"SELECT": "true", "UPDATE": MAY_ALL, "INSERT": MAY_ALL},
    "verdict_news": {"SELECT": "true", "DELETE": MAY_ALL, "INSERT": MAY_ALL},
    "outcome_gap": {"SELECT": "true", "UPDATE": MAY_ALL, "DELETE": MAY_ALL, "INSERT": MAY_ALL},
}
"""What each command is let do with which rows; a command without a line is taken from the role."""

FINAL = ("edition", "edition_file", "edition_chunk")
"""What was published: neither changed nor deleted by the platform. Keys for editions are retired only."""

EDITION_IS_FINAL = """
CREATE FUNCTION edition_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM edition WHERE id = NEW.edition_id) THEN
        RAISE EXCEPTION 'nothing is added to an edition once it is published' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""
"""Files come before the edition that they are of, in one transaction; after it none does."""

VERDICT_IS_FINAL = """
CREATE FUNCTION verdict_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.superseded_at IS NOT NULL
            OR to_jsonb(NEW) - 'superseded_at' IS DISTINCT FROM to_jsonb(OLD) - 'superseded_at' THEN
        RAISE EXCEPTION 'a verdict is superseded by another and never edited' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""

KINDS = {
    "early_warning": {
        "kind": ("PACE", "GAP", "SILENCE", "UNACKNOWLEDGED", "ABANDONED", "NO_TIME_LEFT"),
        "subject": ("TARGET", "TASK"),
    },
    "notification": {
        "kind": (
            *("REMINDER", "ESCALATION", "REVIEW_DUE", "EXTENSION_REQUESTED", "EXTENSION_DECIDED"),
            *("WARNING_OPENED", "WARNING_CLOSED", "DEADLINE_MOVED", "DELIVERY_FAILED"),
        )
    },
}
"""The values that columns had before."""
NEW_KINDS = {
    "early_warning": {"kind": ("SOURCE_FAILING", "SOURCE_SILENT"), "subject": ("SOURCE",)},
    "notification": {
        "kind": (
            *("READINGS_REJECTED", "VERDICT_ISSUED", "EDITION_PUBLISHED", "SIGNAL_FOUND"),
            *("FOCUS_ASKED", "FOCUS_ANSWERED", "LINK_PROPOSED", "LINK_ANSWERED"),
        )
    },
}

WARNINGS_SEEN = f"""{SEES_ALL} OR subject IN ('TARGET', 'SOURCE')
    OR (SELECT true FROM task WHERE task.id = early_warning.subject_id LIMIT 1)"""
WARNINGS_SEEN_BEFORE = WARNINGS_SEEN.replace("subject IN ('TARGET', 'SOURCE')", "subject = 'TARGET'")

SEGMENTS = "segments <@ ARRAY['DISADVANTAGED', 'RURAL', 'MOUNTAINOUS', 'BORDER', 'ISLAND']::varchar[]"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.create_table(
        "edition_key",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kid", sa.String(), nullable=False),
        sa.Column("public", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edition_key")),
        sa.UniqueConstraint("kid", name=op.f("uq_edition_key_kid")),
    )
    op.create_table(
        "outcome_gap",
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("measured_value", sa.Numeric(), nullable=True),
        sa.Column("reported_value", sa.Numeric(), nullable=True),
        sa.Column("points", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.PrimaryKeyConstraint("plan_id", "unit_id", "target_id", "on_day", name=op.f("pk_outcome_gap")),
    )
    op.create_index("ix_outcome_gap_target_id", "outcome_gap", ["target_id", "on_day"], unique=False)
    op.create_table(
        "signal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "detector",
            sa.Enum(
                "DRIFT",
                "JUMP",
                "COPIED",
                "RUSH",
                "BACKDATED",
                "PING_PONG",
                "SAME_ANSWER",
                name="detector",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=True),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("indicator_id", sa.BigInteger(), nullable=True),
        sa.Column("score", sa.Numeric(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("found_on", sa.Date(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "OPEN",
                "ANSWERED",
                "DISMISSED",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="OPEN",
            nullable=False,
        ),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'OPEN') = (answered_at IS NULL) AND (state = 'OPEN') = (answer IS NULL)",
            name=op.f("ck_signal_answered"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal")),
        sa.UniqueConstraint("detector", "key", name=op.f("uq_signal_detector_key")),
    )
    op.create_index("ix_signal_plan_id", "signal", ["plan_id", "id"], unique=False)
    op.create_index("ix_signal_unit_id", "signal", ["unit_id", "id"], unique=False)
    op.create_index(
        "ix_signal_untold", "signal", ["id"], unique=False, postgresql_where=sa.text("told_at IS NULL")
    )
    op.create_table(
        "signal_mark",
        sa.Column("log", sa.String(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("log", name=op.f("pk_signal_mark")),
    )
    op.create_table(
        "verdict",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "subject",
            sa.Enum("TARGET", "UNIT", name="subject", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=True),
        sa.Column("key_result_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "judgement",
            sa.Enum("MET", "NOT_MET", name="judgement", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("evaluated_on", sa.Date(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True),
        sa.Column("goal", sa.Numeric(), nullable=True),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("head_id", sa.BigInteger(), nullable=True),
        sa.Column("head_since", sa.Date(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(subject = 'TARGET') = (target_id IS NOT NULL)", name=op.f("ck_verdict_target")),
        sa.CheckConstraint("(head_id IS NULL) = (head_since IS NULL)", name=op.f("ck_verdict_head")),
        sa.CheckConstraint(
            "(target_id IS NULL) = (key_result_id IS NULL)", name=op.f("ck_verdict_key_result")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
        postgresql_with={"fillfactor": 90},
    )
    op.create_index(
        "ix_verdict_head_id",
        "verdict",
        ["head_id", "id"],
        unique=False,
        postgresql_where=sa.text("head_id IS NOT NULL"),
    )
    op.create_index("ix_verdict_plan_id", "verdict", ["plan_id", "id"], unique=False)
    op.create_index("ix_verdict_target_id", "verdict", ["target_id", "number"], unique=False)
    op.create_index("ix_verdict_unit_id", "verdict", ["unit_id", "plan_id", "id"], unique=False)
    op.create_index(
        "uq_verdict_target",
        "verdict",
        ["target_id"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL AND target_id IS NOT NULL"),
    )
    op.create_index(
        "uq_verdict_unit",
        "verdict",
        ["plan_id", "unit_id"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL AND target_id IS NULL"),
    )
    op.create_table(
        "verdict_news",
        sa.Column("verdict_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("verdict_id", name=op.f("pk_verdict_news")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("limits", sa.String(), nullable=True),
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
            nullable=False,
        ),
        sa.Column(
            "way",
            sa.Enum("PUSH", "PULL", name="way", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column(
            "reach",
            sa.Enum("SUBTREE", "NATION", name="reach", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "ACTIVE",
                "PAUSED",
                "CLOSED",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="ACTIVE",
            nullable=False,
        ),
        sa.Column("state_reason", sa.String(), nullable=True),
        sa.Column("search", sa.String(), nullable=False),
        sa.Column("sort_key", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.BigInteger(), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "(state = 'ACTIVE') = (state_reason IS NULL)", name=op.f("ck_source_state_has_reason")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_source_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("unit_id", "name", name=op.f("uq_source_unit_id_name")),
    )
    op.create_index("ix_source_sort", "source", ["sort_key", "id"], unique=False)
    op.create_table(
        "edition",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=True),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by_id", sa.BigInteger(), nullable=True),
        sa.Column("corrects_number", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("targets", sa.Integer(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("manifest", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("kid", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.CheckConstraint(
            "corrects_number IS NULL OR corrects_number < number", name=op.f("ck_edition_corrects")
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_edition_number")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_edition_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edition")),
        sa.UniqueConstraint("plan_id", "month", name=op.f("uq_edition_plan_id_month")),
        sa.UniqueConstraint("plan_id", "number", name=op.f("uq_edition_plan_id_number")),
    )
    op.create_table(
        "edition_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("corrects_number", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "WAITING",
                "PUBLISHED",
                "FAILED",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="WAITING",
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("edition_id", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(state = 'PUBLISHED') = (edition_id IS NOT NULL)", name=op.f("ck_edition_request_edition")
        ),
        sa.CheckConstraint(
            "(state = 'WAITING') = (finished_at IS NULL)", name=op.f("ck_edition_request_finished")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_edition_request_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edition_request")),
    )
    op.create_index(
        "uq_edition_request_waiting",
        "edition_request",
        ["plan_id"],
        unique=True,
        postgresql_where=sa.text("state = 'WAITING'"),
    )
    op.create_index("ix_edition_request_plan_id", "edition_request", ["plan_id", "id"], unique=False)
    op.create_table(
        "focus",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("agree_by", sa.Date(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "PROPOSED",
                "AGREED",
                "RETURNED",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("nominated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("nominated_by_id", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("(state = 'PROPOSED') = (answered_at IS NULL)", name=op.f("ck_focus_answered")),
        sa.CheckConstraint(
            "(state = 'RETURNED') = (answer IS NOT NULL)", name=op.f("ck_focus_returned_has_reason")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_focus_plan_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_focus_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_focus")),
        sa.UniqueConstraint("plan_id", "unit_id", name=op.f("uq_focus_plan_id_unit_id")),
    )
    op.create_index(
        "ix_focus_agree_by",
        "focus",
        ["agree_by", "id"],
        unique=False,
        postgresql_where=sa.text("state <> 'AGREED'"),
    )
    op.create_index("ix_focus_unit_id", "focus", ["unit_id", "id"], unique=False)
    op.create_table(
        "focus_call",
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("agree_by", sa.Date(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_focus_call_plan_id")),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_focus_call")),
    )
    op.create_table(
        "intake",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("RECEIVED", "FAILED", name="state", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("rows", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("recorded", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rejected", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("params", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "(state = 'FAILED') = (error IS NOT NULL)", name=op.f("ck_intake_failed_has_error")
        ),
        sa.CheckConstraint("recorded + unchanged + rejected = rows", name=op.f("ck_intake_no_row_lost")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_intake_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intake")),
    )
    op.create_index("ix_intake_source_id", "intake", ["source_id", "id"], unique=False)
    op.create_table(
        "source_connector",
        sa.Column("source_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "HTTP_JSON",
                "HTTP_CSV",
                "HTTP_EXCEL",
                "POSTGRESQL",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("setting", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("credentials", sa.LargeBinary(), nullable=True),
        sa.Column("every_minutes", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("etag", sa.String(), nullable=True),
        sa.Column("last_sha256", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("every_minutes BETWEEN 1 AND 44640", name=op.f("ck_source_connector_every")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_source_connector_source_id")),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_source_connector")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "ix_source_connector_next_at",
        "source_connector",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_table(
        "source_indicator",
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("indicator_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["indicator_id"], ["indicator.id"], name=op.f("fk_source_indicator_indicator_id")
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_source_indicator_source_id")),
        sa.PrimaryKeyConstraint("source_id", "indicator_id", name=op.f("pk_source_indicator")),
    )
    op.create_index(
        op.f("ix_source_indicator_indicator_id"), "source_indicator", ["indicator_id"], unique=False
    )
    op.create_table(
        "edition_chunk",
        sa.Column("edition_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "format",
            sa.Enum(
                "JSON",
                "CSV",
                "EXCEL",
                "HTML",
                name="format",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["edition.id"],
            name=op.f("fk_edition_chunk_edition_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("edition_id", "format", "number", name=op.f("pk_edition_chunk")),
    )
    op.create_table(
        "edition_file",
        sa.Column("edition_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "format",
            sa.Enum(
                "JSON",
                "CSV",
                "EXCEL",
                "HTML",
                name="format",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["edition.id"],
            name=op.f("fk_edition_file_edition_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("edition_id", "format", name=op.f("pk_edition_file")),
    )
    op.create_table(
        "focus_objective",
        sa.Column("focus_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("objective_id", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.CheckConstraint("position BETWEEN 1 AND 3", name=op.f("ck_focus_objective_at_most_three")),
        sa.ForeignKeyConstraint(["focus_id"], ["focus.id"], name=op.f("fk_focus_objective_focus_id")),
        sa.ForeignKeyConstraint(
            ["objective_id"], ["objective.id"], name=op.f("fk_focus_objective_objective_id")
        ),
        sa.PrimaryKeyConstraint("focus_id", "position", name=op.f("pk_focus_objective")),
        sa.UniqueConstraint(
            "focus_id", "objective_id", name=op.f("uq_focus_objective_focus_id_objective_id")
        ),
    )
    op.create_table(
        "rejected_reading",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("intake_id", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("given", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("raw", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=True),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "OPEN",
                "REPLAYED",
                "DISMISSED",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="OPEN",
            nullable=False,
        ),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by_id", sa.BigInteger(), nullable=True),
        sa.Column("measurement_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("put_right", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "(state = 'DISMISSED') = (reason IS NOT NULL)",
            name=op.f("ck_rejected_reading_dismissed_has_reason"),
        ),
        sa.CheckConstraint(
            "(state = 'OPEN') = (resolved_at IS NULL)", name=op.f("ck_rejected_reading_resolved")
        ),
        sa.ForeignKeyConstraint(["intake_id"], ["intake.id"], name=op.f("fk_rejected_reading_intake_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_rejected_reading_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejected_reading")),
    )
    op.create_index("ix_rejected_reading_intake_id", "rejected_reading", ["intake_id", "id"], unique=False)
    op.create_index("ix_rejected_reading_known", "rejected_reading", ["source_id", "code"], unique=False)
    op.create_index(
        "ix_rejected_reading_measurement_id",
        "rejected_reading",
        ["measurement_id"],
        unique=False,
        postgresql_where=sa.text("measurement_id IS NOT NULL"),
    )
    op.create_index(
        "ix_rejected_reading_open",
        "rejected_reading",
        ["source_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'OPEN'"),
    )
    op.add_column(
        "task_target",
        sa.Column(
            "state",
            sa.Enum("PROPOSED", "ACCEPTED", "DECLINED", name="state", native_enum=False, length=24),
            server_default="ACCEPTED",
            nullable=False,
        ),
    )
    op.add_column("task_target", sa.Column("reason", sa.String(), nullable=True))
    op.create_check_constraint(
        op.f("ck_task_target_state"), "task_target", "state IN ('PROPOSED', 'ACCEPTED', 'DECLINED')"
    )
    op.create_check_constraint(
        op.f("ck_task_target_declined_has_reason"),
        "task_target",
        "(state = 'DECLINED') = (reason IS NOT NULL)",
    )
    op.add_column("measurement", sa.Column("source_id", sa.BigInteger(), nullable=True))
    op.add_column("measurement", sa.Column("intake_id", sa.BigInteger(), nullable=True))
    op.add_column(
        "measurement",
        sa.Column("put_right", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column(
        "unit",
        sa.Column("segments", postgresql.ARRAY(sa.String()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.execute(f"ALTER TABLE unit ADD CONSTRAINT ck_unit_segments CHECK ({SEGMENTS})")
    for table, columns in KINDS.items():
        for column, values in columns.items():
            _one_of(table, column, (*values, *NEW_KINDS[table][column]))
    op.execute(f"ALTER POLICY select_own ON early_warning USING ({WARNINGS_SEEN})")
    op.execute(EDITION_IS_FINAL)
    for table in ("edition_file", "edition_chunk"):
        op.execute(
            f"CREATE TRIGGER final BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION edition_is_final()"
        )
    op.execute(VERDICT_IS_FINAL)
    op.execute(
        "CREATE TRIGGER final BEFORE UPDATE ON verdict FOR EACH ROW EXECUTE FUNCTION verdict_is_final()"
    )
    _guard()


def _one_of(table: str, column: str, values: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{value}'" for value in values)
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{column}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{column} CHECK ({column} IN ({listed}))")


def _guard() -> None:
    for table, commands in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        for command, which in commands.items():
            clause = "WITH CHECK" if command == "INSERT" else "USING"
            policy = f"{command.lower()}_own ON {table} FOR {command} TO {APP}"
            op.execute(f"CREATE POLICY {policy} {clause} ({which})")
        for command in sorted({"UPDATE", "DELETE"} - set(commands)):
            op.execute(f"REVOKE {command} ON {table} FROM {APP}")
    for table in (*FINAL, "edition_key"):
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {APP}")
    op.execute(f"GRANT UPDATE (retired_at, private) ON edition_key TO {APP}")
    # A hundred thousand verdicts of one hour are counted before they are told (verdicts.telling).
    op.execute(f"GRANT MAINTAIN ON verdict, verdict_news TO {APP}")


def downgrade() -> None:
    op.execute(f"ALTER POLICY select_own ON early_warning USING ({WARNINGS_SEEN_BEFORE})")
    op.execute("DELETE FROM early_warning WHERE subject = 'SOURCE'")
    kinds = ", ".join(f"'{kind}'" for kind in NEW_KINDS["notification"]["kind"])
    for table in ("webhook_delivery", "mail_queue"):
        which = f"SELECT id FROM notification WHERE kind IN ({kinds})"
        op.execute(f"DELETE FROM {table} WHERE notification_id IN ({which})")
    op.execute(f"DELETE FROM notification WHERE kind IN ({kinds})")
    for table, columns in KINDS.items():
        for column, values in columns.items():
            _one_of(table, column, values)
    op.execute("ALTER TABLE unit DROP CONSTRAINT ck_unit_segments")
    op.drop_column("unit", "segments")
    op.execute("DELETE FROM task_target WHERE state <> 'ACCEPTED'")
    for constraint in ("ck_task_target_declined_has_reason", "ck_task_target_state"):
        op.drop_constraint(op.f(constraint), "task_target", type_="check")
    op.drop_column("task_target", "reason")
    op.drop_column("task_target", "state")
    op.drop_column("measurement", "put_right")
    op.drop_column("measurement", "intake_id")
    op.drop_column("measurement", "source_id")
    op.drop_index(
        "ix_rejected_reading_open", table_name="rejected_reading", postgresql_where=sa.text("state = 'OPEN'")
    )
    op.drop_index(
        "ix_rejected_reading_measurement_id",
        table_name="rejected_reading",
        postgresql_where=sa.text("measurement_id IS NOT NULL"),
    )
    op.drop_index("ix_rejected_reading_known", table_name="rejected_reading")
    op.drop_index("ix_rejected_reading_intake_id", table_name="rejected_reading")
    op.drop_table("rejected_reading")
    op.drop_table("focus_objective")
    op.drop_table("edition_file")
    op.drop_table("edition_chunk")
    op.drop_index(op.f("ix_source_indicator_indicator_id"), table_name="source_indicator")
    op.drop_table("source_indicator")
    op.drop_index(
        "ix_source_connector_next_at",
        table_name="source_connector",
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.drop_table("source_connector")
    op.drop_index("ix_intake_source_id", table_name="intake")
    op.drop_table("intake")
    op.drop_table("focus_call")
    op.drop_index("ix_focus_unit_id", table_name="focus")
    op.drop_index("ix_focus_agree_by", table_name="focus", postgresql_where=sa.text("state <> 'AGREED'"))
    op.drop_table("focus")
    op.drop_table("edition_request")
    op.drop_table("edition")
    op.drop_index("ix_source_sort", table_name="source")
    op.drop_table("source")
    op.drop_index(
        "uq_verdict_unit",
        table_name="verdict",
        postgresql_where=sa.text("superseded_at IS NULL AND target_id IS NULL"),
    )
    op.drop_index(
        "uq_verdict_target",
        table_name="verdict",
        postgresql_where=sa.text("superseded_at IS NULL AND target_id IS NOT NULL"),
    )
    op.drop_index("ix_verdict_unit_id", table_name="verdict")
    op.drop_index("ix_verdict_target_id", table_name="verdict")
    op.drop_index("ix_verdict_plan_id", table_name="verdict")
    op.drop_index("ix_verdict_head_id", table_name="verdict", postgresql_where=sa.text("head_id IS NOT NULL"))
    op.drop_table("verdict_news")
    op.drop_table("verdict")
    op.execute("DROP FUNCTION verdict_is_final")
    op.execute("DROP FUNCTION edition_is_final")
    op.drop_table("signal_mark")
    op.drop_index("ix_signal_untold", table_name="signal", postgresql_where=sa.text("told_at IS NULL"))
    op.drop_index("ix_signal_unit_id", table_name="signal")
    op.drop_index("ix_signal_plan_id", table_name="signal")
    op.drop_table("signal")
    op.drop_index("ix_outcome_gap_target_id", table_name="outcome_gap")
    op.drop_table("outcome_gap")
    op.drop_table("edition_key")
