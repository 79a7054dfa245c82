"""Excel workbooks as bytes: reading the first visible sheet into a grid, and writing one.

A workbook is a zip of XML that anybody may have made. It is measured before it is read: what it unpacks
to, and how large a sheet its farthest cell spans (one value in XFD1048576 would otherwise ask for
seventeen billion cells). A parser of XML measures, not a pattern, and the reader is given what was measured
and not the file: what a zip says of itself need not be so. Cells whose formula failed are found here too:
the reader shows them as empty.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple
from xml.parsers import expat

import xlsxwriter
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from vdept.kernel.errors import FILE_TOO_LARGE, FILE_UNREADABLE, Refused

MAX_UNPACKED = 100_000_000
MAX_AREA = 3_000_000
MAX_ELEMENTS = 2 * MAX_AREA
"""Of all parts together: a cell and its value for each place."""
TEXT_FORMAT = 49
"""Excel's own number for the format Text: what is typed stays as it was typed."""

_CHUNK = 1_000_000
_PACKED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""How parts of workbooks are packed; of other ways the unpacking cannot be stopped in the middle."""
_READ = re.compile(r"(?:xl/|_rels/|\[Content_Types\]).*\.(?:xml|rels)", re.IGNORECASE)
"""Parts that the reader is given: those of .xlsx and of no other format that it knows."""
_ATTRIBUTE = re.compile(rb'(?<![\w:])([\w:]++)\s*+=\s*+(?:"([^"]*)"|\'([^\']*)\')')
_REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})", re.ASCII)


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
            parts = {
                entry.filename: _unpacked(archive, entry, broken)
                for entry in archive.infolist()
                if _READ.fullmatch(entry.filename)
            }
        measured = _Measured(filename)
        failed = {name: measured(xml, broken) for name, xml in parts.items()}
        measured.require_texts(parts.values())
        with CalamineWorkbook.from_filelike(_packed(parts)) as workbook:
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
    return Sheet(grid, failed.get(_sheet_path(parts, position), frozenset()))


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, broken: Refused) -> bytes:
    """A part, piece by piece: no more comes of it than it says, whatever it unpacks to."""
    if entry.compress_type not in _PACKED:
        raise broken
    with archive.open(entry) as part:
        return b"".join(iter(partial(part.read, _CHUNK), b""))


def _packed(parts: dict[str, bytes]) -> io.BytesIO:
    """The parts as a workbook."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, xml in parts.items():
            archive.writestr(name, xml)
    out.seek(0)
    return out


def _attributes(tag: bytes) -> dict[bytes, bytes]:
    return {name: double or single for name, double, single in _ATTRIBUTE.findall(tag)}


