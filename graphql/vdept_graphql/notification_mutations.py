"""Verbs on one's own inbox, and on how one wants to be told."""

from collections.abc import Awaitable, Callable
from datetime import time
from typing import Any

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.notifications import inbox, preferences
from vdept.notifications.models import Cadence, NotificationKind
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode_many, decode_optional
from vdept_graphql.inputs import In, given, given_value
from vdept_graphql.mutations import ERRORS, EXPECTED_VERSION, IDEMPOTENCY_KEY, perform
from vdept_graphql.notifications import InboxFilter, NotificationPreferences, UnreadCount, plain, unread

WHICH = "Global ids of your notifications, at most 1,000. Others are left alone and not counted."


@strawberry.type(description="What marking notifications answers with.")
class MarkedNotificationsPayload:
    """How many changed, or why none."""

    count: int | None = field(default=None, description="How many have changed.")
    unread_count: UnreadCount | None = field(default=None, description="How many are unread now.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What a mutation of notification preferences answers with.")
class NotificationPreferencesPayload:
    """The preferences, or why not."""

    preferences: NotificationPreferences | None = field(
        default=None, description="The preferences after the change."
    )
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="Notifications to mark as read.")
class MarkNotificationsReadInput:
    """Which."""

    ids: list[strawberry.ID] = field(description=WHICH)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Notifications to mark as unread again.")
class MarkNotificationsUnreadInput:
    """Which."""

    ids: list[strawberry.ID] = field(description=WHICH)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="All notifications to mark as read that match.")
class MarkAllNotificationsReadInput:
    """Which, and how far."""

    filter: InboxFilter | None = field(default=None, description="Which; all of yours unless given.")
    upto: strawberry.ID | None = field(
        default=None,
        description="Up to this notification, the newest that was shown: what came since stays unread.",
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="How you want to be told; what is left out stays as it is.")
class SetNotificationPreferencesInput:
    """What changes."""

    email: bool | None = field(default=strawberry.UNSET, description="Whether e-mail is sent at all.")
    cadence: Cadence | None = field(default=strawberry.UNSET, description="How often.")
    quiet_from: time | None = field(
        default=strawberry.UNSET, description="When quiet hours begin; null, with `quietUntil`: none."
    )
    quiet_until: time | None = field(
        default=strawberry.UNSET, description="When they end, on the next day if that is earlier."
    )
    muted: list[NotificationKind] | None = field(
        default=strawberry.UNSET,
        description="All kinds of which no e-mail is sent from now on. They stay in the inbox, all of them.",
    )
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="E-mail to be sent again to an address that had refused it.")
class ResumeEmailInput:
    """Nothing but the usual."""

    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


async def _mark(
    info: Info, arguments: Any, verb: Callable[[Tx], Awaitable[int]]
) -> MarkedNotificationsPayload:
    async def build(context: Context, count: Any) -> dict[str, Any]:
        async with context.reading() as tx:
            return {"count": count, "unread_count": await unread(tx)}

    return await perform(info, MarkedNotificationsPayload, arguments, verb, build)


async def _prefer(
    info: Info, arguments: Any, verb: Callable[[Tx], Awaitable[Any]]
) -> NotificationPreferencesPayload:
    """The preferences are one's own: what is remembered for a repeated request is nothing but that."""

    async def done(tx: Tx) -> None:
        await verb(tx)

    async def build(context: Context, _answer: Any) -> dict[str, Any]:
        async with context.reading() as tx:
            row = await preferences.preferences_of(tx)
        return {"preferences": None if row is None else NotificationPreferences.from_row(row)}

    return await perform(info, NotificationPreferencesPayload, arguments, done, build)


@strawberry.type
class NotificationMutation:
    """Verbs on one's own inbox."""

    @strawberry.mutation(description="Mark notifications as read. Those that were read already do not count.")
    async def mark_notifications_read(
        self, info: Info, input: In[MarkNotificationsReadInput]
    ) -> MarkedNotificationsPayload | None:
        async def verb(tx: Tx) -> int:
            return await inbox.mark_read(tx, decode_many(input.ids, "Notification", "ids"))

        return await _mark(info, input, verb)

    @strawberry.mutation(description="Mark all notifications as read that match, however many.")
    async def mark_all_notifications_read(
        self, info: Info, input: In[MarkAllNotificationsReadInput]
    ) -> MarkedNotificationsPayload | None:
        async def verb(tx: Tx) -> int:
            upto = decode_optional(input.upto, "Notification", "upto")
            return await inbox.mark_all_read(tx, plain(input.filter), upto=upto)

        return await _mark(info, input, verb)

    @strawberry.mutation(description="Mark notifications as unread again.")
    async def mark_notifications_unread(
        self, info: Info, input: In[MarkNotificationsUnreadInput]
    ) -> MarkedNotificationsPayload | None:
        async def verb(tx: Tx) -> int:
            return await inbox.mark_unread(tx, decode_many(input.ids, "Notification", "ids"))

        return await _mark(info, input, verb)

    @strawberry.mutation(
        description="Change how you want to be told. E-mail that is queued already goes out at its time."
    )
    async def set_notification_preferences(
        self, info: Info, input: In[SetNotificationPreferencesInput]
    ) -> NotificationPreferencesPayload | None:
        async def verb(tx: Tx) -> object:
            return await preferences.set_preferences(
                tx,
                email=given_value(input.email, "email"),
                cadence=given_value(input.cadence, "cadence"),
                quiet_from=given(input.quiet_from),
                quiet_until=given(input.quiet_until),
                muted=given_value(input.muted, "muted"),
                expected_version=input.expected_version,
            )

        return await _prefer(info, input, verb)

    @strawberry.mutation(
        description="Send e-mail again to your address, after it was stopped because the address refused it. "
        "What came meanwhile is in the inbox and is not sent again."
    )
    async def resume_email(
        self, info: Info, input: In[ResumeEmailInput]
    ) -> NotificationPreferencesPayload | None:
        return await _prefer(info, input, preferences.resume_email)
