"""Verbs on indicators, plans, objectives and key results."""

from typing import Any

import strawberry
from msgspec import UNSET

from vdept.kernel.db import Tx
from vdept.targets import indicators, key_results, plans
from vdept.targets.access import get_key_result
from vdept.targets.models import Indicator as IndicatorRow
from vdept.targets.models import KeyResult as KeyResultRow
from vdept.targets.models import Objective as ObjectiveRow
from vdept.targets.models import Plan as PlanRow
from vdept.targets.rules import Milestone
from vdept_graphql.context import Info
from vdept_graphql.ids import decode
from vdept_graphql.indicators import load_indicators
from vdept_graphql.inputs import In, given, given_value
from vdept_graphql.mutations import one, perform
from vdept_graphql.plan_inputs import (
    AddKeyResultInput,
    AddObjectiveInput,
    ClosePlanInput,
    CreateIndicatorInput,
    CreatePlanInput,
    IndicatorPayload,
    IssuePlanInput,
    KeyResultPayload,
    MilestoneInput,
    ObjectivePayload,
    PlanPayload,
    RemoveKeyResultInput,
    RenameObjectiveInput,
    UpdateIndicatorInput,
    UpdateKeyResultInput,
)
from vdept_graphql.plans import load_key_results, load_objectives, load_plans

CLEARABLE = frozenset(
    {"description", "numerator", "denominator", "minimum", "maximum", "frequency"}
    | {"value_high", "baseline", "standard", "quality", "story", "milestones"}
)
"""Fields that null empties; of the others it would take away what must be there."""


def changes(input: Any, *names: str) -> dict[str, Any]:
    """What an update names, in the core's spelling."""
    found: dict[str, Any] = {}
    for name in names:
        value = getattr(input, name)
        head, *tail = name.split("_")
        path = head + "".join(part.capitalize() for part in tail)
        chosen = given(value) if name in CLEARABLE else given_value(value, path)
        if chosen is not UNSET:
            found[name] = chosen
    return found


def steps(milestones: list[MilestoneInput] | None) -> list[Milestone]:
    return [Milestone(step.by, step.value) for step in milestones or ()]


