"""The days on which a task comes again: iCalendar rules (RFC 5545, section 3.3.10), read strictly.

Days only, in Vietnam: no hours, no time zones. Two choices where the standard leaves one: ``COUNT`` counts
the rule's own days from the first due date on, and a week begins on Monday.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from vdept.kernel.errors import Refused, Words
from vdept.tasks import errors

DOORBELL = "occurrences"
"""Rung when a series may have something to create at once."""

LONGEST = 200
LARGEST = 999
"""The largest INTERVAL and COUNT."""

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
TOO_FREQUENT = ("SECONDLY", "MINUTELY", "HOURLY")
PARTS = ("FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS", "COUNT", "UNTIL")
_PART = re.compile(r"([A-Z-]+)=([^=;]+)")
_NUMBER = re.compile(r"[+-]?\d{1,3}")
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_DATE = re.compile(r"\d{8}")


class Frequency(StrEnum):
    """How long a period of the rule is."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as it was read. ``weekdays``: (which of its period, 0 for each; weekday, Monday 0)."""

    freq: Frequency
    interval: int = 1
    months: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    weekdays: tuple[tuple[int, int], ...] = ()
    positions: tuple[int, ...] = ()
    count: int | None = None
    until: date | None = None

    def __str__(self) -> str:
        """The rule as it is kept: its parts in one order, numbers without signs they do not need."""
        named = {
            "FREQ": self.freq.value,
            "INTERVAL": str(self.interval) if self.interval > 1 else "",
            "BYMONTH": _listed(self.months),
            "BYMONTHDAY": _listed(self.month_days),
            "BYDAY": ",".join(f"{which or ''}{WEEKDAYS[weekday]}" for which, weekday in self.weekdays),
            "BYSETPOS": _listed(self.positions),
            "COUNT": "" if self.count is None else str(self.count),
            "UNTIL": "" if self.until is None else f"{self.until:%Y%m%d}",
        }
        return ";".join(f"{name}={value}" for name, value in named.items() if value)


def _listed(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))


def parse(text: str, *path: str) -> Rule:
    """The rule that ``text`` says; a named refusal that says what is wrong with any other text."""
    if len(text) > LONGEST:
        raise errors.RECURRENCE_TOO_LONG.at(*path, limit=LONGEST, example=errors.RULE_EXAMPLE)
    given = _parts(text, path)
    freq = _frequency(given, path)
    if "COUNT" in given and "UNTIL" in given:
        raise errors.RECURRENCE_COUNT_AND_UNTIL.at(*path, example=errors.RULE_EXAMPLE)
    rule = Rule(
        freq=freq,
        interval=_amount(given, "INTERVAL", path) or 1,
        months=_numbers(given, "BYMONTH", range(1, 13), path),
        month_days=_numbers(given, "BYMONTHDAY", range(-31, 32), path),
        weekdays=_weekdays(given, path),
        positions=_numbers(given, "BYSETPOS", range(-366, 367), path),
        count=_amount(given, "COUNT", path),
        until=_until(given, path),
    )
    _require_sense(rule, path)
    return rule


def _malformed(path: tuple[str, ...], vi: str, en: str) -> Refused:
    return errors.RECURRENCE_MALFORMED.at(*path, what=Words(vi, en), example=errors.RULE_EXAMPLE)


def _parts(text: str, path: tuple[str, ...]) -> dict[str, str]:
    """The parts by name, each once; what is no part of a rule of days is refused by its name."""
    plain = text.strip().upper().removeprefix("RRULE:")
    for other in ("DTSTART", "DTEND", "TZID", "EXDATE", "RDATE", "EXRULE", "RRULE"):
        if other in plain:
            raise errors.RECURRENCE_UNSUPPORTED.at(*path, part=other, example=errors.RULE_EXAMPLE)
    given: dict[str, str] = {}
    for part in plain.split(";"):
        found = _PART.fullmatch(part)
        if found is None:
            shown = " ".join(part.split())[:40]
            raise _malformed(path, f"“{shown}” không có dạng TÊN=GIÁ TRỊ", f"“{shown}” is not NAME=VALUE")
        name, value = found.groups()
        if name not in PARTS:
            raise errors.RECURRENCE_UNSUPPORTED.at(*path, part=name[:40], example=errors.RULE_EXAMPLE)
        if name in given:
            raise _malformed(path, f"{name} có hai lần", f"{name} stands there twice")
        given[name] = value
    return given


