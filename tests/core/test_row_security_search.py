"""Words of titles behind row security: found by their index, shown to whom they are for."""

import pytest
from sqlalchemy import text

from factories import NOW, SYSTEM, task
from tasks_world import World, build
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.kernel.pages import PageRequest
from vdept.targets.models import Audience
from vdept.tasks import queries, searching
from vdept.tasks.filters import TaskFilter, UnitTaskFilter

MANY = 4_000
ALL = PageRequest(first=100)


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


async def fill(world: World, owner: Database) -> None:
    """Many tasks of the ministry with numbers for titles, seen by the government only."""
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(
            text(
                f"""INSERT INTO task (title, search, kind, audience, state, owner_unit_id, created_at,
                    updated_at, due_on, original_due_on)
                SELECT 'Việc số ' || i, 'viec so ' || i, 'ROUTINE', 'GOVERNMENT', 'OPEN', {world.ministry.id},
                    now(), now(), date '2026-05-01', date '2026-05-01' FROM generate_series(1, {MANY}) i"""
            )
        )
    async with owner.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM (ANALYZE) task"))


async def found(world: World, who: Actor, words: str) -> list[str]:
    page = await world.ask(who, queries.tasks_page, ALL, TaskFilter(text=words))
    assert await world.ask(who, queries.count_tasks, TaskFilter(text=words)) == len(page.rows)
    return [each.title for each in page.rows]


async def test_rare_words_are_found_by_the_trigram_index_as_the_applications_role(
    world: World, owner: Database
) -> None:
    await fill(world, owner)
    scans = text("SELECT pg_stat_get_xact_numscans('ix_task_search'::regclass)")
    async with world.db.snapshot(world.other_head) as tx:
        page = await queries.tasks_page(tx, ALL, TaskFilter(text="số 1234"))
        assert [each.title for each in page.rows] == ["Việc số 1234"]
        assert await tx.session.scalar(scans) == 1
        plan = await tx.session.scalars(text("EXPLAIN SELECT id FROM task WHERE search LIKE '%1234%'"))
        assert "ix_task_search" not in "\n".join(plan)  # which is why there is a function
    async with owner.snapshot(world.other_head) as tx:
        plan = await tx.session.scalars(text("EXPLAIN SELECT id FROM task WHERE search LIKE '%1234%'"))
        assert "ix_task_search" in "\n".join(plan)


async def test_a_search_shows_only_what_is_for_its_reader(world: World, owner: Database) -> None:
    await fill(world, owner)
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        for name, audience in (("firm", Audience.PARTICIPANTS), ("rival", Audience.PARTICIPANTS)):
            await task(tx, world.units[name], audience=audience, title=f"Việc riêng 1234 {name}")
    assert await found(world, world.firm_head, "1234") == ["Việc riêng 1234 firm"]
    assert await found(world, world.other_head, "1234") == ["Việc số 1234"]
    assert await found(world, world.nobody, "1234") == []
    ids = text("SELECT search_tasks(ARRAY['1234'], 100)")
    async with world.db.engine.connect() as connection:  # nobody in particular
        assert (await connection.execute(ids)).scalar_one() == []


async def test_common_words_are_compared_in_the_order_of_the_list(world: World, owner: Database) -> None:
    await fill(world, owner)
    async with world.db.snapshot(world.other_head) as tx:
        assert await tx.session.scalar(text("SELECT search_tasks(ARRAY['viec'], 2000)")) is None
        assert len(await tx.session.scalar(text("SELECT search_tasks(ARRAY['viec'], 4000)")) or []) == MANY
    page = await world.ask(world.other_head, queries.tasks_page, ALL, TaskFilter(text="VIỆC"))
    assert len(page.rows) == 100
    assert await world.ask(world.other_head, queries.count_tasks, TaskFilter(text="việc")) == MANY


async def test_one_units_tasks_are_searched_the_same_way(world: World) -> None:
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        for title in ("Đường thôn A", "Đường thôn B", "Trường học"):
            await task(tx, world.ministry, world.province, title=title)
    which = UnitTaskFilter(text="duong thon")
    page = await world.ask(world.province_head, queries.unit_tasks_page, world.province.id, ALL, which)
    assert [each.title for each in page.rows] == ["Đường thôn A", "Đường thôn B"]
    assert await world.ask(world.province_head, queries.count_unit_tasks, world.province.id, which) == 2


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        ("100%", ["Đạt 100%"]),
        ("%", ["Đạt 100%"]),
        ("a_c", ["Mục a_c"]),
        ("a\\b", ["Đường a\\b"]),
        ("ông's", ["Của ông's"]),
        ("'); DROP TABLE task; --", []),
        ("$sees$ OR true", []),
        ("  ", ["Của ông's", "Mục a_c", "Mục abc", "Đường a\\b", "Đạt 100%"]),
    ],
)
async def test_what_is_typed_is_words_and_never_a_pattern_nor_sql(
    world: World, words: str, titles: list[str]
) -> None:
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        for title in ("Đạt 100%", "Mục a_c", "Mục abc", "Đường a\\b", "Của ông's"):
            await task(tx, world.ministry, title=title)
    assert sorted(await found(world, world.other_head, words)) == titles
    assert searching.RARE > 100  # by the function, not row by row
