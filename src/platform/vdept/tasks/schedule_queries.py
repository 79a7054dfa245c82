"""Batched reads of extensions and of series of recurring tasks; ids of tasks are of those that were shown."""

from collections.abc import Collection

import sqlalchemy as sa

from vdept.calendars.queries import calendars_of
from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch, fetch_each
from vdept.targets.models import Plan
from vdept.tasks import recurrence_days
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import ExtensionState, Task, TaskExtension, TaskRecurrence
from vdept.tasks.queries import ORDERINGS, TaskOrder
from vdept.tasks.recurrence_rules import parse
from vdept.tasks.recurring import PREVIEWED, Planned, planned
from vdept.tasks.sql import among

OLDEST_FIRST: Ordering[TaskExtension] = Ordering(
    "extensions.oldest", (Key(TaskExtension.id, int),), lambda row: (row.id,)
)


async def extensions_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, TaskExtension]:
    found = await tx.session.scalars(
        sa.select(TaskExtension)
        .join(Task, Task.id == TaskExtension.task_id)
        .where(among(TaskExtension.id, ids), visible_tasks(tx.actor))
    )
    return {row.id: row for row in found}


async def extensions_of_tasks(tx: Tx, task_ids: Collection[int]) -> dict[int, list[TaskExtension]]:
    """What was asked for and decided, in order."""
    found = await tx.session.scalars(
        sa.select(TaskExtension)
        .where(among(TaskExtension.task_id, task_ids))
        .order_by(TaskExtension.task_id, TaskExtension.id)
    )
    groups: dict[int, list[TaskExtension]] = {task_id: [] for task_id in task_ids}
    for row in found:
        groups[row.task_id].append(row)
    return groups


async def requests_page(tx: Tx, unit_id: int, request: PageRequest) -> Page[TaskExtension]:
    """The requests that wait for the unit that set the task, of those that the actor sees; oldest first."""
    query = (
        sa.select(TaskExtension)
        .join(Task, Task.id == TaskExtension.task_id)
        .where(
            TaskExtension.state == ExtensionState.REQUESTED,
            Task.owner_unit_id == unit_id,
            visible_tasks(tx.actor),
        )
    )
    return await fetch(tx.session, query, OLDEST_FIRST, request)


async def recurrences_by_ids(tx: Tx, ids: Collection[int]) -> dict[int, TaskRecurrence]:
    """Series by number, of those whose first task the actor sees."""
    found = await tx.session.scalars(
        sa.select(TaskRecurrence)
        .join(Task, Task.id == TaskRecurrence.task_id)
        .where(among(TaskRecurrence.id, ids), visible_tasks(tx.actor))
    )
    return {row.id: row for row in found}


async def tasks_of_recurrences(tx: Tx, ids: Collection[int], request: PageRequest) -> dict[int, Page[Task]]:
    """A page of the tasks of each series that the actor sees, in due order."""
    query = sa.select(Task).where(visible_tasks(tx.actor)).execution_options(populate_existing=True)
    return await fetch_each(tx.session, query, Task.recurrence_id, ids, ORDERINGS[TaskOrder.DUE], request)


async def planned_of_recurrences(tx: Tx, ids: Collection[int]) -> dict[int, list[Planned]]:
    """What each series still brings: its next ten occurrences, none when it has ended."""
    rows = (
        await tx.session.execute(
            sa.select(TaskRecurrence, sa.func.coalesce(Task.lead_unit_id, Task.owner_unit_id), Plan.ends_on)
            .join(Task, Task.id == TaskRecurrence.task_id)
            .outerjoin(Plan, Plan.id == Task.plan_id)
            .where(among(TaskRecurrence.id, ids), visible_tasks(tx.actor))
        )
    ).all()
    calendars = await calendars_of(tx, {unit_id for _, unit_id, _ in rows})
    coming: dict[int, list[Planned]] = {each: [] for each in ids}
    for series, unit_id, ends_on in rows:
        if series.next_on is None:
            continue
        days = recurrence_days.next_days(parse(series.rule), series.starts_on, series.next_on, PREVIEWED)
        coming[series.id] = [
            planned(day, series.days_before, series.on_day_off, calendars[unit_id], ends_on)
            for day in days
            if ends_on is None or day <= ends_on
        ]
    return coming
