"""A small country and everything that can happen in it, at random: what moves outcomes, as writers write it.

Every event changes the truth and appends to the queue what it changed, in one transaction, and nothing else.
"""

import random
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

import factories as make
from factories import NOW
from vdept.kernel.db import Tx
from vdept.measurements.models import Measurement
from vdept.targets.changes import target_changed, task_changed
from vdept.targets.models import Audience, Basis, Direction, KeyResult, Rollup, Target
from vdept.tasks.models import (
    LinkState,
    ParticipantRole,
    Participation,
    ParticipationState,
    Task,
    TaskKind,
    TaskState,
    TaskTarget,
)
from vdept.tasks.rules import is_open
from vdept.units.models import Unit, UnitKind

START, END = date(2026, 1, 1), date(2026, 12, 31)
Event = Callable[["Country", Tx], Awaitable[None]]
EVENTS: list[Event] = []


def event(weight: int) -> Callable[[Event], Event]:
    """Something that may happen; ``weight`` is how often."""

    def add(act: Event) -> Event:
        EVENTS.extend([act] * weight)
        return act

    return add


class Country:
    """A plan over three levels of public bodies and two firms, with a target tree for every roll-up rule."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.plan_id = 0
        self.today = START
        self.units: list[Unit] = []
        self.targets: list[Target] = []
        self.key_results: list[KeyResult] = []
        self.tasks: list[int] = []

    async def found(self, tx: Tx) -> None:
        """The first day: units, the plan, and its targets."""
        nation = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        provinces = [await make.unit(tx, f"Tỉnh {i}", parent=nation) for i in range(3)]
        communes = [
            await make.unit(tx, f"Xã {i}", UnitKind.COMMUNE, parent=provinces[i % 3]) for i in range(5)
        ]
        firms = [await make.unit(tx, f"Công ty {i}", UnitKind.FIRM) for i in range(2)]
        self.units = [nation, *provinces, *communes, *firms]
        plan = await make.plan(tx, nation, starts_on=START, ends_on=END)
        self.plan_id = plan.id
        indicators = [
            await make.indicator(tx, ratio=ratio, direction=direction)
            for ratio in (True, False)
            for direction in Direction
        ]
        for rollup in [*Rollup, *self.random.sample(list(Rollup), 3)]:
            what = self.random.choice(indicators)
            key_result = await make.key_result(
                tx, plan, what, rollup=rollup, basis=self.random.choice(list(Basis)), **self.definition(what)
            )
            self.key_results.append(key_result)
            root = await self._target(tx, key_result, nation)
            for province in provinces[: self.random.randint(0, 3)]:
                below = await self._target(tx, key_result, province, root)
                for commune in communes:
                    if commune.parent_id == province.id and self.random.random() < 0.8:
                        await self._target(tx, key_result, commune, below)
            if self.random.random() < 0.5:
                await self._target(tx, key_result, firms[0], root)

    async def _target(
        self, tx: Tx, of: KeyResult, holder: Unit, parent: Target | None = None
    ) -> Target | None:
        due_on = self.random.choice([of.due_on, END - timedelta(self.random.randint(0, 300))])
        row = await make.target(
            tx,
            of,
            holder,
            parent,
            weight=self.weight(),
            starts_on=START + timedelta(self.random.randint(0, 60)),
            due_on=max(due_on, START + timedelta(60)),
        )
        self.targets.append(row)
        await target_changed(tx, self.plan_id, [row.id])
        return row

    # What is drawn ----------------------------------------------------------------------------------------

    def definition(self, what: Any) -> dict[str, Any]:
        """Goal, baseline, weight, thresholds and phases of a key result."""
        goal, at_risk = self.amount(), Decimal(self.random.randint(0, 30))
        between = what.direction is Direction.BETWEEN and self.random.random() < 0.8
        days = sorted(self.random.sample(range(-5, 370), 3))
        phases = [{"by": (START + timedelta(d)).isoformat(), "value": str(self.amount())} for d in days]
        return {
            "value": goal,
            "value_high": goal + abs(self.amount()) if between else None,
            "baseline": self.random.choice([None, Decimal(0), self.amount()]),
            "weight": self.weight(),
            "binding": self.random.random() < 0.7,
            "due_on": END,
            "at_risk_points": at_risk,
            "off_track_points": at_risk + self.random.randint(0, 20),
            "milestones": phases if self.random.random() < 0.4 else None,
        }

    def amount(self) -> Decimal:
        """Mostly everyday numbers; now and then an exact goal, something tiny, negative or huge."""
        kind = self.random.randint(0, 11)
        if kind < 5:
            return Decimal(self.random.randint(0, 100))
        if kind < 8:
            return Decimal(self.random.randint(-(10**7), 10**8)).scaleb(-6)
        return self.random.choice(
            [
                Decimal(0),
                Decimal(60),
                Decimal("59.999999"),
                Decimal("0.000001"),
                Decimal(-3),
                Decimal(10**12) / 7,
            ]
        ).quantize(Decimal("0.000001"))

    def weight(self) -> Decimal:
        return Decimal(self.random.choice([1, 1, 2, 3, "0.5", "0.333333", 100]))

    def day(self) -> date:
        """A day around today, or in the plan's year or a little outside."""
        if self.random.random() < 0.25:
            return self.today + timedelta(self.random.randint(-1, 1))
        return START + timedelta(self.random.randint(-20, 385))


