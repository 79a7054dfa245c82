"""What clients need for each part of the schema: nothing is forgotten, and no way round leads past it."""

from collections import Counter

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    parse,
)

from vdept.kernel.actor import Actor, ActorKind
from vdept.kernel.errors import Refused
from vdept.kernel.scopes import Scope, implied
from vdept_graphql import scopes
from vdept_graphql.documents import PerDocument
from vdept_graphql.schema import engine
from vdept_graphql.scopes import MUTATIONS, PERSONAL, TYPES, Needs, needs, require, require_node

SCHEMA = engine.core
COMPOSITE = (GraphQLObjectType, GraphQLInterfaceType, GraphQLUnionType)


def named() -> list[str]:
    """The types with fields of the schema, connections and edges under what they list, payloads left out."""
    return sorted(
        {
            name.removesuffix("Connection").removesuffix("Edge")
            for name, type_ in SCHEMA.type_map.items()
            if isinstance(type_, COMPOSITE) and not name.startswith("__") and not name.endswith("Payload")
        }
    )


def needed(query: str, name: str | None = None) -> Needs:
    document = engine.document(query)
    return needs(SCHEMA, document, engine.operation(document, name))


def client(*given: Scope) -> Actor:
    return Actor(ActorKind.CLIENT, client_id=7, scopes=implied(given))


def test_every_type_stands_in_the_table_exactly_once() -> None:
    placed = Counter(name for names in TYPES.values() for name in names.split())
    assert [name for name, times in placed.items() if times > 1] == []
    assert sorted(placed) == named(), "place a new type in vdept_graphql/scopes.py"


def test_every_mutation_stands_in_the_table_exactly_once() -> None:
    placed = Counter(name for names in MUTATIONS.values() for name in names.split())
    assert [name for name, times in placed.items() if times > 1] == []
    assert SCHEMA.mutation_type is not None
    assert sorted(placed) == sorted(SCHEMA.mutation_type.fields), (
        "place a new mutation in vdept_graphql/scopes.py"
    )


def test_writing_takes_a_write_scope_and_reading_a_read_scope() -> None:
    assert all(place == PERSONAL or str(place).endswith(":write") for place in MUTATIONS)
    assert {str(place).rpartition(":")[2] for place in TYPES} == {"open", "personal", "read"}
    assert {scope for scope in Scope if scope not in TYPES and scope not in MUTATIONS} == set()


def test_every_query_field_is_placed_by_what_it_answers_with() -> None:
    """A root field that answered with a bare number or text would need nothing: there must be none."""
    assert SCHEMA.query_type is not None
    bare = [n for n, f in SCHEMA.query_type.fields.items() if is_leaf_type(get_named_type(f.type))]
    assert bare == []


def test_a_payload_shows_nothing_by_itself_that_its_mutation_did_not_write() -> None:
    """Payloads are open, so their own plain fields may only be counts and notes on the input."""
    assert SCHEMA.mutation_type is not None
    plain = {
        name
        for mutation, field in SCHEMA.mutation_type.fields.items()
        if scopes.place_of_mutation(mutation) != PERSONAL
        for name, definition in get_named_type(field.type).fields.items()
        if is_leaf_type(get_named_type(definition.type))
    }
    assert plain <= {
        *("count", "bad", "ignored", "ignoredColumns", "dryRun", "created", "updated", "unchanged"),
        *("segmentsChanged", "recorded", "rejected"),
    }


