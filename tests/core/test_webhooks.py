"""Endpoints and deliveries as verbs and reads: who may, what is refused, and what the database shows."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from statements import counting
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor, ActorKind
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.kernel.scopes import Scope
from vdept.notifications.models import (
    NotificationKind,
    WebhookDelivery,
    WebhookDisabled,
    WebhookEndpoint,
    WebhookState,
)
from vdept.notifications.webhooks import queries, registering, replaying, rules
from webhook_scene import HERE, VAULT, Scene, build

URL = "https://hook.hue.gov.vn/in?key=s3cret"
MANAGERS = ("head", "deputy", "coordinator", "administrator")
OTHERS = ("member", "observer", "unrelated")


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await build(db)


def client(scene: Scene, person: str | None = None) -> Actor:
    """A client of Huế's with every scope, for its unit as a coordinator, or for a person."""
    if person is not None:
        return replace(scene.people[person], client_id=9, administrator=False, scopes=frozenset(Scope))
    seats = scene.people["coordinator"].seats
    return Actor(ActorKind.CLIENT, client_id=9, seats=seats, scopes=frozenset(Scope))


async def code_of(act: object) -> str:
    with pytest.raises(Refused) as refused:
        await act  # type: ignore[misc]
    return refused.value.code


async def register(scene: Scene, who: Actor, url: str = URL) -> WebhookEndpoint:
    async with scene.db.begin(who) as tx:
        return (await registering.register(tx, scene.unit.id, url=url, vault=VAULT, networks=HERE))[0]


async def dead(scene: Scene, endpoint: WebhookEndpoint, count: int) -> list[int]:
    """So many deliveries that were given up."""
    async with scene.db.begin(SYSTEM) as tx:
        rows = [
            WebhookDelivery(
                endpoint_id=endpoint.id,
                notification_id=1_000_000 + endpoint.id * 1_000 + number,
                kind="REMINDER",
                state=WebhookState.DEAD,
                attempts=7,
                token=7,
                status=500,
                error="STATUS",
                created_at=tx.now - timedelta(hours=count - number),
                next_at=tx.now,
            )
            for number in range(count)
        ]
        tx.session.add_all(rows)
        await tx.session.flush()
        return [row.id for row in rows]


VERBS = ("update", "rotate", "disable", "enable", "send_test", "replay", "replay_all")


async def act(scene: Scene, who: Actor, verb: str, endpoint: WebhookEndpoint, delivery: int) -> None:
    async with scene.db.begin(who) as tx:
        match verb:
            case "update":
                await registering.update(tx, endpoint.id, kinds=[NotificationKind.REMINDER])
            case "rotate":
                await registering.rotate_secret(tx, endpoint.id, vault=VAULT)
            case "disable":
                await registering.disable(tx, endpoint.id)
            case "enable":
                await registering.enable(tx, endpoint.id)
            case "send_test":
                await registering.send_test(tx, endpoint.id)
            case "replay":
                await replaying.replay(tx, [delivery])
            case "replay_all":
                await replaying.replay_all(tx, endpoint.id)


# -- who may -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", MANAGERS)
async def test_managers_of_the_unit_register_and_change_its_endpoints(scene: Scene, who: str) -> None:
    actor = scene.people[who]
    endpoint = await register(scene, actor)
    (delivery,) = await dead(scene, endpoint, 1)
    for verb in VERBS:
        await act(scene, actor, verb, endpoint, delivery)
        if verb == "disable":
            assert (await scene.read(endpoint)).disabled_because is WebhookDisabled.BY_HAND
    async with scene.db.snapshot(actor) as tx:
        assert set(await queries.endpoints_by_ids(tx, [endpoint.id])) == {endpoint.id}
        assert set(await queries.deliveries_by_ids(tx, [delivery])) == {delivery}


