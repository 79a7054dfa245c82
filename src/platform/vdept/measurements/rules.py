"""The rules of a measured or reported value: pure functions on plain values."""

from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import NamedTuple

from vdept.kernel.actor import MANAGING, WORKING, Actor, ActorKind
from vdept.measurements.errors import (
    AS_OF_IN_FUTURE,
    AS_OF_TOO_OLD,
    DENOMINATOR_NOT_POSITIVE,
    MEASURED_NEEDS_SOURCE,
    NUMERATOR_ABOVE_DENOMINATOR,
    RATIO_NEEDS_PARTS,
    SOURCE_REQUIRED,
    UNIT_ENDED_BEFORE,
    VALUE_NEEDS_NO_PARTS,
)
from vdept.targets.models import Basis
from vdept.targets.rules import (
    SIX_DECIMALS,
    clean_optional,
    require_bounds,
    require_quantity,
    shown,
)

EARLIEST = date(1945, 9, 2)
SOURCE_LIMIT = 200
NOTE_LIMIT = 2_000
REPORT = "Báo cáo của đơn vị"
"""The source of a reported value when none is named: the unit's own report."""

HUNDRED = Decimal(100)
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
"""Wide enough that a quotient of two quantities is decided by its own digits, not by a first rounding."""


class Meaning(NamedTuple):
    """What a rule needs to know of an indicator."""

    name: str
    is_ratio: bool
    minimum: Decimal | None = None
    maximum: Decimal | None = None


class Reading(NamedTuple):
    """A value that passed the rules; a ratio keeps its parts."""

    value: Decimal
    numerator: Decimal | None = None
    denominator: Decimal | None = None


def ratio(numerator: Decimal, denominator: Decimal) -> Decimal:
    """100 × numerator / denominator with six decimals, half up: the value of a ratio."""
    quotient = _EXACT.divide(_EXACT.multiply(HUNDRED, numerator), denominator)
    return quotient.quantize(SIX_DECIMALS, rounding=ROUND_HALF_UP, context=_EXACT)


def reading(
    of: Meaning, value: Decimal | None, numerator: Decimal | None, denominator: Decimal | None
) -> Reading:
    """The reading these numbers make, or why they make none."""
    if not of.is_ratio:
        if numerator is not None or denominator is not None:
            path = "numerator" if numerator is not None else "denominator"
            raise VALUE_NEEDS_NO_PARTS.at(path, indicator=of.name)
        if value is None:
            raise VALUE_NEEDS_NO_PARTS.at("value", indicator=of.name)
        require_bounds(value, of.minimum, of.maximum, "value")
        return Reading(value)
    if value is not None or numerator is None or denominator is None:
        path = "value" if value is not None else "numerator" if numerator is None else "denominator"
        raise RATIO_NEEDS_PARTS.at(path, indicator=of.name)
    require_quantity(numerator, "numerator")
    require_quantity(denominator, "denominator")
    if denominator <= 0:
        raise DENOMINATOR_NOT_POSITIVE.at("denominator", denominator=shown(denominator))
    if of.maximum == HUNDRED and numerator > denominator:
        raise NUMERATOR_ABOVE_DENOMINATOR.at(
            "numerator", numerator=shown(numerator), denominator=shown(denominator)
        )
    made = ratio(numerator, denominator)
    require_bounds(made, of.minimum, of.maximum, "numerator")
    return Reading(made, numerator, denominator)


def require_as_of(as_of: date, today: date, unit_ended: date | None = None, unit: str = "") -> None:
    """A value is of today or before, and of a time when the unit existed.

    The unit's first day is no limit: what a successor inherited is recorded under the successor.
    """
    if as_of > today:
        raise AS_OF_IN_FUTURE.at("asOf", as_of=as_of.isoformat())
    if as_of < EARLIEST:
        raise AS_OF_TOO_OLD.at("asOf", as_of=as_of.isoformat(), earliest=EARLIEST.isoformat())
    if unit_ended is not None and as_of > unit_ended:
        raise UNIT_ENDED_BEFORE.at("unitId", unit=unit, ended=unit_ended.isoformat())


def named_source(basis: Basis, source: str | None) -> str:
    """Where the value comes from; a measured one must say so."""
    text = (source or "").strip()
    if not text and basis is Basis.REPORTED:
        return REPORT
    if not text or len(text) > SOURCE_LIMIT or "\x00" in text:
        raise SOURCE_REQUIRED.at("source", limit=SOURCE_LIMIT)
    return text


def cleaned_note(note: str | None) -> str | None:
    return clean_optional(note, NOTE_LIMIT, "note")


def may_record(actor: Actor, unit_id: int, path: tuple[int, ...]) -> bool:
    """Who reports a value for a unit (``path``: its ancestors, itself last).

    Whoever does the unit's work, or commits a public body above it.
    """
    return actor.has(unit_id, WORKING) or actor.has_above(path[:-1], MANAGING)


def require_source(actor: Actor, basis: Basis, *path: str | int) -> None:
    """What is measured comes through a source (:mod:`vdept.sources`): nobody types it, in person or not."""
    if basis is Basis.MEASURED and actor.kind is not ActorKind.SYSTEM:
        raise MEASURED_NEEDS_SOURCE.at(*path)
