"""PostgreSQL restarts or cuts connections while the API lives: nobody notices, or is told to come again."""

import asyncio

import pytest
import sqlalchemy as sa

from api.conftest import Api, World
from factories import SYSTEM
from vdept.kernel.db import Database
from vdept.kernel.driver import DriverStatement
from worker_scene import until

UNITS = "{ units(first: 1) { nodes { id } } }"


async def cut(owner: Database) -> int:
    """Cut all other connections to this database; how many there were."""
    async with owner.begin(SYSTEM) as tx:
        gone = await tx.session.scalars(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        return len(list(gone))


async def test_after_all_connections_were_cut_requests_are_answered(
    api: Api, world: World, owner: Database
) -> None:
    many = [api.gql(UNITS, as_=world.hue_head) for _ in range(6)]
    assert [reply.status for reply in await asyncio.gather(*many)] == [200] * 6
    assert await cut(owner) > 1
    await asyncio.sleep(0.1)  # until the API's loop has heard of it
    many = [api.gql(UNITS, as_=world.hue_head) for _ in range(6)]
    replies = await asyncio.gather(*many)
    assert [reply.status for reply in replies] == [200] * 6
    assert all("errors" not in reply.body for reply in replies)


async def test_what_is_cut_in_the_middle_says_so_and_the_next_works(db: Database, owner: Database) -> None:
    sleeping = DriverStatement("SELECT pg_sleep(:seconds) AS done", {"seconds": "float8"})

    async def sleep() -> None:
        async with db.glance() as tx:
            await sleeping.first(tx, {"seconds": 30.0})

    asleep = asyncio.create_task(sleep())

    async def busy() -> bool:
        async with owner.begin(SYSTEM) as tx:
            found = sa.text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")
            return bool(await tx.session.scalar(found))

    await until(busy)
    await cut(owner)
    with pytest.raises(sa.exc.InterfaceError):
        await asleep
    async with db.glance() as tx:
        assert (await sleeping.first(tx, {"seconds": 0.0})) is not None


async def test_who_hangs_up_in_the_middle_leaves_a_connection_that_works(owner: Database) -> None:
    single = Database(owner.engine.url.render_as_string(False), pool_size=1, role=None)
    sleeping = DriverStatement("SELECT pg_sleep(:seconds) AS done", {"seconds": "float8"})
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), single.glance() as tx:
                await sleeping.first(tx, {"seconds": 30.0})
        async with single.glance() as tx:
            assert (await sleeping.first(tx, {"seconds": 0.0})) is not None
        async with single.begin(SYSTEM) as tx:
            assert await tx.session.scalar(sa.text("SELECT 1")) == 1
    await single.close()
