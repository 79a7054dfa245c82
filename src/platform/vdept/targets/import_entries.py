"""What a plan file says, typed, before anything is asked of the database: one shape for YAML and Excel.

An entry knows where each of its fields stands, so that every fault is named by its place in the file: the
path in a YAML document (``plans[0].objectives[1].key_results[0].due``) or the cell of a sheet (``F7``).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from vdept.kernel.errors import Refusal, Refused
from vdept.kernel.text import fold
from vdept.targets.errors import IMPORT_ENTRY_INVALID
from vdept.targets.rules import Milestone
from vdept.units.models import UnitKind

E = TypeVar("E", bound=StrEnum)
Path = tuple[str | int, ...]

FIELD_OF = {
    "value": "target",
    "valueHigh": "target_high",
    "dueOn": "due",
    "atRiskPoints": "at_risk_points",
    "offTrackPoints": "off_track_points",
    "gapPoints": "gap_points",
    "unitOfMeasure": "unit_of_measure",
    "name": "indicator",
    "indicatorId": "indicator",
    "code": "indicator_code",
    "legalBasis": "legal_basis",
    "graceDays": "grace_days",
    "staleDays": "stale_days",
    "endsOn": "to",
    "issuerUnitId": "issuer",
    "unitIds": "assigned_to",
    "allOfKind": "assigned_to",
    "valuesByUnit": "assigned_to",
}
"""Where a refusal of the API's field stands in a file."""

KINDS = {
    "ministry": UnitKind.MINISTRY,
    "province": UnitKind.PROVINCE,
    "commune": UnitKind.COMMUNE,
    "department": UnitKind.DEPARTMENT,
    "firm": UnitKind.FIRM,
    "association": UnitKind.ASSOCIATION,
    "bo": UnitKind.MINISTRY,
    "tinh": UnitKind.PROVINCE,
    "xa": UnitKind.COMMUNE,
    "so": UnitKind.DEPARTMENT,
    "doanh nghiep": UnitKind.FIRM,
    "hiep hoi": UnitKind.ASSOCIATION,
}


