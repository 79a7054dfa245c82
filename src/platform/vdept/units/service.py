"""Verbs on single units. Merging, splitting and moving units are dated acts of their own."""

from collections.abc import Collection
from datetime import date
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.kernel.errors import Words
from vdept.kernel.text import sort_key
from vdept.kernel.versions import next_version
from vdept.units import rules
from vdept.units.access import get_unit, get_unit_for_update
from vdept.units.bulk import differences, lock_registry, search_text
from vdept.units.errors import UNIT_CODE_TAKEN, UNIT_HAS_CHILDREN, UNIT_PARENT_ENDED
from vdept.units.models import Segment, Unit, UnitKind
from vdept.units.segments import in_order

NAMERS = Words("quản trị viên hoặc lãnh đạo đơn vị", "an administrator, or a manager of the unit")
ADMINISTRATOR = Words("quản trị viên", "an administrator")


async def create_unit(
    tx: Tx,
    *,
    code: str,
    name: str,
    kind: UnitKind,
    parent_id: int | None = None,
    name_en: str | None = None,
    division: str | None = None,
    valid_from: date | None = None,
    valid_to: date | None = None,
    segments: Collection[Segment] = (),
) -> Unit:
    """Enter a unit into the registry; ``valid_from`` is today unless given."""
    tx.actor.require(tx.actor.sees_everything, ADMINISTRATOR)
    code, name = rules.clean_code(code, "code"), rules.clean_name(name, "name")
    name_en = rules.clean_optional_name(name_en, "nameEn")
    division = rules.clean_optional_name(division, "division")
    valid_from = valid_from or tx.today
    rules.require_validity(valid_from, valid_to, "validTo")
    await lock_registry(tx)
    parent = None if parent_id is None else await get_unit(tx, parent_id, "parentId")
    rules.require_parent(kind, parent.kind if parent else None, "parentId")
    _require_parent_lasts(parent, valid_to, "parentId")
    await _require_free(tx, code)
    unit_id = await tx.session.scalar(sa.text("SELECT nextval(pg_get_serial_sequence('unit', 'id'))"))
    unit = Unit(
        id=unit_id,
        code=code,
        name=name,
        name_en=name_en,
        kind=kind,
        division=division,
        parent_id=parent_id,
        path=[*(parent.path if parent else []), unit_id],
        sort_key=sort_key(name),
        search=search_text(code, name, name_en),
        valid_from=valid_from,
        valid_to=valid_to,
        segments=in_order(segments),
    )
    tx.session.add(unit)
    await tx.session.flush()
    data = {
        "code": code,
        "name": name,
        "name_en": name_en,
        "kind": kind,
        "division": division,
        "parent_id": parent_id,
        "valid_from": valid_from,
        "valid_to": valid_to,
        **({"segments": unit.segments} if unit.segments else {}),
    }
    tx.record("unit.created", "Unit", unit.id, unit_id=unit.id, data=data)
    return unit


async def update_unit(
    tx: Tx,
    unit_id: int,
    *,
    code: str | UnsetType = UNSET,
    name: str | UnsetType = UNSET,
    name_en: str | UnsetType | None = UNSET,
    division: str | UnsetType | None = UNSET,
    valid_to: date | UnsetType | None = UNSET,
    segments: Collection[Segment] | UnsetType = UNSET,
    expected_version: int | None = None,
) -> Unit:
    """Rename a unit, correct its code, set its last day or its segments. What is not given stays.

    A manager of the unit itself may set its English name; the rest is the administrator's.
    """
    if code is not UNSET or valid_to is not UNSET:  # what is free, and who stands below, stays so
        await lock_registry(tx)
    unit = await get_unit_for_update(tx, unit_id, "unitId")
    given: dict[str, Any] = {}
    if not isinstance(name_en, UnsetType):
        tx.actor.require(tx.actor.has(unit.id, MANAGING), NAMERS, "nameEn")
        given["name_en"] = rules.clean_optional_name(name_en, "nameEn")
    reserved = {
        "code": code,
        "name": name,
        "division": division,
        "valid_to": valid_to,
        "segments": segments,
    }
    if given == {} or any(value is not UNSET for value in reserved.values()):
        tx.actor.require(tx.actor.sees_everything, ADMINISTRATOR, "unitId")
    if not isinstance(code, UnsetType):
        given["code"] = rules.clean_code(code, "code")
        await _require_free(tx, given["code"], but=unit.id)
    if not isinstance(name, UnsetType):
        given["name"] = rules.clean_name(name, "name")
    if not isinstance(division, UnsetType):
        given["division"] = rules.clean_optional_name(division, "division")
    if not isinstance(valid_to, UnsetType):
        given["valid_to"] = valid_to
        await _require_may_end(tx, unit, valid_to)
    if not isinstance(segments, UnsetType):
        given["segments"] = in_order(segments)
    before = {key: getattr(unit, key) for key in given}
    changed = {key: value for key, value in given.items() if value != before[key]}
    next_version(unit, expected_version)
    for key, value in changed.items():
        setattr(unit, key, value)
    unit.sort_key = sort_key(unit.name)
    unit.search = search_text(unit.code, unit.name, unit.name_en)
    await tx.session.flush()
    tx.record("unit.updated", "Unit", unit.id, unit_id=unit.id, data=differences(before, changed))
    return unit


async def _require_free(tx: Tx, code: str, *, but: int | None = None) -> None:
    """Called under the registry's lock, so that what is free stays free until the commit."""
    holder = await tx.session.scalar(sa.select(Unit).where(Unit.code == code, Unit.id.is_distinct_from(but)))
    if holder is not None:
        raise UNIT_CODE_TAKEN.at("code", code=code, holder=holder.name)


def _require_parent_lasts(parent: Unit | None, valid_to: date | None, *path: str) -> None:
    if parent is not None and rules.outlived(parent.valid_to, valid_to):
        raise UNIT_PARENT_ENDED.at(
            *path, code=parent.code, valid_from=parent.valid_from, valid_to=parent.valid_to
        )


async def _require_may_end(tx: Tx, unit: Unit, valid_to: date | None) -> None:
    """The dates are in order, the unit above lasts as long, and no unit below lasts longer."""
    rules.require_validity(unit.valid_from, valid_to, "validTo")
    parent = None if unit.parent_id is None else await get_unit(tx, unit.parent_id)
    _require_parent_lasts(parent, valid_to, "validTo")
    if valid_to is None:
        return
    child = await tx.session.scalar(
        sa.select(Unit.id)
        .where(Unit.parent_id == unit.id, sa.or_(Unit.valid_to.is_(None), Unit.valid_to > valid_to))
        .limit(1)
    )
    if child is not None:
        raise UNIT_HAS_CHILDREN.at("validTo", code=unit.code, valid_to=valid_to)
