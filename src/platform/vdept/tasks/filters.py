"""The filters people use on lists of tasks, as conditions of SQL."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import Actor
from vdept.people.access import visible_persons
from vdept.people.models import Person
from vdept.targets.access import visible_plans, visible_targets
from vdept.targets.models import Plan, Target
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import (
    Assignee,
    LinkState,
    ParticipantRole,
    Participation,
    Task,
    TaskKind,
    TaskState,
    TaskTarget,
    Timeliness,
)
from vdept.tasks.rules import DONE_STATES, LIVE, OPEN_STATES

Condition = sa.ColumnElement[bool]

OPEN: Condition = sa.type_coerce(Participation.open, sa.Boolean)
"""The bare column, as the partial index has it: ``open IS true`` would not match everywhere."""

BOARD: Condition = Task.state == sa.literal_column("'OPEN'")
"""Written out, as the partial index has it."""


def timeliness_is(classes: Collection[Timeliness], today: date) -> Condition:
    """The tasks of these classes on ``today``: :func:`vdept.tasks.rules.timeliness` in SQL."""
    still, done = Task.state.in_(OPEN_STATES), Task.state.in_(DONE_STATES)
    meaning = {
        Timeliness.OPEN_IN_TIME: sa.and_(still, Task.due_on >= today),
        Timeliness.OPEN_OVERDUE: sa.and_(still, Task.due_on < today),
        Timeliness.DONE_ON_TIME: sa.and_(done, Task.delivered_on <= Task.due_on),
        Timeliness.DONE_LATE: sa.and_(done, Task.delivered_on > Task.due_on),
    }
    return sa.or_(sa.false(), *[meaning[each] for each in classes])


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTaskFilter:
    """Which of one unit's tasks: all conditions given must hold."""

    open: bool = False
    """Only what still wants work or a decision of the unit."""
    overdue: bool = False
    """Only what is open after its due date."""
    states: tuple[TaskState, ...] | None = None
    timeliness: tuple[Timeliness, ...] | None = None
    roles: tuple[ParticipantRole, ...] | None = None
    """In which roles the unit takes part."""
    plan_id: int | None = None
    due_from: date | None = None
    due_to: date | None = None
    text: str | None = None
    """Words of the title; :mod:`vdept.tasks.searching` finds them."""

    def conditions(self, today: date) -> Iterable[Condition]:
        """On ``participation`` joined to ``task``; the dates bound the range of its index."""
        wants_open = self.states is not None and set(self.states) <= set(OPEN_STATES)
        if self.open or self.overdue or wants_open:
            yield OPEN
        yield from due_between(
            Participation.due_on, self.due_from, self.due_to, today if self.overdue else None
        )
        if self.states is not None:
            yield Task.state.in_(self.states)
        if self.timeliness is not None:
            yield timeliness_is(self.timeliness, today)
        if self.roles is not None:
            yield Participation.role.in_(self.roles)
        if self.plan_id is not None:
            yield Task.plan_id == self.plan_id


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """Which tasks: all conditions given must hold."""

    plan_id: int | None = None
    target_id: int | None = None
    """Serving this target; accepted by the unit that holds it."""
    proposed_to_unit_id: int | None = None
    """Proposed to serve a target of this unit, which has yet to answer; for those who are in it."""
    owner_unit_id: int | None = None
    lead_unit_id: int | None = None
    participant_unit_id: int | None = None
    assignee_id: int | None = None
    parent_id: int | None = None
    states: tuple[TaskState, ...] | None = None
    kinds: tuple[TaskKind, ...] | None = None
    timeliness: tuple[Timeliness, ...] | None = None
    board: bool = False
    """Only what stands on a board and waits for a volunteer."""
    open: bool = False
    """Only what still wants work or a decision."""
    overdue: bool = False
    due_from: date | None = None
    due_to: date | None = None
    text: str | None = None
    """Words of the title; :mod:`vdept.tasks.searching` finds them."""

    def conditions(self, today: date, *, driven: bool = False) -> Iterable[Condition]:
        """On ``task``. ``driven``: the query goes by the participations of ``participant_unit_id``."""
        due_on = Participation.due_on if driven else Task.due_on
        yield from due_between(due_on, self.due_from, self.due_to, today if self.overdue else None)
        if self.overdue or self.open:
            yield OPEN if driven else Task.state.in_(OPEN_STATES)
        if self.board:
            yield BOARD
        for column, value in (
            (Task.plan_id, self.plan_id),
            (Task.owner_unit_id, self.owner_unit_id),
            (Task.lead_unit_id, self.lead_unit_id),
            (Task.parent_id, self.parent_id),
        ):
            if value is not None:
                yield column == value
        if self.states is not None:
            yield Task.state.in_(self.states)
        if self.kinds is not None:
            yield Task.kind.in_(self.kinds)
        if self.timeliness is not None:
            yield timeliness_is(self.timeliness, today)
        yield from self._related(driven=driven)

    def _related(self, *, driven: bool) -> Iterable[Condition]:
        if self.target_id is not None:
            accepted = sa.select(TaskTarget.task_id).where(TaskTarget.state == LinkState.ACCEPTED)
            yield Task.id.in_(accepted.where(TaskTarget.target_id == self.target_id))
        if self.proposed_to_unit_id is not None:
            proposed = sa.select(TaskTarget.task_id).where(TaskTarget.state == LinkState.PROPOSED)
            held = sa.select(Target.id).where(Target.unit_id == self.proposed_to_unit_id)
            yield Task.id.in_(proposed.where(TaskTarget.target_id.in_(held)))
        if self.assignee_id is not None:
            yield Task.id.in_(sa.select(Assignee.task_id).where(Assignee.person_id == self.assignee_id))
        if self.participant_unit_id is not None and not driven:
            yield Task.id.in_(
                sa.select(Participation.task_id).where(
                    Participation.unit_id == self.participant_unit_id, Participation.state.in_(LIVE)
                )
            )


def named_are_seen(actor: Actor, which: "TaskFilter | UnitTaskFilter", today: date) -> Iterable[Condition]:
    """The actor sees what the filter names; otherwise it would answer what belongs to what is hidden.

    Each is asked once for the whole list, not for every task.
    """
    if actor.sees_everything:
        return
    if which.plan_id is not None:
        yield sa.select(Plan.id).where(Plan.id == which.plan_id, visible_plans(actor)).exists()
    if isinstance(which, TaskFilter) and which.target_id is not None:
        yield sa.select(Target.id).where(Target.id == which.target_id, visible_targets(actor)).exists()
    if isinstance(which, TaskFilter) and which.proposed_to_unit_id is not None:
        yield sa.literal(which.proposed_to_unit_id in actor.unit_ids)
    if isinstance(which, TaskFilter) and which.assignee_id is not None:
        yield (
            sa.select(Person.id).where(Person.id == which.assignee_id, visible_persons(actor, today)).exists()
        )
    if isinstance(which, TaskFilter) and which.parent_id is not None:
        whole = sa.select(Task.id).where(Task.id == which.parent_id, visible_tasks(actor))
        yield whole.correlate(None).exists()


def due_between(
    due_on: Any, first: date | None, last: date | None, overdue_on: date | None
) -> Iterable[Condition]:
    """Dates from ``first`` to ``last``, both included; overdue is from the day after the due date."""
    if overdue_on is not None:
        yesterday = overdue_on - timedelta(days=1)
        last = yesterday if last is None else min(last, yesterday)
    if first is not None:
        yield due_on >= first
    if last is not None:
        yield due_on <= last
