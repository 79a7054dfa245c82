"""Nominate what a unit puts first, agree to it or return it, and say by when that is to be done.

A nomination stands once per unit and plan. Nominating anew replaces it and waits for an answer again; the
same once more changes nothing, unless it was returned. The log keeps what was before.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from vdept.focus import rules, telling
from vdept.focus.access import MANAGERS_OF_UNIT, Nominated, get_nominations_for_answer, in_force
from vdept.focus.errors import FOCUS_NO_TARGET, FOCUS_NOT_HELD, FOCUS_TWICE, FOCUS_WRONG_STATE
from vdept.focus.models import Focus, FocusCall, FocusObjective, FocusState
from vdept.focus.rules import Choice
from vdept.kernel.actor import MANAGING
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, STALE_VERSION, Words, invalid
from vdept.kernel.versions import check_version, next_version
from vdept.targets.access import MANAGERS_OF_ISSUER, get_plan, visible_objectives
from vdept.targets.models import KeyResult, Objective, Plan, PlanState, Target
from vdept.targets.rules import require_plan_state
from vdept.units.access import get_unit

ANSWERED = {FocusState.AGREED: "focus.agreed", FocusState.RETURNED: "focus.returned"}


async def nominate(
    tx: Tx, plan_id: int, unit_id: int, objectives: Sequence[Choice], *, expected_version: int | None = None
) -> Focus:
    """What the unit puts first in the plan, in this order; by its managers."""
    choices = rules.require_choices(objectives)
    plan = await get_plan(tx, plan_id, "planId")
    unit = await get_unit(tx, unit_id, "unitId")
    tx.actor.require(tx.actor.has(unit.id, MANAGING), MANAGERS_OF_UNIT, "unitId")
    require_plan_state(plan.state, PlanState.ISSUED, "planId")
    await _require_held(tx, plan.id, unit.id, choices)
    called = await tx.session.scalar(sa.select(FocusCall.agree_by).where(FocusCall.plan_id == plan.id))
    by = rules.agree_by(called, tx.today, plan.ends_on)
    focus, before = await _standing(tx, plan.id, unit.id, by)
    if before is None and expected_version is not None:
        raise STALE_VERSION.at("expectedVersion", expected=expected_version, actual=0)
    if before == choices and focus.state is not FocusState.RETURNED:
        check_version(focus, expected_version)
        return focus
    if before is not None:
        next_version(focus, expected_version)
        focus.agree_by = by
    was = None if before is None else focus.state
    focus.state, focus.answer, focus.answered_at, focus.answered_by_id = FocusState.PROPOSED, None, None, None
    focus.nominated_at, focus.nominated_by_id = tx.now, tx.actor.person_id
    await tx.session.flush()
    await _write(tx, focus.id, choices)
    said = [choice._asdict() for choice in choices]
    _record(tx, "focus.nominated", focus, {"from": was, "agree_by": focus.agree_by, "objectives": said})
    return focus


async def _require_held(tx: Tx, plan_id: int, unit_id: int, choices: Sequence[Choice]) -> None:
    """Objectives of the plan, under each of which the unit holds a target."""
    query = (
        sa.select(KeyResult.objective_id)
        .join(Target, Target.key_result_id == KeyResult.id)
        .where(Target.unit_id == unit_id, Target.plan_id == plan_id, in_force())
        .distinct()
    )
    held = set(await tx.session.scalars(query))
    if not held:
        raise FOCUS_NO_TARGET.at("unitId")
    wanted = [choice.objective_id for choice in choices]
    seen = sa.select(Objective.id, Objective.title).where(
        Objective.id.in_(wanted), Objective.plan_id == plan_id, visible_objectives(tx.actor)
    )
    titles = {row.id: row.title for row in await tx.session.execute(seen)}
    for i, objective_id in enumerate(wanted):
        if objective_id not in titles:
            raise NOT_FOUND.at("objectives", i, "objectiveId", what=Words("mục tiêu", "objective"))
        if objective_id not in held:
            raise FOCUS_NOT_HELD.at("objectives", i, "objectiveId", title=titles[objective_id])


async def _standing(tx: Tx, plan_id: int, unit_id: int, by: date) -> tuple[Focus, list[Choice] | None]:
    """The unit's row in the plan, locked, and what stands in it; made if there was none."""
    fresh = insert(Focus).values(
        plan_id=plan_id,
        unit_id=unit_id,
        agree_by=by,
        state=FocusState.PROPOSED,
        nominated_at=tx.now,
        nominated_by_id=tx.actor.person_id,
    )
    made = await tx.session.scalar(fresh.on_conflict_do_nothing().returning(Focus.id))
    focus = (
        await tx.session.scalars(
            sa.select(Focus)
            .where(Focus.plan_id == plan_id, Focus.unit_id == unit_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).one()
    if made is not None:
        return focus, None
    rows = await tx.session.execute(
        sa.select(FocusObjective.objective_id, FocusObjective.method)
        .where(FocusObjective.focus_id == focus.id)
        .order_by(FocusObjective.position)
    )
    return focus, [Choice(*row) for row in rows]


async def _write(tx: Tx, focus_id: int, choices: Sequence[Choice]) -> None:
    await tx.session.execute(sa.delete(FocusObjective).where(FocusObjective.focus_id == focus_id))
    await tx.session.execute(
        sa.insert(FocusObjective),
        [
            {"focus_id": focus_id, "position": i, "objective_id": c.objective_id, "method": c.method}
            for i, c in enumerate(choices, 1)
        ],
    )


async def ask(tx: Tx, plan_id: int, agree_by: date) -> Plan:
    """Set the date for all units of the plan, and tell the heads of those that have agreed nothing yet.

    The same date once more changes nothing and tells nobody.
    """
    plan = await get_plan(tx, plan_id, "planId", lock=True)
    tx.actor.require(tx.actor.has(plan.issuer_unit_id, MANAGING), MANAGERS_OF_ISSUER, "planId")
    require_plan_state(plan.state, PlanState.ISSUED, "planId")
    rules.require_agree_by(agree_by, tx.today, plan.ends_on)
    call = await tx.session.get(FocusCall, plan.id)
    if call is not None and call.agree_by == agree_by:
        return plan
    was = None if call is None else call.agree_by
    if call is None:
        call = FocusCall(plan_id=plan.id)
        tx.session.add(call)
    call.agree_by, call.asked_at, call.asked_by_id = agree_by, tx.now, tx.actor.person_id
    await tx.session.flush()
    await tx.session.execute(
        sa.update(Focus)
        .where(Focus.plan_id == plan.id, Focus.state != FocusState.AGREED)
        .values(agree_by=agree_by)
    )
    await telling.ask(tx, plan.id)
    data = {"from": was, "agree_by": agree_by}
    tx.record("focus.asked", "Plan", plan.id, unit_id=plan.issuer_unit_id, plan_id=plan.id, data=data)
    return plan


async def agree(
    tx: Tx, focus_ids: Sequence[int], *, expected_versions: Sequence[int] | None = None
) -> list[Focus]:
    """Agree to these nominations, all of them or none; by the managers of the plan's issuer.

    What is agreed already is left as it is. ``expected_versions``, one for each: what was replaced since it
    was read is not agreed to unread.
    """
    if not 1 <= len(focus_ids) <= rules.BULK_LIMIT:
        limit = rules.BULK_LIMIT
        raise invalid(
            "focusIds", vi=f"mỗi lần từ 1 đến {limit} đề xuất", en=f"1 to {limit} nominations at once"
        )
    for i, focus_id in enumerate(focus_ids):
        if focus_id in focus_ids[:i]:
            raise FOCUS_TWICE.at("focusIds", i)
    if expected_versions is not None and len(expected_versions) != len(focus_ids):
        raise invalid(
            "expectedVersions", vi="mỗi đề xuất cần một phiên bản", en="one version for each nomination"
        )
    found = await get_nominations_for_answer(tx, focus_ids, "focusIds", many=True)
    for i, each in enumerate(found):
        expected = each.focus.version if expected_versions is None else expected_versions[i]
        if expected != each.focus.version:
            raise STALE_VERSION.at("expectedVersions", i, expected=expected, actual=each.focus.version)
        require_plan_state(each.plan.state, PlanState.ISSUED, "focusIds", i)
        if each.focus.state is FocusState.RETURNED:
            raise FOCUS_WRONG_STATE.at("focusIds", i, state=each.focus.state.value)
    fresh = [each for each in found if each.focus.state is FocusState.PROPOSED]
    await _answer(tx, fresh, FocusState.AGREED, None)
    return [each.focus for each in found]


async def give_back(tx: Tx, focus_id: int, reason: str, *, expected_version: int | None = None) -> Focus:
    """Not what was hoped for: the unit nominates anew; by the managers of the plan's issuer."""
    said = rules.require_text(reason, "reason")
    [found] = await get_nominations_for_answer(tx, [focus_id], "focusId")
    require_plan_state(found.plan.state, PlanState.ISSUED, "focusId")
    if found.focus.state is not FocusState.PROPOSED:
        raise FOCUS_WRONG_STATE.at("focusId", state=found.focus.state.value)
    await _answer(tx, [found], FocusState.RETURNED, said, expected_version)
    return found.focus


async def _answer(
    tx: Tx,
    nominated: Sequence[Nominated],
    state: FocusState,
    reason: str | None,
    expected_version: int | None = None,
) -> None:
    for focus, _ in nominated:
        next_version(focus, expected_version)
        focus.state, focus.answer = state, reason
        focus.answered_at, focus.answered_by_id = tx.now, tx.actor.person_id
        _record(tx, ANSWERED[state], focus, {} if reason is None else {"reason": reason})
    await tx.session.flush()
    await telling.answered(tx, [focus.id for focus, _ in nominated])


def _record(tx: Tx, verb: str, focus: Focus, data: dict[str, Any]) -> None:
    tx.record(verb, "Focus", focus.id, unit_id=focus.unit_id, plan_id=focus.plan_id, data=data)
