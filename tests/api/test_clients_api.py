"""Clients over GraphQL: registered by their unit, shown to who may see them, ended by who may end them."""

from typing import Any

import pytest
import sqlalchemy as sa
from joserfc.jwk import ECKey

import factories
from api.conftest import Api, World
from vdept.clients import authorizing
from vdept.clients.models import ApiClient, ClientAuthorization
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.idempotency import IdempotencyKey
from vdept.kernel.scopes import Scope
from vdept.people.tokens import digest
from vdept_graphql.ids import decode, encode

CLIENT = (
    "client { id clientId name authentication machine redirectUris scopes jwks createdAt revokedAt version "
    "unit { id } }"
)


def portal(world: World, **more: Any) -> dict[str, Any]:
    return {
        "unitId": encode("Unit", world.hue.id),
        "name": "Cổng báo cáo",
        "authentication": "SECRET",
        "scopes": ["TASKS_WRITE", "PLANS_READ"],
        "machine": True,
        "redirectUris": ["https://hue.gov.vn/cb"],
    } | more


async def registered(api: Api, world: World, as_: Actor | None = None, **more: Any) -> dict[str, Any]:
    reply = await api.do("registerClient", portal(world, **more), as_ or world.hue_head, f"{CLIENT} secret")
    payload: dict[str, Any] = reply.data["registerClient"]
    assert payload["errors"] == []
    return payload


async def row_of(db: Database, client: dict[str, Any]) -> ApiClient:
    async with db.snapshot(factories.SYSTEM) as tx:
        return await tx.session.get_one(ApiClient, decode(client["id"], "ApiClient"))


async def consent(db: Database, actor: Actor, client: dict[str, Any]) -> str:
    row = await row_of(db, client)
    async with db.begin(actor) as tx:
        let = await authorizing.authorize(tx, row, [Scope.TASKS_READ])
    return encode("ClientAuthorization", let.id)


async def test_a_client_is_registered_and_its_secret_shown_once(api: Api, world: World, db: Database) -> None:
    payload = await registered(api, world)
    client, secret = payload["client"], payload["secret"]
    assert secret.startswith("vdcs_")
    assert client["clientId"].startswith("vdc_")
    assert client | {"id": "", "clientId": "", "createdAt": ""} == {
        "id": "",
        "clientId": "",
        "name": "Cổng báo cáo",
        "authentication": "SECRET",
        "machine": True,
        "redirectUris": ["https://hue.gov.vn/cb"],
        "scopes": ["PLANS_READ", "TASKS_WRITE"],
        "jwks": None,
        "createdAt": "",
        "revokedAt": None,
        "version": 1,
        "unit": {"id": encode("Unit", world.hue.id)},
    }
    assert (await row_of(db, client)).secret_digest == digest(secret)
    node = await api.gql(
        "query($id: ID!) { node(id: $id) { ... on ApiClient { clientId } } client(id: $id) { clientId } }",
        {"id": client["id"]},
        world.hue_head,
    )
    assert node.data == {"node": {"clientId": client["clientId"]}, "client": {"clientId": client["clientId"]}}


async def test_a_repeated_request_answers_the_same_client_and_keeps_no_secret(
    api: Api, world: World, db: Database
) -> None:
    first = await registered(api, world, idempotencyKey="k1")
    again = await registered(api, world, idempotencyKey="k1")
    assert again["client"] == first["client"]
    assert (first["secret"] is None, again["secret"]) == (False, None)
    rotate = {"apiClientId": first["client"]["id"], "idempotencyKey": "k2"}
    rotated = [
        (await api.do("rotateClientSecret", rotate, world.hue_head, f"{CLIENT} secret")).data[
            "rotateClientSecret"
        ]
        for _ in range(2)
    ]
    assert rotated[0]["secret"] not in {None, first["secret"]}
    assert (rotated[1]["secret"], rotated[1]["client"]["version"]) == (None, 2)
    assert (await row_of(db, first["client"])).secret_digest == digest(rotated[0]["secret"])
    async with db.snapshot(factories.SYSTEM) as tx:
        assert len((await tx.session.scalars(sa.select(IdempotencyKey))).all()) == 2
        for table in ("api_client", "activity", "idempotency_key"):
            kept = await tx.session.scalar(sa.text(f"SELECT string_agg(t::text, '') FROM {table} t"))
            for secret in (first["secret"], rotated[0]["secret"]):
                assert secret.removeprefix("vdcs_") not in kept


async def test_a_client_with_keys_of_its_own(api: Api, world: World) -> None:
    whole = ECKey.generate_key("P-256")
    public = {"keys": [{**whole.as_dict(private=False), "kid": "2026"}]}
    payload = await registered(api, world, authentication="PRIVATE_KEY", jwks=public)
    assert (payload["secret"], payload["client"]["jwks"]) == (None, public)
    private = {"keys": [{**whole.as_dict(private=True), "kid": "2026"}]}
    change = {"apiClientId": payload["client"]["id"], "jwks": private}
    reply = await api.do("updateClient", change, world.hue_head, CLIENT)
    assert reply.refused("updateClient") == [("INVALID_VALUE", ["jwks", "keys", "0"])]
    assert "private key" in reply.data["updateClient"]["errors"][0]["message"]


