"""The rules of values: ratios are exact, sources are named, dates are not ahead, people may record."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.errors import Refused
from vdept.measurements import rules
from vdept.measurements.rules import Meaning
from vdept.targets.models import Basis

parts = st.decimals(min_value=0, max_value=10**15, places=6)
positive = st.decimals(min_value=Decimal("0.000001"), max_value=10**15, places=6)
TODAY = date(2026, 3, 2)


@given(parts, positive)
def test_a_ratio_is_the_exact_quotient_rounded_half_up_at_the_sixth_decimal(
    numerator: Decimal, denominator: Decimal
) -> None:
    exact = Fraction(numerator) * 100 / Fraction(denominator)
    half_up = (exact * 10**6 + Fraction(1, 2)) // 1
    assert Fraction(rules.ratio(numerator, denominator)) == Fraction(half_up, 10**6)


@pytest.mark.parametrize(
    ("numerator", "denominator", "value"),
    [(17, 100, "17"), (1, 3, "33.333333"), (2, 3, "66.666667"), (0, 7, "0"), (1, 64_000_000, "0.000002")],
)
def test_ratios_by_hand(numerator: int, denominator: int, value: str) -> None:
    assert rules.ratio(Decimal(numerator), Decimal(denominator)) == Decimal(value)


@given(parts, positive)
def test_shares_of_a_whole_stay_within_a_hundred(numerator: Decimal, denominator: Decimal) -> None:
    share = Meaning("x", is_ratio=True, minimum=Decimal(0), maximum=Decimal(100))
    if numerator > denominator:
        with pytest.raises(Refused, match="NUMERATOR_ABOVE_DENOMINATOR"):
            rules.reading(share, None, numerator, denominator)
    else:
        made = rules.reading(share, None, numerator, denominator)
        assert 0 <= made.value <= 100
        assert (made.numerator, made.denominator) == (numerator, denominator)


def test_a_growth_rate_may_pass_a_hundred() -> None:
    growth = Meaning("x", is_ratio=True)
    assert rules.reading(growth, None, Decimal(3), Decimal(2)).value == Decimal(150)
    assert rules.reading(growth, None, Decimal(-1), Decimal(2)).value == Decimal(-50)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_a_value_is_of_today_or_before(as_of: date) -> None:
    if rules.EARLIEST <= as_of <= TODAY:
        rules.require_as_of(as_of, TODAY)
    else:
        with pytest.raises(Refused, match=r"AS_OF_IN_FUTURE|AS_OF_TOO_OLD"):
            rules.require_as_of(as_of, TODAY)


def test_a_unit_that_ended_today_still_takes_todays_value() -> None:
    rules.require_as_of(TODAY, TODAY, TODAY)
    with pytest.raises(Refused, match="UNIT_ENDED"):
        rules.require_as_of(TODAY, TODAY, TODAY - timedelta(days=1), "Xã cũ")


@pytest.mark.parametrize("source", [None, "", "  ", "x" * 201, "a\x00"])
def test_a_measured_value_names_its_source(source: str | None) -> None:
    with pytest.raises(Refused, match="SOURCE_REQUIRED"):
        rules.named_source(Basis.MEASURED, source)
    assert rules.named_source(Basis.MEASURED, " một cửa ") == "một cửa"
    assert rules.named_source(Basis.REPORTED, None) == rules.REPORT


def seated(role: Role, unit_id: int, path: tuple[int, ...]) -> Actor:
    return Actor(ActorKind.PERSON, person_id=1, seats=(Seat(unit_id, role, path, public_body=True),))


@given(st.sampled_from(Role), st.sampled_from([1, 2, 3, 9]))
def test_who_may_report_is_decided_by_role_and_place(role: Role, unit_id: int) -> None:
    """Unit 2 stands below 1 and above 3; 9 stands elsewhere. A value of unit 2."""
    who = seated(role, unit_id, {1: (1,), 2: (1, 2), 3: (1, 2, 3), 9: (9,)}[unit_id])
    managing = role in {Role.HEAD, Role.DEPUTY, Role.COORDINATOR}
    expected = {1: managing, 2: role is not Role.OBSERVER, 3: False, 9: False}[unit_id]
    assert rules.may_record(who, 2, (1, 2)) is expected


@given(st.sampled_from(Role), st.booleans(), st.sampled_from(ActorKind))
def test_nobody_but_the_platform_records_what_is_measured(
    role: Role, administrator: bool, kind: ActorKind
) -> None:
    who = replace(seated(role, 1, (1,)), administrator=administrator, kind=kind)
    rules.require_source(who, Basis.REPORTED, "basis")
    if kind is ActorKind.SYSTEM:
        rules.require_source(who, Basis.MEASURED, "basis")
        return
    with pytest.raises(Refused, match="MEASURED_NEEDS_SOURCE at basis"):
        rules.require_source(who, Basis.MEASURED, "basis")
