"""Plans from a file: YAML or a sheet; every fault named by its place, all or nothing."""

from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Locale, Refused
from vdept.kernel.tables import xlsx
from vdept.targets.import_sources import COLUMNS
from vdept.targets.importing import import_plans
from vdept.targets.models import Audience, Basis, Indicator, KeyResult, Plan, PlanState, Rollup, Target
from vdept.units.models import Unit, UnitKind

PACKAGED = files("vdept.targets").joinpath("data", "national-plan.yaml").read_bytes()

ORIGINAL = """
plans:
  - title: "Kế hoạch tổng thể chuyển đổi số quốc gia 2024"
    issuer: "Thủ tướng Chính phủ"
    cycle: {from: 2024-01-01, to: 2024-12-31}
    objectives:
      - title: "Dịch vụ công trực tuyến"
        key_results:
          - indicator: "Tỷ lệ hồ sơ trực tuyến"
            numerator: "hồ sơ trực tuyến"
            denominator: "tổng số hồ sơ"
            unit_of_measure: "%"
            direction: AT_LEAST
            target: 60
            due: 2024-12-31
            assigned_to: every province            # each province must reach 60 %
            rollup: EACH
            basis: MEASURED
          - indicator: "Dịch vụ công trực tuyến mức độ 4"
            unit_of_measure: "%"
            target: 100
            due: 2021-12-31
            assigned_to: every ministry and province
            rollup: EACH
      - title: "Thể chế và chiến lược"
        key_results:
          - indicator: "Ban hành nghị quyết"
            rollup: EACH
            kind: MILESTONE
            due: 2021-06-30
            assigned_to: every ministry and province
          - indicator: "Ngân sách chi cho chuyển đổi số"
            unit_of_measure: "% of budget"
            target: 1
            rollup: WEIGHTED_MEAN
            assigned_to: every ministry and province
      - title: "Kinh tế số"
        key_results:
          - indicator: "Tỷ trọng kinh tế số trong GRDP"
            unit_of_measure: "% of GRDP"
            rollup: RATIO
            milestones: [{by: 2025-12-31, value: 20}, {by: 2030-12-31, value: 30}]
            assigned_to: [Nam Định]
ministries: [Bộ Y tế]
"""
"""In the form the government's plan came in: one plan that mixes due dates of 2021, 2024 and 2030."""


async def nation(tx: Tx) -> tuple[Unit, Actor]:
    """The Prime Minister, two ministries, three provinces, of which one with a commune."""
    top = await make.unit(tx, "Thủ tướng Chính phủ", UnitKind.GOVERNMENT, code="TTCP")
    for name in ("Bộ Y tế", "Bộ Tài chính"):
        await make.unit(tx, name, UnitKind.MINISTRY, parent=top)
    for name, code in (("Ninh Bình", "37"), ("Thành phố Huế", "46"), ("Cao Bằng", "04")):
        province = await make.unit(tx, name, parent=top, code=code)
    await make.unit(tx, "Xã Một", UnitKind.COMMUNE, parent=province)
    return top, await make.actor(tx, top)


async def rows_of(db: Database) -> list[int]:
    async with db.snapshot(SYSTEM) as tx:
        return [
            int((await tx.session.execute(sa.text(f"SELECT count(*) FROM {table}"))).scalar_one())
            for table in (
                "indicator",
                "plan",
                "objective",
                "key_result",
                "target",
                "activity",
                "outcome_change",
            )
        ]


def faults(errors: Any) -> list[tuple[str, str]]:
    assert all(error.message(locale) for error in errors for locale in Locale)
    return [(error.code, "/".join(map(str, error.path))) for error in errors]


