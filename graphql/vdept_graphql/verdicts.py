"""Verdicts: met or not met once it is due, with every input, and whose it is."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.outcomes.access import sees_tasks_of
from vdept.outcomes.standings import Judgement
from vdept.units.models import Segment, UnitKind
from vdept.verdicts import queries
from vdept.verdicts.models import Verdict as VerdictRow
from vdept.verdicts.models import VerdictSubject
from vdept_graphql.connections import Connection, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import NODES, Node, decode_optional, encode
from vdept_graphql.inputs import distinct
from vdept_graphql.units import Unit, load_units
from vdept_graphql.verdict_inputs import (
    VerdictHead,
    VerdictInputs,
    VerdictSource,
    load_verdict_heads,
    load_verdict_sources,
)

if TYPE_CHECKING:
    from vdept_graphql.plans import KeyResult, Plan
    from vdept_graphql.targets import Target

described(
    VerdictSubject,
    "What was judged (đối tượng kết luận).",
    TARGET="A target of a unit (chỉ tiêu).",
    UNIT="A unit in a plan: all its binding targets (đơn vị).",
)


async def load_verdicts(tx: Tx, ids: list[int]) -> dict[int, "Verdict"]:
    """Verdicts by number."""
    return {key: Verdict.from_row(row) for key, row in (await queries.verdicts_by_ids(tx, ids)).items()}


async def load_verdicts_of_targets(tx: Tx, ids: list[int]) -> dict[int, list["Verdict"]]:
    """The verdicts on each target."""
    found = await queries.verdicts_of_targets(tx, ids)
    return {key: [Verdict.from_row(row) for row in rows] for key, rows in found.items()}


async def load_verdicts_of_units(
    tx: Tx, ids: list[int], request: PageRequest, which: queries.VerdictFilter
) -> dict[int, Connection["Verdict"]]:
    """The same page of verdicts of each unit."""
    pages = await queries.verdicts_of_units(tx, ids, request, which)
    return {key: connection(page, Verdict.from_row) for key, page in pages.items()}


async def load_verdicts_of_plans(
    tx: Tx, ids: list[int], request: PageRequest, which: queries.VerdictFilter
) -> dict[int, Connection["Verdict"]]:
    """The same page of verdicts in each plan."""
    pages = await queries.verdicts_of_plans(tx, ids, request, which)
    return {key: connection(page, Verdict.from_row) for key, page in pages.items()}


async def load_verdicts_of_persons(
    tx: Tx, ids: list[int], request: PageRequest, which: queries.VerdictFilter
) -> dict[int, Connection["Verdict"]]:
    """The same page of verdicts of each head's tenure."""
    pages = await queries.verdicts_of_persons(tx, ids, request, which)
    return {key: connection(page, Verdict.from_row) for key, page in pages.items()}


async def load_verdict_counts(
    tx: Tx, ids: list[int], which: queries.VerdictFilter
) -> dict[int, "VerdictCounts"]:
    """The same verdicts, counted."""
    found = await queries.counts_of_persons(tx, ids, which)
    return {key: VerdictCounts(**count._asdict()) for key, count in found.items()}


async def load_predecessors(tx: Tx, ids: list[int]) -> dict[int, "Verdict"]:
    """The verdict before each of these."""
    return {key: Verdict.from_row(row) for key, row in (await queries.predecessors_of(tx, ids)).items()}


NODES["Verdict"] = load_verdicts


