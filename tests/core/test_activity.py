"""The activity log is append-only and is read in commit order without gaps."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from factories import NOW, SYSTEM
from vdept.kernel import activity
from vdept.kernel.db import Database


async def test_a_change_leaves_its_activity_in_the_same_transaction(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        tx.record("thing.made", "Thing", 7, unit_id=1, data={"to": "x"})

    async def fail_in_the_middle() -> None:
        async with db.begin(SYSTEM) as tx:
            tx.record("thing.lost", "Thing", 8)
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await fail_in_the_middle()
    async with db.snapshot(SYSTEM) as tx:
        rows = await activity.read_feed(tx.session, None, 10)
    assert [(r.verb, r.subject_id, r.at, r.actor, r.data) for r in rows] == [
        ("thing.made", 7, NOW, "system:test", {"to": "x"})
    ]


@pytest.mark.parametrize(
    "statement", ["UPDATE activity SET verb = 'x'", "DELETE FROM activity", "TRUNCATE activity"]
)
async def test_no_role_can_change_what_is_written(db: Database, owner: Database, statement: str) -> None:
    async with db.begin(SYSTEM) as tx:
        tx.record("thing.made", "Thing", 7)
    for database, why in ((db, "permission denied"), (owner, "append-only")):
        with pytest.raises(DBAPIError, match=why):
            async with database.begin(SYSTEM) as tx:
                await tx.session.execute(text(statement))
    async with db.snapshot(SYSTEM) as tx:
        assert [r.verb for r in await activity.read_feed(tx.session, None, 10)] == ["thing.made"]


async def test_the_feed_stops_before_a_transaction_still_running(db: Database) -> None:
    """The later id commits first; a reader must not pass the earlier one."""
    early_written, late_read = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with db.begin(SYSTEM) as tx:
            tx.record("slow", "Thing", 1)
            await activity.write(tx.session, tx.entries, tx.actor, tx.now)
            tx.entries.clear()
            early_written.set()
            await late_read.wait()

    running = asyncio.create_task(slow())
    await early_written.wait()
    async with db.begin(SYSTEM) as tx:
        tx.record("fast", "Thing", 2)
    async with db.snapshot(SYSTEM) as tx:
        assert await activity.read_feed(tx.session, None, 10) == []
    late_read.set()
    await running
    async with db.snapshot(SYSTEM) as tx:
        first = await activity.read_feed(tx.session, None, 1)
        rest = await activity.read_feed(tx.session, activity.Position(first[0].xid, first[0].id), 10)
    assert [r.verb for r in [*first, *rest]] == ["slow", "fast"]
