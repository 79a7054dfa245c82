"""Webhooks on their way to a real HTTP server: signed, repeated, given up, and never to the wrong place."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa

from factories import SYSTEM
from vdept.kernel.actor import Role
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.vault import Vault
from vdept.notifications.models import Notification, NotificationKind, WebhookDisabled, WebhookState
from vdept.notifications.webhooks import claims, registering, replaying
from vdept.notifications.webhooks.posting import Post
from vdept.notifications.webhooks.rules import IN_ALL, PATIENCE, STEPS
from vdept.notifications.webhooks.sending import Sender
from vdept_graphql.ids import encode
from webhook_receiver import Receiver, Request, answer, drip, flood, hang_up, receiving, silence
from webhook_scene import HERE, VAULT, Scene, build, drain

PENDING, DELIVERED, DEAD = WebhookState.PENDING, WebhookState.DELIVERED, WebhookState.DEAD


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await build(db)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as it:
        yield it


@pytest.fixture
async def sender(scene: Scene) -> AsyncIterator[Sender]:
    it = scene.sender()
    yield it
    await it.close()


async def states(scene: Scene) -> list[tuple[WebhookState, int | None, str | None]]:
    return [(row.state, row.status, row.error) for row in await scene.deliveries()]


# -- what is sent --------------------------------------------------------------------------------------------


async def test_a_notification_arrives_signed_and_says_what_its_people_were_told(
    scene: Scene, receiver: Receiver, sender: Sender
) -> None:
    endpoint, secret = await scene.endpoint(receiver.url)
    await scene.tell()
    assert await drain(sender) == 1
    (request,) = receiver.arrived
    (delivery,) = await scene.deliveries(endpoint)
    assert request.signed_by(secret)
    assert request.message_id == f"msg_{delivery.id}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (delivery.state, delivery.status, delivery.error, delivery.attempts) == (DELIVERED, 204, None, 1)
    sent = msgspec.json.decode(request.body)
    assert sent["type"] == "notification.reminder"
    data = sent["data"]
    assert data["id"] == encode("Notification", delivery.notification_id or 0)
    assert data["unitId"] == encode("Unit", scene.unit.id)
    assert data["personId"] == encode("Person", scene.people["head"].person_id or 0)
    assert data["planId"] == encode("Plan", 3)
    assert data["subject"] == {"type": "Task", "id": encode("Task", 7)}
    assert data["data"] == {"title": "Số hóa hồ sơ", "dueOn": "2026-06-30", "daysLeft": 3}
    assert "Số hóa hồ sơ" in data["message"]["vi"]
    assert data["message"]["vi"] != data["message"]["en"]


async def test_what_was_told_at_the_moment_of_disabling_is_given_up(
    scene: Scene, receiver: Receiver, sender: Sender
) -> None:
    """Whoever told had not seen the endpoint disabled, and who disabled it not what was told."""
    endpoint, _ = await scene.endpoint(receiver.url)
    other, _ = await scene.endpoint(receiver.url)
    await scene.tell()
    async with scene.db.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.text(
                "UPDATE webhook_endpoint SET disabled_at = now(), disabled_because = 'BY_HAND' WHERE id = :id"
            ),
            {"id": endpoint.id},
        )
    await drain(sender)
    assert [(row.state, row.error) for row in await scene.deliveries(endpoint)] == [
        (DEAD, "ENDPOINT_DISABLED")
    ]
    assert [row.state for row in await scene.deliveries(other)] == [DELIVERED]


async def test_only_the_kinds_asked_for_and_only_the_own_unit_are_sent(
    scene: Scene, receiver: Receiver, sender: Sender
) -> None:
    await scene.endpoint(receiver.url, kinds=[NotificationKind.ESCALATION])
    await scene.tell(kind=NotificationKind.REMINDER)
    await scene.tell(kind=NotificationKind.ESCALATION)
    await drain(sender)
    assert [msgspec.json.decode(one.body)["type"] for one in receiver.arrived] == ["notification.escalation"]


async def test_a_test_event_goes_the_same_way(scene: Scene, receiver: Receiver, sender: Sender) -> None:
    endpoint, secret = await scene.endpoint(receiver.url)
    async with scene.db.begin(scene.people["deputy"]) as tx:
        await registering.send_test(tx, endpoint.id)
    await drain(sender)
    (request,) = receiver.arrived
    assert request.signed_by(secret)
    assert msgspec.json.decode(request.body)["type"] == "webhook.test"


async def test_after_a_rotation_both_secrets_sign_for_a_day_and_then_the_new_one(
    scene: Scene, receiver: Receiver, sender: Sender, owner: Database
) -> None:
    endpoint, old = await scene.endpoint(receiver.url)
    async with scene.db.begin(scene.people["head"]) as tx:
        _, new = await registering.rotate_secret(tx, endpoint.id, vault=VAULT)
    await scene.tell()
    await drain(sender)
    assert receiver.arrived[0].signed_by(new)
    assert receiver.arrived[0].signed_by(old)
    assert len(receiver.arrived[0].headers["webhook-signature"].split(" ")) == 2
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("UPDATE webhook_endpoint SET previous_until = now()"))
    await scene.tell()
    await drain(sender)
    assert receiver.arrived[1].signed_by(new)
    assert not receiver.arrived[1].signed_by(old)


async def test_the_secret_is_not_in_the_database(scene: Scene, receiver: Receiver) -> None:
    endpoint, secret = await scene.endpoint(receiver.url)
    row = await scene.read(endpoint)
    assert secret.encode() not in row.secret
    assert VAULT.decrypt(row.secret) == secret.encode()


async def test_with_another_secret_key_nothing_is_sent_unsigned(scene: Scene, receiver: Receiver) -> None:
    await scene.endpoint(receiver.url)
    await scene.tell()
    other = Sender(scene.db, lambda: Vault("another key of thirty-two letters"), encode, HERE)
    await drain(other)
    assert not receiver.arrived
    assert await states(scene) == [(PENDING, None, "SECRET_UNREADABLE")]
    await other.close()


# -- what comes back -----------------------------------------------------------------------------------------


async def test_what_failed_is_sent_again_under_the_same_id_and_with_the_same_words(
    scene: Scene, receiver: Receiver, sender: Sender
) -> None:
    _, secret = await scene.endpoint(receiver.url)
    await scene.tell()
    receiver.answering = answer(500)
    await drain(sender)
    assert await states(scene) == [(PENDING, 500, "STATUS")]
    receiver.answering = answer(200)
    assert await drain(sender, utc_now() + STEPS[0] + timedelta(seconds=1)) == 1
    first, second = receiver.arrived
    assert (first.message_id, first.body) == (second.message_id, second.body)
    assert second.signed_by(secret)
    assert await states(scene) == [(DELIVERED, 200, None)]


async def test_it_is_not_sent_again_before_its_time(scene: Scene, receiver: Receiver, sender: Sender) -> None:
    await scene.endpoint(receiver.url)
    await scene.tell()
    receiver.answering = answer(503, "Retry-After: 600")
    await drain(sender)
    (row,) = await scene.deliveries()
    assert timedelta(seconds=590) < row.next_at - utc_now() <= timedelta(seconds=600)
    assert await drain(sender, row.next_at - timedelta(seconds=1)) == 0
    assert await drain(sender, row.next_at) == 1


async def test_after_a_day_of_failures_it_is_given_up_and_a_person_can_replay_it(
    scene: Scene, receiver: Receiver, sender: Sender
) -> None:
    endpoint, _ = await scene.endpoint(receiver.url)
    await scene.tell()
    receiver.answering = answer(500)
    now, began = utc_now(), utc_now()
    for _ in range(100):
        await drain(sender, now)
        (row,) = await scene.deliveries()
        if row.state is DEAD:
            break
        assert row.state is PENDING
        now = row.next_at
    assert row.state is DEAD
    assert now - began <= IN_ALL + timedelta(minutes=1)
    assert len(STEPS) < row.attempts == len(receiver.arrived)
    assert await drain(sender, now + timedelta(days=3)) == 0

    receiver.answering = answer(200)
    async with scene.db.begin(scene.people["coordinator"]) as tx:
        assert await replaying.replay(tx, [row.id], dry_run=True) == 1
    assert (await scene.deliveries())[0].state is DEAD
    async with scene.db.begin(scene.people["coordinator"]) as tx:
        assert await replaying.replay_all(tx, endpoint.id) == 1
    await drain(sender)
    assert (await scene.deliveries())[0].state is DELIVERED
    assert len(set(receiver.ids)) == 1


async def test_gone_disables_the_endpoint_and_tells_its_managers_and_nobody_else(
    scene: Scene, receiver: Receiver, sender: Sender
) -> None:
    endpoint, _ = await scene.endpoint(receiver.url)
    await scene.tell(3)
    receiver.answering = answer(410)
    await drain(sender)
    row = await scene.read(endpoint)
    assert (row.disabled_at is not None, row.disabled_because) == (True, WebhookDisabled.GONE)
    assert {state for state, _, _ in await states(scene)} == {DEAD}
    async with scene.db.snapshot(SYSTEM) as tx:
        told = (
            await tx.session.scalars(
                sa.select(Notification).where(Notification.kind == NotificationKind.DELIVERY_FAILED)
            )
        ).all()
    assert {one.person_id for one in told} == {
        scene.people[role].person_id for role in ("head", "deputy", "coordinator")
    }
    assert len(told) == 3
    assert told[0].data == {"url": f"http://127.0.0.1:{receiver.port}", "error": "HTTP 410", "reason": "GONE"}
    before = len(receiver.arrived)
    await scene.tell()
    await drain(sender)
    assert len(receiver.arrived) == before


async def test_five_days_of_failures_disable_an_endpoint_and_a_success_between_starts_anew(
    scene: Scene, receiver: Receiver, sender: Sender
) -> None:
    endpoint, _ = await scene.endpoint(receiver.url)
    start = utc_now()
    receiver.answering = answer(500)
    await scene.tell(now=start)
    await drain(sender, start)
    failing = (await scene.read(endpoint)).failing_since
    assert failing is not None

    receiver.answering = answer(200)
    await drain(sender, start + timedelta(days=4))
    assert (await scene.read(endpoint)).failing_since is None

    receiver.answering = answer(500)
    again = start + timedelta(days=5)
    await scene.tell(now=again)
    await drain(sender, again)
    assert (await scene.read(endpoint)).disabled_at is None
    await scene.tell(now=again + PATIENCE - timedelta(minutes=1))
    await drain(sender, again + PATIENCE - timedelta(minutes=1))
    assert (await scene.read(endpoint)).disabled_at is None
    await scene.tell(now=again + PATIENCE)
    await drain(sender, again + PATIENCE)
    row = await scene.read(endpoint)
    assert row.disabled_because is WebhookDisabled.FAILING
    async with scene.db.snapshot(SYSTEM) as tx:
        told = await tx.session.scalar(
            sa.select(sa.func.count()).where(Notification.kind == NotificationKind.DELIVERY_FAILED)
        )
    assert told == len([role for role in Role if role.value in {"HEAD", "DEPUTY", "COORDINATOR"}])


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [(silence, "TIMEOUT"), (drip, "TIMEOUT"), (hang_up, "BROKEN_ANSWER")],
    ids=["never answers", "drips its headers", "hangs up"],
)
async def test_an_endpoint_that_does_not_answer_holds_its_place_no_longer_than_the_limit(
    scene: Scene, receiver: Receiver, behaviour: object, error: str
) -> None:
    await scene.endpoint(receiver.url)
    await scene.tell()
    receiver.answering = behaviour  # type: ignore[assignment]
    sender = scene.sender(Post(HERE, total=0.5))
    started = time.monotonic()
    await drain(sender)
    assert time.monotonic() - started < 3
    assert await states(scene) == [(PENDING, None, error)]
    await sender.close()


async def test_a_body_without_end_is_read_no_further_than_its_beginning(
    scene: Scene, receiver: Receiver, sender: Sender
) -> None:
    await scene.endpoint(receiver.url)
    await scene.tell()
    receiver.answering = flood
    started = time.monotonic()
    await drain(sender)
    assert time.monotonic() - started < 3
    assert await states(scene) == [(DELIVERED, 200, None)]


async def test_nobody_listening_is_a_failure_like_another(scene: Scene, sender: Sender) -> None:
    async with receiving() as gone:
        url = gone.url
    await scene.endpoint(url)
    await scene.tell()
    await drain(sender)
    assert await states(scene) == [(PENDING, None, "NO_CONNECTION")]


# -- several at once -----------------------------------------------------------------------------------------


async def test_endpoints_that_never_answer_do_not_hold_up_the_one_that_does(
    scene: Scene, receiver: Receiver
) -> None:
    async with receiving() as dead:
        dead.answering = silence
        for _ in range(10):
            await scene.endpoint(dead.url)
        await scene.endpoint(receiver.url)  # the last: claims visit the others first
        await scene.tell(60)
        sender = scene.sender(Post(HERE, total=1.0), places=16)
        started = time.monotonic()
        while len(receiver.arrived) < 60:
            await sender.step()
            assert time.monotonic() - started < 6
        assert len(set(receiver.ids)) == 60
        await sender.close()


async def test_two_senders_send_nothing_twice_while_both_live(scene: Scene, receiver: Receiver) -> None:
    for _ in range(4):
        await scene.endpoint(receiver.url)
    await scene.tell(150)
    senders = [scene.sender(), scene.sender()]
    marked = await asyncio.gather(*[drain(one) for one in senders])
    assert sum(marked) == len(receiver.arrived) == len(set(receiver.ids)) == 600
    assert all(marked), "both took part"
    assert {row.state for row in await scene.deliveries()} == {DELIVERED}
    for one in senders:
        await one.close()


async def test_whoever_dies_between_sending_and_marking_is_followed_after_the_lease_under_the_same_id(
    scene: Scene, receiver: Receiver, sender: Sender
) -> None:
    await scene.endpoint(receiver.url)
    now = utc_now()
    await scene.tell(now=now)
    async with scene.db.begin(SYSTEM) as tx:
        (orphan,) = (await claims.claim(tx, 10, {}, now=now)).claims
    assert await drain(sender, now + claims.LEASE - timedelta(seconds=1)) == 0
    assert await drain(sender, now + claims.LEASE) == 1
    assert receiver.ids == [f"msg_{orphan.told.delivery_id}"]
    late = claims.Outcome(
        orphan.told.delivery_id, orphan.token, orphan.told.endpoint_id, False, None, 500, "STATUS"
    )
    async with scene.db.begin(SYSTEM) as tx:
        assert await claims.mark(tx, [late], now) == {}
    assert await states(scene) == [(DELIVERED, 204, None)]


async def test_nothing_is_in_a_transaction_while_it_is_being_sent(
    scene: Scene, receiver: Receiver, owner: Database
) -> None:
    await scene.endpoint(receiver.url)
    await scene.tell()
    receiver.answering = silence
    sender = scene.sender(Post(HERE, total=1.0))
    sending = asyncio.create_task(drain(sender))
    await asyncio.sleep(0.6)
    assert receiver.arrived
    async with owner.begin(SYSTEM) as tx:
        open_ = await tx.session.scalar(
            sa.text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND xact_start < now() - interval '200 ms' AND pid <> pg_backend_pid()"
            )
        )
    assert open_ == 0
    await sending
    await sender.close()


async def test_what_is_disabled_meanwhile_is_not_sent_and_not_lost(
    scene: Scene, receiver: Receiver, sender: Sender
) -> None:
    endpoint, _ = await scene.endpoint(receiver.url)
    await scene.tell(2)
    async with scene.db.begin(scene.people["head"]) as tx:
        await registering.disable(tx, endpoint.id)
    assert await drain(sender) == 0
    assert not receiver.arrived
    assert await states(scene) == [(DEAD, None, "ENDPOINT_DISABLED")] * 2
    async with scene.db.begin(scene.people["head"]) as tx:
        await registering.enable(tx, endpoint.id)
        assert await replaying.replay_all(tx, endpoint.id) == 2
    assert await drain(sender) == 2
    assert len(receiver.arrived) == 2


async def test_a_database_that_was_away_when_it_was_to_be_marked_costs_no_second_sending(
    scene: Scene, receiver: Receiver, sender: Sender, owner: Database
) -> None:
    await scene.endpoint(receiver.url)
    await scene.tell()
    gate = asyncio.Event()

    async def after_a_while(request: Request, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        await answer(200)(request, writer)

    receiver.answering = after_a_while
    assert (await sender.step()).claimed == 1
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("ALTER TABLE webhook_delivery RENAME TO away"))
    gate.set()
    await asyncio.sleep(0.3)
    for _ in range(2):
        with pytest.raises(sa.exc.DBAPIError):
            await sender.step()
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("ALTER TABLE away RENAME TO webhook_delivery"))
    assert await drain(sender) == 1
    assert len(receiver.arrived) == 1
    assert await states(scene) == [(DELIVERED, 200, None)]
