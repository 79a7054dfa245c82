"""How a due date came about, line by line: what is said, and in which words. Pure.

Lines come in the order in which somebody would tell it: who set the date, what moved it since, whose calendar
counts, which days off lie between today and the date, how much time is left, and who is reminded when.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from vdept.calendars.models import CalendarScope
from vdept.calendars.queries import Day
from vdept.calendars.rules import Calendar, days_of, is_weekday
from vdept.deadlines.models import Recipient
from vdept.kernel.errors import Locale, Words
from vdept.notifications import facts

VI, EN = Locale.VI, Locale.EN


class LineKind(StrEnum):
    """What a line of an explanation says."""

    SET = "SET"
    EXTENDED = "EXTENDED"
    CLOCK_STOOD = "CLOCK_STOOD"
    CLOCK_STANDS = "CLOCK_STANDS"
    CALENDAR = "CALENDAR"
    CALENDAR_ENDS = "CALENDAR_ENDS"
    DAY_OFF = "DAY_OFF"
    WEEKENDS = "WEEKENDS"
    MAKE_UP_DAY = "MAKE_UP_DAY"
    DUE_ON_DAY_OFF = "DUE_ON_DAY_OFF"
    LEFT = "LEFT"
    LATE = "LATE"
    DONE = "DONE"
    ENDED = "ENDED"
    STEP = "STEP"


class StepFate(StrEnum):
    """What became of a step of the reminder policy."""

    SENT = "SENT"
    FOLDED = "FOLDED"
    DROPPED = "DROPPED"
    WAITING = "WAITING"
    TO_COME = "TO_COME"
    NOT_SENT = "NOT_SENT"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that the date rests on. Only what belongs to its kind is there."""

    kind: LineKind
    words: Words
    on: date | None = None
    until: date | None = None
    days: int | None = None
    """Working days, but of WEEKENDS."""
    unit_id: int | None = None
    person_id: int | None = None
    step: int | None = None
    recipient: Recipient | None = None
    fate: StepFate | None = None
    people: int | None = None

    def sentence(self, locale: Locale) -> str:
        return self.words.vi if locale is VI else self.words.en


def said(vi: str, en: str, **days: date) -> Words:
    """Both sentences, dates filled in as each language writes them."""
    return Words(
        vi.format(**{name: facts.day(day, VI) for name, day in days.items()}),
        en.format(**{name: facts.day(day, EN) for name, day in days.items()}),
    )


def count_of(days: int) -> Words:
    return Words(facts.working_days(days, VI), facts.working_days(days, EN))


def _plain(text: str) -> str:
    """What somebody wrote, on one line; braces are no place to fill in."""
    return facts.one_line(text).rstrip(".").replace("{", "{{").replace("}", "}}")


def _because(reason: str | None) -> Words:
    why = _plain(reason) if reason else ""
    return Words(f" Lý do: {why}." if why else "", f" Reason: {why}." if why else "")


# -- how it was set and moved --------------------------------------------------------------------------


