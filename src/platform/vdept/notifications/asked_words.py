"""What notifications say of signals, of focus and of proposed links; merged into the tables of ``words``.

signals
    ``detector`` (which rule found it), ``title`` (of the task or the indicator that it is about), ``unit``,
    ``count`` (how many this one speaks for, itself among them)
focus, asked for
    ``title`` (of the plan), ``agree_by``, ``again`` (a reminder), ``overdue`` (that the date has passed)
focus, answered
    ``title`` (of the plan), ``unit``, ``state`` (AGREED or RETURNED), ``reason``
a link, proposed
    ``title`` (of the task), ``unit`` (that set it), ``target`` (title of the key result), ``weight``,
    ``count`` (of how many targets at once, itself among them)
a link, answered
    ``title``, ``target``, ``unit`` (that holds the target), ``state`` (ACCEPTED or DECLINED), ``reason``
"""

from collections.abc import Callable, Mapping
from typing import Final

from vdept.notifications.facts import Facts
from vdept.notifications.models import NotificationKind

_DETECTORS: Final = {
    "DRIFT": ("số báo cáo ngày càng xa số đo", "what is reported moves away from what is measured"),
    "JUMP": ("một giá trị lệch hẳn khỏi chuỗi số liệu", "a value lies far from the rest of its series"),
    "COPIED": (
        "các đơn vị khác nhau báo cáo cùng một chuỗi số",
        "different units report the same series of values",
    ),
    "RUSH": ("nhiều việc hoàn thành dồn ngay trước hạn", "many tasks were finished at once, just before due"),
    "BACKDATED": ("số liệu được nhập lùi ngày", "values were entered long after their date"),
    "PING_PONG": ("một việc bị chuyển qua lại giữa các đơn vị", "a task goes back and forth between units"),
    "SAME_ANSWER": (
        "các câu trả lời gần như giống nhau",
        "different questions were given nearly the same answer",
    ),
}
_SOMETHING: Final = ("có dấu hiệu bất thường", "something looks unusual")


def _signal(facts: Facts) -> str:
    what = facts.pick(*_DETECTORS.get(facts.text("detector"), _SOMETHING))
    title, unit = facts.text("title"), facts.text("unit")
    about = f" ({title})" if title else ""
    where = f"{unit}: " if unit else ""
    others = (facts.number("count") or 1) - 1
    more = ""
    if others > 0:
        more = facts.pick(
            f"; cùng {others} dấu hiệu khác", f"; with {others} more signal{'' if others == 1 else 's'}"
        )
    told = f"{where}{what}{about}{more}."
    return (
        told[:1].upper()
        + told[1:]
        + facts.pick(
            " Đây là câu hỏi, không phải kết luận: hãy xem bằng chứng và trả lời.",
            " It is a question and not a verdict: look at the evidence and answer.",
        )
    )


def _asked(facts: Facts) -> str:
    plan, by = facts.named("kế hoạch", "the plan"), facts.day("agree_by")
    if facts.data.get("overdue") is True:
        told = facts.pick(
            f"Đã qua hạn{' ' + by if by else ''} thống nhất mục tiêu trọng tâm trong {plan}.",
            f"The date{' ' + by if by else ''} to agree on focus objectives in {plan} has passed.",
        )
    else:
        again = facts.data.get("again") is True
        until = facts.pick(f" trước ngày {by}", f" by {by}") if by else ""
        told = facts.pick(
            f"{'Nhắc lại: đơn' if again else 'Đơn'} vị cần chọn mục tiêu trọng tâm trong {plan}{until}.",
            f"{'Again: your' if again else 'Your'} unit is to choose its focus objectives in {plan}{until}.",
        )
    return told + facts.pick(
        " Hãy chọn từ một đến ba mục tiêu và cách làm.",
        " Choose one to three objectives, and say how you go after them.",
    )


def _answered(facts: Facts) -> str:
    plan, state = facts.named("kế hoạch", "the plan"), facts.text("state")
    what = facts.pick(
        f"mục tiêu trọng tâm{facts.of_unit()} trong {plan}", f"the focus{facts.of_unit()} in {plan}"
    )
    if state == "RETURNED":
        told = facts.pick(f"Đơn vị ban hành trả lại {what}.", f"The issuer returned {what}.")
        advice = facts.pick(" Hãy chọn lại và gửi lại.", " Nominate it anew.")
        return told + facts.because() + advice
    if state == "AGREED":
        return facts.pick(
            f"Đơn vị ban hành đồng ý với {what}.", f"The issuer agreed to {what}."
        ) + facts.pick(" Hãy ưu tiên nguồn lực cho các mục tiêu đó.", " Put these objectives first.")
    return facts.pick(f"Đã có trả lời về {what}. Hãy xem.", f"There is an answer to {what}. Look at it.")


