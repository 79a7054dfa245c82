"""The set-based statements of the cascade, prepared once.

Each writes the targets, one activity per target and the change rows in a single statement: data-modifying
CTEs are one snapshot and one round trip, whatever the number of units.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.db import Tx
from vdept.kernel.models import Quantity

BIGINTS = ARRAY(sa.BigInteger)
QUANTITIES = ARRAY(Quantity)

_TYPES: Mapping[str, Any] = {
    "now": sa.DateTime(timezone=True),
    "actor": sa.Text(),
    "today": sa.Date(),
    "due_on": sa.Date(),
    "review_on": sa.Date(),
    "unit_ids": BIGINTS,
    "target_ids": BIGINTS,
    "values": QUANTITIES,
    "weights": QUANTITIES,
    "value": Quantity,
    "value_high": Quantity,
    "baseline": Quantity,
    "weight": Quantity,
    "kinds": ARRAY(sa.Text()),
    "from_root": sa.Boolean(),
    "verb": sa.Text(),
    "reason": sa.Text(),
    "data": sa.Text(),
    "with_id": sa.Text(),
}


def statement(sql: str) -> "sa.TextClause":
    """SQL whose parameters carry their types (anything not listed is a bigint)."""
    made = sa.text(sql)
    return made.bindparams(
        *[sa.bindparam(name, type_=_TYPES.get(name, sa.BigInteger())) for name in made._bindparams]  # noqa: SLF001
    )


def author(tx: Tx) -> dict[str, Any]:
    """Who and when, for the activities that a statement writes itself."""
    actor = tx.actor
    return {"now": tx.now, "actor": actor.key, "person_id": actor.person_id, "client_id": actor.client_id}


def and_tell(verb: str, data: str, *, outcome: bool = True) -> str:
    """CTEs after ``moved (id, plan_id, unit_id, …)``: its activities and, if outcomes move, change rows."""
    told = "told AS (INSERT INTO outcome_change (plan_id, target_id) SELECT plan_id, id FROM moved)"
    return f"""said AS (
        INSERT INTO activity
            (at, actor, person_id, client_id, verb, subject_type, subject_id, plan_id, unit_id, data)
        SELECT :now, :actor, :person_id, :client_id, '{verb}', 'Target', id, plan_id, unit_id, {data}
        FROM moved
    ){", " + told if outcome else ""}"""


NUMBER = "trim_scale(value)::text"
"""Quantities travel as text in activities: JSON numbers would lose digits in some readers."""

ROOTS = statement(f"""
    WITH moved AS (
        INSERT INTO target (plan_id, key_result_id, indicator_id, unit_id, parent_id, level, value,
            value_high, baseline, weight, starts_on, due_on, assigned_by_unit_id, assigned_by_id, assigned_at,
            acknowledged_at, acknowledged_by_id)
        SELECT k.plan_id, k.id, k.indicator_id, :unit_id, NULL, 0, k.value, k.value_high, k.baseline, 1,
            CASE WHEN :today BETWEEN p.starts_on AND k.due_on THEN :today ELSE p.starts_on END,
            k.due_on, :unit_id, :person_id, :now, :now, :person_id
        FROM key_result k JOIN plan p ON p.id = k.plan_id
        WHERE k.plan_id = :plan_id ORDER BY k.id
        RETURNING id, plan_id, unit_id, value, due_on
    ), {and_tell("target.assigned", f"jsonb_build_object('value', {NUMBER}, 'dueOn', due_on)")}
    SELECT count(*) FROM moved
""")

UNITS_OF_KIND = statement("""
    SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM unit
    WHERE kind = ANY(:kinds) AND id <> :holder_id
      AND (:holder_id = ANY(path) OR (:from_root AND kind IN ('FIRM', 'ASSOCIATION')))
      AND valid_from <= :today AND (valid_to IS NULL OR valid_to >= :today)
