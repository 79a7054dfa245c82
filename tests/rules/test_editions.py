"""The rules of editions: ranks with ties, movements, the day of publishing, how quantities are written."""

from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.calendars.rules import Calendar, days_of, is_weekday
from vdept.publications import layout, rules
from vdept.publications.page import percent, places, points
from vdept.publications.rules import Before, Movement, Placed

D = Decimal
SHARES = st.none() | st.decimals(0, 1, places=2)
UNITS = st.lists(st.tuples(st.sampled_from(["PROVINCE", "COMMUNE"]), SHARES), max_size=30)


def test_equals_share_a_place_and_the_next_stands_behind_all_of_them() -> None:
    given_ = [("a", "P", D("0.5")), ("b", "P", D("0.50")), ("c", "P", D("0.4")), ("d", "P", None)]
    others = [("e", "C", D("0.1"))]
    assert rules.ranks([*given_, *others]) == {
        "a": Placed(1, 3),
        "b": Placed(1, 3),
        "c": Placed(3, 3),
        "d": Placed(None, 3),
        "e": Placed(1, 1),
    }


@given(UNITS)
def test_a_rank_is_one_more_than_how_many_of_the_kind_are_higher(
    units: list[tuple[str, Decimal | None]],
) -> None:
    ranks = rules.ranks((at, kind, value) for at, (kind, value) in enumerate(units))
    for at, (kind, value) in enumerate(units):
        peers = [other for of, other in units if of == kind and other is not None]
        higher = sum(other > value for other in peers) if value is not None else None
        assert ranks[at] == Placed(None if higher is None else higher + 1, len(peers))


@pytest.mark.parametrize(
    ("measured", "rank", "before", "moved"),
    [
        (D("0.5"), 2, Before(D("0.4"), 5), Movement(D(10), 3)),
        (D("0.4"), 5, Before(D("0.5"), 2), Movement(D(-10), -3)),
        (D("0.4"), 5, None, Movement(None, None)),
        (D("0.4"), 5, Before(None, None), Movement(None, None)),
        (None, None, Before(D("0.5"), 2), Movement(None, None)),
    ],
    ids=["up", "down", "the first edition", "not measured before", "not measured now"],
)
def test_how_a_unit_has_moved(
    measured: Decimal | None, rank: int | None, before: Before | None, moved: Movement
) -> None:
    assert rules.movement(measured, rank, before) == moved


FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)


@given(st.integers(1, 12), st.sets(st.integers(0, 364)))
def test_editions_come_out_on_the_first_working_day_of_the_month(month: int, off: set[int]) -> None:
    worked = [day for day in days_of(FIRST, LAST) if is_weekday(day) and (day - FIRST).days not in off]
    calendar, start = Calendar(FIRST, LAST, worked), date(2026, month, 1)
    found = rules.publishing_day(start, calendar)
    assert found >= start
    if found <= LAST:
        assert calendar.is_working(found)
        assert not any(calendar.is_working(day) for day in days_of(start, found - timedelta(days=1)))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**18), max_value=10**18))
def test_a_quantity_is_written_exactly_and_plainly(value: Decimal) -> None:
    text = layout.plain(value)
    assert text is not None
    assert D(text) == value
    assert "E" not in text
    assert text == "0" or not text.endswith(("0",)) or "." not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("123456789012345678901234567890123.123456", "123456789012345678901234567890123.123456"),
        ("-0.000", "0"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("100.0", "100"),
        ("0.000001", "0.000001"),
    ],
)
def test_no_digit_of_a_sum_is_lost_however_long_it_is(value: str, text: str) -> None:
    assert layout.plain(D(value)) == text


def test_shares_are_cut_and_never_rounded_up_to_reached() -> None:
    assert [percent(each) for each in (D("0.999999"), D(1), D(0), None)] == [
        "99,9 %",
        "100,0 %",
        "0,0 %",
        "—",
    ]
    assert [places(each) for each in (2, -1, 0, None)] == ["+2", "−1", "0", "—"]
    assert [points(each) for each in (D("1.19"), D("-1.19"), D("0.01"), None)] == ["+1,1", "−1,1", "0", "—"]


def test_a_row_is_read_as_it_was_written() -> None:
    nothing = rules.figures(dict.fromkeys(rules.SUMS, D(0)))
    row = layout.UnitRow(
        *("01", "Hà Nội", None, "PROVINCE", None, nothing, nothing, 1, 3, D("0.5"), 2, D("-1.5"), 1, None)
    )
    assert layout.read_unit(layout.written(row)) == row
    with pytest.raises(msgspec.ValidationError):
        layout.read_unit(layout.written([*msgspec.json.decode(layout.written(row)), "more"]))
