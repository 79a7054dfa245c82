"""JUMP: a value lies implausibly far from the rest of its series.

The robust z-score: 0.6745 × (value − median) ÷ MAD, where MAD is the median of the distances from the median.
Half of the series could be wrong and it would still stand; a mean and a standard deviation would move with
the very value they are to judge. Compared without dividing, so that it is exact.
"""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from vdept.signals.detectors import Finding, current, said
from vdept.targets.models import Basis
from vdept.targets.rules import shown

LEAST = 8
LIMIT = 6
"""Beyond so many."""
NORMAL = Decimal("0.6745")
"""What makes the MAD of a normal distribution its standard deviation."""
READINGS = 60


class Reading(NamedTuple):
    id: int
    as_of: date
    value: Decimal


def median(values: Sequence[Decimal]) -> Decimal:
    """The middle one, or half of what the middle two come to."""
    ranked, half = sorted(values), len(values) // 2
    return ranked[half] if len(values) % 2 else (ranked[half - 1] + ranked[half]) * Decimal("0.5")


def find(unit_id: int, indicator_id: int, basis: Basis, series: Sequence[Reading]) -> list[Finding]:
    """Every value of the series (in the order of its dates) that lies too far out.

    Who enters the same value once more is not asked once more.
    """
    last = series[-READINGS:]
    if len(last) < LEAST:
        return []
    middle = median([each.value for each in last])
    mad = median([abs(each.value - middle) for each in last])
    if mad == 0:
        return []
    return [
        Finding(
            f"{indicator_id}:{unit_id}:{basis.value}:{each.as_of.isoformat()}:{shown(each.value)}",
            unit_id,
            None,
            None,
            indicator_id,
            _truncated(NORMAL * abs(each.value - middle) / mad),
            {
                "basis": basis.value,
                "as_of": each.as_of.isoformat(),
                "value": shown(each.value),
                "median": shown(middle),
                "mad": shown(mad),
                "readings": len(last),
                "z": shown(_truncated(NORMAL * (each.value - middle) / mad)),
                "measurement_ids": [each.id],
            },
        )
        for each in last
        if NORMAL * abs(each.value - middle) > LIMIT * mad
    ]


def _truncated(number: Decimal) -> Decimal:
    return number.quantize(Decimal("0.01"), ROUND_DOWN)


_READINGS = current("s.unit_id", "b.basis", "id, as_of, value", READINGS)
_MIDDLE = (
    "sum({0}) FILTER (WHERE {1} IN ((n + 1) / 2, n / 2 + 1)) OVER {2} * CASE n % 2 WHEN 0 THEN 0.5 ELSE 1 END"
)
_KEY = f"""concat_ws(':', CAST(:indicator_id AS bigint), unit_id, basis, as_of, {said("value")})"""
_Z = f"{NORMAL} * (value - median) / mad"

SQL = f"""WITH ranked AS (
        SELECT s.unit_id, b.basis, m.id, m.as_of, m.value,
            row_number() OVER (PARTITION BY s.unit_id, b.basis ORDER BY m.value) AS place,
            count(*) OVER (PARTITION BY s.unit_id, b.basis) AS n
        FROM unnest(:unit_ids) AS s (unit_id) CROSS JOIN (VALUES ('MEASURED'), ('REPORTED')) AS b (basis)
        CROSS JOIN LATERAL ({_READINGS}) m),
    middle AS (
        SELECT *, {_MIDDLE.format("value", "place", "w")} AS median
        FROM ranked WHERE n >= {LEAST} WINDOW w AS (PARTITION BY unit_id, basis)),
    apart AS (
        SELECT *, row_number() OVER (PARTITION BY unit_id, basis ORDER BY abs(value - median)) AS far
        FROM middle),
    spread AS (
        SELECT *, {_MIDDLE.format("abs(value - median)", "far", "w")} AS mad
        FROM apart WINDOW w AS (PARTITION BY unit_id, basis))
    SELECT {_KEY} AS key, unit_id, CAST(NULL AS bigint) AS plan_id, CAST(NULL AS bigint) AS task_id,
        CAST(:indicator_id AS bigint) AS indicator_id, trunc(abs({_Z}), 2) AS score,
        jsonb_build_object('basis', basis, 'as_of', as_of, 'value', {said("value")},
            'median', {said("median")}, 'mad', {said("mad")}, 'readings', n,
            'z', {said(f"trunc({_Z}, 2)")}, 'measurement_ids', jsonb_build_array(id)) AS evidence
    FROM spread WHERE mad > 0 AND {NORMAL} * abs(value - median) > {LIMIT} * mad"""
"""Of one indicator, for the units whose values have changed, measured and reported apart."""
