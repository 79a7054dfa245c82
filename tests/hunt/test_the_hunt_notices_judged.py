"""Every condition of who sees what is measured, judged and published is broken once: the hunt notices."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

import pytest

import vdept_graphql.schema  # noqa: F401  every feature is loaded before anything is broken
from hunt.breaking import broken, by_everybody, questions
from hunt.conftest import settled
from hunt.documents import Composer, Document
from hunt.hunter import Hunter, Leak, Place, _clients
from hunt.judged_rows import Verdict
from hunt.making import make
from hunt.occasions import sights
from hunt.policy import Sight
from hunt.rows import Membership
from hunt.world import World
from vdept.tasks.access import _visible_from

CHECKS = 300

ALL = "first: 100"
READING = "totalCount nodes { id code given }"
ASKED = {
    "sources": f"sources({ALL}) {{ totalCount nodes {{ id name lastReceivedAt indicators {{ id }} }} }}",
    "source": "source(id: $sourceId) { id name }",
    "of units": f"units({ALL}) {{ nodes {{ id sources({ALL}) {{ totalCount nodes {{ id }} }} }} }}",
    "of indicators": f"indicators({ALL}) {{ nodes {{ sources({ALL}) {{ totalCount nodes {{ id }} }} }} }}",
    "connectors": f"sources({ALL}) {{ nodes {{ id connector {{ setting failures }} }} }}",
    "intakes": f"sources({ALL}) {{ nodes {{ id intakes({ALL}) {{ totalCount nodes {{ id sha256 }} }} }} }}",
    "rejected": f"sources({ALL}) {{ nodes {{ id rejectedReadings({ALL}) {{ {READING} }} }} }}",
    "of intakes": f"sources({ALL}) {{ nodes {{ intakes({ALL}) {{ nodes {{ "
    f"rejectedReadings({ALL}) {{ {READING} }} }} }} }} }}",
    "verdicts": f"plans({ALL}) {{ nodes {{ id verdicts({ALL} filter: $verdictFilter) {{ totalCount nodes {{ "
    "id judgement inputs { taskWeight unmet { id } } head { since } source { name } "
    "supersedes { id } } } } }",
    "of a unit": f"units({ALL}) {{ nodes {{ id verdicts({ALL}) {{ totalCount nodes {{ id }} }} }} }}",
    "of targets": f"targets({ALL}) {{ nodes {{ id verdicts {{ id number }} }} }}",
    "of heads": f"persons({ALL}) {{ nodes {{ id verdicts({ALL}) {{ totalCount nodes {{ id }} }} "
    "verdictCounts { targetsMet targetsNotMet unitsMet unitsNotMet } } }",
    "verdict": "verdict(id: $verdictId) { id judgement source { name } }",
    "explained": "explainOutcome(targetId: $targetId) { value measurement { id } lines { sentence } "
    f"parts({ALL}) {{ totalCount nodes {{ value target {{ id }} }} }} }}",
    "explained unit": "explainOutcome(planId: $planId unitId: $unitId) { value status "
    f"parts({ALL}) {{ totalCount nodes {{ value target {{ id }} }} }} }}",
    "gaps": f"targets({ALL}) {{ nodes {{ id gapHistory {{ changes {{ gap }} }} "
    "series { measured { origin points { value } } reported { origin points { value } } } } }",
    "gaps of units": f"units({ALL}) {{ nodes {{ id gapHistory(planId: $planId) "
    "{ changes { gapPoints } } } }",
    "series": "indicatorSeries(indicatorId: $indicatorId unitIds: $seriesUnits basis: $givenBasis "
    'from: "2026-01-01" to: "2026-03-02" every: MONTH) { unit { id } points { value count } }',
    "segments": f"plans({ALL}) {{ nodes {{ id segmentOutcomes(filter: $segmentFilter) {{ segment units "
    "attainment } } }",
    "editions": f"editions({ALL}) {{ totalCount nodes {{ id note correctedBy {{ id }} }} }}",
    "of plans": f"plans({ALL}) {{ nodes {{ editions({ALL}) {{ totalCount nodes {{ id }} }} "
    "lastEditionRequest { id note } } }",
    "signals": f"signals({ALL} filter: $signalFilter) {{ totalCount nodes {{ id answer sentence }} }}",
    "signal": "signal(id: $signalId) { id answer }",
    "focus": f"units({ALL}) {{ nodes {{ id focus(planId: $planId) {{ id objectives {{ method }} }} }} }}",
    "nominations": f"focusNominations(planId: $planId filter: $focusFilter {ALL}) {{ totalCount nodes {{ "
    "unit { id } focus { id } } }",
    "warnings": f"warnings(filter: $warningFilter {ALL}) {{ totalCount nodes {{ id response }} }}",
}
"""Questions after everything of a kind at once: what is broken shows soon."""

SOURCES, VERDICTS, OUTCOMES = "vdept.sources", "vdept.verdicts", "vdept.outcomes"
EDITIONS, SIGNALS, FOCUS = "vdept.publications", "vdept.signals", "vdept.focus"


@dataclass(frozen=True)
class Break:
    """Where, what it says and what it says instead; what is asked then, and who asks it, of which world."""

    where: str
    old: str
    new: str
    asked: str
    only: str = ""
    group: str = ""
    world: str = ""

    def __str__(self) -> str:
        name = self.where.rpartition(":")[2]
        return f"{name}: {self.old[:40].strip()} → {self.new[:25].strip() or 'nothing'} ({self.asked})"


BREAKS = [
    # sources
    Break(
        f"{SOURCES}.access:visible_sources",
        " or not actor.may(Scope.MEASUREMENTS_READ)",
        "",
        "sources",
        group="client",
    ),
    Break(f"{SOURCES}.access:visible_sources", " or actor.is_public_official", "", "sources"),
    Break(
        f"{SOURCES}.access:visible_sources",
        "Source.unit_id.in_(sorted(actor.unit_ids))",
        "sa.true()",
        "sources",
    ),
    Break(f"{SOURCES}.queries:sources_by_ids", ", visible_sources(tx.actor)", "", "source"),
    Break(f"{SOURCES}.queries:sources_of_units", "visible_sources(tx.actor)", "sa.true()", "of units"),
    Break(
        f"{SOURCES}.queries:sources_of_indicators", "visible_sources(tx.actor)", "sa.true()", "of indicators"
    ),
    Break(
        f"{SOURCES}.connector_settings:visible_connectors",
        "actor.client_id is not None or ",
        "",
        "connectors",
        group="client",
    ),
    Break(
        f"{SOURCES}.connector_settings:visible_connectors",
        "actor.units_as(WORKING)",
        "actor.unit_ids",
        "connectors",
    ),
    Break(
        f"{SOURCES}.connector_settings:visible_connectors",
        "SourceConnector.unit_id.in_(sorted(actor.units_as(WORKING)))",
        "sa.true()",
        "connectors",
    ),
    # what came in
    Break(
        f"{SOURCES}.access:_worked",
        " or not actor.may(Scope.MEASUREMENTS_READ)",
        "",
        "by number",
        group="client",
    ),
    Break(f"{SOURCES}.access:_worked", "actor.units_as(WORKING)", "actor.unit_ids", "intakes"),
    Break(
        f"{SOURCES}.access:_worked", "unit_id.in_(sorted(actor.units_as(WORKING)))", "sa.true()", "intakes"
    ),
    Break(
        f"{SOURCES}.access:_worked", "if actor.sees_everything", "if False", "intakes", group="administrator"
    ),
    Break(f"{SOURCES}.queries:last_received", "visible_intakes(tx.actor)", "sa.true()", "sources"),
    Break(f"{SOURCES}.queries:intakes_of_sources", "visible_intakes(tx.actor)", "sa.true()", "intakes"),
    Break(f"{SOURCES}.queries:intakes_by_ids", ", visible_intakes(tx.actor)", "", "by number"),
    Break(f"{SOURCES}.queries:rejected_by_ids", ", visible_rejected(tx.actor)", "", "by number"),
    Break(f"{SOURCES}.queries:_rejected", "visible_rejected(tx.actor)", "sa.true()", "rejected"),
    # verdicts
    Break(f"{VERDICTS}.access:visible_verdicts", ", visible_target_outcomes(actor)", "", "of targets"),
    Break(
        f"{VERDICTS}.access:visible_verdicts", "visible_target_outcomes(actor)", "sa.false()", "of targets"
    ),
    Break(f"{VERDICTS}.access:visible_verdicts", "        visible_unit_outcomes(actor),\n", "", "of a unit"),
    Break(f"{VERDICTS}.queries:_verdicts", "visible_verdicts(tx.actor), ", "", "verdicts"),
    Break(f"{VERDICTS}.queries:verdicts_by_ids", ", visible_verdicts(tx.actor)", "", "verdict"),
    Break(f"{VERDICTS}.queries:verdicts_of_targets", ", visible_verdicts(tx.actor)", "", "of targets"),
    Break(
        f"{VERDICTS}.queries:heads_of_verdicts",
        "visible_persons(tx.actor, tx.today),",
        "",
        "verdicts",
        group="outside",
    ),
    Break(
        f"{VERDICTS}.access:tenure", "        visible_memberships(actor),\n", "", "verdicts", group="outside"
    ),
    Break(
        f"{VERDICTS}.access:tenure",
        "Membership.ends_on >= Verdict.due_on",
        "sa.false()",
        "of heads",
        group="official",
    ),
    Break(f"{VERDICTS}.queries:readings_behind", ", visible_measurements(tx.actor)", "", "verdicts"),
    Break(
        "vdept_graphql.verdict_inputs:VerdictInputs.of",
        'quantity("task_weight") if tasks else None',
        'quantity("task_weight")',
        "verdicts",
        group="client",
    ),
    # explanations
    Break(f"{VERDICTS}.explaining:explain_target", ", visible_target_outcomes(tx.actor)", "", "explained"),
    Break(
        f"{VERDICTS}.explaining:explain_unit",
        "                visible_unit_outcomes(tx.actor),\n",
        "",
        "explained unit",
    ),
    Break(
        f"{VERDICTS}.explaining:parts_of_target",
        "            visible_target_outcomes(tx.actor),\n",
        "",
        "explained",
        group="outside",
        world="parts",
    ),
    Break(f"{VERDICTS}.explaining:_read", "            visible_measurements(tx.actor),\n", "", "explained"),
    # over time, and by segment
    Break(f"{OUTCOMES}.gaps:gaps_of_targets", ", visible_target_outcomes(tx.actor)", "", "gaps"),
    Break(f"{OUTCOMES}.gaps:gaps_of_units", "visible_unit_outcomes(tx.actor)", "sa.true()", "gaps of units"),
    Break(f"{OUTCOMES}.series:series_of_targets", ", visible_target_outcomes(tx.actor)", "", "gaps"),
    Break(
        "vdept.measurements.series:readings_of", "            visible_measurements(tx.actor),\n", "", "series"
    ),
    Break(
        "vdept.measurements.series:readings_of",
        "            visible_measurements(tx.actor),\n",
        "",
        "gaps",
        group="outside",
    ),
    Break(
        f"{OUTCOMES}.access:plans_of_every_unit",
        ", Plan.id.not_in(milestones.scalar_subquery())",
        "",
        "segments",
    ),
    Break(f"{OUTCOMES}.access:plans_of_every_unit", "plans_seen_whole(actor)", "sa.true()", "segments"),
    # editions
    Break(
        f"{EDITIONS}.access:published_plans",
        "sa.or_(PUBLIC, plans_seen_whole(actor))",
        "sa.true()",
        "editions",
    ),
    Break(f"{EDITIONS}.access:published_plans", "PUBLIC, ", "", "editions", group="nobody"),
    Break(f"{EDITIONS}.queries:editions_of_plans", "visible_editions(tx.actor)", "sa.true()", "of plans"),
    Break(f"{EDITIONS}.queries:editions_by_ids", ", visible_editions(tx.actor)", "", "by number"),
    Break(
        f"{EDITIONS}.access:visible_requests",
        "Plan.issuer_unit_id.in_(sorted(actor.unit_ids)), ",
        "",
        "of plans",
    ),
    Break(f"{EDITIONS}.queries:requests_by_ids", ", visible_requests(tx.actor)", "", "by number"),
    # signals
    Break(
        f"{SIGNALS}.access:visible_signals", "actor.client_id is not None or ", "", "signals", group="client"
    ),
    Break(f"{SIGNALS}.access:visible_signals", " if seat.role in WORKING", "", "signals"),
    Break(
        f"{SIGNALS}.access:visible_signals",
        "sa.func.trim_array(Unit.path, 1)",
        "Unit.path",
        "signals",
        group="official",
    ),
    Break(
        f"{SIGNALS}.access:visible_signals",
        "if actor.public_unit_ids",
        "if False",
        "signals",
        group="official",
    ),
    Break(f"{SIGNALS}.access:visible_signals", ", visible_tasks(actor)", "", "signals", group="official"),
    Break(f"{SIGNALS}.queries:signals_by_ids", ", visible_signals(tx.actor)", "", "signal"),
    Break(
        f"{SIGNALS}.queries:SignalFilter.conditions",
        ", visible_plans(actor)",
        "",
        "signals",
        only="planId",
        group="official",
    ),
    # warnings of sources
    Break("vdept.warnings.access:visible_warnings", ", visible_sources(actor)", "", "warnings"),
    Break("vdept.warnings.access:visible_warnings", "visible_sources(actor)", "sa.false()", "warnings"),
    # focus
    Break(
        f"{FOCUS}.access:_of",
        "not actor.known or not actor.may(Scope.PLANS_READ)",
        "not actor.known",
        "focus",
        group="client",
    ),
    Break(f"{FOCUS}.access:_of", "plan_id.in_(whole)", "sa.true()", "focus"),
    Break(
        f"{FOCUS}.access:_of",
        "sa.or_(plan_id.in_(whole), own)",
        "plan_id.in_(whole)",
        "focus",
        group="outside",
    ),
    Break(f"{FOCUS}.queries:focus_of_units", ", visible_focus(tx.actor)", "", "focus"),
    Break(f"{FOCUS}.queries:focus_by_ids", ", visible_focus(tx.actor)", "", "by number"),
    Break(f"{FOCUS}.queries:nominations_page", ", visible_holdings(tx.actor)", "", "nominations"),
]


Ready = tuple[dict[str, tuple[Hunter, Place]], dict[str, Document]]


def _observes_what_came_in(s: Sight) -> bool:
    """Somebody observes a unit, into which something came and of which something was found."""
    watched = s.own - s.working
    came = {x.unit_id for x in s.world.intakes} & {x.unit_id for x in s.world.connectors}
    return bool(watched & came)


def _observes_what_was_found(s: Sight) -> bool:
    watched = s.own - s.working
    return any(x.unit_id in watched and not s.signal(x) for x in s.world.signals)


def _own_focus(s: Sight) -> bool:
    return any(s.focus(x) and not s.whole(s.world.get("plans", x.plan_id)) for x in s.world.focuses)


def _whole_with_milestones(s: Sight) -> bool:
    return any(s.whole(p) and not s.every_unit(p) and p.state != "DRAFT" for p in s.world.plans)


def _hidden_readings_of_a_seen_target(s: Sight) -> bool:
    """An outcome is seen, its reading is not."""
    seen = [t for t in s.world.targets if s.target_outcome(t)]
    return any(
        (m.unit_id, m.indicator_id) == (t.unit_id, t.indicator_id) and not s.measurement(m)
        for t in seen
        for m in s.world.measurements
    )


def _hidden_reading_of_a_seen_verdict(s: Sight) -> bool:
    read = {v.id: json.loads(v.inputs).get("measurement_id") for v in s.world.verdicts}
    return any(
        read[v.id] is not None and not s.measurement(s.world.get("measurements", read[v.id]))
        for v in s.world.verdicts
        if v.superseded_at is None and s.verdict(v)
    )


def _formerly_headed(s: Sight) -> bool:
    """Of a verdict's head the viewer knows the office that they held, and no longer the person."""
    return any(
        s.verdict(v) and s.membership(m) and not s.person(s.world.get("persons", m.person_id))
        for v, m in _tenures(s)
    )


