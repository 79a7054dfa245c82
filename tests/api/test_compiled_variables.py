"""Variables through functions per input type: what they make of them is what graphql-core makes of them."""

import gc
import math
import weakref
from collections import OrderedDict
from enum import Enum
from random import Random
from types import MappingProxyType
from typing import Any

import pytest
import strawberry
from graphql import (
    DocumentNode,
    Executor,
    GraphQLBoolean,
    GraphQLDefaultInput,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    build_schema,
    is_enum_type,
    is_input_object_type,
    parse,
    print_ast,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from vdept_graphql.compiled import CompiledExecutor, variables
from vdept_graphql.schema import engine

STOCK = StrawberryGraphQLCoreExecutionContext
REAL = engine.core
INPUTS = sorted(name for name, type_ in REAL.type_map.items() if is_input_object_type(type_))
SETTINGS = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


# -- what is compared ----------------------------------------------------------------------------------


def built(executor: type[Executor[Any]], schema: GraphQLSchema, document: DocumentNode, inputs: Any) -> Any:
    """All that execution is given, or the refusals, as text that shows every type."""
    result = executor.build(schema, document, raw_variable_values=inputs)
    if isinstance(result, list):
        return [(error.formatted, repr(error.original_error)) for error in result]
    assert result.operation is document.definitions[0]
    given_, coerced = result.variable_values
    sources = [
        (name, str(source.signature.type), _default(source.signature), repr(source.value))
        for name, source in given_.items()
    ]
    return sources, repr(coerced), list(result.fragments)


def _default(signature: Any) -> str | None:
    return print_ast(signature.default.literal) if signature.default else None


def same(schema: GraphQLSchema, declared: str, value: Any) -> Any:
    """Build with and without our functions; what came of it."""
    document = parse(f"query($input: {declared}) {{ __typename }}")
    theirs = built(STOCK, schema, document, {"input": value})
    ours = built(CompiledExecutor, schema, document, {"input": value})
    assert ours == theirs
    return ours


def fits(schema: GraphQLSchema, declared: str, value: Any) -> bool:
    """Whether it is our functions that take the value."""
    document = parse(f"query($input: {declared}) {{ __typename }}")
    return variables.coerced(schema, document, None, {"input": value}) is not None


# -- the real schema -----------------------------------------------------------------------------------

SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "ID": st.text(max_size=5) | st.integers(),
    "String": st.text(max_size=5),
    "Int": st.integers(-(2**31), 2**31 - 1) | st.sampled_from([3.0, -0.0]),
    "Boolean": st.booleans(),
    "Decimal": st.decimals(-1000, 1000, places=3).map(str) | st.integers(-(10**9), 10**9),
    "Date": st.dates().map(str),
    "DateTime": st.datetimes().map(lambda at: f"{at.isoformat()}+07:00"),
    "Time": st.times().map(lambda at: f"{at:%H:%M}"),
    "JSON": st.recursive(st.none() | st.integers() | st.text(max_size=3), st.lists, max_leaves=4),
}
JUNK = st.recursive(
    st.sampled_from([None, True, 0, 1, 2**31, 2**63, 1.5, math.inf, math.nan, 10**400, "", "1", "x", "\0"])
    | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "rows", "x", "note"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def sound(type_: Any) -> st.SearchStrategy[Any]:
    """Values of an input type that are accepted."""
    if isinstance(type_, GraphQLNonNull):
        return _sound(type_.of_type)
    return st.none() | _sound(type_)


def _sound(type_: Any) -> st.SearchStrategy[Any]:
    if isinstance(type_, GraphQLList):
        single = isinstance(type_.of_type, GraphQLNonNull) and not isinstance(
            type_.of_type.of_type, GraphQLList
        )
        many = st.lists(sound(type_.of_type), max_size=3)
        return many | sound(type_.of_type) if single else many
    if is_input_object_type(type_):
        required, optional = {}, {}
        definition = type_.extensions.get("strawberry-definition")
        if type_.is_one_of or (definition is not None and definition.is_one_of):
            ways = [(name, field.type) for name, field in type_.fields.items()]
            return st.one_of(
                [st.fixed_dictionaries({name: sound(GraphQLNonNull(way))}) for name, way in ways]
            )
        for name, field in type_.fields.items():
            must = isinstance(field.type, GraphQLNonNull) and field.default_value is Undefined
            (required if must else optional)[name] = sound(field.type)
        return st.fixed_dictionaries(required, optional=optional)
    if is_enum_type(type_):
        return st.sampled_from(sorted(type_.values))
    return SCALARS[type_.name]


def damaged(value: Any, rng: Random, junk: Any) -> Any:
    """``value`` with one thing wrong somewhere: replaced, taken away, or one too many."""
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return [damaged(each, rng, junk) if i == at else each for i, each in enumerate(value)]
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key, act = rng.choice(sorted(value)), rng.random()
        if act < 0.15:
            return {name: each for name, each in value.items() if name != key}
        if act < 0.3:
            return {**value, rng.choice(["x", key + "s", key.upper(), ""]): junk}
        return {**value, key: damaged(value[key], rng, junk)}
    return junk


WRAPPED = st.sampled_from(["{}", "{}!", "[{}!]!", "[{}]", "[[{}]!]"])


@SETTINGS
@given(st.data(), st.sampled_from(INPUTS), WRAPPED)
def test_what_is_accepted_is_converted_alike_and_by_our_functions(
    data: st.DataObject, name: str, wrapped: str
) -> None:
    value = data.draw(_sound(REAL.type_map[name]))
    for _ in range(wrapped.count("[")):
        value = [value, value]
    declared = wrapped.format(name)
    outcome = same(REAL, declared, value)
    assert isinstance(outcome, tuple)
    assert fits(REAL, declared, value)


@SETTINGS
@given(st.data(), st.sampled_from(INPUTS), WRAPPED, st.randoms(use_true_random=False), JUNK)
def test_what_has_one_fault_is_refused_alike(
    data: st.DataObject, name: str, wrapped: str, rng: Random, junk: Any
) -> None:
    value = data.draw(_sound(REAL.type_map[name]))
    for _ in range(wrapped.count("[")):
        value = [value, value]
    same(REAL, wrapped.format(name), damaged(value, rng, junk))


@SETTINGS
@given(st.sampled_from(INPUTS), WRAPPED, JUNK)
def test_nonsense_is_refused_alike(name: str, wrapped: str, junk: Any) -> None:
    same(REAL, wrapped.format(name), junk)


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_of_the_schema_has_a_function(name: str) -> None:
    assert fits(REAL, f"[{name}]", [])


def test_many_faults_are_cut_off_where_graphql_core_cuts_them_off() -> None:
    refusals = same(REAL, "RecordMeasurementsInput!", {"rows": [{"x": 1}] * 100})
    assert len(refusals) == 51
    assert "error limit reached" in refusals[-1][0]["message"]


# -- what the real schema has not, or not yet ------------------------------------------------------------


class Colour(Enum):
    RED = 1


def _fussy(value: Any) -> Any:
    if value == "raise":
        raise GraphQLError("no")
    return {"undefined": Undefined, "null": None}.get(value, value) if isinstance(value, str) else value


FUSSY = GraphQLScalarType("Fussy", parse_value=_fussy)
INNER = GraphQLInputObjectType(
    "Inner",
    {
        "a": GraphQLInputField(GraphQLNonNull(GraphQLInt), default=GraphQLDefaultInput(value=4)),
        "b": GraphQLInputField(GraphQLList(GraphQLInt), default_value=(5,), out_name="bee"),
        "c": GraphQLInputField(GraphQLNonNull(FUSSY), default_value="c"),
        "d": GraphQLInputField(FUSSY),
        "e": GraphQLInputField(GraphQLEnumType("Colour", Colour)),
        "f": GraphQLInputField(GraphQLBoolean),
    },
    out_type=lambda value: Undefined if value["a"] == 9 else tuple(value.items()),
)
ONE = GraphQLInputObjectType(
    "One",
    {"s": GraphQLInputField(GraphQLString), "i": GraphQLInputField(INNER), "f": GraphQLInputField(FUSSY)},
    is_one_of=True,
)
LOOP = GraphQLInputObjectType(
    "Loop", lambda: {"next": GraphQLInputField(LOOP), "many": GraphQLInputField(GraphQLList(LOOP))}
)
HELD = GraphQLInputObjectType("Held", {"loop": GraphQLInputField(LOOP)})
LISTS: Any = GraphQLInt
for _ in range(150):
    LISTS = GraphQLList(LISTS)
DEEP = GraphQLInputObjectType("Deep", {"lists": GraphQLInputField(LISTS)})
ODD = GraphQLSchema(build_schema("type Query { a: Int }").query_type, types=[INNER, ONE, LOOP, HELD, DEEP])


def chain(key: str, length: int) -> Any:
    value: Any = None
    for _ in range(length):
        value = {key: [value] if key == "many" else value}
    return value


@pytest.mark.parametrize(
    ("declared", "value", "by_us"),
    [
        ("Inner", {}, True),
        ("Inner", {"a": None}, False),
        ("Inner", {"a": 9}, False),
        ("Inner", {"b": None}, True),
        ("Inner", {"b": 3}, True),
        ("Inner", {"b": [1, None, 2]}, True),
        ("Inner", {"b": [1, "2"]}, False),
        ("Inner", {"b": (1, 2)}, False),
        ("Inner", {"b": {1: 2}}, False),
        ("Inner", {"c": "null"}, True),
        ("Inner", {"c": "undefined"}, False),
        ("Inner", {"d": "undefined"}, False),
        ("Inner", {"d": "raise"}, False),
        ("Inner", {"d": {"deep": [[[]]]}}, True),
        ("Inner", {"d": Undefined}, False),
        ("Inner", {"zzz": Undefined}, False),
        ("Inner", {"zzz": 1}, False),
        ("Inner", {"e": "RED"}, True),
        ("Inner", {"e": "BLUE"}, False),
        ("Inner", {"e": 1}, False),
        ("Inner", {"e": ["RED"]}, False),
        ("Inner", {"f": True}, True),
        ("Inner", {"f": 1}, False),
        ("Inner", OrderedDict(a=1), False),
        ("Inner", MappingProxyType({"a": 1}), False),
        ("[Inner!]", {"a": 1}, True),
        ("[Inner!]", [{"a": 1}, None], False),
        ("[Inner]", [{"a": 1}, None, Undefined], True),
        ("[[Int]!]", [1, [2, None]], True),
        ("[Fussy]", ["undefined"], False),
        ("[Fussy!]", [None], False),
        ("One", {"s": "x"}, True),
        ("One", {"s": None}, False),
        ("One", {}, False),
        ("One", {"s": "x", "i": {}}, False),
        ("One", {"s": "x", "f": Undefined}, False),
        ("One", {"i": {"a": 1}}, True),
        ("One", {"f": "null"}, False),
        ("Loop", {"next": {"many": [{}]}}, False),
        ("Held", {"loop": {}}, False),
        ("Held", {}, False),
        ("Unknown", {}, False),
        ("Query", {}, False),
    ],
    ids=str,
)
def test_what_is_peculiar_is_left_to_graphql_core_and_the_rest_is_alike(
    declared: str, value: Any, by_us: bool
) -> None:
    same(ODD, declared, value)
    same(ODD, declared + "!", value)
    assert fits(ODD, declared, value) is by_us


@pytest.mark.parametrize("key", ["next", "many"])
@pytest.mark.parametrize("length", [50, 99, 100, 101, 199, 200, 201, 202, 100_000])
def test_the_limit_of_nesting_is_graphql_cores(key: str, length: int) -> None:
    value = chain(key, length)
    document = parse("query($input: Loop) { __typename }")
    outcomes = []
    for executor in (STOCK, CompiledExecutor):
        result = executor.build(ODD, document, raw_variable_values={"input": value})
        outcomes.append([e.message for e in result] if isinstance(result, list) else "accepted")
    assert outcomes[0] == outcomes[1]
    if length > 201:
        assert outcomes[1] == ["Variable values are nested too deeply."]


@pytest.mark.parametrize("lists", [30, 39, 40, 41, 60, 150])
def test_lists_within_lists_end_where_graphql_core_ends_them(lists: int) -> None:
    declared = "[" * lists + "Int" + "]" * lists
    value: Any = 1
    for _ in range(lists):
        value = [value]
    same(ODD, declared, value)
    same(ODD, declared, [1, [2, [3]], "x"])
    assert fits(ODD, declared, value) is (lists <= variables.DEEPEST)


@pytest.mark.parametrize("lists", [0, 48, 49, 50, 51])
def test_lists_and_objects_within_each_other_count_together(lists: int) -> None:
    value: Any = {"lists": 1}
    for _ in range(lists):
        value = [value]
    outcome = same(ODD, "[" * lists + "Deep" + "]" * lists, value)
    assert isinstance(outcome, tuple) is (lists + 1 + 150 <= 200)


def test_an_iterable_that_can_be_read_once_is_read_once() -> None:
    document = parse("query($input: [Fussy], $other: [Int]) { __typename }")
    result = CompiledExecutor.build(
        ODD, document, raw_variable_values={"input": iter(range(3)), "other": [1]}
    )
    assert isinstance(result, Executor)
    assert result.variable_values.coerced == {"input": [0, 1, 2], "other": [1]}


@pytest.mark.parametrize(
    "inputs",
    [{"a": [1]}, {"a": [1], "b": None}, {"a": [1], "c": 1}, {"b": [2]}, {"a": [1], "c": "x"}, {}, None],
    ids=str,
)
@pytest.mark.parametrize("default", ["", " = [7]", " = 7", ' = ["x"]', " = null"], ids=repr)
def test_defaults_of_variables_and_variables_left_out(inputs: Any, default: str) -> None:
    declared = f"$a: [Int]!, $b: [Int]{default}, $c: Int! = 3, $d: Inner = {{a: 1}}"
    document = parse(f"query({declared}) {{ __typename }} fragment F on Query {{ a }}")
    theirs = built(STOCK, ODD, document, inputs)
    assert built(CompiledExecutor, ODD, document, inputs) == theirs


def test_a_default_that_is_no_value_of_its_type_is_reported_by_graphql_core() -> None:
    bad = GraphQLInputField(GraphQLInt, default=GraphQLDefaultInput(value="four"))
    spoilt = GraphQLInputObjectType("Spoilt", {"a": bad})
    schema = GraphQLSchema(ODD.query_type, types=[spoilt], assume_valid=True)
    with pytest.raises(TypeError, match="to be valid, found: 'four'"):
        same(schema, "Spoilt", {})
    with pytest.raises(TypeError, match="to be valid, found: 'four'"):
        CompiledExecutor.build(schema, parse("query($i: Spoilt) { a }"), raw_variable_values={"i": {}})
    assert isinstance(same(schema, "Spoilt", {"a": 1}), tuple)


@pytest.mark.parametrize("name", ["A", "B", "C", None])
def test_of_several_operations_the_one_asked_for_gets_its_variables(name: str | None) -> None:
    document = parse(
        "query A($a: [Int]) { __typename } query B($b: [Int], $a: [Int!]!) { __typename } query D { a }"
    )
    found = []
    for executor in (STOCK, CompiledExecutor):
        result = executor.build(
            ODD, document, raw_variable_values={"a": [1], "b": 2, "z": 3}, operation_name=name
        )
        found.append(
            [error.formatted for error in result]
            if isinstance(result, list)
            else (id(result.operation), repr(result.variable_values.coerced))
        )
    assert found[0] == found[1]


async def test_a_mutation_gets_what_it_was_sent_through_strawberry() -> None:
    @strawberry.input
    class Row:
        colour: strawberry.enum(Colour)  # type: ignore[valid-type]
        words: list[str]
        note: str | None = strawberry.UNSET

    @strawberry.type
    class Query:
        @strawberry.field
        def told(self, rows: list[Row], yes: bool) -> list[str]:
            return [repr(row) for row in rows] if yes else []

    query = "query($rows: [Row!]!, $yes: Boolean = true) { told(rows: $rows, yes: $yes) }"
    rows = {"rows": [{"colour": "RED", "words": "one"}, {"colour": "RED", "words": [], "note": None}]}
    stock = await strawberry.Schema(Query).execute(query, variable_values=rows)
    ours = await strawberry.Schema(Query, execution_context_class=CompiledExecutor).execute(
        query, variable_values=rows
    )
    assert ours == stock
    assert ours.data is not None
    assert len(ours.data["told"]) == 2


def test_functions_do_not_keep_a_schema_alive() -> None:
    @strawberry.input
    class Row:
        n: int = 3

    @strawberry.type
    class Query:
        @strawberry.field
        def told(self, rows: list[Row]) -> int:
            return len(rows)

    schema = GraphQLSchema(**strawberry.Schema(Query)._schema.to_kwargs())
    assert fits(schema, "[Row]", [{}])
    gone = weakref.ref(schema)
    del schema
    gc.collect()
    assert gone() is None
