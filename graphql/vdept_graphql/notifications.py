"""The inbox of the person who asks, and how they want to be told."""

from datetime import datetime, time
from typing import Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.notifications import preferences, queries
from vdept.notifications.models import Cadence, NotificationKind
from vdept.notifications.models import Notification as NotificationRow
from vdept.notifications.models import NotificationPreference as PreferenceRow
from vdept.notifications.queries import SubjectCounts
from vdept.notifications.words import sentence, subject_line
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.errors import INVALID_ID
from vdept_graphql.ids import NODES, Node, decode_optional, encode, split
from vdept_graphql.inputs import distinct
from vdept_graphql.plans import Plan, load_plans
from vdept_graphql.units import Unit, load_units

described(
    NotificationKind,
    "What a notification tells of (loại thông báo).",
    REMINDER="Something is due soon, or today.",
    ESCALATION="Something is late, and its next higher person is told.",
    REVIEW_DUE="What was paused is to be reviewed.",
    EXTENSION_REQUESTED="A unit asks for a later due date.",
    EXTENSION_DECIDED="Whether a later due date was granted.",
    WARNING_OPENED="A threshold was passed: an early warning.",
    WARNING_CLOSED="An early warning has ended.",
    DEADLINE_MOVED="A due date moved, because the calendar changed for instance.",
    DELIVERY_FAILED="E-mail or a webhook does not get through any more.",
    VERDICT_ISSUED="What was due has been judged: met, or not met.",
    READINGS_REJECTED="A source sent rows that made no measurement.",
    EDITION_PUBLISHED="An edition of a plan has been published.",
    SIGNAL_FOUND="Something looks unusual: a question to the head of the unit.",
    FOCUS_ASKED="Focus objectives are to be chosen by a date.",
    FOCUS_ANSWERED="The lead unit agreed to the focus objectives or returned them.",
    LINK_PROPOSED="A task is proposed to count for a target of your unit.",
    LINK_ANSWERED="The unit that holds the target accepted a proposed task or declined it.",
)
described(
    Cadence,
    "How often e-mail goes out (nhịp gửi thư).",
    INSTANT="At once, each notification by itself.",
    DAILY="One digest each morning at 08:00.",
    WEEKLY="One digest on Mondays at 08:00.",
)


async def load_notifications(tx: Tx, ids: list[int]) -> dict[int, "Notification"]:
    """One's own notifications by number."""
    found = await queries.notifications_by_ids(tx, ids)
    return {key: Notification.from_row(row) for key, row in found.items()}


NODES["Notification"] = load_notifications


