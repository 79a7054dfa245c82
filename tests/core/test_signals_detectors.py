"""Every detector's query finds exactly what its rule says of the same rows, on series made at random."""

import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from vdept.kernel.activity import Activity
from vdept.kernel.clock import local_date
from vdept.kernel.db import Database, Tx
from vdept.measurements.models import Measurement
from vdept.signals.detecting import detect
from vdept.signals.detectors import (
    FRESH,
    Finding,
    backdated,
    copied,
    drift,
    jump,
    ping_pong,
    rush,
    same_answer,
)
from vdept.signals.models import Detector, Signal
from vdept.targets.models import Basis, Direction, Indicator, KeyResult, Target
from vdept.tasks.models import Task, TaskState
from vdept.units.models import Unit, UnitKind
from vdept.warnings.models import EarlyWarning, Severity, WarningKind, WarningSubject

NOW = datetime(2026, 6, 24, 3, 0, tzinfo=UTC)
"""A Wednesday, 10:00 in Vietnam."""
TODAY = local_date(NOW)
SEEDS = range(4)


async def signals(db: Database, detector: Detector) -> list[Finding]:
    async with db.snapshot(SYSTEM) as tx:
        rows = await tx.session.scalars(sa.select(Signal).where(Signal.detector == detector))
        return sorted(
            Finding(r.key, r.unit_id, r.plan_id, r.task_id, r.indicator_id, r.score.normalize(), r.evidence)
            for r in rows
        )


def in_order(findings: Iterable[Finding | None]) -> list[Finding]:
    return sorted(each._replace(score=each.score.normalize()) for each in findings if each is not None)


def value(
    tx: Tx, unit: Unit, indicator: Indicator, as_of: date, number: Decimal | int | str, **more: Any
) -> Measurement:
    row = Measurement(
        indicator_id=indicator.id,
        unit_id=unit.id,
        basis=more.pop("basis", Basis.REPORTED),
        as_of=as_of,
        value=Decimal(number),
        source="thử",
        recorded_at=more.pop("recorded_at", NOW - timedelta(days=1)),
        **more,
    )
    tx.session.add(row)
    return row


class Series:
    """What stands of the series of one indicator, as the rules want it."""

    def __init__(self, rows: Iterable[Measurement], today: date) -> None:
        standing: dict[tuple[int, Basis], dict[date, Measurement]] = defaultdict(dict)
        for row in sorted(rows, key=lambda row: row.id):
            if today - timedelta(FRESH) < row.as_of <= today:
                standing[row.unit_id, row.basis][row.as_of] = row
        self.of = {key: [found[day] for day in sorted(found)] for key, found in standing.items()}

    def get(self, unit: Unit, basis: Basis) -> list[Measurement]:
        return self.of.get((unit.id, basis), [])


async def random_series(
    db: Database, chance: random.Random
) -> tuple[list[Unit], Indicator, list[Measurement]]:
    """Units in and out of one line, with values that drift, jump and are copied now and then."""
    async with db.begin(SYSTEM, now=NOW) as tx:
        top = await make.unit(tx)
        units = [top, *[await make.unit(tx, parent=top) for _ in range(4)]]
        units += [await make.unit(tx) for _ in range(3)] + [await make.unit(tx, kind=UnitKind.FIRM)]
        indicator = await make.indicator(tx, ratio=False, direction=chance.choice(list(Direction)))
        days = [TODAY - timedelta(30 * i + chance.randrange(3)) for i in range(-1, 16)][::-1]
        rows: list[Measurement] = []
        for unit in units:
            like = chance.choice(units)
            copying = [row for row in rows if row.unit_id == like.id] if chance.random() < 0.6 else []
            if copying:
                for row in copying:
                    if chance.random() < 0.95:
                        again = {"basis": row.basis}
                        rows.append(value(tx, unit, indicator, row.as_of, row.value, **again))
                continue
            level, gap = chance.randrange(100, 900), Decimal(0)
            for day in days:
                measured = Decimal(level) + Decimal(chance.randrange(-999, 999)) / 100
                gap = gap + chance.randrange(1, 9) if chance.random() < 0.95 else Decimal(0)
                if chance.random() < 0.05:
                    measured *= 10
                if chance.random() < 0.9:
                    rows.append(value(tx, unit, indicator, day, measured, basis=Basis.MEASURED))
                if chance.random() < 0.9:
                    sign = -1 if indicator.direction is Direction.AT_MOST else 1
                    reported = (
                        measured + sign * gap if chance.random() < 0.9 else measured.quantize(Decimal(100))
                    )
                    earlier = day - timedelta(chance.randrange(2))
                    rows.append(value(tx, unit, indicator, earlier, reported))
                    if chance.random() < 0.1:
                        rows.append(value(tx, unit, indicator, earlier, reported + 1))
        await tx.session.flush()
    return units, indicator, rows


