"""The rules of reminders, on plain values: which step falls on which day, who of several roles counts, what
is folded, and what a policy may ask for.

The scan does the same set-based; ``tests/core/test_scanning_agrees.py`` holds the two together.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, Protocol

from vdept.deadlines import errors
from vdept.deadlines.models import Recipient
from vdept.kernel.clock import LOCAL
from vdept.kernel.errors import Words

R = Recipient


class PolicyStep(NamedTuple):
    """So many working days from the due date (before it: negative), to whom."""

    step: int
    recipient: Recipient


DEFAULT_STEPS: tuple[PolicyStep, ...] = (
    *(PolicyStep(step, who) for step in (-7, -3, -1, 0) for who in (R.ASSIGNEES, R.LEAD_COORDINATOR)),
    PolicyStep(1, R.LEAD_HEAD),
    PolicyStep(3, R.ASSIGNER_COORDINATOR),
    PolicyStep(5, R.ASSIGNER_HEAD),
    PolicyStep(10, R.ISSUER_HEAD),
)
"""What holds for every plan without a policy of its own, and for work without a plan (design, section 4)."""

REVIEW_STEPS: tuple[PolicyStep, ...] = (PolicyStep(0, R.LEAD_HEAD), PolicyStep(3, R.LEAD_HEAD))
"""The review of a pause: the head who paused is told on its day, and once more if nothing happened."""

FIRST, LAST = -60, 60
MAX_STEPS = 20
MAX_MESSAGES = 200
"""More messages than this to one person on one day are a flood, and nobody reads a flood."""

ACCOUNTABILITY: tuple[Recipient, ...] = (
    R.ISSUER_HEAD,
    R.ASSIGNER_HEAD,
    R.LEAD_HEAD,
    R.ASSIGNER_COORDINATOR,
    R.LEAD_COORDINATOR,
    R.ASSIGNEES,
)
"""Heads before coordinators before those who do the work: whoever has several hears in the first."""

WANTS_HEAD = frozenset({R.LEAD_HEAD, R.ASSIGNER_HEAD, R.ISSUER_HEAD})
"""Steps for whoever is accountable. The others go to coordinators, else deputies, else the head."""

MORNING = time(7, 30)
"""When reminders of a day are told: before the digest of 08:00 goes out, so that it carries them."""

ROLES: Mapping[Recipient, Words] = {
    R.ASSIGNEES: Words("người thực hiện", "assignee"),
    R.LEAD_COORDINATOR: Words("điều phối viên đơn vị chủ trì", "coordinator of the lead unit"),
    R.LEAD_HEAD: Words("người đứng đầu đơn vị chủ trì", "head of the lead unit"),
    R.ASSIGNER_COORDINATOR: Words("điều phối viên đơn vị giao", "coordinator of the assigning unit"),
    R.ASSIGNER_HEAD: Words("người đứng đầu đơn vị giao", "head of the assigning unit"),
    R.ISSUER_HEAD: Words("người đứng đầu đơn vị ban hành", "head of the plan's issuer"),
}


class Counting(Protocol):
    """What a working calendar is asked here."""

    def is_working(self, day: date) -> bool: ...
    def ordinal(self, day: date) -> int: ...


def steps_on(calendar: Counting, due_on: date, day: date, steps: Iterable[PolicyStep]) -> list[PolicyStep]:
    """The steps of a due date that fall on ``day``: none on a day off."""
    if not calendar.is_working(day):
        return []
    distance = calendar.ordinal(day) - calendar.ordinal(due_on)
    return [one for one in steps if one.step == distance]


def most_accountable(recipients: Iterable[Recipient]) -> Recipient:
    """In which of several roles somebody is told."""
    return min(recipients, key=ACCOUNTABILITY.index)


class Folded(NamedTuple):
    """The one step that is told, and the earlier ones that it stands for."""

    step: int
    folded: tuple[int, ...]


def fold(missed: Iterable[int]) -> Folded:
    """Of all steps that one person missed of one subject, the latest is told."""
    *earlier, latest = sorted(set(missed))
    return Folded(latest, tuple(earlier))


class Span(NamedTuple):
    """The days that a scan looks at: after ``after``, up to and with ``as_of``. ``mark``: the new watermark,
    None when days that were missed still wait."""

    after: date
    as_of: date
    mark: date | None

    @property
    def days(self) -> int:
        return (self.as_of - self.after).days


def span(scanned_on: date | None, as_of: date, *, day_off: bool, missed: bool) -> Span | None:
    """Which days to scan; None for a day that lies behind the watermark.

    The first scan ever looks at its day only, and one that is repeated looks at it again. What was missed is
    told on a working day of the national calendar: on a ``day_off`` with ``missed`` days behind it the
    watermark stays, and they wait.
    """
    eve = as_of - timedelta(days=1)
    if scanned_on is None:
        return Span(eve, as_of, as_of)
    if as_of < scanned_on:
        return None
    if day_off and missed:
        return Span(eve, as_of, None)
    return Span(min(scanned_on, eve), as_of, as_of)


def due_at(as_of: date, now: datetime) -> datetime:
    """When what a scan found is told: at 07:30 of its day, or at once when that is past."""
    return max(datetime.combine(as_of, MORNING, LOCAL), now)


def require_policy(steps: Sequence[PolicyStep]) -> tuple[PolicyStep, ...]:
    """The steps in order of time and accountability; refuses too many, too far, and the same twice."""
    if not 1 <= len(steps) <= MAX_STEPS:
        raise errors.POLICY_SIZE.at("steps", limit=MAX_STEPS, count=len(steps))
    seen: Counter[PolicyStep] = Counter()
    for place, one in enumerate(steps):
        if not FIRST <= one.step <= LAST:
            raise errors.POLICY_STEP_RANGE.at("steps", place, "step", step=one.step, first=FIRST, last=LAST)
        seen[one] += 1
        if seen[one] > 1:
            raise errors.POLICY_STEP_TWICE.at("steps", place, step=one.step, recipient=ROLES[one.recipient])
    return tuple(sorted(steps, key=lambda one: (one.step, -ACCOUNTABILITY.index(one.recipient))))


class Heaviest(NamedTuple):
    """The most that one person would be sent on one day, and in what capacity most of it."""

    messages: int
    day: date
    person_id: int
    unit_id: int
    unit: str
    recipient: Recipient


def require_gentle(heaviest: Heaviest | None) -> None:
    """Refuse a policy that would flood somebody, naming the number, the unit and the role."""
    if heaviest is not None and heaviest.messages > MAX_MESSAGES:
        raise errors.POLICY_FLOODS.at(
            "steps",
            messages=heaviest.messages,
            day=heaviest.day,
            role=ROLES[heaviest.recipient],
            unit=heaviest.unit,
            limit=MAX_MESSAGES,
        )
