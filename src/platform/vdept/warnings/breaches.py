"""What is breached now: for every kind a query of subject, unit, severity and evidence, for one plan.

The same rules as in ``rules.py``, for all subjects of a plan at once. ``:plan_id`` is the plan and ``:as_of``
the day for which it is evaluated. Evidence that would say another thing every day without anything having
happened (how long ago something was) is left out: the dates are there, and readers count from them.
"""

from vdept.sources.connectors import pace
from vdept.warnings import rules
from vdept.warnings.models import WarningKind, WarningSubject

LOCAL = "AT TIME ZONE 'Asia/Ho_Chi_Minh'"


def _said(number: str) -> str:
    """A quantity in evidence: exact and readable."""
    return f"trim_scale({number})::text"


def _points(expression: str) -> str:
    return _said(f"100 * ({expression})")


def _late(days: str, allowed: str) -> str:
    """``rules.late`` of what is a breach."""
    return f"CASE WHEN {days} >= {rules.TWICE} * greatest({allowed}, 1) THEN 'OFF_TRACK' ELSE 'AT_RISK' END"


_IN_FORCE = "p.state = 'ISSUED' AND t.state = 'ACTIVE' AND :as_of <= t.due_on"
"""After the due date the verdict speaks, and before it nothing that is paused or taken back."""

_OUTCOMES = f"""FROM target_outcome o JOIN target t ON t.id = o.target_id
    JOIN key_result kr ON kr.id = o.key_result_id JOIN plan p ON p.id = o.plan_id {{more}}
    WHERE o.plan_id = :plan_id AND t.plan_id = :plan_id AND {_IN_FORCE}"""

_JUDGED_BY_REPORTS = "kr.basis = 'REPORTED' AND o.reported_value IS NOT NULL"

_THRESHOLD = "CASE o.status WHEN 'AT_RISK' THEN kr.at_risk_points ELSE kr.off_track_points END"

PACE = f"""SELECT t.id AS subject_id, t.unit_id, o.status AS severity, jsonb_build_object(
        'as_of', e.evaluated_on, 'due_on', t.due_on, 'goal', {_said("t.value")},
        'value', {_said(f"CASE WHEN {_JUDGED_BY_REPORTS} THEN o.reported_value ELSE o.measured_value END")},
        'attainment', {_points("coalesce(o.attainment, 0)")}, 'expected', {_points("o.expected")},
        'behind', {_points("o.expected - coalesce(o.attainment, 0)")},
        'threshold', {_said(_THRESHOLD)}
    ) AS evidence
    {_OUTCOMES.format(more="JOIN plan_evaluation e ON e.plan_id = o.plan_id")}
        AND o.status IN ('AT_RISK', 'OFF_TRACK')"""
"""The pace is that of the outcome: what stands there is AT_RISK and OFF_TRACK here."""

_GAP = "100 * (o.reported_attainment - o.measured_attainment)"

GAP = f"""SELECT t.id AS subject_id, t.unit_id,
        CASE WHEN {_GAP} >= {rules.TWICE} * kr.gap_points THEN 'OFF_TRACK' ELSE 'AT_RISK' END AS severity,
        jsonb_build_object(
            'reported', {_said("o.reported_value")}, 'measured', {_said("o.measured_value")},
            'reported_attainment', {_points("o.reported_attainment")},
            'measured_attainment', {_points("o.measured_attainment")},
            'gap', {_said(_GAP)}, 'threshold', {_said("kr.gap_points")}
        ) AS evidence
    {_OUTCOMES.format(more="")} AND {_GAP} > kr.gap_points"""


def _allowed(frequency_column: str) -> str:
    """``rules.allowed_silence``."""
    days = " ".join(f"WHEN '{each}' THEN {rules.allowed_silence(each)}" for each in rules.DAYS_OF_FREQUENCY)
    return f"CASE {frequency_column} {days} END"


_LAST = """CASE WHEN kr.basis = 'REPORTED' AND o.reported_on IS NOT NULL THEN o.reported_on
    ELSE o.measured_on END"""
_LAST_VALUE = """CASE WHEN kr.basis = 'REPORTED' AND o.reported_on IS NOT NULL THEN o.own_reported_value
    ELSE o.own_measured_value END"""

