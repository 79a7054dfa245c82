"""The one way anything gets into an inbox, and from there onto its way out of the platform."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from vdept.kernel.db import Tx
from vdept.notifications.models import NotificationKind

DOORBELL = "notifications"
"""Rung once something has been added: whoever sends mail and webhooks, and live inboxes, wake up."""


class Note(NamedTuple):
    """What one person is told. ``origin`` and ``origin_id`` are the row that it tells of: once per person.

    ``data`` holds plain values (numbers and dates as text) that the sentence is made of; ``title`` among them
    is the subject's title as it was, so that whoever sends it out need not ask who may see the subject.
    """

    person_id: int
    unit_id: int | None
    kind: NotificationKind
    subject_type: str
    subject_id: int
    plan_id: int | None
    data: Mapping[str, Any]
    origin: str
    origin_id: int


MORNING = "interval '8 hours'"


def slot(now: str = ":now") -> str:
    """The local time of the next mail at the cadence of the preferences ``p``, for what is added ``now``.

    :func:`vdept.notifications.rules.mail_due` says the same in Python.
    """
    local = f"(CAST({now} AS timestamptz) AT TIME ZONE 'Asia/Ho_Chi_Minh')"
    return f"""CASE coalesce(p.cadence, 'INSTANT')
    WHEN 'DAILY' THEN date_trunc('day', {local} - {MORNING}) + interval '1 day' + {MORNING}
    WHEN 'WEEKLY' THEN date_trunc('week', {local} - {MORNING}) + interval '7 days' + {MORNING}
    ELSE {local} END"""


QUIET_ENDS = """CASE
    WHEN p.quiet_from IS NULL THEN s.at
    WHEN p.quiet_from < p.quiet_until THEN
        CASE WHEN CAST(s.at AS time) >= p.quiet_from AND CAST(s.at AS time) < p.quiet_until
            THEN date_trunc('day', s.at) + p.quiet_until ELSE s.at END
    WHEN CAST(s.at AS time) >= p.quiet_from THEN date_trunc('day', s.at) + interval '1 day' + p.quiet_until
    WHEN CAST(s.at AS time) < p.quiet_until THEN date_trunc('day', s.at) + p.quiet_until
    ELSE s.at END"""
"""The same, ``s.at``, put off to where the quiet hours of ``p`` end if it lies in them."""


def inserting(source: str, *, before: str = "", counting: Iterable[str] = (), certain: bool = False) -> str:
    """A statement that adds what ``source`` selects, and queues it for mail and webhooks, all at once.

    ``source`` selects person_id, unit_id, kind, subject_type, subject_id, plan_id, data, origin, origin_id;
    ``:now`` is the instant of the act. What is there already is left as it is. Returns (added, mails,
    webhooks), how many of each.

    The transaction has its number before the first row has one: live inboxes tell by it which numbers may
    still appear behind those that they have seen (``notifications.live``).

    ``before``: further WITH queries that come first and that ``source`` may read; those named in ``counting``
    are counted in the result, too. ``certain``: nothing that ``source`` selects can be there already; if it
    is after all, the statement fails. Not looking saves a sixth of it.
    """
    once = "" if certain else "ON CONFLICT (origin, origin_id, person_id) DO NOTHING"
    leading = f"{before}," if before else ""
    counted = "".join(f", (SELECT count(*) FROM {name}) AS {name}" for name in counting)
    return f"""
    WITH {leading} told AS (
        INSERT INTO notification (person_id, unit_id, kind, subject_type, subject_id, plan_id, data, origin,
            origin_id, created_at)
        SELECT n.person_id, n.unit_id, n.kind, n.subject_type, n.subject_id, n.plan_id, n.data, n.origin,
            n.origin_id, :now
        FROM ({source}) n CROSS JOIN pg_current_xact_id()
        {once}
        RETURNING id, person_id, unit_id, kind),
    mailed AS (
        INSERT INTO mail_queue (notification_id, person_id, due_at)
        SELECT t.id, t.person_id, ({QUIET_ENDS}) AT TIME ZONE 'Asia/Ho_Chi_Minh'
        FROM told t
        JOIN person ON person.id = t.person_id AND person.active
        LEFT JOIN notification_preference p ON p.person_id = t.person_id
        CROSS JOIN LATERAL (SELECT {slot()} AS at) s
        WHERE coalesce(p.email, true) AND p.stopped_at IS NULL AND t.kind <> ALL (coalesce(p.muted, '{{}}'))
        RETURNING 1),
    hooked AS (
        INSERT INTO webhook_delivery (endpoint_id, notification_id, kind, state, created_at, next_at)
        SELECT e.id, t.id, t.kind, 'PENDING', :now, :now
        FROM told t JOIN webhook_endpoint e ON e.unit_id = t.unit_id
        WHERE e.disabled_at IS NULL AND (e.kinds = '{{}}' OR t.kind = ANY (e.kinds))
        RETURNING 1)
    SELECT (SELECT count(*) FROM told) AS told, (SELECT count(*) FROM mailed) AS mailed,
        (SELECT count(*) FROM hooked) AS hooked{counted}
    """


_GIVEN = sa.text(
    inserting(
        """SELECT g.person_id, g.unit_id, g.kind, g.subject_type, g.subject_id, g.plan_id, g.data, g.origin,
            g.origin_id
        FROM jsonb_to_recordset(:notes) AS g (person_id bigint, unit_id bigint, kind text,
            subject_type text, subject_id bigint, plan_id bigint, data jsonb, origin text,
            origin_id bigint)"""
    )
).bindparams(sa.bindparam("notes", type_=JSONB), sa.bindparam("now", type_=sa.DateTime(timezone=True)))


class Added(NamedTuple):
    """How many notifications were added, and how many of them go out by mail and by webhook."""

    notifications: int
    mails: int
    webhooks: int


async def notify(tx: Tx, notes: Iterable[Note]) -> Added:
    """Tell people, in the transaction of what they are told; whoever was told already is not told again.

    The transaction must be one that sees what its rules need: a verb that has found its subject, or a job.
    """
    rows = [note._asdict() for note in notes]
    if not rows:
        return Added(0, 0, 0)
    added = Added(*(await tx.session.execute(_GIVEN, {"notes": rows, "now": tx.now})).one())
    if added.notifications:
        tx.ring(DOORBELL)
    return added
