"""Bulk forms: an answer for each item, and the same sums in SQL as by the rule."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories import NOW, SYSTEM, participation
from tasks_world import DUE, World, build
from vdept.kernel.db import Database
from vdept.tasks import rules
from vdept.tasks.bulk import Report, accept_tasks, report_progress_many
from vdept.tasks.models import TaskState
from vdept.tasks.upkeep import set_part

S = TaskState


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


async def test_many_offers_are_accepted_each_on_its_own(world: World) -> None:
    good = [await world.given(due_on=DUE) for _ in range(3)]
    started = await world.given(state=S.IN_PROGRESS)
    foreign = await world.given(lead="other")
    ids = [good[0].id, started.id, good[1].id, foreign.id, 0, good[2].id]
    answers = await world.do(world.province_coordinator, accept_tasks, ids, expected_versions={good[2].id: 8})
    assert [each.task_id for each in answers] == ids
    assert [each.refused and (each.refused.code, each.refused.path) for each in answers] == [
        None,
        ("TASK_WRONG_STATE", ("taskIds", 1)),
        None,
        ("FORBIDDEN", ("taskIds", 3)),
        ("NOT_FOUND", ("taskIds", 4)),
        ("STALE_VERSION", ("expectedVersions", 5)),
    ]
    assert [each.task and (each.task.state, each.task.version) for each in answers] == [
        (S.ACCEPTED, 2),
        None,
        (S.ACCEPTED, 2),
        None,
        None,
        None,
    ]
    assert (await world.parts(good[0].id))[world.province.id][1] == "ACCEPTED"
    assert (await world.verbs(good[1].id))[0][:2] == ("task.accepted", world.province.id)
    assert await world.verbs(good[2].id) == []
    assert await world.changes() == [(good[0].id, None), (good[1].id, None)]


async def test_a_bulk_call_of_nonsense_is_refused(world: World) -> None:
    head = world.province_head
    assert await world.refused(head, accept_tasks, [1, 1]) == ("TASK_ITEM_TWICE", ("taskIds", 1))
    assert await world.refused(head, accept_tasks, list(range(1_001))) == ("TASK_TOO_MANY", ("taskIds",))
    twice = [Report(task_id=1, progress=1)] * 2
    assert await world.refused(head, report_progress_many, twice) == ("TASK_ITEM_TWICE", ("reports", 1))
    assert await world.do(head, accept_tasks, []) == []


async def test_progress_in_many_tasks_is_reported_each_on_its_own(world: World) -> None:
    tasks = [await world.given(state=S.IN_PROGRESS, share=2) for _ in range(2)]
    offered = await world.given()
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, tasks[0], world.firm, share=1, progress=0)
    reports = [
        Report(task_id=tasks[0].id, progress=100),
        Report(task_id=tasks[1].id, progress=7, unit_id=world.province.id),
        Report(task_id=offered.id, progress=1),
        Report(task_id=0, progress=1),
    ]
    answers = await world.do(world.province_member, report_progress_many, reports)
    assert [each.refused and (each.refused.code, each.refused.path) for each in answers] == [
        None,
        None,
        ("TASK_WRONG_STATE", ("reports", 2, "taskId")),
        ("NOT_FOUND", ("reports", 3, "taskId")),
    ]
    assert [each.task and each.task.progress for each in answers] == [
        Decimal("66.67"),
        Decimal("7.00"),
        None,
        None,
    ]
    assert (await world.parts(tasks[1].id))[world.province.id][3] == 7
    assert (await world.verbs(tasks[1].id))[0][2] == {"from": 0, "to": 7}
    bad = [
        Report(task_id=tasks[0].id, progress=101),
        Report(task_id=tasks[1].id, progress=7, unit_id=world.firm.id),
    ]
    before = await world.everything()
    answers = await world.do(world.province_member, report_progress_many, bad)
    assert [each.refused.path for each in answers] == [("reports", 0, "progress"), ("reports", 1, "unitId")]
    assert await world.everything() == before


SHARES = st.tuples(st.integers(0, 1_000), st.integers(0, 100))


async def test_progress_added_up_in_sql_is_what_the_rule_says(world: World) -> None:
    """Half up, once, exactly: SQL and Python agree on every set of parts."""
    task = await world.given(state=S.IN_PROGRESS)
    names = ["firm", "other", "ministry"]
    async with world.db.begin(SYSTEM) as tx:
        for name in names:
            await participation(tx, task, world.units[name])

    @given(parts=st.lists(SHARES, min_size=4, max_size=4), progress=st.integers(0, 100))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def agree(parts: list[tuple[int, int]], progress: int) -> None:
        drawn.append((parts, progress))

    drawn: list[tuple[list[tuple[int, int]], int]] = []
    agree()
    for parts, progress in [([(1, 1), (199, 0), (0, 0), (0, 0)], 1), *drawn]:
        async with world.db.begin(SYSTEM, now=NOW) as tx:
            for name, (share, reached) in zip(["province", *names], parts, strict=True):
                await set_part(tx, task, world.units[name].id, share=share, progress=reached)
            lead = world.province.id
            report = Report(task_id=task.id, progress=progress, unit_id=lead)
            (answer,) = await report_progress_many(tx, [report])
        assert answer.task.progress == rules.task_progress([(parts[0][0], progress), *parts[1:]])
