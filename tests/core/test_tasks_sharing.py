"""Sharing: invitations, answers, shares, persons, progress."""

import asyncio
from decimal import Decimal

import pytest

from factories import NOW, SYSTEM, participation
from tasks_world import DUE, TODAY, World, build
from vdept.kernel.actor import Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.tasks.assigning import assign_people, unassign_person
from vdept.tasks.models import ParticipantRole, ParticipationState, TaskKind, TaskState
from vdept.tasks.progress import report_progress
from vdept.tasks.sharing import (
    Part,
    accept_invitation,
    decline_invitation,
    invite_participants,
    leave_task,
    set_parts,
)

S = TaskState
INVITED = ParticipationState.INVITED


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


async def test_units_of_any_kind_are_invited_and_answer_for_themselves(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    await world.do(
        world.province_coordinator,
        invite_participants,
        task.id,
        [Part(world.firm.id, ParticipantRole.BUILDER, 3), Part(world.other.id), Part(world.ministry.id)],
        expected_version=1,
    )
    invited = await world.parts(task.id)
    assert invited[world.firm.id] == ("BUILDER", "INVITED", 3, 0, DUE, True)
    await world.do(world.firm_coordinator, accept_invitation, task.id)
    await world.do(world.other_head, decline_invitation, task.id, "hết người", unit_id=world.other.id)
    parts = await world.parts(task.id)
    assert parts[world.firm.id] == ("BUILDER", "ACCEPTED", 3, 0, DUE, True)
    assert parts[world.other.id] == ("CONTRIBUTOR", "DECLINED", 1, 0, DUE, False)
    assert [(verb, unit_id) for verb, unit_id, _ in await world.verbs(task.id)] == [
        ("task.participants_invited", world.province.id),
        ("task.invitation_accepted", world.firm.id),
        ("task.invitation_declined", world.other.id),
    ]
    assert (await world.verbs(task.id))[2][2] == {"reason": "hết người", "unit_id": world.other.id}
    assert (await world.task(task.id)).version == 4


async def test_a_unit_that_said_no_can_be_asked_again(world: World) -> None:
    task = await world.given(state=S.ACCEPTED)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.firm, state=ParticipationState.DECLINED)
        await participation(tx, task, world.other, state=ParticipationState.LEFT, share=9)
    again = [Part(world.firm.id), Part(world.other.id, ParticipantRole.USER, 2)]
    await world.do(world.ministry_head, invite_participants, task.id, again)
    parts = await world.parts(task.id)
    assert parts[world.firm.id] == ("CONTRIBUTOR", "INVITED", 1, 0, DUE, True)
    assert parts[world.other.id] == ("USER", "INVITED", 2, 0, DUE, True)


async def test_bad_invitations_are_refused_whole(world: World) -> None:
    task = await world.given(state=S.ACCEPTED)
    firm, other = world.firm.id, world.other.id
    unit_at = ("participants", 1, "unitId")
    for parts, code, path in (
        ([], "INVALID_VALUE", ("participants",)),
        ([Part(firm), Part(firm)], "TASK_PARTICIPANT_TWICE", unit_at),
        ([Part(firm), Part(world.province.id)], "TASK_PARTICIPANT_TWICE", unit_at),
        ([Part(firm), Part(0)], "NOT_FOUND", unit_at),
        ([Part(firm), Part(other, share=-1)], "TASK_SHARE_RANGE", ("participants", 1, "share")),
    ):
        assert await world.refused(world.province_head, invite_participants, task.id, parts) == (code, path)
    for who in ("province_member", "province_observer", "other_head", "commune_head"):
        refused = await world.refused(world.actors[who], invite_participants, task.id, [Part(firm)])
        assert refused == ("FORBIDDEN", ("taskId",))
    done = await world.given(state=S.DELIVERED, delivered_on=TODAY)
    assert await world.refused(world.province_head, invite_participants, done.id, [Part(firm)]) == (
        "TASK_WRONG_STATE",
        ("taskId",),
    )


