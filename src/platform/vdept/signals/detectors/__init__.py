"""The detectors: each says what it finds twice, as a rule in Python and as a query for many at once.

The rule is what a reader checks and the tests start from; the query is what the worker runs, and tests hold
the two together on random series. A query selects the columns of :class:`Finding` in their order. All
arithmetic is exact (integers and decimals).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

FRESH = 366
"""Days: what ended earlier is history, and nobody is asked about it."""

LOCAL = "AT TIME ZONE 'Asia/Ho_Chi_Minh'"


class Finding(NamedTuple):
    """What a detector found. ``key`` names it within the detector: the same is never asked twice."""

    key: str
    unit_id: int
    plan_id: int | None
    task_id: int | None
    indicator_id: int | None
    score: Decimal
    evidence: Mapping[str, Any]


def said(number: str) -> str:
    """A quantity in evidence, in SQL: exact and readable."""
    return f"CAST(trim_scale({number}) AS text)"


def current(unit: str, basis: str, columns: str, limit: int) -> str:
    """The last readings of a series that stand, one per date: of a date the one recorded last."""
    return f"""SELECT DISTINCT ON (as_of) {columns} FROM measurement
        WHERE unit_id = {unit} AND indicator_id = :indicator_id AND basis = {basis}
            AND as_of > :as_of - {FRESH} AND as_of <= :as_of
        ORDER BY as_of DESC, id DESC LIMIT {limit}"""
