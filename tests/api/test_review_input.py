"""Hostile input over HTTP: forged cursors, endless digits, endless lists; every answer is named."""

import base64
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
import redis.asyncio

from api.conftest import Api, World
from api.test_plans_and_targets import issued
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept_graphql.app import create_app
from vdept_graphql.ids import encode


def forged(*parts: Any) -> str:
    """A cursor with these parts inside, as nobody was ever given one."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(parts))).decode().rstrip("=")


@pytest.fixture
async def spacious(db: Database, redis_url: str) -> AsyncIterator[Api]:
    """The API with the body size it has in service."""
    client = redis.asyncio.from_url(redis_url)
    app = create_app(Settings(), db, client)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Api(db, app, http)
    await client.aclose()


HUGE, NUL = 2**70, "a\x00b"
CURSORS = [
    ("units", "units.name", (NUL, 1)),
    ("units", "units.name", ("a", HUGE)),
    ("units", "units.name", ("a", -HUGE)),
    ("persons", "persons.name", ("a", HUGE)),
    ("indicators", "indicators.name", ("a", 2**63)),
    ("plans", "plans.newest", ("9999-12-31", HUGE)),
    ("plans", "plans.newest", ("0001-01-01", 1)),
    ("targets", "targets.assigned", (HUGE, 1)),
    ("targets", "targets.assigned", (2**40, 1)),
    ("tasks", "tasks.due", ("0001-01-01", HUGE)),
    ("tasks", "tasks.due", ("9999-12-31", 2**63 - 1)),
]


@pytest.mark.parametrize(("field", "name", "key"), CURSORS)
@pytest.mark.parametrize("end", ["after", "before"])
async def test_a_forged_cursor_is_refused_or_reads_on(
    api: Api, world: World, field: str, name: str, key: tuple[Any, ...], end: str
) -> None:
    query = f"query($c: String) {{ {field}({end}: $c) {{ totalCount }} }}"
    reply = await api.gql(query, {"c": forged(name, *key)}, world.administrator)
    assert reply.status == 200
    assert set(reply.codes) <= {"INVALID_CURSOR"}


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00"]
)
async def test_a_forged_instant_in_a_cursor_is_refused_or_reads_on(api: Api, world: World, at: str) -> None:
    query = "query($c: String) { tasks(orderBy: NEWEST_FIRST, after: $c) { totalCount } }"
    reply = await api.gql(query, {"c": forged("tasks.newest", at, 1)}, world.administrator)
    assert set(reply.codes) <= {"INVALID_CURSOR"}


@pytest.mark.parametrize(
    "number", ["1E+1000000", "1E-1000000", "NaN", "-Infinity", "1" * 200, "0." + "1" * 200]
)
async def test_a_forged_number_in_a_cursor_is_refused_or_reads_on(
    api: Api, world: World, number: str
) -> None:
    plan = (await issued(api, world))["plan"]
    query = "query($p: ID!, $c: String) { plan(id: $p) { unitOutcomes(after: $c) { totalCount } } }"
    cursor = forged("unit_outcomes.OWN.MEASURED_BEST_FIRST", number, 1)
    reply = await api.gql(query, {"p": plan, "c": cursor}, world.administrator)
    assert set(reply.codes) <= {"INVALID_CURSOR"}


@pytest.mark.parametrize("place", [(-1, 1), (2**64, 1), (1, HUGE), (0, -HUGE), (2**63, 2**63 - 1)])
async def test_a_forged_place_in_the_feed_is_refused_or_reads_on(
    api: Api, world: World, place: tuple[int, int]
) -> None:
    query = "query($c: String) { activities(after: $c) { nodes { verb } } }"
    reply = await api.gql(query, {"c": forged("activities", *place)}, world.administrator)
    assert set(reply.codes) <= {"INVALID_CURSOR"}


NUMBERS = [
    "0E-1000000",
    "-0",
    "1." + "0" * 20_000,
    "0." + "0" * 20_000,
    "0" * 20_000 + "1",
    "1E+17",
    "1E-6",
    "0.0000001",
    "123456789012345678.1234560000000000000000001",
    "1E+1000000",
    "1E-1000000",
    "  17.5  ",
    "१७",
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:12])
async def test_a_number_however_written_is_stored_exactly_or_refused(
    api: Api, world: World, number: str
) -> None:
    ids = await issued(api, world)
    given = {
        "indicatorId": ids["indicator"],
        "unitId": encode("Unit", world.hue.id),
        "basis": "REPORTED",
        "asOf": "2026-01-01",
        "numerator": number,
        "denominator": "100",
    }
    for mutation, input_ in (
        ("recordMeasurement", given),
        ("recordMeasurements", {"rows": [given]}),
    ):
        reply = await api.do(mutation, input_, world.hue_head, "")
        assert "INTERNAL_ERROR" not in reply.codes, reply.body
    bounds = {"name": "Chỉ số", "unitOfMeasure": "%", "minimum": number}
    reply = await api.do("createIndicator", bounds, world.prime, "indicator { minimum }")
    assert "INTERNAL_ERROR" not in reply.codes, reply.body


async def test_a_number_with_a_seventh_decimal_place_far_out_is_not_rounded_silently(
    api: Api, world: World
) -> None:
    bounds = {"name": "Chỉ số", "unitOfMeasure": "%", "minimum": "1.00000000000000000000000000000000000001"}
    reply = await api.do("createIndicator", bounds, world.prime, "indicator { minimum }")
    assert reply.codes == ["BAD_USER_INPUT"]


LONG = 40_000
LISTS = [
    ("units", "UnitFilter", {"codes": ["1"] * LONG}),
    ("units", "UnitFilter", {"codes": [str(n) for n in range(LONG)]}),
    ("units", "UnitFilter", {"kinds": ["FIRM"] * LONG}),
    ("plans", "PlanFilter", {"codes": [str(n) for n in range(LONG)]}),
    ("plans", "PlanFilter", {"states": ["DRAFT"] * LONG}),
    ("indicators", "IndicatorFilter", {"codes": [str(n) for n in range(LONG)]}),
    ("targets", "TargetFilter", {"kinds": ["FIRM"] * LONG}),
    ("targets", "TargetFilter", {"states": ["ACTIVE"] * LONG}),
    ("tasks", "TaskFilter", {"states": ["OPEN"] * LONG}),
    ("tasks", "TaskFilter", {"kinds": ["DEEP"] * LONG}),
    ("tasks", "TaskFilter", {"timeliness": ["DONE_LATE"] * LONG}),
    ("tasks", "TaskFilter", {"text": "a " * LONG}),
]


@pytest.mark.parametrize(
    ("field", "kind", "which"), LISTS, ids=lambda value: value if isinstance(value, str) else "-".join(value)
)
async def test_a_filter_with_an_endless_list_is_answered_or_refused(
    spacious: Api, world: World, field: str, kind: str, which: dict[str, Any]
) -> None:
    query = f"query($f: {kind}) {{ {field}(filter: $f) {{ totalCount }} }}"
    reply = await spacious.gql(query, {"f": which}, world.administrator)
    assert reply.status == 200
    assert set(reply.codes) <= {"TOO_MANY_ITEMS"}, reply.codes


async def test_outcome_filters_with_endless_lists_are_answered(spacious: Api, world: World) -> None:
    plan = (await issued(spacious, world))["plan"]
    query = """query($p: ID!, $f: UnitOutcomeFilter, $t: TargetOutcomeFilter) { plan(id: $p) {
        unitOutcomes(filter: $f) { totalCount } keyResults { outcomes(filter: $t) { totalCount } } } }"""
    which = {"statuses": ["MET"] * LONG, "kinds": ["FIRM"] * LONG}
    reply = await spacious.gql(query, {"p": plan, "f": which, "t": which}, world.administrator)
    assert set(reply.codes) <= {"TOO_MANY_ITEMS"}, reply.codes


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "{ me { id } }", "variables": {"a": "\\ud800"}}',
        b'{"query": "query($c: String) { unit(code: $c) { id } }", "variables": {"c": "\\ud800"}}',
        b'{"query": "query($c: String) { unit(code: $c) { id } }", "variables": {"c": "\\udc00\\ud800"}}',
        b'{"query": "{ unit(code: \\"\\\\ud800\\") { id } }"}',
        b'{"query": "query($a: ID = ' + b"1" * 5_000 + b') { unit(id: $a) { id } }"}',
        b'{"query": "{ units(first: ' + b"1" * 5_000 + b') { totalCount } }"}',
        b'{"query": "query($a: Int = ' + b"1" * 5_000 + b') { units(first: $a) { totalCount } }"}',
        b'{"query": "query($a: Int) { units(first: $a) { totalCount } }", "variables": {"a": '
        + b"1" * 5_000
        + b"}}",
        b'{"query": "query($a: Int) { units(first: $a) { totalCount } }", "variables": {"a": 1e400}}',
        b'{"query": "query($a: Int) { units(first: $a) { totalCount } }", "variables": {"a": 1.5}}',
        b'{"query": "query($a: ID) { unit(id: $a) { id } }", "variables": {"a": 1e400}}',
        b'{"query": "query($a: ID) { unit(id: $a) { id } }", "variables": {"a": ' + b"1" * 5_000 + b"}}",
    ],
    ids=range(12),
)
async def test_odd_texts_and_numbers_in_a_body_are_refused_by_name(
    api: Api, world: World, body: bytes
) -> None:
    reply = await api.post(body, world.administrator)
    assert reply.status in {200, 400}
    assert "INTERNAL_ERROR" not in reply.codes, reply.body


async def test_odd_bytes_in_an_address_are_refused_by_name(api: Api, world: World) -> None:
    token = await api.token(world.administrator)
    query = quote("query($c: String) { unit(code: $c) { id } }")
    for variables in (
        "%7B%22c%22:%22%ED%A0%80%22%7D",
        "%FF",
        "%7B%22c%22:%22%00%22%7D",
        quote('{"c": "\\ud800"}'),
    ):
        answer = await api.http.get(
            f"/graphql?query={query}&variables={variables}", headers={"authorization": f"Bearer {token}"}
        )
        assert answer.status_code in {200, 400}, variables
        assert "INTERNAL_ERROR" not in answer.text, variables


async def test_a_day_is_written_one_way_only(api: Api, world: World) -> None:
    for day in ("2026-W01-1", "20260101", "2026-1-01", "2026-02-30", "0000-01-01"):
        reply = await api.gql(
            "query($d: Date) { units(filter: {validOn: $d}) { totalCount } }", {"d": day}, world.prime
        )
        assert reply.codes == ["BAD_USER_INPUT"], day


async def test_the_first_and_the_last_day_of_time_are_only_days(api: Api, world: World) -> None:
    for day in ("0001-01-01", "9999-12-31"):
        query = """query($d: Date) {
            units(filter: {validOn: $d}) { totalCount nodes { memberships(on: $d) { totalCount } } }
            tasks(filter: {dueFrom: $d, dueTo: $d, overdue: true}) { totalCount }
            plans(filter: {on: $d}) { totalCount }
            targets(filter: {dueFrom: $d, dueTo: $d}) { totalCount } }"""
        assert (await api.gql(query, {"d": day}, world.administrator)).codes == []
