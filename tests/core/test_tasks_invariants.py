"""Whatever people try, in whatever order: the state machine and the invariants of tasks hold."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from factories import SYSTEM
from tasks_world import DUE, World, build
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.tasks import rules
from vdept.tasks.assigning import assign_people, unassign_person
from vdept.tasks.bulk import Report, accept_tasks, report_progress_many
from vdept.tasks.creating import Lead, Terms, create_task
from vdept.tasks.due import extend_due
from vdept.tasks.finishing import deliver_task, send_back_task, verify_task
from vdept.tasks.lifecycle import (
    accept_task,
    decline_task,
    offer_task,
    reopen_task,
    start_task,
    volunteer_for_task,
)
from vdept.tasks.models import TaskState
from vdept.tasks.pausing import cancel_task, pause_task, resume_task
from vdept.tasks.progress import report_progress
from vdept.tasks.rules import Step
from vdept.tasks.sharing import (
    Part,
    accept_invitation,
    decline_invitation,
    invite_participants,
    leave_task,
    set_parts,
)
from vdept.tasks.talking import Proof

Verb = Callable[..., Awaitable[Any]]
UNITS = ("ministry", "province", "firm")

VIOLATIONS = text(
    """
    SELECT 'copies' AS broken FROM participation AS p JOIN task AS t ON t.id = p.task_id
    WHERE p.due_on <> t.due_on
       OR p.open <> (t.state IN ('OPEN', 'OFFERED', 'ACCEPTED', 'IN_PROGRESS')
                     AND p.state IN ('INVITED', 'ACCEPTED'))
    UNION ALL
    SELECT 'lead' FROM task AS t
    WHERE t.lead_unit_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM participation AS p WHERE p.task_id = t.id AND p.unit_id = t.lead_unit_id)
    UNION ALL
    SELECT 'accepted lead' FROM task AS t
    JOIN participation AS p ON p.task_id = t.id AND p.unit_id = t.lead_unit_id
    WHERE t.state IN ('ACCEPTED', 'IN_PROGRESS', 'DELIVERED', 'VERIFIED') AND p.state <> 'ACCEPTED'
    UNION ALL
    SELECT 'assignee' FROM assignee AS a
    WHERE NOT EXISTS (SELECT FROM participation AS p
                      WHERE p.task_id = a.task_id AND p.unit_id = a.unit_id AND p.state = 'ACCEPTED')
    UNION ALL
    SELECT 'first date' FROM task WHERE original_due_on <> DATE '2026-06-30'
    """
)

STEPS: dict[Verb, Step] = {
    offer_task: Step.OFFER,
    reopen_task: Step.REOPEN,
    volunteer_for_task: Step.VOLUNTEER,
    accept_task: Step.ACCEPT,
    decline_task: Step.DECLINE,
    start_task: Step.START,
    deliver_task: Step.DELIVER,
    verify_task: Step.VERIFY,
    send_back_task: Step.SEND_BACK,
    pause_task: Step.PAUSE,
    resume_task: Step.RESUME,
    cancel_task: Step.CANCEL,
}


class Office(RuleBasedStateMachine):
    """One task, three units' heads, every verb."""

    world: World
    people: dict[str, int]
    run: Callable[[Awaitable[Any]], Any]

    @initialize(lead=st.sampled_from([None, *UNITS]))
    def set_a_task(self, lead: str | None) -> None:
        ministry = self.world.units["ministry"].id
        terms = Terms(title="Việc", owner_unit_id=ministry, due_on=DUE, plan_id=self.world.plan.id)
        asked = Lead(unit_id=self.world.units[lead].id) if lead else None
        task = self.run(self.world.do(self.world.actors["ministry_head"], create_task, terms, lead=asked))
        self.task_id, self.state, self.version = task.id, task.state, 1
        self.paused_from: TaskState | None = None

    def attempt(self, who: str, verb: Verb, *args: Any, **more: Any) -> Any:
        """The answer, or None when it was refused."""
        try:
            return self.run(
                self.world.do(self.world.actors[f"{who}_head"], verb, self.task_id, *args, **more)
            )
        except Refused:
            return None

    def take(self, who: str, verb: Verb, *args: Any) -> None:
        """A step succeeds only where the table has it, and then leads where the table says."""
        task = self.attempt(who, verb, *args)
        if task is None:
            return
        assert task.state is rules.step_to(STEPS[verb], self.state, self.paused_from)
        self.paused_from = self.state if verb is pause_task else None
        self.state = task.state

    @rule(who=st.sampled_from(UNITS), unit=st.sampled_from(UNITS), share=st.integers(0, 9))
    def offers(self, who: str, unit: str, share: int) -> None:
        self.take(who, _offer(share), self.world.units[unit].id)

    @rule(who=st.sampled_from(UNITS), unit=st.sampled_from(UNITS))
    def volunteers(self, who: str, unit: str) -> None:
        self.take(who, volunteer_for_task, self.world.units[unit].id)

    @rule(
        who=st.sampled_from(UNITS), verb=st.sampled_from([accept_task, reopen_task, start_task, resume_task])
    )
    def goes_on(self, who: str, verb: Verb) -> None:
        self.take(who, verb)

    @rule(steps=st.integers(1, 4), unit=st.sampled_from(UNITS))
    def advances(self, steps: int, unit: str) -> None:
        """By the right people, so that the walk gets everywhere."""
        for _ in range(steps):
            lead = self.run(self.world.task(self.task_id)).lead_unit_id
            who = next((name for name in UNITS if self.world.units[name].id == lead), unit)
            match self.state:
                case TaskState.OPEN | TaskState.DECLINED:
                    self.take("ministry", _offer(1), self.world.units[unit].id)
                case TaskState.OFFERED:
                    self.take(who, accept_task)
                case TaskState.ACCEPTED:
                    self.take(who, start_task)
                case TaskState.IN_PROGRESS:
                    self.take(who, deliver_task, "xong", [Proof("https://x.vn")])
                case TaskState.PAUSED:
                    self.take("ministry", resume_task)
                case TaskState.DELIVERED:
                    self.take("ministry", send_back_task if steps % 2 else verify_task, *["vì"][: steps % 2])
                case _:
                    return

    @rule(who=st.sampled_from(UNITS), verb=st.sampled_from([decline_task, decline_task, cancel_task]))
    def says_no(self, who: str, verb: Verb) -> None:
        self.take(who, verb, "vì")

    @rule(who=st.sampled_from(UNITS))
    def pauses(self, who: str) -> None:
        self.take(who, pause_task, "vì", date(2026, 5, 1))

    @rule(who=st.sampled_from(UNITS))
    def delivers(self, who: str) -> None:
        self.take(who, deliver_task, "xong", [Proof("https://x.vn")])

    @rule(who=st.sampled_from(UNITS))
    def accepts_in_bulk(self, who: str) -> None:
        actor = self.world.actors[f"{who}_head"]
        (answer,) = self.run(self.world.do(actor, accept_tasks, [self.task_id]))
        if answer.task is not None:
            assert (self.state, answer.task.state) == (TaskState.OFFERED, TaskState.ACCEPTED)
            self.state = answer.task.state

    @rule(who=st.sampled_from(UNITS), unit=st.sampled_from(UNITS), share=st.integers(0, 9))
    def invites(self, who: str, unit: str, share: int) -> None:
        self.attempt(who, invite_participants, [Part(self.world.units[unit].id, share=share)])

    @rule(who=st.sampled_from(UNITS), unit=st.sampled_from(UNITS), share=st.integers(0, 9))
    def agrees_on_shares(self, who: str, unit: str, share: int) -> None:
        self.attempt(who, set_parts, [Part(self.world.units[unit].id, share=share)])

    @rule(who=st.sampled_from(UNITS), verb=st.sampled_from([decline_invitation, leave_task]))
    def withdraws(self, who: str, verb: Verb) -> None:
        self.attempt(who, verb, "vì")

    @rule(who=st.sampled_from(UNITS))
    def joins(self, who: str) -> None:
        self.attempt(who, accept_invitation)

    @rule(who=st.sampled_from(UNITS), progress=st.integers(0, 100), bulk=st.booleans())
    def reports(self, who: str, progress: int, bulk: bool) -> None:
        if bulk:
            report = Report(task_id=self.task_id, progress=progress)
            actor = self.world.actors[f"{who}_head"]
            self.run(self.world.do(actor, report_progress_many, [report]))
        else:
            self.attempt(who, report_progress, progress)

    @rule(who=st.sampled_from(UNITS), verb=st.sampled_from([assign_people, unassign_person]))
    def staffs(self, who: str, verb: Verb) -> None:
        person = self.people[who]
        self.attempt(who, verb, [person] if verb is assign_people else person)

    @rule(who=st.sampled_from(UNITS), month=st.integers(7, 12))
    def extends(self, who: str, month: int) -> None:
        self.attempt(who, extend_due, date(2026, month, 1), "vì")

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "task_id"):
            self.run(self._look())

    async def _look(self) -> None:
        async with self.world.db.snapshot(SYSTEM) as tx:
            broken = list(await tx.session.scalars(VIOLATIONS))
            assert broken == []
            query = "SELECT state, progress, version FROM task WHERE id = :id"
            state, progress, version = (await tx.session.execute(text(query), {"id": self.task_id})).one()
            query = "SELECT share, progress FROM participation WHERE task_id = :id AND state = 'ACCEPTED'"
            parts = [tuple(row) for row in await tx.session.execute(text(query), {"id": self.task_id})]
            query = "SELECT count(*) FROM activity WHERE subject_id = :id AND subject_type = 'Task'"
            said = (await tx.session.execute(text(query), {"id": self.task_id})).scalar_one()
        assert TaskState(state) is self.state
        assert progress == rules.task_progress(parts)
        assert said == version


def _offer(share: int) -> Verb:
    async def offer(tx: Any, task_id: int, unit_id: int) -> Any:
        return await offer_task(tx, task_id, unit_id, share=share)

    STEPS[offer] = Step.OFFER
    return offer


def test_invariants_hold_whatever_people_try(database_url: str) -> None:
    with asyncio.Runner() as runner:
        db = Database(database_url, pool_size=4)
        world = runner.run(build(db))

        class Machine(Office):
            pass

        Machine.world, Machine.run = world, staticmethod(runner.run)  # type: ignore[assignment]
        Machine.people = {unit: runner.run(world.somebody(unit))[0].id for unit in UNITS}
        try:
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=20,
                    stateful_step_count=25,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(db.close())
