"""Who may do what: every mutation by every kind of actor, with nothing changed by those who may not.

The table names, for each mutation, the actors who are allowed; everybody else must get FORBIDDEN, or
NOT_FOUND for what they may not see, and leave no trace. A mutation that is not in the table fails the test.
"""

from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import factories
from api.conftest import Api, World
from api.plans_scene import ENDS, PLAN, STARTS, TODAY, done, issued
from vdept.kernel.activity import Activity
from vdept.kernel.actor import Actor
from vdept.kernel.db import Database
from vdept.people.models import Membership
from vdept_graphql.ids import encode
from vdept_graphql.schema import engine

ACTORS = (
    *("administrator", "prime", "minister", "hue_head", "observer"),
    *("danang_head", "commune_head", "firm_head"),
)
MAY_NOT = {"FORBIDDEN", "NOT_FOUND"}
TOMORROW = str(TODAY + timedelta(days=1))


@dataclass
class Scene:
    """Global ids of everything that the mutations name.

    The government has issued a plan and holds its root; Huế and its commune hold targets below. The
    ministry has set a task that Huế leads, with the firm asked to take part.
    """

    world: World
    ids: dict[str, str]


async def build(api: Api, world: World, db: Database) -> Scene:
    ids = await issued(api, world)
    unit = {name: encode("Unit", getattr(world, name).id) for name in ("ministry", "hue", "commune", "firm")}
    ids |= unit | {
        "government": encode("Unit", world.government.id),
        "danang": encode("Unit", world.danang.id),
    }
    assign = {"parentTargetId": ids["root"], "unitIds": [unit["hue"]]}
    hue = await done(api, "assignTargets", assign, world.prime, "targets { id }")
    ids["target"] = hue["targets"][0]["id"]
    draft = await done(
        api,
        "createPlan",
        {"title": "Dự thảo", "issuerUnitId": ids["government"], "startsOn": STARTS, "endsOn": ENDS},
        world.prime,
        "plan { id }",
    )
    ids["draft"] = draft["plan"]["id"]
    objective = await done(
        api, "addObjective", {"planId": ids["draft"], "title": "M"}, world.prime, "objective { id }"
    )
    ids["objective"] = objective["objective"]["id"]
    key_result = {
        "objectiveId": ids["objective"],
        "indicatorId": ids["indicator"],
        "rollup": "OWN",
        "value": "1",
    }
    added = await done(api, "addKeyResult", key_result, world.prime, "keyResult { id }")
    ids["draftKeyResult"] = added["keyResult"]["id"]
    reading = {
        "indicatorId": ids["indicator"],
        "unitId": unit["hue"],
        "basis": "REPORTED",
        "asOf": str(TODAY),
        "numerator": "1",
        "denominator": "2",
    }
    recorded = await done(api, "recordMeasurement", reading, world.hue_head, "measurement { id }")
    ids["measurement"] = recorded["measurement"]["id"]
    for name in ("task", "other"):
        given = {
            "title": "Kết nối dữ liệu",
            "ownerUnitId": unit["ministry"],
            "leadUnitId": unit["hue"],
            "planId": ids["plan"],
            "dueOn": TOMORROW,
            "participants": [{"unitId": unit["firm"]}],
        }
        task = await done(api, "createTask", given, world.minister, "task { id }")
        ids[name] = task["task"]["id"]
    async with db.begin(factories.SYSTEM) as tx:
        worker = await factories.person(tx)
        seat = Membership(person_id=worker.id, unit_id=world.hue.id, role="MEMBER", starts_on=factories.START)
        tx.session.add(seat)
        await tx.session.flush()
        ids |= {"worker": encode("Person", worker.id), "seat": encode("Membership", seat.id)}
    return Scene(replace(world), ids)


