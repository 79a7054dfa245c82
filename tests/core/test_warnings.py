"""Early warnings: what opens them, what they say, and what ends them (requirements 42 and 44)."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from vdept.kernel.db import Database, Tx
from vdept.outcomes.refresh import reevaluate, refresh
from vdept.targets.models import Basis, Frequency, PlanState, Rollup, TargetState
from vdept.tasks.models import TaskState
from vdept.warnings import detecting
from vdept.warnings.detecting import Report, detect
from warnings_scene import END, START, Scene, build, days, morning

MONDAY = date(2026, 6, 1)
"""151 of 364 days of the plan: 41.4835 per cent of the way."""


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await build(db)


async def test_a_target_behind_its_pace_opens_a_warning_with_its_figures(scene: Scene) -> None:
    await scene.add_target("north")
    await scene.measure("north", date(2026, 5, 20), "31.5")
    assert await scene.on(MONDAY) == Report(opened=0)

    await scene.measure("north", date(2026, 5, 31), "31.4")
    report = await scene.on(MONDAY)

    assert (report.opened, report.changed, report.closed) == (1, 0, 0)
    [warning] = await scene.warnings()
    assert (warning.kind, warning.subject, warning.severity) == ("PACE", "TARGET", "AT_RISK")
    assert (warning.subject_id, warning.unit_id) == (scene.targets["north"].id, scene.units["north"].id)
    assert (warning.opened_on, warning.opened_at) == (MONDAY, morning(MONDAY))
    assert warning.evidence == {
        "as_of": "2026-06-01",
        "due_on": "2026-12-31",
        "goal": "100",
        "value": "31.4",
        "attainment": "31.4",
        "expected": "41.4835",
        "behind": "10.0835",
        "threshold": "10",
    }


async def test_the_warning_becomes_grave_and_then_ends_by_itself(scene: Scene) -> None:
    await scene.add_target("north")
    await scene.measure("north", date(2026, 5, 31), "31.4")
    await scene.on(MONDAY)
    [first] = await scene.warnings()

    assert (await scene.on(date(2026, 8, 1))).changed == 1
    [grave] = await scene.warnings()
    assert (grave.id, grave.severity, grave.evidence["threshold"]) == (first.id, "OFF_TRACK", "25")
    assert grave.opened_on == MONDAY

    await scene.measure("north", date(2026, 8, 1), "80")
    report = await scene.on(date(2026, 8, 2))
    assert (report.opened, report.closed) == (0, 1)
    [closed] = await scene.warnings(closed=True)
    assert (closed.closed_because, closed.closed_at) == ("ENDED", morning(date(2026, 8, 2)))

    await scene.on(date(2026, 12, 1))
    [again] = await scene.warnings()
    assert again.id != first.id


@pytest.mark.parametrize(
    ("ends", "because"),
    [
        ({"state": TargetState.PAUSED, "review_on": END}, "PAUSED"),
        ({"state": TargetState.WITHDRAWN}, "WITHDRAWN"),
        ({"due_on": MONDAY}, "DUE"),
    ],
    ids=["paused", "withdrawn", "due"],
)
async def test_what_is_not_in_force_any_more_has_no_open_warning(
    scene: Scene, ends: dict[str, object], because: str
) -> None:
    target = await scene.add_target("north", acknowledged_at=None)
    await scene.on(MONDAY)
    assert await scene.kinds() == [("PACE", "OFF_TRACK"), ("UNACKNOWLEDGED", "OFF_TRACK")]

    await scene.set(target, **ends)
    assert (await scene.on(MONDAY + days(1))).closed == 2

    assert await scene.warnings() == []
    assert {row.closed_because for row in await scene.warnings(closed=True)} == {because}


async def test_on_the_due_date_itself_a_target_is_still_warned_of(scene: Scene) -> None:
    await scene.add_target("north", due_on=MONDAY)
    await scene.on(MONDAY)
    assert await scene.kinds() == [("PACE", "OFF_TRACK")]
    await scene.on(MONDAY + days(1))
    assert await scene.kinds() == []


async def test_a_draft_or_closed_plan_has_no_open_warnings(scene: Scene) -> None:
    await scene.add_target("north")
    await scene.add_task("north", START)
    await scene.on(MONDAY)
    assert await scene.kinds() == [
        ("ABANDONED", "OFF_TRACK"),
        ("NO_TIME_LEFT", "OFF_TRACK"),
        ("PACE", "OFF_TRACK"),
    ]
    await scene.set(scene.plan, state=PlanState.CLOSED)
    assert (await scene.on(MONDAY + days(1))).closed == 3
    assert {row.closed_because for row in await scene.warnings(closed=True)} == {"PLAN_CLOSED"}
    await scene.set(scene.plan, state=PlanState.DRAFT)
    assert (await scene.on(MONDAY + days(2))).opened == 0


@pytest.mark.parametrize(
    ("reported", "measured", "severity"),
    [
        ("60", "50", None),
        ("60.1", "50", "AT_RISK"),
        ("69.9", "50", "AT_RISK"),
        ("70", "50", "OFF_TRACK"),
        ("50", "90", None),
    ],
)
async def test_reports_above_measurements_are_a_gap(
    scene: Scene, reported: str, measured: str, severity: str | None
) -> None:
    await scene.add_target("north")
    await scene.measure("north", date(2026, 5, 20), measured)
    await scene.measure("north", date(2026, 5, 20), reported, Basis.REPORTED)
    await scene.on(MONDAY)
    assert await scene.kinds() == ([("GAP", severity)] if severity else [])


async def test_the_gap_says_both_figures(scene: Scene) -> None:
    await scene.set(scene.key_result, gap_points=Decimal("2.5"))
    await scene.add_target("north")
    await scene.measure("north", date(2026, 5, 20), "47")
    await scene.measure("north", date(2026, 5, 20), "50.25", Basis.REPORTED)
    await scene.on(MONDAY)
    [warning] = await scene.warnings()
    assert warning.evidence == {
        "reported": "50.25",
        "measured": "47",
        "reported_attainment": "50.25",
        "measured_attainment": "47",
        "gap": "3.25",
        "threshold": "2.5",
    }


async def test_reports_without_any_measurement_are_no_gap(scene: Scene) -> None:
    await scene.set(scene.key_result, basis=Basis.REPORTED)
    await scene.add_target("north")
    await scene.measure("north", date(2026, 5, 20), "90", Basis.REPORTED)
    await scene.on(MONDAY)
    assert await scene.kinds() == []


@pytest.mark.parametrize(
    ("frequency", "allowed"),
    [
        (Frequency.DAILY, 2),
        (Frequency.WEEKLY, 9),
        (Frequency.MONTHLY, 38),
        (Frequency.QUARTERLY, 111),
    ],
)
async def test_silence_begins_when_a_value_is_later_than_its_frequency_and_a_fifth(
    db: Database, frequency: Frequency, allowed: int
) -> None:
    scene = await build(db, frequency=frequency)
    await scene.add_target("north")
    since = date(2026, 3, 2)
    await scene.measure("north", since, "90")

    await scene.on(since + days(allowed))
    assert await scene.kinds() == []
    await scene.on(since + days(allowed + 1))
    [warning] = await scene.warnings()

    assert warning.kind == "SILENCE"
    assert warning.evidence == {
        "since": "2026-03-02",
        "last_on": "2026-03-02",
        "last_value": "90",
        "basis": "MEASURED",
        "frequency": frequency.value,
        "allowed_days": allowed,
    }
    await scene.on(since + days(2 * allowed - 1))
    assert await scene.kinds() == [("SILENCE", "AT_RISK")]
    await scene.on(since + days(2 * allowed))
    assert await scene.kinds() == [("SILENCE", "OFF_TRACK")]


async def test_silence_without_any_value_counts_from_the_targets_first_day(db: Database) -> None:
    scene = await build(db, frequency=Frequency.WEEKLY)
    await scene.add_target("north", starts_on=date(2026, 3, 2))
    await scene.on(date(2026, 3, 11))
    assert await scene.kinds() == []
    await scene.on(date(2026, 3, 12))
    [warning] = await scene.warnings()
    assert (warning.kind, warning.evidence["since"]) == ("SILENCE", "2026-03-02")
    assert (warning.evidence["last_on"], warning.evidence["last_value"]) == (None, None)


async def test_only_what_is_read_where_it_stands_can_be_silent(db: Database) -> None:
    scene = await build(db, frequency=Frequency.WEEKLY)
    await scene.add_target("province")
    await scene.add_target("north", "province")
    milestone = await scene.add_key_result(rollup=Rollup.MILESTONE)
    await scene.add_target("south", of=milestone)
    await scene.on(date(2026, 1, 20))
    assert [row.unit_id for row in await scene.warnings()] == [scene.units["north"].id]

    await scene.set(scene.key_result, rollup=Rollup.OWN)
    await scene.on(date(2026, 1, 21))
    silent = [row.unit_id for row in await scene.warnings() if row.kind == "SILENCE"]
    assert silent == [scene.units["north"].id, scene.units["province"].id]


async def test_an_indicator_without_frequency_is_never_silent(scene: Scene) -> None:
    await scene.add_target("north")
    await scene.on(date(2026, 1, 20))
    assert await scene.kinds() == []


async def test_who_is_judged_by_reports_is_silent_without_a_report_but_not_where_only_measured(
    db: Database,
) -> None:
    scene = await build(db, frequency=Frequency.WEEKLY)
    await scene.set(scene.key_result, basis=Basis.REPORTED)
    await scene.add_target("north")
    await scene.add_target("south")
    await scene.measure("north", date(2026, 1, 19), "5")
    await scene.measure("south", date(2026, 1, 19), "5")
    await scene.measure("south", date(2026, 1, 2), "5", Basis.REPORTED)
    await scene.on(date(2026, 1, 20))
    [warning] = await scene.warnings()
    assert (warning.unit_id, warning.evidence["since"]) == (scene.units["south"].id, "2026-01-02")


async def test_a_target_that_nobody_acknowledged_within_the_grace_period(scene: Scene) -> None:
    target = await scene.add_target(
        "north", acknowledged_at=None, assigned_at=morning(date(2026, 1, 5)) - timedelta(hours=9)
    )
    await scene.measure("north", date(2026, 1, 5), "90")
    await scene.on(date(2026, 1, 18))
    assert await scene.kinds() == []
    await scene.on(date(2026, 1, 19))
    [warning] = await scene.warnings()
    assert (warning.kind, warning.severity) == ("UNACKNOWLEDGED", "AT_RISK")
    assert warning.evidence == {"since": "2026-01-04", "grace_days": 14}
    await scene.on(date(2026, 2, 1))
    assert await scene.kinds() == [("UNACKNOWLEDGED", "OFF_TRACK")]

    await scene.set(target, acknowledged_at=morning(date(2026, 2, 1)))
    assert (await scene.on(date(2026, 2, 1))).closed == 1
    [closed] = await scene.warnings(closed=True)
    assert closed.closed_because == "ENDED"


async def test_an_accepted_task_without_an_update_is_an_abandoned_commitment(scene: Scene) -> None:
    task = await scene.add_task("north", date(2026, 3, 2), due_on=END, progress=Decimal(20))
    await scene.on(date(2026, 4, 1))
    assert await scene.kinds() == []
    await scene.on(date(2026, 4, 2))
    [warning] = await scene.warnings()
    assert (warning.kind, warning.subject, warning.severity) == ("ABANDONED", "TASK", "AT_RISK")
    assert (warning.subject_id, warning.unit_id) == (task.id, scene.units["north"].id)
    assert warning.evidence == {
        "since": "2026-03-02",
        "stale_days": 30,
        "due_on": "2026-12-31",
        "progress": "20",
    }
    await scene.set(task, updated_at=morning(date(2026, 4, 2)))
    assert (await scene.on(date(2026, 4, 3))).closed == 1


@pytest.mark.parametrize(
    ("ends", "because"),
    [
        ({"state": TaskState.PAUSED, "state_reason": "…", "review_on": END, "paused_on": MONDAY}, "PAUSED"),
        ({"state": TaskState.DELIVERED, "delivered_on": MONDAY}, "DONE"),
        ({"state": TaskState.CANCELLED, "state_reason": "…"}, "CANCELLED"),
        ({"state": TaskState.DECLINED, "state_reason": "…"}, "DECLINED"),
        ({"due_on": MONDAY}, "DUE"),
    ],
    ids=["paused", "delivered", "cancelled", "declined", "due"],
)
async def test_work_that_is_not_under_way_any_more_has_no_open_warning(
    scene: Scene, ends: dict[str, object], because: str
) -> None:
    task = await scene.add_task("north", date(2026, 5, 4), due_on=date(2026, 6, 5))
    await scene.on(MONDAY)
    assert await scene.kinds() == [("NO_TIME_LEFT", "OFF_TRACK")]
    await scene.set(task, **ends)
    assert (await scene.on(MONDAY + days(1))).closed == 1
    [closed] = await scene.warnings(closed=True)
    assert closed.closed_because == because


@pytest.mark.parametrize("state", [TaskState.OPEN, TaskState.OFFERED, TaskState.DELIVERED])
async def test_nobody_abandons_what_they_did_not_accept_or_have_done(scene: Scene, state: TaskState) -> None:
    done = {"delivered_on": date(2026, 2, 2)} if state is TaskState.DELIVERED else {}
    await scene.add_task("north", START, state=state, **done)
    await scene.on(MONDAY)
    assert await scene.kinds() == []


async def test_the_pace_of_a_task_is_drawn_out_to_its_due_date(scene: Scene) -> None:
    """Accepted on Monday 4 May, due on Friday 29 May: 20 working days, no holidays between."""
    task = await scene.add_task("north", date(2026, 5, 4), due_on=date(2026, 5, 29), progress=Decimal(50))
    await scene.on(date(2026, 5, 20))
    assert await scene.kinds() == [], "8 of 20 days are left: more than a third"

    await scene.on(date(2026, 5, 22))
    [warning] = await scene.warnings()
    assert (warning.kind, warning.severity) == ("NO_TIME_LEFT", "OFF_TRACK")
    assert warning.evidence == {
        "progress": "50",
        "since": "2026-05-04",
        "due_on": "2026-05-29",
        "days_used": 14,
        "days_left": 6,
        "projected": "71.42",
    }
    await scene.set(task, progress=Decimal(60))
    await scene.on(date(2026, 5, 22))
    assert await scene.kinds() == [("NO_TIME_LEFT", "AT_RISK")]
    await scene.set(task, progress=Decimal(70))
    await scene.on(date(2026, 5, 22))
    assert await scene.kinds() == []


async def test_days_on_which_a_task_was_paused_are_not_days_it_had(scene: Scene) -> None:
    await scene.add_task(
        "north", date(2026, 5, 4), due_on=date(2026, 5, 29), progress=Decimal(40), paused_days=6
    )
    await scene.on(date(2026, 5, 22))
    assert await scene.kinds() == [], "8 days used, 6 left: not yet the last third"
    await scene.on(date(2026, 5, 26))
    [warning] = await scene.warnings()
    assert (warning.evidence["days_used"], warning.evidence["days_left"]) == (10, 4)
    assert warning.evidence["projected"] == "56"


async def test_an_overdue_task_is_no_matter_of_time_left(scene: Scene) -> None:
    await scene.add_task("north", date(2026, 5, 4), due_on=date(2026, 5, 29))
    await scene.on(date(2026, 5, 30))
    assert await scene.kinds() == []


async def test_work_outside_any_plan_is_watched_as_well(scene: Scene) -> None:
    await scene.add_task("north", date(2026, 5, 4), due_on=date(2026, 5, 29), of=None)
    await scene.on(date(2026, 5, 26))
    [warning] = await scene.warnings()
    assert (warning.kind, warning.plan_id) == ("NO_TIME_LEFT", None)


async def test_a_run_that_finds_nothing_new_writes_nothing(scene: Scene) -> None:
    await scene.add_target("north", acknowledged_at=None)
    await scene.add_task("north", date(2026, 5, 4), due_on=date(2026, 6, 5))
    assert (await scene.on(MONDAY)).opened == 3
    before = [(row.id, row.evidence, row.severity) for row in await scene.warnings()]
    again = await detect(scene.db, as_of=MONDAY, now=morning(MONDAY) + timedelta(hours=1))
    assert again == Report()
    assert [(row.id, row.evidence, row.severity) for row in await scene.warnings()] == before


async def test_detecting_several_times_at_once_opens_and_tells_once(scene: Scene) -> None:
    for name in ("north", "south", "province"):
        await scene.add_target(name, acknowledged_at=None)
    await scene.add_task("north", date(2026, 5, 4), due_on=date(2026, 6, 5), of=None)
    await refresh(scene.db, now=morning(MONDAY))
    await reevaluate(scene.db, as_of=MONDAY)
    runs = await asyncio.gather(
        *[detect(scene.db, as_of=MONDAY, now=morning(MONDAY) + timedelta(seconds=i)) for i in range(4)]
    )
    assert sum(run.opened for run in runs) == len(await scene.warnings()) == 7
    assert sum(run.told for run in runs) == len(await scene.told())


async def test_a_failure_in_the_middle_leaves_what_was_done_and_the_next_run_does_the_rest(
    scene: Scene, owner: Database
) -> None:
    await scene.add_target("north", acknowledged_at=None)
    await scene.add_task("north", date(2026, 5, 4), due_on=date(2026, 6, 5), of=None)
    async with owner.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE notification RENAME TO away"))
    with pytest.raises(sa.exc.ProgrammingError):
        await scene.on(MONDAY)
    assert len(await scene.warnings()) == 3
    async with owner.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE away RENAME TO notification"))
    report = await scene.on(MONDAY)
    assert (report.opened, report.told) == (0, 2)


async def test_a_plan_that_cannot_be_looked_at_keeps_nobody_elses_warnings_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.add_target("north", acknowledged_at=None)
    await scene.add_task("north", date(2026, 5, 4), due_on=date(2026, 6, 5), of=None)
    keep = detecting.keep

    async def failing(tx: Tx, plan_id: int | None, *more: Any) -> None:
        if plan_id is not None:
            raise ZeroDivisionError
        await keep(tx, plan_id, *more)

    monkeypatch.setattr(detecting, "keep", failing)
    with pytest.raises(ZeroDivisionError):
        await scene.on(MONDAY)
    assert {warning.subject for warning in await scene.warnings()} == {"TASK"}
    assert len(await scene.told()) > 0


async def test_only_the_plans_asked_for_are_looked_at(scene: Scene) -> None:
    await scene.add_target("north", acknowledged_at=None)
    await scene.add_task("north", date(2026, 5, 4), due_on=date(2026, 6, 5), of=None)
    await reevaluate(scene.db, as_of=MONDAY)
    report = await detect(scene.db, as_of=MONDAY, now=morning(MONDAY), plan_ids=[scene.plan.id])
    assert report.opened == 2
    assert (await detect(scene.db, as_of=MONDAY, now=morning(MONDAY), plan_ids=[])).opened == 0
