"""The hunt itself under test: every condition of who sees what is broken once, and the hunt must notice.

A break shows too much (a condition dropped) or too little. The worlds stand ready; what is counted is how
many random questions it takes.
"""

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

import vdept_graphql.schema  # noqa: F401  every feature is loaded before anything is broken
from hunt.breaking import broken, questions
from hunt.conftest import databases
from hunt.documents import Composer, Document, pool
from hunt.hunter import Hunter, Leak, Place, hunting
from hunt.making import make
from hunt.occasions import OCCASIONS
from vdept.tasks.access import _visible_from

CHECKS = 1_000
"""Questions that a break may go unnoticed for; most take fewer than twenty."""

PEOPLE, PLANS, TASKS = "vdept.people.access", "vdept.targets.access", "vdept.tasks.access"
OUTCOMES, QUERIES = "vdept.outcomes.access", "vdept.tasks.queries"

BREAKS: list[tuple[str, str, str]] = [
    # units and indicators: nobody, and everybody
    ("vdept.units.access:visible_units", "actor.known", "True"),
    ("vdept.units.access:visible_units", "actor.known", "actor.is_public_official"),
    (f"{PLANS}:visible_indicators", "actor.known", "True"),
    (f"{PLANS}:visible_indicators", "actor.known", "actor.sees_everything"),
    # people
    (f"{PEOPLE}:visible_persons", "not actor.known or not actor.may(Scope.PEOPLE_READ)", "not actor.known"),
    (f"{PEOPLE}:visible_persons", "_sees_all(actor)", "True"),
    (f"{PEOPLE}:visible_persons", "_sees_all(actor)", "actor.sees_everything"),
    (f"{PEOPLE}:visible_persons", "Person.id == actor.person_id, ", ""),
    (f"{PEOPLE}:visible_persons", "seat.ends_on >= today", "sa.true()"),
    (f"{PEOPLE}:visible_persons", "seat.ends_on >= today", "seat.ends_on > today"),
    (f"{PEOPLE}:visible_persons", "seat.unit_id.in_(sorted(actor.unit_ids))", "sa.true()"),
    (
        f"{PEOPLE}:visible_memberships",
        "not actor.known or not actor.may(Scope.PEOPLE_READ)",
        "not actor.known",
    ),
    (f"{PEOPLE}:visible_memberships", "_sees_all(actor)", "True"),
    (f"{PEOPLE}:visible_memberships", "Membership.unit_id.in_(sorted(actor.unit_ids))", "sa.true()"),
    (f"{PEOPLE}:visible_memberships", ", Membership.unit_id.in_(sorted(actor.unit_ids))", ""),
    ("vdept.people.queries:head_of_units", "visible_memberships(tx.actor),", ""),
    ("vdept.people.queries:head_of_units", "visible_persons(tx.actor, tx.today),", ""),
    ("vdept.people.queries:PersonFilter.conditions", ", visible_memberships(actor)", ""),
    ("vdept.people.actors:actor_for", ", unit_exists(today)", ""),
    ("vdept.people.actors:actor_for", "in_force(today), ", ""),
    ("vdept.people.actors:in_force", "Membership.ends_on >= on", "Membership.ends_on > on"),
    # plans
    (f"{PLANS}:plans_seen_whole", "not actor.known or not actor.may(Scope.PLANS_READ)", "not actor.known"),
    (f"{PLANS}:plans_seen_whole", "Plan.audience == Audience.PUBLIC", "sa.true()"),
    (f"{PLANS}:plans_seen_whole", "actor.is_public_official", "True"),
    (f"{PLANS}:plans_seen_whole", "Plan.audience == Audience.GOVERNMENT", "sa.true()"),
    (f"{PLANS}:plans_seen_whole", "issued.append(held_below(actor.public_unit_ids))", "pass"),
    (f"{PLANS}:plans_seen_whole", "Plan.state != PlanState.DRAFT", "sa.true()"),
    (f"{PLANS}:plans_seen_whole", "Plan.issuer_unit_id.in_(sorted(actor.unit_ids)),", ""),
    (f"{PLANS}:held_below", ", in_force", ""),
    (f"{PLANS}:held_below", "Unit.path.overlap(_units(public_ids))", "Unit.id.in_(public_ids)"),
    (
        f"{PLANS}:visible_plans",
        "sa.or_(whole, sa.and_(Plan.state != PlanState.DRAFT, holds_in_plan(actor.unit_ids)))",
        "whole",
    ),
    (f"{PLANS}:visible_plans", "Plan.state != PlanState.DRAFT, ", ""),
    (f"{PLANS}:visible_targets", "plans_seen_whole(actor)", "visible_plans(actor)"),
    (f"{PLANS}:visible_targets", "own_targets(actor), ", ""),
    (f"{PLANS}:own_targets", ", Target.plan_id.in_(issued)", ""),
    (f"{PLANS}:own_targets", "Target.unit_id.in_(sorted(actor.unit_ids))", "sa.true()"),
    (f"{PLANS}:visible_key_results", "plans_seen_whole(actor)", "visible_plans(actor)"),
    (f"{PLANS}:visible_key_results", ", KeyResult.id.in_(own)", ""),
    (f"{PLANS}:visible_objectives", "plans_seen_whole(actor)", "visible_plans(actor)"),
    (f"{PLANS}:visible_objectives", ", Objective.id.in_(own)", ""),
    ("vdept.targets.queries:PlanFilter.conditions", "held.where(visible_targets(actor))", "held"),
    ("vdept.targets.queries:TargetFilter.conditions", "above.correlate(None).exists()", "sa.true()"),
    # measurements
    (
        "vdept.measurements.access:visible_measurements",
        "not actor.known or not actor.may(Scope.MEASUREMENTS_READ)",
        "not actor.known",
    ),
    ("vdept.measurements.access:visible_measurements", "actor.is_public_official", "True"),
    ("vdept.measurements.access:visible_measurements", " or actor.is_public_official", ""),
    # tasks, and each way to see one
    (f"{TASKS}:visible_tasks", "not actor.known or not actor.may(Scope.TASKS_READ)", "not actor.known"),
    (f"{TASKS}:visible_tasks", "actor.unit_ids - actor.public_unit_ids", "frozenset()"),
    (f"{TASKS}:_visible_from", "[PUBLIC]", "[]"),
    (f"{TASKS}:_visible_from", "[PUBLIC]", "[PUBLIC, Task.audience == Audience.GOVERNMENT]"),
    (f"{TASKS}:_visible_from", "Task.audience == Audience.GOVERNMENT, ", ""),
    (f"{TASKS}:_visible_from", "Task.audience == Audience.GOVERNMENT", "sa.true()"),
    (f"{TASKS}:_visible_from", ", _involves_unit_below(public)", ""),
    (f"{TASKS}:_visible_from", "Task.owner_unit_id.in_(beside),", ""),
    (
        f"{TASKS}:_visible_from",
        "Task.owner_unit_id.in_(beside),",
        "Task.owner_unit_id.in_(beside), Task.lead_unit_id.in_(beside),",
    ),
    (f"{TASKS}:_visible_from", "Task.id == sa.any_(sa.func.array(taking_part.scalar_subquery())),", ""),
    (f"{TASKS}:_visible_from", ", Participation.state.in_(LIVE)", ""),
    (
        f"{TASKS}:_involves_unit_below",
        "Unit.id == Task.owner_unit_id, Unit.path.overlap(line)",
        "Unit.id == Task.owner_unit_id",
    ),
    (
        f"{TASKS}:_involves_unit_below",
        "Unit.id == Task.owner_unit_id",
        "Unit.id.in_([Task.owner_unit_id, Task.lead_unit_id])",
    ),
    (f"{TASKS}:_involves_unit_below", "Participation.state.in_(LIVE),", ""),
    (f"{TASKS}:_involves_unit_below", "sets.is_(True), ", ""),
    (f"{TASKS}:_involves_unit_below", ", takes_part.is_(True)", ""),
    # lists of tasks, and what belongs to them
    (f"{QUERIES}:_tasks", "visible_tasks(tx.actor)", "True"),
    (f"{QUERIES}:_unit_tasks", "visible_tasks(tx.actor), ", "True, "),
    (f"{QUERIES}:_unit_tasks", "Participation.unit_id.in_(below)", "True"),
    (f"{QUERIES}:_unit_tasks", "Participation.state.in_(LIVE)", "True"),
    (f"{QUERIES}:_unit_tasks", "not tx.actor.may(Scope.TASKS_READ)", "False"),
    (f"{QUERIES}:_neighbours", ", visible_tasks(tx.actor)", ""),
    (f"{QUERIES}:task_targets_of_tasks", ", visible_targets(tx.actor)", ""),
    (f"{QUERIES}:comments_by_ids", ", visible_tasks(tx.actor)", ""),
    ("vdept.tasks.filters:named_are_seen", "which.plan_id is not None", "False"),
    ("vdept.tasks.filters:named_are_seen", "which.target_id is not None", "False"),
    ("vdept.tasks.filters:named_are_seen", "which.proposed_to_unit_id is not None", "False"),
    ("vdept.tasks.filters:named_are_seen", "which.parent_id is not None", "False"),
    ("vdept.tasks.filters:named_are_seen", "which.assignee_id is not None", "False"),
    ("vdept.tasks.colleagues:colleagues_by_ids", "visible_persons(tx.actor, tx.today)", "sa.true()"),
    ("vdept.tasks.history:hidden_in", "visible_targets(tx.actor)", "sa.true()"),
    ("vdept.tasks.history:hidden_in", "visible_tasks(tx.actor)", "sa.true()"),
    # figures
    (f"{OUTCOMES}:visible_target_outcomes", "_official(actor)", "True"),
    (f"{OUTCOMES}:visible_target_outcomes", "own, ", ""),
    (f"{OUTCOMES}:visible_unit_outcomes", "plans_seen_whole(actor)", "sa.true()"),
    (f"{OUTCOMES}:visible_unit_outcomes", "not _official(actor)", "False"),
    (f"{OUTCOMES}:visible_unit_outcomes", "UnitOutcome.plan_id.in_(issued)", "sa.true()"),
    (f"{OUTCOMES}:visible_unit_outcomes", "sa.or_(others, own)", "others"),
    (f"{OUTCOMES}:visible_unit_outcomes", ", sa.or_(unit_tasks_shown(actor), *targets)", ""),
    (f"{OUTCOMES}:unit_tasks_shown", "_official(actor)", "True"),
    (f"{OUTCOMES}:sees_tasks_of", "actor.may(Scope.TASKS_READ) and ", ""),
    (f"{OUTCOMES}:sees_tasks_of", "_official(actor)", "True"),
    (f"{OUTCOMES}:sees_tasks_of", " or unit_id in actor.unit_ids", ""),
    ("vdept.outcomes.queries:_unit_conditions", ", unit_tasks_shown(actor)", ""),
    # the feed
    (
        "vdept.tasks.feed:activities_after",
        "not tx.actor.known or not tx.actor.may(Scope.ACTIVITIES_READ)",
        "False",
    ),
    ("vdept.tasks.feed:activities_after", "if seen.intersection(_keys(row))", ""),
    ("vdept.tasks.feed:_keys", "row.subject_type in PARTS", "False"),
    ("vdept.tasks.feed:_seen", "tx.actor.is_public_official and ", ""),
    ("vdept.tasks.feed:_seen", " and tx.actor.may(Scope.PEOPLE_READ)", ""),
    ("vdept.tasks.feed:_seen", ", visible(tx.actor)", ""),
    # clients
    ("vdept.identity.access:visible_identities", "actor.client_id is not None or ", ""),
    ("vdept.identity.access:visible_identities", "Identity.person_id == actor.person_id", "sa.true()"),
    ("vdept.clients.access:visible_clients", "ApiClient.id == actor.client_id", "sa.true()"),
    ("vdept.clients.access:visible_clients", "if headed:", "if False:"),
    ("vdept.clients.access:visible_clients", " and seat.role is Role.HEAD", ""),
    ("vdept.clients.access:visible_clients", ", let.correlate(ApiClient)", ""),
    ("vdept.clients.access:visible_authorizations", "actor.client_id is not None or ", ""),
    ("vdept.clients.access:visible_authorizations", " if seat.role in REGISTRARS", ""),
]


