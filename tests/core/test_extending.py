"""Extensions are asked for by the lead, granted or refused by who set the task, counted and told of."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from factories import NOW, SYSTEM, actor, participation
from tasks_world import DUE, TODAY, World, build
from vdept.kernel.actor import Role
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.tasks import due, extending, finishing, lifecycle, pausing
from vdept.tasks.models import ExtensionState, TaskExtension, TaskState
from vdept.tasks.schedule_queries import extensions_of_tasks, requests_page
from vdept.tasks.talking import Proof

S, E = TaskState, ExtensionState
WANTED = date(2026, 8, 31)
WHY = "chờ hướng dẫn"


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


async def asked(world: World, **more: Any) -> tuple[int, int]:
    """A task under way and the request in it, for 31 August."""
    task = await world.given(state=more.pop("state", S.IN_PROGRESS), **more)
    row = await world.do(world.province_head, extending.request_extension, task.id, WANTED, WHY)
    return task.id, row.id


async def row_of(world: World, extension_id: int) -> TaskExtension:
    async with world.db.snapshot(SYSTEM) as tx:
        return await tx.session.get_one(TaskExtension, extension_id)


async def told(world: World, origin: str) -> dict[int, tuple[str, int, dict[str, Any]]]:
    """Who was told what, by person: the kind, the unit, the values."""
    async with world.db.snapshot(SYSTEM) as tx:
        rows = await tx.session.execute(
            text("SELECT person_id, kind, unit_id, data FROM notification WHERE origin = :origin"),
            {"origin": origin},
        )
        return {row[0]: (row[1], row[2], row[3]) for row in rows}


async def test_a_request_waits_and_moves_nothing(world: World) -> None:
    task_id, extension_id = await asked(world)
    task, row = await world.task(task_id), await row_of(world, extension_id)
    assert (task.due_on, task.extensions, task.version) == (DUE, 0, 2)
    assert (row.state, row.due_on, row.wanted_due_on, row.reason) == (E.REQUESTED, DUE, WANTED, WHY)
    assert (row.unit_id, row.requested_by_id) == (world.province.id, world.province_head.person_id)
    assert await world.verbs(task_id) == [
        (
            "task.extension_requested",
            world.province.id,
            {"extension_id": extension_id, "from": "2026-06-30", "to": "2026-08-31", "reason": WHY},
        )
    ]


async def test_the_managers_of_the_unit_that_set_it_hear_of_a_request_and_nobody_else(world: World) -> None:
    await asked(world)
    heard = await told(world, "task_extension")
    managers = {world.ministry_head.person_id, world.ministry_coordinator.person_id}
    assert set(heard) == managers
    kind, unit_id, data = heard[world.ministry_head.person_id or 0]
    assert (kind, unit_id) == ("EXTENSION_REQUESTED", world.ministry.id)
    assert (data["unit"], data["due_on"], data["wanted_due_on"]) == ("Lào Cai", "2026-06-30", "2026-08-31")


async def test_who_has_left_the_unit_or_the_platform_is_not_told(world: World, owner: Database) -> None:
    async with owner.begin(SYSTEM, now=NOW) as tx:
        gone = await actor(tx, world.ministry, Role.DEPUTY)
        asleep = await actor(tx, world.ministry, Role.DEPUTY, active=False)
        await tx.session.execute(
            text("UPDATE membership SET ends_on = :day WHERE person_id = :id"),
            {"day": TODAY - timedelta(days=1), "id": gone.person_id},
        )
    await asked(world)
    assert not {gone.person_id, asleep.person_id} & set(await told(world, "task_extension"))


async def test_granting_moves_the_date_and_counts(world: World) -> None:
    task_id, extension_id = await asked(world)
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, await world.task(task_id), world.firm)
    await world.do(world.ministry_coordinator, extending.grant_extension, extension_id, reason="hợp lý")
    task, row = await world.task(task_id), await row_of(world, extension_id)
    assert (task.due_on, task.original_due_on, task.extensions) == (WANTED, DUE, 1)
    assert (row.state, row.granted_due_on, row.decision_reason) == (E.GRANTED, WANTED, "hợp lý")
    assert (row.decided_by_id, row.decided_at) == (world.ministry_coordinator.person_id, NOW)
    assert {part[4] for part in (await world.parts(task_id)).values()} == {WANTED}
    assert (await world.verbs(task_id))[-1] == (
        "task.due_extended",
        world.ministry.id,
        {
            "from": "2026-06-30",
            "to": "2026-08-31",
            "extensions": 1,
            "extension_id": extension_id,
            "reason": "hợp lý",
        },
    )
    heard = await told(world, "task_extension_decision")
    assert set(heard) == {world.province_head.person_id, world.province_coordinator.person_id}
    kind, unit_id, data = heard[world.province_head.person_id or 0]
    assert (kind, unit_id) == ("EXTENSION_DECIDED", world.province.id)
    assert (data["state"], data["granted_due_on"], data["reason"]) == ("GRANTED", "2026-08-31", "hợp lý")


async def test_who_asked_and_has_left_the_unit_since_is_not_told_of_the_decision(
    world: World, owner: Database
) -> None:
    _, extension_id = await asked(world)
    async with owner.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(
            text("UPDATE membership SET ends_on = :day WHERE person_id = :id"),
            {"day": TODAY - timedelta(days=1), "id": world.province_head.person_id},
        )
    await world.do(world.ministry_head, extending.refuse_extension, extension_id, "không đủ lý do")
    assert set(await told(world, "task_extension_decision")) == {world.province_coordinator.person_id}


async def test_a_lead_that_has_declined_is_not_told_of_a_later_date(world: World) -> None:
    task = await world.given(state=S.OFFERED)
    await world.do(world.province_head, lifecycle.decline_task, task.id, WHY)
    await world.do(world.ministry_head, due.extend_due, task.id, WANTED, "để mời đơn vị khác")
    assert (await world.task(task.id)).due_on == WANTED
    assert await told(world, "task_extension_decision") == {}


async def test_another_date_than_the_one_asked_for_may_be_granted(world: World) -> None:
    task_id, extension_id = await asked(world)
    earlier = date(2026, 7, 15)
    assert await world.refused(world.ministry_head, extending.grant_extension, extension_id, due_on=DUE) == (
        "TASK_DUE_NOT_LATER",
        ("dueOn",),
    )
    await world.do(world.ministry_head, extending.grant_extension, extension_id, due_on=earlier)
    row = await row_of(world, extension_id)
    assert (row.wanted_due_on, row.granted_due_on, row.decision_reason) == (WANTED, earlier, None)
    assert (await world.task(task_id)).due_on == earlier


async def test_refusing_leaves_the_date_and_says_why(world: World) -> None:
    task_id, extension_id = await asked(world)
    assert await world.refused(world.ministry_head, extending.refuse_extension, extension_id, " ") == (
        "TASK_REASON_REQUIRED",
        ("reason",),
    )
    await world.do(world.ministry_head, extending.refuse_extension, extension_id, "không đủ lý do")
    task, row = await world.task(task_id), await row_of(world, extension_id)
    assert (task.due_on, task.extensions, row.state) == (DUE, 0, E.REFUSED)
    assert (row.granted_due_on, row.decision_reason) == (None, "không đủ lý do")
    assert (await world.verbs(task_id))[-1][0] == "task.extension_refused"
    heard = await told(world, "task_extension_decision")
    assert heard[world.province_head.person_id or 0][2]["state"] == "REFUSED"


async def test_one_request_is_open_at_a_time_and_the_next_follows_its_answer(world: World) -> None:
    task_id, extension_id = await asked(world)
    again = (world.province_coordinator, extending.request_extension, task_id, date(2026, 9, 1), WHY)
    assert await world.refused(*again) == ("EXTENSION_OPEN", ("taskId",))
    await world.do(world.province_coordinator, extending.withdraw_extension, extension_id)
    assert (await row_of(world, extension_id)).state is E.WITHDRAWN
    heard = await told(world, "task_extension_decision")
    assert {data["state"] for _, _, data in heard.values()} == {"WITHDRAWN"}
    assert set(heard) == {world.ministry_head.person_id, world.ministry_coordinator.person_id}
    second = await world.do(*again)
    for verb in (extending.grant_extension, extending.withdraw_extension):
        assert await world.refused(world.ministry_head, verb, extension_id) == (
            "EXTENSION_DECIDED",
            ("extensionId",),
        )
    rows = (await world.ask(world.province_head, extensions_of_tasks, [task_id]))[task_id]
    assert [(row.id, row.state) for row in rows] == [(extension_id, E.WITHDRAWN), (second.id, E.REQUESTED)]


async def test_extending_without_being_asked_answers_what_is_open_and_is_in_the_same_list(
    world: World,
) -> None:
    task_id, extension_id = await asked(world)
    await world.do(world.ministry_head, due.extend_due, task_id, date(2026, 7, 31), "vừa đủ")
    await world.do(world.ministry_head, due.extend_due, task_id, date(2026, 9, 30), "thêm nữa")
    first, second = (await world.ask(world.province_head, extensions_of_tasks, [task_id]))[task_id]
    assert (first.id, first.state, first.granted_due_on) == (extension_id, E.GRANTED, date(2026, 7, 31))
    assert (first.reason, first.decision_reason) == (WHY, "vừa đủ")
    assert (second.unit_id, second.requested_by_id) == (world.ministry.id, None)
    assert (second.state, second.due_on, second.granted_due_on) == (
        E.GRANTED,
        date(2026, 7, 31),
        date(2026, 9, 30),
    )
    assert (await world.task(task_id)).extensions == 2
    heard = await told(world, "task_extension_decision")
    assert world.province_coordinator.person_id in heard


@pytest.mark.parametrize(
    ("due_on", "reason", "refused"),
    [
        (DUE, WHY, ("TASK_DUE_NOT_LATER", ("dueOn",))),
        (date(2026, 5, 1), WHY, ("TASK_DUE_NOT_LATER", ("dueOn",))),
        (date(2026, 3, 1), WHY, ("TASK_DUE_IN_PAST", ("dueOn",))),
        (date(2027, 1, 1), WHY, ("TASK_DUE_OUTSIDE_PLAN", ("dueOn",))),
        (WANTED, "  ", ("TASK_REASON_REQUIRED", ("reason",))),
    ],
)
async def test_a_date_that_is_none_is_refused(
    world: World, due_on: date, reason: str, refused: tuple[str, tuple[str]]
) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    ask = (world.province_head, extending.request_extension, task.id, due_on, reason)
    assert await world.refused(*ask) == refused


async def test_who_is_late_may_ask_too(world: World) -> None:
    late = TODAY - timedelta(days=20)
    task_id, extension_id = await asked(world, due_on=late)
    await world.do(world.ministry_head, extending.grant_extension, extension_id, due_on=TODAY)
    assert (await world.task(task_id)).due_on == TODAY


@pytest.mark.parametrize("state", [S.OFFERED, S.ACCEPTED, S.IN_PROGRESS])
async def test_a_lead_with_work_before_it_may_ask(world: World, state: S) -> None:
    await asked(world, state=state)


@pytest.mark.parametrize("state", [S.DELIVERED, S.VERIFIED, S.DECLINED, S.PAUSED, S.CANCELLED])
async def test_a_lead_without_a_running_clock_may_not(world: World, state: S) -> None:
    more: dict[str, Any] = {}
    if state in (S.DELIVERED, S.VERIFIED):
        more["delivered_on"] = TODAY
    if state in (S.DECLINED, S.PAUSED, S.CANCELLED):
        more["state_reason"] = "x"
    if state is S.PAUSED:
        more |= {"review_on": DUE, "paused_from": S.IN_PROGRESS}
    task = await world.given(state=state, **more)
    ask = (world.province_head, extending.request_extension, task.id, WANTED, WHY)
    assert await world.refused(*ask) == ("TASK_WRONG_STATE", ("taskId",))


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("province_member", "FORBIDDEN"),
        ("province_observer", "FORBIDDEN"),
        ("ministry_head", "FORBIDDEN"),
        ("firm_head", "FORBIDDEN"),
        ("rival_head", "NOT_FOUND"),
        ("nobody", "NOT_FOUND"),
    ],
)
async def test_only_managers_of_the_lead_ask_and_withdraw(world: World, who: str, code: str) -> None:
    task = await world.given(state=S.IN_PROGRESS)
    other_id, extension_id = await asked(world)
    async with world.db.begin(SYSTEM) as tx:
        for task_id in (task.id, other_id):
            await participation(tx, await world.task(task_id), world.firm)
    by = world.actors[who]
    assert await world.refused(by, extending.request_extension, task.id, WANTED, WHY) == (code, ("taskId",))
    assert await world.refused(by, extending.withdraw_extension, extension_id) == (code, ("extensionId",))


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("ministry_member", "FORBIDDEN"),
        ("ministry_observer", "FORBIDDEN"),
        ("province_head", "FORBIDDEN"),
        ("other_head", "FORBIDDEN"),
        ("rival_head", "NOT_FOUND"),
        ("nobody", "NOT_FOUND"),
    ],
)
async def test_only_managers_of_who_set_it_decide(world: World, who: str, code: str) -> None:
    _, extension_id = await asked(world)
    by = world.actors[who]
    assert await world.refused(by, extending.grant_extension, extension_id) == (code, ("extensionId",))
    assert await world.refused(by, extending.refuse_extension, extension_id, "không") == (
        code,
        ("extensionId",),
    )


async def test_the_head_above_who_set_it_decides_too(world: World) -> None:
    _, extension_id = await asked(world)
    await world.do(world.government_head, extending.grant_extension, extension_id)
    assert (await row_of(world, extension_id)).state is E.GRANTED


async def test_no_such_request(world: World) -> None:
    for verb in (extending.grant_extension, extending.withdraw_extension):
        assert await world.refused(world.ministry_head, verb, 4711) == ("NOT_FOUND", ("extensionId",))


async def test_a_request_ends_with_the_work(world: World) -> None:
    delivered, one = await asked(world)
    proof = [Proof(url="https://example.vn/x", title="x")]
    await world.do(world.province_head, finishing.deliver_task, delivered, "xong", proof)
    declined, two = await asked(world, state=S.OFFERED)
    await world.do(world.province_head, lifecycle.decline_task, declined, "không kham nổi")
    cancelled, three = await asked(world)
    await world.do(world.ministry_head, pausing.cancel_task, cancelled, "không cần nữa")
    for task_id, extension_id in ((delivered, one), (declined, two), (cancelled, three)):
        row = await row_of(world, extension_id)
        assert (row.state, row.decided_at, row.decided_by_id) == (E.WITHDRAWN, NOW, None)
        said = [data for verb, _, data in await world.verbs(task_id) if verb == "task.extension_withdrawn"]
        assert said == [{"extension_id": extension_id, "because": (await world.task(task_id)).state.value}]


async def test_a_request_outlives_a_pause_and_a_start(world: World) -> None:
    task_id, extension_id = await asked(world, state=S.ACCEPTED)
    await world.do(world.province_head, lifecycle.start_task, task_id)
    await world.do(world.province_head, pausing.pause_task, task_id, "quá tải", date(2026, 4, 1))
    assert (await row_of(world, extension_id)).state is E.REQUESTED
    await world.do(world.ministry_head, extending.grant_extension, extension_id)
    assert (await world.task(task_id)).due_on == WANTED


async def test_of_two_who_ask_at_once_one_is_told_of_the_other(world: World) -> None:
    task = await world.given(state=S.IN_PROGRESS)

    async def ask(day: int) -> str:
        try:
            async with world.db.begin(world.province_head, now=NOW) as tx:
                await extending.request_extension(tx, task.id, date(2026, 8, day), WHY)
        except Refused as no:
            return no.code
        return "asked"

    assert sorted(await asyncio.gather(*[ask(day) for day in (1, 2, 3)])) == [
        "EXTENSION_OPEN",
        "EXTENSION_OPEN",
        "asked",
    ]


async def test_granting_and_refusing_at_once_is_one_decision(world: World) -> None:
    task_id, extension_id = await asked(world)

    async def decide(verb: Any, *args: Any) -> str:
        try:
            async with world.db.begin(world.ministry_head, now=NOW) as tx:
                await verb(tx, extension_id, *args)
        except Refused as no:
            return no.code
        return "decided"

    answers = await asyncio.gather(
        decide(extending.grant_extension), decide(extending.refuse_extension, "không")
    )
    assert sorted(answers) == ["EXTENSION_DECIDED", "decided"]
    granted = (await row_of(world, extension_id)).state is E.GRANTED
    assert ((await world.task(task_id)).due_on == WANTED) is granted


async def test_what_waits_for_a_unit_is_listed_for_who_sees_it(world: World) -> None:
    _, first = await asked(world)
    _, second = await asked(world)
    _, answered = await asked(world)
    await world.do(world.ministry_head, extending.grant_extension, answered)

    async def listed(who: str, unit: str = "ministry", **page: Any) -> list[int]:
        found = await world.ask(
            world.actors[who], requests_page, world.units[unit].id, PageRequest(first=10, **page)
        )
        return [row.id for row in found.rows]

    assert await listed("ministry_coordinator") == [first, second]
    assert await listed("province_head") == [first, second]
    assert await listed("ministry_head", "province") == []
    assert await listed("rival_head") == []
    assert await listed("nobody") == []


async def test_row_security_shows_extensions_to_who_sees_the_task(world: World) -> None:
    _, extension_id = await asked(world)
    for who, seen in (("province_member", [extension_id]), ("rival_head", [])):
        async with world.db.snapshot(world.actors[who]) as tx:
            assert list(await tx.session.scalars(select(TaskExtension.id))) == seen
