"""From the rows of a file to what would change: pure, so that a dry run and the act cannot differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from vdept.kernel.errors import Refused
from vdept.kernel.tables import Row
from vdept.units import rules
from vdept.units.errors import (
    UNIT_CYCLE,
    UNIT_HAS_CHILDREN,
    UNIT_KIND_FIXED,
    UNIT_MOVED,
    UNIT_PARENT_ENDED,
    UNIT_PARENT_UNKNOWN,
    UNIT_TWICE_IN_FILE,
)
from vdept.units.models import Segment, Unit, UnitKind

CHANGEABLE = ("name", "name_en", "division", "valid_from", "valid_to", "segments")


@dataclass(slots=True)
class UnitRow:
    """One unit as a file gives it. None: the file does not say, so an existing unit keeps what it has."""

    origin: Row
    code: str
    name: str
    kind: UnitKind
    parent_code: str | None = None
    division: str | None = None
    name_en: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    segments: list[Segment] | None = None


@dataclass(slots=True)
class Update:
    """An existing unit and the columns that change."""

    unit: Unit
    values: dict[str, Any]


@dataclass(slots=True)
class Changes:
    """What a file would do. ``created`` stands parents first, with the code of the parent of each."""

    created: list[UnitRow] = field(default_factory=list)
    updated: list[Update] = field(default_factory=list)
    unchanged: int = 0

    @property
    def placed(self) -> int:
        """How many units get other segments than they had."""
        return sum(bool(row.segments) for row in self.created) + sum(
            "segments" in update.values for update in self.updated
        )


@dataclass(slots=True)
class Planner:
    """Compares the rows of a file with the units that exist; faults are collected at their cells."""

    rows: Sequence[UnitRow]
    existing: Mapping[str, Unit]
    """Every unit whose code the file names, and the units above them."""
    children_until: Mapping[int, date | None]
    """The last day of the children that a unit has already (None: endless), by the unit's id."""
    spoiled: frozenset[str]
    """Codes of rows that were already refused: what stands under them is not blamed again."""
    today: date
    government: str | None = None
    """The code of the government, above ministries and provinces whose parent a file leaves out."""
    by_code: dict[str, UnitRow] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)

    def plan(self) -> Changes:
        for row in self.rows:
            first = self.by_code.setdefault(row.code, row)
            if first is not row:
                row.origin.refuse("code", UNIT_TWICE_IN_FILE, code=row.code, first=first.origin.cell("code"))
        fresh = {code: row for code, row in self.by_code.items() if code not in self.existing}
        for row in fresh.values():
            if row.parent_code is None and row.kind in {UnitKind.MINISTRY, UnitKind.PROVINCE}:
                row.parent_code = self.government
        order, circles = rules.parents_first({code: row.parent_code for code, row in fresh.items()})
        for circle in circles:
            for code in circle:
                fresh[code].origin.refuse("parent_code", UNIT_CYCLE, codes=" → ".join([*circle, circle[0]]))
        for row in self.by_code.values():
            unit = self.existing.get(row.code)
            if unit is None:
                self._check_parent(row)
                self._check_validity(row, row.valid_from or self.today, row.valid_to)
            else:
                self._compare(row, unit)
        self.changes.created = [fresh[code] for code in order]
        return self.changes

    def _check_parent(self, row: UnitRow) -> None:
        code = row.parent_code
        if code is not None and code in self.spoiled:
            return
        parent = None if code is None else self.existing.get(code) or self.by_code.get(code)
        if code is not None and parent is None:
            row.origin.refuse("parent_code", UNIT_PARENT_UNKNOWN, code=code)
            return
        _collect(row, "parent_code", rules.require_parent, row.kind, parent.kind if parent else None)

    def _check_validity(self, row: UnitRow, valid_from: date, valid_to: date | None) -> None:
        sound = _collect(row, "valid_to", rules.require_validity, valid_from, valid_to)
        parent_from, parent_to = self._validity_of(row.parent_code)
        if sound and rules.outlived(parent_to, valid_to):
            row.origin.refuse(
                "parent_code",
                UNIT_PARENT_ENDED,
                code=row.parent_code,
                valid_from=parent_from,
                valid_to=parent_to,
            )

    def _validity_of(self, code: str | None) -> tuple[date | None, date | None]:
        """The dates that a unit will have once the file is in."""
        row, unit = self.by_code.get(code or ""), self.existing.get(code or "")
        now = (unit.valid_from, unit.valid_to) if unit else (None, None)
        return (row.valid_from or now[0], row.valid_to or now[1]) if row else now

    def _compare(self, row: UnitRow, unit: Unit) -> None:
        if row.kind != unit.kind:
            row.origin.refuse("kind", UNIT_KIND_FIXED, code=row.code, current=unit.kind)
            return
        parent = None if row.parent_code is None else self.existing.get(row.parent_code)
        if row.parent_code is not None and (parent is None or parent.id != unit.parent_id):
            above = next((u.code for u in self.existing.values() if u.id == unit.parent_id), "–")
            row.origin.refuse("parent_code", UNIT_MOVED, code=row.code, current=above)
            return
        given = {name: getattr(row, name) for name in CHANGEABLE}
        values = {k: v for k, v in given.items() if v is not None and v != getattr(unit, k)}
        if {"valid_from", "valid_to"} & values.keys():
            valid_to = values.get("valid_to", unit.valid_to)
            self._check_validity(row, values.get("valid_from", unit.valid_from), valid_to)
            if rules.outlived(valid_to, self.children_until.get(unit.id, valid_to)):
                row.origin.refuse("valid_to", UNIT_HAS_CHILDREN, code=row.code, valid_to=valid_to)
        if values:
            self.changes.updated.append(Update(unit, values))
        else:
            self.changes.unchanged += 1


def _collect(row: UnitRow, column: str, check: Any, *values: Any) -> bool:
    try:
        check(*values)
    except Refused as refused:
        row.origin.refuse(column, refused.refusal, **refused.params)
        return False
    return True
