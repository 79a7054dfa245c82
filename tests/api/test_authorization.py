"""The authorization matrix: every root field of the schema × every kind of caller (design, section 6).

``matrix/table.py`` says who may do what, ``matrix/country.py`` who they are. Whoever may not is told so by
code, gets nothing, and has changed nothing in any table; whoever may has done it under their own name.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from api.conftest import Reply
from api.matrix import reading, reads, subjects, table
from api.matrix.country import COLUMNS, TODAY, UNIT_OF, Country, token_of
from api.matrix.reading import Things
from api.matrix.stage import Stage, Theatre, mutation, theatre
from vdept.kernel.embedded import EmbeddedServers
from vdept.kernel.scopes import Scope
from vdept_graphql.ids import NODES, encode
from vdept_graphql.schema import engine

READ_OF = {
    scope: Scope(f"{scope.partition(':')[0]}:read")
    for scope in Scope
    if scope.endswith(":write") and scope != Scope.UNITS_WRITE
}
WRITES = table.writes()
READS = reads.read()
SEEN = {column: reading.seen_by(column) for column in COLUMNS}
HIDDEN_ANYWAY = set(table.HIDDEN_ANYWAY.split())


@dataclass(frozen=True)
class Caller:
    """Who calls: a column of the table, itself or through Huế's client."""

    column: str
    through: str | None = None
    """``unit``: the client for its unit; ``person``: the client for the column's person."""
    scopes: frozenset[Scope] = frozenset(Scope)


class Play:
    """The prepared copies, the people, and the inputs of writes."""

    def __init__(self, house: Theatre, country: Country, inputs: dict[str, dict[str, Any]]) -> None:
        self.house, self.country, self.inputs = house, country, inputs
        self.names = {unit.id: name for name, unit in country.units.items()}

    async def write(self, stage: Stage, row: str, caller: Caller) -> Reply:
        """What the caller gets for the input of this row."""
        own = {
            subjects.ME: encode("Person", self.country.people[caller.column].id),
            subjects.MY_UNIT: encode("Unit", self.country.unit_id(UNIT_OF.get(caller.column, "hue"))),
            subjects.MY_CONSENT: encode("ClientAuthorization", self.country.authorizations[caller.column].id),
            subjects.MY_IDENTITY: encode("Identity", self.country.identities[caller.column].id),
        }
        given = {
            name: own.get(value, value) if isinstance(value, str) else value
            for name, value in self.inputs[row].items()
        }
        return await stage.ask(
            bearer_of(self.house, self.country, caller), mutation(field_of(row)), {"input": given}
        )

    async def refused(self, stage: Stage, row: str, caller: Caller, mark: str) -> str | None:
        """What is wrong with how this cell is refused, if anything."""
        payload = (await self.write(stage, row, caller)).data[field_of(row)]
        if codes_of(payload) != [table.CODES[mark]] or given_back(payload):
            return f"{row} by {caller}: {table.CODES[mark]} expected, got {payload}"
        return None

    async def done(self, stage: Stage, row: str, caller: Caller) -> str | None:
        """What is wrong with how this cell is done, if anything: it succeeds and is logged as what it is."""
        before = await stage.last_activity()
        payload = (await self.write(stage, row, caller)).data[field_of(row)]
        logged = {
            (one["person_id"], one["client_id"], self.names.get(one["unit_id"]))
            for one in await stage.activities(before)
        }
        person = None if caller.through == "unit" else self.country.people[caller.column].id
        client = self.country.client.id if caller.through else None
        wanted = {(person, client, WRITES[row].unit_for(UNIT_OF.get(caller.column)))}
        if codes_of(payload) or logged != wanted:
            return f"{row} by {caller}: {payload}, {logged} in the log instead of {wanted}"
        return None

    async def turned_away(self, stage: Stage, row: str, caller: Caller, code: str) -> str | None:
        """What is wrong with how a client is refused at the edge, before anything is looked at."""
        reply = await self.write(stage, row, caller)
        if (reply.status, reply.codes, reply.body.get("data")) != (403, [code], None):
            return f"{row} by {caller}: {code} expected, got {reply}"
        return None


