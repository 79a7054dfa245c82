"""Who sees reminders, and who decides whom a plan reminds.

Whom a reminder reaches tells who holds which office, and where nobody does: that is for those who see
memberships. So officials see every reminder of a task that they see; a firm or an association those that go
to its own people, and of the others what a task's escalation chain and ``explainDeadline`` say without names
and numbers. That of a target's review is seen by whom it is for. Row security (``migrations/versions/0004``)
lets whoever sees the task read its reminders: the second wall keeps tasks, not offices. A plan's policy is
seen with the plan, and set by the managing people of its issuer.
"""

import sqlalchemy as sa

from vdept.deadlines.errors import POLICY_PLAN_CLOSED
from vdept.deadlines.models import Reminder, Subject
from vdept.kernel.actor import MANAGING, Actor
from vdept.kernel.db import Tx
from vdept.kernel.scopes import Scope
from vdept.targets.access import MANAGERS_OF_ISSUER, get_plan
from vdept.targets.models import Plan, PlanState
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import Task

OF_TASKS = (Subject.TASK, Subject.TASK_REVIEW)


def sees_offices(actor: Actor) -> bool:
    """Whether the actor may know of every reminder whom it reaches, as they may know who holds which role."""
    return actor.sees_everything or (actor.is_public_official and actor.may(Scope.PEOPLE_READ))


def own_offices(actor: Actor) -> frozenset[int]:
    """The units of which somebody who does not see all offices sees them."""
    return actor.unit_ids if actor.may(Scope.PEOPLE_READ) else frozenset()


def visible_reminders(actor: Actor) -> "sa.ColumnElement[bool]":
    """The reminders that ``actor`` may see, as a condition on :class:`Reminder`."""
    if actor.sees_everything:
        return sa.true()
    of_a_task = sa.exists().where(Task.id == Reminder.subject_id, visible_tasks(actor)).correlate(Reminder)
    offices = sa.true() if sees_offices(actor) else Reminder.unit_id.in_(sorted(own_offices(actor)))
    ways = [sa.and_(Reminder.subject.in_(OF_TASKS), of_a_task, offices)]
    if actor.person_id is not None and actor.may(Scope.NOTIFICATIONS_READ):
        ways.append(Reminder.recipient_id == actor.person_id)
    return sa.or_(*ways)


async def get_plan_to_set(tx: Tx, plan_id: int) -> Plan:
    """The plan, locked, whose policy the actor may set."""
    plan = await get_plan(tx, plan_id, "planId", lock=True)
    tx.actor.require(tx.actor.has(plan.issuer_unit_id, MANAGING), MANAGERS_OF_ISSUER, "planId")
    if plan.state is PlanState.CLOSED:
        raise POLICY_PLAN_CLOSED.at("planId")
    return plan
