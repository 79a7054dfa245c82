"""Batched reads of nominations; every one starts from what the actor may see."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.focus.access import in_force, visible_focus, visible_holdings
from vdept.focus.models import Focus, FocusCall, FocusObjective, FocusState
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch
from vdept.targets.access import visible_plans
from vdept.targets.models import Plan, Target
from vdept.units.models import Unit

UNITS: Ordering[Unit] = Ordering(
    "focus.units", (Key(Unit.sort_key, str), Key(Unit.id, int)), lambda unit: (unit.sort_key, unit.id)
)
"""By the unit's name."""


@dataclass(frozen=True, slots=True)
class FocusFilter:
    """Which units of a plan: all conditions given must hold."""

    states: tuple[FocusState, ...] | None = None
    overdue: bool | None = None
    missing: bool | None = None

    def conditions(self, plan_id: int, today: date) -> "Iterator[sa.ColumnElement[bool]]":
        """On a query of units."""
        if self.states is not None:
            yield _focus(plan_id, Focus.state.in_(self.states))
        if self.missing is not None:
            nominated = _focus(plan_id)
            yield ~nominated if self.missing else nominated
        if self.overdue is not None:
            called = sa.exists().where(FocusCall.plan_id == plan_id, FocusCall.agree_by < today)
            silent = sa.and_(~_focus(plan_id), called)
            waiting = _focus(plan_id, Focus.state != FocusState.AGREED, Focus.agree_by < today)
            late = sa.or_(silent, waiting)
            yield late if self.overdue else ~late


def _focus(plan_id: int, *which: "sa.ColumnElement[bool]") -> "sa.ColumnElement[bool]":
    return sa.exists().where(Focus.plan_id == plan_id, Focus.unit_id == Unit.id, *which).correlate(Unit)


async def nominations_page(tx: Tx, request: PageRequest, plan_id: int, which: FocusFilter) -> Page[Unit]:
    """The units that hold a target in the plan, whether they have nominated or not, by name.

    Of a plan that the actor may not know of, as little is told as of one that never was.
    """
    holds = sa.exists().where(
        Target.plan_id == plan_id, Target.unit_id == Unit.id, in_force(), visible_holdings(tx.actor)
    )
    query = sa.select(Unit).where(holds.correlate(Unit), *which.conditions(plan_id, tx.today))
    return await fetch(tx.session, query, UNITS, request)


async def focus_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Focus]:
    query = sa.select(Focus).where(Focus.id == _any(ids), visible_focus(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}


async def focus_of_units(tx: Tx, unit_ids: Collection[int], plan_id: int) -> dict[int, Focus]:
    """What each unit has nominated in the plan."""
    query = sa.select(Focus).where(
        Focus.unit_id == _any(unit_ids), Focus.plan_id == plan_id, visible_focus(tx.actor)
    )
    return {row.unit_id: row for row in await tx.session.scalars(query)}


async def calls_of_plans(tx: Tx, plan_ids: Collection[int]) -> dict[int, date]:
    """By when the focus of each plan's units is to be agreed, where a date was set."""
    query = (
        sa.select(FocusCall.plan_id, FocusCall.agree_by)
        .join(Plan, Plan.id == FocusCall.plan_id)
        .where(FocusCall.plan_id == _any(plan_ids), visible_plans(tx.actor))
    )
    return {row.plan_id: row.agree_by for row in await tx.session.execute(query)}


class Nominated(NamedTuple):
    """One of the objectives of a nomination."""

    position: int
    objective_id: int
    method: str


async def objectives_of(tx: Tx, focus_ids: Collection[int]) -> dict[int, list[Nominated]]:
    """The objectives of nominations that the actor sees, in their order."""
    rows = await tx.session.execute(
        sa.select(FocusObjective)
        .join(Focus, Focus.id == FocusObjective.focus_id)
        .where(Focus.id == _any(focus_ids), visible_focus(tx.actor))
        .order_by(FocusObjective.focus_id, FocusObjective.position)
    )
    found: dict[int, list[Nominated]] = {each: [] for each in focus_ids}
    for (row,) in rows:
        found[row.focus_id].append(Nominated(row.position, row.objective_id, row.method))
    return found


def _any(ids: Collection[int]) -> Any:
    return sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))
