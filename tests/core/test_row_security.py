"""The second wall, attacked with bare SQL: what PostgreSQL itself shows, lets do and refuses."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text, true
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from factories import NOW, SYSTEM, participation, task
from tasks_world import World, build
from vdept import tasks
from vdept.kernel import principal
from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.targets.models import Audience
from vdept.tasks.access import get_task
from vdept.tasks.lifecycle import decline_task
from vdept.tasks.models import Assignee, ParticipationState, Task, TaskComment, TaskEvidence
from vdept.tasks.sharing import decline_invitation
from vdept.tasks.talking import comment_on_task
from vdept_workers import doctor

GUARDED = ("task", "participation", "assignee", "task_comment", "task_evidence")
STATE = "SELECT current_setting('vdept.reads', true), current_setting('vdept.units', true)"
NOBODY = Actor(ActorKind.PERSON)


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


@pytest.fixture
async def login(database_url: str, owner: Database) -> AsyncIterator[Database]:
    """The database through a login that is a member of the application's role and nothing else."""
    name = f"l_{uuid.uuid4().hex[:12]}"
    async with owner.engine.begin() as connection:
        await connection.execute(text(f"CREATE ROLE {name} LOGIN IN ROLE {principal.ROLE}"))
    url = make_url(database_url).set(username=name).render_as_string(hide_password=False)
    database = Database(url, pool_size=2)
    yield database
    await database.close()
    async with owner.engine.begin() as connection:
        await connection.execute(text(f"DROP ROLE {name}"))


async def given(world: World, owner: str, audience: Audience, *parts: str, **more: Any) -> Task:
    """A task with somebody on it, something said and something shown in it."""
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        row = await task(tx, world.units[owner], audience=audience, **more)
        for part in parts:
            await participation(tx, row, world.units[part])
        by = world.actors["ministry_head"].person_id
        unit_id = world.units[owner].id
        stamp = {"task_id": row.id, "unit_id": unit_id}
        tx.session.add_all(
            [
                Assignee(**stamp, person_id=by, assigned_at=NOW),
                TaskComment(**stamp, author_id=by, body="…", created_at=NOW),
                TaskEvidence(**stamp, added_by_id=by, title="…", url="https://a.vn", created_at=NOW),
            ]
        )
        return row


def everywhere(*task_ids: int) -> dict[str, set[int]]:
    """What ``shown`` answers when every table shows rows of exactly these tasks."""
    return {table: set(task_ids) for table in GUARDED}


async def shown(database: Database, who: Actor) -> dict[str, set[int]]:
    """The tasks of which each guarded table shows rows to bare statements."""
    async with database.snapshot(who) as tx:
        return {
            table: set(
                await tx.session.scalars(
                    text(f"SELECT {'id' if table == 'task' else 'task_id'} FROM {table}")
                )
            )
            for table in GUARDED
        }


# -- what is shown ------------------------------------------------------------------------------------------

P, G, R = Audience.PUBLIC, Audience.GOVERNMENT, Audience.PARTICIPANTS


@pytest.mark.parametrize(
    ("owner_unit", "audience", "parts", "who", "sees"),
    [
        ("ministry", P, ["province"], "nobody", True),
        ("ministry", P, ["province"], "rival_head", True),
        ("ministry", G, ["province"], "nobody", False),
        ("ministry", G, ["province"], "rival_head", False),
        ("ministry", G, ["province"], "other_head", True),
        ("ministry", G, ["firm"], "firm_observer", True),
        ("firm", R, ["rival"], "firm_member", True),
        ("firm", R, ["rival"], "ministry_head", False),
        ("firm", R, ["commune"], "province_head", True),
        ("firm", R, ["commune"], "government_head", True),
        ("firm", R, ["commune"], "other_head", False),
        ("firm", R, ["province"], "commune_head", False),
        ("commune", R, ["firm"], "province_head", True),
        ("commune", R, ["firm"], "rival_head", False),
        ("province", R, ["other"], "ministry_head", False),
        ("province", R, ["other"], "other_head", True),
    ],
)
async def test_every_table_shows_a_task_to_whom_it_is_for_and_to_nobody_else(
    world: World, owner_unit: str, audience: Audience, parts: list[str], who: str, sees: bool
) -> None:
    row = await given(world, owner_unit, audience, *parts)
    expected = everywhere(row.id) if sees else everywhere()
    assert await shown(world.db, world.actors[who]) == expected


@pytest.mark.parametrize("state", [ParticipationState.DECLINED, ParticipationState.LEFT])
async def test_who_has_declined_or_left_is_shown_nothing_any_more(
    world: World, state: ParticipationState
) -> None:
    row = await given(world, "ministry", R)
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        await participation(tx, row, world.firm, state=state)
    assert await shown(world.db, world.firm_head) == everywhere()