async def test_bad_answers_are_refused(world: World) -> None:
    task = await world.given(state=S.ACCEPTED)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.firm, state=INVITED)
    for who in ("firm_member", "firm_observer"):
        assert await world.refused(world.actors[who], accept_invitation, task.id) == (
            "FORBIDDEN",
            ("taskId",),
        )
    assert await world.refused(world.province_head, accept_invitation, task.id, unit_id=world.firm.id) == (
        "FORBIDDEN",
        ("unitId",),
    )
    assert await world.refused(world.other_head, accept_invitation, task.id, unit_id=world.other.id) == (
        "TASK_NOT_PARTICIPANT",
        ("unitId",),
    )
    assert await world.refused(world.rival_head, accept_invitation, task.id) == ("NOT_FOUND", ("taskId",))
    assert await world.refused(world.firm_head, decline_invitation, task.id, "") == (
        "TASK_REASON_REQUIRED",
        ("reason",),
    )
    assert await world.refused(world.firm_head, leave_task, task.id, "bận") == (
        "TASK_NOT_PARTICIPANT",
        ("unitId",),
    )
    assert await world.refused(world.firm_head, accept_invitation, task.id, expected_version=9) == (
        "STALE_VERSION",
        ("expectedVersion",),
    )
    await world.do(world.firm_head, accept_invitation, task.id)
    for verb, more in ((accept_invitation, ()), (decline_invitation, ("bận",))):
        assert await world.refused(world.firm_head, verb, task.id, *more) == (
            "TASK_INVITATION_ANSWERED",
            ("unitId",),
        )
        assert await world.refused(world.province_head, verb, task.id, *more) == (
            "TASK_LEAD_STAYS",
            ("unitId",),
        )


async def test_a_unit_that_leaves_takes_its_people_and_its_progress_out(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.firm, share=1)
    person, _ = await world.somebody("firm")
    await world.do(world.firm_head, assign_people, task.id, [person.id])
    half = await world.do(world.firm_head, report_progress, task.id, 100)
    assert half.progress == Decimal("50.00")
    left = await world.do(world.firm_head, leave_task, task.id, "phá sản")
    assert left.progress == Decimal("0.00")
    assert (await world.parts(task.id))[world.firm.id] == ("CONTRIBUTOR", "LEFT", 1, 100, DUE, False)
    async with world.db.snapshot(SYSTEM) as tx:
        from vdept.tasks.queries import assignees_of_tasks

        assert await assignees_of_tasks(tx, [task.id]) == {task.id: []}
    assert await world.refused(world.province_head, leave_task, task.id, "bận") == (
        "TASK_LEAD_STAYS",
        ("unitId",),
    )


async def test_shares_are_agreed_in_one_act_and_move_the_progress(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.firm, progress=90)
    agreed = [
        Part(world.province.id, ParticipantRole.USER, 1),
        Part(world.firm.id, ParticipantRole.BUILDER, 2),
    ]
    changed = await world.do(world.ministry_head, set_parts, task.id, agreed)
    assert changed.progress == Decimal("60.00")
    parts = await world.parts(task.id)
    assert (parts[world.province.id][0], parts[world.firm.id][2]) == ("USER", 2)
    refused = await world.refused(world.ministry_head, set_parts, task.id, [agreed[0], Part(world.other.id)])
    assert refused == ("TASK_NOT_PARTICIPANT", ("participants", 1, "unitId"))
    assert await world.refused(world.firm_head, set_parts, task.id, agreed) == ("FORBIDDEN", ("taskId",))


async def test_each_unit_reports_its_own_part(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS, share=2)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.firm, share=1)
        await participation(tx, task, world.other, share=5, state=INVITED)
    first = await world.do(world.province_member, report_progress, task.id, 40)
    assert first.progress == Decimal("26.67")
    second = await world.do(world.firm_member, report_progress, task.id, 100, expected_version=2)
    assert (second.progress, second.version) == (Decimal("60.00"), 3)
    down = await world.do(world.firm_member, report_progress, task.id, 10)
    assert down.progress == Decimal("30.00")
    assert (await world.verbs(task.id))[-1] == (
        "task.progress_reported",
        world.firm.id,
        {"from": 100, "to": 10, "task_from": "60.00", "task_to": "30.00"},
    )
    assert await world.changes() == [(task.id, None)] * 3
    assert await world.refused(world.other_head, report_progress, task.id, 5) == (
        "TASK_NOT_PARTICIPANT",
        ("unitId",),
    )
    for who, code in (
        ("firm_observer", "FORBIDDEN"),
        ("commune_head", "FORBIDDEN"),
        ("rival_head", "NOT_FOUND"),
    ):
        assert await world.refused(world.actors[who], report_progress, task.id, 5) == (code, ("taskId",))
    for wrong in (-1, 101):
        assert await world.refused(world.firm_member, report_progress, task.id, wrong) == (
            "TASK_PROGRESS_RANGE",
            ("progress",),
        )
    offered = await world.given()
    assert await world.refused(world.province_member, report_progress, offered.id, 5) == (
        "TASK_WRONG_STATE",
        ("taskId",),
    )


