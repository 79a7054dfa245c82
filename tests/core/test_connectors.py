"""Setting, trying and removing connectors: who may, what is kept and told; and PostgreSQL as a source."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from factories import SYSTEM
from source_scene import Scene, build, json_at
from vdept.kernel.activity import Activity
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.sources import connector_settings as verbs
from vdept.sources import trying
from vdept.sources.connectors import postgresql
from vdept.sources.connectors.asking import Asked
from vdept.sources.connectors.credentials import Bearer, Password, opened
from vdept.sources.connectors.http import Fetch
from vdept.sources.connectors.settings import ColumnField, QuerySetting, ReadingField
from vdept.sources.models import ConnectorKind, Source, SourceConnector, SourceState, Way
from vdept.sources.polling import poll_due
from vdept.sources.trying import Trying
from webhook_receiver import Receiver, answer, receiving, silence
from webhook_scene import HERE, VAULT

F = ReadingField
JSON = ConnectorKind.HTTP_JSON
URL = "https://kho.hue.gov.vn/api"


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await build(db)


@pytest.fixture
async def server() -> AsyncIterator[Receiver]:
    async with receiving() as it:
        yield it


async def connect(scene: Scene, who: str = "head", **more: Any) -> Source:
    more.setdefault("kind", JSON)
    more.setdefault("setting", json_at(URL))
    more.setdefault("every_minutes", 60)
    source = more.pop("source", scene.source)
    async with scene.db.begin(scene.people[who]) as tx:
        return await verbs.set_connector(tx, source.id, vault=VAULT, networks=HERE, **more)


async def refused(scene: Scene, who: str = "head", **more: Any) -> str:
    with pytest.raises(Refused) as error:
        await connect(scene, who, **more)
    return error.value.code


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("head", None),
        ("deputy", None),
        ("coordinator", None),
        ("administrator", None),
        ("member", "FORBIDDEN"),
        ("observer", "FORBIDDEN"),
        ("official", "FORBIDDEN"),
        ("firm", "NOT_FOUND"),
    ],
)
async def test_who_may_set_a_connector(scene: Scene, who: str, code: str | None) -> None:
    if code is None:
        assert (await connect(scene, who)).id == scene.source.id
    else:
        assert await refused(scene, who) == code


async def test_a_connector_is_polled_at_once_and_its_credentials_are_sealed_and_not_logged(
    scene: Scene,
) -> None:
    await connect(scene, credentials=Bearer("t0p-s3cret"))
    row = await scene.connector()
    assert row.credentials is not None
    assert opened(VAULT, scene.source.id, "https://kho.hue.gov.vn", row.credentials) == Bearer("t0p-s3cret")
    async with scene.db.snapshot(SYSTEM) as tx:
        (logged,) = (
            await tx.session.execute(
                sa.text("SELECT CAST(data AS text) FROM activity WHERE verb = 'source.connector_set'")
            )
        ).scalars()
        due = await tx.session.scalar(sa.select(SourceConnector.next_at <= sa.func.now()))
    assert due
    assert msgspec.json.decode(logged) == {
        "kind": "HTTP_JSON",
        "origin": "https://kho.hue.gov.vn",
        "everyMinutes": 60,
        "credentials": True,
    }


async def test_credentials_stay_for_the_same_host_and_are_asked_for_anew_for_another(scene: Scene) -> None:
    await connect(scene, credentials=Bearer("t"))
    kept = (await scene.connector()).credentials
    await connect(scene, setting=json_at(URL + "/v2"))
    assert (await scene.connector()).credentials == kept
    assert await refused(scene, setting=json_at("https://evil.example.com/")) == "CONNECTOR_CREDENTIALS"
    assert await refused(scene, setting=json_at(URL.replace("vn/", "vn:8443/"))) == "CONNECTOR_CREDENTIALS"
    await connect(scene, setting=json_at("https://khac.hue.gov.vn/"), credentials=None)
    assert (await scene.connector()).credentials is None


async def test_setting_anew_forgets_what_was_known_of_the_last_answer(scene: Scene, server: Receiver) -> None:
    server.answering = answer(200, 'ETag: "v1"', body=msgspec.json.encode([scene.row()]))
    await connect(scene, setting=json_at(server.url))
    await poll_due(scene.db, None, asking=scene.asking())
    before = await scene.connector()
    assert (before.etag, before.last_sha256 is not None) == ('"v1"', True)
    await connect(scene, setting=json_at(server.url + "?x"))
    after = await scene.connector()
    assert (after.etag, after.last_sha256, after.token) == (None, None, before.token + 1)
    await poll_due(scene.db, after.next_at, asking=scene.asking())
    assert [(intake.recorded, intake.unchanged) for intake in await scene.intakes()] == [(1, 0), (0, 1)]


async def test_what_cannot_be_pulled_has_no_connector(scene: Scene) -> None:
    pushed = await scene.add_source("Tự gửi", way=Way.PUSH)
    assert await refused(scene, source=pushed) == "CONNECTOR_NOT_PULLED"
    closed = await scene.add_source("Đã đóng", state=SourceState.CLOSED, state_reason="hết")
    assert await refused(scene, source=closed) == "SOURCE_CLOSED"
    assert await refused(scene, every_minutes=0) == "INVALID_VALUE"
    assert await refused(scene, setting=json_at("http://10.0.0.1/")) == "CONNECTOR_ADDRESS"


async def test_a_removed_connector_is_gone_with_its_credentials(scene: Scene) -> None:
    await connect(scene, credentials=Bearer("t"))
    async with scene.db.begin(scene.people["head"]) as tx:
        await verbs.remove_connector(tx, scene.source.id)
    async with scene.db.begin(scene.people["head"]) as tx:
        with pytest.raises(Refused, match="CONNECTOR_MISSING"):
            await verbs.remove_connector(tx, scene.source.id)
    async with scene.db.snapshot(SYSTEM) as tx:
        assert list(await tx.session.scalars(sa.select(SourceConnector))) == []


async def test_a_source_asked_by_hand_is_due_in_a_minute_and_read_anew(
    scene: Scene, server: Receiver
) -> None:
    server.answering = answer(200, body=msgspec.json.encode([scene.row()]))
    await connect(scene, setting=json_at(server.url))
    await poll_due(scene.db, None, asking=scene.asking())
    asked_at = (await scene.connector()).asked_at
    assert asked_at is not None
    for _ in range(3):  # however often
        async with scene.db.begin(scene.people["coordinator"]) as tx:
            await verbs.poll_now(tx, scene.source.id)
        assert (await scene.connector()).next_at == asked_at + timedelta(minutes=1)
        assert await poll_due(scene.db, None, asking=scene.asking()) == []
    await poll_due(scene.db, asked_at + timedelta(minutes=1), asking=scene.asking())
    assert [(intake.recorded, intake.unchanged) for intake in await scene.intakes()] == [(1, 0), (0, 1)]


@pytest.mark.parametrize(
    ("who", "seen"),
    [("head", True), ("member", True), ("observer", False), ("official", False), ("firm", False)],
)
async def test_who_sees_a_connector(scene: Scene, who: str, seen: bool) -> None:
    await connect(scene)
    async with scene.db.snapshot(scene.people[who]) as tx:
        assert bool(await verbs.connectors_of(tx, [scene.source.id])) is seen


# Trying


async def tried(scene: Scene, who: str = "head", how: Trying | None = None, **given: Any) -> trying.Tried:
    given.setdefault("networks", HERE)
    how = how or Trying(scene.asking())
    return await how(scene.db, scene.people[who], scene.source.id, **given)


async def test_a_trial_tells_what_a_poll_would_do_and_does_nothing(scene: Scene, server: Receiver) -> None:
    server.answering = answer(200, body=msgspec.json.encode([scene.row("1")]))
    await connect(scene, setting=json_at(server.url))
    await poll_due(scene.db, None, asking=scene.asking())
    given = [scene.row("1"), scene.row("2", "2026-02-28"), scene.row("NaN"), scene.row("3", unit="other")]
    server.answering = answer(200, body=msgspec.json.encode(given))
    done = await tried(scene)
    assert (done.rows, done.recorded, done.unchanged, done.rejected) == (4, 1, 1, 2)
    assert [(row, refused.code) for row, refused, _ in done.rejections] == [
        (3, "READING_NOT_A_NUMBER"),
        (4, "READING_OUT_OF_REACH"),
    ]
    assert [reading.value for reading in done.readings] == ["1", "2", "NaN", "3"]
    assert (len(await scene.intakes()), len(await scene.measured()), await scene.rejected()) == (1, 1, [])
    unsaved = await tried(scene, kind=JSON, setting=json_at(server.url + "?other"))
    assert (unsaved.rows, server.arrived[-1].target) == (4, "/hook?other")


async def test_a_trial_of_another_host_shows_nothing_that_was_given_for_the_first(
    scene: Scene, server: Receiver
) -> None:
    await connect(scene, credentials=Bearer("t0p-s3cret"))
    with pytest.raises(Refused, match="CONNECTOR_CREDENTIALS"):
        await tried(scene, kind=JSON, setting=json_at(server.url))
    assert server.connections == 0
    server.answering = answer(200, body=b"[]")
    await tried(scene, kind=JSON, setting=json_at(server.url), credentials=Bearer("new"))
    assert server.arrived[0].headers["authorization"] == "Bearer new"


@pytest.mark.parametrize(
    ("who", "code"), [("member", "FORBIDDEN"), ("official", "FORBIDDEN"), ("firm", "NOT_FOUND")]
)
async def test_who_may_not_try(scene: Scene, server: Receiver, who: str, code: str) -> None:
    with pytest.raises(Refused, match=code):
        await tried(scene, who, kind=JSON, setting=json_at(server.url))
    assert server.connections == 0


async def test_a_trial_has_its_deadline_and_there_are_so_many_at_once(scene: Scene, server: Receiver) -> None:
    server.answering = silence
    setting = json_at(server.url, timeout_seconds=60)
    done = await tried(scene, how=Trying(scene.asking(), deadline=0.2), kind=JSON, setting=setting)
    assert (done.failure and done.failure.code, done.rows) == ("SOURCE_TIMEOUT", 0)
    with pytest.raises(Refused, match="CONNECTOR_BUSY"):
        await tried(scene, how=Trying(scene.asking(), at_once=0), kind=JSON, setting=setting)
    with pytest.raises(Refused, match="CONNECTOR_MISSING"):
        await tried(scene)


async def test_of_many_trials_begun_at_once_no_more_ask_than_may(scene: Scene, server: Receiver) -> None:
    server.answering = silence
    how = Trying(scene.asking(), deadline=0.5, at_once=2)
    setting = json_at(server.url)
    got = await asyncio.gather(
        *[tried(scene, how=how, kind=JSON, setting=setting) for _ in range(6)], return_exceptions=True
    )
    assert sorted(one.code if isinstance(one, Refused) else "" for one in got) == [
        "",
        "",
        *["CONNECTOR_BUSY"] * 4,
    ]
    assert server.connections == 2
    assert (await tried(scene, how=how, kind=JSON, setting=setting)).failure, "the places are free again"


async def test_a_trial_tells_why_a_poll_would_fail(scene: Scene, server: Receiver) -> None:
    server.answering = answer(200, body=b"<html>")
    done = await tried(scene, kind=JSON, setting=json_at(server.url))
    assert (done.failure and done.failure.code, await scene.intakes()) == ("SOURCE_HTML", [])
    async with scene.db.snapshot(SYSTEM) as tx:
        query = sa.select(Activity).where(Activity.verb == "source.connector_tried")
        (logged,) = await tx.session.scalars(query)
    assert logged.data == {"kind": "HTTP_JSON", "origin": f"http://127.0.0.1:{server.port}"}
    assert logged.person_id == scene.people["head"].person_id


# PostgreSQL


@pytest.fixture
async def table(owner: Database) -> AsyncIterator[None]:
    """A table of a system of the province's, which happens to be in the same database."""
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.text(
                """CREATE TABLE kho_so_lieu AS SELECT n, 'H' || n AS don_vi, date '2026-01-31' AS ngay,
                    CAST(n + 0.25 AS numeric) AS gia_tri, repeat('x', 5000) AS "Ghi chú"
                FROM generate_series(1, 3) n"""
            )
        )
    yield
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("DROP TABLE kho_so_lieu"))


