"""Something wrong in the derived rows is found, named to the row and column, and repaired by a rebuild."""

import asyncio
from decimal import Decimal

import pytest
import sqlalchemy as sa

from factories import NOW, SYSTEM
from outcome_events import EVENTS, Country, measure, take_part, work
from outcome_model import disagreements
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.outcomes.auditing import Difference, audit, audit_all, rebuild
from vdept.outcomes.rebuild import RebuildReport
from vdept.outcomes.refresh import refresh


async def happen(db: Database, country: Country, events: int = 40) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        for _ in range(events):
            await country.random.choice(EVENTS)(country, tx)


async def execute(db: Database, statement: str) -> None:
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text(statement))


async def scalar(db: Database, statement: str) -> object:
    async with db.snapshot(SYSTEM) as tx:
        return await tx.session.scalar(sa.text(statement))


@pytest.fixture
async def country(db: Database) -> Country:
    """A plan with a history, everything rolled up."""
    country = Country(11)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await country.found(tx)
    await happen(db, country, 80)
    await refresh(db, now=NOW)
    return country


@pytest.mark.parametrize("seed", [21, 22])
async def test_an_audit_finds_nothing_where_a_rebuild_rewrites_nothing(db: Database, seed: int) -> None:
    country = Country(seed)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await country.found(tx)
    for _ in range(4):
        await happen(db, country)
        await refresh(db, now=NOW)
        report = await audit(db, country.plan_id)
        assert (report.differences, report.waiting) == ([], 0)
        assert report.evaluated_on is not None
    assert [r.total for r in (await rebuild(db)).values()] == [0]


BREAKS = [
    ("UPDATE target_outcome SET m_sum = m_sum + 1 WHERE target_id = (SELECT min(id) FROM target)", "m_sum"),
    ("UPDATE target_outcome SET sub_n_paused = 99 WHERE target_id = (SELECT max(id) FROM target)",
     "sub_n_paused"),
    ("UPDATE unit_outcome SET binding_met = binding_met + 1 WHERE unit_id = (SELECT min(id) FROM unit)",
     "binding_met"),
    ("UPDATE unit_outcome SET sub_gap_sum = sub_gap_sum + 1 WHERE unit_id = (SELECT min(id) FROM unit)",
     "sub_gap_sum"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "column"), BREAKS)
async def test_one_corrupted_number_is_named_and_the_audit_writes_nothing(
    db: Database, country: Country, damage: str, column: str
) -> None:
    await execute(db, damage)
    first, again = await audit(db, country.plan_id), await audit(db, country.plan_id)
    assert first == again
    assert not first.clean
    assert first.differences[0].column == column
    assert column in str(first.differences[0])
    if column != "sub_n_paused":  # this one is passed on: to every ancestor a rebuild would correct it
        assert len(first.differences) == 1
    reports = await rebuild(db)
    assert [r.total > 0 for r in reports.values()] == [True]
    assert (await audit(db, country.plan_id)).clean
    async with db.snapshot(SYSTEM) as tx:
        assert await disagreements(tx.session, country.plan_id) == []


async def test_a_corrupted_participation_is_named_with_both_values(db: Database, country: Country) -> None:
    await execute(db, "UPDATE participation_outcome SET progress = progress + 1")
    differences = (await audit(db, country.plan_id)).differences
    rows = await scalar(db, "SELECT count(*) FROM participation_outcome")
    mine = [d for d in differences if d.table == "participation_outcome"]
    assert len(mine) == rows
    assert all(Decimal(d.stored or 0) == Decimal(d.rebuilt or 0) + 1 for d in mine)


async def test_a_row_that_is_gone_and_a_row_too_many_are_named(db: Database, country: Country) -> None:
    leaf = await scalar(
        db,
        "SELECT max(target_id) FROM target_outcome o WHERE live AND children = 0 AND parent_id IS NOT NULL"
        " AND sub_task_weight = 0",
    )
    await execute(db, f"DELETE FROM target_outcome WHERE target_id = {leaf}")
    await execute(
        db,
        "INSERT INTO participation_outcome (task_id, unit_id, plan_id, share, progress)"
        f" VALUES (9999, 1, {country.plan_id}, 1, 0)",
    )
    found = (await audit(db, country.plan_id)).differences
    assert Difference("target_outcome", (leaf,), None, None, None) in found
    assert Difference("participation_outcome", (9999, 1), None, "should not be there", None) in found
    assert f"target_outcome {leaf}: missing" in map(str, found)


async def test_what_waits_in_the_queue_is_no_error(db: Database, country: Country) -> None:
    await happen(db, country)
    report = await audit(db, country.plan_id)
    assert report.clean
    assert report.waiting > 0
    await refresh(db, now=NOW)
    assert (await audit(db, country.plan_id)).waiting == 0


async def test_a_change_that_was_never_queued_is_found(db: Database, country: Country) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        for _ in range(20):
            await measure(country, tx)
        await tx.session.execute(sa.text("DELETE FROM outcome_change"))
    report = await audit(db, country.plan_id)
    assert {d.table for d in report.differences} == {"target_outcome"}
    assert report.waiting == 0


async def test_a_plan_that_lost_its_first_changes_is_found(db: Database) -> None:
    country = Country(3)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await country.found(tx)
    waiting = await audit(db, country.plan_id)
    assert (waiting.clean, waiting.evaluated_on, waiting.waiting) == (True, None, len(country.targets))
    await execute(db, "DELETE FROM outcome_change")
    lost = await audit(db, country.plan_id)
    assert len(lost.differences) == len(country.targets)
    (report,) = (await rebuild(db)).values()
    assert report.targets == len(country.targets)
    assert (await audit(db, country.plan_id)).clean


async def test_an_audit_in_the_middle_of_the_traffic_raises_no_false_alarm(database_url: str) -> None:
    db = Database(database_url, pool_size=16)
    try:
        country = Country(31)
        async with db.begin(SYSTEM, now=NOW) as tx:
            await country.found(tx)
        await refresh(db, now=NOW)
        writing = True

        async def writer() -> None:
            while writing:
                async with db.begin(SYSTEM, now=NOW) as tx:
                    await country.random.choice((measure, work, take_part))(country, tx)

        async def worker() -> None:
            while writing:
                await refresh(db, now=NOW)
                await asyncio.sleep(0)

        tasks = [asyncio.create_task(act()) for act in (worker, worker, writer, writer)]
        for _ in range(12):
            assert (await audit(db, country.plan_id)).differences == []
        writing = False
        await asyncio.gather(*tasks)
    finally:
        await db.close()


async def test_rebuilding_a_plan_that_does_not_exist_is_refused(db: Database) -> None:
    with pytest.raises(Refused, match="NOT_FOUND"):
        await rebuild(db, "KH-KHONG-CO")
    with pytest.raises(Refused, match="NOT_FOUND"):
        await audit_all(db, "KH-KHONG-CO")
    assert await rebuild(db) == {}
    assert await audit_all(db) == {}


async def test_one_plan_is_rebuilt_by_its_code(db: Database, country: Country) -> None:
    code = str(await scalar(db, "SELECT code FROM plan"))
    await execute(db, "DELETE FROM unit_outcome")
    (report,) = (await rebuild(db, code)).values()
    assert isinstance(report, RebuildReport)
    assert (report.targets, report.participations) == (0, 0)
    assert report.units > 0
    assert (await audit_all(db, code))[code].clean
