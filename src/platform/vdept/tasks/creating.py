"""New tasks: one, with everybody in it, or the same for many leads in one act; and what may be reworded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from msgspec import UNSET, UnsetType

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.kernel.errors import FORBIDDEN
from vdept.kernel.text import fold
from vdept.kernel.versions import check_version
from vdept.targets.access import get_plan
from vdept.targets.models import Audience, Plan, PlanState
from vdept.tasks import errors, link_notes, linking, rules
from vdept.tasks.access import HEAD, OWNER_MANAGES, as_owner, get_task, get_task_for_update
from vdept.tasks.assigning import NOT_FINAL, require_kind_fits, write_assignees
from vdept.tasks.linking import Link, write_links
from vdept.tasks.models import ParticipantRole, ParticipationState, Task, TaskKind, TaskState
from vdept.tasks.sharing import Part, require_parts, require_units, said_of, state_for, write_parts
from vdept.tasks.upkeep import settle, touch
from vdept.units.access import get_unit

TITLE_LIMIT = 500
DESCRIPTION_LIMIT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a task is about, whoever leads it. Without ``plan_id`` a sub-task is of its parent's plan."""

    title: str
    owner_unit_id: int
    due_on: date
    plan_id: int | None = None
    parent_id: int | None = None
    description: str | None = None
    kind: TaskKind = TaskKind.ROUTINE
    audience: Audience = Audience.GOVERNMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The unit asked to lead, and its part."""

    unit_id: int
    role: ParticipantRole = ParticipantRole.BUILDER
    share: int = 1


async def create_task(
    tx: Tx,
    terms: Terms,
    *,
    lead: Lead | None = None,
    participants: Sequence[Part] = (),
    targets: Sequence[Link] = (),
    person_ids: Sequence[int] = (),
) -> Task:
    """Set a task: on the board, offered to a lead, or one's own; with its participants in the same act.

    A unit that leads a task it sets has accepted it. ``person_ids`` are the owner unit's people, when it
    takes part.
    """
    unit_id, row = await prepare(tx, terms)
    if lead is not None:
        if any(part.unit_id == lead.unit_id for part in participants):
            raise errors.TASK_PARTICIPANT_TWICE.at("leadUnitId")
        rules.require_share(lead.share, "leadShare")
        await require_units(tx, [lead.unit_id], ("leadUnitId",))
    await require_parts(tx, participants)
    leads = [] if lead is None else [Part(lead.unit_id, lead.role, lead.share)]
    state = initial_state(terms.owner_unit_id, lead.unit_id if lead else None)
    task = Task(**row, state=state, lead_unit_id=lead.unit_id if lead else None)
    tx.session.add(task)
    await tx.session.flush()
    if leads or participants:
        await write_parts(tx, task, [*leads, *participants], _lead_state(task))
    proposed = await write_links(tx, task, targets)
    await _assign(tx, task, person_ids, participants)
    await settle(tx, task)
    await link_notes.tell_proposals(tx, [task.id], proposed)
    data = {
        **said_of_terms(row),
        "state": state.value,
        "lead_unit_id": task.lead_unit_id,
        "participants": said_of([*leads, *participants]),
        "targets": linking.said_of(targets, proposed),
        "person_ids": list(person_ids),
    }
    tx.record("task.created", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


def initial_state(owner_unit_id: int, lead_unit_id: int | None) -> TaskState:
    """On the board without a lead; accepted when a unit sets it for itself; offered otherwise."""
    if lead_unit_id is None:
        return TaskState.OPEN
    return TaskState.ACCEPTED if lead_unit_id == owner_unit_id else TaskState.OFFERED


def _lead_state(task: Task) -> dict[int, ParticipationState]:
    if task.lead_unit_id is None:
        return {}
    accepted = task.state is TaskState.ACCEPTED
    return {task.lead_unit_id: ParticipationState.ACCEPTED if accepted else ParticipationState.INVITED}


async def _assign(tx: Tx, task: Task, person_ids: Sequence[int], participants: Sequence[Part]) -> None:
    """The owner's people go on the task, when the owner leads it or has accepted a part by this act."""
    paths: dict[int, tuple[str | int, ...]] = {}
    for i, person_id in enumerate(person_ids):
        if person_id in paths:
            raise errors.TASK_ITEM_TWICE.at("personIds", i)
        paths[person_id] = ("personIds", i)
    owner = task.owner_unit_id
    agreed = state_for(tx, owner) is ParticipationState.ACCEPTED and any(
        part.unit_id == owner for part in participants
    )
    if paths and not agreed and task.lead_unit_id != owner:
        raise errors.TASK_NOT_PARTICIPANT.at("personIds")
    await write_assignees(tx, task, task.owner_unit_id, paths)