@pytest.mark.parametrize(
    ("more", "code", "path"),
    [
        ({"redirectUris": ["https://a.vn", "https://*.vn"]}, "INVALID_VALUE", ["redirectUris", "1"]),
        ({"authentication": "NONE"}, "CLIENT_COMBINATION", ["machine"]),
        ({"scopes": []}, "INVALID_VALUE", ["scopes"]),
        ({"unitId": encode("Unit", 10**9)}, "NOT_FOUND", ["unitId"]),
        ({"unitId": encode("Person", 1)}, "INVALID_ID", ["unitId"]),
    ],
)
async def test_what_is_not_a_sound_client_is_refused_with_its_place(
    api: Api, world: World, db: Database, more: dict[str, Any], code: str, path: list[str]
) -> None:
    reply = await api.do("registerClient", portal(world, **more), world.hue_head, f"{CLIENT} secret")
    assert reply.refused("registerClient") == [(code, path)]
    assert (reply.data["registerClient"]["client"], reply.data["registerClient"]["secret"]) == (None, None)
    async with db.snapshot(factories.SYSTEM) as tx:
        assert (await tx.session.scalars(sa.select(ApiClient))).all() == []
        assert (await tx.session.scalars(sa.select(Activity))).all() == []


async def test_a_client_is_changed_and_ended(api: Api, world: World, db: Database) -> None:
    client = (await registered(api, world))["client"]
    change = {"apiClientId": client["id"], "name": "Mới", "scopes": ["TASKS_READ"], "expectedVersion": 1}
    reply = await api.do("updateClient", change, world.hue_head, CLIENT)
    assert reply.data["updateClient"]["client"] == client | {
        "name": "Mới",
        "scopes": ["TASKS_READ"],
        "version": 2,
    }
    stale = await api.do("updateClient", change, world.hue_head, CLIENT)
    assert stale.refused("updateClient") == [("STALE_VERSION", ["expectedVersion"])]
    for null in ("name", "scopes", "redirectUris", "jwks"):
        given = {"apiClientId": client["id"], null: None}
        refused = await api.do("updateClient", given, world.hue_head, CLIENT)
        assert refused.refused("updateClient") == [("INVALID_VALUE", [null])]
    which = {"apiClientId": client["id"]}
    ended = [await api.do("revokeClient", which, world.hue_head, CLIENT) for _ in range(2)]
    first, second = [reply.data["revokeClient"]["client"] for reply in ended]
    assert first == second
    assert first["revokedAt"] is not None
    late = await api.do("updateClient", which, world.hue_head, CLIENT)
    assert late.refused("updateClient") == [("CLIENT_REVOKED", ["apiClientId"])]


LIST = "query($filter: ApiClientFilter) { clients(filter: $filter) { nodes { id } totalCount } }"


async def test_who_sees_a_client_and_who_gets_nothing_at_all(api: Api, world: World, db: Database) -> None:
    client = (await registered(api, world))["client"]
    async with db.begin(factories.SYSTEM) as tx:
        member = await factories.actor(tx, world.hue, Role.MEMBER)
    for actor, sees in (
        (world.administrator, True),
        (world.prime, True),
        (world.hue_head, True),
        (member, True),
        (world.danang_head, False),
        (world.commune_head, False),
        (world.firm_head, False),
        (world.observer, world.observer.has(world.hue.id, Role)),
    ):
        reply = await api.gql(
            "query($id: ID!, $ids: [ID!]!) { client(id: $id) { id } node(id: $id) { id } "
            "nodes(ids: $ids) { id } clients { nodes { id } totalCount } }",
            {"id": client["id"], "ids": [client["id"]]},
            actor,
        )
        one = {"id": client["id"]} if sees else None
        assert reply.data == {
            "client": one,
            "node": one,
            "nodes": [one],
            "clients": {"nodes": [one] if sees else [], "totalCount": int(sees)},
        }


async def test_clients_are_listed_by_unit_and_page(api: Api, world: World) -> None:
    made = [(await registered(api, world))["client"]["id"] for _ in range(3)]
    of_hue = {"filter": {"unitId": encode("Unit", world.hue.id), "revoked": False}}
    reply = await api.gql(LIST, of_hue, world.prime)
    assert reply.data["clients"] == {"nodes": [{"id": each} for each in reversed(made)], "totalCount": 3}
    other = {"filter": {"unitId": encode("Unit", world.danang.id)}}
    assert (await api.gql(LIST, other, world.prime)).data["clients"]["totalCount"] == 0
    page = await api.gql(
        "{ clients(first: 2) { nodes { id } pageInfo { hasNextPage endCursor } } }", {}, world.hue_head
    )
    cursor = page.data["clients"]["pageInfo"]["endCursor"]
    rest = await api.gql(
        "query($after: String) { clients(after: $after) { nodes { id } } }", {"after": cursor}, world.hue_head
    )
    assert [node["id"] for node in rest.data["clients"]["nodes"]] == made[:1]


