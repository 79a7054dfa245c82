"""Write the key results of a draft: what an objective is judged by, under the rules of :mod:`rules`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from vdept.kernel.db import Tx
from vdept.kernel.versions import next_version
from vdept.targets import rules
from vdept.targets.access import get_indicator, get_key_result, get_objective
from vdept.targets.errors import VALUE_REQUIRED
from vdept.targets.models import Basis, Indicator, KeyResult, Plan, Rollup
from vdept.targets.plans import free_position, get_draft
from vdept.targets.rules import Goal, Milestone

DONE = Decimal(100)
"""The value of a MILESTONE: per cent of its tasks verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyResultSpec:
    """A key result as it is asked for.

    Left out: ``title`` is the indicator's name, ``due_on`` the plan's end, ``value`` of a MILESTONE 100.
    """

    indicator_id: int
    rollup: Rollup
    value: Decimal | None = None
    title: str | None = None
    value_high: Decimal | None = None
    baseline: Decimal | None = None
    weight: Decimal = Decimal(1)
    due_on: date | None = None
    standard: str | None = None
    quality: str | None = None
    basis: Basis = Basis.MEASURED
    binding: bool = True
    at_risk_points: Decimal = Decimal(10)
    off_track_points: Decimal = Decimal(25)
    gap_points: Decimal = Decimal(10)
    milestones: Sequence[Milestone] = ()
    story: str | None = None


def row_of(spec: KeyResultSpec, plan: Plan, indicator: Indicator) -> dict[str, Any]:
    """The columns of ``spec`` for a draft, every rule checked."""
    value, due_on = spec.value, spec.due_on or plan.ends_on
    if value is None and spec.rollup is Rollup.MILESTONE:
        value = DONE
    if value is None:
        raise VALUE_REQUIRED.at("value")
    rules.require_goal(
        indicator.direction, Goal(value, spec.value_high), indicator.minimum, indicator.maximum
    )
    rules.require_rollup(spec.rollup, is_ratio=indicator.is_ratio, indicator=indicator.name)
    if spec.baseline is not None:
        rules.require_quantity(spec.baseline, "baseline")
    rules.require_weight(spec.weight, "weight")
    rules.require_due(due_on, plan.starts_on, None)
    rules.require_thresholds(spec.at_risk_points, spec.off_track_points)
    rules.require_gap_points(spec.gap_points)
    rules.require_milestones(spec.milestones, indicator.direction, value, plan.starts_on, due_on)
    return {
        "indicator_id": indicator.id,
        "title": rules.clean_text(spec.title or indicator.name, rules.TITLE_LIMIT, "title"),
        "value": value,
        "value_high": spec.value_high,
        "baseline": spec.baseline,
        "weight": spec.weight,
        "due_on": due_on,
        "standard": rules.clean_optional(spec.standard, rules.TEXT_LIMIT, "standard"),
        "quality": rules.clean_optional(spec.quality, rules.TEXT_LIMIT, "quality"),
        "rollup": spec.rollup,
        "basis": spec.basis,
        "binding": spec.binding,
        "at_risk_points": spec.at_risk_points,
        "off_track_points": spec.off_track_points,
        "gap_points": spec.gap_points,
        "milestones": [{"by": m.by.isoformat(), "value": rules.shown(m.value)} for m in spec.milestones]
        or None,
        "story": rules.clean_optional(spec.story, rules.TEXT_LIMIT, "story"),
    }


async def add_key_result(
    tx: Tx, objective_id: int, spec: KeyResultSpec, *, position: int | None = None
) -> KeyResult:
    """Add a key result to an objective of a draft, at the end unless told where."""
    objective = await get_objective(tx, objective_id)
    plan = await get_draft(tx, objective.plan_id, "objectiveId")
    indicator = await get_indicator(tx, spec.indicator_id, lock=True)
    columns = row_of(spec, plan, indicator)
    position = await free_position(tx, KeyResult.position, KeyResult.objective_id == objective.id, position)
    row = KeyResult(plan_id=plan.id, objective_id=objective.id, position=position, **columns)
    tx.session.add(row)
    await tx.session.flush()
    _record(tx, "key_result.added", row, plan, {"title": row.title, "value": rules.shown(row.value)})
    return row


async def update_key_result(
    tx: Tx, key_result_id: int, *, expected_version: int | None = None, **changes: Any
) -> KeyResult:
    """Change a key result of a draft; ``changes`` are fields of :class:`KeyResultSpec`."""
    plan_id = (await get_key_result(tx, key_result_id)).plan.id
    plan = await get_draft(tx, plan_id, "keyResultId")
    row, _, _ = await get_key_result(tx, key_result_id, lock=True)
    spec = replace(spec_of(row), **changes)
    columns = row_of(spec, plan, await get_indicator(tx, spec.indicator_id, lock=True))
    next_version(row, expected_version)
    changed = [name for name, value in columns.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, columns[name])
    await tx.session.flush()
    _record(tx, "key_result.updated", row, plan, {"changed": changed})
    return row


async def remove_key_result(tx: Tx, key_result_id: int) -> None:
    """Take a key result out of a draft."""
    plan_id = (await get_key_result(tx, key_result_id)).plan.id
    plan = await get_draft(tx, plan_id, "keyResultId")
    row, _, _ = await get_key_result(tx, key_result_id, lock=True)
    await tx.session.delete(row)
    await tx.session.flush()
    _record(tx, "key_result.removed", row, plan, {"title": row.title})


def spec_of(row: KeyResult) -> KeyResultSpec:
    given = {name: getattr(row, name) for name in KeyResultSpec.__dataclass_fields__ if name != "milestones"}
    return KeyResultSpec(**given, milestones=milestones_of(row))


def milestones_of(row: KeyResult) -> list[Milestone]:
    """The milestones of a stored key result, typed."""
    return [Milestone(date.fromisoformat(m["by"]), Decimal(m["value"])) for m in row.milestones or ()]


def _record(tx: Tx, verb: str, row: KeyResult, plan: Plan, data: dict[str, Any]) -> None:
    tx.record(verb, "KeyResult", row.id, unit_id=plan.issuer_unit_id, plan_id=plan.id, data=data)
