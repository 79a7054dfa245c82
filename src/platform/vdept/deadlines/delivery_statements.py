"""The statements of delivering: claim what is due, then judge it, tell people and close it, all at once."""

from vdept.kernel.driver import DriverStatement
from vdept.notifications.adding import inserting

LEASE = (
    "SET LOCAL idle_in_transaction_session_timeout = '{lease}s'; "
    "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL join_collapse_limit = 1; "
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; "
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_material = off"
)
"""What a delivering transaction begins with.

A claim is a row lock and ends with its connection. A worker that is frozen keeps the connection, so the
server ends it. The plan must not depend on statistics, which are of yesterday when a million reminders have
just been written: everything is looked up by key, in the order in which it stands.
"""

CLAIM = DriverStatement(
    """SELECT id, first_id, last_id, due_at FROM reminder_batch
    WHERE due_at <= :now AND delivered_at IS NULL
    ORDER BY due_at, id
    LIMIT (SELECT least(:most, greatest(1, :size * count(*) / sum(greatest(1, last_id - first_id + 1))))
        FROM (SELECT first_id, last_id FROM reminder_batch WHERE due_at <= :now AND delivered_at IS NULL
            ORDER BY due_at, id LIMIT :most) ahead)
    FOR UPDATE SKIP LOCKED""",
    {"now": "timestamptz", "most": "bigint", "size": "bigint"},
)
"""As many of the batches that are due and in nobody's hands as hold about ``size`` reminders."""

NEXT = DriverStatement(
    "SELECT min(due_at) AS due_at FROM reminder_batch WHERE due_at > :now AND delivered_at IS NULL",
    {"now": "timestamptz"},
)

_LEAD = "coalesce(t.lead_unit_id, t.owner_unit_id, g.unit_id)"

_DROPPED = """CASE
    WHEN r.subject = 'TASK' THEN CASE
        WHEN t.state IN ('DELIVERED', 'VERIFIED') THEN 'DONE'
        WHEN t.state IN ('PAUSED', 'CANCELLED', 'DECLINED') THEN t.state
        WHEN t.due_on IS DISTINCT FROM r.due_on THEN 'MOVED' END
    WHEN r.subject = 'TASK_REVIEW' THEN CASE
        WHEN t.state IN ('DELIVERED', 'VERIFIED') THEN 'DONE'
        WHEN t.state IN ('CANCELLED', 'DECLINED') THEN t.state
        WHEN t.review_on IS DISTINCT FROM r.due_on THEN 'MOVED' END
    WHEN g.state = 'WITHDRAWN' THEN 'CANCELLED'
    WHEN g.review_on IS DISTINCT FROM r.due_on THEN 'MOVED' END"""
"""Why the reminder's reason has ended, by the state of its subject. Whoever resumes has no review to make."""

_LEFT = """CASE
    WHEN p.active IS NOT TRUE THEN 'RECIPIENT_LEFT'
    WHEN NOT EXISTS (
        SELECT FROM membership m
        WHERE m.person_id = ANY (ARRAY[r.recipient_id]) AND m.unit_id = ANY (ARRAY[r.unit_id])
            AND m.starts_on <= CAST(:today AS date)
            AND (m.ends_on IS NULL OR m.ends_on >= CAST(:today AS date))
            AND (m.role IN ('COORDINATOR', 'DEPUTY', 'HEAD') OR (r.recipient = 'ASSIGNEES' AND EXISTS (
                SELECT FROM assignee a WHERE a.task_id = r.subject_id AND a.person_id = r.recipient_id))))
        THEN 'RECIPIENT_LEFT' END"""
"""Whether the person is not there any more in the capacity in which they were found. A coordinator, a deputy
or a head hears for assignees, too, where nobody does the work (``recipients.TOLD``).

Asked for a person PostgreSQL would take the exclusion constraint's index, which costs a hundred times the
plain one; an array it looks up in that.
"""

