"""The answer to a signal, kept beside it: what the unit says to it, or that it was a false alarm.

Neither changes a figure, a status or a verdict.
"""

from vdept.kernel.clock import local_date
from vdept.kernel.db import Tx
from vdept.signals import rules
from vdept.signals.access import get_signal_for_update, require_answers, require_dismisses
from vdept.signals.errors import SIGNAL_CLOSED
from vdept.signals.models import Signal, SignalState


async def answer(tx: Tx, signal_id: int, text: str) -> Signal:
    """Say what is behind it; by the head, a deputy or a coordinator of the unit that is asked."""
    said = rules.require_text(text, "answer")
    signal = await get_signal_for_update(tx, signal_id)
    require_answers(tx, signal)
    return await _close(tx, signal, SignalState.ANSWERED, said)


async def dismiss(tx: Tx, signal_id: int, reason: str) -> Signal:
    """Say why it means nothing; by the head of a public body above, or by an administrator."""
    said = rules.require_text(reason, "reason")
    signal = await get_signal_for_update(tx, signal_id)
    await require_dismisses(tx, signal)
    return await _close(tx, signal, SignalState.DISMISSED, said)


async def _close(tx: Tx, signal: Signal, state: SignalState, said: str) -> Signal:
    if signal.answered_at is not None:
        raise SIGNAL_CLOSED.at("signalId", closed_on=local_date(signal.answered_at).isoformat())
    signal.state, signal.answer = state, said
    signal.answered_at, signal.answered_by_id = tx.now, tx.actor.person_id
    await tx.session.flush()
    tx.record(
        f"signal.{state.value.lower()}",
        "Signal",
        signal.id,
        unit_id=signal.unit_id,
        plan_id=signal.plan_id,
        data={"detector": signal.detector, "answer": said},
    )
    return signal
