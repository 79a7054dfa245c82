"""Connectors over GraphQL: from trying one that is not saved yet to its polls and its end."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from factories import SYSTEM
from source_documents import DHIS2
from source_scene import Scene, build
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept.people.models import Person
from vdept.people.tokens import mint_token
from vdept.sources.polling import poll_due
from vdept_graphql.app import create_app
from vdept_graphql.ids import encode
from webhook_receiver import Receiver, answer, receiving
from webhook_scene import SECRET_KEY

CONNECTOR = "kind origin setting hasCredentials everyMinutes nextPollAt failures"
TRIED = (
    "failure { code message } rows recorded unchanged rejected bytes milliseconds "
    "readings { row unit indicator asOf value note } rejections { row code path }"
)


@dataclass
class Api:
    """The API as somebody of the scene asks it."""

    http: httpx.AsyncClient
    scene: Scene

    @property
    def source(self) -> str:
        return encode("Source", self.scene.source.id)

    async def ask(self, who: str, document: str, variables: dict[str, Any] | None = None) -> Any:
        async with self.scene.db.begin(SYSTEM) as tx:
            person = await tx.session.get_one(Person, self.scene.people[who].person_id)
            token = await mint_token(tx, person, label="test", ttl=timedelta(hours=1))
        reply = await self.http.post(
            "/graphql",
            json={"query": document, "variables": variables or {}},
            headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"},
        )
        return reply.json()

    async def do(self, who: str, verb: str, fields: str, **given: Any) -> Any:
        """One mutation; its payload."""
        kind = f"{verb[0].upper()}{verb[1:]}Input"
        document = (
            f"mutation ($input: {kind}!) {{ {verb}(input: $input) "
            f"{{ {fields} errors {{ code message path }} }} }}"
        )
        body = await self.ask(who, document, {"input": {"sourceId": self.source, **given}})
        assert "errors" not in body, body
        return body["data"][verb]

    async def refused(self, who: str, verb: str, **given: Any) -> tuple[str, list[str]]:
        payload = await self.do(who, verb, "__typename", **given)
        (error,) = payload["errors"]
        return error["code"], error["path"]

    def dhis2(self, url: str) -> dict[str, Any]:
        """DHIS2's data values, of Huế's commune and the scene's indicator."""
        unit, indicator = self.scene.units["commune"].code, self.scene.indicator.code
        fields = [
            {"field": "UNIT", "path": "$.orgUnit", "codes": [{"theirs": "DiszpKrYNg8", "ours": unit}]},
            {
                "field": "INDICATOR",
                "path": "$.dataElement",
                "codes": [{"theirs": "f7n9E0hX8qk", "ours": indicator}],
            },
            {"field": "AS_OF", "path": "$.period"},
            {"field": "VALUE", "path": "$.value"},
            {"field": "NOTE", "path": "$.comment"},
        ]
        rows = "$.dataValues[?@.deleted == false]"
        return {"httpJson": {"url": url, "rows": rows, "fields": fields, "timeoutSeconds": 5}}


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    settings = Settings(secret_key=SECRET_KEY, source_networks="127.0.0.0/8")
    transport = httpx.ASGITransport(app=create_app(settings, db))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Api(http, await build(db))


@pytest.fixture
async def server() -> AsyncIterator[Receiver]:
    async with receiving() as it:
        it.answering = answer(200, "Content-Type: application/json", body=DHIS2.encode())
        yield it


async def test_from_a_trial_to_a_poll_to_the_end(api: Api, server: Receiver) -> None:
    asked = api.dhis2(server.url)
    credentials = {"basic": {"user": "hue", "password": "t0p-s3cret"}}
    tried = await api.do("head", "tryConnector", TRIED, connector=asked, credentials=credentials)
    assert (tried["failure"], tried["errors"]) == (None, [])
    assert [tried[name] for name in ("rows", "recorded", "unchanged", "rejected")] == [2, 1, 0, 1]
    assert tried["bytes"] == len(DHIS2.encode())
    commune, indicator = api.scene.units["commune"].code, api.scene.indicator.code
    assert tried["readings"][0] == {
        "row": 1, "unit": commune, "indicator": indicator, "asOf": "2026-03-31", "value": "12.5",
        "note": "đã đối chiếu",
    }  # fmt: skip
    assert [(one["row"], one["code"]) for one in tried["rejections"]] == [(2, "READING_INDICATOR_UNKNOWN")]
    assert await api.scene.measured() == []

    made = await api.do(
        "coordinator", "setConnector", f"source {{ way failingSince connector {{ {CONNECTOR} }} }}",
        connector=asked, credentials=credentials, everyMinutes=60, idempotencyKey="one",
    )  # fmt: skip
    assert made["errors"] == []
    connector = made["source"]["connector"]
    assert (connector["kind"], connector["everyMinutes"], connector["hasCredentials"]) == (
        "HTTP_JSON",
        60,
        True,
    )
    assert connector["origin"] == f"http://127.0.0.1:{server.port}"
    assert "t0p-s3cret" not in msgspec.json.encode(made).decode()
    given = {**asked["httpJson"]}
    assert connector["setting"] == given, "what is read can be given again"

    await poll_due(api.scene.db, None, asking=api.scene.asking())
    assert server.arrived[-1].headers["authorization"].startswith("Basic ")
    assert [str(row.value) for row in await api.scene.measured()] == ["12.500000"]
    again = await api.do("head", "tryConnector", TRIED)
    assert [again[name] for name in ("rows", "recorded", "unchanged", "rejected")] == [2, 0, 1, 1]

    polled = await api.do("head", "pollSource", f"source {{ connector {{ {CONNECTOR} }} }}")
    assert polled["source"]["connector"]["failures"] == 0
    await poll_due(api.scene.db, (await api.scene.connector()).next_at, asking=api.scene.asking())
    assert [intake.unchanged for intake in await api.scene.intakes()] == [0, 1]
    gone = await api.do("head", "removeConnector", "source { connector { kind } }")
    assert gone == {"source": {"connector": None}, "errors": []}
    assert await api.refused("head", "removeConnector") == ("CONNECTOR_MISSING", ["sourceId"])


