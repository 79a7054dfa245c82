"""How a unit's standing in a plan came about, line by line. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from vdept.kernel.errors import Words
from vdept.outcomes.models import Status
from vdept.outcomes.standings import Judgement
from vdept.verdicts.sentences import STATUSES, Line, LineKind, said


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFacts:
    """Everything that a unit's standing in a plan follows from."""

    as_of: date
    counts: Mapping[Status, int] = field(default_factory=dict)
    binding: int = 0
    binding_met: int = 0
    attainment: Decimal | None = None
    status: Status | None = None
    due: bool = False
    judged: Judgement | None = None
    """What the verdict says that counts, if one does."""


def lines_of_unit(known: UnitFacts) -> list[Line]:
    """How a unit's standing in a plan came about, in order."""
    lines = [_counts(known), _binding(known)]
    if known.attainment is not None:
        words = said(
            "Mức đạt bình quân theo trọng số của các chỉ tiêu có số liệu: {share} %.",
            "The mean attainment of the targets that have a value, by their weights: {share} per cent.",
            share=100 * known.attainment,
        )
        lines.append(Line(LineKind.ATTAINMENT, words, known.attainment))
    lines.append(_unit_status(known))
    return lines


def _counts(known: UnitFacts) -> Line:
    total = sum(known.counts.values())
    each: Sequence[tuple[Status, int]] = [(s, known.counts[s]) for s in Status if known.counts.get(s)]
    vi = ", ".join(f"{count} {STATUSES[status].vi}" for status, count in each)
    en = ", ".join(f"{count} {STATUSES[status].en}" for status, count in each)
    words = Words(f"{total} chỉ tiêu: {vi}.", f"{total} target{'' if total == 1 else 's'}: {en}.")
    if not total:
        words = Words("Chưa có chỉ tiêu nào.", "There is no target.")
    return Line(LineKind.TARGETS, words, Decimal(total))


def _binding(known: UnitFacts) -> Line:
    words = said(
        "{met} trong {binding} chỉ tiêu bắt buộc đạt như hiện tại; đơn vị đạt khi tất cả đều đạt.",
        "{met} of {binding} binding targets are met as things stand; the unit meets the plan when all are.",
        met=known.binding_met,
        binding=known.binding,
    )
    return Line(LineKind.BINDING, words, Decimal(known.binding_met))


def _unit_status(known: UnitFacts) -> Line:
    judged = known.judged
    if known.due and known.binding:
        judged = Judgement.MET if known.binding == known.binding_met else Judgement.NOT_MET
    if judged is not None:
        return Line(
            LineKind.STATUS,
            said("Kết luận: {status}.", "Verdict: {status}.", status=STATUSES[Status(judged)]),
            on=known.as_of,
        )
    status = STATUSES[known.status] if known.status else Words("chưa có", "none")
    words = said(
        "Chưa kết luận: còn chỉ tiêu chưa đến hạn, tạm dừng, hoặc không có chỉ tiêu bắt buộc. Tình trạng "
        "ngày {on}: {status}.",
        "No verdict: a target is not yet due or is paused, or none is binding. Status on {on}: {status}.",
        on=known.as_of,
        status=status,
    )
    return Line(LineKind.STATUS, words, on=known.as_of)
