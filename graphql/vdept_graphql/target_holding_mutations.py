"""Verbs on targets that are held: acknowledge, change, pause, resume, withdraw, reinstate."""

from datetime import date
from decimal import Decimal
from typing import Any

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.targets import holding, withdrawal
from vdept.targets.models import Target as TargetRow
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import TOO_MANY_ITEMS, UserError
from vdept_graphql.ids import decode, decode_many
from vdept_graphql.inputs import In
from vdept_graphql.mutations import ERRORS, EXPECTED_VERSION, IDEMPOTENCY_KEY, one, perform
from vdept_graphql.plan_mutations import changes
from vdept_graphql.targets import Target, load_targets

ACKNOWLEDGED_AT_ONCE = 1_000


@strawberry.type(description="What a mutation of a target answers with.")
class TargetPayload:
    """The target, or why not."""

    target: Target | None = field(default=None, description="The target after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What acknowledging targets answers with.")
class AcknowledgeTargetsPayload:
    """How many, and which."""

    count: int | None = field(default=None, description="How many were not acknowledged before.")
    targets: list[Target] | None = field(default=None, description="The targets as they now are.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What withdrawing or reinstating a target answers with.")
class WithdrawTargetPayload:
    """How many, and the topmost of them."""

    count: int | None = field(default=None, description="How many targets it took, the whole subtree.")
    target: Target | None = field(default=None, description="The target after the change.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="Targets whose holders confirm that they have received them.")
class AcknowledgeTargetsInput:
    """Which."""

    target_ids: list[strawberry.ID] = field(description="Targets of your units, up to 1,000.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A target.")
class TargetInput:
    """What every verb on one target is given."""

    target_id: strawberry.ID = field(description="Which target.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A change of a target by who assigned it; what is left out stays as it is.")
class UpdateTargetInput(TargetInput):
    """What changes."""

    value: Decimal | None = field(default=strawberry.UNSET, description="The value to meet.")
    value_high: Decimal | None = field(default=strawberry.UNSET, description="The upper bound of BETWEEN.")
    baseline: Decimal | None = field(default=strawberry.UNSET, description="Where the unit starts from.")
    weight: Decimal | None = field(default=strawberry.UNSET, description="Its weight among its siblings.")
    due_on: date | None = field(default=strawberry.UNSET, description="When it is judged.")


@strawberry.input(description="A pause of a target that adds a burden, until a review.")
class PauseTargetInput(TargetInput):
    """Why and until when."""

    reason: str = field(description="Why its clock stops.")
    review_on: date = field(description="When it is looked at again.")


@strawberry.input(description="The end of a pause.")
class ResumeTargetInput(TargetInput):
    """Which."""


@strawberry.input(description="A target taken back.")
class WithdrawTargetInput(TargetInput):
    """Why, and how far down."""

    reason: str = field(description="Why it is taken back.")
    subtree: bool = field(default=False, description="With all that was assigned on from it.")


@strawberry.input(description="A withdrawn target put back as it was.")
class ReinstateTargetInput(TargetInput):
    """Which."""


async def _acknowledged(context: Context, answer: Any) -> dict[str, Any]:
    async with context.reading() as tx:
        found = await load_targets(tx, answer["ids"])
    return {"count": answer["count"], "targets": [found[n] for n in answer["ids"] if n in found]}


async def _counted(context: Context, answer: Any) -> dict[str, Any]:
    return {"count": answer["count"], "target": await context.one(load_targets, answer["id"])}


@strawberry.type
class TargetHoldingMutation:
    """Verbs on targets that are held."""

    @strawberry.mutation(
        description="Confirm that targets were received, all of them or none. For managers of their units."
    )
    async def acknowledge_targets(
        self, info: Info, input: In[AcknowledgeTargetsInput]
    ) -> AcknowledgeTargetsPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            given = len(input.target_ids)
            if given > ACKNOWLEDGED_AT_ONCE:
                raise TOO_MANY_ITEMS.at("targetIds", given=given, limit=ACKNOWLEDGED_AT_ONCE)
            ids = decode_many(input.target_ids, "Target", "targetIds")
            return {"count": await holding.acknowledge(tx, ids), "ids": list(dict.fromkeys(ids))}

        return await perform(info, AcknowledgeTargetsPayload, input, verb, _acknowledged)

    @strawberry.mutation(
        description="Change what was assigned, within what is above and below it. For managers of the unit "
        "that assigned it."
    )
    async def update_target(self, info: Info, input: In[UpdateTargetInput]) -> TargetPayload | None:
        async def verb(tx: Tx) -> TargetRow:
            return await holding.update_target(
                tx,
                decode(input.target_id, "Target", "targetId"),
                expected_version=input.expected_version,
                **changes(input, "value", "value_high", "baseline", "weight", "due_on"),
            )

        return await perform(info, TargetPayload, input, verb, one("target", load_targets))

    @strawberry.mutation(
        description="Stop the clock of a target that adds a burden, until a review. For the holder's head."
    )
    async def pause_target(self, info: Info, input: In[PauseTargetInput]) -> TargetPayload | None:
        async def verb(tx: Tx) -> TargetRow:
            return await holding.pause_target(
                tx,
                decode(input.target_id, "Target", "targetId"),
                reason=input.reason,
                review_on=input.review_on,
                expected_version=input.expected_version,
            )

        return await perform(info, TargetPayload, input, verb, one("target", load_targets))

    @strawberry.mutation(description="Let the clock of a paused target run again. For the holder's head.")
    async def resume_target(self, info: Info, input: In[ResumeTargetInput]) -> TargetPayload | None:
        async def verb(tx: Tx) -> TargetRow:
            target_id = decode(input.target_id, "Target", "targetId")
            return await holding.resume_target(tx, target_id, expected_version=input.expected_version)

        return await perform(info, TargetPayload, input, verb, one("target", load_targets))

    @strawberry.mutation(
        description="Take a target back, alone or with all that was assigned on from it. For managers of the "
        "unit that assigned it. It stays readable and counts no more."
    )
    async def withdraw_target(
        self, info: Info, input: In[WithdrawTargetInput]
    ) -> WithdrawTargetPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            target_id = decode(input.target_id, "Target", "targetId")
            count = await withdrawal.withdraw_target(
                tx,
                target_id,
                reason=input.reason,
                subtree=input.subtree,
                expected_version=input.expected_version,
            )
            return {"count": count, "id": target_id}

        return await perform(info, WithdrawTargetPayload, input, verb, _counted)

    @strawberry.mutation(
        description="Undo a withdrawal: the target and all that was withdrawn with it count again. For "
        "managers of the unit that assigned it."
    )
    async def reinstate_target(
        self, info: Info, input: In[ReinstateTargetInput]
    ) -> WithdrawTargetPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            target_id = decode(input.target_id, "Target", "targetId")
            count = await withdrawal.reinstate_target(tx, target_id, expected_version=input.expected_version)
            return {"count": count, "id": target_id}

        return await perform(info, WithdrawTargetPayload, input, verb, _counted)
