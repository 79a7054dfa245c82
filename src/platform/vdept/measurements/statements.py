"""The statements of recording, prepared once.

The targets a value may move are those of its unit and indicator whose window covers its date; rolling up
reads their inputs again, so a row too many costs a little work and a row too few is a wrong figure.
"""

from vdept.kernel.driver import DriverStatement
from vdept.targets.changes import READINGS_LOCK

_TYPES = {
    "indicator_id": "bigint",
    "unit_id": "bigint",
    "subject_unit_id": "bigint",
    "supersedes_id": "bigint",
    "person_id": "bigint",
    "client_id": "bigint",
    "now": "timestamptz",
    "as_of": "date",
    "value": "numeric",
    "numerator": "numeric",
    "denominator": "numeric",
    "actor": "text",
    "basis": "text",
    "source": "text",
    "note": "text",
    "verb": "text",
    "data": "text",
    "ids": "bigint[]",
    "indicator_ids": "text::bigint[]",
    "unit_ids": "text::bigint[]",
    "bases": "text::text[]",
    "dates": "text::date[]",
    "values": "text::numeric[]",
    "numerators": "text::numeric[]",
    "denominators": "text::numeric[]",
    "sources": "text[]",
    "notes": "text[]",
}

LOOK = DriverStatement(
    f"""
    SELECT i.name, i.numerator IS NOT NULL AS is_ratio, i.minimum, i.maximum,
        u.path, u.name AS unit_name, u.valid_to,
        pg_advisory_xact_lock_shared({READINGS_LOCK}, CAST(i.id % 2147483647 AS int)) AS locked
    FROM (VALUES (1)) AS one
    LEFT JOIN indicator i ON i.id = :indicator_id
    LEFT JOIN unit u ON u.id = :unit_id
""",
    _TYPES,
)


def moved_targets(*, distinct: bool) -> str:
    """The INSERT that tells the roll-up of the targets that the rows of a WITH query ``made`` may move."""
    return f"""
    INSERT INTO outcome_change (plan_id, target_id)
    SELECT {"DISTINCT" if distinct else ""} t.plan_id, t.id
    FROM made JOIN target t ON t.unit_id = made.unit_id AND t.indicator_id = made.indicator_id
        AND t.due_on >= made.as_of AND t.state <> 'WITHDRAWN'
    JOIN plan p ON p.id = t.plan_id AND p.starts_on <= made.as_of
"""


RECORD = DriverStatement(
    f"""
    WITH made AS (
        INSERT INTO measurement (indicator_id, unit_id, basis, as_of, value, numerator, denominator, source,
            note, recorded_at, recorded_by_id, supersedes_id)
        VALUES (:indicator_id, :unit_id, :basis, :as_of, :value, :numerator, :denominator, :source, :note,
            :now, :person_id, :supersedes_id)
        ON CONFLICT (supersedes_id) WHERE supersedes_id IS NOT NULL DO NOTHING
        RETURNING id, indicator_id, unit_id, as_of, basis, value, supersedes_id
    ), said AS (
        INSERT INTO activity (at, actor, person_id, client_id, verb, subject_type, subject_id, unit_id, data)
        SELECT :now, :actor, :person_id, :client_id, :verb, 'Measurement', id, unit_id,
            jsonb_strip_nulls(jsonb_build_object('indicatorId', indicator_id::text, 'basis', basis,
                'asOf', as_of, 'value', trim_scale(value)::text, 'supersedesId', supersedes_id::text))
        FROM made
    ), told AS ({moved_targets(distinct=False)})
    SELECT id FROM made
""",
    _TYPES,
)

INDICATORS = DriverStatement(
    f"""
    SELECT i.id, i.name, i.numerator IS NOT NULL AS is_ratio, i.minimum, i.maximum,
        pg_advisory_xact_lock_shared({READINGS_LOCK}, CAST(i.id % 2147483647 AS int)) AS locked
    FROM (SELECT * FROM indicator WHERE id = ANY(:ids) ORDER BY id) AS i
""",
    _TYPES,
)

UNITS = DriverStatement("SELECT id, name, path, valid_to FROM unit WHERE id = ANY(:ids)", _TYPES)

RECORD_MANY = DriverStatement(
    f"""
    WITH made AS (
        INSERT INTO measurement (indicator_id, unit_id, basis, as_of, value, numerator, denominator, source,
            note, recorded_at, recorded_by_id)
        SELECT *, :now, :person_id
        FROM unnest(:indicator_ids, :unit_ids, :bases, :dates, :values, :numerators, :denominators,
            :sources, :notes)
        RETURNING id, indicator_id, unit_id, as_of
    ), told AS ({moved_targets(distinct=True)}),
    made_range AS (SELECT count(*) AS count, min(id) AS first_id, max(id) AS last_id FROM made),
    said AS (
        INSERT INTO activity (at, actor, person_id, client_id, verb, subject_type, subject_id, unit_id, data)
        SELECT :now, :actor, :person_id, :client_id, 'measurements.recorded', 'Measurement', first_id,
            :subject_unit_id,
            CAST(:data AS jsonb)
                || jsonb_build_object('count', count, 'firstId', first_id::text, 'lastId', last_id::text)
        FROM made_range
    )
    SELECT count, first_id, last_id FROM made_range
""",
    _TYPES,
)
