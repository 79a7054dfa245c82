"""The rules of outcomes in SQL: ``rules.py`` applied to whole levels of the target tree at once.

Each function returns an expression over the columns of a row; ``target_statements.py`` and
``unit_statements.py`` put them together.
"""

from vdept.outcomes.models import UNIT_SUMS, Status
from vdept.tasks.models import Timeliness

BASES = {"measured": "m", "reported": "r"}
"""Basis and the prefix of its sums over the children."""

STATUSES = tuple(s.value for s in Status)
TIMELINESSES = tuple(t.value for t in Timeliness)


def simply_meets(value: str) -> str:
    """``rules.meets`` for a value, without the roll-up."""
    return f"""coalesce(CASE direction
        WHEN 'AT_LEAST' THEN {value} >= goal
        WHEN 'AT_MOST' THEN {value} <= goal
        ELSE {value} BETWEEN goal AND coalesce(goal_high, goal) END, false)"""


def rolled_up(p: str) -> str:
    """``rules.rolled_up`` from the sums over the children."""
    return f"""CASE rollup
        WHEN 'EACH' THEN CASE WHEN {p}_count > 0 THEN round(100.0 * {p}_met / children, 6) END
        WHEN 'SUM' THEN CASE WHEN {p}_count > 0 THEN {p}_sum END
        WHEN 'MEAN' THEN round({p}_sum / nullif({p}_count, 0), 6)
        WHEN 'WEIGHTED_MEAN' THEN round({p}_weighted / nullif({p}_weight, 0), 6)
        WHEN 'RATIO' THEN round(100 * {p}_numerator / nullif({p}_denominator, 0), 6)
        WHEN 'MIN' THEN {p}_min
        WHEN 'MAX' THEN {p}_max END"""


def value(basis: str) -> str:
    """The value that counts: the target's own reading before what its children add up to.

    A milestone has no reading: measured is the share of its linked tasks that are verified, reported the
    share that is said to be delivered; above the leaves, the share of children that meet theirs.
    """
    p, done = BASES[basis], "own_verified_weight" if basis == "measured" else "own_delivered_weight"
    return f"""CASE WHEN rollup = 'MILESTONE' THEN
            CASE WHEN children > 0 THEN CASE WHEN {p}_count > 0 THEN round(100.0 * {p}_met / children, 6) END
                 ELSE round(100 * {done} / nullif(own_task_weight, 0), 6) END
        WHEN own_{basis}_value IS NOT NULL THEN own_{basis}_value
        WHEN children = 0 THEN NULL
        ELSE {rolled_up(p)} END"""


def part(basis: str, name: str) -> str:
    """Numerator or denominator behind the value; summed from the children only by the RATIO rule."""
    p = BASES[basis]
    return f"""CASE WHEN own_{basis}_value IS NOT NULL THEN own_{basis}_{name}
        WHEN rollup = 'RATIO' AND {p}_denominator > 0 THEN {p}_{name} END"""


def basis_meets(basis: str) -> str:
    """Whether the target is met on one basis; a parent under EACH or MILESTONE only when all children are."""
    p, done = BASES[basis], "own_verified_weight" if basis == "measured" else "own_delivered_weight"
    tasks_done = f"{done} = own_task_weight"
    return f"""CASE rollup
        WHEN 'MILESTONE' THEN CASE WHEN children > 0 THEN {p}_met = children AND {tasks_done}
                                   ELSE own_task_weight > 0 AND {tasks_done} END
        WHEN 'EACH' THEN CASE WHEN children > 0
            THEN {p}_met = children AND (own_{basis}_value IS NULL OR {simply_meets(f"own_{basis}_value")})
            ELSE {simply_meets(f"{basis}_value")} END
        ELSE {simply_meets(f"{basis}_value")} END"""


COUNTS_CHILDREN = "children > 0 AND rollup IN ('EACH', 'MILESTONE')"


def basis_attainment(basis: str) -> str:
    """``rules.attainment``; where the value is a share of children or of tasks, that share itself."""
    v = f"{basis}_value"
    return f"""CASE WHEN {v} IS NULL THEN NULL
        WHEN rollup = 'MILESTONE' OR ({COUNTS_CHILDREN} AND own_{basis}_value IS NULL)
            THEN trunc({v} / 100, 6)
        WHEN {simply_meets(v)} THEN 1
        WHEN baseline IS NULL THEN 0
        WHEN direction = 'AT_LEAST' OR (direction = 'BETWEEN' AND {v} < goal) THEN
            CASE WHEN baseline >= goal THEN 0
                 ELSE greatest(0, least(0.999999, trunc(({v} - baseline) / (goal - baseline), 6))) END
        WHEN direction = 'AT_MOST' THEN
            CASE WHEN baseline <= goal THEN 0
                 ELSE greatest(0, least(0.999999, trunc(({v} - baseline) / (goal - baseline), 6))) END
        WHEN baseline <= coalesce(goal_high, goal) THEN 0
        ELSE greatest(0, least(0.999999, trunc(({v} - baseline) / (coalesce(goal_high, goal) - baseline), 6)))
        END"""


EXPECTED = """CASE WHEN as_of <= starts_on THEN 0
    WHEN as_of >= due_on THEN 1
    WHEN milestones IS NULL THEN trunc((as_of - starts_on)::numeric / (due_on - starts_on), 6)
    ELSE phased_pace(milestones, phase_baseline, phase_goal, starts_on, due_on, as_of) END"""

