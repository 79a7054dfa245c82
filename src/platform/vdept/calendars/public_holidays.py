"""What the ``holidays`` package knows of Vietnam: public holidays, substitute days off, make-up Saturdays."""

from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from typing import NamedTuple

import holidays

VERSION = version("holidays")
"""The version of the package that this process would copy."""


class Named(NamedTuple):
    """A day that the package speaks of."""

    day: date
    working: bool
    name: str
    name_en: str


def known(first: date, last: date) -> list[Named]:
    """Every day from ``first`` to ``last`` that the package speaks of, in order.

    The years around are loaded too: a substitute day may belong to one year, its make-up day to the next.
    """
    years = range(first.year - 1, last.year + 2)
    vietnamese = holidays.country_holidays("VN", years=years, language="vi")
    english = holidays.country_holidays("VN", years=years, language="en_US")
    made_up = sorted(vietnamese.weekend_workdays)
    english_names = {day: _unambiguous(english[day], made_up) for day in english}
    off = [Named(day, False, vietnamese[day], english_names[day]) for day in vietnamese]
    worked = [_make_up(day, vietnamese) for day in made_up]
    return sorted(one for one in (*off, *worked) if first <= one.day <= last)


def _unambiguous(name: str, made_up: list[date]) -> str:
    """The package writes dates the American way, 05/04 for the fourth of May."""
    for day in made_up:
        name = name.replace(day.strftime("%m/%d/%Y"), day.isoformat())
    return name


def _make_up(day: date, names: Mapping[date, str]) -> Named:
    """A make-up day, named after the day off that it pays for."""
    instead = next((off for off in names if f"{day:%d/%m/%Y}" in names[off]), None)
    if instead is None:
        return Named(day, True, "Ngày làm bù", "Make-up working day")
    return Named(day, True, f"Làm bù cho ngày {instead:%d/%m/%Y}", f"Make-up working day for {instead}")
