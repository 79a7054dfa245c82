"""Tasks under hostile reading: whose consent a link needs, what filters and histories tell, who races."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from factories import NOW, SYSTEM, membership, person, plan, target, task
from tasks_world import DUE, World, build
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.targets.models import Audience, PlanState
from vdept.tasks.assigning import assign_people
from vdept.tasks.creating import Lead, Terms, create_task
from vdept.tasks.due import extend_due
from vdept.tasks.filters import TaskFilter, UnitTaskFilter
from vdept.tasks.history import hidden_in, history_of_tasks
from vdept.tasks.lifecycle import accept_task, decline_task
from vdept.tasks.linking import Link, add_dependency, link_targets, set_parent, unlink_target
from vdept.tasks.models import TaskDependency, TaskState, TaskTarget
from vdept.tasks.progress import report_progress
from vdept.tasks.queries import blocked_by_tasks, tasks_of_units, tasks_page, unit_tasks_page
from vdept.tasks.sharing import Part, accept_invitation, invite_participants, leave_task

S = TaskState
R = Audience.PARTICIPANTS


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


def terms(world: World, owner: str, **more: Any) -> Terms:
    given = {"title": "Việc", "owner_unit_id": world.units[owner].id, "due_on": DUE, "plan_id": world.plan.id}
    return Terms(**{**given, **more})


# -- relations that were not asked for ----------------------------------------------------------------------


async def test_nobody_hangs_a_task_below_a_task_that_is_not_theirs(world: World) -> None:
    """Making a sub-task asks for a say in the whole; moving a task below it must ask the same."""
    whole = await world.given(owner="ministry", lead="province")
    mine = await world.given(owner="other", lead="other", state=S.ACCEPTED)
    assert await world.refused(world.other_head, set_parent, mine.id, whole.id) == (
        "FORBIDDEN",
        ("parentId",),
    )
    await world.do(world.government_head, set_parent, mine.id, whole.id)
    await world.do(world.other_head, set_parent, mine.id, None)


async def test_nothing_becomes_part_of_a_task_that_is_over(world: World) -> None:
    over = await world.given(state=S.CANCELLED, state_reason="x")
    mine = await world.given()
    assert await world.refused(world.ministry_head, set_parent, mine.id, over.id) == (
        "TASK_WRONG_STATE",
        ("parentId",),
    )


async def test_a_firms_own_task_serves_a_target_only_once_its_holder_has_accepted(world: World) -> None:
    """Else what the firm sets, does and verifies by itself would be the figure of whom it invites."""
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        (await tx.session.merge(world.plan)).audience = Audience.PUBLIC
    holder, its = world.province.id, [Link(world.targets["province"].id, Decimal(999_999_999))]
    unlinkable = ("TASK_TARGET_OF_OTHERS", ("targets", 0, "targetId"))
    given = terms(world, "firm", audience=Audience.PUBLIC)
    for how in ({"participants": [Part(holder)]}, {"lead": Lead(unit_id=holder)}):
        with pytest.raises(Refused) as no:
            await world.do(world.firm_head, create_task, given, targets=its, **how)
        assert (no.value.code, no.value.path) == unlinkable
    made = await world.do(world.firm_head, create_task, given, participants=[Part(holder)])
    assert await world.refused(world.firm_head, link_targets, made.id, its) == unlinkable
    await world.do(world.province_head, accept_invitation, made.id)
    await world.do(world.firm_head, link_targets, made.id, its)


async def test_a_ministry_sets_a_task_for_the_target_of_a_province_that_it_invites(world: World) -> None:
    its, part = [Link(world.targets["province"].id)], Part(world.province.id)
    given, lead = terms(world, "ministry"), Lead(unit_id=world.firm.id)
    await world.do(world.ministry_head, create_task, given, lead=lead, participants=[part], targets=its)


async def test_the_links_of_a_closed_plan_stay(world: World) -> None:
    own = world.targets["ministry"].id
    row = await world.given(owner="ministry", lead="ministry", state=S.IN_PROGRESS)
    await world.do(world.ministry_head, link_targets, row.id, [Link(own)])
    async with world.db.begin(SYSTEM) as tx:
        (await tx.session.merge(world.plan)).state = PlanState.CLOSED
    for verb, what in ((unlink_target, own), (link_targets, [Link(world.targets["government"].id)])):
        assert await world.refused(world.ministry_head, verb, row.id, what) == (
            "TASK_PLAN_CLOSED",
            ("taskId",),
        )


async def test_people_are_not_put_on_a_task_for_a_unit_that_is_only_invited(world: World) -> None:
    """The head above sets it in the owner's name; the owner has not said yes to its part."""
    who, _ = await world.somebody("ministry")
    with pytest.raises(Refused) as no:
        await world.do(
            world.government_head,
            create_task,
            terms(world, "ministry"),
            participants=[Part(world.ministry.id)],
            person_ids=[who.id],
        )
    assert (no.value.code, no.value.path) == ("TASK_NOT_PARTICIPANT", ("personIds",))


