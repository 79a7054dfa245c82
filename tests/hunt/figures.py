"""Outcomes: the figures as the roll-up has written them, and which of them a viewer is shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from hunt import lists
from hunt import rows as r
from hunt.lists import Given, Order, Page
from hunt.policy import Sight
from vdept.kernel.db import Tx
from vdept.outcomes.models import STATUS_COLUMNS, PlanEvaluation, TargetOutcome, UnitOutcome
from vdept.outcomes.rules import GRAVEST_FIRST, share_of
from vdept.outcomes.standings import Figures as FiguresOf
from vdept.outcomes.standings import target_standing, unit_standing
from vdept.targets.models import Rollup

if TYPE_CHECKING:
    from hunt.answers import Outcome

LEAST, MOST = Decimal(-(10**30)), Decimal(10**30)
Said = dict[str, Any]


def _counts(counts: Mapping[Any, int] | None) -> Said | None:
    if counts is None:
        return None
    names = {
        key.value.split("_")[0].lower() + "".join(w.capitalize() for w in key.value.split("_")[1:]): n
        for key, n in counts.items()
    }
    return names | {"total": sum(counts.values())}


def _reading(reading: Any) -> Said | None:
    return reading and {"value": reading.value, "asOf": reading.as_of}


@dataclass
class Figures:
    """What the roll-up has written in a world, whoever may see it."""

    targets: dict[int, TargetOutcome] = field(default_factory=dict)
    units: dict[tuple[int, int], UnitOutcome] = field(default_factory=dict)
    dates: dict[int, date] = field(default_factory=dict)

    TARGET: ClassVar[tuple[str, ...]] = (
        "status", "verdict", "measured", "reported", "gap", "gapPoints", "attainment", "completion",
        "ownCompletion", "children", "childrenMet", "targets", "tasks", "ownTasks",
    )  # fmt: skip
    UNIT: ClassVar[tuple[str, ...]] = ("own", "subtree")

    @classmethod
    async def read(cls, tx: Tx) -> "Figures":
        targets = await tx.session.scalars(sa.select(TargetOutcome))
        units = await tx.session.scalars(sa.select(UnitOutcome))
        dates = await tx.session.scalars(sa.select(PlanEvaluation))
        return cls(
            {row.target_id: row for row in targets},
            {(row.plan_id, row.unit_id): row for row in units},
            {row.plan_id: row.evaluated_on for row in dates},
        )

    # Of one -------------------------------------------------------------------------------------------------

    def of_target(self, sight: Sight, target: r.Target) -> "Outcome | None":
        from hunt.answers import Outcome

        row = self.targets.get(target.id)
        if row is None or not sight.target_outcome(target):
            return None
        rollup = Rollup(sight.world.get("key_results", target.key_result_id).rollup)
        s = target_standing(row, rollup, self.dates[row.plan_id])
        said = {
            "status": s.status, "verdict": s.verdict, "measured": _reading(s.measured),
            "reported": _reading(s.reported), "gap": s.gap, "gapPoints": s.gap_points,
            "attainment": s.attainment,
            "completion": s.completion, "ownCompletion": s.own_completion, "children": s.children,
            "childrenMet": s.children_met, "targets": _counts(s.subtree.targets),
            "tasks": _counts(s.subtree.tasks), "ownTasks": _counts(s.own_tasks),
        }  # fmt: skip
        if not sight.tasks_of(row.unit_id):
            said |= dict.fromkeys(("completion", "ownCompletion", "tasks", "ownTasks"))
        return Outcome(row, said)

    def of_unit(self, sight: Sight, plan_id: int, unit_id: int) -> "Outcome | None":
        from hunt.answers import Outcome

        row, plan = self.units.get((plan_id, unit_id)), sight.world.get("plans", plan_id)
        if (
            row is None
            or plan is None
            or not sight.unit_outcome(plan, unit_id, by_targets=_has_targets(row, "sub_"))
        ):
            return None
        s = unit_standing(row, self.dates[plan_id])
        said = {"own": _figures(s.own), "subtree": _figures(s.subtree)}
        if not sight.tasks_of(unit_id):
            for part in said.values():
                part |= {"completion": None, "tasks": None}
        return Outcome(row, said)

    # Rankings -----------------------------------------------------------------------------------------------

    def ranking_of_units(self, sight: Sight, plan: r.Plan, given: Given) -> Page:
        which = given.get("filter") or {}
        prefix = "sub_" if which.get("scope") == "SUBTREE" else ""
        order = given.get("orderBy") or "MEASURED_BEST_FIRST"
        part = prefix + ("gap" if order == "GAP_WIDEST_FIRST" else "measured")
        found = []
        for plan_id, unit_id in self.units:
            outcome = self.of_unit(sight, plan_id, unit_id) if plan_id == plan.id else None
            if outcome is None:
                continue
            row = outcome.row
            shows = _has_targets(row, prefix) or (
                getattr(row, f"{prefix}share_sum") > 0 and sight.tasks_of(unit_id)
            )
            gravest = next(
                (s.value for s in GRAVEST_FIRST if getattr(row, f"{prefix}n_{s.value.lower()}") > 0), None
            )
            if shows and _of_kind(sight, unit_id, which) and lists.holds(gravest, which.get("statuses")):
                value = share_of(getattr(row, f"{part}_sum"), getattr(row, f"{part}_weight"))
                found.append(_placed(sight, outcome, order, value))
        return lists.page("UnitOutcome", found, _order(order), given)

    def ranking_of_targets(self, sight: Sight, key_result: r.KeyResult, given: Given) -> Page:
        which = given.get("filter") or {}
        order = given.get("orderBy") or "MEASURED_HIGHEST_FIRST"
        found = []
        for target in sight.world.targets:
            outcome = self.of_target(sight, target) if target.key_result_id == key_result.id else None
            if outcome is None or not outcome.row.live:
                continue
            if _of_kind(sight, target.unit_id, which) and lists.holds(
                outcome.row.status, which.get("statuses")
            ):
                measured, reported = outcome.row.measured_value, outcome.row.reported_value
                value = measured
                if order == "GAP_WIDEST_FIRST":
                    value = None if measured is None or reported is None else reported - measured
                if order == "GAP_POINTS_WIDEST_FIRST":
                    value = outcome.said["gapPoints"]
                found.append(_placed(sight, outcome, order, value))
        return lists.page("TargetOutcome", found, _order(order), given)


def _figures(named: FiguresOf) -> Said:
    return {
        "status": named.status, "verdict": named.verdict, "binding": named.binding,
        "bindingMet": named.binding_met, "attainment": named.attainment, "gapPoints": named.gap_points,
        "completion": named.completion, "targets": _counts(named.tally.targets),
        "tasks": _counts(named.tally.tasks),
    }  # fmt: skip


def _has_targets(row: UnitOutcome, prefix: str) -> bool:
    return any(getattr(row, prefix + name) > 0 for name in STATUS_COLUMNS)


def _of_kind(sight: Sight, unit_id: int, which: Given) -> bool:
    unit = sight.world.get("units", unit_id)
    fits = lists.holds(unit.kind, which.get("kinds")) and lists.in_segments(unit, which)
    return fits and lists.below(sight.world, unit_id, which.get("belowId"))


def _placed(sight: Sight, outcome: "Outcome", order: str, value: Decimal | None) -> "Outcome":
    from hunt.answers import Outcome

    unit = sight.world.get("units", outcome.row.unit_id)
    none = LEAST if _order(order).descending else MOST
    place: Iterable[Any] = (
        (unit.sort_key, unit.id) if order == "NAME" else (none if value is None else value, unit.id)
    )
    return Outcome(outcome.row, outcome.said, tuple(place))


def _order(order: str) -> Order:
    ascending = order in {"NAME", "MEASURED_WORST_FIRST", "MEASURED_LOWEST_FIRST"}
    return Order(lambda outcome: outcome.place, descending=not ascending)
