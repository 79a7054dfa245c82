"""Batched reads of reminders: who was reminded of a task, when, and what became of it."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from vdept.deadlines.access import OF_TASKS, visible_reminders
from vdept.deadlines.models import Reminder, ReminderBatch
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch_each
from vdept.tasks.sql import array_of

LATEST_FIRST: Ordering[Reminder] = Ordering(
    "reminders.latest", (Key(Reminder.id, int, True),), lambda row: (row.id,)
)


async def reminders_of_tasks(
    tx: Tx, task_ids: Collection[int], request: PageRequest
) -> dict[int, Page[Reminder]]:
    """A page of the reminders of each task, of its due date and of its pause's review, the latest first."""
    query = sa.select(Reminder).where(Reminder.subject.in_(OF_TASKS), visible_reminders(tx.actor))
    return await fetch_each(tx.session, query, Reminder.subject_id, task_ids, LATEST_FIRST, request)


async def deliveries_of(tx: Tx, reminder_ids: Collection[int]) -> dict[int, datetime]:
    """When each of these reminders was delivered; those that are still to be are left out."""
    if not reminder_ids:
        return {}
    ids = sa.func.unnest(array_of(reminder_ids)).table_valued("id", name="wanted").render_derived()
    delivered = (
        sa.select(ReminderBatch.delivered_at, ReminderBatch.last_id)
        .join(Reminder, sa.and_(Reminder.id == ids.c.id, Reminder.due_at == ReminderBatch.due_at))
        .where(ReminderBatch.first_id <= ids.c.id)
        .order_by(ReminderBatch.first_id.desc(), ReminderBatch.id.desc())
        .limit(1)
        .correlate(ids)
        .lateral("batch")
    )
    rows = await tx.session.execute(
        sa.select(ids.c.id, delivered.c.delivered_at)
        .select_from(ids.join(delivered, sa.true()))
        .where(delivered.c.last_id >= ids.c.id, delivered.c.delivered_at.is_not(None))
    )
    return {row[0]: row[1] for row in rows}
