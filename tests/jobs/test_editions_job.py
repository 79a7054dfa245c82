"""The job of editions: on the first working day of a month, once, also late; and what somebody asked for."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import editions_scene as scenes
import factories as make
from editions_scene import VAULT, Scene
from factories import NOW, SYSTEM
from vdept.kernel import leases
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.kernel.job_runs import JobRun
from vdept.kernel.settings import Settings
from vdept.kernel.vault import Vault
from vdept.monitoring.queues import queues
from vdept.notifications.models import Notification
from vdept.publications import publishing, requesting, signing
from vdept.publications.due import publish_due, publish_requested
from vdept.publications.models import Edition, EditionRequest, RequestState
from vdept_workers.publishing import JOB, Publishing, PublishingError

SATURDAY = datetime(2026, 8, 1, 3, tzinfo=UTC)
MONDAY = datetime(2026, 8, 3, 3, tzinfo=UTC)
LATE = datetime(2026, 8, 20, 3, tzinfo=UTC)
AUGUST = date(2026, 8, 1)


def vault() -> Any:
    return VAULT


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await scenes.build(db, issued_at=datetime(2026, 1, 5, tzinfo=UTC))


async def months(db: Database) -> list[date | None]:
    async with db.snapshot(SYSTEM) as tx:
        return list(await tx.session.scalars(sa.select(Edition.month).order_by(Edition.number)))


async def wish(db: Database, scene: Scene, who: Actor | None = None, **more: Any) -> int:
    async with db.begin(who or scene.head, now=NOW) as tx:
        return (await requesting.request_edition(tx, scene.plan.id, **more)).id


async def state_of(db: Database, request_id: int) -> EditionRequest:
    async with db.snapshot(SYSTEM) as tx:
        found = await tx.session.get(EditionRequest, request_id)
    assert found is not None
    return found


async def test_on_a_free_day_nothing_is_due_on_the_first_working_day_it_is_once(
    db: Database, scene: Scene
) -> None:
    assert (await publish_due(db, vault, now=SATURDAY)).published == []
    assert len((await publish_due(db, vault, now=MONDAY)).published) == 1
    assert (await publish_due(db, vault, now=MONDAY)).published == []
    assert await months(db) == [AUGUST]


async def test_a_worker_that_was_down_catches_up(db: Database, scene: Scene) -> None:
    assert len((await publish_due(db, vault, now=LATE)).published) == 1
    assert await months(db) == [AUGUST]


@pytest.mark.parametrize(
    "change",
    [
        "state = 'DRAFT'",
        "state = 'CLOSED'",
        "issued_at = '2026-08-03 09:00+07'",
        "starts_on = '2026-08-04'",
    ],
)
async def test_a_plan_that_was_not_in_force_on_that_day_has_none(
    db: Database, scene: Scene, change: str
) -> None:
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text(f"UPDATE plan SET {change}"))
    assert (await publish_due(db, vault, now=LATE)).published == []


async def test_one_that_fails_keeps_no_other_from_coming_out(
    db: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        other = await make.plan(tx, scene.nation, issued_at=datetime(2026, 1, 5, tzinfo=UTC))
        await make.key_result(tx, other, await make.indicator(tx))
    whole = publishing._written

    async def broken(tx: Any, a: Any, b: Any, wanted: Any, *rest: Any) -> Any:
        if wanted.plan_id == scene.plan.id:
            raise OSError("no space left")
        return await whole(tx, a, b, wanted, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_written", broken)
        report = await publish_due(db, vault, now=MONDAY)
    assert ([plan for plan, _ in report.failed], len(report.published)) == ([scene.plan.id], 1)
    assert len((await publish_due(db, vault, now=MONDAY)).published) == 1


async def test_what_was_asked_for_comes_out_and_says_so(db: Database, scene: Scene) -> None:
    request_id = await wish(db, scene, note="Theo yêu cầu của Quốc hội")
    assert len((await publish_requested(db, vault, now=NOW)).published) == 1
    done = await state_of(db, request_id)
    assert done.state is RequestState.PUBLISHED
    async with db.snapshot(SYSTEM) as tx:
        edition = await tx.session.get(Edition, done.edition_id)
        assert edition is not None
        assert (edition.note, edition.published_by_id) == ("Theo yêu cầu của Quốc hội", scene.head.person_id)
    assert (await publish_requested(db, vault, now=NOW)).published == []


async def test_one_wish_at_a_time(db: Database, scene: Scene) -> None:
    await wish(db, scene)
    with pytest.raises(Refused) as caught:
        await wish(db, scene)
    assert (caught.value.code, caught.value.path) == ("EDITION_UNDER_WAY", ("planId",))


async def test_wishes_without_end_are_refused_until_the_next_day(db: Database, scene: Scene) -> None:
    """Each edition stays for ever and is told to the heads of a whole level."""
    done = {"state": RequestState.PUBLISHED, "finished_at": NOW, "edition_id": 1}
    for _ in range(requesting.A_DAY):
        await wish(db, scene)
        async with db.begin(SYSTEM) as tx:
            await tx.session.execute(sa.update(EditionRequest).values(**done))
    with pytest.raises(Refused) as caught:
        await wish(db, scene)
    assert (caught.value.code, caught.value.path) == ("EDITIONS_TOO_MANY", ("planId",))
    async with db.begin(scene.head, now=NOW + timedelta(days=1)) as tx:
        assert (await requesting.request_edition(tx, scene.plan.id)).state is RequestState.WAITING


async def test_what_waits_is_seen_by_whoever_runs_the_platform(db: Database, scene: Scene) -> None:
    await wish(db, scene)
    async with db.snapshot(SYSTEM, now=NOW + timedelta(minutes=5)) as tx:
        (found,) = [each for each in await queues(tx, tx.now) if each.name == "editions"]
    assert (found.waiting, found.lag) == (1, timedelta(minutes=5))


@pytest.mark.parametrize(
    ("more", "code", "path"),
    [
        ({"corrects": 7, "note": "?"}, "CORRECTS_UNKNOWN", ("correctsNumber",)),
        ({"corrects": 1}, "CORRECTION_NEEDS_NOTE", ("note",)),
        ({"note": "x" * 2001}, "TEXT_INVALID", ("note",)),
    ],
    ids=["unknown", "without a note", "too long"],
)
async def test_a_wish_that_makes_no_sense_is_refused(
    db: Database, scene: Scene, more: dict[str, Any], code: str, path: tuple[str, ...]
) -> None:
    await scenes.publish(db, scene)
    with pytest.raises(Refused) as caught:
        await wish(db, scene, **more)
    assert (caught.value.code, caught.value.path) == (code, path)


async def test_who_sees_the_plan_may_not_ask_and_who_does_not_finds_none(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM) as tx:
        member = await make.actor(tx, scene.nation, Role.MEMBER)
    for who, code in ((scene.official, "FORBIDDEN"), (member, "FORBIDDEN"), (scene.citizen, "NOT_FOUND")):
        with pytest.raises(Refused) as caught:
            await wish(db, scene, who)
        assert caught.value.code == code


async def test_a_wish_that_fails_says_why_and_may_be_repeated(
    db: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = await wish(db, scene)

    async def broken(*_: Any) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_written", broken)
        worker = Publishing(db, Settings(), "test")
        monkeypatch.setattr(worker, "_vault", vault)
        with pytest.raises(PublishingError):
            await worker.publish_wanted()
    failed = await state_of(db, request_id)
    assert (failed.state, failed.error) == (RequestState.FAILED, "OSError")
    await wish(db, scene)
    assert len((await publish_requested(db, vault, now=NOW)).published) == 1


async def test_without_the_secret_key_a_wish_says_what_to_do_and_a_rotated_key_signs(
    db: Database, scene: Scene
) -> None:
    other = Vault("another secret key of this platform")
    before = await scenes.publish(db, scene)
    request_id = await wish(db, scene)
    assert len((await publish_requested(db, lambda: other, now=NOW)).failed) == 1
    assert "Give the earlier VDEPT_SECRET_KEY" in ((await state_of(db, request_id)).error or "")
    async with db.begin(SYSTEM, now=NOW) as tx:
        rotated = await signing.rotate(tx, other)
    await wish(db, scene)
    (made,) = (await publish_requested(db, lambda: other, now=NOW)).published
    async with db.snapshot(SYSTEM) as tx:
        edition = await tx.session.get_one(Edition, made)
        known = await signing.public_keys(tx)
    assert edition.kid == rotated.kid
    for each in (before, edition):
        assert any(signing.signed_by(each.signature, each.manifest, key) for key in known)


async def test_the_issuer_and_the_heads_of_the_first_level_are_told(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM) as tx:
        head = await make.actor(tx, scene.provinces[0], Role.HEAD)
        await make.actor(tx, scene.communes[0], Role.HEAD)
    edition = await scenes.publish(db, scene)
    async with db.snapshot(SYSTEM) as tx:
        told = (await tx.session.scalars(sa.select(Notification))).all()
    assert {each.person_id for each in told} == {scene.head.person_id, head.person_id}
    assert {(each.subject_type, each.subject_id) for each in told} == {("Edition", edition.id)}
    assert told[0].data == {
        "title": scene.plan.title,
        "number": 1,
        "as_of": "2026-03-02",
        "corrects": None,
    }


async def test_while_another_worker_publishes_this_one_leaves_it(db: Database, scene: Scene) -> None:
    request_id = await wish(db, scene)
    worker = Publishing(db, Settings(), "test")
    async with leases.held(db, JOB, "other"):
        await worker.publish_wanted()
    assert (await state_of(db, request_id)).state is RequestState.WAITING
    async with db.snapshot(SYSTEM) as tx:
        assert await tx.session.scalar(sa.select(sa.func.count()).select_from(JobRun)) == 0
