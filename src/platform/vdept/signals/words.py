"""What a signal says, and when its detector is wrong; in the reader's language. Pure.

Evidence is kept for years and read with the words of today: every value may be missing, and then the sentence
is shorter.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from vdept.kernel.errors import Locale, Words
from vdept.notifications.facts import day
from vdept.signals.models import Detector
from vdept.warnings.said import Said

_BASES: Final = {
    "MEASURED": ("Số đo", "The measured value"),
    "REPORTED": ("Số báo cáo", "The reported value"),
}
_JUDGEMENTS: Final = {"MET": ("đạt", "met"), "NOT_MET": ("không đạt", "not met")}


def sentence(detector: Detector, evidence: Mapping[str, Any], locale: Locale) -> str:
    """What looks unusual, with the figures that show it."""
    return _SENTENCES[detector](_Said(evidence, locale))


def note(detector: Detector, locale: Locale) -> str:
    """When this detector is wrong."""
    words = NOTES[detector]
    return words.vi if locale is Locale.VI else words.en


NOTES: Final[Mapping[Detector, Words]] = {
    Detector.DRIFT: Words(
        "Có thể không có gì sai: báo cáo và phép đo có thể tính vào thời điểm hoặc phạm vi khác nhau, hoặc "
        "hệ thống đo đang nhận số liệu chậm dần. Hãy đối chiếu cách tính của hai bên.",
        "It may mean nothing: report and measurement may be of different times or scopes, or the measuring "
        "system receives its data later and later. Compare how both are computed.",
    ),
    Detector.JUMP: Words(
        "Có thể không có gì sai: một đợt cao điểm, một thay đổi chính sách, sáp nhập đơn vị hoặc đổi cách đo "
        "đều tạo ra giá trị lệch. Hãy cho biết điều gì đã xảy ra vào ngày đó.",
        "It may mean nothing: a campaign, a new rule, merged units or another way of measuring make such a "
        "value, too. Say what happened on that day.",
    ),
    Detector.COPIED: Words(
        "Có thể không có gì sai: các đơn vị có thể dùng chung một số liệu được giao hoặc một nguồn chung. "
        "Hãy cho biết số liệu lấy từ đâu.",
        "It may mean nothing: units may have been given one common figure, or draw on one source. Say where "
        "the values come from.",
    ),
    Detector.RUSH: Words(
        "Có thể không có gì sai: nhiều việc có thể cùng chờ một quyết định, hoặc được cập nhật dồn sau khi "
        "đã làm xong từ trước. Hãy cho biết kết quả có từ khi nào.",
        "It may mean nothing: many tasks may have waited for one decision, or were done earlier and entered "
        "all at once. Say when the results were there.",
    ),
    Detector.BACKDATED: Words(
        "Có thể không có gì sai: số liệu chính thức thường có chậm, và đính chính là việc nên làm. Hãy cho "
        "biết vì sao số liệu được nhập muộn và căn cứ của nó.",
        "It may mean nothing: official figures often come late, and corrections are welcome. Say why the "
        "value came late, and what it rests on.",
    ),
    Detector.PING_PONG: Words(
        "Có thể không có gì sai: kết quả được hoàn thiện dần qua nhiều lần góp ý là cách làm tốt. Hãy cho "
        "biết việc thuộc đơn vị nào và còn vướng gì.",
        "It may mean nothing: a result that becomes better in several rounds is good work. Say whose task it "
        "is, and what stands in its way.",
    ),
    Detector.SAME_ANSWER: Words(
        "Có thể không có gì sai: nhiều cảnh báo có thể có chung một nguyên nhân và một cách xử lý. Hãy cho "
        "biết câu trả lời áp dụng cho từng việc ra sao.",
        "It may mean nothing: several warnings may have one cause and one remedy. Say how the answer fits "
        "each of them.",
    ),
}


class _Said(Said):
    """The values of one piece of evidence; what a signal says beside what warnings say, too."""

    def hour(self, name: str) -> str:
        """A time of day with its date."""
        value = str(self.evidence.get(name))
        on = day(value[:10], self.locale)
        return f"{value[11:]}, {on}" if on else "?"

    def word(self, name: str, words: Mapping[str, tuple[str, str]]) -> str:
        return self.pick(*words.get(str(self.evidence.get(name)), ("?", "?")))

    def names(self, name: str) -> str:
        value = self.evidence.get(name)
        return ", ".join(str(each) for each in value) if isinstance(value, list) else ""


def _drift(said: _Said) -> str:
    if not said.has("readings", "since", "until", "first_gap", "last_gap"):
        return said.pick("Số báo cáo ngày càng xa số đo.", "What is reported moves away from the measured.")
    n, since, until = said.number("readings"), said.day("since"), said.day("until")
    first, last = said.number("first_gap"), said.number("last_gap")
    return said.pick(
        f"Qua {n} kỳ liên tiếp từ {since} đến {until}, số báo cáo xa dần số đo: chênh lệch từ {first} lên "
        f"{last} (báo cáo {said.number('reported')}, đo được {said.number('measured')}).",
        f"Over {n} readings in a row, from {since} to {until}, the report moved away from the measured "
        f"value: the gap grew from {first} to {last} (reported {said.number('reported')}, measured "
        f"{said.number('measured')}).",
    )


def _jump(said: _Said) -> str:
    if not said.has("basis", "as_of", "value", "median", "z", "readings"):
        return said.pick("Một giá trị lệch hẳn khỏi chuỗi.", "A value lies far from the rest of its series.")
    what, on, value = said.word("basis", _BASES), said.day("as_of"), said.number("value")
    middle, z, n = said.number("median"), said.number("z"), said.number("readings")
    return said.pick(
        f"{what} ngày {on} là {value}, trong khi trung vị của {n} giá trị là {middle} "
        f"(điểm z bền vững {z}, ngưỡng 6).",
        f"{what} of {on} is {value}, where the median of {n} values is {middle} (robust z-score {z}, the "
        "threshold is 6).",
    )


def _copied(said: _Said) -> str:
    if not said.has("units", "since", "until"):
        return said.pick("Các đơn vị báo cáo cùng một chuỗi số.", "Units report the same series of values.")
    names, run = said.names("names"), said.names("values")
    units, since, until = said.number("units"), said.day("since"), said.day("until")
    return said.pick(
        f"{units} đơn vị báo cáo cùng một chuỗi số ({run}) vào cùng các ngày từ {since} đến {until}; các đơn "
        f"vị kia: {names}.",
        f"{units} units report the same values ({run}) on the same dates from {since} to {until}; the "
        f"others: {names}.",
    )


def _rush(said: _Said) -> str:
    if not said.has("due", "rushed", "in_an_hour", "since", "hour"):
        return said.pick(
            "Nhiều việc hoàn thành dồn ngay trước hạn.", "Many tasks were finished at once, just before due."
        )
    rushed, due, hour = said.number("rushed"), said.number("due"), said.number("in_an_hour")
    return said.pick(
        f"{rushed} trong {due} việc có hạn trong tuần từ {said.day('since')} được hoàn thành trong hai ngày "
        f"cuối, riêng {hour} việc trong một giờ từ {said.hour('hour')}.",
        f"{rushed} of {due} tasks due in the week of {said.day('since')} were finished in their last two "
        f"days, {hour} of them within an hour from {said.hour('hour')}.",
    )


def _backdated(said: _Said) -> str:
    if not said.has("due_on", "count", "as_of", "recorded_on", "days"):
        return said.pick("Số liệu được nhập lùi ngày.", "Values were entered long after their date.")
    count, due, days = said.number("count"), said.day("due_on"), said.number("days")
    as_of, on = said.day("as_of"), said.day("recorded_on")
    more = ""
    if said.has("was", "judgement"):
        was, now = said.word("was", _JUDGEMENTS), said.word("judgement", _JUDGEMENTS)
        more = said.pick(f" Kết luận đổi từ {was} sang {now}.", f" The verdict went from {was} to {now}.")
    values = said.pick(f"{count} giá trị", f"{count} value{'s' if count != '1' else ''}")
    return (
        said.pick(
            f"{values} được nhập lùi ngày cho chỉ tiêu có hạn {due}: giá trị của ngày {as_of} được nhập ngày "
            f"{on}, sau {days} ngày.",
            f"{values} for a target due on {due} came late: that of {as_of} was entered on {on}, {days} days "
            "after.",
        )
        + more
    )


def _ping_pong(said: _Said) -> str:
    if not said.has("times", "since", "until"):
        return said.pick("Một việc bị chuyển qua lại.", "A task goes back and forth between units.")
    times, since, until = said.number("times"), said.day("since"), said.day("until")
    back, declined = said.number("sent_back"), said.number("declined")
    return said.pick(
        f"Từ {since} đến {until} việc này quay lại {times} lần: {back} lần bị trả lại, {declined} lần bị từ "
        "chối.",
        f"From {since} to {until} this task came back {times} times: sent back {back}, declined {declined}.",
    )


def _same_answer(said: _Said) -> str:
    if not said.has("answers", "similarity"):
        return said.pick(
            "Các câu hỏi khác nhau nhận câu trả lời gần như giống nhau.",
            "Different questions were given nearly the same answer.",
        )
    answers, alike = said.number("answers"), said.number("similarity")
    excerpt = str(said.evidence.get("excerpt") or "")
    return said.pick(
        f"{answers} cảnh báo khác nhau nhận câu trả lời giống nhau đến {alike} %: “{excerpt}”.",
        f"{answers} different warnings were given answers that are up to {alike} % the same: “{excerpt}”.",
    )


_SENTENCES: Final[Mapping[Detector, Callable[[_Said], str]]] = {
    Detector.DRIFT: _drift,
    Detector.JUMP: _jump,
    Detector.COPIED: _copied,
    Detector.RUSH: _rush,
    Detector.BACKDATED: _backdated,
    Detector.PING_PONG: _ping_pong,
    Detector.SAME_ANSWER: _same_answer,
}
