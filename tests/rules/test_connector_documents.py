"""What a connector reads of a document, row by row, and how it is mapped onto readings."""

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_settings import AS_OF, COLUMNS, HERE, INDICATOR, JSON, QUERY, TABLE, UNIT, VALUE, F, refusal_of
from source_documents import DHIS2, SDMX
from vdept.kernel.workbooks import xlsx
from vdept.sources.connectors import http_json, postgresql, tables
from vdept.sources.connectors.mapping import day, number, number_with, period, raw_of
from vdept.sources.connectors.settings import (
    ColumnField,
    JsonField,
    JsonSetting,
    cleaned,
)
from vdept.sources.models import ConnectorKind

# Documents


def test_dhis2_data_values_are_read() -> None:
    first, second = http_json.readings(JSON, DHIS2.encode())
    assert (first.unit, first.indicator, first.as_of) == ("H57", "CS-1", date(2026, 3, 31))
    assert (first.value, first.note, first.unit_of_measure) == ("12.5", "đã đối chiếu", "%")
    assert (second.indicator, second.as_of, second.value) == ("Ix2HsbDMLea", date(2026, 3, 31), "0042")
    assert first.raw["dataElement"] == "f7n9E0hX8qk"


SDMX_SETTING = JsonSetting(
    url="https://sdmx.gso.gov.vn/data/CDS",
    rows="$.dataSets[0].series[*].observations[*]",
    fields=(
        JsonField(
            F.UNIT,
            level=2,
            part=0,
            lookup="$.structure.dimensions.series[0].values[*].id",
            codes={"VN-26": "H57"},
        ),
        JsonField(F.INDICATOR, level=2, part=1, lookup="$.structure.dimensions.series[1].values[*].id"),
        JsonField(F.AS_OF, level=0, lookup="$.structure.dimensions.observation[0].values[*].id"),
        JsonField(F.VALUE, path="$[0]"),
        JsonField(F.UNIT_OF_MEASURE, document_path="$.structure.attributes.series[0].values[0].name"),
    ),
)


def test_sdmx_json_observations_are_read_by_their_place() -> None:
    setting = cleaned(ConnectorKind.HTTP_JSON, SDMX_SETTING, HERE)
    assert isinstance(setting, JsonSetting)
    read = [
        (r.unit, r.indicator, r.as_of, r.value, r.unit_of_measure)
        for r in http_json.readings(setting, SDMX.encode())
    ]
    q4, q1 = date(2025, 12, 31), date(2026, 3, 31)
    assert read == [
        ("H57", "E_SERVICES", q4, Decimal("97.25"), "%"),
        ("H57", "E_SERVICES", q1, Decimal("98.5"), "%"),
        ("VN-DN", "E_SERVICES", q1, 88, "%"),
        ("H57", "BROADBAND", q4, None, "%"),
    ]


def test_a_place_that_is_not_in_the_list_is_nothing_and_no_guess() -> None:
    other = SDMX.replace('"1:0"', '"7:0"').replace('"0:1"', '"x"')
    units = [reading.unit for reading in http_json.readings(SDMX_SETTING, other.encode())]
    assert units == ["H57", "H57", None, None]


def simple(content: str, rows: str = "$[*]") -> list[Any]:
    setting = JsonSetting(url=JSON.url, rows=rows, fields=(UNIT, INDICATOR, AS_OF, VALUE))
    return http_json.readings(setting, content.encode())


def test_numbers_are_exactly_those_that_were_written_and_codes_are_texts() -> None:
    (one,) = simple('[{"u": 57, "d": "2026-03-31", "v": 0.1000000000000000055511151231257827}]')
    assert (one.unit, one.value) == ("57", Decimal("0.1000000000000000055511151231257827"))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "SOURCE_NOT_JSON"),
        (b"[1] trailing", "SOURCE_NOT_JSON"),
        (b"[NaN]", "SOURCE_NOT_JSON"),
        (b"[1e99999999999999999999999]", "SOURCE_NOT_JSON"),
        (b"[" * 100_000, "SOURCE_NOT_JSON"),
        (b'["\xff"]', "SOURCE_NOT_UTF8"),
        ("[1]".encode("utf-16"), "SOURCE_NOT_UTF8"),
        (b"{}", "SOURCE_NO_ROWS"),
        (b'{"dataValues": 3}', "SOURCE_NO_ROWS"),
        (b'{"dataValues": null}', "SOURCE_NO_ROWS"),
        (b"null", "SOURCE_NO_ROWS"),
    ],
    ids=[
        *("cut off", "more behind", "nan", "huge exponent", "deep", "latin", "utf-16"),
        *("no list", "a number", "null inside", "null"),
    ],
)
def test_what_is_no_document_has_a_name_for_it(content: bytes, code: str) -> None:
    assert refusal_of(lambda: http_json.readings(JSON, content))[0] == code


def test_an_empty_list_is_a_document_without_readings() -> None:
    assert http_json.readings(JSON, b'{"dataValues": []}') == []
    assert simple("[]") == []


