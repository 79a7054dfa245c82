"""``vdept calendar``: the year as an operator reads it, and the job that keeps it."""

import asyncio
from datetime import date

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

import factories as make
from factories import NOW, SYSTEM
from vdept.calendars import excepting, queries
from vdept.calendars.models import CalendarDay, CalendarScope
from vdept.kernel.db import Database
from vdept.kernel.job_runs import JobRun
from vdept_workers import jobs
from vdept_workers.cli import cli


@pytest.fixture
def unit_code(database_url: str) -> str:
    """A unit with a day off of its own."""

    async def arrange() -> str:
        database = Database(database_url, pool_size=2)
        async with database.begin(SYSTEM, now=NOW) as tx:
            unit = await make.unit(tx, code="T01")
            day, reason = date(2026, 9, 14), "CĐ 05"
            await excepting.add_exception(tx, CalendarScope.UNIT, unit.id, day, False, "Lũ lụt", reason)
        await database.close()
        return unit.code

    return asyncio.run(arrange())


def vdept(monkeypatch: pytest.MonkeyPatch, database_url: str, *arguments: str) -> Result:
    monkeypatch.setenv("VDEPT_DATABASE_URL", database_url)
    return CliRunner().invoke(cli, ["calendar", *arguments])


def test_a_month_is_shown_with_what_makes_it_so(
    monkeypatch: pytest.MonkeyPatch, database_url: str, unit_code: str
) -> None:
    nation = vdept(monkeypatch, database_url, "2026-09")
    assert nation.output.splitlines() == [
        "2026-09: 20 working days",
        "  2026-09-01 Tue  off     Quốc khánh / National Day",
        "  2026-09-02 Wed  off     Quốc khánh / National Day",
    ]
    unit = vdept(monkeypatch, database_url, "2026-09", "--unit", unit_code)
    assert unit.output.splitlines() == [
        "2026-09: 19 working days",
        *nation.output.splitlines()[1:],
        "  2026-09-14 Mon  off     Lũ lụt (exception, unit: CĐ 05)",
    ]


def test_a_year_has_twelve_months(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    lines = vdept(monkeypatch, database_url, "2026").output.splitlines()
    months = [line for line in lines if not line.startswith(" ")]
    assert [line[:7] for line in months] == [f"2026-{month:02}" for month in range(1, 13)]
    assert (
        "  2026-08-22 Sat  worked  Làm bù cho ngày 31/08/2026 / Make-up working day for 2026-08-31" in lines
    )
    assert sum(int(line.split()[1]) for line in months) == 249


@pytest.mark.parametrize("period", ["26", "2026-13", "2026-9", "abcd", "٢٠٢٦"])
def test_what_is_no_month_is_wrong_use(
    monkeypatch: pytest.MonkeyPatch, database_url: str, period: str
) -> None:
    done = vdept(monkeypatch, database_url, period)
    assert (done.exit_code, "is not a year like 2026" in done.output) == (2, True)


def test_an_unknown_unit_is_a_sentence(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    done = vdept(monkeypatch, database_url, "2026-09", "--unit", "NOWHERE")
    assert (done.exit_code, done.output) == (1, "vdept: There is no unit with the code NOWHERE.\n")


async def test_the_daily_job_fills_what_is_missing_and_says_so_once(db: Database, owner: Database) -> None:
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.delete(CalendarDay).where(CalendarDay.day > date(2027, 1, 1)))
    context = {"database": db, "holder": "test"}
    for _ in range(2):
        await jobs.keep_calendars(context)
    async with db.snapshot(SYSTEM) as tx:
        runs = await tx.session.execute(sa.select(JobRun.job, JobRun.items, JobRun.error))
        assert [tuple(run) for run in runs] == [("keep_calendars", 1, None)]
        assert (await queries.calendar_of(tx, None)).covers(date(2030, 12, 31))
