"""What has happened on the platform, in commit order, as far as an actor may see what it happened to.

The log is read stretch by stretch: the next activities whatever they are about, then which of their subjects
the actor sees, looked up by id. A poll so costs what the stretch costs, however large the log and however
little of it is for this reader.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from vdept.clients.access import visible_authorizations, visible_clients
from vdept.clients.models import ApiClient, ClientAuthorization
from vdept.kernel.activity import Activity, Position, read_feed
from vdept.kernel.actor import Actor
from vdept.kernel.db import Tx
from vdept.kernel.scopes import Scope
from vdept.measurements.access import visible_measurements
from vdept.measurements.models import Measurement
from vdept.notifications.models import WebhookDelivery, WebhookEndpoint
from vdept.notifications.webhooks.access import visible_deliveries, visible_endpoints
from vdept.sources.access import visible_intakes, visible_sources
from vdept.sources.models import Intake, Source
from vdept.targets.access import (
    plans_seen_whole,
    visible_key_results,
    visible_objectives,
    visible_plans,
    visible_targets,
)
from vdept.targets.models import KeyResult, Objective, Plan, Target
from vdept.tasks.access import visible_tasks
from vdept.tasks.models import Task
from vdept.tasks.sql import among

STRETCH = 1_000
"""How many activities are looked at for one answer."""

OPEN_SUBJECTS = frozenset({"Unit", "Indicator", "CalendarException"})
"""Every signed-in actor sees all of these."""

PEOPLE = frozenset({"Person", "Membership"})
"""Public officials see all of these; tokens are nobody's but an administrator's."""

SIGN_INS = frozenset({"sign_in_link.created", "person.signed_in", "person.signed_out"})
"""When somebody comes and goes is their own affair: nobody else is told, nor an app that acts for them."""

PARTS = frozenset({"Objective", "KeyResult", "Verdict", "Edition"})
"""Seen by whoever sees the plan whole, also when they are gone, or sees them by themselves.

That verdicts were issued says how many there were in the whole plan: nobody sees that by itself."""

SUBJECTS: Mapping[str, tuple[Any, Callable[[Actor], "sa.ColumnElement[bool]"]]] = {
    "Plan": (Plan.id, visible_plans),
    "Whole plan": (Plan.id, plans_seen_whole),
    "Objective": (Objective.id, visible_objectives),
    "KeyResult": (KeyResult.id, visible_key_results),
    "Target": (Target.id, visible_targets),
    "Task": (Task.id, visible_tasks),
    "Measurement": (Measurement.id, visible_measurements),
    "Source": (Source.id, visible_sources),
    "Intake": (Intake.id, visible_intakes),
    "ApiClient": (ApiClient.id, visible_clients),
    "ClientAuthorization": (ClientAuthorization.id, visible_authorizations),
    "WebhookEndpoint": (WebhookEndpoint.id, visible_endpoints),
    "WebhookDelivery": (WebhookDelivery.id, visible_deliveries),
}


class Stretch(NamedTuple):
    """The activities to show, where reading ended (None: nothing new), and whether more has happened."""

    rows: list[Activity]
    end: Position | None
    more: bool


async def activities_after(
    tx: Tx, after: Position | None, limit: int, *, subject: tuple[str, int] | None = None
) -> Stretch:
    """At most ``limit`` of the next activities that the actor sees, of one subject where it is given.

    Fewer than ``limit``, even none, does not mean that there are no more: ``more`` says so. Of a subject that
    the actor does not see they learn as much as of one that never was, where reading ended included.
    """
    nothing = Stretch([], None, more=False)
    if not tx.actor.known or not tx.actor.may(Scope.ACTIVITIES_READ):
        return nothing
    conditions = [] if subject is None else [_is(subject, tx.actor)]
    size = limit if tx.actor.sees_everything else max(STRETCH, limit)
    read = await read_feed(tx.session, after, size + 1, *conditions)
    stretch, more = read[:size], len(read) > size
    seen = await _seen(tx, {*_keys_of(subject), *(key for row in stretch for key in _keys(row))})
    shown = [row for row in stretch if seen.intersection(_keys(row))]
    if subject is not None and subject not in seen and not shown:
        return nothing
    if len(shown) > limit:
        shown, more, stretch = shown[:limit], True, shown[:limit]
    end = Position(int(stretch[-1].xid), stretch[-1].id) if stretch else None
    return Stretch(shown, end, more)


def _is(subject: tuple[str, int], actor: Actor) -> "sa.ColumnElement[bool]":
    is_ = sa.and_(Activity.subject_type == subject[0], Activity.subject_id == subject[1])
    own = subject == ("Person", actor.person_id) and actor.client_id is None
    return is_ if own or actor.sees_everything else is_ & Activity.verb.not_in(SIGN_INS)


def _keys_of(subject: tuple[str, int] | None) -> list[tuple[str, int]]:
    """By what a subject is looked up, whether anything has happened to it or not: the work is the same."""
    if subject is None:
        return []
    return [subject, ("Whole plan", 0)] if subject[0] in PARTS else [subject]


def _keys(row: Activity) -> list[tuple[str, int]]:
    """By what the subject of an activity is seen: any of these."""
    if row.verb in SIGN_INS:
        return [("Own sign-ins", row.subject_id)]
    keys = [(row.subject_type, row.subject_id)]
    if row.subject_type in PARTS:
        keys.append(("Whole plan", row.plan_id or 0))
    return keys


async def _seen(tx: Tx, keys: set[tuple[str, int]]) -> set[tuple[str, int]]:
    """Which of the keys the actor sees: a statement for each kind of subject that occurs."""
    if tx.actor.sees_everything:
        return keys
    people = tx.actor.is_public_official and tx.actor.may(Scope.PEOPLE_READ)
    open_to_all = OPEN_SUBJECTS | PEOPLE if people else OPEN_SUBJECTS
    seen = {key for key in keys if key[0] in open_to_all}
    if tx.actor.person_id is not None and tx.actor.client_id is None:
        seen.add(("Own sign-ins", tx.actor.person_id))
    for kind, (column, visible) in SUBJECTS.items():
        ids = [number for of, number in keys if of == kind]
        if ids:
            found = await tx.session.scalars(sa.select(column).where(among(column, ids), visible(tx.actor)))
            seen.update((kind, number) for number in found)
    return seen