JUDGED = "CASE WHEN basis = 'REPORTED' AND reported_value IS NOT NULL THEN reported_{0} ELSE measured_{0} END"
"""A key result judged by reports uses the reported value, and the measured one where nothing is reported."""

REPORTED_MEETS = f"""CASE WHEN basis = 'REPORTED' AND reported_value IS NULL THEN measured_meets
    ELSE {basis_meets("reported")} END"""
"""The same fallback, so that a parent judged by reports counts a child that is only measured."""

STATUS = """CASE WHEN paused THEN 'PAUSED'
    WHEN as_of > due_on THEN CASE WHEN meets THEN 'MET' ELSE 'NOT_MET' END
    WHEN as_of < starts_on THEN 'NOT_STARTED'
    WHEN meets THEN 'ON_TRACK'
    WHEN 100 * (expected - coalesce(attainment, 0)) > off_track_points THEN 'OFF_TRACK'
    WHEN 100 * (expected - coalesce(attainment, 0)) > at_risk_points THEN 'AT_RISK'
    WHEN attainment IS NULL THEN 'NOT_STARTED'
    ELSE 'ON_TRACK' END"""


def timeliness(task: str, as_of: str) -> str:
    """``tasks.rules.timeliness`` of a task row; NULL for what is neither open nor done."""
    return f"""CASE WHEN {task}.state IN ('OPEN', 'OFFERED', 'ACCEPTED', 'IN_PROGRESS')
            THEN CASE WHEN {as_of} > {task}.due_on THEN 'OPEN_OVERDUE' ELSE 'OPEN_IN_TIME' END
        WHEN {task}.state IN ('DELIVERED', 'VERIFIED')
            THEN CASE WHEN {task}.delivered_on > {task}.due_on THEN 'DONE_LATE' ELSE 'DONE_ON_TIME' END
        END"""


def _to_parent() -> dict[str, str]:
    """What a row adds to each of its parent's sums; ``{r}`` is the row."""
    adds = {"children": "1", "children_met": "({r}.meets)::int"}
    for basis, p in BASES.items():
        has = f"({{r}}.{basis}_value IS NOT NULL)::int"
        adds |= {
            f"{p}_count": has,
            f"{p}_met": f"({{r}}.{basis}_meets)::int",
            f"{p}_sum": f"coalesce({{r}}.{basis}_value, 0)",
            f"{p}_weight": f"{{r}}.weight * {has}",
            f"{p}_weighted": f"coalesce({{r}}.weight * {{r}}.{basis}_value, 0)",
            f"{p}_numerator": f"coalesce({{r}}.{basis}_numerator, 0)",
            f"{p}_denominator": f"coalesce({{r}}.{basis}_denominator, 0)",
        }
    for name in SUBTREE:
        adds[name] = f"{{r}}.{name}"
    return adds


SUBTREE = (
    "sub_task_weight",
    "sub_task_progress",
    *(f"sub_n_{s.lower()}" for s in STATUSES),
    *(f"sub_n_{t.lower()}" for t in TIMELINESSES),
)

OF_ITSELF = {
    "sub_task_weight": "{r}.own_task_weight",
    "sub_task_progress": "{r}.own_task_progress",
    **{f"sub_n_{s.lower()}": f"({{r}}.live AND {{r}}.status = '{s}')::int" for s in STATUSES},
    **{f"sub_n_{t.lower()}": f"{{r}}.own_n_{t.lower()}" for t in TIMELINESSES},
}
"""A row's own part of its subtree's sums."""

TO_PARENT = _to_parent()

TO_UNIT = {
    **{f"n_{s.lower()}": f"({{r}}.status = '{s}')::int" for s in STATUSES},
    "binding": "({r}.binding)::int",
    "binding_met": "({r}.binding AND {r}.meets)::int",
    "attainment_weight": "{r}.key_result_weight * ({r}.attainment IS NOT NULL)::int",
    "attainment_sum": "coalesce({r}.key_result_weight * {r}.attainment, 0)",
    "measured_weight": "{r}.key_result_weight * ({r}.measured_attainment IS NOT NULL)::int",
    "measured_sum": "coalesce({r}.key_result_weight * {r}.measured_attainment, 0)",
    "reported_weight": "{r}.key_result_weight * ({r}.reported_attainment IS NOT NULL)::int",
    "reported_sum": "coalesce({r}.key_result_weight * {r}.reported_attainment, 0)",
    "gap_weight": "{r}.key_result_weight"
    " * ({r}.reported_attainment IS NOT NULL AND {r}.measured_attainment IS NOT NULL)::int",
    "gap_sum": "coalesce({r}.key_result_weight * ({r}.reported_attainment - {r}.measured_attainment), 0)",
}
"""What a target's outcome adds to its unit's sums in the plan."""

PARTICIPATION_TO_UNIT = {
    **{f"n_{t.lower()}": f"coalesce({{r}}.timeliness = '{t}', false)::int" for t in TIMELINESSES},
    "share_sum": "{r}.share",
    "progress_sum": "{r}.progress",
}
"""What a participation adds to its unit's sums in the plan."""

assert {*TO_UNIT, *PARTICIPATION_TO_UNIT} == {*UNIT_SUMS}  # noqa: S101  every sum has exactly one source


def added(expression: str, row: str) -> str:
    """What ``row`` contributes by ``expression``: nothing when it is withdrawn or not there."""
    return f"coalesce(CASE WHEN {row}.live THEN {expression.format(r=row)} END, 0)"
