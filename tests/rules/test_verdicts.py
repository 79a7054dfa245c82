"""How a figure came about: the parts add up, the lines say the numbers, in both languages."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.kernel.errors import Locale
from vdept.outcomes.models import Status
from vdept.outcomes.rules import Child, rolled_up, share_of
from vdept.targets.models import Basis, Direction, Rollup
from vdept.verdicts.explanation import Read, TargetFacts, lines_of_target
from vdept.verdicts.explanation_of_units import UnitFacts, lines_of_unit
from vdept.verdicts.parts import Part, figure, part_of, target_part, unit_attainment
from vdept.verdicts.sentences import LineKind, number, said

D = Decimal
QUANTITIES = st.decimals(-(10**9), 10**9, places=6)
POSITIVE = st.decimals("0.000001", 10**9, places=6)


@st.composite
def children(draw: st.DrawFn) -> list[Child]:
    made = []
    for _ in range(draw(st.integers(1, 8))):
        value = draw(st.none() | QUANTITIES)
        ratio = value is not None and draw(st.booleans())
        made.append(
            Child(
                value=value,
                numerator=draw(QUANTITIES) if ratio else None,
                denominator=draw(POSITIVE) if ratio else None,
                weight=draw(POSITIVE),
                meets=draw(st.booleans()),
            )
        )
    return made


@given(children(), st.sampled_from(list(Rollup)))
def test_the_parts_add_up_to_what_the_roll_up_says(below: list[Child], rule: Rollup) -> None:
    assert figure(rule, [part_of(rule, child) for child in below]) == rolled_up(rule, below)


@given(st.lists(st.tuples(st.none() | st.decimals(0, 1, places=6), POSITIVE), max_size=8))
def test_the_targets_add_up_to_the_unit(targets: list[tuple[Decimal | None, Decimal]]) -> None:
    """As the roll-up does it: the sum of weighted attainments over the sum of the weights that have one."""
    valued = [(attained, weight) for attained, weight in targets if attained is not None]
    wanted = share_of(sum((a * w for a, w in valued), D(0)), sum((w for _, w in valued), D(0)))
    assert unit_attainment([target_part(attained, weight) for attained, weight in targets]) == wanted


CHILD = Child(D(40), D(2), D(5), D(3), meets=True)


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        (Rollup.EACH, Part(D(100), D(1))),
        (Rollup.MILESTONE, Part(D(100), D(1))),
        (Rollup.SUM, Part(D(40), None)),
        (Rollup.MEAN, Part(D(40), D(1))),
        (Rollup.WEIGHTED_MEAN, Part(D(120), D(3))),
        (Rollup.RATIO, Part(D(200), D(5))),
        (Rollup.MIN, Part(D(40), None)),
        (Rollup.MAX, Part(D(40), None)),
        (Rollup.OWN, Part(None, None)),
    ],
    ids=lambda each: each.value if isinstance(each, Rollup) else "part",
)
def test_what_a_child_adds_depends_on_the_rule(rule: Rollup, part: Part) -> None:
    assert part_of(rule, CHILD) == part


def test_a_child_without_a_value_adds_nothing_but_counts_where_each_must_meet() -> None:
    nothing = Child(None, None, None, D(1), meets=False)
    assert part_of(Rollup.SUM, nothing) == Part(None, None, known=False)
    assert figure(Rollup.EACH, [part_of(Rollup.EACH, c) for c in (CHILD, nothing)]) == 50
    assert figure(Rollup.EACH, [part_of(Rollup.EACH, nothing)]) is None


FACTS = TargetFacts(
    rollup=Rollup.OWN,
    basis=Basis.MEASURED,
    used=Basis.MEASURED,
    direction=Direction.AT_LEAST,
    goal=D("62.5"),
    goal_high=None,
    baseline=D(10),
    measure="%",
    plan_starts_on=date(2026, 1, 1),
    due_on=date(2026, 6, 30),
    as_of=date(2026, 7, 1),
    at_risk_points=D(10),
    off_track_points=D(25),
    value=D("62.4"),
    beside=None,
    attainment=D("0.998095"),
    expected=D(1),
    status=Status.NOT_MET,
    meets=False,
    read=Read(
        as_of=date(2026, 6, 30),
        source="Cổng {x}",
        recorded_at=datetime(2026, 6, 30, 18, tzinfo=UTC),
        sha256="ab",
    ),
)


def told(facts: TargetFacts, locale: Locale = Locale.EN) -> dict[LineKind, str]:
    return {line.kind: line.sentence(locale) for line in lines_of_target(facts)}


def test_of_a_leaf_it_says_the_reading_the_value_the_goal_and_the_verdict() -> None:
    facts = replace(FACTS, numerator=D(624), denominator=D(1000), beside=D(63))
    assert [line.sentence(Locale.EN) for line in lines_of_target(facts)] == [
        "The latest measured value is of 30 June 2026 from Cổng {x}, recorded on 1 July 2026, SHA-256 ab.",
        "The value that counts (measured): 62.4 % = 100 × 624 / 1,000.",
        "The reported value, 63 %, stands beside it and does not count.",
        "It must be at least 62.5 % by 30 June 2026.",
        "That is 99.8095 per cent of the way from the baseline 10.",
        "Verdict: not met.",
    ]
    assert [line.sentence(Locale.VI) for line in lines_of_target(facts)] == [
        "Giá trị số đo mới nhất là của ngày 30/06/2026 từ Cổng {x}, ghi nhận 01/07/2026, SHA-256 ab.",
        "Giá trị dùng để kết luận (số đo): 62,4 % = 100 × 624 / 1.000.",
        "Giá trị báo cáo 63 % được ghi bên cạnh, không dùng để kết luận.",
        "Phải đạt ít nhất 62,5 % vào 30/06/2026.",
        "Đã đi được 99,8095 % quãng đường từ mức đầu kỳ 10.",
        "Kết luận: không đạt.",
    ]


def test_without_a_value_it_says_so() -> None:
    said_of = told(replace(FACTS, value=None, attainment=None, read=None))
    assert said_of[LineKind.READING] == "There is no measured value from 1 January 2026 to 30 June 2026."
    assert said_of[LineKind.VALUE] == "There is no value, and without one nothing is met."
    assert LineKind.ATTAINMENT not in said_of
    reports = told(replace(FACTS, value=None, attainment=None, read=None, basis=Basis.REPORTED))
    assert reports[LineKind.READING] == (
        "There is no measured or reported value from 1 January 2026 to 30 June 2026."
    )


def test_before_the_due_date_it_says_the_pace_and_the_thresholds_and_no_verdict() -> None:
    facts = replace(
        FACTS, as_of=date(2026, 4, 1), expected=D("0.5"), attainment=D("0.28"), status=Status.AT_RISK
    )
    assert told(facts)[LineKind.PACE] == (
        "By 1 April 2026 it should be 50 per cent; it is 22 points behind (thresholds 10 and 25)."
    )
    assert told(facts)[LineKind.STATUS] == "Status on 1 April 2026: at risk."
    assert "by its phases" in told(replace(facts, phased=True))[LineKind.PACE]
    assert LineKind.PACE not in told(replace(facts, status=Status.PAUSED))


def test_of_a_parent_it_says_the_rule_and_how_many_children_there_are() -> None:
    facts = replace(
        FACTS, rollup=Rollup.MEAN, read=None, children=3, children_known=2, children_met=1, value=D(5)
    )
    assert facts.adds_up
    each = replace(facts, rollup=Rollup.EACH, children_known=0, children_met=0, value=None)
    assert not each.adds_up, "none of three met would add up to 0, and there is no value at all"
    assert told(facts)[LineKind.RULE] == "The value is the mean of the children's that have one."
    assert told(facts)[LineKind.CHILDREN] == "3 children, 2 with a measured value, 1 met."
    assert LineKind.READING not in told(facts)


def test_the_own_reading_of_a_parent_stands_before_its_children() -> None:
    facts = replace(FACTS, rollup=Rollup.MEAN, children=3)
    assert not facts.adds_up
    assert told(facts)[LineKind.READING].endswith("; it stands before its children's.")
    assert LineKind.RULE not in told(facts)
    each = told(replace(facts, rollup=Rollup.EACH))
    assert each[LineKind.RULE] == (
        "The unit has a reading of its own; it is met only when that and all children are."
    )
    assert {LineKind.CHILDREN, LineKind.READING} <= set(each), "all children must meet"
    assert each[LineKind.GOAL] == "It must be at least 62.5 % by 30 June 2026."


def test_a_share_of_children_is_a_percentage_and_not_what_the_indicator_measures() -> None:
    """Nine of ten met: not “90 people”, not held against a child's goal, and from no baseline."""
    facts = replace(
        FACTS, rollup=Rollup.EACH, read=None, children=10, children_known=10, children_met=9, measure="người",
        value=D(90), goal=D(80), baseline=D(10), attainment=D("0.9"), beside=D(75), beside_read=True,
    )  # fmt: skip
    said_of = told(facts)
    assert said_of[LineKind.VALUE] == "The value that counts (measured): 90 %."
    assert said_of[LineKind.BESIDE] == "The reported value, 75 người, stands beside it and does not count."
    assert said_of[LineKind.GOAL] == "All children must be met by 30 June 2026."
    assert said_of[LineKind.ATTAINMENT] == "That is 90 per cent of the way."
    assert said_of[LineKind.STATUS] == "Verdict: not met."
    [goal] = [line for line in lines_of_target(facts) if line.kind is LineKind.GOAL]
    assert goal.value == 100
    beside = told(replace(facts, beside_read=False))[LineKind.BESIDE]
    assert beside == "The reported value, 75 %, stands beside it and does not count."


