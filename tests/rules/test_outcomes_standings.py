"""What readers are told from a row of sums: shares, gaps, completion, verdicts; null where nothing is."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept.outcomes.models import Status, TargetOutcome, UnitOutcome
from vdept.outcomes.standings import (
    Judgement,
    Reading,
    completed,
    figures,
    gap,
    target_standing,
    target_verdict,
    unit_standing,
    unit_verdict,
)
from vdept.targets.models import Rollup
from vdept.tasks.models import Timeliness

D = Decimal
DAY = date(2026, 3, 2)


def blank(model: type[Any], **given: Any) -> Any:
    """A row as it stands in the table before anything has been added to it."""
    row = {c.name: D(0) if c.server_default is not None else None for c in model.__table__.columns}
    return model(**(row | given))


def target_row(**given: Any) -> TargetOutcome:
    keys = {"target_id": 1, "plan_id": 2, "key_result_id": 3, "unit_id": 4, "status": Status.ON_TRACK}
    return blank(TargetOutcome, **(keys | {"expected": D("0.5")} | given))  # type: ignore[no-any-return]


def test_a_target_shows_both_values_with_what_stands_behind_them_and_the_gap() -> None:
    row = target_row(
        own_measured_value=D(17), measured_value=D(17), measured_numerator=D(170),
        measured_denominator=D(1000), measured_on=DAY, own_reported_value=D(30), reported_value=D(30),
        reported_on=DAY, attainment=D("0.283333"),
    )  # fmt: skip
    got = target_standing(row, Rollup.RATIO, DAY)
    assert got.measured == Reading(D(17), D(170), D(1000), DAY)
    assert got.reported == Reading(D(30), None, None, DAY)
    assert (got.gap, got.attainment, got.verdict) == (D(13), D("0.283333"), None)


def test_a_rolled_up_value_has_no_date_of_its_own() -> None:
    row = target_row(measured_value=D(25), measured_numerator=D(1), measured_denominator=D(4))
    assert target_standing(row, Rollup.RATIO, DAY).measured == Reading(D(25), D(1), D(4), None)


def test_a_milestone_is_not_read_off_a_measurement() -> None:
    row = target_row(
        measured_value=D(50), own_measured_value=D(7), measured_on=DAY, measured_numerator=D(7),
        measured_denominator=D(100),
    )  # fmt: skip
    assert target_standing(row, Rollup.MILESTONE, DAY).measured == Reading(D(50), None, None, None)


def test_without_values_and_without_tasks_everything_is_null_and_nothing_is_zero() -> None:
    got = target_standing(target_row(), Rollup.EACH, DAY)
    assert (got.measured, got.reported, got.gap, got.attainment) == (None, None, None, None)
    assert (got.completion, got.own_completion) == (None, None)


def test_completion_counts_the_subtree_and_own_completion_only_the_target_s_own_tasks() -> None:
    row = target_row(
        own_task_weight=D(2), own_task_progress=D(100), sub_task_weight=D(3), sub_task_progress=D(200),
        own_n_open_overdue=1, sub_n_open_overdue=1, sub_n_done_late=1, sub_n_at_risk=2,
    )  # fmt: skip
    got = target_standing(row, Rollup.EACH, DAY)
    assert (got.own_completion, got.completion) == (D("0.5"), D("0.666666"))
    assert got.own_tasks[Timeliness.OPEN_OVERDUE] == 1
    assert (got.subtree.task_count, got.subtree.target_count) == (2, 2)
    assert got.subtree.targets[Status.AT_RISK] == 2


@pytest.mark.parametrize("status", list(Status))
def test_a_target_has_a_verdict_only_when_it_is_due(status: Status) -> None:
    due = {Status.MET: Judgement.MET, Status.NOT_MET: Judgement.NOT_MET}
    assert target_verdict(status) is due.get(status)


@pytest.mark.parametrize(
    ("measured", "reported", "apart"),
    [("17", "30", "13"), ("30", "17", "-13"), (None, "30", None), ("17", None, None), (None, None, None)],
)
def test_the_gap_needs_both(measured: str | None, reported: str | None, apart: str | None) -> None:
    one, two, three = (None if v is None else D(v) for v in (measured, reported, apart))
    assert gap(one, two) == three


@pytest.mark.parametrize(
    ("statuses", "binding", "binding_met", "verdict"),
    [
        ({}, 0, 0, None),
        ({Status.MET: 3}, 3, 3, Judgement.MET),
        ({Status.MET: 2, Status.NOT_MET: 1}, 3, 2, Judgement.NOT_MET),
        ({Status.MET: 2, Status.NOT_MET: 1}, 2, 2, Judgement.MET),  # the one not met does not bind
        ({Status.MET: 2, Status.ON_TRACK: 1}, 3, 3, None),  # met today, but not due
        ({Status.MET: 2, Status.PAUSED: 1}, 3, 2, None),  # clocks stop
        ({Status.MET: 1}, 0, 0, None),  # nothing binds: there is nothing to be met
    ],
)
def test_a_unit_has_met_its_plan_when_every_binding_target_is_met_and_all_are_due(
    statuses: dict[Status, int], binding: int, binding_met: int, verdict: Judgement | None
) -> None:
    assert unit_verdict(statuses, binding, binding_met) is verdict


@given(st.decimals(0, 10**6, places=6), st.decimals(0, 10**6, places=6))
def test_work_is_complete_only_when_all_of_it_is(done: Decimal, open_: Decimal) -> None:
    share = completed(100 * done, done + open_)
    if done + open_ == 0:
        assert share is None
    else:
        assert (share == 1) == (open_ == 0)


def test_a_unit_s_shares_are_weighted_means_and_its_gap_is_in_points() -> None:
    row = blank(
        UnitOutcome, plan_id=1, unit_id=2, n_off_track=1, n_on_track=1, binding=2, binding_met=1,
        attainment_weight=D(3), attainment_sum=D("1.5"), measured_weight=D(3), measured_sum=D(1),
        reported_weight=D(2), reported_sum=D(2), gap_weight=D(1), gap_sum=D("0.13"), share_sum=D("1.5"),
        progress_sum=D(60), n_done_late=1, sub_n_not_met=1, sub_binding=1,
    )  # fmt: skip
    own = figures(row)
    assert (own.attainment, own.measured_attainment, own.reported_attainment) == (
        D("0.5"),
        D("0.333333"),
        D(1),
    )
    assert (own.gap_points, own.completion) == (D(13), D("0.4"))
    assert (own.status, own.verdict, own.binding, own.binding_met) == (Status.OFF_TRACK, None, 2, 1)
    assert own.tally.tasks[Timeliness.DONE_LATE] == 1
    both = unit_standing(row, DAY)
    assert both.own == own
    assert (both.subtree.status, both.subtree.verdict) == (Status.NOT_MET, Judgement.NOT_MET)
    assert (both.subtree.attainment, both.subtree.completion) == (None, None)
