"""The head's answer, and who sees a warning at all."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.kernel.scopes import Scope
from vdept.targets.models import Audience, Rollup
from vdept.tasks.models import TaskState
from vdept.warnings import answering, queries
from vdept.warnings.models import EarlyWarning, Severity, WarningKind, WarningSubject
from vdept.warnings.queries import WarningFilter
from warnings_scene import Scene, build, days, morning

MONDAY = date(2026, 6, 1)
NEXT_WEEK = date(2026, 6, 8)


@pytest.fixture
async def scene(db: Database) -> Scene:
    """``north`` is behind its pace and has a task that no time is left for."""
    scene = await build(db)
    await scene.add_target("north")
    await scene.add_task("north", date(2026, 5, 4), due_on=date(2026, 6, 11), progress=10)
    await scene.on(MONDAY)
    return scene


async def answer(scene: Scene, who: Actor, *args: Any, on: date = MONDAY) -> Any:
    async with scene.db.begin(who, now=morning(on)) as tx:
        verb = answering.acknowledge_many if isinstance(args[0], list) else answering.acknowledge
        return await verb(tx, *args)  # type: ignore[operator]


async def refused(scene: Scene, who: Actor, *args: Any) -> tuple[str, tuple[str | int, ...]]:
    before = [_state(row) for row in await scene.warnings()]
    with pytest.raises(Refused) as caught:
        await answer(scene, who, *args)
    assert [_state(row) for row in await scene.warnings()] == before
    caught.value.message()
    return caught.value.code, caught.value.path


def _state(row: EarlyWarning) -> tuple[Any, ...]:
    return row.id, row.acknowledged_at, row.response, row.respond_by, row.acknowledged_by_id


async def one(scene: Scene, kind: WarningKind = WarningKind.PACE) -> EarlyWarning:
    [found] = [row for row in await scene.warnings() if row.kind is kind]
    return found


async def test_the_head_says_what_will_be_done_and_by_when(scene: Scene) -> None:
    warning, head = await one(scene), scene.heads["north"]
    await answer(scene, head, warning.id, "  Bổ sung hai cán bộ  ", NEXT_WEEK)
    assert _state(await one(scene)) == (
        warning.id,
        morning(MONDAY),
        "Bổ sung hai cán bộ",
        NEXT_WEEK,
        head.person_id,
    )
    await answer(scene, head, warning.id, "Thuê ngoài", date(2026, 6, 15), on=date(2026, 6, 2))
    assert (await one(scene)).response == "Thuê ngoài"
    said = await scene.said("warning.acknowledged")
    assert [(row.data["response"], row.data["respond_by"], row.data["again"]) for row in said] == [
        ("Bổ sung hai cán bộ", "2026-06-08", False),
        ("Thuê ngoài", "2026-06-15", True),
    ]
    assert {(row.subject_type, row.subject_id, row.person_id) for row in said} == {
        ("EarlyWarning", warning.id, head.person_id)
    }
    async with scene.db.snapshot(head) as tx:
        answers = await queries.answers_of(tx, [warning.id])
    assert [one.response for one in answers[warning.id]] == ["Thuê ngoài", "Bổ sung hai cán bộ"]


async def test_an_answered_warning_stays_open_until_its_breach_ends(scene: Scene) -> None:
    warning = await one(scene)
    await answer(scene, scene.heads["north"], warning.id, "…", NEXT_WEEK)
    await scene.on(MONDAY + days(1))
    assert (await one(scene)).response == "…"


@pytest.mark.parametrize("role", [Role.DEPUTY, Role.COORDINATOR, Role.MEMBER, Role.OBSERVER])
async def test_accountability_is_never_delegated(scene: Scene, role: Role) -> None:
    async with scene.db.begin(SYSTEM) as tx:
        other = await make.actor(tx, scene.units["north"], role)
    for warning in await scene.warnings():
        assert await refused(scene, other, warning.id, "…", NEXT_WEEK) == ("FORBIDDEN", ("warningId",))


async def test_the_head_above_does_not_answer_for_the_head_below(scene: Scene) -> None:
    warning = await one(scene)
    for name in ("province", "nation"):
        code = await refused(scene, scene.heads[name], warning.id, "…", NEXT_WEEK)
        assert code == ("FORBIDDEN", ("warningId",))


async def test_whoever_does_not_see_it_is_not_told_that_it_exists(scene: Scene) -> None:
    await scene.set(scene.plan, audience=Audience.PARTICIPANTS)
    for row in await scene.warnings():
        if row.subject is WarningSubject.TARGET:
            for name in ("other", "firm"):
                code = await refused(scene, scene.heads[name], row.id, "…", NEXT_WEEK)
                assert code == ("NOT_FOUND", ("warningId",))
    assert await refused(scene, scene.heads["north"], 10**9, "…", NEXT_WEEK) == ("NOT_FOUND", ("warningId",))


@pytest.mark.parametrize(
    ("response", "by", "code", "path"),
    [
        (" ", NEXT_WEEK, "INVALID_VALUE", "response"),
        ("x" * 2001, NEXT_WEEK, "INVALID_VALUE", "response"),
        ("a\0b", NEXT_WEEK, "INVALID_VALUE", "response"),
        ("…", MONDAY, "WARNING_RESPOND_BY", "respondBy"),
        ("…", date(2026, 6, 6), "WARNING_RESPOND_BY", "respondBy"),
        ("…", date(2027, 1, 4), "WARNING_RESPOND_BY", "respondBy"),
    ],
    ids=["nothing", "too much", "zero byte", "today", "a Saturday", "after the due date"],
)
async def test_an_answer_that_says_nothing_or_promises_the_impossible(
    scene: Scene, response: str, by: date, code: str, path: str
) -> None:
    warning = await one(scene)
    assert await refused(scene, scene.heads["north"], warning.id, response, by) == (code, (path,))


async def test_a_closed_warning_needs_no_answer(scene: Scene) -> None:
    warning = await one(scene)
    await scene.measure("north", MONDAY, "95")
    await scene.on(MONDAY + days(1))
    with pytest.raises(Refused) as caught:
        await answer(scene, scene.heads["north"], warning.id, "…", NEXT_WEEK)
    assert (caught.value.code, caught.value.path) == ("WARNING_CLOSED", ("warningId",))


async def test_one_answer_to_several_warnings_is_given_to_all_or_none(scene: Scene) -> None:
    head, ids = scene.heads["north"], [row.id for row in await scene.warnings()]
    assert len(ids) == 2
    assert await refused(scene, head, [*ids, 10**9], "…", NEXT_WEEK) == ("NOT_FOUND", ("warningIds", 2))
    assert await refused(scene, head, [ids[0], ids[0]], "…", NEXT_WEEK) == (
        "WARNING_TWICE",
        ("warningIds", 1),
    )
    assert await refused(scene, head, [], "…", NEXT_WEEK) == ("INVALID_VALUE", ("warningIds",))
    late = date(2026, 6, 15)
    task = await one(scene, WarningKind.NO_TIME_LEFT)
    assert await refused(scene, head, ids, "…", late) == (
        "WARNING_RESPOND_BY",
        ("warningIds", ids.index(task.id)),
    )
    await answer(scene, head, ids, "Cùng một việc", NEXT_WEEK)
    assert {row.response for row in await scene.warnings()} == {"Cùng một việc"}


async def seen_by(scene: Scene, who: Actor) -> list[str]:
    async with scene.db.snapshot(who, now=morning(MONDAY)) as tx:
        page = await queries.warnings_page(tx, PageRequest(first=50), WarningFilter())
        counts = await queries.counts(tx, WarningFilter())
        ids = [row.id for row in await scene.warnings()]
        assert set(await queries.warnings_by_ids(tx, ids)) == {row.id for row in page.rows}
        for subject in WarningSubject:
            of = await queries.warnings_of(
                tx, subject, [row.subject_id for row in await scene.warnings()], open_only=True
            )
            found = {row.id for rows in of.values() for row in rows}
            assert found == {row.id for row in page.rows if row.subject is subject}
        assert sum(one.number for one in counts) == len(page.rows)
    return sorted(str(row.kind) for row in page.rows)


async def test_everybody_sees_the_warnings_of_what_they_see(scene: Scene) -> None:
    both = ["NO_TIME_LEFT", "PACE"]
    assert await seen_by(scene, SYSTEM) == both
    for name in ("north", "province", "nation", "other"):
        assert await seen_by(scene, scene.heads[name]) == both, "a plan and a task for all of government"
    assert await seen_by(scene, scene.heads["firm"]) == []
    assert await seen_by(scene, Actor(ActorKind.PERSON)) == []


async def test_a_restricted_plan_and_task_show_their_warnings_to_who_takes_part(scene: Scene) -> None:
    await scene.set(scene.plan, audience=Audience.PARTICIPANTS)
    async with scene.db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("UPDATE task SET audience = 'PARTICIPANTS'"))
    for name in ("north", "province", "nation"):
        assert await seen_by(scene, scene.heads[name]) == ["NO_TIME_LEFT", "PACE"]
    for name in ("south", "other", "firm"):
        assert await seen_by(scene, scene.heads[name]) == []


async def test_a_public_plan_shows_a_firm_the_pace_but_no_milestone_which_tells_of_tasks(
    scene: Scene,
) -> None:
    await scene.set(scene.plan, audience=Audience.PUBLIC)
    assert await seen_by(scene, scene.heads["firm"]) == ["PACE"]
    await scene.set(scene.key_result, rollup=Rollup.MILESTONE)
    assert await seen_by(scene, scene.heads["firm"]) == []
    assert await seen_by(scene, scene.heads["other"]) == ["NO_TIME_LEFT", "PACE"]


@pytest.mark.parametrize(
    ("scopes", "kinds"),
    [
        ([], []),
        ([Scope.PLANS_READ], ["PACE"]),
        ([Scope.TASKS_READ], ["NO_TIME_LEFT"]),
        ([Scope.PLANS_READ, Scope.TASKS_READ], ["NO_TIME_LEFT", "PACE"]),
    ],
    ids=["none", "plans", "tasks", "both"],
)
async def test_a_client_sees_the_warnings_of_its_scopes(
    scene: Scene, scopes: list[Scope], kinds: list[str]
) -> None:
    north = scene.units["north"]
    seat = Seat(north.id, Role.COORDINATOR, tuple(north.path), public_body=True)
    machine = Actor(ActorKind.CLIENT, client_id=1, seats=(seat,), scopes=frozenset(scopes))
    assert await seen_by(scene, machine) == kinds
    narrowed = replace(scene.heads["north"], client_id=1, scopes=frozenset(scopes))
    assert await seen_by(scene, narrowed) == kinds


async def test_row_security_shows_no_task_warning_that_the_first_wall_forgot(scene: Scene) -> None:
    async with scene.db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("UPDATE task SET audience = 'PARTICIPANTS'"))
    async with scene.db.snapshot(scene.heads["other"]) as tx:
        rows = await tx.session.scalars(sa.select(EarlyWarning.subject))
        assert set(rows) == {"TARGET"}
    async with scene.db.begin(scene.heads["other"]) as tx:
        changed = await tx.session.execute(sa.text("UPDATE early_warning SET response = 'x' RETURNING id"))
        assert changed.all() == []
        with pytest.raises(sa.exc.ProgrammingError):
            await tx.session.execute(sa.text("DELETE FROM early_warning"))
        await tx.session.rollback()


async def test_the_list_begins_with_the_gravest_and_of_those_with_the_oldest(scene: Scene) -> None:
    await scene.add_target("south")
    await scene.measure("south", date(2026, 5, 31), "30")
    await scene.add_target("province")
    await scene.on(MONDAY)
    async with scene.db.snapshot(scene.heads["nation"], now=morning(MONDAY)) as tx:
        walked, after = [], None
        for _ in range(4):
            page = await queries.warnings_page(tx, PageRequest(first=1, after=after), WarningFilter())
            walked += page.rows
            after = page.cursors[-1]
        assert not page.has_next
    assert [row.severity for row in walked] == [Severity.OFF_TRACK] * 3 + [Severity.AT_RISK]
    assert [row.id for row in walked[:3]] == sorted(row.id for row in walked[:3])


async def test_filters_and_counts_for_a_heads_board(scene: Scene) -> None:
    await scene.add_target("south")
    await scene.on(MONDAY)
    await answer(scene, scene.heads["north"], (await warned(scene, "north")).id, "…", NEXT_WEEK)
    province, north = scene.units["province"].id, scene.units["north"].id

    async def found(**which: Any) -> int:
        async with scene.db.snapshot(scene.heads["nation"], now=morning(MONDAY)) as tx:
            page = await queries.warnings_page(tx, PageRequest(first=50), WarningFilter(**which))
            assert page.count is not None
            assert await page.count() == len(page.rows)
            return len(page.rows)

    assert await found() == 3
    assert await found(unit_id=province) == 0
    assert await found(unit_id=province, below=True) == 3
    assert await found(unit_id=north) == 2
    assert await found(plan_id=scene.plan.id, kinds=(WarningKind.PACE,)) == 2
    assert await found(unacknowledged=True) == 2
    assert await found(unacknowledged=False) == 1
    assert await found(severity=Severity.AT_RISK) == 0
    assert await found(open=False) == 0
    async with scene.db.snapshot(scene.heads["nation"], now=morning(MONDAY)) as tx:
        board = await queries.counts(tx, WarningFilter(unit_id=province, below=True))
    assert [tuple(each) for each in board] == [
        ("PACE", "OFF_TRACK", 2, 1),
        ("NO_TIME_LEFT", "OFF_TRACK", 1, 1),
    ]


async def warned(scene: Scene, unit: str) -> EarlyWarning:
    return next(
        row
        for row in await scene.warnings()
        if row.unit_id == scene.units[unit].id and row.kind is WarningKind.PACE
    )


async def test_an_overdue_commitment_is_answered_within_five_working_days(db: Database) -> None:
    scene = await build(db)
    await scene.add_task("north", date(2026, 4, 1), due_on=date(2026, 5, 1), state=TaskState.ACCEPTED)
    await scene.on(MONDAY)
    warning = await one(scene, WarningKind.ABANDONED)
    head = scene.heads["north"]
    code, path = await refused(scene, head, warning.id, "…", date(2026, 6, 9))
    assert (code, path) == ("WARNING_RESPOND_BY", ("respondBy",))
    await answer(scene, head, warning.id, "…", NEXT_WEEK)
