"""Units and people over the API: what is read, what is done once, what a refusal leaves behind."""

import asyncio
import base64

import pytest
import sqlalchemy as sa

import factories
from api.conftest import Api, World
from vdept.kernel.actor import Role
from vdept.kernel.db import Database
from vdept.kernel.idempotency import IdempotencyKey
from vdept.people.models import Membership, Person
from vdept.units.models import Unit, UnitKind
from vdept_graphql import unit_mutations
from vdept_graphql.ids import encode

UNIT = "unit { id code name nameEn version }"


async def count(db: Database, what: type) -> int:
    async with db.begin(factories.SYSTEM) as tx:
        return int((await tx.session.execute(sa.select(sa.func.count()).select_from(what))).scalar_one())


async def test_i_am_who_my_token_says(api: Api, world: World) -> None:
    reply = await api.gql(
        "{ me { id email memberships { role startsOn endsOn unit { name head { id } } } } }",
        as_=world.hue_head,
    )
    me = reply.data["me"]
    assert me["id"] == encode("Person", world.hue_head.person_id or 0)
    assert me["memberships"] == [
        {
            "role": "HEAD",
            "startsOn": "2000-01-01",
            "endsOn": None,
            "unit": {"name": "Thành phố Huế", "head": {"id": me["id"]}},
        }
    ]


async def test_the_tree_is_read_in_a_fixed_number_of_statements(api: Api, world: World, db: Database) -> None:
    query = """
    query($first: Int) { units(first: $first, filter: {kinds: [PROVINCE]}) {
      totalCount
      nodes { name parent { name } head { name memberships { unit { name } } }
              memberships(first: 5) { totalCount nodes { role person { name } } }
              children(first: 5) { totalCount nodes { name parent { name } } } } } }"""
    few, statements = await api.measured(query, {"first": 1}, world.prime)
    assert len(few["units"]["nodes"]) == 1
    async with db.begin(factories.SYSTEM) as tx:
        for number in range(20):
            province = await factories.unit(tx, f"Tỉnh {number:02}", UnitKind.PROVINCE, world.government)
            await factories.actor(tx, province)
            for _ in range(3):
                commune = await factories.unit(tx, "", UnitKind.COMMUNE, province)
                await factories.actor(tx, commune)
    many, again = await api.measured(query, {"first": 100}, world.prime)
    assert many["units"]["totalCount"] == 22
    assert [n["children"]["totalCount"] for n in many["units"]["nodes"]][-3:] == [3, 3, 3]
    assert many["units"]["nodes"][-1]["memberships"]["totalCount"] == 1
    assert again == statements


