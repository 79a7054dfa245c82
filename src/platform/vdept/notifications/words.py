"""What a notification says, in the reader's language: one sentence, and one subject line.

Pure, and for ever: notifications of years ago are read with the words of today, so every value may be missing
or of another form, and then the sentence is shorter. What is said:

reminders
    ``title``, ``due_on``, ``step``, ``days_left`` or ``days_late`` (working days), ``recipient``, ``folded``
    (steps that this one stands for), ``unit`` (whose work it is, its name), ``vacant`` (names of units that
    were passed over because nobody holds the role there)
extensions
    ``title``, ``unit``, ``due_on`` (as it was), ``wanted_due_on``, ``granted_due_on``, ``state``, ``reason``
warnings
    ``title``, ``subject``, ``warning`` (which threshold), ``severity``, ``unit``, ``reason`` (why it closed),
    ``count`` (how many this one speaks for, itself among them), ``escalated`` with ``working_days`` (that the
    head did not answer), ``again`` with ``respond_by`` (that a promise passed), ``vacant``
a date that moved
    ``title``, ``due_on`` (from now on), ``was_due_on``, ``reason``
a delivery that failed
    ``url`` or ``email``, ``error``; ``bounces``: how often in a row the address was refused
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from vdept.kernel.errors import Locale
from vdept.notifications import asked_words, judged_words
from vdept.notifications.facts import Facts, working_days
from vdept.notifications.models import NotificationKind

LONGEST_IN_SUBJECT = 100


def sentence(kind: NotificationKind, data: Mapping[str, Any], locale: Locale) -> str:
    """What happened, and what to do about it."""
    return _SENTENCES[kind](Facts(data, locale))


def subject_line(kind: NotificationKind, data: Mapping[str, Any], locale: Locale) -> str:
    """The same in a few words on one line, as an e-mail's subject."""
    facts = Facts(data, locale)
    names = ("url", "email") if kind is NotificationKind.DELIVERY_FAILED else ("title",)
    about = next(filter(None, (facts.text(name, LONGEST_IN_SUBJECT) for name in names)), "")
    head = _HEADINGS[kind](facts)
    return f"{head}: {about}" if about else head


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _folded(facts: Facts) -> str:
    """That earlier reminders, missed while nothing ran, are in this one."""
    steps = facts.data.get("folded")
    if not isinstance(steps, list | tuple) or not steps:
        return ""
    return facts.pick(
        f" (Gộp cả {len(steps)} lần nhắc trước.)",
        f" (Stands for {len(steps)} earlier reminder{'' if len(steps) == 1 else 's'}, too.)",
    )


def _vacant(facts: Facts) -> str:
    units = facts.names("vacant")
    return units and facts.pick(
        f" Bạn nhận thông báo này vì {units} chưa có người giữ chức vụ được nhắc.",
        f" You are told because nobody holds the role at {units}.",
    )


def _when(facts: Facts) -> str:
    """Where the subject stands towards its due date."""
    late, due = facts.late(), facts.due()
    if late is None:
        return facts.pick("sắp đến hạn", "is about to be due") + due
    if late > 0:
        return (
            facts.pick("đã quá hạn ", "is ")
            + working_days(late, facts.locale)
            + facts.pick("", " late")
            + due
        )
    if late < 0:
        left = working_days(-late, facts.locale)
        return facts.pick(f"còn {left}", f"is due in {left}") + due
    due_on = facts.day("due_on")
    return (
        facts.pick(f"đến hạn ngày {due_on}", f"is due on {due_on}")
        if due_on
        else facts.pick("đến hạn", "is due")
    )


def _reminder(facts: Facts) -> str:
    advice = facts.pick(
        "Hãy cập nhật tiến độ; nếu không kịp, hãy xin gia hạn trước hạn.",
        "Report your progress; if it cannot be done in time, ask for an extension before it is due.",
    )
    return (
        f"{_capital(facts.task())}{facts.of_unit()} {_when(facts)}. {advice}{_folded(facts)}{_vacant(facts)}"
    )


