"""Batched reads of sources, intakes and rejected rows; every one starts from what the actor may see."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch, fetch_each
from vdept.kernel.text import matches
from vdept.sources.access import any_of, visible_intakes, visible_rejected, visible_sources
from vdept.sources.models import (
    Intake,
    IntakeState,
    RejectedReading,
    RejectedState,
    Source,
    SourceIndicator,
    SourceState,
    Way,
)
from vdept.targets.access import visible_indicators
from vdept.targets.models import Indicator
from vdept.units.models import Unit

BY_NAME: Ordering[Source] = Ordering(
    "sources.name", (Key(Source.sort_key, str), Key(Source.id, int)), lambda row: (row.sort_key, row.id)
)
NEWEST_INTAKES: Ordering[Intake] = Ordering(
    "intakes.newest", (Key(Intake.id, int, descending=True),), lambda row: (row.id,)
)
NEWEST_REJECTED: Ordering[RejectedReading] = Ordering(
    "rejected.newest", (Key(RejectedReading.id, int, descending=True),), lambda row: (row.id,)
)


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """Which sources: all conditions given must hold. ``below_id``: of that unit or a unit below it."""

    unit_id: int | None = None
    below_id: int | None = None
    indicator_id: int | None = None
    states: tuple[SourceState, ...] | None = None
    way: Way | None = None
    failing: bool | None = None
    text: str | None = None

    def conditions(self) -> "Iterable[sa.ColumnElement[bool]]":
        if self.unit_id is not None:
            yield Source.unit_id == self.unit_id
        if self.below_id is not None:
            below = sa.exists().where(Unit.id == Source.unit_id, Unit.path.contains([self.below_id]))
            yield below.correlate(Source)
        if self.indicator_id is not None:
            measures = sa.exists().where(
                SourceIndicator.source_id == Source.id, SourceIndicator.indicator_id == self.indicator_id
            )
            yield measures.correlate(Source)
        if self.states is not None:
            yield Source.state.in_(self.states)
        if self.way is not None:
            yield Source.way == self.way
        if self.failing is not None:
            yield Source.failing_since.is_not(None) if self.failing else Source.failing_since.is_(None)
        if self.text is not None:
            yield matches(Source.search, self.text)


async def sources_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Source]:
    query = sa.select(Source).where(Source.id == any_of(ids), visible_sources(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}


async def sources_page(tx: Tx, request: PageRequest, which: SourceFilter = SourceFilter()) -> Page[Source]:
    """A page of sources in alphabetical order."""
    query = sa.select(Source).where(visible_sources(tx.actor), *which.conditions())
    return await fetch(tx.session, query, BY_NAME, request)


async def sources_of_units(
    tx: Tx, unit_ids: Collection[int], request: PageRequest
) -> dict[int, Page[Source]]:
    """The same page of each unit's sources, in one statement."""
    query = sa.select(Source).where(visible_sources(tx.actor))
    return await fetch_each(tx.session, query, Source.unit_id, unit_ids, BY_NAME, request)


async def sources_of_indicators(
    tx: Tx, indicator_ids: Collection[int], request: PageRequest
) -> dict[int, Page[Source]]:
    """The same page of the sources that measure each indicator, in one statement."""
    query = (
        sa.select(Source)
        .join(SourceIndicator, SourceIndicator.source_id == Source.id)
        .where(visible_sources(tx.actor))
    )
    return await fetch_each(tx.session, query, SourceIndicator.indicator_id, indicator_ids, BY_NAME, request)


async def indicators_of_sources(tx: Tx, source_ids: Collection[int]) -> dict[int, list[Indicator]]:
    """What each source measures, in alphabetical order."""
    query = (
        sa.select(SourceIndicator.source_id, Indicator)
        .join(Indicator, Indicator.id == SourceIndicator.indicator_id)
        .join(Source, Source.id == SourceIndicator.source_id)
        .where(
            SourceIndicator.source_id == any_of(source_ids),
            visible_sources(tx.actor),
            visible_indicators(tx.actor),
        )
        .order_by(Indicator.sort_key, Indicator.id)
    )
    found: dict[int, list[Indicator]] = {source_id: [] for source_id in source_ids}
    for source_id, indicator in await tx.session.execute(query):
        found[source_id].append(indicator)
    return found


async def last_received(tx: Tx, source_ids: Collection[int]) -> dict[int, datetime]:
    """When each source's last document was taken in, for those who see its intakes."""
    owners = (
        sa.func.unnest(sa.cast(list(source_ids), sa.ARRAY(sa.BigInteger)))
        .table_valued("id", name="owner")
        .render_derived()
    )
    last = (
        sa.select(Intake.received_at)
        .where(
            Intake.source_id == owners.c.id,
            Intake.state == IntakeState.RECEIVED,
            visible_intakes(tx.actor),
        )
        .order_by(Intake.id.desc())
        .limit(1)
        .correlate(owners)
        .lateral("last")
    )
    rows = await tx.session.execute(sa.select(owners.c.id, last.c.received_at).join(last, sa.true()))
    return {row.id: row.received_at for row in rows}


async def intakes_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Intake]:
    query = sa.select(Intake).where(Intake.id == any_of(ids), visible_intakes(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}


async def intakes_of_sources(
    tx: Tx, source_ids: Collection[int], request: PageRequest, state: IntakeState | None = None
) -> dict[int, Page[Intake]]:
    """The same page of what came in from each source, the newest first, in one statement."""
    query = sa.select(Intake).where(visible_intakes(tx.actor))
    if state is not None:
        query = query.where(Intake.state == state)
    return await fetch_each(tx.session, query, Intake.source_id, source_ids, NEWEST_INTAKES, request)


async def rejected_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, RejectedReading]:
    query = sa.select(RejectedReading).where(RejectedReading.id == any_of(ids), visible_rejected(tx.actor))
    return {row.id: row for row in await tx.session.scalars(query)}


async def rejected_of_sources(
    tx: Tx, source_ids: Collection[int], request: PageRequest, state: RejectedState | None = None
) -> dict[int, Page[RejectedReading]]:
    """The same page of each source's rejected rows, the newest first, in one statement."""
    return await fetch_each(
        tx.session, _rejected(tx, state), RejectedReading.source_id, source_ids, NEWEST_REJECTED, request
    )


async def rejected_of_intakes(
    tx: Tx, intake_ids: Collection[int], request: PageRequest, state: RejectedState | None = None
) -> dict[int, Page[RejectedReading]]:
    """The same of each intake."""
    return await fetch_each(
        tx.session, _rejected(tx, state), RejectedReading.intake_id, intake_ids, NEWEST_REJECTED, request
    )


def _rejected(tx: Tx, state: RejectedState | None) -> "sa.Select[Any]":
    query = sa.select(RejectedReading).where(visible_rejected(tx.actor))
    return query if state is None else query.where(RejectedReading.state == state)
