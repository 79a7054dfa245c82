"""Reminder policies: who sets them, what is refused, and how heavily they would fall on one person."""

from datetime import date

import pytest
import sqlalchemy as sa

from factories import NOW, SYSTEM, membership
from reminders_world import MONDAY, Country, R, build
from statements import counting
from vdept.deadlines import policies
from vdept.deadlines.models import Recipient
from vdept.deadlines.rules import DEFAULT_STEPS, Heaviest, PolicyStep
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.targets.models import Audience, PlanState

DUE = date(2026, 3, 16)
STEPS = [PolicyStep(-5, R.LEAD_HEAD), PolicyStep(2, R.ASSIGNER_HEAD)]


@pytest.fixture
async def land(db: Database) -> Country:
    return await build(db)


async def put(
    land: Country, who: Actor, steps: list[PolicyStep], version: int | None = None, *, dry_run: bool = False
) -> policies.PolicySet:
    async with land.db.begin(who, now=NOW) as tx:
        return await policies.set_policy(tx, land.plan.id, steps, version, dry_run)


async def reset(land: Country, who: Actor, version: int | None = None) -> policies.Policy:
    async with land.db.begin(who, now=NOW) as tx:
        return await policies.reset_policy(tx, land.plan.id, version)


async def steps(land: Country) -> tuple[PolicyStep, ...]:
    async with land.db.snapshot(SYSTEM, now=NOW) as tx:
        return await policies.steps_of(tx, land.plan.id)


async def verbs(land: Country) -> list[tuple[str, int | None, dict[str, object]]]:
    async with land.db.snapshot(SYSTEM) as tx:
        rows = await tx.session.execute(
            sa.text("SELECT verb, unit_id, data FROM activity WHERE subject_type = 'Plan' ORDER BY id")
        )
        return [(row.verb, row.unit_id, row.data) for row in rows]


async def test_a_plan_has_the_default_until_it_has_its_own(land: Country) -> None:
    manager = await land.actor("government", Role.COORDINATOR)
    assert await steps(land) == DEFAULT_STEPS
    done = await put(land, manager, STEPS)
    assert (done.policy.own, done.policy.version, done.heaviest) == (True, 1, None)
    assert await steps(land) == tuple(STEPS)
    assert (await reset(land, manager)).own is False
    assert await steps(land) == DEFAULT_STEPS
    (set_, reset_) = await verbs(land)
    assert set_[0] == "plan.reminder_policy_set"
    assert set_[2]["to"] == [
        {"step": -5, "recipient": "LEAD_HEAD"},
        {"step": 2, "recipient": "ASSIGNER_HEAD"},
    ]
    assert (reset_[0], reset_[1]) == ("plan.reminder_policy_reset", land.units["government"].id)


async def test_resetting_a_plan_without_a_policy_changes_nothing(land: Country) -> None:
    await reset(land, await land.actor("government", Role.HEAD))
    assert await verbs(land) == []


async def test_a_version_never_comes_twice(land: Country) -> None:
    manager = await land.actor("government", Role.HEAD)
    versions = [(await put(land, manager, STEPS, 0)).policy.version]
    versions.append((await put(land, manager, STEPS[:1], 1)).policy.version)
    await reset(land, manager, 2)
    versions.append((await put(land, manager, STEPS, 0)).policy.version)
    assert versions == [1, 2, 4]
    with pytest.raises(Refused) as caught:
        await put(land, manager, STEPS, 1)
    assert caught.value.code == "STALE_VERSION"


@pytest.mark.parametrize(
    ("where", "role", "code"),
    [
        ("government", Role.MEMBER, "FORBIDDEN"),
        ("government", Role.OBSERVER, "FORBIDDEN"),
        ("province", Role.HEAD, "FORBIDDEN"),
        ("firm", Role.HEAD, "NOT_FOUND"),
    ],
    ids=["member", "observer", "another body's head", "a firm"],
)
async def test_only_managing_people_of_the_issuer_set_it(
    land: Country, where: str, role: Role, code: str
) -> None:
    other = await land.actor(where, role)
    for act in (put(land, other, STEPS), reset(land, other), put(land, other, STEPS, dry_run=True)):
        with pytest.raises(Refused) as caught:
            await act
        assert (caught.value.code, caught.value.path) == (code, ("planId",))
    assert await steps(land) == DEFAULT_STEPS
    assert await verbs(land) == []


async def test_a_closed_plans_policy_stands(land: Country) -> None:
    manager = await land.actor("government", Role.HEAD)
    await land.change(land.plan, state=PlanState.CLOSED)
    with pytest.raises(Refused) as caught:
        await put(land, manager, STEPS)
    assert caught.value.code == "POLICY_PLAN_CLOSED"


async def test_bad_steps_are_refused(land: Country) -> None:
    manager = await land.actor("government", Role.HEAD)
    for bad, code in (([], "POLICY_SIZE"), ([PolicyStep(99, R.LEAD_HEAD)], "POLICY_STEP_RANGE")):
        with pytest.raises(Refused) as caught:
            await put(land, manager, bad)
        assert caught.value.code == code
    assert await steps(land) == DEFAULT_STEPS


