"""A program of the unit sends values."""

import hashlib
from collections.abc import Sequence

import msgspec

from vdept.kernel.db import Tx
from vdept.sources import rules
from vdept.sources.access import SENDERS, get_source, may_send
from vdept.sources.errors import SOURCE_IS_PULLED
from vdept.sources.models import Way
from vdept.sources.receiving import Given, Received, receive


async def push(tx: Tx, source_id: int, rows: Sequence[Given], *, dry_run: bool = False) -> Received:
    """Take in what a client of the source's unit sends: the good rows are recorded whatever the others are.

    The raw document is the rows as canonical JSON.
    """
    source = await get_source(tx, source_id, "sourceId")
    tx.actor.require(may_send(tx.actor, source), SENDERS, "sourceId")
    if source.way is not Way.PUSH:
        raise SOURCE_IS_PULLED.at("sourceId", name=source.name)
    rules.require_active(source.state, source.name, source.state_reason, "sourceId")
    digest, size = digest_of(rows)
    return await receive(
        tx, source, rows, sha256=digest, size=size, client_id=tx.actor.client_id, dry_run=dry_run
    )


def digest_of(rows: Sequence[Given]) -> tuple[bytes, int]:
    """SHA-256 and length of the rows as canonical JSON: an array of objects, their keys in order."""
    raw = msgspec.json.encode([rules.kept(row) for row in rows], order="sorted")
    return hashlib.sha256(raw).digest(), len(raw)