class _Measured:
    """Reads parts of a workbook as the reader of workbooks will, and refuses what asks for too much.

    Whatever the part is called, and in whichever names of XML its rows and cells are written: a cell without
    an address is the one after the last, a row without a number the next. Cells without content, which hold a
    format, count for nothing. Entities and other encodings than UTF-8 are none of Excel's.
    """

    def __init__(self, filename: str) -> None:
        self._filename = filename
        self._elements = 0
        self._lengths: list[int] = []
        """Of the texts that cells share."""
        self._references = 0
        self._in_text = False

    def __call__(self, xml: bytes, broken: Refused) -> frozenset[str]:
        """The addresses of the cells that hold an error (#DIV/0!, #N/A, #REF!)."""
        self._row = self._column = 0
        self._rows = self._columns = 1
        self._within: tuple[int, int] | None = None
        self._failed: set[str] = set()
        self._broken = broken
        if xml.count(b"<") > 2 * MAX_ELEMENTS:  # a start and an end of each: told at once
            raise self._too_large()
        if b"\0" in xml:  # UTF-16, which the reader would read otherwise
            raise broken
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._refuse
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(xml, True)
        except expat.ExpatError:
            raise broken from None
        return frozenset(self._failed)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise self._too_large()
        if name == "c" or name.endswith(":c"):
            self._cell(attributes)
        elif self._within is not None:
            self._rows = max(self._rows, self._within[0] + 1)
            self._columns = max(self._columns, self._within[1] + 1)
            if self._rows * self._columns > MAX_AREA:
                raise self._too_large()
        elif name == "si" or name.endswith(":si"):
            self._lengths.append(0)
            self._in_text = True
        elif name == "row" or name.endswith(":row"):
            number = attributes.get("r")
            if number is not None:
                if not (number.isascii() and number.isdigit() and 1 <= len(number) <= 7 and int(number) > 0):
                    self._refuse()
                self._row = int(number) - 1

    def _text(self, text: str) -> None:
        if self._in_text:
            self._lengths[-1] += len(text)

    def require_texts(self, parts: Iterable[bytes]) -> None:
        """One long text in a million cells is a million long texts once it is read."""
        longest = max(self._lengths, default=0)
        if self._references * longest <= MAX_UNPACKED:
            return
        place = ""
        shared, total = False, 0

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal place, shared
            if name == "c" or name.endswith(":c"):
                place, shared = "", attributes.get("t") == "s"

        def text(said: str) -> None:
            nonlocal place
            if shared and len(place) < 20:
                place += said

        def end(name: str) -> None:
            nonlocal total, shared
            if shared and (name == "c" or name.endswith(":c")):
                shared = False
                plain = place.isascii() and place.isdigit() and len(place) < 10
                total += self._lengths[int(place)] if plain and int(place) < len(self._lengths) else longest
                if total > MAX_UNPACKED:
                    raise self._too_large()

        for xml in parts:
            parser = expat.ParserCreate("utf-8")
            parser.StartElementHandler, parser.EndElementHandler = start, end
            parser.CharacterDataHandler = text
            parser.Parse(xml, True)

    def _cell(self, attributes: dict[str, str]) -> None:
        address = attributes.get("r")
        row, column = self._row, self._column
        if address is not None:
            place = _REFERENCE.fullmatch(address)
            if place is None or int(place[2]) == 0:
                self._refuse()
            else:
                row, column = int(place[2]) - 1, _column_number(place[1].upper().encode()) - 1
        self._within, self._column = (row, column), column + 1
        if attributes.get("t") == "s":
            self._references += 1
        elif attributes.get("t") == "e":
            self._failed.add(f"{letters(column)}{row + 1}")

    def _end(self, name: str) -> None:
        if name == "c" or name.endswith(":c"):
            self._within = None
        elif name == "row" or name.endswith(":row"):
            self._row, self._column = self._row + 1, 0
        elif name == "si" or name.endswith(":si"):
            self._in_text = False

    def _refuse(self, *_: object) -> None:
        raise self._broken

    def _too_large(self) -> Refused:
        return FILE_TOO_LARGE.at(
            filename=self._filename,
            limit=f"{MAX_AREA:,} cells between A1 and the last one used",
            limit_vi=f"{MAX_AREA:,} ô tính từ A1 đến ô cuối có dữ liệu",
        )


def _column_number(name: bytes) -> int:
    number = 0
    for letter in name:
        number = number * 26 + letter - ord("A") + 1
    return number


def _sheet_path(parts: dict[str, bytes], position: int) -> str:
    """The part of the sheet at ``position`` in the workbook's order; empty where it cannot be told."""
    sheets = re.findall(rb"<(?:\w++:)?sheet\s[^<>]*>", parts.get("xl/workbook.xml", b""))
    relations = re.findall(rb"<(?:\w++:)?Relationship\s[^<>]*>", parts.get("xl/_rels/workbook.xml.rels", b""))
    targets = {found.get(b"Id"): found.get(b"Target", b"") for found in map(_attributes, relations)}
    if position >= len(sheets):
        return ""
    wanted = next((v for k, v in _attributes(sheets[position]).items() if k.endswith(b":id")), b"")
    return "xl/" + targets.get(wanted, b"").decode("utf-8", "replace").removeprefix("/xl/")


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