@pytest.fixture
async def kho(table: None, database_url: str) -> AsyncIterator[QuerySetting]:
    """The database, which may listen on a socket file only, on a port as sources have one."""
    url = make_url(database_url)
    file = url.query.get("host")
    pipes: set[asyncio.Task[None]] = set()
    ends: list[asyncio.StreamWriter] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(file, str):
            there = await asyncio.open_unix_connection(f"{file}/.s.PGSQL.{url.query.get('port', 5432)}")
        else:
            there = await asyncio.open_connection(url.host, url.port)
        ends.extend((writer, there[1]))
        for source, target in ((reader, there[1]), (there[0], writer)):
            pipes.add(asyncio.create_task(pump(source, target)))

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    yield QuerySetting(
        host="127.0.0.1",
        port=server.sockets[0].getsockname()[1],
        database=url.database or "",
        user=url.username or "postgres",
        tls=False,
        query="SELECT * FROM kho_so_lieu ORDER BY n -- all",
        timeout_seconds=5,
        fields=(
            ColumnField(F.UNIT, column="don_vi", codes={"H1": "X1"}),
            ColumnField(F.INDICATOR, fixed="CS-1"),
            ColumnField(F.AS_OF, column="ngay"),
            ColumnField(F.VALUE, column="gia_tri"),
            ColumnField(F.NOTE, column="Ghi chú"),
        ),
    )
    server.close()
    for pipe in pipes:
        pipe.cancel()
    await asyncio.gather(*pipes, return_exceptions=True)
    for end in ends:
        end.transport.abort()
        with contextlib.suppress(OSError):
            await end.wait_closed()


