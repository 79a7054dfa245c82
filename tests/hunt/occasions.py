"""What a world must have in it for a broken condition to show at all, told by the policy."""

from collections.abc import Callable, Iterator

from hunt import rows as r
from hunt.policy import Sight, counts, viewer_of
from hunt.world import LIVE, TODAY, World


def sights(world: World, *, official: bool) -> Iterator[Sight]:
    """What people see who are officials, or who are only in firms and associations."""
    for person in world.persons:
        sight = Sight(world, viewer_of(world, person))
        if sight.own and not sight.all and sight.official is official:
            yield sight


def _outside(has: Callable[[Sight], bool]) -> Callable[[World], bool]:
    return lambda world: any(has(sight) for sight in sights(world, official=False))


def _official(has: Callable[[Sight], bool]) -> Callable[[World], bool]:
    return lambda world: any(has(sight) for sight in sights(world, official=True))


def _live(world: World, task: r.Task) -> set[int]:
    return {p.unit_id for p in world.participations if p.task_id == task.id and p.state in LIVE}


def _sets_without_part(s: Sight) -> bool:
    """A unit of theirs has set a task that is not public, and has no part in it."""
    return any(
        t.audience != "PUBLIC" and t.owner_unit_id in s.own and not s.own & _live(s.world, t)
        for t in s.world.tasks
    )


def _declined_to_lead(s: Sight) -> bool:
    return any(t.lead_unit_id in s.own and not s.task(t) for t in s.world.tasks)


def _left(s: Sight) -> bool:
    hidden = {t.id for t in s.world.tasks if not s.task(t)}
    return any(p.unit_id in s.own and p.task_id in hidden for p in s.world.participations)


def _own_milestone(s: Sight) -> bool:
    having = {k.id for k in s.world.key_results if k.rollup == "MILESTONE"}
    return any(s.holds(t) and t.key_result_id in having for t in s.world.targets)


def _others_milestone(s: Sight) -> bool:
    having = {k.id for k in s.world.key_results if k.rollup == "MILESTONE"}
    held = [t for t in s.world.targets if t.key_result_id in having and t.state != "WITHDRAWN"]
    return any(s.target(t) and t.unit_id not in s.own for t in held)


def _colleague_elsewhere(s: Sight) -> bool:
    """A colleague heads another unit, or works there."""
    return any(
        held.role == "HEAD"
        and counts(held, TODAY)
        and not s.membership(held)
        and s.person(_who(s.world, held))
        for held in s.world.memberships
    )


def _last_day(s: Sight) -> bool:
    """It is a colleague's last day."""
    for held in s.world.memberships:
        again = [
            m
            for m in s.world.memberships
            if m.person_id == held.person_id and m.unit_id in s.own and m is not held
        ]
        if (
            held.unit_id in s.own
            and held.ends_on == TODAY
            and held.person_id != s.viewer.person_id
            and not again
        ):
            return True
    return False


def _who(world: World, held: r.Membership) -> r.Person:
    person: r.Person = world.get("persons", held.person_id)
    return person


def _declined_below(world: World) -> bool:
    """A unit below an official declined to lead a task that the official does not see."""
    return any(
        t.lead_unit_id is not None
        and s.public.intersection(world.get("units", t.lead_unit_id).path)
        and not s.task(t)
        for s in sights(world, official=True)
        for t in world.tasks
    )


def _withdrawn_below(s: Sight) -> bool:
    """All that is held below an official in a plan was withdrawn."""
    return any(
        not s.whole(plan)
        and any(
            t.plan_id == plan.id and s.public.intersection(_line(s.world, t.unit_id)) for t in s.world.targets
        )
        for plan in s.world.plans
        if plan.audience == "PARTICIPANTS" and plan.state != "DRAFT"
    )


def _held_in_draft(s: Sight) -> bool:
    drafts = {plan.id for plan in s.world.plans if plan.state == "DRAFT" and not s.whole(plan)}
    held = [t for t in s.world.targets if t.plan_id in drafts and t.unit_id in s.own]
    return any(t.state != "WITHDRAWN" for t in held)


