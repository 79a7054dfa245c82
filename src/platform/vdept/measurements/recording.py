"""Record one value, or correct one: the hottest path of the platform.

Two statements: one asks what is needed to decide (and takes the indicator's shared lock, see
:mod:`vdept.targets.changes`), one writes the measurement, its activity and the change rows of the targets
it may move. No parent is read or locked; recorders never wait for each other.
"""

from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.measurements import rules
from vdept.measurements.access import RECORDERS, get_measurement
from vdept.measurements.errors import ALREADY_SUPERSEDED
from vdept.measurements.rules import Meaning
from vdept.measurements.statements import LOOK, RECORD
from vdept.targets.changes import DOORBELL
from vdept.targets.models import Basis


class _Found(NamedTuple):
    """What the rules ask about an indicator and a unit."""

    meaning: Meaning
    path: tuple[int, ...]
    unit: str
    ended: date | None


async def record(
    tx: Tx,
    indicator_id: int,
    unit_id: int,
    *,
    basis: Basis,
    as_of: date,
    value: Decimal | None = None,
    numerator: Decimal | None = None,
    denominator: Decimal | None = None,
    source: str | None = None,
    note: str | None = None,
) -> int:
    """Record a value of an indicator for a unit as of a date; returns the measurement's id.

    A ratio is given by numerator and denominator, anything else by value.
    """
    found = await _look(tx, indicator_id, unit_id)
    rules.require_source(tx.actor, basis, "basis")
    tx.actor.require(rules.may_record(tx.actor, unit_id, found.path), RECORDERS, "unitId")
    rules.require_as_of(as_of, tx.today, found.ended, found.unit)
    made = rules.reading(found.meaning, value, numerator, denominator)
    params = {
        "indicator_id": indicator_id,
        "unit_id": unit_id,
        "basis": basis.value,
        "as_of": as_of,
        "source": rules.named_source(basis, source),
        "note": rules.cleaned_note(note),
        "supersedes_id": None,
        "verb": "measurement.recorded",
    }
    new_id = await _write(tx, made, params)
    assert new_id is not None  # noqa: S101 -- only a correction can conflict
    return new_id


async def correct(
    tx: Tx,
    measurement_id: int,
    *,
    value: Decimal | None = None,
    numerator: Decimal | None = None,
    denominator: Decimal | None = None,
    source: str | None = None,
    note: str | None = None,
) -> int:
    """Supersede a measurement by a new one of the same indicator, unit, basis and date; returns its id.

    Of two people correcting the same row, the second is refused and told to correct the newest.
    """
    old = await get_measurement(tx, measurement_id)
    found = await _look(tx, old.indicator_id, old.unit_id)
    rules.require_source(tx.actor, old.basis, "measurementId")
    tx.actor.require(rules.may_record(tx.actor, old.unit_id, found.path), RECORDERS, "measurementId")
    made = rules.reading(found.meaning, value, numerator, denominator)
    params = {
        "indicator_id": old.indicator_id,
        "unit_id": old.unit_id,
        "basis": old.basis.value,
        "as_of": old.as_of,
        "source": old.source if source is None else rules.named_source(old.basis, source),
        "note": rules.cleaned_note(note),
        "supersedes_id": old.id,
        "verb": "measurement.corrected",
    }
    new_id = await _write(tx, made, params)
    if new_id is None:
        raise ALREADY_SUPERSEDED.at("measurementId")
    return new_id


async def _look(tx: Tx, indicator_id: int, unit_id: int) -> _Found:
    row = await LOOK.first(tx, {"indicator_id": indicator_id, "unit_id": unit_id})
    if row["name"] is None:
        raise NOT_FOUND.at("indicatorId", what=Words("chỉ số", "indicator"))
    if row["path"] is None:
        raise NOT_FOUND.at("unitId", what=Words("đơn vị", "unit"))
    meaning = Meaning(row["name"], row["is_ratio"], row["minimum"], row["maximum"])
    return _Found(meaning, tuple(row["path"]), row["unit_name"], row["valid_to"])


async def _write(tx: Tx, made: rules.Reading, params: dict[str, Any]) -> int | None:
    """Write it all in one statement; None when the row to supersede is superseded already."""
    row = await RECORD.first(
        tx,
        {
            **params,
            "value": made.value,
            "numerator": made.numerator,
            "denominator": made.denominator,
            "now": tx.now,
            "actor": tx.actor.key,
            "person_id": tx.actor.person_id,
            "client_id": tx.actor.client_id,
        },
    )
    tx.ring(DOORBELL)
    return None if row is None else int(row["id"])
