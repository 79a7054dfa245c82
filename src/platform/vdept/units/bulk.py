"""Units written in bulk: a fixed number of statements for any number of rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm.attributes import set_committed_value

from vdept.kernel.db import Tx, to_json
from vdept.kernel.text import fold, sort_key
from vdept.units.models import Unit, UnitKind
from vdept.units.planning import CHANGEABLE, Changes, Planner, UnitRow

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext('vdept.units'))")

_INSERT = sa.text(
    """
    INSERT INTO unit (id, code, name, name_en, kind, division, parent_id, path, sort_key, search,
                      valid_from, valid_to, segments)
    OVERRIDING SYSTEM VALUE
    SELECT id, code, name, name_en, kind, division, parent_id, path, sort_key, search, valid_from, valid_to,
        coalesce(segments, '{}')
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(
        id bigint, code text, name text, name_en text, kind text, division text, parent_id bigint,
        path bigint[], sort_key text, search text, valid_from date, valid_to date, segments varchar[])
    """
)

_UPDATE = sa.text(
    """
    UPDATE unit u
    SET name = r.name, name_en = r.name_en, division = r.division, sort_key = r.sort_key,
        search = r.search, valid_from = r.valid_from, valid_to = r.valid_to, segments = r.segments,
        version = u.version + 1
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(
        id bigint, name text, name_en text, division text, sort_key text, search text,
        valid_from date, valid_to date, segments varchar[])
    WHERE u.id = r.id
    """
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many units a bulk act made, changed, and left as they were."""

    created: int
    updated: int
    unchanged: int
    placed: int = 0
    """Of those: how many get other segments than they had."""


async def lock_registry(tx: Tx) -> None:
    """One writer of codes at a time; readers and everything else go on."""
    await tx.session.execute(_LOCK)


def search_text(code: str, name: str, name_en: str | None) -> str:
    """What a search box finds a unit by."""
    return fold(f"{name} {name_en or ''} {code}")


def counts(changes: Changes) -> Counts:
    return Counts(len(changes.created), len(changes.updated), changes.unchanged, changes.placed)


async def plan(tx: Tx, rows: Sequence[UnitRow], spoiled: Collection[str] = ()) -> tuple[Changes, Planner]:
    """What ``rows`` would change; problems are left at their cells. Three statements."""
    codes = {row.code for row in rows} | {row.parent_code for row in rows if row.parent_code}
    named = sa.select(Unit.parent_id).where(Unit.code == sa.any_(_texts(codes)))
    existing = {
        unit.code: unit
        for unit in await tx.session.scalars(
            sa.select(Unit)
            .where(sa.or_(Unit.code == sa.any_(_texts(codes)), Unit.id.in_(named)))
            .execution_options(populate_existing=True)
        )
    }
    ending = [existing[row.code].id for row in rows if row.valid_to and row.code in existing]
    children = await tx.session.execute(
        sa.select(
            Unit.parent_id,
            sa.case((sa.func.bool_or(Unit.valid_to.is_(None)), None), else_=sa.func.max(Unit.valid_to)),
        )
        .where(Unit.parent_id == sa.any_(sa.cast(ending, ARRAY(sa.BigInteger))))
        .group_by(Unit.parent_id)
    )
    until: dict[int, date | None] = {row[0]: row[1] for row in children}
    planner = Planner(rows, existing, until, frozenset(spoiled), tx.today, await _government(tx, rows))
    return planner.plan(), planner


async def _government(tx: Tx, rows: Sequence[UnitRow]) -> str | None:
    """The code of the one government, in the file or in the registry; none where there are two."""
    stands = (await tx.session.scalars(sa.select(Unit.code).where(Unit.kind == UnitKind.GOVERNMENT))).all()
    codes = {*stands, *(row.code for row in rows if row.kind is UnitKind.GOVERNMENT)}
    return codes.pop() if len(codes) == 1 else None


async def write(tx: Tx, changes: Changes, existing: Mapping[str, Unit]) -> Counts:
    """Write ``changes``: one statement for what is new, one for what differs; an activity for each unit."""
    if changes.created:
        await _insert(tx, changes.created, existing)
    if changes.updated:
        await _update(tx, changes)
    return counts(changes)


async def _insert(tx: Tx, created: Sequence[UnitRow], existing: Mapping[str, Unit]) -> None:
    ids = await tx.session.scalars(
        sa.text(
            "SELECT nextval(pg_get_serial_sequence('unit', 'id')) FROM generate_series(1, CAST(:n AS int))"
        ),
        {"n": len(created)},
    )
    paths: dict[str, list[int]] = {code: list(unit.path) for code, unit in existing.items()}
    values: list[dict[str, Any]] = []
    for row, unit_id in zip(created, ids, strict=True):
        above = paths[row.parent_code] if row.parent_code else []
        paths[row.code] = [*above, unit_id]
        value = {
            "code": row.code,
            "name": row.name,
            "name_en": row.name_en,
            "kind": row.kind,
            "division": row.division,
            "parent_id": above[-1] if above else None,
            "valid_from": row.valid_from or tx.today,
            "valid_to": row.valid_to,
            **({"segments": row.segments} if row.segments else {}),
        }
        tx.record("unit.created", "Unit", unit_id, unit_id=unit_id, data=value)
        values.append(
            {
                **value,
                "id": unit_id,
                "path": paths[row.code],
                "sort_key": sort_key(row.name),
                "search": search_text(row.code, row.name, row.name_en),
            }
        )
    await tx.session.execute(_INSERT, {"rows": to_json(values)})


async def _update(tx: Tx, changes: Changes) -> None:
    values: list[dict[str, Any]] = []
    for update in changes.updated:
        unit = update.unit
        before = {name: getattr(unit, name) for name in update.values}
        after = {name: update.values.get(name, getattr(unit, name)) for name in CHANGEABLE}
        values.append(
            {
                **after,
                "id": unit.id,
                "sort_key": sort_key(after["name"]),
                "search": search_text(unit.code, after["name"], after["name_en"]),
            }
        )
        tx.record("unit.updated", "Unit", unit.id, unit_id=unit.id, data=differences(before, update.values))
        _bring_up_to_date(unit, {**values[-1], "version": unit.version + 1})
    await tx.session.execute(_UPDATE, {"rows": to_json(values)})


def _bring_up_to_date(unit: Unit, values: Mapping[str, Any]) -> None:
    """What the bulk statement writes, in the session's object too."""
    for name, value in values.items():
        set_committed_value(unit, name, value)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What changed, as an activity keeps it."""
    return {name: {"from": before[name], "to": value} for name, value in after.items()}


def _texts(values: Collection[str]) -> Any:
    return sa.cast(list(values), ARRAY(sa.Text))
