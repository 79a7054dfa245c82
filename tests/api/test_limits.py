"""The limits over HTTP: refused before anything runs, with a code and what to do."""

import pytest
from graphql import get_introspection_query

from api.conftest import Api, World

DEEP = "{ units { nodes " + "{ parent " * 14 + "{ id }" + " }" * 14 + " } }"
WIDE = "{ units { nodes { " + " ".join(f"a{i}: name" for i in range(201)) + " } } }"
ROOTS = "{ " + " ".join("me { id }" for _ in range(41)) + " }"
LONG = "{ units { nodes { " + "name " * 4000 + " } } }"
COSTLY = """query($n: Int!) { units(first: $n) { nodes { children(first: $n) { nodes {
    children(first: $n) { nodes { id name } } } } } } }"""
CYCLE = "{ units { nodes { ...A } } } fragment A on Unit { parent { ...B } } fragment B on Unit { ...A }"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (DEEP, "QUERY_TOO_DEEP"),
        (WIDE, "QUERY_TOO_MANY_ALIASES"),
        (ROOTS, "QUERY_TOO_MANY_ROOT_FIELDS"),
        (LONG, "QUERY_TOO_LONG"),
        (COSTLY, "QUERY_TOO_COMPLEX"),
        (CYCLE, "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_what_asks_for_too_much_is_refused_and_nothing_is_read(
    api: Api, world: World, query: str, code: str
) -> None:
    await api.token(world.prime)
    with api.counting() as signing_in:
        await api.gql("{ __typename }", as_=world.prime)
    with api.counting() as statements:
        reply = await api.gql(query, {"n": 100}, as_=world.prime)
    assert (reply.status, set(reply.codes)) == (400, {code})
    assert "data" not in reply.body
    assert len(statements) == len(signing_in)


async def test_the_refusal_speaks_the_callers_language(api: Api, world: World) -> None:
    english = await api.gql(COSTLY, {"n": 100}, as_=world.prime)
    vietnamese = await api.gql(COSTLY, {"n": 100}, as_=world.prime, accept_language="vi")
    cost = 2 + 100 * (2 + 100 * (2 + 100 * 2))
    assert english.body["errors"][0]["message"].startswith(f"The query costs {cost} points; at most 50000.")
    assert vietnamese.body["errors"][0]["message"].startswith(f"Truy vấn tốn {cost} điểm, tối đa 50000.")


async def test_every_answer_says_what_it_cost(api: Api, world: World) -> None:
    query = "query($n: Int) { units(first: $n) { nodes { id name } pageInfo { hasNextPage } } }"
    for n, cost in ((3, 4 + 3 * 2), (None, 4 + 20 * 2)):
        reply = await api.gql(query, {"n": n}, as_=world.prime)
        assert reply.body["extensions"] == {"cost": cost}


async def test_an_absurd_page_size_is_refused_by_the_list_itself(api: Api, world: World) -> None:
    reply = await api.gql("{ units(first: 1000000) { nodes { id } } }", as_=world.prime)
    assert reply.codes == ["INVALID_PAGE_SIZE"]


async def test_the_whole_schema_can_be_read(api: Api, world: World) -> None:
    reply = await api.gql(get_introspection_query(), as_=world.prime)
    assert {"Query", "Unit"} <= {type_["name"] for type_ in reply.data["__schema"]["types"]}
