"""Whom a warning reaches: the head and the coordinators, once; the head above when nobody answers."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Database
from vdept.notifications.models import Notification
from vdept.people.models import Membership
from vdept.targets.models import TargetState
from vdept.units.models import UnitKind
from vdept.warnings import answering
from vdept.warnings.detecting import detect
from vdept.warnings.models import EarlyWarning
from warnings_scene import Scene, build, days, morning

MONDAY = date(2026, 6, 1)


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await build(db)


def who(scene: Scene, row: Notification) -> str:
    heads = {actor.person_id: f"{name} head" for name, actor in scene.heads.items()}
    coordinators = {actor.person_id: f"{name} coordinator" for name, actor in scene.coordinators.items()}
    return (heads | coordinators)[row.person_id]


async def told(scene: Scene) -> list[str]:
    return sorted(who(scene, row) for row in await scene.told())


async def leaves(scene: Scene, head: Actor, on: date) -> None:
    async with scene.db.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.update(Membership).where(Membership.person_id == head.person_id).values(ends_on=on)
        )


async def test_the_head_and_the_coordinators_are_told_in_one_notification_each(scene: Scene) -> None:
    await scene.add_target("north", acknowledged_at=None)
    task = await scene.add_task("north", date(2026, 5, 4), due_on=date(2026, 6, 5), of=None)
    report = await scene.on(MONDAY)

    assert (report.opened, report.told) == (3, 2)
    assert await told(scene) == ["north coordinator", "north head"]
    warnings = {row.kind: row for row in await scene.warnings()}
    gravest = min((row for row in warnings.values()), key=lambda row: row.id)
    for row in await scene.told():
        assert (row.kind, row.subject_type, row.unit_id) == ("WARNING_OPENED", "Target", gravest.unit_id)
        assert (row.subject_id, row.origin_id) == (gravest.subject_id, gravest.id)
        assert row.data == {
            "title": scene.key_result.title,
            "subject": "TARGET",
            "warning": "PACE",
            "severity": "OFF_TRACK",
            "unit": "Sa Pa",
            "units": 1,
            "count": 3,
            "off_track": 3,
        }
    assert {row.notified_at for row in warnings.values()} == {morning(MONDAY)}
    assert task.id in {row.subject_id for row in warnings.values()}

    assert (await scene.on(MONDAY + days(1))).told == 0


async def test_the_gravest_speaks_for_the_others(scene: Scene) -> None:
    await scene.add_target("south", due_on=date(2026, 12, 31))
    await scene.measure("south", date(2026, 5, 31), "31")
    await scene.add_task("south", date(2026, 5, 4), due_on=date(2026, 6, 5), of=None, title="Lắp đặt")
    await scene.on(MONDAY)
    [row] = await scene.told()
    assert (row.subject_type, row.data["title"], row.data["warning"]) == ("Task", "Lắp đặt", "NO_TIME_LEFT")
    assert (row.data["count"], row.data["off_track"]) == (2, 1)


async def test_each_unit_is_told_of_its_own(scene: Scene) -> None:
    for name in ("north", "south", "other"):
        await scene.add_target(name)
    assert (await scene.on(MONDAY)).told == 4
    assert await told(scene) == ["north coordinator", "north head", "other head", "south head"]


async def test_where_nobody_is_head_the_unit_above_is_told_and_why(scene: Scene) -> None:
    await leaves(scene, scene.heads["north"], MONDAY - days(1))
    await leaves(scene, scene.heads["south"], MONDAY - days(1))
    await scene.add_target("north")
    await scene.add_target("south")
    await scene.add_target("province")
    await scene.on(MONDAY)
    assert await told(scene) == ["north coordinator", "province coordinator", "province head"]
    [row] = [row for row in await scene.told() if who(scene, row) == "province head"]
    assert (row.unit_id, row.data["count"], row.data["units"]) == (scene.units["province"].id, 3, 3)
    assert row.data["vacant"] == ["Bắc Hà", "Sa Pa"]


async def test_a_head_on_the_last_day_of_office_is_still_told(scene: Scene) -> None:
    await leaves(scene, scene.heads["south"], MONDAY)
    await scene.add_target("south")
    await scene.on(MONDAY)
    assert await told(scene) == ["south head"]


async def test_above_a_firm_stands_who_set_the_work(scene: Scene) -> None:
    await leaves(scene, scene.heads["firm"], MONDAY - days(1))
    await scene.add_task("firm", date(2026, 5, 4), due_on=date(2026, 6, 5), owner="other", of=None)
    await scene.on(MONDAY)
    assert await told(scene) == ["other head"]


async def test_nobody_is_told_who_cannot_sign_in_any_more(scene: Scene) -> None:
    from vdept.people.models import Person

    async with scene.db.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.update(Person).where(Person.id == scene.heads["south"].person_id).values(active=False)
        )
    await scene.add_target("south")
    await scene.on(MONDAY)
    assert await told(scene) == ["province head"]


async def test_a_warning_closed_and_opened_on_one_day_is_told_once_that_day(scene: Scene) -> None:
    target = await scene.add_target("south")
    await scene.on(MONDAY)
    await scene.set(target, state=TargetState.PAUSED, review_on=date(2026, 7, 1))
    assert (await scene.on(MONDAY)).closed == 1
    await scene.set(target, state=TargetState.ACTIVE, review_on=None)
    assert (await scene.on(MONDAY)).opened == 1
    assert len(await scene.told()) == 1

    await scene.set(target, state=TargetState.PAUSED, review_on=date(2026, 7, 1))
    await scene.on(MONDAY + days(1))
    await scene.set(target, state=TargetState.ACTIVE, review_on=None)
    await scene.on(MONDAY + days(1))
    assert len(await scene.told()) == 2


async def test_without_an_answer_for_five_working_days_the_head_above_is_told_once(scene: Scene) -> None:
    """Monday 1 June to Monday 8 June: five working days, and a weekend in between."""
    await scene.add_target("north")
    await scene.add_target("south")
    await scene.on(MONDAY)
    await scene.on(date(2026, 6, 5))
    await scene.on(date(2026, 6, 7))
    assert len(await scene.told()) == 3

    await scene.on(date(2026, 6, 8))
    *_, row = await scene.told()
    assert who(scene, row) == "province head"
    assert (row.kind, row.data["escalated"], row.data["working_days"]) == ("WARNING_OPENED", True, 5)
    assert (row.data["count"], row.data["units"], row.data["unit"]) == (2, 2, "Sa Pa")
    await scene.on(date(2026, 6, 30))
    assert len(await scene.told()) == 4


async def test_an_answer_keeps_it_from_the_head_above(scene: Scene) -> None:
    await scene.add_target("north")
    await scene.on(MONDAY)
    [warning] = await scene.warnings()
    await answered(scene, warning, date(2026, 6, 30))
    await scene.on(date(2026, 6, 10))
    assert await told(scene) == ["north coordinator", "north head"]


async def answered(scene: Scene, warning: EarlyWarning, by: date, on: date = MONDAY) -> None:
    async with scene.db.begin(scene.heads["north"], now=morning(on)) as tx:
        await answering.acknowledge(tx, warning.id, "Bổ sung người", by)


async def test_a_promise_that_passed_is_reminded_of_once_and_anew_after_another(scene: Scene) -> None:
    await scene.add_target("north")
    await scene.on(MONDAY)
    [warning] = await scene.warnings()
    await answered(scene, warning, date(2026, 6, 3))
    await scene.on(date(2026, 6, 3))
    assert len(await scene.told()) == 2, "it is not past on the day itself"

    await scene.on(date(2026, 6, 4))
    await scene.on(date(2026, 6, 5))
    *_, row = await scene.told()
    assert len(await scene.told()) == 3
    assert (who(scene, row), row.data["again"], row.data["respond_by"]) == ("north head", True, "2026-06-03")

    await answered(scene, warning, date(2026, 6, 9), on=date(2026, 6, 5))
    await scene.on(date(2026, 6, 9))
    assert len(await scene.told()) == 3
    await scene.on(date(2026, 6, 10))
    assert len(await scene.told()) == 4


async def test_a_flood_of_warnings_is_one_notification_a_person(db: Database) -> None:
    """40 communes with 10 targets each turn at one day: 40 heads and 40 coordinators, 80 notifications."""
    scene = await build(db)
    async with db.begin(SYSTEM, now=morning(date(2026, 1, 1))) as tx:
        results: list[Any] = [await make.key_result(tx, scene.plan, scene.indicator) for _ in range(10)]
        for _ in range(40):
            commune = await make.unit(tx, kind=UnitKind.COMMUNE, parent=scene.units["province"])
            await make.actor(tx, commune, Role.HEAD)
            await make.actor(tx, commune, Role.COORDINATOR)
            for of in results:
                await make.target(tx, of, commune)
    report = await _flood(scene)
    assert (report.opened, report.told) == (400, 80)
    rows = await scene.told()
    assert {(row.data["count"], row.data["units"]) for row in rows} == {(10, 1)}
    assert len({row.person_id for row in rows}) == 80


async def _flood(scene: Scene) -> Any:
    """UNACKNOWLEDGED needs no roll-up."""
    async with scene.db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("UPDATE plan_evaluation SET evaluated_on = :on"), {"on": MONDAY})
    return await detect(scene.db, as_of=MONDAY, now=morning(MONDAY) + timedelta(minutes=1))
