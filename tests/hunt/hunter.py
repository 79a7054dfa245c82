"""Asks the platform and the policy the same questions, world after world, and stops at the first difference.

A check is one question of one viewer, answered by both and compared whole: what is shown too much, and what
is shown too little.
"""

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from unittest.mock import patch

import asyncpg
import sqlalchemy as sa

from factories import NOW, SYSTEM
from hunt.answers import Answers
from hunt.documents import Document, pool
from hunt.figures import Figures
from hunt.making import make
from hunt.policy import Sight, Viewer, exists, viewer_of
from hunt.twins import seen_part
from hunt.walls import WALLS
from hunt.world import SHRINKING, TODAY, World, without, write
from vdept.kernel.actor import Actor, ActorKind, Role, Seat
from vdept.kernel.db import Database
from vdept.kernel.scopes import Scope
from vdept.outcomes.refresh import roll_up
from vdept.people.actors import actor_for
from vdept.people.models import Person
from vdept_graphql.context import Context
from vdept_graphql.schema import engine

POOL = 120
"""Different documents of one hunt; each is asked again and again with other values by other viewers."""

A_WORLD = 120
"""Checks of one world, before the next one is made."""

TWINS = 3
"""Viewers of a world to whom its seen part is shown instead, and what each asks there."""
TWIN_QUESTIONS = 12

WALLED = 6
"""Viewers of a world on whose behalf the guarded tables are read with bare statements."""


SHARES = {"outside": 8, "official": 6, "client": 5, "administrator": 1, "nobody": 2}
"""How often each group of readers asks: above all those who see a part of what there is."""


class Leak(AssertionError):
    """Something was shown that the policy hides, or hidden that it shows."""

    def __init__(self, told: str, found: "Found | None" = None) -> None:
        super().__init__(told)
        self.found = found


class Found(NamedTuple):
    """Where a leak was found: what can be asked again."""

    place: "Place"
    reader: "Reader"
    document: Document
    variables: dict[str, Any]


@dataclass(frozen=True)
class Reader:
    """Somebody who asks: as the platform knows them, and as the policy does."""

    name: str
    actor: Actor
    viewer: Viewer