# -- what a filter answers ----------------------------------------------------------------------------------


async def test_a_filter_does_not_answer_what_it_names_but_the_reader_may_not_see(world: World) -> None:
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        secret = await plan(tx, world.government, audience=R)
        held = await target(tx, world.key_result, world.rival, world.targets["government"])
        whole = await task(tx, world.ministry, world.province, secret, audience=R)
        part = await task(tx, world.ministry, world.firm, secret, audience=R, parent_id=whole.id)
        served = await task(tx, world.ministry, world.firm, world.plan, audience=R)
        tx.session.add(TaskTarget(task_id=served.id, target_id=held.id, weight=Decimal(1)))

    async def found(who: Actor, **which: Any) -> list[int]:
        pages = [await world.ask(who, tasks_page, PageRequest(), TaskFilter(**which))]
        driven = TaskFilter(**which, participant_unit_id=world.firm.id)
        pages.append(await world.ask(who, tasks_page, PageRequest(), driven))
        first, second = ([row.id for row in page.rows] for page in pages)
        assert set(second) <= set(first)
        return first

    everything: list[tuple[dict[str, Any], list[int]]] = [
        ({"plan_id": secret.id}, [whole.id, part.id]),
        ({"parent_id": whole.id}, [part.id]),
        ({"target_id": held.id}, [served.id]),
    ]
    for which, ids in everything:
        assert await found(world.firm_head, **which) == []
        assert sorted(await found(world.government_head, **which)) == ids
    assert sorted(await found(world.firm_head)) == [part.id, served.id]
    of_secret = UnitTaskFilter(plan_id=secret.id)
    page = await world.ask(world.firm_head, unit_tasks_page, world.firm.id, PageRequest(), of_secret)
    assert page.rows == []
    pages = await world.ask(world.firm_head, tasks_of_units, [world.firm.id], PageRequest(), of_secret)
    assert pages[world.firm.id].rows == []


async def test_a_history_does_not_name_tasks_that_the_reader_may_not_see(world: World) -> None:
    mine = await world.given(owner="ministry", lead="firm", audience=R)
    secret = await world.given(owner="ministry", lead="province", audience=R)
    await world.do(world.ministry_head, add_dependency, mine.id, secret.id)
    await world.do(world.ministry_head, set_parent, mine.id, secret.id)

    async def hidden(who: Actor) -> frozenset[int]:
        async with world.db.snapshot(who, now=NOW) as tx:
            pages = await history_of_tasks(tx, [mine.id], PageRequest())
            return (await hidden_in(tx, pages[mine.id].rows)).tasks

    assert await hidden(world.firm_head) == {secret.id}
    assert await hidden(world.ministry_head) == frozenset()


# -- two at once --------------------------------------------------------------------------------------------


async def both(*acts: Any) -> list[str]:
    async def code(act: Any) -> str:
        try:
            await act
        except Refused as no:
            return no.code
        return "done"

    return sorted(await asyncio.gather(*map(code, acts)))


