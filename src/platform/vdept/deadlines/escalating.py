"""The escalation chain of a task: who has heard that it is late, and who will if nothing happens.

So far: the reminders after the due date as they were written, sent or dropped, also those of a due date that
was moved since. To come: the steps of the current due date, with whom they would go to today; nothing is to
come for a task that is done, paused, cancelled or declined.

Whoever may not know who holds which office (``access.sees_offices``) sees every step once, without a person,
a unit or what was vacant; but what was written to people of their own units, they see whole.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.deadlines.access import own_offices, sees_offices
from vdept.deadlines.models import Dropped, Recipient, Reminder, Subject
from vdept.deadlines.queries import deliveries_of
from vdept.deadlines.recipients import CONTACTS, OPEN, STATION, STATION_JOINS, TOLD
from vdept.deadlines.rules import DEFAULT_STEPS
from vdept.kernel.db import Tx
from vdept.tasks.sql import among


class EscalationState(StrEnum):
    """What became of a step: to come, written and waiting for its moment, told, told with a later step
    after a stop of the platform, or dropped because its reason had ended."""

    PLANNED = "PLANNED"
    DUE = "DUE"
    SENT = "SENT"
    FOLDED = "FOLDED"
    DROPPED = "DROPPED"


@dataclass(frozen=True, slots=True)
class Escalation:
    """One step to one person. ``person_id`` None: nobody holds the role, up to the top of the line."""

    due_on: date
    step: int
    on: date
    recipient: Recipient
    state: EscalationState
    person_id: int | None = None
    unit_id: int | None = None
    vacant_unit_ids: list[int] = field(default_factory=list)
    sent_at: datetime | None = None
    dropped: Dropped | None = None


_PLANNED = sa.text(
    f"""
    WITH policy AS (
        SELECT CAST(0 AS bigint) AS plan_id, step, recipient
        FROM unnest(:steps, :recipients) d (step, recipient)
        UNION ALL SELECT plan_id, step, recipient FROM reminder_step WHERE step > 0),
    due AS MATERIALIZED (
        SELECT 'TASK' AS subject, s.id AS subject_id, s.plan_id, s.due_on, s.step, b.day, s.recipient,
            {STATION}
        FROM (
            SELECT t.id, t.plan_id, t.due_on, p.step, p.recipient, t.owner_unit_id,
                coalesce(t.lead_unit_id, t.owner_unit_id) AS lead_unit_id
            FROM task t
            LEFT JOIN reminder_policy r ON r.plan_id = t.plan_id
            JOIN policy p ON p.plan_id = coalesce(r.plan_id, 0)
            WHERE t.id = ANY (:ids) AND t.state IN {OPEN}) s {STATION_JOINS}
        LEFT JOIN unit_calendar c ON c.unit_id = s.lead_unit_id
        JOIN calendar_day a ON a.calendar_id = coalesce(c.calendar_id, 0) AND a.day = s.due_on
        JOIN calendar_day b ON b.calendar_id = a.calendar_id AND b.working AND b.ordinal = a.ordinal + s.step
        WHERE b.day >= :today),
    {CONTACTS}, {TOLD}
    SELECT subject_id, due_on, step, day, recipient, person_id, unit_id, vacant_unit_ids FROM told
    UNION ALL
    SELECT d.subject_id, d.due_on, d.step, d.day, d.recipient, NULL, NULL, n.units
    FROM due d JOIN line n USING (main_unit_id, second_unit_id, wants_head)
    WHERE NOT EXISTS (SELECT FROM told t WHERE t.subject_id = d.subject_id AND t.step = d.step
        AND t.recipient = d.recipient)
    ORDER BY subject_id, step, recipient, person_id
    """
).bindparams(
    sa.bindparam("ids", type_=ARRAY(sa.BigInteger())),
    sa.bindparam("steps", type_=ARRAY(sa.SmallInteger())),
    sa.bindparam("recipients", type_=ARRAY(sa.Text())),
    sa.bindparam("today", type_=sa.Date()),
)
_LATE = [one for one in DEFAULT_STEPS if one.step > 0]


async def chains_of_tasks(tx: Tx, task_ids: Collection[int]) -> dict[int, list[Escalation]]:
    """The chain of each of these tasks, which the actor has been shown: three statements for any number.

    In the order of due dates and steps, so that a moved date's chain stands after the one it ended.
    """
    chains: dict[int, list[Escalation]] = {task_id: [] for task_id in task_ids}
    written: set[tuple[int, date, int]] = set()
    rows = list(
        await tx.session.scalars(
            sa.select(Reminder)
            .where(Reminder.subject == Subject.TASK, among(Reminder.subject_id, task_ids), Reminder.step > 0)
            .order_by(Reminder.id)
        )
    )
    delivered = await deliveries_of(tx, [row.id for row in rows])
    for row in rows:
        written |= {(row.subject_id, row.due_on, step) for step in (row.step, *row.folded)}
        chains[row.subject_id] += _so_far(row, delivered.get(row.id))
    given = {
        "ids": list(task_ids),
        "steps": [one.step for one in _LATE],
        "recipients": [one.recipient.value for one in _LATE],
        "today": tx.today,
    }
    for planned in await tx.session.execute(_PLANNED, given):
        if (planned.subject_id, planned.due_on, planned.step) not in written:
            chains[planned.subject_id].append(
                Escalation(
                    planned.due_on,
                    planned.step,
                    planned.day,
                    Recipient(planned.recipient),
                    EscalationState.PLANNED,
                    planned.person_id,
                    planned.unit_id,
                    list(planned.vacant_unit_ids),
                )
            )
    if not sees_offices(tx.actor):
        own = own_offices(tx.actor)
        chains = {task_id: _without_offices(chain, own) for task_id, chain in chains.items()}
    for chain in chains.values():
        chain.sort(key=lambda one: (one.due_on, one.step))
    return chains


_FARTHEST = (
    EscalationState.SENT,
    EscalationState.DUE,
    EscalationState.FOLDED,
    EscalationState.DROPPED,
    EscalationState.PLANNED,
)
"""What is said of a step to several people whose names are not: the first of these that is so of anybody."""


def _without_offices(chain: list[Escalation], own: frozenset[int]) -> list[Escalation]:
    """What is written to one's own units; of all else each step once, whoever and however many it is for."""
    shown = [one for one in chain if one.unit_id in own and one.state is not EscalationState.PLANNED]
    hidden: dict[tuple[date, int, Recipient], list[Escalation]] = {}
    for one in chain:
        if one not in shown:
            hidden.setdefault((one.due_on, one.step, one.recipient), []).append(one)
    return [*shown, *(_nameless(alike) for alike in hidden.values())]


