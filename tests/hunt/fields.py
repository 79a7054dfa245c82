"""What each type of the contract has, as the policy answers it.

``FIELDS`` says of each field what it leads to: ``""`` a plain value, ``"Unit"`` an object, ``"[Task]"`` a
list, ``"{Task}"`` a connection, ``"*"`` plain values below it. Random documents are made from the same table,
and a test holds it against the schema: a new relation must be taught here.
"""

import base64
import json
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from factories import NOW
from hunt import lists
from hunt import rows as r
from hunt.answers import FIELDS, KINDS, Answers, Resolve
from hunt.figures import Figures
from hunt.lists import Given, Order, Page, by, encode
from hunt.policy import counts
from hunt.world import LIVE, TODAY


def has(kind: str, leads: str, /, **resolvers: Resolve) -> None:
    FIELDS[kind].update({name: (leads, resolve) for name, resolve in resolvers.items()})


def plainly(kind: str, /, **columns: str) -> None:
    """Fields that are columns."""
    for name, column in columns.items():
        FIELDS[kind][name] = ("", lambda _a, row, _g, column=column: getattr(row, column))  # type: ignore[misc]


def to(kind: str, column: str) -> Resolve:
    """The object whose number stands in a column; null if it may not be seen."""
    return lambda a, row, _g: a.one(kind, getattr(row, column))


for _kind in KINDS:
    FIELDS[_kind]["id"] = ("", lambda _a, row, _g, kind=_kind: encode(kind, row.id))  # type: ignore[misc]

BY_NAME = by("sort_key", "id")
DUE = {
    "DUE": by("due_on", "id"),
    "DUE_LATEST_FIRST": by("due_on", "id", descending=True),
    "NEWEST_FIRST": by("created_at", "id", descending=True),
}


def _tasks(a: Answers, rows: Iterable[r.Task], given: Given) -> Page:
    which = given.get("filter") or {}
    fit = [task for task in rows if lists.task_fits(a.world, task, which, a.sees)]
    unit = which.get("proposedToUnitId")  # for the people of that unit
    if unit is not None and not a.sight.all and lists.number(unit) not in a.sight.own:
        fit = []
    return a.page("Task", fit, DUE[given.get("orderBy") or "DUE"], given)


def _unit_tasks(a: Answers, unit: r.Unit, given: Given) -> Page:
    which = given.get("filter") or {}
    parts = [p for p in a.world.participations if p.unit_id == unit.id and p.state in LIVE]
    rows = [a.world.get("tasks", p.task_id) for p in parts if lists.unit_task_fits(a.world, p, which, a.sees)]
    return a.page("Task", rows, DUE[given.get("orderBy") or "DUE"], given)


def _targets(a: Answers, rows: Iterable[r.Target], order: Order, given: Given) -> Page:
    which = given.get("filter") or {}
    return a.page("Target", [t for t in rows if lists.target_fits(a.world, t, which, a.sees)], order, given)


def _seats(a: Answers, given: Given, **of: int) -> list[r.Membership]:
    on = date.fromisoformat(given["on"]) if given.get("on") else TODAY
    ((column, wanted),) = of.items()
    return a.seen(
        "Membership", [m for m in a.world.memberships if getattr(m, column) == wanted and counts(m, on)]
    )


def _head(a: Answers, unit: r.Unit, given: Given) -> Any:
    on = date.fromisoformat(given["on"]) if given.get("on") else TODAY
    found = [m for m in a.world.memberships if m.unit_id == unit.id and m.role == "HEAD" and counts(m, on)]
    return next((a.one("Person", m.person_id) for m in a.seen("Membership", found)), None)


def _colleague(column: str) -> Resolve:
    """Whoever sees the task sees the name; the person, whoever may see them."""
    return lambda a, row, _g: a.world.get("persons", getattr(row, column))


plainly("Unit", code="code", name="name", kind="kind", validTo="valid_to")
has("Unit", "Unit", parent=to("Unit", "parent_id"))
has(
    "Unit",
    "{Unit}",
    children=lambda a, u, g: a.page("Unit", [c for c in a.world.units if c.parent_id == u.id], BY_NAME, g),
)
has("Unit", "Person", head=_head)
has(
    "Unit",
    "{Membership}",
    memberships=lambda a, u, g: a.page("Membership", _seats(a, g, unit_id=u.id), by("id"), g),
)
has("Unit", "{Task}", tasks=_unit_tasks)
has(
    "Unit",
    "{Target}",
    targets=lambda a, u, g: _targets(
        a, [t for t in a.world.targets if t.unit_id == u.id], by("due_on", "id"), g
    ),
)
has(
    "Unit", "UnitOutcome", outcome=lambda a, u, g: a.figures.of_unit(a.sight, lists.number(g["planId"]), u.id)
)

