"""An edition as one page that reads well on paper: Vietnamese first, English beside it, no script."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vdept.kernel.clock import LOCAL
from vdept.kernel.errors import Words
from vdept.publications.layout import Opened, UnitRow, plain
from vdept.publications.summary import KINDS, STATUSES, Summary

HERE = Path(__file__).parent / "templates"
STYLE = (HERE / "edition.css").read_text()
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
"""Nothing runs, nothing is loaded; the page's own style only."""

LISTED = 200
"""Units of a kind that are all listed; of a larger kind the first and the last."""
ENDS = 50


@dataclass(frozen=True, slots=True)
class KindList:
    """Units of one kind in the order of their ranks; ``skipped``: how many are left out in the middle."""

    words: Words
    first: Sequence[UnitRow]
    last: Sequence[UnitRow]
    count: int

    @property
    def skipped(self) -> int:
        return self.count - len(self.first) - len(self.last)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"percent": percent, "points": points, "day": lambda day: f"{day:%d/%m/%Y}"}
    made.filters |= {"moment": moment, "places": places}
    made.filters["quantity"] = lambda value: "—" if value is None else _comma(plain(value) or "")
    return made


def _comma(number: str) -> str:
    return number.replace(".", ",").replace("-", "−")


def moment(written: str) -> str:
    """An instant in Vietnam's time, as people read it."""
    return f"{datetime.fromisoformat(written).astimezone(LOCAL):%H:%M, %d/%m/%Y}"


def percent(share: Decimal | None) -> str:
    """A share with one decimal, cut: what is not reached is never rounded up to reached."""
    return "—" if share is None else _comma(f"{(100 * share).quantize(Decimal('0.1'), ROUND_DOWN):f}") + " %"


def points(value: Decimal | None) -> str:
    """Points with one decimal and their sign."""
    if value is None:
        return "—"
    cut = value.quantize(Decimal("0.1"), ROUND_DOWN)
    return _comma(f"{cut:+f}" if cut else "0")


def places(moved: int | None) -> str:
    """Places in the ranking with their sign."""
    return "—" if moved is None else _comma(f"{moved:+d}" if moved else "0")


def lists(units: Sequence[UnitRow]) -> list[KindList]:
    """The units that hold targets themselves, kind by kind, ranked ones first."""
    kinds: dict[str, list[UnitRow]] = {}
    for row in units:
        if any(row.own[:7]):
            kinds.setdefault(row.kind, []).append(row)
    out = []
    for kind, rows in kinds.items():
        rows.sort(key=lambda row: (row.rank is None, row.rank or 0))
        whole = len(rows) <= LISTED
        first, last = (rows, []) if whole else (rows[:ENDS], rows[-ENDS:])
        out.append(KindList(KINDS.get(kind, Words(kind, kind)), first, last, len(rows)))
    return out


def write_page(content: Path, out: Path) -> None:
    """The whole page; targets are counted, those with the widest gaps listed."""
    with content.open("rb") as source:
        opened, counted = Opened(source), Summary()
        units = list(opened.units())
        for row in opened.targets():
            counted.count(row)
    stream = (
        _environment()
        .get_template("edition.html")
        .stream(
            head=opened.head,
            key_results=list(opened.key_results.values()),
            titles={part.id: part for part in opened.key_results.values()},
            names={row.code: row.name for row in units},
            kinds=lists(units),
            counted=counted,
            statuses=STATUSES,
            audiences={
                "PUBLIC": Words("Công khai", "Public"),
                "GOVERNMENT": Words("Nội bộ Chính phủ", "Government"),
                "PARTICIPANTS": Words("Đơn vị tham gia", "Participants"),
            },
            style=STYLE,
            policy=POLICY,
        )
    )
    stream.enable_buffering(200)
    with out.open("wb") as file:
        stream.dump(file, encoding="utf-8")