@pytest.mark.parametrize(
    ("children", "sentence"),
    [
        (0, "Mọi nhiệm vụ của cột mốc phải xong vào 30/06/2026."),
        (2, "Mọi chỉ tiêu con, và mọi nhiệm vụ gắn ở đây, phải xong vào 30/06/2026."),
    ],
)
def test_of_a_milestone_all_must_be_done_whatever_its_indicator(children: int, sentence: str) -> None:
    facts = replace(FACTS, rollup=Rollup.MILESTONE, read=None, children=children, measure="người", goal=D(1))
    assert told(facts, Locale.VI)[LineKind.GOAL] == sentence
    assert told(facts)[LineKind.VALUE] == "The value that counts (measured): 62.4 %."


@pytest.mark.parametrize(
    ("tasks", "used", "sentence"),
    [
        (None, Basis.MEASURED, "The figures of the milestone's tasks are not for you."),
        ((D(0), D(0)), Basis.MEASURED, "No task is linked to the milestone."),
        ((D(4), D(3)), Basis.MEASURED, "Of the tasks' weight, 4, 3 was verified in time."),
        ((D(4), D(4)), Basis.REPORTED, "Of the tasks' weight, 4, 4 was delivered in time."),
    ],
    ids=["hidden", "none", "verified", "delivered"],
)
def test_of_a_milestone_it_says_the_work(
    tasks: tuple[Decimal, Decimal] | None, used: Basis, sentence: str
) -> None:
    facts = replace(FACTS, rollup=Rollup.MILESTONE, read=None, tasks=tasks, used=used)
    assert told(facts)[LineKind.TASKS] == sentence


