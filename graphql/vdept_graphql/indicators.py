"""Indicators: standing definitions of what is measured."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.targets import queries
from vdept.targets.models import Direction, Frequency
from vdept.targets.models import Indicator as IndicatorRow
from vdept_graphql.connections import After, Before, Connection, First, Last
from vdept_graphql.context import Info
from vdept_graphql.ids import NODES, Node, encode

if TYPE_CHECKING:
    from vdept_graphql.sources import Source


async def load_indicators(tx: Tx, ids: list[int]) -> dict[int, "Indicator"]:
    found = await queries.indicators_by_ids(tx, ids)
    return {key: Indicator.from_row(row) for key, row in found.items()}


NODES["Indicator"] = load_indicators


@strawberry.type(description="A standing definition of what is measured (chỉ số); it outlives any plan.")
class Indicator(Node):
    """An indicator as its row says it."""

    code: str = field(description="Short code; unique.")
    name: str = field(description="What is measured.")
    description: str | None = field(description="How it is measured.")
    unit_of_measure: str = field(description="In what its values are given, such as %.")
    direction: Direction = field(description="Which values are good.")
    numerator: str | None = field(description="What is counted above the line, if it is a ratio.")
    denominator: str | None = field(description="What is counted below the line, if it is a ratio.")
    minimum: Decimal | None = field(description="Smallest possible value.")
    maximum: Decimal | None = field(description="Largest possible value.")
    frequency: Frequency | None = field(
        description="How often it is measured; null: nobody is warned of silence."
    )
    version: int = field(description="Counts the changes; give it as `expectedVersion`.")
    key: strawberry.Private[int]

    @classmethod
    def from_row(cls, row: IndicatorRow) -> "Indicator":
        return cls(
            id=encode("Indicator", row.id),
            code=row.code,
            name=row.name,
            description=row.description,
            unit_of_measure=row.unit_of_measure,
            direction=row.direction,
            numerator=row.numerator,
            denominator=row.denominator,
            minimum=row.minimum,
            maximum=row.maximum,
            frequency=row.frequency,
            version=row.version,
            key=row.id,
        )

    @field(description="The sources that measure it, of those you may see, in alphabetical order.")
    def sources(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Annotated["Source", strawberry.lazy("vdept_graphql.sources")]]:
        from vdept_graphql.sources import load_sources_of_indicators

        request = PageRequest(first, after, last, before)
        return info.context.load(load_sources_of_indicators, self.key, request)
