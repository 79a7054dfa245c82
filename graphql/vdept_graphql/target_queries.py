"""Reads of indicators, plans and targets."""

from datetime import date
from typing import Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.pages import PageRequest
from vdept.targets import queries
from vdept.targets.models import Direction, PlanState, TargetState
from vdept.units.models import Segment, UnitKind
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.ids import decode, decode_optional
from vdept_graphql.indicators import Indicator, load_indicators
from vdept_graphql.inputs import distinct
from vdept_graphql.plans import Plan, load_plans
from vdept_graphql.targets import Target, load_targets


@strawberry.input(description="Which indicators; all conditions given must hold.")
class IndicatorFilter:
    """Conditions of a list of indicators."""

    text: str | None = field(
        default=None, description="With these words in the name; marks and case do not matter."
    )
    codes: list[str] | None = field(default=None, description="With one of these codes.")
    direction: Direction | None = field(default=None, description="Of this direction.")

    def plain(self) -> queries.IndicatorFilter:
        return queries.IndicatorFilter(text=self.text, codes=distinct(self.codes), direction=self.direction)


@strawberry.input(description="Which plans; all conditions given must hold.")
class PlanFilter:
    """Conditions of a list of plans."""

    states: list[PlanState] | None = field(default=None, description="In one of these states.")
    issuer_unit_id: strawberry.ID | None = field(default=None, description="Issued by this unit.")
    holder_unit_id: strawberry.ID | None = field(
        default=None, description="In which this unit holds a target."
    )
    codes: list[str] | None = field(default=None, description="With one of these codes.")
    on: date | None = field(default=None, description="Whose cycle has this day.")

    def plain(self) -> queries.PlanFilter:
        return queries.PlanFilter(
            states=distinct(self.states),
            issuer_unit_id=decode_optional(self.issuer_unit_id, "Unit", "filter", "issuerUnitId"),
            holder_unit_id=decode_optional(self.holder_unit_id, "Unit", "filter", "holderUnitId"),
            codes=distinct(self.codes),
            on=self.on,
        )


@strawberry.input(description="Which targets; all conditions given must hold.")
class TargetFilter:
    """Conditions of a list of targets."""

    plan_id: strawberry.ID | None = field(default=None, description="Of this plan.")
    key_result_id: strawberry.ID | None = field(default=None, description="Of this key result.")
    unit_id: strawberry.ID | None = field(default=None, description="Held by this unit.")
    below_unit_id: strawberry.ID | None = field(
        default=None, description="Held anywhere below this unit, itself left out."
    )
    parent_id: strawberry.ID | None = field(default=None, description="Directly below this target.")
    kinds: list[UnitKind] | None = field(default=None, description="Held by units of these kinds.")
    segments: list[Segment] | None = field(
        default=None, description="Held by units of any of these segments."
    )
    states: list[TargetState] | None = field(default=None, description="In one of these states.")
    acknowledged: bool | None = field(default=None, description="Acknowledged, or not yet.")
    due_from: date | None = field(default=None, description="Due on this day or later.")
    due_to: date | None = field(default=None, description="Due on this day or earlier.")

    def plain(self) -> queries.TargetFilter:
        return queries.TargetFilter(
            plan_id=decode_optional(self.plan_id, "Plan", "filter", "planId"),
            key_result_id=decode_optional(self.key_result_id, "KeyResult", "filter", "keyResultId"),
            unit_id=decode_optional(self.unit_id, "Unit", "filter", "unitId"),
            below_unit_id=decode_optional(self.below_unit_id, "Unit", "filter", "belowUnitId"),
            parent_id=decode_optional(self.parent_id, "Target", "filter", "parentId"),
            kinds=distinct(self.kinds),
            segments=distinct(self.segments),
            states=distinct(self.states),
            acknowledged=self.acknowledged,
            due_from=self.due_from,
            due_to=self.due_to,
        )


@strawberry.type
class TargetQuery:
    """Reads of indicators, plans and targets."""

    @field(description="An indicator by its global id; null if there is none.")
    async def indicator(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="The indicator's global id.")]
    ) -> Indicator | None:
        return await info.context.one(load_indicators, decode(id, "Indicator", "id"))

    @field(description="Indicators in alphabetical order.")
    async def indicators(
        self,
        info: Info,
        filter: Annotated[
            IndicatorFilter | None, argument(description="Which indicators; all of them unless given.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Indicator]:
        which = filter.plain() if filter else queries.IndicatorFilter()
        async with info.context.reading() as tx:
            page = await queries.indicators_page(tx, PageRequest(first, after, last, before), which)
        return connection(page, Indicator.from_row)

    @field(description="A plan by its global id or its code; null if there is none or you may not see it.")
    async def plan(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, argument(description="The plan's global id.")] = None,
        code: Annotated[
            str | None, argument(description="The plan's code; give either this or the id.")
        ] = None,
    ) -> Plan | None:
        number = decode_optional(id, "Plan", "id")
        if number is None and code is not None:
            async with info.context.reading() as tx:
                row = (await queries.plans_by_codes(tx, [code])).get(code)
            return Plan.from_row(row) if row else None
        return await info.context.one(load_plans, number)

    @field(description="Plans that you may see, the latest cycle first.")
    async def plans(
        self,
        info: Info,
        filter: Annotated[
            PlanFilter | None, argument(description="Which plans; all of them unless given.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Plan]:
        which = filter.plain() if filter else queries.PlanFilter()
        async with info.context.reading() as tx:
            page = await queries.plans_page(tx, PageRequest(first, after, last, before), which)
        return connection(page, Plan.from_row)

    @field(description="A target by its global id; null if there is none or you may not see it.")
    async def target(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="The target's global id.")]
    ) -> Target | None:
        return await info.context.one(load_targets, decode(id, "Target", "id"))

    @field(description="Targets that you may see, from the root of the tree down.")
    async def targets(
        self,
        info: Info,
        filter: Annotated[
            TargetFilter | None, argument(description="Which targets; all of them unless given.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Target]:
        which = filter.plain() if filter else queries.TargetFilter()
        async with info.context.reading() as tx:
            page = await queries.targets_page(tx, PageRequest(first, after, last, before), which)
        return connection(page, Target.from_row)
