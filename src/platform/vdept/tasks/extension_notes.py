"""Who hears of a request for a later due date, and of what became of it."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING, Role
from vdept.kernel.db import Tx
from vdept.notifications.adding import Note, notify
from vdept.notifications.models import NotificationKind
from vdept.people.actors import in_force
from vdept.people.models import Membership, Person
from vdept.tasks.models import ExtensionState, Task, TaskExtension, TaskState
from vdept.units.models import Unit

REQUEST = "task_extension"
DECISION = "task_extension_decision"
"""Where such a notification comes from: once per extension, person and of either kind."""

COORDINATING = frozenset({Role.COORDINATOR})


async def tell_request(tx: Tx, task: Task, extension: TaskExtension) -> None:
    """The managers of the unit that set the task have something to decide."""
    people = await _people(tx, task.owner_unit_id, MANAGING)
    to = dict.fromkeys(people, task.owner_unit_id)
    await _tell(tx, task, extension, to, NotificationKind.EXTENSION_REQUESTED, REQUEST, extension.unit_id)


async def tell_decision(tx: Tx, task: Task, extension: TaskExtension) -> None:
    """Who asked, and the lead's coordinators, know the date they work towards.

    Title and reason are for those at work on it: not for a lead that has declined, nor for who asked and has
    left the unit since, or whose unit has left the task.
    """
    lead = None if task.state is TaskState.DECLINED else task.lead_unit_id
    to: dict[int, int] = {}
    if lead is not None:
        to = dict.fromkeys(await _people(tx, lead, COORDINATING), lead)
    asked_by = extension.requested_by_id
    if (
        asked_by is not None
        and lead == extension.unit_id
        and asked_by in await _people(tx, lead, tuple(Role))
    ):
        to.setdefault(asked_by, lead)
    await _tell(tx, task, extension, to, NotificationKind.EXTENSION_DECIDED, DECISION, task.owner_unit_id)


async def tell_withdrawal(tx: Tx, task: Task, extension: TaskExtension) -> None:
    """There is nothing left to decide."""
    people = await _people(tx, task.owner_unit_id, MANAGING)
    to = dict.fromkeys(people, task.owner_unit_id)
    await _tell(tx, task, extension, to, NotificationKind.EXTENSION_DECIDED, DECISION, extension.unit_id)


async def _people(tx: Tx, unit_id: int, roles: Iterable[Role]) -> list[int]:
    """Who holds one of ``roles`` in the unit today and can sign in."""
    found = await tx.session.scalars(
        sa.select(Membership.person_id)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.unit_id == unit_id, Membership.role.in_(roles), in_force(tx.today), Person.active)
        .distinct()
        .order_by(Membership.person_id)
    )
    return list(found)


async def _tell(
    tx: Tx,
    task: Task,
    extension: TaskExtension,
    to: dict[int, int],
    kind: NotificationKind,
    origin: str,
    of_unit: int,
) -> None:
    """Tell each person of ``to`` in the capacity of their unit; who has just done it knows already."""
    name = await tx.session.scalar(sa.select(Unit.name).where(Unit.id == of_unit))
    reason = extension.reason if extension.state is ExtensionState.REQUESTED else extension.decision_reason
    granted = extension.granted_due_on
    data: dict[str, Any] = {
        "title": task.title,
        "unit": name,
        "due_on": extension.due_on.isoformat(),
        "wanted_due_on": extension.wanted_due_on.isoformat(),
        "granted_due_on": None if granted is None else granted.isoformat(),
        "state": extension.state.value,
        "reason": reason,
    }
    said = {name: value for name, value in data.items() if value is not None}
    notes = [
        Note(person_id, unit_id, kind, "Task", task.id, task.plan_id, said, origin, extension.id)
        for person_id, unit_id in to.items()
        if person_id != tx.actor.person_id
    ]
    await notify(tx, notes)
