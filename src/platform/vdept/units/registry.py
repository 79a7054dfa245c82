"""The real registry, as package data: the government, its ministries, provinces and communes.

Provinces and communes are those of Decision 19/2025/QĐ-TTg, in force since July 2025; the ministries those
of the government since March 2025. The firms and associations beside them are invented.
"""

from datetime import date
from importlib.resources import files
from itertools import chain

from vdept.kernel.db import Tx
from vdept.kernel.errors import RefusedMany, Words
from vdept.kernel.tables import Table, read_table
from vdept.units import bulk
from vdept.units.bulk import Counts
from vdept.units.importing import COLUMNS, unit_rows
from vdept.units.planning import UnitRow

FILES = {
    "ministries.csv": date(2025, 3, 1),
    "units-2025.csv": date(2025, 7, 1),
    "organisations.csv": date(2020, 1, 1),
}
"""Each file of the registry, with the day since when its units stand."""


def _table(name: str) -> Table:
    return read_table(files("vdept.units").joinpath("data", name).read_bytes(), name, COLUMNS)


def _rows_of(table: Table) -> list[UnitRow]:
    rows, _ = unit_rows(table)
    for row in rows:
        row.valid_from = row.valid_from or FILES[table.filename]
    return rows


async def load_registry(tx: Tx) -> Counts:
    """Bring the registry in: what is missing is made, what differs is updated, the rest is left alone."""
    tx.actor.require(tx.actor.sees_everything, Words("quản trị viên", "an administrator"))
    await bulk.lock_registry(tx)
    tables = [_table(name) for name in FILES]
    rows = list(chain.from_iterable(map(_rows_of, tables)))
    changes, planner = await bulk.plan(tx, rows)
    problems = list(chain.from_iterable(table.problems for table in tables))
    if problems:
        raise RefusedMany(problems)
    return await bulk.write(tx, changes, planner.existing)
