"""Verdicts over GraphQL: their inputs, whose they are, who sees what; and how a figure came about."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import factories as make
from api.conftest import Api
from core.test_verdicts import DUE, LATER, NEXT, head_until, intake_of, judge, ratio_of, record, verdicts
from factories import SYSTEM
from vdept.kernel.actor import Role
from vdept.outcomes.models import TargetOutcome, UnitOutcome
from vdept.people.actors import actor_for
from vdept.targets.models import Audience, Basis, Rollup
from vdept_graphql.ids import encode
from warnings_scene import Scene, build

VERDICT = """query($id: ID!) { verdict(id: $id) {
  subject judgement number dueOn evaluatedOn value goal issuedAt supersededAt
  inputs { basis used numerator denominator asOf measured reported goalHigh direction baseline rollup binding
    atRiskPoints offTrackPoints childrenCount childrenMet taskWeight verifiedWeight
    targets targetsMet targetsNotMet bindingCount bindingMet unmet { id } }
  source { name recordedAt receivedAt sha256 measurement { value } }
  unit { name } target { id } keyResult { id } plan { id }
  head { since person { id } } supersedes { number judgement }
} }"""
LIST = "nodes { id subject judgement number head { person { name } } supersedes { id } unit { name } }"
EXPLAIN = """query($target: ID, $plan: ID, $unit: ID, $first: Int, $after: String) {
  explainOutcome(targetId: $target, planId: $plan, unitId: $unit) {
    value attainment expected status addsUp evaluatedOn
    lines { kind sentence value on }
    target { id } unit { name } plan { id } measurement { value } verdicts { judgement }
    parts(first: $first, after: $after) {
      totalCount pageInfo { hasNextPage endCursor }
      nodes { value numerator denominator weight meets status adds over target { unit { name } } }
    }
  }
}"""


@pytest.fixture
async def scene(api: Api) -> Scene:
    return await build(api.database)


def verdict_id(number: int) -> str:
    return encode("Verdict", number)


async def test_a_verdict_tells_everything_it_rests_on(api: Api, scene: Scene) -> None:
    target = await scene.add_target("north", of=await ratio_of(scene, Basis.MEASURED), due_on=DUE)
    async with scene.db.begin(SYSTEM, now=None) as tx:
        intake = await intake_of(tx, scene)
        await record(tx, target, DUE, "62.4", parts=("624", "1000"), intake_id=intake.id)
    await judge(scene, NEXT)
    row = (await verdicts(scene))[0]
    seen = (await api.gql(VERDICT, {"id": verdict_id(row.id)}, scene.heads["north"])).data["verdict"]
    assert (seen["subject"], seen["judgement"], seen["number"]) == ("TARGET", "NOT_MET", 1)
    assert (seen["value"], seen["goal"], seen["dueOn"], seen["supersededAt"]) == (
        "62.4",
        "100",
        str(DUE),
        None,
    )
    inputs = {name: value for name, value in seen["inputs"].items() if value not in (None, [])}
    assert inputs == {
        "basis": "MEASURED",
        "used": "MEASURED",
        "numerator": "624",
        "denominator": "1000",
        "asOf": str(DUE),
        "measured": "62.4",
        "direction": "AT_LEAST",
        "baseline": "10",
        "rollup": "RATIO",
        "binding": True,
        "atRiskPoints": "10",
        "offTrackPoints": "25",
    }
    assert (seen["source"]["name"], seen["source"]["sha256"]) == ("Cổng dịch vụ công", "ab" * 32)
    assert seen["source"]["measurement"] == {"value": "62.4"}
    assert seen["head"] == {
        "since": "2000-01-01",
        "person": {"id": encode("Person", scene.heads["north"].person_id or 0)},
    }
    assert (seen["unit"]["name"], seen["target"]["id"]) == ("Sa Pa", encode("Target", target.id))


async def test_a_units_verdict_counts_and_names_what_it_did_not_meet(api: Api, scene: Scene) -> None:
    target = await scene.add_target("north", due_on=DUE)
    await judge(scene, NEXT)
    *_, row = await verdicts(scene)
    seen = (await api.gql(VERDICT, {"id": verdict_id(row.id)}, scene.heads["north"])).data["verdict"]
    inputs = seen["inputs"]
    assert (inputs["targets"], inputs["targetsNotMet"], inputs["bindingCount"]) == (1, 1, 1)
    assert inputs["unmet"] == [{"id": encode("Target", target.id)}]
    assert (inputs["binding"], seen["target"], seen["source"]) == (None, None, None)


async def test_a_target_shows_the_one_that_counts_and_then_the_past(api: Api, scene: Scene) -> None:
    target = await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "90")
    await judge(scene, NEXT)
    await scene.measure("north", DUE, "100")
    await judge(scene, LATER)
    query = """query($id: ID!) { target(id: $id) {
      outcome { verdict } verdicts { number judgement supersededAt supersedes { number judgement } } } }"""
    reply = await api.gql(query, {"id": encode("Target", target.id)}, scene.heads["north"])
    seen = reply.data["target"]
    assert seen["outcome"] == {"verdict": "MET"}
    assert [(one["number"], one["judgement"]) for one in seen["verdicts"]] == [(2, "MET"), (1, "NOT_MET")]
    assert seen["verdicts"][0]["supersedes"] == {"number": 1, "judgement": "NOT_MET"}
    assert seen["verdicts"][1]["supersededAt"] is not None


async def test_lists_of_a_plan_and_of_a_unit_are_filtered(api: Api, scene: Scene) -> None:
    for name in ("province", "north", "firm"):
        await scene.add_target(name, due_on=DUE)
    await scene.measure("north", DUE, "100")
    await judge(scene, NEXT)
    query = f"""query($plan: ID!, $unit: ID!, $filter: VerdictFilter) {{
      plan(id: $plan) {{ verdicts(filter: $filter) {{ totalCount {LIST} }} }}
      unit(id: $unit) {{ verdicts(planId: $plan, filter: $filter) {{ totalCount }} }} }}"""
    ids = {"plan": encode("Plan", scene.plan.id), "unit": encode("Unit", scene.units["north"].id)}

    async def counts(**which: Any) -> tuple[int, int]:
        data = (await api.gql(query, {**ids, "filter": which}, scene.heads["nation"])).data
        return data["plan"]["verdicts"]["totalCount"], data["unit"]["verdicts"]["totalCount"]

    assert await counts() == (6, 2)
    assert await counts(judgement="NOT_MET") == (4, 0)
    assert await counts(subject="UNIT", judgement="MET") == (1, 1)
    assert await counts(kinds=["FIRM"]) == (2, 0)
    assert await counts(belowId=encode("Unit", scene.units["province"].id)) == (2, 2)
    assert await counts(segments=["MOUNTAINOUS"]) == (0, 0)
    assert await counts(dueFrom=str(NEXT)) == (0, 0)
    assert await counts(dueTo=str(DUE)) == (6, 2)
    assert await counts(superseded=True) == (0, 0)
    assert await counts(superseded=None) == (6, 2)


async def test_a_heads_page_has_the_verdicts_of_their_tenure_only(api: Api, scene: Scene) -> None:
    early = await scene.add_key_result()
    await scene.add_target("north", of=early, due_on=date(2026, 3, 31))
    await scene.add_target("north", due_on=DUE)
    first = scene.heads["north"].person_id
    async with scene.db.begin(SYSTEM) as tx:
        await head_until(tx, first, date(2026, 4, 30))
        second = await make.person(tx, "Trần Thị Hai")
        await make.membership(tx, second, scene.units["north"], Role.HEAD, date(2026, 5, 1))
        both = await actor_for(tx.session, second, tx.today)
    await judge(scene, NEXT)
    query = """query($id: ID!) { person(id: $id) {
      verdicts { nodes { subject dueOn } }
      verdictCounts { targetsMet targetsNotMet unitsMet unitsNotMet } } }"""
    for person_id, dues, counts in (
        (first, [("TARGET", "2026-03-31")], (0, 1, 0, 0)),
        (second.id, [("UNIT", str(DUE)), ("TARGET", str(DUE))], (0, 1, 0, 1)),
    ):
        reply = await api.gql(query, {"id": encode("Person", person_id or 0)}, both)
        page = reply.data["person"]
        assert [(one["subject"], one["dueOn"]) for one in page["verdicts"]["nodes"]] == dues
        assert tuple(page["verdictCounts"].values()) == counts


async def test_a_firm_sees_its_own_verdicts_and_neither_others_nor_who_heads_them(
    api: Api, scene: Scene
) -> None:
    await scene.set(scene.plan, audience=Audience.PARTICIPANTS)
    await scene.add_target("north", due_on=DUE)
    await scene.add_target("firm", due_on=DUE)
    await scene.measure("north", DUE, "10")
    await judge(scene, NEXT)
    rows = {(row.unit_id, str(row.subject)): row for row in await verdicts(scene)}
    own = rows[scene.units["firm"].id, "TARGET"]
    others = [row for (unit_id, _), row in rows.items() if unit_id != scene.units["firm"].id]
    query = "query($id: ID!) { verdict(id: $id) { judgement source { name } head { since } } }"

    async def seen(row: Any, who: str) -> Any:
        return (await api.gql(query, {"id": verdict_id(row.id)}, scene.heads[who])).data["verdict"]

    assert (await seen(own, "firm"))["head"] == {"since": "2000-01-01"}
    assert [await seen(row, "firm") for row in others] == [None, None]
    assert [await seen(row, "other") for row in rows.values()] == [None] * 4, "a body that takes no part"

    await scene.set(scene.plan, audience=Audience.PUBLIC)
    public = [await seen(row, "firm") for row in others]
    assert [one["judgement"] for one in public] == ["NOT_MET", "NOT_MET"]
    assert {one["source"] is None and one["head"] is None for one in public} == {True}
    assert (await seen(others[0], "other"))["source"] == {"name": "test"}


async def test_the_number_of_statements_does_not_grow_with_the_number_of_verdicts(
    api: Api, scene: Scene
) -> None:
    query = f"""query($plan: ID!) {{ plan(id: $plan) {{ verdicts(first: 100) {{ {
        LIST.replace(
            "head", "inputs { unmet { id } } source { name measurement { value } } target { id } head", 1
        )
    } }} }} }}"""
    ids = {"plan": encode("Plan", scene.plan.id)}
    await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "90")
    await judge(scene, NEXT)
    await scene.measure("north", DUE, "91")
    await judge(scene, NEXT)
    _, few = await api.measured(query, ids, scene.heads["nation"])
    for name in ("south", "province", "other"):
        await scene.add_target(name, due_on=DUE)
        await scene.measure(name, DUE, "90")
    await judge(scene, NEXT)
    data, many = await api.measured(query, ids, scene.heads["nation"])
    assert len(data["plan"]["verdicts"]["nodes"]) == 8
    assert many == few


# -- explanations ------------------------------------------------------------------------------------------


async def explained(api: Api, scene: Scene, who: str = "nation", **given: Any) -> Any:
    return (await api.gql(EXPLAIN, given, scene.heads[who])).data["explainOutcome"]


async def test_a_leaf_is_explained_by_its_reading(api: Api, scene: Scene) -> None:
    target = await scene.add_target("north", due_on=DUE)
    await scene.measure("north", DUE, "90")
    await judge(scene, NEXT)
    seen = await explained(api, scene, target=encode("Target", target.id))
    kinds = ["READING", "VALUE", "GOAL", "ATTAINMENT", "STATUS"]
    assert [line["kind"] for line in seen["lines"]] == kinds
    assert seen["lines"][0]["sentence"] == (
        "The latest measured value is of 30 June 2026 from test, recorded on 30 June 2026."
    )
    assert (seen["lines"][0]["value"], seen["lines"][0]["on"]) == ("90", str(DUE))
    assert (seen["measurement"], seen["addsUp"], seen["status"]) == ({"value": "90"}, False, "NOT_MET")
    assert seen["verdicts"] == [{"judgement": "NOT_MET"}]
    assert seen["parts"]["totalCount"] == 0
    vietnamese = await api.gql(
        EXPLAIN, {"target": encode("Target", target.id)}, scene.heads["north"], accept_language="vi"
    )
    assert vietnamese.data["explainOutcome"]["lines"][-1]["sentence"] == "Kết luận: không đạt."


@pytest.mark.parametrize("rule", list(Rollup), ids=lambda rule: rule.value)
async def test_the_parts_of_a_parent_add_up_to_its_outcome(api: Api, scene: Scene, rule: Rollup) -> None:
    async with scene.db.begin(SYSTEM) as tx:
        what = await make.indicator(tx)
    of = await scene.add_key_result(what, rollup=rule)
    parent = await scene.add_target("province", of=of)
    rows = (
        ("north", "33.333333", ("1", "3"), "2"),
        ("south", "50", ("7", "14"), "5"),
        ("other", None, None, "1"),
    )
    for name, value, parts, weight in rows:
        child = await make_child(scene, name, of, parent.id, Decimal(weight))
        if value is not None:
            async with scene.db.begin(SYSTEM) as tx:
                await record(tx, child, date(2026, 2, 1), value, parts=parts)
    await judge(scene, date(2026, 3, 1))
    seen = await explained(api, scene, target=encode("Target", parent.id))
    assert seen["parts"]["totalCount"] == 3
    nodes = seen["parts"]["nodes"]
    if rule is not Rollup.MILESTONE:
        assert nodes[0]["target"]["unit"]["name"] == "Cà Mau", "without a value: the worst comes first"
    async with scene.db.snapshot(SYSTEM) as tx:
        value = await tx.session.scalar(
            sa.select(TargetOutcome.measured_value).where(TargetOutcome.target_id == parent.id)
        )
    assert (None if value is None else Decimal(seen["value"])) == value
    if rule in {Rollup.OWN, Rollup.MILESTONE}:  # without tasks a milestone's children have no value
        assert value is None
        return
    assert seen["addsUp"]
    assert value == added_up(rule, nodes)


def added_up(rule: Rollup, nodes: list[Any]) -> Decimal:
    """The figure as a reader would work it out from the parts alone."""
    adds = [Decimal(one["adds"]) for one in nodes if one["adds"] is not None]
    over = [Decimal(one["over"]) for one in nodes if one["over"] is not None]
    if rule in {Rollup.MIN, Rollup.MAX}:
        return min(adds) if rule is Rollup.MIN else max(adds)
    if not over:
        return sum(adds, Decimal(0))
    return (sum(adds) / sum(over)).quantize(Decimal("0.000001"), ROUND_HALF_UP)


async def make_child(scene: Scene, name: str, of: Any, parent_id: int, weight: Decimal) -> Any:
    from vdept.targets.changes import target_changed
    from vdept.targets.models import Target

    async with scene.db.begin(SYSTEM) as tx:
        parent = await tx.session.get_one(Target, parent_id)
        row = await make.target(tx, of, scene.units[name], parent, weight=weight)
        await target_changed(tx, of.plan_id, [row.id])
    return row


async def test_a_unit_is_explained_by_its_targets(api: Api, scene: Scene) -> None:
    heavy = await scene.add_key_result(weight=Decimal(3))
    await scene.add_target("north", of=heavy, due_on=DUE)
    await scene.measure("north", DUE, "50")
    light = await scene.add_target("north", due_on=DUE)
    await scene.add_target("north", of=await scene.add_key_result(binding=False), due_on=DUE, baseline=None)
    await judge(scene, NEXT)
    ids = {"plan": encode("Plan", scene.plan.id), "unit": encode("Unit", scene.units["north"].id)}
    seen = await explained(api, scene, **ids)
    assert [line["kind"] for line in seen["lines"]] == ["TARGETS", "BINDING", "ATTAINMENT", "STATUS"]
    assert seen["lines"][-1]["sentence"] == "Verdict: not met."
    nodes = seen["parts"]["nodes"]
    over = sum(Decimal(one["over"]) for one in nodes if one["over"] is not None)
    adds = sum(Decimal(one["adds"]) for one in nodes if one["adds"] is not None)
    async with scene.db.snapshot(SYSTEM) as tx:
        row = await tx.session.scalar(
            sa.select(UnitOutcome).where(UnitOutcome.unit_id == scene.units["north"].id)
        )
    assert row is not None
    assert (adds, over) == (row.attainment_sum, row.attainment_weight)
    assert Decimal(seen["value"]) == adds / over
    assert (seen["unit"]["name"], seen["target"], light.unit_id) == ("Sa Pa", None, row.unit_id)


async def test_parts_are_paged_the_worst_first(api: Api, scene: Scene) -> None:
    parent = await scene.add_target("province")
    for name, value in (("north", "30"), ("south", "10"), ("other", "100")):
        await scene.add_target(name, "province")
        await scene.measure(name, date(2026, 2, 1), value)
    await judge(scene, date(2026, 3, 1))
    ids = {"target": encode("Target", parent.id), "first": 2}
    first = (await explained(api, scene, **ids))["parts"]
    assert [one["value"] for one in first["nodes"]] == ["10", "30"]
    assert first["pageInfo"]["hasNextPage"]
    rest = (await explained(api, scene, **ids, after=first["pageInfo"]["endCursor"]))["parts"]
    assert [(one["value"], one["meets"]) for one in rest["nodes"]] == [("100", True)]


@pytest.mark.parametrize(
    "given",
    [(), ("plan",), ("unit",), ("target", "plan", "unit"), ("target", "unit")],
    ids=["nothing", "a plan alone", "a unit alone", "all", "a target and a unit"],
)
async def test_what_to_explain_must_be_said_in_one_way(
    api: Api, scene: Scene, given: tuple[str, ...]
) -> None:
    target = await scene.add_target("north")
    ids = {
        "target": encode("Target", target.id),
        "plan": encode("Plan", scene.plan.id),
        "unit": encode("Unit", scene.units["north"].id),
    }
    reply = await api.gql(EXPLAIN, {name: ids[name] for name in given}, scene.heads["north"])
    assert reply.codes == ["INVALID_VALUE"]


async def test_what_is_not_seen_is_not_explained(api: Api, scene: Scene) -> None:
    await scene.set(scene.plan, audience=Audience.PARTICIPANTS)
    target = await scene.add_target("north", due_on=DUE)
    await judge(scene, NEXT)
    ids = {"plan": encode("Plan", scene.plan.id), "unit": encode("Unit", scene.units["north"].id)}
    for who in ("firm", "other"):
        assert await explained(api, scene, who, target=encode("Target", target.id)) is None
        assert await explained(api, scene, who, **ids) is None
    assert await explained(api, scene, "north", **ids) is not None
