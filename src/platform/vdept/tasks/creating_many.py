"""The same task for many leads in one act: one statement per table, however many they are."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import WORKING
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.targets.access import visible_targets
from vdept.targets.changes import tasks_changed
from vdept.targets.models import Target, TargetState
from vdept.tasks import errors, rules
from vdept.tasks.creating import Terms, initial_state, prepare, said_of_terms
from vdept.tasks.linking import Link
from vdept.tasks.linking import said_of as said_of_links
from vdept.tasks.models import (
    LinkState,
    ParticipantRole,
    Participation,
    ParticipationState,
    Task,
    TaskState,
    TaskTarget,
)
from vdept.tasks.rules import is_open
from vdept.tasks.sharing import Part, require_parts, require_units, said_of, state_for
from vdept.tasks.sql import among, array_of, rows_of

ACCEPTED = ParticipationState.ACCEPTED


async def create_tasks(
    tx: Tx,
    terms: Terms,
    lead_unit_ids: Sequence[int],
    *,
    role: ParticipantRole = ParticipantRole.BUILDER,
    share: int = 1,
    participants: Sequence[Part] = (),
    key_result_id: int | None = None,
    weight: Decimal = Decimal(1),
) -> list[int]:
    """The same task for every one of these leads, in one act; returns the tasks' ids in their order.

    With ``key_result_id`` each task serves its lead's own target of that key result.
    """
    unit_id, row = await prepare(tx, terms)
    await _require_leads(tx, lead_unit_ids, participants)
    rules.require_share(share, "leadShare")
    rules.require_weight(weight, "weight")
    await require_parts(tx, participants)
    served = await _own_targets(tx, row["plan_id"], key_result_id, lead_unit_ids)
    ids = await _write_tasks(tx, row, terms.owner_unit_id, lead_unit_ids)
    await _write_parts(tx, row, terms.owner_unit_id, ids, Part(0, role, share), participants)
    waiting = {target_id for lead, target_id in served.items() if not tx.actor.has(lead, WORKING)}
    if served:
        links = [(ids[lead], target_id, weight) for lead, target_id in served.items()]
        await _write_links(tx, links, waiting)
    await tasks_changed(tx, [(row["plan_id"], task_id) for task_id in ids.values()])
    for lead, task_id in ids.items():
        data = {
            **said_of_terms(row),
            "state": initial_state(terms.owner_unit_id, lead).value,
            "lead_unit_id": lead,
            "participants": said_of([Part(lead, role, share), *participants]),
            "targets": said_of_links([Link(served[lead], weight)], waiting) if served else [],
        }
        tx.record("task.created", "Task", task_id, unit_id=unit_id, plan_id=row["plan_id"], data=data)
    return [ids[lead] for lead in lead_unit_ids]


async def _require_leads(tx: Tx, lead_unit_ids: Sequence[int], participants: Sequence[Part]) -> None:
    if not lead_unit_ids:
        raise errors.TASK_NO_LEADS.at("leadUnitIds")
    others = {part.unit_id for part in participants}
    seen: set[int] = set()
    for i, lead in enumerate(lead_unit_ids):
        if lead in seen:
            raise errors.TASK_ITEM_TWICE.at("leadUnitIds", i)
        if lead in others:
            raise errors.TASK_PARTICIPANT_TWICE.at("leadUnitIds", i)
        seen.add(lead)
    await require_units(tx, lead_unit_ids, *[("leadUnitIds", i) for i in range(len(lead_unit_ids))])


async def _own_targets(
    tx: Tx, plan_id: int | None, key_result_id: int | None, leads: Sequence[int]
) -> dict[int, int]:
    """Each lead's own target of the key result; a lead without one is refused."""
    if key_result_id is None:
        return {}
    rows = await tx.session.execute(
        sa.select(Target.unit_id, Target.id, Target.plan_id).where(
            Target.key_result_id == key_result_id,
            among(Target.unit_id, leads),
            Target.state != TargetState.WITHDRAWN,
            visible_targets(tx.actor),
        )
    )
    found = {row.unit_id: row for row in rows}
    for i, lead in enumerate(leads):
        if lead not in found:
            raise NOT_FOUND.at("leadUnitIds", i, what=Words("chỉ tiêu giao cho đơn vị", "target of the unit"))
        if found[lead].plan_id != plan_id:
            raise errors.TASK_OTHER_PLAN.at("keyResultId")
    return {lead: found[lead].id for lead in leads}


