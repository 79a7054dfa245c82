"""What row security lets through, table by table: bare statements of somebody, whatever the code forgot.

It is the second wall: of a target's warning, of a task's reminder and of a unit's endpoint it lets through
more than the policy, which is asked with questions.
"""

from collections.abc import Callable
from typing import Any

from hunt.policy import Sight

Shows = Callable[[Sight, Any], bool]


def _of_task(sight: Sight, row: Any) -> bool:
    return sight.task(sight.world.get("tasks", row.task_id))


def _me(sight: Sight, person_id: int) -> bool:
    return sight.all or sight.own_inbox(person_id)


def _reminder(sight: Sight, row: Any) -> bool:
    of_a_task = row.subject != "TARGET_REVIEW" and sight.task(sight.world.get("tasks", row.subject_id))
    return of_a_task or _me(sight, row.recipient_id)


def _warning(sight: Sight, row: Any) -> bool:
    return row.subject != "TASK" or sight.task(sight.world.get("tasks", row.subject_id))


def _endpoint(sight: Sight, row: Any) -> bool:
    return sight.all or (sight.viewer.may("tasks:read") and row.unit_id in sight.own)


def _source(sight: Sight, row: Any) -> bool:
    return sight.all or (sight.viewer.may("measurements:read") and row.unit_id in sight.working)


def _signal(sight: Sight, row: Any) -> bool:
    asked = row.unit_id in sight.own or sight.above(row.unit_id)
    return sight.all or (sight.viewer.may("tasks:read") and asked)


WALLS: dict[str, tuple[str, str, Shows]] = {
    "task": ("tasks", "id", lambda sight, row: sight.task(row)),
    "participation": ("participations", "task_id", _of_task),
    "assignee": ("assignees", "task_id", _of_task),
    "task_comment": ("comments", "id", _of_task),
    "task_evidence": ("evidence", "id", _of_task),
    "task_extension": ("extensions", "id", _of_task),
    "task_recurrence": ("recurrences", "id", _of_task),
    "reminder": ("reminders", "id", _reminder),
    "early_warning": ("warnings", "id", _warning),
    "notification": ("notifications", "id", lambda sight, row: _me(sight, row.person_id)),
    "notification_preference": ("preferences", "person_id", lambda sight, row: _me(sight, row.person_id)),
    "calendar_feed": ("feeds", "id", lambda sight, row: _me(sight, row.person_id)),
    "webhook_endpoint": ("endpoints", "id", _endpoint),
    "webhook_delivery": (
        "deliveries",
        "id",
        lambda sight, row: _endpoint(sight, sight.world.get("endpoints", row.endpoint_id)),
    ),
    "source_connector": ("connectors", "source_id", _source),
    "intake": ("intakes", "id", _source),
    "rejected_reading": ("rejected", "id", _source),
    "signal": ("signals", "id", _signal),
}
"""By table: its rows in a world, the column by which they are told apart, and whom they are shown to."""
