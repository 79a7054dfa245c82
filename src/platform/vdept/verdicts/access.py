"""Who sees which verdicts: whoever sees the outcome that was judged; and whose head they may know.

What a verdict was measured from is for whoever sees the measurement; who headed the unit, for whoever sees
that membership and that person.
"""

from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import Actor, Role
from vdept.kernel.scopes import Scope
from vdept.outcomes.access import visible_target_outcomes, visible_unit_outcomes
from vdept.outcomes.models import UnitOutcome
from vdept.people.access import visible_memberships
from vdept.people.models import Membership
from vdept.targets.models import Target
from vdept.verdicts.models import Verdict


def visible_verdicts(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on :class:`Verdict` that this actor's reads start from."""
    if actor.sees_everything:
        return sa.true()
    if not actor.may(Scope.PLANS_READ):
        return sa.false()
    target = sa.select(Target.id).where(Target.id == Verdict.target_id, visible_target_outcomes(actor))
    unit = sa.select(UnitOutcome.unit_id).where(
        UnitOutcome.plan_id == Verdict.plan_id,
        UnitOutcome.unit_id == Verdict.unit_id,
        visible_unit_outcomes(actor),
    )
    return sa.or_(
        sa.and_(Verdict.target_id.is_not(None), target.correlate(Verdict).exists()),
        sa.and_(Verdict.target_id.is_(None), unit.correlate(Verdict).exists()),
    )


def tenure(actor: Actor) -> "sa.ColumnElement[bool]":
    """On ``Membership`` beside ``Verdict``: the office in which its head held it, if the actor may know."""
    return sa.and_(
        Membership.person_id == Verdict.head_id,
        Membership.unit_id == Verdict.unit_id,
        Membership.role == Role.HEAD,
        Membership.starts_on <= Verdict.due_on,
        sa.or_(Membership.ends_on.is_(None), Membership.ends_on >= Verdict.due_on),
        visible_memberships(actor),
    )


def of_their_tenure(actor: Actor) -> Any:
    """Verdicts whose due date lies within the tenure of the head they name."""
    return sa.select(Membership.id).where(tenure(actor)).correlate(Verdict).exists()
