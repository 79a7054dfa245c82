"""Row security: the application's role, what it may do, and which rows it is shown

The second wall behind ``vdept.tasks.access.visible_tasks`` (docs/decisions/0010). A transaction names its
principal in three settings (``vdept.kernel.principal``); whatever is not set, or empty, shows nothing.

A later table whose rows belong to a task is guarded in its own migration by what ``of_a_task`` says; one
whose rows belong to somebody else writes its own ``USING``, cheap tests first. What the settings say is read
in a sub-select: once for a statement and not once for a row.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APP = "vdept_app"
APPEND_ONLY = ("activity", "measurement")
LIVE = "('INVITED', 'ACCEPTED')"

READS = "current_setting('vdept.reads', true)"


def _units(setting: str) -> str:
    """The outer cast changes nothing; it keeps ``= ANY (…)`` from being read as a set of rows."""
    return (
        f"CAST((SELECT CAST(nullif(current_setting('vdept.{setting}', true), '') AS bigint[])) AS bigint[])"
    )


UNITS, PUBLIC_UNITS = _units("units"), _units("public_units")
SEES_ALL = f"(SELECT {READS} IN ('everything', 'widely'))"
MAY_ALL = f"(SELECT {READS} = 'everything')"
AUDIENCES = f"""CAST((SELECT CASE {READS}
        WHEN 'everything' THEN ARRAY['PUBLIC', 'GOVERNMENT', 'PARTICIPANTS']
        WHEN 'widely' THEN ARRAY['PUBLIC', 'GOVERNMENT', 'PARTICIPANTS']
        WHEN 'government' THEN ARRAY['PUBLIC', 'GOVERNMENT']
        WHEN 'public' THEN ARRAY['PUBLIC'] END) AS text[])"""

INVOLVED = f"""
    CREATE VIEW task_involvement WITH (security_barrier) AS
    SELECT p.task_id FROM participation p JOIN unit u ON u.id = p.unit_id
    WHERE p.state IN {LIVE} AND (p.unit_id = ANY ({UNITS}) OR u.path && {PUBLIC_UNITS})
"""
"""The tasks in which the principal's units, or units below its public ones, take part.

A view reads with its owner's rights, past the policies, so that ``task`` and ``participation`` do not ask
each other for ever; and it holds nothing that its reader may not see.
"""

SEES_TASK = f"""audience = ANY ({AUDIENCES}) OR owner_unit_id = ANY ({UNITS})
    OR (SELECT true FROM task_involvement i WHERE i.task_id = task.id LIMIT 1)
    OR (SELECT u.path && {PUBLIC_UNITS} FROM unit u WHERE u.id = owner_unit_id)"""
"""Who sees a task: cheap tests first. LIMIT keeps the planner from reading all participations into a hash."""

SEARCH = f"""
    CREATE FUNCTION search_tasks(words text[], at_most integer) RETURNS bigint[]
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
    DECLARE
        with_all_words text;
        found bigint[];
    BEGIN
        SELECT coalesce(string_agg(format('search LIKE %L', '%' || escaped || '%'), ' AND '), 'true')
            INTO with_all_words
            FROM unnest(words) AS word, regexp_replace(word, '([\\\\%_])', '\\\\\\1', 'g') AS escaped;
        EXECUTE 'SELECT array_agg(id) FROM (SELECT id FROM public.task WHERE ' || with_all_words
            || ' AND (' || $sees${SEES_TASK}$sees$ || ') LIMIT $1) AS seen'
            INTO found USING at_most + 1;
        RETURN CASE WHEN cardinality(found) > at_most THEN NULL ELSE coalesce(found, '{{}}') END;
    END $$
"""
"""The ids of the tasks with all these words that the principal sees; NULL if they are more than ``at_most``.

Under a policy LIKE finds no index: it might tell of rows that are not shown, so PostgreSQL asks the policy
first, row by row. Here the words go first, written out, so that the planner knows how rare they are.
"""

COMMANDS = {
    "task": ("SELECT", "UPDATE"),
    "participation": ("SELECT", "UPDATE"),
    "assignee": ("SELECT", "DELETE"),
    "task_comment": ("SELECT",),
    "task_evidence": ("SELECT",),
}
"""What the platform does to rows that are there, and so all that its role may: what is said stays said."""


def of_a_task(table: str) -> str:
    """Whoever sees a task sees what belongs to it; ``task``'s own policy decides inside the sub-select."""
    return f"{SEES_ALL} OR (SELECT true FROM task WHERE task.id = {table}.task_id LIMIT 1)"