def set_line(due_on: date, at: date, unit: str, unit_id: int, person_id: int | None) -> Line:
    name = _plain(unit)
    words = said(
        f"{name} đặt hạn ban đầu là {{due}} (ngày {{at}}).",
        f"{name} set the original due date, {{due}} (on {{at}}).",
        due=due_on,
        at=at,
    )
    return Line(kind=LineKind.SET, words=words, on=at, until=due_on, unit_id=unit_id, person_id=person_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Why a due date moved: somebody granted a later one, or its clock stood."""

    at: date
    before: date
    after: date
    stood: int | None = None
    """For how many working days the clock stood, from ``stopped_on``; None: it was extended."""
    stopped_on: date | None = None
    reason: str | None = None
    unit: str = ""
    unit_id: int | None = None
    person_id: int | None = None


def moved_line(moved: Moved) -> Line:
    """An extension, or a pause that has ended."""
    why = _because(moved.reason)
    if moved.stood is None:
        name = _plain(moved.unit)
        words = said(
            f"{name} gia hạn từ {{before}} đến {{after}} (ngày {{at}}).{why.vi}",
            f"{name} granted an extension from {{before}} to {{after}} (on {{at}}).{why.en}",
            before=moved.before,
            after=moved.after,
            at=moved.at,
        )
        kind, on = LineKind.EXTENDED, moved.at
    else:
        stood, on = count_of(moved.stood), moved.stopped_on or moved.at
        same = moved.before == moved.after
        words = said(
            f"Tạm dừng từ {{on}} đến {{at}}: đồng hồ đứng {stood.vi}"
            + (", hạn giữ nguyên." if same else ", hạn chuyển từ {before} sang {after}."),
            f"Paused from {{on}} to {{at}}: the clock stood for {stood.en}"
            + (", the due date stayed." if same else ", which moved the due date from {before} to {after}."),
            on=on,
            at=moved.at,
            before=moved.before,
            after=moved.after,
        )
        kind = LineKind.CLOCK_STOOD
    return Line(
        kind=kind,
        words=words,
        on=on,
        until=moved.after if moved.stood is None else moved.at,
        days=moved.stood,
        unit_id=moved.unit_id,
        person_id=moved.person_id,
    )


# -- whose calendar ------------------------------------------------------------------------------------


def calendar_line(scope: CalendarScope, unit: str | None, unit_id: int | None, version: str) -> Line:
    name = _plain(unit or "")
    words = {
        CalendarScope.NATIONAL: said(
            f"Lịch làm việc toàn quốc áp dụng (ngày lễ theo gói holidays {version}).",
            f"The national working calendar holds (public holidays by the package holidays {version}).",
        ),
        CalendarScope.REGION: said(
            f"Lịch vùng của {name} áp dụng, vì đơn vị chủ trì thuộc {name}.",
            f"The regional calendar of {name} holds, because the lead unit belongs to it.",
        ),
        CalendarScope.UNIT: said(
            f"Lịch riêng của {name} áp dụng, vì đó là đơn vị chủ trì.",
            f"The own calendar of {name} holds, because it is the lead unit.",
        ),
    }[scope]
    return Line(kind=LineKind.CALENDAR, words=words, unit_id=unit_id)


def day_lines(calendar: Calendar, notable: Iterable[Day], first: date, last: date) -> list[Line]:
    """The days off after ``first`` up to and with ``last``, and the make-up days; weekends as a number."""
    lines: list[Line] = []
    begin, end = max(first, calendar.first), min(last, calendar.last)
    known = {day.day: day for day in notable}
    plain = 0
    for day in days_of(begin, end):
        if day == first:
            continue
        working, named = calendar.is_working(day), known.get(day)
        if named is not None and named.name is not None:
            lines.append(_day_line(named))
        elif not working and not is_weekday(day):
            plain += 1
    if plain:
        words = Words(f"Thứ Bảy và Chủ nhật ở giữa: {plain}.", f"Saturdays and Sundays between: {plain}.")
        lines.append(Line(kind=LineKind.WEEKENDS, words=words, on=begin, until=end, days=plain))
    if last > calendar.last:
        words = said(
            "Lịch chỉ biết đến {end}: sau đó tính thứ Hai đến thứ Sáu.",
            "The calendar reaches to {end}: from there on Monday to Friday count.",
            end=calendar.last,
        )
        lines.append(Line(kind=LineKind.CALENDAR_ENDS, words=words, on=calendar.last))
    return lines


def _day_line(day: Day) -> Line:
    name = day.name or Words("", "")
    whose = day.exception.unit_id if day.exception is not None else None
    if day.working:
        words = said(
            f"{{on}} là ngày làm việc: {_plain(name.vi)}.",
            f"{{on}} is worked: {_plain(name.en)}.",
            on=day.day,
        )
        return Line(kind=LineKind.MAKE_UP_DAY, words=words, on=day.day, unit_id=whose)
    words = said(
        f"{{on}} là ngày nghỉ: {_plain(name.vi)}.", f"{{on}} is a day off: {_plain(name.en)}.", on=day.day
    )
    return Line(kind=LineKind.DAY_OFF, words=words, on=day.day, unit_id=whose)


# -- how much time is left -----------------------------------------------------------------------------


def due_line(calendar: Calendar, due_on: date) -> Line | None:
    """Where the date counts when it is a day off."""
    effective = calendar.step(due_on, 0)
    if effective == due_on:
        return None
    words = said(
        "Hạn {due} là ngày nghỉ, tính như ngày làm việc trước đó: {effective}.",
        "{due} is a day off and counts as the working day before it, {effective}.",
        due=due_on,
        effective=effective,
    )
    return Line(kind=LineKind.DUE_ON_DAY_OFF, words=words, on=due_on, until=effective)


def left_line(calendar: Calendar, due_on: date, today: date) -> Line:
    """How many working days are left, or how late it is. Overdue from the day after the due date."""
    if today <= due_on:
        days = calendar.between(today, due_on)
        count = count_of(days)
        words = said(
            f"Từ hôm nay ({{today}}) đến hạn {{due}} còn {count.vi}.",
            f"From today ({{today}}) to the due date {{due}}, {count.en} are left."
            if days != 1
            else f"From today ({{today}}) to the due date {{due}}, {count.en} is left.",
            today=today,
            due=due_on,
        )
        return Line(kind=LineKind.LEFT, words=words, on=today, until=due_on, days=days)
    days = calendar.between(due_on, today)
    count = count_of(days)
    words = said(
        f"Đã quá hạn {{due}}: trễ {count.vi} tính đến hôm nay ({{today}}).",
        f"Past its due date {{due}}: {count.en} late today ({{today}}).",
        due=due_on,
        today=today,
    )
    return Line(kind=LineKind.LATE, words=words, on=due_on, until=today, days=days)


def done_line(calendar: Calendar, due_on: date, delivered_on: date) -> Line:
    """Whether what is done was done in time."""
    late = max(0, calendar.between(due_on, delivered_on))
    count = count_of(late)
    if delivered_on <= due_on:
        vi, en = "đúng hạn", "in time"
    else:
        vi, en = f"trễ {count.vi}", f"{count.en} late"
    words = said(f"Nộp kết quả ngày {{on}}, {vi}.", f"Delivered on {{on}}, {en}.", on=delivered_on)
    return Line(kind=LineKind.DONE, words=words, on=delivered_on, until=due_on, days=late)


def standing_line(calendar: Calendar, due_on: date, stopped_on: date, review_on: date | None) -> Line:
    """A clock that stands: what was left when it stopped."""
    left = calendar.between(stopped_on, due_on)
    count = count_of(abs(left))
    vi, en = ("còn", "left") if left >= 0 else ("trễ", "late")
    words = said(
        f"Đang tạm dừng từ {{on}}: đồng hồ đứng, khi đó {vi} {count.vi}."
        + (" Ngày xem xét: {review}." if review_on else ""),
        f"Paused since {{on}}: the clock stands, with {count.en} {en} then."
        + (" To be reviewed on {review}." if review_on else ""),
        on=stopped_on,
        review=review_on or stopped_on,
    )
    return Line(kind=LineKind.CLOCK_STANDS, words=words, on=stopped_on, until=review_on, days=left)


def ended_line(declined: bool, reason: str | None) -> Line:
    why = _because(reason)
    state = Words("bị từ chối", "declined") if declined else Words("bị hủy", "cancelled")
    words = said(
        f"Nhiệm vụ đã {state.vi}: không tính hạn nữa.{why.vi}",
        f"The task is {state.en}: no clock runs.{why.en}",
    )
    return Line(kind=LineKind.ENDED, words=words)
