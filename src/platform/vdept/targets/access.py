"""Who sees which plans and targets, decided in SQL; nothing of this feature is loaded except through here.

* An administrator and the system see everything.
* A draft is seen by the issuer's people only.
* PUBLIC: every signed-in actor. GOVERNMENT: every public official. PARTICIPANTS: people of the public bodies
  that hold a target in force in the plan, of those above a holder, and of the issuer.
* Whoever else holds a target, a firm or a body whose target was withdrawn, sees of the plan what binds or
  bound it: the plan's head, its own targets, their key results and objectives (decision 11). Neither the
  targets above and beside its own, nor what the plan asks of others.

Indicators are standing definitions without an audience: every signed-in actor sees them.
"""

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.scopes import Scope
from vdept.targets.models import (
    Audience,
    Indicator,
    KeyResult,
    Objective,
    Plan,
    PlanState,
    Target,
    TargetState,
)
from vdept.units.models import Unit

Condition = sa.ColumnElement[bool]

MANAGERS_OF_ISSUER = Words(
    "người đứng đầu, cấp phó hoặc điều phối viên của đơn vị ban hành",
    "the head, a deputy or a coordinator of the plan's issuer",
)
MANAGERS_OF_HOLDER = Words(
    "người đứng đầu, cấp phó hoặc điều phối viên của đơn vị giữ chỉ tiêu",
    "the head, a deputy or a coordinator of the unit that holds the target",
)
MANAGERS_OF_ASSIGNER = Words(
    "người đứng đầu, cấp phó hoặc điều phối viên của đơn vị giao",
    "the head, a deputy or a coordinator of the unit that assigned the target",
)
HEAD_OF_HOLDER = Words("người đứng đầu đơn vị giữ chỉ tiêu", "the head of the unit that holds the target")


class Held(NamedTuple):
    """A target with everything a rule about it asks for."""

    target: Target
    key_result: KeyResult
    plan: Plan
    indicator: Indicator


class Defined(NamedTuple):
    """A key result with its plan and indicator."""

    key_result: KeyResult
    plan: Plan
    indicator: Indicator


def _units(ids: frozenset[int]) -> Any:
    return sa.literal(sorted(ids), ARRAY(sa.BigInteger))


def holds_in_plan(ids: frozenset[int]) -> Condition:
    """One of these units holds a target in the plan."""
    return sa.exists().where(Target.plan_id == Plan.id, Target.unit_id.in_(sorted(ids))).correlate(Plan)


def held_below(public_ids: frozenset[int]) -> Condition:
    """One of these public bodies, or a unit below it, holds a target in force in the plan."""
    held = sa.select(Target.id).join(Unit, Unit.id == Target.unit_id)
    in_force = Target.state != TargetState.WITHDRAWN
    line = Unit.path.overlap(_units(public_ids))
    return held.where(Target.plan_id == Plan.id, in_force, line).correlate(Plan).exists()


def plans_seen_whole(actor: Actor) -> Condition:
    """Plans of which the actor sees every target."""
    if actor.sees_everything:
        return sa.true()
    if not actor.known or not actor.may(Scope.PLANS_READ):
        return sa.false()
    issued: list[Condition] = [Plan.audience == Audience.PUBLIC]
    if actor.is_public_official:
        issued.append(Plan.audience == Audience.GOVERNMENT)
        issued.append(held_below(actor.public_unit_ids))
    return sa.or_(
        Plan.issuer_unit_id.in_(sorted(actor.unit_ids)),
        sa.and_(Plan.state != PlanState.DRAFT, sa.or_(*issued)),
    )


def visible_plans(actor: Actor) -> Condition:
    """Plans the actor may know of."""
    whole = plans_seen_whole(actor)
    if actor.sees_everything or not actor.unit_ids or not actor.may(Scope.PLANS_READ):
        return whole
    return sa.or_(whole, sa.and_(Plan.state != PlanState.DRAFT, holds_in_plan(actor.unit_ids)))


def visible_targets(actor: Actor) -> Condition:
    """Targets the actor may see: its units' own, and all those of plans seen whole."""
    if actor.sees_everything:
        return sa.true()
    if not actor.may(Scope.PLANS_READ):
        return sa.false()
    return sa.or_(own_targets(actor), Target.plan_id.in_(_plans(plans_seen_whole(actor))))


def own_targets(actor: Actor) -> Condition:
    """Targets of the actor's own units, withdrawn ones too; nobody holds anything in a draft."""
    issued = _plans(Plan.state != PlanState.DRAFT)
    return sa.and_(Target.unit_id.in_(sorted(actor.unit_ids)), Target.plan_id.in_(issued))


