"""What is judged, in SQL: one statement per plan brings its verdicts up to date, targets and units at once.

Everything comes from one picture of ``target_outcome``. A target whose change waits to be rolled up is left
for the next run: its definition and its outcome do not belong together yet. A target paused after its due
date is judged like any other: a pause is the holder's own act, and keeps neither a verdict nor a correction
nor the unit's verdict away.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

LISTED = 100
"""How many targets not met a unit's verdict names; how many there are it always says."""

_WHO_HEADED = """LEFT JOIN membership h ON h.unit_id = {0}.unit_id AND h.role = 'HEAD'
        AND h.starts_on <= {0}.due_on AND (h.ends_on IS NULL OR h.ends_on >= {0}.due_on)"""
"""Nobody else can have headed the unit on that day: the table excludes it."""

_DIGESTED = (
    *("judgement", "due_on", "head_id", "head_since", "goal", "goal_high", "direction", "baseline", "rollup"),
    *("basis", "used", "binding", "measured", "reported", "numerator", "denominator", "read_on"),
    *("children", "children_met", "task_weight", "delivered_weight", "verified_weight"),
)


def _text(column: str) -> str:
    """A quantity as it is kept: exact, without trailing zeros."""
    return f"CAST(trim_scale({column}) AS text)"


_SAID = {
    **{name: f"x.{name}" for name in ("basis", "used", "direction", "rollup", "binding")},
    **{
        name: _text(f"x.{name}")
        for name in ("goal", "goal_high", "baseline", "value", "measured", "reported")
    },
    **{name: _text(f"x.{name}") for name in ("numerator", "denominator")},
    "as_of": "x.read_on",
    "children": "nullif(x.children, 0)",
    "children_met": "CASE WHEN x.children > 0 THEN x.children_met END",
    **{name: _text(f"x.{name}") for name in ("task_weight", "delivered_weight", "verified_weight")},
}
"""What a target's verdict rests on; where any of it changes, it is issued again."""

_BESIDE = f"""jsonb_build_object('at_risk_points', {_text("x.at_risk_points")},
        'off_track_points', {_text("x.off_track_points")}, 'measurement_id', m.id, 'source', m.source,
        'recorded_at', m.recorded_at, 'source_id', i.source_id, 'intake_id', i.id,
        'received_at', i.received_at, 'sha256', encode(i.sha256, 'hex'))"""
"""What it came from. The same value recorded once more changes nothing of what was said."""

BESIDE = (
    *("at_risk_points", "off_track_points", "measurement_id", "source", "recorded_at", "source_id"),
    *("intake_id", "received_at", "sha256"),
)

_OBJECT = ", ".join(f"'{name}', {expression}" for name, expression in _SAID.items())

_READINGS = ", ".join(
    f"CASE WHEN kr.rollup <> 'MILESTONE'{only} THEN o.{basis}_{name} END AS {basis}_{name}"
    for basis in ("measured", "reported")
    for name, only in (
        ("numerator", ""),
        ("denominator", ""),
        ("on", f" AND o.own_{basis}_value IS NOT NULL"),
    )
)
"""What a value was read off; a milestone's off nothing, whatever its indicator was measured to be."""

