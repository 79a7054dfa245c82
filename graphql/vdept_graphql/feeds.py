"""Calendar feeds: one's own addresses."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import argument, field

from vdept.feeds import queries
from vdept.feeds.models import CalendarFeed as CalendarFeedRow
from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.ids import NODES, Node, encode
from vdept_graphql.units import Unit, load_units


async def load_feeds(tx: Tx, ids: list[int]) -> dict[int, "CalendarFeed"]:
    """One's own feeds by number."""
    return {key: CalendarFeed.from_row(row) for key, row in (await queries.feeds_by_ids(tx, ids)).items()}


NODES["CalendarFeed"] = load_feeds


@strawberry.type(
    description="An address at which a calendar reads due dates as iCalendar, without signing in: your own, "
    "or a unit's (địa chỉ lịch). It shows what you may see at the moment it is read."
)
class CalendarFeed(Node):
    """A feed as its row says it; its address is shown when it is made, and never again."""

    created_at: datetime = field(description="When it was made.")
    revoked_at: datetime | None = field(description="When it was revoked; null: it is in use.")
    read_at: datetime | None = field(
        description="When it was last read, to within an hour; null: never so far."
    )
    unit_key: strawberry.Private[int | None]

    @classmethod
    def from_row(cls, row: CalendarFeedRow) -> "CalendarFeed":
        return cls(
            id=encode("CalendarFeed", row.id),
            created_at=row.created_at,
            revoked_at=row.revoked_at,
            read_at=row.read_at,
            unit_key=row.unit_id,
        )

    @field(
        description="The unit whose due dates it shows, for as long as you belong to it; null: what is "
        "assigned to you."
    )
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)


@strawberry.type
class FeedQuery:
    """Reads of feeds."""

    @field(description="Your own calendar addresses, the newest first.")
    async def my_calendar_feeds(
        self,
        info: Info,
        revoked: Annotated[bool, argument(description="Whether to list those you revoked as well.")] = False,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[CalendarFeed]:
        request = PageRequest(first, after, last, before)
        async with info.context.reading() as tx:
            page = await queries.own_feeds(tx, request, revoked=revoked)
        return connection(page, CalendarFeed.from_row)