@strawberry.type
class PlanMutation:
    """Verbs on plans and what they are made of."""

    @strawberry.mutation(description="Define an indicator. For managers of the government or a ministry.")
    async def create_indicator(self, info: Info, input: In[CreateIndicatorInput]) -> IndicatorPayload | None:
        async def verb(tx: Tx) -> IndicatorRow:
            spec = indicators.IndicatorSpec(
                name=input.name,
                unit_of_measure=input.unit_of_measure,
                direction=input.direction,
                code=input.code,
                description=input.description,
                numerator=input.numerator,
                denominator=input.denominator,
                minimum=input.minimum,
                maximum=input.maximum,
                frequency=input.frequency,
            )
            return await indicators.create_indicator(tx, spec)

        return await perform(info, IndicatorPayload, input, verb, one("indicator", load_indicators))

    @strawberry.mutation(description="Change an indicator; what its values mean stays once a plan uses it.")
    async def update_indicator(self, info: Info, input: In[UpdateIndicatorInput]) -> IndicatorPayload | None:
        async def verb(tx: Tx) -> IndicatorRow:
            changed = changes(
                input,
                *("name", "unit_of_measure", "direction", "code", "description"),
                *("numerator", "denominator", "minimum", "maximum", "frequency"),
            )
            return await indicators.update_indicator(
                tx,
                decode(input.indicator_id, "Indicator", "indicatorId"),
                expected_version=input.expected_version,
                **changed,
            )

        return await perform(info, IndicatorPayload, input, verb, one("indicator", load_indicators))

    @strawberry.mutation(description="Begin a draft. For managers of the public body that issues it.")
    async def create_plan(self, info: Info, input: In[CreatePlanInput]) -> PlanPayload | None:
        async def verb(tx: Tx) -> PlanRow:
            return await plans.create_plan(
                tx,
                title=input.title,
                issuer_unit_id=decode(input.issuer_unit_id, "Unit", "issuerUnitId"),
                starts_on=input.starts_on,
                ends_on=input.ends_on,
                audience=input.audience,
                code=input.code,
                legal_basis=input.legal_basis,
                grace_days=input.grace_days,
                stale_days=input.stale_days,
                three_roles=input.three_roles,
            )

        return await perform(info, PlanPayload, input, verb, one("plan", load_plans))

    @strawberry.mutation(description="Add an objective to a draft. For managers of its issuer.")
    async def add_objective(self, info: Info, input: In[AddObjectiveInput]) -> ObjectivePayload | None:
        async def verb(tx: Tx) -> ObjectiveRow:
            plan_id = decode(input.plan_id, "Plan", "planId")
            return await plans.add_objective(tx, plan_id, input.title, input.position)

        return await perform(info, ObjectivePayload, input, verb, one("objective", load_objectives))

    @strawberry.mutation(description="Rename an objective of a draft. For managers of its issuer.")
    async def rename_objective(self, info: Info, input: In[RenameObjectiveInput]) -> ObjectivePayload | None:
        async def verb(tx: Tx) -> ObjectiveRow:
            objective_id = decode(input.objective_id, "Objective", "objectiveId")
            return await plans.rename_objective(tx, objective_id, input.title)

        return await perform(info, ObjectivePayload, input, verb, one("objective", load_objectives))

    @strawberry.mutation(description="Add a key result to a draft. For managers of its issuer.")
    async def add_key_result(self, info: Info, input: In[AddKeyResultInput]) -> KeyResultPayload | None:
        async def verb(tx: Tx) -> KeyResultRow:
            spec = key_results.KeyResultSpec(
                indicator_id=decode(input.indicator_id, "Indicator", "indicatorId"),
                rollup=input.rollup,
                value=input.value,
                title=input.title,
                value_high=input.value_high,
                baseline=input.baseline,
                weight=input.weight,
                due_on=input.due_on,
                standard=input.standard,
                quality=input.quality,
                basis=input.basis,
                binding=input.binding,
                at_risk_points=input.at_risk_points,
                off_track_points=input.off_track_points,
                gap_points=input.gap_points,
                milestones=steps(input.milestones),
                story=input.story,
            )
            objective_id = decode(input.objective_id, "Objective", "objectiveId")
            return await key_results.add_key_result(tx, objective_id, spec, position=input.position)

        return await perform(info, KeyResultPayload, input, verb, one("key_result", load_key_results))

    @strawberry.mutation(description="Change a key result of a draft. For managers of its issuer.")
    async def update_key_result(self, info: Info, input: In[UpdateKeyResultInput]) -> KeyResultPayload | None:
        async def verb(tx: Tx) -> KeyResultRow:
            changed = changes(
                input,
                *("indicator_id", "rollup", "value", "title", "value_high", "baseline", "weight", "due_on"),
                *("standard", "quality", "basis", "binding", "at_risk_points", "off_track_points"),
                *("gap_points", "milestones", "story"),
            )
            if "indicator_id" in changed:
                changed["indicator_id"] = decode(changed["indicator_id"], "Indicator", "indicatorId")
            if "milestones" in changed:
                changed["milestones"] = steps(changed["milestones"])
            return await key_results.update_key_result(
                tx,
                decode(input.key_result_id, "KeyResult", "keyResultId"),
                expected_version=input.expected_version,
                **changed,
            )

        return await perform(info, KeyResultPayload, input, verb, one("key_result", load_key_results))

    @strawberry.mutation(description="Take a key result out of a draft. For managers of its issuer.")
    async def remove_key_result(self, info: Info, input: In[RemoveKeyResultInput]) -> PlanPayload | None:
        async def verb(tx: Tx) -> PlanRow:
            key_result_id = decode(input.key_result_id, "KeyResult", "keyResultId")
            plan = (await get_key_result(tx, key_result_id, "keyResultId")).plan
            await key_results.remove_key_result(tx, key_result_id)
            return plan

        return await perform(info, PlanPayload, input, verb, one("plan", load_plans))

    @strawberry.mutation(
        description="Make a draft binding: its issuer gets the root target of every key result. For managers "
        "of its issuer."
    )
    async def issue_plan(self, info: Info, input: In[IssuePlanInput]) -> PlanPayload | None:
        async def verb(tx: Tx) -> PlanRow:
            plan_id = decode(input.plan_id, "Plan", "planId")
            return await plans.issue_plan(tx, plan_id, expected_version=input.expected_version)

        return await perform(info, PlanPayload, input, verb, one("plan", load_plans))

    @strawberry.mutation(
        description="End a plan: nothing is assigned or changed in it any more. For managers of its issuer."
    )
    async def close_plan(self, info: Info, input: In[ClosePlanInput]) -> PlanPayload | None:
        async def verb(tx: Tx) -> PlanRow:
            plan_id = decode(input.plan_id, "Plan", "planId")
            return await plans.close_plan(tx, plan_id, expected_version=input.expected_version)

        return await perform(info, PlanPayload, input, verb, one("plan", load_plans))
