"""What operations cost before they run."""

import gc

import pytest
from graphql import build_schema, parse
from hypothesis import given
from hypothesis import strategies as st

from vdept.kernel.errors import Refused
from vdept.kernel.pages import PAGE_LIMIT, PageRequest
from vdept_graphql import costs
from vdept_graphql.costs import cost

SCHEMA = build_schema(
    """
    interface Node { id: ID! }
    type PageInfo { hasNextPage: Boolean! }
    type Task implements Node {
      id: ID!, title: String!, tags: [String!]!, lead: Unit!, files: [Unit!]!
      participants(first: Int, last: Int): UnitConnection!
    }
    type Unit implements Node { id: ID!, name: String!, tasks(first: Int): TaskConnection! }
    type TaskEdge { cursor: String!, node: Task! }
    type TaskConnection { edges: [TaskEdge!]!, nodes: [Task!]!, pageInfo: PageInfo!, totalCount: Int! }
    type UnitConnection { nodes: [Unit!]!, pageInfo: PageInfo! }
    type Query {
      tasks(first: Int, last: Int): TaskConnection!, unit: Unit
      nodes(ids: [ID!]!): [Node]!, node(id: ID!): Node, lines(unitIds: [ID!]!): [Unit!]!
    }
    """
)


def points(query: str, **variables: object) -> int:
    return cost(SCHEMA, parse(query), None, variables)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ unit { id name } }", 3),
        ("{ tasks(first: 10) { totalCount } }", 2),
        ("{ tasks(first: 10) { nodes { id } } }", 1 + 1 + 10 * 1),
        ("{ tasks(first: 10) { edges { cursor node { id title } } } }", 1 + 1 + 10 * (1 + 3)),
        ("{ tasks { nodes { id } pageInfo { hasNextPage } } }", 1 + 1 + 20 + 2),
        ("{ tasks(last: 7) { nodes { id } } }", 2 + 7),
        ("{ tasks(first: 3, last: 7) { nodes { id } } }", 2 + 7),
        ("{ tasks(first: 0) { nodes { id } } }", 2),
        ("{ tasks(first: -5) { nodes { id } } }", 2),
        ("{ tasks(first: 5000) { nodes { id } } }", 2 + 100),
        ("{ tasks(first: 2) { nodes { tags } } }", 2 + 2),
        ("{ tasks(first: 2) { nodes { files { id name } } } }", 2 + 2 * (1 + 10 * 2)),
        ("{ tasks(first: 10) { nodes { participants(first: 5) { nodes { id } } } } }", 2 + 10 * (2 + 5)),
        ("{ tasks(first: 2) { ...C } } fragment C on TaskConnection { nodes { id } totalCount }", 1 + 2 + 2),
        ("{ tasks(first: 2) { nodes { ... on Task { id } ... { title } } } }", 2 + 2 * 2),
        ('{ nodes(ids: ["a", "b"]) { id ... on Unit { name } } }', 1 + 2 * 2),
        ('{ node(id: "a") { id } }', 2),
        ("{ unit @skip(if: true) { id name } node: unit { id } }", 2),
        ("{ unit { id name @include(if: false) } }", 2),
        ("{ __schema { types { name fields { name } } } }", 5),
        ("{ nowhere { at { all } } }", 3),
        ("{ unit { ...Missing } }", 1),
    ],
)
def test_known_documents_cost_what_they_should(query: str, expected: int) -> None:
    assert points(query) == expected


def test_variables_decide_sizes_lengths_and_conditions() -> None:
    page = "query($n: Int = 4) { tasks(first: $n) { nodes { id } } }"
    assert points(page) == 2 + 4
    assert points(page, n=9) == 2 + 9
    assert points(page, n=10**9) == 2 + 100
    assert points(page, n="odd") == 2 + 20
    ids = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert points(ids, ids=["a", "b", "c"]) == 1 + 3
    assert points(ids, ids="a") == 1 + 1
    lines = "query($ids: [ID!]!) { lines(unitIds: $ids) { id name } }"
    assert points(lines, ids=["a", "b", "c"]) == 1 + 3 * 2
    chosen = "query($yes: Boolean!) { unit { id name @include(if: $yes) ... @skip(if: $yes) { id } } }"
    assert points(chosen, yes=True) == 3
    assert points(chosen, yes=False) == 3


def test_only_the_operation_named_is_counted() -> None:
    document = parse("query A { unit { id } } query B { unit { id name } }")
    assert cost(SCHEMA, document, "A", None) == 2
    assert cost(SCHEMA, document, "B", None) == 3
    assert cost(SCHEMA, document, "C", None) == 0
    assert cost(SCHEMA, document, None, None) == 0


def test_a_page_of_a_hundred_tasks_with_participants_and_assignees_is_affordable() -> None:
    page = """{ tasks(first: 100) { edges { cursor node {
        id title tags lead { id name } files { id name }
        a: participants(first: 20) { nodes { id name } } b: participants(first: 10) { nodes { id name } }
    } } } }"""
    costs.require_affordable(points(page))


def test_nested_full_pages_are_refused_with_the_figure_and_the_limit() -> None:
    spent = points(
        "{ tasks(first: 100) { nodes { participants(first: 100) { nodes { tasks { nodes { id }}}}}}}"
    )
    assert spent == 2 + 100 * (2 + 100 * (2 + 20))
    with pytest.raises(Refused) as refused:
        costs.require_affordable(spent)
    assert refused.value.code == "QUERY_TOO_COMPLEX"
    assert refused.value.params == {"cost": spent, "limit": costs.MAX_COST}


def test_doubling_fragments_are_counted_without_being_expanded() -> None:
    fragments = "".join(f"fragment F{i} on Unit {{ ...F{i + 1} ...F{i + 1} }}" for i in range(400))
    assert points("{ unit { ...F0 } }" + fragments + "fragment F400 on Unit { id }") == costs.REPORTED


def test_cyclic_fragments_are_counted_once_and_end() -> None:
    assert points("{ unit { ...A } } fragment A on Unit { id ...B } fragment B on Unit { name ...A }") == 3


def test_a_document_is_compiled_once_and_forgotten_with_it() -> None:
    document = parse("query($n: Int) { tasks(first: $n) { nodes { id } } }")
    before = len(costs._programs)
    assert [cost(SCHEMA, document, None, {"n": n}) for n in (1, 2, 3)] == [3, 4, 5]
    assert len(costs._programs) == before + 1
    del document
    gc.collect()
    assert len(costs._programs) == before


def test_the_default_page_is_that_of_the_lists() -> None:
    assert PageRequest().size() == costs.DEFAULT_PAGE
    assert PAGE_LIMIT == 100


@given(st.integers(1, 100), st.integers(1, 100))
def test_cost_grows_with_both_page_sizes(outer: int, inner: int) -> None:
    query = (
        "query($a: Int!, $b: Int!) { tasks(first: $a) { nodes { participants(first: $b) { nodes { id }}}}}"
    )
    assert points(query, a=outer, b=inner) == 2 + outer * (2 + inner)
