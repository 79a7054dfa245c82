"""Tell the heads what they are asked: in one notification per person and office, however many signals.

Nobody is head of the unit: the nearest head above. Where there is none either, the signal stands unanswered
and is found in the list.
"""

from datetime import date

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.notifications.adding import DOORBELL, inserting

_FRESH = """fresh AS (
        UPDATE signal SET told_at = :now WHERE told_at IS NULL
        RETURNING id, unit_id, detector, plan_id, task_id, indicator_id)"""

_SOURCE = """SELECT f.person_id, f.office_id AS unit_id, 'SIGNAL_FOUND' AS kind, 'Signal' AS subject_type,
            s.id AS subject_id, s.plan_id, jsonb_strip_nulls(jsonb_build_object('detector', s.detector,
                'title', coalesce(k.title, i.name), 'unit', u.name, 'count', f.number)) AS data,
            'signal.found' AS origin, s.id AS origin_id
        FROM (
            SELECT h.person_id, h.office_id, count(*) AS number, min(fresh.id) AS first_id
            FROM fresh JOIN unit u ON u.id = fresh.unit_id
            CROSS JOIN LATERAL (
                SELECT m.person_id, above.id AS office_id
                FROM unnest(u.path) WITH ORDINALITY AS above (id, place)
                JOIN unit office ON office.id = above.id AND office.valid_from <= :as_of
                    AND (office.valid_to IS NULL OR office.valid_to >= :as_of)
                JOIN membership m ON m.unit_id = above.id AND m.role = 'HEAD'
                    AND m.starts_on <= :as_of AND (m.ends_on IS NULL OR m.ends_on >= :as_of)
                JOIN person ON person.id = m.person_id AND person.active
                ORDER BY above.place DESC, m.id LIMIT 1) h
            GROUP BY h.person_id, h.office_id) f
        JOIN fresh s ON s.id = f.first_id JOIN unit u ON u.id = s.unit_id
        LEFT JOIN task k ON k.id = s.task_id LEFT JOIN indicator i ON i.id = s.indicator_id"""

_TELL = sa.text(inserting(_SOURCE, before=_FRESH)).bindparams(
    sa.bindparam("now", type_=sa.DateTime(timezone=True)), sa.bindparam("as_of", type_=sa.Date())
)


async def tell(tx: Tx, as_of: date) -> int:
    """Tell of every signal that nobody was told of; returns how many notifications were added."""
    told = int((await tx.session.execute(_TELL, {"now": tx.now, "as_of": as_of})).one()[0])
    if told:
        tx.ring(DOORBELL)
    return told