async def _write_tasks(
    tx: Tx, row: Mapping[str, Any], owner_unit_id: int, leads: Sequence[int]
) -> dict[int, int]:
    """One statement for all tasks; returns each lead's task id."""
    lead = sa.func.unnest(array_of(leads)).column_valued("lead")
    state = sa.case((lead == owner_unit_id, TaskState.ACCEPTED.value), else_=TaskState.OFFERED.value)
    names = [*row, "lead_unit_id", "state"]
    values = [sa.literal(value, Task.__table__.c[name].type) for name, value in row.items()]
    written = await tx.session.execute(
        sa.insert(Task)
        .from_select(names, sa.select(*values, lead, state))
        .returning(Task.lead_unit_id, Task.id)
    )
    by_lead: dict[int, int] = {lead_id: task_id for lead_id, task_id in written if lead_id is not None}
    return {lead_id: by_lead[lead_id] for lead_id in leads}


async def _write_parts(
    tx: Tx,
    row: Mapping[str, Any],
    owner_unit_id: int,
    ids: Mapping[int, int],
    own: Part,
    others: Sequence[Part],
) -> None:
    """The lead's part in its task, and everybody else's in every task: one statement each."""
    tasks = rows_of("tasks", id=(ids.values(), sa.BigInteger()), lead=(ids.keys(), sa.BigInteger()))
    given = rows_of(
        "given",
        unit_id=([part.unit_id for part in others], sa.BigInteger()),
        role=([part.role.value for part in others], sa.Text()),
        state=([state_for(tx, part.unit_id).value for part in others], sa.Text()),
        share=([part.share for part in others], sa.Integer()),
    )
    agreed = sa.case((tasks.c.lead == owner_unit_id, ACCEPTED.value), else_=ParticipationState.INVITED.value)
    tail = [
        sa.literal(row["due_on"], sa.Date()),
        sa.literal(value=is_open(TaskState.OFFERED)),
        sa.literal(tx.now, sa.DateTime(timezone=True)),
    ]
    role, share = sa.literal(own.role.value, sa.Text()), sa.literal(own.share, sa.Integer())
    leading = sa.select(tasks.c.id, tasks.c.lead, role, agreed, share, *tail)
    beside = sa.select(
        tasks.c.id, given.c.unit_id, given.c.role, given.c.state, given.c.share, *tail
    ).join_from(tasks, given, sa.true())
    columns = ["task_id", "unit_id", "role", "state", "share", "due_on", "open", "updated_at"]
    await tx.session.execute(
        sa.insert(Participation).from_select(
            columns, sa.union_all(leading, beside) if others else leading, include_defaults=False
        )
    )


async def _write_links(tx: Tx, links: Sequence[tuple[int, int, Decimal]], waiting: Collection[int]) -> None:
    """Each lead is asked by the offer itself: it accepts the link with the task."""
    states = [LinkState.PROPOSED if target_id in waiting else LinkState.ACCEPTED for _, target_id, _ in links]
    given = rows_of(
        "given",
        task_id=([task_id for task_id, _, _ in links], sa.BigInteger()),
        target_id=([target_id for _, target_id, _ in links], sa.BigInteger()),
        weight=([weight for _, _, weight in links], sa.Numeric()),
        state=([state.value for state in states], sa.Text()),
    )
    await tx.session.execute(
        sa.insert(TaskTarget).from_select(
            ["task_id", "target_id", "weight", "state"],
            sa.select(given.c.task_id, given.c.target_id, given.c.weight, given.c.state),
            include_defaults=False,
        )
    )