def _of_target(facts: Facts) -> str:
    target = facts.text("target")
    return (
        facts.pick(f"chỉ tiêu “{target}”", f"the target “{target}”")
        if target
        else facts.pick("một chỉ tiêu", "a target")
    )


def _link_proposed(facts: Facts) -> str:
    task, target, unit = facts.task(), _of_target(facts), facts.text("unit")
    who = unit or facts.pick("Đơn vị giao việc", "The unit that set it")
    weight = facts.text("weight")
    heavy = facts.pick(f" với trọng số {weight}", f" with the weight {weight}") if weight else ""
    others = (facts.number("count") or 1) - 1
    more = facts.pick(f" và {others} chỉ tiêu khác", f" and {others} more") if others > 0 else ""
    told = facts.pick(
        f"{who} đề nghị tính {task} cho {target}{more}{heavy}.",
        f"{who} proposes that {task} counts for {target}{more}{heavy}.",
    )
    return told + facts.pick(
        " Nhiệm vụ chỉ được tính khi đơn vị bạn chấp nhận.", " It counts for nothing until your unit accepts."
    )


def _link_answered(facts: Facts) -> str:
    task, target, state = facts.task(), _of_target(facts), facts.text("state")
    who = facts.text("unit") or facts.pick("Đơn vị giữ chỉ tiêu", "The unit that holds the target")
    if state == "ACCEPTED":
        return facts.pick(
            f"{who} chấp nhận tính {task} cho {target}.", f"{who} accepts that {task} counts for {target}."
        )
    if state == "DECLINED":
        return (
            facts.pick(
                f"{who} không tính {task} cho {target}.", f"{who} declines that {task} counts for {target}."
            )
            + facts.because()
            + facts.pick(" Có thể đề nghị lại.", " You may propose it anew.")
        )
    return facts.pick(
        f"Đã có trả lời về việc tính {task} cho {target}. Hãy xem.",
        f"There is an answer on whether {task} counts for {target}. Look at it.",
    )


_LINKS: Final = {
    "ACCEPTED": ("Nhiệm vụ được tính cho chỉ tiêu", "Task counts for target"),
    "DECLINED": ("Nhiệm vụ không được tính cho chỉ tiêu", "Task does not count for target"),
}
_ANSWERS: Final = {
    "AGREED": ("Trọng tâm được đồng ý", "Focus agreed"),
    "RETURNED": ("Trọng tâm bị trả lại", "Focus returned"),
}

SENTENCES: Final[Mapping[NotificationKind, Callable[[Facts], str]]] = {
    NotificationKind.SIGNAL_FOUND: _signal,
    NotificationKind.FOCUS_ASKED: _asked,
    NotificationKind.FOCUS_ANSWERED: _answered,
    NotificationKind.LINK_PROPOSED: _link_proposed,
    NotificationKind.LINK_ANSWERED: _link_answered,
}
HEADINGS: Final[Mapping[NotificationKind, Callable[[Facts], str]]] = {
    NotificationKind.SIGNAL_FOUND: lambda facts: facts.pick("Dấu hiệu cần trả lời", "Signal to answer"),
    NotificationKind.FOCUS_ASKED: lambda facts: facts.pick(
        "Chọn mục tiêu trọng tâm", "Choose focus objectives"
    ),
    NotificationKind.FOCUS_ANSWERED: lambda facts: facts.pick(
        *_ANSWERS.get(facts.text("state"), ("Trả lời về trọng tâm", "Answer on focus"))
    ),
    NotificationKind.LINK_PROPOSED: lambda facts: facts.pick(
        "Đề nghị tính nhiệm vụ cho chỉ tiêu", "Task proposed for a target"
    ),
    NotificationKind.LINK_ANSWERED: lambda facts: facts.pick(
        *_LINKS.get(facts.text("state"), ("Trả lời về nhiệm vụ của chỉ tiêu", "Answer on a task of a target"))
    ),
}