def _headed_by_a_colleague(s: Sight) -> bool:
    """Of a verdict's head the viewer knows the person, and not that they headed the unit."""
    return any(
        s.verdict(v) and not s.membership(m) and s.person(s.world.get("persons", m.person_id))
        for v, m in _tenures(s)
    )


def _asked_for_by_others(s: Sight) -> bool:
    """An edition of a plan that they see whole is wished for, by the issuer's people."""
    plans = [s.world.get("plans", x.plan_id) for x in s.world.edition_requests if not s.edition_request(x)]
    return any(map(s.whole, plans))


def _hidden_part(s: Sight) -> bool:
    """What a target is made of is not all theirs to see."""
    parts = [t for t in s.world.targets if t.parent_id is not None and t.state != "WITHDRAWN"]
    return any(
        s.target_outcome(s.world.get("targets", t.parent_id)) and not s.target_outcome(t) for t in parts
    )


def _between_firms(seed: str) -> World:
    """One firm's targets go on to another, which no verb allows: whoever sees the whole sees no part of it.

    Where verbs keep to the tree, whoever sees a target sees what it is made of, and nothing would show.
    """
    world = make(seed)
    firms = {unit.id for unit in world.units if unit.beside}
    held = [t for t in world.targets if t.unit_id in firms and t.state != "WITHDRAWN"]
    for target in held:
        first = next(t for t in held if t.key_result_id == target.key_result_id)
        if target is not first and target.parent_id is not None:
            target.parent_id, target.level = first.id, first.level + 1
            target.assigned_by_unit_id = first.unit_id
    return world


