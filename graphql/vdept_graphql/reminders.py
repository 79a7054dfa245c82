"""Who was reminded of a task and who will be, and whom a plan reminds when."""

from datetime import date, datetime

import strawberry
from strawberry import field

from vdept.deadlines import escalating, policies, queries
from vdept.deadlines.escalating import EscalationState
from vdept.deadlines.models import Dropped, Recipient, Subject
from vdept.deadlines.models import Reminder as ReminderRow
from vdept.deadlines.rules import PolicyStep
from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept_graphql import deadline_enums  # noqa: F401  publishes Recipient
from vdept_graphql.connections import Connection, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.task_people import TaskPerson, load_colleagues
from vdept_graphql.units import Unit, load_units

described(
    Subject,
    "What a reminder is about (việc được nhắc).",
    graphql_name="ReminderSubject",
    TASK="The due date of a task (hạn nhiệm vụ).",
    TASK_REVIEW="The review date of a paused task (ngày xem xét nhiệm vụ tạm dừng).",
    TARGET_REVIEW="The review date of a paused target (ngày xem xét chỉ tiêu tạm dừng).",
)
described(
    Dropped,
    "Why a reminder was not sent when its moment came (lý do không gửi).",
    graphql_name="ReminderDropped",
    DONE="The work was delivered (đã xong).",
    PAUSED="The task was paused (tạm dừng).",
    CANCELLED="It was given up or withdrawn (đã hủy).",
    DECLINED="The lead unit declined it (đã từ chối).",
    MOVED="Its date was moved (đã dời hạn).",
    RECIPIENT_LEFT="The recipient was no longer there or no longer works on it (người nhận đã rời).",
)
described(
    EscalationState,
    "What became of a step of an escalation chain (tình trạng bước báo cấp trên).",
    PLANNED="To come on its day, if nothing happens until then (sẽ gửi).",
    DUE="Written; it is told at 07:30 of its day (chờ gửi).",
    SENT="Told (đã gửi).",
    FOLDED="Missed while the platform stood still, and told with a later step (gộp vào lần sau).",
    DROPPED="Not told: its reason had ended (đã bỏ).",
)


async def load_reminders(tx: Tx, ids: list[int], request: PageRequest) -> dict[int, Connection["Reminder"]]:
    """The same page of reminders of each task."""
    pages = await queries.reminders_of_tasks(tx, ids, request)
    numbers = [row.id for page in pages.values() for row in page.rows]
    sent = await queries.deliveries_of(tx, numbers)
    return {
        key: connection(page, lambda row: Reminder.from_row(row, sent.get(row.id)))
        for key, page in pages.items()
    }


async def load_escalations(tx: Tx, ids: list[int]) -> dict[int, list["Escalation"]]:
    found = await escalating.chains_of_tasks(tx, ids)
    return {key: [Escalation.from_plain(one) for one in chain] for key, chain in found.items()}


async def load_policies(tx: Tx, ids: list[int]) -> dict[int, "ReminderPolicy"]:
    found = await policies.policies_of_plans(tx, ids)
    return {key: ReminderPolicy.from_plain(policy) for key, policy in found.items()}


async def load_units_of(tx: Tx, keys: list[tuple[int, ...]]) -> dict[tuple[int, ...], list[Unit]]:
    """Units by lists of their numbers, each in its order."""
    found = await load_units(tx, sorted({number for key in keys for number in key}))
    return {key: [found[number] for number in key if number in found] for key in keys}


