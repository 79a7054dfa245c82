"""Lists of tasks: filters, orders, pages that cost the same at any depth, and one statement per relation."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, text

from factories import NOW, SYSTEM, participation, task
from tasks_world import DUE, TODAY, World, build
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.targets.models import Audience
from vdept.tasks import queries, rules
from vdept.tasks.accepting_links import accept_link
from vdept.tasks.assigning import assign_people
from vdept.tasks.filters import TaskFilter, UnitTaskFilter
from vdept.tasks.linking import Link, add_dependency, link_targets
from vdept.tasks.models import ParticipantRole, ParticipationState, TaskKind, TaskState, Timeliness
from vdept.tasks.queries import TaskOrder, UnitTaskOrder
from vdept.tasks.talking import Proof, add_evidence, comment_on_task

S = TaskState
FIRST = PageRequest(first=50)
LATE = TODAY - timedelta(days=1)


@pytest.fixture
async def world(db: Database) -> World:
    return await build(db)


@contextmanager
def statements(db: Database) -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database within the block."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine.sync_engine, "before_cursor_execute", note)


async def found(world: World, who: Actor, order: TaskOrder = TaskOrder.DUE, **given: Any) -> list[int]:
    page = await world.ask(who, queries.tasks_page, FIRST, TaskFilter(**given), order)
    assert await world.ask(who, queries.count_tasks, TaskFilter(**given)) == len(page.rows)
    return [each.id for each in page.rows]


async def of_unit(
    world: World, who: Actor, unit: str, order: UnitTaskOrder = UnitTaskOrder.DUE, **given: Any
) -> list[int]:
    unit_id, which = world.units[unit].id, UnitTaskFilter(**given)
    page = await world.ask(who, queries.unit_tasks_page, unit_id, FIRST, which, order)
    assert await world.ask(who, queries.count_unit_tasks, unit_id, which) == len(page.rows)
    many = await world.ask(who, queries.tasks_of_units, [unit_id], FIRST, which, order)
    assert [each.id for each in many[unit_id].rows] == [each.id for each in page.rows]
    return [each.id for each in page.rows]


async def test_tasks_are_found_by_the_filters_people_use(world: World) -> None:
    head = world.government_head
    overdue = (await world.given(due_on=LATE, state=S.IN_PROGRESS, title="Số hoá hồ sơ")).id
    today = (await world.given(due_on=TODAY, lead="other", kind=TaskKind.DEEP)).id
    board = (await world.given(lead=None, created_at=NOW - timedelta(days=1))).id
    done = (await world.given(state=S.DELIVERED, due_on=DUE, delivered_on=TODAY, of=None)).id
    late = (
        await world.given("firm", "firm", state=S.VERIFIED, due_on=LATE, delivered_on=TODAY, parent_id=done)
    ).id
    closed = (await world.given(state=S.CANCELLED, state_reason="x", due_on=LATE)).id
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, await world.task(board), world.province, state=ParticipationState.LEFT)
        await participation(tx, await world.task(today), world.province, role=ParticipantRole.USER)
    person, _ = await world.somebody("province")
    await world.do(world.province_head, assign_people, overdue, [person.id])
    target = world.targets["province"].id
    await world.do(world.ministry_head, link_targets, overdue, [Link(target)])
    await world.do(world.province_head, accept_link, overdue, target, Decimal(1))
    everything = [overdue, late, closed, today, board, done]
    assert await found(world, head) == await found(world, SYSTEM) == everything
    assert await found(world, head, TaskOrder.DUE_LATEST_FIRST) == [done, board, today, closed, late, overdue]
    newest = await found(world, head, TaskOrder.NEWEST_FIRST)
    assert newest == [closed, late, done, today, overdue, board]
    for given, expected in (
        ({"plan_id": world.plan.id}, [overdue, late, closed, today, board]),
        ({"target_id": target}, [overdue]),
        ({"owner_unit_id": world.firm.id}, [late]),
        ({"lead_unit_id": world.other.id}, [today]),
        ({"participant_unit_id": world.province.id}, [overdue, closed, today, done]),
        ({"participant_unit_id": world.province.id, "overdue": True}, [overdue]),
        ({"assignee_id": person.id}, [overdue]),
        ({"parent_id": done}, [late]),
        ({"states": (S.OPEN, S.CANCELLED)}, [closed, board]),
        ({"kinds": (TaskKind.DEEP,)}, [today]),
        ({"board": True}, [board]),
        ({"overdue": True}, [overdue]),
        ({"timeliness": (Timeliness.OPEN_OVERDUE,)}, [overdue]),
        ({"timeliness": (Timeliness.OPEN_IN_TIME, Timeliness.DONE_LATE)}, [late, today, board]),
        ({"timeliness": (Timeliness.DONE_ON_TIME,)}, [done]),
        ({"timeliness": ()}, []),
        ({"due_from": TODAY, "due_to": TODAY}, [today]),
        ({"text": "so hoa"}, [overdue]),
        ({"text": "HỒ SƠ số"}, [overdue]),
        ({"text": "%"}, []),
    ):
        assert await found(world, head, **given) == expected, given
    by_participation = await found(world, head, TaskOrder.NEWEST_FIRST, participant_unit_id=world.province.id)
    assert by_participation == [closed, done, today, overdue]


async def test_timeliness_in_sql_is_what_the_rule_says(world: World) -> None:
    days = [TODAY + timedelta(days=each) for each in (-1, 0, 1)]
    rows = []
    async with world.db.begin(SYSTEM) as tx:
        for state in TaskState:
            done = state in rules.DONE_STATES
            for due in days:
                for delivered in days if done else [None]:
                    more: dict[str, Any] = {"state": state, "due_on": due, "delivered_on": delivered}
                    if state in {S.PAUSED, S.CANCELLED, S.DECLINED}:
                        more["state_reason"] = "x"
                    if state is S.PAUSED:
                        more |= {"review_on": DUE, "paused_from": S.ACCEPTED}
                    lead = None if state is S.OPEN else world.province
                    rows.append(await task(tx, world.ministry, lead, **more))
    for each in Timeliness:
        expected = {
            row.id for row in rows if rules.timeliness(row.state, row.due_on, row.delivered_on, TODAY) is each
        }
        assert expected
        assert set(await found(world, SYSTEM, timeliness=(each,))) == expected


async def test_one_units_tasks_are_found_by_the_filters_people_use(world: World) -> None:
    head = world.province_head
    overdue = (await world.given(due_on=LATE, state=S.IN_PROGRESS, title="Số hoá")).id
    offered = (await world.given(due_on=TODAY, of=None)).id
    done = (await world.given(state=S.DELIVERED, due_on=DUE, delivered_on=TODAY)).id
    shared = (await world.given(lead="other", due_on=DUE + timedelta(days=1))).id
    left = (await world.given(lead="other", due_on=DUE)).id
    async with world.db.begin(SYSTEM) as tx:
        await participation(tx, await world.task(shared), world.province, role=ParticipantRole.USER)
        await participation(tx, await world.task(left), world.province, state=ParticipationState.LEFT)
    assert await of_unit(world, head, "province") == [overdue, offered, done, shared]
    assert await of_unit(world, head, "province", UnitTaskOrder.DUE_LATEST_FIRST) == [
        shared,
        done,
        offered,
        overdue,
    ]
    for given, expected in (
        ({"open": True}, [overdue, offered, shared]),
        ({"overdue": True}, [overdue]),
        ({"overdue": True, "due_to": LATE - timedelta(days=1)}, []),
        ({"states": (S.OFFERED,)}, [offered, shared]),
        ({"states": (S.OFFERED, S.DELIVERED)}, [offered, done, shared]),
        ({"timeliness": (Timeliness.DONE_ON_TIME,)}, [done]),
        ({"roles": (ParticipantRole.USER,)}, [shared]),
        ({"plan_id": world.plan.id}, [overdue, done, shared]),
        ({"due_from": TODAY, "due_to": DUE}, [offered, done]),
        ({"text": "hoa"}, [overdue]),
    ):
        assert await of_unit(world, head, "province", **given) == expected, given


async def test_pages_follow_each_other_without_gap_or_repetition(world: World) -> None:
    async with world.db.begin(SYSTEM) as tx:
        ids = [
            (await task(tx, world.ministry, world.province, due_on=DUE + timedelta(days=each % 3))).id
            for each in range(11)
        ]
    for order in UnitTaskOrder:
        walked: list[int] = []
        after = None
        while True:
            page = await world.ask(
                world.province_head,
                queries.unit_tasks_page,
                world.province.id,
                PageRequest(first=4, after=after),
                UnitTaskFilter(),
                order,
            )
            walked += [each.id for each in page.rows]
            after = page.cursors[-1]
            if not page.has_next:
                break
        assert sorted(walked) == ids
        assert walked == await of_unit(world, world.province_head, "province", order)
        back = await world.ask(
            world.province_head,
            queries.unit_tasks_page,
            world.province.id,
            PageRequest(last=4, before=after),
            UnitTaskFilter(),
            order,
        )
        assert [each.id for each in back.rows] == walked[-5:-1]
        with pytest.raises(Refused, match="INVALID_CURSOR"):
            await world.ask(world.province_head, queries.tasks_page, PageRequest(first=4, after=after))


async def test_every_relation_is_one_statement_for_any_number_of_tasks(world: World) -> None:
    ids = [(await world.given(state=S.ACCEPTED)).id for _ in range(3)]
    person, _ = await world.somebody("province")
    for each in ids:
        await world.do(world.province_head, assign_people, each, [person.id])
        held = world.targets["province"].id
        await world.do(world.ministry_head, link_targets, each, [Link(held)])
        await world.do(world.province_head, accept_link, each, held, Decimal(1))
        await world.do(world.province_head, comment_on_task, each, "xin chào")
        await world.do(world.province_head, add_evidence, each, Proof("https://x.vn", "X"))
    await world.do(world.province_head, add_dependency, ids[0], ids[1])
    target = world.targets["province"].id
    reads = [
        (queries.tasks_by_ids, (ids,)),
        (queries.participations_of_tasks, (ids,)),
        (queries.assignees_of_tasks, (ids,)),
        (queries.task_targets_of_tasks, (ids,)),
        (queries.tasks_of_targets, ([target], FIRST)),
        (queries.subtasks_of_tasks, (ids, FIRST)),
        (queries.blockers_of_tasks, (ids,)),
        (queries.blocked_by_tasks, (ids,)),
        (queries.comments_of_tasks, (ids, FIRST)),
        (queries.evidence_of_tasks, (ids,)),
        (queries.tasks_of_units, ([world.province.id, world.other.id], FIRST)),
    ]
    answers: dict[str, Any] = {}
    for read, args in reads:
        with statements(world.db) as sent:
            answers[read.__name__] = await world.ask(world.province_head, read, *args)
        assert len(sent) == 1, read.__name__
    assert list(answers["tasks_by_ids"]) == ids
    assert {
        key: [row.unit_id for row in rows] for key, rows in answers["participations_of_tasks"].items()
    } == {each: [world.province.id] for each in ids}
    assigned = answers["assignees_of_tasks"][ids[2]]
    assert [(each.name, each.unit_id) for each in assigned] == [(person.name, world.province.id)]
    assert [(row.target_id, row.weight) for row in answers["task_targets_of_tasks"][ids[1]]] == [
        (target, Decimal(1))
    ]
    assert [row.id for row in answers["tasks_of_targets"][target].rows] == ids
    assert [row.id for row in answers["blockers_of_tasks"][ids[0]]] == [ids[1]]
    assert [row.id for row in answers["blocked_by_tasks"][ids[1]]] == [ids[0]]
    assert answers["subtasks_of_tasks"][ids[0]].rows == []
    assert [row.body for row in answers["comments_of_tasks"][ids[0]].rows] == ["xin chào"]
    assert [row.title for row in answers["evidence_of_tasks"][ids[2]]] == ["X"]
    comment = answers["comments_of_tasks"][ids[0]].rows[0]
    assert list(await world.ask(world.firm_head, queries.comments_by_ids, [comment.id])) == []
    assert list(await world.ask(world.ministry_head, queries.comments_by_ids, [comment.id])) == [comment.id]


async def test_neighbours_that_one_may_not_see_are_left_out(world: World) -> None:
    mine = await world.given(lead="firm")
    hidden = await world.given(audience=Audience.PARTICIPANTS, parent_id=mine.id)
    await world.do(world.ministry_head, add_dependency, mine.id, hidden.id)
    await world.do(world.ministry_head, link_targets, mine.id, [Link(world.targets["ministry"].id)])
    for who, sees in ((world.firm_head, []), (world.ministry_head, [hidden.id])):
        blockers = await world.ask(who, queries.blockers_of_tasks, [mine.id])
        assert [each.id for each in blockers[mine.id]] == sees
        below = await world.ask(who, queries.subtasks_of_tasks, [mine.id], FIRST)
        assert [each.id for each in below[mine.id].rows] == sees
        links = await world.ask(who, queries.task_targets_of_tasks, [mine.id])
        assert len(links[mine.id]) == len(sees)


# -- cost ---------------------------------------------------------------------------------------------------

HOT, SMALL = 20_000, 200


async def fill(world: World, owner: Database) -> None:
    """A province with 20,000 tasks, half of them overdue and open, and a commune with 200."""
    async with world.db.begin(SYSTEM) as tx:
        await tx.session.execute(
            text(
                f"""
                INSERT INTO task (plan_id, title, search, kind, audience, state, owner_unit_id, lead_unit_id,
                                  created_at, updated_at, due_on, original_due_on, delivered_on)
                SELECT {world.plan.id}, 'T', 't', 'ROUTINE', 'GOVERNMENT',
                       CASE WHEN i % 2 = 0 THEN 'IN_PROGRESS' ELSE 'VERIFIED' END, {world.ministry.id},
                       CASE WHEN i <= {SMALL} THEN {world.commune.id} ELSE {world.province.id} END,
                       now(), now(), due, due, CASE WHEN i % 2 = 0 THEN NULL ELSE due END
                FROM generate_series(1, {SMALL + HOT}) AS i,
                     LATERAL (SELECT DATE '{TODAY}' - 1 - i % 300 AS due) AS d
                """
            )
        )
        await tx.session.execute(
            text(
                """
                INSERT INTO participation (task_id, unit_id, role, state, share, due_on, open, updated_at)
                SELECT id, lead_unit_id, 'BUILDER', 'ACCEPTED', 1, due_on, state = 'IN_PROGRESS', created_at
                FROM task
                """
            )
        )
    async with owner.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM (ANALYZE) task, participation, unit"))


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes that find and order the rows; what merely checks one row (a sub-plan) is left out."""
    children = [each for each in plan.get("Plans", []) if each["Parent Relationship"] in {"Outer", "Inner"}]
    return [plan, *[each for child in children for each in nodes(child)]]


