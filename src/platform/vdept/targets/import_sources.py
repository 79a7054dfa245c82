"""Read a plan file into entries: YAML (plans with objectives and key results) or a sheet, one row per key
result. Nothing is understood here beyond the form; what cannot be read at all is refused at once.
"""

import re
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

import yaml

from vdept.kernel.errors import Refused, Words
from vdept.kernel.tables import Column, Row, Table, read_table, xlsx
from vdept.targets.errors import IMPORT_UNREADABLE
from vdept.targets.import_entries import Entry, Path

MAX_YAML_BYTES = 1_000_000
NO_PLANS = Words("cần mục “plans:” là một danh sách", "it needs “plans:”, a list of plans")
TOO_DEEP = Words("YAML lồng quá sâu", "the YAML is nested too deeply")

PLAN_COLUMNS = (
    Column("plan", "Kế hoạch", required=False),
    Column("plan_code", "Mã kế hoạch", required=False),
    Column("issuer", "Đơn vị ban hành", required=False),
    Column("from", "Từ ngày", required=False),
    Column("to", "Đến ngày", required=False),
    Column("legal_basis", "Căn cứ pháp lý", required=False),
    Column("objective", "Mục tiêu", required=False),
)
KEY_RESULT_COLUMNS = (
    Column("indicator", "Chỉ số"),
    Column("indicator_code", "Mã chỉ số", required=False),
    Column("unit_of_measure", "Đơn vị tính", required=False),
    Column("numerator", "Tử số", required=False),
    Column("denominator", "Mẫu số", required=False),
    Column("direction", "Chiều", required=False),
    Column("target", "Chỉ tiêu", required=False),
    Column("target_high", "Cận trên", required=False),
    Column("baseline", "Mốc ban đầu", required=False),
    Column("weight", "Trọng số", required=False),
    Column("due", "Hạn", required=False),
    Column("rollup", "Cách tổng hợp", required=False),
    Column("basis", "Nguồn số liệu", required=False),
    Column("kind", "Loại chỉ tiêu", required=False),
    Column("assigned_to", "Giao cho", required=False),
    Column("standard", "Tiêu chuẩn", required=False),
    Column("quality", "Yêu cầu chất lượng", required=False),
    Column("milestones", "Các mốc", required=False),
    Column("frequency", "Tần suất đo", required=False),
    Column("gap_points", "Ngưỡng chênh lệch", required=False),
    Column("story", "Ghi chú", required=False),
)
COLUMNS = PLAN_COLUMNS + KEY_RESULT_COLUMNS
NUMBERS = frozenset({"target", "target_high", "baseline", "weight", "gap_points"})
DATES = frozenset({"from", "to", "due"})
CODES = frozenset({"plan_code", "indicator_code"})


