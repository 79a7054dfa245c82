"""Inputs and payloads of the verbs on indicators and plans."""

from datetime import date
from decimal import Decimal

import strawberry
from strawberry import field

from vdept.targets.models import Audience, Basis, Direction, Frequency, Rollup
from vdept_graphql.errors import UserError
from vdept_graphql.indicators import Indicator
from vdept_graphql.mutations import ERRORS, EXPECTED_VERSION, IDEMPOTENCY_KEY
from vdept_graphql.plans import KeyResult, Objective, Plan


@strawberry.type(description="What a mutation of an indicator answers with.")
class IndicatorPayload:
    """The indicator, or why not."""

    indicator: Indicator | None = field(default=None, description="The indicator after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What a mutation of a plan answers with.")
class PlanPayload:
    """The plan, or why not."""

    plan: Plan | None = field(default=None, description="The plan after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What a mutation of an objective answers with.")
class ObjectivePayload:
    """The objective, or why not."""

    objective: Objective | None = field(default=None, description="The objective after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What a mutation of a key result answers with.")
class KeyResultPayload:
    """The key result, or why not."""

    key_result: KeyResult | None = field(default=None, description="The key result after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="A new indicator; with numerator and denominator it is a ratio.")
class CreateIndicatorInput:
    """What is measured."""

    name: str = field(description="What is measured.")
    unit_of_measure: str = field(description="In what its values are given, such as %.")
    direction: Direction = field(default=Direction.AT_LEAST, description="Which values are good.")
    code: str | None = field(default=None, description="Short code; given by itself unless you choose one.")
    description: str | None = field(default=None, description="How it is measured.")
    numerator: str | None = field(default=None, description="What is counted above the line, of a ratio.")
    denominator: str | None = field(default=None, description="What is counted below the line, of a ratio.")
    minimum: Decimal | None = field(default=None, description="Smallest possible value.")
    maximum: Decimal | None = field(default=None, description="Largest possible value.")
    frequency: Frequency | None = field(
        default=None, description="How often it is measured; without one no silence is warned of."
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A change of an indicator; what is left out stays as it is.")
class UpdateIndicatorInput:
    """What changes; the meaning of its values does not once a plan uses it."""

    indicator_id: strawberry.ID = field(description="Which indicator.")
    name: str | None = field(default=strawberry.UNSET, description="What is measured.")
    unit_of_measure: str | None = field(default=strawberry.UNSET, description="Unit of its values.")
    direction: Direction | None = field(default=strawberry.UNSET, description="Which values are good.")
    code: str | None = field(default=strawberry.UNSET, description="Short code.")
    description: str | None = field(default=strawberry.UNSET, description="How it is measured.")
    numerator: str | None = field(default=strawberry.UNSET, description="Above the line, of a ratio.")
    denominator: str | None = field(default=strawberry.UNSET, description="Below the line, of a ratio.")
    minimum: Decimal | None = field(default=strawberry.UNSET, description="Smallest possible value.")
    maximum: Decimal | None = field(default=strawberry.UNSET, description="Largest possible value.")
    frequency: Frequency | None = field(default=strawberry.UNSET, description="How often it is measured.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A new draft of a plan.")
class CreatePlanInput:
    """Who wants what, on which basis, when."""

    title: str = field(description="Title.")
    issuer_unit_id: strawberry.ID = field(description="The public body that issues it.")
    starts_on: date = field(description="First day of its cycle.")
    ends_on: date = field(description="Last day of its cycle.")
    audience: Audience = field(default=Audience.GOVERNMENT, description="Who may see it once issued.")
    code: str | None = field(default=None, description="Short code; given by itself unless you choose one.")
    legal_basis: str | None = field(default=None, description="The decision it rests on.")
    grace_days: int = field(default=14, description="Days a unit may leave a target unacknowledged.")
    stale_days: int = field(default=30, description="Days after which a silent task counts as abandoned.")
    three_roles: bool = field(
        default=False, description="Whether a task needs problem owner, builder and user before it starts."
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A new objective of a draft.")
class AddObjectiveInput:
    """What is to be reached."""

    plan_id: strawberry.ID = field(description="Which draft.")
    title: str = field(description="What is to be reached.")
    position: int | None = field(default=None, description="Its place; the last unless given.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Another title for an objective of a draft.")
class RenameObjectiveInput:
    """What is to be reached."""

    objective_id: strawberry.ID = field(description="Which objective.")
    title: str = field(description="What is to be reached.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A step of the pace: this value by this day.")
class MilestoneInput:
    """One step."""

    by: date = field(description="By this day.")
    value: Decimal = field(description="This value.")


@strawberry.input(description="A new key result of a draft's objective.")
class AddKeyResultInput:
    """What the objective is judged by."""

    objective_id: strawberry.ID = field(description="Which objective.")
    indicator_id: strawberry.ID = field(description="What is measured.")
    rollup: Rollup = field(description="How a parent's value follows from its children's.")
    value: Decimal | None = field(default=None, description="The value to meet; 100 for a milestone.")
    title: str | None = field(
        default=None, description="What is to be met; if not given, the indicator's name."
    )
    value_high: Decimal | None = field(default=None, description="The upper bound of BETWEEN.")
    baseline: Decimal | None = field(default=None, description="Where it starts from.")
    weight: Decimal = field(default=Decimal(1), description="Its weight in the plan; above 0.")
    due_on: date | None = field(default=None, description="When it is judged; the plan's end unless given.")
    standard: str | None = field(default=None, description="The standard that applies.")
    quality: str | None = field(default=None, description="The quality that is required.")
    basis: Basis = field(default=Basis.MEASURED, description="Which values judge it.")
    binding: bool = field(default=True, description="Whether a unit must meet it to meet the plan.")
    at_risk_points: Decimal = field(default=Decimal(10), description="Points behind that make it AT_RISK.")
    off_track_points: Decimal = field(
        default=Decimal(25), description="Points behind that make it OFF_TRACK."
    )
    gap_points: Decimal = field(
        default=Decimal(10), description="Points that reports may lie above measurements before a warning."
    )
    milestones: list[MilestoneInput] = field(
        default_factory=list, description="The phased pace; linear unless given."
    )
    story: str | None = field(default=None, description="Why it matters, for readers.")
    position: int | None = field(default=None, description="Its place; the last unless given.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A change of a key result of a draft; what is left out stays as it is.")
class UpdateKeyResultInput:
    """What changes."""

    key_result_id: strawberry.ID = field(description="Which key result.")
    indicator_id: strawberry.ID | None = field(default=strawberry.UNSET, description="What is measured.")
    rollup: Rollup | None = field(default=strawberry.UNSET, description="How values roll up.")
    value: Decimal | None = field(default=strawberry.UNSET, description="The value to meet.")
    title: str | None = field(default=strawberry.UNSET, description="What is to be met.")
    value_high: Decimal | None = field(default=strawberry.UNSET, description="The upper bound of BETWEEN.")
    baseline: Decimal | None = field(default=strawberry.UNSET, description="Where it starts from.")
    weight: Decimal | None = field(default=strawberry.UNSET, description="Its weight in the plan.")
    due_on: date | None = field(default=strawberry.UNSET, description="When it is judged.")
    standard: str | None = field(default=strawberry.UNSET, description="The standard that applies.")
    quality: str | None = field(default=strawberry.UNSET, description="The quality that is required.")
    basis: Basis | None = field(default=strawberry.UNSET, description="Which values judge it.")
    binding: bool | None = field(default=strawberry.UNSET, description="Whether it must be met.")
    at_risk_points: Decimal | None = field(default=strawberry.UNSET, description="Points for AT_RISK.")
    off_track_points: Decimal | None = field(default=strawberry.UNSET, description="Points for OFF_TRACK.")
    gap_points: Decimal | None = field(default=strawberry.UNSET, description="Points for a gap's warning.")
    milestones: list[MilestoneInput] | None = field(
        default=strawberry.UNSET, description="The phased pace; null or empty: linear."
    )
    story: str | None = field(default=strawberry.UNSET, description="Why it matters, for readers.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A key result taken out of a draft.")
class RemoveKeyResultInput:
    """Which."""

    key_result_id: strawberry.ID = field(description="Which key result.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A draft made binding.")
class IssuePlanInput:
    """Which."""

    plan_id: strawberry.ID = field(description="Which draft.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="The end of a plan.")
class ClosePlanInput:
    """Which."""

    plan_id: strawberry.ID = field(description="Which plan.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)