async def prepare(tx: Tx, terms: Terms) -> tuple[int, dict[str, Any]]:
    """Check who sets the task and on which terms; returns the acting unit and the row's values."""
    owner = await get_unit(tx, terms.owner_unit_id, "ownerUnitId")
    if tx.actor.has(owner.id, MANAGING):
        unit_id = owner.id
    else:
        above = tx.actor.unit_in(owner.path, HEAD)
        if above is None:
            raise FORBIDDEN.at("ownerUnitId", needs=OWNER_MANAGES)
        unit_id = above
    await require_units(tx, [owner.id], ("ownerUnitId",))
    plan = None if terms.plan_id is None else await get_plan(tx, terms.plan_id, "planId")
    if terms.parent_id is not None:
        parent = await get_task(tx, terms.parent_id, "parentId")
        await linking.require_whole(tx, parent)
        if terms.plan_id not in (None, parent.plan_id):
            raise errors.TASK_OTHER_PLAN.at("planId")
        if parent.plan_id is not None:  # seen or not: who may break the parent down may do so in its plan
            plan = await tx.session.get_one(Plan, parent.plan_id)
    title = rules.require_text(terms.title, TITLE_LIMIT, "title")
    rules.require_due(terms.due_on, tx.today, _open_cycle(plan), "dueOn")
    await tx.widen()
    return unit_id, {
        "title": title,
        "description": _description(terms.description),
        "search": fold(title),
        "kind": terms.kind,
        "audience": terms.audience,
        "plan_id": plan.id if plan else None,
        "parent_id": terms.parent_id,
        "owner_unit_id": owner.id,
        "created_by_id": tx.actor.person_id,
        "created_at": tx.now,
        "updated_at": tx.now,
        "due_on": terms.due_on,
        "original_due_on": terms.due_on,
    }


def _open_cycle(plan: Plan | None) -> tuple[date, date] | None:
    """The cycle of a plan that still takes tasks."""
    if plan is None:
        return None
    if plan.state is PlanState.CLOSED:
        raise errors.TASK_PLAN_CLOSED.at("planId")
    return plan.starts_on, plan.ends_on


def _description(text: str | None) -> str | None:
    if text is None or not text.strip():
        return None
    return rules.require_text(text, DESCRIPTION_LIMIT, "description")


def said_of_terms(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the activity says of the terms."""
    names = ("title", "kind", "audience", "owner_unit_id", "parent_id", "due_on")
    return {name: row[name] for name in names}


async def update_task(
    tx: Tx,
    task_id: int,
    *,
    title: str | UnsetType = UNSET,
    description: str | UnsetType | None = UNSET,
    kind: TaskKind | UnsetType = UNSET,
    audience: Audience | UnsetType = UNSET,
    expected_version: int | None = None,
) -> Task:
    """Reword a task, or change its kind or audience; what is not given stays."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner(tx, task)
    check_version(task, expected_version)
    rules.require_state(task.state, NOT_FINAL)
    new: dict[str, Any] = {}
    if not isinstance(title, UnsetType):
        new["title"] = rules.require_text(title, TITLE_LIMIT, "title")
    if not isinstance(description, UnsetType):
        new["description"] = _description(description)
    if not isinstance(kind, UnsetType):
        new["kind"] = kind
        if kind is not task.kind:
            await require_kind_fits(tx, task, kind)
    if not isinstance(audience, UnsetType):
        new["audience"] = audience
    before = {name: getattr(task, name) for name in new}
    for name, value in new.items():
        setattr(task, name, value)
    task.search = fold(task.title)
    touch(tx, task)
    await settle(tx, task)
    data = {"from": before, "to": new}
    tx.record("task.updated", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task
