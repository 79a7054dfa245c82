"""How the content of an edition is laid out in JSON: what everything else in an edition follows from.

One row stands on one line, so that it is written and read in bounded memory; a row is an array, its columns
named once above. Quantities are text, exact. Targets come deepest first: each follows from rows above it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, BinaryIO, TypeAlias

import msgspec

from vdept.outcomes.models import Status
from vdept.publications.rules import Figures
from vdept.targets.models import Basis, Direction, Rollup

FORMAT = "vdept.edition/1"
"""The name of this layout: a reader that does not know it must not guess."""

Number: TypeAlias = Decimal | None


class Own(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A reading of the target's own unit, and where it comes from."""

    value: Decimal
    numerator: Number
    denominator: Number
    as_of: date
    source: str | None


class Value(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The value that counts: the own reading, or what the children add up to."""

    value: Decimal
    numerator: Number
    denominator: Number


class TargetRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A target: its definition, its inputs, and the figures that follow.

    Of a milestone, whose figures are those of tasks, only the definition and the verdict.
    """

    id: int
    key_result: int
    unit: str
    parent: int | None
    starts_on: date
    due_on: date
    goal: Decimal
    goal_high: Number
    baseline: Number
    weight: Decimal
    paused: bool
    own_measured: Own | None
    own_reported: Own | None
    measured: Value | None
    reported: Value | None
    measured_attainment: Number
    reported_attainment: Number
    attainment: Number
    expected: Number
    meets: bool | None
    status: Status | None
    gap: Number
    gap_points: Number
    verdict: str | None
    verdict_number: int | None


class UnitRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A unit: its figures by itself and with all units below it, its rank, and how it has moved."""

    code: str
    name: str
    name_en: str | None
    kind: str
    parent: str | None
    own: Figures
    whole: Figures
    rank: int | None
    ranked_among: int
    previous_measured: Number
    previous_rank: int | None
    moved_points: Number
    moved_places: int | None
    verdict: str | None


class Milestone(msgspec.Struct):
    """A point of a phased pace."""

    by: date
    value: Decimal


class IndicatorPart(msgspec.Struct, forbid_unknown_fields=True):
    """What a key result is measured by."""

    code: str
    name: str
    unit_of_measure: str
    direction: Direction
    numerator: str | None
    denominator: str | None


class KeyResultPart(msgspec.Struct, forbid_unknown_fields=True):
    """A key result: the rule, the thresholds and the basis that its targets are judged by."""

    id: int
    objective: str
    title: str
    indicator: IndicatorPart
    value: Decimal
    value_high: Number
    baseline: Number
    weight: Decimal
    due_on: date
    standard: str | None
    rollup: Rollup
    basis: Basis
    binding: bool
    at_risk_points: Decimal
    off_track_points: Decimal
    gap_points: Decimal
    milestones: list[Milestone] | None


class Issuer(msgspec.Struct, forbid_unknown_fields=True):
    """Who issued the plan."""

    code: str
    name: str


class PlanPart(msgspec.Struct, forbid_unknown_fields=True):
    """The plan as it was."""

    code: str
    title: str
    legal_basis: str | None
    issuer: Issuer
    starts_on: date
    ends_on: date
    audience: str


class Previous(msgspec.Struct, forbid_unknown_fields=True):
    """The edition that movements are counted from."""

    number: int
    sha256: str


class Note(msgspec.Struct, forbid_unknown_fields=True):
    """A sentence in both languages."""

    vi: str
    en: str


WITHOUT_TASKS = Note(
    vi="Số liệu về nhiệm vụ không nằm trong ấn bản: nhiệm vụ có phạm vi người xem riêng. Kết quả then chốt "
    "dạng mốc chỉ có kết luận, và không tính vào số liệu của đơn vị.",
    en="Figures of tasks are not part of an edition: tasks have an audience of their own. Key results that "
    "are milestones carry their verdicts only, and are not counted in the figures of units.",
)


class Head(msgspec.Struct, forbid_unknown_fields=True):
    """What the edition is."""

    format: str
    plan: PlanPart
    number: int
    month: date | None
    as_of: date
    published_at: str
    corrects: int | None
    note: str | None
    previous: Previous | None
    targets: int
    units: int
    left_out: Note

    def signed(self) -> dict[str, Any]:
        """What the manifest repeats of it."""
        return {
            "plan": self.plan.code,
            "audience": self.plan.audience,
            "number": self.number,
            "month": None if self.month is None else self.month.isoformat(),
            "as_of": self.as_of.isoformat(),
            "published_at": self.published_at,
            "corrects": self.corrects,
        }


class Table(msgspec.Struct, forbid_unknown_fields=True):
    """Rows below their columns, not read yet."""

    columns: list[str]
    rows: list[msgspec.Raw]


class Content(msgspec.Struct, forbid_unknown_fields=True):
    """All of it."""

    head: Head
    key_results: list[KeyResultPart]
    units: Table
    targets: Table


class Signed(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON file as it is downloaded: it verifies by itself."""

    content: msgspec.Raw
    manifest: dict[str, Any]
    signature: str


class SignedManifest(msgspec.Struct, forbid_unknown_fields=True):
    """What verifies the other formats."""

    manifest: dict[str, Any]
    signature: str


UNIT_COLUMNS = list(UnitRow.__struct_fields__)
TARGET_COLUMNS = list(TargetRow.__struct_fields__)
read_unit = msgspec.json.Decoder(UnitRow).decode
read_target = msgspec.json.Decoder(TargetRow).decode


def plain(value: Decimal | None) -> str | None:
    """A quantity as it is written: every digit of it, no exponent, no zeros at the end."""
    if value is None:
        return None
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"


def _hook(value: Any) -> Any:
    raise NotImplementedError(type(value))


def written(value: object) -> bytes:
    """JSON as an edition holds it; quantities by :func:`plain`."""
    return msgspec.json.encode(_plainly(value), enc_hook=_hook)


def _plainly(value: Any) -> Any:
    match value:
        case Decimal():
            return plain(value)
        case dict():
            return {key: _plainly(each) for key, each in value.items()}
        case list() | tuple():
            return [_plainly(each) for each in value]
        case msgspec.Struct():
            fields = [_plainly(getattr(value, name)) for name in value.__struct_fields__]
            as_array = value.__struct_config__.array_like
            return fields if as_array else dict(zip(value.__struct_fields__, fields, strict=True))
        case _:
            return value


def opening(name: str, columns: Sequence[str]) -> bytes:
    """What stands before the rows of a table."""
    return b'"%s":{"columns":%s,"rows":[\n' % (name.encode(), msgspec.json.encode(columns))


def before_units(head: Head, key_results: Sequence[KeyResultPart]) -> bytes:
    """From the beginning to the first unit."""
    parts = (written(head), written(key_results), opening("units", UNIT_COLUMNS))
    return b'{"head":%s,\n"key_results":%s,\n%s' % parts


BEFORE_TARGETS = b"\n]},\n" + opening("targets", TARGET_COLUMNS)
END = b"\n]}}"


class Opened:
    """A content file that this platform has written, read line by line; targets only once units are read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.head = msgspec.json.decode(self._line()[len(b'{"head":') :], type=Head)
        self.key_results: Mapping[int, KeyResultPart] = {
            part.id: part
            for part in msgspec.json.decode(self._line()[len(b'"key_results":') :], type=list[KeyResultPart])
        }

    def _line(self) -> bytes:
        return self._file.readline().rstrip(b",\n")

    def units(self) -> Iterator[UnitRow]:
        yield from map(read_unit, self._rows())

    def targets(self) -> Iterator[TargetRow]:
        yield from map(read_target, self._rows())

    def _rows(self) -> Iterator[bytes]:
        self._line()  # the columns
        while (line := self._file.readline()) and not line.startswith(b"]}"):
            if row := line.rstrip(b",\n"):
                yield row
