"""A million tasks, three million participations, two million assignees, written set-based.

One province takes part in 200,000 of them and one commune in 200; the others' are spread. Foreign keys are
not checked row by row while seeding (every row is made from rows that exist); nothing else is left out.
"""

import sqlalchemy as sa

from bench import nation
from bench.servers import SYSTEM, owned
from vdept.kernel.db import Database

TASKS, PROVINCES, COMMUNES, PERSONS = 1_000_000, 34, 3_321, 50_000
LARGE, SMALL = 2, 1001
"""The province with 200,000 tasks, and the commune with 200."""

_HASH = "(hashint8(CAST(i AS bigint)) & 2147483647)"
_DUE = f"CAST(:today AS date) - 300 + {_HASH} % 601"
_DONE = f"{_HASH} / 601 % 10 = 0"

_STATEMENTS = (
    "SET LOCAL session_replication_role = replica",
    """INSERT INTO person (id, name, email, sort_key, search) OVERRIDING SYSTEM VALUE
    SELECT i, 'Nguyễn Văn ' || i, 'p' || i || '@example.vn', 'van ' || i, 'nguyen van ' || i
    FROM generate_series(1, CAST(:persons AS int)) i""",
    f"""INSERT INTO task (id, title, search, kind, audience, state, owner_unit_id, lead_unit_id, created_at,
        updated_at, due_on, original_due_on, progress, delivered_on) OVERRIDING SYSTEM VALUE
    SELECT i, 'Nhiệm vụ ' || i, 'nhiem vu ' || i, 'ROUTINE', 'GOVERNMENT',
        CASE WHEN {_DONE} THEN 'DELIVERED' ELSE 'IN_PROGRESS' END,
        1, 2 + i % :provinces, now(), now(), {_DUE}, {_DUE}, i % 101,
        CASE WHEN {_DONE} THEN {_DUE} END
    FROM generate_series(1, CAST(:tasks AS int)) i""",
    f"""INSERT INTO participation (task_id, unit_id, role, state, share, progress, due_on, open, updated_at)
    SELECT i, u.id, u.role, 'ACCEPTED', 1, i % 101, {_DUE}, NOT ({_DONE}), now()
    FROM generate_series(1, CAST(:tasks AS int)) i, LATERAL (VALUES
        (CASE WHEN i % 5 = 0 THEN {LARGE} WHEN i % 5000 = 1 THEN {SMALL}
         ELSE 3 + {_HASH} % (:provinces - 1) END, 'PROBLEM_OWNER'),
        ({SMALL} + 1 + i % (:communes - 1), 'BUILDER'),
        ({SMALL} + 1 + (i + 1000) % (:communes - 1), 'USER')) u (id, role)""",
    f"""INSERT INTO assignee (task_id, person_id, unit_id, assigned_at)
    SELECT i, p.id, {SMALL} + 1 + i % (:communes - 1), TIMESTAMPTZ '2026-01-01 00:00:00Z'
    FROM generate_series(1, CAST(:tasks AS int)) i, LATERAL (VALUES
        (1 + {_HASH} % (:persons / 2)), (1 + :persons / 2 + i % (:persons / 2))) p (id)""",
    *(
        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
        for table in ("person", "task")
    ),
)


async def seed(database: Database) -> None:
    """Write them all; some minutes."""
    async with owned(database) as owner, owner.begin(SYSTEM) as tx:
        await nation.units(tx.session, provinces=PROVINCES, communes=COMMUNES)
        given = {
            "today": tx.today,
            "tasks": TASKS,
            "persons": PERSONS,
            "provinces": PROVINCES,
            "communes": COMMUNES,
        }
        for statement in _STATEMENTS:
            await tx.session.execute(_typed(statement), given)
    await _verify(database)


def _typed(statement: str) -> "sa.TextClause":
    made = sa.text(statement)
    numbers = [name for name in made._bindparams if name != "today"]
    return made.bindparams(*[sa.bindparam(name, type_=sa.Integer()) for name in numbers])


async def _verify(database: Database) -> None:
    """The counts that the figures speak of."""
    counts = sa.text(
        f"""SELECT (SELECT count(*) FROM task), (SELECT count(*) FROM participation),
            (SELECT count(*) FROM participation WHERE unit_id = {LARGE}),
            (SELECT count(*) FROM participation WHERE unit_id = {SMALL})"""
    )
    async with database.snapshot(SYSTEM) as tx:
        found = tuple((await tx.session.execute(counts)).one())
    assert found == (TASKS, 3 * TASKS, TASKS // 5, TASKS // 5000), found