async def test_pages_meet_without_gap_or_overlap_in_both_directions(api: Api, world: World) -> None:
    query = """query($first: Int, $after: String, $last: Int, $before: String) {
      units(first: $first, after: $after, last: $last, before: $before) {
        totalCount edges { cursor node { name } } pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
    whole = (await api.gql(query, {"first": 100}, world.hue_head)).data["units"]
    names = [edge["node"]["name"] for edge in whole["edges"]]
    assert len(names) == whole["totalCount"] == 6
    assert names[:2] == ["Bộ Khoa học và Công nghệ", "Chính phủ"]
    forward: list[str] = []
    after = None
    while True:
        page = (await api.gql(query, {"first": 4, "after": after}, world.hue_head)).data["units"]
        forward += [edge["node"]["name"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert forward == names
    back = (await api.gql(query, {"last": 2, "before": whole["edges"][-1]["cursor"]}, world.hue_head)).data
    assert [edge["node"]["name"] for edge in back["units"]["edges"]] == names[-3:-1]
    assert back["units"]["pageInfo"]["hasPreviousPage"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "path"),
    [
        ("first: 0", "INVALID_PAGE_SIZE", ["first"]),
        ("first: -1", "INVALID_PAGE_SIZE", ["first"]),
        ("first: 101", "INVALID_PAGE_SIZE", ["first"]),
        ("first: 2147483647", "INVALID_PAGE_SIZE", ["first"]),
        ("last: 1000", "INVALID_PAGE_SIZE", ["last"]),
        ("first: 1, last: 1", "INVALID_PAGE_SIZE", ["last"]),
        ('after: "nonsense"', "INVALID_CURSOR", ["after"]),
        ('before: ""', "INVALID_CURSOR", ["before"]),
        ('filter: {parentId: "nonsense"}', "INVALID_ID", ["filter", "parentId"]),
    ],
)
async def test_an_absurd_page_is_refused_where_it_is_at_fault(
    api: Api, world: World, arguments: str, code: str, path: list[str]
) -> None:
    reply = await api.gql(f"{{ units({arguments}) {{ nodes {{ id }} }} }}", as_=world.hue_head)
    assert reply.body["errors"][0]["extensions"] == {"code": code, "path": path}
    assert reply.status == 200


async def test_a_cursor_of_another_list_is_refused(api: Api, world: World) -> None:
    persons = await api.gql("{ persons(first: 1) { pageInfo { endCursor } } }", as_=world.hue_head)
    cursor = persons.data["persons"]["pageInfo"]["endCursor"]
    reply = await api.gql(
        "query($after: String) { units(after: $after) { nodes { id } } }", {"after": cursor}, world.hue_head
    )
    assert reply.codes == ["INVALID_CURSOR"]
    child = await api.gql(
        "query($id: ID, $after: String) { unit(id: $id) { children(after: $after) { nodes { id } } } }",
        {"id": encode("Unit", world.hue.id), "after": cursor},
        world.hue_head,
    )
    assert child.codes == ["INVALID_CURSOR"]


async def test_a_unit_is_found_by_id_code_and_words(api: Api, world: World) -> None:
    for arguments in (f'id: "{encode("Unit", world.hue.id)}"', f'code: "{world.hue.code}"'):
        reply = await api.gql(f"{{ unit({arguments}) {{ name }} }}", as_=world.firm_head)
        assert reply.data == {"unit": {"name": "Thành phố Huế"}}
    for arguments in (f'id: "{encode("Unit", 10**9)}"', 'code: "NONE"', ""):
        reply = await api.gql(
            f"{{ unit{f'({arguments})' if arguments else ''} {{ name }} }}", as_=world.firm_head
        )
        assert reply.data == {"unit": None}
    words = await api.gql('{ units(filter: {text: "da nang"}) { nodes { name } } }', as_=world.firm_head)
    assert words.data["units"]["nodes"] == [{"name": "Thành phố Đà Nẵng"}]


async def test_an_administrator_creates_a_unit_and_others_do_not(
    api: Api, world: World, db: Database
) -> None:
    given = {
        "code": "T-99",
        "name": "Tỉnh Mới",
        "kind": "PROVINCE",
        "parentId": encode("Unit", world.government.id),
    }
    refused = await api.do("createUnit", given, world.hue_head, UNIT)
    assert refused.refused("createUnit") == [("FORBIDDEN", [])]
    assert refused.data["createUnit"]["unit"] is None
    assert await count(db, Unit) == 6
    done = (await api.do("createUnit", given, world.administrator, UNIT + " ")).data["createUnit"]
    assert done["errors"] == []
    assert (done["unit"]["code"], done["unit"]["name"], done["unit"]["version"]) == ("T-99", "Tỉnh Mới", 1)
    again = await api.do("createUnit", given, world.administrator, UNIT)
    assert again.refused("createUnit") == [("UNIT_CODE_TAKEN", ["code"])]
    assert await count(db, Unit) == 7


async def test_a_change_says_what_it_saw(api: Api, world: World) -> None:
    given = {"unitId": encode("Unit", world.hue.id), "nameEn": "Hue City", "expectedVersion": 1}
    done = await api.do("updateUnit", given, world.hue_head, UNIT)
    assert done.data["updateUnit"]["unit"] == {
        "id": encode("Unit", world.hue.id),
        "code": world.hue.code,
        "name": "Thành phố Huế",
        "nameEn": "Hue City",
        "version": 2,
    }
    stale = await api.do("updateUnit", given, world.hue_head, UNIT)
    assert stale.refused("updateUnit") == [("STALE_VERSION", ["expectedVersion"])]
    cleared = await api.do("updateUnit", {"unitId": given["unitId"], "nameEn": None}, world.hue_head, UNIT)
    assert cleared.data["updateUnit"]["unit"]["nameEn"] is None
    nothing = await api.do("updateUnit", {"unitId": given["unitId"], "name": None}, world.administrator, UNIT)
    assert nothing.refused("updateUnit") == [("INVALID_VALUE", ["name"])]
    foreign = await api.do(
        "updateUnit", {"unitId": encode("Person", 1), "name": "X"}, world.administrator, UNIT
    )
    assert foreign.refused("updateUnit") == [("INVALID_ID", ["unitId"])]


async def test_the_same_key_takes_effect_once_and_answers_the_same(
    api: Api, world: World, db: Database
) -> None:
    given = {"name": "Lê Thị Hoa", "email": "hoa@example.vn", "idempotencyKey": "k-1"}
    first = await api.do("createPerson", given, world.administrator, "person { id name }")
    second = await api.do("createPerson", given, world.administrator, "person { id name }")
    assert first.data["createPerson"]["person"]["name"] == "Lê Thị Hoa"
    assert second.data == first.data
    other = await api.do("createPerson", {**given, "name": "Khác"}, world.administrator, "person { id }")
    assert other.refused("createPerson") == [("IDEMPOTENCY_KEY_REUSED", ["idempotencyKey"])]
    async with db.begin(factories.SYSTEM) as tx:
        named = await tx.session.scalars(sa.select(Person).where(Person.email == "hoa@example.vn"))
        assert len(named.all()) == 1


async def test_a_refused_request_leaves_its_key_free(api: Api, world: World, db: Database) -> None:
    given = {"name": "", "email": "a@example.vn", "idempotencyKey": "k-2"}
    refused = await api.do("createPerson", given, world.administrator, "person { id }")
    assert refused.refused("createPerson") == [("INVALID_VALUE", ["name"])]
    assert await count(db, IdempotencyKey) == 0
    done = await api.do("createPerson", {**given, "name": "An"}, world.administrator, "person { id }")
    assert done.data["createPerson"]["errors"] == []
    long = await api.do(
        "createPerson", {**given, "idempotencyKey": "x" * 201}, world.administrator, "person { id }"
    )
    assert long.refused("createPerson") == [("INVALID_VALUE", ["idempotencyKey"])]


async def test_two_copies_sent_at_once_take_effect_once(api: Api, world: World) -> None:
    given = {"name": "Trần Văn Bình", "email": "binh@example.vn", "idempotencyKey": "k-3"}
    await api.token(world.administrator)
    replies = await asyncio.gather(
        *[api.do("createPerson", given, world.administrator, "person { id }") for _ in range(3)]
    )
    assert len({str(reply.data) for reply in replies}) == 1
    assert replies[0].data["createPerson"]["errors"] == []


async def test_a_failure_in_the_middle_leaves_nothing(
    api: Api, world: World, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = unit_mutations.service.create_unit

    async def fails_afterwards(tx: object, **given: object) -> None:
        await create(tx, **given)  # type: ignore[arg-type]
        raise ZeroDivisionError

    monkeypatch.setattr(unit_mutations.service, "create_unit", fails_afterwards)
    given = {"code": "T-98", "name": "Tỉnh", "kind": "FIRM", "idempotencyKey": "k-4"}
    reply = await api.do("createUnit", given, world.administrator, UNIT)
    assert reply.codes == ["INTERNAL_ERROR"]
    assert reply.body["data"] == {"createUnit": None}
    assert (await count(db, Unit), await count(db, IdempotencyKey)) == (6, 0)


async def test_each_mutation_field_stands_by_itself(api: Api, world: World, db: Database) -> None:
    reply = await api.gql(
        """mutation {
          a: createUnit(input: {code: "F-1", name: "Một", kind: FIRM}) { unit { name } errors { code } }
          b: createUnit(input: {code: "F-1", name: "Hai", kind: FIRM}) { unit { name } errors { code } }
          c: createUnit(input: {code: "F-3", name: "Ba", kind: FIRM}) { unit { name } errors { code } } }""",
        as_=world.administrator,
    )
    assert reply.data == {
        "a": {"unit": {"name": "Một"}, "errors": []},
        "b": {"unit": None, "errors": [{"code": "UNIT_CODE_TAKEN"}]},
        "c": {"unit": {"name": "Ba"}, "errors": []},
    }
    assert await count(db, Unit) == 8


async def test_an_import_names_every_bad_cell_and_writes_all_or_nothing(
    api: Api, world: World, db: Database
) -> None:
    def file(*rows: str) -> str:
        return base64.b64encode("\n".join(["code,name,kind", *rows]).encode()).decode()

    bad = await api.do(
        "importUnits",
        {"file": file("F-1,Một,FIRM", "F-2,,FIRM", "F-3,Ba,SHIP"), "filename": "a.csv"},
        world.administrator,
        "created",
    )
    assert [path for _, path in bad.refused("importUnits")] == [["file", "B3"], ["file", "C4"]]
    dry = await api.do(
        "importUnits",
        {"file": file("F-1,Một,FIRM"), "filename": "a.csv", "dryRun": True},
        world.administrator,
        "created updated unchanged dryRun",
    )
    assert dry.data["importUnits"] == {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "dryRun": True,
        "errors": [],
    }
    assert await count(db, Unit) == 6
    done = await api.do(
        "importUnits",
        {"file": file("F-1,Một,FIRM", "F-2,Hai,FIRM"), "filename": "a.csv"},
        world.administrator,
        "created",
    )
    assert done.data["importUnits"] == {"created": 2, "errors": []}
    assert await count(db, Unit) == 8
    noise = await api.do("importUnits", {"file": "§", "filename": "a.csv"}, world.administrator, "created")
    assert noise.refused("importUnits") == [("INVALID_VALUE", ["file"])]


async def test_a_unit_has_one_head_and_roles_end(api: Api, world: World, db: Database) -> None:
    given = {
        "personId": encode("Person", world.danang_head.person_id or 0),
        "unitId": encode("Unit", world.hue.id),
        "role": "HEAD",
    }
    before = await count(db, Membership)
    select = "membership { id role endsOn unit { name } }"
    taken = await api.do("grantMembership", given, world.administrator, "membership { id }")
    assert taken.refused("grantMembership") == [("UNIT_HAS_HEAD", ["unitId"])]
    wrong = await api.do("grantMembership", {**given, "role": "MEMBER"}, world.firm_head, "membership { id }")
    assert wrong.refused("grantMembership")[0][0] in {"NOT_FOUND", "FORBIDDEN"}
    assert await count(db, Membership) == before
    done = await api.do(
        "grantMembership",
        {**given, "role": "MEMBER"},
        world.hue_head,
        select,
    )
    membership = done.data["grantMembership"]["membership"]
    assert (membership["role"], membership["endsOn"], membership["unit"]) == (
        Role.MEMBER.value,
        None,
        {"name": "Thành phố Huế"},
    )
    ended = await api.do(
        "endMembership", {"membershipId": membership["id"]}, world.hue_head, "membership { endsOn }"
    )
    assert ended.data["endMembership"]["membership"]["endsOn"] is not None


async def test_a_firm_sees_its_own_people_only(api: Api, world: World) -> None:
    reply = await api.gql("{ persons(first: 100) { totalCount nodes { id } } }", as_=world.firm_head)
    assert reply.data["persons"] == {
        "totalCount": 1,
        "nodes": [{"id": encode("Person", world.firm_head.person_id or 0)}],
    }
    stranger = encode("Person", world.hue_head.person_id or 0)
    unseen = await api.gql(
        "query($id: ID!) { person(id: $id) { id } node(id: $id) { id } }", {"id": stranger}, world.firm_head
    )
    assert unseen.data == {"person": None, "node": None}
