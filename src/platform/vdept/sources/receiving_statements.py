"""The statements of receiving, prepared once.

Deliveries of one source that are about the same units wait for each other between the look and the commit:
what stands already is then decided by what is there. They do so on 64 advisory locks a source, the unit's
number deciding which, and not on the source's row.
"""

from vdept.kernel.driver import DriverStatement
from vdept.measurements.statements import moved_targets
from vdept.targets.changes import READINGS_LOCK

SERIES_LOCK = 0x73657269
"""Class of the advisory locks ``(SERIES_LOCK, source and unit)``."""

_TYPES = {
    "source_id": "bigint",
    "source_unit_id": "bigint",
    "person_id": "bigint",
    "client_id": "bigint",
    "now": "timestamptz",
    "actor": "text",
    "source": "text",
    "verb": "text",
    "national": "boolean",
    "locking": "boolean",
    "digests": "bytea[]",
    "sizes": "text::bigint[]",
    "good": "text::int[]",
    "bad": "text::int[]",
    "documents": "text::int[]",
    "bad_documents": "text::int[]",
    "ids": "bigint[]",
    "pulled": "boolean",
    "put_right": "bigint[]",
    "unit_codes": "text[]",
    "indicator_codes": "text[]",
    "indicator_ids": "text::bigint[]",
    "unit_ids": "text::bigint[]",
    "dates": "text::date[]",
    "values": "text::numeric[]",
    "numerators": "text::numeric[]",
    "denominators": "text::numeric[]",
    "notes": "text[]",
    "rows": "text::int[]",
    "kept": "text[]",
    "raws": "text[]",
    "codes": "text[]",
    "paths": "text[]",
    "params": "text[]",
    "bad_dates": "text::date[]",
}

LOOK = DriverStatement(
    f"""
    WITH u AS (
        SELECT id, code, name, valid_to,
            CASE WHEN :national THEN kind NOT IN ('FIRM', 'ASSOCIATION') ELSE path @> ARRAY[:source_unit_id]
                END AS reached
        FROM unit WHERE id = ANY (:unit_ids) OR code = ANY (:unit_codes)
    ), i AS (
        SELECT i.id, i.code, i.name, i.numerator IS NOT NULL AS is_ratio, i.minimum, i.maximum,
            i.unit_of_measure, s.source_id IS NOT NULL AS measured
        FROM indicator i
        LEFT JOIN source_indicator s ON s.source_id = :source_id AND s.indicator_id = i.id
        WHERE i.id = ANY (:indicator_ids) OR i.code = ANY (:indicator_codes)
    )
    SELECT
        (SELECT json_agg(json_build_array(id, code, name, valid_to, reached)) FROM u)::text AS units,
        (SELECT json_agg(json_build_array(id, code, name, is_ratio, minimum::text, maximum::text,
            unit_of_measure, measured)) FROM i)::text AS indicators,
        (SELECT count(pg_advisory_xact_lock_shared({READINGS_LOCK}, CAST(o.id % 2147483647 AS int)))
            FROM (SELECT id FROM i WHERE measured AND :locking ORDER BY id) AS o) AS readings_locked,
        (SELECT count(pg_advisory_xact_lock({SERIES_LOCK}, o.place))
            FROM (SELECT DISTINCT CAST((:source_id * 64 + id % 64) % 2147483647 AS int) AS place
                FROM u WHERE reached AND :locking ORDER BY place) AS o) AS series_locked
""",
    _TYPES,
)

_JUDGED = """
    given AS (
        SELECT * FROM unnest(:documents, :indicator_ids, :unit_ids, :dates, :values, :numerators,
                :denominators, :notes) WITH ORDINALITY
            AS g (document, indicator_id, unit_id, as_of, value, numerator, denominator, note, place)
    ), judged AS MATERIALIZED (
        SELECT g.*, s.id AS standing_id, s.id IS NOT NULL AND s.value = g.value
            AND s.numerator IS NOT DISTINCT FROM g.numerator
            AND s.denominator IS NOT DISTINCT FROM g.denominator AS unchanged
        FROM given g LEFT JOIN LATERAL (
            SELECT m.id, m.value, m.numerator, m.denominator FROM measurement m
            WHERE m.unit_id = g.unit_id AND m.indicator_id = g.indicator_id AND m.basis = 'MEASURED'
                AND m.as_of = g.as_of AND m.source_id = :source_id
                AND NOT EXISTS (SELECT FROM measurement c WHERE c.supersedes_id = m.id)
            ORDER BY m.id DESC LIMIT 1) s ON true
    )
"""
"""What stands: the value of this source for the same unit, indicator and date, not corrected since."""

WOULD_RECORD = DriverStatement(
    f"WITH {_JUDGED} SELECT count(*) FILTER (WHERE NOT unchanged) AS recorded FROM judged", _TYPES
)

