"""Units from a file that an office sends: dry run first, every bad row named by its cell, all or nothing."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from vdept.kernel.db import Tx
from vdept.kernel.errors import Refused, Words
from vdept.kernel.tables import Column, Row, Table, read_table, xlsx
from vdept.units import bulk, rules, segments
from vdept.units.models import UnitKind
from vdept.units.planning import UnitRow

T = TypeVar("T")

COLUMNS = (
    Column("code", "Mã đơn vị"),
    Column("name", "Tên đơn vị"),
    Column("kind", "Loại"),
    Column("parent_code", "Mã đơn vị cấp trên", required=False),
    Column("division", "Cấp hành chính", required=False),
    Column("name_en", "Tên tiếng Anh", required=False),
    Column("valid_from", "Hiệu lực từ", required=False),
    Column("valid_to", "Hiệu lực đến", required=False),
    Column("segments", "Nhóm ưu tiên", required=False),
)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do. With errors, nothing was written.

    Each error's path is its cell (``("B7",)``); its sentence names the cell too, in either language.
    """

    dry_run: bool
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    placed: int = 0
    """Of those: how many get other segments than they had."""
    errors: Sequence[Refused] = field(default=())
    ignored_columns: Sequence[str] = field(default=())

    @property
    def written(self) -> bool:
        return not self.dry_run and not self.errors


async def import_units(tx: Tx, content: bytes, filename: str, *, dry_run: bool) -> ImportReport:
    """Create and update the units of a CSV or Excel file.

    Rows are matched by code. A blank optional cell leaves an existing unit as it is (``NONE`` takes it out
    of all segments); a new ministry or province without a parent stands under the government. A dry run
    reports the same and writes nothing.
    """
    tx.actor.require(tx.actor.sees_everything, Words("quản trị viên", "an administrator"), "file")
    table, rows, spoiled = await asyncio.to_thread(_read, content, filename)
    await bulk.lock_registry(tx)
    changes, planner = await bulk.plan(tx, rows, spoiled)
    errors = table.problems_in_order()
    if not errors and not dry_run:
        await bulk.write(tx, changes, planner.existing)
    done = bulk.counts(changes)
    return ImportReport(
        dry_run, done.created, done.updated, done.unchanged, done.placed, errors, table.ignored
    )


def template() -> bytes:
    """An empty workbook to fill in, its columns already formatted as text."""
    return xlsx([column.name for column in COLUMNS], [], sheet="units")


def _read(content: bytes, filename: str) -> tuple[Table, list[UnitRow], set[str]]:
    try:
        table = read_table(content, filename, COLUMNS)
    except Refused as refused:
        raise refused.under("file") from None
    rows, spoiled = unit_rows(table)
    return table, rows, spoiled


def unit_rows(table: Table) -> tuple[list[UnitRow], set[str]]:
    """The rows that are sound by themselves, and the codes of those that are not."""
    rows: list[UnitRow] = []
    spoiled: set[str] = set()
    for row in table.rows:
        known = len(table.problems)
        code = _clean(row, "code", row.code("code", required=True), rules.clean_code)
        name = _clean(row, "name", row.text("name", required=True), rules.clean_name)
        kind = row.choice("kind", UnitKind)
        parent = _clean(row, "parent_code", row.code("parent_code"), rules.clean_code)
        english = _clean(row, "name_en", row.text("name_en"), rules.clean_name)
        division = _clean(row, "division", row.text("division"), rules.clean_name)
        valid_from, valid_to = row.date("valid_from"), row.date("valid_to")
        placed = _clean(row, "segments", row.text("segments"), segments.read)
        if len(table.problems) == known and code and name and kind:
            rows.append(
                UnitRow(row, code, name, kind, parent, division, english, valid_from, valid_to, placed)
            )
        elif code:
            spoiled.add(code)
    return rows, spoiled


def _clean(row: Row, column: str, text: str, clean: Callable[[str], T]) -> T | None:
    try:
        return clean(text) if text else None
    except Refused as refused:
        row.invalid(column, vi=str(refused.params["reason_vi"]), en=str(refused.params["reason"]))
        return None
