"""What a task serves and waits for, its due date, and what is said and shown in it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from factories import NOW, SYSTEM, participation, plan, target
from tasks_world import DUE, TODAY, World, build
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.targets.models import TargetState
from vdept.tasks.due import extend_due
from vdept.tasks.lifecycle import start_task
from vdept.tasks.linking import (
    Link,
    add_dependency,
    link_targets,
    remove_dependency,
    set_parent,
    unlink_target,
)
from vdept.tasks.models import (
    ParticipationState,
    TaskComment,
    TaskDependency,
    TaskEvidence,
    TaskState,
    TaskTarget,
)
from vdept.tasks.pausing import pause_task
from vdept.tasks.queries import blocked_by_tasks, blockers_of_tasks
from vdept.tasks.sharing import decline_invitation, leave_task
from vdept.tasks.talking import Proof, add_evidence, comment_on_task

S = TaskState


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


async def test_a_task_serves_several_targets_each_with_a_weight(world: World) -> None:
    task = await world.given()
    province, ministry = world.targets["province"].id, world.targets["ministry"].id
    links = [Link(province, Decimal("1.5")), Link(ministry)]
    await world.do(world.ministry_head, link_targets, task.id, links, expected_version=1)
    await world.do(world.ministry_head, unlink_target, task.id, ministry)
    async with world.db.snapshot(SYSTEM) as tx:
        rows = (await tx.session.scalars(select(TaskTarget))).all()
    assert [(row.task_id, row.target_id, row.weight) for row in rows] == [(task.id, province, Decimal("1.5"))]
    assert await world.changes() == [(task.id, None), (task.id, None), (None, ministry)]
    assert [(verb, data) for verb, _, data in await world.verbs(task.id)] == [
        (
            "task.targets_linked",
            {
                "targets": [
                    {"target_id": province, "weight": "1.5", "state": "PROPOSED"},
                    {"target_id": ministry, "weight": "1"},
                ]
            },
        ),
        ("task.target_unlinked", {"target_id": ministry, "weight": "1.000000"}),
    ]


@pytest.mark.parametrize(("state", "act"), [("ACCEPTED", leave_task), ("INVITED", decline_invitation)])
async def test_a_unit_that_is_out_of_a_task_is_not_served_by_it(
    world: World, state: str, act: Callable[..., Awaitable[object]]
) -> None:
    """What goes on in a task that a firm does not see any more would show in the firm's own figures."""
    row = await world.given()
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        held = await target(tx, world.key_result, world.firm, world.targets["government"])
        await participation(tx, row, world.firm, state=ParticipationState(state))
    links = [Link(held.id), Link(world.targets["ministry"].id)]
    await world.do(world.ministry_head, link_targets, row.id, links)
    await world.do(world.firm_head, act, row.id, "hết người")
    async with world.db.snapshot(SYSTEM) as tx:
        served = (await tx.session.scalars(select(TaskTarget.target_id))).all()
    assert served == [world.targets["ministry"].id]
    assert (None, held.id) in await world.changes()
    verb, unit_id, data = (await world.verbs(row.id))[-2]
    assert (verb, unit_id, data["target_id"]) == ("task.target_unlinked", world.firm.id, held.id)


async def test_a_unit_in_line_with_the_owner_is_served_whether_it_takes_part_or_not(world: World) -> None:
    row = await world.given("government", "ministry", state=S.ACCEPTED)
    async with world.db.begin(SYSTEM, now=NOW) as tx:
        await participation(tx, row, world.province)
    await world.do(world.government_head, link_targets, row.id, [Link(world.targets["province"].id)])
    await world.do(world.province_head, leave_task, row.id, "hết người")
    async with world.db.snapshot(SYSTEM) as tx:
        assert await tx.session.scalar(select(TaskTarget.target_id)) == world.targets["province"].id


async def test_bad_links_are_refused_whole(world: World) -> None:
    task = await world.given()
    ministry = world.targets["ministry"].id
    await world.do(world.ministry_head, link_targets, task.id, [Link(ministry)])
    province = world.targets["province"].id
    async with world.db.begin(SYSTEM) as tx:
        withdrawn = await tx.session.merge(world.targets["government"])
        withdrawn.state = TargetState.WITHDRAWN
    unplanned = await world.given(of=None)
    head = world.ministry_head
    first, second = ("targets", 0, "targetId"), ("targets", 1, "targetId")
    for links, code, path in (
        ([Link(province), Link(ministry)], "TASK_LINK_TWICE", second),
        ([Link(province), Link(0)], "NOT_FOUND", second),
        ([Link(province, Decimal(-1))], "TASK_WEIGHT_NOT_POSITIVE", ("targets", 0, "weight")),
        ([Link(world.targets["other"].id)], "TASK_TARGET_OF_OTHERS", first),
        ([Link(world.targets["government"].id)], "TASK_TARGET_WITHDRAWN", first),
    ):
        assert await world.refused(head, link_targets, task.id, links) == (code, path)
    assert await world.refused(head, link_targets, unplanned.id, [Link(province)]) == (
        "TASK_OTHER_PLAN",
        first,
    )
    assert await world.refused(head, unlink_target, task.id, province) == ("TASK_NOT_LINKED", ("targetId",))
    for who in ("province_head", "ministry_member", "other_head"):
        for verb, what in ((link_targets, [Link(province)]), (unlink_target, ministry)):
            assert await world.refused(world.actors[who], verb, task.id, what) == ("FORBIDDEN", ("taskId",))


