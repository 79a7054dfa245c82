"""BACKDATED: values entered long after the date they are said to be of, just when they count.

Either around the due date of a target that they count for, or so that a verdict was turned by them. Values
that came in from a source system are left out: it may well deliver late, and says so itself.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from vdept.kernel.clock import local_date
from vdept.signals.detectors import LOCAL, Finding, said
from vdept.targets.rules import shown

DAYS = 45
"""More than so many days after its date."""
AROUND = 3
"""Days before and after the due date."""
SHOWN = 20


class Value(NamedTuple):
    id: int
    as_of: date
    value: Decimal
    recorded_at: datetime
    by_source: bool = False

    @property
    def recorded_on(self) -> date:
        return local_date(self.recorded_at)

    @property
    def days(self) -> int:
        return (self.recorded_on - self.as_of).days


class Aim(NamedTuple):
    """A target, with its unit, indicator and plan; ``starts_on``: of the plan, from where values count."""

    id: int
    plan_id: int
    unit_id: int
    indicator_id: int
    starts_on: date
    due_on: date


class Judged(NamedTuple):
    """A verdict on a target."""

    number: int
    judgement: str
    issued_at: datetime


def find(target: Aim, values: Sequence[Value]) -> Finding | None:
    """Values that count for the target, entered around its due date."""
    late = [
        each
        for each in values
        if _late(target, each) and abs(each.recorded_on - target.due_on) <= timedelta(AROUND)
    ]
    return _finding(target, f"{target.id}:{target.due_on.isoformat()}", late, {}) if late else None


def turned(target: Aim, before: Judged, after: Judged, values: Sequence[Value]) -> Finding | None:
    """Values that came between two verdicts on the target, of which the second says the opposite."""
    late = [
        each
        for each in values
        if _late(target, each) and before.issued_at < each.recorded_at <= after.issued_at
    ]
    if not late or before.judgement == after.judgement:
        return None
    key = f"{target.id}:verdict:{after.number}"
    return _finding(target, key, late, {"was": before.judgement, "judgement": after.judgement})


def _late(target: Aim, value: Value) -> bool:
    return not value.by_source and value.days > DAYS and target.starts_on <= value.as_of <= target.due_on


def _finding(target: Aim, key: str, late: Sequence[Value], more: dict[str, str]) -> Finding:
    worst = min(late, key=lambda each: (-each.days, each.id))
    return Finding(
        key,
        target.unit_id,
        target.plan_id,
        None,
        target.indicator_id,
        Decimal(worst.days),
        {
            **more,
            "due_on": target.due_on.isoformat(),
            "count": len(late),
            "as_of": worst.as_of.isoformat(),
            "recorded_on": worst.recorded_on.isoformat(),
            "days": worst.days,
            "value": shown(worst.value),
            "measurement_ids": sorted(each.id for each in late)[:SHOWN],
        },
    )


_RECORDED_ON = f"CAST(m.recorded_at {LOCAL} AS date)"
_WORST = "(array_agg({} ORDER BY m.days DESC, m.id))[1]"


def _found(source: str, key: str, more: str) -> str:
    return f"""SELECT {key} AS key, t.unit_id, t.plan_id, CAST(NULL AS bigint) AS task_id, t.indicator_id,
        CAST(max(m.days) AS numeric) AS score,
        jsonb_build_object({more} 'due_on', t.due_on, 'count', count(*), 'as_of', {_WORST.format("m.as_of")},
            'recorded_on', {_WORST.format("m.recorded_on")}, 'days', max(m.days),
            'value', {said(_WORST.format("m.value"))},
            'measurement_ids', to_jsonb((array_agg(m.id ORDER BY m.id))[1:{SHOWN}])) AS evidence
    {source}"""


AROUND_SQL = _found(
    f"""FROM (
        SELECT m.*, {_RECORDED_ON} AS recorded_on, {_RECORDED_ON} - m.as_of AS days FROM measurement m
        WHERE m.id > :after AND m.id <= :upto AND m.intake_id IS NULL AND {_RECORDED_ON} - m.as_of > {DAYS}
            AND m.recorded_at > :since
    ) m
    JOIN target t ON t.unit_id = m.unit_id AND t.indicator_id = m.indicator_id AND t.state <> 'WITHDRAWN'
    JOIN plan p ON p.id = t.plan_id AND m.as_of BETWEEN p.starts_on AND t.due_on
    WHERE m.recorded_on BETWEEN t.due_on - {AROUND} AND t.due_on + {AROUND}
    GROUP BY t.id""",
    "t.id || ':' || t.due_on",
    "",
)
"""Of what was recorded since the last run."""

TURNED_SQL = _found(
    f"""FROM verdict a
    JOIN verdict b ON b.target_id = a.target_id AND b.number = a.number - 1 AND b.judgement <> a.judgement
    JOIN target t ON t.id = a.target_id JOIN plan p ON p.id = t.plan_id
    CROSS JOIN LATERAL (
        SELECT m.*, {_RECORDED_ON} AS recorded_on, {_RECORDED_ON} - m.as_of AS days FROM measurement m
        WHERE m.unit_id = t.unit_id AND m.indicator_id = t.indicator_id
            AND m.as_of BETWEEN p.starts_on AND t.due_on AND m.intake_id IS NULL
            AND m.recorded_at > b.issued_at AND m.recorded_at <= a.issued_at
            AND {_RECORDED_ON} - m.as_of > {DAYS}
    ) m
    WHERE a.id > :after AND a.id <= :upto AND a.issued_at > :since
    GROUP BY t.id, a.number, a.judgement, b.judgement""",
    "t.id || ':verdict:' || a.number",
    "'was', b.judgement, 'judgement', a.judgement,",
)
"""Of verdicts issued since the last run."""
