"""What a connector asks, where, and how its answer becomes readings. Pure.

A setting is kept as JSON and read into one of three shapes: a JSON document (:class:`JsonSetting`), a table
at a URL (:class:`TableSetting`: CSV or Excel) and a query (:class:`QuerySetting`). ``cleaned`` refuses what
cannot work before it is kept.
"""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, TypeAlias

import httpx
import msgspec

from vdept.kernel.errors import Refused, invalid
from vdept.kernel.settings import Network
from vdept.notifications.webhooks.addresses import clean_url, origin
from vdept.sources.connectors.errors import CONNECTOR_ADDRESS, CONNECTOR_FIELD
from vdept.sources.connectors.paths import compiled, descends
from vdept.sources.models import ConnectorKind

MAX_CODES = 5_000
"""Pairs of codes that one field translates."""
MAX_TEXT = 200
MAX_QUERY = 10_000
LONGEST = 60
"""Seconds that a source may be given for one answer."""
DEFAULT_SECONDS = 30
MAX_HEADER_ROW = 1_000
MAX_DEPTH = 10


class ReadingField(StrEnum):
    """What a reading consists of."""

    UNIT = "UNIT"
    INDICATOR = "INDICATOR"
    AS_OF = "AS_OF"
    VALUE = "VALUE"
    NUMERATOR = "NUMERATOR"
    DENOMINATOR = "DENOMINATOR"
    UNIT_OF_MEASURE = "UNIT_OF_MEASURE"
    NOTE = "NOTE"


CODED = frozenset({ReadingField.UNIT, ReadingField.INDICATOR})
"""Fields whose codes may be translated."""
REQUIRED = (ReadingField.UNIT, ReadingField.INDICATOR, ReadingField.AS_OF)


class JsonField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a field of a reading is: in the row (``path``), in the document (``document_path``), the same in
    all rows (``fixed``), or in the row's own place (``level``: 0 its name or number within its parent, 1 that
    of its parent, and so on). A place such as ``0:3:1`` has parts (``part``), and a part that is a number can
    be looked up in a list of the document (``lookup``).
    """

    field: ReadingField
    path: str | None = None
    document_path: str | None = None
    fixed: str | None = None
    level: int | None = None
    part: int | None = None
    lookup: str | None = None
    codes: dict[str, str] = {}


class ColumnField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a field of a reading is in a table: in a column, or the same in all rows."""

    field: ReadingField
    column: str | None = None
    fixed: str | None = None
    codes: dict[str, str] = {}


class JsonSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A JSON document at a URL; ``rows`` leads to what becomes one reading each."""

    url: str
    rows: str
    fields: tuple[JsonField, ...]
    timeout_seconds: int = DEFAULT_SECONDS


class TableSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A CSV file or an Excel workbook at a URL. ``header_row`` counts from 1; the first that is not blank."""

    url: str
    fields: tuple[ColumnField, ...]
    sheet: str | None = None
    header_row: int | None = None
    decimal_mark: str | None = None
    timeout_seconds: int = DEFAULT_SECONDS


class QuerySetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A query of a PostgreSQL database. Without ``tls`` only where an http address would be allowed."""

    host: str
    database: str
    user: str
    query: str
    fields: tuple[ColumnField, ...]
    port: int = 5432
    tls: bool = True
    timeout_seconds: int = DEFAULT_SECONDS


Setting: TypeAlias = JsonSetting | TableSetting | QuerySetting

SHAPES: dict[ConnectorKind, type[Any]] = {
    ConnectorKind.HTTP_JSON: JsonSetting,
    ConnectorKind.HTTP_CSV: TableSetting,
    ConnectorKind.HTTP_EXCEL: TableSetting,
    ConnectorKind.POSTGRESQL: QuerySetting,
}


def stored(setting: Setting) -> dict[str, Any]:
    """The setting as the table keeps it."""
    kept: dict[str, Any] = msgspec.to_builtins(setting)
    return kept


def restored(kind: ConnectorKind, kept: Any) -> Setting:
    """The setting of a row of the table."""
    setting: Setting = msgspec.convert(kept, SHAPES[kind])
    return setting


def where(setting: Setting) -> str:
    """Scheme, host and port: what credentials are bound to, and all of an address that a log may tell."""
    if isinstance(setting, QuerySetting):
        host = f"[{setting.host}]" if ":" in setting.host else setting.host
        return f"postgresql://{host}:{setting.port}"
    return origin(setting.url)


def cleaned(kind: ConnectorKind, setting: Setting, networks: Iterable[Network]) -> Setting:
    """The setting as it is kept, or why it cannot work; paths are those within the setting."""
    if not isinstance(setting, SHAPES[kind]):
        msg = f"{kind} takes no {type(setting).__name__}"
        raise TypeError(msg)
    if not 1 <= setting.timeout_seconds <= LONGEST:
        raise invalid("timeoutSeconds", vi=f"từ 1 đến {LONGEST} giây", en=f"1 to {LONGEST} seconds")
    _require_fields(setting.fields)
    if isinstance(setting, QuerySetting):
        _require_query(setting, networks)
        return setting
    url = _address(setting.url, networks, "url")
    if isinstance(setting, JsonSetting):
        _path(setting.rows, "rows")
        _require_one_descent(setting)
    elif setting.header_row is not None and not 1 <= setting.header_row <= MAX_HEADER_ROW:
        raise invalid("headerRow", vi=f"từ 1 đến {MAX_HEADER_ROW}", en=f"1 to {MAX_HEADER_ROW}")
    elif setting.decimal_mark not in {None, ".", ","}:
        raise invalid("decimalMark", vi="dấu . hoặc ,", en="a point or a comma")
    elif setting.sheet is not None:
        _text(setting.sheet, "sheet")
    kept: Setting = msgspec.structs.replace(setting, url=url)
    return kept


def _address(url: str, networks: Iterable[Network], *path: str) -> str:
    try:
        return clean_url(url, networks, *path)
    except Refused as refused:
        raise CONNECTOR_ADDRESS.at(*refused.path, **refused.params) from None


def _require_query(setting: QuerySetting, networks: Iterable[Network]) -> None:
    if not 1 <= setting.port <= 65535:
        raise invalid("port", vi="cổng phải từ 1 đến 65535", en="a port is from 1 to 65535")
    if set(setting.host) & set("/?#@:% \t\r\n\\") and not re.fullmatch(r"[0-9a-f:.]+", setting.host):
        raise CONNECTOR_ADDRESS.at(
            "host",
            reason_vi="đây không phải tên máy hay địa chỉ IP",
            reason="this is no host name or address",
        )
    host = f"[{setting.host}]" if ":" in setting.host else setting.host
    checked = _address(f"{'https' if setting.tls else 'http'}://{host}:{setting.port}/", networks, "host")
    if httpx.URL(checked).raw_host.decode("ascii") != setting.host:
        raise CONNECTOR_ADDRESS.at(
            "host",
            reason_vi="tên máy phải viết bằng chữ thường không dấu",
            reason="write the host name in lower-case ASCII letters",
        )
    for name in ("database", "user"):
        _text(getattr(setting, name), name)
    if not 1 <= len(setting.query.strip()) <= MAX_QUERY or "\0" in setting.query:
        raise invalid("query", vi=f"câu truy vấn dài 1–{MAX_QUERY} ký tự", en=f"1 to {MAX_QUERY} characters")
    if not re.match(r"\s*(select|with)\b", setting.query, re.IGNORECASE) or ";" in setting.query:
        raise invalid(
            "query",
            vi="chỉ một câu SELECT (hoặc WITH … SELECT), không có dấu chấm phẩy",
            en="a single SELECT (or WITH … SELECT), without a semicolon",
        )


def _require_fields(fields: Sequence[JsonField | ColumnField]) -> None:
    named: set[ReadingField] = set()
    for place, one in enumerate(fields):
        at = ("fields", place)
        if one.field in named:
            raise _wrong(at, f"{one.field} có hai lần", f"{one.field} is there twice")
        named.add(one.field)
        if isinstance(one, JsonField):
            _require_json_field(one, at)
        elif (one.column is None) == (one.fixed is None):
            raise _wrong(
                at, "cần cột (column) hoặc giá trị cố định (fixed)", "give a column or a fixed value"
            )
        elif one.column is not None:
            _text(one.column, *at, "column")
        if one.fixed is not None:
            _text(one.fixed, *at, "fixed")
        _require_codes(one, at)
    for needed in REQUIRED:
        if needed not in named:
            raise _wrong(("fields",), f"thiếu {needed}", f"{needed} is missing")
    parts = {ReadingField.NUMERATOR, ReadingField.DENOMINATOR} & named
    if len(parts) == 1 or not (parts or ReadingField.VALUE in named):
        raise _wrong(
            ("fields",),
            "cần VALUE, hoặc cả NUMERATOR và DENOMINATOR",
            "give VALUE, or both NUMERATOR and DENOMINATOR",
        )


def _require_json_field(one: JsonField, at: tuple[str | int, ...]) -> None:
    ways = [one.path, one.document_path, one.fixed, one.level]
    if sum(way is not None for way in ways) != 1:
        raise _wrong(
            at,
            "chọn đúng một cách: path, documentPath, fixed hoặc level",
            "choose one way: path, documentPath, fixed or level",
        )
    if one.level is None and (one.part is not None or one.lookup is not None):
        raise _wrong(at, "part và lookup chỉ đi với level", "part and lookup go with level only")
    for number in (one.level, one.part):
        if number is not None and not 0 <= number < MAX_DEPTH:
            raise _wrong(
                at, f"level và part từ 0 đến {MAX_DEPTH - 1}", f"level and part: 0 to {MAX_DEPTH - 1}"
            )
    for name, path in (("path", one.path), ("documentPath", one.document_path), ("lookup", one.lookup)):
        if path is not None:
            _path(path, *at, name)


def _require_one_descent(setting: JsonSetting) -> None:
    for place, one in enumerate(setting.fields):
        if one.path is not None and descends(setting.rows) and descends(one.path):
            raise _wrong(
                ("fields", place, "path"),
                "rows đã có .., nên đường dẫn của trường không được có .. nữa",
                "the rows are found with .. already, and no field within them may descend again",
            )


def _require_codes(one: JsonField | ColumnField, at: tuple[str | int, ...]) -> None:
    if one.codes and one.field not in CODED:
        raise _wrong(
            at, "chỉ dịch được mã của UNIT và INDICATOR", "only codes of UNIT and INDICATOR are translated"
        )
    if len(one.codes) > MAX_CODES:
        raise _wrong(at, f"tối đa {MAX_CODES} cặp mã", f"at most {MAX_CODES} pairs of codes")
    for pair in one.codes.items():
        for code in pair:
            _text(code, *at, "codes")


def _path(path: str, *at: str | int) -> None:
    try:
        compiled(path)
    except Refused as refused:
        raise refused.under(*at) from None


def _text(text: str, *path: str | int) -> None:
    if not 1 <= len(text) <= MAX_TEXT or text != text.strip() or not text.isprintable():
        raise invalid(
            *path,
            vi=f"1–{MAX_TEXT} ký tự, không có khoảng trắng ở đầu cuối",
            en=f"1 to {MAX_TEXT} characters without blanks around them",
        )


def _wrong(at: tuple[str | int, ...], vi: str, en: str) -> Refused:
    return CONNECTOR_FIELD.at(*at, reason_vi=vi, reason=en)
