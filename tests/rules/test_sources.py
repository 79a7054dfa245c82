"""The rules of one reading: what is a day, a number and a unit of measure, and what a row is kept as."""

import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.kernel.errors import Locale, Refused
from vdept.measurements.rules import Meaning
from vdept.sources import rules
from vdept.sources.models import Reach, SourceState
from vdept.sources.rules import Given, IndicatorFound, UnitFound
from vdept.units.models import UnitKind

T = TypeVar("T")
TODAY = date(2026, 3, 2)
RATIO = IndicatorFound(1, Meaning("Tỷ lệ", True, Decimal(0), Decimal(100)), "%", measured=True)
PLAIN = IndicatorFound(2, Meaning("Số nhóm", False), "nhóm", measured=True)
UNITS = {"46": UnitFound(46, "Huế", None, reached=True), 46: UnitFound(46, "Huế", None, reached=True)}
INDICATORS: dict[str | int, IndicatorFound] = {"R": RATIO, 1: RATIO, "P": PLAIN, 2: PLAIN}


def tried(act: Callable[[], T]) -> tuple[T | None, Refused | None]:
    """What it answers, or why it is refused; anything else that it raises is a bug."""
    try:
        return act(), None
    except Refused as refused:
        return None, refused


# -- days --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-01", date(2026, 3, 1)),
        (" 2026-03-01 ", date(2026, 3, 1)),
        ("1/3/2026", date(2026, 3, 1)),
        ("31/12/2025", date(2025, 12, 31)),
        ("2026-02", date(2026, 2, 28)),
        ("2024-02", date(2024, 2, 29)),
        ("2025", date(2025, 12, 31)),
        (date(2026, 3, 1), date(2026, 3, 1)),
        (datetime(2026, 3, 1, 18, 0, tzinfo=UTC), date(2026, 3, 2)),
        (datetime(2026, 3, 1, 18, 0), date(2026, 3, 1)),  # noqa: DTZ001  a database without time zones
    ],
)
def test_a_day_is_read_as_it_is_written(text: Any, day: date) -> None:
    assert rules.day(text) == day


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "hôm qua", "2026-13", "2026-02-30", "31/02/2026", "3/2026", "202603", "26-03-01", "0000"),
        *("2026-03-01T00:00", "２０２６-03-01", "2026-3-1", "1.3.2026", "-2026", "99999", True, 2026),
        "2026-03-01\n0",
    ],
)
def test_what_is_no_day_is_refused(text: Any) -> None:
    with pytest.raises(Refused, match="READING_DATE_INVALID at asOf"):
        rules.day(text)


@given(st.dates())
def test_every_day_written_in_both_ways_is_that_day(day: date) -> None:
    assert rules.day(f"{day.year:04}-{day.month:02}-{day.day:02}") == day
    assert rules.day(f"{day.day:02}/{day.month:02}/{day.year:04}") == day


# -- numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1234.5", Decimal("1234.5")),
        (" -0.25 ", Decimal("-0.25")),
        ("+7", Decimal(7)),
        ("007", Decimal(7)),
        (12, Decimal(12)),
        (Decimal("1E+3"), Decimal(1000)),
        (None, None),
        ("", None),
        ("  ", None),
    ],
)
def test_a_number_is_read_as_it_is_written(text: Any, number: Decimal | None) -> None:
    assert rules.number(text, "value") == number


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "nan", "Infinity", "-inf", "1e3", "1E400", "1,5", "1.234,5", "1 000", "0x10", ".5", "5."),
        *("１２", "12%", "1_000", "--1", "1" * 41, "0." + "1" * 41, "n/a", True, 1.5, 10**100, [], {}),
        *(Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity")),
    ],
    ids=lambda text: str(text)[:20],
)
def test_what_is_no_number_is_refused(text: Any) -> None:
    with pytest.raises(Refused, match="READING_NOT_A_NUMBER at value") as refused:
        rules.number(text, "value")
    assert all(len(refused.value.message(locale)) < 300 for locale in Locale)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.decimals(), st.booleans(), st.binary()))
def test_whatever_comes_is_a_finite_number_or_refused(anything: Any) -> None:
    found, refused = tried(lambda: rules.number(anything, "value"))
    assert refused is None or refused.code == "READING_NOT_A_NUMBER"
    assert found is None or found.is_finite()


# -- a row -------------------------------------------------------------------------------------------------


def judged(**row: Any) -> rules.Good:
    given_row = Given(**{"unit": "46", "indicator": "P", "as_of": "2026-02", "value": "5", **row})
    return rules.judge(7, given_row, UNITS, INDICATORS, TODAY)


def test_a_good_row_is_a_reading() -> None:
    good = judged(unit=46, unit_of_measure=" NHÓM ", note=" kiểm tra ")
    assert (good.row, good.unit_id, good.indicator_id) == (7, 46, 2)
    assert (good.as_of, good.reading.value, good.note) == (date(2026, 2, 28), Decimal(5), "kiểm tra")


