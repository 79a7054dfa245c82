"""Who sees which nominations, and who nominates and agrees.

Whoever sees the plan whole sees what each unit puts first in it; everybody else their own units' only. The
managers of a unit nominate, those of the plan's issuer agree or return.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.focus.models import Focus
from vdept.kernel.actor import MANAGING, Actor
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.scopes import Scope
from vdept.targets.access import MANAGERS_OF_ISSUER, plans_seen_whole
from vdept.targets.models import Plan, PlanState, Target, TargetState

MANAGERS_OF_UNIT = Words(
    "người đứng đầu, cấp phó hoặc điều phối viên của đơn vị",
    "the head, a deputy or a coordinator of the unit",
)
NOMINATION = Words("đề xuất trọng tâm", "nomination of focus")


def visible_focus(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on :class:`Focus` that this actor's reads start from."""
    return _of(actor, Focus.plan_id, Focus.unit_id)


def visible_holdings(actor: Actor) -> "sa.ColumnElement[bool]":
    """The same on :class:`Target`: whether the actor may know that its unit has to nominate."""
    return _of(actor, Target.plan_id, Target.unit_id)


def _of(actor: Actor, plan_id: Any, unit_id: Any) -> "sa.ColumnElement[bool]":
    if actor.sees_everything:
        return sa.true()
    if not actor.known or not actor.may(Scope.PLANS_READ):
        return sa.false()
    whole: Any = sa.select(Plan.id).where(plans_seen_whole(actor)).scalar_subquery()
    issued: Any = sa.select(Plan.id).where(Plan.state != PlanState.DRAFT).scalar_subquery()
    own = sa.and_(unit_id.in_(sorted(actor.unit_ids)), plan_id.in_(issued))
    return sa.or_(plan_id.in_(whole), own)


def in_force() -> "sa.ColumnElement[bool]":
    """Targets that oblige a unit to nominate."""
    return Target.state != TargetState.WITHDRAWN


class Nominated(NamedTuple):
    """A nomination with its plan."""

    focus: Focus
    plan: Plan


async def get_nominations_for_answer(
    tx: Tx, focus_ids: Collection[int], *path: str | int, many: bool = False
) -> list[Nominated]:
    """The nominations in the order asked for, locked, each in a plan whose issuer the actor manages."""
    wanted = sa.any_(sa.cast(list(focus_ids), ARRAY(sa.BigInteger)))
    query = (
        sa.select(Focus, Plan)
        .join(Plan, Plan.id == Focus.plan_id)
        .where(Focus.id == wanted, visible_focus(tx.actor))
        .order_by(Focus.id)
        .with_for_update(of=Focus, key_share=True)
        .execution_options(populate_existing=True)
    )
    found = {focus.id: Nominated(focus, plan) for focus, plan in await tx.session.execute(query)}
    for i, focus_id in enumerate(focus_ids):
        at = (*path, i) if many else path
        if focus_id not in found:
            raise NOT_FOUND.at(*at, what=NOMINATION)
        issuer = found[focus_id].plan.issuer_unit_id
        tx.actor.require(tx.actor.has(issuer, MANAGING), MANAGERS_OF_ISSUER, *at)
    return [found[focus_id] for focus_id in focus_ids]
