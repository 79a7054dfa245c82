"""Charts, histories of gaps and segments over the API: what they show, to whom, and at what cost."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

import factories as make
from api.conftest import Api, World
from factories import NOW, SYSTEM
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.measurements.models import Measurement
from vdept.outcomes import gaps
from vdept.outcomes.refresh import refresh
from vdept.targets.changes import target_changed
from vdept.targets.models import Audience, Basis, Direction, Rollup
from vdept.units.models import Segment, Unit
from vdept_graphql.ids import encode

VALUES = {"2026-01-10": 5, "2026-01-25": 9, "2026-02-20": 17}


@dataclass
class Scene:
    """A key result from 0 to 60 with a milestone; the government, Huế, Đà Nẵng and the firm hold it."""

    plan: str
    indicator: str
    targets: dict[int, str]


@pytest.fixture
async def scene(db: Database, world: World) -> Scene:
    holders = [world.hue, world.danang, world.firm]
    async with db.begin(SYSTEM, now=NOW) as tx:
        plan = await make.plan(tx, world.government, audience=Audience.GOVERNMENT)
        what = await make.indicator(tx, ratio=False, unit_of_measure="km")
        key_result = await make.key_result(
            tx,
            plan,
            what,
            rollup=Rollup.MEAN,
            baseline=Decimal(0),
            milestones=[{"by": "2026-06-30", "value": "15"}],
        )
        root = await make.target(tx, key_result, world.government)
        targets = [root, *[await make.target(tx, key_result, unit, root) for unit in holders]]
        for unit in holders:
            for day, number in VALUES.items():
                tx.session.add(reading(what.id, unit, date.fromisoformat(day), number))
            tx.session.add(reading(what.id, unit, date(2026, 2, 25), 30, Basis.REPORTED))
        (await tx.session.get_one(Unit, world.hue.id)).segments = [Segment.MOUNTAINOUS]
        await tx.session.flush()
        await target_changed(tx, plan.id, [t.id for t in targets])
    await refresh(db, now=NOW)
    await gaps.keep(db, now=NOW)
    return Scene(
        encode("Plan", plan.id),
        encode("Indicator", what.id),
        {t.unit_id: encode("Target", t.id) for t in targets},
    )


def reading(
    indicator_id: int, unit: Unit, as_of: date, number: int, basis: Basis = Basis.MEASURED
) -> Measurement:
    return Measurement(
        indicator_id=indicator_id,
        unit_id=unit.id,
        basis=basis,
        as_of=as_of,
        value=Decimal(number),
        source="test",
        recorded_at=NOW,
    )


INDICATOR = """query($indicator: ID!, $units: [ID!]!, $from: Date, $to: Date, $every: SeriesPeriod!) {
  indicatorSeries(indicatorId: $indicator, unitIds: $units, from: $from, to: $to, every: $every) {
    unit { name } from to every coarsened points { periodStart asOf value numerator denominator count } } }"""
YEAR = {"from": "2026-01-01", "to": "2026-12-31"}


async def series(
    api: Api, scene: Scene, units: list[Unit], as_: Actor, every: str = "MONTH", **when: str
) -> Any:
    ids = [encode("Unit", unit.id) for unit in units]
    asked = {"indicator": scene.indicator, "units": ids, "every": every, **(when or YEAR)}
    return await api.gql(INDICATOR, asked, as_)


async def test_an_indicator_is_charted_unit_by_unit(api: Api, world: World, scene: Scene) -> None:
    hue, ministry = (await series(api, scene, [world.hue, world.ministry], world.minister)).data[
        "indicatorSeries"
    ]
    assert hue == {
        "unit": {"name": "Thành phố Huế"},
        "from": "2026-01-01",
        "to": "2026-12-31",
        "every": "MONTH",
        "coarsened": False,
        "points": [
            {
                "periodStart": start,
                "asOf": as_of,
                "value": value,
                "numerator": None,
                "denominator": None,
                "count": count,
            }
            for start, as_of, value, count in (
                ("2026-01-01", "2026-01-25", "9", 2),
                ("2026-02-01", "2026-02-20", "17", 1),
            )
        ],
    }
    assert ministry["points"] == []


async def test_a_firm_s_people_are_shown_their_own_line_only(api: Api, world: World, scene: Scene) -> None:
    reply = await series(api, scene, [world.hue, world.firm], world.firm_head)
    assert [len(line["points"]) for line in reply.data["indicatorSeries"]] == [0, 2]


async def test_too_fine_a_period_is_coarsened_and_the_answer_says_so(
    api: Api, world: World, scene: Scene
) -> None:
    reply = await series(
        api, scene, [world.hue], world.minister, "DAY", **{"from": "2024-01-01", "to": "2026-12-31"}
    )
    [line] = reply.data["indicatorSeries"]
    assert (line["every"], line["coarsened"], len(line["points"])) == ("WEEK", True, 3)


@pytest.mark.parametrize(
    ("units", "when", "code", "path"),
    [
        (51, YEAR, "TOO_MANY_ITEMS", ["unitIds"]),
        (1, {"from": "2026-02-01", "to": "2026-01-01"}, "PERIOD_INVERTED", ["from"]),
        (1, {"from": "0001-01-01", "to": "2026-01-01"}, "PERIOD_TOO_LONG", ["from"]),
    ],
)
async def test_what_cannot_be_charted_is_refused_by_name(
    api: Api, world: World, scene: Scene, units: int, when: dict[str, str], code: str, path: list[str]
) -> None:
    reply = await series(api, scene, [world.hue] * units, world.minister, **when)
    assert reply.codes == [code]
    assert reply.body["errors"][0]["extensions"]["path"] == path


async def test_a_target_of_the_wrong_kind_of_id_is_refused(api: Api, world: World, scene: Scene) -> None:
    asked = {"indicator": scene.indicator, "units": [scene.plan], "every": "MONTH", **YEAR}
    assert (await api.gql(INDICATOR, asked, world.minister)).codes == ["INVALID_ID"]


TARGET = """query($id: ID!, $every: SeriesPeriod!, $from: Date, $to: Date) { target(id: $id) {
  series(every: $every, from: $from, to: $to) {
    from to every coarsened ofChildren baseline goal goalHigh
    measured { origin points { periodStart onDay value count } } reported { origin points { onDay value } }
    pace { onDay expected value milestone } }
  gapHistory { hasEarlier changes { onDay measured reported gap gapPoints } }
  outcome { gap gapPoints } } }"""


async def test_a_target_is_charted_beside_its_pace_through_the_milestone(
    api: Api, world: World, scene: Scene
) -> None:
    asked = {"id": scene.targets[world.hue.id], "every": "QUARTER"}
    target = (await api.gql(TARGET, asked, world.observer)).data["target"]
    assert target["series"] == {
        "from": "2026-01-01",
        "to": "2026-12-31",
        "every": "QUARTER",
        "coarsened": False,
        "ofChildren": False,
        "baseline": "0",
        "goal": "60",
        "goalHigh": None,
        "measured": {
            "origin": "READINGS",
            "points": [{"periodStart": "2026-01-01", "onDay": "2026-02-20", "value": "17", "count": 3}],
        },
        "reported": {"origin": "READINGS", "points": [{"onDay": "2026-02-25", "value": "30"}]},
        "pace": [
            {"onDay": "2026-01-01", "expected": "0", "value": "0", "milestone": False},
            {"onDay": "2026-04-01", "expected": "0.125", "value": "7.5", "milestone": False},
            {"onDay": "2026-06-30", "expected": "0.25", "value": "15", "milestone": True},
            {"onDay": "2026-07-01", "expected": "0.254076", "value": "15.24456", "milestone": False},
            {"onDay": "2026-10-01", "expected": "0.629076", "value": "37.74456", "milestone": False},
            {"onDay": "2026-12-31", "expected": "1", "value": "60", "milestone": False},
        ],
    }
    assert target["outcome"] == {"gap": "13", "gapPoints": "21.6667"}
    assert target["gapHistory"] == {
        "hasEarlier": False,
        "changes": [
            {"onDay": "2026-03-02", "measured": "17", "reported": "30", "gap": "13", "gapPoints": "21.6667"}
        ],
    }


async def test_a_firm_is_shown_neither_series_nor_history_of_others(
    api: Api, world: World, scene: Scene
) -> None:
    reply = await api.gql(TARGET, {"id": scene.targets[world.hue.id], "every": "MONTH"}, world.firm_head)
    assert reply.data["target"] is None
    own = await api.gql(TARGET, {"id": scene.targets[world.firm.id], "every": "MONTH"}, world.firm_head)
    assert own.data["target"]["series"]["measured"]["origin"] == "READINGS"
    query = "query($u: ID!, $p: ID!) { unit(id: $u) { gapHistory(planId: $p) { changes { gapPoints } } } }"
    for unit, seen in ((world.hue, None), (world.firm, {"changes": [{"gapPoints": "21.6667"}]})):
        asked = {"u": encode("Unit", unit.id), "p": scene.plan}
        assert (await api.gql(query, asked, world.firm_head)).data["unit"]["gapHistory"] == seen


LISTS = """query($plan: ID!, $targets: Int!, $units: Int!, $from: Date!) {
  targets(first: $targets, filter: {planId: $plan}) { nodes {
    series { every } gapHistory(from: $from) { changes { onDay } } } }
  plan(id: $plan) { unitOutcomes(first: $units) { nodes { gapHistory(to: $from) { changes { onDay } } } }
    segmentOutcomes { units } } }"""


async def test_a_list_of_charts_takes_as_many_statements_as_one(api: Api, world: World, scene: Scene) -> None:
    sent = []
    for many in (1, 4):
        asked = {"plan": scene.plan, "targets": many, "units": many, "from": "2026-03-02"}
        data, statements = await api.measured(LISTS, asked, world.minister)
        assert len([one for one in data["targets"]["nodes"] if one["gapHistory"]["changes"]]) == many
        sent.append(statements)
    assert sent[0] == sent[1]


SEGMENTS = """query($id: ID!, $filter: SegmentOutcomeFilter) { plan(id: $id) {
  segmentOutcomes(filter: $filter) { segment units binding bindingMet
  attainment measuredAttainment reportedAttainment gapPoints
  targets { onTrack total } } } }"""


async def test_a_plan_is_read_by_segment(api: Api, world: World, scene: Scene) -> None:
    rows = (await api.gql(SEGMENTS, {"id": scene.plan}, world.commune_head)).data["plan"]["segmentOutcomes"]
    assert [(row["segment"], row["units"]) for row in rows] == [
        ("DISADVANTAGED", 0),
        ("RURAL", 0),
        ("MOUNTAINOUS", 1),
        ("BORDER", 0),
        ("ISLAND", 0),
        (None, 3),
    ]
    assert rows[2] == {
        "segment": "MOUNTAINOUS",
        "units": 1,
        "binding": 1,
        "bindingMet": 0,
        "attainment": "0.283333",
        "measuredAttainment": "0.283333",
        "reportedAttainment": "0.5",
        "gapPoints": "21.6667",
        "targets": {"onTrack": 1, "total": 1},
    }
    firms = {"id": scene.plan, "filter": {"kinds": ["FIRM"]}}
    rows = (await api.gql(SEGMENTS, firms, world.minister)).data["plan"]["segmentOutcomes"]
    assert [row["units"] for row in rows] == [0, 0, 0, 0, 0, 1]
    hidden = (await api.gql(SEGMENTS, {"id": scene.plan}, world.firm_head)).data["plan"]
    assert hidden == {"segmentOutcomes": None}


SET = "updated unchanged bad refusals { code path }"


async def test_units_are_placed_and_every_list_is_read_for_their_segment(
    api: Api, world: World, scene: Scene
) -> None:
    ids = [encode("Unit", unit.id) for unit in (world.danang, world.firm)]
    given: dict[str, Any] = {"unitIds": ids, "add": ["BORDER"], "skipBad": True, "idempotencyKey": "b"}
    for _ in range(2):  # the second is answered from memory
        reply = await api.do("setUnitSegments", given, world.prime, SET)
        assert reply.data["setUnitSegments"] == {
            "updated": 1,
            "unchanged": 0,
            "bad": 1,
            "refusals": [{"code": "FORBIDDEN", "path": ["unitIds", "1"]}],
            "errors": [],
        }
    lists = """query($plan: ID!, $in: [Segment!]!) {
      units(filter: {segments: $in}) { nodes { name segments } }
      targets(filter: {segments: $in}) { nodes { unit { name } } }
      plan(id: $plan) { unitOutcomes(filter: {segments: $in}) { nodes { unit { name } } }
        keyResults { outcomes(filter: {segments: $in}, orderBy: GAP_POINTS_WIDEST_FIRST) {
          nodes { unit { name } } } } } }"""
    data = (await api.gql(lists, {"plan": scene.plan, "in": ["BORDER", "ISLAND"]}, world.minister)).data
    one = {"nodes": [{"unit": {"name": "Thành phố Đà Nẵng"}}]}
    assert data == {
        "units": {"nodes": [{"name": "Thành phố Đà Nẵng", "segments": ["BORDER"]}]},
        "targets": one,
        "plan": {"unitOutcomes": one, "keyResults": [{"outcomes": one}]},
    }


async def test_more_units_than_one_act_may_place_are_refused(api: Api, world: World) -> None:
    ids = [encode("Unit", world.hue.id)] * 5_001
    reply = await api.do("setUnitSegments", {"unitIds": ids, "add": ["RURAL"]}, world.prime, SET)
    assert reply.refused("setUnitSegments") == [("TOO_MANY_ITEMS", ["unitIds"])]


async def test_targets_of_an_indicator_whose_low_values_are_good_are_ranked_by_points(
    api: Api, db: Database, world: World
) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        plan = await make.plan(tx, world.government)
        what = await make.indicator(tx, ratio=False, direction=Direction.AT_MOST)
        key_result = await make.key_result(
            tx, plan, what, rollup=Rollup.OWN, value=Decimal(10), baseline=Decimal(110)
        )
        targets = [await make.target(tx, key_result, unit) for unit in (world.hue, world.danang)]
        for unit, measured, reported in ((world.hue, 80, 60), (world.danang, 60, 65)):
            tx.session.add(reading(what.id, unit, date(2026, 2, 1), measured))
            tx.session.add(reading(what.id, unit, date(2026, 2, 1), reported, Basis.REPORTED))
        await tx.session.flush()
        await target_changed(tx, plan.id, [t.id for t in targets])
    await refresh(db, now=NOW)
    query = """query($id: ID!) { node(id: $id) { ... on KeyResult {
      outcomes(orderBy: GAP_POINTS_WIDEST_FIRST) { nodes { unit { name } gap gapPoints } } } } }"""
    nodes = (await api.gql(query, {"id": encode("KeyResult", key_result.id)}, world.minister)).data["node"]
    assert [(n["unit"]["name"], n["gap"], n["gapPoints"]) for n in nodes["outcomes"]["nodes"]] == [
        ("Thành phố Huế", "-20", "20"),
        ("Thành phố Đà Nẵng", "5", "-5"),
    ]
