"""The feed under hostile reading: bounded for whoever sees little, whole for whoever follows it."""

from dataclasses import replace
from typing import Any

import pytest

from factories import NOW, SYSTEM
from statements import counting
from tasks_world import World, build
from vdept.kernel.activity import Position
from vdept.kernel.actor import Actor, ActorKind
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.targets.models import Audience
from vdept.tasks import feed
from vdept.tasks.feed import Stretch, activities_after


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


async def log(world: World, *subjects: tuple[str, int]) -> None:
    """One activity on each subject, each in a transaction of its own."""
    for kind, number in subjects:
        async with world.db.begin(SYSTEM, now=NOW) as tx:
            tx.record("thing.done", kind, number, plan_id=world.plan.id)


async def stretch(world: World, who: Actor, after: Position | None, limit: int, **more: Any) -> Stretch:
    async with world.db.snapshot(who, now=NOW) as tx:
        return await activities_after(tx, after, limit, **more)


async def followed(world: World, who: Actor, limit: int) -> list[tuple[str, int]]:
    """Everything that a reader sees who goes on while there is more."""
    found: list[tuple[str, int]] = []
    after = None
    for _ in range(100):
        rows, end, more = await stretch(world, who, after, limit)
        assert len(rows) <= limit
        found += [(row.subject_type, row.subject_id) for row in rows]
        after = end or after
        if not more:
            return found
    pytest.fail("the feed has no end")


async def test_who_sees_little_follows_the_feed_in_bounded_stretches_and_misses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "STRETCH", 3)
    mine = await world.given(lead="firm", audience=Audience.PARTICIPANTS)
    other = await world.given(lead="province", audience=Audience.PARTICIPANTS)
    held, plan_id = world.targets["province"].id, world.plan.id
    hidden = [("Task", other.id), ("Target", held), ("Plan", plan_id), ("Membership", 1), ("AccessToken", 1)]
    shown = [("Task", mine.id), ("Unit", world.firm.id), ("Task", mine.id)]
    said = [*hidden, shown[0], *hidden, *hidden, shown[1], shown[2], *hidden]
    await log(world, *said)
    for limit in (1, 2, 50):
        assert await followed(world, world.firm_head, limit) == shown
        assert await followed(world, SYSTEM, limit) == said
        assert ("AccessToken", 1) not in await followed(world, world.government_head, limit)
    nobody = await stretch(world, Actor(ActorKind.PERSON), None, 50)
    assert nobody == Stretch([], None, more=False)
    (first, *_), end, more = await stretch(world, world.firm_head, None, 50, subject=("Task", mine.id))
    assert (first.subject_id, more) == (mine.id, False)
    assert await stretch(world, world.firm_head, end, 50, subject=("Task", mine.id)) == Stretch(
        [], None, False
    )


async def test_a_poll_takes_a_fixed_number_of_statements(world: World) -> None:
    counts = []
    for number in (1, 30):
        tasks = [await world.given(lead="firm") for _ in range(number)]
        await log(world, *[("Task", row.id) for row in tasks], ("Target", world.targets["province"].id))
        with counting(world.db) as said:
            await stretch(world, world.province_head, None, 50)
        counts.append(len(said))
    assert counts[0] == counts[1]


async def test_when_somebody_signs_in_is_told_to_nobody_else(world: World) -> None:
    head, official = world.province_head, world.government_head
    assert head.person_id is not None
    for verb in ("sign_in_link.created", "person.signed_in", "person.signed_out", "person.updated"):
        async with world.db.begin(SYSTEM, now=NOW) as tx:
            tx.record(verb, "Person", head.person_id)

    async def told(who: Actor) -> list[str]:
        rows, *_ = await stretch(world, who, None, 50, subject=("Person", head.person_id))
        return [row.verb for row in rows]

    everything = ["sign_in_link.created", "person.signed_in", "person.signed_out", "person.updated"]
    assert await told(SYSTEM) == everything
    assert await told(head) == everything
    assert await told(official) == ["person.updated"]
    assert await told(replace(head, client_id=1, scopes=frozenset(Scope))) == ["person.updated"]
    assert await told(replace(official, client_id=1, scopes=frozenset(Scope))) == ["person.updated"]
    assert await told(world.firm_head) == []


async def test_of_a_hidden_subject_is_learnt_what_is_learnt_of_none(world: World) -> None:
    """Where reading ends moved with every change of a hidden task: whoever asked knew of it, and when."""
    hidden = await world.given(lead="province", audience=Audience.PARTICIPANTS)
    head = world.province_head.person_id or 0
    await log(world, *[("Task", hidden.id)] * 3, ("Target", world.targets["province"].id), ("Person", head))
    for kind, number in (("Task", hidden.id), ("Target", world.targets["province"].id), ("Person", head)):
        said = []
        for one in (number, 2**40):
            with counting(world.db) as statements:
                found = await stretch(world, world.firm_head, None, 1, subject=(kind, one))
            said.append((found, statements[:]))
        assert said[0] == said[1] == (Stretch([], None, more=False), said[0][1])


async def test_nobody_follows_by_a_cursor_when_somebody_else_comes_and_goes(world: World) -> None:
    head = world.province_head.person_id or 0
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        tx.record("person.signed_in", "Person", head)
    found = await stretch(world, world.government_head, None, 50, subject=("Person", head))
    assert found == Stretch([], None, more=False)
