"""The head's answer to early warnings."""

from datetime import date
from typing import Any

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.warnings import answering
from vdept.warnings.models import EarlyWarning as WarningRow
from vdept_graphql.context import Context, Info
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode, decode_many
from vdept_graphql.inputs import In
from vdept_graphql.mutations import ERRORS, IDEMPOTENCY_KEY, one, perform
from vdept_graphql.warnings import EarlyWarning, load_warnings

RESPONSE = "What will be done about it."
RESPOND_BY = (
    "By when: a working day ahead, not past the due date; of what is overdue, within five working days."
)


@strawberry.type(description="What answering a warning answers with.")
class AcknowledgeWarningPayload:
    """The warning, or why not."""

    warning: EarlyWarning | None = field(default=None, description="The warning with its answer.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.type(description="What answering several warnings answers with.")
class AcknowledgeWarningsPayload:
    """The warnings, or why not."""

    warnings: list[EarlyWarning] | None = field(default=None, description="The warnings with their answer.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="The head's answer to a warning.")
class AcknowledgeWarningInput:
    """What will be done, by when."""

    warning_id: strawberry.ID = field(description="Which warning.")
    response: str = field(description=RESPONSE)
    respond_by: date = field(description=RESPOND_BY)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="One answer of the head to several warnings.")
class AcknowledgeWarningsInput:
    """What will be done, by when."""

    warning_ids: list[strawberry.ID] = field(description="Which warnings, up to 100.")
    response: str = field(description=RESPONSE)
    respond_by: date = field(description=RESPOND_BY)
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


async def _answered(context: Context, answer: Any) -> dict[str, Any]:
    async with context.reading() as tx:
        found = await load_warnings(tx, answer)
    return {"warnings": [found[number] for number in answer if number in found]}


@strawberry.type
class WarningMutation:
    """Verbs on early warnings."""

    @strawberry.mutation(
        description="Answer a warning: what will be done, and by when. For the head of the unit alone. It "
        "stays open until what it warns of has ended; an answer may be given anew. To stop the clock "
        "instead, pause the target or the task."
    )
    async def acknowledge_warning(
        self, info: Info, input: In[AcknowledgeWarningInput]
    ) -> AcknowledgeWarningPayload | None:
        async def verb(tx: Tx) -> WarningRow:
            warning_id = decode(input.warning_id, "EarlyWarning", "warningId")
            return await answering.acknowledge(tx, warning_id, input.response, input.respond_by)

        return await perform(info, AcknowledgeWarningPayload, input, verb, one("warning", load_warnings))

    @strawberry.mutation(
        description="Give several warnings the same answer, all of them or none. For the head of their units."
    )
    async def acknowledge_warnings(
        self, info: Info, input: In[AcknowledgeWarningsInput]
    ) -> AcknowledgeWarningsPayload | None:
        async def verb(tx: Tx) -> list[WarningRow]:
            ids = decode_many(input.warning_ids, "EarlyWarning", "warningIds")
            return await answering.acknowledge_many(tx, ids, input.response, input.respond_by)

        return await perform(info, AcknowledgeWarningsPayload, input, verb, _answered)
