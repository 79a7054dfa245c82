"""Outcomes: what targets and tasks add up to, for every target and for every unit in a plan."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.outcomes import queries, standings
from vdept.outcomes.models import Status
from vdept.outcomes.queries import Ranked
from vdept.outcomes.standings import Judgement
from vdept.tasks.models import Timeliness
from vdept_graphql.context import Info
from vdept_graphql.inputs import GAPS_FROM, GAPS_TO

if TYPE_CHECKING:
    from vdept_graphql.gaps import GapHistory
    from vdept_graphql.plans import KeyResult, Plan
    from vdept_graphql.targets import Target
    from vdept_graphql.units import Unit

FOR_OFFICIALS = "you are in no public body, and they are not your unit's"
SHARE = "a fraction from 0 to 1, cut and never rounded up"


async def load_target_outcomes(tx: Tx, ids: list[int]) -> dict[int, "TargetOutcome"]:
    """Outcomes by the number of the target."""
    found = await queries.outcomes_of_targets(tx, ids)
    return {key: TargetOutcome.of(standing) for key, standing in found.items()}


async def load_unit_outcomes(tx: Tx, pairs: list[tuple[int, int]]) -> dict[tuple[int, int], "UnitOutcome"]:
    """Outcomes by the numbers of plan and unit."""
    found = await queries.unit_outcomes_of(tx, pairs)
    return {key: UnitOutcome.of(standing) for key, standing in found.items()}


@strawberry.type(description="How many targets stand where (số chỉ tiêu theo tình trạng).")
class StatusCounts:
    """Targets by status."""

    not_started: int = field(description="Nothing known and nothing expected yet.")
    on_track: int = field(description="On track.")
    at_risk: int = field(description="At risk.")
    off_track: int = field(description="Off track.")
    paused: int = field(description="Paused.")
    met: int = field(description="Due and met.")
    not_met: int = field(description="Due and not met.")
    total: int = field(description="All of them.")

    @classmethod
    def of(cls, counts: Mapping[Status, int]) -> "StatusCounts":
        return cls(**{s.value.lower(): counts[s] for s in Status}, total=sum(counts.values()))


@strawberry.type(description="How many tasks are in which class (số nhiệm vụ theo thời hạn).")
class TimelinessCounts:
    """Tasks by timeliness."""

    open_in_time: int = field(description="Open, not yet due.")
    open_overdue: int = field(description="Open after the due date.")
    done_on_time: int = field(description="Delivered by the due date.")
    done_late: int = field(description="Delivered after the due date.")
    total: int = field(description="All of them; what is paused has no clock and is not among them.")

    @classmethod
    def of(cls, counts: Mapping[Timeliness, int] | None) -> "TimelinessCounts | None":
        return (
            None
            if counts is None
            else cls(**{t.value.lower(): counts[t] for t in Timeliness}, total=sum(counts.values()))
        )


@strawberry.type(description="A value that counts for a target (giá trị).")
class Reading:
    """One value with what stands behind it."""

    value: Decimal = field(description="In the indicator's unit of measure.")
    numerator: Decimal | None = field(description="What a ratio has above the line, rolled up if need be.")
    denominator: Decimal | None = field(description="What a ratio has below the line, rolled up if need be.")
    as_of: date | None = field(description="The day of the target's own reading; null for a rolled-up value.")

    @classmethod
    def of(cls, reading: standings.Reading | None) -> "Reading | None":
        if reading is None:
            return None
        return cls(
            value=reading.value,
            numerator=reading.numerator,
            denominator=reading.denominator,
            as_of=reading.as_of,
        )


@strawberry.type(
    description="Where a target stands (kết quả của chỉ tiêu). Two numbers, never mixed: attainment (value "
    "against target) and completion (tasks done)."
)
class TargetOutcome:
    """A target's standing."""

    evaluated_on: date = field(description="For which day status and timeliness are computed.")
    status: Status = field(description="By pace; MET or NOT_MET from the day after the due date.")
    verdict: Judgement | None = field(description="Null until the target is due.")
    measured: Reading | None = field(description="From connected systems (đo được); null: nothing measured.")
    reported: Reading | None = field(description="From reports (báo cáo); null: nothing reported.")
    gap: Decimal | None = field(
        description="Reported less measured (chênh lệch), in the indicator's unit of measure; null without "
        "either."
    )
    gap_points: Decimal | None = field(
        description="How many points of attainment the report is above the measurement, whichever direction "
        "is good; null without either. A warning opens above `keyResult.gapPoints`."
    )
    attainment: Decimal | None = field(
        description="How much of the way from baseline to target is behind, on the key result's basis: "
        f"{SHARE}; 1 only for a value that meets the target; null without a value."
    )
    measured_attainment: Decimal | None = field(description="The same of the measured value.")
    reported_attainment: Decimal | None = field(description="The same of the reported value.")
    expected: Decimal = field(description=f"How much of the way should be behind by now: {SHARE}.")
    completion: Decimal | None = field(
        description="How much of the tasks that serve this target and those below it is done, by weight: "
        f"{SHARE}; null without tasks, and where `tasks` is."
    )
    own_completion: Decimal | None = field(description="The same of the tasks of this target alone.")
    children: int = field(description="How many targets in force it was assigned on to.")
    children_met: int = field(description="How many of those are met as things stand.")
    targets: StatusCounts = field(description="This target and all below it.")
    tasks: TimelinessCounts | None = field(
        description=f"Tasks of this target and of all below it; null: {FOR_OFFICIALS}."
    )
    own_tasks: TimelinessCounts | None = field(
        description=f"Tasks of this target alone; null: {FOR_OFFICIALS}."
    )
    target_key: strawberry.Private[int]
    unit_key: strawberry.Private[int]
    key_result_key: strawberry.Private[int]

    @classmethod
    def of(cls, standing: standings.TargetStanding) -> "TargetOutcome":
        return cls(
            evaluated_on=standing.evaluated_on,
            status=standing.status,
            verdict=standing.verdict,
            measured=Reading.of(standing.measured),
            reported=Reading.of(standing.reported),
            gap=standing.gap,
            gap_points=standing.gap_points,
            attainment=standing.attainment,
            measured_attainment=standing.measured_attainment,
            reported_attainment=standing.reported_attainment,
            expected=standing.expected,
            completion=standing.completion,
            own_completion=standing.own_completion,
            children=standing.children,
            children_met=standing.children_met,
            targets=StatusCounts.of(standing.subtree.targets),
            tasks=TimelinessCounts.of(standing.subtree.tasks),
            own_tasks=TimelinessCounts.of(standing.own_tasks),
            target_key=standing.target_id,
            unit_key=standing.unit_id,
            key_result_key=standing.key_result_id,
        )

    @classmethod
    def ranked(cls, row: Ranked[standings.TargetStanding]) -> "TargetOutcome":
        return cls.of(row.standing)

    @field(description="The target.")
    def target(self, info: Info) -> Annotated["Target", strawberry.lazy("vdept_graphql.targets")] | None:
        from vdept_graphql.targets import load_targets

        return info.context.load(load_targets, self.target_key)

    @field(description="The unit that must meet it.")
    def unit(self, info: Info) -> Annotated["Unit", strawberry.lazy("vdept_graphql.units")] | None:
        from vdept_graphql.units import load_units

        return info.context.load(load_units, self.unit_key)

    @field(description="The key result.")
    def key_result(self, info: Info) -> Annotated["KeyResult", strawberry.lazy("vdept_graphql.plans")] | None:
        from vdept_graphql.plans import load_key_results

        return info.context.load(load_key_results, self.key_result_key)


