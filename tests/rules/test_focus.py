"""What a nomination of focus must be, and when it is overdue."""

from datetime import date, timedelta

import pytest

from vdept.focus import rules
from vdept.focus.models import FocusState
from vdept.focus.rules import Choice
from vdept.kernel.errors import Refused

TODAY = date(2026, 3, 2)
BY = date(2026, 4, 1)


@pytest.mark.parametrize(
    ("by", "state", "today", "overdue"),
    [
        (BY, None, BY, False),
        (BY, None, BY + timedelta(1), True),
        (BY, FocusState.PROPOSED, BY + timedelta(1), True),
        (BY, FocusState.RETURNED, BY + timedelta(1), True),
        (BY, FocusState.AGREED, BY + timedelta(1), False),
        (None, None, BY + timedelta(1), False),
    ],
    ids=["on the day", "silent", "proposed", "returned", "agreed", "no date"],
)
def test_overdue_is_what_is_not_agreed_after_its_date(
    by: date | None, state: FocusState | None, today: date, overdue: bool
) -> None:
    assert rules.overdue(by, state, today) is overdue


def test_a_nomination_has_the_date_that_was_set_or_thirty_days() -> None:
    later = TODAY + timedelta(300)
    assert rules.agree_by(BY, TODAY, later) == BY
    assert rules.agree_by(None, TODAY, later) == TODAY + timedelta(30)
    assert rules.agree_by(None, TODAY, TODAY + timedelta(9)) == TODAY + timedelta(9), "the plan ends before"
    assert rules.agree_by(None, TODAY, TODAY - timedelta(9)) == TODAY


@pytest.mark.parametrize("count", [0, 4])
def test_one_to_three_objectives_are_chosen(count: int) -> None:
    with pytest.raises(Refused, match="FOCUS_COUNT"):
        rules.require_choices([Choice(i, "cách") for i in range(count)])


def test_each_is_chosen_once_and_with_a_method() -> None:
    with pytest.raises(Refused, match="FOCUS_COUNT"):
        rules.require_choices([Choice(1, "a"), Choice(2, "b"), Choice(1, "c")])
    with pytest.raises(Refused) as no:
        rules.require_choices([Choice(1, "a"), Choice(2, " ")])
    assert no.value.path == ("objectives", 1, "method")
    assert rules.require_choices([Choice(2, " Lập tổ "), Choice(1, "x")]) == [
        Choice(2, "Lập tổ"),
        Choice(1, "x"),
    ]


@pytest.mark.parametrize(
    ("by", "allowed"),
    [(TODAY, False), (TODAY + timedelta(1), True), (BY, True), (BY + timedelta(1), False)],
    ids=["today", "tomorrow", "the plan's last day", "after it"],
)
def test_a_date_lies_ahead_and_within_the_plan(by: date, allowed: bool) -> None:
    if allowed:
        rules.require_agree_by(by, TODAY, BY)
    else:
        with pytest.raises(Refused, match="FOCUS_AGREE_BY"):
            rules.require_agree_by(by, TODAY, BY)