_TARGETS = f"""due AS MATERIALIZED (
        SELECT t.id AS target_id, t.unit_id, t.key_result_id, t.indicator_id, t.due_on,
            p.starts_on AS plan_starts_on, e.evaluated_on,
            CASE WHEN o.meets THEN 'MET' ELSE 'NOT_MET' END AS judgement,
            kr.basis, kr.rollup, kr.binding, kr.at_risk_points, kr.off_track_points, ind.direction,
            CASE WHEN kr.basis = 'REPORTED' AND o.reported_value IS NOT NULL
                THEN 'REPORTED' ELSE 'MEASURED' END AS used,
            o.measured_value AS measured, o.reported_value AS reported, {_READINGS},
            t.value AS goal, t.value_high AS goal_high, t.baseline, o.children, o.children_met,
            {
    ", ".join(
        f"CASE WHEN kr.rollup = 'MILESTONE' THEN o.own_{name} END AS {name}"
        for name in ("task_weight", "delivered_weight", "verified_weight")
    )
}
        FROM target_outcome o JOIN target t ON t.id = o.target_id JOIN plan p ON p.id = t.plan_id
        JOIN key_result kr ON kr.id = t.key_result_id JOIN indicator ind ON ind.id = kr.indicator_id
        JOIN plan_evaluation e ON e.plan_id = t.plan_id LEFT JOIN paused_late j ON j.target_id = t.id
        WHERE o.plan_id = :plan_id AND o.live AND t.due_on < e.evaluated_on
            AND (t.state = 'ACTIVE' AND o.status IN ('MET', 'NOT_MET') OR j.target_id IS NOT NULL)
            AND NOT EXISTS (SELECT FROM waiting w WHERE w.target_id = t.id)),
    headed AS (
        SELECT due.*, h.person_id AS head_id, h.starts_on AS head_since,
            CASE used WHEN 'REPORTED' THEN reported ELSE measured END AS value,
            CASE used WHEN 'REPORTED' THEN reported_numerator ELSE measured_numerator END AS numerator,
            CASE used WHEN 'REPORTED' THEN reported_denominator ELSE measured_denominator END AS denominator,
            CASE used WHEN 'REPORTED' THEN reported_on ELSE measured_on END AS read_on
        FROM due {_WHO_HEADED.format("due")}),
    digested AS (
        SELECT headed.*, hash_record_extended(ROW({", ".join(_DIGESTED)}), 0) AS digest FROM headed),
    of_targets AS MATERIALIZED (
        SELECT v.id AS old_id, x.target_id, x.unit_id, x.key_result_id, x.judgement, x.due_on, x.evaluated_on,
            x.value, x.goal, x.head_id, x.head_since, x.digest,
            said.inputs || jsonb_strip_nulls({_BESIDE}) AS inputs
        FROM digested x
        LEFT JOIN verdict v ON v.plan_id = :plan_id AND v.target_id = x.target_id AND v.superseded_at IS NULL
        CROSS JOIN LATERAL (SELECT jsonb_strip_nulls(jsonb_build_object({_OBJECT})) AS inputs) said
        LEFT JOIN LATERAL (
            SELECT id, source, recorded_at, intake_id FROM measurement
            WHERE x.read_on IS NOT NULL AND unit_id = x.unit_id AND indicator_id = x.indicator_id
                AND basis = x.used AND as_of BETWEEN x.plan_starts_on AND x.due_on
            ORDER BY as_of DESC, id DESC LIMIT 1
        ) m ON true
        LEFT JOIN LATERAL (SELECT * FROM intake WHERE id = m.intake_id LIMIT 1) i ON true
        WHERE v.digest IS DISTINCT FROM x.digest
            AND (v.id IS NULL
                OR (v.judgement, v.due_on, v.head_id, v.head_since)
                    IS DISTINCT FROM (x.judgement, x.due_on, x.head_id, x.head_since)
                OR v.inputs - CAST(:beside AS text[]) IS DISTINCT FROM said.inputs))"""
"""A hash may be another on another release of the server: then everything is compared, and nothing issued."""

_UNITS = f"""own_targets AS MATERIALIZED (
        SELECT o.unit_id, max(t.due_on) AS due_on, bool_or(w.target_id IS NOT NULL) AS waits,
            bool_and(o.status IN ('MET', 'NOT_MET')
                OR o.status = 'PAUSED' AND j.target_id IS NOT NULL) AS judged,
            count(*) FILTER (WHERE o.meets) AS met, count(*) FILTER (WHERE NOT o.meets) AS not_met,
            count(*) FILTER (WHERE o.binding) AS binding,
            count(*) FILTER (WHERE o.binding AND o.meets) AS binding_met,
            (array_agg(t.id ORDER BY t.id) FILTER (WHERE o.binding AND NOT o.meets))[1:{LISTED}] AS unmet
        FROM target_outcome o JOIN target t ON t.id = o.target_id
        LEFT JOIN waiting w ON w.target_id = t.id LEFT JOIN paused_late j ON j.target_id = t.id
        WHERE o.plan_id = :plan_id AND o.live GROUP BY o.unit_id),
    whole AS (
        SELECT o.*, e.evaluated_on, CASE WHEN binding = binding_met THEN 'MET' ELSE 'NOT_MET' END AS judgement
        FROM own_targets o JOIN plan_evaluation e ON e.plan_id = :plan_id
        WHERE judged AND NOT waits AND binding > 0),
    unit_headed AS (
        SELECT whole.*, h.person_id AS head_id, h.starts_on AS head_since,
            hash_record_extended(ROW(judgement, due_on, h.person_id, h.starts_on, binding, binding_met, met,
                not_met, unmet), 0) AS digest
        FROM whole {_WHO_HEADED.format("whole")}),
    of_units AS MATERIALIZED (
        SELECT v.id AS old_id, x.*, said.inputs
        FROM unit_headed x
        LEFT JOIN verdict v ON v.plan_id = :plan_id AND v.unit_id = x.unit_id AND v.target_id IS NULL
            AND v.superseded_at IS NULL
        CROSS JOIN LATERAL (SELECT jsonb_strip_nulls(jsonb_build_object('targets', met + not_met,
            'met', met, 'not_met', not_met, 'binding', binding, 'binding_met', binding_met,
            'unmet', x.unmet)) AS inputs) said
        WHERE v.digest IS DISTINCT FROM x.digest
            AND (v.id IS NULL
                OR (v.judgement, v.due_on, v.head_id, v.head_since)
                    IS DISTINCT FROM (x.judgement, x.due_on, x.head_id, x.head_since)
                OR v.inputs IS DISTINCT FROM said.inputs))"""