def _parts(seed: str) -> bool:
    return any(map(_hidden_part, sights(_between_firms(seed), official=False)))


def _tenures(s: Sight) -> list[tuple[Verdict, Membership]]:
    return [
        (v, m)
        for v in s.world.verdicts
        if v.superseded_at is None
        for m in s.world.memberships
        if (m.person_id, m.unit_id, m.role) == (v.head_id, v.unit_id, "HEAD")
        and m.starts_on <= v.due_on
        and (m.ends_on is None or m.ends_on >= v.due_on)
    ]


def _part_of_a_plan(s: Sight) -> bool:
    """A part of a plan without milestones, of which firms would read every figure if they saw it whole."""
    having = {k.plan_id for k in s.world.key_results if k.rollup == "MILESTONE"}
    return any(s.plan(p) and not s.whole(p) and p.id not in having for p in s.world.plans)


def _outside(*needed: Callable[[Sight], bool]) -> Callable[[str], bool]:
    """A world in which there is each of these occasions for somebody who is only in firms."""

    def fits(seed: str) -> bool:
        world = make(seed)
        return all(any(map(has, sights(world, official=False))) for has in needed)

    return fits


def _finds_about_a_hidden_task(s: Sight) -> bool:
    """It is about a unit below, and a task that is not theirs to see."""
    tasks = [x for x in s.world.signals if x.task_id is not None]
    return any(s.above(x.unit_id) and not s.signal(x) for x in tasks)


