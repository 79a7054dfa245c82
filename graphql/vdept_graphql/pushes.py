"""Small pushes that a program sends at the same moment are received in one transaction.

A program that sends a thousand values a second, each in a call of its own with a key of its own, would
otherwise pay for a thousand commits. Each call is judged and answered as if it had come alone: it has an
intake of its own, is remembered under its own key, and is refused for its own reasons only.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy.exc

from vdept.kernel import idempotency
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused, RefusedMany
from vdept.sources import pushing
from vdept.sources.receiving import Entangled, Given, Received
from vdept.sources.rejected import Replayed
from vdept_graphql.gathering import Gathering
from vdept_graphql.mutations import remembered

SMALL = 100
"""Rows of a push up to which it goes together with others; a larger one is worth a transaction."""
MOST = 100
"""Pushes in one transaction."""


class Push(NamedTuple):
    """One call: its rows, and the key under which it is remembered with the digest of what was asked."""

    rows: Sequence[Given]
    key: str | None
    digest: bytes


Place = tuple[Actor, int]
"""Who sends, for which source."""


class Pushes(Gathering[Place, Push]):
    """The pushes of one API process."""

    def __init__(self, database: Database) -> None:
        own = (Refused, RefusedMany, Entangled, sqlalchemy.exc.DBAPIError)
        super().__init__(self._received, own=own, most=MOST)
        self._database = database

    async def _received(self, place: Place, pushes: Sequence[Push]) -> list[dict[str, Any]]:
        actor, source_id = place
        keys = {push.key: push.digest for push in pushes if push.key is not None}
        if len(keys) < sum(push.key is not None for push in pushes):
            raise Entangled  # a request and its repetition, which is answered with what the first has done
        async with self._database.begin(actor) as tx:
            known = await idempotency.claim_all(tx, keys) if keys else {}
            new = [i for i, push in enumerate(pushes) if push.key not in known]
            got = await pushing.push_all(tx, source_id, [pushes[i].rows for i in new]) if new else []
            answers = {i: answer_of(done) for i, done in zip(new, got, strict=True)}
            kept = {key: answer for i, answer in answers.items() if (key := pushes[i].key) is not None}
            if kept:
                await idempotency.answer(tx, kept)
        return [answers[i] if i in answers else known[str(push.key)] for i, push in enumerate(pushes)]


def answer_of(got: Received | Replayed) -> dict[str, Any]:
    """What is remembered of rows that were sent or replayed: plain values."""
    return {
        "intake_key": got.intake_id,
        "recorded": got.recorded,
        "unchanged": got.unchanged,
        "rejected": got.rejected,
        "rejections": [[row, remembered(refused)] for row, refused, *_ in got.rejections],
    }
