"""Units from CSV and Excel: dry run first, every bad row named by its cell, all or nothing."""

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

import factories
from factories import NOW, SYSTEM
from statements import counting
from vdept.kernel import activity
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Locale, Refused
from vdept.kernel.tables import read_table, xlsx
from vdept.units import registry
from vdept.units.importing import COLUMNS, ImportReport, import_units, template
from vdept.units.models import Unit, UnitKind

HEADER = "code,name,kind,parent_code,division,name_en,valid_from,valid_to\n"


async def run(
    db: Database, content: str | bytes, *, dry_run: bool = False, actor: Actor = SYSTEM
) -> ImportReport:
    data = content.encode() if isinstance(content, str) else content
    async with db.begin(actor, now=NOW) as tx:
        return await import_units(tx, data, "units.csv", dry_run=dry_run)


async def everything(db: Database) -> list[tuple[Any, ...]]:
    async with db.snapshot(SYSTEM) as tx:
        units = await tx.session.execute(sa.select(Unit.__table__).order_by(Unit.id))
        entries = await tx.session.execute(sa.select(sa.func.count()).select_from(activity.Activity))
        return [*map(tuple, units), *map(tuple, entries)]


def cells(report: ImportReport) -> list[tuple[str, str]]:
    return [(str(error.path[0]), error.code) for error in report.errors]


def figures(report: ImportReport) -> tuple[int, int, int, bool]:
    return report.created, report.updated, report.unchanged, report.written


async def named(db: Database) -> dict[str, Unit]:
    async with db.snapshot(SYSTEM) as tx:
        return {unit.code: unit for unit in await tx.session.scalars(sa.select(Unit))}


GOOD = HEADER + (
    "00004,Phường Ba Đình,COMMUNE,01,phường,,2025-07-01,\n"
    "PVH-00004,Phòng Văn hóa,DEPARTMENT,00004,phòng,Culture Office,,\n"
    "01,Hà Nội,province,,thành phố trung ương,Hanoi,01/07/2025,31/12/2099\n"
    "TTCP,Thủ tướng Chính phủ,GOVERNMENT,,,,,\n"
    "0900000011,Công ty Sao Mai,FIRM,,,,,\n"
)


async def test_parents_are_found_in_the_same_file_in_any_order(db: Database) -> None:
    fixed = GOOD.replace("2025-07-01,\n", "2025-07-01,2099-12-31\n").replace("Office,,", "Office,,2099-12-31")
    report = await run(db, fixed)
    assert (figures(report), list(report.errors)) == ((5, 0, 0, True), [])
    units = await named(db)
    top, hanoi, ward, office = (units[code] for code in ("TTCP", "01", "00004", "PVH-00004"))
    assert office.path == [top.id, hanoi.id, ward.id, office.id]
    assert (hanoi.parent_id, hanoi.kind, hanoi.division, hanoi.name_en) == (
        top.id,
        "PROVINCE",
        "thành phố trung ương",
        "Hanoi",
    )
    assert (hanoi.valid_from, hanoi.valid_to, office.valid_from) == (
        date(2025, 7, 1),
        date(2099, 12, 31),
        date(2026, 3, 2),
    )
    assert (units["0900000011"].path, units["0900000011"].search) == (
        [units["0900000011"].id],
        "cong ty sao mai 0900000011",
    )
    async with db.snapshot(SYSTEM) as tx:
        entries = await activity.read_feed(tx.session, None, 100)
    assert sorted((e.verb, e.subject_id) for e in entries) == sorted(
        ("unit.created", unit.id) for unit in units.values()
    )


async def test_a_dry_run_reports_the_same_and_changes_nothing(db: Database) -> None:
    content = GOOD.replace(",31/12/2099", ",")
    before = await everything(db)
    dry = await run(db, content, dry_run=True)
    assert (figures(dry), list(dry.errors), await everything(db)) == ((5, 0, 0, False), [], before)
    wet = await run(db, content)
    assert figures(wet) == (5, 0, 0, True)
    assert figures(await run(db, content)) == (0, 0, 5, True)
    changed = content.replace("Hà Nội", "Thăng Long")
    assert figures(await run(db, changed, dry_run=True)) == (0, 1, 4, False)
    assert figures(await run(db, changed)) == (0, 1, 4, True)
    hanoi = (await named(db))["01"]
    assert (hanoi.name, hanoi.version) == ("Thăng Long", 2)
    async with db.snapshot(SYSTEM) as tx:
        last = (await activity.read_feed(tx.session, None, 100))[-1]
    assert (last.verb, last.subject_id, last.data) == (
        "unit.updated",
        hanoi.id,
        {"name": {"from": "Hà Nội", "to": "Thăng Long"}},
    )


