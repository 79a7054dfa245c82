"""Counting working days, and which of the things said of a day holds. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from vdept.calendars.errors import CALENDAR_SPAN
from vdept.calendars.models import CalendarScope

FIRST_DAY = date(2024, 1, 1)
"""Where every calendar begins."""

YEARS_AHEAD = 5
"""How many years after the current one a calendar knows."""

WEEKEND = 5
"""The first day off of a week, counted from Monday as 0."""

MAX_NAME = 200
MAX_REASON = 2_000
BULK_LIMIT = 200
"""How many exceptions are added at once: a few years of announced swaps."""

DAY = timedelta(days=1)


def last_day(today: date) -> date:
    """Where every calendar ends that is made or prolonged today."""
    return date(today.year + YEARS_AHEAD, 12, 31)


def is_weekday(day: date) -> bool:
    """Monday to Friday."""
    return day.weekday() < WEEKEND


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working days of a span, counted from 1.

    Before and after the span nobody knows the holidays: there Monday to Friday count, so that a date far
    ahead has an answer too. Whoever must not guess asks :meth:`covers`.
    """

    first: date
    last: date
    days: Sequence[date] = field(repr=False)
    """The working days of the span, in order."""

    def covers(self, day: date) -> bool:
        return self.first <= day <= self.last

    def is_working(self, day: date) -> bool:
        if not self.covers(day):
            return is_weekday(day)
        at = bisect_left(self.days, day)
        return at < len(self.days) and self.days[at] == day

    def ordinal(self, day: date) -> int:
        """How many working days there are up to and with ``day``; 0 and less before the span."""
        if day < self.first:
            return _weekdays(day) - _weekdays(self.first - DAY)
        if day > self.last:
            return len(self.days) + _weekdays(day) - _weekdays(self.last)
        return bisect_right(self.days, day)

    def working_day(self, ordinal: int) -> date:
        """The working day with this number."""
        if ordinal < 1:
            return _weekday(_weekdays(self.first - DAY) + ordinal)
        if ordinal > len(self.days):
            return _weekday(_weekdays(self.last) + ordinal - len(self.days))
        return self.days[ordinal - 1]

    def step(self, due_on: date, k: int) -> date:
        """The working day ``k`` working days after (or before) a due date.

        A due date on a day off counts as the working day before it, which is step 0.
        """
        return self.working_day(self.ordinal(due_on) + k)

    def between(self, a: date, b: date) -> int:
        """How many working days come after ``a``, up to and with ``b``; negative when ``b`` is before."""
        return self.ordinal(b) - self.ordinal(a)

    def with_flipped(self, flipped: Iterable[date]) -> "Calendar":
        """The same calendar with these days of its span turned round: worked days off, days off worked."""
        turned = frozenset(flipped)
        return Calendar(self.first, self.last, sorted(turned.symmetric_difference(self.days)))


def _weekdays(day: date) -> int:
    """How many Mondays to Fridays there are since the first Monday of the calendar's era, with ``day``."""
    weeks, rest = divmod(day.toordinal(), 7)
    return WEEKEND * weeks + min(rest, WEEKEND)


def _weekday(number: int) -> date:
    """The Monday to Friday with this number."""
    weeks, rest = divmod(number - 1, WEEKEND)
    return date.fromordinal(7 * weeks + rest + 1)


def days_of(first: date, last: date) -> Iterator[date]:
    """Every day from ``first`` to ``last``."""
    for number in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(number)


class Saying(NamedTuple):
    """What an exception says of its day, for whom."""

    scope: CalendarScope
    unit_id: int | None
    working: bool


def nearness(saying: Saying, scope: CalendarScope, path: Sequence[int]) -> int | None:
    """How near an exception stands to the calendar of ``scope`` at the end of ``path``; None: not its own."""
    if saying.scope is CalendarScope.NATIONAL:
        return 0
    if saying.scope is CalendarScope.REGION:
        return path.index(saying.unit_id) + 1 if saying.unit_id in path else None
    own = scope is CalendarScope.UNIT and path and path[-1] == saying.unit_id
    return len(path) + 1 if own else None


def is_worked(
    day: date, holiday: bool | None, said: Iterable[Saying], scope: CalendarScope, path: Sequence[int]
) -> bool:
    """Whether ``day`` is worked in a calendar, as :func:`~vdept.calendars.upkeep.remake` has it in SQL.

    ``holiday``: what the package says, None for nothing.
    """
    found = {near: one.working for one in said if (near := nearness(one, scope, path)) is not None}
    if found:
        return found[max(found)]
    return is_weekday(day) if holiday is None else holiday


def require_span(day: date, first: date, last: date, *path: str | int) -> None:
    """Refuse a day that no calendar knows."""
    if not first <= day <= last:
        raise CALENDAR_SPAN.at(*path, day=day, first=first, last=last)


def newer(version: str, kept: Iterable[str]) -> bool:
    """Whether ``version`` of the package is later than all that were ``kept``.

    While a new version is rolled out both run side by side: the older one leaves alone what the newer wrote.
    """
    return all(_parts(version) > _parts(one) for one in kept)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