def bearer_of(house: Theatre, country: Country, caller: Caller) -> str:
    if caller.through is None:
        return token_of(caller.column)
    grant = country.consents[caller.column] if caller.through == "person" else None
    return house.token(country.client, caller.scopes, grant)


@pytest.fixture(scope="module")
async def play(servers: EmbeddedServers, template: str) -> AsyncIterator[Play]:
    async with theatre(servers, template, "matrix", subjects.build) as (house, (country, inputs)):
        yield Play(house, country, inputs)


class Reading:
    """A copy with something of everything in it, and what callers are answered to questions."""

    def __init__(self, house: Theatre, stage: Stage, things: Things) -> None:
        self.house, self.stage, self.things = house, stage, things
        self.answers: dict[str, dict[str, Any]] = {}

    async def ask(self, caller: Caller, questions: Iterable[str]) -> dict[str, Any]:
        """What the caller is answered to each, as many in one request as it may have root fields."""
        answers: dict[str, Any] = {}
        for some in batched(questions, 40):
            fields = [f"q{i}: {READS[question].query(self.things)}" for i, question in enumerate(some)]
            reply = await self.reply(caller, f"{{ {' '.join(fields)} }}")
            answers |= dict(zip(some, reply.data.values(), strict=True))
        return answers

    async def reply(self, caller: Caller, query: str, **variables: Any) -> Reply:
        bearer = bearer_of(self.house, self.things.country, caller)
        return await self.stage.ask(bearer, query, variables)

    def wrong(self, question: str, answer: Any, seen: Mapping[str, bool]) -> str | None:
        """How an answer differs from what somebody is to get who sees this, if it does."""
        found, count = READS[question].found(answer, self.things)
        wanted = READS[question].expected(seen, self.things)
        if found == wanted and count in (-1, len(wanted)):
            return None
        over, less = Counter(found) - Counter(wanted), Counter(wanted) - Counter(found)
        return f"{question}: too much {sorted(over)}, too little {sorted(less)}, {count} counted"


@pytest.fixture(scope="module")
async def shown(servers: EmbeddedServers, template: str) -> AsyncIterator[Reading]:
    async with theatre(servers, template, "matrix_reads", reading.build) as (house, things):
        everything = Reading(house, await house.stage("all"), things)
        for column in COLUMNS:
            everything.answers[column] = await everything.ask(Caller(column), READS)
        assert not await everything.stage.changed()
        yield everything


def field_of(row: str) -> str:
    return row.partition(":")[0]


def codes_of(payload: dict[str, Any]) -> list[str]:
    """Why this was refused, as a whole or for the items of a bulk call."""
    refused = payload["errors"] + [e for item in payload.get("results") or [] for e in item.get("errors", [])]
    return sorted({error["code"] for error in refused})


def given_back(payload: dict[str, Any]) -> dict[str, Any]:
    """What a payload holds beside errors: nothing, for whoever was refused."""
    found = {name: value for name, value in payload.items() if name not in {"errors", "results"}}
    found["results"] = [item["task"] for item in payload.get("results") or [] if item.get("task")]
    return {name: value for name, value in found.items() if value}


def test_every_mutation_of_the_schema_has_a_row(play: Play) -> None:
    mutations = engine.core.mutation_type
    assert mutations is not None
    named = {field_of(row) for row in WRITES}
    missing = sorted(set(mutations.fields) - named)
    assert not missing, f"say in matrix/table.py who may do this: {', '.join(missing)}"
    gone = sorted(named - set(mutations.fields))
    assert not gone, f"matrix/table.py has rows of no field: {', '.join(gone)}"
    assert set(play.inputs) == set(WRITES), (
        "every row has an input (matrix/subjects.py), and every input a row"
    )


@pytest.mark.parametrize("row", WRITES)
async def test_who_may_not_is_told_so_and_nothing_has_changed(play: Play, row: str) -> None:
    stage = await play.house.stage("refused")
    refused = {column: mark for column, mark in WRITES[row].answers.items() if mark != "+"}
    wrong = []
    for column, mark in refused.items():
        wrong.append(await play.refused(stage, row, Caller(column), mark))
        wrong += [f"{row} by {column} changed {table}" for table in await stage.changed()]
    assert not list(filter(None, wrong))