def _finds_about_a_hidden_plan(s: Sight) -> bool:
    found = [x for x in s.world.signals if x.plan_id is not None and s.signal(x)]
    return any(not s.plan(s.world.get("plans", x.plan_id)) for x in found)


def _head_whose_tenure_ended(s: Sight) -> bool:
    return any(m.ends_on is not None and s.verdict(v) for v, m in _tenures(s))


def _official(*needed: Callable[[Sight], bool]) -> Callable[[str], bool]:
    """The same for somebody who is an official."""

    def fits(seed: str) -> bool:
        world = make(seed)
        return all(any(map(has, sights(world, official=True))) for has in needed)

    return fits


def _narrowed(seed: str) -> bool:
    """Apps without the scopes, of units that have a source, a focus and a signal."""
    world = make(seed)
    sights_ = [Sight(world, each.viewer) for each in _clients(world, Random(seed))]
    return all(
        any(has(s) for s in sights_)
        for has in (
            *(_without_values, _without_plans, _asks_for_signals),
            *(_milestone_without_tasks, _sees_sources_that_are_asked),
        )
    )


def _without_values(s: Sight) -> bool:
    return not s.viewer.may("measurements:read") and bool({x.unit_id for x in s.world.intakes} & s.working)


def _without_plans(s: Sight) -> bool:
    return not s.viewer.may("plans:read") and any(x.unit_id in s.own for x in s.world.focuses)


