"""Segments of units: a plan's figures for each, and placing units into them."""

from decimal import Decimal
from typing import Annotated, Any

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.outcomes import segment_figures
from vdept.units import segments
from vdept.units.models import Segment, UnitKind
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import TOO_MANY_ITEMS, UserError
from vdept_graphql.ids import decode_many, decode_optional
from vdept_graphql.inputs import In, distinct
from vdept_graphql.mutations import ERRORS, IDEMPOTENCY_KEY, perform, remembered, told
from vdept_graphql.outcomes import SHARE, StatusCounts

_REFUSALS_TOLD = 100


async def load_segments_of_plans(
    tx: Tx, ids: list[int], which: segment_figures.SegmentFilter
) -> dict[int, list["SegmentOutcome"]]:
    """The figures of every segment, by the number of the plan."""
    found = await segment_figures.segments_of_plans(tx, ids, which)
    return {key: [SegmentOutcome.of(one) for one in rows] for key, rows in found.items()}


@strawberry.type(
    description="What the units of a segment have to show in a plan (kết quả theo nhóm): each unit by "
    "itself, weighted by the key results, so that a unit with more to do counts for more."
)
class SegmentOutcome:
    """One segment, or the rest."""

    segment: Segment | None = field(description="Which segment; null: the units that belong to none.")
    units: int = field(description="How many units of it hold a target in force.")
    binding: int = field(description="How many binding targets they have.")
    binding_met: int = field(description="How many of those are met as things stand.")
    attainment: Decimal | None = field(
        description=f"Mean by the key results' weights, each on its own basis: {SHARE}; null without a value."
    )
    measured_attainment: Decimal | None = field(description="The same of measured values.")
    reported_attainment: Decimal | None = field(description="The same of reported values.")
    gap_points: Decimal | None = field(
        description="How many points of attainment reports are above measurements, over the targets that "
        "have both; null where none has."
    )
    targets: StatusCounts = field(description="Their targets by status.")

    @classmethod
    def of(cls, standing: segment_figures.SegmentStanding) -> "SegmentOutcome":
        figures = standing.figures
        return cls(
            segment=standing.segment,
            units=standing.units,
            binding=figures.binding,
            binding_met=figures.binding_met,
            attainment=figures.attainment,
            measured_attainment=figures.measured_attainment,
            reported_attainment=figures.reported_attainment,
            gap_points=figures.gap_points,
            targets=StatusCounts.of(figures.tally.targets),
        )


@strawberry.input(description="Which units are added up; all conditions given must hold.")
class SegmentOutcomeFilter:
    """Conditions of the units."""

    kinds: list[UnitKind] | None = field(default=None, description="Of one of these kinds.")
    below_id: strawberry.ID | None = field(
        default=None, description="Anywhere below this unit, itself left out."
    )

    def plain(self) -> segment_figures.SegmentFilter:
        below = decode_optional(self.below_id, "Unit", "filter", "belowId")
        return segment_figures.SegmentFilter(kinds=distinct(self.kinds), below_id=below)


SegmentWhich = Annotated[
    SegmentOutcomeFilter | None,
    strawberry.argument(description="Which units; all with targets unless given."),
]


def segments_of_plan(
    info: Info, plan: int, which: SegmentOutcomeFilter | None
) -> list[SegmentOutcome] | None:
    """A plan's figures by segment."""
    plain = which.plain() if which else segment_figures.SegmentFilter()
    return info.context.load(load_segments_of_plans, plan, plain)


@strawberry.input(description="Units to be placed into segments or taken out of them.")
class SetUnitSegmentsInput:
    """All of them or, unless bad ones are skipped, none."""

    unit_ids: list[strawberry.ID] = field(description="Which units, up to 5,000.")
    add: list[Segment] = field(default_factory=list, description="Segments they belong to from now on.")
    remove: list[Segment] = field(default_factory=list, description="Segments they no longer belong to.")
    skip_bad: bool = field(default=False, description="Place those that may be, and report the others.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.type(description="What placing units into segments answers with.")
class SetUnitSegmentsPayload:
    """How many, and who was left out."""

    updated: int | None = field(default=None, description="How many units changed.")
    unchanged: int | None = field(default=None, description="How many stood so already.")
    bad: int | None = field(default=None, description="How many were left out.")
    refusals: list[UserError] | None = field(
        default=None, description="Why, for the first 100 of those left out; paths name the unit's place."
    )
    errors: list[UserError] = field(description=ERRORS)


async def _placed(context: Context, answer: Any) -> dict[str, Any]:
    return {**answer, "refusals": [told(context, kept) for kept in answer["refusals"]]}


@strawberry.type
class SegmentMutation:
    """Verbs on segments."""

    @strawberry.mutation(
        description="Place units into segments or take them out. For administrators, and managers of a "
        "public body above the units."
    )
    async def set_unit_segments(
        self, info: Info, input: In[SetUnitSegmentsInput]
    ) -> SetUnitSegmentsPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            given = len(input.unit_ids)
            if given > segments.AT_ONCE:
                raise TOO_MANY_ITEMS.at("unitIds", given=given, limit=segments.AT_ONCE)
            done = await segments.set_unit_segments(
                tx,
                decode_many(input.unit_ids, "Unit", "unitIds"),
                add=input.add,
                remove=input.remove,
                skip_bad=input.skip_bad,
            )
            return {
                "updated": done.updated,
                "unchanged": done.unchanged,
                "bad": len(done.refusals),
                "refusals": [remembered(refused) for refused in done.refusals[:_REFUSALS_TOLD]],
            }

        return await perform(info, SetUnitSegmentsPayload, input, verb, _placed)
