"""What is sent to the database, for tests that count statements instead of timing them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from vdept.kernel.db import Database
from vdept.kernel.driver import DriverStatement


@contextmanager
def counting(database: Database) -> Iterator[list[str]]:
    """The statements sent within the block, through SQLAlchemy or straight to the driver."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    def noting(method: Any) -> Any:
        def noted(self: DriverStatement, *given: object) -> Any:
            sent.append(self.sql)
            return method(self, *given)

        return noted

    engine = database.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", note)
    first, every = noting(DriverStatement.first), noting(DriverStatement.all)
    try:
        with patch.object(DriverStatement, "first", first), patch.object(DriverStatement, "all", every):
            yield sent
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
