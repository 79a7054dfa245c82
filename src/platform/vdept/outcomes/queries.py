"""Batched reads and rankings of outcomes; every one starts from what the actor may see."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch_each
from vdept.outcomes.access import (
    sees_tasks_of,
    unit_tasks_shown,
    visible_target_outcomes,
    visible_unit_outcomes,
)
from vdept.outcomes.models import STATUS_COLUMNS, PlanEvaluation, Status, TargetOutcome, UnitOutcome
from vdept.outcomes.rules import GRAVEST_FIRST, share_of
from vdept.outcomes.standings import (
    TargetStanding,
    UnitStanding,
    gap,
    points,
    target_standing,
    unit_standing,
)
from vdept.targets.models import KeyResult, Rollup, Target
from vdept.units.models import Segment, Unit, UnitKind
from vdept.units.segments import in_segments

S = TypeVar("S")
R = TypeVar("R", TargetStanding, UnitStanding)
_LEAST, _MOST = Decimal(-(10**30)), Decimal(10**30)
"""Stand-ins for no value in an order: what has none comes last."""


class OutcomeScope(StrEnum):
    """Whose figures a list of units is filtered and ordered by."""

    OWN = "OWN"
    SUBTREE = "SUBTREE"

    @property
    def prefix(self) -> str:
        return "" if self is OutcomeScope.OWN else "sub_"


class UnitOutcomeOrder(StrEnum):
    MEASURED_BEST_FIRST = "MEASURED_BEST_FIRST"
    MEASURED_WORST_FIRST = "MEASURED_WORST_FIRST"
    GAP_WIDEST_FIRST = "GAP_WIDEST_FIRST"
    NAME = "NAME"


class TargetOutcomeOrder(StrEnum):
    MEASURED_HIGHEST_FIRST = "MEASURED_HIGHEST_FIRST"
    MEASURED_LOWEST_FIRST = "MEASURED_LOWEST_FIRST"
    GAP_WIDEST_FIRST = "GAP_WIDEST_FIRST"
    GAP_POINTS_WIDEST_FIRST = "GAP_POINTS_WIDEST_FIRST"
    NAME = "NAME"


@dataclass(frozen=True, slots=True)
class UnitOutcomeFilter:
    """Which units of a plan: all conditions given must hold."""

    kinds: tuple[UnitKind, ...] | None = None
    statuses: tuple[Status, ...] | None = None
    below_id: int | None = None
    """In the subtree of this unit, itself left out."""
    scope: OutcomeScope = OutcomeScope.OWN
    segments: tuple[Segment, ...] | None = None


@dataclass(frozen=True, slots=True)
class TargetOutcomeFilter:
    """Which targets of a key result: all conditions given must hold."""

    kinds: tuple[UnitKind, ...] | None = None
    statuses: tuple[Status, ...] | None = None
    below_id: int | None = None
    segments: tuple[Segment, ...] | None = None


@dataclass(frozen=True, slots=True)
class Ranked(Generic[S]):
    """A row of a ranking with its place in the order."""

    standing: S
    key: tuple[Any, ...]


# By id ----------------------------------------------------------------------------------------------------


async def outcomes_of_targets(tx: Tx, target_ids: Collection[int]) -> dict[int, TargetStanding]:
    """The outcomes of targets that have been rolled up; a new target's comes with the next roll-up."""
    rows = await tx.session.execute(_target_outcomes(tx).where(TargetOutcome.target_id == _any(target_ids)))
    return {row.target_id: _for_reader(tx, target_standing(row, rollup, on)) for row, rollup, on in rows}


async def unit_outcomes_of(tx: Tx, pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], UnitStanding]:
    """The outcomes of ``(plan_id, unit_id)``."""
    rows = await tx.session.execute(
        sa.select(UnitOutcome, PlanEvaluation.evaluated_on)
        .join(PlanEvaluation, PlanEvaluation.plan_id == UnitOutcome.plan_id)
        .where(_one_of(pairs, UnitOutcome.plan_id, UnitOutcome.unit_id), visible_unit_outcomes(tx.actor))
    )
    return {(row.plan_id, row.unit_id): _for_reader(tx, unit_standing(row, on)) for row, on in rows}


def _for_reader(tx: Tx, standing: R) -> R:
    return standing if sees_tasks_of(tx.actor, standing.unit_id) else standing.without_tasks()


