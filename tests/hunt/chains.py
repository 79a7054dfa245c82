"""The escalation chain of a task, in plain Python: who was told, who will be, and who may know."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from hunt import rows as r
from hunt.policy import Sight, counts, exists
from hunt.world import OPEN_STATES, TODAY, World

DEFAULT = ((1, "LEAD_HEAD"), (3, "ASSIGNER_COORDINATOR"), (5, "ASSIGNER_HEAD"), (10, "ISSUER_HEAD"))
HEADS = {"LEAD_HEAD", "ASSIGNER_HEAD", "ISSUER_HEAD"}
RANKS = {"COORDINATOR": 1, "DEPUTY": 2, "HEAD": 3}
FARTHEST = ("SENT", "DUE", "FOLDED", "DROPPED", "PLANNED")


def weekday(day: date, after: int) -> date:
    """So many working days later; a day off counts as the working day before it. No holidays are near."""
    while day.weekday() > 4:
        day -= timedelta(1)
    while after:
        day += timedelta(1)
        after -= day.weekday() < 5
    return day


def sent_at(world: World, reminder: r.Reminder) -> datetime | None:
    for batch in world.batches:
        if batch.first_id <= reminder.id <= batch.last_id and batch.due_at == reminder.due_at:
            return None if reminder.dropped else batch.delivered_at
    return None


def chain(sight: Sight, task: r.Task) -> list[Any]:
    """The whole chain, or what is left of it for who may not know who holds which office."""
    world = sight.world
    written = [x for x in world.reminders if (x.subject, x.subject_id) == ("TASK", task.id) and x.step > 0]
    found = [one for reminder in written for one in _so_far(world, reminder)]
    over = {(x.due_on, step) for x in written for step in (x.step, *x.folded)}
    found += [one for one in _planned(world, task) if (one.due_on, one.step) not in over]
    if not sight.offices:
        mine = [x for x in found if x.state != "PLANNED" and sight.of_own_office(x.unit_id)]
        groups: dict[tuple[Any, ...], list[Any]] = {}
        for one in found:
            if one not in mine:
                groups.setdefault((one.due_on, one.step, one.recipient), []).append(one)
        found = [*mine, *map(_nameless, groups.values())]
    return sorted(found, key=lambda one: (one.due_on, one.step))


def _one(due_on: date, step: int, on: date, recipient: str, state: str, **more: Any) -> Any:
    empty = {"person_id": None, "unit_id": None, "vacant": [], "sent_at": None, "dropped": None}
    return SimpleNamespace(
        due_on=due_on, step=step, on=on, recipient=recipient, state=state, **{**empty, **more}
    )


def _so_far(world: World, x: r.Reminder) -> Iterable[Any]:
    told = {"person_id": x.recipient_id, "unit_id": x.unit_id, "vacant": x.vacant_unit_ids}
    at = sent_at(world, x)
    state = "DROPPED" if x.dropped else "SENT" if at else "DUE"
    for step in x.folded:
        yield _one(x.due_on, step, x.scheduled_on, x.recipient, "FOLDED", **told)
    rest = {"sent_at": at, "dropped": x.dropped}
    yield _one(x.due_on, x.step, x.scheduled_on, x.recipient, state, **told, **rest)


def _nameless(alike: list[Any]) -> Any:
    state = min((one.state for one in alike), key=FARTHEST.index)
    those = [one for one in alike if one.state == state]
    why = sorted(one.dropped for one in those if one.dropped not in {None, "RECIPIENT_LEFT"})
    at = min((one.sent_at for one in those if one.sent_at), default=None)
    first = those[0]
    return _one(
        first.due_on,
        first.step,
        first.on,
        first.recipient,
        state,
        sent_at=at,
        dropped=why[0] if why else None,
    )


def _planned(world: World, task: r.Task) -> Iterable[Any]:
    if task.state not in OPEN_STATES:
        return
    steps: Iterable[tuple[int, str]] = DEFAULT
    if any(each.plan_id == task.plan_id for each in world.policies):
        own = [each for each in world.steps if each.plan_id == task.plan_id and each.step > 0]
        steps = sorted((each.step, each.recipient) for each in own)
    for step, recipient in steps:
        on = weekday(task.due_on, step)
        if on < TODAY:
            continue
        told = list(_told(world, task, recipient))
        for person_id, unit_id, vacant in told:
            who = {"person_id": person_id, "unit_id": unit_id, "vacant": vacant}
            yield _one(task.due_on, step, on, recipient, "PLANNED", **who)
        if not told:
            yield _one(task.due_on, step, on, recipient, "PLANNED", vacant=_line(world, task, recipient))


def _line(world: World, task: r.Task, recipient: str) -> list[int]:
    """The units where somebody is looked for, in order."""
    owner = world.get("units", task.owner_unit_id)
    lead = world.get("units", task.lead_unit_id) or owner
    plan = world.get("plans", task.plan_id)
    issuer = world.get("units", plan.issuer_unit_id if plan else owner.path[0])
    if recipient.startswith("ASSIGNER"):
        start, then = owner, lead if owner.beside else None
    elif recipient == "ISSUER_HEAD":
        start, then = issuer, lead if issuer is owner and owner.beside else None
    else:
        start, then = lead, owner if lead.beside else None
    if lead is owner or then is None:
        return [*reversed(start.path)]
    return [*reversed(start.path), *reversed(then.path)]


def _told(world: World, task: r.Task, recipient: str) -> Iterable[tuple[int, int, list[int]]]:
    if recipient == "ASSIGNEES":
        working = [
            (each.person_id, each.unit_id, [])
            for each in world.assignees
            if each.task_id == task.id
            and any(
                held.person_id == each.person_id and held.unit_id == each.unit_id
                for held in _in_office(world)
            )
        ]
        if working:
            yield from sorted(working)
            return
    line = _line(world, task, recipient)
    for place, unit_id in enumerate(line):
        held = {
            (RANKS[each.role], each.person_id)
            for each in _in_office(world)
            if each.unit_id == unit_id and each.role in RANKS
        }
        ranks = {rank for rank, _ in held}
        if ranks and (3 in ranks or recipient not in HEADS):
            rank = 3 if recipient in HEADS else min(ranks)
            for person_id in sorted(person for of, person in held if of == rank):
                yield person_id, unit_id, line[:place]
            return


def _in_office(world: World) -> Iterable[r.Membership]:
    for held in world.memberships:
        there = exists(world.get("units", held.unit_id), TODAY)
        person = world.get("persons", held.person_id)
        if counts(held, TODAY) and there and person is not None and person.active:
            yield held
