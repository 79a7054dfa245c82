"""Whatever happens in a plan, its next edition verifies: SQL and the pure rules agree on every figure."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from editions_scene import VAULT, file_of
from factories import NOW, SYSTEM
from outcome_events import EVENTS, START, Country
from vdept.kernel.db import Database
from vdept.outcomes.rebuild import rebuild_plan
from vdept.outcomes.refresh import refresh
from vdept.publications import checking, publishing
from vdept.publications.findings import Findings
from vdept.publications.models import Edition


async def publish(db: Database, plan_id: int, day: int) -> Edition:
    now = NOW + timedelta(days=day)
    made = await publishing.publish(db, VAULT, plan_id, as_of=START + timedelta(days=day), now=now)
    assert made is not None
    return made


async def faults(db: Database, edition: Edition) -> list[str]:
    findings = Findings()
    checking.check_content(await file_of(db, edition), edition.manifest, findings)
    assert findings.about == [f"{edition.targets} targets, {edition.units} units computed again"]
    return findings.faults


@pytest.mark.parametrize("seed", range(8))
async def test_an_edition_verifies_after_whatever_has_happened(db: Database, seed: int) -> None:
    country = Country(seed)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await country.found(tx)
    day, editions = 0, []
    for _ in range(3):
        for _ in range(country.random.randint(10, 40)):
            async with db.begin(SYSTEM, now=NOW) as tx:
                await country.random.choice(EVENTS)(country, tx)
        day += country.random.randint(1, 90)
        country.today = max(START + timedelta(days=day), NOW.date())
        editions.append(await publish(db, country.plan_id, day))
        assert await faults(db, editions[-1]) == []
    assert [edition.number for edition in editions] == [1, 2, 3]
    assert any(edition.targets > 5 for edition in editions)
    async with db.begin(SYSTEM, now=NOW) as tx:
        assert (await rebuild_plan(tx, country.plan_id)).total == 0, "publishing rolls up as the worker does"
    for edition in editions:  # what came later has changed none of them
        assert await faults(db, edition) == []


async def test_while_others_write_each_edition_is_one_picture(db: Database) -> None:
    """The worker's own roll-up and writers go on; whoever meets the other waits or tries again."""
    country = Country(3)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await country.found(tx)
    writing = True

    async def write() -> None:
        for _ in range(60):
            async with db.begin(SYSTEM, now=NOW) as tx:
                await country.random.choice(EVENTS)(country, tx)

    async def roll_up() -> None:
        while writing:
            await refresh(db, now=NOW)
            await asyncio.sleep(0.005)

    rolling = asyncio.create_task(roll_up())
    writer = asyncio.create_task(write())
    try:
        for _ in range(4):
            assert await faults(db, await publish(db, country.plan_id, 30)) == []
    finally:
        writing = False
        await asyncio.gather(writer, rolling)
    async with db.snapshot(SYSTEM) as tx:
        stored = await tx.session.scalar(sa.text("SELECT count(*) FROM edition"))
    assert stored == 4
