"""The rows of a world: plain values, named as the columns of the tables they are written to."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal


@dataclass(slots=True)
class Unit:
    id: int
    code: str
    name: str
    kind: str
    parent_id: int | None
    path: list[int]
    sort_key: str
    search: str
    valid_from: date
    valid_to: date | None
    segments: list[str] = field(default_factory=list)

    @property
    def beside(self) -> bool:
        """A firm or an association: beside the tree of public bodies."""
        return self.kind in {"FIRM", "ASSOCIATION"}


@dataclass(slots=True)
class Person:
    id: int
    name: str
    email: str
    administrator: bool
    active: bool
    sort_key: str
    search: str


@dataclass(slots=True)
class Membership:
    id: int
    person_id: int
    unit_id: int
    role: str
    starts_on: date
    ends_on: date | None


@dataclass(slots=True)
class Indicator:
    id: int
    code: str
    name: str
    unit_of_measure: str
    direction: str
    sort_key: str
    search: str


@dataclass(slots=True)
class Plan:
    id: int
    code: str
    title: str
    issuer_unit_id: int
    starts_on: date
    ends_on: date
    audience: str
    state: str


@dataclass(slots=True)
class Objective:
    id: int
    plan_id: int
    position: int
    title: str


@dataclass(slots=True)
class KeyResult:
    id: int
    plan_id: int
    objective_id: int
    indicator_id: int
    position: int
    title: str
    value: Decimal
    due_on: date
    rollup: str
    basis: str


@dataclass(slots=True)
class Target:
    id: int
    plan_id: int
    key_result_id: int
    indicator_id: int
    unit_id: int
    parent_id: int | None
    level: int
    value: Decimal
    starts_on: date
    due_on: date
    state: str
    assigned_by_unit_id: int
    assigned_by_id: int | None
    assigned_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by_id: int | None


@dataclass(slots=True)
class Measurement:
    id: int
    indicator_id: int
    unit_id: int
    basis: str
    as_of: date
    value: Decimal
    source: str
    recorded_at: datetime
    recorded_by_id: int | None
    supersedes_id: int | None
    source_id: int | None = None
    intake_id: int | None = None


@dataclass(slots=True)
class Task:
    id: int
    plan_id: int | None
    parent_id: int | None
    title: str
    search: str
    kind: str
    audience: str
    state: str
    state_reason: str | None
    review_on: date | None
    owner_unit_id: int
    lead_unit_id: int | None
    created_by_id: int | None
    created_at: datetime
    updated_at: datetime
    due_on: date
    original_due_on: date
    progress: Decimal
    delivered_on: date | None
    verified_by_id: int | None
    paused_on: date | None
    recurrence_id: int | None
    occurrence_on: date | None


@dataclass(slots=True)
class Participation:
    task_id: int
    unit_id: int
    role: str
    state: str
    share: int
    progress: int
    due_on: date
    open: bool
    updated_at: datetime


@dataclass(slots=True)
class Assignee:
    task_id: int
    person_id: int
    unit_id: int
    assigned_at: datetime


@dataclass(slots=True)
class TaskTarget:
    task_id: int
    target_id: int
    weight: Decimal
    state: str = "ACCEPTED"
    reason: str | None = None


@dataclass(slots=True)
class TaskDependency:
    task_id: int
    blocked_by_id: int


@dataclass(slots=True)
class Comment:
    id: int
    task_id: int
    author_id: int | None
    unit_id: int | None
    body: str
    created_at: datetime


@dataclass(slots=True)
class Evidence:
    id: int
    task_id: int
    added_by_id: int | None
    unit_id: int | None
    title: str
    url: str
    created_at: datetime


@dataclass(slots=True)
class Activity:
    id: int
    at: datetime
    actor: str
    person_id: int | None
    client_id: int | None
    verb: str
    subject_type: str
    subject_id: int
    plan_id: int | None
    unit_id: int | None
    data: str


@dataclass(slots=True)
class ApiClient:
    id: int
    client_id: str
    unit_id: int
    name: str
    authentication: str
    machine: bool
    redirect_uris: list[str]
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None


@dataclass(slots=True)
class ClientAuthorization:
    id: int
    client_id: int
    person_id: int
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(slots=True)
class Identity:
    id: int
    issuer: str
    subject: str
    person_id: int | None
    name: str | None
    first_seen_at: datetime
    last_seen_at: datetime


# Deadlines --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class TaskExtension:
    id: int
    task_id: int
    unit_id: int
    requested_by_id: int | None
    requested_at: datetime
    due_on: date
    wanted_due_on: date
    reason: str
    state: str
    decided_by_id: int | None
    decided_at: datetime | None
    decision_reason: str | None
    granted_due_on: date | None


@dataclass(slots=True)
class TaskRecurrence:
    id: int
    task_id: int
    rule: str
    starts_on: date
    days_before: int
    on_day_off: str
    next_on: date | None
    created_by_id: int | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(slots=True)
class ReminderPolicy:
    plan_id: int
    changed_at: datetime
    version: int


@dataclass(slots=True)
class ReminderStep:
    plan_id: int
    step: int
    recipient: str


@dataclass(slots=True)
class Reminder:
    id: int
    subject: str
    subject_id: int
    due_on: date
    step: int
    recipient_id: int
    recipient: str
    unit_id: int
    plan_id: int | None
    folded: list[int]
    vacant_unit_ids: list[int]
    scheduled_on: date
    due_at: datetime
    dropped: str | None


@dataclass(slots=True)
class ReminderBatch:
    id: int
    first_id: int
    last_id: int
    due_at: datetime
    delivered_at: datetime | None


@dataclass(slots=True)
class Notification:
    id: int
    person_id: int
    unit_id: int | None
    kind: str
    subject_type: str
    subject_id: int
    plan_id: int | None
    data: str
    origin: str
    origin_id: int
    created_at: datetime
    read_at: datetime | None


@dataclass(slots=True)
class NotificationPreference:
    person_id: int
    email: bool
    cadence: str
    quiet_from: time | None
    quiet_until: time | None
    muted: list[str]
    stopped_because: str | None
    version: int


@dataclass(slots=True)
class EarlyWarning:
    id: int
    kind: str
    subject: str
    subject_id: int
    plan_id: int | None
    unit_id: int
    severity: str
    evidence: str
    opened_on: date
    opened_at: datetime
    acknowledged_by_id: int | None
    acknowledged_at: datetime | None
    response: str | None
    respond_by: date | None
    closed_at: datetime | None
    closed_because: str | None


@dataclass(slots=True)
class WebhookEndpoint:
    id: int
    unit_id: int
    url: str
    kinds: list[str]
    secret: bytes
    created_at: datetime
    disabled_at: datetime | None
    disabled_because: str | None


@dataclass(slots=True)
class WebhookDelivery:
    id: int
    endpoint_id: int
    notification_id: int | None
    kind: str | None
    state: str
    attempts: int
    created_at: datetime
    next_at: datetime


@dataclass(slots=True)
class CalendarFeed:
    id: int
    person_id: int
    unit_id: int | None
    digest: bytes
    created_at: datetime
    revoked_at: datetime | None


@dataclass(slots=True)
class CalendarException:
    id: int
    scope: str
    unit_id: int | None
    day: date
    working: bool
    name: str
    reason: str
    created_by_id: int | None
    created_at: datetime
    revoked_by_id: int | None
    revoked_at: datetime | None