_DAYS_LEFT = f"""CASE WHEN r.scheduled_on = CAST(:today AS date) THEN -r.step ELSE coalesce((
        SELECT due.ordinal - today.ordinal
        FROM calendar_day due
        JOIN calendar_day today ON today.calendar_id = due.calendar_id AND today.day = CAST(:today AS date)
        WHERE due.day = r.due_on AND due.calendar_id = coalesce(
            (SELECT c.calendar_id FROM unit_calendar c WHERE c.unit_id = {_LEAD}), 0)), -r.step) END"""
"""In working days of the lead unit. On the day that the step belongs to the step says it already."""

_DATA = """jsonb_build_object('title', title, 'due_on', due_on, 'step', step, 'recipient', recipient,
    'folded', folded, 'unit', unit, 'subject', subject,
    CASE WHEN days_left < 0 THEN 'days_late' ELSE 'days_left' END, abs(days_left))"""

_VACANT = """jsonb_build_object('vacant', (
    SELECT jsonb_agg(v.name ORDER BY v.place) FROM (
        SELECT u.name, o.place FROM unnest(vacant_unit_ids) WITH ORDINALITY o (id, place)
        JOIN unit u ON u.id = o.id) v))"""

_TOLD = f"""SELECT recipient_id AS person_id, unit_id,
        CASE WHEN subject <> 'TASK' THEN 'REVIEW_DUE' WHEN step > 0 THEN 'ESCALATION' ELSE 'REMINDER' END
            AS kind,
        CASE subject WHEN 'TARGET_REVIEW' THEN 'Target' ELSE 'Task' END AS subject_type,
        subject_id, plan_id,
        CASE vacant_unit_ids WHEN '{{}}' THEN {_DATA} ELSE {_DATA} || {_VACANT} END AS data,
        'reminder' AS origin, id AS origin_id
    FROM judged WHERE dropped IS NULL"""


def _effect(*, certain: bool) -> DriverStatement:
    return DriverStatement(
        inserting(
            _TOLD,
            before=f"""judged AS MATERIALIZED (
        SELECT r.*, coalesce(t.title, k.title) AS title, u.name AS unit, {_DAYS_LEFT} AS days_left,
            coalesce({_DROPPED}, {_LEFT}) AS dropped
        FROM unnest(:first_ids, :last_ids, :due_ats) b (first_id, last_id, due_at)
        CROSS JOIN LATERAL (
            SELECT m.id, m.subject, m.subject_id, m.due_on, m.step, m.recipient_id, m.recipient, m.unit_id,
                m.plan_id, m.folded, m.vacant_unit_ids, m.scheduled_on
            FROM reminder m
            WHERE m.id BETWEEN b.first_id AND b.last_id AND m.due_at = b.due_at OFFSET 0) r
        LEFT JOIN person p ON p.id = r.recipient_id
        LEFT JOIN task t ON r.subject <> 'TARGET_REVIEW' AND t.id = r.subject_id
        LEFT JOIN target g ON r.subject = 'TARGET_REVIEW' AND g.id = r.subject_id
        LEFT JOIN key_result k ON k.id = g.key_result_id
        LEFT JOIN unit u ON u.id = {_LEAD}),
    dropping AS (
        UPDATE reminder SET dropped = j.dropped FROM judged j
        WHERE reminder.id = j.id AND j.dropped IS NOT NULL RETURNING 1),
    closed AS (
        UPDATE reminder_batch SET delivered_at = :now WHERE id = ANY (:batches))""",
            counting=("dropping",),
            certain=certain,
        ),
        {
            "now": "timestamptz",
            "today": "date",
            "first_ids": "bigint[]",
            "last_ids": "bigint[]",
            "due_ats": "timestamptz[]",
            "batches": "bigint[]",
        },
    )


EFFECT = _effect(certain=True)
"""Whatever is still wanted of the batches gets into the inboxes, the rest is dropped and says why.

The batches are locked by an earlier statement: what ended before they were claimed is seen as ended, and
nobody else has delivered any of it.
"""

CAREFUL_EFFECT = _effect(certain=False)
"""The same where some of it stands in inboxes already, after one table was restored without the other, say.
It is slower, and leaves what is there."""
