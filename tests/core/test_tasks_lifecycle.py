"""The life of a task: every step by the right people, every refusal named and without effect."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from factories import NOW, SYSTEM, participation, plan
from tasks_world import DUE, TODAY, World, build
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.targets.models import Audience
from vdept.tasks.finishing import deliver_task, send_back_task, verify_task
from vdept.tasks.lifecycle import (
    accept_task,
    decline_task,
    offer_task,
    reopen_task,
    start_task,
    volunteer_for_task,
)
from vdept.tasks.models import ParticipantRole, ParticipationState, TaskState
from vdept.tasks.pausing import cancel_task, pause_task, resume_task
from vdept.tasks.talking import Proof

S = TaskState
PROOF = [Proof("https://laocai.gov.vn/bao-cao", "Báo cáo")]


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


async def test_from_the_board_to_verified(world: World) -> None:
    task = await world.given(lead=None)
    await world.do(world.ministry_coordinator, offer_task, task.id, world.province.id, expected_version=1)
    await world.do(world.province_coordinator, accept_task, task.id, expected_version=2)
    await world.do(world.province_coordinator, start_task, task.id)
    await world.do(world.province_coordinator, deliver_task, task.id, "17% → 30%", PROOF)
    done = await world.do(world.ministry_coordinator, verify_task, task.id)
    assert (done.state, done.version, done.delivered_on) == (S.VERIFIED, 6, TODAY)
    assert (done.verified_at, done.verified_by_id) == (NOW, world.ministry_coordinator.person_id)
    assert await world.parts(task.id) == {
        world.province.id: ("BUILDER", "ACCEPTED", 1, 100, DUE, False),
    }
    assert done.progress == 100
    ministry, province = world.ministry.id, world.province.id
    log = await world.verbs(task.id)
    assert [(verb, unit_id, data.get("from"), data.get("to")) for verb, unit_id, data in log] == [
        ("task.offered", ministry, "OPEN", "OFFERED"),
        ("task.accepted", province, "OFFERED", "ACCEPTED"),
        ("task.started", province, "ACCEPTED", "IN_PROGRESS"),
        ("task.delivered", province, "IN_PROGRESS", "DELIVERED"),
        ("task.verified", ministry, "DELIVERED", "VERIFIED"),
    ]
    assert log[3][2]["evidence"] == [{"url": "https://laocai.gov.vn/bao-cao", "title": "Báo cáo"}]
    assert await world.changes() == [(task.id, None)] * 5


async def test_a_unit_volunteers_for_a_task_on_the_board(world: World) -> None:
    task = await world.given(lead=None, audience=Audience.PUBLIC)
    taken = await world.do(world.firm_head, volunteer_for_task, task.id, world.firm.id)
    assert (taken.state, taken.lead_unit_id) == (S.ACCEPTED, world.firm.id)
    assert await world.parts(task.id) == {world.firm.id: ("BUILDER", "ACCEPTED", 1, 0, DUE, True)}
    assert (await world.verbs(task.id))[0][:2] == ("task.volunteered", world.firm.id)


async def test_a_participant_that_volunteers_keeps_its_role_and_share(world: World) -> None:
    task = await world.given(lead=None)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.other, role=ParticipantRole.USER, share=7, progress=0)
    await world.do(world.other_head, volunteer_for_task, task.id, world.other.id)
    assert (await world.parts(task.id))[world.other.id] == ("USER", "ACCEPTED", 7, 0, DUE, True)


async def test_a_declined_task_goes_to_another_lead_or_back_to_the_board(world: World) -> None:
    task = await world.given()
    declined = await world.do(world.province_head, decline_task, task.id, " thiếu người ")
    assert (declined.state, declined.state_reason) == (S.DECLINED, "thiếu người")
    assert await world.parts(task.id) == {world.province.id: ("BUILDER", "DECLINED", 1, 0, DUE, False)}
    back = await world.do(world.ministry_head, reopen_task, task.id)
    assert (back.state, back.lead_unit_id, back.state_reason) == (S.OPEN, None, None)
    again = await world.do(
        world.ministry_head, offer_task, task.id, world.firm.id, role=ParticipantRole.USER, share=3
    )
    assert (again.state, again.lead_unit_id) == (S.OFFERED, world.firm.id)
    assert await world.parts(task.id) == {
        world.province.id: ("BUILDER", "DECLINED", 1, 0, DUE, False),
        world.firm.id: ("USER", "INVITED", 3, 0, DUE, True),
    }
    await world.do(world.firm_head, decline_task, task.id, "không phù hợp")
    await world.do(world.ministry_head, offer_task, task.id, world.province.id)
    assert (await world.parts(task.id))[world.province.id] == ("BUILDER", "INVITED", 1, 0, DUE, True)


async def test_a_delivered_task_is_sent_back_with_the_reason_and_delivered_again(world: World) -> None:
    task = await world.given(state=S.DELIVERED, delivered_on=TODAY, result="xong")
    back = await world.do(world.ministry_head, send_back_task, task.id, "chưa đo được hiệu quả")
    assert (back.state, back.delivered_on) == (S.IN_PROGRESS, None)
    assert back.state_reason == "chưa đo được hiệu quả"
    assert (await world.parts(task.id))[world.province.id][-1] is True
    again = await world.do(world.province_head, deliver_task, task.id, "đã đo", PROOF)
    assert (again.state, again.delivered_on, again.state_reason) == (S.DELIVERED, TODAY, None)


@pytest.mark.parametrize("state", [S.OFFERED, S.ACCEPTED, S.IN_PROGRESS])
async def test_a_paused_task_stops_its_clocks_and_resumes_where_it_was(
    world: World, state: TaskState
) -> None:
    task = await world.given(state=state)
    review = date(2026, 4, 1)
    paused = await world.do(world.province_head, pause_task, task.id, "gây quá tải", review)
    assert (paused.state, paused.paused_from, paused.review_on) == (S.PAUSED, state, review)
    assert (await world.parts(task.id))[world.province.id][-1] is False
    resumed = await world.do(world.ministry_head, resume_task, task.id)
    assert (resumed.state, resumed.paused_from, resumed.review_on) == (state, None, None)
    assert resumed.state_reason is None
    assert (await world.parts(task.id))[world.province.id][-1] is True


async def test_only_who_set_a_task_gives_it_up(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    assert await world.refused(world.province_head, cancel_task, task.id, "khó") == ("FORBIDDEN", ("taskId",))
    gone = await world.do(world.ministry_coordinator, cancel_task, task.id, "trùng lặp")
    assert (gone.state, gone.state_reason) == (S.CANCELLED, "trùng lặp")
    assert (await world.parts(task.id))[world.province.id][-1] is False


async def test_the_head_of_a_body_above_may_do_what_the_owner_may(world: World) -> None:
    task = await world.given(owner="commune", lead="other")
    gone = await world.do(world.province_head, cancel_task, task.id, "trùng lặp")
    assert gone.state is S.CANCELLED
    assert (await world.verbs(task.id))[0][1] == world.province.id
    another = await world.given(owner="commune", lead="other")
    refused = await world.refused(world.province_coordinator, cancel_task, another.id, "trùng")
    assert refused == ("FORBIDDEN", ("taskId",))


Act = tuple[str, Callable[..., Awaitable[Any]], tuple[Any, ...], TaskState]
PAUSE_ARGS = ("quá tải", date(2026, 4, 1))


def acts(world: World) -> list[Act]:
    """Each step by somebody who may take it: actor, verb, arguments, a state it may be taken from."""
    return [
        ("ministry_head", offer_task, (world.other.id,), S.DECLINED),
        ("ministry_head", reopen_task, (), S.DECLINED),
        ("other_head", volunteer_for_task, (world.other.id,), S.OPEN),
        ("province_head", accept_task, (), S.OFFERED),
        ("province_head", decline_task, ("bận",), S.OFFERED),
        ("province_head", start_task, (), S.ACCEPTED),
        ("province_head", deliver_task, ("xong", PROOF), S.IN_PROGRESS),
        ("ministry_head", verify_task, (), S.DELIVERED),
        ("ministry_head", send_back_task, ("thiếu",), S.DELIVERED),
        ("province_head", pause_task, PAUSE_ARGS, S.IN_PROGRESS),
        ("province_head", resume_task, (), S.PAUSED),
        ("ministry_head", cancel_task, ("trùng",), S.ACCEPTED),
    ]


async def in_state(world: World, state: TaskState) -> int:
    """A task set by the ministry, led by the province where it has a lead, in ``state``."""
    more: dict[str, Any] = {"state": state}
    if state in {S.PAUSED, S.DECLINED, S.CANCELLED}:
        more["state_reason"] = "vì"
    if state is S.PAUSED:
        more |= {"review_on": date(2026, 4, 1), "paused_from": S.IN_PROGRESS}
    if state in {S.DELIVERED, S.VERIFIED}:
        more["delivered_on"] = TODAY
    return (await world.given(lead=None if state is S.OPEN else "province", **more)).id


async def test_a_step_out_of_turn_is_refused_and_changes_nothing(world: World) -> None:
    ids = {state: await in_state(world, state) for state in TaskState}
    from vdept.tasks.rules import TRANSITIONS, Step

    sources = dict(zip([verb for _, verb, _, _ in acts(world)], TRANSITIONS.values(), strict=True))
    assert [step.value for step in Step] == [
        verb.__name__.removesuffix("_for_task").removesuffix("_task") for verb in sources
    ]
    for who, verb, args, _ in acts(world):
        for state in TaskState:
            if state in sources[verb].sources:
                continue
            code, path = await world.refused(world.actors[who], verb, ids[state], *args)
            finished = verb is decline_task and state in {S.ACCEPTED, S.IN_PROGRESS, S.DELIVERED, S.VERIFIED}
            # a task on the board has no lead who could answer, start, or deliver
            leaderless = state is S.OPEN and who == "province_head"
            expected = "TASK_ACCEPTED_IS_FINISHED" if finished else "TASK_WRONG_STATE"
            assert code == ("FORBIDDEN" if leaderless else expected), (verb.__name__, state)
            assert path == ("taskId",)


async def test_nobody_else_takes_a_step(world: World) -> None:
    """Not an observer or a member, not an unrelated head, not a firm outside: the last does not even see."""
    strangers = [
        "ministry_observer",
        "ministry_member",
        "province_observer",
        "province_member",
        "commune_head",
    ]
    for _, verb, args, state in acts(world):
        task_id = await in_state(world, state)
        for who in [*strangers, *([] if verb is volunteer_for_task else ["other_head"])]:
            path = ("unitId",) if verb is volunteer_for_task else ("taskId",)
            own = verb in {verify_task, send_back_task} and who.startswith("province")
            code = "TASK_OWN_VERIFICATION" if own else "FORBIDDEN"
            assert await world.refused(world.actors[who], verb, task_id, *args) == (code, path)
        for who in ("rival_head", "nobody"):
            assert await world.refused(world.actors[who], verb, task_id, *args) == ("NOT_FOUND", ("taskId",))
        assert await world.refused(world.ministry_head, verb, 0, *args) == ("NOT_FOUND", ("taskId",))


async def test_an_outdated_view_is_refused(world: World) -> None:
    for who, verb, args, state in acts(world):
        task_id = await in_state(world, state)
        refused = await world.refused(world.actors[who], verb, task_id, *args, expected_version=7)
        assert refused == ("STALE_VERSION", ("expectedVersion",)), verb.__name__


async def test_a_reason_is_never_blank(world: World) -> None:
    for who, verb, args, state in acts(world):
        if verb in {decline_task, send_back_task, cancel_task, pause_task}:
            task_id = await in_state(world, state)
            refused = await world.refused(world.actors[who], verb, task_id, " ", *args[1:])
            assert refused == ("TASK_REASON_REQUIRED", ("reason",))


async def test_a_pause_is_reviewed_after_today(world: World) -> None:
    task = await world.given()
    refused = await world.refused(world.province_head, pause_task, task.id, "vì", TODAY)
    assert refused == ("TASK_REVIEW_DATE", ("reviewOn",))


async def test_only_a_head_pauses(world: World) -> None:
    task = await world.given()
    for who in (world.province_coordinator, world.ministry_coordinator):
        assert await world.refused(who, pause_task, task.id, *PAUSE_ARGS) == ("FORBIDDEN", ("taskId",))


async def test_a_task_is_offered_to_a_unit_in_force(world: World) -> None:
    task = await world.given(lead=None)
    refused = await world.refused(world.ministry_head, offer_task, task.id, 0)
    assert refused == ("NOT_FOUND", ("leadUnitId",))
    async with world.db.begin(SYSTEM) as tx:
        ended = await tx.session.get_one(type(world.other), world.other.id)
        ended.valid_to = date(2026, 3, 1)
    refused = await world.refused(world.ministry_head, offer_task, task.id, world.other.id)
    assert refused == ("TASK_UNIT_NOT_IN_FORCE", ("leadUnitId",))
    refused = await world.refused(world.ministry_head, offer_task, task.id, world.province.id, share=-1)
    assert refused == ("TASK_SHARE_RANGE", ("share",))


async def test_a_delivery_needs_a_result_and_evidence(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    head = world.province_head
    assert await world.refused(head, deliver_task, task.id, " ", PROOF) == (
        "TASK_RESULT_REQUIRED",
        ("result",),
    )
    assert await world.refused(head, deliver_task, task.id, "xong") == (
        "TASK_EVIDENCE_REQUIRED",
        ("evidence",),
    )
    assert await world.refused(head, deliver_task, task.id, "xong", [Proof("javascript:x")]) == (
        "TASK_EVIDENCE_URL",
        ("evidence", 0, "url"),
    )
    assert await world.refused(head, deliver_task, task.id, "xong", PROOF * 51) == (
        "TASK_TOO_MANY",
        ("evidence",),
    )


async def test_nobody_verifies_their_own_work(world: World) -> None:
    task = await world.given(state=S.DELIVERED, delivered_on=TODAY)
    for who in (world.province_head, world.province_coordinator):
        assert await world.refused(who, verify_task, task.id) == ("TASK_OWN_VERIFICATION", ("taskId",))
    own = await world.given(owner="province", state=S.DELIVERED, delivered_on=TODAY)
    assert await world.refused(world.province_coordinator, verify_task, own.id) == (
        "TASK_HEAD_VERIFIES",
        ("taskId",),
    )
    done = await world.do(world.province_head, verify_task, own.id)
    assert done.state is S.VERIFIED


async def test_the_problem_owner_confirms_the_effect(world: World) -> None:
    task = await world.given(state=S.DELIVERED, delivered_on=TODAY)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.other, role=ParticipantRole.USER)
    assert await world.refused(world.other_head, verify_task, task.id) == ("FORBIDDEN", ("taskId",))
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.firm, role=ParticipantRole.PROBLEM_OWNER)
    assert await world.refused(world.firm_member, verify_task, task.id) == ("FORBIDDEN", ("taskId",))
    done = await world.do(world.firm_coordinator, verify_task, task.id)
    assert done.state is S.VERIFIED
    assert (await world.verbs(task.id))[0][:2] == ("task.verified", world.firm.id)


async def test_a_task_starts_when_the_three_roles_have_accepted(world: World) -> None:
    async with world.db.begin(SYSTEM) as tx:
        strict = await plan(tx, world.government, three_roles=True)
    task = await world.given(of=strict, state=S.ACCEPTED)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.ministry, role=ParticipantRole.PROBLEM_OWNER)
        await participation(
            tx, task, world.commune, role=ParticipantRole.USER, state=ParticipationState.INVITED
        )
    assert await world.refused(world.province_head, start_task, task.id) == (
        "TASK_ROLES_MISSING",
        ("taskId",),
    )
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, task, world.other, role=ParticipantRole.USER)
    assert (await world.do(world.province_head, start_task, task.id)).state is S.IN_PROGRESS


async def test_of_two_who_accept_at_once_with_the_same_view_one_succeeds(world: World) -> None:
    task = await world.given()
    answers = await asyncio.gather(
        *[
            world.do(who, accept_task, task.id, expected_version=1)
            for who in (world.province_head, world.province_coordinator)
        ],
        return_exceptions=True,
    )
    refused = [each for each in answers if isinstance(each, Refused)]
    assert [each.code for each in refused] == ["STALE_VERSION"]
    assert (await world.task(task.id)).version == 2
    assert [verb for verb, _, _ in await world.verbs(task.id)] == ["task.accepted"]


async def test_of_many_volunteers_one_leads(world: World) -> None:
    task = await world.given(lead=None)
    names = ["province", "other", "ministry"]
    answers = await asyncio.gather(
        *[
            world.do(world.actors[f"{name}_head"], volunteer_for_task, task.id, world.units[name].id)
            for name in names
        ],
        return_exceptions=True,
    )
    assert sorted(each.code for each in answers if isinstance(each, Refused)) == ["TASK_WRONG_STATE"] * 2
    row = await world.task(task.id)
    assert list(await world.parts(task.id)) == [row.lead_unit_id]


async def test_a_failure_in_the_middle_leaves_nothing(world: World) -> None:
    task = await world.given()
    before = await world.everything()

    async def accept_and_fall() -> None:
        async with world.db.begin(world.province_head, now=NOW) as tx:
            await accept_task(tx, task.id)
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await accept_and_fall()
    assert await world.everything() == before