def _named(case: tuple[str, str, str]) -> str:
    where, old, new = case
    return f"{where.rpartition(':')[2]}: {old[:40].strip()} → {new[:25].strip() or 'nothing'}"


@pytest.fixture(scope="module")
async def worlds(servers: Any, template: str) -> AsyncIterator[dict[str, tuple[Hunter, Place]]]:
    """A world for every occasion, each in a database of its own; they stay as they are."""
    with databases(servers, template, len(OCCASIONS)) as urls:
        ready, asked = {}, pool("worlds to break", 150)
        async with AsyncExitStack() as stack:
            for url, (name, has) in zip(urls, OCCASIONS.items(), strict=True):
                hunting_here = hunting(url, "worlds to break", walls=False, documents=asked)
                hunter = await stack.enter_async_context(hunting_here)
                seed = next(each for each in map(str, range(1_000)) if has(make(f"to break {each}")))
                ready[name] = hunter, await hunter.settle(f"to break {seed}")
            yield ready


ABOUT = {
    "visible_units": r"units?\(",
    "visible_indicators": "ndicator",
    "head_of_units": "head",
    "PersonFilter": r"persons\(",
    "visible_key_results": "eyResult",
    "visible_objectives": "bjective",
    "PlanFilter": r"plans\(",
    "TargetFilter": r"targets\(.*targetFilter",
    "visible_measurements": "easurement",
    "_unit_tasks": "unitTaskFilter|participantUnit",
    "_neighbours": "block",
    "task_targets_of_tasks": "weight",
    "comments_by_ids": "on Comment",
    "named_are_seen": r"tasks\(filter: \$taskFilter",
    "colleagues_by_ids": "author|createdBy|verifiedBy|addedBy|history.* by ",
    "hidden_in": "history.* data",
    "visible_target_outcomes": r"outcomes\(|Target.*outcome \{",
    "visible_unit_outcomes": r"unitOutcomes|outcome\(|outcome \{",
    "unit_tasks_shown": r"unitOutcomes|outcome\(",
    "_unit_conditions": r"unitOutcomes",
    "sees_tasks_of": "utcome",
    "vdept.units": "nit",
    "vdept.people": "erson|head|ember",
    "vdept.targets": "lan|arget|bjective|eyResult",
    "vdept.tasks.access": r"task(s\(|\()|on Task|Task ",
    "vdept.tasks.queries": "ask",
    "vdept.tasks.feed": "activities",
    "vdept.identity": "dentit",
    "vdept.clients": "lient|uthorization",
}
"""Which of the hunt's documents have to do with a break; the others could not notice, and cost time."""