@pytest.mark.parametrize("who", [*OTHERS, "client", "client of the head", "client of the administrator"])
async def test_nobody_else_registers_changes_or_sees_any(scene: Scene, who: str) -> None:
    endpoint, _ = await scene.endpoint(URL)
    (delivery,) = await dead(scene, endpoint, 1)
    before = await scene.read(endpoint)
    if who.startswith("client"):
        actor = client(scene, who.partition(" of the ")[2] or None)
    else:
        actor = scene.people[who]
    assert await code_of(register(scene, actor)) == "FORBIDDEN"
    for verb in VERBS:
        assert await code_of(act(scene, actor, verb, endpoint, delivery)) == "NOT_FOUND", verb
    async with scene.db.snapshot(actor) as tx:
        assert not await queries.endpoints_by_ids(tx, [endpoint.id])
        assert not await queries.deliveries_by_ids(tx, [delivery])
        assert not (await queries.endpoints_page(tx, PageRequest())).rows
        pages = await queries.deliveries_of_endpoints(tx, [endpoint.id], PageRequest())
        assert not pages[endpoint.id].rows
    after = await scene.read(endpoint)
    assert (after.version, after.url, after.secret) == (before.version, before.url, before.secret)
    assert [row.state for row in await scene.deliveries()] == [WebhookState.DEAD]


async def test_whoever_leaves_office_manages_and_sees_nothing_any_more(scene: Scene) -> None:
    endpoint, _ = await scene.endpoint(URL)
    former = replace(scene.people["head"], seats=())
    assert await code_of(act(scene, former, "disable", endpoint, 0)) == "NOT_FOUND"


# -- the second wall -----------------------------------------------------------------------------------------

TABLES = ("webhook_endpoint", "webhook_delivery")


@pytest.mark.parametrize("who", ["unrelated", "nobody"])
async def test_bare_sql_shows_and_changes_nothing_of_another_units(scene: Scene, who: str) -> None:
    endpoint, _ = await scene.endpoint(URL)
    await dead(scene, endpoint, 2)
    actor = Actor(ActorKind.PERSON) if who == "nobody" else scene.people[who]
    async with scene.db.begin(actor) as tx:
        for table in TABLES:
            assert await tx.session.scalar(sa.text(f"SELECT count(*) FROM {table}")) == 0, table
        for change in (
            "webhook_endpoint SET url = 'https://evil.vn'",
            "webhook_delivery SET state = 'PENDING'",
        ):
            done = await tx.session.execute(sa.text(f"UPDATE {change} RETURNING id"))
            assert not done.all(), change
    row = await scene.read(endpoint)
    assert row.url == URL
    with pytest.raises(sa.exc.DBAPIError, match="row-level security"):
        async with scene.db.begin(actor) as tx:
            tx.session.add(
                WebhookEndpoint(
                    unit_id=scene.unit.id, url="https://evil.vn", kinds=[], secret=b"", created_at=tx.now
                )
            )
    with pytest.raises(sa.exc.DBAPIError, match="row-level security"):
        async with scene.db.begin(actor) as tx:
            tx.session.add(
                WebhookDelivery(
                    endpoint_id=endpoint.id, state=WebhookState.PENDING, created_at=tx.now, next_at=tx.now
                )
            )


async def test_an_endpoint_cannot_be_moved_to_another_unit_past_the_second_wall(scene: Scene) -> None:
    endpoint, _ = await scene.endpoint(URL)
    other = scene.people["unrelated"].seats[0].unit_id
    with pytest.raises(sa.exc.DBAPIError, match="row-level security"):
        async with scene.db.begin(scene.people["head"]) as tx:
            await tx.session.execute(
                sa.text("UPDATE webhook_endpoint SET unit_id = :other WHERE id = :id"),
                {"other": other, "id": endpoint.id},
            )


@pytest.mark.parametrize("table", TABLES)
async def test_nobody_deletes_what_was_sent_or_where_to(scene: Scene, table: str) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
        async with scene.db.begin(SYSTEM) as tx:
            await tx.session.execute(sa.text(f"DELETE FROM {table}"))


async def test_the_first_wall_holds_without_the_second(scene: Scene, owner: Database) -> None:
    """As the tables' owner, for whom row security does not hold, the reads show no more."""
    endpoint, _ = await scene.endpoint(URL)
    (delivery,) = await dead(scene, endpoint, 1)
    for who in OTHERS:
        async with owner.snapshot(scene.people[who]) as tx:
            assert not await queries.endpoints_by_ids(tx, [endpoint.id])
            assert not await queries.deliveries_by_ids(tx, [delivery])


# -- what is refused -----------------------------------------------------------------------------------------


