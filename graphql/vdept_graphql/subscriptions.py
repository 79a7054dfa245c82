"""What can be followed, live."""

from collections.abc import AsyncGenerator

import strawberry
from strawberry import field

from vdept.notifications.access import require_own_inbox
from vdept_graphql.context import Info
from vdept_graphql.notifications import Notification, UnreadCount, load_notifications, unread


@strawberry.type(description="A change of an inbox (thay đổi của hộp thư).")
class InboxChange:
    """What changed; read when it is told, as the follower may see it then."""

    notification_key: strawberry.Private[int | None]

    @field(
        description="The new notification; null when the event is the first one, or only the number of "
        "unread ones may have changed."
    )
    def notification(self, info: Info) -> Notification | None:
        return info.context.load(load_notifications, self.notification_key)

    @field(description="How many of your notifications are unread now.")
    async def unread_count(self, info: Info) -> UnreadCount:
        async with info.context.reading() as tx:
            return await unread(tx)


@strawberry.type(
    description="What can be followed, over a websocket at the address of the API (graphql-transport-ws)."
)
class Subscription:
    """The live side."""

    @strawberry.subscription(
        description="What changes in your inbox. The first event comes at once and has no notification: "
        "whatever comes after it is told, each notification once. Wait for it, then read `inbox`. After the "
        "connection is lost, do the same again."
    )
    async def inbox_changed(self, info: Info) -> AsyncGenerator[InboxChange, None]:
        live = info.context.live
        assert live is not None  # noqa: S101  nobody gets here but over a websocket
        async with live.follow(require_own_inbox(info.context.actor)) as changes:
            async for change in changes:
                yield InboxChange(notification_key=change.notification_id)