ABOUT_CONDITION = {
    "UnitOutcome.plan_id.in_(issued)": r"outcome\(",
    "not _official(actor)": r"unitOutcomes|outcome\(",
    ", sa.or_(unit_tasks_shown(actor), *targets)": r"outcome\(",
}

TASKS_OF_UNITS = "units(first: 100) { nodes { tasks(filter: $unitTaskFilter first: 100) { totalCount } } }"
RANKED = """plans(first: 100) { nodes { unitOutcomes(first: 100) { totalCount nodes {
    own { completion tasks { total } } subtree { status completion } } } } }"""
OF_UNITS = "units(first: 100) { nodes { outcome(planId: $planId) { subtree { status tasks { total } } } } }"
ASKED = {
    "head_of_units": "units(first: 100) { nodes { id head(on: $on) { id } } }",
    "visible_persons": "persons(first: 100) { totalCount nodes { id } }",
    "visible_memberships": "units(first: 100) { nodes { memberships(on: $on first: 100) { totalCount } } }",
    "actor_for": "tasks(first: 100) { totalCount nodes { id } }",
    "in_force": "tasks(first: 100) { totalCount nodes { id } }",
    "plans_seen_whole": "plans(first: 100) { totalCount nodes { id keyResults { id } } }",
    "visible_plans": "plans(first: 100) { totalCount nodes { id } }",
    "own_targets": "targets(first: 100) { totalCount nodes { id } }",
    "visible_indicators": "indicators(first: 100) { totalCount nodes { id } }",
    "task_targets_of_tasks": "tasks(first: 100) { nodes { id targets { weight target { id } } } }",
    "comments_by_ids": "nodes(ids: $ids) { ... on Comment { id body task { id } } }",
    "named_are_seen": "tasks(filter: $taskFilter first: 100) { totalCount nodes { id } }",
    "hidden_in": "tasks(first: 100) { nodes { history(first: 100) { nodes { data } } } }",
    "vdept.tasks.feed": "activities(first: $many subjectId: $subjectId) { hasMore nodes { verb subjectId } }",
    "vdept.tasks.queries:_tasks": "tasks(first: 100) { totalCount nodes { id } }",
    "visible_objectives": "plans(first: 100) { nodes { objectives { id } } }",
    "vdept.tasks.access": "tasks(first: 100) { totalCount nodes { id } }",
    "_unit_tasks": TASKS_OF_UNITS,
    "_neighbours": "tasks(first: 100) { nodes { id blockedBy { id } blocks { id } } }",
    "colleagues_by_ids": "tasks(first: 100) { nodes { createdBy { name person { id } } } }",
    "unit_tasks_shown": RANKED,
    "sees_tasks_of": RANKED,
    "visible_unit_outcomes": OF_UNITS,
    "visible_clients": "clients(first: 100) { totalCount nodes { id } }",
    "visible_identities": "identities(first: 100) { totalCount nodes { id } }",
    "visible_authorizations": "clients(first: 100) { nodes { authorizations(first: 100) { totalCount } } }",
}
"""By function: what asks for all that a break there could show at once, where chance takes too long."""

