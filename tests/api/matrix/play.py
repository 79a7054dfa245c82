"""Callers, and what is wrong with what they were answered."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from api.conftest import Reply
from api.matrix import reading, reads, subjects, table
from api.matrix.country import COLUMNS, UNIT_OF, Country, token_of
from api.matrix.reading import Things
from api.matrix.stage import Stage, Theatre, mutation
from vdept.kernel.scopes import Scope
from vdept_graphql.ids import encode

WRITES = table.writes()
READS = reads.read()
SEEN = {column: reading.seen_by(column) for column in COLUMNS}


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
            subjects.MY_UNREAD: encode("Notification", self.country.unread[caller.column].id),
            subjects.MY_NOTICED: encode("Notification", self.country.noticed[caller.column].id),
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

    async def wrong_by_id(self, caller: Caller, names: Iterable[str], seen: Mapping[str, bool]) -> list[str]:
        """What ``node`` and ``nodes`` answer otherwise than to somebody who sees this."""
        wrong = []
        for some in batched(names, 39):
            ids = [self.things.id(name) for name in some]
            single = " ".join(f'n{i}: node(id: "{one}") {{ id }}' for i, one in enumerate(ids))
            many = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ id }} {single} }}"
            data = (await self.reply(caller, many, ids=ids)).data
            nodes, alone = data.pop("nodes"), list(data.values())
            for name, one, *found in zip(some, ids, nodes, alone, strict=True):
                wanted = {"id": one} if seen[name] else None
                wrong += [f"{name}: {found}"] if found != [wanted, wanted] else []
        return wrong


def field_of(row: str) -> str:
    return row.partition(":")[0]


def codes_of(payload: dict[str, Any]) -> list[str]:
    """Why this was refused, as a whole or for the items of a bulk call."""
    refused = payload["errors"] + [e for item in payload.get("results") or [] for e in item.get("errors", [])]
    return sorted({error["code"] for error in refused})


def given_back(payload: dict[str, Any]) -> dict[str, Any]:
    """What a payload holds beside errors: nothing, for whoever was refused."""
    found = {name: value for name, value in payload.items() if name not in {"errors", "results"}}
    found["results"] = [
        item
        for item in payload.get("results") or []
        if any(value for name, value in item.items() if name not in {"__typename", "errors"})
    ]
    return {name: value for name, value in found.items() if value}


def batched(values: Iterable[str], size: int) -> list[list[str]]:
    every = list(values)
    return [every[i : i + size] for i in range(0, len(every), size)]