def _target_outcomes(tx: Tx) -> "sa.Select[TargetOutcome, Rollup, date]":
    return (
        sa.select(TargetOutcome, KeyResult.rollup, PlanEvaluation.evaluated_on)
        .select_from(Target)
        .join(TargetOutcome, TargetOutcome.target_id == Target.id)
        .join(KeyResult, KeyResult.id == Target.key_result_id)
        .join(PlanEvaluation, PlanEvaluation.plan_id == Target.plan_id)
        .where(visible_target_outcomes(tx.actor))
    )


def _any(ids: Collection[int]) -> Any:
    return sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))


def _one_of(pairs: Collection[tuple[int, int]], *columns: Any) -> Any:
    """``columns`` are one of ``pairs``."""
    given = (
        sa.func.unnest(
            *[sa.cast([pair[i] for pair in pairs], ARRAY(sa.BigInteger)) for i in range(len(columns))]
        )
        .table_valued("one", "other", name="given")
        .render_derived()
    )
    return sa.tuple_(*columns).in_(sa.select(given.c.one, given.c.other))


# Units of plans -------------------------------------------------------------------------------------------


async def unit_outcomes_of_plans(
    tx: Tx,
    plan_ids: Collection[int],
    request: PageRequest,
    which: UnitOutcomeFilter = UnitOutcomeFilter(),
    order: UnitOutcomeOrder = UnitOutcomeOrder.MEASURED_BEST_FIRST,
) -> dict[int, Page[Ranked[UnitStanding]]]:
    """The same page of units that have something to show, for each plan: two statements."""
    query = (
        sa.select(Unit if order is UnitOutcomeOrder.NAME else UnitOutcome)
        .select_from(UnitOutcome)
        .join(Unit, Unit.id == UnitOutcome.unit_id)
        .where(visible_unit_outcomes(tx.actor), *_unit_conditions(tx.actor, which))
    )
    ordering = _unit_ordering(order, which.scope)
    pages = await fetch_each(tx.session, query, UnitOutcome.plan_id, plan_ids, ordering, request)
    return _ranked(pages, await unit_outcomes_of(tx, _places(pages)))


def _unit_conditions(actor: Actor, which: UnitOutcomeFilter) -> "Iterable[sa.ColumnElement[bool]]":
    """What a unit has to show: targets, or tasks where the reader sees figures of them."""
    p = which.scope.prefix
    shares = sa.and_(_sum(f"{p}share_sum") > 0, unit_tasks_shown(actor))
    yield sa.or_(*[_sum(f"{p}{name}") > 0 for name in STATUS_COLUMNS], shares)
    yield from _where(which)
    if which.statuses is not None:
        gravest = sa.case(*[(_sum(f"{p}n_{s.value.lower()}") > 0, s.value) for s in GRAVEST_FIRST])
        yield gravest.in_([s.value for s in which.statuses])


def _unit_ordering(order: UnitOutcomeOrder, scope: OutcomeScope) -> Ordering[Any]:
    name = f"unit_outcomes.{scope.value}.{order.value}"
    if order is UnitOutcomeOrder.NAME:
        return _by_name(name)
    part = scope.prefix + ("gap" if order is UnitOutcomeOrder.GAP_WIDEST_FIRST else "measured")
    total, weight = _sum(f"{part}_sum"), _sum(f"{part}_weight")
    # As ``rules.share_of``: cut after six decimals, exactly.
    share = sa.func.div(1_000_000 * total, sa.func.nullif(weight, 0)) * Decimal("0.000001")
    return _by_value(
        name,
        share,
        lambda row: share_of(getattr(row, f"{part}_sum"), getattr(row, f"{part}_weight")),
        UnitOutcome.unit_id,
        descending=order is not UnitOutcomeOrder.MEASURED_WORST_FIRST,
    )


def _sum(name: str) -> Any:
    return getattr(UnitOutcome, name)


# Targets of key results -----------------------------------------------------------------------------------


