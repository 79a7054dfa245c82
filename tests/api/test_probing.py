"""Probing for existence: what may not be seen is answered like what never was, and by the same work.

The prober is the head of a firm that takes part in nothing of others, with things of their own of every
kind. Every place of the schema that takes an id is given the ids of hidden things and ids that never were:
status, headers and body are the same, and so are the statements that the database is sent, one by one. Time
is not measured: it follows from the statements.
"""

import base64
import json
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from graphql import (
    GraphQLInputObjectType,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

import factories
from api.matrix import reading
from api.matrix.country import DUE, TODAY, add_authorization, add_client, token_of
from api.matrix.reading import Things
from api.matrix.stage import Stage, Theatre, mutation, theatre
from statements import counting
from vdept.focus.models import Focus, FocusState
from vdept.kernel import driver
from vdept.kernel.db import Tx
from vdept.kernel.embedded import EmbeddedServers
from vdept.kernel.scopes import Scope
from vdept.signals.models import Detector, Signal
from vdept.sources.models import Way
from vdept.targets.models import Audience, PlanState
from vdept.tasks.models import TaskState
from vdept_graphql.ids import NODES, encode
from vdept_graphql.schema import engine

OPEN = {"Unit", "Indicator", "CalendarException"}
"""Kinds of things that everybody sees."""

BY_ID_ONLY = {
    "CalendarFeed", "EarlyWarning", "Notification", "TaskExtension", "TaskRecurrence", "WebhookDelivery",
    "WebhookEndpoint",
}  # fmt: skip
"""Kinds that are probed by their global id, and in the matrix as every caller; not at every place yet."""

STEMS = {
    "apiclient": "ApiClient", "authorization": "ClientAuthorization", "identity": "Identity",
    "unit": "Unit", "below": "Unit", "person": "Person", "assignee": "Person", "membership": "Membership",
    "keyresult": "KeyResult", "objective": "Objective", "indicator": "Indicator", "plan": "Plan",
    "target": "Target", "measurement": "Measurement", "task": "Task", "blockedby": "Task",
    "extension": "TaskExtension", "recurrence": "TaskRecurrence", "feed": "CalendarFeed",
    "warning": "EarlyWarning", "endpoint": "WebhookEndpoint", "delivery": "WebhookDelivery",
    "exception": "CalendarException", "signal": "Signal", "focus": "Focus",
    "source": "Source", "verdict": "Verdict",
}  # fmt: skip
"""The kind of thing that an id is of, by the end of its name."""

OTHERWISE = {
    "createUnit.parentId": "Unit", "units.filter.parentId": "Unit", "targets.filter.parentId": "Target",
    "tasks.filter.parentId": "Task", "createTask.parentId": "Task", "setParentTask.parentId": "Task",
    "replayRejectedReadings.readings.id": "RejectedReading", "dismissRejectedReadings.ids": "RejectedReading",
    "client.id": "ApiClient", "markNotificationsRead.ids": "Notification",
    "markNotificationsUnread.ids": "Notification", "markAllNotificationsRead.upto": "Notification",
    "markAllNotificationsRead.filter.subjectId": "Notification", "inbox.filter.subjectId": "Notification",
    "inboxBySubject.filter.subjectId": "Notification", "unreadCount.filter.subjectId": "Notification",
}  # fmt: skip
"""Where the name does not say it."""

VALUES = {
    "String": "Lý do", "Int": 10, "Boolean": True, "Date": str(DUE), "Decimal": "1", "ID": None,
    "email": "moi@example.vn", "url": "https://example.vn/", "filename": "a.csv", "reviewOn": str(TODAY),
    "file": base64.b64encode(b"code,name,kind\nF-1,A,FIRM\n").decode(), "asOf": str(TODAY),
    "startsOn": str(TODAY), "kind": None,
}  # fmt: skip
"""What is given where nothing depends on it, by the name of the input or by its type."""


ALWAYS = {"reviewOn", "unitId"}
"""Inputs that are given although they may be left out: without them another refusal comes first."""
OFF = ("",)
"""The way to the place that is tried does not lead through here."""
REFUSED_AT = {"linkIdentity.personId": "identityId", "createTasks.keyResultId": "leadUnitIds"}
"""Where the refusal stands elsewhere: only administrators come so far; it is the units' targets that miss."""
SEEN_THERE = {"Unit.outcome.planId": {"Plan/shared"}}
"""Of a plan that is hidden itself one is shown what one's own unit has done in it."""


@dataclass(frozen=True)
class Place:
    """Somewhere in the schema that takes an id: of a field, the steps into its arguments."""

    owner: str
    field: str
    steps: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join((self.field, *self.steps))

    @property
    def kind(self) -> str:
        """What it takes an id of."""
        if str(self) in OTHERWISE:
            return OTHERWISE[str(self)]
        stem = re.sub("Ids?$|^ids?$", "", self.steps[-1]).lower() or self.field.lower()
        return next((kind for end, kind in STEMS.items() if stem.endswith(end)), "?")


def places(owner: str) -> list[Place]:
    """Every one below the fields of a type, which may take the id of something hidden."""
    found = []
    of: Any = engine.core.type_map[owner]
    for name, one in of.fields.items():
        given = one.args["input"].type if owner == "Mutation" else None
        ways = [((), given)] if given else [((arg,), value.type) for arg, value in one.args.items()]
        for steps, type_ in ways:
            found += [Place(owner, name, way) for way in _ids(type_, steps)]
    return [place for place in found if place.kind not in OPEN | BY_ID_ONLY]


def _ids(type_: Any, steps: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    plain = get_named_type(type_)
    if plain.name == "ID":
        yield steps
    elif isinstance(plain, GraphQLInputObjectType):
        for name, one in plain.fields.items():
            yield from _ids(one.type, (*steps, name))


WRITES = places("Mutation")
ROOTS = [place for place in places("Query") if place.field not in {"node", "nodes", "activities"}]
BELOW = [
    place for owner in ("Unit", "Person", "Plan", "KeyResult", "Target", "Task") for place in places(owner)
]


@dataclass
class Answer:
    """All that a prober can tell two answers apart by."""

    status: int
    headers: list[tuple[str, str]]
    body: str
    statements: list[str]


@dataclass
class Prober:
    """The head of a firm that takes part in nothing, and what is hidden from them."""

    stage: Stage
    house: Theatre
    hidden: dict[str, dict[str, str]]
    own: dict[str, list[str]]
    client: Any

    async def ask(self, query: str, variables: dict[str, Any] | None = None, bearer: str = "") -> Answer:
        with watching(self.stage) as statements:
            body = {"query": query, "variables": variables or {}}
            headers = {"authorization": f"Bearer {bearer or token_of('rival')}", "accept-language": "en"}
            answer = await self.stage.http.post("/graphql", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answered(answer, statements)

    def never(self, kind: str) -> str:
        """The id of a thing that never was."""
        return encode(kind, 2**40 + secrets.randbelow(2**20))

    async def alike(
        self, query: str, given: Any, kind: str, bearer: str = "", but: set[str] | None = None
    ) -> list[str]:
        """What ``given(id)`` lets the prober tell of hidden things of this kind; nothing, if all is well."""
        await self.ask(query, given(self.never(kind)), bearer)  # from here on the document is known
        never = await self.ask(query, given(self.never(kind)), bearer)
        wrong = []
        for name, hidden in self.hidden[kind].items():
            if name not in (but or ()):
                answer = await self.ask(query, given(hidden), bearer)
                wrong += [f"{name}: {answer}\nnever: {never}"] if answer != never else []
        return wrong


@contextmanager
def watching(stage: Stage) -> Iterator[list[str]]:
    """All that the database is sent meanwhile, in order."""
    send = driver.send
    with counting(stage.database) as statements:

        async def noted(tx: Tx, sql: str) -> None:
            statements.append(sql)
            await send(tx, sql)

        with patch.object(driver, "send", noted):
            yield statements


def answered(answer: Any, statements: list[str]) -> Answer:
    left = {"ratelimit", "date"}  # what is left of the prober's own points
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in left)
    return Answer(answer.status_code, headers, answer.text, list(statements))


HIDDEN_STATES = {TaskState.OPEN, TaskState.OFFERED, TaskState.DELIVERED, TaskState.PAUSED}


@dataclass
class Scene:
    """The matrix' country with everything in it, and the prober's own of every kind."""

    things: Things
    own: dict[str, list[str]]
    client: Any


async def build(tx: Tx) -> Scene:
    things = await reading.build(tx)
    units, people, own = things.country.units, things.country.people, dict[str, list[str]]()
    rival, share = units["rival"], things.rows["Indicator/share"]

    def mine(kind: str, *rows: Any) -> None:
        own.setdefault(kind, []).extend(encode(kind, row.id) for row in rows)

    colleague = await factories.person(tx)
    mine("Unit", rival)
    mine("Indicator", share)
    mine("Person", colleague, people["rival"])
    mine("Membership", things.rows["Membership/rival"])
    for phase in (PlanState.DRAFT, PlanState.ISSUED):
        plan = await factories.plan(tx, rival, audience=Audience.PARTICIPANTS, state=phase)
        what = await factories.key_result(tx, plan, share)
        mine("Plan", plan)
        mine("KeyResult", what)
        own.setdefault("Objective", []).append(encode("Objective", what.objective_id))
    mine("Target", await factories.target(tx, what, rival))
    mine("Measurement", things.rows["Measurement/rival"])
    for state in TaskState:
        reason = {"state_reason": "Vướng"} if state in {TaskState.DECLINED, TaskState.CANCELLED} else {}
        if state is TaskState.PAUSED:
            reason = {"state_reason": "Vướng", "review_on": DUE, "paused_from": TaskState.IN_PROGRESS}
        if state in {TaskState.DELIVERED, TaskState.VERIFIED}:
            reason = {"delivered_on": TODAY, "result": "Xong"}
        if state is TaskState.VERIFIED:
            reason["verified_at"] = tx.now
        for who in ("rival", "danang"):
            lead = None if state is TaskState.OPEN else units[who]
            row = await factories.task(
                tx, units[who], lead, state=state, audience=Audience.PARTICIPANTS, due_on=DUE, **reason
            )
            if who == "rival":
                mine("Task", row)
            elif state in HIDDEN_STATES:
                things.add(f"Task/{who}.{state}", row)
    client = await add_client(tx, rival, Scope)
    mine("ApiClient", client)
    mine("ClientAuthorization", await add_authorization(tx, client, people["rival"], Scope))
    own["Identity"] = [encode("Identity", 2**41)]
    for way in Way:
        source = await factories.source(tx, rival, share, way=way)
        mine("Source", source)
    mine("RejectedReading", await factories.rejected_reading(tx, source, share))
    signal = Signal(
        detector=Detector.RUSH, key="rival", unit_id=rival.id, score=Decimal(5), evidence={},
        found_on=TODAY, found_at=tx.now,
    )  # fmt: skip
    focus = Focus(
        plan_id=plan.id, unit_id=rival.id, agree_by=DUE, state=FocusState.PROPOSED, nominated_at=tx.now
    )
    tx.session.add_all([signal, focus])
    await tx.session.flush()
    mine("Signal", signal)
    mine("Focus", focus)
    own["Verdict"] = [encode("Verdict", 2**41)]
    return Scene(things, own, client)


@pytest.fixture(scope="module")
async def prober(servers: EmbeddedServers, template: str) -> AsyncIterator[Prober]:
    async with theatre(servers, template, "probing", build) as (house, scene):
        stage = await house.stage("probed")
        seen, hidden = reading.seen_by("rival"), dict[str, dict[str, str]]()
        for name in scene.things.rows:
            kind = name.partition("/")[0]
            if not seen.get(name, False) and kind not in OPEN:
                hidden.setdefault(kind, {})[name] = scene.things.id(name)
        for ids in hidden.values():
            assert await nodes(stage, [*ids.values()]) == [None] * len(ids)
        yield Prober(stage, house, hidden, scene.own, scene.client)


async def nodes(stage: Stage, ids: list[str]) -> list[Any]:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    return list((await stage.as_("rival", query, {"ids": ids})).data["nodes"])


def sound(prober: Prober, type_: Any, name: str, choice: int, wanted: tuple[str, ...], id_: str) -> Any:
    """A value for an input: what is required, and on the way to the place that is tried, ``id_``."""
    if is_non_null_type(type_):
        return sound(prober, type_.of_type, name, choice, wanted, id_)
    if is_list_type(type_):
        return [sound(prober, type_.of_type, name, choice, wanted, id_)]
    if isinstance(type_, GraphQLInputObjectType):
        one_of = type_.extensions["strawberry-definition"].is_one_of
        first = next(iter(type_.fields)) if one_of else ""
        return {
            one: sound(prober, part.type, one, choice, wanted[1:] if wanted[:1] == (one,) else OFF, id_)
            for one, part in type_.fields.items()
            if is_required_input_field(part) or wanted[:1] == (one,) or one in {first, *ALWAYS}
        }
    if type_.name == "ID":
        own = prober.own[Place("", "", (name,)).kind] if wanted else [id_]
        return own[choice % len(own)]
    if values := getattr(type_, "values", None):
        return next(iter(values))
    return VALUES.get(name) or VALUES[type_.name]


def refusals(answer: Answer) -> set[tuple[str, str]]:
    """Code and first step of the path of every refusal in a payload, bulk items included."""
    (payload,) = json.loads(answer.body)["data"].values()
    errors = [*payload["errors"], *(one for item in payload.get("results") or [] for one in item["errors"])]
    return {(error["code"], next(iter(error["path"]), "")) for error in errors}


def test_there_is_something_hidden_and_something_own_of_every_kind(prober: Prober) -> None:
    assert set(NODES) - OPEN - set(prober.hidden) == set()
    kinds = {place.kind for place in [*WRITES, *ROOTS, *BELOW]}
    assert "?" not in kinds
    assert kinds <= set(prober.own)


@pytest.mark.parametrize("place", WRITES, ids=str)
async def test_a_mutation_tells_a_hidden_thing_from_none_in_no_way(prober: Prober, place: Place) -> None:
    """With the prober's own everywhere else, in one state after the other until the id is looked at."""
    input_ = engine.core.mutation_type.fields[place.field].args["input"].type  # type: ignore[union-attr]
    query, wrong, looked_at = mutation(place.field), [], False
    for choice in range(len(TaskState)):

        def given(id_: str, choice: int = choice) -> dict[str, Any]:
            return {"input": sound(prober, input_, "input", choice, place.steps, id_)}

        refused = refusals(await prober.ask(query, given(prober.never(place.kind))))
        assert refused, "this was done, with an id of nothing"
        assert not any(code == "INVALID_ID" for code, _ in refused), "not the kind of id that it takes"
        wrong += await prober.alike(query, given, place.kind)
        looked_at = REFUSED_AT.get(str(place), place.steps[0]) in {first for _, first in refused}
        if looked_at:
            break
    assert not wrong, wrong[0]
    assert looked_at, f"another refusal comes before: {refused}"


async def test_nothing_was_changed(prober: Prober) -> None:
    assert await prober.stage.changed() == []


@pytest.mark.parametrize("place", ROOTS, ids=str)
async def test_a_root_field_tells_a_hidden_thing_from_none_in_no_way(prober: Prober, place: Place) -> None:
    wrong = await prober.alike(*asking(prober, "Query", place), place.kind)
    assert not wrong, wrong[0]


@pytest.mark.parametrize("place", BELOW, ids=lambda place: f"{place.owner}.{place}")
async def test_a_field_of_ones_own_tells_a_hidden_thing_from_none_in_no_way(
    prober: Prober, place: Place
) -> None:
    wrong = []
    for own in prober.own[place.owner]:
        query, given = asking(prober, place.owner, place)
        body = f"... on {place.owner} {{ {query.partition('{')[2]}"
        whole = f"query($id: ID!, $own: ID!) {{ node(id: $own) {{ {body} }} }}"

        def with_own(id_: str, own: str = own, given: Any = given) -> dict[str, str]:
            return {**given(id_), "own": own}

        wrong += await prober.alike(whole, with_own, place.kind, but=SEEN_THERE.get(f"{place.owner}.{place}"))
    assert not wrong, wrong[0]


@pytest.mark.parametrize("kind", sorted(set(NODES) - OPEN))
@pytest.mark.parametrize(
    "query",
    [
        "query($id: ID!) { node(id: $id) { id } }",
        "query($id: ID!) { nodes(ids: [$id, $id]) { id } }",
        "query($id: ID!) { activities(subjectId: $id) { nodes { verb } hasMore endCursor } }",
    ],
    ids=["node", "nodes", "activities"],
)
async def test_an_id_of_any_kind_tells_nothing(prober: Prober, query: str, kind: str) -> None:
    for bearer in ("", prober.house.token(prober.client, Scope)):
        wrong = await prober.alike(query, lambda id_: {"id": id_}, kind, bearer)
        assert not wrong, wrong[0]


async def test_a_plans_code_tells_nothing(prober: Prober) -> None:
    query = (
        "query($code: String!) { plan(code: $code) { id } plans(filter: {codes: [$code]}) { totalCount } }"
    )
    hidden = await prober.ask(query, {"code": "KH-ministry"})
    assert hidden == await prober.ask(query, {"code": "KH-nothing!"})


def asking(prober: Prober, owner: str, place: Place) -> tuple[str, Any]:
    """A query of the field with the id in its place and what else it requires, and its variables."""
    of: Any = engine.core.type_map[owner]
    field = of.fields[place.field]
    led = get_named_type(field.type)
    lists = {"totalCount", "hasMore"} & set(getattr(led, "fields", {}))
    if "nodes" in led.fields:
        selection = f"{{ {' '.join(lists)} nodes {{ __typename }} pageInfo {{ hasNextPage }} }}"
    else:
        selection = "{ __typename }"
    given = [_literal(place.steps)]
    for name, argument in field.args.items():
        if is_required_argument(argument) and name != place.steps[0]:
            given.append(f'{name}: "{prober.own[Place("", "", (name,)).kind][0]}"')
    query = f"query($id: ID!) {{ {place.field}({', '.join(given)}) {selection} }}"
    return query, lambda id_: {"id": id_}


def _literal(steps: tuple[str, ...]) -> str:
    first, *rest = steps
    return f"{first}: {{{_literal(tuple(rest))}}}" if rest else f"{first}: $id"