plainly("Person", name="name", email="email", administrator="administrator", active="active")
has("Person", "[Membership]", memberships=lambda a, p, g: _seats(a, g, person_id=p.id))
has(
    "Person",
    "{Task}",
    tasks=lambda a, p, g: _tasks(
        a, [a.world.get("tasks", each.task_id) for each in a.world.assignees if each.person_id == p.id], g
    ),
)

plainly("Membership", role="role", startsOn="starts_on", endsOn="ends_on")
has("Membership", "Person", person=to("Person", "person_id"))
has("Membership", "Unit", unit=to("Unit", "unit_id"))

plainly("Indicator", code="code", name="name", direction="direction")

plainly("Plan", code="code", title="title", audience="audience", state="state")
has("Plan", "Unit", issuer=to("Unit", "issuer_unit_id"))
has("Plan", "UnitOutcome", outcome=lambda a, p, _g: a.figures.of_unit(a.sight, p.id, p.issuer_unit_id))
has("Plan", "{UnitOutcome}", unitOutcomes=lambda a, p, g: a.figures.ranking_of_units(a.sight, p, g))


def _objectives(a: Answers, plan: r.Plan, _g: Given) -> list[r.Objective]:
    return sorted(
        a.seen("Objective", [o for o in a.world.objectives if o.plan_id == plan.id]), key=lambda o: o.position
    )


def _key_results(a: Answers, objective: r.Objective, _g: Given) -> list[r.KeyResult]:
    found = [k for k in a.world.key_results if k.objective_id == objective.id]
    return sorted(a.seen("KeyResult", found), key=lambda k: k.position)


has("Plan", "[Objective]", objectives=_objectives)
has(
    "Plan",
    "[KeyResult]",
    keyResults=lambda a, p, g: [k for o in _objectives(a, p, g) for k in _key_results(a, o, g)],
)

plainly("Objective", position="position", title="title")
has("Objective", "Plan", plan=to("Plan", "plan_id"))
has("Objective", "[KeyResult]", keyResults=_key_results)

plainly("KeyResult", title="title", value="value", rollup="rollup", dueOn="due_on")
has("KeyResult", "Plan", plan=to("Plan", "plan_id"))
has("KeyResult", "Objective", objective=to("Objective", "objective_id"))
has("KeyResult", "Indicator", indicator=to("Indicator", "indicator_id"))
has(
    "KeyResult",
    "{Target}",
    targets=lambda a, k, g: _targets(
        a, [t for t in a.world.targets if t.key_result_id == k.id], by("level", "id"), g
    ),
)
has("KeyResult", "{TargetOutcome}", outcomes=lambda a, k, g: a.figures.ranking_of_targets(a.sight, k, g))

plainly(
    "Target", value="value", state="state", level="level", dueOn="due_on", acknowledgedAt="acknowledged_at"
)
has("Target", "Unit", unit=to("Unit", "unit_id"), assignedByUnit=to("Unit", "assigned_by_unit_id"))
has("Target", "KeyResult", keyResult=to("KeyResult", "key_result_id"))
has("Target", "Plan", plan=to("Plan", "plan_id"))
has("Target", "Indicator", indicator=to("Indicator", "indicator_id"))
has("Target", "Target", parent=to("Target", "parent_id"))
has(
    "Target",
    "Person",
    assignedBy=to("Person", "assigned_by_id"),
    acknowledgedBy=to("Person", "acknowledged_by_id"),
)
has("Target", "TargetOutcome", outcome=lambda a, t, _g: a.figures.of_target(a.sight, t))
has(
    "Target",
    "{Target}",
    children=lambda a, t, g: _targets(a, [c for c in a.world.targets if c.parent_id == t.id], by("id"), g),
)
has(
    "Target",
    "{Task}",
    tasks=lambda a, t, g: _tasks(
        a,
        [
            a.world.get("tasks", each.task_id)
            for each in a.world.links
            if each.target_id == t.id and each.state == "ACCEPTED"
        ],
        g,
    ),
)

plainly("Measurement", basis="basis", asOf="as_of", value="value")
has("Measurement", "Unit", unit=to("Unit", "unit_id"))
has("Measurement", "Indicator", indicator=to("Indicator", "indicator_id"))
has("Measurement", "Person", recordedBy=to("Person", "recorded_by_id"))
has("Measurement", "Measurement", supersedes=to("Measurement", "supersedes_id"))
has(
    "Measurement",
    "Measurement",
    supersededBy=lambda a, m, _g: next(
        iter(a.seen("Measurement", [n for n in a.world.measurements if n.supersedes_id == m.id])), None
    ),
)