@strawberry.type(
    description="What was said of a target, or of a unit in a plan, once it was due (kết luận). It is issued "
    "by the platform alone and never edited: after a correction there is a new one, and both are kept."
)
class Verdict(Node):
    """A verdict as its row says it."""

    subject: VerdictSubject = field(description="What was judged.")
    judgement: Judgement = field(description="Met or not met.")
    number: int = field(description="1 for the first on its subject, one more each time it was issued again.")
    due_on: date = field(description="The due date; of a unit, the last one of its targets.")
    evaluated_on: date = field(description="The day of the outcomes that it was read from.")
    value: Decimal | None = field(
        description="The value that was judged; of EACH with children, and of MILESTONE, the percentage of "
        "children met or of work done; null: none, and so not met."
    )
    goal: Decimal | None = field(
        description="The value to meet; where `value` is such a percentage, what each child has to meet, and "
        "all of them must; null for a unit."
    )
    issued_at: datetime = field(description="When it was issued.")
    superseded_at: datetime | None = field(
        description="When it ceased to count: another was issued, or the target was taken back or given a "
        "later date; null: it counts."
    )
    key: strawberry.Private[int]
    row: strawberry.Private[VerdictRow]

    @classmethod
    def from_row(cls, row: VerdictRow) -> "Verdict":
        return cls(
            id=encode("Verdict", row.id),
            subject=row.subject,
            judgement=row.judgement,
            number=row.number,
            due_on=row.due_on,
            evaluated_on=row.evaluated_on,
            value=row.value,
            goal=row.goal,
            issued_at=row.issued_at,
            superseded_at=row.superseded_at,
            key=row.id,
            row=row,
        )

    @field(description="What it rests on.")
    def inputs(self, info: Info) -> VerdictInputs:
        return VerdictInputs.of(self.row, tasks=sees_tasks_of(info.context.actor, self.row.unit_id))

    @field(
        description="What the value was read from; null for a value that was rolled up, without a value, and "
        "where the measurement is not for you."
    )
    def source(self, info: Info) -> VerdictSource | None:
        read = self.row.inputs.get("measurement_id") is not None
        return info.context.load(load_verdict_sources, self.key if read else None)

    @field(description="The unit that was judged.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.row.unit_id)

    @field(description="The target that was judged; null for a unit's verdict.")
    def target(self, info: Info) -> Annotated["Target", strawberry.lazy("vdept_graphql.targets")] | None:
        from vdept_graphql.targets import load_targets

        return info.context.load(load_targets, self.row.target_id)

    @field(description="The key result of the target.")
    def key_result(self, info: Info) -> Annotated["KeyResult", strawberry.lazy("vdept_graphql.plans")] | None:
        from vdept_graphql.plans import load_key_results

        return info.context.load(load_key_results, self.row.key_result_id)

    @field(description="The plan.")
    def plan(self, info: Info) -> Annotated["Plan", strawberry.lazy("vdept_graphql.plans")] | None:
        from vdept_graphql.plans import load_plans

        return info.context.load(load_plans, self.row.plan_id)

    @field(
        description="Whose verdict it is: who headed the unit on the due date; null if nobody did or you may "
        "not see it."
    )
    def head(self, info: Info) -> VerdictHead | None:
        return info.context.load(load_verdict_heads, self.key if self.row.head_id is not None else None)

    @field(description="The one on the same subject before it.")
    def supersedes(self, info: Info) -> "Verdict | None":
        return info.context.load(load_predecessors, self.key if self.row.number > 1 else None)


@strawberry.type(description="How many verdicts say what (số kết luận).")
class VerdictCounts:
    """Of a head's tenure."""

    targets_met: int = field(description="Targets met.")
    targets_not_met: int = field(description="Targets not met.")
    units_met: int = field(description="Plans that the unit met.")
    units_not_met: int = field(description="Plans that the unit did not meet.")


@strawberry.input(description="Which verdicts; all conditions given must hold.")
class VerdictFilter:
    """Conditions of a list of verdicts."""

    judgement: Judgement | None = field(default=None, description="Saying this.")
    subject: VerdictSubject | None = field(default=None, description="On targets, or on units.")
    kinds: list[UnitKind] | None = field(default=None, description="On units of one of these kinds.")
    segments: list[Segment] | None = field(default=None, description="On units of any of these segments.")
    below_id: strawberry.ID | None = field(
        default=None, description="On units anywhere below this one, itself left out."
    )
    due_from: date | None = field(default=None, description="Due on this day or later.")
    due_to: date | None = field(default=None, description="Due on this day or earlier.")
    superseded: bool | None = field(
        default=False, description="Those that ceased to count; null: both. Those that count unless given."
    )

    def plain(self, plan_id: int | None = None) -> queries.VerdictFilter:
        return queries.VerdictFilter(
            plan_id=plan_id,
            subject=self.subject,
            judgement=self.judgement,
            kinds=distinct(self.kinds),
            segments=distinct(self.segments),
            below_id=decode_optional(self.below_id, "Unit", "filter", "belowId"),
            due_from=self.due_from,
            due_to=self.due_to,
            superseded=self.superseded,
        )


Which = Annotated[
    VerdictFilter | None, argument(description="Which verdicts; those that count unless given.")
]


def plain(which: VerdictFilter | None, plan_id: int | None = None) -> queries.VerdictFilter:
    return (which or VerdictFilter()).plain(plan_id)


@strawberry.type
class VerdictQuery:
    """Reads of verdicts."""

    @field(description="A verdict by its global id; null if there is none or you may not see it.")
    async def verdict(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="The verdict's global id.")]
    ) -> Verdict | None:
        return await info.context.one(load_verdicts, decode_optional(id, "Verdict", "id"))
