"""The answer to a signal."""

import strawberry
from strawberry import field

from vdept.kernel.db import Tx
from vdept.signals import answering
from vdept.signals.models import Signal as SignalRow
from vdept_graphql.context import Info
from vdept_graphql.errors import UserError
from vdept_graphql.ids import decode
from vdept_graphql.inputs import In
from vdept_graphql.mutations import ERRORS, IDEMPOTENCY_KEY, one, perform
from vdept_graphql.signals import Signal, load_signals


@strawberry.type(description="What answering or dismissing a signal answers with.")
class SignalPayload:
    """The signal, or why not."""

    signal: Signal | None = field(default=None, description="The signal with its answer.")
    errors: list[UserError] = field(description=ERRORS)


@strawberry.input(description="What the unit says to a signal.")
class AnswerSignalInput:
    """What is behind it."""

    signal_id: strawberry.ID = field(description="Which signal.")
    answer: str = field(description="What is behind it, in 1 to 2,000 characters.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="Why a signal means nothing.")
class DismissSignalInput:
    """Why it was a false alarm."""

    signal_id: strawberry.ID = field(description="Which signal.")
    reason: str = field(description="Why it means nothing, in 1 to 2,000 characters.")
    idempotency_key: str | None = field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.type
class SignalMutation:
    """Verbs on signals."""

    @strawberry.mutation(
        description="Answer a signal: say what is behind it. For the head, a deputy or a coordinator of the "
        "unit that is asked. It changes no figure."
    )
    async def answer_signal(self, info: Info, input: In[AnswerSignalInput]) -> SignalPayload | None:
        async def verb(tx: Tx) -> SignalRow:
            return await answering.answer(tx, decode(input.signal_id, "Signal", "signalId"), input.answer)

        return await perform(info, SignalPayload, input, verb, one("signal", load_signals))

    @strawberry.mutation(
        description="Dismiss a signal that means nothing. For the head of a public body above the unit that "
        "is asked, or an administrator; nobody dismisses what they are asked themselves."
    )
    async def dismiss_signal(self, info: Info, input: In[DismissSignalInput]) -> SignalPayload | None:
        async def verb(tx: Tx) -> SignalRow:
            return await answering.dismiss(tx, decode(input.signal_id, "Signal", "signalId"), input.reason)

        return await perform(info, SignalPayload, input, verb, one("signal", load_signals))
