"""Rows of what is measured, judged and published: named as their columns, as in ``hunt.rows``."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(slots=True)
class Source:
    id: int
    unit_id: int
    name: str
    method: str
    limits: str | None
    frequency: str
    way: str
    reach: str
    state: str
    state_reason: str | None
    sort_key: str
    created_at: datetime
    created_by_id: int | None
    failing_since: datetime | None
    search: str


@dataclass(slots=True)
class SourceIndicator:
    source_id: int
    indicator_id: int


@dataclass(slots=True)
class SourceConnector:
    source_id: int
    unit_id: int
    kind: str
    setting: str
    credentials: bytes | None
    every_minutes: int
    next_at: datetime | None
    failures: int


@dataclass(slots=True)
class Intake:
    id: int
    source_id: int
    unit_id: int
    state: str
    received_at: datetime
    client_id: int | None
    sha256: bytes | None
    size: int | None
    rows: int
    recorded: int
    unchanged: int
    rejected: int
    error: str | None
    params: str | None


@dataclass(slots=True)
class RejectedReading:
    id: int
    source_id: int
    unit_id: int
    intake_id: int
    row: int
    given: str
    code: str
    path: str
    params: str
    as_of: date | None
    rejected_at: datetime
    state: str
    resolved_at: datetime | None
    resolved_by_id: int | None
    measurement_id: int | None
    reason: str | None


@dataclass(slots=True)
class Verdict:
    id: int
    subject: str
    plan_id: int
    unit_id: int
    target_id: int | None
    key_result_id: int | None
    number: int
    judgement: str
    due_on: date
    evaluated_on: date
    value: Decimal | None
    goal: Decimal | None
    inputs: str
    head_id: int | None
    head_since: date | None
    issued_at: datetime
    superseded_at: datetime | None


@dataclass(slots=True)
class Gap:
    plan_id: int
    unit_id: int
    target_id: int
    on_day: date
    measured_value: Decimal | None
    reported_value: Decimal | None
    points: Decimal | None


@dataclass(slots=True)
class Edition:
    id: int
    plan_id: int
    number: int
    month: date | None
    as_of: date
    published_at: datetime
    published_by_id: int | None
    corrects_number: int | None
    note: str | None
    targets: int
    units: int
    manifest: str
    kid: str
    signature: str


@dataclass(slots=True)
class EditionFile:
    edition_id: int
    format: str
    sha256: bytes
    size: int


@dataclass(slots=True)
class EditionRequest:
    id: int
    plan_id: int
    corrects_number: int | None
    note: str | None
    state: str
    requested_at: datetime
    requested_by_id: int | None
    edition_id: int | None
    finished_at: datetime | None
    error: str | None


@dataclass(slots=True)
class Signal:
    id: int
    detector: str
    key: str
    unit_id: int
    plan_id: int | None
    task_id: int | None
    indicator_id: int | None
    score: Decimal
    evidence: str
    found_on: date
    found_at: datetime
    told_at: datetime | None
    state: str
    answer: str | None
    answered_at: datetime | None
    answered_by_id: int | None


@dataclass(slots=True)
class Focus:
    id: int
    plan_id: int
    unit_id: int
    agree_by: date
    state: str
    nominated_at: datetime
    nominated_by_id: int | None
    answer: str | None
    answered_at: datetime | None
    answered_by_id: int | None
    version: int


@dataclass(slots=True)
class FocusObjective:
    focus_id: int
    position: int
    objective_id: int
    method: str


@dataclass(slots=True)
class FocusCall:
    plan_id: int
    agree_by: date
    asked_at: datetime
    asked_by_id: int | None
