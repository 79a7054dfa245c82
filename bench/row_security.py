"""What the second wall costs: the task list of the benchmark with and without row security.

The same calls of the core on the same tables, once in the application's role and once as the tables' owner,
for whom no policy holds. Each is what the page of 50 overdue tasks needs: tasks, participants, assignees.
"""

import sqlalchemy as sa

from bench.api import official
from bench.harness import Figure, main, paired
from bench.many_tasks import LARGE, SMALL, seed
from bench.servers import SYSTEM, fresh, owned, settle
from bench.task_page import place, read
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.pages import PageRequest
from vdept.tasks import queries
from vdept.tasks.filters import TaskFilter, UnitTaskFilter

GOAL = "<= 1.3"
RARE, COMMON = TaskFilter(text="vu 77777"), UnitTaskFilter(overdue=True, text="nhiem vu")
"""Words of a few tasks of the million, and words of all."""


async def bench() -> list[Figure]:
    async with fresh("bench_row_security") as (database, _):
        await seed(database)
        await settle(database)
        above, _token = await official(database, 1)
        own, _token = await official(database, LARGE, Role.MEMBER)
        deep = await place(database)
        async with owned(database) as bare:
            figures = [
                await _page(database, bare, "first page of 200, from above", above, SMALL, None),
                await _page(database, bare, "deep in 200,000, from above", above, LARGE, deep),
                await _page(database, bare, "deep in 200,000, one's own unit", own, LARGE, deep),
                await _search(database, bare, "rare words, anywhere", above),
                await _search_in_unit(database, bare, "common words, one unit's overdue", above),
            ]
            async with bare.begin(SYSTEM) as tx:
                await tx.session.execute(
                    sa.text("UPDATE task SET audience = 'PARTICIPANTS' WHERE id % 5 = 0")
                )
            await settle(database)
            return [
                *figures,
                await _page(
                    database, bare, "deep in 200,000 among participants, from above", above, LARGE, deep
                ),
                await _page(
                    database, bare, "deep in 200,000 among participants, one's own unit", own, LARGE, deep
                ),
            ]


async def _page(
    database: Database, bare: Database, name: str, actor: Actor, unit: int, after: str | None
) -> Figure:
    async def guarded() -> None:
        assert await read(database, actor, unit, after) == 50

    async def unguarded() -> None:
        assert await read(bare, actor, unit, after) == 50

    return await paired(
        f"row security, task page, {name} / without policies", guarded, unguarded, GOAL, runs=60
    )


async def _search(database: Database, bare: Database, name: str, actor: Actor) -> Figure:
    async def find(where: Database) -> None:
        async with where.snapshot(actor, now=utc_now()) as tx:
            page = await queries.tasks_page(tx, PageRequest(first=50), RARE)
        assert 0 < len(page.rows) < 50

    return await paired(
        f"row security, search: {name} / without policies",
        lambda: find(database),
        lambda: find(bare),
        GOAL,
        runs=40,
    )


async def _search_in_unit(database: Database, bare: Database, name: str, actor: Actor) -> Figure:
    async def find(where: Database) -> None:
        async with where.snapshot(actor, now=utc_now()) as tx:
            # Without policies a plan made for any words would gather all that have these, by their index.
            await tx.session.execute(sa.text("SET LOCAL plan_cache_mode = force_custom_plan"))
            page = await queries.unit_tasks_page(tx, LARGE, PageRequest(first=50), COMMON)
        assert len(page.rows) == 50

    return await paired(
        f"row security, search: {name} / without policies",
        lambda: find(database),
        lambda: find(bare),
        GOAL,
        runs=40,
    )


if __name__ == "__main__":
    main(bench)
