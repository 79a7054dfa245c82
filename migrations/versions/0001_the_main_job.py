"""The main job"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from vdept.kernel.activity import Xid8

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    for extension in ("pg_trgm", "btree_gist"):
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    op.create_table(
        "activity",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("verb", sa.String(), nullable=False),
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=True),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "data", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
    )
    op.create_index("ix_activity_feed", "activity", ["xid", "id"], unique=False)
    op.create_index("ix_activity_subject", "activity", ["subject_type", "subject_id", "id"], unique=False)
    op.create_table(
        "idempotency_key",
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index(op.f("ix_idempotency_key_created_at"), "idempotency_key", ["created_at"], unique=False)
    op.create_table(
        "indicator",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("unit_of_measure", sa.String(), nullable=False),
        sa.Column(
            "direction",
            sa.Enum(
                "AT_LEAST",
                "AT_MOST",
                "BETWEEN",
                name="direction",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("numerator", sa.String(), nullable=True),
        sa.Column("denominator", sa.String(), nullable=True),
        sa.Column("minimum", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("maximum", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("sort_key", sa.Text(collation="C"), nullable=False),
        sa.Column("search", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "(numerator IS NULL) = (denominator IS NULL)", name=op.f("ck_indicator_ratio_has_both")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_indicator")),
        sa.UniqueConstraint("code", name=op.f("uq_indicator_code")),
    )
    op.create_index(
        "ix_indicator_search",
        "indicator",
        ["search"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search": "gin_trgm_ops"},
    )
    op.create_index("ix_indicator_sort", "indicator", ["sort_key", "id"], unique=False)
    op.create_table(
        "job_lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_lease")),
    )
    op.create_table(
        "outcome_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=True),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "num_nonnulls(target_id, task_id) = 1", name=op.f("ck_outcome_change_one_subject")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outcome_change")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_threshold": 20000,
            "autovacuum_vacuum_insert_scale_factor": 0,
        },
    )
    op.create_table(
        "participation_outcome",
        sa.Column("task_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "timeliness",
            sa.Enum(
                "OPEN_IN_TIME",
                "OPEN_OVERDUE",
                "DONE_ON_TIME",
                "DONE_LATE",
                name="timeliness",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("share", sa.Numeric(precision=9, scale=6), nullable=False),
        sa.Column("progress", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", "unit_id", name=op.f("pk_participation_outcome")),
    )
    op.create_index(
        "ix_participation_outcome_plan_id", "participation_outcome", ["plan_id", "unit_id"], unique=False
    )
    op.create_table(
        "person",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column(
            "locale",
            sa.Enum("VI", "EN", name="locale", native_enum=False, create_constraint=True, length=24),
            server_default="VI",
            nullable=False,
        ),
        sa.Column("administrator", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("sort_key", sa.Text(collation="C"), nullable=False),
        sa.Column("search", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    op.create_index(
        "ix_person_search",
        "person",
        ["search"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search": "gin_trgm_ops"},
    )
    op.create_index("ix_person_sort", "person", ["sort_key", "id"], unique=False)
    op.create_index("uq_person_email", "person", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "plan_evaluation",
        sa.Column("plan_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("evaluated_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_plan_evaluation")),
    )
    op.create_table(
        "target_outcome",
        sa.Column("target_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("key_result_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("binding", sa.Boolean(), nullable=False),
        sa.Column("weight", sa.Numeric(precision=24, scale=6), nullable=False),
        sa.Column("key_result_weight", sa.Numeric(precision=24, scale=6), nullable=False),
        sa.Column("own_measured_value", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("own_measured_numerator", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("own_measured_denominator", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("measured_on", sa.Date(), nullable=True),
        sa.Column("own_reported_value", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("own_reported_numerator", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("own_reported_denominator", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("reported_on", sa.Date(), nullable=True),
        sa.Column("own_task_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("own_task_progress", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("own_delivered_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("own_verified_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("own_n_open_in_time", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("own_n_open_overdue", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("own_n_done_on_time", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("own_n_done_late", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("children", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("children_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("m_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("m_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("m_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("m_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("m_weighted", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("m_numerator", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("m_denominator", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("m_min", sa.Numeric(), nullable=True),
        sa.Column("m_max", sa.Numeric(), nullable=True),
        sa.Column("r_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("r_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("r_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("r_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("r_weighted", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("r_numerator", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("r_denominator", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("r_min", sa.Numeric(), nullable=True),
        sa.Column("r_max", sa.Numeric(), nullable=True),
        sa.Column("measured_value", sa.Numeric(), nullable=True),
        sa.Column("measured_numerator", sa.Numeric(), nullable=True),
        sa.Column("measured_denominator", sa.Numeric(), nullable=True),
        sa.Column("reported_value", sa.Numeric(), nullable=True),
        sa.Column("reported_numerator", sa.Numeric(), nullable=True),
        sa.Column("reported_denominator", sa.Numeric(), nullable=True),
        sa.Column("measured_attainment", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("reported_attainment", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("attainment", sa.Numeric(precision=9, scale=6), nullable=True),
        sa.Column("expected", sa.Numeric(precision=9, scale=6), nullable=False),
        sa.Column("measured_meets", sa.Boolean(), nullable=False),
        sa.Column("reported_meets", sa.Boolean(), nullable=False),
        sa.Column("meets", sa.Boolean(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "NOT_STARTED",
                "ON_TRACK",
                "AT_RISK",
                "OFF_TRACK",
                "PAUSED",
                "MET",
                "NOT_MET",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("sub_task_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_task_progress", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_not_started", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_on_track", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_at_risk", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_off_track", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_paused", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_not_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_open_in_time", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_open_overdue", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_done_on_time", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_done_late", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("target_id", name=op.f("pk_target_outcome")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_target_outcome_parent_id", "target_outcome", ["parent_id"], unique=False)
    op.create_index("ix_target_outcome_plan_id", "target_outcome", ["plan_id", "level"], unique=False)
    op.create_index("ix_target_outcome_unit_id", "target_outcome", ["unit_id", "plan_id"], unique=False)
    op.create_table(
        "unit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "GOVERNMENT",
                "MINISTRY",
                "DEPARTMENT",
                "PROVINCE",
                "COMMUNE",
                "FIRM",
                "ASSOCIATION",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("division", sa.String(), nullable=True),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("path", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("sort_key", sa.Text(collation="C"), nullable=False),
        sa.Column("search", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "kind NOT IN ('FIRM', 'ASSOCIATION') OR parent_id IS NULL", name=op.f("ck_unit_beside_the_tree")
        ),
        sa.CheckConstraint("path[cardinality(path)] = id", name=op.f("ck_unit_path_ends_here")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_unit_validity")),
        sa.ForeignKeyConstraint(["parent_id"], ["unit.id"], name=op.f("fk_unit_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("code", name=op.f("uq_unit_code")),
    )
    op.create_index("ix_unit_parent_sort", "unit", ["parent_id", "sort_key", "id"], unique=False)
    op.create_index("ix_unit_path", "unit", ["path"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_unit_search",
        "unit",
        ["search"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search": "gin_trgm_ops"},
    )
    op.create_index("ix_unit_sort", "unit", ["sort_key", "id"], unique=False)
    op.create_table(
        "unit_outcome",
        sa.Column("plan_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sub_n_not_started", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_on_track", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_at_risk", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_off_track", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_paused", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_not_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_binding", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_binding_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_attainment_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_attainment_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_measured_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_measured_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_reported_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_reported_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_gap_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_gap_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_open_in_time", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_open_overdue", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_done_on_time", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_n_done_late", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_share_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("sub_progress_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_not_started", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_on_track", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_at_risk", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_off_track", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_paused", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_not_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("binding", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("binding_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attainment_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("attainment_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("measured_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("measured_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("reported_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("reported_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("gap_weight", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("gap_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_open_in_time", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_open_overdue", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_done_on_time", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("n_done_late", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("share_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("progress_sum", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "unit_id", name=op.f("pk_unit_outcome")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_unit_outcome_unit_id", "unit_outcome", ["unit_id"], unique=False)
    op.create_table(
        "access_token",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_access_token_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_access_token_digest")),
    )
    op.create_index(op.f("ix_access_token_person_id"), "access_token", ["person_id"], unique=False)
    op.create_table(
        "measurement",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("indicator_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "basis",
            sa.Enum(
                "MEASURED", "REPORTED", name="basis", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("value", sa.Numeric(precision=24, scale=6), nullable=False),
        sa.Column("numerator", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("denominator", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("supersedes_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(numerator IS NULL) = (denominator IS NULL)", name=op.f("ck_measurement_ratio_has_both")
        ),
        sa.CheckConstraint("denominator > 0", name=op.f("ck_measurement_denominator")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurement")),
    )
    op.create_index(
        "ix_measurement_reading",
        "measurement",
        ["unit_id", "indicator_id", "basis", sa.literal_column("as_of DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_include=["value", "numerator", "denominator"],
    )
    op.create_index(
        "uq_measurement_supersedes_id",
        "measurement",
        ["supersedes_id"],
        unique=True,
        postgresql_where=sa.text("supersedes_id IS NOT NULL"),
    )
    op.create_table(
        "membership",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "HEAD",
                "DEPUTY",
                "COORDINATOR",
                "MEMBER",
                "OBSERVER",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.column("unit_id"), "="),
            (sa.column("person_id"), "="),
            (sa.column("role"), "="),
            (sa.text("daterange(starts_on, ends_on, '[]')"), "&&"),
            using="gist",
            name="ex_membership_once",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("unit_id"), "="),
            (sa.text("daterange(starts_on, ends_on, '[]')"), "&&"),
            where=sa.text("role = 'HEAD'"),
            using="gist",
            name="ex_membership_one_head",
        ),
        sa.CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name=op.f("ck_membership_dates")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_membership_person_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_membership_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
    )
    op.create_index("ix_membership_person_id", "membership", ["person_id"], unique=False)
    op.create_index("ix_membership_unit_id", "membership", ["unit_id", "role"], unique=False)
    op.create_table(
        "plan",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("legal_basis", sa.String(), nullable=True),
        sa.Column("issuer_unit_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column(
            "audience",
            sa.Enum(
                "PUBLIC",
                "GOVERNMENT",
                "PARTICIPANTS",
                name="audience",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "DRAFT",
                "ISSUED",
                "CLOSED",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("grace_days", sa.Integer(), server_default=sa.text("14"), nullable=False),
        sa.Column("stale_days", sa.Integer(), server_default=sa.text("30"), nullable=False),
        sa.Column("three_roles", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_plan_cycle")),
        sa.CheckConstraint("grace_days >= 0 AND stale_days > 0", name=op.f("ck_plan_days")),
        sa.ForeignKeyConstraint(["issuer_unit_id"], ["unit.id"], name=op.f("fk_plan_issuer_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        sa.UniqueConstraint("code", name=op.f("uq_plan_code")),
    )
    op.create_index("ix_plan_starts_on", "plan", ["starts_on", "id"], unique=False)
    op.create_table(
        "objective",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_objective_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objective")),
        sa.UniqueConstraint("plan_id", "position", name=op.f("uq_objective_plan_id_position")),
    )
    op.create_table(
        "task",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=True),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("search", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("ROUTINE", "DEEP", name="kind", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column(
            "audience",
            sa.Enum(
                "PUBLIC",
                "GOVERNMENT",
                "PARTICIPANTS",
                name="audience",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "OPEN",
                "OFFERED",
                "ACCEPTED",
                "IN_PROGRESS",
                "DELIVERED",
                "VERIFIED",
                "DECLINED",
                "PAUSED",
                "CANCELLED",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("state_reason", sa.String(), nullable=True),
        sa.Column(
            "paused_from",
            sa.Enum(
                "OPEN",
                "OFFERED",
                "ACCEPTED",
                "IN_PROGRESS",
                "DELIVERED",
                "VERIFIED",
                "DECLINED",
                "PAUSED",
                "CANCELLED",
                name="paused_from",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("review_on", sa.Date(), nullable=True),
        sa.Column("owner_unit_id", sa.BigInteger(), nullable=False),
        sa.Column("lead_unit_id", sa.BigInteger(), nullable=True),
        sa.Column("created_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("original_due_on", sa.Date(), nullable=False),
        sa.Column("extensions", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("progress", sa.Numeric(precision=5, scale=2), server_default=sa.text("0"), nullable=False),
        sa.Column("result", sa.String(), nullable=True),
        sa.Column("delivered_on", sa.Date(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "(state = 'PAUSED') = (review_on IS NOT NULL)", name=op.f("ck_task_pause_has_review")
        ),
        sa.CheckConstraint(
            "(state IN ('DELIVERED', 'VERIFIED')) = (delivered_on IS NOT NULL)",
            name=op.f("ck_task_delivered"),
        ),
        sa.CheckConstraint(
            "state = 'OPEN' OR state = 'CANCELLED' OR lead_unit_id IS NOT NULL", name=op.f("ck_task_lead")
        ),
        sa.CheckConstraint(
            "state NOT IN ('PAUSED', 'CANCELLED', 'DECLINED') OR state_reason IS NOT NULL",
            name=op.f("ck_task_reason"),
        ),
        sa.CheckConstraint("parent_id IS DISTINCT FROM id", name=op.f("ck_task_not_its_own_parent")),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_task_progress")),
        sa.ForeignKeyConstraint(["lead_unit_id"], ["unit.id"], name=op.f("fk_task_lead_unit_id")),
        sa.ForeignKeyConstraint(["owner_unit_id"], ["unit.id"], name=op.f("fk_task_owner_unit_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["task.id"], name=op.f("fk_task_parent_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_task_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
    )
    op.create_index(
        "ix_task_board",
        "task",
        ["due_on", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'OPEN'"),
    )
    op.create_index("ix_task_created_at", "task", ["created_at", "id"], unique=False)
    op.create_index("ix_task_due_on", "task", ["due_on", "id"], unique=False)
    op.create_index(op.f("ix_task_lead_unit_id"), "task", ["lead_unit_id"], unique=False)
    op.create_index(op.f("ix_task_owner_unit_id"), "task", ["owner_unit_id"], unique=False)
    op.create_index(
        "ix_task_parent_id",
        "task",
        ["parent_id"],
        unique=False,
        postgresql_where=sa.text("parent_id IS NOT NULL"),
    )
    op.create_index("ix_task_plan_id", "task", ["plan_id", "due_on", "id"], unique=False)
    op.create_index(
        "ix_task_public",
        "task",
        ["due_on", "id"],
        unique=False,
        postgresql_where=sa.text("audience = 'PUBLIC'"),
    )
    op.create_index(
        "ix_task_search",
        "task",
        ["search"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search": "gin_trgm_ops"},
    )
    op.create_table(
        "assignee",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_assignee_person_id")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_assignee_task_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_assignee_unit_id")),
        sa.PrimaryKeyConstraint("task_id", "person_id", name=op.f("pk_assignee")),
    )
    op.create_index("ix_assignee_person_id", "assignee", ["person_id", "task_id"], unique=False)
    op.create_table(
        "key_result",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("objective_id", sa.BigInteger(), nullable=False),
        sa.Column("indicator_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("value", sa.Numeric(precision=24, scale=6), nullable=False),
        sa.Column("value_high", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("baseline", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("weight", sa.Numeric(precision=24, scale=6), server_default=sa.text("1"), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("standard", sa.String(), nullable=True),
        sa.Column("quality", sa.String(), nullable=True),
        sa.Column(
            "rollup",
            sa.Enum(
                "EACH",
                "SUM",
                "MEAN",
                "WEIGHTED_MEAN",
                "RATIO",
                "MIN",
                "MAX",
                "OWN",
                "MILESTONE",
                name="rollup",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "basis",
            sa.Enum(
                "MEASURED", "REPORTED", name="basis", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("binding", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "at_risk_points", sa.Numeric(precision=5, scale=2), server_default=sa.text("10"), nullable=False
        ),
        sa.Column(
            "off_track_points", sa.Numeric(precision=5, scale=2), server_default=sa.text("25"), nullable=False
        ),
        sa.Column("milestones", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("story", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "0 <= at_risk_points AND at_risk_points <= off_track_points",
            name=op.f("ck_key_result_thresholds"),
        ),
        sa.CheckConstraint("value_high IS NULL OR value_high >= value", name=op.f("ck_key_result_between")),
        sa.CheckConstraint("weight > 0", name=op.f("ck_key_result_weight")),
        sa.ForeignKeyConstraint(["indicator_id"], ["indicator.id"], name=op.f("fk_key_result_indicator_id")),
        sa.ForeignKeyConstraint(["objective_id"], ["objective.id"], name=op.f("fk_key_result_objective_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_key_result_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_result")),
        sa.UniqueConstraint("objective_id", "position", name=op.f("uq_key_result_objective_id_position")),
    )
    op.create_index("ix_key_result_indicator_id", "key_result", ["indicator_id"], unique=False)
    op.create_index("ix_key_result_plan_id", "key_result", ["plan_id"], unique=False)
    op.create_table(
        "participation",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "PROBLEM_OWNER",
                "BUILDER",
                "USER",
                "CONTRIBUTOR",
                "SUPERVISOR",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "INVITED",
                "ACCEPTED",
                "DECLINED",
                "LEFT",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("progress", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_participation_progress")),
        sa.CheckConstraint("share >= 0", name=op.f("ck_participation_share")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_participation_task_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_participation_unit_id")),
        sa.PrimaryKeyConstraint("task_id", "unit_id", name=op.f("pk_participation")),
    )
    op.create_index(
        "ix_participation_open",
        "participation",
        ["unit_id", "due_on", "task_id"],
        unique=False,
        postgresql_where=sa.text("open"),
    )
    op.create_index(
        "ix_participation_unit_id", "participation", ["unit_id", "due_on", "task_id"], unique=False
    )
    op.create_table(
        "task_comment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=True),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name=op.f("fk_task_comment_author_id")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_comment_task_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_task_comment_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_comment")),
    )
    op.create_index("ix_task_comment_task_id", "task_comment", ["task_id", "id"], unique=False)
    op.create_table(
        "task_dependency",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("blocked_by_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("task_id <> blocked_by_id", name=op.f("ck_task_dependency_not_itself")),
        sa.ForeignKeyConstraint(
            ["blocked_by_id"], ["task.id"], name=op.f("fk_task_dependency_blocked_by_id")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_dependency_task_id")),
        sa.PrimaryKeyConstraint("task_id", "blocked_by_id", name=op.f("pk_task_dependency")),
    )
    op.create_index("ix_task_dependency_blocked_by_id", "task_dependency", ["blocked_by_id"], unique=False)
    op.create_table(
        "task_evidence",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("added_by_id", sa.BigInteger(), nullable=True),
        sa.Column("unit_id", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["added_by_id"], ["person.id"], name=op.f("fk_task_evidence_added_by_id")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_evidence_task_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_task_evidence_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_evidence")),
    )
    op.create_index("ix_task_evidence_task_id", "task_evidence", ["task_id", "id"], unique=False)
    op.create_table(
        "target",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("key_result_id", sa.BigInteger(), nullable=False),
        sa.Column("indicator_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("value", sa.Numeric(precision=24, scale=6), nullable=False),
        sa.Column("value_high", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("baseline", sa.Numeric(precision=24, scale=6), nullable=True),
        sa.Column("weight", sa.Numeric(precision=24, scale=6), server_default=sa.text("1"), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "ACTIVE",
                "PAUSED",
                "WITHDRAWN",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            server_default="ACTIVE",
            nullable=False,
        ),
        sa.Column("state_reason", sa.String(), nullable=True),
        sa.Column("review_on", sa.Date(), nullable=True),
        sa.Column("assigned_by_unit_id", sa.BigInteger(), nullable=False),
        sa.Column("assigned_by_id", sa.BigInteger(), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "(state = 'PAUSED') = (review_on IS NOT NULL)", name=op.f("ck_target_pause_has_review")
        ),
        sa.CheckConstraint("(parent_id IS NULL) = (level = 0)", name=op.f("ck_target_root")),
        sa.CheckConstraint("due_on >= starts_on", name=op.f("ck_target_dates")),
        sa.CheckConstraint("value_high IS NULL OR value_high >= value", name=op.f("ck_target_between")),
        sa.CheckConstraint("weight > 0", name=op.f("ck_target_weight")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_target")),
        sa.UniqueConstraint("key_result_id", "unit_id", name=op.f("uq_target_key_result_id_unit_id")),
    )
    op.create_index("ix_target_parent_id", "target", ["parent_id"], unique=False)
    op.create_index("ix_target_plan_id", "target", ["plan_id", "level"], unique=False)
    op.create_index("ix_target_unit_id", "target", ["unit_id", "indicator_id", "due_on"], unique=False)
    op.create_table(
        "task_target",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Numeric(precision=24, scale=6), nullable=False),
        sa.CheckConstraint("weight > 0", name=op.f("ck_task_target_weight")),
        sa.ForeignKeyConstraint(["target_id"], ["target.id"], name=op.f("fk_task_target_target_id")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_target_task_id")),
        sa.PrimaryKeyConstraint("task_id", "target_id", name=op.f("pk_task_target")),
    )
    op.create_index("ix_task_target_target_id", "task_target", ["target_id"], unique=False)
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION phased_pace(
            milestones jsonb, baseline numeric, goal numeric, starts_on date, due_on date, as_of date
        ) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            WITH whole AS (SELECT CASE WHEN goal = baseline THEN 1 ELSE abs(goal - baseline) END AS way),
            point(day, gone) AS (
                SELECT starts_on, 0::numeric
                UNION ALL
                SELECT (m ->> 'by')::date, greatest(0, least(whole.way, CASE WHEN goal = baseline THEN 1
                    ELSE sign(goal - baseline) * ((m ->> 'value')::numeric - baseline) END))
                FROM jsonb_array_elements(milestones) AS m, whole
                WHERE (m ->> 'by')::date > starts_on AND (m ->> 'by')::date < due_on
                UNION ALL
                SELECT due_on, way FROM whole
            ),
            here AS (SELECT day, gone FROM point WHERE day <= as_of ORDER BY day DESC LIMIT 1),
            next AS (SELECT day, gone FROM point WHERE day > as_of ORDER BY day LIMIT 1)
            SELECT div(1000000 * (here.gone * (next.day - here.day)
                                  + (next.gone - here.gone) * (as_of - here.day)),
                       whole.way * (next.day - here.day)) * 0.000001
            FROM whole, here, next
        $$
        """
    )
    for table in ("activity", "measurement"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    # Targets are written by the ten thousand: what they refer to is checked once a statement, not row by row.
    op.execute(
        """
        CREATE FUNCTION require_target_references() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM (SELECT DISTINCT plan_id, key_result_id, indicator_id FROM made) m
                       LEFT JOIN key_result k ON k.id = m.key_result_id AND k.plan_id = m.plan_id
                            AND k.indicator_id = m.indicator_id
                       WHERE k.id IS NULL)
               OR EXISTS (SELECT FROM made m LEFT JOIN unit u ON u.id = m.unit_id WHERE u.id IS NULL)
               OR EXISTS (SELECT FROM (SELECT DISTINCT parent_id, key_result_id, level FROM made) m
                          LEFT JOIN LATERAL (
                              SELECT p.id FROM target p WHERE p.id = m.parent_id
                                  AND p.key_result_id = m.key_result_id AND p.level = m.level - 1 LIMIT 1
                          ) p ON true
                          WHERE m.parent_id IS NOT NULL AND p.id IS NULL)
            THEN
                RAISE EXCEPTION 'a target refers to a unit, a key result of its plan and a parent above it'
                    USING ERRCODE = 'foreign_key_violation', TABLE = 'target';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER references_exist AFTER INSERT ON target REFERENCING NEW TABLE AS made "
        "FOR EACH STATEMENT EXECUTE FUNCTION require_target_references()"
    )
    # Measurements and targets refer to these by checked ids without a foreign key; so their rows stay.
    for table in ("indicator", "unit", "target"):
        op.execute(
            f"CREATE TRIGGER rows_stay BEFORE DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    # What a draft holds may be removed, but not from under targets.
    for table in ("plan", "key_result"):
        op.execute(
            f"""
            CREATE FUNCTION refuse_losing_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF EXISTS (SELECT FROM target WHERE {table}_id = OLD.id) THEN
                    RAISE EXCEPTION 'targets refer to {table} %', OLD.id USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN OLD;
            END $$
            """
        )
        op.execute(
            f"CREATE TRIGGER rows_with_targets_stay BEFORE DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION refuse_losing_{table}()"
        )
        op.execute(
            f"CREATE TRIGGER rows_stay BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    msg = "the first migration has nothing to go back to: drop the database instead"
    raise NotImplementedError(msg)