async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await source.read(65_536):
            target.write(part)
            await target.drain()
    target.close()


async def failure(kho: QuerySetting, sql: str = "SELECT * FROM kho_so_lieu", **more: Any) -> Refused:
    setting = msgspec.structs.replace(kho, query=sql, **more)
    with pytest.raises(Refused) as error:
        await postgresql.rows(setting, "t0p-s3cret", Fetch(HERE))
    assert "t0p-s3cret" not in f"{error.value!r}"
    return error.value


async def test_a_query_becomes_readings(scene: Scene, kho: QuerySetting) -> None:
    asked = Asked(scene.source.id, ConnectorKind.POSTGRESQL, kho, Password("any"))
    answered = await scene.asking()(asked)
    assert answered.rows is not None
    assert [(one.unit, one.as_of, one.value) for one in answered.rows] == [
        ("X1", "2026-01-31", "1.25"),
        ("H2", "2026-01-31", "2.25"),
        ("H3", "2026-01-31", "3.25"),
    ]
    assert {len(one.note or "") for one in answered.rows} == {1000}, "no value is larger than what is taken"
    again = await scene.asking()(asked._replace(sha256=answered.sha256))
    assert again.rows is None


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT don_vi, ngay, gia_tri FROM no_such_table", "42P01"),
        ("SELECT 1 AS don_vi", "42703"),
        ("SELECT 1) AS asked; DROP TABLE kho_so_lieu --", "42601"),
        ("WITH gone AS (DELETE FROM kho_so_lieu RETURNING *) SELECT * FROM gone", "0A000"),
        ("SELECT k.* FROM kho_so_lieu k, set_config('transaction_read_only', 'off', false)", "25001"),
        ("SELECT k.* FROM kho_so_lieu k, nextval('unit_id_seq')", "25006"),
    ],
    ids=["no table", "no column", "two statements", "deletes", "unlocks", "writes"],
)
async def test_a_query_that_is_wrong_or_would_write_is_refused_by_the_server(
    kho: QuerySetting, sql: str, code: str
) -> None:
    refused = await failure(kho, sql)
    assert (refused.code, refused.params["sqlstate"]) == ("SOURCE_DATABASE", code)