async def test_a_blank_optional_cell_leaves_an_existing_unit_as_it_is(db: Database) -> None:
    await run(db, GOOD.replace(",31/12/2099", ","))
    report = await run(db, "code,name,kind\n01,Hà Nội,PROVINCE\nPVH-00004,Phòng Văn hóa,DEPARTMENT\n")
    assert (figures(report), list(report.errors)) == ((0, 0, 2, True), [])
    office = (await named(db))["PVH-00004"]
    assert (office.name_en, office.division) == ("Culture Office", "phòng")


BAD_ROWS: list[tuple[str, list[tuple[str, str]]]] = [
    (",Xã,COMMUNE,01,,,,", [("A2", "CELL_EMPTY")]),
    ("x1,Xã,COMMUNE,01,,,,", [("A2", "CELL_INVALID")]),
    ("X,,COMMUNE,01,,,,", [("B2", "CELL_EMPTY")]),
    (f"X,{'x' * 301},COMMUNE,01,,,,", [("B2", "CELL_INVALID")]),
    ("X,Xã,,01,,,,", [("C2", "CELL_EMPTY")]),
    ("X,Xã,VILLAGE,01,,,,", [("C2", "CELL_INVALID")]),
    ("X,Xã,COMMUNE,,,,,", [("D2", "UNIT_PARENT_MISSING")]),
    ("X,Xã,COMMUNE,1,,,,", [("D2", "UNIT_PARENT_UNKNOWN")]),
    ("X,Xã,COMMUNE,TTCP,,,,", [("D2", "UNIT_PARENT_KIND")]),
    ("X,Công ty,FIRM,01,,,,", [("D2", "UNIT_PARENT_KIND")]),
    ("X,Xã,COMMUNE,64,,,,", [("D2", "UNIT_PARENT_ENDED")]),
    ("X,Xã,COMMUNE,01,,,hôm qua,", [("G2", "CELL_INVALID")]),
    ("X,Xã,COMMUNE,01,,,2025-02-30,", [("G2", "CELL_INVALID")]),
    ("X,Xã,COMMUNE,01,,,2025-07-01,2025-06-30", [("H2", "UNIT_VALIDITY")]),
    ("01,Hà Nội,MINISTRY,,,,,", [("C2", "UNIT_KIND_FIXED")]),
    ("00004,Ba Đình,COMMUNE,64,,,,", [("D2", "UNIT_MOVED")]),
    ("00004,Ba Đình,COMMUNE,99,,,,", [("D2", "UNIT_MOVED")]),
    ("01,Hà Nội,PROVINCE,,,,,2026-12-31", [("H2", "UNIT_HAS_CHILDREN")]),
    ("X,Xã,COMMUNE,01,,,,\nX,Xã khác,COMMUNE,01,,,,", [("A3", "UNIT_TWICE_IN_FILE")]),
    ("X,Xã,COMMUNE,X,,,,", [("D2", "UNIT_CYCLE"), ("D2", "UNIT_PARENT_KIND")]),
    (
        "X,Phòng,DEPARTMENT,Y,,,,\nY,Phòng,DEPARTMENT,Z,,,,\nZ,Phòng,DEPARTMENT,Y,,,,",
        [("D3", "UNIT_CYCLE"), ("D4", "UNIT_CYCLE")],
    ),
    ("P,,PROVINCE,,,,,\nX,Xã,COMMUNE,P,,,,", [("B2", "CELL_EMPTY")]),
    ("X,Xã,COMMUNE,01,,,,,thừa", [("I2", "CELL_OUTSIDE")]),
    (
        "x,,VILLAGE,01,,,31/31/2025,\nX,Xã,COMMUNE,1,,,,",
        [
            ("A2", "CELL_INVALID"),
            ("B2", "CELL_EMPTY"),
            ("C2", "CELL_INVALID"),
            ("G2", "CELL_INVALID"),
            ("D3", "UNIT_PARENT_UNKNOWN"),
        ],
    ),
]


