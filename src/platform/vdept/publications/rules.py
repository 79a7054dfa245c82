"""The rules of what an edition says of units: figures, ranks, movements. Pure; also what verifies them."""

from collections.abc import Hashable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from vdept.calendars.rules import DAY, Calendar
from vdept.outcomes.models import STATUS_COLUMNS
from vdept.outcomes.rules import share_of

K = TypeVar("K", bound=Hashable)

SHARES = ("attainment", "measured", "reported", "gap")
COUNTS = (*STATUS_COLUMNS, "binding", "binding_met")
SUMS = (*COUNTS, *(f"{share}_{part}" for share in SHARES for part in ("weight", "sum")))
"""What a unit's published targets add up to; figures follow from it."""


class Figures(NamedTuple):
    """What a unit has to show, by itself or with all units below it.

    Shares are fractions of 1 with six decimals, cut and never rounded up; None: nothing to divide by.
    """

    not_started: int
    on_track: int
    at_risk: int
    off_track: int
    paused: int
    met: int
    not_met: int
    binding: int
    binding_met: int
    attainment: Decimal | None
    measured: Decimal | None
    reported: Decimal | None
    gap_points: Decimal | None


def figures(sums: Mapping[Any, Any]) -> Figures:
    """The figures that follow from the sums."""
    attainment, measured, reported, gap = (
        share_of(sums[f"{share}_sum"], sums[f"{share}_weight"]) for share in SHARES
    )
    points = None if gap is None else 100 * gap
    return Figures._make([*(int(sums[name]) for name in COUNTS), attainment, measured, reported, points])


class Placed(NamedTuple):
    """A place in a ranking, and how many were ranked with it."""

    rank: int | None
    among: int


def ranks(measured: Iterable[tuple[K, str, Decimal | None]]) -> dict[K, Placed]:
    """Everybody's place among those of their kind, the highest first; equals share a place ("1224").

    Nobody is ranked by what was not measured.
    """
    kinds: dict[str, list[Decimal]] = {}
    everybody = list(measured)
    for _, kind, value in everybody:
        if value is not None:
            kinds.setdefault(kind, []).append(value)
    first: dict[str, dict[Decimal, int]] = {}
    for kind, values in kinds.items():
        places = first[kind] = {}
        for place, value in enumerate(sorted(values, reverse=True), start=1):
            places.setdefault(value, place)
    return {
        key: Placed(None if value is None else first[kind][value], len(kinds.get(kind, ())))
        for key, kind, value in everybody
    }


class Before(NamedTuple):
    """What the edition before said of a unit."""

    measured: Decimal | None
    rank: int | None


class Movement(NamedTuple):
    """How a unit has moved since the edition before, up being positive; None unless both say something."""

    points: Decimal | None
    places: int | None


def movement(measured: Decimal | None, rank: int | None, before: Before | None) -> Movement:
    """Hundredths of measured attainment, and places in the ranking."""
    if before is None:
        return Movement(None, None)
    points = None if measured is None or before.measured is None else 100 * (measured - before.measured)
    return Movement(points, None if rank is None or before.rank is None else before.rank - rank)


def month_of(day: date) -> date:
    """A month is named by its first day."""
    return day.replace(day=1)


def publishing_day(month: date, calendar: Calendar) -> date:
    """The first working day of a month: when its editions come out."""
    return calendar.step(month - DAY, 1)
