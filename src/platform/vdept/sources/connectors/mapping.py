"""A reading of each row: what a source calls things becomes what the platform calls them. Pure.

Nothing is judged here: what makes no sense goes on as it is and is rejected with the row it came in.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, TypeAlias

from vdept.kernel.clock import local_date
from vdept.sources.connectors.settings import ReadingField
from vdept.sources.receiving import Given

Number: TypeAlias = Decimal | int | str | None

MAX_CELL = 1_000
"""Characters of one value that are looked at and shown; no value that is taken has as many."""
MAX_RAW = 40
"""Fields of a rejected row that its owner is shown."""

_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})?$", re.ASCII)
_PART_OF_YEAR = re.compile(r"(\d{4})-?(Q[1-4]|[SB][12]|H[12])$", re.ASCII | re.IGNORECASE)
_WEEK = re.compile(r"(\d{4})-?W(\d{1,2})$", re.ASCII | re.IGNORECASE)
_MONTH = re.compile(r"(\d{4})-M(\d{2})$", re.ASCII | re.IGNORECASE)
_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?(.*)", re.ASCII)
_ZONE = re.compile(r"(?:[Zz]|([+-])(\d{2}):?(\d{2})?)", re.ASCII)


def period(text: str) -> date | str:
    """The last day of a period as DHIS2 and SDMX write them, such as 202603, 2026Q1, 2026-S2 or 2026-W07.

    A text that is none of these goes on as it is: days, months and years are read where rows are judged.
    """
    said = text.strip()
    try:
        if found := _COMPACT.match(said):
            year, month = int(found[1]), int(found[2])
            return date(year, month, int(found[3]) if found[3] else monthrange(year, month)[1])
        if found := _PART_OF_YEAR.match(said):
            months = 3 if found[2][0] in "Qq" else 6
            return _end_of_month(int(found[1]), months * int(found[2][1]))
        if found := _MONTH.match(said):
            return _end_of_month(int(found[1]), int(found[2]))
        if found := _WEEK.match(said):
            return date.fromisocalendar(int(found[1]), int(found[2]), 1) + timedelta(days=6)
        if found := _INSTANT.fullmatch(said):
            return _local(said, found[2]) if found[2] else date.fromisoformat(found[1])
    except (ValueError, IndexError, OverflowError):
        return said
    return said


def _local(said: str, zone: str) -> date | str:
    """The day here of an instant that says in which zone it is: 17:00 in UTC is tomorrow."""
    found = _ZONE.fullmatch(zone)
    if found is None:
        return said
    ahead = timedelta(hours=int(found[2] or 0), minutes=int(found[3] or 0))
    offset = timezone(-ahead if found[1] == "-" else ahead)
    return local_date(datetime.fromisoformat(said[:16]).replace(tzinfo=offset))


def _end_of_month(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])


def number_with(mark: str) -> Callable[[Any], Number]:
    """Reads numbers of a table whose decimal mark is ``mark``; the other one groups thousands.

    What could be two numbers is neither: ``1.23`` where the mark is a comma.
    """
    other = "." if mark == "," else ","
    groups = re.compile(rf"-?\d{{1,3}}([{other}]\d{{3}})+([{mark}]\d+)?$", re.ASCII)
    plain = re.compile(rf"[-+]?\d+([{mark}]\d+)?$", re.ASCII)

    def read(value: Any) -> Number:
        taken = number(value)
        if not isinstance(taken, str):
            return taken
        said = taken.replace("\N{NO-BREAK SPACE}", " ").strip()
        if plain.match(said) or groups.match(said):
            return said.replace(other, "").replace(mark, ".")
        return f"{said} ?" if re.search(r"\d[.,]\d", said) else said

    return read


def number(value: Any) -> Number:
    """A number exactly as it was written; anything else as its text."""
    if (
        value is None
        or isinstance(value, Decimal)
        or (isinstance(value, int) and not isinstance(value, bool))
    ):
        return value
    if isinstance(value, float):
        return Decimal(repr(value))
    text = shown(value)
    return text if text != "" else None


def code(value: Any) -> str | None:
    """A code: always a text, so that no source's number is taken for an id of ours."""
    if value is None:
        return None
    return shown(value).strip() or None


def day(value: Any) -> date | str | None:
    if isinstance(value, datetime):
        return local_date(value) if value.tzinfo else value.date()
    if value is None or isinstance(value, date):
        return value
    return period(shown(value)) or None


def shown(value: Any) -> str:
    """A value as a reader sees it: 5.0 of a workbook is 5."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    if isinstance(value, Mapping | list):
        return "{…}" if isinstance(value, Mapping) else "[…]"
    return str(value)[:MAX_CELL]


def reading(
    values: Mapping[ReadingField, Any],
    codes: Mapping[ReadingField, Mapping[str, str]],
    raw: Any,
    read_number: Callable[[Any], Number] = number,
) -> Given:
    """One row as it is judged."""
    unit, indicator = (
        _translated(code(values.get(field)), codes.get(field))
        for field in (ReadingField.UNIT, ReadingField.INDICATOR)
    )
    note = values.get(ReadingField.NOTE)
    return Given(
        unit=unit,
        indicator=indicator,
        as_of=day(values.get(ReadingField.AS_OF)),
        value=read_number(values.get(ReadingField.VALUE)),
        numerator=read_number(values.get(ReadingField.NUMERATOR)),
        denominator=read_number(values.get(ReadingField.DENOMINATOR)),
        note=None if note is None else shown(note).strip() or None,
        unit_of_measure=code(values.get(ReadingField.UNIT_OF_MEASURE)),
        raw=raw,
    )


def _translated(given: str | None, codes: Mapping[str, str] | None) -> str | None:
    return given if given is None or not codes else codes.get(given, given)


def raw_of(row: Any) -> Any:
    """A row as its owner is shown it: bounded, and nothing but what JSON can hold."""
    if isinstance(row, Mapping):
        return {str(key)[:100]: _leaf(value) for key, value in _some(row.items())}
    if isinstance(row, list):
        return [_leaf(value) for value in _some(row)]
    return _leaf(row)


def _some(items: Iterable[Any]) -> Iterable[Any]:
    return (item for item, _ in zip(items, range(MAX_RAW), strict=False))


def _leaf(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**53:
        return value
    return shown(value).replace("\0", "\N{REPLACEMENT CHARACTER}")
