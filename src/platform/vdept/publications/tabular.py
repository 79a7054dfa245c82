"""An edition as CSV and as an Excel workbook, made from its content file row by row."""

import csv
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter

from vdept.publications.layout import KeyResultPart, Opened, Own, TargetRow, UnitRow, Value, plain
from vdept.publications.rules import Figures
from vdept.publications.summary import KINDS, STATUSES, Summary, facts

_FIGURES = Figures._fields
UNIT_ONLY = (
    "parent_unit",
    *(f"own_{name}" for name in _FIGURES),
    *(f"whole_{name}" for name in _FIGURES),
    "rank",
    "ranked_among",
    "previous_measured",
    "previous_rank",
    "moved_points",
    "moved_places",
)
_BASES = ("measured", "reported")
TARGET_ONLY = (
    *("target", "parent_target", "key_result", "key_result_title", "unit_of_measure", "starts_on", "due_on"),
    *("goal", "goal_high", "baseline", "weight", "paused"),
    *(f"own_{b}_{part}" for b in _BASES for part in ("value", "numerator", "denominator", "on", "source")),
    *(f"{b}_{part}" for b in _BASES for part in ("value", "numerator", "denominator")),
    *("measured_attainment", "reported_attainment", "attainment", "expected", "meets", "status"),
    *("gap", "gap_points", "verdict_number"),
)
COLUMNS = ("record", "unit", "unit_name", "unit_kind", "verdict", *UNIT_ONLY, *TARGET_ONLY)
"""Of the CSV file: rows of units, then rows of targets; each leaves the other's columns empty."""

_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[=+\-@\t\r＝＋－＠])")
"""Where a cell may begin that a spreadsheet takes for a formula: at the beginning of a text, and behind what
it parts cells with by the settings of its country (of Vietnam, the semicolon)."""

_NOT_IN_XML = dict.fromkeys((0xFFFE, 0xFFFF), "\ufffd")
"""What no workbook may hold; control characters are written in its own way."""

_NO_UNIT = [""] * len(UNIT_ONLY)
_NO_TARGET = [""] * len(TARGET_ONLY)
_PLACES: dict[int, list[str]] = {3: ["", "", ""], 5: [""] * 5}


def safe(text: str | None) -> str:
    """Text that no spreadsheet takes for a formula."""
    return "" if text is None else _FORMULA.sub(r"\1'", text)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return plain(value) or ""
        case _:
            return str(value)


def _own(own: Own | None) -> list[str]:
    if own is None:
        return _PLACES[5]
    numbers = (own.value, own.numerator, own.denominator, own.as_of)
    return [*map(_cell, numbers), safe(own.source)]


def _value(value: Value | None) -> list[str]:
    if value is None:
        return _PLACES[3]
    return [_cell(value.value), _cell(value.numerator), _cell(value.denominator)]


def _unit_cells(row: UnitRow) -> list[str]:
    figures = (*row.own, *row.whole, row.rank, row.ranked_among)
    moved = (row.previous_measured, row.previous_rank, row.moved_points, row.moved_places)
    names = ["UNIT", safe(row.code), safe(row.name), row.kind, row.verdict or "", safe(row.parent)]
    return [*names, *map(_cell, figures), *map(_cell, moved), *_NO_TARGET]


def _target_cells(row: TargetRow, unit: tuple[str, str], of: KeyResultPart) -> list[str]:
    plan = (row.starts_on, row.due_on, row.goal, row.goal_high, row.baseline, row.weight, row.paused)
    shares = (row.measured_attainment, row.reported_attainment, row.attainment, row.expected, row.meets)
    rest = (row.status, row.gap, row.gap_points, row.verdict_number)
    return [
        *("TARGET", safe(row.unit), unit[0], unit[1], row.verdict or "", *_NO_UNIT),
        *(str(row.id), _cell(row.parent), str(of.id), safe(of.title), safe(of.indicator.unit_of_measure)),
        *map(_cell, plan),
        *(*_own(row.own_measured), *_own(row.own_reported), *_value(row.measured), *_value(row.reported)),
        *map(_cell, (*shares, *rest)),
    ]


def write_csv(content: Path, out: Path) -> None:
    """UTF-8 with a byte order mark, as Excel wants it; lines end as RFC 4180 says."""
    with content.open("rb") as source, out.open("w", encoding="utf-8-sig", newline="") as file:
        opened, writer = Opened(source), csv.writer(file)
        writer.writerow(COLUMNS)
        units = {}
        for unit in opened.units():
            units[unit.code] = (safe(unit.name), unit.kind)
            writer.writerow(_unit_cells(unit))
        for target in opened.targets():
            writer.writerow(_target_cells(target, units[target.unit], opened.key_results[target.key_result]))