NODES = {"comments_by_ids": ("Comment",)}
"""The kinds of what is asked for by number."""

ONLY = {
    ("TargetFilter.conditions", "above.correlate(None).exists()"): "parentId",
    ("PlanFilter.conditions", "held.where(visible_targets(actor))"): "holderUnitId",
    ("PersonFilter.conditions", ", visible_memberships(actor)"): "unitId",
    ("named_are_seen", "which.plan_id is not None"): "planId",
    ("named_are_seen", "which.target_id is not None"): "targetId",
    ("named_are_seen", "which.proposed_to_unit_id is not None"): "proposedToUnitId",
    ("named_are_seen", "which.parent_id is not None"): "parentId",
    ("named_are_seen", "which.assignee_id is not None"): "assigneeId",
}
"""The one condition of filters in which a break shows."""


SHOWS: list[tuple[str, str, str, str]] = [
    ("visible_persons", "seat.ends_on >= today → seat", "last day", "outside"),
    ("visible_persons", "seat.ends_on >= today → sa.true()", "", "outside"),
    ("head_of_units", "visible_memberships", "colleague elsewhere", "outside"),
    ("head_of_units", "visible_persons", "", "outside"),
    ("PersonFilter", "", "colleague elsewhere", "outside"),
    ("_visible_from", "Task.owner_unit_id.in_(beside), → ", "sets", "outside"),
    ("_visible_from", "Task.owner_unit_id.in_(beside), → Task", "declined to lead", "outside"),
    ("_visible_from", ", Participation.state.in_(LIVE)", "left", "outside"),
    ("_involves_unit_below", "Unit.id == Task.owner_unit_id", "declined below", "official"),
    ("_involves_unit_below", "", "", "official"),
    ("visible_target_outcomes", "own, ", "own milestone", "outside"),
    ("visible_target_outcomes", "", "others' milestone", "outside"),
    ("named_are_seen", "which.parent_id", "part of a hidden task", "outside"),
    ("named_are_seen", "which.proposed_to_unit_id", "proposed to others", "outside"),
    ("held_below", ", in_force", "withdrawn below", "official"),
    ("visible_plans", "Plan.state != PlanState.DRAFT", "held in a draft", "outside"),
    ("own_targets", ", Target.plan_id.in_(issued)", "held in a draft", "outside"),
    ("plans_seen_whole", "Plan.issuer_unit_id", "own draft", "official"),
    ("visible_clients", " and seat.role", "client below", "official"),
    ("visible_unit_outcomes", "UnitOutcome.plan_id.in_(issued)", "held in a draft", "outside"),
    ("visible_unit_outcomes", ", sa.or_(unit_tasks_shown", "tasks alone", "outside"),
    ("visible_unit_outcomes", "not _official(actor)", "others' milestone", "outside"),
    ("_unit_conditions", "", "by tasks alone", "outside"),
    ("_seen", " and tx.actor.may", "narrowed official", "client"),
    ("sees_tasks_of", "actor.may(Scope.TASKS_READ) and", "", "client"),
    ("_unit_tasks", "not tx.actor.may", "", "client"),
    ("visible_persons", "not actor.known or", "", "client"),
    ("visible_memberships", "not actor.known or", "", "client"),
    ("visible_tasks", "not actor.known or", "", "client"),
    ("plans_seen_whole", "not actor.known or", "", "client"),
    ("visible_identities", "actor.client_id", "", "client"),
    ("visible_authorizations", "actor.client_id", "", "client"),
]
"""By function and condition: the occasion on which a break shows, and to which group of readers."""


