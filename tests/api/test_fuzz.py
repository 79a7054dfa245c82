"""Whatever a client sends, no bug answers: generated operations over HTTP against real data."""

import re
import zlib
from typing import Any

import pytest
from graphql import DocumentNode, GraphQLInputObjectType
from graphql import print_ast as printed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import Mode, from_schema, nodes

from api.conftest import Api, World
from api.plans_scene import issued
from vdept_graphql.ids import encode
from vdept_graphql.schema import engine
from vdept_graphql.sdl import current

SCALARS = {
    "Decimal": st.one_of(
        st.decimals(-1000, 1000, places=3).map(str), st.decimals().map(str), st.text(max_size=5)
    ).map(nodes.String),
    "Date": st.one_of(st.dates().map(str), st.text(max_size=10)).map(nodes.String),
    "DateTime": st.datetimes().map(lambda at: nodes.String(f"{at.isoformat()}Z")),
    "JSON": st.text(max_size=5).map(nodes.String),
}
QUIET = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
KINDS = {"unit": "Unit", "person": "Person", "plan": "Plan", "target": "Target", "keyResult": "KeyResult"}
GIVEN_ID = re.compile(r'\b(\w*?)([iI]d|[iI]ds): (\[?)"(?:[^"\\]|\\.)*"')


def with_real_ids(document: DocumentNode) -> str:
    """The text of a document, most ids in it replaced by those of the first rows of some table."""

    def real(match: re.Match[str]) -> str:
        roll = zlib.crc32(match[0].encode())
        if roll % 5 == 0:
            return match[0]
        wanted = next((kind for stem, kind in KINDS.items() if match[1].lower().endswith(stem.lower())), None)
        kind = wanted or sorted(KINDS.values())[roll % len(KINDS)]
        return f'{match[1]}{match[2]}: {match[3]}"{encode(kind, 1 + roll % 7)}"'

    return GIVEN_ID.sub(real, printed(document))


def operations(mode: Mode = Mode.POSITIVE) -> st.SearchStrategy[str]:
    return from_schema(current(), custom_scalars=SCALARS, print_ast=with_real_ids, mode=mode)  # type: ignore[return-value]


async def sound(api: Api, world: World, query: str) -> None:
    for actor in (world.administrator, world.firm_head):
        reply = await api.gql(query, as_=actor)
        assert reply.status in {200, 400}, query
        assert "INTERNAL_ERROR" not in reply.codes, query


@pytest.fixture
async def peopled(api: Api, world: World) -> World:
    await issued(api, world)
    return world


@QUIET
@given(query=operations())
async def test_no_valid_operation_finds_a_bug(api: Api, peopled: World, query: str) -> None:
    await sound(api, peopled, query)


@QUIET
@given(query=operations(Mode.NEGATIVE))
async def test_no_invalid_operation_finds_a_bug(api: Api, peopled: World, query: str) -> None:
    await sound(api, peopled, query)


@QUIET
@given(body=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
async def test_no_body_finds_a_bug(api: Api, world: World, body: bytes) -> None:
    reply = await api.post(body, world.hue_head)
    assert reply.status == 400
    assert reply.codes


MUTATIONS = sorted(engine.core.mutation_type.fields) if engine.core.mutation_type else []
STEMS = {
    "unit": "Unit",
    "person": "Person",
    "assignee": "Person",
    "membership": "Membership",
    "keyresult": "KeyResult",
    "objective": "Objective",
    "indicator": "Indicator",
    "plan": "Plan",
    "parenttarget": "Target",
    "target": "Target",
    "measurement": "Measurement",
    "task": "Task",
    "blockedby": "Task",
    "parent": "Task",
    "source": "Source",
    "signal": "Signal",
    "focus": "Focus",
}
ABSENT = 2**62
"""The number of nothing."""


@pytest.mark.parametrize("number", [1, ABSENT], ids=["there", "absent"])
async def test_every_mutation_refuses_nonsense_by_name(api: Api, peopled: World, number: int) -> None:
    """Texts with null characters, the largest numbers, the last day of time: named, never half-written."""
    for name in MUTATIONS:
        field = engine.core.mutation_type.fields[name]  # type: ignore[union-attr]
        kind = field.args["input"].type.of_type
        reply = await api.do(name, nonsense(kind, number), peopled.administrator, "")
        assert reply.status == 200, (name, reply.body)
        assert "INTERNAL_ERROR" not in reply.codes, (name, reply.body)
        if number == ABSENT and any(key.endswith("Id") for key in kind.fields):
            assert reply.data[name]["errors"] != [], name


def nonsense(kind: Any, number: int) -> dict[str, Any]:
    """A value for every field of an input type."""
    chosen = {name: _nonsense(name, str(field.type), number) for name, field in kind.fields.items()}
    given = [(name, value) for name, value in chosen.items() if value is not None]
    return dict(given[:1] if kind.extensions["strawberry-definition"].is_one_of else given)


def _nonsense(name: str, type_: str, number: int) -> Any:
    if type_.startswith("["):
        return [_nonsense(name, type_.strip("[]!"), number)]
    plain = type_.rstrip("!")
    if isinstance(engine.core.type_map[plain], GraphQLInputObjectType):
        return nonsense(engine.core.type_map[plain], number)
    values = getattr(engine.core.type_map[plain], "values", None)
    if values:
        return next(iter(values))
    if name in {"idempotencyKey", "expectedVersion", "dryRun"}:
        return None
    if plain == "ID":
        stem = re.sub("Ids?$", "", name).lower()
        return encode(next((k for s, k in STEMS.items() if stem.endswith(s)), "Unit"), number)
    known = {
        "Int": 2**31 - 1,
        "Boolean": True,
        "Date": "9999-12-31",
        "Time": "23:59",
        "DateTime": "2026-03-02T10:00:00+07:00",
        "Decimal": "999999999999999999",
    }
    return known.get(plain, "a\0b")
