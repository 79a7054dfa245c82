"""The demonstration's calendar: the national plan moved to where its deadlines live."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from vdept.kernel.clock import LOCAL, utc_now

REGISTRY_SINCE = date(2025, 7, 1)
"""Since when today's provinces and communes exist; before that nobody could be assigned anything."""

MARGIN = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Season:
    """The plan's cycle, the day it was issued, and today."""

    starts_on: date
    ends_on: date
    issued_on: date
    today: date

    def day(self, percent: int) -> date:
        """The day by which so much of the time since the plan was issued had passed."""
        return self.issued_on + timedelta(days=(self.today - self.issued_on).days * percent // 100)

    def ahead(self, days: int) -> date:
        """So many days from today, but within the plan's cycle."""
        return min(self.today + timedelta(days=days), self.ends_on)


def season(today: date) -> Season:
    """Four quarters that end with the one under way, or with the next when this one is nearly over.

    So the plan is always well under way and due within fifteen weeks, whatever the day of the year; in the
    last quarter it is simply the calendar year.
    """
    ends_on = quarter_end(today + MARGIN)
    starts_on = ends_on.replace(year=ends_on.year - 1) + timedelta(days=1)
    issued_on = max(starts_on, REGISTRY_SINCE) + timedelta(days=13)
    return Season(starts_on, ends_on, issued_on, today)


def quarter_end(day: date) -> date:
    month = (day.month - 1) // 3 * 3 + 3
    return date(day.year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def instant(day: date, hour: int = 9) -> datetime:
    """An office hour of that day, never later than now."""
    return min(datetime(day.year, day.month, day.day, hour, tzinfo=LOCAL).astimezone(UTC), utc_now())
