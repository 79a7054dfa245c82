"""A source that fails or is silent: warned of, told, answered, and over by itself."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from factories import SYSTEM
from source_scene import Scene, build, json_at
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.notifications.models import Notification
from vdept.sources.models import Source, SourceConnector, SourceState
from vdept.sources.polling import poll_due
from vdept.targets.models import Frequency
from vdept.warnings import answering, queries
from vdept.warnings.detecting import Report, detect
from vdept.warnings.models import EarlyWarning
from warnings_scene import morning
from webhook_receiver import Receiver, answer, receiving

MONDAY = date(2026, 3, 2)


@dataclass
class Watched:
    """The scene with a daily source, made on Monday, and a server that it is at."""

    scene: Scene
    server: Receiver
    source: Source

    async def poll(self, on: date, *, good: bool) -> None:
        rows = msgspec.json.encode([self.scene.row(str(on.toordinal()), on.isoformat())])
        self.server.answering = answer(200, body=rows) if good else answer(503)
        async with self.scene.db.begin(SYSTEM) as tx:
            await tx.session.execute(sa.update(SourceConnector).values(next_at=morning(on)))
        await poll_due(self.scene.db, morning(on), asking=self.scene.asking())

    async def detect(self, on: date) -> Report:
        return await detect(self.scene.db, as_of=on, now=morning(on))

    async def set(self, **values: Any) -> None:
        async with self.scene.db.begin(SYSTEM) as tx:
            await tx.session.execute(sa.update(Source).where(Source.id == self.source.id).values(**values))

    async def open(self) -> list[tuple[str, str]]:
        return [(row.kind, row.severity) for row in await self.warnings() if row.closed_at is None]

    async def warnings(self) -> list[EarlyWarning]:
        async with self.scene.db.snapshot(SYSTEM) as tx:
            query = sa.select(EarlyWarning).where(EarlyWarning.subject_id == self.source.id)
            return list(await tx.session.scalars(query.order_by(EarlyWarning.id)))

    async def told(self) -> list[tuple[int, str, str]]:
        async with self.scene.db.snapshot(SYSTEM) as tx:
            rows = await tx.session.scalars(sa.select(Notification).order_by(Notification.id))
            return [
                (row.person_id, row.kind, row.subject_type) for row in rows if row.kind == "WARNING_OPENED"
            ]


@pytest.fixture
async def watched(db: Database) -> AsyncIterator[Watched]:
    scene = await build(db)
    async with scene.db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.update(Source).values(state="PAUSED", state_reason="bảo trì"))
    source = await scene.add_source("Hằng ngày", frequency=Frequency.DAILY, created_at=morning(MONDAY))
    async with receiving() as server:
        await scene.connect(json_at(server.url), source, every=60)
        yield Watched(scene, server, source)


async def test_a_source_that_fails_more_than_three_times_is_warned_of_with_why(watched: Watched) -> None:
    for _ in range(3):
        await watched.poll(MONDAY, good=False)
    await watched.detect(MONDAY)
    assert await watched.open() == []
    await watched.poll(MONDAY, good=False)
    report = await watched.detect(MONDAY)
    assert (report.opened, await watched.open()) == (1, [("SOURCE_FAILING", "AT_RISK")])
    (row,) = await watched.warnings()
    assert (row.unit_id, row.plan_id, row.subject) == (watched.source.unit_id, None, "SOURCE")
    assert row.evidence == {
        "since": "2026-03-02",
        "failures": 4,
        "code": "SOURCE_STATUS",
        "params": {"status": 503},
    }
    people = watched.scene.people
    heard = {people["head"].person_id, people["coordinator"].person_id}
    assert {(who, kind, what) for who, kind, what in await watched.told()} == {
        (who, "WARNING_OPENED", "Source") for who in heard
    }
    assert (await watched.detect(MONDAY)).items == 0, "nothing new, nothing written"
    await watched.poll(MONDAY, good=True)
    await watched.detect(MONDAY)
    (row,) = await watched.warnings()
    assert row.closed_because == "ENDED"


async def test_a_source_that_fails_for_more_than_a_day_is_warned_of_however_seldom_it_is_asked(
    watched: Watched,
) -> None:
    await watched.set(frequency="YEARLY")
    await watched.poll(MONDAY, good=False)
    await watched.detect(MONDAY + timedelta(days=1))
    assert await watched.open() == []
    await watched.detect(MONDAY + timedelta(days=2))
    assert await watched.open() == [("SOURCE_FAILING", "OFF_TRACK")]


async def test_a_silent_source_is_warned_of_once_its_frequency_and_the_grace_have_passed(
    watched: Watched,
) -> None:
    await watched.poll(MONDAY, good=True)
    await watched.detect(MONDAY + timedelta(days=2))
    assert await watched.open() == []
    await watched.detect(MONDAY + timedelta(days=3))
    assert await watched.open() == [("SOURCE_SILENT", "AT_RISK")]
    (row,) = await watched.warnings()
    assert row.evidence == {
        "since": "2026-03-02",
        "last_on": "2026-03-02",
        "frequency": "DAILY",
        "allowed_days": 2,
    }
    await watched.detect(MONDAY + timedelta(days=4))
    assert await watched.open() == [("SOURCE_SILENT", "OFF_TRACK")]
    await watched.poll(MONDAY + timedelta(days=4), good=True)
    await watched.detect(MONDAY + timedelta(days=4))
    assert await watched.open() == []


async def test_rejected_rows_are_no_sign_of_life_and_a_source_that_never_spoke_is_silent_too(
    watched: Watched,
) -> None:
    watched.server.answering = answer(200, body=msgspec.json.encode([watched.scene.row("x")]))
    day = MONDAY + timedelta(days=3)
    async with watched.scene.db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.update(SourceConnector).values(next_at=morning(day)))
    await poll_due(watched.scene.db, morning(day), asking=watched.scene.asking())
    await watched.detect(day)
    (row,) = await watched.warnings()
    assert (row.kind, row.evidence["last_on"], row.evidence["since"]) == ("SOURCE_SILENT", None, "2026-03-02")


@pytest.mark.parametrize(
    ("state", "because"), [(SourceState.PAUSED, "PAUSED"), (SourceState.CLOSED, "WITHDRAWN")], ids=str
)
async def test_a_source_that_takes_nothing_in_is_not_warned_of(
    watched: Watched, state: SourceState, because: str
) -> None:
    day = MONDAY + timedelta(days=5)
    await watched.detect(day)
    assert await watched.open() == [("SOURCE_SILENT", "OFF_TRACK")]
    await watched.set(state=state, state_reason="nâng cấp")
    await watched.detect(day)
    (row,) = await watched.warnings()
    assert row.closed_because == because
    assert (await watched.detect(day)).items == 0


@pytest.mark.parametrize(
    ("who", "seen"), [("head", True), ("observer", True), ("official", True), ("firm", False)]
)
async def test_whoever_sees_the_source_sees_its_warning(watched: Watched, who: str, seen: bool) -> None:
    await watched.detect(MONDAY + timedelta(days=5))
    (row,) = await watched.warnings()
    async with watched.scene.db.snapshot(watched.scene.people[who]) as tx:
        assert bool(await queries.warnings_by_ids(tx, [row.id])) is seen


async def test_the_head_answers_for_a_source_within_the_days_of_an_answer(watched: Watched) -> None:
    day = MONDAY + timedelta(days=7)
    await watched.detect(day)
    (row,) = await watched.warnings()
    people = watched.scene.people
    for who, by, code in (
        ("deputy", day + timedelta(days=2), "FORBIDDEN"),
        ("firm", day + timedelta(days=2), "NOT_FOUND"),
        ("head", day, "WARNING_RESPOND_BY"),
        ("head", day + timedelta(days=8), "WARNING_RESPOND_BY"),
    ):
        async with watched.scene.db.begin(people[who], now=morning(day)) as tx:
            with pytest.raises(Refused, match=code):
                await answering.acknowledge(tx, row.id, "Sửa máy chủ", by)
    async with watched.scene.db.begin(people["head"], now=morning(day)) as tx:
        answered = await answering.acknowledge(tx, row.id, "Sửa máy chủ", day + timedelta(days=2))
    assert answered.response == "Sửa máy chủ"
