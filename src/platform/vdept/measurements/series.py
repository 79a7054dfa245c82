"""Measurements as time series: of each period the reading that counts, picked in SQL.

The reading that counts is the latest of the period by ``(as_of, id)``, as it is for a target; what was
corrected is not counted. One statement for any number of lines, and no more rows than a chart has points.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from vdept.kernel.db import Tx
from vdept.measurements.access import visible_measurements
from vdept.measurements.models import Measurement
from vdept.measurements.periods import Every
from vdept.targets.models import Basis


class Line(NamedTuple):
    """Which readings make a line: of a unit and an indicator, within days, one of each period."""

    unit_id: int
    indicator_id: int
    every: Every
    since: date
    until: date


class Point(NamedTuple):
    """The reading that counts in a period, and among how many it is."""

    period_start: date
    as_of: date
    value: Decimal
    numerator: Decimal | None
    denominator: Decimal | None
    among: int


async def readings_of(
    tx: Tx, lines: Sequence[Line], bases: Iterable[Basis]
) -> dict[tuple[int, Basis], list[Point]]:
    """The points of each line (by its place in ``lines``) on each basis, oldest first. One statement.

    A line without a reading that the actor may see is not in the answer.
    """
    if not lines:
        return {}
    k = (
        sa.func.unnest(
            sa.literal([line.unit_id for line in lines], ARRAY(sa.BigInteger)),
            sa.literal([line.indicator_id for line in lines], ARRAY(sa.BigInteger)),
            sa.literal([line.every.value.lower() for line in lines], ARRAY(sa.Text)),
            sa.literal([line.since for line in lines], ARRAY(sa.Date)),
            sa.literal([line.until for line in lines], ARRAY(sa.Date)),
        )
        .table_valued(
            sa.column("unit_id", sa.BigInteger),
            sa.column("indicator_id", sa.BigInteger),
            sa.column("every", sa.Text),
            sa.column("since", sa.Date),
            sa.column("until", sa.Date),
            name="k",
            with_ordinality="place",
        )
        .render_derived()
    )
    newer = aliased(Measurement)
    start = sa.cast(sa.func.date_trunc(k.c.every, sa.cast(Measurement.as_of, sa.DateTime())), sa.Date)
    period = (k.c.place, Measurement.basis, start)
    ranked = (
        sa.select(
            k.c.place,
            Measurement.basis,
            start.label("period_start"),
            Measurement.as_of,
            Measurement.value,
            Measurement.numerator,
            Measurement.denominator,
            sa.func.count().over(partition_by=period).label("readings"),
            sa.func.row_number()
            .over(partition_by=period, order_by=(Measurement.as_of.desc(), Measurement.id.desc()))
            .label("latest"),
        )
        .join(
            Measurement,
            sa.and_(
                Measurement.unit_id == k.c.unit_id,
                Measurement.indicator_id == k.c.indicator_id,
                Measurement.as_of.between(k.c.since, k.c.until),
            ),
        )
        .where(
            Measurement.basis.in_(list(bases)),
            ~sa.exists().where(newer.supersedes_id == Measurement.id),
            visible_measurements(tx.actor),
        )
        .subquery()
    )
    c = ranked.c
    rows = await tx.session.execute(
        sa.select(
            *(c.place, c.basis, c.period_start, c.as_of, c.value, c.numerator, c.denominator, c.readings)
        )
        .where(c.latest == 1)
        .order_by(c.place, c.basis, c.period_start)
    )
    found: dict[tuple[int, Basis], list[Point]] = {}
    for place, basis, *point in rows:
        found.setdefault((place - 1, basis), []).append(Point(*point))
    return found
