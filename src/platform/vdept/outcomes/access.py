"""Who sees which outcomes, decided in SQL.

* A target's outcome is seen by whoever sees the target.
* A unit's outcome in a plan is seen by whoever sees the plan whole. Everybody else sees the rows of their
  own units in issued plans: a firm its own figures, neither those of the bodies it works for nor of others.
* Tasks have an audience of their own, so that figures of tasks are for officials, and for the people of the
  unit whose they are: the figures of a public plan tell a firm nothing of restricted tasks. What a milestone
  has reached is a figure of tasks, and so is what a unit has reached in a plan that has milestones, and that
  a unit has to do with the plan by tasks alone (decision 11).
"""

from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import Actor
from vdept.kernel.scopes import Scope
from vdept.outcomes.models import STATUS_COLUMNS, UnitOutcome
from vdept.targets.access import plans_seen_whole, visible_targets
from vdept.targets.models import KeyResult, Plan, PlanState, Rollup, Target

Condition = sa.ColumnElement[bool]


def visible_target_outcomes(actor: Actor) -> Condition:
    """For a query that joins ``Target``: as the target."""
    seen: Condition = visible_targets(actor)
    if _official(actor):
        return seen
    milestones = sa.select(KeyResult.id).where(KeyResult.rollup == Rollup.MILESTONE).scalar_subquery()
    own = Target.unit_id.in_(sorted(actor.unit_ids))
    return sa.and_(seen, sa.or_(own, Target.key_result_id.not_in(milestones)))


def visible_unit_outcomes(actor: Actor) -> Condition:
    """The condition on ``UnitOutcome`` that this actor's reads start from."""
    if actor.sees_everything:
        return sa.true()
    if not actor.known or not actor.may(Scope.PLANS_READ):
        return sa.false()
    whole: Any = sa.select(Plan.id).where(plans_seen_whole(actor)).scalar_subquery()
    issued: Any = sa.select(Plan.id).where(Plan.state != PlanState.DRAFT).scalar_subquery()
    own = sa.and_(UnitOutcome.unit_id.in_(sorted(actor.unit_ids)), UnitOutcome.plan_id.in_(issued))
    others: Condition = UnitOutcome.plan_id.in_(whole)
    if not _official(actor):
        milestones = sa.select(KeyResult.plan_id).where(KeyResult.rollup == Rollup.MILESTONE)
        others = sa.and_(others, UnitOutcome.plan_id.not_in(milestones.scalar_subquery()))
    targets = [getattr(UnitOutcome, f"sub_{name}") > 0 for name in STATUS_COLUMNS]
    return sa.and_(sa.or_(others, own), sa.or_(unit_tasks_shown(actor), *targets))


def plans_of_every_unit(actor: Actor) -> Condition:
    """Plans of which the actor reads the figures of every unit: for what adds units up.

    Whatever is made of several units' figures must start from this: a sum over some of them would be taken
    for the whole, and a sum over hidden ones would tell of them.
    """
    whole = plans_seen_whole(actor)
    if _official(actor):
        return whole
    milestones = sa.select(KeyResult.plan_id).where(KeyResult.rollup == Rollup.MILESTONE)
    return sa.and_(whole, Plan.id.not_in(milestones.scalar_subquery()))


def unit_tasks_shown(actor: Actor) -> Condition:
    """Rows of ``UnitOutcome`` of which the actor sees the figures of tasks: :func:`sees_tasks_of` in SQL."""
    if not actor.may(Scope.TASKS_READ):
        return sa.false()
    return sa.true() if _official(actor) else UnitOutcome.unit_id.in_(sorted(actor.unit_ids))


def sees_tasks_of(actor: Actor, unit_id: int) -> bool:
    """Whether the figures of this unit's tasks are for this actor."""
    return actor.may(Scope.TASKS_READ) and (_official(actor) or unit_id in actor.unit_ids)


def _official(actor: Actor) -> bool:
    return actor.sees_everything or actor.is_public_official
