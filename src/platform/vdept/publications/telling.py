"""Telling people that an edition has come out: the issuer's people, and the heads of the first level below.

Not everybody who holds a target: of a nation's plan that would be tens of thousands each month.
"""

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.notifications.adding import DOORBELL, inserting
from vdept.publications.models import Edition

_TELL = sa.text(
    inserting(
        """SELECT DISTINCT ON (m.person_id) m.person_id, m.unit_id, 'EDITION_PUBLISHED' AS kind,
            'Edition' AS subject_type, CAST(:edition AS bigint) AS subject_id, p.id AS plan_id,
            jsonb_build_object('title', p.title, 'number', CAST(:number AS int),
                'as_of', CAST(:as_of AS date), 'corrects', CAST(:corrects AS int)) AS data,
            'edition' AS origin, CAST(:edition AS bigint) AS origin_id
        FROM plan p JOIN membership m ON m.unit_id = p.issuer_unit_id OR m.role = 'HEAD' AND m.unit_id IN (
            SELECT t.unit_id FROM target t WHERE t.plan_id = p.id AND t.level = 1 AND t.state <> 'WITHDRAWN')
        JOIN unit u ON u.id = m.unit_id AND (p.audience = 'PUBLIC' OR u.kind NOT IN ('FIRM', 'ASSOCIATION')
            OR u.id = p.issuer_unit_id)
        WHERE p.id = :plan AND m.starts_on <= :today AND (m.ends_on IS NULL OR m.ends_on >= :today)
        ORDER BY m.person_id, (m.unit_id = p.issuer_unit_id) DESC, m.id"""
    )
).bindparams(
    sa.bindparam("now", type_=sa.DateTime(timezone=True)),
    sa.bindparam("today", type_=sa.Date()),
    sa.bindparam("as_of", type_=sa.Date()),
)


async def tell(tx: Tx, edition: Edition) -> int:
    """Tell them, in the transaction of the edition. Returns how many are told."""
    said = {
        "edition": edition.id,
        "plan": edition.plan_id,
        "number": edition.number,
        "as_of": edition.as_of,
        "corrects": edition.corrects_number,
        "today": tx.today,
        "now": tx.now,
    }
    told = (await tx.session.execute(_TELL, said)).one()
    if told.told:
        tx.ring(DOORBELL)
    return int(told.told)