def inputs(ids: dict[str, str]) -> dict[str, dict[str, Any]]:
    """A sound input for every mutation."""
    task = {"taskId": ids["task"]}
    target = {"targetId": ids["target"]}
    reading = {"indicatorId": ids["indicator"], "unitId": ids["hue"], "basis": "REPORTED", "asOf": STARTS}
    value = {"numerator": "1", "denominator": "3"}
    new_task = {"title": "Việc", "ownerUnitId": ids["ministry"], "dueOn": TOMORROW}
    why = {"reason": "Lý do"}
    return {
        "createUnit": {"code": "N-1", "name": "Mới", "kind": "FIRM"},
        "updateUnit": {"unitId": ids["hue"], "nameEn": "Hue"},
        "importUnits": {"file": "Y29kZSxuYW1lLGtpbmQKRi0xLE3hu5l0LEZJUk0=", "filename": "a.csv"},
        "createPerson": {"name": "Mới", "email": "moi@example.vn", "unitId": ids["hue"]},
        "updatePerson": {"personId": ids["worker"], "name": "Khác"},
        "grantMembership": {"personId": ids["worker"], "unitId": ids["hue"], "role": "COORDINATOR"},
        "endMembership": {"membershipId": ids["seat"]},
        "createIndicator": {"name": "Chỉ số", "unitOfMeasure": "%"},
        "updateIndicator": {"indicatorId": ids["indicator"], "description": "Cách đo"},
        "createPlan": {
            "title": "K",
            "issuerUnitId": ids["government"],
            "startsOn": STARTS,
            "endsOn": ENDS,
        },
        "importPlans": {"file": b64encode(PLAN.encode()).decode(), "filename": "a.yaml", "dryRun": True},
        "addObjective": {"planId": ids["draft"], "title": "M2"},
        "renameObjective": {"objectiveId": ids["objective"], "title": "M3"},
        "addKeyResult": {
            "objectiveId": ids["objective"],
            "indicatorId": ids["indicator"],
            "rollup": "OWN",
            "value": "2",
        },
        "updateKeyResult": {"keyResultId": ids["draftKeyResult"], "value": "3"},
        "removeKeyResult": {"keyResultId": ids["draftKeyResult"]},
        "issuePlan": {"planId": ids["draft"]},
        "closePlan": {"planId": ids["plan"]},
        "assignTargets": {"parentTargetId": ids["target"], "unitIds": [ids["commune"]]},
        "acknowledgeTargets": {"targetIds": [ids["target"]]},
        "updateTarget": {**target, "weight": "2"},
        "pauseTarget": {**target, **why, "reviewOn": TOMORROW},
        "resumeTarget": target,
        "withdrawTarget": {**target, **why},
        "reinstateTarget": target,
        "recordMeasurement": {**reading, **value},
        "correctMeasurement": {"measurementId": ids["measurement"], **value},
        "recordMeasurements": {"rows": [{**reading, **value}]},
        "createTask": new_task,
        "createTasks": {**new_task, "leadUnitIds": [ids["hue"]]},
        "updateTask": {**task, "title": "Khác"},
        "commentOnTask": {"taskId": ids["task"], "body": "Ý kiến"},
        "addEvidence": {"taskId": ids["task"], "url": "https://example.vn/"},
        "offerTask": {**task, "leadUnitId": ids["danang"]},
        "reopenTask": task,
        "volunteerForTask": {**task, "unitId": ids["hue"]},
        "acceptTask": task,
        "declineTask": {**task, **why},
        "startTask": task,
        "deliverTask": {**task, "result": "Xong"},
        "verifyTask": task,
        "sendBackTask": {**task, **why},
        "pauseTask": {**task, **why, "reviewOn": TOMORROW},
        "resumeTask": task,
        "cancelTask": {**task, **why},
        "extendTask": {**task, **why, "dueOn": str(TODAY + timedelta(days=2))},
        "inviteParticipants": {**task, "participants": [{"unitId": ids["danang"]}]},
        "acceptInvitation": {**task, "unitId": ids["firm"]},
        "declineInvitation": {**task, **why, "unitId": ids["firm"]},
        "leaveTask": {**task, **why, "unitId": ids["firm"]},
        "setParticipants": {**task, "participants": [{"unitId": ids["firm"], "share": 2}]},
        "assignPeople": {**task, "personIds": [ids["worker"]], "unitId": ids["hue"]},
        "unassignPerson": {**task, "personId": ids["worker"], "unitId": ids["hue"]},
        "reportProgress": {**task, "progress": 10, "unitId": ids["hue"]},
        "reportProgressMany": {"reports": [{"taskId": ids["task"], "progress": 10, "unitId": ids["hue"]}]},
        "acceptTasks": {"taskIds": [ids["task"]]},
        "linkTargets": {**task, "targets": [{"targetId": ids["target"]}]},
        "unlinkTarget": {**task, "targetId": ids["target"]},
        "addDependency": {**task, "blockedById": ids["other"]},
        "removeDependency": {**task, "blockedById": ids["other"]},
        "setParentTask": {**task, "parentId": ids["other"]},
    }


ADMIN = {"administrator"}
ISSUER = {"administrator", "prime"}
MINISTERIAL = ISSUER | {"minister"}
HOLDER = {"administrator", "hue_head"}
UNIT_OR_ABOVE = {"administrator", "prime", "hue_head"}
OWNER = {"administrator", "prime", "minister"}
OWNER_OR_LEAD = OWNER | {"hue_head"}
LEAD = {"administrator", "hue_head"}
FIRM = {"administrator", "firm_head"}
INVOLVED = OWNER_OR_LEAD | {"firm_head"}