def _asks_for_signals(s: Sight) -> bool:
    return any(x.unit_id in s.working and x.task_id is None for x in s.world.signals)


def _sees_sources_that_are_asked(s: Sight) -> bool:
    """An app of a unit sees its sources, and not how they are asked."""
    asked = [s.world.get("sources", x.source_id) for x in s.world.connectors]
    return any(x.unit_id in s.working and s.source(x) for x in asked)


def _milestone_without_tasks(s: Sight) -> bool:
    having = {k.id for k in s.world.key_results if k.rollup == "MILESTONE"}
    return not s.viewer.may("tasks:read") and any(
        v.key_result_id in having and s.verdict(v) for v in s.world.verdicts
    )


WORLDS: dict[str, Callable[[str], bool]] = {
    "": _outside(
        *(_own_focus, _whole_with_milestones, _hidden_readings_of_a_seen_target, _part_of_a_plan),
        *(_asked_for_by_others, _hidden_reading_of_a_seen_verdict),
    ),
    "heads": _outside(_formerly_headed, _headed_by_a_colleague),
    "official": _official(
        *(_observes_what_came_in, _observes_what_was_found, _finds_about_a_hidden_task),
        *(_finds_about_a_hidden_plan, _head_whose_tenure_ended, _asked_for_by_others),
    ),
    "client": _narrowed,
    "parts": _parts,
}
AMENDED = {"parts": _between_firms}