@pytest.mark.parametrize(
    ("direction", "high", "sentence"),
    [
        (Direction.AT_MOST, None, "It must be at most 62.5 % by 30 June 2026."),
        (Direction.BETWEEN, D(70), "It must be from 62.5 to 70 % by 30 June 2026."),
    ],
    ids=["at most", "between"],
)
def test_the_goal_is_said_in_its_direction(direction: Direction, high: Decimal | None, sentence: str) -> None:
    assert told(replace(FACTS, direction=direction, goal_high=high))[LineKind.GOAL] == sentence


UNIT = UnitFacts(
    as_of=date(2026, 7, 1),
    counts={Status.MET: 2, Status.NOT_MET: 1},
    binding=2,
    binding_met=1,
    attainment=D("0.75"),
    status=Status.NOT_MET,
    due=True,
)


def test_of_a_unit_it_says_its_targets_the_binding_ones_and_the_verdict() -> None:
    assert [line.sentence(Locale.EN) for line in lines_of_unit(UNIT)] == [
        "3 targets: 2 met, 1 not met.",
        "1 of 2 binding targets are met as things stand; the unit meets the plan when all are.",
        "The mean attainment of the targets that have a value, by their weights: 75 per cent.",
        "Verdict: not met.",
    ]
    assert lines_of_unit(replace(UNIT, binding_met=2))[-1].sentence(Locale.VI) == "Kết luận: đạt."


@pytest.mark.parametrize(
    "change", [{"due": False}, {"binding": 0, "due": True}], ids=["not due", "not bound"]
)
def test_a_unit_that_is_not_judged_is_told_why(change: dict[str, Any]) -> None:
    last = lines_of_unit(replace(UNIT, **change))[-1].sentence(Locale.EN)
    assert last.startswith("No verdict: ")
    assert last.endswith("Status on 1 July 2026: not met.")


@given(QUANTITIES)
def test_numbers_are_exact_in_both_languages(value: Decimal) -> None:
    assert D(number(value, Locale.EN).replace(",", "")) == value
    swapped = number(value, Locale.VI).translate(str.maketrans(",.", ".,"))
    assert swapped == number(value, Locale.EN)


@given(st.text(max_size=40))
def test_what_somebody_wrote_cannot_break_a_sentence(text: str) -> None:
    words = said("từ {x}.", "from {x}.", x=text)
    assert words.en.isprintable()
    assert words.en.startswith("from ")
    assert words.en.endswith(".")
