"""What is sent to the database, for tests that count statements instead of timing them."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from vdept.kernel.db import Database


@contextmanager
def counting(database: Database) -> Iterator[list[str]]:
    """The statements that SQLAlchemy sends within the block."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    engine = database.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
