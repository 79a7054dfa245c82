"""Take a target back, alone or with all that was assigned on from it; and put it back as it was.

One statement each, whatever the size of the subtree. A withdrawn target stays readable and keeps its
history; it no longer counts in any outcome.
"""

import sqlalchemy as sa

from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.kernel.errors import Refused
from vdept.kernel.versions import check_version
from vdept.targets import rules
from vdept.targets.access import MANAGERS_OF_ASSIGNER, Held, get_target_for_update
from vdept.targets.changes import DOORBELL, lock_readings
from vdept.targets.errors import PARENT_WITHDRAWN, TARGET_HAS_CHILDREN
from vdept.targets.holding import require_fits_above
from vdept.targets.models import PlanState, Target, TargetState
from vdept.targets.rules import Goal
from vdept.targets.statements import REINSTATE, WITHDRAW, author


async def withdraw_target(
    tx: Tx, target_id: int, *, reason: str, subtree: bool = False, expected_version: int | None = None
) -> int:
    """Take a target back, by the unit that assigned it; returns how many targets were withdrawn.

    One that was assigned on is withdrawn only with its ``subtree``.
    """
    held = await _of_assigner(tx, target_id)
    target = held.target
    rules.require_target_state(target.state, [TargetState.ACTIVE, TargetState.PAUSED], "targetId")
    reason = rules.clean_text(reason, rules.TEXT_LIMIT, "reason")
    if not subtree:
        children = await tx.session.scalar(
            sa.select(sa.func.count()).where(
                Target.parent_id == target.id, Target.state != TargetState.WITHDRAWN
            )
        )
        if children:
            raise TARGET_HAS_CHILDREN.at("subtree", count=children)
    check_version(target, expected_version)
    await lock_readings(tx, [target.indicator_id])
    params = {**author(tx), "target_id": target.id, "with_id": str(target.id), "reason": reason}
    done = await tx.session.execute(WITHDRAW, params)
    await tx.session.refresh(target)
    tx.ring(DOORBELL)
    return int(done.scalar_one())


async def reinstate_target(tx: Tx, target_id: int, *, expected_version: int | None = None) -> int:
    """Undo a withdrawal: the target and all that was withdrawn with it are active again; returns how many.

    What had been withdrawn on its own before stays withdrawn; what was paused comes back active.
    """
    held = await _of_assigner(tx, target_id)
    target = held.target
    rules.require_target_state(target.state, [TargetState.WITHDRAWN], "targetId")
    if target.parent_id is not None:
        state = await tx.session.scalar(sa.select(Target.state).where(Target.id == target.parent_id))
        if state is TargetState.WITHDRAWN:
            raise PARENT_WITHDRAWN.at("targetId")
    try:  # what is above may have become stricter, and its sum been shared out to others
        await require_fits_above(tx, held, Goal(target.value, target.value_high), target.due_on)
    except Refused as refused:
        raise Refused(refused.refusal, ("targetId",), refused.params) from None
    check_version(target, expected_version)
    await lock_readings(tx, [target.indicator_id])
    params = {**author(tx), "target_id": target.id, "with_id": str(target.id)}
    done = await tx.session.execute(REINSTATE, params)
    await tx.session.refresh(target)
    tx.ring(DOORBELL)
    return int(done.scalar_one())


async def _of_assigner(tx: Tx, target_id: int) -> Held:
    held = await get_target_for_update(tx, target_id)
    assigner = held.target.assigned_by_unit_id
    tx.actor.require(tx.actor.has(assigner, MANAGING), MANAGERS_OF_ASSIGNER, "targetId")
    rules.require_plan_state(held.plan.state, PlanState.ISSUED, "targetId")
    return held
