"""Hold a target: acknowledge it, have it changed by who assigned it, pause and resume it.

The unit that holds a target acknowledges it and may pause it (its head only, with a reason and a review
date: requirement 44). The unit that assigned it may change it, within what it was itself assigned and what
was already assigned on.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING, Role
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.versions import next_version
from vdept.targets import rules
from vdept.targets.access import (
    HEAD_OF_HOLDER,
    MANAGERS_OF_ASSIGNER,
    MANAGERS_OF_HOLDER,
    Held,
    get_target_for_update,
    visible_targets,
)
from vdept.targets.changes import lock_readings, target_changed
from vdept.targets.errors import CHILDREN_LATER, CHILDREN_LAXER, REVIEW_NOT_AHEAD
from vdept.targets.models import Direction, PlanState, Rollup, Target, TargetState
from vdept.targets.rules import Goal
from vdept.targets.statements import ACKNOWLEDGE, LOCK_FOR_ACKNOWLEDGEMENT, author
from vdept.units.models import Unit

CHANGEABLE = frozenset({"value", "value_high", "baseline", "weight", "due_on"})
NAMED = 10


async def acknowledge(tx: Tx, target_ids: Sequence[int]) -> int:
    """The holders confirm that they have received these targets: all of them or none.

    Returns how many were not acknowledged before; acknowledging again changes nothing.
    """
    wanted = list(dict.fromkeys(target_ids))
    seen = await tx.session.scalars(
        sa.select(Target.id).where(Target.id.in_(wanted), visible_targets(tx.actor))
    )
    visible = set(seen)
    locked = await tx.session.execute(LOCK_FOR_ACKNOWLEDGEMENT, {"target_ids": wanted})
    rows = {row.id: row for row in locked if row.id in visible}
    for i, target_id in enumerate(wanted):
        if target_id not in rows:
            raise NOT_FOUND.at("targetIds", i, what=Words("chỉ tiêu giao", "target"))
        row = rows[target_id]
        tx.actor.require(tx.actor.has(row.unit_id, MANAGING), MANAGERS_OF_HOLDER, "targetIds", i)
        rules.require_plan_state(PlanState(row.plan_state), PlanState.ISSUED, "targetIds", i)
        rules.require_target_state(
            TargetState(row.state), [TargetState.ACTIVE, TargetState.PAUSED], "targetIds", i
        )
    done = await tx.session.execute(ACKNOWLEDGE, {**author(tx), "target_ids": wanted})
    return int(done.scalar_one())


async def update_target(
    tx: Tx, target_id: int, *, expected_version: int | None = None, **changes: Any
) -> Target:
    """Change value, value_high, baseline, weight or due_on of a target, by the unit that assigned it."""
    if unknown := set(changes) - CHANGEABLE:
        msg = f"a target has no {', '.join(sorted(unknown))} to change"
        raise TypeError(msg)
    held = await get_target_for_update(tx, target_id)
    target = held.target
    tx.actor.require(tx.actor.has(target.assigned_by_unit_id, MANAGING), MANAGERS_OF_ASSIGNER, "targetId")
    rules.require_plan_state(held.plan.state, PlanState.ISSUED, "targetId")
    rules.require_target_state(target.state, [TargetState.ACTIVE, TargetState.PAUSED], "targetId")
    changed = {name: value for name, value in changes.items() if getattr(target, name) != value}
    goal = Goal(changed.get("value", target.value), changed.get("value_high", target.value_high))
    due_on = changed.get("due_on", target.due_on)
    if "baseline" in changed and changed["baseline"] is not None:
        rules.require_quantity(changed["baseline"], "baseline")
    rules.require_weight(changed.get("weight", target.weight), "weight")
    await lock_readings(tx, [target.indicator_id])
    await require_fits_above(tx, held, goal, due_on)
    await _require_fits_below(tx, held, goal, due_on)
    next_version(target, expected_version)
    before = {name: _said(getattr(target, name)) for name in changed}
    for name, value in changed.items():
        setattr(target, name, value)
    if due_on < target.starts_on:
        target.starts_on = held.plan.starts_on
    await tx.session.flush()
    _record(
        tx,
        "target.updated",
        target,
        {"from": before, "to": {name: _said(value) for name, value in changed.items()}},
    )
    await target_changed(tx, target.plan_id, [target.id])
    return target


async def require_fits_above(tx: Tx, held: Held, goal: Goal, due_on: date) -> None:
    """Not laxer or later than the parent; a root not laxer or later than its key result."""
    indicator, key_result, target = held.indicator, held.key_result, held.target
    rules.require_goal(indicator.direction, goal, indicator.minimum, indicator.maximum)
    if target.parent_id is None:
        rules.require_due(due_on, held.plan.starts_on, key_result.due_on)
        asked = Goal(key_result.value, key_result.value_high)
        rules.require_never_laxer(Rollup.OWN, indicator.direction, goal, asked)
        return
    parent = await tx.session.get_one(Target, target.parent_id)
    await tx.session.refresh(parent)
    above = Goal(parent.value, parent.value_high)
    rules.require_due(due_on, held.plan.starts_on, parent.due_on)
    rules.require_never_laxer(key_result.rollup, indicator.direction, goal, above)
    if key_result.rollup is Rollup.SUM:
        others = await _parts(tx, parent.id, but=target.id)
        rules.require_sum_within(indicator.direction, others + _top(goal), above, "value")


async def _require_fits_below(tx: Tx, held: Held, goal: Goal, due_on: date) -> None:
    """What was assigned on is still not laxer and not later."""
    target, direction = held.target, held.indicator.direction
    later = await _children(tx, target.id, Target.due_on > due_on)
    if later:
        raise CHILDREN_LATER.at("dueOn", due=due_on.isoformat(), **_list(later))
    if held.key_result.rollup is Rollup.SUM:
        parts = await _parts(tx, target.id)
        rules.require_sum_within(direction, parts, goal, "value")
        return
    laxer = await _children(tx, target.id, laxer_than(direction, goal))
    if laxer:
        raise CHILDREN_LAXER.at("value", value=str(goal), **_list(laxer))


def laxer_than(direction: Direction, goal: Goal) -> "sa.ColumnElement[bool]":
    """:func:`rules.stricter_or_equal`, denied, on the rows of ``target``."""
    match direction:
        case Direction.AT_LEAST:
            return Target.value < goal.value
        case Direction.AT_MOST:
            return Target.value > goal.value
        case Direction.BETWEEN:
            return sa.or_(Target.value < goal.value, Target.value_high > goal.high)


async def _children(tx: Tx, target_id: int, condition: "sa.ColumnElement[bool]") -> list[str]:
    """Names of the units that hold a child for which ``condition`` holds."""
    query = (
        sa.select(Unit.name)
        .join(Target, Target.unit_id == Unit.id)
        .where(Target.parent_id == target_id, Target.state != TargetState.WITHDRAWN, condition)
        .order_by(Unit.sort_key, Unit.id)
    )
    return list(await tx.session.scalars(query))


def _list(names: list[str]) -> dict[str, Any]:
    more = " …" if len(names) > NAMED else ""
    return {"count": len(names), "units": ", ".join(names[:NAMED]) + more}


async def _parts(tx: Tx, parent_id: int, but: int = 0) -> Decimal:
    """What the parts of a sum may come to together."""
    total = sa.func.sum(sa.func.coalesce(Target.value_high, Target.value))
    query = sa.select(sa.func.coalesce(total, 0)).where(
        Target.parent_id == parent_id, Target.id != but, Target.state != TargetState.WITHDRAWN
    )
    return Decimal((await tx.session.execute(query)).scalar_one())


def _top(goal: Goal) -> Decimal:
    return goal.value if goal.high is None else goal.high


async def pause_target(
    tx: Tx, target_id: int, *, reason: str, review_on: date, expected_version: int | None = None
) -> Target:
    """Stop the clock of a target that adds a burden, until a review date; by the holder's head."""
    held = await _of_head(tx, target_id, TargetState.ACTIVE)
    reason = rules.clean_text(reason, rules.TEXT_LIMIT, "reason")
    if review_on <= tx.today:
        raise REVIEW_NOT_AHEAD.at("reviewOn", review=review_on.isoformat())
    target = held.target
    next_version(target, expected_version)
    target.state, target.state_reason, target.review_on = TargetState.PAUSED, reason, review_on
    await tx.session.flush()
    _record(tx, "target.paused", target, {"reason": reason, "reviewOn": review_on.isoformat()})
    await target_changed(tx, target.plan_id, [target.id])
    return target