async def test_a_client_without_the_scope_is_shown_nothing_and_one_with_it_what_its_unit_is(
    world: World,
) -> None:
    row = await given(world, "ministry", P, "firm")
    seat = Seat(world.firm.id, Role.COORDINATOR, (world.firm.id,), public_body=False)
    for scopes, sees in ((Scope.PLANS_READ, set()), (Scope.TASKS_READ, {row.id})):
        client = Actor(ActorKind.CLIENT, client_id=1, seats=(seat,), scopes=frozenset({scopes}))
        assert await shown(world.db, client) == everywhere(*sees)


async def test_administrators_and_the_platforms_own_jobs_are_shown_everything(world: World) -> None:
    row = await given(world, "firm", R, "rival")
    administrator = replace(world.nobody, administrator=True)
    for who in (SYSTEM, administrator):
        assert await shown(world.db, who) == everywhere(row.id)


# -- without a principal ------------------------------------------------------------------------------------


async def test_without_a_principal_nothing_is_shown(world: World) -> None:
    await given(world, "ministry", P, "firm")
    assert await shown(world.db, NOBODY) == everywhere()
    async with world.db.engine.connect() as connection:
        for table in GUARDED:
            assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0


async def test_the_empty_word_that_a_setting_leaves_behind_is_nobody(login: Database, world: World) -> None:
    await given(world, "ministry", P, "firm")
    async with login.snapshot(world.firm_head) as tx:
        assert (await tx.session.execute(text(STATE))).one() == ("public", f"{{{world.firm.id}}}")
    async with login.engine.connect() as connection:
        assert (await connection.execute(text(STATE))).one() == ("", "")
        assert (await connection.execute(text("SELECT count(*) FROM task"))).scalar_one() == 0


async def test_a_connection_takes_nobody_along_to_the_next_who_gets_it(login: Database, world: World) -> None:
    row = await given(world, "firm", R, "rival")
    unseen = everywhere()
    assert await shown(login, world.firm_head) == everywhere(row.id)
    assert await shown(login, world.other_head) == unseen
    assert await shown(login, NOBODY) == unseen
    async with login.begin(SYSTEM) as tx:
        await tx.session.connection()  # a connection, and no statement
    async with login.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM task"))).scalar_one() == 0


async def test_a_transaction_that_fails_in_the_middle_takes_its_principal_with_it(
    login: Database, world: World
) -> None:
    await given(world, "firm", R, "rival")
    for open_ in (login.begin, login.snapshot):
        with pytest.raises(DBAPIError, match="division by zero"):
            async with open_(world.firm_head) as tx:
                await tx.session.execute(text("SELECT 1 / 0"))
        async with login.engine.connect() as connection:
            assert (await connection.execute(text(STATE))).one() == ("", "")
        assert await shown(login, NOBODY) == everywhere()


async def test_a_snapshot_goes_on_as_whoever_it_has_found_out_it_is_for(db: Database, world: World) -> None:
    row = await given(world, "firm", R, "rival")
    for begun in (False, True):
        async with db.snapshot(NOBODY) as tx:
            if begun:
                assert (await tx.session.scalars(text("SELECT id FROM task"))).all() == []
            await tx.become(world.rival_head)
            assert tx.actor is world.rival_head
            assert (await tx.session.scalars(text("SELECT id FROM task"))).all() == [row.id]
            await tx.become(NOBODY)
            assert (await tx.session.scalars(text("SELECT id FROM task"))).all() == []


async def test_naming_the_principal_costs_no_round_trip_of_its_own(login: Database, world: World) -> None:
    sent: list[str] = []
    async with login.engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.add_query_logger(lambda record: sent.append(record.query))
    async with login.snapshot(world.firm_head) as tx:
        await tx.session.execute(text("SELECT 1"))
    begin, *others = [query for query in sent if not query.startswith("SELECT")]
    assert begin == (
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;SET LOCAL vdept.reads = 'public'; "
        f"SET LOCAL vdept.units = '{{{world.firm.id}}}'; SET LOCAL vdept.public_units = '{{}}'; "
        f"SET LOCAL vdept.source_units = '{{{world.firm.id}}}'; "
        f"SET LOCAL vdept.person = '{world.firm_head.person_id}'"
    )
    assert others == ["ROLLBACK;"]


# -- what is refused ----------------------------------------------------------------------------------------


