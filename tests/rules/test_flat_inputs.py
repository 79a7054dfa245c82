"""Inputs built in one step are what Strawberry builds field by field."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import strawberry
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from vdept.targets.models import Basis
from vdept_graphql import target_enums
from vdept_graphql.flat_inputs import flat
from vdept_graphql.scalars import SCALARS

assert target_enums  # importing it is what makes Basis an enum of the schema


def _input(name: str) -> Any:
    class Row:
        unit_id: strawberry.ID
        basis: Basis
        as_of: date | None = None
        value: Decimal | None = strawberry.field(default=Decimal(7))
        note: str | None = strawberry.field(default=None, name="remark")
        left_out: int | None = strawberry.UNSET

    return strawberry.input(Row, name=name)


Stock, Flat = _input("Stock"), flat(_input("Flat"))
SEEN: list[Any] = []


@strawberry.type
class Query:
    @strawberry.field
    def rows(self, stock: list[Stock], flat: list[Flat]) -> bool:  # type: ignore[valid-type]
        SEEN[:] = [stock, flat]
        return True


SCHEMA = strawberry.Schema(Query, config=StrawberryConfig(scalar_map=SCALARS))
DOCUMENT = "query ($stock: [Stock!]!, $flat: [Flat!]!) { rows(stock: $stock, flat: $flat) }"
ROWS = st.fixed_dictionaries(
    {"unitId": st.text(min_size=1, max_size=5), "basis": st.sampled_from(["MEASURED", "REPORTED"])},
    optional={
        "asOf": st.none() | st.dates().map(date.isoformat),
        "value": st.none() | st.integers(-9, 9).map(str),
        "remark": st.none() | st.text(max_size=3),
        "leftOut": st.none() | st.integers(-5, 5),
    },
)


@given(st.lists(ROWS, max_size=4))
def test_rows_are_the_same_as_strawberrys_own(rows: list[dict[str, Any]]) -> None:
    answer = SCHEMA.execute_sync(DOCUMENT, {"stock": rows, "flat": rows})
    assert answer.errors is None
    stock, made = [[vars(row) for row in given] for given in SEEN]
    assert made == stock
    assert all(type(row) is Flat for row in SEEN[1])


def test_a_bad_value_is_refused_before_a_row_is_built() -> None:
    rows = [{"unitId": "1", "basis": "GUESSED"}]
    answer = SCHEMA.execute_sync(DOCUMENT, {"stock": [], "flat": rows})
    assert answer.errors is not None
    assert "GUESSED" in answer.errors[0].message


def test_an_input_with_an_input_inside_is_not_flat() -> None:
    @flat
    @strawberry.input
    class Nested:
        rows: list[Flat]  # type: ignore[valid-type]

    @strawberry.type
    class Root:
        @strawberry.field
        def ask(self, given: Nested) -> bool:
            return bool(given)

    schema = strawberry.Schema(Root, config=StrawberryConfig(scalar_map=SCALARS))
    answer = schema.execute_sync("{ ask(given: {rows: []}) }")
    assert answer.errors is not None
    with pytest.raises(TypeError, match=r"Nested\.rows is not a scalar or an enum"):
        raise answer.errors[0].original_error  # type: ignore[misc]