SILENCE = f"""SELECT s.subject_id, s.unit_id, {_late(":as_of - s.since", "s.allowed")} AS severity,
        jsonb_build_object('since', s.since, 'last_on', s.last_on, 'last_value', {_said("s.last_value")},
            'basis', s.basis, 'frequency', s.frequency, 'allowed_days', s.allowed) AS evidence
    FROM (
        SELECT t.id AS subject_id, t.unit_id, kr.basis, ind.frequency, {_allowed("ind.frequency")} AS allowed,
            {_LAST} AS last_on, {_LAST_VALUE} AS last_value, coalesce({_LAST}, t.starts_on) AS since
        {_OUTCOMES.format(more="JOIN indicator ind ON ind.id = kr.indicator_id")}
            AND ind.frequency IS NOT NULL AND kr.rollup <> 'MILESTONE'
            AND (o.children = 0 OR kr.rollup = 'OWN')
    ) s WHERE :as_of - s.since > s.allowed"""
"""No value of what judges the target (its basis, with the outcome's own fallback) for longer than allowed.

A value that rolls up is silent where it is measured, below; a milestone has tasks and no readings. Without
any reading the clock runs from the target's first day.
"""

_ASSIGNED = f"greatest(t.assigned_at, p.issued_at) {LOCAL}"

UNACKNOWLEDGED = f"""SELECT s.subject_id, s.unit_id, {_late(":as_of - s.since", "s.grace_days")} AS severity,
        jsonb_build_object('since', s.since, 'grace_days', s.grace_days) AS evidence
    FROM (
        SELECT t.id AS subject_id, t.unit_id, p.grace_days, CAST({_ASSIGNED} AS date) AS since
        FROM target t JOIN plan p ON p.id = t.plan_id
        WHERE t.plan_id = :plan_id AND {_IN_FORCE} AND t.acknowledged_at IS NULL
    ) s WHERE :as_of - s.since > s.grace_days"""

_TASKS = """FROM task k LEFT JOIN plan p ON p.id = k.plan_id {more}
    WHERE k.{in_plan} AND k.state IN ('ACCEPTED', 'IN_PROGRESS') AND coalesce(p.state, 'ISSUED') = 'ISSUED'"""

ABANDONED = f"""SELECT s.subject_id, s.unit_id, {_late(":as_of - s.since", "s.stale_days")} AS severity,
        jsonb_build_object('since', s.since, 'stale_days', s.stale_days, 'due_on', s.due_on,
            'progress', {_said("s.progress")}) AS evidence
    FROM (
        SELECT k.id AS subject_id, k.lead_unit_id AS unit_id, k.due_on, k.progress,
            coalesce(p.stale_days, {rules.DEFAULT_STALE_DAYS}) AS stale_days,
            CAST(k.updated_at {LOCAL} AS date) AS since
        {_TASKS.replace("{more}", "")}
    ) s WHERE :as_of - s.since > s.stale_days"""
"""What is accepted is finished (requirement 12)."""

_CALENDAR = """LEFT JOIN unit_calendar uc ON uc.unit_id = k.lead_unit_id
    JOIN calendar_day yesterday ON yesterday.calendar_id = coalesce(uc.calendar_id, 0)
        AND yesterday.day = :as_of - 1
    JOIN calendar_day due ON due.calendar_id = yesterday.calendar_id AND due.day = k.due_on"""
_BEFORE = """coalesce((SELECT d.ordinal FROM calendar_day d
    WHERE d.calendar_id = {calendar}
        AND d.day = CAST({instant} AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date) - 1), 0)"""
_ACCEPTED = """coalesce((SELECT max(a.at) FROM activity a WHERE a.subject_type = 'Task'
    AND a.subject_id = {task} AND a.verb IN ('task.accepted', 'task.volunteered')), {created})"""

