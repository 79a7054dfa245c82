"""Assign a target on to any number of units in one act (design, section 4; requirements 22, 24, 25).

The act is a constant number of statements: lock the parent, keep recordings out, check all units, write
all targets with their activities and change rows. Either every unit is assigned or nothing is written, and
the refusal names the units in the way.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.kernel.errors import Refusal, Refused, RefusedMany
from vdept.targets import rules
from vdept.targets.access import MANAGERS_OF_HOLDER, Held, get_target_for_update
from vdept.targets.changes import DOORBELL, lock_readings
from vdept.targets.errors import (
    ASSIGN_TO_WHOM,
    NO_UNITS,
    UNITS_ALREADY_HOLD,
    UNITS_LAXER,
    UNITS_NOT_BELOW,
    UNITS_NOT_IN_FORCE,
    UNITS_OUT_OF_BOUNDS,
    UNITS_REPEATED,
    UNITS_UNKNOWN,
    UNITS_WEIGHT_NOT_POSITIVE,
    VALUES_FOR_OTHER_UNITS,
    VALUES_REQUIRED,
)
from vdept.targets.models import PlanState, Rollup, TargetState
from vdept.targets.rules import Goal
from vdept.targets.statements import ASSIGN_ALIKE, ASSIGN_EACH, CHECK_UNITS, UNITS_OF_KIND, author
from vdept.units.models import Unit, UnitKind

NAMED = 10
"""How many of the units in the way a refusal names."""


@dataclass(frozen=True, slots=True)
class AssignResult:
    """What was assigned, or would be (``dry_run``: then ``refusals`` says what stands in the way).

    ``first_ids`` are up to 100 of the new targets; all of them are the parent's children.
    """

    count: int
    first_ids: tuple[int, ...] = ()
    refusals: tuple[Refused, ...] = ()


@dataclass(slots=True)
class _Order:
    """What one act asks for, resolved: who, how much, by when."""

    held: Held
    unit_ids: list[int]
    goal: Goal | None
    due_on: date
    weight: Decimal
    values: Mapping[int, Decimal] = field(default_factory=dict)
    weights: Mapping[int, Decimal] = field(default_factory=dict)
    problems: list[Refused] = field(default_factory=list)

    @property
    def from_root(self) -> bool:
        return self.held.target.parent_id is None

    def goal_of(self, value: Decimal) -> Goal:
        """A unit's own value, with the upper bound all units share."""
        return Goal(value, self.goal.high if self.goal else self.held.target.value_high)


async def assign(
    tx: Tx,
    parent_target_id: int,
    *,
    unit_ids: Sequence[int] | None = None,
    all_of_kind: UnitKind | Collection[UnitKind] | None = None,
    value: Decimal | None = None,
    value_high: Decimal | None = None,
    values_by_unit: Mapping[int, Decimal] | None = None,
    due_on: date | None = None,
    weight: Decimal | None = None,
    weights_by_unit: Mapping[int, Decimal] | None = None,
    dry_run: bool = False,
) -> AssignResult:
    """Assign the holder's target on to ``unit_ids``, or to every unit of a kind below the holder.

    A unit's value is its own of ``values_by_unit``, else ``value``, else the parent's (but the parts of a
    SUM must be given). Refuses, naming the units: unknown, not in force, not below, already holding, laxer.
    """
    held = await get_target_for_update(tx, parent_target_id, "parentTargetId")
    tx.actor.require(tx.actor.has(held.target.unit_id, MANAGING), MANAGERS_OF_HOLDER, "parentTargetId")
    rules.require_plan_state(held.plan.state, PlanState.ISSUED, "parentTargetId")
    rules.require_target_state(held.target.state, [TargetState.ACTIVE], "parentTargetId")
    order = _Order(
        held,
        await _resolve(tx, held, unit_ids, all_of_kind, values_by_unit),
        _common_goal(held, value, value_high),
        due_on or held.target.due_on,
        Decimal(1) if weight is None else weight,
        values_by_unit or {},
        weights_by_unit or {},
    )
    rules.require_due(order.due_on, held.plan.starts_on, held.target.due_on)
    rules.require_weight(order.weight, "weight")
    await lock_readings(tx, [held.indicator.id])
    await _check(tx, order)
    if dry_run:
        return AssignResult(len(order.unit_ids), refusals=tuple(order.problems))
    if len(order.problems) == 1:
        raise order.problems[0]
    if order.problems:
        raise RefusedMany(order.problems)
    return await _write(tx, order)


