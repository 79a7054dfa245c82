"""Record thousands of values in one call: all or nothing, every bad row named.

Four statements, whatever the number of rows: the indicators (with their shared locks), the units, and one
that writes the measurements from arrays, one activity for the batch, and the change rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from vdept.kernel.db import Tx
from vdept.kernel.driver import array
from vdept.kernel.errors import FORBIDDEN, NOT_FOUND, Refused, RefusedMany, Words
from vdept.measurements import rules
from vdept.measurements.access import RECORDERS
from vdept.measurements.errors import NO_ROWS, TOO_MANY_ROWS
from vdept.measurements.rules import Meaning, Reading
from vdept.measurements.statements import INDICATORS, RECORD_MANY, UNITS
from vdept.targets.changes import DOORBELL
from vdept.targets.models import Basis

ROW_LIMIT = 50_000
LISTED = 100
"""How many bad rows a refusal lists."""


class Row(NamedTuple):
    """One value to record; a ratio gives numerator and denominator, anything else value."""

    indicator_id: int
    unit_id: int
    basis: Basis
    as_of: date
    value: Decimal | None = None
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    source: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class BulkReport:
    """What was recorded. The rows of a batch carry one ``recorded_at`` and lie in the id range.

    ``refusals`` only with ``skip_bad`` or ``dry_run``: what was, or would be, left out (first 100).
    """

    count: int
    first_id: int | None = None
    last_id: int | None = None
    bad: int = 0
    refusals: tuple[Refused, ...] = ()


async def record_many(
    tx: Tx, rows: Sequence[Row], *, skip_bad: bool = False, dry_run: bool = False
) -> BulkReport:
    """Record ``rows``: all of them or, unless ``skip_bad``, none. Paths are ``("rows", i, field)``."""
    if not rows:
        raise NO_ROWS.at("rows", limit=ROW_LIMIT)
    if len(rows) > ROW_LIMIT:
        raise TOO_MANY_ROWS.at("rows", count=len(rows), limit=ROW_LIMIT)
    judge = await _Judge.about(tx, rows)
    good: list[tuple[Row, Reading, str, str | None]] = []
    refusals: list[Refused] = []
    bad = 0
    for i, row in enumerate(rows):
        try:
            good.append(judge(row))
        except Refused as refused:
            bad += 1
            if bad <= LISTED:
                refusals.append(refused.under("rows", i))
    if bad and not skip_bad and not dry_run:
        raise RefusedMany(refusals)
    if dry_run or not good:
        return BulkReport(len(good), bad=bad, refusals=tuple(refusals))
    count, first_id, last_id = await RECORD_MANY.first(tx, _arrays(tx, good, skipped=bad))
    tx.ring(DOORBELL)
    return BulkReport(count, first_id, last_id, bad, tuple(refusals))


class _Judge:
    """Decides row by row on what was fetched once; who may record is asked once per unit."""

    def __init__(self, tx: Tx, meanings: dict[int, Meaning], units: dict[int, Any]) -> None:
        self.actor, self.today = tx.actor, tx.today
        self.meanings, self.units = meanings, units
        self.allowed: dict[int, bool] = {}

    @classmethod
    async def about(cls, tx: Tx, rows: Sequence[Row]) -> "_Judge":
        indicators = await INDICATORS.all(tx, {"ids": sorted({r.indicator_id for r in rows})})
        meanings = {
            r["id"]: Meaning(r["name"], r["is_ratio"], r["minimum"], r["maximum"]) for r in indicators
        }
        units = await UNITS.all(tx, {"ids": sorted({r.unit_id for r in rows})})
        return cls(tx, meanings, {r["id"]: r for r in units})

    def __call__(self, row: Row) -> tuple[Row, Reading, str, str | None]:
        meaning, unit = self.meanings.get(row.indicator_id), self.units.get(row.unit_id)
        if meaning is None:
            raise NOT_FOUND.at("indicatorId", what=Words("chỉ số", "indicator"))
        if unit is None:
            raise NOT_FOUND.at("unitId", what=Words("đơn vị", "unit"))
        rules.require_source(self.actor, row.basis, "basis")
        allowed = self.allowed.get(row.unit_id)
        if allowed is None:
            allowed = rules.may_record(self.actor, row.unit_id, tuple(unit["path"]))
            self.allowed[row.unit_id] = allowed
        if not allowed:
            raise FORBIDDEN.at("unitId", needs=RECORDERS)
        rules.require_as_of(row.as_of, self.today, unit["valid_to"], unit["name"])
        made = rules.reading(meaning, row.value, row.numerator, row.denominator)
        source = rules.named_source(row.basis, row.source)
        return row, made, source, rules.cleaned_note(row.note) if row.note else None


def _arrays(tx: Tx, good: Sequence[tuple[Row, Reading, str, str | None]], *, skipped: int) -> dict[str, Any]:
    units = {row.unit_id for row, *_ in good}
    data = {"indicators": sorted({str(row.indicator_id) for row, *_ in good})[:100], "units": len(units)}
    if skipped:
        data["skipped"] = skipped
    return {
        "indicator_ids": array(row.indicator_id for row, *_ in good),
        "unit_ids": array(row.unit_id for row, *_ in good),
        "bases": array(row.basis.value for row, *_ in good),
        "dates": array(row.as_of for row, *_ in good),
        "values": array(made.value for _, made, *_ in good),
        "numerators": array(made.numerator for _, made, *_ in good),
        "denominators": array(made.denominator for _, made, *_ in good),
        "sources": [source for *_, source, _ in good],
        "notes": [note for *_, note in good],
        "now": tx.now,
        "actor": tx.actor.key,
        "person_id": tx.actor.person_id,
        "client_id": tx.actor.client_id,
        "subject_unit_id": next(iter(units)) if len(units) == 1 else None,
        "data": msgspec.json.encode(data).decode(),
    }
