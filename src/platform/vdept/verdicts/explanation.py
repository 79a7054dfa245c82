"""How a target's standing came about, line by line, in the order in which somebody would tell it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from vdept.kernel.clock import local_date
from vdept.kernel.errors import Words
from vdept.outcomes.models import Status
from vdept.outcomes.standings import Judgement
from vdept.targets.models import Basis, Direction, Rollup
from vdept.verdicts.sentences import (
    BASES,
    EACH_BESIDE_A_READING,
    GOALS_OF_ALL,
    RULES,
    STATUSES,
    Line,
    LineKind,
    said,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The reading that counts for a target, and where it comes from as far as the reader may know."""

    as_of: date
    source: str | None = None
    recorded_at: datetime | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """Everything that a target's standing follows from."""

    rollup: Rollup
    basis: Basis
    used: Basis
    direction: Direction
    goal: Decimal
    goal_high: Decimal | None
    baseline: Decimal | None
    measure: str
    plan_starts_on: date
    due_on: date
    as_of: date
    at_risk_points: Decimal
    off_track_points: Decimal
    value: Decimal | None
    beside: Decimal | None
    """The value on the other basis; ``beside_read``: it is the target's own reading."""
    attainment: Decimal | None
    expected: Decimal
    status: Status
    meets: bool
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    read: Read | None = None
    children: int = 0
    children_met: int = 0
    children_known: int = 0
    beside_read: bool = False
    tasks: tuple[Decimal, Decimal] | None = None
    """Of a milestone: the weight of its tasks, and of those of them that count as done; None: not for you."""
    phased: bool = False
    withdrawn: bool = False
    judged: Judgement | None = None
    """What the verdict says that counts, if one does."""

    @property
    def adds_up(self) -> bool:
        """Whether there is a value and it is what the children add up to, and not the target's own."""
        own = self.read is not None or self.rollup is Rollup.OWN
        return self.children > 0 and not own and self.value is not None

    def counts(self, *, read: bool) -> bool:
        """Whether a value counts children or work done: a percentage, whatever the indicator measures."""
        each = self.rollup is Rollup.EACH and self.children > 0 and not read
        return each or self.rollup is Rollup.MILESTONE

    @property
    def is_share(self) -> bool:
        """Whether the value that counts is such a percentage."""
        return self.counts(read=self.read is not None)


def lines_of_target(known: TargetFacts) -> list[Line]:
    """How a target's standing came about, in order."""
    counting = known.rollup in {Rollup.EACH, Rollup.MILESTONE}
    counts_up = known.children > 0 and (counting or known.read is None)
    lines: list[Line] = []
    if counts_up or known.rollup is Rollup.MILESTONE:
        rule = RULES[known.rollup] if known.is_share or not counting else EACH_BESIDE_A_READING
        lines.append(Line(LineKind.RULE, Words(*rule)))
    if counts_up:
        lines.append(_children(known))
    if known.rollup is Rollup.MILESTONE:
        if not known.children or (known.tasks is not None and known.tasks[0]):
            lines.append(_tasks(known))
    elif known.read is not None or not counts_up:
        lines.append(_reading(known))
    lines += [_value(known), *_beside(known), _goal(known), *_attainment(known)]
    if known.as_of <= known.due_on and known.status is not Status.PAUSED and not known.withdrawn:
        lines.append(_pace(known))
    lines.append(_status(known))
    return lines


def _reading(known: TargetFacts) -> Line:
    kind = BASES[known.used]
    read = known.read
    if read is None:
        if known.basis is Basis.REPORTED:  # the report comes first, and the measurement where there is none
            kind = Words("số đo hay báo cáo", "measured or reported")
        words = said(
            "Không có giá trị {kind} nào từ {start} đến {due}.",
            "There is no {kind} value from {start} to {due}.",
            kind=kind,
            start=known.plan_starts_on,
            due=known.due_on,
        )
        return Line(LineKind.READING, words)
    came = said(" từ {source}", " from {source}", source=read.source) if read.source else Words("", "")
    if read.recorded_at is not None:
        at = said(", ghi nhận {at}", ", recorded on {at}", at=local_date(read.recorded_at))
        came = Words(came.vi + at.vi, came.en + at.en)
    if read.sha256 is not None:
        came = Words(f"{came.vi}, SHA-256 {read.sha256}", f"{came.en}, SHA-256 {read.sha256}")
    above = (
        (
            "; vì đơn vị có số liệu của mình nên không cộng từ chỉ tiêu con",
            "; it stands before its children's",
        )
        if known.children
        else ("", "")
    )
    words = said(
        "Giá trị {kind} mới nhất là của ngày {as_of}{came}{above}.",
        "The latest {kind} value is of {as_of}{came}{above}.",
        kind=kind,
        as_of=read.as_of,
        came=came,
        above=Words(*above),
    )
    return Line(LineKind.READING, words, known.value, read.as_of)


def _children(known: TargetFacts) -> Line:
    words = said(
        "{children} chỉ tiêu con, {known} có giá trị {kind}, {met} đạt.",
        "{children} children, {known} with a {kind} value, {met} met.",
        children=known.children,
        known=known.children_known,
        kind=BASES[known.used],
        met=known.children_met,
    )
    return Line(LineKind.CHILDREN, words, Decimal(known.children))


