"""An agenda as iCalendar (RFC 5545): one all-day event a task, always under the same UID."""

import hashlib
import re
from datetime import UTC, date, timedelta
from urllib.parse import urlsplit

from icalendar import Calendar, Event, vDuration, vText

from vdept.feeds.reading import AHEAD, BEHIND, MOST, Agenda, Entry
from vdept.kernel.clock import LOCAL
from vdept.kernel.errors import Locale, Words
from vdept.tasks.models import TaskState

FORM = 1
"""Counted up when the same agenda is written down differently, so that every reader fetches it again."""

PRODUCT = "-//vdept//calendar feed//VI"
CONTENT_TYPE = "text/calendar"
REFRESH = timedelta(hours=1)

_STATES: dict[TaskState, Words] = {
    TaskState.OPEN: Words("Chưa có đơn vị chủ trì", "On the board, without a lead"),
    TaskState.OFFERED: Words("Chờ đơn vị chủ trì nhận", "Offered, not yet accepted"),
    TaskState.ACCEPTED: Words("Đã nhận", "Accepted"),
    TaskState.IN_PROGRESS: Words("Đang thực hiện", "In progress"),
    TaskState.PAUSED: Words("Đang tạm dừng", "Paused"),
}
_TENTATIVE = frozenset({TaskState.OPEN, TaskState.OFFERED, TaskState.PAUSED})
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters, which text must not hold (section 3.3.11), and what some readers end a line at."""


def etag(agenda: Agenda, issuer: str) -> str:
    """Names what :func:`render` writes, without writing it."""
    said = repr((FORM, issuer, agenda)).encode("utf-8", "surrogatepass")
    return f'"{hashlib.sha256(said).hexdigest()[:32]}"'


def render(agenda: Agenda, issuer: str) -> bytes:
    """The calendar as it is sent."""
    name = f"Hạn nhiệm vụ: {plain(agenda.unit or agenda.person)}"
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("name", name)
    calendar.add("x-wr-calname", vText(name))
    calendar.add("x-wr-timezone", LOCAL.key)
    about = _about(agenda)
    calendar.add("description", about)
    calendar.add("x-wr-caldesc", vText(about))
    calendar.add("refresh-interval", vDuration(REFRESH), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    host = urlsplit(issuer).hostname or "localhost"
    for entry in agenda.entries:
        calendar.add_component(_event(entry, agenda.locale, host))
    written: bytes = calendar.to_ical()
    return written


def plain(text: str) -> str:
    """Text without characters that a line of iCalendar cannot hold."""
    return _UNFIT.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))


def _about(agenda: Agenda) -> str:
    days = f"{BEHIND.days}", f"{AHEAD.days}"
    vi = f"Nhiệm vụ chưa xong, hạn từ {days[0]} ngày trước đến {days[1]} ngày tới, theo quyền xem của"
    en = f"Open tasks due from {days[0]} days ago to {days[1]} days ahead, as seen by"
    cut_vi = f" Chỉ gồm {MOST} nhiệm vụ đầu tiên: còn nữa, hãy xem trên nền tảng." if agenda.cut else ""
    cut_en = f" Only the first {MOST} of them: see the platform for the rest." if agenda.cut else ""
    person = plain(agenda.person)
    return f"{vi} {person}.{cut_vi}\n{en} {person}.{cut_en}"


def _event(entry: Entry, locale: Locale, host: str) -> Event:
    def say(vi: str, en: str) -> str:
        return vi if locale is Locale.VI else en

    review = entry.state is TaskState.PAUSED
    title = plain(entry.title)
    event = Event()
    event.add("uid", f"task-{entry.task_id}{'-review' if review else ''}@{host}")
    event.add("dtstamp", entry.updated_at.astimezone(UTC))
    event.add("last-modified", entry.updated_at.astimezone(UTC))
    event.add("sequence", entry.version)
    event.add("dtstart", entry.day)
    if entry.day < date.max:
        event.add("dtend", entry.day + timedelta(days=1))
    event.add("summary", say(f"Xem xét lại: {title}", f"Review: {title}") if review else title)
    event.add("status", "TENTATIVE" if entry.state in _TENTATIVE else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    event.add("description", _told(entry, locale))
    return event


def _told(entry: Entry, locale: Locale) -> str:
    vi = locale is Locale.VI
    state = _STATES[entry.state]
    lines = [f"Trạng thái: {state.vi}" if vi else f"State: {state.en}"]
    if entry.lead is not None:
        lead = plain(entry.lead)
        lines.insert(0, f"Đơn vị chủ trì: {lead}" if vi else f"Lead unit: {lead}")
    if entry.state is not TaskState.PAUSED and entry.original_due_on != entry.day:
        first = f"{entry.original_due_on:%d/%m/%Y}" if vi else entry.original_due_on.isoformat()
        lines.append(f"Hạn ban đầu: {first}" if vi else f"First due on: {first}")
    return "\n".join(lines)
