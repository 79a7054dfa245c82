"""Measurements over the API: measured and reported side by side, corrected, recorded in bulk."""

from datetime import timedelta
from decimal import Decimal

from api.conftest import Api, World
from api.plans_scene import TODAY, done, issued, rows
from factories import SYSTEM
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.measurements.models import Measurement
from vdept.measurements.recording import record
from vdept.targets.models import Basis
from vdept_graphql.ids import decode, encode


async def test_values_are_measured_reported_and_corrected_side_by_side(
    api: Api, world: World, db: Database
) -> None:
    ids = await issued(api, world)
    about = {
        "indicatorId": ids["indicator"],
        "unitId": encode("Unit", world.hue.id),
        "asOf": str(TODAY - timedelta(days=1)),
    }
    select = "measurement { id value numerator denominator basis recordedBy { id } }"
    reported = await done(
        api,
        "recordMeasurement",
        {**about, "basis": "REPORTED", "numerator": "30", "denominator": 100},
        world.hue_head,
        select,
    )
    assert reported["measurement"]["value"] == "30"
    typed = await api.do(
        "recordMeasurement",
        {**about, "basis": "MEASURED", "source": "LGSP", "numerator": "17", "denominator": "100"},
        world.hue_head,
        select,
    )
    assert typed.refused("recordMeasurement") == [("MEASURED_NEEDS_SOURCE", ["basis"])]
    async with db.begin(SYSTEM, now=utc_now()) as tx:
        await record(
            tx,
            decode(ids["indicator"], "Indicator", "id"),
            world.hue.id,
            basis=Basis.MEASURED,
            as_of=TODAY,
            numerator=Decimal(17),
            denominator=Decimal(100),
            source="LGSP",
        )
    over = await api.do(
        "correctMeasurement",
        {"measurementId": encode("Measurement", 2), "numerator": "30", "denominator": "100"},
        world.hue_head,
        select,
    )
    assert over.refused("correctMeasurement") == [("MEASURED_NEEDS_SOURCE", ["measurementId"])]
    zero = await api.do(
        "recordMeasurement",
        {**about, "basis": "REPORTED", "numerator": "1", "denominator": "0"},
        world.hue_head,
        select,
    )
    assert [path for _, path in zero.refused("recordMeasurement")] == [["denominator"]]
    stranger = await api.do(
        "recordMeasurement",
        {**about, "basis": "REPORTED", "numerator": "1", "denominator": "2"},
        world.danang_head,
        select,
    )
    assert [code for code, _ in stranger.refused("recordMeasurement")] == ["FORBIDDEN"]
    assert await rows(db, Measurement) == 2
    right = await done(
        api,
        "correctMeasurement",
        {"measurementId": reported["measurement"]["id"], "numerator": "29", "denominator": "100"},
        world.hue_head,
        "measurement { value supersedes { value } }",
    )
    assert right["measurement"] == {"value": "29", "supersedes": {"value": "30"}}
    listed = await api.gql(
        """query($unit: ID!, $indicator: ID!) {
          all: measurements(unitId: $unit, indicatorId: $indicator) {
            totalCount nodes { value basis supersededBy { value } } }
          current: measurements(unitId: $unit, indicatorId: $indicator, basis: MEASURED, currentOnly: true) {
            totalCount nodes { value } } }""",
        {"unit": about["unitId"], "indicator": ids["indicator"]},
        world.hue_head,
    )
    assert listed.data["all"]["totalCount"] == 3
    assert {(n["value"], (n["supersededBy"] or {}).get("value")) for n in listed.data["all"]["nodes"]} == {
        ("17", None),
        ("29", None),
        ("30", "29"),
    }
    assert listed.data["current"] == {"totalCount": 1, "nodes": [{"value": "17"}]}


async def test_many_values_are_recorded_all_or_only_the_good_ones(
    api: Api, world: World, db: Database
) -> None:
    ids = await issued(api, world)
    row = {
        "indicatorId": ids["indicator"],
        "unitId": encode("Unit", world.hue.id),
        "basis": "REPORTED",
        "numerator": "1",
    }
    good = [{**row, "asOf": str(TODAY - timedelta(days=d)), "denominator": "4"} for d in range(1, 51)]
    bad = [*good, {**row, "asOf": str(TODAY), "denominator": "0"}]
    none = await api.do("recordMeasurements", {"rows": bad}, world.hue_head, "count")
    assert [path for _, path in none.refused("recordMeasurements")] == [["rows", "50", "denominator"]]
    assert await rows(db, Measurement) == 0
    some = await done(
        api,
        "recordMeasurements",
        {"rows": bad, "skipBad": True, "idempotencyKey": "bulk"},
        world.hue_head,
        "count bad refusals { path }",
    )
    assert some == {
        "count": 50,
        "bad": 1,
        "refusals": [{"path": ["rows", "50", "denominator"]}],
        "errors": [],
    }
    again = await done(
        api,
        "recordMeasurements",
        {"rows": bad, "skipBad": True, "idempotencyKey": "bulk"},
        world.hue_head,
        "count bad refusals { path }",
    )
    assert again == some
    assert await rows(db, Measurement) == 50
