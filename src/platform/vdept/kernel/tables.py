"""Tables that offices send: CSV and Excel read into rows whose every fault names its cell.

``read_table(content, filename, columns)`` refuses a file that cannot be read at all (raised), and reads
everything else: a bad cell is collected in :attr:`Table.problems` with its address as path (``("B7",)``)
and the caller goes on, so that one dry run names every fault of a file. Rows are typed by asking::

    table = read_table(content, "units.xlsx", (Column("code"), Column("name"), Column("valid_from")))
    for row in table.rows:
        code, name, since = row.code("code"), row.text("name", required=True), row.date("valid_from")
    if table.problems: ...
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from vdept.kernel.errors import (
    CELL_EMPTY,
    CELL_FORMULA_FAILED,
    CELL_INVALID,
    CELL_IS_A_NUMBER,
    CELL_OUTSIDE,
    COLUMN_MISSING,
    COLUMN_TWICE,
    FILE_TOO_LARGE,
    TABLE_EMPTY,
    Refusal,
    Refused,
)
from vdept.kernel.text import fold
from vdept.kernel.workbooks import letters, read_sheet, unreadable, xlsx

__all__ = ["Column", "Grid", "Row", "Table", "read_grid", "read_table", "xlsx"]

MAX_BYTES = 10_000_000
MAX_ROWS = 50_000
MAX_TEXT = 5_000
DECIMALS = Decimal("0.000001")
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read, found by ``name`` or ``title`` (its Vietnamese header), case and marks aside."""

    name: str
    title: str = ""
    required: bool = True


@dataclass(slots=True)
class Table:
    """What was read. ``ignored`` are headers nobody asked for; ``problems`` grow while cells are asked."""

    filename: str
    rows: list["Row"] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    problems: list[Refused] = field(default_factory=list)
    decimal_mark: str = ""

    def problems_in_order(self) -> list[Refused]:
        """The problems from the top of the sheet to its end."""
        return sorted(self.problems, key=lambda p: _place(str(p.path[0]) if p.path else ""))


def _place(cell: str) -> tuple[int, int, str]:
    found = re.fullmatch(r"([A-Z]+)([0-9]+)", cell)
    return (int(found[2]), len(found[1]), found[1]) if found else (0, 0, cell)


