"""What a unit may be called and where it may stand. Pure: plain values in, a refusal or the answer out."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date

from vdept.kernel.errors import invalid
from vdept.units.errors import UNIT_PARENT_KIND, UNIT_PARENT_MISSING, UNIT_VALIDITY
from vdept.units.models import UnitKind

K = UnitKind
PARENTS: Mapping[UnitKind, frozenset[UnitKind]] = {
    K.GOVERNMENT: frozenset(),
    K.MINISTRY: frozenset({K.GOVERNMENT}),
    K.PROVINCE: frozenset({K.GOVERNMENT}),
    K.COMMUNE: frozenset({K.PROVINCE}),
    K.DEPARTMENT: frozenset({K.GOVERNMENT, K.MINISTRY, K.PROVINCE, K.COMMUNE, K.DEPARTMENT}),
    K.FIRM: frozenset(),
    K.ASSOCIATION: frozenset(),
}
"""Directly under which kinds a unit may stand. Firms and associations stand beside the tree."""

NEEDS_PARENT = frozenset({K.DEPARTMENT, K.COMMUNE})
"""Ministries and provinces may be roots: a province can run the platform by itself."""

MAX_NAME = 300
_CODE = re.compile(r"[A-Z0-9][A-Z0-9.\-]{0,39}", re.ASCII)


def clean_code(code: str, *path: str) -> str:
    """A national e-identifier, administrative code or tax code, trimmed."""
    cleaned = code.strip()
    if not _CODE.fullmatch(cleaned):
        raise invalid(
            *path,
            vi="mã đơn vị gồm 1–40 chữ in hoa A–Z, chữ số, dấu chấm hoặc gạch ngang",
            en="a unit code has 1–40 capital letters A–Z, digits, dots or hyphens",
        )
    return cleaned


def clean_name(name: str, *path: str) -> str:
    """A name with single spaces, in the composed form of Unicode."""
    cleaned = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(cleaned) <= MAX_NAME or not cleaned.isprintable():
        raise invalid(
            *path,
            vi=f"tên gồm 1–{MAX_NAME} ký tự, không có ký tự điều khiển",
            en=f"a name has 1–{MAX_NAME} characters and no control characters",
        )
    return cleaned


def clean_optional_name(name: str | None, *path: str) -> str | None:
    """The same, where blank means none."""
    return clean_name(name, *path) if name is not None and name.strip() else None


def require_parent(kind: UnitKind, parent: UnitKind | None, *path: str) -> None:
    """Refuse a parent of the wrong kind, and the lack of one where it is needed."""
    allowed = PARENTS[kind]
    names = ", ".join(sorted(allowed))
    if parent is None:
        if kind in NEEDS_PARENT:
            raise UNIT_PARENT_MISSING.at(*path, kind=kind, allowed=names, allowed_vi=names)
    elif parent not in allowed:
        raise UNIT_PARENT_KIND.at(
            *path,
            kind=kind,
            parent_kind=parent,
            allowed=names or "no unit",
            allowed_vi=names or "không có",
        )


def require_validity(valid_from: date, valid_to: date | None, *path: str) -> None:
    """The last day is not before the first."""
    if valid_to is not None and valid_to < valid_from:
        raise UNIT_VALIDITY.at(*path, valid_from=valid_from, valid_to=valid_to)


def outlived(parent_to: date | None, valid_to: date | None) -> bool:
    """Whether a unit that ends on ``valid_to`` would outlive a parent that ends on ``parent_to``."""
    return parent_to is not None and (valid_to is None or valid_to > parent_to)


def parents_first(parents: Mapping[str, str | None]) -> tuple[list[str], list[list[str]]]:
    """Codes ordered so that each comes after its parent, and the circles among them.

    A parent outside the mapping stands already. Codes below a circle are in neither answer.
    """
    order: list[str] = []
    circles: list[list[str]] = []
    done: dict[str, bool] = {}
    for start in parents:
        line: dict[str, None] = {}
        code: str | None = start
        while code is not None and code in parents and code not in done and code not in line:
            line[code] = None
            code = parents[code]
        sound = done.get(code, True) if code is not None and code not in line else code is None
        if code in line:
            trail = list(line)
            circles.append(trail[trail.index(code) :])
        for each in reversed(line):
            done[each] = sound
        if sound:
            order.extend(reversed(line))
    return order, circles
