"""When a threshold is passed, how gravely, and what answers one. Pure: the statements say the same in SQL.

``tests/core/test_warnings_property.py`` holds the two together.
"""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal

from vdept.calendars.rules import Calendar
from vdept.kernel.errors import invalid
from vdept.targets.models import Frequency
from vdept.targets.rules import shown
from vdept.warnings.errors import WARNING_RESPOND_BY
from vdept.warnings.models import Severity

TWICE = 2
"""From twice what is allowed a breach is grave."""

SHORT_POINTS = Decimal(25)
"""A task whose pace leaves it further than this from done is off track: the default of key results, too."""

LAST_PART = 3
"""Pace is extrapolated only in the last third of the time: before that it says little."""

DAYS_OF_FREQUENCY = {
    Frequency.DAILY: 1,
    Frequency.WEEKLY: 7,
    Frequency.MONTHLY: 31,
    Frequency.QUARTERLY: 92,
    Frequency.YEARLY: 366,
}
"""The longest that such a period is, in days."""

ANSWER_DAYS = 5
"""Working days that the head has for an answer before the head above is told."""

DEFAULT_STALE_DAYS = 30
"""After how many days without an update an accepted task outside any plan counts as abandoned."""

RESPONSE_LIMIT = 2_000
BULK_LIMIT = 100


def allowed_silence(frequency: Frequency) -> int:
    """Days between two values: the period and a fifth of it, rounded up, for the value to arrive."""
    days = DAYS_OF_FREQUENCY[frequency]
    return days + -(-days // 5)


def late(days: int, allowed: int) -> Severity | None:
    """What lasts for longer than ``allowed`` days is a breach, from twice as long a grave one."""
    if days <= allowed:
        return None
    return Severity.OFF_TRACK if days >= TWICE * max(allowed, 1) else Severity.AT_RISK


def gap(reported: Decimal | None, measured: Decimal | None, gap_points: Decimal) -> Severity | None:
    """Reports above measurements (requirement 31), in points of attainment; below them is no breach."""
    if reported is None or measured is None:
        return None
    points = 100 * (reported - measured)
    if points <= gap_points:
        return None
    return Severity.OFF_TRACK if points >= TWICE * gap_points else Severity.AT_RISK


@dataclass(frozen=True, slots=True)
class Projection:
    """How far a task will be on its due date at its pace so far, in per cent."""

    projected: Decimal
    severity: Severity


def no_time_left(progress: Decimal, used: int, left: int) -> Projection | None:
    """Whether the remaining work cannot fit into the remaining working days at the pace so far.

    ``used``: working days from the day it was accepted up to yesterday, without those on which it was
    paused. ``left``: from today up to and with the due date. None while the last third has not begun, and
    where the pace suffices.
    """
    total = used + left
    if LAST_PART * left >= total or progress * total >= 100 * used:
        return None
    projected = (progress * total / used).quantize(Decimal("0.01"), ROUND_DOWN)
    short = 100 * used - progress * total
    grave = short > SHORT_POINTS * used
    return Projection(projected, Severity.OFF_TRACK if grave else Severity.AT_RISK)


def require_response(response: str) -> str:
    """What will be done, in words."""
    said = response.strip()
    if not said or len(said) > RESPONSE_LIMIT or "\0" in said:
        raise invalid(
            "response",
            vi=f"hãy ghi sẽ làm gì, dài tối đa {RESPONSE_LIMIT} ký tự",
            en=f"say what will be done, in at most {RESPONSE_LIMIT} characters",
        )
    return said


def answer_span(calendar: Calendar, today: date, due_on: date) -> tuple[date, date]:
    """From when to when an answer may promise: the next working day to the due date.

    What is due today or overdue has no working day left: then within the days of an answer.
    """
    earliest = calendar.step(today, 1)
    latest = due_on if earliest <= due_on else calendar.step(today, ANSWER_DAYS)
    return earliest, latest


def require_respond_by(calendar: Calendar, respond_by: date, today: date, due_on: date) -> None:
    """A working day ahead, and not past the due date."""
    earliest, latest = answer_span(calendar, today, due_on)
    if not earliest <= respond_by <= latest or not calendar.is_working(respond_by):
        raise WARNING_RESPOND_BY.at(
            "respondBy",
            respond_by=respond_by.isoformat(),
            earliest=earliest.isoformat(),
            latest=latest.isoformat(),
        )


def plain(value: Decimal | None) -> str | None:
    """A quantity in evidence: exact and readable."""
    return None if value is None else shown(value)
