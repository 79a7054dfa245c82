"""Tell units that they are to choose, that the date is near or has passed, and what was answered."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.focus import rules
from vdept.kernel.actor import system
from vdept.kernel.db import Tx
from vdept.notifications.adding import DOORBELL, inserting

ACTOR = system("focus")

_IN_OFFICE = """m.starts_on <= :today AND (m.ends_on IS NULL OR m.ends_on >= :today)
            JOIN person ON person.id = m.person_id AND person.active"""

_TYPES: Mapping[str, Any] = {
    "now": sa.DateTime(timezone=True),
    "today": sa.Date(),
    "plan_id": sa.BigInteger(),
    "ids": ARRAY(sa.BigInteger),
}


def _typed(source: str) -> sa.TextClause:
    made = sa.text(inserting(source))
    names = made._bindparams  # noqa: SLF001
    return made.bindparams(*[sa.bindparam(name, type_=_TYPES[name]) for name in names])


def _asking(which: str, proposed: str, says: str, origin: str) -> sa.TextClause:
    """The heads of the units that hold a target in plans with a call and have agreed nothing.

    Once for each time that somebody set the date: a date that is set again is told again.
    """
    return _typed(
        f"""SELECT m.person_id, min(t.unit_id) AS unit_id, 'FOCUS_ASKED' AS kind, 'Plan' AS subject_type,
            p.id AS subject_id, p.id AS plan_id, jsonb_build_object('title', p.title, 'agree_by', c.agree_by)
                || CAST('{says}' AS jsonb) AS data,
            '{origin}:' || c.agree_by || ':' || CAST(extract(epoch FROM c.asked_at) AS text) AS origin,
            p.id AS origin_id
        FROM focus_call c JOIN plan p ON p.id = c.plan_id AND p.state = 'ISSUED'
        JOIN (SELECT DISTINCT plan_id, unit_id FROM target WHERE state <> 'WITHDRAWN') t ON t.plan_id = p.id
        JOIN unit u ON u.id = t.unit_id AND u.valid_from <= :today
            AND (u.valid_to IS NULL OR u.valid_to >= :today)
        LEFT JOIN focus f ON f.plan_id = p.id AND f.unit_id = t.unit_id
        JOIN membership m ON m.unit_id = t.unit_id AND m.role = 'HEAD' AND {_IN_OFFICE}
        WHERE {which} AND (f.id IS NULL OR f.state = 'RETURNED' {proposed})
        GROUP BY m.person_id, p.id, p.title, c.agree_by, c.asked_at"""
    )


_ASK = _asking("c.plan_id = :plan_id", "OR f.state = 'PROPOSED'", "{}", "focus.asked")
_AGAIN = _asking(
    f"c.agree_by BETWEEN :today AND :today + {rules.REMINDED}"
    f" AND CAST(c.asked_at AT TIME ZONE 'Asia/Ho_Chi_Minh' AS date) < :today",
    "",
    '{"again": true}',
    "focus.again",
)
_OVERDUE = _asking("c.agree_by < :today", "", '{"overdue": true}', "focus.overdue")
"""A nomination that waits for the lead unit's answer is not the unit's fault."""

_ANSWERED = _typed(
    f"""SELECT DISTINCT ON (m.person_id, f.id) m.person_id, f.unit_id, 'FOCUS_ANSWERED' AS kind,
            'Focus' AS subject_type, f.id AS subject_id, f.plan_id,
            jsonb_strip_nulls(jsonb_build_object('title', p.title, 'unit', u.name, 'state', f.state,
                'reason', f.answer)) AS data,
            'focus.answered:' || f.version AS origin, f.id AS origin_id
        FROM focus f JOIN plan p ON p.id = f.plan_id JOIN unit u ON u.id = f.unit_id
        JOIN membership m ON m.unit_id = f.unit_id AND m.role IN ('HEAD', 'COORDINATOR') AND {_IN_OFFICE}
        WHERE f.id = ANY (:ids) ORDER BY m.person_id, f.id"""
)


@asynccontextmanager
async def _platform(tx: Tx) -> AsyncIterator[None]:
    """As the platform, that may write into everybody's inbox: who answers may be a client that reads none."""
    actor = tx.actor
    await tx.become(ACTOR)
    try:
        yield
    finally:
        await tx.become(actor)


async def ask(tx: Tx, plan_id: int) -> int:
    """The heads of all units of the plan that have agreed nothing; returns how many are told."""
    async with _platform(tx):
        return await _tell(tx, _ASK, plan_id=plan_id)


async def answered(tx: Tx, focus_ids: Collection[int]) -> int:
    """The head and the coordinators of each unit."""
    if not focus_ids:
        return 0
    async with _platform(tx):
        return await _tell(tx, _ANSWERED, ids=list(focus_ids))


async def remind(tx: Tx) -> int:
    """Once a week before the date and once after it, the heads whose units have yet to choose; by a job."""
    return await _tell(tx, _AGAIN) + await _tell(tx, _OVERDUE)


async def _tell(tx: Tx, statement: sa.TextClause, **given: int | list[int]) -> int:
    params = {"now": tx.now, "today": tx.today, **given}
    told = int((await tx.session.execute(statement, params)).one()[0])
    if told:
        tx.ring(DOORBELL)
    return told
