"""The published contract: committed, described throughout, and shaped by the conventions of the design."""

from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
)

from vdept.kernel.errors import REGISTRY
from vdept_graphql import sdl
from vdept_graphql.schema import engine

SCHEMA = engine.core
TYPES = {
    name: type_
    for name, type_ in SCHEMA.type_map.items()
    if not name.startswith("__") and name not in {"String", "Int", "Boolean", "ID", "Float"}
}
MUTATIONS = SCHEMA.mutation_type.fields if SCHEMA.mutation_type else {}


def _described() -> Iterator[tuple[str, str | None]]:
    for name, type_ in TYPES.items():
        yield name, type_.description
        match type_:
            case GraphQLObjectType() | GraphQLInterfaceType():
                for field, definition in type_.fields.items():
                    yield f"{name}.{field}", definition.description
                    for argument, given in definition.args.items():
                        yield f"{name}.{field}({argument})", given.description
            case GraphQLInputObjectType():
                for field, wanted in type_.fields.items():
                    yield f"{name}.{field}", wanted.description
            case GraphQLEnumType():
                for value, meaning in type_.values.items():
                    yield f"{name}.{value}", meaning.description


def test_the_committed_contract_is_the_codes() -> None:
    assert sdl.CONTRACT.read_text(encoding="utf-8") == sdl.current()


def test_checking_the_contract_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert sdl.main(["--check"]) == 0
    assert sdl.main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_everything_public_is_described() -> None:
    assert [name for name, description in _described() if not (description or "").strip()] == []


def test_every_object_with_an_id_is_a_node() -> None:
    ids = [
        name
        for name, type_ in TYPES.items()
        if isinstance(type_, GraphQLObjectType) and "id" in type_.fields
        if "Node" not in {each.name for each in type_.interfaces}
    ]
    assert ids == []


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_a_mutation_takes_one_input_and_answers_with_a_payload(name: str) -> None:
    field = MUTATIONS[name]
    assert list(field.args) == ["input"]
    wanted = field.args["input"].type
    assert isinstance(wanted, GraphQLNonNull)
    kind = get_named_type(wanted)
    assert kind.name == f"{name[0].upper()}{name[1:]}Input"
    assert isinstance(kind, GraphQLInputObjectType)
    assert "idempotencyKey" in kind.fields
    assert not isinstance(field.type, GraphQLNonNull)
    payload = get_named_type(field.type)
    assert isinstance(payload, GraphQLObjectType)
    assert payload.name.endswith("Payload")
    assert str(payload.fields["errors"].type) == "[UserError!]!"
    assert [
        f for f, d in payload.fields.items() if f != "errors" and isinstance(d.type, GraphQLNonNull)
    ] == []


@pytest.mark.parametrize("name", sorted(n for n in TYPES if n.endswith("Connection")))
def test_a_list_is_a_relay_connection(name: str) -> None:
    type_ = TYPES[name]
    assert isinstance(type_, GraphQLObjectType)
    assert set(type_.fields) == {"nodes", "edges", "pageInfo", "totalCount"}


def test_every_refusal_of_the_core_is_an_error_code() -> None:
    codes = TYPES["ErrorCode"]
    assert isinstance(codes, GraphQLEnumType)
    assert set(codes.values) == set(REGISTRY)
