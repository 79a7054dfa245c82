"""Tell the heads what they are asked: in one notification per person and office, however many signals.

Nobody is head of the unit: the nearest head above. Where there is none either, the signal waits to be told
until somebody takes office; what is answered by then is not told any more.
"""

from datetime import date

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.notifications.adding import DOORBELL, inserting
from vdept.people.heads import nearest_head

_FRESH = f"""addressed AS MATERIALIZED (
        SELECT s.id, s.unit_id, h.person_id, h.office_id
        FROM signal s JOIN unit u ON u.id = s.unit_id CROSS JOIN LATERAL ({nearest_head(unit="u")}) h
        WHERE s.told_at IS NULL AND s.state = 'OPEN'),
    fresh AS (
        UPDATE signal s SET told_at = :now FROM addressed a WHERE s.id = a.id AND s.told_at IS NULL
        RETURNING s.id, a.person_id, a.office_id)"""

_SOURCE = """SELECT f.person_id, f.office_id AS unit_id, 'SIGNAL_FOUND' AS kind, 'Signal' AS subject_type,
            s.id AS subject_id, s.plan_id, jsonb_strip_nulls(jsonb_build_object('detector', s.detector,
                'title', coalesce(k.title, i.name), 'unit', u.name, 'count', f.number)) AS data,
            'signal.found' AS origin, s.id AS origin_id
        FROM (
            SELECT person_id, office_id, count(*) AS number, min(id) AS first_id FROM fresh
            GROUP BY person_id, office_id) f
        JOIN signal s ON s.id = f.first_id JOIN unit u ON u.id = s.unit_id
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