@pytest.mark.parametrize("row", WRITES)
async def test_who_may_has_done_it_under_their_own_name(play: Play, row: str) -> None:
    allowed = [column for column, mark in WRITES[row].answers.items() if mark == "+"]
    wrong = [await play.done(await play.house.stage(column), row, Caller(column)) for column in allowed]
    assert not list(filter(None, wrong))


async def test_what_is_public_is_forbidden_instead_of_not_found(play: Play) -> None:
    change = "UPDATE plan SET audience = 'PUBLIC'; UPDATE task SET audience = 'PUBLIC'"
    stage = await play.house.stage("public", change)
    wrong = [
        await play.refused(stage, row, Caller(column), "N" if row in HIDDEN_ANYWAY else "F")
        for row, write in WRITES.items()
        for column, mark in write.answers.items()
        if mark == "N"
    ]
    assert not list(filter(None, wrong))
    assert not await stage.changed()


HEAD = "UPDATE membership SET {0} WHERE unit_id = {1} AND role = 'HEAD'"
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
NOT_HEAD_TODAY = {
    "yesterdays_head": HEAD.format(f"ends_on = '{YESTERDAY}'", "{0}"),
    "tomorrows_head": HEAD.format(f"starts_on = '{TOMORROW}'", "{0}"),
    "head_of_a_unit_that_has_ended": f"UPDATE unit SET valid_to = '{YESTERDAY}' WHERE id = {{0}}",
    "head_of_a_unit_to_come": f"UPDATE unit SET valid_from = '{TOMORROW}' WHERE id = {{0}}",
}


@pytest.mark.parametrize("who", NOT_HEAD_TODAY)
async def test_who_is_not_head_today_acts_as_nobody(play: Play, who: str) -> None:
    stage = await play.house.stage(who, NOT_HEAD_TODAY[who].format(play.country.unit_id("hue")))
    refused = {
        row: write.answers["nobody"] for row, write in WRITES.items() if write.answers["nobody"] != "+"
    }
    wrong = [await play.refused(stage, row, Caller("head"), mark) for row, mark in refused.items()]
    assert not list(filter(None, wrong))
    assert not await stage.changed()


async def test_the_last_day_in_office_counts(play: Play) -> None:
    change = HEAD.format(f"starts_on = '{TODAY}', ends_on = '{TODAY}'", play.country.unit_id("hue"))
    stage = await play.house.stage("last_day", change)
    allowed = [row for row, write in WRITES.items() if write.answers["head"] == "+"]
    wrong = [await play.done(stage, row, Caller("head")) for row in allowed]
    assert not list(filter(None, wrong))


async def test_nobody_writes_anonymously(play: Play) -> None:
    stage = await play.house.stage("refused")
    for row, given in play.inputs.items():
        reply = await stage.ask(None, mutation(field_of(row)), {"input": given})
        assert (reply.status, reply.codes, "data" in reply.body) == (401, ["UNAUTHENTICATED"], False)
    assert not await stage.changed()


NOT_KNOWN = ((401, ["UNAUTHENTICATED"]), (429, ["TOO_MANY_ATTEMPTS"]))
"""Whoever shows a bad token again and again is not looked at any more."""


@pytest.mark.parametrize(
    "bearer", ["vdept_" + 43 * "x", "e30.e30.e30", token_of("head"), token_of("administrator")]
)
async def test_nobody_writes_with_a_token_that_is_no_good(play: Play, bearer: str) -> None:
    stage = await play.house.stage("locked_out", "UPDATE person SET active = false")
    for row, given in play.inputs.items():
        reply = await stage.ask(bearer, mutation(field_of(row)), {"input": given})
        assert (reply.status, reply.codes) in NOT_KNOWN
        assert "data" not in reply.body
    assert not await stage.changed()
    play.house.forget_failures()


# -- writes of clients -----------------------------------------------------------------------------------

