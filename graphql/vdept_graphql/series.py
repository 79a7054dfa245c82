"""Time series for charts: an indicator in several units, and a target beside the pace it is judged by."""

from datetime import date
from decimal import Decimal
from typing import Annotated

import strawberry
from strawberry import argument, field

from vdept.kernel.db import Tx
from vdept.measurements import series as readings
from vdept.measurements.periods import Every, window
from vdept.outcomes import series
from vdept.outcomes.series import Origin
from vdept.targets.models import Basis
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.errors import TOO_MANY_ITEMS
from vdept_graphql.ids import decode, decode_many
from vdept_graphql.units import Unit, load_units

UNITS_AT_ONCE = 50

described(
    Every,
    "How long a period of a time series is (kỳ của chuỗi số liệu).",
    graphql_name="SeriesPeriod",
    DAY="A day (ngày).",
    WEEK="A week from Monday to Sunday (tuần).",
    MONTH="A month (tháng).",
    QUARTER="Three months from January, April, July or October (quý).",
    YEAR="A year (năm).",
)
described(
    Origin,
    "Where the points of a target's line come from (nguồn của đường số liệu).",
    graphql_name="SeriesOrigin",
    READINGS="The target's own readings, each on the day it is about (số đo của chính chỉ tiêu).",
    HISTORY="What the outcome was, from the day on which it stood: rolled up from children or tasks, or "
    "where its single readings are not for you (giá trị tổng hợp theo ngày ghi nhận).",
)


async def load_series_of_targets(
    tx: Tx, ids: list[int], every: Every, since: date | None, until: date | None
) -> dict[int, "TargetSeries"]:
    """Series by the number of the target."""
    found = await series.series_of_targets(tx, ids, every, since, until)
    return {key: TargetSeries.of(one) for key, one in found.items()}


@strawberry.type(description="The reading that counts in a period (số đo của kỳ).")
class IndicatorPoint:
    """One point of a unit's line."""

    period_start: date = field(description="First day of the period.")
    as_of: date = field(description="The day the reading is about: the latest of the period.")
    value: Decimal = field(description="In the indicator's unit of measure.")
    numerator: Decimal | None = field(description="Of a ratio: above the line.")
    denominator: Decimal | None = field(description="Of a ratio: below the line.")
    count: int = field(description="How many readings the period has; what was corrected is not counted.")


