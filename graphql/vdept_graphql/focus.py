"""Focus: what a unit puts first in a plan, and how far the units of a plan are with it."""

from datetime import date, datetime
from typing import Annotated

import strawberry
from strawberry import argument, field

from vdept.focus import queries, rules
from vdept.focus.models import Focus as FocusRow
from vdept.focus.models import FocusState
from vdept.kernel.clock import local_date
from vdept.kernel.db import Tx
from vdept.kernel.pages import PageRequest
from vdept_graphql.connections import After, Before, Connection, First, Last, connection
from vdept_graphql.context import Info
from vdept_graphql.enums import described
from vdept_graphql.ids import NODES, Node, decode, encode
from vdept_graphql.inputs import distinct
from vdept_graphql.people import Person, load_persons
from vdept_graphql.plans import Objective, Plan, load_objectives, load_plans
from vdept_graphql.units import Unit, load_units

described(
    FocusState,
    "What has become of a nomination (trạng thái đề xuất trọng tâm).",
    PROPOSED="The unit has nominated; the plan's issuer has not answered (chờ thống nhất).",
    AGREED="The issuer has agreed (đã thống nhất).",
    RETURNED="The issuer wants another nomination (bị trả lại).",
)


async def load_focus(tx: Tx, ids: list[int]) -> dict[int, "Focus"]:
    """Nominations by number."""
    found = await queries.focus_by_ids(tx, ids)
    return {key: Focus.from_row(row) for key, row in found.items()}


async def load_focus_of_units(tx: Tx, ids: list[int], plan_id: int) -> dict[int, "Focus"]:
    """What each unit has nominated in a plan."""
    found = await queries.focus_of_units(tx, ids, plan_id)
    return {key: Focus.from_row(row) for key, row in found.items()}


async def load_focus_objectives(tx: Tx, ids: list[int]) -> dict[int, list["FocusObjective"]]:
    """The objectives of each nomination, in order."""
    found = await queries.objectives_of(tx, ids)
    return {
        key: [
            FocusObjective(position=each.position, method=each.method, objective_key=each.objective_id)
            for each in rows
        ]
        for key, rows in found.items()
    }


async def load_focus_dates(tx: Tx, ids: list[int]) -> dict[int, date]:
    """By when the units of each plan are to have agreed."""
    return await queries.calls_of_plans(tx, ids)


NODES["Focus"] = load_focus


@strawberry.type(description="One of the objectives that a unit puts first (mục tiêu trọng tâm).")
class FocusObjective:
    """An objective with the unit's method."""

    position: int = field(description="Its place, 1 to 3: the first comes first.")
    method: str = field(description="How the unit goes after it.")
    objective_key: strawberry.Private[int]

    @field(description="The objective.")
    def objective(self, info: Info) -> Objective | None:
        return info.context.load(load_objectives, self.objective_key)


@strawberry.type(
    description="What a unit puts first in a plan (trọng tâm): one to three objectives, agreed with the "
    "plan's issuer by a date."
)
class Focus(Node):
    """A nomination as its row says it."""

    state: FocusState = field(description="Whether it is agreed.")
    agree_by: date = field(description="By when it is to be agreed.")
    nominated_at: datetime = field(description="When the unit nominated last.")
    answer: str | None = field(description="Why it was returned; null unless it was.")
    answered_at: datetime | None = field(description="When the issuer answered; null: not yet.")
    version: int = field(description="Counts every change; send it as `expectedVersion`.")
    key: strawberry.Private[int]
    plan_key: strawberry.Private[int]
    unit_key: strawberry.Private[int]
    nominated_by_key: strawberry.Private[int | None]
    answered_by_key: strawberry.Private[int | None]

    @classmethod
    def from_row(cls, row: FocusRow) -> "Focus":
        return cls(
            id=encode("Focus", row.id),
            state=row.state,
            agree_by=row.agree_by,
            nominated_at=row.nominated_at,
            answer=row.answer,
            answered_at=row.answered_at,
            version=row.version,
            key=row.id,
            plan_key=row.plan_id,
            unit_key=row.unit_id,
            nominated_by_key=row.nominated_by_id,
            answered_by_key=row.answered_by_id,
        )

    @field(description="Whether the date has passed and it is not agreed.")
    def overdue(self, info: Info) -> bool:
        return rules.overdue(self.agree_by, self.state, local_date(info.context.now))

    @field(description="The plan.")
    def plan(self, info: Info) -> Plan | None:
        return info.context.load(load_plans, self.plan_key)

    @field(description="The unit.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="The objectives, in the order in which the unit puts them.")
    def objectives(self, info: Info) -> list[FocusObjective]:
        return info.context.load(load_focus_objectives, self.key)

    @field(description="Who nominated last.")
    def nominated_by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.nominated_by_key)

    @field(description="Who answered for the issuer.")
    def answered_by(self, info: Info) -> Person | None:
        return info.context.load(load_persons, self.answered_by_key)


@strawberry.type(
    description="A unit that holds targets in a plan, with what it puts first there, or that it has not said "
    "(tình hình đề xuất trọng tâm)."
)
class FocusNomination:
    """A line of the lead unit's list."""

    unit_key: strawberry.Private[int]
    plan_key: strawberry.Private[int]

    @field(description="The unit.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)

    @field(description="What it has nominated; null: nothing yet.")
    def focus(self, info: Info) -> Focus | None:
        return info.context.load(load_focus_of_units, self.unit_key, self.plan_key)


@strawberry.input(description="Which units of a plan; all conditions given must hold.")
class FocusFilter:
    """Conditions of the list of nominations."""

    states: list[FocusState] | None = field(default=None, description="Whose nomination is in one of these.")
    overdue: bool | None = field(
        default=None,
        description="Whether the date has passed and nothing is agreed. A unit that has nominated nothing is "
        "overdue only where the issuer has set a date.",
    )
    missing: bool | None = field(default=None, description="Whether it has nominated nothing.")

    def plain(self) -> queries.FocusFilter:
        return queries.FocusFilter(states=distinct(self.states), overdue=self.overdue, missing=self.missing)


@strawberry.type
class FocusQuery:
    """Reads of focus."""

    @field(
        description="The units that hold targets in a plan, by name, with what they put first there or that "
        "they have not said. Whoever does not see the plan whole sees their own units."
    )
    async def focus_nominations(
        self,
        info: Info,
        plan_id: Annotated[strawberry.ID, argument(description="In which plan.")],
        filter: Annotated[
            FocusFilter | None, argument(description="Which units; all of them unless given.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[FocusNomination]:
        plan = decode(plan_id, "Plan", "planId")
        which = filter.plain() if filter else queries.FocusFilter()
        async with info.context.reading() as tx:
            page = await queries.nominations_page(tx, PageRequest(first, after, last, before), plan, which)
        return connection(page, lambda unit: FocusNomination(unit_key=unit.id, plan_key=plan))
