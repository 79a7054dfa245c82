"""The roll-up's SQL statements for units: what their participations count as, and what all of it adds up to.

Targets come first (``target_statements.py``); what they and the participations add to their unit is then
added along the unit tree.
"""

from vdept.outcomes import formulas as f
from vdept.outcomes.models import UNIT_SUMS

WANTED_PARTICIPATIONS = f"""SELECT pn.task_id, pn.unit_id, k.plan_id,
        {f.timeliness("k", "e.evaluated_on")} AS timeliness,
        round(CASE WHEN whole.share > 0 THEN pn.share::numeric / whole.share ELSE 1.0 / whole.members END, 6)
            AS share,
        round(CASE WHEN whole.share > 0 THEN pn.share::numeric / whole.share ELSE 1.0 / whole.members END, 6)
            * pn.progress AS progress
    FROM participation pn JOIN task k ON k.id = pn.task_id JOIN plan_evaluation e ON e.plan_id = k.plan_id
    CROSS JOIN LATERAL (SELECT sum(s.share) AS share, count(*) AS members FROM participation s
                        WHERE s.task_id = pn.task_id AND s.state = 'ACCEPTED') whole
    WHERE pn.state = 'ACCEPTED' AND k.state NOT IN ('OPEN', 'OFFERED', 'DECLINED', 'CANCELLED')"""
"""What every accepted participation counts as: its share of the task as a fraction, times its progress."""

_PARTICIPATION_COLUMNS = ("task_id", "unit_id", "plan_id", "timeliness", "share", "progress")
_PARTICIPATION_UPSERT = f"""INSERT INTO participation_outcome ({", ".join(_PARTICIPATION_COLUMNS)})
    SELECT {", ".join(_PARTICIPATION_COLUMNS)} FROM {{source}}
    ON CONFLICT (task_id, unit_id) DO UPDATE SET
        {", ".join(f"{c} = excluded.{c}" for c in _PARTICIPATION_COLUMNS[2:])}"""


def _participation_moves(new: str | None) -> str:
    def worth(row: str, expression: str) -> str:
        return f"coalesce({expression.format(r=row)}, 0)"

    return ", ".join(
        (f"{worth(new, e)} - {worth('old', e)}" if new else f"-{worth('old', e)}") + f" AS {c}"
        for c, e in f.PARTICIPATION_TO_UNIT.items()
    )


REFRESH_PARTICIPATIONS = f"""WITH wanted AS ({WANTED_PARTICIPATIONS}
        AND pn.task_id IN (SELECT task_id FROM outcome_task_touched)),
    gone AS (DELETE FROM participation_outcome o USING outcome_task_touched x
        WHERE o.task_id = x.task_id
          AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.task_id = o.task_id AND w.unit_id = o.unit_id)
        RETURNING old.plan_id, old.unit_id, {_participation_moves(None)}),
    written AS ({_PARTICIPATION_UPSERT.format(source="wanted")}
        WHERE participation_outcome.* IS DISTINCT FROM excluded.*
        RETURNING new.plan_id, new.unit_id, {_participation_moves("new")}),
    moved AS (SELECT * FROM gone UNION ALL SELECT * FROM written)
    INSERT INTO outcome_unit_touched (plan_id, unit_id, {", ".join(f.PARTICIPATION_TO_UNIT)})
    SELECT plan_id, unit_id, {", ".join(f"sum({c})" for c in f.PARTICIPATION_TO_UNIT)}
    FROM moved GROUP BY plan_id, unit_id"""

REBUILD_PARTICIPATIONS = f"""WITH wanted AS ({WANTED_PARTICIPATIONS} AND k.plan_id = :plan_id),
    gone AS (DELETE FROM participation_outcome o WHERE o.plan_id = :plan_id
          AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.task_id = o.task_id AND w.unit_id = o.unit_id)
        RETURNING 1),
    changed AS (SELECT w.* FROM wanted w
        LEFT JOIN participation_outcome o ON o.task_id = w.task_id AND o.unit_id = w.unit_id
        WHERE o IS NULL OR (o.plan_id, o.timeliness, o.share, o.progress)
            IS DISTINCT FROM (w.plan_id, w.timeliness, w.share, w.progress)),
    written AS ({_PARTICIPATION_UPSERT.format(source="changed")} RETURNING 1)
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM written)"""