@dataclass(slots=True)
class Row:
    """One row; ``line`` is its number in the sheet, the header included, as Excel shows it."""

    table: Table
    line: int
    values: Sequence[Any]

    def cell(self, name: str) -> str:
        """The address of a column in this row, such as ``B7``; where the column is absent, of the row."""
        index = self.table.columns.get(name, 0)
        return f"{letters(index)}{self.line}"

    def refuse(self, name: str, why: Refusal, **params: Any) -> None:
        """Collect a problem of this cell; its sentence names the cell, before it where it does not itself."""
        cell = self.cell(name)
        if "{cell}" not in why.vi:
            why = replace(why, vi=f"Ô {{cell}}: {why.vi}", en=f"Cell {{cell}}: {why.en}")
        self.table.problems.append(why.at(cell, **{"cell": cell, "column": name, **params}))

    def invalid(self, name: str, *, vi: str, en: str) -> None:
        """Collect that the cell's value breaks a format; ``vi`` and ``en`` say what is expected."""
        shown = str(self._raw(name))[:60]
        self.refuse(name, CELL_INVALID, value=shown, expected_vi=vi, expected=en)

    def _raw(self, name: str) -> Any:
        index = self.table.columns.get(name)
        return "" if index is None or index >= len(self.values) else self.values[index]

    def blank(self, name: str) -> bool:
        return _is_blank(self._raw(name))

    def text(self, name: str, *, required: bool = False) -> str:
        """The cell as trimmed text, empty when blank (a problem if ``required``)."""
        value = self._raw(name)
        if _is_blank(value):
            if required:
                self.refuse(name, CELL_EMPTY)
            return ""
        text = " ".join(_shown(value).split())
        if len(text) > MAX_TEXT or not text.isprintable():
            self.invalid(
                name,
                vi=f"văn bản tối đa {MAX_TEXT} ký tự, không có ký tự điều khiển",
                en=f"a text of at most {MAX_TEXT} characters without control characters",
            )
            return ""
        return text

    def code(self, name: str, *, required: bool = False) -> str:
        """A code: text whose leading zeros count, so a number cell is refused rather than guessed."""
        value = self._raw(name)
        if not isinstance(value, str):
            self.refuse(name, CELL_IS_A_NUMBER, value=_shown(value))
            return ""
        return self.text(name, required=required)

    def choice(self, name: str, of: type[E], *, required: bool = True) -> E | None:
        """One of an enumeration's values, in any case."""
        text = self.text(name, required=required).upper()
        if text == "":
            return None
        try:
            return of(text)
        except ValueError:
            known = ", ".join(of)
            self.invalid(name, vi=f"một trong {known}", en=f"one of {known}")
            return None

    def date(self, name: str, *, required: bool = False) -> "date | None":
        """A date cell, or a text like ``2025-07-01`` or ``01/07/2025`` (day first)."""
        value = self._raw(name)
        if isinstance(value, datetime):
            value = value.date() if value.time() == time() else value
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        text = self.text(name, required=required)
        if text == "":
            return None
        found = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text, re.ASCII)
        parts = found.groups() if found else ()
        if found := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text, re.ASCII):
            parts = found.groups()[::-1]
        try:
            year, month, day = map(int, parts)
            return date(year, month, day)
        except ValueError:
            self.invalid(
                name,
                vi="ngày dạng 2025-07-01 hoặc 01/07/2025 (ngày/tháng/năm)",
                en="a date such as 2025-07-01 or 01/07/2025 (day/month/year)",
            )
            return None

    def decimal(self, name: str, *, required: bool = False) -> Decimal | None:
        """An exact number of at most 18 digits before the decimal mark and 6 after it.

        Excel keeps numbers in binary and shows their shortest decimal form: that form is what is read.
        """
        value = self._raw(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = Decimal(repr(value))
            if number.is_finite() and abs(number) < 10**18:
                return number.quantize(DECIMALS).normalize() + 0
        text = self.text(name, required=required).replace(" ", "")
        if text == "":
            return None
        if re.fullmatch(r"-?\d{1,18}([.,]\d{1,6})?", text, re.ASCII) and not self._ambiguous(text):
            return Decimal(text.replace(",", "."))
        self.invalid(
            name,
            vi="một số như 12 hoặc 12,5, không có dấu tách hàng nghìn, tối đa 6 chữ số thập phân",
            en="a number such as 12 or 12.5, without grouping marks, with at most 6 decimals",
        )
        return None

    def _ambiguous(self, text: str) -> bool:
        """``1.234`` is a thousand to one office and one to another, unless the file's mark says which."""
        found = re.fullmatch(r"-?[1-9]\d{0,2}([.,])\d{3}", text)
        return found is not None and found[1] != self.table.decimal_mark

    def integer(self, name: str, *, required: bool = False) -> int | None:
        """A whole number."""
        number = self.decimal(name, required=required)
        if number is None or number == number.to_integral_value():
            return None if number is None else int(number)
        self.invalid(name, vi="một số nguyên", en="a whole number")
        return None


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _shown(value: Any) -> str:
    """A cell as a reader sees it: 5.0 is 5."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    return str(value)


class Grid(NamedTuple):
    """The cells of a file from its first on, nothing said of them yet."""

    rows: list[list[Any]]
    failed: frozenset[str]
    """Addresses of cells whose formula failed."""
    decimal_mark: str
    """What the file's separators say it is; empty where they do not."""


def read_grid(
    content: bytes, filename: str, *, sheet: str | None = None, header_row: int | None = None
) -> Grid:
    """A CSV or .xlsx file as it stands, for readers that have a header row and columns of their own."""
    table = Table(filename)
    if content[:4] == b"PK\x03\x04":
        rows, failed = read_sheet(content, filename, sheet)
    else:
        rows, failed = _read_csv(content, table, header_row), frozenset()
    return Grid(rows, failed, table.decimal_mark)


def read_table(content: bytes, filename: str, columns: Sequence[Column]) -> Table:
    """Read a CSV (UTF-8; comma, semicolon, tab) or .xlsx file; the first row not blank is its header."""
    if len(content) > MAX_BYTES:
        raise FILE_TOO_LARGE.at(filename=filename, limit="10 MB", limit_vi="10 MB")
    table = Table(filename)
    grid, failed, table.decimal_mark = read_grid(content, filename)
    body = ((line, row) for line, row in enumerate(grid, start=1) if not all(map(_is_blank, row)))
    header_line, header = next(body, (1, []))
    _read_header(table, header_line, header, columns)
    table.rows = [Row(table, line, row) for line, row in body]
    if len(table.rows) > MAX_ROWS:
        raise FILE_TOO_LARGE.at(filename=filename, limit=f"{MAX_ROWS:,} rows", limit_vi=f"{MAX_ROWS:,} dòng")
    if not table.rows:
        raise TABLE_EMPTY.at(filename=filename)
    table.problems += [CELL_FORMULA_FAILED.at(cell, cell=cell) for cell in sorted(failed, key=_place)]
    named = {index for index, value in enumerate(header) if not _is_blank(value)}
    table.problems += _cells_outside(table.rows, named)
    return table


def _read_header(table: Table, line: int, header: Sequence[Any], columns: Sequence[Column]) -> None:
    wanted = {_header_key(known): c.name for c in columns for known in (c.name, c.title) if known}
    for index, value in enumerate(header):
        if _is_blank(value):
            continue
        name = wanted.get(_header_key(_shown(value)))
        if name is None:
            table.ignored.append(_shown(value)[:100])
        elif name in table.columns:
            cell = f"{letters(index)}{line}"
            raise COLUMN_TWICE.at(cell, cell=cell, column=_shown(value))
        else:
            table.columns[name] = index
    missing = [c for c in columns if c.required and c.name not in table.columns]
    if missing:
        raise COLUMN_MISSING.at(
            columns=", ".join(c.name for c in missing), known=", ".join(c.name for c in columns)
        )


def _header_key(text: str) -> str:
    return re.sub(r"[\s_]+", " ", fold(text)).strip(" *")


def _cells_outside(rows: Iterable[Row], named: set[int]) -> list[Refused]:
    """Values under no header: mostly a comma too many, which has shifted the row."""
    found = []
    for row in rows:
        for index, value in enumerate(row.values):
            if index not in named and not _is_blank(value):
                cell = f"{letters(index)}{row.line}"
                found.append(CELL_OUTSIDE.at(cell, cell=cell, value=_shown(value)[:60]))
    return found


def _read_csv(content: bytes, table: Table, header_row: int | None = None) -> list[list[Any]]:
    filename = table.filename
    if content[:4] == b"\xd0\xcf\x11\xe0":
        raise unreadable(
            filename,
            vi="đây là tệp .xls cũ hoặc có mật khẩu",
            en="this is an old .xls file or has a password",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise unreadable(filename, vi="không phải bảng mã UTF-8", en="its encoding is not UTF-8") from None
    lines = text.splitlines()[(header_row or 1) - 1 :]
    first = next((line for line in lines if line.strip(" ,;\t")), "")
    delimiter = max(",;\t", key=first.count)
    table.decimal_mark = {",": ".", ";": ","}.get(delimiter, "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[Any]] = []
    try:
        for row in reader:
            rows.append(row)
            if len(rows) > 2 * MAX_ROWS:
                raise FILE_TOO_LARGE.at(
                    filename=filename, limit=f"{MAX_ROWS:,} rows", limit_vi=f"{MAX_ROWS:,} dòng"
                )
    except csv.Error:
        raise unreadable(
            filename,
            vi=f"dấu ngoặc kép sai ở gần dòng {reader.line_num}",
            en=f"a quotation mark is wrong near line {reader.line_num}",
        ) from None
    return rows