NO_TIME_LEFT = f"""SELECT s.subject_id, s.unit_id,
        CASE WHEN 100 * s.used - s.progress * (s.used + s.days_left) > {rules.SHORT_POINTS} * s.used
            THEN 'OFF_TRACK' ELSE 'AT_RISK' END AS severity,
        jsonb_build_object('progress', {_said("s.progress")}, 'since', CAST(s.accepted_at {LOCAL} AS date),
            'due_on', s.due_on, 'days_used', s.used, 'days_left', s.days_left,
            'projected', {_said("trunc(s.progress * (s.used + s.days_left) / s.used, 2)")}) AS evidence
    FROM (
        SELECT a.*, greatest(a.yesterday - {_BEFORE.format(calendar="a.calendar_id", instant="a.accepted_at")}
            - a.paused_days, 0) AS used
        FROM (
            SELECT c.*, {_ACCEPTED.format(task="c.subject_id", created="c.created_at")} AS accepted_at
            FROM (
                SELECT k.id AS subject_id, k.lead_unit_id AS unit_id, k.progress, k.due_on, k.created_at,
                    k.paused_days, yesterday.calendar_id, yesterday.ordinal AS yesterday,
                    due.ordinal - yesterday.ordinal AS days_left
                {_TASKS.replace("{more}", _CALENDAR)} AND k.due_on >= :as_of AND k.progress < 100
                OFFSET 0
            ) c
            WHERE {rules.LAST_PART} * c.days_left < c.days_left + c.yesterday
                - {_BEFORE.format(calendar="c.calendar_id", instant="c.created_at")}
            OFFSET 0
        ) a
        OFFSET 0
    ) s WHERE {rules.LAST_PART} * s.days_left < s.used + s.days_left
        AND s.progress * (s.used + s.days_left) < 100 * s.used"""
"""``rules.no_time_left``. When a task was accepted stands in the log only, so it is looked up last, and only
for tasks in the last third of the time since they were set: nobody accepts a task before it is set."""

_PATIENCE = f"make_interval(secs => {int(pace.PATIENCE.total_seconds())})"

SOURCE_FAILING = f"""SELECT s.id AS subject_id, s.unit_id,
        CASE WHEN :now - s.failing_since >= {rules.TWICE} * {_PATIENCE} THEN 'OFF_TRACK' ELSE 'AT_RISK' END
            AS severity,
        jsonb_build_object('since', CAST(s.failing_since {LOCAL} AS date), 'failures', c.failures,
            'code', i.error, 'params', i.params) AS evidence
    FROM source s JOIN source_connector c ON c.source_id = s.id LEFT JOIN LATERAL (
        SELECT f.error, f.params FROM intake f WHERE f.source_id = s.id AND f.state = 'FAILED'
        ORDER BY f.id DESC LIMIT 1) i ON true
    WHERE s.state = 'ACTIVE' AND s.failing_since IS NOT NULL
        AND (c.failures > {pace.ALARMING} OR :now - s.failing_since > {_PATIENCE})"""

SOURCE_SILENT = f"""SELECT s.subject_id, s.unit_id, {_late(":as_of - s.since", "s.allowed")} AS severity,
        jsonb_build_object('since', s.since, 'last_on', s.last_on, 'frequency', s.frequency,
            'allowed_days', s.allowed) AS evidence
    FROM (
        SELECT o.id AS subject_id, o.unit_id, o.frequency, {_allowed("o.frequency")} AS allowed, i.last_on,
            coalesce(i.last_on, CAST(o.created_at {LOCAL} AS date)) AS since
        FROM source o LEFT JOIN LATERAL (
            SELECT CAST(r.received_at {LOCAL} AS date) AS last_on FROM intake r
            WHERE r.source_id = o.id AND r.recorded + r.unchanged > 0 ORDER BY r.id DESC LIMIT 1) i ON true
        WHERE o.state = 'ACTIVE'
    ) s WHERE :as_of - s.since > s.allowed"""
"""No good row came in for longer than the source's frequency allows: rejected ones are no sign of life."""

BREACHES: dict[WarningKind, tuple[WarningSubject, str]] = {
    WarningKind.PACE: (WarningSubject.TARGET, PACE),
    WarningKind.GAP: (WarningSubject.TARGET, GAP),
    WarningKind.SILENCE: (WarningSubject.TARGET, SILENCE),
    WarningKind.UNACKNOWLEDGED: (WarningSubject.TARGET, UNACKNOWLEDGED),
    WarningKind.ABANDONED: (WarningSubject.TASK, ABANDONED),
    WarningKind.NO_TIME_LEFT: (WarningSubject.TASK, NO_TIME_LEFT),
    WarningKind.SOURCE_FAILING: (WarningSubject.SOURCE, SOURCE_FAILING),
    WarningKind.SOURCE_SILENT: (WarningSubject.SOURCE, SOURCE_SILENT),
}
