"""Batched reads of units; every one starts from what the actor may see."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch, fetch_each
from vdept.kernel.text import matches
from vdept.units.access import visible_units
from vdept.units.models import Segment, Unit, UnitKind
from vdept.units.segments import in_segments

BY_NAME: Ordering[Unit] = Ordering(
    "units.name", (Key(Unit.sort_key, str), Key(Unit.id, int)), lambda unit: (unit.sort_key, unit.id)
)
"""Vietnamese alphabetical order."""


@dataclass(frozen=True, slots=True)
class UnitFilter:
    """Which units: all conditions given must hold."""

    kinds: tuple[UnitKind, ...] | None = None
    parent_id: int | None = None
    below_id: int | None = None
    """In the subtree of this unit, itself left out."""
    codes: tuple[str, ...] | None = None
    text: str | None = None
    valid_on: date | None = None
    segments: tuple[Segment, ...] | None = None

    def conditions(self) -> "Iterable[sa.ColumnElement[bool]]":
        if self.kinds is not None:
            yield Unit.kind.in_(self.kinds)
        if self.parent_id is not None:
            yield Unit.parent_id == self.parent_id
        if self.below_id is not None:
            yield Unit.path.contains([self.below_id])
            yield Unit.id != self.below_id
        if self.codes is not None:
            yield Unit.code == sa.any_(sa.cast(list(self.codes), ARRAY(sa.Text)))
        if self.text:
            yield matches(Unit.search, self.text)
        if self.valid_on is not None:
            yield Unit.valid_from <= self.valid_on
            yield sa.or_(Unit.valid_to.is_(None), Unit.valid_to >= self.valid_on)
        if self.segments is not None:
            yield in_segments(self.segments)


def _query(tx: Tx, which: UnitFilter) -> "sa.Select[Any]":
    return sa.select(Unit).where(visible_units(tx.actor), *which.conditions())


_BY_IDS = sa.select(Unit).where(Unit.id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.BigInteger))))
"""Made once: hardly a request does without units."""


async def units_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Unit]:
    found = await tx.session.scalars(_BY_IDS.where(visible_units(tx.actor)), {"ids": list(ids)})
    return {unit.id: unit for unit in found}


async def units_by_codes(tx: Tx, codes: Collection[str]) -> dict[str, Unit]:
    found = await tx.session.scalars(
        sa.select(Unit).where(
            Unit.code == sa.any_(sa.cast(list(codes), ARRAY(sa.Text))), visible_units(tx.actor)
        )
    )
    return {unit.code: unit for unit in found}


async def units_page(tx: Tx, request: PageRequest, which: UnitFilter = UnitFilter()) -> Page[Unit]:
    """A page of units in alphabetical order."""
    return await fetch(tx.session, _query(tx, which), BY_NAME, request)


async def children_of_units(
    tx: Tx, unit_ids: Collection[int], request: PageRequest, which: UnitFilter = UnitFilter()
) -> dict[int, Page[Unit]]:
    """The same page of direct children for each unit, in one statement."""
    return await fetch_each(tx.session, _query(tx, which), Unit.parent_id, unit_ids, BY_NAME, request)


def _ids(ids: Collection[int]) -> Any:
    return sa.cast(list(ids), ARRAY(sa.BigInteger))
