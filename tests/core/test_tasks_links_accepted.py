"""A link to somebody else's target counts once the unit that holds the target has accepted it."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from factories import NOW, SYSTEM, key_result, target
from tasks_world import DUE, TODAY, World, build
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.outcomes.refresh import refresh
from vdept.targets.models import Audience, Indicator, PlanState, Rollup, Target, TargetState
from vdept.tasks.accepting_links import accept_link, decline_link
from vdept.tasks.creating import Lead, Terms, create_task
from vdept.tasks.creating_many import create_tasks
from vdept.tasks.filters import TaskFilter
from vdept.tasks.lifecycle import accept_task, volunteer_for_task
from vdept.tasks.linking import Link, link_targets, unlink_target
from vdept.tasks.models import TaskState
from vdept.tasks.queries import tasks_page

S = TaskState
ONE = Decimal(1)
HEAVY = Decimal(1000)


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


async def links(world: World) -> dict[int, tuple[str, Decimal, str | None]]:
    async with world.db.snapshot(SYSTEM) as tx:
        rows = await tx.session.execute(text("SELECT target_id, state, weight, reason FROM task_target"))
        return {target_id: (state, weight, reason) for target_id, state, weight, reason in rows}


async def told(world: World, kind: str) -> list[tuple[int, int, dict[str, Any]]]:
    async with world.db.snapshot(SYSTEM) as tx:
        rows = await tx.session.execute(
            text("SELECT person_id, unit_id, data FROM notification WHERE kind = :kind ORDER BY person_id"),
            {"kind": kind},
        )
        return [(person_id, unit_id, data) for person_id, unit_id, data in rows]


async def milestone(world: World) -> Target:
    """The nation's, and nobody else's."""
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        measure = await tx.session.get_one(Indicator, world.key_result.indicator_id)
        made = await key_result(tx, world.plan, measure, rollup=Rollup.MILESTONE, title="Nghị định ban hành")
        return await target(tx, made, world.government)


async def verified_weight(world: World, of: Target) -> Decimal | None:
    while (await refresh(world.db)).changes:
        pass
    async with world.db.snapshot(SYSTEM) as tx:
        query = text("SELECT own_verified_weight FROM target_outcome WHERE target_id = :id")
        found: Decimal | None = await tx.session.scalar(query, {"id": of.id})
        return found or None


async def test_a_commune_does_not_move_the_nations_milestone_with_a_task_it_verifies_itself(
    world: World,
) -> None:
    of = await milestone(world)
    task = await world.given("commune", "commune", state=S.IN_PROGRESS)
    await world.do(world.commune_head, link_targets, task.id, [Link(of.id, HEAVY)])
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        verified = "UPDATE task SET state = 'VERIFIED', delivered_on = :today WHERE id = :id"
        await tx.session.execute(text(verified), {"today": TODAY, "id": task.id})
    assert await links(world) == {of.id: ("PROPOSED", HEAVY, None)}
    assert await verified_weight(world, of) is None
    await world.do(world.government_head, accept_link, task.id, of.id, HEAVY)
    assert await verified_weight(world, of) == HEAVY
    assert [(verb, unit_id) for verb, unit_id, _ in await world.verbs(task.id)] == [
        ("task.targets_linked", world.commune.id),
        ("task.link_accepted", world.government.id),
    ]


async def test_the_holder_is_asked_and_the_proposer_told(world: World) -> None:
    task = await world.given(state=S.ACCEPTED)
    held = world.targets["province"].id
    await world.do(world.ministry_head, link_targets, task.id, [Link(held, Decimal("2.5"))])
    asked = await told(world, "LINK_PROPOSED")
    head, coordinator = world.province_head.person_id, world.province_coordinator.person_id
    assert [(who, unit_id) for who, unit_id, _ in asked] == [
        (each, world.province.id) for each in sorted([head, coordinator])
    ]
    assert asked[0][2] | {"title": "", "target": ""} == {
        "title": "",
        "target": "",
        "weight": "2.5",
        "unit": "Bộ Thông tin",
        "count": 1,
    }
    await world.do(world.province_coordinator, decline_link, task.id, held, "  ngoài phạm vi ")
    assert await links(world) == {held: ("DECLINED", Decimal("2.5"), "ngoài phạm vi")}
    answered = await told(world, "LINK_ANSWERED")
    assert {who for who, _, _ in answered} == {
        world.ministry_head.person_id,
        world.ministry_coordinator.person_id,
    }
    assert (answered[0][2]["state"], answered[0][2]["reason"]) == ("DECLINED", "ngoài phạm vi")
    verb, unit_id, data = (await world.verbs(task.id))[-1]
    assert (verb, unit_id, data["target_id"], data["reason"]) == (
        "task.link_declined",
        world.province.id,
        held,
        "ngoài phạm vi",
    )
    # Proposed anew, everybody is told again; and taken back.
    await world.do(world.ministry_head, link_targets, task.id, [Link(held)])
    assert await links(world) == {held: ("PROPOSED", ONE, None)}
    assert len(await told(world, "LINK_PROPOSED")) == 4
    await world.do(world.ministry_head, unlink_target, task.id, held)
    assert await links(world) == {}
    assert (await world.verbs(task.id))[-1][2]["state"] == "PROPOSED"


async def test_who_works_in_the_holders_unit_needs_to_ask_nobody(world: World) -> None:
    task = await world.given()
    await world.do(world.ministry_head, link_targets, task.id, [Link(world.targets["ministry"].id)])
    assert (await links(world))[world.targets["ministry"].id][0] == "ACCEPTED"
    below = await world.given("commune", "commune")
    # A head above the owner speaks for the owner here, and holds the target: nobody else is to be asked.
    await world.do(world.province_head, link_targets, below.id, [Link(world.targets["province"].id)])
    assert (await links(world))[world.targets["province"].id][0] == "ACCEPTED"
    assert await told(world, "LINK_PROPOSED") == []


async def test_nobody_but_the_holder_answers(world: World) -> None:
    task = await world.given(audience=Audience.PARTICIPANTS)
    held = world.targets["province"].id
    await world.do(world.ministry_head, link_targets, task.id, [Link(held)])
    for verb, what in ((accept_link, ONE), (decline_link, "không")):
        for who in ("ministry_head", "province_member", "province_observer", "government_head"):
            refusal = await world.refused(world.actors[who], verb, task.id, held, what)
            assert refusal == ("FORBIDDEN", ("targetId",)), who
        refusal = await world.refused(world.other_head, verb, task.id, held, what)
        assert refusal == ("NOT_FOUND", ("taskId",))
        assert await world.refused(world.province_head, verb, task.id, 0, what) == (
            "NOT_FOUND",
            ("targetId",),
        )
        own = await world.given()
        assert await world.refused(world.province_head, verb, own.id, held, what) == (
            "TASK_NOT_LINKED",
            ("targetId",),
        )
        stale = await world.refused(world.province_head, verb, task.id, held, what, expected_version=1)
        assert stale == ("STALE_VERSION", ("expectedVersion",))
    assert await world.refused(world.province_head, decline_link, task.id, held, " ") == (
        "TASK_REASON_REQUIRED",
        ("reason",),
    )


async def test_what_is_accepted_is_what_was_read(world: World) -> None:
    """Between reading and accepting, the proposer takes it back and proposes it heavier."""
    task = await world.given()
    held = world.targets["province"].id
    await world.do(world.ministry_head, link_targets, task.id, [Link(held)])
    await world.do(world.ministry_head, unlink_target, task.id, held)
    await world.do(world.ministry_head, link_targets, task.id, [Link(held, HEAVY)])
    assert await world.refused(world.province_head, accept_link, task.id, held, ONE) == (
        "TASK_LINK_WEIGHT",
        ("weight",),
    )


async def test_a_proposal_is_answered_once(world: World) -> None:
    task = await world.given()
    held = world.targets["province"].id
    await world.do(world.ministry_head, link_targets, task.id, [Link(held)])
    answers = await asyncio.gather(
        world.do(world.province_head, accept_link, task.id, held, ONE),
        world.do(world.province_coordinator, decline_link, task.id, held, "không"),
        return_exceptions=True,
    )
    [late] = [each for each in answers if isinstance(each, BaseException)]
    assert isinstance(late, Refused)
    assert late.code == "TASK_LINK_ANSWERED"
    assert await world.refused(world.ministry_head, link_targets, task.id, [Link(held)] * 2) == (
        "TASK_LINK_TWICE",
        ("targets", 0 if (await links(world))[held][0] == "ACCEPTED" else 1, "targetId"),
    )


@pytest.mark.parametrize("gone", ["target", "plan", "task"])
async def test_what_is_over_is_not_accepted(world: World, gone: str) -> None:
    task = await world.given()
    held = world.targets["province"].id
    await world.do(world.ministry_head, link_targets, task.id, [Link(held)])
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        if gone == "target":
            (await tx.session.get_one(Target, held)).state = TargetState.WITHDRAWN
        elif gone == "plan":
            (await tx.session.merge(world.plan)).state = PlanState.CLOSED
        else:
            row = await tx.session.merge(await world.task(task.id))
            row.state, row.state_reason = S.CANCELLED, "vì"
    code = {"target": "TASK_TARGET_WITHDRAWN", "plan": "TASK_PLAN_CLOSED", "task": "TASK_WRONG_STATE"}[gone]
    path = "targetId" if gone == "target" else "taskId"
    assert await world.refused(world.province_head, accept_link, task.id, held, ONE) == (code, (path,))


async def test_a_lead_accepts_the_links_to_its_own_targets_with_the_task(world: World) -> None:
    held, other = world.targets["province"].id, world.targets["other"].id
    terms = Terms(title="Số hóa", owner_unit_id=world.ministry.id, due_on=DUE, plan_id=world.plan.id)
    leads = [world.province.id, world.other.id]
    [first, _] = await world.do(
        world.ministry_head, create_tasks, terms, leads, key_result_id=world.key_result.id
    )
    assert {state for state, _, _ in (await links(world)).values()} == {"PROPOSED"}
    assert await told(world, "LINK_PROPOSED") == []
    await world.do(world.province_head, accept_task, first)
    assert {each: state for each, (state, _, _) in (await links(world)).items()} == {
        held: "ACCEPTED",
        other: "PROPOSED",
    }
    verb, _, data = (await world.verbs(first))[-1]
    assert (verb, data["targets"]) == ("task.accepted", [{"target_id": held, "weight": "1.000000"}])
    lead = Lead(unit_id=world.province.id)
    await world.do(world.ministry_head, create_task, terms, lead=lead, targets=[Link(held)])
    assert await told(world, "LINK_PROPOSED") == [], "the offer says it"


async def test_a_volunteer_does_so_too(world: World) -> None:
    board = await world.given("ministry", None, state=S.OPEN, audience=Audience.GOVERNMENT)
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        proposed = (
            "INSERT INTO task_target (task_id, target_id, weight, state) VALUES (:k, :t, 1, 'PROPOSED')"
        )
        for name in ("province", "other"):
            await tx.session.execute(text(proposed), {"k": board.id, "t": world.targets[name].id})
    await world.do(world.province_head, volunteer_for_task, board.id, world.province.id)
    found = await links(world)
    assert found[world.targets["province"].id][0] == "ACCEPTED"
    assert found[world.targets["other"].id][0] == "PROPOSED"


async def test_a_lead_above_the_owner_is_asked_for_its_target_apart(world: World) -> None:
    """A commune offers the nation a task, with a link that weighs a thousand: two questions, not one."""
    of = await milestone(world)
    terms = Terms(title="Giúp xã", owner_unit_id=world.commune.id, due_on=DUE, plan_id=world.plan.id)
    lead = Lead(unit_id=world.government.id)
    task = await world.do(world.commune_head, create_task, terms, lead=lead, targets=[Link(of.id, HEAVY)])
    assert [who for who, _, _ in await told(world, "LINK_PROPOSED")] == [world.government_head.person_id]
    await world.do(world.government_head, accept_task, task.id)
    assert (await links(world))[of.id][0] == "PROPOSED"


async def test_what_the_holder_may_not_see_is_not_proposed_to_it(world: World) -> None:
    """Neither would anybody there find it, nor does a notification tell them its title."""
    hidden = await world.given("government", "ministry", audience=Audience.PARTICIPANTS)
    held = [Link(world.targets["province"].id)]
    assert await world.refused(world.government_head, link_targets, hidden.id, held) == (
        "TASK_TARGET_OF_OTHERS",
        ("targets", 0, "targetId"),
    )


async def test_the_people_of_a_unit_find_what_waits_for_them(world: World) -> None:
    task = await world.given(audience=Audience.PUBLIC)
    await world.do(world.ministry_head, link_targets, task.id, [Link(world.targets["province"].id)])
    which, first = TaskFilter(proposed_to_unit_id=world.province.id), PageRequest(first=10)
    for who, ids in (("province_member", [task.id]), ("ministry_head", []), ("rival_head", [])):
        page = await world.ask(world.actors[who], tasks_page, first, which)
        assert [row.id for row in page.rows] == ids, who
    await world.do(world.province_head, decline_link, task.id, world.targets["province"].id, "không")
    assert (await world.ask(world.province_member, tasks_page, first, which)).rows == []
