"""What notifications say, and when a mail is due."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.kernel.errors import Locale
from vdept.notifications.facts import LONGEST, day
from vdept.notifications.models import NotificationKind
from vdept.notifications.words import sentence, subject_line

Kind = NotificationKind
TITLE = "Số hóa hồ sơ đất đai"
DUE = {"title": TITLE, "due_on": "2026-12-05"}

SENTENCES: list[tuple[str, Kind, dict[str, Any], str, str]] = [
    (
        "before",
        Kind.REMINDER,
        {**DUE, "step": -3, "days_left": 3, "recipient": "ASSIGNEES", "folded": []},
        (
            f"Nhiệm vụ “{TITLE}” còn 3 ngày làm việc (hạn 05/12/2026). Hãy cập nhật tiến độ; nếu không "
            "kịp, hãy xin gia hạn trước hạn."
        ),
        (
            f"The task “{TITLE}” is due in 3 working days (due 5 December 2026). Report your progress; "
            "if it cannot be done in time, ask for an extension before it is due."
        ),
    ),
    (
        "one day before, of a unit, with two folded",
        Kind.REMINDER,
        {**DUE, "step": -1, "folded": [-7, -3], "unit": "Sở Y tế"},
        (
            f"Nhiệm vụ “{TITLE}” của Sở Y tế còn 1 ngày làm việc (hạn 05/12/2026). Hãy cập nhật tiến "
            "độ; nếu không kịp, hãy xin gia hạn trước hạn. (Gộp cả 2 lần nhắc trước.)"
        ),
        (
            f"The task “{TITLE}” of Sở Y tế is due in 1 working day (due 5 December 2026). Report your "
            "progress; if it cannot be done in time, ask for an extension before it is due. (Stands "
            "for 2 earlier reminders, too.)"
        ),
    ),
    (
        "on the day",
        Kind.REMINDER,
        {**DUE, "step": 0, "days_left": 0},
        (
            f"Nhiệm vụ “{TITLE}” đến hạn ngày 05/12/2026. Hãy cập nhật tiến độ; nếu không kịp, hãy xin "
            "gia hạn trước hạn."
        ),
        (
            f"The task “{TITLE}” is due on 5 December 2026. Report your progress; if it cannot be done "
            "in time, ask for an extension before it is due."
        ),
    ),
    (
        "to the head",
        Kind.ESCALATION,
        {**DUE, "step": 1, "days_late": 1, "recipient": "LEAD_HEAD"},
        (
            f"Nhiệm vụ “{TITLE}” đã quá hạn 1 ngày làm việc (hạn 05/12/2026). Hãy chỉ đạo hoàn thành "
            "hoặc xin gia hạn kèm lý do."
        ),
        (
            f"The task “{TITLE}” is 1 working day late (due 5 December 2026). See that it is done, or "
            "ask for an extension and give the reason."
        ),
    ),
    (
        "to the issuer, past a vacant seat",
        Kind.ESCALATION,
        {**DUE, "step": 10, "days_late": 12, "recipient": "ISSUER_HEAD", "vacant": ["Cục A", "Vụ B"]},
        (
            f"Nhiệm vụ “{TITLE}” đã quá hạn 12 ngày làm việc (hạn 05/12/2026). Hãy cho ý kiến chỉ đạo: "
            "các cấp dưới đã được nhắc mà chưa xong. Bạn nhận thông báo này vì Cục A, Vụ B chưa có "
            "người giữ chức vụ được nhắc."
        ),
        (
            f"The task “{TITLE}” is 12 working days late (due 5 December 2026). Give directions: "
            "everybody below has been told and it is not done. You are told because nobody holds the "
            "role at Cục A, Vụ B."
        ),
    ),
    (
        "review of a task",
        Kind.REVIEW_DUE,
        {**DUE, "step": 0, "subject": "TASK_REVIEW"},
        (
            f"Nhiệm vụ “{TITLE}” đang tạm dừng, hẹn xem lại ngày 05/12/2026. Hãy cho tiếp tục, hoặc "
            "gia hạn tạm dừng kèm lý do."
        ),
        (
            f"The task “{TITLE}” is paused, to be reviewed on 5 December 2026. Resume it, or pause it "
            "further and give the reason."
        ),
    ),
    (
        "review of a target",
        Kind.REVIEW_DUE,
        {**DUE, "step": 0, "subject": "TARGET_REVIEW"},
        (
            f"Chỉ tiêu “{TITLE}” đang tạm dừng, hẹn xem lại ngày 05/12/2026. Hãy cho tiếp tục, hoặc "
            "gia hạn tạm dừng kèm lý do."
        ),
        (
            f"The target “{TITLE}” is paused, to be reviewed on 5 December 2026. Resume it, or pause "
            "it further and give the reason."
        ),
    ),
    (
        "asked",
        Kind.EXTENSION_REQUESTED,
        {**DUE, "wanted_due_on": "2027-01-31", "unit": "Công ty X", "reason": "Thiếu dữ liệu."},
        (
            f"Công ty X xin gia hạn nhiệm vụ “{TITLE}” từ 05/12/2026 đến 31/01/2027. Lý do: Thiếu dữ "
            "liệu. Hãy chấp thuận hoặc từ chối."
        ),
        (
            f"Công ty X asks to extend the task “{TITLE}” from 5 December 2026 to 31 January 2027. "
            "Reason: Thiếu dữ liệu. Grant or refuse it."
        ),
    ),
    (
        "granted, but less than asked",
        Kind.EXTENSION_DECIDED,
        {**DUE, "wanted_due_on": "2027-01-31", "granted_due_on": "2027-01-15", "state": "GRANTED"},
        f"Nhiệm vụ “{TITLE}” được gia hạn đến 15/01/2027. Hãy hoàn thành trước hạn mới.",
        f"The task “{TITLE}” was extended to 15 January 2027. Finish it by the new date.",
    ),
    (
        "refused",
        Kind.EXTENSION_DECIDED,
        {**DUE, "wanted_due_on": "2027-01-31", "state": "REFUSED", "reason": "Đã gia hạn hai lần"},
        (f"Yêu cầu gia hạn nhiệm vụ “{TITLE}” bị từ chối. Lý do: Đã gia hạn hai lần. Hạn vẫn là 05/12/2026."),
        (
            f"The extension of the task “{TITLE}” was refused. Reason: Đã gia hạn hai lần. It remains "
            "due on 5 December 2026."
        ),
    ),
    (
        "withdrawn",
        Kind.EXTENSION_DECIDED,
        {**DUE, "state": "WITHDRAWN"},
        f"Yêu cầu gia hạn nhiệm vụ “{TITLE}” đã được rút lại. Bạn không phải làm gì.",
        f"The request to extend the task “{TITLE}” was withdrawn. There is nothing left to decide.",
    ),
    (
        "gap",
        Kind.WARNING_OPENED,
        {"title": TITLE, "warning": "GAP", "severity": "OFF_TRACK", "subject": "TARGET", "unit": "Xã Y"},
        (
            f"Chỉ tiêu “{TITLE}” của Xã Y có số báo cáo chênh lệch với số đo (chệch hướng). Hãy xác "
            "nhận cảnh báo và ghi rõ sẽ làm gì."
        ),
        (
            f"The target “{TITLE}” of Xã Y has a gap between what is reported and what is measured "
            "(off track). Acknowledge the warning and say what will be done."
        ),
    ),
    (
        "a task without the time",
        Kind.WARNING_OPENED,
        {"title": TITLE, "warning": "NO_TIME_LEFT", "severity": "AT_RISK"},
        (
            f"Nhiệm vụ “{TITLE}” không còn đủ ngày làm việc để hoàn thành (có nguy cơ). Hãy xác nhận "
            "cảnh báo và ghi rõ sẽ làm gì."
        ),
        (
            f"The task “{TITLE}” cannot be finished in the working days that are left (at risk). "
            "Acknowledge the warning and say what will be done."
        ),
    ),
    (
        "a source that fails",
        Kind.WARNING_OPENED,
        {"title": TITLE, "warning": "SOURCE_FAILING", "subject": "SOURCE", "unit": "Huế"},
        (
            f"Nguồn số liệu “{TITLE}” của Huế không lấy được số liệu. Hãy xác nhận cảnh báo và ghi rõ sẽ "
            "làm gì."
        ),
        (
            f"The source “{TITLE}” of Huế cannot be asked for its values. Acknowledge the warning and say "
            "what will be done."
        ),
    ),
    (
        "a silent source",
        Kind.WARNING_OPENED,
        {"title": TITLE, "warning": "SOURCE_SILENT"},
        f"Nguồn số liệu “{TITLE}” đã lâu không có số liệu. Hãy xác nhận cảnh báo và ghi rõ sẽ làm gì.",
        (
            f"The source “{TITLE}” has been silent for too long. Acknowledge the warning and say what will "
            "be done."
        ),
    ),
    (
        "many warnings in one, where nobody is head",
        Kind.WARNING_OPENED,
        {"title": TITLE, "warning": "PACE", "subject": "TARGET", "count": 12, "vacant": ["Xã Y"]},
        (
            f"Chỉ tiêu “{TITLE}” đang chậm so với tiến độ kỳ vọng, và 11 cảnh báo khác. Hãy xác nhận "
            "cảnh báo và ghi rõ sẽ làm gì. Bạn nhận thông báo này vì Xã Y chưa có người giữ chức vụ "
            "được nhắc."
        ),
        (
            f"The target “{TITLE}” is behind its expected pace, and 11 more warnings. Acknowledge the "
            "warning and say what will be done. You are told because nobody holds the role at Xã Y."
        ),
    ),
    (
        "an unanswered warning",
        Kind.WARNING_OPENED,
        {"title": TITLE, "warning": "PACE", "count": 2, "escalated": True, "working_days": 5},
        (
            f"Chỉ tiêu “{TITLE}” đang chậm so với tiến độ kỳ vọng, và 1 cảnh báo khác. Sau 5 ngày làm việc "
            "người đứng đầu vẫn chưa trả lời: hãy yêu cầu xử lý."
        ),
        (
            f"The target “{TITLE}” is behind its expected pace, and 1 more warning. After 5 working days the "
            "head has not answered: ask for an answer."
        ),
    ),
    (
        "a promise that passed",
        Kind.WARNING_OPENED,
        {"title": TITLE, "warning": "PACE", "count": 1, "again": True, "respond_by": "2026-12-05"},
        (
            f"Chỉ tiêu “{TITLE}” đang chậm so với tiến độ kỳ vọng. Đã qua ngày hẹn 05/12/2026 mà cảnh báo "
            "chưa hết: hãy ghi lại sẽ làm gì."
        ),
        (
            f"The target “{TITLE}” is behind its expected pace. The date promised, 5 December 2026, has "
            "passed and the warning stands: say anew what will be done."
        ),
    ),
    (
        "over",
        Kind.WARNING_CLOSED,
        {"title": TITLE, "warning": "PACE"},
        (
            f"Cảnh báo đã hết: chỉ tiêu “{TITLE}” không còn tình trạng “đang chậm so với tiến độ kỳ "
            "vọng”. Bạn không phải làm gì."
        ),
        (
            f"A warning has ended: no longer true that the target “{TITLE}” is behind its expected "
            "pace. You need do nothing."
        ),
    ),
    (
        "moved",
        Kind.DEADLINE_MOVED,
        {**DUE, "was_due_on": "2026-12-04", "subject": "TASK", "reason": "hoán đổi ngày nghỉ"},
        (
            f"Hạn của nhiệm vụ “{TITLE}” đã chuyển từ 04/12/2026 sang 05/12/2026. Lý do: hoán đổi ngày "
            "nghỉ. Hãy xem lại kế hoạch của bạn."
        ),
        (
            f"The due date of the task “{TITLE}” moved from 4 December 2026 to 5 December 2026. "
            "Reason: hoán đổi ngày nghỉ. Look at your plans again."
        ),
    ),
    (
        "no answer",
        Kind.DELIVERY_FAILED,
        {"url": "https://hook.example/x", "error": "503 Service Unavailable."},
        (
            "Không gửi được thông báo tới https://hook.example/x: 503 Service Unavailable. Hãy kiểm "
            "tra địa chỉ rồi gửi lại từ danh sách chưa gửi được."
        ),
        (
            "Notifications could not be delivered to https://hook.example/x: 503 Service Unavailable. "
            "Check the address, then replay what is on its list of undelivered ones."
        ),
    ),
    (
        "an edition",
        Kind.EDITION_PUBLISHED,
        {"title": TITLE, "number": 3, "as_of": "2026-12-05", "corrects": 2},
        f"Ấn bản 3 của kế hoạch “{TITLE}” đã công bố, số liệu đến 05/12/2026; đính chính ấn bản 2.",
        (
            f"Edition 3 of the plan “{TITLE}” has been published, as of 5 December 2026; it corrects "
            "edition 2."
        ),
    ),
    (
        "an edition, of which nothing is known",
        Kind.EDITION_PUBLISHED,
        {},
        "Ấn bản của kế hoạch đã công bố.",
        "Edition of the plan has been published.",
    ),
    (
        "rejected",
        Kind.READINGS_REJECTED,
        {"title": TITLE, "unit": "Huế", "count": 3},
        (
            f"3 dòng số liệu của nguồn “{TITLE}” của Huế bị từ chối. Hãy xem lý do, sửa rồi gửi lại hoặc "
            "bỏ qua từng dòng."
        ),
        (
            f"3 readings of the source “{TITLE}” of Huế were rejected. Look at the reasons, then put each "
            "right and replay it, or dismiss it."
        ),
    ),
    (
        "a verdict on a target",
        Kind.VERDICT_ISSUED,
        {**DUE, "subject": "TARGET", "judgement": "NOT_MET", "unit": "Sa Pa", "number": 1, "count": 1},
        (
            f"Chỉ tiêu “{TITLE}” của Sa Pa (hạn 05/12/2026): không đạt. Hãy xem cách tính; nếu số liệu sai, "
            "hãy yêu cầu nguồn đính chính."
        ),
        (
            f"The target “{TITLE}” of Sa Pa (due 5 December 2026): not met. See how it was computed; if a "
            "figure is wrong, have its source correct it."
        ),
    ),
    (
        "a verdict on a unit, issued again, with others",
        Kind.VERDICT_ISSUED,
        {"title": "2026", "subject": "UNIT", "judgement": "MET", "unit": "Sa Pa"}
        | {"number": 2, "count": 4, "not_met": 1},
        (
            "Sa Pa trong kế hoạch “2026”: đạt (kết luận lại, lần 2); cùng 3 kết luận khác, tổng cộng "
            "1 không đạt. Hãy xem cách tính; nếu số liệu sai, hãy yêu cầu nguồn đính chính."
        ),
        (
            "Sa Pa in the plan “2026”: met (issued again, no. 2); with 3 more verdicts, 1 not met in "
            "all. See how it was computed; if a figure is wrong, have its source correct it."
        ),
    ),
    (
        "a signal",
        Kind.SIGNAL_FOUND,
        {"detector": "PING_PONG", "title": TITLE, "unit": "Huế", "count": 3},
        (
            f"Huế: một việc bị chuyển qua lại giữa các đơn vị ({TITLE}); cùng 2 dấu hiệu khác. Đây là câu "
            "hỏi, không phải kết luận: hãy xem bằng chứng và trả lời."
        ),
        (
            f"Huế: a task goes back and forth between units ({TITLE}); with 2 more signals. It is a question "
            "and not a verdict: look at the evidence and answer."
        ),
    ),
    (
        "focus asked for",
        Kind.FOCUS_ASKED,
        {"title": TITLE, "agree_by": "2026-12-05"},
        (
            f"Đơn vị cần chọn mục tiêu trọng tâm trong kế hoạch “{TITLE}” trước ngày 05/12/2026. Hãy chọn từ "
            "một đến ba mục tiêu và cách làm."
        ),
        (
            f"Your unit is to choose its focus objectives in the plan “{TITLE}” by 5 December 2026. Choose "
            "one to three objectives, and say how you go after them."
        ),
    ),
    (
        "focus overdue",
        Kind.FOCUS_ASKED,
        {"title": TITLE, "agree_by": "2026-12-05", "overdue": True},
        (
            f"Đã qua hạn 05/12/2026 thống nhất mục tiêu trọng tâm trong kế hoạch “{TITLE}”. Hãy chọn từ một "
            "đến ba mục tiêu và cách làm."
        ),
        (
            f"The date 5 December 2026 to agree on focus objectives in the plan “{TITLE}” has passed. Choose "
            "one to three objectives, and say how you go after them."
        ),
    ),
    (
        "link proposed",
        Kind.LINK_PROPOSED,
        {"title": TITLE, "unit": "Sa Pa", "target": "Nghị định", "weight": "2.5", "count": 2},
        (
            f"Sa Pa đề nghị tính nhiệm vụ “{TITLE}” cho chỉ tiêu “Nghị định” và 1 chỉ tiêu khác với trọng số "
            "2.5. Nhiệm vụ chỉ được tính khi đơn vị bạn chấp nhận."
        ),
        (
            f"Sa Pa proposes that the task “{TITLE}” counts for the target “Nghị định” and 1 more with the "
            "weight 2.5. It counts for nothing until your unit accepts."
        ),
    ),
    (
        "link declined",
        Kind.LINK_ANSWERED,
        {"title": TITLE, "unit": "Huế", "target": "Nghị định", "state": "DECLINED", "reason": "Chưa sát."},
        (f"Huế không tính nhiệm vụ “{TITLE}” cho chỉ tiêu “Nghị định”. Lý do: Chưa sát. Có thể đề nghị lại."),
        (
            f"Huế declines that the task “{TITLE}” counts for the target “Nghị định”. Reason: Chưa sát. You "
            "may propose it anew."
        ),
    ),
    (
        "focus returned",
        Kind.FOCUS_ANSWERED,
        {"title": TITLE, "unit": "Huế", "state": "RETURNED", "reason": "Chưa sát."},
        (
            f"Đơn vị ban hành trả lại mục tiêu trọng tâm của Huế trong kế hoạch “{TITLE}”. Lý do: Chưa sát. "
            "Hãy chọn lại và gửi lại."
        ),
        (f"The issuer returned the focus of Huế in the plan “{TITLE}”. Reason: Chưa sát. Nominate it anew."),
    ),
]


@pytest.mark.parametrize(
    ("kind", "data", "vi", "en"), [row[1:] for row in SENTENCES], ids=[r[0] for r in SENTENCES]
)
def test_a_notification_says_what_happened_and_what_to_do(
    kind: Kind, data: dict[str, Any], vi: str, en: str
) -> None:
    assert sentence(kind, data, Locale.VI) == vi
    assert sentence(kind, data, Locale.EN) == en


def test_every_kind_has_its_sentence_in_the_table() -> None:
    assert {kind for _, kind, *_ in SENTENCES} == set(Kind)


SUBJECTS: list[tuple[Kind, dict[str, Any], str, str]] = [
    (Kind.REMINDER, {"step": -3}, "Còn 3 ngày làm việc", "Due in 3 working days"),
    (Kind.REMINDER, {"step": -3, "days_left": 1}, "Còn 1 ngày làm việc", "Due in 1 working day"),
    (Kind.REMINDER, {"step": 0}, "Đến hạn", "Due"),
    (Kind.REMINDER, {}, "Sắp đến hạn", "Due soon"),
    (Kind.ESCALATION, {"step": 5}, "Quá hạn 5 ngày làm việc", "5 working days late"),
    (Kind.ESCALATION, {}, "Quá hạn", "Late"),
    (Kind.REVIEW_DUE, {}, "Đến ngày xem lại", "Review due"),
    (Kind.EXTENSION_REQUESTED, {}, "Xin gia hạn", "Extension requested"),
    (Kind.EXTENSION_DECIDED, {"state": "GRANTED"}, "Được gia hạn", "Extension granted"),
    (Kind.EXTENSION_DECIDED, {"state": "REFUSED"}, "Không được gia hạn", "Extension refused"),
    (Kind.EXTENSION_DECIDED, {}, "Đã quyết định gia hạn", "Extension decided"),
    (Kind.WARNING_OPENED, {}, "Cảnh báo sớm", "Early warning"),
    (Kind.WARNING_CLOSED, {}, "Hết cảnh báo", "Warning ended"),
    (Kind.DEADLINE_MOVED, {}, "Hạn đã chuyển", "Due date moved"),
    (Kind.EDITION_PUBLISHED, {}, "Ấn bản mới", "New edition"),
    (Kind.READINGS_REJECTED, {}, "Số liệu bị từ chối", "Readings rejected"),
    (Kind.SIGNAL_FOUND, {}, "Dấu hiệu cần trả lời", "Signal to answer"),
    (Kind.FOCUS_ASKED, {}, "Chọn mục tiêu trọng tâm", "Choose focus objectives"),
    (Kind.FOCUS_ANSWERED, {"state": "AGREED"}, "Trọng tâm được đồng ý", "Focus agreed"),
    (Kind.FOCUS_ANSWERED, {"state": "RETURNED"}, "Trọng tâm bị trả lại", "Focus returned"),
    (Kind.FOCUS_ANSWERED, {}, "Trả lời về trọng tâm", "Answer on focus"),
    (Kind.LINK_PROPOSED, {}, "Đề nghị tính nhiệm vụ cho chỉ tiêu", "Task proposed for a target"),
    (Kind.LINK_ANSWERED, {"state": "ACCEPTED"}, "Nhiệm vụ được tính cho chỉ tiêu", "Task counts for target"),
    (Kind.LINK_ANSWERED, {}, "Trả lời về nhiệm vụ của chỉ tiêu", "Answer on a task of a target"),
    (Kind.VERDICT_ISSUED, {"judgement": "NOT_MET"}, "Kết luận không đạt", "Verdict not met"),
    (Kind.VERDICT_ISSUED, {}, "Kết luận", "Verdict"),
]


@pytest.mark.parametrize(("kind", "data", "vi", "en"), SUBJECTS)
def test_a_subject_line_says_it_in_a_few_words(kind: Kind, data: dict[str, Any], vi: str, en: str) -> None:
    assert subject_line(kind, {"title": TITLE, **data}, Locale.VI) == f"{vi}: {TITLE}"
    assert subject_line(kind, {"title": TITLE, **data}, Locale.EN) == f"{en}: {TITLE}"
    assert subject_line(kind, data, Locale.VI) == vi


def test_a_subject_line_of_a_failed_delivery_names_the_address() -> None:
    assert subject_line(Kind.DELIVERY_FAILED, {"url": "https://h.example"}, Locale.EN) == (
        "Not delivered: https://h.example"
    )


def test_a_title_cannot_break_out_of_its_line() -> None:
    data = {"title": "A\r\nBcc: everybody@example.vn\x00 \u2028B", "step": -1}
    for text in (subject_line(Kind.REMINDER, data, Locale.VI), sentence(Kind.REMINDER, data, Locale.EN)):
        assert "A Bcc: everybody@example.vn B" in text
        assert text.isprintable()


def test_a_long_title_is_cut() -> None:
    data = {"title": "x" * 5_000, "step": -1}
    assert "“" + "x" * (LONGEST - 1) + "…”" in sentence(Kind.REMINDER, data, Locale.VI)
    assert len(subject_line(Kind.REMINDER, data, Locale.VI)) < 130


def test_dates_are_written_as_people_write_them() -> None:
    assert day(date(2026, 12, 31), Locale.VI) == day("2026-12-31", Locale.VI) == "31/12/2026"
    assert day(date(2026, 3, 1), Locale.EN) == day("2026-03-01", Locale.EN) == "1 March 2026"
    assert day("soon", Locale.VI) == day(None, Locale.EN) == day(7, Locale.EN) == ""


KEYS = [
    *("title", "due_on", "was_due_on", "wanted_due_on", "granted_due_on", "step", "days_left", "days_late"),
    *("recipient", "folded", "unit", "vacant", "subject", "warning", "severity", "state", "reason", "url"),
    *("error", "judgement", "number", "count", "not_met"),
]
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=20),
    st.lists(st.one_of(st.integers(), st.text(max_size=5), st.none()), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.dates().map(date.isoformat),
)


@given(st.sampled_from(Kind), st.dictionaries(st.sampled_from(KEYS), ANYTHING), st.sampled_from(Locale))
def test_whatever_the_data_a_notification_can_be_read(
    kind: Kind, data: dict[str, Any], locale: Locale
) -> None:
    told, subject = sentence(kind, data, locale), subject_line(kind, data, locale)
    assert told.isprintable()
    assert told == told.strip()
    assert subject == subject.strip() != ""
    assert "None" not in told or any("None" in str(value) for value in data.values())
    assert "  " not in told
