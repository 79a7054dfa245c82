"""Recording values: one at a time, corrected, and thousands in a call; append-only, nothing half-written."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from statements import counting
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Locale, Refused, RefusedMany
from vdept.kernel.pages import PageRequest
from vdept.measurements import queries
from vdept.measurements.bulk import Row, record_many
from vdept.measurements.models import Measurement
from vdept.measurements.recording import correct, record
from vdept.targets.cascade import assign
from vdept.targets.models import Basis, Indicator, OutcomeChange, Plan, Target, TargetState
from vdept.units.models import Unit, UnitKind

TODAY = date(2026, 3, 2)


class Setting(NamedTuple):
    government: Unit
    province: Unit
    commune: Unit
    firm: Unit
    ratio: Indicator
    plain: Indicator
    plan: Plan
    target: Target
    staff: Actor


async def setting(tx: Tx) -> Setting:
    """A province that holds a target of a ratio indicator, due on 30 June."""
    government = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
    province = await make.unit(tx, "Cao Bằng", parent=government)
    commune = await make.unit(tx, "Xã Một", UnitKind.COMMUNE, parent=province)
    firm = await make.unit(tx, "Công ty A", UnitKind.FIRM)
    ratio = await make.indicator(tx, minimum=Decimal(0), maximum=Decimal(100))
    plain = await make.indicator(tx, ratio=False)
    plan = await make.plan(tx, government)
    key_result = await make.key_result(tx, plan, ratio)
    root = await make.target(tx, key_result, government)
    target = await make.target(tx, key_result, province, root, due_on=date(2026, 6, 30))
    staff = await make.actor(tx, province, Role.MEMBER)
    return Setting(government, province, commune, firm, ratio, plain, plan, target, staff)


async def counts(db: Database) -> tuple[int, ...]:
    async with db.snapshot(SYSTEM) as tx:
        return tuple(
            [
                await tx.session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for table in (Measurement, Activity, OutcomeChange)
            ]
        )


async def test_a_reported_ratio_is_kept_with_its_parts_its_activity_and_its_change_row(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
    async with db.begin(s.staff, now=NOW) as tx:
        with counting(db) as sent:
            new_id = await record(
                tx,
                s.ratio.id,
                s.province.id,
                basis=Basis.REPORTED,
                as_of=TODAY,
                numerator=Decimal(1),
                denominator=Decimal(3),
                note="tuần 9",
            )
        assert len(sent) == 2
        assert tx.rung == {"outcomes"}
    async with db.snapshot(SYSTEM) as tx:
        row = await tx.session.get_one(Measurement, new_id)
        said = (await tx.session.scalars(sa.select(Activity))).one()
        changed = (await tx.session.execute(sa.select(OutcomeChange.plan_id, OutcomeChange.target_id))).all()
    assert (row.indicator_id, row.unit_id, row.basis, row.as_of) == (
        s.ratio.id,
        s.province.id,
        Basis.REPORTED,
        TODAY,
    )
    assert (row.value, row.numerator, row.denominator) == (Decimal("33.333333"), Decimal(1), Decimal(3))
    assert (row.source, row.note, row.recorded_at) == ("Báo cáo của đơn vị", "tuần 9", NOW)
    assert (row.recorded_by_id, row.supersedes_id) == (s.staff.person_id, None)
    assert (said.verb, said.subject_id, said.unit_id, said.person_id) == (
        "measurement.recorded",
        new_id,
        s.province.id,
        s.staff.person_id,
    )
    assert said.data == {
        "indicatorId": str(s.ratio.id),
        "basis": "REPORTED",
        "asOf": "2026-03-02",
        "value": "33.333333",
    }
    assert [tuple(row) for row in changed] == [(s.plan.id, s.target.id)]


@pytest.mark.parametrize(
    ("as_of", "state", "marked"),
    [
        (date(2025, 12, 31), TargetState.ACTIVE, 0),
        (date(2026, 1, 1), TargetState.ACTIVE, 1),
        (date(2026, 6, 30), TargetState.ACTIVE, 1),
        (date(2026, 7, 1), TargetState.ACTIVE, 0),
        (date(2026, 6, 30), TargetState.PAUSED, 1),
        (date(2026, 6, 30), TargetState.WITHDRAWN, 0),
    ],
)
async def test_only_targets_whose_window_covers_the_date_are_marked(
    db: Database, as_of: date, state: TargetState, marked: int
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
        review = date(2027, 1, 1) if state is TargetState.PAUSED else None
        await tx.session.execute(sa.update(Target).values(state=state, review_on=review))
    async with db.begin(SYSTEM, now=NOW + timedelta(days=365)) as tx:
        await record(
            tx,
            s.ratio.id,
            s.province.id,
            basis=Basis.MEASURED,
            as_of=as_of,
            numerator=Decimal(1),
            denominator=Decimal(2),
            source="hệ thống một cửa",
        )
    assert (await counts(db))[2] == marked


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"denominator": Decimal(0)}, "DENOMINATOR_NOT_POSITIVE", "denominator"),
        ({"denominator": Decimal(-2)}, "DENOMINATOR_NOT_POSITIVE", "denominator"),
        ({"numerator": Decimal(-1)}, "VALUE_OUT_OF_BOUNDS", "numerator"),
        ({"numerator": Decimal(3)}, "NUMERATOR_ABOVE_DENOMINATOR", "numerator"),
        ({"numerator": None}, "RATIO_NEEDS_PARTS", "numerator"),
        ({"value": Decimal(50)}, "RATIO_NEEDS_PARTS", "value"),
        ({"numerator": Decimal("NaN")}, "QUANTITY_INVALID", "numerator"),
        ({"denominator": Decimal("Infinity")}, "QUANTITY_INVALID", "denominator"),
        ({"denominator": Decimal("1e16")}, "QUANTITY_INVALID", "denominator"),
        ({"numerator": Decimal("0.0000001")}, "QUANTITY_INVALID", "numerator"),
        ({"as_of": TODAY + timedelta(days=1)}, "AS_OF_IN_FUTURE", "asOf"),
        ({"as_of": date(1, 1, 1)}, "AS_OF_TOO_OLD", "asOf"),
        ({"basis": Basis.MEASURED, "source": "  "}, "SOURCE_REQUIRED", "source"),
        ({"note": "x" * 2001}, "TEXT_INVALID", "note"),
        ({"indicator_id": 999_999}, "NOT_FOUND", "indicatorId"),
        ({"unit_id": 999_999}, "NOT_FOUND", "unitId"),
    ],
)
async def test_bad_input_is_named_and_leaves_nothing(
    db: Database, change: dict[str, Any], code: str, path: str
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
    asked: dict[str, Any] = {
        "indicator_id": s.ratio.id,
        "unit_id": s.province.id,
        "basis": Basis.REPORTED,
        "as_of": TODAY,
        "numerator": Decimal(1),
        "denominator": Decimal(2),
        **change,
    }
    with pytest.raises(Refused) as refused:
        async with db.begin(SYSTEM, now=NOW) as tx:
            await record(tx, **asked)
    assert (refused.value.code, refused.value.path) == (code, (path,))
    assert all(refused.value.message(locale) for locale in Locale)
    good = Row(s.ratio.id, s.province.id, Basis.REPORTED, TODAY, None, Decimal(1), Decimal(2))
    with pytest.raises(RefusedMany) as many:
        async with db.begin(SYSTEM, now=NOW) as tx:
            await record_many(tx, [good, Row(**asked), good])
    assert [(r.code, r.path) for r in many.value.refusals] == [(code, ("rows", 1, path))]
    assert await counts(db) == (0, 0, 0)


async def test_a_plain_indicator_takes_a_value_and_no_parts(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
        new_id = await record(
            tx, s.plain.id, s.province.id, basis=Basis.REPORTED, as_of=TODAY, value=Decimal("-12.5")
        )
        assert (await tx.session.get_one(Measurement, new_id)).value == Decimal("-12.5")
    for asked in ({"value": None}, {"value": Decimal(1), "denominator": Decimal(2)}):
        with pytest.raises(Refused, match="VALUE_NEEDS_NO_PARTS"):
            async with db.begin(SYSTEM, now=NOW) as tx:
                await record(tx, s.plain.id, s.province.id, basis=Basis.REPORTED, as_of=TODAY, **asked)


async def test_a_unit_that_ended_takes_values_of_its_time_only(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
        old = await make.unit(tx, "Tỉnh cũ", valid_to=date(2025, 6, 30))
        common: dict[str, Any] = {"basis": Basis.REPORTED, "value": Decimal(1)}
        await record(tx, s.plain.id, old.id, as_of=date(2025, 6, 30), **common)
        with pytest.raises(Refused, match="UNIT_ENDED"):
            await record(tx, s.plain.id, old.id, as_of=date(2025, 7, 1), **common)


@pytest.mark.parametrize(
    ("where", "role", "basis", "allowed"),
    [
        ("province", Role.MEMBER, Basis.REPORTED, True),
        ("province", Role.OBSERVER, Basis.REPORTED, False),
        ("government", Role.COORDINATOR, Basis.REPORTED, True),
        ("government", Role.MEMBER, Basis.REPORTED, False),
        ("commune", Role.HEAD, Basis.REPORTED, False),
        ("firm", Role.HEAD, Basis.REPORTED, False),
        ("province", Role.HEAD, Basis.MEASURED, False),
        ("province", Role.COORDINATOR, Basis.MEASURED, False),
        ("government", Role.DEPUTY, Basis.MEASURED, False),
    ],
)
async def test_who_records_what_for_a_province(
    db: Database, where: str, role: Role, basis: Basis, allowed: bool
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
        who = await make.actor(tx, getattr(s, where), role)
    row = Row(s.plain.id, s.province.id, basis, TODAY, Decimal(1), source="nguồn")
    one = {"basis": basis, "as_of": TODAY, "value": Decimal(1), "source": "nguồn"}
    if allowed:
        async with db.begin(who, now=NOW) as tx:
            await record(tx, s.plain.id, s.province.id, **one)  # type: ignore[arg-type]
            assert (await record_many(tx, [row])).count == 1
        return
    code, field = ("FORBIDDEN", "unitId") if basis is Basis.REPORTED else ("MEASURED_NEEDS_SOURCE", "basis")
    with pytest.raises(Refused, match=f"{code} at {field}"):
        async with db.begin(who, now=NOW) as tx:
            await record(tx, s.plain.id, s.province.id, **one)  # type: ignore[arg-type]
    with pytest.raises(RefusedMany, match=rf"{code} at rows\.0\.{field}"):
        async with db.begin(who, now=NOW) as tx:
            await record_many(tx, [row])
    assert await counts(db) == (0, 0, 0)


async def test_a_correction_is_a_new_row_and_the_old_one_stays(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
    async with db.begin(s.staff, now=NOW) as tx:
        parts = {"numerator": Decimal(30), "denominator": Decimal(100)}
        old = await record(tx, s.ratio.id, s.province.id, basis=Basis.REPORTED, as_of=TODAY, **parts)
    async with db.begin(s.staff, now=NOW) as tx:
        new = await correct(tx, old, numerator=Decimal(17), denominator=Decimal(100), note="nhập nhầm")
    async with db.snapshot(s.staff, now=NOW) as tx:
        rows = await queries.measurements_by_ids(tx, [old, new])
        key = queries.ReadingKey(s.province.id, s.ratio.id, Basis.REPORTED, TODAY)
        latest = await queries.latest_readings(tx, [key, key._replace(until=TODAY - timedelta(days=1))])
        current = await queries.measurements_page(
            tx, PageRequest(), unit_id=s.province.id, indicator_id=s.ratio.id, current_only=True
        )
        superseding = await queries.corrections_of(tx, [old, new])
    assert (rows[old].value, rows[new].value) == (Decimal(30), Decimal(17))
    assert (rows[new].supersedes_id, rows[new].as_of, rows[new].source) == (old, TODAY, rows[old].source)
    assert {k: v.id for k, v in latest.items()} == {key: new}
    assert [row.id for row in current.rows] == [new]
    assert {k: v.id for k, v in superseding.items()} == {old: new}
    assert (await counts(db))[2] == 2
    with pytest.raises(Refused, match="ALREADY_SUPERSEDED"):
        async with db.begin(s.staff, now=NOW) as tx:
            await correct(tx, old, **parts)
    assert (await counts(db))[0] == 2


async def test_of_two_corrections_at_once_one_is_refused(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
        old = await record(tx, s.plain.id, s.province.id, basis=Basis.REPORTED, as_of=TODAY, value=Decimal(1))

    async def one(value: int) -> str:
        try:
            async with db.begin(s.staff, now=NOW) as tx:
                await correct(tx, old, value=Decimal(value))
                await asyncio.sleep(0.05)
        except Refused as refused:
            return refused.code
        return "done"

    assert sorted(await asyncio.gather(one(2), one(3))) == ["ALREADY_SUPERSEDED", "done"]
    assert (await counts(db))[:2] == (2, 2)


async def test_who_cannot_see_a_measurement_cannot_correct_it(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
        old = await record(tx, s.plain.id, s.province.id, basis=Basis.REPORTED, as_of=TODAY, value=Decimal(1))
        firm = await make.actor(tx, s.firm)
        official = await make.actor(tx, s.commune)
    for who, code in ((firm, "NOT_FOUND"), (official, "FORBIDDEN")):
        with pytest.raises(Refused, match=code):
            async with db.begin(who, now=NOW) as tx:
                await correct(tx, old, value=Decimal(2))
    async with db.snapshot(firm, now=NOW) as tx:
        assert await queries.measurements_by_ids(tx, [old]) == {}


async def test_a_thousand_rows_cost_as_many_statements_as_two_and_one_activity(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
    rows = [
        Row(
            s.ratio.id,
            s.province.id,
            Basis.REPORTED,
            TODAY - timedelta(days=i % 50),
            None,
            Decimal(i),
            Decimal(2000),
        )
        for i in range(1000)
    ]
    async with db.begin(s.staff, now=NOW) as tx:
        with counting(db) as few:
            await record_many(tx, rows[:2])
    async with db.begin(s.staff, now=NOW) as tx:
        with counting(db) as many:
            report = await record_many(tx, rows)
    assert (len(few), len(many)) == (3, 3)
    assert (report.count, report.bad) == (1000, 0)
    assert report.first_id is not None
    assert report.last_id == report.first_id + 999
    assert await counts(db) == (1002, 2, 2)
    async with db.snapshot(SYSTEM) as tx:
        said = (await tx.session.scalars(sa.select(Activity).order_by(Activity.id.desc()).limit(1))).one()
        last = await tx.session.get_one(Measurement, report.last_id)
    assert (said.verb, said.subject_id, said.unit_id) == (
        "measurements.recorded",
        report.first_id,
        s.province.id,
    )
    assert said.data == {
        "count": 1000,
        "firstId": str(report.first_id),
        "lastId": str(report.last_id),
        "indicators": [str(s.ratio.id)],
        "units": 1,
    }
    assert (last.value, last.as_of) == (Decimal("49.95"), TODAY - timedelta(days=49))


async def test_every_bad_row_is_named_up_to_a_hundred_or_skipped_on_demand(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
    bad = Row(s.plain.id, s.province.id, Basis.REPORTED, TODAY, Decimal("NaN"))
    good = bad._replace(value=Decimal(1))
    with pytest.raises(RefusedMany) as refused:
        async with db.begin(s.staff, now=NOW) as tx:
            await record_many(tx, [good, *[bad] * 150])
    assert [r.path for r in refused.value.refusals] == [("rows", i, "value") for i in range(1, 101)]
    assert await counts(db) == (0, 0, 0)
    async with db.begin(s.staff, now=NOW) as tx:
        dry = await record_many(tx, [good, bad, good], dry_run=True)
    assert (dry.count, dry.bad, dry.first_id) == (2, 1, None)
    assert await counts(db) == (0, 0, 0)
    async with db.begin(s.staff, now=NOW) as tx:
        report = await record_many(tx, [good, bad, good], skip_bad=True)
    assert (report.count, report.bad, [r.path for r in report.refusals]) == (2, 1, [("rows", 1, "value")])
    with pytest.raises(Refused, match="NO_ROWS"):
        async with db.begin(s.staff, now=NOW) as tx:
            await record_many(tx, [])


async def test_a_target_assigned_while_a_value_is_being_recorded_misses_nothing(db: Database) -> None:
    """The recorder does not see the new target yet; the assigner waits for it and so comes after."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
        root = (await tx.session.scalars(sa.select(Target).where(Target.level == 0))).one()
        ministry = await make.unit(tx, "Bộ", UnitKind.MINISTRY, parent=s.government)
    recorded, finish = asyncio.Event(), asyncio.Event()
    order: list[str] = []

    async def recorder() -> None:
        async with db.begin(SYSTEM, now=NOW) as tx:
            parts = {"numerator": Decimal(1), "denominator": Decimal(2)}
            await record(tx, s.ratio.id, ministry.id, basis=Basis.REPORTED, as_of=TODAY, **parts)
            recorded.set()
            await finish.wait()
        order.append("recorded")

    async def assigner() -> None:
        await recorded.wait()
        async with db.begin(SYSTEM, now=NOW) as tx:
            await assign(tx, root.id, unit_ids=[ministry.id])
        order.append("assigned")

    running = [asyncio.create_task(recorder()), asyncio.create_task(assigner())]
    async with asyncio.timeout(20):
        await recorded.wait()
        await asyncio.sleep(0.1)
        assert order == []
        finish.set()
        await asyncio.gather(*running)
    assert order == ["recorded", "assigned"]


async def test_pages_run_newest_first_and_continue(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        s = await setting(tx)
        rows = [
            Row(s.plain.id, s.province.id, basis, TODAY - timedelta(days=i), Decimal(i), source="x")
            for i in range(3)
            for basis in Basis
        ]
        await record_many(tx, rows)
    async with db.snapshot(s.staff, now=NOW) as tx:
        first = await queries.measurements_page(
            tx, PageRequest(first=2), unit_id=s.province.id, indicator_id=s.plain.id, basis=Basis.MEASURED
        )
        rest = await queries.measurements_page(
            tx,
            PageRequest(first=2, after=first.cursors[-1]),
            unit_id=s.province.id,
            indicator_id=s.plain.id,
            basis=Basis.MEASURED,
        )
    assert [row.value for row in [*first.rows, *rest.rows]] == [0, 1, 2]
    assert (first.has_next, rest.has_next) == (True, False)
