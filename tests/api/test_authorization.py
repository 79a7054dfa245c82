"""The authorization matrix: every root field of the schema × every kind of caller (design, section 6).

``matrix/table.py`` says who may do what, ``matrix/country.py`` who they are. Whoever may not is told so by
code, gets nothing, and has changed nothing in any table; whoever may has done it under their own name.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from api.conftest import Reply
from api.matrix import subjects, table
from api.matrix.country import COLUMNS, TODAY, UNIT_OF, Country
from api.matrix.stage import Stage, Theatre, mutation, theatre
from vdept.kernel.embedded import EmbeddedServers
from vdept_graphql.ids import encode
from vdept_graphql.schema import engine

WRITES = table.read(table.WRITES, COLUMNS)
HIDDEN_ANYWAY = set(table.HIDDEN_ANYWAY.split())


class Play:
    """The prepared copies, the people, and the inputs of writes."""

    def __init__(self, house: Theatre, country: Country, inputs: dict[str, dict[str, Any]]) -> None:
        self.house, self.country, self.inputs = house, country, inputs
        self.names = {unit.id: name for name, unit in country.units.items()}

    async def write(self, stage: Stage, row: str, column: str) -> Reply:
        """What the caller of this column gets for the input of this row."""
        own = {
            subjects.ME: encode("Person", self.country.people[column].id),
            subjects.MINE: encode("ClientAuthorization", self.country.authorizations[column].id),
        }
        given = {
            name: own.get(value, value) if isinstance(value, str) else value
            for name, value in self.inputs[row].items()
        }
        return await stage.as_(column, mutation(field_of(row)), {"input": given})

    async def refused(self, stage: Stage, row: str, column: str, mark: str) -> str | None:
        """What is wrong with how this cell is refused, if anything."""
        payload = (await self.write(stage, row, column)).data[field_of(row)]
        if changed := await stage.changed():
            return f"{row} by {column} changed {', '.join(changed)}"
        if codes_of(payload) != [table.CODES[mark]] or given_back(payload):
            return f"{row} by {column}: {table.CODES[mark]} expected, got {payload}"
        return None

    async def done(self, stage: Stage, row: str, column: str) -> str | None:
        """What is wrong with how this cell is done, if anything: it succeeds and is logged as what it is."""
        before = await stage.last_activity()
        payload = (await self.write(stage, row, column)).data[field_of(row)]
        logged = {
            (one["person_id"], one["client_id"], self.names.get(one["unit_id"]))
            for one in await stage.activities(before)
        }
        whose = WRITES[row].unit_for(UNIT_OF.get(column))
        wanted = {(self.country.people[column].id, None, whose)}
        if codes_of(payload) or logged != wanted:
            return f"{row} by {column}: {payload}, {logged} in the log instead of {wanted}"
        return None


@pytest.fixture(scope="module")
async def play(servers: EmbeddedServers, template: str) -> AsyncIterator[Play]:
    async with theatre(servers, template, "matrix", subjects.build) as (house, (country, inputs)):
        yield Play(house, country, inputs)


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
    wrong = [await play.refused(stage, row, column, mark) for column, mark in refused.items()]
    assert not list(filter(None, wrong))


@pytest.mark.parametrize("row", WRITES)
async def test_who_may_has_done_it_under_their_own_name(play: Play, row: str) -> None:
    allowed = [column for column, mark in WRITES[row].answers.items() if mark == "+"]
    wrong = [await play.done(await play.house.stage(column), row, column) for column in allowed]
    assert not list(filter(None, wrong))


async def test_what_is_public_is_forbidden_instead_of_not_found(play: Play) -> None:
    change = "UPDATE plan SET audience = 'PUBLIC'; UPDATE task SET audience = 'PUBLIC'"
    stage = await play.house.stage("public", change)
    wrong = [
        await play.refused(stage, row, column, "N" if row in HIDDEN_ANYWAY else "F")
        for row, write in WRITES.items()
        for column, mark in write.answers.items()
        if mark == "N"
    ]
    assert not list(filter(None, wrong))


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
    wrong = [await play.refused(stage, row, "head", mark) for row, mark in refused.items()]
    assert not list(filter(None, wrong))


async def test_the_last_day_in_office_counts(play: Play) -> None:
    change = HEAD.format(f"starts_on = '{TODAY}', ends_on = '{TODAY}'", play.country.unit_id("hue"))
    stage = await play.house.stage("last_day", change)
    allowed = [row for row, write in WRITES.items() if write.answers["head"] == "+"]
    wrong = [await play.done(stage, row, "head") for row in allowed]
    assert not list(filter(None, wrong))


@pytest.mark.parametrize("bearer", [None, "", "vdept_" + 43 * "x", "e30.e30.e30"])
async def test_nobody_writes_anonymously(play: Play, bearer: str | None) -> None:
    stage = await play.house.stage("refused")
    for row, given in play.inputs.items():
        reply = await stage.ask(bearer, mutation(field_of(row)), {"input": given})
        assert (reply.status, reply.codes, "data" in reply.body) == (401, ["UNAUTHENTICATED"], False)
    assert not await stage.changed()


async def test_who_was_locked_out_does_nothing_with_a_token_of_before(play: Play) -> None:
    stage = await play.house.stage("locked_out", "UPDATE person SET active = false")
    for row in WRITES:
        for column in ("head", "administrator"):
            reply = await play.write(stage, row, column)
            assert (reply.status, reply.codes) == (401, ["UNAUTHENTICATED"])
    assert not await stage.changed()