MINE = (
    "query($ended: Boolean!) { myAuthorizations(ended: $ended) { nodes { id scopes revokedAt "
    "client { name unit { id } } person { id } } totalCount } }"
)


async def test_a_person_sees_what_they_let_clients_do_and_ends_it(
    api: Api, world: World, db: Database
) -> None:
    client = (await registered(api, world))["client"]
    mine = await consent(db, world.firm_head, client)
    await consent(db, world.danang_head, client)
    reply = await api.gql(MINE, {"ended": False}, world.firm_head)
    assert reply.data["myAuthorizations"] == {
        "nodes": [
            {
                "id": mine,
                "scopes": ["TASKS_READ"],
                "revokedAt": None,
                "client": {"name": "Cổng báo cáo", "unit": {"id": encode("Unit", world.hue.id)}},
                "person": {"id": encode("Person", world.firm_head.person_id or 0)},
            }
        ],
        "totalCount": 1,
    }
    ended = await api.do(
        "revokeAuthorization", {"authorizationId": mine}, world.firm_head, "authorization { id revokedAt }"
    )
    assert ended.data["revokeAuthorization"]["authorization"]["revokedAt"] is not None
    assert (await api.gql(MINE, {"ended": False}, world.firm_head)).data["myAuthorizations"][
        "totalCount"
    ] == 0
    assert (await api.gql(MINE, {"ended": True}, world.firm_head)).data["myAuthorizations"]["totalCount"] == 1


async def test_what_others_let_a_client_do_is_for_who_manages_it(
    api: Api, world: World, db: Database
) -> None:
    client = (await registered(api, world))["client"]
    theirs = await consent(db, world.firm_head, client)
    query = "query($id: ID!) { client(id: $id) { authorizations { nodes { id } totalCount } } }"
    for actor, count in (
        (world.hue_head, 1),
        (world.administrator, 1),
        (world.firm_head, 1),
        (world.prime, 0),
    ):
        reply = await api.gql(query, {"id": client["id"]}, actor)
        assert reply.data["client"]["authorizations"]["totalCount"] == count
    for actor in (world.prime, world.danang_head):
        forged = await api.do(
            "revokeAuthorization", {"authorizationId": theirs}, actor, "authorization { id }"
        )
        assert forged.refused("revokeAuthorization") == [("NOT_FOUND", ["authorizationId"])]
        node = await api.gql("query($id: ID!) { node(id: $id) { id } }", {"id": theirs}, actor)
        assert node.data == {"node": None}
    async with db.snapshot(factories.SYSTEM) as tx:
        assert [row.revoked_at for row in await tx.session.scalars(sa.select(ClientAuthorization))] == [None]


async def test_a_list_of_clients_with_all_below_takes_as_many_statements_for_ten_as_for_one(
    api: Api, world: World, db: Database
) -> None:
    query = "{ clients { nodes { unit { id } authorizations { nodes { person { id } client { id } } } } } }"

    async def statements() -> int:
        return (await api.measured(query, {}, world.hue_head))[1]

    client = (await registered(api, world))["client"]
    await consent(db, world.firm_head, client)
    few = await statements()
    for _ in range(9):
        client = (await registered(api, world))["client"]
        await consent(db, world.firm_head, client)
        await consent(db, world.danang_head, client)
    assert await statements() == few


async def test_what_happens_to_a_client_stands_in_the_feed_of_who_sees_it(
    api: Api, world: World, db: Database
) -> None:
    client = (await registered(api, world))["client"]
    mine = await consent(db, world.firm_head, client)
    for actor, verbs in (
        (world.hue_head, ["client.registered", "client.authorized"]),
        (world.prime, ["client.registered"]),
        (world.firm_head, ["client.registered", "client.authorized"]),
        (world.danang_head, []),
    ):
        query = "{ activities { nodes { verb subject { id } data } } }"
        nodes = (await api.gql(query, {}, actor)).data["activities"]["nodes"]
        assert [node["verb"] for node in nodes] == verbs
        assert [node["subject"]["id"] for node in nodes] == [client["id"], mine][: len(verbs)]
        assert all(node["data"] is None for node in nodes)


async def test_the_log_says_which_client_acted_and_for_whom(api: Api, world: World, db: Database) -> None:
    from dataclasses import replace

    client = (await registered(api, world))["client"]
    number = decode(client["id"], "ApiClient")
    async with db.begin(
        replace(world.hue_head, client_id=number, scopes=frozenset(Scope)), now=utc_now()
    ) as tx:
        tx.record("unit.looked_at", "Unit", world.hue.id, unit_id=world.hue.id)
    query = "{ activities { nodes { verb client { id } by { id } unit { id } } } }"
    for actor, sees in ((world.hue_head, True), (world.danang_head, False)):
        nodes = (await api.gql(query, {}, actor)).data["activities"]["nodes"]
        [entry] = [node for node in nodes if node["verb"] == "unit.looked_at"]
        assert entry["client"] == ({"id": client["id"]} if sees else None)
        assert entry["by"] == {"id": encode("Person", world.hue_head.person_id or 0)}
