"""Verbs on focus: nominate, ask for it by a date, agree, return."""

from datetime import date
from typing import Any

import strawberry
from strawberry import field

from vdept.focus import nominating
from vdept.focus.models import Focus as FocusRow
from vdept.focus.rules import Choice
from vdept.kernel.db import Tx
from vdept.targets.models import Plan as PlanRow
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import UserError
from vdept_graphql.focus import Focus, load_focus
from vdept_graphql.ids import decode, decode_many
from vdept_graphql.inputs import In
from vdept_graphql.mutations import ERRORS, EXPECTED_VERSION, IDEMPOTENCY_KEY, one, perform
from vdept_graphql.plans import Plan, load_plans


@strawberry.type(description="What nominating or returning answers with.")
class FocusPayload:
    """The nomination, or why not."""

    focus: Focus | None = field(default=None, description="The nomination as it is now.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What agreeing to nominations answers with.")
class AgreeFocusPayload:
    """The nominations, or why not."""

    focus: list[Focus] | None = field(default=None, description="The nominations as they are now.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What asking for focus answers with.")
class AskForFocusPayload:
    """The plan, or why not."""

    plan: Plan | None = field(default=None, description="The plan with its date.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="An objective that the unit puts first.")
class FocusObjectiveInput:
    """Which one, and how."""

    objective_id: strawberry.ID = field(description="An objective under which the unit holds a target.")
    method: str = field(description="How the unit goes after it, in 1 to 2,000 characters.")


@strawberry.input(description="What a unit puts first in a plan.")
class NominateFocusInput:
    """One to three objectives in their order."""

    plan_id: strawberry.ID = field(description="In which plan.")
    unit_id: strawberry.ID = field(description="Which unit.")
    objectives: list[FocusObjectiveInput] = field(
        description="One to three, each once; the first comes first."
    )
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="By when the units of a plan are to have agreed on their focus.")
class AskForFocusInput:
    """The plan and the date."""

    plan_id: strawberry.ID = field(description="In which plan.")
    agree_by: date = field(description="By when: after today, and no later than the end of the plan.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Nominations that the issuer agrees to.")
class AgreeFocusInput:
    """Which ones."""

    focus_ids: list[strawberry.ID] = field(description="Which nominations, up to 100.")
    expected_versions: list[int] | None = field(
        default=None,
        description="The version of each that you have read: what was replaced since is not agreed to.",
    )
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A nomination that the issuer returns.")
class ReturnFocusInput:
    """Which one, and why."""

    focus_id: strawberry.ID = field(description="Which nomination.")
    reason: str = field(description="What should be different, in 1 to 2,000 characters.")
    expected_version: int | None = field(default=None, description=EXPECTED_VERSION)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


async def _agreed(context: Context, answer: Any) -> dict[str, Any]:
    async with context.reading() as tx:
        found = await load_focus(tx, answer)
    return {"focus": [found[number] for number in answer if number in found]}


@strawberry.type
class FocusMutation:
    """Verbs on focus."""

    @strawberry.mutation(
        description="Say what the unit puts first in the plan. For its head, deputies and coordinators. A "
        "new nomination replaces the one before and waits for the issuer's answer again."
    )
    async def nominate_focus(self, info: Info, input: In[NominateFocusInput]) -> FocusPayload | None:
        async def verb(tx: Tx) -> FocusRow:
            choices = [
                Choice(decode(each.objective_id, "Objective", "objectives", i, "objectiveId"), each.method)
                for i, each in enumerate(input.objectives)
            ]
            return await nominating.nominate(
                tx,
                decode(input.plan_id, "Plan", "planId"),
                decode(input.unit_id, "Unit", "unitId"),
                choices,
                expected_version=input.expected_version,
            )

        return await perform(info, FocusPayload, input, verb, one("focus", load_focus))

    @strawberry.mutation(
        description="Set the date by which all units of the plan are to have agreed on their focus, and tell "
        "the heads of those that have not. For the managers of the plan's issuer."
    )
    async def ask_for_focus(self, info: Info, input: In[AskForFocusInput]) -> AskForFocusPayload | None:
        async def verb(tx: Tx) -> PlanRow:
            return await nominating.ask(tx, decode(input.plan_id, "Plan", "planId"), input.agree_by)

        return await perform(info, AskForFocusPayload, input, verb, one("plan", load_plans))

    @strawberry.mutation(
        description="Agree to nominations, to all of them or to none. For the managers of the plan's issuer. "
        "What is agreed already stays as it is."
    )
    async def agree_focus(self, info: Info, input: In[AgreeFocusInput]) -> AgreeFocusPayload | None:
        async def verb(tx: Tx) -> list[FocusRow]:
            return await nominating.agree(
                tx,
                decode_many(input.focus_ids, "Focus", "focusIds"),
                expected_versions=input.expected_versions,
            )

        return await perform(info, AgreeFocusPayload, input, verb, _agreed)

    @strawberry.mutation(
        description="Return a nomination with the reason; the unit nominates anew. For the managers of the "
        "plan's issuer."
    )
    async def return_focus(self, info: Info, input: In[ReturnFocusInput]) -> FocusPayload | None:
        async def verb(tx: Tx) -> FocusRow:
            return await nominating.give_back(
                tx,
                decode(input.focus_id, "Focus", "focusId"),
                input.reason,
                expected_version=input.expected_version,
            )

        return await perform(info, FocusPayload, input, verb, one("focus", load_focus))