_BOTH = (*UNIT_SUMS, *(f"sub_{c}" for c in UNIT_SUMS))


def _per_unit(source: str) -> str:
    """Sums per unit for itself, and for every unit above it along the unit tree."""
    itself = ", ".join(
        f"coalesce(sum(d.{c}) FILTER (WHERE above.unit_id = d.unit_id), 0) AS {c}" for c in UNIT_SUMS
    )
    subtree = ", ".join(f"sum(d.{c}) AS sub_{c}" for c in UNIT_SUMS)
    return f"""SELECT d.plan_id, above.unit_id, {itself}, {subtree}
        FROM ({source}) d JOIN unit u ON u.id = d.unit_id CROSS JOIN LATERAL unnest(u.path) AS above(unit_id)
        GROUP BY d.plan_id, above.unit_id"""


_MOVED_UNITS = f"""SELECT plan_id, unit_id, {", ".join(f"sum({c}) AS {c}" for c in UNIT_SUMS)}
    FROM outcome_unit_touched GROUP BY plan_id, unit_id
    HAVING {" OR ".join(f"sum({c}) <> 0" for c in UNIT_SUMS)}"""

REFRESH_UNITS = f"""INSERT INTO unit_outcome (plan_id, unit_id, {", ".join(_BOTH)})
    {_per_unit(_MOVED_UNITS)}
    ON CONFLICT (plan_id, unit_id) DO UPDATE SET
        {", ".join(f"{c} = unit_outcome.{c} + excluded.{c}" for c in _BOTH)}"""

_ALL_UNITS = f"""SELECT plan_id, unit_id, {", ".join(f"sum({c}) AS {c}" for c in UNIT_SUMS)} FROM (
        SELECT r.plan_id, r.unit_id, {
    ", ".join(f"{f.added(f.TO_UNIT[c], 'r') if c in f.TO_UNIT else '0'} AS {c}" for c in UNIT_SUMS)
}
        FROM target_outcome r WHERE r.plan_id = :plan_id
        UNION ALL
        SELECT r.plan_id, r.unit_id, {
    ", ".join(
        f"{f.PARTICIPATION_TO_UNIT[c].format(r='r') if c in f.PARTICIPATION_TO_UNIT else '0'} AS {c}"
        for c in UNIT_SUMS
    )
}
        FROM participation_outcome r WHERE r.plan_id = :plan_id
    ) every GROUP BY plan_id, unit_id"""

REBUILD_UNITS = f"""WITH wanted AS ({_per_unit(_ALL_UNITS)}),
    emptied AS (UPDATE unit_outcome o SET {", ".join(f"{c} = 0" for c in _BOTH)}
        WHERE o.plan_id = :plan_id AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.unit_id = o.unit_id)
          AND ({" OR ".join(f"o.{c} <> 0" for c in _BOTH)})
        RETURNING 1),
    changed AS (SELECT w.* FROM wanted w LEFT JOIN unit_outcome o USING (plan_id, unit_id)
        WHERE CASE WHEN o IS NULL THEN {" OR ".join(f"w.{c} <> 0" for c in _BOTH)}
            ELSE ({", ".join(f"o.{c}" for c in _BOTH)})
                IS DISTINCT FROM ({", ".join(f"w.{c}" for c in _BOTH)}) END),
    written AS (INSERT INTO unit_outcome (plan_id, unit_id, {", ".join(_BOTH)})
        SELECT plan_id, unit_id, {", ".join(_BOTH)} FROM changed
        ON CONFLICT (plan_id, unit_id) DO UPDATE SET {", ".join(f"{c} = excluded.{c}" for c in _BOTH)}
        RETURNING 1)
    SELECT (SELECT count(*) FROM emptied) + (SELECT count(*) FROM written)"""

REBUILT_UNITS = _per_unit(_ALL_UNITS)
"""What the rows of all units must be: for comparing without writing."""