def _occasion(where: str, old: str, new: str) -> tuple[str, str]:
    asked = f"{old} → {new}"
    for function, condition, occasion, group in SHOWS:
        if function in where and asked.startswith(condition):
            return occasion, group
    return "", ""


async def test_nothing_leaks_while_nothing_is_broken(worlds: dict[str, tuple[Hunter, Place]]) -> None:
    places = list(worlds.values())
    await questions(places, 45)
    for name, text in ASKED.items():
        await questions(places, len(places), [_asking(name, text)])
    for only in ONLY.values():
        await questions(places, 3 * len(places), [_asking("named_are_seen", ASKED["named_are_seen"])], only)


@pytest.mark.parametrize(("where", "old", "new"), BREAKS, ids=[_named(case) for case in BREAKS])
async def test_a_broken_condition_is_noticed(
    worlds: dict[str, tuple[Hunter, Place]], monkeypatch: pytest.MonkeyPatch, where: str, old: str, new: str
) -> None:
    occasion, group = _occasion(where, old, new)
    broken(monkeypatch, where, old, new)
    places = [worlds[occasion]] if occasion else list(worlds.values())
    if group or where.startswith("vdept.people.actors"):
        places = [(hunter, await _asked_by(hunter, place, group)) for hunter, place in places]
    about: Any = ABOUT_CONDITION.get(old) or next(text for name, text in ABOUT.items() if name in where)
    asked = next(((name, text) for name, text in ASKED.items() if name in where), None)
    if asked is not None:
        about = [_asking(*asked)]
    only = ONLY.get((where.rpartition(":")[2], old), "")
    with pytest.raises(Leak):
        await questions(places, CHECKS, about, only)


def _asking(name: str, text: str) -> Document:
    return Composer(random.Random(1)).written(text, kinds=NODES.get(name, ()))


async def _asked_by(hunter: Hunter, place: Place, group: str) -> Place:
    """The same world, its readers found anew; only those of one group, if one is named."""
    place = replace(place, readers=await hunter.readers(place.world, place.seed), groups={})
    return replace(place, readers=place.groups[group], groups={}) if group else place


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Conditions that are remembered from one call to the next are made anew while something is broken."""
    _visible_from.cache_clear()
    yield
    _visible_from.cache_clear()