async def _resolve(
    tx: Tx,
    held: Held,
    unit_ids: Sequence[int] | None,
    kinds: UnitKind | Collection[UnitKind] | None,
    values: Mapping[int, Decimal] | None,
) -> list[int]:
    """The units meant: those named, those of a kind below the holder, or those given a value."""
    if unit_ids is None and kinds is None and values:
        unit_ids = list(values)
    if (unit_ids is None) == (kinds is None):
        raise ASSIGN_TO_WHOM.at("unitIds")
    if unit_ids is not None:
        if len(set(unit_ids)) != len(unit_ids):
            seen: set[int] = set()
            again = sorted({u for u in unit_ids if u in seen or seen.add(u)})  # type: ignore[func-returns-value]
            raise UNITS_REPEATED.at("unitIds", units=", ".join(map(str, again[:NAMED])))
        found = list(unit_ids)
    else:
        wanted = [kinds] if isinstance(kinds, UnitKind) else list(kinds or ())
        rows = await tx.session.execute(
            UNITS_OF_KIND,
            {
                "kinds": wanted,
                "holder_id": held.target.unit_id,
                "from_root": held.target.parent_id is None,
                "today": tx.today,
            },
        )
        found = list(rows.scalar_one())
    if not found:
        raise NO_UNITS.at("unitIds" if kinds is None else "allOfKind")
    return found


def _common_goal(held: Held, value: Decimal | None, high: Decimal | None) -> Goal | None:
    """What units without a value of their own are asked: what was given, or the parent's; none for a SUM."""
    target, indicator = held.target, held.indicator
    if value is None and held.key_result.rollup is Rollup.SUM:
        return None
    goal = Goal(
        target.value if value is None else value,
        target.value_high if high is None else high,
    )
    rules.require_goal(indicator.direction, goal, indicator.minimum, indicator.maximum)
    parent = Goal(target.value, target.value_high)
    rules.require_never_laxer(held.key_result.rollup, indicator.direction, goal, parent)
    return goal


async def _check(tx: Tx, order: _Order) -> None:
    """Collect everything that stands in the way, each problem naming its units."""
    held = order.held
    found = (
        await tx.session.execute(
            CHECK_UNITS,
            {
                "unit_ids": order.unit_ids,
                "today": tx.today,
                "holder_id": held.target.unit_id,
                "from_root": order.from_root,
                "key_result_id": held.key_result.id,
                "parent_id": held.target.id,
            },
        )
    ).one()
    for why, count, names in (
        (UNITS_UNKNOWN, found.unknown, found.unknown_names),
        (UNITS_NOT_IN_FORCE, found.not_in_force, found.not_in_force_names),
        (UNITS_NOT_BELOW, found.outside, found.outside_names),
        (UNITS_ALREADY_HOLD, found.held, found.held_names),
    ):
        if count:
            order.problems.append(why.at("unitIds", count=count, units=_list(names, count)))
    await _check_values(tx, order, found.parts)


