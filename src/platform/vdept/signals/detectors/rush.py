"""RUSH: most of what a unit had due in a week was finished just before, and much of it within an hour."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from vdept.kernel.clock import LOCAL as ZONE
from vdept.signals.detectors import LOCAL, Finding

LEAST = 5
SHARE = 60
"""Percent of what was due in the week."""
LAST_DAYS = 2
IN_AN_HOUR = 5
WEEKS = 2
"""So many weeks that have ended are looked at: a delivery may be verified, and sent back, afterwards."""
SHOWN = 20


class Done(NamedTuple):
    """A task of the unit that was due in the week. ``delivered_at``: None while it is not finished."""

    id: int
    plan_id: int | None
    due_on: date
    delivered_on: date | None
    delivered_at: datetime | None


def monday(day: date) -> date:
    return day - timedelta(day.weekday())


def find(unit_id: int, week: date, tasks: Sequence[Done]) -> Finding | None:
    """``tasks``: what the unit leads that was due in the week that begins on ``week``."""
    rushed = [
        each
        for each in tasks
        if each.delivered_on is not None
        and each.due_on - timedelta(LAST_DAYS) <= each.delivered_on <= each.due_on
    ]
    if len(rushed) < LEAST or 100 * len(rushed) < SHARE * len(tasks):
        return None
    at = sorted(each.delivered_at for each in rushed if each.delivered_at is not None)
    hours = [(sum(start <= other <= start + timedelta(hours=1) for other in at), start) for start in at]
    busiest = max((count for count, _ in hours), default=0)
    if busiest < IN_AN_HOUR:
        return None
    hour = min(start for count, start in hours if count == busiest)
    plans = {each.plan_id for each in tasks}
    return Finding(
        f"{unit_id}:{week.isoformat()}",
        unit_id,
        plans.pop() if len(plans) == 1 else None,
        None,
        None,
        Decimal(busiest),
        {
            "since": week.isoformat(),
            "until": (week + timedelta(6)).isoformat(),
            "due": len(tasks),
            "rushed": len(rushed),
            "in_an_hour": busiest,
            "hour": f"{hour.astimezone(ZONE):%Y-%m-%d %H:%M}",
            "task_ids": sorted(each.id for each in rushed)[:SHOWN],
        },
    )


_WEEK = "CAST(date_trunc('week', CAST({} AS timestamp)) AS date)"

SQL = f"""WITH due AS (
        SELECT k.id, k.lead_unit_id AS unit_id, k.plan_id, {_WEEK.format("k.due_on")} AS week,
            k.delivered_on BETWEEN k.due_on - {LAST_DAYS} AND k.due_on AS rushed
        FROM task k
        WHERE k.due_on >= {_WEEK.format(":as_of")} - {7 * WEEKS} AND k.due_on < {_WEEK.format(":as_of")}
            AND k.state IN ('ACCEPTED', 'IN_PROGRESS', 'DELIVERED', 'VERIFIED')),
    week AS (
        SELECT unit_id, week, count(*) AS due, count(*) FILTER (WHERE rushed) AS rushed,
            CASE WHEN count(DISTINCT coalesce(plan_id, 0)) = 1 THEN min(plan_id) END AS plan_id,
            (array_agg(id ORDER BY id) FILTER (WHERE rushed))[1:{SHOWN}] AS task_ids
        FROM due GROUP BY unit_id, week
        HAVING count(*) FILTER (WHERE rushed) >= {LEAST}
            AND 100 * count(*) FILTER (WHERE rushed) >= {SHARE} * count(*)),
    delivered AS (
        SELECT d.unit_id, d.week, a.at,
            count(*) OVER (PARTITION BY d.unit_id, d.week ORDER BY a.at
                RANGE BETWEEN CURRENT ROW AND interval '1 hour' FOLLOWING) AS in_an_hour
        FROM week w JOIN due d ON d.unit_id = w.unit_id AND d.week = w.week AND d.rushed
        CROSS JOIN LATERAL (
            SELECT max(at) AS at FROM activity
            WHERE subject_type = 'Task' AND subject_id = d.id AND verb = 'task.delivered') a
        WHERE a.at IS NOT NULL),
    busiest AS (
        SELECT DISTINCT ON (unit_id, week) unit_id, week, at, in_an_hour
        FROM delivered ORDER BY unit_id, week, in_an_hour DESC, at)
    SELECT unit_id || ':' || w.week AS key, unit_id, w.plan_id, CAST(NULL AS bigint) AS task_id,
        CAST(NULL AS bigint) AS indicator_id, CAST(b.in_an_hour AS numeric) AS score,
        jsonb_build_object('since', w.week, 'until', w.week + 6, 'due', w.due, 'rushed', w.rushed,
            'in_an_hour', b.in_an_hour, 'hour', to_char(b.at {LOCAL}, 'YYYY-MM-DD HH24:MI'),
            'task_ids', to_jsonb(w.task_ids)) AS evidence
    FROM week w JOIN busiest b USING (unit_id, week) WHERE b.in_an_hour >= {IN_AN_HOUR}"""
"""Of all units, for the weeks that have ended last."""
