"""Outcomes as people read them: two numbers that are never mixed, attainment and completion, and a verdict.

Pure functions on the derived rows. Shares are fractions of 1 with six decimals, cut and never rounded up;
points are hundredths of a whole; null says that there is nothing to divide by, and is never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from vdept.outcomes.models import Status, TargetOutcome, UnitOutcome
from vdept.outcomes.rules import gravest, share_of
from vdept.targets.models import Rollup
from vdept.tasks.models import Timeliness


class Judgement(StrEnum):
    """Met or not met; there is nothing in between, and nothing before the due date."""

    MET = "MET"
    NOT_MET = "NOT_MET"


@dataclass(frozen=True, slots=True)
class Reading:
    """A value that counts for a target, and where it comes from."""

    value: Decimal
    numerator: Decimal | None
    denominator: Decimal | None
    as_of: date | None
    """The date of the target's own reading; None for a value that was rolled up from its children."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Targets by status and tasks by timeliness; ``tasks`` None: not for this reader."""

    targets: Mapping[Status, int]
    tasks: Mapping[Timeliness, int] | None

    @property
    def target_count(self) -> int:
        return sum(self.targets.values())

    @property
    def task_count(self) -> int:
        return sum((self.tasks or {}).values())


@dataclass(frozen=True, slots=True)
class TargetStanding:
    """Where one target stands on the date it was evaluated for."""

    target_id: int
    plan_id: int
    key_result_id: int
    unit_id: int
    evaluated_on: date
    status: Status
    verdict: Judgement | None
    measured: Reading | None
    reported: Reading | None
    gap: Decimal | None
    """Reported less measured, in the indicator's unit of measure."""
    gap_points: Decimal | None
    """The same in hundredths of the way from baseline to target, whichever direction is good."""
    attainment: Decimal | None
    measured_attainment: Decimal | None
    reported_attainment: Decimal | None
    expected: Decimal
    completion: Decimal | None
    own_completion: Decimal | None
    children: int
    children_met: int
    subtree: Tally
    own_tasks: Mapping[Timeliness, int] | None

    def without_tasks(self) -> "TargetStanding":
        """For a reader who may not see all tasks behind the figures."""
        return replace(
            self,
            completion=None,
            own_completion=None,
            own_tasks=None,
            subtree=replace(self.subtree, tasks=None),
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What a unit has to show in a plan: by itself, or with all units below it."""

    attainment: Decimal | None
    measured_attainment: Decimal | None
    reported_attainment: Decimal | None
    gap_points: Decimal | None
    completion: Decimal | None
    status: Status | None
    verdict: Judgement | None
    binding: int
    binding_met: int
    tally: Tally

    def without_tasks(self) -> "Figures":
        return replace(self, completion=None, tally=replace(self.tally, tasks=None))


@dataclass(frozen=True, slots=True)
class UnitStanding:
    """A unit's outcome in a plan."""

    plan_id: int
    unit_id: int
    evaluated_on: date
    own: Figures
    subtree: Figures

    def without_tasks(self) -> "UnitStanding":
        """For a reader who may not see all tasks behind the figures."""
        return replace(self, own=self.own.without_tasks(), subtree=self.subtree.without_tasks())


def completed(progress: Decimal, weight: Decimal) -> Decimal | None:
    """The share of the work that is done, from weighted progress in percent; None without any work."""
    return share_of(progress, 100 * weight)


def gap(measured: Decimal | None, reported: Decimal | None) -> Decimal | None:
    """How far the report is above what was measured; None unless there are both."""
    return None if measured is None or reported is None else reported - measured


def points(measured: Decimal | None, reported: Decimal | None) -> Decimal | None:
    """How many points of attainment the report is above what was measured; None unless there are both."""
    apart = gap(measured, reported)
    return None if apart is None else 100 * apart


def target_verdict(status: Status) -> Judgement | None:
    """Said by status from the day after the due date on."""
    return Judgement(status.value) if status in {Status.MET, Status.NOT_MET} else None


def unit_verdict(statuses: Mapping[Status, int], binding: int, binding_met: int) -> Judgement | None:
    """MET when every binding target is; None while any target is not yet due, and without binding ones."""
    due = statuses.get(Status.MET, 0) + statuses.get(Status.NOT_MET, 0)
    if not binding or due != sum(statuses.values()):
        return None
    return Judgement.MET if binding == binding_met else Judgement.NOT_MET


def _tally(row: TargetOutcome | UnitOutcome, prefix: str) -> Tally:
    return Tally(
        targets={status: int(getattr(row, f"{prefix}n_{status.value.lower()}")) for status in Status},
        tasks={when: int(getattr(row, f"{prefix}n_{when.value.lower()}")) for when in Timeliness},
    )


def _reading(row: TargetOutcome, basis: str, rollup: Rollup) -> Reading | None:
    value = getattr(row, f"{basis}_value")
    if value is None:
        return None
    if rollup is Rollup.MILESTONE:  # a share of tasks or of children: nobody has read it off anything
        return Reading(value, None, None, None)
    own = getattr(row, f"own_{basis}_value") is not None
    return Reading(
        value=value,
        numerator=getattr(row, f"{basis}_numerator"),
        denominator=getattr(row, f"{basis}_denominator"),
        as_of=getattr(row, f"{basis}_on") if own else None,
    )


def target_standing(row: TargetOutcome, rollup: Rollup, evaluated_on: date) -> TargetStanding:
    """A target's row as its readers see it; ``rollup`` is its key result's rule."""
    return TargetStanding(
        target_id=row.target_id,
        plan_id=row.plan_id,
        key_result_id=row.key_result_id,
        unit_id=row.unit_id,
        evaluated_on=evaluated_on,
        status=row.status,
        verdict=target_verdict(row.status),
        measured=_reading(row, "measured", rollup),
        reported=_reading(row, "reported", rollup),
        gap=gap(row.measured_value, row.reported_value),
        gap_points=points(row.measured_attainment, row.reported_attainment),
        attainment=row.attainment,
        measured_attainment=row.measured_attainment,
        reported_attainment=row.reported_attainment,
        expected=row.expected,
        completion=completed(row.sub_task_progress, row.sub_task_weight),
        own_completion=completed(row.own_task_progress, row.own_task_weight),
        children=row.children,
        children_met=row.children_met,
        subtree=_tally(row, "sub_"),
        own_tasks={when: int(getattr(row, f"own_n_{when.value.lower()}")) for when in Timeliness},
    )


def figures(row: UnitOutcome, prefix: str = "") -> Figures:
    """A unit's sums as its readers see them; ``prefix`` ``sub_``: with all units below it."""

    def share(name: str) -> Decimal | None:
        return share_of(getattr(row, f"{prefix}{name}_sum"), getattr(row, f"{prefix}{name}_weight"))

    tally = _tally(row, prefix)
    apart = share("gap")
    binding, binding_met = (int(getattr(row, prefix + name)) for name in ("binding", "binding_met"))
    return Figures(
        attainment=share("attainment"),
        measured_attainment=share("measured"),
        reported_attainment=share("reported"),
        gap_points=None if apart is None else 100 * apart,
        completion=completed(getattr(row, f"{prefix}progress_sum"), getattr(row, f"{prefix}share_sum")),
        status=gravest(tally.targets),
        verdict=unit_verdict(tally.targets, binding, binding_met),
        binding=binding,
        binding_met=binding_met,
        tally=tally,
    )


def unit_standing(row: UnitOutcome, evaluated_on: date) -> UnitStanding:
    """A unit's row as its readers see it."""
    return UnitStanding(
        plan_id=row.plan_id,
        unit_id=row.unit_id,
        evaluated_on=evaluated_on,
        own=figures(row),
        subtree=figures(row, "sub_"),
    )
