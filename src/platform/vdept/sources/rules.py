"""The rules of sources and of what they send: pure functions on plain values."""

import calendar
import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from vdept.kernel.clock import local_date
from vdept.measurements import rules as measured
from vdept.measurements.errors import UNIT_ENDED_BEFORE
from vdept.measurements.rules import Meaning, Reading
from vdept.sources.errors import (
    READING_DATE_INVALID,
    READING_INDICATOR_NOT_MEASURED,
    READING_INDICATOR_UNKNOWN,
    READING_NOT_A_NUMBER,
    READING_OUT_OF_REACH,
    READING_UNIT_OF_MEASURE,
    READING_UNIT_UNKNOWN,
    SOURCE_CLOSED,
    SOURCE_NATION_ONLY,
    SOURCE_PAUSED,
)
from vdept.sources.models import Reach, SourceState
from vdept.units.models import UnitKind

T = TypeVar("T")
NAME_LIMIT = 200
TEXT_LIMIT = 2_000
CODE_LIMIT = 100
SHOWN = 60
"""How much of what was sent a sentence repeats."""

KEPT = 2_001
"""How much of a text is kept of a rejected row: one character more than the longest that could be right."""

EXACT = 53
"""Bits of a whole number that every reader of JSON reads as it is; longer ones are kept as text."""

LONGEST = 256
"""Bits of a whole number that is looked at; Python would take its time to write out millions of digits."""

NATIONAL = frozenset({UnitKind.MINISTRY, UnitKind.GOVERNMENT})
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?", re.ASCII)
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_LOCAL_DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", re.ASCII)
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})", re.ASCII)
_YEAR = re.compile(r"[0-9]{4}", re.ASCII)
_ID_LIMIT = 2**63


class Given(NamedTuple):
    """One row as it came: texts and numbers that nobody has looked at yet.

    ``unit`` and ``indicator``: a number is an id, a text a code. ``as_of``: a day, or a text such as
    ``2026-03-31``, ``31/03/2026``, ``2026-03`` or ``2026`` (the last day of the month or year). ``raw``: what
    the source's owner is shown if the row is rejected; these values unless given.
    """

    unit: str | int | None
    indicator: str | int | None
    as_of: date | str | None
    value: Decimal | int | str | None = None
    numerator: Decimal | int | str | None = None
    denominator: Decimal | int | str | None = None
    note: str | None = None
    raw: Any = None
    unit_of_measure: str | None = None


class UnitFound(NamedTuple):
    """A unit that a row may be about. ``reached``: the source may measure it."""

    id: int
    name: str
    ended: date | None
    reached: bool


class IndicatorFound(NamedTuple):
    """An indicator that a row may be about. ``measured``: the source is registered for it."""

    id: int
    meaning: Meaning
    unit_of_measure: str
    measured: bool


class Good(NamedTuple):
    """A row that passed."""

    row: int
    unit_id: int
    indicator_id: int
    as_of: date
    reading: Reading
    note: str | None


# One reading --------------------------------------------------------------------------------------------


def judge(
    row: int,
    given: Given,
    units: Mapping[str | int, UnitFound],
    indicators: Mapping[str | int, IndicatorFound],
    today: date,
) -> Good:
    """The reading that a row makes, or the first reason why it makes none."""
    unit = _found(units, given.unit)
    if unit is None:
        raise READING_UNIT_UNKNOWN.at(_named("unit", given.unit), unit=shown(given.unit))
    indicator = _found(indicators, given.indicator)
    if indicator is None:
        raise READING_INDICATOR_UNKNOWN.at(
            _named("indicator", given.indicator), indicator=shown(given.indicator)
        )
    if not indicator.measured:
        raise READING_INDICATOR_NOT_MEASURED.at(
            _named("indicator", given.indicator), indicator=indicator.meaning.name
        )
    if not unit.reached:
        raise READING_OUT_OF_REACH.at(_named("unit", given.unit), unit=unit.name)
    require_unit_of_measure(given.unit_of_measure, indicator)
    as_of = day(given.as_of)
    if unit.ended is not None or as_of > today or as_of < measured.EARLIEST:
        measured.require_as_of(as_of, today)
        if unit.ended is not None and as_of > unit.ended:
            raise UNIT_ENDED_BEFORE.at(
                _named("unit", given.unit), unit=unit.name, ended=unit.ended.isoformat()
            )
    reading = measured.reading(
        indicator.meaning,
        number(given.value, "value"),
        number(given.numerator, "numerator"),
        number(given.denominator, "denominator"),
    )
    note = measured.cleaned_note(given.note) if given.note else None
    return Good(row, unit.id, indicator.id, as_of, reading, note)


