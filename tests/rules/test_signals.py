"""The detectors' rules, case by case at their thresholds; and what a signal says, in both languages."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.kernel.errors import Locale, Refused, Words
from vdept.signals import rules
from vdept.signals.detectors import backdated, copied, drift, jump, ping_pong, rush, same_answer
from vdept.signals.models import Detector
from vdept.signals.words import NOTES, note, sentence
from vdept.targets.models import Basis, Direction

START = date(2026, 1, 31)
AT = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)


def day(i: int) -> date:
    return START + timedelta(30 * i)


# -- DRIFT -------------------------------------------------------------------------------------------------


def drifts(gaps: list[int], direction: Direction = Direction.AT_LEAST, measured: int = 100) -> bool:
    sign = -1 if direction is Direction.AT_MOST else 1
    series = [
        drift.Pair(day(i), Decimal(measured + sign * gap), Decimal(measured)) for i, gap in enumerate(gaps)
    ]
    return drift.find(1, 2, direction, series) is not None


@pytest.mark.parametrize(
    ("gaps", "found"),
    [
        ([1, 2, 3, 4], True),
        ([1, 2, 3], False),
        ([9, 1, 2, 3, 4], True),
        ([1, 2, 3, 4, 4], False),
        ([1, 2, 3, 4, 3], False),
        ([-9, -8, -7, -6], False),
        ([-2, -1, 0, 1], True),
        ([0, 0, 0, 0], False),
    ],
    ids=str,
)
@pytest.mark.parametrize("direction", [Direction.AT_LEAST, Direction.AT_MOST])
def test_a_gap_must_grow_at_each_of_the_last_four_readings_and_flatter(
    gaps: list[int], found: bool, direction: Direction
) -> None:
    assert drifts(gaps, direction) is found


def test_a_gap_that_grew_by_less_than_a_hundredth_of_the_value_is_rounding() -> None:
    assert drifts([1, 2, 3, 4], measured=300)
    assert not drifts([1, 2, 3, 4], measured=301)


def test_where_a_range_is_wanted_every_distance_counts() -> None:
    assert drifts([-1, 2, -3, 4], Direction.BETWEEN)


def test_a_measured_value_is_held_against_the_latest_report_since_the_one_before() -> None:
    measured = [drift.Reading(day(i), Decimal(i)) for i in range(3)]
    reported = [
        drift.Reading(day(0) - timedelta(93), Decimal(7)),
        drift.Reading(day(1) - timedelta(9), Decimal(8)),
        drift.Reading(day(1), Decimal(9)),
    ]
    assert drift.pairs(reported, measured) == [drift.Pair(day(1), Decimal(9), Decimal(1))]


# -- JUMP --------------------------------------------------------------------------------------------------


def jumps(*values: int | str) -> list[int]:
    series = [jump.Reading(i, day(i), Decimal(value)) for i, value in enumerate(values)]
    places = {each.as_of.isoformat(): i for i, each in enumerate(series)}
    return [places[found.evidence["as_of"]] for found in jump.find(1, 2, Basis.MEASURED, series)]


def test_a_value_far_from_its_series_is_found_and_one_within_six_is_not() -> None:
    quiet = (9, 10, 11, 9, 10, 11, 10)  # median 10, MAD 1
    assert jumps(*quiet, 50) == [7]
    assert jumps(*quiet, -50) == [7]
    # 0.6745 × 8.89 = 5.996…, 0.6745 × 8.90 = 6.003…
    assert jumps(*quiet, "18.89") == []
    assert jumps(*quiet, "18.9") == [7]


def test_too_short_a_series_and_one_without_spread_say_nothing() -> None:
    assert jumps(9, 10, 11, 9, 10, 11, 500) == []
    assert jumps(10, 10, 10, 10, 10, 10, 10, 500) == []


@given(st.lists(st.decimals(-1000, 1000, places=3), min_size=1, max_size=20))
def test_the_median_has_as_many_values_below_as_above(values: list[Decimal]) -> None:
    middle = jump.median(values)
    assert sum(v < middle for v in values) <= len(values) / 2
    assert sum(v > middle for v in values) <= len(values) / 2


@given(st.lists(st.integers(-50, 50), min_size=8, max_size=20), st.integers(-9, 9), st.integers(1, 9))
def test_what_jumps_does_not_depend_on_the_unit_of_measure(values: list[int], shift: int, scale: int) -> None:
    assert jumps(*values) == jumps(*[shift + scale * value for value in values])


# -- COPIED ------------------------------------------------------------------------------------------------


def reporting(
    number: int, values: tuple[int, ...], path: tuple[int, ...] = (), first: int = 0
) -> copied.Unit:
    series = tuple(copied.Reading(day(first + i), Decimal(value)) for i, value in enumerate(values))
    return copied.Unit(number, f"Đơn vị {number}", (*path, number), series)


ODD = (1234, 1357, 1468, 1579)


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (reporting(2, ODD), True),
        (reporting(2, ODD, path=(1,)), False),
        (reporting(2, ODD, first=1), False),
        (reporting(2, (*ODD[:3], 1)), False),
        (reporting(2, (7, *ODD), first=-1), True),
    ],
    ids=["the same", "of one line", "on other dates", "but one", "and one before"],
)
def test_the_same_four_values_on_the_same_dates_of_units_apart(other: copied.Unit, found: bool) -> None:
    units = {finding.unit_id for finding in copied.find(9, [reporting(1, ODD), other])}
    assert units == ({1, 2} if found else set())


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ((1234, 1357, 1468, 1579), True),
        ((1234, 1234, 1234, 1234), False),
        ((100, 200, 300, 500), False),
        ((12, 34, 56, 78), False),
        ((123, 456, 789, 789), True),
    ],
    ids=str,
)
def test_values_must_change_and_have_digits_enough(values: tuple[int, ...], says: bool) -> None:
    assert copied.telling([Decimal(value) for value in values]) is says


def test_zeros_at_both_ends_are_no_digits() -> None:
    numbers = ("1500", "0.050", "10.20", "0", "-7.5", "1050")
    assert [copied.digits(Decimal(number)) for number in numbers] == [2, 1, 3, 0, 2, 3]


# -- RUSH --------------------------------------------------------------------------------------------------


def rushes(done: list[timedelta], *, open_tasks: int = 0, due_in: int = 0) -> bool:
    due_on = AT.date() + timedelta(due_in)
    tasks = [rush.Done(i, None, due_on, (AT + late).date(), AT + late) for i, late in enumerate(done)]
    tasks += [rush.Done(100 + i, None, due_on, None, None) for i in range(open_tasks)]
    return rush.find(1, rush.monday(due_on), tasks) is not None


MINUTES = [timedelta(minutes=10 * i) for i in range(5)]


def test_five_in_an_hour_just_before_due_are_a_rush() -> None:
    assert rushes(MINUTES)
    assert not rushes(MINUTES[:4]), "too few"
    assert not rushes([15 * i * timedelta(minutes=1) + timedelta(minutes=i) for i in range(5)]), (
        "over an hour"
    )


def test_it_is_a_rush_only_in_the_last_two_days_before_due() -> None:
    assert rushes(MINUTES, due_in=2)
    assert not rushes(MINUTES, due_in=3)
    assert not rushes(MINUTES, due_in=-1), "late is another matter"


def test_three_in_five_of_what_was_due_must_be_in_it() -> None:
    assert rushes(MINUTES, open_tasks=3)
    assert not rushes(MINUTES, open_tasks=4)


# -- BACKDATED ---------------------------------------------------------------------------------------------

AIM = backdated.Aim(1, 2, 3, 4, date(2026, 1, 1), date(2026, 6, 30))


@pytest.mark.parametrize(
    ("as_of", "recorded", "by_source", "found"),
    [
        (date(2026, 5, 15), datetime(2026, 6, 30, 5, tzinfo=UTC), False, True),
        (date(2026, 5, 16), datetime(2026, 6, 30, 5, tzinfo=UTC), False, False),
        (date(2026, 5, 1), datetime(2026, 6, 27, 5, tzinfo=UTC), False, True),
        (date(2026, 5, 1), datetime(2026, 6, 26, 5, tzinfo=UTC), False, False),
        (date(2026, 5, 1), datetime(2026, 6, 26, 18, tzinfo=UTC), False, True),
        (date(2026, 5, 1), datetime(2026, 7, 3, 5, tzinfo=UTC), False, True),
        (date(2026, 5, 1), datetime(2026, 7, 4, 5, tzinfo=UTC), False, False),
        (date(2025, 12, 31), datetime(2026, 6, 30, 5, tzinfo=UTC), False, False),
        (date(2026, 5, 1), datetime(2026, 6, 30, 5, tzinfo=UTC), True, False),
    ],
    ids=[
        "46 days late", "45 days late", "three days before due", "four days before", "three in Vietnam",
        "three days after", "four days after", "before the target began", "by a source",
    ],
)  # fmt: skip
def test_a_late_value_around_the_due_date(
    as_of: date, recorded: datetime, by_source: bool, found: bool
) -> None:
    value = backdated.Value(9, as_of, Decimal(1), recorded, by_source)
    assert (backdated.find(AIM, [value]) is not None) is found


# -- PING_PONG ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verbs", "lead", "found"),
    [
        (["task.declined"] * 3, 8, True),
        (["task.declined", "task.sent_back"], 8, False),
        (["task.declined", "task.offered", "task.sent_back", "task.sent_back"], 8, True),
        (["task.sent_back"] * 3, 7, False),
        (["task.offered"] * 9, 8, False),
    ],
    ids=["declined thrice", "twice", "mixed", "one's own affair", "offers alone"],
)
def test_a_task_that_came_back_three_times(verbs: list[str], lead: int, found: bool) -> None:
    log = [ping_pong.Entry(verb, 8, AT) for verb in verbs]
    assert (ping_pong.find(1, None, 7, lead, log) is not None) is found


# -- SAME_ANSWER -------------------------------------------------------------------------------------------

ANSWER = "Đơn vị sẽ bổ sung nhân lực và hoàn thành trước ngày 30 tháng 6 năm 2026"


def answers(*texts: str, question: str = "") -> list[int]:
    given_ = [
        same_answer.Answer(i, question or str(i), AT + timedelta(days=i), text)
        for i, text in enumerate(texts)
    ]
    return [int(found.evidence["answers"]) for found in same_answer.find(1, given_)]


def test_nearly_the_same_answers_to_different_questions_are_one_finding() -> None:
    assert answers(ANSWER, ANSWER.upper(), ANSWER + "!") == [3]
    assert answers(ANSWER, "Không liên quan gì đến câu trả lời trước đó, hoàn toàn khác hẳn nội dung") == []
    assert answers(ANSWER, ANSWER, question="one") == [], "to one question"
    assert answers(ANSWER[:39], ANSWER[:39]) == [], "too short"
    assert answers(ANSWER[:40], ANSWER[:40]) == [2]


def test_one_answer_given_to_several_warnings_in_one_act_is_one_answer() -> None:
    at_once = [same_answer.Answer(i, str(i), AT, ANSWER) for i in range(3)]
    assert same_answer.find(1, at_once) == []


def test_marks_make_no_difference() -> None:
    assert same_answer.similarity("Đà Nẵng", "da nang") == 100
    assert same_answer.similarity("Huế", "Sa Pa") == 0
    assert same_answer.similarity("", "…") == 0


@given(st.text(max_size=40), st.text(max_size=40))
def test_similarity_is_the_same_both_ways_and_whole_with_itself(one: str, other: str) -> None:
    assert same_answer.similarity(one, other) == same_answer.similarity(other, one)
    assert same_answer.similarity(one, one) in (0, 100)


# -- words -------------------------------------------------------------------------------------------------

EVIDENCE: dict[Detector, dict[str, Any]] = {
    Detector.DRIFT: {
        "readings": 5, "since": "2026-01-31", "until": "2026-05-31", "first_gap": "1", "last_gap": "12.5",
        "reported": "1012.5", "measured": "1000",
    },
    Detector.JUMP: {
        "basis": "REPORTED", "as_of": "2026-05-31", "value": "900", "median": "51", "z": "572.65",
        "readings": 10,
    },
    Detector.COPIED: {
        "units": 3, "since": "2026-01-31", "until": "2026-04-30", "values": ["1", "2"],
        "names": ["Huế", "Sa Pa"],
    },
    Detector.RUSH: {
        "due": 8, "rushed": 6, "in_an_hour": 5, "since": "2026-06-01", "hour": "2026-06-03 09:30",
    },
    Detector.BACKDATED: {
        "due_on": "2026-06-30", "count": 1, "as_of": "2026-05-01", "recorded_on": "2026-06-29", "days": 59,
    },
    Detector.PING_PONG: {
        "times": 3, "since": "2026-01-31", "until": "2026-05-31", "sent_back": 1, "declined": 2,
    },
    Detector.SAME_ANSWER: {"answers": 3, "similarity": "91.66", "excerpt": "Bổ sung người"},
}  # fmt: skip

SAID = {
    Detector.DRIFT: Words(
        "Qua 5 kỳ liên tiếp từ 31/01/2026 đến 31/05/2026, số báo cáo xa dần số đo: chênh lệch từ 1 lên 12,5 "
        "(báo cáo 1.012,5, đo được 1.000).",
        "Over 5 readings in a row, from 31 January 2026 to 31 May 2026, the report moved away from the "
        "measured value: the gap grew from 1 to 12.5 (reported 1,012.5, measured 1,000).",
    ),
    Detector.JUMP: Words(
        "Số báo cáo ngày 31/05/2026 là 900, trong khi trung vị của 10 giá trị là 51 (điểm z bền vững 572,65, "
        "ngưỡng 6).",
        "The reported value of 31 May 2026 is 900, where the median of 10 values is 51 (robust z-score "
        "572.65, the threshold is 6).",
    ),
    Detector.COPIED: Words(
        "3 đơn vị báo cáo cùng một chuỗi số (1, 2) vào cùng các ngày từ 31/01/2026 đến 30/04/2026; các "
        "đơn vị kia: Huế, Sa Pa.",
        "3 units report the same values (1, 2) on the same dates from 31 January 2026 to 30 April 2026; the "
        "others: Huế, Sa Pa.",
    ),
    Detector.RUSH: Words(
        "6 trong 8 việc có hạn trong tuần từ 01/06/2026 được hoàn thành trong hai ngày cuối, riêng 5 "
        "việc trong một giờ từ 09:30, 03/06/2026.",
        "6 of 8 tasks due in the week of 1 June 2026 were finished in their last two days, 5 of them "
        "within an hour from 09:30, 3 June 2026.",
    ),
    Detector.BACKDATED: Words(
        "1 giá trị được nhập lùi ngày cho chỉ tiêu có hạn 30/06/2026: giá trị của ngày 01/05/2026 được nhập "
        "ngày 29/06/2026, sau 59 ngày.",
        "1 value for a target due on 30 June 2026 came late: that of 1 May 2026 was entered on 29 June 2026, "
        "59 days after.",
    ),
    Detector.PING_PONG: Words(
        "Từ 31/01/2026 đến 31/05/2026 việc này quay lại 3 lần: 1 lần bị trả lại, 2 lần bị từ chối.",
        "From 31 January 2026 to 31 May 2026 this task came back 3 times: sent back 1, declined 2.",
    ),
    Detector.SAME_ANSWER: Words(
        "3 cảnh báo khác nhau nhận câu trả lời giống nhau đến 91,66 %: “Bổ sung người”.",
        "3 different warnings were given answers that are up to 91.66 % the same: “Bổ sung người”.",
    ),
}


@pytest.mark.parametrize("detector", Detector)
def test_a_signal_says_what_looks_unusual_with_its_figures(detector: Detector) -> None:
    assert sentence(detector, EVIDENCE[detector], Locale.VI) == SAID[detector].vi
    assert sentence(detector, EVIDENCE[detector], Locale.EN) == SAID[detector].en


def test_a_verdict_that_was_turned_is_told() -> None:
    turned = {**EVIDENCE[Detector.BACKDATED], "was": "NOT_MET", "judgement": "MET"}
    assert sentence(Detector.BACKDATED, turned, Locale.VI).endswith("Kết luận đổi từ không đạt sang đạt.")
    assert sentence(Detector.BACKDATED, turned, Locale.EN).endswith("The verdict went from not met to met.")


@given(
    st.sampled_from(Detector),
    st.dictionaries(
        st.sampled_from(sorted({name for values in EVIDENCE.values() for name in values})),
        st.one_of(st.none(), st.text(max_size=9), st.integers(), st.lists(st.text(max_size=3))),
    ),
    st.sampled_from(Locale),
)
def test_whatever_is_missing_or_of_another_form_there_is_a_sentence(
    detector: Detector, evidence: dict[str, Any], locale: Locale
) -> None:
    assert sentence(detector, evidence, locale).endswith((".", "”."))


@pytest.mark.parametrize("detector", Detector)
def test_every_detector_says_when_it_is_wrong_and_asks(detector: Detector) -> None:
    assert set(NOTES) == set(Detector)
    assert note(detector, Locale.VI).startswith("Có thể không có gì sai")
    assert note(detector, Locale.EN).startswith("It may mean nothing")
    assert "Hãy " in note(detector, Locale.VI)


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001, "a\0b"], ids=["none", "blank", "endless", "nul"])
def test_an_answer_says_something_and_not_too_much(text: str) -> None:
    with pytest.raises(Refused, match="INVALID_VALUE"):
        rules.require_text(text, "answer")
    assert rules.require_text(" Do mưa lũ ", "answer") == "Do mưa lũ"