def _nameless(alike: list[Escalation]) -> Escalation:
    """One step as a whole. That somebody left their office is not said either."""
    state = min((one.state for one in alike), key=_FARTHEST.index)
    those = [one for one in alike if one.state is state]
    told = [one.sent_at for one in those if one.sent_at is not None]
    reasons = sorted(one.dropped for one in those if one.dropped not in {None, Dropped.RECIPIENT_LEFT})
    return Escalation(
        those[0].due_on,
        those[0].step,
        those[0].on,
        those[0].recipient,
        state,
        sent_at=min(told, default=None),
        dropped=reasons[0] if reasons else None,
    )


def _so_far(row: Reminder, sent_at: datetime | None) -> list[Escalation]:
    """A reminder as it was written, after the steps that it stands for."""
    if row.dropped is not None:
        state = EscalationState.DROPPED
    else:
        state = EscalationState.DUE if sent_at is None else EscalationState.SENT
    told = Escalation(
        row.due_on,
        row.step,
        row.scheduled_on,
        row.recipient,
        state,
        row.recipient_id,
        row.unit_id,
        list(row.vacant_unit_ids),
        None if row.dropped else sent_at,
        row.dropped,
    )
    folded = [
        Escalation(
            row.due_on,
            step,
            row.scheduled_on,
            row.recipient,
            EscalationState.FOLDED,
            row.recipient_id,
            row.unit_id,
            list(row.vacant_unit_ids),
        )
        for step in row.folded
        if step > 0
    ]
    return [*folded, told]
