"""Setting tasks: one with everybody in it, the same for many leads, and rewording."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, func, select

from factories import NOW, SYSTEM, plan
from tasks_world import DUE, TODAY, World, build
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database
from vdept.targets.models import Audience, PlanState, TargetState
from vdept.tasks.assigning import assign_people
from vdept.tasks.creating import Lead, Terms, create_task, update_task
from vdept.tasks.creating_many import create_tasks
from vdept.tasks.linking import Link
from vdept.tasks.models import ParticipantRole, Participation, Task, TaskKind, TaskState, TaskTarget
from vdept.tasks.sharing import Part

S = TaskState


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


def terms(world: World, **more: Any) -> Terms:
    given = Terms(
        title=" Trung tâm điều hành ",
        owner_unit_id=world.ministry.id,
        due_on=DUE,
        plan_id=world.plan.id,
        description="Mô tả",
    )
    return replace(given, **more)


async def test_a_ministry_a_province_and_a_firm_share_a_task_in_one_act(world: World) -> None:
    colleague, _ = await world.somebody("ministry")
    task = await world.do(
        world.ministry_coordinator,
        create_task,
        terms(world),
        lead=Lead(unit_id=world.province.id, share=5),
        participants=[
            Part(world.ministry.id, ParticipantRole.PROBLEM_OWNER, 2),
            Part(world.firm.id, ParticipantRole.CONTRIBUTOR, 3),
        ],
        targets=[Link(world.targets["province"].id, Decimal("2.5"))],
        person_ids=[colleague.id],
    )
    assert (task.title, task.search, task.state) == (
        "Trung tâm điều hành",
        "trung tam dieu hanh",
        S.OFFERED,
    )
    assert (task.due_on, task.original_due_on, task.extensions) == (DUE, DUE, 0)
    assert (task.created_by_id, task.created_at) == (world.ministry_coordinator.person_id, NOW)
    assert await world.parts(task.id) == {
        world.ministry.id: ("PROBLEM_OWNER", "ACCEPTED", 2, 0, DUE, True),
        world.province.id: ("BUILDER", "INVITED", 5, 0, DUE, True),
        world.firm.id: ("CONTRIBUTOR", "INVITED", 3, 0, DUE, True),
    }
    (verb, unit_id, data), *rest = await world.verbs(task.id)
    assert (verb, unit_id, rest) == ("task.created", world.ministry.id, [])
    assert data["due_on"] == "2026-06-30"
    assert data["targets"] == [
        {"target_id": world.targets["province"].id, "weight": "2.5", "state": "PROPOSED"}
    ]
    assert [each["unit_id"] for each in data["participants"]] == [
        world.province.id,
        world.ministry.id,
        world.firm.id,
    ]
    assert await world.changes() == [(task.id, None)]


async def test_without_a_lead_a_task_stands_on_the_board(world: World) -> None:
    task = await world.do(
        world.firm_head, create_task, terms(world, owner_unit_id=world.firm.id, plan_id=None)
    )
    assert (task.state, task.lead_unit_id, await world.parts(task.id)) == (S.OPEN, None, {})
    assert await world.changes() == []


async def test_who_sets_a_task_for_their_own_unit_has_accepted_it(world: World) -> None:
    task = await world.do(
        world.ministry_head, create_task, terms(world), lead=Lead(unit_id=world.ministry.id)
    )
    assert task.state is S.ACCEPTED
    assert await world.parts(task.id) == {world.ministry.id: ("BUILDER", "ACCEPTED", 1, 0, DUE, True)}


async def test_a_sub_task_belongs_to_the_plan_of_its_parent(world: World) -> None:
    parent = await world.given(state=S.IN_PROGRESS)
    of_parent = terms(world, plan_id=None, parent_id=parent.id, owner_unit_id=world.province.id)
    child = await world.do(world.province_head, create_task, of_parent)
    assert (child.plan_id, child.parent_id) == (world.plan.id, parent.id)
    refused = await world.refused(
        world.other_head, create_task, replace(of_parent, owner_unit_id=world.other.id)
    )
    assert refused == ("FORBIDDEN", ("parentId",))
    finished = await world.given(state=S.VERIFIED, delivered_on=TODAY)
    refused = await world.refused(world.province_head, create_task, replace(of_parent, parent_id=finished.id))
    assert refused == ("TASK_WRONG_STATE", ("parentId",))
    async with world.db.begin(SYSTEM) as tx:
        another = await plan(tx, world.government)
    refused = await world.refused(world.province_head, create_task, replace(of_parent, plan_id=another.id))
    assert refused == ("TASK_OTHER_PLAN", ("planId",))


@pytest.mark.parametrize(
    "who", ["ministry_member", "ministry_observer", "province_head", "firm_head", "nobody"]
)
async def test_only_who_manages_a_unit_sets_tasks_in_its_name(world: World, who: str) -> None:
    assert await world.refused(world.actors[who], create_task, terms(world)) == (
        "FORBIDDEN",
        ("ownerUnitId",),
    )


async def test_bad_terms_are_refused_by_name(world: World) -> None:
    async with world.db.begin(SYSTEM) as tx:
        closed = await plan(tx, world.government, state=PlanState.CLOSED)
        draft = await plan(tx, world.government, state=PlanState.DRAFT)
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"title": "  "}, "INVALID_VALUE", "title"),
        ({"title": "x" * 501}, "INVALID_VALUE", "title"),
        ({"title": "a\0b"}, "INVALID_VALUE", "title"),
        ({"description": "x" * 20_001}, "INVALID_VALUE", "description"),
        ({"due_on": date(2026, 3, 1)}, "TASK_DUE_IN_PAST", "dueOn"),
        ({"due_on": date(2027, 1, 1)}, "TASK_DUE_OUTSIDE_PLAN", "dueOn"),
        ({"plan_id": closed.id}, "TASK_PLAN_CLOSED", "planId"),
        ({"plan_id": draft.id}, "NOT_FOUND", "planId"),
        ({"plan_id": 0}, "NOT_FOUND", "planId"),
        ({"parent_id": 0}, "NOT_FOUND", "parentId"),
        ({"owner_unit_id": 0}, "NOT_FOUND", "ownerUnitId"),
    ]
    for change, code, field in cases:
        refused = await world.refused(world.ministry_head, create_task, terms(world, **change))
        assert refused == (code, (field,)), change


async def test_bad_participants_and_links_are_refused_by_name(world: World) -> None:
    async with world.db.begin(SYSTEM) as tx:
        withdrawn = await tx.session.merge(world.targets["other"])
        withdrawn.state = TargetState.WITHDRAWN
        another = await plan(tx, world.government)
    province, firm = world.province.id, world.firm.id
    cases: list[tuple[dict[str, Any], str, tuple[str | int, ...]]] = [
        ({"lead": Lead(unit_id=0)}, "NOT_FOUND", ("leadUnitId",)),
        ({"lead": Lead(unit_id=province, share=-1)}, "TASK_SHARE_RANGE", ("leadShare",)),
        (
            {"lead": Lead(unit_id=province), "participants": [Part(province)]},
            "TASK_PARTICIPANT_TWICE",
            ("leadUnitId",),
        ),
        ({"participants": [Part(firm), Part(firm)]}, "TASK_PARTICIPANT_TWICE", ("participants", 1, "unitId")),
        ({"participants": [Part(firm), Part(0)]}, "NOT_FOUND", ("participants", 1, "unitId")),
        ({"participants": [Part(firm, share=1_000_001)]}, "TASK_SHARE_RANGE", ("participants", 0, "share")),
        ({"person_ids": [1]}, "TASK_NOT_PARTICIPANT", ("personIds",)),
        ({"targets": [Link(0)]}, "NOT_FOUND", ("targets", 0, "targetId")),
        (
            {"targets": [Link(world.targets["other"].id)]},
            "TASK_TARGET_WITHDRAWN",
            ("targets", 0, "targetId"),
        ),
        (
            {"targets": [Link(world.targets["province"].id)]},
            "TASK_TARGET_OF_OTHERS",
            ("targets", 0, "targetId"),
        ),
        (
            {"targets": [Link(world.targets["ministry"].id, Decimal(0))]},
            "TASK_WEIGHT_NOT_POSITIVE",
            ("targets", 0, "weight"),
        ),
        (
            {"targets": [Link(world.targets["ministry"].id)] * 2},
            "TASK_LINK_TWICE",
            ("targets", 1, "targetId"),
        ),
    ]
    for more, code, path in cases:
        assert await _refused_create(world, world.ministry_head, terms(world), more) == (code, path), more
    elsewhere = {"targets": [Link(world.targets["ministry"].id)]}
    for plan_id in (another.id, None):
        given = terms(world, plan_id=plan_id)
        assert await _refused_create(world, world.ministry_head, given, elsewhere) == (
            "TASK_OTHER_PLAN",
            ("targets", 0, "targetId"),
        )


async def _refused_create(
    world: World, who: Actor, given: Terms, more: dict[str, Any]
) -> tuple[str, tuple[str | int, ...]]:
    """A refusal once the task is written counts on the edge to roll back: so does this."""
    from vdept.kernel.errors import Refused

    before = await world.everything()
    with pytest.raises(Refused) as caught:
        await world.do(who, create_task, given, **more)
    assert await world.everything() == before
    return caught.value.code, caught.value.path


async def test_a_target_in_the_line_of_the_owner_may_be_served(world: World) -> None:
    """The nation's own, from a unit below; and a province's, from a body above."""
    await world.do(
        world.ministry_head, create_task, terms(world), targets=[Link(world.targets["government"].id)]
    )
    given = terms(world, owner_unit_id=world.government.id)
    await world.do(world.government_head, create_task, given, targets=[Link(world.targets["province"].id)])


async def test_rewording_changes_what_is_given_and_nothing_else(world: World) -> None:
    task = await world.given(title="Cũ")
    new = await world.do(
        world.ministry_coordinator, update_task, task.id, title="Đà Nẵng", audience=Audience.PUBLIC
    )
    assert (new.title, new.search, new.audience, new.kind) == (
        "Đà Nẵng",
        "da nang",
        Audience.PUBLIC,
        TaskKind.ROUTINE,
    )
    assert new.version == 2
    assert await world.verbs(task.id) == [
        (
            "task.updated",
            world.ministry.id,
            {
                "from": {"title": "Cũ", "audience": "GOVERNMENT"},
                "to": {"title": "Đà Nẵng", "audience": "PUBLIC"},
            },
        )
    ]
    for who in ("province_head", "ministry_member"):
        refused = await world.refused(world.actors[who], update_task, task.id, title="x")
        assert refused == ("FORBIDDEN", ("taskId",))
    assert await world.refused(world.ministry_head, update_task, task.id, title="") == (
        "INVALID_VALUE",
        ("title",),
    )
    assert await world.refused(world.ministry_head, update_task, task.id, expected_version=1) == (
        "STALE_VERSION",
        ("expectedVersion",),
    )


async def test_a_task_does_not_become_deep_while_its_people_hold_routine_work(world: World) -> None:
    task = await world.given(state=S.ACCEPTED)
    routine = await world.given(state=S.ACCEPTED, title="Việc thường xuyên")
    person, _ = await world.somebody("province")
    for each in (task, routine):
        await world.do(world.province_head, assign_people, each.id, [person.id])
    refused = await world.refused(world.ministry_head, update_task, task.id, kind=TaskKind.DEEP)
    assert refused == ("TASK_KINDS_MIXED", ("kind",))


async def test_the_same_task_for_many_leads_is_one_act_of_as_many_statements_as_for_one(world: World) -> None:
    statements: list[str] = []

    def count(*args: Any) -> None:
        statements.append(args[2])

    event.listen(world.db.engine.sync_engine, "before_cursor_execute", count)
    ids: list[list[int]] = []
    counts: list[int] = []
    for leads in (["province"], ["other", "province", "ministry"]):
        statements.clear()
        ids.append(
            await world.do(
                world.ministry_head,
                create_tasks,
                terms(world),
                [world.units[name].id for name in leads],
                share=4,
                participants=[Part(world.firm.id, ParticipantRole.USER)],
                key_result_id=world.key_result.id,
                weight=Decimal("0.5"),
            )
        )
        counts.append(len(statements))
    event.remove(world.db.engine.sync_engine, "before_cursor_execute", count)
    assert counts[0] == counts[1]
    assert [len(each) for each in ids] == [1, 3]
    other, province, ministry = ids[1]
    assert await world.parts(other) == {
        world.other.id: ("BUILDER", "INVITED", 4, 0, DUE, True),
        world.firm.id: ("USER", "INVITED", 1, 0, DUE, True),
    }
    assert (await world.task(other)).state is S.OFFERED
    assert (await world.task(ministry)).state is S.ACCEPTED
    assert (await world.parts(ministry))[world.ministry.id][1] == "ACCEPTED"
    async with world.db.snapshot(SYSTEM) as tx:
        links = await tx.session.execute(
            select(TaskTarget.task_id, TaskTarget.target_id, TaskTarget.weight)
            .where(TaskTarget.task_id.in_(ids[1]))
            .order_by(TaskTarget.task_id)
        )
        assert {tuple(row) for row in links} == {
            (other, world.targets["other"].id, Decimal("0.500000")),
            (province, world.targets["province"].id, Decimal("0.500000")),
            (ministry, world.targets["ministry"].id, Decimal("0.500000")),
        }
        assert await tx.session.scalar(select(func.count()).select_from(Task)) == 4
        assert await tx.session.scalar(select(func.count()).select_from(Participation)) == 8
    assert [verb for verb, _, _ in await world.verbs(province)] == ["task.created"]
    assert len(await world.changes()) == 4


async def test_one_bad_lead_refuses_the_whole_act(world: World) -> None:
    province, firm = world.province.id, world.firm.id
    cases: list[tuple[list[int], dict[str, Any], str, tuple[str | int, ...]]] = [
        ([], {}, "TASK_NO_LEADS", ("leadUnitIds",)),
        ([province, 0], {}, "NOT_FOUND", ("leadUnitIds", 1)),
        ([province, province], {}, "TASK_ITEM_TWICE", ("leadUnitIds", 1)),
        ([province, firm], {"participants": [Part(firm)]}, "TASK_PARTICIPANT_TWICE", ("leadUnitIds", 1)),
        ([province, firm], {"key_result_id": world.key_result.id}, "NOT_FOUND", ("leadUnitIds", 1)),
        ([province], {"share": -1}, "TASK_SHARE_RANGE", ("leadShare",)),
        ([province], {"weight": Decimal(-1)}, "TASK_WEIGHT_NOT_POSITIVE", ("weight",)),
    ]
    for leads, more, code, path in cases:
        refused = await world.refused(world.ministry_head, create_tasks, terms(world), leads, **more)
        assert refused == (code, path), leads
    refused = await world.refused(world.province_head, create_tasks, terms(world), [province])
    assert refused == ("FORBIDDEN", ("ownerUnitId",))
    refused = await world.refused(
        world.ministry_head,
        create_tasks,
        terms(world, plan_id=None),
        [province],
        key_result_id=world.key_result.id,
    )
    assert refused == ("TASK_OTHER_PLAN", ("keyResultId",))


async def test_an_observer_sees_and_does_not_act(world: World) -> None:
    _, observer = await world.somebody("ministry", Role.OBSERVER)
    task = await world.given()
    assert await world.refused(observer, update_task, task.id, title="x") == ("FORBIDDEN", ("taskId",))
