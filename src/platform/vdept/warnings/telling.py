"""Tell those concerned: when a warning opens, above when nobody answers, and again when a promise passes.

However many warnings a day brings, a person hears of those of one office in one notification: it names the
gravest and says how many there are. Whom: the head of the unit that holds the target or leads the task, and
when it opens its coordinators as well. Nobody is head there: the nearest head above. A firm has no unit
above: the unit that assigned the target or set the task.
"""

from datetime import date
from typing import NamedTuple

import sqlalchemy as sa

from vdept.kernel.db import Tx
from vdept.notifications.adding import DOORBELL, inserting
from vdept.people.heads import nearest_head
from vdept.warnings import rules
from vdept.warnings.statements import typed

_LOCK = 0x7761726E  # "warn"

_ORDINAL = """(SELECT d.ordinal FROM calendar_day d WHERE d.day = {day} AND d.calendar_id = coalesce(
    (SELECT uc.calendar_id FROM unit_calendar uc WHERE uc.unit_id = w.unit_id), 0))"""


class Occasion(NamedTuple):
    """Why people are told: of which warnings (of ``early_warning w``), who, and what is marked then."""

    name: str
    which: str
    above: bool
    coordinators: bool
    mark: str
    says: str


OPENED = Occasion(
    "opened",
    "w.closed_at IS NULL AND w.notified_at IS NULL",
    above=False,
    coordinators=True,
    mark="notified_at",
    says="'{}'",
)
UNANSWERED = Occasion(
    "unanswered",
    f"""w.closed_at IS NULL AND w.acknowledged_at IS NULL AND w.escalated_at IS NULL
        AND w.opened_on <= :as_of - {rules.ANSWER_DAYS}
        AND {_ORDINAL.format(day=":as_of")} - {_ORDINAL.format(day="w.opened_on")} >= {rules.ANSWER_DAYS}""",
    above=True,
    coordinators=False,
    mark="escalated_at",
    says=f"""'{{"escalated": true, "working_days": {rules.ANSWER_DAYS}}}'""",
)
PROMISED = Occasion(
    "promised",
    "w.closed_at IS NULL AND w.reminded_at IS NULL AND w.respond_by IS NOT NULL AND w.respond_by < :as_of",
    above=False,
    coordinators=False,
    mark="reminded_at",
    says="""'{"again": true}'""",
)
OCCASIONS = (OPENED, UNANSWERED, PROMISED)


