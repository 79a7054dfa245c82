"""The answer of ``bench.task_page``'s query as PostgreSQL makes it by itself, in one statement."""

import sqlalchemy as sa


def _base64(expression: str) -> str:
    """The opaque form of ids and cursors."""
    encoded = f"encode(convert_to({expression}, 'UTF8'), 'base64')"
    return rf"rtrim(translate({encoded}, E'+/\n', '-_'), '=')"


def _id(kind: str, column: str) -> str:
    return _base64(f"'{kind}:' || {column}")


_CURSOR = _base64("""'["unit-tasks.due","' || t.due_on || '",' || t.id || ']'""")
_INSTANT = """'YYYY-MM-DD"T"HH24:MI:SS"Z"'"""

SAME_JSON = sa.text(
    f"""WITH page AS MATERIALIZED (
        SELECT t.*, row_number() OVER (ORDER BY p.due_on, p.task_id) AS place
        FROM participation p JOIN task t ON t.id = p.task_id
        WHERE p.unit_id = :unit AND p.open AND p.due_on < :today AND p.state IN ('INVITED', 'ACCEPTED')
          AND (p.due_on, p.task_id) > (:due, :id)
        ORDER BY p.due_on, p.task_id LIMIT 51
    ), edges AS MATERIALIZED (
        SELECT t.place, {_CURSOR} AS cursor, json_build_object(
            'id', {_id("Task", "t.id")}, 'title', t.title, 'kind', t.kind, 'state', t.state,
            'dueOn', t.due_on,
            'timeliness', CASE
                WHEN t.state IN ('OPEN', 'OFFERED', 'ACCEPTED', 'IN_PROGRESS') THEN
                    CASE WHEN t.due_on >= :today THEN 'OPEN_IN_TIME' ELSE 'OPEN_OVERDUE' END
                WHEN t.state IN ('DELIVERED', 'VERIFIED') THEN
                    CASE WHEN t.delivered_on <= t.due_on THEN 'DONE_ON_TIME' ELSE 'DONE_LATE' END
                END,
            'progress', trim_scale(t.progress)::text, 'version', t.version,
            'leadUnit', (SELECT json_build_object('id', {_id("Unit", "u.id")}, 'name', u.name)
                FROM unit u WHERE u.id = t.lead_unit_id),
            'participants', (SELECT json_agg(json_build_object('role', p.role, 'state', p.state,
                    'share', p.share, 'progress', p.progress, 'unit', json_build_object(
                        'id', {_id("Unit", "u.id")}, 'code', u.code, 'name', u.name, 'kind', u.kind))
                    ORDER BY p.unit_id)
                FROM participation p JOIN unit u ON u.id = p.unit_id WHERE p.task_id = t.id),
            'assignees', (SELECT json_agg(json_build_object('name', n.name,
                    'assignedAt', to_char(a.assigned_at, {_INSTANT}),
                    'unit', json_build_object('id', {_id("Unit", "u.id")}, 'name', u.name))
                    ORDER BY n.sort_key, n.id)
                FROM assignee a JOIN person n ON n.id = a.person_id JOIN unit u ON u.id = a.unit_id
                WHERE a.task_id = t.id)) AS node
        FROM page t WHERE t.place <= 50
    )
    SELECT json_build_object('data', json_build_object('tasks', json_build_object(
        'pageInfo', json_build_object('hasNextPage', (SELECT count(*) > 50 FROM page),
            'endCursor', (SELECT cursor FROM edges ORDER BY place DESC LIMIT 1)),
        'edges', (SELECT json_agg(json_build_object('cursor', cursor, 'node', node) ORDER BY place)
            FROM edges))))::text"""
).bindparams(
    sa.bindparam("unit", type_=sa.BigInteger()),
    sa.bindparam("today", type_=sa.Date()),
    sa.bindparam("due", type_=sa.Date()),
    sa.bindparam("id", type_=sa.BigInteger()),
)
