"""How much a document may ask for, found without reading any part of it twice."""

import pytest
from graphql import GraphQLError, build_schema, get_introspection_query, parse, specified_rules, validate
from hypothesis import given
from hypothesis import strategies as st

from vdept.kernel.errors import REGISTRY, Locale, Refused
from vdept_graphql import costs, limits
from vdept_graphql.limits import LIMITS, measure, parse_limited

SCHEMA = build_schema(
    """
    type Query { me: Person, people: [Person!]! }
    type Mutation { rename(name: String): Person }
    type Person { name: String, friend: Person, friends: [Person!]! }
    """
)


def codes(query: str) -> list[str]:
    """The refusals of a document that are ours; any other error is named by its message."""
    found = validate(SCHEMA, parse_limited(query), LIMITS)
    return [e.original_error.code if isinstance(e.original_error, Refused) else e.message for e in found]


def nested(depth: int) -> str:
    """A query whose longest chain has ``depth`` fields."""
    return "{ me " + "{ friend " * (depth - 2) + "{ name }" + " }" * (depth - 2) + " }"


def doubling(count: int) -> str:
    """Each fragment spreads the next one twice."""
    fragments = [
        f"fragment F{i} on Person {{ friend {{ ...F{i + 1} }} f: friend {{ ...F{i + 1} }} }}"
        for i in range(count)
    ]
    return "{ me { ...F0 } }" + "".join(fragments) + f"fragment F{count} on Person {{ name }}"


def test_a_query_as_deep_as_allowed_passes_and_one_level_more_does_not() -> None:
    assert codes(nested(limits.MAX_DEPTH)) == []
    assert codes(nested(limits.MAX_DEPTH + 1)) == ["QUERY_TOO_DEEP"]


def test_fragments_hide_no_depth() -> None:
    chain = "".join(f"fragment F{i} on Person {{ friend {{ ...F{i + 1} }} }}" for i in range(14))
    assert codes("{ me { ...F0 } }" + chain + "fragment F14 on Person { name }") == ["QUERY_TOO_DEEP"]


def test_eighteen_nested_fragments_cost_one_walk() -> None:
    query = "{ me { ...F0 } }" + "".join(
        f"fragment F{i} on Person {{ ...F{i + 1} ...F{i + 1} }}" for i in range(17)
    )
    found = measure(parse(query + "fragment F17 on Person { name }"))
    assert found.visited == 2 + 17 * 2 * 2 + 1  # every node once, every spread once more
    assert found.operations[0][1].depth == 2


def test_the_work_grows_with_the_document_not_with_what_it_expands_to() -> None:
    small, large = measure(parse(doubling(100))), measure(parse(doubling(200)))
    assert large.visited - small.visited == 100 * 6
    assert large.operations[0][1].aliases == 2**200 - 1
    assert codes(doubling(50)) == ["QUERY_TOO_DEEP", "QUERY_TOO_MANY_ALIASES"]


@pytest.mark.parametrize(
    "query",
    [
        "{ me { ...A } } fragment A on Person { ...A }",
        "{ me { ...A } } fragment A on Person { friend { ...B } } fragment B on Person { friend { ...A } }",
        "{ me { ...A } } fragment A on Person { ...B ...B name } fragment B on Person { ...A ...A name }",
    ],
)
def test_cyclic_fragments_end_and_get_the_standard_error(query: str) -> None:
    assert codes(query) == []
    assert "within itself" in validate(SCHEMA, parse(query), specified_rules)[0].message


def test_a_fragment_that_does_not_exist_is_left_to_the_standard_rules() -> None:
    assert codes("{ me { ...Nowhere } }") == []


def test_aliases_are_counted_as_often_as_they_are_spread() -> None:
    ten = " ".join(f"a{i}: name" for i in range(10))
    query = "{ me { %s } } fragment T on Person { %s }"
    assert codes(query % ("...T " * 20, ten)) == []
    assert codes(query % ("...T " * 21, ten)) == ["QUERY_TOO_MANY_ALIASES"]


def test_root_fields_are_counted_through_fragments() -> None:
    assert codes("{ " + "me { name } " * 40 + "}") == []
    assert codes("{ " + "me { name } " * 40 + "...R } fragment R on Query { me { name } }") == [
        "QUERY_TOO_MANY_ROOT_FIELDS"
    ]
    assert codes("mutation { " + "rename { name } " * 41 + "}") == ["QUERY_TOO_MANY_ROOT_FIELDS"]


def test_ten_thousand_aliases_are_refused_while_they_are_read() -> None:
    with pytest.raises(GraphQLError) as refused:
        parse_limited("{ me { " + " ".join(f"a{i}: name" for i in range(10_000)) + " } }")
    assert refused.value.extensions == {"code": "QUERY_TOO_LONG"}


def test_a_megabyte_of_text_is_not_read_at_all() -> None:
    for text in ("{ me { name } } #" + "x" * 1_000_000, '{ me(x: "' + "a" * 1_000_000 + '") { name } }'):
        with pytest.raises(GraphQLError) as refused:
            parse_limited(text)
        assert refused.value.extensions == {"code": "QUERY_TOO_LONG"}


def test_brackets_without_end_are_a_syntax_error() -> None:
    with pytest.raises(GraphQLError, match="Syntax Error"):
        parse_limited("{ me " * 1000)


def test_the_full_introspection_query_passes() -> None:
    query = get_introspection_query(
        descriptions=True, specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True
    )
    assert codes(query) == []
    assert costs.cost(SCHEMA, parse(query), None, None) < 500


def test_introspection_cannot_be_nested_into_itself() -> None:
    deep = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
    assert codes(deep) == ["Maximum introspection depth exceeded"]


def test_a_refusal_says_what_to_do_in_both_languages() -> None:
    error = validate(SCHEMA, parse(nested(30)), LIMITS)[0]
    assert isinstance(error.original_error, Refused)
    assert error.original_error.message(Locale.EN).startswith(
        "The query is nested 30 levels deep; at most 15."
    )
    assert error.message.startswith("Truy vấn lồng 30 cấp, tối đa 15 cấp.")
    assert error.locations is not None


def test_the_codes_are_not_those_of_a_mutation() -> None:
    ours = {limits.QUERY_TOO_LONG, limits.QUERY_TOO_DEEP, limits.QUERY_TOO_MANY_ALIASES}
    ours |= {limits.QUERY_TOO_MANY_ROOT_FIELDS, costs.QUERY_TOO_COMPLEX}
    assert len({refusal.code for refusal in ours}) == 5
    assert not {refusal.code for refusal in ours} & set(REGISTRY)


@given(st.lists(st.lists(st.integers(0, 7), max_size=5), min_size=8, max_size=8))
def test_any_graph_of_fragments_is_measured_in_linear_time(graph: list[list[int]]) -> None:
    fragments = [
        f"fragment F{i} on Person {{ name friend {{ {' '.join(f'...F{j}' for j in below)} name }} }}"
        for i, below in enumerate(graph)
    ]
    found = measure(parse("{ me { ...F0 } }" + "".join(fragments)))
    assert found.visited == 2 + 8 * 3 + 2 * sum(map(len, graph))
