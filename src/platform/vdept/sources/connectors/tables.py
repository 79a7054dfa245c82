"""CSV files and Excel workbooks at a URL: a header row somewhere, and a column for each field."""

from collections.abc import Callable, Sequence
from typing import Any

from vdept.kernel.errors import FILE_TOO_LARGE, Locale, Refused
from vdept.kernel.tables import read_grid
from vdept.kernel.text import fold
from vdept.kernel.workbooks import letters
from vdept.sources.connectors.errors import (
    SOURCE_NO_ROWS,
    SOURCE_NOT_A_TABLE,
    SOURCE_NOT_UTF8,
    SOURCE_TOO_MANY_ROWS,
    SOURCE_UNPACKS_TOO_LARGE,
)
from vdept.sources.connectors.limits import MAX_ROWS
from vdept.sources.connectors.mapping import MAX_RAW, number_with, raw_of, reading, shown
from vdept.sources.connectors.settings import ColumnField, ReadingField, TableSetting
from vdept.sources.models import ConnectorKind
from vdept.sources.receiving import Given

NAMES = {ConnectorKind.HTTP_CSV: "data.csv", ConnectorKind.HTTP_EXCEL: "data.xlsx"}
UNPACKED_MB = 100
MAX_COLUMNS = 16_384
"""As many as a sheet of Excel may have."""


def readings(kind: ConnectorKind, setting: TableSetting, content: bytes) -> list[Given]:
    """The readings of a table; raises what a poll fails with."""
    excel = content[:4] == b"PK\x03\x04"
    if excel is not (kind is ConnectorKind.HTTP_EXCEL):
        raise _no_table(
            "cần tệp Excel (.xlsx) nhưng nhận được thứ khác."
            if not excel
            else "cần CSV nhưng nhận được Excel.",
            "an Excel workbook (.xlsx) was expected." if not excel else "CSV was expected and this is Excel.",
        )
    if not excel:
        _require_utf8(content)
    try:
        grid = read_grid(content, NAMES[kind], sheet=setting.sheet, header_row=setting.header_row)
    except Refused as refused:
        if refused.refusal is FILE_TOO_LARGE and excel:
            raise SOURCE_UNPACKS_TOO_LARGE.at(limit_mb=UNPACKED_MB) from None
        if refused.refusal is FILE_TOO_LARGE:
            raise SOURCE_TOO_MANY_ROWS.at("rows", limit=MAX_ROWS) from None
        raise _no_table(refused.message(Locale.VI), refused.message(Locale.EN)) from None
    mark = setting.decimal_mark or grid.decimal_mark or "."
    return _rows(setting, grid.rows, grid.failed, number_with(mark))


def _require_utf8(content: bytes) -> None:
    if content[:4] == b"\xd0\xcf\x11\xe0":
        return  # an old .xls file: the reader says so
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise SOURCE_NOT_UTF8.at(byte=error.start + 1) from None


def _rows(
    setting: TableSetting,
    grid: Sequence[Sequence[Any]],
    failed: frozenset[str],
    read_number: Callable[[Any], Any],
) -> list[Given]:
    head = _header_line(setting, grid)
    if len(grid[head - 1]) > MAX_COLUMNS:
        raise _no_table(
            f"hàng tiêu đề có hơn {MAX_COLUMNS} cột.", f"its header has more than {MAX_COLUMNS} columns."
        )
    header = [" ".join(shown(cell).split()) if cell is not None else "" for cell in grid[head - 1]]
    listed = [(name, place) for place, name in enumerate(header) if name][:MAX_RAW]
    places = columns(setting.fields, header)
    codes = {one.field: one.codes for one in setting.fields}
    given: list[Given] = []
    for line, row in enumerate(grid[head:], start=head + 1):
        if all(_blank(cell) for cell in row):
            continue
        if len(given) >= MAX_ROWS:
            raise SOURCE_TOO_MANY_ROWS.at("rows", limit=MAX_ROWS)
        values = {
            field: fixed if place is None else _cell(row, place, line, failed)
            for field, (place, fixed) in places.items()
        }
        raw = raw_of({name: _cell(row, place, line, failed) for name, place in listed})
        given.append(reading(values, codes, raw, read_number))
    return given


def _header_line(setting: TableSetting, grid: Sequence[Sequence[Any]]) -> int:
    """The number of the header's row, counted from 1."""
    if setting.header_row is not None:
        if setting.header_row > len(grid):
            raise SOURCE_NO_ROWS.at("headerRow", rows=setting.header_row)
        return setting.header_row
    for line, row in enumerate(grid, start=1):
        if not all(_blank(cell) for cell in row):
            return line
    raise SOURCE_NO_ROWS.at("headerRow", rows=1)


def columns(
    fields: Sequence[ColumnField], header: Sequence[str]
) -> dict[ReadingField, tuple[int | None, str | None]]:
    """Where each field is in a row: the place of its column, found by name, case and marks aside, or what it
    is in all rows."""
    known: dict[str, int] = {}
    twice: set[str] = set()
    for place, name in enumerate(header):
        key = fold(name)
        if key in known:
            twice.add(key)
        known.setdefault(key, place)
    places: dict[ReadingField, tuple[int | None, str | None]] = {}
    for one in fields:
        if one.column is None:
            places[one.field] = (None, one.fixed)
            continue
        key = fold(one.column)
        if key not in known or key in twice:
            listed = ", ".join(name for name in header if name)[:200]
            raise _no_table(
                f"không có đúng một cột “{one.column}”; các cột: {listed}.",
                f"there is not exactly one column “{one.column}”; the columns are: {listed}.",
            )
        places[one.field] = (known[key], None)
    return places


def _cell(row: Sequence[Any], place: int, line: int, failed: frozenset[str]) -> Any:
    """A cell whose formula failed is shown as what it is: it must not pass for an empty one."""
    if failed and f"{letters(place)}{line}" in failed:
        return "#ERROR"
    value = row[place] if place < len(row) else None
    return None if _blank(value) else value


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _no_table(vi: str, en: str) -> Refused:
    return SOURCE_NOT_A_TABLE.at(reason_vi=vi, reason=en)