WRITE = DriverStatement(
    f"""
    WITH document AS MATERIALIZED (
        SELECT nextval(pg_get_serial_sequence('intake', 'id')) AS id, d.*
        FROM unnest(:digests, :sizes, :good, :bad) WITH ORDINALITY AS d (sha256, size, good, bad, number)
    ), {_JUDGED}, made AS (
        INSERT INTO measurement (indicator_id, unit_id, basis, as_of, value, numerator, denominator, source,
            note, recorded_at, recorded_by_id, supersedes_id, source_id, intake_id, put_right)
        SELECT j.indicator_id, j.unit_id, 'MEASURED', j.as_of, j.value, j.numerator, j.denominator, :source,
            j.note, :now, :person_id, j.standing_id, :source_id, d.id, j.place = ANY (:put_right)
        FROM judged j JOIN document d ON d.number = j.document
        WHERE NOT j.unchanged ORDER BY j.place
        RETURNING id, indicator_id, unit_id, as_of, intake_id
    ), told AS ({moved_targets(distinct=True)}),
    counted AS (
        SELECT d.*, c.first_id, c.last_id, coalesce(c.recorded, 0) AS recorded
        FROM document d LEFT JOIN (
            SELECT intake_id, count(*) AS recorded, min(id) AS first_id, max(id) AS last_id FROM made
            GROUP BY intake_id) c ON c.intake_id = d.id
    ),
    kept_intake AS (
        INSERT INTO intake (id, source_id, unit_id, state, received_at, client_id, sha256, size, rows,
            recorded, unchanged, rejected)
        SELECT id, :source_id, :source_unit_id, 'RECEIVED', :now, :client_id, sha256, size,
            good + bad, recorded, good - recorded, bad
        FROM counted
    ), kept_rows AS (
        INSERT INTO rejected_reading (source_id, unit_id, intake_id, row, given, raw, code, path, params,
            as_of, rejected_at)
        SELECT :source_id, :source_unit_id, d.id, r.row, CAST(r.given AS jsonb),
            CAST(r.raw AS jsonb), r.code, r.path, CAST(r.params AS jsonb), r.as_of, :now
        FROM unnest(:bad_documents, :rows, :kept, :raws, :codes, :paths, :params, :bad_dates)
            AS r (document, row, given, raw, code, path, params, as_of)
        JOIN document d ON d.number = r.document
        WHERE NOT EXISTS (
            SELECT FROM rejected_reading o
            WHERE :pulled AND o.source_id = :source_id AND o.code = r.code
                AND coalesce(o.raw, o.given) = coalesce(CAST(r.raw AS jsonb), CAST(r.given AS jsonb)))
        RETURNING intake_id
    ), said AS (
        INSERT INTO activity (at, actor, person_id, client_id, verb, subject_type, subject_id, unit_id, data)
        SELECT :now, :actor, :person_id, :client_id, :verb, 'Intake', id, :source_unit_id,
            jsonb_strip_nulls(jsonb_build_object('sourceId', CAST(:source_id AS text), 'recorded', recorded,
                'unchanged', good - recorded, 'rejected', bad, 'firstId', first_id::text,
                'lastId', last_id::text))
        FROM counted
    )
    SELECT id AS intake_id, recorded,
        (SELECT count(*) FROM kept_rows k WHERE k.intake_id = counted.id) AS kept
    FROM counted ORDER BY number
""",
    _TYPES,
)
"""Everything at once: of what was delivered either all of it is there or nothing.

A source that is asked answers the same bad row until somebody mends it there: it is kept once, and stays
what somebody here has made of it.
"""

STANDS = DriverStatement(
    f"""
    WITH {_JUDGED}
    SELECT j.place, trim_scale(m.value)::text AS value
    FROM judged j
    JOIN unnest(:ids) WITH ORDINALITY AS g (id, place) ON g.place = j.place
    JOIN rejected_reading r ON r.id = g.id
    JOIN measurement m ON m.id = j.standing_id
    CROSS JOIN LATERAL (
        SELECT max(b.intake_id) AS intake_id, bool_or(b.resolved_at = m.recorded_at) AS made_it
        FROM rejected_reading b WHERE b.measurement_id = m.id) replayed
    WHERE NOT j.unchanged AND (j.place = ANY (:put_right) AND NOT m.put_right
        OR CASE WHEN replayed.made_it THEN replayed.intake_id
            ELSE greatest(m.intake_id, replayed.intake_id) END >= r.intake_id)
""",
    _TYPES,
)
"""Of rows to be replayed (``ids``, as they are given), those for whose day another value stands that they
must not replace: one that came in the same delivery or later, and if they were put right any that was not.

A value made by a replay is as old as the delivery that its row came in with.
"""

RESOLVE = DriverStatement(
    """
    UPDATE rejected_reading r SET state = 'REPLAYED', resolved_at = :now, resolved_by_id = :person_id,
        measurement_id = (
            SELECT m.id FROM measurement m
            WHERE m.unit_id = g.unit_id AND m.indicator_id = g.indicator_id AND m.basis = 'MEASURED'
                AND m.as_of = g.as_of AND m.source_id = :source_id
            ORDER BY m.id DESC LIMIT 1)
    FROM unnest(:ids, :unit_ids, :indicator_ids, :dates) AS g (id, unit_id, indicator_id, as_of)
    WHERE r.id = g.id
    RETURNING r.id
""",
    _TYPES,
)

STILL_BAD = DriverStatement(
    """
    UPDATE rejected_reading r SET raw = coalesce(r.raw, r.given), given = CAST(g.given AS jsonb),
        put_right = r.put_right OR r.id = ANY (:put_right),
        code = g.code, path = g.path, params = CAST(g.params AS jsonb), as_of = g.as_of
    FROM unnest(:ids, :kept, :codes, :paths, :params, :bad_dates) AS g (id, given, code, path, params, as_of)
    WHERE r.id = g.id
    RETURNING r.id
""",
    _TYPES,
)