async def test_people_of_one_unit_are_assigned_by_who_manages_it(world: World) -> None:
    task = await world.given(state=S.ACCEPTED)
    one, _ = await world.somebody("province")
    two, _ = await world.somebody("province", Role.DEPUTY)
    await world.do(world.province_coordinator, assign_people, task.id, [one.id, two.id])
    assert (await world.verbs(task.id))[0][2] == {"person_ids": [one.id, two.id]}
    await world.do(world.province_coordinator, unassign_person, task.id, two.id)
    outsider, _ = await world.somebody("other")
    watcher, _ = await world.somebody("province", Role.OBSERVER)
    head = world.province_head
    for people, code, path in (
        ([one.id], "TASK_ALREADY_ASSIGNED", ("personIds", 0)),
        ([two.id, two.id], "TASK_ITEM_TWICE", ("personIds", 1)),
        ([two.id, outsider.id], "TASK_NOT_A_MEMBER", ("personIds", 1)),
        ([watcher.id], "TASK_NOT_A_MEMBER", ("personIds", 0)),
        ([0], "NOT_FOUND", ("personIds", 0)),
    ):
        assert await world.refused(head, assign_people, task.id, people) == (code, path)
    assert await world.refused(head, unassign_person, task.id, two.id) == (
        "TASK_NOT_ASSIGNED",
        ("personId",),
    )
    for who in ("province_member", "ministry_head", "commune_head"):
        for verb, what in ((assign_people, [two.id]), (unassign_person, one.id)):
            assert await world.refused(world.actors[who], verb, task.id, what) == ("FORBIDDEN", ("taskId",))
    offered = await world.given()
    assert await world.refused(head, assign_people, offered.id, [one.id]) == (
        "TASK_NOT_PARTICIPANT",
        ("unitId",),
    )


async def test_routine_and_deep_work_are_never_on_one_person(world: World) -> None:
    routine = await world.given(state=S.PAUSED, state_reason="x", review_on=DUE, paused_from=S.ACCEPTED)
    finished = await world.given(state=S.VERIFIED, delivered_on=TODAY)
    deep = await world.given(state=S.ACCEPTED, kind=TaskKind.DEEP)
    person, _ = await world.somebody("province")
    async with world.db.begin(SYSTEM) as tx:
        from vdept.tasks.models import Assignee

        tx.session.add_all(
            Assignee(task_id=each.id, person_id=person.id, unit_id=world.province.id, assigned_at=NOW)
            for each in (routine, finished)
        )
    async with world.db.begin(world.province_head, now=NOW) as tx:
        with pytest.raises(Refused) as caught:
            await assign_people(tx, deep.id, [person.id])
    assert caught.value.code == "TASK_KINDS_MIXED"
    assert caught.value.params == {"person": person.name, "tasks": f"#{routine.id} {routine.title}"}
    await world.do(world.province_head, unassign_person, routine.id, person.id)
    await world.do(world.province_head, assign_people, deep.id, [person.id])


async def test_racing_assignments_of_both_kinds_give_a_person_one_of_them(world: World) -> None:
    tasks = [await world.given(state=S.ACCEPTED, kind=kind) for kind in (TaskKind.ROUTINE, TaskKind.DEEP)]
    person, _ = await world.somebody("province")
    answers = await asyncio.gather(
        *[world.do(world.province_head, assign_people, task.id, [person.id]) for task in tasks],
        return_exceptions=True,
    )
    assert [each.code for each in answers if isinstance(each, Refused)] == ["TASK_KINDS_MIXED"]
