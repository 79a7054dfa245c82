"""The authorization matrix: every root field of the schema × every kind of caller (design, section 6).

``matrix/table.py`` says who may do what, ``matrix/country.py`` who they are. Whoever may not is told so by
code, gets nothing, and has changed nothing in any table; whoever may has done it under their own name.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from api.matrix import reading, reads, subjects, table
from api.matrix.country import COLUMNS, TODAY, token_of
from api.matrix.play import READS, SEEN, WRITES, Caller, Play, Reading, field_of
from api.matrix.stage import mutation, theatre
from vdept.kernel.embedded import EmbeddedServers
from vdept.kernel.scopes import Scope
from vdept_graphql.ids import NODES
from vdept_graphql.schema import engine

HIDDEN_ANYWAY = set(table.HIDDEN_ANYWAY.split())


@pytest.fixture(scope="module")
async def play(servers: EmbeddedServers, template: str) -> AsyncIterator[Play]:
    async with theatre(servers, template, "matrix", subjects.build) as (house, (country, inputs)):
        yield Play(house, country, inputs)


@pytest.fixture(scope="module")
async def shown(servers: EmbeddedServers, template: str) -> AsyncIterator[Reading]:
    async with theatre(servers, template, "matrix_reads", reading.build) as (house, things):
        everything = Reading(house, await house.stage("all"), things)
        for column in COLUMNS:
            everything.answers[column] = await everything.ask(Caller(column), READS)
        assert not await everything.stage.changed()
        yield everything


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
        wrong += [f"{row} by {column} changed {name}" for name in await stage.changed()]
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


THEIR_OWN = frozenset({"revokeCalendarFeed"})
"""What belongs to the person and not to the office: whoever leaves may still end it."""


@pytest.mark.parametrize("who", NOT_HEAD_TODAY)
async def test_who_is_not_head_today_acts_as_nobody(play: Play, who: str) -> None:
    stage = await play.house.stage(who, NOT_HEAD_TODAY[who].format(play.country.unit_id("hue")))
    refused = {
        row: write.answers["nobody"]
        for row, write in WRITES.items()
        if write.answers["nobody"] != "+" and row not in THEIR_OWN
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
    for row, given in list(play.inputs.items())[::5]:
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
    every_other = frozenset(Scope) - {scope}
    for who in AS.values():
        narrowed = replace(who, scopes=every_other)
        assert not await play.turned_away(stage, row, narrowed, "INSUFFICIENT_SCOPE")
    nothing = replace(AS["for its unit"], scopes=frozenset())
    assert not await play.turned_away(stage, row, nothing, "INSUFFICIENT_SCOPE")
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
    assert not await shown.wrong_by_id(Caller(column), shown.things.rows, SEEN[column])


@pytest.mark.parametrize("who", NOT_HEAD_TODAY)
async def test_who_is_not_head_today_sees_what_everybody_sees_and_their_own(shown: Reading, who: str) -> None:
    """Their own: themselves, what they held, who they are at a provider, and the clients they let act."""
    unit = shown.things.country.unit_id("hue")
    stage = await shown.house.stage(who, NOT_HEAD_TODAY[who].format(unit))
    own = {"Person/head", "Membership/head", "Identity/head", "ApiClient/hue", "ApiClient/ministry"}
    own |= {"ClientAuthorization/head", "ClientAuthorization/hue.head", "Notification/head"} | {
        "CalendarFeed/head"
    }
    seen = {name: name in own or all(SEEN[column][name] for column in COLUMNS) for name in shown.things.rows}
    there = Reading(shown.house, stage, shown.things)
    assert not await there.wrong_by_id(Caller("head"), shown.things.rows, seen)


async def test_nobody_reads_anonymously(shown: Reading) -> None:
    for row in READS.values():
        reply = await shown.stage.ask(None, f"{{ {row.query(shown.things)} }}")
        assert (reply.status, reply.codes, "data" in reply.body) == (401, ["UNAUTHENTICATED"], False)


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
    seen |= {
        f"Notification/{column}": column == myself and Scope.NOTIFICATIONS_READ in caller.scopes
        for column in COLUMNS
    }
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
    assert not await shown.wrong_by_id(caller, known, seen)


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
        if missing := reads.scopes_of(name.partition("/")[0]) - caller.scopes:
            reply = await shown.reply(caller, f'{{ node(id: "{shown.things.id(name)}") {{ id }} }}')
            code = "NOT_FOR_CLIENTS" if "nobody" in missing else "INSUFFICIENT_SCOPE"
            assert (reply.codes, reply.body["data"]) == ([code], {"node": None}), name