async def _check_values(tx: Tx, order: _Order, parts: Decimal) -> None:
    held, direction, indicator = order.held, order.held.indicator.direction, order.held.indicator
    parent = Goal(held.target.value, held.target.value_high)
    summed = held.key_result.rollup is Rollup.SUM
    asked = set(order.unit_ids)
    for path, given in (("valuesByUnit", order.values), ("weightsByUnit", order.weights)):
        await _name(tx, order, VALUES_FOR_OTHER_UNITS, path, [u for u in given if u not in asked])
    bounds = {"minimum": rules.shown(indicator.minimum), "maximum": rules.shown(indicator.maximum)}
    outside = [
        unit_id
        for unit_id, value in order.values.items()
        if not (rules.is_quantity(value) and rules.within(value, indicator.minimum, indicator.maximum))
    ]
    await _name(tx, order, UNITS_OUT_OF_BOUNDS, "valuesByUnit", outside, **bounds)
    bad = [u for u, weight in order.weights.items() if not (rules.is_quantity(weight) and weight > 0)]
    await _name(tx, order, UNITS_WEIGHT_NOT_POSITIVE, "weightsByUnit", bad)
    if outside:
        return
    if not summed:
        laxer = [
            unit_id
            for unit_id, value in order.values.items()
            if not rules.stricter_or_equal(direction, order.goal_of(value), parent)
        ]
        await _name(tx, order, UNITS_LAXER, "valuesByUnit", laxer, parent=str(parent))
        return
    if order.goal is None:
        missing = [unit_id for unit_id in order.unit_ids if unit_id not in order.values]
        await _name(tx, order, VALUES_REQUIRED, "valuesByUnit", missing)
        if missing:
            return
    total = sum((_upper(order, unit_id) for unit_id in order.unit_ids), parts)
    try:
        rules.require_sum_within(direction, total, parent, "valuesByUnit")
    except Refused as refused:
        order.problems.append(refused)


def _upper(order: _Order, unit_id: int) -> Decimal:
    """What a unit's part may come to at most: its upper bound, where there is one."""
    value = order.values.get(unit_id)
    goal = order.goal if value is None else order.goal_of(value)
    assert goal is not None  # noqa: S101 -- a unit without a value was refused before
    return goal.value if goal.high is None else goal.high


async def _name(
    tx: Tx, order: _Order, why: Refusal, path: str, unit_ids: Sequence[int], **params: Any
) -> None:
    """Add a problem with the first names of its units, looked up only now that they are needed."""
    if not unit_ids:
        return
    rows = await tx.session.execute(sa.select(Unit.id, Unit.name).where(Unit.id.in_(unit_ids[:NAMED])))
    names = {row.id: row.name for row in rows}
    shown = [names.get(unit_id, str(unit_id)) for unit_id in unit_ids[:NAMED]]
    count = len(unit_ids)
    order.problems.append(why.at(path, count=count, units=_list(shown, count), **params))


def _list(names: Sequence[str], count: int) -> str:
    return ", ".join(names) + (" …" if count > len(names) else "")


async def _write(tx: Tx, order: _Order) -> AssignResult:
    """One statement: targets, activities, change rows."""
    held, target = order.held, order.held.target
    summed = held.key_result.rollup is Rollup.SUM
    data = {"parentId": str(target.id), "dueOn": order.due_on}
    common = {
        **author(tx),
        "plan_id": held.plan.id,
        "key_result_id": held.key_result.id,
        "indicator_id": held.indicator.id,
        "parent_id": target.id,
        "level": target.level + 1,
        "value_high": order.goal.high if order.goal else target.value_high,
        "baseline": None if summed else target.baseline,
        "today": rules.pace_starts_on(held.plan.starts_on, order.due_on, tx.today),
        "due_on": order.due_on,
        "holder_id": target.unit_id,
        "unit_ids": order.unit_ids,
    }
    if order.values or order.weights:
        fallback = order.goal.value if order.goal else None
        chosen = {
            "values": [order.values.get(unit_id, fallback) for unit_id in order.unit_ids],
            "weights": [order.weights.get(unit_id, order.weight) for unit_id in order.unit_ids],
        }
        query = ASSIGN_EACH
    else:
        value = order.goal.value if order.goal else target.value
        chosen = {"value": value, "weight": order.weight}
        data["value"] = rules.shown(value)
        query = ASSIGN_ALIKE
    count, first = (
        await tx.session.execute(query, {**common, **chosen, "data": msgspec.json.encode(data).decode()})
    ).one()
    tx.ring(DOORBELL)
    return AssignResult(count, tuple(first))