async def many(land: Country, number: int, **more: object) -> None:
    """``number`` tasks of the plan with the same units and date."""
    first = await land.task(DUE, of=land.plan, **more)
    async with land.db.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.text(
                """WITH made AS (
                    INSERT INTO task (plan_id, title, search, kind, audience, state, owner_unit_id,
                        lead_unit_id, created_at, updated_at, due_on, original_due_on)
                    SELECT plan_id, title, search, kind, audience, state, owner_unit_id, lead_unit_id,
                        created_at, updated_at, due_on, original_due_on
                    FROM task, generate_series(2, :number) WHERE id = :id RETURNING id)
                INSERT INTO assignee (task_id, person_id, unit_id, assigned_at)
                SELECT made.id, a.person_id, a.unit_id, a.assigned_at
                FROM made, assignee a WHERE a.task_id = :id"""
            ),
            {"id": first.id, "number": number},
        )


async def test_two_hundred_messages_to_one_person_a_day_pass_and_one_more_does_not(land: Country) -> None:
    manager = await land.actor("government", Role.HEAD)
    await many(land, 200)
    done = await put(land, manager, STEPS)
    head = land.people["province_head"].id
    assert done.heaviest == Heaviest(
        200, date(2026, 3, 9), head, land.units["province"].id, "Tỉnh", R.LEAD_HEAD
    )
    await land.task(DUE, of=land.plan)
    with pytest.raises(Refused) as caught:
        await put(land, manager, STEPS[:1])
    assert (caught.value.code, caught.value.path) == ("POLICY_FLOODS", ("steps",))
    assert (caught.value.params["messages"], caught.value.params["unit"]) == (201, "Tỉnh")
    assert await steps(land) == tuple(STEPS)
    assert len(await verbs(land)) == 1


async def test_a_dry_run_says_the_number_and_changes_nothing(land: Country) -> None:
    manager = await land.actor("government", Role.HEAD)
    await many(land, 300)
    done = await put(land, manager, STEPS, dry_run=True)
    assert done.heaviest is not None
    assert (done.heaviest.messages, done.heaviest.recipient) == (300, R.LEAD_HEAD)
    assert (done.policy.version, await steps(land), await verbs(land)) == (0, DEFAULT_STEPS, [])


COUNTED: list[tuple[str, list[tuple[int, Recipient]], int]] = [
    ("somebody in two roles of a step is told once a task", [(0, R.ASSIGNEES), (0, R.LEAD_COORDINATOR)], 10),
    ("two steps are on two days", [(0, R.LEAD_HEAD), (1, R.LEAD_HEAD)], 10),
    ("what lies behind is not sent", [(-11, R.LEAD_HEAD)], 0),
    ("the last day that counts is today", [(-10, R.LEAD_HEAD)], 10),
]


@pytest.mark.parametrize(("case", "wanted", "messages"), COUNTED, ids=[row[0] for row in COUNTED])
async def test_how_many_messages_one_person_gets(
    land: Country, case: str, wanted: list[tuple[int, Recipient]], messages: int
) -> None:
    async with land.db.begin(SYSTEM) as tx:
        await membership(tx, land.people["commune_member"], land.units["province"], Role.COORDINATOR)
    await many(land, 10, workers=["commune_member"])
    manager = await land.actor("government", Role.HEAD)
    done = await put(land, manager, [PolicyStep(*one) for one in wanted], dry_run=True)
    assert (done.heaviest.messages if done.heaviest else 0) == messages, case


async def test_where_nobody_works_on_it_the_coordinator_gets_the_assignees_messages(land: Country) -> None:
    await many(land, 3, workers=["commune_member"])
    await many(land, 4)
    manager = await land.actor("government", Role.HEAD)
    done = await put(land, manager, [PolicyStep(0, R.ASSIGNEES)], dry_run=True)
    assert done.heaviest is not None
    assert (done.heaviest.messages, done.heaviest.person_id) == (4, land.people["province_coordinator"].id)


async def test_tasks_that_the_manager_does_not_see_count_too(land: Country) -> None:
    await many(land, 250, owner="rival", lead="firm", audience=Audience.PARTICIPANTS)
    manager = await land.actor("government", Role.HEAD)
    with pytest.raises(Refused) as caught:
        await put(land, manager, STEPS)
    assert caught.value.params["messages"] == 250


async def test_policies_of_many_plans_are_one_statement(land: Country) -> None:
    async with land.db.snapshot(SYSTEM) as tx:
        with counting(land.db) as sent:
            found = await policies.policies_of_plans(tx, [land.plan.id, 10**9])
    assert len(sent) == 1
    assert {each.steps for each in found.values()} == {DEFAULT_STEPS}


async def test_work_without_a_plan_has_the_default(land: Country) -> None:
    async with land.db.snapshot(SYSTEM) as tx:
        assert await policies.steps_of(tx, None) == DEFAULT_STEPS
    await land.task(MONDAY)
    await land.scan(MONDAY)
    assert await land.told() == {(0, "province_coordinator")}
