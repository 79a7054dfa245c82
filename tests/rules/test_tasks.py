"""The rules of tasks: the state machine, timeliness, progress, cycles, and what people may type in."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vdept.kernel.errors import Locale, Refused
from vdept.tasks import errors, rules
from vdept.tasks.models import ParticipantRole, TaskState, Timeliness
from vdept.tasks.rules import Step

S = TaskState
DUE = date(2026, 6, 30)
STATES = st.sampled_from(list(TaskState))

ALLOWED = {
    (Step.OFFER, S.OPEN): S.OFFERED,
    (Step.OFFER, S.DECLINED): S.OFFERED,
    (Step.REOPEN, S.DECLINED): S.OPEN,
    (Step.VOLUNTEER, S.OPEN): S.ACCEPTED,
    (Step.ACCEPT, S.OFFERED): S.ACCEPTED,
    (Step.DECLINE, S.OFFERED): S.DECLINED,
    (Step.START, S.ACCEPTED): S.IN_PROGRESS,
    (Step.DELIVER, S.IN_PROGRESS): S.DELIVERED,
    (Step.VERIFY, S.DELIVERED): S.VERIFIED,
    (Step.SEND_BACK, S.DELIVERED): S.IN_PROGRESS,
    (Step.PAUSE, S.OFFERED): S.PAUSED,
    (Step.PAUSE, S.ACCEPTED): S.PAUSED,
    (Step.PAUSE, S.IN_PROGRESS): S.PAUSED,
    (Step.RESUME, S.PAUSED): S.ACCEPTED,
    (Step.CANCEL, S.OPEN): S.CANCELLED,
    (Step.CANCEL, S.OFFERED): S.CANCELLED,
    (Step.CANCEL, S.ACCEPTED): S.CANCELLED,
    (Step.CANCEL, S.IN_PROGRESS): S.CANCELLED,
    (Step.CANCEL, S.DECLINED): S.CANCELLED,
    (Step.CANCEL, S.PAUSED): S.CANCELLED,
}


def refused(call: object, *args: object) -> Refused:
    with pytest.raises(Refused) as caught:
        call(*args)  # type: ignore[operator]
    return caught.value


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize("state", list(TaskState))
def test_a_step_leads_where_the_table_says_or_is_refused(step: Step, state: TaskState) -> None:
    if (step, state) in ALLOWED:
        assert rules.step_to(step, state, S.ACCEPTED) is ALLOWED[step, state]
        return
    no = refused(rules.step_to, step, state, S.ACCEPTED)
    assert no.path == ("taskId",)
    assert no.code in {"TASK_WRONG_STATE", "TASK_ACCEPTED_IS_FINISHED"}
    assert state.value in no.message(Locale.VI)
    assert state.value in no.message(Locale.EN)


@pytest.mark.parametrize("state", [S.ACCEPTED, S.IN_PROGRESS, S.DELIVERED, S.VERIFIED])
def test_what_is_accepted_is_finished(state: TaskState) -> None:
    assert refused(rules.step_to, Step.DECLINE, state).code == "TASK_ACCEPTED_IS_FINISHED"


@pytest.mark.parametrize("state", [S.OPEN, S.DECLINED, S.PAUSED, S.CANCELLED])
def test_what_was_never_offered_cannot_be_declined(state: TaskState) -> None:
    assert refused(rules.step_to, Step.DECLINE, state).code == "TASK_WRONG_STATE"


@pytest.mark.parametrize("paused_from", [S.OFFERED, S.ACCEPTED, S.IN_PROGRESS])
def test_a_paused_task_resumes_where_it_was_paused(paused_from: TaskState) -> None:
    assert rules.step_to(Step.RESUME, S.PAUSED, paused_from) is paused_from


def test_nothing_follows_a_final_state() -> None:
    sources = {state for each in rules.TRANSITIONS.values() for state in each.sources}
    assert set(TaskState) - sources == set(rules.FINAL_STATES) == {S.VERIFIED, S.CANCELLED}


class Life(RuleBasedStateMachine):
    """Any sequence of steps keeps to the table, and remembers where a pause came from."""

    def __init__(self) -> None:
        super().__init__()
        self.state: TaskState = S.OPEN
        self.paused_from: TaskState | None = None
        self.had_a_lead = False
        self.finished = False

    @rule(step=st.sampled_from(list(Step)))
    def take(self, step: Step) -> None:
        before = self.state
        try:
            after = rules.step_to(step, before, self.paused_from)
        except Refused:
            allowed = {each for each, state in ALLOWED if state is before}
            assert step not in allowed
            return
        expected = self.paused_from if step is Step.RESUME else ALLOWED[step, before]
        assert after is expected
        self.paused_from = before if step is Step.PAUSE else None
        self.state = after
        self.had_a_lead = after is not S.OPEN and (self.had_a_lead or after is not S.CANCELLED)

    @invariant()
    def a_pause_has_an_origin(self) -> None:
        assert (self.state is S.PAUSED) == (self.paused_from is not None)

    @invariant()
    def work_has_a_lead(self) -> None:
        assert self.had_a_lead or self.state in {S.OPEN, S.CANCELLED}


TestLife = Life.TestCase


def test_a_blank_reason_is_no_reason() -> None:
    assert refused(rules.require_reason, " \n ").code == "TASK_REASON_REQUIRED"
    assert refused(rules.require_reason, "x" * 4_001).code == "INVALID_VALUE"
    assert rules.require_reason(" quá tải ") == "quá tải"


@pytest.mark.parametrize("state", [S.OPEN, S.OFFERED, S.ACCEPTED, S.IN_PROGRESS])
def test_open_work_is_overdue_from_the_day_after_its_due_date(state: TaskState) -> None:
    assert rules.timeliness(state, DUE, None, DUE) is Timeliness.OPEN_IN_TIME
    assert rules.timeliness(state, DUE, None, DUE + timedelta(days=1)) is Timeliness.OPEN_OVERDUE


@pytest.mark.parametrize("state", [S.DELIVERED, S.VERIFIED])
def test_done_work_is_late_when_delivered_after_its_due_date_whenever_one_looks(state: TaskState) -> None:
    for today in (DUE - timedelta(days=9), DUE + timedelta(days=90)):
        assert rules.timeliness(state, DUE, DUE, today) is Timeliness.DONE_ON_TIME
        assert rules.timeliness(state, DUE, DUE + timedelta(days=1), today) is Timeliness.DONE_LATE


@given(state=st.sampled_from([S.DECLINED, S.PAUSED, S.CANCELLED]), days=st.integers(-400, 400))
def test_clocks_stop_for_what_is_paused_cancelled_or_declined(state: TaskState, days: int) -> None:
    assert rules.timeliness(state, DUE, None, DUE + timedelta(days=days)) is None
    assert not rules.is_open(state)


@given(state=STATES, days=st.integers(-400, 400), delivered=st.integers(-400, 400))
def test_every_open_or_done_task_has_exactly_one_class(state: TaskState, days: int, delivered: int) -> None:
    done = state in rules.DONE_STATES
    delivered_on = DUE + timedelta(days=delivered) if done else None
    found = rules.timeliness(state, DUE, delivered_on, DUE + timedelta(days=days))
    assert (found is not None) == (done or rules.is_open(state))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], "0.00"),
        ([(1, 40)], "40.00"),
        ([(1, 100), (1, 0), (1, 0)], "33.33"),
        ([(2, 100), (1, 0)], "66.67"),
        ([(0, 100), (3, 10)], "10.00"),
        ([(0, 100), (0, 0)], "50.00"),
        ([(0, 100), (0, 0), (0, 0)], "33.33"),
        ([(0, 0)], "0.00"),
        # exactly half of a hundredth goes up: 1/200 of 1 and of 3
        ([(1, 1), (199, 0)], "0.01"),
        ([(1, 3), (199, 0)], "0.02"),
        ([(1_000_000, 100)] * 50, "100.00"),
    ],
)
def test_progress_is_the_share_weighted_mean(parts: list[tuple[int, int]], expected: str) -> None:
    found = rules.task_progress(parts)
    assert found == Decimal(expected)
    assert str(found) == expected


PARTS = st.lists(st.tuples(st.integers(0, rules.MAX_SHARE), st.integers(0, 100)), max_size=12)


@given(parts=PARTS)
def test_progress_is_the_exact_mean_rounded_once(parts: list[tuple[int, int]]) -> None:
    weights = [share for share, _ in parts]
    if not sum(weights):
        weights = [1] * len(parts)
    exact = (
        Fraction(sum(w * p for w, (_, p) in zip(weights, parts, strict=True)), sum(weights))
        if parts
        else Fraction(0)
    )
    found = Fraction(rules.task_progress(parts))
    assert -Fraction(1, 200) < found - exact <= Fraction(1, 200)
    assert 0 <= found <= 100


@given(parts=PARTS, order=st.randoms(use_true_random=False))
def test_progress_does_not_depend_on_the_order_of_participants(
    parts: list[tuple[int, int]], order: "object"
) -> None:
    shuffled = list(parts)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rules.task_progress(shuffled) == rules.task_progress(parts)


@pytest.mark.parametrize("progress", [-1, 101])
def test_progress_outside_0_to_100_is_refused(progress: int) -> None:
    no = refused(rules.require_progress, progress)
    assert (no.code, no.path) == ("TASK_PROGRESS_RANGE", ("progress",))


@pytest.mark.parametrize("share", [-1, rules.MAX_SHARE + 1])
def test_a_share_outside_its_range_is_refused(share: int) -> None:
    assert refused(rules.require_share, share, "share").code == "TASK_SHARE_RANGE"


@pytest.mark.parametrize("weight", ["0", "-1", "0.0000001", "1000000000", "NaN", "Infinity", "sNaN"])
def test_a_weight_that_is_not_positive_or_cannot_be_kept_exactly_is_refused(weight: str) -> None:
    assert refused(rules.require_weight, Decimal(weight), "w").code == "TASK_WEIGHT_NOT_POSITIVE"


@pytest.mark.parametrize("weight", ["1", "0.000001", "999999999.999999"])
def test_a_weight_with_up_to_six_decimals_is_kept(weight: str) -> None:
    rules.require_weight(Decimal(weight), "w")


def test_a_due_date_lies_ahead_and_within_the_plan() -> None:
    cycle = (date(2026, 1, 1), date(2026, 12, 31))
    rules.require_due(DUE, DUE, cycle, "dueOn")
    rules.require_due(date(2027, 1, 1), DUE, None, "dueOn")
    assert refused(rules.require_due, DUE - timedelta(days=1), DUE, cycle, "dueOn").code == "TASK_DUE_IN_PAST"
    assert refused(rules.require_due, date(2027, 1, 1), DUE, cycle, "d").code == "TASK_DUE_OUTSIDE_PLAN"
    early = refused(rules.require_due, date(2025, 12, 31), date(2025, 1, 1), cycle, "d")
    assert early.code == "TASK_DUE_OUTSIDE_PLAN"


def test_the_gate_names_the_roles_that_are_missing() -> None:
    rules.require_three_roles(list(rules.THREE_ROLES))
    no = refused(rules.require_three_roles, [ParticipantRole.BUILDER, ParticipantRole.CONTRIBUTOR])
    assert no.code == "TASK_ROLES_MISSING"
    assert no.params["roles"] == "PROBLEM_OWNER, USER"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "dichvucong.gov.vn",
        "ftp://x.vn/a",
        "javascript:alert(1)",
        "http://",
        "https:///path",
        "https://x.vn/a b",
        "https://x.vn/\n/a",
        "https://x.vn/\x00",
        "http://[::1",
        "https://x.vn:99999/",
        "https://x.vn/" + "a" * 2_000,
    ],
)
def test_evidence_that_is_not_a_web_address_is_refused(url: str) -> None:
    assert refused(rules.require_url, url, "url").code == "TASK_EVIDENCE_URL"


@pytest.mark.parametrize(
    "url", ["http://x.vn", "https://dichvucong.gov.vn/số-liệu?y=2026#1", "HTTPS://X.VN/"]
)
def test_evidence_is_a_web_address(url: str) -> None:
    assert rules.require_url(f" {url} ", "url") == url


@given(text=st.text(max_size=60))
def test_no_text_breaks_the_check_of_addresses(text: str) -> None:
    for url in (text, f"https://{text}"):
        try:
            kept = rules.require_url(url, "url")
        except Refused:
            continue
        assert kept.lower().startswith(("http://", "https://"))


EDGES = st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), max_size=14)


def reachable(edges: Iterable[tuple[int, int]], start: int) -> set[int]:
    edges, found, size = list(edges), {start}, 0
    while size != len(found):
        size = len(found)
        found |= {b for a, b in edges if a in found}
    return found


@given(edges=EDGES, start=st.integers(1, 7), end=st.integers(1, 7))
def test_an_edge_closes_a_cycle_when_its_end_leads_back_to_its_start(
    edges: list[tuple[int, int]], start: int, end: int
) -> None:
    assert rules.makes_cycle(edges, start, end) == (start in reachable(edges, end))


@given(edges=EDGES)
def test_adding_only_edges_that_close_no_cycle_leaves_none(edges: list[tuple[int, int]]) -> None:
    kept: list[tuple[int, int]] = []
    for a, b in edges:
        if not rules.makes_cycle(kept, a, b):
            kept.append((a, b))
    assert not any(a in reachable(kept, b) for a, b in kept)


def test_every_refusal_of_tasks_says_what_to_do_in_both_languages() -> None:
    declared = [each for name, each in vars(errors).items() if name.startswith("TASK_")]
    assert len(declared) > 30
    for each in declared:
        for sentence in (each.vi, each.en):
            assert sentence[-1] in ".)"
            assert sentence.count("{") == sentence.count("}")
