"""What notifications say of what is measured, judged and published; merged into the tables of ``words``.

verdicts
    ``title`` (of the key result, or of the plan), ``subject``, ``judgement``, ``unit``, ``due_on``,
    ``number`` (above 1: issued again), ``count`` (how many verdicts this one speaks for, itself among them),
    ``not_met`` (how many of those)
"""

from collections.abc import Callable, Mapping
from typing import Final

from vdept.notifications.facts import Facts
from vdept.notifications.models import NotificationKind

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


SENTENCES: Final[Mapping[NotificationKind, Callable[[Facts], str]]] = {
    NotificationKind.VERDICT_ISSUED: _verdict,
}
HEADINGS: Final[Mapping[NotificationKind, Callable[[Facts], str]]] = {
    NotificationKind.VERDICT_ISSUED: _verdict_heading,
}