def _statements(occasion: Occasion) -> tuple[sa.TextClause, sa.TextClause, sa.TextClause]:
    """Collect the warnings, tell of them, mark them."""
    collect = f"""INSERT INTO warning_told (id, unit_id, other_id, kind, severity, subject, subject_id,
            plan_id, respond_by)
        SELECT w.id, w.unit_id, coalesce(t.assigned_by_unit_id, k.owner_unit_id), w.kind, w.severity,
            w.subject, w.subject_id, w.plan_id, w.respond_by
        FROM early_warning w
        LEFT JOIN target t ON w.subject = 'TARGET' AND t.id = w.subject_id
        LEFT JOIN task k ON w.subject = 'TASK' AND k.id = w.subject_id
        WHERE {occasion.which}"""
    coordinators = """
        UNION
        SELECT g.unit_id, g.other_id, m.person_id, g.unit_id AS office_id, NULL
        FROM gathered g
        JOIN membership m ON m.unit_id = g.unit_id AND m.role = 'COORDINATOR'
            AND m.starts_on <= :as_of AND (m.ends_on IS NULL OR m.ends_on >= :as_of)
        JOIN person ON person.id = m.person_id AND person.active"""
    source = f"""WITH gathered AS (
            SELECT unit_id, other_id, count(*) AS number,
                count(*) FILTER (WHERE severity = 'OFF_TRACK') AS grave,
                min(CASE WHEN severity = 'OFF_TRACK' THEN id END) AS gravest_id, min(id) AS first_id,
                min(respond_by) AS respond_by
            FROM warning_told GROUP BY unit_id, other_id),
        addressed AS (
            SELECT g.unit_id, g.other_id, h.person_id, h.office_id,
                {"NULL" if occasion.above else "CASE WHEN h.place > 0 THEN u.name END"} AS vacant
            FROM gathered g JOIN unit u ON u.id = g.unit_id
            CROSS JOIN LATERAL ({nearest_head(unit="u", other="g.other_id", first=int(occasion.above))}) h
            {coordinators if occasion.coordinators else ""}),
        folded AS (
            SELECT a.person_id, a.office_id, sum(g.number) AS number, sum(g.grave) AS grave,
                coalesce(min(g.gravest_id), min(g.first_id)) AS told_id, min(g.respond_by) AS respond_by,
                count(DISTINCT g.unit_id) AS units,
                array_agg(DISTINCT a.vacant) FILTER (WHERE a.vacant IS NOT NULL) AS vacant
            FROM addressed a JOIN gathered g USING (unit_id)
            WHERE g.other_id IS NOT DISTINCT FROM a.other_id
            GROUP BY a.person_id, a.office_id)
        SELECT f.person_id, f.office_id AS unit_id, 'WARNING_OPENED' AS kind,
            initcap(w.subject) AS subject_type, w.subject_id,
            w.plan_id,
            jsonb_strip_nulls(jsonb_build_object(
                'title', coalesce(kr.title, k.title, o.name), 'subject', w.subject, 'warning', w.kind,
                'severity', w.severity, 'unit', u.name, 'count', f.number, 'off_track', f.grave,
                'units', f.units, 'respond_by', f.respond_by, 'vacant', to_jsonb(f.vacant[1:10])
            )) || CAST({occasion.says} AS jsonb) AS data,
            'warning.{occasion.name}:' || CAST(:as_of AS date) AS origin, w.id AS origin_id
        FROM folded f JOIN warning_told w ON w.id = f.told_id JOIN unit u ON u.id = w.unit_id
        LEFT JOIN target t ON w.subject = 'TARGET' AND t.id = w.subject_id
        LEFT JOIN key_result kr ON kr.id = t.key_result_id
        LEFT JOIN task k ON w.subject = 'TASK' AND k.id = w.subject_id
        LEFT JOIN source o ON w.subject = 'SOURCE' AND o.id = w.subject_id"""
    mark = f"""UPDATE early_warning w SET {occasion.mark} = :now FROM warning_told told
        WHERE w.id = told.id AND w.{occasion.mark} IS NULL"""
    return typed(collect), typed(inserting(source)), typed(mark)


_STATEMENTS = tuple((occasion, _statements(occasion)) for occasion in OCCASIONS)

_SCRATCH = sa.text(
    """CREATE TEMP TABLE IF NOT EXISTS warning_told (id bigint, unit_id bigint, other_id bigint, kind text,
        severity text, subject text, subject_id bigint, plan_id bigint, respond_by date)
    ON COMMIT DELETE ROWS"""
)


async def tell(tx: Tx, as_of: date) -> int:
    """Tell everybody of what they have not been told yet; returns how many notifications were added.

    What is collected stays what is told and marked, whatever opens meanwhile. One teller at a time.
    """
    await tx.session.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    await tx.session.execute(_SCRATCH)
    given = {"as_of": as_of, "now": tx.now}
    told = 0
    for occasion, (collect, insert, mark) in _STATEMENTS:
        used = {"as_of": as_of} if ":as_of" in occasion.which else {}
        found = await tx.session.execute(collect, used)
        if not found.rowcount:  # type: ignore[attr-defined]
            continue
        told += (await tx.session.execute(insert, given)).one()[0]
        await tx.session.execute(mark, {"now": tx.now})
        await tx.session.execute(sa.text("DELETE FROM warning_told"))
    if told:
        tx.ring(DOORBELL)
    return told
