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
from vdept.sources.connectors.mapping import number_with, raw_of, reading, shown
from vdept.sources.connectors.settings import ColumnField, ReadingField, TableSetting
from vdept.sources.models import ConnectorKind
from vdept.sources.receiving import Given

NAMES = {ConnectorKind.HTTP_CSV: "data.csv", ConnectorKind.HTTP_EXCEL: "data.xlsx"}
UNPACKED_MB = 100


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
    header = [" ".join(shown(cell).split()) if cell is not None else "" for cell in grid[head - 1]]
    getters = columns(setting.fields, header)
    codes = {one.field: one.codes for one in setting.fields}
    given: list[Given] = []
    for line, row in enumerate(grid[head:], start=head + 1):
        if all(_blank(cell) for cell in row):
            continue
        if len(given) >= MAX_ROWS:
            raise SOURCE_TOO_MANY_ROWS.at("rows", limit=MAX_ROWS)
        cells = [_cell(row, place, line, failed) for place in range(len(header))]
        values = {field: get(cells) for field, get in getters.items()}
        raw = raw_of({name: cell for name, cell in zip(header, cells, strict=True) if name})
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
) -> dict[ReadingField, Callable[[Sequence[Any]], Any]]:
    """How each field is read of a row: by its column's name, case and marks aside."""
    known: dict[str, int] = {}
    twice: set[str] = set()
    for place, name in enumerate(header):
        key = fold(name)
        if key in known:
            twice.add(key)
        known.setdefault(key, place)
    getters: dict[ReadingField, Callable[[Sequence[Any]], Any]] = {}
    for one in fields:
        if one.column is None:
            getters[one.field] = _fixed(one.fixed)
            continue
        key = fold(one.column)
        if key not in known or key in twice:
            listed = ", ".join(name for name in header if name)[:200]
            raise _no_table(
                f"không có đúng một cột “{one.column}”; các cột: {listed}.",
                f"there is not exactly one column “{one.column}”; the columns are: {listed}.",
            )
        getters[one.field] = _at(known[key])
    return getters


def _fixed(value: str | None) -> Callable[[Sequence[Any]], Any]:
    return lambda _cells: value


def _at(place: int) -> Callable[[Sequence[Any]], Any]:
    return lambda cells: cells[place]


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
