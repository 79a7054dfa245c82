"""The rows of a world: plain values, named as the columns of the tables they are written to."""

from dataclasses import dataclass
from datetime import date, datetime
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
