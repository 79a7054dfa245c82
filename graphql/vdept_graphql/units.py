"""Units: the tree of public bodies, firms and associations."""

from datetime import date
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.kernel.pages import Page, PageRequest
from vdept.tasks.queries import ALL_OF_UNIT, UnitTaskOrder
from vdept.units import queries
from vdept.units.models import Segment, UnitKind
from vdept.units.models import Unit as UnitRow
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import NODES, Node, decode, decode_optional, encode
from vdept_graphql.inputs import GAPS_FROM, GAPS_TO, distinct

if TYPE_CHECKING:
    from vdept_graphql.focus import Focus
    from vdept_graphql.gaps import GapHistory
    from vdept_graphql.outcomes import UnitOutcome
    from vdept_graphql.people import Membership, Person
    from vdept_graphql.sources import Source
    from vdept_graphql.target_queries import TargetFilter
    from vdept_graphql.targets import Target
    from vdept_graphql.task_queries import UnitTaskFilter
    from vdept_graphql.tasks import Task
    from vdept_graphql.verdicts import Verdict, VerdictFilter

described(
    UnitKind,
    "What kind of organisation a unit is (loại đơn vị).",
    GOVERNMENT="The government, at the root of the tree (Chính phủ).",
    MINISTRY="A ministry or a body of its rank (bộ, cơ quan ngang bộ).",
    DEPARTMENT="A department or agency of a ministry or a province (cục, vụ, sở).",
    PROVINCE="A province or a city under the government (tỉnh, thành phố).",
    COMMUNE="A commune, ward or special zone (xã, phường, đặc khu).",
    FIRM="A firm, beside the tree (doanh nghiệp).",
    ASSOCIATION="An association, beside the tree (hội, hiệp hội).",
)
described(
    Segment,
    "Whom programmes usually leave behind (nhóm ưu tiên): every figure can be read for them apart.",
    DISADVANTAGED="With especially difficult social and economic conditions (đặc biệt khó khăn).",
    RURAL="Rural (nông thôn).",
    MOUNTAINOUS="Mountainous (miền núi).",
    BORDER="At the land border (biên giới).",
    ISLAND="On islands (hải đảo).",
)


async def load_units(tx: Tx, ids: list[int]) -> dict[int, "Unit"]:
    """Units by number. Many lists name the same ones: each is read once in a snapshot."""
    known: dict[int, Unit] = tx.session.info.setdefault("units", {})
    missing = [key for key in ids if key not in known]
    if missing:
        found = await queries.units_by_ids(tx, missing)
        known.update((key, Unit.from_row(row)) for key, row in found.items())
    return {key: known[key] for key in ids if key in known}


async def load_children(
    tx: Tx, ids: list[int], request: PageRequest, which: queries.UnitFilter
) -> dict[int, Connection["Unit"]]:
    """The same page of direct children for each unit."""
    pages: dict[int, Page[UnitRow]] = await queries.children_of_units(tx, ids, request, which)
    return {key: connection(page, Unit.from_row) for key, page in pages.items()}


NODES["Unit"] = load_units


