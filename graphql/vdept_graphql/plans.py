"""Plans, objectives and key results."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.outcomes.queries import TargetOutcomeOrder, UnitOutcomeOrder
from vdept.targets import queries
from vdept.targets.key_results import milestones_of
from vdept.targets.models import Audience, Basis, PlanState, Rollup
from vdept.targets.models import KeyResult as KeyResultRow
from vdept.targets.models import Objective as ObjectiveRow
from vdept.targets.models import Plan as PlanRow
from vdept_graphql.connections import After, Before, Connection, First, Last
from vdept_graphql.context import Info
from vdept_graphql.ids import NODES, Node, encode
from vdept_graphql.indicators import Indicator, load_indicators
from vdept_graphql.outcome_lists import (
    TargetsOrder,
    TargetsWhich,
    UnitsOrder,
    UnitsWhich,
    outcomes_of_key_result,
    outcomes_of_plan,
)
from vdept_graphql.outcomes import TargetOutcome, UnitOutcome, load_unit_outcomes
from vdept_graphql.reminders import ReminderPolicy, load_policies
from vdept_graphql.segments import SegmentOutcome, SegmentWhich, segments_of_plan
from vdept_graphql.units import Unit, load_units

if TYPE_CHECKING:
    from vdept_graphql.editions import Edition, EditionRequest
    from vdept_graphql.targets import Target
    from vdept_graphql.verdicts import Verdict, VerdictFilter


async def load_plans(tx: Tx, ids: list[int]) -> dict[int, "Plan"]:
    return {key: Plan.from_row(row) for key, row in (await queries.plans_by_ids(tx, ids)).items()}


async def load_objectives(tx: Tx, ids: list[int]) -> dict[int, "Objective"]:
    found = await queries.objectives_by_ids(tx, ids)
    return {key: Objective.from_row(row) for key, row in found.items()}


async def load_objectives_of_plans(tx: Tx, ids: list[int]) -> dict[int, list["Objective"]]:
    found = await queries.objectives_of_plans(tx, ids)
    return {key: [Objective.from_row(row) for row in rows] for key, rows in found.items()}


async def load_key_results(tx: Tx, ids: list[int]) -> dict[int, "KeyResult"]:
    found = await queries.key_results_by_ids(tx, ids)
    return {key: KeyResult.from_row(row) for key, row in found.items()}


async def load_key_results_of_objectives(tx: Tx, ids: list[int]) -> dict[int, list["KeyResult"]]:
    found = await queries.key_results_of_objectives(tx, ids)
    return {key: [KeyResult.from_row(row) for row in rows] for key, rows in found.items()}


async def load_key_results_of_plans(tx: Tx, ids: list[int]) -> dict[int, list["KeyResult"]]:
    found = await queries.key_results_of_plans(tx, ids)
    return {key: [KeyResult.from_row(row) for row in rows] for key, rows in found.items()}


NODES["Plan"] = load_plans
NODES["Objective"] = load_objectives
NODES["KeyResult"] = load_key_results


@strawberry.type(description="A plan issued by a unit on a legal basis for a cycle (kế hoạch).")
class Plan(Node):
    """A plan as its row says it."""

    code: str = field(description="Short code; unique.")
    title: str = field(description="Title.")
    legal_basis: str | None = field(description="The decision it rests on.")
    starts_on: date = field(description="First day of its cycle.")
    ends_on: date = field(description="Last day of its cycle.")
    audience: Audience = field(description="Who may see it.")
    state: PlanState = field(description="Where it stands.")
    issued_at: datetime | None = field(description="When it was issued.")
    grace_days: int = field(description="How many days a unit may leave a target unacknowledged.")
    stale_days: int = field(description="After how many days without an update a task counts as abandoned.")
    three_roles: bool = field(
        description="Whether a task needs problem owner, builder and user before it can start."
    )
    version: int = field(description="Counts the changes; give it as `expectedVersion`.")
    key: strawberry.Private[int]
    issuer_key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: PlanRow) -> "Plan":
        return cls(
            id=encode("Plan", row.id),
            code=row.code,
            title=row.title,
            legal_basis=row.legal_basis,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            audience=row.audience,
            state=row.state,
            issued_at=row.issued_at,
            grace_days=row.grace_days,
            stale_days=row.stale_days,
            three_roles=row.three_roles,
            version=row.version,
            key=row.id,
            issuer_key=row.issuer_unit_id,
        )

    @field(description="The unit that issues it.")
    def issuer(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.issuer_key)

    @field(description="What the issuer and all units below it have to show; null before the first roll-up.")
    def outcome(self, info: Info) -> UnitOutcome | None:
        return info.context.load(load_unit_outcomes, (self.key, self.issuer_key))

    @field(description="What every unit has to show in it, as a ranking.")
    def unit_outcomes(
        self,
        info: Info,
        filter: UnitsWhich = None,
        order_by: UnitsOrder = UnitOutcomeOrder.MEASURED_BEST_FIRST,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[UnitOutcome]:
        return outcomes_of_plan(info, self.key, filter, order_by, PageRequest(first, after, last, before))

    @field(
        description="What the units of each segment have to show in it, and last those in none; null where "
        "some unit's figures are not for you. A unit in two segments counts in both."
    )
    def segment_outcomes(self, info: Info, filter: SegmentWhich = None) -> list[SegmentOutcome] | None:
        return segments_of_plan(info, self.key, filter)

    @field(description="The verdicts in it, on targets and on units, of those you may see, the latest first.")
    def verdicts(
        self,
        info: Info,
        filter: Annotated[
            Annotated["VerdictFilter", strawberry.lazy("vdept_graphql.verdicts")] | None,
            strawberry.argument(description="Which of them; those that count unless given."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Annotated["Verdict", strawberry.lazy("vdept_graphql.verdicts")]]:
        from vdept_graphql.verdicts import load_verdicts_of_plans, plain

        request = PageRequest(first, after, last, before)
        return info.context.load(load_verdicts_of_plans, self.key, request, plain(filter))

    @field(description="Its editions, the newest first; none if you see only your own part of the plan.")
    def editions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Annotated["Edition", strawberry.lazy("vdept_graphql.editions")]]:
        from vdept_graphql.editions import load_editions_of_plans

        return info.context.load(load_editions_of_plans, self.key, PageRequest(first, after, last, before))

    @field(description="What somebody of its issuer last asked to publish. For the issuer's people.")
    def last_edition_request(
        self, info: Info
    ) -> Annotated["EditionRequest", strawberry.lazy("vdept_graphql.editions")] | None:
        from vdept_graphql.editions import load_last_requests

        return info.context.load(load_last_requests, self.key)

    @field(description="Whom it reminds of due dates, and when.")
    def reminder_policy(self, info: Info) -> ReminderPolicy | None:
        return info.context.load(load_policies, self.key)

    @field(description="By when its units are to agree on their focus; null: within 30 days of nominating.")
    def focus_agree_by(self, info: Info) -> date | None:
        from vdept_graphql.focus import load_focus_dates

        return info.context.load(load_focus_dates, self.key)

    @field(description="Its objectives in their order.")
    def objectives(self, info: Info) -> list["Objective"]:
        return info.context.load(load_objectives_of_plans, self.key)

    @field(description="Its key results, objective by objective.")
    def key_results(self, info: Info) -> list["KeyResult"]:
        return info.context.load(load_key_results_of_plans, self.key)


@strawberry.type(description="What a plan wants to reach (mục tiêu).")
class Objective(Node):
    """An objective as its row says it."""

    position: int = field(description="Its place in the plan.")
    title: str = field(description="What is to be reached.")
    key: strawberry.Private[int]
    plan_key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: ObjectiveRow) -> "Objective":
        return cls(
            id=encode("Objective", row.id),
            position=row.position,
            title=row.title,
            key=row.id,
            plan_key=row.plan_id,
        )

    @field(description="The plan it belongs to.")
    def plan(self, info: Info) -> Plan | None:
        return info.context.load(load_plans, self.plan_key)

    @field(description="What it is judged by, in order.")
    def key_results(self, info: Info) -> list["KeyResult"]:
        return info.context.load(load_key_results_of_objectives, self.key)


@strawberry.type(description="A step of the pace: this value by this day (mốc).")
class Milestone:
    """One step."""

    by: date = field(description="By this day.")
    value: Decimal = field(description="This value.")


@strawberry.type(
    description="What an objective is judged by (chỉ tiêu): an indicator, a value, a due date, a standard, "
    "a roll-up rule."
)
class KeyResult(Node):
    """A key result as its row says it."""

    position: int = field(description="Its place in the objective.")
    title: str = field(description="What is to be met.")
    value: Decimal = field(description="The value to meet; the lower bound of BETWEEN.")
    value_high: Decimal | None = field(description="The upper bound of BETWEEN.")
    baseline: Decimal | None = field(description="Where it starts from.")
    weight: Decimal = field(description="Its weight in the plan.")
    due_on: date = field(description="When it is judged.")
    standard: str | None = field(description="The standard that applies.")
    quality: str | None = field(description="The quality that is required.")
    rollup: Rollup = field(description="How a parent's value follows from its children's.")
    basis: Basis = field(description="Which values judge it.")
    binding: bool = field(description="Whether a unit must meet it to meet the plan.")
    at_risk_points: Decimal = field(description="Points behind the expected pace that make it AT_RISK.")
    off_track_points: Decimal = field(description="Points behind the expected pace that make it OFF_TRACK.")
    gap_points: Decimal = field(
        description="Points that reports may lie above measurements before a warning opens."
    )
    milestones: list[Milestone] = field(description="The phased pace; empty: linear to the due date.")
    story: str | None = field(description="Why it matters, for readers.")
    version: int = field(description="Counts the changes; give it as `expectedVersion`.")
    key: strawberry.Private[int]
    plan_key: strawberry.Private[int]
    objective_key: strawberry.Private[int]
    indicator_key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: KeyResultRow) -> "KeyResult":
        return cls(
            id=encode("KeyResult", row.id),
            position=row.position,
            title=row.title,
            value=row.value,
            value_high=row.value_high,
            baseline=row.baseline,
            weight=row.weight,
            due_on=row.due_on,
            standard=row.standard,
            quality=row.quality,
            rollup=row.rollup,
            basis=row.basis,
            binding=row.binding,
            at_risk_points=row.at_risk_points,
            off_track_points=row.off_track_points,
            gap_points=row.gap_points,
            milestones=[Milestone(by=step.by, value=step.value) for step in milestones_of(row)],
            story=row.story,
            version=row.version,
            key=row.id,
            plan_key=row.plan_id,
            objective_key=row.objective_id,
            indicator_key=row.indicator_id,
        )

    @field(description="The plan it belongs to.")
    def plan(self, info: Info) -> Plan | None:
        return info.context.load(load_plans, self.plan_key)

    @field(description="The objective it judges.")
    def objective(self, info: Info) -> Objective | None:
        return info.context.load(load_objectives, self.objective_key)

    @field(description="What is measured.")
    def indicator(self, info: Info) -> Indicator | None:
        return info.context.load(load_indicators, self.indicator_key)

    @field(description="Where all its targets in force stand, as a ranking.")
    def outcomes(
        self,
        info: Info,
        filter: TargetsWhich = None,
        order_by: TargetsOrder = TargetOutcomeOrder.MEASURED_HIGHEST_FIRST,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[TargetOutcome]:
        request = PageRequest(first, after, last, before)
        return outcomes_of_key_result(info, self.key, filter, order_by, request)

    @field(description="Who must meet it, from the root down.")
    def targets(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Annotated["Target", strawberry.lazy("vdept_graphql.targets")]]:
        from vdept_graphql.targets import load_targets_of_key_results

        request = PageRequest(first, after, last, before)
        return info.context.load(load_targets_of_key_results, self.key, request)