@strawberry.type(description="A reminder of a task to one person (lời nhắc).")
class Reminder:
    """A reminder as its row says it."""

    subject: Subject = field(description="What it is about.")
    due_on: date = field(description="The date that it reminds of: the task's due date then, or the review.")
    step: int = field(description="Working days from that date; negative: before it.")
    recipient: Recipient = field(description="As what the person is told.")
    scheduled_on: date = field(description="The working day on which the step fell.")
    due_at: datetime = field(description="When it is told.")
    sent_at: datetime | None = field(description="When it was told; null: not yet, or dropped.")
    dropped: Dropped | None = field(description="Why it was not sent; null: it was, or will be.")
    folded: list[int] = field(
        description="Earlier steps, missed while the platform stood still, told with it."
    )
    person_key: strawberry.Private[int]
    unit_key: strawberry.Private[int]
    vacant_keys: strawberry.Private[tuple[int, ...]]

    @classmethod
    def from_row(cls, row: ReminderRow, sent_at: datetime | None) -> "Reminder":
        return cls(
            subject=row.subject,
            due_on=row.due_on,
            step=row.step,
            recipient=row.recipient,
            scheduled_on=row.scheduled_on,
            due_at=row.due_at,
            sent_at=None if row.dropped else sent_at,
            dropped=row.dropped,
            folded=row.folded,
            person_key=row.recipient_id,
            unit_key=row.unit_id,
            vacant_keys=tuple(row.vacant_unit_ids),
        )

    @field(description="Who is told.")
    def person(self, info: Info) -> TaskPerson | None:
        return info.context.load(load_colleagues, self.person_key)

    @field(description="In which unit they hold the role, or work on the task.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="Units passed over, from below, because nobody holds the role there.")
    def vacant_units(self, info: Info) -> list[Unit]:
        return info.context.load(load_units_of, self.vacant_keys)


@strawberry.type(
    description="A step of a task's escalation chain: after the due date somebody higher up hears of it "
    "(bước báo cấp trên)."
)
class Escalation:
    """One step to one person; for those who may not know who holds which office, one step as a whole."""

    due_on: date = field(
        description="The due date it belongs to; after an extension the old date's steps stay as history."
    )
    step: int = field(description="Working days after that date.")
    on: date = field(description="The working day of the step.")
    recipient: Recipient = field(description="Whom the step is for.")
    state: EscalationState = field(description="What became of it.")
    sent_at: datetime | None = field(description="When it was told.")
    dropped: Dropped | None = field(description="Why it was not told.")
    person_key: strawberry.Private[int | None]
    unit_key: strawberry.Private[int | None]
    vacant_keys: strawberry.Private[tuple[int, ...]]

    @classmethod
    def from_plain(cls, one: escalating.Escalation) -> "Escalation":
        return cls(
            due_on=one.due_on,
            step=one.step,
            on=one.on,
            recipient=one.recipient,
            state=one.state,
            sent_at=one.sent_at,
            dropped=one.dropped,
            person_key=one.person_id,
            unit_key=one.unit_id,
            vacant_keys=tuple(one.vacant_unit_ids),
        )

    @field(
        description="Who was told, or would be as things stand; null if nobody holds the role, up to the "
        "top. For a firm or an association: null, but for what went to its own people."
    )
    def person(self, info: Info) -> TaskPerson | None:
        return info.context.load(load_colleagues, self.person_key)

    @field(description="In which unit they hold the role; null where the person is hidden.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="Units passed over, from below, because nobody holds the role there.")
    def vacant_units(self, info: Info) -> list[Unit]:
        return info.context.load(load_units_of, self.vacant_keys)


@strawberry.type(description="A step of a reminder policy (bước nhắc việc).")
class ReminderStep:
    """When, and whom."""

    step: int = field(description="Working days from the due date; negative: before it.")
    recipient: Recipient = field(description="Whom it is for.")

    @classmethod
    def from_plain(cls, one: PolicyStep) -> "ReminderStep":
        return cls(step=one.step, recipient=one.recipient)


@strawberry.type(description="Whom a plan reminds, and when (chính sách nhắc việc).")
class ReminderPolicy:
    """The steps that hold."""

    own: bool = field(description="Whether the plan has steps of its own; false: the default's hold.")
    version: int = field(description="Counts the changes, 0 for the default; give it as `expectedVersion`.")
    steps: list[ReminderStep] = field(description="Its steps in order.")

    @classmethod
    def from_plain(cls, policy: policies.Policy) -> "ReminderPolicy":
        steps = [ReminderStep.from_plain(one) for one in policy.steps]
        return cls(own=policy.own, version=policy.version, steps=steps)
