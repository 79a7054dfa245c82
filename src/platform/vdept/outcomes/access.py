"""Who sees which outcomes, decided in SQL.

* A target's outcome is seen by whoever sees the target.
* A unit's outcome in a plan is seen by whoever sees the plan whole. Everybody else sees the rows of their
  own units in issued plans: a firm its own figures, neither those of the bodies it works for nor of others.
* Tasks have an audience of their own, so that figures of tasks are for officials, and for the people of the
  unit whose they are: the figures of a public plan tell a firm nothing of restricted tasks.
"""

from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import Actor
from vdept.kernel.scopes import Scope
from vdept.outcomes.models import UnitOutcome
from vdept.targets.access import plans_seen_whole, visible_targets
from vdept.targets.models import Plan, PlanState

Condition = sa.ColumnElement[bool]


def visible_target_outcomes(actor: Actor) -> Condition:
    """For a query that joins ``Target``: as the target."""
    condition: Condition = visible_targets(actor)
    return condition


def visible_unit_outcomes(actor: Actor) -> Condition:
    """The condition on ``UnitOutcome`` that this actor's reads start from."""
    if actor.sees_everything:
        return sa.true()
    if not actor.known or not actor.may(Scope.PLANS_READ):
        return sa.false()
    whole: Any = sa.select(Plan.id).where(plans_seen_whole(actor)).scalar_subquery()
    issued: Any = sa.select(Plan.id).where(Plan.state != PlanState.DRAFT).scalar_subquery()
    own = sa.and_(UnitOutcome.unit_id.in_(sorted(actor.unit_ids)), UnitOutcome.plan_id.in_(issued))
    return sa.or_(UnitOutcome.plan_id.in_(whole), own)


def sees_tasks_of(actor: Actor, unit_id: int) -> bool:
    """Whether the figures of this unit's tasks are for this actor."""
    return actor.sees_everything or actor.is_public_official or unit_id in actor.unit_ids