async def explain(world: World, who: Actor, unit: str, request: PageRequest) -> tuple[Any, dict[str, Any]]:
    """The overdue page of a unit, and the plan by which PostgreSQL found it."""
    which = UnitTaskFilter(overdue=True)
    with statements(world.db) as sent:
        page = await world.ask(who, queries.unit_tasks_page, world.units[unit].id, request, which)
    ((statement, parameters),) = sent
    async with world.db.snapshot(who) as tx:
        connection = await tx.session.connection()
        answer = await connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters
        )
        raw = answer.scalar_one()
    return page, (json.loads(raw) if isinstance(raw, str) else raw)[0]["Plan"]


@pytest.mark.parametrize("who", ["province_head", "government_head", "other_head", "ministry_head"])
async def test_a_deep_page_of_a_hot_unit_costs_what_the_first_page_of_a_small_one_does(
    world: World, owner: Database, who: str
) -> None:
    await fill(world, owner)
    actor = world.actors[who]
    small, plan_of_small = await explain(world, actor, "commune", FIRST)
    assert (len(small.rows), small.has_next) == (50, True)
    cursor = queries.UNIT_ORDERINGS[UnitTaskOrder.DUE]
    deep_row = (await world.ask(actor, queries.unit_tasks_page, world.province.id, FIRST)).rows[-1]
    deep_row.due_on = TODAY - timedelta(days=20)
    deep, plan_of_deep = await explain(
        world, actor, "province", PageRequest(first=50, after=cursor.cursor(deep_row))
    )
    assert (len(deep.rows), deep.has_next) == (50, True)
    assert min(each.due_on for each in deep.rows) >= date(2026, 2, 10)
    for plan in (plan_of_small, plan_of_deep):
        used = nodes(plan)
        assert [each["Index Name"] for each in used if each.get("Relation Name") == "participation"] == [
            "ix_participation_open"
        ]
        assert not [each for each in used if "Sort" in each["Node Type"]]
        by_key = [each for each in used if each.get("Relation Name") == "task"]
        assert [each["Index Name"] for each in by_key] == ["pk_task"]
    read_small, read_deep = (
        plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in (plan_of_small, plan_of_deep)
    )
    assert read_deep <= 1.5 * read_small