# What can happen ------------------------------------------------------------------------------------------


async def readings_changed(country: Country, tx: Tx, unit_id: int, indicator_id: int) -> None:
    touched = [t.id for t in country.targets if (t.unit_id, t.indicator_id) == (unit_id, indicator_id)]
    await target_changed(tx, country.plan_id, touched)


@event(10)
async def measure(country: Country, tx: Tx) -> None:
    target = country.random.choice(country.targets)
    denominator = abs(country.amount()) + country.random.choice([1, Decimal("0.000001")])
    numerator = country.amount() if country.random.random() < 0.6 else None
    if numerator is not None and abs(numerator / denominator) > 10**12:
        numerator = None
    row = Measurement(
        indicator_id=target.indicator_id,
        unit_id=target.unit_id,
        basis=country.random.choice(list(Basis)),
        as_of=country.day(),
        value=country.amount() if numerator is None else round(100 * numerator / denominator, 6),
        numerator=numerator,
        denominator=None if numerator is None else denominator,
        source="test",
        recorded_at=NOW,
    )
    tx.session.add(row)
    await tx.session.flush()
    await readings_changed(country, tx, target.unit_id, target.indicator_id)


@event(3)
async def fulfil(country: Country, tx: Tx) -> None:
    """All who hold targets of a key result reach exactly what is asked, but for the root now and then."""
    key_result = country.random.choice(country.key_results)
    basis, as_of = country.random.choice(list(Basis)), START + timedelta(country.random.randint(60, 90))
    for target in country.targets:
        if target.key_result_id == key_result.id and (target.level or country.random.random() < 0.5):
            tx.session.add(
                Measurement(
                    indicator_id=target.indicator_id,
                    unit_id=target.unit_id,
                    basis=basis,
                    as_of=as_of,
                    value=target.value,
                    source="test",
                    recorded_at=NOW,
                )
            )
            await tx.session.flush()
            await readings_changed(country, tx, target.unit_id, target.indicator_id)


@event(3)
async def correct(country: Country, tx: Tx) -> None:
    wrong = await tx.session.scalar(
        sa.text(
            "SELECT m.id FROM measurement m WHERE NOT EXISTS "
            "(SELECT FROM measurement c WHERE c.supersedes_id = m.id) ORDER BY md5(m.id || :salt) LIMIT 1"
        ),
        {"salt": str(country.random.random())},
    )
    if wrong is None:
        return
    unit_and_indicator = await tx.session.execute(
        sa.text(
            "INSERT INTO measurement (indicator_id, unit_id, basis, as_of, value, source, recorded_at,"
            " supersedes_id) SELECT indicator_id, unit_id, basis, as_of, :value, source, recorded_at, id "
            "FROM measurement WHERE id = :id RETURNING unit_id, indicator_id"
        ),
        {"id": wrong, "value": country.amount()},
    )
    await readings_changed(country, tx, *unit_and_indicator.one())


def _state(country: Country, delivered_on: date) -> dict[str, Any]:
    state = country.random.choice(list(TaskState))
    done = state in {TaskState.DELIVERED, TaskState.VERIFIED}
    return {
        "state": state,
        "state_reason": "lý do",
        "review_on": END if state is TaskState.PAUSED else None,
        "paused_on": START if state is TaskState.PAUSED else None,
        "delivered_on": delivered_on if done else None,
    }


@event(4)
async def share_a_task(country: Country, tx: Tx) -> None:
    owner, lead, *others = country.random.sample(country.units, 4)
    due_on = country.day()
    task = Task(
        plan_id=country.plan_id,
        title="Nhiệm vụ",
        search="nhiem vu",
        kind=TaskKind.ROUTINE,
        audience=Audience.GOVERNMENT,
        owner_unit_id=owner.id,
        lead_unit_id=lead.id,
        created_at=NOW,
        updated_at=NOW,
        due_on=due_on,
        original_due_on=due_on,
        progress=Decimal(country.random.randint(0, 10000)) / 100,
        **_state(country, country.day()),
    )
    tx.session.add(task)
    await tx.session.flush()
    for unit in [lead, *others][: country.random.randint(0, 3)]:
        tx.session.add(
            Participation(
                task_id=task.id,
                unit_id=unit.id,
                role=country.random.choice(list(ParticipantRole)),
                state=country.random.choice([*ParticipationState, *[ParticipationState.ACCEPTED] * 4]),
                share=country.random.choice([0, 1, 2, 3, 50]),
                progress=country.random.randint(0, 100),
                due_on=due_on,
                open=is_open(task.state),
                updated_at=NOW,
            )
        )
    for target in country.random.sample(country.targets, country.random.randint(0, 3)):
        tx.session.add(_link(country, task.id, target.id))
    country.tasks.append(task.id)
    await task_changed(tx, country.plan_id, task.id)


