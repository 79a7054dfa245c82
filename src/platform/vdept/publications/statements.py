"""What an edition reads, as SQL: rows are made by PostgreSQL, one text for each, and streamed.

Milestones are figures of tasks: their targets keep their definition and verdict, and count in no unit.
"""

from vdept.outcomes import formulas
from vdept.publications.rules import SUMS

HEAD = """SELECT p.code, p.title, p.legal_basis, p.starts_on, p.ends_on, p.audience, p.state,
        p.issuer_unit_id, u.code AS issuer_code, u.name AS issuer_name, e.evaluated_on,
        (SELECT count(*) FROM target_outcome o WHERE o.plan_id = p.id AND o.live) AS targets
    FROM plan p JOIN unit u ON u.id = p.issuer_unit_id LEFT JOIN plan_evaluation e ON e.plan_id = p.id
    WHERE p.id = :plan_id"""

KEY_RESULTS = """SELECT kr.id, ob.title AS objective, kr.title, i.code, i.name, i.unit_of_measure,
        i.direction, i.numerator, i.denominator, kr.value, kr.value_high, kr.baseline, kr.weight, kr.due_on,
        kr.standard, kr.rollup, kr.basis, kr.binding, kr.at_risk_points, kr.off_track_points, kr.gap_points,
        kr.milestones
    FROM key_result kr JOIN objective ob ON ob.id = kr.objective_id JOIN indicator i ON i.id = kr.indicator_id
    WHERE kr.plan_id = :plan_id ORDER BY ob.position, kr.position, kr.id"""

_OWN = ", ".join(f"sum({formulas.TO_UNIT[name].format(r='o')}) AS {name}" for name in SUMS)
_BY_ITSELF = ", ".join(
    f"coalesce(sum(d.{name}) FILTER (WHERE above.id = d.unit_id), 0) AS {name}" for name in SUMS
)
_WHOLE = ", ".join(f"sum(d.{name}) AS whole_{name}" for name in SUMS)

UNITS = f"""WITH own AS (
        SELECT o.unit_id, {_OWN} FROM target_outcome o JOIN key_result kr ON kr.id = o.key_result_id
        WHERE o.plan_id = :plan_id AND o.live AND kr.rollup <> 'MILESTONE' GROUP BY o.unit_id
        UNION ALL
        SELECT DISTINCT o.unit_id, {", ".join("0" for _ in SUMS)} FROM target_outcome o
        WHERE o.plan_id = :plan_id AND o.live),
    summed AS (
        SELECT above.id, {_BY_ITSELF}, {_WHOLE}
        FROM own d JOIN unit u ON u.id = d.unit_id CROSS JOIN LATERAL unnest(u.path) AS above(id)
        GROUP BY above.id)
    SELECT s.*, u.code, u.name, u.name_en, u.kind, parent.code AS parent, v.judgement AS verdict
    FROM summed s JOIN unit u ON u.id = s.id LEFT JOIN unit parent ON parent.id = u.parent_id
    LEFT JOIN verdict v ON v.plan_id = :plan_id AND v.unit_id = u.id AND v.target_id IS NULL
        AND v.superseded_at IS NULL
    ORDER BY cardinality(u.path), u.kind, u.sort_key, u.id"""
"""Every unit that holds a target, and every unit above one."""


def _text(number: str) -> str:
    return f"trim_scale({number})::text"


def _own(basis: str) -> str:
    return f"""CASE WHEN shown AND o.own_{basis}_value IS NOT NULL THEN json_build_array(
        {_text(f"o.own_{basis}_value")}, {_text(f"o.own_{basis}_numerator")},
        {_text(f"o.own_{basis}_denominator")}, o.{basis}_on, {basis}.source) END"""


def _value(basis: str) -> str:
    return f"""CASE WHEN shown AND o.{basis}_value IS NOT NULL THEN json_build_array(
        {_text(f"o.{basis}_value")}, {_text(f"o.{basis}_numerator")},
        {_text(f"o.{basis}_denominator")}) END"""


def _source(basis: str) -> str:
    """Where the reading comes from that the outcome counts; it is the latest with that date and value."""
    return f"""LEFT JOIN LATERAL (
        SELECT m.source FROM measurement m
        WHERE m.unit_id = t.unit_id AND m.indicator_id = t.indicator_id AND m.basis = '{basis.upper()}'
          AND m.as_of = o.{basis}_on AND m.value = o.own_{basis}_value
        ORDER BY m.id DESC LIMIT 1) {basis} ON o.own_{basis}_value IS NOT NULL"""


TARGETS = f"""SELECT json_build_array(
        t.id, t.key_result_id, u.code, parent.target_id, t.starts_on, t.due_on,
        {_text("t.value")}, {_text("t.value_high")}, {_text("t.baseline")}, {_text("t.weight")},
        t.state = 'PAUSED',
        {_own("measured")}, {_own("reported")}, {_value("measured")}, {_value("reported")},
        CASE WHEN shown THEN {_text("o.measured_attainment")} END,
        CASE WHEN shown THEN {_text("o.reported_attainment")} END,
        CASE WHEN shown THEN {_text("o.attainment")} END,
        CASE WHEN shown THEN {_text("o.expected")} END,
        CASE WHEN shown THEN o.meets END,
        CASE WHEN shown THEN o.status END,
        CASE WHEN shown THEN {_text("o.reported_value - o.measured_value")} END,
        CASE WHEN shown THEN {_text("100 * (o.reported_attainment - o.measured_attainment)")} END,
        v.judgement, v.number)::text AS line
    FROM target_outcome o JOIN target t ON t.id = o.target_id JOIN unit u ON u.id = t.unit_id
    JOIN (SELECT id, rollup <> 'MILESTONE' AS shown FROM key_result WHERE plan_id = $1) kr
      ON kr.id = o.key_result_id
    LEFT JOIN target_outcome parent ON parent.target_id = o.parent_id AND parent.live
    LEFT JOIN verdict v ON v.target_id = o.target_id AND v.superseded_at IS NULL
    {_source("measured")} {_source("reported")}
    WHERE o.plan_id = $1 AND o.live
    ORDER BY o.level DESC, o.target_id"""
"""Sent to the driver as it is, for a cursor."""
