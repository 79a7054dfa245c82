"""What became of each step of the reminder policy, in words. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from vdept.calendars.rules import Calendar
from vdept.deadlines.explanation import Line, LineKind, StepFate, count_of, said
from vdept.deadlines.models import Dropped, Recipient
from vdept.deadlines.rules import ROLES, PolicyStep
from vdept.kernel.errors import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The reminders of one step to one role: how many there are, and how far they have come."""

    step: int
    recipient: Recipient
    sent: int = 0
    waiting: int = 0
    dropped: Sequence[Dropped] = ()
    folded: Sequence[int] = ()
    counted: bool = True
    """Whether it is said how many there are: whom a step reaches tells who holds which office."""


FATES: Mapping[StepFate, Words] = {
    StepFate.SENT: Words("đã gửi {n} người", "sent to {n}"),
    StepFate.FOLDED: Words("gộp vào lần nhắc sau", "folded into a later one"),
    StepFate.DROPPED: Words("không gửi: {why}", "not sent: {why}"),
    StepFate.WAITING: Words("đang chờ gửi", "about to be sent"),
    StepFate.TO_COME: Words("sẽ gửi", "still to come"),
    StepFate.NOT_SENT: Words("không gửi khi đến ngày", "not sent when its day came"),
    StepFate.STOPPED: Words("không gửi nữa", "will not be sent"),
}
SENT_TO_SOMEBODY = Words("đã gửi", "sent")
WHY_DROPPED: Mapping[Dropped, Words] = {
    Dropped.DONE: Words("đã hoàn thành", "it was done"),
    Dropped.PAUSED: Words("đang tạm dừng", "it was paused"),
    Dropped.CANCELLED: Words("đã hủy", "it was cancelled"),
    Dropped.DECLINED: Words("đã bị từ chối", "it was declined"),
    Dropped.MOVED: Words("hạn hoặc lịch đã đổi", "the date or the calendar had moved"),
    Dropped.RECIPIENT_LEFT: Words("người nhận không còn giữ chức vụ", "whoever it was for had left"),
}


def step_lines(
    calendar: Calendar,
    due_on: date,
    today: date,
    steps: Iterable[PolicyStep],
    told: Iterable[Told],
    *,
    running: bool,
) -> list[Line]:
    """A line for each step of the policy: its date, its role, and what became of it."""
    mine_of = {(one.step, one.recipient): one for one in told}
    folded = {(step, one.recipient) for one in mine_of.values() for step in one.folded}
    lines = []
    for step, recipient in steps:
        try:
            on = calendar.step(due_on, step)
        except (ValueError, OverflowError):  # there are no dates beyond the year 9999
            continue
        mine = mine_of.get((step, recipient))
        fate = _fate(mine, (step, recipient) in folded, on, today, running=running)
        lines.append(_step_line(step, recipient, on, fate, mine))
    return lines


def _fate(mine: Told | None, folded: bool, on: date, today: date, *, running: bool) -> StepFate:
    if mine is not None and mine.sent:
        return StepFate.SENT
    if mine is not None and mine.waiting:
        return StepFate.WAITING
    if mine is not None and mine.dropped:
        return StepFate.DROPPED
    if folded:
        return StepFate.FOLDED
    if on < today:
        return StepFate.NOT_SENT
    return StepFate.TO_COME if running else StepFate.STOPPED


def _step_line(step: int, recipient: Recipient, on: date, fate: StepFate, mine: Told | None) -> Line:
    why = mine.dropped[0] if mine is not None and mine.dropped else None
    reason = WHY_DROPPED[why] if why is not None else Words("", "")
    sent = mine.sent if mine is not None and mine.counted else 0
    became = FATES[fate] if sent or fate is not StepFate.SENT else SENT_TO_SOMEBODY
    vi = became.vi.format(n=sent, why=reason.vi)
    en = became.en.format(n="one person" if sent == 1 else f"{sent} people", why=reason.en)
    count = count_of(abs(step))
    when = (
        Words(f"Trước hạn {count.vi}", f"{count.en} before the due date")
        if step < 0
        else Words(f"Sau hạn {count.vi}", f"{count.en} after the due date")
        if step
        else Words("Đúng ngày đến hạn", "On the due date")
    )
    role = ROLES[recipient]
    words = said(f"{when.vi}, {{on}}: {role.vi} — {vi}.", f"{when.en}, {{on}}: {role.en} — {en}.", on=on)
    return Line(
        kind=LineKind.STEP,
        words=words,
        on=on,
        step=step,
        recipient=recipient,
        fate=fate,
        people=sent or None,
    )
