"""Editions over GraphQL: asked for, followed until they are there, read in a few statements."""

from typing import Any

import pytest

import editions_scene as scenes
from api.conftest import Api
from editions_scene import VAULT, Scene
from factories import NOW
from vdept.kernel.clock import utc_now
from vdept.publications.due import publish_requested
from vdept.targets.models import Audience
from vdept_graphql.ids import encode

REQUEST = "request { id state note error edition { number } plan { code } requestedBy { id } }"
EDITION = """number month asOf publishedAt note targetCount unitCount kid signature manifestUrl
    corrects { number } correctedBy { number } publishedBy { id } plan { code }
    files { format url sha256 size }"""


@pytest.fixture
async def scene(api: Api) -> Scene:
    return await scenes.build(api.database, code="57-NQ/TW")


async def ask(api: Api, scene: Scene, **more: Any) -> Any:
    given = {"planId": encode("Plan", scene.plan.id), **more}
    return (await api.do("publishEdition", given, scene.head, REQUEST)).data["publishEdition"]


async def publish_all(api: Api) -> None:
    report = await publish_requested(api.database, lambda: VAULT, now=utc_now())
    assert report.failed == []


async def test_an_edition_is_asked_for_followed_and_read(api: Api, scene: Scene) -> None:
    asked = await ask(api, scene, note="Theo yêu cầu", idempotencyKey="một")
    assert asked["errors"] == []
    assert (asked["request"]["state"], asked["request"]["edition"]) == ("WAITING", None)
    assert (await ask(api, scene, note="Theo yêu cầu", idempotencyKey="một"))["request"] == asked["request"]
    again = await ask(api, scene)
    assert [(e["code"], e["path"]) for e in again["errors"]] == [("EDITION_UNDER_WAY", ["planId"])]
    await publish_all(api)
    follow = "query($id: ID!) { node(id: $id) { ... on EditionRequest { state edition { number } } } }"
    node = (await api.gql(follow, {"id": asked["request"]["id"]}, scene.head)).data["node"]
    assert node == {"state": "PUBLISHED", "edition": {"number": 1}}
    corrected = await ask(api, scene, note="Sửa số của Huế", correctsNumber=1)
    assert corrected["errors"] == []
    await publish_all(api)
    listed = (
        await api.gql(f"{{ editions {{ totalCount nodes {{ {EDITION} }} }} }}", {}, scene.official)
    ).data
    second, first = listed["editions"]["nodes"]
    assert (second["number"], second["corrects"], second["correctedBy"]) == (2, {"number": 1}, None)
    assert (first["number"], first["corrects"], first["correctedBy"]) == (1, None, {"number": 2})
    assert first["manifestUrl"] == "http://127.0.0.1:8000/editions/57-NQ%2FTW/1/manifest"
    files = {file["format"]: file for file in first["files"]}
    assert files["EXCEL"]["url"].endswith("/editions/57-NQ%2FTW/1.xlsx")
    token = await api.token(scene.official)
    for file in files.values():
        where = file["url"].removeprefix("http://127.0.0.1:8000")
        answer = await api.http.get(where, headers={"authorization": f"Bearer {token}"})
        assert answer.headers["etag"] == f'"{file["sha256"]}"'


async def test_who_is_not_of_the_issuer_sees_no_wish(api: Api, scene: Scene) -> None:
    await ask(api, scene)
    plan = "query($id: ID!) { plan(id: $id) { lastEditionRequest { state } editions { totalCount } } }"
    which = {"id": encode("Plan", scene.plan.id)}
    assert (await api.gql(plan, which, scene.head)).data["plan"] == {
        "lastEditionRequest": {"state": "WAITING"},
        "editions": {"totalCount": 0},
    }
    assert (await api.gql(plan, which, scene.official)).data["plan"]["lastEditionRequest"] is None
    assert (await api.gql(plan, which, scene.citizen)).data["plan"] is None


async def test_whoever_sees_editions_reads_ten_in_as_many_statements_as_one(api: Api, scene: Scene) -> None:
    query = f"{{ editions {{ nodes {{ {EDITION} }} }} }}"
    await scenes.publish(api.database, scene)
    one, few = await api.measured(query, {}, scene.official)
    for number in range(1, 4):
        await scenes.publish(api.database, scene, corrects=number, note="Sửa")
    many, same = await api.measured(query, {}, scene.official)
    assert (len(one["editions"]["nodes"]), len(many["editions"]["nodes"])) == (1, 4)
    assert same <= few + 2  # one statement more for what is corrected, and one for what corrects


async def test_a_firm_sees_the_editions_of_public_plans_only(api: Api, scene: Scene) -> None:
    public = await scenes.build(api.database, audience=Audience.PUBLIC, code="CK-1")
    for each in (scene, public):
        await scenes.publish(api.database, each, now=NOW)
    seen = (await api.gql("{ editions { nodes { plan { code } } } }", {}, scene.citizen)).data
    assert seen["editions"]["nodes"] == [{"plan": {"code": "CK-1"}}]