""")

CHECK_UNITS = statement("""
    WITH asked AS (
        SELECT a.unit_id, coalesce(u.name, a.unit_id::text) AS name, coalesce(u.sort_key, '') AS sort_key,
            u.id IS NULL AS unknown,
            u.valid_from > :today OR coalesce(u.valid_to < :today, false) AS not_in_force,
            NOT ((:holder_id = ANY(u.path) AND u.id <> :holder_id)
                 OR (:from_root AND u.kind IN ('FIRM', 'ASSOCIATION'))) AS outside,
            t.id IS NOT NULL AS held
        FROM unnest(:unit_ids) AS a(unit_id)
        LEFT JOIN unit u ON u.id = a.unit_id
        LEFT JOIN target t ON t.key_result_id = :key_result_id AND t.unit_id = a.unit_id
    ), faulty AS (SELECT * FROM asked WHERE unknown OR not_in_force OR outside OR held)
    SELECT count(*) FILTER (WHERE unknown) AS unknown,
        (array_agg(name ORDER BY unit_id) FILTER (WHERE unknown))[1:10] AS unknown_names,
        count(*) FILTER (WHERE not_in_force) AS not_in_force,
        (array_agg(name ORDER BY sort_key, unit_id) FILTER (WHERE not_in_force))[1:10] AS not_in_force_names,
        count(*) FILTER (WHERE outside) AS outside,
        (array_agg(name ORDER BY sort_key, unit_id) FILTER (WHERE outside))[1:10] AS outside_names,
        count(*) FILTER (WHERE held AND NOT outside) AS held,
        (array_agg(name ORDER BY sort_key, unit_id) FILTER (WHERE held AND NOT outside))[1:10] AS held_names,
        (SELECT coalesce(sum(CASE WHEN value_high IS NULL THEN value ELSE value_high END), 0)
         FROM target WHERE parent_id = :parent_id AND state <> 'WITHDRAWN') AS parts
    FROM faulty
""")
"""Of units out of its reach the holder is not told whether they hold a target."""

_ASSIGN = f"""
    WITH moved AS (
        INSERT INTO target (plan_id, key_result_id, indicator_id, unit_id, parent_id, level, value,
            value_high, baseline, weight, starts_on, due_on, assigned_by_unit_id, assigned_by_id, assigned_at)
        SELECT :plan_id, :key_result_id, :indicator_id, a.unit_id, :parent_id, :level, {{value}},
            :value_high, :baseline, {{weight}}, :today, :due_on, :holder_id, :person_id, :now
        FROM {{source}}
        RETURNING id, plan_id, unit_id, value
    ), {and_tell("target.assigned", "{data}")}
    SELECT count(*), (array_agg(id))[1:100] FROM moved
"""

ASSIGN_ALIKE = statement(
    _ASSIGN.format(
        value=":value",
        weight=":weight",
        source="unnest(:unit_ids) AS a(unit_id)",
        data="CAST(:data AS jsonb)",
    )
)
ASSIGN_EACH = statement(
    _ASSIGN.format(
        value="a.value",
        weight="a.weight",
        source="unnest(:unit_ids, :values, :weights) AS a(unit_id, value, weight)",
        data=f"CAST(:data AS jsonb) || jsonb_build_object('value', {NUMBER})",
    )
)

LOCK_FOR_ACKNOWLEDGEMENT = statement("""
    SELECT t.id, t.unit_id, t.state, t.acknowledged_at, p.state AS plan_state
    FROM target t JOIN plan p ON p.id = t.plan_id
    WHERE t.id = ANY(:target_ids) ORDER BY t.id FOR NO KEY UPDATE OF t
""")

ACKNOWLEDGE = statement(f"""
    WITH moved AS (
        UPDATE target SET acknowledged_at = :now, acknowledged_by_id = :person_id, version = version + 1
        WHERE id = ANY(:target_ids) AND acknowledged_at IS NULL
        RETURNING id, plan_id, unit_id
    ), {and_tell("target.acknowledged", "'{}'::jsonb", outcome=False)}
    SELECT count(*) FROM moved
""")

_SUBTREE = """
    WITH RECURSIVE below AS (
        SELECT id FROM target WHERE id = :target_id
        UNION ALL
        SELECT t.id FROM target t JOIN below ON t.parent_id = below.id
    )"""

WITHDRAW = statement(f"""{_SUBTREE}, moved AS (
        UPDATE target SET state = 'WITHDRAWN', state_reason = :reason, review_on = NULL, version = version + 1
        FROM below WHERE target.id = below.id AND state <> 'WITHDRAWN'
        RETURNING target.id, plan_id, unit_id
    ), {and_tell("target.withdrawn", "jsonb_build_object('withId', :with_id, 'reason', :reason)")}
    SELECT count(*) FROM moved
""")
"""``with_id`` joins the rows of one act, so that exactly these are reinstated."""

REINSTATE = statement(f"""{_SUBTREE}, last AS (
        SELECT below.id, (SELECT a.xid::text || ' ' || (a.data ->> 'withId') FROM activity a
            WHERE a.subject_type = 'Target' AND a.subject_id = below.id AND a.verb = 'target.withdrawn'
            ORDER BY a.id DESC LIMIT 1) AS act
        FROM below
    ), moved AS (
        UPDATE target SET state = 'ACTIVE', state_reason = NULL, version = version + 1
        FROM last WHERE target.id = last.id AND state = 'WITHDRAWN'
            AND (last.id = :target_id OR last.act = (SELECT act FROM last WHERE id = :target_id))
        RETURNING target.id, plan_id, unit_id
    ), {and_tell("target.reinstated", "jsonb_build_object('withId', :with_id)")}
    SELECT count(*) FROM moved
""")
