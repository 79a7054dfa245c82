"""A program of the unit sends values."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.driver import DriverStatement
from vdept.kernel.errors import FORBIDDEN
from vdept.sources import rules
from vdept.sources.access import SENDERS, get_source, may_send
from vdept.sources.errors import SOURCE_IS_PULLED
from vdept.sources.models import Reach, Source, SourceState, Way
from vdept.sources.receiving import Document, Given, Received, receive, receive_all


async def push(tx: Tx, source_id: int, rows: Sequence[Given], *, dry_run: bool = False) -> Received:
    """Take in what a client of the source's unit sends: good rows are recorded whatever the others are."""
    source = await _open(tx, source_id)
    return await receive(tx, source, document_of(rows), client_id=tx.actor.client_id, dry_run=dry_run)


async def push_all(tx: Tx, source_id: int, pushes: Sequence[Sequence[Given]]) -> list[Received]:
    """Take in what a client sent in several calls, each of them an intake of its own; all or none.

    Raises :class:`~vdept.sources.receiving.Entangled` where one bears on another.
    """
    source = await _open(tx, source_id)
    return await receive_all(tx, source, [document_of(rows) for rows in pushes], client_id=tx.actor.client_id)


async def _open(tx: Tx, source_id: int) -> Source:
    """The source, if it takes in what the actor sends."""
    source = await _sent_to(tx, source_id)
    if source.way is not Way.PUSH:
        raise SOURCE_IS_PULLED.at("sourceId", name=source.name)
    rules.require_active(source.state, source.name, source.state_reason, "sourceId")
    return source


_COLUMNS: tuple[Any, ...] = (
    *(Source.id, Source.unit_id, Source.name),
    *(Source.way, Source.reach, Source.state, Source.state_reason),
)
_SENT_TO = DriverStatement.of(
    sa.select(*_COLUMNS).where(Source.id == sa.bindparam("source_id", type_=sa.BigInteger())),
    {"source_id": "bigint"},
)
"""Straight to the driver: a single value is pushed a thousand times a second."""


async def _sent_to(tx: Tx, source_id: int) -> Source:
    """The source that the actor may send for, as far as taking in needs it; not part of the session."""
    row = await _SENT_TO.first(tx, {"source_id": source_id})
    if row is None or not may_send(tx.actor, row["unit_id"]):
        await get_source(tx, source_id, "sourceId")  # whoever does not see it is told that it is not there
        raise FORBIDDEN.at("sourceId", needs=SENDERS)
    return Source(
        id=row["id"],
        unit_id=row["unit_id"],
        name=row["name"],
        way=Way(row["way"]),
        reach=Reach(row["reach"]),
        state=SourceState(row["state"]),
        state_reason=row["state_reason"],
    )


def document_of(rows: Sequence[Given]) -> Document:
    """The raw document is the rows as canonical JSON: an array of objects, their keys in order."""
    raw = msgspec.json.encode([rules.whole(row) for row in rows], order="sorted")
    return Document(rows, hashlib.sha256(raw).digest(), len(raw))
