"""What has happened on the platform, in commit order, as far as an actor may see what it happened to."""

from typing import Any

import sqlalchemy as sa

from vdept.kernel.activity import Activity, Position, read_feed
from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.measurements.access import visible_measurements
from vdept.measurements.models import Measurement
from vdept.targets.access import visible_plans, visible_targets
from vdept.targets.models import Plan, Target
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import Task

OPEN_SUBJECTS = ("Unit", "Indicator")
"""Every signed-in actor sees all of these."""

PLAN_SUBJECTS = ("Plan", "Objective", "KeyResult")
"""Seen by whoever sees the plan."""


def visible_activities(actor: Actor) -> "sa.ColumnElement[bool]":
    """Activities whose subject the actor sees; tokens are nobody's but an administrator's."""
    if actor.sees_everything:
        return sa.true()
    if actor.person_id is None:
        return sa.false()
    ways: list[sa.ColumnElement[bool]] = [
        Activity.subject_type.in_(OPEN_SUBJECTS),
        sa.and_(
            Activity.subject_type.in_(PLAN_SUBJECTS), _exists(Plan.id, Activity.plan_id, visible_plans(actor))
        ),
        _subject("Target", Target.id, visible_targets(actor)),
        _subject("Task", Task.id, visible_tasks(actor)),
        _subject("Measurement", Measurement.id, visible_measurements(actor)),
    ]
    if actor.is_public_official:
        ways.append(Activity.subject_type.in_(("Person", "Membership")))
    return sa.or_(*ways)


def _subject(kind: str, key: Any, seen: "sa.ColumnElement[bool]") -> "sa.ColumnElement[bool]":
    return sa.and_(Activity.subject_type == kind, _exists(key, Activity.subject_id, seen))


def _exists(key: Any, wanted: Any, seen: "sa.ColumnElement[bool]") -> "sa.ColumnElement[bool]":
    found: sa.ColumnElement[bool] = (
        sa.select(sa.true()).where(key == wanted, seen).correlate(Activity).exists()
    )
    return found


async def activities_after(
    tx: Tx, after: Position | None, limit: int, *, subject: tuple[str, int] | None = None
) -> list[Activity]:
    """The next ``limit`` activities that the actor sees, of one subject where it is given."""
    conditions = [visible_activities(tx.actor)]
    if subject is not None:
        conditions += [Activity.subject_type == subject[0], Activity.subject_id == subject[1]]
    return await read_feed(tx.session, after, limit, *conditions)