_LIFTED = """lifted AS MATERIALIZED (
        SELECT v.id FROM verdict v JOIN target t ON t.id = v.target_id
        JOIN plan_evaluation e ON e.plan_id = v.plan_id
        WHERE v.plan_id = :plan_id AND v.superseded_at IS NULL
            AND (t.state = 'WITHDRAWN' OR t.due_on >= e.evaluated_on)
        UNION ALL
        SELECT v.id FROM verdict v LEFT JOIN own_targets o ON o.unit_id = v.unit_id
        WHERE v.plan_id = :plan_id AND v.target_id IS NULL AND v.superseded_at IS NULL
            AND (o.unit_id IS NULL OR NOT o.waits AND (o.binding = 0 OR NOT o.judged)))"""
"""What is no longer said and not said anew: the ground was taken back, or is due later than it was."""

_COLUMNS = (
    "subject, plan_id, unit_id, target_id, key_result_id, number, judgement, due_on, evaluated_on, value, "
    "goal, inputs, digest, head_id, head_since, issued_at"
)

# What one would look up for each row is joined: a plan's first 440,000 verdicts are made while the table's
# statistics still say that it is empty, and looking into it row by row would read whatever was made so far.
ISSUE = sa.text(
    f"""WITH waiting AS MATERIALIZED (
        SELECT target_id FROM outcome_change WHERE plan_id = :plan_id AND target_id IS NOT NULL
        UNION SELECT served.target_id FROM outcome_change c CROSS JOIN LATERAL (
            SELECT target_id FROM task_target WHERE task_id = c.task_id OFFSET 0) served
        WHERE c.plan_id = :plan_id AND c.task_id IS NOT NULL),
    paused_late AS MATERIALIZED (
        SELECT t.id AS target_id FROM target t JOIN plan_evaluation e ON e.plan_id = t.plan_id
        WHERE t.plan_id = :plan_id AND t.state = 'PAUSED' AND t.due_on < e.evaluated_on
            AND (EXISTS (SELECT FROM verdict v WHERE v.target_id = t.id AND v.superseded_at IS NULL)
                OR (SELECT CAST(max(a.at) AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date) FROM activity a
                    WHERE a.subject_type = 'Target' AND a.subject_id = t.id
                        AND a.verb = 'target.paused') > t.due_on)),
    {_TARGETS}, {_UNITS}, {_LIFTED},
    past AS (
        SELECT target_id, unit_id, max(number) AS number FROM verdict WHERE plan_id = :plan_id
        GROUP BY target_id, unit_id),
    gone AS (
        UPDATE verdict SET superseded_at = :now
        WHERE plan_id = :plan_id AND superseded_at IS NULL
            AND id IN (SELECT old_id FROM of_targets UNION ALL SELECT old_id FROM of_units
                     UNION ALL SELECT id FROM lifted)
        RETURNING id),
    made AS (
        INSERT INTO verdict ({_COLUMNS})
        SELECT fresh.* FROM (
            SELECT 'TARGET', :plan_id, x.unit_id, x.target_id, x.key_result_id,
                coalesce(past.number, 0) + 1,
                x.judgement, x.due_on, x.evaluated_on, x.value, x.goal, x.inputs, x.digest, x.head_id,
                x.head_since, :now
            FROM of_targets x LEFT JOIN past ON past.target_id = x.target_id
            UNION ALL
            SELECT 'UNIT', :plan_id, x.unit_id, NULL, NULL,
                coalesce(past.number, 0) + 1,
                x.judgement, x.due_on, x.evaluated_on, NULL, NULL, x.inputs, x.digest, x.head_id,
                x.head_since, :now
            FROM of_units x LEFT JOIN past ON past.unit_id = x.unit_id AND past.target_id IS NULL
        ) fresh
        WHERE (SELECT count(*) FROM gone) >= 0  -- first the old one goes: only one of a subject may count
        RETURNING id),
    news AS (INSERT INTO verdict_news SELECT id FROM made)
    SELECT count(*) AS made, min(id) AS first_id, max(id) AS last_id,
        (SELECT count(old_id) FROM of_targets) + (SELECT count(old_id) FROM of_units) AS reissued,
        (SELECT count(*) FROM lifted) AS lifted, (SELECT min(id) FROM lifted) AS lifted_id
    FROM made"""
).bindparams(
    sa.bindparam("plan_id", type_=sa.BigInteger()),
    sa.bindparam("now", type_=sa.DateTime(timezone=True)),
    sa.bindparam("beside", value=list(BESIDE), type_=ARRAY(sa.Text)),
)

PLANS = sa.text(
    """SELECT p.id, p.issuer_unit_id FROM plan p JOIN plan_evaluation e ON e.plan_id = p.id
    WHERE p.state IN ('ISSUED', 'CLOSED') AND p.starts_on < e.evaluated_on
        AND (CAST(:plan_ids AS bigint[]) IS NULL OR p.id = ANY (:plan_ids))
        AND (EXISTS (SELECT FROM target t WHERE t.plan_id = p.id AND t.due_on < e.evaluated_on)
            OR EXISTS (SELECT FROM verdict v WHERE v.plan_id = p.id AND v.superseded_at IS NULL))
    ORDER BY p.id"""
).bindparams(sa.bindparam("plan_ids", type_=ARRAY(sa.BigInteger)))
"""Plans in which something is due or was judged."""
