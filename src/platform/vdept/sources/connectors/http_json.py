"""JSON documents: rows found by a JSONPath, each field by its own."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from jsonpath.segments import JSONPathRecursiveDescentSegment
from jsonpath.selectors import IndexSelector, NameSelector

from vdept.kernel.errors import Refused
from vdept.sources.connectors.errors import (
    CONNECTOR_PATH,
    SOURCE_NO_ROWS,
    SOURCE_NOT_JSON,
    SOURCE_NOT_UTF8,
    SOURCE_TOO_MANY_ROWS,
)
from vdept.sources.connectors.limits import MAX_ROWS
from vdept.sources.connectors.mapping import raw_of, reading
from vdept.sources.connectors.paths import compiled, first, found
from vdept.sources.connectors.settings import JsonField, JsonSetting, ReadingField
from vdept.sources.receiving import Given

Place = tuple[str | int, ...]
Get = Callable[[Any, Place], Any]

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
"""Numbers exactly as they are written."""


def readings(setting: JsonSetting, content: bytes) -> list[Given]:
    """The readings of a document; raises what a poll fails with."""
    document = decoded(content)
    codes: dict[ReadingField, Mapping[str, str]] = {one.field: one.codes for one in setting.fields}
    given: list[Given] = []
    try:
        getters = {one.field: _getter(one, document) for one in setting.fields}
        for match in found(setting.rows, document):
            if len(given) >= MAX_ROWS:
                raise SOURCE_TOO_MANY_ROWS.at("rows", limit=MAX_ROWS)
            row, place = match.obj, match.parts
            values = {field: get(row, place) for field, get in getters.items()}
            given.append(reading(values, codes, raw_of(row)))
        if not given and not _leads_to_a_list(setting.rows, document):
            raise SOURCE_NO_ROWS.at("rows", rows=setting.rows)
    except Refused as refused:
        if refused.refusal is CONNECTOR_PATH:
            raise SOURCE_NOT_JSON.at(byte=len(content)) from None
        raise
    return given


def decoded(content: bytes) -> Any:
    """The document; its faults are named."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise SOURCE_NOT_UTF8.at(byte=error.start + 1) from None
    try:
        return _DECODER.decode(content)
    except msgspec.DecodeError as error:
        _, _, place = str(error).partition("(byte ")
        byte = int(place.rstrip(")")) + 1 if place.rstrip(")").isdigit() else len(content)
        raise SOURCE_NOT_JSON.at(byte=byte) from None
    except (RecursionError, ArithmeticError):
        raise SOURCE_NOT_JSON.at(byte=len(content)) from None


def _leads_to_a_list(rows: str, document: Any) -> bool:
    """Whether there is a place for rows, which happens to be empty: ``$.dataValues[*]`` of an empty list."""
    head = "$" + "".join(str(segment) for segment in compiled(rows).segments[:-1])
    return isinstance(first(head, document), list | dict)


def _getter(one: JsonField, document: Any) -> Get:
    """How a field is read of a row; what is the same for all rows is read once."""
    if one.level is not None:
        return _of_the_place(one, document)
    if one.path is not None:
        return _in_the_row(one.path)
    same = one.fixed if one.document_path is None else first(one.document_path, document)
    return lambda _row, _place: same


def _in_the_row(path: str) -> Get:
    """Names and positions are walked directly: a path is asked of each of many rows."""
    steps: list[str | int] = []
    for segment in compiled(path).segments:
        selector = segment.selectors[0]
        descends = isinstance(segment, JSONPathRecursiveDescentSegment)
        if isinstance(selector, NameSelector) and not descends:
            steps.append(selector.name)
        elif isinstance(selector, IndexSelector) and not descends:
            steps.append(selector.index)
        else:
            return lambda row, _place: first(path, row)

    def walk(row: Any, _place: Place) -> Any:
        for step in steps:
            if isinstance(step, str):
                row = row.get(step) if isinstance(row, dict) else None
            elif isinstance(row, list) and -len(row) <= step < len(row):
                row = row[step]
            else:
                return None
        return row

    return walk


def _of_the_place(one: JsonField, document: Any) -> Get:
    level, part = one.level or 0, one.part
    listed = None if one.lookup is None else [match.obj for match in found(one.lookup, document)]

    def look(_row: Any, place: Place) -> Any:
        name: Any = place[-1 - level] if level < len(place) else None
        if part is not None:
            parts = str(name).split(":")
            name = parts[part] if part < len(parts) else None
        if listed is None or name is None:
            return name
        number = str(name)
        known = number.isascii() and number.isdigit() and int(number[:9]) < len(listed)
        return listed[int(number[:9])] if known else None

    return look
