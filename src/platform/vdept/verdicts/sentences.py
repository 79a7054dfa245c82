"""The lines of an explanation, and the words they are made of, in both languages. Pure."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from vdept.kernel.errors import Locale, Words
from vdept.notifications import facts
from vdept.outcomes.models import Status
from vdept.targets.models import Basis, Rollup


class LineKind(StrEnum):
    """What a line of an explanation says."""

    RULE = "RULE"
    READING = "READING"
    TASKS = "TASKS"
    CHILDREN = "CHILDREN"
    BESIDE = "BESIDE"
    VALUE = "VALUE"
    GOAL = "GOAL"
    ATTAINMENT = "ATTAINMENT"
    PACE = "PACE"
    STATUS = "STATUS"
    TARGETS = "TARGETS"
    BINDING = "BINDING"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a figure rests on, in words, and the number that it is about."""

    kind: LineKind
    words: Words
    value: Decimal | None = None
    on: date | None = None

    def sentence(self, locale: Locale) -> str:
        return self.words.vi if locale is Locale.VI else self.words.en


def number(value: Decimal, locale: Locale) -> str:
    """A quantity as people write it, exact: 1.234,5 in Vietnamese and 1,234.5 in English."""
    text = f"{value:,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.translate(str.maketrans(",.", ".,")) if locale is Locale.VI else text


def said(vi: str, en: str, **values: object) -> Words:
    """Both sentences, numbers and dates filled in as each language writes them."""
    return Words(vi.format(**_filled(values, Locale.VI)), en.format(**_filled(values, Locale.EN)))


def _filled(values: dict[str, object], locale: Locale) -> dict[str, object]:
    def fill(value: object) -> object:
        match value:
            case Decimal():
                return number(value, locale)
            case date():
                return facts.day(value, locale)
            case Words():
                return value.vi if locale is Locale.VI else value.en
            case str():
                return facts.one_line(value)
        return value

    return {name: fill(value) for name, value in values.items()}


RULES = {
    Rollup.EACH: (
        "Giá trị là phần trăm chỉ tiêu con đạt; chỉ đạt khi mọi chỉ tiêu con đều đạt.",
        "The value is the percentage of children that meet theirs; it is met only when all are.",
    ),
    Rollup.SUM: ("Giá trị là tổng của các chỉ tiêu con.", "The value is the sum of the children's."),
    Rollup.MEAN: (
        "Giá trị là trung bình cộng của các chỉ tiêu con có số liệu.",
        "The value is the mean of the children's that have one.",
    ),
    Rollup.WEIGHTED_MEAN: (
        "Giá trị là trung bình của các chỉ tiêu con có số liệu, theo trọng số.",
        "The value is the mean of the children's that have one, by their weights.",
    ),
    Rollup.RATIO: (
        "Giá trị là 100 × tổng tử số / tổng mẫu số của các chỉ tiêu con.",
        "The value is 100 × the sum of the children's numerators / the sum of their denominators.",
    ),
    Rollup.MIN: (
        "Giá trị là số thấp nhất trong các chỉ tiêu con.",
        "The value is the least of the children's.",
    ),
    Rollup.MAX: (
        "Giá trị là số cao nhất trong các chỉ tiêu con.",
        "The value is the largest of the children's.",
    ),
    Rollup.OWN: (
        "Giá trị được đo ngay tại đơn vị; không cộng từ chỉ tiêu con.",
        "The value is the unit's own; nothing is added up from the children.",
    ),
    Rollup.MILESTONE: (
        "Giá trị là phần trăm công việc của cột mốc đã xong, theo trọng số; ở cấp trên: chỉ tiêu con đạt.",
        "The value is the percentage of the milestone's work that is done; above, of children that meet it.",
    ),
}
EACH_BESIDE_A_READING = (
    "Đơn vị có số liệu của mình; chỉ đạt khi cả số liệu đó và mọi chỉ tiêu con đều đạt.",
    "The unit has a reading of its own; it is met only when that and all children are.",
)
GOALS_OF_ALL = {
    (False, True): ("Mọi chỉ tiêu con phải đạt vào {due}.", "All children must be met by {due}."),
    (True, False): (
        "Mọi nhiệm vụ của cột mốc phải xong vào {due}.",
        "All tasks of the milestone must be done by {due}.",
    ),
    (True, True): (
        "Mọi chỉ tiêu con, và mọi nhiệm vụ gắn ở đây, phải xong vào {due}.",
        "All children must be met, and all tasks linked here done, by {due}.",
    ),
}
"""Where the value is a share of all: of a milestone or not, with children or not."""
BASES = {Basis.MEASURED: Words("số đo", "measured"), Basis.REPORTED: Words("báo cáo", "reported")}
STATUSES = {
    Status.NOT_STARTED: Words("chưa bắt đầu", "not started"),
    Status.ON_TRACK: Words("đúng tiến độ", "on track"),
    Status.AT_RISK: Words("có nguy cơ chậm", "at risk"),
    Status.OFF_TRACK: Words("chậm tiến độ", "off track"),
    Status.PAUSED: Words("tạm dừng", "paused"),
    Status.MET: Words("đạt", "met"),
    Status.NOT_MET: Words("không đạt", "not met"),
}
