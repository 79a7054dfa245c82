"""Vietnamese alphabetical order and search by folded words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.kernel.text import fold, sort_key


@pytest.mark.parametrize(
    "in_order",
    [
        ["An Giang", "Ăn", "Ân", "Bà Rịa", "Cà Mau", "Đà Nẵng", "Đắk Lắk", "Điện Biên", "Huế", "Tây Ninh"],
        ["ma", "mà", "mả", "mã", "má", "mạ", "mai"],
        ["o", "ô", "ơ", "p"],
        ["Hà Nội", "Hà Tĩnh", "Hải Phòng", "Hưng Yên"],
        ["Quận 1", "Quận 2"],
        ["Phường An", "Phường An Khánh", "Phường Ân"],
    ],
)
def test_names_stand_in_dictionary_order(in_order: list[str]) -> None:
    shuffled = in_order[::-1]
    assert sorted(shuffled, key=sort_key) == in_order


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Đà Nẵng", "da nang"),
        ("  ĐẮK   LẮK ", "dak lak"),
        ("Cục Chuyển đổi số", "cuc chuyen doi so"),
        ("H29.01-ab", "h29.01-ab"),
        ("", ""),
    ],
)
def test_search_ignores_marks_case_and_spaces(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet="aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạ ", max_size=20))
def test_the_composed_and_the_decomposed_form_sort_alike(text: str) -> None:
    import unicodedata

    assert sort_key(unicodedata.normalize("NFD", text)) == sort_key(unicodedata.normalize("NFC", text))
