"""Histories of gaps: how far reports lay above measurements, a row for each day it changed."""

from datetime import date
from decimal import Decimal

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.outcomes import gaps
from vdept.outcomes.standings import gap


async def load_gaps_of_targets(
    tx: Tx, ids: list[int], since: date | None, until: date | None
) -> dict[int, "GapHistory"]:
    """Histories by the number of the target."""
    found = await gaps.gaps_of_targets(tx, ids, since, until)
    return {key: GapHistory.of(history) for key, history in found.items()}


async def load_gaps_of_units(
    tx: Tx, pairs: list[tuple[int, int]], since: date | None, until: date | None
) -> dict[tuple[int, int], "GapHistory"]:
    """Histories by the numbers of plan and unit."""
    found = await gaps.gaps_of_units(tx, pairs, since, until)
    return {key: GapHistory.of(history) for key, history in found.items()}


@strawberry.type(description="How a gap stood from a day on, until the next (chênh lệch từ ngày).")
class GapChange:
    """One row of a history."""

    on_day: date = field(description="From this day on.")
    measured: Decimal | None = field(description="The measured value then; null: none, or a unit's gap.")
    reported: Decimal | None = field(description="The reported value then; null: none, or a unit's gap.")
    gap: Decimal | None = field(description="Reported less measured; null without either.")
    gap_points: Decimal | None = field(
        description="How many points of attainment the report was above the measurement; null: from this "
        "day on there was no longer both."
    )

    @classmethod
    def of(cls, row: gaps.Gap) -> "GapChange":
        return cls(
            on_day=row.on_day,
            measured=row.measured_value,
            reported=row.reported_value,
            gap=gap(row.measured_value, row.reported_value),
            gap_points=row.points,
        )


@strawberry.type(
    description="The history of a gap between reported and measured (lịch sử chênh lệch): written every "
    "half hour, never rewritten once the day is over."
)
class GapHistory:
    """The latest rows."""

    changes: list[GapChange] = field(
        description="A row for each day on which something changed, the oldest first; at most the latest 400."
    )
    has_earlier: bool = field(description="Whether there were more in that time than are shown.")

    @classmethod
    def of(cls, history: gaps.History) -> "GapHistory":
        return cls(changes=[GapChange.of(row) for row in history.gaps], has_earlier=history.earlier)
