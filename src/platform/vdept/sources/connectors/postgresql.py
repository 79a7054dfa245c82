"""PostgreSQL databases: a single query in a READ ONLY transaction, with limits of time, rows and bytes.

The query is asked as a part of ours, so that it cannot be anything but a query, and its columns come as
bounded texts, so that no value of the other side is larger than one that is taken. The host goes through the
same guard as an URL does, and the connection to the address that was checked (:mod:`.wire`).
"""

import asyncio
import logging
import ssl
from collections.abc import Sequence

import asyncpg
from asyncpg.exceptions import PostgresError

from vdept.kernel.errors import Refused
from vdept.notifications.webhooks.posting import NotDelivered
from vdept.sources.connectors.errors import (
    SOURCE_BROKEN_ANSWER,
    SOURCE_CERTIFICATE,
    SOURCE_DATABASE,
    SOURCE_NO_CONNECTION,
    SOURCE_TIMEOUT,
    SOURCE_TOO_LARGE,
    SOURCE_TOO_MANY_ROWS,
    SOURCE_UNAUTHORIZED,
)
from vdept.sources.connectors.http import Fetch, of_tls, refused_by_guard
from vdept.sources.connectors.limits import MAX_BYTES, MAX_ROWS
from vdept.sources.connectors.mapping import MAX_CELL, raw_of, reading
from vdept.sources.connectors.settings import QuerySetting
from vdept.sources.connectors.wire import Wire
from vdept.sources.receiving import Given

AT_ONCE = 1_000
"""Rows that are fetched at once."""
_CONNECTION, _AUTHORIZATION = "08", "28"
log = logging.getLogger("vdept.sources")


async def rows(setting: QuerySetting, password: str, fetch: Fetch) -> list[list[str | None]]:
    """The query's rows, a text for each column that the fields name; raises what a poll fails with."""
    try:
        async with asyncio.timeout(setting.timeout_seconds):
            addresses = await fetch.guard.addresses(setting.host)
            wire = Wire(addresses, setting.port, setting.host if setting.tls else None)
            try:
                return await _rows(setting, password, wire)
            except Exception:
                if wire.refused is not None:
                    raise wire.refused from None
                raise
            finally:
                wire.close()
    except TimeoutError:
        raise SOURCE_TIMEOUT.at(seconds=setting.timeout_seconds) from None
    except NotDelivered as error:
        raise refused_by_guard(error) from None
    except PostgresError as error:
        raise _refused(error) from None
    except ssl.SSLError:
        raise SOURCE_CERTIFICATE.at() from None
    except (OSError, ConnectionError) as error:
        raise (SOURCE_CERTIFICATE if of_tls(error) else SOURCE_NO_CONNECTION).at() from None
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001  see below
        # Over what a server that is none says, the driver stumbles in ways of its own.
        log.info("a database was no such thing: %s", type(error).__name__)
        raise SOURCE_BROKEN_ANSWER.at() from None


async def _rows(setting: QuerySetting, password: str, wire: Wire) -> list[list[str | None]]:
    """Nothing is said for goodbye: a server that hangs would not take it, and there is nothing to undo."""
    connection = await asyncpg.connect(  # type: ignore[no-untyped-call]
        host=Wire.HOST,
        port=setting.port,
        loop=wire,
        user=setting.user,
        password=password,
        database=setting.database,
        ssl=False,
        timeout=setting.timeout_seconds,
        statement_cache_size=0,
        server_settings={
            "application_name": "vdept",
            "default_transaction_read_only": "on",
            "statement_timeout": str(1_000 * setting.timeout_seconds),
        },
    )
    try:
        found: list[list[str | None]] = []
        size = 0
        await connection.transaction(isolation="repeatable_read", readonly=True).start()
        cursor = await connection.cursor(statement(setting))
        while part := await cursor.fetch(AT_ONCE):
            found += [list(row.values()) for row in part]
            size += sum(len(value) for row in part for value in row.values() if value is not None)
            if len(found) > MAX_ROWS:
                raise SOURCE_TOO_MANY_ROWS.at("query", limit=MAX_ROWS)
            if size > MAX_BYTES:
                raise SOURCE_TOO_LARGE.at(limit_mb=MAX_BYTES // 1_000_000)
        return found
    finally:
        connection.terminate()


def statement(setting: QuerySetting) -> str:
    """Theirs as a part of ours that no bracket in it ends: what follows is a SELECT in any case, which takes
    bounded texts only. The line break ends a comment that theirs may end with."""
    taken = ", ".join(
        f"left(CAST(asked.{_quoted(name)} AS text), {MAX_CELL})" for name in column_names(setting)
    )
    return f"WITH asked AS (\n{setting.query}\n)\nSELECT {taken}\nFROM asked\nLIMIT {MAX_ROWS + 1}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def column_names(setting: QuerySetting) -> list[str]:
    """The columns that the fields name, each once."""
    return list(dict.fromkeys(one.column for one in setting.fields if one.column is not None))


def readings(setting: QuerySetting, found: Sequence[Sequence[str | None]]) -> list[Given]:
    """The readings of the rows."""
    names = column_names(setting)
    codes = {one.field: one.codes for one in setting.fields}
    given = []
    for row in found:
        by_name = dict(zip(names, row, strict=True))
        values = {
            one.field: one.fixed if one.column is None else by_name[one.column] for one in setting.fields
        }
        given.append(reading(values, codes, raw_of(by_name)))
    return given


def _refused(error: PostgresError) -> Refused:
    """What the other database says is not repeated: it may hold its users' names and its data."""
    state: str = getattr(error, "sqlstate", None) or "?????"
    if state[:2] == _AUTHORIZATION:
        return SOURCE_UNAUTHORIZED.at()
    if state[:2] == _CONNECTION:
        return SOURCE_NO_CONNECTION.at()
    vi, en = _SAID.get(state) or _SAID.get(state[:2]) or _SAID[""]
    return SOURCE_DATABASE.at("query", sqlstate=state, reason_vi=vi, reason=en)


_SAID = {
    "25006": ("câu truy vấn muốn ghi dữ liệu", "the query would write"),
    "42501": ("tài khoản không có quyền đọc", "the user may not read that"),
    "42703": ("không có cột được nêu", "a column that is named does not exist"),
    "42P01": ("không có bảng được nêu", "a table that is named does not exist"),
    "42": ("câu truy vấn sai", "the query is wrong"),
    "57": ("câu truy vấn bị dừng hoặc máy chủ đang tắt", "the query was stopped, or the server is stopping"),
    "3D": ("không có cơ sở dữ liệu này", "there is no such database"),
    "53": ("máy chủ hết tài nguyên", "the server is out of resources"),
    "": ("không chạy được câu truy vấn", "the query cannot be run"),
}
