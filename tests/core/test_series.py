"""Time series from the database: of each period the reading that counts, and a target beside its pace."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import NOW, SYSTEM
from statements import counting
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Refused
from vdept.measurements.models import Measurement
from vdept.measurements.periods import Every, period_start
from vdept.measurements.series import Line, readings_of
from vdept.outcomes import gaps
from vdept.outcomes.models import PlanEvaluation, Status, TargetOutcome
from vdept.outcomes.refresh import reevaluate, refresh
from vdept.outcomes.rules import expected_pace
from vdept.outcomes.series import Origin, TargetSeries, series_of_targets
from vdept.targets.changes import target_changed
from vdept.targets.models import Audience, Basis, Plan, Rollup, Target
from vdept.units.models import UnitKind

D = Decimal
TODAY = date(2026, 3, 2)
YEAR = (date(2026, 1, 1), date(2026, 12, 31))


async def value(
    tx: Tx,
    indicator_id: int,
    unit_id: int,
    as_of: date,
    number: object,
    basis: Basis = Basis.MEASURED,
    **more: Any,
) -> Measurement:
    row = Measurement(
        indicator_id=indicator_id,
        unit_id=unit_id,
        basis=basis,
        as_of=as_of,
        value=D(str(number)),
        source="test",
        recorded_at=NOW,
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


# Indicators -----------------------------------------------------------------------------------------------


async def test_of_each_period_the_latest_reading_counts_and_a_correction_takes_its_place(
    db: Database,
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        unit, what = await make.unit(tx), await make.indicator(tx, ratio=False)
        await value(tx, what.id, unit.id, date(2026, 1, 31), 3)
        await value(tx, what.id, unit.id, date(2026, 1, 5), 2)  # late, and of an earlier day
        wrong = await value(tx, what.id, unit.id, date(2026, 2, 10), 70)
        await value(tx, what.id, unit.id, date(2026, 2, 10), 7, supersedes_id=wrong.id)
        await value(tx, what.id, unit.id, date(2026, 2, 11), 8, basis=Basis.REPORTED)
        await value(tx, what.id, unit.id, date(2026, 2, 10), 9)  # of another source: simply newer
    line = Line(unit.id, what.id, Every.MONTH, *YEAR)
    async with db.snapshot(SYSTEM) as tx:
        found = await readings_of(tx, [line], Basis)
    assert {
        basis: [(p.period_start, p.as_of, p.value, p.among) for p in points]
        for (_, basis), points in found.items()
    } == {
        Basis.MEASURED: [
            (date(2026, 1, 1), date(2026, 1, 31), 3, 2),
            (date(2026, 2, 1), date(2026, 2, 10), 9, 2),
        ],
        Basis.REPORTED: [(date(2026, 2, 1), date(2026, 2, 11), 8, 1)],
    }


async def test_what_postgresql_picks_is_what_the_rule_picks(db: Database) -> None:
    chance = random.Random(5)
    async with db.begin(SYSTEM, now=NOW) as tx:
        what = await make.indicator(tx, ratio=False)
        units = [await make.unit(tx) for _ in range(3)]
        rows = [
            await value(
                tx, what.id, chance.choice(units).id, YEAR[0] + timedelta(chance.randrange(-30, 400)), n
            )
            for n in range(120)
        ]
        corrected = chance.sample(rows, 15)
        rows += [
            await value(tx, what.id, row.unit_id, row.as_of, 1000 + row.id, supersedes_id=row.id)
            for row in corrected
        ]
    gone = {row.id for row in corrected}
    for every in Every:
        lines = [Line(unit.id, what.id, every, *YEAR) for unit in units]
        async with db.snapshot(SYSTEM) as tx:
            found = await readings_of(tx, lines, [Basis.MEASURED])
        for place, unit in enumerate(units):
            expected: dict[date, list[Measurement]] = {}
            for row in sorted(rows, key=lambda row: (row.as_of, row.id)):
                if row.unit_id == unit.id and row.id not in gone and YEAR[0] <= row.as_of <= YEAR[1]:
                    expected.setdefault(period_start(row.as_of, every), []).append(row)
            assert [(p.period_start, p.as_of, p.value, p.among) for p in found[place, Basis.MEASURED]] == [
                (start, of[-1].as_of, of[-1].value, len(of)) for start, of in sorted(expected.items())
            ]


async def test_a_firm_s_people_read_their_own_line_only_in_one_statement(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        what = await make.indicator(tx)
        province, firm = await make.unit(tx), await make.unit(tx, kind=UnitKind.FIRM)
        for unit in (province, firm):
            await value(tx, what.id, unit.id, TODAY, 50, numerator=D(1), denominator=D(2))
        people = [await make.actor(tx, unit, Role.OBSERVER) for unit in (province, firm)]
    lines = [Line(unit.id, what.id, Every.DAY, *YEAR) for unit in (province, firm)]
    seen = []
    for who in people:
        async with db.snapshot(who) as tx:
            with counting(db) as sent:
                found = await readings_of(tx, lines, [Basis.MEASURED])
        assert len(sent) == 1
        seen.append(sorted(place for place, _ in found))
        assert [(p.numerator, p.denominator) for p in found[1, Basis.MEASURED]] == [(1, 2)]
    assert seen == [[0, 1], [1]]


# Targets --------------------------------------------------------------------------------------------------


class Scene:
    """A root with two provinces and a firm below it, from 0 to 60 by milestones 12 (March) and 48 (July)."""

    plan: Plan
    root: Target
    holders: Sequence[Target]
    official: Actor
    firm_person: Actor

    def __init__(self, db: Database) -> None:
        self.db = db

    async def build(self, rollup: Rollup = Rollup.MEAN, audience: Audience = Audience.PUBLIC) -> "Scene":
        async with self.db.begin(SYSTEM, now=NOW) as tx:
            nation = await make.unit(tx, kind=UnitKind.GOVERNMENT)
            units = [await make.unit(tx, parent=nation), await make.unit(tx, parent=nation)]
            units.append(await make.unit(tx, kind=UnitKind.FIRM))
            self.plan = await make.plan(tx, nation, audience=audience)
            key_result = await make.key_result(
                tx,
                self.plan,
                await make.indicator(tx, ratio=False),
                rollup=rollup,
                baseline=D(0),
                milestones=[{"by": "2026-03-31", "value": "12"}, {"by": "2026-07-31", "value": "48"}],
            )
            self.root = await make.target(tx, key_result, nation)
            self.holders = [await make.target(tx, key_result, unit, self.root) for unit in units]
            await target_changed(tx, self.plan.id, [t.id for t in (self.root, *self.holders)])
            self.official = await make.actor(tx, units[0], Role.MEMBER)
            self.firm_person = await make.actor(tx, units[2], Role.MEMBER)
        await refresh(self.db, now=NOW)
        return self

    async def record(
        self, target: Target, as_of: date, number: object, basis: Basis = Basis.MEASURED
    ) -> None:
        async with self.db.begin(SYSTEM, now=NOW) as tx:
            await value(tx, target.indicator_id, target.unit_id, as_of, number, basis)
            await target_changed(tx, self.plan.id, [target.id])
        await refresh(self.db, now=NOW)

    async def read(
        self, target: Target, who: Actor = SYSTEM, every: Every = Every.MONTH, **when: Any
    ) -> TargetSeries:
        async with self.db.snapshot(who, now=NOW) as tx:
            return (await series_of_targets(tx, [target.id], every, **when))[target.id]


def points(line: Any) -> list[tuple[date, Decimal | None]]:
    return [(point.on_day, point.value) for point in line.points]


async def test_a_target_s_line_is_its_readings_and_its_pace_goes_through_the_milestones(db: Database) -> None:
    scene = await Scene(db).build()
    mine = scene.holders[0]
    await scene.record(mine, date(2026, 1, 20), 5)
    await scene.record(mine, date(2026, 2, 20), 9)
    await scene.record(mine, date(2026, 2, 25), 10, Basis.REPORTED)
    await scene.record(mine, date(2025, 12, 31), 99)  # before the plan: counts for nothing
    got = await scene.read(mine)
    assert (got.since, got.until, got.every, got.coarsened) == (*YEAR, Every.MONTH, False)
    assert (got.measured.origin, points(got.measured)) == (
        Origin.READINGS,
        [(date(2026, 1, 20), 5), (date(2026, 2, 20), 9)],
    )
    assert points(got.reported) == [(date(2026, 2, 25), 10)]
    pace = {point.on_day: point for point in got.pace}
    assert [(p.on_day, p.value) for p in got.pace if p.milestone] == [
        (date(2026, 3, 31), 12),
        (date(2026, 7, 31), 48),
    ]
    assert (pace[date(2026, 1, 1)].value, pace[date(2026, 12, 31)].value) == (0, 60)
    assert pace[date(2026, 4, 1)].value == D("0.204918") * 60
    assert (got.baseline, got.goal, got.of_children) == (0, 60, False)


async def test_the_line_expects_on_each_day_what_the_outcome_expects(db: Database) -> None:
    scene = await Scene(db).build()
    mine = scene.holders[0]
    await reset(db)
    for point in (await scene.read(mine)).pace[1:]:
        await reevaluate(db, as_of=point.on_day)
        async with db.snapshot(SYSTEM) as tx:
            outcome = await tx.session.get_one(TargetOutcome, mine.id)
        assert point.share == outcome.expected, point.on_day


async def reset(db: Database) -> None:
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.update(PlanEvaluation).values(evaluated_on=YEAR[0]))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-03-01", Status.ON_TRACK),  # 7.95 expected, 6 there: 3 points behind
        ("2026-03-31", Status.ON_TRACK),  # the milestone: 12 expected, exactly 10 points behind
        ("2026-04-01", Status.AT_RISK),  # a day after it, the line is steeper
        ("2026-05-01", Status.OFF_TRACK),  # 21.1 expected: 25.2 points behind
        ("2026-07-31", Status.OFF_TRACK),
        ("2027-01-01", Status.NOT_MET),
    ],
)
async def test_milestones_decide_where_a_target_stands(db: Database, day: str, expected: Status) -> None:
    scene = await Scene(db).build()
    mine = scene.holders[0]
    await scene.record(mine, date(2026, 1, 20), 6)
    await reset(db)
    await reevaluate(db, as_of=date.fromisoformat(day))
    async with db.snapshot(SYSTEM) as tx:
        assert (await tx.session.get_one(TargetOutcome, mine.id)).status is expected


async def test_what_was_rolled_up_has_the_history_of_its_outcome(db: Database) -> None:
    scene = await Scene(db).build()
    for after, number in ((0, 10), (1, 20), (31, 30)):
        await scene.record(scene.holders[0], date(2026, 1, 20), number)
        await gaps.keep(db, now=NOW + timedelta(after))
    got = await scene.read(scene.root)
    assert (got.measured.origin, points(got.measured)) == (
        Origin.HISTORY,
        [(date(2026, 3, 3), 20), (date(2026, 4, 2), 30)],
    )
    assert [point.among for point in got.measured.points] == [2, 1]
    assert (got.reported.origin, points(got.reported)) == (Origin.HISTORY, [])


async def test_a_history_begins_with_what_stood_on_the_first_day(db: Database) -> None:
    """A chart of a month in which nothing changed shows what stood all the while, and not nothing."""
    scene = await Scene(db).build()
    for after, number in ((0, 10), (31, 30)):
        await scene.record(scene.holders[0], date(2026, 1, 20), number)
        await gaps.keep(db, now=NOW + timedelta(after))
    then, later = date(2026, 3, 20), date(2026, 6, 10)
    quiet = await scene.read(scene.root, since=then, until=then + timedelta(5), every=Every.DAY)
    assert points(quiet.measured) == [(TODAY, 10)]
    assert quiet.measured.points[0].period_start == then
    both = await scene.read(scene.root, since=then, until=later, every=Every.MONTH)
    assert points(both.measured) == [(TODAY, 10), (date(2026, 4, 2), 30)]
    same = await scene.read(scene.root, since=date(2026, 4, 1), until=later, every=Every.MONTH)
    assert points(same.measured) == [(date(2026, 4, 2), 30)], "what the period ends with counts"
    before = await scene.read(scene.root, since=date(2026, 1, 5), until=date(2026, 2, 5))
    assert points(before.measured) == []


async def test_a_week_of_a_plan_without_end_is_charted_by_the_day_at_once(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await Scene(db).build()
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.update(Target).values(due_on=date.max))
    asked: list[date] = []

    def counted(*given: Any) -> Decimal:
        asked.append(given[2])
        return expected_pace(*given)

    monkeypatch.setattr("vdept.outcomes.series.expected_pace", counted)
    got = await scene.read(scene.root, since=TODAY, until=TODAY + timedelta(6), every=Every.DAY)
    assert [point.on_day for point in got.pace] == [TODAY + timedelta(n) for n in range(7)]
    assert len(asked) < 20
    end = await scene.read(scene.root, since=date(9999, 12, 30), until=date.max, every=Every.DAY)
    assert [point.on_day for point in end.pace] == [date(9999, 12, 30), date.max]


async def test_a_share_of_children_goes_from_nothing_to_a_hundred(db: Database) -> None:
    scene = await Scene(db).build(rollup=Rollup.EACH)
    await scene.record(scene.holders[0], date(2026, 2, 1), 60)
    await gaps.keep(db, now=NOW)
    got = await scene.read(scene.root)
    assert (got.of_children, got.baseline, got.goal, got.pace[-1].value) == (True, 0, 100, 100)
    assert points(got.measured) == [(TODAY, D("33.333333"))]
    leaf = await scene.read(scene.holders[0])
    assert (leaf.of_children, leaf.goal) == (False, 60)


async def test_a_firm_reads_its_own_readings_and_of_others_what_their_outcomes_were(db: Database) -> None:
    scene = await Scene(db).build()
    for target in scene.holders:
        await scene.record(target, date(2026, 2, 1), 11)
        await scene.record(target, date(2026, 2, 20), 15)
    await gaps.keep(db, now=NOW)
    own, other = [await scene.read(scene.holders[i], scene.firm_person, Every.DAY) for i in (2, 1)]
    assert (own.measured.origin, len(own.measured.points)) == (Origin.READINGS, 2)
    assert (other.measured.origin, points(other.measured)) == (Origin.HISTORY, [(TODAY, 15)])
    official = await scene.read(scene.holders[1], scene.official, Every.DAY)
    assert len(official.measured.points) == 2


async def test_who_does_not_see_the_outcome_sees_no_series(db: Database) -> None:
    scene = await Scene(db).build(audience=Audience.GOVERNMENT)
    every = [scene.root.id, *(t.id for t in scene.holders)]
    seen = []
    for who in (scene.official, scene.firm_person):
        async with db.snapshot(who, now=NOW) as tx:
            seen.append(sorted(await series_of_targets(tx, every, Every.MONTH)))
    assert seen == [sorted(every), [scene.holders[2].id]]


async def test_a_long_series_is_coarsened_and_says_so_and_an_endless_one_is_refused(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await Scene(db).build()
    monkeypatch.setattr("vdept.measurements.periods.POINTS", 60)
    got = await scene.read(scene.root, every=Every.DAY)
    assert (got.every, got.coarsened) == (Every.WEEK, True)
    monkeypatch.setattr("vdept.measurements.periods.POINTS", 3)
    assert (await scene.read(scene.root, every=Every.DAY)).every is Every.YEAR
    with pytest.raises(Refused, match="PERIOD_TOO_LONG"):
        await scene.read(scene.root, since=date(2000, 1, 1))
    with pytest.raises(Refused, match="PERIOD_INVERTED"):
        await scene.read(scene.root, since=date(2027, 1, 1))


async def test_a_part_of_the_time_shows_its_part_of_the_lines(db: Database) -> None:
    scene = await Scene(db).build()
    for month in (1, 2):
        await scene.record(scene.holders[0], date(2026, month, 10), month)
    got = await scene.read(scene.holders[0], since=date(2026, 2, 5), until=date(2026, 3, 5))
    assert points(got.measured) == [(date(2026, 2, 10), 2)]
    assert [p.on_day for p in got.pace] == [date(2026, 2, 1), date(2026, 3, 1), date(2026, 3, 31)]


async def test_all_targets_take_as_many_statements_as_one(db: Database) -> None:
    scene = await Scene(db).build()
    every = [scene.root.id, *(t.id for t in scene.holders)]
    sent = []
    for ids in (every[:1], every):
        async with db.snapshot(SYSTEM, now=NOW) as tx:
            with counting(db) as statements:
                found = await series_of_targets(tx, ids, Every.MONTH)
        assert len(found) == len(ids)
        sent.append(len(statements))
    assert sent == [3, 3]
