"""The rules of reminders on plain values."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.calendars.rules import Calendar, is_weekday
from vdept.deadlines import rules
from vdept.deadlines.models import Recipient
from vdept.deadlines.rules import DEFAULT_STEPS, Heaviest, PolicyStep, Span
from vdept.kernel.errors import Locale, Refused
from vdept.notifications.models import Cadence
from vdept.notifications.rules import mail_due

R = Recipient
MONDAY = date(2026, 3, 2)
EVE = MONDAY - timedelta(days=1)


def weekdays(*off: date) -> Calendar:
    """Monday to Friday of 2026, without ``off``."""
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    return Calendar(days[0], days[-1], [day for day in days if is_weekday(day) and day not in off])


def test_the_default_is_the_designs() -> None:
    assert {(one.step, one.recipient) for one in DEFAULT_STEPS} == {
        *((step, who) for step in (-7, -3, -1, 0) for who in (R.ASSIGNEES, R.LEAD_COORDINATOR)),
        (1, R.LEAD_HEAD),
        (3, R.ASSIGNER_COORDINATOR),
        (5, R.ASSIGNER_HEAD),
        (10, R.ISSUER_HEAD),
    }
    assert len(rules.require_policy(DEFAULT_STEPS)) == len(DEFAULT_STEPS)


def test_every_recipient_has_a_place_and_a_name() -> None:
    assert set(rules.ACCOUNTABILITY) == set(rules.ROLES) == set(R)


@pytest.mark.parametrize(
    ("day", "steps"),
    [(MONDAY, [0]), (date(2026, 2, 27), [-1]), (date(2026, 2, 28), []), (date(2026, 3, 1), []),
     (date(2026, 3, 3), [1]), (date(2026, 3, 4), []), (date(2026, 3, 5), [3])],
    ids=str,
)  # fmt: skip
def test_a_step_lies_so_many_working_days_from_the_due_date(day: date, steps: list[int]) -> None:
    found = rules.steps_on(weekdays(), MONDAY, day, DEFAULT_STEPS)
    assert sorted({one.step for one in found}) == steps


def test_a_due_date_on_a_day_off_counts_as_the_working_day_before() -> None:
    sunday = date(2026, 3, 8)
    calendar = weekdays(date(2026, 3, 6))
    on = {day: {one.step for one in rules.steps_on(calendar, sunday, day, DEFAULT_STEPS)} for day in
          (date(2026, 3, 5), date(2026, 3, 6), sunday, date(2026, 3, 9))}  # fmt: skip
    assert list(on.values()) == [{0}, set(), set(), {1}]


@given(
    st.dates(date(2026, 3, 1), date(2026, 10, 1)),
    st.integers(-60, 60),
    st.sets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=20),
)
def test_every_step_falls_on_exactly_one_day_and_that_is_worked(due: date, k: int, off: set[date]) -> None:
    calendar = weekdays(*off)
    steps = [PolicyStep(k, R.LEAD_HEAD)]
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    found = [day for day in days if rules.steps_on(calendar, due, day, steps)]
    expected = calendar.step(due, k)
    if calendar.covers(expected):
        assert found == [expected]
        assert calendar.is_working(expected)


@pytest.mark.parametrize(
    ("missed", "told", "folded"),
    [([0], 0, ()), ([-7, -3, -1], -1, (-7, -3)), ([3, 1, 3], 3, (1,)), ([-1, 0, 1], 1, (-1, 0))],
    ids=str,
)
def test_of_what_was_missed_the_latest_is_told(missed: list[int], told: int, folded: tuple[int, ...]) -> None:
    assert rules.fold(missed) == (told, folded)


@pytest.mark.parametrize(
    ("roles", "first"),
    [({R.ASSIGNEES, R.LEAD_COORDINATOR}, R.LEAD_COORDINATOR),
     ({R.ASSIGNER_COORDINATOR, R.LEAD_HEAD}, R.LEAD_HEAD),
     (set(R), R.ISSUER_HEAD), ({R.ASSIGNEES}, R.ASSIGNEES)],
    ids=["hands", "head before coordinator", "all", "one"],
)  # fmt: skip
def test_in_several_roles_the_most_accountable_counts(roles: set[Recipient], first: Recipient) -> None:
    assert rules.most_accountable(roles) is first


SPANS = [
    ("the first scan ever", None, False, True, Span(EVE, MONDAY, MONDAY)),
    ("the day after", EVE, False, False, Span(EVE, MONDAY, MONDAY)),
    ("the same day again", MONDAY, False, False, Span(EVE, MONDAY, MONDAY)),
    ("after two weeks", date(2026, 2, 16), False, True, Span(date(2026, 2, 16), MONDAY, MONDAY)),
    ("after two weeks, on a day off", date(2026, 2, 16), True, True, Span(EVE, MONDAY, None)),
    ("a day off, nothing missed", EVE, True, False, Span(EVE, MONDAY, MONDAY)),
    ("a day behind the watermark", date(2026, 3, 3), False, False, None),
]


@pytest.mark.parametrize(
    ("case", "scanned_on", "day_off", "missed", "span"), SPANS, ids=[s[0] for s in SPANS]
)
def test_which_days_are_scanned(
    case: str, scanned_on: date | None, day_off: bool, missed: bool, span: Span | None
) -> None:
    assert rules.span(scanned_on, MONDAY, day_off=day_off, missed=missed) == span, case


def test_what_is_found_is_told_at_half_past_seven_or_at_once() -> None:
    morning = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
    assert rules.due_at(MONDAY, morning - timedelta(hours=7)) == morning
    assert rules.due_at(MONDAY, morning + timedelta(minutes=1)) == morning + timedelta(minutes=1)


def test_the_reminders_of_a_day_are_in_the_digest_of_that_morning() -> None:
    told = rules.due_at(MONDAY, datetime(2026, 3, 1, 17, 5, tzinfo=UTC))
    assert mail_due(told, Cadence.DAILY) == datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    assert mail_due(told, Cadence.WEEKLY) == datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def refused(steps: list[PolicyStep]) -> tuple[str, tuple[str | int, ...]]:
    with pytest.raises(Refused) as caught:
        rules.require_policy(steps)
    assert caught.value.message(Locale.VI) != caught.value.message(Locale.EN)
    return caught.value.code, caught.value.path


def test_a_policy_has_one_to_twenty_steps_within_sixty_days_none_twice() -> None:
    many = [PolicyStep(k, R.LEAD_HEAD) for k in range(21)]
    assert refused([]) == ("POLICY_SIZE", ("steps",))
    assert refused(many) == ("POLICY_SIZE", ("steps",))
    assert len(rules.require_policy(many[:20])) == 20
    good = PolicyStep(60, R.LEAD_HEAD)
    assert refused([good, PolicyStep(61, R.LEAD_HEAD)]) == ("POLICY_STEP_RANGE", ("steps", 1, "step"))
    assert refused([PolicyStep(-61, R.LEAD_HEAD)]) == ("POLICY_STEP_RANGE", ("steps", 0, "step"))
    assert refused([good, PolicyStep(0, R.ASSIGNEES), good]) == ("POLICY_STEP_TWICE", ("steps", 2))
    assert rules.require_policy([good, PolicyStep(60, R.ASSIGNEES), PolicyStep(-60, R.ASSIGNEES)]) == (
        PolicyStep(-60, R.ASSIGNEES),
        PolicyStep(60, R.ASSIGNEES),
        good,
    )


@pytest.mark.parametrize(("messages", "floods"), [(200, False), (201, True)])
def test_two_hundred_messages_a_day_is_the_most(messages: int, floods: bool) -> None:
    heaviest = Heaviest(messages, MONDAY, 1, 2, "Tỉnh Lào Cai", R.LEAD_HEAD)
    rules.require_gentle(None)
    if not floods:
        rules.require_gentle(heaviest)
        return
    with pytest.raises(Refused) as caught:
        rules.require_gentle(heaviest)
    assert caught.value.code == "POLICY_FLOODS"
    for locale, role in ((Locale.VI, "người đứng đầu đơn vị chủ trì"), (Locale.EN, "head of the lead unit")):
        said = caught.value.message(locale)
        assert [word for word in ("201", "Tỉnh Lào Cai", role, "2026-03-02") if word not in said] == []