@strawberry.type(description="An indicator of one unit over time (chuỗi số liệu của chỉ số).")
class IndicatorSeries:
    """A unit's line."""

    since: date = field(name="from", description="First day of the series.")
    until: date = field(name="to", description="Last day of the series.")
    every: Every = field(description="The period of its points.")
    coarsened: bool = field(
        description="Whether the period is longer than asked for: a line has at most 400 points, and all "
        "lines together at most 5,000."
    )
    points: list[IndicatorPoint] = field(
        description="The oldest first; a period without a reading has none. Empty as well where the unit's "
        "measurements are not for you."
    )
    unit_key: strawberry.Private[int]

    @field(description="The unit.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)


@strawberry.type(description="What counted for a target in a period (giá trị của kỳ).")
class TargetPoint:
    """One point of a target's line."""

    period_start: date = field(description="First day of the period.")
    on_day: date = field(description="The day that a reading is about, or from which an outcome stood so.")
    value: Decimal | None = field(description="The value; null: from then on there was none.")
    numerator: Decimal | None = field(description="Of a ratio's reading: above the line.")
    denominator: Decimal | None = field(description="Of a ratio's reading: below the line.")
    count: int = field(description="How many readings, or days on which it changed, the period has.")


@strawberry.type(description="What was measured or reported for a target over time (đường số liệu).")
class TargetLine:
    """One basis."""

    origin: Origin = field(description="Where its points come from.")
    points: list[TargetPoint] = field(
        description="The oldest first; a period without a change has none. A `HISTORY` "
        "begins with what stood on the first day, whenever it came about."
    )

    @classmethod
    def of(cls, line: series.Line) -> "TargetLine":
        points = [
            TargetPoint(
                period_start=point.period_start,
                on_day=point.on_day,
                value=point.value,
                numerator=point.numerator,
                denominator=point.denominator,
                count=point.among,
            )
            for point in line.points
        ]
        return cls(origin=line.origin, points=points)


@strawberry.type(description="What is expected of a target on a day (tiến độ kỳ vọng).")
class PacePoint:
    """One point of the pace line; between two the line is straight."""

    on_day: date = field(description="The day.")
    expected: Decimal = field(description="How much of the way should be behind: a fraction from 0 to 1.")
    value: Decimal | None = field(
        description="The value which that is, between baseline and goal; null where there is no baseline to "
        "come from."
    )
    milestone: bool = field(description="Whether the key result has a milestone on this day (mốc).")


@strawberry.type(
    description="A target over time (chuỗi số liệu của chỉ tiêu giao): measured and reported, beside the "
    "pace it is judged by."
)
class TargetSeries:
    """A target's lines."""

    since: date = field(name="from", description="First day of the series.")
    until: date = field(name="to", description="Last day of the series.")
    every: Every = field(description="The period of its points.")
    coarsened: bool = field(
        description="Whether the period is longer than asked for: a line has at most 400 points, and all "
        "lines of one level of a query together at most 5,000."
    )
    of_children: bool = field(
        description="Whether values are percentages of the children that meet theirs, or of the tasks, and "
        "not in the indicator's unit of measure."
    )
    baseline: Decimal | None = field(description="Where the unit starts from.")
    goal: Decimal = field(description="What the pace line ends at.")
    goal_high: Decimal | None = field(description="The upper bound of BETWEEN.")
    measured: TargetLine = field(description="What was measured (đo được).")
    reported: TargetLine = field(description="What was reported (báo cáo).")
    pace: list[PacePoint] = field(
        description="From the target's start to its due date, through the phased milestones: what "
        "`TargetOutcome.expected` is on each day."
    )

    @classmethod
    def of(cls, one: series.TargetSeries) -> "TargetSeries":
        pace = [
            PacePoint(on_day=p.on_day, expected=p.share, value=p.value, milestone=p.milestone)
            for p in one.pace
        ]
        return cls(
            since=one.since,
            until=one.until,
            every=one.every,
            coarsened=one.coarsened,
            of_children=one.of_children,
            baseline=one.baseline,
            goal=one.goal,
            goal_high=one.goal_high,
            measured=TargetLine.of(one.measured),
            reported=TargetLine.of(one.reported),
            pace=pace,
        )


@strawberry.type
class SeriesQuery:
    """Reads of time series."""

    @field(
        description="An indicator in up to 50 units over time, one line for each in the order asked: of "
        "each period the latest reading. For charts."
    )
    async def indicator_series(
        self,
        info: Info,
        indicator_id: Annotated[strawberry.ID, argument(description="The indicator.")],
        unit_ids: Annotated[list[strawberry.ID], argument(description="The units, up to 50.")],
        basis: Annotated[Basis, argument(description="Measured, or reported.")] = Basis.MEASURED,
        since: Annotated[
            date | None,
            argument(
                name="from",
                description="First day; unless given a year before the last, two for months, five for "
                "quarters, ten for years.",
            ),
        ] = None,
        until: Annotated[
            date | None, argument(name="to", description="Last day; today unless given.")
        ] = None,
        every: Annotated[
            Every,
            argument(description="One point for each; a longer period where that would be too many."),
        ] = Every.MONTH,
    ) -> list[IndicatorSeries]:
        if len(unit_ids) > UNITS_AT_ONCE:
            raise TOO_MANY_ITEMS.at("unitIds", given=len(unit_ids), limit=UNITS_AT_ONCE)
        indicator = decode(indicator_id, "Indicator", "indicatorId")
        units = list(dict.fromkeys(decode_many(unit_ids, "Unit", "unitIds")))
        async with info.context.reading() as tx:
            first, last, fits = window(since, until, every, tx.today, len(units))
            lines = [readings.Line(unit, indicator, fits, first, last) for unit in units]
            found = await readings.readings_of(tx, lines, [basis])
        return [
            IndicatorSeries(
                since=first,
                until=last,
                every=fits,
                coarsened=fits is not every,
                points=[_point(point) for point in found.get((place, basis), [])],
                unit_key=unit,
            )
            for place, unit in enumerate(units)
        ]


def _point(point: readings.Point) -> IndicatorPoint:
    return IndicatorPoint(
        period_start=point.period_start,
        as_of=point.as_of,
        value=point.value,
        numerator=point.numerator,
        denominator=point.denominator,
        count=point.among,
    )