AS = {
    "for its unit": Caller("coordinator", "unit"),
    "for the head": Caller("head", "person"),
    "for an administrator": Caller("administrator", "person"),
}
OF_CLIENTS = [row for row, write in WRITES.items() if write.scope != "nobody"]


def answer_for(row: str, who: str) -> str:
    """What a client with all scopes is answered: as its unit's coordinator, or as the person it acts for.

    An administrator lends nobody more than they have without it: this one holds no role.
    """
    if who == "for its unit":
        return table.AS_CLIENT.get(row, WRITES[row].answers["coordinator"])
    return WRITES[row].answers["head" if who == "for the head" else "nobody"]


@pytest.mark.parametrize("who", AS)
@pytest.mark.parametrize("row", OF_CLIENTS)
async def test_a_client_does_what_its_unit_or_person_may_under_its_own_name(
    play: Play, row: str, who: str
) -> None:
    stage, mark = await play.house.stage(f"client_{AS[who].column}"), answer_for(row, who)
    if mark == "+":
        assert not await play.done(stage, row, AS[who])
    else:
        stage = await play.house.stage("refused")
        assert not await play.refused(stage, row, AS[who], mark)
        assert not await stage.changed()


@pytest.mark.parametrize("row", OF_CLIENTS)
async def test_a_client_without_the_scope_is_turned_away_whatever_else_it_may(play: Play, row: str) -> None:
    stage, scope = await play.house.stage("refused"), Scope(WRITES[row].scope)
    for scopes in (frozenset(Scope) - {scope}, frozenset({READ_OF[scope]} if scope in READ_OF else ())):
        for who in AS.values():
            narrowed = replace(who, scopes=scopes)
            assert not await play.turned_away(stage, row, narrowed, "INSUFFICIENT_SCOPE")
    assert not await stage.changed()


@pytest.mark.parametrize("row", [row for row in OF_CLIENTS if answer_for(row, "for its unit") == "+"])
async def test_a_client_needs_no_more_than_the_scope(play: Play, row: str) -> None:
    scopes = {Scope(WRITES[row].scope)}
    stage = await play.house.stage("client_narrow")
    if more := table.ALSO_NEEDS.get(row):
        narrow = replace(AS["for its unit"], scopes=frozenset(scopes))
        assert not await play.refused(await play.house.stage("refused"), row, narrow, "N")
        scopes.add(Scope(more))
    assert not await play.done(stage, row, replace(AS["for its unit"], scopes=frozenset(scopes)))


@pytest.mark.parametrize("row", [row for row, write in WRITES.items() if write.scope == "nobody"])
async def test_what_people_do_themselves_no_client_does_for_them(play: Play, row: str) -> None:
    stage = await play.house.stage("refused")
    for who in AS.values():
        assert not await play.turned_away(stage, row, who, "NOT_FOR_CLIENTS")
    assert not await stage.changed()


# -- reads ---------------------------------------------------------------------------------------------


def test_every_way_through_the_schema_has_a_row(shown: Reading) -> None:
    asked = set().union(*[row.fields() for row in READS.values()]) | {"Query.node", "Query.nodes"}
    missing = sorted(reads.fields_to_ask() - asked)
    assert not missing, f"ask for these in matrix/reads.py: {', '.join(missing)}"
    unsaid = sorted(set(shown.things.rows) - set(SEEN["head"]))
    assert not unsaid, f"say in matrix/reading.py who sees {', '.join(unsaid)}"
    kinds = {name.partition("/")[0] for name in shown.things.rows}
    assert kinds == set(NODES), "a new kind of node: make one in matrix/reading.py and say who sees it"


@pytest.mark.parametrize("question", READS)
def test_each_caller_is_shown_exactly_what_is_theirs_to_see(shown: Reading, question: str) -> None:
    wrong = {
        column: shown.wrong(question, shown.answers[column][question], SEEN[column]) for column in COLUMNS
    }
    assert not {column: told for column, told in wrong.items() if told}


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_thing_is_found_by_its_id_by_whom_it_is_seen_and_by_nobody_else(
    shown: Reading, column: str
) -> None:
    assert not await wrong_by_id(shown, Caller(column), shown.things.rows, SEEN[column])


