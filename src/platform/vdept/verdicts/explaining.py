"""``explain_target`` and ``explain_unit``: how a figure came about, down to the children and the readings.

Everything starts from what the reader may see; the number of statements does not depend on how much there is.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.kernel.pages import Key, Ordering, Page, PageRequest, fetch
from vdept.measurements.access import visible_measurements
from vdept.measurements.models import Measurement
from vdept.outcomes.access import sees_tasks_of, visible_target_outcomes, visible_unit_outcomes
from vdept.outcomes.models import PlanEvaluation, Status, TargetOutcome, UnitOutcome
from vdept.outcomes.rules import Child
from vdept.outcomes.standings import figures, unit_standing
from vdept.sources.access import visible_intakes
from vdept.sources.models import Intake
from vdept.targets.models import Basis, Indicator, KeyResult, Plan, Rollup, Target, TargetState
from vdept.verdicts.explanation import Read, TargetFacts, lines_of_target
from vdept.verdicts.explanation_of_units import UnitFacts, lines_of_unit
from vdept.verdicts.models import Verdict
from vdept.verdicts.parts import Part, part_of, target_part
from vdept.verdicts.sentences import Line

_NONE = Decimal(-1)

WORST_FIRST: Ordering[TargetOutcome] = Ordering(
    "explained",
    (
        Key(TargetOutcome.meets, bool),
        Key(sa.func.coalesce(TargetOutcome.attainment, _NONE), Decimal),
        Key(TargetOutcome.target_id, int),
    ),
    lambda row: (row.meets, _NONE if row.attainment is None else row.attainment, row.target_id),
)
"""What is not met before what is; within each, no value first and then the least attained."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a figure came about. ``value``: of a target its value, of a unit its attainment."""

    plan_id: int
    unit_id: int
    target_id: int | None
    measurement_id: int | None
    evaluated_on: date
    value: Decimal | None
    attainment: Decimal | None
    expected: Decimal | None
    status: Status | None
    adds_up: bool
    """Whether the value is what the parts add up to."""
    rollup: Rollup | None
    used: Basis | None
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Explained:
    """A child of a target, or a target of a unit, with what it adds."""

    row: TargetOutcome
    value: Decimal | None
    numerator: Decimal | None
    denominator: Decimal | None
    meets: bool
    weight: Decimal
    part: Part


async def explain_target(tx: Tx, target_id: int) -> Explanation | None:
    """How a target's outcome came about; None if there is none or the actor may not see it."""
    found = (
        await tx.session.execute(
            sa.select(
                *(TargetOutcome, Target, KeyResult, Indicator, Plan.starts_on, PlanEvaluation.evaluated_on),
                _judged(Verdict.target_id == Target.id).correlate(Target).scalar_subquery(),
            )
            .select_from(Target)
            .join(TargetOutcome, TargetOutcome.target_id == Target.id)
            .join(KeyResult, KeyResult.id == Target.key_result_id)
            .join(Indicator, Indicator.id == Target.indicator_id)
            .join(Plan, Plan.id == Target.plan_id)
            .join(PlanEvaluation, PlanEvaluation.plan_id == Target.plan_id)
            .where(Target.id == target_id, visible_target_outcomes(tx.actor))
        )
    ).first()
    if found is None:
        return None
    row, target, key_result, indicator, starts_on, evaluated_on, judged = found
    used = _used(row, key_result.basis)
    measurement_id, read = await _read(tx, row, target, used, key_result.rollup)
    other = Basis.REPORTED if used is Basis.MEASURED else Basis.MEASURED
    known = TargetFacts(
        rollup=key_result.rollup,
        basis=key_result.basis,
        used=used,
        direction=indicator.direction,
        goal=target.value,
        goal_high=target.value_high,
        baseline=target.baseline,
        measure=indicator.unit_of_measure,
        plan_starts_on=starts_on,
        due_on=target.due_on,
        as_of=evaluated_on,
        at_risk_points=key_result.at_risk_points,
        off_track_points=key_result.off_track_points,
        value=_of(row, used, "value"),
        beside=_of(row, other, "value"),
        attainment=row.attainment,
        expected=row.expected,
        status=row.status,
        meets=row.meets,
        numerator=_part(row, used, "numerator", key_result.rollup),
        denominator=_part(row, used, "denominator", key_result.rollup),
        read=read,
        beside_read=getattr(row, f"own_{other.value.lower()}_value") is not None,
        children=row.children,
        children_met=int(getattr(row, f"{_prefix(used)}_met")),
        children_known=int(getattr(row, f"{_prefix(used)}_count")),
        tasks=_tasks(tx, row, used, key_result.rollup),
        phased=key_result.milestones is not None,
        withdrawn=target.state is TargetState.WITHDRAWN,
        judged=judged,
    )
    return Explanation(
        plan_id=target.plan_id,
        unit_id=target.unit_id,
        target_id=target.id,
        measurement_id=measurement_id,
        evaluated_on=evaluated_on,
        value=known.value,
        attainment=row.attainment,
        expected=row.expected,
        status=row.status,
        adds_up=known.adds_up,
        rollup=key_result.rollup,
        used=used,
        lines=lines_of_target(known),
    )