def _tasks(known: TargetFacts) -> Line:
    if known.tasks is None:
        words = Words(
            "Số liệu về các nhiệm vụ của cột mốc không dành cho bạn.",
            "The figures of the milestone's tasks are not for you.",
        )
        return Line(LineKind.TASKS, words)
    if not known.tasks[0]:
        words = Words("Chưa có nhiệm vụ nào gắn với cột mốc.", "No task is linked to the milestone.")
        return Line(LineKind.TASKS, words)
    weight, done = known.tasks
    state = (
        Words("đã nghiệm thu", "verified") if known.used is Basis.MEASURED else Words("đã giao", "delivered")
    )
    words = said(
        "Trọng số các nhiệm vụ {state} đúng hạn là {done} trên {weight}.",
        "Of the tasks' weight, {weight}, {done} was {state} in time.",
        state=state,
        done=done,
        weight=weight,
    )
    return Line(LineKind.TASKS, words, done)


def _value(known: TargetFacts) -> Line:
    if known.value is None:
        words = Words(
            "Không có giá trị, nên không thể đạt.", "There is no value, and without one nothing is met."
        )
        return Line(LineKind.VALUE, words)
    parts = known.numerator is not None and known.denominator is not None
    words = said(
        "Giá trị dùng để kết luận ({kind}): {value} {measure}"
        + (" = 100 × {above} / {below}." if parts else "."),
        "The value that counts ({kind}): {value} {measure}"
        + (" = 100 × {above} / {below}." if parts else "."),
        kind=BASES[known.used],
        value=known.value,
        measure="%" if known.is_share else known.measure,
        above=known.numerator,
        below=known.denominator,
    )
    return Line(LineKind.VALUE, words, known.value)


def _beside(known: TargetFacts) -> Iterable[Line]:
    """The value on the other basis: shown, and not counted."""
    if known.beside is not None:
        other = Basis.REPORTED if known.used is Basis.MEASURED else Basis.MEASURED
        words = said(
            "Giá trị {kind} {value} {measure} được ghi bên cạnh, không dùng để kết luận.",
            "The {kind} value, {value} {measure}, stands beside it and does not count.",
            kind=BASES[other],
            value=known.beside,
            measure="%" if known.counts(read=known.beside_read) else known.measure,
        )
        yield Line(LineKind.BESIDE, words, known.beside)


def _goal(known: TargetFacts) -> Line:
    if known.is_share:
        words = said(*GOALS_OF_ALL[known.rollup is Rollup.MILESTONE, known.children > 0], due=known.due_on)
        return Line(LineKind.GOAL, words, Decimal(100), known.due_on)
    aim = {
        Direction.AT_LEAST: ("ít nhất {goal}", "at least {goal}"),
        Direction.AT_MOST: ("không quá {goal}", "at most {goal}"),
        Direction.BETWEEN: ("từ {goal} đến {high}", "from {goal} to {high}"),
    }[known.direction]
    words = said(
        f"Phải đạt {aim[0]} {{measure}} vào {{due}}.",
        f"It must be {aim[1]} {{measure}} by {{due}}.",
        goal=known.goal,
        high=known.goal if known.goal_high is None else known.goal_high,
        measure=known.measure,
        due=known.due_on,
    )
    return Line(LineKind.GOAL, words, known.goal, known.due_on)


def _attainment(known: TargetFacts) -> Iterable[Line]:
    if known.attainment is None:
        return
    way: tuple[str, str] = (" từ mức đầu kỳ {baseline}", " from the baseline {baseline}")
    if known.baseline is None or known.is_share:
        way = ("", "")
    words = said(
        f"Đã đi được {{share}} % quãng đường{way[0]}.",
        f"That is {{share}} per cent of the way{way[1]}.",
        share=100 * known.attainment,
        baseline=known.baseline,
    )
    yield Line(LineKind.ATTAINMENT, words, known.attainment)


def _pace(known: TargetFacts) -> Line:
    behind = 100 * (known.expected - (known.attainment or Decimal(0)))
    by = (" theo các mốc", " by its phases") if known.phased else ("", "")
    words = said(
        f"Đến {{on}} cần đi được {{expected}} %{by[0]}; đang chậm {{behind}} điểm "
        "(ngưỡng {risk} và {off}).",
        f"By {{on}} it should be {{expected}} per cent{by[1]}; it is {{behind}} points behind (thresholds "
        "{risk} and {off}).",
        on=known.as_of,
        expected=100 * known.expected,
        behind=max(behind, Decimal(0)),
        risk=known.at_risk_points,
        off=known.off_track_points,
    )
    return Line(LineKind.PACE, words, known.expected, known.as_of)


def _status(known: TargetFacts) -> Line:
    if known.withdrawn:
        words = Words(
            "Chỉ tiêu đã được thu hồi: không tính vào đâu và không có kết luận.",
            "The target was taken back: it counts nowhere and has no verdict.",
        )
        return Line(LineKind.STATUS, words, on=known.as_of)
    if known.status is Status.PAUSED and known.judged is not None:
        words = said(
            "Kết luận: {status}; chỉ tiêu được tạm dừng sau khi đến hạn.",
            "Verdict: {status}; it was paused after it was due.",
            status=STATUSES[Status(known.judged)],
        )
        return Line(LineKind.STATUS, words, on=known.as_of)
    due = known.status in {Status.MET, Status.NOT_MET}
    words = said(
        "Kết luận: {status}." if due else "Tình trạng ngày {on}: {status}.",
        "Verdict: {status}." if due else "Status on {on}: {status}.",
        status=STATUSES[known.status],
        on=known.as_of,
    )
    return Line(LineKind.STATUS, words, on=known.as_of)
