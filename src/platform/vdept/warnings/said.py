"""The values of evidence as sentences say them. Pure; what is missing is never an error."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from vdept.kernel.errors import Locale
from vdept.notifications.facts import day


class Said:
    """The values of one piece of evidence, each as it is written in one language."""

    def __init__(self, evidence: Mapping[str, Any], locale: Locale) -> None:
        self.evidence = evidence
        self.locale = locale
        self.vietnamese = locale is Locale.VI

    def pick(self, vi: str, en: str) -> str:
        return vi if self.vietnamese else en

    def has(self, *names: str) -> bool:
        return all(self.evidence.get(name) is not None for name in names)

    def number(self, name: str) -> str:
        """A quantity, rounded to two digits: 1.234,5 in Vietnamese and 1,234.5 in English."""
        try:
            value = Decimal(str(self.evidence.get(name)))
            cut = value.quantize(Decimal("0.01")) if value.is_finite() else value
        except InvalidOperation:
            return "?"
        text = f"{cut:,f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return text.translate(str.maketrans(",.", ".,")) if self.vietnamese else text

    def days(self, name: str, vi: str = "ngày", en: str = "day") -> str:
        count = self.number(name)
        return f"{count} {vi}" if self.vietnamese else f"{count} {en}{'' if count == '1' else 's'}"

    def day(self, name: str) -> str:
        return day(str(self.evidence.get(name)), self.locale) or "?"

    def word(self, name: str, words: Mapping[str, tuple[str, str]]) -> str:
        found = words.get(str(self.evidence.get(name)))
        return self.pick(*found) if found else ""