@pytest.fixture(scope="module")
async def ready(servers: object, template: str) -> AsyncIterator[Ready]:
    compose = Composer(Random(1))
    documents = {name: compose.written(text) for name, text in ASKED.items()}
    by_number = "nodes(ids: $ids) { ... on Intake { id sha256 } ... on RejectedReading { id given } "
    by_number += "... on Edition { id note } ... on EditionRequest { id note } ... on Focus { id version } }"
    kinds = ("Intake", "RejectedReading", "Edition", "EditionRequest", "Focus")
    documents["by number"] = compose.written(by_number, kinds=kinds)
    async with settled(servers, template, WORLDS, documents, AMENDED) as places:
        yield places, documents


async def test_nothing_leaks_while_nothing_is_broken(ready: Ready) -> None:
    places, documents = ready
    for asked in documents.values():
        await by_everybody(list(places.values()), asked, rows=1)
        await questions(list(places.values()), 6, [asked])
    await by_everybody([places["parts"]], documents["explained"])


@pytest.mark.parametrize("case", BREAKS, ids=str)
async def test_a_broken_condition_of_what_is_judged_is_noticed(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, case: Break
) -> None:
    broken(monkeypatch, case.where, case.old, case.new)
    places, documents = ready
    chosen = case.world or case.group
    tried = [places[chosen]] if chosen and chosen in places else list(places.values())
    if case.group:
        tried = [(h, replace(p, readers=p.groups[case.group], groups={})) for h, p in tried]

    async def ask() -> None:
        await by_everybody(tried, documents[case.asked], case.only)
        await questions(tried, CHECKS, [documents[case.asked]], case.only)

    with pytest.raises(Leak):
        await ask()


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Conditions that are remembered from one call to the next are made anew while something is broken."""
    _visible_from.cache_clear()
    yield
    _visible_from.cache_clear()
