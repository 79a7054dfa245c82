"""Who sees which signals, and who answers them.

A signal is a question to a unit, and not for the public: it is seen by those who manage the unit or work in
it, by the people of the public bodies above it, and by nobody else. Whoever of them does not see a task sees
no signal about it. No API client sees any, whoever it acts for.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.actor import MANAGING, WORKING, Actor, Role
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.signals.models import Signal
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import Task
from vdept.units.models import Unit

HEAD = frozenset({Role.HEAD})
ANSWERS = Words(
    "người đứng đầu, cấp phó hoặc điều phối viên của đơn vị được hỏi",
    "the head, a deputy or a coordinator of the unit that is asked",
)
DISMISSES = Words(
    "người đứng đầu cơ quan cấp trên của đơn vị được hỏi, hoặc quản trị viên",
    "the head of a public body above the unit that is asked, or an administrator",
)


def visible_signals(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on :class:`Signal` that this actor's reads start from."""
    if actor.client_id is not None or not actor.known:
        return sa.false()
    if actor.sees_everything:
        return sa.true()
    own = sorted({seat.unit_id for seat in actor.seats if seat.role in WORKING})
    ways: list[sa.ColumnElement[bool]] = [Signal.unit_id.in_(own)]
    if actor.public_unit_ids:
        # Strictly above: an observer of the unit itself is neither asked nor told.
        public = sa.literal(sorted(actor.public_unit_ids), ARRAY(sa.BigInteger))
        line = sa.func.trim_array(Unit.path, 1).op("&&")(public)
        above = sa.select(Unit.id).where(Unit.id == Signal.unit_id, line)
        ways.append(above.correlate(Signal).exists())
    task = sa.select(Task.id).where(Task.id == Signal.task_id, visible_tasks(actor))
    return sa.and_(sa.or_(*ways), sa.or_(Signal.task_id.is_(None), task.correlate(Signal).exists()))


async def get_signal_for_update(tx: Tx, signal_id: int) -> Signal:
    """The signal, locked and read anew, or *not found*."""
    await tx.narrow()
    query = (
        sa.select(Signal)
        .where(Signal.id == signal_id, visible_signals(tx.actor))
        .with_for_update(of=Signal, key_share=True)
        .execution_options(populate_existing=True)
    )
    signal: Signal | None = await tx.session.scalar(query)
    if signal is None:
        raise NOT_FOUND.at("signalId", what=Words("dấu hiệu", "signal"))
    return signal


def require_answers(tx: Tx, signal: Signal) -> None:
    """Whoever commits the unit answers for it."""
    tx.actor.require(tx.actor.has(signal.unit_id, MANAGING), ANSWERS, "signalId")


async def require_dismisses(tx: Tx, signal: Signal) -> None:
    """The head of a public body above; nobody dismisses what they are asked themselves."""
    path = await tx.session.scalar(sa.select(Unit.path).where(Unit.id == signal.unit_id))
    heads = {s.unit_id for s in tx.actor.seats if s.public_body and s.role in HEAD}
    above = heads.intersection((path or [])[:-1])
    tx.actor.require(tx.actor.sees_everything or bool(above), DISMISSES, "signalId")
