"""The roll-up's SQL statements for targets, composed from the formulas.

An evaluation is one chain: *inputs* (own readings, linked tasks, sums over the children) → *values* →
*attained* → *judged* (the complete outcome rows). The incremental refresh and the rebuild share the chain
and differ only in where the sums come from: moved by exact differences, or added up anew.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import sqlalchemy as sa

from vdept.outcomes import formulas as f
from vdept.outcomes.models import UNIT_SUMS, TargetOutcome

FENCE = "OFFSET 0"
"""Keeps the planner from merging a step into the next: it would write each expression out wherever its
name is used, and steps that use each other's names three times would be evaluated 3ⁿ times per row."""

SUMS = tuple(f.TO_PARENT)
"""Columns of a parent that its children add to."""

COLUMNS = tuple(column.name for column in TargetOutcome.__table__.columns)

_TYPES = {
    column.name: "int" if isinstance(column.type, sa.Integer) else "varchar"
    for column in TargetOutcome.__table__.columns
    if type(column.type) is sa.Integer or isinstance(column.type, sa.Enum)
}
"""Where an expression's type is not yet its column's: rows are compared as whole records."""

TEMPORARY = (
    f"""CREATE TEMP TABLE IF NOT EXISTS outcome_touched (
        target_id bigint, level smallint, own boolean, {", ".join(f"{c} numeric DEFAULT 0" for c in SUMS)}
    ) ON COMMIT DELETE ROWS""",
    f"""CREATE TEMP TABLE IF NOT EXISTS outcome_unit_touched (
        plan_id bigint, unit_id bigint, {", ".join(f"{c} numeric DEFAULT 0" for c in UNIT_SUMS)}
    ) ON COMMIT DELETE ROWS""",
    "CREATE TEMP TABLE IF NOT EXISTS outcome_task_touched (task_id bigint PRIMARY KEY) ON COMMIT DELETE ROWS",
)
"""Scratch of one refresh, per connection: what to evaluate, and by how much the sums move."""


def _reading(basis: str, on: str) -> str:
    """The reading of one basis that counts: the latest by date and id within the dates that matter."""
    return f"""LEFT JOIN LATERAL (
        SELECT value, numerator, denominator, as_of FROM measurement
        WHERE unit_id = t.unit_id AND indicator_id = t.indicator_id AND basis = '{basis.upper()}'
          AND as_of BETWEEN p.starts_on AND t.due_on
        ORDER BY as_of DESC, id DESC LIMIT 1
    ) {basis} ON {on}"""


TASK_SUMS = f"""SELECT tt.target_id,
        sum(tt.weight) AS own_task_weight,
        sum(tt.weight * k.progress) AS own_task_progress,
        sum(tt.weight) FILTER (WHERE k.state IN ('DELIVERED', 'VERIFIED')
                                 AND k.delivered_on <= serves.due_on) AS own_delivered_weight,
        sum(tt.weight) FILTER (WHERE k.state = 'VERIFIED'
                                 AND k.delivered_on <= serves.due_on) AS own_verified_weight,
        {
    ", ".join(
        f"count(*) FILTER (WHERE {f.timeliness('k', 'e.evaluated_on')} = '{t}') AS own_n_{t.lower()}"
        for t in f.TIMELINESSES
    )
}
    FROM task_target tt JOIN task k ON k.id = tt.task_id JOIN target serves ON serves.id = tt.target_id
    JOIN plan_evaluation e ON e.plan_id = k.plan_id
    WHERE tt.state = 'ACCEPTED' AND k.state NOT IN ('CANCELLED', 'DECLINED')"""
"""Linked tasks of targets: what the target's unit has not accepted and what was given up does not count, what
is paused counts without a clock.

A milestone is reached by what was delivered by the target's due date; the effect may be confirmed later.
"""

_OWN_READINGS = (
    *((f"own_{b}_{c}", f"{b}.{c}") for b in f.BASES for c in ("value", "numerator", "denominator")),
    ("measured_on", "measured.as_of"),
    ("reported_on", "reported.as_of"),
)
_OWN_TASKS = (
    "own_task_weight",
    "own_task_progress",
    "own_delivered_weight",
    "own_verified_weight",
    *(f"own_n_{t.lower()}" for t in f.TIMELINESSES),
)

_DEFINITION = """t.id AS target_id, t.plan_id, t.key_result_id, t.unit_id, t.parent_id, t.level,
    t.state <> 'WITHDRAWN' AS live, t.state = 'PAUSED' AS paused, kr.binding, t.weight,
    kr.weight AS key_result_weight, kr.rollup, kr.basis, ind.direction, t.value AS goal,
    t.value_high AS goal_high, t.baseline, t.starts_on, t.due_on, kr.at_risk_points, kr.off_track_points,
    kr.milestones, kr.value AS phase_goal, coalesce(kr.baseline, 0) AS phase_baseline,
    e.evaluated_on AS as_of"""