_ADVICE: Final = {
    "LEAD_HEAD": (
        "Hãy chỉ đạo hoàn thành hoặc xin gia hạn kèm lý do.",
        "See that it is done, or ask for an extension and give the reason.",
    ),
    "ASSIGNER_COORDINATOR": (
        "Hãy làm việc với đơn vị chủ trì hoặc xem xét gia hạn.",
        "Speak with the lead unit, or consider an extension.",
    ),
    "ASSIGNER_HEAD": (
        "Hãy yêu cầu đơn vị chủ trì giải trình và quyết định bước tiếp theo.",
        "Ask the lead unit to account for it, and decide what comes next.",
    ),
    "ISSUER_HEAD": (
        "Hãy cho ý kiến chỉ đạo: các cấp dưới đã được nhắc mà chưa xong.",
        "Give directions: everybody below has been told and it is not done.",
    ),
}
_ADVICE_TO_ANYBODY: Final = (
    "Hãy hoàn thành hoặc xin gia hạn kèm lý do.",
    "Finish it, or ask for an extension and give the reason.",
)


def _escalation(facts: Facts) -> str:
    when = facts.pick("đã quá hạn", "is late") + facts.due() if facts.late() is None else _when(facts)
    advice = facts.pick(*_ADVICE.get(facts.text("recipient"), _ADVICE_TO_ANYBODY))
    return f"{_capital(facts.task())}{facts.of_unit()} {when}. {advice}{_folded(facts)}{_vacant(facts)}"


def _review(facts: Facts) -> str:
    due_on = facts.day("due_on")
    when = facts.pick(
        f"đang tạm dừng, hẹn xem lại ngày {due_on}" if due_on else "đang tạm dừng và đã đến lúc xem lại",
        f"is paused, to be reviewed on {due_on}" if due_on else "is paused and its review is due",
    )
    advice = facts.pick(
        "Hãy cho tiếp tục, hoặc gia hạn tạm dừng kèm lý do.",
        "Resume it, or pause it further and give the reason.",
    )
    return f"{_capital(facts.subject())}{facts.of_unit()} {when}. {advice}{_folded(facts)}{_vacant(facts)}"


def _requested(facts: Facts) -> str:
    unit = facts.text("unit") or facts.pick("Đơn vị chủ trì", "The lead unit")
    was, wanted = facts.day("due_on"), facts.day("wanted_due_on")
    span = (facts.pick(f" từ {was}", f" from {was}") if was else "") + (
        facts.pick(f" đến {wanted}", f" to {wanted}") if wanted else ""
    )
    asked = facts.pick(
        f"{unit} xin gia hạn {facts.task()}{span}.", f"{unit} asks to extend {facts.task()}{span}."
    )
    return (
        _capital(asked)
        + facts.because()
        + facts.pick(" Hãy chấp thuận hoặc từ chối.", " Grant or refuse it.")
    )


def _decided(facts: Facts) -> str:
    state, was = facts.text("state"), facts.day("due_on")
    if state == "GRANTED":
        until = facts.day("granted_due_on") or facts.day("wanted_due_on")
        told = facts.pick(
            f"{facts.task()} được gia hạn" + (f" đến {until}" if until else ""),
            f"{facts.task()} was extended" + (f" to {until}" if until else ""),
        )
        advice = facts.pick("Hãy hoàn thành trước hạn mới.", "Finish it by the new date.")
    elif state == "REFUSED":
        told = facts.pick(
            f"Yêu cầu gia hạn {facts.task()} bị từ chối", f"The extension of {facts.task()} was refused"
        )
        advice = facts.pick(
            f"Hạn vẫn là {was}." if was else "Hạn giữ nguyên.",
            f"It remains due on {was}." if was else "The due date remains.",
        )
    elif state == "WITHDRAWN":
        told = facts.pick(
            f"Yêu cầu gia hạn {facts.task()} đã được rút lại",
            f"The request to extend {facts.task()} was withdrawn",
        )
        advice = facts.pick("Bạn không phải làm gì.", "There is nothing left to decide.")
    else:
        told = facts.pick(
            f"Yêu cầu gia hạn {facts.task()} đã được quyết định",
            f"The request to extend {facts.task()} was decided",
        )
        advice = facts.pick("Hãy xem hạn mới của nhiệm vụ.", "Look at the task for its due date.")
    return f"{_capital(told)}.{facts.because()} {advice}"


