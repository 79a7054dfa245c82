"""Workbooks that somebody made to do harm: each is refused at once, however it hides what it asks for."""

import io
import struct
import time
import zipfile
from collections.abc import Callable

import pytest

from vdept.kernel.errors import Refused
from vdept.kernel.workbooks import read_sheet, xlsx

SHEET = "xl/worksheets/sheet1.xml"
GOOD = xlsx(["a", "b"], [["1", "2"]])
START = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
END = "</sheetData></worksheet>"


def changed(
    parts: dict[str, str | bytes], *, packed: int = zipfile.ZIP_DEFLATED, without: tuple[str, ...] = ()
) -> bytes:
    """The good workbook with some of its parts changed or left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as good, zipfile.ZipFile(out, "w", packed) as made:
        for name in good.namelist():
            if name not in parts and name not in without:
                made.writestr(name, good.read(name))
        for name, content in parts.items():
            made.writestr(name, content)
    return out.getvalue()


def sheet(cells: str, start: str = START, end: str = END) -> bytes:
    return changed({SHEET: start + cells + end})


def code_of(content: bytes) -> str:
    started = time.monotonic()
    with pytest.raises(Refused) as refused:
        read_sheet(content, "bang.xlsx")
    assert time.monotonic() - started < 20
    return refused.value.code


def test_a_sheet_is_read_whatever_else_the_workbook_holds() -> None:
    assert read_sheet(GOOD, "bang.xlsx").grid == [["a", "b"], ["1", "2"]]
    pictures = changed({"xl/media/image1.png": b"\x00" * 100})
    assert read_sheet(pictures, "bang.xlsx").grid == [["a", "b"], ["1", "2"]]


def test_rows_and_cells_without_addresses_are_counted_and_formats_are_not() -> None:
    got = read_sheet(
        sheet(
            '<row><c><v>1</v></c><c r="D1" t="e"><v>#N/A</v></c></row><row><c t="e"><v>#REF!</v></c></row>'
        ),
        "bang.xlsx",
    )
    assert (got.grid, got.failed) == ([[1.0, "", "", ""], ["", "", "", ""]], {"D1", "A2"})
    assert read_sheet(
        sheet('<row r="1"><c r="A1"><v>1</v></c><c r="XFD1048576" s="1"/></row>'), "bang.xlsx"
    ).grid == [[1.0]]


FAR = "<v>1</v></c></row>"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: sheet(f'<row r="1"><c r="XFD1048576">{FAR}'), id="far"),
        pytest.param(
            lambda: sheet(f'<row r="1"><c x="&gt;>" r="XFD1048576">{FAR}'), id="a bracket in a value"
        ),
        pytest.param(
            lambda: sheet(
                '<a-b:row r="1"><a-b:c r="XFD1048576"><a-b:v>1</a-b:v></a-b:c></a-b:row>',
                '<a-b:worksheet xmlns:a-b="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
                "<a-b:sheetData>",
                "</a-b:sheetData></a-b:worksheet>",
            ),
            id="other names",
        ),
        pytest.param(
            lambda: sheet(f'<row r="1048576">{"<c><v>1</v></c>" * 16_384}</row>'), id="no addresses"
        ),
        pytest.param(
            lambda: changed(
                {
                    "xl/elsewhere.xml": f'{START}<row r="1"><c r="XFD1048576">{FAR}{END}',
                    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/'
                    'package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats'
                    '.org/officeDocument/2006/relationships/worksheet" Target="elsewhere.xml"/>'
                    "</Relationships>",
                }
            ),
            id="another place",
        ),
        pytest.param(lambda: sheet("<c/>" * 20_000_000), id="many elements"),
        pytest.param(lambda: sheet(f"<!--{' ' * 100_000_000}-->"), id="long"),
    ],
)
def test_a_sheet_that_asks_for_too_much_is_refused(content: Callable[[], bytes]) -> None:
    assert code_of(content()) == "FILE_TOO_LARGE"


def with_texts(cells: int, *texts: str, of: str = "0") -> bytes:
    """A sheet of cells that all hold the same one of the texts that they share."""
    strings = "".join(f"<si><t>{text}</t></si>" for text in texts)
    sst = f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{strings}</sst>'
    rows = f"<row><c t='s'><v>{of}</v></c></row>" * cells
    return changed({"xl/sharedStrings.xml": sst, SHEET: START + rows + END})


def test_a_long_text_in_many_cells_is_as_many_long_texts() -> None:
    assert code_of(with_texts(1_000, "x" * 1_000_000)) == "FILE_TOO_LARGE"
    assert code_of(with_texts(20_000, "a", "b" * 10_000, of="1")) == "FILE_TOO_LARGE"
    assert code_of(with_texts(20_000, "a", "b" * 10_000, of="+1")) == "FILE_TOO_LARGE"
    assert len(read_sheet(with_texts(20_000, "a", "b" * 10_000), "bang.xlsx").grid) == 20_000


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: sheet("<c " * 1_000_000), id="tags that never end"),
        pytest.param(lambda: sheet(f"<c {'a' * 1_000_000}></c>"), id="a long name"),
        pytest.param(
            lambda: changed({"xl/workbook.xml": "<sheet " * 1_000_000}), id="tags that never end, elsewhere"
        ),
        pytest.param(lambda: sheet('<row r="1"><c r="A0"><v>1</v></c></row>'), id="no such cell"),
        pytest.param(lambda: sheet('<row r="x"><c><v>1</v></c></row>'), id="no such row"),
        pytest.param(
            lambda: sheet("<c><v>&a;</v></c>", '<!DOCTYPE a [<!ENTITY a "b">]>' + START), id="entities"
        ),
        pytest.param(
            lambda: changed({SHEET: (START + '<row><c r="A1"><v>1</v></c></row>' + END).encode("utf-16")}),
            id="another encoding",
        ),
        pytest.param(lambda: changed({SHEET: START + END}, packed=zipfile.ZIP_LZMA), id="packed otherwise"),
        pytest.param(lambda: changed({}, without=("xl/workbook.xml",)), id="no workbook"),
    ],
)
def test_a_workbook_that_is_none_is_refused_in_no_time(content: Callable[[], bytes]) -> None:
    assert code_of(content()) == "FILE_UNREADABLE"


def test_a_part_gives_no_more_than_it_says() -> None:
    """A zip that says 1,000 bytes of a part that unpacks to a hundred megabytes, rightly checksummed."""
    start = f'{START}<row><c t="str"><v>x</v></c></row>{END}'.encode().ljust(1_000)
    whole = changed({SHEET: start + b" " * 100_000_000})
    honest = changed({SHEET: start})
    with zipfile.ZipFile(io.BytesIO(whole)) as made, zipfile.ZipFile(io.BytesIO(honest)) as short:
        entry, said = made.getinfo(SHEET), short.getinfo(SHEET)
    true = struct.pack("<LLL", entry.CRC, entry.compress_size, entry.file_size)
    lie = struct.pack("<LLL", said.CRC, entry.compress_size, said.file_size)
    assert whole.count(true) == 2
    assert read_sheet(whole.replace(true, lie), "bang.xlsx").grid == [["x"]]


def test_a_table_of_another_program_is_no_workbook() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        made.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
        made.writestr(
            "content.xml",
            '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
            'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:spreadsheet>'
            '<table:table table:name="A"><table:table-row table:number-rows-repeated="2">'
            '<table:table-cell table:number-columns-repeated="3" office:value-type="float" office:value="1"/>'
            "</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>",
        )
    assert code_of(out.getvalue()) == "FILE_UNREADABLE"
