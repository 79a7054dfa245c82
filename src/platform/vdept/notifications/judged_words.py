"""What notifications say of what is measured, judged and published; merged into the tables of ``words``.

editions
    ``title`` (of the plan), ``number``, ``as_of``, ``corrects`` (the number of the one that it corrects)
readings that were rejected
    ``title`` (the source's name), ``unit``, ``count`` (rows of the day's first delivery that had any)
verdicts
    ``title`` (of the key result, or of the plan), ``subject``, ``judgement``, ``unit``, ``due_on``,
    ``number`` (above 1: issued again), ``count`` (how many verdicts this one speaks for, itself among them),
    ``not_met`` (how many of those)
"""

from collections.abc import Callable, Mapping
from typing import Final

from vdept.notifications.facts import Facts
from vdept.notifications.models import NotificationKind

THRESHOLDS: Final = {
    "SOURCE_FAILING": ("không lấy được số liệu", "cannot be asked for its values"),
    "SOURCE_SILENT": ("đã lâu không có số liệu", "has been silent for too long"),
}
"""What early warnings say of sources."""

_JUDGEMENTS: Final = {"MET": ("đạt", "met"), "NOT_MET": ("không đạt", "not met")}
_SOME_JUDGEMENT: Final = ("đã có kết luận", "judged")


def _judgement(facts: Facts) -> str:
    return facts.pick(*_JUDGEMENTS.get(facts.text("judgement"), _SOME_JUDGEMENT))


def _verdict(facts: Facts) -> str:
    if facts.text("subject") == "UNIT":
        unit = facts.text("unit") or facts.pick("Đơn vị", "The unit")
        plan = facts.named("kế hoạch", "the plan")
        about = facts.pick(f"{unit} trong {plan}", f"{unit} in {plan}")
    else:
        about = f"{facts.named('chỉ tiêu', 'the target')}{facts.of_unit()}"
    told = f"{about[:1].upper()}{about[1:]}{facts.due()}: {_judgement(facts)}"
    advice = facts.pick(
        "Hãy xem cách tính; nếu số liệu sai, hãy yêu cầu nguồn đính chính.",
        "See how it was computed; if a figure is wrong, have its source correct it.",
    )
    return f"{told}{_anew(facts)}{_more_verdicts(facts)}. {advice}"


def _anew(facts: Facts) -> str:
    number = facts.number("number") or 1
    if number < 2:
        return ""
    return facts.pick(f" (kết luận lại, lần {number})", f" (issued again, no. {number})")


def _more_verdicts(facts: Facts) -> str:
    """What is told with it: other verdicts of the same run, and how many of all are not met."""
    others = (facts.number("count") or 1) - 1
    if others < 1:
        return ""
    missed = facts.number("not_met") or 0
    return facts.pick(
        f"; cùng {others} kết luận khác, tổng cộng {missed} không đạt",
        f"; with {others} more verdict{'' if others == 1 else 's'}, {missed} not met in all",
    )


def _verdict_heading(facts: Facts) -> str:
    found = _JUDGEMENTS.get(facts.text("judgement"))
    return facts.pick("Kết luận", "Verdict") + (f" {facts.pick(*found)}" if found else "")


def _rejected(facts: Facts) -> str:
    count = facts.number("count")
    source = facts.named("nguồn", "the source") + facts.of_unit()
    if count is None:
        told = facts.pick(f"Có số liệu của {source} bị từ chối.", f"Readings of {source} were rejected.")
    else:
        were = "reading of {} was" if count == 1 else "readings of {} were"
        told = facts.pick(
            f"{count} dòng số liệu của {source} bị từ chối.", f"{count} {were.format(source)} rejected."
        )
    return told + facts.pick(
        " Hãy xem lý do, sửa rồi gửi lại hoặc bỏ qua từng dòng.",
        " Look at the reasons, then put each right and replay it, or dismiss it.",
    )


def _edition(facts: Facts) -> str:
    number, wrong, as_of = facts.number("number"), facts.number("corrects"), facts.day("as_of")
    which = facts.pick("Ấn bản", "Edition") + (f" {number}" if number else "")
    of = facts.named("kế hoạch", "the plan")
    told = facts.pick(f"{which} của {of} đã công bố", f"{which} of {of} has been published")
    if as_of:
        told += facts.pick(f", số liệu đến {as_of}", f", as of {as_of}")
    if wrong:
        told += facts.pick(f"; đính chính ấn bản {wrong}", f"; it corrects edition {wrong}")
    return f"{told}."


SENTENCES: Final[Mapping[NotificationKind, Callable[[Facts], str]]] = {
    NotificationKind.VERDICT_ISSUED: _verdict,
    NotificationKind.READINGS_REJECTED: _rejected,
    NotificationKind.EDITION_PUBLISHED: _edition,
}
HEADINGS: Final[Mapping[NotificationKind, Callable[[Facts], str]]] = {
    NotificationKind.VERDICT_ISSUED: _verdict_heading,
    NotificationKind.EDITION_PUBLISHED: lambda facts: facts.pick("Ấn bản mới", "New edition"),
    NotificationKind.READINGS_REJECTED: lambda facts: facts.pick("Số liệu bị từ chối", "Readings rejected"),
}