def test_more_rows_than_one_poll_may_have_are_refused() -> None:
    assert len(simple("[" + ",".join(["{}"] * 50_000) + "]")) == 50_000
    assert refusal_of(lambda: simple("[" + ",".join(["{}"] * 50_001) + "]"))[0] == "SOURCE_TOO_MANY_ROWS"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=15,
)


@given(st.lists(st.fixed_dictionaries({"u": json_values, "d": json_values, "v": json_values}), max_size=5))
@settings(deadline=None)
def test_whatever_rows_hold_each_becomes_a_reading_that_can_be_stored(rows: list[Any]) -> None:
    read = simple(msgspec.json.encode(rows).decode())
    assert len(read) == len(rows)
    for one in read:
        assert one.unit is None or isinstance(one.unit, str)
        assert one.value is None or isinstance(one.value, Decimal | int | str)
        assert "\\u0000" not in msgspec.json.encode(one.raw).decode()


CSV = "Báo cáo quý I\n\nmã đơn vị;Ngày;GIÁ TRỊ\nH57;31/03/2026;1.234,5\n\nH48;2026-03;12\n"


def test_a_csv_with_a_title_above_its_header_is_read() -> None:
    setting = msgspec.structs.replace(TABLE, header_row=3)
    first, second = tables.readings(ConnectorKind.HTTP_CSV, setting, CSV.encode())
    assert (first.unit, first.indicator, first.as_of, first.value) == ("H57", "CS-1", "31/03/2026", "1234.5")
    assert (second.unit, second.as_of, second.value) == ("H48", "2026-03", "12")
    assert first.raw == {"mã đơn vị": "H57", "Ngày": "31/03/2026", "GIÁ TRỊ": "1.234,5"}


def test_a_named_sheet_of_a_workbook_is_read_with_its_numbers_and_dates() -> None:
    rows = [("00.57", date(2026, 3, 31), Decimal("12.5")), ("H48", date(2026, 3, 31), 7)]
    content = xlsx(["Mã đơn vị", "Ngày", "Giá trị"], rows, sheet="Số liệu")
    setting = msgspec.structs.replace(TABLE, sheet="Số liệu")
    first, second = tables.readings(ConnectorKind.HTTP_EXCEL, setting, content)
    assert (first.unit, first.as_of, first.value) == ("00.57", date(2026, 3, 31), Decimal("12.5"))
    assert second.value in {7, Decimal("7.0")}
    missing = msgspec.structs.replace(TABLE, sheet="Khác")
    assert refusal_of(lambda: tables.readings(ConnectorKind.HTTP_EXCEL, missing, content))[0] == (
        "SOURCE_NOT_A_TABLE"
    )


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        (ConnectorKind.HTTP_CSV, b"a,b\n1,2\n", "SOURCE_NOT_A_TABLE"),
        (ConnectorKind.HTTP_CSV, "Mã đơn vị,Ngày\n".encode(), "SOURCE_NOT_A_TABLE"),
        (ConnectorKind.HTTP_CSV, "Ngày,Ngày,Mã đơn vị,Giá trị\n".encode(), "SOURCE_NOT_A_TABLE"),
        (
            ConnectorKind.HTTP_CSV,
            "Mã\xa0đơn vị".encode("latin-1", "replace") + b"\xff\xfe",
            "SOURCE_NOT_UTF8",
        ),
        (ConnectorKind.HTTP_CSV, b'a,"b\nc', "SOURCE_NOT_A_TABLE"),
        (ConnectorKind.HTTP_CSV, b"\n\n \n", "SOURCE_NO_ROWS"),
        (ConnectorKind.HTTP_CSV, b"PK\x03\x04zip", "SOURCE_NOT_A_TABLE"),
        (ConnectorKind.HTTP_EXCEL, b"PK\x03\x04zip", "SOURCE_NOT_A_TABLE"),
        (ConnectorKind.HTTP_EXCEL, b"a,b\n1,2\n", "SOURCE_NOT_A_TABLE"),
        (ConnectorKind.HTTP_EXCEL, b"\xd0\xcf\x11\xe0 old", "SOURCE_NOT_A_TABLE"),
    ],
    ids=[
        *("other columns", "a column short", "a column twice", "latin", "quotes", "blank"),
        *("excel for csv", "broken excel", "csv for excel", "old excel"),
    ],
)
def test_what_is_no_table_has_a_name_for_it(kind: ConnectorKind, content: bytes, code: str) -> None:
    assert refusal_of(lambda: tables.readings(kind, TABLE, content))[0] == code


def test_a_table_is_read_in_a_time_that_goes_by_its_size_and_not_by_its_header() -> None:
    """A line of commas as a header, and many rows with next to nothing: all places would be fifty billion."""
    names = ["Mã đơn vị", "Ngày", "Giá trị", *["x"] * 1_000]
    narrow = (",".join(names) + "\n" + "46,2026-01-31,1\n" * 20_000).encode()
    started = time.process_time()
    read = tables.readings(ConnectorKind.HTTP_CSV, TABLE, narrow)
    assert (len(read), time.process_time() - started < 5) == (20_000, True)
    wide = ("Mã đơn vị,Ngày,Giá trị" + "," * 1_000_000 + "\n46,2026-01-31,1\n").encode()
    assert refusal_of(lambda: tables.readings(ConnectorKind.HTTP_CSV, TABLE, wide))[0] == "SOURCE_NOT_A_TABLE"


