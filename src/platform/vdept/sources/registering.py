"""Registering sources, and changing, pausing and closing them."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.text import fold, sort_key
from vdept.kernel.versions import next_version
from vdept.sources import rules
from vdept.sources.access import KEEPERS, any_of, get_source_for_update, may_keep
from vdept.sources.errors import (
    SOURCE_CLOSED,
    SOURCE_LIMIT,
    SOURCE_NAME_TAKEN,
    SOURCE_NEEDS_INDICATORS,
    SOURCE_NOT_PAUSED,
)
from vdept.sources.models import Reach, Source, SourceIndicator, SourceState, Way
from vdept.targets.access import visible_indicators
from vdept.targets.models import Frequency, Indicator
from vdept.targets.rules import clean_optional, clean_text
from vdept.units.access import get_unit, get_unit_for_update

MOST_SOURCES = 200
MOST_INDICATORS = 500


async def register_source(
    tx: Tx,
    unit_id: int,
    *,
    name: str,
    method: str,
    frequency: Frequency,
    way: Way,
    reach: Reach = Reach.SUBTREE,
    limits: str | None = None,
    indicator_ids: Collection[int],
) -> Source:
    """A new source of the unit, for the indicators that it measures.

    The unit's row is locked: of two who register at once one is told that the name is taken.
    """
    tx.actor.require(may_keep(tx.actor, (await get_unit(tx, unit_id, "unitId")).id), KEEPERS, "unitId")
    unit = await get_unit_for_update(tx, unit_id, "unitId")
    rules.require_reach(reach, unit.kind)
    cleaned = clean_text(name, rules.NAME_LIMIT, "name")
    await _require_free_name(tx, unit.id, cleaned)
    open_ones = sa.select(sa.func.count()).where(
        Source.unit_id == unit.id, Source.state != SourceState.CLOSED
    )
    if (await tx.session.execute(open_ones)).scalar_one() >= MOST_SOURCES:
        raise SOURCE_LIMIT.at("unitId", limit=MOST_SOURCES)
    source = Source(
        unit_id=unit.id,
        name=cleaned,
        method=clean_text(method, rules.TEXT_LIMIT, "method"),
        limits=clean_optional(limits, rules.TEXT_LIMIT, "limits"),
        frequency=frequency,
        way=way,
        reach=reach,
        sort_key=sort_key(cleaned),
        created_at=tx.now,
        created_by_id=tx.actor.person_id,
    )
    tx.session.add(source)
    await tx.session.flush()
    measured = await _set_indicators(tx, source, indicator_ids)
    data = {"name": cleaned, "way": way, "reach": reach, "frequency": frequency, "indicators": measured}
    _record(tx, "source.registered", source, **data)
    return source


async def update_source(
    tx: Tx,
    source_id: int,
    *,
    name: str | UnsetType = UNSET,
    method: str | UnsetType = UNSET,
    limits: str | UnsetType | None = UNSET,
    frequency: Frequency | UnsetType = UNSET,
    reach: Reach | UnsetType = UNSET,
    expected_version: int | None = None,
) -> Source:
    """Change what is given. Values that came in keep the name that the source had then."""
    source = await _own(tx, source_id)
    given: dict[str, Any] = {}
    if not isinstance(name, UnsetType):
        given["name"] = clean_text(name, rules.NAME_LIMIT, "name")
        if given["name"] != source.name:
            await _require_free_name(tx, source.unit_id, given["name"])
        given["sort_key"], given["search"] = sort_key(given["name"]), fold(given["name"])
    if not isinstance(method, UnsetType):
        given["method"] = clean_text(method, rules.TEXT_LIMIT, "method")
    if not isinstance(limits, UnsetType):
        given["limits"] = clean_optional(limits, rules.TEXT_LIMIT, "limits")
    if not isinstance(frequency, UnsetType):
        given["frequency"] = frequency
    if not isinstance(reach, UnsetType):
        rules.require_reach(reach, (await get_unit(tx, source.unit_id)).kind)
        given["reach"] = reach
    before = {name: getattr(source, name) for name in given}
    next_version(source, expected_version)
    for field, value in given.items():
        setattr(source, field, value)
    await tx.session.flush()
    changed = {
        field: {"from": before[field], "to": value}
        for field, value in given.items()
        if value != before[field] and field not in {"sort_key", "search"}
    }
    _record(tx, "source.updated", source, **changed)
    return source


async def set_source_indicators(
    tx: Tx, source_id: int, indicator_ids: Collection[int], *, expected_version: int | None = None
) -> Source:
    """What the source measures from now on; values that came in stay."""
    source = await _own(tx, source_id)
    next_version(source, expected_version)
    await tx.session.flush()
    measured = await _set_indicators(tx, source, indicator_ids)
    _record(tx, "source.indicators_set", source, indicators=measured)
    return source


async def pause_source(tx: Tx, source_id: int, reason: str, *, expected_version: int | None = None) -> Source:
    """Take nothing in until it is resumed; the reason is told to whoever sends."""
    source = await _own(tx, source_id)
    rules.require_active(source.state, source.name, source.state_reason, "sourceId")
    return await _move(tx, source, SourceState.PAUSED, reason, expected_version)


async def resume_source(tx: Tx, source_id: int, *, expected_version: int | None = None) -> Source:
    source = await _own(tx, source_id)
    if source.state is not SourceState.PAUSED:
        raise SOURCE_NOT_PAUSED.at("sourceId", name=source.name)
    return await _move(tx, source, SourceState.ACTIVE, None, expected_version)


async def close_source(tx: Tx, source_id: int, reason: str, *, expected_version: int | None = None) -> Source:
    """End the source for good. What it measured stands, and what was rejected stays readable."""
    source = await _own(tx, source_id)
    return await _move(tx, source, SourceState.CLOSED, reason, expected_version)


async def _move(
    tx: Tx, source: Source, state: SourceState, reason: str | None, expected: int | None
) -> Source:
    said = None if state is SourceState.ACTIVE else clean_text(reason, rules.TEXT_LIMIT, "reason")
    next_version(source, expected)
    before, source.state, source.state_reason = source.state, state, said
    await tx.session.flush()
    verb = {SourceState.ACTIVE: "resumed", SourceState.PAUSED: "paused", SourceState.CLOSED: "closed"}[state]
    _record(tx, f"source.{verb}", source, was=before, reason=said)
    return source


async def _own(tx: Tx, source_id: int) -> Source:
    """The source of somebody who answers for it, not closed, locked."""
    source = await get_source_for_update(tx, source_id, "sourceId")
    tx.actor.require(may_keep(tx.actor, source.unit_id), KEEPERS, "sourceId")
    if source.state is SourceState.CLOSED:
        raise SOURCE_CLOSED.at("sourceId", name=source.name)
    return source


async def _require_free_name(tx: Tx, unit_id: int, name: str) -> None:
    taken = sa.select(Source.id).where(Source.unit_id == unit_id, Source.name == name)
    if await tx.session.scalar(taken) is not None:
        raise SOURCE_NAME_TAKEN.at("name", name=name)


async def _set_indicators(tx: Tx, source: Source, indicator_ids: Collection[int]) -> list[str]:
    wanted = list(dict.fromkeys(indicator_ids))
    if not 1 <= len(wanted) <= MOST_INDICATORS:
        raise SOURCE_NEEDS_INDICATORS.at("indicatorIds", limit=MOST_INDICATORS)
    query = sa.select(Indicator.id).where(Indicator.id == any_of(wanted), visible_indicators(tx.actor))
    there = set(await tx.session.scalars(query))
    for i, indicator_id in enumerate(wanted):
        if indicator_id not in there:
            raise NOT_FOUND.at("indicatorIds", i, what=Words("chỉ số", "indicator"))
    await tx.session.execute(sa.delete(SourceIndicator).where(SourceIndicator.source_id == source.id))
    rows = [{"source_id": source.id, "indicator_id": indicator_id} for indicator_id in wanted]
    await tx.session.execute(sa.insert(SourceIndicator).inline(), rows)
    return [str(indicator_id) for indicator_id in wanted]


def _record(tx: Tx, verb: str, source: Source, **data: Any) -> None:
    said = {name: value for name, value in data.items() if value is not None}
    tx.record(verb, "Source", source.id, unit_id=source.unit_id, data=said)
