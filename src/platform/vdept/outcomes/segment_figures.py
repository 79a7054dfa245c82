"""A plan's figures for each segment of units, and for the units in none: sums of the units' own sums.

A figure of few units tells what each of them has. So it is told only to whoever reads every one of its
units by itself: they see the plan whole, and nothing in it is kept from them (``visible_unit_outcomes``
keeps the figures of milestones, which are figures of tasks, from firms). There is then nothing hidden to
work out from a segment, whether it has one unit or a thousand.
"""

from collections.abc import Collection
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.db import Tx
from vdept.outcomes.access import plans_of_every_unit, visible_unit_outcomes
from vdept.outcomes.models import STATUS_COLUMNS, UNIT_SUMS, UnitOutcome
from vdept.outcomes.standings import Figures, figures
from vdept.targets.models import Plan
from vdept.units.models import Segment, Unit, UnitKind


@dataclass(frozen=True, slots=True)
class SegmentFilter:
    """Which units are added up: all conditions given must hold."""

    kinds: tuple[UnitKind, ...] | None = None
    below_id: int | None = None
    """In the subtree of this unit, itself left out."""


@dataclass(frozen=True, slots=True)
class SegmentStanding:
    """What the units of a segment have to show in a plan, each by itself. ``segment`` None: the rest."""

    segment: Segment | None
    units: int
    figures: Figures


async def segments_of_plans(
    tx: Tx, plan_ids: Collection[int], which: SegmentFilter = SegmentFilter()
) -> dict[int, list[SegmentStanding]]:
    """All segments and the rest, for each plan of which the actor reads every unit. Two statements.

    A unit that belongs to two segments counts in both, so that segments do not add up to the plan.
    """
    shown = list(
        await tx.session.scalars(
            sa.select(Plan.id).where(
                Plan.id == sa.any_(sa.cast(list(plan_ids), ARRAY(sa.BigInteger))),
                plans_of_every_unit(tx.actor),
            )
        )
    )
    # A unit in none is a row of the rest; one in two is a row of each.
    named = sa.case(
        (sa.func.cardinality(Unit.segments) == 0, sa.text("ARRAY[NULL]::varchar[]")), else_=Unit.segments
    )
    placed = sa.select(Unit.id, sa.func.unnest(named).label("segment"))
    if which.kinds is not None:
        placed = placed.where(Unit.kind.in_(which.kinds))
    if which.below_id is not None:
        placed = placed.where(Unit.path.contains([which.below_id]), Unit.id != which.below_id)
    unit = placed.subquery("placed")
    query = (
        sa.select(
            UnitOutcome.plan_id,
            unit.c.segment,
            sa.func.count().label("units"),
            *(sa.func.sum(getattr(UnitOutcome, name)).label(name) for name in UNIT_SUMS),
        )
        .select_from(UnitOutcome)
        .join(unit, unit.c.id == UnitOutcome.unit_id)
        .where(
            UnitOutcome.plan_id == sa.any_(sa.cast(shown, ARRAY(sa.BigInteger))),
            sa.or_(*[getattr(UnitOutcome, name) > 0 for name in STATUS_COLUMNS]),
            visible_unit_outcomes(tx.actor),
        )
        .group_by(UnitOutcome.plan_id, unit.c.segment)
    )
    found = {(row.plan_id, row.segment): row for row in await tx.session.execute(query)}
    return {
        plan_id: [_standing(segment, found.get((plan_id, segment))) for segment in [*Segment, None]]
        for plan_id in shown
    }


_NOTHING: Any = SimpleNamespace(units=0, **dict.fromkeys(UNIT_SUMS, 0))


def _standing(segment: Segment | None, row: Any) -> SegmentStanding:
    sums = _NOTHING if row is None else row
    # Tasks have an audience of their own, and their figures are told unit by unit.
    return SegmentStanding(segment, int(sums.units), figures(sums).without_tasks())