UNIT_SHEET = (
    *("Mã đơn vị / Unit code", "Đơn vị / Unit", "Loại / Kind", "Cấp trên / Parent", "Hạng / Rank"),
    *("Trong số / Among", "Hạng trước / Rank before", "Thay đổi hạng / Places moved"),
    *("Đạt, đo được % / Attainment measured %", "Kỳ trước % / Before %", "Thay đổi điểm / Points moved"),
    *("Đạt, báo cáo % / Attainment reported %", "Chênh lệch, điểm / Gap, points"),
    *("Chỉ tiêu bắt buộc / Binding", "Bắt buộc đạt / Binding met"),
    *(f"{vi} / {en}" for vi, en in STATUSES.values()),
    "Kết luận / Verdict",
)
TARGET_SHEET = (
    *("Mã đơn vị / Unit code", "Đơn vị / Unit", "Kết quả then chốt / Key result", "Hạn / Due"),
    *("Mức phải đạt / Goal", "Đo được / Measured", "Báo cáo / Reported", "Đạt % / Attainment %"),
    *("Kỳ vọng % / Expected %", "Chênh lệch, điểm / Gap, points", "Trạng thái / Status"),
    "Kết luận / Verdict",
)
_OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}


def write_excel(content: Path, out: Path) -> None:
    """Three sheets: the summary, the units with their ranks, and every target.

    A cell of Excel holds fifteen digits; the exact quantities are in the JSON and CSV files.
    """
    with (
        content.open("rb") as source,
        xlsxwriter.Workbook(out, {**_OPTIONS, "tmpdir": str(out.parent)}) as book,
    ):
        opened = Opened(source)
        summary = book.add_worksheet("Tóm tắt · Summary")
        _sheet(book, "Đơn vị · Units", UNIT_SHEET, (units := _Units(opened)).rows())
        counted = Summary()
        _sheet(book, "Chỉ tiêu · Targets", TARGET_SHEET, _targets(opened, units.names, counted))
        summary.set_column(0, 1, 44)
        for line, (name, said) in enumerate(facts(opened, counted)):
            summary.write_string(line, 0, name)
            summary.write_string(line, 1, said)


class _Units:
    """The rows of the sheet of units; the names stay for the targets."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.names: dict[str, str] = {}

    def rows(self) -> Iterator[Sequence[Any]]:
        for row in self._opened.units():
            self.names[row.code] = row.name
            own, kind = row.own, KINDS.get(row.kind)
            yield (
                *(row.code, row.name, row.kind if kind is None else f"{kind.vi} / {kind.en}", row.parent),
                *(row.rank, row.ranked_among, row.previous_rank, row.moved_places),
                *(_percent(own.measured), _percent(row.previous_measured), row.moved_points),
                *(
                    _percent(own.reported),
                    own.gap_points,
                    own.binding,
                    own.binding_met,
                    *own[:7],
                    row.verdict,
                ),
            )


def _targets(opened: Opened, names: dict[str, str], counted: Summary) -> Iterator[Sequence[Any]]:
    titles = {part.id: part.title for part in opened.key_results.values()}
    for row in opened.targets():
        counted.count(row)
        yield (
            *(row.unit, names[row.unit], titles[row.key_result], row.due_on.isoformat(), row.goal),
            *(row.measured and row.measured.value, row.reported and row.reported.value),
            *(_percent(row.attainment), _percent(row.expected), row.gap_points, row.status, row.verdict),
        )


def _percent(share: Decimal | None) -> Decimal | None:
    return None if share is None else 100 * share


def _sheet(book: Any, name: str, headers: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    page = book.add_worksheet(name)
    bold = book.add_format({"bold": True, "text_wrap": True, "bg_color": "#E8EEF7"})
    page.freeze_panes(1, 2)
    page.repeat_rows(0)
    page.set_landscape()
    page.set_paper(9)
    page.set_column(0, len(headers) - 1, 16)
    for column, header in enumerate(headers):
        page.write_string(0, column, header, bold)
    for line, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            if value is None:
                continue
            if isinstance(value, str):
                page.write_string(line, column, value.translate(_NOT_IN_XML))
            else:
                page.write_number(line, column, value)
