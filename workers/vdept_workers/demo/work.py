"""How the demonstration's tasks come to life.

A task's life is a list of acts; what was done is told by its activities, so that a run that was interrupted
goes on where it ended and a second run does nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa

from vdept.kernel.activity import Activity
from vdept.kernel.db import Tx
from vdept.targets.models import Audience, KeyResult, Plan, Target
from vdept.tasks.creating import Lead, Terms, create_task
from vdept.tasks.creating_many import create_tasks
from vdept.tasks.linking import Link
from vdept.tasks.models import ParticipantRole, Task, TaskKind
from vdept.tasks.sharing import Part
from vdept_workers.demo.people import SYSTEM, Cast
from vdept_workers.demo.season import Season

Verb = Callable[..., Awaitable[Any]]
"""A verb of the core on a task, called with ``(tx, task_id)``."""


class Act(NamedTuple):
    """What somebody did to a task, at which per cent of the time so far."""

    who: str
    percent: int
    verb: Verb


@dataclass(frozen=True, slots=True)
class Life:
    """One task: who set it and when, who leads it, which unit's target it serves, what was done since."""

    title: str
    owner: str
    set_by: str
    percent: int
    due_on: date
    serves: str
    lead: str | None = None
    share: int = 1
    parts: tuple[tuple[str, ParticipantRole, int], ...] = ()
    kind: TaskKind = TaskKind.DEEP
    audience: Audience = Audience.GOVERNMENT
    acts: tuple[Act, ...] = ()


Known = dict[int | None, tuple[int, int]]
"""Tasks of one title: task and number of its activities, by lead."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What tasks are set about: the plan, a key result of it, and that key result's targets by unit."""

    cast: Cast
    season: Season
    plan: Plan
    key_result: KeyResult
    targets: dict[int, Target]

    async def play(self, life: Life) -> None:
        """Set the task unless it is there, and bring it to where its life has come."""
        known = await self._known(life.title)
        if not known:
            async with self._setting(life) as tx:
                unit = self.cast.unit
                await create_task(
                    tx,
                    self._terms(life),
                    lead=Lead(unit_id=unit(life.lead), share=life.share) if life.lead else None,
                    participants=[Part(unit(code), role, share) for code, role, share in life.parts],
                    targets=[Link(self.targets[unit(life.serves)].id)],
                )
            known = await self._known(life.title)
        await self._go_on(life.lead, life.acts, known)

    async def play_alike(self, life: Life, acts_of: Mapping[str, tuple[Act, ...]]) -> None:
        """The same task for every one of these leads, set in one act; each serves its lead's own target."""
        known = await self._known(life.title)
        if not known:
            leads = [self.cast.unit(lead) for lead in acts_of]
            async with self._setting(life) as tx:
                await create_tasks(tx, self._terms(life), leads, key_result_id=self.key_result.id)
            known = await self._known(life.title)
        for lead, acts in acts_of.items():
            await self._go_on(lead, acts, known)

    def _setting(self, life: Life) -> AbstractAsyncContextManager[Tx]:
        return self.cast.acting(life.set_by, self.season.day(life.percent))

    def _terms(self, life: Life) -> Terms:
        return Terms(
            title=life.title,
            owner_unit_id=self.cast.unit(life.owner),
            due_on=life.due_on,
            plan_id=self.plan.id,
            kind=life.kind,
            audience=life.audience,
        )

    async def _known(self, title: str) -> Known:
        mine = sa.and_(Activity.subject_type == "Task", Activity.subject_id == Task.id)
        count = sa.select(sa.func.count()).where(mine).scalar_subquery()
        query = sa.select(Task.lead_unit_id, Task.id, count)
        async with self.cast.database.snapshot(SYSTEM) as tx:
            rows = await tx.session.execute(query.where(Task.plan_id == self.plan.id, Task.title == title))
            return {lead: (task_id, acts) for lead, task_id, acts in rows}

    async def _go_on(self, lead: str | None, acts: tuple[Act, ...], known: Known) -> None:
        """Do the acts that follow on those already told; nothing, if another has taken the task."""
        found = known.get(self.cast.unit(lead) if lead else None)
        if found is not None:
            task_id, told = found
            for who, percent, verb in acts[told - 1 :]:
                async with self.cast.acting(who, self.season.day(percent)) as tx:
                    await verb(tx, task_id)
