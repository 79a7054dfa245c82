"""Tables read from CSV and Excel: every fault names its cell, and nothing absurd is unpacked."""

import io
import zipfile
from datetime import date
from decimal import Decimal
from enum import StrEnum

import pytest

from vdept.kernel import tables
from vdept.kernel.errors import Locale, Refused
from vdept.kernel.tables import Column, Table, read_table, xlsx

COLUMNS = (
    Column("code"),
    Column("name", "Tên"),
    Column("since", required=False),
    Column("value", required=False),
)


class Colour(StrEnum):
    RED = "RED"


def csv_table(text: str) -> Table:
    return read_table(text.encode(), "t.csv", COLUMNS)


def problems(table: Table) -> list[tuple[str, str]]:
    return [(str(p.path[0]), p.code) for p in table.problems_in_order()]


@pytest.mark.parametrize(
    "content",
    [
        "code,name,since\n01,Hà Nội,2025-07-01\n".encode(),
        "\ufeffcode;name;since\r\n01;Hà Nội;01/07/2025\r\n".encode(),
        "\n\nMã,x\n".encode()[:2] + "CODE\tTÊN\tsince\n01\tHà Nội\t1/7/2025\n".encode(),
        xlsx(["code", "ten", "since"], [["01", "Hà Nội", date(2025, 7, 1)]]),
        xlsx(["Code *", "Tên", "since"], [["01", "  Hà  Nội ", date(2025, 7, 1)]]),
    ],
)
def test_the_same_table_in_every_form(content: bytes) -> None:
    table = read_table(content, "t", COLUMNS)
    [row] = table.rows
    assert (row.code("code"), row.text("name"), row.date("since"), row.decimal("value")) == (
        "01",
        "Hà Nội",
        date(2025, 7, 1),
        None,
    )
    assert table.problems == []


def test_a_row_knows_its_line_and_its_cells_as_excel_shows_them() -> None:
    table = csv_table('code,ghi chú,name\n\n1,"hai\ndòng",A\n,,\n2,,B\n')
    assert [(r.line, r.text("name"), r.cell("name")) for r in table.rows] == [(3, "A", "C3"), (5, "B", "C5")]
    assert table.ignored == ["ghi chú"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"code,name\n\xff\xfe,x\n", "FILE_UNREADABLE"),
        ("code,name\n1,A".encode("utf-16"), "FILE_UNREADABLE"),
        (b'code,name\n1,"A\n', "FILE_UNREADABLE"),
        (b'code,name\n1,"A"b\n', "FILE_UNREADABLE"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 99, "FILE_UNREADABLE"),
        (b"PK\x03\x04" + b"x" * 99, "FILE_UNREADABLE"),
        (xlsx(["code", "name"], [["1", "A"]])[:-300], "FILE_UNREADABLE"),
        (b"", "COLUMN_MISSING"),
        (b"name\nA\n", "COLUMN_MISSING"),
        (b"code,name,Code\n1,A,2\n", "COLUMN_TWICE"),
        (b"code,name,ten\n1,A,2\n", "COLUMN_TWICE"),
        (b"code,name\n", "TABLE_EMPTY"),
        (b"code,name\n,\n", "TABLE_EMPTY"),
        (b"x" * (tables.MAX_BYTES + 1), "FILE_TOO_LARGE"),
        (b"code,name\n" + b"1,A\n" * (tables.MAX_ROWS + 1), "FILE_TOO_LARGE"),
        (b"code,name\n" + b"\n" * (2 * tables.MAX_ROWS + 1), "FILE_TOO_LARGE"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(content: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        read_table(content, "tệp.csv", COLUMNS)
    assert refused.value.code == code
    assert refused.value.message(Locale.VI) != refused.value.message(Locale.EN)


def test_a_number_where_a_code_should_be_is_refused_with_advice() -> None:
    table = read_table(xlsx(["code", "name"], [[1, "A"], ["01", "B"]]), "t.xlsx", COLUMNS)
    assert [row.code("code") for row in table.rows] == ["", "01"]
    assert problems(table) == [("A2", "CELL_IS_A_NUMBER")]
    assert table.problems[0].message(Locale.EN) == (
        "Cell A2 (code) is the number “1” and may have lost its leading zeros: "
        "format the column as Text and type the code again."
    )


def test_a_failed_formula_is_found_though_it_reads_as_empty() -> None:
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["code", "name", "value"])
        page.write_row(1, 0, ["1", "A"])
        page.write_formula(1, 2, "=1/0", None, "#DIV/0!")
        page.write_row(2, 0, ["2", "B"])
        page.write_formula(2, 2, "=1+1", None, 2)
        book.add_worksheet().write_formula(0, 0, "=NA()", None, "#N/A")
    table = read_table(out.getvalue(), "t.xlsx", COLUMNS)
    assert [row.decimal("value") for row in table.rows] == [None, Decimal(2)]
    assert problems(table) == [("C2", "CELL_FORMULA_FAILED")]


def test_a_value_under_no_header_betrays_a_shifted_row() -> None:
    table = csv_table("code,name\n1,A, B\n2,C,\n")
    assert problems(table) == [("C2", "CELL_OUTSIDE")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2024-02-29", date(2024, 2, 29)),
        ("29/2/2024", date(2024, 2, 29)),
        ("", None),
        ("2023-02-29", "C2"),
        ("31/12/24", "C2"),
        ("hôm nay", "C2"),
        ("٢٠٢٤-٠١-٠١", "C2"),
        ("0000-01-01", "C2"),
    ],
)
def test_dates(given: str, expected: date | str | None) -> None:
    table = csv_table(f"code,name,since\n1,A,{given}\n")
    assert table.rows[0].date("since") == (None if isinstance(expected, str) else expected)
    assert [p[0] for p in problems(table)] == ([expected] if isinstance(expected, str) else [])


