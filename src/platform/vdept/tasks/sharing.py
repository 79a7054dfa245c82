"""Work and responsibility are shared (requirement 2): invite units, answer, leave, set roles and shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words, invalid
from vdept.kernel.versions import check_version
from vdept.tasks import errors, rules
from vdept.tasks.access import as_owner_or_lead, as_participant, get_task_for_update
from vdept.tasks.models import ParticipantRole, Participation, ParticipationState, Task
from vdept.tasks.rules import BULK_LIMIT, LIVE, OPEN_STATES, is_open
from vdept.tasks.sql import among, rows_of
from vdept.tasks.upkeep import drop_assignees, drop_links, refresh_progress, set_part, settle, touch
from vdept.units.access import visible_units
from vdept.units.models import Unit

ANSWERABLE = (*OPEN_STATES, rules.S.PAUSED)


@dataclass(frozen=True, slots=True)
class Part:
    """The part a unit is asked to take: its role, and its share relative to the others'."""

    unit_id: int
    role: ParticipantRole = ParticipantRole.CONTRIBUTOR
    share: int = 1


async def require_units(tx: Tx, unit_ids: Sequence[int], *paths: tuple[str | int, ...]) -> None:
    """All these units exist and are in force today; ``paths`` name the input field of each."""
    rows = await tx.session.execute(
        sa.select(Unit.id, Unit.valid_from, Unit.valid_to).where(
            among(Unit.id, unit_ids), visible_units(tx.actor)
        )
    )
    known = {unit_id: (valid_from, valid_to) for unit_id, valid_from, valid_to in rows}
    for unit_id, path in zip(unit_ids, paths, strict=True):
        if unit_id not in known:
            raise NOT_FOUND.at(*path, what=Words("đơn vị", "unit"))
        valid_from, valid_to = known[unit_id]
        if tx.today < valid_from or (valid_to is not None and tx.today > valid_to):
            raise errors.TASK_UNIT_NOT_IN_FORCE.at(*path)


async def require_parts(tx: Tx, parts: Sequence[Part]) -> None:
    """The parts are well formed, not too many, name each unit once, and units that can take them."""
    if len(parts) > BULK_LIMIT:
        raise errors.TASK_TOO_MANY.at("participants", limit=BULK_LIMIT)
    seen: set[int] = set()
    for i, part in enumerate(parts):
        rules.require_share(part.share, "participants", i, "share")
        if part.unit_id in seen:
            raise errors.TASK_PARTICIPANT_TWICE.at("participants", i, "unitId")
        seen.add(part.unit_id)
    paths = [("participants", i, "unitId") for i in range(len(parts))]
    await require_units(tx, [part.unit_id for part in parts], *paths)


def state_for(tx: Tx, unit_id: int) -> ParticipationState:
    """Whoever brings their own unit into a task has accepted for it."""
    own = tx.actor.unit_in([unit_id], MANAGING) is not None
    return ParticipationState.ACCEPTED if own else ParticipationState.INVITED


async def write_parts(
    tx: Tx, task: Task, parts: Sequence[Part], states: Mapping[int, ParticipationState] | None = None
) -> None:
    """Write parts in one statement; a unit that declined or left is asked anew.

    ``states`` says what a unit has agreed to where that does not follow from who acts.
    """
    known = states or {}
    given = rows_of(
        "given",
        unit_id=([part.unit_id for part in parts], sa.BigInteger()),
        role=([part.role.value for part in parts], sa.Text()),
        state=(
            [known.get(part.unit_id, state_for(tx, part.unit_id)).value for part in parts],
            sa.Text(),
        ),
        share=([part.share for part in parts], sa.Integer()),
    )
    rows = sa.select(
        sa.literal(task.id, sa.BigInteger()),
        given.c.unit_id,
        given.c.role,
        given.c.state,
        given.c.share,
        sa.literal(task.due_on, sa.Date()),
        sa.literal(is_open(task.state)),
        sa.literal(tx.now, sa.DateTime(timezone=True)),
    )
    columns = ["task_id", "unit_id", "role", "state", "share", "due_on", "open", "updated_at"]
    fresh = insert(Participation).from_select(columns, rows)
    await tx.session.execute(
        fresh.on_conflict_do_update(
            index_elements=["task_id", "unit_id"],
            set_={name: fresh.excluded[name] for name in columns[2:]},
            where=Participation.state.not_in(LIVE),
        )
    )


