"""Targets: a key result that one unit must meet, and the tree that an assignment makes."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept.measurements.periods import Every
from vdept.targets import queries
from vdept.targets.models import Target as TargetRow
from vdept.targets.models import TargetState
from vdept.tasks.queries import ALL, TaskOrder
from vdept.warnings.models import WarningSubject
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.ids import NODES, Node, encode
from vdept_graphql.indicators import Indicator, load_indicators
from vdept_graphql.inputs import GAPS_FROM, GAPS_TO
from vdept_graphql.outcomes import TargetOutcome, load_target_outcomes
from vdept_graphql.people import Person, load_persons
from vdept_graphql.plans import (
    KeyResult,
    Plan,
    load_key_results,
    load_plans,
)
from vdept_graphql.units import Unit, load_units

if TYPE_CHECKING:
    from vdept_graphql.gaps import GapHistory
    from vdept_graphql.series import TargetSeries
    from vdept_graphql.task_queries import TaskFilter
    from vdept_graphql.tasks import Task
    from vdept_graphql.verdicts import Verdict
    from vdept_graphql.warnings import EarlyWarning


async def load_targets(tx: Tx, ids: list[int]) -> dict[int, "Target"]:
    """Targets by number."""
    return {key: Target.from_row(row) for key, row in (await queries.targets_by_ids(tx, ids)).items()}


async def load_children_of_targets(
    tx: Tx, ids: list[int], request: PageRequest
) -> dict[int, Connection["Target"]]:
    """The same page of what each target was assigned on to."""
    pages = await queries.children_of_targets(tx, ids, request)
    return {key: connection(page, Target.from_row) for key, page in pages.items()}


async def load_targets_of_key_results(
    tx: Tx, ids: list[int], request: PageRequest
) -> dict[int, Connection["Target"]]:
    """The same page of targets of each key result."""
    pages = await queries.targets_of_key_results(tx, ids, request)
    return {key: connection(page, Target.from_row) for key, page in pages.items()}


async def load_targets_of_units(
    tx: Tx, ids: list[int], request: PageRequest, which: queries.TargetFilter
) -> dict[int, Connection["Target"]]:
    """The same page of targets of each unit."""
    pages = await queries.targets_of_units(tx, ids, request, which)
    return {key: connection(page, Target.from_row) for key, page in pages.items()}


NODES["Target"] = load_targets


@strawberry.type(
    description="A key result that one unit must meet (chỉ tiêu giao); targets form a tree along the units."
)
class Target(Node):
    """A target as its row says it."""

    value: Decimal = field(description="The value to meet; the lower bound of BETWEEN.")
    value_high: Decimal | None = field(description="The upper bound of BETWEEN.")
    baseline: Decimal | None = field(description="Where the unit starts from.")
    weight: Decimal = field(description="Its weight among its siblings.")
    level: int = field(description="Its depth in the tree; the root is at 0.")
    starts_on: date = field(description="From when its pace is counted.")
    due_on: date = field(description="When it is judged.")
    state: TargetState = field(description="Whether it counts.")
    state_reason: str | None = field(description="Why it was paused or withdrawn.")
    review_on: date | None = field(description="When a pause is looked at again.")
    assigned_at: datetime = field(description="When it was assigned.")
    acknowledged_at: datetime | None = field(description="When the unit acknowledged it; null: not yet.")
    version: int = field(description="Counts the changes; give it as `expectedVersion`.")
    key: strawberry.Private[int]
    plan_key: strawberry.Private[int]
    key_result_key: strawberry.Private[int]
    indicator_key: strawberry.Private[int]
    unit_key: strawberry.Private[int]
    parent_key: strawberry.Private[int | None]
    assigned_by_unit_key: strawberry.Private[int]
    assigned_by_key: strawberry.Private[int | None]
    acknowledged_by_key: strawberry.Private[int | None]

    @classmethod
    def from_row(cls, row: TargetRow) -> "Target":
        return cls(
            id=encode("Target", row.id),
            value=row.value,
            value_high=row.value_high,
            baseline=row.baseline,
            weight=row.weight,
            level=row.level,
            starts_on=row.starts_on,
            due_on=row.due_on,
            state=row.state,
            state_reason=row.state_reason,
            review_on=row.review_on,
            assigned_at=row.assigned_at,
            acknowledged_at=row.acknowledged_at,
            version=row.version,
            key=row.id,
            plan_key=row.plan_id,
            key_result_key=row.key_result_id,
            indicator_key=row.indicator_id,
            unit_key=row.unit_id,
            parent_key=row.parent_id,
            assigned_by_unit_key=row.assigned_by_unit_id,
            assigned_by_key=row.assigned_by_id,
            acknowledged_by_key=row.acknowledged_by_id,
        )

    @field(description="The unit that must meet it.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="The key result it carries.")
    def key_result(self, info: Info) -> KeyResult | None:
        return info.context.load(load_key_results, self.key_result_key)

    @field(description="The plan it belongs to.")
    def plan(self, info: Info) -> Plan | None:
        return info.context.load(load_plans, self.plan_key)

    @field(description="What is measured.")
    def indicator(self, info: Info) -> Indicator | None:
        return info.context.load(load_indicators, self.indicator_key)

    @field(description="The target it was assigned from; null at the root, or if you may not see it.")
    def parent(self, info: Info) -> "Target | None":
        return info.context.load(load_targets, self.parent_key)

    @field(
        description="Where it stands; null until the first roll-up, a moment after its assignment, and for a "
        "milestone where the figures of its tasks are not for you."
    )
    def outcome(self, info: Info) -> TargetOutcome | None:
        return info.context.load(load_target_outcomes, self.key)

    @field(
        description="How far its reports lay above measurements over time; null where it had neither, and "
        "where `outcome` is."
    )
    def gap_history(
        self,
        info: Info,
        since: Annotated[date | None, strawberry.argument(name="from", description=GAPS_FROM)] = None,
        until: Annotated[date | None, strawberry.argument(name="to", description=GAPS_TO)] = None,
    ) -> Annotated["GapHistory", strawberry.lazy("vdept_graphql.gaps")] | None:
        from vdept_graphql.gaps import load_gaps_of_targets

        return info.context.load(load_gaps_of_targets, self.key, since, until)

    @field(
        description="Its values over time beside the pace it is judged by, for a chart; null where `outcome` "
        "is."
    )
    def series(
        self,
        info: Info,
        every: Annotated[Every, strawberry.argument(description="One point for each.")] = Every.MONTH,
        since: Annotated[
            date | None,
            strawberry.argument(name="from", description="First day; the plan's unless given."),
        ] = None,
        until: Annotated[
            date | None, strawberry.argument(name="to", description="Last day; the due date unless given.")
        ] = None,
    ) -> Annotated["TargetSeries", strawberry.lazy("vdept_graphql.series")] | None:
        from vdept_graphql.series import load_series_of_targets

        return info.context.load(load_series_of_targets, self.key, every, since, until)

    @field(description="What it was assigned on to, in the order of assignment.")
    def children(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection["Target"]:
        request = PageRequest(first, after, last, before)
        return info.context.load(load_children_of_targets, self.key, request)

    @field(description="The unit that assigned it.")
    def assigned_by_unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.assigned_by_unit_key)

    @field(description="Who assigned it.")
    def assigned_by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.assigned_by_key)

    @field(description="Who acknowledged it for the unit.")
    def acknowledged_by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.acknowledged_by_key)

    @field(
        description="Its early warnings: the open ones, the gravest first, then of the past the latest; at "
        "most 50. None for a milestone where the figures of its tasks are not for you."
    )
    def warnings(
        self,
        info: Info,
        open_only: Annotated[
            bool, strawberry.argument(description="Leave out those that have closed.")
        ] = True,
    ) -> list[Annotated["EarlyWarning", strawberry.lazy("vdept_graphql.warnings")]]:
        from vdept_graphql.warnings import load_warnings_of

        return info.context.load(load_warnings_of, self.key, WarningSubject.TARGET, open_only)

    @field(
        description="The verdicts on it: the one that counts, then of the past the latest; at most 50. None "
        "before it is due, and for a milestone where the figures of its tasks are not for you."
    )
    def verdicts(self, info: Info) -> list[Annotated["Verdict", strawberry.lazy("vdept_graphql.verdicts")]]:
        from vdept_graphql.verdicts import load_verdicts_of_targets

        return info.context.load(load_verdicts_of_targets, self.key)

    @field(description="The tasks that count for it, of those you may see.")
    def tasks(
        self,
        info: Info,
        filter: Annotated[
            Annotated["TaskFilter", strawberry.lazy("vdept_graphql.task_queries")] | None,
            strawberry.argument(description="Which of them; all unless given."),
        ] = None,
        order_by: Annotated[TaskOrder, strawberry.argument(description="In which order.")] = TaskOrder.DUE,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Annotated["Task", strawberry.lazy("vdept_graphql.tasks")]]:
        from vdept_graphql.task_queries import load_tasks_of_targets

        request = PageRequest(first, after, last, before)
        which = filter.plain() if filter else ALL
        return info.context.load(load_tasks_of_targets, self.key, request, which, order_by)