_EXTREME_SUMS = tuple(
    (f"{p}_{end}", f"{end}({{0}}.{basis}_value)") for basis, p in f.BASES.items() for end in ("min", "max")
)

_EXTREMES = f"""LEFT JOIN LATERAL (
        SELECT {", ".join(f"{aggregate.format('c')} AS {e}" for e, aggregate in _EXTREME_SUMS)}
        FROM target_outcome c WHERE c.parent_id = t.id AND c.live AND kr.rollup IN ('MIN', 'MAX')
    ) extreme ON true"""

_JOINS = """JOIN target t ON t.id = x.target_id JOIN key_result kr ON kr.id = t.key_result_id
    JOIN indicator ind ON ind.id = kr.indicator_id JOIN plan p ON p.id = t.plan_id
    JOIN plan_evaluation e ON e.plan_id = t.plan_id"""


_CHILDLESS = {
    **{c if c not in f.SUBTREE else f"below_{c}": "0::numeric" for c in SUMS},
    **{e: "NULL::numeric" for e, _ in _EXTREME_SUMS},
}
"""What a leaf's sums over its children are: written in, so that the planner drops what depends on them."""


def _evaluated(inputs: str, known: Mapping[str, str] = MappingProxyType({})) -> str:
    """The chain of CTEs from ``inputs`` to ``judged``; ``known`` inputs are the same in every row."""

    def fill(expression: str) -> str:
        return (
            re.sub(r"\b\w+\b", lambda word: known.get(word[0], word[0]), expression) if known else expression
        )

    def cell(column: str) -> str:
        expression = column
        if column in f.OF_ITSELF:
            expression = f"below_{column} + {f.OF_ITSELF[column].format(r='j').replace('j.', '')}"
        return f"({fill(expression)})::{_TYPES[column]}" if column in _TYPES else fill(expression)

    values = ", ".join(
        f"{f.value(b)} AS {b}_value, {f.part(b, 'numerator')} AS {b}_numerator, "
        f"{f.part(b, 'denominator')} AS {b}_denominator"
        for b in f.BASES
    )
    steps = {
        "valued": f"{values}, {f.EXPECTED} AS expected",
        "attained": f"""{f.basis_attainment("measured")} AS measured_attainment,
            {f.basis_attainment("reported")} AS reported_attainment,
            {f.basis_meets("measured")} AS measured_meets""",
        "met": f"""{f.REPORTED_MEETS} AS reported_meets, {f.JUDGED.format("attainment")} AS attainment""",
        "meeting": f"{f.JUDGED.format('meets')} AS meets",
        "placed": f"{f.STATUS} AS status",
    }
    chain, before = [f"inputs AS ({inputs} {FENCE})"], "inputs"
    for step, columns in steps.items():
        chain.append(f"{step} AS (SELECT *, {fill(columns)} FROM {before} {FENCE})")
        before = step
    rows = ", ".join(f"{cell(column)} AS {column}" for column in COLUMNS)
    return ", ".join([*chain, f"judged AS (SELECT {rows} FROM {before} {FENCE})"])


def _moved_inputs() -> str:
    """Inputs of a refresh: own readings read again where they changed, sums moved by the differences."""
    fresh = "x.own OR o.target_id IS NULL"
    columns = [
        *(f"CASE WHEN {fresh} THEN {source} ELSE o.{name} END AS {name}" for name, source in _OWN_READINGS),
        *(f"CASE WHEN {fresh} THEN coalesce(tasks.{n}, 0) ELSE o.{n} END AS {n}" for n in _OWN_TASKS),
        *(f"coalesce(o.{c}, 0) + x.{c} AS {c}" for c in SUMS if c not in f.SUBTREE),
        *(f"coalesce(o.{c} - {f.OF_ITSELF[c].format(r='o')}, 0) + x.{c} AS below_{c}" for c in f.SUBTREE),
        "extreme.m_min, extreme.m_max, extreme.r_min, extreme.r_max",
    ]
    return f"""SELECT {_DEFINITION}, {", ".join(columns)}
        FROM (SELECT target_id, bool_or(own) AS own, {", ".join(f"sum({c}) AS {c}" for c in SUMS)}
              FROM outcome_touched WHERE level = :level GROUP BY target_id) x
        {_JOINS} LEFT JOIN target_outcome o ON o.target_id = t.id
        {_reading("measured", fresh)} {_reading("reported", fresh)}
        LEFT JOIN LATERAL ({TASK_SUMS} AND tt.target_id = t.id GROUP BY tt.target_id) tasks ON {fresh}
        {_EXTREMES}"""