@pytest.mark.parametrize(
    ("given", "delimiter", "expected"),
    [
        ("12", ",", "12"),
        ("-12.5", ",", "-12.5"),
        ("12,5", ";", "12.5"),
        ("1.234", ",", "1.234"),
        ("1,234", ";", "1.234"),
        ("1.234", ";", None),
        ("0.125", ";", "0.125"),
        ("1.234.567", ",", None),
        ("60 %", ",", None),
        ("NaN", ",", None),
        ("1e3", ",", None),
        ("1.1234567", ",", None),
        ("1" * 19, ",", None),
        ("٣", ",", None),
    ],
)
def test_decimals_in_text(given: str, delimiter: str, expected: str | None) -> None:
    table = csv_table(delimiter.join(["code", "name", "value\n1", "A", given + "\n"]))
    assert table.rows[0].decimal("value") == (None if expected is None else Decimal(expected))
    assert problems(table) == ([] if expected else [("C2", "CELL_INVALID")])


def test_numbers_of_excel_are_exact_decimals() -> None:
    table = read_table(
        xlsx(["code", "name", "value"], [["1", 5, v] for v in (0.1 + 0.2, 60, 1e300, True, "1.234")]),
        "t.xlsx",
        COLUMNS,
    )
    assert [row.decimal("value") for row in table.rows] == [Decimal("0.3"), Decimal(60), None, None, None]
    assert table.rows[0].text("name") == "5"
    assert [p[0] for p in problems(table)] == ["C4", "C5", "C6"]


def test_other_cells_are_read_by_what_is_asked_of_them() -> None:
    table = csv_table("code,name,value\n,red,1.5\n1,blue,2\n1,a\x00b,\n")
    first, second, third = table.rows
    assert (first.choice("name", Colour), second.choice("name", Colour)) == (Colour.RED, None)
    assert (first.integer("value"), second.integer("value"), third.integer("value")) == (None, 2, None)
    assert (first.code("code", required=True), third.text("name"), third.blank("value")) == ("", "", True)
    assert problems(table) == [
        ("A2", "CELL_EMPTY"),
        ("C2", "CELL_INVALID"),
        ("B3", "CELL_INVALID"),
        ("B4", "CELL_INVALID"),
    ]


def repacked(content: bytes, name: str, change: tuple[bytes, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            data = old.read(entry)
            new.writestr(entry, data.replace(*change) if entry == name else data)
    return out.getvalue()


def test_one_cell_far_away_does_not_fill_the_memory() -> None:
    content = repacked(
        xlsx(["code", "name"], [["1", "A"]]), "xl/worksheets/sheet1.xml", (b'r="B2"', b'r="XFD1048576"')
    )
    with pytest.raises(Refused) as refused:
        read_table(content, "t.xlsx", COLUMNS)
    assert refused.value.code == "FILE_TOO_LARGE"


def test_a_zip_bomb_is_measured_before_it_is_unpacked() -> None:
    out = io.BytesIO(xlsx(["code", "name"], [["1", "A"]]))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/big.bin", b"\0" * 100_000_001)
    assert len(out.getvalue()) < 200_000
    with pytest.raises(Refused) as refused:
        read_table(out.getvalue(), "t.xlsx", COLUMNS)
    assert refused.value.code == "FILE_TOO_LARGE"