async def test_a_task_starts_when_all_it_waits_for_is_delivered(world: World) -> None:
    task = await world.given(state=S.ACCEPTED)
    running = await world.given(state=S.IN_PROGRESS, title="Nền tảng")
    done = await world.given(state=S.VERIFIED, delivered_on=TODAY)
    for blocker in (running, done):
        await world.do(world.province_head, add_dependency, task.id, blocker.id)
    assert await world.refused(world.province_head, start_task, task.id) == ("TASK_BLOCKED", ("taskId",))
    async with world.db.begin(world.province_head, now=NOW) as tx:
        with pytest.raises(Refused) as caught:
            await start_task(tx, task.id)
    assert caught.value.params == {"count": 1, "tasks": f"#{running.id} Nền tảng"}
    async with world.db.snapshot(world.province_head) as tx:
        waiting = await blockers_of_tasks(tx, [task.id, running.id])
        holding = await blocked_by_tasks(tx, [running.id])
    assert [each.id for each in waiting[task.id]] == sorted([running.id, done.id])
    assert (waiting[running.id], [each.id for each in holding[running.id]]) == ([], [task.id])
    await world.do(world.ministry_head, remove_dependency, task.id, running.id)
    assert (await world.do(world.province_head, start_task, task.id)).state is S.IN_PROGRESS


async def test_dependencies_and_sub_tasks_form_no_cycle(world: World) -> None:
    a, b, c = [(await world.given()).id for _ in range(3)]
    head = world.ministry_head
    await world.do(head, add_dependency, a, b)
    await world.do(head, add_dependency, b, c)
    for task_id, blocker, code in (
        (a, a, "TASK_CYCLE"),
        (b, a, "TASK_CYCLE"),
        (c, a, "TASK_CYCLE"),
        (a, b, "TASK_LINK_TWICE"),
        (a, 0, "NOT_FOUND"),
    ):
        assert await world.refused(head, add_dependency, task_id, blocker) == (code, ("blockedById",))
    await world.do(head, add_dependency, a, c)
    assert await world.refused(head, remove_dependency, c, a) == ("TASK_NOT_LINKED", ("blockedById",))
    await world.do(head, set_parent, a, b)
    await world.do(head, set_parent, b, c)
    for task_id, parent in ((a, a), (b, a), (c, a)):
        assert await world.refused(head, set_parent, task_id, parent) == ("TASK_CYCLE", ("parentId",))
    await world.do(head, set_parent, b, None)
    await world.do(head, set_parent, c, a)
    assert [(await world.task(each)).parent_id for each in (a, b, c)] == [b, None, a]


async def test_only_tasks_of_one_plan_depend_on_each_other(world: World) -> None:
    async with world.db.begin(SYSTEM) as tx:
        another = await plan(tx, world.government)
    here, there = await world.given(), await world.given(of=another)
    for verb, field in ((add_dependency, "blockedById"), (set_parent, "parentId")):
        assert await world.refused(world.ministry_head, verb, here.id, there.id) == (
            "TASK_OTHER_PLAN",
            (field,),
        )
        assert await world.refused(world.other_head, verb, here.id, there.id) == ("FORBIDDEN", ("taskId",))


async def test_of_two_racing_dependencies_that_would_close_a_cycle_one_succeeds(world: World) -> None:
    for _ in range(3):
        a, b = [(await world.given()).id for _ in range(2)]
        answers = await asyncio.gather(
            world.do(world.ministry_head, add_dependency, a, b),
            world.do(world.province_head, add_dependency, b, a),
            return_exceptions=True,
        )
        assert [each.code for each in answers if isinstance(each, Refused)] == ["TASK_CYCLE"]
        assert len([each for each in answers if isinstance(each, Exception)]) == 1
        async with world.db.snapshot(SYSTEM) as tx:
            mine = TaskDependency.task_id.in_([a, b])
            assert len((await tx.session.scalars(select(TaskDependency).where(mine))).all()) == 1


