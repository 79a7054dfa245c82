"""Who hears of a task that is to count for a target of theirs, and of what they answered."""

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.notifications.adding import Note, notify
from vdept.notifications.models import NotificationKind
from vdept.people.actors import in_force
from vdept.people.models import Membership, Person
from vdept.targets.models import KeyResult, Target
from vdept.tasks.models import LinkState, Task, TaskState, TaskTarget
from vdept.tasks.sql import among
from vdept.units.models import Unit

PROPOSAL = "task_target"
ANSWER = "task_target_answer"
"""Where such a notification comes from; with the task's version, because a link may be proposed again."""


async def tell_proposals(tx: Tx, task_ids: Collection[int], target_ids: Collection[int]) -> None:
    """The managers of each unit that holds one of these targets have something to decide.

    One notification per person and task: it names the first of its targets and says how many there are. Not
    of what is a part of an offer: that is answered with it (``accepting_links.accept_with_task``).
    """
    if not target_ids:
        return
    together = (Task.id, Target.unit_id)
    first = sa.func.row_number().over(partition_by=together, order_by=Target.id)
    waiting = (
        sa.select(
            Task.id.label("task_id"),
            Task.title,
            Task.version,
            Task.plan_id,
            Target.unit_id,
            KeyResult.title.label("target"),
            TaskTarget.weight,
            Unit.name,
            first.label("place"),
            sa.func.count().over(partition_by=together).label("number"),
        )
        .join(TaskTarget, TaskTarget.task_id == Task.id)
        .join(Target, Target.id == TaskTarget.target_id)
        .join(KeyResult, KeyResult.id == Target.key_result_id)
        .join(Unit, Unit.id == Task.owner_unit_id)
        .where(
            among(Task.id, task_ids),
            among(Target.id, target_ids),
            TaskTarget.state == LinkState.PROPOSED,
            sa.or_(
                Task.state != TaskState.OFFERED,
                Task.lead_unit_id.is_distinct_from(Target.unit_id),
                Target.unit_id == sa.any_(Unit.path),
            ),
        )
        .subquery()
    )
    rows = await tx.session.execute(
        sa.select(waiting, Membership.person_id)
        .join(Membership, Membership.unit_id == waiting.c.unit_id)
        .join(Person, Person.id == Membership.person_id)
        .where(waiting.c.place == 1, Membership.role.in_(MANAGING), in_force(tx.today), Person.active)
        .order_by(waiting.c.task_id, Membership.person_id, waiting.c.unit_id)
    )
    notes: dict[tuple[int, int], Note] = {}
    for row in rows:
        said = {
            "title": row.title,
            "target": row.target,
            "weight": f"{row.weight.normalize():f}",
            "unit": row.name,
            "count": row.number,
        }
        note = _note(row, NotificationKind.LINK_PROPOSED, PROPOSAL, said)
        notes.setdefault((row.task_id, row.person_id), note)
    await _tell(tx, notes.values())


async def tell_answer(tx: Tx, task: Task, link: TaskTarget, holder_id: int) -> None:
    """The managers of the unit that set the task know whether it counts."""
    rows = await tx.session.execute(
        sa.select(
            Membership.person_id,
            Membership.unit_id,
            sa.literal(task.id).label("task_id"),
            sa.literal(task.version).label("version"),
            sa.literal(task.plan_id, sa.BigInteger()).label("plan_id"),
            sa.select(Unit.name).where(Unit.id == holder_id).scalar_subquery().label("name"),
            sa.select(KeyResult.title)
            .join(Target, Target.key_result_id == KeyResult.id)
            .where(Target.id == link.target_id)
            .scalar_subquery()
            .label("target"),
        )
        .join(Person, Person.id == Membership.person_id)
        .where(
            Membership.unit_id == task.owner_unit_id,
            Membership.role.in_(MANAGING),
            in_force(tx.today),
            Person.active,
        )
        .distinct()
        .order_by(Membership.person_id)
    )
    notes = []
    for row in rows:
        said = {"title": task.title, "target": row.target, "unit": row.name, "state": link.state.value}
        if link.reason is not None:
            said["reason"] = link.reason
        notes.append(_note(row, NotificationKind.LINK_ANSWERED, f"{ANSWER}:{link.target_id}", said))
    await _tell(tx, notes)


def _note(
    row: sa.Row[tuple[object, ...]], kind: NotificationKind, origin: str, said: dict[str, object]
) -> Note:
    return Note(
        row.person_id,
        row.unit_id,
        kind,
        "Task",
        row.task_id,
        row.plan_id,
        said,
        f"{origin}:{row.version}",
        row.task_id,
    )


async def _tell(tx: Tx, notes: Iterable[Note]) -> None:
    """Who has just done it knows already."""
    await notify(tx, [note for note in notes if note.person_id != tx.actor.person_id])
