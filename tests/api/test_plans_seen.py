"""Who sees which plans, targets and activities over the API, and in how many statements."""

import factories
from api.conftest import Api, World
from api.plans_scene import done, issued, rows
from vdept.kernel.activity import Activity
from vdept.kernel.db import Database
from vdept.targets.models import Plan
from vdept.units.models import UnitKind
from vdept_graphql.ids import encode


async def test_a_plan_of_participants_does_not_exist_for_others(api: Api, world: World) -> None:
    ids = await issued(api, world, audience="PARTICIPANTS")
    given = {"parentTargetId": ids["root"], "unitIds": [encode("Unit", world.firm.id)]}
    firm = (await done(api, "assignTargets", given, world.prime, "targets { id }"))["targets"][0]
    query = """query($plan: ID!, $root: ID!, $firm: ID!) {
      plan(id: $plan) { title } root: target(id: $root) { id } firm: target(id: $firm) { parent { id } }
      plans { totalCount } targets { totalCount nodes { id } } node(id: $root) { id } }"""
    variables = {"plan": ids["plan"], "root": ids["root"], "firm": firm["id"]}
    outside = (await api.gql(query, variables, world.danang_head)).data
    assert outside == {
        "plan": None,
        "root": None,
        "firm": None,
        "plans": {"totalCount": 0},
        "targets": {"totalCount": 0, "nodes": []},
        "node": None,
    }
    inside = (await api.gql(query, variables, world.firm_head)).data
    assert inside == {
        "plan": {"title": "Kế hoạch năm"},
        "root": None,
        "firm": {"parent": None},
        "plans": {"totalCount": 1},
        "targets": {"totalCount": 1, "nodes": [{"id": firm["id"]}]},
        "node": None,
    }
    feed = await api.gql("{ activities(first: 100) { nodes { subjectType verb } } }", as_=world.danang_head)
    assert {node["subjectType"] for node in feed.data["activities"]["nodes"]} == {"Indicator"}


async def test_the_feed_is_followed_without_gap_or_repetition(api: Api, world: World, db: Database) -> None:
    ids = await issued(api, world)
    query = """query($after: String, $first: Int!) { activities(after: $after, first: $first) {
      hasMore endCursor nodes { verb subjectId subject { id } by { id } data } } }"""
    seen: list[str] = []
    after = None
    while True:
        page = (await api.gql(query, {"after": after, "first": 2}, world.prime)).data["activities"]
        seen += [node["verb"] for node in page["nodes"]]
        after = page["endCursor"]
        assert all(node["data"] is None for node in page["nodes"])
        if not page["hasMore"]:
            break
    assert seen == [
        "indicator.created",
        "plan.created",
        "objective.added",
        "key_result.added",
        "target.assigned",
        "plan.issued",
    ]
    nothing = (await api.gql(query, {"after": after, "first": 2}, world.prime)).data["activities"]
    assert nothing == {"hasMore": False, "endCursor": after, "nodes": []}
    await done(api, "closePlan", {"planId": ids["plan"]}, world.prime, "plan { id }")
    news = (await api.gql(query, {"after": after, "first": 2}, world.administrator)).data["activities"]
    assert [(n["verb"], n["subjectId"], n["subject"]) for n in news["nodes"]] == [
        ("plan.closed", ids["plan"], {"id": ids["plan"]})
    ]
    assert news["nodes"][0]["data"] is not None
    assert await rows(db, Activity) == 7


async def test_targets_are_read_in_a_fixed_number_of_statements(api: Api, world: World, db: Database) -> None:
    ids = await issued(api, world)
    async with db.begin(factories.SYSTEM) as tx:
        for number in range(20):
            province = await factories.unit(tx, f"Tỉnh {number:02}", UnitKind.PROVINCE, world.government)
            await factories.actor(tx, province)
    given = {"parentTargetId": ids["root"], "allOfKind": ["PROVINCE"]}
    await done(api, "assignTargets", given, world.prime, "count")
    query = """query($id: ID!, $first: Int!) { target(id: $id) { children(first: $first) {
      totalCount nodes { value unit { name head { name } } keyResult { title objective { title } }
        plan { title issuer { name } } indicator { name } parent { id } assignedBy { name }
        children { totalCount nodes { id } } tasks { totalCount nodes { id } } } } } }"""
    few, statements = await api.measured(query, {"id": ids["root"], "first": 1}, world.prime)
    many, again = await api.measured(query, {"id": ids["root"], "first": 100}, world.prime)
    assert len(few["target"]["children"]["nodes"]) == 1
    assert len(many["target"]["children"]["nodes"]) == many["target"]["children"]["totalCount"] == 22
    assert again == statements
    assert await rows(db, Plan) == 1
