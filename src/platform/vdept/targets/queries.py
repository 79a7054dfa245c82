"""Batched reads of indicators, plans, key results and targets; each starts from what the actor may see."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch, fetch_each
from vdept.kernel.text import matches
from vdept.targets.access import (
    visible_indicators,
    visible_key_results,
    visible_objectives,
    visible_plans,
    visible_targets,
)
from vdept.targets.models import (
    Direction,
    Indicator,
    KeyResult,
    Objective,
    Plan,
    PlanState,
    Target,
    TargetState,
)
from vdept.units.models import Segment, Unit, UnitKind
from vdept.units.segments import in_segments

INDICATORS: Ordering[Indicator] = Ordering(
    "indicators.name", (Key(Indicator.sort_key, str), Key(Indicator.id, int)), lambda i: (i.sort_key, i.id)
)
"""Vietnamese alphabetical order."""

PLANS: Ordering[Plan] = Ordering(
    "plans.newest", (Key(Plan.starts_on, date, True), Key(Plan.id, int, True)), lambda p: (p.starts_on, p.id)
)
"""By cycle, the latest first."""

TARGETS: Ordering[Target] = Ordering(
    "targets.assigned", (Key(Target.level, int), Key(Target.id, int)), lambda t: (t.level, t.id)
)
"""From the root down, as they were assigned."""

UNIT_TARGETS: Ordering[Target] = Ordering(
    "targets.due", (Key(Target.due_on, date), Key(Target.id, int)), lambda t: (t.due_on, t.id)
)
"""By due date, the earliest first."""

CHILDREN: Ordering[Target] = Ordering("targets.children", (Key(Target.id, int),), lambda t: (t.id,))
"""As they were assigned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorFilter:
    """Which indicators: all conditions given must hold."""

    text: str | None = None
    codes: tuple[str, ...] | None = None
    direction: Direction | None = None

    def conditions(self) -> "Iterable[sa.ColumnElement[bool]]":
        if self.text:
            yield matches(Indicator.search, self.text)
        if self.codes is not None:
            yield Indicator.code == _any_text(self.codes)
        if self.direction is not None:
            yield Indicator.direction == self.direction


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFilter:
    """Which plans: all conditions given must hold."""

    states: tuple[PlanState, ...] | None = None
    issuer_unit_id: int | None = None
    holder_unit_id: int | None = None
    """In which this unit holds a target."""
    codes: tuple[str, ...] | None = None
    on: date | None = None
    """Whose cycle has this day."""

    def conditions(self, actor: Actor) -> "Iterable[sa.ColumnElement[bool]]":
        if self.states is not None:
            yield Plan.state.in_(self.states)
        if self.issuer_unit_id is not None:
            yield Plan.issuer_unit_id == self.issuer_unit_id
        if self.holder_unit_id is not None:
            held = sa.select(Target.plan_id).where(Target.unit_id == self.holder_unit_id)
            yield Plan.id.in_(held.where(visible_targets(actor)))
        if self.codes is not None:
            yield Plan.code == _any_text(self.codes)
        if self.on is not None:
            yield Plan.starts_on <= self.on
            yield Plan.ends_on >= self.on


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFilter:
    """Which targets: all conditions given must hold."""

    plan_id: int | None = None
    key_result_id: int | None = None
    unit_id: int | None = None
    below_unit_id: int | None = None
    """Held anywhere below this unit, itself left out."""
    parent_id: int | None = None
    kinds: tuple[UnitKind, ...] | None = None
    segments: tuple[Segment, ...] | None = None
    """Held by units of any of these segments."""
    states: tuple[TargetState, ...] | None = None
    acknowledged: bool | None = None
    due_from: date | None = None
    due_to: date | None = None

    def conditions(self, actor: Actor) -> "Iterable[sa.ColumnElement[bool]]":
        for column, value in (
            (Target.plan_id, self.plan_id),
            (Target.key_result_id, self.key_result_id),
            (Target.unit_id, self.unit_id),
            (Target.parent_id, self.parent_id),
        ):
            if value is not None:
                yield column == value
        if self.parent_id is not None:  # or else it would answer whose target this one comes from
            above = sa.select(Target.id).where(Target.id == self.parent_id, visible_targets(actor))
            yield above.correlate(None).exists()
        if self.below_unit_id is not None or self.kinds is not None or self.segments is not None:
            yield Target.unit_id.in_(self._units())
        if self.states is not None:
            yield Target.state.in_(self.states)
        if self.acknowledged is not None:
            seen = Target.acknowledged_at.is_not(None)
            yield seen if self.acknowledged else ~seen
        if self.due_from is not None:
            yield Target.due_on >= self.due_from
        if self.due_to is not None:
            yield Target.due_on <= self.due_to

    def _units(self) -> "sa.Select[Any]":
        units = sa.select(Unit.id)
        if self.below_unit_id is not None:
            units = units.where(Unit.path.contains([self.below_unit_id]), Unit.id != self.below_unit_id)
        if self.segments is not None:
            units = units.where(in_segments(self.segments))
        return units if self.kinds is None else units.where(Unit.kind.in_(self.kinds))


