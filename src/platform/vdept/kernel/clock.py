"""Time on the platform: instants are UTC, dates are local dates in Asia/Ho_Chi_Minh (design, section 4)."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Ho_Chi_Minh")


def utc_now() -> datetime:
    """The current instant. Called at the edge only: below it, ``now`` is an argument."""
    return datetime.now(UTC)


def local_date(instant: datetime) -> date:
    """The calendar day that ``instant`` falls on where the platform's deadlines are counted."""
    return instant.astimezone(LOCAL).date()
