"""Persons on a task. Routine and deep work are never on one person (requirement 13)."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING, WORKING
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.versions import check_version
from vdept.people.access import visible_persons
from vdept.people.models import Membership, Person
from vdept.tasks import errors, rules
from vdept.tasks.access import as_participant, get_task_for_update, visible_tasks
from vdept.tasks.models import Assignee, ParticipationState, Task, TaskKind, TaskState
from vdept.tasks.rules import BULK_LIMIT, FINAL_STATES
from vdept.tasks.sql import among
from vdept.tasks.upkeep import settle, touch

Path = tuple[str | int, ...]
NOT_FINAL = tuple(state for state in TaskState if state not in FINAL_STATES)


async def assign_people(
    tx: Tx,
    task_id: int,
    person_ids: Sequence[int],
    *,
    unit_id: int | None = None,
    expected_version: int | None = None,
) -> Task:
    """Put persons of one's unit on the task, all or none of them."""
    task = await get_task_for_update(tx, task_id)
    part = await as_participant(tx, task, MANAGING, unit_id)
    check_version(task, expected_version)
    rules.require_state(task.state, NOT_FINAL)
    if part.state is not ParticipationState.ACCEPTED:
        raise errors.TASK_NOT_PARTICIPANT.at("unitId")
    paths: dict[int, Path] = {}
    for i, person_id in enumerate(person_ids):
        if person_id in paths:
            raise errors.TASK_ITEM_TWICE.at("personIds", i)
        paths[person_id] = ("personIds", i)
    await write_assignees(tx, task, part.unit_id, paths)
    touch(tx, task)
    await settle(tx, task)
    data = {"person_ids": list(paths)}
    tx.record("task.assigned", "Task", task.id, unit_id=part.unit_id, plan_id=task.plan_id, data=data)
    return task


async def unassign_person(
    tx: Tx,
    task_id: int,
    person_id: int,
    *,
    unit_id: int | None = None,
    expected_version: int | None = None,
) -> Task:
    """Take a person of one's unit off the task."""
    task = await get_task_for_update(tx, task_id)
    part = await as_participant(tx, task, MANAGING, unit_id)
    check_version(task, expected_version)
    rules.require_state(task.state, NOT_FINAL)
    gone = await tx.session.scalar(
        sa.delete(Assignee)
        .where(
            Assignee.task_id == task.id,
            Assignee.person_id == person_id,
            Assignee.unit_id == part.unit_id,
        )
        .returning(Assignee.person_id)
        .execution_options(synchronize_session=False)
    )
    if gone is None:
        raise errors.TASK_NOT_ASSIGNED.at("personId")
    touch(tx, task)
    await settle(tx, task)
    data = {"person_id": person_id}
    tx.record("task.unassigned", "Task", task.id, unit_id=part.unit_id, plan_id=task.plan_id, data=data)
    return task


async def write_assignees(tx: Tx, task: Task, unit_id: int, paths: Mapping[int, Path]) -> None:
    """Assign the persons of ``paths`` (each with the input field that names them) for ``unit_id``."""
    if not paths:
        return
    if len(paths) > BULK_LIMIT:
        raise errors.TASK_TOO_MANY.at("personIds", limit=BULK_LIMIT)
    names = await _lock_people(tx, paths, visible_persons(tx.actor, tx.today))
    members = await _members(tx, unit_id, paths)
    assigned = set(
        await tx.session.scalars(
            sa.select(Assignee.person_id).where(Assignee.task_id == task.id, among(Assignee.person_id, paths))
        )
    )
    for person_id, path in paths.items():
        if person_id not in names:
            raise NOT_FOUND.at(*path, what=Words("người", "person"))
        if person_id not in members:
            raise errors.TASK_NOT_A_MEMBER.at(*path)
        if person_id in assigned:
            raise errors.TASK_ALREADY_ASSIGNED.at(*path)
    await _require_one_kind(tx, task, task.kind, names, paths)
    stamp = {"task_id": task.id, "unit_id": unit_id, "assigned_at": tx.now}
    await tx.session.execute(
        sa.insert(Assignee).inline(), [{**stamp, "person_id": person_id} for person_id in paths]
    )


async def require_kind_fits(tx: Tx, task: Task, kind: TaskKind) -> None:
    """The task may become ``kind``: nobody on it holds work of the other kind."""
    people = list(await tx.session.scalars(sa.select(Assignee.person_id).where(Assignee.task_id == task.id)))
    paths: dict[int, Path] = dict.fromkeys(people, ("kind",))
    await _require_one_kind(tx, task, kind, await _lock_people(tx, paths, sa.true()), paths)


async def _lock_people(tx: Tx, people: Mapping[int, Path], which: sa.ColumnElement[bool]) -> dict[int, str]:
    """Names of active persons, locked: what one holds is decided by one transaction at a time."""
    rows = await tx.session.execute(
        sa.select(Person.id, Person.name)
        .where(among(Person.id, people), Person.active, which)
        .order_by(Person.id)
        .with_for_update(key_share=True)
    )
    return {row.id: row.name for row in rows}


async def _members(tx: Tx, unit_id: int, people: Mapping[int, Path]) -> set[int]:
    """Who of these works in the unit today."""
    rows = await tx.session.scalars(
        sa.select(Membership.person_id).where(
            Membership.unit_id == unit_id,
            among(Membership.person_id, people),
            Membership.role.in_(WORKING),
            Membership.starts_on <= tx.today,
            sa.or_(Membership.ends_on.is_(None), Membership.ends_on >= tx.today),
        )
    )
    return set(rows)


async def _require_one_kind(
    tx: Tx, task: Task, kind: TaskKind, names: Mapping[int, str], paths: Mapping[int, Path]
) -> None:
    """Refuse when one of the persons holds unfinished work of the other kind, naming that work."""
    rows = await tx.session.execute(
        sa.select(Assignee.person_id, Task.id, Task.title, visible_tasks(tx.actor))
        .join(Task, Task.id == Assignee.task_id)
        .where(
            among(Assignee.person_id, paths),
            Task.id != task.id,
            Task.kind != kind,
            Task.state.not_in(FINAL_STATES),
        )
        .order_by(Assignee.person_id, Task.id)
    )
    in_the_way: dict[int, list[str]] = {}
    for person_id, task_id, title, seen in rows:
        in_the_way.setdefault(person_id, []).append(f"#{task_id} {title}" if seen else f"#{task_id}")
    for person_id, path in paths.items():
        if person_id in in_the_way:
            raise errors.TASK_KINDS_MIXED.at(
                *path,
                person=names.get(person_id, f"#{person_id}"),
                tasks="; ".join(in_the_way[person_id][:5]),
            )
