"""The leak hunt at the length of a test run; ``make hunt`` goes on for as long as wanted."""

import random
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from hunt.breaking import broken
from hunt.conftest import databases
from hunt.fields import FIELDS, KINDS
from hunt.hunter import Hunter, Leak, hunting
from hunt.making import make
from hunt.occasions import OCCASIONS
from hunt.policy import Sight, viewer_of
from hunt.twins import seen_part
from vdept_graphql.ids import NODES
from vdept_graphql.schema import engine

CHECKS = 500

WITHIN = {
    "PageInfo", "Milestone", "Reading", "StatusCounts", "TimelinessCounts", "OutcomeFigures",
    "GapHistory", "TargetSeries", "TargetLine", "SegmentOutcome", "GapChange", "TargetPoint", "PacePoint",
    "DeadlineLine", "ReminderStep", "UnreadOfKind", "WarningCount", "PlannedOccurrence",
}  # fmt: skip
"""Types of plain values: the hunt reads them with what they belong to."""


async def test_nothing_leaks(servers: Any, template: str) -> None:
    with databases(servers, template, 1) as (url,):
        async with hunting(url, "make test") as hunter:
            try:
                await hunter.hunt(CHECKS)
            except Leak as leak:
                raise await hunter.shrunk(leak) from None
            assert hunter.done >= CHECKS
            assert set(hunter.counts) == {"question", "walk", "twin", "wall"}


def test_the_hunt_knows_every_kind_of_node() -> None:
    assert set(KINDS) == set(NODES), "a new kind of node: teach hunt.answers, hunt.policy and hunt.world"


def test_the_hunt_follows_every_relation_of_the_contract() -> None:
    """A relation that the schema gains is a new way to what is hidden."""
    missing = []
    for name, kind in engine.core.type_map.items():
        if name.startswith("__") or name in WITHIN or not isinstance(kind, GraphQLObjectType):
            continue
        if name == "Mutation" or name.endswith(("Payload", "Connection", "Edge")) or not _read(name):
            continue
        for field, definition in kind.fields.items():
            below = get_named_type(definition.type)
            if not is_leaf_type(below) and below.name not in WITHIN and field not in FIELDS[name]:
                missing.append(f"{name}.{field}")
    assert missing == []


def _read(name: str) -> bool:
    """Whether the type can be reached by reading."""
    seen, todo = set[str](), ["Query"]
    while todo:
        here = todo.pop()
        kind = engine.core.type_map[here]
        if here in seen or not isinstance(kind, GraphQLObjectType):
            continue
        seen.add(here)
        todo += [get_named_type(field.type).name for field in kind.fields.values()]
    return name in seen


@pytest.mark.parametrize("seed", range(3))
def test_a_world_of_a_seed_is_always_the_same(seed: int) -> None:
    assert make(str(seed)).told() == make(str(seed)).told() != make(f"{seed}x").told()


async def test_a_leak_is_told_by_the_smallest_world_that_has_it(
    servers: Any, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sight, "indicator", lambda *_: False)  # a policy that hides what is shown
    with databases(servers, template, 1) as (url,):
        async with hunting(url, "to shrink", walls=False) as hunter:
            leak = await _first(hunter)
            assert leak.found is not None
            shrunk = await hunter.shrunk(leak, tries=40)
    assert (
        "expected null, got" in str(shrunk)
        or "expected 0, got" in str(shrunk)
        or "expected []" in str(shrunk)
    )
    assert len(str(shrunk)) < len(str(leak)) + len(leak.found.place.world.told()) / 2


async def _first(hunter: Hunter) -> Leak:
    with pytest.raises(Leak) as caught:
        await hunter.hunt(300)
    return caught.value


async def test_two_worlds_alike_to_a_reader_show_what_the_policy_did_not_think_of(
    servers: Any, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit that is in a plan by hidden tasks alone: a row of zeros, which policy and code both let pass."""
    whole = Sight.unit_outcome
    monkeypatch.setattr(
        Sight,
        "unit_outcome",
        lambda self, plan, unit, *, by_targets: whole(self, plan, unit, by_targets=True),
    )
    where = "vdept.outcomes.access:visible_unit_outcomes"
    broken(monkeypatch, where, ", sa.or_(unit_tasks_shown(actor), *targets)", "")
    with databases(servers, template, 1) as (url,):
        async with hunting(url, "twins", walls=False) as hunter:
            hunter.twin_documents = [each for each in hunter.twin_documents if "utcome" in each.text]
            with pytest.raises(Leak, match="what is hidden shows"):
                await _twins(hunter)


async def _twins(hunter: Hunter) -> None:
    """In worlds in which there is such a unit."""
    seeds = [f"twins/{number}" for number in range(200)]
    for number, seed in enumerate(each for each in seeds if OCCASIONS["tasks alone"](make(each))):
        place = await hunter.settle(seed)
        await hunter.twins(place, random.Random(number))


def test_what_a_reader_sees_of_a_world_is_seen_alike_in_the_part() -> None:
    """The seen part is closed: made of it again, it is the same."""
    for seed in range(5):
        world = make(f"part {seed}")
        for person in world.persons[:6]:
            viewer = viewer_of(world, person)
            part = seen_part(Sight(world, viewer))
            again = seen_part(Sight(part, viewer))
            assert again.told() == part.told()