def shown_path(path: Path) -> str:
    """``plans[0].title``, or the cell itself."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


@dataclass(slots=True)
class Entry:
    """One plan, objective or key result of a file: its raw values and where they stand."""

    values: Mapping[str, Any]
    place: Callable[[str], Path]
    problems: list[Refused]
    children: list["Entry"] = field(default_factory=list)

    def has(self, name: str) -> bool:
        value = self.values.get(name)
        return value is not None and value != ""

    def refuse(self, name: str, why: Refusal, /, **params: Any) -> None:
        path = self.place(name)
        self.problems.append(why.at(*path, where=shown_path(path), **params))

    def invalid(self, name: str, *, vi: str, en: str) -> None:
        self.refuse(name, IMPORT_ENTRY_INVALID, reason_vi=vi, reason=en)

    def adopt(self, refused: Refused) -> None:
        """A rule's refusal, moved from the API's field to its place in the file.

        Where the same field was found faulty before, that is enough.
        """
        head, *rest = refused.path or ("",)
        path = (*self.place(FIELD_OF.get(str(head), str(head))), *rest)
        if any(path[: len(known.path)] == known.path for known in self.problems):
            return
        self.problems.append(Refused(refused.refusal, path, {**refused.params, "where": shown_path(path)}))

    def missing(self, name: str) -> None:
        self.invalid(name, vi="thiếu thông tin này", en="this is missing")

    def text(self, name: str, *, required: bool = False) -> str | None:
        value = self.values.get(name)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            value = str(value)
        if value is not None and not isinstance(value, str):
            self.invalid(name, vi="cần một đoạn chữ", en="give a text")
            return None
        text = " ".join((value or "").split())
        if required and not text:
            self.missing(name)
        return text or None

    def decimal(self, name: str) -> Decimal | None:
        return self._number(name, self.values.get(name))

    def _number(self, name: str, value: Any) -> Decimal | None:
        if value is None or value == "":
            return None
        try:
            if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
                raise InvalidOperation
            return Decimal(value)
        except InvalidOperation:
            self.invalid(name, vi=f"“{value}” không phải là số", en=f"“{value}” is not a number")
            return None

    def integer(self, name: str, default: int) -> int:
        number = self.decimal(name)
        if number is None:
            return default
        if not number.is_finite() or number != number.to_integral_value() or abs(number) > 10**6:
            self.invalid(name, vi="cần một số nguyên", en="give a whole number")
            return default
        return int(number)

    def day(self, name: str, *, required: bool = False) -> date | None:
        found = self._day(name, self.values.get(name))
        if found is None and required and not self.has(name):
            self.missing(name)
        return found

    def _day(self, name: str, value: Any) -> date | None:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if value is None or value == "":
            return None
        try:
            return date.fromisoformat(str(value).strip())
        except ValueError:
            self.invalid(
                name,
                vi=f"“{value}” không phải ngày dạng 2025-12-31",
                en=f"“{value}” is not a date such as 2025-12-31",
            )
            return None

    def choice(self, name: str, of: type[E], default: E | None = None) -> E | None:
        text = self.text(name)
        if text is None:
            if default is None:
                self.missing(name)
            return default
        try:
            return of(text.upper())
        except ValueError:
            known = ", ".join(of)
            self.invalid(name, vi=f"cần một trong {known}", en=f"give one of {known}")
            return None

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.values.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, bool):
            return value
        known = {"true": True, "yes": True, "co": True, "false": False, "no": False, "khong": False}
        found = known.get(fold(str(value)))
        if found is None:
            self.invalid(name, vi="cần true hoặc false", en="give true or false")
        return default if found is None else found

    def milestones(self) -> list[Milestone]:
        """``[{by: 2025-12-31, value: 20}, …]``, or in a cell ``2025-12-31: 20; 2030-12-31: 30``."""
        value = self.values.get("milestones")
        if value is None or value == "":
            return []
        if isinstance(value, str):
            parts = [part.partition(":") for part in value.split(";") if part.strip()]
            value = [{"by": by.strip(), "value": number.strip()} for by, _, number in parts]
        if not isinstance(value, list) or not all(isinstance(step, dict) for step in value):
            self.invalid(
                "milestones",
                vi="cần danh sách {by: ngày, value: số}",
                en="give a list of {by: date, value: number}",
            )
            return []
        found = []
        for step in value:
            by, number = (
                self._day("milestones", step.get("by")),
                self._number("milestones", step.get("value")),
            )
            if by is None or number is None or set(step) - {"by", "value"}:
                self.invalid(
                    "milestones",
                    vi="mỗi mốc cần đúng hai mục by và value",
                    en="each milestone needs exactly by and value",
                )
                return []
            found.append(Milestone(by, number))
        return found

    def whom(self) -> tuple[tuple[UnitKind, ...], tuple[str, ...]]:
        """``assigned_to``: kinds (``every ministry and province``) or names; both empty when not given."""
        value = self.values.get("assigned_to")
        if value is None or value == "":
            return (), ()
        if isinstance(value, str):
            found = re.fullmatch(r"(?:every|moi) (.+)", fold(value))
            if found is None:
                return (), tuple(name.strip() for name in value.split(";") if name.strip())
            words = [word.strip() for word in re.split(r",| and | va ", found[1])]
            if unknown := [word for word in words if word not in KINDS]:
                self.invalid(
                    "assigned_to",
                    vi=f"không có loại đơn vị “{unknown[0]}”",
                    en=f"there is no kind of unit “{unknown[0]}”",
                )
                return (), ()
            return tuple(dict.fromkeys(KINDS[word] for word in words)), ()
        if isinstance(value, list) and value and all(isinstance(name, str | int) for name in value):
            return (), tuple(str(name) for name in value)
        self.invalid(
            "assigned_to",
            vi="cần “every province”, hoặc danh sách tên hay mã đơn vị",
            en="give “every province”, or a list of unit names or codes",
        )
        return (), ()

    def only(self, *known: str) -> None:
        """Every field is one that is read: a misspelt one is named instead of ignored."""
        for name in self.values:
            if name not in known:
                self.invalid(
                    str(name),
                    vi=f"không có mục này; các mục được đọc: {', '.join(known)}",
                    en=f"there is no such field; what is read: {', '.join(known)}",
                )