async def test_a_unit_has_twenty_endpoints_at_most_and_a_disabled_one_makes_room(scene: Scene) -> None:
    head = scene.people["head"]
    endpoints = [await register(scene, head) for _ in range(rules.MAX_ENDPOINTS)]
    assert await code_of(register(scene, head)) == "WEBHOOK_LIMIT"
    await act(scene, head, "disable", endpoints[0], 0)
    await register(scene, head)
    assert await code_of(act(scene, head, "enable", endpoints[0], 0)) == "WEBHOOK_LIMIT"


async def test_two_who_register_at_once_are_not_both_the_last(scene: Scene) -> None:
    head = scene.people["head"]
    for _ in range(rules.MAX_ENDPOINTS - 1):
        await register(scene, head)
    done = await asyncio.gather(*[register(scene, head) for _ in range(3)], return_exceptions=True)
    assert [isinstance(one, Refused) for one in done].count(False) == 1


@pytest.mark.parametrize("url", ["http://hook.hue.gov.vn/", "https://10.0.0.1/", "https://0x7f.1/"])
async def test_an_address_where_nothing_may_be_sent_is_refused_when_it_is_registered_or_changed(
    scene: Scene, url: str
) -> None:
    assert await code_of(register(scene, scene.people["head"], url)) == "WEBHOOK_URL"
    endpoint, _ = await scene.endpoint(URL)

    async def change() -> None:
        async with scene.db.begin(scene.people["head"]) as tx:
            await registering.update(tx, endpoint.id, url=url, networks=HERE)

    assert await code_of(change()) == "WEBHOOK_URL"
    assert (await scene.read(endpoint)).url == URL


async def test_a_unit_that_has_ended_is_told_nothing(scene: Scene) -> None:
    async with scene.db.begin(SYSTEM) as tx:
        ended = await make.unit(tx, valid_to=tx.today - timedelta(days=1))

    async def new() -> None:
        async with scene.db.begin(scene.people["administrator"]) as tx:
            await registering.register(tx, ended.id, url=URL, vault=VAULT)

    assert await code_of(new()) == "WEBHOOK_UNIT_ENDED"


async def test_a_change_of_what_has_changed_meanwhile_is_refused(scene: Scene) -> None:
    endpoint, _ = await scene.endpoint(URL)

    async def change() -> None:
        async with scene.db.begin(scene.people["head"]) as tx:
            await registering.update(tx, endpoint.id, kinds=[], expected_version=endpoint.version - 1)

    assert await code_of(change()) == "STALE_VERSION"


async def test_nothing_is_sent_to_a_disabled_endpoint_nor_replayed(scene: Scene) -> None:
    endpoint, _ = await scene.endpoint(URL)
    (delivery,) = await dead(scene, endpoint, 1)
    head = scene.people["head"]
    await act(scene, head, "disable", endpoint, 0)
    for verb in ("send_test", "replay", "replay_all"):
        assert await code_of(act(scene, head, verb, endpoint, delivery)) == "WEBHOOK_DISABLED"


async def test_only_what_was_given_up_is_replayed_and_all_or_none_of_it(scene: Scene) -> None:
    endpoint, _ = await scene.endpoint(URL)
    ids = await dead(scene, endpoint, 3)
    head = scene.people["head"]
    await act(scene, head, "replay", endpoint, ids[1])

    async def replay(which: list[int]) -> int:
        async with scene.db.begin(head) as tx:
            return await replaying.replay(tx, which)

    with pytest.raises(Refused) as refused:
        await replay(ids)
    assert (refused.value.code, refused.value.path) == ("WEBHOOK_NOT_DEAD", ("deliveryIds", 1))
    with pytest.raises(Refused) as refused:
        await replay([ids[0], 10**9])
    assert (refused.value.code, refused.value.path) == ("NOT_FOUND", ("deliveryIds", 1))
    assert await code_of(replay([])) == "INVALID_VALUE"
    assert await code_of(replay(list(range(1, 1_002)))) == "INVALID_VALUE"
    states = [row.state for row in await scene.deliveries()]
    assert states == [WebhookState.DEAD, WebhookState.PENDING, WebhookState.DEAD]
    assert await replay([ids[0], ids[0], ids[2]]) == 2


# -- what is done --------------------------------------------------------------------------------------------


