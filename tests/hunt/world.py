"""A world: its rows in lists, made smaller, and written to a database."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from typing import Any

from factories import NOW
from hunt import judged_rows as j
from hunt import rows as r
from vdept.kernel.clock import local_date

TODAY = local_date(NOW)
OPEN_STATES = ("OPEN", "OFFERED", "ACCEPTED", "IN_PROGRESS")
LIVE = ("INVITED", "ACCEPTED")
START, END = date(2026, 1, 1), date(2026, 12, 31)

TABLES = {
    "units": "unit",
    "persons": "person",
    "memberships": "membership",
    "indicators": "indicator",
    "plans": "plan",
    "objectives": "objective",
    "key_results": "key_result",
    "targets": "target",
    "measurements": "measurement",
    "tasks": "task",
    "participations": "participation",
    "assignees": "assignee",
    "links": "task_target",
    "dependencies": "task_dependency",
    "comments": "task_comment",
    "evidence": "task_evidence",
    "clients": "api_client",
    "authorizations": "client_authorization",
    "identities": "identity",
    "activities": "activity",
    "extensions": "task_extension",
    "recurrences": "task_recurrence",
    "policies": "reminder_policy",
    "steps": "reminder_step",
    "reminders": "reminder",
    "batches": "reminder_batch",
    "notifications": "notification",
    "preferences": "notification_preference",
    "warnings": "early_warning",
    "endpoints": "webhook_endpoint",
    "deliveries": "webhook_delivery",
    "feeds": "calendar_feed",
    "exceptions": "calendar_exception",
    "sources": "source",
    "source_indicators": "source_indicator",
    "connectors": "source_connector",
    "intakes": "intake",
    "rejected": "rejected_reading",
    "verdicts": "verdict",
    "gaps": "outcome_gap",
    "editions": "edition",
    "edition_files": "edition_file",
    "edition_requests": "edition_request",
    "signals": "signal",
    "focuses": "focus",
    "focus_objectives": "focus_objective",
    "focus_calls": "focus_call",
}


@dataclass
class World:
    """All rows; each list is in the order of its ids."""

    units: list[r.Unit] = field(default_factory=list)
    persons: list[r.Person] = field(default_factory=list)
    memberships: list[r.Membership] = field(default_factory=list)
    indicators: list[r.Indicator] = field(default_factory=list)
    plans: list[r.Plan] = field(default_factory=list)
    objectives: list[r.Objective] = field(default_factory=list)
    key_results: list[r.KeyResult] = field(default_factory=list)
    targets: list[r.Target] = field(default_factory=list)
    measurements: list[r.Measurement] = field(default_factory=list)
    tasks: list[r.Task] = field(default_factory=list)
    participations: list[r.Participation] = field(default_factory=list)
    assignees: list[r.Assignee] = field(default_factory=list)
    links: list[r.TaskTarget] = field(default_factory=list)
    dependencies: list[r.TaskDependency] = field(default_factory=list)
    comments: list[r.Comment] = field(default_factory=list)
    evidence: list[r.Evidence] = field(default_factory=list)
    clients: list[r.ApiClient] = field(default_factory=list)
    authorizations: list[r.ClientAuthorization] = field(default_factory=list)
    identities: list[r.Identity] = field(default_factory=list)
    activities: list[r.Activity] = field(default_factory=list)
    extensions: list[r.TaskExtension] = field(default_factory=list)
    recurrences: list[r.TaskRecurrence] = field(default_factory=list)
    policies: list[r.ReminderPolicy] = field(default_factory=list)
    steps: list[r.ReminderStep] = field(default_factory=list)
    reminders: list[r.Reminder] = field(default_factory=list)
    batches: list[r.ReminderBatch] = field(default_factory=list)
    notifications: list[r.Notification] = field(default_factory=list)
    preferences: list[r.NotificationPreference] = field(default_factory=list)
    warnings: list[r.EarlyWarning] = field(default_factory=list)
    endpoints: list[r.WebhookEndpoint] = field(default_factory=list)
    deliveries: list[r.WebhookDelivery] = field(default_factory=list)
    feeds: list[r.CalendarFeed] = field(default_factory=list)
    exceptions: list[r.CalendarException] = field(default_factory=list)
    sources: list[j.Source] = field(default_factory=list)
    source_indicators: list[j.SourceIndicator] = field(default_factory=list)
    connectors: list[j.SourceConnector] = field(default_factory=list)
    intakes: list[j.Intake] = field(default_factory=list)
    rejected: list[j.RejectedReading] = field(default_factory=list)
    verdicts: list[j.Verdict] = field(default_factory=list)
    gaps: list[j.Gap] = field(default_factory=list)
    editions: list[j.Edition] = field(default_factory=list)
    edition_files: list[j.EditionFile] = field(default_factory=list)
    edition_requests: list[j.EditionRequest] = field(default_factory=list)
    signals: list[j.Signal] = field(default_factory=list)
    focuses: list[j.Focus] = field(default_factory=list)
    focus_objectives: list[j.FocusObjective] = field(default_factory=list)
    focus_calls: list[j.FocusCall] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._by_id: dict[str, dict[int, Any]] = {}

    def get(self, name: str, number: int | None) -> Any:
        """The row of this number in one of the lists, or None."""
        if name not in self._by_id:
            self._by_id[name] = {row.id: row for row in getattr(self, name)}
        return None if number is None else self._by_id[name].get(number)

    def told(self) -> str:
        """Everything, for the report of a leak."""
        return json.dumps(
            {name: [asdict(row) for row in getattr(self, name)] for name in TABLES}, default=str
        )


SHRINKING = (
    "notifications", "reminders", "warnings", "deliveries", "endpoints", "feeds", "exceptions", "preferences",
    "extensions", "recurrences", "verdicts", "gaps", "signals", "focuses", "editions", "edition_requests",
    "rejected", "intakes", "sources",
    "plans", "tasks", "key_results", "targets", "activities", "measurements", "clients", "authorizations",
    "identities", "comments", "evidence", "links", "dependencies", "assignees", "participations",
    "memberships",
)  # fmt: skip
"""What a world can do without, the largest pieces first."""

BELONGS = {
    "plan_id": "plans",
    "objective_id": "objectives",
    "key_result_id": "key_results",
    "task_id": "tasks",
    "blocked_by_id": "tasks",
    "target_id": "targets",
    "client_id": "clients",
    "endpoint_id": "endpoints",
    "source_id": "sources",
    "intake_id": "intakes",
    "edition_id": "editions",
    "focus_id": "focuses",
}
"""Columns whose row goes with what they refer to; an outline of a plan or task that is gone may stay."""


def without(world: World, name: str, rows: Sequence[Any]) -> World:
    """The world without these rows of one list and all that belongs to them."""
    gone = {id(row) for row in rows}
    less = replace(world, **{name: [row for row in getattr(world, name) if id(row) not in gone]})
    for _ in range(3):
        for each in TABLES:
            for column, of in BELONGS.items():
                there = {row.id for row in getattr(less, of)}
                kept = [row for row in getattr(less, each) if _stays(row, column, there)]
                less = replace(less, **{each: kept})
    return less


def _stays(row: Any, column: str, there: set[int]) -> bool:
    refers = getattr(row, column, None)
    loose = isinstance(row, (r.ApiClient, r.Activity, r.Notification, r.Reminder)) or not refers
    return loose or refers in there


async def write(connection: Any, world: World) -> None:
    """Empty the database of ``connection`` (asyncpg, the tables' owner), and write the world into it.

    Triggers rest meanwhile: the log does not let itself be emptied, and targets come before their parents.
    The national calendar stays, and is everybody's: an exception here is a fact that is told of a day.
    """
    emptied = (*TABLES.values(), "outcome_change", "target_outcome", "unit_outcome", "participation_outcome")
    async with connection.transaction():
        await connection.execute(
            "SET LOCAL session_replication_role = replica; "
            + "; ".join(f"DELETE FROM {table}" for table in (*emptied, "plan_evaluation"))
        )
        for name, table in TABLES.items():
            found = getattr(world, name)
            if found:
                columns = [column.name for column in fields(found[0])]
                records = [tuple(getattr(row, column) for column in columns) for row in found]
                await connection.copy_records_to_table(table, records=records, columns=columns)
        changed = [(t.plan_id, t.id, None) for t in world.targets]
        changed += [(t.plan_id, None, t.id) for t in world.tasks if t.plan_id is not None]
        await connection.copy_records_to_table(
            "outcome_change", records=changed, columns=["plan_id", "target_id", "task_id"]
        )
