"""Verbs on the reminder policies of plans."""

from datetime import date
from typing import Any

import strawberry
from strawberry import field

from vdept.deadlines import policies
from vdept.deadlines.models import Recipient
from vdept.deadlines.rules import MAX_MESSAGES, PolicyStep
from vdept.kernel.db import Tx
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode
from vdept_graphql.inputs import In
from vdept_graphql.mutations import ERRORS, EXPECTED_VERSION, IDEMPOTENCY_KEY, perform
from vdept_graphql.reminders import ReminderPolicy
from vdept_graphql.units import Unit, load_units


@strawberry.type(
    description="The most messages that one person would be sent on one day, if the plan's open tasks stay "
    "as they are (ngày nặng nhất của một người)."
)
class ReminderLoad:
    """How heavily a policy would fall on one person."""

    messages: int = field(description="How many.")
    day: date = field(description="On which day.")
    recipient: Recipient = field(description="As what the person would be sent most of them.")
    too_many: bool = field(description=f"Whether that is above {MAX_MESSAGES}: such a policy is refused.")
    unit_key: strawberry.Private[int]

    @field(description="In which unit the person holds that role.")
    def unit(self, info: Info) -> Unit | None:
        return info.context.load(load_units, self.unit_key)


@strawberry.type(description="What setting a reminder policy answers with.")
class SetReminderPolicyPayload:
    """The policy and how heavily it would fall, or why not."""

    policy: ReminderPolicy | None = field(
        default=None, description="The policy after the change; in a dry run, as it would be."
    )
    heaviest: ReminderLoad | None = field(
        default=None, description="The heaviest day of one person; null if nothing is to be sent."
    )
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What resetting a reminder policy answers with.")
class ResetReminderPolicyPayload:
    """The policy, or why not."""

    policy: ReminderPolicy | None = field(default=None, description="The default, which holds again.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="A step of a reminder policy.")
class ReminderStepInput:
    """When, and whom."""

    step: int = field(description="Working days from the due date, -60 to 60; negative: before it.")
    recipient: Recipient = field(description="Whom it is for.")


@strawberry.input(description="A reminder policy of a plan, in the place of the one that holds.")
class SetReminderPolicyInput:
    """Which plan, which steps."""

    plan_id: strawberry.ID = field(description="Which plan.")
    steps: list[ReminderStepInput] = field(description="1 to 20 steps, none of them twice.")
    dry_run: bool = field(
        default=False, description="Only say how heavily it would fall; nothing is changed, nothing refused."
    )
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="The default reminder policy for a plan that has its own.")
class ResetReminderPolicyInput:
    """Which plan."""

    plan_id: strawberry.ID = field(description="Which plan.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


def _kept(policy: policies.Policy) -> dict[str, Any]:
    """What is remembered of a policy for a repeated request."""
    steps = [[one.step, one.recipient.value] for one in policy.steps]
    return {"plan_id": policy.plan_id, "version": policy.version, "steps": steps}


def _policy(kept: dict[str, Any]) -> ReminderPolicy:
    steps = tuple(PolicyStep(step, Recipient(recipient)) for step, recipient in kept["steps"])
    return ReminderPolicy.from_plain(policies.Policy(kept["plan_id"], steps, kept["version"]))


async def _built(_context: Context, kept: dict[str, Any]) -> dict[str, Any]:
    built: dict[str, Any] = {"policy": _policy(kept)}
    heaviest = kept.get("heaviest")
    if heaviest is not None:
        built["heaviest"] = ReminderLoad(
            messages=heaviest["messages"],
            day=date.fromisoformat(heaviest["day"]),
            recipient=Recipient(heaviest["recipient"]),
            too_many=heaviest["messages"] > MAX_MESSAGES,
            unit_key=heaviest["unit_id"],
        )
    return built


@strawberry.type
class ReminderMutation:
    """Verbs on policies."""

    @strawberry.mutation(
        description="Give a plan a reminder policy of its own, from the next scan on. One that would send "
        f"one person more than {MAX_MESSAGES} messages a day is refused with the number. For managers of "
        "its issuer."
    )
    async def set_reminder_policy(
        self, info: Info, input: In[SetReminderPolicyInput]
    ) -> SetReminderPolicyPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            done = await policies.set_policy(
                tx,
                decode(input.plan_id, "Plan", "planId"),
                [PolicyStep(one.step, one.recipient) for one in input.steps],
                input.expected_version,
                input.dry_run,
            )
            kept = _kept(done.policy)
            if done.heaviest is not None:
                kept["heaviest"] = {
                    "messages": done.heaviest.messages,
                    "day": done.heaviest.day.isoformat(),
                    "recipient": done.heaviest.recipient.value,
                    "unit_id": done.heaviest.unit_id,
                }
            return kept

        return await perform(info, SetReminderPolicyPayload, input, verb, _built)

    @strawberry.mutation(
        description="Return a plan to the default reminder policy. For managers of its issuer; again changes "
        "nothing."
    )
    async def reset_reminder_policy(
        self, info: Info, input: In[ResetReminderPolicyInput]
    ) -> ResetReminderPolicyPayload | None:
        async def verb(tx: Tx) -> dict[str, Any]:
            plan_id = decode(input.plan_id, "Plan", "planId")
            return _kept(await policies.reset_policy(tx, plan_id, input.expected_version))

        return await perform(info, ResetReminderPolicyPayload, input, verb, _built)