@pytest.mark.parametrize(("rows", "expected"), BAD_ROWS, ids=[str(e) for _, e in BAD_ROWS])
async def test_every_bad_row_is_named_by_its_cell_and_nothing_is_written(
    db: Database, rows: str, expected: list[tuple[str, str]]
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        top = await factories.unit(tx, "Chính phủ", UnitKind.GOVERNMENT, code="TTCP")
        hanoi = await factories.unit(tx, "Hà Nội", UnitKind.PROVINCE, top, code="01")
        await factories.unit(tx, "Ba Đình", UnitKind.COMMUNE, hanoi, code="00004")
        await factories.unit(tx, "Cũ", UnitKind.PROVINCE, top, code="64", valid_to=date(2025, 6, 30))
    before = await everything(db)
    good = "\nGOOD,Công ty tốt,FIRM,,,,,\n"
    for dry_run in (True, False):
        report = await run(db, HEADER + rows + good, dry_run=dry_run)
        assert cells(report) == expected
        assert report.written is False
    assert await everything(db) == before
    for error in report.errors:
        for locale in Locale:
            assert str(error.path[0]) in error.message(locale)


def workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    return xlsx(["Mã đơn vị", "Tên đơn vị", "Loại", "Mã đơn vị cấp trên", "Ghi chú"], rows)


async def test_excel_keeps_zeros_of_text_and_refuses_codes_that_lost_them(db: Database) -> None:
    rows: list[list[Any]] = [["01", "Hà Nội", "PROVINCE", None, "mới"], ["00004", "Ba Đình", "COMMUNE", "01"]]
    report = await run(db, workbook(rows))
    assert (figures(report), report.ignored_columns) == ((2, 0, 0, True), ["Ghi chú"])
    assert set(await named(db)) == {"01", "00004"}
    report = await run(db, workbook([[1, "Hà Nội", "PROVINCE"], ["00008", "Ngọc Hà", "COMMUNE", 1.0]]))
    assert cells(report) == [("A2", "CELL_IS_A_NUMBER"), ("D3", "CELL_IS_A_NUMBER")]
    assert report.errors[0].message(Locale.VI).startswith("Ô A2 (code) là số “1” nên có thể đã mất số 0")


async def test_a_file_that_is_not_a_table_is_refused_whole(db: Database) -> None:
    for content, code in [
        (b"", "COLUMN_MISSING"),
        (b"code,name\n1,A\n", "COLUMN_MISSING"),
        (b"\xff\xd8\xff\xe0", "FILE_UNREADABLE"),
        (HEADER.encode(), "TABLE_EMPTY"),
    ]:
        with pytest.raises(Refused) as refused:
            await run(db, content)
        assert (refused.value.code, refused.value.path[0]) == (code, "file")


async def test_only_administrators_import(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        top = await factories.unit(tx, kind=UnitKind.GOVERNMENT)
        head = await factories.actor(tx, top, Role.HEAD)
        admin = await factories.actor(tx, top, Role.OBSERVER, administrator=True)
    before = await everything(db)
    for dry_run in (True, False):
        with pytest.raises(Refused, match="FORBIDDEN"):
            await run(db, GOOD, dry_run=dry_run, actor=head)
    assert await everything(db) == before
    assert figures(await run(db, "code,name,kind\nF,Công ty,FIRM\n", actor=admin)) == (1, 0, 0, True)


async def test_a_failure_after_the_rows_are_written_leaves_nothing(db: Database) -> None:
    async def fail_in_the_middle() -> None:
        async with db.begin(SYSTEM, now=NOW) as tx:
            assert (
                await import_units(tx, GOOD.replace(",31/12/2099", ",").encode(), "u.csv", dry_run=False)
            ).written
            raise RuntimeError("in the middle")

    before = await everything(db)
    with pytest.raises(RuntimeError, match="in the middle"):
        await fail_in_the_middle()
    assert await everything(db) == before


async def test_eleven_thousand_rows_take_a_fixed_number_of_statements(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await registry.load_registry(tx)
    rows = "".join(f"C{i:05d},Xã {i},COMMUNE,{'01' if i % 2 else '79'}\n" for i in range(11_000))
    with counting(db) as statements:
        report = await run(db, "code,name,kind,parent_code\n" + rows)
    assert figures(report) == (11_000, 0, 0, True)
    assert len(statements) == 7


def test_the_template_can_be_filled_in_and_sent_back() -> None:
    with pytest.raises(Refused, match="TABLE_EMPTY"):
        read_table(template(), "units.xlsx", COLUMNS)
    with zipfile.ZipFile(io.BytesIO(template())) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
        columns = re.findall(rb'<col min="([0-9]+)" max="([0-9]+)"[^>]* style="1"', sheet)
        assert b'<xf numFmtId="49"' in archive.read("xl/styles.xml")
    assert (columns[0][0], columns[-1][1]) == (b"1", b"9")
