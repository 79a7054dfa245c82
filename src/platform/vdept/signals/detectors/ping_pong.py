"""PING_PONG: a task goes back and forth between units. The unit that set it is asked: it decides whose it is.

What counts is each time it came back: sent back by who set it, or declined by who was to lead it. What a unit
sends back to itself is its own affair.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from vdept.kernel.clock import local_date
from vdept.signals.detectors import LOCAL, Finding

LEAST = 3
VERBS = ("task.sent_back", "task.declined")


class Entry(NamedTuple):
    """What the activity log says of a task."""

    verb: str
    unit_id: int | None
    at: datetime


def find(
    task_id: int, plan_id: int | None, owner_unit_id: int, lead_unit_id: int | None, log: Sequence[Entry]
) -> Finding | None:
    """A task that came back too often."""
    back = [
        each
        for each in log
        if each.verb == "task.declined" or (each.verb == "task.sent_back" and lead_unit_id != owner_unit_id)
    ]
    if len(back) < LEAST:
        return None
    declined = [each for each in back if each.verb == "task.declined"]
    return Finding(
        str(task_id),
        owner_unit_id,
        plan_id,
        task_id,
        None,
        Decimal(len(back)),
        {
            "times": len(back),
            "sent_back": len(back) - len(declined),
            "declined": len(declined),
            "since": local_date(min(each.at for each in back)).isoformat(),
            "until": local_date(max(each.at for each in back)).isoformat(),
        },
    )


_DECLINED = "a.verb = 'task.declined'"

SQL = f"""SELECT CAST(k.id AS text) AS key, k.owner_unit_id AS unit_id, k.plan_id, k.id AS task_id,
        CAST(NULL AS bigint) AS indicator_id, CAST(count(*) AS numeric) AS score,
        jsonb_build_object('times', count(*), 'sent_back', count(*) FILTER (WHERE NOT {_DECLINED}),
            'declined', count(*) FILTER (WHERE {_DECLINED}),
            'since', CAST(min(a.at) {LOCAL} AS date), 'until', CAST(max(a.at) {LOCAL} AS date)) AS evidence
    FROM task k JOIN activity a ON a.subject_type = 'Task' AND a.subject_id = k.id
    WHERE k.id = ANY (:ids) AND ({_DECLINED} OR a.verb = 'task.sent_back'
        AND k.lead_unit_id IS DISTINCT FROM k.owner_unit_id)
    GROUP BY k.id HAVING count(*) >= {LEAST}"""
"""Of the tasks that came back since the last run."""