@dataclass
class Place:
    """A world in a database, who reads it, and its figures."""

    world: World
    seed: str
    readers: list[Reader]
    figures: Figures

    groups: dict[str, list[Reader]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for reader in self.readers:
            self.groups.setdefault(_group(self.world, reader), []).append(reader)

    def answers(self, reader: Reader) -> Answers:
        return Answers(Sight(self.world, reader.viewer), self.figures)


@dataclass
class Hunter:
    """One hunt. ``database`` serves the questions; ``owner`` (asyncpg) writes the worlds."""

    database: Database
    owner: Any
    seed: str
    walled: Database | None = None
    """The same database in the application's role: asked with bare statements, what row security shows."""
    counts: Counter[str] = field(default_factory=Counter)
    documents: list[Document] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.documents = self.documents or pool(self.seed, POOL)
        self.serving = self.database
        self.twin_documents = [each for each in self.documents if not each.walks]
        self.shape = random.Random(self.seed)

    @property
    def done(self) -> int:
        return self.counts.total()

    async def hunt(self, checks: int, say: Callable[[int], None] = lambda _: None) -> None:
        """Make ``checks`` checks; raises :class:`Leak` at the first difference."""
        worlds = 0
        while self.done < checks:
            place = await self.settle(f"{self.seed}/{worlds}")
            worlds += 1
            if self.walled is not None:  # behind one wall, then behind both, which must not hide more
                self.serving = self.walled if worlds % 2 == 0 else self.database
            dice = random.Random(place.seed)
            upto = min(checks, self.done + A_WORLD)
            await self.walls(place, dice)
            while self.done < upto:
                await self.question(place, dice, self.shape.choice(self.documents))
            if self.done < checks:
                await self.twins(place, dice)
            say(self.done)

    async def settle(self, seed: str, world: World | None = None) -> Place:
        """Write a world, roll its figures up, and find out who is who in it."""
        world = world or make(seed)
        await write(self.owner, world)
        async with self.database.begin(SYSTEM, now=NOW) as tx:
            while (await roll_up(tx)).changes:
                pass
        async with self.database.snapshot(SYSTEM, now=NOW) as tx:
            figures = await Figures.read(tx)
        return Place(world, seed, await self.readers(world, seed), figures)

    async def readers(self, world: World, seed: str) -> list[Reader]:
        """Everybody who can ask: people, clients for their units and for people, and nobody."""
        async with self.database.snapshot(SYSTEM, now=NOW) as tx:
            return [*await _people(tx, world), *_clients(world, random.Random(seed)), NOBODY]

    # Questions ----------------------------------------------------------------------------------------------

    async def question(self, place: Place, dice: random.Random, document: Document, only: str = "") -> None:
        """One check: somebody asks something. ``only``: the one condition of its filter."""
        reader = _chosen(place, dice)
        variables = document.draw(dice, place.world, only)
        if document.walks:
            await self._walk(place, reader, document, variables, dice)
        else:
            self.counts["question"] += 1
            got = await self.ask(reader.actor, document, variables)
            self.compare(place, reader, document, variables, got)

    async def ask(self, actor: Actor, document: Document, variables: dict[str, Any]) -> dict[str, Any]:
        context = Context(self.serving, NOW, actor=actor)
        answer = await engine.run(engine.document(document.text), None, variables, context)
        if answer.errors or answer.data is None:
            raise Leak(f"{actor.key}: {document.text} {variables}: {[*map(repr, answer.errors)]}")
        return answer.data

    def compare(
        self, place: Place, reader: Reader, document: Document, variables: dict[str, Any], got: dict[str, Any]
    ) -> None:
        expected = place.answers(reader).run(document.operation, variables)
        if got != expected:
            where = difference(expected, got)
            found = Found(place, reader, document, variables)
            raise Leak(_told(place, reader, document, variables, where), found)

    async def _walk(
        self, place: Place, reader: Reader, document: Document, given: dict[str, Any], dice: random.Random
    ) -> None:
        """Page by page to the end; now and then on from where somebody else stands in the same list."""
        self.counts["walk"] += 1
        forward, size = dice.random() < 0.5, dice.choice([1, 2, 3, 5])
        sizes = {"first": size, "last": None} if forward else {"first": None, "last": size}
        variables = {**given, "after": None, "before": None, **sizes}
        step, stand = ("after", "endCursor") if forward else ("before", "startCursor")
        if dice.random() < 0.3:
            other = await self.ask(dice.choice(place.readers).actor, document, {**variables, **sizes})
            variables[step] = other[document.walks]["pageInfo"][stand]
        for _ in range(40):
            got = await self.ask(reader.actor, document, variables)
            self.compare(place, reader, document, variables, got)
            info = got[document.walks]["pageInfo"]
            if info[stand] is None or not info["hasNextPage" if forward else "hasPreviousPage"]:
                return
            variables = {**variables, step: info[stand]}

    # Twins --------------------------------------------------------------------------------------------------

    async def twins(self, place: Place, dice: random.Random) -> None:
        """For some viewers: what they ask of the world, they are answered alike in the part that they see."""
        chosen = [each for each in place.readers if each.viewer.known and each.viewer.scopes is None]
        chosen = sorted(chosen, key=lambda each: Sight(place.world, each.viewer).official)[:6]
        asked = []
        for reader in dice.sample(chosen, min(TWINS, len(chosen))):
            sight = Sight(place.world, reader.viewer)
            fit = [each for each in self.twin_documents if not (sight.official and each.figures)]
            for document in dice.sample(fit, TWIN_QUESTIONS):
                variables = document.draw(dice, place.world)
                asked.append((reader, document, variables, await self.ask(reader.actor, document, variables)))
        last: Reader | None = None
        for reader, document, variables, whole in asked:
            if reader is not last:
                await self.settle(place.seed, seen_part(Sight(place.world, reader.viewer)))
                last = reader
            self.counts["twin"] += 1
            part = await self.ask(reader.actor, document, variables)
            if part != whole:
                where = f"what is hidden shows: {difference(part, whole)}"
                raise Leak(_told(place, reader, document, variables, where))

    # The least of it ----------------------------------------------------------------------------------------

    async def shrunk(self, leak: Leak, tries: int = 120) -> Leak:
        """The same leak in the smallest world that still has it, as far as ``tries`` go."""
        if leak.found is None:
            return leak
        _, reader, document, variables = leak.found
        smallest, world = leak, leak.found.place.world
        for name in SHRINKING:
            size = len(getattr(world, name))
            while size and tries:
                for start in range(0, len(getattr(world, name)), size):
                    rows = getattr(world, name)
                    less = without(world, name, rows[start : start + size])
                    tries -= 1
                    again = await self._again(leak.found.place.seed, less, reader, document, variables)
                    if again is not None:
                        smallest, world = again, less
                        break
                    if not tries:
                        break
                else:
                    size //= 2
        return Leak(f"{smallest}\nworld {world.told()}")

    async def _again(
        self, seed: str, world: World, reader: Reader, document: Document, variables: dict[str, Any]
    ) -> Leak | None:
        place = await self.settle(seed, world)
        there = next((each for each in place.readers if each.name == reader.name), None)
        if there is None:
            return None
        try:
            got = await self.ask(there.actor, document, variables)
            self.compare(place, there, document, variables, got)
        except Leak as leak:
            return leak
        return None

    # The second wall ----------------------------------------------------------------------------------------

    async def walls(self, place: Place, dice: random.Random, readers: int = WALLED) -> None:
        """What row security shows to bare statements is what ``hunt.walls`` says."""
        if self.walled is None:
            return
        for reader in dice.sample(place.readers, min(readers, len(place.readers))):
            self.counts["wall"] += 1
            sight = Sight(place.world, reader.viewer)
            async with self.walled.snapshot(reader.actor, now=NOW) as tx:
                for table, (rows, column, shows) in WALLS.items():
                    found = await tx.session.scalars(sa.text(f"SELECT {column} FROM {table} ORDER BY 1"))
                    every = getattr(place.world, rows)
                    expected = sorted(getattr(row, column) for row in every if shows(sight, row))
                    got = list(found)
                    if got != expected:
                        told = f"expected {expected}, got {got}"
                        raise Leak(f"\nworld {place.seed}\nreader {reader.name}\nSELECT FROM {table}: {told}")


# Who asks ---------------------------------------------------------------------------------------------------

NOBODY = Reader("nobody", Actor(ActorKind.PERSON), Viewer())


async def _people(tx: Any, world: World) -> list[Reader]:
    """Everybody, as the platform finds out who they are today; and some of them through a client."""
    found = []
    for row in (await tx.session.scalars(sa.select(Person))).all():
        actor = await actor_for(tx.session, row, TODAY)
        found.append(Reader(f"person {row.id}", actor, viewer_of(world, world.get("persons", row.id))))
    return found


def _clients(world: World, dice: random.Random) -> list[Reader]:
    """Clients for their units, and clients for people who let them, each narrowed to some scopes."""
    found = []
    for client in world.clients:
        scopes = frozenset(Scope(each) for each in client.scopes)
        names = frozenset(client.scopes)
        unit = world.get("units", client.unit_id)
        if exists(unit, TODAY):
            seat = Seat(unit.id, Role.COORDINATOR, tuple(unit.path), not unit.beside)
            actor = Actor(ActorKind.CLIENT, client_id=client.id, seats=(seat,), scopes=scopes)
            viewer = Viewer(client_id=client.id, seats=frozenset({(unit.id, "COORDINATOR")}), scopes=names)
            found.append(Reader(f"client {client.id}", actor, viewer))
        person = dice.choice(world.persons)
        viewer = viewer_of(world, person)
        viewer = replace(viewer, client_id=client.id, scopes=names, administrator=False)
        seats = tuple(
            Seat(
                unit_id,
                Role(role),
                tuple(world.get("units", unit_id).path),
                not world.get("units", unit_id).beside,
            )
            for unit_id, role in sorted(viewer.seats)
        )
        actor = Actor(ActorKind.PERSON, person_id=person.id, client_id=client.id, seats=seats, scopes=scopes)
        found.append(Reader(f"client {client.id} for person {person.id}", actor, viewer))
    return found


def _chosen(place: Place, dice: random.Random) -> Reader:
    """Anybody; more often than not somebody who sees little."""
    (group,) = dice.choices(list(place.groups), [SHARES[name] for name in place.groups])
    return dice.choice(place.groups[group])


def _group(world: World, reader: Reader) -> str:
    viewer = reader.viewer
    if viewer.client_id is not None:
        return "client"
    if not viewer.known:
        return "nobody"
    if viewer.administrator:
        return "administrator"
    return "official" if Sight(world, viewer).official else "outside"


# Telling ----------------------------------------------------------------------------------------------------


def difference(expected: Any, got: Any, path: str = "") -> str:
    """The first place where two answers part."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for name in {**expected, **got}:
            if expected.get(name) != got.get(name):
                return difference(expected.get(name), got.get(name), f"{path}.{name}")
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for place, (one, other) in enumerate(zip(expected, got, strict=True)):
            if one != other:
                return difference(one, other, f"{path}[{place}]")
    return f"{path or 'answer'}: expected {_short(expected)}, got {_short(got)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 600 else text[:600] + " …"


def _told(place: Place, reader: Reader, document: Document, variables: dict[str, Any], where: str) -> str:
    units = sorted(reader.viewer.seats)
    return (
        f"\nworld {place.seed}\nreader {reader.name}, roles {units}, scopes {reader.viewer.scopes}"
        f"\n{where}\nquestion {document.text}\nvariables {json.dumps(variables, ensure_ascii=False)}"
    )


@asynccontextmanager
async def hunting(
    url: str, seed: str, *, walls: bool = True, documents: Sequence[Document] = ()
) -> AsyncIterator[Hunter]:
    """A hunt in the database at ``url``, for ``visible_*`` alone.

    Row security is not asked (the tables' owner), nor what the edge refuses a client before anything is read.
    """
    database = Database(url, pool_size=2, role=None)
    walled = Database(url, pool_size=2) if walls else None
    owner = await asyncpg.connect(url)
    try:
        with patch("vdept_graphql.nodes.require_node", lambda *_: None):
            yield Hunter(database, owner, seed, walled, documents=list(documents))
    finally:
        await owner.close()
        await database.close()
        if walled is not None:
            await walled.close()
