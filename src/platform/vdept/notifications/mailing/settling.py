"""What became of letters, written down at once; only where the lease still holds."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from vdept.kernel.actor import system
from vdept.kernel.db import Database, Tx
from vdept.notifications import adding
from vdept.notifications.mailing.claiming import Claimed
from vdept.notifications.mailing.rules import BOUNCES, Answer, Fate, pause
from vdept.notifications.models import NotificationKind

ACTOR = system("mail")
SOON = timedelta(seconds=1)
"""When a letter that was given back is there for whoever reaches the server."""

_NOW = "coalesce(CAST(:now AS timestamptz), clock_timestamp())"
_SETTLE = sa.text(
    f"""
    WITH fate AS (
        SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:tokens AS bigint[]), CAST(:states AS text[]),
            CAST(:burnt AS int[]), CAST(:waits AS interval[]), CAST(:errors AS text[]))
            AS f (id, token, state, burnt, wait, error)),
    gone AS (
        DELETE FROM mail USING fate f
        WHERE mail.id = f.id AND mail.token = f.token AND mail.state = 'PENDING'
            AND f.state = '{Fate.UNWANTED}'
        RETURNING mail.id)
    UPDATE mail SET state = f.state, attempts = mail.attempts + f.burnt, error = f.error,
        next_at = CASE WHEN f.state = 'PENDING' THEN {_NOW} + f.wait ELSE mail.next_at END,
        sent_at = CASE WHEN f.state = 'SENT' THEN {_NOW} END
    FROM fate f
    WHERE mail.id = f.id AND mail.token = f.token AND mail.state = 'PENDING' AND f.state <> '{Fate.UNWANTED}'
    RETURNING mail.id
    """
)
_RESET = sa.text(
    """
    UPDATE notification_preference SET bounces = 0
    WHERE person_id IN (
        SELECT person_id FROM notification_preference
        WHERE person_id = ANY (:persons) AND bounces > 0 AND stopped_at IS NULL
        ORDER BY person_id FOR UPDATE)
    """
)
_BOUNCE = sa.text(
    f"""
    INSERT INTO notification_preference AS p (person_id, bounces, version)
    SELECT b.person_id, b.bounces, 0
    FROM unnest(CAST(:persons AS bigint[]), CAST(:counts AS smallint[])) AS b (person_id, bounces)
    ORDER BY b.person_id
    ON CONFLICT (person_id) DO UPDATE SET bounces = least(p.bounces + EXCLUDED.bounces, 30000)
    RETURNING person_id, bounces >= {BOUNCES} AND stopped_at IS NULL AS stops
    """
)
_STOP = sa.text(
    """
    UPDATE notification_preference p
    SET stopped_at = :at, stopped_because = s.reason, version = p.version + 1
    FROM unnest(CAST(:persons AS bigint[]), CAST(:reasons AS text[])) AS s (person_id, reason)
    WHERE p.person_id = s.person_id AND p.stopped_at IS NULL
    """
).bindparams(sa.bindparam("at", type_=sa.DateTime(timezone=True)))


class Settled(NamedTuple):
    """A letter and what the server said to it."""

    letter: Claimed
    answer: Answer
    until: datetime | None = None
    """When quiet hours end."""


class Outcome(NamedTuple):
    """How many letters went out, will be tried again, and were given up; ``stopped``: addresses."""

    sent: int = 0
    again: int = 0
    failed: int = 0
    stopped: int = 0


class _Row(NamedTuple):
    """What is written of one letter: the columns of ``fate`` in ``_SETTLE``, in their order."""

    id: int
    token: int
    state: str
    burnt: int
    wait: timedelta
    error: str | None


async def settle(
    database: Database,
    settled: Sequence[Settled],
    now: datetime | None = None,
    luck: Callable[[], float] = random.random,
) -> Outcome:
    """Write it down, in one transaction; a letter that somebody else has taken over is left to them."""
    if not settled:
        return Outcome()
    rows = {each.letter.id: _row(each, luck) for each in settled}
    columns = zip(*rows.values(), strict=True)
    names = ("ids", "tokens", "states", "burnt", "waits", "errors")
    async with database.begin(ACTOR, now=now) as tx:
        given: dict[str, Any] = {"now": now, **dict(zip(names, map(list, columns), strict=True))}
        ours = set(await tx.session.scalars(_SETTLE, given))
        mine = [each for each in settled if each.letter.id in ours]
        if sent := {each.letter.person_id for each in mine if each.answer.fate is Fate.SENT}:
            await tx.session.execute(_RESET, {"persons": sorted(sent)})
        stopped = await _bounced(tx, [each for each in mine if each.answer.fate is Fate.BOUNCED])
    states = [rows[each.letter.id].state for each in mine]
    return Outcome(states.count("SENT"), states.count("PENDING"), states.count("FAILED"), stopped)


def _row(each: Settled, luck: Callable[[], float]) -> _Row:
    """What a fate makes of a letter."""
    letter, (fate, reason) = each.letter, each.answer
    state, burnt, wait, error = "PENDING", 0, SOON, reason
    if fate is Fate.SENT:
        state, burnt = "SENT", 1
    elif fate in {Fate.BOUNCED, Fate.FAILED}:
        state, burnt = "FAILED", 1
    elif fate is Fate.UNWANTED:
        state = fate.value
    elif fate is Fate.QUIET:
        wait = (each.until or letter.at) - letter.at
    elif fate in {Fate.RETRY, Fate.UNANSWERED}:
        burnt, longer = 1, pause(letter.attempts + 1, luck())
        state, wait = ("FAILED", SOON) if longer is None else ("PENDING", longer)
    return _Row(letter.id, letter.token, state, burnt, wait, error)


async def _bounced(tx: Tx, bounced: Sequence[Settled]) -> int:
    """Count refusals of addresses; at the third in a row nothing more goes there, and the inbox says so."""
    if not bounced:
        return 0
    last = {each.letter.person_id: each for each in bounced}
    persons = sorted(last)
    counts = [sum(each.letter.person_id == person for each in bounced) for person in persons]
    rows = (await tx.session.execute(_BOUNCE, {"persons": persons, "counts": counts})).all()
    stopping = sorted(row.person_id for row in rows if row.stops)
    if not stopping:
        return 0
    reasons = [last[person].answer.reason for person in stopping]
    await tx.session.execute(_STOP, {"at": tx.now, "persons": stopping, "reasons": reasons})
    for person in stopping:
        tx.record("inbox.email_stopped", "Inbox", person, data={"because": last[person].answer.reason})
    await adding.notify(tx, [_note(last[person]) for person in stopping])
    return len(stopping)


def _note(each: Settled) -> adding.Note:
    """Into the inbox, which is all that is left; the stop, written before, keeps it from being mailed."""
    letter = each.letter
    return adding.Note(
        person_id=letter.person_id,
        unit_id=None,
        kind=NotificationKind.DELIVERY_FAILED,
        subject_type="Person",
        subject_id=letter.person_id,
        plan_id=None,
        data={"email": letter.email, "error": each.answer.reason, "bounces": BOUNCES},
        origin="mail",
        origin_id=letter.id,
    )