async def test_the_packaged_plans_are_imported_issued_and_assigned(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        _, head = await nation(tx)
    async with db.begin(head, now=NOW) as tx:
        report = await import_plans(tx, PACKAGED, "national-plan.yaml", assign=True)
    assert faults(report.errors) == []
    assert report.written
    assert [(p.code, p.state, p.key_results, p.targets) for p in report.plans] == [
        ("KH-CDS-2024", PlanState.ISSUED, 3, 3 + 3 + 5 + 1),
        ("KH-CDS-2021", PlanState.CLOSED, 2, 2 + 5 + 5),
    ]
    async with db.snapshot(SYSTEM) as tx:
        plan = await tx.session.get_one(Plan, report.plans[0].plan_id)
        results = list(await tx.session.scalars(sa.select(KeyResult).order_by(KeyResult.id)))
        online = await tx.session.get_one(Indicator, results[0].indicator_id)
        held = {
            (code, unit)
            for code, unit in await tx.session.execute(
                sa.select(Indicator.code, Unit.name)
                .join(Target, Target.indicator_id == Indicator.id)
                .join(Unit, Unit.id == Target.unit_id)
                .where(Target.level == 1, Indicator.code.in_(["CS-HSTT", "CS-KTS"]))
            )
        }
    assert (plan.audience, plan.starts_on, plan.ends_on) == (
        Audience.PUBLIC,
        date(2024, 1, 1),
        date(2024, 12, 31),
    )
    assert [(k.rollup, k.basis, k.value, k.due_on) for k in results] == [
        (Rollup.EACH, Basis.MEASURED, Decimal(60), date(2024, 12, 31)),
        (Rollup.WEIGHTED_MEAN, Basis.REPORTED, Decimal(1), date(2024, 12, 31)),
        (Rollup.RATIO, Basis.MEASURED, Decimal(30), date(2030, 12, 31)),
        (Rollup.EACH, Basis.MEASURED, Decimal(100), date(2021, 12, 31)),
        (Rollup.MILESTONE, Basis.MEASURED, Decimal(100), date(2021, 6, 30)),
    ]
    assert results[2].milestones == [
        {"by": "2025-12-31", "value": "20"},
        {"by": "2030-12-31", "value": "30"},
    ]
    assert (online.code, online.numerator, online.maximum) == (
        "CS-HSTT",
        "hồ sơ xử lý trực tuyến toàn trình",
        Decimal(100),
    )
    provinces = {"Ninh Bình", "Thành phố Huế", "Cao Bằng"}
    assert held == {("CS-HSTT", name) for name in provinces} | {("CS-KTS", "Ninh Bình")}


async def test_a_plan_moves_into_another_year_and_the_closed_one_stays(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await nation(tx)
        report = await import_plans(tx, PACKAGED, "plan.yaml", issue=True, shift_to_year=2026)
        plans = [await tx.session.get_one(Plan, plan.plan_id) for plan in report.plans]
        last = (await tx.session.scalars(sa.select(KeyResult).where(KeyResult.rollup == Rollup.RATIO))).one()
    assert [(p.code, p.title, p.starts_on, p.ends_on, p.state) for p in plans] == [
        (
            "KH-CDS-2026",
            "Kế hoạch tổng thể chuyển đổi số quốc gia 2026",
            date(2026, 1, 1),
            date(2026, 12, 31),
            PlanState.ISSUED,
        ),
        (
            "KH-CDS-2021",
            "Kế hoạch chuyển đổi số quốc gia 2021",
            date(2021, 1, 1),
            date(2021, 12, 31),
            PlanState.CLOSED,
        ),
    ]
    assert last.due_on == date(2032, 12, 31)
    assert last.milestones == [{"by": "2027-12-31", "value": "20"}, {"by": "2032-12-31", "value": "30"}]
    assert [plan.targets for plan in report.plans] == [3, 2]


async def test_a_dry_run_tries_everything_and_leaves_nothing(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        _, head = await nation(tx)
    before = await rows_of(db)
    async with db.begin(head, now=NOW) as tx:
        report = await import_plans(tx, PACKAGED, "plan.yaml", assign=True, dry_run=True)
        assert (tx.entries, tx.rung) == ([], set())
    assert (report.errors, report.written) == ((), False)
    assert [(p.code, p.plan_id, p.targets) for p in report.plans] == [
        ("KH-CDS-2024", None, 12),
        ("KH-CDS-2021", None, 12),
    ]
    assert await rows_of(db) == before


async def test_a_plan_that_mixes_years_is_refused_entry_by_entry(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        _, head = await nation(tx)
    before = await rows_of(db)
    async with db.begin(head, now=NOW) as tx:
        report = await import_plans(tx, ORIGINAL.encode(), "plan.yaml", assign=True)
    key_results = "plans/0/objectives/{}/key_results/{}/{}"
    assert faults(report.errors) == [
        ("DUE_BEFORE_PLAN_STARTS", key_results.format(0, 1, "due")),
        ("DUE_BEFORE_PLAN_STARTS", key_results.format(1, 0, "due")),
        ("IMPORT_UNIT_UNKNOWN", key_results.format(2, 0, "assigned_to")),
        ("RATIO_NEEDS_RATIO_INDICATOR", key_results.format(2, 0, "rollup")),
    ]
    assert report.ignored == ("ministries",)
    assert not report.written
    assert await rows_of(db) == before


def plan_with(key_result: str, head: str = "") -> bytes:
    unit = "" if "unit_of_measure" in key_result else ', unit_of_measure: "%"'
    return f"""
plans:
  - title: Kế hoạch
    issuer: TTCP
    cycle: {{from: 2026-01-01, to: 2026-12-31}}
    {head}
    objectives:
      - title: Mục tiêu
        key_results:
          - {{indicator: Chỉ số, target: 60, {key_result}{unit}}}
""".encode()


HERE = "plans/0/objectives/0/key_results/0/"


@pytest.mark.parametrize(
    ("key_result", "expected"),
    [
        ("targt: 5", [("IMPORT_ENTRY_INVALID", HERE + "targt")]),
        ("unit_of_measure: ''",[("TEXT_INVALID", HERE + "unit_of_measure")]),
        ("weight: heavy", [("IMPORT_ENTRY_INVALID", HERE + "weight")]),
        ("weight: .nan", [("IMPORT_ENTRY_INVALID", HERE + "weight")]),
        ("weight: 0", [("WEIGHT_NOT_POSITIVE", HERE + "weight")]),
        ("weight: 0.0000001", [("QUANTITY_INVALID", HERE + "weight")]),
        ("due: 2026-02-30", [("IMPORT_ENTRY_INVALID", HERE + "due")]),
        ("due: soon", [("IMPORT_ENTRY_INVALID", HERE + "due")]),
        ("rollup: BEST", [("IMPORT_ENTRY_INVALID", HERE + "rollup")]),
        ("kind: WISH", [("IMPORT_ENTRY_INVALID", HERE + "kind")]),
        ("binding: maybe", [("IMPORT_ENTRY_INVALID", HERE + "binding")]),
        ("title: [a]", [("IMPORT_ENTRY_INVALID", HERE + "title")]),
        ("milestones: 20", [("IMPORT_ENTRY_INVALID", HERE + "milestones")]),
        ("milestones: [{by: 2026-06-30}]", [("IMPORT_ENTRY_INVALID", HERE + "milestones")]),
        (
            "milestones: [{by: 2027-06-30, value: 3}], due: 2026-12-31",
            [("MILESTONES_INVALID", HERE + "milestones/0/by")],
        ),
        ("numerator: tử", [("RATIO_NEEDS_BOTH", HERE + "denominator")]),
        ("target_high: 70", [("HIGH_ONLY_FOR_BETWEEN", HERE + "target_high")]),
        ("maximum: 50", [("VALUE_OUT_OF_BOUNDS", HERE + "target")]),
        ("assigned_to: every planet", [("IMPORT_ENTRY_INVALID", HERE + "assigned_to")]),
        ("assigned_to: {a: b}", [("IMPORT_ENTRY_INVALID", HERE + "assigned_to")]),
        ("assigned_to: [Xã Hai]", [("IMPORT_UNIT_UNKNOWN", HERE + "assigned_to")]),
        ("assigned_to: every firm", [("NO_UNITS", HERE + "assigned_to")]),
        ("assigned_to: every province, rollup: SUM", [("VALUES_REQUIRED", HERE + "assigned_to")]),
        ("assigned_to: [TTCP, Huế]", [
            ("UNITS_NOT_BELOW", HERE + "assigned_to"),
        ]),
        ("rollup: BEST, weight: -1, due: soon", [
            ("IMPORT_ENTRY_INVALID", HERE + "rollup"),
            ("IMPORT_ENTRY_INVALID", HERE + "due"),
            ("WEIGHT_NOT_POSITIVE", HERE + "weight"),
        ]),
    ],
)  # fmt: skip
async def test_a_faulty_entry_is_named_by_its_place(
    db: Database, key_result: str, expected: list[tuple[str, str]]
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await nation(tx)
    before = await rows_of(db)
    async with db.begin(SYSTEM, now=NOW) as tx:
        report = await import_plans(tx, plan_with(key_result), "plan.yaml", assign=True)
    assert faults(report.errors) == expected
    assert await rows_of(db) == before


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("code: X", [("CODE_TAKEN", "plans/0/code")]),
        ("colour: red", [("IMPORT_ENTRY_INVALID", "plans/0/colour")]),
        ("audience: ALL", [("IMPORT_ENTRY_INVALID", "plans/0/audience")]),
        ("grace_days: 1.5", [("IMPORT_ENTRY_INVALID", "plans/0/grace_days")]),
        ("grace_days: -1", [("DAYS_INVALID", "plans/0/grace_days")]),
    ],
)
async def test_a_faulty_plan_is_named_by_its_place(
    db: Database, head: str, expected: list[tuple[str, str]]
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        top, _ = await nation(tx)
        await make.plan(tx, top, code="X")
    before = await rows_of(db)
    async with db.begin(SYSTEM, now=NOW) as tx:
        report = await import_plans(tx, plan_with("weight: 1", head), "plan.yaml", assign=True)
    assert faults(report.errors) == expected
    assert await rows_of(db) == before


@pytest.mark.parametrize(
    "content",
    [
        b"plans: [",
        b"\xff\xfe\x00",
        b"plans: nothing",
        b"- a list",
        b"",
        b"a: &a [x]\nplans: [*a, *a]",
        b"plans: []\nplans: []",
        b"plans: !!python/object:os.system {}",
        b"[" * 20_000,
        b"plans: [" + b" " * 1_000_001,
    ],
)
async def test_what_cannot_be_read_is_refused_at_once(db: Database, content: bytes) -> None:
    with pytest.raises(Refused, match="IMPORT_UNREADABLE"):
        async with db.begin(SYSTEM, now=NOW) as tx:
            await import_plans(tx, content, "plan.yml")


async def test_two_units_of_one_name_are_told_apart_by_code(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        top, _ = await nation(tx)
        await make.unit(tx, "Cao Bằng", UnitKind.DEPARTMENT, parent=top, code="CB2")
        by_name = await import_plans(tx, plan_with("assigned_to: [Cao Bằng]"), "plan.yaml", assign=True)
        by_code = await import_plans(tx, plan_with('assigned_to: ["04"]'), "plan.yaml", assign=True)
    assert faults(by_name.errors) == [("IMPORT_UNIT_AMBIGUOUS", HERE + "assigned_to")]
    assert [plan.targets for plan in by_code.plans] == [2]


async def test_an_indicator_that_exists_is_used_and_not_contradicted(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await nation(tx)
        known = await make.indicator(tx, name="Chỉ số", unit_of_measure="%")
        report = await import_plans(tx, plan_with("rollup: RATIO"), "plan.yaml")
        assert faults(report.errors) == []
        row = (await tx.session.scalars(sa.select(KeyResult))).one()
        assert row.indicator_id == known.id
        other = await import_plans(tx, plan_with("direction: AT_MOST"), "plan.yaml")
        assert faults(other.errors) == [("IMPORT_ENTRY_INVALID", HERE + "direction")]


async def test_who_does_not_commit_the_issuer_imports_nothing(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await nation(tx)
        ministry = (await tx.session.scalars(sa.select(Unit).where(Unit.name == "Bộ Y tế"))).one()
        minister = await make.actor(tx, ministry)
    before = await rows_of(db)
    async with db.begin(minister, now=NOW) as tx:
        report = await import_plans(tx, PACKAGED, "plan.yaml")
    assert faults(report.errors) == [
        ("FORBIDDEN", "plans/0/issuer"),
        ("FORBIDDEN", "plans/1/issuer"),
    ]
    assert await rows_of(db) == before


def sheet(*rows: dict[str, Any]) -> bytes:
    names = [column.name for column in COLUMNS]
    return xlsx(names, [[row.get(name, "") for name in names] for row in rows], sheet="key_results")


FIRST: dict[str, Any] = {
    "plan": "Kế hoạch Huế",
    "plan_code": "KH-H",
    "issuer": "Huế",
    "from": date(2026, 1, 1),
    "to": date(2026, 12, 31),
    "objective": "Trực tuyến",
    "indicator": "Hồ sơ trực tuyến",
    "unit_of_measure": "%",
    "numerator": "trực tuyến",
    "denominator": "tất cả",
    "target": 62.5,
    "rollup": "RATIO",
    "assigned_to": "",
}


async def test_a_sheet_has_one_row_per_key_result(db: Database) -> None:
    second = {"indicator": "Số nhóm", "unit_of_measure": "nhóm", "target": 12, "rollup": "sum"}
    third = {
        "objective": "Kinh tế",
        "indicator": "Tỷ trọng",
        "unit_of_measure": "%",
        "milestones": "2026-06-30: 10; 2026-12-31: 20",
        "due": "31/12/2026",
        "basis": "REPORTED",
    }
    async with db.begin(SYSTEM, now=NOW) as tx:
        await nation(tx)
        report = await import_plans(tx, sheet(FIRST, second, third), "plan.xlsx", issue=True)
        assert faults(report.errors) == []
        rows = (
            await tx.session.execute(
                sa.text(
                    "SELECT o.title, k.position, k.title, k.value, k.rollup, k.basis, k.due_on "
                    "FROM key_result k "
                    "JOIN objective o ON o.id = k.objective_id ORDER BY o.position, k.position"
                )
            )
        ).all()
    assert [(p.code, p.state, p.key_results, p.targets) for p in report.plans] == [
        ("KH-H", PlanState.ISSUED, 3, 3)
    ]
    end = date(2026, 12, 31)
    assert [tuple(row) for row in rows] == [
        ("Trực tuyến", 1, "Hồ sơ trực tuyến", Decimal("62.5"), "RATIO", "MEASURED", end),
        ("Trực tuyến", 2, "Số nhóm", Decimal(12), "SUM", "MEASURED", end),
        ("Kinh tế", 1, "Tỷ trọng", Decimal(20), "EACH", "REPORTED", end),
    ]


async def test_every_fault_of_a_sheet_is_named_by_its_cell(db: Database) -> None:
    letter = {column.name: chr(ord("A") + i) for i, column in enumerate(COLUMNS)}
    bad = [
        {**FIRST, "issuer": "Sao Hỏa", "target": "nhiều"},
        {"indicator": "Số nhóm", "unit_of_measure": "nhóm", "target": 12, "rollup": "RATIO"},
        {"indicator": "", "unit_of_measure": "x", "target": 1, "due": "hôm qua"},
    ]
    async with db.begin(SYSTEM, now=NOW) as tx:
        await nation(tx)
    before = await rows_of(db)
    async with db.begin(SYSTEM, now=NOW) as tx:
        report = await import_plans(tx, sheet(*bad), "plan.xlsx", assign=True)
    assert faults(report.errors) == [
        ("IMPORT_UNIT_UNKNOWN", f"{letter['issuer']}2"),
        ("CELL_INVALID", f"{letter['target']}2"),
        ("RATIO_NEEDS_RATIO_INDICATOR", f"{letter['rollup']}3"),
        ("IMPORT_ENTRY_INVALID", f"{letter['indicator']}4"),
        ("CELL_INVALID", f"{letter['due']}4"),
    ]
    assert await rows_of(db) == before
