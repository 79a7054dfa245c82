"""Tell the heads of verdicts: each person once a run, however many verdicts concern them.

Whom: the head in office of the unit that was judged, and, where it was not met, the head above as well.
Nobody is head there: the nearest head above. A firm has no unit above: the unit that assigned the target,
and of the firm's own verdict in a plan each unit that assigned it something there; of what others assigned
they hear nothing.
The notification names the gravest and says how many there are, and how many of those are not met.
"""

from datetime import date

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.notifications.adding import DOORBELL, inserting
from vdept.people.heads import nearest_head

_OWN = nearest_head(unit="u", other="g.other_id")
_ABOVE = nearest_head(unit="u", other="g.other_id", first=1)

_BEFORE = f"""gone AS (DELETE FROM verdict_news RETURNING verdict_id),
    said AS MATERIALIZED (  -- of a firm once for each who assigned what was judged
        SELECT v.id, v.judgement, v.unit_id, v.number, from_.other_id,
            CASE WHEN v.judgement = 'NOT_MET' AND v.subject = 'UNIT' THEN 0
                 WHEN v.judgement = 'NOT_MET' THEN 1 WHEN v.subject = 'UNIT' THEN 2 ELSE 3 END AS place
        FROM gone JOIN verdict v ON v.id = gone.verdict_id JOIN unit u ON u.id = v.unit_id
        LEFT JOIN LATERAL (
            SELECT DISTINCT t.assigned_by_unit_id AS other_id FROM target t
            WHERE cardinality(u.path) = 1 AND t.plan_id = v.plan_id AND t.unit_id = v.unit_id
                AND CASE WHEN v.target_id IS NULL THEN t.state <> 'WITHDRAWN' ELSE t.id = v.target_id END
        ) from_ ON true
        WHERE v.superseded_at IS NULL),
    asked AS MATERIALIZED (  -- carried along, not joined again: nobody has counted either side
        SELECT unit_id, other_id, array_agg(id) AS ids, array_agg(judgement) AS judgements,
            array_agg(number) AS numbers, array_agg(place) AS places
        FROM said GROUP BY unit_id, other_id),
    heads AS (
        SELECT g.*, h.person_id, h.office_id, true AS own
        FROM asked g JOIN unit u ON u.id = g.unit_id CROSS JOIN LATERAL ({_OWN}) h
        UNION ALL
        SELECT g.*, h.person_id, h.office_id, false
        FROM asked g JOIN unit u ON u.id = g.unit_id CROSS JOIN LATERAL ({_ABOVE}) h),
    once AS (  -- who heads both, or stands in for a vacant office, hears of each verdict once
        SELECT DISTINCT ON (h.person_id, s.id) s.*, h.unit_id, h.person_id, h.office_id, h.own
        FROM heads h CROSS JOIN LATERAL unnest(h.ids, h.judgements, h.numbers, h.places)
            AS s (id, judgement, number, place)
        WHERE h.own OR s.judgement = 'NOT_MET'
        ORDER BY h.person_id, s.id, h.own DESC, h.office_id),
    folded AS MATERIALIZED (
        SELECT person_id, (array_agg(office_id ORDER BY own DESC, office_id))[1] AS office_id,
            count(*) AS number, count(*) FILTER (WHERE judgement = 'NOT_MET') AS not_met,
            count(*) FILTER (WHERE own AND number > 1) AS again, count(DISTINCT unit_id) AS units,
            (array_agg(id ORDER BY place, id))[1] AS gravest
        FROM once GROUP BY person_id)"""

_SOURCE = """SELECT f.person_id, f.office_id AS unit_id, 'VERDICT_ISSUED' AS kind, 'Verdict' AS subject_type,
            v.id AS subject_id, v.plan_id,
            jsonb_strip_nulls(jsonb_build_object(
                'title', coalesce(kr.title, p.title), 'subject', v.subject, 'judgement', v.judgement,
                'unit', u.name, 'due_on', v.due_on, 'count', f.number, 'not_met', f.not_met,
                'again', nullif(f.again, 0), 'units', f.units, 'number', v.number)) AS data,
            'verdict' AS origin, v.id AS origin_id
        FROM folded f JOIN verdict v ON v.id = f.gravest
        JOIN unit u ON u.id = v.unit_id JOIN plan p ON p.id = v.plan_id
        LEFT JOIN key_result kr ON kr.id = v.key_result_id"""

MANY = 1000
"""Verdicts from which on it matters that PostgreSQL knows how many there are."""

_WAITING = sa.text("SELECT count(*) FROM (SELECT FROM verdict_news LIMIT :most)")
_COUNT = sa.text("ANALYZE verdict, verdict_news")
_TELL = sa.text(inserting(_SOURCE, before=_BEFORE)).bindparams(
    sa.bindparam("as_of", type_=sa.Date()), sa.bindparam("now", type_=sa.DateTime(timezone=True))
)


async def tell(tx: Tx, as_of: date) -> int:
    """Tell of everything that waits to be told; returns how many notifications were added."""
    waiting = (await tx.session.execute(_WAITING, {"most": MANY})).scalar_one()
    if not waiting:
        return 0
    if waiting == MANY:
        # They may all be of this hour. Taken for the few there were before, each would be searched for among
        # all: minutes where seconds do.
        await tx.session.execute(_COUNT)
    told: int = (await tx.session.execute(_TELL, {"as_of": as_of, "now": tx.now})).one().told
    if told:
        tx.ring(DOORBELL)
    return told