async def invite_participants(
    tx: Tx, task_id: int, parts: Sequence[Part], *, expected_version: int | None = None
) -> Task:
    """Ask units of any kind to take part, all or none of them."""
    task = await get_task_for_update(tx, task_id)
    unit_id = await as_owner_or_lead(tx, task)
    check_version(task, expected_version)
    rules.require_state(task.state, OPEN_STATES)
    if not parts:
        raise invalid("participants", vi="cần ít nhất một đơn vị", en="at least one unit is needed")
    await require_parts(tx, parts)
    there = await tx.session.scalars(
        sa.select(Participation.unit_id).where(
            Participation.task_id == task.id,
            among(Participation.unit_id, [part.unit_id for part in parts]),
            Participation.state.in_(LIVE),
        )
    )
    already = set(there)
    for i, part in enumerate(parts):
        if part.unit_id in already:
            raise errors.TASK_PARTICIPANT_TWICE.at("participants", i, "unitId")
    await write_parts(tx, task, parts)
    touch(tx, task)
    await refresh_progress(tx, task)
    await settle(tx, task)
    data = {"participants": said_of(parts)}
    tx.record("task.participants_invited", "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


def said_of(parts: Sequence[Part]) -> list[dict[str, Any]]:
    return [{"unit_id": part.unit_id, "role": part.role.value, "share": part.share} for part in parts]


async def accept_invitation(
    tx: Tx, task_id: int, *, unit_id: int | None = None, expected_version: int | None = None
) -> Task:
    """Commit one's unit to its part."""
    task, part = await _invited(tx, task_id, unit_id, expected_version)
    await set_part(tx, task, part.unit_id, state=ParticipationState.ACCEPTED)
    return await _answered(tx, task, part.unit_id, "task.invitation_accepted", {})


async def decline_invitation(
    tx: Tx,
    task_id: int,
    reason: str,
    *,
    unit_id: int | None = None,
    expected_version: int | None = None,
) -> Task:
    """Say no to the invitation, with the reason."""
    why = rules.require_reason(reason)
    task, part = await _invited(tx, task_id, unit_id, expected_version)
    await set_part(tx, task, part.unit_id, state=ParticipationState.DECLINED)
    await drop_links(tx, task, part.unit_id)
    return await _answered(tx, task, part.unit_id, "task.invitation_declined", {"reason": why})


async def leave_task(
    tx: Tx,
    task_id: int,
    reason: str,
    *,
    unit_id: int | None = None,
    expected_version: int | None = None,
) -> Task:
    """Give up one's part while the work runs, with the reason; nobody of the unit stays assigned."""
    why = rules.require_reason(reason)
    task = await get_task_for_update(tx, task_id)
    part = await as_participant(tx, task, MANAGING, unit_id)
    check_version(task, expected_version)
    rules.require_state(task.state, ANSWERABLE)
    if part.unit_id == task.lead_unit_id:
        raise errors.TASK_LEAD_STAYS.at("unitId")
    if part.state is not ParticipationState.ACCEPTED:
        raise errors.TASK_NOT_PARTICIPANT.at("unitId")
    await set_part(tx, task, part.unit_id, state=ParticipationState.LEFT)
    await drop_assignees(tx, task, part.unit_id)
    await drop_links(tx, task, part.unit_id)
    return await _answered(tx, task, part.unit_id, "task.left", {"reason": why})


async def _invited(
    tx: Tx, task_id: int, unit_id: int | None, expected_version: int | None
) -> tuple[Task, Participation]:
    """The invitation that is to be answered; the lead answers by accepting or declining the task."""
    task = await get_task_for_update(tx, task_id)
    part = await as_participant(tx, task, MANAGING, unit_id)
    check_version(task, expected_version)
    rules.require_state(task.state, ANSWERABLE)
    if part.unit_id == task.lead_unit_id:
        raise errors.TASK_LEAD_STAYS.at("unitId")
    if part.state is not ParticipationState.INVITED:
        raise errors.TASK_INVITATION_ANSWERED.at("unitId", state=part.state.value)
    return task, part


async def _answered(tx: Tx, task: Task, unit_id: int, verb: str, said: dict[str, Any]) -> Task:
    touch(tx, task)
    await refresh_progress(tx, task)
    await settle(tx, task)
    data = {**said, "unit_id": unit_id}
    tx.record(verb, "Task", task.id, unit_id=unit_id, plan_id=task.plan_id, data=data)
    return task


async def set_parts(
    tx: Tx, task_id: int, parts: Sequence[Part], *, expected_version: int | None = None
) -> Task:
    """Agree on the roles and shares of units that take part, in one act."""
    task = await get_task_for_update(tx, task_id)
    acting = await as_owner_or_lead(tx, task)
    check_version(task, expected_version)
    rules.require_state(task.state, ANSWERABLE)
    await require_parts(tx, parts)
    there = await tx.session.execute(
        sa.select(Participation.unit_id, Participation.role, Participation.share).where(
            Participation.task_id == task.id,
            among(Participation.unit_id, [part.unit_id for part in parts]),
            Participation.state.in_(LIVE),
        )
    )
    before = {unit_id: Part(unit_id, role, share) for unit_id, role, share in there}
    for i, part in enumerate(parts):
        if part.unit_id not in before:
            raise errors.TASK_NOT_PARTICIPANT.at("participants", i, "unitId")
    given = rows_of(
        "given",
        unit_id=([part.unit_id for part in parts], sa.BigInteger()),
        role=([part.role.value for part in parts], sa.Text()),
        share=([part.share for part in parts], sa.Integer()),
    )
    await tx.session.execute(
        sa.update(Participation)
        .where(Participation.task_id == task.id, Participation.unit_id == given.c.unit_id)
        .values(role=given.c.role, share=given.c.share, updated_at=tx.now)
        .execution_options(synchronize_session=False)
    )
    touch(tx, task)
    await refresh_progress(tx, task)
    await settle(tx, task)
    data = {"from": said_of([before[part.unit_id] for part in parts]), "to": said_of(parts)}
    tx.record("task.parts_set", "Task", task.id, unit_id=acting, plan_id=task.plan_id, data=data)
    return task
