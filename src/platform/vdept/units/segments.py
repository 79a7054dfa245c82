"""Segments of units: those usually left behind, so that every figure can be read for them apart."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.kernel.errors import FORBIDDEN, NOT_FOUND, Refused, RefusedMany, Words, invalid
from vdept.units.access import visible_units
from vdept.units.errors import SEGMENT_BOTH_WAYS, SEGMENTS_MISSING
from vdept.units.models import Segment, Unit

AT_ONCE = 5_000
"""Units that one act may place: every commune of the nation."""

PLACERS = Words(
    "quản trị viên, hoặc người đứng đầu, cấp phó hay điều phối viên của cơ quan cấp trên",
    "an administrator, or the head, a deputy or a coordinator of a public body above the unit",
)
NONE_AT_ALL = "NONE"
"""What a cell of a file says for a unit that belongs to no segment; a blank cell says nothing."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What a bulk act did: units changed and left as they were, and who was left out and why."""

    updated: int
    unchanged: int
    refusals: Sequence[Refused] = field(default=())


def in_order(segments: Iterable[Segment]) -> list[Segment]:
    """Each segment once, in the order in which they are defined: as a unit's row keeps them."""
    given = set(segments)
    return [segment for segment in Segment if segment in given]


def placed(has: Iterable[Segment], add: Collection[Segment], remove: Collection[Segment]) -> list[Segment]:
    """The segments of a unit after the act."""
    return in_order({*map(Segment, has), *add} - {*remove})


def read(text: str) -> list[Segment]:
    """The segments that a cell of a file names: separated by commas, semicolons, bars or spaces; any case."""
    words = text.upper().replace(",", " ").replace(";", " ").replace("|", " ").split()
    if words == [NONE_AT_ALL]:
        return []
    known = {segment.value: segment for segment in Segment}
    if not words or not all(word in known for word in words):
        names = ", ".join(known)
        raise invalid(
            "segments",
            vi=f"các nhóm trong số {names}, cách nhau bằng dấu phẩy; {NONE_AT_ALL} nếu không thuộc nhóm nào",
            en=f"segments among {names}, separated by commas; {NONE_AT_ALL} for none",
        )
    return in_order(known[word] for word in words)


def in_segments(segments: Collection[Segment]) -> "sa.ColumnElement[bool]":
    """Units that belong to any of ``segments``: for the filters of every list that joins ``Unit``."""
    named = sa.cast([Segment(one).value for one in segments], ARRAY(sa.String))
    in_any: sa.ColumnElement[bool] = sa.type_coerce(Unit.segments, ARRAY(sa.String)).overlap(named)
    return in_any


async def set_unit_segments(
    tx: Tx,
    unit_ids: Sequence[int],
    *,
    add: Collection[Segment] = (),
    remove: Collection[Segment] = (),
    skip_bad: bool = False,
) -> Placed:
    """Place units into segments and take them out of others: all of them, or those that may be placed.

    By an administrator, or a manager of a public body above: a unit does not call itself disadvantaged.
    Two statements for any number of units, and an activity for each that changes.
    """
    both = in_order(set(add) & set(remove))
    if both:
        raise SEGMENT_BOTH_WAYS.at("remove", segment=both[0].value)
    if not add and not remove:
        raise SEGMENTS_MISSING.at("add")
    rows = await tx.session.scalars(
        sa.select(Unit)
        .where(Unit.id == sa.any_(sa.cast(list(unit_ids), ARRAY(sa.BigInteger))), visible_units(tx.actor))
        .order_by(Unit.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    found = {unit.id: unit for unit in rows}
    changed: dict[int, list[Segment]] = {}
    refusals: list[Refused] = []
    unchanged = 0
    places = {unit_id: place for place, unit_id in reversed(list(enumerate(unit_ids)))}
    for unit_id, place in reversed(places.items()):
        unit = found.get(unit_id)
        if unit is None:
            refusals.append(NOT_FOUND.at("unitIds", place, what=Words("đơn vị", "unit")))
        elif not tx.actor.has_above(unit.path[:-1], MANAGING):
            refusals.append(FORBIDDEN.at("unitIds", place, needs=PLACERS))
        elif (after := placed(unit.segments, add, remove)) == list(unit.segments):
            unchanged += 1
        else:
            changed[unit_id] = after
            data = {"segments": {"from": list(unit.segments), "to": after}}
            tx.record("unit.updated", "Unit", unit_id, unit_id=unit_id, data=data)
    if refusals and not skip_bad:
        raise RefusedMany(refusals)
    if changed:
        await _write(tx, changed)
    return Placed(len(changed), unchanged, refusals)


async def _write(tx: Tx, changed: dict[int, list[Segment]]) -> None:
    texts: list[Any] = [",".join(segments) for segments in changed.values()]
    given = (
        sa.func.unnest(sa.literal(list(changed), ARRAY(sa.BigInteger)), sa.literal(texts, ARRAY(sa.Text)))
        .table_valued(sa.column("id", sa.BigInteger), sa.column("segments", sa.Text), name="given")
        .render_derived()
    )
    await tx.session.execute(
        sa.update(Unit)
        .where(Unit.id == given.c.id)
        .values(
            segments=sa.cast(sa.func.string_to_array(given.c.segments, ","), ARRAY(sa.String)),
            version=Unit.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
