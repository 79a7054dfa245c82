"""Sources: systems of units that measure indicators."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.sources import queries
from vdept.sources.models import IntakeState, Reach, SourceState, Way
from vdept.sources.models import Source as SourceRow
from vdept.targets.models import Frequency
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import NODES, Node, decode, decode_optional, encode
from vdept_graphql.indicators import Indicator
from vdept_graphql.inputs import distinct
from vdept_graphql.intakes import (
    InRejectedState,
    Intake,
    RejectedReading,
    load_intakes_of_sources,
    load_rejected_of_sources,
)
from vdept_graphql.source_connectors import SourceConnector, load_connectors
from vdept_graphql.units import Unit, load_units

described(
    Way,
    "How values come in (cách đưa số liệu vào).",
    graphql_name="SourceWay",
    PUSH="A program of the unit sends them with `pushReadings`.",
    PULL="The platform asks for them by a connector, on a schedule.",
)
described(
    Reach,
    "Which units a source may measure (phạm vi đo).",
    graphql_name="SourceReach",
    SUBTREE="Its own unit and those below it.",
    NATION="Every public body; for ministries and the government only.",
)
described(
    SourceState,
    "Whether a source takes values in (trạng thái nguồn).",
    ACTIVE="It does.",
    PAUSED="Not until it is resumed.",
    CLOSED="Never again.",
)


async def load_sources(tx: Tx, ids: list[int]) -> dict[int, "Source"]:
    """Sources by number."""
    found = await queries.sources_by_ids(tx, ids)
    return {key: Source.from_row(row) for key, row in found.items()}


async def load_sources_of_units(
    tx: Tx, unit_ids: list[int], request: PageRequest
) -> dict[int, Connection["Source"]]:
    """The same page of sources of each unit."""
    pages = await queries.sources_of_units(tx, unit_ids, request)
    return {key: connection(page, Source.from_row) for key, page in pages.items()}


async def load_sources_of_indicators(
    tx: Tx, indicator_ids: list[int], request: PageRequest
) -> dict[int, Connection["Source"]]:
    """The same page of sources of each indicator."""
    pages = await queries.sources_of_indicators(tx, indicator_ids, request)
    return {key: connection(page, Source.from_row) for key, page in pages.items()}


async def load_indicators_of_sources(tx: Tx, source_ids: list[int]) -> dict[int, list[Indicator]]:
    """What each source measures."""
    found = await queries.indicators_of_sources(tx, source_ids)
    return {key: [Indicator.from_row(row) for row in rows] for key, rows in found.items()}


async def load_last_received(tx: Tx, source_ids: list[int]) -> dict[int, datetime]:
    """When something last came in from each source."""
    return await queries.last_received(tx, source_ids)


NODES["Source"] = load_sources


@strawberry.type(
    description="A system of a unit that measures indicators (nguồn số liệu). What is MEASURED comes from a "
    "source and from nobody's hand. Every public official sees which there are; a firm's people their own."
)
class Source(Node):
    """A source as its row says it."""

    name: str = field(description="Its name, such as that of the system.")
    method: str = field(description="How it measures.")
    limits: str | None = field(description="What it does not see.")
    frequency: Frequency = field(
        description="How often it has new values; silent for longer, it is warned of."
    )
    way: Way = field(description="How its values come in.")
    reach: Reach = field(description="Which units it may measure.")
    state: SourceState = field(description="Whether it takes values in.")
    state_reason: str | None = field(description="Why it is paused or closed.")
    created_at: datetime = field(description="When it was registered.")
    failing_since: datetime | None = field(
        description="Since when its connector fails; null: it works, or there is none."
    )
    version: int = field(description="Counts the changes; give it as `expectedVersion`.")
    key: strawberry.Private[int]
    unit_key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: SourceRow) -> "Source":
        return cls(
            id=encode("Source", row.id),
            name=row.name,
            method=row.method,
            limits=row.limits,
            frequency=row.frequency,
            way=row.way,
            reach=row.reach,
            state=row.state,
            state_reason=row.state_reason,
            created_at=row.created_at,
            failing_since=row.failing_since,
            version=row.version,
            key=row.id,
            unit_key=row.unit_id,
        )

    @field(description="The unit that answers for it.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="What it measures, in alphabetical order.")
    def indicators(self, info: Info) -> list[Indicator]:
        return info.context.load(load_indicators_of_sources, self.key)

    @field(description="When something last came in from it; null: never, or you do not work in its unit.")
    def last_received_at(self, info: Info) -> datetime | None:
        return info.context.load(load_last_received, self.key)

    @field(
        description="How it is asked, if it is pulled; null unless you work in its unit and have signed in "
        "yourself."
    )
    def connector(self, info: Info) -> SourceConnector | None:
        return info.context.load(load_connectors, self.key)

    @field(description="What came in, the newest first; nothing unless you work in its unit.")
    def intakes(
        self,
        info: Info,
        state: Annotated[IntakeState | None, argument(description="Only of this outcome.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Intake]:
        request = PageRequest(first, after, last, before)
        return info.context.load(load_intakes_of_sources, self.key, request, state)

    @field(
        description="Rows that made no measurement, the newest first; nothing unless you work in its unit."
    )
    def rejected_readings(
        self,
        info: Info,
        state: InRejectedState = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[RejectedReading]:
        request = PageRequest(first, after, last, before)
        return info.context.load(load_rejected_of_sources, self.key, request, state)


@strawberry.input(description="Which sources; all conditions given must hold.")
class SourceFilter:
    """Conditions of a list of sources."""

    unit_id: strawberry.ID | None = field(default=None, description="Of this unit.")
    below_id: strawberry.ID | None = field(default=None, description="Of this unit or one below it.")
    indicator_id: strawberry.ID | None = field(default=None, description="That measure this indicator.")
    states: list[SourceState] | None = field(default=None, description="In one of these states.")
    way: Way | None = field(default=None, description="Whose values come in so.")
    failing: bool | None = field(default=None, description="Whose connector fails, or does not.")
    text: str | None = field(default=None, description="With these words in the name, marks and case aside.")

    def plain(self) -> queries.SourceFilter:
        """The same in the words of the core."""
        return queries.SourceFilter(
            unit_id=decode_optional(self.unit_id, "Unit", "filter", "unitId"),
            below_id=decode_optional(self.below_id, "Unit", "filter", "belowId"),
            indicator_id=decode_optional(self.indicator_id, "Indicator", "filter", "indicatorId"),
            states=distinct(self.states),
            way=self.way,
            failing=self.failing,
            text=self.text,
        )


@strawberry.type
class SourceQuery:
    """Reads of sources."""

    @field(description="Sources that you may see, in alphabetical order.")
    async def sources(
        self,
        info: Info,
        filter: Annotated[
            SourceFilter | None, argument(description="Which of them; all that you may see unless given.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Source]:
        which = filter.plain() if filter else queries.SourceFilter()
        async with info.context.reading() as tx:
            page = await queries.sources_page(tx, PageRequest(first, after, last, before), which)
        return connection(page, Source.from_row)

    @field(description="A source by its id; null if there is none or you may not see it.")
    async def source(
        self, info: Info, id: Annotated[strawberry.ID, argument(description="Which source.")]
    ) -> Source | None:
        return await info.context.one(load_sources, decode(id, "Source", "id"))
