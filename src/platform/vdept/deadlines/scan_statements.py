"""The statements of the scan. Each is one, whatever the number of tasks."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.deadlines.recipients import CONTACTS, OPEN, RANK, STATION, STATION_JOINS, TOLD
from vdept.deadlines.rules import REVIEW_STEPS

_DAY = sa.Date()
_DATES = ARRAY(sa.Date())
_NUMBERS = ARRAY(sa.BigInteger())
_SMALL = ARRAY(sa.SmallInteger())

WHERE_ARE_WE = sa.text(
    """
    SELECT s.scanned_on, d.working,
        EXISTS (
            SELECT FROM calendar_day m WHERE m.working AND m.day > s.scanned_on AND m.day < :as_of) AS missed,
        ARRAY(SELECT DISTINCT step FROM reminder_step) AS steps
    FROM (SELECT 1) one
    LEFT JOIN reminder_scan s ON true
    LEFT JOIN calendar_day d ON d.calendar_id = 0 AND d.day = :as_of
    """
).bindparams(sa.bindparam("as_of", type_=_DAY))
"""The watermark, whether the day is worked, whether working days were missed, and the policies' steps."""

HITS = sa.text(
    """
    SELECT h.calendar_id, d.day AS due_on, s.step, h.day
    FROM calendar_day h
    CROSS JOIN unnest(:steps) s (step)
    JOIN calendar_day d ON d.calendar_id = h.calendar_id AND d.ordinal = h.ordinal - s.step
        AND d.day BETWEEN CAST(:after AS date) - 150 AND CAST(:as_of AS date) + 150
    WHERE h.working AND h.day > :after AND h.day <= :as_of
    ORDER BY h.calendar_id, d.day, s.step
    """
).bindparams(
    sa.bindparam("steps", type_=_SMALL), sa.bindparam("after", type_=_DAY), sa.bindparam("as_of", type_=_DAY)
)
"""Which due dates have a step on a day that is scanned: tiny, so that tasks are found by their due date.

A due date on a day off has the ordinal of the working day before it, and so its steps. Sixty working days
lie within 150 days.
"""

MOVES = ("task.due_extended", "task.resumed")
"""Activities after which a task's due date stands anew: its steps before that day were not missed."""

_MOVES = ", ".join(f"'{verb}'" for verb in MOVES)
_REVIEWS = ", ".join(str(one.step) for one in REVIEW_STEPS)


def _local(instant: str) -> str:
    return f"CAST({instant} AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date)"


_LEAD = "coalesce(t.lead_unit_id, t.owner_unit_id)"

GATHER = (
    "CREATE TEMPORARY TABLE scan_due (subject text, subject_id bigint, plan_id bigint, due_on date, "
    "step smallint, day date, recipient text, main_unit_id bigint, second_unit_id bigint, "
    "wants_head boolean) ON COMMIT DROP; "
    "CREATE TEMPORARY TABLE scan_contact (main_unit_id bigint, second_unit_id bigint, wants_head boolean, "
    "unit_id bigint, person_id bigint, vacant_unit_ids bigint[]) ON COMMIT DROP; "
    "SET LOCAL default_statistics_target = 10; SET LOCAL enable_nestloop = off"
)
"""What a scan begins with. Nobody can guess how many tasks a day's due dates have: until they are counted,
nothing is looked up one by one."""

COUNTED_DUE = "ANALYZE scan_due; SET LOCAL enable_nestloop = on"
COUNTED_CONTACTS = "ANALYZE scan_contact"

DUE = sa.text(
    f"""
    WITH hit AS MATERIALIZED (
        SELECT * FROM unnest(:calendar_ids, :due_ons, :hit_steps, :days) h (calendar_id, due_on, step, day)),
    policy AS MATERIALIZED (
        SELECT CAST(0 AS bigint) AS plan_id, step, recipient
        FROM unnest(:default_steps, :default_recipients) AS d (step, recipient)
        UNION ALL SELECT plan_id, step, recipient FROM reminder_step),
    own_calendar AS MATERIALIZED (SELECT unit_id, calendar_id FROM unit_calendar),
    of_tasks AS (
        SELECT 'TASK' AS subject, t.id AS subject_id, t.plan_id, t.due_on, h.step, h.day, p.recipient,
            {_LEAD} AS lead_unit_id, t.owner_unit_id
        FROM task t
        LEFT JOIN own_calendar c ON c.unit_id = {_LEAD}
        JOIN hit h ON h.due_on = t.due_on AND h.calendar_id = coalesce(c.calendar_id, 0)
        LEFT JOIN reminder_policy r ON r.plan_id = t.plan_id
        JOIN policy p ON p.plan_id = coalesce(r.plan_id, 0) AND p.step = h.step
        WHERE t.due_on = ANY (:dates) AND t.state IN {OPEN}
            AND {_local("t.created_at")} <= h.day
            AND NOT ({_local("t.updated_at")} > h.day AND EXISTS (
                SELECT FROM activity a WHERE a.subject_type = 'Task' AND a.subject_id = t.id
                    AND a.verb IN ({_MOVES}) AND {_local("a.at")} > h.day))),
    of_reviews AS (
        SELECT 'TASK_REVIEW' AS subject, t.id AS subject_id, t.plan_id, t.review_on AS due_on, h.step, h.day,
            'LEAD_HEAD' AS recipient, {_LEAD} AS lead_unit_id, t.owner_unit_id
        FROM task t
        LEFT JOIN own_calendar c ON c.unit_id = {_LEAD}
        JOIN hit h ON h.due_on = t.review_on AND h.calendar_id = coalesce(c.calendar_id, 0)
        WHERE t.state = 'PAUSED' AND t.review_on = ANY (:dates) AND h.step IN ({_REVIEWS})
            AND t.paused_on <= h.day
        UNION ALL
        SELECT 'TARGET_REVIEW', g.id, g.plan_id, g.review_on, h.step, h.day, 'LEAD_HEAD',
            g.unit_id, g.assigned_by_unit_id
        FROM target g
        JOIN plan ON plan.id = g.plan_id AND plan.state = 'ISSUED'
        LEFT JOIN own_calendar c ON c.unit_id = g.unit_id
        JOIN hit h ON h.due_on = g.review_on AND h.calendar_id = coalesce(c.calendar_id, 0)
        WHERE g.state = 'PAUSED' AND g.review_on = ANY (:dates) AND h.step IN ({_REVIEWS})
            AND coalesce((
                SELECT max({_local("a.at")}) FROM activity a WHERE a.subject_type = 'Target'
                    AND a.subject_id = g.id AND a.verb = 'target.paused') <= h.day, true)),
    of_all AS (SELECT * FROM of_tasks UNION ALL SELECT * FROM of_reviews)
    INSERT INTO scan_due
    SELECT s.subject, s.subject_id, s.plan_id, s.due_on, s.step, s.day, s.recipient, {STATION}
    FROM of_all s {STATION_JOINS}
    """
).bindparams(
    sa.bindparam("calendar_ids", type_=_NUMBERS),
    sa.bindparam("due_ons", type_=_DATES),
    sa.bindparam("hit_steps", type_=_SMALL),
    sa.bindparam("days", type_=_DATES),
    sa.bindparam("dates", type_=_DATES),
    sa.bindparam("default_steps", type_=_SMALL),
    sa.bindparam("default_recipients", type_=ARRAY(sa.Text())),
)
"""A row for every task, step and role that falls on a day that is scanned."""