async def target_outcomes_of_key_results(
    tx: Tx,
    key_result_ids: Collection[int],
    request: PageRequest,
    which: TargetOutcomeFilter = TargetOutcomeFilter(),
    order: TargetOutcomeOrder = TargetOutcomeOrder.MEASURED_HIGHEST_FIRST,
) -> dict[int, Page[Ranked[TargetStanding]]]:
    """The same page of targets in force, for each key result: two statements."""
    query = (
        sa.select(Unit if order is TargetOutcomeOrder.NAME else TargetOutcome)
        .select_from(Target)
        .join(TargetOutcome, TargetOutcome.target_id == Target.id)
        .join(Unit, Unit.id == Target.unit_id)
        .where(visible_target_outcomes(tx.actor), TargetOutcome.live, *_where(which))
    )
    if which.statuses is not None:
        query = query.where(TargetOutcome.status.in_(which.statuses))
    ordering = _target_ordering(order)
    pages = await fetch_each(tx.session, query, Target.key_result_id, key_result_ids, ordering, request)
    rows = await tx.session.execute(
        _target_outcomes(tx).where(_one_of(_places(pages), Target.key_result_id, Target.unit_id))
    )
    found = {
        (row.key_result_id, row.unit_id): _for_reader(tx, target_standing(row, rollup, on))
        for row, rollup, on in rows
    }
    return _ranked(pages, found)


def _target_ordering(order: TargetOutcomeOrder) -> Ordering[Any]:
    name = f"target_outcomes.{order.value}"
    if order is TargetOutcomeOrder.NAME:
        return _by_name(name)
    if order is TargetOutcomeOrder.GAP_POINTS_WIDEST_FIRST:
        return _by_value(
            name,
            100 * (TargetOutcome.reported_attainment - TargetOutcome.measured_attainment),
            lambda row: points(row.measured_attainment, row.reported_attainment),
            TargetOutcome.unit_id,
            descending=True,
        )
    apart = order is TargetOutcomeOrder.GAP_WIDEST_FIRST
    measured, reported = TargetOutcome.measured_value, TargetOutcome.reported_value
    return _by_value(
        name,
        reported - measured if apart else measured,
        lambda row: gap(row.measured_value, row.reported_value) if apart else row.measured_value,
        TargetOutcome.unit_id,
        descending=order is not TargetOutcomeOrder.MEASURED_LOWEST_FIRST,
    )


# Rankings -------------------------------------------------------------------------------------------------


def _where(which: UnitOutcomeFilter | TargetOutcomeFilter) -> "Iterable[sa.ColumnElement[bool]]":
    if which.kinds is not None:
        yield Unit.kind.in_(which.kinds)
    if which.below_id is not None:
        yield Unit.path.contains([which.below_id])
        yield Unit.id != which.below_id
    if which.segments is not None:
        yield in_segments(which.segments)


def _by_name(name: str) -> Ordering[Any]:
    return Ordering(name, (Key(Unit.sort_key, str), Key(Unit.id, int)), lambda row: (row.sort_key, row.id))


def _by_value(
    name: str,
    expression: Any,
    value: Callable[[Any], Decimal | None],
    last: Any,
    *,
    descending: bool,
) -> Ordering[Any]:
    """By a value that may be missing: rows without one come last in either direction."""
    none = _LEAST if descending else _MOST

    def key(row: Any) -> tuple[Decimal, int]:
        known = value(row)
        return none if known is None else known, row.unit_id

    keys = (Key(sa.func.coalesce(expression, none), Decimal, descending), Key(last, int, descending))
    return Ordering(name, keys, key)


def _unit_id(row: Any) -> int:
    return int(row.id if isinstance(row, Unit) else row.unit_id)


def _places(pages: Mapping[int, Page[Any]]) -> list[tuple[int, int]]:
    return [(owner, _unit_id(row)) for owner, page in pages.items() for row in page.rows]


def _ranked(pages: Mapping[int, Page[Any]], found: Mapping[tuple[int, int], S]) -> dict[int, Page[Ranked[S]]]:
    """The pages with standings for rows; each remembers its place in the order for its cursor."""
    out: dict[int, Page[Ranked[S]]] = {}
    for owner, page in pages.items():
        rows = [Ranked(found[owner, _unit_id(row)], page.ordering.values(row)) for row in page.rows]
        ordering: Ordering[Ranked[S]] = Ordering(page.ordering.name, page.ordering.keys, _key)
        out[owner] = Page(rows, ordering, page.has_next, page.has_previous, page.count)
    return out


def _key(row: Ranked[Any]) -> tuple[Any, ...]:
    return row.key