@pytest.mark.parametrize("seed", SEEDS)
async def test_queries_of_series_find_what_the_rules_find(db: Database, seed: int) -> None:
    units, indicator, rows = await random_series(db, random.Random(seed))
    await detect(db, as_of=TODAY, now=NOW)
    series = Series(rows, TODAY)
    found: dict[Detector, list[Finding | None]] = defaultdict(list)
    holders: list[copied.Unit] = []
    for unit in units:
        reported, measured = (series.get(unit, basis) for basis in (Basis.REPORTED, Basis.MEASURED))
        pairs = drift.pairs(
            [drift.Reading(r.as_of, r.value) for r in reported],
            [drift.Reading(m.as_of, m.value) for m in measured],
        )
        found[Detector.DRIFT].append(drift.find(unit.id, indicator.id, indicator.direction, pairs))
        for basis, each in ((Basis.REPORTED, reported), (Basis.MEASURED, measured)):
            readings = [jump.Reading(r.id, r.as_of, r.value) for r in each]
            found[Detector.JUMP] += jump.find(unit.id, indicator.id, basis, readings)
        if unit.public_body:
            held = tuple(copied.Reading(r.as_of, r.value) for r in reported)
            holders.append(copied.Unit(unit.id, unit.name, tuple(unit.path), held))
    found[Detector.COPIED] = [*copied.find(indicator.id, holders)]
    for detector, expected in found.items():
        assert await signals(db, detector) == in_order(expected), detector
        assert in_order(expected), f"the seed has none of {detector}"


@pytest.mark.parametrize("seed", SEEDS)
async def test_rushes_are_those_of_the_rule(db: Database, seed: int) -> None:
    chance = random.Random(seed)
    tasks: dict[int, list[rush.Done]] = defaultdict(list)
    async with db.begin(SYSTEM, now=NOW) as tx:
        owner = await make.unit(tx)
        plans = [await make.plan(tx, owner), None]
        units = [await make.unit(tx) for _ in range(6)]
        for unit in units:
            for week in range(4):
                busy = datetime(2026, 6, 1, 2, 0, tzinfo=UTC) + timedelta(days=7 * week + chance.randrange(5))
                for _ in range(chance.randrange(4, 10)):
                    due_on = local_date(busy) + timedelta(chance.randrange(-1, 3))
                    done = chance.random() < 0.85
                    at = busy + timedelta(minutes=chance.randrange(80))
                    state = TaskState.DELIVERED if done else chance.choice([*TaskState][1:4])
                    row = await make.task(
                        tx,
                        owner,
                        unit,
                        chance.choice(plans),
                        due_on=due_on,
                        state=state,
                        delivered_on=local_date(at) if done else None,
                    )
                    if state is TaskState.OFFERED:
                        continue
                    tasks[unit.id].append(
                        rush.Done(row.id, row.plan_id, due_on, row.delivered_on, at if done else None)
                    )
                    if done:
                        _log(tx, row, "task.delivered", at - timedelta(days=1), unit)
                        _log(tx, row, "task.delivered", at, unit)
    await detect(db, as_of=TODAY, now=NOW)
    this_week = rush.monday(TODAY)
    expected = [
        rush.find(unit_id, week, [each for each in done if rush.monday(each.due_on) == week])
        for unit_id, done in tasks.items()
        for week in (this_week - timedelta(7), this_week - timedelta(14))
    ]
    assert await signals(db, Detector.RUSH) == in_order(expected)
    assert in_order(expected), "the seed has none"


def _log(tx: Tx, task: Task, verb: str, at: datetime, unit: Unit) -> Activity:
    row = Activity(
        at=at,
        actor="person",
        verb=verb,
        subject_type="Task",
        subject_id=task.id,
        unit_id=unit.id,
        plan_id=task.plan_id,
        data={},
    )
    tx.session.add(row)
    return row


@pytest.mark.parametrize("seed", SEEDS)
async def test_tasks_that_come_back_are_those_of_the_rule(db: Database, seed: int) -> None:
    chance = random.Random(seed)
    logs: list[tuple[Task, list[ping_pong.Entry]]] = []
    async with db.begin(SYSTEM, now=NOW) as tx:
        one, two = await make.unit(tx), await make.unit(tx)
        for _ in range(12):
            row = await make.task(tx, one, chance.choice([one, two]), state=TaskState.IN_PROGRESS)
            entries: list[ping_pong.Entry] = []
            for i in range(chance.randrange(7)):
                verb = chance.choice([*ping_pong.VERBS, "task.offered", "task.accepted"])
                at = NOW - timedelta(days=30 - i)
                _log(tx, row, verb, at, two)
                entries.append(ping_pong.Entry(verb, two.id, at))
            logs.append((row, entries))
    await detect(db, as_of=TODAY, now=NOW)
    expected = [
        ping_pong.find(t.id, t.plan_id, t.owner_unit_id, t.lead_unit_id, entries) for t, entries in logs
    ]
    assert await signals(db, Detector.PING_PONG) == in_order(expected)


