"""Whom a reminder goes to: roles, vacancies up the tree, firms, people in several roles, policies."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from factories import NOW, SYSTEM, membership, person, plan
from reminders_world import MONDAY, Country, R, build
from vdept.deadlines.models import (
    Recipient,
    Reminder,
    ReminderPolicy,
    ReminderStep,
)
from vdept.kernel.actor import Role
from vdept.kernel.db import Database, Tx
from vdept.people.models import Person
from vdept.targets.models import Plan


@pytest.fixture
async def land(db: Database) -> Country:
    return await build(db)


async def _only(land: Country, due_on: date, step: int, **more: Any) -> tuple[str, Reminder]:
    """Whom the one reminder of a step went to."""
    await land.task(due_on, **more)
    await land.scan(due_on + timedelta(days=step))
    ((_, who),) = await land.told()
    (one,) = await land.reminders()
    return who, one


async def test_without_a_coordinator_the_deputy_is_told(land: Country) -> None:
    await land.leave("province_coordinator")
    async with land.db.begin(SYSTEM) as tx:
        land.people["province_deputy"] = await person(tx)
        await membership(tx, land.people["province_deputy"], land.units["province"], Role.DEPUTY)
    who, one = await _only(land, MONDAY, 0)
    assert (who, one.recipient, one.vacant_unit_ids) == ("province_deputy", R.LEAD_COORDINATOR, [])


async def test_beside_a_coordinator_the_deputy_is_not_told(land: Country) -> None:
    async with land.db.begin(SYSTEM) as tx:
        await membership(tx, await person(tx), land.units["province"], Role.DEPUTY)
    assert (await _only(land, MONDAY, 0))[0] == "province_coordinator"


async def test_without_coordinator_and_deputy_the_head_is_told(land: Country) -> None:
    await land.leave("province_coordinator")
    who, one = await _only(land, MONDAY, 0)
    assert (who, one.recipient) == ("province_head", R.LEAD_COORDINATOR)


async def test_where_nobody_is_left_the_unit_above_is_told(land: Country) -> None:
    await land.leave("commune_coordinator", "commune_head")
    who, one = await _only(land, MONDAY, 0, lead="commune")
    assert (who, one.unit_id) == ("province_coordinator", land.units["province"].id)
    assert one.vacant_unit_ids == [land.units["commune"].id]


async def test_a_head_out_of_office_passes_the_step_up(land: Country) -> None:
    await land.leave("commune_head", "province_head")
    who, one = await _only(land, MONDAY, 1, lead="commune")
    assert (who, one.recipient, one.unit_id) == ("government_head", R.LEAD_HEAD, land.units["government"].id)
    assert one.vacant_unit_ids == [land.units["commune"].id, land.units["province"].id]


async def test_a_head_who_is_not_active_holds_no_office(land: Country) -> None:
    async with land.db.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.update(Person).where(Person.id == land.people["province_head"].id).values(active=False)
        )
    assert (await _only(land, MONDAY, 1))[0] == "government_head"


async def test_a_head_in_office_since_today_is_told(land: Country) -> None:
    await land.leave("province_head", on=MONDAY)
    async with land.db.begin(SYSTEM) as tx:
        land.people["new_head"] = await person(tx)
        await membership(
            tx, land.people["new_head"], land.units["province"], starts_on=MONDAY + timedelta(days=1)
        )
    assert (await _only(land, MONDAY, 1))[0] == "new_head"


async def test_with_nobody_up_to_the_top_nobody_is_told(land: Country) -> None:
    await land.leave("government_head", "province_head")
    await land.task(MONDAY)
    assert (await land.scan(MONDAY + timedelta(days=1))).reminders == 0


async def test_a_firm_that_leads_escalates_to_who_set_the_task(land: Country) -> None:
    await land.leave("firm_head", "ministry_head")
    who, one = await _only(land, MONDAY, 1, lead="firm")
    assert who == "government_head"
    assert one.vacant_unit_ids == [land.units["firm"].id, land.units["ministry"].id]


async def test_a_firm_that_set_the_task_escalates_to_the_lead(land: Country) -> None:
    await land.leave("firm_head")
    due_on = date(2026, 3, 3)
    await land.task(due_on, owner="firm", lead="province")
    await land.scan(date(2026, 3, 10))
    (one,) = await land.reminders()
    assert (one.step, one.recipient, one.recipient_id) == (
        5,
        R.ASSIGNER_HEAD,
        land.people["province_head"].id,
    )
    assert one.vacant_unit_ids == [land.units["firm"].id]


async def test_two_firms_have_nobody_above(land: Country) -> None:
    await land.leave("firm_head", "rival_head")
    await land.task(MONDAY, owner="rival", lead="firm")
    assert (await land.scan(MONDAY + timedelta(days=1))).reminders == 0


async def test_without_a_plan_the_top_of_the_owners_line_hears_last(land: Country) -> None:
    await land.task(MONDAY, owner="commune", lead="firm")
    await land.scan(date(2026, 3, 16))
    assert await land.told() == {(10, "government_head")}


async def test_the_plans_issuer_hears_last(land: Country) -> None:
    async with land.db.begin(SYSTEM) as tx:
        own = await plan(tx, land.units["province"])
    await land.task(MONDAY, of=own)
    await land.scan(date(2026, 3, 16))
    assert await land.told() == {(10, "province_head")}


async def test_an_assignee_who_has_left_is_not_told(land: Country) -> None:
    await land.task(MONDAY, workers=["commune_member", "firm_member"])
    await land.leave("firm_member")
    await land.scan(MONDAY)
    assert await land.told() == {(0, "commune_member"), (0, "province_coordinator")}


async def test_one_person_in_several_roles_is_told_once(land: Country) -> None:
    async with land.db.begin(SYSTEM) as tx:
        await membership(tx, land.people["commune_member"], land.units["province"], Role.COORDINATOR)
    await land.task(MONDAY, workers=["commune_member"])
    await land.scan(MONDAY)
    found = {(one.recipient_id, one.recipient) for one in await land.reminders()}
    assert found == {
        (land.people["commune_member"].id, R.LEAD_COORDINATOR),
        (land.people["province_coordinator"].id, R.LEAD_COORDINATOR),
    }


async def _policy(tx: Tx, of: Plan, *steps: tuple[int, Recipient]) -> None:
    tx.session.add(ReminderPolicy(plan_id=of.id, changed_at=NOW))
    await tx.session.flush()
    tx.session.add_all(ReminderStep(plan_id=of.id, step=step, recipient=who) for step, who in steps)


async def test_a_plan_with_a_policy_has_its_steps_only(land: Country) -> None:
    async with land.db.begin(SYSTEM) as tx:
        await _policy(tx, land.plan, (-2, R.LEAD_HEAD), (0, R.ASSIGNEES))
    await land.task(date(2026, 3, 4), of=land.plan)
    await land.task(MONDAY, of=land.plan, workers=["commune_member"])
    await land.task(MONDAY)
    await land.scan(MONDAY)
    assert await land.told() == {
        (-2, "province_head"),
        (0, "commune_member"),
        (0, "province_coordinator"),
    }


async def test_where_nobody_does_the_work_the_coordinator_hears_for_them(land: Country) -> None:
    async with land.db.begin(SYSTEM) as tx:
        await _policy(tx, land.plan, (0, R.ASSIGNEES))
    await land.task(MONDAY, of=land.plan)
    await land.scan(MONDAY)
    (one,) = await land.reminders()
    assert (one.recipient, one.recipient_id) == (R.ASSIGNEES, land.people["province_coordinator"].id)