def _own_draft(s: Sight) -> bool:
    return any(plan.state == "DRAFT" and plan.issuer_unit_id in s.own for plan in s.world.plans)


def _client_below(s: Sight) -> bool:
    """A unit below an official who is not its head has a client."""
    return any(not s.client(c) and s.public.intersection(_line(s.world, c.unit_id)) for c in s.world.clients)


def _line(world: World, unit_id: int) -> list[int]:
    path: list[int] = world.get("units", unit_id).path
    return path


def _part_by_tasks_alone(world: World) -> bool:
    """In a public plan a unit has a part in a task and no target, but a unit below it has one."""
    milestones = {k.plan_id for k in world.key_results if k.rollup == "MILESTONE"}
    for plan in world.plans:
        if plan.audience != "PUBLIC" or plan.state == "DRAFT" or plan.id in milestones:
            continue
        live = {t.unit_id for t in world.targets if t.plan_id == plan.id and t.state != "WITHDRAWN"}
        above = {each for unit_id in live for each in world.get("units", unit_id).path} - live
        states = {"IN_PROGRESS", "DELIVERED"}
        tasks = {t.id for t in world.tasks if t.plan_id == plan.id and t.state in states}
        parts = [p for p in world.participations if p.task_id in tasks and p.state == "ACCEPTED" and p.share]
        if any(p.unit_id in above for p in parts):
            return True
    return False


def _tasks_alone(world: World) -> bool:
    """A unit has to do with a public plan by a task only, and so have all below it."""
    milestones = {k.plan_id for k in world.key_results if k.rollup == "MILESTONE"}
    for plan in world.plans:
        if plan.audience != "PUBLIC" or plan.state == "DRAFT" or plan.id in milestones:
            continue
        live = {t.unit_id for t in world.targets if t.plan_id == plan.id and t.state != "WITHDRAWN"}
        above = {each for unit_id in live for each in _line(world, unit_id)}
        tasks = {
            t.id for t in world.tasks if t.plan_id == plan.id and t.state in {"IN_PROGRESS", "DELIVERED"}
        }
        parts = [p for p in world.participations if p.task_id in tasks and p.state == "ACCEPTED"]
        if any(p.unit_id not in above for p in parts):
            return True
    return False


def _narrowed_official(world: World) -> bool:
    """A client of a public body follows the feed and may not read people, of whom the feed tells."""
    told = any(done.subject_type in {"Person", "Membership"} for done in world.activities)
    clients = [c for c in world.clients if "activities:read" in c.scopes and "people:read" not in c.scopes]
    return told and any(not world.get("units", c.unit_id).beside for c in clients)


def _part_of_a_hidden_task(s: Sight) -> bool:
    """A task is seen, and the whole that it is a part of is not."""
    wholes = [s.world.get("tasks", t.parent_id) for t in s.world.tasks if t.parent_id and s.task(t)]
    return any(not s.task(whole) for whole in wholes)


def _proposed_to_others(s: Sight) -> bool:
    """A task is seen that was proposed for the target of a unit that is not theirs."""
    asked = [link for link in s.world.links if link.state == "PROPOSED"]
    return any(
        s.task(s.world.get("tasks", link.task_id))
        and s.world.get("targets", link.target_id).unit_id not in s.own
        for link in asked
    )


OCCASIONS: dict[str, Callable[[World], bool]] = {
    "sets": _outside(_sets_without_part),
    "declined to lead": _outside(_declined_to_lead),
    "declined below": _declined_below,
    "withdrawn below": _official(_withdrawn_below),
    "own draft": _official(_own_draft),
    "client below": _official(_client_below),
    "held in a draft": _outside(_held_in_draft),
    "left": _outside(_left),
    "own milestone": _outside(_own_milestone),
    "others' milestone": _outside(_others_milestone),
    "colleague elsewhere": _outside(_colleague_elsewhere),
    "part of a hidden task": _outside(_part_of_a_hidden_task),
    "proposed to others": _outside(_proposed_to_others),
    "last day": _outside(_last_day),
    "by tasks alone": _part_by_tasks_alone,
    "tasks alone": _tasks_alone,
    "narrowed official": _narrowed_official,
}