READS = {"tasks:read"}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("{ __typename __schema { types { name } } }", set()),
        ("{ units { totalCount nodes { id name parent { code } } } indicators { nodes { id } } }", set()),
        ("{ node(id: 1) { id __typename } }", set()),
        ("{ tasks { totalCount } }", READS),
        ("{ t: tasks { __typename } }", READS),
        ("{ unit(code: 1) { tasks { totalCount } } }", READS),
        ("{ unit(code: 1) { a: tasks { pageInfo { hasNextPage } } } }", READS),
        ("{ units { edges { node { tasks { edges { cursor } } } } } }", READS),
        ("{ node(id: 1) { ... on Task { title } } }", READS),
        ("{ node(id: 1) { ... on Task { __typename } } }", READS),
        ("{ node(id: 1) { ... { ... { ... on Task { id } } } } }", READS),
        ("{ nodes(ids: []) { ... on Node { ... on Comment { body } } } }", READS),
        ("{ ...A } fragment A on Query { node(id: 1) { ...B } } fragment B on Task { id }", READS),
        ("{ ... on Query { ... { tasks { totalCount } } } }", READS),
        ("query($yes: Boolean!) { units { totalCount } tasks @include(if: $yes) { totalCount } }", READS),
        ("{ tasks @skip(if: true) { totalCount } }", READS),
        ("{ activities { nodes { subject { ... on Task { id } } } } }", READS | {"activities:read"}),
        ("{ activities { nodes { by { name } } } }", {"activities:read", "people:read"}),
        ("{ activities { nodes { unit { tasks { totalCount } } } } }", READS | {"activities:read"}),
        ("{ tasks { nodes { assignees { person { email } } } } }", READS | {"people:read"}),
        ("{ tasks { nodes { targets { target { id } } } } }", READS | {"plans:read"}),
        ("{ tasks { nodes { plan { title } } } }", READS | {"plans:read"}),
        ("{ unit(code: 1) { outcome(planId: 1) { own { tasks { total } } } } }", {"plans:read"}),
        ("{ units { nodes { head { id } } } }", {"people:read"}),
        ("{ me { id } }", {"people:read"}),
        ("{ measurements(unitId: 1, indicatorId: 1) { totalCount } }", {"measurements:read"}),
        ("{ plans { nodes { keyResults { milestones { by } } } } }", {"plans:read"}),
        ("mutation { updateUnit(input: {unitId: 1}) { unit { name } errors { code } } }", {"units:write"}),
        (
            "mutation { updateUnit(input: {unitId: 1}) { unit { tasks { totalCount } } } }",
            READS | {"units:write"},
        ),
        ("mutation { acceptTask(input: {taskId: 1}) { errors { code } } }", {"tasks:write"}),
        ("mutation { x: acceptTask(input: {taskId: 1}) { task { id } } }", READS | {"tasks:write"}),
        (
            "mutation { recordMeasurements(input: {}) { count } closePlan(input: {}) { errors { code } } }",
            {"measurements:write", "plans:write"},
        ),
        (
            (
                "mutation { ...M } fragment M on Mutation { cancelTask(input: {}) { ...P } } fragment P on "
                "TaskPayload { task { comments { totalCount } } }"
            ),
            READS | {"tasks:write"},
        ),
    ],
)
def test_what_a_document_needs(query: str, wanted: set[str]) -> None:
    document = parse(query)
    found = needs(SCHEMA, document, engine.operation(document, None))
    assert (set(found.scopes), found.personal) == (wanted, False)


def test_each_operation_of_a_document_has_its_own_needs() -> None:
    query = "query A { units { totalCount } } query B { ...T } fragment T on Query { tasks { totalCount } }"
    assert needed(query, "A").scopes == frozenset()
    assert needed(query, "B").scopes == {Scope.TASKS_READ}


def test_needs_are_worked_out_once_for_a_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scopes, "_known", PerDocument())
    query = "query Once { tasks { totalCount } }"
    assert needed(query) == needed(query)
    monkeypatch.setattr(scopes, "_places", None)
    assert needed(query).scopes == {Scope.TASKS_READ}
    assert len(scopes._known) == 1


def test_a_document_is_walked_once_however_its_fragments_are_spread() -> None:
    """Fragments that spread each other twice double with every level for whoever follows each spread."""
    levels = "".join(f"fragment F{n} on Unit {{ ...F{n + 1} ...F{n + 1} }} " for n in range(60))
    document = parse(
        "{ units { nodes { ...F0 } } } " + levels + "fragment F60 on Unit { tasks { totalCount } }"
    )
    assert needs(SCHEMA, document, engine.operation(document, None)).scopes == {Scope.TASKS_READ}


def test_a_client_needs_every_scope_and_is_told_which_are_missing() -> None:
    wanted = needed("{ tasks { nodes { assignees { person { email } } } } }")
    require(client(Scope.TASKS_READ, Scope.PEOPLE_READ), wanted)
    require(client(Scope.TASKS_WRITE, Scope.PEOPLE_READ), wanted)
    with pytest.raises(Refused, match=r"INSUFFICIENT_SCOPE.*people:read"):
        require(client(Scope.TASKS_READ), wanted)
    with pytest.raises(Refused, match=r"people:read tasks:read"):
        require(client(), wanted)
    require(Actor(ActorKind.PERSON, person_id=1), wanted)


def test_what_a_scope_includes_is_not_asked_for_beside_it() -> None:
    wanted = needed("mutation { acceptTask(input: {taskId: 1}) { task { id } } }")
    with pytest.raises(Refused, match=r"needs: tasks:write\."):
        require(client(Scope.PLANS_READ), wanted)
    assert scopes.challenge(wanted) == 'Bearer error="insufficient_scope", scope="tasks:write"'


def test_no_scope_opens_what_is_for_persons_and_a_forgotten_type_is_one_of_those() -> None:
    everything = Actor(ActorKind.CLIENT, client_id=7, scopes=frozenset(Scope))
    for_a_person = Actor(ActorKind.PERSON, person_id=1, client_id=7, scopes=frozenset(Scope))
    for actor in (everything, for_a_person):
        with pytest.raises(Refused, match="NOT_FOR_CLIENTS"):
            require(actor, Needs(frozenset(), personal=True))
        with pytest.raises(Refused, match="NOT_FOR_CLIENTS"):
            require_node(actor, "SomethingNew")
    require(Actor(ActorKind.PERSON, person_id=1), Needs(frozenset(), personal=True))
    assert scopes.place_of_mutation("somethingNew") == PERSONAL


def test_an_object_by_its_id_needs_what_its_type_needs() -> None:
    require_node(client(), "Unit")
    require_node(client(Scope.TASKS_READ), "Comment")
    with pytest.raises(Refused, match="INSUFFICIENT_SCOPE"):
        require_node(client(Scope.PLANS_WRITE), "Task")