# -- indicators and plans -----------------------------------------------------------------------------------


async def indicators_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Indicator]:
    query = sa.select(Indicator).where(Indicator.id == _any(ids), visible_indicators(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}


async def indicators_page(
    tx: Tx, request: PageRequest, which: IndicatorFilter = IndicatorFilter()
) -> Page[Indicator]:
    """A page of indicators in alphabetical order."""
    query = sa.select(Indicator).where(visible_indicators(tx.actor), *which.conditions())
    return await fetch(tx.session, query, INDICATORS, request)


async def plans_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Plan]:
    query = sa.select(Plan).where(Plan.id == _any(ids), visible_plans(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}


async def plans_by_codes(tx: Tx, codes: Collection[str]) -> dict[str, Plan]:
    query = sa.select(Plan).where(Plan.code == _any_text(codes), visible_plans(tx.actor))
    return {row.code: row for row in await tx.session.scalars(query)}


async def plans_page(tx: Tx, request: PageRequest, which: PlanFilter = PlanFilter()) -> Page[Plan]:
    """A page of plans, the latest cycle first."""
    query = sa.select(Plan).where(visible_plans(tx.actor), *which.conditions(tx.actor))
    return await fetch(tx.session, query, PLANS, request)


async def objectives_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Objective]:
    query = sa.select(Objective).where(Objective.id == _any(ids), visible_objectives(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}


async def objectives_of_plans(tx: Tx, plan_ids: Collection[int]) -> dict[int, list[Objective]]:
    """The objectives of each plan, in order."""
    query = (
        sa.select(Objective)
        .where(Objective.plan_id == _any(plan_ids), visible_objectives(tx.actor))
        .order_by(Objective.plan_id, Objective.position)
    )
    return _grouped(plan_ids, ((row.plan_id, row) for row in await tx.session.scalars(query)))


async def key_results_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, KeyResult]:
    query = sa.select(KeyResult).where(KeyResult.id == _any(ids), visible_key_results(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}


async def key_results_of_plans(tx: Tx, plan_ids: Collection[int]) -> dict[int, list[KeyResult]]:
    """The key results of each plan, objective by objective."""
    query = (
        sa.select(KeyResult)
        .join(Objective, Objective.id == KeyResult.objective_id)
        .where(KeyResult.plan_id == _any(plan_ids), visible_key_results(tx.actor))
        .order_by(KeyResult.plan_id, Objective.position, KeyResult.position)
    )
    return _grouped(plan_ids, ((row.plan_id, row) for row in await tx.session.scalars(query)))


async def key_results_of_objectives(tx: Tx, objective_ids: Collection[int]) -> dict[int, list[KeyResult]]:
    """What each objective is judged by, in order."""
    query = (
        sa.select(KeyResult)
        .where(KeyResult.objective_id == _any(objective_ids), visible_key_results(tx.actor))
        .order_by(KeyResult.objective_id, KeyResult.position)
    )
    return _grouped(objective_ids, ((row.objective_id, row) for row in await tx.session.scalars(query)))


# -- targets ------------------------------------------------------------------------------------------------


def _targets(tx: Tx, which: TargetFilter) -> "sa.Select[Any]":
    return sa.select(Target).where(visible_targets(tx.actor), *which.conditions(tx.actor))


async def targets_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Target]:
    query = sa.select(Target).where(Target.id == _any(ids), visible_targets(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}


async def targets_page(tx: Tx, request: PageRequest, which: TargetFilter = TargetFilter()) -> Page[Target]:
    """A page of targets, from the root down."""
    return await fetch(tx.session, _targets(tx, which), TARGETS, request)


async def targets_of_units(
    tx: Tx, unit_ids: Collection[int], request: PageRequest, which: TargetFilter = TargetFilter()
) -> dict[int, Page[Target]]:
    """The same page of each unit's targets, in due order, in one statement."""
    return await fetch_each(tx.session, _targets(tx, which), Target.unit_id, unit_ids, UNIT_TARGETS, request)


async def targets_of_key_results(
    tx: Tx, key_result_ids: Collection[int], request: PageRequest, which: TargetFilter = TargetFilter()
) -> dict[int, Page[Target]]:
    """The same page of each key result's targets, from the root down, in one statement."""
    return await fetch_each(
        tx.session, _targets(tx, which), Target.key_result_id, key_result_ids, TARGETS, request
    )


async def children_of_targets(
    tx: Tx, target_ids: Collection[int], request: PageRequest, which: TargetFilter = TargetFilter()
) -> dict[int, Page[Target]]:
    """The same page of what each target was assigned on to, in one statement."""
    return await fetch_each(tx.session, _targets(tx, which), Target.parent_id, target_ids, CHILDREN, request)


async def children_counts(tx: Tx, target_ids: Collection[int]) -> dict[int, int]:
    """To how many units each target was assigned on, withdrawn ones left out, of those the actor sees."""
    query = (
        sa.select(Target.parent_id, sa.func.count())
        .where(
            Target.parent_id == _any(target_ids),
            Target.state != TargetState.WITHDRAWN,
            visible_targets(tx.actor),
        )
        .group_by(Target.parent_id)
    )
    counts = dict.fromkeys(target_ids, 0)
    counts.update((parent or 0, count) for parent, count in await tx.session.execute(query))
    return counts


async def unacknowledged_page(
    tx: Tx, request: PageRequest, which: TargetFilter = TargetFilter()
) -> Page[Target]:
    """Targets that nobody has acknowledged within their plan's grace period: a warning to the assigner."""
    overdue = sa.cast(Target.assigned_at + sa.func.make_interval(0, 0, 0, Plan.grace_days), sa.DateTime(True))
    query = (
        _targets(tx, which)
        .join(Plan, Plan.id == Target.plan_id)
        .where(
            Plan.state == PlanState.ISSUED,
            Target.state == TargetState.ACTIVE,
            Target.acknowledged_at.is_(None),
            overdue < tx.now,
        )
    )
    return await fetch(tx.session, query, TARGETS, request)


def _grouped(ids: Collection[int], rows: "Iterable[tuple[int, Any]]") -> dict[int, list[Any]]:
    groups: dict[int, list[Any]] = {each: [] for each in ids}
    for key, row in rows:
        groups[key].append(row)
    return groups


def _any(ids: Collection[int]) -> Any:
    return sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))


def _any_text(values: Collection[str]) -> Any:
    return sa.any_(sa.cast(list(values), ARRAY(sa.Text)))