async def test_a_replay_since_an_instant_says_first_how_many_and_takes_only_those(scene: Scene) -> None:
    endpoint, _ = await scene.endpoint(URL)
    other, _ = await scene.endpoint(URL)
    await dead(scene, endpoint, 5)  # queued 5, 4, 3, 2, 1 hours ago
    await dead(scene, other, 2)
    since = utc_now() - timedelta(hours=3, minutes=30)
    for dry_run in (True, False):
        async with scene.db.begin(scene.people["head"]) as tx:
            assert await replaying.replay_all(tx, endpoint.id, since=since, dry_run=dry_run) == 3
    states = [row.state for row in await scene.deliveries(endpoint)]
    assert states == [WebhookState.DEAD] * 2 + [WebhookState.PENDING] * 3
    row = (await scene.deliveries(endpoint))[-1]
    assert (row.attempts, row.status, row.error) == (0, None, None)
    assert row.replayed_at is not None
    assert {row.state for row in await scene.deliveries(other)} == {WebhookState.DEAD}


async def test_how_many_statements_a_replay_takes_does_not_depend_on_how_many_it_is(scene: Scene) -> None:
    taken = []
    for count in (1, 50):
        endpoints = [(await scene.endpoint(URL))[0] for _ in range(2)]
        ids = [one for endpoint in endpoints for one in await dead(scene, endpoint, count)]
        with counting(scene.db) as sent:
            async with scene.db.begin(scene.people["head"]) as tx:
                assert await replaying.replay(tx, ids) == 2 * count
        taken.append(len(sent))
    assert taken[0] == taken[1]


async def test_the_log_says_what_was_done_and_holds_neither_secret_nor_address(scene: Scene) -> None:
    endpoint, secret = await scene.endpoint(URL)
    head = scene.people["head"]
    (delivery,) = await dead(scene, endpoint, 1)
    async with scene.db.begin(head) as tx:
        await registering.update(tx, endpoint.id, url="https://new.hue.gov.vn/?key=0ther")
    for verb in ("rotate", "replay", "send_test", "disable", "enable"):
        await act(scene, head, verb, endpoint, delivery)
    async with scene.db.snapshot(SYSTEM) as tx:
        rows = (
            await tx.session.scalars(
                sa.select(Activity).where(Activity.subject_type == "WebhookEndpoint").order_by(Activity.id)
            )
        ).all()
    assert [row.verb for row in rows] == [
        f"webhook.{verb}"
        for verb in ("registered", "updated", "secret_rotated", "replayed", "tested", "disabled", "enabled")
    ]
    assert {row.unit_id for row in rows} == {scene.unit.id}
    kept = str([row.data for row in rows])
    assert "https://hook.hue.gov.vn" in kept
    for hidden in ("s3cret", "0ther", secret):
        assert hidden not in kept


async def test_disabling_twice_is_disabling_once(scene: Scene) -> None:
    endpoint, _ = await scene.endpoint(URL)
    for _ in range(2):
        await act(scene, scene.people["head"], "disable", endpoint, 0)
    first = await scene.read(endpoint)
    for _ in range(2):
        await act(scene, scene.people["head"], "enable", endpoint, 0)
    assert ((await scene.read(endpoint)).version, first.version) == (3, 2)


async def test_lists_have_pages_the_newest_first(scene: Scene) -> None:
    endpoints = [(await scene.endpoint(URL))[0] for _ in range(3)]
    ids = await dead(scene, endpoints[0], 5)
    await act(scene, scene.people["head"], "replay", endpoints[0], ids[4])
    async with scene.db.snapshot(scene.people["head"]) as tx:
        page = await queries.endpoints_page(tx, PageRequest(first=2), scene.unit.id)
        assert [row.id for row in page.rows] == [endpoints[2].id, endpoints[1].id]
        assert page.has_next
        rest = await queries.endpoints_page(tx, PageRequest(first=2, after=page.cursors[-1]))
        assert [row.id for row in rest.rows] == [endpoints[0].id]
        dead_ones = await queries.deliveries_of_endpoints(
            tx, [row.id for row in endpoints], PageRequest(first=3), WebhookState.DEAD
        )
    assert [row.id for row in dead_ones[endpoints[0].id].rows] == [ids[3], ids[2], ids[1]]
    assert not dead_ones[endpoints[1].id].rows