async def parts_of_target(tx: Tx, of: Explanation, request: PageRequest) -> Page[TargetOutcome]:
    """A page of the children in force that the actor sees, the worst first."""
    query = sa.select(TargetOutcome).where(
        TargetOutcome.live,
        sa.select(Target.id)
        .where(
            Target.id == TargetOutcome.target_id,
            Target.parent_id == of.target_id,
            visible_target_outcomes(tx.actor),
        )
        .correlate(TargetOutcome)
        .exists(),
        TargetOutcome.parent_id == of.target_id,
    )
    return await fetch(tx.session, query, WORST_FIRST, request)


def child_of(of: Explanation, row: TargetOutcome) -> Explained:
    """What a child adds to the value of the target that is explained."""
    used, rollup = of.used or Basis.MEASURED, of.rollup or Rollup.OWN
    child = Child(
        value=_of(row, used, "value"),
        numerator=_part(row, used, "numerator", rollup),
        denominator=_part(row, used, "denominator", rollup),
        weight=row.weight,
        meets=row.measured_meets if used is Basis.MEASURED else row.reported_meets,
    )
    part = part_of(rollup, child)
    return Explained(row, child.value, child.numerator, child.denominator, child.meets, child.weight, part)


async def explain_unit(tx: Tx, plan_id: int, unit_id: int) -> Explanation | None:
    """How a unit's outcome in a plan came about; None if there is none or the actor may not see it."""
    found = (
        await tx.session.execute(
            sa.select(
                UnitOutcome,
                PlanEvaluation.evaluated_on,
                _judged(
                    Verdict.target_id.is_(None),
                    Verdict.plan_id == UnitOutcome.plan_id,
                    Verdict.unit_id == UnitOutcome.unit_id,
                )
                .correlate(UnitOutcome)
                .scalar_subquery(),
            )
            .join(PlanEvaluation, PlanEvaluation.plan_id == UnitOutcome.plan_id)
            .where(
                UnitOutcome.plan_id == plan_id,
                UnitOutcome.unit_id == unit_id,
                visible_unit_outcomes(tx.actor),
            )
        )
    ).first()
    if found is None:
        return None
    row, evaluated_on, judged = found
    standing, own = unit_standing(row, evaluated_on), figures(row)
    known = UnitFacts(
        as_of=evaluated_on,
        counts=own.tally.targets,
        binding=own.binding,
        binding_met=own.binding_met,
        attainment=own.attainment,
        status=own.status,
        due=own.verdict is not None,
        judged=judged,
    )
    return Explanation(
        plan_id=standing.plan_id,
        unit_id=standing.unit_id,
        target_id=None,
        measurement_id=None,
        evaluated_on=evaluated_on,
        value=own.attainment,
        attainment=own.attainment,
        expected=None,
        status=own.status,
        adds_up=own.attainment is not None,
        rollup=None,
        used=None,
        lines=lines_of_unit(known),
    )


