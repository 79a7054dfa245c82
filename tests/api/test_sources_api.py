"""Sources over the API: registered by a head, pushed by a program, looked into, put right and replayed."""

from typing import Any

import pytest

import factories as make
from api.conftest import Api, Reply, World
from factories import SYSTEM
from vdept.clients.models import ClientAuthentication
from vdept.clients.registering import register_client
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.targets.models import Indicator
from vdept_graphql.ids import encode

PUSH = """mutation($input: PushReadingsInput!) { pushReadings(input: $input) {
    recorded unchanged rejected rejections { row code message path }
    intake { sha256 size rows recorded rejected source { name } failure { code } }
    errors { code message path } } }"""
LOOK = """query($id: ID!) { source(id: $id) {
    name method limits state version lastReceivedAt unit { name } indicators { code }
    intakes { totalCount nodes { state rows recorded unchanged rejected } }
    rejectedReadings(state: OPEN) { totalCount nodes {
        id place given raw code path message state measurement { value } intake { rows } } } } }"""


class Scene:
    """Huế's source, the program that sends for it, and what is measured."""

    def __init__(self, api: Api, world: World, ratio: Indicator, plain: Indicator) -> None:
        self.api, self.world, self.ratio, self.plain = api, world, ratio, plain
        self.source, self.bearer = "", ""

    async def push(self, *readings: dict[str, Any], **more: Any) -> Any:
        given = {"sourceId": self.source, "readings": list(readings), **more}
        reply = await self.api.gql(PUSH, {"input": given}, authorization=f"Bearer {self.bearer}")
        return reply.data["pushReadings"]

    async def do(self, verb: str, given: dict[str, Any], select: str, who: Actor | None = None) -> Any:
        reply = await self.api.do(verb, given, who or self.world.hue_head, select)
        return reply.data[verb]

    async def look(self, who: Actor | None = None) -> Any:
        return (await self.api.gql(LOOK, {"id": self.source}, who or self.world.hue_head)).data["source"]


async def token(api: Api, who: Actor, unit_id: int, *scopes: Scope) -> str:
    """An access token of a new program of the unit."""
    async with api.database.begin(who) as tx:
        client, secret = await register_client(
            tx,
            unit_id,
            name="Một cửa",
            authentication=ClientAuthentication.SECRET,
            scopes=scopes,
            machine=True,
        )
    assert secret is not None
    answer = await api.http.post(
        "/oauth/token", auth=(client.client_id, secret), data={"grant_type": "client_credentials"}
    )
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["access_token"]
    return found


@pytest.fixture
async def scene(api: Api, world: World, db: Database) -> Scene:
    async with db.begin(SYSTEM) as tx:
        ratio = await make.indicator(tx, code="CS-1", maximum=100)
        plain = await make.indicator(tx, code="CS-2", ratio=False, unit_of_measure="hồ sơ")
    made = Scene(api, world, ratio, plain)
    registered = await made.do(
        "registerSource",
        {
            "unitId": encode("Unit", world.hue.id),
            "name": "Hệ thống một cửa",
            "method": "Đếm hồ sơ",
            "frequency": "DAILY",
            "way": "PUSH",
            "indicatorIds": [encode("Indicator", one.id) for one in (ratio, plain)],
        },
        "source { id state reach version }",
    )
    assert registered["errors"] == []
    made.source = registered["source"].pop("id")
    assert registered["source"] == {"state": "ACTIVE", "reach": "SUBTREE", "version": 1}
    made.bearer = await token(api, world.hue_head, world.hue.id, Scope.MEASUREMENTS_WRITE)
    return made


def row(scene: Scene, **more: Any) -> dict[str, Any]:
    about = {"unitCode": scene.world.hue.code, "indicatorCode": "CS-1", "asOf": "2026-02-28"}
    return {**about, "numerator": "17", "denominator": "100", **more}


