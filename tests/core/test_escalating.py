"""The escalation chain of a task: so far, to come, and when it stops."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from factories import NOW, SYSTEM
from factories import actor as an_actor
from reminders_world import MONDAY, Country, R, at, build
from statements import counting
from vdept.deadlines import escalating, policies
from vdept.deadlines.escalating import Escalation, EscalationState
from vdept.deadlines.models import Dropped, Recipient, Reminder, ReminderBatch
from vdept.deadlines.rules import PolicyStep
from vdept.kernel.actor import Role
from vdept.kernel.db import Database
from vdept.targets.models import Audience
from vdept.tasks.models import Task, TaskState

S = EscalationState
DAYS = {1: date(2026, 3, 3), 3: date(2026, 3, 5), 5: date(2026, 3, 9), 10: date(2026, 3, 16)}
"""The steps of a task due on Monday 2 March."""


@pytest.fixture
async def land(db: Database) -> Country:
    return await build(db)


async def chain(land: Country, task: Task, on: date) -> list[Escalation]:
    async with land.db.snapshot(SYSTEM, now=at(on, 12)) as tx:
        return (await escalating.chains_of_tasks(tx, [task.id]))[task.id]


async def said(land: Country, task: Task, on: date) -> list[tuple[int, EscalationState, str | None]]:
    """(step, state, who) of the chain as it stands on a day."""
    names = {who.id: name for name, who in land.people.items()}
    return [
        (one.step, one.state, one.person_id and names[one.person_id]) for one in await chain(land, task, on)
    ]


async def delivered(land: Country, at: datetime) -> None:
    """Whoever delivers has been here."""
    async with land.db.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.update(ReminderBatch).where(ReminderBatch.delivered_at.is_(None)).values(delivered_at=at)
        )


async def test_a_task_in_time_has_its_whole_chain_ahead(land: Country) -> None:
    task = await land.task(MONDAY)
    found = await chain(land, task, date(2026, 2, 25))
    assert [(one.step, one.on, one.recipient, one.state) for one in found] == [
        (1, DAYS[1], R.LEAD_HEAD, S.PLANNED),
        (3, DAYS[3], R.ASSIGNER_COORDINATOR, S.PLANNED),
        (5, DAYS[5], R.ASSIGNER_HEAD, S.PLANNED),
        (10, DAYS[10], R.ISSUER_HEAD, S.PLANNED),
    ]
    assert [one.person_id for one in found] == [
        land.people[name].id
        for name in ("province_head", "ministry_coordinator", "ministry_head", "government_head")
    ]
    assert [one.unit_id for one in found] == [
        land.units[name].id for name in ("province", "ministry", "ministry", "government")
    ]


async def test_step_by_step_what_was_planned_is_due_and_then_sent(land: Country) -> None:
    task = await land.task(MONDAY)
    await land.scan(MONDAY)
    await land.scan(DAYS[1])
    assert await said(land, task, DAYS[1]) == [
        (1, S.DUE, "province_head"),
        (3, S.PLANNED, "ministry_coordinator"),
        (5, S.PLANNED, "ministry_head"),
        (10, S.PLANNED, "government_head"),
    ]
    await delivered(land, at(DAYS[1], 8))
    first, *rest = await chain(land, task, DAYS[1])
    assert (first.state, first.sent_at) == (S.SENT, at(DAYS[1], 8))
    assert {one.state for one in rest} == {S.PLANNED}


ENDED: list[tuple[TaskState, dict[str, Any]]] = [
    (TaskState.DELIVERED, {"delivered_on": DAYS[1]}),
    (TaskState.CANCELLED, {"state_reason": "bỏ"}),
    (TaskState.DECLINED, {"state_reason": "quá tải"}),
    (TaskState.PAUSED, {"state_reason": "quá tải", "review_on": date(2026, 6, 1), "paused_on": DAYS[1]}),
]


@pytest.mark.parametrize(("state", "more"), ENDED, ids=[state.value for state, _ in ENDED])
async def test_the_chain_stops_when_its_reason_ends(
    land: Country, state: TaskState, more: dict[str, Any]
) -> None:
    task = await land.task(MONDAY)
    await land.scan(DAYS[1])
    await delivered(land, at(DAYS[1], 8))
    await land.change(task, state=state, **more)
    assert await said(land, task, DAYS[1]) == [(1, S.SENT, "province_head")]


async def test_an_extension_begins_a_new_chain_and_the_old_stays(land: Country) -> None:
    task = await land.task(MONDAY)
    await land.scan(DAYS[1])
    await delivered(land, at(DAYS[1], 8))
    await land.change(task, due_on=date(2026, 3, 20))
    found = await chain(land, task, DAYS[3])
    assert [(one.due_on, one.step, one.state) for one in found] == [
        (MONDAY, 1, S.SENT),
        *((date(2026, 3, 20), step, S.PLANNED) for step in (1, 3, 5, 10)),
    ]


async def test_what_was_dropped_says_why(land: Country) -> None:
    task = await land.task(MONDAY)
    await land.scan(DAYS[1])
    async with land.db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.update(Reminder).values(dropped=Dropped.PAUSED))
    await delivered(land, at(DAYS[1], 8))
    first = (await chain(land, task, DAYS[1]))[0]
    assert (first.state, first.dropped, first.sent_at) == (S.DROPPED, Dropped.PAUSED, None)


async def test_what_was_missed_is_shown_with_what_it_was_folded_into(land: Country) -> None:
    await land.leave("ministry_coordinator")
    task = await land.task(MONDAY)
    await land.scanned(MONDAY)
    await land.scan(DAYS[5])
    assert await said(land, task, DAYS[5]) == [
        (1, S.DUE, "province_head"),
        (3, S.FOLDED, "ministry_head"),
        (5, S.DUE, "ministry_head"),
        (10, S.PLANNED, "government_head"),
    ]


async def test_a_vacant_office_is_passed_over_and_named(land: Country) -> None:
    await land.leave("commune_head", "province_head")
    task = await land.task(MONDAY, lead="commune")
    first = (await chain(land, task, MONDAY))[0]
    assert (first.person_id, first.unit_id) == (
        land.people["government_head"].id,
        land.units["government"].id,
    )
    assert first.vacant_unit_ids == [land.units["commune"].id, land.units["province"].id]
    await land.scan(DAYS[1])
    told = (await chain(land, task, DAYS[1]))[0]
    assert told == replace(first, state=S.DUE)


async def test_with_nobody_up_to_the_top_the_step_stands_without_a_name(land: Country) -> None:
    await land.leave("province_head", "government_head")
    task = await land.task(MONDAY)
    first = (await chain(land, task, MONDAY))[0]
    assert (first.step, first.state, first.person_id, first.unit_id) == (1, S.PLANNED, None, None)
    assert first.vacant_unit_ids == [land.units["province"].id, land.units["government"].id]


async def test_several_coordinators_are_several_entries(land: Country) -> None:
    await land.actor("ministry", Role.DEPUTY)
    async with land.db.begin(SYSTEM) as tx:
        second = await an_actor(tx, land.units["ministry"], Role.COORDINATOR)
    task = await land.task(MONDAY)
    found = [one.person_id for one in await chain(land, task, MONDAY) if one.step == 3]
    assert found == sorted([land.people["ministry_coordinator"].id, second.person_id or 0])


async def as_seen(land: Country, task: Task, where: str, on: date) -> list[Escalation]:
    async with land.db.snapshot(await land.actor(where, Role.HEAD), now=at(on, 12)) as tx:
        return (await escalating.chains_of_tasks(tx, [task.id]))[task.id]


async def test_a_firm_learns_of_every_step_and_not_who_holds_which_office(land: Country) -> None:
    """Not by a name, nor by how many there are, nor by what is vacant: they are the same steps."""
    task = await land.task(MONDAY, audience=Audience.PUBLIC)
    await land.scan(MONDAY)
    await land.scan(DAYS[1])
    await delivered(land, at(DAYS[1], 8))
    before = await as_seen(land, task, "firm", DAYS[1])
    assert [(one.step, one.state) for one in before] == [
        (1, S.SENT),
        (3, S.PLANNED),
        (5, S.PLANNED),
        (10, S.PLANNED),
    ]
    assert before[0].sent_at == at(DAYS[1], 8)
    assert all((one.person_id, one.unit_id, one.vacant_unit_ids) == (None, None, []) for one in before)
    async with land.db.begin(SYSTEM) as tx:
        await an_actor(tx, land.units["ministry"], Role.COORDINATOR)
    await land.leave("ministry_head", "government_head")
    assert await as_seen(land, task, "firm", DAYS[1]) == before
    officials = await as_seen(land, task, "commune", DAYS[1])
    assert [one.step for one in officials] == [1, 3, 3, 5, 10]
    assert officials[0].person_id == land.people["province_head"].id


async def test_a_firm_sees_what_went_to_its_own_people(land: Country) -> None:
    task = await land.task(MONDAY, lead="firm", audience=Audience.PUBLIC)
    await land.scan(MONDAY)
    await land.scan(DAYS[1])
    mine = (await as_seen(land, task, "firm", DAYS[1]))[0]
    assert (mine.person_id, mine.unit_id) == (land.people["firm_head"].id, land.units["firm"].id)
    others = (await as_seen(land, task, "rival", DAYS[1]))[0]
    assert others == replace(mine, person_id=None, unit_id=None)


async def test_that_somebody_left_their_office_is_not_told_outside(land: Country) -> None:
    task = await land.task(MONDAY, audience=Audience.PUBLIC)
    await land.scan(MONDAY)
    await land.scan(DAYS[1])
    for why, told in ((Dropped.RECIPIENT_LEFT, None), (Dropped.DONE, Dropped.DONE)):
        async with land.db.begin(SYSTEM) as tx:
            await tx.session.execute(sa.update(Reminder).where(Reminder.step == 1).values(dropped=why))
        first = (await as_seen(land, task, "firm", DAYS[1]))[0]
        assert (first.state, first.dropped) == (S.DROPPED, told)
        assert (await as_seen(land, task, "commune", DAYS[1]))[0].dropped is why


async def test_a_plans_own_steps_are_its_chain(land: Country) -> None:
    manager = await land.actor("government", Role.HEAD)
    async with land.db.begin(manager, now=NOW) as tx:
        steps = [PolicyStep(-1, R.ASSIGNEES), PolicyStep(2, Recipient.LEAD_HEAD), PolicyStep(4, R.ASSIGNEES)]
        await policies.set_policy(tx, land.plan.id, steps)
    task = await land.task(MONDAY, of=land.plan, workers=["commune_member"])
    assert await said(land, task, MONDAY) == [
        (2, S.PLANNED, "province_head"),
        (4, S.PLANNED, "commune_member"),
    ]


async def test_days_off_are_not_counted(land: Country) -> None:
    task = await land.task(date(2026, 2, 13))
    assert (await chain(land, task, date(2026, 2, 13)))[0].on == date(2026, 2, 23)


async def test_the_number_of_statements_does_not_depend_on_the_tasks(land: Country) -> None:
    tasks = [await land.task(MONDAY + timedelta(days=k), workers=["commune_member"]) for k in range(8)]
    await land.scan(DAYS[1])
    counts = []
    for some in (tasks[:1], tasks):
        async with land.db.snapshot(SYSTEM, now=at(DAYS[1], 12)) as tx:
            with counting(land.db) as sent:
                found = await escalating.chains_of_tasks(tx, [task.id for task in some])
        assert all(found.values())
        counts.append(len(sent))
    assert counts[0] == counts[1] == 3