def _neighbours(here: str, there: str) -> Resolve:
    def resolve(a: Answers, task: r.Task, _g: Given) -> list[r.Task]:
        found = [
            a.world.get("tasks", getattr(d, there))
            for d in a.world.dependencies
            if getattr(d, here) == task.id
        ]
        return sorted(a.seen("Task", [each for each in found if each]), key=lambda t: (t.due_on, t.id))

    return resolve


def _assignees(a: Answers, task: r.Task, _g: Given) -> list[r.Assignee]:
    found = [each for each in a.world.assignees if each.task_id == task.id]
    people = {each.person_id: a.world.get("persons", each.person_id) for each in found}
    return sorted(found, key=lambda each: (people[each.person_id].sort_key, each.person_id))


def _of_task(name: str) -> Callable[["Answers", r.Task], list[Any]]:
    return lambda a, task: [row for row in getattr(a.world, name) if row.task_id == task.id]


plainly("Task", title="title", state="state", audience="audience", dueOn="due_on", kind="kind")
has("Task", "", timeliness=lambda _a, t, _g: lists.when(t))
has("Task", "Plan", plan=to("Plan", "plan_id"))
has("Task", "Task", parent=to("Task", "parent_id"))
has("Task", "Unit", ownerUnit=to("Unit", "owner_unit_id"), leadUnit=to("Unit", "lead_unit_id"))
has("Task", "TaskPerson", createdBy=_colleague("created_by_id"), verifiedBy=_colleague("verified_by_id"))
has(
    "Task",
    "[Participation]",
    participants=lambda a, t, _g: sorted(_of_task("participations")(a, t), key=lambda p: p.unit_id),
)
has("Task", "[TaskAssignee]", assignees=_assignees)
has(
    "Task",
    "[TaskTarget]",
    targets=lambda a, t, _g: sorted(
        [one for one in _of_task("links")(a, t) if a.one("Target", one.target_id)],
        key=lambda one: one.target_id,
    ),
)
has(
    "Task",
    "[Task]",
    blockedBy=_neighbours("task_id", "blocked_by_id"),
    blocks=_neighbours("blocked_by_id", "task_id"),
)
has(
    "Task",
    "{Task}",
    subtasks=lambda a, t, g: a.page("Task", [c for c in a.world.tasks if c.parent_id == t.id], DUE["DUE"], g),
)
has(
    "Task",
    "{Comment}",
    comments=lambda a, t, g: lists.page("Comment", _of_task("comments")(a, t), by("id"), g),
)
has("Task", "[Evidence]", evidence=lambda a, t, _g: _of_task("evidence")(a, t))
has(
    "Task",
    "{TaskActivity}",
    history=lambda a, t, g: lists.page(
        "TaskActivity",
        [x for x in a.world.activities if (x.subject_type, x.subject_id) == ("Task", t.id)],
        by("id", descending=True),
        g,
    ),
)

plainly("TaskPerson", name="name")
has("TaskPerson", "Person", person=to("Person", "id"))
plainly("Participation", role="role", state="state", share="share", progress="progress")
has("Participation", "Unit", unit=to("Unit", "unit_id"))
has("TaskAssignee", "", name=lambda a, each, _g: a.world.get("persons", each.person_id).name)
has("TaskAssignee", "Unit", unit=to("Unit", "unit_id"))
has("TaskAssignee", "Person", person=to("Person", "person_id"))
plainly("TaskTarget", weight="weight", state="state", reason="reason")
has("TaskTarget", "Target", target=to("Target", "target_id"))
plainly("Comment", body="body")
has("Comment", "TaskPerson", author=_colleague("author_id"))
has("Comment", "Unit", unit=to("Unit", "unit_id"))
has("Comment", "Task", task=to("Task", "task_id"))
plainly("Evidence", title="title", url="url")
has("Evidence", "Unit", unit=to("Unit", "unit_id"))
has("Evidence", "TaskPerson", addedBy=_colleague("added_by_id"))


