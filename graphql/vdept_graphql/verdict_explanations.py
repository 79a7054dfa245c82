"""``explainOutcome``: how the figure of a target, or of a unit in a plan, came about."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.errors import Locale, invalid
from vdept.kernel.pages import PageRequest
from vdept.outcomes.models import Status
from vdept.verdicts import explaining
from vdept.verdicts.sentences import Line, LineKind
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import decode_optional
from vdept_graphql.units import Unit, load_units

if TYPE_CHECKING:
    from vdept_graphql.measurements import Measurement
    from vdept_graphql.plans import Plan
    from vdept_graphql.targets import Target
    from vdept_graphql.verdicts import Verdict

described(
    LineKind,
    "What a line of an explanation says (loại dòng giải thích).",
    graphql_name="OutcomeLineKind",
    RULE="How a parent's value follows from its children's.",
    READING="The reading that counts: its date, source, time and hash; or that there is none.",
    TASKS="How much of a milestone's work is done.",
    CHILDREN="How many children there are, with a value, and met.",
    BESIDE="The value on the other basis, which does not count.",
    VALUE="The value that counts.",
    GOAL="What it must be, and by when.",
    ATTAINMENT="How much of the way is behind.",
    PACE="How much should be behind by now, and the thresholds.",
    STATUS="What follows: the status, or the verdict once it is due.",
    TARGETS="Of a unit: how many targets stand where.",
    BINDING="Of a unit: how many of its binding targets are met.",
)


@strawberry.type(description="One thing that a figure rests on (dòng giải thích).")
class OutcomeLine:
    """A line as the core says it."""

    kind: LineKind = field(description="What it says.")
    sentence: str = field(description="The same in your language, to be shown as it is.")
    value: Decimal | None = field(description="The number that it is about.")
    on: date | None = field(description="The day that it is about.")

    @classmethod
    def of(cls, line: Line, locale: Locale) -> "OutcomeLine":
        return cls(kind=line.kind, sentence=line.sentence(locale), value=line.value, on=line.on)


@strawberry.type(
    description="What one target adds to the figure above it (phần đóng góp): a child to the value of its "
    "parent, or a target to the attainment of its unit. The figure is the sum of `adds` over the sum of "
    "`over`; their sum alone where nothing is divided; under MIN and MAX the least or the largest of them."
)
class OutcomePart:
    """A part with what it is made of."""

    value: Decimal | None = field(description="Its value on the basis that counts; of a unit: attainment.")
    numerator: Decimal | None = field(description="What a ratio has above the line.")
    denominator: Decimal | None = field(description="What a ratio has below the line.")
    weight: Decimal = field(description="How much it weighs.")
    meets: bool = field(description="Whether it is met as things stand.")
    status: Status = field(description="Where it stands.")
    adds: Decimal | None = field(description="What it adds above the line; null: nothing, without a value.")
    over: Decimal | None = field(description="What it adds below the line; null: nothing is divided.")
    target_key: strawberry.Private[int]

    @classmethod
    def of(cls, found: explaining.Explained) -> "OutcomePart":
        return cls(
            value=found.value,
            numerator=found.numerator,
            denominator=found.denominator,
            weight=found.weight,
            meets=found.meets,
            status=found.row.status,
            adds=found.part.adds,
            over=found.part.over,
            target_key=found.row.target_id,
        )

    @field(description="The target.")
    def target(self, info: Info) -> Annotated["Target", strawberry.lazy("vdept_graphql.targets")] | None:
        from vdept_graphql.targets import load_targets

        return info.context.load(load_targets, self.target_key)


@strawberry.type(description="How a figure came about (giải thích kết quả), in words and numbers.")
class OutcomeExplanation:
    """The figure, the lines in order, and the parts that it is made of."""

    evaluated_on: date = field(description="For which day.")
    value: Decimal | None = field(description="The value of the target, or the attainment of the unit.")
    attainment: Decimal | None = field(description="How much of the way is behind; null without a value.")
    expected: Decimal | None = field(description="How much of it should be behind; null for a unit.")
    status: Status | None = field(description="Where it stands; MET or NOT_MET once it is due.")
    adds_up: bool = field(
        description="Whether `value` is what the parts add up to; no where a target's own reading counts."
    )
    lines: list[OutcomeLine] = field(description="What it rests on, in the order in which one would tell it.")
    found: strawberry.Private[explaining.Explanation]

    @classmethod
    def of(cls, found: explaining.Explanation, locale: Locale) -> "OutcomeExplanation":
        return cls(
            evaluated_on=found.evaluated_on,
            value=found.value,
            attainment=found.attainment,
            expected=found.expected,
            status=found.status,
            adds_up=found.adds_up,
            lines=[OutcomeLine.of(line, locale) for line in found.lines],
            found=found,
        )

    @field(description="The target; null for a unit.")
    def target(self, info: Info) -> Annotated["Target", strawberry.lazy("vdept_graphql.targets")] | None:
        from vdept_graphql.targets import load_targets

        return info.context.load(load_targets, self.found.target_id)

    @field(description="The unit.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.found.unit_id)

    @field(description="The plan.")
    def plan(self, info: Info) -> Annotated["Plan", strawberry.lazy("vdept_graphql.plans")] | None:
        from vdept_graphql.plans import load_plans

        return info.context.load(load_plans, self.found.plan_id)

    @field(description="The measurement that the value was read from; null if there is none for you to see.")
    def measurement(
        self, info: Info
    ) -> Annotated["Measurement", strawberry.lazy("vdept_graphql.measurements")] | None:
        from vdept_graphql.measurements import load_measurements

        return info.context.load(load_measurements, self.found.measurement_id)

    @field(description="The verdicts on the target: the one that counts, then the past; none for a unit.")
    def verdicts(self, info: Info) -> list[Annotated["Verdict", strawberry.lazy("vdept_graphql.verdicts")]]:
        from vdept_graphql.verdicts import load_verdicts_of_targets

        if self.found.target_id is None:
            return []
        return info.context.load(load_verdicts_of_targets, self.found.target_id)

    @field(
        description="What it is made of: the children of the target, or the targets of the unit in the plan, "
        "of those you may see; what is not met first, and of those the least attained."
    )
    async def parts(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[OutcomePart]:
        request, of = PageRequest(first, after, last, before), self.found
        async with info.context.reading() as tx:
            if of.target_id is None:
                page = await explaining.parts_of_unit(tx, of, request)
                return connection(page, lambda row: OutcomePart.of(explaining.target_of(row)))
            page = await explaining.parts_of_target(tx, of, request)
            return connection(page, lambda row: OutcomePart.of(explaining.child_of(of, row)))


@strawberry.type
class OutcomeExplanationQuery:
    """Why a figure is what it is."""

    @field(
        description="How a figure came about, in words and numbers, down to the children and the readings: "
        "of a target by `targetId`, or of a unit in a plan by `planId` and `unitId`. Null if there is none "
        "or you may not see it."
    )
    async def explain_outcome(
        self,
        info: Info,
        target_id: Annotated[strawberry.ID | None, argument(description="Which target.")] = None,
        plan_id: Annotated[
            strawberry.ID | None, argument(description="In which plan, with `unitId`.")
        ] = None,
        unit_id: Annotated[strawberry.ID | None, argument(description="Which unit, with `planId`.")] = None,
    ) -> OutcomeExplanation | None:
        target = decode_optional(target_id, "Target", "targetId")
        plan = decode_optional(plan_id, "Plan", "planId")
        unit = decode_optional(unit_id, "Unit", "unitId")
        if (target is None) == (plan is None) or (plan is None) != (unit is None):
            raise invalid(
                "targetId",
                vi="cho biết targetId, hoặc planId cùng với unitId",
                en="give targetId, or planId together with unitId",
            )
        async with info.context.reading() as tx:
            if target is not None:
                found = await explaining.explain_target(tx, target)
            else:
                found = await explaining.explain_unit(tx, plan or 0, unit or 0)
        return None if found is None else OutcomeExplanation.of(found, info.context.locale)
