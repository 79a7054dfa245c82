"""Rules on units: codes, names, who may stand under whom, and circles."""

from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.kernel.errors import Refused
from vdept.units import rules
from vdept.units.models import UnitKind

ABOVE = {
    "GOVERNMENT": set(),
    "MINISTRY": {"GOVERNMENT"},
    "PROVINCE": {"GOVERNMENT"},
    "COMMUNE": {"PROVINCE"},
    "DEPARTMENT": {"GOVERNMENT", "MINISTRY", "PROVINCE", "COMMUNE", "DEPARTMENT"},
    "FIRM": set(),
    "ASSOCIATION": set(),
}


@pytest.mark.parametrize(("kind", "parent"), list(product(UnitKind, UnitKind)))
def test_a_unit_stands_only_under_the_kinds_of_its_level(kind: UnitKind, parent: UnitKind) -> None:
    if parent in ABOVE[kind]:
        rules.require_parent(kind, parent, "parentId")
    else:
        with pytest.raises(Refused) as refused:
            rules.require_parent(kind, parent, "parentId")
        assert (refused.value.code, refused.value.path) == ("UNIT_PARENT_KIND", ("parentId",))


@pytest.mark.parametrize("kind", list(UnitKind))
def test_departments_and_communes_need_a_unit_above(kind: UnitKind) -> None:
    if kind in {UnitKind.DEPARTMENT, UnitKind.COMMUNE}:
        with pytest.raises(Refused) as refused:
            rules.require_parent(kind, None, "parentId")
        assert refused.value.code == "UNIT_PARENT_MISSING"
    else:
        rules.require_parent(kind, None)


@pytest.mark.parametrize("code", ["01", "00004", "BKHCN", "H29.01.A", "0900000011", "A" * 40, " 01 "])
def test_a_code_keeps_its_zeros(code: str) -> None:
    assert rules.clean_code(code) == code.strip()


@pytest.mark.parametrize("code", ["", " ", "bkhcn", "Đ1", ".A", "A B", "A" * 41, "A\n1", "٠١", "A_1"])
def test_a_code_of_another_form_is_refused(code: str) -> None:
    with pytest.raises(Refused) as refused:
        rules.clean_code(code, "code")
    assert (refused.value.code, refused.value.path) == ("INVALID_VALUE", ("code",))


@pytest.mark.parametrize(
    ("name", "cleaned"), [("  Hà   Nội ", "Hà Nội"), ("Ha\u0300", "Hà"), ("x" * 300, "x" * 300)]
)
def test_a_name_is_composed_and_single_spaced(name: str, cleaned: str) -> None:
    assert rules.clean_name(name) == cleaned


@pytest.mark.parametrize("name", ["", "  ", "x" * 301, "a\x00b", "a\u202eb"])
def test_a_name_without_a_readable_text_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        rules.clean_name(name, "name")


def test_validity_includes_its_last_day() -> None:
    day = date(2025, 7, 1)
    rules.require_validity(day, day)
    rules.require_validity(day, None)
    with pytest.raises(Refused) as refused:
        rules.require_validity(day, date(2025, 6, 30), "validTo")
    assert refused.value.code == "UNIT_VALIDITY"


@pytest.mark.parametrize(
    ("parent_to", "valid_to", "outlived"),
    [
        (None, None, False),
        (None, date(2030, 1, 1), False),
        (date(2030, 1, 1), None, True),
        (date(2030, 1, 1), date(2030, 1, 1), False),
        (date(2030, 1, 1), date(2030, 1, 2), True),
    ],
)
def test_a_unit_does_not_outlive_the_one_above(
    parent_to: date | None, valid_to: date | None, outlived: bool
) -> None:
    assert rules.outlived(parent_to, valid_to) is outlived


@pytest.mark.parametrize(
    ("parents", "circles"),
    [
        ({"a": "b", "b": "a"}, [["a", "b"]]),
        ({"a": "a"}, [["a"]]),
        ({"x": "a", "a": "b", "b": "c", "c": "a", "y": None}, [["a", "b", "c"]]),
        ({"a": "b", "b": "a", "c": "d", "d": "c"}, [["a", "b"], ["c", "d"]]),
    ],
)
def test_circles_are_named(parents: dict[str, str | None], circles: list[list[str]]) -> None:
    order, found = rules.parents_first(parents)
    assert found == circles
    assert order == [code for code in parents if parents[code] is None]


@given(st.dictionaries(st.integers(0, 30), st.one_of(st.none(), st.integers(0, 35))))
def test_every_code_follows_its_parent_or_hangs_on_a_circle(tree: dict[int, int | None]) -> None:
    parents = {str(code): None if parent is None else str(parent) for code, parent in tree.items()}
    order, circles = rules.parents_first(parents)
    place = {code: i for i, code in enumerate(order)}
    assert len(place) == len(order)
    for code in order:
        above = parents[code]
        assert above is None or above not in parents or place[above] < place[code]
    in_circles = {code for circle in circles for code in circle}
    for code in parents.keys() - place.keys():
        seen: set[str] = set()
        step: str | None = code
        while step is not None and step not in seen:
            seen.add(step)
            step = parents.get(step)
        assert seen & in_circles
    for circle in circles:
        assert [parents[code] for code in circle] == [*circle[1:], circle[0]]