async def test_a_trial_says_why_it_failed_in_the_readers_language(api: Api, server: Receiver) -> None:
    server.answering = answer(200, "Content-Type: text/html", body=b"<html>Sign in</html>")
    tried = await api.do("head", "tryConnector", TRIED, connector=api.dhis2(server.url))
    assert tried["failure"]["code"] == "SOURCE_HTML"
    assert tried["failure"]["message"].startswith("The source answered with a web page (HTML)")
    assert (tried["rows"], tried["errors"]) == (None, [])


@pytest.mark.parametrize("verb", ["setConnector", "tryConnector"])
async def test_what_is_wrong_with_a_setting_is_told_with_its_place(
    api: Api, server: Receiver, verb: str
) -> None:
    where = ["connector", "httpJson"]
    for change, code, path in (
        ({"url": "https://169.254.169.254/"}, "CONNECTOR_ADDRESS", ["url"]),
        ({"rows": "$..*..*"}, "CONNECTOR_PATH", ["rows"]),
        ({"timeoutSeconds": 0}, "INVALID_VALUE", ["timeoutSeconds"]),
        ({"fields": []}, "CONNECTOR_FIELD", ["fields"]),
        ({"fields": [{"field": "UNIT"}]}, "CONNECTOR_FIELD", ["fields", "0"]),
    ):
        asked = {"httpJson": {**api.dhis2(server.url)["httpJson"], **change}}
        assert await api.refused("head", verb, connector=asked) == (code, [*where, *path])
    credentials = {"password": "p"}
    assert await api.refused("head", verb, connector=api.dhis2(server.url), credentials=credentials) == (
        "CONNECTOR_CREDENTIALS",
        ["credentials"],
    )
    assert server.connections == 0


async def test_exactly_one_kind_of_connector_is_given(api: Api, server: Receiver) -> None:
    both = {**api.dhis2(server.url), "httpCsv": {"url": server.url, "fields": []}}
    document = "mutation ($input: SetConnectorInput!) { setConnector(input: $input) { errors { code } } }"
    for asked in (both, {}, {"httpJson": None}):
        body = await api.ask("head", document, {"input": {"sourceId": api.source, "connector": asked}})
        assert body["errors"], asked
    assert (await api.ask("head", f'{{ source(id: "{api.source}") {{ connector {{ kind }} }} }}'))[
        "data"
    ] == {"source": {"connector": None}}


async def test_a_csv_a_workbook_and_a_database_are_set_and_read_back(api: Api) -> None:
    fields = [
        {"field": "UNIT", "column": "Mã"},
        {"field": "INDICATOR", "fixed": "CS-1"},
        {"field": "AS_OF", "column": "Ngày"},
        {"field": "NUMERATOR", "column": "Đạt"},
        {"field": "DENOMINATOR", "column": "Tổng"},
    ]
    table = {"url": "https://kho.hue.gov.vn/q1", "fields": fields}
    database = {
        "host": "kho.hue.gov.vn",
        "port": 5432,
        "database": "kho",
        "user": "doc",
        "query": "SELECT 1",
        "fields": fields,
    }
    for kind, name, asked, credentials in (
        ("HTTP_CSV", "httpCsv", {**table, "decimalMark": ",", "headerRow": 3}, None),
        (
            "HTTP_EXCEL",
            "httpExcel",
            {**table, "sheet": "Số liệu"},
            {"header": {"name": "X-Key", "value": "k"}},
        ),
        ("POSTGRESQL", "postgresql", database, {"password": "p"}),
    ):
        made = await api.do(
            "head", "setConnector", f"source {{ connector {{ {CONNECTOR} }} }}",
            connector={name: asked}, credentials=credentials,
        )  # fmt: skip
        assert made["errors"] == []
        connector = made["source"]["connector"]
        assert (connector["kind"], connector["setting"]) == (kind, asked)
        assert connector["hasCredentials"] is (credentials is not None)
    assert await api.refused(
        "head", "setConnector", connector={"postgresql": database}, credentials=None
    ) == (
        "CONNECTOR_CREDENTIALS",
        ["credentials"],
    )


@pytest.mark.parametrize(
    ("who", "code"), [("member", "FORBIDDEN"), ("official", "FORBIDDEN"), ("firm", "NOT_FOUND")]
)
async def test_others_neither_set_nor_try_nor_poll(api: Api, server: Receiver, who: str, code: str) -> None:
    asked = {"connector": api.dhis2(server.url)}
    for verb, given in (
        ("setConnector", asked),
        ("tryConnector", asked),
        ("pollSource", {}),
        ("removeConnector", {}),
    ):
        assert (await api.refused(who, verb, **given))[0] == code
    assert server.connections == 0
