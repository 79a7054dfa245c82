"""Lists of outcomes: the units of a plan, the targets of a key result, ranked."""

from typing import Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.outcomes import queries
from vdept.outcomes.models import Status
from vdept.outcomes.queries import OutcomeScope, TargetOutcomeOrder, UnitOutcomeOrder
from vdept.units.models import Segment, UnitKind
from vdept_graphql.connections import Connection, connection
from vdept_graphql.context import Info
from vdept_graphql.ids import decode_optional
from vdept_graphql.inputs import distinct
from vdept_graphql.outcomes import TargetOutcome, UnitOutcome


async def load_outcomes_of_plans(
    tx: Tx,
    ids: list[int],
    request: PageRequest,
    which: queries.UnitOutcomeFilter,
    order: UnitOutcomeOrder,
) -> dict[int, Connection["UnitOutcome"]]:
    """The same page of units of each plan."""
    pages = await queries.unit_outcomes_of_plans(tx, ids, request, which, order)
    return {key: connection(page, UnitOutcome.ranked) for key, page in pages.items()}


async def load_outcomes_of_key_results(
    tx: Tx,
    ids: list[int],
    request: PageRequest,
    which: queries.TargetOutcomeFilter,
    order: TargetOutcomeOrder,
) -> dict[int, Connection["TargetOutcome"]]:
    """The same page of targets of each key result."""
    pages = await queries.target_outcomes_of_key_results(tx, ids, request, which, order)
    return {key: connection(page, TargetOutcome.ranked) for key, page in pages.items()}


@strawberry.input(description="Which units of a plan; all conditions given must hold.")
class UnitOutcomeFilter:
    """Conditions of a list of units."""

    kinds: list[UnitKind] | None = field(default=None, description="Of one of these kinds.")
    statuses: list[Status] | None = field(default=None, description="Standing at one of these.")
    below_id: strawberry.ID | None = field(
        default=None, description="Anywhere below this unit, itself left out."
    )
    scope: OutcomeScope = field(
        default=OutcomeScope.OWN, description="Whose figures the list goes by: status and order."
    )
    segments: list[Segment] | None = field(default=None, description="Of any of these segments.")

    def plain(self) -> queries.UnitOutcomeFilter:
        return queries.UnitOutcomeFilter(
            kinds=distinct(self.kinds),
            statuses=distinct(self.statuses),
            below_id=decode_optional(self.below_id, "Unit", "filter", "belowId"),
            scope=self.scope,
            segments=distinct(self.segments),
        )


@strawberry.input(description="Which targets of a key result; all conditions given must hold.")
class TargetOutcomeFilter:
    """Conditions of a list of targets."""

    kinds: list[UnitKind] | None = field(default=None, description="Held by a unit of one of these kinds.")
    statuses: list[Status] | None = field(default=None, description="Standing at one of these.")
    below_id: strawberry.ID | None = field(
        default=None, description="Held by a unit anywhere below this one, itself left out."
    )
    segments: list[Segment] | None = field(
        default=None, description="Held by a unit of any of these segments."
    )

    def plain(self) -> queries.TargetOutcomeFilter:
        return queries.TargetOutcomeFilter(
            kinds=distinct(self.kinds),
            statuses=distinct(self.statuses),
            below_id=decode_optional(self.below_id, "Unit", "filter", "belowId"),
            segments=distinct(self.segments),
        )


UnitsWhich = Annotated[
    UnitOutcomeFilter | None, argument(description="Which units; all with something to show unless given.")
]
UnitsOrder = Annotated[UnitOutcomeOrder, argument(description="In which order.")]
TargetsWhich = Annotated[
    TargetOutcomeFilter | None, argument(description="Which targets; all in force unless given.")
]
TargetsOrder = Annotated[TargetOutcomeOrder, argument(description="In which order.")]


def outcomes_of_plan(
    info: Info, plan: int, which: UnitOutcomeFilter | None, order: UnitOutcomeOrder, request: PageRequest
) -> Connection[UnitOutcome]:
    """A plan's ranking of units."""
    plain = which.plain() if which else queries.UnitOutcomeFilter()
    return info.context.load(load_outcomes_of_plans, plan, request, plain, order)


def outcomes_of_key_result(
    info: Info,
    key_result: int,
    which: TargetOutcomeFilter | None,
    order: TargetOutcomeOrder,
    request: PageRequest,
) -> Connection[TargetOutcome]:
    """A key result's ranking of targets."""
    plain = which.plain() if which else queries.TargetOutcomeFilter()
    return info.context.load(load_outcomes_of_key_results, key_result, request, plain, order)