@event(6)
async def work(country: Country, tx: Tx) -> None:
    """Progress, a state, a due date: whatever a task goes through."""
    if not country.tasks:
        return
    task_id = country.random.choice(country.tasks)
    row = {"progress": Decimal(country.random.randint(0, 10000)) / 100, "due_on": country.day()}
    row |= _state(country, country.day()) if country.random.random() < 0.7 else {}
    await tx.session.execute(sa.update(Task).where(Task.id == task_id).values(**row))
    await task_changed(tx, country.plan_id, task_id)


@event(4)
async def take_part(country: Country, tx: Tx) -> None:
    """A participant reports, accepts, leaves, or gets another share."""
    if not country.tasks:
        return
    task_id = country.random.choice(country.tasks)
    row = {
        "state": country.random.choice(list(ParticipationState)),
        "share": country.random.choice([0, 1, 7]),
        "progress": country.random.randint(0, 100),
    }
    one = country.random.choice(country.units).id if country.random.random() < 0.3 else Participation.unit_id
    await tx.session.execute(
        sa.update(Participation)
        .where(Participation.task_id == task_id, Participation.unit_id == one)
        .values(**row)
    )
    await task_changed(tx, country.plan_id, task_id)


def _link(country: Country, task_id: int, target_id: int) -> TaskTarget:
    state = country.random.choice([*LinkState, LinkState.ACCEPTED])
    reason = "không" if state is LinkState.DECLINED else None
    weight = country.weight()
    return TaskTarget(task_id=task_id, target_id=target_id, weight=weight, state=state, reason=reason)


@event(3)
async def answer(country: Country, tx: Tx) -> None:
    """The unit that holds a target answers a proposal, with or without the task having changed."""
    if not country.tasks:
        return
    task_id, yes = country.random.choice(country.tasks), country.random.random() < 0.7
    answered = {"state": LinkState.ACCEPTED} if yes else {"state": LinkState.DECLINED, "reason": "không"}
    await tx.session.execute(
        sa.update(TaskTarget)
        .where(TaskTarget.task_id == task_id, TaskTarget.state == LinkState.PROPOSED)
        .values(**answered)
    )
    await task_changed(tx, country.plan_id, task_id)


@event(3)
async def link(country: Country, tx: Tx) -> None:
    """Link a task to a target, weigh the link anew, or cut it."""
    if not country.tasks:
        return
    task_id, target = country.random.choice(country.tasks), country.random.choice(country.targets)
    cut = await tx.session.execute(
        sa.delete(TaskTarget)
        .where(TaskTarget.task_id == task_id, TaskTarget.target_id == target.id)
        .returning(TaskTarget.task_id)
    )
    if cut.first() is None or country.random.random() < 0.5:
        tx.session.add(_link(country, task_id, target.id))
    await target_changed(tx, country.plan_id, [target.id])


@event(5)
async def steer(country: Country, tx: Tx) -> None:
    """Pause, withdraw, reinstate; another value, weight, baseline, start or due date."""
    target = country.random.choice(country.targets)
    starts_on = START + timedelta(country.random.randint(0, 60))
    row = country.random.choice(
        [
            {"state": "PAUSED", "review_on": END},
            {"state": "WITHDRAWN", "review_on": None},
            {"state": "ACTIVE", "review_on": None},
            {"weight": country.weight()},
            {"value": country.amount(), "value_high": None},
            {"baseline": country.random.choice([None, country.amount()])},
            {"starts_on": starts_on, "due_on": max(starts_on, country.day())},
        ]
    )
    await tx.session.execute(sa.update(Target).where(Target.id == target.id).values(**row))
    await target_changed(tx, country.plan_id, [target.id])


@event(2)
async def redefine(country: Country, tx: Tx) -> None:
    """Another weight, force, basis, rule or pace of a key result: all its targets are touched."""
    key_result = country.random.choice(country.key_results)
    row = country.random.choice(
        [
            {"weight": country.weight()},
            {"binding": country.random.random() < 0.5},
            {"basis": country.random.choice(list(Basis))},
            {"rollup": country.random.choice(list(Rollup))},
            {"at_risk_points": 5, "off_track_points": 6},
            {"milestones": [{"by": "2026-06-30", "value": str(country.amount())}]},
            {"milestones": None},
        ]
    )
    await tx.session.execute(sa.update(KeyResult).where(KeyResult.id == key_result.id).values(**row))
    touched = [t.id for t in country.targets if t.key_result_id == key_result.id]
    await target_changed(tx, country.plan_id, touched)


@event(2)
async def assign_on(country: Country, tx: Tx) -> None:
    """A unit that has no target of this key result yet gets one, below any target of it."""
    parent = country.random.choice([t for t in country.targets if t.level < 3])
    holder = country.random.choice(country.units)
    key_result = next(k for k in country.key_results if k.id == parent.key_result_id)
    if all((t.key_result_id, t.unit_id) != (key_result.id, holder.id) for t in country.targets):
        await country._target(tx, key_result, holder, parent)