@strawberry.type(description="What targets and tasks of a unit add up to in a plan (số liệu tổng hợp).")
class OutcomeFigures:
    """One scope of a unit's outcome."""

    status: Status | None = field(description="The gravest of its targets' statuses; null without targets.")
    verdict: Judgement | None = field(
        description="MET when every binding target is met; null until all are due, and where none is binding."
    )
    binding: int = field(description="How many binding targets there are.")
    binding_met: int = field(description="How many of those are met as things stand.")
    attainment: Decimal | None = field(
        description=f"Mean by the key results' weights, each on its own basis: {SHARE}."
    )
    measured_attainment: Decimal | None = field(description="The same of measured values.")
    reported_attainment: Decimal | None = field(description="The same of reported values.")
    gap_points: Decimal | None = field(
        description="How many points of attainment reports are above measurements, over the targets that "
        "have both; null where none has."
    )
    completion: Decimal | None = field(
        description=f"How much of the unit's shares of tasks is done: {SHARE}; null without tasks, and where "
        "`tasks` is."
    )
    targets: StatusCounts = field(description="Targets by status.")
    tasks: TimelinessCounts | None = field(
        description="Parts in tasks by timeliness; a task that three units share counts for each of them; "
        f"null: {FOR_OFFICIALS}."
    )

    @classmethod
    def of(cls, figures: standings.Figures) -> "OutcomeFigures":
        return cls(
            status=figures.status,
            verdict=figures.verdict,
            binding=figures.binding,
            binding_met=figures.binding_met,
            attainment=figures.attainment,
            measured_attainment=figures.measured_attainment,
            reported_attainment=figures.reported_attainment,
            gap_points=figures.gap_points,
            completion=figures.completion,
            targets=StatusCounts.of(figures.tally.targets),
            tasks=TimelinessCounts.of(figures.tally.tasks),
        )


@strawberry.type(description="What a unit has to show in a plan (kết quả của đơn vị).")
class UnitOutcome:
    """A unit's standing."""

    evaluated_on: date = field(description="For which day status and timeliness are computed.")
    own: OutcomeFigures = field(description="The unit by itself.")
    subtree: OutcomeFigures = field(description="The unit with all units below it.")
    plan_key: strawberry.Private[int]
    unit_key: strawberry.Private[int]

    @classmethod
    def of(cls, standing: standings.UnitStanding) -> "UnitOutcome":
        return cls(
            evaluated_on=standing.evaluated_on,
            own=OutcomeFigures.of(standing.own),
            subtree=OutcomeFigures.of(standing.subtree),
            plan_key=standing.plan_id,
            unit_key=standing.unit_id,
        )

    @classmethod
    def ranked(cls, row: Ranked[standings.UnitStanding]) -> "UnitOutcome":
        return cls.of(row.standing)

    @field(description="The plan; null if you see only your own unit's part of it.")
    def plan(self, info: Info) -> Annotated["Plan", strawberry.lazy("vdept_graphql.plans")] | None:
        from vdept_graphql.plans import load_plans

        return info.context.load(load_plans, self.plan_key)

    @field(description="The unit.")
    def unit(self, info: Info) -> Annotated["Unit", strawberry.lazy("vdept_graphql.units")] | None:
        from vdept_graphql.units import load_units

        return info.context.load(load_units, self.unit_key)

    @field(description="How far its reports lay above measurements over time; null where it had neither.")
    def gap_history(
        self,
        info: Info,
        since: Annotated[date | None, argument(name="from", description=GAPS_FROM)] = None,
        until: Annotated[date | None, argument(name="to", description=GAPS_TO)] = None,
    ) -> Annotated["GapHistory", strawberry.lazy("vdept_graphql.gaps")] | None:
        from vdept_graphql.gaps import load_gaps_of_units

        return info.context.load(load_gaps_of_units, (self.plan_key, self.unit_key), since, until)
