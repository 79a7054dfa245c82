"""Excel workbooks as bytes: reading the first visible sheet into a grid, and writing one.

A workbook is a zip of XML that anybody may have made. It is measured before it is read: what it unpacks
to, and how large a sheet its farthest cell spans (one value in XFD1048576 would otherwise ask for
seventeen billion cells). Cells whose formula failed are found here too: the reader shows them as empty.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import xlsxwriter
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from vdept.kernel.errors import FILE_TOO_LARGE, FILE_UNREADABLE, Refused

MAX_UNPACKED = 100_000_000
MAX_AREA = 3_000_000
TEXT_FORMAT = 49
"""Excel's own number for the format Text: what is typed stays as it was typed."""


_CELL = re.compile(rb"<(?:\w+:)?c(?:\s[^>]*?)?(/?)>")
_ATTRIBUTE = re.compile(rb'([\w:]+)\s*=\s*(?:"([^"]*)"|\'([^\']*)\')')
_REFERENCE = re.compile(rb"([A-Z]{1,3})([0-9]{1,7})$")
_ERROR = re.compile(rb"\st\s*=\s*[\"']e[\"']")


class Sheet(NamedTuple):
    """The cells of one sheet from A1 on, and the addresses of those whose formula failed."""

    grid: list[list[Any]]
    failed: frozenset[str]


def unreadable(filename: str, *, vi: str, en: str) -> Refused:
    return FILE_UNREADABLE.at(filename=filename, reason_vi=vi, reason=en)


def letters(column: int) -> str:
    """The letters of a column, counted from 0: ``0`` is A, ``26`` is AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def read_sheet(content: bytes, filename: str, wanted: str | None = None) -> Sheet:
    """A sheet of an .xlsx workbook, the first visible one unless it is named.

    Refuses what is damaged, locked or absurdly large.
    """
    broken = unreadable(
        filename, vi="tệp Excel bị hỏng hoặc có mật khẩu", en="the workbook is damaged or has a password"
    )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
                raise FILE_TOO_LARGE.at(
                    filename=filename, limit="100 MB unpacked", limit_vi="100 MB sau giải nén"
                )
            if archive.testzip() is not None:
                raise broken
            parts = {
                name: archive.read(name) for name in archive.namelist() if name.endswith((".xml", ".rels"))
            }
        for name, xml in parts.items():
            if name.startswith("xl/worksheets/"):
                _require_bounded(xml, filename)
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            visible = [
                sheet.name
                for sheet in workbook.sheets_metadata
                if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
            ]
            if not visible:
                raise unreadable(filename, vi="không có trang tính nào", en="it has no sheet")
            if wanted is not None and wanted not in visible:
                listed = ", ".join(visible)[:200]
                raise unreadable(
                    filename,
                    vi=f"không có trang tính “{wanted}”, chỉ có: {listed}",
                    en=f"it has no sheet “{wanted}”, but: {listed}",
                )
            position = workbook.sheet_names.index(wanted or visible[0])
            grid = workbook.get_sheet_by_index(position).to_python(skip_empty_area=False)
    except (zipfile.BadZipFile, zlib.error, CalamineError, NotImplementedError, RuntimeError, EOFError):
        raise broken from None
    return Sheet(grid, _failed_cells(_sheet_xml(parts, position)))


def _attributes(tag: bytes) -> dict[bytes, bytes]:
    return {name: double or single for name, double, single in _ATTRIBUTE.findall(tag)}


def _require_bounded(xml: bytes, filename: str) -> None:
    """Refuse a sheet whose cells with content span more than ``MAX_AREA``."""
    rows = columns = 1
    for match in _CELL.finditer(xml):
        if match[1]:  # a format without a value
            continue
        place = _REFERENCE.match(_attributes(match[0]).get(b"r", b""))
        if place is not None:
            rows = max(rows, int(place[2]))
            columns = max(columns, _column_number(place[1]))
    if rows * columns > MAX_AREA:
        raise FILE_TOO_LARGE.at(
            filename=filename,
            limit=f"{MAX_AREA:,} cells between A1 and the last one used",
            limit_vi=f"{MAX_AREA:,} ô tính từ A1 đến ô cuối có dữ liệu",
        )


def _column_number(name: bytes) -> int:
    number = 0
    for letter in name:
        number = number * 26 + letter - ord("A") + 1
    return number


def _sheet_xml(parts: dict[str, bytes], position: int) -> bytes:
    """The XML of the sheet at ``position`` in the workbook's order; empty where it cannot be told."""
    sheets = re.findall(rb"<(?:\w+:)?sheet\s[^>]*>", parts.get("xl/workbook.xml", b""))
    relations = re.findall(rb"<(?:\w+:)?Relationship\s[^>]*>", parts.get("xl/_rels/workbook.xml.rels", b""))
    targets = {found.get(b"Id"): found.get(b"Target", b"") for found in map(_attributes, relations)}
    if position >= len(sheets):
        return b""
    wanted = next((v for k, v in _attributes(sheets[position]).items() if k.endswith(b":id")), b"")
    path = targets.get(wanted, b"").decode("utf-8", "replace").removeprefix("/xl/")
    return parts.get(f"xl/{path}", b"")


def _failed_cells(xml: bytes) -> frozenset[str]:
    """Addresses of cells that hold an error (#DIV/0!, #N/A, #REF!)."""
    return frozenset(
        _attributes(match[0]).get(b"r", b"?").decode("ascii", "replace")
        for match in _CELL.finditer(xml)
        if _ERROR.search(match[0])
    )


def xlsx(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, sheet: str = "Sheet1") -> bytes:
    """A workbook of one sheet; texts stay texts (leading zeros, a leading ``=``), dates are dates.

    Every column is formatted as text, so that what is typed below the last row keeps its zeros too.
    """
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        page = book.add_worksheet(sheet)
        text = book.add_format({"num_format": TEXT_FORMAT})
        bold = book.add_format({"bold": True, "bg_color": "#E8EEF7", "num_format": TEXT_FORMAT})
        number = book.add_format({"num_format": "General"})
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        page.freeze_panes(1, 0)
        for column, header in enumerate(headers):
            page.set_column(column, column, max(12, len(header) + 4), text)
            page.write_string(0, column, header, bold)
        for line, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                match value:
                    case None:
                        continue
                    case bool():
                        page.write_boolean(line, column, value)
                    case int() | float() | Decimal():
                        page.write_number(line, column, value, number)
                    case date():
                        page.write_datetime(line, column, value, day)
                    case _:
                        page.write_string(line, column, str(value), text)
    return out.getvalue()