@strawberry.type(description="Something that one person is told (thông báo): an entry of their inbox.")
class Notification(Node):
    """A notification as its row says it."""

    kind: NotificationKind = field(description="What it tells of.")
    created_at: datetime = field(description="When it came.")
    read_at: datetime | None = field(description="When it was marked as read; null: it is unread.")
    row: strawberry.Private[NotificationRow]

    @classmethod
    def from_row(cls, row: NotificationRow) -> "Notification":
        return cls(
            id=encode("Notification", row.id),
            kind=row.kind,
            created_at=row.created_at,
            read_at=row.read_at,
            row=row,
        )

    @field(
        description="What happened and what to do, in the language of the request. It is made of what was so "
        "when the notification came; `subject` is as it is now."
    )
    def message(self, info: Info) -> str:
        return sentence(self.row.kind, self.row.data, info.context.locale)

    @field(description="The same in a few words, on one line.")
    def heading(self, info: Info) -> str:
        return subject_line(self.row.kind, self.row.data, info.context.locale)

    @field(description="For which unit the person is told; null if for none.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.row.unit_id)

    @field(description="What it is about, as it is now; null if you may not see it any more, or it is gone.")
    def subject(self, info: Info) -> Node | None:
        loader = NODES.get(self.row.subject_type)
        return info.context.load(loader, self.row.subject_id) if loader else None

    @field(description="To which plan that belongs; null if to none, or you may not see it.")
    def plan(self, info: Info) -> Plan | None:
        return info.context.load(load_plans, self.row.plan_id)


@strawberry.type(description="One subject in an inbox (việc trong hộp thư): all that came about it, as one.")
class InboxSubject:
    """A subject with its newest notification."""

    latest: Notification = field(description="The newest notification that matches.")
    total: int = field(description="How many match.")
    unread: int = field(description="How many of them are unread.")

    @field(description="What it is about, as it is now; null if you may not see it any more, or it is gone.")
    def subject(self, info: Info) -> Node | None:
        loader = NODES.get(self.latest.row.subject_type)
        return info.context.load(loader, self.latest.row.subject_id) if loader else None


@strawberry.type(description="How many unread notifications there are of one kind (số chưa đọc theo loại).")
class UnreadOfKind:
    """A kind that has any."""

    kind: NotificationKind = field(description="Which kind.")
    count: int = field(description="How many.")


@strawberry.type(description="How many unread notifications there are (số thông báo chưa đọc).")
class UnreadCount:
    """All of them, and by kind."""

    total: int = field(description="All of them.")
    kinds: list[UnreadOfKind] = field(description="By kind, in a fixed order; kinds without any left out.")

    @classmethod
    def of(cls, counts: dict[NotificationKind, int]) -> "UnreadCount":
        kinds = [UnreadOfKind(kind=kind, count=counts[kind]) for kind in NotificationKind if kind in counts]
        return cls(total=sum(counts.values()), kinds=kinds)


@strawberry.type(
    description="How a person wants to be told (tùy chọn thông báo). It is about e-mail: the inbox has "
    "everything, always."
)
class NotificationPreferences:
    """The row of whoever has said anything, or else the defaults."""

    email: bool = field(description="Whether e-mail is sent at all.")
    cadence: Cadence = field(description="How often.")
    quiet_from: time | None = field(description="When quiet hours begin: no e-mail from then on.")
    quiet_until: time | None = field(
        description="When they end, on the next day if that is earlier; null, both: none."
    )
    muted: list[NotificationKind] = field(description="Kinds of which no e-mail is sent.")
    stopped_at: datetime | None = field(
        description="When e-mail was stopped because the address refused it three times in a row; null: it "
        "was not. `resumeEmail` takes it up again."
    )
    stopped_because: str | None = field(description="What the address' mail server answered last.")
    version: int = field(description="Counts the changes; give it as `expectedVersion`.")

    @classmethod
    def from_row(cls, row: PreferenceRow) -> "NotificationPreferences":
        return cls(
            email=row.email,
            cadence=row.cadence,
            quiet_from=row.quiet_from,
            quiet_until=row.quiet_until,
            muted=[kind for kind in NotificationKind if kind.value in row.muted],
            stopped_at=row.stopped_at,
            stopped_because=row.stopped_because,
            version=row.version,
        )


@strawberry.input(description="Which notifications; all conditions given must hold.")
class InboxFilter:
    """Conditions of a list of notifications."""

    unread_only: bool = field(default=False, description="Only what is unread.")
    kinds: list[NotificationKind] | None = field(default=None, description="Only of these kinds.")
    subject_id: strawberry.ID | None = field(
        default=None, description="Only about the object with this global id, such as a task."
    )
    unit_id: strawberry.ID | None = field(default=None, description="Only what came for this unit.")

    def plain(self) -> queries.InboxFilter:
        return queries.InboxFilter(
            unread_only=self.unread_only,
            kinds=distinct(self.kinds),
            subject=None if self.subject_id is None else _subject(self.subject_id),
            unit_id=decode_optional(self.unit_id, "Unit", "filter", "unitId"),
        )


Which = Annotated[InboxFilter | None, argument(description="Which notifications; all of them unless given.")]


def plain(which: InboxFilter | None) -> queries.InboxFilter:
    return queries.EVERYTHING if which is None else which.plain()


def _subject(given: str) -> tuple[str, int]:
    found = split(given)
    if found is None or len(found[1]) != 1:
        raise INVALID_ID.at("filter", "subjectId", expected="Node")
    return found[0], found[1][0]


async def unread(tx: Tx, which: queries.InboxFilter = queries.EVERYTHING) -> UnreadCount:
    return UnreadCount.of(await queries.unread_by_kind(tx, which))


@strawberry.type
class NotificationQuery:
    """Reads of one's own inbox."""

    @field(
        description="Your own notifications, the newest first. Nobody sees anybody else's, administrators "
        "neither; a client that acts for a unit has none."
    )
    async def inbox(
        self,
        info: Info,
        filter: Which = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Notification]:
        which = plain(filter)
        async with info.context.reading() as tx:
            page = await queries.inbox_page(tx, PageRequest(first, after, last, before), which)
        return connection(page, Notification.from_row)

    @field(
        description="The same by what they are about: the newest notification of each subject, the newest "
        "first, with how many there are."
    )
    async def inbox_by_subject(
        self,
        info: Info,
        filter: Which = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[InboxSubject]:
        which = plain(filter)
        async with info.context.reading() as tx:
            page = await queries.inbox_by_subject(tx, PageRequest(first, after, last, before), which)
            keys = [(row.subject_type, row.subject_id) for row in page.rows]
            counts = await queries.counts_by_subject(tx, keys, which)

        def node(row: NotificationRow) -> InboxSubject:
            found: SubjectCounts = counts[row.subject_type, row.subject_id]
            return InboxSubject(latest=Notification.from_row(row), total=found.total, unread=found.unread)

        return connection(page, node)

    @field(description="How many of your notifications are unread, by kind.")
    async def unread_count(self, info: Info, filter: Which = None) -> UnreadCount:
        which = plain(filter)
        async with info.context.reading() as tx:
            return await unread(tx, which)

    @field(description="How you want to be told; null for a client that acts for a unit.")
    async def notification_preferences(self, info: Info) -> NotificationPreferences | None:
        async with info.context.reading() as tx:
            row = await preferences.preferences_of(tx)
        return None if row is None else NotificationPreferences.from_row(row)