def test_a_document_that_is_too_deep_for_what_is_the_same_in_all_rows_is_no_document() -> None:
    """However it was meant: what fails here is the answer, and not the setting."""
    setting = msgspec.structs.replace(
        JSON, fields=(*JSON.fields[:2], JsonField(F.AS_OF, document_path="$..x"), *JSON.fields[3:])
    )
    deep = b'{"dataValues": [], "a": ' + b"[" * 900 + b"]" * 900 + b"}"
    assert refusal_of(lambda: http_json.readings(setting, deep))[0] == "SOURCE_NOT_JSON"


def test_a_query_is_asked_as_a_part_of_ours_with_bounded_texts() -> None:
    asked = postgresql.statement(
        msgspec.structs.replace(
            QUERY,
            query="SELECT 1 AS a -- end",
            fields=(ColumnField(F.UNIT, column='a"b'), *COLUMNS[1:2], ColumnField(F.AS_OF, column='a"b')),
        )
    )
    assert asked == (
        "WITH asked AS (\nSELECT 1 AS a -- end\n)\n"
        'SELECT left(CAST(asked."a""b" AS text), 1000)\nFROM asked\nLIMIT 50001'
    )


# Mapping


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("202603", date(2026, 3, 31)),
        ("202602", date(2026, 2, 28)),
        ("20260331", date(2026, 3, 31)),
        ("2026Q1", date(2026, 3, 31)),
        ("2026-Q4", date(2026, 12, 31)),
        ("2026S1", date(2026, 6, 30)),
        ("2026-S2", date(2026, 12, 31)),
        ("2026-M02", date(2026, 2, 28)),
        ("2026W1", date(2026, 1, 4)),
        ("2026-W53", date(2027, 1, 3)),
        ("2026-03-31T00:00:00", date(2026, 3, 31)),
        ("2026-03-30T17:00:00.000Z", date(2026, 3, 31)),
        ("2026-03-30T16:59:59Z", date(2026, 3, 30)),
        ("2026-03-30 17:00:00+00", date(2026, 3, 31)),
        ("2026-03-31T00:00+0700", date(2026, 3, 31)),
        ("2026-03-31T23:30:00.123456-05:30", date(2026, 4, 1)),
        ("9999-12-31T23:00Z", "9999-12-31T23:00Z"),
        ("2026-03-31T00:00 hôm nay", "2026-03-31T00:00 hôm nay"),
        ("2026-03-31", "2026-03-31"),
        ("31/03/2026", "31/03/2026"),
        ("2026-03", "2026-03"),
        ("2026", "2026"),
        ("202613", "202613"),
        ("20260230", "20260230"),
        ("2026W60", "2026W60"),
        ("0000Q1", "0000Q1"),
        ("hôm qua", "hôm qua"),
    ],
)
def test_periods_of_other_systems_end_on_their_last_day(text: str, read: date | str) -> None:
    assert period(text) == read


@given(st.text(max_size=12) | st.from_regex(r"\d{4}-?[QSWBHM]?\d{0,4}", fullmatch=True))
def test_no_text_of_a_period_breaks_anything(text: str) -> None:
    assert isinstance(period(text), date | str)


def test_days_of_workbooks_are_days() -> None:
    assert day(datetime(2026, 3, 31, 7, tzinfo=UTC)) == date(2026, 3, 31)
    assert (day(None), day("")) == (None, None)


@pytest.mark.parametrize(
    ("mark", "text", "read"),
    [
        (",", "1.234,5", "1234.5"),
        (",", "12,5", "12.5"),
        (",", "1.234", "1234"),
        (",", "-1.234.567", "-1234567"),
        (",", "1.23", "1.23 ?"),
        (",", "1,234,567", "1,234,567 ?"),
        (".", "1,234.5", "1234.5"),
        (".", "12.5", "12.5"),
        (".", "1,23", "1,23 ?"),
        (".", "không có", "không có"),
        (".", "1e5", "1e5"),
        (".", "", None),
    ],
)
def test_a_number_of_a_table_is_read_by_its_mark_and_never_guessed(
    mark: str, text: str, read: str | None
) -> None:
    assert number_with(mark)(text) == read


def test_numbers_stay_what_they_are() -> None:
    assert [number(value) for value in (1, Decimal("1.50"), 0.1, True, "7", [1], None)] == (
        [1, Decimal("1.50"), Decimal("0.1"), "True", "7", "[…]", None]
    )


def test_what_an_owner_is_shown_of_a_row_is_bounded() -> None:
    raw = raw_of({f"k{n}": "x" * 10_000 for n in range(1_000)})
    assert (len(raw), {len(value) for value in raw.values()}) == (40, {1_000})
    assert raw_of({"a": {"b": 1}, "c": 2**60, "d": "x\0"}) == {
        "a": "{…}",
        "c": str(2**60),
        "d": "x\N{REPLACEMENT CHARACTER}",
    }