_THRESHOLDS: Final = {
    "PACE": ("đang chậm so với tiến độ kỳ vọng", "is behind its expected pace"),
    "GAP": ("có số báo cáo chênh lệch với số đo", "has a gap between what is reported and what is measured"),
    "SILENCE": ("đã lâu chưa có số liệu mới", "has had no new value for too long"),
    "UNACKNOWLEDGED": ("chưa được đơn vị tiếp nhận", "has not been acknowledged by its unit"),
    "ABANDONED": ("đã nhận nhưng lâu không cập nhật", "was accepted and has not been updated for too long"),
    "NO_TIME_LEFT": (
        "không còn đủ ngày làm việc để hoàn thành",
        "cannot be finished in the working days that are left",
    ),
    **judged_words.THRESHOLDS,
}
_SOME_THRESHOLD: Final = ("đã vượt ngưỡng cảnh báo", "has passed a threshold")
_SEVERITIES: Final = {"AT_RISK": ("có nguy cơ", "at risk"), "OFF_TRACK": ("chệch hướng", "off track")}


def _opened(facts: Facts) -> str:
    threshold = facts.pick(*_THRESHOLDS.get(facts.text("warning"), _SOME_THRESHOLD))
    severity = facts.pick(*_SEVERITIES.get(facts.text("severity"), ("", "")))
    told = f"{_capital(facts.subject())}{facts.of_unit()} {threshold}" + (
        f" ({severity})" if severity else ""
    )
    return f"{told}{_and_more(facts)}. {_what_to_do_about_it(facts)}{_vacant(facts)}"


def _and_more(facts: Facts) -> str:
    """That other warnings of the same day are told of with this one."""
    others = (facts.number("count") or 1) - 1
    if others < 1:
        return ""
    return facts.pick(
        f", và {others} cảnh báo khác", f", and {others} more warning{'' if others == 1 else 's'}"
    )


def _what_to_do_about_it(facts: Facts) -> str:
    if facts.data.get("escalated") is True:
        days = working_days(facts.number("working_days") or 0, facts.locale)
        return facts.pick(
            f"Sau {days} người đứng đầu vẫn chưa trả lời: hãy yêu cầu xử lý.",
            f"After {days} the head has not answered: ask for an answer.",
        )
    if facts.data.get("again") is True:
        by = facts.day("respond_by")
        return facts.pick(
            f"Đã qua ngày hẹn{' ' + by if by else ''} mà cảnh báo chưa hết: hãy ghi lại sẽ làm gì.",
            f"The date promised{', ' + by + ',' if by else ''} has passed and the warning stands: say anew "
            "what will be done.",
        )
    return facts.pick(
        "Hãy xác nhận cảnh báo và ghi rõ sẽ làm gì.", "Acknowledge the warning and say what will be done."
    )


def _closed(facts: Facts) -> str:
    threshold = facts.pick(*_THRESHOLDS.get(facts.text("warning"), _SOME_THRESHOLD))
    subject = f"{facts.subject()}{facts.of_unit()}"
    told = facts.pick(
        f"Cảnh báo đã hết: {subject} không còn tình trạng “{threshold}”.",
        f"A warning has ended: no longer true that {subject} {threshold}.",
    )
    return told + facts.because() + facts.pick(" Bạn không phải làm gì.", " You need do nothing.")


def _moved(facts: Facts) -> str:
    was, now = facts.day("was_due_on"), facts.day("due_on")
    span = (facts.pick(f" từ {was}", f" from {was}") if was else "") + (
        facts.pick(f" sang {now}", f" to {now}") if now else ""
    )
    told = facts.pick(
        f"Hạn của {facts.subject()} đã chuyển{span}.", f"The due date of {facts.subject()} moved{span}."
    )
    return told + facts.because() + facts.pick(" Hãy xem lại kế hoạch của bạn.", " Look at your plans again.")