FORBIDDEN = (
    *(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY" for table in GUARDED),
    "ALTER TABLE task NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE activity DISABLE TRIGGER append_only",
    "DROP POLICY select_seen ON task",
    "CREATE POLICY mine ON task USING (true)",
    "DROP TABLE task_comment",
    "TRUNCATE task_comment",
    "DROP VIEW task_involvement",
    "CREATE OR REPLACE VIEW task_involvement AS SELECT id AS task_id FROM task",
    "DROP FUNCTION search_tasks",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "SET row_security = off; SELECT * FROM task",
    "SET session_replication_role = replica",
    "ALTER ROLE vdept_app BYPASSRLS",
    "GRANT postgres TO vdept_app",
    "UPDATE activity SET verb = 'x'",
    "DELETE FROM activity",
    "UPDATE measurement SET value = 1",
    "DELETE FROM measurement",
    "UPDATE alembic_version SET version_num = '0002'",
    "DELETE FROM task",
    "DELETE FROM participation",
    "UPDATE assignee SET unit_id = 1",
    "UPDATE task_comment SET body = 'x'",
    "DELETE FROM task_comment",
    "UPDATE task_evidence SET url = 'x'",
    "DELETE FROM task_evidence",
)
REFUSED = r"(?i)permission denied|must be owner|affected by row-level security|must have|only roles"


async def test_the_applications_login_cannot_get_round_the_wall_nor_change_what_is_written(
    login: Database,
) -> None:
    for statement in FORBIDDEN:
        async with login.begin(SYSTEM) as tx:
            *before, last = statement.split("; ")
            for each in before:
                await tx.session.execute(text(each))
            with pytest.raises(DBAPIError, match=REFUSED):
                await tx.session.execute(text(last))
            await tx.session.rollback()


async def test_leaving_the_role_leads_nowhere(login: Database, world: World) -> None:
    await given(world, "ministry", P, "firm")
    async with login.engine.connect() as connection:
        for way in ("RESET ROLE", "RESET ALL", "SET ROLE NONE", "DISCARD PLANS"):
            await connection.execute(text(way))
            assert (await connection.execute(text("SELECT count(*) FROM task"))).scalar_one() == 0
            name = (await connection.execute(text("SELECT current_user"))).scalar_one()
            assert name == principal.ROLE or way in {"SET ROLE NONE", "DISCARD PLANS"}
        await connection.rollback()
        with pytest.raises(DBAPIError, match="must be owner"):
            await connection.execute(text("ALTER TABLE task DISABLE ROW LEVEL SECURITY"))


async def test_a_superusers_login_works_in_the_role_too_and_reset_stays_in_it(db: Database) -> None:
    async with db.engine.connect() as connection:
        await connection.execute(text("RESET ROLE"))
        assert (await connection.execute(text("SELECT current_user"))).scalar_one() == principal.ROLE
        with pytest.raises(DBAPIError, match="must be owner"):
            await connection.execute(text("ALTER TABLE task DISABLE ROW LEVEL SECURITY"))


async def test_the_role_may_read_every_table_and_owns_none(owner: Database) -> None:
    """A migration that forgets either fails here."""
    async with owner.begin(SYSTEM) as tx:
        answer = await tx.session.execute(
            text(
                "SELECT relname, has_table_privilege(:role, oid, 'SELECT'), "
                "pg_has_role(:role, relowner, 'USAGE'), has_table_privilege(:role, oid, 'TRUNCATE') "
                "FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')"
            ),
            {"role": principal.ROLE},
        )
        rows = answer.all()
        guarded = await tx.session.scalars(text("SELECT relname FROM pg_class WHERE relrowsecurity"))
        assert set(guarded) == set(doctor.GUARDED)
    assert len(rows) > 20
    assert [row for row in rows if row[1:] != (True, False, False)] == []


# -- what is written ----------------------------------------------------------------------------------------


async def test_a_bare_update_reaches_only_what_its_principal_sees(world: World) -> None:
    seen = await given(world, "firm", R)
    hidden = await given(world, "ministry", R)
    async with world.db.begin(world.firm_head) as tx:
        changed = await tx.session.scalars(text("UPDATE task SET title = 'x' RETURNING id"))
        assert changed.all() == [seen.id]
        await tx.session.execute(text("UPDATE task SET result = 'y'"))  # reads no column at all
        await tx.session.execute(text("DELETE FROM assignee"))
    assert (await world.task(hidden.id)).title != "x"
    assert (await world.task(hidden.id)).result is None
    assert (await shown(world.db, SYSTEM))["assignee"] == {hidden.id}


COMMENT = "INSERT INTO task_comment (task_id, unit_id, body, created_at) VALUES (:task, :unit, 'x', now())"
EVIDENCE = (
    "INSERT INTO task_evidence (task_id, unit_id, title, url, created_at) "
    "VALUES (:task, :unit, 'x', 'https://a.vn', now())"
)


@pytest.mark.parametrize("statement", [COMMENT, EVIDENCE])
@pytest.mark.parametrize("wide", [False, True])
async def test_nobody_speaks_or_shows_proof_for_a_unit_not_theirs(
    world: World, statement: str, wide: bool
) -> None:
    row = await given(world, "ministry", R, "firm", "rival")
    for unit_id in (world.rival.id, world.ministry.id, None):
        async with world.db.begin(world.firm_head) as tx:
            if wide:
                await tx.widen()
            with pytest.raises(DBAPIError, match="violates row-level security"):
                await tx.session.execute(text(statement), {"task": row.id, "unit": unit_id})
            await tx.session.rollback()
    async with world.db.begin(world.firm_head) as tx:
        await tx.session.execute(text(statement), {"task": row.id, "unit": world.firm.id})


@pytest.mark.parametrize("statement", [COMMENT, EVIDENCE])
async def test_nothing_is_said_in_a_task_that_one_does_not_see(world: World, statement: str) -> None:
    row = await given(world, "ministry", R)
    with pytest.raises(DBAPIError, match="violates row-level security"):
        async with world.db.begin(world.firm_head) as tx:
            await tx.session.execute(text(statement), {"task": row.id, "unit": world.firm.id})


async def test_nobody_joins_a_hidden_task_by_writing_their_own_part(world: World) -> None:
    row = await given(world, "ministry", R)
    join = text(
        "INSERT INTO participation (task_id, unit_id, role, state, share, due_on, open, updated_at) "
        "VALUES (:task, :unit, 'USER', 'ACCEPTED', 1, current_date, true, now())"
    )
    with pytest.raises(DBAPIError, match="violates row-level security"):
        async with world.db.begin(world.firm_head) as tx:
            await tx.session.execute(join, {"task": row.id, "unit": world.firm.id})


@pytest.mark.parametrize(
    ("who", "owner_unit", "may"),
    [
        ("firm_head", "firm", True),
        ("firm_head", "rival", False),
        ("firm_head", "ministry", False),
        ("government_head", "commune", True),
        ("province_head", "commune", True),
        ("province_head", "other", False),
        ("commune_head", "province", False),
    ],
)
async def test_tasks_are_set_by_ones_own_unit_or_one_below_it(
    world: World, who: str, owner_unit: str, may: bool
) -> None:
    async with world.db.begin(world.actors[who]) as tx:
        await tx.widen()
        if may:
            await task(tx, world.units[owner_unit])
            return
        with pytest.raises(DBAPIError, match="violates row-level security"):
            await task(tx, world.units[owner_unit])
        await tx.session.rollback()


# -- verbs --------------------------------------------------------------------------------------------------


async def test_a_verb_is_narrow_until_it_has_found_what_it_acts_on(world: World) -> None:
    seen, hidden = await given(world, "firm", R), await given(world, "ministry", R)
    count = text("SELECT count(*) FROM task")
    async with world.db.begin(world.firm_head, now=NOW) as tx:
        assert await tx.session.scalar(count) == 1
        with pytest.raises(Exception, match="NOT_FOUND"):
            await get_task(tx, hidden.id)
        assert await tx.session.scalar(count) == 1
        await get_task(tx, seen.id)
        assert await tx.session.scalar(count) == 2
        await tx.narrow()
        assert await tx.session.scalar(count) == 1


async def test_the_second_wall_holds_a_verb_back_when_the_first_is_missing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = await given(world, "ministry", R)
    monkeypatch.setattr(tasks.access, "visible_tasks", lambda _: true())
    assert await world.refused(world.firm_head, comment_on_task, hidden.id, "x") == (
        "NOT_FOUND",
        ("taskId",),
    )
    assert await world.refused(world.firm_head, decline_task, hidden.id, "x") == ("NOT_FOUND", ("taskId",))


async def test_nobody_and_readers_are_never_shown_more(world: World) -> None:
    await given(world, "ministry", R)
    count = text("SELECT count(*) FROM task")
    async with world.db.snapshot(world.firm_head) as tx:
        await tx.widen()
        assert await tx.session.scalar(count) == 0
    async with world.db.begin(NOBODY) as tx:
        await tx.widen()
        assert await tx.session.scalar(count) == 0


async def test_what_leaves_ones_sight_in_the_act_is_written_all_the_same(world: World) -> None:
    row = await given(world, "ministry", R)
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        await participation(tx, row, world.firm, state=ParticipationState.INVITED)
    await world.do(world.firm_head, decline_invitation, row.id, "bận")
    assert (await world.parts(row.id))[world.firm.id][1] == "DECLINED"
    assert (await world.task(row.id)).version == row.version + 1
    assert await shown(world.db, world.firm_head) == everywhere()