def _told(a: Answers, done: r.Activity, _g: Given) -> dict[str, Any]:
    """What an activity on a task says, without the targets and tasks that may not be seen."""
    data, out = json.loads(done.data), {}
    kinds = {
        "blocked_by_id": ("Task", "blockedById"),
        "parent_id": ("Task", "parentId"),
        "target_id": ("Target", "targetId"),
    }
    for name, value in data.items():
        if name in kinds:
            kind, public = kinds[name]
            if value is None or a.one(kind, value):
                out[public] = None if value is None else encode(kind, value)
        elif done.verb == "task.parent_set":
            out[name] = encode("Task", value) if value is not None and a.one("Task", value) else None
        elif name == "targets":
            shown = [one for one in value if a.one("Target", one["target_id"])]
            out[name] = [
                {"targetId": encode("Target", one["target_id"]), "weight": one["weight"]} for one in shown
            ]
        elif name == "owner_unit_id":
            out["ownerUnitId"] = encode("Unit", value)
        elif name == "extension_id":
            out["extensionId"] = encode("TaskExtension", value)
        elif name == "recurrence_id":
            if a.one("TaskRecurrence", value):
                out["recurrenceId"] = encode("TaskRecurrence", value)
        else:
            out[name] = value
    return out


plainly("TaskActivity", verb="verb")
has("TaskActivity", "", data=_told)
has("TaskActivity", "TaskPerson", by=_colleague("person_id"))
has("TaskActivity", "Unit", unit=to("Unit", "unit_id"))

has("TargetOutcome", "*", **{name: (lambda _a, o, _g, name=name: o.said[name]) for name in Figures.TARGET})  # type: ignore[misc]
has("TargetOutcome", "Target", target=lambda a, o, _g: a.one("Target", o.row.target_id))
has("TargetOutcome", "Unit", unit=lambda a, o, _g: a.one("Unit", o.row.unit_id))
has("TargetOutcome", "KeyResult", keyResult=lambda a, o, _g: a.one("KeyResult", o.row.key_result_id))
has("UnitOutcome", "*", **{name: (lambda _a, o, _g, name=name: o.said[name]) for name in Figures.UNIT})  # type: ignore[misc]
has("UnitOutcome", "Plan", plan=lambda a, o, _g: a.one("Plan", o.row.plan_id))
has("UnitOutcome", "Unit", unit=lambda a, o, _g: a.one("Unit", o.row.unit_id))

plainly("ApiClient", clientId="client_id", name="name", machine="machine", revokedAt="revoked_at")
has("ApiClient", "Unit", unit=to("Unit", "unit_id"))
plainly("ClientAuthorization", expiresAt="expires_at", revokedAt="revoked_at")
has("ClientAuthorization", "ApiClient", client=to("ApiClient", "client_id"))
has("ClientAuthorization", "Person", person=to("Person", "person_id"))


def _let(a: Answers, rows: Iterable[r.ClientAuthorization], given: Given, *, ended: bool = False) -> Page:
    live = [each for each in rows if ended or (each.revoked_at is None and each.expires_at > NOW)]
    return a.page("ClientAuthorization", live, by("id", descending=True), given)


has(
    "ApiClient",
    "{ClientAuthorization}",
    authorizations=lambda a, c, g: _let(a, [x for x in a.world.authorizations if x.client_id == c.id], g),
)

plainly("Identity", issuer="issuer", subject="subject", name="name")
has("Identity", "Person", person=to("Person", "person_id"))


# The roots --------------------------------------------------------------------------------------------------


def _node(a: Answers, given: str) -> tuple[str, Any] | None:
    kind, _, digits = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode().partition(":")
    row = a.one(kind, int(digits))
    return None if row is None else (kind, row)


def _by_code(kind: str) -> Resolve:
    def resolve(a: Answers, _row: None, given: Given) -> Any:
        if given.get("id") is not None:
            return a.one(kind, lists.number(given["id"]))
        return next((row for row in a.seen(kind) if row.code == given.get("code")), None)

    return resolve


def _by_id(kind: str) -> Resolve:
    return lambda a, _row, given: a.one(kind, lists.number(given["id"]))


def _measurements(a: Answers, _row: None, given: Given) -> Page:
    corrected = {m.supersedes_id for m in a.world.measurements}
    fit = [
        m
        for m in a.world.measurements
        if (encode("Unit", m.unit_id), encode("Indicator", m.indicator_id))
        == (given["unitId"], given["indicatorId"])
        and lists.holds(m.basis, given.get("basis"))
        and not (given.get("currentOnly") and m.id in corrected)
    ]
    return a.page("Measurement", fit, by("as_of", "id", descending=True), given)


def _indicator_fits(row: r.Indicator, given: Given) -> bool:
    named = lists.reads(row.search, given.get("text")) and lists.holds(row.code, given.get("codes"))
    return named and lists.holds(row.direction, given.get("direction"))


