"""Segments: an order of their own, each once, and what a cell of a file may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.kernel.errors import Refused
from vdept.units.models import Segment
from vdept.units.segments import in_order, placed, read

S = Segment
some = st.lists(st.sampled_from(Segment), max_size=8)


@given(some, some, some)
def test_placing_adds_then_takes_away_and_keeps_the_order(
    has: list[Segment], add: list[Segment], remove: list[Segment]
) -> None:
    after = placed(has, add, remove)
    assert set(after) == (set(has) | set(add)) - set(remove)
    assert after == in_order(after)
    assert placed(after, add, remove) == after


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("RURAL", [S.RURAL]),
        ("rural, disadvantaged", [S.DISADVANTAGED, S.RURAL]),
        ("ISLAND;BORDER ; island", [S.BORDER, S.ISLAND]),
        ("MOUNTAINOUS|RURAL", [S.RURAL, S.MOUNTAINOUS]),
        ("none", []),
    ],
)
def test_a_cell_names_segments_in_any_order_and_case(text: str, segments: list[Segment]) -> None:
    assert read(text) == segments


@pytest.mark.parametrize("text", ["URBAN", "RURAL, URBAN", "NONE, RURAL", ";", "RURALISLAND"])
def test_anything_else_is_refused_with_what_may_stand_there(text: str) -> None:
    with pytest.raises(Refused, match="INVALID_VALUE") as caught:
        read(text)
    assert "MOUNTAINOUS" in caught.value.message()
    assert "NONE" in caught.value.message()
