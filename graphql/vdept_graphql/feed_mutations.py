"""Verbs on calendar feeds: make an address, revoke it."""

from typing import Any

import strawberry
from strawberry import field

from vdept.feeds import registering
from vdept.feeds.models import CalendarFeed as CalendarFeedRow
from vdept.kernel.db import Tx
from vdept_graphql.calendar_feed import address
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import UserError
from vdept_graphql.feeds import CalendarFeed, load_feeds
from vdept_graphql.ids import decode, decode_optional
from vdept_graphql.inputs import In
from vdept_graphql.mutations import ERRORS, IDEMPOTENCY_KEY, one, perform


@strawberry.type(description="What making a calendar address answers with.")
class CreateCalendarFeedPayload:
    """The feed with its address, or why not."""

    feed: CalendarFeed | None = field(default=None, description="The feed.")
    address: str | None = field(
        default=None,
        description="Where a calendar reads it, shown this once and kept nowhere: whoever knows it reads "
        "what you see. Null when the same request is repeated with its idempotency key.",
    )
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What revoking a calendar address answers with.")
class CalendarFeedPayload:
    """The feed, or why not."""

    feed: CalendarFeed | None = field(default=None, description="The feed after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="A new calendar address.")
class CreateCalendarFeedInput:
    """Whose due dates."""

    unit_id: strawberry.ID | None = field(
        default=None, description="One of your units; what is assigned to you unless given."
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A calendar address that is to answer no more.")
class RevokeCalendarFeedInput:
    """Which."""

    feed_id: strawberry.ID = field(description="Which feed, by its global id.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.type
class FeedMutation:
    """Verbs on feeds."""

    @strawberry.mutation(
        description="Make an address at which a calendar reads due dates: yours, or those of one of your "
        "units. For everybody, signed in themselves; at most 10 in use."
    )
    async def create_calendar_feed(
        self, info: Info, input: In[CreateCalendarFeedInput]
    ) -> CreateCalendarFeedPayload | None:
        made: list[str | None] = [None]

        async def verb(tx: Tx) -> CalendarFeedRow:
            feed, made[0] = await registering.create_feed(
                tx, decode_optional(input.unit_id, "Unit", "unitId")
            )
            return feed

        async def build(context: Context, answer: Any) -> dict[str, Any]:
            issuer = "" if context.services is None else context.services.settings.issuer
            shown = None if made[0] is None else address(issuer, made[0])
            return {"feed": await context.one(load_feeds, answer), "address": shown}

        return await perform(info, CreateCalendarFeedPayload, input, verb, build)

    @strawberry.mutation(description="Revoke one of your calendar addresses: it answers no more.")
    async def revoke_calendar_feed(
        self, info: Info, input: In[RevokeCalendarFeedInput]
    ) -> CalendarFeedPayload | None:
        async def verb(tx: Tx) -> CalendarFeedRow:
            return await registering.revoke_feed(tx, decode(input.feed_id, "CalendarFeed", "feedId"))

        return await perform(info, CalendarFeedPayload, input, verb, one("feed", load_feeds))