def _found(there: Mapping[str | int, T], given: str | int | None) -> T | None:
    """By the very words, as nearly all are found, or else without their spaces."""
    exact = there.get(given) if type(given) is str or type(given) is int else None
    return there.get(key(given)) if exact is None else exact


def key(given: str | int | None) -> str | int:
    """What a unit or an indicator is looked up by: a code without its spaces, or an id; else nobody's."""
    if isinstance(given, str):
        code = given.strip()
        return code if len(code) <= CODE_LIMIT and "\x00" not in code else ""
    return given if type(given) is int and 0 < given < _ID_LIMIT else ""


def day(given: date | str | None) -> date:
    """The day that a value is of; of a month or a year, its last day."""
    if isinstance(given, datetime):
        return local_date(given) if given.tzinfo else given.date()
    if isinstance(given, date):
        return given
    found = _day_of(given) if isinstance(given, str) and len(given) <= SHOWN else None
    if found is None:
        raise READING_DATE_INVALID.at("asOf", given=shown(given))
    return found


@lru_cache(maxsize=4_096)
def _day_of(given: str) -> date | None:
    """Remembered: the rows of a delivery are of a few days."""
    text = given.strip()
    try:
        if found := _DAY.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _LOCAL_DAY.fullmatch(text):
            return date(int(found[3]), int(found[2]), int(found[1]))
        if found := _MONTH.fullmatch(text):
            year, month = int(found[1]), int(found[2])
            return date(year, month, calendar.monthrange(year, month)[1])
        if _YEAR.fullmatch(text):
            return date(int(text), 12, 31)
    except (ValueError, calendar.IllegalMonthError):
        return None
    return None


def number(given: Decimal | int | str | None, *path: str) -> Decimal | None:
    """The number that is written there; None where nothing is.

    No exponent, no separators and no comma: ``1e3``, ``1.000,5`` and ``1,5`` mean different things to
    different programs, and whoever sends them is asked to say it plainly.
    """
    if given is None:
        return None
    if isinstance(given, str):
        text = given.strip()
        if text == "":
            return None
        if _NUMBER.fullmatch(text):
            return Decimal(text)
    elif isinstance(given, Decimal):
        if given.is_finite():
            return given
    elif isinstance(given, int) and not isinstance(given, bool) and given.bit_length() <= LONGEST:
        return Decimal(given)
    raise READING_NOT_A_NUMBER.at(*path, given=shown(given))


def require_unit_of_measure(given: str | None, indicator: IndicatorFound) -> None:
    """A source that says in what it counts must count in what the indicator is given in."""
    if given is None:
        return
    said = str(given).strip()
    if said and _same(said) != _same(indicator.unit_of_measure):
        raise READING_UNIT_OF_MEASURE.at(
            "unitOfMeasure",
            given=shown(said),
            indicator=indicator.meaning.name,
            expected=indicator.unit_of_measure,
        )


def _same(text: str) -> str:
    """Case aside, and whether marks are written with their letters or after them."""
    return unicodedata.normalize("NFC", " ".join(text.casefold().split()))