@pytest.mark.parametrize("seed", SEEDS)
async def test_late_values_are_those_of_the_rule(db: Database, seed: int) -> None:
    chance = random.Random(seed)
    rows: list[Measurement] = []
    aims: list[tuple[Target, KeyResult]] = []
    async with db.begin(SYSTEM, now=NOW) as tx:
        issuer = await make.unit(tx)
        plan = await make.plan(tx, issuer)
        for _ in range(2):
            indicator = await make.indicator(tx, ratio=False)
            key_result = await make.key_result(tx, plan, indicator, due_on=date(2026, 6, 20))
            for _ in range(4):
                unit = await make.unit(tx)
                due_on = date(2026, 6, 20) - timedelta(chance.randrange(3))
                later = {"starts_on": date(2026, 4, 1)} if chance.random() < 0.5 else {}
                aims.append((await make.target(tx, key_result, unit, due_on=due_on, **later), key_result))
                rows += [
                    value(
                        tx,
                        unit,
                        indicator,
                        date(2026, 5, 5) - timedelta(chance.randrange(-8, 150)),
                        chance.randrange(100),
                        recorded_at=datetime(2026, 6, 15, 12, tzinfo=UTC)
                        + timedelta(hours=chance.randrange(24 * 9)),
                        intake_id=7 if chance.random() < 0.2 else None,
                    )
                    for _ in range(5)
                ]
        await tx.session.flush()
    await detect(db, as_of=TODAY, now=NOW + timedelta(days=2))
    expected = []
    for target, _ in aims:
        aim = backdated.Aim(
            target.id, target.plan_id, target.unit_id, target.indicator_id, plan.starts_on, target.due_on
        )
        mine = [r for r in rows if (r.unit_id, r.indicator_id) == (target.unit_id, target.indicator_id)]
        values = [
            backdated.Value(r.id, r.as_of, r.value, r.recorded_at, r.intake_id is not None) for r in mine
        ]
        expected.append(backdated.find(aim, values))
    assert await signals(db, Detector.BACKDATED) == in_order(expected)


TEXT = (
    "đơn vị sẽ phân công cán bộ rà soát toàn bộ hồ sơ còn tồn đọng và bổ sung nhân lực để hoàn thành trước "
    "ngày cuối tháng theo đúng kế hoạch đã được phê duyệt"
)
WORDS = TEXT.split()


@pytest.mark.parametrize("seed", SEEDS)
async def test_answers_that_are_the_same_are_those_of_the_rule(db: Database, seed: int) -> None:
    chance = random.Random(seed)
    answers: dict[int, list[same_answer.Answer]] = defaultdict(list)
    async with db.begin(SYSTEM, now=NOW) as tx:
        for _ in range(3):
            unit, base = await make.unit(tx), list(WORDS)
            for i in range(10):
                said = list(base)
                for _ in range(chance.randrange(7)):
                    said[chance.randrange(len(said))] = chance.choice(["ngay", "TUẦN", "Đà-Nẵng", "quý"])
                text = " ".join(said[: chance.choice([6, 30, 30])])
                at = NOW - timedelta(days=100 - i // 2)
                row = EarlyWarning(
                    kind=WarningKind.ABANDONED,
                    severity=Severity.AT_RISK,
                    subject=WarningSubject.TASK,
                    subject_id=chance.randrange(6) * 100 + i // 5,
                    unit_id=unit.id,
                    evidence={},
                    opened_on=TODAY,
                    opened_at=at,
                    acknowledged_at=at,
                    response=text,
                    respond_by=TODAY,
                    closed_at=NOW,
                    closed_because="DONE",
                )
                tx.session.add(row)
                await tx.session.flush()
                tx.session.add(
                    Activity(
                        at=at,
                        actor="person",
                        verb="warning.acknowledged",
                        subject_type="EarlyWarning",
                        subject_id=row.id,
                        unit_id=unit.id,
                        data={},
                    )
                )
                answers[unit.id].append(same_answer.Answer(row.id, str(row.subject_id), at, text))
    await detect(db, as_of=TODAY, now=NOW)
    expected = [each for unit_id, given in answers.items() for each in same_answer.find(unit_id, given)]
    assert await signals(db, Detector.SAME_ANSWER) == in_order(expected)
    assert expected, "the seed has none"
