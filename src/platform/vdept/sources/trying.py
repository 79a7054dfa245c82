"""Trying a connector: fetch now, judge as a poll would, write nothing."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from vdept.kernel.actor import Actor, system
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.sources import receiving
from vdept.sources.connector_settings import asked_of
from vdept.sources.connectors.asking import Answered, Asked, Asking
from vdept.sources.connectors.errors import CONNECTOR_BUSY, FAILURES, SOURCE_TIMEOUT
from vdept.sources.connectors.settings import where
from vdept.sources.receiving import Given

DEADLINE = 20.0
"""Seconds that a trial takes at most."""
AT_ONCE = 8
"""Trials that one process makes at once."""
SHOWN = 100
"""Readings that a trial shows."""

ACTOR = system("try_connector")


@dataclass(frozen=True, slots=True)
class Tried:
    """What a poll would have done. ``readings``: the first of the rows, as they were mapped.

    ``failure``: why it would have failed, with nothing read.
    """

    seconds: float
    failure: Refused | None = None
    rows: int = 0
    recorded: int = 0
    unchanged: int = 0
    rejected: int = 0
    size: int = 0
    readings: tuple[Given, ...] = ()
    rejections: tuple[tuple[int, Refused, Any], ...] = ()


class Trying:
    """Tries connectors; one for a process."""

    def __init__(self, asking: Asking, *, deadline: float = DEADLINE, at_once: int = AT_ONCE) -> None:
        self._asking = asking
        self._deadline = deadline
        self._free = at_once

    async def __call__(self, database: Database, actor: Actor, source_id: int, **given: Any) -> Tried:
        """Ask the source as ``given`` says (see :func:`asked_of`), or as its connector does.

        Raises why it may not be tried. No transaction is open while it asks; that it was asked is logged.
        """
        given.setdefault("credentials", UNSET)
        async with contextlib.AsyncExitStack() as place:
            async with database.begin(actor) as tx:
                source, asked = await asked_of(tx, source_id, **given)
                if self._free <= 0:
                    raise CONNECTOR_BUSY.at()
                self._free -= 1  # nothing is awaited between these two
                place.callback(self._leave)
                data = {"kind": asked.kind, "origin": where(asked.setting)}
                tx.record("source.connector_tried", "Source", source.id, unit_id=source.unit_id, data=data)
            started = time.monotonic()
            try:
                answered = await self._asked(asked)
            except Refused as refused:
                if refused.refusal not in FAILURES:
                    raise
                return Tried(time.monotonic() - started, refused)
        seconds = time.monotonic() - started
        rows = answered.rows or []
        if not rows:
            return Tried(seconds, size=answered.size)
        async with database.snapshot(ACTOR) as tx:
            document = receiving.Document(rows, answered.sha256, answered.size)
            done = await receiving.receive(tx, source, document, dry_run=True)
        return Tried(
            seconds,
            None,
            done.rows,
            done.recorded,
            done.unchanged,
            done.rejected,
            answered.size,
            tuple(rows[:SHOWN]),
            done.rejections[:SHOWN],
        )

    async def _asked(self, asked: Asked) -> Answered:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._asking(asked)
        except TimeoutError:
            raise SOURCE_TIMEOUT.at(seconds=round(self._deadline)) from None

    def _leave(self) -> None:
        self._free += 1