def shown(given: object) -> str:
    """What was sent, short enough for a sentence."""
    text = "" if given is None else _text(given)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _named(what: str, given: str | int | None) -> str:
    return what + ("Code" if isinstance(given, str) else "Id")


# What is kept of a rejected row -------------------------------------------------------------------------


def kept(given: Given) -> dict[str, Any]:
    """The row as plain JSON, from which :func:`given_again` makes it anew."""
    return {name: storable(value) for name, value in _values(given).items() if value is not None}


def whole(given: Given) -> dict[str, Any]:
    """The row as it was sent, nothing cut: what the raw document of a push is made of.

    An id that is none of ours is there as it came.
    """
    row = {name: _uncut(value) for name, value in _values(given).items() if value is not None}
    if isinstance(given.raw, Mapping):
        came = {name: given.raw.get(name) for name in ("unitId", "indicatorId")}
        row = {**{name: str(value) for name, value in came.items() if value is not None}, **row}
    return row


def _uncut(value: Any) -> Any:
    if type(value) is int and value.bit_length() <= EXACT:
        return value
    text = value if type(value) is str else value.isoformat() if isinstance(value, date) else str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _values(given: Given) -> dict[str, Any]:
    return {
        "unitCode" if isinstance(given.unit, str) else "unitId": given.unit,
        "indicatorCode" if isinstance(given.indicator, str) else "indicatorId": given.indicator,
        "asOf": given.as_of,
        "value": given.value,
        "numerator": given.numerator,
        "denominator": given.denominator,
        "unitOfMeasure": given.unit_of_measure,
        "note": given.note,
    }


def given_again(kept_row: Mapping[str, Any], fixed: Mapping[str, Any]) -> Given:
    """The row that was kept, with what is put right in it: a code takes the place of an id."""
    row = {**kept_row, **fixed}
    unit_id, indicator_id = row.get("unitId"), row.get("indicatorId")
    return Given(
        unit=row["unitCode"] if "unitCode" in row else None if unit_id is None else int(unit_id),
        indicator=row["indicatorCode"]
        if "indicatorCode" in row
        else None
        if indicator_id is None
        else int(indicator_id),
        as_of=row.get("asOf"),
        value=row.get("value"),
        numerator=row.get("numerator"),
        denominator=row.get("denominator"),
        note=row.get("note"),
        unit_of_measure=row.get("unitOfMeasure"),
    )


def storable(value: Any, depth: int = 4) -> Any:
    """``value`` as JSON that PostgreSQL stores: fractions as text, nothing too long."""
    if type(value) is str and value.isascii() and len(value) <= KEPT and "\x00" not in value:
        return value  # nearly all of a delivery: said first, for ten thousand rows of eight values
    if isinstance(value, Mapping) and depth:
        some = list(value.items())[:100]
        return {_text(name)[:SHOWN]: storable(item, depth - 1) for name, item in some}
    if isinstance(value, list | tuple) and depth:
        return [storable(item, depth - 1) for item in value[:100]]
    small = isinstance(value, int) and value.bit_length() <= EXACT
    return value if value is None or small else _text(value)


def _text(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > LONGEST:
        return "…"
    if isinstance(value, date):
        return value.isoformat()
    text = str(value).replace("\x00", "�")
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= KEPT else text[:KEPT] + "…"


# The source itself --------------------------------------------------------------------------------------


def require_reach(reach: Reach, kind: UnitKind) -> None:
    """What is measured across the nation is measured by a ministry or the government."""
    if reach is Reach.NATION and kind not in NATIONAL:
        raise SOURCE_NATION_ONLY.at("reach")


def require_active(state: SourceState, name: str, reason: str | None, *path: str | int) -> None:
    """A source that is paused or closed takes nothing in."""
    if state is SourceState.CLOSED:
        raise SOURCE_CLOSED.at(*path, name=name)
    if state is SourceState.PAUSED:
        raise SOURCE_PAUSED.at(*path, name=name, reason=reason or "")