OWN_PART = f"(unit_id = ANY ({UNITS}) AND state IN {LIVE})"
"""Whoever takes part in a task sees it; said apart, because lists of a unit's tasks go by its own parts."""

SEES = {
    "task": SEES_TASK,
    "participation": f"{OWN_PART} OR {of_a_task('participation')}",
    **{table: of_a_task(table) for table in ("assignee", "task_comment", "task_evidence")},
}
BY_ONESELF = f"{MAY_ALL} OR unit_id = ANY ({UNITS})"
INSERTS = {
    "task": f"""{MAY_ALL} OR owner_unit_id = ANY ({UNITS})
        OR (SELECT unit.path && {UNITS} FROM unit WHERE unit.id = owner_unit_id)""",
    **{table: of_a_task(table) for table in ("participation", "assignee")},
    **{table: f"({BY_ONESELF}) AND ({of_a_task(table)})" for table in ("task_comment", "task_evidence")},
}
"""New tasks are set by one's own unit or one below it; what is said in one is said for one's own unit."""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    _role()
    _rights()
    op.execute(INVOLVED)
    op.execute(f"REVOKE ALL ON task_involvement FROM {APP}")
    op.execute(f"GRANT SELECT ON task_involvement TO {APP}")
    op.execute(SEARCH)
    op.execute("REVOKE ALL ON FUNCTION search_tasks FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION search_tasks TO {APP}")
    for table, commands in COMMANDS.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        for command in commands:
            policy = f"{command.lower()}_seen ON {table} FOR {command}"
            op.execute(f"CREATE POLICY {policy} TO {APP} USING ({SEES[table]})")
        op.execute(f"CREATE POLICY insert_own ON {table} FOR INSERT TO {APP} WITH CHECK ({INSERTS[table]})")
        for command in sorted({"UPDATE", "DELETE"} - set(commands)):
            op.execute(f"REVOKE {command} ON {table} FROM {APP}")


def _role() -> None:
    """The role is the whole server's; another database may be making it at this moment."""
    op.execute(
        f"""
        DO $$
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP}') THEN
                CREATE ROLE {APP} NOLOGIN;
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'the role {APP} is missing and % may not make roles: let a superuser run '
                    '"CREATE ROLE {APP} NOLOGIN; GRANT {APP} TO %", then migrate again',
                    current_user, quote_ident(current_user) USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    op.execute(
        f"""
        DO $$
        BEGIN
            IF (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = '{APP}') THEN
                RAISE EXCEPTION 'the role {APP} is a superuser or bypasses row security: let a superuser run '
                    '"ALTER ROLE {APP} NOSUPERUSER NOBYPASSRLS", then migrate again'
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
            -- Whoever migrates may work in the role; that is no matter where the application logs in apart.
            IF NOT pg_has_role(current_user, '{APP}', 'SET') THEN
                EXECUTE format('GRANT {APP} TO %I', current_user);
            END IF;
        EXCEPTION
            WHEN unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                IF SQLERRM LIKE 'the role%' THEN RAISE; END IF;
        END $$
        """
    )


def _rights() -> None:
    """Everything that reads and writes rows, in the tables of today and of later migrations; no more."""
    op.execute(f"GRANT USAGE ON SCHEMA public TO {APP}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP}")
    op.execute(f"GRANT SELECT, USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP}")
    for kind, rights in (("TABLES", "SELECT, INSERT, UPDATE, DELETE"), ("SEQUENCES", "SELECT, USAGE")):
        op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {rights} ON {kind} TO {APP}")
    for table in APPEND_ONLY:
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP}")
    op.execute(f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM {APP}")
    database = op.get_bind().scalar(sa.text("SELECT quote_ident(current_database())"))
    op.execute(f"GRANT TEMPORARY ON DATABASE {database} TO {APP}")  # the roll-up gathers in temporary tables


def downgrade() -> None:
    """The role stays: other databases of the server may use it."""
    for table in COMMANDS:
        for policy in op.get_bind().scalars(
            sa.text("SELECT polname FROM pg_policy WHERE polrelid = CAST(:table AS regclass)"),
            {"table": table},
        ):
            op.execute(f"DROP POLICY {policy} ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION search_tasks")
    op.execute("DROP VIEW task_involvement")
    for kind in ("TABLES", "SEQUENCES"):
        op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON {kind} FROM {APP}")
        op.execute(f"REVOKE ALL ON ALL {kind} IN SCHEMA public FROM {APP}")
    op.execute(f"REVOKE ALL ON SCHEMA public FROM {APP}")
    database = op.get_bind().scalar(sa.text("SELECT quote_ident(current_database())"))
    op.execute(f"REVOKE ALL ON DATABASE {database} FROM {APP}")