async def parts_of_unit(tx: Tx, of: Explanation, request: PageRequest) -> Page[TargetOutcome]:
    """A page of the unit's targets in force in the plan that the actor sees, the worst first."""
    seen = sa.select(Target.id).where(Target.id == TargetOutcome.target_id, visible_target_outcomes(tx.actor))
    query = sa.select(TargetOutcome).where(
        TargetOutcome.plan_id == of.plan_id,
        TargetOutcome.unit_id == of.unit_id,
        TargetOutcome.live,
        seen.correlate(TargetOutcome).exists(),
    )
    return await fetch(tx.session, query, WORST_FIRST, request)


def target_of(row: TargetOutcome) -> Explained:
    """What a target adds to the attainment of its unit."""
    part = target_part(row.attainment, row.key_result_weight)
    return Explained(row, row.attainment, None, None, row.meets, row.key_result_weight, part)


def _judged(*subject: "sa.ColumnElement[bool]") -> "sa.Select[Any]":
    """What the verdict on ``subject`` says that counts; whoever sees the outcome sees it."""
    return sa.select(Verdict.judgement).where(Verdict.superseded_at.is_(None), *subject)


def _used(row: TargetOutcome, basis: Basis) -> Basis:
    reports = basis is Basis.REPORTED and row.reported_value is not None
    return Basis.REPORTED if reports else Basis.MEASURED


def _prefix(used: Basis) -> str:
    return "m" if used is Basis.MEASURED else "r"


def _of(row: TargetOutcome, basis: Basis, name: str) -> Decimal | None:
    found: Decimal | None = getattr(row, f"{basis.value.lower()}_{name}")
    return found


def _part(row: TargetOutcome, basis: Basis, name: str, rollup: Rollup) -> Decimal | None:
    """What the value has above or below the line; a milestone is read off nothing, whatever was measured."""
    return None if rollup is Rollup.MILESTONE else _of(row, basis, name)


def _tasks(tx: Tx, row: TargetOutcome, used: Basis, rollup: Rollup) -> tuple[Decimal, Decimal] | None:
    """The work behind a milestone, for whoever sees the figures of the unit's tasks."""
    if rollup is not Rollup.MILESTONE or not sees_tasks_of(tx.actor, row.unit_id):
        return None
    done = row.own_verified_weight if used is Basis.MEASURED else row.own_delivered_weight
    return row.own_task_weight, done


async def _read(
    tx: Tx, row: TargetOutcome, target: Target, used: Basis, rollup: Rollup
) -> tuple[int | None, Read | None]:
    """The reading that the outcome rests on, as the outcome says; the rest of it if the actor sees it.

    A later one that waits to be rolled up is not what the figure came from.
    """
    own = getattr(row, f"own_{used.value.lower()}_value")
    on: date | None = getattr(row, f"{used.value.lower()}_on")
    if own is None or on is None or rollup is Rollup.MILESTONE:
        return None, None
    query: Any = (
        sa.select(Measurement.id, Measurement.source, Measurement.recorded_at, Intake.sha256)
        .outerjoin(Intake, sa.and_(Intake.id == Measurement.intake_id, visible_intakes(tx.actor)))
        .where(
            Measurement.unit_id == target.unit_id,
            Measurement.indicator_id == target.indicator_id,
            Measurement.basis == used,
            Measurement.as_of == on,
            Measurement.value == own,
            visible_measurements(tx.actor),
        )
        .order_by(Measurement.id.desc())
        .limit(1)
    )
    found = (await tx.session.execute(query)).first()
    if found is None:
        return None, Read(as_of=on)
    sha256 = None if found.sha256 is None else found.sha256.hex()
    return found.id, Read(as_of=on, source=found.source, recorded_at=found.recorded_at, sha256=sha256)