async def resume_target(tx: Tx, target_id: int, *, expected_version: int | None = None) -> Target:
    """Let the clock of a paused target run again; by the holder's head."""
    held = await _of_head(tx, target_id, TargetState.PAUSED)
    target = held.target
    next_version(target, expected_version)
    target.state, target.state_reason, target.review_on = TargetState.ACTIVE, None, None
    await tx.session.flush()
    _record(tx, "target.resumed", target, {})
    await target_changed(tx, target.plan_id, [target.id])
    return target


async def _of_head(tx: Tx, target_id: int, needs: TargetState) -> Held:
    held = await get_target_for_update(tx, target_id)
    tx.actor.require(tx.actor.has(held.target.unit_id, {Role.HEAD}), HEAD_OF_HOLDER, "targetId")
    rules.require_plan_state(held.plan.state, PlanState.ISSUED, "targetId")
    rules.require_target_state(held.target.state, [needs], "targetId")
    return held


def _said(value: Any) -> Any:
    """A value for an activity: exact and readable."""
    if isinstance(value, Decimal):
        return rules.shown(value)
    return value.isoformat() if isinstance(value, date) else value


def _record(tx: Tx, verb: str, target: Target, data: dict[str, Any]) -> None:
    tx.record(verb, "Target", target.id, unit_id=target.unit_id, plan_id=target.plan_id, data=data)