_TRUE_INPUTS = (
    *(f"{source} AS {name}" for name, source in _OWN_READINGS),
    *(f"coalesce(tasks.{n}, 0) AS {n}" for n in _OWN_TASKS),
)
_TRUTH = f"""FROM (SELECT id AS target_id FROM target WHERE plan_id = :plan_id AND level = :level) x
    {_JOINS} {_reading("measured", "true")} {_reading("reported", "true")}
    LEFT JOIN ({TASK_SUMS} AND k.plan_id = :plan_id GROUP BY tt.target_id) tasks ON tasks.target_id = t.id"""


def _leaf_inputs() -> str:
    """Inputs of a rebuild's deepest level: everything from the truth, nothing below."""
    return f"""SELECT {_DEFINITION}, {", ".join(_TRUE_INPUTS)} {_TRUTH}"""


def _summed_inputs() -> str:
    """Inputs of a rebuild above: from the truth, and sums added up from the level below."""
    columns = [
        *_TRUE_INPUTS,
        *(f"coalesce(c.{c}, 0) AS {'below_' if c in f.SUBTREE else ''}{c}" for c in SUMS),
        *(f"CASE WHEN kr.rollup IN ('MIN', 'MAX') THEN c.{e} END AS {e}" for e, _ in _EXTREME_SUMS),
    ]
    sums = ", ".join(
        [
            *(f"sum({f.added(e, 'r')}) AS {c}" for c, e in f.TO_PARENT.items()),
            *(f"{aggregate.format('r')} FILTER (WHERE r.live) AS {e}" for e, aggregate in _EXTREME_SUMS),
        ]
    )
    return f"""SELECT {_DEFINITION}, {", ".join(columns)} {_TRUTH}
        LEFT JOIN (SELECT r.parent_id, {sums} FROM target_outcome r
                   WHERE r.plan_id = :plan_id AND r.level = :level + 1 GROUP BY r.parent_id) c
               ON c.parent_id = t.id"""


_UPSERT = f"""INSERT INTO target_outcome ({", ".join(COLUMNS)}) SELECT {", ".join(COLUMNS)} FROM {{source}}
    ON CONFLICT (target_id) DO UPDATE SET {", ".join(f"{c} = excluded.{c}" for c in COLUMNS[1:])}"""


def _moved(adds: dict[str, str], prefix: str = "") -> str:
    """By how much each sum moves: what the new row contributes less what the old one did."""
    return ", ".join(f"{f.added(e, 'new')} - {f.added(e, 'old')} AS {prefix}{c}" for c, e in adds.items())


REFRESH_LEVEL = f"""WITH {_evaluated(_moved_inputs())},
    written AS ({_UPSERT.format(source="judged")}
        WHERE target_outcome.* IS DISTINCT FROM excluded.*
        RETURNING new.plan_id, new.unit_id, new.parent_id,
            {_moved(f.TO_PARENT)}, {_moved(f.TO_UNIT, "unit_")}),
    up AS (INSERT INTO outcome_touched (target_id, level, own, {", ".join(SUMS)})
        SELECT parent_id, :level - 1, false, {", ".join(f"sum({c})" for c in SUMS)}
        FROM written WHERE parent_id IS NOT NULL GROUP BY parent_id),
    sideways AS (INSERT INTO outcome_unit_touched (plan_id, unit_id, {", ".join(f.TO_UNIT)})
        SELECT plan_id, unit_id, {", ".join(f"sum(unit_{c})" for c in f.TO_UNIT)}
        FROM written GROUP BY plan_id, unit_id)
    SELECT count(*) FROM written"""

_DIFFERING = """CREATE TEMP TABLE outcome_differing ON COMMIT DROP AS
    WITH {judged}
    SELECT j.* FROM judged j LEFT JOIN target_outcome o ON o.target_id = j.target_id
    WHERE o IS NULL OR o.* IS DISTINCT FROM j.*"""
DIFFERING_LEAVES = _DIFFERING.format(judged=_evaluated(_leaf_inputs(), _CHILDLESS))
DIFFERING_PARENTS = _DIFFERING.format(judged=_evaluated(_summed_inputs()))
"""What a rebuild would rewrite on the deepest level, and on one above it.

Execute with literal ``plan_id`` and ``level``: PostgreSQL's utility statements take no parameters.
"""

REWRITE_LEVEL = _UPSERT.format(source="outcome_differing")

REBUILT_LEVEL = f"WITH {_evaluated(_summed_inputs())} SELECT * FROM judged"
"""What the rows of one level must be: for comparing without writing."""
