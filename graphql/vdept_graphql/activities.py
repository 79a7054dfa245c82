"""The activity feed: what happened, in commit order, without gaps."""

from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry import argument, field
from strawberry.scalars import JSON

from vdept.kernel.activity import Activity as ActivityRow
from vdept.kernel.activity import Position
from vdept.kernel.pages import Key, Ordering, PageRequest
from vdept.tasks import feed
from vdept_graphql.clients import ApiClient, load_clients
from vdept_graphql.connections import After
from vdept_graphql.context import Info
from vdept_graphql.errors import INVALID_ID
from vdept_graphql.ids import NODES, Node, encode, split
from vdept_graphql.people import Person, load_persons
from vdept_graphql.units import Unit, load_units

FEED: Ordering[Position] = Ordering("activities", (Key(None, int), Key(None, int)), tuple)
"""Commit order; only its cursors are used, the reading is :mod:`vdept.tasks.feed`."""


@strawberry.type(description="One thing that was done (hoạt động).")
class Activity:
    """An activity as its row says it."""

    at: datetime = field(description="When.")
    verb: str = field(description="What was done, such as `plan.issued`.")
    subject_type: str = field(description="To what kind of object, such as `Plan`.")
    subject_id: strawberry.ID = field(description="To which one: its global id.")
    job: str | None = field(description="The job that did it; null when somebody did.")
    data: JSON | None = field(
        description="The values that changed, as they are kept; for administrators, null for everybody else."
    )
    row: strawberry.Private[ActivityRow]

    @classmethod
    def from_row(cls, row: ActivityRow, whole: bool) -> "Activity":
        kind, _, name = row.actor.partition(":")
        return cls(
            at=row.at,
            verb=row.verb,
            subject_type=row.subject_type,
            subject_id=encode(row.subject_type, row.subject_id),
            job=name if kind == "system" else None,
            data=JSON(row.data) if whole else None,
            row=row,
        )

    @field(description="The object as it is now; null if you may not see it, or it is gone.")
    def subject(self, info: Info) -> Node | None:
        loader = NODES.get(self.row.subject_type)
        return info.context.load(loader, self.row.subject_id) if loader else None

    @field(
        description="The API client that did it, for `by` where that is somebody, or else for `unit`; null "
        "when none did or you may not see it."
    )
    def client(self, info: Info) -> ApiClient | None:
        return info.context.load(load_clients, self.row.client_id)

    @field(description="Who did it; null when a job or a client did, or you may not see them.")
    def by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.row.person_id)

    @field(description="For which unit it was done.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.row.unit_id)


@strawberry.type(description="A stretch of the feed (trang hoạt động), to be followed by its last cursor.")
class ActivityFeed:
    """The next activities."""

    nodes: list[Activity] = field(description="What happened, in commit order.")
    end_cursor: str | None = field(
        description="Give it as `after` to go on; the one you gave, while nothing new has happened."
    )
    has_more: bool = field(
        description="Whether more has happened already. A stretch may hold little or nothing for you: go on "
        "while this is true."
    )


@strawberry.type
class ActivityQuery:
    """Reads of the activity log."""

    @field(
        description="What happened to what you may see, in the order in which it was committed. Nothing ever "
        "appears behind a cursor: whoever follows the feed misses nothing."
    )
    async def activities(
        self,
        info: Info,
        after: After = None,
        first: Annotated[int, argument(description="How many, 1 to 100.")] = 50,
        subject_id: Annotated[
            strawberry.ID | None, argument(description="Only of the object with this global id.")
        ] = None,
    ) -> ActivityFeed:
        size = PageRequest(first).size()
        position = None if after is None else Position(*FEED.parse(after, "after"))
        subject = None if subject_id is None else _subject(subject_id)
        async with info.context.reading() as tx:
            rows, end, more = await feed.activities_after(tx, position, size, subject=subject)
            whole = tx.actor.sees_everything
        return ActivityFeed(
            nodes=[Activity.from_row(row, whole) for row in rows],
            end_cursor=after if end is None else FEED.cursor(end),
            has_more=more,
        )


def _subject(given: str) -> tuple[str, int]:
    found: Any = split(given)
    if found is None or len(found[1]) != 1:
        raise INVALID_ID.at("subjectId", expected="Node")
    return found[0], found[1][0]
