"""Statements sent straight to the driver, inside the transaction of a :class:`~vdept.kernel.db.Tx`.

For the few paths where what SQLAlchemy adds to a statement is most of its cost: recording a value takes
half the time this way, and arrays of ten thousand elements are not looked at one by one. Everything else
goes through the session.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from asyncpg.exceptions import InterfaceError, PostgresError
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from vdept.kernel.db import Tx

_PARAMETER = re.compile(r"(?<![:\w\]]):([a-z_]+)")


class DriverStatement:
    """SQL with ``:named`` parameters and their PostgreSQL types, prepared once per connection.

    A type such as ``text::numeric[]`` is sent as the text of :func:`array` and read by the server.
    """

    def __init__(self, sql: str, types: Mapping[str, str]) -> None:
        self.names: list[str] = []
        self.sql = _PARAMETER.sub(lambda found: self._place(found[1], types[found[1]]), sql)

    @classmethod
    def of(cls, statement: sa.Select[Any], types: Mapping[str, str]) -> "DriverStatement":
        """The same of a statement that was built, for conditions that stand in one place only."""
        named = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
        return cls(str(statement.compile(dialect=named)), types)

    def _place(self, name: str, sql_type: str) -> str:
        if name not in self.names:
            self.names.append(name)
        sent, _, wanted = sql_type.rpartition("::")
        place = f"${self.names.index(name) + 1}"
        return f"CAST(CAST({place} AS {sent}) AS {wanted})" if sent else f"CAST({place} AS {wanted})"

    async def all(self, tx: "Tx", params: Mapping[str, Any]) -> list[Any]:
        """Every row; a row is read by column name, ``row["name"]``."""
        connection = await connection_of(tx)
        try:
            return list(await connection.fetch(self.sql, *[params[name] for name in self.names]))
        except (PostgresError, InterfaceError) as error:
            raise _as_elsewhere(self.sql, error, connection) from error

    async def first(self, tx: "Tx", params: Mapping[str, Any]) -> Any:
        """The first row, or None."""
        connection = await connection_of(tx)
        try:
            return await connection.fetchrow(self.sql, *[params[name] for name in self.names])
        except (PostgresError, InterfaceError) as error:
            raise _as_elsewhere(self.sql, error, connection) from error


async def send(tx: "Tx", sql: str) -> None:
    """Statements without parameters or rows, in one round trip and with nothing prepared."""
    connection = await connection_of(tx)
    try:
        await connection.execute(sql)
    except (PostgresError, InterfaceError) as error:
        raise _as_elsewhere(sql, error, connection) from error


def _as_elsewhere(sql: str, error: Exception, connection: Any) -> DBAPIError:
    """What a statement through the session would raise: whoever waits for that waits for this too."""
    if connection.is_closed():
        return sa.exc.InterfaceError(sql, None, error, connection_invalidated=True)
    return DBAPIError(sql, None, error)


def only_open(engine: sa.Engine) -> None:
    """A connection that was cut while it lay in the pool is made anew, and fails nobody's request."""

    @sa.event.listens_for(engine, "checkout")
    def check(connection: Any, _record: object, _proxy: object) -> None:
        if connection.driver_connection.is_closed():
            raise sa.exc.DisconnectionError("the server has closed this connection")


def array(values: Iterable[object]) -> str:
    """A PostgreSQL array as text, of numbers, dates or plain words; None is NULL.

    The driver asks of each element whether it is an array itself, and takes numerics apart digit by digit:
    ten thousand rows of seven columns cost it 40 ms, as text 2 ms and the server 8 ms.
    """
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"


async def connection_of(tx: "Tx") -> Any:
    """The asyncpg connection of this transaction, the transaction begun.

    SQLAlchemy begins one when its own first statement is sent; a path that sends none of its own must ask.
    """
    if tx.driver is None:
        adapted = await tx.session.run_sync(lambda session: session.connection().connection.dbapi_connection)
        tx.driver = await _begun(adapted)
    return tx.driver


async def _begun(adapted: Any) -> Any:
    if adapted._transaction is None:  # noqa: SLF001 -- there is no public way to begin without a statement
        await adapted._start_transaction()  # noqa: SLF001
    return adapted.driver_connection
