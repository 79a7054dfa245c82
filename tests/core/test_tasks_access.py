"""Who sees which task: the policy, one case a line, and against a model for random principals."""

import random
from typing import Any

import pytest
from sqlalchemy import select

from factories import SYSTEM, participation, task
from tasks_world import World, build
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.kernel.pages import PageRequest
from vdept.targets.models import Audience
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import ParticipationState, Task, TaskState
from vdept.tasks.queries import tasks_by_ids, tasks_of_units, tasks_page, unit_tasks_page
from vdept.units.models import Unit

P, G, R = Audience.PUBLIC, Audience.GOVERNMENT, Audience.PARTICIPANTS
LIVE = {ParticipationState.INVITED, ParticipationState.ACCEPTED}


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


async def seen(world: World, who: Actor) -> set[int]:
    async with world.db.snapshot(who) as tx:
        return set(await tx.session.scalars(select(Task.id).where(visible_tasks(who))))


@pytest.mark.parametrize(
    ("owner", "lead", "audience", "who", "sees"),
    [
        ("ministry", "province", P, "nobody", True),
        ("ministry", "province", P, "rival_head", True),
        ("ministry", None, P, "rival_head", True),
        ("ministry", "province", G, "nobody", False),
        ("ministry", "province", G, "rival_head", False),
        ("ministry", "firm", G, "firm_observer", True),
        ("firm", None, G, "firm_member", True),
        ("ministry", None, G, "other_head", True),
        ("ministry", "province", G, "commune_head", True),
        ("ministry", "province", R, "other_head", False),
        ("ministry", "province", R, "province_observer", True),
        ("ministry", "province", R, "ministry_member", True),
        ("ministry", "commune", R, "province_member", True),
        ("ministry", "province", R, "commune_head", False),
        ("commune", "other", R, "province_observer", True),
        ("ministry", "firm", R, "government_head", True),
        ("firm", "rival", R, "government_head", False),
        ("ministry", "province", R, "nobody", False),
    ],
)
async def test_who_sees_a_task(
    world: World, owner: str, lead: str | None, audience: Audience, who: str, sees: bool
) -> None:
    row = await world.given(owner=owner, lead=lead, audience=audience)
    assert (await seen(world, world.actors[who]) == {row.id}) is sees
    assert await seen(world, SYSTEM) == {row.id}


@pytest.mark.parametrize("state", list(ParticipationState))
async def test_who_declined_or_left_a_closed_circle_sees_it_no_more(
    world: World, state: ParticipationState
) -> None:
    row = await world.given(audience=R)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, row, world.firm, state=state)
        await participation(tx, row, world.commune, state=state)
    expected = {row.id} if state in LIVE else set()
    assert await seen(world, world.firm_observer) == expected
    assert await seen(world, world.commune_head) == expected


async def test_access_agrees_with_the_policy_for_random_principals(world: World) -> None:
    """One statement of the policy in Python, one in SQL; a hundred tasks, every actor of the country."""
    dice = random.Random(7)
    names = list(world.units)
    rows: list[tuple[Task, dict[str, ParticipationState]]] = []
    async with world.db.begin(SYSTEM) as tx:
        for _ in range(100):
            lead = dice.choice([None, *names])
            row = await task(
                tx,
                world.units[dice.choice(names)],
                world.units[lead] if lead else None,
                audience=dice.choice(list(Audience)),
                state=dice.choice([TaskState.ACCEPTED, TaskState.IN_PROGRESS]) if lead else TaskState.OPEN,
            )
            parts = {lead: ParticipationState.ACCEPTED} if lead else {}
            for name in dice.sample([each for each in names if each != lead], dice.randrange(3)):
                parts[name] = dice.choice(list(ParticipationState))
                await participation(tx, row, world.units[name], state=parts[name])
            rows.append((row, parts))

    def may_see(who: Actor, row: Task, parts: dict[str, ParticipationState]) -> bool:
        live = [world.units[name] for name, state in parts.items() if state in LIVE]
        by_id = {each.id: each for each in world.units.values()}
        involved: list[Unit] = [*live, by_id[row.owner_unit_id]]
        if row.lead_unit_id:
            involved.append(by_id[row.lead_unit_id])
        return (
            row.audience is P
            or (row.audience is G and who.is_public_official)
            or any(each.id in who.unit_ids for each in involved)
            or any(set(each.path) & who.public_unit_ids for each in involved)
        )

    for name, who in world.actors.items():
        expected = {row.id for row, parts in rows if may_see(who, row, parts)}
        assert await seen(world, who) == expected, name
        async with world.db.snapshot(who) as tx:
            found = await tasks_by_ids(tx, [row.id for row, _ in rows])
            assert set(found) == expected
            page = await tasks_page(tx, PageRequest(first=100))
            assert {each.id for each in page.rows} == expected
            assert await page.count() == len(expected)
            units = {each.id: unit_name for unit_name, each in world.units.items()}
            pages = await tasks_of_units(tx, list(units), PageRequest(first=100))
            for unit_id, unit_name in units.items():
                wanted = {row.id for row, parts in rows if parts.get(unit_name) in LIVE} & expected
                one = await unit_tasks_page(tx, unit_id, PageRequest(first=100))
                assert {each.id for each in one.rows} == wanted, (name, unit_name)
                assert {each.id for each in pages[unit_id].rows} == wanted
                assert await one.count() == await pages[unit_id].count() == len(wanted)


async def test_an_actor_without_a_person_sees_nothing(world: World) -> None:
    await world.given(audience=P)
    from vdept.kernel.actor import ActorKind

    nobody: Any = Actor(ActorKind.PERSON)
    assert await seen(world, nobody) == set()