def _frequency(given: dict[str, str], path: tuple[str, ...]) -> Frequency:
    value = given.get("FREQ")
    if value in TOO_FREQUENT:
        raise errors.RECURRENCE_TOO_FREQUENT.at(*path, freq=value)
    if value is None or value not in Frequency.__members__:
        allowed = ", ".join(Frequency)
        raise _malformed(path, f"FREQ phải là một trong {allowed}", f"FREQ must be one of {allowed}")
    return Frequency(value)


def _amount(given: dict[str, str], name: str, path: tuple[str, ...]) -> int | None:
    if name not in given:
        return None
    value = given[name]
    if not (value.isascii() and value.isdigit() and 1 <= len(value) <= 3 and int(value) >= 1):
        raise _malformed(
            path,
            f"{name} là số nguyên từ 1 đến {LARGEST}",
            f"{name} is a whole number from 1 to {LARGEST}",
        )
    return int(value)


def _numbers(given: dict[str, str], name: str, within: range, path: tuple[str, ...]) -> tuple[int, ...]:
    if name not in given:
        return ()
    found = []
    for item in given[name].split(","):
        number = int(item) if _NUMBER.fullmatch(item) and item.isascii() else 0
        if number == 0 or number not in within:
            low = "1" if within[0] > 0 else f"1…{within[-1]}, -1…{within[0]}"
            high = f"{low}…{within[-1]}" if within[0] > 0 else low
            raise _malformed(path, f"{name} nhận các số {high}", f"{name} takes the numbers {high}")
        found.append(number)
    return tuple(sorted(set(found)))


def _weekdays(given: dict[str, str], path: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    if "BYDAY" not in given:
        return ()
    found = set()
    for item in given["BYDAY"].split(","):
        match = _WEEKDAY.fullmatch(item)
        which = int(match[1]) if match and match[1] and match[1].isascii() else 0
        if match is None or (match[1] and not 1 <= abs(which) <= 53):
            raise _malformed(
                path,
                "BYDAY nhận MO, TU, WE, TH, FR, SA, SU, có thể kèm thứ tự như 1MO hoặc -1FR",
                "BYDAY takes MO, TU, WE, TH, FR, SA and SU, with a number such as 1MO or -1FR if need be",
            )
        found.add((which, WEEKDAYS.index(match[2])))
    return tuple(sorted(found, key=lambda pair: (pair[1], pair[0])))


def _until(given: dict[str, str], path: tuple[str, ...]) -> date | None:
    if "UNTIL" not in given:
        return None
    value = given["UNTIL"]
    if re.fullmatch(r"\d{8}T\d{6}Z?", value):
        raise errors.RECURRENCE_UNSUPPORTED.at(
            *path,
            part=Words("giờ trong UNTIL", "a time in UNTIL"),
            example=f"{errors.RULE_EXAMPLE};UNTIL={value[:8]}",
        )
    try:
        if not (_DATE.fullmatch(value) and value.isascii()):
            raise ValueError
        return date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        raise _malformed(
            path,
            "UNTIL là một ngày có thật, viết như 20261231",
            "UNTIL is a day that exists, written as 20261231",
        ) from None


def _require_sense(rule: Rule, path: tuple[str, ...]) -> None:
    """Combinations that the standard forbids, or to which it gives no meaning."""
    numbered = any(which for which, _ in rule.weekdays)
    if numbered and rule.freq not in (Frequency.MONTHLY, Frequency.YEARLY):
        raise _malformed(
            path,
            "BYDAY có số thứ tự chỉ dùng với FREQ=MONTHLY hoặc YEARLY",
            "BYDAY with numbers goes with FREQ=MONTHLY or YEARLY only",
        )
    in_month = rule.freq is Frequency.MONTHLY or rule.months
    if numbered and in_month and any(abs(which) > 5 for which, _ in rule.weekdays):
        raise _malformed(
            path, "một tháng không có quá 5 tuần: dùng 1MO … 5MO", "a month has 5 weeks at most: 1MO … 5MO"
        )
    if numbered and rule.month_days:
        raise _malformed(
            path,
            "không dùng BYMONTHDAY cùng BYDAY có số thứ tự",
            "BYMONTHDAY does not go with BYDAY with numbers",
        )
    if rule.month_days and rule.freq is Frequency.WEEKLY:
        raise _malformed(
            path, "không dùng BYMONTHDAY với FREQ=WEEKLY", "BYMONTHDAY does not go with FREQ=WEEKLY"
        )
    if rule.positions and not (rule.weekdays or rule.month_days or rule.months):
        raise _malformed(
            path,
            "BYSETPOS phải đi cùng BYDAY, BYMONTHDAY hoặc BYMONTH",
            "BYSETPOS goes with BYDAY, BYMONTHDAY or BYMONTH",
        )