@pytest.mark.parametrize(
    ("row", "refused"),
    [
        ({"unit": "47"}, "READING_UNIT_UNKNOWN at unitCode"),
        ({"unit": 47}, "READING_UNIT_UNKNOWN at unitId"),
        ({"unit": None}, "READING_UNIT_UNKNOWN at unitId"),
        ({"indicator": "Q"}, "READING_INDICATOR_UNKNOWN at indicatorCode"),
        ({"as_of": "2026"}, "AS_OF_IN_FUTURE at asOf"),
        ({"as_of": "1900"}, "AS_OF_TOO_OLD at asOf"),
        ({"value": None}, "VALUE_NEEDS_NO_PARTS at value"),
        ({"numerator": "1"}, "VALUE_NEEDS_NO_PARTS at numerator"),
        ({"value": "0.0000001"}, "QUANTITY_INVALID at value"),
        ({"value": "1" + "0" * 16}, "QUANTITY_INVALID at value"),
        ({"unit_of_measure": "%"}, "READING_UNIT_OF_MEASURE at unitOfMeasure"),
        ({"note": "x" * 2_001}, "TEXT_INVALID at note"),
        ({"indicator": "R"}, "RATIO_NEEDS_PARTS at value"),
        ({"indicator": "R", "value": None, "numerator": "1"}, "RATIO_NEEDS_PARTS at denominator"),
        (
            {"indicator": "R", "value": None, "numerator": "1", "denominator": "0"},
            "DENOMINATOR_NOT_POSITIVE at denominator",
        ),
        (
            {"indicator": "R", "value": None, "numerator": "3", "denominator": "2"},
            "NUMERATOR_ABOVE_DENOMINATOR at numerator",
        ),
    ],
)
def test_a_bad_row_says_what_is_wrong_with_it(row: dict[str, Any], refused: str) -> None:
    with pytest.raises(Refused, match=refused):
        judged(**row)


def test_a_unit_that_ended_is_named_as_the_row_named_it() -> None:
    ended = {key: found._replace(ended=date(2026, 1, 1)) for key, found in UNITS.items()}
    for unit, path in (("46", "unitCode"), (46, "unitId")):
        given_row = Given(unit, "P", "2026-02", value="5")
        with pytest.raises(Refused, match=f"UNIT_ENDED_BEFORE at {path}"):
            rules.judge(1, given_row, ended, INDICATORS, TODAY)


def test_a_unit_of_measure_is_the_same_however_its_marks_are_written() -> None:
    assert judged(unit_of_measure=unicodedata.normalize("NFD", "Nhóm")).reading.value == 5


ANY = st.one_of(st.none(), st.text(max_size=50), st.integers(), st.decimals(), st.dates(), st.booleans())


@given(st.builds(Given, ANY, ANY, ANY, ANY, ANY, ANY, st.one_of(st.none(), st.text()), ANY, ANY))
def test_no_row_is_more_than_good_or_refused_and_every_one_can_be_kept(row: Given) -> None:
    good, refused = tried(lambda: rules.judge(1, row, UNITS, INDICATORS, TODAY))
    assert (good is None) != (refused is None)
    if refused is not None:
        assert all(refused.message(locale) for locale in Locale)
        json.dumps(rules.storable(refused.params), allow_nan=False)
    stored = json.dumps(rules.kept(row), allow_nan=False)
    assert "\\u0000" not in stored


# -- what is kept ------------------------------------------------------------------------------------------


def test_what_was_kept_is_judged_as_it_came() -> None:
    row = Given("46", 2, "2026-02", "5", None, None, "x", {"a": 1}, "nhóm")
    again = rules.given_again(rules.kept(row), {})
    assert again == row._replace(raw=None)


def test_what_is_put_right_takes_the_place_of_what_was_wrong() -> None:
    kept = rules.kept(Given(99, "P", "x", "5", "1"))
    again = rules.given_again(kept, {"unitCode": "46", "asOf": "2026-02", "numerator": None})
    assert (again.unit, again.as_of, again.value, again.numerator) == ("46", "2026-02", "5", None)


@pytest.mark.parametrize(
    "what",
    ["\x00", "a" * 5_000, "\ud800", 10**5_000, Decimal("NaN"), 1.5, b"x"],
    ids=["null", "long", "surrogate", "digits", "nan", "float", "bytes"],
)
def test_whatever_came_is_kept_as_far_as_it_can_be(what: Any) -> None:
    stored = rules.storable({"x": [what, {"y": what}]})
    assert len(json.dumps(stored, allow_nan=False).encode()) < 5_000


# -- the source --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(UnitKind), ids=str)
def test_only_ministries_and_the_government_measure_the_nation(kind: UnitKind) -> None:
    rules.require_reach(Reach.SUBTREE, kind)
    if kind in {UnitKind.MINISTRY, UnitKind.GOVERNMENT}:
        rules.require_reach(Reach.NATION, kind)
        return
    with pytest.raises(Refused, match="SOURCE_NATION_ONLY at reach"):
        rules.require_reach(Reach.NATION, kind)


def test_only_an_active_source_takes_values_in() -> None:
    rules.require_active(SourceState.ACTIVE, "A", None)
    for state, code in ((SourceState.PAUSED, "SOURCE_PAUSED"), (SourceState.CLOSED, "SOURCE_CLOSED")):
        with pytest.raises(Refused, match=f"{code} at sourceId"):
            rules.require_active(state, "A", "bảo trì", "sourceId")