async def test_no_bracket_gets_a_value_past_what_is_taken_of_it(kho: QuerySetting) -> None:
    sql = "SELECT k.* FROM kho_so_lieu k) AS asked UNION ALL SELECT repeat('x', 900000000) FROM (SELECT 1"
    (unit,) = (one for one in kho.fields if one.field is F.UNIT)
    refused = await failure(kho, sql, fields=(unit,))
    assert (refused.code, refused.params["sqlstate"]) == ("SOURCE_DATABASE", "42601")


async def test_a_query_has_its_time_its_rows_and_its_address(kho: QuerySetting) -> None:
    slow = await failure(kho, "SELECT k.*, pg_sleep(9) FROM kho_so_lieu k", timeout_seconds=1)
    assert slow.code in {"SOURCE_TIMEOUT", "SOURCE_DATABASE"}
    short = tuple(one for one in kho.fields if one.field is not F.NOTE)
    many = "SELECT k.* FROM kho_so_lieu k, generate_series(1, 20000)"
    assert (await failure(kho, many, fields=short)).code == "SOURCE_TOO_MANY_ROWS"
    assert (await failure(kho, many)).code == "SOURCE_TOO_LARGE"
    with pytest.raises(Refused, match="SOURCE_ADDRESS_NOT_ALLOWED"):
        await postgresql.rows(kho, "any", Fetch(()))
    assert (await failure(kho, port=9)).code == "SOURCE_NO_CONNECTION"
    assert (await failure(kho, database="no_such_database")).code == "SOURCE_DATABASE"
    assert (await failure(kho, tls=True)).code in {"SOURCE_CERTIFICATE", "SOURCE_NO_CONNECTION"}


async def test_a_server_that_is_no_database_breaks_the_protocol(kho: QuerySetting) -> None:
    async with receiving() as server:
        refused = await failure(kho, port=server.port, timeout_seconds=1)
        assert refused.code in {"SOURCE_TIMEOUT", "SOURCE_BROKEN_ANSWER", "SOURCE_NO_CONNECTION"}
