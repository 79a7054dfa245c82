"""Who sees editions, decided in SQL.

An edition of a public plan is for everybody, signed in or not; any other for whoever sees the plan whole.
An edition is asked for by those who commit the issuer: head, deputies, coordinators.
"""

from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING, Actor
from vdept.kernel.db import Tx
from vdept.publications.models import Edition, EditionRequest
from vdept.targets.access import MANAGERS_OF_ISSUER, get_plan, plans_seen_whole
from vdept.targets.models import Audience, Plan, PlanState

Condition = sa.ColumnElement[bool]
PUBLIC: Condition = sa.and_(Plan.audience == Audience.PUBLIC, Plan.state != PlanState.DRAFT)


def is_public(plan: Plan) -> bool:
    """The same of a plan at hand: whether caches between us and the reader may keep its editions."""
    return plan.audience is Audience.PUBLIC and plan.state is not PlanState.DRAFT


def published_plans(actor: Actor) -> Condition:
    """Plans whose editions the actor sees; everybody sees those of public plans."""
    return sa.true() if actor.sees_everything else sa.or_(PUBLIC, plans_seen_whole(actor))


def visible_editions(actor: Actor) -> Condition:
    """The condition on ``Edition`` that this actor's reads start from."""
    seen: Any = sa.select(Plan.id).where(published_plans(actor)).scalar_subquery()
    return Edition.plan_id.in_(seen)


def visible_requests(actor: Actor) -> Condition:
    """Wishes are seen by the issuer's people, and by administrators."""
    if actor.sees_everything:
        return sa.true()
    own = sa.and_(Plan.issuer_unit_id.in_(sorted(actor.unit_ids)), plans_seen_whole(actor))
    seen: Any = sa.select(Plan.id).where(own).scalar_subquery()
    return EditionRequest.plan_id.in_(seen)


async def get_plan_to_publish(tx: Tx, plan_id: int, *path: str) -> Plan:
    """The plan, locked, for somebody who commits its issuer."""
    plan = await get_plan(tx, plan_id, *path, lock=True)
    tx.actor.require(tx.actor.has(plan.issuer_unit_id, MANAGING), MANAGERS_OF_ISSUER, *path)
    return plan
