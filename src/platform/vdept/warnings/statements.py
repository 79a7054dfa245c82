"""One statement per kind: open what is breached and not open, put right what changed, close what ended.

Parameters: ``plan_id`` (not for work outside any plan), ``as_of``, ``now`` and ``midnight``, when the day of
``now`` began. The statement answers (opened, changed, closed).
"""

from typing import Any

import sqlalchemy as sa

from vdept.warnings.breaches import BREACHES
from vdept.warnings.models import WarningKind, WarningSubject

IN_PLAN = "plan_id = :plan_id"
OUTSIDE = "plan_id IS NULL"

_OF_TARGET = """CASE WHEN p.state <> 'ISSUED' THEN 'PLAN_CLOSED'
        WHEN x.state = 'PAUSED' THEN 'PAUSED' WHEN x.state = 'WITHDRAWN' THEN 'WITHDRAWN'
        WHEN :as_of > x.due_on THEN 'DUE' ELSE 'ENDED' END"""
_OF_TASK = """CASE WHEN p.state <> 'ISSUED' THEN 'PLAN_CLOSED'
        WHEN x.state IN ('DELIVERED', 'VERIFIED') THEN 'DONE'
        WHEN x.state IN ('PAUSED', 'CANCELLED', 'DECLINED') THEN x.state
        WHEN :as_of > x.due_on AND s.kind = 'NO_TIME_LEFT' THEN 'DUE' ELSE 'ENDED' END"""

_OF_SOURCE = """CASE x.state WHEN 'PAUSED' THEN 'PAUSED' WHEN 'CLOSED' THEN 'WITHDRAWN' ELSE 'ENDED' END"""

_SUBJECTS = {
    WarningSubject.TARGET: (_OF_TARGET, "target"),
    WarningSubject.TASK: (_OF_TASK, "task"),
    WarningSubject.SOURCE: (_OF_SOURCE, "(SELECT id, state, CAST(NULL AS bigint) AS plan_id FROM source)"),
}
"""Why a warning closes, and where its subject is; a source belongs to no plan."""

_TOLD = "(SELECT count(*) FROM {0}) AS {0}"


def keeping(kind: WarningKind, which: str) -> str:
    """The statement of a kind, for one plan (``IN_PLAN``) or for the work outside any (``OUTSIDE``).

    Whose breach begins anew on the day on which they were told of the last one is not told again.
    """
    subject, breaches = BREACHES[kind]
    reason, table = _SUBJECTS[subject]
    plan_id = "CAST(NULL AS bigint)" if which == OUTSIDE else ":plan_id"
    return f"""WITH breach AS MATERIALIZED ({breaches.replace("{in_plan}", which)}),
    standing AS MATERIALIZED (
        SELECT id, kind, subject_id, unit_id, severity, evidence FROM early_warning
        WHERE closed_at IS NULL AND {which} AND kind = '{kind}'),
    told AS MATERIALIZED (
        SELECT subject_id, unit_id, max(notified_at) AS notified_at FROM early_warning
        WHERE closed_at >= :midnight AND {which} AND kind = '{kind}' AND notified_at >= :midnight
        GROUP BY subject_id, unit_id),
    opened AS (
        INSERT INTO early_warning (kind, subject, subject_id, plan_id, unit_id, severity, evidence, opened_on,
            opened_at, notified_at)
        SELECT '{kind}', '{subject}', b.subject_id, {plan_id}, b.unit_id, b.severity, b.evidence, :as_of,
            :now, t.notified_at
        FROM breach b LEFT JOIN standing s ON s.subject_id = b.subject_id
            LEFT JOIN told t ON t.subject_id = b.subject_id AND t.unit_id = b.unit_id
        WHERE s.id IS NULL ORDER BY b.subject_id
        RETURNING 1),
    changed AS (
        UPDATE early_warning w SET severity = b.severity, evidence = b.evidence, unit_id = b.unit_id,
            {", ".join(f"{c} = CASE WHEN s.unit_id = b.unit_id THEN w.{c} END" for c in _OF_THE_UNIT)}
        FROM breach b JOIN standing s ON s.subject_id = b.subject_id
        WHERE w.id = s.id AND w.closed_at IS NULL AND w.{which}
            AND (s.severity, s.unit_id, s.evidence) IS DISTINCT FROM (b.severity, b.unit_id, b.evidence)
        RETURNING 1),
    closed AS (
        UPDATE early_warning w SET closed_at = :now, closed_because = {reason}
        FROM standing s LEFT JOIN breach b ON b.subject_id = s.subject_id
            JOIN {table} x ON x.id = s.subject_id LEFT JOIN plan p ON p.id = x.plan_id
        WHERE w.id = s.id AND w.closed_at IS NULL AND w.{which} AND x.{which} AND b.subject_id IS NULL
        RETURNING 1)
    SELECT {", ".join(_TOLD.format(each) for each in ("opened", "changed", "closed"))}"""


_OF_THE_UNIT = (
    "acknowledged_at",
    "acknowledged_by_id",
    "response",
    "respond_by",
    "notified_at",
    "escalated_at",
    "reminded_at",
)
"""What the head of another unit, to whom the work went, has neither said nor been told."""

_TYPES: dict[str, Any] = {
    "plan_id": sa.BigInteger(),
    "as_of": sa.Date(),
    "now": sa.DateTime(timezone=True),
    "midnight": sa.DateTime(timezone=True),
}


def typed(sql: str) -> sa.TextClause:
    """SQL whose parameters carry their types; made once, because reading them costs more than sending."""
    made = sa.text(sql)
    return made.bindparams(
        *[sa.bindparam(name, type_=_TYPES[name]) for name in made._bindparams]  # noqa: SLF001
    )


OF_PLANS = {
    kind: typed(keeping(kind, IN_PLAN))
    for kind, (subject, _) in BREACHES.items()
    if subject is not WarningSubject.SOURCE
}
OUTSIDE_PLANS = {
    kind: typed(keeping(kind, OUTSIDE))
    for kind, (subject, _) in BREACHES.items()
    if subject is not WarningSubject.TARGET
}
