"""The values that a notification's sentence is made of, read without trusting that they are there."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from vdept.kernel.errors import Locale

LONGEST = 300
"""Characters of a title or a reason within a sentence."""

OF_TASKS = frozenset({"ABANDONED", "NO_TIME_LEFT"})
OF_TARGETS = frozenset({"PACE", "GAP", "SILENCE", "UNACKNOWLEDGED"})
OF_SOURCES = frozenset({"SOURCE_FAILING", "SOURCE_SILENT"})
"""Thresholds of early warnings, by what they are about."""

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def day(value: Any, locale: Locale) -> str:
    """A date as people write it; nothing for what is none."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            return ""
    if isinstance(value, datetime):
        value = value.date()
    if not isinstance(value, date):
        return ""
    if locale is Locale.VI:
        return f"{value.day:02}/{value.month:02}/{value.year:04}"
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def working_days(count: int, locale: Locale) -> str:
    """So many working days."""
    if locale is Locale.VI:
        return f"{count} ngày làm việc"
    return f"{count} working day{'' if count == 1 else 's'}"


def one_line(text: str) -> str:
    """Without anything that could end a line, hide text or turn it around."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())


class Facts:
    """The values of one notification, and the words for each of them in one language."""

    def __init__(self, data: Mapping[str, Any], locale: Locale) -> None:
        self.data = data
        self.locale = locale

    def pick(self, vi: str, en: str) -> str:
        return vi if self.locale is Locale.VI else en

    def text(self, name: str, longest: int = LONGEST) -> str:
        """A text on one line, cut where it is too long."""
        value = self.data.get(name)
        if not isinstance(value, str):
            return ""
        line = one_line(value)
        return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"

    def number(self, name: str) -> int | None:
        value = self.data.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def names(self, name: str) -> str:
        value = self.data.get(name)
        told = value if isinstance(value, list | tuple) else ()
        return ", ".join(filter(None, (one_line(each) for each in told if isinstance(each, str))))

    def day(self, name: str) -> str:
        return day(self.data.get(name), self.locale)

    def due(self) -> str:
        """`` (due …)`` behind the subject; nothing if nobody knows."""
        due_on = self.day("due_on")
        return self.pick(f" (hạn {due_on})", f" (due {due_on})") if due_on else ""

    def late(self) -> int | None:
        """By how many working days; negative before the due date."""
        late, left, step = self.number("days_late"), self.number("days_left"), self.number("step")
        return late if late is not None else -left if left is not None else step

    def named(self, vi: str, en: str) -> str:
        """The subject by its noun and title."""
        title = self.text("title")
        noun = self.pick(vi, en)
        return f"{noun} “{title}”" if title else noun

    def task(self) -> str:
        return self.named("nhiệm vụ", "the task")

    def subject(self) -> str:
        """A task, target or source: as the notification says, or else as the threshold is one of these."""
        told, threshold = self.text("subject"), self.text("warning")
        of_task = told.startswith("TASK") or (not told and threshold in OF_TASKS)
        of_target = told.startswith("TARGET") or (not told and threshold in OF_TARGETS)
        if of_task:
            return self.task()
        if told.startswith("SOURCE") or (not told and threshold in OF_SOURCES):
            return self.named("nguồn số liệu", "the source")
        return self.named("chỉ tiêu", "the target") if of_target else self.named("việc", "the item")

    def because(self) -> str:
        reason = self.text("reason").rstrip(".")
        return self.pick(f" Lý do: {reason}.", f" Reason: {reason}.") if reason else ""

    def of_unit(self) -> str:
        unit = self.text("unit")
        return self.pick(f" của {unit}", f" of {unit}") if unit else ""