ALLOWED: dict[str, set[str]] = {
    **dict.fromkeys(("createUnit", "importUnits", "updatePerson"), ADMIN),
    "updateUnit": HOLDER,
    **dict.fromkeys(("createPerson", "grantMembership", "endMembership"), UNIT_OR_ABOVE),
    **dict.fromkeys(("createIndicator", "updateIndicator"), MINISTERIAL),
    **dict.fromkeys(("createPlan", "importPlans", "addObjective", "renameObjective", "addKeyResult"), ISSUER),
    **dict.fromkeys(("updateKeyResult", "removeKeyResult", "issuePlan", "closePlan"), ISSUER),
    **dict.fromkeys(("assignTargets", "acknowledgeTargets", "pauseTarget", "resumeTarget"), HOLDER),
    **dict.fromkeys(("updateTarget", "withdrawTarget", "reinstateTarget"), ISSUER),
    **dict.fromkeys(("recordMeasurement", "correctMeasurement", "recordMeasurements"), UNIT_OR_ABOVE),
    **dict.fromkeys(("createTask", "createTasks", "updateTask", "offerTask", "reopenTask"), OWNER),
    **dict.fromkeys(("verifyTask", "sendBackTask", "cancelTask", "extendTask"), OWNER),
    **dict.fromkeys(("linkTargets", "unlinkTarget"), OWNER),
    **dict.fromkeys(("volunteerForTask", "acceptTask", "acceptTasks", "declineTask", "startTask"), LEAD),
    **dict.fromkeys(("deliverTask", "assignPeople", "unassignPerson"), LEAD),
    **dict.fromkeys(("reportProgress", "reportProgressMany"), LEAD),
    **dict.fromkeys(("pauseTask", "resumeTask", "inviteParticipants", "setParticipants"), OWNER_OR_LEAD),
    **dict.fromkeys(("addDependency", "removeDependency", "setParentTask"), OWNER_OR_LEAD),
    **dict.fromkeys(("acceptInvitation", "declineInvitation", "leaveTask"), FIRM),
    **dict.fromkeys(("commentOnTask", "addEvidence"), INVOLVED),
}

ALSO_REFUSED = {"verifyTask": {"TASK_OWN_VERIFICATION"}, "sendBackTask": {"TASK_OWN_VERIFICATION"}}
"""Who did the work learns why they may not judge it."""


def test_every_mutation_stands_in_the_table() -> None:
    mutations = engine.core.mutation_type
    assert mutations is not None
    assert set(ALLOWED) == set(mutations.fields)


async def codes_of(api: Api, name: str, given: dict[str, Any], actor: Actor) -> list[str]:
    """Why this actor was refused, as a whole or for the one item of a bulk call."""
    bulk = "results { errors { code } }" if name in {"acceptTasks", "reportProgressMany"} else ""
    payload = (await api.do(name, given, actor, bulk)).data[name]
    errors = payload["errors"] + [e for item in payload.get("results") or [] for e in item["errors"]]
    return [error["code"] for error in errors]


async def traces(db: Database) -> int:
    async with db.begin(factories.SYSTEM) as tx:
        return int((await tx.session.execute(sa.select(sa.func.count()).select_from(Activity))).scalar_one())


async def test_who_may_not_is_refused_and_leaves_no_trace(api: Api, world: World, db: Database) -> None:
    scene = await build(api, world, db)
    before = await traces(db)
    for name, given in inputs(scene.ids).items():
        for actor in sorted(set(ACTORS) - ALLOWED[name]):
            codes = await codes_of(api, name, given, getattr(world, actor))
            assert codes, (name, actor)
            assert set(codes) <= MAY_NOT | ALSO_REFUSED.get(name, set()), (name, actor, codes)
            assert await traces(db) == before, (name, actor)


async def test_nobody_writes_anonymously(api: Api, world: World, db: Database) -> None:
    scene = await build(api, world, db)
    before = await traces(db)
    for name, given in inputs(scene.ids).items():
        kind = f"{name[0].upper()}{name[1:]}Input"
        query = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ errors {{ code }} }} }}"
        reply = await api.gql(query, {"input": given})
        assert (reply.status, reply.codes, "data" in reply.body) == (401, ["UNAUTHENTICATED"], False)
    assert await traces(db) == before


@pytest.mark.parametrize("actor", ACTORS)
async def test_who_may_is_never_told_otherwise(api: Api, world: World, db: Database, actor: str) -> None:
    """One after the other in one scene: states may be in the way by then, permission never is."""
    scene = await build(api, world, db)
    for name, given in inputs(scene.ids).items():
        if actor in ALLOWED[name]:
            codes = await codes_of(api, name, given, getattr(world, actor))
            assert not set(codes) & MAY_NOT, (name, actor, codes)