async def test_an_extension_is_granted_by_the_owner_and_counted(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.firm)
    later, latest = date(2026, 9, 30), date(2026, 12, 31)
    await world.do(world.ministry_coordinator, extend_due, task.id, later, "chờ hướng dẫn")
    row = await world.do(world.ministry_head, extend_due, task.id, latest, "chờ tiếp", expected_version=2)
    assert (row.due_on, row.original_due_on, row.extensions) == (latest, DUE, 2)
    assert {part[4] for part in (await world.parts(task.id)).values()} == {latest}
    assert (await world.verbs(task.id))[0][2] == {
        "from": "2026-06-30",
        "to": "2026-09-30",
        "reason": "chờ hướng dẫn",
        "extensions": 1,
        "extension_id": 1,
    }
    assert await world.changes() == [(task.id, None)] * 2


async def test_bad_extensions_are_refused(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    late = await world.given(due_on=date(2026, 1, 15))
    done = await world.given(state=S.DELIVERED, delivered_on=TODAY)
    good = date(2026, 9, 30)
    head = world.ministry_head
    for who, task_id, due_on, reason, code, field in (
        (head, task.id, DUE, "vì", "TASK_DUE_NOT_LATER", "dueOn"),
        (head, task.id, date(2027, 1, 1), "vì", "TASK_DUE_OUTSIDE_PLAN", "dueOn"),
        (head, late.id, date(2026, 3, 1), "vì", "TASK_DUE_IN_PAST", "dueOn"),
        (head, task.id, good, "", "TASK_REASON_REQUIRED", "reason"),
        (head, done.id, good, "vì", "TASK_WRONG_STATE", "taskId"),
        (head, 0, good, "vì", "NOT_FOUND", "taskId"),
        (world.province_head, task.id, good, "vì", "FORBIDDEN", "taskId"),
        (world.ministry_member, task.id, good, "vì", "FORBIDDEN", "taskId"),
    ):
        assert await world.refused(who, extend_due, task_id, due_on, reason) == (code, (field,))
    assert await world.refused(head, extend_due, task.id, good, "vì", expected_version=5) == (
        "STALE_VERSION",
        ("expectedVersion",),
    )


async def test_a_paused_task_keeps_its_copies_when_extended(world: World) -> None:
    task = await world.given()
    await world.do(world.province_head, pause_task, task.id, "quá tải", date(2026, 4, 1))
    await world.do(world.ministry_head, extend_due, task.id, date(2026, 9, 30), "vì")
    assert (await world.parts(task.id))[world.province.id][4:] == (date(2026, 9, 30), False)


async def test_those_in_a_task_talk_and_show(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    for who in (world.province_member, world.ministry_member, world.government_head):
        comment: TaskComment = await world.do(who, comment_on_task, task.id, " chưa hợp lý ")
        assert (comment.body, comment.author_id, comment.created_at) == (
            "chưa hợp lý",
            who.person_id,
            NOW,
        )
    shown: TaskEvidence = await world.do(
        world.province_member, add_evidence, task.id, Proof("https://laocai.gov.vn/so-lieu")
    )
    assert (shown.url, shown.title, shown.unit_id) == (
        "https://laocai.gov.vn/so-lieu",
        "https://laocai.gov.vn/so-lieu",
        world.province.id,
    )
    assert [verb for verb, _, _ in await world.verbs(task.id)] == ["task.commented"] * 3 + [
        "task.evidence_added"
    ]
    assert (await world.verbs(task.id))[0][2] == {"comment_id": comment.id - 2, "body": "chưa hợp lý"}


async def test_nobody_else_talks_or_shows(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    for verb, what, field in (
        (comment_on_task, "x", "body"),
        (add_evidence, Proof("https://x.vn"), "url"),
    ):
        for who in ("province_observer", "other_head", "commune_head"):
            assert await world.refused(world.actors[who], verb, task.id, what) == ("FORBIDDEN", ("taskId",))
        assert await world.refused(world.rival_head, verb, task.id, what) == ("NOT_FOUND", ("taskId",))
        blank = Proof(" ") if verb is add_evidence else " "
        code = "TASK_EVIDENCE_URL" if verb is add_evidence else "INVALID_VALUE"
        assert await world.refused(world.province_member, verb, task.id, blank) == (code, (field,))
    done = await world.given(state=S.VERIFIED, delivered_on=TODAY)
    assert await world.refused(world.province_member, add_evidence, done.id, Proof("https://x.vn")) == (
        "TASK_WRONG_STATE",
        ("taskId",),
    )
    await world.do(world.province_member, comment_on_task, done.id, "cảm ơn")