async def test_a_program_pushes_and_every_row_is_answered_for(scene: Scene) -> None:
    got = await scene.push(
        row(scene),
        row(scene, asOf="2026-01", numerator="NaN"),
        row(scene, unitCode=None, unitId="không phải mã"),
        row(scene, unitCode=None, unitId=encode("Unit", scene.world.danang.id)),
        {"unitId": encode("Unit", scene.world.commune.id), "indicatorCode": "CS-2", "value": "5"},
        {
            "unitId": encode("Unit", scene.world.commune.id),
            "asOf": "31/01/2026",
            "value": "5.5",
            "indicatorId": encode("Indicator", scene.plain.id),
            "unitOfMeasure": "Hồ sơ",
            "note": "x",
        },
    )
    assert got["errors"] == []
    assert (got["recorded"], got["unchanged"], got["rejected"]) == (2, 0, 4)
    assert [(why["row"], why["code"], why["path"]) for why in got["rejections"]] == [
        (2, "READING_NOT_A_NUMBER", ["readings", "1", "numerator"]),
        (3, "READING_UNIT_UNKNOWN", ["readings", "2", "unitId"]),
        (4, "READING_OUT_OF_REACH", ["readings", "3", "unitId"]),
        (5, "READING_DATE_INVALID", ["readings", "4", "asOf"]),
    ]
    assert got["rejections"][0]["message"].startswith("“NaN” is not a number")
    intake = got["intake"]
    assert (intake["rows"], intake["recorded"], intake["rejected"]) == (6, 2, 4)
    assert (len(intake["sha256"]), intake["source"], intake["failure"]) == (
        64,
        {"name": "Hệ thống một cửa"},
        None,
    )
    again = await scene.push(row(scene))
    assert (again["recorded"], again["unchanged"]) == (0, 1)


async def test_a_push_repeated_with_its_key_takes_effect_once_and_answers_the_same(scene: Scene) -> None:
    rows = (row(scene), row(scene, unitCode="X"))
    first = await scene.push(*rows, idempotencyKey="một")
    again = await scene.push(*rows, idempotencyKey="một")
    assert again == first
    assert (await scene.look())["intakes"]["totalCount"] == 1
    other = await scene.push(row(scene, numerator="18"), idempotencyKey="một")
    assert [error["code"] for error in other["errors"]] == ["IDEMPOTENCY_KEY_REUSED"]


async def test_a_dry_run_says_what_would_become_of_each_row(scene: Scene) -> None:
    got = await scene.push(row(scene), row(scene, unitCode="X"), dryRun=True)
    assert (got["recorded"], got["rejected"], got["intake"]) == (1, 1, None)
    assert (await scene.look())["intakes"]["totalCount"] == 0


async def test_the_owner_looks_into_it_and_other_officials_see_that_it_is_there(scene: Scene) -> None:
    await scene.push(row(scene), row(scene, unitCode="X"))
    own = await scene.look()
    assert own["intakes"]["nodes"] == [
        {"state": "RECEIVED", "rows": 2, "recorded": 1, "unchanged": 0, "rejected": 1}
    ]
    assert own["lastReceivedAt"] is not None
    (bad,) = own["rejectedReadings"]["nodes"]
    assert (bad["place"], bad["code"], bad["path"], bad["state"]) == (
        *(2, "READING_UNIT_UNKNOWN", "unitCode"),
        "OPEN",
    )
    assert (bad["given"]["unitCode"], bad["given"]["numerator"], bad["raw"]) == ("X", "17", None)
    assert "There is no unit “X”" in bad["message"]
    for who in (scene.world.danang_head, scene.world.prime, scene.world.observer):
        seen = await scene.look(who)
        assert (seen["name"], seen["method"], len(seen["indicators"])) == ("Hệ thống một cửa", "Đếm hồ sơ", 2)
        assert (seen["intakes"]["totalCount"], seen["rejectedReadings"]["nodes"], seen["lastReceivedAt"]) == (
            *(0, []),
            None,
        )
    assert await scene.look(scene.world.firm_head) is None


async def test_what_was_rejected_is_put_right_replayed_or_dismissed(scene: Scene) -> None:
    await scene.push(
        row(scene, unitCode="X"), row(scene, asOf="2026-01-31", numerator="170"), row(scene, asOf="x")
    )
    third, second, first = [bad["id"] for bad in (await scene.look())["rejectedReadings"]["nodes"]]
    select = "recorded unchanged rejected rejections { row code path } intake { rows }"
    got = await scene.do(
        "replayRejectedReadings",
        {"readings": [{"id": first, "unitCode": scene.world.hue.code}, {"id": second, "numerator": "101"}]},
        select,
    )
    assert (got["errors"], got["recorded"], got["rejected"], got["intake"]) == ([], 1, 1, {"rows": 2})
    assert got["rejections"] == [
        {"row": 2, "code": "NUMERATOR_ABOVE_DENOMINATOR", "path": ["readings", "1", "numerator"]}
    ]
    node = await scene.api.gql(
        "query($id: ID!) { node(id: $id) { ... on RejectedReading { state resolvedBy { id } measurement { "
        "value source putRight measuredBy { name } intake { rows } recordedBy { id } } } } }",
        {"id": first},
        scene.world.hue_head,
    )
    head = {"id": encode("Person", scene.world.hue_head.person_id or 0)}
    assert node.data["node"] == {
        "state": "REPLAYED",
        "resolvedBy": head,
        "measurement": {
            "value": "17",
            "source": "Hệ thống một cửa",
            "putRight": True,
            "measuredBy": {"name": "Hệ thống một cửa"},
            "intake": {"rows": 2},
            "recordedBy": head,
        },
    }
    gone = await scene.do("dismissRejectedReadings", {"ids": [third], "reason": "Dòng tổng"}, "count")
    assert gone == {"count": 1, "errors": []}
    left = (await scene.look())["rejectedReadings"]["nodes"]
    assert [(bad["id"], bad["given"]["numerator"]) for bad in left] == [(second, "101")]
    for given in ({}, {"readings": [], "sourceId": scene.source}):
        neither = await scene.do("replayRejectedReadings", given, select)
        assert [error["code"] for error in neither["errors"]] == ["REPLAY_WHAT"]
    whole = await scene.do("replayRejectedReadings", {"sourceId": scene.source}, select)
    assert (whole["recorded"], whole["rejected"]) == (0, 1)