REACHED = sa.text(
    f"""
    WITH due AS NOT MATERIALIZED (SELECT * FROM scan_due), {CONTACTS}
    INSERT INTO scan_contact
    SELECT main_unit_id, second_unit_id, wants_head, unit_id, person_id, vacant_unit_ids FROM contact
    """
).bindparams(sa.bindparam("today", type_=_DAY))

_KEY = "subject_id, person_id, subject"

SCAN = sa.text(
    f"""
    WITH due AS NOT MATERIALIZED (SELECT * FROM scan_due),
    contact AS NOT MATERIALIZED (SELECT * FROM scan_contact),
    {TOLD},
    picked AS (
        SELECT DISTINCT ON ({_KEY}, step) * FROM told
        ORDER BY {_KEY}, step, {RANK}),
    missing AS (
        SELECT p.*, r.id AS dropped_id
        FROM picked p
        LEFT JOIN reminder r ON r.subject = p.subject AND r.subject_id = p.subject_id
            AND r.due_on = p.due_on AND r.step = p.step AND r.recipient_id = p.person_id
        WHERE (r.id IS NULL OR r.dropped IS NOT NULL) AND (p.day = :today OR NOT EXISTS (
            SELECT FROM reminder l WHERE l.subject = p.subject AND l.subject_id = p.subject_id
                AND l.due_on = p.due_on AND l.step > p.step AND l.recipient_id = p.person_id
                AND l.dropped IS NULL))),
    folding AS MATERIALIZED (
        SELECT *, lead(step) OVER earlier IS NULL AS latest, array_agg(step) OVER earlier AS folded
        FROM missing
        WINDOW earlier AS (PARTITION BY {_KEY} ORDER BY step
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
    gone AS (
        DELETE FROM reminder WHERE id IN (
            SELECT dropped_id FROM folding WHERE latest AND dropped_id IS NOT NULL)
        RETURNING id),
    made AS (
        INSERT INTO reminder (subject, subject_id, due_on, step, recipient_id, recipient, unit_id, plan_id,
            folded, vacant_unit_ids, scheduled_on, due_at)
        SELECT subject, subject_id, due_on, step, person_id, recipient, unit_id, plan_id,
            coalesce(folded, '{{}}'), vacant_unit_ids, day, CAST(:due_at AS timestamptz)
        FROM folding WHERE latest AND (SELECT count(*) FROM gone) >= 0
        RETURNING id, cardinality(folded) AS folded),
    ids AS (SELECT min(id) AS first, max(id) AS last, count(*) AS made, sum(folded) AS folded FROM made),
    batched AS (
        INSERT INTO reminder_batch (first_id, last_id, due_at)
        SELECT b, least(b + :batch - 1, ids.last), CAST(:due_at AS timestamptz)
        FROM ids CROSS JOIN LATERAL generate_series(ids.first, ids.last, :batch) b
        RETURNING 1)
    SELECT made, coalesce(folded, 0) AS folded, (SELECT count(*) FROM batched) AS batches FROM ids
    """
).bindparams(
    sa.bindparam("today", type_=_DAY),
    sa.bindparam("due_at", type_=sa.DateTime(timezone=True)),
    sa.bindparam("batch", type_=sa.BigInteger()),
)
"""The reminders of the days that are scanned, and their batches.

A step before one that was told to the same person is not told any more, also where a changed calendar brings
its day back. A reminder that was dropped and holds again is made anew under a new id, so that it is in a
batch of its own time; the insert asks for the count of those that are gone, and so comes after them. Ids
follow one another: whoever writes reminders holds the scan's lock, and needs no ON CONFLICT, which costs a
fifth of the insert.
"""

MARK = sa.text(
    """
    INSERT INTO reminder_scan (single, scanned_on, scanned_at) VALUES (true, :mark, :now)
    ON CONFLICT (single) DO UPDATE SET scanned_on = excluded.scanned_on, scanned_at = excluded.scanned_at
    """
).bindparams(sa.bindparam("mark", type_=_DAY), sa.bindparam("now", type_=sa.DateTime(timezone=True)))