def visible_key_results(actor: Actor) -> Condition:
    """Key results of plans seen whole, and those that the actor's own targets carry."""
    if actor.sees_everything:
        return sa.true()
    if not actor.may(Scope.PLANS_READ):
        return sa.false()
    own = sa.select(Target.key_result_id).where(own_targets(actor))
    return sa.or_(KeyResult.plan_id.in_(_plans(plans_seen_whole(actor))), KeyResult.id.in_(own))


def visible_objectives(actor: Actor) -> Condition:
    """Objectives of plans seen whole, and those that the actor's own targets are for."""
    if actor.sees_everything:
        return sa.true()
    if not actor.may(Scope.PLANS_READ):
        return sa.false()
    own = (
        sa.select(KeyResult.objective_id)
        .join(Target, Target.key_result_id == KeyResult.id)
        .where(own_targets(actor))
    )
    return sa.or_(Objective.plan_id.in_(_plans(plans_seen_whole(actor))), Objective.id.in_(own))


def _plans(which: Condition) -> Any:
    return sa.select(Plan.id).where(which).scalar_subquery()


def visible_indicators(actor: Actor) -> Condition:
    """Every signed-in actor sees every indicator."""
    return sa.true() if actor.known else sa.false()


async def _one(tx: Tx, query: Any, what: str, path: tuple[str | int, ...], lock: bool) -> Any:
    """The row, or NOT_FOUND. A locked row is read anew: what another transaction changed meanwhile counts."""
    if lock:
        await tx.session.flush()
        query = query.execution_options(populate_existing=True)
    row = (await tx.session.execute(query)).first()
    if row is None:
        raise NOT_FOUND.at(*path, what=what)
    return row


def _locking(query: Any, *entities: Any) -> Any:
    """FOR NO KEY UPDATE: readers and rows that merely refer to this one go on."""
    return query.with_for_update(of=entities, key_share=True)


async def get_indicator(tx: Tx, indicator_id: int, *path: str | int, lock: bool = False) -> Indicator:
    query = sa.select(Indicator).where(Indicator.id == indicator_id, visible_indicators(tx.actor))
    query = _locking(query, Indicator) if lock else query
    row: Indicator = (await _one(tx, query, "chỉ số (indicator)", path or ("indicatorId",), lock))[0]
    return row


async def get_plan(tx: Tx, plan_id: int, *path: str | int, lock: bool = False) -> Plan:
    query = sa.select(Plan).where(Plan.id == plan_id, visible_plans(tx.actor))
    query = _locking(query, Plan) if lock else query
    row: Plan = (await _one(tx, query, "kế hoạch (plan)", path or ("planId",), lock))[0]
    return row


async def get_objective(tx: Tx, objective_id: int, *path: str | int, lock: bool = False) -> Objective:
    """Locked: other additions to the objective wait, so that positions are handed out one by one."""
    query = sa.select(Objective).where(Objective.id == objective_id, visible_objectives(tx.actor))
    query = _locking(query, Objective) if lock else query
    row: Objective = (await _one(tx, query, "mục tiêu (objective)", path or ("objectiveId",), lock))[0]
    return row


async def get_key_result(tx: Tx, key_result_id: int, *path: str | int, lock: bool = False) -> Defined:
    query = (
        sa.select(KeyResult, Plan, Indicator)
        .join(Plan, Plan.id == KeyResult.plan_id)
        .join(Indicator, Indicator.id == KeyResult.indicator_id)
        .where(KeyResult.id == key_result_id, visible_key_results(tx.actor))
    )
    query = _locking(query, KeyResult) if lock else query
    return Defined(*await _one(tx, query, "chỉ tiêu kế hoạch (key result)", path or ("keyResultId",), lock))


async def get_target(tx: Tx, target_id: int, *path: str | int) -> Held:
    return Held(*await _one(tx, _held(tx, target_id), _TARGET, path or ("targetId",), lock=False))


async def get_target_for_update(tx: Tx, target_id: int, *path: str | int) -> Held:
    """The target, locked together with its key result.

    The key result's lock is the cascade's: whoever assigns or changes a target of it holds it, so that
    "never laxer than the parent" and "one target per unit" are decided on rows that stand still.
    """
    query = _locking(_held(tx, target_id), KeyResult, Target)
    return Held(*await _one(tx, query, _TARGET, path or ("targetId",), lock=True))


_TARGET = "chỉ tiêu giao (target)"


def _held(tx: Tx, target_id: int) -> Any:
    return (
        sa.select(Target, KeyResult, Plan, Indicator)
        .join(KeyResult, KeyResult.id == Target.key_result_id)
        .join(Plan, Plan.id == Target.plan_id)
        .join(Indicator, Indicator.id == Target.indicator_id)
        .where(Target.id == target_id, visible_targets(tx.actor))
    )