def _client_fits(row: r.ApiClient, given: Given) -> bool:
    over = given.get("revoked")
    return lists.ids(given, unitId=("Unit", row.unit_id)) and (
        over is None or over == (row.revoked_at is not None)
    )


def _identity_fits(row: r.Identity, given: Given) -> bool:
    waits = given.get("waiting")
    return lists.ids(given, personId=("Person", row.person_id)) and (
        waits is None or waits == (row.person_id is None)
    )


def _which(given: Given) -> Given:
    return given.get("filter") or {}


has("Query", "Node", node=lambda a, _r, g: _node(a, g["id"]))
has("Query", "[Node]", nodes=lambda a, _r, g: [_node(a, one) for one in g["ids"]])
has("Query", "Unit", unit=_by_code("Unit"))
has("Query", "Plan", plan=_by_code("Plan"))
has(
    "Query", "Person", person=_by_id("Person"), me=lambda a, _r, _g: a.one("Person", a.sight.viewer.person_id)
)
has("Query", "Indicator", indicator=_by_id("Indicator"))
has("Query", "Target", target=_by_id("Target"))
has("Query", "Task", task=_by_id("Task"))
has("Query", "ApiClient", client=_by_id("ApiClient"))
has(
    "Query",
    "{Unit}",
    units=lambda a, _r, g: a.page(
        "Unit", [u for u in a.world.units if lists.unit_fits(a.world, u, _which(g))], BY_NAME, g
    ),
)
has(
    "Query",
    "{Person}",
    persons=lambda a, _r, g: a.page(
        "Person", [p for p in a.world.persons if lists.person_fits(a.world, p, _which(g), a.sees)], BY_NAME, g
    ),
)
has(
    "Query",
    "{Indicator}",
    indicators=lambda a, _r, g: a.page(
        "Indicator", [i for i in a.world.indicators if _indicator_fits(i, _which(g))], BY_NAME, g
    ),
)
has(
    "Query",
    "{Plan}",
    plans=lambda a, _r, g: a.page(
        "Plan",
        [p for p in a.world.plans if lists.plan_fits(a.world, p, _which(g), a.sees)],
        by("starts_on", "id", descending=True),
        g,
    ),
)
has("Query", "{Target}", targets=lambda a, _r, g: _targets(a, a.world.targets, by("level", "id"), g))
has("Query", "{Measurement}", measurements=_measurements)
has("Query", "{Task}", tasks=lambda a, _r, g: _tasks(a, a.world.tasks, g))
has(
    "Query",
    "{ApiClient}",
    clients=lambda a, _r, g: a.page(
        "ApiClient", [c for c in a.world.clients if _client_fits(c, _which(g))], by("id", descending=True), g
    ),
)
has(
    "Query",
    "{Identity}",
    identities=lambda a, _r, g: a.page(
        "Identity",
        [x for x in a.world.identities if _identity_fits(x, _which(g))],
        by("id", descending=True),
        g,
    ),
)
has(
    "Query",
    "{ClientAuthorization}",
    myAuthorizations=lambda a, _r, g: _let(
        a,
        [x for x in a.world.authorizations if x.person_id == a.sight.viewer.person_id],
        g,
        ended=bool(g.get("ended")),
    ),
)


def _feed(a: Answers, _row: None, given: Given) -> dict[str, Any]:
    rows = [x for x in a.world.activities if a.sight.activity(x)]
    if given.get("subjectId"):
        rows = [x for x in rows if encode(x.subject_type, x.subject_id) == given["subjectId"]]
    size = given.get("first") or 50
    return {"nodes": rows[:size], "hasMore": len(rows) > size}


has("Query", "ActivityFeed", activities=_feed)
has("ActivityFeed", "[Activity]", nodes=lambda _a, feed, _g: feed["nodes"])
has("ActivityFeed", "", hasMore=lambda _a, feed, _g: feed["hasMore"])


def _subject(a: Answers, done: r.Activity, _g: Given) -> tuple[str, Any] | None:
    row = a.one(done.subject_type, done.subject_id) if done.subject_type in KINDS else None
    return None if row is None else (done.subject_type, row)


plainly("Activity", verb="verb", subjectType="subject_type")
has("Activity", "", subjectId=lambda _a, x, _g: encode(x.subject_type, x.subject_id))
has("Activity", "", data=lambda a, x, _g: json.loads(x.data) if a.sight.all else None)
has("Activity", "Person", by=to("Person", "person_id"))
has("Activity", "ApiClient", client=to("ApiClient", "client_id"))
has("Activity", "Unit", unit=to("Unit", "unit_id"))
has("Activity", "Node", subject=_subject)
