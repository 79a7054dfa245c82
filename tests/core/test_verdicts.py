"""Verdicts: what is judged when, with which inputs and whose it is, and what a correction makes of it."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from statements import counting
from vdept.kernel.actor import Role
from vdept.kernel.db import Database, Tx
from vdept.outcomes.refresh import reevaluate, refresh
from vdept.people.models import Membership
from vdept.sources.models import Intake, IntakeState, Reach, Source, Way
from vdept.targets.changes import task_changed
from vdept.targets.models import Basis, Direction, Frequency, PlanState, Rollup, Target, TargetState
from vdept.tasks.models import TaskState, TaskTarget
from vdept.verdicts import issuing, telling
from vdept.verdicts.issuing import Report, issue
from vdept.verdicts.models import Verdict, VerdictNews
from warnings_scene import START, Scene, build, days, morning

DUE = date(2026, 6, 30)
NEXT = date(2026, 7, 1)
LATER = date(2026, 7, 2)


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await build(db)


async def judge(scene: Scene, day: date, **only: Any) -> Report:
    """The morning of a day: roll up, move the plans to it, judge."""
    await roll_up(scene, day)
    return await issue(scene.db, as_of=day, now=morning(day), **only)


async def roll_up(scene: Scene, day: date) -> None:
    while (await refresh(scene.db, now=morning(day))).more:
        pass
    await reevaluate(scene.db, as_of=day)


async def verdicts(scene: Scene, *, all_of_them: bool = False) -> list[Verdict]:
    """Those that count, of targets and then of units."""
    async with scene.db.snapshot(SYSTEM) as tx:
        query = sa.select(Verdict).order_by(Verdict.subject, Verdict.id)
        if not all_of_them:
            query = query.where(Verdict.superseded_at.is_(None))
        return list(await tx.session.scalars(query))


def said(rows: list[Verdict]) -> list[tuple[str, int, str]]:
    return [(str(row.subject), row.number, str(row.judgement)) for row in rows]


async def test_on_the_due_date_nothing_is_judged_and_on_the_day_after_it_is(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    await scene.measure("north", date(2026, 6, 1), "100")
    assert await judge(scene, DUE) == Report()
    assert await verdicts(scene, all_of_them=True) == []

    assert (await judge(scene, NEXT)).issued == 2
    target, unit = await verdicts(scene)
    assert (target.subject, target.judgement, target.number) == ("TARGET", "MET", 1)
    assert (target.target_id, target.unit_id) == (scene.targets["north"].id, scene.units["north"].id)
    assert (target.key_result_id, target.plan_id) == (scene.key_result.id, scene.plan.id)
    assert (target.due_on, target.evaluated_on, target.issued_at) == (DUE, NEXT, morning(NEXT))
    assert (target.value, target.goal) == (100, 100)
    assert (target.head_id, target.head_since) == (scene.heads["north"].person_id, make.START)
    assert (unit.subject, unit.judgement, unit.target_id) == ("UNIT", "MET", None)
    assert (unit.unit_id, unit.due_on, unit.head_id) == (target.unit_id, DUE, target.head_id)


async def test_a_verdict_carries_every_input(scene: Scene) -> None:
    ratio = await ratio_of(scene, Basis.MEASURED)
    target = await scene.add_target("north", of=ratio, due_on=DUE, value=Decimal("62.5"))
    async with scene.db.begin(SYSTEM, now=morning(DUE)) as tx:
        intake = await intake_of(tx, scene)
        first = await record(tx, target, DUE - days(9), "60", parts=("60", "100"))
        measured = await record(tx, target, DUE, "62.4", parts=("624", "1000"), intake_id=intake.id)
        await record(tx, target, DUE + days(1), "99", parts=("99", "100"))
        await record(tx, target, DUE, "63", basis=Basis.REPORTED, parts=("63", "100"))
    await judge(scene, NEXT)

    verdict = (await verdicts(scene))[0]
    assert (verdict.judgement, verdict.value, verdict.goal) == ("NOT_MET", Decimal("62.4"), Decimal("62.5"))
    assert verdict.inputs == {
        "basis": "MEASURED",
        "used": "MEASURED",
        "direction": "AT_LEAST",
        "rollup": "RATIO",
        "binding": True,
        "goal": "62.5",
        "baseline": "10",
        "value": "62.4",
        "measured": "62.4",
        "reported": "63",
        "numerator": "624",
        "denominator": "1000",
        "as_of": "2026-06-30",
        "at_risk_points": "10",
        "off_track_points": "25",
        "measurement_id": measured,
        "source": "Cổng dịch vụ công",
        "source_id": intake.source_id,
        "intake_id": intake.id,
        "sha256": "ab" * 32,
        "received_at": "2026-06-30T01:00:00+00:00",
        "recorded_at": "2026-06-30T01:00:00+00:00",
    }
    assert first < measured


async def test_without_a_measured_value_at_the_due_date_it_is_not_met_whatever_was_reported(
    scene: Scene,
) -> None:
    target = await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "100", Basis.REPORTED)
    await scene.measure("north", DUE + days(1), "100")
    await judge(scene, LATER)
    verdict = (await verdicts(scene))[0]
    assert (verdict.target_id, verdict.judgement, verdict.value) == (target.id, "NOT_MET", None)
    assert (verdict.inputs["used"], verdict.inputs["reported"]) == ("MEASURED", "100")
    assert not {"value", "measured", "as_of", "source", "measurement_id"} & set(verdict.inputs)


async def test_where_reports_count_the_report_is_used_and_the_measurement_where_there_is_none(
    scene: Scene,
) -> None:
    of = await scene.add_key_result(basis=Basis.REPORTED)
    await scene.add_target("north", of=of, due_on=DUE)
    await scene.add_target("south", of=of, due_on=DUE)
    await scene.measure("north", DUE, "100", Basis.REPORTED)
    await scene.measure("north", DUE, "99")
    await scene.measure("south", DUE, "100")
    await judge(scene, NEXT)
    north, south, *_ = await verdicts(scene)
    assert (north.judgement, north.inputs["used"], north.value) == ("MET", "REPORTED", 100)
    assert north.inputs["measured"] == "99"
    assert (south.judgement, south.inputs["used"], south.value) == ("MET", "MEASURED", 100)


async def test_of_a_parent_it_says_the_rule_and_how_many_children_met_theirs(scene: Scene) -> None:
    await scene.add_target("province", due_on=DUE)
    for name, value in (("north", "100"), ("south", "50")):
        await scene.add_target(name, "province", due_on=DUE)
        await scene.measure(name, DUE, value)
    await judge(scene, NEXT)
    province = (await verdicts(scene))[0]
    assert (province.judgement, province.value) == ("NOT_MET", 75)
    known = ("rollup", "children", "children_met", "value")
    assert [province.inputs[name] for name in known] == ["MEAN", 2, 1, "75"]
    assert "as_of" not in province.inputs


async def test_of_a_milestone_it_says_how_much_of_the_work_was_verified(scene: Scene) -> None:
    of = await scene.add_key_result(rollup=Rollup.MILESTONE)
    target = await scene.add_target("north", of=of, due_on=DUE)
    for state, weight in ((TaskState.VERIFIED, 3), (TaskState.DELIVERED, 1)):
        row = await scene.add_task("north", date(2026, 2, 2), state=state, delivered_on=DUE, due_on=DUE)
        async with scene.db.begin(SYSTEM) as tx:
            tx.session.add(TaskTarget(task_id=row.id, target_id=target.id, weight=Decimal(weight)))
    await scene.set(target, weight=Decimal(2))
    await judge(scene, NEXT)
    verdict = (await verdicts(scene))[0]
    assert (verdict.judgement, verdict.value) == ("NOT_MET", 75)
    known = ("task_weight", "delivered_weight", "verified_weight")
    assert [verdict.inputs[name] for name in known] == ["4", "4", "3"]


async def test_it_is_the_verdict_of_who_headed_the_unit_on_the_due_date(scene: Scene) -> None:
    async with scene.db.begin(SYSTEM) as tx:
        await head_until(tx, scene.heads["north"].person_id, DUE - days(1))
        during = await make.person(tx)
        await make.membership(tx, during, scene.units["north"], Role.HEAD, DUE, DUE)
        after = await make.person(tx)
        await make.membership(tx, after, scene.units["north"], Role.HEAD, NEXT)
        await head_until(tx, scene.heads["south"].person_id, DUE - days(1))
    await scene.add_target("north", due_on=DUE)
    await scene.add_target("south", due_on=DUE)
    await judge(scene, NEXT)
    heads = {row.unit_id: (row.head_id, row.head_since) for row in await verdicts(scene)}
    assert heads[scene.units["north"].id] == (during.id, DUE)
    assert heads[scene.units["south"].id] == (None, None), "nobody headed it on that day"


async def test_a_corrected_membership_says_whose_verdict_it_is_anew(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    await judge(scene, NEXT)
    async with scene.db.begin(SYSTEM) as tx:
        await head_until(tx, scene.heads["north"].person_id, DUE - days(1))
    assert (await judge(scene, LATER)).reissued == 2
    assert {row.head_id for row in await verdicts(scene)} == {None}


async def test_a_unit_is_judged_when_all_its_targets_are_due(scene: Scene) -> None:
    optional = await scene.add_key_result(binding=False)
    await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "100")
    await scene.add_target("north", of=optional, due_on=NEXT)
    await judge(scene, NEXT)
    assert said(await verdicts(scene)) == [("TARGET", 1, "MET")]

    await judge(scene, LATER)
    *_, unit = await verdicts(scene)
    assert (unit.subject, unit.judgement, unit.due_on) == ("UNIT", "MET", NEXT)
    assert unit.inputs == {"targets": 2, "met": 2, "not_met": 0, "binding": 1, "binding_met": 1}


async def test_a_unit_names_the_binding_targets_it_did_not_meet(scene: Scene) -> None:
    missed = await scene.add_target("north", due_on=DUE)
    await scene.add_target("north", of=await scene.add_key_result(binding=False, value=500), due_on=DUE)
    await judge(scene, NEXT)
    *_, unit = await verdicts(scene)
    assert unit.judgement == "NOT_MET"
    assert unit.inputs["unmet"] == [missed.id]
    assert (unit.inputs["binding"], unit.inputs["not_met"]) == (1, 2)


async def test_without_a_binding_target_a_unit_is_not_judged(scene: Scene) -> None:
    await scene.add_target("north", of=await scene.add_key_result(binding=False), due_on=DUE)
    await judge(scene, NEXT)
    assert said(await verdicts(scene)) == [("TARGET", 1, "NOT_MET")]


async def test_a_correction_issues_it_again_and_both_are_kept(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE - days(1), "90")
    await judge(scene, NEXT)
    first, first_of_unit = await verdicts(scene)

    await scene.measure("north", DUE - days(1), "100")
    report = await judge(scene, LATER)
    assert (report.issued, report.reissued, report.lifted) == (0, 2, 0)
    kept = await verdicts(scene, all_of_them=True)
    assert [(row.number, str(row.judgement), row.superseded_at) for row in kept] == [
        (1, "NOT_MET", morning(LATER)),
        (2, "MET", None),
        (1, "NOT_MET", morning(LATER)),
        (2, "MET", None),
    ]
    assert [row.value for row in kept[:2]] == [90, 100]
    assert [kept[0].id, kept[2].id] == [first.id, first_of_unit.id]


async def test_a_correction_that_changes_the_value_alone_issues_the_target_again_and_not_the_unit(
    scene: Scene,
) -> None:
    await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "90")
    await judge(scene, NEXT)
    await scene.measure("north", DUE, "91")
    assert (await judge(scene, LATER)).reissued == 1
    assert said(await verdicts(scene)) == [("TARGET", 2, "NOT_MET"), ("UNIT", 1, "NOT_MET")]


@pytest.mark.parametrize(
    ("on", "value"), [(DUE, "90"), (NEXT, "100")], ids=["the same value once more", "after the due date"]
)
async def test_what_does_not_change_the_outcome_changes_no_verdict(
    scene: Scene, on: date, value: str
) -> None:
    await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "90")
    await judge(scene, NEXT)
    await scene.measure("north", on, value)
    assert await judge(scene, LATER) == Report()


async def test_what_is_paused_before_it_is_due_is_not_judged_and_neither_is_its_unit(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE, state=TargetState.PAUSED, review_on=LATER)
    assert await judge(scene, NEXT) == Report()


async def test_a_pause_after_the_due_date_takes_no_verdict_away(scene: Scene) -> None:
    target = await scene.add_target("north", due_on=DUE)
    await judge(scene, NEXT)
    await scene.set(target, state=TargetState.PAUSED, review_on=LATER)
    assert await judge(scene, LATER) == Report()
    assert said(await verdicts(scene)) == [("TARGET", 1, "NOT_MET"), ("UNIT", 1, "NOT_MET")]


@pytest.mark.parametrize(
    "change", [{"state": TargetState.WITHDRAWN}, {"due_on": date(2026, 12, 1)}], ids=["withdrawn", "later"]
)
async def test_what_is_taken_back_or_due_later_has_no_verdict_that_counts(
    scene: Scene, change: dict[str, Any]
) -> None:
    target = await scene.add_target("north", due_on=DUE)
    await judge(scene, NEXT)
    await scene.set(target, **change)
    report = await judge(scene, LATER)
    assert (report.lifted, report.told) == (2, 0)
    assert await verdicts(scene) == []
    assert {row.superseded_at for row in await verdicts(scene, all_of_them=True)} == {morning(LATER)}

    await scene.set(target, state=TargetState.ACTIVE, due_on=DUE)
    assert (await judge(scene, LATER + days(1))).issued == 2
    assert said(await verdicts(scene)) == [("TARGET", 2, "NOT_MET"), ("UNIT", 2, "NOT_MET")]


async def test_a_draft_is_not_judged_and_a_closed_plan_goes_on_to_its_end(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    await roll_up(scene, NEXT)
    await scene.set(scene.plan, state=PlanState.DRAFT)
    assert await judge(scene, NEXT) == Report()
    await scene.set(scene.plan, state=PlanState.CLOSED)
    assert (await judge(scene, LATER)).issued == 2


async def test_what_waits_to_be_rolled_up_is_left_for_the_next_run(scene: Scene) -> None:
    target = await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "90")
    await roll_up(scene, NEXT)
    await scene.set(target, value=Decimal(80))
    assert await issue(scene.db, as_of=NEXT, now=morning(NEXT)) == Report()
    await judge(scene, NEXT)
    assert said(await verdicts(scene)) == [("TARGET", 1, "MET"), ("UNIT", 1, "MET")]


async def test_a_milestone_whose_tasks_wait_to_be_rolled_up_is_left_for_the_next_run(scene: Scene) -> None:
    """Else its head hears of a milestone not met that was met the moment before."""
    of = await scene.add_key_result(rollup=Rollup.MILESTONE)
    target = await scene.add_target("north", of=of, due_on=DUE)
    task = await scene.add_task("north", START, state=TaskState.DELIVERED, delivered_on=DUE, due_on=DUE)
    async with scene.db.begin(SYSTEM) as tx:
        tx.session.add(TaskTarget(task_id=task.id, target_id=target.id, weight=Decimal(1)))
    await roll_up(scene, NEXT)
    await scene.set(task, state=TaskState.VERIFIED)
    async with scene.db.begin(SYSTEM) as tx:
        await task_changed(tx, scene.plan.id, task.id)
    assert await issue(scene.db, as_of=NEXT, now=morning(NEXT)) == Report()
    await judge(scene, NEXT)
    assert said(await verdicts(scene)) == [("TARGET", 1, "MET"), ("UNIT", 1, "MET")]


# -- once, whoever runs it and whatever breaks -------------------------------------------------------------


async def test_nothing_is_issued_twice(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    assert (await judge(scene, NEXT)).issued == 2
    assert await judge(scene, NEXT) == Report()
    assert await judge(scene, LATER) == Report()
    assert len(await verdicts(scene, all_of_them=True)) == 2
    assert len(await scene.said("verdicts.issued")) == 1


async def test_another_way_of_hashing_issues_nothing_again(scene: Scene, owner: Database) -> None:
    await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "90")
    await judge(scene, NEXT)
    async with owner.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE verdict DISABLE TRIGGER final"))
        await connection.execute(sa.text("UPDATE verdict SET digest = digest + 1"))
        await connection.execute(sa.text("ALTER TABLE verdict ENABLE TRIGGER final"))
    assert await judge(scene, LATER) == Report()


async def test_two_at_once_issue_each_verdict_once(scene: Scene) -> None:
    for name in ("province", "north", "south", "other", "firm"):
        await scene.add_target(name, due_on=DUE)
    await roll_up(scene, NEXT)
    reports = await asyncio.gather(*(issue(scene.db, as_of=NEXT, now=morning(NEXT)) for _ in range(4)))
    assert sum(report.issued for report in reports) == 10
    assert sum(report.reissued + report.lifted for report in reports) == 0
    assert len(await verdicts(scene, all_of_them=True)) == 10
    told = [row.person_id for row in await scene.told()]
    assert len(told) == len(set(told))


async def test_a_run_that_dies_in_the_middle_has_issued_nothing_and_the_next_issues_all(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "90")
    await judge(scene, NEXT)
    await scene.measure("north", DUE, "100")
    await roll_up(scene, LATER)

    async def die(tx: Tx, plan_id: int, issuer_id: int, report: Report) -> None:
        await keep(tx, plan_id, issuer_id, report)
        await tx.session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    keep = issuing.keep
    with monkeypatch.context() as patched:
        patched.setattr(issuing, "keep", die)
        with pytest.raises(sa.exc.DBAPIError):
            await issue(scene.db, as_of=LATER, now=morning(LATER))
    assert said(await verdicts(scene, all_of_them=True)) == [("TARGET", 1, "NOT_MET"), ("UNIT", 1, "NOT_MET")]

    assert (await issue(scene.db, as_of=LATER, now=morning(LATER))).reissued == 2
    assert said(await verdicts(scene)) == [("TARGET", 2, "MET"), ("UNIT", 2, "MET")]


async def test_a_run_that_dies_before_it_tells_is_told_by_the_next(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.add_target("north", due_on=DUE)
    await roll_up(scene, NEXT)

    async def die(_tx: Tx, _as_of: date) -> int:
        raise OSError("no")

    with monkeypatch.context() as patched:
        patched.setattr(telling, "tell", die)
        with pytest.raises(OSError, match="no"):
            await issue(scene.db, as_of=NEXT, now=morning(NEXT))
    assert await scene.told() == []
    report = await issue(scene.db, as_of=NEXT, now=morning(NEXT))
    assert (report.issued, report.told) == (0, 2)
    async with scene.db.snapshot(SYSTEM) as tx:
        assert await tx.session.scalar(sa.select(sa.func.count()).select_from(VerdictNews)) == 0


async def test_a_plan_that_fails_keeps_no_other_waiting(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.add_target("north", due_on=DUE)
    first = scene.plan
    async with scene.db.begin(SYSTEM) as tx:
        scene.plan = await make.plan(tx, scene.units["nation"], starts_on=first.starts_on)
    await scene.add_target("south", of=await scene.add_key_result(), due_on=DUE)
    keep = issuing.keep

    async def spoilt(tx: Tx, plan_id: int, issuer_id: int, report: Report) -> None:
        if plan_id == first.id:
            raise OSError("spoilt")
        await keep(tx, plan_id, issuer_id, report)

    monkeypatch.setattr(issuing, "keep", spoilt)
    with pytest.raises(OSError, match="spoilt"):
        await judge(scene, NEXT)
    assert {row.plan_id for row in await verdicts(scene)} == {scene.plan.id}


async def test_only_the_plans_asked_for_are_judged(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    assert await judge(scene, NEXT, plan_ids=[scene.plan.id + 1]) == Report()
    assert (await judge(scene, NEXT, plan_ids=[scene.plan.id])).issued == 2


async def test_as_many_statements_for_a_hundred_targets_as_for_one(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    await roll_up(scene, NEXT)
    with counting(scene.db) as one:
        await issue(scene.db, as_of=NEXT, now=morning(NEXT))
    async with scene.db.begin(SYSTEM) as tx:
        from vdept.targets.changes import target_changed

        rows = [await make.target(tx, scene.key_result, await make.unit(tx), due_on=DUE) for _ in range(100)]
        await target_changed(tx, scene.plan.id, [row.id for row in rows])
    await roll_up(scene, LATER)
    with counting(scene.db) as many:
        assert (await issue(scene.db, as_of=LATER, now=morning(LATER))).issued == 200
    assert len(many) == len(one)


async def test_a_run_leaves_one_activity_a_plan_that_tells_nothing_of_what_was_judged(scene: Scene) -> None:
    """Who sees a public plan reads it, and a verdict on a milestone tells of tasks, which are not for all."""
    await scene.add_target("north", due_on=DUE)
    await scene.add_target("south", due_on=DUE)
    await scene.measure("south", DUE, "100")
    await judge(scene, NEXT)
    [activity] = await scene.said("verdicts.issued")
    rows = await verdicts(scene)
    assert (activity.subject_type, activity.plan_id) == ("Verdict", scene.plan.id)
    assert activity.data == {
        "issued": 4,
        "reissued": 0,
        "lifted": 0,
        "first_id": min(row.id for row in rows),
        "last_id": max(row.id for row in rows),
    }


async def test_nobody_edits_or_deletes_a_verdict(scene: Scene) -> None:
    await scene.add_target("north", due_on=DUE)
    await judge(scene, NEXT)
    for change in ("UPDATE verdict SET judgement = 'MET'", "DELETE FROM verdict"):
        with pytest.raises(sa.exc.DBAPIError):
            async with scene.db.begin(SYSTEM) as tx:
                await tx.session.execute(sa.text(change))


# -- helpers -----------------------------------------------------------------------------------------------


async def ratio_of(scene: Scene, basis: Basis) -> Any:
    async with scene.db.begin(SYSTEM) as tx:
        what = await make.indicator(tx, direction=Direction.AT_LEAST)
    return await scene.add_key_result(what, rollup=Rollup.RATIO, basis=basis, baseline=Decimal(10))


async def intake_of(tx: Tx, scene: Scene) -> Intake:
    source = Source(
        unit_id=scene.units["north"].id,
        name="Cổng dịch vụ công",
        method="Đếm hồ sơ",
        frequency=Frequency.DAILY,
        way=Way.PUSH,
        reach=Reach.SUBTREE,
        sort_key="cong",
        created_at=tx.now,
    )
    tx.session.add(source)
    await tx.session.flush()
    row = Intake(
        source_id=source.id,
        unit_id=source.unit_id,
        state=IntakeState.RECEIVED,
        received_at=tx.now,
        sha256=b"\xab" * 32,
        size=1,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def record(
    tx: Tx,
    target: Target,
    on: date,
    value: str,
    *,
    basis: Basis = Basis.MEASURED,
    parts: tuple[str, str] | None = None,
    intake_id: int | None = None,
) -> int:
    from vdept.measurements.models import Measurement
    from vdept.targets.changes import target_changed

    row = Measurement(
        indicator_id=target.indicator_id,
        unit_id=target.unit_id,
        as_of=on,
        basis=basis,
        value=Decimal(value),
        numerator=Decimal(parts[0]) if parts else None,
        denominator=Decimal(parts[1]) if parts else None,
        source="Cổng dịch vụ công" if intake_id else "test",
        recorded_at=tx.now,
        intake_id=intake_id,
    )
    tx.session.add(row)
    await tx.session.flush()
    await target_changed(tx, target.plan_id, [target.id])
    return row.id


async def head_until(tx: Tx, person_id: int | None, last: date) -> None:
    await tx.session.execute(
        sa.update(Membership).where(Membership.person_id == person_id).values(ends_on=last)
    )