async def test_of_two_answers_to_an_offer_one_counts(world: World) -> None:
    row = await world.given()
    head = world.province_head
    answers = await both(
        world.do(head, accept_task, row.id), world.do(head, decline_task, row.id, "bận việc khác")
    )
    state = (await world.task(row.id)).state
    assert answers == ["TASK_ACCEPTED_IS_FINISHED" if state is S.ACCEPTED else "TASK_WRONG_STATE", "done"]


async def test_two_extensions_at_once_are_counted_once_each_and_copied(world: World) -> None:
    row = await world.given()
    to = [date(2026, 8, 1), date(2026, 9, 1)]
    answers = await both(*[world.do(world.ministry_head, extend_due, row.id, day, "x") for day in to])
    now = await world.task(row.id)
    assert now.due_on == to[1]
    assert now.extensions == answers.count("done")
    assert {part[4] for part in (await world.parts(row.id)).values()} == {now.due_on}


async def test_reports_of_three_units_at_once_all_count(world: World) -> None:
    row = await world.given(lead="province", state=S.IN_PROGRESS)
    for each in ("firm", "other"):
        part = Part(world.units[each].id)
        await world.do(world.ministry_head, invite_participants, row.id, [part])
        await world.do(world.actors[f"{each}_head"], accept_invitation, row.id)
    heads = [world.province_head, world.firm_head, world.other_head]
    assert (
        await both(*[world.do(h, report_progress, row.id, 10 * n) for n, h in enumerate(heads, 1)])
        == ["done"] * 3
    )
    assert (await world.task(row.id)).progress == Decimal("20.00")


async def test_leaving_and_reporting_at_once_leave_the_task_as_its_parts_say(world: World) -> None:
    row = await world.given(lead="province", state=S.IN_PROGRESS)
    await world.do(world.ministry_head, invite_participants, row.id, [Part(world.firm.id)])
    await world.do(world.firm_head, accept_invitation, row.id)
    await both(
        world.do(world.firm_head, leave_task, row.id, "x"),
        world.do(world.firm_head, report_progress, row.id, 80),
    )
    assert (await world.parts(row.id))[world.firm.id][5] is False
    assert (await world.task(row.id)).progress == Decimal("0.00")


async def test_yesterdays_colleague_is_not_put_on_a_task(world: World) -> None:
    row = await world.given(lead="province", state=S.ACCEPTED)
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        who = await person(tx)
        await membership(tx, who, world.province, Role.MEMBER, ends_on=NOW.date() - timedelta(days=1))
    assert await world.refused(world.province_head, assign_people, row.id, [who.id]) == (
        "TASK_NOT_A_MEMBER",
        ("personIds", 0),
    )


# -- no end to it -------------------------------------------------------------------------------------------


async def test_a_task_has_not_more_parts_people_and_targets_than_a_reader_can_be_given(world: World) -> None:
    row = await world.given(lead="province", state=S.ACCEPTED)
    many = range(1, 1_002)
    for who, verb, what, field in (
        (world.ministry_head, invite_participants, [Part(n) for n in many], "participants"),
        (world.ministry_head, link_targets, [Link(n) for n in many], "targets"),
        (world.province_head, assign_people, list(many), "personIds"),
    ):
        assert await world.refused(who, verb, row.id, what) == ("TASK_TOO_MANY", (field,))


async def test_of_all_that_waits_for_a_task_the_first_hundred_are_read(world: World) -> None:
    awaited, other = await world.given(), await world.given()
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        waiting = [await task(tx, world.ministry, None, world.plan, due_on=DUE) for _ in range(102)]
        tx.session.add_all(TaskDependency(task_id=row.id, blocked_by_id=awaited.id) for row in waiting)
        tx.session.add(TaskDependency(task_id=waiting[-1].id, blocked_by_id=other.id))
    found = await world.ask(world.ministry_head, blocked_by_tasks, [awaited.id, other.id])
    assert [row.id for row in found[awaited.id]] == [row.id for row in waiting[:100]]
    assert [row.id for row in found[other.id]] == [waiting[-1].id]
    assert await world.ask(world.rival_head, blocked_by_tasks, [awaited.id]) == {awaited.id: []}