def _bounced(facts: Facts, email: str) -> str:
    error, times = facts.text("error"), facts.number("bounces") or 0
    why = f" ({error})" if error else ""
    return facts.pick(
        f"Máy chủ thư của {email} đã từ chối thư {times} lần liên tiếp{why}, nên hệ thống ngừng gửi thư tới "
        "đó. Thông báo vẫn có ở đây. Hãy kiểm tra địa chỉ rồi bật lại thư trong tùy chọn thông báo.",
        f"The mail server of {email} refused letters {times} times in a row{why}, so nothing more is sent "
        "there. Notifications stay here. Check the address, then switch mail on again in your preferences.",
    )


def _failed(facts: Facts) -> str:
    if email := facts.text("email"):
        return _bounced(facts, email)
    url, error = facts.text("url"), facts.text("error").rstrip(".")
    told = facts.pick("Không gửi được thông báo", "Notifications could not be delivered")
    told += facts.pick(f" tới {url}", f" to {url}") if url else ""
    told += f": {error}." if error else "."
    return told + facts.pick(
        " Hãy kiểm tra địa chỉ rồi gửi lại từ danh sách chưa gửi được.",
        " Check the address, then replay what is on its list of undelivered ones.",
    )


_SENTENCES: Final[Mapping[NotificationKind, Callable[[Facts], str]]] = {
    NotificationKind.REMINDER: _reminder,
    NotificationKind.ESCALATION: _escalation,
    NotificationKind.REVIEW_DUE: _review,
    NotificationKind.EXTENSION_REQUESTED: _requested,
    NotificationKind.EXTENSION_DECIDED: _decided,
    NotificationKind.WARNING_OPENED: _opened,
    NotificationKind.WARNING_CLOSED: _closed,
    NotificationKind.DEADLINE_MOVED: _moved,
    NotificationKind.DELIVERY_FAILED: _failed,
    **judged_words.SENTENCES,
    **asked_words.SENTENCES,
}


def _reminder_heading(facts: Facts) -> str:
    late = facts.late()
    if late is None or late == 0:
        return facts.pick("Đến hạn", "Due") if late == 0 else facts.pick("Sắp đến hạn", "Due soon")
    if late > 0:
        return _late_heading(facts)
    left = working_days(-late, facts.locale)
    return facts.pick(f"Còn {left}", f"Due in {left}")


def _late_heading(facts: Facts) -> str:
    late = facts.late()
    if late is None or late <= 0:
        return facts.pick("Quá hạn", "Late")
    days = working_days(late, facts.locale)
    return facts.pick(f"Quá hạn {days}", f"{_capital(days)} late")


_DECISIONS: Final = {
    "GRANTED": ("Được gia hạn", "Extension granted"),
    "REFUSED": ("Không được gia hạn", "Extension refused"),
    "WITHDRAWN": ("Đã rút yêu cầu gia hạn", "Extension withdrawn"),
}

_HEADINGS: Final[Mapping[NotificationKind, Callable[[Facts], str]]] = {
    NotificationKind.REMINDER: _reminder_heading,
    NotificationKind.ESCALATION: _late_heading,
    NotificationKind.REVIEW_DUE: lambda facts: facts.pick("Đến ngày xem lại", "Review due"),
    NotificationKind.EXTENSION_REQUESTED: lambda facts: facts.pick("Xin gia hạn", "Extension requested"),
    NotificationKind.EXTENSION_DECIDED: lambda facts: facts.pick(
        *_DECISIONS.get(facts.text("state"), ("Đã quyết định gia hạn", "Extension decided"))
    ),
    NotificationKind.WARNING_OPENED: lambda facts: facts.pick("Cảnh báo sớm", "Early warning"),
    NotificationKind.WARNING_CLOSED: lambda facts: facts.pick("Hết cảnh báo", "Warning ended"),
    NotificationKind.DEADLINE_MOVED: lambda facts: facts.pick("Hạn đã chuyển", "Due date moved"),
    NotificationKind.DELIVERY_FAILED: lambda facts: facts.pick("Không gửi được", "Not delivered"),
    **judged_words.HEADINGS,
    **asked_words.HEADINGS,
}