async def test_a_source_is_changed_paused_resumed_and_closed(scene: Scene) -> None:
    of = {"sourceId": scene.source}
    select = "source { name limits state stateReason version indicators { code } }"
    changed = await scene.do("updateSource", {**of, "limits": "Không có hồ sơ giấy"}, select)
    assert changed["source"]["limits"] == "Không có hồ sơ giấy"
    fewer = {**of, "indicatorIds": [encode("Indicator", scene.ratio.id)], "expectedVersion": 2}
    assert (await scene.do("setSourceIndicators", fewer, select))["source"]["indicators"] == [
        {"code": "CS-1"}
    ]
    assert (await scene.do("setSourceIndicators", fewer, select))["errors"][0]["code"] == "STALE_VERSION"
    paused = await scene.do("pauseSource", {**of, "reason": "Bảo trì"}, select)
    assert (paused["source"]["state"], paused["source"]["stateReason"]) == ("PAUSED", "Bảo trì")
    refused = await scene.push(row(scene))
    assert refused["errors"][0]["code"] == "SOURCE_PAUSED"
    assert "Bảo trì" in refused["errors"][0]["message"]
    assert (await scene.do("resumeSource", of, select))["source"]["state"] == "ACTIVE"
    assert (await scene.do("closeSource", {**of, "reason": "Thay mới"}, select))["source"][
        "state"
    ] == "CLOSED"
    assert (await scene.push(row(scene)))["errors"][0]["code"] == "SOURCE_CLOSED"


async def test_a_program_without_the_scope_or_of_another_unit_sends_nothing(scene: Scene) -> None:
    world, push = scene.world, {"input": {"sourceId": scene.source, "readings": [row(scene)]}}
    reader = await token(scene.api, world.hue_head, world.hue.id, Scope.MEASUREMENTS_READ)
    turned: Reply = await scene.api.gql(PUSH, push, authorization=f"Bearer {reader}")
    assert turned.status == 403
    scene.bearer = await token(scene.api, world.danang_head, world.danang.id, Scope.MEASUREMENTS_WRITE)
    assert [error["code"] for error in (await scene.push(row(scene)))["errors"]] == ["FORBIDDEN"]
    by_hand = await scene.api.gql(PUSH, push, world.hue_head)
    assert [error["code"] for error in by_hand.data["pushReadings"]["errors"]] == ["FORBIDDEN"]


async def test_a_list_of_sources_costs_the_same_statements_whatever_its_length(
    scene: Scene, db: Database
) -> None:
    query = """{ sources { nodes { name unit { name } indicators { name sources { nodes { name } } }
        lastReceivedAt intakes { nodes { rows } } rejectedReadings { nodes { code intake { rows } } } } } }"""

    async def more(count: int) -> None:
        async with db.begin(SYSTEM) as tx:
            for _ in range(count):
                source = await make.source(tx, scene.world.hue, scene.ratio, scene.plain)
                await make.rejected_reading(tx, source, scene.ratio)

    await scene.push(row(scene), row(scene, unitCode="X"))
    await more(2)
    three, few = await scene.api.measured(query, {}, scene.world.hue_head)
    await more(7)
    ten, many = await scene.api.measured(query, {}, scene.world.hue_head)
    assert (len(three["sources"]["nodes"]), len(ten["sources"]["nodes"])) == (3, 10)
    assert all(len(node["intakes"]["nodes"]) == 1 for node in ten["sources"]["nodes"])
    assert many == few
