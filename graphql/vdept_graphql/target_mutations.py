"""Verbs on targets: assign them on, in one act for any number of units."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.kernel.errors import RefusedMany, invalid
from vdept.targets import cascade
from vdept.units.models import UnitKind
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import UserError
from vdept_graphql.flat_inputs import flat
from vdept_graphql.ids import decode, decode_many
from vdept_graphql.inputs import In
from vdept_graphql.mutations import ERRORS, IDEMPOTENCY_KEY, perform
from vdept_graphql.targets import Target, load_targets


@flat
@strawberry.input(description="What one unit is assigned, where it differs from the others.")
class UnitValueInput:
    """One unit's own value."""

    unit_id: strawberry.ID = field(description="Which unit.")
    value: Decimal = field(description="Its value.")


@flat
@strawberry.input(description="A unit's weight among its siblings, where it differs from the others'.")
class UnitWeightInput:
    """One unit's own weight."""

    unit_id: strawberry.ID = field(description="Which unit.")
    weight: Decimal = field(description="Its weight; above 0.")


@strawberry.input(
    description="A target assigned on, in one act: to the units named, to those given their own values, or "
    "to all units of some kinds below the holder."
)
class AssignTargetsInput:
    """From which target, to whom, how much, by when."""

    parent_target_id: strawberry.ID = field(description="The target that is assigned on.")
    unit_ids: list[strawberry.ID] | None = field(default=None, description="To these units.")
    all_of_kind: list[UnitKind] | None = field(
        default=None, description="To every unit of these kinds below the holder that exists today."
    )
    value: Decimal | None = field(
        default=None, description="The value of each unit; the parent's unless given (a SUM needs one)."
    )
    value_high: Decimal | None = field(default=None, description="The upper bound of BETWEEN.")
    values_by_unit: list[UnitValueInput] | None = field(
        default=None, description="Units with a value of their own; alone, they say to whom."
    )
    weights_by_unit: list[UnitWeightInput] | None = field(
        default=None, description="Units with a weight of their own."
    )
    due_on: date | None = field(default=None, description="When it is judged; the parent's unless given.")
    weight: Decimal | None = field(default=None, description="The weight of each unit; 1 unless given.")
    dry_run: bool = field(default=False, description="Check only: say what would happen, write nothing.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.type(description="What assigning targets answers with.")
class AssignTargetsPayload:
    """How many, and the first of them."""

    count: int | None = field(default=None, description="How many units were assigned, or would be.")
    targets: list[Target] | None = field(
        default=None, description="Up to 100 of the new targets; all are the parent's children."
    )
    parent: Target | None = field(default=None, description="The target that was assigned on.")
    errors: list[UserError] = field(description=ERRORS)


async def _assigned(context: Context, answer: Any) -> dict[str, Any]:
    """The first targets and their parent, in one statement."""
    async with context.reading() as tx:
        found = await load_targets(tx, [answer["parent"], *answer["first_ids"]])
    targets = [found[number] for number in answer["first_ids"] if number in found]
    return {"count": answer["count"], "targets": targets, "parent": found.get(answer["parent"])}


def _by_unit(given: Iterable[tuple[str, Decimal]], name: str) -> dict[int, Decimal]:
    """Amounts by unit; a unit that comes twice is refused."""
    amounts: dict[int, Decimal] = {}
    for i, (unit_id, amount) in enumerate(given):
        unit = decode(unit_id, "Unit", name, i, "unitId")
        if unit in amounts:
            raise invalid(name, i, "unitId", vi="mỗi đơn vị chỉ ghi một dòng", en="give each unit once")
        amounts[unit] = amount
    return amounts


@strawberry.type
class TargetMutation:
    """Verbs on targets."""

    @strawberry.mutation(
        description="Assign a target on to any number of units in one act, all or none of them. For managers "
        "of the unit that holds it; never upwards or sideways, never laxer or later than the target itself."
    )
    async def assign_targets(self, info: Info, input: In[AssignTargetsInput]) -> AssignTargetsPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            parent = decode(input.parent_target_id, "Target", "parentTargetId")
            values = _by_unit(((v.unit_id, v.value) for v in input.values_by_unit or ()), "valuesByUnit")
            weights = _by_unit(((w.unit_id, w.weight) for w in input.weights_by_unit or ()), "weightsByUnit")
            named = None if input.unit_ids is None else decode_many(input.unit_ids, "Unit", "unitIds")
            result = await cascade.assign(
                tx,
                parent,
                unit_ids=named,
                all_of_kind=input.all_of_kind,
                value=input.value,
                value_high=input.value_high,
                values_by_unit=values or None,
                due_on=input.due_on,
                weight=input.weight,
                weights_by_unit=weights or None,
                dry_run=input.dry_run,
            )
            if result.refusals:
                raise RefusedMany(list(result.refusals))
            return {"count": result.count, "first_ids": list(result.first_ids), "parent": parent}

        return await perform(info, AssignTargetsPayload, input, verb, _assigned)