async def wrong_by_id(
    shown: Reading, caller: Caller, names: Iterable[str], seen: Mapping[str, bool]
) -> list[str]:
    """What ``node`` and ``nodes`` answer otherwise than to somebody who sees this."""
    wrong = []
    for some in batched(names, 39):
        ids = [shown.things.id(name) for name in some]
        single = " ".join(f'n{i}: node(id: "{one}") {{ id }}' for i, one in enumerate(ids))
        many = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ id }} {single} }}"
        data = (await shown.reply(caller, many, ids=ids)).data
        nodes, alone = data.pop("nodes"), list(data.values())
        for name, one, *found in zip(some, ids, nodes, alone, strict=True):
            wanted = {"id": one} if seen[name] else None
            wrong += [f"{name}: {found}"] if found != [wanted, wanted] else []
    return wrong


READ_SCOPES = [scope for scope in Scope if scope.endswith(":read")]
READING_CLIENTS = {
    "without scope": replace(AS["for its unit"], scopes=frozenset()),
    **{scope.value: replace(AS["for its unit"], scopes=frozenset({scope})) for scope in READ_SCOPES},
    **{f"everything {who}": caller for who, caller in AS.items()},
    "tasks for the head": replace(AS["for the head"], scopes=frozenset({Scope.TASKS_READ})),
}


def seen_through(caller: Caller) -> dict[str, bool]:
    """What a client sees: what its unit's coordinator or its person does, as far as its scopes go.

    An administrator's own eyes are not lent: without a role, there is what everybody sees, and oneself.
    """
    base = SEEN[caller.column]
    if caller.column == "administrator":
        base = {name: all(SEEN[column][name] for column in COLUMNS) for name in base}
        base |= {"Person/administrator": True}
    seen = {name: base[name] and reads.scopes_of(name) <= caller.scopes for name in base}
    myself = caller.column if caller.through == "person" else None
    return seen | {f"Only/{column}": column == myself for column in COLUMNS} | {"ApiClient/hue": True}


@pytest.mark.parametrize("who", READING_CLIENTS)
async def test_a_client_is_shown_what_its_unit_or_person_sees_within_its_scopes(
    shown: Reading, who: str
) -> None:
    caller, seen = READING_CLIENTS[who], seen_through(READING_CLIENTS[who])
    able = [question for question, row in READS.items() if row.scopes() <= caller.scopes]
    answers = await shown.ask(caller, able)
    wrong = [shown.wrong(question, answer, seen) for question, answer in answers.items()]
    assert not list(filter(None, wrong))
    known = [name for name in shown.things.rows if reads.scopes_of(name) <= caller.scopes]
    assert not await wrong_by_id(shown, caller, known, seen)


@pytest.mark.parametrize("who", READING_CLIENTS)
async def test_a_client_is_turned_away_from_what_its_scopes_leave_out(shown: Reading, who: str) -> None:
    caller, asked = READING_CLIENTS[who], set()
    for row in READS.values():
        missing = row.scopes() - caller.scopes
        ways = frozenset(owner.name for owner in row.owners())
        if missing and ways not in asked:
            asked.add(ways)
            reply = await shown.reply(caller, f"{{ {row.query(shown.things)} }}")
            code = "NOT_FOR_CLIENTS" if "nobody" in missing else "INSUFFICIENT_SCOPE"
            assert (reply.status, reply.codes, reply.body.get("data")) == (403, [code], None), row
    for name in shown.things.rows:
        if missing := reads.scopes_of(name) - caller.scopes:
            reply = await shown.reply(caller, f'{{ node(id: "{shown.things.id(name)}") {{ id }} }}')
            code = "NOT_FOR_CLIENTS" if "nobody" in missing else "INSUFFICIENT_SCOPE"
            assert (reply.codes, reply.body["data"]) == ([code], {"node": None}), name


def batched(values: Iterable[str], size: int) -> list[list[str]]:
    every = list(values)
    return [every[i : i + size] for i in range(0, len(every), size)]