@strawberry.type(
    description="An organisation that can hold targets and share tasks (đơn vị): a public body in the tree, "
    "or a firm or an association beside it."
)
class Unit(Node):
    """A unit as its row says it."""

    code: str = field(
        description="National e-identifier, code in the administrative registry, or tax code (mã đơn vị)."
    )
    name: str = field(description="Name in Vietnamese.")
    name_en: str | None = field(description="Name in English, if it has one.")
    kind: UnitKind = field(description="What kind of organisation it is.")
    division: str | None = field(
        description="What the registry calls it, such as thành phố, tỉnh, phường, xã, đặc khu."
    )
    segments: list[Segment] = field(description="The segments it belongs to (nhóm ưu tiên); mostly none.")
    valid_from: date = field(description="First day on which the unit exists.")
    valid_to: date | None = field(description="Last day on which the unit exists; null: it still does.")
    version: int = field(description="Counts the changes; give it as `expectedVersion`.")
    key: strawberry.Private[int]
    parent_key: strawberry.Private[int | None]

    @classmethod
    def from_row(cls, row: UnitRow) -> "Unit":
        return cls(
            id=encode("Unit", row.id),
            code=row.code,
            name=row.name,
            name_en=row.name_en,
            kind=row.kind,
            division=row.division,
            segments=[Segment(one) for one in row.segments],
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            version=row.version,
            key=row.id,
            parent_key=row.parent_id,
        )

    @field(description="The unit directly above, in the tree of public bodies.")
    def parent(self, info: Info) -> "Unit | None":
        return info.context.load(load_units, self.parent_key)

    @field(description="The units directly below, in alphabetical order.")
    def children(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection["Unit"]:
        request = PageRequest(first, after, last, before)
        return info.context.load(load_children, self.key, request, queries.UnitFilter())

    @field(description="Who is accountable for the unit on a day; null if nobody is or you may not see them.")
    def head(
        self,
        info: Info,
        on: Annotated[date | None, argument(description="On this day; today unless given.")] = None,
    ) -> Annotated["Person", strawberry.lazy("vdept_graphql.people")] | None:
        from vdept_graphql.people import load_heads

        return info.context.load(load_heads, self.key, on)

    @field(
        description="What the unit has to show in a plan; null if it has no part in it or you may not see it."
    )
    def outcome(
        self, info: Info, plan_id: Annotated[strawberry.ID, argument(description="The plan.")]
    ) -> Annotated["UnitOutcome", strawberry.lazy("vdept_graphql.outcomes")] | None:
        from vdept_graphql.outcomes import load_unit_outcomes

        pair = decode(plan_id, "Plan", "planId"), self.key
        return info.context.load(load_unit_outcomes, pair)

    @field(
        description="How far its reports lay above measurements in a plan over time, in points; null where "
        "it had neither, or you may not see its outcome there."
    )
    def gap_history(
        self,
        info: Info,
        plan_id: Annotated[strawberry.ID, argument(description="The plan.")],
        since: Annotated[date | None, argument(name="from", description=GAPS_FROM)] = None,
        until: Annotated[date | None, argument(name="to", description=GAPS_TO)] = None,
    ) -> Annotated["GapHistory", strawberry.lazy("vdept_graphql.gaps")] | None:
        from vdept_graphql.gaps import load_gaps_of_units

        pair = decode(plan_id, "Plan", "planId"), self.key
        return info.context.load(load_gaps_of_units, pair, since, until)

    @field(description="What the unit puts first in a plan; null if it has not said or you may not see it.")
    def focus(
        self, info: Info, plan_id: Annotated[strawberry.ID, argument(description="The plan.")]
    ) -> Annotated["Focus", strawberry.lazy("vdept_graphql.focus")] | None:
        from vdept_graphql.focus import load_focus_of_units

        return info.context.load(load_focus_of_units, self.key, decode(plan_id, "Plan", "planId"))

    @field(description="The verdicts on it and on its targets, of those you may see, the last issued first.")
    def verdicts(
        self,
        info: Info,
        plan_id: Annotated[strawberry.ID | None, argument(description="In this plan.")] = None,
        filter: Annotated[
            Annotated["VerdictFilter", strawberry.lazy("vdept_graphql.verdicts")] | None,
            argument(description="Which of them; those that count unless given."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Annotated["Verdict", strawberry.lazy("vdept_graphql.verdicts")]]:
        from vdept_graphql.verdicts import load_verdicts_of_units, plain

        found = plain(filter, decode_optional(plan_id, "Plan", "planId"))
        return info.context.load(
            load_verdicts_of_units, self.key, PageRequest(first, after, last, before), found
        )

    @field(description="Who holds which role in the unit on a day, in the order granted.")
    def memberships(
        self,
        info: Info,
        on: Annotated[date | None, argument(description="On this day; today unless given.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Annotated["Membership", strawberry.lazy("vdept_graphql.people")]]:
        from vdept_graphql.people import load_members

        request = PageRequest(first, after, last, before)
        return info.context.load(load_members, self.key, request, on)

    @field(description="The tasks it takes part in or is asked to.")
    def tasks(
        self,
        info: Info,
        filter: Annotated[
            Annotated["UnitTaskFilter", strawberry.lazy("vdept_graphql.task_queries")] | None,
            argument(description="Which of them; all that you may see unless given."),
        ] = None,
        order_by: Annotated[UnitTaskOrder, argument(description="In which order.")] = UnitTaskOrder.DUE,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Annotated["Task", strawberry.lazy("vdept_graphql.tasks")]]:
        from vdept_graphql.task_queries import load_tasks_of_units

        which = filter.plain() if filter else ALL_OF_UNIT
        request = PageRequest(first, after, last, before)
        return info.context.load(load_tasks_of_units, self.key, request, which, order_by)

    @field(description="The targets it holds, of those you may see, in due order.")
    def targets(
        self,
        info: Info,
        filter: Annotated[
            Annotated["TargetFilter", strawberry.lazy("vdept_graphql.target_queries")] | None,
            argument(description="Which of them; all that you may see unless given."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Annotated["Target", strawberry.lazy("vdept_graphql.targets")]]:
        from vdept.targets.queries import TargetFilter as Which
        from vdept_graphql.targets import load_targets_of_units

        which = filter.plain() if filter else Which()
        request = PageRequest(first, after, last, before)
        return info.context.load(load_targets_of_units, self.key, request, which)

    @field(description="Its systems that measure indicators, of those you may see, in alphabetical order.")
    def sources(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Annotated["Source", strawberry.lazy("vdept_graphql.sources")]]:
        from vdept_graphql.sources import load_sources_of_units

        request = PageRequest(first, after, last, before)
        return info.context.load(load_sources_of_units, self.key, request)


@strawberry.input(description="Which units; all conditions given must hold.")
class UnitFilter:
    """Conditions of a list of units."""

    kinds: list[UnitKind] | None = field(default=None, description="Of one of these kinds.")
    parent_id: strawberry.ID | None = field(default=None, description="Directly below this unit.")
    below_id: strawberry.ID | None = field(
        default=None, description="Anywhere below this unit, itself left out."
    )
    codes: list[str] | None = field(default=None, description="With one of these codes.")
    text: str | None = field(
        default=None, description="With these words in the name or code; marks and case do not matter."
    )
    valid_on: date | None = field(default=None, description="Existing on this day.")
    segments: list[Segment] | None = field(default=None, description="Of any of these segments.")

    def plain(self) -> queries.UnitFilter:
        return queries.UnitFilter(
            kinds=distinct(self.kinds),
            parent_id=decode_optional(self.parent_id, "Unit", "filter", "parentId"),
            below_id=decode_optional(self.below_id, "Unit", "filter", "belowId"),
            codes=distinct(self.codes),
            text=self.text,
            valid_on=self.valid_on,
            segments=distinct(self.segments),
        )


UnitId = Annotated[strawberry.ID | None, argument(description="The unit's global id.")]
UnitCode = Annotated[str | None, argument(description="The unit's code; give either this or the id.")]
Which = Annotated[UnitFilter | None, argument(description="Which units; all of them unless given.")]


@strawberry.type
class UnitQuery:
    """Reads of units."""

    @field(description="A unit by its global id or its code; null if there is none.")
    async def unit(self, info: Info, id: UnitId = None, code: UnitCode = None) -> Unit | None:
        number = decode_optional(id, "Unit", "id")
        if number is None and code is not None:
            async with info.context.reading() as tx:
                row = (await queries.units_by_codes(tx, [code])).get(code)
            return Unit.from_row(row) if row else None
        return await info.context.one(load_units, number)

    @field(description="Units in alphabetical order.")
    async def units(
        self,
        info: Info,
        filter: Which = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Unit]:
        which = filter.plain() if filter else queries.UnitFilter()
        async with info.context.reading() as tx:
            page = await queries.units_page(tx, PageRequest(first, after, last, before), which)
        return connection(page, Unit.from_row)
