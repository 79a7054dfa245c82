"""Who sees which warnings, and who answers them.

A warning of a target tells what the target's outcome tells, both figures of a gap among it: whoever sees
the outcome sees the warning. A warning of a task is for whoever sees the task, and is behind row security
with it. A warning of a source is for whoever sees the source.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vdept.kernel.actor import Actor, Role
from vdept.kernel.db import Tx
from vdept.kernel.errors import NOT_FOUND, Words
from vdept.kernel.scopes import Scope
from vdept.outcomes.access import visible_target_outcomes
from vdept.sources.access import visible_sources
from vdept.sources.models import Source
from vdept.targets.models import Target
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import Task
from vdept.warnings.models import EarlyWarning, WarningSubject

HEAD = frozenset({Role.HEAD})
HEAD_ANSWERS = Words(
    "người đứng đầu đơn vị được cảnh báo (trách nhiệm không ủy quyền)",
    "the head of the unit that is warned (accountability is not delegated)",
)
WARNING = Words("cảnh báo", "warning")


def visible_warnings(actor: Actor) -> sa.ColumnElement[bool]:
    """The condition on :class:`EarlyWarning` that this actor's reads start from."""
    if actor.sees_everything:
        return sa.true()
    ways: list[sa.ColumnElement[bool]] = []
    if actor.may(Scope.PLANS_READ):
        target = sa.select(Target.id).where(
            Target.id == EarlyWarning.subject_id, visible_target_outcomes(actor)
        )
        ways.append(_of(WarningSubject.TARGET, target))
    if actor.known and actor.may(Scope.TASKS_READ):
        task = sa.select(Task.id).where(Task.id == EarlyWarning.subject_id, visible_tasks(actor))
        ways.append(_of(WarningSubject.TASK, task))
    source = sa.select(Source.id).where(Source.id == EarlyWarning.subject_id, visible_sources(actor))
    ways.append(_of(WarningSubject.SOURCE, source))
    return sa.or_(sa.false(), *ways)


def _of(subject: WarningSubject, seen: "sa.Select[Any]") -> sa.ColumnElement[bool]:
    return sa.and_(EarlyWarning.subject == subject, seen.correlate(EarlyWarning).exists())


class Warned(NamedTuple):
    """A warning with the due date of its subject; a source, which has none, should be well by today."""

    warning: EarlyWarning
    due_on: Any


async def get_warnings_for_answer(
    tx: Tx, warning_ids: Collection[int], *path: str | int, many: bool = False
) -> list[Warned]:
    """The warnings in the order asked for, locked, each of a unit whose head the actor is.

    Unseen is not found; whoever sees one but is not the head is refused, deputies too.
    """
    await tx.narrow()
    wanted = list(warning_ids)
    due = sa.case(
        (
            EarlyWarning.subject == WarningSubject.TARGET,
            sa.select(Target.due_on).where(Target.id == EarlyWarning.subject_id).scalar_subquery(),
        ),
        (
            EarlyWarning.subject == WarningSubject.TASK,
            sa.select(Task.due_on).where(Task.id == EarlyWarning.subject_id).scalar_subquery(),
        ),
        else_=sa.literal(tx.today),
    )
    query = sa.select(EarlyWarning.id, EarlyWarning.unit_id, due.label("due_on")).where(
        EarlyWarning.id == sa.any_(sa.cast(wanted, ARRAY(sa.BigInteger))), visible_warnings(tx.actor)
    )
    seen = {row.id: row for row in await tx.session.execute(query)}
    for i, warning_id in enumerate(wanted):
        at = (*path, i) if many else path
        if warning_id not in seen:
            raise NOT_FOUND.at(*at, what=WARNING)
        tx.actor.require(tx.actor.has(seen[warning_id].unit_id, HEAD), HEAD_ANSWERS, *at)
    locked = await tx.session.scalars(
        sa.select(EarlyWarning)
        .where(EarlyWarning.id.in_(wanted))
        .order_by(EarlyWarning.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    rows = {row.id: row for row in locked}
    return [Warned(rows[warning_id], seen[warning_id].due_on) for warning_id in wanted]
