"""Batched reads of signals; every one starts from what the actor may see."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch
from vdept.signals.access import visible_signals
from vdept.signals.models import Detector, Signal, SignalState
from vdept.targets.access import visible_plans
from vdept.targets.models import Plan
from vdept.units.models import Unit

NEWEST: Ordering[Signal] = Ordering(
    "signals.newest", (Key(Signal.id, int, descending=True),), lambda row: (row.id,)
)


@dataclass(frozen=True, slots=True)
class SignalFilter:
    """Which signals: all conditions given must hold."""

    unit_id: int | None = None
    below: bool = False
    """With ``unit_id``: also those of all units below it."""
    plan_id: int | None = None
    detectors: tuple[Detector, ...] | None = None
    states: tuple[SignalState, ...] | None = None

    def conditions(self, actor: Actor) -> Iterator[sa.ColumnElement[bool]]:
        """Of a plan that the actor may not know of, as little is told as of one that never was."""
        if self.unit_id is not None and self.below:
            line = Unit.path.contains(sa.cast([self.unit_id], ARRAY(sa.BigInteger)))
            yield Signal.unit_id.in_(sa.select(Unit.id).where(line))
        elif self.unit_id is not None:
            yield Signal.unit_id == self.unit_id
        if self.plan_id is not None:
            yield Signal.plan_id == self.plan_id
            yield sa.select(Plan.id).where(Plan.id == self.plan_id, visible_plans(actor)).exists()
        if self.detectors is not None:
            yield Signal.detector.in_(self.detectors)
        if self.states is not None:
            yield Signal.state.in_(self.states)


def _signals(tx: Tx, which: SignalFilter) -> "sa.Select[Any]":
    return sa.select(Signal).where(visible_signals(tx.actor), *which.conditions(tx.actor))


async def signals_page(tx: Tx, request: PageRequest, which: SignalFilter) -> Page[Signal]:
    """A page of signals, the newest first."""
    return await fetch(tx.session, _signals(tx, which), NEWEST, request)


async def signals_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Signal]:
    """Signals by number."""
    asked = sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))
    query = sa.select(Signal).where(Signal.id == asked, visible_signals(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}
