"""Who is told of verdicts: the head of the unit, and the head above of what was not met; once a run."""

from datetime import date
from decimal import Decimal

import pytest

import factories as make
from core.test_verdicts import DUE, LATER, NEXT, head_until, judge, roll_up, verdicts
from factories import SYSTEM
from vdept.kernel.db import Database
from vdept.notifications.models import Notification
from vdept.targets.models import Audience
from vdept.verdicts import telling
from vdept.verdicts.issuing import issue
from warnings_scene import START, Scene, build, morning


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await build(db)


async def told(scene: Scene) -> dict[str, Notification]:
    """The notifications by whose head got them; each at most one."""
    heads = {actor.person_id: name for name, actor in scene.heads.items()}
    rows = await scene.told()
    found = {heads[row.person_id]: row for row in rows}
    assert len(found) == len(rows), "once a person"
    return found


async def test_of_what_was_met_the_head_is_told_and_nobody_above(scene: Scene) -> None:
    target = await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "100")
    assert (await judge(scene, NEXT)).told == 1
    [(name, row)] = (await told(scene)).items()
    assert (name, row.kind, row.subject_type, row.plan_id) == (
        "north",
        "VERDICT_ISSUED",
        "Verdict",
        target.plan_id,
    )
    assert row.unit_id == scene.units["north"].id
    assert row.data == {
        "title": scene.plan.title,
        "subject": "UNIT",
        "judgement": "MET",
        "unit": "Sa Pa",
        "due_on": "2026-06-30",
        "number": 1,
        "count": 2,
        "not_met": 0,
        "units": 1,
    }


async def test_of_what_was_not_met_the_head_above_is_told_as_well(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    await scene.add_target("south", due_on=DUE)
    await scene.measure("south", DUE, "100")
    await judge(scene, NEXT)
    found = await told(scene)
    assert sorted(found) == ["north", "province", "south"]
    north, above = found["north"], found["province"]
    assert (north.data["judgement"], north.data["count"], north.data["not_met"]) == ("NOT_MET", 2, 2)
    assert (above.unit_id, above.data["unit"]) == (scene.units["province"].id, "Sa Pa")
    assert (above.data["count"], above.data["not_met"], above.data["units"]) == (2, 2, 1)


@pytest.mark.parametrize("many", [1, telling.MANY], ids=["counted first", "few"])
async def test_a_head_hears_once_of_their_own_and_of_all_below(
    scene: Scene, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "MANY", many)
    for name in ("province", "north", "south"):
        await scene.add_target(name, due_on=DUE)
    await judge(scene, NEXT)
    found = await told(scene)
    assert sorted(found) == ["nation", "north", "province", "south"]
    assert found["province"].data["count"] == 6
    assert found["province"].unit_id == scene.units["province"].id


async def test_without_a_head_the_next_above_is_told_once(scene: Scene) -> None:
    async with scene.db.begin(SYSTEM) as tx:
        await head_until(tx, scene.heads["north"].person_id, DUE)
    await scene.add_target("north", due_on=DUE)
    await judge(scene, NEXT)
    [(name, row)] = (await told(scene)).items()
    assert (name, row.data["count"]) == ("province", 2)


async def test_above_a_firm_stands_whoever_assigned_the_target(scene: Scene) -> None:
    await scene.add_target("province")
    await scene.add_target("firm", "province", due_on=DUE)
    await judge(scene, NEXT)
    assert sorted(await told(scene)) == ["firm", "province"]


async def test_a_unit_that_has_closed_is_judged_and_the_head_above_hears_of_it_once(scene: Scene) -> None:
    """It had no head on the due date: a unit that ends takes its memberships along, not its targets."""
    await scene.add_target("north", due_on=DUE)
    async with scene.db.begin(SYSTEM) as tx:
        await head_until(tx, scene.heads["north"].person_id, date(2026, 5, 31))
    await scene.set(scene.units["north"], valid_to=date(2026, 5, 31))
    await judge(scene, NEXT)
    assert {(row.judgement, row.head_id) for row in await verdicts(scene)} == {("NOT_MET", None)}
    [(name, row)] = (await told(scene)).items()
    assert (name, row.data["count"], row.data["units"]) == ("province", 2, 1)


async def test_of_a_verdict_issued_again_they_hear_again(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "90")
    await judge(scene, NEXT)
    before = len(await scene.told())
    await scene.measure("north", DUE, "100")
    assert (await judge(scene, LATER)).told == 1
    *_, last = await scene.told()
    assert len(await scene.told()) == before + 1
    assert (last.data["judgement"], last.data["number"], last.data["again"]) == ("MET", 2, 2)


async def test_what_was_superseded_before_it_was_told_is_not_told(scene: Scene) -> None:
    target = await scene.add_target("north", due_on=DUE)
    await roll_up(scene, NEXT)
    async with scene.db.begin(SYSTEM, now=morning(NEXT)) as tx:
        from vdept.verdicts.issuing import Report, keep

        await keep(tx, scene.plan.id, scene.units["nation"].id, Report())
    await scene.set(target, value=Decimal(0), baseline=Decimal(0))
    await scene.measure("north", date(2026, 6, 1), "5")
    await roll_up(scene, LATER)
    await issue(scene.db, as_of=LATER, now=morning(LATER))
    assert {row.data["judgement"] for row in await scene.told()} == {"MET"}


async def test_who_is_told_is_who_holds_the_office_today(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE, starts_on=START)
    async with scene.db.begin(SYSTEM) as tx:
        await head_until(tx, scene.heads["north"].person_id, NEXT)
    await judge(scene, LATER)
    assert sorted(await told(scene)) == ["province"]


async def test_above_a_firm_each_who_assigned_hears_of_what_they_assigned_and_of_nothing_else(
    scene: Scene,
) -> None:
    """Another plan's verdict is not for who assigned in the first, and is not lost for who assigned it."""
    here = scene.plan
    await scene.add_target("province")
    await scene.add_target("firm", "province", due_on=DUE)
    ours = scene.targets["firm"]
    async with scene.db.begin(SYSTEM) as tx:
        scene.plan = await make.plan(
            tx, scene.units["other"], starts_on=START, audience=Audience.PARTICIPANTS, title="Kế hoạch kín"
        )
    there = await scene.add_key_result()
    await scene.add_target("other", of=there)
    await scene.add_target("firm", "other", of=there, due_on=DUE)
    theirs = scene.targets["firm"]
    await judge(scene, NEXT)
    found = await told(scene)
    assert sorted(found) == ["firm", "other", "province"]
    assert {name: (row.data["count"], row.plan_id) for name, row in found.items() if name != "firm"} == {
        "province": (2, here.id),
        "other": (2, scene.plan.id),
    }
    assert (found["firm"].data["count"], found["firm"].data["units"]) == (4, 1)
    assert ours.assigned_by_unit_id != theirs.assigned_by_unit_id


async def test_whoever_assigned_met_targets_only_hears_of_the_firm_as_a_whole(scene: Scene) -> None:
    await scene.add_target("province")
    await scene.add_target("firm", "province", due_on=DUE)
    for value in (100, 500):
        of = await scene.add_key_result(value=value)
        await scene.add_target("other", of=of)
        await scene.add_target("firm", "other", of=of, due_on=DUE)
    await scene.measure("firm", DUE, "100")
    await judge(scene, NEXT)
    counts = {name: (row.data["count"], row.data["not_met"]) for name, row in (await told(scene)).items()}
    assert counts == {"firm": (4, 2), "province": (1, 1), "other": (2, 2)}