class _Loader(yaml.SafeLoader):
    """Plain data only, numbers exact, no anchors (a small file must not unfold into a large one)."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*) are not read", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"“{key.value}” stands there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def exact(self, node: Any) -> Any:
        """A number as written: 0.1 is a tenth. What is no number after all stays text."""
        text = self.construct_scalar(node).replace("_", "")
        return Decimal(text) if re.fullmatch(r"[-+]?\d+(\.\d*)?|[-+]?\.\d+", text) else text

    def day(self, node: Any) -> Any:
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError:
            return self.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.exact)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.exact)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.day)


def read_plans(content: bytes, filename: str) -> tuple[list[Entry], list[Refused], list[str]]:
    """The plans of a file, its problems so far, and what nobody reads in it."""
    if filename.lower().endswith((".yaml", ".yml")):
        return _read_yaml(content)
    return _read_sheet(content, filename)


# YAML ---------------------------------------------------------------------------------------------------


def _read_yaml(content: bytes) -> tuple[list[Entry], list[Refused], list[str]]:
    if len(content) > MAX_YAML_BYTES:
        raise IMPORT_UNREADABLE.at("file", reason=f"> {MAX_YAML_BYTES:,} bytes")
    try:
        document = yaml.load(content.decode("utf-8-sig"), Loader=_Loader)  # noqa: S506 -- a safe loader
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise IMPORT_UNREADABLE.at("file", reason=" ".join(str(error).split())[:300]) from None
    except RecursionError:
        raise IMPORT_UNREADABLE.at("file", reason=TOO_DEEP) from None
    if not isinstance(document, dict) or not isinstance(document.get("plans"), list):
        raise IMPORT_UNREADABLE.at("file", reason=NO_PLANS)
    problems: list[Refused] = []
    plans = _nodes(document["plans"], ("plans",), ["objectives", "key_results"], problems)
    return plans, problems, [str(name) for name in document if name != "plans"]


def _nodes(given: Any, path: Path, below: list[str], problems: list[Refused]) -> list[Entry]:
    """Entries of a list and, under ``below[0]``, theirs."""
    found = []
    for i, raw in enumerate(given if isinstance(given, list) else [given]):
        here = (*path, i)
        if not isinstance(raw, dict):
            Entry({}, lambda _, at=here: at, problems).invalid(  # type: ignore[misc]
                "", vi="cần các mục “tên: giá trị”", en="give fields as “name: value”"
            )
            continue
        values = {str(name): value for name, value in raw.items()}
        if below:
            children = values.pop(below[0], None)
        cycle = values.pop("cycle", None) if path == ("plans",) else None
        entry = Entry(values, _place(here), problems)
        if isinstance(cycle, dict):
            values.update({str(k): v for k, v in cycle.items()})
        elif path == ("plans",) and cycle is not None:
            entry.invalid("cycle", vi="cần {from: ngày, to: ngày}", en="give {from: date, to: date}")
        if below:
            if not isinstance(children, list) or not children:
                entry.invalid(below[0], vi="cần ít nhất một mục", en="give at least one")
            else:
                entry.children = _nodes(children, (*here, below[0]), below[1:], problems)
        found.append(entry)
    return found


def _place(here: Path) -> Any:
    def place(name: str) -> Path:
        cycle = ("cycle",) if len(here) == 2 and name in {"from", "to"} else ()
        return (*here, *cycle, name)

    return place


# Sheets -------------------------------------------------------------------------------------------------


def template() -> bytes:
    """An empty workbook to fill in: one row per key result; a plan's columns once, on its first row."""
    return xlsx([column.name for column in COLUMNS], [], sheet="key_results")


def _read_sheet(content: bytes, filename: str) -> tuple[list[Entry], list[Refused], list[str]]:
    try:
        table = read_table(content, filename, COLUMNS)
    except Refused as refused:
        raise refused.under("file") from None
    plans: list[Entry] = []
    for row in table.rows:
        values = {column.name: _cell(row, column.name) for column in COLUMNS}
        given = {column.name: values[column.name] for column in PLAN_COLUMNS}
        if not plans or (given["plan"] and given["plan"] != plans[-1].values["title"]):
            plans.append(_plan_of(row, given, table))
        plan = plans[-1]
        title = given["objective"] or (plan.children[-1].values["title"] if plan.children else None)
        if not plan.children or title != plan.children[-1].values["title"]:
            plan.children.append(Entry({"title": title}, _cells(row, {"title": "objective"}), table.problems))
        key_result = {column.name: values[column.name] for column in KEY_RESULT_COLUMNS}
        plan.children[-1].children.append(Entry(key_result, _cells(row, {}), table.problems))
    return plans, table.problems, table.ignored


def _plan_of(row: Row, given: dict[str, Any], table: Table) -> Entry:
    values = {
        "title": given["plan"],
        "code": given["plan_code"],
        **{name: given[name] for name in ("issuer", "from", "to", "legal_basis")},
    }
    return Entry(values, _cells(row, {"title": "plan", "code": "plan_code"}), table.problems)


def _cell(row: Row, name: str) -> Any:
    if row.blank(name):
        return None
    if name in NUMBERS:
        return row.decimal(name)
    if name in DATES:
        return row.date(name)
    return row.code(name) if name in CODES else row.text(name)


def _cells(row: Row, names: dict[str, str]) -> Any:
    def place(name: str) -> Path:
        return (row.cell(names.get(name, name)),)

    return place
