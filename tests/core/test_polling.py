"""Polling: what is due is asked once, all at once, and what comes of it is written by whoever still may."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from factories import SYSTEM
from source_scene import Scene, build, json_at
from statements import counting
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.vault import Vault
from vdept.sources import polling
from vdept.sources.connectors.asking import Asking
from vdept.sources.connectors.credentials import Bearer, seal
from vdept.sources.models import IntakeState, RejectedReading, RejectedState, Source, SourceState
from vdept.sources.polling import Polled, Poller, poll_due
from webhook_receiver import Answering, Receiver, Request, answer, receiving, silence
from webhook_scene import HERE, VAULT

NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await build(db)


@pytest.fixture
async def server() -> AsyncIterator[Receiver]:
    async with receiving() as it:
        yield it


def rows(*given: dict[str, Any], etag: str = "") -> Answering:
    more = (f"ETag: {etag}",) if etag else ()
    return answer(200, "Content-Type: application/json", *more, body=msgspec.json.encode(given))


async def poll(scene: Scene, now: datetime | None = NOW) -> list[Polled]:
    return await poll_due(scene.db, now, asking=scene.asking())


async def test_what_a_source_answers_becomes_measurements_of_an_intake(
    scene: Scene, server: Receiver
) -> None:
    server.answering = rows(scene.row("12.5"), scene.row("x"), etag='"v1"')
    await scene.connect(json_at(server.url), every=60)
    assert await poll(scene) == [Polled(scene.source.id, recorded=1)]
    (intake,) = await scene.intakes()
    assert (intake.state, intake.rows, intake.recorded, intake.rejected) == (IntakeState.RECEIVED, 2, 1, 1)
    assert intake.size == len(msgspec.json.encode([scene.row("12.5"), scene.row("x")]))
    (measured,) = await scene.measured()
    assert (measured.intake_id, str(measured.value)) == (intake.id, "12.500000")
    (rejected,) = await scene.rejected()
    assert (rejected.row, rejected.code, rejected.raw["value"]) == (2, "READING_NOT_A_NUMBER", "x")
    connector = await scene.connector()
    assert (connector.next_at, connector.failures) == (NOW + timedelta(minutes=60), 0)
    assert (connector.etag, connector.last_sha256) == ('"v1"', intake.sha256)


async def test_what_is_not_due_yet_is_not_asked_and_neither_is_a_paused_source(
    scene: Scene, server: Receiver
) -> None:
    server.answering = rows(scene.row())
    await scene.connect(json_at(server.url), next_at=NOW + timedelta(seconds=1))
    paused = await scene.add_source("Tạm dừng", state=SourceState.PAUSED, state_reason="bảo trì")
    await scene.connect(json_at(server.url), paused, next_at=NOW - timedelta(days=1))
    assert (await poll(scene), server.arrived) == ([], [])
    assert len(await poll(scene, NOW + timedelta(seconds=1))) == 1


async def test_an_answer_that_has_not_changed_records_nothing_and_counts_as_a_success(
    scene: Scene, server: Receiver
) -> None:
    server.answering = rows(scene.row(), etag='"v1"')
    await scene.connect(json_at(server.url))
    await poll(scene)
    server.answering = answer(304, body=b"")
    assert await poll(scene, NOW + timedelta(hours=1)) == [Polled(scene.source.id)]
    assert server.arrived[-1].headers["if-none-match"] == '"v1"'
    server.answering = rows(scene.row())  # the same bytes, from a server without ETags
    await poll(scene, NOW + timedelta(hours=2))
    assert len(await scene.intakes()) == 1
    connector = await scene.connector()
    assert (connector.next_at, connector.failures) == (NOW + timedelta(hours=3), 0)
    server.answering = rows(scene.row("13"))
    await poll(scene, NOW + timedelta(hours=3))
    assert [intake.recorded for intake in await scene.intakes()] == [1, 1]


async def test_a_bad_row_that_is_answered_again_and_again_is_kept_and_told_once(
    scene: Scene, server: Receiver
) -> None:
    await scene.connect(json_at(server.url))
    for hour, value in enumerate(("1", "2", "3")):
        server.answering = rows(scene.row(value), scene.row("x"))
        await poll(scene, NOW + timedelta(hours=hour))
    assert [intake.rejected for intake in await scene.intakes()] == [1, 1, 1]
    [first] = await scene.rejected()
    async with scene.db.begin(SYSTEM) as tx:
        row = await tx.session.get_one(RejectedReading, first.id)
        row.state, row.resolved_at, row.reason = RejectedState.DISMISSED, NOW, "đã biết"
    server.answering = rows(scene.row("4"), scene.row("x"), scene.row("y"))
    await poll(scene, NOW + timedelta(hours=3))
    found = {row.raw["value"]: row.state for row in await scene.rejected()}
    assert found == {"x": RejectedState.DISMISSED, "y": RejectedState.OPEN}, "what was set aside stays so"


async def test_an_empty_list_is_a_success_without_an_intake(scene: Scene, server: Receiver) -> None:
    server.answering = rows()
    await scene.connect(json_at(server.url))
    assert await poll(scene) == [Polled(scene.source.id)]
    assert await scene.intakes() == []


async def test_a_failing_source_keeps_why_and_is_asked_again_ever_later_until_it_works(
    scene: Scene, server: Receiver
) -> None:
    server.answering = answer(200, "Content-Type: text/html", body=b"<html>Sign in</html>")
    await scene.connect(json_at(server.url), every=1440)
    at, pauses = NOW, []
    for _ in range(4):
        assert [polled.failure for polled in await poll(scene, at)] == ["SOURCE_HTML"]
        connector = await scene.connector()
        assert connector.next_at is not None
        pauses.append(connector.next_at - at)
        at = connector.next_at
    assert pauses == sorted(pauses)
    assert timedelta(seconds=45) <= pauses[0] <= timedelta(minutes=1)
    assert {intake.error for intake in await scene.intakes()} == {"SOURCE_HTML"}
    assert ((await scene.read_source()).failing_since, (await scene.connector()).failures) == (NOW, 4)
    assert await scene.measured() == []
    server.answering = rows(scene.row())
    assert [polled.recorded for polled in await poll(scene, at)] == [1]
    assert ((await scene.read_source()).failing_since, (await scene.connector()).failures) == (None, 0)


async def test_a_document_as_a_whole_wrong_touches_nothing_that_was_measured_before(
    scene: Scene, server: Receiver
) -> None:
    server.answering = rows(scene.row())
    await scene.connect(json_at(server.url))
    await poll(scene)
    server.answering = answer(200, body=b'[{"unit": ')
    assert [polled.failure for polled in await poll(scene, NOW + timedelta(hours=1))] == ["SOURCE_NOT_JSON"]
    assert len(await scene.measured()) == 1
    assert (await scene.connector()).last_sha256 is not None


async def test_credentials_are_shown_to_their_source_and_told_to_nobody(
    scene: Scene, server: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    server.answering = answer(401)
    setting = json_at(server.url)
    sealed = seal(VAULT, scene.source.id, f"http://127.0.0.1:{server.port}", Bearer("t0p-s3cret"))
    await scene.connect(setting, credentials=sealed)
    assert [polled.failure for polled in await poll(scene)] == ["SOURCE_UNAUTHORIZED"]
    assert server.arrived[0].headers["authorization"] == "Bearer t0p-s3cret"
    (intake,) = await scene.intakes()
    async with scene.db.snapshot(SYSTEM) as tx:
        log = (
            await tx.session.execute(sa.text("SELECT string_agg(CAST(a AS text), '') FROM activity a"))
        ).scalar()
    assert "t0p-s3cret" not in f"{caplog.text}{log}{intake.params}{(await scene.connector()).setting}"


@pytest.mark.parametrize("wrong", ["another source's", "another host's", "another key"])
async def test_credentials_of_something_else_are_not_shown(
    scene: Scene, server: Receiver, wrong: str
) -> None:
    place = f"http://127.0.0.1:{server.port}"
    sealed = {
        "another source's": seal(VAULT, scene.source.id + 1, place, Bearer("t")),
        "another host's": seal(VAULT, scene.source.id, "https://kho.hue.gov.vn", Bearer("t")),
        "another key": seal(Vault("x" * 32), scene.source.id, place, Bearer("t")),
    }[wrong]
    await scene.connect(json_at(server.url), credentials=sealed)
    assert [polled.failure for polled in await poll(scene)] == ["SOURCE_CREDENTIALS_UNREADABLE"]
    assert server.connections == 0


async def test_a_thousand_sources_take_no_longer_than_the_slowest_and_each_its_own_transaction(
    scene: Scene, server: Receiver
) -> None:
    """A hundred here; ``bench/pull.py`` asks a thousand."""

    async def slow(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        await rows(scene.row(int(request.target.partition("=")[2])))(request, writer)

    server.answering = slow
    sources = [await scene.add_source(f"Nguồn {n}") for n in range(100)]
    for n, source in enumerate(sources):
        await scene.connect(json_at(f"{server.url}?n={n}"), source)
    started = time.monotonic()
    polled = await poll(scene)
    assert time.monotonic() - started < 10, "one after the other would take 50 seconds"
    assert sorted(one.source_id for one in polled) == [source.id for source in sources]
    assert {one.recorded for one in polled} == {1}
    assert [len(await scene.intakes(source)) for source in sources[:3]] == [1, 1, 1]


async def test_a_source_that_hangs_holds_up_nobody_else(scene: Scene, server: Receiver) -> None:
    async with receiving() as hanging:
        hanging.answering = silence
        server.answering = rows(scene.row())
        await scene.connect(json_at(hanging.url, timeout_seconds=1))
        quick = await scene.add_source("Nhanh")
        await scene.connect(json_at(server.url), quick)
        polled = await poll(scene)
    assert polled == [Polled(quick.id, recorded=1), Polled(scene.source.id, "SOURCE_TIMEOUT")]


async def test_of_two_who_look_at_once_one_takes_each(scene: Scene, server: Receiver) -> None:
    server.answering = rows(scene.row())
    sources = [await scene.add_source(f"Nguồn {n}") for n in range(20)]
    for source in sources:
        await scene.connect(json_at(server.url), source)
    both = await asyncio.gather(*[poll(scene) for _ in range(2)])
    assert len(both[0]) + len(both[1]) == len(server.arrived) == 20


async def test_whoever_lost_the_claim_writes_nothing(scene: Scene, server: Receiver) -> None:
    waiting = asyncio.Event()

    async def held(request: Request, writer: asyncio.StreamWriter) -> None:
        await waiting.wait()
        await rows(scene.row("1"))(request, writer)

    server.answering = held
    await scene.connect(json_at(server.url))
    late = Poller(scene.db, scene.asking())
    await late.step()
    first = await scene.connector()
    assert first.next_at is not None
    left = first.next_at - utc_now()
    assert timedelta() < left <= timedelta(seconds=5) + polling.MARGIN, "nobody waits longer for an orphan"
    await scene.make_due()  # the lease passes
    server.answering = rows(scene.row("2"))
    assert [polled.written for polled in await poll(scene, None)] == [True]
    waiting.set()
    ended: list[Polled] = []
    while not ended:
        ended += (await late.step()).ended
    await late.close()
    assert ended == [Polled(scene.source.id, written=False)]
    assert [str(measured.value) for measured in await scene.measured()] == ["2.000000"]
    assert len(await scene.intakes()) == 1


async def test_whoever_lives_keeps_the_claim_however_long_an_answer_is_read(
    scene: Scene, server: Receiver
) -> None:
    server.answering = silence
    await scene.connect(json_at(server.url, timeout_seconds=60))
    alive = Poller(scene.db, scene.asking(), margin=timedelta(milliseconds=600))
    await alive.step()
    await scene.make_due()  # as if the sixty seconds had passed, with the answer in a long queue
    await asyncio.sleep(0.2)
    await alive.step()
    renewed = await scene.connector()
    assert renewed.next_at is not None
    assert renewed.next_at > utc_now()
    assert await poll(scene, None) == []
    await alive.close()


async def test_a_source_paused_while_it_was_asked_takes_nothing_in(scene: Scene, server: Receiver) -> None:
    async def pause(request: Request, writer: asyncio.StreamWriter) -> None:
        async with scene.db.begin(SYSTEM) as tx:
            await tx.session.execute(sa.update(Source).values(state="PAUSED", state_reason="bảo trì"))
        await rows(scene.row())(request, writer)

    server.answering = pause
    await scene.connect(json_at(server.url))
    assert [polled.written for polled in await poll(scene)] == [False]
    assert (await scene.measured(), await scene.intakes()) == ([], [])


async def test_a_bug_of_ours_is_a_failure_with_a_name_and_stops_no_other_poll(
    scene: Scene, server: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server.answering = rows(scene.row())
    await scene.connect(json_at(server.url))
    fine = await scene.add_source("Khác")
    await scene.connect(json_at(server.url), fine)
    receive = polling.receiving.receive

    async def broken(tx: Any, source: Any, *args: Any, **more: Any) -> Any:
        if source.id == scene.source.id:
            await tx.session.execute(sa.text("SELECT 1 / 0"))
        return await receive(tx, source, *args, **more)

    monkeypatch.setattr(polling.receiving, "receive", broken)
    failures = {polled.source_id: polled.failure for polled in await poll(scene)}
    assert failures == {scene.source.id: "SOURCE_INTERNAL", fine.id: None}
    assert [intake.error for intake in await scene.intakes()] == ["SOURCE_INTERNAL"]
    assert "cannot be judged" in caplog.text


async def test_a_connector_that_cannot_be_read_costs_no_other_its_poll(
    scene: Scene, server: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    server.answering = rows(scene.row())
    await scene.connect(json_at(server.url))
    strange = await scene.add_source("Khác")
    await scene.connect(json_at(server.url), strange)
    async with scene.db.begin(SYSTEM) as tx:
        text = "UPDATE source_connector SET setting = setting || '{\"later\": 1}' WHERE source_id = :id"
        await tx.session.execute(sa.text(text.replace(":id", str(strange.id))))
    assert await poll(scene) == [Polled(scene.source.id, recorded=1)]
    assert "cannot be read" in caplog.text


async def test_a_claim_is_one_statement_however_many_are_due(scene: Scene) -> None:
    for n in range(5):
        await scene.connect(json_at("https://kho.hue.gov.vn/"), await scene.add_source(f"Nguồn {n}"))
    async with scene.db.begin(SYSTEM) as tx:
        with counting(scene.db) as sent:
            assert len(await polling.claim(tx, 3, now=NOW)) == 3
            assert len(await polling.claim(tx, 10, now=NOW)) == 2
            assert await polling.claim(tx, 10, now=NOW) == []
        assert len(sent) == 3


async def test_nothing_is_asked_where_the_operator_has_listed_nothing(scene: Scene, server: Receiver) -> None:
    await scene.connect(json_at(server.url))
    assert HERE
    polled = await poll_due(scene.db, NOW, asking=Asking(lambda: VAULT))
    assert ([one.failure for one in polled], server.connections) == (["SOURCE_ADDRESS_NOT_ALLOWED"], 0)
